//! Random clients, random splits, random servers, random views: R1, R2 and R3 hold in all of them.
//!
//! The world is as unkind as the real one: a server may execute what it was sent after the session gave it up, may be
//! demoted before the view says so, may hang up after executing and before answering. Data is shared between the two servers
//! (replication that never lags), so that what must not happen can be told from what was merely lost.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use machine::Instant;
use proptest::prelude::*;
use resp::Value;
use session::{Action, Conn, Event, OnUnknown, Pool, Role, Rules, Session, Why};
use view::{Epoch, LinkState, Offset, Phase, Replica, View};

mod reader;
mod server;

/// What a client may ask. Its place in the client's order is its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    Write,
    /// More than a session keeps.
    Large,
    Pop,
    Read,
    LongRead,
    Select(u8),
    Multi,
    Exec,
    Discard,
    Watch,
    Unwatch,
    /// Outside of transactions, in which it is another thing.
    Subscribe(u8),
    Unsubscribe(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Master,
    Replica,
    Loading,
}

#[derive(Clone, Debug)]
enum Op {
    Ask(Ask),
    /// Up to so many bytes of what the client said arrive.
    ClientBytes(usize),
    ToServer(usize),
    /// The server handles up to so many requests.
    Process(usize),
    FromServer(usize),
    ToClient(usize),
    Connected(bool),
    /// The server's connection ends; whether what it had was executed before.
    Hangup(bool),
    Becomes(usize, Is),
    View(u8),
    /// Somebody says something to who listens.
    Publish,
    Pass(u64),
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        6 => Just(Ask::Write),
        4 => Just(Ask::Large),
        1 => Just(Ask::Pop),
        6 => Just(Ask::Read),
        1 => Just(Ask::LongRead),
        1 => (0..4_u8).prop_map(Ask::Select),
        2 => Just(Ask::Multi),
        2 => Just(Ask::Exec),
        1 => Just(Ask::Discard),
        1 => Just(Ask::Watch),
        1 => Just(Ask::Unwatch),
        2 => (0..2_u8).prop_map(Ask::Subscribe),
        2 => (0..2_u8).prop_map(Ask::Unsubscribe),
    ]
}

fn bytes() -> impl Strategy<Value = usize> {
    prop_oneof![1 => 1..40_usize, 3 => Just(usize::MAX)]
}

fn op() -> impl Strategy<Value = Op> {
    let is = prop_oneof![Just(Is::Master), Just(Is::Replica), Just(Is::Loading)];
    prop_oneof![
        12 => ask().prop_map(Op::Ask),
        10 => bytes().prop_map(Op::ClientBytes),
        10 => bytes().prop_map(Op::ToServer),
        8 => (1..6_usize).prop_map(Op::Process),
        8 => bytes().prop_map(Op::FromServer),
        6 => bytes().prop_map(Op::ToClient),
        6 => prop::bool::weighted(0.8).prop_map(Op::Connected),
        1 => any::<bool>().prop_map(Op::Hangup),
        2 => (0..2_usize, is).prop_map(|(n, is)| Op::Becomes(n, is)),
        2 => (0..5_u8).prop_map(Op::View),
        2 => Just(Op::Publish),
        4 => prop_oneof![0..30_u64, Just(600), Just(1_100)].prop_map(Op::Pass),
    ]
}

/// One connection, as its server knows it.
#[derive(Debug, Default)]
struct Link {
    server: usize,
    inbox: Vec<u8>,
    outbox: VecDeque<u8>,
    db: u8,
    multi: Option<Vec<(usize, String)>>,
    dirty: bool,
    watching: bool,
    listens: BTreeSet<String>,
}

struct World {
    now: Instant,
    session: Session,
    asked: Vec<Ask>,
    says: VecDeque<u8>,
    heard: Vec<u8>,
    connecting: Option<(Conn, usize)>,
    link: Option<(Conn, Link)>,
    /// The connection that is there or is being made is not only the session's.
    shared: bool,
    /// A connection that the session gave back, with what it had said on it.
    spare: Option<(Vec<u8>, Link)>,
    servers: [Is; 2],
    epoch: u64,
    /// Ids of executed writes, in the order of execution, on whichever server.
    executed: Vec<usize>,
    /// EXECs that were executed, and whether their connection was watching.
    watching: BTreeMap<usize, bool>,
    on_unknown: OnUnknown,
    closed: bool,
}

const HOLD: Duration = Duration::from_secs(1);

