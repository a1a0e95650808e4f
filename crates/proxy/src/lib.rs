//! How do bytes move fast? Sockets and threads around [`session::Session`]; no rule is in here.
//!
//! ```text
//!                    accept                      hand over: the worker with the fewest clients
//!   client ────> listener (worker 0) ──────────────────────────────────> worker n, one thread
//!                                                                          ├ task of a client ── its server
//!   view source ── watch ──> one task per worker and listener ── wakes ──> ├ task of a client ── its server
//!                                                                          └ …
//! ```
//!
//! Workers share nothing on a request's way: sessions, buffers and views are each thread's own; counters are written by one
//! thread and read by whoever asks; the log of closed clients has a lock, for which no request waits.
//!
//! | module | answers |
//! |---|---|
//! | [`proxy`](mod@proxy) | how is it started, seen and stopped? |
//! | `listener` | how do clients come in, and how many? |
//! | `worker` | what does one thread own, and how does it end? |
//! | `client` | how do the bytes of one session move? |
//! | `closing` | what is said of clients that were closed? |
//! | `feed` | how does a new view reach every session of a thread? |
//! | `socket` | which options do sockets need? |
//! | [`proxy_protocol`] | for whom was a connection made? |
//! | [`counters`] | what has been done, in numbers? |
#![forbid(unsafe_code)]

mod client;
mod closing;
pub mod counters;
mod feed;
mod listener;
pub mod proxy;
pub mod proxy_protocol;
mod socket;
mod worker;

pub use counters::{ListenerStats, ProxyStats};
pub use proxy::{Listener, Proxy, ProxyConfig, StartFailed};
