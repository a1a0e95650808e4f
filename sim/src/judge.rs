//! Who knows what must not be: it sees every durable state, reply, view and promotion, and remembers across restarts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use machine::Instant;
use sentinel::{CallId, Reply, State};
use view::{Epoch, GroupName, RunId, View};

use crate::ground::Ground;
use crate::invariants::Invariant;
use crate::options::Options;
use crate::place::{Place, name_of};
use crate::redis::WriteId;
use crate::wiring::Attempt;

mod choice;
mod members;
mod tilt;

pub(crate) use choice::Order;

/// What was broken, when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When.
    pub at: Instant,
    /// Which invariant.
    pub invariant: Invariant,
    /// How it shows, for people.
    pub what: String,
}

/// What a check says: all is well, or what is not.
pub(crate) type Checked = Result<(), (Invariant, String)>;

/// Who looks at everything and knows what must not be.
#[derive(Default)]
pub struct Judge {
    /// The first violation: what follows from it is of no interest.
    pub violation: Option<Violation>,
    ids: Vec<RunId>,
    stocks: Vec<RunId>,
    /// Epochs in which a stock Sentinel was elected by votes of a later one.
    waived: BTreeSet<(GroupName, Epoch)>,
    stock_votes: BTreeMap<(Place, GroupName, Epoch), RunId>,
    groups: BTreeMap<SocketAddr, GroupName>,
    priorities: BTreeMap<SocketAddr, u32>,
    /// Every vote that was ever durable.
    votes: BTreeMap<(usize, GroupName, Epoch), RunId>,
    durable_epochs: BTreeMap<(usize, GroupName), Epoch>,
    /// Every vote that ever left.
    told: BTreeMap<(usize, GroupName, Epoch), RunId>,
    calls: BTreeMap<(usize, CallId), Question>,
    leaders: BTreeMap<(GroupName, Epoch), Place>,
    /// Of this life of the node.
    published: BTreeMap<(usize, GroupName), Epoch>,
    masters: BTreeMap<(GroupName, Epoch), SocketAddr>,
    /// Writes that were acknowledged to a client, with their group.
    pub acked: BTreeSet<(usize, u64)>,
    /// Nothing fails by itself in this world: an error that a client sees has no excuse (S1).
    pub(crate) is_strict: bool,
    /// Errors that clients saw.
    pub client_errors: u64,
    writes: WriteId,
    tilt: tilt::Tilt,
    choice: choice::Choice,
    members: members::Members,
}

/// Somebody asks for a vote.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) group: GroupName,
    pub(crate) candidate: RunId,
    pub(crate) epoch: Epoch,
}

impl Judge {
    pub(crate) fn new(options: &Options) -> Self {
        let choice = choice::Choice::new(options.down_after);
        Self { is_strict: options.is_strict(), choice, ..Self::default() }
    }

    /// A number that no request had before.
    pub(crate) const fn new_write(&mut self) -> WriteId {
        self.writes += 1;
        self.writes
    }

    pub(crate) fn know_node(&mut self, id: RunId) {
        self.ids.push(id);
    }

    pub(crate) fn know_stock(&mut self, id: RunId) {
        self.stocks.push(id);
    }

    /// Whether stock Sentinels are there.
    pub(crate) const fn is_mixed(&self) -> bool {
        !self.stocks.is_empty()
    }

    /// Whether an id is one of our nodes'.
    pub(crate) fn is_ours(&self, id: &RunId) -> bool {
        self.ids.contains(id)
    }

    /// A stock Sentinel gave its vote.
    pub(crate) fn stock_voted(&mut self, who: Place, group: &GroupName, epoch: Epoch, leader: &RunId) {
        self.stock_votes.insert((who, group.clone(), epoch), leader.clone());
    }

    /// Stock broke its own rule of one leader an epoch: nobody is judged by that one.
    pub(crate) fn waive(&mut self, group: &GroupName, epoch: Epoch) {
        self.waived.insert((group.clone(), epoch));
    }

    /// How many stock Sentinels voted for an attempt.
    fn stock_votes(&self, attempt: &Attempt) -> usize {
        let for_it = |((_, group, epoch), leader): &(&(Place, GroupName, Epoch), &RunId)| {
            (group, epoch, *leader) == (&attempt.group, &attempt.epoch, &attempt.leader)
        };
        self.stock_votes.iter().filter(for_it).count()
    }

    pub(crate) fn know_server(&mut self, addr: SocketAddr, group: GroupName, priority: u32) {
        self.groups.insert(addr, group);
        self.priorities.insert(addr, priority);
    }

    pub(crate) fn group_of(&self, addr: SocketAddr) -> Option<GroupName> {
        self.groups.get(&addr).cloned()
    }

    pub(crate) fn violate(&mut self, at: Instant, invariant: Invariant, what: String) {
        self.violation.get_or_insert(Violation { at, invariant, what });
    }

    pub(crate) fn node_started(&mut self, node: usize, state: &State) {
        self.remember_members(node, state);
        self.published.retain(|(n, _), _| *n != node);
        self.forget_choice(node);
        self.calls.retain(|(n, _), _| *n != node);
        self.forget_tilt(node);
    }

