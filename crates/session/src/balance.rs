//! Which of several replicas for a client that comes?
//!
//! What is known of the servers is one worker's: what its own sessions have there, and how fast they were answered. A session
//! that has a server stays with it as long as it may be read; so this is asked when one needs a connection. And it is known how many
//! they are: company is of use to many only.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::net::SocketAddr;
use core::time::Duration;

use view::View;

use crate::rules::{Role, Rules};

/// How clients are spread over replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// In turn, each as often as its weight says.
    RoundRobin,
    /// Where the fewest clients are, for its weight.
    LeastConnections,
    /// Where answers came fastest of late, for its weight. One in sixteen goes in turn: else a server that was slow once
    /// would never be asked again.
    Latency,
}

/// What a worker knows of the clients and servers of one listener.
#[derive(Debug, Default)]
pub struct Loads {
    known: RefCell<Known>,
    /// Sessions that there are.
    clients: Cell<usize>,
    /// They were many when somebody looked last.
    are_many: Cell<bool>,
    /// What each may keep while all together keep too much, in bytes.
    ration: Cell<Option<usize>>,
}

#[derive(Debug, Default)]
struct Known {
    servers: Vec<Load>,
    /// How often somebody was sent somewhere.
    choices: u64,
}

#[derive(Clone, Copy, Debug)]
struct Load {
    addr: SocketAddr,
    sessions: u32,
    /// Of late; `None`: nobody knows.
    latency: Option<Duration>,
    /// How far it is behind with its turns, by weight.
    behind: i64,
}

/// With [`Balance::Latency`], one choice in so many measures anew.
const EXPLORE: u64 = 16;
/// Servers that are known. Those that come at the bound are taken for the last one: they are used, and badly balanced.
const MAX_SERVERS: usize = 256;

impl Known {
    /// The place of a server among those known. Places do not change: a session remembers one in two bytes.
    fn place(&mut self, addr: SocketAddr) -> usize {
        let known = self.servers.iter().position(|s| s.addr == addr);
        known.unwrap_or_else(|| {
            if self.servers.len() < MAX_SERVERS {
                self.servers.push(Load { addr, sessions: 0, latency: None, behind: 0 });
            }
            self.servers.len() - 1
        })
    }

    fn cost(&self, by: Balance, place: usize, weight: u16) -> u128 {
        let amount = match by {
            Balance::RoundRobin => 0,
            Balance::LeastConnections => u128::from(self.servers[place].sessions),
            Balance::Latency if self.choices.is_multiple_of(EXPLORE) => 0,
            Balance::Latency => self.servers[place].latency.map_or(0, |l| l.as_nanos()),
        };
        (amount << 16) / u128::from(weight.max(1))
    }
}

impl Loads {
    /// All sessions together keep too much of their clients' requests, as the driver knows: each may keep so many bytes, until `None` is said.
    pub fn ration(&self, bytes: Option<usize>) {
        self.ration.set(bytes);
    }

    /// Whether there are so many clients that they have connections together. Until they are half as many: whoever comes and goes does
    /// not make the others move each time.
    pub(crate) fn are_many(&self, rules: &Rules) -> bool {
        let (clients, from) = (self.clients.get(), rules.share_from);
        self.are_many.set(clients >= from || (self.are_many.get() && clients > from / 2));
        self.are_many.get()
    }

    /// One of `candidates` (with their weights, none 0), and not `avoid` if there is any other.
    fn choose(
        &self,
        by: Balance,
        avoid: Option<u16>,
        candidates: impl Iterator<Item = (SocketAddr, u16)> + Clone,
    ) -> Option<SocketAddr> {
        let mut known = self.known.borrow_mut();
        known.choices += 1;
        let only = candidates.clone().nth(1).is_none();
        let mut best: Option<(u128, i64, usize)> = None;
        let mut total = 0;
        for (addr, weight) in candidates {
            let place = known.place(addr);
            if !only && avoid.is_some_and(|p| usize::from(p) == place) {
                continue;
            }
            total += i64::from(weight);
            known.servers[place].behind += i64::from(weight);
            let (cost, behind) = (known.cost(by, place, weight), known.servers[place].behind);
            if best.is_none_or(|(least, most, _)| cost < least || (cost == least && behind > most)) {
                best = Some((cost, behind, place));
            }
        }
        let (.., place) = best?;
        known.servers[place].behind -= total;
        Some(known.servers[place].addr)
    }
}

/// Where one client is, and which server it would rather not have. Counted among its server's sessions until it leaves.
#[derive(Debug)]
pub(crate) struct Stay {
    loads: Rc<Loads>,
    at: Option<u16>,
    last: Option<u16>,
    /// It failed last: another one is preferred.
    avoid: Option<u16>,
}

impl Stay {
    pub(crate) fn new(loads: Rc<Loads>) -> Self {
        loads.clients.update(|clients| clients + 1);
        Self { loads, at: None, last: None, avoid: None }
    }

    /// How many bytes of requests it may keep at this moment.
    pub(crate) fn may_keep(&self, rules: &Rules) -> usize {
        self.loads.ration.get().map_or(rules.hold_bytes, |ration| ration.min(rules.hold_bytes))
    }

    /// Whether it is one of many.
    pub(crate) fn has_company(&self, rules: &Rules) -> bool {
        self.loads.are_many(rules)
    }

