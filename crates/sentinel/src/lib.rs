//! Who is master: the Sentinel machine. It watches servers, agrees with other nodes, promotes, and publishes the view.
//!
//! ```text
//!             links to servers        links to other nodes       requests on our own port
//!                    │                         │                          │
//!               evidence ──> down (sdown) ──> down (odown)  <── vote ─────┘
//!                                               │             ▲
//!                 hello  <── current epoch ─────┤             │ promise
//!                   │                           ▼             │
//!                   │        failover: elect ─> seal ─> compare ─> promote ─> verify ─> publish ─> reconf
//!                   ▼                                    (select)                          │
//!               peers, new config epochs                                                   ▼
//!                                                                                        VIEW
//! ```
//!
//! | module | answers |
//! |---|---|
//! | [`event`] | what can happen to the machine, and what does it order? |
//! | [`config`], [`state`] | what was it told, and what must survive a restart? |
//! | [`sentinel`](mod@sentinel) | where does each event go? The table of contents |
//! | `core` | what do all groups of a node share: outbox, epoch, saves |
//! | `group`, `server`, `peer`, `link` | what is watched, and over which connections? |
//! | `evidence`, `down` | what was seen, and from when on does it mean *down*? |
//! | [`hello`] | how do nodes find each other and spread a decision? |
//! | `vote` | who may lead, and what is promised by a vote? |
//! | `backing` | does a majority still name our master? |
//! | `clearance` | has the address that goes with the master left this host? |
//! | `failover`, `switchover` | what are the steps, and what ends each? |
//! | `seal` | how are the replicas made to stand still, to be compared? |
//! | `select` | who is promoted, and why not the others? |
//! | `repoint` | how do the others come to follow a new master? |
//! | `reconf` | who follows the wrong master, and when may we correct it? |
//! | [`manage`] | how is a node changed while it runs? |
//! | `publish` | what is the view? |
//! | [`source`], [`check`] | what have those in common that find the view elsewhere, and how is a server checked from outside? |
//! | [`probe`], [`follow`] | who is master if servers only answer for themselves, and if stock Sentinels agree on it? |
//! | [`command`], [`answer`] | how is an order written for Redis, and what does its reply mean? |
//! | [`query`] | what do `SENTINEL MASTERS` and its kin answer? |
//! | [`script`] | which script runs when, and what if it fails? |
//! | [`record`], `prelude`, [`report`] | what happened when, and how do things stand? |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod answer;
mod backing;
pub mod check;
mod clearance;
pub mod command;
pub mod config;
mod core;
mod down;
pub mod event;
mod evidence;
mod failover;
pub mod follow;
mod group;
pub mod hello;
mod link;
pub mod manage;
mod peer;
mod prelude;
pub mod probe;
mod publish;
pub mod query;
mod reconf;
pub mod record;
mod repoint;
pub mod report;
pub mod script;
mod seal;
mod select;
pub mod sentinel;
mod server;
pub mod source;
pub mod state;
mod switchover;
mod vote;

pub use answer::{Answer, InfoReport, Role};
pub use config::{Config, GroupConfig};
pub use event::{
    Action, Announcement, Ask, CallId, Channel, End, Event, Fault, Level, LinkId, Reply, Request, Target, Timer,
};
pub use manage::{Knob, Setting};
pub use sentinel::Sentinel;
pub use state::State;
