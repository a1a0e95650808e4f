//! A proxy in front of one server that never changes: `forward LISTEN SERVER [WORKERS] [shared [FROM]]`. For measuring by hand, and for
//! `cargo xtask suite redis`: tests that count a server's clients, or read its replication stream, would see a node that watches it.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use machine::Instant;
use proxy::{Edge, Listener, Proxy, ProxyConfig};
use session::{Pool, Rules};
use tokio::sync::watch;
use view::{Epoch, Phase, View};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().ok_or("usage: forward LISTEN SERVER [WORKERS] [shared [FROM]]");
    let (addr, master): (SocketAddr, SocketAddr) = (next()?.parse()?, next()?.parse()?);
    let workers = next().ok().map(|n| n.parse()).transpose()?;
    let pool = if next().is_ok_and(|word| word == "shared") { Pool::Shared } else { Pool::Session };
    let share_from = next().ok().map_or(Ok(1), |from| from.parse())?;
    let view = View { group: "one".into(), epoch: Epoch(1), phase: Phase::Steady, master, replicas: Vec::new() };
    let (_source, view) = watch::channel(Arc::new(view));
    let listener = Listener {
        name: "forward".to_owned(),
        addr: addr.into(),
        socket: None,
        rules: Rules { pool, share_from, ..Rules::default() },
        edge: Edge::default(),
        view,
    };
    let _proxy = Proxy::start(ProxyConfig { workers, max_clients: 100_000, clock }, vec![listener])?;
    println!("{addr} -> {master}");
    loop {
        std::thread::park();
    }
}

#[expect(clippy::disallowed_methods, reason = "an example outside of `host` needs a clock, too")]
fn clock() -> Instant {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    let passed = START.get_or_init(std::time::Instant::now).elapsed();
    Instant::from_nanos(u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX))
}
