//! One session that shares: what goes over whose connection, and what is left behind on one that it gives back.

mod talk;

use machine::Instant;
use session::lane::{Lane, Taken};
use session::{Action, Conn, Event, Pool, Rules};
use std::time::Duration;
use talk::{Talk, view};
use view::Phase;

const SECOND: Duration = Duration::from_secs(1);

fn shared() -> Talk {
    Talk::new(Rules { pool: Pool::Shared, hold_bytes: 1_000, ..Rules::default() }, view(1, Phase::Steady, 1, &[]))
}

fn released(talk: &Talk) -> bool {
    talk.actions.iter().any(|action| matches!(action, Action::Release { .. }))
}

#[test]
fn what_is_too_large_to_keep_goes_on_behind_an_answer_from_a_shared_connection() {
    let mut talk = shared();
    talk.c("GET a").ready().server_hears("GET a");
    let large = format!("*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$2000\r\n{}", "x".repeat(1_000));
    talk.step(Event::ClientBytes(large.as_bytes()));
    talk.actions.clear();
    talk.s("$-1");
    let asks_for_one = |action: &Action| matches!(action, Action::Connect { .. });
    assert!(talk.actions.iter().any(asks_for_one), "{}: {:?}", talk.session.explain(talk.now), talk.actions);
}

#[test]
fn a_shared_connection_that_ends_while_it_is_used_is_no_failed_try() {
    let mut talk = shared();
    let conn = talk.c("SET a 1").ready().server_hears("SET a 1").conn;
    talk.step(Event::ServerFailed { conn }).closes(session::Why::UnknownFate);

    let mut talk = shared();
    let conn = talk.c("GET a").ready().server_hears("GET a").conn;
    talk.step(Event::ServerFailed { conn }).pass(20).ready().server_hears("GET a");
    talk.s("+answer").client_hears("+answer");
}

#[test]
fn a_connection_on_which_a_hello_failed_half_way_is_nobody_elses() {
    let mut talk = shared();
    talk.c("HELLO 3 AUTH u p SETNAME \"a b\"").connected();
    let n = talk.session.to_server().len();
    talk.session.sent(n);
    talk.s("-ERR Client names cannot contain spaces");
    assert!(!released(&talk), "the server took it for u before it found the fault: {:?}", talk.actions);
    // Nothing but the protocol was asked for: a server that does not know it has done nothing.
    let mut talk = shared();
    talk.c("HELLO 4").connected().server_hears("HELLO 4").s("-NOPROTO unsupported protocol version");
    assert!(released(&talk), "{:?}", talk.actions);
}

#[test]
fn a_connection_that_remembers_more_than_reset_undoes_is_nobody_elses() {
    let mut talk = shared();
    talk.c("CLIENT NO-EVICT ON").connected().server_hears("CLIENT NO-EVICT ON").s("+OK");
    assert!(released(&talk), "who said the same may have it");
    talk.actions.clear();
    talk.c("RESET").ready().server_hears("RESET").s("+RESET");
    assert!(!released(&talk), "a server may protect it for ever: {:?}", talk.actions);
}

fn lane() -> Lane<u8> {
    let mut lane = Lane::new(Instant::START, [].into(), SECOND);
    assert!(lane.on_connected());
    lane
}

fn ask(lane: &mut Lane<u8>, seat: usize) {
    assert!(lane.push(seat, b"*1\r\n$4\r\nPING\r\n", 1));
    let n = lane.to_server().len();
    lane.sent(n);
}

#[test]
fn a_lane_that_all_have_left_ends() {
    let mut lane = lane();
    let seat = lane.join(1, Conn(1));
    lane.join(2, Conn(1));
    ask(&mut lane, seat);
    assert_eq!(lane.take(b"+PONG\r\n"), Ok(Taken::For { client: 1, conn: Conn(1), len: 7 }));
    assert!(lane.on_unread(Instant::START, 1, 300_000));
    assert_eq!(lane.idle(Instant::START).len(), 2);
    assert_eq!(lane.deadline(), Some(Instant::START), "nobody will ever find it again");
}

#[test]
fn a_retired_lane_ends_with_its_last_client() {
    let mut lane = lane();
    let seat = lane.join(1, Conn(1));
    ask(&mut lane, seat);
    assert!(lane.on_unread(Instant::START, 1, 300_000));
    assert_eq!(lane.idle(Instant::START), [], "it is owed something");
    assert_eq!(lane.deadline(), None);
    lane.leave(Instant::START, seat);
    assert_eq!(lane.deadline(), Some(Instant::START));
}

#[test]
fn who_has_left_jams_nothing() {
    const UNREAD: usize = 17 << 20;
    let mut lane = lane();
    let seat = lane.join(1, Conn(1));
    ask(&mut lane, seat);
    lane.on_unread(Instant::START, 1, UNREAD);
    assert_eq!(lane.jammed_by(), Some(1));
    lane.leave(Instant::START, seat);
    assert_eq!(lane.jammed_by(), None);
}

#[test]
fn those_behind_wait_so_long_in_all_for_those_who_do_not_read() {
    const UNREAD: usize = 17 << 20;
    let mut lane = lane();
    let seat = lane.join(1, Conn(1));
    ask(&mut lane, seat);
    let behind = lane.join(2, Conn(1));
    ask(&mut lane, behind);
    lane.on_unread(Instant::START, 1, UNREAD);
    let first = lane.deadline().unwrap();
    assert!(!lane.on_progress(first - SECOND, UNREAD - 1), "it has read something, and not enough");
    assert_eq!(lane.give_up(first - SECOND), None, "it has its time");
    assert!(lane.on_progress(first - SECOND, 0), "it has read all");
    lane.on_unread(first, 1, UNREAD);
    assert_eq!(lane.deadline(), Some(first + SECOND), "what is left of the time");
    assert_eq!(lane.give_up(first + SECOND), Some(1));
    lane.on_unread(first + SECOND, 2, UNREAD);
    assert_eq!(lane.deadline(), Some(first + SECOND + Duration::from_millis(50)), "next to none is left");
}