fn addr(n: usize) -> std::net::SocketAddr {
    ([127, 0, 0, 1], 7000 + u16::try_from(n).unwrap()).into()
}

fn view(epoch: u64, phase: Phase, master: usize, link: LinkState) -> Arc<View> {
    let replica = Replica { addr: addr(1 - master), link, offset: Offset(0), lag: None, weight: view::USUAL_WEIGHT };
    Arc::new(View { group: "g".into(), epoch: Epoch(epoch), phase, master: addr(master), replicas: vec![replica] })
}

impl World {
    fn new(role: Role, pool: Pool, on_unknown: OnUnknown) -> Self {
        // A small bound, so that back-pressure takes part.
        let rules = Rules { role, pool, hold: HOLD, hold_bytes: 300, on_unknown, ..Rules::default() };
        let session = Session::new(Arc::new(rules), view(1, Phase::Steady, 0, LinkState::Up), Rc::default());
        Self {
            now: Instant::START,
            session,
            asked: Vec::new(),
            says: VecDeque::new(),
            heard: Vec::new(),
            connecting: None,
            link: None,
            shared: false,
            spare: None,
            servers: [Is::Master, Is::Replica],
            epoch: 1,
            executed: Vec::new(),
            watching: BTreeMap::new(),
            on_unknown,
            closed: false,
        }
    }

    fn step(&mut self, event: Event<'_>) {
        self.session.handle(self.now, event);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.session.poll() {
            match action {
                Action::Connect { conn, addr } | Action::Share { conn, addr } => {
                    assert!(self.connecting.is_none() && self.link.is_none(), "one connection at a time");
                    self.connecting = Some((conn, usize::from(addr.port() - 7000)));
                    self.shared = matches!(action, Action::Share { .. });
                }
                Action::Release { conn } => {
                    let (was, link) = self.link.take().expect("what is released was there");
                    assert_eq!((was, self.shared), (conn, false), "its own, the one it has");
                    assert!(link.inbox.is_empty() && link.outbox.is_empty(), "nothing is under way on it");
                    assert!(
                        link.multi.is_none() && !link.watching && link.listens.is_empty(),
                        "whoever gets it finds nothing on it"
                    );
                    self.spare = Some((self.session.words(), link));
                }
                Action::CloseServer { conn } => {
                    self.connecting.take_if(|(c, _)| *c == conn);
                    if let Some((_, link)) = self.link.take_if(|(c, _)| *c == conn) {
                        // What is on its way to a server is executed there, whether anyone waits for it or not.
                        self.process(&mut { link }, usize::MAX);
                    }
                }
                Action::KillBegun { .. } | Action::Killed { .. } | Action::KillOver { .. } => {
                    unreachable!("nobody says CLIENT KILL")
                }
                Action::CloseClient { why } => {
                    assert!(why != Why::UnknownFate || self.on_unknown == OnUnknown::Close, "it is told");
                    self.closed = true;
                }
            }
        }
    }

    fn wake(&mut self) {
        self.session.wake(self.now);
        self.drain();
        if let Some((at, timer)) = self.session.deadline() {
            assert!(at > self.now, "B2: {timer:?}");
        }
    }

