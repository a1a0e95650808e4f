//! Who is master, as a set of stock Sentinels agrees on it? They are asked, listened to, and believed; and the server that they name is asked
//! itself before anything is sent to it, because a Sentinel may be behind.
//!
//! ```text
//!   Sentinels ── SENTINEL MASTER, GET-MASTER-ADDR-BY-NAME, REPLICAS, SENTINELS, once a second ──┐
//!             └─ +switch-master, +odown, … : asked again at once                                │
//!                                                                                               ▼
//!                                       the decision of the highest config epoch ──> is it a master? (check)
//!                                                                                               │
//!                                                              Steady <── it says so itself <───┘
//! ```
//!
//! - Of several decisions the one with the highest config epoch counts; of one epoch the one that most Sentinels name, then the present one,
//!   then the lowest address. A higher epoch counts at once.
//! - Another decision of the same epoch counts when more than half of all Sentinels have named it for ten seconds; one of an older epoch when,
//!   beside that, none names another: they were all told to watch another master.
//! - While a Sentinel says that the master is agreed down or being replaced (`o_down`, `failover_in_progress`), nothing is sent to it, for
//!   five seconds at most: what it takes then would be lost with it.
//! - One Sentinel that is gone is nothing. If all are, the last decision stays, and the server is still watched.

mod voice;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;

use machine::{Instant, Machine, soonest};
use serde::{Deserialize, Serialize};
use view::{Epoch, GroupName, Phase, View};

use crate::check::{Rules, Server, Standing};
use crate::event::{Level, LinkId};
use crate::probe::{list, replicas, reports};
use crate::report::{GroupReport, SourceKind};
use crate::source::{Action, Desk, Event, FROZEN, LOST_AFTER, Source, Timer};
use voice::{Voice, Word};

/// What the machine was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Whose view it makes; also the Sentinels' name for it.
    pub group: GroupName,
    /// Sentinels to begin with; they tell of the others.
    pub sentinels: Vec<SocketAddr>,
    /// How the servers that they name are checked.
    pub check: Rules,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Follow {
    desk: Desk,
    rules: Rules,
    voices: BTreeMap<SocketAddr, Voice>,
    /// The master that was decided on, and the replicas that are listed.
    servers: BTreeMap<SocketAddr, Server>,
    decided: Option<Decision>,
    /// The epoch of the view; not below that of the decision.
    epoch: Epoch,
    /// Since when all name another one in an older epoch.
    outvoted: Option<(SocketAddr, Instant)>,
    /// Since when the master is said to be on its way out.
    given_up_since: Option<Instant>,
    /// Since when nobody could be written to.
    without_since: Option<Instant>,
    /// Until then everybody is looked at often: a change has just happened.
    hurry_until: Instant,
    /// No Sentinel answers, and that was told.
    is_alone: bool,
    was_lost: bool,
}

/// Whom the Sentinels made master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Decision {
    master: SocketAddr,
    epoch: Epoch,
}

/// The rule on several words: the highest epoch, then the most voices, then the present one, then the lowest address.
fn decision_of<'a>(words: impl Iterator<Item = &'a Word> + Clone, present: Option<SocketAddr>) -> Option<Decision> {
    let epoch = words.clone().map(|word| word.epoch).max()?;
    let mut votes = BTreeMap::<SocketAddr, usize>::new();
    for word in words.filter(|word| word.epoch == epoch) {
        *votes.entry(word.master).or_default() += 1;
    }
    // Of equals `max_by_key` takes the last, which is the lowest address.
    let best = votes.into_iter().rev().max_by_key(|(addr, count)| (*count, Some(*addr) == present))?;
    Some(Decision { master: best.0, epoch })
}

impl Follow {
    /// A machine that begins to look at `now`. At least one Sentinel; the first wake connects.
    #[must_use]
    pub fn new(config: Config, now: Instant) -> Self {
        let voices = config.sentinels.iter().map(|&addr| (addr, Voice::new(addr, true, now))).collect();
        Self {
            desk: Desk::new(config.group, now),
            rules: config.check,
            voices,
            servers: BTreeMap::new(),
            decided: None,
            epoch: Epoch(0),
            outvoted: None,
            given_up_since: None,
            without_since: Some(now),
            hurry_until: now,
            is_alone: false,
            was_lost: false,
        }
    }

