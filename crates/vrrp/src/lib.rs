//! Who holds the address on this link? VRRP version 2 (RFC 3768) and 3 (RFC 9568), as Keepalived speaks them.
//!
//! A driver reads datagrams and hands them to the [`Codec`], which says what was advertised or why the packet counts for nothing; that is an
//! event of the [`Router`], which decides. No socket, clock or random number is in here; the password of version 2 is in the codec and
//! in nothing that is recorded.
//!
//! ```text
//!   raw socket ──> Datagram ──> Codec::decode ──> Event ┐            ┌ Take, Release      ──> netlink
//!   checks ──────> Health ───────────────────────> Event ├─> Router ──┤ Send ──> Codec::encode ──> raw socket
//!   operator, interface ─────────────────────────> Event ┘            ├ Announce           ──> ARP, neighbour discovery
//!                                                (or SyncGroup)       └ Changed, Tell      ──> hooks, log
//! ```
//!
//! | module | answers |
//! |---|---|
//! | [`advert`] | what does one router tell the others? |
//! | [`packet`] | how is that put into bytes, and which bytes are refused? |
//! | [`ip`] | where in what a raw socket gives does the packet begin, and who sent it how far? |
//! | [`refused`] | why does a packet count for nothing, and which counter of the RFCs is that? |
//! | [`config`] | what was a virtual router told, and is that possible? |
//! | [`timing`] | how long until a holder is missed? |
//! | [`event`] | what can happen to a router, and what does it order? |
//! | [`router`] | does this host hold the addresses? |
//! | [`sync`] | do several of them move together? |
//! | [`health`] | how much right does it have, by what its checks say? |
//! | [`announce`] | when is the network told where the addresses are? |
//! | [`stats`] | how often has what happened? |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod advert;
pub mod announce;
mod checksum;
pub mod config;
pub mod event;
pub mod health;
pub mod ip;
mod judge;
pub mod packet;
pub mod refused;
pub mod router;
pub mod stats;
pub mod sync;
mod telling;
pub mod timing;

pub use advert::{Advert, Interval, Priority, Vrid};
pub use config::{Config, Misconfigured, Version};
pub use event::{Action, Cause, Event, State, Timer, Why};
pub use health::Health;
pub use ip::Datagram;
pub use packet::{Codec, Password};
pub use refused::Refused;
pub use router::Router;
pub use stats::Stats;
pub use sync::SyncGroup;
pub use telling::Oddity;
