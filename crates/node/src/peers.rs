//! The sessions of one address with its neighbours: what do they have to know?
//!
//! Sessions are kept up also while nothing is announced: so announcing takes as long as a message, not as long as a session.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bgp::route::Routes;
use bgp::{Conn, Neighbor, Peer};
use machine::{Instant, Machine, Rng, soonest};

use crate::event::Action;
use crate::telling::Telling;

/// All neighbours of one address.
#[derive(Clone, Debug)]
pub(crate) struct Peers {
    peers: BTreeMap<String, Session>,
    routes: Routes,
    is_started: bool,
    healthy: bool,
    /// The greatest number that a connection had. A session that takes the place of another counts on from there: a word about a connection
    /// of the old one must not be taken for one about the new one's.
    conns: u64,
}

#[derive(Clone, Debug)]
struct Session {
    neighbor: Neighbor,
    peer: Peer,
    /// What is added to its own numbers of connections.
    base: u64,
    /// Attempts that failed since it last stood.
    failing: Telling,
}

impl Peers {
    /// Sessions whose connections are numbered from behind `conns`.
    pub(crate) fn new(neighbors: &BTreeMap<String, Neighbor>, routes: &Routes, conns: u64, rng: &mut Rng) -> Self {
        let mut peers =
            Self { peers: BTreeMap::new(), routes: routes.clone(), is_started: false, healthy: false, conns };
        for (name, neighbor) in neighbors {
            peers.add(name, neighbor, rng);
        }
        peers
    }

    fn add(&mut self, name: &str, neighbor: &Neighbor, rng: &mut Rng) {
        let peer = Peer::new(neighbor.clone(), rng.next_u64());
        let session = Session { neighbor: neighbor.clone(), peer, base: self.conns, failing: Telling::default() };
        self.peers.insert(name.into(), session);
    }

    pub(crate) fn start(&mut self, now: Instant, address: &str, out: &mut Vec<Action>) {
        self.is_started = true;
        for name in self.names() {
            self.begin(now, address, &name, out);
        }
    }

    fn begin(&mut self, now: Instant, address: &str, name: &str, out: &mut Vec<Action>) {
        for event in [
            bgp::Event::Wanted { routes: self.routes.clone() },
            bgp::Event::Health { healthy: self.healthy },
            bgp::Event::Started,
        ] {
            self.tell(now, address, name, event, out);
        }
    }

    /// Other neighbours, or routes. A neighbour on other terms is another one.
    pub(crate) fn configure(
        &mut self,
        now: Instant,
        address: &str,
        (neighbors, routes): (&BTreeMap<String, Neighbor>, &Routes),
        rng: &mut Rng,
        out: &mut Vec<Action>,
    ) {
        let is_other = |name: &String, session: &Session| neighbors.get(name) != Some(&session.neighbor);
        let gone: Vec<String> =
            self.peers.iter().filter(|(name, session)| is_other(name, session)).map(|(name, _)| name.clone()).collect();
        for name in gone {
            self.tell(now, address, &name, bgp::Event::Stopped { text: "configured otherwise".into() }, out);
            self.peers.remove(&name);
        }
        if self.routes != *routes {
            self.routes.clone_from(routes);
            for name in self.names() {
                self.tell(now, address, &name, bgp::Event::Wanted { routes: routes.clone() }, out);
            }
        }
        for (name, neighbor) in neighbors {
            if !self.peers.contains_key(name) {
                self.add(name, neighbor, rng);
                if self.is_started {
                    self.begin(now, address, name, out);
                }
            }
        }
    }

    /// Ends the session with this neighbour and begins it anew, if it is wanted. `false`: there is no such neighbour.
    pub(crate) fn restart(
        &mut self,
        now: Instant,
        address: &str,
        name: &str,
        why: &str,
        out: &mut Vec<Action>,
    ) -> bool {
        if !self.peers.contains_key(name) {
            return false;
        }
        if self.is_started {
            // What is wanted stays wanted.
            self.tell(now, address, name, bgp::Event::Stopped { text: why.into() }, out);
            self.tell(now, address, name, bgp::Event::Started, out);
        }
        true
    }

    /// This host can serve what is announced, or not. Whether that is news.
    pub(crate) fn set_health(&mut self, now: Instant, address: &str, healthy: bool, out: &mut Vec<Action>) -> bool {
        if self.healthy == healthy {
            return false;
        }
        self.healthy = healthy;
        for name in self.names() {
            self.tell(now, address, &name, bgp::Event::Health { healthy }, out);
        }
        true
    }

