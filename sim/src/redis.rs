//! A Redis server as the decisions see it: role, run id, replication history, offset, and an ordered list of writes.
//!
//! What it models was read from Redis 7.0: a promotion shifts the replication id; a demotion keeps data and offset;
//! `PUBLISH` travels down the replication stream and is held by `CLIENT PAUSE … WRITE` like a write; a restarted server
//! has the role of its last `CONFIG REWRITE`. How it follows another: `replication`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use machine::{Instant, Rng};
use sentinel::{Answer, Ask, Fault, InfoReport, Role};
use view::{Offset, RunId};

use crate::busy::Busy;
use crate::client::{Command, Outcome};
use crate::ground::{Ground, Happening};
use crate::invariants::Invariant;
use crate::network::{ConnId, Packet, Side};
use crate::place::{Place, name_of};
use crate::replication::Following;
use crate::saboteur::Saboteur;

pub(crate) use crate::replication::{Fed, Snapshot, Sync};

/// Names one write for ever.
pub(crate) type WriteId = u64;

/// Where nobody listens: whom a sealed server follows.
pub(crate) const NOWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

/// Whether a process is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// It runs.
    Up,
    /// It is stopped by a signal or its host sleeps: its kernel may still accept, nothing is read.
    Frozen,
    /// There is no process; the kernel refuses.
    Dead,
    /// There is no host; nothing answers.
    HostGone,
}

/// What an operator told a server.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The lower, the sooner promoted; 0: never.
    pub(crate) priority: u32,
    /// Silence after which a replica gives its master up.
    pub(crate) repl_timeout: Duration,
    /// What a full synchronisation takes.
    pub(crate) sync_time: Duration,
    /// What reading the data takes at a start.
    pub(crate) load_time: Duration,
    /// How often the data is written to disk; zero: with each write.
    pub(crate) save_every: Duration,
}

/// What a starting server finds on its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finds {
    /// What it wrote last.
    Data,
    /// The same, and so much of it that reading takes long.
    DataSlowly,
    /// An older snapshot: somebody restored a backup, or the newer file was damaged.
    Older,
    /// An empty directory.
    Nothing,
}

/// A modelled Redis server.
pub(crate) struct Redis {
    pub(crate) place: Place,
    pub(crate) group: usize,
    pub(crate) settings: Settings,
    pub(crate) life: Life,
    /// Counts the processes, so that the timers of a dead one are known.
    pub(crate) nr: u32,
    pub(crate) run_id: RunId,
    /// Whom it follows; `None`: it is a master.
    pub(crate) master: Option<SocketAddr>,
    /// `master_replid`.
    pub(crate) history: RunId,
    /// `master_replid2` and `second_repl_offset`.
    pub(crate) before: Option<(RunId, u64)>,
    /// How far its stream has come.
    pub(crate) offset: u64,
    /// The stream from here on is kept.
    pub(crate) backlog_from: u64,
    pub(crate) backlog: VecDeque<(u64, Fed)>,
    /// The data, in the order in which it was written.
    pub(crate) data: Vec<WriteId>,
    pub(crate) has: BTreeSet<WriteId>,
    pub(crate) following: Following,
    pub(crate) replicas: BTreeMap<ConnId, SocketAddr>,
    subscribers: BTreeSet<ConnId>,
    loading_until: Instant,
    pub(crate) paused_until: Option<Instant>,
    /// Held by the pause, with everything that came after it on the same connection.
    held: VecDeque<(ConnId, Packet)>,
    held_conns: BTreeSet<ConnId>,
    inputs: BTreeMap<ConnId, Input>,
    /// What `CONFIG REWRITE` wrote last: its role after a restart.
    configured: Option<SocketAddr>,
    saved: Snapshot,
    saved_at: Instant,
    /// A snapshot of some time ago.
    older: Snapshot,
    older_at: Instant,
    /// A script that keeps it from everything else.
    pub(crate) busy: Option<Busy>,
    /// What came while it was frozen.
    pub(crate) inbox: VecDeque<(ConnId, Side, Packet)>,
    fed_at: Instant,
}

/// What a client sent and is not a whole command yet.
#[derive(Default)]
struct Input {
    bytes: Vec<u8>,
    scanner: resp::RequestScanner,
}

