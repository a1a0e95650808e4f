//! When are addresses taken whose holder lives? It is told to go first, and they are taken when it has gone: at no moment two hosts have them.
//!
//! ```text
//!   who has more right    advertises ──────────────────────────────> takes, announces
//!                               \                                  /
//!   who held                     `──> releases ──> its last word ─´        (or nothing is heard for as long as PATIENCE)
//! ```
//!
//! The last word is an advertisement with the least priority that there is ([`Priority::GIVES_WAY`]). A resignation would say the same, and set
//! off backups that have not heard the new holder. Keepalived goes without a word (but for `higher_prio_send_advert`), and within milliseconds.

use core::net::IpAddr;
use core::time::Duration;

use machine::Instant;

use super::{Active, Phase, Router};
use crate::advert::{Advert, Priority};
use crate::announce::Series;
use crate::event::{Action, Why};

/// A holder that was told to go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Predecessor {
    at: IpAddr,
    /// What it had as a holder.
    priority: Priority,
    /// When it is taken for gone.
    until: Instant,
}

impl Router {
    pub(super) fn become_active(&mut self, why: Why) {
        self.stats.became_active += 1;
        let (from, predecessor) = (self.state(), self.predecessor());
        let (next, said, series) = (self.now, self.now, Series::default());
        self.phase = Phase::Active(Active { next, said, answered: None, series, predecessor });
        if predecessor.is_none() {
            self.take();
        }
        self.advertise();
        self.announce_if_due();
        self.note(from, why);
    }

    /// Who holds the addresses, if that one was heard lately and has not resigned.
    fn predecessor(&self) -> Option<Predecessor> {
        let holder = self.holder.filter(|holder| !holder.priority.is_resignation())?;
        let resigned = if let Phase::Backup(backup) = &self.phase { backup.resigned } else { None };
        let lives =
            self.now.since(holder.heard) <= holder.interval.duration() * LIVES_FOR && resigned != Some(holder.at);
        let patience = PATIENCE.min(self.config.interval.duration());
        lives.then(|| Predecessor { at: holder.at, priority: holder.priority, until: self.now + patience })
    }

    fn take(&mut self) {
        self.actions.push_back(Action::Take { addresses: self.config.held() });
        if let Phase::Active(active) = &mut self.phase {
            active.predecessor = None;
            active.series.start(self.now, &self.config.announce);
        }
    }

    /// Whether it is Active and has not yet taken the addresses, because their last holder goes.
    #[must_use]
    pub const fn awaits_predecessor(&self) -> bool {
        matches!(&self.phase, Phase::Active(Active { predecessor: Some(_), .. }))
    }

    /// Whether this is what the predecessor says when it has gone, and then the addresses are taken.
    pub(super) fn on_last_word(&mut self, from: IpAddr, advert: &Advert) {
        let Phase::Active(Active { predecessor: Some(predecessor), .. }) = &self.phase else { return };
        // Of one that never had more, the least says nothing.
        let gives_way = advert.priority == Priority::GIVES_WAY && predecessor.priority != Priority::GIVES_WAY;
        if predecessor.at == from && (gives_way || advert.priority.is_resignation()) {
            self.take();
        }
    }

    pub(super) fn take_if_due(&mut self) {
        let Phase::Active(Active { predecessor: Some(predecessor), .. }) = &self.phase else { return };
        if predecessor.until <= self.now {
            self.stats.left_silently += 1;
            self.take();
        }
    }

    /// What a holder says that gives way: that it has gone, unless it had nothing yet, and the one before it may have it still.
    pub(super) fn last_word(&self) -> Priority {
        if self.awaits_predecessor() { self.priority } else { Priority::GIVES_WAY }
    }
}

impl Predecessor {
    pub(super) const fn until(&self) -> Instant {
        self.until
    }
}

/// How long a holder may take to hear us, cut its clients (as a rule some milliseconds, 50 at the most), let go and say so. Who says nothing,
/// as Keepalived does, is taken for gone then: for so long nobody has the addresses, which is less than any client waits for a lost packet
/// (200 ms).
const PATIENCE: Duration = Duration::from_millis(50);
/// In intervals: who was not heard for longer is not waited for. With an interval of waiting at the most that is less than it takes to miss a
/// holder, so that nobody has the addresses for no longer than without waiting, also where the holder has gone long before (a seed in which its
/// last word overtook the one before).
const LIVES_FOR: u32 = 2;
