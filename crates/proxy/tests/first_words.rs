//! What a server does with a connection before it takes any request: it is silent, has no room for one more, or is
//! busy with a script.

mod differ;
mod real;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use differ::pools;
use real::{Client, Lab, PATIENCE, Redis, view, wait_until};
use resp::{Request, RequestScanner};
use session::Rules;
use view::Phase;

/// A server that hangs up its first connection after one answer, and never says anything on the second.
fn silent_on_the_second() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for (number, socket) in listener.incoming().map_while(Result::ok).enumerate() {
            thread::spawn(move || answer(socket, number));
        }
    });
    addr
}

fn answer(mut socket: TcpStream, number: usize) {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut heard, mut some) = (Vec::new(), vec![0; 4 << 10]);
    while let Ok(n @ 1..) = socket.read(&mut some) {
        heard.extend_from_slice(&some[..n]);
        while let Ok(Some(Request::Command(command))) = RequestScanner::default().next(&heard) {
            let answer = if heard.windows(3).any(|word| word == b"GET") { "$2\r\nok\r\n" } else { "+OK\r\n" };
            heard.drain(..command.len());
            if number != 1 {
                let _ = socket.write_all(answer.as_bytes());
            }
            if number == 0 {
                return;
            }
        }
    }
}

#[test]
fn a_connection_that_is_not_answered_its_first_words_is_not_the_last() {
    for (pool, rules) in pools() {
        // The first one hears SELECT from the client itself; the next one is told it in vain.
        let server = silent_on_the_second();
        let short = Duration::from_millis(300);
        let rules = Rules { hold: short * 4, connect_timeout: short, ..rules };
        let lab = Lab::start(view(1, Phase::Steady, server, &[]), rules);
        let mut client = lab.client();
        assert_eq!(client.say("SELECT 1"), "+OK", "{pool}");
        let answered = (0..10).any(|_| client.say("GET k") == "ok");
        assert!(answered, "{pool}: {:?}", lab.stats());
    }
}

#[test]
fn who_comes_when_the_server_has_no_room_waits_for_some() {
    for (pool, rules) in pools() {
        for words in ["PING", "SELECT 1"] {
            let redis = Redis::start();
            let mut control = redis.client();
            let lab = Lab::start(view(1, Phase::Steady, redis.addr, &[]), rules.clone());
            let mut client = lab.client();
            assert!(client.say(words).starts_with('+'));
            assert_eq!(control.say("CONFIG SET maxclients 1"), "+OK");
            control.say("CLIENT KILL TYPE normal SKIPME yes");
            wait_until("it is alone", || control.say("CLIENT LIST").matches(" addr=").count() == 1);
            let before = lab.stats().sessions.connects;
            client.send("INCR n");
            wait_until("it was tried", || lab.stats().sessions.connects > before + 2);
            assert_eq!(control.say("CONFIG SET maxclients 100"), "+OK");
            assert_eq!(client.reply(), ":1", "{pool} {words}");
            assert_eq!(lab.stats().sessions.misbehaved, 0);
        }
    }
}

/// Whoever has to be told who it is, and which database it uses, hears what everybody hears, and can end it.
#[test]
fn while_a_script_runs_a_new_connection_is_refused_and_nobody_is_closed_for_it() {
    for (pool, rules) in pools() {
        let redis = Redis::start_with(&["--lua-time-limit", "10"]);
        let lab = Lab::start(view(1, Phase::Steady, redis.addr, &[]), rules);
        let mut clients: Vec<Client> = (0..4).map(|_| lab.client()).collect();
        for client in &mut clients {
            assert_eq!(client.say("SELECT 3"), "+OK");
            assert_eq!(client.say("GET k"), "$-1");
        }
        redis.client().say("CLIENT KILL TYPE normal");
        let mut script = redis.client();
        script.send_words(&["EVAL", "while true do end", "0"]);
        wait_until("it runs for too long", || redis.client().say("PING").starts_with("-BUSY"));
        for client in &mut clients {
            assert!(client.say("GET k").starts_with("-BUSY Redis is busy running a script."), "{pool}");
        }
        // An answer of the script's own kind: it is no function.
        assert!(clients[0].say("FUNCTION KILL").starts_with("-BUSY"), "{pool}");
        assert_eq!(clients[1].say("SCRIPT KILL"), "+OK", "{pool}");
        assert!(script.reply().starts_with('-'));
        for client in &mut clients {
            assert_eq!(client.say("GET k"), "$-1", "{pool}");
        }
    }
}
