//! The states and timers of RFC 4271 8, and the errors of its section 6, sentence by sentence where they concern a speaker that never
//! listens and imports nothing.

use std::time::Duration;

use crate::rig::{Rig, message, neighbor4, neighbor6, notify, open, open_of};
use bgp::message::{Capability, Open, keepalive};
use bgp::peer::{OPEN_HOLD, SEND_HOLD};
use bgp::{Attributes, Conn, Event, Family, Neighbor, State, Timer};
use machine::Machine as _;

#[test]
fn s8_2_2_a_session_comes_to_stand_and_tells_its_routes() {
    let mut rig = Rig::new(neighbor4());
    assert!(rig.want(&[("203.0.113.9/32", Attributes::default())]).is_empty());
    assert_eq!(rig.start(), ["connect 192.0.2.1:179", "Idle -> Connect: the session is wanted"]);
    assert_eq!(rig.connected(), ["open AS65001 hold 90", "Connect -> OpenSent: connected"]);
    let agreed = ["keepalive", "OpenSent -> OpenConfirm: the peer's OPEN is accepted"];
    assert_eq!(rig.bytes(open().to_bytes()), agreed);
    let told =
        ["OpenConfirm -> Established: the peer accepted ours", "announce 203.0.113.9/32 by 192.0.2.2", "told +1 -0"];
    assert_eq!(rig.bytes(keepalive()), told);
}

#[test]
fn s8_1_2_nothing_happens_before_it_is_wanted_and_nothing_after() {
    let mut rig = Rig::new(neighbor4());
    assert!(rig.peer.deadline().is_none());
    rig.establish();
    let stopped = rig.event(Event::Stopped { text: "maintenance".to_owned() });
    let cease = "notification Cease / Administrative Shutdown \"maintenance\"";
    assert_eq!(stopped, [cease, "close", "Established -> Idle: stopped: maintenance"]);
    assert!(rig.peer.deadline().is_none());
    assert!(rig.event(Event::Stopped { text: String::new() }).is_empty());
    assert!(rig.start()[0].starts_with("connect"), "wanted again");
}

#[test]
fn s8_2_2_a_clean_stop_withdraws_first() {
    let mut rig = Rig::new(neighbor4());
    rig.want(&[("203.0.113.9/32", Attributes::default()), ("2001:db8:9::/64", Attributes::default())]);
    rig.establish();
    let stopped = rig.event(Event::Stopped { text: String::new() });
    // The IPv6 route was never told: over IPv4 there is no next hop for it.
    let expected = [
        "withdraw 203.0.113.9/32",
        "told +0 -1",
        "notification Cease / Administrative Shutdown",
        "close",
        "Established -> Idle: stopped: ",
    ];
    assert_eq!(stopped, expected);
    let again = rig.establish();
    assert!(again.contains(&"announce 203.0.113.9/32 by 192.0.2.2".to_owned()), "wanted is what was wanted: {again:?}");
}

#[test]
fn s8_2_2_stop_ends_what_is_under_way() {
    let mut rig = Rig::new(neighbor4());
    rig.start();
    let stopped = rig.event(Event::Stopped { text: "x".to_owned() });
    assert_eq!(stopped, ["close", "Connect -> Idle: stopped: x"]);
    rig.start();
    rig.connected();
    let stopped = rig.event(Event::Stopped { text: "x".to_owned() });
    assert_eq!(
        stopped,
        ["notification Cease / Administrative Shutdown \"x\"", "close", "OpenSent -> Idle: stopped: x"]
    );
    rig.start();
    rig.refused();
    assert!(rig.event(Event::Stopped { text: "x".to_owned() }).is_empty());
    assert!(rig.peer.deadline().is_none(), "the pause is over too");
}

#[test]
fn s8_2_2_a_connection_that_nobody_answers_is_tried_anew() {
    let mut rig = Rig::new(neighbor4());
    rig.start();
    let before = rig.now;
    let (timer, said) = rig.sleep();
    assert_eq!(timer, Timer::ConnectRetry);
    let retry = Duration::from_secs(5);
    let took = rig.now.since(before);
    assert!(took <= retry && took > retry * 3 / 4, "{took:?}");
    assert_eq!(said, ["close", "connect 192.0.2.1:179", "Connect -> Connect: nobody answered the attempt to connect"]);
    // What is said of the one before is of no interest.
    assert!(rig.event(Event::Connected { conn: Conn(1), local: crate::rig::local4() }).is_empty());
    assert_eq!(rig.peer.stats().stray, 1);
}

