//! What the peer has from us becomes what is wanted (B4): the difference is sent, in every session anew, with next hop self, and nothing
//! while the host is not healthy. What cannot be told is said.

use crate::rig::{Rig, message, neighbor4, neighbor6, open, routes};
use bgp::message::{AS_TRANS, Capability, PREFIXES};
use bgp::peer::{MAX_ROUTES, MAX_UNSENT};
use bgp::route::MAX_COMMUNITIES;
use bgp::{Attributes, Community, Event, Family, Neighbor, Origin, Prefix, Routes, State};

fn plain() -> Attributes {
    Attributes::default()
}

fn with_med(med: u32) -> Attributes {
    Attributes { med: Some(med), ..plain() }
}

#[test]
fn only_the_difference_is_sent() {
    let mut rig = Rig::new(neighbor6());
    rig.establish();
    let said = rig.want(&[("192.0.2.7/32", plain()), ("2001:db8:7::/64", plain())]);
    let both = ["announce 192.0.2.7/32 by 2001:db8::2", "announce 2001:db8:7::/64 by 2001:db8::2", "told +2 -0"];
    assert_eq!(said, both);
    assert!(rig.want(&[("192.0.2.7/32", plain()), ("2001:db8:7::/64", plain())]).is_empty(), "nothing is new");
    let said = rig.want(&[("192.0.2.7/32", with_med(5)), ("192.0.2.8/32", plain())]);
    let changed = [
        "withdraw 2001:db8:7::/64",
        "announce 192.0.2.7/32 by 2001:db8::2",
        "announce 192.0.2.8/32 by 2001:db8::2",
        "told +2 -1",
    ];
    assert_eq!(said, changed);
    assert_eq!(rig.want(&[]), ["withdraw 192.0.2.7/32 192.0.2.8/32", "told +0 -2"]);
    assert!(rig.want(&[]).is_empty());
}

#[test]
fn a_host_that_is_not_healthy_announces_nothing() {
    let mut rig = Rig::new(neighbor4());
    rig.event(Event::Wanted { routes: routes(&[("192.0.2.7/32", plain())]) });
    rig.establish();
    assert_eq!(rig.peer.stats().announced, 0, "its health is not known yet");
    assert_eq!(rig.event(Event::Health { healthy: true }), ["announce 192.0.2.7/32 by 192.0.2.2", "told +1 -0"]);
    assert!(rig.event(Event::Health { healthy: true }).is_empty());
    assert_eq!(rig.event(Event::Health { healthy: false }), ["withdraw 192.0.2.7/32", "told +0 -1"]);
    rig.closed();
    let said = rig.establish();
    assert!(!said.iter().any(|line| line.starts_with("announce")), "not in a new session either: {said:?}");
    assert!(rig.peer.explain().contains("not healthy"), "{}", rig.peer.explain());
}

#[test]
fn every_session_begins_with_all_routes() {
    let mut rig = Rig::new(neighbor4());
    rig.want(&[("192.0.2.7/32", plain())]);
    for _ in 0..3 {
        let said = rig.establish();
        assert!(said.contains(&"announce 192.0.2.7/32 by 192.0.2.2".to_owned()), "{said:?}");
        rig.closed();
    }
    assert_eq!(rig.peer.stats().established, 3);
}

#[test]
fn rfc2918_a_refresh_is_answered_by_all_routes_of_its_family() {
    let mut rig = Rig::new(neighbor6());
    rig.want(&[("192.0.2.7/32", plain()), ("2001:db8:7::/64", plain())]);
    rig.establish();
    let refresh = |afi, subtype, safi| message(5, &[0, afi, subtype, safi]);
    let said = rig.bytes(refresh(1, 0, 1));
    assert_eq!(said, ["announce 192.0.2.7/32 by 2001:db8::2", "told +1 -0"]);
    let said = rig.bytes([refresh(2, 0, 1), refresh(2, 0, 1), refresh(2, 0, 1)].concat());
    assert_eq!(said, ["announce 2001:db8:7::/64 by 2001:db8::2", "told +1 -0"], "asked three times in a breath");
    for other in [refresh(1, 0, 128), refresh(25, 0, 70), refresh(1, 1, 1), refresh(1, 2, 1)] {
        assert!(rig.bytes(other).is_empty());
    }
    assert_eq!(rig.peer.state(), State::Established);
    // What was asked for once more and is withdrawn in the meantime is withdrawn.
    rig.reads = false;
    fill(&mut rig);
    rig.bytes(refresh(1, 0, 1));
    rig.event(Event::Health { healthy: false });
    rig.reads = true;
    let said = rig.event(Event::Sent { conn: rig.conn, bytes: rig.peer.unsent() });
    assert!(said.iter().all(|line| !line.starts_with("announce")), "{said:?}");
    assert!(said.iter().any(|line| line.contains("192.0.2.7/32")), "{said:?}");
}

