//! What is called otherwise than before, and is the same: an address that is at the same place by the same way, a sync group of the same
//! addresses. Nothing of it moves, and nobody is told of a state: a name is the operator's.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Node;
use super::configure::is_same;
use crate::config::{self, Config};
use crate::event::Action;

impl Node {
    /// What each address that would be called otherwise is called: `(before, after)`.
    #[must_use]
    pub fn renames(&self, to: &Config) -> Vec<(String, String)> {
        let gone = self.config.addresses.iter().filter(|(name, _)| !to.addresses.contains_key(*name));
        // One that has the name still, until it has given everything up, keeps it.
        let is_free = |name: &String| !self.addresses.contains_key(name);
        let mut come: BTreeMap<&String, &config::Address> =
            to.addresses.iter().filter(|(name, _)| is_free(name)).collect();
        let pairs = gone.filter_map(|(before, was)| {
            let shares =
                |is: &config::Address| is.held.iter().any(|placed| was.held.iter().any(|other| other.ip == placed.ip));
            let after = *come.iter().find(|(_, is)| is_same(was, is) && shares(is))?.0;
            come.remove(after);
            Some((before.clone(), after.clone()))
        });
        pairs.collect()
    }

    /// Calls everything by the names of the new configuration, and gives back the old one in those.
    pub(super) fn rename(&mut self, mut old: Config, renames: Vec<(String, String)>) -> Config {
        let mut out = Vec::new();
        for (before, after) in renames {
            if let Some(config) = old.addresses.remove(&before) {
                old.addresses.insert(after.clone(), config);
            }
            for members in old.groups.values_mut() {
                rename_in(members, &before, &after);
            }
            for team in &mut self.teams {
                team.rename(&before, &after);
            }
            if let Some(mut address) = self.addresses.remove(&before) {
                address.rename(&after, &mut out);
                let text = format!("it was called {before} until now: nothing of it moves");
                out.push(Action::Tell { address: after.clone(), is_bad: false, text });
                self.addresses.insert(after, address);
            }
        }
        self.actions.extend(out);
        self.rename_groups(&mut old);
        old
    }

    fn rename_groups(&mut self, old: &mut Config) {
        let gone: Vec<String> =
            old.groups.keys().filter(|name| !self.config.groups.contains_key(*name)).cloned().collect();
        for before in gone {
            let members = &old.groups[&before];
            let mut come = self.config.groups.iter().filter(|(name, _)| !old.groups.contains_key(*name));
            let Some((after, _)) = come.find(|(_, others)| *others == members) else { continue };
            if let Some(team) = self.teams.iter_mut().find(|team| team.group.as_ref() == Some(&before)) {
                team.group = Some(after.clone());
            }
            if let Some(said) = self.said.remove(&before) {
                self.said.insert(after.clone(), said);
            }
            let members = members.clone();
            old.groups.insert(after.clone(), members);
            old.groups.remove(&before);
        }
    }
}

/// The same set, in which one is called otherwise.
pub(crate) fn rename_in(members: &mut BTreeSet<String>, before: &str, after: &str) {
    if members.remove(before) {
        members.insert(after.into());
    }
}
