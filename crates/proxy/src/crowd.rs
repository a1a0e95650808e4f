//! How many connections are made to one server at once?
//!
//! When a master changes, all clients want a connection to the same server in the same moment. Its kernel keeps only so many
//! that Redis has not accepted yet; what comes on top is dropped without a word and tried again by our kernel after one second,
//! then after two more. So they are made in waves. Whether Redis has accepted one is seen by its first answer: our own kernel says
//! that a connection is made as soon as the other kernel took it.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use machine::Instant;
use session::Conn;

use crate::slots::Key;

/// Connections of one worker to one server that nothing has come from yet. Redis asks for a queue of 511, an older kernel grants
/// 128. The next follows with the first answer, a round trip later.
const MAX_MAKING: usize = 128;
/// An answer may be long in coming, as that to a BLPOP. After this time the next one may begin without it: a Redis that accepts
/// nothing for so long makes everybody wait anyway.
const UNANSWERED: Duration = Duration::from_millis(50);

/// Those who want connections, by server.
#[derive(Debug, Default)]
pub(crate) struct Crowds {
    of: BTreeMap<SocketAddr, Crowd>,
    /// Connections that are made, and until when their first answer is waited for.
    made: VecDeque<(Instant, Key)>,
    /// When one of these is let go, as the timers know it.
    pub(crate) due: Option<Instant>,
}

#[derive(Debug, Default)]
struct Crowd {
    /// Shared with each connection from which nothing has come: how many there are is how often it is held.
    making: Permit,
    /// Each client that has a session in need of a connection, at most once for each that it ordered.
    waiting: VecDeque<Wish>,
}

/// What a client waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) key: Key,
    pub(crate) conn: Conn,
    /// A part in a connection that others use, too: there may be one by then.
    pub(crate) is_shared: bool,
}

/// Held until something has come from a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Permit(Rc<()>);

/// Whoever may begin.
pub(crate) struct Next {
    pub(crate) addr: SocketAddr,
    pub(crate) wish: Wish,
    pub(crate) permit: Permit,
}

impl Crowds {
    /// A permit to make a connection. `None`: the client has to wait until it is [next](Self::next).
    pub(crate) fn enter(&mut self, addr: SocketAddr, wish: Wish) -> Option<Permit> {
        let crowd = self.of.entry(addr).or_default();
        let permit = crowd.waiting.is_empty().then(|| crowd.permit()).flatten();
        if permit.is_none() {
            crowd.waiting.push_back(wish);
        }
        permit
    }

    /// Whoever waits and may begin. It may have gone, or have changed its mind.
    pub(crate) fn next(&mut self) -> Option<Next> {
        let next = self.of.iter_mut().find_map(|(addr, crowd)| {
            let permit = crowd.permit()?;
            let wish = crowd.waiting.pop_front()?;
            Some(Next { addr: *addr, wish, permit })
        });
        if next.is_none() && !self.of.is_empty() {
            self.of.retain(|_, crowd| !crowd.waiting.is_empty() || crowd.making() > 0);
        }
        next
    }

    /// A connection is made. It may hold its permit until the server says something, but not for ever.
    pub(crate) fn on_made(&mut self, now: Instant, server: Key) {
        self.made.push_back((now + UNANSWERED, server));
    }

    /// A connection that has held its permit for long enough, if it still does.
    pub(crate) fn overdue(&mut self, now: Instant) -> Option<Key> {
        self.made.pop_front_if(|(until, _)| *until <= now).map(|(_, server)| server)
    }

    /// When to look again, if somebody waits.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let waits = self.of.values().any(|crowd| !crowd.waiting.is_empty());
        self.made.front().filter(|_| waits).map(|(until, _)| *until)
    }

    /// Whether somebody waits who may begin.
    pub(crate) fn is_busy(&self) -> bool {
        self.of.values().any(|crowd| !crowd.waiting.is_empty() && crowd.making() < MAX_MAKING)
    }
}

impl Crowd {
    fn making(&self) -> usize {
        Rc::strong_count(&self.making.0) - 1
    }

    fn permit(&self) -> Option<Permit> {
        (self.making() < MAX_MAKING).then(|| self.making.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::Slots;

    #[test]
    fn so_many_at_once_the_rest_in_their_order_and_no_server_waits_for_another() {
        let mut slots = Slots::new();
        let [near, far] = [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let mut crowds = Crowds::default();
        let mut wish = |n| Wish { key: slots.insert(()), conn: Conn(n), is_shared: false };
        let mut enter = |crowds: &mut Crowds, addr, n| crowds.enter(addr, wish(n));
        let mut permits: Vec<_> = (0..MAX_MAKING).map(|_| enter(&mut crowds, near, 0).unwrap()).collect();
        assert!(enter(&mut crowds, near, 1).is_none());
        assert!(enter(&mut crowds, near, 2).is_none());
        assert!(!crowds.is_busy());
        assert!(crowds.next().is_none());
        let other = enter(&mut crowds, far, 3);
        assert!(other.is_some());

        permits.pop();
        assert!(crowds.is_busy());
        assert!(enter(&mut crowds, near, 4).is_none(), "who waits comes first");
        let next = crowds.next().unwrap();
        assert_eq!((next.addr, next.wish.conn), (near, Conn(1)));
        assert!(crowds.next().is_none());
        drop((next, permits, other));
        assert_eq!(crowds.next().map(|n| n.wish.conn), Some(Conn(2)));
        assert_eq!(crowds.next().map(|n| n.wish.conn), Some(Conn(4)));
        assert!(crowds.next().is_none());
        assert!(crowds.of.is_empty(), "a server that nobody goes to is forgotten");
    }
}
