//! Clients that share connections, servers that change, views at any time: the world, and how it ends.
//!
//! It is as unkind as the real one: connections end at any byte, with or without what was sent on them having been executed; servers
//! refuse, hang, let users go; clients come, are slow, and leave. Everything is made of plain bytes ([`op`]), so that the same
//! world serves a test that shrinks and a fuzzer that grows its inputs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use machine::Instant;
use resp::Value;
use session::pool::Pool;
use session::{Event, Kills, Loads, OnUnknown, Role, Rules, Session, Spare, Why};
use view::{Epoch, LinkState, Offset, Phase, Replica, View};

mod ask;
mod driver;
mod judge;
pub(crate) mod op;
mod server;

use driver::Connection;
use op::{CLIENTS, Is, Op, SERVERS, Written};

/// What the operator and the driver of this world are like.
#[derive(Clone, Copy, Debug)]
struct Setting {
    role: Role,
    on_unknown: OnUnknown,
    /// Who has not signed in may do nothing.
    locked: bool,
    hold_bytes: usize,
    /// A session learns of a view before it hears anything of its server.
    prompt: bool,
    refuses_at_once: bool,
    /// Before the world heals, everything is gone for a while.
    dies_first: bool,
    /// Fewer clients do not share.
    share_from: usize,
}

struct Client {
    session: Session,
    asked: Vec<Vec<String>>,
    /// What it says that was not read.
    says: Vec<u8>,
    heard: Vec<u8>,
    replies: Vec<Value>,
    /// So far as it knows.
    in_multi: bool,
    ended: bool,
    end_was_read: bool,
    left: bool,
    gone: Option<Why>,
    /// Its connection, and its seat if that is shared.
    at: Option<(usize, Option<usize>)>,
    seen: u64,
    /// Where it awaits the answer to a CLIENT KILL.
    kills_at: Option<SocketAddr>,
}

/// Bytes on their way.
#[derive(Default)]
struct Outbox {
    bytes: Vec<u8>,
    taken: usize,
}

pub(crate) struct World {
    setting: Setting,
    now: Instant,
    rules: Arc<Rules>,
    loads: Rc<Loads>,
    view: Arc<View>,
    clients: Vec<Client>,
    /// Who is there at present, of all who ever were.
    present: [usize; CLIENTS],
    connections: BTreeMap<usize, Connection>,
    next: usize,
    pool: Pool<usize>,
    spare: Spare,
    kills: Kills,
    servers: [Is; SERVERS],
    data: server::Data,
    // What the world did that may be a reason for what follows.
    was_cut: bool,
    was_revoked: bool,
    was_full: bool,
    was_nonsense: bool,
    was_killed: bool,
    was_busy: bool,
}

const HOLD: Duration = Duration::from_secs(1);
/// A bound that is reached, so that back-pressure takes part.
const HOLD_BYTES: usize = 4_000;
/// What the driver reads of a client at once.
const MOUTHFUL: usize = 64 * 1024;
/// Who ever comes.
const MAX_CLIENTS: usize = 16;

fn addr(server: usize) -> SocketAddr {
    ([127, 0, 0, 1], 7_000 + u16::try_from(server).expect("few")).into()
}

fn server_at(addr: SocketAddr) -> usize {
    usize::from(addr.port() - 7_000)
}

fn view(epoch: u64, phase: Phase, master: usize, links: LinkState) -> Arc<View> {
    let others = (0..SERVERS).filter(|n| *n != master);
    let replica = |n| Replica { addr: addr(n), link: links, offset: Offset(0), lag: None, weight: view::USUAL_WEIGHT };
    let replicas = others.map(replica).collect();
    Arc::new(View { group: "g".into(), epoch: Epoch(epoch), phase, master: addr(master), replicas })
}

/// A world from its beginning to its end: the first three bytes are its setting, all others are ops.
pub(crate) fn run(bytes: &[u8]) {
    let (written, _) = bytes.as_chunks::<3>();
    let Some((setting, ops)) = written.split_first() else { return };
    let mut world = World::new(Setting::of(*setting));
    for op in ops {
        world.act(Op::of(*op));
    }
    world.end();
}

