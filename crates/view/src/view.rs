//! Who is master, in which epoch, and who else may be read.

use alloc::vec::Vec;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{Epoch, GroupName, Offset};

/// The agreed truth of one group at one moment. A snapshot: it never changes, a new one replaces it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Whose truth this is.
    pub group: GroupName,
    /// The config epoch: which decision this master is the result of. Never falls on one node (V3).
    pub epoch: Epoch,
    /// Whether requests may go to the master.
    pub phase: Phase,
    /// The agreed master. While the phase is not `Steady` it is the last agreed one, for information only.
    pub master: SocketAddr,
    /// Everyone else, in the order of their addresses.
    pub replicas: Vec<Replica>,
}

/// Whether requests may go to the master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// There is a master and nothing speaks against it: send.
    Steady,
    /// The same, but fewer than a majority name it at present: another may have been promoted behind our back. Send, as wherever nobody asks for a
    /// majority; an address that follows the master must not be here.
    Unbacked,
    /// The master is agreed down, or is being replaced on purpose: wait, a new view is under way.
    Switching,
    /// The master is down and nobody can be promoted at present: no majority, or no fit replica. Waiting may be in vain.
    Lost,
}

/// One server of the group that is not its master.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Whether it answers us, and whether it hears its master.
    pub link: LinkState,
    /// How far it has come in the replication stream, as last reported.
    pub offset: Offset,
    /// How many bytes it is behind the master, as last reported by both; `None` if one of them has not said.
    pub lag: Option<u64>,
    /// How much of the readers' work it shall take beside the other replicas, 0 to 256. With 0 it is not read: nobody comes,
    /// and who is there goes elsewhere. The machine knows of none; operators do, each on a node of their own.
    #[serde(default = "usual_weight", skip_serializing_if = "is_usual_weight")]
    pub weight: u16,
}

/// What a replica weighs of which nobody said anything: in the middle, so that both more and less can be said.
pub const USUAL_WEIGHT: u16 = 100;

const fn usual_weight() -> u16 {
    USUAL_WEIGHT
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_usual_weight(weight: &u16) -> bool {
    *weight == USUAL_WEIGHT
}

/// What connects a replica to the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinkState {
    /// It answers, and follows the agreed master.
    Up,
    /// It answers, and does not (yet) follow the agreed master: what it would serve grows old.
    Stale,
    /// It does not answer us.
    Down,
}

impl View {
    /// Where requests for the master go now; `None` while they have to wait.
    #[must_use]
    pub fn writable(&self) -> Option<SocketAddr> {
        matches!(self.phase, Phase::Steady | Phase::Unbacked).then_some(self.master)
    }

    /// Replicas that may be read: their link is up, they are not further behind than `max_lag` bytes, and they have a weight.
    pub fn readable(&self, max_lag: u64) -> impl Iterator<Item = &Replica> + Clone {
        let fits = move |r: &&Replica| r.link == LinkState::Up && r.lag.is_none_or(|lag| lag <= max_lag);
        self.replicas.iter().filter(fits).filter(|r| r.weight > 0)
    }

    /// Replicas that are there and shall get no readers. Who cannot go elsewhere need not leave at once.
    pub fn resting(&self) -> impl Iterator<Item = SocketAddr> {
        self.replicas.iter().filter(|r| r.link == LinkState::Up && r.weight == 0).map(|r| r.addr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn view(phase: Phase) -> View {
        let replica = |n: u16, link, lag| Replica {
            addr: SocketAddr::from(([10, 0, 0, 1], n)),
            link,
            offset: Offset(100),
            lag,
            weight: USUAL_WEIGHT,
        };
        View {
            group: "cache".into(),
            epoch: Epoch(1),
            phase,
            master: SocketAddr::from(([10, 0, 0, 1], 1)),
            replicas: vec![
                replica(2, LinkState::Up, Some(10)),
                replica(3, LinkState::Up, Some(11)),
                replica(4, LinkState::Stale, Some(0)),
                replica(5, LinkState::Down, None),
                replica(6, LinkState::Up, None),
            ],
        }
    }

    #[test]
    fn only_a_view_with_a_master_names_a_place_to_write() {
        assert!(view(Phase::Steady).writable().is_some());
        assert!(view(Phase::Unbacked).writable().is_some());
        assert!(view(Phase::Switching).writable().is_none());
        assert!(view(Phase::Lost).writable().is_none());
    }

    #[test]
    fn a_replica_is_read_only_while_it_follows_closely() {
        let ports: Vec<u16> = view(Phase::Steady).readable(10).map(|r| r.addr.port()).collect();
        assert_eq!(ports, [2, 6], "an unknown lag is not held against a replica whose link is up");
    }

    #[test]
    fn a_replica_without_weight_is_not_read() {
        let mut view = view(Phase::Steady);
        view.replicas[0].weight = 0;
        view.replicas[4].weight = 1;
        let ports: Vec<u16> = view.readable(10).map(|r| r.addr.port()).collect();
        assert_eq!(ports, [6]);
    }
}