    fn act(&mut self, op: Op) {
        match op {
            Op::Ask(ask) => self.ask(ask),
            Op::ClientBytes(n) => self.read_client(n),
            Op::ToServer(n) => self.write_server(n),
            Op::Process(n) => {
                if let Some((conn, mut link)) = self.link.take() {
                    self.process(&mut link, n);
                    self.link = Some((conn, link));
                }
            }
            Op::FromServer(n) => self.read_server(n),
            Op::ToClient(n) => self.write_client(n),
            Op::Connected(well) => {
                if let Some((conn, server)) = self.connecting.take() {
                    if well {
                        let (link, event) = self.made(conn, server);
                        self.link = Some((conn, link));
                        self.step(event);
                    } else {
                        self.step(Event::ServerFailed { conn });
                    }
                }
            }
            Op::Hangup(executes) => {
                if let Some((conn, mut link)) = self.link.take() {
                    if executes {
                        self.process(&mut link, usize::MAX);
                    } else if self.shared {
                        self.step(Event::ServerUnsent { conn, bytes: link.inbox.len() });
                    }
                    self.step(Event::ServerClosed { conn });
                }
            }
            Op::Becomes(n, is) => self.servers[n] = is,
            Op::View(n) => {
                self.epoch += 1;
                let (phase, master, link) = [
                    (Phase::Steady, 0, LinkState::Up),
                    (Phase::Steady, 1, LinkState::Up),
                    (Phase::Steady, 0, LinkState::Down),
                    (Phase::Switching, 0, LinkState::Up),
                    (Phase::Lost, 1, LinkState::Down),
                ][usize::from(n)];
                self.step(Event::View(view(self.epoch, phase, master, link)));
            }
            Op::Publish => {
                if let Some((_, link)) = &mut self.link
                    && !link.listens.is_empty()
                {
                    link.outbox.extend(b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n");
                }
            }
            Op::Pass(ms) => {
                self.now += Duration::from_millis(ms);
                self.wake();
            }
        }
    }

    /// A connection as the driver hands it to the session.
    fn made(&mut self, conn: Conn, server: usize) -> (Link, Event<'static>) {
        let fresh = Link { server, ..Link::default() };
        if self.shared {
            let mut link = fresh;
            link.inbox = self.session.identity();
            self.process(&mut link, usize::MAX);
            link.outbox.clear();
            return (link, Event::ServerReady { conn });
        }
        let words = self.session.words();
        match self.spare.take_if(|(said, link)| *said == words && link.server == server) {
            Some((_, link)) => (link, Event::ServerReady { conn }),
            None => (fresh, Event::ServerConnected { conn }),
        }
    }

    fn read_client(&mut self, n: usize) {
        if self.session.wants_client_bytes() && !self.says.is_empty() {
            let n = n.min(self.says.len());
            let bytes: Vec<u8> = self.says.drain(..n).collect();
            self.step(Event::ClientBytes(&bytes));
        }
    }

    fn write_server(&mut self, n: usize) {
        if let Some((_, link)) = &mut self.link {
            let bytes = self.session.to_server();
            // A shared connection takes whole requests.
            let n = if self.shared { bytes.len() } else { n.min(bytes.len()) };
            link.inbox.extend_from_slice(&bytes[..n]);
            self.session.sent(n);
        }
    }

    fn read_server(&mut self, n: usize) {
        if self.session.wants_server_bytes()
            && let Some((conn, link)) = &mut self.link
            && !link.outbox.is_empty()
        {
            let n = n.min(link.outbox.len());
            let bytes: Vec<u8> = link.outbox.drain(..n).collect();
            let conn = *conn;
            self.step(Event::ServerBytes { conn, bytes: &bytes });
        }
    }

    fn write_client(&mut self, n: usize) {
        let n = n.min(self.session.to_client().len());
        self.heard.extend_from_slice(&self.session.to_client()[..n]);
        self.session.delivered(n);
        self.drain();
    }

    fn ask(&mut self, ask: Ask) {
        let id = self.asked.len();
        let ends = self.asked.iter().rev().find(|a| matches!(a, Ask::Multi | Ask::Exec | Ask::Discard));
        let ask = match ask {
            Ask::Subscribe(_) | Ask::Unsubscribe(_) if ends == Some(&Ask::Multi) => Ask::Read,
            other => other,
        };
        self.asked.push(ask);
        let words = match ask {
            Ask::Write => format!("SET {id} v"),
            Ask::Large => format!("SET {id} {}", "v".repeat(700)),
            Ask::Pop => format!("BLPOP {id} 0"),
            Ask::Read => format!("GET {id}"),
            Ask::LongRead => format!("LRANGE {id} 0 -1"),
            Ask::Select(n) => format!("SELECT {n}"),
            Ask::Multi => "MULTI".to_owned(),
            Ask::Exec => "EXEC".to_owned(),
            Ask::Discard => "DISCARD".to_owned(),
            Ask::Watch => format!("WATCH {id}"),
            Ask::Unwatch => "UNWATCH".to_owned(),
            Ask::Subscribe(n) => format!("SUBSCRIBE c{n}"),
            Ask::Unsubscribe(n) => format!("UNSUBSCRIBE c{n}"),
        };
        let words: Vec<&str> = words.split(' ').collect();
        let mut bytes = Vec::new();
        resp::write::command(&mut bytes, &words);
        self.says.extend(bytes);
    }

    /// The world becomes kind: everyone does what it should until nothing is left to do.
    fn heal(&mut self) {
        self.servers = [Is::Master, Is::Replica];
        self.act(Op::View(0));
        // At the end once more, to see what a new connection is told.
        let mut was_cut = false;
        for _ in 0..2_000 {
            for op in [
                Op::Connected(true),
                Op::ClientBytes(usize::MAX),
                Op::ToServer(usize::MAX),
                Op::Process(usize::MAX),
                Op::FromServer(usize::MAX),
                Op::ToClient(usize::MAX),
                Op::Pass(5),
            ] {
                if self.closed {
                    return;
                }
                self.act(op);
            }
            if self.says.is_empty() && self.replies().len() == self.asked.len() && self.listens_where_it_believes() {
                if was_cut {
                    return;
                }
                was_cut = true;
                self.act(Op::Hangup(false));
            }
        }
        panic!("R3: {} of {} answered: {}", self.replies().len(), self.asked.len(), self.session.explain(self.now));
    }

    fn replies(&self) -> Vec<Value> {
        let mut rest = self.heard.as_slice();
        let mut replies = Vec::new();
        while let Ok(Some((value, len))) = resp::decode(rest, &resp::Limits::REPLIES) {
            if value.as_array().is_none_or(|items| items.first() != Some(&Value::bulk("message"))) {
                replies.push(value);
            }
            rest = &rest[len..];
        }
        replies
    }

    /// Whether the server tells the client what the client thinks that it listens to.
    fn listens_where_it_believes(&self) -> bool {
        let replies = self.replies();
        let mut reader = reader::Reader::new(self, &replies);
        for (id, reply) in replies.iter().enumerate() {
            reader.hears(id, reply);
        }
        let there = self.link.as_ref().map(|(_, link)| link.listens.clone()).unwrap_or_default();
        there == reader.listens
    }

    /// Reads the client's conversation as the client does, and compares it with what happened.
    fn check(&self) {
        let replies = self.replies();
        assert!(replies.len() <= self.asked.len(), "R1: one reply each");
        let mut twice = self.executed.clone();
        twice.sort_unstable();
        twice.dedup();
        assert_eq!(twice.len(), self.executed.len(), "R2: {:?}", self.executed);
        assert!(self.executed.is_sorted(), "writes are executed in the client's order: {:?}", self.executed);

        let mut reader = reader::Reader::new(self, &replies);
        for (id, reply) in replies.iter().enumerate() {
            reader.hears(id, reply);
        }
        // What was acknowledged by nobody was executed at most once: checked above. What waited and expired, never.
    }
}

fn run(role: Role, pool: Pool, on_unknown: OnUnknown, ops: Vec<Op>) {
    let mut world = World::new(role, pool, on_unknown);
    for op in ops {
        if world.closed {
            break;
        }
        world.act(op);
    }
    if !world.closed {
        world.heal();
    }
    world.check();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_250, failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn a_client_of_the_master_is_never_deceived(ops in prop::collection::vec(op(), 0..150)) {
        run(Role::Master, Pool::Session, OnUnknown::Close, ops);
    }

    #[test]
    fn a_client_of_the_master_that_is_told_is_never_deceived(ops in prop::collection::vec(op(), 0..150)) {
        run(Role::Master, Pool::Session, OnUnknown::Error, ops);
    }

    #[test]
    fn a_client_of_the_master_with_a_part_in_a_connection_is_never_deceived(ops in prop::collection::vec(op(), 0..150)) {
        run(Role::Master, Pool::Shared, OnUnknown::Close, ops);
    }

    #[test]
    fn a_client_of_the_master_with_a_part_in_a_connection_that_is_told_is_never_deceived(ops in prop::collection::vec(op(), 0..150)) {
        run(Role::Master, Pool::Shared, OnUnknown::Error, ops);
    }

    #[test]
    fn a_client_of_a_replica_is_never_deceived(ops in prop::collection::vec(op(), 0..150)) {
        run(Role::Replica, Pool::Session, OnUnknown::Close, ops);
    }

    #[test]
    fn a_client_of_a_replica_that_is_told_is_never_deceived(ops in prop::collection::vec(op(), 0..150)) {
        run(Role::Replica, Pool::Session, OnUnknown::Error, ops);
    }

    #[test]
    fn a_client_of_a_replica_with_a_part_in_a_connection_is_never_deceived(ops in prop::collection::vec(op(), 0..150)) {
        run(Role::Replica, Pool::Shared, OnUnknown::Close, ops);
    }

    #[test]
    fn a_client_of_a_replica_with_a_part_in_a_connection_that_is_told_is_never_deceived(ops in prop::collection::vec(op(), 0..150)) {
        run(Role::Replica, Pool::Shared, OnUnknown::Error, ops);
    }
}
