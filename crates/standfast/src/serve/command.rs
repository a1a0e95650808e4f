//! Which command is answered by whom, and who is refused? First whether there is such a command, then who asks, then what for: in the
//! order of Redis, because which of several faults is told can be seen.

use std::sync::atomic::Ordering;

use resp::{Protocol, Value};
use sentinel::Request;
use sentinel::command::HELLO_CHANNEL;

use super::acl::Denied;
use super::acl::log::Entry;
use super::client::{Answers, Client};
use super::refusal::{error, lower, ok, stopping, syntax, text, unknown, unknown_subcommand, wrong_arity};
use super::subscription::{Subscription, To};
use super::table::{self, COMMANDS, F};
use super::{acl, connection, describe, info, login, rules, sentinel as sentinel_room};
use crate::clients::COMMAND;

/// Why there is no such request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// No such command.
    Name,
    /// The container has no such subcommand.
    Subcommand(&'static str),
    /// The command has not so many words; the name to tell.
    Arity(String),
}

/// The command that these words ask for.
pub(super) fn find(words: &[Vec<u8>]) -> Result<usize, Wrong> {
    // A container's subcommand is the second word, never written with a bar.
    let name = lower(&words[0]);
    let mut command = table::find(&name).filter(|_| !name.contains('|')).ok_or(Wrong::Name)?;
    if let Some(subcommand) = words.get(1)
        && table::subcommands(&name).next().is_some()
    {
        let wrong = Wrong::Subcommand(COMMANDS[command].name);
        let subcommand = lower(subcommand);
        let subcommand = if name == "sentinel" { sentinel_room::in_redis(&subcommand) } else { &subcommand };
        command = table::find(&format!("{name}|{subcommand}")).ok_or(wrong)?;
    }
    let spec = &COMMANDS[command];
    let fits = spec.fits(words.len()) || sentinel_room::takes(spec.name, words.len());
    if fits { Ok(command) } else { Err(Wrong::Arity(spec.name.to_owned())) }
}

/// Answers one request.
pub(super) async fn answer(client: &mut Client<'_>, words: &[Vec<u8>]) {
    client.guest.port.counters.commands.fetch_add(1, Ordering::Relaxed);
    client.answers = match client.answers {
        Answers::SkipNext => Answers::SkipThis,
        Answers::SkipThis => Answers::All,
        other => other,
    };
    if let Some(reply) = kindness(client, words) {
        return client.reply(&reply);
    }
    if let Some(reply) = partner(client, words) {
        return client.reply(&reply);
    }
    let command = match find(words) {
        Ok(command) => command,
        Err(Wrong::Name) if is_http(&words[0]) => {
            // A browser that was made to talk to this port by a page must not have the rest of its request taken for commands.
            tracing::warn!("somebody spoke HTTP to the Sentinel port; closed");
            client.quits = true;
            return;
        }
        Err(Wrong::Name) => return client.reply(&unknown(words)),
        Err(Wrong::Subcommand(container)) => return client.reply(&unknown_subcommand(container, &words[1])),
        Err(Wrong::Arity(name)) => return client.reply(&wrong_arity(&name)),
    };
    client.guest.known(|known| {
        known.last = host::clock::now();
        known.command = COMMANDS[command].name;
    });
    if let Err(refusal) = admit(client, command, words) {
        return client.reply(&refusal);
    }
    pause(client, command).await;
    if let Some(reply) = run(client, COMMANDS[command].name, words).await {
        client.reply(&reply);
    }
    let (channels, patterns) = client.subscription.len();
    let (protocol, output) = (client.protocol, client.out.len());
    client.guest.known(|known| {
        (known.channels, known.patterns, known.protocol, known.output) = (channels, patterns, protocol, output);
    });
}

/// What other nodes tell of their clients, and no Sentinel knows. Whoever may ask for votes may tell it; it is in no list of commands.
fn partner(client: &Client<'_>, words: &[Vec<u8>]) -> Option<Value> {
    let clients = &client.guest.port.rules.clients;
    if !words[0].eq_ignore_ascii_case(COMMAND.as_bytes()) || !clients.are_watched() {
        return None;
    }
    let as_good_as = table::find("sentinel|is-master-down-by-addr")?;
    match admit(client, as_good_as, words) {
        Ok(()) => {
            let from = login::is_anybody(client).then(|| client.guest.known(|known| known.addr.clone()));
            clients.answer(words, from.as_deref())
        }
        Err(refusal) => Some(refusal),
    }
}

/// What Sentinel 7.0 does not know, and libraries send all the same: an error would only frighten them.
fn kindness(client: &mut Client<'_>, words: &[Vec<u8>]) -> Option<Value> {
    let second = words.get(1).map(|word| lower(word)).unwrap_or_default();
    match (lower(&words[0]).as_str(), second.as_str(), words.len()) {
        ("quit", ..) => {
            client.quits = true;
            Some(ok())
        }
        ("select", "0", 2) | ("client", "setinfo", 4) => Some(ok()),
        ("reset", _, 1) => {
            client.subscription = Subscription::default();
            client.protocol = Protocol::Resp2;
            client.answers = Answers::All;
            login::forget(client);
            Some(Value::Simple(b"RESET".to_vec()))
        }
        _ => None,
    }
}

