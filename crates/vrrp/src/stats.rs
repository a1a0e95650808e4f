//! How often has what happened? Plain numbers under the names of RFC 6527, for the page and for SNMP-like questions.

use crate::refused::{Kind, Refused};

/// The numbers of one virtual router since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// How often it became Active. `MasterTransitions`.
    pub became_active: u64,
    /// Advertisements that counted. `RcvdAdvertisements`.
    pub adverts_received: u64,
    /// Advertisements said, each once however many peers it went to. `vrrpStatsAdvertiseSent` of RFC 2787.
    pub adverts_sent: u64,
    /// Those of them that said that the holder goes. `RcvdPriZeroPackets`.
    pub resignations_received: u64,
    /// Those of ours. `SentPriZeroPackets`.
    pub resignations_sent: u64,
    /// Advertisements that counted although their interval was not ours (version 3).
    pub intervals_differed: u64,
    /// Advertisements that counted although their addresses were not ours.
    pub addresses_differed: u64,
    /// While Active: advertisements of somebody with less right, or resignations. Each is a second holder that there was.
    pub rivals_heard: u64,
    /// Holders that were sent away and did not say in time that they had gone: as a rule Keepalived, or a host that is very busy.
    pub left_silently: u64,
    /// How often the network was told where the addresses are.
    pub announcements: u64,
    /// How often this host woke too late to trust its own silence.
    pub froze: u64,
    /// How often the addresses could not be taken.
    pub not_taken: u64,
    refused: [u64; Kind::ALL.len()],
}

impl Stats {
    /// How many packets were refused for a reason of this kind.
    #[must_use]
    pub const fn refused(&self, kind: Kind) -> u64 {
        self.refused[kind as usize]
    }

    /// How many packets were refused.
    #[must_use]
    pub fn all_refused(&self) -> u64 {
        self.refused.iter().sum()
    }

    pub(crate) const fn count(&mut self, refused: &Refused) {
        self.refused[refused.kind() as usize] += 1;
    }
}
