//! Which command is answered by whom, and how is a wrong one refused? In Redis's words, because clients and their operators know them.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;

use resp::{Protocol, Value};
use sentinel::command::HELLO_CHANNEL;
use sentinel::{Reply, Request};
use view::{Epoch, GroupName, RunId};

use super::client::Client;
use super::info;
use super::subscription::To;

/// Answers one request.
pub(super) async fn answer(client: &mut Client<'_>, arguments: &[Vec<u8>]) {
    client.guest.port.commands.fetch_add(1, Ordering::Relaxed);
    let name = lower(&arguments[0]);
    if client.protocol == Protocol::Resp2
        && !client.subscription.is_empty()
        && !ALLOWED_WHILE_SUBSCRIBED.contains(&name.as_str())
    {
        let text = format!(
            "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
        );
        return client.reply(&error(&text));
    }
    let rest = &arguments[1..];
    let reply = match (name.as_str(), rest) {
        ("ping", _) => ping(client, rest),
        ("hello", _) => hello(client, rest),
        // Whoever sends a password to a Sentinel without one is let in: refusing would only break a careful client.
        ("auth", [_] | [_, _]) => ok(),
        ("client", [subcommand, rest @ ..]) => self::client(client, subcommand, rest),
        ("command", [subcommand, ..]) if lower(subcommand) == "count" => Value::Int(0),
        ("command", _) => Value::Array(Vec::new()),
        ("info", sections) => Value::bulk(info::text(client, sections).await),
        ("role", []) => role(client).await,
        ("select", [db]) if db == b"0" => ok(),
        ("sentinel", [_, ..]) => sentinel(client, rest).await,
        ("publish", [channel, text]) => publish(client, channel, text).await,
        ("subscribe", [_, ..]) => return subscribe(client, To::Channels, rest),
        ("psubscribe", [_, ..]) => return subscribe(client, To::Patterns, rest),
        ("unsubscribe", names) => return unsubscribe(client, To::Channels, names),
        ("punsubscribe", names) => return unsubscribe(client, To::Patterns, names),
        ("reset", []) => {
            client.subscription = super::subscription::Subscription::default();
            client.protocol = Protocol::Resp2;
            Value::Simple(b"RESET".to_vec())
        }
        ("quit", _) => {
            client.quits = true;
            ok()
        }
        (known, _) if KNOWN.contains(&known) => wrong_arity(known),
        _ => unknown(arguments),
    };
    client.reply(&reply);
}

fn ping(client: &Client<'_>, rest: &[Vec<u8>]) -> Value {
    let subscribed = client.protocol == Protocol::Resp2 && !client.subscription.is_empty();
    match rest {
        [] if subscribed => Value::Array(vec![Value::bulk("pong"), Value::bulk("")]),
        [text] if subscribed => Value::Array(vec![Value::bulk("pong"), Value::bulk(text)]),
        [] => Value::Simple(b"PONG".to_vec()),
        [text] => Value::bulk(text),
        _ => wrong_arity("ping"),
    }
}

/// `HELLO [2|3 [AUTH user password] [SETNAME name]]`.
fn hello(client: &mut Client<'_>, rest: &[Vec<u8>]) -> Value {
    let mut rest = rest;
    if let [version, more @ ..] = rest {
        client.protocol = match version.as_slice() {
            b"2" => Protocol::Resp2,
            b"3" => Protocol::Resp3,
            other if other.iter().all(u8::is_ascii_digit) => return error("NOPROTO unsupported protocol version"),
            _ => return error("ERR Protocol version is not an integer or out of range"),
        };
        rest = more;
    }
    while let [option, more @ ..] = rest {
        rest = match (lower(option).as_str(), more) {
            ("auth", [_, _, more @ ..]) => more,
            ("setname", [name, more @ ..]) => {
                set_name(client, name);
                more
            }
            (option, _) => return error(&format!("ERR Syntax error in HELLO option '{option}'")),
        };
    }
    let text = |value: &str| Value::bulk(value);
    let protocol = if client.protocol == Protocol::Resp3 { 3 } else { 2 };
    Value::Map(vec![
        (text("server"), text("redis")),
        (text("version"), text(info::SPEAKS)),
        (text("proto"), Value::Int(protocol)),
        (text("id"), id(client)),
        (text("mode"), text("sentinel")),
        (text("modules"), Value::Array(Vec::new())),
    ])
}

fn client(client: &Client<'_>, subcommand: &[u8], rest: &[Vec<u8>]) -> Value {
    match (lower(subcommand).as_str(), rest) {
        ("setname", [name]) => {
            set_name(client, name);
            ok()
        }
        ("getname", []) => {
            let clients = client.guest.port.clients();
            let name = clients.get(&client.guest.id).map_or("", |known| known.name.as_str());
            if name.is_empty() { Value::Null } else { Value::bulk(name) }
        }
        ("id", []) => id(client),
        ("setinfo", [_, _]) => ok(),
        ("list", _) => Value::bulk(list(client)),
        ("setname" | "getname" | "id" | "setinfo", _) => wrong_arity(&format!("client|{}", lower(subcommand))),
        (other, _) => error(&format!("ERR unknown subcommand '{other}'. Try CLIENT HELP.")),
    }
}

fn list(client: &Client<'_>) -> String {
    let now = host::clock::now();
    let mut text = String::new();
    for (id, known) in &*client.guest.port.clients() {
        let age = now.since(known.since).as_secs();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "id={id} addr={} name={} age={age} db=0", known.addr, known.name);
    }
    text
}

fn set_name(client: &Client<'_>, name: &[u8]) {
    if let Some(known) = client.guest.port.clients().get_mut(&client.guest.id) {
        known.name = String::from_utf8_lossy(name).chars().filter(|c| c.is_ascii_graphic()).take(MAX_NAME).collect();
    }
}

