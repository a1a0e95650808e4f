//! What the machine was told: plain data that the program makes from the operator's file, and that commands change.

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::net::SocketAddr;
use core::time::Duration;

use machine::time::span;
use serde::{Deserialize, Serialize};
use view::{GroupName, RunId};

/// What a node was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// This node's id for ever.
    pub id: RunId,
    /// The address told to other nodes, where this node's Sentinel port can be reached. An unspecified address (`0.0.0.0`)
    /// stands for whichever each connection has at our end ([`crate::command::write`] fills it in).
    pub announce: SocketAddr,
    /// The groups to watch.
    pub groups: BTreeMap<GroupName, GroupConfig>,
}

/// What a node was told about one group. Every node of a group should be told the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupConfig {
    /// Where the master was when the file was written. The agreed state wins over it.
    pub master: SocketAddr,
    /// How many nodes must see the master down.
    pub quorum: u32,
    /// How many nodes watch this group. The majority is of this, or of all ever seen, whichever is larger.
    pub nodes: u32,
    /// Silence of this length means down.
    #[serde(with = "span")]
    pub down_after: Duration,
    /// A refused, reset or ended connection that lasts this long, and is confirmed by a second one, means down.
    #[serde(with = "span")]
    pub confirm: Duration,
    /// How long the end of a failover (everyone follows the new master) is waited for.
    #[serde(with = "span")]
    pub failover_timeout: Duration,
    /// How long a planned switchover may hold writes before it is undone.
    #[serde(with = "span")]
    pub switchover_timeout: Duration,
    /// How many replicas may copy from a new master at the same time; at least 1.
    #[serde(default = "all_at_once", skip_serializing_if = "is_all_at_once")]
    pub parallel_syncs: u32,
    /// A master that restarted and has answered no PING for this long counts as down, although it says that it is loading.
    /// Zero: loading is being there, for ever.
    #[serde(default, with = "span", skip_serializing_if = "Duration::is_zero")]
    pub reboot_down_after: Duration,
    /// How long a server that keeps its data on disk may refuse connections before that means down: its supervisor may be
    /// restarting it. Zero: no longer than any other.
    #[serde(default, with = "span", skip_serializing_if = "Duration::is_zero")]
    pub restart_grace: Duration,
    /// An address of this host goes with the master: it has to be gone before this host's vote makes another server master.
    #[serde(default, skip_serializing_if = "is_not")]
    pub ties_address: bool,
    /// Program to run for every loud event about this group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_script: Option<String>,
    /// Program to run when the master has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_reconfig_script: Option<String>,
}

/// No bound on replicas that copy at a time: after sealing they share the new master's history, and copy next to nothing.
const fn all_at_once() -> u32 {
    u32::MAX
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_not(it: &bool) -> bool {
    !*it
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_all_at_once(n: &u32) -> bool {
    *n == u32::MAX
}

/// A leader may order a promotion this long after it began to ask for votes, and not later. One constant for all nodes: what
/// a voter promises must outlast what a leader takes, whatever their files say.
pub const ATTEMPT_LIMIT: Duration = Duration::from_secs(2);

/// A voter gives no vote to anybody else for this long, so that two leaders never promote at the same time. Longer than the
/// leader's time: clocks may run apart, and a question travels.
pub const PROMISE: Duration = Duration::from_millis(2_500);

/// No server is asked more often than this.
const MIN_PING: Duration = Duration::from_millis(20);

/// The masters of many groups are asked in turn, one in this time: a thousand questions a second are enough for one node.
const WATCH_SHARE: Duration = Duration::from_millis(1);

/// How long a hold may last whatever the file says: the leader must have time left to seal and promote.
const MAX_HOLD: Duration = Duration::from_millis(1_500);

impl GroupConfig {
    /// A group with the defaults of everything but its master.
    #[must_use]
    pub const fn of(master: SocketAddr, quorum: u32, nodes: u32) -> Self {
        Self {
            master,
            quorum,
            nodes,
            down_after: Duration::from_secs(1),
            confirm: Duration::from_millis(50),
            failover_timeout: Duration::from_secs(60),
            switchover_timeout: Duration::from_secs(1),
            parallel_syncs: all_at_once(),
            reboot_down_after: Duration::ZERO,
            restart_grace: Duration::ZERO,
            ties_address: false,
            notification_script: None,
            client_reconfig_script: None,
        }
    }

    /// How long writes may be held. Not longer than the other nodes' patience: their hellos are writes to Redis and wait on
    /// a paused master, so that it seems silent to them.
    #[must_use]
    pub fn hold_limit(&self) -> Duration {
        self.switchover_timeout.min(self.down_after * 3 / 4).min(MAX_HOLD)
    }

    /// How often a replica is asked whether it is there.
    #[must_use]
    pub fn ping_period(&self) -> Duration {
        (self.down_after / 5).clamp(MIN_PING, Duration::from_secs(1))
    }

    /// How often the master is asked, where so many groups are watched. Its silence begins with the first question that is
    /// not answered: whatever lies between two of them is added to every failover.
    #[must_use]
    pub fn watch_period(&self, groups: usize) -> Duration {
        let share = WATCH_SHARE.saturating_mul(u32::try_from(groups).unwrap_or(u32::MAX));
        (self.down_after / 40).max(share).clamp(MIN_PING, self.ping_period().max(MIN_PING))
    }
}
