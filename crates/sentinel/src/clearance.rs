//! Has the address that goes with the master left this host? Where clients reach the master at an address of its host, that address must be
//! gone before another server is master, or they meet a replica there.
//!
//! ```text
//!   vote given ─> view: Switching ─> Clear ─ ─ address leaves ─ ─> Cleared ─> the vote is saved ─> it is said
//! ```
//!
//! The vote, a leader's own included, waits in front of the disk, where it waits anyway (V2). Whoever asked for it promotes nobody without
//! it, so the demotion comes after; and who leads a planned switchover hears every node that answers, also where a majority would do. The wait has a bound: an address that cannot be moved must not keep a dead master in its place.

use alloc::collections::BTreeMap;
use core::time::Duration;

use machine::Instant;
use serde::{Deserialize, Serialize};
use view::{Epoch, GroupName};

use crate::core::Core;
use crate::event::{Action, Level, Timer};
use crate::group::Group;
use crate::peer::Peer;

/// The addresses that are to leave.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Clearances {
    issued: u64,
    open: BTreeMap<GroupName, Clearing>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Clearing {
    nr: u64,
    until: Instant,
    ordered: bool,
}

impl Clearances {
    /// Whether what was decided has to wait.
    pub(crate) fn is_awaited(&self) -> bool {
        !self.open.is_empty()
    }

    /// When that ends, whatever is heard.
    pub(crate) fn deadline(&self) -> Option<(Instant, Timer)> {
        self.open.values().map(|clearing| (clearing.until, Timer::Clear)).min_by_key(|(at, _)| *at)
    }

    /// The address of this group has left, or was not here. `false`: nobody waits for that.
    pub(crate) fn on_cleared(&mut self, group: &GroupName, nr: u64) -> bool {
        let awaited = self.open.get(group).is_some_and(|clearing| clearing.nr == nr);
        awaited && self.open.remove(group).is_some()
    }
}

impl Core {
    /// A vote was given: nothing of it is said before the group's address has left. Ordered once the view says that it must.
    pub(crate) fn await_clearance(&mut self, group: &GroupName) {
        self.clearances.issued += 1;
        let clearing = Clearing { nr: self.clearances.issued, until: self.now + CLEAR_WAIT, ordered: false };
        self.clearances.open.insert(group.clone(), clearing);
    }

    /// The view has been told by now.
    pub(crate) fn order_clearance(&mut self, group: &GroupName) {
        let Some(clearing) = self.clearances.open.get_mut(group).filter(|clearing| !clearing.ordered) else { return };
        clearing.ordered = true;
        let nr = clearing.nr;
        self.act(Action::Clear { group: group.clone(), nr });
    }

    /// Goes on without word from addresses that took too long.
    pub(crate) fn give_up_clearances(&mut self) {
        let now = self.now;
        while let Some((group, _)) = self.clearances.open.iter().find(|(_, clearing)| clearing.until <= now) {
            let group = group.clone();
            self.clearances.open.remove(&group);
            let text =
                alloc::format!("no word for {CLEAR_WAIT:?} that it has left; its clients may meet a replica there");
            self.announce(Level::Notice, Some(&group), "+address-late", text);
        }
    }
}

impl Group {
    /// A planned switchover that could go on: whose vote is not needed may have the address. So every node that can be asked is heard first, also
    /// one whose connection has just broken: another process may be taking its place. Who has not answered by `until` at the latest is not waited for.
    pub(crate) fn waits_for_all(&mut self, core: &Core, epoch: Epoch, until: Instant) -> bool {
        let is_missing = |p: &Peer| (p.line.is_up() || !p.is_down()) && p.vote.as_ref().is_none_or(|v| v.epoch < epoch);
        let all_answered = !self.peers.values().any(is_missing);
        let is_urgent = self.odown.is_some() || self.master_is_down();
        let Some(failover) = self.failover.as_mut().filter(|f| f.plan.is_some() && !is_urgent) else { return false };
        let all_by = *failover.all_by.get_or_insert_with(|| (core.now + ALL_WAIT).min(until - ALL_MARGIN));
        !all_answered && core.now < all_by
    }
}

/// A vote that waits for an address comes later than [`CLEAR_WAIT`] by the way there and back and a save.
const ALL_WAIT: Duration = Duration::from_millis(350);
/// An election that was won must not end for want of time.
const ALL_MARGIN: Duration = Duration::from_millis(10);
/// It leaves within milliseconds, on a busy host within tens of them. A failover may be delayed by this much, and no more.
const CLEAR_WAIT: Duration = Duration::from_millis(250);