/// The stream's bookkeeping beyond this is dropped, oldest first: `repl-backlog-size`, in entries.
const BACKLOG: usize = 4_000;

/// How often a master says something to its replicas: `repl-ping-replica-period` is 10 s; shorter finds more.
const FEED_PING: Duration = Duration::from_secs(2);

const CRON: Duration = Duration::from_millis(100);

/// How often a snapshot is put aside, to be restored by mistake.
const OLDER: Duration = Duration::from_secs(4);

/// What reading much data takes.
const SLOW_LOAD: Duration = Duration::from_secs(7);

impl Redis {
    pub(crate) fn new(i: usize, group: usize, settings: Settings, master: Option<SocketAddr>, rng: &mut Rng) -> Self {
        let id = crate::ground::new_id(rng);
        Self {
            place: Place::Server(i),
            group,
            settings,
            life: Life::Dead,
            nr: 0,
            run_id: id.clone(),
            master,
            history: id.clone(),
            before: None,
            offset: 0,
            backlog_from: 0,
            backlog: VecDeque::new(),
            data: Vec::new(),
            has: BTreeSet::new(),
            following: Following::default(),
            replicas: BTreeMap::new(),
            subscribers: BTreeSet::new(),
            loading_until: Instant::START,
            paused_until: None,
            held: VecDeque::new(),
            held_conns: BTreeSet::new(),
            inputs: BTreeMap::new(),
            configured: master,
            saved: Snapshot { history: id.clone(), offset: 0, data: Vec::new() },
            saved_at: Instant::START,
            older: Snapshot { history: id, offset: 0, data: Vec::new() },
            older_at: Instant::START,
            busy: None,
            inbox: VecDeque::new(),
            fed_at: Instant::START,
        }
    }

    pub(crate) const fn index(&self) -> usize {
        match self.place {
            Place::Server(i) | Place::Node(i) | Place::Stock(i) => i,
        }
    }

    pub(crate) const fn is_up(&self) -> bool {
        matches!(self.life, Life::Up)
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.master == Some(NOWHERE)
    }

    /// Whether it has, or would start with, anything.
    pub(crate) fn has_data(&self) -> bool {
        let data = if matches!(self.life, Life::Up | Life::Frozen) { &self.data } else { &self.saved.data };
        !data.is_empty()
    }

    pub(crate) fn is_loading(&self, now: Instant) -> bool {
        now < self.loading_until
    }

    /// Starts the process with what it finds on its disk.
    pub(crate) fn start(&mut self, g: &mut Ground, finds: Finds) {
        self.nr += 1;
        self.life = Life::Up;
        self.run_id = g.new_id();
        self.master = self.configured;
        self.paused_until = None;
        self.following = Following::default();
        self.busy = None;
        let found = match finds {
            Finds::Data | Finds::DataSlowly => Some(self.saved.clone()),
            Finds::Older => Some(self.older.clone()),
            Finds::Nothing => None,
        };
        match found {
            Some(saved) => {
                self.has = saved.data.iter().copied().collect();
                self.data = saved.data;
                self.offset = saved.offset;
                if self.master.is_some() {
                    // A replica's snapshot names its place in its master's stream: it may go on from there.
                    self.history = saved.history;
                    self.before = None;
                    self.following.place_known = saved.offset > 0;
                } else {
                    self.history = g.new_id();
                    self.before = Some((saved.history, saved.offset));
                }
            }
            None => {
                self.has.clear();
                self.data.clear();
                self.offset = 0;
                self.history = g.new_id();
                self.before = None;
            }
        }
        self.backlog.clear();
        self.backlog_from = self.offset;
        let load_time = if finds == Finds::DataSlowly { SLOW_LOAD } else { self.settings.load_time };
        self.loading_until = if self.data.is_empty() { g.now } else { g.now + load_time };
        self.save(g.now);
        g.note(self.place, || format!("starts {}", self.describe()));
        let (server, life) = (self.index(), self.nr);
        let phase = g.rng.jitter(CRON);
        g.after(phase, Happening::Cron { server, life });
    }

