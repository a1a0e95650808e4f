//! What kind of world a seed makes: how many, how far apart, how patient, and what may fail.

use std::net::SocketAddr;
use std::time::Duration;

use machine::Rng;

use crate::faults::Kind;

/// What kind of world it is. [`Options::from_seed`] draws one; a scenario writes one down.
#[derive(Clone, Debug)]
pub struct Options {
    /// Nodes: 1, 3 or 5.
    pub nodes: usize,
    /// Nodes that may join later.
    pub spares: usize,
    /// Stock Sentinels beside them.
    pub stocks: usize,
    /// Servers of each group: 2 to 5.
    pub groups: Vec<usize>,
    /// How many nodes must see a master down.
    pub quorum: u32,
    /// Silence of this length means down.
    pub down_after: Duration,
    /// A kernel's refusal that lasts this long means down.
    pub confirm: Duration,
    /// How long the end of a failover is waited for.
    pub failover_timeout: Duration,
    /// How long a switchover may hold writes.
    pub switchover_timeout: Duration,
    /// Whether an address of each node goes with the master, and leaves before a vote does.
    pub ties_address: bool,
    /// The longest latency of a path.
    pub latency: Duration,
    /// The longest time a disk takes.
    pub disk: Duration,
    /// How many millionths clocks may run apart from the world's time.
    pub drift_ppm: u64,
    /// How many of 1,000 wakes come up to a tenth of a second late.
    pub sluggish: u64,
    /// Of each server, in order; the lower the sooner promoted, 0 never.
    pub priorities: Vec<u32>,
    /// Clients of each node.
    pub clients: usize,
    /// The mean time between a client's bursts.
    pub pace: Duration,
    /// Whether servers keep each write on disk, or a snapshot now and then.
    pub append_only: bool,
    /// What may fail.
    pub faults: Vec<Kind>,
    /// The mean time between faults.
    pub fault_every: Duration,
    /// The longest that a fault lasts.
    pub fault_lasts: Duration,
    /// How long anything may fail; then it must converge.
    pub safety: Duration,
}

impl Options {
    /// A small, healthy, fast world in which nothing fails by itself: what scenarios start from.
    #[must_use]
    pub fn calm() -> Self {
        Self {
            nodes: 3,
            spares: 0,
            stocks: 0,
            groups: vec![3],
            quorum: 2,
            down_after: Duration::from_secs(1),
            confirm: Duration::from_millis(100),
            failover_timeout: Duration::from_secs(10),
            switchover_timeout: Duration::from_secs(2),
            ties_address: false,
            latency: Duration::from_millis(1),
            disk: Duration::from_millis(4),
            drift_ppm: 0,
            sluggish: 0,
            priorities: vec![100; 3],
            clients: 1,
            pace: Duration::from_millis(10),
            append_only: true,
            faults: Vec::new(),
            fault_every: Duration::from_secs(3),
            fault_lasts: Duration::from_secs(5),
            safety: Duration::ZERO,
        }
    }

    /// The options of a seed's world, and the seed of what happens in it.
    #[must_use]
    pub fn of_seed(seed: u64) -> (Self, u64) {
        let mut rng = Rng::new(seed);
        let options = Self::from_seed(&mut rng);
        (options, rng.next_u64())
    }

    /// What the seed says. Every seed allows only some kinds of fault (swarm testing): a kind that happens all the time
    /// hides what the others could reach.
    #[must_use]
    pub fn from_seed(rng: &mut Rng) -> Self {
        let is_mixed = rng.chance(250);
        let (nodes, stocks) = if is_mixed {
            pick(rng, &[(2, 1), (2, 1), (1, 2), (1, 2), (2, 3), (3, 2), (4, 1)])
        } else {
            (pick(rng, &[1, 3, 3, 3, 3, 3, 5, 5]), 0)
        };
        let groups: Vec<usize> = if !is_mixed && rng.chance(120) {
            vec![pick(rng, &[2, 3]), pick(rng, &[2, 3])]
        } else {
            vec![pick(rng, &[2, 2, 3, 3, 3, 4, 5])]
        };
        let servers: usize = groups.iter().sum();
        let majority = u32::try_from((nodes + stocks) / 2 + 1).unwrap_or(1);
        let quorum = if rng.chance(150) { 1 } else { majority };
        let planned_only = rng.chance(80);
        let faults = if planned_only { vec![Kind::Switchover] } else { draw_faults(rng) };
        let (latency, sluggish, drift_ppm) = if planned_only {
            (pick(rng, &[1, 2, 5]), 0, 0)
        } else {
            (pick(rng, &[1, 1, 2, 5, 40]), pick(rng, &[0, 0, 10, 100]), pick(rng, &[0, 100, 1_000]))
        };
        let priority = |rng: &mut Rng| pick(rng, &[100, 100, 100, 100, 100, 100, 50, 10, 0]);
        let may_join = faults.contains(&Kind::NodeJoins) || faults.contains(&Kind::NodeLeaves);
        let spares = if nodes >= 2 && may_join { pick(rng, &[0, 1, 1, 2]) } else { 0 };
        let is_ambush = faults.first() == Some(&Kind::Ambush);
        let options = Self {
            nodes,
            spares,
            stocks,
            quorum,
            down_after: ms(pick(rng, &[300, 500, 1_000, 1_000, 2_000, 5_000])).max(ms(latency * 12)),
            confirm: ms(pick(rng, &[20, 100, 100, 250])),
            failover_timeout: ms(pick(rng, &[3_000, 5_000, 10_000])),
            switchover_timeout: ms(pick(rng, &[500, 1_000, 2_000, 3_000])),
            latency: ms(latency),
            disk: ms(pick(rng, &[1, 5, 20, 50])),
            drift_ppm,
            sluggish,
            priorities: (0..servers).map(|_| priority(rng)).collect(),
            clients: pick(rng, &[1, 1, 2]),
            pace: ms(pick(rng, &[50, 100, 200])),
            append_only: rng.chance(600),
            fault_every: ms(if is_ambush { 1_500 } else { pick(rng, &[700, 1_500, 3_000, 6_000]) }),
            // Who sleeps at its work is to sleep until somebody else has done it.
            fault_lasts: ms(if is_ambush { 12_000 } else { pick(rng, &[1_000, 4_000, 12_000]) }),
            faults,
            safety: ms(if is_ambush { 40_000 } else { pick(rng, &[10_000, 20_000, 30_000]) }),
            groups,
            ties_address: false,
        };
        // Not drawn: what else a seed says stays the same.
        Self { ties_address: options.pace == Duration::from_millis(50), ..options }
    }

