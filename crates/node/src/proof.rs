//! What do this host's own checks say? `vrrp::Health`, and the proof: the one check that may not fall silent.
//!
//! A check that hangs says nothing, and nothing was once taken for *as before*. So the proof has an age: when no result of it has come for
//! so long it fails at once, whatever its `fall` is, and needs its `rise` to pass again.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use core::time::Duration;
use machine::Instant;
use vrrp::{Health, Priority};

use crate::config::{Address, Way};

/// The checks of one address.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    health: Health,
    /// The check whose passes prove it.
    named: Option<String>,
    age: Duration,
    /// When its last result came, and whether it passed. `None`: none, or it has grown too old.
    last: Option<(Instant, bool)>,
    priority: Priority,
    veto: Option<String>,
    /// Why each check that failed the last time did.
    whys: BTreeMap<String, String>,
    /// How often the proof grew too old.
    late: u64,
}

/// What a result means beside the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// There is no such check.
    Unknown,
    /// It has passed, and it is the proof.
    Proven,
    /// Nothing more.
    Counted,
}

impl Proof {
    pub(crate) fn new(config: &Address) -> Self {
        let base = base(config);
        let mut proof = Self {
            health: Health::new(base, config.checks.clone()),
            named: config.proof.clone(),
            age: config.proof_age,
            last: None,
            priority: base,
            veto: None,
            whys: BTreeMap::new(),
            late: 0,
        };
        proof.judge();
        proof
    }

    /// Other checks, or another priority: what is known of a check stays known.
    pub(crate) fn configure(&mut self, now: Instant, config: &Address, is_held: bool) {
        self.health.configure(base(config), config.checks.clone(), is_held);
        self.whys.retain(|name, _| config.checks.iter().any(|check| check.name == *name));
        if self.named != config.proof {
            self.named.clone_from(&config.proof);
            // The new one has as long as any to say something.
            self.last = is_held.then_some((now, true));
        }
        self.age = config.proof_age;
        self.judge();
    }

    /// A life of before has proven it a moment ago.
    pub(crate) fn presume(&mut self, now: Instant) {
        let names: Vec<String> = self.health.standings().map(|(check, _)| check.name.clone()).collect();
        names.iter().for_each(|name| self.health.heard(name, true));
        self.last = Some((now, true));
        self.judge();
    }

    pub(crate) fn heard(&mut self, now: Instant, check: &str, failed: Option<String>) -> Heard {
        if !self.health.standings().any(|(known, _)| known.name == check) {
            return Heard::Unknown;
        }
        let passed = failed.is_none();
        match failed {
            Some(why) => self.whys.insert(check.into(), short(why)),
            None => self.whys.remove(check),
        };
        self.health.heard(check, passed);
        let is_proof = self.named.as_deref() == Some(check);
        if is_proof {
            self.last = Some((now, passed));
        }
        self.judge();
        if is_proof && passed { Heard::Proven } else { Heard::Counted }
    }

    /// A proof whose last result is too old fails at once.
    pub(crate) fn expire(&mut self, now: Instant) {
        if self.deadline().is_none_or(|at| at > now) {
            return;
        }
        let Some(named) = &self.named else { return };
        let fall = self.health.standings().find(|(check, _)| check.name == *named).map_or(1, |(check, _)| check.fall);
        for _ in 0..fall.max(1) {
            self.health.heard(named, false);
        }
        self.whys.insert(named.clone(), format!("it has said nothing for {:?}", self.age));
        self.last = None;
        self.late += 1;
        self.judge();
    }

    /// When its last result is too old.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.named.as_ref().and(self.last).map(|(at, _)| at + self.age)
    }

    /// Whether the address may be put, or its lifetime renewed, as of now: the last word of the proof was that it passes.
    pub(crate) const fn is_proven(&self) -> bool {
        self.named.is_none() || matches!(self.last, Some((_, true)))
    }

    /// Whether the check that proves it fails, by as many results as that takes.
    pub(crate) fn has_failed(&self) -> bool {
        self.standings().any(|(_, is_proof, passes, _)| is_proof && passes == Some(false))
    }

    /// Whether there is a check that proves it.
    pub(crate) const fn is_named(&self) -> bool {
        self.named.is_some()
    }

    pub(crate) const fn priority(&self) -> Priority {
        self.priority
    }

    /// Why this host must not have the address.
    pub(crate) const fn veto(&self) -> Option<&String> {
        self.veto.as_ref()
    }

    /// How often the proof grew too old.
    pub(crate) const fn late(&self) -> u64 {
        self.late
    }

    /// Each check: its name, whether it is the proof, whether it passes, and why not.
    pub(crate) fn standings(
        &self,
    ) -> impl Iterator<Item = (&vrrp::health::Check, bool, Option<bool>, Option<&String>)> {
        self.health.standings().map(|(check, passes)| {
            (check, self.named.as_ref() == Some(&check.name), passes, self.whys.get(&check.name))
        })
    }

    fn judge(&mut self) {
        for event in self.health.news() {
            match event {
                vrrp::Event::Ranked { priority } => self.priority = priority,
                vrrp::Event::Forbidden { why, .. } => self.veto = Some(why),
                vrrp::Event::Allowed { .. } => self.veto = None,
                _ => {}
            }
        }
    }
}

const fn base(config: &Address) -> Priority {
    match &config.way {
        Way::Vrrp(vrrp) => vrrp.priority,
        _ => Priority::USUAL,
    }
}

/// A check's own words may be as long as a page.
fn short(why: String) -> String {
    if why.len() <= MAX_WHY { why } else { why.chars().take(MAX_WHY / 4).collect::<String>() + "…" }
}

/// In bytes: what an operator reads in a line.
const MAX_WHY: usize = 400;
