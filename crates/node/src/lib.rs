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
//! | [`check`] | can there be such addresses? |
//! | [`event`] | what can happen, and what is ordered? |
//! | [`node`] | which inner machine deals with it? (the table of contents) |
//! | `address` | one address: may it be here, does its way give it to this host, is it on the interface? |
//! | `right`, `proof` | what forbids it: the interface, the view, the operator; checks, and the age of the proof |
//! | `team`, `peers`, `command` | its ways: routers alone or in sync groups, BGP sessions, commands |
//! | `hold` | ask first, put, renew while proven, put back, remove |
//! | `strangers` | what of it is there, and not by an order of ours? |
//! | `tickle` | when are the clients of others told that these are gone? |
//! | [`stats`] | how often has what happened? |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod address;
pub mod check;
mod command;
pub mod config;
pub mod event;
mod hold;
pub mod node;
mod peers;
mod proof;
mod rest;
mod right;
pub mod stats;
mod strangers;
mod team;
mod telling;
mod tickle;

pub use check::Misconfigured;
pub use config::{Address, Config, Follows, Job, Placed, Way};
pub use event::{Action, End, Event, Timer, Wish};
pub use node::{Node, Report};
pub use stats::Stats;
