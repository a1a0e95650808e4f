//! What of an address stands on the interface, and not by an order of ours? A program that died has left it, or the network's configuration
//! puts it there: then two hosts answer for it.

use alloc::collections::BTreeMap;
use core::net::IpAddr;
use core::time::Duration;

use machine::Instant;

use crate::config::Placed;
use crate::telling::Telling;

/// Strangers of one address: its own, in whatever network they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strangers {
    /// From when on each is taken off. As many as there are of the address's own, in as many networks as one can be in.
    due: BTreeMap<Placed, Instant>,
    /// When one was taken off the last time.
    off: BTreeMap<IpAddr, Instant>,
    telling: Telling,
}

impl Strangers {
    /// It is there. Whether that is news.
    pub(crate) fn found(&mut self, now: Instant, placed: Placed) -> bool {
        // Who puts it there again and again is not answered more often than this.
        let at = self.off.get(&placed.ip).map_or(now, |off| now.max(*off + GAP));
        let known = self.due.get(&placed).copied();
        self.due.insert(placed, known.map_or(at, |known| known.min(at)));
        known.is_none()
    }

    /// It is not there any more, or is not strange any more. Whether it was.
    pub(crate) fn forget(&mut self, placed: Placed) -> bool {
        self.due.remove(&placed).is_some()
    }

    /// Of other addresses nothing is to be known.
    pub(crate) fn retain(&mut self, is_known: impl Fn(IpAddr) -> bool) {
        self.due.retain(|placed, _| is_known(placed.ip));
        self.off.retain(|ip, _| is_known(*ip));
    }

    /// Those that are to be taken off by now, of those that may be. What the kernel does not let go of is tried again.
    pub(crate) fn take_due(&mut self, now: Instant, may_go: impl Fn(IpAddr) -> bool) -> alloc::vec::Vec<Placed> {
        let is_due = |(placed, at): &(&Placed, &mut Instant)| **at <= now && may_go(placed.ip);
        let due = self.due.iter_mut().filter(is_due).map(|(placed, at)| {
            *at = now + AGAIN;
            *placed
        });
        let due: alloc::vec::Vec<Placed> = due.collect();
        self.off.extend(due.iter().map(|placed| (placed.ip, now)));
        due
    }

    /// When the next one is to be taken off, of those that may be.
    pub(crate) fn next(&self, may_go: impl Fn(IpAddr) -> bool) -> Option<Instant> {
        self.due.iter().filter(|(placed, _)| may_go(placed.ip)).map(|(_, at)| *at).min()
    }

    pub(crate) fn has(&self, ip: IpAddr) -> bool {
        self.due.keys().any(|placed| placed.ip == ip)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Placed> {
        self.due.keys().copied()
    }

    /// One is worth a word: how often since the last line, if it is time for one.
    pub(crate) fn tell(&mut self, now: Instant) -> Option<u64> {
        self.telling.again(now)
    }
}

/// The time between two removals of one address that somebody else puts there.
const GAP: Duration = Duration::from_secs(1);
/// When one is taken off again that is there still, because the kernel refused: each time is a line in the log.
const AGAIN: Duration = Duration::from_secs(60);
