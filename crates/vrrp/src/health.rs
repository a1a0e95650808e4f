//! How much right does this host have, by what its checks say? Each check has a weight or a veto, and takes a few results in a row to
//! change its mind.
//!
//! A check that has not yet said anything counts as failing: an address that comes to a host before its proxy has answered once is
//! the very thing that an address must not do. Its first result counts at once.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::advert::Priority;
use crate::event::{Cause, Event};

/// One check of this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What it is called in messages.
    pub name: String,
    /// What it counts for.
    pub rule: Rule,
    /// After how many good results in a row it passes again.
    pub rise: u32,
    /// After how many bad ones it fails.
    pub fall: u32,
}

/// What a check counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rule {
    /// While it fails, the host must not hold the addresses (Keepalived: no weight).
    Veto,
    /// More than zero is added while it passes, less than zero while it fails (Keepalived's weights).
    Weight(i16),
}

/// The checks of one virtual router.
#[derive(Clone, Debug)]
pub struct Health {
    base: Priority,
    checks: Vec<Standing>,
    /// What was said last, to say only what is new.
    said: Option<Verdict>,
}

#[derive(Clone, Debug)]
struct Standing {
    check: Check,
    /// `None`: not yet heard of.
    passes: Option<bool>,
    /// How many results in a row spoke against that.
    against: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Verdict {
    priority: Priority,
    veto: Option<String>,
}

impl Health {
    /// The checks of a router that has `base` as its configured priority.
    #[must_use]
    pub fn new(base: Priority, checks: Vec<Check>) -> Self {
        let checks = checks.into_iter().map(|check| Standing { check, passes: None, against: 0 }).collect();
        Self { base, checks, said: None }
    }

    /// A check has a result. A check of an unknown name changes nothing.
    pub fn heard(&mut self, name: &str, passed: bool) {
        for standing in self.checks.iter_mut().filter(|standing| standing.check.name == name) {
            standing.hear(passed);
        }
    }

    /// It was told other checks, or another priority. What is known of a check by its name stays known; with `presume`, a check that is new
    /// passes until its first result: addresses that are held are not to be let go for a question that was never asked.
    pub fn configure(&mut self, base: Priority, checks: Vec<Check>, presume: bool) {
        let old = core::mem::take(&mut self.checks);
        let known = |name: &str| old.iter().find(|standing| standing.check.name == name);
        let standing = |check: Check| match known(&check.name) {
            Some(Standing { passes, against, .. }) => Standing { check, passes: *passes, against: *against },
            None => Standing { check, passes: presume.then_some(true), against: 0 },
        };
        self.checks = checks.into_iter().map(standing).collect();
        self.base = base;
    }

    /// Each check, and whether it passes. `None`: nothing was heard of it.
    pub fn standings(&self) -> impl Iterator<Item = (&Check, Option<bool>)> {
        self.checks.iter().map(|standing| (&standing.check, standing.passes))
    }

    /// What the router is to be told: what has changed since this was called last. The first time, before its `Startup`, everything.
    pub fn news(&mut self) -> Vec<Event> {
        let verdict = self.verdict();
        let mut news = Vec::new();
        if self.said.as_ref().is_none_or(|said| said.priority != verdict.priority) {
            news.push(Event::Ranked { priority: verdict.priority });
        }
        if self.said.as_ref().map(|said| &said.veto) != Some(&verdict.veto) {
            news.push(match verdict.veto.clone() {
                Some(why) => Event::Forbidden { cause: Cause::Health, why },
                None => Event::Allowed { cause: Cause::Health },
            });
        }
        self.said = Some(verdict);
        news
    }

    fn verdict(&self) -> Verdict {
        let vetoes: Vec<String> = self.checks.iter().filter_map(Standing::veto).collect();
        let sum: i32 = self.checks.iter().map(Standing::weight).sum();
        // An owner's right does not depend on health: 255 means that these are its own addresses. Vetoes count.
        let priority = if self.base.is_owner() { self.base } else { within(i32::from(self.base.0) + sum) };
        Verdict { priority, veto: (!vetoes.is_empty()).then(|| vetoes.join("; ")) }
    }
}

impl Standing {
    fn hear(&mut self, passed: bool) {
        if self.passes == Some(passed) {
            self.against = 0;
            return;
        }
        self.against = self.against.saturating_add(1);
        let needed = if passed { self.check.rise } else { self.check.fall };
        if self.passes.is_none() || self.against >= needed {
            (self.passes, self.against) = (Some(passed), 0);
        }
    }