    /// The same for a group that had a view before: the epoch of a view never falls, and one epoch names one master.
    #[must_use]
    pub fn after(mut self, epoch: Epoch) -> Self {
        self.epoch = if epoch == Epoch(0) { epoch } else { epoch.next() };
        self
    }

    fn words(&self) -> impl Iterator<Item = &Word> + Clone {
        self.voices.values().filter_map(Voice::word)
    }

    fn on_link(
        &mut self,
        link: LinkId,
        of_server: impl FnOnce(&mut Server, &mut Desk, &Rules),
        of_voice: impl FnOnce(&mut Voice, &mut Desk),
    ) {
        if let Some(server) = self.servers.get_mut(&link.to).filter(|s| s.owns(link)) {
            of_server(server, &mut self.desk, &self.rules);
        } else if let Some(voice) = self.voices.get_mut(&link.to).filter(|v| v.owns(link)) {
            of_voice(voice, &mut self.desk);
        } else {
            // It was closed while this was on its way.
            self.desk.stats.stray += 1;
        }
    }

    /// An event of a Sentinel: what it means is asked for.
    fn on_heard(&mut self, link: LinkId, text: &str) {
        let name = self.desk.group.as_str();
        let mut words = text.split(' ');
        let is_news = words.next().is_some_and(|event| !QUIET.contains(&event)) && words.any(|word| word == name);
        if let Some(voice) = self.voices.get_mut(&link.to).filter(|v| is_news && v.owns(link)) {
            voice.hurry(self.desk.now);
        }
    }

    fn on_moved(&mut self, from: SocketAddr, to: SocketAddr) {
        if let Some(server) = self.servers.remove(&from) {
            self.servers.insert(to, server.moved(&mut self.desk, to));
        }
        if let Some(voice) = self.voices.remove(&from) {
            let is_configured = voice.is_configured;
            voice.forget(&mut self.desk);
            self.voices.insert(to, Voice::new(to, is_configured, self.desk.now));
        }
        if let Some(decided) = self.decided.as_mut().filter(|d| d.master == from) {
            decided.master = to;
            self.epoch = self.epoch.next();
        }
    }

    /// A wake that comes late is our own silence.
    fn look_at_clock(&mut self, now: Instant) {
        let late = self.deadline().is_some_and(|(at, _)| now.since(at) > FROZEN);
        self.desk.now = self.desk.now.max(now);
        if late {
            for server in self.servers.values_mut() {
                server.forgive(&mut self.desk);
            }
            for voice in self.voices.values_mut() {
                voice.forgive(now);
            }
        }
    }

    /// What follows from all that is known.
    fn advance(&mut self) {
        self.decide();
        self.learn();
        self.tell_alone();
        let was_without = self.without_since.is_some();
        let now = self.desk.now;
        let given_up = self.decided.is_some_and(|d| self.words().any(|word| word.gives_up(d.master)));
        self.given_up_since = if given_up { self.given_up_since.or(Some(now)) } else { None };
        let is_sound = self.is_sound();
        self.without_since = if is_sound { None } else { self.without_since.or(Some(now)) };
        if self.without_since.is_some() != was_without {
            self.hurry_until = now + HURRY;
            self.servers.values_mut().for_each(|s| s.look(now));
            self.voices.values_mut().for_each(|v| v.hurry(now));
        }
        let hurry = self.without_since.is_some() || now < self.hurry_until;
        for server in self.servers.values_mut() {
            server.keep(&mut self.desk, &self.rules, hurry);
        }
        for voice in self.voices.values_mut() {
            voice.keep(&mut self.desk, !is_sound);
        }
        let phase = self.phase();
        self.tell_lost(phase);
        let view = self.view(phase);
        self.desk.publish(view);
    }

