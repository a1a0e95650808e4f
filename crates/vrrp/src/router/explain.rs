//! What is a router doing, and why? One sentence for the operator.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Backup, Phase, Router};

impl Router {
    /// What it is doing and why, in one sentence.
    #[must_use]
    pub fn explain(&self) -> String {
        let others = self.holder.map_or_else(
            || "nobody was heard to hold them".into(),
            |h| format!("{} was last heard to hold them, with priority {}", h.at, h.priority),
        );
        match &self.phase {
            Phase::Initialize => "takes no part".into(),
            Phase::Fault => {
                let whys: Vec<&str> = self.faults.values().map(String::as_str).collect();
                format!("must not hold the addresses: {}", whys.join("; "))
            }
            Phase::Active(_) if self.awaits_predecessor() => {
                format!("takes the addresses when their holder has let go; {others}")
            }
            Phase::Active(_) => {
                format!("holds the addresses with priority {}: {}", self.priority, self.why)
            }
            Phase::Backup(Backup { down: None, .. }) => {
                format!("would hold the addresses, and waits for the rest of its sync group; {others}")
            }
            Phase::Backup(Backup { down: Some(at), .. }) => {
                format!(
                    "listens with priority {}; {others}; takes over after {} ms in which nothing counts",
                    self.priority,
                    at.since(self.now).as_millis()
                )
            }
        }
    }
}
