//! The contract between a machine and whoever drives it. It is the same in production, in a story and in the simulator.
//!
//! 1. **Drain.** After every `handle` or `wake`, `poll` until `None` before anything else. [`step`] and [`wake`] do it.
//! 2. **Time.** `now` never goes back; equal is fine. After `wake(now)` every deadline is > `now`. A wake that comes much
//!    later than it was asked for is *evidence* (Sentinel's TILT), not noise.
//! 3. **Waiting for the disk.** An action `Save { seq, .. }` goes out, an event `Saved { seq }` comes back. What depends on
//!    it stays in the machine until then. No driver knows an ordering rule.
//! 4. **No effect in place.** Connecting, sending, saving are actions with an id; their end, good or bad, is an event with
//!    that id. An event with an unknown id is counted and ignored.
//! 5. **Input never fails `handle`.** Garbage from a peer is a fact: counted, logged, link closed by an action. A broken
//!    assumption of ours is a bug: `assert!`.
//! 6. **Seeded.** `new(config, state, seed)`. Jitter is visible in `deadline()`.
//! 7. **Ordered.** `BTreeMap`, `VecDeque`, `Vec`; nothing that iterates at random.
//! 8. **Bounded.** Every collection has its bound in a `const` with the reason, and a documented answer at the bound.
//! 9. **Seen.** `stats()` are plain numbers; `explain()` is one sentence on what it is doing and why; both `&self`.
//! 10. **Composed** the same way: the outer machine owns the inner ones, turns their actions into each other's events, and
//!     takes the [`soonest`] deadline with its name.
//!
//! ```text
//!            handle(now, event) ──┐            ┌── poll() ──> action, action, …, None
//!   driver                        ├─> machine ─┤
//!            wake(now) ───────────┘            └── deadline() ──> (when, what for)
//! ```

use core::fmt::Debug;

use crate::Instant;

/// Plain data that decides. No I/O, no clock, no randomness of its own, no locks, no async.
pub trait Machine {
    /// What can happen to it, in the past tense (`Saved`, `Refused`).
    type Event;
    /// What it orders, in the imperative (`Save`, `Promote`).
    type Action;
    /// Why it wants to be woken; each variant's doc begins "When to".
    type Timer: Copy + Debug;

    /// What happened.
    fn handle(&mut self, now: Instant, event: Self::Event);
    /// Time passed; harmless if nothing is due.
    fn wake(&mut self, now: Instant);
    /// What to do, in order, until `None`.
    fn poll(&mut self) -> Option<Self::Action>;
    /// When to wake me if nothing happens, and what for. `None`: only an event can move me.
    fn deadline(&self) -> Option<(Instant, Self::Timer)>;
}

/// Hands one event to a machine and drains it: how drivers call one, never by hand.
pub fn step<M: Machine>(m: &mut M, now: Instant, event: M::Event, act: impl FnMut(M::Action)) {
    m.handle(now, event);
    drain(m, act);
}

/// Tells a machine that time passed and drains it. Early and repeated calls are harmless (contract, 2).
///
/// # Panics
/// When a deadline is still due afterwards (B2): such a machine would be woken for ever.
pub fn wake<M: Machine>(m: &mut M, now: Instant, act: impl FnMut(M::Action)) {
    m.wake(now);
    drain(m, act);
    if let Some((at, timer)) = m.deadline() {
        assert!(at > now, "B2: {timer:?} is due at {at:?} after wake({now:?})");
    }
}

fn drain<M: Machine>(m: &mut M, mut act: impl FnMut(M::Action)) {
    while let Some(action) = m.poll() {
        act(action);
    }
}

/// The sooner of two deadlines, with its reason: how an outer machine or a long list of timers folds into one.
pub fn soonest<T>(a: Option<(Instant, T)>, b: Option<(Instant, T)>) -> Option<(Instant, T)> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.0 < a.0 { b } else { a }),
        (a, b) => a.or(b),
    }
}