    fn decide(&mut self) {
        let present = self.decided.map(|d| d.master);
        let Some(named) = decision_of(self.words(), present) else { return };
        let Some(decided) = &mut self.decided else { return self.adopt(named) };
        if named.master == decided.master {
            decided.epoch = decided.epoch.max(named.epoch);
            self.epoch = self.epoch.max(named.epoch);
            self.outvoted = None;
        } else if named.epoch > decided.epoch {
            self.adopt(named);
        } else if self.is_outvoted_by(named) {
            let since = self.outvoted.filter(|(who, _)| *who == named.master).map_or(self.desk.now, |(_, at)| at);
            self.outvoted = Some((named.master, since));
            if since + OUTVOTED_AFTER <= self.desk.now {
                self.adopt(named);
            }
        } else {
            self.outvoted = None;
        }
    }

    /// Whether more than half of all Sentinels name this one, and, in an older epoch, none another.
    fn is_outvoted_by(&self, named: Decision) -> bool {
        let votes = self.words().filter(|word| word.master == named.master).count();
        let is_older = self.decided.is_some_and(|d| named.epoch < d.epoch);
        2 * votes > self.voices.len() && (!is_older || votes == self.words().count())
    }

    fn adopt(&mut self, named: Decision) {
        self.outvoted = None;
        self.hurry_until = self.desk.now + HURRY;
        let (group, new) = (self.desk.group.clone(), named.master);
        match self.decided.replace(named) {
            Some(Decision { master: old, .. }) => {
                self.epoch = self.epoch.next().max(named.epoch);
                let text = alloc::format!("{group} {} {} {} {}", old.ip(), old.port(), new.ip(), new.port());
                self.desk.announce(Level::Notice, "+switch-master", text);
            }
            None => {
                self.epoch = self.epoch.max(named.epoch);
                let text = alloc::format!("{group} {} {}", new.ip(), new.port());
                self.desk.announce(Level::Notice, "+master", text);
            }
        }
        if let Some(server) = self.servers.get_mut(&new) {
            server.look(self.desk.now);
        }
    }

    /// Follows the lists of those that name the present master: their replicas, and the Sentinels that they know.
    fn learn(&mut self) {
        let Some(Decision { master, .. }) = self.decided else { return };
        let now = self.desk.now;
        let believed = || self.voices.values().filter(|v| v.word().is_some_and(|word| word.master == master));
        let mut wanted: BTreeSet<SocketAddr> = believed().flat_map(|v| v.replicas.iter().copied()).collect();
        let others: Vec<_> = believed().flat_map(|v| v.others.iter().map(|o| (o.addr, o.id.clone()))).collect();
        let is_told = believed().next().is_some();
        wanted.insert(master);
        for addr in wanted.iter().filter(|addr| !self.servers.contains_key(addr)).copied().collect::<Vec<_>>() {
            if self.servers.len() < MAX_SERVERS || addr == master {
                self.servers.insert(addr, Server::new(addr, now));
            }
        }
        if !is_told {
            return;
        }
        let gone: Vec<_> = self.servers.keys().filter(|addr| !wanted.contains(addr)).copied().collect();
        for server in gone.iter().filter_map(|addr| self.servers.remove(addr)).collect::<Vec<_>>() {
            server.forget(&mut self.desk);
        }
        for (addr, id) in &others {
            if self.voices.len() < MAX_VOICES || self.voices.contains_key(addr) {
                let voice = self.voices.entry(*addr).or_insert_with(|| Voice::new(*addr, false, now));
                voice.id.clone_from(id);
            }
        }
        let is_gone = |addr: &SocketAddr, v: &Voice| {
            !v.is_configured && v.word().is_none() && others.iter().all(|(other, _)| other != addr)
        };
        let gone: Vec<_> = self.voices.iter().filter(|(addr, v)| is_gone(addr, v)).map(|(addr, _)| *addr).collect();
        for voice in gone.iter().filter_map(|addr| self.voices.remove(addr)).collect::<Vec<_>>() {
            voice.forget(&mut self.desk);
        }
    }

