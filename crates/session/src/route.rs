//! On which server connection does a request travel?
//!
//! A session has one connection at a time, made when the first request needs it: its own, or a part in one that others use, too.
//!
//! ```text
//!            a request needs it          made            all said again
//!   Absent ─────────────────────> Connecting ──> Restoring ──────────────> Open
//!      ^                                │            │                      │
//!      └─────────── failed, ended, or the view names another ───────────────┘
//! ```

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::net::SocketAddr;
use core::time::Duration;

use machine::Instant;
use view::View;

use crate::balance::{Loads, Stay};
use crate::event::Conn;
use crate::restore::Restoring;
use crate::rules::{Role, Rules};

/// The way to a server.
#[derive(Debug)]
pub(crate) struct Route {
    link: Link,
    way: Way,
    made: u32,
    stay: Stay,
    /// The silence is one from a question to its answer.
    is_asked: bool,
    tries: u32,
    /// When to try again after a refusal or a failure. Nothing is sent before.
    pub(crate) retry_at: Option<Instant>,
    /// Until when a connection that the view no longer names may say its last words.
    pub(crate) farewell: Option<Instant>,
    /// A script runs on the server, as of what it said last.
    pub(crate) is_busy: bool,
    /// It was told on this connection only who the client is: of use to stop that script, and for nothing else.
    pub(crate) is_partial: bool,
    /// Something came from the server on this connection, or may have come before it was ours.
    is_heard: bool,
    /// Since when the server says nothing. Of use only while it owes an answer.
    silent_since: Instant,
}

/// Whose the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Own,
    Shared,
}

#[derive(Debug)]
enum Link {
    Absent,
    Connecting { conn: Conn, addr: SocketAddr, until: Instant },
    Restoring { conn: Conn, addr: SocketAddr, words: Box<Restoring> },
    Open { conn: Conn, addr: SocketAddr },
}

/// Longest wait between two tries of the same server: a planned switchover, whose view is on its way, takes less.
const MAX_BACKOFF: Duration = Duration::from_millis(200);
/// A demoted server says READONLY for a moment before the new view is here: about a round trip of the agreement.
const FIRST_BACKOFF: Duration = Duration::from_millis(20);
/// How long a server that the view no longer names may have been silent before its refusals are not waited for. A demoted one
/// refuses within milliseconds; one that hangs, or is cut off, has been silent since before the view could change.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// The least that it may take: a master that was told to hold writes was silent, too, and lets go of them when the view
/// changes. A round trip, and the time it takes to look at what came.
const LEAST_WORDS: Duration = Duration::from_millis(10);

/// Whether there is somewhere to go by this view for a client that is at `present`, and where if it may stay there; `None` while
/// it has to wait. It stays where it is as long as it may.
pub(crate) fn target(rules: &Rules, view: &View, present: Option<SocketAddr>) -> Option<SocketAddr> {
    if rules.role == Role::Master {
        return view.writable();
    }
    let mut readable = view.readable(rules.max_lag).map(|r| r.addr);
    if present.is_some() && readable.any(|addr| Some(addr) == present) {
        return present;
    }
    let first = view.readable(rules.max_lag).next().map(|r| r.addr);
    first.or_else(|| if rules.fallback_to_master { view.writable() } else { None })
}

impl Route {
    pub(crate) fn new(loads: Rc<Loads>) -> Self {
        Self {
            link: Link::Absent,
            way: Way::Own,
            made: 0,
            stay: Stay::new(loads),
            is_asked: false,
            tries: 0,
            retry_at: None,
            farewell: None,
            is_busy: false,
            is_partial: false,
            is_heard: false,
            silent_since: Instant::START,
        }
    }

    /// Whether there are as many clients beside it as sharing is of use to.
    pub(crate) fn has_company(&self, rules: &Rules) -> bool {
        self.stay.has_company(rules)
    }

    /// How many bytes of requests the session may keep.
    pub(crate) fn may_keep(&self, rules: &Rules) -> usize {
        self.stay.may_keep(rules)
    }

    /// Where requests go by this view; `None` while they have to wait. A session stays where it is as long as it may.
    pub(crate) fn target(&self, rules: &Rules, view: &View) -> Option<SocketAddr> {
        target(rules, view, self.addr())
    }

    /// Where to make a connection to, while [`Self::target`] says that there is somewhere.
    pub(crate) fn choose(&self, rules: &Rules, view: &View) -> Option<SocketAddr> {
        self.stay.choose(rules, view)
    }

    pub(crate) const fn addr(&self) -> Option<SocketAddr> {
        match self.link {
            Link::Absent => None,
            Link::Connecting { addr, .. } | Link::Restoring { addr, .. } | Link::Open { addr, .. } => Some(addr),
        }
    }

    const fn conn(&self) -> Option<Conn> {
        match self.link {
            Link::Absent => None,
            Link::Connecting { conn, .. } | Link::Restoring { conn, .. } | Link::Open { conn, .. } => Some(conn),
        }
    }

