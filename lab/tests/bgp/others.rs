//! The same beside GoBGP and FRR, and servers that do not want us.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use bgp::{Event, Neighbor, State, Ttl, Why};
use host::clock::now;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;

use crate::bird::Bird;
use crate::frr::Frr;
use crate::gobgp::Gobgp;
use crate::link::{Link, SERVER6, US6};
use crate::{neighbor6, speaker, speaker_with};

#[test]
fn frr_takes_routes_and_attributes_asks_for_them_again_and_loses_them() {
    let link = Link::lay();
    let frr = Frr::start(&link, &["ebgp-multihop 16"]);
    let capture = link.capture();
    let us = speaker(&link, neighbor6());
    for prefix in ["192.168.0.3/32", "2001:db8:3::/64"] {
        let route = frr.wait("the route", |frr| frr.route(prefix));
        let hops = route["nexthops"].as_array().into_iter().flatten();
        assert!(hops.filter_map(|hop| hop["ip"].as_str()).any(|ip| ip == US6), "{route}");
        let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
        let said = [&route["aspath"]["string"], &route["origin"], &route["largeCommunity"]["string"]].map(text);
        assert_eq!(said, ["65001", "incomplete", "65000:7:9"], "{route}");
        assert_eq!(route["metric"], 17, "{route}");
        let communities = text(&route["community"]["string"]);
        let communities: BTreeSet<&str> = communities.split_whitespace().collect();
        assert_eq!(communities, BTreeSet::from(["65000:1", "graceful-shutdown"]), "{route}");
    }
    let before = us.stats();
    for family in ["ipv4", "ipv6"] {
        frr.ask(&format!("clear bgp {family} unicast {US6} soft in"));
    }
    us.wait("all of both families", |us| (us.stats().announced >= before.announced + 2).then_some(()));
    us.tell(Event::Health { healthy: false });
    for prefix in ["192.168.0.3/32", "2001:db8:3::/64"] {
        frr.wait("no route", |frr| frr.route(prefix).is_none().then_some(()));
    }
    assert_eq!((us.state(), us.stats().established), (State::Established, 1), "the session stood all the time");
    us.tell(Event::Health { healthy: true });
    frr.wait("the route again", |frr| frr.route("192.168.0.3/32"));
    us.tell(Event::Stopped { text: "rolling upgrade".to_owned() });
    frr.wait("the reason", |frr| {
        frr.ask(&format!("show bgp neighbors {US6}")).contains("Cease/Administrative Shutdown").then_some(())
    });
    // It clears its table in its own time.
    frr.wait("no route", |frr| frr.route("192.168.0.3/32").is_none().then_some(()));
    link.judge(capture);
}

#[test]
fn frr_with_a_password_hears_only_who_signs_and_we_it_from_near() {
    let link = Link::lay();
    let frr = Frr::start(&link, &["password secret", "ttl-security hops 1"]);
    let near = Neighbor { ttl: Ttl::Security(1), md5: true, ..neighbor6() };
    let us = speaker_with(&link, near.clone(), Some("sekret"));
    us.wait("an attempt without an answer", |us| (us.stats().refused >= 1).then_some(()));
    assert_eq!(us.stats().established, 0);
    drop(us);
    let _us = speaker_with(&link, near, Some("secret"));
    for prefix in ["192.168.0.3/32", "2001:db8:3::/64"] {
        frr.wait("the route", |frr| frr.route(prefix));
    }
}