#[test]
fn s4_4_keepalives_come_at_a_third_of_the_hold_time_with_jitter() {
    let mut rig = Rig::new(neighbor4());
    let mut theirs = open();
    theirs.hold_time = 30;
    rig.establish_with(&theirs);
    let mut pauses = Vec::new();
    for _ in 0..20 {
        let before = rig.now;
        let (timer, said) = rig.sleep();
        assert_eq!((timer, said), (Timer::Keepalive, vec!["keepalive".to_owned()]));
        pauses.push(rig.now.since(before));
        rig.bytes(keepalive());
    }
    let third = Duration::from_secs(10);
    assert!(pauses.iter().all(|&pause| pause <= third && pause >= third * 3 / 4), "{pauses:?}");
    assert!(pauses.windows(2).any(|two| two[0] != two[1]), "they vary: {pauses:?}");
}

#[test]
fn s6_5_a_silent_peer_is_gone_after_the_lower_hold_time() {
    for (ours, theirs, expected) in [(90, 9, 9), (9, 90, 9), (3, 3, 3)] {
        let mut neighbor = neighbor4();
        neighbor.hold_time = ours;
        let mut rig = Rig::new(neighbor);
        let mut open = open();
        open.hold_time = theirs;
        rig.establish_with(&open);
        let before = rig.now;
        loop {
            let (timer, said) = rig.sleep();
            if timer == Timer::Hold {
                let why = "Established -> Idle: the peer said nothing for the hold time".to_owned();
                assert_eq!(said, ["notification Hold Timer Expired".to_owned(), "close".to_owned(), why]);
                break;
            }
        }
        assert_eq!(rig.now.since(before), Duration::from_secs(expected));
    }
}

#[test]
fn s4_2_a_hold_time_of_zero_means_never() {
    for (ours, theirs) in [(0, 90), (90, 0), (0, 0)] {
        let mut neighbor = neighbor4();
        neighbor.hold_time = ours;
        let mut rig = Rig::new(neighbor);
        let mut open = open();
        open.hold_time = theirs;
        rig.establish_with(&open);
        assert_eq!(rig.peer.deadline(), None, "{ours}, {theirs}");
    }
}

#[test]
fn s4_4_keepalives_and_updates_prove_life() {
    for proof in [keepalive(), message(2, &[0, 0, 0, 0])] {
        let mut neighbor = neighbor4();
        neighbor.hold_time = 9;
        let mut rig = Rig::new(neighbor);
        rig.establish();
        for _ in 0..30 {
            let (timer, _) = rig.sleep();
            assert_eq!(timer, Timer::Keepalive);
            rig.bytes(proof.clone());
        }
        assert_eq!(rig.peer.state(), State::Established);
    }
}

#[test]
fn s8_2_2_the_hold_time_begins_anew_with_the_first_keepalive() {
    let mut rig = Rig::new(Neighbor { hold_time: 90, ..neighbor4() });
    rig.start();
    rig.connected();
    rig.bytes(open().to_bytes());
    for _ in 0..2 {
        assert_eq!(rig.sleep().0, Timer::Keepalive);
    }
    rig.bytes(keepalive());
    let before = rig.now;
    while rig.sleep().0 != Timer::Hold {}
    assert_eq!(rig.now.since(before), Duration::from_secs(90));
}

#[test]
fn what_cannot_have_happened_is_counted_and_ignored() {
    let mut rig = Rig::new(neighbor4());
    rig.start();
    assert!(rig.bytes(keepalive()).is_empty(), "bytes before the connection");
    assert!(rig.event(Event::Sent { conn: rig.conn, bytes: 9 }).is_empty());
    rig.establish();
    assert!(rig.connected().is_empty(), "connected twice");
    assert!(rig.refused().is_empty(), "refused after it was made");
    assert_eq!((rig.peer.stats().stray, rig.peer.state()), (3, State::Established));
}

