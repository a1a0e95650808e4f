//! What can be changed while clients are served?
//!
//! Which listeners there are, what new clients are owed, and whose process it is that accepts. No connection is touched that
//! need not be.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use session::{Pool, Rules};
use tokio::sync::watch;
use tracing::warn;
use view::View;

use crate::closing::ClosingLog;
use crate::counters::Counters;
use crate::edge::{Edge, Endpoint};
use crate::feed::Follow;
use crate::gate::Turnstile;
use crate::listener::{Acceptor, FrontDesk};
use crate::post::{Line, Order};
use crate::proxy::{Listener, Proxy, StartFailed};
use crate::socket::{self, ListeningSocket, OwnFile};

/// What became of the listeners.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Where clients are let in that were not before.
    pub opened: Vec<Endpoint>,
    /// Places that stay, with what they are told.
    pub kept: Vec<Endpoint>,
    /// Where nobody is let in any more.
    pub closed: Vec<Endpoint>,
}

/// The listeners that are open.
#[derive(Debug, Default)]
pub(crate) struct Open {
    pub(crate) listeners: Vec<Listening>,
    /// The number of the next one.
    next: u32,
}

/// A listener that is open.
#[derive(Debug)]
pub(crate) struct Listening {
    number: u32,
    pub(crate) name: String,
    pub(crate) addr: Endpoint,
    pub(crate) counters: Vec<Arc<Counters>>,
    /// `None`: another process accepts.
    socket: Option<ListeningSocket>,
    /// `None`: it is not ours to remove.
    file: Option<OwnFile>,
    rules: Arc<Rules>,
    edge: Arc<Edge>,
    turnstile: Turnstile,
    view: watch::Receiver<Arc<View>>,
}

/// A listener whose socket is listening.
pub(crate) struct Bound {
    name: String,
    addr: Endpoint,
    /// The one that accepts, and the one that is kept to be handed over.
    sockets: [ListeningSocket; 2],
    file: Option<OwnFile>,
    rules: Rules,
    edge: Edge,
    view: watch::Receiver<Arc<View>>,
}

impl Bound {
    /// `leaving`: sockets that will be closed when this one is there.
    pub(crate) fn new(listener: Listener, leaving: &[&ListeningSocket]) -> Result<Self, StartFailed> {
        let Listener { name, addr, socket, rules, edge, view } = listener;
        let is_ours = socket.is_none();
        let bound = socket.map_or_else(|| socket::listen(&addr, leaving), Ok).and_then(|socket| {
            socket::tune_listener(&socket, edge.client_tcp)?;
            let at = socket.endpoint(&addr)?;
            Ok((at, [socket.try_clone()?, socket]))
        });
        match bound {
            Ok((addr, sockets)) => {
                let file = if is_ours { OwnFile::of(&addr) } else { None };
                Ok(Self { name, addr, sockets, file, rules: fitting(rules, &edge), edge, view })
            }
            Err(source) => Err(StartFailed { what: "listen", listener: Some((name, addr)), source }),
        }
    }
}

/// One listener of a new configuration.
enum Wanted {
    New(Bound),
    /// Open already: its number, and what is new about it.
    Kept(u32, Listener),
}

/// What is to become of the listeners. Those that are new are bound.
fn wanted(open: &Open, listeners: Vec<Listener>) -> Result<Vec<Wanted>, StartFailed> {
    let is_at = |listener: &Listener, l: &Listening| l.addr.is_same_place(&listener.addr) && l.socket.is_some();
    let is_leaving = |l: &&Listening| !listeners.iter().any(|listener| is_at(listener, l));
    let leaving: Vec<_> = open.listeners.iter().filter(is_leaving).filter_map(|l| l.socket.as_ref()).collect();
    let mut wanted: Vec<Wanted> = Vec::with_capacity(listeners.len());
    for listener in listeners {
        let known = open.listeners.iter().find(|l| is_at(&listener, l));
        let is_taken = |number| wanted.iter().any(|w| matches!(w, Wanted::Kept(taken, _) if *taken == number));
        wanted.push(match known {
            Some(known) if !is_taken(known.number) => Wanted::Kept(known.number, listener),
            _ => Wanted::New(Bound::new(listener, &leaving).inspect_err(|_| socket::keep_ports(&leaving))?),
        });
    }
    Ok(wanted)
}

