//! The options of `[[group]]` that say where its view comes from, if not from the nodes.

use std::time::Duration;

use super::edge::SERVER_TLS;
use super::{Absent, Definition, Kind, Section};
use crate::choice::Source;

pub(super) const SOURCE: Definition = Definition {
    key: "source",
    kind: Kind::Choice(Source::WORDS),
    absent: Absent::Value("\"monitor\""),
    why: "Whoever watches, decides and leads clients in one program has nothing to keep in step.",
    what: "Who says which server is the master: the nodes themselves (`monitor`), stock Sentinels that are asked and listened to \
           (`sentinels`), or checks of each server from outside, as a balancer makes them (`probe`). With the last two this program \
           is a proxy only and never gives a server an order.",
    example: "\"probe\"",
    also: &["view", "discovery", "backend-type"],
};

pub(super) const SENTINELS: Definition = Definition {
    key: "sentinels",
    kind: Kind::Addresses,
    absent: Absent::Words("required with `source = \"sentinels\"`"),
    why: "Somebody has to be asked first; they tell of the others.",
    what: "Stock Sentinels that watch this group under the same name. One that answers is enough.",
    example: "[\"10.0.0.1:26379\", \"10.0.0.2:26379\", \"10.0.0.3:26379\"]",
    also: &["sentinel", "sentinel-addresses"],
};

pub(super) const SENTINEL_USERNAME: Definition = Definition {
    key: "sentinel-username",
    kind: Kind::Text,
    absent: Absent::Words("none: the `default` user"),
    why: "A Sentinel without ACLs has only that one.",
    what: "The user that Standfast is at the Sentinels. Needs `sentinel-password`.",
    example: "\"standfast\"",
    also: &["sentinel-user"],
};

pub(super) const SENTINEL_PASSWORD: Definition = Definition {
    key: "sentinel-password",
    kind: Kind::Secret,
    absent: Absent::Words("none"),
    why: "A Sentinel has none either unless one is set.",
    what: "The password that goes with it, or the Sentinels' `requirepass`. Never shown in logs, pages or problems.",
    example: "\"a long random text\"",
    also: &["sentinel-pass", "sentinel-auth"],
};

pub(super) const SENTINEL_TLS: Section = Section {
    name: "group.sentinel-tls",
    repeated: false,
    what: "The Sentinels speak TLS: how they and we know each other.",
    also: &[],
    options: SERVER_TLS.options,
};

pub(super) const WITH_SENTINEL_TLS: Definition = Definition {
    key: "sentinel-tls",
    kind: Kind::Table(&SENTINEL_TLS),
    absent: Absent::Words("none: plain connections"),
    why: "Sentinels speak TLS only where somebody gave them certificates.",
    what: "How Sentinels are talked to that speak TLS at their addresses.",
    example: "{ ca = \"/etc/standfast/ca.pem\" }",
    also: &[],
};

pub(super) const SERVERS: Definition = Definition {
    key: "servers",
    kind: Kind::Addresses,
    absent: Absent::Words("required with `source = \"probe\"`"),
    why: "Nobody else tells which servers there are.",
    what: "All servers of the group; which of them is the master, their checks tell. Of two that say so, none is picked at random.",
    example: "[\"10.0.0.1:6379\", \"10.0.0.2:6379\"]",
    also: &["server", "backends", "hosts"],
};

pub(super) const INTERVAL: Definition = Definition {
    key: "interval",
    kind: Kind::Duration { min: Duration::from_millis(20), max: Duration::from_mins(10) },
    absent: Absent::Value("\"1s\""),
    why: "What is common for balancers. A connection that breaks is noticed at once, so this matters only for a server that hangs.",
    what: "From one check of a server to the next.",
    example: "\"1s\"",
    also: &["inter", "check-interval"],
};

pub(super) const FAST_INTERVAL: Definition = Definition {
    key: "fast-interval",
    kind: Kind::Duration { min: Duration::from_millis(20), max: Duration::from_mins(10) },
    absent: Absent::Value("\"100ms\""),
    why: "Requests wait meanwhile, and a check costs a server some tens of microseconds.",
    what: "The same while there is no master, and while the last check of a server speaks against what is thought of it. At most `interval`.",
    example: "\"100ms\"",
    also: &["fastinter", "downinter"],
};

pub(super) const CHECK_TIMEOUT: Definition = Definition {
    key: "check-timeout",
    kind: Kind::Duration { min: Duration::from_millis(10), max: Duration::from_mins(1) },
    absent: Absent::Value("\"1s\""),
    why: "Longer than a fork or a slow command usually blocks Redis.",
    what: "How long a check may take, from the first packet to the last answer.",
    example: "\"1s\"",
    also: &["timeout-check", "timeout"],
};

pub(super) const RISE: Definition = Definition {
    key: "rise",
    kind: Kind::Integer { min: 1, max: 100 },
    absent: Absent::Value("1"),
    why: "A server that says that it is the master is one; two of them are told apart by other means.",
    what: "Checks in a row that make a server what it says. The first check of all decides at once.",
    example: "2",
    also: &[],
};

pub(super) const FALL: Definition = Definition {
    key: "fall",
    kind: Kind::Integer { min: 1, max: 100 },
    absent: Absent::Value("3"),
    why: "One lost answer is no death. Refused connections are counted within a fraction of a second.",
    what: "Failed checks in a row that take a server out.",
    example: "3",
    also: &["maxfail"],
};

pub(super) const EXPECT: Definition = Definition {
    key: "expect",
    kind: Kind::Texts,
    absent: Absent::Words("nothing but `role:master`"),
    why: "That is what makes a master. `repl_backlog_active:1` keeps out one that was started empty and by mistake.",
    what: "What a master's `INFO replication` must contain, each of them. Replicas are found by themselves.",
    example: "[\"role:master\", \"repl_backlog_active:1\"]",
    also: &["tcp-check", "expect-string"],
};

pub(super) const GROUP_CHECK: Section = Section {
    name: "group.check",
    repeated: true,
    what: "A question of your own that every server must answer rightly, in each check, after `PING` and `INFO replication`.",
    also: &["tcp-check", "checks"],
    options: &[
        Definition {
            key: "send",
            kind: Kind::Text,
            absent: Absent::Required,
            why: "What makes a server fit is the operator's to say.",
            what: "A command on one line, as one types it into `redis-cli`, with one reply. No password: that is `password`.",
            example: "\"EXISTS ready\"",
            also: &["tcp-check-send", "command"],
        },
        Definition {
            key: "expect",
            kind: Kind::Text,
            absent: Absent::Required,
            why: "An answer that nobody reads is no check.",
            what: "What the reply must contain; numbers are `:1`, statuses `+OK`, texts as they are.",
            example: "\":1\"",
            also: &["tcp-check-expect", "reply"],
        },
    ],
};

pub(super) const CHECK: Definition = Definition {
    key: "check",
    kind: Kind::Tables(&GROUP_CHECK),
    absent: Absent::Words("none"),
    why: "Who answers `PING` and says a role is fit for most.",
    what: "Further questions to every server.",
    example: "[{ send = \"EXISTS ready\", expect = \":1\" }]",
    also: &["checks", "tcp-check"],
};
