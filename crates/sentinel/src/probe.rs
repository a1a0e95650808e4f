//! Who is master among servers that only answer for themselves? Each is [checked](crate::check) from outside, and the one that passes as a
//! master is it. Nobody is promoted: that is somebody else's work, a Sentinel's or an operator's.
//!
//! | who passes as a master | the view |
//! |---|---|
//! | exactly one | *Steady* with it; the epoch counts up when it is another one than before |
//! | nobody | *Switching*, after ten seconds *Lost* |
//! | several, of which the present one fails at the moment, and the only other was promoted out of its data | *Steady* with that one |
//! | several, the present one among them, and no other was promoted out of its data | *Steady* with the present one, and a warning |
//! | several otherwise | nobody: *Switching*, then *Lost*, and a warning |
//!
//! A balancer would spread writes over all that say `role:master`. Two of them have two histories: what one acknowledges the other never
//! hears of. Which of them is newer can be read from their replication ids where one was promoted out of the other's data; where that
//! speaks against the present master, waiting is the only thing that loses nothing.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddr};

use machine::{Instant, Machine, soonest};
use serde::{Deserialize, Serialize};
use view::{Epoch, GroupName, Phase, Replica, RunId, USUAL_WEIGHT, View};

use crate::answer::InfoReport;
use crate::check::{Rules, Server, Standing};
use crate::event::{Level, LinkId};
use crate::report::{GroupReport, SourceKind};
use crate::source::{Action, Desk, Event, FROZEN, LOST_AFTER, Source, Timer};

/// What the machine was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Whose view it makes.
    pub group: GroupName,
    /// All servers that may be master or replica.
    pub servers: Vec<SocketAddr>,
    /// How they are checked.
    pub check: Rules,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Probe {
    desk: Desk,
    rules: Rules,
    servers: BTreeMap<SocketAddr, Server>,
    /// The last one that was master alone.
    present: Option<Present>,
    epoch: Epoch,
    /// Since when nobody could be written to.
    without_since: Option<Instant>,
    /// Until then everybody is looked at often: a change has just happened.
    hurry_until: Instant,
    /// Those that were told to be masters at once.
    rivals: Vec<SocketAddr>,
}

/// The master as of now.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Present {
    addr: SocketAddr,
    /// The history that it had when it was last alone: whoever was promoted out of it is newer.
    history: Option<RunId>,
}

/// Who is to be master.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Nobody,
    One(SocketAddr),
    /// The present one stays, although there are others.
    Stays(SocketAddr),
    /// Several, and nobody may be chosen.
    Refused,
}

/// A server that stands as a master.
#[derive(Clone, Copy, Debug)]
struct Claim<'a> {
    addr: SocketAddr,
    info: &'a InfoReport,
    /// Its last check passed; otherwise it is about to fall.
    passes: bool,
}