/// Changes attributes until no more may be sent.
fn fill(rig: &mut Rig) {
    for med in 0.. {
        if rig.peer.unsent() >= MAX_UNSENT {
            return;
        }
        rig.want(&[("192.0.2.7/32", with_med(med)), ("2001:db8:7::/64", with_med(med))]);
    }
}

#[test]
fn b1_updates_wait_while_the_peer_does_not_read() {
    let mut rig = Rig::new(neighbor6());
    rig.establish();
    rig.reads = false;
    fill(&mut rig);
    let full = rig.peer.unsent();
    assert!(full < MAX_UNSENT + 4096);
    for med in 0..100 {
        assert!(rig.want(&[("192.0.2.7/32", with_med(1_000_000 + med))]).is_empty());
    }
    assert_eq!(rig.peer.unsent(), full);
    let (timer, said) = rig.sleep();
    assert_eq!((timer, said.len()), (bgp::Timer::Keepalive, 0), "nor does a KEEPALIVE go out");
    assert_eq!((rig.peer.unsent(), rig.peer.stats().held_back), (full, 1));
    rig.reads = true;
    let said = rig.event(Event::Sent { conn: rig.conn, bytes: full });
    let last = ["withdraw 2001:db8:7::/64", "announce 192.0.2.7/32 by 2001:db8::2", "told +1 -1"];
    assert_eq!(said, last, "of a hundred changes only the last is told");
}

#[test]
fn b1_more_routes_than_the_bound_are_not_kept() {
    let mut rig = Rig::new(neighbor4());
    rig.establish();
    let many = (0..=u32::try_from(MAX_ROUTES).unwrap()).map(|n| Prefix::host((0x0A00_0000 + n).to_be_bytes().into()));
    let many: Routes = many.map(|prefix| (prefix, plain())).collect();
    rig.event(Event::Wanted { routes: many });
    let said = rig.event(Event::Health { healthy: true });
    let messages = said.iter().filter(|line| line.starts_with("announce")).count();
    assert_eq!(messages, MAX_ROUTES.div_ceil(PREFIXES));
    assert_eq!(said[messages], format!("told +{MAX_ROUTES} -0"));
    assert_eq!(said[messages + 1..], ["untold 10.0.4.0/32: there are more routes than a session may carry"]);
}

#[test]
fn rfc8950_ipv4_over_ipv6_needs_the_peers_word_or_an_address() {
    let route = [("192.0.2.7/32", plain())];
    let mut without = open();
    without.capabilities.retain(|capability| *capability != Capability::ExtendedNextHop);

    let mut rig = Rig::new(neighbor6());
    rig.want(&route);
    let said = rig.establish_with(&without);
    let untold = "untold 192.0.2.7/32: no address of this host can be the next hop of IPv4 routes here";
    assert_eq!(said[1..], [untold]);

    let mut rig = Rig::new(Neighbor { next_hop4: Some([198, 51, 100, 2].into()), ..neighbor6() });
    rig.want(&route);
    let said = rig.establish_with(&without);
    assert_eq!(said[1..], ["announce 192.0.2.7/32 by 198.51.100.2", "told +1 -0"]);
}

#[test]
fn rfc2545_ipv6_over_ipv4_needs_an_address() {
    let route = [("2001:db8:7::/64", plain())];
    let mut rig = Rig::new(neighbor4());
    rig.want(&route);
    let said = rig.establish();
    assert_eq!(said[1], "untold 2001:db8:7::/64: no address of this host can be the next hop of IPv6 routes here");
    let mut rig = Rig::new(Neighbor { next_hop6: Some("2001:db8::5".parse().unwrap()), ..neighbor4() });
    rig.want(&route);
    let said = rig.establish();
    assert_eq!(said[1], "announce 2001:db8:7::/64 by 2001:db8::5");
}

#[test]
fn rfc2545_an_address_of_the_link_is_no_next_hop() {
    let mut rig = Rig::new(neighbor6());
    rig.want(&[("2001:db8:7::/64", plain()), ("192.0.2.7/32", plain())]);
    rig.start();
    rig.event(Event::Connected { conn: rig.conn, local: "fe80::2".parse().unwrap() });
    rig.bytes(open().to_bytes());
    let said = rig.bytes(bgp::message::keepalive());
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[1..].iter().all(|line| line.contains("no address of this host")), "{said:?}");
}

#[test]
fn rfc4760_only_families_of_both_sides_are_told() {
    let mut rig = Rig::new(neighbor6());
    rig.want(&[("192.0.2.7/32", plain()), ("2001:db8:7::/64", plain())]);
    let mut theirs = open();
    theirs.capabilities.remove(0);
    let said = rig.establish_with(&theirs);
    let expected = [
        "announce 2001:db8:7::/64 by 2001:db8::2",
        "told +1 -0",
        "untold 192.0.2.7/32: the peer does not carry IPv4 routes",
    ];
    assert_eq!(said[1..], expected);
    // Who names no family carries IPv4.
    let mut rig = Rig::new(Neighbor { next_hop4: Some([198, 51, 100, 2].into()), ..neighbor6() });
    rig.want(&[("192.0.2.7/32", plain()), ("2001:db8:7::/64", plain())]);
    let mut theirs = open();
    theirs.capabilities = vec![Capability::FourOctetAs(65_000)];
    let said = rig.establish_with(&theirs);
    assert_eq!(said[1], "announce 192.0.2.7/32 by 198.51.100.2");
    assert_eq!(said[3], "untold 2001:db8:7::/64: the peer does not carry IPv6 routes");
}

