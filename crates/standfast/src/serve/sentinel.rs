//! What does `SENTINEL` answer? What only reads is the machine's to tell; what asks for something becomes a request.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;

use resp::Value;
use sentinel::{Reply, Request};
use view::{Epoch, GroupName, RunId};

use super::client::Client;
use super::refusal::{error, lower, not_an_integer, ok, stopping, text, wrong_arity};
use super::{describe, setting};

/// Answers `SENTINEL …`; the number of words is right.
pub(super) async fn answer(client: &Client<'_>, words: &[Vec<u8>]) -> Value {
    let name = lower(&words[0]);
    let name = in_redis(&name);
    match (name, &words[1..]) {
        ("is-master-down-by-addr", [ip, port, epoch, candidate]) => {
            match question(client, ip, port, epoch, candidate).await {
                Ok(request) => ask(client, request).await,
                Err(reply) => reply,
            }
        }
        ("failover", [group, option @ ..]) => failover(client, group, option).await,
        ("reset", [pattern]) => ask(client, Request::Reset { pattern: text(pattern) }).await,
        ("flushconfig", _) => ask(client, Request::Configure { announce: None, reconnect: false }).await,
        ("info-cache", groups) => info_cache(client, groups).await,
        ("help", _) => describe::help("sentinel"),
        ("simulate-failure", flags) => simulate_failure(client, flags).await,
        ("monitor" | "remove" | "set" | "config" | "debug" | "pending-scripts", rest) => {
            setting::answer(client, name, rest).await
        }
        (_, rest) => named(client, query(client, name, rest).await),
    }
}

/// The name of a subcommand in Redis, for one of Valkey. Answered, and listed nowhere: programs count what is listed.
pub(super) fn in_redis(subcommand: &str) -> &str {
    match subcommand {
        "primaries" => "masters",
        "primary" => "master",
        "get-primary-addr-by-name" => "get-master-addr-by-name",
        "is-primary-down-by-addr" => "is-master-down-by-addr",
        other => other,
    }
}

/// Whether Valkey's form of a command has so many words, where Redis 7.0 knows a shorter one only.
pub(super) fn takes(name: &str, words: usize) -> bool {
    name == "sentinel|failover" && words == 4
}

