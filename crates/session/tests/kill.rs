//! One session that says CLIENT KILL, or whose connection was killed: what others hear of it, and what becomes of it.

mod talk;

use session::{Action, Event, Pool, Rules, Why};
use talk::{Talk, addr, master, view};
use view::Phase;

fn begun() -> Action {
    Action::KillBegun { addr: addr(1) }
}

fn killed(killed: u64) -> Action {
    Action::Killed { addr: addr(1), killed }
}

fn over() -> Action {
    Action::KillOver { addr: addr(1) }
}

/// One that has a connection, and orders nothing.
fn connected() -> Talk {
    let mut talk = master();
    talk.c("PING").connected().server_hears("PING").s("+PONG").client_hears("+PONG").actions.clear();
    talk
}

#[test]
fn others_hear_of_it_before_it_goes_out_and_when_it_is_answered() {
    let mut talk = connected();
    talk.c("CLIENT KILL ID 7").orders(&[begun()]).server_hears("CLIENT KILL ID 7");
    talk.s(":1").orders(&[killed(1), over()]).client_hears(":1");
    talk.c("client kill 10.0.0.1:5").orders(&[begun()]).server_hears("client kill 10.0.0.1:5");
    talk.s("+OK").orders(&[killed(1), over()]).client_hears("+OK");
    talk.c("CLIENT KILL TYPE normal").orders(&[begun()]).server_hears("CLIENT KILL TYPE normal");
    talk.s("-ERR no such user").orders(&[over()]).client_hears("-ERR no such user");
    talk.c("CLIENT KILL ID 8; CLIENT KILL ID 9; GET a").orders(&[begun()]);
    talk.server_hears("CLIENT KILL ID 8; CLIENT KILL ID 9; GET a");
    talk.s(":0").orders(&[]).s(":12; $-1").orders(&[killed(12), over()]).client_hears(":0; :12; $-1");
}

#[test]
fn an_answer_that_comes_in_pieces_is_one() {
    let mut talk = connected();
    talk.c("CLIENT KILL ID 7").server_hears("CLIENT KILL ID 7").actions.clear();
    for piece in [":1", "2", "\r", "\n"] {
        let conn = talk.conn;
        talk.orders(&[]).step(Event::ServerBytes { conn, bytes: piece.as_bytes() });
    }
    talk.orders(&[killed(12), over()]).client_hears(":12");
}

#[test]
fn one_that_is_queued_or_never_answered_kills_nobody() {
    let mut talk = connected();
    talk.c("MULTI; CLIENT KILL ID 7; EXEC").server_hears("MULTI; CLIENT KILL ID 7; EXEC").actions.clear();
    talk.s("+OK; +QUEUED").orders(&[over()]).s("*1; :1").orders(&[]).client_hears("+OK; +QUEUED; *1; :1");
    // Nor is it said to another server, where the number is somebody else's.
    let mut talk = connected();
    talk.c("CLIENT KILL ID 7").server_hears("CLIENT KILL ID 7").actions.clear();
    let conn = talk.conn;
    talk.step(Event::ServerClosed { conn }).closes(Why::UnknownFate);
    assert_eq!(talk.actions[0], over());
    // Its client may go first.
    let mut talk = connected();
    talk.c("CLIENT KILL ID 7").server_hears("CLIENT KILL ID 7").step(Event::ClientClosed);
    assert!(talk.session.awaits_kill());
    talk.s(":1").client_hears(":1");
    assert!(talk.actions.ends_with(&[
        killed(1),
        over(),
        Action::CloseServer { conn: talk.conn },
        Action::CloseClient { why: Why::ClientLeft }
    ]));
}

#[test]
fn who_was_killed_is_closed_with_all_that_it_asked() {
    let mut talk = connected();
    let conn = talk.conn;
    talk.step(Event::ServerKilled { conn }).orders(&[Action::CloseClient { why: Why::Killed }]);
    // A read would be sent again if its connection had ended otherwise; what was answered is answered.
    let mut talk = connected();
    talk.c("GET a; GET b").server_hears("GET a; GET b").s("$-1").step(Event::ServerKilled { conn });
    talk.orders(&[]).client_hears("$-1").orders(&[Action::CloseClient { why: Why::Killed }]);
    // An older connection's end is nobody's.
    let mut talk = connected();
    let conn = talk.conn;
    talk.gone().c("GET a").connected().server_hears("GET a").step(Event::ServerKilled { conn });
    talk.s("$-1").client_hears("$-1");
}

#[test]
fn in_company_it_keeps_the_connection_that_it_may_have_ended() {
    let mut talk = Talk::new(Rules { pool: Pool::Shared, ..Rules::default() }, view(1, Phase::Steady, 1, &[]));
    talk.c("CLIENT KILL SKIPME no").connected();
    let n = talk.session.to_server().len();
    talk.session.sent(n);
    // What asks on a connection of its own what others did asks for an answer to something first.
    talk.actions.clear();
    talk.s("+PONG").server_hears("CLIENT KILL SKIPME no").orders(&[begun()]).s(":1").orders(&[killed(1), over()]);
    let conn = talk.conn;
    talk.client_hears(":1").step(Event::ServerKilled { conn }).closes(Why::Killed);
}
