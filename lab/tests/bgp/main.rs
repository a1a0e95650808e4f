//! Do real route servers take our routes? BIRD and GoBGP on a host of their own, ours on another; what the servers say that they have
//! is what is judged.
//!
//! | file | what |
//! |---|---|
//! | `speaker.rs` | the machine with a socket under it |
//! | `bird.rs`, `frr.rs`, `gobgp.rs` | the servers, and what they say |
//! | `others.rs` | tests beside FRR and GoBGP, and servers that do not want us; here: beside BIRD |

mod bird;
mod frr;
mod gobgp;
mod link;
mod others;
mod speaker;

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use bgp::lelastic::{self, Role};
use bgp::{Attributes, Community, Event, LargeCommunity, Neighbor, Routes, State, Ttl, Why};
use bird::Bird;
use gobgp::Gobgp;
use host::clock::now;
use link::{Link, SERVER4, SERVER6, US6};
use speaker::Speaker;

/// The routes of most tests: one of each family, with everything that can be said about them.
fn routes() -> Routes {
    let said = Attributes {
        med: Some(17),
        communities: [Community(65_000, 1), Community::GRACEFUL_SHUTDOWN].into(),
        large_communities: [LargeCommunity(65_000, 7, 9)].into(),
        ..Attributes::default()
    };
    [("192.168.0.3/32", said.clone()), ("2001:db8:3::/64", said)]
        .map(|(prefix, said)| (prefix.parse().unwrap(), said))
        .into()
}

fn neighbor(server: &str) -> Neighbor {
    let mut neighbor = Neighbor::new(server.parse().unwrap(), 65_000, 65_001, Ipv4Addr::new(10, 0, 0, 2));
    neighbor.hold_time = 9;
    neighbor.ttl = Ttl::Hops(2);
    neighbor.connect_retry = Duration::from_secs(1);
    neighbor
}

fn neighbor6() -> Neighbor {
    neighbor(&format!("[{SERVER6}]:179"))
}

/// Over IPv4 an IPv6 route needs a next hop that is said.
fn neighbor4() -> Neighbor {
    Neighbor { next_hop6: Some(US6.parse().unwrap()), ..neighbor(&format!("{SERVER4}:179")) }
}

/// A speaker that announces [`routes`].
fn speaker(link: &Link, neighbor: Neighbor) -> Speaker<'_> {
    speaker_with(link, neighbor, None)
}

/// The same with a password.
fn speaker_with<'a>(link: &'a Link, neighbor: Neighbor, password: Option<&str>) -> Speaker<'a> {
    let speaker = Speaker::start_with(link, neighbor, password);
    speaker.tell(Event::Wanted { routes: routes() });
    speaker.tell(Event::Health { healthy: true });
    speaker.tell(Event::Started);
    speaker
}

#[test]
fn bird_takes_routes_and_attributes_over_ipv6_and_loses_them_when_health_goes() {
    let link = Link::lay();
    let bird = Bird::start(&link);
    let capture = link.capture();
    let us = speaker(&link, neighbor6());
    bird.wait("both routes", |bird| bird.has("us6", &["192.168.0.3/32", "2001:db8:3::/64"]));
    for prefix in ["192.168.0.3/32", "2001:db8:3::/64"] {
        let said = bird.route("us6", prefix);
        for line in [
            "BGP.origin: Incomplete",
            "BGP.as_path: 65001",
            &format!("BGP.next_hop: {US6}"),
            "BGP.med: 17",
            "BGP.community: (65000,1) (65535,0)",
            "BGP.large_community: (65000, 7, 9)",
        ] {
            assert!(said.contains(line), "{prefix} lacks {line}:\n{said}");
        }
        assert_eq!(said.matches("BGP.").count(), 7, "nothing else but its own LOCAL_PREF: {said}");
    }
    us.tell(Event::Health { healthy: false });
    bird.wait("no route", |bird| bird.has("us6", &[]));
    us.tell(Event::Health { healthy: true });
    bird.wait("both again", |bird| bird.has("us6", &["192.168.0.3/32", "2001:db8:3::/64"]));
    assert_eq!(us.state(), State::Established, "the session stood all the time");
    assert_eq!(us.stats().established, 1);
    us.tell(Event::Stopped { text: "rolling upgrade".to_owned() });
    bird.wait("the reason", |bird| bird.log().contains("rolling upgrade").then_some(()));
    bird.wait("no route", |bird| bird.has("us6", &[]));
    link.judge(capture);
}

