//! What is a session doing, and why? One sentence, for status and logs, and how much it has to do.

use alloc::format;
use alloc::string::String;
use core::fmt::Write as _;

use machine::Instant;

use crate::hold;
use crate::session::{Closing, Mode, Session};

impl Session {
    /// One sentence on what it is doing and why.
    #[must_use]
    pub fn explain(&self, now: Instant) -> String {
        if let Some(Closing { why, .. }) = self.closing {
            return format!("closes the client: {why}");
        }
        let (owed, waiting) = (self.kept.owed(), self.kept.waiting());
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = match (self.mode, self.route.addr()) {
            (Mode::Pinned, Some(addr)) => write!(text, "passes bytes to and from {addr} as they are"),
            _ if self.hold.is_waiting() => {
                let waited = self.hold.waited(now);
                let _ = write!(text, "waits {waited:?} of {:?} with {waiting} of {owed} requests: ", self.rules.hold);
                hold::lacks(&mut text, &self.rules, &self.view);
                write!(text, " (phase {})", hold::phase(self.view.phase))
            }
            (_, Some(addr)) if self.regroup.is_some() => {
                write!(text, "was refused by {addr}, waits for the rest of {owed} replies")
            }
            (_, Some(addr)) if owed > 0 => write!(text, "waits for {owed} replies of {addr}"),
            (_, Some(addr)) => write!(text, "idle, connected to {addr}"),
            (_, None) => write!(text, "idle, without a server connection"),
        };
        text
    }

    /// Bytes of requests that it keeps.
    #[must_use]
    pub const fn kept_bytes(&self) -> usize {
        self.kept.len()
    }

    /// Whether it keeps no byte for anyone.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.kept.len() == 0 && !self.kept.is_owed() && self.out.is_empty()
    }

    /// Requests that wait for a server at this moment.
    #[must_use]
    pub fn held(&self) -> usize {
        if self.hold.is_holding() { self.kept.waiting() } else { 0 }
    }
}
