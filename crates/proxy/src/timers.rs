//! Who is to be woken when?
//!
//! Each may have one deadline. In steady state nobody has one: then nothing is done here, and the worker sleeps until the kernel
//! has something.

use std::collections::BTreeSet;

use machine::Instant;

use crate::slots::Key;

/// Who wanted to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// A client's session.
    Client(Key),
    /// A lane.
    Server(Key),
    /// Connections that wait for somebody.
    Spare,
    /// Connections that ended for a reason that is not known yet.
    Doubts,
    /// A client that may have been silent for too long.
    Idle(Key),
    /// A client of whose bytes nothing is known.
    Pair(Key),
    /// Somebody who takes long to come in.
    Guest(Key),
    /// The listener of this number may accept again.
    Listener(u32),
    /// Those who wait until fewer connections are being made.
    Crowd,
    /// Clients of the listener of this number, which is gone, had their time to leave.
    Leave(u32),
    /// All clients had.
    Stop,
}

/// All deadlines of one worker, each known to whoever has it, too.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    queue: BTreeSet<(Instant, Due)>,
}

impl Timers {
    /// Makes `to` the deadline of `due`, whose deadline was `from`.
    pub(crate) fn shift(&mut self, due: Due, from: Option<Instant>, to: Option<Instant>) {
        if from == to {
            return;
        }
        if let Some(at) = from {
            self.queue.remove(&(at, due));
        }
        if let Some(at) = to {
            self.queue.insert((at, due));
        }
    }

    /// The first deadline.
    pub(crate) fn first(&self) -> Option<Instant> {
        self.queue.first().map(|(at, _)| *at)
    }

    /// Takes out the first who is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Due> {
        self.first().filter(|at| *at <= now)?;
        self.queue.pop_first().map(|(_, due)| due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::Slots;
    use machine::time::at;

    #[test]
    fn each_has_one_deadline_and_the_first_is_first() {
        let mut slots = Slots::new();
        let (one, two) = (Due::Client(slots.insert(())), Due::Client(slots.insert(())));
        let mut timers = Timers::default();
        timers.shift(one, None, Some(at(20)));
        timers.shift(two, None, Some(at(30)));
        timers.shift(two, Some(at(30)), Some(at(10)));
        timers.shift(Due::Stop, None, Some(at(10)));
        assert_eq!(timers.first(), Some(at(10)));
        assert_eq!(timers.take_due(at(9)), None);
        assert_eq!(timers.take_due(at(15)), Some(two));
        assert_eq!(timers.take_due(at(15)), Some(Due::Stop));
        assert_eq!(timers.take_due(at(15)), None);
        timers.shift(one, Some(at(20)), None);
        assert_eq!(timers.first(), None);
    }
}
