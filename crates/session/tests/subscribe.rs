//! Subscribers: what is for them, and how they go on at another server.

mod talk;

use session::{Event, Pool, Rules, Timer, Why};
use talk::{Talk, addr, master, view};
use view::Phase;

/// What a server says of a subscription, or a message: RESP2 unless `first` is `>`.
fn says(first: char, words: &[&str]) -> String {
    let mut text = format!("{first}{}", words.len());
    for word in words {
        match word.parse::<u32>() {
            Ok(n) => text += &format!("; :{n}"),
            Err(_) => text += &format!("; ${}; {word}", word.len()),
        }
    }
    text
}

/// Listens to channels a and b and pattern p*.
fn listens() -> Talk {
    let mut talk = master();
    talk.c("SUBSCRIBE a b; PSUBSCRIBE p*").connected().server_hears("SUBSCRIBE a b; PSUBSCRIBE p*");
    let said = [says('*', &["subscribe", "a", "1"]), says('*', &["subscribe", "b", "2"])].join("; ");
    talk.s(&said).s(&says('*', &["psubscribe", "p*", "3"]));
    talk.client_hears(&format!("{said}; {}", says('*', &["psubscribe", "p*", "3"])));
    assert_eq!(talk.session.stats().replies, 2);
    talk
}

#[test]
fn messages_answer_nobody_and_a_ping_is_answered() {
    let mut talk = listens();
    let message = says('*', &["message", "a", "hello"]);
    let pmessage = says('*', &["pmessage", "p*", "px", "hello"]);
    talk.s(&message).client_hears(&message).c("PING").server_hears("PING").s(&pmessage).s(&says('*', &["pong", "x"]));
    talk.client_hears(&format!("{pmessage}; {}", says('*', &["pong", "x"])));
    talk.c("GET a").server_hears("GET a").s("-ERR Can't execute 'get'").client_hears("-ERR Can't execute 'get'");
    assert_eq!(talk.session.stats().misbehaved, 0);
}

#[test]
fn a_message_in_pieces_is_understood_at_every_split() {
    let message = format!("{}\r\n", says('*', &["message", "a", "hello"]).replace("; ", "\r\n"));
    for at in 1..message.len() {
        let mut talk = listens();
        talk.c("PING").server_hears("PING");
        let conn = talk.conn;
        for part in [&message[..at], &message[at..]] {
            talk.step(Event::ServerBytes { conn, bytes: part.as_bytes() });
        }
        talk.client_hears(&says('*', &["message", "a", "hello"]));
        assert_eq!(talk.session.stats().replies, 2, "the PING is not answered by it");
    }
}

#[test]
fn a_subscriber_goes_on_at_the_new_master_and_hears_nothing_of_it() {
    let mut talk = listens();
    talk.view(2, Phase::Steady, 2).connected().server_hears("SUBSCRIBE a b; PSUBSCRIBE p*");
    // Messages may come before all of it is agreed to.
    let early = says('*', &["message", "a", "early"]);
    talk.s(&says('*', &["subscribe", "a", "1"])).s(&early).s(&says('*', &["subscribe", "b", "2"])).client_hears(&early);
    talk.s(&says('*', &["psubscribe", "p*", "3"])).client_hears("");
    let message = says('*', &["pmessage", "p*", "px", "hello"]);
    talk.s(&message).client_hears(&message);
    // It does not depend on the client's doing something.
    talk.gone().connected().server_hears("SUBSCRIBE a b; PSUBSCRIBE p*");
}

#[test]
fn what_it_does_not_listen_to_any_more_is_not_told() {
    let mut talk = listens();
    talk.c("UNSUBSCRIBE; PUNSUBSCRIBE q*; SSUBSCRIBE s").server_hears("UNSUBSCRIBE; PUNSUBSCRIBE q*; SSUBSCRIBE s");
    talk.s(&says('*', &["unsubscribe", "a", "2"])).s(&says('*', &["unsubscribe", "b", "1"]));
    talk.s(&says('*', &["punsubscribe", "q*", "1"])).s(&says('*', &["ssubscribe", "s", "1"]));
    assert_eq!(talk.session.stats().replies, 5);
    talk.gone().connected().server_hears("PSUBSCRIBE p*; SSUBSCRIBE s");
}

#[test]
fn who_listens_to_nothing_any_more_is_a_client_like_any_other() {
    let mut talk = listens();
    talk.c("UNSUBSCRIBE; PUNSUBSCRIBE; LRANGE l 0 -1").server_hears("UNSUBSCRIBE; PUNSUBSCRIBE");
    talk.s(&says('*', &["unsubscribe", "a", "2"])).s(&says('*', &["unsubscribe", "b", "1"]));
    talk.s(&says('*', &["punsubscribe", "p*", "0"])).server_hears("LRANGE l 0 -1");
    talk.s(&says('*', &["message", "a", "no message"]));
    assert_eq!(talk.session.stats().replies, 5);
    talk.c("UNSUBSCRIBE").server_hears("UNSUBSCRIBE").s("*3; $11; unsubscribe; $-1; :0");
    assert_eq!(talk.session.stats().replies, 6);
    talk.actions.clear();
    talk.gone().orders(&[]);
}