#[test]
fn gobgp_with_a_password_is_heard_from_near_and_may_not_want_us() {
    let link = Link::lay();
    let gobgp = Gobgp::start_with(&link, "auth-password = \"secret\"\n", NEAR);
    let near = Neighbor { ttl: Ttl::Security(1), md5: true, ..neighbor6() };
    let us = speaker_with(&link, near.clone(), Some("sekret"));
    us.wait("an attempt without an answer", |us| (us.stats().refused >= 1).then_some(()));
    drop(us);
    let us = speaker_with(&link, near, Some("secret"));
    gobgp.wait("the IPv4 route", |gobgp| gobgp.route("ipv4", "192.168.0.3/32"));
    gobgp.wait("the IPv6 route", |gobgp| gobgp.route("ipv6", "2001:db8:3::/64"));
    assert_eq!(us.stats().established, 1);
    // Its operator shuts the session down, and opens it again: meanwhile it takes connections, and ends each without a word.
    gobgp.ask(&["neighbor", US6, "shutdown"]);
    us.wait("the reason", |us| us.said("Cease / Administrative Shutdown"));
    us.wait("a connection that is ended", |us| us.said("the connection ended without a word"));
    gobgp.ask(&["neighbor", US6, "enable"]);
    us.wait("a second session", |us| (us.stats().established >= 2).then_some(()));
    gobgp.wait("the IPv4 route again", |gobgp| gobgp.route("ipv4", "192.168.0.3/32"));
}

/// A cut that ends nothing: each side finds out by itself, the server for as long as we said that it may wait.
#[test]
fn a_server_that_hears_nothing_any_more_gives_our_routes_up_after_the_hold_time() {
    let link = Link::lay();
    let bird = Bird::start(&link);
    let us = speaker(&link, Neighbor { hold_time: 3, ..neighbor6() });
    bird.wait("both routes", |bird| bird.has("us6", &["192.168.0.3/32", "2001:db8:3::/64"]));
    link.network.unplug("us");
    bird.wait("no route", |bird| bird.has("us6", &[]));
    assert!(bird.log().contains("Hold timer expired"), "{}", bird.log());
    us.wait("the end of the session here", |us| us.ended_for(&Why::Silent));
    link.network.plug("us");
    // What an interface loses with its cable.
    bird.wait("both routes again", |bird| bird.has("us6", &["192.168.0.3/32", "2001:db8:3::/64"]));
    assert_eq!(us.stats().established, 2);
}

/// Whoever answers each connection with NOTIFICATION, before any OPEN: Cease / Connection Rejected (RFC 4486).
#[test]
fn a_server_that_refuses_us_at_once_is_asked_ever_less_often() {
    let link = Link::lay();
    let network = File::open(link.namespace_of("server")).expect("the namespace has a file");
    let (ends, came) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let (end, count) = (Arc::clone(&ends), Arc::clone(&came));
    let server = thread::spawn(move || {
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may enter it");
        let listener = TcpListener::bind((SERVER6, 179)).expect("nobody else is there");
        listener.set_nonblocking(true).expect("a socket can be asked without waiting");
        while !end.load(Ordering::Relaxed) {
            let Ok((mut stream, _)) = listener.accept() else {
                thread::sleep(Duration::from_millis(5));
                continue;
            };
            count.fetch_add(1, Ordering::Relaxed);
            let mut notification = vec![0xFF; 16];
            notification.extend([0, 21, 3, 6, 5]);
            let _ = stream.set_nonblocking(false).and_then(|()| stream.write_all(&notification));
            // What is unread when it closes would be a reset, and our word lost.
            let _ = stream.set_read_timeout(Some(Duration::from_secs(1))).and_then(|()| stream.read(&mut [0; 512]));
        }
    });
    let begin = now();
    let us = speaker(&link, neighbor6());
    us.wait("its word", |us| us.said("Cease / Connection Rejected"));
    us.wait("three of them", |us| (us.stats().failures >= 3).then_some(()));
    // Pauses of 1 and 2 seconds, each at least three quarters of it.
    let took = now().since(begin);
    assert!(took >= Duration::from_millis(2_250), "{took:?}");
    assert!(came.load(Ordering::Relaxed) <= 4, "{came:?} connections in {took:?}");
    assert_eq!(us.stats().established, 0);
    drop(us);
    ends.store(true, Ordering::Relaxed);
    server.join().expect("it has not panicked");
    // Another one in its place has us.
    let bird = Bird::start(&link);
    let _us = speaker(&link, neighbor6());
    bird.wait("both routes", |bird| bird.has("us6", &["192.168.0.3/32", "2001:db8:3::/64"]));
}

/// GoBGP's words for RFC 5082.
const NEAR: &str = "[neighbors.ttl-security.config]\nenabled = true\nttl-min = 255\n";