/// The rule of this file, apart from everything that leads to it.
fn choose(present: Option<&Present>, masters: &[Claim<'_>]) -> Choice {
    match masters {
        [] => return Choice::Nobody,
        [only] => return Choice::One(only.addr),
        _ => {}
    }
    let found = present.and_then(|p| Some((p, masters.iter().find(|claim| claim.addr == p.addr)?)));
    let Some((present, own)) = found else { return Choice::Refused };
    let mut newer = masters.iter().filter(|c| c.addr != present.addr && is_newer(c.info, own.info, present));
    match newer.next() {
        None => Choice::Stays(present.addr),
        // What is about to fall need not be waited for, if there is only one other.
        Some(heir) if !own.passes && heir.passes && masters.len() == 2 => Choice::One(heir.addr),
        Some(_) => Choice::Refused,
    }
}

/// Whether a rival was promoted out of the present master's data, or has more of the same history.
fn is_newer(rival: &InfoReport, info: &InfoReport, present: &Present) -> bool {
    let ours = [info.history.as_ref(), present.history.as_ref()];
    let comes_from_ours = rival.before.as_ref().is_some_and(|(before, _)| ours.contains(&Some(before)));
    let we_come_from_it = info.before.as_ref().is_some_and(|(before, _)| rival.history.as_ref() == Some(before));
    let is_same = rival.history.is_some() && rival.history == info.history;
    // Two that were promoted out of each other's data cannot be; of two that claim it nobody is believed.
    (comes_from_ours && !we_come_from_it) || (is_same && rival.offset > info.offset)
}

impl Probe {
    /// A machine that begins to look at `now`. At least one server; the first wake connects.
    #[must_use]
    pub fn new(config: Config, now: Instant) -> Self {
        let servers = config.servers.iter().map(|&addr| (addr, Server::new(addr, now))).collect();
        Self {
            desk: Desk::new(config.group, now),
            rules: config.check,
            servers,
            present: None,
            epoch: Epoch(0),
            without_since: Some(now),
            hurry_until: now,
            rivals: Vec::new(),
        }
    }

    /// The same for a group that had a view before: the epoch of a view never falls, and one epoch names one master.
    #[must_use]
    pub fn after(mut self, epoch: Epoch) -> Self {
        self.epoch = epoch;
        self
    }

    fn masters(&self) -> Vec<Claim<'_>> {
        let stand = self.servers.values().filter(|s| s.standing() == Standing::Master);
        stand
            .filter_map(|s| Some(Claim { addr: s.addr, info: s.info.as_ref()?, passes: s.is_passing_master() }))
            .collect()
    }

    fn on_link(&mut self, link: LinkId, then: impl FnOnce(&mut Server, &mut Desk, &Rules)) {
        match self.servers.get_mut(&link.to).filter(|s| s.owns(link)) {
            Some(server) => then(server, &mut self.desk, &self.rules),
            // It was closed while this was on its way.
            None => self.desk.stats.stray += 1,
        }
    }

    fn on_moved(&mut self, from: SocketAddr, to: SocketAddr) {
        if let Some(server) = self.servers.remove(&from) {
            self.servers.insert(to, server.moved(&mut self.desk, to));
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
        }
    }

    fn is_hurried(&self) -> bool {
        self.without_since.is_some() || self.desk.now < self.hurry_until
    }

    /// What follows from all that is known.
    fn advance(&mut self) {
        let was_without = self.without_since;
        let choice = choose(self.present.as_ref(), &self.masters());
        self.tell_rivals(choice);
        if let Choice::One(addr) | Choice::Stays(addr) = choice {
            self.adopt(addr, choice);
        }
        let phase = self.phase(choice);
        if phase == Phase::Steady {
            self.without_since = None;
        } else if self.without_since.is_none() {
            self.without_since = Some(self.desk.now);
        }
        if self.without_since.is_some() != was_without.is_some() {
            self.hurry_until = self.desk.now + HURRY;
            self.servers.values_mut().for_each(|s| s.look(self.desk.now));
        }
        let hurry = self.is_hurried();
        for server in self.servers.values_mut() {
            server.keep(&mut self.desk, &self.rules, hurry);
        }
        let view = self.view(phase);
        self.desk.publish(view);
    }

    fn adopt(&mut self, addr: SocketAddr, choice: Choice) {
        let history = self.servers.get(&addr).and_then(|s| s.info.as_ref()).and_then(|i| i.history.clone());
        match &mut self.present {
            Some(present) if present.addr == addr => {
                // Beside a rival the history of before stays known: it tells who came from whom.
                if matches!(choice, Choice::One(_)) {
                    present.history = history;
                }
            }
            present => {
                let before = present.replace(Present { addr, history });
                self.epoch = self.epoch.next();
                let group = &self.desk.group;
                let text = match &before {
                    Some(Present { addr: old, .. }) => {
                        let (old_ip, old_port, ip, port) = (old.ip(), old.port(), addr.ip(), addr.port());
                        alloc::format!("{group} {old_ip} {old_port} {ip} {port}")
                    }
                    None => alloc::format!("{group} {} {}", addr.ip(), addr.port()),
                };
                let name = if before.is_some() { "+switch-master" } else { "+master" };
                self.desk.announce(Level::Notice, name, text);
                self.hurry_until = self.desk.now + HURRY;
            }
        }
    }

    fn tell_rivals(&mut self, choice: Choice) {
        let passing = self.masters().into_iter().filter(|claim| claim.passes);
        let mut rivals: Vec<SocketAddr> = passing.map(|claim| claim.addr).collect();
        // One of two that is about to fall is no news.
        if rivals.len() < 2 {
            rivals.clear();
        }
        if rivals == self.rivals {
            return;
        }
        if rivals.is_empty() {
            self.desk.announce(Level::Notice, "-two-masters", "at most one server passes as a master again");
        } else {
            let text = alloc::format!("{} all pass as masters: {}", list(&rivals), consequence(choice));
            self.desk.announce(Level::Warning, "+two-masters", text);
        }
        self.rivals = rivals;
    }

    fn phase(&self, choice: Choice) -> Phase {
        let sound = match choice {
            Choice::One(addr) | Choice::Stays(addr) => self.servers.get(&addr).is_some_and(Server::is_sound_master),
            Choice::Nobody | Choice::Refused => false,
        };
        let is_lost = self.without_since.is_some_and(|since| since + LOST_AFTER <= self.desk.now);
        match (sound, is_lost) {
            (true, _) => Phase::Steady,
            (false, true) => Phase::Lost,
            (false, false) => Phase::Switching,
        }
    }

    /// The last master; before there was one, the first server that was named.
    fn master(&self) -> SocketAddr {
        let first = || self.servers.keys().next().copied();
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        self.present.as_ref().map(|p| p.addr).or_else(first).unwrap_or(nowhere)
    }

    fn view(&self, phase: Phase) -> View {
        let master = self.master();
        let replicas = replicas(&self.servers, master, self.present.is_some());
        View { group: self.desk.group.clone(), epoch: self.epoch, phase, master, replicas }
    }

    /// One sentence: how it stands, and why.
    fn explain(&self) -> String {
        let choice = choose(self.present.as_ref(), &self.masters());
        let master = self.master();
        match (choice, self.phase(choice)) {
            (Choice::Refused | Choice::Stays(_), _) => {
                let all: Vec<SocketAddr> = self.masters().iter().map(|claim| claim.addr).collect();
                alloc::format!("{} all pass as masters: {}.", list(&all), consequence(choice))
            }
            (_, Phase::Steady) => {
                let view = self.view(Phase::Steady);
                let up = view.readable(u64::MAX).count();
                alloc::format!(
                    "{master} passes its checks as master; {up} of {} others follow it.",
                    view.replicas.len()
                )
            }
            (Choice::One(_), _) => {
                alloc::format!("The connection to {master} broke, or it says that it is no master: looking again.")
            }
            (Choice::Nobody, _) if self.present.is_none() => {
                let servers: Vec<SocketAddr> = self.servers.keys().copied().collect();
                alloc::format!("Waiting for one of {} to pass its checks as master.", list(&servers))
            }
            (Choice::Nobody, _) => alloc::format!("No server passes its checks as master; the last one was {master}."),
        }
    }
}

