//! The options of `[address.vrrp]` and `[address.announce]`.

use std::time::Duration;

use super::super::{Absent, Definition, Kind, Section};
use crate::choice::{OtherAddresses, Start};

pub(in crate::options) const VRRP: Section = Section {
    name: "address.vrrp",
    repeated: false,
    what: "Routers on the link agree who holds the address: VRRP, with other Standfasts, Keepalived, or hardware.",
    also: &["vrrp_instance", "vrrp-instance", "keepalived"],
    options: OPTIONS,
};

static OPTIONS: &[Definition] = &[
    Definition {
        key: "id",
        kind: Kind::Integer { min: 1, max: 255 },
        absent: Absent::Required,
        why: "Everybody on the link who has the same number shares the address; it cannot be guessed.",
        what: "The number of the virtual router: the same on all hosts that share the address, and nobody else's on the link.",
        example: "130",
        also: &["virtual-router-id", "vrid"],
    },
    Definition {
        key: "version",
        kind: Kind::Integer { min: 2, max: 3 },
        absent: Absent::Value("3"),
        why: "It knows fractions of seconds and IPv6. Keepalived speaks 2 for IPv4 unless its file says `vrrp_version 3`: beside it, say the same.",
        what: "The version of the protocol: 2 (RFC 3768, IPv4 alone) or 3 (RFC 9568).",
        example: "2",
        also: &["vrrp-version"],
    },
    Definition {
        key: "priority",
        kind: Kind::Integer { min: 1, max: 255 },
        absent: Absent::Value("100"),
        why: "The standard's own.",
        what: "How much right this host has to the address; the most wins. Weights of checks are added. 255: the address is this host's own, \
               and what of it stands on the interface already is neither given a lifetime nor removed.",
        example: "100",
        also: &["prio"],
    },
    Definition {
        key: "interval",
        kind: Kind::Duration { min: Duration::from_millis(10), max: Duration::from_secs(255) },
        absent: Absent::Words("`\"200ms\"`; with version 2 `\"1s\"`"),
        why: "A holder that misses three is gone, within two thirds of a second. In version 2 all must say the same, and a second is what everybody says.",
        what: "From one advertisement of the holder to the next: hundredths of seconds up to 40.95 s, with version 2 whole seconds.",
        example: "\"100ms\"",
        also: &["advert-int", "advertisement-interval"],
    },
    Definition {
        key: "preempt",
        kind: Kind::Flag,
        absent: Absent::Value("true"),
        why: "The standard's own: the address is where the operator wants it most.",
        what: "Whether a holder with less right is sent away. `false` leaves the address where it is as long as its holder lives (Keepalived: `nopreempt`).",
        example: "false",
        also: &["nopreempt", "no-preempt"],
    },
    Definition {
        key: "preempt-delay",
        kind: Kind::Duration { min: Duration::ZERO, max: Duration::from_hours(1) },
        absent: Absent::Value("\"0s\""),
        why: "This host must prove its health first in any case.",
        what: "How long a holder with less right must have been heard before it is sent away.",
        example: "\"30s\"",
        also: &["delay"],
    },
    Definition {
        key: "start",
        kind: Kind::Choice(Start::WORDS),
        absent: Absent::Value("\"backup\""),
        why: "Somebody may hold the address, and is heard first.",
        what: "What it starts as: `active` waits for two advertisements only, not until a holder would be missed (Keepalived: `state MASTER`).",
        example: "\"active\"",
        also: &["state", "initial-state"],
    },
    Definition {
        key: "peers",
        kind: Kind::Ips,
        absent: Absent::Words("none: multicast"),
        why: "Multicast needs no list, and reaches whoever is there.",
        what: "The other routers' own addresses: advertisements go to each of them, and others' count for nothing. For networks without multicast. \
               At most 63; this host may be among them, so that one list does for all.",
        example: "[\"10.20.1.2\"]",
        also: &["unicast-peer", "unicast-peers", "peer", "neighbors"],
    },
    Definition {
        key: "from",
        kind: Kind::Ip { v4: true, v6: true },
        absent: Absent::Words("the first address of the interface; of IPv6 the link-local one"),
        why: "Most interfaces have one.",
        what: "This host's own address on the link: where advertisements come from. Of two with the same priority the greater one wins.",
        example: "\"10.20.1.1\"",
        also: &["mcast-src-ip", "unicast-src-ip", "source", "src-ip"],
    },
    Definition {
        key: "password",
        kind: Kind::Secret,
        absent: Absent::Words("none"),
        why: "It travels readable: it tells routers apart that were given one number by mistake, and keeps nobody out.",
        what: "With version 2: the simple text password (Keepalived: `auth_type PASS`), 1 to 8 bytes. Never shown in logs, pages or problems.",
        example: "\"1111\"",
        also: &["auth-pass", "authentication", "auth"],
    },
    Definition {
        key: "checksum-as-v2",
        kind: Kind::Flag,
        absent: Absent::Value("false"),
        why: "Keepalived has a pseudo-header in it, unless its file says `v3_checksum_as_v2`.",
        what: "With version 3 over IPv4: the checksum is that of version 2, without a pseudo-header, as RFC 9568 has it and much hardware.",
        example: "true",
        also: &["v3-checksum-as-v2", "v3-checksum-type", "vrrp-v3-checksum-as-v2"],
    },
    Definition {
        key: "least-hops",
        kind: Kind::Integer { min: 1, max: 255 },
        absent: Absent::Value("255"),
        why: "What arrives with 255 was sent on this link: nobody from elsewhere can forge it.",
        what: "The lowest TTL or hop limit that an advertisement may arrive with. Lower only for `peers` behind routers; then filters must keep \
               strangers out.",
        example: "254",
        also: &["check-unicast-src", "unicast-ttl", "min-ttl"],
    },
    Definition {
        key: "other-addresses",
        kind: Kind::Choice(OtherAddresses::WORDS),
        absent: Absent::Value("\"refuse\""),
        why: "Two services that were given one number by mistake then both work.",
        what: "What an advertisement of other addresses counts for: nothing (`refuse`), or as any other (`count`, Keepalived: \
               `skip_check_adv_addr`), while addresses are changed host by host.",
        example: "\"count\"",
        also: &["skip-check-adv-addr"],
    },
    Definition {
        key: "excluded",
        kind: Kind::Held,
        absent: Absent::Words("none"),
        why: "Whoever shares the address should hear all of it.",
        what: "What is held with it and never advertised, of any family: for more addresses than fit into a packet, and for IPv6 beside IPv4.",
        example: "[\"fd00::130/64\"]",
        also: &["virtual-ipaddress-excluded"],
    },
];

