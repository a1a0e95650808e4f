//! What does one thread own?
//!
//! ```text
//!   desks (one a listener) <── clients ──own──> servers
//!                                 │                │
//!                              touched       queued to be read
//! ```
//!
//! Nothing of it is seen by other threads, but for the counters. What it does with it, in which order, is its [`turn`].
//!
//! [`turn`]: crate::turn

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use machine::Instant;
use mio::{Events, Poll};
use session::pool::Pool;
use session::{Action, Conn, Event, Spare};
use tracing::debug;

use crate::budget::Budget;
use crate::client::{Client, Desk};
use crate::crowd::{Crowds, Next, Permit, Wish};
use crate::edge::Edge;
use crate::kill::{Awaited, Book, Doubts};
use crate::listener::Entrance;
use crate::opaque::Pair;
use crate::porch::Guest;
use crate::post::{Door, Line, Order};
use crate::queue::Queue;
use crate::server::{Owner, Server, State};
use crate::slots::{Key, Slots, Whose};
use crate::socket;
use crate::stream::{Socket, Stream};
use crate::timers::{Due, Timers};

/// Bytes that are read at once. A large value passes in pieces of this size; small requests of a deep pipeline come in one.
const SCRATCH: usize = 64 * 1024;
/// Events that the kernel tells at once.
const EVENTS: usize = 1_024;

/// What the clients of one thread share.
pub(crate) struct Worker {
    pub(crate) clock: fn() -> Instant,
    /// When this turn began.
    pub(crate) now: Instant,
    pub(crate) poll: Poll,
    pub(crate) events: Events,
    pub(crate) orders: Receiver<Order>,
    /// Another thread called.
    pub(crate) called: bool,
    /// Those that have clients or may get some.
    pub(crate) desks: Vec<Rc<Desk>>,
    /// Those who are not in yet.
    pub(crate) guests: Slots<Guest>,
    pub(crate) clients: Slots<Client>,
    /// Clients of whose bytes nothing is known, each with its server.
    pub(crate) pairs: Slots<Pair>,
    pub(crate) servers: Slots<Server>,
    pub(crate) scratch: Box<[u8]>,
    /// Bytes that may be read yet, before others have their turn.
    pub(crate) to_read: usize,
    pub(crate) spare: Spare,
    pub(crate) timers: Timers,
    /// Clients, and servers, that have something to read.
    pub(crate) readable_clients: Queue,
    pub(crate) readable_servers: Queue,
    /// Clients to whom something happened: what they have to send is sent at the end of the turn.
    pub(crate) touched: Queue,
    /// Lanes that have something to write.
    pub(crate) written_lanes: Queue,
    /// Connections that are there for whoever fits.
    pub(crate) pool: Pool<Key>,
    /// Those who want a connection to a server to which many are being made.
    pub(crate) crowds: Crowds,
    /// What is known of CLIENT KILLs, and which connections ended for a reason that is not.
    pub(crate) book: Book,
    pub(crate) doubts: Doubts,
    /// When one of them may be too old, as the timers know it.
    pub(crate) spare_due: Option<Instant>,
    /// Guests to whom something happened.
    pub(crate) noted_guests: Queue,
    /// Pairs to which something happened.
    pub(crate) stirred: Queue,
    /// Which place is next to be visited, if all clients are: they must learn of something.
    pub(crate) tour: Option<usize>,
    pub(crate) entrance: Entrance,
    pub(crate) load: Arc<AtomicUsize>,
    /// What all clients have waiting.
    pub(crate) budget: Budget,
    /// When to end at the latest.
    pub(crate) stop: Option<Instant>,
}

/// What the thread is given at its start.
pub(crate) struct Errand {
    pub(crate) clock: fn() -> Instant,
    poll: Poll,
    orders: Receiver<Order>,
    load: Arc<AtomicUsize>,
    kept: Arc<AtomicUsize>,
    book: Book,
    /// Of the one that accepts.
    pub(crate) entrance: Entrance,
}