#[test]
fn what_has_no_room_in_a_message_is_not_told_and_does_not_hold_up_the_rest() {
    let mut rig = Rig::new(neighbor4());
    rig.establish();
    let too_many = u16::try_from(MAX_COMMUNITIES).unwrap() + 1;
    let crowded = Attributes { communities: (0..too_many).map(|n| Community(65_000, n)).collect(), ..plain() };
    let wanted = [("192.0.2.7/32", crowded.clone()), ("192.0.2.8/32", plain()), ("224.0.0.5/32", plain())];
    let said = rig.want(&wanted);
    let expected = [
        "announce 192.0.2.8/32 by 192.0.2.2",
        "told +1 -0",
        "untold 192.0.2.7/32: it has more communities, or a longer path, than a message has room for",
        "untold 224.0.0.5/32: multicast addresses are not announced",
    ];
    assert_eq!(said, expected);
    assert!(rig.want(&wanted).is_empty(), "said once");
    let other = Attributes { med: Some(1), ..crowded };
    let said = rig.want(&[("192.0.2.7/32", other), ("192.0.2.8/32", plain())]);
    assert_eq!(said, [expected[2]], "another one is complained of again");
    let said = rig.want(&wanted);
    assert_eq!(said, expected[2..], "so is one that comes back");
}

/// The octets of two-octet paths are checked here: the oracles put true numbers back before they show a path.
#[test]
fn rfc6793_a_peer_of_two_octets_sees_a_stand_in() {
    let paths = bgp::message::Paths { local_as: 4_200_000_000, internal: false, four_octet_as: false };
    let prefixes = ["192.0.2.7/32".parse().unwrap()];
    let bytes = paths.announce(crate::rig::local4(), &plain(), &prefixes);
    let [high, low] = AS_TRANS.to_be_bytes();
    let as_path = [0x40, 2, 4, 2, 1, high, low];
    assert!(bytes.windows(as_path.len()).any(|window| window == as_path), "{bytes:02x?}");
    let [a, b, c, d] = 4_200_000_000_u32.to_be_bytes();
    let as4_path = [0xC0, 17, 6, 2, 1, a, b, c, d];
    assert!(bytes.windows(as4_path.len()).any(|window| window == as4_path), "{bytes:02x?}");
}

#[test]
fn s5_1_inside_of_one_as_the_path_is_empty_and_a_preference_is_said() {
    let mut neighbor = neighbor4();
    neighbor.remote_as = neighbor.local_as;
    let mut rig = Rig::new(neighbor);
    rig.want(&[("192.0.2.7/32", Attributes { local_pref: Some(50), origin: Origin::Igp, ..plain() })]);
    rig.establish_with(&crate::rig::open_of(65_001));
    assert_eq!(rig.peer.stats().announced, 1, "the server that read it saw LOCAL_PREF and an empty path");
    let mut theirs = crate::rig::open_of(65_001);
    theirs.identifier = [192, 0, 2, 2].into();
    rig.closed();
    rig.sleep();
    rig.connected();
    let said = rig.bytes(theirs.to_bytes());
    assert_eq!(said[0], "notification OPEN Message Error / Bad BGP Identifier", "RFC 6286: two with the same");
}

#[test]
fn prefixes_are_written_and_read() {
    for text in ["0.0.0.0/0", "192.0.2.0/24", "192.0.2.7/32", "::/0", "2001:db8::/32", "2001:db8::1/128"] {
        assert_eq!(text.parse::<Prefix>().unwrap().to_string(), text);
    }
    for text in ["192.0.2.7", "192.0.2.7/33", "192.0.2.7/24", "2001:db8::/129", "2001:db8::1/64", "x/8", "1.2.3.4/+8"] {
        assert!(text.parse::<Prefix>().is_err(), "{text}");
    }
    assert_eq!(Prefix::new([10, 1, 2, 3].into(), 8).unwrap().to_string(), "10.0.0.0/8");
    assert_eq!("65000:1".parse(), Ok(Community(65_000, 1)));
    for text in ["65536:1", "65000", "65000:1:2", "-1:1", "+1:1"] {
        assert!(text.parse::<Community>().is_err(), "{text}");
    }
    assert!("1:2:3".parse::<bgp::LargeCommunity>().is_ok() && "1:2".parse::<bgp::LargeCommunity>().is_err());
    assert_eq!(Prefix::host([10, 1, 2, 3].into()).family(), Family::Ipv4);
}