#[test]
fn bird_takes_routes_over_ipv4() {
    let link = Link::lay();
    let bird = Bird::start(&link);
    let capture = link.capture();
    let us = speaker(&link, neighbor4());
    bird.wait("both routes", |bird| bird.has("us4", &["192.168.0.3/32", "2001:db8:3::/64"]));
    assert!(bird.route("us4", "192.168.0.3/32").contains("BGP.next_hop: 10.0.0.2"));
    assert!(bird.route("us4", "2001:db8:3::/64").contains(&format!("BGP.next_hop: {US6}")));
    us.tell(Event::Wanted { routes: Routes::new() });
    bird.wait("no route", |bird| bird.has("us4", &[]));
    assert_eq!(us.stats().withdrawn, 2);
    link.judge(capture);
}

#[test]
fn without_extended_next_hop_an_ipv4_route_over_ipv6_needs_an_address_of_ours() {
    let link = Link::lay();
    let bird = Bird::start_with(&link, |config| config.replace("extended next hop on;", ""));
    let us = speaker(&link, neighbor6());
    bird.wait("the IPv6 route", |bird| bird.has("us6", &["2001:db8:3::/64"]));
    us.wait("a word about the other", |us| {
        us.said("untold 192.168.0.3/32: no address of this host can be the next hop of IPv4 routes here")
    });
    drop(us);
    let _us = speaker(&link, Neighbor { next_hop4: Some([10, 0, 0, 2].into()), ..neighbor6() });
    bird.wait("both routes", |bird| bird.has("us6", &["192.168.0.3/32", "2001:db8:3::/64"]));
    assert!(bird.route("us6", "192.168.0.3/32").contains("BGP.next_hop: 10.0.0.2"));
}

#[test]
fn inside_of_one_as_the_path_is_empty_and_the_preference_is_said() {
    let link = Link::lay();
    let bird = Bird::start_with(&link, |config| config.replace("as 65000;", "as 65001;"));
    let us = speaker(&link, Neighbor { remote_as: 65_001, ..neighbor6() });
    bird.wait("both routes", |bird| bird.has("us6", &["192.168.0.3/32", "2001:db8:3::/64"]));
    let said = bird.route("us6", "2001:db8:3::/64");
    assert!(said.contains("BGP.local_pref: 100") && said.contains("BGP.as_path: \n"), "{said}");
    let preferred = Attributes { local_pref: Some(250), ..Attributes::default() };
    us.tell(Event::Wanted { routes: [("192.168.0.3/32".parse().unwrap(), preferred)].into() });
    bird.wait("one route", |bird| bird.has("us6", &["192.168.0.3/32"]));
    let said = bird.route("us6", "192.168.0.3/32");
    assert!(said.contains("BGP.local_pref: 250"), "{said}");
}

#[test]
fn as_numbers_are_read_by_servers_of_four_octets_and_of_two() {
    let link = Link::lay();
    let bird = Bird::start_with(&link, |config| config.replace("as 65001;", "as 4200000001;"));
    let us = speaker(&link, Neighbor { local_as: 4_200_000_001, ..neighbor6() });
    bird.wait("both routes", |bird| bird.has("us6", &["192.168.0.3/32", "2001:db8:3::/64"]));
    assert!(bird.route("us6", "192.168.0.3/32").contains("BGP.as_path: 4200000001\n"));
    drop((us, bird));
    // Such a BIRD refuses a neighbour of a large number, so that only the shape of a short path is seen here.
    let bird = Bird::start_with(&link, |config| config.replace("as 65001;", "as 65001;\n  enable as4 off;"));
    let _us = speaker(&link, neighbor6());
    bird.wait("both routes", |bird| bird.has("us6", &["192.168.0.3/32", "2001:db8:3::/64"]));
    let said = bird.route("us6", "192.168.0.3/32");
    assert!(said.contains("BGP.as_path: 65001\n"), "{said}");
}

#[test]
fn a_server_that_restarts_has_the_routes_again() {
    let link = Link::lay();
    let mut bird = Bird::start(&link);
    let us = speaker(&link, neighbor6());
    bird.wait("both routes", |bird| bird.has("us6", &["192.168.0.3/32", "2001:db8:3::/64"]));
    bird.kill();
    us.wait("the end of the session", |us| us.ended());
    bird.start_again(&link);
    bird.wait("both routes again", |bird| bird.has("us6", &["192.168.0.3/32", "2001:db8:3::/64"]));
    assert_eq!(us.stats().established, 2);
}

