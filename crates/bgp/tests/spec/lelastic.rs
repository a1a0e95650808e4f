//! The preset says what lelastic does (scenario A), and it can be told to any other neighbour what is impossible about it.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::rig::{neighbor4, neighbor6};
use bgp::lelastic::{Role, attributes, neighbors, prefix};
use bgp::neighbor::Misconfigured;
use bgp::{Community, Family, LargeCommunity, Neighbor, Origin, Ttl};

#[test]
fn four_route_servers_by_the_number_of_the_data_centre() {
    let servers = neighbors(18).unwrap();
    let addresses: Vec<String> = servers.iter().map(|server| server.remote.to_string()).collect();
    let expected = ["1", "2", "3", "4"].map(|n| format!("[2600:3c0f:18:34::{n}]:179"));
    assert_eq!(addresses, expected);
    for server in servers {
        assert_eq!((server.local_as, server.remote_as), (65_001, 65_000));
        assert_eq!((server.hold_time, server.connect_retry), (9, Duration::from_secs(5)));
        assert_eq!((server.ttl, server.md5), (Ttl::Hops(16), false));
        assert_eq!(server.families, BTreeSet::from(Family::ALL));
        assert_eq!(server.check(), []);
        assert!(!server.is_internal());
    }
    assert_eq!(neighbors(207).unwrap()[0].remote.ip().to_string(), "2600:3c0f:207:34::1");
    for none in [0, 1, 10_000] {
        assert_eq!(neighbors(none), None, "{none}");
    }
}

#[test]
fn a_community_says_who_is_primary() {
    for (role, community) in [(Role::Primary, Community(65_000, 1)), (Role::Secondary, Community(65_000, 2))] {
        let said = attributes(role);
        assert_eq!(said.communities, BTreeSet::from([community]));
        assert_eq!((said.origin, said.med, said.prepend), (Origin::Incomplete, None, 0));
        assert_eq!(said.large_communities, BTreeSet::<LargeCommunity>::new());
    }
}

#[test]
fn ipv4_is_announced_alone_and_ipv6_as_its_network() {
    for (address, bits, expected) in [
        ("192.168.0.3", 64, "192.168.0.3/32"),
        ("2001:db8:1:2:3::4", 64, "2001:db8:1:2::/64"),
        ("2001:db8:1:2ff:3::4", 56, "2001:db8:1:200::/56"),
    ] {
        assert_eq!(prefix(address.parse().unwrap(), bits).to_string(), expected);
    }
}

#[test]
fn what_is_impossible_about_a_neighbour_is_said_all_at_once() {
    assert_eq!(neighbor4().check(), []);
    let one = |change: fn(&mut Neighbor)| {
        let mut neighbor = neighbor4();
        change(&mut neighbor);
        neighbor.check()
    };
    assert_eq!(one(|n| n.hold_time = 2), [Misconfigured::HoldTime(2)]);
    assert_eq!(one(|n| n.remote_as = 0), [Misconfigured::As(0)]);
    assert_eq!(one(|n| n.local_as = 23_456), [Misconfigured::As(23_456)]);
    assert_eq!(one(|n| n.identifier = [0, 0, 0, 0].into()), [Misconfigured::Identifier]);
    assert_eq!(one(|n| n.identifier = [224, 0, 0, 1].into()), [Misconfigured::Identifier]);
    assert_eq!(one(|n| n.families.clear()), [Misconfigured::Families]);
    assert_eq!(one(|n| n.ttl = Ttl::Hops(0)), [Misconfigured::Ttl]);
    assert_eq!(one(|n| n.remote.set_port(0)), [Misconfigured::Remote]);
    assert_eq!(one(|n| n.local = Some("::1".parse().unwrap())), [Misconfigured::Local]);
    assert_eq!(one(|n| n.connect_retry = Duration::ZERO), [Misconfigured::ConnectRetry]);
    let mut hopeless = neighbor6();
    (hopeless.hold_time, hopeless.remote_as, hopeless.ttl) = (1, 65_535, Ttl::Security(0));
    let all: Vec<String> = hopeless.check().iter().map(ToString::to_string).collect();
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(all[0].starts_with("65535 is reserved"), "{all:?}");
}

#[test]
fn rfc5082_what_comes_from_further_away_is_not_heard() {
    assert_eq!((Ttl::Hops(16).of_packets(), Ttl::Hops(16).least()), (16, None));
    assert_eq!((Ttl::Security(1).of_packets(), Ttl::Security(1).least()), (255, Some(255)));
    assert_eq!(Ttl::Security(3).least(), Some(253));
}
