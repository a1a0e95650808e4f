//! `mode = "tcp"`: bytes pass as they are, and sessions end with their master. With a real redis-server, with TLS passed through to it.

mod office;
mod real;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use office::{Office, connect};
use ports::free_address;
use proxy::edge::Mode;
use proxy::{Edge, Refused};
use real::{Client, Lab, PATIENCE, Redis, clock, view, wait_until};
use rustls::{ServerConnection, StreamOwned};
use session::{Rules, Why};
use view::Phase;

fn lab(master: SocketAddr) -> Lab {
    with(master, Edge::default(), Rules::default())
}

fn with(master: SocketAddr, edge: Edge, rules: Rules) -> Lab {
    let edge = Edge { mode: Mode::Tcp, ..edge };
    Lab::start_at(view(1, Phase::Steady, master, &[]), rules, edge, 10_000)
}

fn plain(lab: &Lab) -> TcpStream {
    let socket = TcpStream::connect(lab.proxy.addrs()[0]).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn was_reset(socket: &mut TcpStream) -> bool {
    matches!(socket.read(&mut [0; 16]), Err(error) if error.kind() == ErrorKind::ConnectionReset)
}

#[test]
fn redis_is_served_and_ends_are_passed_on() {
    let redis = Redis::start();
    let lab = lab(redis.addr);
    let mut client = lab.client();
    assert_eq!(client.ask(&["SET", "k", "v"]), "+OK");
    assert_eq!(client.ask(&["GET", "k"]), "v");
    // The server's end: it says its last, and hangs up.
    assert_eq!(client.ask(&["QUIT"]), "+OK");
    assert!(client.ends());
    drop(client);
    // The client's end: what it asked before is still answered.
    let mut socket = plain(&lab);
    socket.write_all(b"GET k\r\nDEBUG SLEEP 0.3\r\nGET k\r\n").unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    // Redis itself leaves when it reads the end, whatever it owes by then: but what it had said comes.
    assert!(text.starts_with("$1\r\nv\r\n"), "{text}");
    wait_until("both are gone", || lab.stats().clients == 0);
    assert_eq!(lab.stats().closed(Why::Moved), 0);
}

#[test]
fn half_closed_connections_carry_the_other_half() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let lab = lab(listener.local_addr().unwrap());
    let mut client = plain(&lab);
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let mut asked = String::new();
    server.read_to_string(&mut asked).unwrap();
    assert_eq!(asked, "question");
    // The end was read: only now is something said.
    std::thread::sleep(Duration::from_millis(50));
    server.write_all(b"answer").unwrap();
    drop(server);
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "answer");
    wait_until("it is over", || lab.stats().closed(Why::ClientLeft) == 1);
}

