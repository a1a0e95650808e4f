//! How an order is written for Redis: the only place, with `answer`, that knows the words on the wire.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::answer::Role;
use crate::event::Ask;

/// The channel on which nodes say hello.
pub const HELLO_CHANNEL: &str = "__sentinel__:hello";

/// Where nobody listens: what a sealed replica "follows" (DESIGN.md, "Sentinel").
pub const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// A replica's role, as `INFO` and `ROLE` name it.
pub(crate) const REPLICA_ROLE: &str = "slave";

/// The field of `INFO` that says how far a replica has come.
pub(crate) const REPLICA_OFFSET: &str = "slave_repl_offset";

/// The field of `INFO` that says how much a replica wants to be promoted.
pub(crate) const REPLICA_PRIORITY: &str = "slave_priority";

/// The same, in an answer of ours to `SENTINEL REPLICAS`.
pub(crate) const FIELD_OFFSET: &str = "slave-repl-offset";

/// The same, in an answer of ours to `SENTINEL REPLICAS`.
pub(crate) const FIELD_PRIORITY: &str = "slave-priority";

/// Credentials for one kind of target, and how it calls its commands. Never enters the machine.
#[derive(Clone, Default)]
pub struct Credentials {
    /// ACL user; empty: the default user.
    pub username: String,
    /// Password; empty: no `AUTH` is sent at all.
    pub password: String,
    /// What renamed commands are called, by their real names in capitals (`rename-command` of the server).
    pub renamed: BTreeMap<String, String>,
}

/// Writes `ask` as a RESP command. `false`: nothing needs to be sent, the answer is [`crate::Answer::Ok`] at once
/// (an `AUTH` without a password). `local`: our end of the connection, for a hello of a node that was not told where others
/// reach it.
#[must_use]
pub fn write(out: &mut Vec<u8>, ask: &Ask, credentials: &Credentials, local: IpAddr) -> bool {
    let mut put = |words: &[&str]| put(out, words, credentials);
    match ask {
        Ask::Auth => {
            let Credentials { username, password, .. } = credentials;
            match (username.as_str(), password.as_str()) {
                (_, "") => return false,
                ("", password) => put(&["AUTH", password]),
                (username, password) => put(&["AUTH", username, password]),
            }
        }
        Ask::Name { name } => put(&["CLIENT", "SETNAME", name]),
        Ask::Ping => put(&["PING"]),
        Ask::Info => put(&["INFO"]),
        Ask::Role => put(&["ROLE"]),
        Ask::Subscribe => put(&["SUBSCRIBE", HELLO_CHANNEL]),
        Ask::Hello { text } => match text.split_once(',') {
            Some((from, rest)) if from.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified()) => {
                put(&["PUBLISH", HELLO_CHANNEL, &alloc::format!("{local},{rest}")]);
            }
            _ => put(&["PUBLISH", HELLO_CHANNEL, text]),
        },
        Ask::IsMasterDown { master, epoch, candidate } => put(&[
            "SENTINEL",
            "IS-MASTER-DOWN-BY-ADDR",
            &master.ip().to_string(),
            &master.port().to_string(),
            &epoch.to_string(),
            candidate.as_ref().map_or("*", |id| id.as_str()),
        ]),
        Ask::WhoIsMaster { group } => put(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", group.as_str()]),
        // SLAVEOF, not REPLICAOF: it is what operators' ACL rules for Sentinels allow.
        Ask::Seal { .. } => put(&["SLAVEOF", &NOWHERE.ip().to_string(), &NOWHERE.port().to_string()]),
        Ask::Promote => put(&["SLAVEOF", "NO", "ONE"]),
        Ask::Replicate { master } => put(&["SLAVEOF", &master.ip().to_string(), &master.port().to_string()]),
        Ask::Rewrite => put(&["CONFIG", "REWRITE"]),
        Ask::Pause { limit, .. } => put(&["CLIENT", "PAUSE", &limit.as_millis().to_string(), "WRITE"]),
        Ask::Unpause => put(&["CLIENT", "UNPAUSE"]),
        Ask::KillScript => put(&["SCRIPT", "KILL"]),
        Ask::KickClients => put(&["CLIENT", "KILL", "TYPE", "normal"]),
        Ask::Replication => put(&["INFO", "replication"]),
        Ask::Line { text } => {
            out.extend_from_slice(text.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        Ask::Quit => put(&["QUIT"]),
        Ask::Master { group } => put(&["SENTINEL", "MASTER", group.as_str()]),
        Ask::Replicas { group } => put(&["SENTINEL", "REPLICAS", group.as_str()]),
        Ask::Sentinels { group } => put(&["SENTINEL", "SENTINELS", group.as_str()]),
        Ask::Events => put(&["PSUBSCRIBE", "*"]),
    }
    true
}

/// Writes the order to follow the master at a host that the server is told by name.
pub fn write_replicate(out: &mut Vec<u8>, host: &str, port: u16, credentials: &Credentials) {
    let name = credentials.renamed.get("SLAVEOF").map_or("SLAVEOF", String::as_str);
    resp::write::command(out, &[name, host, &port.to_string()]);
}

/// What is said in failovers and switchovers alone, and the rule of an ACL that allows it: who lacks one of these finds it out in the worst
/// moment. Redis looks at rights first, and then refuses each of these for its last word: nothing is changed.
pub const RIGHTS: [(&[&str], &str); 3] = [
    (&["SLAVEOF", "nowhere.invalid", "-"], "+slaveof"),
    (&["CLIENT", "PAUSE", "-"], "+client|pause"),
    (&["CLIENT", "KILL", "TYPE", "-"], "+client|kill"),
];

/// Writes the questions of [`RIGHTS`], in their order.
pub fn write_rights(out: &mut Vec<u8>, credentials: &Credentials) {
    for (words, _) in RIGHTS {
        put(out, words, credentials);
    }
}

/// Writes a command under the name that it has there.
fn put(out: &mut Vec<u8>, words: &[&str], credentials: &Credentials) {
    match credentials.renamed.get(words[0]) {
        Some(name) => {
            let renamed: Vec<&str> = [name.as_str()].into_iter().chain(words[1..].iter().copied()).collect();
            resp::write::command(out, &renamed);
        }
        None => resp::write::command(out, words),
    }
}

/// A role as Sentinel's texts and `ROLE` name it.
#[must_use]
pub const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Master => "master",
        Role::Replica => REPLICA_ROLE,
    }
}
