//! How a modelled Redis follows another: partial resynchronisation where the histories meet, else everything anew.

use std::net::SocketAddr;
use std::time::Duration;

use machine::Instant;
use view::RunId;

use crate::ground::Ground;
use crate::network::{ConnId, Packet, Purpose, Side};
use crate::place::{Place, name_of};
use crate::redis::{NOWHERE, Redis, WriteId};
use crate::saboteur::Saboteur;

/// One entry of the replication stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    /// A write.
    Write(WriteId),
    /// A message of the hello channel.
    Publish(String),
    /// A sign of life.
    Ping,
}

impl Fed {
    /// Bytes in the stream.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Write(id) => 60 + id % 40,
            Self::Publish(text) => 50 + text.len() as u64,
            Self::Ping => 14,
        }
    }
}

/// A place in a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sync {
    pub(crate) history: Option<RunId>,
    pub(crate) offset: u64,
}

/// A whole data set, at a place in a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) history: RunId,
    pub(crate) offset: u64,
    pub(crate) data: Vec<WriteId>,
}

/// A replica's side of following.
#[derive(Debug, Default)]
pub(crate) struct Following {
    pub(crate) conn: Option<ConnId>,
    /// `master_link_status:up`.
    pub(crate) is_up: bool,
    /// When it lost its master; `None`: it hears it, or never did.
    pub(crate) down_since: Option<Instant>,
    /// Redis's cached master: offset and history name a place that can be gone on from.
    pub(crate) place_known: bool,
    heard_at: Instant,
    tried_at: Instant,
}

/// How often a replica tries to connect.
const RETRY: Duration = Duration::from_secs(1);

impl Redis {
    /// `REPLICAOF`: keeps data, offset and history.
    pub(crate) fn set_master(&mut self, g: &mut Ground, master: SocketAddr) {
        if self.master == Some(master) {
            return;
        }
        if g.is_sabotaged_by(Saboteur::RedisIgnoresDemotion) && self.master.is_none() {
            return;
        }
        if self.master.is_none() {
            // A former master is its own cached master: it may go on from its own stream.
            self.following.place_known = true;
        }
        if let Some(conn) = self.following.conn {
            self.hang_up(g, conn);
        }
        self.following.conn = None;
        if self.following.is_up {
            self.following.down_since = Some(g.now);
        }
        self.following.is_up = false;
        if self.is_sealed() {
            g.coverage.mark("redis: released from a seal");
        }
        self.master = Some(master);
        // Its own replicas stay connected: they hear nothing until it has a master, and may go on with it then.
        g.note(self.place, || format!("follows {} {}", name_of(master), self.describe()));
        self.connect(g);
    }

    /// What its timer does about its master.
    pub(crate) fn follow(&mut self, g: &mut Ground) {
        if self.master.is_none() || self.is_loading(g.now) {
            return;
        }
        let silent = g.now.since(self.following.heard_at) > self.settings.repl_timeout;
        if let Some(conn) = self.following.conn
            && silent
        {
            self.hang_up(g, conn);
            self.lose_master(g);
        } else if self.following.conn.is_none() && g.now >= self.following.tried_at + RETRY {
            self.connect(g);
        }
    }

    fn connect(&mut self, g: &mut Ground) {
        self.following.tried_at = g.now;
        self.following.heard_at = g.now;
        let Some(target) = self.master.filter(|m| *m != NOWHERE).and_then(Place::at) else {
            return;
        };
        let conn = g.net.open(self.place, target, Purpose::Replication);
        self.following.conn = Some(conn);
        g.send(conn, Side::Opener, Packet::Syn);
    }

    pub(crate) fn lose_master(&mut self, g: &mut Ground) {
        self.following.conn = None;
        if self.following.is_up {
            self.following.is_up = false;
            self.following.down_since = Some(g.now);
            g.note(self.place, || format!("lost its master {}", self.describe()));
            // Redis tries again at once, then every second.
            self.connect(g);
        }
    }

    /// What comes on the connection to the master.
    pub(crate) fn on_stream(&mut self, g: &mut Ground, conn: ConnId, packet: Packet) {
        if self.following.conn != Some(conn) {
            return;
        }
        self.following.heard_at = g.now;
        if let Some(master) = self.master.filter(|_| self.following.is_up) {
            g.judge.heard_master(g.now, self.place.addr(), master);
        }
        match packet {
            Packet::SynAck => {
                let history = self.following.place_known.then(|| self.history.clone());
                g.send(conn, Side::Opener, Packet::Psync(Sync { history, offset: self.offset }));
            }
            Packet::Continue(at) => {
                if let Some(history) = at.history
                    && history != self.history
                {
                    self.before = Some((std::mem::replace(&mut self.history, history), self.offset));
                    self.drop_replicas(g);
                }
                self.following.is_up = true;
                self.following.down_since = None;
                g.coverage.mark("redis: partial resynchronisation");
                g.note(self.place, || format!("goes on {}", self.describe()));
            }
            // Its place is forgotten at once; the old data stays until the new is there.
            Packet::FullBegins => self.following.place_known = false,
            Packet::Full(all) => {
                let lost = self.data.len();
                self.history = all.history;
                self.before = None;
                self.offset = all.offset;
                self.backlog.clear();
                self.backlog_from = self.offset;
                self.has = all.data.iter().copied().collect();
                self.data = all.data;
                self.following.is_up = true;
                self.following.down_since = None;
                self.following.place_known = true;
                self.drop_replicas(g);
                g.coverage.mark("redis: full resynchronisation");
                g.note(self.place, || format!("replaced its {lost} writes {}", self.describe()));
            }
            Packet::Feed { end, what } if self.following.is_up => self.take_in(g, end, what),
            Packet::NoMasterLink => {
                self.hang_up(g, conn);
                self.following.conn = None;
            }
            _ => {}
        }
    }

    /// A replica asks to follow.
    pub(crate) fn on_psync(&mut self, g: &mut Ground, conn: ConnId, has: &Sync) {
        let Some(addr) = g.net.conn(conn).map(|c| c.opener.addr()) else {
            return;
        };
        if self.is_loading(g.now) || (self.master.is_some() && !self.following.is_up) {
            g.send(conn, Side::Taker, Packet::NoMasterLink);
            return;
        }
        self.replicas.insert(conn, addr);
        let here = Sync { history: Some(self.history.clone()), offset: self.offset };
        if self.may_continue(has) {
            g.send(conn, Side::Taker, Packet::Continue(here));
            for (end, what) in self.backlog.iter().filter(|(end, _)| *end > has.offset) {
                g.send(conn, Side::Taker, Packet::Feed { end: *end, what: what.clone() });
            }
        } else {
            let all = Snapshot { history: self.history.clone(), offset: self.offset, data: self.data.clone() };
            g.send(conn, Side::Taker, Packet::FullBegins);
            let time = g.between(self.settings.sync_time / 2, self.settings.sync_time);
            g.send_slowly(conn, Side::Taker, Packet::Full(Box::new(all)), time);
        }
    }

    fn may_continue(&self, has: &Sync) -> bool {
        let Some(history) = &has.history else { return false };
        let known = *history == self.history && has.offset <= self.offset
            || self.before.as_ref().is_some_and(|(id, end)| id == history && has.offset <= *end);
        known && has.offset >= self.backlog_from
    }
}
