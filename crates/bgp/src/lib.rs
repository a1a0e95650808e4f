//! How are routes announced and withdrawn? BGP-4 (RFC 4271) for a speaker that tells a few routes of its own to route servers, wants
//! none of theirs, and never listens.
//!
//! ```text
//!            bytes                            bytes
//!   socket ─────────> [ Framer ] -> [ Peer ] ─────────> socket of the route server
//!                                      ▲
//!                       wanted routes, health, stop, time
//! ```
//!
//! | module | answers |
//! |---|---|
//! | [`route`] | what is announced: a prefix, and what is said about the way to it |
//! | [`message`] | what did the peer send, what is answered to what is no message, and how is ours written? |
//! | [`neighbor`] | with whom does a session stand, and on what terms? |
//! | [`lelastic`] | what are the terms of the route servers that lelastic talks to? |
//! | [`peer`] | one session: the states and timers of RFC 4271 (the table of contents) |
//! | [`event`] | what can happen to it, what does it order, and why does its state change? |
//! | `agree` | what do both sides agree on after their OPENs? |
//! | `book` | which routes does the peer not have yet, or have too many? |
//! | `damping` | how long is it quiet after a session has failed? |
//! | `explain` | what is it doing, and why? |
//! | [`stats`] | what has it done? |
//!
//! What is not there, on purpose: *Active* and the collision of connections (nobody is listened to), routes of others (nothing is
//! imported), graceful restart (a host that is gone must lose its routes at once).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod agree;
mod book;
mod damping;
pub mod event;
mod explain;
pub mod lelastic;
pub mod message;
pub mod neighbor;
pub mod peer;
pub mod route;
pub mod stats;

pub use event::{Action, Conn, Event, State, Timer, Unfit, Why};
pub use message::{Framer, Message, Notification};
pub use neighbor::{Neighbor, Ttl};
pub use peer::Peer;
pub use route::{Attributes, Community, Family, LargeCommunity, Origin, Prefix, Routes};
pub use stats::Stats;