    pub(crate) fn stop(&mut self, now: Instant, address: &str, text: &str, out: &mut Vec<Action>) {
        if !core::mem::take(&mut self.is_started) {
            return;
        }
        for name in self.names() {
            self.tell(now, address, &name, bgp::Event::Stopped { text: text.into() }, out);
            let state = self.peers[&name].peer.state();
            assert_eq!(state, bgp::State::Idle, "a session that is not wanted is Idle at once");
        }
    }

    /// Something happened to the session with this neighbour. `false`: there is none, or it is about a connection of an earlier one.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        address: &str,
        name: &str,
        event: bgp::Event,
        out: &mut Vec<Action>,
    ) -> bool {
        let Some(base) = self.peers.get(name).map(|session| session.base) else { return false };
        let Some(event) = within(event, base) else { return false };
        self.tell(now, address, name, event, out);
        true
    }

    pub(crate) fn wake(&mut self, now: Instant, address: &str, out: &mut Vec<Action>) {
        for name in self.names() {
            if let Some(session) = self.peers.get_mut(&name) {
                session.peer.wake(now);
            }
            self.collect(now, address, &name, out);
        }
    }

    pub(crate) fn deadline(&self) -> Option<(Instant, bgp::Timer)> {
        self.peers.values().map(|session| session.peer.deadline()).fold(None, soonest)
    }

    /// The greatest number that a connection had.
    pub(crate) const fn conns(&self) -> u64 {
        self.conns
    }

    /// Each with its name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Neighbor, &Peer)> {
        self.peers.iter().map(|(name, session)| (name, &session.neighbor, &session.peer))
    }

    fn names(&self) -> Vec<String> {
        self.peers.keys().cloned().collect()
    }

    fn tell(&mut self, now: Instant, address: &str, name: &str, event: bgp::Event, out: &mut Vec<Action>) {
        if let Some(session) = self.peers.get_mut(name) {
            session.peer.handle(now, event);
        }
        self.collect(now, address, name, out);
    }

    fn collect(&mut self, now: Instant, address: &str, name: &str, out: &mut Vec<Action>) {
        let Some(session) = self.peers.get_mut(name) else { return };
        while let Some(mut action) = session.peer.poll() {
            if let bgp::Action::Connect { conn, .. } | bgp::Action::Send { conn, .. } | bgp::Action::Close { conn } =
                &mut action
            {
                conn.0 += session.base;
                self.conns = self.conns.max(conn.0);
            }
            if let bgp::Action::StateChanged { from, to, why } = &action {
                match session.is_told(now, *from, *to, why) {
                    Some(times) if times > 1 => {
                        let text = format!("no session with {name}: {why} ({times} times since the last line)");
                        out.push(Action::Tell { address: address.into(), is_bad: true, text });
                        continue;
                    }
                    Some(_) => {}
                    None => continue,
                }
            }
            out.push(Action::Peer { address: address.into(), neighbor: name.into(), action });
        }
    }
}

impl Session {
    /// Whether a change of state is told, and how often it was not since the last time. Each of them while the session stands or comes to
    /// stand; of attempts that fail in a row the first, and then a line a minute: a route server may be gone for weeks.
    fn is_told(&mut self, now: Instant, from: bgp::State, to: bgp::State, why: &bgp::Why) -> Option<u64> {
        if to == bgp::State::Established {
            self.failing = Telling::default();
        }
        let is_failed_attempt = why.is_failure() && from != bgp::State::Established;
        let is_next_attempt = *why == bgp::Why::Retry && self.failing.has_told();
        match (is_failed_attempt, is_next_attempt) {
            (true, _) => self.failing.again(now),
            (false, true) => None,
            (false, false) => Some(1),
        }
    }
}

/// The event in the session's own numbers; `None`: of an earlier session.
fn within(mut event: bgp::Event, base: u64) -> Option<bgp::Event> {
    if let bgp::Event::Connected { conn, .. }
    | bgp::Event::Refused { conn, .. }
    | bgp::Event::Bytes { conn, .. }
    | bgp::Event::Sent { conn, .. }
    | bgp::Event::Closed { conn } = &mut event
    {
        *conn = Conn(conn.0.checked_sub(base).filter(|own| *own > 0)?);
    }
    Some(event)
}
