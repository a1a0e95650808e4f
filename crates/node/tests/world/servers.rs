//! Route servers, and the sessions of hosts with them. They speak no more BGP than a host of ours needs: whether its messages are right is for
//! the tests of `bgp`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bgp::message::{Capability, Open, keepalive};
use bgp::{Action, Conn, Event, Family};
use machine::Instant;

use super::judge::Invariant;
use super::plan::{HOLD, SERVERS, SERVERS_AS, held, own};
use super::{Coming, Saboteur, World};

/// A route server.
pub(super) struct Server {
    pub(super) works: bool,
    /// Connections that a host wants, or has.
    wanted: BTreeMap<usize, Line>,
    sessions: BTreeMap<usize, Session>,
    /// Whom it leads clients to.
    pub(super) routes: BTreeSet<usize>,
}

struct Session {
    line: Line,
    to_server: VecDeque<Vec<u8>>,
    to_host: VecDeque<Vec<u8>>,
    heard: Instant,
    is_open: bool,
}

/// A connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    host: usize,
    process: u64,
    server: usize,
    conn: Conn,
}

/// Where bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Toward {
    Server,
    Host,
}

impl Server {
    pub(super) const fn new() -> Self {
        Self { works: true, wanted: BTreeMap::new(), sessions: BTreeMap::new(), routes: BTreeSet::new() }
    }

    fn session(&mut self, line: Line) -> Option<&mut Session> {
        self.sessions.get_mut(&line.host).filter(|session| session.line == line)
    }
}

impl World {
    pub(super) fn on_peer(&mut self, host: usize, neighbor: &str, action: Action) {
        let server: usize = neighbor.parse().expect("servers are numbers");
        let line = |conn| Line { host, process: self.hosts[host].process, server, conn };
        match action {
            Action::Connect { conn, .. } => {
                let line = line(conn);
                self.servers[server].wanted.insert(host, line);
                let at = self.now + self.delay();
                self.comes(at, Coming::Attempt(line));
            }
            Action::Send { conn, bytes } => {
                let line = line(conn);
                let is_announced = messages(&bytes).any(|message| told(message) == Some(true));
                // What the kernel refuses, or has ended while the process stood still, it is about to say.
                let it = &self.hosts[host];
                let is_about_to_say = it.refuses || self.now.since(it.sound) < AGAIN;
                if is_announced && !it.kernel.contains_key(&held(0)) && !is_about_to_say {
                    self.judge.breaks(Invariant::A8, self.now, format!("{host} announces what it does not hold"));
                }
                let sent = bytes.len();
                self.say(line, Toward::Server, bytes);
                self.happens(line, Event::Sent { conn, bytes: sent }, Duration::ZERO);
            }
            // The end comes behind everything that was sent.
            Action::Close { conn } => {
                let line = line(conn);
                self.servers[server].wanted.remove(&host);
                self.say(line, Toward::Server, Vec::new());
            }
            Action::Told { announced, withdrawn } => {
                self.seen.announced += announced as u64;
                self.seen.withdrawn += withdrawn as u64;
            }
            Action::StateChanged { .. } | Action::Untold { .. } => {}
        }
    }

    /// A connection is asked for.
    pub(super) fn attempt(&mut self, line: Line) {
        let Line { host, server, conn, .. } = line;
        let is_wanted = self.servers[server].wanted.get(&host) == Some(&line);
        if !is_wanted || !self.is_process(host, line.process) || !self.hosts[host].has_link[0] {
            return;
        }
        if !self.servers[server].works {
            return self.happens(line, Event::Refused { conn, why: "connection refused".into() }, Duration::ZERO);
        }
        // Another one of this host is one that the server takes for dead.
        self.end(host, server);
        let session =
            Session { line, to_server: VecDeque::new(), to_host: VecDeque::new(), heard: self.now, is_open: false };
        self.servers[server].sessions.insert(host, session);
        self.happens(line, Event::Connected { conn, local: own(0, host) }, Duration::ZERO);
        self.comes(self.now + BEAT, Coming::Beat(line));
    }

    fn say(&mut self, line: Line, toward: Toward, bytes: Vec<u8>) {
        let Some(session) = self.servers[line.server].session(line) else { return };
        match toward {
            Toward::Server => session.to_server.push_back(bytes),
            Toward::Host => session.to_host.push_back(bytes),
        }
        let at = self.now + self.delay();
        self.comes(at, Coming::Flow(line, toward));
    }

    /// The next bytes arrive, in order, as soon as there is a link.
    pub(super) fn flow(&mut self, line: Line, toward: Toward) {
        if !self.hosts[line.host].has_link[0] {
            return self.comes(self.now + AGAIN, Coming::Flow(line, toward));
        }
        let Some(session) = self.servers[line.server].session(line) else { return };
        match toward {
            Toward::Host => {
                let bytes = session.to_host.pop_front().expect("each has its own turn");
                self.happens(line, Event::Bytes { conn: line.conn, bytes }, Duration::ZERO);
            }
            Toward::Server => {
                let bytes = session.to_server.pop_front().expect("each has its own turn");
                session.heard = self.now;
                if bytes.is_empty() {
                    return self.end(line.host, line.server);
                }
                messages(&bytes).for_each(|message| self.hear(line, message));
            }
        }
    }

