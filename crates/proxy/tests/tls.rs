//! TLS on either side of the proxy: with a real redis-server, redis-cli and openssl.

mod office;
mod real;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use office::{Office, TlsStream, connect};
use ports::free_address;
use proxy::tls::ClientTls;
use proxy::{Edge, Refused};
use real::{Lab, PATIENCE, Redis, frame, view, wait_until};
use rustls::{HandshakeKind, ServerConnection, StreamOwned};
use session::{Pool, Rules, Why};
use view::Phase;

fn lab(redis: SocketAddr, edge: Edge) -> Lab {
    Lab::start_at(view(1, Phase::Steady, redis, &[]), Rules::default(), edge, 10_000)
}

fn ask(stream: &mut TlsStream, request: &str, reply: &str) {
    stream.write_all(request.as_bytes()).unwrap();
    let mut read = vec![0; reply.len()];
    stream.read_exact(&mut read).unwrap();
    assert_eq!(String::from_utf8_lossy(&read), reply);
}

/// Everything that the other side says before it hangs up.
fn last_words(mut socket: impl Read) -> String {
    let mut text = Vec::new();
    let _ = socket.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn plain(to: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(to).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn redis_cli(office: &Office, port: u16, more: &[&str]) -> String {
    let output = Command::new("redis-cli")
        .args([
            "--tls",
            "--cacert",
            &office.path("ca.pem"),
            "--cert",
            &office.path("host.pem"),
            "--key",
            &office.path("host.key"),
        ])
        .args(["-h", "127.0.0.1", "-p", &port.to_string()])
        .args(more)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned()
}

#[test]
fn redis_cli_speaks_tls_with_a_listener() {
    let (redis, office) = (Redis::start(), Office::open());
    let lab = lab(redis.addr, Edge { tls: Some(office.client_tls(true)), ..Edge::default() });
    let port = lab.proxy.addrs()[0].port();
    assert_eq!(redis_cli(&office, port, &["SET", "k", "v"]), "OK");
    assert_eq!(redis_cli(&office, port, &["GET", "k"]), "v");
}

#[test]
fn large_values_and_deep_pipelines_pass_through_tls_on_both_sides() {
    let office = Office::open();
    let port = free_address().port();
    let args = office.redis_args(port);
    let _redis = Redis::start_with(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let edge = Edge { tls: Some(office.client_tls(false)), server_tls: Some(office.server_tls()), ..Edge::default() };
    for pool in [Pool::Session, Pool::Shared] {
        let view = view(1, Phase::Steady, ([127, 0, 0, 1], port).into(), &[]);
        let lab = Lab::start_at(view, Rules { pool, ..Rules::default() }, edge.clone(), 10);
        much_is_said(&lab, &office);
    }
}

fn much_is_said(lab: &Lab, office: &Office) {
    let mut stream = connect(&office.client_config(false), lab.proxy.addrs()[0]);

    let value: Vec<u8> = (0..6_000_000_u32).map(|n| (n % 251) as u8).collect();
    let mut request = Vec::new();
    frame(&mut request, &[&b"SET"[..], b"big", &value]);
    stream.write_all(&request).unwrap();
    ask(&mut stream, "GET nothing\r\n", "+OK\r\n$-1\r\n");
    // Asked for five times before the first is read: far more than any buffer on the way.
    stream.write_all(&b"GET big\r\n".repeat(5)).unwrap();
    for _ in 0..5 {
        let mut reply = vec![0; "$6000000\r\n".len() + value.len() + 2];
        stream.read_exact(&mut reply).unwrap();
        assert!(reply.starts_with(b"$6000000\r\n") && reply.ends_with(b"\r\n"));
        assert!(reply[10..10 + value.len()] == value);
    }
    ask(&mut stream, "SET n 0\r\n", "+OK\r\n");
    let pipeline = "INCR n\r\n".repeat(20_000);
    let replies: String = (1..=20_000).map(|n| format!(":{n}\r\n")).collect();
    ask(&mut stream, &pipeline, &replies);
    ask(&mut stream, "QUIT\r\n", "+OK\r\n");
    assert_eq!(last_words(&mut stream), "", "the end is said in TLS's own words, too");
}

#[test]
fn a_second_connection_resumes_the_session_of_the_first() {
    let (redis, office) = (Redis::start(), Office::open());
    let lab = lab(redis.addr, Edge { tls: Some(office.client_tls(false)), ..Edge::default() });
    let config = office.client_config(false);
    for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let mut stream = connect(&config, lab.proxy.addrs()[0]);
        ask(&mut stream, "PING\r\n", "+PONG\r\n");
        assert_eq!(stream.conn.handshake_kind(), Some(expected));
    }
}

#[test]
fn connections_to_servers_resume_sessions() {
    let office = Office::open();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let config = office.server_config(true);
    // A server that answers everything with a pong, and remembers how hands were shaken.
    let server = std::thread::spawn(move || {
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let (socket, _) = listener.accept().unwrap();
            let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), socket);
            while let Ok(1..) = stream.read(&mut [0; 512]) {
                stream.write_all(b"+PONG\r\n").unwrap();
            }
            kinds.push(stream.conn.handshake_kind().unwrap());
        }
        kinds
    });
    let lab = lab(at, Edge { server_tls: Some(office.server_tls()), ..Edge::default() });
    for _ in 0..2 {
        assert_eq!(lab.client().ask(&["PING"]), "+PONG");
    }
    assert_eq!(server.join().unwrap(), [HandshakeKind::Full, HandshakeKind::Resumed]);
}

