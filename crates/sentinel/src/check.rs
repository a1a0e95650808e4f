//! How does one server stand, seen from outside? It is checked in a balancer's manner: a new connection, `AUTH`, `PING`,
//! `INFO replication`, and whatever else the operator wants to hear.
//!
//! ```text
//!   due ─> connect ─> ask ─> passed ──────> the connection stays open until the next check has passed: its end is evidence
//!            │         │        └─> QUIT on the one before
//!            └─────────┴───> failed: again soon, until it is sure
//!
//!   Unknown ──first result──> Master <──rise──> Replica        fall other results in a row: Down
//! ```
//!
//! A role that a server says itself needs `rise` results in a row, a failure `fall`. The first result of all decides at once.

use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use machine::time::span;
use machine::{Instant, soonest};
use serde::{Deserialize, Serialize};
use view::{LinkState, RunId};

use crate::answer::{Answer, InfoReport, Role};
use crate::event::{Ask, Channel, Fault, Level, LinkId, Target};
use crate::report::ServerReport;
use crate::source::{Action, Desk, Timer};

/// How the servers of a group are checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// From one check of a server to the next.
    #[serde(with = "span")]
    pub interval: Duration,
    /// The same while it is not sure how it stands, or while there is no master.
    #[serde(with = "span")]
    pub fast_interval: Duration,
    /// How long a check may take, from the first packet to the last answer.
    #[serde(with = "span")]
    pub timeout: Duration,
    /// Results in a row that make a server what it says; at least 1.
    pub rise: u32,
    /// Failures in a row that take it out; at least 1.
    pub fall: u32,
    /// What `INFO replication` of a master must contain, beside its role.
    #[serde(default)]
    pub expect: Vec<String>,
    /// What else every server must answer.
    #[serde(default)]
    pub exchanges: Vec<Exchange>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            fast_interval: Duration::from_millis(100),
            timeout: Duration::from_secs(1),
            rise: 1,
            fall: 3,
            expect: Vec::new(),
            exchanges: Vec::new(),
        }
    }
}

/// A question of the operator's own. No secret is in it: passwords are the driver's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The line that is sent, without its end.
    pub send: String,
    /// What the reply must contain.
    pub expect: String,
}

/// What is thought of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No check has ended yet.
    Unknown,
    /// It passes as a master.
    Master,
    /// It passes as a replica.
    Replica,
    /// It does not pass.
    Down,
}

/// How standing follows from results: plain counting, apart from everything else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) standing: Standing,
    last: Standing,
    /// Results in a row that are not the standing.
    against: u32,
    /// Results in a row that are the same.
    alike: u32,
}

impl Count {
    const fn new() -> Self {
        Self { standing: Standing::Unknown, last: Standing::Unknown, against: 0, alike: 0 }
    }

    /// Counts a result; `true`: the standing has changed.
    fn take(&mut self, result: Standing, rise: u32, fall: u32) -> bool {
        self.alike = if self.last == result { self.alike.saturating_add(1) } else { 1 };
        self.last = result;
        if self.standing == result {
            self.against = 0;
            return false;
        }
        self.against += 1;
        let is_passed = result != Standing::Down && self.alike >= rise;
        let next = match self.standing {
            Standing::Unknown => result,
            _ if is_passed => result,
            Standing::Master | Standing::Replica if self.against >= fall => Standing::Down,
            same => same,
        };
        let changed = next != self.standing;
        if changed {
            self.standing = next;
            self.against = 0;
        }
        changed
    }

    /// Whether the last result speaks against the standing.
    fn is_in_transition(&self) -> bool {
        self.last != self.standing
    }
}

/// A server that is checked.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) count: Count,
    /// Its connection broke, or was refused, after the last good check: nothing is sent to it before it has said more.
    pub(crate) doubt: bool,
    /// What it said of itself, last.
    pub(crate) info: Option<InfoReport>,
    /// Why the last check failed; `None`: it passed.
    failure: Option<String>,
    /// When the last one passed.
    passed: Option<Instant>,
    /// When the last one ended.
    ended: Instant,
    check: Option<Check>,
    /// The connection of the last check that passed.
    watch: Option<LinkId>,
    due: Instant,
    /// Reasons that were told since it went down.
    told: Vec<String>,
}

/// A check under way.
#[derive(Clone, Debug)]
struct Check {
    link: LinkId,
    until: Instant,
    /// Sent, and not yet answered.
    owed: VecDeque<Ask>,
    /// Which of the operator's own questions comes next.
    exchange: usize,
    info: Option<InfoReport>,
}

/// Why a check failed.
struct Failure {
    why: String,
    /// The kernel said so: stronger than silence.
    firm: bool,
}

