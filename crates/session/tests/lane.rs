//! The rules of a lane, one small conversation each: who may push, what goes out and when, whose is what comes, who is waited for.

use std::time::Duration;

use machine::Instant;
use session::Conn;
use session::lane::{Lane, Misbehaved, Taken};

const SECOND: Duration = Duration::from_secs(1);
const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
const SELECT: &[u8] = b"*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n";
/// More than a client may have unread.
const UNREAD: usize = 2 << 20;

fn start() -> Instant {
    Instant::START
}

/// What a lane says first is `words`.
fn told(words: &[u8]) -> Lane<u8> {
    Lane::new(start(), words.into(), SECOND)
}

fn open() -> Lane<u8> {
    let mut lane = told(b"");
    assert!(lane.on_connected());
    lane
}

fn flush(lane: &mut Lane<u8>) -> usize {
    let n = lane.to_server().len();
    lane.sent(n);
    n
}

fn ask(lane: &mut Lane<u8>, seat: usize) {
    assert!(lane.push(seat, PING, 1));
    assert!(flush(lane) > 0);
}

fn whose(client: u8, len: usize) -> Result<Taken<u8>, Misbehaved> {
    Ok(Taken::For { client, conn: Conn(1), len })
}

fn nobodys(len: usize) -> Result<Taken<u8>, Misbehaved> {
    Ok(Taken::Nobody { len })
}

#[test]
fn nothing_is_taken_over_before_the_server_has_agreed_to_the_first_words() {
    let mut lane = told(SELECT);
    let seat = lane.join(1, Conn(1));
    assert!(!lane.push(seat, PING, 1));
    assert!(!lane.on_connected());
    assert!(!lane.push(seat, PING, 1));
    assert_eq!(lane.next_waiting(), None, "there is room, and it is too early");
    assert_eq!(flush(&mut lane), SELECT.len());
    assert_eq!(lane.take(b">1\r\n+news\r\n"), nobodys(11), "a message answers nothing");
    assert_eq!(lane.take(b"+OK\r\n"), Ok(Taken::Ready { len: 5 }));
    assert_eq!(lane.next_waiting(), Some((1, seat)));
    assert_eq!(lane.next_waiting(), None, "it was told");
    ask(&mut lane, seat);
    assert_eq!(lane.take(b"+PONG\r\n"), whose(1, 7));
}

#[test]
fn a_server_that_is_not_ready_is_another_thing_than_one_that_refuses_its_clients() {
    for (says, is) in [
        ("-LOADING x\r\n", Taken::NotYet),
        ("-MASTERDOWN x\r\n", Taken::NotYet),
        ("-READONLY x\r\n", Taken::NotYet),
        ("-WRONGPASS x\r\n", Taken::Refused),
        ("-NOAUTH x\r\n", Taken::Refused),
    ] {
        let mut lane = told(SELECT);
        lane.on_connected();
        flush(&mut lane);
        assert_eq!(lane.take(says.as_bytes()), Ok(is), "{says}");
    }
}

#[test]
fn who_finds_no_room_is_told_when_there_is_some() {
    let large = vec![b'x'; 200_000];
    let mut lane = open();
    let (first, second) = (lane.join(1, Conn(1)), lane.join(2, Conn(1)));
    assert!(lane.push(first, &large, 1));
    assert!(!lane.push(second, &large, 1), "there is room for a part of it");
    lane.sent(10_000);
    assert_eq!(lane.next_waiting(), None, "next to none");
    lane.sent(100_000);
    assert_eq!(lane.next_waiting(), Some((2, second)));
    assert_eq!(lane.next_waiting(), None, "it was told");

    // A request that no room is enough for would never go.
    let mut lane = open();
    let seat = lane.join(1, Conn(1));
    assert!(lane.push(seat, &[b'x'; 300_000], 1));
}

#[test]
fn requests_gather_while_answers_are_awaited() {
    let mut lane = open();
    let seats: Vec<usize> = (0..5).map(|client| lane.join(client, Conn(1))).collect();
    seats[..4].iter().for_each(|seat| ask(&mut lane, *seat));
    assert!(lane.push(seats[4], PING, 1));
    assert_eq!(flush(&mut lane), 0, "four answers are awaited");
    assert_eq!(lane.take(b"+PONG\r\n"), whose(0, 7));
    assert_eq!(flush(&mut lane), PING.len());

    assert!(lane.push(seats[0], &[b'x'; 20_000], 1));
    assert_eq!(lane.to_server().len(), 20_000, "more would not make the server's work less");
    lane.sent(15_000);
    assert_eq!(lane.to_server().len(), 5_000, "the server has a part of it");
}

#[test]
fn an_answer_to_what_has_not_gone_out_is_nonsense() {
    let mut lane = open();
    let seat = lane.join(1, Conn(1));
    assert!(lane.push(seat, PING, 1));
    assert_eq!(lane.take(b"+PONG\r\n"), Err(Misbehaved));

    // A server may refuse what it has seen a part of.
    let mut lane = open();
    let seat = lane.join(1, Conn(1));
    assert!(lane.push(seat, PING, 1));
    lane.sent(5);
    assert_eq!(lane.take(b"-ERR Protocol error\r\n"), whose(1, 21));
}

