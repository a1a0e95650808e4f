//! How do bytes pass of which nothing is known?
//!
//! A client of a `tcp` listener and its server are a pair. What may be done with their bytes is [`session::opaque`]'s business; here they
//! are read and written, ends are passed on, and connections are cut.

use std::io;
use std::net::Shutdown;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use machine::Instant;
use session::opaque::{Action, Event};
use session::{Conn, Opaque, Why};
use tracing::debug;

use crate::client::Desk;
use crate::edge::Peer;
use crate::gate::Seat;
use crate::refused::Refused;
use crate::server::{Owner, Server, State};
use crate::slots::{Key, Whose};
use crate::socket;
use crate::stream::{Got, Socket, Stream};
use crate::timers::Due;
use crate::tls::HANDSHAKE;
use crate::worker::Worker;

/// A client and its server.
#[derive(Debug)]
pub(crate) struct Pair {
    opaque: Opaque,
    pub(crate) client: Stream,
    pub(crate) peer: Peer,
    desk: Rc<Desk>,
    server: Option<Side>,
    /// The version of the view that it was told.
    seen: u64,
    /// When it is to be looked after, as the timers know it.
    due: Option<Instant>,
    /// When something last moved.
    heard: Instant,
    held: u64,
    closed: Option<Why>,
    /// It ended well; until when the last words may take to go out.
    lingers: Option<Instant>,
    /// It is in the queue of those who are seen to.
    pub(crate) queued: bool,
    /// The client has not said anything yet.
    fresh: bool,
    _seat: Seat,
}

/// Its connection to a server.
#[derive(Debug)]
struct Side {
    conn: Conn,
    link: Server,
}

impl Worker {
    /// A client begins; so much of what it said is in the scratch.
    pub(crate) fn begin_pair(&mut self, client: Stream, peer: Peer, desk: Rc<Desk>, seat: Seat, said: usize) {
        desk.front.counters.client_came();
        let mut pair = Pair {
            opaque: Opaque::new(desk.feed.rules(), desk.feed.view(), desk.loads.clone()),
            client,
            peer,
            seen: desk.feed.version(),
            desk,
            server: None,
            due: None,
            heard: self.now,
            held: 0,
            closed: None,
            lingers: None,
            queued: false,
            fresh: true,
            _seat: seat,
        };
        pair.opaque.handle(self.now, Event::Came);
        if said > 0 {
            pair.hear(self.now, &self.scratch[..said]);
        }
        let key = self.pairs.insert(pair);
        self.stir(key);
    }

    /// Something happened to a pair: it is seen to in this turn.
    pub(crate) fn stir(&mut self, key: Key) {
        if let Some(pair) = self.pairs.get_mut(key)
            && !std::mem::replace(&mut pair.queued, true)
        {
            self.stirred.push(key);
        }
    }

    /// It is time to look after a pair.
    pub(crate) fn on_pair_due(&mut self, key: Key) {
        if let Some(pair) = self.pairs.get_mut(key) {
            pair.due = None;
        }
        self.stir(key);
    }

    /// Something happened that concerns all.
    pub(crate) fn stir_all(&mut self) {
        for place in 0..self.pairs.places() {
            if let Some(key) = self.pairs.key_at(place) {
                self.stir(key);
            }
        }
    }

    /// Sees to the pairs to which something happened.
    pub(crate) fn pass(&mut self) {
        let batch = self.stirred.take();
        for key in &batch {
            self.pass_one(*key);
        }
        self.stirred.done(batch);
    }

    fn pass_one(&mut self, key: Key) {
        let Some(pair) = self.pairs.get_mut(key) else { return };
        pair.queued = false;
        pair.catch_up(self.now);
        pair.opaque.wake(self.now);
        pair.opaque.lend(&mut self.spare);
        pair.read(self.now, &mut self.scratch);
        // Writing makes room, and an end that could not be passed on can be then.
        for _ in 0..2 {
            self.obey_pair(key);
            let Some(pair) = self.pairs.get_mut(key) else { return };
            pair.write(self.now);
        }
        self.obey_pair(key);
        let Some(pair) = self.pairs.get_mut(key) else { return };
        pair.opaque.reclaim(&mut self.spare);
        pair.count();
        if pair.is_over(self.now) {
            return self.part(key);
        }
        let due = pair.deadline();
        self.timers.shift(Due::Pair(key), pair.due, due);
        pair.due = due;
        if pair.has_more() {
            self.stir(key);
        }
    }

