//! How does an operator talk to a running node? A UNIX socket; one line asks, one line of JSON answers.
//!
//! | line | answer |
//! |---|---|
//! | `status` | [`Status`](crate::status::Status) |
//! | `switchover GROUP [HOST:PORT]` | [`Switched`], when it is done or undone |
//! | `server GROUP HOST:PORT drain\|maintenance [force]`, `... ready`, `... weight N` | [`Stands`] |
//! | `address release\|take\|preempt NAME` | [`Wished`](crate::addresses::Wished) |
//! | `reload` | what changed, a line each, when it is done |
//! | `upgrade [BINARY]` | [`Taken`](crate::upgrade::Taken), when another process has taken over |
//! | `views` | every view as listeners see it, a line each, until one hangs up: no [`Answer`] |
//! | `explain N [GROUP]` | [`Explained`](crate::explain::Explained): the last failover but N - 1 |
//! | `flight` | [`Flight`] |
//! | `clock` | [`Clock`] |
//!
//! Each is wrapped in an [`Answer`].

mod client;
mod server;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use view::Epoch;

use crate::overlay::Standing;

pub(crate) use client::{ask, ask_at};
pub(crate) use server::{Server, bind};

/// What comes back for any line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer<T> {
    /// Done.
    Ok(T),
    /// Not done; nothing is changed, or what was changed is undone.
    Refused {
        /// As on the wire: `NOGOODSLAVE`, `INPROG`, `ERR`.
        code: String,
        /// For people.
        why: String,
    },
}

/// A planned switchover that was done.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Switched {
    /// Who was master.
    pub(crate) from: SocketAddr,
    /// Who is.
    pub(crate) to: SocketAddr,
    /// In which epoch.
    pub(crate) epoch: Epoch,
    /// How long writes were held.
    #[serde(with = "machine::time::span")]
    pub(crate) held: Duration,
}

/// How a server stands after an order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Stands {
    /// `None`: it is gone, and nothing is wanted of it any more.
    pub(crate) standing: Option<Standing>,
    /// Why the next start will not know of it, if it will not.
    pub(crate) forgets: Option<String>,
}

/// Where the flight record was written.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Flight {
    pub(crate) path: PathBuf,
    /// That of the machine of addresses, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) addresses: Option<PathBuf>,
}

/// What the node's clock says: with it, moments of several nodes can be put on one line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Clock {
    /// Nanoseconds since the node's process started.
    pub(crate) now: u64,
}

/// Bytes of a request line.
const MAX_REQUEST: usize = 4 << 10;
/// Bytes of an answer: a status of a hundred groups has less than a megabyte.
const MAX_ANSWER: usize = 16 << 20;