pub(in crate::options) const ANNOUNCE: Section = Section {
    name: "address.announce",
    repeated: false,
    what: "How the link is told where the address is, by gratuitous ARP or unsolicited neighbour advertisements: when it comes, and after every \
           sign that somebody else had it. With `[address.vrrp]`, or without a way of its own.",
    also: &["garp"],
    options: &[
        Definition {
            key: "repeat",
            kind: Kind::Integer { min: 0, max: 100 },
            absent: Absent::Value("5"),
            why: "One may be lost, or come while a switch is still learning.",
            what: "How often. 0: never.",
            example: "5",
            also: &["garp-master-repeat", "garp-lower-prio-repeat"],
        },
        Definition {
            key: "gap",
            kind: Kind::Duration { min: Duration::from_millis(1), max: Duration::from_mins(1) },
            absent: Absent::Value("\"1s\""),
            why: "Long enough for a link that is just coming up.",
            what: "From one of them to the next.",
            example: "\"200ms\"",
            also: &["garp-interval", "garp-master-delay", "gna-interval"],
        },
        Definition {
            key: "refresh",
            kind: Kind::Duration { min: Duration::ZERO, max: Duration::from_hours(24) },
            absent: Absent::Value("\"60s\""),
            why: "After a partition that nobody here has seen, neighbours would believe in the other holder until they forget it.",
            what: "From one to the next as long as the address is here. `\"0s\"`: not again.",
            example: "\"30s\"",
            also: &["garp-master-refresh"],
        },
    ],
};
