//! How a stock Sentinel watches: one connection for commands, one to listen to hellos, and what each answer tells.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use machine::Instant;
use sentinel::{Answer, Ask, InfoReport, Role};
use view::{Epoch, RunId};

use crate::ground::Ground;
use crate::network::{ConnId, Packet, Purpose, Side};
use crate::place::Place;
use crate::stock::Stock;

/// One connection, made again and again.
#[derive(Default)]
pub(super) struct Wire {
    conn: Option<ConnId>,
    pub(super) up: bool,
    asked: VecDeque<Ask>,
    made_at: Instant,
    tried_at: Option<Instant>,
}

/// When it was well last.
pub(super) struct Health {
    /// Since when an answer to a PING is missing.
    waiting_since: Option<Instant>,
    good_at: Instant,
    pub(super) pong_at: Instant,
    ping_at: Instant,
    pub(super) down_since: Option<Instant>,
    went_down_at: Option<Instant>,
}

/// A server, as it watches it.
pub(super) struct Watched {
    pub(super) wire: Wire,
    ear: Wire,
    heard_at: Instant,
    pub(super) health: Health,
    published_at: Option<Instant>,
    pub(super) info: Option<InfoReport>,
    pub(super) info_at: Option<Instant>,
    /// Since when it has said of itself what it says.
    pub(super) role_since: Instant,
    pub(super) follows_since: Instant,
}

/// Another Sentinel, ours or stock.
pub(super) struct Fellow {
    pub(super) addr: SocketAddr,
    pub(super) wire: Wire,
    pub(super) health: Health,
    published_at: Option<Instant>,
    /// Its last answer about the master: when, and whether down.
    pub(super) word: Option<(Instant, bool)>,
    pub(super) vote: Option<(RunId, Epoch)>,
}

impl Health {
    fn new(now: Instant) -> Self {
        Self {
            waiting_since: Some(now),
            good_at: now,
            pong_at: now,
            ping_at: now,
            down_since: None,
            went_down_at: None,
        }
    }

    fn on_answer(&mut self, now: Instant, answer: &Answer) {
        self.pong_at = now;
        if matches!(answer, Answer::Pong | Answer::Loading | Answer::MasterDown) {
            self.good_at = now;
            self.waiting_since = None;
        }
    }

    /// Whether it has been silent for longer than `patience`.
    pub(super) fn is_silent(&self, now: Instant, up: bool, patience: Duration) -> bool {
        let since = self.waiting_since.or_else(|| (!up).then_some(self.good_at));
        since.is_some_and(|since| now.since(since) > patience)
    }

    /// Notes a verdict. `true`: it is another than before.
    pub(super) fn is_now(&mut self, now: Instant, down: bool) -> bool {
        if down == self.down_since.is_some() {
            return false;
        }
        self.down_since = down.then_some(now);
        self.went_down_at = self.down_since.or(self.went_down_at);
        true
    }

    /// Whether it is up, and did not go down for so long.
    pub(super) fn was_up_for(&self, now: Instant, time: Duration) -> bool {
        self.down_since.is_none() && self.went_down_at.is_none_or(|at| now.since(at) > time)
    }
}

impl Watched {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            wire: Wire::default(),
            ear: Wire::default(),
            heard_at: now,
            health: Health::new(now),
            published_at: None,
            info: None,
            info_at: None,
            role_since: now,
            follows_since: now,
        }
    }

    pub(super) fn close(&mut self, g: &mut Ground) {
        self.wire.close(g);
        self.ear.close(g);
    }

    pub(super) fn role(&self) -> Option<Role> {
        self.info.as_ref().map(|i| i.role)
    }
}

impl Fellow {
    pub(super) fn new(addr: SocketAddr, now: Instant) -> Self {
        Self { addr, wire: Wire::default(), health: Health::new(now), published_at: None, word: None, vote: None }
    }
}