impl Setting {
    fn of([a, b, c]: Written) -> Self {
        Self {
            role: if a.is_multiple_of(4) { Role::Replica } else { Role::Master },
            on_unknown: if b % 2 == 0 { OnUnknown::Close } else { OnUnknown::Error },
            locked: b / 2 % 4 == 3,
            hold_bytes: if a / 4 % 2 == 0 { HOLD_BYTES } else { 1 << 20 },
            prompt: c % 2 == 0,
            refuses_at_once: c / 2 % 2 == 0,
            dies_first: c / 4 % 4 == 3,
            share_from: [1, 1, 1, 1 + CLIENTS / 2][usize::from(c / 16 % 4)],
        }
    }
}

impl Client {
    /// Whether it is gone, or will be when it has read what it is owed.
    fn is_going(&self) -> bool {
        self.gone.is_some() || self.session.explain(Instant::START).starts_with("closes the client")
    }
}

impl Outbox {
    fn say(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    const fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn take(&mut self, n: usize) -> Vec<u8> {
        let bytes = self.bytes[self.taken..self.taken + n].to_vec();
        self.taken += n;
        if self.is_empty() {
            *self = Self::default();
        }
        bytes
    }

    fn keep(&mut self, n: usize) {
        self.bytes.truncate(self.taken.saturating_add(n));
    }
}

impl World {
    fn new(setting: Setting) -> Self {
        let rules = Rules {
            role: setting.role,
            pool: session::Pool::Shared,
            share_from: setting.share_from,
            hold: HOLD,
            hold_bytes: setting.hold_bytes,
            on_unknown: setting.on_unknown,
            ..Rules::default()
        };
        let mut world = Self {
            setting,
            now: Instant::START,
            rules: Arc::new(rules),
            loads: Rc::default(),
            view: view(1, Phase::Steady, 0, LinkState::Up),
            clients: Vec::new(),
            present: [0; CLIENTS],
            connections: BTreeMap::new(),
            next: 0,
            pool: Pool::default(),
            spare: Spare::new(),
            kills: Kills::default(),
            servers: [Is::Master, Is::Replica, Is::Replica],
            data: server::Data { locked: setting.locked, ..server::Data::default() },
            was_cut: false,
            was_revoked: false,
            was_full: false,
            was_nonsense: false,
            was_killed: false,
            was_busy: false,
        };
        for who in 0..CLIENTS {
            world.arrive(who);
        }
        world
    }

    /// Somebody comes to a place where nobody is.
    fn arrive(&mut self, place: usize) {
        let client = Client {
            session: Session::new(self.rules.clone(), self.view.clone(), self.loads.clone()),
            asked: Vec::new(),
            says: Vec::new(),
            heard: Vec::new(),
            replies: Vec::new(),
            in_multi: false,
            ended: false,
            end_was_read: false,
            left: false,
            gone: None,
            at: None,
            seen: self.view.epoch.0,
            kills_at: None,
        };
        self.present[place] = self.clients.len();
        self.clients.push(client);
    }

    fn act(&mut self, op: Op) {
        match op {
            Op::Ask { who, ask, whole } => self.ask(self.present[who], ask, whole),
            Op::All { ask } => {
                for who in self.present {
                    self.ask(who, ask, true);
                    self.push(who, usize::MAX);
                }
            }
            Op::Push(who, n) => self.push(self.present[who], n),
            Op::Flush(which, n) => self.with_one(which, |world, at| world.flush(at, n)),
            Op::Process(which, n) => self.with_one(which, |world, at| {
                if !world.connections[&at].ended && world.serves(at) {
                    world.process(at, n);
                }
            }),
            Op::Reply(which, n) => self.with_one(which, |world, at| world.reply(at, n)),
            Op::Read(who, n) => self.read(self.present[who], n),
            Op::Connected(which, well) => self.with_one(which, |world, at| world.connected(at, well)),
            Op::Turn(reader) => self.turn(reader),
            Op::Cut { which, executes, says } => self.with_one(which, |world, at| {
                world.cut(at, executes, says);
            }),
            Op::Hangup { executes } => self.hangup(executes),
            Op::Nonsense(which) => self.with_one(which, |world, at| {
                if world.cut(at, false, usize::MAX) {
                    world.was_nonsense = true;
                    world.connections.get_mut(&at).expect("it is there").outbox.say(b"?nonsense\r\n");
                }
            }),
            Op::Becomes(server, is) => {
                self.was_cut = true;
                self.was_full |= is == Is::Full;
                self.was_busy |= is == Is::Busy;
                self.becomes(server, is);
            }
            Op::View { kind, told } => self.change_view(kind, told),
            Op::Learn(who) => self.learn(self.present[who]),
            Op::Leave(who) => self.leave(self.present[who]),
            Op::Ends(who) => self.clients[self.present[who]].ended = true,
            Op::Arrive(who) => {
                if self.clients[self.present[who]].gone.is_some() && self.clients.len() < MAX_CLIENTS {
                    self.arrive(who);
                }
            }
            Op::Touch(key) => self.data.versions[usize::from(key)] += 1,
            Op::Feed(which) => self.feed(which),
            Op::Publish(n) => self.publish(n),
            Op::Ration(is_short) => self.loads.ration(is_short.then_some(HOLD_BYTES)),
            Op::Revoke(user, is) => {
                self.was_revoked |= is;
                self.data.revoked[usize::from(user)] = is;
            }
            Op::Pass(ms) => {
                self.now += Duration::from_millis(ms);
                self.wake_all();
            }
        }
    }

