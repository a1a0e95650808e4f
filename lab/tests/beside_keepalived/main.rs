//! Do we share an address with a real Keepalived as two Keepalived would? In both roles, in every version and way of talking; and is
//! what we say well-formed for tshark?
//!
//! | file | what |
//! |---|---|
//! | `right.rs` | who has the address where rights change, are equal, or are several |
//! | `deaf.rs` | what happens where the two do not understand each other |
//!
//! What `cargo xtask suite keepalived` runs beside a newer Keepalived, too.

mod deaf;
mod right;

use std::path::Path;

use lab::program::said;
use lab::routers::{Keepalived, Link, OURS, Ours, THEIRS, wait_until};

/// A way of talking.
#[derive(Clone, Copy)]
struct Way {
    codec: &'static str,
    address: &'static str,
    ours: &'static str,
    /// The lines of Keepalived's instance.
    theirs: &'static str,
}

const V2: Way = Way {
    codec: "v2",
    address: "10.0.0.100",
    ours: "version=v2 vrid=51 primary=10.0.0.1 addresses=[10.0.0.100]",
    theirs: " state BACKUP\n advert_int 1\n virtual_ipaddress {\n  10.0.0.100/32\n }",
};
const V2_PASSWORD: Way = Way {
    codec: "v2:secret12",
    address: "10.0.0.100",
    ours: "version=v2 vrid=51 primary=10.0.0.1 addresses=[10.0.0.100 10.0.0.101]",
    theirs: " state BACKUP\n advert_int 1\n authentication {\n  auth_type PASS\n  auth_pass secret12\n }\n \
             virtual_ipaddress {\n  10.0.0.100/32\n  10.0.0.101/32\n }",
};
const V2_UNICAST: Way = Way {
    codec: "v2",
    address: "10.0.0.100",
    ours: "version=v2 vrid=51 primary=10.0.0.1 addresses=[10.0.0.100] peers=[10.0.0.2]",
    theirs: " state BACKUP\n advert_int 1\n unicast_src_ip 10.0.0.2\n unicast_peer {\n  10.0.0.1\n }\n \
             virtual_ipaddress {\n  10.0.0.100/32\n }",
};
const V3: Way = Way {
    codec: "v3",
    address: "10.0.0.100",
    ours: "version=v3 vrid=51 primary=10.0.0.1 addresses=[10.0.0.100] interval=500ms",
    theirs: " state BACKUP\n version 3\n advert_int 0.5\n virtual_ipaddress {\n  10.0.0.100/32\n }",
};
/// Each has an interval of its own: the backup learns that of the holder.
const V3_UNICAST: Way = Way {
    codec: "v3",
    address: "10.0.0.100",
    ours: "version=v3 vrid=51 primary=10.0.0.1 addresses=[10.0.0.100] interval=500ms peers=[10.0.0.2]",
    theirs: " state BACKUP\n version 3\n advert_int 0.8\n unicast_src_ip 10.0.0.2\n unicast_peer {\n  10.0.0.1\n }\n \
             virtual_ipaddress {\n  10.0.0.100/32\n }",
};
const V3_IPV6: Way = Way {
    codec: "v3",
    address: "fe80::100",
    ours: "version=v3 vrid=51 primary=fe80::1 addresses=[fe80::100 fd00::100] interval=500ms",
    theirs: " state BACKUP\n version 3\n advert_int 0.5\n virtual_ipaddress {\n  fe80::100/128\n  fd00::100/128\n }",
};
/// Keepalived sends these with the system's hop limit.
const V3_IPV6_UNICAST: Way = Way {
    codec: "v3+64",
    address: "fe80::100",
    ours: "version=v3 vrid=51 primary=fe80::1 addresses=[fe80::100] interval=500ms peers=[fe80::2]",
    theirs: " state BACKUP\n version 3\n advert_int 0.5\n native_ipv6\n unicast_src_ip fe80::2\n unicast_peer {\n  fe80::1\n }\n \
             virtual_ipaddress {\n  fe80::100/128\n }",
};

impl Way {
    fn ours(&self, link: &Link, priority: u8, more: &str) -> Ours {
        let config = format!("{} priority={priority} {more}", self.ours);
        Ours::start(link, Path::new(ROUTER), &[["eth0", self.codec, config.trim()]])
    }

    fn theirs(&self, link: &Link, priority: u8, more: &str) -> Keepalived {
        Keepalived::start(link, &format!(" priority {priority}\n{more}\n{}", self.theirs))
    }
}

/// Ours has more right: it takes the address, resigns at its end, and takes it again when it is back.
fn ours_above_theirs(way: &Way) {
    let mut link = Link::lay();
    let theirs = way.theirs(&link, 100, "");
    link.wait_for_holder(THEIRS, way.address);
    let mut ours = way.ours(&link, 150, "");
    ours.wait_for("why=preempted");
    link.wait_for_holder(OURS, way.address);
    ours.stop();
    let ms = link.wait_for_holder(THEIRS, way.address);
    println!("{}: keepalived held {ms:.0} ms after our resignation", way.codec);
    let mut ours = way.ours(&link, 150, "");
    ours.wait_for("why=preempted");
    link.wait_for_holder(OURS, way.address);
    let log = theirs.stop();
    assert!(log.contains("Entering BACKUP STATE"), "{log}");
    let told = ours.stop();
    assert_no_complaint(&told, &log);
    let priorities = well_formed(&mut link, way);
    assert_eq!(priorities.iter().filter(|priority| *priority == "0").count(), 2, "we resigned twice: {priorities:?}");
    announced_twice(&link, way);
}

