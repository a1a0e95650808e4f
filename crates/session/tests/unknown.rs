//! What a client is told of a request that was perhaps executed, where its connection is not closed for it.

mod talk;

use session::{OnUnknown, Rules, Why};
use talk::{READONLY, Talk, view};
use view::Phase;

fn told() -> Talk {
    Talk::new(Rules { on_unknown: OnUnknown::Error, ..Rules::default() }, view(1, Phase::Steady, 1, &[2, 3]))
}

const UNKNOWN: &str = "-UNKNOWNFATE Standfast: the connection to the server ended before it answered. The request was perhaps \
                       executed, and was not sent again: look at the data before you repeat it";
const TRANSACTION: &str = "-UNKNOWNFATE Standfast: the connection to the server ended before it answered. The transaction was \
                           perhaps executed, and was not sent again: look at the data before you repeat it";

#[test]
fn a_cut_write_is_answered_in_its_turn_and_everything_else_goes_on() {
    let mut talk = told();
    talk.c("SET a 1; GET a; SET b 2; GET b").connected().server_hears("SET a 1; GET a; SET b 2; GET b");
    talk.c("SET c 3").s("+OK").gone().client_hears("+OK").connected().server_hears("GET a").s("$1; 1");
    talk.client_hears(&format!("$1; 1; {UNKNOWN}")).server_hears("GET b; SET c 3").s("$1; 2; +OK");
    talk.client_hears("$1; 2; +OK");
    assert_eq!((talk.session.stats().unknown, talk.session.stats().replayed), (1, 2));
}

#[test]
fn it_is_told_even_if_no_server_is_to_be_had() {
    let mut talk = told();
    talk.c("SET a 1").connected().server_hears("SET a 1").view(1, Phase::Lost, 1).gone().client_hears(UNKNOWN);
}

#[test]
fn a_part_of_a_reply_still_closes() {
    let mut talk = told();
    talk.c("GET a; SET b 1")
        .connected()
        .server_hears("GET a; SET b 1")
        .s("$100; part")
        .client_hears("$100; part")
        .gone()
        .closes(Why::CutReply);
}

#[test]
fn an_exec_says_it_for_its_transaction() {
    let mut talk = told();
    talk.c("MULTI; SET a 1; EXEC; GET a").connected().server_hears("MULTI; SET a 1; EXEC; GET a").s("+OK").gone();
    talk.client_hears(&format!("+OK; +QUEUED; {TRANSACTION}")).connected().server_hears("GET a").s("$-1");
    talk.client_hears("$-1");
}

#[test]
fn a_transaction_of_which_nothing_was_answered_is_played_to_its_end() {
    let mut talk = told();
    talk.c("MULTI; SET a 1; EXEC").connected().server_hears("MULTI; SET a 1; EXEC").gone();
    talk.client_hears(&format!("+OK; +QUEUED; {TRANSACTION}"));

    // A user who may not say MULTI has executed the SET, so that not even DISCARD can say that it was not.
    let mut talk = told();
    talk.c("MULTI; SET a 1").connected().server_hears("MULTI; SET a 1").gone().client_hears("+OK; +QUEUED");
    talk.c("GET a; DISCARD; GET a").client_hears(&format!("+QUEUED; {TRANSACTION}")).connected().server_hears("GET a");
}

#[test]
fn an_exec_of_reads_and_one_that_was_not_sent_are_told_again() {
    let mut talk = told();
    talk.c("MULTI; GET a; EXEC").connected().server_hears("MULTI; GET a; EXEC").gone().connected();
    talk.server_hears("MULTI; GET a; EXEC");

    let mut talk = told();
    talk.c("MULTI; SET a 1").connected().server_hears("MULTI; SET a 1").s("+OK; +QUEUED").gone().c("EXEC").connected();
    talk.server_hears("MULTI; SET a 1").s("+OK; +QUEUED").server_hears("EXEC");
}

#[test]
fn a_watch_that_was_cut_does_not_claim_that_a_perhaps_executed_transaction_was_not() {
    let mut talk = told();
    talk.c("WATCH a; MULTI; SET a 1; EXEC").connected().server_hears("WATCH a; MULTI; SET a 1; EXEC").s("+OK").gone();
    talk.client_hears(&format!("+OK; +OK; +QUEUED; {TRANSACTION}"));
}

#[test]
fn a_watch_that_is_told_again_does_not_outlive_the_exec_that_we_answer() {
    let mut talk = told();
    talk.c("WATCH a; MULTI; SET a 1; EXEC").connected().server_hears("WATCH a; MULTI; SET a 1; EXEC").gone();
    talk.connected().server_hears("WATCH a").s("+OK").client_hears(&format!("+OK; +OK; +QUEUED; {TRANSACTION}"));
    talk.c("MULTI; GET a; EXEC").connected().server_hears("MULTI; GET a; EXEC");
}

#[test]
fn what_was_refused_before_it_is_passed_on() {
    let mut talk = told();
    talk.c("SET a 1; GET a; SET b 2").connected().server_hears("SET a 1; GET a; SET b 2").s(READONLY).s("$-1").gone();
    talk.client_hears(&format!("{READONLY}; $-1; {UNKNOWN}"));
}

#[test]
fn an_acknowledgement_of_a_master_that_is_none_any_more_does_not_count() {
    let mut talk = told();
    talk.c("SET a 1; GET a").connected().server_hears("SET a 1; GET a").view(2, Phase::Steady, 2).s("+OK");
    talk.client_hears(UNKNOWN).connected().server_hears("GET a").s("$-1").client_hears("$-1");

    let mut talk = told();
    talk.c("SET a 1").connected().server_hears("SET a 1").view(2, Phase::Steady, 2).pass(500).client_hears(UNKNOWN);
}