    fn hear(&mut self, line: Line, message: &[u8]) {
        match (message[18], told(message)) {
            (OPEN, _) => {
                if let Some(session) = self.servers[line.server].session(line) {
                    session.is_open = true;
                }
                self.say(line, Toward::Host, [open().to_bytes(), keepalive()].concat());
            }
            (_, Some(true)) if self.saboteur != Some(Saboteur::RoutesLost) => {
                self.servers[line.server].routes.insert(line.host);
            }
            (_, Some(false)) => self.forget(line.host, line.server),
            (NOTIFICATION, _) => self.end(line.host, line.server),
            _ => {}
        }
    }

    /// The server looks whether the host is there, and says that it is.
    pub(super) fn beat(&mut self, line: Line) {
        let now = self.now;
        let Some(session) = self.servers[line.server].session(line) else { return };
        if now.since(session.heard) > HOLD {
            self.end(line.host, line.server);
            return self.happens(line, Event::Closed { conn: line.conn }, self.plan.delay);
        }
        if session.is_open {
            self.say(line, Toward::Host, keepalive());
        }
        self.comes(now + BEAT, Coming::Beat(line));
    }

    /// A route server works again, or all its sessions end.
    pub(super) fn serve(&mut self, server: usize, works: bool) {
        self.servers[server].works = works;
        let lines: Vec<Line> = self.servers[server].sessions.values().map(|session| session.line).collect();
        for line in lines.into_iter().filter(|_| !works) {
            self.end(line.host, server);
            self.happens(line, Event::Closed { conn: line.conn }, self.plan.delay);
        }
    }

    /// The process of a host is gone: its kernel says so.
    pub(super) fn end_sessions(&mut self, host: usize) {
        for server in 0..self.servers.len() {
            if let Some(line) = self.servers[server].sessions.get(&host).map(|session| session.line) {
                self.say(line, Toward::Server, Vec::new());
            }
        }
    }

    /// An operator has the sessions of a host begin anew: the next attempt may be a minute away.
    pub(super) fn renew_sessions(&mut self, host: usize) {
        for server in 0..self.servers.len() {
            let event = node::Event::Rekeyed { address: Self::name(0), neighbor: server.to_string() };
            self.tell(host, event);
        }
    }

    fn end(&mut self, host: usize, server: usize) {
        self.servers[server].sessions.remove(&host);
        self.forget(host, server);
    }

    fn forget(&mut self, host: usize, server: usize) {
        if self.saboteur != Some(Saboteur::RoutesStay) {
            self.servers[server].routes.remove(&host);
        }
    }

    /// The host's driver is told, unless there is no link to tell it over.
    fn happens(&mut self, line: Line, event: Event, after: Duration) {
        let is_own = matches!(event, Event::Sent { .. });
        if self.hosts[line.host].has_link[0] || is_own {
            let (address, neighbor) = (Self::name(0), line.server.to_string());
            let event = node::Event::Peer { address, neighbor, event };
            self.comes(self.now + after, Coming::Event { host: line.host, process: line.process, event });
        }
    }

    pub(super) fn make_servers(has_routes: bool) -> Vec<Server> {
        (0..SERVERS).filter(|_| has_routes).map(|_| Server::new()).collect()
    }
}

/// Whole messages, one after the other.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = u16::from_be_bytes([*bytes.get(16)?, *bytes.get(17)?]);
        let (message, rest) = bytes.split_at(length.into());
        bytes = rest;
        Some(message)
    })
}

/// Whether an UPDATE of the one route there is announces it, or withdraws it.
fn told(message: &[u8]) -> Option<bool> {
    let body = message.get(19..).filter(|_| message[18] == UPDATE)?;
    let withdrawn = usize::from(u16::from_be_bytes([body[0], body[1]]));
    Some(withdrawn == 0)
}

fn open() -> Open {
    Open {
        my_as: u16::try_from(SERVERS_AS).expect("a small one"),
        hold_time: u16::try_from(HOLD.as_secs()).expect("three"),
        identifier: [192, 0, 2, 1].into(),
        capabilities: vec![
            Capability::Multiprotocol(Family::Ipv4),
            Capability::RouteRefresh,
            Capability::FourOctetAs(SERVERS_AS),
        ],
    }
}

const OPEN: u8 = 1;
const UPDATE: u8 = 2;
const NOTIFICATION: u8 = 3;
/// A third of the hold time.
pub(super) const BEAT: Duration = Duration::from_secs(1);
/// How soon a kernel sends again what has not arrived.
pub(super) const AGAIN: Duration = Duration::from_millis(50);
