//! Who has a connection of its own, for how long, and what it does with it then.

mod talk;

use std::time::Duration;

use session::{Action, Event, Pool, Rules};
use talk::{Talk, view};
use view::Phase;

fn shared() -> Talk {
    Talk::new(Rules { pool: Pool::Shared, ..Rules::default() }, view(1, Phase::Steady, 1, &[]))
}

/// A reply that gains nothing by company.
fn large() -> String {
    format!("${}; {}", 10_000, "x".repeat(10_000))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Same,
    Shared,
    Own,
    /// Its own was given back first.
    Released,
    OwnReleased,
}

impl Talk {
    /// It has a connection, made in the way that it asked for.
    fn made(&mut self) -> Way {
        let released = self.actions.iter().any(|action| matches!(action, Action::Release { .. }));
        let way = match self.actions.last() {
            Some(Action::Share { .. }) if released => Way::Released,
            Some(Action::Connect { .. }) if released => Way::OwnReleased,
            Some(Action::Share { .. }) => Way::Shared,
            Some(Action::Connect { .. }) => Way::Own,
            _ => Way::Same,
        };
        match way {
            Way::Shared | Way::Released => self.ready(),
            Way::Own | Way::OwnReleased => self.connected(),
            Way::Same => self,
        };
        self.actions.clear();
        way
    }

    /// `n` requests at once, each answered with `reply`: on which connection they went.
    fn pipelines(&mut self, n: usize, reply: &str) -> Way {
        self.c(&vec!["GET a"; n].join("; "));
        let way = self.made();
        let mut answered = 0;
        while answered < n {
            let sent = self.session.unsent_requests();
            let bytes = self.session.to_server().len();
            self.session.sent(bytes);
            assert!(sent > 0, "{answered} of {n}: {}", self.session.explain(self.now));
            for _ in 0..sent {
                self.s(reply);
            }
            answered += sent;
            let heard = self.session.to_client().len();
            self.session.delivered(heard);
            self.drain();
            if answered < n {
                // What came to be a burden goes on elsewhere.
                self.made();
            }
        }
        way
    }
}

#[test]
fn large_replies_one_at_a_time_leave_the_others_their_turn() {
    let mut talk = shared();
    assert_eq!(talk.pipelines(1, &large()), Way::Shared);
    for _ in 0..10 {
        assert_eq!(talk.pipelines(1, &large()), Way::Same);
    }
}

#[test]
fn who_pipelines_large_replies_is_alone_until_it_was_none_for_as_long() {
    let mut talk = shared();
    // The last one of a pipeline has nothing behind it: it counts as none.
    assert_eq!(talk.pipelines(6, &large()), Way::Shared);
    assert_eq!(talk.pipelines(1, "+OK"), Way::Own, "{}", talk.session.explain(talk.now));
    for _ in 0..3 {
        assert_eq!(talk.pipelines(1, "+OK"), Way::OwnReleased, "with nothing to ask it needs none");
    }
    assert_eq!(talk.pipelines(1, "+OK"), Way::Released);
    assert_eq!(talk.pipelines(1, "+OK"), Way::Same);

    // A habit of hours is forgotten after a few.
    let mut talk = shared();
    for _ in 0..50 {
        talk.pipelines(6, &large());
    }
    let few = (0..20).position(|_| talk.pipelines(1, "+OK") == Way::Released);
    assert!(few.is_some_and(|n| (8..18).contains(&n)), "{few:?}");
}

#[test]
fn who_pipelines_deeply_batches_by_itself() {
    let mut talk = shared();
    assert_eq!(talk.pipelines(100, "+OK"), Way::Shared);
    assert_eq!(talk.pipelines(1, "+OK"), Way::Same, "that is usual");
    talk.c(&vec!["GET a"; 300].join("; "));
    assert_eq!(talk.made(), Way::Same);
    let (mut asked, mut awaited) = (0, 0);
    loop {
        asked += talk.session.unsent_requests();
        awaited += talk.session.unsent_requests();
        let n = talk.session.to_server().len();
        talk.session.sent(n);
        if awaited == 0 {
            break;
        }
        talk.s("+OK");
        awaited -= 1;
    }
    assert_eq!(asked, 128 + 3, "with the fourth answer it is a burden");
    assert_eq!(talk.made(), Way::Own, "{}", talk.session.explain(talk.now));
    assert_eq!(talk.session.unsent_requests(), 300 - asked, "all at once");
}

#[test]
fn on_a_shared_connection_so_many_and_so_large_requests_are_under_way() {
    let mut talk = shared();
    talk.c(&vec!["GET a"; 200].join("; ")).ready();
    assert_eq!(talk.session.unsent_requests(), 128);

    let mut talk = shared();
    let value = "v".repeat(30_000);
    talk.c(&format!("SET a {value}; SET b {value}; SET c {value}")).ready();
    assert_eq!(talk.session.unsent_requests(), 2);

    // One that is larger goes alone.
    let mut talk = shared();
    talk.c(&format!("SET a {}", "v".repeat(60_000)));
    assert_eq!(talk.made(), Way::Shared);
    let mut talk = shared();
    talk.step(Event::ClientBytes(
        format!("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$70000\r\n{}\r\n", "v".repeat(70_000)).as_bytes(),
    ));
    assert_eq!(talk.made(), Way::Own);
}