#[test]
fn a_new_connection_begins_with_a_whole_message() {
    let mut rig = Rig::new(neighbor4());
    rig.establish();
    rig.bytes(open().to_bytes()[..25].to_vec());
    rig.closed();
    let said = rig.establish();
    assert!(said[0].ends_with("Established: the peer accepted ours"), "{said:?}");
    let mut noise = keepalive();
    noise[0] = 0;
    rig.bytes(noise);
    let said = rig.establish();
    assert!(said[0].ends_with("Established: the peer accepted ours"), "{said:?}");
}

#[test]
fn s8_2_2_an_open_that_does_not_come_is_waited_for_a_long_time() {
    let mut rig = Rig::new(neighbor4());
    rig.start();
    rig.connected();
    let before = rig.now;
    let (timer, said) = rig.sleep();
    assert_eq!((timer, rig.now.since(before)), (Timer::Hold, OPEN_HOLD));
    assert_eq!(said[0], "notification Hold Timer Expired");
}

#[test]
fn s6_2_a_wrong_as_is_refused_and_the_reason_is_readable() {
    let mut rig = Rig::new(neighbor4());
    rig.start();
    rig.connected();
    let said = rig.bytes(open_of(4_200_000_001).to_bytes());
    let expected = [
        notify(2, 2).as_str(),
        "close",
        "OpenSent -> Idle: the peer says that it is AS 4200000001, but AS 65000 is configured (remote AS)",
    ]
    .map(str::to_owned);
    assert_eq!(said, expected);
    assert_eq!(notify(2, 2), "notification OPEN Message Error / Bad Peer AS");
}

#[test]
fn s6_2_what_is_wrong_with_an_open_is_answered_by_its_code() {
    let with = |change: fn(&mut Open)| {
        let mut open = open();
        change(&mut open);
        open.to_bytes()
    };
    let octet = |at: usize, value: u8| {
        let mut bytes = open().to_bytes();
        bytes[at] = value;
        bytes
    };
    let parameter = message(1, &[4, 0xFD, 0xE8, 0, 90, 192, 0, 2, 1, 2, 1, 0]);
    for (bytes, code, subcode, why) in [
        (octet(19, 3), 2, 1, "the peer sent what it must not"),
        (with(|open| open.identifier = [0, 0, 0, 0].into()), 2, 3, "0.0.0.0"),
        (parameter, 2, 4, "Unsupported Optional Parameter"),
        (with(|open| open.hold_time = 1), 2, 6, "a hold time of 1 s"),
        (with(|open| open.hold_time = 2), 2, 6, "a hold time of 2 s"),
        (octet(28, 2), 2, 0, "OPEN Message Error"),
    ] {
        let mut rig = Rig::new(neighbor4());
        rig.start();
        rig.connected();
        let said = rig.bytes(bytes);
        assert_eq!(said[0].split(" /").next(), notify(code, subcode).split(" /").next(), "{said:?}");
        assert!(said[0].starts_with(&notify(code, subcode)), "{said:?}");
        assert!(said[2].contains(why), "{said:?}");
        assert_eq!(rig.peer.state(), State::Idle);
    }
}

#[test]
fn rfc9072_long_parameters_are_read() {
    // Behind the header stand nine octets, the length of the parameters, and the head of the only one.
    let whole = open().to_bytes();
    let capabilities = &whole[19 + 9 + 1 + 2..];
    let long = u16::try_from(capabilities.len()).unwrap();
    let mut body = whole[19..19 + 9].to_vec();
    body.extend_from_slice(&[255, 255]);
    body.extend_from_slice(&(long + 3).to_be_bytes());
    body.push(2);
    body.extend_from_slice(&long.to_be_bytes());
    body.extend_from_slice(capabilities);
    let mut rig = Rig::new(neighbor6());
    rig.want(&[("203.0.113.9/32", Attributes::default())]);
    rig.start();
    rig.connected();
    assert_eq!(rig.bytes(message(1, &body))[0], "keepalive");
    assert_eq!(rig.bytes(keepalive())[1], "announce 203.0.113.9/32 by 2001:db8::2", "all capabilities were read");
}