    /// V3 over disks; and what V2 and M3 are judged by.
    pub(crate) fn became_durable(&mut self, node: usize, state: &State) -> Checked {
        for (group, state) in &state.groups {
            let before = self.durable_epochs.entry((node, group.clone())).or_default();
            if state.config_epoch < *before {
                let why =
                    format!("node{}: durable config epoch fell from {before} to {}", node + 1, state.config_epoch);
                return Err((Invariant::V3, why));
            }
            *before = state.config_epoch;
            if let Some(vote) = &state.vote
                && let Some(leader) = &vote.leader
            {
                self.votes.insert((node, group.clone(), vote.epoch), leader.clone());
            }
        }
        Ok(())
    }

    pub(crate) fn asked_for_vote(&mut self, call: CallId, node: usize, question: Question) {
        self.calls.insert((node, call), question);
    }

    /// What a node was asked, and has not answered.
    pub(crate) fn question(&self, node: usize, call: CallId) -> Option<&Question> {
        self.calls.get(&(node, call))
    }

    /// V2.
    pub(crate) fn replied(&mut self, node: usize, call: CallId, reply: &Reply) -> Checked {
        self.answered_about_master(node, call, reply)?;
        let group = self.calls.remove(&(node, call)).map(|q| q.group);
        let (Some(group), Reply::Vote { leader: Some(leader), epoch, .. }) = (group, reply) else {
            return Ok(());
        };
        // A vote of a later epoch on the disk is as good: it forbids a second one in this epoch just as well.
        let of_later = (node, group.clone(), epoch.next())..=(node, group.clone(), Epoch(u64::MAX));
        let is_forbidden = self.votes.range(of_later).next().is_some();
        let key = (node, group, *epoch);
        let durable = self.votes.get(&key);
        if durable.map_or(!is_forbidden, |durable| durable != leader) {
            let why = format!(
                "node{} tells its vote of epoch {epoch} for {leader:?}, while its disk says {durable:?}",
                node + 1
            );
            return Err((Invariant::V2, why));
        }
        let told = self.told.entry(key).or_insert_with(|| leader.clone());
        if told != leader {
            let why = format!("node{} voted in epoch {epoch} for {told:?} and for {leader:?}", node + 1);
            return Err((Invariant::V2, why));
        }
        Ok(())
    }

    /// V1.
    pub(crate) fn elected(&mut self, who: Place, group: &GroupName, epoch: Epoch) -> Checked {
        if self.waived.contains(&(group.clone(), epoch)) {
            return Ok(());
        }
        let leader = *self.leaders.entry((group.clone(), epoch)).or_insert(who);
        if leader != who {
            let why = format!("{leader} and {who} both lead {group} in epoch {epoch}");
            return Err((Invariant::V1, why));
        }
        Ok(())
    }

    /// V3 and V4.
    pub(crate) fn published(&mut self, node: usize, view: &View) -> Checked {
        let before = self.published.entry((node, view.group.clone())).or_default();
        if view.epoch < *before {
            let why = format!("node{}: the view's epoch fell from {before} to {}", node + 1, view.epoch);
            return Err((Invariant::V3, why));
        }
        *before = view.epoch;
        self.decided(Place::Node(node), &view.group, view.epoch, view.master)
    }

    /// V4: for whoever follows a decision, of both kinds.
    pub(crate) fn decided(&mut self, who: Place, group: &GroupName, epoch: Epoch, master: SocketAddr) -> Checked {
        // Epoch 0 is no decision but what files say, and who joins later is told of a later master.
        let by_file = epoch == Epoch(0) && self.may_be_joined();
        if by_file || self.waived.contains(&(group.clone(), epoch)) {
            return Ok(());
        }
        let known = *self.masters.entry((group.clone(), epoch)).or_insert(master);
        if known != master {
            let (known, master) = (name_of(known), name_of(master));
            return Err((Invariant::V4, format!("epoch {epoch} has two masters: {known} and (on {who}) {master}")));
        }
        Ok(())
    }

    /// M2 to M5, at the moment in which a leader orders a promotion.
    pub(crate) fn promoting(&mut self, now: Instant, node: usize, order: &Order) -> Checked {
        let (attempt, server) = (&order.attempt, order.server);
        self.elected(Place::Node(node), &attempt.group, attempt.epoch)?;
        let who = format!("node{} promotes {} in epoch {}", node + 1, name_of(server), attempt.epoch);
        let for_us = |n: &usize| {
            let key = (*n, attempt.group.clone(), attempt.epoch);
            // What was told was durable in its moment, or V2 would have said so.
            [self.votes.get(&key), self.told.get(&key)].contains(&Some(&attempt.leader))
        };
        let votes = (0..self.ids.len()).filter(for_us).count() + self.stock_votes(attempt);
        let voters = self.voters_of(node, attempt);
        if votes * 2 <= voters {
            return Err((Invariant::M3, format!("{who} with {votes} durable votes of {voters}")));
        }
        // Stock promises nothing: where it has a voice, a newer leader may always be there.
        let newer = |(group, epoch): &&(GroupName, Epoch)| *group == attempt.group && *epoch > attempt.epoch;
        if let Some((_, epoch)) = self.leaders.keys().find(newer).filter(|_| self.stocks.is_empty()) {
            return Err((Invariant::M4, format!("{who}, but epoch {epoch} has a leader already")));
        }
        if self.priorities.get(&server) == Some(&0) {
            return Err((Invariant::M2, format!("{who}, whose priority is 0")));
        }
        self.judge_choice(now, node, &who, order)
    }
}

impl Ground {
    pub(crate) fn check(&mut self, checked: Checked) {
        if let Err((invariant, what)) = checked {
            self.violate(invariant, what);
        }
    }
}
