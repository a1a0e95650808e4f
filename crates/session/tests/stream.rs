//! Requests that are larger than what a session may keep.

mod talk;

use session::{Event, OnUnknown, Pool, Rules, Why};
use talk::{READONLY, Talk, view};
use view::Phase;

const BOUND: usize = 32 * 1024;

fn small() -> Talk {
    Talk::new(Rules { hold_bytes: BOUND, ..Rules::default() }, view(1, Phase::Steady, 1, &[2, 3]))
}

const SPENT: &str = "-MASTERDOWN Standfast: the connection to the server ended during a request that is larger than hold-bytes \
                     and so was not kept; it changed nothing, and may be sent again";

impl Talk {
    /// The client says these bytes as they are.
    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.step(Event::ClientBytes(bytes))
    }

    /// The server takes so much of what there is for it.
    fn takes(&mut self, at_most: usize) -> usize {
        let n = self.session.to_server().len().min(at_most);
        self.session.sent(n);
        self.drain();
        n
    }
}

fn set(len: usize) -> Vec<u8> {
    format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${len}\r\n").into_bytes()
}

#[test]
fn a_value_of_64_mib_passes_and_is_never_kept() {
    const LEN: usize = 64 << 20;
    for says in [set(LEN), [&b"*2\r\n$4\r\nAUTH\r\n$67108864\r\n"[..]].concat(), b"*2\r\n$67108864\r\n".to_vec()] {
        let mut talk = small();
        talk.raw(&says).connected();
        let chunk = vec![b'x'; 16 * 1024];
        let (mut said, mut heard) = (0, 0);
        while said < LEN {
            assert!(talk.session.wants_client_bytes(), "{}", talk.session.explain(talk.now));
            talk.raw(&chunk);
            said += chunk.len();
            // A server that takes less than comes: the client has to wait.
            heard += talk.takes(10 * 1024);
            while !talk.session.wants_client_bytes() {
                heard += talk.takes(10 * 1024);
            }
            assert!(talk.session.kept_bytes() < BOUND + 2 * chunk.len(), "{}", talk.session.kept_bytes());
        }
        talk.raw(b"\r\n");
        if !says.starts_with(b"*3") && !says.starts_with(b"*2\r\n$4") {
            talk.raw(b"$1\r\nk\r\n");
            said += 7;
        }
        loop {
            match talk.takes(usize::MAX) {
                0 => break,
                n => heard += n,
            }
        }
        assert_eq!(heard, says.len() + said + 2);
        talk.s("+OK").client_hears("+OK").c("GET k").server_hears("GET k").s("$-1").client_hears("$-1");
    }
}

#[test]
fn a_million_arguments_pass_as_they_come() {
    let mut talk = small();
    talk.raw(b"*1000001\r\n$3\r\nDEL\r\n");
    let mut heard = 0;
    for _ in 0..1_000 {
        talk.raw("$3\r\nkey\r\n".repeat(1_000).as_bytes());
        if !talk.actions.is_empty() {
            talk.actions.clear();
            talk.connected();
        }
        heard += talk.takes(usize::MAX);
        assert!(talk.session.kept_bytes() < BOUND + 16 * 1024);
    }
    assert_eq!(heard, 10 + 9 + 9_000_000);
    talk.s(":7").client_hears(":7");
}

#[test]
fn it_waits_until_all_before_it_is_answered_and_what_comes_after_waits_for_its_end() {
    let mut talk = small();
    talk.c("GET a").connected().raw(&set(BOUND)).raw(&[b'x'; BOUND]);
    assert!(!talk.session.wants_client_bytes(), "it is not read on until its turn has come");
    talk.server_hears("GET a").s("$-1").client_hears("$-1");
    assert_eq!(talk.takes(usize::MAX), set(BOUND).len() + BOUND);
    talk.raw(b"\r\n")
        .c("GET b")
        .server_hears("; GET b".trim_start_matches("; "))
        .s("+OK; $-1")
        .client_hears("+OK; $-1");
}

#[test]
fn a_connection_that_ends_within_it_costs_it_but_not_the_client() {
    let mut talk = small();
    talk.raw(&set(100_000)).connected().raw(&[b'x'; 20_000]);
    talk.takes(usize::MAX);
    talk.gone().client_hears("");
    // The rest of it goes nowhere.
    for _ in 0..4 {
        talk.raw(&[b'x'; 20_000]);
        assert!(talk.session.wants_client_bytes() && talk.session.kept_bytes() < BOUND);
    }
    talk.client_hears("").raw(b"\r\n").client_hears(SPENT).c("GET a").connected().server_hears("GET a");
}

