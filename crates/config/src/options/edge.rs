//! The tables inside `[[listener]]` and `[[group]]`: certificates, limits, sockets.

use std::time::Duration;

use super::{Absent, Definition, Kind, Section};
use crate::choice::{ClientCertificates, MinVersion};

pub(super) const SERVER_TLS: Section = Section {
    name: "group.server-tls",
    repeated: false,
    what: "The group's servers speak TLS: how they and we know each other. For clients' requests and for watching.",
    also: &["tls", "ssl"],
    options: &[
        Definition {
            key: "ca",
            kind: Kind::Path,
            absent: Absent::Required,
            why: "Servers' certificates are mostly signed by an authority of one's own, and a wrong server gets passwords.",
            what: "The certificates, in PEM, of those who sign the servers'. Read anew when the file changes.",
            example: "\"/etc/standfast/ca.pem\"",
            also: &["tls-ca-cert-file", "ca-file", "cafile"],
        },
        Definition {
            key: "cert",
            kind: Kind::Path,
            absent: Absent::Words("none"),
            why: "Only servers with `tls-auth-clients yes` ask for one.",
            what: "What we show to a server that asks: our certificate and those above it, in PEM. Needs `key`.",
            example: "\"/etc/standfast/cert.pem\"",
            also: &["crt", "tls-cert-file", "certificate"],
        },
        Definition {
            key: "key",
            kind: Kind::Path,
            absent: Absent::Words("none"),
            why: "A certificate is worth nothing without it.",
            what: "The key to `cert`, in PEM.",
            example: "\"/etc/standfast/key.pem\"",
            also: &["tls-key-file"],
        },
        Definition {
            key: "name",
            kind: Kind::Text,
            absent: Absent::Words("none: whoever `ca` signed is believed"),
            why: "Servers of a group are known by address, and Redis itself looks at no name.",
            what: "A name that every server's certificate must hold. It is told to the server, too (SNI).",
            example: "\"redis.example\"",
            also: &["server-name", "sni", "verifyhost"],
        },
        MIN_VERSION,
    ],
};

pub(super) const LISTENER_TLS: Section = Section {
    name: "listener.tls",
    repeated: false,
    what: "The listener's clients speak TLS. Files are read anew when they change; connections that stand are not touched.",
    also: &["ssl"],
    options: &[
        CERT,
        KEY,
        Definition {
            key: "ca",
            kind: Kind::Path,
            absent: Absent::Words("none; required when clients are asked for a certificate"),
            why: "Whoever may come in is the operator's to say.",
            what: "The certificates, in PEM, of those who sign the clients'.",
            example: "\"/etc/standfast/clients.pem\"",
            also: &["tls-ca-cert-file", "ca-file", "cafile"],
        },
        Definition {
            key: "client-certificates",
            kind: Kind::Choice(ClientCertificates::WORDS),
            absent: Absent::Value("\"none\""),
            why: "Clients show passwords; who wants certificates too has an authority for them, and says so.",
            what: "Whether a client has to show a certificate of `ca`, may, or is not asked.",
            example: "\"required\"",
            also: &["tls-auth-clients", "verify", "client-auth"],
        },
        MIN_VERSION,
        Definition {
            key: "handshake-timeout",
            kind: Kind::Duration { min: Duration::from_millis(10), max: Duration::from_mins(1) },
            absent: Absent::Value("\"5s\""),
            why: "A handshake takes two round trips: whoever needs longer than this around the world is not shaking hands.",
            what: "How long a client may take for the handshake, counted from when it came.",
            example: "\"5s\"",
            also: &["tls-handshake-timeout", "timeout"],
        },
        Definition {
            key: "sni",
            kind: Kind::Tables(&LISTENER_TLS_SNI),
            absent: Absent::Words("none"),
            why: "One certificate is enough for one name.",
            what: "Further certificates, for clients that name a host.",
            example: "[{ names = [\"cache.example\"], cert = \"/etc/standfast/cache.pem\", key = \"/etc/standfast/cache.key\" }]",
            also: &["certificates", "crt-list"],
        },
    ],
};

