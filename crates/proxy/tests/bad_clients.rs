//! What a client may do wrong, what it is told, and that nobody else notices: a neighbour counts through the same listener all the
//! while, over the same shared connection where connections are shared.

mod differ;
mod real;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use differ::wire::{Heard, Wire, frame};
use differ::{pools, show};
use real::{Client, Lab, Redis, view, wait_until};
use session::{Rules, Why};
use view::Phase;

/// A listener with a neighbour on it.
struct Scene {
    redis: Redis,
    lab: Lab,
}

/// Does this in each pool, while a neighbour counts.
fn beside_a_neighbour(bad: impl Fn(&Scene)) {
    beside_a_neighbour_in(&pools(), bad);
}

fn beside_a_neighbour_in(pools: &[(&str, Rules)], bad: impl Fn(&Scene)) {
    for (pool, rules) in pools.iter().cloned() {
        let redis = Redis::start();
        let lab = Lab::start(view(1, Phase::Steady, redis.addr, &[]), rules);
        let scene = Scene { redis, lab };
        let (stop, counted) = (AtomicBool::new(false), AtomicU64::new(0));
        thread::scope(|scope| {
            let neighbour = scope.spawn(|| count_until(scene.listener(), &stop, &counted));
            wait_until("the neighbour counts", || counted.load(Relaxed) > 3);
            // A failed assertion must let the neighbour end, or nothing does.
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| bad(&scene)));
            let before = counted.load(Relaxed);
            if done.is_ok() {
                wait_until("the neighbour still counts", || counted.load(Relaxed) > before + 3);
            }
            stop.store(true, Relaxed);
            neighbour.join().unwrap_or_else(|_| panic!("pool {pool}: the neighbour was disturbed"));
            done.unwrap_or_else(|_| panic!("pool {pool}"));
        });
        wait_until("all are gone", || scene.lab.stats().clients == 0);
        wait_until("what was done is counted", || scene.lab.stats().sessions.requests >= counted.load(Relaxed));
    }
}

/// Each number once, in order: nothing lost, nothing done twice.
fn count_until(listener: SocketAddr, stop: &AtomicBool, counted: &AtomicU64) {
    let mut client = Client::to(listener);
    while !stop.load(Relaxed) {
        let next = counted.load(Relaxed) + 1;
        assert_eq!(client.say("INCR neighbour"), format!(":{next}"));
        counted.store(next, Relaxed);
    }
}

impl Scene {
    fn listener(&self) -> SocketAddr {
        self.lab.proxy.addrs()[0]
    }

    fn wire(&self) -> Wire {
        Wire::to(self.listener())
    }
}

#[test]
fn what_is_no_request_is_answered_as_redis_answers_it_and_counted() {
    const GARBAGE: &[&[u8]] = &[
        b"*2147483648\r\n",
        b"*99999999999999999999\r\n",
        b"*1\r\n$99999999999\r\n",
        b"*1\r\n$536870913\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$+4\r\nPING\r\n",
        b"*1\r\n$ 4\r\n",
        b"*1\r\n*1\r\n*1\r\n",
        b"*1\r\n:1\r\n",
        b"*x\r\n",
        b"* 1\r\n",
        b"*2\r\n$3\r\nGET\r\n%1\r\n",
        b"SET \"open\r\n",
        b"GET 'a'b\r\n",
    ];
    beside_a_neighbour(|scene| {
        for garbage in GARBAGE {
            let [direct, through] = [scene.redis.addr, scene.listener()].map(|addr| {
                let mut wire = Wire::to(addr);
                wire.send(&[b"*1\r\n$4\r\nPING\r\n", *garbage].concat(), 1 << 10);
                wire.rest()
            });
            assert_eq!(through, direct, "{}", show(garbage));
        }
        let count = GARBAGE.len() as u64;
        wait_until("all are counted", || scene.lab.stats().closed(Why::Malformed) == count);
        assert_eq!(scene.lab.stats().sessions.malformed, count);
    });
}

