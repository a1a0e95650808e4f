//! A connection of ours and what keeps it standing: connect, give up, connect again.

use alloc::collections::VecDeque;
use core::net::SocketAddr;
use core::time::Duration;

use machine::Instant;
use serde::{Deserialize, Serialize};
use view::GroupName;

use crate::core::Core;
use crate::event::{Action, Ask, Channel, LinkId, Target, Timer};

/// Unanswered commands on one link, as in stock Sentinel. At the bound nothing more is sent until an answer comes.
const MAX_PENDING: usize = 100;

/// A server or node that is down, or whose trouble is ours, is tried again this often.
pub(crate) const RETRY: Duration = Duration::from_millis(200);

/// A refusal of longer ago is asked for again before something is done about it. Just above the time between two looks in doubt.
const FRESH: Duration = Duration::from_millis(12);

/// A connection, or an attempt, that has stood for so long without an end says nothing about a refusal before it.
const NO_NEWS: Duration = Duration::from_millis(25);

/// How long a connection attempt may take before a new one is made. The kernel repeats a lost first packet only after 1, 3,
/// 7 s: on a network that has just healed that is long, a new attempt is not.
const CONNECT_LIMIT: Duration = Duration::from_millis(500);

/// One connection and the commands that it owes us an answer to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    /// When it was ordered.
    pub(crate) since: Instant,
    /// Whether it is connected.
    pub(crate) up: bool,
    /// An error came on it: the server is there and refuses us, so its hanging up is no evidence of a crash.
    pub(crate) protested: bool,
    /// When something was last heard on it.
    pub(crate) heard: Instant,
    pending: VecDeque<Pending>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pending {
    at: Instant,
    ask: Ask,
}

impl Link {
    /// Sends, unless the link is not up or owes too many answers.
    pub(crate) fn send(&mut self, core: &mut Core, ask: Ask) -> bool {
        if !self.up {
            return false;
        }
        if self.pending.len() >= MAX_PENDING {
            core.stats.at_bound += 1;
            return false;
        }
        self.pending.push_back(Pending { at: core.now, ask: ask.clone() });
        core.act(Action::Send { link: self.id, ask });
        true
    }

    /// Whether a command of this kind still waits for its answer.
    pub(crate) fn awaits(&self, is_kind: impl Fn(&Ask) -> bool) -> bool {
        self.pending.iter().any(|p| is_kind(&p.ask))
    }

    /// The command that an answer belongs to, and when it was sent.
    pub(crate) fn answered(&mut self, now: Instant) -> Option<(Ask, Instant)> {
        self.heard = now;
        self.pending.pop_front().map(|p| (p.ask, p.at))
    }

    /// Commands that wait for their answers.
    pub(crate) fn owed(&self) -> usize {
        self.pending.len()
    }

    /// When the PING was sent that waits for its answer.
    pub(crate) fn pinged(&self) -> Option<Instant> {
        self.pending.iter().find(|p| matches!(p.ask, Ask::Ping)).map(|p| p.at)
    }

    fn oldest(&self) -> Option<Instant> {
        self.pending.front().map(|p| p.at)
    }
}

/// Whom a line goes to and how patient it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    pub(crate) group: &'a GroupName,
    pub(crate) to: SocketAddr,
    pub(crate) target: Target,
    pub(crate) channel: Channel,
    /// How long a connection attempt, and how long an answer, may take.
    pub(crate) patience: Duration,
}

/// A link that is made again whenever it breaks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) link: Option<Link>,
    retry_at: Instant,
    /// When the last one broke, or could not be made.
    lost_at: Option<Instant>,
}

impl Line {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { link: None, retry_at: now, lost_at: None }
    }

    pub(crate) fn is(&self, id: LinkId) -> bool {
        self.link.as_ref().is_some_and(|l| l.id == id)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.link.as_ref().is_some_and(|l| l.up)
    }

    /// Whether a command of this kind still waits for its answer.
    pub(crate) fn awaits(&self, is_kind: impl Fn(&Ask) -> bool) -> bool {
        self.link.as_ref().is_some_and(|link| link.awaits(is_kind))
    }

    /// The link, if it is connected.
    pub(crate) fn up(&mut self) -> Option<&mut Link> {
        self.link.as_mut().filter(|l| l.up)
    }

    /// Sends on the link if it is up.
    pub(crate) fn send(&mut self, core: &mut Core, ask: Ask) -> bool {
        self.up().is_some_and(|link| link.send(core, ask))
    }

    /// The link broke or could not be made: try again after `pause`.
    pub(crate) fn lost(&mut self, now: Instant, pause: Duration) -> Option<Link> {
        self.retry_at = now + pause;
        self.lost_at = Some(now);
        self.link.take()
    }

    /// Whether something is known of the other side as it is at present: a connection broke or failed a moment ago, or stands
    /// or has been attempted for so long that waiting brings nothing new.
    pub(crate) fn is_fresh(&self, now: Instant) -> bool {
        let broke = self.lost_at.is_some_and(|at| now < at + FRESH);
        broke || self.link.as_ref().is_some_and(|link| now >= link.since + NO_NEWS)
    }

    /// Tries again at once, unless it is being tried.
    pub(crate) fn hurry(&mut self, now: Instant) {
        self.retry_at = self.retry_at.min(now);
    }

    /// Closes it to make it anew at once.
    pub(crate) fn renew(&mut self, core: &mut Core) {
        let now = core.now;
        if let Some(link) = self.lost(now, Duration::ZERO) {
            core.act(Action::Close { link: link.id });
        }
    }

    /// Does what is due. `true`: the link was given up, which is silence, not a refusal.
    pub(crate) fn keep(&mut self, core: &mut Core, terms: Terms<'_>) -> bool {
        let gave_up = match &self.link {
            Some(link) if Self::give_up_at(link, terms.patience) <= core.now => {
                core.act(Action::Close { link: link.id });
                self.link = None;
                self.retry_at = core.now;
                true
            }
            _ => false,
        };
        if self.link.is_none() && self.retry_at <= core.now {
            self.connect(core, terms);
        }
        gave_up
    }

    fn connect(&mut self, core: &mut Core, terms: Terms<'_>) {
        let id = core.new_link(terms.to);
        self.link =
            Some(Link { id, since: core.now, up: false, protested: false, heard: core.now, pending: VecDeque::new() });
        core.act(Action::Connect {
            link: id,
            group: terms.group.clone(),
            target: terms.target,
            channel: terms.channel,
        });
    }

    fn give_up_at(link: &Link, patience: Duration) -> Instant {
        if link.up {
            link.oldest().map_or(Instant::from_nanos(u64::MAX), |at| at + patience)
        } else {
            link.since + patience.min(CONNECT_LIMIT)
        }
    }

    /// When [`keep`](Self::keep) has something to do.
    pub(crate) fn deadline(&self, patience: Duration) -> Option<(Instant, Timer)> {
        match &self.link {
            None => Some((self.retry_at, Timer::Reconnect)),
            Some(link) => {
                let at = Self::give_up_at(link, patience);
                (at < Instant::from_nanos(u64::MAX)).then_some((at, Timer::GiveUp))
            }
        }
    }
}