impl Failure {
    fn of(why: impl Into<String>) -> Self {
        Self { why: why.into(), firm: false }
    }
}

impl Server {
    pub(crate) const fn new(addr: SocketAddr, now: Instant) -> Self {
        Self {
            addr,
            count: Count::new(),
            doubt: false,
            info: None,
            failure: None,
            passed: None,
            ended: now,
            check: None,
            watch: None,
            due: now,
            told: Vec::new(),
        }
    }

    pub(crate) const fn standing(&self) -> Standing {
        self.count.standing
    }

    /// Whether requests may be sent to it as a master now.
    pub(crate) fn is_sound_master(&self) -> bool {
        self.standing() == Standing::Master && !self.doubt && self.count.last != Standing::Replica
    }

    /// Whether the last thing that was seen of it is that it is a master.
    pub(crate) fn is_passing_master(&self) -> bool {
        self.is_sound_master() && self.count.last == Standing::Master
    }

    pub(crate) fn owns(&self, link: LinkId) -> bool {
        self.watch == Some(link) || self.check.as_ref().is_some_and(|check| check.link == link)
    }

    pub(crate) fn on_connected(&mut self, desk: &mut Desk, rules: &Rules, link: LinkId) {
        let Some(check) = self.check.as_mut().filter(|check| check.link == link) else { return };
        let lines = rules.exchanges.iter().map(|exchange| Ask::Line { text: exchange.send.clone() });
        check.owed = [Ask::Auth, Ask::Ping, Ask::Replication].into_iter().chain(lines).collect();
        for ask in &check.owed {
            desk.send(link, ask.clone());
        }
    }

    pub(crate) fn on_answered(&mut self, desk: &mut Desk, rules: &Rules, link: LinkId, answer: &Answer) {
        // What the connection before says to its QUIT is of no account.
        let Some(check) = self.check.as_mut().filter(|check| check.link == link) else { return };
        let Some(ask) = check.owed.pop_front() else { return };
        let judged = check.judge(rules, &ask, answer);
        match (judged, check.owed.is_empty()) {
            (Ok(()), false) => {}
            (Ok(()), true) => self.pass(desk, rules),
            (Err(failure), _) => {
                desk.close(link);
                self.fail(desk, rules, failure);
            }
        }
    }

    pub(crate) fn on_failed(&mut self, desk: &mut Desk, rules: &Rules, link: LinkId, fault: Fault) {
        if self.watch == Some(link) {
            self.watch = None;
            // An end may be the server's habit (`timeout`), or somebody's order: a reason to look, not a verdict.
            self.doubt = true;
            self.look(desk.now);
        } else if self.check.as_ref().is_some_and(|check| check.link == link) {
            if fault == Fault::Local {
                // Our trouble says nothing about the server.
                self.check = None;
                self.ended = desk.now;
                self.due = desk.now + rules.fast_interval;
                return;
            }
            let firm = matches!(fault, Fault::Refused | Fault::Reset | Fault::Closed);
            self.doubt |= firm;
            self.fail(desk, rules, Failure { why: text_of(fault).into(), firm });
        }
    }

    /// Looks as soon as possible.
    pub(crate) fn look(&mut self, now: Instant) {
        self.due = self.due.min(now);
    }

    /// Begins anew whatever a freeze of ours has spoilt.
    pub(crate) fn forgive(&mut self, desk: &mut Desk) {
        if let Some(check) = self.check.take() {
            desk.close(check.link);
        }
        self.due = desk.now;
    }

    /// Nobody wants to know it any more.
    pub(crate) fn forget(self, desk: &mut Desk) {
        for link in self.watch.into_iter().chain(self.check.map(|check| check.link)) {
            desk.close(link);
        }
    }

    /// It is somewhere else now.
    pub(crate) fn moved(self, desk: &mut Desk, to: SocketAddr) -> Self {
        self.forget(desk);
        Self::new(to, desk.now)
    }

    /// Does what is due. `hurry`: the group has no master, or it has just changed.
    pub(crate) fn keep(&mut self, desk: &mut Desk, rules: &Rules, hurry: bool) {
        if let Some(check) = self.check.as_ref().filter(|check| check.until <= desk.now) {
            let link = check.link;
            desk.close(link);
            let why = alloc::format!("no answer within {} ms", rules.timeout.as_millis());
            self.fail(desk, rules, Failure::of(why));
        }
        if self.check.is_none() && self.due_at(rules, hurry) <= desk.now {
            let link = desk.new_link(self.addr);
            let until = desk.now + rules.timeout;
            self.check = Some(Check { link, until, owed: VecDeque::new(), exchange: 0, info: None });
            self.due = desk.now + rules.interval;
            desk.act(Action::Connect { link, target: Target::Server, channel: Channel::Check });
        }
    }