#[test]
fn a_server_that_hangs_is_given_up_after_the_hold_time_and_taken_back() {
    let link = Link::lay();
    let bird = Bird::start(&link);
    let us = speaker(&link, Neighbor { hold_time: 3, ..neighbor6() });
    bird.wait("both routes", |bird| bird.has("us6", &["192.168.0.3/32", "2001:db8:3::/64"]));
    bird.signal("STOP");
    us.wait("the end of the session", |us| us.ended_for(&Why::Silent));
    bird.signal("CONT");
    us.wait("a second session", |us| (us.stats().established >= 2).then_some(()));
    bird.wait("both routes again", |bird| bird.has("us6", &["192.168.0.3/32", "2001:db8:3::/64"]));
}

#[test]
fn a_server_that_resets_every_session_is_left_alone_for_longer_and_longer() {
    let link = Link::lay();
    let limit =
        |config: &str| config.replace("ipv4 { import all;", "ipv4 { import all; import limit 1 action restart;");
    let _bird = Bird::start_with(&link, limit);
    let us = speaker(&link, neighbor6());
    let said = Attributes::default();
    let two = ["192.168.0.3/32", "192.168.0.4/32"].map(|prefix| (prefix.parse().unwrap(), said.clone()));
    let begin = now();
    us.tell(Event::Wanted { routes: two.into() });
    us.wait("a reset", |us| us.said("Cease / Maximum Number of Prefixes Reached"));
    us.wait("three of them", |us| (us.stats().failures >= 3).then_some(()));
    // Pauses of 1 and 2 seconds, each at least three quarters of it.
    let took = now().since(begin);
    assert!(took >= Duration::from_millis(2_250), "{took:?}");
}

#[test]
fn a_wrong_as_is_refused_by_both_sides_with_a_reason_that_can_be_read() {
    let link = Link::lay();
    let bird = Bird::start(&link);
    let us = speaker(&link, Neighbor { remote_as: 64_999, ..neighbor6() });
    us.wait("our refusal", |us| us.ended_for(&Why::WrongAs { expected: 64_999, found: 65_000 }));
    bird.wait("its reason", |bird| bird.protocol("us6").contains("Bad peer AS").then_some(()));
    drop(us);
    let us = speaker(&link, Neighbor { local_as: 64_998, ..neighbor6() });
    us.wait("the server's refusal", |us| us.said("the peer ended the session: OPEN Message Error / Bad Peer AS"));
    assert_eq!(us.stats().established, 0);
}

#[test]
fn a_server_that_asks_for_a_refresh_gets_all_routes_of_the_family_once_more() {
    let link = Link::lay();
    let bird = Bird::start(&link);
    let us = speaker(&link, neighbor6());
    bird.wait("both routes", |bird| bird.has("us6", &["192.168.0.3/32", "2001:db8:3::/64"]));
    let before = us.stats();
    bird.ask(&["reload", "in", "us6"]);
    us.wait("all of both families", |us| (us.stats().announced == before.announced + 2).then_some(()));
    assert_eq!(us.stats().refreshes, 2, "one a family");
    assert_eq!(us.stats().established, 1);
    bird.wait("both routes", |bird| bird.has("us6", &["192.168.0.3/32", "2001:db8:3::/64"]));
}

#[test]
fn lelastics_four_route_servers_have_the_address_from_primary_and_secondary() {
    let link = Link::lay();
    let birds = [1, 2, 3, 4].map(|n| Bird::start_for_lelastic(&link, n));
    for (role, community) in [(Role::Primary, "(65000,1)"), (Role::Secondary, "(65000,2)")] {
        let wanted = ["192.168.0.3", "2001:db8:3::3"]
            .map(|address| lelastic::prefix(address.parse().unwrap(), lelastic::USUAL_BITS))
            .map(|prefix| (prefix, lelastic::attributes(role)));
        let servers = lelastic::neighbors(18).unwrap();
        let speakers = servers.map(|server| {
            let speaker = Speaker::start(&link, server);
            speaker.tell(Event::Wanted { routes: wanted.clone().into() });
            speaker.tell(Event::Health { healthy: true });
            speaker.tell(Event::Started);
            speaker
        });
        for (bird, speaker) in birds.iter().zip(&speakers) {
            bird.wait("both routes", |bird| bird.has("us6", &["192.168.0.3/32", "2001:db8:3::/64"]));
            for prefix in ["192.168.0.3/32", "2001:db8:3::/64"] {
                let said = bird.route("us6", prefix);
                assert!(said.contains(&format!("BGP.community: {community}\n")), "{said}");
                assert!(said.contains("BGP.origin: Incomplete"), "{said}");
            }
            assert_eq!(speaker.state(), State::Established);
        }
        for speaker in &speakers {
            speaker.tell(Event::Stopped { text: "the other one".to_owned() });
        }
        birds.iter().for_each(|bird| bird.wait("no route", |bird| bird.has("us6", &[])));
    }
}

