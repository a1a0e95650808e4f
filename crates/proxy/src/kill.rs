//! Which server connections ended because one of our clients said CLIENT KILL?
//!
//! The rule is [`session::kill`]'s. All workers look at the same book; whose connection ends while somebody else's CLIENT KILL is under
//! way waits for its answer, without its client noticing: until then nothing more can be sent there anyway.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use machine::Instant;
use session::{Event, Kills, Verdict};

use crate::client::Client;
use crate::server::{Owner, State};
use crate::slots::Key;
use crate::timers::Due;
use crate::worker::Worker;

/// What all workers know of CLIENT KILLs. Asked when a connection ends, never for a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book(Arc<Mutex<Kills>>);

/// A client awaits the answer to a CLIENT KILL. Its end tells that it does no more, however that came about.
#[derive(Debug)]
pub(crate) struct Awaited {
    book: Book,
    addr: SocketAddr,
}

/// Connections of one worker of which nobody knows yet why they ended.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    ended: VecDeque<(Instant, Key)>,
    /// When to look, as the timers know it.
    due: Option<Instant>,
}

/// When to look again whether another worker has heard the answer: a round trip, without a call between threads for it.
const LOOK: Duration = Duration::from_millis(5);

impl Book {
    fn kills(&self) -> MutexGuard<'_, Kills> {
        // What is in it is consistent between any two statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn on_killed(&self, now: Instant, addr: SocketAddr, killed: u64) {
        self.kills().on_killed(now, addr, killed);
    }
}

impl Awaited {
    pub(crate) fn new(book: &Book, now: Instant, addr: SocketAddr) -> Box<Self> {
        book.kills().begin(now, addr);
        Box::new(Self { book: book.clone(), addr })
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.book.kills().end(self.addr);
    }
}

impl Doubts {
    pub(crate) fn on_due(&mut self) {
        self.due = None;
    }
}

impl Worker {
    /// The connection ended, however: what was asked and not answered meets the same fate, but for those who were killed.
    pub(crate) fn on_server_ended(&mut self, server: Key) {
        if !self.is_ended(server, self.now)
            && let Some(entry) = self.servers.get_mut(server)
        {
            entry.state = State::Ended;
            // Nobody else is to come to it.
            self.pool.forget(server);
            self.doubts.ended.push_back((self.now, server));
        }
    }

    /// Looks again at those of which it was not known.
    pub(crate) fn settle_doubts(&mut self) {
        for _ in 0..self.doubts.ended.len() {
            if let Some((ended, server)) = self.doubts.ended.pop_front()
                && !self.is_ended(server, ended)
            {
                self.doubts.ended.push_back((ended, server));
            }
        }
        let due = (!self.doubts.ended.is_empty()).then_some(self.now + LOOK);
        self.timers.shift(Due::Doubts, self.doubts.due, due);
        self.doubts.due = due;
    }

    /// Does what follows from the end of a connection. False if that is not known yet.
    fn is_ended(&mut self, server: Key, ended: Instant) -> bool {
        let Some(entry) = self.servers.get(server) else { return true };
        let verdict = self.book.kills().judge(self.now, entry.addr, ended);
        match &entry.owner {
            Owner::Client { key, conn } => {
                let (key, conn) = (*key, *conn);
                // Its own CLIENT KILL is not answered any more.
                let awaits = |client: &Client| client.session.awaits_kill();
                if verdict == Verdict::Unknown && !self.clients.get(key).is_some_and(awaits) {
                    return false;
                }
                self.touch(key);
                self.let_go(key);
                let is_killed = verdict == Verdict::Killed;
                self.step(key, if is_killed { Event::ServerKilled { conn } } else { Event::ServerClosed { conn } });
            }
            Owner::Lane(_) => match verdict {
                Verdict::Unknown => return false,
                Verdict::Killed => self.end_lane(server, |conn| Event::ServerKilled { conn }),
                Verdict::Ended => self.end_lane(server, |conn| Event::ServerClosed { conn }),
            },
            Owner::Spare => {
                self.pool.forget(server);
                self.servers.remove(server);
            }
        }
        true
    }
}