#[test]
fn a_server_of_another_authority_is_not_talked_to() {
    let (office, other) = (Office::open(), Office::open());
    let port = free_address().port();
    let args = office.redis_args(port);
    let _redis = Redis::start_with(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let edge = Edge { server_tls: Some(other.server_tls()), ..Edge::default() };
    let rules = Rules { hold: Duration::from_millis(300), ..Rules::default() };
    let lab = Lab::start_at(view(1, Phase::Steady, ([127, 0, 0, 1], port).into(), &[]), rules, edge, 10);
    assert!(lab.client().ask(&["PING"]).starts_with("-MASTERDOWN"));
}

#[test]
fn who_shows_no_certificate_where_one_is_required_is_refused() {
    let (redis, office) = (Redis::start(), Office::open());
    let lab = lab(redis.addr, Edge { tls: Some(office.client_tls(true)), ..Edge::default() });
    let mut stream = connect(&office.client_config(false), lab.proxy.addrs()[0]);
    let _ = stream.write_all(b"PING\r\n");
    assert_eq!(last_words(&mut stream), "");
    wait_until("it is counted", || lab.stats().refused(Refused::Handshake) == 1);
    let mut stream = connect(&office.client_config(true), lab.proxy.addrs()[0]);
    ask(&mut stream, "PING\r\n", "+PONG\r\n");
}

#[test]
fn plain_words_at_a_tls_port_get_a_plain_answer() {
    let (redis, office) = (Redis::start(), Office::open());
    let lab = lab(redis.addr, Edge { tls: Some(office.client_tls(false)), ..Edge::default() });
    let mut socket = plain(lab.proxy.addrs()[0]);
    socket.write_all(b"*1\r\n$4\r\nPING\r\n").unwrap();
    assert!(last_words(socket).ends_with("-ERR this port speaks TLS\r\n"));
    assert_eq!(lab.stats().refused(Refused::NoTls), 1);
    assert_eq!(lab.stats().clients_total, 0);
}

#[test]
fn tls_at_a_plain_port_is_told_so() {
    let (redis, office) = (Redis::start(), Office::open());
    let lab = lab(redis.addr, Edge::default());
    let port = lab.proxy.addrs()[0].port();
    assert!(redis_cli(&office, port, &["PING"]).contains("wrong version number"));
    wait_until("it is counted", || lab.stats().refused(Refused::Tls) > 0);
    // The same byte later on is a byte of a value.
    let mut client = lab.client();
    assert_eq!(client.ask(&["SET", "k", "\x16\x03\x01"]), "+OK");
    assert_eq!(client.ask(&["GET", "k"]), "\x16\x03\x01");
}

#[test]
fn openssl_finds_the_versions_that_are_spoken() {
    let (redis, office) = (Redis::start(), Office::open());
    let lab = lab(redis.addr, Edge { tls: Some(office.client_tls(false)), ..Edge::default() });
    let at = lab.proxy.addrs()[0].to_string();
    let speaks = |version: &str| {
        let mut openssl = Command::new("openssl")
            .args([
                "s_client",
                "-connect",
                &at,
                "-CAfile",
                &office.path("ca.pem"),
                "-verify_return_error",
                "-quiet",
                version,
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let _ = openssl.stdin.take().unwrap().write_all(b"PING\r\nQUIT\r\n");
        let output = openssl.wait_with_output().unwrap();
        String::from_utf8_lossy(&output.stdout).contains("+PONG")
    };
    assert!(speaks("-tls1_2") && speaks("-tls1_3"));
    assert!(!speaks("-tls1_1"));
}

#[test]
fn who_takes_too_long_to_shake_hands_goes() {
    let (redis, office) = (Redis::start(), Office::open());
    let tls = ClientTls { handshake_timeout: Duration::from_millis(200), ..office.client_tls(false) };
    let lab = lab(redis.addr, Edge { tls: Some(tls), ..Edge::default() });
    let mut slow = plain(lab.proxy.addrs()[0]);
    slow.write_all(b"\x16\x03\x01").unwrap();
    let silent = plain(lab.proxy.addrs()[0]);
    assert_eq!((last_words(slow), last_words(silent)), (String::new(), String::new()));
    wait_until("both are counted", || lab.stats().refused(Refused::TooSlow) == 2);
    // Who is in has all the time there is. On a busy machine not every one is in so soon.
    let config = office.client_config(false);
    let mut stream = (0..100)
        .map(|_| connect(&config, lab.proxy.addrs()[0]))
        .find_map(|mut stream| {
            let answered = stream.write_all(b"PING\r\n").and_then(|()| stream.read_exact(&mut [0; 7]));
            answered.is_ok().then_some(stream)
        })
        .expect("hands are shaken within moments");
    std::thread::sleep(Duration::from_millis(400));
    ask(&mut stream, "PING\r\n", "+PONG\r\n");
}

#[test]
fn who_says_nothing_at_first_or_for_long_goes_if_it_has_to() {
    let (redis, office) = (Redis::start(), Office::open());
    let [first_byte_timeout, idle_timeout] = [1_000, 2_000].map(Duration::from_millis);
    for tls in [None, Some(office.client_tls(false))] {
        let is_tls = tls.is_some();
        let lab = lab(redis.addr, Edge { tls, first_byte_timeout, idle_timeout, ..Edge::default() });
        let at = lab.proxy.addrs()[0];
        if is_tls {
            let mut mute = connect(&office.client_config(false), at);
            mute.conn.complete_io(&mut mute.sock).unwrap();
            assert_eq!(last_words(&mut mute), "");
            let mut stream = connect(&office.client_config(false), at);
            ask(&mut stream, "PING\r\n", "+PONG\r\n");
            assert_eq!(last_words(&mut stream), "");
        } else {
            assert_eq!(last_words(plain(at)), "");
            let mut client = lab.client();
            for _ in 0..3 {
                assert_eq!(client.ask(&["PING"]), "+PONG");
                std::thread::sleep(Duration::from_millis(700));
            }
            assert!(client.ends());
        }
        wait_until("both are counted", || {
            (lab.stats().refused(Refused::Silent), lab.stats().closed(Why::Idle)) == (1, 1)
        });
        assert_eq!(lab.stats().clients, 0);
    }
}
