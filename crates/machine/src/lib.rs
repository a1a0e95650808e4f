//! What every Standfast machine looks like: plain data that decides.
//!
//! | module | answers |
//! |---|---|
//! | [`contract`] | what may a driver rely on, and what must a machine keep? |
//! | [`time`] | when is it, without asking anyone? |
//! | [`rng`] | where does jitter come from, so that a run can be repeated? |
//! | [`story`] | how is an event or an action written as one line, and read back? |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod contract;
pub mod rng;
pub mod story;
pub mod time;

pub use contract::{Machine, soonest, step, wake};
pub use rng::Rng;
pub use time::Instant;
