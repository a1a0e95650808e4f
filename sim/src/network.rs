//! How packets travel: one path per direction and pair, connections on top that behave as TCP's do.
//!
//! ```text
//!   opener ── Syn ──> taker        path cut:     packets are lost, and sent again once it is whole
//!          <─ SynAck ──            nobody there: Refused; host gone: silence
//!          ── 1 2 3 ──>            in order or not at all
//!          <── Fin ──              Closed or Reset, behind what was sent before it
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Instant, Rng};
use sentinel::{Answer, Ask, Fault, LinkId};

use crate::client::Command;
use crate::place::Place;
use crate::redis::{Fed, Snapshot, Sync};

/// One connection for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnId(pub(crate) u64);

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Who connected.
    Opener,
    /// Who accepted.
    Taker,
}

impl Side {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Opener => Self::Taker,
            Self::Taker => Self::Opener,
        }
    }
}

/// What travels.
#[derive(Clone, Debug)]
pub(crate) enum Packet {
    /// May I connect?
    Syn,
    /// You are connected.
    SynAck,
    /// It ended, and how the receiver's kernel words it.
    Fin(Fault),
    /// A node's command.
    Ask(Ask),
    /// Its answer.
    Answer(Answer),
    /// A message of the hello channel.
    Heard(String),
    /// A replica wants to follow: what it has.
    Psync(Sync),
    /// It may go on from where it is, under this history.
    Continue(Sync),
    /// It will get everything anew.
    FullBegins,
    /// Everything.
    Full(Box<Snapshot>),
    /// It cannot be served now.
    NoMasterLink,
    /// The replication stream.
    Feed {
        /// Where the stream stands after it.
        end: u64,
        /// What it says.
        what: Fed,
    },
    /// Bytes between a session and a server.
    Bytes(Vec<u8>),
    /// A client's command, found in such bytes.
    Command(Command),
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A machine's link.
    Link(LinkId),
    /// A replica's connection to its master.
    Replication,
    /// A client's requests.
    Client(usize),
    /// A stock Sentinel's wire.
    Stock,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) opener: Place,
    pub(crate) taker: Place,
    pub(crate) purpose: Purpose,
    /// Whether each side still has it.
    pub(crate) open: [bool; 2],
    /// Whether the taker's kernel accepted it.
    pub(crate) established: bool,
    lanes: [Lane; 2],
}

/// One direction of a connection, towards a side.
#[derive(Debug, Default)]
struct Lane {
    sent: u64,
    taken: u64,
    last_arrival: Instant,
    /// Sent into a cut path: sent again when it is whole.
    lost: Vec<(u64, Packet)>,
    /// Came before what was sent before it.
    early: BTreeMap<u64, Packet>,
}

/// What a slow path adds to every packet, at least; at most twice that.
const SLOW: Duration = Duration::from_millis(200);

/// Outside of the order: what kernels say.
pub(crate) const UNORDERED: u64 = u64::MAX;

/// One direction between two places.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// What every packet takes.
    pub(crate) latency: Duration,
    /// What some take more.
    pub(crate) jitter: Duration,
    /// How many faults cut it at present.
    pub(crate) cuts: u32,
    /// How many faults slow it down at present.
    pub(crate) slow: u32,
    /// A connection attempt into the cut path is answered by a router, not by silence.
    pub(crate) unreachable: bool,
}

/// All paths and connections.
pub(crate) struct Network {
    nodes: usize,
    servers: usize,
    places: usize,
    paths: Vec<Path>,
    conns: BTreeMap<ConnId, Conn>,
    opened: u64,
}

impl Network {
    pub(crate) fn new(nodes: usize, servers: usize, stocks: usize, mut path: impl FnMut() -> Path) -> Self {
        let places = nodes + servers + stocks;
        let paths = (0..places * places).map(|_| path()).collect();
        Self { nodes, servers, places, paths, conns: BTreeMap::new(), opened: 0 }
    }

    const fn index(&self, place: Place) -> usize {
        match place {
            Place::Node(i) => i,
            Place::Server(i) => self.nodes + i,
            Place::Stock(i) => self.nodes + self.servers + i,
        }
    }

    pub(crate) fn path(&self, from: Place, to: Place) -> &Path {
        &self.paths[self.index(from) * self.places + self.index(to)]
    }

    pub(crate) fn path_mut(&mut self, from: Place, to: Place) -> &mut Path {
        let i = self.index(from) * self.places + self.index(to);
        &mut self.paths[i]
    }

    pub(crate) fn is_cut(&self, from: Place, to: Place) -> bool {
        from != to && self.path(from, to).cuts > 0
    }

    /// Whether there is such a place.
    pub(crate) const fn has(&self, place: Place) -> bool {
        match place {
            Place::Node(i) => i < self.nodes,
            Place::Server(i) => i < self.servers,
            Place::Stock(i) => self.nodes + self.servers + i < self.places,
        }
    }

    pub(crate) fn conn(&self, id: ConnId) -> Option<&Conn> {
        self.conns.get(&id)
    }

    /// A new connection; its `Syn` has yet to be sent.
    pub(crate) fn open(&mut self, opener: Place, taker: Place, purpose: Purpose) -> ConnId {
        self.opened += 1;
        let id = ConnId(self.opened);
        self.conns.insert(
            id,
            Conn {
                opener,
                taker,
                purpose,
                open: [true, false],
                established: false,
                lanes: [Lane::default(), Lane::default()],
            },
        );
        id
    }