    fn tell_alone(&mut self) {
        let is_alone = self.words().next().is_none();
        // Before the first word there was nobody to be left by.
        if is_alone == self.is_alone || self.decided.is_none() {
            return;
        }
        self.is_alone = is_alone;
        let count = self.voices.len();
        if is_alone {
            let text = alloc::format!(
                "none of {count} Sentinels answers: the last decision stays, and its master is still watched"
            );
            self.desk.announce(Level::Warning, "+no-sentinels", text);
        } else {
            self.desk.announce(Level::Notice, "-no-sentinels", "a Sentinel answers again");
        }
    }

    fn tell_lost(&mut self, phase: Phase) {
        if (phase == Phase::Lost) == self.was_lost || phase == Phase::Switching {
            return;
        }
        self.was_lost = phase == Phase::Lost;
        if self.was_lost {
            let text = self.explain();
            self.desk.announce(Level::Warning, "+lost", text);
        }
    }

    /// Whether the master that was decided on says that it is one, and nobody says that it is on its way out.
    fn is_sound(&self) -> bool {
        let named = self.decided.and_then(|d| self.servers.get(&d.master));
        let is_kept = self.given_up_since.is_none_or(|since| since + GIVEN_UP_FOR <= self.desk.now);
        named.is_some_and(Server::is_sound_master) && is_kept
    }

    fn phase(&self) -> Phase {
        let Some(since) = self.without_since else { return Phase::Steady };
        if since + LOST_AFTER <= self.desk.now { Phase::Lost } else { Phase::Switching }
    }

    fn view(&self, phase: Phase) -> View {
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let master = self.decided.map_or(nowhere, |d| d.master);
        let replicas = replicas(&self.servers, master, true);
        View { group: self.desk.group.clone(), epoch: self.epoch, phase, master, replicas }
    }

    /// One sentence: how it stands, and why.
    fn explain(&self) -> String {
        let all: Vec<SocketAddr> = self.voices.keys().copied().collect();
        let Some(Decision { master, epoch }) = self.decided else {
            return alloc::format!("Waiting for a Sentinel that knows this group: {}.", list(&all));
        };
        let answer = self.words().count();
        let heads = alloc::format!("{answer} of {} Sentinels answer", all.len());
        let heads = if answer == 0 { alloc::format!("{heads}, so the last decision stays") } else { heads };
        let named = alloc::format!("{heads}; they made {master} master in epoch {epoch}");
        let server = self.servers.get(&master);
        if self.is_sound() {
            return alloc::format!("{named}, and it says so too.");
        }
        match server.map(Server::standing) {
            Some(Standing::Master) if self.given_up_since.is_some() => {
                alloc::format!("{named}, but say that it is down or being replaced: waiting for their next word.")
            }
            Some(Standing::Replica) => {
                alloc::format!("{named}, but it says that it is a replica: waiting until both agree.")
            }
            Some(Standing::Unknown) | None => alloc::format!("{named}; asking it."),
            Some(_) => {
                let word = server.map(|s| s.last_word(self.desk.now)).unwrap_or_default();
                alloc::format!("{named}, but its last check {word}.")
            }
        }
    }
}

impl Machine for Follow {
    type Event = Event;
    type Action = Action;
    type Timer = Timer;

    fn handle(&mut self, now: Instant, event: Event) {
        self.look_at_clock(now);
        self.desk.stats.events += 1;
        match event {
            Event::Connected { link } => {
                self.on_link(link, |s, d, r| s.on_connected(d, r, link), |v, d| v.on_connected(d, link));
            }
            Event::Failed { link, fault } => {
                self.on_link(link, |s, d, r| s.on_failed(d, r, link, fault), |v, d| v.on_failed(d.now, link, fault));
            }
            Event::Answered { link, answer } => {
                let same = answer.clone();
                self.on_link(link, |s, d, r| s.on_answered(d, r, link, &answer), |v, d| v.on_answered(d, link, same));
            }
            Event::Heard { link, text } => self.on_heard(link, &text),
            Event::Moved { from, to } => self.on_moved(from, to),
        }
        self.advance();
    }

    fn wake(&mut self, now: Instant) {
        self.look_at_clock(now);
        self.advance();
    }

    fn poll(&mut self) -> Option<Action> {
        self.desk.next()
    }