    /// One of the connections, if there is any.
    fn with_one(&mut self, which: usize, act: impl FnOnce(&mut Self, usize)) {
        if let Some(at) = self.connections.keys().nth(which % self.connections.len().max(1)).copied() {
            act(self, at);
        }
    }

    fn with_each(&mut self, act: impl Fn(&mut Self, usize)) {
        for at in self.connections.keys().copied().collect::<Vec<_>>() {
            if self.connections.contains_key(&at) {
                act(self, at);
            }
        }
    }

    fn serves(&self, at: usize) -> bool {
        !matches!(self.servers[self.connections[&at].server], Is::Hangs | Is::Gone)
    }

    /// The server ends a connection. What it had to say still comes, up to `says` bytes. False if there is none to end.
    fn cut(&mut self, at: usize, executes: bool, says: usize) -> bool {
        let connection = &self.connections[&at];
        if !connection.made || connection.ended {
            return false;
        }
        self.was_cut = true;
        if executes {
            self.process(at, usize::MAX);
        }
        let connection = self.connections.get_mut(&at).expect("it is there");
        connection.outbox.keep(says);
        connection.inbox.clear();
        connection.link.blocked = None;
        connection.ended = true;
        true
    }

    fn hangup(&mut self, executes: bool) {
        self.with_each(|world, at| {
            world.cut(at, executes, 0);
            world.reply(at, usize::MAX);
        });
    }

    fn change_view(&mut self, kind: u8, told: bool) {
        self.was_cut = true;
        let old = server_at(self.view.master);
        let next = (old + 1) % SERVERS;
        let (phase, master, links) = match kind {
            0 => (Phase::Steady, 0, LinkState::Up),
            1 => (Phase::Steady, 1, LinkState::Up),
            2 => (Phase::Steady, old, LinkState::Down),
            3 => (Phase::Switching, old, LinkState::Up),
            4 => (Phase::Lost, old, LinkState::Stale),
            // As it should be: the old one follows the new one.
            _ => {
                self.becomes(old, Is::Replica);
                self.becomes(next, Is::Master);
                (Phase::Steady, next, LinkState::Up)
            }
        };
        self.publish_view(phase, master, links, told);
    }

    fn publish_view(&mut self, phase: Phase, master: usize, links: LinkState, told: bool) {
        self.view = view(self.view.epoch.0 + 1, phase, master, links);
        for who in 0..if told { self.clients.len() } else { 0 } {
            self.learn(who);
        }
    }

    fn learn(&mut self, who: usize) {
        let (epoch, view) = (self.view.epoch.0, self.view.clone());
        if std::mem::replace(&mut self.clients[who].seen, epoch) != epoch {
            self.step(who, Event::View(view));
        }
    }

    fn leave(&mut self, who: usize) {
        if self.clients[who].gone.is_none() {
            self.clients[who].left = true;
            self.over(who, Why::ClientLeft);
        }
    }

    /// A client reads, and its turn ends.
    fn read(&mut self, who: usize, n: usize) {
        let client = &mut self.clients[who];
        if client.gone.is_some() {
            return;
        }
        let n = n.min(client.session.to_client().len());
        client.heard.extend_from_slice(&client.session.to_client()[..n]);
        client.session.delivered(n);
        if client.session.to_client().is_empty() {
            self.act_for(who);
        }
        let client = &mut self.clients[who];
        client.session.take_stats();
        client.session.reclaim(&mut self.spare);
        self.understand(who);
        if let Some((at, _)) = self.clients[who].at {
            self.is_jammed(at);
        }
    }