    /// How many servers there are.
    #[must_use]
    pub fn servers(&self) -> usize {
        self.groups.iter().sum()
    }

    /// How many watch and vote, of both kinds.
    #[must_use]
    pub const fn sentinels(&self) -> usize {
        self.nodes + self.stocks
    }

    /// How long all is left alone at first, so that everybody knows everybody. Stock asks a master for its replicas every ten
    /// seconds, and at the first time they have not come yet.
    #[must_use]
    pub const fn warm_up(&self) -> Duration {
        Duration::from_secs(if self.stocks > 0 { 13 } else { 5 })
    }

    /// Places for nodes, of whom some may join later.
    #[must_use]
    pub const fn node_places(&self) -> usize {
        self.nodes + self.spares
    }

    /// How many a node's file says that there are: who joins is told of all that may.
    #[must_use]
    pub const fn told(&self, node: usize) -> usize {
        self.sentinels() + if node < self.nodes { 0 } else { self.spares }
    }

    /// Whether nothing fails that is not asked for: then a switchover has no excuse (S1).
    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.faults == [Kind::Switchover]
    }

    /// L1's stated time: from the end of faults to one `Steady` view, a whole group and writes that succeed.
    #[must_use]
    pub fn convergence_bound(&self) -> Duration {
        // Attempts that began before the end have to end, then one has to succeed, then everyone has to follow.
        let ours = CONVERGENCE + 3 * (self.down_after + self.failover_timeout + self.switchover_timeout);
        // Stock trusts no clock for half a minute, and waits for twice its timeout between two attempts.
        let stock = if self.stocks > 0 { STOCK_TILT + 4 * self.failover_timeout } else { Duration::ZERO };
        ours + stock
    }

    /// Which group a server belongs to.
    #[must_use]
    pub fn group_of(&self, server: usize) -> usize {
        let mut first = 0;
        for (group, n) in self.groups.iter().enumerate() {
            first += n;
            if server < first {
                return group;
            }
        }
        self.groups.len()
    }

    /// The first server of a group: its master when the world begins.
    #[must_use]
    pub fn first_of(&self, group: usize) -> usize {
        self.groups[..group].iter().sum()
    }

    /// Where that server listens.
    #[must_use]
    pub fn first_master(&self, group: usize) -> SocketAddr {
        crate::place::Place::Server(self.first_of(group)).addr()
    }
}

/// The part of the stated time that no option of the world changes: connections that have to be made anew, answers that have
/// to be asked for again, copies that have to be made.
pub const CONVERGENCE: Duration = Duration::from_secs(20);

/// How long a stock Sentinel decides nothing after it was stopped.
const STOCK_TILT: Duration = Duration::from_secs(30);

/// What may fail in a world.
fn draw_faults(rng: &mut Rng) -> Vec<Kind> {
    use Kind::{
        Ambush, CutBoth, DiskSlow, HostGone, Isolate, NodeFreeze, NodeJoins, NodeKill, NodeLeaves, Script, ServerHang,
        ServerKill, Slow, Switchover,
    };
    match rng.below(100) {
        // A leader falls asleep at its work, and the others go on without it.
        0..10 => vec![Ambush, Ambush, ServerKill, ServerKill, HostGone],
        // Something breaks while writes are held.
        10..20 => vec![
            Switchover, Switchover, Switchover, Ambush, Ambush, ServerKill, ServerHang, CutBoth, Script, Slow, DiskSlow,
        ],
        // Whoever would be first to try is not there.
        20..28 => vec![NodeFreeze, NodeKill, Isolate, ServerKill, HostGone, NodeFreeze],
        // The group that votes changes while it has to.
        28..34 => vec![NodeJoins, NodeLeaves, ServerKill, CutBoth, NodeKill],
        _ => {
            let mut faults: Vec<Kind> = vec![Switchover];
            faults.extend(Kind::ALL.into_iter().filter(|k| *k != Switchover && rng.chance(350)));
            // Two in three have none: an operator's order would end many a fault too soon.
            if faults.len() > 1 && rng.chance(600) {
                faults.remove(0);
            }
            faults
        }
    }
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// One of several; repeat one to make it likelier.
pub(crate) fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[usize::try_from(rng.below(from.len() as u64)).unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_belongs_to_the_group_it_was_counted_in() {
        let options = Options { groups: vec![2, 3], ..Options::calm() };
        let groups: Vec<usize> = (0..5).map(|i| options.group_of(i)).collect();
        assert_eq!(groups, [0, 0, 1, 1, 1]);
        assert_eq!(options.first_of(1), 2);
    }
}