impl Errand {
    /// An errand and the door of its worker. Made before the thread, so that a refusal of the kernel is told to whoever starts
    /// the proxy.
    pub(crate) fn new(clock: fn() -> Instant, book: Book) -> io::Result<(Self, Door)> {
        let poll = Poll::new()?;
        let (door, orders) = Door::new(poll.registry())?;
        let entrance = Entrance::default();
        Ok((Self { clock, poll, orders, load: door.load.clone(), kept: door.kept.clone(), book, entrance }, door))
    }
}

impl Worker {
    pub(crate) fn new(errand: Errand) -> Self {
        let Errand { clock, poll, orders, load, kept, book, entrance } = errand;
        Self {
            clock,
            now: clock(),
            poll,
            events: Events::with_capacity(EVENTS),
            orders,
            called: false,
            desks: Vec::new(),
            guests: Slots::new(),
            clients: Slots::new(),
            pairs: Slots::new(),
            servers: Slots::new(),
            scratch: vec![0; SCRATCH].into_boxed_slice(),
            to_read: 0,
            spare: Spare::new(),
            timers: Timers::default(),
            readable_clients: Queue::default(),
            readable_servers: Queue::default(),
            touched: Queue::default(),
            written_lanes: Queue::default(),
            pool: Pool::default(),
            crowds: Crowds::default(),
            book,
            doubts: Doubts::default(),
            spare_due: None,
            noted_guests: Queue::default(),
            stirred: Queue::default(),
            tour: None,
            entrance,
            load,
            budget: Budget::new(kept),
            stop: None,
        }
    }