    fn deadline(&self) -> Option<(Instant, Timer)> {
        let now = self.desk.now;
        let hurry = self.without_since.is_some() || now < self.hurry_until;
        let checks = self.servers.values().map(|s| s.deadline(&self.rules, hurry)).fold(None, soonest);
        let voices = self.voices.values().map(Voice::deadline).fold(None, soonest);
        let later = |at: Option<Instant>, timer| at.filter(|at| *at > now).map(|at| (at, timer));
        let lost = later(self.without_since.map(|since| since + LOST_AFTER), Timer::Lost);
        let kept = later(self.given_up_since.map(|since| since + GIVEN_UP_FOR), Timer::WordExpires);
        let outvoted = later(self.outvoted.map(|(_, since)| since + OUTVOTED_AFTER), Timer::WordExpires);
        [checks, voices, lost, kept, outvoted].into_iter().fold(None, soonest)
    }
}

impl Source for Follow {
    fn report(&self) -> GroupReport {
        let now = self.desk.now;
        let phase = self.phase();
        let view = self.view(phase);
        GroupReport {
            name: self.desk.group.clone(),
            source: SourceKind::Sentinels,
            explain: self.explain(),
            sdown: phase != Phase::Steady,
            odown: self.given_up_since.is_some(),
            quorum: 0,
            servers: reports(&self.servers, &view, self.decided.map(|d| d.master), now),
            peers: self.voices.values().map(|v| v.report(now)).collect(),
            view,
        }
    }
}

/// Events that change nothing about masters and replicas, and come often.
const QUIET: &[&str] = &["+role-change", "-role-change", "+fix-slave-config", "+script-child", "-script-child"];
/// Servers of one group. Of more, the rest is not watched and not offered.
const MAX_SERVERS: usize = 64;
/// Sentinels of one group: more than anybody has. Of more, the rest is not asked.
const MAX_VOICES: usize = 32;
/// How long all must name another one of an older epoch: one that is behind learns better within two seconds, by the others' hellos.
const OUTVOTED_AFTER: Duration = Duration::from_secs(10);
/// How long a master that is there is not used because it is said to go: half of what a request waits for by default.
const GIVEN_UP_FOR: Duration = Duration::from_secs(5);
/// After a change everybody is looked at often for this long: replicas follow within it.
const HURRY: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Instance;

    #[test]
    fn the_highest_epoch_counts_then_the_most_voices_then_the_present_one_then_the_lowest_address() {
        let addr = |n: u8| SocketAddr::from(([10, 0, 0, n], 6379));
        let word = |(n, epoch): &(u8, u64)| {
            let about = Instance { addr: addr(*n), flags: "master".into(), epoch: Epoch(*epoch), id: None };
            Word { master: addr(*n), epoch: Epoch(*epoch), about, at: Instant::START }
        };
        let named = |present: Option<u8>, said: &[(u8, u64)]| {
            let words: Vec<Word> = said.iter().map(word).collect();
            let decision = decision_of(words.iter(), present.map(addr))?;
            (1..=9).find(|n| addr(*n) == decision.master)
        };
        assert_eq!(named(Some(1), &[]), None);
        assert_eq!(named(Some(1), &[(1, 4), (1, 4), (2, 5)]), Some(2));
        assert_eq!(named(Some(2), &[(1, 4), (1, 4), (2, 4)]), Some(1));
        assert_eq!(named(Some(2), &[(1, 4), (2, 4), (3, 4)]), Some(2));
        assert_eq!(named(None, &[(3, 4), (2, 4), (1, 3)]), Some(2));
    }

    #[test]
    fn a_moved_master_keeps_its_decision() {
        let addr = |n: u8| SocketAddr::from(([10, 0, 0, n], 6379));
        let config = Config { group: "cache".into(), sentinels: alloc::vec![addr(9)], check: Rules::default() };
        let mut follow = Follow::new(config, Instant::START);
        follow.adopt(Decision { master: addr(1), epoch: Epoch(4) });
        follow.on_moved(addr(1), addr(2));
        assert_eq!(follow.decided, Some(Decision { master: addr(2), epoch: Epoch(4) }));
        assert_eq!(follow.epoch, Epoch(5), "a view of one epoch names one master");
    }
}