#[test]
fn rfc5492_s4_a_capability_that_is_said_twice_counts_once() {
    let twice = Open { capabilities: [open().capabilities, open().capabilities].concat(), ..open() };
    let mut read = None;
    let fed = bgp::Framer::default().feed(&twice.to_bytes(), |raw| {
        read = Some(bgp::Message::read(&raw));
        true
    });
    assert_eq!((fed, read), (Ok(()), Some(Ok(bgp::Message::Open(open())))));
}

#[test]
fn rfc5492_s5_no_common_family_is_an_unsupported_capability() {
    let mut neighbor = neighbor6();
    neighbor.families = [Family::Ipv6].into();
    let mut rig = Rig::new(neighbor);
    rig.start();
    rig.connected();
    let mut theirs = open();
    theirs.capabilities = vec![Capability::Multiprotocol(Family::Ipv4), Capability::FourOctetAs(65_000)];
    let said = rig.bytes(theirs.to_bytes());
    assert_eq!(said[0], "notification OPEN Message Error / Unsupported Capability");
    assert!(said[2].ends_with("the peer carries none of the families of our routes"), "{said:?}");
}

#[test]
fn rfc5492_s3_a_peer_that_knows_no_capabilities_gets_none() {
    let mut rig = Rig::new(neighbor4());
    rig.want(&[("203.0.113.9/32", Attributes::default())]);
    rig.start();
    rig.connected();
    let said = rig.bytes(message(3, &[2, 4]));
    let why = "OpenSent -> Idle: the peer ended the session: OPEN Message Error / Unsupported Optional Parameter";
    assert_eq!(said, ["close", why]);
    rig.sleep();
    rig.connected();
    rig.session.four_octet_as = false;
    rig.bytes(Open { capabilities: Vec::new(), ..open() }.to_bytes());
    let said = rig.bytes(keepalive());
    assert_eq!(said[1], "announce 203.0.113.9/32 by 192.0.2.2");
    assert_eq!(rig.peer.stats().established, 1);
    // The next session begins with capabilities again: the peer may have learnt them.
    rig.closed();
    rig.session.four_octet_as = true;
    let said = rig.establish();
    assert!(said.iter().any(|line| line.starts_with("announce")), "{said:?}");
}

#[test]
fn rfc5492_s3_a_peer_that_refuses_capabilities_and_has_some_is_asked_again() {
    let mut rig = Rig::new(neighbor6());
    rig.start();
    rig.connected();
    // As a rule its OPEN has come before it refuses ours.
    rig.bytes(Open { capabilities: Vec::new(), ..open() }.to_bytes());
    rig.bytes(message(3, &[2, 4]));
    rig.sleep();
    rig.connected();
    let said = rig.bytes(open().to_bytes());
    assert_eq!(said[0], "notification Cease / Other Configuration Change");
    assert_eq!(rig.peer.state(), State::Idle);
    rig.want(&[("203.0.113.9/32", Attributes::default())]);
    let said = rig.establish();
    assert!(said.contains(&"announce 203.0.113.9/32 by 2001:db8::2".to_owned()), "with all capabilities: {said:?}");
}

#[test]
fn rfc6608_a_message_in_a_wrong_place_is_an_error_of_the_state() {
    let refresh = message(5, &[0, 1, 0, 1]);
    let update = message(2, &[0, 0, 0, 0]);
    for (state, wrong, subcode) in [
        (State::OpenSent, keepalive(), 1),
        (State::OpenSent, update.clone(), 1),
        (State::OpenConfirm, open().to_bytes(), 2),
        (State::OpenConfirm, update, 2),
        (State::OpenConfirm, refresh, 2),
        (State::Established, open().to_bytes(), 3),
    ] {
        let mut rig = Rig::new(neighbor4());
        rig.start();
        rig.connected();
        if state != State::OpenSent {
            rig.bytes(open().to_bytes());
        }
        if state == State::Established {
            rig.bytes(keepalive());
        }
        let said = rig.bytes(wrong);
        assert_eq!(said[0], notify(5, subcode), "{state:?}");
        assert_eq!(said[1], "close");
    }
}