    /// The process is gone; what its disk has is all that stays.
    pub(crate) fn die(&mut self, life: Life) {
        self.life = life;
        self.nr += 1;
        self.busy = None;
        self.inbox.clear();
        self.replicas.clear();
        self.subscribers.clear();
        self.held.clear();
        self.held_conns.clear();
        self.inputs.clear();
        self.following.conn = None;
    }

    /// Its own timer: what is due by now.
    pub(crate) fn cron(&mut self, g: &mut Ground) {
        if self.is_up() && !self.is_stuck() {
            let now = g.now;
            if now >= self.saved_at + self.settings.save_every && !self.is_loading(now) {
                self.save(now);
            }
            if self.paused_until.is_some_and(|end| end <= now) {
                self.unpause(g);
            }
            if self.master.is_none() && now >= self.fed_at + FEED_PING && !self.replicas.is_empty() {
                self.fed_at = now;
                self.feed(g, Fed::Ping);
            }
            self.follow(g);
        }
        let (server, life) = (self.index(), self.nr);
        g.after(CRON, Happening::Cron { server, life });
    }

    fn save(&mut self, now: Instant) {
        self.saved_at = now;
        if now >= self.older_at + OLDER && !self.saved.data.is_empty() {
            self.older_at = now;
            self.older = self.saved.clone();
        }
        self.saved = Snapshot { history: self.history.clone(), offset: self.offset, data: self.data.clone() };
    }

    /// A packet for the process.
    pub(crate) fn on_packet(&mut self, g: &mut Ground, conn: ConnId, side: Side, packet: Packet) {
        if self.life == Life::Frozen || self.is_kept_waiting(g.now, &packet) {
            self.inbox.push_back((conn, side, packet));
            return;
        }
        if let Packet::Fin(_) = packet {
            g.net.leave(conn, side);
            self.on_end(g, conn);
            return;
        }
        if self.held_conns.contains(&conn) && !matches!(packet, Packet::Bytes(_)) {
            self.held.push_back((conn, packet));
            return;
        }
        match packet {
            Packet::Ask(ask) => self.on_ask(g, conn, ask),
            Packet::Bytes(bytes) => self.on_bytes(g, conn, &bytes),
            Packet::Command(command) => self.on_command(g, conn, command),
            Packet::Psync(has) => self.on_psync(g, conn, &has),
            packet => self.on_stream(g, conn, packet),
        }
    }

    fn on_end(&mut self, g: &mut Ground, conn: ConnId) {
        self.forget(conn);
        if self.following.conn == Some(conn) {
            self.lose_master(g);
        }
    }

    fn forget(&mut self, conn: ConnId) {
        self.replicas.remove(&conn);
        self.subscribers.remove(&conn);
        self.held.retain(|(c, _)| *c != conn);
        self.held_conns.remove(&conn);
        self.inputs.remove(&conn);
    }

    /// Ends a connection from here.
    pub(crate) fn hang_up(&mut self, g: &mut Ground, conn: ConnId) {
        let side = if self.following.conn == Some(conn) { Side::Opener } else { Side::Taker };
        g.send(conn, side, Packet::Fin(Fault::Closed));
        g.net.leave(conn, side);
        self.forget(conn);
    }

