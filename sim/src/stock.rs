//! A stock Sentinel as our nodes meet it: the second implementation of sections 4 to 7 of what is known of Redis 7.0's, with its
//! fixed ticks, its random start delay, its votes without a promise, and its trust in hellos.
//!
//! ```text
//!   every 50 to 100 ms:  down?  ──>  start? ──> the failover's next step ──> ask  ──>  connect · ping · INFO · hello
//!                       (`opinion`)          (`election`, `failover`)                           (`watch`)
//! ```
//!
//! Left out, because no invariant of ours depends on it: several groups, renamed commands, scripts, `CLIENT KILL TYPE pubsub`,
//! and that a transaction is one (its commands are sent in a row here). Its disk never fails: stock gives votes all the same.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use machine::Instant;
use sentinel::{Answer, Ask};
use view::{Epoch, GroupName, RunId};

use crate::ground::{Ground, Happening};
use crate::network::{ConnId, Packet, Side};
use crate::options::Options;
use crate::place::Place;
use crate::redis::Life;
use crate::stock::failover::Failover;
use crate::stock::watch::{Fellow, Watched};
use crate::world::group_name;

mod election;
mod failover;
mod hello;
mod opinion;
mod watch;

/// A modelled stock Sentinel.
pub(crate) struct Stock {
    pub(crate) index: usize,
    pub(crate) id: RunId,
    pub(crate) life: Life,
    pub(crate) nr: u32,
    pub(crate) name: GroupName,
    rules: Rules,
    mind: Mind,
    disk: Durable,
    /// What came while it was stopped.
    inbox: VecDeque<(ConnId, Side, Packet)>,
}

/// What its file tells it.
#[derive(Clone, Debug)]
struct Rules {
    quorum: usize,
    down_after: Duration,
    failover_timeout: Duration,
    parallel_syncs: usize,
}

/// What it rewrites its file with.
#[derive(Clone, Debug)]
struct Durable {
    epoch: Epoch,
    master: SocketAddr,
    config_epoch: Epoch,
    /// The vote's epoch, without for whom: after a restart it cannot vote again in it.
    leader_epoch: Epoch,
    servers: Vec<SocketAddr>,
    fellows: Vec<(RunId, SocketAddr)>,
}

/// What dies with its process.
struct Mind {
    epoch: Epoch,
    master: SocketAddr,
    config_epoch: Epoch,
    leader: Option<RunId>,
    leader_epoch: Epoch,
    servers: BTreeMap<SocketAddr, Watched>,
    fellows: BTreeMap<RunId, Fellow>,
    odown: bool,
    failover: Option<Failover>,
    /// When it tried last, or voted for somebody else: the next attempt waits for twice the failover timeout.
    tried_at: Option<Instant>,
    tilt_since: Option<Instant>,
    ticked: Instant,
}

impl Stock {
    pub(crate) fn new(options: &Options, index: usize, id: RunId) -> Self {
        let master = options.first_master(0);
        let disk = Durable {
            epoch: Epoch(0),
            master,
            config_epoch: Epoch(0),
            leader_epoch: Epoch(0),
            servers: Vec::new(),
            fellows: Vec::new(),
        };
        let rules = Rules {
            quorum: options.quorum as usize,
            down_after: options.down_after,
            failover_timeout: options.failover_timeout,
            parallel_syncs: 1,
        };
        let mind = Mind::from(&disk, Instant::START);
        Self { index, id, life: Life::Dead, nr: 0, name: group_name(0), rules, mind, disk, inbox: VecDeque::new() }
    }

    pub(crate) const fn place(&self) -> Place {
        Place::Stock(self.index)
    }

    pub(crate) const fn is_up(&self) -> bool {
        matches!(self.life, Life::Up)
    }

    /// The newest decision that it knows, or would know if it were started.
    pub(crate) fn knows(&self) -> (Epoch, SocketAddr) {
        match self.life {
            Life::Up | Life::Frozen => (self.mind.config_epoch, self.current_master()),
            Life::Dead | Life::HostGone => (self.disk.config_epoch, self.disk.master),
        }
    }

