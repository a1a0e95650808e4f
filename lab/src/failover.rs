//! How long is there no writable master, and what is lost? One fault on three hosts, measured from outside, by clients' books.
//!
//! ```text
//!   clients:  two direct writers ── ask the Sentinels, or the nodes ──> the master
//!             two writers ── through the nodes' listeners ────────────> the master     (where there are listeners)
//!   a, b, c:  a probe each, beside its Redis: would it take a write at this moment?
//! ```
//!
//! Nothing here asks the program under test when something happened, except for the steps of its own record: they tell where the time
//! went, and no figure is taken from them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Hosts;
use crate::host::{CLIENTS, GROUP, HOSTS};
use crate::load::{Book, Load};
use crate::monitor::Monitor;
use crate::program::{said, wall_ms};

/// What happens to the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9`; started again when the group has another master.
    Kill,
    /// `SIGSTOP`; `SIGCONT` when the group has another master.
    Hang,
    /// Its host's cable is pulled, and plugged in again when the others have another master.
    Cut,
    /// Somebody asks for another master.
    Planned,
    /// `kill -9`, and started again after 100 ms, without its data.
    Restart,
}

impl Fault {
    /// All there are, in the order of reports.
    pub const ALL: [Self; 5] = [Self::Kill, Self::Hang, Self::Cut, Self::Planned, Self::Restart];

    /// As one types it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Hang => "hang",
            Self::Cut => "cut",
            Self::Planned => "planned",
            Self::Restart => "restart",
        }
    }
}

/// Three hosts whose master is harmed, once or several times.
#[derive(Debug)]
pub struct Bench {
    hosts: Hosts,
    monitor: Monitor,
    measured: u32,
}

impl Bench {
    /// Starts the hosts. `load` is this crate's program of that name.
    ///
    /// # Panics
    /// As [`Hosts::start`].
    #[must_use]
    pub fn start(monitor: Monitor, load: &Path) -> Self {
        Self { hosts: Hosts::start_with(monitor, load, ["10s"; 3]), monitor, measured: 0 }
    }

    /// One fault, from a healthy group to a healthy group; everything that clients saw of it. Times are milliseconds from the fault.
    ///
    /// # Panics
    /// When the group does not heal within [`PATIENCE`](crate::host::PATIENCE).
    pub fn measure(&mut self, fault: Fault) -> Value {
        self.measured += 1;
        let old = self.hosts.wait("all is well", Hosts::agreed);
        let host = HOSTS.into_iter().find(|host| self.hosts.redis_at(host) == old).expect("the master is on a host");
        let clients = self.clients(host);
        let probes = HOSTS.map(|on| self.start_load(on, "probe", &[("probe", self.hosts.redis_at(on))]));
        // Who is cut off with the master may go on writing there; not measured with the others.
        let minority = (fault == Fault::Cut).then(|| self.start_load(host, "minority", &self.writers(&[host])));
        thread::sleep(QUIET);

        let began = wall_ms();
        self.strike(fault, host);
        let struck = wall_ms();
        if fault == Fault::Restart {
            thread::sleep(Duration::from_millis(RESTART_AFTER_MS));
            self.hosts.start_redis(host);
            // Whether there will be another master is the question.
            thread::sleep(AFTERMATH);
        } else {
            clients.wait_for_move(old);
        }
        clients.wait_for_writes_after(wall_ms());
        thread::sleep(AFTERMATH);
        match fault {
            Fault::Kill => self.hosts.start_redis(host),
            Fault::Hang => self.hosts.signal_redis(host, "CONT"),
            Fault::Cut => self.hosts.network.plug(host),
            Fault::Planned | Fault::Restart => {}
        }
        let master = self.hosts.wait("all is well again", Hosts::agreed);
        let healed = wall_ms();
        clients.wait_for_writes_after(healed);
        let view = View { hosts: &self.hosts, began, old, master };
        let probes = probes.map(Load::stop).concat();
        let books = clients.stop();
        let minority = minority.map(Load::stop).unwrap_or_default();
        let all_books = [books.as_slice(), &minority].concat();
        let switches = all_books.iter().flat_map(|book| &book.switches).filter(|(at, _)| *at > began);
        let told = switches.clone().map(|(at, _)| *at).reduce(f64::min);
        let failovers: BTreeSet<&str> = switches.map(|(_, text)| text.as_str()).collect();
        json!({
            "system": self.monitor.name(), "fault": fault.name(), "moved": master != old,
            "direct": view.figures(&books, "direct"), "proxy": view.figures(&books, "write"),
            "minority": view.figures(&minority, "direct"), "minority_proxy": view.figures(&minority, "write"),
            "strike_took_ms": struck - began, "told_ms": told.map(|at| at - began), "failovers": failovers.len(),
            "writable_ms": view.writable_after(&probes), "two_masters_ms": view.two_masters(&probes),
            "healed_ms": healed - began, "steps": self.steps(began),
        })
    }

