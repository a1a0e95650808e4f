//! The PROXY protocol in and out, with a real haproxy that speaks it on the other side.

mod office;
mod real;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use office::{Office, connect};
use ports::free_address;
use proxy::gate::{Lists, Network};
use proxy::proxy_protocol::Version;
use proxy::{Edge, Refused};
use real::{Client, Lab, PATIENCE, Redis, view, wait_until};
use session::Rules;
use view::Phase;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn lab(redis: SocketAddr, edge: Edge) -> Lab {
    Lab::start_at(view(1, Phase::Steady, redis, &[]), Rules::default(), edge, 10_000)
}

fn network(ip: [u8; 4]) -> Network {
    Network { ip: ip.into(), bits: 32 }
}

/// A listener that believes this host, and lets nobody in who comes from 127.0.0.66.
fn believer() -> Edge {
    let lists = Lists { allow: vec![], deny: vec![network([127, 0, 0, 66])] };
    Edge { proxy_protocol_from: vec![Network { ip: HERE, bits: 32 }], lists, ..Edge::default() }
}

fn from(ip: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((ip, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.into()
}

fn last_words(mut socket: impl Read) -> String {
    let mut text = Vec::new();
    let _ = socket.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// A haproxy that leads one port to a server.
struct Haproxy {
    child: Child,
    at: SocketAddr,
    dir: std::path::PathBuf,
}

impl Haproxy {
    fn start(name: &str, bind: &str, rule: &str, server: SocketAddr, send: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("standfast-haproxy-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let at = free_address();
        let text = format!(
            "global\n  nbthread 1\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n\
             listen main\n  bind {at} {bind}\n  {rule}\n  server one {server} {send}\n"
        );
        std::fs::write(dir.join("haproxy.cfg"), text).unwrap();
        let child = Command::new("haproxy")
            .args(["-db", "-f"])
            .arg(dir.join("haproxy.cfg"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let haproxy = Self { child, at, dir };
        wait_until("haproxy listens", || TcpStream::connect(at).is_ok());
        haproxy
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

#[test]
fn haproxy_tells_for_whom_it_connects() {
    let redis = Redis::start();
    for send in ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c"] {
        let lab = lab(redis.addr, believer());
        let haproxy = Haproxy::start("in", "", "", lab.proxy.addrs()[0], send);
        assert_eq!(Client::over(from([127, 0, 0, 5], haproxy.at)).ask(&["PING"]), "+PONG", "{send}");
        // By its own address it might come in, by the one that is told it may not.
        assert!(last_words(from([127, 0, 0, 66], haproxy.at)).starts_with("-DENIED"), "{send}");
        assert_eq!(lab.stats().refused(Refused::Denied), 1);
    }
}

#[test]
fn haproxy_is_told_for_whom_we_connect() {
    let redis = Redis::start();
    let rule = "tcp-request session reject if { src 127.0.0.66 }";
    let haproxy = Haproxy::start("out", "accept-proxy", rule, redis.addr, "");
    for version in [Version::V1, Version::V2] {
        let rules = Rules { hold: std::time::Duration::from_millis(500), ..Rules::default() };
        let edge = Edge { send_proxy: Some(version), ..Edge::default() };
        let lab = Lab::start_at(view(1, Phase::Steady, haproxy.at, &[]), rules, edge, 10);
        let at = lab.proxy.addrs()[0];
        assert_eq!(Client::over(from([127, 0, 0, 5], at)).ask(&["PING"]), "+PONG", "{version:?}");
        assert!(Client::over(from([127, 0, 0, 66], at)).ask(&["PING"]).starts_with("-MASTERDOWN"), "{version:?}");
    }
}

#[test]
fn what_comes_with_the_header_or_in_pieces_of_it_is_not_lost() {
    let redis = Redis::start();
    let lab = lab(redis.addr, believer());
    let mut socket = from([127, 0, 0, 1], lab.proxy.addrs()[0]);
    socket.write_all(b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nSET k v\r\nGET k\r\nQUIT\r\n").unwrap();
    assert_eq!(last_words(socket), "+OK\r\n$1\r\nv\r\n+OK\r\n");
    let mut socket = from([127, 0, 0, 1], lab.proxy.addrs()[0]);
    socket.set_nodelay(true).unwrap();
    for byte in b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nPING\r\nQUIT\r\n" {
        socket.write_all(&[*byte]).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!(last_words(socket), "+PONG\r\n+OK\r\n");
}

/// Of version 2: a UNIX socket, of no name.
const BY_UNIX: [u8; 232] = {
    let mut header = [0; 232];
    let start = *b"\r\n\r\n\0\r\nQUIT\n\x21\x31\x00\xd8";
    let mut at = 0;
    while at < start.len() {
        header[at] = start[at];
        at += 1;
    }
    header
};

#[test]
fn a_header_without_an_address_counts_as_the_one_who_sent_it() {
    let redis = Redis::start();
    let balancer = [127, 0, 0, 1];
    let headers: [&[u8]; 3] = [b"PROXY UNKNOWN\r\n", b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00", &BY_UNIX];
    let [allowed, denied] = [network(balancer), network([10, 0, 0, 1])];
    for (lists, expected) in [
        (Lists { allow: vec![allowed], deny: vec![] }, "+PONG\r\n+OK\r\n"),
        (Lists { allow: vec![denied], deny: vec![] }, "-DENIED this address may not connect here\r\n"),
        (Lists { allow: vec![], deny: vec![allowed] }, "-DENIED this address may not connect here\r\n"),
    ] {
        let lab = lab(redis.addr, Edge { lists, ..believer() });
        for header in headers {
            let mut socket = from(balancer, lab.proxy.addrs()[0]);
            socket.write_all(&[header, b"PING\r\nQUIT\r\n"].concat()).unwrap();
            assert_eq!(last_words(socket), expected, "{}", header.escape_ascii());
        }
    }
}

#[test]
fn the_header_comes_before_tls() {
    let (redis, office) = (Redis::start(), Office::open());
    let lab = lab(redis.addr, Edge { tls: Some(office.client_tls(false)), ..believer() });
    let at = lab.proxy.addrs()[0];
    let mut stream = connect(&office.client_config(false), at);
    stream.sock.write_all(b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n").unwrap();
    stream.write_all(b"PING\r\nQUIT\r\n").unwrap();
    assert_eq!(last_words(&mut stream), "+PONG\r\n+OK\r\n");
    // haproxy sends both in one packet.
    let haproxy = Haproxy::start("tls", "", "", at, "send-proxy-v2");
    let mut stream = connect(&office.client_config(false), haproxy.at);
    stream.write_all(b"PING\r\nQUIT\r\n").unwrap();
    assert_eq!(last_words(&mut stream), "+PONG\r\n+OK\r\n");
}

#[test]
fn only_those_who_are_believed_say_for_whom_they_come_and_they_must() {
    let redis = Redis::start();
    let lab = lab(redis.addr, believer());
    let at = lab.proxy.addrs()[0];
    let mut socket = from([127, 0, 0, 1], at);
    socket.write_all(b"*1\r\n$4\r\nPING\r\n").unwrap();
    assert!(last_words(socket).starts_with("-ERR a PROXY protocol header was expected"));
    assert_eq!(lab.stats().refused(Refused::NoHeader), 1);
    // For anybody else it is no request that Redis would know.
    let mut socket = from([127, 0, 0, 5], at);
    socket.write_all(b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nPING\r\nQUIT\r\n").unwrap();
    let words = last_words(socket);
    assert!(words.starts_with("-ERR unknown command 'PROXY'") && words.ends_with("+PONG\r\n+OK\r\n"), "{words}");
}
