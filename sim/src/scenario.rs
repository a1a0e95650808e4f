//! How a world is moved by hand: rare cases are written down, on the same engine as the random ones.

use std::time::Duration;

use sentinel::{Reply, Request};
use view::{Phase, View};

use crate::place::Place;
use crate::redis::{Finds, Life};
use crate::world::{World, group_name};

impl World {
    /// A world of three nodes and three servers that have found each other, with writes under way.
    #[must_use]
    pub fn warm(options: crate::Options, seed: u64) -> Self {
        let mut world = Self::new(options, seed, crate::Keep::Last(4_000), None);
        world.run_for(world.options.warm_up());
        world
    }

    /// `kill -9` of a server.
    pub fn crash_server(&mut self, i: usize) {
        self.kill(Place::Server(i), Life::Dead);
    }

    /// Starts a dead server, with what its disk has or empty.
    pub fn start_server(&mut self, i: usize, with_data: bool) {
        self.start(Place::Server(i), if with_data { Finds::Data } else { Finds::Nothing });
    }

    /// `SIGSTOP` of a server.
    pub fn stop_server(&mut self, i: usize) {
        self.freeze(Place::Server(i));
    }

    /// `SIGCONT` of a server.
    pub fn continue_server(&mut self, i: usize) {
        self.thaw(Place::Server(i));
    }

    /// `kill -9` of a node.
    pub fn crash_node(&mut self, i: usize) {
        self.kill(Place::Node(i), Life::Dead);
    }

    /// Starts a dead node with what its disk has.
    pub fn start_node(&mut self, i: usize) {
        self.start(Place::Node(i), Finds::Data);
    }

    /// `SIGSTOP` of a node.
    pub fn stop_node(&mut self, i: usize) {
        self.freeze(Place::Node(i));
    }

    /// `SIGCONT` of a node.
    pub fn continue_node(&mut self, i: usize) {
        self.thaw(Place::Node(i));
    }

    /// A node's clock leaps ahead.
    pub fn leap(&mut self, node: usize, by: Duration) {
        self.nodes[node].leap(&mut self.ground, by);
    }

    /// `SIGSTOP` of a stock Sentinel.
    pub fn stop_stock(&mut self, i: usize) {
        self.freeze(Place::Stock(i));
    }

    /// `SIGCONT` of a stock Sentinel.
    pub fn continue_stock(&mut self, i: usize) {
        self.thaw(Place::Stock(i));
    }

    /// The server that a stock Sentinel names as master.
    #[must_use]
    pub fn stock_names(&self, i: usize) -> Option<usize> {
        match Place::at(self.stocks[i].current_master()) {
            Some(Place::Server(server)) => Some(server),
            _ => None,
        }
    }

    /// Cuts a place off from all others.
    pub fn isolate(&mut self, place: Place) {
        for other in self.places() {
            self.cut(place, other);
            self.cut(other, place);
        }
    }

    /// Makes all paths whole and fast and all disks work.
    pub fn heal_everything(&mut self) {
        self.heal_all();
    }

    /// An operator asks a node for another master.
    pub fn switchover(&mut self, node: usize, to: Option<usize>) {
        let to = to.map(|i| Place::Server(i).addr());
        self.nodes[node].command(&mut self.ground, Request::Switchover { group: group_name(0), to });
    }

    /// An operator makes a server a replica of another, past everybody who has a say: `REPLICAOF`.
    pub fn make_replica(&mut self, server: usize, of: usize) {
        self.servers[server].set_master(&mut self.ground, Place::Server(of).addr());
    }

    /// What the operator of a node was told so far.
    #[must_use]
    pub fn told(&self, node: usize) -> &[Reply] {
        &self.nodes[node].told
    }

    /// The view that a node publishes of the first group.
    #[must_use]
    pub fn view(&self, node: usize) -> Option<&View> {
        self.nodes[node].views.get(&group_name(0))
    }

    /// The server that all running nodes take for a `Steady` master.
    #[must_use]
    pub fn master(&self) -> Option<usize> {
        let mut views = self.nodes.iter().filter(|n| n.is_up()).map(|n| n.views.get(&group_name(0)));
        let first = views.next()??;
        let same = |v: Option<&View>| v.is_some_and(|v| (v.master, v.phase) == (first.master, Phase::Steady));
        if first.phase != Phase::Steady || !views.all(same) {
            return None;
        }
        match Place::at(first.master) {
            Some(Place::Server(i)) => Some(i),
            _ => None,
        }
    }

    /// Whom a server follows: `None` if nobody, or nowhere.
    #[must_use]
    pub fn follows(&self, server: usize) -> Option<usize> {
        match self.servers[server].master.and_then(Place::at) {
            Some(Place::Server(i)) => Some(i),
            _ => None,
        }
    }

    /// Whether a server is sealed.
    #[must_use]
    pub fn sealed(&self, server: usize) -> bool {
        self.servers[server].is_sealed()
    }

    /// The node that leads a failover at this moment.
    #[must_use]
    pub fn leader(&self) -> Option<usize> {
        let leads = |n: &&crate::node::Node| {
            n.report().is_some_and(|r| {
                r.records
                    .last()
                    .is_some_and(|r| r.outcome.is_none() && r.when(sentinel::record::Moment::Elected).is_some())
            })
        };
        self.nodes.iter().find(leads).map(|n| n.index)
    }

    /// How often something was reached (`coverage`).
    #[must_use]
    pub fn count(&self, what: &str) -> u64 {
        self.ground.coverage.count(what)
    }

    /// Runs until `done`, at most `limit`: how long it took.
    ///
    /// # Panics
    /// When it does not happen in time, or something is violated: with the history.
    pub fn run_till(&mut self, limit: Duration, what: &str, done: impl Fn(&Self) -> bool) -> Duration {
        let start = self.ground.now;
        while !done(self) {
            let stuck = self.ground.now.since(start) >= limit || !self.step(start + limit);
            if let Some(v) = &self.ground.judge.violation {
                panic!("{}\n{v:?}", self.ground.history.text());
            }
            assert!(!stuck, "{}\nnot within {limit:?}: {what}", self.ground.history.text());
        }
        self.ground.now.since(start)
    }

    /// Ends the scenario: everything is repaired, and must converge.
    ///
    /// # Panics
    /// When it does not, or something was violated: with the history.
    pub fn finish(&mut self) -> Duration {
        self.let_all_converge();
        while self.ground.judge.violation.is_none() && self.converged_after().is_none() {
            self.run_for(Duration::from_millis(250));
        }
        if let Some(v) = &self.ground.judge.violation {
            panic!("{}\n{v:?}", self.ground.history.text());
        }
        self.converged_after().unwrap_or_default()
    }
}