    fn strike(&mut self, fault: Fault, host: &str) {
        match fault {
            Fault::Kill | Fault::Restart => self.hosts.kill_redis(host),
            Fault::Hang => self.hosts.signal_redis(host, "STOP"),
            Fault::Cut => self.hosts.network.unplug(host),
            Fault::Planned if self.monitor.has_control() => {
                let moved = self.hosts.control(&["switchover", GROUP], "a");
                assert!(moved.status.success(), "{}", said(&moved));
            }
            Fault::Planned => {
                let asked = self.hosts.ask(self.hosts.sentinel_at("a"), &["SENTINEL", "FAILOVER", GROUP]);
                assert_eq!(asked, Some(json!("OK")), "a Sentinel takes the order");
            }
        }
    }

    /// Two of each kind, on the host of their own.
    fn clients(&self, master_on: &str) -> Load {
        let others: Vec<&str> = HOSTS.into_iter().filter(|host| *host != master_on).collect();
        self.start_load(CLIENTS, "clients", &self.writers(&others))
    }

    /// For each of these hosts a direct writer, which asks all Sentinels, and one through the host's listener.
    fn writers(&self, hosts: &[&str]) -> Vec<(&'static str, SocketAddr)> {
        let direct = hosts.iter().map(|_| ("direct", self.hosts.sentinel_at("a")));
        let proxied = hosts.iter().map(|host| ("write", self.hosts.master_listener(host)));
        direct.chain(proxied.filter(|_| self.monitor.has_listeners())).collect()
    }

    fn start_load(&self, on: &str, name: &str, clients: &[(&str, SocketAddr)]) -> Load {
        let name = format!("bench:{}:{name}:{on}", self.measured);
        let sentinels = HOSTS.map(|host| self.hosts.sentinel_at(host).to_string()).join(",");
        let addr = |kind: &str, addr: &SocketAddr| if kind == "direct" { sentinels.clone() } else { addr.to_string() };
        let mut words = vec![format!("pace={PACE_MS}")];
        words.extend(clients.iter().map(|(kind, at)| format!("{kind}={}", addr(kind, at))));
        Load::start(&self.hosts.network, on, self.hosts.load_program(), &name, &words)
    }

    /// The steps of our own records since the fault, by whoever led.
    fn steps(&self, began: f64) -> Value {
        let mut all = Vec::new();
        for host in HOSTS.iter().filter(|_| self.monitor.has_control()) {
            let Some(status) = self.hosts.status(host) else { continue };
            let zero = self.hosts.zero_of(host);
            for record in status.led() {
                let steps = status.steps(record, zero);
                // A record can begin with evidence of the very moment of the fault, by a clock that is read differently.
                if steps.first().is_some_and(|(_, at)| *at > began - 5.0) {
                    let steps: Vec<_> = steps.iter().map(|(what, at)| json!([what, at - began])).collect();
                    all.push(json!({ "host": host, "cause": record["cause"], "steps": steps }));
                }
            }
        }
        Value::from(all)
    }
}

/// What the figures are relative to.
struct View<'a> {
    hosts: &'a Hosts,
    began: f64,
    old: SocketAddr,
    /// In the end.
    master: SocketAddr,
}

