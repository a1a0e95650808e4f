//! How do clients come in, and how many?
//!
//! Worker 0 accepts for every listener and hands each client to the worker that has the fewest. The kernel's own spreading
//! (SO_REUSEPORT) goes by hash, and a few long-lived pools hash badly.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use machine::Instant;
use mio::event::Source;
use mio::net::{TcpListener, UnixListener};
use mio::{Interest, Registry};
use tracing::{debug, warn};

use crate::arrivals::Herald;
use crate::closing::ClosingLog;
use crate::counters::Counters;
use crate::descriptors;
use crate::edge::{Edge, Mode, Peer};
use crate::gate::{Seat, Turnstile};
use crate::post::{Door, Handed};
use crate::refused::Refused;
use crate::slots::Whose;
use crate::socket::{BACKLOG, ListeningSocket};
use crate::stream::{Socket, Stream};
use crate::timers::Due;
use crate::worker::Worker;

/// How long accepting rests when this process or the host has no descriptor or memory left.
const REST: Duration = Duration::from_millis(100);
/// How often that is logged.
const LOG_EVERY: Duration = Duration::from_secs(1);
/// Clients that one listener lets in before those who are in have their turn.
const MAX_ACCEPTED: usize = 64;
/// Clients that are let in at the end of a listener: as many as the kernel keeps, some of whom may come meanwhile. Who comes after that
/// comes without end, and is reset.
const MAX_WAITING: usize = 2 * BACKLOG as usize;

/// The accepting side of a listener.
#[derive(Debug)]
pub(crate) struct Acceptor {
    pub(crate) name: String,
    pub(crate) listener: u32,
    socket: Ears,
    /// Somebody may wait.
    pub(crate) ready: bool,
    resting: Option<Instant>,
    logged: Option<Instant>,
}

/// What a listener asks of those who come, and where it notes what became of them.
#[derive(Clone, Debug)]
pub(crate) struct FrontDesk {
    pub(crate) edge: Arc<Edge>,
    pub(crate) turnstile: Turnstile,
    pub(crate) counters: Arc<Counters>,
    pub(crate) closings: Arc<ClosingLog>,
}

/// A listening socket of either kind.
#[derive(Debug)]
enum Ears {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// What one worker accepts with: the listeners, and where clients go from here.
#[derive(Debug, Default)]
pub(crate) struct Entrance {
    acceptors: Vec<Acceptor>,
    /// Of all workers; the first is this one's own.
    doors: Vec<Door>,
    max_clients: usize,
    /// Who is told of those who come in.
    pub(crate) herald: Option<Herald>,
}

impl Acceptor {
    pub(crate) fn new(name: String, listener: u32, socket: ListeningSocket) -> Self {
        let socket = match socket {
            ListeningSocket::Tcp(socket) => Ears::Tcp(TcpListener::from_std(socket)),
            ListeningSocket::Unix(socket) => Ears::Unix(UnixListener::from_std(socket)),
        };
        Self { name, listener, socket, ready: false, resting: None, logged: None }
    }
}

impl Ears {
    fn accept(&self) -> io::Result<(Socket, Peer)> {
        match self {
            Self::Tcp(socket) => socket.accept().map(|(client, peer)| (Socket::Tcp(client), Peer::Inet(peer))),
            Self::Unix(socket) => socket.accept().map(|(client, _)| (Socket::Unix(client), Peer::Unix)),
        }
    }

    fn source(&mut self) -> &mut dyn Source {
        match self {
            Self::Tcp(socket) => socket,
            Self::Unix(socket) => socket,
        }
    }
}

impl FrontDesk {
    /// Whether somebody may come in. A seat is given back when it is dropped.
    pub(crate) fn admit(&self, peer: Peer) -> Result<Seat, Refused> {
        self.turnstile.enter(peer.ip())
    }

    /// Tells a client why it may not come in, as far as it would understand, and an operator.
    pub(crate) fn refuse(&self, client: &mut Stream, peer: Peer, why: Refused, more: &dyn fmt::Display) {
        self.counters.refused(why);
        self.closings.refused(peer, why, more);
        // Where TLS is spoken, nobody can read a word before the handshake is done: but for those who speak none.
        let is_readable = self.edge.tls.is_none() || why == Refused::NoTls;
        if is_readable && self.edge.mode == Mode::Redis {
            // A fresh socket's buffer takes one line; whoever does not read it is told by the end of stream.
            let _ = client.write_wire(why.answer());
        }
    }
}

impl Entrance {
    pub(crate) const fn new(doors: Vec<Door>, max_clients: usize) -> Self {
        Self { acceptors: Vec::new(), doors, max_clients, herald: None }
    }

    /// Begins to accept.
    pub(crate) fn open(&mut self, mut acceptor: Acceptor, registry: &Registry) {
        let token = Whose::Listener(acceptor.listener).token();
        match acceptor.socket.source().register(registry, token, Interest::READABLE) {
            Ok(()) => self.acceptors.push(acceptor),
            Err(error) => warn!(listener = %acceptor.name, %error, "cannot accept"),
        }
    }