#[test]
fn a_message_between_answers_is_nobodys_however_it_comes() {
    let mut lane = open();
    let seat = lane.join(1, Conn(1));
    assert!(lane.push(seat, &[PING, PING].concat(), 2));
    flush(&mut lane);
    assert_eq!(lane.take(b"+A\r\n>2\r\n+m\r\n:1\r\n+B\r\n"), whose(1, 4));
    assert_eq!(lane.take(b">2\r\n+m\r\n"), nobodys(8));
    assert_eq!(lane.take(b":1\r\n+B\r\n"), nobodys(4));
    assert_eq!(lane.take(b"+B\r\n"), whose(1, 4));
}

#[test]
fn the_seat_of_who_left_is_free_when_its_last_answer_has_come() {
    let mut lane = open();
    let seat = lane.join(1, Conn(1));
    ask(&mut lane, seat);
    lane.leave(start(), seat);
    assert_ne!(lane.join(2, Conn(1)), seat, "answers to it are to come");
    assert_eq!(lane.take(b"+PONG\r\n"), nobodys(7));
    assert_eq!(lane.join(3, Conn(1)), seat);
}

#[test]
fn at_the_end_each_is_told_what_of_its_last_words_did_not_go_out() {
    let mut lane = open();
    let (first, second) = (lane.join(1, Conn(1)), lane.join(2, Conn(1)));
    for seat in [first, first, second, first] {
        assert!(lane.push(seat, PING, 1));
    }
    lane.sent(20);
    assert_eq!(lane.ended(), [(1, Conn(1), 14 + 8), (2, Conn(1), 14)]);
    lane.sent(8);
    assert_eq!(lane.ended(), [(1, Conn(1), 14), (2, Conn(1), 14)]);
    lane.sent(28);
    assert_eq!(lane.ended(), [(1, Conn(1), 0), (2, Conn(1), 0)]);
}

#[test]
fn a_slow_reader_drives_the_others_away_once() {
    let mut lane = open();
    let (slow, other) = (lane.join(1, Conn(1)), lane.join(2, Conn(1)));
    ask(&mut lane, slow);
    assert!(!lane.on_unread(start(), 1, 200_000), "that much is usual");
    assert!(lane.on_unread(start(), 1, 300_000));
    assert!(!lane.on_unread(start(), 1, 300_000), "they were told");
    assert!(!lane.is_idle(slow) && lane.is_idle(other));
    assert_eq!(lane.idle(start()), [(2, Conn(1))]);
    assert_eq!(lane.take(b"+PONG\r\n"), whose(1, 7));
    assert!(lane.is_idle(slow), "what it asks next goes elsewhere");
}

#[test]
fn nobody_is_waited_for_who_is_gone_from_the_lane() {
    let mut lane = open();
    let seat = lane.join(1, Conn(1));
    ask(&mut lane, seat);
    assert_eq!(lane.take(b"+PONG\r\n"), whose(1, 7));
    lane.on_unread(start(), 1, UNREAD);
    assert_eq!(lane.jammed_by(), Some(1));
    assert_eq!(lane.idle(start()), [(1, Conn(1))]);
    assert_eq!(lane.jammed_by(), None);
}

#[test]
fn one_is_waited_for_at_a_time_and_until_it_has_read_half() {
    let mut lane = open();
    let seats = [lane.join(1, Conn(1)), lane.join(2, Conn(1))];
    seats.iter().for_each(|seat| ask(&mut lane, *seat));
    lane.on_unread(start(), 1, UNREAD);
    lane.on_unread(start() + SECOND, 2, UNREAD);
    assert_eq!((lane.jammed_by(), lane.deadline()), (Some(1), Some(start() + 3 * SECOND)));
    assert!(!lane.on_progress(start() + SECOND, 600_000));
    assert!(lane.on_progress(start() + SECOND, 500_000));
}

#[test]
fn who_holds_up_nobody_has_all_the_time_there_is() {
    let mut lane = open();
    let slow = lane.join(1, Conn(1));
    ask(&mut lane, slow);
    let idle = lane.join(2, Conn(1));
    lane.on_unread(start(), 1, UNREAD);
    let at = |seconds: u32| start() + seconds * SECOND;
    assert_eq!(lane.give_up(at(3)), None, "nobody behind it waits");
    assert_eq!(lane.deadline(), Some(at(6)));
    assert!(lane.on_progress(at(4), 0));
    // One second counts, and not those in which it held up nobody.
    lane.on_unread(at(5), 1, UNREAD);
    assert_eq!(lane.deadline(), Some(at(7)));
    ask(&mut lane, idle);
    assert_eq!(lane.give_up(at(7)), Some(1));
}

#[test]
fn nothing_is_overdue_that_has_not_gone_out() {
    let mut lane = open();
    let seat = lane.join(1, Conn(1));
    assert!(lane.push(seat, PING, 1));
    for n in [5, PING.len() - 6] {
        lane.sent(n);
        lane.note(start());
        assert_eq!(lane.overdue(), None);
    }
    lane.sent(1);
    lane.note(start());
    assert_eq!(lane.overdue(), Some(start() + SECOND / 4));
}

#[test]
fn nothing_is_overdue_that_we_do_not_read() {
    let mut lane = open();
    let (slow, behind) = (lane.join(1, Conn(1)), lane.join(2, Conn(1)));
    assert!(lane.push(slow, &[PING, PING].concat(), 2));
    flush(&mut lane);
    ask(&mut lane, behind);
    lane.note(start());
    assert!(lane.overdue().is_some());
    lane.on_unread(start(), 1, UNREAD);
    assert_eq!(lane.overdue(), None);
}
