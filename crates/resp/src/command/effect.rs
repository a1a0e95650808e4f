//! What may a command change, and so: may it be sent a second time when its answer is lost?
//!
//! Derived from the server's flags where these say it. `write` is [`Write`](Effect::Write) (`GETEX`
//! and `SORT` too, which write only with some options), `readonly` is [`Read`](Effect::Read) (`SCAN`,
//! `RANDOMKEY`, `EVAL_RO` and `FCALL_RO` too; `PFCOUNT` stores what it computed, to no one's harm).
//! A subcommand `HELP` changes nothing. What remains has neither flag, and is harmless only if it is
//! listed in `HARMLESS`. Everything else is [`Unknown`](Effect::Unknown), on purpose of these:
//!
//! - `EVAL EVALSHA FCALL EXEC`: do whatever they carry.
//! - `PUBLISH SPUBLISH`: a second one is heard twice.
//! - `MULTI EXEC DISCARD WATCH UNWATCH`: mean something only on the connection that they were sent
//!   on. A `WATCH` that is repeated elsewhere forgets that its key was touched meanwhile.
//! - `WAIT`: counts for what *its* connection wrote. Anywhere else it vouches for nothing.
//! - `ASKING`, `CLIENT CACHING`, `CLIENT REPLY`: change what comes after them.
//! - `ACL LOG`: an argument may make it clear the log.
//! - `SCRIPT LOAD`, `CONFIG SET`, `CLIENT KILL`, `REPLICAOF` and all other administration: change a
//!   server that may not be the one that answers the second time.
//! - `MONITOR SYNC PSYNC`: turn the connection into something else.

use super::Flags;

/// What a command may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Reads data. May be sent again, and to a replica.
    Read,
    /// May change data. Never sent again once it may have arrived.
    Write,
    /// Changes no data and no server: the connection's own state, or a question about the server.
    /// May be sent again to the same kind of server.
    None,
    /// Cannot be told, or matters elsewhere: to be treated as a write.
    Unknown,
}

/// The effect of a command with this full name and these flags. Runs in the compiler, for each line
/// of the table.
pub(super) const fn derive(name: &str, flags: Flags) -> Effect {
    if flags.has(Flags::WRITE) {
        return Effect::Write;
    }
    if flags.has(Flags::READONLY) {
        return Effect::Read;
    }
    if ends_with(name.as_bytes(), b"|help") {
        return Effect::None;
    }
    let mut at = 0;
    while at < HARMLESS.len() {
        if equal(name.as_bytes(), HARMLESS[at].as_bytes()) {
            return Effect::None;
        }
        at += 1;
    }
    Effect::Unknown
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && ends_with(a, b)
}

const fn ends_with(text: &[u8], end: &[u8]) -> bool {
    if end.len() > text.len() {
        return false;
    }
    let mut at = 0;
    while at < end.len() {
        if text[text.len() - end.len() + at] != end[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Commands without a flag for it that are safe to repeat.
const HARMLESS: &[&str] = &[
    // Questions about the server.
    "acl|cat",
    "acl|dryrun",
    "acl|genpass",
    "acl|getuser",
    "acl|list",
    "acl|users",
    "acl|whoami",
    "cluster|count-failure-reports",
    "cluster|countkeysinslot",
    "cluster|getkeysinslot",
    "cluster|info",
    "cluster|keyslot",
    "cluster|links",
    "cluster|myid",
    "cluster|nodes",
    "cluster|replicas",
    "cluster|shards",
    "cluster|slots",
    "command",
    "command|count",
    "command|docs",
    "command|getkeys",
    "command|getkeysandflags",
    "command|info",
    "command|list",
    "config|get",
    "echo",
    "function|dump",
    "function|list",
    "function|stats",
    "info",
    "lastsave",
    "latency|doctor",
    "latency|graph",
    "latency|histogram",
    "latency|history",
    "latency|latest",
    "memory|doctor",
    "memory|malloc-stats",
    "memory|stats",
    "module|list",
    "ping",
    "pubsub|channels",
    "pubsub|numpat",
    "pubsub|numsub",
    "pubsub|shardchannels",
    "pubsub|shardnumsub",
    "role",
    "script|exists",
    "slowlog|get",
    "slowlog|len",
    "time",
    // The connection's own state: setting it twice is setting it once.
    "auth",
    "client|getname",
    "client|getredir",
    "client|id",
    "client|info",
    "client|list",
    "client|no-evict",
    "client|setname",
    "client|tracking",
    "client|trackinginfo",
    "hello",
    "psubscribe",
    "punsubscribe",
    "quit",
    "readonly",
    "readwrite",
    "reset",
    "select",
    "ssubscribe",
    "subscribe",
    "sunsubscribe",
    "unsubscribe",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{all, resolve};

    fn effect(name: &str) -> Effect {
        let (name, sub) = name.split_once(' ').map_or((name, None), |(name, sub)| (name, Some(sub)));
        resolve(name.as_bytes(), sub.map(str::as_bytes)).unwrap().effect()
    }

    #[test]
    fn every_harmless_name_is_a_command_that_has_no_flag_of_its_own() {
        for name in HARMLESS {
            let (container, sub) = name.split_once('|').map_or((*name, None), |(c, s)| (c, Some(s)));
            let spec = resolve(container.as_bytes(), sub.map(str::as_bytes)).unwrap();
            assert_eq!(spec.name(), *name);
            assert_eq!(spec.effect(), Effect::None);
            assert!(!spec.flags().has(Flags::WRITE | Flags::READONLY), "{name} needs no listing");
        }
    }

    #[test]
    fn effects_are_as_the_proxy_relies_on_them() {
        for (expected, names) in [
            (Effect::Read, "get scan randomkey eval_ro fcall_ro pfcount xread dbsize touch"),
            (Effect::Write, "set getex sort blpop xreadgroup flushall pfadd migrate"),
            (Effect::None, "ping echo info time select subscribe hello command"),
            (Effect::Unknown, "eval evalsha fcall exec publish spublish watch multi wait debug"),
            (Effect::Unknown, "monitor psync replicaof failover asking config client shutdown"),
        ] {
            for name in names.split(' ') {
                assert_eq!(effect(name), expected, "{name}");
            }
        }
        assert_eq!(effect("object encoding"), Effect::Read);
        assert_eq!(effect("config get"), Effect::None);
        assert_eq!(effect("config help"), Effect::None);
        assert_eq!(effect("function load"), Effect::Write);
        for name in ["config set", "script load", "client kill", "client reply", "config nope"] {
            assert_eq!(effect(name), Effect::Unknown, "{name}");
        }
    }

    #[test]
    fn nothing_of_a_transaction_or_for_operators_only_is_repeated_by_chance() {
        for spec in all() {
            assert!(!spec.is_transaction() || spec.effect() == Effect::Unknown, "{}", spec.name());
        }
    }
}
