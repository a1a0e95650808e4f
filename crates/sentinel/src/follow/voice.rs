//! What does one Sentinel say? It is asked over one connection again and again, and listened to over another, so that it is asked at once
//! when something happens.
//!
//! `SENTINEL MASTER` is asked before `GET-MASTER-ADDR-BY-NAME`: between the two a failover may end, and then an address is believed to be
//! older than it is, never newer.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use machine::{Instant, soonest};
use view::{Epoch, GroupName, RunId};

use crate::answer::{Answer, Instance};
use crate::check::text_of;
use crate::event::{Ask, Channel, Fault, Level, LinkId, Target};
use crate::report::PeerReport;
use crate::source::{Action, Desk, Timer};

/// What a Sentinel said last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) master: SocketAddr,
    pub(super) epoch: Epoch,
    /// Whom its flags are about: in a failover still the old master.
    pub(super) about: Instance,
    pub(super) at: Instant,
}

impl Word {
    /// Whether it sees this master agreed down, or on its way out.
    pub(super) fn gives_up(&self, master: SocketAddr) -> bool {
        self.about.addr == master && (self.about.is("o_down") || self.about.is("failover_in_progress"))
    }
}

/// A connection that is made again whenever it breaks.
#[derive(Clone, Debug)]
struct Line {
    link: Option<LinkId>,
    up: bool,
    /// When it was ordered, or the oldest question that waits was asked.
    since: Instant,
    owed: VecDeque<Ask>,
    retry_at: Instant,
}

impl Line {
    const fn new(now: Instant) -> Self {
        Self { link: None, up: false, since: now, owed: VecDeque::new(), retry_at: now }
    }

    fn is(&self, link: LinkId) -> bool {
        self.link == Some(link)
    }

    fn keep(&mut self, desk: &mut Desk, to: SocketAddr, channel: Channel) {
        if let Some(link) = self.link.filter(|_| self.give_up_at().is_some_and(|at| at <= desk.now)) {
            desk.close(link);
            self.lost(desk.now);
        }
        if self.link.is_none() && self.retry_at <= desk.now {
            let link = desk.new_link(to);
            (self.link, self.up, self.since) = (Some(link), false, desk.now);
            desk.act(Action::Connect { link, target: Target::Peer, channel });
        }
    }

    fn lost(&mut self, now: Instant) {
        self.link = None;
        self.up = false;
        self.owed.clear();
        self.retry_at = now + RETRY;
    }

    fn send(&mut self, desk: &mut Desk, ask: Ask) {
        let Some(link) = self.link.filter(|_| self.up) else { return };
        if self.owed.is_empty() {
            self.since = desk.now;
        }
        desk.send(link, ask.clone());
        self.owed.push_back(ask);
    }

    fn answered(&mut self, now: Instant) -> Option<Ask> {
        self.since = now;
        self.owed.pop_front()
    }

    fn give_up_at(&self) -> Option<Instant> {
        let waits = self.link.is_some() && (!self.up || !self.owed.is_empty());
        waits.then(|| self.since + PATIENCE)
    }

    fn deadline(&self) -> Option<(Instant, Timer)> {
        match self.link {
            None => Some((self.retry_at, Timer::Reconnect)),
            Some(_) => self.give_up_at().map(|at| (at, Timer::GiveUp)),
        }
    }
}

/// A Sentinel.
#[derive(Clone, Debug)]
pub(super) struct Voice {
    addr: SocketAddr,
    /// The operator named it: it is never forgotten.
    pub(super) is_configured: bool,
    /// Told by the others.
    pub(super) id: Option<RunId>,
    command: Line,
    events: Line,
    ask_at: Instant,
    /// Answered within a round of questions that is not over.
    about: Option<Instance>,
    word: Option<Word>,
    pub(super) replicas: Vec<SocketAddr>,
    pub(super) others: Vec<Instance>,
    complaint: Option<String>,
}

impl Voice {
    pub(super) const fn new(addr: SocketAddr, is_configured: bool, now: Instant) -> Self {
        Self {
            addr,
            is_configured,
            id: None,
            command: Line::new(now),
            events: Line::new(now),
            ask_at: now,
            about: None,
            word: None,
            replicas: Vec::new(),
            others: Vec::new(),
            complaint: None,
        }
    }

    pub(super) fn owns(&self, link: LinkId) -> bool {
        self.command.is(link) || self.events.is(link)
    }

    /// What it said, while that is not too old to count.
    pub(super) const fn word(&self) -> Option<&Word> {
        self.word.as_ref()
    }

    pub(super) fn on_connected(&mut self, desk: &mut Desk, link: LinkId) {
        if self.command.is(link) {
            self.command.up = true;
            self.command.send(desk, Ask::Auth);
            self.ask(desk);
        } else {
            self.events.up = true;
            self.events.send(desk, Ask::Auth);
            self.events.send(desk, Ask::Events);
        }
    }

