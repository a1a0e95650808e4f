//! What has a session done? Plain numbers since the start, none of which falls.

use serde::{Deserialize, Serialize};

/// Counters of one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Connections ordered.
    pub attempts: u64,
    /// Those that were refused, not answered, or closed before the peer said a word.
    pub refused: u64,
    /// Sessions that came to stand.
    pub established: u64,
    /// Sessions and openings that ended, other than by our own wish.
    pub failures: u64,
    /// Messages that came, of every type.
    pub messages_in: u64,
    /// Messages that were ordered to be sent.
    pub messages_out: u64,
    /// UPDATEs that came, all of them ignored.
    pub updates_ignored: u64,
    /// Times that the peer asked for all routes once more.
    pub refreshes: u64,
    /// Bytes, or messages in a wrong place, that were answered by a NOTIFICATION.
    pub misbehaved: u64,
    /// Routes announced, with repetitions.
    pub announced: u64,
    /// Routes withdrawn.
    pub withdrawn: u64,
    /// Times that something waited because the peer does not read.
    pub held_back: u64,
    /// Events of a connection that was given up before.
    pub stray: u64,
}
