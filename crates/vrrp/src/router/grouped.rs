//! What does a sync group ask of a router, and order?

use core::net::IpAddr;
use core::time::Duration;

use machine::Instant;

use super::{Backup, Phase, Router};
use crate::advert::Priority;
use crate::event::{Cause, Why};

impl Router {
    /// Whether it would be Active if the group let it.
    pub(crate) const fn is_waiting_for_group(&self) -> bool {
        matches!(&self.phase, Phase::Backup(Backup { down: None, .. }))
    }

    /// A reason of its own why it must not.
    pub(crate) fn own_fault(&self) -> Option<&str> {
        self.faults.iter().find(|(cause, _)| **cause != Cause::Group).map(|(_, why)| why.as_str())
    }

    /// Whether a sister's reason is known here.
    pub(crate) fn is_forbidden_by_group(&self) -> bool {
        self.faults.contains_key(&Cause::Group)
    }

    /// All the others are, or would be, too.
    pub(crate) fn become_active_in_group(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if let Phase::Backup(backup) = &self.phase {
            let why = self.why_take(backup);
            self.become_active(why);
        }
    }

    /// Gives the addresses back because a sister lost hers. It resigns: whoever took from the sister is to take these too, at once.
    pub(crate) fn yield_with_group(&mut self, now: Instant, member: &str) {
        self.now = self.now.max(now);
        if matches!(self.phase, Phase::Active(_)) {
            let wait = self.down(self.config.interval) + self.turn();
            self.release();
            self.send(Priority::RESIGN);
            self.enter_backup(Why::Group { member: member.into() }, wait, self.config.interval);
        }
    }

    /// How much longer to wait after holding for a moment only. Where one link names one host and another link the other, each sends the
    /// other away on the link where it has more right, and both come back together, for ever. Hosts that wait differently meet once:
    /// whoever comes first holds all links before the other wants any.
    fn turn(&self) -> Duration {
        let interval = self.config.interval.duration();
        if self.now.since(self.since) > interval * MOMENT {
            return Duration::ZERO;
        }
        let last = match self.config.primary {
            IpAddr::V4(v4) => v4.octets()[3],
            IpAddr::V6(v6) => v6.octets()[15],
        };
        interval * 2 * u32::from(last % TURNS)
    }
}

/// In intervals: whoever held the addresses for longer was not one of two that send each other away.
const MOMENT: u32 = 8;
/// How many hosts have a turn of their own: those with neighbouring addresses have different ones.
const TURNS: u8 = 8;
