//! A listener before one server that never changes: `before LISTEN SERVER session|shared`.
//!
//! For `cargo xtask suite redis`: tests of a server that count its clients, or read its replication stream, would see a node that
//! watches it. So this is the data path alone.

use std::error::Error;
use std::sync::{Arc, OnceLock};

use machine::Instant;
use proxy::{Listener, Proxy, ProxyConfig};
use session::{Pool, Rules};
use tokio::sync::watch;
use view::{Epoch, Phase, View};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, server, pool] = arguments.as_slice() else {
        return Err("usage: before LISTEN SERVER session|shared".into());
    };
    let pool = match pool.as_str() {
        "session" => Pool::Session,
        "shared" => Pool::Shared,
        other => return Err(format!("there is no pool '{other}'").into()),
    };
    let view = View {
        group: "one".into(),
        epoch: Epoch(1),
        phase: Phase::Steady,
        master: server.parse()?,
        replicas: Vec::new(),
    };
    let (_source, view) = watch::channel(Arc::new(view));
    let rules = Rules { pool, ..Rules::default() };
    let listener = Listener { name: "one".to_owned(), addr: listen.parse()?, socket: None, rules, view };
    let _proxy = Proxy::start(ProxyConfig { workers: None, max_clients: 20_000, clock }, vec![listener])?;
    loop {
        std::thread::park();
    }
}

#[expect(clippy::disallowed_methods, reason = "the program has `host::clock`, which the proxy must not need")]
fn clock() -> Instant {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    let passed = START.get_or_init(std::time::Instant::now).elapsed();
    Instant::from_nanos(u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX))
}
