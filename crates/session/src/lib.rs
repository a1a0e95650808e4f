//! What one client of the proxy is owed, and where it goes.
//!
//! ```text
//!            bytes                    bytes
//!   client ─────────> [ kept, owed ] ─────────> server that the view names
//!          <───────── [   out      ] <─────────
//!                          ▲
//!                     view, time
//! ```
//!
//! A [`Session`] opens no socket and asks no clock. Bytes, views and moments go in; bytes and a few orders come out. The
//! rules are those of every proxy user's fear, numbered as the tests name them:
//!
//! - **R1** Replies come in the order of requests, one each, or the connection closes with a reason.
//! - **R2** No write is executed twice by us.
//! - **R3** Every request is answered, or its connection closed, within `hold` of having no server to go to.
//!
//! | module | answers |
//! |---|---|
//! | [`session`] | what happened, and who deals with it? (the table of contents) |
//! | [`lane`] | many clients on one connection: whose is the next reply? |
//! | [`pool`] | which connection is there already for somebody like this? |
//! | [`event`] | what can happen to it, what does it order, and why does it end? |
//! | [`rules`] | what did the operator say about this listener? |
//! | [`buffers`] | where do bytes stay, and who lends the memory? |
//! | `frame` | which requests are in the client's bytes? |
//! | `heard` | what has each refused request been told? |
//! | `owed` | which requests are unanswered, and how far are they sent? |
//! | `command` | what does a request mean for the session? |
//! | `route` | on which server connection does a request travel? |
//! | `share` | does it need a connection of its own? |
//! | [`balance`] | which of several replicas for a client that comes? |
//! | `connection` | how is a server connection made, lost and given up? |
//! | [`kill`] | who goes when a client says CLIENT KILL? |
//! | `hold` | how long may a request wait, and what is said when it may not? |
//! | `busy` | what is said while a script runs for too long, to a connection that is not ready? |
//! | `refusal` | which replies say that nothing was executed, and what follows from that? |
//! | `replies` | what did the server say, and is it for the client? |
//! | `replay` | what is the fate of a request whose connection is gone? |
//! | `unknown` | what is said of a request that was perhaps executed, where the client is not closed for it? |
//! | `stream` | what becomes of a request that is larger than what may be kept? |
//! | `subscribe` | what does a client listen to, and how does it go on listening at another server? |
//! | `tracking` | of which keys does the server tell the client when they change, and how does another server do it? |
//! | `restore` | what must a new connection know before the next request? |
//! | `transaction` | what becomes of a MULTI that is cut? |
//! | `explain` | what is it doing, and why? |
//! | [`opaque`] | what is a client owed of whose bytes nothing is known? |
//! | [`stats`] | what has it done? |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod balance;
pub mod buffers;
mod busy;
mod command;
mod connection;
pub mod event;
mod explain;
mod frame;
mod heard;
mod hold;
pub mod kill;
pub mod lane;
pub mod opaque;
mod owed;
pub mod pool;
mod refusal;
mod replay;
mod replies;
mod restore;
mod route;
pub mod rules;
pub mod session;
mod share;
pub mod stats;
mod stream;
mod subscribe;
mod tracking;
mod transaction;
mod unknown;

pub use balance::{Balance, Loads};
pub use buffers::Spare;
pub use event::{Action, Conn, Event, Timer, Why};
pub use kill::{Kills, Verdict};
pub use opaque::Opaque;
pub use rules::{OnUnknown, Pool, Role, Rules};
pub use session::Session;
pub use stats::Stats;