#[test]
fn tls_is_passed_through() {
    let office = Office::open();
    let port = free_address().port();
    let args = office.redis_args(port);
    let _redis = Redis::start_with(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let lab = lab(([127, 0, 0, 1], port).into());
    let mut stream = connect(&office.client_config(true), lab.proxy.addrs()[0]);
    let value = vec![b'x'; 3_000_000];
    let mut request = Vec::new();
    real::frame(&mut request, &[&b"SET"[..], b"big", &value]);
    real::frame(&mut request, &["GET", "big"]);
    stream.write_all(&request).unwrap();
    let mut reply = vec![0; "+OK\r\n$3000000\r\n".len() + value.len() + 2];
    stream.read_exact(&mut reply).unwrap();
    assert!(reply.starts_with(b"+OK\r\n$3000000\r\nxxx") && reply.ends_with(b"xxx\r\n"));
}

#[test]
fn tls_is_ended_here_if_that_is_asked_for() {
    let (office, redis) = (Office::open(), Redis::start());
    let edge = Edge { tls: Some(office.client_tls(false)), ..Edge::default() };
    let lab = with(redis.addr, edge, Rules::default());
    let mut stream = connect(&office.client_config(false), lab.proxy.addrs()[0]);
    stream.write_all(b"PING\r\nQUIT\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text, "+PONG\r\n+OK\r\n");
}

#[test]
fn plain_clients_are_served_by_a_server_that_speaks_tls_and_those_with_tls_of_their_own_are_told_apart() {
    let office = Office::open();
    let port = free_address().port();
    let args = office.redis_args(port);
    let _redis = Redis::start_with(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let edge = Edge { server_tls: Some(office.server_tls()), ..Edge::default() };
    let lab = with(([127, 0, 0, 1], port).into(), edge, Rules::default());
    assert_eq!(lab.client().ask(&["SET", "k", "\x16\x03\x01"]), "+OK");
    let mut stream = connect(&office.client_config(true), lab.proxy.addrs()[0]);
    let ends = stream.write_all(b"PING\r\n").and_then(|()| stream.read_exact(&mut [0; 7]));
    assert!(ends.is_err(), "TLS inside TLS is understood by nobody");
    wait_until("an operator can see why", || lab.stats().refused(Refused::Tls) == 1);
    assert_eq!(lab.client().ask(&["PING"]), "+PONG");
}

#[test]
fn a_server_that_speaks_first_is_heard_over_tls_too() {
    let office = Office::open();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let mut config = (*office.server_config(false)).clone();
    // With what ends the handshake.
    config.send_half_rtt_data = true;
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut tls = ServerConnection::new(Arc::new(config)).unwrap();
        while !tls.wants_write() {
            tls.read_tls(&mut socket).unwrap();
            tls.process_new_packets().unwrap();
        }
        tls.writer().write_all(b"welcome").unwrap();
        while tls.wants_write() {
            tls.write_tls(&mut socket).unwrap();
        }
        let mut stream = StreamOwned::new(tls, socket);
        let mut heard = [0; 6];
        stream.read_exact(&mut heard).unwrap();
        stream.write_all(b"bye").unwrap();
        heard
    });
    let edge = Edge { server_tls: Some(office.server_tls()), ..Edge::default() };
    let lab = with(at, edge, Rules { hold: Duration::from_secs(1), ..Rules::default() });
    let mut client = plain(&lab);
    let mut said = [0; 7];
    client.read_exact(&mut said).unwrap();
    client.write_all(b"thanks").unwrap();
    client.read_exact(&mut [0; 3]).unwrap();
    assert_eq!((&said, &server.join().unwrap()), (b"welcome", b"thanks"));
}

#[test]
fn a_new_master_cuts_every_session_of_the_old_one() {
    let (one, two) = (Redis::start(), Redis::start());
    let lab = lab(one.addr);
    let mut clients: Vec<TcpStream> = (0..50).map(|_| plain(&lab)).collect();
    for client in &mut clients {
        client.write_all(b"PING\r\n").unwrap();
        client.read_exact(&mut [0; 7]).unwrap();
    }
    // Nobody knows yet who is next: they stay.
    lab.publish(view(1, Phase::Switching, one.addr, &[]));
    clients[0].write_all(b"PING\r\n").unwrap();
    clients[0].read_exact(&mut [0; 7]).unwrap();
    let mut waits = Client::over(plain(&lab));
    waits.send("SET who waited");
    let began = clock();
    lab.publish(view(2, Phase::Steady, two.addr, &[one.addr]));
    assert!(clients.iter_mut().all(was_reset));
    assert!(clock() - began < PATIENCE);
    assert_eq!(waits.reply(), "+OK");
    assert_eq!(two.client().ask(&["GET", "who"]), "waited");
    assert_eq!(lab.stats().closed(Why::Moved), 50);
    assert_eq!(lab.client().ask(&["GET", "who"]), "waited");
}

#[test]
fn who_waits_longer_than_hold_is_cut() {
    let redis = Redis::start();
    let lab = with(redis.addr, Edge::default(), Rules { hold: Duration::from_millis(300), ..Rules::default() });
    lab.publish(view(2, Phase::Lost, redis.addr, &[]));
    let mut socket = plain(&lab);
    assert!(was_reset(&mut socket));
    assert_eq!(lab.stats().closed(Why::HoldExpired), 1);
}

#[test]
fn who_is_silent_for_too_long_is_closed() {
    let redis = Redis::start();
    let edge = Edge { idle_timeout: Duration::from_millis(300), ..Edge::default() };
    let lab = with(redis.addr, edge, Rules::default());
    let mut client = plain(&lab);
    client.write_all(b"PING\r\n").unwrap();
    let mut answer = [0; 7];
    client.read_exact(&mut answer).unwrap();
    // Its end, or its reset; not a time-out of ours, which is much longer.
    let end = client.read(&mut answer);
    assert!(end.as_ref().map_or_else(|e| e.kind() == ErrorKind::ConnectionReset, |n| *n == 0), "{end:?}");
}

#[test]
fn a_slow_reader_holds_its_server_back_and_nobody_else() {
    let redis = Redis::start();
    let lab = lab(redis.addr);
    let mut fill = redis.client();
    assert_eq!(fill.ask(&["SET", "big", &"x".repeat(8 << 20)]), "+OK");
    let mut slow = plain(&lab);
    slow.write_all(&b"GET big\r\n".repeat(4)).unwrap();
    assert_eq!(lab.client().ask(&["PING"]), "+PONG");
    std::thread::sleep(Duration::from_millis(100));
    let mut read = vec![0; 4 * ("$8388608\r\n".len() + (8 << 20) + 2)];
    slow.read_exact(&mut read).unwrap();
    assert!(read.starts_with(b"$8388608\r\nx") && read.ends_with(b"x\r\n"));
}
