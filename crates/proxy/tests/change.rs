//! What clients see when listeners change, or another process takes over.

mod real;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use proxy::edge::UnixFile;
use proxy::{Endpoint, Listener, Proxy, ProxyConfig};
use real::{Client, Lab, Redis, clock, view, wait_until};
use session::Rules;
use tokio::sync::watch;
use view::{Phase, View};

fn listener(addr: SocketAddr, rules: &Rules, view: &watch::Sender<Arc<View>>) -> Listener {
    Listener {
        name: format!("at {addr}"),
        addr: addr.into(),
        socket: None,
        rules: rules.clone(),
        edge: proxy::Edge::default(),
        view: view.subscribe(),
    }
}

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn steady(redis: &Redis) -> Arc<View> {
    view(1, Phase::Steady, redis.addr, &[])
}

#[test]
fn what_stays_is_not_touched_what_is_new_is_opened_and_what_is_gone_lets_its_clients_have_what_they_are_owed() {
    let redis = Redis::start();
    let lab = Lab::start(steady(&redis), Rules::default());
    let first = lab.proxy.addrs()[0];
    let applied = lab
        .proxy
        .apply(vec![listener(first, &Rules::default(), &lab.view), listener(any(), &Rules::default(), &lab.view)])
        .unwrap();
    let second = lab.proxy.addrs()[1];
    assert_eq!((applied.kept, applied.opened, applied.closed), (vec![first.into()], vec![second.into()], vec![]));

    let (mut stays, mut idle, mut busy) = (Client::to(first), Client::to(second), Client::to(second));
    assert_eq!(stays.say("SET k v"), "+OK");
    assert_eq!(idle.say("GET k"), "v");
    busy.send("BLPOP list 0");
    wait_until("it is blocked", || redis.client().say("INFO clients").contains("blocked_clients:1"));

    let applied = lab.proxy.apply(vec![listener(first, &Rules::default(), &lab.view)]).unwrap();
    assert_eq!((applied.kept, applied.opened, applied.closed), (vec![first.into()], vec![], vec![second.into()]));
    assert!(idle.ends(), "it is owed nothing");
    wait_until("nobody listens there", || TcpStream::connect(second).is_err());
    assert_eq!(redis.client().say("RPUSH list x"), ":1");
    assert_eq!(busy.reply(), "*[list x]");
    assert!(busy.ends());
    assert_eq!(stays.say("GET k"), "v");
    let stats = lab.stats();
    assert_eq!((stats.clients, stats.clients_total), (1, 1), "its numbers go on");
    assert_eq!(stats.sessions.connects, 1, "its server connection is the one it had");
}

#[test]
fn an_address_that_cannot_be_had_changes_nothing() {
    let redis = Redis::start();
    let lab = Lab::start(steady(&redis), Rules::default());
    let first = lab.proxy.addrs()[0];
    let mut client = lab.client();
    assert_eq!(client.say("PING"), "+PONG");
    let taken = TcpListener::bind(any()).unwrap();
    let free = TcpListener::bind(any()).unwrap().local_addr().unwrap();
    let addrs = [free, taken.local_addr().unwrap()];
    let wanted = addrs.map(|addr| listener(addr, &Rules::default(), &lab.view));
    let error = lab.proxy.apply(wanted.into()).unwrap_err().to_string();
    assert!(error.contains(&addrs[1].to_string()) && error.contains("in use"), "{error}");
    assert_eq!(lab.proxy.addrs(), [first]);
    assert!(TcpStream::connect(free).is_err(), "what was bound already is let go");
    assert_eq!(client.say("PING"), "+PONG");
    assert_eq!(lab.client().say("PING"), "+PONG");
}

