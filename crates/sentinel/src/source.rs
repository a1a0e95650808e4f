//! What have the machines in common that find the view elsewhere than by a vote of nodes? Their events and actions, and the desk at which
//! each of them sits.
//!
//! ```text
//!                        ┌── probe: every server, in a balancer's manner ──┐
//!   servers <── check ───┤                                                 ├──> VIEW
//!                        └── follow: whom stock Sentinels name ────────────┘
//!                                      │
//!                        Sentinels <───┘
//! ```
//!
//! Neither of them ever gives a server an order: they look, and say what they see.

use alloc::collections::VecDeque;
use alloc::string::String;
use core::net::SocketAddr;
use core::time::Duration;

use machine::{Instant, Machine};
use serde::{Deserialize, Serialize};
use view::{GroupName, View};

use crate::answer::Answer;
use crate::event::{Announcement, Ask, Channel, Fault, Level, LinkId, Target};
use crate::publish::is_same_to_readers;
use crate::report::{GroupReport, Stats};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A `Connect` succeeded; what is sent on the link from here on is answered in order.
    Connected {
        /// Which link.
        link: LinkId,
    },
    /// A `Connect` failed, or an open link ended. The link is gone; nothing more is heard of it.
    Failed {
        /// Which link.
        link: LinkId,
        /// What the kernel or the other side said.
        fault: Fault,
    },
    /// The reply to the oldest unanswered `Send` on the link.
    Answered {
        /// Which link.
        link: LinkId,
        /// What it said.
        answer: Answer,
    },
    /// A Sentinel published something.
    Heard {
        /// On which link.
        link: LinkId,
        /// The event's name, a blank, and what follows it.
        text: String,
    },
    /// A name means another address than it did: whoever we knew there is now here.
    Moved {
        /// Where it was.
        from: SocketAddr,
        /// Where it is.
        to: SocketAddr,
    },
}

/// What the driver shall do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Open a connection. Ends in `Connected` or `Failed`.
    Connect {
        /// The new link.
        link: LinkId,
        /// What is there: tells the credentials.
        target: Target,
        /// What it is for.
        channel: Channel,
    },
    /// Close a link. Nothing is reported of it afterwards; what was sent on it before still leaves.
    Close {
        /// Which link.
        link: LinkId,
    },
    /// Send a command on a connected link.
    Send {
        /// On which link.
        link: LinkId,
        /// What.
        ask: Ask,
    },
    /// The view changed.
    Publish {
        /// The new one.
        view: View,
    },
    /// Tell people.
    Announce {
        /// What.
        event: Announcement,
    },
}

/// Why such a machine wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Timer {
    /// When to check a server.
    Check,
    /// When to give up on a check, a connection attempt or an answer.
    GiveUp,
    /// When to connect to a Sentinel again.
    Reconnect,
    /// When to ask a Sentinel again.
    Ask,
    /// When a Sentinel's word is too old to count.
    WordExpires,
    /// When to tell who waits that waiting may be in vain.
    Lost,
}

/// A machine that finds the view of one group.
pub trait Source: Machine<Event = Event, Action = Action, Timer = Timer> {
    /// How the group stands, for people.
    fn report(&self) -> GroupReport;
}

/// What such a machine writes with: the outbox, the numbers of its links, and what it has published.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    /// The latest time that the driver told.
    pub(crate) now: Instant,
    pub(crate) group: GroupName,
    pub(crate) stats: Stats,
    /// What was published last.
    pub(crate) published: Option<View>,
    out: VecDeque<Action>,
    links: u32,
}

impl Desk {
    pub(crate) fn new(group: GroupName, now: Instant) -> Self {
        Self { now, group, stats: Stats::default(), published: None, out: VecDeque::new(), links: 0 }
    }

    /// A link that never was.
    pub(crate) const fn new_link(&mut self, to: SocketAddr) -> LinkId {
        self.links += 1;
        LinkId { to, nr: self.links }
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.out.push_back(action);
    }

    pub(crate) fn next(&mut self) -> Option<Action> {
        self.out.pop_front()
    }

    pub(crate) fn send(&mut self, link: LinkId, ask: Ask) {
        self.act(Action::Send { link, ask });
    }

    pub(crate) fn close(&mut self, link: LinkId) {
        self.act(Action::Close { link });
    }

    pub(crate) fn announce(&mut self, level: Level, name: &str, payload: impl Into<String>) {
        let event = Announcement { level, group: Some(self.group.clone()), name: name.into(), payload: payload.into() };
        self.act(Action::Announce { event });
    }

    /// Tells the view if it changed for its readers.
    pub(crate) fn publish(&mut self, view: View) {
        if self.published.as_ref().is_some_and(|old| is_same_to_readers(old, &view)) {
            return;
        }
        self.published = Some(view.clone());
        self.act(Action::Publish { view });
    }
}

/// No master for this long: those who wait are told that it may be in vain. As long as a request waits by default.
pub(crate) const LOST_AFTER: Duration = Duration::from_secs(10);

/// A wake that comes this much after its deadline means that we were frozen: then silence was ours.
pub(crate) const FROZEN: Duration = Duration::from_millis(500);
