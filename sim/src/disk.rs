//! What survives a crash: a disk that takes its time, sometimes fails, and loses what it did not confirm.

use std::time::Duration;

use machine::Rng;
use sentinel::State;

use crate::saboteur::Saboteur;

/// A node's disk.
pub(crate) struct Disk {
    /// What a restart finds.
    durable: State,
    /// Written, not yet confirmed. One is under way at a time (contract of `Save`).
    writing: Option<(u64, State)>,
    pub(crate) latency: Duration,
    pub(crate) jitter: Duration,
    /// How many of 1,000 writes fail at present.
    pub(crate) failing: u64,
    /// How many faults slow it down at present.
    pub(crate) slow: u32,
}

/// How a write ended.
pub(crate) enum Written {
    /// It is there, synced.
    Durable(State),
    /// It is not, but is said to be: a saboteur's.
    Lied,
    /// It is not.
    Failed,
    /// There is no such write under way.
    Unknown,
}

impl Disk {
    pub(crate) fn new(latency: Duration, jitter: Duration) -> Self {
        Self { durable: State::default(), writing: None, latency, jitter, failing: 0, slow: 0 }
    }

    /// Begins a write: how long it takes.
    pub(crate) fn write(&mut self, seq: u64, state: State, rng: &mut Rng) -> Duration {
        self.writing = Some((seq, state));
        let wait = self.latency + rng.jitter(self.jitter);
        if self.slow > 0 { wait * 10 + rng.jitter(Duration::from_millis(700)) } else { wait }
    }

    /// Whether a write is under way.
    pub(crate) const fn is_busy(&self) -> bool {
        self.writing.is_some()
    }

    /// Ends a write.
    pub(crate) fn finish(&mut self, seq: u64, rng: &mut Rng, sabotage: Option<Saboteur>) -> Written {
        let Some((at, state)) = self.writing.take_if(|(at, _)| *at == seq) else {
            return Written::Unknown;
        };
        debug_assert_eq!(at, seq);
        if rng.chance(self.failing) {
            return Written::Failed;
        }
        if sabotage == Some(Saboteur::DiskLies) {
            return Written::Lied;
        }
        self.durable = state.clone();
        Written::Durable(state)
    }

    /// The process is gone: a write that was under way is lost, or just made it.
    pub(crate) fn crash(&mut self, rng: &mut Rng) -> Option<State> {
        let (_, state) = self.writing.take()?;
        if rng.chance(300) {
            self.durable = state.clone();
            return Some(state);
        }
        None
    }

    /// What a starting process reads.
    pub(crate) fn read(&self) -> State {
        self.durable.clone()
    }

    #[cfg(test)]
    pub(crate) fn durable(&self) -> &State {
        &self.durable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use view::Epoch;

    #[test]
    fn what_was_not_confirmed_may_be_lost_and_what_was_is_not() {
        let mut rng = Rng::new(1);
        let mut disk = Disk::new(Duration::ZERO, Duration::ZERO);
        let seven = State { epoch: Epoch(7), ..State::default() };
        let _ = disk.write(1, seven, &mut rng);
        assert!(matches!(disk.finish(1, &mut rng, None), Written::Durable(_)));
        let lost = (0..50).any(|_| {
            let _ = disk.write(2, State { epoch: Epoch(8), ..State::default() }, &mut rng);
            disk.crash(&mut rng).is_none()
        });
        assert!(lost);
        assert!(disk.durable().epoch >= Epoch(7));
    }
}
