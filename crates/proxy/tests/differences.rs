//! Where a listener is not like the server behind it, as it stands. Each of these is a statement: whoever makes one of them equal
//! takes its test away.

mod differ;
mod real;

use differ::wire::{Heard, Wire, frame};
use differ::{Pair, pools};
use real::{Client, wait_until};
use session::{Pool, Rules};

/// A client whose server connection ends while it is owed nothing keeps its own: that is what a listener is for. Who kills an idle
/// client kills a connection of ours.
#[test]
fn an_idle_client_that_is_killed_lives_on() {
    for (pool, rules) in pools() {
        let pair = Pair::start(rules, &[]);
        let (mut direct, mut through) = (pair.plain.client(), pair.lab.client());
        for client in [&mut direct, &mut through] {
            assert_eq!(client.say("SET k v"), "+OK");
        }
        for server in [&pair.plain, &pair.behind] {
            assert_eq!(server.client().say("CLIENT KILL TYPE normal SKIPME yes"), ":1");
        }
        assert!(direct.ends());
        assert_eq!(through.say("GET k"), "v", "pool {pool}");
    }
}

/// Redis believes no stranger that a request is long, and says so at its first line. We do not know who is one: the server says so
/// when it has the request. It closes its connection then, ours stays.
#[test]
fn a_stranger_hears_that_a_request_is_too_long_when_it_is_whole() {
    for (_, rules) in pools() {
        let pair = Pair::start(rules, &["--requirepass", "secret"]);
        let told = Heard::Reply(b"-ERR Protocol error: unauthenticated multibulk length\r\n".to_vec());
        let mut direct = Wire::to(pair.plain.addr);
        direct.send(b"*11\r\n", 100);
        assert_eq!(direct.hear(), told);
        let mut through = Wire::to(pair.listener());
        through.send(b"*11\r\n", 100);
        through.send(&frame(&["MGET", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"])[5..], 100);
        assert_eq!(through.hear(), told);
        assert_eq!(direct.rest(), Heard::End(Vec::new()));
        through.send(&frame(&["PING"]), 100);
        assert_eq!(through.hear(), Heard::Reply(b"-NOAUTH Authentication required.\r\n".to_vec()));
    }
}

/// On a shared connection the database of each client is chosen again when another one's requests came between.
#[test]
fn monitor_sees_how_a_database_is_chosen_again() {
    let pair = Pair::start(Rules { pool: Pool::Shared, ..Rules::default() }, &[]);
    let mut monitor = Client::to(pair.behind.addr);
    assert_eq!(monitor.say("MONITOR"), "+OK");
    let mut client = pair.lab.client();
    assert_eq!(client.say("SELECT 5"), "+OK");
    assert_eq!(client.say("ECHO x"), "x");
    let mut selects = 0;
    wait_until("the request is seen", || {
        let line = monitor.reply();
        selects += usize::from(line.contains("\"SELECT\" \"5\""));
        line.contains("\"ECHO\" \"x\"")
    });
    assert_eq!(selects, 2);
}
