//! What is a guard told? One line of JSON a word.

use std::net::IpAddr;
use std::time::Duration;

use machine::time::span;
use node::config::Placed;
use serde::{Deserialize, Serialize};

/// A word from the node to its guard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Word {
    /// It may be silent for so long.
    Patience(#[serde(with = "span")] Duration),
    /// What is to be done for an address if it dies; an empty will: nothing.
    Will {
        /// Of which address.
        address: String,
        /// What.
        will: Will,
    },
    /// It is awake.
    Beat,
    /// It goes in order.
    Goodbye,
}

impl Word {
    /// Appends its line.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(&mut *out, self).expect("numbers and texts can be written, and memory takes them");
        out.push(b'\n');
    }

    pub(super) fn read(line: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(line)
    }
}

/// What is to be done for one address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Will {
    /// To be taken off, in order, whichever of them are there.
    pub(crate) remove: Vec<Removal>,
    /// To be said after that, if the node is dead.
    pub(crate) say: Vec<Packet>,
}

impl Will {
    pub(crate) const fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.say.is_empty()
    }
}

/// An address on a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Removal {
    /// The number of the link: one that is made anew under the same name has none of our addresses.
    pub(crate) link: u32,
    /// Its name, for messages.
    pub(crate) interface: String,
    pub(crate) address: Placed,
}

/// A packet of VRRP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Packet {
    /// The number of the link that it goes out on.
    pub(crate) link: u32,
    /// Its name, for messages.
    pub(crate) interface: String,
    /// The host's own address on the link.
    pub(crate) from: IpAddr,
    /// A peer, or the group.
    pub(crate) to: IpAddr,
    /// What is behind the IP header.
    pub(crate) bytes: Vec<u8>,
}
