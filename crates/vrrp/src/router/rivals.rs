//! What does a holder do that hears another one with no more right? It answers, tells the network again where the addresses are, and has it logged.

use core::net::IpAddr;

use super::{Phase, Router};
use crate::advert::{Advert, Priority};
use crate::refused::Refused;

impl Router {
    /// Another holder is heard, which has no more right.
    pub(super) fn meet(&mut self, from: IpAddr, advert: &Advert) {
        // Who goes, as it says itself, is no news.
        let goes = advert.priority.is_resignation() || advert.priority == Priority::GIVES_WAY;
        let is_told = !goes && !self.awaits_predecessor();
        self.on_last_word(from, advert);
        self.on_rival();
        if is_told {
            let rival = Refused::Rival { priority: advert.priority };
            self.actions.extend(self.telling.line(self.now, Some(from), rival, true));
        }
    }

    /// Somebody else held the addresses, too, and goes or will go: neighbours and bridges may have believed it.
    fn on_rival(&mut self) {
        self.stats.rivals_heard += 1;
        let gap = self.config.interval.duration() / ANSWERS;
        let Phase::Active(active) = &mut self.phase else { return };
        if active.predecessor.is_none() {
            // Every time: the one that goes may have announced itself after we were last told of it.
            active.series.start(self.now, &self.config.announce);
        }
        if active.answered.is_none_or(|last| self.now.since(last) >= gap) {
            active.answered = Some(self.now);
            self.advertise();
        }
        self.announce_if_due();
    }
}

/// How many answers to rivals there are at most in one interval: each is answered at once as RFC 9568 6.4.3 has it, a storm is not.
const ANSWERS: u32 = 8;
