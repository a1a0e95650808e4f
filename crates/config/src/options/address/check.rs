//! The options of `[[address.check]]`.

use std::time::Duration;

use super::super::edge::SERVER_TLS;
use super::super::{Absent, Definition, Kind, Section};
use super::command::USER;
use crate::choice::RedisRole;

pub(in crate::options) const CHECK: Section = Section {
    name: "address.check",
    repeated: true,
    what: "Something that has a say about whether this host may have the address. One of `interface`, `process`, `pid-file`, `file`, `script`, \
           `gateway`, `redis`, `tcp` says what is looked at.",
    also: &["track-script", "vrrp-script", "track-interface", "track-process", "track-file"],
    options: OPTIONS,
};

pub(in crate::options) const CHECK_TLS: Section = Section {
    name: "address.check.tls",
    repeated: false,
    what: "The Redis that is looked at speaks TLS: how it and we know each other.",
    also: &["ssl"],
    options: SERVER_TLS.options,
};

static OPTIONS: &[Definition] = &[
    Definition {
        key: "name",
        kind: Kind::Name,
        absent: Absent::Required,
        why: "It is what the log says when the address goes.",
        what: "What it is called. Once in an address; `proxy` is `follows = \"proxy\"` itself.",
        example: "\"uplink\"",
        also: &["vrrp-script", "id"],
    },
    Definition {
        key: "interface",
        kind: Kind::Interface,
        what: "An interface that must be there, be up and have a carrier. That of the address itself is always looked at.",
        example: "\"eth1\"",
        also: &["track-interface", "link"],
        ..TARGET
    },
    Definition {
        key: "process",
        kind: Kind::Process,
        what: "The name of a program that must run, as `ps -o comm` shows it: its first 15 bytes. One that is stopped (SIGSTOP) does not run.",
        example: "\"redis-server\"",
        also: &["track-process", "vrrp-track-process", "pidof", "killall"],
        ..TARGET
    },
    Definition {
        key: "pid-file",
        kind: Kind::Path,
        what: "A file with the number of a process that must run. One that is stopped (SIGSTOP) does not.",
        example: "\"/run/redis/redis-server.pid\"",
        also: &["pidfile"],
        ..TARGET
    },
    Definition {
        key: "file",
        kind: Kind::Path,
        what: "A file that must be there. With `max-age` and `contains`, how.",
        example: "\"/run/standfast/serve\"",
        also: &["track-file", "vrrp-track-file", "path"],
        ..TARGET
    },
    Definition {
        key: "script",
        kind: Kind::Argv,
        what: "A program, by its absolute path, with its arguments, that must succeed (status 0). No shell.",
        example: "[\"/usr/local/bin/fit\", \"--fast\"]",
        also: &["track-script", "command", "exec"],
        ..TARGET
    },
    Definition {
        key: "gateway",
        kind: Kind::Ip { v4: true, v6: true },
        what: "A host that must answer an ICMP echo (`ping`).",
        example: "\"10.20.1.1\"",
        also: &["ping", "icmp", "router"],
        ..TARGET
    },
    Definition {
        key: "redis",
        kind: Kind::Address { wildcard: false },
        what: "A Redis that must answer `PING`. With `role`, what it must be.",
        example: "\"127.0.0.1:6379\"",
        also: &["server"],
        ..TARGET
    },
    Definition {
        key: "tcp",
        kind: Kind::Address { wildcard: false },
        what: "Where something must take connections.",
        example: "\"127.0.0.1:80\"",
        also: &["connect", "port", "tcp-check"],
        ..TARGET
    },
    Definition {
        key: "max-age",
        kind: Kind::Duration { min: Duration::from_secs(1), max: Duration::from_hours(24 * 30) },
        absent: Absent::Words("any age"),
        why: "Most files are there or not.",
        what: "With `file`: it was changed no longer ago than this, by the host's clock.",
        example: "\"30s\"",
        also: &["age", "newer-than"],
    },
    Definition {
        key: "contains",
        kind: Kind::Text,
        absent: Absent::Words("anything"),
        why: "Most files are there or not.",
        what: "With `file`: a text that its first 64 KiB must contain.",
        example: "\"ready\"",
        also: &["content", "match"],
    },
    Definition {
        absent: Absent::Words("`nobody` if Standfast runs as root, else the user that runs it"),
        why: "A check needs no rights, and a script that others can write would have ours.",
        what: "With `script`: who runs it. Another one than ours can only be had by root.",
        ..USER
    },
    Definition {
        key: "role",
        kind: Kind::Choice(RedisRole::WORDS),
        absent: Absent::Words("any role"),
        why: "Who is master is the nodes' to say: see `follows = \"master\"`.",
        what: "With `redis`: what it must say of itself (`ROLE`).",
        example: "\"replica\"",
        also: &[],
    },
    Definition {
        key: "username",
        kind: Kind::Text,
        absent: Absent::Words("none: Redis's `default` user"),
        why: "A Redis without ACLs has only that one.",
        what: "With `redis`: the user that we are there. Needs `password`.",
        example: "\"standfast\"",
        also: &["auth-user"],
    },
    Definition {
        key: "password",
        kind: Kind::Secret,
        absent: Absent::Words("none"),
        why: "A Redis has none either unless one is set.",
        what: "With `redis`: the password that goes with it. Never shown in logs, pages or problems.",
        example: "\"a long random text\"",
        also: &["auth-pass", "requirepass", "auth"],
    },
    Definition {
        key: "tls",
        kind: Kind::Table(&CHECK_TLS),
        absent: Absent::Words("none: a plain connection"),
        why: "Redis speaks TLS only where somebody gave it certificates.",
        what: "With `redis`: how it is talked to if it speaks TLS.",
        example: "{ ca = \"/etc/standfast/ca.pem\" }",
        also: &["ssl", "server-tls"],
    },
    Definition {
        key: "interval",
        kind: Kind::Duration { min: Duration::from_millis(20), max: Duration::from_hours(1) },
        absent: Absent::Value("\"1s\""),
        why: "What Keepalived does, and cheap enough for a script.",
        what: "From one look to the next.",
        example: "\"2s\"",
        also: &["inter", "check-interval"],
    },
    Definition {
        key: "timeout",
        kind: Kind::Duration { min: Duration::from_millis(10), max: Duration::from_mins(10) },
        absent: Absent::Value("\"1s\""),
        why: "On one network an answer takes a millisecond.",
        what: "How long a look may take before it counts as failed; a script is killed then.",
        example: "\"5s\"",
        also: &["check-timeout"],
    },
    Definition {
        key: "rise",
        kind: Kind::Integer { min: 1, max: 100 },
        absent: Absent::Value("1"),
        why: "As with Keepalived. The first look after a start counts at once.",
        what: "Good looks in a row that make it pass again.",
        example: "3",
        also: &[],
    },
    Definition {
        key: "fall",
        kind: Kind::Integer { min: 1, max: 100 },
        absent: Absent::Value("2"),
        why: "One lost answer is no death.",
        what: "Failed looks in a row that make it fail.",
        example: "3",
        also: &["maxfail"],
    },
    Definition {
        key: "weight",
        kind: Kind::Signed { min: -253, max: 253 },
        absent: Absent::Words("none: a veto"),
        why: "Most of what one checks is needed.",
        what: "With VRRP: more than zero is added to the priority while it passes, less than zero while it fails. Without: while it fails, the \
               address must not be here.",
        example: "-20",
        also: &["priority"],
    },
];

const TARGET: Definition = Definition {
    key: "",
    kind: Kind::Path,
    absent: Absent::Words("none"),
    why: "A check looks at one thing.",
    what: "",
    example: "",
    also: &[],
};