#[test]
fn a_line_and_a_header_that_do_not_end_are_refused_at_a_bound() {
    beside_a_neighbour(|scene| {
        for (endless, told) in [
            (vec![b'a'; 70_000], "-ERR Protocol error: too big inline request\r\n"),
            ([b"*".to_vec(), vec![b'1'; 70_000]].concat(), "-ERR Protocol error: too big mbulk count string\r\n"),
            ([b"*1\r\n$".to_vec(), vec![b'1'; 70_000]].concat(), "-ERR Protocol error: too big bulk count string\r\n"),
        ] {
            let mut wire = scene.wire();
            wire.send(&endless, 1 << 20);
            assert_eq!(wire.hear(), Heard::Reply(told.into()));
        }
    });
}

/// Redis hangs up on who speaks HTTP: a browser that was lured into posting commands. So do we, by asking it; it must not hang up on
/// others with that.
#[test]
fn http_ends_its_own_connection() {
    beside_a_neighbour(|scene| {
        for _ in 0..20 {
            for request in ["POST / HTTP/1.1\r\nHost: x\r\n\r\nSET hacked 1\r\n", "host: x\r\nSET hacked 1\r\n"] {
                let mut wire = scene.wire();
                wire.send(request.as_bytes(), 1 << 10);
                assert_eq!(wire.rest(), Heard::End(Vec::new()), "{request}");
            }
            let mut wire = scene.wire();
            wire.send(&frame(&["POST", "/"]), 1 << 10);
            assert_eq!(wire.rest(), Heard::End(Vec::new()));
        }
        assert_eq!(scene.redis.client().say("EXISTS hacked"), ":0");
    });
}

/// A hello of TLS is a line like any other, once it holds a line feed. Redis never answers one that holds a NUL, as this does: its
/// client waits in vain. Ours hears that this is not TLS.
#[test]
fn tls_on_the_plain_port_hears_an_error() {
    let mut hello = b"\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03".to_vec();
    hello.extend((0..240_u32).map(|i| u8::try_from(i * 37 % 251).unwrap()));
    hello.extend(b"\n");
    beside_a_neighbour(|scene| {
        let mut wire = scene.wire();
        wire.send(&hello, 1 << 10);
        let Heard::Reply(told) = wire.hear() else { panic!("it hears nothing") };
        assert!(told.starts_with(b"-ERR "), "{}", show(&told));
    });
}

#[test]
fn who_leaves_in_the_middle_takes_nothing_along() {
    beside_a_neighbour(|scene| {
        for begun in [
            "*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$10\r\nabc",
            "*3\r\n$3\r\nSET\r\n",
            "*",
            "SET half x",
            "*1\r\n$536870912\r\nabc",
        ] {
            // It says no more; it is reset; it is gone.
            let mut wire = scene.wire();
            wire.send(begun.as_bytes(), 1 << 10);
            wire.sends().shutdown(Shutdown::Write).unwrap();
            assert_eq!(wire.rest(), Heard::End(Vec::new()), "{begun:?}");
            let wire = scene.wire();
            wire.send(begun.as_bytes(), 1 << 10);
            drop(wire);
        }
        wait_until("the others are gone", || scene.lab.stats().clients == 1);
        assert_eq!(scene.redis.client().say("EXISTS half"), ":0");
    });
}

#[test]
fn a_slow_talker_gets_its_answer_in_the_end() {
    beside_a_neighbour(|scene| {
        let request = frame(&["SET", "slowly", &"x".repeat(200)]);
        let mut talkers: Vec<Wire> = (0..20).map(|_| scene.wire()).collect();
        for byte in &request {
            for talker in &talkers {
                talker.send(&[*byte], 1);
            }
            thread::sleep(Duration::from_millis(1));
        }
        for talker in &mut talkers {
            assert_eq!(talker.hear(), Heard::Reply(b"+OK\r\n".to_vec()));
        }
    });
}

