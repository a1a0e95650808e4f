//! How often has what happened? Plain numbers, none of which falls.

use serde::{Deserialize, Serialize};

/// The numbers of one address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// How often it came here.
    pub came: u64,
    /// How often an address was ordered onto an interface.
    pub put: u64,
    /// How often a lifetime began anew.
    pub refreshed: u64,
    /// How often an address was ordered off an interface.
    pub removed: u64,
    /// How often the kernel refused an address.
    pub not_put: u64,
    /// How often an address was put back that had gone without an order of ours.
    pub put_back: u64,
    /// How often it was found on the interface, and not by an order of ours.
    pub found: u64,
    /// How often another host said that it has what we ask for, or hold.
    pub conflicts: u64,
    /// How often the link was told where it is.
    pub announcements: u64,
    /// How often clients that others served were tickled.
    pub tickles: u64,
    /// How often clients of our own were cut.
    pub cuts: u64,
    /// Other nodes that were lost while we held it.
    pub partners_lost: u64,
    /// Results of checks.
    pub results: u64,
    /// How often no result of the proof came in time.
    pub proofs_late: u64,
    /// Commands that were run.
    pub commands: u64,
    /// Those of them that failed; that a check says no is no failure.
    pub commands_failed: u64,
    /// Events about what there is not: checks, commands, neighbours.
    pub stray: u64,
}
