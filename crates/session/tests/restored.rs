//! What a new connection is told, and in which order, where the client was another user before.

mod talk;

use talk::master;

#[test]
fn a_database_that_was_chosen_before_the_user_is_chosen_before_it_again() {
    let mut talk = master();
    talk.c("SELECT 9; AUTH bob p; HELLO 3").connected().server_hears("SELECT 9; AUTH bob p; HELLO 3").s("+OK; +OK; %0");
    talk.gone().c("GET a").connected().server_hears("SELECT 9; AUTH bob p; HELLO 3").s("+OK; +OK; %0");
    talk.server_hears("GET a").s("$-1").c("SELECT 8").server_hears("SELECT 8").s("+OK").gone();
    talk.c("GET a").connected().server_hears("AUTH bob p; HELLO 3; SELECT 8");
}

#[test]
fn a_database_that_another_user_chose_is_chosen_by_that_one_again() {
    let mut talk = master();
    talk.c("AUTH bob p; SELECT 8; AUTH guest p").connected().server_hears("AUTH bob p; SELECT 8; AUTH guest p");
    talk.s("+OK; +OK; +OK").client_hears("+OK; +OK; +OK").gone();
    talk.c("GET a")
        .connected()
        .server_hears("AUTH bob p; SELECT 8; AUTH guest p")
        .s("+OK; +OK")
        .server_hears("")
        .s("+OK");
    talk.server_hears("GET a").s("$-1").client_hears("$-1");

    // A third one, by HELLO; then the first one again, whose old password may count no more.
    talk.c("HELLO 3 AUTH eve p").server_hears("HELLO 3 AUTH eve p").s("%0").client_hears("%0").gone();
    talk.c("GET a").connected().server_hears("AUTH bob p; SELECT 8; AUTH eve p; HELLO 3").s("+OK; +OK; +OK; %0");
    talk.server_hears("GET a").s("$-1").client_hears("$-1");
    talk.c("AUTH bob new").server_hears("AUTH bob new").s("+OK").client_hears("+OK").gone();
    talk.c("GET a").connected().server_hears("AUTH bob new; HELLO 3; SELECT 8").s("+OK; %0; +OK");
    talk.server_hears("GET a").s("$-1").client_hears("$-1");

    // Whoever goes back to the first database has chosen none.
    talk.c("AUTH guest p; SELECT 0")
        .server_hears("AUTH guest p; SELECT 0")
        .s("+OK; +OK")
        .client_hears("+OK; +OK")
        .gone();
    talk.c("GET a").connected().server_hears("AUTH guest p; HELLO 3");
}

#[test]
fn a_new_password_is_no_new_user() {
    let mut talk = master();
    talk.c("AUTH old; SELECT 8; AUTH default new").connected().server_hears("AUTH old; SELECT 8; AUTH default new");
    talk.s("+OK; +OK; +OK").client_hears("+OK; +OK; +OK").gone();
    talk.c("GET a").connected().server_hears("AUTH default new; SELECT 8");
}
