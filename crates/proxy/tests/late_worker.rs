//! A worker is late: the answer of the old master lies in its socket, and there is a new view as well. What came first is told first.

mod real;

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;

use machine::Instant;
use proxy::{Edge, Listener, Proxy, ProxyConfig};
use real::{Client, Redis, view, wait_until};
use session::Rules;
use tokio::sync::watch;
use view::Phase::Steady;

/// The worker stands still, and does so.
static STAND: AtomicBool = AtomicBool::new(false);
static STANDS: AtomicBool = AtomicBool::new(false);

/// The worker asks what time it is before it does anything.
fn clock() -> Instant {
    let is_worker = thread::current().name().is_some_and(|name| name.starts_with("worker"));
    while is_worker && STAND.load(SeqCst) {
        STANDS.store(true, SeqCst);
        thread::sleep(Duration::from_millis(1));
    }
    real::clock()
}

#[test]
fn an_answer_that_came_before_the_new_view_is_passed_on() {
    let (old, new) = (Redis::start(), Redis::start());
    let (sender, receiver) = watch::channel(view(1, Steady, old.addr, &[]));
    let listener = Listener {
        name: "main".to_owned(),
        addr: std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into(),
        socket: None,
        rules: Rules::default(),
        edge: Edge::default(),
        view: receiver,
    };
    let config = ProxyConfig { workers: Some(1), max_clients: 10, clock };
    let proxy = Proxy::start(config, vec![listener]).expect("loopback has a free port");
    let mut client = Client::to(proxy.addrs()[0]);
    // A write whose answer comes when we say so.
    client.send("BLPOP list 0");
    wait_until("it waits at the server", || old.client().say("INFO clients").contains("blocked_clients:1"));
    STAND.store(true, SeqCst);
    assert_eq!(old.client().say("RPUSH list x"), ":1");
    wait_until("the worker was woken by the answer", || STANDS.load(SeqCst));
    sender.send_replace(view(2, Steady, new.addr, &[]));
    STAND.store(false, SeqCst);
    assert_eq!(client.reply(), "*[list x]");
    assert_eq!(client.say("PING"), "+PONG", "its connection stays");
}