#[test]
fn a_server_with_a_password_hears_only_who_signs_with_it() {
    let link = Link::lay();
    let bird =
        Bird::start_with(&link, |config| config.replace("multihop;", "multihop;\n  password \"secret of two\";"));
    for (mut neighbor, session) in [(neighbor6(), "us6"), (neighbor4(), "us4")] {
        for wrong in [None, Some("secret of tvo")] {
            neighbor.md5 = wrong.is_some();
            let us = speaker_with(&link, neighbor.clone(), wrong);
            us.wait("an attempt without an answer", |us| (us.stats().refused >= 1).then_some(()));
            assert_eq!(us.stats().established, 0, "{wrong:?}");
        }
        neighbor.md5 = true;
        let _us = speaker_with(&link, neighbor, Some("secret of two"));
        bird.wait("both routes", |bird| bird.has(session, &["192.168.0.3/32", "2001:db8:3::/64"]));
    }
}

#[test]
fn rfc5082_a_server_on_the_link_hears_who_is_on_the_link() {
    let link = Link::lay();
    let direct = |config: &str| config.replace("multihop;", "direct;\n  ttl security on;");
    let bird = Bird::start_with(&link, direct);
    for (neighbor, session) in [(neighbor6(), "us6"), (neighbor4(), "us4")] {
        let local = if session == "us6" { US6 } else { "10.0.0.2" };
        let local = Some(local.parse().unwrap());
        let us = speaker(&link, Neighbor { ttl: Ttl::Security(1), local, ..neighbor.clone() });
        bird.wait("both routes", |bird| bird.has(session, &["192.168.0.3/32", "2001:db8:3::/64"]));
        drop(us);
        bird.wait("no route", |bird| bird.has(session, &[]));
        // As if it came from further away: the system still connects, and then the server hears nothing.
        let us = speaker(&link, Neighbor { ttl: Ttl::Hops(254), hold_time: 3, ..neighbor });
        us.wait("silence", |us| us.ended_for(&Why::Silent));
        // BIRD asks for the distance when it has accepted, so that it may have heard a first word. It hears no route.
        assert!(bird.has(session, &[]).is_some());
    }
}

#[test]
fn rfc5082_we_hear_who_is_on_the_link_only_where_that_is_asked() {
    let link = Link::lay();
    // Its packets live for 64 hops: they could have come from anywhere.
    let bird = Bird::start(&link);
    for (neighbor, session) in [(neighbor6(), "us6"), (neighbor4(), "us4")] {
        let us = speaker(&link, Neighbor { ttl: Ttl::Security(1), hold_time: 3, ..neighbor.clone() });
        let gives_up = format!("{session}: Error: Hold timer expired");
        bird.wait("the server's patience", |bird| bird.log().contains(&gives_up).then_some(()));
        assert_eq!(us.state(), State::OpenSent, "it heard us, and we did not hear its answer");
        drop(us);
        let _us = speaker(&link, Neighbor { ttl: Ttl::Security(192), ..neighbor });
        bird.wait("both routes", |bird| bird.has(session, &["192.168.0.3/32", "2001:db8:3::/64"]));
    }
}

#[test]
fn gobgp_takes_routes_and_attributes_and_loses_them() {
    let link = Link::lay();
    let gobgp = Gobgp::start(&link);
    let us = speaker(&link, neighbor6());
    let four = gobgp.wait("the IPv4 route", |gobgp| gobgp.route("ipv4", "192.168.0.3/32"));
    let six = gobgp.wait("the IPv6 route", |gobgp| gobgp.route("ipv6", "2001:db8:3::/64"));
    for route in [four, six] {
        assert_eq!(route.path, [65_001]);
        assert_eq!(route.next_hop, US6);
        assert_eq!(route.origin, 2);
        assert_eq!(route.med, Some(17));
        assert_eq!(route.communities, BTreeSet::from([65_000 << 16 | 1, 0xFFFF_0000]));
        assert_eq!(route.large_communities, ["65000:7:9"]);
    }
    us.tell(Event::Health { healthy: false });
    gobgp.wait("no route", |gobgp| gobgp.route("ipv4", "192.168.0.3/32").is_none().then_some(()));
    gobgp.wait("no route", |gobgp| gobgp.route("ipv6", "2001:db8:3::/64").is_none().then_some(()));
    assert_eq!((us.state(), us.stats().established), (State::Established, 1));
    us.tell(Event::Stopped { text: "rolling upgrade".to_owned() });
    gobgp.wait("the reason", |gobgp| gobgp.log().contains("rolling upgrade").then_some(()));
}
