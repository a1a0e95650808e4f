//! May this host have the address? What forbids it, by sort: the interface, health, the operator, the kernel.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use machine::Instant;
use view::{GroupName, Phase, View};
use vrrp::health::Rule;
use vrrp::{Cause, Event, Priority};

use crate::config::{Address, Follows};
use crate::proof::Proof;
use crate::rest::Rest;

/// What is known of groups: the last view of each.
pub(crate) type Views = BTreeMap<GroupName, View>;

/// What forbids one address to be here.
#[derive(Clone, Debug)]
pub(crate) struct Right {
    pub(crate) proof: Proof,
    follows: Follows,
    /// Why the view does not give it to this host.
    elsewhere: Option<String>,
    /// Until then a predecessor's word counts, until a view says more than that its source has just started.
    presumed: Option<Instant>,
    /// Until then no view is worth putting anything: this host stood still, and they may be old.
    doubted: Option<Instant>,
    doubted_at: Option<Instant>,
    link: Option<String>,
    released: bool,
    /// It could not be put, or somebody else has it: when it is tried again. A router has its own.
    blocked: Option<(Instant, String)>,
    failures: u32,
    rest: Rest,
    /// What a router was told.
    said: BTreeMap<Cause, String>,
    /// It was told that the view gives it to another host.
    said_elsewhere: bool,
    ranked: Option<Priority>,
}

impl Right {
    pub(crate) fn new(config: &Address) -> Self {
        Self {
            proof: Proof::new(config),
            follows: config.follows.clone(),
            elsewhere: None,
            presumed: None,
            doubted: None,
            doubted_at: None,
            link: None,
            released: config.released,
            blocked: None,
            failures: 0,
            rest: Rest::default(),
            said: BTreeMap::new(),
            said_elsewhere: false,
            ranked: None,
        }
    }

    pub(crate) fn configure(&mut self, now: Instant, config: &Address, is_held: bool) {
        self.proof.configure(now, config, is_held);
        if self.follows != config.follows && is_held {
            // The view of a group that nobody followed before is told after this.
            self.presumed = Some(now + PRESUMED);
        }
        self.follows.clone_from(&config.follows);
    }

    /// A life of before held it a moment ago, by right.
    pub(crate) fn presume(&mut self, now: Instant) {
        self.proof.presume(now);
        self.presumed = Some(now + PRESUMED);
    }

    /// What was right before is about to be wrong.
    pub(crate) const fn presume_no_more(&mut self) {
        self.presumed = None;
    }

    /// This host stood still: what was agreed in the meantime is still on its way. What is on the interface stays for the rest of its lifetime.
    /// A host that is always a little late is believed most of the time: somebody has to hold the address there, too.
    pub(crate) fn doubt(&mut self, now: Instant, lasted: Duration) {
        let is_again = self.doubted_at.is_some_and(|at| now.since(at) < DOUBTED_AGAIN);
        if self.follows_master() && (lasted >= DOUBTED || !is_again) {
            (self.doubted, self.doubted_at) = (Some(now + lasted.min(DOUBTED)), Some(now));
        }
    }

    /// Whether it follows a master, by a view that may be old.
    pub(crate) const fn follows_master(&self) -> bool {
        matches!(self.follows, Follows::Master { .. })
    }

    /// Whether the address may be put, or its lifetime renewed, as of now.
    pub(crate) const fn is_proven(&self) -> bool {
        self.proof.is_proven() && self.doubted.is_none()
    }

    pub(crate) fn look(&mut self, now: Instant, interface: &str, links: &BTreeMap<String, String>, views: &Views) {
        self.proof.expire(now);
        if self.presumed.is_some_and(|until| until <= now) || self.has_settled(views) {
            self.presumed = None;
        }
        if self.doubted.is_some_and(|until| until <= now) {
            self.doubted = None;
        }
        if self.blocked.as_ref().is_some_and(|(until, _)| *until <= now) {
            self.blocked = None;
        }
        self.rest.look(now);
        // The loopback has no carrier to lose.
        self.link = links.get(interface).filter(|_| interface != "lo").cloned();
        self.elsewhere = self.judge(views);
    }

    /// Whether more is known than that a source which has just started does not know yet.
    fn has_settled(&self, views: &Views) -> bool {
        let Follows::Master { group, .. } = &self.follows else { return false };
        views.get(group).is_some_and(|view| !matches!(view.phase, Phase::Switching | Phase::Unbacked))
    }

    fn judge(&self, views: &Views) -> Option<String> {
        let Follows::Master { group, servers } = &self.follows else { return None };
        let Some(view) = views.get(group) else {
            return self.presumed.is_none().then(|| format!("who the master of {group} is, is not yet known"));
        };
        match view.phase {
            Phase::Switching | Phase::Unbacked if self.presumed.is_some() => None,
            Phase::Steady if servers.contains(&view.master) => None,
            Phase::Steady => {
                Some(format!("the agreed master of {group} is {}, which is not on this host", view.master))
            }
            Phase::Unbacked => Some(format!(
                "too few nodes name {}, the master of {group}, at present: another may have been promoted (`standfast status` tells more)",
                view.master
            )),
            Phase::Switching => Some(format!(
                "the master of {group} is being replaced (`standfast status` tells more); the last agreed one was {}",
                view.master
            )),
            Phase::Lost => Some(format!(
                "{group} has no master, and nobody can be promoted at present; the last agreed one was {}",
                view.master
            )),
        }
    }

    /// An operator gives it back, or takes it away.
    pub(crate) const fn release(&mut self, released: bool) {
        self.released = released;
    }

