//! Who may come in at a listener, and what those are told who may not: with a real redis-server behind it.

mod real;

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use proxy::edge::{Patience, ServerTcp, UnixFile};
use proxy::gate::{Limits, Lists, Network};
use proxy::{Edge, Endpoint, Proxy, ProxyConfig, Refused};
use real::{Client, Lab, PATIENCE, Redis, view, wait_until};
use session::Rules;
use view::Phase;

fn lab(redis: &Redis, edge: Edge) -> Lab {
    Lab::start_at(view(1, Phase::Steady, redis.addr, &[]), Rules::default(), edge, 10_000)
}

/// Everything that the other side says before it hangs up.
fn last_words(mut socket: impl Read) -> String {
    let mut text = String::new();
    // A reset is an end, too.
    let _ = socket.read_to_string(&mut text);
    text
}

fn connect(to: SocketAddr, from: [u8; 4]) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.into()
}

#[test]
fn who_is_denied_is_told_so() {
    let redis = Redis::start();
    let network = |ip: [u8; 4], bits| Network { ip: IpAddr::V4(Ipv4Addr::from(ip)), bits };
    let lists = Lists { allow: vec![network([127, 0, 0, 0], 16)], deny: vec![network([127, 0, 0, 66], 32)] };
    let lab = lab(&redis, Edge { lists, ..Edge::default() });
    let at = lab.proxy.addrs()[0];
    assert_eq!(Client::over(connect(at, [127, 0, 0, 5])).ask(&["PING"]), "+PONG");
    for from in [[127, 0, 0, 66], [127, 1, 0, 1]] {
        assert_eq!(last_words(connect(at, from)), "-DENIED this address may not connect here\r\n");
    }
    assert_eq!(lab.stats().refused(Refused::Denied), 2);
}

#[test]
fn limits_hold_and_places_are_given_back() {
    let redis = Redis::start();
    let limits = Limits { clients: Some(3), clients_per_address: Some(2), ..Limits::default() };
    let lab = lab(&redis, Edge { limits, ..Edge::default() });
    let at = lab.proxy.addrs()[0];
    let come = |from| {
        let mut client = Client::over(connect(at, from));
        client.send("PING");
        client.try_reply().ok().filter(|reply| reply == "+PONG").map(|_| client)
    };
    let first = come([127, 0, 0, 5]).unwrap();
    let _second = come([127, 0, 0, 5]).unwrap();
    assert_eq!(last_words(connect(at, [127, 0, 0, 5])), "-ERR max number of clients reached\r\n");
    let _third = come([127, 0, 0, 6]).unwrap();
    assert!(come([127, 0, 0, 7]).is_none());
    assert_eq!(lab.stats().refused(Refused::TooManyOfAddress), 1);
    assert_eq!(lab.stats().refused(Refused::TooMany), 1);
    drop(first);
    wait_until("the place is free", || come([127, 0, 0, 5]).is_some());
}

#[test]
fn who_comes_too_often_is_refused_for_a_while() {
    let redis = Redis::start();
    let limits = Limits { new_per_second_per_address: Some(5), ..Limits::default() };
    let lab = lab(&redis, Edge { limits, ..Edge::default() });
    let at = lab.proxy.addrs()[0];
    let come = |from| Client::over(connect(at, from)).ask(&["PING"]) == "+PONG";
    wait_until("too many came in a second", || {
        let _ = connect(at, [127, 0, 0, 5]);
        lab.stats().refused(Refused::TooFastOfAddress) > 0
    });
    assert!(come([127, 0, 0, 6]), "others may");
    wait_until("so may this one later", || {
        let mut client = Client::over(connect(at, [127, 0, 0, 5]));
        client.send("PING");
        client.try_reply().is_ok_and(|reply| reply == "+PONG")
    });
}

#[test]
fn clients_of_a_unix_socket_are_served() {
    let redis = Redis::start();
    let path = std::env::temp_dir().join(format!("standfast-edges-{}.sock", std::process::id()));
    let file = UnixFile { path: path.clone(), mode: 0o600, owner: None, group: None };
    let (_source, view) = tokio::sync::watch::channel(view(1, Phase::Steady, redis.addr, &[]));
    let listener = proxy::Listener {
        name: "unix".to_owned(),
        addr: Endpoint::Unix(file),
        socket: None,
        rules: Rules::default(),
        edge: Edge::default(),
        view,
    };
    let config = ProxyConfig { workers: Some(2), max_clients: 2, clock: real::clock };
    let proxy = Proxy::start(config, vec![listener]).unwrap();
    let ask = |path| {
        let mut socket = UnixStream::connect(path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        std::io::Write::write_all(&mut socket, b"SET k 1\r\nGET k\r\nQUIT\r\n").unwrap();
        last_words(socket)
    };
    assert_eq!(ask(&path), "+OK\r\n$1\r\n1\r\n+OK\r\n");
    wait_until("it is gone", || proxy.stats().listeners[0].clients == 0);
    assert_eq!(ask(&path), "+OK\r\n$1\r\n1\r\n+OK\r\n");
    drop(proxy);
    assert!(!path.exists(), "it goes with its listener");
}

/// How many connections the server has, but for the one that asks.
fn server_connections(redis: &Redis) -> usize {
    redis.client().ask(&["CLIENT", "LIST"]).matches("id=").count() - 1
}

#[test]
fn listeners_that_believe_in_servers_differently_share_no_connection() {
    let redis = Redis::start();
    let (_source, view) = tokio::sync::watch::channel(view(1, Phase::Steady, redis.addr, &[]));
    let listener = |user_timeout: u64| {
        let patience = Patience { user_timeout: Duration::from_secs(user_timeout), ..ServerTcp::default().0 };
        proxy::Listener {
            name: user_timeout.to_string(),
            addr: SocketAddr::from(([127, 0, 0, 1], 0)).into(),
            socket: None,
            rules: Rules { pool: session::Pool::Shared, ..Rules::default() },
            edge: Edge { server_tcp: ServerTcp(patience), ..Edge::default() },
            view: view.clone(),
        }
    };
    let config = ProxyConfig { workers: Some(1), max_clients: 10, clock: real::clock };
    let proxy = Proxy::start(config, vec![listener(5), listener(5), listener(60)]).unwrap();
    let mut clients: Vec<Client> = proxy.addrs().into_iter().map(Client::to).collect();
    let mut come = |n: usize| {
        assert_eq!(clients[n].ask(&["SET", "k", "v"]), "+OK");
        server_connections(&redis)
    };
    assert_eq!([come(0), come(1), come(2)], [1, 1, 2]);
}

#[test]
fn a_server_that_is_told_for_whom_is_told_of_each_client_even_where_sharing_was_asked_for() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let edge = Edge { send_proxy: Some(proxy::proxy_protocol::Version::V1), ..Edge::default() };
    let rules = Rules { pool: session::Pool::Shared, ..Rules::default() };
    let lab = Lab::start_at(view(1, Phase::Steady, server.local_addr().unwrap(), &[]), rules, edge, 10);
    let mut open = Vec::new();
    for from in [[127, 0, 0, 5], [127, 0, 0, 6]] {
        let mut client = connect(lab.proxy.addrs()[0], from);
        std::io::Write::write_all(&mut client, b"PING\r\n").unwrap();
        let mut header = [0; 64];
        let mut served = server.accept().unwrap().0;
        let length = served.read(&mut header).unwrap();
        open.push((client, served));
        let said = String::from_utf8_lossy(&header[..length]).into_owned();
        let who = format!("PROXY TCP4 {} ", IpAddr::from(from));
        assert!(said.starts_with(&who), "{said:?}");
    }
}