impl Wire {
    pub(super) fn send(&mut self, g: &mut Ground, ask: Ask) -> bool {
        let Some(conn) = self.conn.filter(|_| self.up && self.asked.len() < MAX_ASKED) else { return false };
        self.asked.push_back(ask.clone());
        g.send(conn, Side::Opener, Packet::Ask(ask));
        true
    }

    pub(super) fn close(&mut self, g: &mut Ground) {
        if let Some(conn) = self.conn.take() {
            g.send(conn, Side::Opener, Packet::Fin(sentinel::Fault::Closed));
            g.net.leave(conn, Side::Opener);
        }
        self.up = false;
        self.asked.clear();
    }

    /// Connects where there is no connection, at most once a period. `true`: it began to.
    fn connect(&mut self, g: &mut Ground, from: Place, to: SocketAddr) -> bool {
        if self.conn.is_some() || self.tried_at.is_some_and(|at| g.now.since(at) < PERIOD) {
            return false;
        }
        self.tried_at = Some(g.now);
        let Some(to) = Place::at(to).filter(|p| g.net.has(*p)) else { return false };
        let conn = g.net.open(from, to, Purpose::Stock);
        self.conn = Some(conn);
        self.up = false;
        self.made_at = g.now;
        g.send(conn, Side::Opener, Packet::Syn);
        g.connect_may_time_out(conn);
        true
    }

    fn is(&self, conn: ConnId) -> bool {
        self.conn == Some(conn)
    }

    fn lost(&mut self) {
        self.conn = None;
        self.up = false;
        self.asked.clear();
    }
}

impl Stock {
    /// Connects, pings, asks and says hello, as far as that is due.
    pub(super) fn watch_all(&mut self, g: &mut Ground) {
        let (me, hello) = (self.place(), self.hello());
        let ping_period = PERIOD.min(self.rules.down_after);
        let in_trouble = self.mind.odown || self.mind.failover.is_some();
        let (now, master) = (g.now, self.mind.master);
        for (addr, server) in &mut self.mind.servers {
            if server.wire.connect(g, me, *addr) {
                server.health.waiting_since.get_or_insert(now);
            }
            server.ear.connect(g, me, *addr);
            keep_alive(g, &mut server.wire, &mut server.health, ping_period, self.rules.down_after);
            if server.ear.up && now.since(server.heard_at) > 3 * PUBLISH_PERIOD {
                server.ear.close(g);
            }
            let link_down = server.info.as_ref().is_some_and(|i| i.role == Role::Replica && !i.link_up);
            let hurry = *addr != master && (in_trouble || link_down);
            let period = if hurry { INFO_HURRY } else { INFO_PERIOD };
            let due = server.info_at.is_none_or(|at| now.since(at) > period);
            if due && !server.wire.asked.iter().any(|a| matches!(a, Ask::Info)) {
                server.wire.send(g, Ask::Info);
            }
            publish(g, &mut server.wire, &mut server.published_at, &hello);
        }
        for fellow in self.mind.fellows.values_mut() {
            if fellow.wire.connect(g, me, fellow.addr) {
                fellow.health.waiting_since.get_or_insert(now);
            }
            keep_alive(g, &mut fellow.wire, &mut fellow.health, ping_period, self.rules.down_after);
            publish(g, &mut fellow.wire, &mut fellow.published_at, &hello);
        }
    }

    /// Hellos are due at once: a decision was made.
    pub(super) fn hello_now(&mut self) {
        self.mind.servers.values_mut().for_each(|s| s.published_at = None);
        self.mind.fellows.values_mut().for_each(|f| f.published_at = None);
    }

