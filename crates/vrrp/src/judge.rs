//! Does an advertisement concern this router? What of it must agree with the configuration (RFC 9568 7.1, RFC 3768 7.1).

use alloc::vec::Vec;
use core::net::IpAddr;

use crate::advert::{Advert, Priority};
use crate::config::{Config, OtherAddresses, Version};
use crate::refused::Refused;

/// What of an advertisement that counts is not as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Oddities {
    pub interval: Option<Refused>,
    pub addresses: Option<Refused>,
}

/// Judges an advertisement by `config`, for a router that has `priority` as of now and whose addresses, sorted, are `addresses`.
pub(crate) fn judge(
    config: &Config,
    addresses: &[IpAddr],
    priority: Priority,
    (from, to): (IpAddr, IpAddr),
    advert: &Advert,
) -> Result<Oddities, Refused> {
    let is_unicast = !config.peers.is_empty();
    if advert.vrid != config.vrid {
        return Err(Refused::Vrid { got: advert.vrid.number() });
    }
    if from == config.primary {
        // No rival: with equal priorities and equal addresses both would answer each other for ever.
        return Err(Refused::Own);
    }
    if to != if is_unicast { config.primary } else { config.group() } {
        return Err(Refused::Destination { to });
    }
    if is_unicast && !config.peers.contains(&from) {
        return Err(Refused::Stranger);
    }
    // The RFCs have an owner refuse every advertisement. One with less right is worth an answer: its sender believes to hold the addresses.
    if priority.is_owner() && advert.priority.is_owner() {
        return Err(Refused::Owner);
    }
    let interval = (advert.interval != config.interval).then_some(Refused::Interval { got: Some(advert.interval) });
    if let (Version::V2, Some(refused)) = (config.version, interval) {
        return Err(refused);
    }
    let mut theirs: Vec<IpAddr> = advert.addresses.clone();
    // Their order means nothing.
    theirs.sort_unstable();
    let differ = (theirs != addresses).then_some(Refused::Addresses { got: theirs.len() });
    match differ {
        Some(refused) if config.other_addresses == OtherAddresses::Refuse && !advert.priority.is_owner() => {
            Err(refused)
        }
        addresses => Ok(Oddities { interval, addresses }),
    }
}
