//! Can it be wrong? Whole nodes, model Redis servers and clients in a world that one seed decides.
//!
//! ```text
//!   seed ─> options ─> world ── faults ──> safety: nothing may be wrong
//!                        │                    │
//!                     history             liveness: faults stop for a core, which must converge
//!                                             │
//!                        judge <── every durable state, vote, view, promotion, reply
//! ```
//!
//! | module | answers |
//! |---|---|
//! | [`options`] | what kind of world does a seed make? |
//! | [`world`] | what happens next, and who hears of it? |
//! | [`ground`] | what does every part stand on? |
//! | `network`, `disk`, `clock` | how do packets travel, what survives, what time does a node take it for? |
//! | `redis`, `replication`, `busy` | what does a server do, how does it follow another, what keeps it from both? |
//! | `node`, `wiring` | how is the unchanged machine driven? |
//! | `stock` | what does a stock Sentinel beside our nodes do? |
//! | `client` | what does an application behind the proxy see? |
//! | [`faults`] | what fails, when, for how long? |
//! | [`invariants`], [`judge`] | what must never be, and who sees it? |
//! | `convergence` | what must be when faults have stopped? |
//! | [`saboteur`] | would it be seen? |
//! | [`scenario`] | how is a world moved by hand? |
//! | `marks` | what of a run is worth counting? |
//! | [`run`], [`history`], [`coverage`] | how did a seed go, as a person reads it? |
#![forbid(unsafe_code)]

mod busy;
mod client;
mod clock;
mod convergence;
pub mod coverage;
mod disk;
pub mod faults;
pub mod ground;
pub mod history;
pub mod invariants;
pub mod judge;
mod line;
mod marks;
mod network;
mod node;
pub mod options;
pub mod place;
mod redis;
mod replication;
mod rivals;
pub mod run;
pub mod saboteur;
pub mod scenario;
mod stock;
mod wiring;
pub mod world;

pub use history::Keep;
pub use invariants::Invariant;
pub use options::Options;
pub use place::Place;
pub use run::{Outcome, run_seed, run_seed_keeping};
pub use saboteur::Saboteur;
pub use world::World;