    /// Does what is ordered until nothing is.
    fn obey_pair(&mut self, key: Key) {
        while let Some(pair) = self.pairs.get_mut(key) {
            let Some(action) = pair.opaque.poll() else { return };
            match action {
                Action::Connect { conn, addr } => {
                    let edge = pair.desk.front.edge.clone();
                    let made = socket::connect(addr).and_then(|socket| {
                        let mut stream = Stream::new(Socket::Tcp(socket));
                        stream.register(self.poll.registry(), Whose::PairServer(key))?;
                        Ok(Server::new(stream, addr, edge, Owner::Spare).on_behalf_of(pair.peer, &pair.client))
                    });
                    match made {
                        Ok(link) => pair.server = Some(Side { conn, link }),
                        Err(error) => pair.on_unreached(self.now, conn, &error),
                    }
                }
                Action::CloseServer(_) => pair.server = None,
                Action::EndServer(_) => {
                    if let Some(side) = &mut pair.server {
                        end(&mut side.link.stream);
                    }
                }
                Action::EndClient => end(&mut pair.client),
                Action::Close(why) => {
                    pair.closed = Some(why);
                    pair.lingers = Some(self.now + FLUSH);
                }
                Action::Reset(why) => {
                    pair.closed = Some(why);
                    pair.client.reset_when_closed();
                    if let Some(side) = &pair.server {
                        side.link.stream.reset_when_closed();
                    }
                }
            }
        }
    }

    /// Breaks both connections of a pair. `None`: nobody has to know why.
    pub(crate) fn cut_pair(&mut self, key: Key, why: Option<Why>) {
        if let Some(pair) = self.pairs.get_mut(key) {
            pair.count();
            pair.abandon();
            pair.closed = why;
            pair.client.reset_when_closed();
        }
        self.part(key);
    }

    fn part(&mut self, key: Key) {
        let Some(pair) = self.pairs.remove(key) else { return };
        self.timers.shift(Due::Pair(key), pair.due, None);
        self.load.fetch_sub(1, Relaxed);
    }
}

impl Pair {
    /// The kernel has told something of its server.
    pub(crate) fn note_server(&mut self, event: &mio::event::Event) {
        if let Some(side) = &mut self.server {
            side.link.stream.note(event);
        }
    }

    fn catch_up(&mut self, now: Instant) {
        let version = self.desk.feed.version();
        if self.seen != version {
            self.seen = version;
            self.opaque.handle(now, Event::View(self.desk.feed.view()));
        }
    }

    /// Reads each side once.
    fn read(&mut self, now: Instant, scratch: &mut [u8]) {
        self.read_server(now, scratch);
        if !self.client.is_readable() || !self.opaque.wants_client_bytes() {
            return;
        }
        match self.client.read(scratch) {
            Ok(Got::Bytes(n)) => self.hear(now, &scratch[..n]),
            Ok(Got::Nothing) => {}
            Ok(Got::End) => self.opaque.handle(now, Event::ClientEnded),
            Err(_) => self.abandon(),
        }
    }

    /// The client said something. If it shakes hands with the server itself, and we do that too, neither would understand a word.
    fn hear(&mut self, now: Instant, bytes: &[u8]) {
        let is_first = std::mem::replace(&mut self.fresh, false);
        let edge = &self.desk.front.edge;
        if is_first && edge.tls.is_none() && edge.server_tls.is_some() && bytes[0] == HANDSHAKE {
            let more = &": TLS would pass inside the TLS that is spoken with the server from here";
            self.desk.front.refuse(&mut self.client, self.peer, Refused::Tls, more);
            self.closed = Some(Why::Malformed);
            return;
        }
        self.heard = now;
        self.opaque.handle(now, Event::ClientBytes(bytes));
    }

    fn read_server(&mut self, now: Instant, scratch: &mut [u8]) {
        let Some(Side { conn, link }) = &mut self.server else { return };
        let conn = *conn;
        if matches!(link.state, State::Connecting | State::Shaking) {
            return self.go_on_connecting(now, scratch);
        }
        if !link.stream.is_readable() || !self.opaque.wants_server_bytes() {
            return;
        }
        match link.stream.read(scratch) {
            Ok(Got::Bytes(n)) => {
                self.heard = now;
                self.opaque.handle(now, Event::ServerBytes(conn, &scratch[..n]));
            }
            Ok(Got::Nothing) => {}
            Ok(Got::End) => self.opaque.handle(now, Event::ServerEnded(conn)),
            Err(_) => self.opaque.handle(now, Event::ServerBroke(conn)),
        }
    }