#[test]
fn before_any_of_it_is_gone_it_has_a_second_chance() {
    let mut talk = small();
    talk.raw(&set(100_000)).connected().gone().connected().raw(&[b'x'; 100_000]).raw(b"\r\n");
    assert_eq!(talk.takes(usize::MAX), set(100_000).len() + 100_002);
    talk.s("+OK").client_hears("+OK");
}

#[test]
fn sent_whole_its_fate_is_that_of_any_other() {
    let whole = |talk: &mut Talk, says: &[u8]| {
        talk.raw(says).connected().raw(&[b'x'; 100_000]).raw(b"\r\n");
        talk.takes(usize::MAX);
    };
    let mut talk = small();
    whole(&mut talk, &set(100_000));
    talk.gone().closes(Why::UnknownFate);

    let told = Rules { hold_bytes: BOUND, on_unknown: OnUnknown::Error, ..Rules::default() };
    let mut talk = Talk::new(told, view(1, Phase::Steady, 1, &[2]));
    whole(&mut talk, &set(100_000));
    talk.gone();
    assert!(talk.session.to_client().starts_with(b"-UNKNOWNFATE"));

    let mut talk = small();
    whole(&mut talk, b"*2\r\n$3\r\nGET\r\n$100000\r\n");
    talk.gone().client_hears(SPENT);

    // Refused, it was not executed, and there is nobody but the client who still has it.
    let mut talk = small();
    whole(&mut talk, &set(100_000));
    talk.s(READONLY).client_hears(SPENT).c("GET a").server_hears("GET a");
}

#[test]
fn in_a_transaction_it_is_queued_and_a_cut_aborts_it() {
    let mut talk = small();
    talk.c("MULTI").connected().server_hears("MULTI").s("+OK").raw(&set(100_000)).raw(&[b'x'; 50_000]);
    talk.takes(usize::MAX);
    talk.raw(&[b'x'; 50_000]).raw(b"\r\n");
    talk.takes(usize::MAX);
    talk.s("+QUEUED").client_hears("+OK; +QUEUED").c("EXEC").server_hears("EXEC").s("*1; +OK").client_hears("*1; +OK");

    let mut talk = small();
    talk.c("MULTI").connected().server_hears("MULTI").s("+OK").raw(&set(100_000)).raw(&[b'x'; 50_000]);
    talk.takes(usize::MAX);
    talk.gone().raw(&[b'x'; 50_000]).raw(b"\r\n").c("EXEC");
    talk.client_hears("+OK; +QUEUED; -EXECABORT Transaction discarded because the master changed.");
}

#[test]
fn without_a_server_it_waits_and_then_is_swallowed() {
    let mut talk = Talk::new(Rules { hold_bytes: BOUND, ..Rules::default() }, view(1, Phase::Lost, 1, &[]));
    talk.raw(&set(200_000)).raw(&[b'x'; 50_000]);
    assert!(!talk.session.wants_client_bytes());
    talk.pass(10_000).client_hears("");
    for _ in 0..15 {
        assert!(talk.session.wants_client_bytes());
        talk.raw(&[b'x'; 10_000]);
    }
    talk.raw(b"\r\n");
    assert!(talk.session.to_client().starts_with(b"-MASTERDOWN Standfast: no master"));
}

#[test]
fn its_faults_are_found_and_a_client_that_goes_within_it_is_not_waited_for() {
    let mut talk = small();
    talk.raw(&set(100_000)).connected().raw(&[b'x'; 100_000]);
    talk.takes(usize::MAX);
    talk.raw(b"xx").client_hears("-ERR Protocol error: invalid CRLF").closes(Why::Malformed);

    let mut talk = small();
    talk.raw(&set(100_000)).connected().raw(&[b'x'; 1_000]);
    talk.takes(usize::MAX);
    talk.step(Event::ClientClosed).closes(Why::ClientLeft);
}

#[test]
fn a_server_that_has_heard_enough_is_passed_on() {
    let mut talk = small();
    talk.raw(&set(100_000)).connected().raw(&[b'x'; 1_000]);
    talk.takes(usize::MAX);
    talk.s("-ERR Protocol error: unauthenticated bulk length");
    talk.client_hears("-ERR Protocol error: unauthenticated bulk length").closes(Why::Malformed);
}