    /// Why it has not come to rest; `None`: it has.
    pub(crate) fn unsettled(&self) -> Option<&'static str> {
        match &self.mind.failover {
            Some(failover) => Some(failover.explain()),
            None if self.mind.odown => Some("the master is agreed down"),
            None => None,
        }
    }

    /// Starts the process with what its file says.
    pub(crate) fn start(&mut self, g: &mut Ground) {
        self.nr += 1;
        self.life = Life::Up;
        self.mind = Mind::from(&self.disk, g.now);
        g.note(self.place(), || "starts".into());
        self.tick_later(g);
    }

    /// The process is gone.
    pub(crate) fn die(&mut self, life: Life) {
        self.life = life;
        self.nr += 1;
        self.inbox.clear();
    }

    /// It goes on where it was stopped: sockets first, then its timer (as its event loop does).
    pub(crate) fn thaw(&mut self, g: &mut Ground) {
        self.life = Life::Up;
        for (conn, side, packet) in std::mem::take(&mut self.inbox) {
            self.on_packet(g, conn, side, packet);
        }
        self.run(g);
    }

    fn tick_later(&self, g: &mut Ground) {
        let wait = g.between(TICK, 2 * TICK);
        g.after(wait, Happening::Tick { stock: self.index, life: self.nr });
    }

    /// Its timer.
    pub(crate) fn tick(&mut self, g: &mut Ground) {
        if self.is_up() {
            self.run(g);
        }
        self.tick_later(g);
    }

    /// One run of its timer.
    fn run(&mut self, g: &mut Ground) {
        self.look_at_clock(g);
        if self.mind.tilt_since.is_none() {
            self.form_opinion(g);
            self.start_if_needed(g);
            self.go_on(g);
            self.ask_others(g, false);
            self.mend(g);
        }
        // Replicas come after their master: what has just been agreed of it makes them tell their INFO at once.
        self.watch_all(g);
    }

    fn look_at_clock(&mut self, g: &mut Ground) {
        let late = g.now.since(self.mind.ticked) > TILT_TRIGGER;
        self.mind.ticked = g.now;
        if late {
            g.coverage.mark("stock: tilt");
            self.say(g, || "+tilt".into());
            self.mind.tilt_since = Some(g.now);
        } else if self.mind.tilt_since.is_some_and(|since| g.now.since(since) > TILT_PERIOD) {
            self.say(g, || "-tilt".into());
            self.mind.tilt_since = None;
        }
    }

    /// A packet for the process.
    pub(crate) fn on_packet(&mut self, g: &mut Ground, conn: ConnId, to: Side, packet: Packet) {
        if self.life == Life::Frozen {
            self.inbox.push_back((conn, to, packet));
            return;
        }
        if let Packet::Fin(_) = packet {
            g.net.leave(conn, to);
        }
        match to {
            Side::Opener => self.on_wire(g, conn, packet),
            Side::Taker => {
                let Packet::Ask(ask) = packet else { return };
                let answer = self.on_asked(g, &ask);
                g.send(conn, Side::Taker, Packet::Answer(answer));
            }
        }
    }

    /// Somebody asks something on its port.
    fn on_asked(&mut self, g: &mut Ground, ask: &Ask) -> Answer {
        match ask {
            Ask::Ping => Answer::Pong,
            Ask::Hello { text } => {
                self.on_hello(g, text);
                Answer::Ok
            }
            Ask::IsMasterDown { master, epoch, candidate } => self.on_question(g, *master, *epoch, candidate.as_ref()),
            Ask::WhoIsMaster { .. } => Answer::Named { master: Some(self.current_master()) },
            _ => Answer::Ok,
        }
    }

    /// Writes its file: at once, and before anything else happens.
    fn save(&mut self) {
        let mind = &self.mind;
        self.disk = Durable {
            epoch: mind.epoch,
            master: self.current_master(),
            config_epoch: mind.config_epoch,
            leader_epoch: mind.leader_epoch,
            servers: mind.servers.keys().copied().collect(),
            fellows: mind.fellows.iter().map(|(id, f)| (id.clone(), f.addr)).collect(),
        };
    }

    fn adopt_epoch(&mut self, epoch: Epoch) {
        if epoch > self.mind.epoch {
            self.mind.epoch = epoch;
            self.save();
        }
    }

    fn say(&self, g: &mut Ground, what: impl FnOnce() -> String) {
        g.note(self.place(), what);
    }
}

impl Mind {
    fn from(disk: &Durable, now: Instant) -> Self {
        let servers = disk.servers.iter().copied().chain([disk.master]);
        Self {
            epoch: disk.epoch,
            master: disk.master,
            config_epoch: disk.config_epoch,
            leader: None,
            leader_epoch: disk.leader_epoch,
            servers: servers.map(|addr| (addr, Watched::new(now))).collect(),
            fellows: disk.fellows.iter().map(|(id, addr)| (id.clone(), Fellow::new(*addr, now))).collect(),
            odown: false,
            failover: None,
            tried_at: None,
            tilt_since: None,
            ticked: now,
        }
    }
}

/// Its timer runs at least this often, and at random up to half as often.
const TICK: Duration = Duration::from_millis(50);

/// Two runs further apart than this mean that time is not to be trusted, for so long.
const TILT_TRIGGER: Duration = Duration::from_secs(2);
const TILT_PERIOD: Duration = Duration::from_secs(30);
