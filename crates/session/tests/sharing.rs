//! One session that shares: what goes over whose connection, and what is left behind on one that it gives back.

mod talk;

use machine::Instant;
use session::lane::{Lane, Taken};
use session::{Action, Conn, Event, Pool, Role, Rules};
use std::sync::Arc;
use std::time::Duration;
use talk::{Talk, addr, master, view};
use view::{LinkState, Phase};

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
fn who_a_client_is_after_a_hello_that_failed_half_way_nobody_tells_another_server() {
    let failed = |hello: &str| {
        let mut talk = master();
        talk.c("AUTH ann pw").connected().server_hears("AUTH ann pw").s("+OK").client_hears("+OK");
        talk.c(hello);
        let n = talk.session.to_server().len();
        talk.session.sent(n);
        talk.s("-ERR it does not matter which").client_hears("-ERR it does not matter which").gone();
        talk
    };
    // It is bob at this server, with names that it has not heard of, in the protocol of before.
    failed("HELLO 3 AUTH bob pw SETNAME \"a b\"").closes(session::Why::Unrestorable);
    // Of one part, either nothing was done or nothing failed.
    for hello in ["HELLO 4", "HELLO 3 AUTH bob wrong", "HELLO 3 SETNAME \"a b\""] {
        failed(hello).c("GET a").connected().server_hears("AUTH ann pw").s("+OK").server_hears("GET a");
    }
    // RESET makes it known again.
    let mut talk = master();
    talk.c("HELLO 3 AUTH bob pw SETNAME \"a b\"").connected();
    let n = talk.session.to_server().len();
    talk.session.sent(n);
    talk.s("-ERR no").client_hears("-ERR no").c("RESET").server_hears("RESET").s("+RESET").client_hears("+RESET");
    talk.gone().c("GET a").connected().server_hears("GET a");
}

#[test]
fn what_makes_a_new_connection_the_latest_is_no_part_of_a_transaction() {
    let mut talk = shared();
    talk.c("MULTI; CLIENT ID; EXEC").connected().server_hears("MULTI; CLIENT ID; EXEC").s("+OK");
    talk.gone().connected().server_hears("PING; MULTI").s("+PONG; +OK").server_hears("CLIENT ID; EXEC");
    talk.s("+QUEUED; *1; :7").client_hears("+OK; +QUEUED; *1; :7");
}