    /// When a packet sent now arrives, if nothing is in its way; `None`: there is no such connection any more.
    pub(crate) fn dispatch(
        &mut self,
        now: Instant,
        id: ConnId,
        from: Side,
        extra: Duration,
        rng: &mut Rng,
    ) -> Option<(Instant, u64)> {
        let conn = self.conns.get(&id)?;
        let (a, b) = (conn.place(from), conn.place(from.other()));
        let wait = self.travel(a, b, rng) + extra;
        let lane = &mut self.conns.get_mut(&id)?.lanes[from.other() as usize];
        let when = (now + wait).max(lane.last_arrival);
        lane.last_arrival = when;
        let seq = lane.sent;
        lane.sent += 1;
        Some((when, seq))
    }

    /// How long one packet takes.
    pub(crate) fn travel(&self, from: Place, to: Place, rng: &mut Rng) -> Duration {
        if from == to {
            return Duration::from_micros(20);
        }
        let path = self.path(from, to);
        let mut wait = path.latency + rng.jitter(path.jitter);
        if path.slow > 0 {
            wait = wait * 20 + SLOW + rng.jitter(SLOW);
        }
        wait
    }

    /// Takes in a packet that reached the end of its path: gives what may be read there, in order.
    pub(crate) fn arrive(&mut self, id: ConnId, to: Side, seq: u64, packet: Packet) -> Vec<Packet> {
        let Some(conn) = self.conns.get(&id) else {
            return Vec::new();
        };
        let (a, b) = (conn.place(to.other()), conn.place(to));
        let cut = self.is_cut(a, b);
        let Some(conn) = self.conns.get_mut(&id) else {
            return Vec::new();
        };
        let lane = &mut conn.lanes[to as usize];
        if cut {
            lane.lost.push((seq, packet));
            return Vec::new();
        }
        if seq == UNORDERED {
            return vec![packet];
        }
        if seq != lane.taken {
            lane.early.insert(seq, packet);
            return Vec::new();
        }
        let mut out = vec![packet];
        lane.taken += 1;
        while let Some(next) = lane.early.remove(&lane.taken) {
            out.push(next);
            lane.taken += 1;
        }
        out
    }

    /// A packet that nobody confirmed.
    pub(crate) fn lose(&mut self, id: ConnId, to: Side, seq: u64, packet: Packet) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.lanes[to as usize].lost.push((seq, packet));
        }
    }

    /// A path became whole: what was lost on it is sent again.
    pub(crate) fn lost_on(&mut self, from: Place, to: Place) -> Vec<(ConnId, Side, u64, Packet)> {
        let mut out = Vec::new();
        for (id, conn) in &mut self.conns {
            for side in [Side::Opener, Side::Taker] {
                if conn.place(side) == to && conn.place(side.other()) == from {
                    let lost = std::mem::take(&mut conn.lanes[side as usize].lost);
                    out.extend(lost.into_iter().map(|(seq, packet)| (*id, side, seq, packet)));
                }
            }
        }
        out
    }

    /// The taker's kernel accepted.
    pub(crate) fn accept(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.established = true;
            conn.open[Side::Taker as usize] = true;
        }
    }

    /// One side has no part in it any more. When both have none, it is forgotten.
    pub(crate) fn leave(&mut self, id: ConnId, side: Side) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.open[side as usize] = false;
        if !conn.open[side.other() as usize] && (conn.established || side == Side::Opener) {
            self.conns.remove(&id);
        }
    }

    /// The connections of a place, with its side in each.
    pub(crate) fn of(&self, place: Place) -> Vec<(ConnId, Side)> {
        let mut out = Vec::new();
        for (id, conn) in &self.conns {
            for side in [Side::Opener, Side::Taker] {
                if conn.place(side) == place {
                    out.push((*id, side));
                }
            }
        }
        out
    }
}

impl Conn {
    pub(crate) const fn place(&self, side: Side) -> Place {
        match side {
            Side::Opener => self.opener,
            Side::Taker => self.taker,
        }
    }

    pub(crate) const fn has(&self, side: Side) -> bool {
        self.open[side as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network() -> (Network, ConnId) {
        let mut net = Network::new(1, 1, 0, || Path {
            latency: Duration::from_millis(1),
            jitter: Duration::ZERO,
            cuts: 0,
            slow: 0,
            unreachable: false,
        });
        let id = net.open(Place::Node(0), Place::Server(0), Purpose::Replication);
        (net, id)
    }

    fn pings(packets: &[Packet]) -> usize {
        packets.iter().filter(|p| matches!(p, Packet::Ask(Ask::Ping))).count()
    }

    #[test]
    fn what_comes_early_waits_for_what_was_sent_before_it() {
        let (mut net, id) = network();
        assert_eq!(pings(&net.arrive(id, Side::Taker, 1, Packet::Ask(Ask::Ping))), 0);
        assert_eq!(pings(&net.arrive(id, Side::Taker, 0, Packet::Ask(Ask::Ping))), 2);
    }

    #[test]
    fn what_a_cut_path_lost_is_sent_again() {
        let (mut net, id) = network();
        net.path_mut(Place::Node(0), Place::Server(0)).cuts = 1;
        assert_eq!(pings(&net.arrive(id, Side::Taker, 0, Packet::Ask(Ask::Ping))), 0);
        assert_eq!(net.lost_on(Place::Node(0), Place::Server(0)).len(), 1);
    }
}