#[test]
fn a_port_moves_between_one_address_and_all_without_a_moment_in_which_nobody_listens() {
    let redis = Redis::start();
    let lab = Lab::start(steady(&redis), Rules::default());
    let here = lab.proxy.addrs()[0];
    let everywhere = SocketAddr::from(([0, 0, 0, 0], here.port()));
    let other = SocketAddr::from(([127, 0, 0, 2], here.port()));
    let is_over = Arc::new(AtomicBool::new(false));
    let knocks = std::thread::spawn({
        let is_over = is_over.clone();
        move || {
            let mut knocks = 0;
            while !is_over.load(Ordering::Relaxed) {
                match TcpStream::connect(here) {
                    Ok(_) => knocks += 1,
                    // Who comes to the old one at its very end; where nobody listens it is refused.
                    Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "nobody listens: {error}"),
                }
            }
            knocks
        }
    });
    let mut client = lab.client();
    assert_eq!(client.say("PING"), "+PONG");
    for at in [everywhere, here, everywhere, here] {
        let applied = lab.proxy.apply(vec![listener(at, &Rules::default(), &lab.view)]).unwrap();
        assert_eq!((applied.kept, applied.opened), (vec![], vec![at.into()]));
        if at == here {
            wait_until("only the new one listens", || TcpStream::connect(other).is_err());
        }
        // Who came to the old one at its very end is reset.
        wait_until("who comes is served", || is_served(here));
    }
    is_over.store(true, Ordering::Relaxed);
    assert!(knocks.join().unwrap() > 0);
    // Somebody else still cannot come between, and two that stay do not fit.
    assert!(TcpListener::bind(everywhere).is_err());
    let both = [here, everywhere].map(|at| listener(at, &Rules::default(), &lab.view));
    assert!(lab.proxy.apply(both.into()).is_err());
    assert_eq!(lab.client().say("PING"), "+PONG");
}

#[test]
fn the_file_of_a_socket_goes_with_its_listener_if_it_is_ours_and_nobody_else_has_it() {
    let redis = Redis::start();
    let lab = Lab::start(steady(&redis), Rules::default());
    let path = std::env::temp_dir().join(format!("standfast-change-{}.sock", std::process::id()));
    let at_path = || {
        let file = UnixFile { path: path.clone(), mode: 0o600, owner: None, group: None };
        Listener { addr: Endpoint::Unix(file), ..listener(any(), &Rules::default(), &lab.view) }
    };
    lab.proxy.apply(vec![at_path()]).unwrap();
    assert!(path.exists());
    lab.proxy.apply(vec![]).unwrap();
    assert!(!path.exists(), "it is gone with a reload");

    lab.proxy.apply(vec![at_path()]).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "somebody's").unwrap();
    lab.proxy.apply(vec![]).unwrap();
    assert!(path.exists(), "that is not ours");
    std::fs::remove_file(&path).unwrap();

    lab.proxy.apply(vec![at_path()]).unwrap();
    let (_, socket) = lab.proxy.listening_sockets().unwrap().remove(0);
    let config = ProxyConfig { workers: Some(1), max_clients: 10, clock };
    let heir = Proxy::start(config, vec![Listener { socket: Some(socket), ..at_path() }]).unwrap();
    lab.proxy.retire();
    drop(lab);
    assert!(path.exists(), "another process listens");
    // Whoever gave it (a service manager, say) may have kept it.
    drop(heir);
    assert!(path.exists());
    std::fs::remove_file(&path).unwrap();
}

fn is_served(at: SocketAddr) -> bool {
    let mut socket = TcpStream::connect(at).expect("somebody listens");
    let mut pong = [0; 7];
    socket.write_all(b"PING\r\n").and_then(|()| socket.read_exact(&mut pong)).is_ok() && &pong == b"+PONG\r\n"
}

#[test]
fn new_rules_are_for_those_who_come_in_later() {
    let redis = Redis::start();
    let lab = Lab::start(view(7, Phase::Lost, redis.addr, &[]), Rules::default());
    let first = lab.proxy.addrs()[0];
    let mut patient = lab.client();
    patient.send("GET k");
    wait_until("it waits", || lab.stats().held == 1);
    let rules = Rules { hold: Duration::from_millis(100), ..Rules::default() };
    lab.proxy.apply(vec![listener(first, &rules, &lab.view)]).unwrap();
    let told = lab.client().say("GET k");
    assert!(told.starts_with("-MASTERDOWN Standfast: no master of group 'cache' for 100ms"), "{told}");
    lab.publish(view(8, Phase::Steady, redis.addr, &[]));
    assert_eq!(patient.reply(), "$-1");
}

#[test]
fn those_who_are_there_follow_the_new_source_of_the_view() {
    let (old, new) = (Redis::start(), Redis::start());
    let Lab { proxy, view: source } = Lab::start(steady(&old), Rules::default());
    let first = proxy.addrs()[0];
    let mut client = Client::to(first);
    let port = |redis: &Redis| format!("*[port {}]", redis.addr.port());
    assert_eq!(client.say("CONFIG GET port"), port(&old));

    let other = watch::Sender::new(view(1, Phase::Steady, old.addr, &[]));
    proxy.apply(vec![listener(first, &Rules::default(), &other)]).unwrap();
    drop(source);
    other.send_replace(view(2, Phase::Steady, new.addr, &[]));
    assert_eq!(client.say("CONFIG GET port"), port(&new));
    // One that waits for nothing but a view hears of it, too.
    other.send_replace(view(2, Phase::Switching, new.addr, &[]));
    client.send("CONFIG GET port");
    wait_until("it waits", || proxy.stats().listeners[0].held == 1);
    other.send_replace(view(3, Phase::Steady, old.addr, &[]));
    assert_eq!(client.reply(), port(&old));
    assert_eq!(proxy.stats().listeners[0].clients, 1);
}

