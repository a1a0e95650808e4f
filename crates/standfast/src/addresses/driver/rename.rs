//! What is kept for an address whose name is another one in the file: it goes on under that. Which those are the machine says.

use std::collections::BTreeMap;

use node::Event;

use super::{Driver, Told};

/// What was told before, by the names of now.
pub(super) fn called(mut told: Told, renames: &[(String, String)]) -> Told {
    for (before, after) in renames {
        if let Some(address) = told.node.addresses.remove(before) {
            told.node.addresses.insert(after.clone(), address);
        }
        if let Some(outfit) = told.outfits.remove(before) {
            told.outfits.insert(after.clone(), outfit);
        }
    }
    told
}

/// What addresses were called a moment ago: what was said of them then may still be on its way.
#[derive(Default)]
pub(super) struct Aliases(BTreeMap<String, String>);

impl Aliases {
    /// Another address may have the name of before by now.
    fn forget(&mut self, is_used: impl Fn(&str) -> bool) {
        self.0.retain(|before, _| !is_used(before));
    }

    /// The event, by the names of now.
    pub(super) fn resolve(&self, mut event: Event) -> Event {
        let (Event::Checked { address, .. }
        | Event::Router { address, .. }
        | Event::Peer { address, .. }
        | Event::Rekeyed { address, .. }
        | Event::Ran { address, .. }
        | Event::PartnerLost { address, .. }
        | Event::Wished { address, .. }) = &mut event
        else {
            return event;
        };
        if let Some(after) = self.0.get(address) {
            address.clone_from(after);
        }
        event
    }
}

impl Driver {
    /// Calls everything by the names that are to be. What is called otherwise comes back, as before and from now on.
    pub(super) fn rename(&mut self, to: &node::Config) -> Vec<(String, String)> {
        let renames = self.machine.renames(to);
        self.aliases.forget(|name| to.addresses.contains_key(name));
        if !renames.is_empty() {
            // What was said before the last time has arrived.
            self.aliases = Aliases(renames.iter().cloned().collect());
        }
        for (before, after) in &renames {
            self.sessions.rename(before, after);
            self.checks.rename(before, after);
            for (address, _) in &mut self.releasing {
                if address == before {
                    address.clone_from(after);
                }
            }
        }
        self.memory.rename(&renames);
        renames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_on_its_way_reaches_the_address_under_its_new_name() {
        let mut aliases = Aliases([("old".to_owned(), "new".to_owned())].into());
        let checked = |address: &str| Event::Checked { address: address.into(), check: "proxy".into(), failed: None };
        assert_eq!(aliases.resolve(checked("old")), checked("new"));
        assert_eq!(aliases.resolve(checked("other")), checked("other"));
        assert_eq!(aliases.resolve(Event::Shutdown), Event::Shutdown);
        aliases.forget(|name| name == "old");
        assert_eq!(aliases.resolve(checked("old")), checked("old"), "it is another address");
    }
}
