//! The world: nodes, servers, clients and the agenda that moves them. One seed decides everything in it.

use std::time::Duration;

use machine::{Instant, Rng};
use sentinel::{Config, Fault, GroupConfig};
use view::GroupName;

use crate::client::Client;
use crate::clock::Clock;
use crate::convergence::Core;
use crate::disk::Disk;
use crate::faults::Schedule;
use crate::ground::{Ground, Happening, Who};
use crate::history::{History, Keep};
use crate::judge::Judge;
use crate::network::{ConnId, Network, Packet, Path, Purpose, Side, UNORDERED};
use crate::node::{Birth, Mail, Member, Node};
use crate::options::Options;
use crate::place::Place;
use crate::redis::{Finds, Life, Redis, Settings};
use crate::rivals::Rivals;
use crate::saboteur::Saboteur;
use crate::stock::Stock;

/// Everything there is.
pub struct World {
    /// What kind of world it is.
    pub options: Options,
    /// Time, network, judge, history.
    pub ground: Ground,
    pub(crate) nodes: Vec<Node>,
    pub(crate) servers: Vec<Redis>,
    pub(crate) stocks: Vec<Stock>,
    pub(crate) clients: Vec<Client>,
    pub(crate) birth: Birth,
    pub(crate) schedule: Schedule,
    /// An operator told a node to forget what it knew.
    pub(crate) was_reset: bool,
    /// Set when faults have stopped: who must converge, and by when.
    pub(crate) core: Option<Core>,
    /// Nodes that believe in different masters at the moment.
    pub(crate) rivals: Rivals,
}

impl World {
    /// The world that a seed makes, with everything started. `sabotage` breaks one part of it.
    #[must_use]
    pub fn new(options: Options, seed: u64, keep: Keep, sabotage: Option<Saboteur>) -> Self {
        let mut rng = Rng::new(seed);
        let (mut net_rng, mut node_rng, mut redis_rng) = (rng.split(), rng.split(), rng.split());
        let schedule = Schedule::new(rng.split());
        let net = Network::new(options.node_places(), options.servers(), options.stocks, || Path {
            latency: Duration::from_micros(100) + net_rng.jitter(options.latency),
            jitter: net_rng.jitter(options.latency / 2),
            cuts: 0,
            slow: 0,
            unreachable: net_rng.chance(300),
        });
        let mut judge = Judge::new(&options);
        let nodes: Vec<Node> = (0..options.node_places()).map(|i| make_node(&options, i, &mut node_rng)).collect();
        let servers: Vec<Redis> = (0..options.servers()).map(|i| make_server(&options, i, &mut redis_rng)).collect();
        let stocks: Vec<Stock> =
            (0..options.stocks).map(|i| Stock::new(&options, i, crate::ground::new_id(&mut node_rng))).collect();
        for node in &nodes {
            judge.know_node(node.config.id.clone());
            if options.spares > 0 {
                judge.told_members(node.index, options.told(node.index));
            }
        }
        for stock in &stocks {
            judge.know_stock(stock.id.clone());
        }
        for server in &servers {
            judge.know_server(server.place.addr(), group_name(server.group), server.settings.priority);
        }
        let mut clients = Vec::new();
        for node in 0..options.node_places() {
            for group in 0..options.groups.len() {
                for _ in 0..options.clients {
                    clients.push(make_client(&options, clients.len(), node, group));
                }
            }
        }
        let ground = Ground::new(net, rng, History::new(keep), judge, sabotage);
        let birth = sabotage.map_or(crate::saboteur::HONEST, Saboteur::birth);
        let rivals = Rivals::new(&options);
        let (was_reset, core) = (false, None);
        let mut world =
            Self { options, ground, nodes, servers, stocks, clients, birth, schedule, was_reset, core, rivals };
        world.begin(seed);
        world
    }

    fn begin(&mut self, seed: u64) {
        let options = format!("{:?}", self.options);
        self.ground.note(Who::World, || format!("seed {seed} {options}"));
        for server in &mut self.servers {
            server.start(&mut self.ground, Finds::Data);
        }
        for node in self.nodes.iter_mut().filter(|n| n.member == Member::Here) {
            node.start(&mut self.ground, self.birth);
        }
        for stock in &mut self.stocks {
            stock.start(&mut self.ground);
        }
        self.hand_out_views();
        for client in &self.clients {
            self.ground.after(Duration::ZERO, Happening::Issue { client: client.index });
        }
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.ground.now
    }

