//! Is this worth a line in the log? The first packet of a kind is, then at most one a minute: a wrong neighbour sends several a second.

use core::net::IpAddr;
use core::time::Duration;

use machine::Instant;

use crate::event::Action;
use crate::refused::{Kind, Refused};

/// What was told of each kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Telling([Told; Kind::ALL.len()]);

#[derive(Clone, Copy, Debug, Default)]
struct Told {
    last: Option<Instant>,
    /// How many since then.
    times: u64,
    seen: Option<Oddity>,
}

/// Packets of one kind with which something is wrong, as the operator of both hosts wants to see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oddity {
    /// Who sent the last one.
    pub from: Option<IpAddr>,
    /// What was wrong with it.
    pub refused: Refused,
    /// It counted nevertheless.
    pub counted: bool,
    /// How many there were.
    pub times: u64,
    /// When the last one came.
    pub last: Instant,
}

impl Telling {
    /// The line, if it is time for one.
    pub(crate) fn line(
        &mut self,
        now: Instant,
        from: Option<IpAddr>,
        refused: Refused,
        counted: bool,
    ) -> Option<Action> {
        let told = &mut self.0[refused.kind() as usize];
        told.times += 1;
        let times = told.seen.map_or(0, |seen| seen.times) + 1;
        told.seen = Some(Oddity { from, refused, counted, times, last: now });
        if told.last.is_some_and(|last| now.since(last) < PAUSE) {
            return None;
        }
        told.last = Some(now);
        Some(Action::Tell { from, refused, counted, times: core::mem::take(&mut told.times) })
    }

    /// The last one of each kind.
    pub(crate) fn oddities(&self) -> impl Iterator<Item = Oddity> {
        self.0.iter().filter_map(|told| told.seen)
    }
}

/// The time between two lines about packets of one kind.
const PAUSE: Duration = Duration::from_secs(60);