    fn on_ask(&mut self, g: &mut Ground, conn: ConnId, ask: Ask) {
        let loading = self.is_loading(g.now);
        if let Some(answer) = self.answer_of_busy(g, &ask) {
            g.send(conn, Side::Taker, Packet::Answer(answer));
            return;
        }
        let answer = match ask {
            // Held like a write: it changes the replication stream.
            Ask::Hello { .. } if self.is_paused(g) => {
                self.hold(conn, Packet::Ask(ask));
                return;
            }
            Ask::Ping | Ask::Seal { .. } | Ask::Promote | Ask::Replicate { .. } if loading => Answer::Loading,
            Ask::Ping => Answer::Pong,
            Ask::Info => Answer::Info(Box::new(self.info(g))),
            Ask::Role => Answer::Role { role: self.role() },
            Ask::Auth | Ask::Name { .. } => Answer::Ok,
            Ask::KillScript => Answer::Error { text: "NOTBUSY No scripts in execution right now.".into() },
            Ask::Subscribe => {
                self.subscribers.insert(conn);
                Answer::Ok
            }
            Ask::Hello { text } => {
                self.publish(g, &text);
                Answer::Ok
            }
            Ask::IsMasterDown { .. }
            | Ask::WhoIsMaster { .. }
            | Ask::Master { .. }
            | Ask::Replicas { .. }
            | Ask::Sentinels { .. } => Answer::Error { text: "ERR unknown command 'SENTINEL'".into() },
            // Asked by those that find the view elsewhere: no node of this world does.
            Ask::Replication | Ask::Line { .. } | Ask::Quit | Ask::Events => {
                Answer::Error { text: "ERR not in this world".into() }
            }
            Ask::Seal { .. } => {
                self.set_master(g, NOWHERE);
                Answer::Ok
            }
            Ask::Replicate { master } => {
                self.set_master(g, master);
                Answer::Ok
            }
            Ask::Promote => {
                self.promote(g);
                Answer::Ok
            }
            Ask::Rewrite => {
                self.configured = self.master;
                Answer::Ok
            }
            Ask::Pause { limit, .. } => {
                // A second pause only ever makes the first longer.
                let end = g.now + limit;
                self.paused_until = Some(self.paused_until.map_or(end, |old| old.max(end)));
                g.note(self.place, || format!("pauses writes for {limit:?}"));
                Answer::Ok
            }
            Ask::Unpause => {
                g.send(conn, Side::Taker, Packet::Answer(Answer::Ok));
                self.unpause(g);
                return;
            }
            Ask::KickClients => {
                self.kick(g, conn);
                Answer::Ok
            }
        };
        g.send(conn, Side::Taker, Packet::Answer(answer));
    }

    fn is_paused(&self, g: &Ground) -> bool {
        !g.is_sabotaged_by(Saboteur::RedisIgnoresPause) && self.paused_until.is_some_and(|end| g.now < end)
    }

    fn hold(&mut self, conn: ConnId, packet: Packet) {
        self.held.push_back((conn, packet));
        self.held_conns.insert(conn);
    }

    fn unpause(&mut self, g: &mut Ground) {
        self.paused_until = None;
        self.held_conns.clear();
        for (conn, packet) in std::mem::take(&mut self.held) {
            self.on_packet(g, conn, Side::Taker, packet);
        }
    }

    fn kick(&mut self, g: &mut Ground, asker: ConnId) {
        for (conn, side) in g.net.of(self.place) {
            // Subscribers and replicas are not of type normal; who asks is spared.
            let spared = conn == asker || self.subscribers.contains(&conn) || self.replicas.contains_key(&conn);
            let established = g.net.conn(conn).is_some_and(|c| c.established && c.has(Side::Taker));
            if side == Side::Taker && established && !spared {
                self.hang_up(g, conn);
            }
        }
    }

    /// Bytes of a client: whole commands are executed, or wait behind one that is held.
    fn on_bytes(&mut self, g: &mut Ground, conn: ConnId, bytes: &[u8]) {
        let input = self.inputs.entry(conn).or_default();
        input.bytes.extend_from_slice(bytes);
        let mut commands = Vec::new();
        while let Ok(Some(request)) = input.scanner.next(&input.bytes) {
            if let resp::Request::Command(words) = &request {
                commands.extend(Command::read(words.name(&input.bytes), words.argument(&input.bytes, 1)));
            }
            input.bytes.drain(..request.len());
        }
        for command in commands {
            self.on_packet(g, conn, Side::Taker, Packet::Command(command));
        }
    }

    fn on_command(&mut self, g: &mut Ground, conn: ConnId, command: Command) {
        let paused = self.is_paused(g);
        let outcome = match command {
            _ if self.is_loading(g.now) => Outcome::Loading,
            _ if self.busy.is_some() => Outcome::Busy,
            Command::Write(_) if self.master.is_some() => Outcome::ReadOnly,
            Command::Write(_) if paused => {
                self.hold(conn, Packet::Command(command));
                return;
            }
            Command::Write(id) => {
                self.execute(g, id);
                if g.is_sabotaged_by(Saboteur::RedisRunsTwice) && g.rng.chance(20) {
                    self.execute(g, id);
                }
                Outcome::Done(id)
            }
            Command::Read(id) => Outcome::Done(id),
        };
        g.send(conn, Side::Taker, Packet::Bytes(outcome.write()));
    }

