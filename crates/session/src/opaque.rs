//! What is a client owed of whose bytes nothing is known?
//!
//! Its bytes go to the server that the view names when it comes, and that server's bytes to it, as they are (`mode = "tcp"`; TLS that is
//! passed through). Nothing can be repeated and nothing restored: when the view names another server, the client is cut off at once,
//! with a reset, so that it neither writes to an old master nor waits for one. Its next connection goes to the new one. Only who reads
//! from a replica that shall rest has a while to go by itself.
//!
//! ```text
//!            a server is named         made
//!   Waiting ───────────────────> Connecting ───> Open ──> both sides said their last ──> closed
//!      ^  │ hold is over            │ failed       │ the view names another, or it broke
//!      │  └────> reset              │              └────> reset
//!      └────────────────────────────┘
//! ```
//!
//! The driver's side of the contract is that of [`Session`](crate::Session), but for two more orders: the end of what one side says is
//! passed on to the other.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::sync::Arc;
use core::net::SocketAddr;
use core::time::Duration;

use machine::{Instant, soonest};
use view::View;

use crate::balance::{Loads, Stay};
use crate::buffers::{Outgoing, Spare};
use crate::event::{Conn, Why};
use crate::hold;
use crate::route::target;
use crate::rules::Rules;
use crate::stats::Stats;

/// A client and its server, of whose bytes nothing is known.
#[derive(Debug)]
pub struct Opaque {
    now: Instant,
    rules: Arc<Rules>,
    view: Arc<View>,
    stay: Stay,
    link: Link,
    /// A connection that was being made and is of no use.
    to_close: Option<Conn>,
    made: u32,
    tries: u32,
    forth: Way,
    back: Way,
    /// Since when nothing has moved.
    still_since: Instant,
    /// Its server shall get no readers any more; until when it may stay.
    rest: Option<Instant>,
    closing: Option<Why>,
    told: bool,
    stats: Stats,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The client is here. Comes once, first.
    Came,
    /// The client sent these bytes.
    ClientBytes(&'a [u8]),
    /// The client will send no more, but may still listen.
    ClientEnded,
    /// The connection was made.
    ServerConnected(Conn),
    /// The connection could not be made.
    ServerFailed(Conn),
    /// The server sent these bytes.
    ServerBytes(Conn, &'a [u8]),
    /// The server will send no more, but may still listen.
    ServerEnded(Conn),
    /// The connection broke.
    ServerBroke(Conn),
    /// The truth changed.
    View(Arc<View>),
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make a connection and report how that ended.
    Connect {
        /// Its name.
        conn: Conn,
        /// Where to.
        addr: SocketAddr,
    },
    /// Stop making the connection. Nothing more is expected of it.
    CloseServer(Conn),
    /// Tell the server that nothing more comes.
    EndServer(Conn),
    /// Tell the client that nothing more comes.
    EndClient,
    /// Close both connections: everything was said.
    Close(Why),
    /// Cut both connections at once, by a reset.
    Reset(Why),
}

/// When it wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// When to give up making a connection.
    Connect,
    /// When to try a server again.
    Retry,
    /// When to give up waiting for a server.
    Hold,
    /// When to close because one side has said its last and the other is silent.
    Linger,
    /// When to close because the server shall get no readers any more.
    Rest,
}

#[derive(Clone, Copy, Debug)]
enum Link {
    /// No server is named, or it was tried in vain a moment ago.
    Waiting {
        since: Instant,
        retry_at: Option<Instant>,
    },
    Connecting {
        conn: Conn,
        addr: SocketAddr,
        until: Instant,
        told: bool,
        since: Instant,
    },
    Open {
        conn: Conn,
        addr: SocketAddr,
    },
}

/// Bytes of one direction.
#[derive(Debug, Default)]
struct Way {
    bytes: Outgoing,
    end: End,
}

/// How far the end of what one side says has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    /// It was said; bytes before it may still be on their way.
    Said,
    /// The other side was told.
    Passed,
}

