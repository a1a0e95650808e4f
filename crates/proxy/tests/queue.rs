//! Who waits at the door of a listener that a reload closes: the kernel has told them that they are connected.

mod real;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use machine::Instant;
use proxy::{Edge, Listener, Proxy, ProxyConfig};
use real::{PATIENCE, Redis, view, wait_until};
use session::Rules;
use tokio::sync::watch;
use view::Phase;

/// Whoever has it lets no worker begin a turn: each begins with a look at the clock.
static TURNS: Mutex<()> = Mutex::new(());

fn clock() -> Instant {
    drop(TURNS.lock().unwrap_or_else(PoisonError::into_inner));
    real::clock()
}

#[test]
fn who_waits_at_a_door_that_closes_is_served_first() {
    let redis = Redis::start();
    let source = watch::Sender::new(view(1, Phase::Steady, redis.addr, &[]));
    let listener = || Listener {
        name: "closes".to_owned(),
        addr: SocketAddr::from(([127, 0, 0, 1], 0)).into(),
        socket: None,
        rules: Rules::default(),
        edge: Edge::default(),
        view: source.subscribe(),
    };
    let config = ProxyConfig { workers: Some(2), max_clients: 100, clock };
    let proxy = Proxy::start(config, vec![listener()]).unwrap();
    let at = proxy.addrs()[0];

    let stopped = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    let come = |_| {
        let mut client = TcpStream::connect(at).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.write_all(b"ECHO here\r\n").unwrap();
        client
    };
    let clients: Vec<TcpStream> = (0..20).map(come).collect();
    let closing = thread::scope(|scope| {
        let applied = scope.spawn(|| proxy.apply(vec![]).unwrap());
        // If the order comes later than this, the clients are let in before it, and the test shows less.
        thread::sleep(Duration::from_millis(30));
        drop(stopped);
        applied.join().unwrap()
    });
    assert_eq!(closing.closed, [at.into()]);
    for (n, mut client) in clients.into_iter().enumerate() {
        let mut said = String::new();
        let end = client.read_to_string(&mut said).map_err(|error| error.kind());
        assert_eq!((said.as_str(), end), ("$4\r\nhere\r\n", Ok(10)), "client {n}");
    }
    wait_until("nobody listens", || TcpStream::connect(at).is_err());
}