pub(super) const LISTENER_TLS_SNI: Section = Section {
    name: "listener.tls.sni",
    repeated: true,
    what: "A certificate for clients that name one of these hosts when they shake hands. Others get the one of `[listener.tls]`.",
    also: &["certificates"],
    options: &[
        Definition {
            key: "names",
            kind: Kind::HostNames,
            absent: Absent::Required,
            why: "What a certificate is for is the operator's to say.",
            what: "The names. `*.example` stands for every name with one label before `.example`; a whole name goes before it.",
            example: "[\"cache.example\", \"*.cache.example\"]",
            also: &["name", "hosts"],
        },
        CERT,
        KEY,
    ],
};

pub(super) const LISTENER_LIMITS: Section = Section {
    name: "listener.limits",
    repeated: false,
    what: "How many clients may come in by this listener. Whoever is one too many gets Redis's own answer to that, and is closed. \
           Of at most 65536 addresses it is remembered what they did; clients of further ones count for the listener alone.",
    also: &["limit"],
    options: &[
        Definition {
            key: "max-clients",
            kind: Kind::Integer { min: 1, max: 1_000_000 },
            absent: Absent::Words("none but that of `[proxy] max-clients`"),
            why: "One listener is mostly the only one.",
            what: "Clients of this listener at a time.",
            example: "5000",
            also: &["maxclients", "maxconn"],
        },
        Definition {
            key: "max-clients-per-address",
            kind: Kind::Integer { min: 1, max: 1_000_000 },
            absent: Absent::Words("none"),
            why: "Hosts with many workers, and all that are behind one router, come from one address.",
            what: "Clients of one IP address at a time; for IPv6 of one /64, which is what one host has.",
            example: "500",
            also: &["max-clients-per-ip", "conn-cur"],
        },
        Definition {
            key: "max-new-per-second",
            kind: Kind::Integer { min: 1, max: 1_000_000 },
            absent: Absent::Words("none"),
            why: "After a failover of something else all clients may come at once, and should.",
            what: "New clients of this listener per second. Unused ones of the last second may come at once.",
            example: "2000",
            also: &["rate-limit-sessions", "rate"],
        },
        Definition {
            key: "max-new-per-second-per-address",
            kind: Kind::Integer { min: 1, max: 1_000_000 },
            absent: Absent::Words("none"),
            why: "Clients without a pool connect for every request.",
            what: "New clients of one address (as above) per second. Unused ones of the last second may come at once.",
            example: "100",
            also: &["conn-rate"],
        },
    ],
};

pub(super) const CLIENT_TCP: Section = Section {
    name: "listener.client-tcp",
    repeated: false,
    what: "How long the kernel believes in a silent client.",
    also: &["clitcpka", "keepalive"],
    options: &[
        Definition {
            absent: Absent::Value("\"60s\""),
            why: "A client whose host vanished costs a descriptor, and nobody waits for it.",
            ..KEEPALIVE
        },
        Definition {
            absent: Absent::Value("\"10s\""),
            why: "Three lost packets in a row within half a minute are no coincidence.",
            ..KEEPALIVE_INTERVAL
        },
        KEEPALIVE_COUNT,
        Definition {
            absent: Absent::Value("\"0s\""),
            why: "A client that comes back after a minute without a network goes on where it was.",
            ..USER_TIMEOUT
        },
    ],
};

pub(super) const SERVER_TCP: Section = Section {
    name: "listener.server-tcp",
    repeated: false,
    what: "How long the kernel believes in a silent server.",
    also: &["srvtcpka"],
    options: &[
        Definition {
            absent: Absent::Value("\"5s\""),
            why: "A client waits; a host that came back after a crash answers the probe with a reset.",
            ..KEEPALIVE
        },
        Definition {
            absent: Absent::Value("\"1s\""),
            why: "On one network an answer takes a millisecond.",
            ..KEEPALIVE_INTERVAL
        },
        KEEPALIVE_COUNT,
        Definition {
            absent: Absent::Value("\"5s\""),
            why: "By the default of `down-after` a server that was silent for so long is no master any more.",
            ..USER_TIMEOUT
        },
    ],
};

