//! What the requests of a pipeline are told that servers refused, and that none took in time.

mod talk;

use machine::time::at;
use talk::{READONLY, Talk, master};
use view::Phase;

const LOADING: &str = "-LOADING Redis is loading the dataset in memory";
const STALE: &str = "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";

/// Nobody takes what waits: more than `hold`.
fn in_vain(talk: &mut Talk) -> &mut Talk {
    let until = talk.now + talk_hold();
    while talk.now < until {
        talk.pass(100);
    }
    talk
}

fn talk_hold() -> std::time::Duration {
    session::Rules::default().hold + std::time::Duration::from_secs(1)
}

#[test]
fn each_refused_one_is_told_its_own_reason() {
    let mut talk = master();
    talk.c("GET a; SET b 1; GET c; SET d 2; ECHO e").connected().server_hears("GET a; SET b 1; GET c; SET d 2; ECHO e");
    talk.s(STALE).s(READONLY).s(STALE).s(READONLY).s("$1; e").gone();
    let heard = in_vain(&mut talk).heard();
    let heard: Vec<_> = heard.split("; ").collect();
    assert_eq!(heard[..4], [STALE, READONLY, STALE, READONLY]);
    assert!(heard[4].starts_with("-MASTERDOWN Standfast"), "nobody refused it: {heard:?}");
}

#[test]
fn what_a_second_server_said_counts_for_those_that_it_was_asked() {
    let mut talk = master();
    talk.c("SET a 1; SET b 2; SET c 3").connected().server_hears("SET a 1; SET b 2; SET c 3");
    talk.s(READONLY).s(STALE).s(READONLY).pass(20).server_hears("SET a 1; SET b 2; SET c 3");
    talk.s(LOADING).s(READONLY).s(LOADING).gone();
    in_vain(&mut talk).client_hears(&[LOADING, READONLY, LOADING].join("; "));
}

#[test]
fn who_was_answered_in_between_takes_nobodys_words_along() {
    let mut talk = master();
    talk.c("SET a 1; SET b 2; SET c 3").connected().server_hears("SET a 1; SET b 2; SET c 3");
    talk.s(READONLY).s(STALE).s(LOADING).pass(20).server_hears("SET a 1; SET b 2; SET c 3");
    // The first one is answered, and the connection ends within the line that refuses the second.
    talk.s("+OK").client_hears("+OK");
    talk.s(STALE).s(LOADING).gone();
    in_vain(&mut talk).client_hears(&[STALE, LOADING].join("; "));
}

/// Seen once in 7,500 random worlds: the words of the refusal were forgotten, and the client got no reply.
#[test]
fn a_refusal_behind_an_answer_of_our_own_is_passed_on_too() {
    let mut talk = master();
    talk.c("WATCH a; SET a 1; UNWATCH; SET b 2").connected().server_hears("WATCH a; SET a 1; UNWATCH; SET b 2");
    talk.s("+OK").s(READONLY).s("+OK").s(READONLY).client_hears("+OK").pass(20).connected().gone();
    while talk.now < at(11_000) {
        talk.pass(100);
    }
    let heard = String::from_utf8_lossy(talk.session.to_client()).into_owned();
    assert!(heard.starts_with("-MASTERDOWN") && heard.ends_with(&format!("+OK\r\n{READONLY}\r\n")), "{heard}");
}

#[test]
fn a_refusal_of_a_transaction_is_told_to_those_behind_it_in_words_of_their_own() {
    let mut talk = master();
    talk.c("MULTI; SET a 1; EXEC; BLPOP b 0").connected().server_hears("MULTI; SET a 1; EXEC; BLPOP b 0");
    let why = &READONLY[1..];
    talk.s(&format!("+OK; +QUEUED; -EXECABORT Transaction discarded because: {why}")).s(READONLY).gone();
    while talk.now < at(11_000) {
        talk.pass(100);
    }
    talk.client_hears(&format!("+OK; +QUEUED; -EXECABORT Transaction discarded because: {why}; -{why}"));
}

#[test]
fn a_server_that_is_not_ready_keeps_no_request_from_the_one_that_is() {
    for not_ready in [LOADING, STALE] {
        let mut talk = master();
        talk.c("GET a").connected().server_hears("GET a").s(not_ready).client_hears("");
        talk.view(2, Phase::Steady, 2).connected().server_hears("GET a").s("$1; 1").client_hears("$1; 1");
    }
}

#[test]
fn what_was_waited_is_forgiven_when_a_server_has_answered() {
    let mut talk = master();
    for epoch in [1, 3] {
        talk.view(epoch, Phase::Switching, 1).c("GET a").pass(7_000).client_hears("");
        talk.view(epoch + 1, Phase::Steady, 2).connected().server_hears("GET a").s("$1; 1").client_hears("$1; 1");
    }
}