#[test]
fn a_connection_that_remembers_more_than_reset_undoes_is_nobody_elses() {
    let mut talk = shared();
    talk.c("CLIENT NO-EVICT ON").connected().server_hears("CLIENT NO-EVICT ON").s("+OK");
    assert!(released(&talk), "who said the same may have it");
    talk.actions.clear();
    talk.c("RESET").ready().server_hears("RESET").s("+RESET");
    assert!(!released(&talk), "a server may protect it for ever: {:?}", talk.actions);

    let mut talk = shared();
    talk.c("MULTI; CLIENT NO-EVICT ON; EXEC").connected().server_hears("MULTI; CLIENT NO-EVICT ON; EXEC");
    talk.s("+OK; +QUEUED; *1; +OK").c("RESET").server_hears("RESET").s("+RESET");
    assert!(!released(&talk), "nobody knows what came of it: {:?}", talk.actions);
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
fn a_lane_that_is_not_answered_what_it_says_first_is_given_up_in_time() {
    let words = "*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n*1\r\n$4\r\nPING\r\n";
    let mut lane = Lane::<u8>::new(Instant::START, words.as_bytes().into(), SECOND);
    lane.join(1, Conn(1));
    assert!(!lane.on_connected());
    let until = Some(Instant::START + 6 * SECOND);
    assert_eq!(lane.deadline(), until, "its clients would come back to it for ever");
    assert_eq!(lane.take(b"+OK\r\n"), Ok(Taken::Nobody { len: 5 }));
    assert_eq!(lane.deadline(), until);
    assert_eq!(lane.take(b"+PONG\r\n"), Ok(Taken::Ready { len: 7 }));
    assert_eq!(lane.deadline(), None);
}

/// At a lane with the writer 1 and the readers 2 and 3, and the seats of these.
fn lane_of_three() -> (Lane<u8>, [usize; 3]) {
    let mut lane = lane();
    let seats = [1, 2, 3].map(|client| lane.join(client, Conn(client.into())));
    (lane, seats)
}

const fn reads(client: u8) -> bool {
    client != 1
}

#[test]
fn who_can_ask_again_leaves_a_lane_whose_server_holds_back_another_one() {
    let (mut lane, [writer, reader, _]) = lane_of_three();
    assert_eq!(lane.overdue(), None, "nothing is awaited");
    for seat in [writer, reader] {
        ask(&mut lane, seat);
    }
    lane.note(Instant::START);
    let due = lane.overdue().unwrap();
    assert_eq!(lane.give_way(due - Duration::from_millis(1), reads), []);
    assert_eq!(lane.give_way(due, reads), [(2, Conn(2)), (3, Conn(3))], "also who asked nothing");
    assert!(lane.is_retired());
    assert_eq!(lane.take(b"+PONG\r\n"), Ok(Taken::For { client: 1, conn: Conn(1), len: 7 }));
    assert_eq!(lane.take(b"+PONG\r\n"), Ok(Taken::Nobody { len: 7 }), "the reader has asked elsewhere");
    lane.leave(due, writer);
    assert_eq!(lane.deadline(), Some(due), "nobody will ever find it again");
}

#[test]
fn a_server_that_answers_nobody_is_not_asked_again() {
    let (mut lane, [writer, reader, _]) = lane_of_three();
    for seat in [reader, writer] {
        ask(&mut lane, seat);
    }
    lane.note(Instant::START);
    let due = lane.overdue().unwrap();
    assert_eq!(lane.give_way(due, reads), [], "elsewhere it would be the same");
    assert!(!lane.is_retired() && lane.overdue().unwrap() > due);
}

#[test]
fn each_answer_gives_a_lane_time_for_the_next_one() {
    let (mut lane, [writer, reader, _]) = lane_of_three();
    for seat in [reader, writer] {
        ask(&mut lane, seat);
    }
    lane.note(Instant::START);
    let due = lane.overdue().unwrap();
    assert!(lane.take(b"+PO").is_ok());
    lane.note(due);
    assert_eq!(lane.give_way(due, reads), [], "a part of an answer is news, too");
    assert!(lane.take(b"NG\r\n").is_ok());
    lane.note(due + SECOND);
    assert_eq!(lane.overdue(), Some(due + SECOND + (due - Instant::START)));
    assert!(lane.take(b"+PONG\r\n").is_ok());
    lane.note(due + SECOND);
    assert_eq!(lane.overdue(), None);
}

const FULL: &str = "-ERR max number of clients reached";

#[test]
fn a_lane_of_a_server_without_room_has_done_nothing_for_anybody() {
    let full = format!("{FULL}\r\n");
    for words in ["", "*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n"] {
        let mut lane = Lane::<u8>::new(Instant::START, words.as_bytes().into(), SECOND);
        lane.join(1, Conn(1));
        lane.on_connected();
        assert_eq!(lane.take(full.as_bytes()), Ok(Taken::NotYet), "nobody asked for more than {words:?}");
        assert_eq!(lane.ended(), [(1, Conn(1), 0)]);
    }
    let mut lane = lane();
    let seats = [lane.join(1, Conn(1)), lane.join(2, Conn(1))];
    seats.iter().for_each(|seat| ask(&mut lane, *seat));
    assert_eq!(lane.take(full.as_bytes()), Ok(Taken::NotYet));
    assert_eq!(lane.ended(), [(1, Conn(1), 14), (2, Conn(1), 14)], "all of it counts as not sent");

    let mut lane = self::lane();
    let seat = lane.join(1, Conn(1));
    ask(&mut lane, seat);
    assert!(lane.take(b"+PONG\r\n").is_ok());
    ask(&mut lane, seat);
    assert_eq!(lane.take(full.as_bytes()), Ok(Taken::For { client: 1, conn: Conn(1), len: full.len() }), "an answer");
}

#[test]
fn a_server_without_room_is_understood_however_its_words_are_cut() {
    let full = format!("{FULL}\r\n");
    for cut in 1..full.len() {
        let (first, rest) = full.split_at(cut);
        for words in ["", "*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n"] {
            let mut lane = Lane::<u8>::new(Instant::START, words.as_bytes().into(), SECOND);
            lane.join(1, Conn(1));
            lane.on_connected();
            assert_eq!(lane.take(first.as_bytes()), Ok(Taken::Nobody { len: cut }), "{words:?}");
            assert_eq!(lane.take(rest.as_bytes()), Ok(Taken::NotYet), "{words:?}");
        }
        let mut lane = lane();
        let seat = lane.join(1, Conn(1));
        ask(&mut lane, seat);
        assert_eq!(lane.take(first.as_bytes()), Ok(Taken::For { client: 1, conn: Conn(1), len: cut }));
        assert_eq!(lane.take(rest.as_bytes()), Ok(Taken::NotYet));
        assert_eq!(lane.ended(), [(1, Conn(1), 14)]);

        // On a connection of one's own.
        let mut talk = master();
        talk.c("INCR a").connected().server_hears("INCR a");
        let conn = talk.conn;
        for bytes in [first, rest] {
            talk.step(Event::ServerBytes { conn, bytes: bytes.as_bytes() });
        }
        talk.client_hears("").pass(20).connected().server_hears("INCR a").s(":1").client_hears(":1");

        // On a shared one: the line is kept until it has ended, and then its lane says what it was.
        let mut talk = shared();
        let conn = talk.c("INCR a").ready().server_hears("INCR a").conn;
        talk.step(Event::ServerBytes { conn, bytes: first.as_bytes() }).client_hears("");
        let bytes = "*2\r\n$4\r\nINCR\r\n$1\r\na\r\n".len();
        talk.step(Event::ServerUnsent { conn, bytes }).step(Event::ServerFailed { conn }).pass(20);
        talk.ready().server_hears("INCR a").s(":1").client_hears(":1");
    }
}

#[test]
fn another_error_in_the_place_of_those_words_is_passed_on_however_it_is_cut() {
    let said = "-ERR max number of keys reached\r\n";
    for cut in 1..said.len() {
        let mut talk = master();
        talk.c("INCR a; INCR b").connected().server_hears("INCR a; INCR b");
        let conn = talk.conn;
        let (first, rest) = said.split_at(cut);
        talk.step(Event::ServerBytes { conn, bytes: first.as_bytes() });
        talk.step(Event::ServerBytes { conn, bytes: rest.as_bytes() }).s(":1");
        talk.client_hears("-ERR max number of keys reached; :1");
    }
}

#[test]
fn who_meets_a_server_without_room_waits_for_some() {
    // In place of an answer to what it is told first, before anything is said, and in place of an answer to the client.
    let mut talk = master();
    talk.c("SELECT 1").connected().server_hears("SELECT 1").s("+OK").client_hears("+OK").gone();
    talk.c("INCR a; INCR b").connected().server_hears("SELECT 1").s(FULL);
    talk.pass(20).connected().s(FULL);
    talk.pass(40).connected().server_hears("SELECT 1").s("+OK").server_hears("INCR a; INCR b").s(":1; :1");
    talk.client_hears(":1; :1");

    let mut talk = master();
    talk.c("INCR a; INCR b").connected().server_hears("INCR a; INCR b").s(FULL);
    talk.pass(20).connected().server_hears("INCR a; INCR b").s(":1; -ERR max number of clients reached");
    talk.client_hears(":1; -ERR max number of clients reached");
}

#[test]
fn who_cannot_leave_a_replica_that_shall_rest_unnoticed_has_a_while_to_go() {
    let ready = view(1, Phase::Steady, 1, &[2, 3]);
    let resting = |link| {
        let mut view = ready.clone();
        let replica = &mut Arc::make_mut(&mut view).replicas[0];
        (replica.weight, replica.link) = (0, link);
        Event::View(view)
    };
    let watched = || {
        let rules = Rules { role: Role::Replica, drain_timeout: 60 * SECOND, ..Rules::default() };
        let mut talk = Talk::new(rules, ready.clone());
        talk.c("MONITOR").connected().server_hears("MONITOR").s("+OK").client_hears("+OK");
        talk.step(resting(LinkState::Up)).pass(59_000).s("+1.0 [0 lua] PING").client_hears("+1.0 [0 lua] PING");
        talk
    };
    watched().pass(1_000).closes(session::Why::PinnedCut);
    watched().step(resting(LinkState::Down)).closes(session::Why::PinnedCut);
    let mut talk = watched();
    talk.step(Event::View(ready.clone())).pass(60_000).s("+2.0 [0 lua] PING").client_hears("+2.0 [0 lua] PING");
}

#[test]
fn who_is_sent_elsewhere_goes_at_once_and_holds_nothing_against_its_server() {
    let mut talk = shared();
    let conn = talk.c("SET a 1").ready().server_hears("SET a 1").s("+OK").client_hears("+OK").conn;
    talk.step(Event::SentElsewhere { conn }).actions.clear();
    talk.c("SET b 1").ready().server_hears("SET b 1");

    let mut view = view(1, Phase::Steady, 1, &[2, 3]);
    Arc::make_mut(&mut view).replicas[1].weight = 1;
    let mut talk = Talk::new(Rules { pool: Pool::Shared, role: Role::Replica, ..Rules::default() }, view);
    for _ in 0..5 {
        let conn = talk.c("GET a").ready().server_hears("GET a").s("$-1").client_hears("$-1").conn;
        let went = Action::Share { conn, addr: addr(2) };
        assert!(talk.actions.contains(&went), "the other replica is for few: {:?}", talk.actions);
        talk.actions.clear();
        talk.step(Event::SentElsewhere { conn });
    }
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

#[test]
fn what_never_went_out_of_a_shared_connection_is_sent_on_the_next_one() {
    let asks = |unsent: usize| {
        let mut talk = shared();
        let conn = talk.c("SET a 1; SET b 1").ready().server_hears("SET a 1; SET b 1").conn;
        let one = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n".len();
        talk.step(Event::ServerUnsent { conn, bytes: one + unsent }).step(Event::ServerClosed { conn }).pass(20);
        talk
    };
    asks(27).ready().server_hears("SET a 1; SET b 1");
    asks(1).ready().server_hears("SET a 1; SET b 1");
    asks(0).closes(session::Why::UnknownFate);
}

#[test]
fn who_is_sent_elsewhere_with_a_write_under_way_is_not_asked_twice() {
    let mut talk = shared();
    let conn = talk.c("SET a 1").ready().server_hears("SET a 1").conn;
    talk.step(Event::SentElsewhere { conn }).closes(session::Why::UnknownFate);
}

#[test]
fn a_connection_that_was_used_before_is_not_turned_away() {
    let mut talk = shared();
    talk.c("BLPOP a 1").ready().server_hears("BLPOP a 1").s(FULL).client_hears(FULL);
}

/// Each is a session of the same listener on the same worker.
fn few(share_from: usize, n: usize) -> Vec<Talk> {
    let rules = Arc::new(Rules { pool: Pool::Shared, share_from, ..Rules::default() });
    let loads = std::rc::Rc::default();
    let session = || session::Session::new(rules.clone(), view(1, Phase::Steady, 1, &[]), std::rc::Rc::clone(&loads));
    (0..n).map(|_| Talk { session: session(), now: Instant::START, conn: Conn(0), actions: Vec::new() }).collect()
}

#[test]
fn few_have_a_connection_each_and_keep_it() {
    for mut talk in few(4, 3) {
        talk.c("GET a").connected().server_hears("GET a").s("$-1").client_hears("$-1");
        talk.c("INFO").server_hears("INFO").s("$0\r\n").c("GET a").server_hears("GET a").s("$-1");
        talk.orders(&[Action::Connect { conn: Conn(1), addr: addr(1) }]);
    }
}

#[test]
fn they_move_together_when_more_come_and_apart_when_half_are_left() {
    let mut four = few(4, 4);
    let mut one = four.pop().unwrap();
    one.c("GET a").ready().server_hears("GET a");
    four.truncate(2);
    one.c("GET b").server_hears("GET b").s("$-1; $-1").client_hears("$-1; $-1");
    one.c("GET c").server_hears("GET c").actions.clear();
    four.truncate(1);
    // What is under way is answered where it is; what comes next goes on alone.
    one.c("GET d").server_hears("").s("$-1").client_hears("$-1").connected().server_hears("GET d");
    let close = Action::CloseServer { conn: Conn(1) };
    one.orders(&[close, Action::Connect { conn: Conn(2), addr: addr(1) }]);
}

#[test]
fn who_has_one_alone_gives_it_back_when_many_are_there_and_it_asks() {
    let rules = Arc::new(Rules { pool: Pool::Shared, share_from: 2, ..Rules::default() });
    let loads: std::rc::Rc<session::Loads> = std::rc::Rc::default();
    let session = || session::Session::new(rules.clone(), view(1, Phase::Steady, 1, &[]), loads.clone());
    let mut talk = Talk { session: session(), now: Instant::START, conn: Conn(0), actions: Vec::new() };
    talk.c("GET a").connected().server_hears("GET a");
    let other = session();
    talk.c("GET b").server_hears("GET b").actions.clear();
    talk.s("$-1; $-1").client_hears("$-1; $-1").c("GET c").ready().server_hears("GET c");
    talk.orders(&[Action::Release { conn: Conn(1) }, Action::Share { conn: Conn(2), addr: addr(1) }]);
    drop(other);
}

#[test]
fn who_goes_leaves_a_clean_connection_to_the_next() {
    let left = |says: &str, answer: &str| {
        let mut talk = few(4, 1).remove(0);
        talk.c(says).connected();
        let n = talk.session.to_server().len();
        talk.session.sent(n);
        talk.s(answer);
        let n = talk.session.to_client().len();
        talk.session.delivered(n);
        talk.step(Event::ClientClosed);
        assert!(talk.actions.contains(&Action::CloseClient { why: session::Why::ClientLeft }), "{:?}", talk.actions);
        released(&talk)
    };
    assert!(left("GET a", "$-1"));
    assert!(left("SELECT 1", "+OK"));
    // By its name it would be seen in a list of clients; the others left something there, or do not know what.
    for (says, answer) in
        [("CLIENT SETNAME a", "+OK"), ("CLIENT NO-EVICT on", "+OK"), ("WATCH a", "+OK"), ("MULTI", "+OK")]
    {
        assert!(!left(says, answer), "{says}");
    }
}
