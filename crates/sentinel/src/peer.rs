//! Another node, or a stock Sentinel, as we know it: where it is, what it last said, whom it voted for.

use core::net::SocketAddr;
use core::time::Duration;

use machine::{Instant, soonest};
use serde::{Deserialize, Serialize};
use view::{Epoch, GroupName, RunId};

use crate::answer::Answer;
use crate::config::GroupConfig;
use crate::core::Core;
use crate::event::{Ask, Channel, Target, Timer};
use crate::evidence::{Complaint, Evidence, Why};
use crate::link::{Line, Terms};
use crate::server::{Down, HELLO_PERIOD, patience};
use crate::state::Vote;

/// How often another node is asked whether it is there.
const PING_PERIOD: Duration = Duration::from_secs(1);

/// An answer that takes longer than this is missing.
const MOMENT: Duration = Duration::from_millis(100);

/// A word about the master counts this long. Stock: five times its asking period of 1 s.
pub(crate) const WORD_AGE: Duration = Duration::from_secs(2);

/// Another node as we know it, for one group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Peer {
    pub(crate) id: RunId,
    pub(crate) addr: SocketAddr,
    pub(crate) line: Line,
    ping_at: Instant,
    pub(crate) hello_at: Instant,
    /// When to ask it whom it takes for master, where ours needs its backing.
    pub(crate) backing_at: Instant,
    pub(crate) evidence: Evidence,
    pub(crate) down: Option<Down>,
    /// Its last hello.
    pub(crate) said: Option<Said>,
    /// Whom it named as master when we last asked.
    pub(crate) named: Option<Named>,
    /// Its last word about our master.
    pub(crate) word: Option<Word>,
    /// The last vote that it told us of.
    pub(crate) vote: Option<Vote>,
}

/// What a hello said.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) at: Instant,
    pub(crate) master: SocketAddr,
    pub(crate) config_epoch: Epoch,
}

/// Whom a node took for master at some time after `asked`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Named {
    pub(crate) asked: Instant,
    pub(crate) master: SocketAddr,
}

/// Whether the master is down for a node, as it said.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Word {
    pub(crate) at: Instant,
    pub(crate) down: bool,
}

impl Peer {
    pub(crate) const fn new(id: RunId, addr: SocketAddr, now: Instant) -> Self {
        Self {
            id,
            addr,
            line: Line::new(now),
            ping_at: now,
            hello_at: now,
            backing_at: now,
            evidence: Evidence::new(now),
            down: None,
            said: None,
            named: None,
            word: None,
            vote: None,
        }
    }

    pub(crate) const fn is_down(&self) -> bool {
        self.down.is_some()
    }

    /// Whether nothing speaks against it: a node on the master's host often falls silent with the master, a while before it
    /// counts as down.
    pub(crate) fn is_lively(&self, now: Instant) -> bool {
        let doubtful = self.evidence.suspected_since().is_some_and(|at| now.since(at) > MOMENT);
        !self.is_down() && !doubtful
    }

    /// Whether it said lately that the master is down for it.
    pub(crate) fn sees_master_down(&self, now: Instant) -> bool {
        self.word.is_some_and(|w| w.down && now < w.at + WORD_AGE)
    }

    /// Whether it takes `master` for master, in answer to a question that was asked after `since`. A hello would not do:
    /// those that a hung server, or a path that was cut, kept back all arrive at once, long after they were said.
    pub(crate) fn agrees(&self, since: Instant, master: SocketAddr) -> bool {
        self.named.is_some_and(|n| n.asked >= since && n.master == master)
    }

    /// Connects, pings and says hello as far as that is due.
    pub(crate) fn keep(&mut self, core: &mut Core, group: &GroupName, rules: &GroupConfig, hello: &str) {
        let terms =
            Terms { group, to: self.addr, target: Target::Peer, channel: Channel::Command, patience: patience(rules) };
        self.line.keep(core, terms);
        if !self.line.is_up() {
            self.evidence.on_waiting(core.now);
            return;
        }
        if self.ping_at <= core.now {
            self.ping_at = core.now + ping_period(rules);
            if let Some(link) = self.line.up()
                && !link.awaits(|ask| matches!(ask, Ask::Ping))
                && link.send(core, Ask::Ping)
            {
                self.evidence.on_waiting(core.now);
            }
        }
        if self.hello_at <= core.now {
            self.hello_at = core.now + HELLO_PERIOD;
            self.line.send(core, Ask::Hello { text: hello.into() });
        }
    }

    /// It answered: what that says of its health. Who does not let us in is there and no use: it neither votes nor tells.
    pub(crate) fn on_answer(&mut self, now: Instant, ask: &Ask, asked: Instant, answer: &Answer) {
        let pinged = *ask == Ask::Ping;
        match answer {
            Answer::Denied { .. } => self.evidence.on_complaint(Complaint::Denied),
            Answer::Error { .. } | Answer::Strange { .. } if pinged => self.evidence.on_complaint(Complaint::Error),
            _ if self.evidence.is_complaint() && !pinged => {}
            _ => self.evidence.on_good(now, asked),
        }
    }

    /// Whether it is there, by the same rule as a server but without the short way: nothing hurries about a node.
    pub(crate) fn verdict(&self, now: Instant, rules: &GroupConfig) -> Option<Why> {
        self.evidence.verdict(now, absence(rules), absence(rules))
    }

    /// When something is due.
    pub(crate) fn deadline(&self, rules: &GroupConfig) -> Option<(Instant, Timer)> {
        let mut next = self.line.deadline(patience(rules));
        if self.line.is_up() {
            next = soonest(next, Some((self.ping_at, Timer::Ping)));
            next = soonest(next, Some((self.hello_at, Timer::Hello)));
        }
        if self.down.is_none() {
            next = soonest(next, self.evidence.deadline(absence(rules), absence(rules)));
        }
        next
    }

    /// When a word that counts against the master stops counting.
    pub(crate) fn word_expires(&self, now: Instant) -> Option<(Instant, Timer)> {
        self.word.filter(|w| w.down && now < w.at + WORD_AGE).map(|w| (w.at + WORD_AGE, Timer::WordExpires))
    }
}

fn ping_period(rules: &GroupConfig) -> Duration {
    PING_PERIOD.min(rules.down_after)
}

/// How long a node may be silent: at least one whole ping must have had its chance.
fn absence(rules: &GroupConfig) -> Duration {
    rules.down_after.max(2 * ping_period(rules))
}