    pub(super) fn on_failed(&mut self, now: Instant, link: LinkId, fault: Fault) {
        let line = if self.command.is(link) { &mut self.command } else { &mut self.events };
        line.lost(now);
        if self.command.link.is_none() {
            self.complaint = Some(text_of(fault).into());
        }
    }

    pub(super) fn on_answered(&mut self, desk: &mut Desk, link: LinkId, answer: Answer) {
        if self.events.is(link) {
            self.events.answered(desk.now);
            return;
        }
        let Some(ask) = self.command.answered(desk.now) else { return };
        match (ask, answer) {
            (_, Answer::Denied { text }) => self.complain(desk, alloc::format!("it does not let us in: {text}")),
            (Ask::Master { .. }, Answer::Instances { list }) => self.about = list.into_iter().next(),
            (Ask::WhoIsMaster { .. }, Answer::Named { master: Some(master) }) => {
                if let Some(about) = self.about.take() {
                    self.complaint = None;
                    self.word = Some(Word { master, epoch: about.epoch, about, at: desk.now });
                }
            }
            (Ask::WhoIsMaster { .. }, _) => {
                self.word = None;
                let group = desk.group.clone();
                self.complain(desk, alloc::format!("it does not know a group {group}, or not where its master is"));
            }
            (Ask::Replicas { .. }, Answer::Instances { list }) => {
                self.replicas = list.into_iter().map(|instance| instance.addr).collect();
            }
            (Ask::Sentinels { .. }, Answer::Instances { list }) => self.others = list,
            _ => {}
        }
    }

    /// Tells a complaint when it is another one than before.
    fn complain(&mut self, desk: &mut Desk, why: String) {
        if self.complaint.as_ref() != Some(&why) {
            desk.announce(Level::Warning, "+sentinel-refuses", alloc::format!("{}: {why}", self.addr));
            self.complaint = Some(why);
        }
    }

    /// Something has happened: asks at once, or as soon as the answers under way are there.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.ask_at = self.ask_at.min(now);
    }

    fn ask(&mut self, desk: &mut Desk) {
        self.ask_at = desk.now + ROUND;
        self.about = None;
        let group = || -> GroupName { desk.group.clone() };
        let asks = [
            Ask::Master { group: group() },
            Ask::WhoIsMaster { group: group() },
            Ask::Replicas { group: group() },
            Ask::Sentinels { group: group() },
        ];
        for ask in asks {
            self.command.send(desk, ask);
        }
        // So that an end of the other connection which nobody told is noticed.
        if self.events.owed.is_empty() {
            self.events.send(desk, Ask::Ping);
        }
    }

    /// Does what is due. `often`: there is no master at present.
    pub(super) fn keep(&mut self, desk: &mut Desk, often: bool) {
        if self.word.as_ref().is_some_and(|word| word.at + WORD_AGE <= desk.now) {
            self.word = None;
        }
        self.command.keep(desk, self.addr, Channel::Command);
        self.events.keep(desk, self.addr, Channel::Events);
        if often {
            self.ask_at = self.ask_at.min(desk.now + ROUND_OFTEN);
        }
        if self.may_ask() && self.ask_at <= desk.now {
            self.ask(desk);
        }
    }

    fn may_ask(&self) -> bool {
        self.command.up && self.command.owed.is_empty()
    }

    pub(super) fn deadline(&self) -> Option<(Instant, Timer)> {
        let word = self.word.as_ref().map(|word| (word.at + WORD_AGE, Timer::WordExpires));
        let ask = self.may_ask().then_some((self.ask_at, Timer::Ask));
        let lines = soonest(self.command.deadline(), self.events.deadline());
        soonest(soonest(word, ask), lines)
    }

    /// After a freeze of our own nobody is late.
    pub(super) fn forgive(&mut self, now: Instant) {
        self.command.since = now;
        self.events.since = now;
        if let Some(word) = &mut self.word {
            word.at = now;
        }
    }

    pub(super) fn forget(self, desk: &mut Desk) {
        for link in self.command.link.into_iter().chain(self.events.link) {
            desk.close(link);
        }
    }

    pub(super) fn report(&self, now: Instant) -> PeerReport {
        PeerReport {
            id: self.id.clone().unwrap_or_else(|| RunId::from_bits([0; 20])),
            addr: self.addr,
            down: self.word.is_none(),
            master: self.word.as_ref().map(|word| word.master),
            config_epoch: self.word.as_ref().map(|word| word.epoch).unwrap_or_default(),
            hello_ms_ago: self.word.as_ref().map(|w| now.since(w.at).as_millis().try_into().unwrap_or(u64::MAX)),
        }
    }
}

/// From one round of questions to the next: events tell of changes, the rounds only find what an event did not tell.
const ROUND: Duration = Duration::from_secs(1);
/// The same while there is no master: a failover's end is worth a few questions.
const ROUND_OFTEN: Duration = Duration::from_millis(50);
/// A word that was not repeated for three rounds counts no more.
const WORD_AGE: Duration = Duration::from_secs(3);
/// How long a connection attempt or an answer may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// A Sentinel that is away is tried again this often.
const RETRY: Duration = Duration::from_millis(500);
