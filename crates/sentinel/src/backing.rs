//! Does a majority still name our master? Whoever cannot know that may be cut off, and another server may be master by now: an address that
//! follows the master must not be here.
//!
//! ```text
//!   asked ──> named     asked ──> named     asked ─ ─ (cut)
//!     ├─────── backed ────│──────────┤
//!                         ├─────── backed ─────────────┤  the view is Unbacked, and the address leaves
//! ```
//!
//! A node backs our master from the moment of our *question* on, not from that of its answer: however late an answer comes, nothing that was decided
//! after the question counts as known. It follows:
//!
//! - Cut off, the address leaves before the others can count its master as silent for `down-after`.
//! - Healed, it does not come back before a majority has answered what was asked since. Hellos would not do: what a path kept back arrives first.
//! - Any two majorities share a node, which names one master at a time: two hosts whose views are Steady with different masters are so for
//!   [`lasts`] at most, and where they can ask that node, until its next answer.
//!
//! The rule is for the address alone: a listener serves on, as it does in groups without one. Who loses two hosts of three keeps a master that answers.
//!
//! A group with fewer than three voters has no majority without all of them: there nothing is asked, and the view is what this node sees.

use alloc::string::String;
use core::time::Duration;

use machine::{Instant, soonest};

use crate::config::GroupConfig;
use crate::core::Core;
use crate::event::{Ask, Timer};
use crate::group::Group;
use crate::peer::Peer;

impl Group {
    /// Whether a majority names our master; also where nobody has to.
    pub(crate) fn has_backing(&self, now: Instant) -> bool {
        !self.needs_backing() || 1 + self.backers(now).count() >= self.majority()
    }

    /// Asks each node that can be reached whom it takes for master, where that is due.
    pub(crate) fn ask_for_backing(&mut self, core: &mut Core) {
        if !self.needs_backing() {
            return;
        }
        let (now, ask) = (core.now, Ask::WhoIsMaster { group: self.name.clone() });
        let next = now + period(&self.rules, core.watched);
        for peer in self.peers.values_mut().filter(|peer| peer.backing_at <= now) {
            // One at a time: what is asked while an answer is missing would be answered after that one.
            if let Some(link) = peer.line.up().filter(|link| !link.awaits(|a| *a == ask)) {
                link.send(core, ask.clone());
                peer.backing_at = next;
            }
        }
    }

    /// A node that names another is asked again soon: its news, or ours, is on its way.
    pub(crate) fn on_named(&mut self, now: Instant, peer: &view::RunId) {
        let master = self.master;
        if let Some(peer) = self.peers.get_mut(peer).filter(|peer| peer.named.is_some_and(|n| n.master != master)) {
            peer.backing_at = peer.backing_at.min(now + SOON);
        }
    }

    /// There is another master: whether others know of it is asked at once.
    pub(crate) fn seek_backing(&mut self, now: Instant) {
        for peer in self.peers.values_mut() {
            peer.backing_at = now;
        }
    }

    /// When somebody is to be asked, or has not answered for too long.
    pub(crate) fn backing_deadline(&self, now: Instant) -> Option<(Instant, Timer)> {
        if !self.needs_backing() {
            return None;
        }
        let may_ask = |p: &&Peer| p.line.is_up() && !p.line.awaits(|a| matches!(a, Ask::WhoIsMaster { .. }));
        let asks = self.peers.values().filter(may_ask).map(|p| p.backing_at);
        let ends = self.backers(now);
        asks.chain(ends).map(|at| Some((at, Timer::Backing))).fold(None, soonest)
    }

    /// Why there is none.
    pub(crate) fn explain_backing(&self, now: Instant) -> String {
        let (master, need, others) = (self.master, self.majority(), self.peers.len());
        let (answer, name) = (self.peers.values().filter(|p| !p.is_down()).count(), self.backers(now).count());
        alloc::format!(
            "Fewer than {need} nodes, this one included, say at present that {master} is the master (of {others} others {answer} answer, {name} \
             name it): another may have been promoted behind our back. Requests go to it, and no address that follows the master is here."
        )
    }

    fn needs_backing(&self) -> bool {
        self.rules.ties_address && self.voters() >= WORTH_ASKING
    }

    /// Until when each of those backs our master who do.
    fn backers(&self, now: Instant) -> impl Iterator<Item = Instant> {
        let (master, lasts) = (self.master, lasts(&self.rules));
        let named = self.peers.values().filter_map(|p| p.named);
        named.filter(move |n| n.master == master).map(move |n| n.asked + lasts).filter(move |until| now < *until)
    }
}

/// For how long an answer counts, from its question on. Shorter than the silence that means down: whoever is cut off knows it before the others do
/// something about it, with time left for the address to leave.
fn lasts(rules: &GroupConfig) -> Duration {
    rules.down_after * 4 / 5
}

/// How often each is asked: a few lost answers are no loss of backing. Seldom enough where many groups are watched.
fn period(rules: &GroupConfig, groups: usize) -> Duration {
    (lasts(rules) / 8).max(rules.watch_period(groups))
}

/// Two nodes have a majority only together: whoever misses the other could never hold anything.
const WORTH_ASKING: usize = 3;

/// A round trip, and a decision that is passed on, take less.
const SOON: Duration = Duration::from_millis(15);
