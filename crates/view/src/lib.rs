//! What is true of a group right now: the one truth that every part follows.
//!
//! ```text
//! observe (ping, INFO, hello, votes) -> sentinel machine -> VIEW -> proxy, address, supervisor, admin
//! ```
//!
//! A view is published by one owner and read by everyone. Nobody but the view's source decides who is master (N2).
//!
//! | module | answers |
//! |---|---|
//! | [`name`] | what do we call a group, a server's life, an epoch, a place in the replication stream? |
//! | [`view`](mod@view) | who is master, in which epoch, and who else may be read? |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod name;
pub mod view;

pub use name::{Epoch, GroupName, Malformed, Offset, RunId};
pub use view::{LinkState, Phase, Replica, USUAL_WEIGHT, View};
