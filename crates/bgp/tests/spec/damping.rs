//! However a route server behaves, it is not stormed (B5): the pauses between attempts, with jitter, and when they begin anew.

use std::time::Duration;

use crate::rig::{Rig, message, neighbor4, open};
use bgp::message::keepalive;
use bgp::{Neighbor, State, Timer};
use machine::Instant;

/// Runs until the next attempt; gives back the pause since `from`.
fn pause(rig: &mut Rig, from: Instant) -> Duration {
    let (timer, said) = rig.sleep();
    assert_eq!(timer, Timer::IdleHold);
    assert!(said[0].starts_with("connect "), "{said:?}");
    rig.now.since(from)
}

fn is_about(pause: Duration, seconds: u64) -> bool {
    let full = Duration::from_secs(seconds);
    pause <= full && pause >= full * 3 / 4
}

#[test]
fn a_server_that_resets_every_session_sees_one_a_minute() {
    let mut rig = Rig::new(neighbor4());
    rig.start();
    let mut pauses = Vec::new();
    for _ in 0..12 {
        rig.connected();
        rig.bytes(open().to_bytes());
        rig.bytes(keepalive());
        assert_eq!(rig.peer.state(), State::Established);
        rig.bytes(message(3, &[6, 5]));
        let from = rig.now;
        pauses.push(pause(&mut rig, from));
    }
    for (pause, seconds) in pauses.iter().zip([1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]) {
        assert!(is_about(*pause, seconds), "{pauses:?}");
    }
    assert!(pauses[6..].windows(2).any(|two| two[0] != two[1]), "they vary: {pauses:?}");
}

#[test]
fn a_session_that_stood_for_a_minute_begins_anew() {
    let mut rig = Rig::new(Neighbor { hold_time: 0, ..neighbor4() });
    rig.start();
    for _ in 0..5 {
        rig.connected();
        rig.bytes(message(3, &[6, 5]));
        let from = rig.now;
        pause(&mut rig, from);
    }
    for (stood, seconds) in [(59, 32), (60, 1)] {
        rig.connected();
        rig.bytes(open().to_bytes());
        rig.bytes(keepalive());
        rig.now += Duration::from_secs(stood);
        rig.closed();
        let from = rig.now;
        let pause = pause(&mut rig, from);
        assert!(is_about(pause, seconds), "{pause:?} after {stood} s");
    }
}

#[test]
fn a_server_that_is_away_is_asked_every_few_seconds() {
    let mut rig = Rig::new(neighbor4());
    rig.start();
    for seconds in [1, 2, 4, 5, 5, 5, 5] {
        // As seen from here it is the same whether the system or the server says no.
        if seconds % 2 == 0 {
            rig.refused();
        } else {
            rig.connected();
            rig.closed();
        }
        let from = rig.now;
        let pause = pause(&mut rig, from);
        assert!(is_about(pause, seconds), "{pause:?}, not about {seconds} s");
    }
    assert_eq!(rig.peer.stats().refused, 7);
    assert_eq!(rig.peer.stats().failures, 0);
}

#[test]
fn refusals_do_not_shorten_what_failures_have_earned() {
    let mut rig = Rig::new(neighbor4());
    rig.start();
    for _ in 0..5 {
        rig.connected();
        rig.bytes(message(3, &[6, 5]));
        let from = rig.now;
        pause(&mut rig, from);
    }
    rig.refused();
    let from = rig.now;
    assert!(is_about(pause(&mut rig, from), 5), "never above connect_retry: a refusal costs the server nothing");
    rig.connected();
    rig.bytes(message(3, &[6, 5]));
    let from = rig.now;
    assert!(is_about(pause(&mut rig, from), 32));
}

#[test]
fn an_operators_stop_and_start_forgets_the_past() {
    let mut rig = Rig::new(neighbor4());
    rig.start();
    for _ in 0..8 {
        rig.connected();
        rig.bytes(message(3, &[6, 5]));
        let from = rig.now;
        pause(&mut rig, from);
    }
    rig.event(bgp::Event::Stopped { text: String::new() });
    assert!(rig.start()[0].starts_with("connect"), "at once");
    rig.connected();
    rig.bytes(message(3, &[6, 5]));
    let from = rig.now;
    assert!(is_about(pause(&mut rig, from), 1));
}
