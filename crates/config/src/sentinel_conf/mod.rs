//! What does a stock Sentinel's `sentinel.conf` say, and how is it written again? By the rules of Redis 7.0.15.
//!
//! ```text
//!   arguments ─ options() ─┐
//!   file's text ───────────┴─ with_options() ─► parse() ─► SentinelConf ─► rewrite(old text) ─► new text
//!   state's text (state-config-file) ─────► parse_state() ─┘         └──► rewrite_state(old state)
//! ```
//!
//! | file | answers |
//! |---|---|
//! | `words` | how a line falls into words, and how a word is written |
//! | `arguments` | how options of the command line become lines |
//! | `directive` | which directives a server knows |
//! | `settings` | what the file said about the server |
//! | `read` | how a file is read |
//! | `statement` | what the lines say that begin with `sentinel` |
//! | `rewrite` | how the file is written again |
//! | `conf` | what all of it says, as plain fields |
//! | `problem` | how a fault is told |
//!
//! Nothing here opens a file: what must be looked at is asked of the caller's [`Surroundings`].
//!
//! Where this departs from 7.0.15, in favour of a file that can be read again: values that need quotes get them; control characters in
//! values are refused (`must not contain control characters`), so that no value can become a line of its own; a number too large
//! for its type becomes the largest; a line `known-slave` is the same directive as `known-replica`; a host name that cannot be resolved stays in the file;
//! passwords are not shown with a problem. `state-config-file` and `primary-reboot-down-after-period` of newer versions are understood.

mod arguments;
mod conf;
mod directive;
mod problem;
mod read;
mod rewrite;
mod settings;
mod statement;
pub mod words;

pub use arguments::{options, with_options};
pub use conf::{KnownSentinel, Master, SentinelConf, Server, Tls, User};
pub use problem::Problem;
pub use read::{Alone, Surroundings, parse, parse_state};
pub use rewrite::{rewrite, rewrite_state};
pub use settings::Settings;