/// Keepalived has more right: we take the address when it resigns, and give it back.
fn theirs_above_ours(way: &Way) {
    let mut link = Link::lay();
    let theirs = way.theirs(&link, 200, "");
    link.wait_for_holder(THEIRS, way.address);
    let mut ours = way.ours(&link, 150, "");
    ours.wait_for("to=backup");
    let log = theirs.stop();
    assert!(log.contains("Entering MASTER STATE"), "{log}");
    ours.wait_for("why=resigned{by=");
    link.wait_for_holder(OURS, way.address);
    let theirs = way.theirs(&link, 200, "");
    ours.wait_for("why=outranked{by=");
    link.wait_for_holder(THEIRS, way.address);
    let told = ours.stop();
    assert_no_complaint(&told, &theirs.stop());
    // Giving way is no resignation: the last word has the least priority.
    let priorities = well_formed(&mut link, way);
    let held = priorities.iter().filter(|priority| *priority == "150").count();
    assert!(priorities.last().is_some_and(|last| last == "1") && held == priorities.len() - 1, "{priorities:?}");
}

/// Nobody refused anything.
fn assert_no_complaint(told: &[String], log: &str) {
    let complaints: Vec<&String> =
        told.iter().filter(|line| line.starts_with("tell") && line.contains("counted=false")).collect();
    // Our own packets are seen on their way out.
    let complaints: Vec<_> = complaints.into_iter().filter(|line| !line.contains("refused=own")).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    // Newer ones tell of another interval in version 3, too, and learn it.
    let learns = |line: &str| line.contains("interval mismatch ours") && line.contains("centi-sec");
    for line in log.lines().filter(|line| !learns(line)) {
        for word in ["nvalid", "mismatch", "bogus", "too short", "not present"] {
            assert!(!line.contains(word), "{log}");
        }
    }
}

/// What we sent is what tshark expects. Gives back the priorities in it.
fn well_formed(link: &mut Link, way: &Way) -> Vec<String> {
    link.end_recording();
    // Where no router listens yet, the kernel says so, and quotes.
    let ours = "vrrp and not icmp and not icmpv6 and (ip.src == 10.0.0.1 or ipv6.src == fe80::1)";
    let fields = ["vrrp.checksum.status", "vrrp.prio", "ip.ttl", "ipv6.hlim", "_ws.malformed", "_ws.expert.message"];
    let packets = link.packets(ours, &fields);
    assert!(packets.len() >= 3, "{packets:?}");
    for packet in &packets {
        let [checksum, _, ttl, hops, malformed, complaint] = packet.as_slice() else { panic!("{packet:?}") };
        // tshark knows the checksum with the pseudo-header only.
        let is_good = if way.codec == "v3-as-v2" { "0" } else { "1" };
        assert_eq!((checksum.as_str(), ttl.len() + hops.len()), (is_good, 3), "{packet:?}");
        assert!(ttl == "255" || hops == "255", "{packet:?}");
        assert_eq!(complaint.to_lowercase().contains("checksum"), is_good == "0", "{packet:?}");
        assert!(malformed.is_empty(), "{packet:?}");
    }
    packets.into_iter().map(|mut packet| packet.swap_remove(1)).collect()
}

/// The network was told each time that the address is here: gratuitous ARP, or an unsolicited neighbour advertisement that overrides.
fn announced_twice(link: &Link, way: &Way) {
    let here =
        link.network.command(OURS, "cat").arg("/sys/class/net/eth0/address").output().expect("every system has it");
    let (mac, address) = (said(&here), way.address);
    let told = if address.contains(':') {
        format!(
            "eth.src == {mac} && icmpv6.nd.na.target_address == {address} && icmpv6.nd.na.flag.o == 1 && icmpv6.nd.na.flag.s == 0"
        )
    } else {
        format!(
            "eth.src == {mac} && eth.dst == ff:ff:ff:ff:ff:ff && arp.isgratuitous == 1 && arp.src.proto_ipv4 == {address}"
        )
    };
    let packets = link.packets(&told.replace('\n', ""), &["frame.number", "_ws.malformed"]);
    assert!(packets.len() >= 2, "{told}: {packets:?}");
    assert!(packets.iter().all(|packet| packet[1].is_empty()), "{packets:?}");
}

#[test]
fn version_2() {
    ours_above_theirs(&V2);
    theirs_above_ours(&V2);
}

#[test]
fn version_2_with_a_password() {
    ours_above_theirs(&V2_PASSWORD);
    theirs_above_ours(&V2_PASSWORD);
}

