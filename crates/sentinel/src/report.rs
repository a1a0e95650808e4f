//! How things stand: a snapshot for `standfast status`, the page and the JSON. Plain data, no rule.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use machine::Instant;
use serde::{Deserialize, Serialize};
use view::{Epoch, GroupName, Offset, RunId, View};

use crate::answer::Role;
use crate::core::Core;
use crate::group::Group;
use crate::peer::Peer;
use crate::record::Record;
use crate::sentinel::Sentinel;
use crate::server::Server;

/// How things stand on this node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// When the machine last heard something: ages are counted from then.
    pub at: Instant,
    /// Which node.
    pub id: RunId,
    /// Where it says it can be reached.
    pub announce: SocketAddr,
    /// The highest epoch that it has seen.
    pub epoch: Epoch,
    /// Its groups, by name.
    pub groups: Vec<GroupReport>,
    /// The last changes of master, oldest first; the last may still be under way.
    pub records: Vec<Record>,
    /// Counters.
    pub stats: Stats,
}

/// How one group stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupReport {
    /// Its name.
    pub name: GroupName,
    /// Where the view comes from.
    #[serde(default)]
    pub source: SourceKind,
    /// The view that is published.
    pub view: View,
    /// One sentence: what this node does about the group, and why.
    pub explain: String,
    /// Down for this node.
    pub sdown: bool,
    /// Down for the quorum.
    pub odown: bool,
    /// How many nodes must see the master down.
    pub quorum: u32,
    /// The servers, the master first.
    pub servers: Vec<ServerReport>,
    /// The other nodes.
    pub peers: Vec<PeerReport>,
}

/// Where the view of a group comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// The nodes agree on it.
    #[default]
    Monitor,
    /// Stock Sentinels do, and are followed.
    Sentinels,
    /// Each server is checked from outside.
    Probe,
}

/// How one server stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServerReport {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Whether it is the agreed master.
    pub is_master: bool,
    /// What it says it is; `None` if it never answered.
    pub role: Option<Role>,
    /// Down for this node, and why; `None`: up.
    pub down: Option<String>,
    /// Whether our connection to it stands.
    pub connected: bool,
    /// A replica's: whether it hears its master.
    pub link_up: bool,
    /// A replica's: whom it follows.
    pub follows: Option<SocketAddr>,
    /// How far it has come.
    pub offset: Offset,
    /// Bytes behind the master, if both have said.
    pub lag: Option<u64>,
    /// Its version.
    pub version: String,
    /// What the last check said, where it is checked from outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// Milliseconds since its last good answer.
    pub answered_ms_ago: u64,
}

/// How another node stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PeerReport {
    /// Its id.
    pub id: RunId,
    /// Where it is.
    pub addr: SocketAddr,
    /// Whether it does not answer us.
    pub down: bool,
    /// Whom it takes for master, as of its last hello.
    pub master: Option<SocketAddr>,
    /// In which config epoch.
    pub config_epoch: Epoch,
    /// Milliseconds since its last hello; `None`: it never said one.
    pub hello_ms_ago: Option<u64>,
}

/// Plain counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Events handled.
    pub events: u64,
    /// Events about links that are gone.
    pub stray: u64,
    /// Votes given.
    pub votes: u64,
    /// Failovers begun.
    pub attempts: u64,
    /// Failovers led to their end.
    pub switched: u64,
    /// Things not kept because a bound was reached (servers, peers, unanswered commands, waiting requests).
    pub at_bound: u64,
    /// Hello messages that made no sense.
    pub malformed: u64,
}

impl Sentinel {
    /// How things stand now.
    #[must_use]
    pub fn report(&self) -> Report {
        let core = &self.core;
        let under_way = self.groups.values().filter_map(|g| g.failover.as_ref()).map(|f| &f.record);
        Report {
            at: core.now,
            id: core.id.clone(),
            announce: core.announce,
            epoch: core.epoch,
            groups: self.groups.values().map(|g| g.report(core)).collect(),
            records: core.records.iter().chain(under_way).cloned().collect(),
            stats: core.stats,
        }
    }
}

impl Group {
    fn report(&self, core: &Core) -> GroupReport {
        let (mut masters, replicas): (Vec<_>, Vec<_>) =
            self.servers.values().map(|s| self.server_report(core.now, s)).partition(|s| s.is_master);
        masters.extend(replicas);
        GroupReport {
            name: self.name.clone(),
            source: SourceKind::Monitor,
            view: self.view(),
            explain: self.explain(core),
            sdown: self.master_is_down(),
            odown: self.odown.is_some(),
            quorum: self.rules.quorum,
            servers: masters,
            peers: self.peers.values().map(|p| peer_report(core.now, p)).collect(),
        }
    }

    fn server_report(&self, now: Instant, server: &Server) -> ServerReport {
        let info = server.info.as_ref();
        let lag = self.view().replicas.iter().find(|r| r.addr == server.addr).and_then(|r| r.lag);
        ServerReport {
            addr: server.addr,
            is_master: server.addr == self.master,
            role: server.role(),
            down: server.down.map(|d| d.why.text().into()),
            connected: server.command.is_up(),
            link_up: info.is_some_and(|i| i.link_up),
            follows: info.and_then(|i| i.master),
            offset: info.map(|i| i.offset).unwrap_or_default(),
            lag,
            version: info.map(|i| i.version.clone()).unwrap_or_default(),
            check: None,
            answered_ms_ago: now.since(server.evidence.good).as_millis().try_into().unwrap_or(u64::MAX),
        }
    }
}

fn peer_report(now: Instant, peer: &Peer) -> PeerReport {
    let ago = peer.said.map(|s| now.since(s.at).as_millis());
    PeerReport {
        id: peer.id.clone(),
        addr: peer.addr,
        down: peer.is_down(),
        master: peer.said.map(|s| s.master),
        config_epoch: peer.said.map(|s| s.config_epoch).unwrap_or_default(),
        hello_ms_ago: ago.map(|ms| ms.try_into().unwrap_or(u64::MAX)),
    }
}
