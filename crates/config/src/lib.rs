//! What did the operator say, and is it possible?
//!
//! One TOML file says everything about one host. [`parse()`] turns its text into a [`Config`] in which every value is typed, within its
//! bounds and consistent with the others, or into [`Problems`]: all of them at once, each with its place in the file, what was expected
//! and what to do. The crate reads no file itself.
//!
//! ```text
//!   text ──► syntax ──► parse ──────► check ────────► config
//!            TOML's     keys and      what only       plain structs
//!            errors     values, by    shows across
//!                       `options`     options
//!                └──────────┴─────────────┴──────► Problems
//! ```
//!
//! A file for one of three hosts:
//!
//! ```
//! let text = r#"
//! [node]
//! name = "a"
//! listen = "10.0.0.1:26379"     # other nodes and Sentinel clients come here
//!
//! [[group]]
//! name = "cache"
//! master = "10.0.0.1:6379"      # where it is today; from then on the nodes agree on it
//! nodes = 3
//!
//! [[listener]]
//! listen = "0.0.0.0:6380"       # applications come here and always reach the master
//! group = "cache"
//! "#;
//! let config = config::parse("standfast.toml", text).unwrap();
//! assert_eq!(config.groups[0].quorum, 2);
//! assert_eq!(config.groups[0].down_after, std::time::Duration::from_secs(1));
//! ```
//!
//! The other file, a stock Sentinel's `sentinel.conf`, is [`sentinel_conf`]'s.
//!
//! To add an option: one entry in the table of [`options`], and the field in the struct that holds it. The parser, the suggestions and
//! `docs/defaults.md` ([`defaults_markdown`]) follow from the entry.

#![forbid(unsafe_code)]

pub mod address;
pub mod change;
mod check;
mod choice;
mod config;
mod diagnostic;
mod edge;
pub mod options;
mod origin;
mod parse;
mod reference;
mod secret;
pub mod sentinel_conf;
mod setting;
mod source;
mod suggest;
mod syntax;
mod value;

pub use address::Address;
pub use choice::{
    Balance, ClientCertificates, Fallback, Followed, LogFormat, LogLevel, MinVersion, Mode, OnUnknown, Pool, Role,
    SendProxy, Source,
};
pub use config::{Admin, Config, Group, Listener, Log, Node, Proxy, Workers};
pub use diagnostic::{Problem, Problems};
pub use edge::{Certificate, Endpoint, Limits, Named, Network, ServerTls, Tcp, Tls, UnixFile};
pub use origin::{Origin, Pace, Probe, Sentinels};
pub use parse::{control_socket, parse};
pub use reference::defaults_markdown;
pub use secret::Secret;
pub use source::Place;