    /// Lets the world run for a while, or until something is violated.
    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.ground.now + time);
    }

    /// As `run_for`, to a moment.
    pub fn run_until(&mut self, end: Instant) {
        while self.ground.judge.violation.is_none() && self.step(end) {}
        if self.ground.judge.violation.is_none() {
            self.ground.now = self.ground.now.max(end);
        }
    }

    /// The next thing that happens; `false`: nothing before `end`.
    pub(crate) fn step(&mut self, end: Instant) -> bool {
        let Some(what) = self.ground.next(end) else { return false };
        if self.ground.history.is_on() {
            for node in &mut self.nodes {
                let mine = self.clients.iter().filter(|c| c.node == node.index);
                node.held = mine.map(Client::held).sum();
            }
        }
        match what {
            Happening::Arrive { conn, to, seq, packet } => self.arrive(conn, to, seq, packet),
            Happening::ConnectFails { conn, fault } => self.connect_fails(conn, fault),
            Happening::Wake { node, life } => {
                let node = &mut self.nodes[node];
                if node.is_up() && node.is_alarm(self.ground.now, life) {
                    node.wake(&mut self.ground);
                }
            }
            Happening::Cleared { node, life, group, nr } => {
                self.nodes[node].on_cleared(&mut self.ground, life, group, nr)
            }
            Happening::DiskDone { node, life, seq } => self.nodes[node].on_disk(&mut self.ground, life, seq),
            Happening::Tick { stock, life } => {
                let stock = &mut self.stocks[stock];
                if stock.nr == life {
                    stock.tick(&mut self.ground);
                }
            }
            Happening::Cron { server, life } => {
                let server = &mut self.servers[server];
                if server.nr == life {
                    server.cron(&mut self.ground);
                }
            }
            Happening::Issue { client } => self.issue(client),
            Happening::ClientWake { client, nr } => {
                let client = &mut self.clients[client];
                let node = &self.nodes[client.node];
                if node.is_up() {
                    let now = node.clock.read(self.ground.now);
                    client.wake(&mut self.ground, now, nr);
                } else if node.life == Life::Frozen {
                    self.ground.after(Duration::from_millis(50), Happening::ClientWake { client: client.index, nr });
                }
            }
            Happening::Strike => self.strike(),
            Happening::Hit { node } => self.hit(node),
            Happening::Recover(recovery) => self.recover(recovery),
            Happening::Look => self.look(),
            Happening::BreakHold { looks } => self.break_hold(looks),
            Happening::Reset { node } => self.reset_node(node),
            Happening::Inflict(kind) => self.inflict(kind),
            Happening::Threshold { server } => self.servers[server].wake_in_script(&mut self.ground),
        }
        self.hand_out_views();
        self.look_for_rivals();
        if let Some(node) = self.ground.tripwire.hit {
            self.ambush(node);
        }
        true
    }

    fn issue(&mut self, client: usize) {
        let client = &mut self.clients[client];
        let node = &self.nodes[client.node];
        if node.is_up() {
            let now = node.clock.read(self.ground.now);
            client.issue(&mut self.ground, now);
        } else {
            self.ground.after(Duration::from_millis(200), Happening::Issue { client: client.index });
        }
    }

    /// A snapshot swap: what a node published, its clients' sessions see at once.
    fn hand_out_views(&mut self) {
        for i in 0..self.nodes.len() {
            for view in std::mem::take(&mut self.nodes[i].published) {
                let now = self.nodes[i].clock.read(self.ground.now);
                for client in self.clients.iter_mut().filter(|c| c.node == i) {
                    client.on_view(&mut self.ground, now, &view);
                }
            }
        }
    }

    pub(crate) fn life(&self, place: Place) -> Life {
        match place {
            Place::Node(i) => self.nodes[i].life,
            Place::Server(i) => self.servers[i].life,
            Place::Stock(i) => self.stocks[i].life,
        }
    }

    fn arrive(&mut self, conn: ConnId, to: Side, seq: u64, packet: Packet) {
        if let (Packet::Syn, Some(c)) = (&packet, self.ground.net.conn(conn))
            && self.ground.net.is_cut(c.opener, c.taker)
            && self.ground.net.path(c.opener, c.taker).unreachable
        {
            let wait = self.ground.between(Duration::from_millis(1), Duration::from_secs(3));
            self.ground.after(wait, Happening::ConnectFails { conn, fault: Fault::Unreachable });
        }
        let place = self.ground.net.conn(conn).map(|c| c.place(to));
        if place.is_some_and(|p| self.life(p) == Life::HostGone) {
            // Nobody confirms it: it is sent again until the host is back, and then reset.
            self.ground.net.lose(conn, to, seq, packet);
            return;
        }
        for packet in self.ground.net.arrive(conn, to, seq, packet) {
            self.take(conn, to, packet);
        }
    }

    fn connect_fails(&mut self, conn: ConnId, fault: Fault) {
        if self.ground.net.conn(conn).is_some_and(|c| !c.established && c.has(Side::Opener)) {
            self.take(conn, Side::Opener, Packet::Fin(fault));
        }
    }

    /// A packet reached a host, in order: its kernel takes it, and perhaps its process.
    fn take(&mut self, conn: ConnId, to: Side, packet: Packet) {
        let Some(c) = self.ground.net.conn(conn) else { return };
        let (place, purpose, has, other_has) = (c.place(to), c.purpose, c.has(to), c.has(to.other()));
        let life = self.life(place);
        if matches!(packet, Packet::Syn) {
            if life == Life::Dead {
                self.ground.send(conn, to, Packet::Fin(Fault::Refused));
            } else {
                self.ground.net.accept(conn);
                self.ground.send(conn, to, Packet::SynAck);
            }
            return;
        }
        if !has {
            // Nobody reads this connection any more: the kernel resets it.
            if other_has && !matches!(packet, Packet::Fin(_)) {
                self.ground.send(conn, to, Packet::Fin(Fault::Reset));
            }
            return;
        }
        match place {
            Place::Server(i) => self.servers[i].on_packet(&mut self.ground, conn, to, packet),
            Place::Stock(i) => self.stocks[i].on_packet(&mut self.ground, conn, to, packet),
            Place::Node(i) if life == Life::Frozen => {
                self.nodes[i].inbox.push_back(Mail::Packet(conn, to, packet));
            }
            Place::Node(i) => self.give(i, conn, to, purpose, packet),
        }
    }

    /// A packet for the process of a node.
    fn give(&mut self, node: usize, conn: ConnId, to: Side, purpose: Purpose, packet: Packet) {
        let g = &mut self.ground;
        match (to, purpose) {
            (Side::Taker, _) => self.nodes[node].on_port(g, conn, packet),
            (Side::Opener, Purpose::Link(link)) => self.nodes[node].on_link(g, conn, link, packet),
            (Side::Opener, Purpose::Client(client)) => {
                let now = self.nodes[node].clock.read(g.now);
                self.clients[client].on_packet(g, now, conn, packet);
            }
            (Side::Opener, Purpose::Replication | Purpose::Stock) => {}
        }
    }

    /// Ends a process: its kernel ends its connections, unless the host is gone too.
    pub(crate) fn kill(&mut self, place: Place, life: Life) {
        let fault = if self.ground.rng.chance(500) { Fault::Closed } else { Fault::Reset };
        for (conn, side) in self.ground.net.of(place) {
            if !self.ground.net.conn(conn).is_some_and(|c| c.has(side)) {
                continue;
            }
            if life == Life::Dead {
                self.ground.send(conn, side, Packet::Fin(fault));
            }
            self.ground.net.leave(conn, side);
        }
        match place {
            Place::Server(i) => self.servers[i].die(life),
            Place::Stock(i) => self.stocks[i].die(life),
            Place::Node(i) => {
                self.nodes[i].die(&mut self.ground, life);
                for client in self.clients.iter_mut().filter(|c| c.node == i) {
                    client.die();
                }
            }
        }
    }

    /// Stops a process where it is.
    pub(crate) fn freeze(&mut self, place: Place) {
        match place {
            Place::Server(i) => self.servers[i].life = Life::Frozen,
            Place::Stock(i) => self.stocks[i].life = Life::Frozen,
            Place::Node(i) => self.nodes[i].freeze(self.ground.now),
        }
    }

    /// Lets a stopped process go on with what waited for it.
    pub(crate) fn thaw(&mut self, place: Place) {
        match place {
            Place::Server(i) => {
                self.servers[i].life = Life::Up;
                self.servers[i].read_inbox(&mut self.ground);
            }
            Place::Stock(i) => self.stocks[i].thaw(&mut self.ground),
            Place::Node(i) => {
                self.nodes[i].thaw(&mut self.ground);
                let life = self.nodes[i].nr;
                for mail in std::mem::take(&mut self.nodes[i].inbox) {
                    match mail {
                        Mail::Disk(seq) => self.nodes[i].on_disk(&mut self.ground, life, seq),
                        Mail::Packet(conn, side, packet) => {
                            if let Some(purpose) = self.ground.net.conn(conn).map(|c| c.purpose) {
                                self.give(i, conn, side, purpose, packet);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Starts what is dead.
    pub(crate) fn start(&mut self, place: Place, finds: Finds) {
        let was_gone = self.life(place) == Life::HostGone;
        match place {
            Place::Server(i) => self.servers[i].start(&mut self.ground, finds),
            Place::Stock(i) => self.stocks[i].start(&mut self.ground),
            Place::Node(i) => {
                self.ground.coverage.mark("node: restarted");
                self.nodes[i].start(&mut self.ground, self.birth);
            }
        }
        if was_gone {
            for other in self.places() {
                self.send_again(other, place);
            }
            self.keepalives_find(place);
        }
    }

    /// Who waits on a connection of a former life without sending anything is told by its keepalive: drivers set one.
    fn keepalives_find(&mut self, place: Place) {
        for (conn, side) in self.ground.net.of(place) {
            if self.ground.net.conn(conn).is_some_and(|c| c.established && !c.has(side) && c.has(side.other())) {
                let wait = self.ground.rng.jitter(KEEPALIVE);
                self.ground.send_slowly(conn, side, Packet::Fin(Fault::Reset), wait);
            }
        }
    }

    pub(crate) fn cut(&mut self, from: Place, to: Place) {
        self.ground.net.path_mut(from, to).cuts += 1;
    }

    /// Takes one cut away; if it was the last, TCP sends again what was lost.
    pub(crate) fn heal(&mut self, from: Place, to: Place) {
        let path = self.ground.net.path_mut(from, to);
        path.cuts = path.cuts.saturating_sub(1);
        if path.cuts == 0 {
            self.send_again(from, to);
        }
    }

    fn send_again(&mut self, from: Place, to: Place) {
        // Retransmission timers have backed off meanwhile: it takes up to a second until they fire.
        let wait = self.ground.between(Duration::from_millis(1), Duration::from_secs(1));
        for (conn, to, seq, packet) in self.ground.net.lost_on(from, to) {
            self.ground.after(wait, Happening::Arrive { conn, to, seq, packet });
        }
    }

    /// Resets a connection from outside, as a firewall does that forgot it.
    pub(crate) fn reset(&mut self, conn: ConnId) {
        for to in [Side::Opener, Side::Taker] {
            self.ground.after(
                Duration::from_micros(100),
                Happening::Arrive { conn, to, seq: UNORDERED, packet: Packet::Fin(Fault::Reset) },
            );
        }
    }
}

/// Within which a driver's keepalive finds out that the other side forgot a connection.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// What a group is called.
#[must_use]
pub fn group_name(group: usize) -> GroupName {
    GroupName::from(["cache", "queue", "third"][group])
}

fn make_node(options: &Options, i: usize, rng: &mut Rng) -> Node {
    let id = crate::ground::new_id(rng);
    let group = |g: usize| GroupConfig {
        down_after: options.down_after,
        confirm: options.confirm,
        failover_timeout: options.failover_timeout,
        switchover_timeout: options.switchover_timeout,
        ties_address: options.ties_address,
        ..GroupConfig::of(
            options.first_master(g),
            options.quorum,
            u32::try_from(options.told(i)).expect("worlds are small"),
        )
    };
    let config = Config {
        id,
        announce: Place::Node(i).addr(),
        groups: (0..options.groups.len()).map(|g| (group_name(g), group(g))).collect(),
    };
    let spread = 2 * options.drift_ppm + 1;
    let ppm = i64::try_from(rng.below(spread)).unwrap_or(0) - i64::try_from(options.drift_ppm).unwrap_or(0);
    let clock = Clock::new(rng.jitter(Duration::from_secs(1_000)), ppm);
    let disk = Disk::new(Duration::from_micros(50) + rng.jitter(options.disk / 2), options.disk / 2);
    let mut node = Node::new(i, config, clock, disk, options.sluggish);
    if i >= options.nodes {
        node.member = Member::NotYet;
    }
    node
}

fn make_server(options: &Options, i: usize, rng: &mut Rng) -> Redis {
    let group = options.group_of(i);
    let settings = Settings {
        priority: options.priorities[i],
        repl_timeout: Duration::from_secs(5 + rng.below(10)),
        sync_time: Duration::from_millis(20 + rng.below(1_500)),
        load_time: Duration::from_millis(10 + rng.below(2_000)),
        save_every: if options.append_only { Duration::ZERO } else { Duration::from_secs(1 + rng.below(5)) },
    };
    let master = (i != options.first_of(group)).then(|| options.first_master(group));
    Redis::new(i, group, settings, master, rng)
}

fn make_client(options: &Options, i: usize, node: usize, group: usize) -> Client {
    let rules = session::Rules::default();
    Client::new(i, node, group, group_name(group), rules, options.pace)
}