    fn lend(&mut self, who: usize) {
        self.clients[who].session.lend(&mut self.spare);
    }

    /// The replies in what a client has heard.
    fn understand(&mut self, who: usize) {
        let client = &mut self.clients[who];
        let mut at = 0;
        while let Some((mut value, len)) =
            resp::decode(&client.heard[at..], &resp::Limits::REPLIES).expect("a client hears replies")
        {
            at += len;
            if judge::is_message(&value, client) {
                continue;
            }
            if let Value::Bulk(text) = &mut value {
                text.truncate(text.trim_ascii_end().len());
                text.shrink_to_fit();
            }
            client.replies.push(value);
        }
        client.heard.drain(..at);
    }

    /// Everyone does all that there is to do, but for one, who does not read.
    fn turn(&mut self, slow: usize) {
        self.with_each(|world, at| world.connected(at, true));
        for place in 0..CLIENTS {
            self.say(self.present[place]);
            self.push(self.present[place], usize::MAX);
        }
        self.with_each(|world, at| world.flush(at, usize::MAX));
        self.with_each(|world, at| {
            if !world.connections[&at].ended && world.serves(at) {
                world.process(at, usize::MAX);
            }
        });
        self.with_each(|world, at| world.reply(at, usize::MAX));
        for place in 0..CLIENTS {
            if place != slow {
                self.read(self.present[place], usize::MAX);
            }
        }
    }

    // How it ends.

    fn end(&mut self) {
        if self.setting.dies_first {
            self.die();
        }
        self.heal();
        // Once more, to see what a new connection is told.
        self.hangup(false);
        for place in 0..CLIENTS {
            self.ask_at_last(self.present[place]);
        }
        self.heal();
        // On what they share, if nothing speaks against it.
        for place in 0..CLIENTS {
            self.ask(self.present[place], op::Ask::Read, true);
        }
        self.heal();
        self.check();
        self.empty();
    }

    /// Nobody serves anybody: each is told so, or let go, in time.
    fn die(&mut self) {
        for server in 0..SERVERS {
            self.becomes(server, Is::Gone);
        }
        self.publish_view(Phase::Lost, 0, LinkState::Down, true);
        self.hangup(false);
        // What is not read yet waits in turn: all that a client said comes in so many portions.
        let portions = self.clients.iter().map(|client| 4 + client.says.len() / self.setting.hold_bytes).max();
        for _ in 0..=portions.unwrap_or(1) * 11 {
            self.turn(CLIENTS);
            if self.present.iter().all(|who| self.is_answered(*who)) {
                return;
            }
            self.act(Op::Pass(100));
        }
        self.complain();
    }

    fn complain(&self) {
        for who in self.present {
            let client = &self.clients[who];
            let explained = client.session.explain(self.now);
            println!("{who}: {} of {} {:?} {explained}", client.replies.len(), client.asked.len(), client.gone);
        }
        panic!("R3: somebody is unanswered");
    }

    fn is_answered(&self, who: usize) -> bool {
        let client = &self.clients[who];
        client.gone.is_some() || (client.replies.len() == client.asked.len() && !client.ended)
    }

    /// The world becomes kind: everyone does what it should until nothing is left to do.
    fn heal(&mut self) {
        self.data.revoked = [false; 3];
        for server in 1..SERVERS {
            self.becomes(server, Is::Replica);
        }
        self.becomes(0, Is::Master);
        self.publish_view(Phase::Steady, 0, LinkState::Up, true);
        for _ in 0..600 {
            self.turn(CLIENTS);
            self.feed(0);
            self.act(Op::Pass(5));
            if self.present.iter().all(|who| self.is_answered(*who)) {
                return;
            }
        }
        self.complain();
    }

    /// Everyone goes, and nothing is left.
    fn empty(&mut self) {
        for who in self.present {
            self.leave(who);
        }
        for _ in 0..3 {
            self.act(Op::Pass(31_000));
        }
        let left = self.connections.values_mut().map(|c| c.lane().map(|lane| lane.deadline()));
        let left: Vec<_> = left.collect();
        assert!(left.is_empty(), "nobody needs these connections: {left:?}");
    }
}