#[test]
fn who_does_not_read_asks_for_nothing_more_on_a_shared_connection() {
    let mut talk = shared();
    talk.c("GET a").ready().server_hears("GET a").s(&format!("${}; {}", 70_000, "x".repeat(70_000)));
    talk.c("GET b").server_hears("");
    let unread = talk.session.to_client().len();
    talk.session.delivered(unread - 60_000);
    assert_eq!(talk.session.unsent_requests(), 1, "it has read enough");
}

#[test]
fn who_has_something_on_its_connection_keeps_it() {
    for (says, hears) in [
        ("WATCH a", "+OK"),
        ("CLIENT ID", ":5"),
        ("MONITOR", "+OK"),
        ("SUBSCRIBE c", "*3; $9; subscribe; $1; c; :1"),
        ("MULTI; SELECT 1; EXEC", "+OK; +QUEUED; *1; +OK"),
    ] {
        let mut talk = shared();
        talk.c(says);
        assert_eq!(talk.made(), Way::Own, "{says}");
        if says == "CLIENT ID" {
            // So that what only the connection knows is later than all that went over others.
            talk.server_hears("PING").s("+PONG");
        }
        talk.server_hears(says).s(hears).client_hears(hears);
        talk.pass(60_000);
        assert_eq!(talk.actions, [], "{says}: it is not given back");
        talk.c("GET a").server_hears("GET a").s("$-1").client_hears("$-1");
        assert_eq!(talk.actions, [], "{says}: what could be shared goes over it, too");
    }
}

#[test]
fn a_connection_that_nothing_needs_is_given_back() {
    for (says, hears) in [("BLPOP a 1", "*-1"), ("SELECT 1", "+OK"), ("MULTI; GET a; EXEC", "+OK; +QUEUED; *1; $-1")] {
        let mut talk = shared();
        talk.c(says);
        assert_eq!(talk.made(), Way::Own, "{says}");
        talk.server_hears(says).s(hears).client_hears(hears);
        assert!(matches!(talk.actions[..], [Action::Release { .. }]), "{says}: {:?}", talk.actions);
        talk.c("GET a");
        assert_eq!(talk.made(), Way::Released, "{says}");
    }
    // Not while the next request has begun to come, which may need it again.
    let mut talk = shared();
    talk.c("BLPOP a 1").connected().server_hears("BLPOP a 1").actions.clear();
    talk.step(Event::ClientBytes(b"*3\r\n$5\r\nBLP")).s("*-1");
    assert_eq!(talk.actions, []);
    // Nor within a message.
    let mut talk = shared();
    let conn = talk.c("BLPOP a 1").connected().server_hears("BLPOP a 1").conn;
    talk.actions.clear();
    talk.step(Event::ServerBytes { conn, bytes: b"*-1\r\n>2\r\n+m\r\n" });
    assert_eq!(talk.actions, []);
    talk.step(Event::ServerBytes { conn, bytes: b":1\r\n" });
    assert!(matches!(talk.actions[..], [Action::Release { .. }]), "{:?}", talk.actions);
    // Nor one that is not made: it is of use to nobody.
    let mut talk = shared();
    talk.c("BLPOP a 1").view(1, Phase::Lost, 1);
    talk.step(Event::ClientClosed);
    assert!(!talk.actions.iter().any(|action| matches!(action, Action::Release { .. })), "{:?}", talk.actions);
    talk.now += Duration::from_secs(1);
}

#[test]
fn who_listens_or_has_begun_to_say_something_large_comes_back_on_a_connection_of_its_own() {
    let mut talk = shared();
    talk.c("SUBSCRIBE c").connected().server_hears("SUBSCRIBE c").s("*3; $9; subscribe; $1; c; :1").actions.clear();
    talk.gone();
    assert_eq!(talk.made(), Way::Own);
    talk.server_hears("SUBSCRIBE c");

    let rules = Rules { pool: Pool::Shared, hold_bytes: 1_000, ..Rules::default() };
    let mut talk = Talk::new(rules, view(1, Phase::Steady, 1, &[]));
    talk.step(Event::ClientBytes(format!("*2\r\n$5000\r\n{}", "x".repeat(1_500)).as_bytes()));
    assert_eq!(talk.made(), Way::Own);
}

#[test]
fn only_who_would_do_no_harm_asks_again_elsewhere() {
    let asks = |says: &str| {
        let mut talk = shared();
        talk.c(says).ready().server_hears(says);
        talk
    };
    assert!(asks("GET a").session.may_ask_again());
    assert!(!asks("SET a 1").session.may_ask_again(), "it may have been executed");
    let mut talk = asks("GET a");
    talk.s("$10; abc");
    assert!(!talk.session.may_ask_again(), "nobody else has the rest");
}