#[test]
fn in_resp3_other_requests_go_on_in_between() {
    let mut talk = master();
    talk.c("HELLO 3; SUBSCRIBE a b; LRANGE l 0 -1").connected().server_hears("HELLO 3").s("%1; +proto; :3");
    talk.server_hears("SUBSCRIBE a b").s(&says('>', &["message", "x", "y"])).s(&says('>', &["subscribe", "a", "1"]));
    talk.server_hears("").s(&says('>', &["subscribe", "b", "2"])).server_hears("LRANGE l 0 -1");
    talk.s(&says('>', &["message", "a", "hello"])).s(&says('*', &["message", "a", "an element"]));
    assert_eq!(talk.session.stats().replies, 3);
    let n = talk.session.to_client().len();
    talk.session.delivered(n);
    talk.drain().gone().connected().server_hears("HELLO 3; SUBSCRIBE a b").s("%1; +proto; :3");
    talk.s(&says('>', &["invalidate", "x"])).s(&says('>', &["subscribe", "a", "1"]));
    talk.s(&says('>', &["subscribe", "b", "2"])).client_hears(&says('>', &["invalidate", "x"]));
    talk.c("GET a").server_hears("GET a").s("$-1").client_hears("$-1");
}

#[test]
fn a_subscription_that_is_refused_is_told_and_forgotten() {
    let mut talk = master();
    talk.c("SUBSCRIBE a; SUBSCRIBE").connected().server_hears("SUBSCRIBE a").s("-NOPERM no").client_hears("-NOPERM no");
    talk.server_hears("SUBSCRIBE").s("-ERR wrong number").client_hears("-ERR wrong number");
    talk.actions.clear();
    talk.gone().orders(&[]);

    // What another server does not agree to cannot be kept up.
    let mut talk = listens();
    talk.gone().connected().server_hears("SUBSCRIBE a b; PSUBSCRIBE p*").s("-NOPERM no").closes(Why::RestoreRefused);
}

#[test]
fn a_subscription_that_was_cut_is_said_again_unless_the_client_has_a_part_of_the_answer() {
    let mut talk = master();
    talk.c("SUBSCRIBE a b").connected().server_hears("SUBSCRIBE a b").gone().connected().server_hears("SUBSCRIBE a b");
    let a = says('*', &["subscribe", "a", "1"]);
    talk.s(&a).client_hears(&a).gone().closes(Why::CutReply);
}

#[test]
fn reset_ends_it() {
    let mut talk = listens();
    talk.c("RESET").server_hears("RESET").s("+RESET").client_hears("+RESET");
    talk.actions.clear();
    talk.gone().orders(&[]).c("GET a").connected().server_hears("GET a");
}

#[test]
fn who_listens_is_not_left_waiting_for_ever() {
    let mut talk = listens();
    talk.view(1, Phase::Lost, 1).gone();
    assert_eq!(talk.session.deadline().map(|(_, timer)| timer), Some(Timer::Hold));
    talk.pass(10_000).closes(Why::HoldExpired);
}

#[test]
fn in_a_transaction_and_past_the_bound_bytes_pass_as_they_are() {
    let mut talk = master();
    talk.c("MULTI; SUBSCRIBE a; EXEC").connected().server_hears("MULTI").s("+OK").server_hears("SUBSCRIBE a; EXEC");
    talk.s("+QUEUED; *1").s(&says('*', &["subscribe", "a", "1"])).view(2, Phase::Steady, 2);
    talk.client_hears(&format!("+OK; +QUEUED; *1; {}", says('*', &["subscribe", "a", "1"]))).closes(Why::PinnedCut);

    let mut talk = listens();
    let channel = "c".repeat(300_000);
    talk.c("PING").server_hears("PING").c(&format!("SUBSCRIBE {}", &channel[..60_000])).server_hears("");
    talk.s(&says('*', &["pong", "x"])).server_hears(&format!("SUBSCRIBE {}", &channel[..60_000]));
    talk.s(&says('*', &["subscribe", &channel[..60_000], "4"]));
    let n = talk.session.to_client().len();
    talk.session.delivered(n);
    let mut request = Vec::new();
    resp::write::command(&mut request, &["SUBSCRIBE", &channel]);
    talk.step(Event::ClientBytes(&request)).server_hears(&format!("SUBSCRIBE {channel}")).gone().closes(Why::PinnedCut);
}

#[test]
fn who_was_named_to_the_server_by_its_client_id_is_closed() {
    let mut talk = master();
    talk.c("SUBSCRIBE __redis__:invalidate").connected().server_hears("SUBSCRIBE __redis__:invalidate");
    let said = says('*', &["subscribe", "__redis__:invalidate", "1"]);
    talk.s(&said).client_hears(&said).gone().closes(Why::Unrestorable);
}

#[test]
fn it_has_a_connection_of_its_own_that_nobody_else_gets() {
    let mut talk = Talk::new(Rules { pool: Pool::Shared, ..Rules::default() }, view(1, Phase::Steady, 1, &[2]));
    talk.c("SUBSCRIBE a").orders(&[session::Action::Connect { conn: session::Conn(1), addr: addr(1) }]).connected();
    talk.server_hears("SUBSCRIBE a").s(&says('*', &["subscribe", "a", "1"])).orders(&[]);
    talk.c("PING").server_hears("PING").orders(&[]);
}

/// Seen once in 80,000 random worlds: the error for a request that waited too long went into the middle of a message.
#[test]
fn an_answer_of_our_own_waits_for_the_end_of_a_message() {
    let mut talk = listens();
    let message = format!("{}\r\n", says('*', &["message", "a", "hello"]).replace("; ", "\r\n"));
    let (begin, end) = message.split_at(30);
    let conn = talk.conn;
    talk.view(1, Phase::Switching, 1).c("PING").step(Event::ServerBytes { conn, bytes: begin.as_bytes() });
    talk.pass(10_000).step(Event::ServerBytes { conn, bytes: end.as_bytes() });
    let heard = String::from_utf8_lossy(talk.session.to_client()).into_owned();
    assert!(heard.starts_with(&format!("{message}-MASTERDOWN")), "{heard}");
}