impl Proxy {
    /// Makes these the listeners. One whose address is open already is kept: clients that come in later are under the new rules,
    /// those that are there keep theirs and follow the new source of the view. One that is new is opened. One that is gone
    /// accepts no more; its clients go when they are owed nothing, at the latest after a minute. Numbers of what is kept go on.
    ///
    /// # Errors
    /// [`StartFailed`] if an address cannot be bound. Nothing is changed then.
    pub fn apply(&self, listeners: Vec<Listener>) -> Result<Applied, StartFailed> {
        let mut open = self.open();
        let wanted = wanted(&open, listeners)?;
        let mut applied = Applied::default();
        let mut before = std::mem::take(&mut open.listeners);
        for wanted in wanted {
            let listening = match wanted {
                Wanted::New(bound) => {
                    let listening = self.open_one(&mut open, bound);
                    applied.opened.push(listening.addr.clone());
                    listening
                }
                Wanted::Kept(number, new) => {
                    let at = before.iter().position(|l| l.number == number);
                    let Some(mut listening) = at.map(|at| before.remove(at)) else { continue };
                    self.renew(&mut listening, new);
                    applied.kept.push(listening.addr.clone());
                    listening
                }
            };
            open.listeners.push(listening);
        }
        applied.closed = before.into_iter().map(|gone| self.close_one(gone)).collect();
        Ok(applied)
    }

    /// Nobody is let in there any more but those who wait at the door already: these are let in first. It says where that was.
    fn close_one(&self, gone: Listening) -> Endpoint {
        let Listening { number: listener, addr, socket, file, .. } = gone;
        if let Some(file) = file {
            file.remove();
        }
        // The one that accepts holds the socket alone from here on: when it lets go, nobody listens.
        drop(socket);
        let (done, is_done) = mpsc::sync_channel(1);
        self.doors[0].order(Order::Deafen { listener, done });
        // Whom it has handed to others is in their queues, before the order to close. One that is so busy does it when it can: who comes
        // to another worker after that is reset.
        let _ = is_done.recv_timeout(DEAF);
        for door in &self.doors {
            door.order(Order::Close { listener, patience: LEAVE });
        }
        addr
    }

    /// Lets so many clients in from now on, of all listeners together. Whoever is there stays, however many they are.
    pub fn limit(&self, max_clients: usize) {
        self.doors[0].order(Order::Limit(max_clients));
    }

    /// Accepts no more, and keeps whoever is there, idle or not, until they go or the proxy is [stopped](Self::stop): for when
    /// another process has taken over the listening sockets. Views are followed on.
    pub fn retire(&self) {
        self.doors[0].order(Order::Retire);
        for listening in &mut self.open().listeners {
            (listening.socket, listening.file) = (None, None);
        }
    }

    /// The listening sockets once more, for another process to accept on, each with its address. Both accept until this proxy
    /// is [retired](Self::retire).
    ///
    /// # Errors
    /// What the kernel says, if it has no descriptors left.
    pub fn listening_sockets(&self) -> io::Result<Vec<(Endpoint, ListeningSocket)>> {
        let open = self.open();
        let sockets = open.listeners.iter().filter_map(|l| l.socket.as_ref().map(|socket| (&l.addr, socket)));
        sockets.map(|(addr, socket)| Ok((addr.clone(), socket.try_clone()?))).collect()
    }

    /// The files of sockets that go with this proxy: whoever takes its place has to [adopt](Self::adopt_files) them.
    #[must_use]
    pub fn own_files(&self) -> Vec<PathBuf> {
        self.open().listeners.iter().filter_map(|l| l.file.as_ref()).map(|file| file.path().to_owned()).collect()
    }

    /// These files go with this proxy from now on: the process that made them has left its place to this one. Not before that is
    /// certain, since they are removed when this proxy ends.
    pub fn adopt_files(&self, files: &[PathBuf]) {
        for listening in self.open().listeners.iter_mut().filter(|l| l.socket.is_some() && l.file.is_none()) {
            listening.file = OwnFile::of(&listening.addr).filter(|file| files.iter().any(|left| left == file.path()));
        }
    }