    /// Does what other threads want.
    pub(crate) fn obey(&mut self) {
        if !std::mem::take(&mut self.called) {
            return;
        }
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Open(line) => self.on_open(*line),
                Order::Deafen { listener, done } => {
                    self.deafen(listener);
                    // Who asked may not wait any more.
                    let _ = done.try_send(());
                }
                Order::Close { listener, patience } => self.on_close(listener, patience),
                Order::Retire => self.entrance.close(None, self.poll.registry()),
                Order::Accept(acceptor) => self.entrance.open(*acceptor, self.poll.registry()),
                Order::Limit(max_clients) => self.entrance.limit(max_clients),
                Order::Herald(herald) => self.entrance.herald = herald,
                Order::Serve(client) => self.serve(client),
                Order::Cut { ips, cut } => {
                    // Who asked may not wait any more.
                    let _ = cut.try_send(self.cut(&ips));
                }
                Order::Stop(patience) => self.on_stop(patience),
            }
        }
        // Of those that are leaving, the last client may have gone.
        self.desks.retain(|desk| desk.feed.is_current() || Rc::strong_count(desk) > 1);
    }

    /// Looks for new views. Whoever published one before a client sent something finds it known when that is read.
    pub(crate) fn look(&mut self) {
        for desk in &self.desks {
            if desk.feed.look() {
                self.tour = Some(0);
            }
        }
    }

    /// A listener is new, or what it tells those who come in is.
    fn on_open(&mut self, line: Line) {
        for desk in self.desks.iter().filter(|desk| desk.listener == line.listener) {
            desk.feed.supersede(&line);
        }
        let desk = Desk::new(line);
        desk.loads.ration(self.budget.ration());
        self.desks.push(Rc::new(desk));
    }

    fn on_close(&mut self, listener: u32, patience: Duration) {
        let until = self.now + patience;
        for desk in self.desks.iter().filter(|desk| desk.listener == listener) {
            desk.feed.drain(until);
        }
        self.hear_first_words(listener);
        self.tour = Some(0);
        self.timers.shift(Due::Leave(listener), None, Some(until));
    }

    /// Whoever was let in a moment ago may have said something already: it is read before it is told from one that is owed nothing.
    fn hear_first_words(&mut self, listener: u32) {
        for place in 0..self.clients.places() {
            if let Some(key) = self.clients.key_at(place)
                && let Some(client) = self.clients.get_mut(key)
                && client.fresh
                && client.desk.listener == listener
            {
                client.stream.look();
                if !std::mem::replace(&mut client.queued, true) {
                    self.readable_clients.push(key);
                }
            }
        }
    }

    /// Idle sessions end at once, others when they have what they are owed, the rest at the deadline.
    fn on_stop(&mut self, patience: Duration) {
        self.entrance.close(None, self.poll.registry());
        let until = self.now + patience;
        for desk in &self.desks {
            desk.feed.drain(until);
        }
        self.tour = Some(0);
        self.timers.shift(Due::Stop, self.stop, Some(until));
        self.stop = Some(until);
    }

    /// The client goes, and its server connection with it.
    pub(crate) fn dismiss(&mut self, key: Key) {
        self.let_go(key);
        let Some(mut client) = self.clients.remove(key) else { return };
        self.budget.note(&mut client.kept, 0);
        self.timers.shift(Due::Client(key), client.due, None);
        self.timers.shift(Due::Idle(key), client.idle_due, None);
        client.stream.farewell();
        self.forget_name(&client);
        self.load.fetch_sub(1, Relaxed);
    }

    /// Tells a session what happened and does what it says.
    pub(crate) fn step(&mut self, key: Key, event: Event<'_>) {
        if let Some(client) = self.clients.get_mut(key) {
            client.session.handle(self.now, event);
            self.act(key);
        }
    }

    /// Does what the session says until it says nothing.
    pub(crate) fn act(&mut self, key: Key) {
        let mut then = None;
        while let Some(client) = self.clients.get_mut(key) {
            match client.session.poll() {
                Some(Action::Connect { conn, addr }) => {
                    then = match self.connect(key, conn, addr) {
                        Ok(true) => Some(Event::ServerReady { conn }),
                        Ok(false) => None,
                        Err(error) => Some(self.tell_unreached(key, conn, &error)),
                    };
                }
                Some(Action::Share { conn, addr }) => {
                    then = match self.share(key, conn, addr) {
                        Ok(true) => Some(Event::ServerReady { conn }),
                        Ok(false) => None,
                        Err(error) => Some(self.tell_unreached(key, conn, &error)),
                    };
                }
                Some(Action::CloseServer { .. }) => self.let_go(key),
                Some(Action::Release { .. }) => self.release(key),
                Some(Action::KillBegun { addr }) => client.kill = Some(Awaited::new(&self.book, self.now, addr)),
                Some(Action::Killed { addr, killed }) => self.book.on_killed(self.now, addr, killed),
                Some(Action::KillOver { .. }) => client.kill = None,
                Some(Action::CloseClient { why }) => client.closed = Some(why),
                None => match then.take() {
                    Some(event) => client.session.handle(self.now, event),
                    None => return,
                },
            }
        }
    }

    /// Makes a connection for one client, or finds one. True if it was found, and may be used at once.
    fn connect(&mut self, key: Key, conn: Conn, addr: SocketAddr) -> io::Result<bool> {
        let Some(client) = self.clients.get(key) else { return Ok(false) };
        // Who is to have a connection of its own, always, gets none that was somebody's.
        let may_be_used = client.desk.feed.rules().pool == session::Pool::Shared;
        if may_be_used && self.take_spare(key, conn, addr) {
            return Ok(true);
        }
        let wish = Wish { key, conn, is_shared: false };
        match self.crowds.enter(addr, wish) {
            Some(permit) => self.connect_own(Next { addr, wish, permit })?,
            None => self.queue_up(wish),
        }
        Ok(false)
    }

    /// Too many others are connecting there: it comes later.
    pub(crate) fn queue_up(&mut self, wish: Wish) {
        if let Some(client) = self.clients.get_mut(wish.key) {
            client.waits = Some(wish.conn);
        }
    }

    fn connect_own(&mut self, next: Next) -> io::Result<()> {
        let Next { addr, wish: Wish { key, conn, .. }, permit } = next;
        let Some(client) = self.clients.get(key) else { return Ok(()) };
        let edge = client.desk.front.edge.clone();
        let server = self.connect_to(addr, edge, Owner::Client { key, conn })?;
        if let Some(client) = self.clients.get_mut(key) {
            client.server = Some(server);
        }
        self.hold(server, permit);
        Ok(())
    }

    /// Others may connect there when this one is answered.
    pub(crate) fn hold(&mut self, server: Key, permit: Permit) {
        if let Some(server) = self.servers.get_mut(server) {
            server.permit = Some(permit);
        }
    }

    /// Those who had to wait make their connections, as far as there is room.
    pub(crate) fn connect_waiting(&mut self) {
        while let Some(server) = self.crowds.overdue(self.now) {
            if let Some(server) = self.servers.get_mut(server) {
                server.permit = None;
            }
        }
        while let Some(next) = self.crowds.next() {
            let Wish { key, conn, is_shared } = next.wish;
            let still_waits = |client: &mut Client| client.waits.take_if(|waits| *waits == conn).is_some();
            if !self.clients.get_mut(key).is_some_and(still_waits) {
                continue;
            }
            let begun = if is_shared { self.share_next(next) } else { self.connect_own(next).map(|()| false) };
            let event = match begun {
                Ok(false) => continue,
                Ok(true) => Event::ServerReady { conn },
                Err(error) => self.tell_unreached(key, conn, &error),
            };
            self.touch(key);
            self.step(key, event);
        }
        let due = self.crowds.deadline();
        self.timers.shift(Due::Crowd, self.crowds.due, due);
        self.crowds.due = due;
    }

    /// Begins to make a connection.
    pub(crate) fn connect_to(&mut self, addr: SocketAddr, edge: Arc<Edge>, owner: Owner) -> io::Result<Key> {
        let mut stream = Stream::new(Socket::Tcp(socket::connect(addr)?));
        stream.register(self.poll.registry(), Whose::Server(self.servers.next_key()))?;
        let whose = if let Owner::Client { key, .. } = owner { self.clients.get(key) } else { None };
        let mut server = Server::new(stream, addr, edge, owner);
        if let Some(client) = whose {
            server = server.on_behalf_of(client.peer, &client.stream);
        }
        Ok(self.servers.insert(server))
    }

    fn tell_unreached(&self, key: Key, conn: Conn, error: &io::Error) -> Event<'static> {
        if let Some(client) = self.clients.get(key) {
            debug!(group = %client.desk.feed.view().group, peer = %client.peer, %error, "server not reached");
        }
        Event::ServerFailed { conn }
    }

    /// A connection that is being made has been made, or not.
    pub(crate) fn on_made(&mut self, server: Key, made: io::Result<()>) {
        let Some(link) = self.servers.get_mut(server) else { return };
        let begun = made.and_then(|()| link.begin());
        self.on_begun(server, begun);
    }

    /// A server shakes hands, or has something to say about it.
    pub(crate) fn shake(&mut self, server: Key) {
        let Some(link) = self.servers.get_mut(server) else { return };
        let shaken = link.shake(&mut self.scratch).and_then(|said| match said {
            0 => Ok(()),
            // Nobody was asked anything: it has no room for us, or is no Redis.
            _ => Err(io::Error::other("the server speaks before it is asked")),
        });
        self.on_begun(server, shaken);
    }

    fn on_begun(&mut self, server: Key, begun: io::Result<()>) {
        let Some(Server { owner, state, addr, .. }) = self.servers.get(server) else { return };
        match (begun, owner) {
            (Ok(()), _) if *state != State::Open => {}
            (Ok(()), Owner::Client { key, conn }) => {
                let (key, conn) = (*key, *conn);
                self.crowds.on_made(self.now, server);
                self.step(key, Event::ServerConnected { conn });
            }
            (Ok(()), _) => {
                self.crowds.on_made(self.now, server);
                self.on_lane_made(server);
            }
            (Err(error), Owner::Client { key, conn }) => {
                let (key, conn) = (*key, *conn);
                let event = self.tell_unreached(key, conn, &error);
                self.let_go(key);
                self.step(key, event);
            }
            (Err(error), _) => {
                debug!(server = %addr, %error, "server not reached");
                self.end_lane(server, |conn| Event::ServerFailed { conn });
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let clients = self.clients.len();
        if clients > 0 {
            debug!(clients, "clients cut at the deadline");
        }
    }
}
