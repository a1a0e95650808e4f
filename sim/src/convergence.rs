//! Does it converge? Faults stop for a majority of nodes and for servers with data; the rest stays broken for ever.

use std::collections::BTreeSet;
use std::time::Duration;

use machine::Instant;
use view::{Epoch, Phase, View};

use crate::ground::{Happening, Who};
use crate::invariants::Invariant;
use crate::node::{Member, Node};
use crate::options::pick;
use crate::place::{Place, name_of};
use crate::redis::{Finds, Life, Redis};
use crate::world::{World, group_name};

/// Who must converge, and by when.
pub(crate) struct Core {
    places: BTreeSet<Place>,
    since: Instant,
    until: Instant,
    /// Since when all is well without a break.
    well_since: Option<Instant>,
}

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(250);

/// All must be well for this long: a state that falls apart again was none.
const STABLE: Duration = Duration::from_secs(3);

impl World {
    /// Faults stop for a core; whoever is outside of it stays broken.
    pub fn let_it_converge(&mut self) {
        let places = if self.options.is_strict() { self.all_there_are() } else { self.choose_core() };
        self.demand_convergence(places);
    }

    /// Faults stop for everyone.
    pub(crate) fn let_all_converge(&mut self) {
        let all = self.all_there_are();
        self.demand_convergence(all);
    }

    fn all_there_are(&self) -> BTreeSet<Place> {
        let is_there = |p: &Place| !matches!(p, Place::Node(i) if self.nodes[*i].member != Member::Here);
        self.places().into_iter().filter(is_there).collect()
    }

    fn demand_convergence(&mut self, places: BTreeSet<Place>) {
        self.ground.note(Who::World, || format!("=== faults stop for {places:?}"));
        let until = self.ground.now + self.options.convergence_bound();
        self.heal_all();
        for place in self.places() {
            if places.contains(&place) {
                self.repair(place);
            } else {
                self.break_for_ever(place, &places);
            }
        }
        self.core = Some(Core { places, since: self.ground.now, until, well_since: None });
        self.ground.after(LOOK, Happening::Look);
    }

    /// Whether a node has met the others of a group.
    fn is_settled(&self, node: usize, group: usize) -> bool {
        node < self.options.nodes || self.ground.judge.is_settled(node, &group_name(group))
    }

    /// Whether a node joined when the server that its file names was about to lose its right, and so has met nobody of the group.
    /// It waits until an operator tells it of another, as with stock.
    fn is_astray(&self, node: &Node, group: usize) -> bool {
        let follows = node.knows(group).map(|(_, master)| master);
        !self.is_settled(node.index, group) && follows != self.agreed(group).map(|(_, master)| master)
    }

    /// How long convergence took, once all has been well for long enough.
    #[must_use]
    pub fn converged_after(&self) -> Option<Duration> {
        let core = self.core.as_ref()?;
        let well = core.well_since?;
        (self.ground.now.since(well) >= STABLE).then(|| well.since(core.since))
    }

    fn choose_core(&mut self) -> BTreeSet<Place> {
        let needed = self.votes_needed();
        let stocks = (0..self.stocks.len()).map(Place::Stock);
        // Who joined and has met nobody yet may never do so: the only server that it was told of may be gone.
        let groups = || 0..self.options.groups.len();
        let is_settled = |i: usize| groups().all(|group| self.is_settled(i, group));
        let here = self.nodes.iter().filter(|n| n.member == Member::Here && is_settled(n.index)).map(|n| n.place());
        let mut voters: Vec<Place> = here.chain(stocks).collect();
        if voters.len() < needed {
            return self.all_there_are();
        }
        let rng = &mut self.ground.rng;
        let is_ours = |p: &&Place| matches!(p, Place::Node(_));
        while voters.len() > needed && rng.chance(500) {
            let out = voters[usize::try_from(rng.below(voters.len() as u64)).unwrap_or_default()];
            // One of ours stays, or there is no client that could write.
            if !is_ours(&&out) || voters.iter().filter(is_ours).count() > 1 {
                voters.retain(|p| *p != out);
            }
        }
        let mut places: BTreeSet<Place> = voters.iter().copied().collect();
        for group in 0..self.options.groups.len() {
            let useful: Vec<Place> = self.useful_servers(group, &voters);
            let rng = &mut self.ground.rng;
            if useful.is_empty() {
                // Nobody who remains has the group's data: an operator has to decide, and no machine may.
                self.ground.coverage.mark("convergence: nobody has the data");
                continue;
            }
            places.insert(pick(rng, &useful));
            // A promotion that nobody has published yet may still become the decision: its server has to be there.
            let agreed = self.agreed_by(group, &voters);
            if self.was_reset {
                // Who was just told to forget the replicas can only learn of them from the master.
                places.extend(agreed);
            }
            let promoted = |s: &&Redis| s.group == group && s.master.is_none() && Some(s.place) != agreed;
            places.extend(self.servers.iter().filter(promoted).map(|s| s.place));
            // Its leader may have stood still since, and the server be a replica again: the leader will tell it nevertheless.
            places.extend(self.ordered_by(group, &voters));
            let rng = &mut self.ground.rng;
            for server in self.servers.iter().filter(|s| s.group == group) {
                if rng.chance(650) {
                    places.insert(server.place);
                }
            }
        }
        places
    }