/// The same with names in place of addresses, where clients are told names.
fn named(client: &Client<'_>, value: Value) -> Value {
    let told = |value: Value| {
        let name = value.as_str().and_then(|text| client.guest.port.rules.names.name_of(text.parse().ok()?));
        name.map_or(value, Value::bulk)
    };
    match value {
        Value::Map(fields) => Value::Map(
            fields
                .into_iter()
                .map(|(name, value)| match name.as_str() {
                    Some("ip" | "master-host") => (name, told(value)),
                    _ => (name, value),
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(
            items
                .into_iter()
                .map(|item| if let Value::Map(_) = item { named(client, item) } else { told(item) })
                .collect(),
        ),
        other => other,
    }
}

/// Brings a request to the machine.
pub(super) async fn ask(client: &Client<'_>, request: Request) -> Value {
    client.guest.port.node.ask(request).await.map_or_else(stopping, |reply| to_value(&reply))
}

async fn query(client: &Client<'_>, name: &str, words: &[Vec<u8>]) -> Value {
    let owned: Vec<Vec<u8>> = [vec![name.as_bytes().to_vec()], words.to_vec()].concat();
    let answer = client.guest.port.node.look(move |machine, now| {
        let words: Vec<&[u8]> = owned.iter().map(Vec::as_slice).collect();
        machine.query(now, &words)
    });
    match answer.await {
        Some(Some(value)) => value,
        Some(None) => wrong_arity(&format!("sentinel|{name}")),
        None => stopping(),
    }
}

/// The machine's question, or the reply that needs no machine: an address that is none of ours is not down.
async fn question(
    client: &Client<'_>,
    ip: &[u8],
    port: &[u8],
    epoch: &[u8],
    candidate: &[u8],
) -> Result<Request, Value> {
    let port: i64 = text(port).parse().map_err(|_| not_an_integer())?;
    let epoch: i64 = text(epoch).parse().map_err(|_| not_an_integer())?;
    let not_mine = || to_value(&Reply::Vote { down: false, leader: None, epoch: Epoch(0) });
    let port = u16::try_from(port).map_err(|_| not_mine())?;
    let epoch = u64::try_from(epoch).map_err(|_| not_an_integer())?;
    let ip: IpAddr = match text(ip).parse() {
        Ok(ip) => ip,
        Err(_) => setting::resolve(client, &text(ip)).ok_or_else(not_mine)?,
    };
    let candidate = match candidate {
        b"*" => None,
        // What is no id is nobody's: only the opinion is told.
        id => text(id).parse::<RunId>().ok(),
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

/// Valkey 9's `COORDINATED` asks for what an order does here anyway: writes are held until the new master has them all. Valkey too replies
/// as soon as it has begun, and tells the end by `+switch-master`.
async fn failover(client: &Client<'_>, group: &[u8], option: &[Vec<u8>]) -> Value {
    let group = text(group);
    if !is_watched(client, &group).await {
        return error(NO_SUCH_MASTER);
    }
    if option.iter().any(|option| !option.eq_ignore_ascii_case(b"coordinated")) {
        return error("ERR Unknown failover option specified");
    }
    ask(client, Request::Failover { group: GroupName::from(group.as_str()) }).await
}

pub(super) async fn is_watched(client: &Client<'_>, group: &str) -> bool {
    let name = group.to_owned();
    let found = client.guest.port.node.look(move |machine, _| machine.names().any(|known| known.as_str() == name));
    found.await.unwrap_or_default()
}

/// For each group its name and what its servers last said of themselves, the master first.
async fn info_cache(client: &Client<'_>, groups: &[Vec<u8>]) -> Value {
    let mut told = Vec::new();
    for group in groups {
        let group_only = std::slice::from_ref(group);
        let master = query(client, "get-master-addr-by-name", group_only).await;
        let Some([ip, port]) = master.as_array() else { continue };
        let mut servers = vec![address(ip, port)];
        if let Value::Array(replicas) = query(client, "replicas", group_only).await {
            servers.extend(replicas.iter().map(|replica| address(replica.field("ip")?, replica.field("port")?)));
        }
        let now = host::clock::now();
        let texts = servers.into_iter().map(|server| {
            let last = server.and_then(|server| client.guest.port.rules.info.last(server));
            let (age, text) = last.map_or((0, Value::Null), |(at, text)| {
                (i64::try_from(now.since(at).as_millis()).unwrap_or(i64::MAX), Value::bulk(text))
            });
            Value::Array(vec![Value::Int(age), text])
        });
        told.extend([Value::bulk(group), Value::Array(texts.collect())]);
    }
    Value::Array(told)
}

fn address(ip: &Value, port: &Value) -> Option<SocketAddr> {
    Some(SocketAddr::new(ip.as_str()?.parse().ok()?, port.as_str()?.parse().ok()?))
}

async fn simulate_failure(client: &Client<'_>, flags: &[Vec<u8>]) -> Value {
    let (mut after_election, mut after_promotion) = (false, false);
    for flag in flags {
        match lower(flag).as_str() {
            "crash-after-election" => after_election = true,
            "crash-after-promotion" => after_promotion = true,
            "help" => {
                return Value::Array(vec![Value::bulk("crash-after-election"), Value::bulk("crash-after-promotion")]);
            }
            _ => return error("ERR Unknown failure simulation specified"),
        }
    }
    if let Some(refusal) = setting::refused_by_file(client, "SENTINEL SIMULATE-FAILURE") {
        return refusal;
    }
    let bits = u64::from(after_election) | u64::from(after_promotion) << 1;
    client.guest.port.failures.store(bits, Ordering::Relaxed);
    ask(client, Request::SimulateFailure { after_election, after_promotion }).await
}

pub(super) const NO_SUCH_MASTER: &str = "ERR No such master with that name";

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;

    #[test]
    fn valkeys_names_are_answered_and_not_listed() {
        for name in ["primaries", "primary", "get-primary-addr-by-name", "is-primary-down-by-addr"] {
            assert!(table::find(&format!("sentinel|{}", in_redis(name))).is_some(), "{name}");
            assert!(table::find(&format!("sentinel|{name}")).is_none(), "{name}");
        }
        assert_eq!(in_redis("masters"), "masters");
    }
}