#[test]
fn it_has_a_connection_of_its_own() {
    let shared = Rules { hold_bytes: BOUND, pool: Pool::Shared, ..Rules::default() };
    let mut talk = Talk::new(shared, view(1, Phase::Steady, 1, &[2]));
    talk.raw(&set(100_000)).orders(&[session::Action::Connect { conn: session::Conn(1), addr: talk::addr(1) }]);
}

/// Seen in a random world: with no byte of it left, it was taken for one that had not begun to be sent.
#[test]
fn a_view_that_names_another_master_does_not_take_it_back() {
    for whole in [false, true] {
        let mut talk = small();
        talk.raw(&set(100_000)).connected().raw(&[b'x'; 100_000]);
        if whole {
            talk.raw(b"\r\n");
        }
        talk.takes(usize::MAX);
        talk.view(2, Phase::Steady, 2);
        if whole {
            talk.s(READONLY).client_hears(SPENT);
        } else {
            talk.raw(b"\r\n").client_hears(SPENT);
        }
        talk.c("GET a").connected().server_hears("GET a").s("$-1").client_hears("$-1");
    }
}

#[test]
fn what_is_read_to_where_it_stays_is_what_is_handed_over() {
    let rules = || Rules { hold_bytes: 256 * 1024, ..Rules::default() };
    let lens = [40, 9_000, 16_000, 3, 70_000, 5_000, 300_000, 16_000, 16_000];
    let said: Vec<u8> = lens.iter().flat_map(|len| [set(*len), vec![b'v'; *len], b"\r\n".to_vec()].concat()).collect();
    for step in [700, 5_000, 16_384, 50_000] {
        let mut handed = Talk::new(rules(), view(1, Phase::Steady, 1, &[]));
        let mut read = Talk::new(rules(), view(1, Phase::Steady, 1, &[]));
        let mut rooms = 0;
        let mut heard = [Vec::new(), Vec::new()];
        for piece in said.chunks(step) {
            handed.raw(piece);
            match read.session.room() {
                Some(room) => {
                    assert!(room.capacity() - room.len() >= 64 * 1024, "there is the room");
                    room.extend_from_slice(piece);
                    read.step(Event::ClientRead { len: piece.len() });
                    rooms += 1;
                }
                None => {
                    read.raw(piece);
                }
            }
            for (talk, heard) in [&mut handed, &mut read].into_iter().zip(&mut heard) {
                if talk.actions.len() == 1 {
                    talk.connected();
                }
                // A server that answers what it has whole.
                let before = whole(heard);
                heard.extend_from_slice(talk.session.to_server());
                talk.takes(usize::MAX);
                for _ in before..whole(heard) {
                    talk.s("+OK");
                    heard.extend_from_slice(talk.session.to_server());
                    talk.takes(usize::MAX);
                }
            }
            assert_eq!(handed.session.kept_bytes(), read.session.kept_bytes());
        }
        assert!(heard[0] == said, "step {step}: every byte arrives: {} of {}", heard[0].len(), said.len());
        assert!(heard[1] == said, "step {step}: and by the other way, too");
        assert!(rooms > 0, "step {step}: {rooms}");
    }
}

/// Requests that are there whole.
fn whole(bytes: &[u8]) -> usize {
    let mut scanner = resp::RequestScanner::default();
    let (mut at, mut n) = (0, 0);
    while let Ok(Some(resp::Request::Command(command))) = scanner.next(&bytes[at..]) {
        at += command.len();
        n += 1;
    }
    n
}

#[test]
fn a_line_that_is_longer_than_what_may_be_kept_is_read_until_it_is_too_long() {
    for is_served in [true, false] {
        let mut talk = small();
        talk.raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$").raw(&[b'1'; BOUND]);
        if is_served {
            talk.connected().takes(usize::MAX);
        } else {
            talk.pass(2_000).pass(8_000);
        }
        assert!(talk.session.wants_client_bytes(), "{}", talk.session.explain(talk.now));
        talk.raw(&[b'1'; 2 * BOUND]).client_hears("-ERR Protocol error: too big bulk count string");
    }
}

#[test]
fn a_large_request_that_meets_a_server_without_room_was_not_executed() {
    let mut talk = small();
    talk.raw(&set(2 * BOUND)).raw(&vec![b'v'; 2 * BOUND]).connected().takes(usize::MAX);
    talk.raw(b"\r\n").takes(usize::MAX);
    talk.s("-ERR max number of clients reached").client_hears(SPENT);
}