/// Nothing is reserved for what is only announced.
#[test]
fn announced_lengths_cost_nothing() {
    beside_a_neighbour(|scene| {
        let before = memory();
        let liars: Vec<Wire> = (0..50).map(|_| scene.wire()).collect();
        for (n, liar) in liars.iter().enumerate() {
            let announced: &[u8] = if n % 2 == 0 {
                b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nabc"
            } else {
                b"*2147483647\r\n$1\r\na\r\n"
            };
            liar.send(announced, 1 << 10);
        }
        let sent = scene.lab.stats().sessions.bytes_in + 50 * 12;
        wait_until("all is read", || scene.lab.stats().sessions.bytes_in >= sent);
        let after = memory();
        assert!(after < before + (16 << 20), "{before} bytes before, {after} after");
    });
}

/// What it does not read stays with Redis, in the kernel, and with us up to a bound.
#[test]
fn who_never_reads_holds_nobody_up() {
    beside_a_neighbour_in(&pools(), |scene| {
        assert_eq!(scene.redis.client().ask(&["SET", "large", &"x".repeat(1 << 20)]), "+OK");
        let before = memory();
        let deaf: Vec<TcpStream> = (0..10).map(|_| TcpStream::connect(scene.listener()).unwrap()).collect();
        for mut socket in &deaf {
            socket.write_all(&frame(&["GET", "large"]).repeat(25)).unwrap();
        }
        // A quarter of a gigabyte was asked for, all of which Redis keeps. The neighbour counts on; who reads a little gets it.
        for mut socket in &deaf {
            let mut some = vec![0; 100_000];
            socket.read_exact(&mut some).unwrap();
            assert!(some.starts_with(b"$1048576\r\nxxx"));
        }
        let mut other = scene.lab.client();
        for _ in 0..100 {
            assert_eq!(other.say("ECHO here"), "here");
        }
        let after = memory();
        assert!(after < before + (96 << 20), "{before} bytes before, {after} after");
    });
}

#[test]
fn a_pipeline_of_20_000_is_answered_in_order_beside_others() {
    beside_a_neighbour(|scene| {
        let mut client = scene.lab.client();
        let requests: Vec<u8> = (0..20_000).flat_map(|n| frame(&["ECHO", &n.to_string()])).collect();
        let mut socket = client.socket().try_clone().unwrap();
        thread::scope(|scope| {
            scope.spawn(move || socket.write_all(&requests).unwrap());
            for n in 0..20_000 {
                assert_eq!(client.reply(), n.to_string());
            }
        });
    });
}

/// As directly: the others hear that Redis is busy, and may end it.
#[test]
fn a_script_without_an_end_can_be_killed_by_others() {
    for (pool, rules) in pools() {
        let redis = Redis::start();
        let lab = Lab::start(view(1, Phase::Steady, redis.addr, &[]), rules);
        let (mut runner, mut other) = (lab.client(), lab.client());
        assert_eq!(other.say("CONFIG SET busy-reply-threshold 20"), "+OK");
        assert_eq!(runner.say("PING"), "+PONG");
        runner.send_words(&["EVAL", "while true do end", "0"]);
        wait_until("it is busy", || other.say("GET k").starts_with("-BUSY "));
        assert_eq!(other.say("SCRIPT KILL"), "+OK", "pool {pool}");
        assert!(runner.reply().contains("killed by user"));
        assert_eq!(other.say("GET k"), "$-1");
    }
}

#[test]
fn those_who_are_too_many_are_told_so_and_disturb_nobody() {
    for (_, rules) in pools() {
        let redis = Redis::start();
        let lab = Lab::start_with(view(1, Phase::Steady, redis.addr, &[]), rules, 3);
        let mut here: Vec<Client> = (0..3).map(|_| lab.client()).collect();
        for client in &mut here {
            assert_eq!(client.say("PING"), "+PONG");
        }
        for _ in 0..50 {
            let mut late = lab.client();
            assert_eq!(late.reply(), "-ERR max number of clients reached");
            assert!(late.ends());
            assert_eq!(here[0].say("INCR n").as_bytes()[0], b':');
        }
        assert_eq!(lab.stats().refused.iter().map(|(_, n)| n).sum::<u64>(), 50);
        assert_eq!(lab.stats().clients, 3);
    }
}

/// Bytes of this process, the proxy's among them, that are in memory.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
