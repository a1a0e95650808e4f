//! What is one client to its worker?
//!
//! A session, a socket, and what ties them to the rest. Whatever a busy client needs beyond that is lent for a turn: ten thousand
//! idle ones are cheap.

use std::rc::Rc;
use std::time::Duration;

use machine::Instant;
use session::{Conn, Loads, Session, Why};

use crate::edge::Peer;
use crate::feed::Feed;
use crate::gate::Seat;
use crate::kill::Awaited;
use crate::listener::FrontDesk;
use crate::post::Line;
use crate::refused::Refused;
use crate::slots::Key;
use crate::stream::Stream;
use crate::tls::HANDSHAKE;

/// One client, its session and which server connection it uses.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) session: Session,
    pub(crate) stream: Stream,
    pub(crate) peer: Peer,
    pub(crate) desk: Rc<Desk>,
    pub(crate) server: Option<Key>,
    /// Its place there, if it is a lane.
    pub(crate) seat: Option<usize>,
    /// The connection that it is to have, while too many others are being made.
    pub(crate) waits: Option<Conn>,
    /// The version of the view that the session was told.
    pub(crate) seen: u64,
    /// When it is to be woken, as the timers know it.
    pub(crate) due: Option<Instant>,
    /// Requests that wait for a server, as the counters know it.
    pub(crate) held: u64,
    /// Bytes that its requests take, as the budget knows it.
    pub(crate) kept: usize,
    /// The client sent its end of stream: nothing more is read.
    pub(crate) ended: bool,
    /// It is in the queue of those who are read.
    pub(crate) queued: bool,
    /// Something happened to it in this turn.
    pub(crate) touched: bool,
    pub(crate) closed: Option<Why>,
    /// The answer to a CLIENT KILL that it awaits.
    pub(crate) kill: Option<Box<Awaited>>,
    /// It has not said anything yet.
    pub(crate) fresh: bool,
    /// When it or its server last said something.
    pub(crate) heard: Instant,
    /// When to look whether it has been silent for too long, as the timers know it.
    pub(crate) idle_due: Option<Instant>,
    /// It is over; until when it may take what it was told.
    pub(crate) lingers: Option<Instant>,
    /// Its place among those whom the listener's limits allow: given back when it goes.
    _seat: Seat,
}

/// What one listener is on one thread.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) listener: u32,
    pub(crate) feed: Feed,
    /// What is known of the servers.
    pub(crate) loads: Rc<Loads>,
    pub(crate) front: FrontDesk,
    /// How its servers are connected to, as a word: those with the same one may have connections together.
    pub(crate) way: Box<[u8]>,
}

impl Desk {
    pub(crate) fn new(line: Line) -> Self {
        let Line { listener, rules, view, front, present } = line;
        let way = front.edge.way(rules.connect_timeout).into();
        Self { listener, feed: Feed::new(rules, view, present), loads: Rc::default(), front, way }
    }
}

impl Client {
    /// A client that has just come in.
    pub(crate) fn new(stream: Stream, peer: Peer, desk: Rc<Desk>, seat: Seat, now: Instant) -> Self {
        desk.front.counters.client_came();
        Self {
            session: Session::new(desk.feed.rules(), desk.feed.view(), desk.loads.clone()),
            stream,
            peer,
            seen: desk.feed.version(),
            desk,
            server: None,
            waits: None,
            _seat: seat,
            seat: None,
            due: None,
            held: 0,
            kept: 0,
            ended: false,
            queued: false,
            touched: false,
            closed: None,
            kill: None,
            fresh: true,
            heard: now,
            idle_due: None,
            lingers: None,
        }
    }

    /// What a connection has to be like that somebody else had before.
    pub(crate) fn spare_like(&self) -> Vec<u8> {
        [&*self.desk.way, &self.session.words()].concat()
    }

    /// What a connection has to be like that others use, too: who is to be connected otherwise cannot have the same one.
    pub(crate) fn lane_like(&self) -> Vec<u8> {
        [&*self.desk.way, &self.session.identity()].concat()
    }

    /// Whether it has something to read that may be read.
    pub(crate) fn is_readable(&self) -> bool {
        self.stream.is_readable() && !self.ended && self.closed.is_none() && self.session.wants_client_bytes()
    }

    /// Sends what there is. True if the session was rid of everything: it may have something to say about that.
    pub(crate) fn write(&mut self, now: Instant) -> bool {
        let mut delivered = false;
        while !self.stream.is_blocked() && !self.session.to_client().is_empty() {
            match self.stream.write(self.session.to_client()) {
                Ok(n) => {
                    self.session.delivered(n);
                    self.heard = now;
                    delivered = self.session.to_client().is_empty();
                }
                Err(_) => {
                    self.closed = Some(Why::ClientLeft);
                    return false;
                }
            }
        }
        delivered
    }

    /// Whether the first byte that it says is that of somebody who is at the wrong port: it is told so, and is over.
    pub(crate) fn is_lost(&mut self, first: u8) -> bool {
        if first == HANDSHAKE {
            self.desk.front.refuse(&mut self.stream, self.peer, Refused::Tls, &"");
            self.closed = Some(Why::Malformed);
        }
        first == HANDSHAKE
    }

    /// Whether some of what it was told last is still here, and may be for a while.
    pub(crate) fn has_last_words(&mut self, now: Instant) -> bool {
        if !self.stream.has_unsent() || self.closed == Some(Why::ClientLeft) {
            return false;
        }
        *self.lingers.get_or_insert(now + FLUSH) > now
    }

    /// Tells the numbers of this turn.
    pub(crate) fn count(&mut self) {
        let counters = &self.desk.front.counters;
        counters.session(&self.session.take_stats());
        let held = self.session.held() as u64;
        if held != self.held {
            counters.held(self.held, held);
            self.held = held;
        }
    }

    /// Whether it is over: the session says so, or it is owed nothing and the listener is leaving.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        // What it has said and nobody has read it is owed an answer to.
        let may_go = |until| (self.session.is_idle() && !self.is_readable()) || until <= now;
        self.closed.is_some() || self.desk.feed.leaving().is_some_and(may_go)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let FrontDesk { counters, closings, .. } = &self.desk.front;
        counters.client_went();
        counters.held(self.held, 0);
        if let Some(why) = self.closed {
            counters.closed(why);
            closings.closed(self.peer, why);
        }
    }
}

/// How long the rest of what a client was told may take to go out after everything was handed over, as for a plain one.
const FLUSH: Duration = Duration::from_secs(5);