    fn go_on_connecting(&mut self, now: Instant, scratch: &mut [u8]) {
        let Some(Side { conn, link }) = &mut self.server else { return };
        let conn = *conn;
        let went = match link.state {
            State::Connecting => match link.stream.made() {
                None => return,
                Some(made) => made.and_then(|()| link.begin()).map(|()| 0),
            },
            _ => link.shake(scratch),
        };
        match went {
            Ok(said) if link.state == State::Open => {
                self.opaque.handle(now, Event::ServerConnected(conn));
                // Some servers speak first.
                if said > 0 {
                    self.opaque.handle(now, Event::ServerBytes(conn, &scratch[..said]));
                }
            }
            Ok(_) => {}
            Err(error) => {
                self.server = None;
                self.on_unreached(now, conn, &error);
            }
        }
    }

    fn on_unreached(&mut self, now: Instant, conn: Conn, error: &io::Error) {
        debug!(group = %self.desk.feed.view().group, peer = %self.peer, %error, "server not reached");
        self.opaque.handle(now, Event::ServerFailed(conn));
    }

    /// Writes to each side what it takes.
    fn write(&mut self, now: Instant) {
        if let Some(Side { conn, link }) = &mut self.server {
            while link.takes_bytes() && !self.opaque.to_server().is_empty() {
                match link.stream.write(self.opaque.to_server()) {
                    Ok(n) => self.opaque.sent(n),
                    Err(_) => {
                        self.opaque.handle(now, Event::ServerBroke(*conn));
                        break;
                    }
                }
            }
        }
        while !self.client.is_blocked() && !self.opaque.to_client().is_empty() {
            match self.client.write(self.opaque.to_client()) {
                Ok(n) => {
                    self.heard = now;
                    self.opaque.delivered(n);
                }
                Err(_) => return self.abandon(),
            }
        }
    }

    /// The client's connection broke: its server's breaks, too.
    fn abandon(&mut self) {
        self.closed = Some(Why::ClientLeft);
        if let Some(side) = &self.server {
            side.link.stream.reset_when_closed();
        }
    }

    /// Whether reading may bring more at once.
    fn has_more(&self) -> bool {
        let server = self.server.as_ref().is_some_and(|side| {
            side.link.state == State::Open && side.link.stream.is_readable() && self.opaque.wants_server_bytes()
        });
        server || (self.client.is_readable() && self.opaque.wants_client_bytes())
    }

    fn is_over(&mut self, now: Instant) -> bool {
        let idle = self.desk.front.edge.idle_timeout;
        if self.closed.is_none() && !idle.is_zero() && now - self.heard >= idle {
            self.closed = Some(Why::Idle);
        }
        let may_go = |until| self.opaque.is_idle() || until <= now;
        if self.client.has_unsent() && self.lingers.is_some_and(|until| until > now) {
            return false;
        }
        self.closed.is_some() || self.desk.feed.leaving().is_some_and(may_go)
    }

    fn deadline(&self) -> Option<Instant> {
        let idle = self.desk.front.edge.idle_timeout;
        // Looked at when it would be due if nothing moved from now on.
        let idle = (!idle.is_zero()).then(|| self.heard + idle);
        let first = self.opaque.deadline().map(|(at, _)| at);
        first.into_iter().chain(idle).chain(self.lingers).min()
    }

    fn count(&mut self) {
        let counters = &self.desk.front.counters;
        counters.session(&self.opaque.take_stats());
        let held = self.opaque.held() as u64;
        if held != self.held {
            counters.held(self.held, held);
            self.held = held;
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let front = &self.desk.front;
        front.counters.client_went();
        front.counters.held(self.held, 0);
        if let Some(why) = self.closed {
            front.counters.closed(why);
            front.closings.closed(self.peer, why);
        }
    }
}

/// Says that nothing more comes; what comes back is still read.
fn end(stream: &mut Stream) {
    stream.farewell();
    if stream.tls().is_some() {
        // Its own words say it, and may wait for room.
        return;
    }
    let ended = match stream.socket() {
        Socket::Tcp(socket) => socket.shutdown(Shutdown::Write),
        Socket::Unix(socket) => socket.shutdown(Shutdown::Write),
    };
    if let Err(error) = ended {
        // It is gone already, which reading tells.
        debug!(%error, "an end could not be passed on");
    }
}

/// How long the rest of what a client was told may take to go out after everything was handed over.
const FLUSH: Duration = Duration::from_secs(5);
