//! Many users at once at a new master: its kernel keeps only so many connections that Redis has not accepted, and drops others silently.

mod differ;
mod real;

use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::Duration;

use differ::pools;
use proxy::{Edge, Listener, Proxy, ProxyConfig};
use real::{Client, PATIENCE, Redis, clock, view, wait_until};
use tokio::sync::watch;
use view::Phase;

/// Each of them shares a connection with nobody.
const USERS: usize = 1_500;

fn with_users() -> Redis {
    // It lets all of them wait, so that they can be counted.
    let redis = Redis::start_with(&["--tcp-backlog", "4096"]);
    let mut control = redis.client();
    for n in 0..USERS {
        assert_eq!(control.say(&format!("ACL SETUSER u{n} on >pw +@all ~*")), "+OK");
    }
    redis
}

/// How many connections the kernel keeps that this server has not accepted (proc_pid_net(5): state 0A, the queue of what was received).
fn queue_at(server: SocketAddr) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = format!(":{:04X}", server.port());
    let queue = table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_ascii_whitespace().take(5).collect();
        match columns[..] {
            [_, local, _, "0A", queues] if local.ends_with(&port) => queues.split_once(':'),
            _ => None,
        }
    });
    usize::from_str_radix(queue.unwrap().1, 16).unwrap()
}

/// Of so many connections nothing may have come yet, or they are older than this.
const WAVE: usize = 128;
const REST: Duration = Duration::from_millis(50);

#[test]
fn they_come_in_waves() {
    // A user has four: two of its own, and two of the proxy.
    let me = std::process::id().to_string();
    let raised = Command::new("prlimit").args(["--pid", &me, "--nofile=8000:"]).status();
    assert!(raised.is_ok_and(|status| status.success()), "this test needs 8000 descriptors");
    for (pool, rules) in pools() {
        let (old, new) = (with_users(), with_users());
        let (source, view_of) = watch::channel(view(1, Phase::Steady, old.addr, &[]));
        let listener = Listener {
            name: "main".to_owned(),
            addr: SocketAddr::from(([127, 0, 0, 1], 0)).into(),
            socket: None,
            rules,
            edge: Edge::default(),
            view: view_of,
        };
        let config = ProxyConfig { workers: Some(1), max_clients: 10_000, clock };
        let proxy = Proxy::start(config, vec![listener]).unwrap();
        let mut clients: Vec<Client> = (0..USERS).map(|_| Client::to(proxy.addrs()[0])).collect();
        for (n, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.say(&format!("AUTH u{n} pw")), "+OK");
        }
        source.send_replace(view(1, Phase::Switching, old.addr, &[]));
        // Until the listener knows, they are answered.
        let mut probe = Client::to(proxy.addrs()[0]);
        wait_until("the listener knows", || {
            probe.send("GET k");
            thread::sleep(Duration::from_millis(10));
            proxy.stats().listeners[0].held > 0
        });
        clients.iter_mut().for_each(|client| client.send("GET k"));
        wait_until("all wait", || proxy.stats().listeners[0].held >= USERS as u64);

        // It accepts nobody, and gives no answer: only time makes room for the next wave.
        new.signal("-STOP");
        let began = clock();
        source.send_replace(view(2, Phase::Steady, new.addr, &[]));
        let mut most = 0;
        // A busy machine may take longer to send the first of them than these rests take.
        while most < WAVE || (most < 3 * WAVE && clock() - began < REST * 10) {
            assert!(clock() - began < PATIENCE, "{pool}: {most} came");
            let waiting = queue_at(new.addr);
            let waves = 2 + (clock() - began).as_nanos() / REST.as_nanos();
            assert!(waiting as u128 <= waves * WAVE as u128, "{pool}: {waiting} after {:?}", clock() - began);
            most = most.max(waiting);
            thread::sleep(Duration::from_millis(1));
        }
        new.signal("-CONT");
        for client in &mut clients {
            assert_eq!(client.reply(), "$-1", "{pool}: {:?}", proxy.stats().listeners[0]);
        }
    }
}