#[test]
fn another_process_takes_the_sockets_over_and_nobody_is_refused() {
    let redis = Redis::start();
    let lab = Lab::start(steady(&redis), Rules::default());
    let addr = lab.proxy.addrs()[0];
    let mut there = lab.client();
    assert_eq!(there.say("SET k v"), "+OK");

    // Clients come in all the time.
    let over = Arc::new(AtomicBool::new(false));
    let is_over = over.clone();
    let comers = std::thread::spawn(move || {
        let mut served = 0;
        while !is_over.load(Ordering::Relaxed) {
            assert_eq!(Client::to(addr).say("GET k"), "v");
            served += 1;
        }
        served
    });
    let mut sockets = lab.proxy.listening_sockets().unwrap();
    let (handed_addr, socket) = sockets.remove(0);
    assert_eq!(handed_addr, addr.into());
    let listener = Listener { socket: Some(socket), ..listener(addr, &Rules::default(), &lab.view) };
    let successor = Proxy::start(ProxyConfig { workers: Some(2), max_clients: 100, clock }, vec![listener]).unwrap();
    lab.proxy.retire();
    assert!(lab.proxy.listening_sockets().unwrap().is_empty());
    let before = successor.stats().listeners[0].clients_total;
    wait_until("clients come to the successor", || successor.stats().listeners[0].clients_total > before + 20);
    let last = lab.stats().clients_total;
    over.store(true, Ordering::Relaxed);
    assert!(comers.join().unwrap() > 20, "each of them was let in and served");

    assert_eq!(there.say("GET k"), "v", "whoever was there stays, idle or not");
    assert_eq!(lab.stats().clients, 1);
    // Its view goes on.
    let other = Redis::start();
    lab.publish(view(2, Phase::Steady, other.addr, &[]));
    assert_eq!(there.say("GET k"), "$-1");
    lab.publish(view(3, Phase::Steady, redis.addr, &[]));
    assert_eq!(lab.stats().clients_total, last, "the old one accepts no more");

    lab.proxy.stop(Duration::from_secs(1));
    assert!(there.ends());
    assert_eq!(Client::to(addr).say("GET k"), "v");
}

#[test]
fn the_file_of_a_socket_that_was_handed_over_stays_and_goes_with_whoever_is_last() {
    let redis = Redis::start();
    let path = std::env::temp_dir().join(format!("standfast-handed-{}.sock", std::process::id()));
    let source = watch::Sender::new(steady(&redis));
    let at = |socket| {
        let file = UnixFile { path: path.clone(), mode: 0o600, owner: None, group: None };
        Listener { addr: Endpoint::Unix(file), socket, ..listener(any(), &Rules::default(), &source) }
    };
    let start = |socket| {
        let config = ProxyConfig { workers: Some(1), max_clients: 10, clock };
        Proxy::start(config, vec![at(socket)]).unwrap()
    };
    let is_served = || {
        let mut client = std::os::unix::net::UnixStream::connect(&path).unwrap();
        client.set_read_timeout(Some(real::PATIENCE)).unwrap();
        client.write_all(b"PING\r\n").unwrap();
        let mut said = [0; 7];
        client.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"+PONG\r\n");
    };
    let lent = |proxy: &Proxy| Some(proxy.listening_sockets().unwrap().remove(0).1);
    let first = start(None);
    let files = first.own_files();
    assert_eq!(files, std::slice::from_ref(&path));

    // One that never takes over leaves everything as it was.
    drop(start(lent(&first)));
    is_served();
    let second = start(lent(&first));
    first.retire();
    second.adopt_files(&files);
    drop(first);
    is_served();
    assert_eq!(second.own_files(), files);
    drop(second);
    assert!(!path.exists(), "it goes with the last one");

    // Of a service manager: its file is its own.
    let managed = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let third = start(Some(proxy::ListeningSocket::Unix(managed.try_clone().unwrap())));
    assert_eq!(third.own_files(), Vec::<std::path::PathBuf>::new());
    third.adopt_files(&third.own_files());
    is_served();
    drop(third);
    assert!(path.exists());
    std::fs::remove_file(&path).unwrap();
}
