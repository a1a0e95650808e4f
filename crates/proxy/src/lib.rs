//! How do bytes move fast? Sockets and threads around [`session::Session`]; no rule is in here.
//!
//! ```text
//!                    accept                      hand over: the worker with the fewest clients
//!   client ────> listener (worker 0) ──────────────────────────────────> worker n, one thread
//!                                                                          ├ a client ── its server
//!   view source ── watch ──> one thread ────────────────────── calls ────> ├ a client ── its server
//!                                                                          └ …
//! ```
//!
//! A worker is one loop over the kernel's events. Workers share nothing on a request's way: sessions, buffers and views are each
//! thread's own; counters are written by one thread and read by whoever asks; the log of closed clients and the book of CLIENT KILLs
//! have a lock each, for which no request waits.
//!
//! | module | answers |
//! |---|---|
//! | [`proxy`](mod@proxy) | how is it started, seen and stopped? |
//! | [`change`] | what can be changed while clients are served? |
//! | `turn` | in which order does a worker do things? |
//! | `worker` | what does one thread own? |
//! | `client`, `server` | what is one client, one server connection, to its worker? |
//! | [`budget`] | how much memory may the requests take that one thread keeps? |
//! | `crowd` | how many connections are made to one server at once? |
//! | `stream` | what is known of a socket between two events of the kernel? |
//! | `slots` | whom does an event concern, and is it still the same one? |
//! | `timers`, `queue` | who is to be woken when? who is to be seen to next? |
//! | `listener` | how do clients come in? |
//! | [`descriptors`] | may clients take one more descriptor of this process? |
//! | `arrivals` | who hears at once that somebody has come? |
//! | [`edge`] | where is a listener, and how long is silence believed? |
//! | [`gate`] | who may come in, and how many? |
//! | `refused` | why may a client not come in, and what is it told? |
//! | `opaque` | how do bytes pass of which nothing is known? |
//! | `porch` | what must somebody do before the session begins? |
//! | [`tls`] | how do bytes pass through TLS? |
//! | `post` | how is a worker reached from other threads? |
//! | `feed` | how does a new view reach every session of a thread? |
//! | `lanes` | how do clients come by connections that are not only theirs? |
//! | `kill` | which server connections ended because one of our clients said CLIENT KILL? |
//! | `cut` | how do clients learn that the address leaves to which they came? |
//! | `closing` | what is said of clients that were closed? |
//! | `socket` | which options do sockets need? |
//! | [`proxy_protocol`] | for whom was a connection made? |
//! | [`counters`] | what has been done, in numbers? |
#![forbid(unsafe_code)]

mod arrivals;
pub mod budget;
pub mod change;
mod client;
mod closing;
pub mod counters;
mod crowd;
mod cut;
pub mod descriptors;
pub mod edge;
mod feed;
pub mod gate;
mod kill;
mod lanes;
mod listener;
mod opaque;
mod porch;
mod post;
pub mod proxy;
pub mod proxy_protocol;
mod queue;
mod refused;
mod server;
mod slots;
mod socket;
mod stream;
mod timers;
pub mod tls;
mod turn;
mod worker;

pub use arrivals::Arrival;
pub use change::Applied;
pub use counters::{ListenerStats, ProxyStats};
pub use edge::{Edge, Endpoint};
pub use proxy::{Listener, Proxy, ProxyConfig, StartFailed};
pub use refused::Refused;
pub use socket::ListeningSocket;