    /// Servers of which one is enough to go on with: the agreed master, or one that has its data and may be promoted. A
    /// replica that has not heard its master for long is rightly refused: nobody knows what it missed.
    fn useful_servers(&self, group: usize, voters: &[Place]) -> Vec<Place> {
        let agreed = self.agreed_by(group, voters);
        let is_fresh = |s: &Redis| s.following.is_up && s.master.and_then(Place::at) == agreed;
        let useful = |s: &&Redis| {
            let is_fit = s.is_up() && s.settings.priority > 0 && s.has_data() && is_fresh(s);
            s.group == group && (Some(s.place) == agreed && s.has_data() || is_fit)
        };
        self.servers.iter().filter(useful).map(|s| s.place).collect()
    }

    /// The master of the newest decision that some voters know.
    fn agreed_by(&self, group: usize, voters: &[Place]) -> Option<Place> {
        voters.iter().filter_map(|v| self.known_by(*v, group)).max().map(|(_, master)| master)
    }

    /// Servers that some voters have ordered to be master, and have not told anybody about.
    fn ordered_by(&self, group: usize, voters: &[Place]) -> Vec<Place> {
        let own = self.nodes.iter().filter(|n| voters.contains(&n.place())).filter_map(Node::report);
        let open = own.flat_map(|r| r.records).filter(|r| r.group == group_name(group) && r.outcome.is_none());
        open.filter_map(|r| Place::at(r.to?)).collect()
    }

    /// The newest decision that a voter knows.
    fn known_by(&self, voter: Place, group: usize) -> Option<(Epoch, Place)> {
        match voter {
            Place::Node(i) => self.nodes[i].knows(group),
            Place::Stock(i) => {
                let (epoch, master) = self.stocks[i].knows();
                Some((epoch, Place::at(master)?))
            }
            Place::Server(_) => None,
        }
    }

    /// The newest decision that anybody knows.
    pub(crate) fn agreed(&self, group: usize) -> Option<(Epoch, Place)> {
        self.places().into_iter().filter_map(|p| self.known_by(p, group)).max()
    }

    /// All paths are whole and fast, all disks work.
    pub(crate) fn heal_all(&mut self) {
        for from in self.places() {
            for to in self.places() {
                while from != to && self.ground.net.is_cut(from, to) {
                    self.heal(from, to);
                }
                self.ground.net.path_mut(from, to).slow = 0;
            }
        }
        for server in &mut self.servers {
            server.end_script(&mut self.ground);
        }
        for node in &mut self.nodes {
            node.disk.failing = 0;
            node.disk.slow = 0;
        }
    }

    fn repair(&mut self, place: Place) {
        match self.life(place) {
            Life::Up => {}
            Life::Frozen => self.thaw(place),
            Life::Dead | Life::HostGone => self.start(place, Finds::Data),
        }
    }

    fn break_for_ever(&mut self, place: Place, core: &BTreeSet<Place>) {
        let how = self.ground.rng.below(4);
        match (how, self.life(place)) {
            (0, Life::Up | Life::Frozen) => self.kill(place, Life::Dead),
            (1, Life::Up | Life::Frozen) => self.kill(place, Life::HostGone),
            (2, Life::Up) => self.freeze(place),
            _ => {
                for &other in core {
                    self.cut(place, other);
                    self.cut(other, place);
                }
            }
        }
    }

