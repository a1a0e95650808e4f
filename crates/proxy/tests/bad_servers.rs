//! What a server may do wrong, and what becomes of its clients; those of another server behind the same workers do not notice.
//!
//! The server is a false one: what it does with a connection is the test's to say. What it was asked and has not answered meets the
//! fates of `docs/lifetime-of-a-request.md`.

mod differ;
mod real;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use differ::pools;
use differ::wire::{Heard, Wire, frame};
use proxy::{Edge, Listener, Proxy, ProxyConfig};
use real::{Client, PATIENCE, Redis, clock, view, wait_until};
use session::{Rules, Why};
use tokio::sync::watch;
use view::{Phase, View};

/// A server that misbehaves. It serves each connection on a thread of its own, for as long as that has an end.
struct False {
    addr: SocketAddr,
    connections: Arc<AtomicUsize>,
}

/// What it does with a connection, by its number; it has read one request.
type Deed = fn(usize, &mut TcpStream);

impl False {
    fn start(deed: Deed) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        thread::spawn(move || {
            for (number, socket) in listener.incoming().map_while(Result::ok).enumerate() {
                count.store(number + 1, Relaxed);
                thread::spawn(move || serve(number, socket, deed));
            }
        });
        Self { addr, connections }
    }
}

fn serve(number: usize, mut socket: TcpStream, deed: Deed) {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request = vec![0; 4 << 10];
    if matches!(socket.read(&mut request), Ok(1..)) {
        deed(number, &mut socket);
    }
}

/// Both servers, each behind a listener of the same workers.
struct Scene {
    fake: False,
    proxy: Proxy,
    /// Views stay as long as somebody holds their source.
    _views: Vec<watch::Sender<Arc<View>>>,
}

impl Scene {
    fn client(&self) -> Wire {
        Wire::to(self.proxy.addrs()[0])
    }

    fn has_counted_misbehaviour(&self) -> bool {
        self.stats().sessions.misbehaved >= 1
    }

    fn stats(&self) -> proxy::ListenerStats {
        self.proxy.stats().listeners.remove(0)
    }
}

fn beside_a_neighbour(deed: Deed, test: impl Fn(&Scene) + Sync) {
    for (pool, rules) in pools() {
        let redis = Redis::start();
        let fake = False::start(deed);
        let rules = Rules { hold: Duration::from_secs(1), ..rules };
        let (mut views, mut listeners) = (Vec::new(), Vec::new());
        for master in [fake.addr, redis.addr] {
            let (source, view) = watch::channel(view(1, Phase::Steady, master, &[]));
            views.push(source);
            let addr = SocketAddr::from(([127, 0, 0, 1], 0)).into();
            let (name, edge) = ("either".to_owned(), Edge::default());
            listeners.push(Listener { name, addr, socket: None, rules: rules.clone(), edge, view });
        }
        // One worker: who is in its way is in everybody's.
        let config = ProxyConfig { workers: Some(1), max_clients: 1_000, clock };
        let scene = Scene { fake, proxy: Proxy::start(config, listeners).unwrap(), _views: views };
        let mut neighbour = Client::to(scene.proxy.addrs()[1]);
        assert_eq!(neighbour.say("INCR n"), ":1");
        thread::scope(|scope| {
            let bad = scope.spawn(|| test(&scene));
            let mut counted = 1;
            while !bad.is_finished() {
                counted += 1;
                assert_eq!(neighbour.say("INCR n"), format!(":{counted}"));
                thread::sleep(Duration::from_millis(1));
            }
            bad.join().unwrap_or_else(|_| panic!("pool {pool}"));
        });
        assert_eq!(neighbour.say("PING"), "+PONG");
    }
}

fn end_of(bytes: &[u8]) -> Heard {
    Heard::End(bytes.to_vec())
}

fn reply(bytes: &[u8]) -> Heard {
    Heard::Reply(bytes.to_vec())
}

fn say(client: &Wire, words: &[&str]) {
    client.send(&frame(words), 1 << 10);
}

fn write(socket: &mut TcpStream, bytes: &[u8]) {
    // Whoever was to hear it may be gone.
    let _ = socket.write_all(bytes);
}

/// Until the other side closes.
fn listen(socket: &mut TcpStream) {
    let mut some = [0; 4 << 10];
    while matches!(socket.read(&mut some), Ok(1..)) {}
}

