//! One session that needs a connection while a script runs on the server for too long.

mod talk;

use session::{Action, Event, Pool, Rules};
use talk::{Talk, master, view};
use view::Phase;

const BUSY: &str = "-BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.";

/// Somebody who chose a database, and whose connection has gone.
fn without_connection() -> Talk {
    let mut talk = master();
    talk.c("AUTH ann pw; SELECT 3").connected().server_hears("AUTH ann pw; SELECT 3").s("+OK; +OK");
    talk.client_hears("+OK; +OK").gone().actions.clear();
    talk
}

#[test]
fn what_waits_hears_what_everybody_hears() {
    let mut talk = without_connection();
    talk.c("GET a; SET a 1").connected().server_hears("AUTH ann pw; SELECT 3").s("+OK").s(BUSY);
    talk.client_hears(&format!("{BUSY}; {BUSY}"));
    // Not at once again, but soon, and with all that is to be said.
    talk.c("GET a").pass(10).server_hears("").pass(500).connected().server_hears("AUTH ann pw; SELECT 3");
    talk.s("+OK; +OK").server_hears("GET a").s("$-1").client_hears("$-1");
}

#[test]
fn what_stops_the_script_goes_out_and_nothing_else_does_on_that_connection() {
    let mut talk = without_connection();
    talk.c("GET a; SCRIPT KILL").connected().server_hears("AUTH ann pw; SELECT 3").s("+OK").s(BUSY);
    talk.client_hears(BUSY).pass(500).connected().server_hears("AUTH ann pw").s("+OK");
    let first = talk.conn;
    talk.server_hears("SCRIPT KILL").c("GET b").server_hears("").actions.clear();
    talk.s("+OK").client_hears("+OK");
    assert_eq!(talk.actions[0], Action::CloseServer { conn: first });
    talk.connected().server_hears("AUTH ann pw; SELECT 3").s("+OK; +OK").server_hears("GET b");
    // When no script runs, it goes where everything goes.
    talk.s("$-1").client_hears("$-1").c("SCRIPT KILL").server_hears("SCRIPT KILL");
    talk.s("-NOTBUSY No scripts in execution right now.").c("GET c").server_hears("GET c");
}

#[test]
fn who_shares_hears_it_of_a_connection_that_is_not_ready() {
    let mut talk = Talk::new(Rules { pool: Pool::Shared, ..Rules::default() }, view(1, Phase::Steady, 1, &[]));
    talk.c("GET a");
    let line = format!("{BUSY}\r\n");
    let conn = talk.conn;
    talk.step(Event::ServerBusy { conn, line: line.as_bytes() }).client_hears(BUSY);
    // Its words came in pieces: these are as good.
    talk.c("GET b").pass(500);
    let conn = talk.conn;
    talk.step(Event::ServerBusy { conn, line: b"c" });
    assert!(talk.session.to_client().starts_with(b"-BUSY Redis is busy running a script."));
}

#[test]
fn what_stops_the_script_needs_no_database_however_that_was_chosen() {
    let mut talk = master();
    talk.c("SELECT 3; AUTH ann pw").connected().server_hears("SELECT 3; AUTH ann pw").s("+OK; +OK");
    talk.client_hears("+OK; +OK").gone();
    talk.c("SCRIPT KILL").connected().server_hears("SELECT 3; AUTH ann pw").s(BUSY).pass(500).connected();
    talk.server_hears("AUTH ann pw").s("+OK").server_hears("SCRIPT KILL").s("+OK").client_hears("+OK");
}
