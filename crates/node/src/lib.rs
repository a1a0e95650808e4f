//! What does this host do about it? The answer of one host to what it sees: which addresses it holds, and who is told.
//!
//! ```text
//!   checks, view, links, operator ──> Event ┐          ┌ Put, Remove, Ask, Announce  ──> netlink, ARP, neighbour discovery
//!   VRRP packets, BGP connections ──> Event ├──> Node ─┤ Router, Peer                ──> raw sockets, TCP
//!   commands that ended ────────────> Event ┘          ├ Tickle, Cut                 ──> the clients of an address that moves
//!                                                      └ Run, Changed, Tell          ──> commands, hooks, log
//! ```
//!
//! Of each address it answers three questions, in this order: does this host's health allow it (`vrrp::Health`, the view), does the way
//! by which it moves give it to this host (VRRP, BGP, a command, or the view alone), and is it on the interface (with a lifetime, after
//! which the kernel takes it away by itself)?
//!
//! | module | answers |
//! |---|---|
//! | [`config`] | what was this host told about its addresses? |
//! | [`event`] | what can happen, and what is ordered? |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod config;
pub mod event;

pub use config::{Address, Config, Follows, Job, Placed, Way};
pub use event::{Action, End, Event, Timer, Wish};
