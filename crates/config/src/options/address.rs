//! The options of `[[address]]`: what is held, what it follows, and how long it stays without a word.

mod bgp;
mod check;
mod command;
mod notify;
mod vrrp;

use std::time::Duration;

use super::{Absent, Definition, Kind, Section};
use crate::choice::Followed;

pub(super) use bgp::{BGP, LELASTIC, NEIGHBOR};
pub(super) use check::{CHECK, CHECK_TLS};
pub(super) use command::COMMAND;
pub(super) use notify::{GROUP_NOTIFY, NOTIFY, SYNC_GROUP};
pub(super) use vrrp::{ANNOUNCE, VRRP};

pub(super) const ADDRESS: Section = Section {
    name: "address",
    repeated: true,
    what: "An address that moves between hosts. By which way it comes and goes is said by one of the tables `[address.vrrp]`, \
           `[address.bgp]`, `[address.command]`; without them it is wherever `follows` says. See `docs/addresses.md`.",
    also: &["vrrp_instance", "vrrp-instance", "virtual-ip", "vip", "virtual-address", "virtual-ipaddress"],
    options: OPTIONS,
};

static OPTIONS: &[Definition] = &[
    Definition {
        key: "name",
        kind: Kind::Name,
        absent: Absent::Required,
        why: "It is said in logs, hooks and commands, where an address alone says little.",
        what: "The name of the address; hooks get it as Keepalived's instance.",
        example: "\"redis-vip\"",
        also: &["instance", "vrrp-instance", "id"],
    },
    Definition {
        key: "held",
        kind: Kind::Held,
        absent: Absent::Words("required, unless `[address.command]` does all of it"),
        why: "Nobody else knows what moves.",
        what: "What is put on the interface: one or more, each with the bits of its network; without bits for the host alone (/32, /128). \
               With VRRP all of one family: see `excluded` there.",
        example: "[\"10.20.1.130/24\"]",
        also: &["virtual-ipaddress", "addresses", "ip", "address", "vip", "ipaddr"],
    },
    Definition {
        key: "interface",
        kind: Kind::Interface,
        absent: Absent::Words(
            "required; `lo` with `[address.bgp]`, and where a command moves an address that is not `held`",
        ),
        why: "A host has several, and on the wrong one the address is worth nothing. What is announced by BGP needs no link.",
        what: "Where it is put. It may come later: until then the address is not here.",
        example: "\"eth0\"",
        also: &["dev", "nic", "device"],
    },
    Definition {
        key: "follows",
        kind: Kind::Choice(Followed::WORDS),
        absent: Absent::Value("\"proxy\""),
        why: "An address that stays where nothing answers is the fault that this is for.",
        what: "What decides whether this host may have it: requests of our own that go through a listener of this host (`proxy`), the agreed \
               master of a group, which must be a server of this host (`master`), or nothing beside `[[address.check]]` (`checks`).",
        example: "\"proxy\"",
        also: &["track", "tracks", "follow", "colocation"],
    },
    Definition {
        key: "listener",
        kind: Kind::Endpoint,
        absent: Absent::Words("the first `[[listener]]` that takes connections at one of `held`"),
        why: "Clients of the address come in by that one.",
        what: "With `follows = \"proxy\"`: the `listen` of the `[[listener]]` that is tried.",
        example: "\"10.20.1.130:6379\"",
        also: &["listen", "frontend"],
    },
    Definition {
        key: "interval",
        kind: Kind::Duration { min: Duration::from_millis(20), max: Duration::from_mins(1) },
        absent: Absent::Value("\"100ms\""),
        why: "A client notices a tenth of a second as little as Redis notices ten requests a second.",
        what: "With `follows = \"proxy\"`: from one proof that the listener serves to the next.",
        example: "\"100ms\"",
        also: &["advert-int", "check-interval", "inter"],
    },
    Definition {
        key: "timeout",
        kind: Kind::Duration { min: Duration::from_millis(10), max: Duration::from_mins(1) },
        absent: Absent::Value("\"500ms\""),
        why: "A slow command of somebody else blocks Redis for a moment; that is no reason to move an address.",
        what: "With `follows = \"proxy\"`: how long a proof may take.",
        example: "\"500ms\"",
        also: &["check-timeout"],
    },
    Definition {
        key: "rise",
        kind: Kind::Integer { min: 1, max: 100 },
        absent: Absent::Value("2"),
        why: "Who has just failed is believed when it is no accident. The first proof after a start counts at once.",
        what: "With `follows = \"proxy\"`: good proofs in a row that make it pass again.",
        example: "3",
        also: &[],
    },
    Definition {
        key: "fall",
        kind: Kind::Integer { min: 1, max: 100 },
        absent: Absent::Value("3"),
        why: "One answer that is late is no death; a dead process is noticed without any of this.",
        what: "With `follows = \"proxy\"`: bad proofs in a row after which the address goes.",
        example: "2",
        also: &["maxfail"],
    },
    Definition {
        key: "read",
        kind: Kind::Text,
        absent: Absent::Value("\"standfast\""),
        why: "Whether the key exists is of no account: that its server answers is.",
        what: "With `follows = \"proxy\"`: the key that each proof reads (`EXISTS`), as a client would, after a `PING`.",
        example: "\"health\"",
        also: &["read-key"],
    },
    Definition {
        key: "write",
        kind: Kind::Text,
        absent: Absent::Words("none: nothing is written"),
        why: "A write goes to every replica, and the key is the operator's to choose.",
        what: "With `follows = \"proxy\"`: a key that each proof writes as well, with a time to live of a minute. Only by a listener to the master.",
        example: "\"standfast:written\"",
        also: &["write-key"],
    },
    Definition {
        key: "group",
        kind: Kind::Name,
        absent: Absent::Words("required with `follows = \"master\"`"),
        why: "An address of one group must not move with another because the file got a second one.",
        what: "With `follows = \"master\"`: the name of the group whose master it goes with.",
        example: "\"cache\"",
        also: &["master-name", "backend"],
    },
    Definition {
        key: "servers",
        kind: Kind::Addresses,
        absent: Absent::Words("required with `follows = \"master\"`"),
        why: "Behind NAT and in containers a server's address is none of the host's own.",
        what: "With `follows = \"master\"`: the servers of that group that run on this host, by the address that the nodes know them by.",
        example: "[\"10.30.1.1:6379\"]",
        also: &["server", "local-servers"],
    },
    Definition {
        key: "lifetime",
        kind: Kind::Duration { min: Duration::ZERO, max: Duration::from_hours(1) },
        absent: Absent::Value("\"2s\""),
        why: "A Standfast that is stopped, hung or lost must not keep an address that somebody else takes over.",
        what: "How long the kernel keeps the address without another word from us, in whole seconds; it is renewed by every proof. \
               `\"0s\"`: until it is removed, as other programs do it. Each failure (`fall`) must be over within it.",
        example: "\"3s\"",
        also: &["valid-lft", "valid-lifetime", "ttl"],
    },
    Definition {
        key: "ask-first",
        kind: Kind::Duration { min: Duration::ZERO, max: Duration::from_secs(10) },
        absent: Absent::Value("\"0s\""),
        why: "VRRP has asked already, and a takeover should not wait.",
        what: "How long the link is asked whether somebody has the address, before it is put there; if so, it is not. `\"0s\"`: not at all. \
               Worth having where nothing but `follows` moves it.",
        example: "\"200ms\"",
        also: &["dad", "arping", "conflict-detection"],
    },
    Definition {
        key: "put-back",
        kind: Kind::Flag,
        absent: Absent::Value("true"),
        why: "What takes it away is mostly a network service that cleans up after its own restart.",
        what: "Whether the address is put back when somebody else has removed it; it is reported in any case.",
        example: "false",
        also: &["restore", "reinstall"],
    },
    Definition {
        key: "sync-group",
        kind: Kind::Name,
        absent: Absent::Words("none: it moves alone"),
        why: "Most addresses have nothing to do with each other.",
        what: "Addresses with the same word here move together, all of them by VRRP: IPv4 and IPv6 of one service, or both sides of a router.",
        example: "\"inside-and-outside\"",
        also: &["vrrp-sync-group", "sync", "track-group"],
    },
    Definition {
        key: "partners",
        kind: Kind::Addresses,
        absent: Absent::Words("the other nodes of the groups"),
        why: "As a rule the hosts that may hold the address are those that watch the groups.",
        what: "The Sentinel ports of the other hosts that may hold it. They are told which clients are connected here, so that who takes the \
               address over can release them at once. This host may be among them, so that one list does for all.",
        example: "[\"10.30.1.2:26379\"]",
        also: &["partner", "other-hosts"],
    },
    Definition {
        key: "vrrp",
        kind: Kind::Table(&VRRP),
        absent: Absent::Words("none"),
        why: "How an address moves is the network's to say.",
        what: "Routers on the link agree who holds it, as with Keepalived.",
        example: "{ id = 130 }",
        also: &["vrrp-instance", "keepalived"],
    },
    Definition {
        key: "bgp",
        kind: Kind::Table(&BGP),
        absent: Absent::Words("none"),
        why: "How an address moves is the network's to say.",
        what: "Every host that may hold it does, and announces it to route servers, as with lelastic.",
        example: "{ lelastic = { dcid = 18, role = \"primary\" } }",
        also: &["lelastic", "routes", "exabgp"],
    },
    Definition {
        key: "command",
        kind: Kind::Table(&COMMAND),
        absent: Absent::Words("none"),
        why: "How an address moves is the network's to say.",
        what: "Commands of yours move it, by the API of a cloud for example.",
        example: "{ up = [\"/usr/local/bin/take-address\"], down = [\"/usr/local/bin/give-address\"] }",
        also: &["script", "commands", "cloud"],
    },
    Definition {
        key: "announce",
        kind: Kind::Table(&ANNOUNCE),
        absent: Absent::Words("its defaults"),
        why: "What is usual suits every switch that forgets an address within minutes.",
        what: "How the link is told where the address is.",
        example: "{ refresh = \"30s\" }",
        also: &["garp", "gratuitous-arp", "garp-master-delay", "garp-master-repeat", "garp-master-refresh"],
    },
    Definition {
        key: "check",
        kind: Kind::Tables(&CHECK),
        absent: Absent::Words("none"),
        why: "What else a host needs to serve is the operator's to say.",
        what: "What else has a say about whether this host may have it.",
        example: "[{ name = \"uplink\", gateway = \"10.20.1.1\" }]",
        also: &["checks", "track-script", "vrrp-script", "track-interface", "track-process", "track-file"],
    },
    Definition {
        key: "notify",
        kind: Kind::Table(&NOTIFY),
        absent: Absent::Words("none"),
        why: "Nothing is run that nobody asked for.",
        what: "What is run, and told, when its state changes.",
        example: "{ any = [\"/etc/standfast/address-changed\"] }",
        also: &["notify-master", "notify-backup", "notify-fault", "notify-stop", "notify-fifo", "hooks"],
    },
];
