//! What do our links log in with, and what are commands called at the other end? Held here, beside the machine and never in it (N9), and
//! changed while links are up.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use sentinel::Target;
use sentinel::command::Credentials;
use view::GroupName;

/// All keys of a node, as its links see them. Cheap to clone; all clones see the same.
#[derive(Clone, Default)]
pub(crate) struct Keys(Arc<RwLock<Bunch>>);

/// Which key is for whom.
#[derive(Default)]
pub(crate) struct Bunch {
    /// For the servers of each group.
    pub(crate) servers: BTreeMap<GroupName, Credentials>,
    /// For other nodes, whatever the group.
    pub(crate) peers: Credentials,
}

impl Keys {
    pub(crate) fn new(bunch: Bunch) -> Self {
        Self(Arc::new(RwLock::new(bunch)))
    }

    /// All of them anew. Links that are up keep what they logged in with.
    pub(crate) fn replace(&self, bunch: Bunch) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = bunch;
    }

    /// What is said to this target. None is known: no password, and every command under its own name.
    pub(crate) fn of(&self, group: &GroupName, target: Target) -> Credentials {
        let bunch = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match target {
            Target::Server => bunch.servers.get(group).cloned().unwrap_or_default(),
            Target::Peer => bunch.peers.clone(),
        }
    }
}
