//! Clients that share a connection do not feel each other: not the large, not the slow, not the many.

mod real;

use std::io::Read;

use real::{Client, Lab, Redis, view, wait_until};
use session::{Pool, Rules};
use view::Phase;

fn shared(redis: &Redis) -> Lab {
    let rules = Rules { pool: Pool::Shared, ..Rules::default() };
    Lab::start(view(1, Phase::Steady, redis.addr, &[]), rules)
}

#[test]
fn more_at_once_than_a_connection_takes_is_answered_in_the_end() {
    let redis = Redis::start();
    let lab = shared(&redis);
    let value = "x".repeat(16 * 1024);
    let mut clients: Vec<Client> = (0..50).map(|_| lab.client()).collect();
    for round in 0..20 {
        for (n, client) in clients.iter_mut().enumerate() {
            client.send(&format!("SET k{n} {value}{round}"));
        }
        for client in &mut clients {
            assert_eq!(client.reply(), "+OK");
        }
    }
    let connections = redis.client().say("CLIENT LIST TYPE normal").matches(" addr=").count();
    assert!(connections <= 3, "they had one connection together: {connections}");
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody_and_gets_all_of_it_when_it_does() {
    let redis = Redis::start();
    let lab = shared(&redis);
    redis.client().say("SETRANGE large 67108863 x");
    let mut slow = lab.client();
    let mut other = lab.client();
    assert_eq!(other.say("PING"), "+PONG");
    slow.send("GET large");
    wait_until("the reply is on its way", || {
        other.say("PING");
        redis.client().say("INFO commandstats").contains("cmdstat_get:calls=1")
    });
    for n in 0..200 {
        assert_eq!(other.say(&format!("SET k {n}")), "+OK", "served meanwhile");
    }
    let mut left = 67_108_864 + "$67108864\r\n\r\n".len();
    let mut some = vec![0; 1 << 20];
    while left > 0 {
        let n = slow.socket().read(&mut some).unwrap();
        assert!(n > 0, "{left} bytes are missing");
        left -= n;
    }
    assert_eq!(slow.say("PING"), "+PONG");
}

#[test]
fn who_never_reads_is_closed_and_those_behind_it_are_answered() {
    let redis = Redis::start();
    let lab = shared(&redis);
    redis.client().say("SETRANGE large 67108863 x");
    let mut clients: Vec<Client> = (0..8).map(|_| lab.client()).collect();
    for client in &mut clients {
        assert_eq!(client.say("PING"), "+PONG");
    }
    let mut slow = lab.client();
    // While the server is busy, all of these gather behind it on the same connection.
    let mut busy = redis.client();
    assert_eq!(slow.say("PING"), "+PONG");
    let before = lab.stats().sessions.requests;
    busy.send("DEBUG SLEEP 1");
    slow.send("GET large");
    wait_until("it has asked", || lab.stats().sessions.requests > before);
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(&format!("ECHO {n}"));
    }
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.reply(), n.to_string());
    }
    wait_until("it is closed", || lab.stats().closed(session::Why::SlowReader) == 1);
    assert!(lab.stats().clients <= 8);
}
