//! Which clients, sockets and groups do the addresses of the file concern? For those who look after each of them.

use std::collections::{BTreeMap, BTreeSet};

use config::Config;
use node::{Follows, Way};
use view::GroupName;

use super::compose::Told;
use super::ports::Place;
use crate::clients::Watched;

/// Whose clients other nodes are told of.
pub(super) fn watched(config: &Config) -> Vec<Watched> {
    let watched = config.addresses.iter().map(|address| Watched {
        address: address.name.clone(),
        ips: address.all_held().into_iter().map(|held| held.ip).collect(),
        partners: address.partners.clone(),
    });
    watched.collect()
}

/// Where routers live.
pub(super) fn places(told: &Told) -> BTreeMap<String, Place> {
    let place = |(name, address): (&String, &node::Address)| {
        let Way::Vrrp(router) = &address.way else { return None };
        let codec = told.outfits.get(name)?.codec.clone()?;
        let (interface, primary, vrid) = (address.interface.clone(), router.primary, router.vrid.number());
        Some((name.clone(), Place { interface, primary, vrid, codec }))
    };
    told.node.addresses.iter().filter_map(place).collect()
}

/// The groups that addresses follow.
pub(super) fn followed(config: &node::Config) -> BTreeSet<GroupName> {
    let group = |address: &node::Address| match &address.follows {
        Follows::Master { group, .. } => Some(group.clone()),
        Follows::Checks => None,
    };
    config.addresses.values().filter_map(group).collect()
}
