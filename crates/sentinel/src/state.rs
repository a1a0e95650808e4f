//! What must survive a restart: the node's id, epochs, votes, the agreed masters, and who is known.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};
use view::{Epoch, GroupName, RunId};

/// What must survive a restart. Saved whole, before anything leaves the host that depends on it (V2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The highest epoch ever seen.
    pub epoch: Epoch,
    /// Per group.
    pub groups: BTreeMap<GroupName, GroupState>,
}

/// What must survive a restart, of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupState {
    /// The agreed master.
    pub master: SocketAddr,
    /// Which decision made it master.
    pub config_epoch: Epoch,
    /// The replication id that its data were last seen under: tells a replica of this group from a stranger.
    pub history: Option<RunId>,
    /// The last vote that was given.
    pub vote: Option<Vote>,
    /// Every server known, the master included.
    pub servers: Vec<SocketAddr>,
    /// Every other node known.
    pub peers: Vec<KnownPeer>,
}

/// A vote: one per group and epoch, for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// In which epoch.
    pub epoch: Epoch,
    /// For whom; `None`: not known any more (a `sentinel.conf` keeps the epoch only). Then it is nobody's, and still spent.
    pub leader: Option<RunId>,
}

/// Another node, as remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPeer {
    /// Its id for ever.
    pub id: RunId,
    /// Where it was last.
    pub addr: SocketAddr,
}
