//! Clients that share a connection do not feel each other: not the large, not the slow, not the many.

mod real;

use std::io::Read;
use std::time::Duration;

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

#[test]
fn requests_that_waited_for_their_client_to_read_go_out_when_it_has() {
    const AT_ONCE: usize = 20;
    const VALUE: usize = 8_000;
    let redis = Redis::start();
    let lab = shared(&redis);
    redis.client().say(&format!("SETRANGE some {} x", VALUE - 1));
    let mut observer = redis.client();
    let mut slow = lab.client();
    let mut asked = 0;
    let mut arrives = |asked: usize| {
        let calls = format!("cmdstat_get:calls={asked},");
        (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(3));
            observer.say("INFO commandstats").contains(&calls)
        })
    };
    loop {
        (0..AT_ONCE).for_each(|_| slow.send("GET some"));
        asked += AT_ONCE;
        if !arrives(asked) {
            break;
        }
        assert!(asked * VALUE < 1 << 30, "it is held back some time");
    }
    for n in 0..asked {
        assert_eq!(slow.reply().len(), VALUE, "reply {n} of {asked}");
    }
}

#[test]
fn a_connection_for_whose_client_was_waited_once_is_as_good_as_any() {
    const VALUE: usize = 64 << 20;
    let redis = Redis::start();
    let lab = shared(&redis);
    redis.client().say(&format!("SETRANGE large {} x", VALUE - 1));
    let mut others: Vec<Client> = (0..8).map(|_| lab.client()).collect();
    let mut slow = lab.client();
    for client in others.iter_mut().chain([&mut slow]) {
        assert_eq!(client.say("PING"), "+PONG");
    }
    // While the server is busy, those of the same thread gather behind it on the same connection.
    let before = lab.stats().sessions;
    redis.client().send("DEBUG SLEEP 1");
    slow.send("GET large");
    wait_until("it has asked", || lab.stats().sessions.requests > before.requests);
    others.iter_mut().for_each(|other| other.send("ECHO here"));
    wait_until("the reply is on its way", || lab.stats().sessions.bytes_out > before.bytes_out + (256 << 10));
    std::thread::sleep(Duration::from_millis(200));
    // It reads all that there is. What comes then is not its fault: the server stands still for longer than a client is waited for.
    redis.signal("-STOP");
    let mut heard = read_for(&slow, Duration::from_millis(500));
    std::thread::sleep(Duration::from_secs(4));
    redis.signal("-CONT");
    let whole = format!("${VALUE}\r\n\r\n").len() + VALUE;
    assert!(heard < whole, "some of it was still to come");
    let mut some = vec![0; 1 << 20];
    while heard < whole {
        let n = slow.socket().read(&mut some).unwrap();
        assert!(n > 0, "{} bytes are missing", whole - heard);
        heard += n;
    }
    for other in &mut others {
        assert_eq!(other.reply(), "here");
    }
    assert_eq!(lab.stats().closed(session::Why::SlowReader), 0);
}

/// Reads until nothing has come for so long; how much that was.
fn read_for(client: &Client, silence: Duration) -> usize {
    let mut socket = client.socket();
    socket.set_read_timeout(Some(silence)).unwrap();
    let (mut some, mut heard) = (vec![0; 1 << 20], 0);
    while let Ok(n @ 1..) = socket.read(&mut some) {
        heard += n;
    }
    socket.set_read_timeout(Some(real::PATIENCE)).unwrap();
    heard
}

#[test]
fn nobody_gets_a_connection_on_which_another_is_somebody_else() {
    let redis = Redis::start();
    let lab = shared(&redis);
    assert_eq!(redis.client().say("ACL SETUSER bob on >pw +@all ~*"), "+OK");
    let mut bob = lab.client();
    let told = bob.ask(&["HELLO", "2", "AUTH", "bob", "pw", "SETNAME", "a b"]);
    assert!(told.starts_with("-ERR Client names"), "{told}");
    // Some of them on the same thread.
    let mut others: Vec<Client> = (0..16).map(|_| lab.client()).collect();
    for other in &mut others {
        assert_eq!(other.say("ACL WHOAMI"), "default");
    }
    assert_eq!(bob.say("ACL WHOAMI"), "bob", "as of a server without us");
}

/// Its connection may be kept for somebody who says the same, as long as it is there itself.
#[test]
fn a_name_is_not_seen_when_its_client_has_gone() {
    let redis = Redis::start();
    let lab = shared(&redis);
    let names = || redis.client().say("CLIENT LIST").matches("name=me ").count();
    let mut first = lab.client();
    assert_eq!(first.say("CLIENT SETNAME me"), "+OK");
    // A database is a part of who it is, and no name.
    let mut second = lab.client();
    assert_eq!((second.say("SELECT 3"), second.say("CLIENT SETNAME me")), ("+OK".to_owned(), "+OK".to_owned()));
    assert_eq!(names(), 2);
    drop(first);
    wait_until("it is forgotten", || names() == 1);
    assert_eq!(second.say("CLIENT GETNAME"), "me");
    drop(second);
    wait_until("both are forgotten", || names() == 0);
}

/// CLIENT PAUSE WRITE holds back a connection that has written: with it all that comes behind.
#[test]
fn who_reads_does_not_wait_for_the_writes_of_others_that_a_server_holds_back() {
    let redis = Redis::start();
    let lab = shared(&redis);
    let is_held = || !redis.client().say("INFO clients").contains("blocked_clients:0");
    // One on each worker at least.
    let mut writers: Vec<Client> = (0..4).map(|_| lab.client()).collect();
    let mut readers: Vec<Client> = (0..4).map(|_| lab.client()).collect();
    for client in writers.iter_mut().chain(&mut readers) {
        assert_eq!(client.say("GET n"), "$-1");
    }
    assert_eq!(redis.client().say("CLIENT PAUSE 100000 WRITE"), "+OK");
    for round in 1..=2 {
        for writer in &mut writers[2 * (round - 1)..2 * round] {
            writer.send("INCR n");
        }
        wait_until("a write is held back", is_held);
        for reader in &mut readers {
            assert_eq!(reader.say("GET n"), "$-1");
        }
    }
    assert_eq!(redis.client().say("CLIENT UNPAUSE"), "+OK");
    let mut told: Vec<String> = writers.iter_mut().map(Client::reply).collect();
    told.sort();
    assert_eq!(told, [":1", ":2", ":3", ":4"]);
    assert_eq!(readers[0].say("GET n"), "4");
}