pub(super) const LISTENER_UNIX: Section = Section {
    name: "listener.unix",
    repeated: false,
    what: "Whose the file of a UNIX socket is. It goes with its listener; one that was inherited (from a service manager, or by an upgrade) \
           stays, and the next start takes its place.",
    also: &["socket"],
    options: &[
        Definition {
            key: "mode",
            kind: Kind::FileMode,
            absent: Absent::Value("\"0660\""),
            why: "Those who may are put into a group; everybody else has no business there.",
            what: "The rights of the socket's file. To connect one needs the right to write.",
            example: "\"0777\"",
            also: &["unixsocketperm", "perm", "chmod"],
        },
        Definition {
            key: "user",
            kind: Kind::Text,
            absent: Absent::Words("the user that runs Standfast"),
            why: "Another one can only be set by root.",
            what: "The owner of the socket's file.",
            example: "\"redis\"",
            also: &["owner", "uid"],
        },
        Definition {
            key: "group",
            kind: Kind::Text,
            absent: Absent::Words("the group of the user that runs Standfast"),
            why: "Another one must be one that this user is in.",
            what: "The group of the socket's file.",
            example: "\"redis\"",
            also: &["gid"],
        },
    ],
};

const CERT: Definition = Definition {
    key: "cert",
    kind: Kind::Path,
    absent: Absent::Required,
    why: "Clients believe no server without one.",
    what: "The certificate that is shown to clients and those above it, in PEM.",
    example: "\"/etc/standfast/cert.pem\"",
    also: &["crt", "tls-cert-file", "certificate"],
};

const KEY: Definition = Definition {
    key: "key",
    kind: Kind::Path,
    absent: Absent::Required,
    why: "A certificate is worth nothing without it.",
    what: "The key to `cert`, in PEM.",
    example: "\"/etc/standfast/key.pem\"",
    also: &["tls-key-file"],
};

const MIN_VERSION: Definition = Definition {
    key: "min-version",
    kind: Kind::Choice(MinVersion::WORDS),
    absent: Absent::Value("\"1.2\""),
    why: "Older ones are broken, and all that is younger than ten years speaks this one.",
    what: "The oldest version of TLS that is spoken.",
    example: "\"1.3\"",
    also: &["ssl-min-ver", "tls-protocols", "versions"],
};

const KEEPALIVE: Definition = Definition {
    key: "keepalive",
    kind: Kind::Duration { min: Duration::ZERO, max: Duration::from_hours(2) },
    absent: Absent::Required,
    why: "",
    what: "The silence after which the kernel asks whether the other side is there, in whole seconds. `\"0s\"` never asks.",
    example: "\"30s\"",
    also: &["tcp-keepalive", "keepalive-idle", "ka-idle"],
};

const KEEPALIVE_INTERVAL: Definition = Definition {
    key: "keepalive-interval",
    kind: Kind::Duration { min: Duration::from_secs(1), max: Duration::from_mins(10) },
    absent: Absent::Required,
    why: "",
    what: "How long after an unanswered question it asks again, in whole seconds.",
    example: "\"5s\"",
    also: &["ka-intvl"],
};

const KEEPALIVE_COUNT: Definition = Definition {
    key: "keepalive-count",
    kind: Kind::Integer { min: 1, max: 20 },
    absent: Absent::Value("3"),
    why: "One lost packet is a coincidence, three are not.",
    what: "How many unanswered questions end the connection.",
    example: "3",
    also: &["ka-cnt"],
};

const USER_TIMEOUT: Definition = Definition {
    key: "user-timeout",
    kind: Kind::Duration { min: Duration::ZERO, max: Duration::from_mins(30) },
    absent: Absent::Required,
    why: "",
    what: "How long what was sent may stay unacknowledged before the connection ends. `\"0s\"`: as long as the kernel tries, which is a quarter of an hour.",
    example: "\"10s\"",
    also: &["tcp-ut", "tcp-user-timeout"],
};