    fn execute(&mut self, g: &mut Ground, id: WriteId) {
        if self.has.contains(&id) {
            g.violate(Invariant::R2, format!("{} executed write {id} twice", self.place));
        }
        self.feed(g, Fed::Write(id));
        if self.settings.save_every.is_zero() {
            self.save_write(id);
        }
    }

    /// Append-only persistence: as `save`, without copying everything.
    fn save_write(&mut self, id: WriteId) {
        if self.saved.history == self.history && self.saved.data.len() + 1 == self.data.len() {
            self.saved.data.push(id);
            self.saved.offset = self.offset;
        }
    }

    fn publish(&mut self, g: &mut Ground, text: &str) {
        if self.master.is_none() {
            self.feed(g, Fed::Publish(text.into()));
        } else {
            self.tell_subscribers(g, text);
        }
    }

    pub(crate) fn tell_subscribers(&self, g: &mut Ground, text: &str) {
        for conn in &self.subscribers {
            g.send(*conn, Side::Taker, Packet::Heard(text.to_string()));
        }
    }

    /// A master's own entry in the stream.
    fn feed(&mut self, g: &mut Ground, what: Fed) {
        let end = self.offset + what.len();
        self.take_in(g, end, what);
    }

    /// Applies one entry of the stream, keeps it, and passes it on.
    pub(crate) fn take_in(&mut self, g: &mut Ground, end: u64, what: Fed) {
        self.offset = end;
        match &what {
            Fed::Write(id) => {
                self.data.push(*id);
                self.has.insert(*id);
            }
            Fed::Publish(text) => self.tell_subscribers(g, &text.clone()),
            Fed::Ping => {}
        }
        for conn in self.replicas.keys() {
            g.send(*conn, Side::Taker, Packet::Feed { end, what: what.clone() });
        }
        self.backlog.push_back((end, what));
        if self.backlog.len() > BACKLOG
            && let Some((end, _)) = self.backlog.pop_front()
        {
            self.backlog_from = end;
        }
    }

    fn promote(&mut self, g: &mut Ground) {
        if self.master.is_none() {
            return;
        }
        if let Some(conn) = self.following.conn {
            self.hang_up(g, conn);
        }
        self.following = Following::default();
        self.master = None;
        // `shiftReplicationId`: what was received so far stays comparable, what comes is a history of its own.
        self.before = Some((self.history.clone(), self.offset));
        self.history = g.new_id();
        self.drop_replicas(g);
        g.note(self.place, || format!("is promoted {}", self.describe()));
    }

    pub(crate) fn drop_replicas(&mut self, g: &mut Ground) {
        for conn in self.replicas.keys().copied().collect::<Vec<_>>() {
            self.hang_up(g, conn);
        }
    }

    pub(crate) fn role(&self) -> Role {
        if self.master.is_none() { Role::Master } else { Role::Replica }
    }

    fn info(&self, g: &Ground) -> InfoReport {
        let mut replicas: Vec<_> = self.replicas.values().copied().collect();
        replicas.sort_unstable();
        replicas.dedup();
        let following = &self.following;
        InfoReport {
            run_id: Some(self.run_id.clone()),
            version: "7.0.15".into(),
            loading: self.is_loading(g.now),
            role: self.role(),
            history: Some(self.history.clone()),
            before: self.before.clone().map(|(id, end)| (id, Offset(end + 1))),
            offset: Offset(if self.master.is_none() || following.place_known { self.offset } else { 1 }),
            master: self.master,
            link_up: self.master.is_some() && following.is_up,
            link_down_seconds: following.down_since.map(|since| g.now.since(since).as_secs()),
            priority: self.settings.priority,
            announced: true,
            persists: false,
            silent_seconds: 0,
            copying: false,
            replicas,
        }
    }

    /// Its state in a few words, for the history.
    pub(crate) fn describe(&self) -> String {
        let role = match self.master {
            None => "master".to_string(),
            Some(NOWHERE) => "sealed".to_string(),
            Some(master) => {
                let link = if self.following.is_up { "up" } else { "down" };
                format!("replica of {}, link {link}", name_of(master))
            }
        };
        format!("[{role} · {:?} · offset {} · {} writes]", self.history, self.offset, self.data.len())
    }
}