/// The first connection speaks nonsense, the next ones Redis.
fn nonsense_first(number: usize, socket: &mut TcpStream) {
    if number == 0 {
        write(socket, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        return listen(socket);
    }
    write(socket, b"$2\r\nok\r\n");
    listen(socket);
}

#[test]
fn a_read_answered_with_nonsense_is_asked_again() {
    beside_a_neighbour(nonsense_first, |scene| {
        let mut client = scene.client();
        say(&client, &["GET", "k"]);
        assert_eq!(client.hear(), reply(b"$2\r\nok\r\n"));
        assert_eq!(scene.stats().closed(Why::UnknownFate), 0);
        wait_until("it is counted", || scene.has_counted_misbehaviour());
    });
}

#[test]
fn a_write_answered_with_nonsense_has_an_unknown_fate() {
    beside_a_neighbour(nonsense_first, |scene| {
        let mut client = scene.client();
        say(&client, &["INCR", "k"]);
        assert_eq!(client.rest(), end_of(b""));
        wait_until("it is counted", || scene.stats().closed(Why::UnknownFate) == 1);
        assert_eq!(scene.fake.connections.load(Relaxed), 1, "never a second time");
    });
}

#[test]
fn a_reply_that_is_cut_cuts_its_client() {
    fn deed(_: usize, socket: &mut TcpStream) {
        write(socket, b"$10\r\nabc");
    }
    beside_a_neighbour(deed, |scene| {
        let mut client = scene.client();
        say(&client, &["GET", "k"]);
        assert_eq!(client.rest(), end_of(b"$10\r\nabc"));
        wait_until("it is counted", || scene.stats().closed(Why::CutReply) == 1);
    });
}

#[test]
fn a_second_answer_reaches_nobody() {
    fn deed(number: usize, socket: &mut TcpStream) {
        write(socket, if number == 0 { b"$3\r\none\r\n$3\r\ntwo\r\n" } else { b"$5\r\nthree\r\n" });
        listen(socket);
    }
    beside_a_neighbour(deed, |scene| {
        let mut client = scene.client();
        say(&client, &["GET", "k"]);
        assert_eq!(client.hear(), reply(b"$3\r\none\r\n"));
        wait_until("it is counted", || scene.has_counted_misbehaviour());
        say(&client, &["GET", "k"]);
        assert_eq!(client.hear(), reply(b"$5\r\nthree\r\n"));
    });
}

#[test]
fn who_waits_for_a_server_that_never_answers_may_leave() {
    fn deed(_: usize, socket: &mut TcpStream) {
        listen(socket);
    }
    beside_a_neighbour(deed, |scene| {
        let clients: Vec<Wire> = (0..10).map(|_| scene.client()).collect();
        for client in &clients {
            say(client, &["GET", "k"]);
        }
        wait_until("all are asked", || scene.stats().sessions.bytes_in >= 10 * 20);
        drop(clients);
        wait_until("all have left", || scene.stats().clients == 0);
    });
}

#[test]
fn a_length_that_is_announced_costs_nothing_and_is_waited_for() {
    fn deed(_: usize, socket: &mut TcpStream) {
        write(socket, b"$1073741824\r\nabc");
        thread::sleep(Duration::from_millis(300));
    }
    beside_a_neighbour(deed, |scene| {
        let before = memory();
        let mut client = scene.client();
        say(&client, &["GET", "k"]);
        assert_eq!(client.rest(), end_of(b"$1073741824\r\nabc"));
        assert!(memory() < before + (16 << 20));
    });
}

#[test]
fn an_error_line_without_an_end_passes_and_is_not_kept() {
    fn deed(_: usize, socket: &mut TcpStream) {
        write(socket, b"-ERR ");
        let piece = vec![b'a'; 1 << 20];
        for _ in 0..200 {
            write(socket, &piece);
        }
    }
    beside_a_neighbour(deed, |scene| {
        let before = memory();
        let client = scene.client();
        say(&client, &["GET", "k"]);
        // It listens late: until then the server is not read.
        thread::sleep(Duration::from_millis(300));
        assert!(memory() < before + (32 << 20), "what is not taken is not kept");
        let mut socket = client.sends();
        let (mut some, mut heard) = (vec![0; 1 << 20], 0);
        loop {
            match socket.read(&mut some).unwrap() {
                0 => break,
                n => heard += n,
            }
        }
        assert_eq!(heard, 5 + (200 << 20));
    });
}

#[test]
fn a_reply_deeper_than_any_is_nonsense() {
    fn deed(_: usize, socket: &mut TcpStream) {
        write(socket, &b"*1\r\n".repeat(100_000));
        listen(socket);
    }
    beside_a_neighbour(deed, |scene| {
        let mut client = scene.client();
        say(&client, &["GET", "k"]);
        // As far as it was told what began well, it has to go; if it was told nothing, others were asked, in vain.
        match client.hear() {
            Heard::End(told) => assert!(told.starts_with(b"*1\r\n*1\r\n")),
            Heard::Reply(told) => assert!(told.starts_with(b"-MASTERDOWN "), "{told:?}"),
            Heard::Nothing(_) => panic!("{:?}", scene.stats()),
        }
    });
}

/// Nobody asks it without end.
#[test]
fn a_server_that_always_speaks_nonsense_is_given_up_after_the_hold() {
    fn deed(_: usize, socket: &mut TcpStream) {
        write(socket, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        listen(socket);
    }
    beside_a_neighbour(deed, |scene| {
        let mut client = scene.client();
        say(&client, &["GET", "k"]);
        let heard = client.hear();
        let is_answer = matches!(&heard, Heard::Reply(told) if told.starts_with(b"-MASTERDOWN "));
        assert!(is_answer, "{heard:?} {} connections, {:?}", scene.fake.connections.load(Relaxed), scene.stats());
    });
}

/// It accepts, reads, and hangs up, for ever: nobody asks it without end.
#[test]
fn a_server_that_always_hangs_up_is_given_up_after_the_hold() {
    fn deed(_: usize, _: &mut TcpStream) {}
    beside_a_neighbour(deed, |scene| {
        let mut client = scene.client();
        say(&client, &["GET", "k"]);
        let heard = client.hear();
        let is_answer = matches!(&heard, Heard::Reply(told) if told.starts_with(b"-MASTERDOWN "));
        assert!(is_answer, "{heard:?} {} connections, {:?}", scene.fake.connections.load(Relaxed), scene.stats());
        assert!(scene.fake.connections.load(Relaxed) < 500, "it is not asked in a circle");
    });
}

/// Bytes of this process, the proxy's among them, that are in memory.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