impl Opaque {
    /// A client that has just connected; [`Event::Came`] begins. `loads`: as for a [`Session`](crate::Session).
    #[must_use]
    pub fn new(rules: Arc<Rules>, view: Arc<View>, loads: Rc<Loads>) -> Self {
        Self {
            now: Instant::START,
            rules,
            view,
            stay: Stay::new(loads),
            link: Link::Waiting { since: Instant::START, retry_at: None },
            to_close: None,
            made: 0,
            tries: 0,
            forth: Way::default(),
            back: Way::default(),
            still_since: Instant::START,
            rest: None,
            closing: None,
            told: false,
            stats: Stats::default(),
        }
    }

    /// What happened.
    pub fn handle(&mut self, now: Instant, event: Event<'_>) {
        self.now = now;
        if self.closing.is_some() {
            return;
        }
        match event {
            Event::Came => self.wait(now, now, None),
            Event::ClientBytes(bytes) => self.on_client_bytes(bytes),
            Event::ClientEnded => self.on_client_ended(),
            Event::ServerConnected(conn) => self.on_connected(conn),
            Event::ServerFailed(conn) => self.on_failed(now, conn),
            Event::ServerBytes(conn, bytes) => self.on_server_bytes(conn, bytes),
            Event::ServerEnded(conn) => self.on_server_ended(conn),
            Event::ServerBroke(conn) => self.on_broke(conn),
            Event::View(view) => self.on_view(now, view),
        }
        self.still_since = now;
        self.settle();
    }

    /// Time passed; harmless if nothing is due.
    pub fn wake(&mut self, now: Instant) {
        self.now = now;
        while let Some((at, timer)) = self.deadline()
            && at <= now
        {
            match (timer, self.link) {
                (Timer::Connect, Link::Connecting { conn, .. }) => {
                    self.to_close = Some(conn);
                    self.on_failed(now, conn);
                }
                (Timer::Retry, Link::Waiting { since, .. }) => self.wait(now, since, None),
                (Timer::Hold, _) => self.closing = Some(Why::HoldExpired),
                (Timer::Rest, _) => self.closing = Some(Why::Moved),
                (Timer::Linger, _) => self.closing = Some(self.first_to_leave()),
                _ => return,
            }
            self.settle();
        }
    }

    /// What to do, in order, until `None`.
    pub fn poll(&mut self) -> Option<Action> {
        if let Some(why) = self.closing {
            let first = !core::mem::replace(&mut self.told, true);
            let close = if matches!(why, Why::ClientLeft | Why::ServerLeft) { Action::Close } else { Action::Reset };
            return first.then(|| close(why));
        }
        if let Some(conn) = self.to_close.take() {
            return Some(Action::CloseServer(conn));
        }
        match &mut self.link {
            Link::Connecting { conn, addr, told: told @ false, .. } => {
                *told = true;
                Some(Action::Connect { conn: *conn, addr: *addr })
            }
            Link::Open { conn, .. } if self.forth.is_at_end() => {
                let conn = *conn;
                self.forth.end = End::Passed;
                self.settle();
                Some(Action::EndServer(conn))
            }
            Link::Open { .. } if self.back.is_at_end() => {
                self.back.end = End::Passed;
                self.settle();
                Some(Action::EndClient)
            }
            _ => None,
        }
    }

