//! Clients with a cache, whom the server tells what has changed.

mod talk;

use session::{Event, Timer, Why};
use talk::{READONLY, Talk, master};
use view::Phase;

const FORGET: &str = ">2; $10; invalidate; _";

/// Speaks RESP3 and has said these.
fn tracks(says: &[&str]) -> Talk {
    let mut talk = master();
    talk.c("HELLO 3").connected().server_hears("HELLO 3").s("%1; +proto; :3").client_hears("%1; +proto; :3");
    for said in says {
        talk.c(said).server_hears(said).s("+OK").client_hears("+OK");
    }
    talk
}

#[test]
fn what_changes_is_passed_on_and_requests_are_told_apart_as_before() {
    let mut talk = tracks(&["CLIENT TRACKING ON"]);
    talk.c("GET a; GET b").server_hears("GET a; GET b").s("$-1").s(">2; $10; invalidate; *1; $1; a").s("$-1");
    talk.client_hears("$-1; >2; $10; invalidate; *1; $1; a; $-1");
    assert_eq!(talk.session.stats().replies, 4);
}

#[test]
fn a_cut_makes_the_client_forget_at_once_and_again_when_the_new_server_tracks() {
    let mut talk = tracks(&["CLIENT TRACKING ON NOLOOP"]);
    talk.view(2, Phase::Steady, 2).client_hears(FORGET).connected();
    talk.server_hears("HELLO 3; CLIENT TRACKING ON NOLOOP").s("%1; +proto; :3").client_hears("").s("+OK");
    talk.client_hears(FORGET).s(">2; $10; invalidate; *1; $1; a").client_hears(">2; $10; invalidate; *1; $1; a");
    // One that is not made does not make it forget what it forgot.
    talk.gone().client_hears(FORGET).connected().gone().client_hears("");
}

#[test]
fn prefixes_add_up_and_all_else_is_said_anew() {
    let mut talk = tracks(&["CLIENT TRACKING ON BCAST PREFIX a", "CLIENT TRACKING on bcast PREFIX b PREFIX c"]);
    talk.gone().connected();
    talk.server_hears("HELLO 3; CLIENT TRACKING ON BCAST PREFIX a; CLIENT TRACKING on bcast PREFIX b PREFIX c");

    let mut talk = tracks(&["CLIENT TRACKING ON OPTIN", "CLIENT TRACKING ON OPTIN NOLOOP"]);
    talk.gone().connected().server_hears("HELLO 3; CLIENT TRACKING ON OPTIN NOLOOP");

    let mut talk = tracks(&["CLIENT TRACKING ON", "CLIENT TRACKING OFF"]);
    talk.actions.clear();
    talk.gone().client_hears("").orders(&[]);
}

#[test]
fn what_was_said_about_the_next_request_is_said_right_before_it() {
    let mut talk = tracks(&["CLIENT TRACKING ON OPTIN", "CLIENT CACHING YES"]);
    talk.c("CLIENT ID; GET a").server_hears("CLIENT ID; GET a").s(":7").gone().connected();
    talk.server_hears("HELLO 3; CLIENT TRACKING ON OPTIN; CLIENT CACHING YES").s("%1; +proto; :3; +OK; +OK");
    talk.server_hears("GET a").s("$-1").client_hears(&format!(":7; {FORGET}; {FORGET}; $-1"));
    talk.gone().connected().server_hears("HELLO 3; CLIENT TRACKING ON OPTIN");

    // A transaction is one request, and its commands are told after that.
    let mut talk = tracks(&["CLIENT TRACKING ON OPTIN", "CLIENT CACHING YES"]);
    talk.c("MULTI; GET a").server_hears("MULTI; GET a").s("+OK; +QUEUED").gone().connected();
    talk.server_hears("HELLO 3; CLIENT TRACKING ON OPTIN; CLIENT CACHING YES; MULTI; GET a");
    talk.s("%1; +proto; :3; +OK; +OK; +OK; +QUEUED").c("EXEC").server_hears("EXEC").s("*1; $-1").gone().connected();
    talk.server_hears("HELLO 3; CLIENT TRACKING ON OPTIN");
}

#[test]
fn a_refusal_uses_it_up_so_that_it_is_said_again() {
    let mut talk = tracks(&["CLIENT TRACKING ON OPTIN", "CLIENT CACHING YES"]);
    talk.c("SET a 1").server_hears("SET a 1").s(READONLY).pass(20).connected();
    talk.server_hears("HELLO 3; CLIENT TRACKING ON OPTIN; CLIENT CACHING YES");
}

#[test]
fn redirected_messages_and_too_many_prefixes_end_with_the_connection() {
    let mut talk = tracks(&["CLIENT TRACKING ON REDIRECT 7"]);
    talk.gone().closes(Why::Unrestorable);

    let mut talk = tracks(&["CLIENT TRACKING ON REDIRECT 7", "CLIENT TRACKING ON REDIRECT 0"]);
    talk.gone().client_hears(FORGET).connected().server_hears("HELLO 3; CLIENT TRACKING ON REDIRECT 0");

    let long = format!("CLIENT TRACKING ON BCAST PREFIX {}", "p".repeat(70_000));
    let mut request = Vec::new();
    resp::write::command(&mut request, &long.split(' ').collect::<Vec<_>>());
    let mut talk = tracks(&[]);
    talk.step(Event::ClientBytes(&request)).server_hears(&long).s("+OK").client_hears("+OK");
    talk.gone().closes(Why::Unrestorable);
}

#[test]
fn reset_ends_it_and_an_older_protocol_has_no_messages() {
    let mut talk = tracks(&["CLIENT TRACKING ON", "RESET"]);
    talk.actions.clear();
    talk.gone().client_hears("").orders(&[]);

    let mut talk = tracks(&["CLIENT TRACKING ON", "HELLO 2"]);
    talk.gone().client_hears("").connected().server_hears("CLIENT TRACKING ON").s("+OK").client_hears("");
}

#[test]
fn a_cache_that_nobody_keeps_true_is_not_left_for_ever() {
    let mut talk = tracks(&["CLIENT TRACKING ON"]);
    talk.view(1, Phase::Lost, 1).gone().client_hears(FORGET);
    assert_eq!(talk.session.deadline().map(|(_, timer)| timer), Some(Timer::Hold));
    talk.pass(10_000).closes(Why::HoldExpired);
}

#[test]
fn replies_that_are_turned_off_are_not_understood() {
    let mut talk = master();
    talk.c("CLIENT REPLY OFF; GET a").connected().server_hears("CLIENT REPLY OFF GET a").gone().closes(Why::PinnedCut);
}
