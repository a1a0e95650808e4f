//! What does another configuration change? As little as can be: an address that is told the same goes on, one that is told of other checks
//! stays where it is, and only one that moves in another way is given up and begun anew.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use vrrp::State;

use super::{Node, Stage};
use crate::address::Address;
use crate::config::{self, Config, Way};
use crate::event::Action;
use crate::team::Team;

impl Node {
    pub(super) fn on_configured(&mut self, config: Config) {
        assert!(config.check().is_ok(), "the configuration was checked: {:?}", config.check());
        let renames = self.renames(&config);
        let old = core::mem::replace(&mut self.config, config);
        let old = self.rename(old, renames);
        let names: BTreeSet<String> = old.addresses.keys().chain(self.config.addresses.keys()).cloned().collect();
        self.dissolve_teams(&old);
        for name in names {
            let new = self.config.addresses.get(&name).cloned();
            let mut out = Vec::new();
            match (self.addresses.get_mut(&name), new) {
                (None, Some(new)) => self.add(&name, new),
                (Some(it), Some(new)) if !it.is_leaving() && *it.config() == new => {}
                (Some(it), Some(new)) if !it.is_leaving() && is_same(it.config(), &new) => {
                    it.configure(self.now, new, &mut self.rng, &mut out);
                }
                (Some(it), Some(new)) => it.leave(Some(new), CHANGED),
                (Some(it), None) => it.leave(None, REMOVED),
                (None, None) => {}
            }
            self.actions.extend(out);
        }
        self.form_teams();
        self.look();
        self.start_teams();
    }

    /// Sync groups that are no more: whoever was told of them is told that, after the end of their addresses.
    pub(super) fn end_groups(&mut self, out: &mut Vec<Action>) {
        let Self { said, stage, config, .. } = self;
        said.retain(|group, from| {
            let goes_on = *stage == Stage::Running && config.groups.contains_key(group);
            if !goes_on {
                out.push(Action::GroupChanged { group: group.clone(), from: *from, to: State::Initialize });
            }
            goes_on
        });
    }

    pub(super) fn add(&mut self, name: &str, config: config::Address) {
        let mut address = Address::new(name, config, self.now, self.conns, &mut self.rng);
        let mut out = Vec::new();
        if self.stage == Stage::Running {
            address.right.look(self.now, &address.config().interface.clone(), &self.links, &self.views);
            address.start(self.now, &mut out);
        }
        self.actions.extend(out);
        self.addresses.insert(name.into(), address);
    }

    /// Teams that are no more as they were. Members that go on keep what they hold until their new router has spoken; the others resign.
    fn dissolve_teams(&mut self, old: &Config) {
        let wanted = shapes(&self.config);
        let goes_on = |name: &String| match (old.addresses.get(name), self.config.addresses.get(name)) {
            (Some(old), Some(new)) => is_same(old, new),
            _ => false,
        };
        let mut out = Vec::new();
        let (kept, dissolved): (Vec<Team>, Vec<Team>) =
            core::mem::take(&mut self.teams).into_iter().partition(|team| {
                let shape = (team.group.clone(), team.members.clone());
                wanted.contains(&shape) && team.members.iter().all(goes_on)
            });
        for member in dissolved.iter().flat_map(|team| &team.members) {
            let Some(address) = self.addresses.get_mut(member) else { continue };
            if goes_on(member) {
                address.keep();
            } else {
                address.resign(&mut out);
            }
        }
        for team in &dissolved {
            let said = team.group.clone().map(|group| (group, team.state()));
            self.said.extend(said.filter(|(_, state)| *state != State::Initialize));
        }
        self.teams = kept;
        self.actions.extend(out);
    }

    /// Routers for the addresses that have none, once all that move together are there.
    pub(super) fn form_teams(&mut self) {
        for (group, members) in shapes(&self.config) {
            let has_team = self.teams.iter().any(|team| team.members == members);
            let is_there = |name: &String| {
                self.addresses.get(name).is_some_and(|address| address.is_vrrp() && !address.is_leaving())
            };
            if has_team || !members.iter().all(is_there) {
                continue;
            }
            let router = |name: &String| match &self.config.addresses[name].way {
                Way::Vrrp(vrrp) => (name.clone(), vrrp.clone()),
                way => unreachable!("only routers are in a team: {way:?}"),
            };
            let said = group.as_ref().and_then(|group| self.said.remove(group));
            self.teams.push(Team::new(group, members.iter().map(router).collect(), said, self.now));
        }
    }
}

/// The teams that there are to be: the name of each, and its members.
fn shapes(config: &Config) -> Vec<(Option<String>, BTreeSet<String>)> {
    let groups = config.groups.iter().map(|(name, members)| (Some(name.clone()), members.clone()));
    let is_grouped = |name: &String| config.groups.values().any(|members| members.contains(name));
    let routers = config.addresses.iter().filter(|(_, address)| matches!(address.way, Way::Vrrp(_)));
    let alone = routers.filter(|(name, _)| !is_grouped(name)).map(|(name, _)| (None, [name.clone()].into()));
    groups.chain(alone).collect()
}

/// Whether it can be told the second while it is the first.
pub(super) fn is_same(old: &config::Address, new: &config::Address) -> bool {
    let same_way = match (&old.way, &new.way) {
        (Way::Vrrp(old), Way::Vrrp(new)) => {
            (old.version, old.vrid, old.primary) == (new.version, new.vrid, new.primary)
        }
        (Way::Bgp { .. }, Way::Bgp { .. })
        | (Way::View { .. }, Way::View { .. })
        | (Way::Command { .. }, Way::Command { .. }) => true,
        _ => false,
    };
    same_way && old.interface == new.interface
}

const CHANGED: &str = "it is configured otherwise, and begins anew";
const REMOVED: &str = "it is not configured any more";