#[test]
fn version_2_with_unicast_peers() {
    ours_above_theirs(&V2_UNICAST);
    theirs_above_ours(&V2_UNICAST);
}

#[test]
fn version_3() {
    ours_above_theirs(&V3);
    theirs_above_ours(&V3);
}

#[test]
fn version_3_with_unicast_peers_and_two_intervals() {
    ours_above_theirs(&V3_UNICAST);
    theirs_above_ours(&V3_UNICAST);
}

#[test]
fn version_3_over_ipv6() {
    ours_above_theirs(&V3_IPV6);
    theirs_above_ours(&V3_IPV6);
}

#[test]
fn version_3_over_ipv6_with_unicast_peers() {
    ours_above_theirs(&V3_IPV6_UNICAST);
    theirs_above_ours(&V3_IPV6_UNICAST);
}

#[test]
fn after_a_partition_one_holds_and_tells_the_network_again() {
    for ours_priority in [150, 50] {
        let mut link = Link::lay();
        let theirs = V3.theirs(&link, 100, " garp_lower_prio_delay 0\n garp_lower_prio_repeat 2");
        let mut ours = V3.ours(&link, ours_priority, "announce={repeat=2 gap=100ms refresh=0ms}");
        let holder = if ours_priority > 100 { OURS } else { THEIRS };
        link.wait_for_holder(holder, V3.address);
        link.network.unplug(OURS);
        wait_until("both hold the address", || link.holds(OURS, V3.address) && link.holds(THEIRS, V3.address));
        let before = theirs.log();
        link.network.plug(OURS);
        link.wait_for_holder(holder, V3.address);
        if holder == OURS {
            ours.wait_for("announce");
        } else {
            ours.wait_for("why=outranked");
            // It has heard our last word, which was said for this.
            wait_until("keepalived tells the network again", || {
                theirs.log()[before.len()..].contains("Sending gratuitous ARP")
            });
        }
        ours.stop();
        theirs.stop();
        link.end_recording();
    }
}

#[test]
fn a_keepalived_that_hangs_is_missed_and_has_its_way_when_it_goes_on() {
    let link = Link::lay();
    let theirs = V3.theirs(&link, 200, "");
    link.wait_for_holder(THEIRS, V3.address);
    let mut ours = V3.ours(&link, 150, "");
    ours.wait_for("to=backup");
    theirs.signal("STOP");
    ours.wait_for("why=silence{lasted=");
    // Nobody is there to take it away: this is what addresses with a lifetime are for.
    assert!(link.holds(THEIRS, V3.address) && link.holds(OURS, V3.address));
    theirs.signal("CONT");
    ours.wait_for("why=outranked{by=");
    link.wait_for_holder(THEIRS, V3.address);
    ours.stop();
    theirs.stop();
}

/// Two links, and one address on each: whoever loses one gives both away.
#[test]
fn sync_groups_of_both_kinds_move_together() {
    let link = Link::lay();
    link.lay_second();
    let instance = |n: u8| {
        format!(
            "vrrp_instance on{n} {{\n interface eth{n}\n virtual_router_id {}\n state BACKUP\n priority 200\n version 3\n \
             advert_int 0.5\n virtual_ipaddress {{\n  10.{n}.0.100/32\n }}\n}}\n",
            60 + n
        )
    };
    let group = format!("vrrp_sync_group both {{\n group {{\n  on0\n  on1\n }}\n}}\n{}{}", instance(0), instance(1));
    let config = |n: u8| {
        format!("version=v3 vrid={} primary=10.{n}.0.1 addresses=[10.{n}.0.100] interval=500ms priority=150", 60 + n)
    };
    let (inside, outside) = (config(0), config(1));
    let theirs = Keepalived::start_with(&link, &group);
    let wait_for_both = |host: &str| {
        for address in ["10.0.0.100", "10.1.0.100"] {
            link.wait_for_holder(host, address);
        }
    };
    wait_for_both(THEIRS);
    let mut ours = Ours::start(&link, Path::new(ROUTER), &[["eth0", "v3", &inside], ["eth1", "v3", &outside]]);
    ours.wait_for("changed from=initialize to=backup");
    // Keepalived gives both away for one.
    link.ip(THEIRS, &["link", "set", "eth1", "down"]);
    ours.wait_for("changed from=backup to=active");
    wait_for_both(OURS);
    link.ip(THEIRS, &["link", "set", "eth1", "up"]);
    wait_for_both(THEIRS);
    // Ours takes both when it is alone, and gives both away for one.
    let log = theirs.stop();
    assert!(log.contains("Group(both)") || log.contains("(both)"), "{log}");
    wait_for_both(OURS);
    ours.tell("member name=eth1 event=forbidden{cause=health why=\"a check fails\"}");
    ours.wait_for("changed from=active to=fault");
    wait_until("nobody holds either", || !link.holds(OURS, "10.0.0.100") && !link.holds(OURS, "10.1.0.100"));
    ours.tell("member name=eth1 event=allowed{cause=health}");
    wait_for_both(OURS);
    ours.stop();
}

const ROUTER: &str = env!("CARGO_BIN_EXE_vrrp_router");