    /// Looks whether the core has converged.
    pub(crate) fn look(&mut self) {
        let unsettled = self.unsettled();
        let now = self.ground.now;
        let Some(core) = &mut self.core else { return };
        match unsettled {
            None => {
                core.well_since.get_or_insert(now);
            }
            Some((invariant, why)) => {
                core.well_since = None;
                if now >= core.until {
                    let waited = now.since(core.since);
                    self.ground.violate(invariant, format!("after {waited:?} without faults: {why}"));
                    return;
                }
            }
        }
        self.ground.after(LOOK, Happening::Look);
    }

    /// Why the core has not converged; `None`: it has.
    fn unsettled(&self) -> Option<(Invariant, String)> {
        let core = self.core.as_ref()?;
        let within = |place: &Place| core.places.contains(place);
        for group in 0..self.options.groups.len() {
            if !self.servers.iter().any(|s| s.group == group && within(&s.place)) {
                continue;
            }
            let name = group_name(group);
            let mut agreed: Option<&View> = None;
            let is_judged = |n: &Node| within(&n.place()) && !self.is_astray(n, group);
            for node in self.nodes.iter().filter(|n| is_judged(n)) {
                let Some(view) = node.views.get(&name) else {
                    return Some((Invariant::L1, format!("{} has no view of {name}", node.place())));
                };
                if view.phase != Phase::Steady {
                    let explain = node.explain(&name);
                    return Some((Invariant::L1, format!("{name} is {:?} on {}: {explain}", view.phase, node.place())));
                }
                let first = *agreed.get_or_insert(view);
                if (first.master, first.epoch) != (view.master, view.epoch) {
                    return Some((Invariant::L1, format!("nodes disagree on {name}: {first:?}, {view:?}")));
                }
            }
            let (master, epoch) = agreed.map(|v| (v.master, v.epoch))?;
            if let Some(why) = self.stocks_unsettled(master, epoch, &within) {
                return Some((Invariant::L1, why));
            }
            if let Some(why) = self.servers_unsettled(group, master, &within) {
                return Some(why);
            }
            for client in self.clients.iter().filter(|c| c.group == group && is_judged(&self.nodes[c.node])) {
                if client.last_ack.is_none_or(|at| at <= core.since) {
                    let now = self.nodes[client.node].clock.read(self.ground.now);
                    let why =
                        format!("client{} has no write done; its session: {}", client.index + 1, client.explain(now));
                    return Some((Invariant::L1, why));
                }
            }
        }
        None
    }

    fn stocks_unsettled(
        &self,
        master: std::net::SocketAddr,
        epoch: Epoch,
        within: &impl Fn(&Place) -> bool,
    ) -> Option<String> {
        for stock in self.stocks.iter().filter(|s| within(&s.place())) {
            if let Some(why) = stock.unsettled() {
                return Some(format!("{} is not at rest: {why}", stock.place()));
            }
            if stock.knows() != (epoch, master) {
                let (at, other) = stock.knows();
                let ours = name_of(master);
                return Some(format!(
                    "{} knows {} of epoch {at}, ours {ours} of {epoch}",
                    stock.place(),
                    name_of(other)
                ));
            }
        }
        None
    }

    /// Whether an operator made everybody forget a server that the master did not know at that moment: then it is the
    /// operator's, as with stock.
    fn is_forgotten(&self, server: &Redis) -> bool {
        let knows = |r: &sentinel::report::Report| {
            r.groups.iter().any(|g| g.servers.iter().any(|s| s.addr == server.place.addr()))
        };
        let others = self.nodes.iter().filter(|n| !self.is_astray(n, server.group));
        self.was_reset && !others.filter_map(Node::report).any(|r| knows(&r))
    }

    fn servers_unsettled(
        &self,
        group: usize,
        master: std::net::SocketAddr,
        within: &impl Fn(&Place) -> bool,
    ) -> Option<(Invariant, String)> {
        let of_core = || self.servers.iter().filter(|s| s.group == group && within(&s.place));
        if !of_core().any(|s| s.place.addr() == master) {
            return Some((Invariant::L1, format!("the agreed master {} is out of reach", name_of(master))));
        }
        for server in of_core().filter(|s| !self.is_forgotten(s)) {
            let is_agreed = server.place.addr() == master;
            let wrong = if is_agreed {
                server.master.is_some().then_some(Invariant::L1)
            } else if server.is_sealed() || server.master.is_none() {
                Some(Invariant::M6)
            } else if server.master != Some(master) || !server.following.is_up {
                Some(Invariant::L1)
            } else {
                None
            };
            if let Some(invariant) = wrong {
                let why = format!("{} is {}, with {} agreed", server.place, server.describe(), name_of(master));
                return Some((invariant, why));
            }
        }
        None
    }
}
