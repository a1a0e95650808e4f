//! Where a RESP frame ends, and what it says.
//!
//! The language of Redis as its servers and clients speak it: RESP2, RESP3 and inline commands.
//! Nothing here reads a socket or a clock; bytes come in as slices.
//!
//! | module | question |
//! |---|---|
//! | [`scan`] | where does a frame end? (the proxy's hot path: no copy, nothing scanned twice) |
//! | [`value`] | what does a reply say? (an owned tree, for the control plane) |
//! | [`mod@write`] | how is it put into bytes? |
//! | [`inline`] | which arguments does a line typed by a person have? |
//! | [`info`] | what did `INFO` say? |
//! | [`command`] | what does a command do, and where are its keys? |
//! | [`malformed`] | what was wrong with the bytes, in Redis's words? |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod command;
pub mod glob;
pub mod info;
pub mod inline;
pub mod malformed;
mod number;
pub mod scan;
pub mod value;
pub mod write;

pub use malformed::Malformed;
pub use scan::{Command, Kind, Limits, Progress, Reply, ReplyScanner, Request, RequestScanner, Streamed};
pub use value::{Value, decode};
pub use write::Protocol;