    /// Something came on a connection of its own.
    pub(super) fn on_wire(&mut self, g: &mut Ground, conn: ConnId, packet: Packet) {
        let now = g.now;
        if let Some((addr, server)) = self.mind.servers.iter_mut().find(|(_, s)| s.wire.is(conn) || s.ear.is(conn)) {
            let addr = *addr;
            let is_ear = server.ear.is(conn);
            let wire = if is_ear { &mut server.ear } else { &mut server.wire };
            match packet {
                Packet::SynAck => {
                    wire.up = true;
                    if is_ear {
                        server.heard_at = now;
                        wire.send(g, Ask::Subscribe);
                    } else {
                        wire.send(g, Ask::Ping);
                        server.health.ping_at = now;
                    }
                }
                Packet::Fin(_) => wire.lost(),
                Packet::Heard(text) => {
                    server.heard_at = now;
                    self.on_hello(g, &text);
                }
                Packet::Answer(answer) => {
                    let Some(ask) = wire.asked.pop_front() else { return };
                    if matches!(ask, Ask::Ping) {
                        server.health.on_answer(now, &answer);
                    }
                    if let Answer::Info(info) = answer {
                        self.on_info(g, addr, *info);
                    }
                }
                _ => {}
            }
        } else if let Some((id, fellow)) = self.mind.fellows.iter_mut().find(|(_, f)| f.wire.is(conn)) {
            match packet {
                Packet::SynAck => {
                    fellow.wire.up = true;
                    fellow.wire.send(g, Ask::Ping);
                    fellow.health.ping_at = now;
                }
                Packet::Fin(_) => fellow.wire.lost(),
                Packet::Answer(answer) => match (fellow.wire.asked.pop_front(), answer) {
                    (Some(Ask::Ping), answer) => fellow.health.on_answer(now, &answer),
                    (Some(Ask::IsMasterDown { .. }), Answer::Vote { down, leader, epoch }) => {
                        let id = id.clone();
                        self.on_word(now, &id, down, leader, epoch);
                    }
                    _ => {}
                },
                _ => {}
            }
        }
    }

    fn on_info(&mut self, g: &mut Ground, addr: SocketAddr, info: InfoReport) {
        let now = g.now;
        let Some(server) = self.mind.servers.get_mut(&addr) else { return };
        server.info_at = Some(now);
        if info.loading {
            return;
        }
        if server.role() != Some(info.role) {
            server.role_since = now;
        }
        if server.info.as_ref().and_then(|i| i.master) != info.master {
            server.follows_since = now;
        }
        let replicas = info.replicas.clone();
        let role = info.role;
        server.info = Some(info);
        if role == Role::Master && addr == self.mind.master {
            for replica in replicas {
                self.mind.servers.entry(replica).or_insert_with(|| Watched::new(now));
            }
            self.save();
        }
        if self.mind.tilt_since.is_none() {
            self.on_role_seen(g, addr);
        }
    }
}

fn keep_alive(g: &mut Ground, wire: &mut Wire, health: &mut Health, period: Duration, down_after: Duration) {
    let now = g.now;
    let unanswered = health.waiting_since.is_some_and(|at| now.since(at) > down_after / 2);
    if wire.up && unanswered && now.since(wire.made_at) > RECONNECT {
        wire.close(g);
        return;
    }
    if now.since(health.pong_at) > period && now.since(health.ping_at) > period / 2 && wire.send(g, Ask::Ping) {
        health.ping_at = now;
        health.waiting_since.get_or_insert(now);
    }
}

fn publish(g: &mut Ground, wire: &mut Wire, published_at: &mut Option<Instant>, hello: &str) {
    let due = published_at.is_none_or(|at| g.now.since(at) > PUBLISH_PERIOD);
    if due && wire.send(g, Ask::Hello { text: hello.into() }) {
        *published_at = Some(g.now);
    }
}

/// `PING-PERIOD`, and between two attempts to connect.
pub(super) const PERIOD: Duration = Duration::from_secs(1);

/// `INFO-PERIOD`, and while something is wrong.
pub(super) const INFO_PERIOD: Duration = Duration::from_secs(10);
const INFO_HURRY: Duration = Duration::from_secs(1);

/// `PUBLISH-PERIOD`.
pub(super) const PUBLISH_PERIOD: Duration = Duration::from_secs(2);

/// `MIN-LINK-RECONNECT-PERIOD`.
const RECONNECT: Duration = Duration::from_secs(15);

/// Unanswered commands on one connection.
const MAX_ASKED: usize = 100;
