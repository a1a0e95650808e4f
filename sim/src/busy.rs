//! What does a server do that is busy with a script? At first nothing at all; after its threshold it says so, and can be told
//! to stop, unless the script has written something.

use machine::Instant;
use sentinel::{Answer, Ask};

use crate::ground::Ground;
use crate::network::Packet;
use crate::redis::Redis;

/// A script under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Busy {
    /// Until then it answers nobody (`busy-reply-threshold`).
    pub(crate) mute_until: Instant,
    /// It has written: nothing stops it.
    pub(crate) has_written: bool,
}

impl Redis {
    /// A script begins.
    pub(crate) fn begin_script(&mut self, g: &mut Ground, busy: Busy) {
        self.busy = Some(busy);
        g.note(self.place, || format!("runs a script {busy:?}"));
    }

    /// The script is over: what waited for its end is read.
    pub(crate) fn end_script(&mut self, g: &mut Ground) {
        if self.busy.take().is_none() || !self.is_up() {
            return;
        }
        self.read_inbox(g);
    }

    /// Reads what came while it could not.
    pub(crate) fn read_inbox(&mut self, g: &mut Ground) {
        for (conn, side, packet) in std::mem::take(&mut self.inbox) {
            self.on_packet(g, conn, side, packet);
        }
    }

    /// Whether it does nothing of its own: no timer, no replication.
    pub(crate) const fn is_stuck(&self) -> bool {
        self.busy.is_some()
    }

    /// Whether a packet is not read yet. Beyond the threshold commands are, to be refused; the stream of a master is not.
    pub(crate) fn is_kept_waiting(&self, now: Instant, packet: &Packet) -> bool {
        let Some(busy) = self.busy else { return false };
        now < busy.mute_until
            || !matches!(packet, Packet::Ask(_) | Packet::Bytes(_) | Packet::Command(_) | Packet::Fin(_))
    }

    /// What is answered instead of what was asked.
    pub(crate) fn answer_of_busy(&mut self, g: &mut Ground, ask: &Ask) -> Option<Answer> {
        let busy = self.busy?;
        match ask {
            Ask::Auth => None,
            Ask::KillScript if busy.has_written => {
                g.coverage.mark("busy: a script that has written is not stopped");
                Some(Answer::Error { text: "UNKILLABLE The script has written.".into() })
            }
            Ask::KillScript => {
                g.coverage.mark("busy: a script is stopped");
                self.end_script(g);
                Some(Answer::Ok)
            }
            _ => {
                g.coverage.mark("busy: an order is refused");
                Some(Answer::Busy)
            }
        }
    }

    /// The threshold of its script is over: what came meanwhile is refused.
    pub(crate) fn wake_in_script(&mut self, g: &mut Ground) {
        if self.is_up() && self.busy.is_some_and(|b| b.mute_until <= g.now) {
            self.read_inbox(g);
        }
    }
}