    /// Where to go by this view.
    pub(crate) fn choose(&self, rules: &Rules, view: &View) -> Option<SocketAddr> {
        if rules.role == Role::Master {
            return view.writable();
        }
        let readable = view.readable(rules.max_lag).map(|r| (r.addr, r.weight));
        let fallback = || if rules.fallback_to_master { view.writable() } else { None };
        self.loads.choose(rules.balance, self.avoid, readable).or_else(fallback)
    }

    pub(crate) fn go(&mut self, addr: SocketAddr) {
        self.leave();
        let mut known = self.loads.known.borrow_mut();
        let place = known.place(addr);
        known.servers[place].sessions += 1;
        self.at = u16::try_from(place).ok();
        self.last = self.at;
    }

    pub(crate) fn leave(&mut self) {
        if let Some(place) = self.at.take()
            && let Some(server) = self.loads.known.borrow_mut().servers.get_mut(usize::from(place))
        {
            server.sessions = server.sessions.saturating_sub(1);
        }
    }

    /// Where it was last did not serve it.
    pub(crate) const fn on_failed(&mut self) {
        self.avoid = self.last;
    }

    pub(crate) const fn on_answer(&mut self) {
        self.avoid = None;
    }

    /// A request that had nothing before it was answered after so long.
    pub(crate) fn on_latency(&self, took: Duration) {
        if let Some(place) = self.at
            && let Some(server) = self.loads.known.borrow_mut().servers.get_mut(usize::from(place))
        {
            server.latency = Some(server.latency.map_or(took, |old| (old * 7 + took) / 8));
        }
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.leave();
        self.loads.clients.update(|clients| clients - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(n: u16) -> SocketAddr {
        ([10, 0, 0, 1], n).into()
    }

    fn choices(loads: &Loads, by: Balance, weights: &[(u16, u16)], n: usize) -> Vec<u16> {
        let all = || weights.iter().map(|(port, weight)| (addr(*port), *weight));
        (0..n).map(|_| loads.choose(by, None, all()).unwrap().port()).collect()
    }

    fn at(loads: &Rc<Loads>, n: u16) -> Stay {
        let mut stay = Stay::new(loads.clone());
        stay.go(addr(n));
        stay
    }

    #[test]
    fn in_turn_each_by_its_weight_and_well_mixed() {
        let loads = Loads::default();
        assert_eq!(choices(&loads, Balance::RoundRobin, &[(1, 100), (2, 100), (3, 100)], 6), [1, 2, 3, 1, 2, 3]);
        let loads = Loads::default();
        assert_eq!(choices(&loads, Balance::RoundRobin, &[(1, 100), (2, 50)], 6), [1, 2, 1, 1, 2, 1]);
    }

    #[test]
    fn where_the_fewest_are_for_its_weight() {
        let loads = Rc::new(Loads::default());
        let weights = [(1, 200), (2, 100)];
        let mut stays = Vec::new();
        for _ in 0..30 {
            stays.push(at(&loads, choices(&loads, Balance::LeastConnections, &weights, 1)[0]));
        }
        let sessions = || loads.known.borrow().servers.iter().map(|s| s.sessions).collect::<Vec<_>>();
        assert_eq!(sessions(), [20, 10]);
        stays.retain(|stay| stay.at == Some(1));
        assert_eq!(sessions(), [0, 10], "who goes is not counted any more");
        // In turn, by their weights, the other one would have two of these.
        assert_eq!(choices(&loads, Balance::LeastConnections, &weights, 5), [1; 5]);
    }

    #[test]
    fn where_answers_come_fastest_but_for_a_look_around() {
        let loads = Rc::new(Loads::default());
        let both = [(1, 100), (2, 100)];
        at(&loads, 1).on_latency(Duration::from_micros(300));
        at(&loads, 2).on_latency(Duration::from_micros(100));
        let chosen = choices(&loads, Balance::Latency, &both, 64);
        assert!((60..=63).contains(&chosen.iter().filter(|n| **n == 2).count()), "{chosen:?}");
        for _ in 0..20 {
            at(&loads, 2).on_latency(Duration::from_micros(900));
        }
        assert_eq!(choices(&loads, Balance::Latency, &both, 3), [1, 1, 1]);
    }

    #[test]
    fn so_many_are_many_until_they_are_half_as_many() {
        let many = |from, counts: &[usize]| -> Vec<bool> {
            let (rules, loads) = (Rules { share_from: from, ..Rules::default() }, Rc::new(Loads::default()));
            let mut stays = Vec::new();
            let grows = |n: &usize| {
                stays.resize_with(*n, || Stay::new(loads.clone()));
                loads.are_many(&rules)
            };
            counts.iter().map(grows).collect()
        };
        assert_eq!(
            many(5, &[1, 4, 5, 6, 3, 4, 2, 3, 4, 5]),
            [false, false, true, true, true, true, false, false, false, true]
        );
        assert_eq!(many(1, &[1, 0, 1]), [true, false, true]);
        assert_eq!(many(2, &[1, 2, 1, 2]), [false, true, false, true]);
    }

    #[test]
    fn who_failed_is_avoided_while_there_is_another() {
        let loads = Rc::new(Loads::default());
        let all = [(addr(1), 100), (addr(2), 100)];
        let mut stay = at(&loads, 1);
        stay.on_failed();
        for _ in 0..5 {
            assert_eq!(loads.choose(Balance::RoundRobin, stay.avoid, all.into_iter()), Some(addr(2)));
        }
        assert_eq!(loads.choose(Balance::RoundRobin, stay.avoid, [(addr(1), 1)].into_iter()), Some(addr(1)));
        assert_eq!(loads.choose(Balance::RoundRobin, None, core::iter::empty()), None);
    }
}
