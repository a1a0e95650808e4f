//! How do the bytes of one session move?
//!
//! One task owns the session and both sockets. A turn has always the same order: due deadline by comparing clocks, view,
//! server's bytes, client's bytes, and after each of them everything that the session orders and has to send. Reading goes
//! into the thread's scratch, writing comes straight from the session's buffers; interest in a socket is registered only
//! where it blocked.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use session::{Action, Conn, Event, Session, Why};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tracing::debug;

use crate::feed::Feed;
use crate::socket;
use crate::worker::{Desk, Worker};

/// Turns of one session before the others of its thread have theirs.
const BUDGET: usize = 8;

/// One client, its session and its server.
pub(crate) struct Client {
    session: Session,
    socket: TcpStream,
    peer: SocketAddr,
    /// The client sent its end of stream, or the session is not interested any more.
    ended: bool,
    server: Server,
    feed: Rc<Feed>,
    place: usize,
    seen: u64,
    held: u64,
    sleep: Option<(machine::Instant, Pin<Box<Sleep>>)>,
    worker: Rc<Worker>,
    desk: usize,
    closed: Option<Why>,
}

type Connecting = Pin<Box<dyn Future<Output = io::Result<TcpStream>>>>;

enum Server {
    None,
    Connecting { conn: Conn, made: Connecting },
    Open { conn: Conn, socket: TcpStream, write_failed: bool },
}

impl Client {
    pub(crate) fn new(worker: Rc<Worker>, desk: usize, socket: TcpStream, peer: SocketAddr, ticket: u64) -> Self {
        let feed = worker.desks[desk].feed.clone();
        let session = Session::new(feed.rules.clone(), feed.view(), ticket);
        worker.desks[desk].counters.client_came();
        Self {
            session,
            socket,
            peer,
            ended: false,
            server: Server::None,
            place: feed.join(),
            seen: feed.version(),
            feed,
            held: 0,
            sleep: None,
            worker,
            desk,
            closed: None,
        }
    }