    fn veto(&self) -> Option<String> {
        match (self.check.rule, self.passes) {
            (Rule::Veto, Some(false)) => Some(format!("the check {} fails", self.check.name)),
            (Rule::Veto, None) => Some(format!("the check {} has not yet passed", self.check.name)),
            _ => None,
        }
    }

    fn weight(&self) -> i32 {
        let passes = self.passes == Some(true);
        match self.check.rule {
            Rule::Weight(weight) if (weight > 0) == passes => weight.into(),
            _ => 0,
        }
    }
}

/// What is left is a priority that a router may have without owning the addresses.
fn within(priority: i32) -> Priority {
    Priority(u8::try_from(priority.clamp(LEAST, MOST)).unwrap_or(1))
}

/// 0 says that a router goes.
const LEAST: i32 = 1;
/// 255 says that the addresses are its own.
const MOST: i32 = 254;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn check(name: &str, rule: Rule) -> Check {
        Check { name: name.into(), rule, rise: 2, fall: 3 }
    }

    fn priority(health: &Health) -> u8 {
        health.verdict().priority.0
    }

    #[test]
    fn a_check_takes_several_results_to_change_its_mind_and_one_to_make_it_up() {
        let mut health = Health::new(Priority(100), vec![check("proxy", Rule::Weight(20))]);
        assert_eq!(priority(&health), 100, "not yet proven");
        let mut seen = Vec::new();
        for passed in [true, false, false, true, false, false, false, true, false, true, true] {
            health.heard("proxy", passed);
            seen.push(priority(&health));
        }
        assert_eq!(seen, [120, 120, 120, 120, 120, 120, 100, 100, 100, 100, 120]);
    }

    #[test]
    fn weights_add_up_and_stay_within_what_is_no_owner() {
        let checks = vec![check("a", Rule::Weight(100)), check("b", Rule::Weight(100)), check("c", Rule::Weight(-250))];
        let mut health = Health::new(Priority(100), checks);
        assert_eq!(priority(&health), 1, "what is not proven has its negative weight");
        for name in ["a", "b", "c"] {
            health.heard(name, true);
        }
        assert_eq!(priority(&health), 254);
        let mut owner = Health::new(Priority::OWNER, vec![check("c", Rule::Weight(-250))]);
        assert_eq!(owner.verdict().priority, Priority::OWNER);
        owner.heard("c", false);
        assert_eq!(priority(&owner), 255);
    }

    #[test]
    fn what_is_known_outlasts_another_configuration() {
        let mut health = Health::new(Priority(100), vec![check("a", Rule::Weight(20)), check("gone", Rule::Veto)]);
        health.heard("a", true);
        health.configure(Priority(90), vec![check("a", Rule::Weight(30)), check("new", Rule::Veto)], true);
        assert_eq!(health.news(), [Event::Ranked { priority: Priority(120) }, Event::Allowed { cause: Cause::Health }]);
        health.configure(Priority(90), vec![check("newer", Rule::Veto)], false);
        assert_eq!(
            health.standings().map(|(check, passes)| (&*check.name, passes)).collect::<Vec<_>>(),
            [("newer", None)]
        );
    }

    #[test]
    fn a_veto_forbids_until_it_passes_and_only_news_is_told() {
        let mut health = Health::new(Priority(100), vec![check("proxy", Rule::Veto), check("link", Rule::Veto)]);
        let forbidden = |why: &str| Event::Forbidden { cause: Cause::Health, why: why.into() };
        let first = "the check proxy has not yet passed; the check link has not yet passed";
        assert_eq!(health.news(), [Event::Ranked { priority: Priority(100) }, forbidden(first)]);
        assert_eq!(health.news(), []);
        health.heard("proxy", true);
        assert_eq!(health.news(), [forbidden("the check link has not yet passed")]);
        health.heard("link", true);
        assert_eq!(health.news(), [Event::Allowed { cause: Cause::Health }]);
        for _ in 0..2 {
            health.heard("proxy", false);
        }
        assert_eq!(health.news(), []);
        health.heard("proxy", false);
        assert_eq!(health.news(), [forbidden("the check proxy fails")]);
        health.heard("nobody", false);
        assert_eq!(health.news(), []);
    }
}
