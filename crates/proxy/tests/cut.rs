//! An address leaves: its clients are reset at once, in both modes and at every step, and nobody else is. Of those who come to one that may
//! leave, somebody hears.

mod office;
mod real;

use std::io::{ErrorKind, Read as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use office::{Office, connect};
use proxy::edge::Mode;
use proxy::{Arrival, Edge, Listener, Proxy, ProxyConfig, ProxyStats};
use real::{Client, PATIENCE, Redis, clock, view, wait_until};
use session::{Rules, Why};
use tokio::sync::watch;
use view::Phase;

const LEAVES: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 7));

/// A proxy that listens at every address, with these edges.
fn proxy(redis: SocketAddr, edges: Vec<Edge>) -> (Proxy, Vec<u16>) {
    let listeners = edges.into_iter().enumerate().map(|(n, edge)| Listener {
        name: n.to_string(),
        addr: "0.0.0.0:0".parse::<SocketAddr>().unwrap().into(),
        socket: None,
        rules: Rules::default(),
        edge,
        view: watch::channel(view(1, Phase::Steady, redis, &[])).1,
    });
    let config = ProxyConfig { workers: Some(2), max_clients: 10_000, clock };
    let proxy = Proxy::start(config, listeners.collect()).unwrap();
    let ports = proxy.addrs().iter().map(SocketAddr::port).collect();
    (proxy, ports)
}

fn to(ip: [u8; 4], port: u16) -> TcpStream {
    let socket = TcpStream::connect((IpAddr::from(ip), port)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn was_reset(socket: &mut TcpStream) -> bool {
    // What was said before may still be there.
    let end = loop {
        match socket.read(&mut [0; 512]) {
            Ok(1..) => {}
            end => break end,
        }
    };
    end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
}

fn left(stats: &ProxyStats) -> Vec<u64> {
    stats.listeners.iter().map(|listener| listener.closed(Why::AddressLeft)).collect()
}

#[test]
fn clients_of_an_address_that_leaves_are_reset_and_no_others() {
    let (redis, office) = (Redis::start(), Office::open());
    let tcp = Edge { mode: Mode::Tcp, ..Edge::default() };
    let tls = Edge { tls: Some(office.client_tls(false)), ..Edge::default() };
    let patient = Edge { first_byte_timeout: PATIENCE, ..Edge::default() };
    let (proxy, ports) = proxy(redis.addr, vec![Edge::default(), tcp, tls, patient]);
    let mut stay: Vec<Client> = ports[..2].iter().map(|port| Client::over(to([127, 0, 0, 1], *port))).collect();
    let mut go: Vec<Client> = ports[..2].iter().map(|port| Client::over(to([127, 0, 0, 7], *port))).collect();
    for client in stay.iter_mut().chain(&mut go) {
        assert_eq!(client.say("PING"), "+PONG");
        // From here on it waits without end.
        client.send("BLPOP queue 0");
    }
    let mut encrypted = connect(&office.client_config(false), (LEAVES, ports[2]).into());
    std::io::Write::write_all(&mut encrypted, b"PING\r\n").unwrap();
    encrypted.read_exact(&mut [0; 7]).unwrap();
    let mut guest = to([127, 0, 0, 7], ports[3]);
    wait_until("all wait", || redis.client().say("INFO clients").contains("blocked_clients:4"));

    wait_until("all are in", || proxy.stats().workers.iter().sum::<usize>() == 6);
    assert_eq!(proxy.cut(&[LEAVES], PATIENCE), Some(4));
    for client in &go {
        assert!(was_reset(&mut client.socket().try_clone().unwrap()));
    }
    assert!(was_reset(&mut encrypted.sock) && was_reset(&mut guest));
    assert_eq!(left(&proxy.stats()), [1, 1, 1, 0]);
    wait_until("their requests are gone, too", || redis.client().say("INFO clients").contains("blocked_clients:2"));
    let mut pusher = redis.client();
    for (n, client) in stay.iter_mut().enumerate() {
        pusher.say(&format!("RPUSH queue {n}"));
        assert!(client.reply().starts_with("*[queue"));
    }
    assert_eq!(proxy.cut(&[LEAVES], PATIENCE), Some(0));
}

#[test]
fn who_comes_from_the_address_itself_is_reset_and_no_client_that_was_lost() {
    let redis = Redis::start();
    let tcp = Edge { mode: Mode::Tcp, ..Edge::default() };
    let (proxy, ports) = proxy(redis.addr, vec![Edge::default(), tcp]);
    let mut own: Vec<Client> = ports.iter().map(|port| Client::over(from_itself(*port))).collect();
    for client in &mut own {
        assert_eq!(client.say("PING"), "+PONG");
    }
    assert_eq!(proxy.cut(&[LEAVES], PATIENCE), Some(2));
    assert!(own.iter().all(|client| was_reset(&mut client.socket().try_clone().unwrap())));
    assert_eq!(left(&proxy.stats()), [0, 0]);
}

/// As the kernel connects a host with an address of its own, but for those of loopback.
fn from_itself(port: u16) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((LEAVES, 0)).into()).unwrap();
    socket.connect(&SocketAddr::from((LEAVES, port)).into()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.into()
}

#[test]
fn a_thousand_clients_are_reset_together() {
    let redis = Redis::start();
    let (proxy, ports) = proxy(redis.addr, vec![Edge::default()]);
    let mut clients: Vec<_> = (0..1_000).map(|_| Client::over(to([127, 0, 0, 7], ports[0]))).collect();
    for client in &mut clients {
        client.send("PING");
    }
    for client in &mut clients {
        assert_eq!(client.reply(), "+PONG");
    }
    let before = clock();
    assert_eq!(proxy.cut(&[LEAVES], PATIENCE), Some(1_000));
    println!("{:?}", clock() - before);
    for client in &clients {
        assert!(was_reset(&mut client.socket().try_clone().unwrap()));
    }
    assert_eq!(proxy.stats().workers, [0, 0]);
}

#[test]
fn who_comes_to_an_address_that_may_leave_is_told_of_at_once() {
    let redis = Redis::start();
    let tcp = Edge { mode: Mode::Tcp, ..Edge::default() };
    let (proxy, ports) = proxy(redis.addr, vec![Edge::default(), tcp]);
    let (told, mut hears) = tokio::sync::mpsc::channel(3);
    assert!(proxy.tell_of_arrivals(&[LEAVES], &told));
    let elsewhere = Client::over(to([127, 0, 0, 1], ports[0]));
    for port in &ports {
        let client = Client::over(to([127, 0, 0, 7], *port));
        let arrival = Arrival { at: (LEAVES, *port).into(), client: client.socket().local_addr().unwrap() };
        assert_eq!(hears.blocking_recv(), Some(arrival), "nobody has said a word yet");
    }
    // Nobody listens: those who come are served all the same.
    for _ in 0..10 {
        assert_eq!(Client::over(to([127, 0, 0, 7], ports[0])).say("PING"), "+PONG");
    }
    assert_eq!(hears.len(), 3);
    assert!(proxy.tell_of_arrivals(&[], &told));
    while hears.try_recv().is_ok() {}
    drop((told, elsewhere));
    assert_eq!(hears.blocking_recv(), None, "nobody is told of any more");
}

#[test]
fn who_has_no_time_to_wait_is_told_that_it_is_not_known() {
    let redis = Redis::start();
    let (proxy, _) = proxy(redis.addr, vec![Edge::default()]);
    assert_eq!(proxy.cut(&[LEAVES], Duration::ZERO), None);
}