    /// When to wake me if nothing happens, and what for. Nothing while both sides are there.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        if self.closing.is_some() {
            return None;
        }
        match self.link {
            Link::Waiting { since, retry_at } => {
                soonest(Some((since + self.rules.hold, Timer::Hold)), retry_at.map(|at| (at, Timer::Retry)))
            }
            Link::Connecting { until, since, .. } => {
                // A server that can be reached is worth a moment more than one may wait for one to be named.
                soonest(Some(((since + self.rules.hold).max(until), Timer::Hold)), Some((until, Timer::Connect)))
            }
            Link::Open { .. } => {
                let ended = self.forth.end != End::Open || self.back.end != End::Open;
                let linger = ended.then_some((self.still_since + LINGER, Timer::Linger));
                soonest(linger, self.rest.map(|at| (at, Timer::Rest)))
            }
        }
    }

    /// Bytes for the server.
    #[must_use]
    pub fn to_server(&self) -> &[u8] {
        match self.link {
            Link::Open { .. } if self.closing.is_none() => self.forth.bytes.as_slice(),
            _ => &[],
        }
    }

    /// The first `n` bytes of [`Self::to_server`] were given to the kernel. There may be something to [`Self::poll`].
    pub fn sent(&mut self, n: usize) {
        self.forth.bytes.take(n);
    }

    /// Bytes for the client.
    #[must_use]
    pub fn to_client(&self) -> &[u8] {
        if self.closing.is_some() { &[] } else { self.back.bytes.as_slice() }
    }

    /// The first `n` bytes of [`Self::to_client`] were given to the kernel. There may be something to [`Self::poll`].
    pub fn delivered(&mut self, n: usize) {
        self.back.bytes.take(n);
        self.stats.bytes_out += n as u64;
    }

    /// Whether the client may be read: not while its server takes less than it says.
    #[must_use]
    pub fn wants_client_bytes(&self) -> bool {
        self.closing.is_none() && self.forth.has_room()
    }

    /// Whether the server may be read.
    #[must_use]
    pub fn wants_server_bytes(&self) -> bool {
        self.closing.is_none() && self.back.has_room()
    }

    /// Whether it keeps no byte for anyone. That says nothing of what both sides still expect of each other.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.forth.bytes.is_empty() && self.back.bytes.is_empty()
    }

    /// Whether it waits for a server: counts as one held request.
    #[must_use]
    pub fn held(&self) -> usize {
        usize::from(self.closing.is_none() && self.made == 0 && matches!(self.link, Link::Waiting { .. }))
    }

    /// Lends empty buffers before bytes are handed in.
    pub fn lend(&mut self, spare: &mut Spare) {
        spare.lend_bytes(self.forth.bytes.buffer());
        spare.lend_bytes(self.back.bytes.buffer());
    }

    /// Takes back the buffers that are empty.
    pub fn reclaim(&mut self, spare: &mut Spare) {
        for way in [&mut self.forth, &mut self.back] {
            if way.bytes.is_empty() {
                spare.reclaim_bytes(way.bytes.buffer());
            }
        }
    }

    /// Takes the counters and begins at zero.
    pub fn take_stats(&mut self) -> Stats {
        core::mem::take(&mut self.stats)
    }

    /// One sentence on what it is doing and why.
    #[must_use]
    pub fn explain(&self, now: Instant) -> String {
        match (self.closing, self.link) {
            (Some(why), _) => format!("closes the client: {why}"),
            (None, Link::Waiting { since, .. }) => {
                let mut text = format!("waits {:?} of {:?} for a server: ", now - since, self.rules.hold);
                hold::lacks(&mut text, &self.rules, &self.view);
                text
            }
            (None, Link::Connecting { addr, .. }) => format!("connects to {addr}"),
            (None, Link::Open { addr, .. }) => format!("passes bytes to and from {addr} as they are"),
        }
    }

    fn on_client_bytes(&mut self, bytes: &[u8]) {
        self.stats.bytes_in += bytes.len() as u64;
        self.forth.bytes.extend(bytes);
    }

    fn on_client_ended(&mut self) {
        self.forth.end = End::Said;
        let is_open = matches!(self.link, Link::Open { .. });
        // Whoever came, said nothing and went (a probe of a port, say) needs no server.
        if !is_open && self.forth.bytes.is_empty() {
            self.closing = Some(Why::ClientLeft);
        }
    }

    fn on_connected(&mut self, conn: Conn) {
        match self.link {
            Link::Connecting { conn: own, addr, .. } if own == conn => {
                self.tries = 0;
                self.stay.on_answer();
                self.link = Link::Open { conn, addr };
            }
            _ => self.stats.late += 1,
        }
    }

    fn on_failed(&mut self, now: Instant, conn: Conn) {
        let Link::Connecting { conn: own, since, .. } = self.link else { return self.stats.late += 1 };
        if own != conn {
            return self.stats.late += 1;
        }
        self.stats.connects_failed += 1;
        self.stay.on_failed();
        self.stay.leave();
        let wait = FIRST_BACKOFF.saturating_mul(1 << self.tries.min(8)).min(MAX_BACKOFF);
        self.tries = self.tries.saturating_add(1);
        self.link = Link::Waiting { since, retry_at: Some(now + wait) };
    }

    fn on_server_bytes(&mut self, conn: Conn, bytes: &[u8]) {
        if self.is_open(conn) {
            self.back.bytes.extend(bytes);
        }
    }

    fn on_server_ended(&mut self, conn: Conn) {
        if self.is_open(conn) {
            self.back.end = End::Said;
        }
    }

    fn on_broke(&mut self, conn: Conn) {
        if self.is_open(conn) {
            self.stats.cut += 1;
            self.closing = Some(Why::ServerBroke);
        }
    }

    fn is_open(&mut self, conn: Conn) -> bool {
        let open = matches!(self.link, Link::Open { conn: own, .. } if own == conn);
        self.stats.late += u64::from(!open);
        open
    }

    fn on_view(&mut self, now: Instant, view: Arc<View>) {
        self.view = view;
        let present = match self.link {
            Link::Waiting { since, .. } => return self.wait(now, since, None),
            Link::Connecting { addr, .. } | Link::Open { addr, .. } => addr,
        };
        // Nobody to go to is no reason to go: the present one may still be named.
        let Some(named) = target(&self.rules, &self.view, Some(present)) else { return };
        if named == present {
            self.rest = None;
            return;
        }
        match self.link {
            // Nothing was sent: the client does not notice.
            Link::Connecting { conn, since, .. } => {
                self.to_close = Some(conn);
                self.wait(now, since, None);
            }
            // An operator is in no hurry; `maintenance` says that one is.
            _ if self.view.resting().any(|addr| addr == present) => {
                self.rest.get_or_insert(now + self.rules.drain_timeout);
            }
            _ => self.closing = Some(Why::Moved),
        }
    }

    /// Has no server, since then; makes a connection if it is time and one is named.
    fn wait(&mut self, now: Instant, since: Instant, retry_at: Option<Instant>) {
        self.link = Link::Waiting { since, retry_at };
        self.stay.leave();
        if let Some(addr) = self.stay.choose(&self.rules, &self.view) {
            self.stay.go(addr);
            self.made += 1;
            self.stats.connects += 1;
            let until = now + self.rules.connect_timeout;
            self.link = Link::Connecting { conn: Conn(self.made), addr, until, told: false, since };
        } else if self.made == 0 && since == now {
            self.stats.held += 1;
        }
    }

    fn settle(&mut self) {
        if self.closing.is_none() && self.forth.end == End::Passed && self.back.end == End::Passed {
            self.closing = Some(self.first_to_leave());
        }
    }

    /// Whose end it was: who said it first is not remembered, the client mostly does.
    const fn first_to_leave(&self) -> Why {
        if matches!(self.forth.end, End::Open) { Why::ServerLeft } else { Why::ClientLeft }
    }
}

impl Way {
    fn has_room(&self) -> bool {
        self.end == End::Open && self.bytes.len() < MAX_AHEAD
    }

    fn is_at_end(&self) -> bool {
        self.end == End::Said && self.bytes.is_empty()
    }
}

/// Bytes of one direction that the other side has not taken yet. At the bound their sender is not read, and feels back-pressure.
const MAX_AHEAD: usize = 64 * 1024;
/// How long one side may be silent after the other has said its last. A reply that takes longer is rare; a socket that nobody closes is
/// not.
const LINGER: Duration = Duration::from_secs(60);
/// A server that refuses is being restarted, or a new view is on its way: both take some ten milliseconds.
const FIRST_BACKOFF: Duration = Duration::from_millis(20);
/// Longest wait between two tries of the same server.
const MAX_BACKOFF: Duration = Duration::from_millis(200);
