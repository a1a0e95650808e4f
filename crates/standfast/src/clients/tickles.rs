//! How do clients learn that the host of their connection is another one?
//!
//! In bursts, beside everything else: an address loop that sent thousands of packets would be late with its own. Nobody who is served here is
//! meant; whoever is still served elsewhere takes no harm.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use host::HostRefused;
use host::clock::now;
use host::netlink::Netlink;
use host::netlink::connections::{Connection, Connections};
use host::tickle::Tickler;
use machine::Instant;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::own::MAX_SERVED;
use super::{MAX_ORDERS, Shared};

/// One round.
#[derive(Debug)]
pub(super) struct Errand {
    pub(super) address: String,
    pub(super) ips: Vec<IpAddr>,
}

/// One after the other, for ever; those that come while one is under way are done together.
pub(super) async fn run(shared: Arc<Shared>, mut errands: mpsc::Receiver<Errand>) {
    // When something was last said about an address: rounds follow each other.
    let mut said = BTreeMap::<String, Instant>::new();
    while let Some(first) = errands.recv().await {
        let more = std::iter::from_fn(|| errands.try_recv().ok()).take(MAX_ORDERS);
        let mut waiting: Vec<Errand> = std::iter::once(first).chain(more).collect();
        let Ok(mut kernel) = Netlink::open() else { continue };
        // Clients' answers must be let in: a client that gave one in vain gives no other one for half a second.
        let until = now() + UNHEARD;
        while !waiting.is_empty() {
            let is_heard = |errand: &mut Errand| errand.ips.iter().all(|ip| kernel.is_heard(*ip)) || now() >= until;
            let heard: Vec<Errand> = waiting.extract_if(.., is_heard).collect();
            if heard.is_empty() {
                sleep(PAUSE).await;
            } else {
                go(&shared, &mut kernel, heard, &mut said).await;
            }
        }
    }
}

/// Does these.
async fn go(shared: &Shared, kernel: &mut Netlink, errands: Vec<Errand>, said: &mut BTreeMap<String, Instant>) {
    let ips: Vec<IpAddr> = errands.iter().flat_map(|errand| errand.ips.clone()).collect();
    let mut whom = shared.store().waiting(now(), &ips);
    let before = whom.len();
    // Whom this host serves there. What the kernel does not tell is nobody: no harm is done to one who is meant without need.
    let own =
        if whom.is_empty() { None } else { Connections::open().and_then(|mut own| own.at(&ips, MAX_SERVED)).ok() };
    for connection in own.into_iter().flat_map(BTreeMap::into_values).flat_map(|listed| listed.connections) {
        whom.remove(&connection);
    }
    said.retain(|_, when| now().since(*when) < QUIET);
    let whom: Vec<Connection> = whom.into_iter().collect();
    if whom.is_empty() {
        let addresses: Vec<&str> = errands.iter().map(|errand| errand.address.as_str()).collect();
        return tracing::debug!(?addresses, before, "nobody is to be told that they were taken over");
    }
    let outcome = tickle(shared, kernel, &whom).await;
    for Errand { address, ips } in errands {
        let clients = whom.iter().filter(|connection| ips.contains(&connection.at.ip())).count();
        if clients > 0 {
            tell(&address, clients, &outcome, !said.contains_key(&address));
            said.insert(address, now());
        }
    }
}

/// Of one takeover only the first round is for people.
fn tell(address: &str, clients: usize, outcome: &Result<usize, HostRefused>, is_first: bool) {
    match outcome {
        Ok(0) if is_first => tracing::info!(address, clients, "clients of others are told that it was taken over"),
        Ok(0) => tracing::debug!(address, clients, "clients of others are told again"),
        Ok(failed) => tracing::debug!(address, clients, failed, "not all clients of others could be told"),
        Err(e) if is_first => tracing::warn!(
            address,
            clients,
            "clients of others cannot be told that it was taken over; they learn of it when they next send something: {e}"
        ),
        Err(e) => tracing::debug!(address, "{e}"),
    }
}

/// How many could not be told.
async fn tickle(shared: &Shared, kernel: &mut Netlink, whom: &[Connection]) -> Result<usize, HostRefused> {
    let tickler = Tickler::open()?;
    let (mut failed, mut first) = (0, None);
    for burst in whom.chunks(BURST) {
        // Who gave the address back a moment ago would have clients reset by a host that serves them.
        let here: BTreeSet<IpAddr> = burst.iter().map(|connection| connection.at.ip()).collect();
        let here: BTreeSet<IpAddr> = here.into_iter().filter(|ip| kernel.is_heard(*ip)).collect();
        for Connection { at, client } in burst.iter().filter(|connection| here.contains(&connection.at.ip())) {
            match send(&tickler, *at, *client).await {
                Ok(()) => drop(shared.counters.tickles.fetch_add(1, Ordering::Relaxed)),
                Err(e) => {
                    shared.counters.not_sent.fetch_add(1, Ordering::Relaxed);
                    failed += 1;
                    first.get_or_insert(e);
                }
            }
        }
        sleep(PAUSE).await;
    }
    match first {
        Some(e) if failed == whom.len() => Err(e),
        _ => Ok(failed),
    }
}

/// A queue of the kernel that is full empties itself within a moment.
async fn send(tickler: &Tickler, at: std::net::SocketAddr, client: std::net::SocketAddr) -> Result<(), HostRefused> {
    let mut tries = 0;
    loop {
        match tickler.tickle(at, client) {
            Err(e) if e.source.kind() == io::ErrorKind::WouldBlock && tries < TRIES => {
                tries += 1;
                sleep(PAUSE).await;
            }
            done => return done,
        }
    }
}

/// Packets that leave at once, and the pause after them: 100,000 a second. A switch takes them, and 20,000 clients have heard in 0.2 s.
const BURST: usize = 200;
const PAUSE: Duration = Duration::from_millis(2);
/// An address that has come is heard after a fraction of a millisecond, or after some hundred on a host that does much to its networks at the
/// same time. One that has gone meanwhile never is.
const UNHEARD: Duration = Duration::from_millis(300);
/// The next round comes anyway.
const TRIES: u32 = 20;
/// Rounds of one takeover come within this of each other: only the first has a line.
const QUIET: Duration = Duration::from_secs(30);
