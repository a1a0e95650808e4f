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
        if told.last.is_some_and(|last| now.since(last) < PAUSE) {
            return None;
        }
        let times = told.times;
        *told = Told { last: Some(now), times: 0 };
        Some(Action::Tell { from, refused, counted, times })
    }
}

/// The time between two lines about packets of one kind.
const PAUSE: Duration = Duration::from_secs(60);
