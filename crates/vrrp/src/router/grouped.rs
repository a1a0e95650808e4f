//! What does a sync group ask of a router, and order?

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
            self.release();
            self.send(Priority::RESIGN);
            self.enter_backup(
                Why::Group { member: member.into() },
                self.down(self.config.interval),
                self.config.interval,
            );
        }
    }
}
