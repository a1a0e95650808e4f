//! What has been done, in numbers.
//!
//! Each worker has counters of its own for each listener and is the only one that writes them: a load and a store, no locked
//! instruction. Whoever asks adds them up; sums of different counters may be a moment apart.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use session::{Stats, Why};

use crate::refused::Refused;

/// One worker's numbers for one listener.
#[derive(Debug)]
pub(crate) struct Counters {
    sessions: [AtomicU64; Stats::COUNT],
    closed: [AtomicU64; Why::ALL.len()],
    clients: AtomicU64,
    clients_total: AtomicU64,
    held: AtomicU64,
    refused: [AtomicU64; Refused::ALL.len()],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            sessions: [const { AtomicU64::new(0) }; Stats::COUNT],
            closed: [const { AtomicU64::new(0) }; Why::ALL.len()],
            clients: AtomicU64::new(0),
            clients_total: AtomicU64::new(0),
            held: AtomicU64::new(0),
            refused: [const { AtomicU64::new(0) }; Refused::ALL.len()],
        }
    }
}

/// Right only because one thread writes: that is what makes it cheap.
fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(n), Relaxed);
}

fn subtract(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Relaxed).wrapping_sub(n), Relaxed);
}

impl Counters {
    pub(crate) fn client_came(&self) {
        add(&self.clients, 1);
        add(&self.clients_total, 1);
    }

    pub(crate) fn client_went(&self) {
        subtract(&self.clients, 1);
    }

    pub(crate) fn closed(&self, why: Why) {
        if let Some(i) = Why::ALL.iter().position(|w| *w == why) {
            add(&self.closed[i], 1);
        }
    }

    pub(crate) fn held(&self, before: u64, after: u64) {
        add(&self.held, after.wrapping_sub(before));
    }

    pub(crate) fn refused(&self, why: Refused) {
        if let Some(i) = Refused::ALL.iter().position(|w| *w == why) {
            add(&self.refused[i], 1);
        }
    }

    pub(crate) fn session(&self, stats: &Stats) {
        for (counter, n) in self.sessions.iter().zip(stats.values()) {
            if n != 0 {
                add(counter, n);
            }
        }
    }

    pub(crate) fn add_to(&self, sum: &mut ListenerStats) {
        let mut values = sum.sessions.values();
        for (value, counter) in values.iter_mut().zip(&self.sessions) {
            *value = value.wrapping_add(counter.load(Relaxed));
        }
        sum.sessions = Stats::from_values(values);
        for (value, counter) in sum.closed.iter_mut().zip(&self.closed) {
            value.1 += counter.load(Relaxed);
        }
        sum.clients += self.clients.load(Relaxed);
        sum.clients_total += self.clients_total.load(Relaxed);
        sum.held += self.held.load(Relaxed);
        for (value, counter) in sum.refused.iter_mut().zip(&self.refused) {
            value.1 += counter.load(Relaxed);
        }
    }
}

/// What one listener has done and is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerStats {
    /// Its name, as configured.
    pub name: String,
    /// Clients at this moment.
    pub clients: u64,
    /// Clients that ever came in.
    pub clients_total: u64,
    /// Clients that were not let in, by reason.
    pub refused: [(Refused, u64); Refused::ALL.len()],
    /// Requests that wait for a server at this moment.
    pub held: u64,
    /// What their sessions did.
    pub sessions: Stats,
    /// Closed sessions by reason.
    pub closed: [(Why, u64); Why::ALL.len()],
}

impl ListenerStats {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            clients: 0,
            clients_total: 0,
            refused: Refused::ALL.map(|why| (why, 0)),
            held: 0,
            sessions: Stats::default(),
            closed: Why::ALL.map(|why| (why, 0)),
        }
    }

    /// How many clients were not let in for this reason.
    #[must_use]
    pub fn refused(&self, why: Refused) -> u64 {
        self.refused.iter().find(|(w, _)| *w == why).map_or(0, |(_, n)| *n)
    }

    /// How many sessions were closed for this reason.
    #[must_use]
    pub fn closed(&self, why: Why) -> u64 {
        self.closed.iter().find(|(w, _)| *w == why).map_or(0, |(_, n)| *n)
    }
}

/// What the whole proxy has done and is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyStats {
    /// By listener, in the order in which they were given.
    pub listeners: Vec<ListenerStats>,
    /// Clients of each worker at this moment.
    pub workers: Vec<usize>,
    /// Bytes that clients' requests take on each worker at this moment. Bounded: [`crate::budget::MOST`].
    pub kept: Vec<usize>,
}