    pub(crate) const fn is_released(&self) -> bool {
        self.released
    }

    /// It is not tried again for a while, each time for longer.
    pub(crate) fn block(&mut self, now: Instant, why: String, was_here_for: Duration) {
        if was_here_for > BLOCKED_LAST {
            self.failures = 0;
        }
        let pause = BLOCKED_FIRST * 2_u32.pow(self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        self.blocked = Some((now + pause.min(BLOCKED_LAST), why));
    }

    /// It is not here any more, and was for so long: if its proof has failed, the proof may fail because it was here.
    pub(crate) fn left(&mut self, now: Instant, was_here_for: Duration) {
        if self.proof.has_failed() {
            self.rest.fell(now, was_here_for);
        }
    }

    /// It is tried again at once.
    pub(crate) fn unblock(&mut self) {
        self.blocked = None;
        self.rest.end();
    }

    /// Whether something is wrong, as against: the view gives it to another host.
    pub(crate) fn fault(&self) -> Option<String> {
        let blocked = self.blocked.as_ref().map(|(_, why)| why.clone());
        self.link.clone().or_else(|| self.operator()).or_else(|| self.veto()).or(blocked)
    }

    /// Whether all that speaks against it is that checks have not been heard yet.
    pub(crate) fn awaits_first_results(&self) -> bool {
        let is_free = self.link.is_none() && !self.released && self.blocked.is_none();
        let has_failed =
            |(check, _, passes, _): (&vrrp::health::Check, _, _, _)| check.rule == Rule::Veto && passes == Some(false);
        is_free && self.proof.veto().is_some() && !self.proof.standings().any(has_failed)
    }

    /// Why it waits, though nothing is wrong.
    pub(crate) const fn waits(&self) -> Option<&String> {
        self.elsewhere.as_ref()
    }

    pub(crate) fn is_allowed(&self) -> bool {
        self.elsewhere.is_none() && self.fault().is_none()
    }

    fn operator(&self) -> Option<String> {
        self.released.then(|| "an operator has released it; `standfast address take` gives it back".into())
    }

    /// Whether this host serves as well as before, though it may not have the address any more: an operator wants it away, or a check beside the
    /// proof, or the process is to end. A proof has to say so; without one nobody knows what a failing check means.
    pub(crate) fn still_serves(&self) -> bool {
        let is_sound = self.proof.is_named() || self.veto().is_none();
        self.is_proven() && is_sound && self.elsewhere.is_none() && self.link.is_none() && self.blocked.is_none()
    }

    /// The checks that fail, each with its own words.
    fn veto(&self) -> Option<String> {
        let Some(veto) = self.proof.veto() else { return self.rest.why() };
        let mut whys = self.proof.standings().filter_map(|(_, _, passes, why)| why.filter(|_| passes == Some(false)));
        Some(whys.next().map_or_else(|| veto.clone(), |why| format!("{veto} ({why})")))
    }

    /// What a router of this address is to be told: what has changed since this was called last; the first time everything.
    pub(crate) fn news(&mut self) -> Vec<Event> {
        let mut news = Vec::new();
        let priority = self.proof.priority();
        if self.ranked.replace(priority) != Some(priority) {
            news.push(Event::Ranked { priority });
        }
        let health = self.elsewhere.clone().or_else(|| self.veto());
        for (cause, why) in
            [(Cause::Link, self.link.clone()), (Cause::Health, health), (Cause::Operator, self.operator())]
        {
            match why {
                Some(why) if self.said.get(&cause) != Some(&why) => {
                    self.said.insert(cause, why.clone());
                    news.push(Event::Forbidden { cause, why });
                }
                None if self.said.remove(&cause).is_some() => news.push(Event::Allowed { cause }),
                _ => {}
            }
        }
        let said_elsewhere = core::mem::replace(&mut self.said_elsewhere, self.elsewhere.is_some());
        if said_elsewhere && self.said.is_empty() {
            // The master has come here, and with it the right of all other hosts has ended: nobody has to be waited for.
            news.push(Event::Claimed);
        }
        news
    }

    /// A new router knows nothing.
    pub(crate) fn forget_news(&mut self) {
        self.said.clear();
        (self.ranked, self.said_elsewhere) = (None, false);
    }

    /// When the proof grows too old, or a presumption or a doubt ends.
    pub(crate) fn proof_deadline(&self) -> Option<Instant> {
        let at = [self.proof.deadline(), self.presumed, self.doubted];
        at.into_iter().flatten().min()
    }

    /// When it is tried again.
    pub(crate) fn retry_deadline(&self) -> Option<Instant> {
        self.blocked.as_ref().map(|(until, _)| *until).into_iter().chain(self.rest.deadline()).min()
    }

    /// Until when it rests, because its proof fails as soon as the address comes.
    pub(crate) fn rests_until(&self) -> Option<Instant> {
        self.rest.deadline()
    }
}

/// How long the word of before counts where no view has come: a new process has it from disk, or asks the servers.
const PRESUMED: Duration = Duration::from_secs(3);
/// How long views are not believed after a standstill, if that was not shorter itself: what other nodes have said is read from connections within
/// milliseconds.
const DOUBTED: Duration = Duration::from_millis(300);
/// A standstill that is shorter than that is no new reason for so long: renewals need a chance within the shortest lifetime.
const DOUBTED_AGAIN: Duration = Duration::from_millis(900);
/// The first pause before an address that could not be put, or that somebody else has, is tried again; each doubles it.
const BLOCKED_FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const BLOCKED_LAST: Duration = Duration::from_secs(60);