    /// When [`keep`](Self::keep) has something to do.
    pub(crate) fn deadline(&self, rules: &Rules, hurry: bool) -> Option<(Instant, Timer)> {
        match &self.check {
            Some(check) => Some((check.until, Timer::GiveUp)),
            None => soonest(None, Some((self.due_at(rules, hurry), Timer::Check))),
        }
    }

    fn due_at(&self, rules: &Rules, hurry: bool) -> Instant {
        if hurry { self.due.min(self.ended + rules.fast_interval) } else { self.due }
    }

    fn pass(&mut self, desk: &mut Desk, rules: &Rules) {
        let Some(Check { link, info: Some(info), .. }) = self.check.take() else { return };
        if let Some(before) = self.watch.replace(link) {
            desk.send(before, Ask::Quit);
            desk.close(before);
        }
        let result = if info.role == Role::Master { Standing::Master } else { Standing::Replica };
        self.info = Some(info);
        self.doubt = false;
        self.failure = None;
        self.passed = Some(desk.now);
        self.conclude(desk, rules, result, false);
    }

    fn fail(&mut self, desk: &mut Desk, rules: &Rules, failure: Failure) {
        self.check = None;
        self.failure = Some(failure.why);
        self.conclude(desk, rules, Standing::Down, failure.firm);
    }

    fn conclude(&mut self, desk: &mut Desk, rules: &Rules, result: Standing, firm: bool) {
        let before = self.standing();
        let changed = self.count.take(result, rules.rise, rules.fall);
        self.ended = desk.now;
        self.due = desk.now
            + match (self.count.is_in_transition(), firm) {
                (true, true) => rules.fast_interval.min(RECHECK),
                (true, false) => rules.fast_interval,
                (false, _) => rules.interval,
            };
        if changed || (self.standing() == Standing::Down && result == Standing::Down) {
            self.tell(desk, before, changed);
        }
    }

    /// Tells operators what changed; while it is down, each reason once.
    fn tell(&mut self, desk: &mut Desk, before: Standing, changed: bool) {
        let addr = self.addr;
        match self.standing() {
            Standing::Down => {
                let why = self.failure.clone().unwrap_or_else(|| "its role is not settled".into());
                if self.told.len() < MAX_TOLD && !self.told.contains(&why) {
                    desk.announce(Level::Warning, "+server-down", alloc::format!("{addr}: {why}"));
                    self.told.push(why);
                }
            }
            Standing::Master | Standing::Replica if changed => {
                self.told.clear();
                let role = if self.standing() == Standing::Master { "a master" } else { "a replica" };
                let name = match before {
                    Standing::Down => "-server-down",
                    Standing::Unknown => "+server",
                    _ => "+role-change",
                };
                desk.announce(Level::Notice, name, alloc::format!("{addr}: it passes its checks as {role}"));
            }
            _ => {}
        }
    }

    /// What connects it to the rest, as a replica of a master with this history.
    pub(crate) fn link_state(&self, history: Option<&RunId>) -> LinkState {
        let Some(info) = self.info.as_ref().filter(|_| !self.doubt) else { return LinkState::Down };
        match self.standing() {
            Standing::Unknown | Standing::Down => LinkState::Down,
            Standing::Master => LinkState::Stale,
            // Addresses do not tell who follows whom: behind NAT each host has its own. A history does.
            Standing::Replica => {
                let is_ours = history.is_none() || info.history.is_none() || info.history.as_ref() == history;
                if info.link_up && is_ours { LinkState::Up } else { LinkState::Stale }
            }
        }
    }

    /// What the last check said, for people.
    pub(crate) fn last_word(&self, now: Instant) -> String {
        if self.standing() == Standing::Unknown {
            return "not checked yet".into();
        }
        let ago = now.since(self.ended).as_millis();
        match &self.failure {
            Some(why) => alloc::format!("failed {ago} ms ago: {why}"),
            None => alloc::format!("passed {ago} ms ago as {}", self.role_word()),
        }
    }

    fn role_word(&self) -> &'static str {
        match self.count.last {
            Standing::Master => "master",
            _ => "replica",
        }
    }

    pub(crate) fn report(&self, now: Instant, is_master: bool, lag: Option<u64>) -> ServerReport {
        let info = self.info.as_ref();
        let down = (self.standing() == Standing::Down)
            .then(|| self.failure.clone().unwrap_or_else(|| "its role is not settled".to_string()));
        ServerReport {
            addr: self.addr,
            is_master,
            role: info.map(|i| i.role),
            down,
            connected: self.watch.is_some(),
            link_up: info.is_some_and(|i| i.link_up),
            follows: info.and_then(|i| i.master),
            offset: info.map(|i| i.offset).unwrap_or_default(),
            lag,
            version: String::new(),
            check: Some(self.last_word(now)),
            answered_ms_ago: now.since(self.passed.unwrap_or_default()).as_millis().try_into().unwrap_or(u64::MAX),
        }
    }
}

