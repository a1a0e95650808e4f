//! For which addresses can an event, or the time, have changed anything? Hosts have hundreds of them, and checks come ten times a second.

use alloc::collections::BTreeSet;
use alloc::string::String;

use machine::Instant;

use super::{Node, Stage};
use crate::event::Event;

/// The addresses that are to be looked at.
#[derive(Clone, Debug, Default)]
pub(super) enum Touched {
    /// Every one.
    #[default]
    All,
    /// These, with those that they move together with.
    These(BTreeSet<String>),
}

impl Touched {
    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.contains(name),
        }
    }

    /// Whether it has one of a team, and so all.
    pub(super) fn has_team(&self, members: &BTreeSet<String>) -> bool {
        members.first().is_some_and(|first| self.has(first))
    }
}

impl Node {
    pub(super) fn touched_by(&self, event: &Event) -> Touched {
        match event {
            Event::Checked { address, .. }
            | Event::Router { address, .. }
            | Event::Peer { address, .. }
            | Event::Rekeyed { address, .. }
            | Event::Ran { address, .. }
            | Event::PartnerLost { address, .. }
            | Event::Wished { address, .. } => {
                let team = self.teams.iter().find(|team| team.members.contains(address));
                let mut names = team.map_or_else(BTreeSet::new, |team| team.members.clone());
                names.insert(address.clone());
                Touched::These(names)
            }
            _ => Touched::All,
        }
    }

    /// Those of which something is due.
    pub(super) fn due(&self, now: Instant) -> Touched {
        if !matches!(self.stage, Stage::Running) {
            return Touched::All;
        }
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let mut names = BTreeSet::new();
        for (name, address) in &self.addresses {
            if is_due(address.deadline(self.now).map(|(at, _)| at)) {
                names.insert(name.clone());
            }
        }
        for team in &self.teams {
            if is_due(team.deadline().map(|(at, _)| at)) || team.members.iter().any(|member| names.contains(member)) {
                names.extend(team.members.iter().cloned());
            }
        }
        Touched::These(names)
    }
}