    /// Accepts no more, at this listener or at all.
    pub(crate) fn close(&mut self, listener: Option<u32>, registry: &Registry) {
        for acceptor in self.acceptors.extract_if(.., |a| listener.is_none_or(|l| l == a.listener)) {
            let mut socket = acceptor.socket;
            // Another process may hold the same socket: closing ours alone would not end the kernel's reports.
            if let Err(error) = socket.source().deregister(registry) {
                debug!(listener = %acceptor.name, %error, "not deregistered");
            }
        }
    }

    /// Lets so many in from now on. Who is there stays.
    pub(crate) const fn limit(&mut self, max_clients: usize) {
        self.max_clients = max_clients;
    }

    fn acceptor(&mut self, listener: u32) -> Option<&mut Acceptor> {
        self.acceptors.iter_mut().find(|a| a.listener == listener)
    }

    /// Somebody waits at this listener.
    pub(crate) fn note(&mut self, listener: u32) {
        if let Some(acceptor) = self.acceptor(listener) {
            acceptor.ready = true;
        }
    }

    /// It has rested.
    pub(crate) fn wake(&mut self, listener: u32) {
        if let Some(acceptor) = self.acceptor(listener) {
            acceptor.resting = None;
        }
    }

    /// Whether somebody can be let in.
    pub(crate) fn is_busy(&self) -> bool {
        self.acceptors.iter().any(|a| a.ready && a.resting.is_none())
    }

    fn clients(&self) -> usize {
        self.doors.iter().map(|d| d.load.load(Relaxed)).sum()
    }
}

impl Worker {
    /// Lets in who waits.
    pub(crate) fn accept(&mut self) {
        if !self.entrance.is_busy() {
            return;
        }
        let mut entrance = std::mem::take(&mut self.entrance);
        for n in 0..entrance.acceptors.len() {
            self.accept_some(&mut entrance, n, MAX_ACCEPTED);
        }
        self.entrance = entrance;
    }

    /// Accepts no more at this listener. Who waits there has been told by the kernel that it is connected, and would be reset: it comes in
    /// still, and is served as those who are there.
    pub(crate) fn deafen(&mut self, listener: u32) {
        let mut entrance = std::mem::take(&mut self.entrance);
        if let Some(n) = entrance.acceptors.iter().position(|a| a.listener == listener) {
            entrance.acceptors[n].ready = true;
            self.accept_some(&mut entrance, n, MAX_WAITING);
        }
        entrance.close(Some(listener), self.poll.registry());
        self.entrance = entrance;
    }

    fn accept_some(&mut self, entrance: &mut Entrance, n: usize, most: usize) {
        for _ in 0..most {
            let acceptor = &mut entrance.acceptors[n];
            if !acceptor.ready || acceptor.resting.is_some() {
                return;
            }
            match acceptor.socket.accept() {
                Ok((client, peer)) => self.on_client(entrance, n, client, peer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => acceptor.ready = false,
                Err(error) if is_of_one_client(&error) => debug!(listener = %acceptor.name, %error, "client lost"),
                Err(error) => {
                    if acceptor.logged.is_none_or(|at| self.now - at >= LOG_EVERY) {
                        warn!(listener = %acceptor.name, %error, "cannot accept; clients wait");
                        acceptor.logged = Some(self.now);
                    }
                    let until = self.now + REST;
                    self.timers.shift(Due::Listener(acceptor.listener), acceptor.resting, Some(until));
                    acceptor.resting = Some(until);
                }
            }
        }
    }

    fn on_client(&mut self, entrance: &Entrance, n: usize, client: Socket, peer: Peer) {
        let listener = entrance.acceptors[n].listener;
        // What is asked of clients may have changed since this listener was opened.
        let Some(desk) = self.desks.iter().find(|d| d.listener == listener && d.feed.is_current()) else { return };
        let has_room = entrance.clients() < entrance.max_clients && descriptors::has_room(&client);
        let admitted = match has_room {
            false => Err(Refused::TooMany),
            true if desk.front.edge.expects_header(peer) => Ok(None),
            true => desk.front.admit(peer).map(Some),
        };
        let seat = match admitted {
            Ok(seat) => seat,
            Err(why) => return desk.front.refuse(&mut Stream::new(client), peer, why, &""),
        };
        if let Some(herald) = &entrance.herald {
            herald.announce(&client, peer);
        }
        let handed = Handed { socket: client, peer, seat, listener };
        let fewest = entrance.doors.iter().enumerate().min_by_key(|(_, d)| d.load.load(Relaxed));
        let Some((to, door)) = fewest else { return };
        let kept = if to == 0 {
            handed
        } else {
            door.load.fetch_add(1, Relaxed);
            let Err(back) = door.hand(handed) else { return };
            // That one is far behind: better here than nowhere.
            door.load.fetch_sub(1, Relaxed);
            back
        };
        self.load.fetch_add(1, Relaxed);
        self.serve(kept);
    }
}

/// Whether the error is one client's and accepting can go on at once (accept(2), "Error handling").
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