#[test]
fn s6_1_a_broken_header_ends_the_session() {
    let mut marker = keepalive();
    marker[3] = 0;
    // One octet short of the least that each type can have.
    let short = [(1, 9), (2, 3), (3, 1), (5, 3)].map(|(kind, length)| (message(kind, &vec![0; length]), 2));
    for (bytes, subcode) in [(marker, 1), (message(4, &[0]), 2), (message(9, &[]), 3)].into_iter().chain(short) {
        let mut rig = Rig::new(neighbor4());
        rig.establish();
        let said = rig.bytes(bytes);
        assert!(said[0].starts_with(&notify(1, subcode)), "{said:?}");
        assert_eq!(rig.peer.state(), State::Idle);
        assert_eq!(rig.peer.stats().misbehaved, 1);
    }
}

#[test]
fn rfc7606_an_update_that_is_broken_does_not_end_the_session() {
    let mut rig = Rig::new(neighbor4());
    rig.establish();
    for body in [[0xFF, 0xFF, 0, 0].as_slice(), &[0, 0, 0, 3, 0x40, 1, 0], &[0, 0, 0, 0, 33, 1, 2, 3, 4, 5]] {
        assert!(rig.bytes(message(2, body)).is_empty());
    }
    assert_eq!(rig.peer.state(), State::Established);
    assert_eq!(rig.peer.stats().updates_ignored, 3);
}

#[test]
fn what_the_peer_says_at_the_end_is_in_the_reason() {
    let mut rig = Rig::new(neighbor4());
    rig.establish();
    let mut body = vec![6, 2, 9];
    body.extend_from_slice(b"bye\nnow \xFF");
    let said = rig.bytes(message(3, &body));
    let why = "Established -> Idle: the peer ended the session: Cease / Administrative Shutdown \"bye now \u{FFFD}\"";
    assert_eq!(said, ["close", why]);
    assert!(rig.peer.explain().contains("bye now"), "{}", rig.peer.explain());
}

#[test]
fn rfc9687_a_peer_that_does_not_read_is_gone_after_eight_minutes() {
    let mut neighbor = neighbor4();
    neighbor.hold_time = 0;
    let mut rig = Rig::new(neighbor);
    rig.establish();
    rig.reads = false;
    rig.want(&[("203.0.113.9/32", Attributes::default())]);
    let before = rig.now;
    let (timer, said) = rig.sleep();
    assert_eq!((timer, rig.now.since(before)), (Timer::SendHold, SEND_HOLD));
    assert_eq!(said, ["close", "Established -> Idle: the peer took none of what was sent"]);
}

#[test]
fn rfc9687_the_time_to_read_is_longer_than_the_hold_time() {
    let mut rig = Rig::new(Neighbor { hold_time: u16::MAX, ..neighbor4() });
    let theirs = Open { hold_time: u16::MAX, ..open() };
    rig.establish_with(&theirs);
    rig.reads = false;
    rig.want(&[("203.0.113.9/32", Attributes::default())]);
    let before = rig.now;
    while rig.peer.state() == State::Established {
        let (timer, _) = rig.sleep();
        if timer == Timer::Keepalive {
            rig.bytes(keepalive());
        }
    }
    assert_eq!(rig.now.since(before), Duration::from_secs(2 * u64::from(u16::MAX)));
}

#[test]
fn rfc9687_a_peer_that_reads_a_little_is_not_given_up() {
    let mut rig = Rig::new(Neighbor { hold_time: 0, ..neighbor4() });
    rig.establish();
    rig.reads = false;
    rig.want(&[("203.0.113.9/32", Attributes::default())]);
    for _ in 0..5 {
        rig.now += SEND_HOLD - Duration::from_secs(1);
        rig.event(Event::Sent { conn: rig.conn, bytes: 1 });
    }
    assert_eq!(rig.peer.state(), State::Established);
    rig.event(Event::Sent { conn: rig.conn, bytes: rig.peer.unsent() });
    assert_eq!(rig.peer.deadline(), None, "all was read");
}