impl View<'_> {
    /// What the writers of one kind saw; null if there were none.
    fn figures(&self, books: &[Book], kind: &str) -> Value {
        let books: Vec<Book> = books.iter().filter(|book| book.kind == kind).cloned().collect();
        if books.is_empty() {
            return Value::Null;
        }
        let audit = self.hosts.audit(self.master, &books);
        let pauses: Vec<(f64, f64)> = books.iter().filter_map(|book| self.pause(book)).collect();
        let resumed = pauses.iter().map(|(_, to)| to - self.began);
        let quiet_since = self.began - 1e3 * QUIET.as_secs_f64();
        let is_quiet = |pause: &(f64, f64)| pause.0 >= quiet_since && pause.1 <= self.began;
        let quiet = books.iter().filter_map(|book| longest_pause(book, is_quiet));
        let since = |list: &[(f64, String)]| list.iter().filter(|(at, _)| *at >= self.began).count();
        let errors: usize = books.iter().map(|book| since(&book.refused) + since(&book.closed)).sum();
        let texts: BTreeSet<&str> = books
            .iter()
            .flat_map(|book| book.refused.iter().chain(&book.closed))
            .map(|(_, text)| text.as_str())
            .collect();
        json!({
            "first_ms": resumed.clone().reduce(f64::min), "last_ms": resumed.reduce(f64::max),
            "pause_ms": pauses.iter().map(|(from, to)| to - from).reduce(f64::max),
            "quiet_pause_ms": quiet.map(|(from, to)| to - from).reduce(f64::max),
            "acknowledged": audit.acknowledged, "lost": audit.missing.len(), "twice": audit.twice,
            "lost_from_ms": audit.missing.iter().copied().reduce(f64::min).map(|at| at - self.began),
            "lost_to_ms": audit.missing.iter().copied().reduce(f64::max).map(|at| at - self.began),
            "errors": errors, "error_texts": texts,
        })
    }

    /// The last acknowledged write before the fault was felt, and the first one after it. A direct writer knows where each was
    /// acknowledged; for one behind a listener it is the longest pause.
    fn pause(&self, book: &Book) -> Option<(f64, f64)> {
        let new = self.master.to_string();
        let moved = book.stints.windows(2).find(|two| two[1].0 == new && two[1].1 > self.began);
        if let Some([before, after]) = moved.filter(|_| self.master != self.old) {
            return Some((before.2, after.1));
        }
        let until = self.began + FELT_WITHIN_MS;
        longest_pause(book, |pause| pause.0 < until && pause.1 > self.began)
    }

    /// From the fault until the new master would take a write.
    fn writable_after(&self, probes: &[Book]) -> Option<f64> {
        let after = |(from, to): &(f64, f64)| (*to > self.began).then_some(from.max(self.began) - self.began);
        self.writable(probes, self.master).iter().find_map(after)
    }

    /// How long the old master and the new one would both take writes.
    fn two_masters(&self, probes: &[Book]) -> f64 {
        if self.master == self.old {
            return 0.0;
        }
        let (old, new) = (self.writable(probes, self.old), self.writable(probes, self.master));
        let both = |a: &(f64, f64), b: &(f64, f64)| (a.1.min(b.1) - a.0.max(b.0)).max(0.0);
        old.iter().flat_map(|a| new.iter().map(move |b| both(a, b))).sum()
    }

    fn writable<'b>(&self, probes: &'b [Book], server: SocketAddr) -> &'b [(f64, f64)] {
        probes.iter().find(|book| book.addr == server.to_string()).map_or(&[], |book| &book.writable)
    }
}

/// The longest time between two acknowledged writes, of those times that count.
fn longest_pause(book: &Book, counts: impl Fn(&(f64, f64)) -> bool) -> Option<(f64, f64)> {
    let pauses = book.acknowledged.windows(2).map(|two| (two[0].1, two[1].1));
    pauses.filter(counts).max_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)))
}

/// Before the fault: the longest pause of this time is what the machine itself makes clients wait.
const QUIET: Duration = Duration::from_secs(1);
/// After it: longer than `down-after`, so that a second failover would be seen.
const AFTERMATH: Duration = Duration::from_millis(1_500);
/// A supervisor that starts what ended.
const RESTART_AFTER_MS: u64 = 100;
/// Between two writes of a client: what the aims leave to measure is tens of milliseconds.
const PACE_MS: u32 = 2;
/// A pause that begins later than this has another reason: a busy machine, or a server that forks for the master that comes back.
const FELT_WITHIN_MS: f64 = 100.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pause_is_looked_for_where_it_may_be() {
        let acknowledged = [0.0, 50.0, 52.0, 54.0, 90.0, 92.0, 200.0].into_iter().enumerate();
        let acknowledged = acknowledged.map(|(n, at)| (n as u64, at)).collect();
        let book = Book { acknowledged, ..Book::default() };
        assert_eq!(longest_pause(&book, |_| true), Some((92.0, 200.0)));
        assert_eq!(longest_pause(&book, |pause| pause.1 <= 90.0), Some((0.0, 50.0)));
        assert_eq!(longest_pause(&book, |pause| pause.0 >= 300.0), None);
    }
}
