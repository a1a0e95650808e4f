//! What ends by the clock alone, and after too long for a test to wait: here the clock is moved.

mod real;

use std::net::SocketAddr;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use machine::Instant;
use proxy::{Edge, Listener, Proxy, ProxyConfig};
use real::{Client, Redis, view, wait_until};
use session::Rules;
use tokio::sync::watch;
use view::Phase::Steady;

/// How far the proxy's clock is ahead, in seconds.
static AHEAD: AtomicU64 = AtomicU64::new(0);

fn clock() -> Instant {
    real::clock() + Duration::from_secs(AHEAD.load(SeqCst))
}

#[test]
fn who_is_owed_something_by_a_listener_that_is_gone_leaves_after_a_minute() {
    let redis = Redis::start();
    let (_views, receiver) = watch::channel(view(1, Steady, redis.addr, &[]));
    let listener = |addr: SocketAddr| Listener {
        name: format!("at {addr}"),
        addr: addr.into(),
        socket: None,
        rules: Rules::default(),
        edge: Edge::default(),
        view: receiver.clone(),
    };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let config = ProxyConfig { workers: Some(1), max_clients: 10, clock };
    let proxy = Proxy::start(config, vec![listener(any), listener(any)]).expect("loopback has free ports");
    let (stays, goes) = (proxy.addrs()[0], proxy.addrs()[1]);
    let (mut here, mut busy) = (Client::to(stays), Client::to(goes));
    busy.send("BLPOP list 0");
    wait_until("it is blocked", || redis.client().say("INFO clients").contains("blocked_clients:1"));
    proxy.apply(vec![listener(stays)]).expect("one is left out");
    assert_eq!(here.say("PING"), "+PONG");

    AHEAD.store(50, SeqCst);
    assert_eq!(here.say("PING"), "+PONG", "the worker has seen what time it is");
    assert!(redis.client().say("INFO clients").contains("blocked_clients:1"), "it is waited for");
    AHEAD.store(61, SeqCst);
    assert_eq!(here.say("PING"), "+PONG");
    assert!(busy.ends(), "not for ever");
}