impl Machine for Probe {
    type Event = Event;
    type Action = Action;
    type Timer = Timer;

    fn handle(&mut self, now: Instant, event: Event) {
        self.look_at_clock(now);
        self.desk.stats.events += 1;
        match event {
            Event::Connected { link } => self.on_link(link, |s, desk, rules| s.on_connected(desk, rules, link)),
            Event::Failed { link, fault } => self.on_link(link, |s, desk, rules| s.on_failed(desk, rules, link, fault)),
            Event::Answered { link, answer } => {
                self.on_link(link, |s, desk, rules| s.on_answered(desk, rules, link, &answer));
            }
            Event::Heard { .. } => self.desk.stats.stray += 1,
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
        let hurry = self.is_hurried();
        let checks = self.servers.values().map(|s| s.deadline(&self.rules, hurry)).fold(None, soonest);
        let lost = self.without_since.map(|since| since + LOST_AFTER).filter(|at| *at > self.desk.now);
        soonest(checks, lost.map(|at| (at, Timer::Lost)))
    }
}

impl Source for Probe {
    fn report(&self) -> GroupReport {
        let phase = self.phase(choose(self.present.as_ref(), &self.masters()));
        let view = self.view(phase);
        let known = self.present.as_ref().map(|p| p.addr);
        GroupReport {
            name: self.desk.group.clone(),
            source: SourceKind::Probe,
            explain: self.explain(),
            sdown: phase != Phase::Steady,
            odown: phase != Phase::Steady,
            quorum: 0,
            servers: reports(&self.servers, &view, known, self.desk.now),
            peers: Vec::new(),
            view,
        }
    }
}

/// Everyone but the master, in the order of their addresses. Before there was a master (`known`), nobody is left out.
pub(crate) fn replicas(servers: &BTreeMap<SocketAddr, Server>, master: SocketAddr, known: bool) -> Vec<Replica> {
    let info = servers.get(&master).and_then(|s| s.info.as_ref()).filter(|_| known);
    let others = servers.values().filter(|s| s.addr != master);
    let replica = |s: &Server| {
        let offset = s.info.as_ref().map(|i| i.offset);
        let lag = info.zip(offset).map(|(m, r)| m.offset.0.saturating_sub(r.0));
        let link = s.link_state(info.and_then(|i| i.history.as_ref()));
        Replica { addr: s.addr, link, offset: offset.unwrap_or_default(), lag, weight: USUAL_WEIGHT }
    };
    others.map(replica).collect()
}

/// How all servers stand, the master first.
pub(crate) fn reports(
    servers: &BTreeMap<SocketAddr, Server>,
    view: &View,
    master: Option<SocketAddr>,
    now: Instant,
) -> Vec<crate::report::ServerReport> {
    let lag = |addr: SocketAddr| view.replicas.iter().find(|r| r.addr == addr).and_then(|r| r.lag);
    let report = |s: &Server| s.report(now, Some(s.addr) == master, lag(s.addr));
    let (mut first, rest): (Vec<_>, Vec<_>) = servers.values().map(report).partition(|s| s.is_master);
    first.extend(rest);
    first
}

/// What follows from several masters.
const fn consequence(choice: Choice) -> &'static str {
    match choice {
        Choice::Stays(_) => {
            "the present one stays, because no other was promoted out of its data; make replicas of the others"
        }
        _ => {
            "nothing is written to any of them until all but one are replicas, because writes to the wrong one would be lost"
        }
    }
}

pub(crate) fn list(addresses: &[SocketAddr]) -> String {
    let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    all.join(", ")
}

/// After a change everybody is looked at often for this long: replicas follow within it.
const HURRY: core::time::Duration = core::time::Duration::from_secs(5);

#[cfg(test)]
mod tests;