/// HTTP's first words and its `Host:` line.
fn is_http(word: &[u8]) -> bool {
    [&b"post"[..], b"host:"].iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Whether this client may ask this: logged in, allowed, not busy listening.
fn admit(client: &Client<'_>, command: usize, words: &[Vec<u8>]) -> Result<(), Value> {
    let spec = &COMMANDS[command];
    let port = &client.guest.port;
    let (user, authenticated) = client.guest.known(|known| (known.user.clone(), known.authenticated));
    if !authenticated && !spec.has(F::NO_AUTH) {
        return Err(error("NOAUTH Authentication required."));
    }
    let may = match port.users().get(&user) {
        Some(user) => user.may(command, words),
        // Deleted a moment ago: the bell rings already.
        None => Err(Denied::Command),
    };
    if let Err(denied) = may {
        let (reason, object, told) = match denied {
            Denied::Command => {
                let told = format!("NOPERM this user has no permissions to run the '{}' command", spec.name);
                ("command", spec.name.as_bytes().to_vec(), told)
            }
            Denied::Channel(name) => {
                let told = "NOPERM this user has no permissions to access one of the channels used as arguments";
                ("channel", name, told.to_owned())
            }
        };
        note(client, reason, object, user);
        return Err(error(&told));
    }
    let container = spec.container().unwrap_or(spec.name);
    let listening = client.protocol == Protocol::Resp2 && !client.subscription.is_empty();
    if listening && !WHILE_LISTENING.contains(&container) {
        let name = spec.name;
        return Err(error(&format!(
            "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
        )));
    }
    Ok(())
}

/// Writes a refusal into `ACL LOG`.
pub(super) fn note(client: &Client<'_>, reason: &'static str, object: Vec<u8>, user: String) {
    let port = &client.guest.port;
    let at = host::clock::now();
    let line = client.guest.known(|known| known.line(client.guest.id, at));
    port.acl_log().add(Entry { reason, object, user, client: line, at, count: 1 }, port.rules.acl_log);
}

/// Waits for the end of a `CLIENT PAUSE`. Its own end is always taken: otherwise nobody could end a long one.
async fn pause(client: &Client<'_>, command: usize) {
    let port = &client.guest.port;
    loop {
        let resumed = port.resumed.notified();
        let paused = *super::lock(&port.paused);
        let now = host::clock::now();
        let until = match paused {
            Some((until, all)) if until > now && (all || COMMANDS[command].name == "publish") => until,
            _ => return,
        };
        if COMMANDS[command].name == "client|unpause" {
            return;
        }
        tokio::select! {
            () = resumed => {}
            () = tokio::time::sleep(until.since(now)) => {}
        }
    }
}

/// Runs a command that is admitted. `None`: it wrote its replies itself.
async fn run(client: &mut Client<'_>, name: &'static str, words: &[Vec<u8>]) -> Option<Value> {
    let rest = &words[1..];
    Some(match name.split_once('|').map_or(name, |(container, _)| container) {
        "ping" => ping(client, rest),
        "hello" => login::hello(client, words),
        "auth" => login::auth(client, words),
        "acl" => acl::answer(client, rest),
        "client" => return connection::answer(client, rest),
        "command" => describe::answer(rest),
        "info" => Value::bulk(info::text(client, rest).await),
        "role" => role(client).await,
        "sentinel" => sentinel_room::answer(client, rest).await,
        "publish" => publish(client, &rest[0], &rest[1]).await,
        "shutdown" => return shutdown(client, rest),
        "subscribe" => return subscribe(client, To::Channels, rest),
        "psubscribe" => return subscribe(client, To::Patterns, rest),
        "unsubscribe" => return unsubscribe(client, To::Channels, rest),
        "punsubscribe" => return unsubscribe(client, To::Patterns, rest),
        _ => unknown(words),
    })
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

async fn role(client: &Client<'_>) -> Value {
    let names =
        client.guest.port.node.look(|machine, _| machine.names().map(|n| Value::bulk(n.as_str())).collect()).await;
    names.map_or_else(stopping, |names| Value::Array(vec![Value::bulk("sentinel"), Value::Array(names)]))
}

async fn publish(client: &Client<'_>, channel: &[u8], message: &[u8]) -> Value {
    if channel != HELLO_CHANNEL.as_bytes() {
        return error("ERR Only HELLO messages are accepted by Sentinel instances.");
    }
    let request = Request::Hello { text: text(message) };
    client.guest.port.node.ask(request).await.map_or_else(stopping, |_| Value::Int(1))
}

/// Ends the process, and answers nothing but a refusal: the end of the connection is the answer.
fn shutdown(client: &mut Client<'_>, options: &[Vec<u8>]) -> Option<Value> {
    let options: Vec<String> = options.iter().map(|option| lower(option)).collect();
    let has = |name: &str| options.iter().any(|option| option == name);
    let known = options.iter().all(|o| matches!(o.as_str(), "nosave" | "save" | "now" | "force" | "abort"));
    if !known || (has("save") && has("nosave")) || (has("abort") && options.len() > 1) {
        return Some(syntax());
    }
    if has("abort") {
        return Some(error("ERR No shutdown in progress."));
    }
    if let rules::Owner::File(_) = client.guest.port.rules.owner {
        // This node is a proxy too: who may reach this port may not for that reason cut off its clients.
        return Some(error("ERR this node is not stopped from here: use its service manager, or send it SIGTERM"));
    }
    tracing::warn!(client = client.guest.known(|known| known.addr.clone()), "SHUTDOWN was asked for");
    client.guest.port.stop.notify_one();
    client.quits = true;
    None
}

fn subscribe(client: &mut Client<'_>, to: To, names: &[Vec<u8>]) -> Option<Value> {
    for name in names {
        match client.subscription.add(to, name) {
            Ok(confirmation) => client.push(confirmation),
            Err(refusal) => client.reply(&refusal),
        }
    }
    None
}

fn unsubscribe(client: &mut Client<'_>, to: To, names: &[Vec<u8>]) -> Option<Value> {
    for confirmation in client.subscription.remove(to, names) {
        client.push(confirmation);
    }
    None
}

const WHILE_LISTENING: [&str; 5] = ["subscribe", "psubscribe", "unsubscribe", "punsubscribe", "ping"];