fn id(client: &Client<'_>) -> Value {
    Value::Int(i64::try_from(client.guest.id).unwrap_or(i64::MAX))
}

async fn role(client: &Client<'_>) -> Value {
    let names =
        client.guest.port.node.look(|machine, _| machine.names().map(|n| Value::bulk(n.as_str())).collect()).await;
    names.map_or_else(stopping, |names| Value::Array(vec![Value::bulk("sentinel"), Value::Array(names)]))
}

/// `SENTINEL …`: what only reads is the machine's to answer; what asks for something becomes a request.
async fn sentinel(client: &Client<'_>, arguments: &[Vec<u8>]) -> Value {
    let request = match (lower(&arguments[0]).as_str(), &arguments[1..]) {
        ("is-master-down-by-addr", [ip, port, epoch, candidate]) => match question(ip, port, epoch, candidate) {
            Ok(request) => request,
            Err(refusal) => return refusal,
        },
        ("failover", [group]) => Request::Failover { group: GroupName::from(text(group).as_str()) },
        (name @ ("is-master-down-by-addr" | "failover"), _) => return wrong_arity(&format!("sentinel|{name}")),
        _ => return query(client, arguments).await,
    };
    client.guest.port.node.ask(request).await.map_or_else(stopping, |reply| to_value(&reply))
}

async fn query(client: &Client<'_>, arguments: &[Vec<u8>]) -> Value {
    let owned = arguments.to_vec();
    let answer = client.guest.port.node.look(move |machine, now| {
        let arguments: Vec<&[u8]> = owned.iter().map(Vec::as_slice).collect();
        machine.query(now, &arguments)
    });
    match answer.await {
        Some(Some(value)) => value,
        Some(None) => error(&format!("ERR unknown subcommand '{}'. Try SENTINEL HELP.", text(&arguments[0]))),
        None => stopping(),
    }
}

fn question(ip: &[u8], port: &[u8], epoch: &[u8], candidate: &[u8]) -> Result<Request, Value> {
    let not_a_number = || error("ERR value is not an integer or out of range");
    let port: u16 = text(port).parse().map_err(|_| not_a_number())?;
    let epoch: u64 = text(epoch).parse().map_err(|_| not_a_number())?;
    let ip: IpAddr = text(ip).parse().map_err(|_| error("ERR Invalid IP address"))?;
    let candidate = match candidate {
        b"*" => None,
        id => Some(text(id).parse::<RunId>().map_err(|_| error("ERR Invalid runid"))?),
    };
    Ok(Request::IsMasterDown { master: SocketAddr::new(ip, port), epoch: Epoch(epoch), candidate })
}

fn to_value(reply: &Reply) -> Value {
    match reply {
        Reply::Vote { down, leader, epoch } => Value::Array(vec![
            Value::Int(i64::from(*down)),
            Value::bulk(leader.as_ref().map_or("*", RunId::as_str)),
            Value::Int(i64::try_from(epoch.0).unwrap_or(i64::MAX)),
        ]),
        Reply::Ok | Reply::Switched { .. } => ok(),
        Reply::Count { n } => Value::Int(i64::from(*n)),
        Reply::Refused { code, why } => error(&format!("{code} {why}")),
    }
}

async fn publish(client: &Client<'_>, channel: &[u8], message: &[u8]) -> Value {
    if channel != HELLO_CHANNEL.as_bytes() {
        return error("ERR Only HELLO messages are accepted by Sentinel instances.");
    }
    let request = Request::Hello { text: text(message) };
    client.guest.port.node.ask(request).await.map_or_else(stopping, |_| Value::Int(1))
}

fn subscribe(client: &mut Client<'_>, to: To, names: &[Vec<u8>]) {
    for name in names {
        match client.subscription.add(to, name) {
            Ok(confirmation) => client.push(confirmation),
            Err(refusal) => client.reply(&refusal),
        }
    }
}

fn unsubscribe(client: &mut Client<'_>, to: To, names: &[Vec<u8>]) {
    for confirmation in client.subscription.remove(to, names) {
        client.push(confirmation);
    }
}

fn ok() -> Value {
    Value::Simple(b"OK".to_vec())
}

fn error(text: &str) -> Value {
    Value::Error(text.as_bytes().to_vec())
}

fn stopping() -> Value {
    error("ERR the node is stopping")
}

fn wrong_arity(name: &str) -> Value {
    error(&format!("ERR wrong number of arguments for '{name}' command"))
}

fn unknown(arguments: &[Vec<u8>]) -> Value {
    let mut line = format!("ERR unknown command '{}', with args beginning with: ", cut(&arguments[0]));
    for argument in &arguments[1..] {
        if line.len() >= MAX_NAME {
            break;
        }
        let _ = write!(line, "'{}' ", cut(argument));
    }
    error(&line)
}

fn cut(argument: &[u8]) -> String {
    text(&argument[..argument.len().min(MAX_NAME)])
}

fn lower(name: &[u8]) -> String {
    text(name).to_ascii_lowercase()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Characters of a client's name, and of what an error repeats: as in Redis.
const MAX_NAME: usize = 128;

const ALLOWED_WHILE_SUBSCRIBED: [&str; 7] =
    ["subscribe", "psubscribe", "unsubscribe", "punsubscribe", "ping", "quit", "reset"];

/// Commands that exist here, so that a wrong number of arguments is told apart from a wrong name.
const KNOWN: [&str; 9] =
    ["auth", "client", "role", "select", "sentinel", "publish", "subscribe", "psubscribe", "reset"];