    fn desk(&self) -> &Desk {
        &self.worker.desks[self.desk]
    }

    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.feed.wake_me(self.place, cx.waker());
        for _ in 0..BUDGET {
            let mut moved = self.on_time();
            moved |= self.on_view();
            moved |= self.poll_connecting(cx);
            moved |= self.poll_server(cx);
            moved |= self.poll_writes(cx);
            moved |= self.poll_client(cx);
            moved |= self.poll_writes(cx);
            if self.closed.is_some() || (self.feed.is_draining() && self.session.is_idle()) {
                return Poll::Ready(());
            }
            if !moved && !self.poll_sleep(cx) {
                return Poll::Pending;
            }
        }
        // The sockets have more: others first.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn on_time(&mut self) -> bool {
        let Some((at, _)) = self.session.deadline() else { return false };
        let now = (self.worker.clock)();
        if at > now {
            return false;
        }
        self.session.wake(now);
        self.act();
        true
    }

    fn on_view(&mut self) -> bool {
        if self.seen == self.feed.version() {
            return false;
        }
        self.seen = self.feed.version();
        self.step(Event::View(self.feed.view()));
        true
    }

    fn step(&mut self, event: Event<'_>) {
        self.session.handle((self.worker.clock)(), event);
        self.act();
    }

    /// Does what the session says until it says nothing.
    fn act(&mut self) {
        while let Some(action) = self.session.poll() {
            match action {
                Action::Connect { conn, addr } => {
                    self.server = Server::Connecting { conn, made: Box::pin(socket::connect(addr)) };
                }
                Action::CloseServer { conn } => {
                    if self.server.conn() == Some(conn) {
                        self.server = Server::None;
                    }
                }
                // Not ordered where each client has its own connection.
                Action::Share { .. } | Action::Release { .. } => {}
                Action::CloseClient { why } => self.closed = Some(why),
            }
        }
    }

    fn poll_connecting(&mut self, cx: &mut Context<'_>) -> bool {
        let Server::Connecting { conn, made } = &mut self.server else { return false };
        let Poll::Ready(made) = made.as_mut().poll(cx) else { return false };
        let conn = *conn;
        match made {
            Ok(socket) => {
                self.server = Server::Open { conn, socket, write_failed: false };
                self.step(Event::ServerConnected { conn });
            }
            Err(error) => {
                debug!(group = %self.feed.view().group, peer = %self.peer, %error, "server not reached");
                self.server = Server::None;
                self.step(Event::ServerFailed { conn });
            }
        }
        true
    }

    fn poll_server(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.session.wants_server_bytes() {
            return false;
        }
        let Server::Open { conn, socket, .. } = &mut self.server else { return false };
        let conn = *conn;
        let worker = self.worker.clone();
        let mut scratch = worker.scratch.borrow_mut();
        let mut buf = ReadBuf::new(&mut scratch);
        match Pin::new(socket).poll_read(cx, &mut buf) {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                self.session.lend(&mut worker.spare.borrow_mut());
                self.step(Event::ServerBytes { conn, bytes: buf.filled() });
            }
            // However it ended: what was asked and not answered meets the same fate.
            Poll::Ready(_) => {
                self.server = Server::None;
                self.step(Event::ServerClosed { conn });
            }
        }
        true
    }

    fn poll_client(&mut self, cx: &mut Context<'_>) -> bool {
        if self.ended || !self.session.wants_client_bytes() {
            return false;
        }
        let worker = self.worker.clone();
        let mut scratch = worker.scratch.borrow_mut();
        let mut buf = ReadBuf::new(&mut scratch);
        match Pin::new(&mut self.socket).poll_read(cx, &mut buf) {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                self.session.lend(&mut worker.spare.borrow_mut());
                self.step(Event::ClientBytes(buf.filled()));
            }
            Poll::Ready(Ok(())) => {
                self.ended = true;
                self.step(Event::ClientClosed);
            }
            Poll::Ready(Err(_)) => {
                self.ended = true;
                self.closed = Some(Why::ClientLeft);
            }
        }
        true
    }

    /// Sends what there is, both ways.
    fn poll_writes(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        if let Server::Open { socket, write_failed, .. } = &mut self.server {
            while !*write_failed && !self.session.to_server().is_empty() {
                match Pin::new(&mut *socket).poll_write(cx, self.session.to_server()) {
                    Poll::Pending => break,
                    Poll::Ready(Ok(n)) => {
                        moved = true;
                        self.session.sent(n);
                    }
                    // Reading tells what the server said before it went.
                    Poll::Ready(Err(_)) => *write_failed = true,
                }
            }
        }
        while !self.session.to_client().is_empty() {
            match Pin::new(&mut self.socket).poll_write(cx, self.session.to_client()) {
                Poll::Pending => break,
                Poll::Ready(Ok(n)) => {
                    moved = true;
                    self.session.delivered(n);
                    if self.session.to_client().is_empty() {
                        self.act();
                    }
                }
                Poll::Ready(Err(_)) => {
                    self.closed = Some(Why::ClientLeft);
                    break;
                }
            }
        }
        moved
    }

    /// Keeps one timer for the session's deadline, while it has one. True if it is due.
    fn poll_sleep(&mut self, cx: &mut Context<'_>) -> bool {
        let Some((at, _)) = self.session.deadline() else {
            self.sleep = None;
            return false;
        };
        if self.sleep.as_ref().is_none_or(|(set, _)| *set != at) {
            let wait = at - (self.worker.clock)();
            self.sleep = Some((at, Box::pin(sleep(wait))));
        }
        let Some((_, sleep)) = &mut self.sleep else { return false };
        let due = sleep.as_mut().poll(cx).is_ready();
        if due {
            // The runtime's clock and ours may differ by a moment: then it is set again.
            self.sleep = None;
        }
        due
    }

    /// The end of a turn: buffers go back, numbers are told.
    fn rest(&mut self) {
        self.session.reclaim(&mut self.worker.spare.borrow_mut());
        let stats = self.session.take_stats();
        let held = self.session.held() as u64;
        let counters = &self.desk().counters;
        counters.session(&stats);
        if held != self.held {
            counters.held(self.held, held);
            self.held = held;
        }
    }
}

impl Future for Client {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let ended = self.turn(cx);
        self.rest();
        ended
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.feed.leave(self.place);
        let counters = &self.desk().counters;
        counters.client_went();
        counters.held(self.held, 0);
        if let Some(why) = self.closed {
            counters.closed(why);
            self.desk().closings.closed(self.peer, why);
        }
        self.worker.client_went();
    }
}

impl Server {
    const fn conn(&self) -> Option<Conn> {
        match self {
            Self::None => None,
            Self::Connecting { conn, .. } | Self::Open { conn, .. } => Some(*conn),
        }
    }
}
