//! Which routes does the peer not have yet, or have too many? Wanted routes are a set; what is sent is the difference.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::agree::Agreed;
use crate::event::Unfit;
use crate::message::PREFIXES;
use crate::peer::MAX_ROUTES;
use crate::route::{Attributes, Family, Prefix, Routes};

#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    wanted: Routes,
    /// More were wanted; the first of those.
    beyond: Option<Prefix>,
    /// This host can serve them.
    healthy: bool,
    /// What the peer has from us.
    told: Routes,
    /// Of these, the ones that it asked for once more; of one that was withdrawn since it means nothing.
    again: BTreeSet<Prefix>,
    /// Wanted ones of which was said in this session that they cannot be told.
    untold: BTreeSet<Prefix>,
}

/// What one message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// All of one family.
    Withdraw { hop: IpAddr, prefixes: Vec<Prefix> },
    /// All of one family, with the same attributes.
    Announce { hop: IpAddr, attributes: Attributes, prefixes: Vec<Prefix> },
}

impl Book {
    pub(crate) fn want(&mut self, mut routes: Routes) {
        self.beyond = routes.keys().nth(MAX_ROUTES).copied();
        if let Some(beyond) = &self.beyond {
            routes.split_off(beyond);
        }
        // What is as it was is not complained of once more.
        let (wanted, beyond) = (&self.wanted, self.beyond);
        self.untold.retain(|prefix| match routes.get(prefix) {
            Some(attributes) => wanted.get(prefix) == Some(attributes),
            None => beyond == Some(*prefix),
        });
        self.wanted = routes;
    }

    pub(crate) fn set_health(&mut self, healthy: bool) {
        self.healthy = healthy;
    }

    pub(crate) const fn is_healthy(&self) -> bool {
        self.healthy
    }

    pub(crate) fn wanted(&self) -> usize {
        self.wanted.len()
    }

    pub(crate) fn told(&self) -> usize {
        self.told.len()
    }

    /// The session is over: the peer has nothing from us.
    pub(crate) fn forget(&mut self) {
        self.told.clear();
        self.again.clear();
        self.untold.clear();
    }

    /// The peer wants all routes of the family once more. Asking often makes it come once: what is due already is not counted.
    pub(crate) fn repeat(&mut self, family: Family) {
        self.again.extend(self.told.keys().filter(|prefix| prefix.family() == family));
    }

    /// Wanted routes that cannot be told, each once a session.
    pub(crate) fn complaints(&mut self, agreed: &Agreed) -> Vec<(Prefix, Unfit)> {
        let mut complaints = Vec::new();
        if self.healthy {
            for (prefix, attributes) in &self.wanted {
                if let Err(why) = agreed.hop(prefix, attributes)
                    && self.untold.insert(*prefix)
                {
                    complaints.push((*prefix, why));
                }
            }
            if let Some(beyond) = self.beyond
                && self.untold.insert(beyond)
            {
                complaints.push((beyond, Unfit::TooMany));
            }
        }
        complaints
    }

    /// The next message of the difference, entered as told. Withdrawals first: a route that leads nowhere does harm, one that is
    /// missing only does no good.
    pub(crate) fn next(&mut self, agreed: &Agreed) -> Option<Piece> {
        self.next_withdrawal(agreed).or_else(|| self.next_announcement(agreed))
    }

    /// The attributes that the route is to have at the peer; `None`: it is to have none.
    fn due<'a>(&'a self, prefix: &Prefix, agreed: &Agreed) -> Option<&'a Attributes> {
        let attributes = self.wanted.get(prefix).filter(|_| self.healthy)?;
        agreed.hop(prefix, attributes).is_ok().then_some(attributes)
    }

    fn next_withdrawal(&mut self, agreed: &Agreed) -> Option<Piece> {
        let mut gone = self.told.keys().filter(|prefix| self.due(prefix, agreed).is_none()).copied().peekable();
        let family = gone.peek()?.family();
        let hop = agreed.hop_of(family)?;
        let prefixes: Vec<Prefix> = gone.filter(|prefix| prefix.family() == family).take(PREFIXES).collect();
        for prefix in &prefixes {
            self.told.remove(prefix);
        }
        Some(Piece::Withdraw { hop, prefixes })
    }

    fn next_announcement(&mut self, agreed: &Agreed) -> Option<Piece> {
        let is_missing = |prefix: &Prefix, attributes: &Attributes| {
            self.told.get(prefix) != Some(attributes) || self.again.contains(prefix)
        };
        let due = self.wanted.keys().filter_map(|prefix| Some((prefix, self.due(prefix, agreed)?)));
        let mut missing = due.filter(|(prefix, attributes)| is_missing(prefix, attributes)).peekable();
        let (family, attributes) =
            missing.peek().map(|(prefix, attributes)| (prefix.family(), (*attributes).clone()))?;
        let hop = agreed.hop_of(family)?;
        let alike = missing.filter(|(prefix, other)| prefix.family() == family && **other == attributes);
        let prefixes: Vec<Prefix> = alike.map(|(prefix, _)| *prefix).take(PREFIXES).collect();
        for prefix in &prefixes {
            self.told.insert(*prefix, attributes.clone());
            self.again.remove(prefix);
        }
        Some(Piece::Announce { hop, attributes, prefixes })
    }
}