impl Check {
    fn judge(&mut self, rules: &Rules, ask: &Ask, answer: &Answer) -> Result<(), Failure> {
        match (ask, answer) {
            (_, Answer::Denied { text }) => {
                let text = text.trim_end_matches('.');
                Err(Failure::of(alloc::format!("it does not let us in: {text}; is the password for checks right?")))
            }
            (_, Answer::Loading) => Err(Failure::of("it is loading its data")),
            (_, Answer::Busy) => Err(Failure::of("it is busy with a script")),
            (Ask::Auth, Answer::Error { text }) => Err(Failure::of(alloc::format!("AUTH: {text}"))),
            (_, Answer::Error { text } | Answer::Strange { text }) => {
                Err(Failure::of(alloc::format!("it answered with {text}: is this port really a Redis?")))
            }
            (Ask::Replication, Answer::Text { text }) => self.judge_role(rules, text),
            (Ask::Line { .. }, Answer::Text { text }) => {
                let Some(exchange) = rules.exchanges.get(self.exchange) else { return Ok(()) };
                self.exchange += 1;
                if text.contains(&exchange.expect) {
                    return Ok(());
                }
                let Exchange { send, expect } = exchange;
                Err(Failure::of(alloc::format!("the answer to {send:?} has no {expect:?} in it")))
            }
            _ => Ok(()),
        }
    }

    fn judge_role(&mut self, rules: &Rules, text: &str) -> Result<(), Failure> {
        let Some(info) = InfoReport::read(text) else {
            return Err(Failure::of("INFO replication says no role: is this port really a Redis?"));
        };
        let lacking = rules.expect.iter().find(|line| !text.contains(line.as_str()));
        if let Some(lacking) = lacking.filter(|_| info.role == Role::Master) {
            return Err(Failure::of(alloc::format!("it says that it is a master, but not {lacking}")));
        }
        self.info = Some(info);
        Ok(())
    }
}

/// What ended or prevented a connection, for people.
pub(crate) const fn text_of(fault: Fault) -> &'static str {
    match fault {
        Fault::Refused => "connection refused",
        Fault::Reset => "connection reset",
        Fault::Closed => "connection closed",
        Fault::Unreachable => "host unreachable, or its name not known",
        Fault::TimedOut => "no answer to the connection attempt",
        Fault::Malformed => "not the protocol of Redis (or not its TLS)",
        Fault::Local => "this host could not connect: descriptors, memory or rights",
    }
}

/// A refusal or reset is asked for again this soon: the kernel answered, so a second question costs nothing.
const RECHECK: Duration = Duration::from_millis(20);
/// Reasons that are told while a server is down: what changes for ever is not news.
const MAX_TOLD: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use Standing::{Down, Master, Replica, Unknown};

    /// Every sequence of results of this length.
    fn sequences(length: u32) -> impl Iterator<Item = Vec<Standing>> {
        (0..3_usize.pow(length))
            .map(move |n| (0..length).map(|digit| [Master, Replica, Down][n / 3_usize.pow(digit) % 3]).collect())
    }

    /// How many of the last results are so, in a row.
    fn run(results: &[Standing], is: impl Fn(Standing) -> bool) -> u32 {
        u32::try_from(results.iter().rev().take_while(|result| is(**result)).count()).expect("they are few")
    }

    #[test]
    fn every_sequence_of_results_rises_and_falls_as_it_is_said() {
        for (rise, fall) in [(1, 1), (1, 3), (2, 1), (2, 3), (3, 2), (3, 3)] {
            for results in sequences(7) {
                let mut count = Count::new();
                for n in 0..results.len() {
                    let (before, now) = (count.standing, &results[..=n]);
                    count.take(results[n], rise, fall);
                    let context = alloc::format!("{now:?} rise {rise} fall {fall}: {before:?} -> {:?}", count.standing);
                    match (before, count.standing) {
                        (Unknown, first) => assert_eq!(first, results[0], "{context}"),
                        (was, is) if was == is => {
                            let settled = is != Down && results[n] == is;
                            assert!(settled || run(now, |r| r != is) < fall || is == Down, "{context}");
                            assert!(
                                results[n] == is || results[n] == Down || run(now, |r| r == results[n]) < rise,
                                "{context}"
                            );
                        }
                        (was, Down) => assert!(run(now, |r| r != was) >= fall, "{context}"),
                        (_, good) => assert!(run(now, |r| r == good) >= rise, "{context}"),
                    }
                }
            }
        }
    }
}