    /// Whose the connection is, if there is one.
    pub(crate) const fn way(&self) -> Way {
        self.way
    }

    pub(crate) fn is(&self, conn: Conn) -> bool {
        self.conn() == Some(conn)
    }

    pub(crate) const fn is_absent(&self) -> bool {
        matches!(self.link, Link::Absent)
    }

    /// The connection that is being made.
    pub(crate) const fn connecting(&self) -> Option<(Conn, SocketAddr)> {
        match self.link {
            Link::Connecting { conn, addr, .. } => Some((conn, addr)),
            _ => None,
        }
    }

    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.link, Link::Open { .. })
    }

    /// Whether requests may go out to `target`.
    pub(crate) fn is_usable(&self, target: Option<SocketAddr>) -> bool {
        self.is_open()
            && self.retry_at.is_none()
            && self.farewell.is_none()
            && target.is_some()
            && target == self.addr()
    }

    pub(crate) fn connect(&mut self, now: Instant, addr: SocketAddr, rules: &Rules, way: Way) {
        self.drop_link();
        self.made += 1;
        self.way = way;
        self.is_partial = false;
        self.is_heard = false;
        self.stay.go(addr);
        let conn = Conn(self.made);
        self.link = Link::Connecting { conn, addr, until: now + rules.connect_timeout };
    }

    /// The connection is made; `words` go first.
    pub(crate) fn on_connected(&mut self, words: Option<Restoring>) {
        let Link::Connecting { conn, addr, .. } = self.link else { return };
        self.link = match words {
            Some(words) => Link::Restoring { conn, addr, words: Box::new(words) },
            None => Link::Open { conn, addr },
        };
    }

    pub(crate) fn on_restored(&mut self) {
        self.is_busy &= self.is_partial;
        if let Link::Restoring { conn, addr, .. } = self.link {
            self.link = Link::Open { conn, addr };
        }
    }

    pub(crate) const fn restoring(&self) -> Option<&Restoring> {
        match &self.link {
            Link::Restoring { words, .. } => Some(words),
            _ => None,
        }
    }

    pub(crate) const fn restoring_mut(&mut self) -> Option<&mut Restoring> {
        match &mut self.link {
            Link::Restoring { words, .. } => Some(words),
            _ => None,
        }
    }

    /// Lets go of the connection; its id if there was one.
    pub(crate) fn drop_link(&mut self) -> Option<Conn> {
        let conn = self.conn();
        self.stay.leave();
        self.link = Link::Absent;
        self.farewell = None;
        self.is_asked = false;
        conn
    }

    /// The server is asked, and owed nothing: its silence begins.
    pub(crate) const fn on_asked(&mut self, now: Instant) {
        self.silent_since = now;
        self.is_asked = true;
    }

    /// The connection was used by others before.
    pub(crate) const fn on_used(&mut self) {
        self.is_heard = true;
    }

    /// The server said something: its silence begins anew. True if that is the first thing that it says on this connection.
    pub(crate) fn on_said(&mut self, now: Instant) -> bool {
        if core::mem::take(&mut self.is_asked) {
            self.stay.on_latency(now - self.silent_since);
        }
        self.silent_since = now;
        !core::mem::replace(&mut self.is_heard, true)
    }

    /// What it said has not come to an end: what comes next belongs to the first, too.
    pub(crate) const fn on_unclear(&mut self) {
        self.is_heard = false;
    }

    /// The view names another server. `may_wait`: what this one was asked takes as long as it takes, so that its silence says
    /// nothing. A further view does not begin the farewell anew.
    pub(crate) fn begin_farewell(&mut self, now: Instant, may_wait: bool) {
        let silent_since = if may_wait { now } else { self.silent_since };
        let until = (now + LEAST_WORDS).max(silent_since + LAST_WORDS);
        self.farewell.get_or_insert(until);
    }

    /// A server answered something that was no refusal: it is worth its connection.
    pub(crate) const fn on_answer(&mut self) {
        self.tries = 0;
        self.stay.on_answer();
    }

    /// The view speaks of another place or time: the patience with the last one does not count.
    pub(crate) const fn on_view(&mut self) {
        self.tries = 0;
        self.retry_at = None;
    }

    /// A server refused, failed or hung up: wait before the next try, at first not at all.
    pub(crate) fn back_off(&mut self, now: Instant, at_once: bool) {
        self.stay.on_failed();
        if !(at_once && self.tries == 0) {
            let wait = FIRST_BACKOFF.saturating_mul(1 << self.tries.min(8)).min(MAX_BACKOFF);
            self.retry_at = Some(now + wait);
        }
        self.tries = self.tries.saturating_add(1);
    }

    pub(crate) const fn connect_deadline(&self) -> Option<Instant> {
        match self.link {
            Link::Connecting { until, .. } => Some(until),
            _ => None,
        }
    }
}