    /// Nobody can come to a socket whose file is gone.
    pub(crate) fn remove_files(&self) {
        self.open().listeners.iter_mut().filter_map(|listening| listening.file.take()).for_each(OwnFile::remove);
    }

    pub(crate) fn open(&self) -> MutexGuard<'_, Open> {
        // What is in it is consistent between any two statements.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn open_all(&self, bound: Vec<Bound>) {
        let mut open = self.open();
        for bound in bound {
            let listening = self.open_one(&mut open, bound);
            open.listeners.push(listening);
        }
    }

    /// Every worker learns of the listener, then clients are let in.
    fn open_one(&self, open: &mut Open, bound: Bound) -> Listening {
        let Bound { name, addr, sockets: [accepting, kept], file, rules, edge, view } = bound;
        let listening = Listening {
            number: open.next,
            name: name.clone(),
            addr,
            counters: self.doors.iter().map(|_| Arc::default()).collect(),
            socket: Some(kept),
            file,
            rules: Arc::new(rules),
            turnstile: Turnstile::new(edge.lists.clone(), edge.limits, self.clock),
            edge: Arc::new(edge),
            view,
        };
        open.next += 1;
        self.tell(&listening);
        let acceptor = Acceptor::new(name, listening.number, accepting);
        self.doors[0].order(Order::Accept(Box::new(acceptor)));
        listening
    }

    /// An open listener is what it was, or has new rules and another source of its view.
    fn renew(&self, listening: &mut Listening, new: Listener) {
        let Listener { name, addr, rules, edge, view, .. } = new;
        let rules = fitting(rules, &edge);
        listening.name = name;
        if let (Endpoint::Unix(file), true) = (&addr, addr != listening.addr)
            && let Err(error) = socket::give(file)
        {
            warn!(listener = %addr, %error, "the socket keeps its owner and rights");
        }
        listening.addr = addr;
        if *listening.rules == rules && *listening.edge == edge && listening.view.same_channel(&view) {
            return;
        }
        if let Some(Err(error)) = listening.socket.as_ref().map(|s| socket::tune_listener(s, edge.client_tcp)) {
            warn!(listener = %listening.addr, %error, "clients keep the patience of before");
        }
        listening.turnstile.change(edge.lists.clone(), edge.limits);
        listening.rules = Arc::new(rules);
        listening.edge = Arc::new(edge);
        listening.view = view;
        self.tell(listening);
    }

    /// Every worker has a desk for the listener as it is, and its views are followed.
    fn tell(&self, listening: &Listening) {
        let closings = Arc::new(ClosingLog::new(listening.view.borrow().group.clone(), self.clock));
        // Nothing is ever sent: what counts is whether somebody still could.
        let (presence, present) = tokio::sync::mpsc::channel(1);
        for (door, counters) in self.doors.iter().zip(&listening.counters) {
            let line = Line {
                listener: listening.number,
                rules: listening.rules.clone(),
                view: listening.view.clone(),
                front: FrontDesk {
                    edge: listening.edge.clone(),
                    turnstile: listening.turnstile.clone(),
                    counters: counters.clone(),
                    closings: closings.clone(),
                },
                present: presence.clone(),
            };
            door.order(Order::Open(Box::new(line)));
        }
        self.follower.follow(Follow { source: listening.view.clone(), closings, present });
    }
}

/// A connection on which a server was told for whom it is cannot be anybody else's, whatever was asked for.
const fn fitting(rules: Rules, edge: &Edge) -> Rules {
    let pool = if edge.send_proxy.is_some() { Pool::Session } else { rules.pool };
    Rules { pool, ..rules }
}

/// How long clients of a listener that is gone may take to get what they are owed: longer than any `hold` and any sensible
/// timeout of a blocking command. Whoever is left is cut off.
const LEAVE: Duration = Duration::from_secs(60);
/// How long the worker that accepts may take for that: a turn. Whoever reloads waits for it.
const DEAF: Duration = Duration::from_secs(1);
