//! Several clients over shared connections: nobody gets another's reply, nothing is executed twice, nothing stays unanswered.
//!
//! One server, which keeps what it executed. It may end any connection at any moment, with or without having executed what is on
//! its way; clients may be slow, and may leave.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use machine::Instant;
use proptest::prelude::*;
use resp::{Request, RequestScanner, Value};
use session::lane::{Lane, Taken};
use session::{Action, Conn, Event, Pool, Rules, Session};
use view::{Epoch, Phase, View};

#[derive(Clone, Copy, Debug)]
enum Ask {
    Write,
    Read,
    /// A reply larger than a session may leave unread.
    Large,
    Select(u8),
    /// MULTI, a write, EXEC.
    Transaction,
}

#[derive(Clone, Debug)]
enum Op {
    Ask(usize, Ask),
    /// The driver moves what it can of this client's requests.
    Push(usize),
    /// So many bytes of the lane, or of this client's own connection, go out.
    Flush(usize, usize),
    Process(usize),
    Reply(usize, usize),
    Read(usize, usize),
    Connected,
    Hangup(bool),
    Leave(usize),
    Pass(u64),
}

const CLIENTS: usize = 4;

struct Client {
    session: Session,
    asked: Vec<String>,
    heard: Vec<u8>,
    gone: bool,
    /// Which of the connections, and its seat if that is shared.
    at: Option<(usize, Option<usize>, Conn)>,
}

struct Connection {
    /// `None`: it is one client's own.
    lane: Option<Lane<usize>>,
    identity: Vec<u8>,
    made: bool,
    inbox: Vec<u8>,
    outbox: VecDeque<u8>,
    db: u8,
    multi: Option<Vec<String>>,
}

struct World {
    now: Instant,
    clients: Vec<Client>,
    connections: BTreeMap<usize, Connection>,
    next: usize,
    executed: Vec<String>,
}

impl World {
    fn new() -> Self {
        let rules = Rules { pool: Pool::Shared, hold: Duration::from_secs(1), ..Rules::default() };
        let (rules, view) = (Arc::new(rules), view());
        let client = |_| Client {
            session: Session::new(rules.clone(), view.clone(), Rc::default()),
            asked: Vec::new(),
            heard: Vec::new(),
            gone: false,
            at: None,
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { now: Instant::START, clients, connections: BTreeMap::new(), next: 0, executed: Vec::new() }
    }

    fn act(&mut self, op: &Op) {
        match *op {
            Op::Ask(who, ask) => self.ask(who, ask),
            Op::Push(who) => self.push(who),
            Op::Flush(which, n) => self.flush(which, n),
            Op::Process(n) => self.process_all(n),
            Op::Reply(which, n) => self.reply(which, n),
            Op::Read(who, n) => self.read(who, n),
            Op::Connected => self.connected(),
            Op::Hangup(executes) => self.hangup(executes),
            Op::Leave(who) => self.leave(who),
            Op::Pass(ms) => {
                self.now += Duration::from_millis(ms);
                for who in 0..CLIENTS {
                    self.clients[who].session.wake(self.now);
                    self.drain(who);
                }
            }
        }
    }

    fn ask(&mut self, who: usize, ask: Ask) {
        let client = &mut self.clients[who];
        let mut bytes = Vec::new();
        let mut say = |asked: &mut Vec<String>, words: &[&str]| {
            resp::write::command(&mut bytes, words);
            asked.push(words.join(" "));
        };
        let id = format!("{who}-{}", client.asked.len());
        match ask {
            Ask::Write => say(&mut client.asked, &["SET", &id, "v"]),
            Ask::Read => say(&mut client.asked, &["GET", &id]),
            Ask::Large => say(&mut client.asked, &["LRANGE", &id, "0", "-1"]),
            Ask::Select(n) => say(&mut client.asked, &["SELECT", &n.to_string()]),
            Ask::Transaction => {
                say(&mut client.asked, &["MULTI"]);
                say(&mut client.asked, &["SET", &id, "v"]);
                say(&mut client.asked, &["EXEC"]);
            }
        }
        self.step(who, Event::ClientBytes(&bytes));
    }

    fn step(&mut self, who: usize, event: Event<'_>) {
        if !self.clients[who].gone {
            self.clients[who].session.handle(self.now, event);
            self.drain(who);
        }
    }

    fn drain(&mut self, who: usize) {
        while let Some(action) = self.clients[who].session.poll() {
            match action {
                Action::Connect { conn, .. } => {
                    assert!(self.clients[who].at.is_none(), "one at a time");
                    let at = self.open(None, Vec::new());
                    self.clients[who].at = Some((at, None, conn));
                }
                Action::Share { conn, .. } => self.share(who, conn),
                Action::CloseServer { .. } | Action::Release { .. } => self.detach(who),
                Action::CloseClient { .. } => self.gone(who),
            }
        }
    }

    fn open(&mut self, lane: Option<Lane<usize>>, identity: Vec<u8>) -> usize {
        self.next += 1;
        let connection =
            Connection { lane, identity, made: false, inbox: Vec::new(), outbox: VecDeque::new(), db: 0, multi: None };
        self.connections.insert(self.next, connection);
        self.next
    }

    fn share(&mut self, who: usize, conn: Conn) {
        let identity = self.clients[who].session.identity();
        let there = self.connections.iter().find(|(_, c)| c.lane.is_some() && c.identity == identity).map(|(n, _)| *n);
        let at = there.unwrap_or_else(|| {
            let lane = Lane::new(self.now, identity.clone().into(), Duration::from_secs(9));
            self.open(Some(lane), identity)
        });
        let lane = self.connections.get_mut(&at).unwrap().lane.as_mut().unwrap();
        let seat = lane.join(who, conn);
        let is_open = lane.is_open();
        self.clients[who].at = Some((at, Some(seat), conn));
        if is_open {
            self.step(who, Event::ServerReady { conn });
        }
    }

    fn detach(&mut self, who: usize) {
        let Some((at, seat, _)) = self.clients[who].at.take() else { return };
        let connection = self.connections.get_mut(&at).unwrap();
        match (&mut connection.lane, seat) {
            (Some(lane), Some(seat)) => lane.leave(self.now, seat),
            // What is on its way to a server is executed there.
            _ => {
                self.process(at, usize::MAX);
                self.connections.remove(&at);
            }
        }
    }

    fn gone(&mut self, who: usize) {
        self.clients[who].gone = true;
        self.detach(who);
    }

    fn leave(&mut self, who: usize) {
        if !self.clients[who].gone {
            self.gone(who);
        }
    }

    fn push(&mut self, who: usize) {
        let client = &mut self.clients[who];
        let Some((at, seat, _)) = client.at else { return };
        let connection = self.connections.get_mut(&at).unwrap();
        let n = client.session.to_server().len();
        match (&mut connection.lane, seat) {
            (Some(lane), Some(seat)) => {
                let taken = lane.push(seat, client.session.to_server(), client.session.unsent_requests());
                client.session.sent(if taken { n } else { 0 });
            }
            _ if connection.made => {
                connection.inbox.extend_from_slice(client.session.to_server());
                client.session.sent(n);
            }
            _ => {}
        }
    }

    fn nth(&self, which: usize) -> Option<usize> {
        self.connections.keys().nth(which % self.connections.len().max(1)).copied()
    }

    fn flush(&mut self, which: usize, n: usize) {
        let Some(connection) = self.nth(which).and_then(|at| self.connections.get_mut(&at)) else { return };
        if let Some(lane) = &mut connection.lane
            && connection.made
        {
            let n = n.min(lane.to_server().len());
            connection.inbox.extend_from_slice(&lane.to_server()[..n]);
            lane.sent(n);
        }
    }

    fn connected(&mut self) {
        let new: Vec<usize> = self.connections.iter().filter(|(_, c)| !c.made).map(|(n, _)| *n).collect();
        for at in new {
            let connection = self.connections.get_mut(&at).unwrap();
            connection.made = true;
            match &mut connection.lane {
                Some(lane) => {
                    if lane.on_connected() {
                        self.tell_all(at, |conn| Event::ServerReady { conn });
                    }
                }
                None => {
                    let owner = (0..CLIENTS).find(|who| self.clients[*who].at.is_some_and(|(a, ..)| a == at));
                    if let Some(who) = owner {
                        let (.., conn) = self.clients[who].at.unwrap();
                        self.step(who, Event::ServerConnected { conn });
                    }
                }
            }
        }
    }

    fn tell_all(&mut self, at: usize, event: impl Fn(Conn) -> Event<'static>) {
        let members: Vec<_> = self.connections[&at].lane.as_ref().unwrap().members().collect();
        for (who, conn) in members {
            self.step(who, event(conn));
        }
    }

    fn process_all(&mut self, n: usize) {
        for at in self.connections.keys().copied().collect::<Vec<_>>() {
            self.process(at, n);
        }
    }

    fn process(&mut self, at: usize, n: usize) {
        for _ in 0..n {
            let connection = self.connections.get_mut(&at).unwrap();
            let Ok(Some(Request::Command(request))) = RequestScanner::default().next(&connection.inbox) else { return };
            let text = |w: &[u8]| String::from_utf8_lossy(w).into_owned();
            let words: Vec<String> = request.arguments(&connection.inbox).map(text).collect();
            connection.inbox.drain(..request.len());
            let reply = match words[0].as_str() {
                "MULTI" => {
                    connection.multi = Some(Vec::new());
                    "+OK\r\n".to_owned()
                }
                "EXEC" => {
                    let ids = connection.multi.take().unwrap();
                    let replies: Vec<String> = ids.iter().map(|id| format!("+{id}.{}\r\n", connection.db)).collect();
                    self.executed.extend(ids);
                    format!("*{}\r\n{}", replies.len(), replies.concat())
                }
                _ if connection.multi.is_some() => {
                    connection.multi.as_mut().unwrap().push(words[1].clone());
                    "+QUEUED\r\n".to_owned()
                }
                "SELECT" => {
                    connection.db = words[1].parse().unwrap();
                    "+OK\r\n".to_owned()
                }
                "SET" => {
                    self.executed.push(words[1].clone());
                    format!("+{}.{}\r\n", words[1], connection.db)
                }
                "LRANGE" => {
                    let text = format!("{}.{}{:>65000}", words[1], connection.db, "");
                    format!("${}\r\n{text}\r\n", text.len())
                }
                _ => format!("+{}.{}\r\n", words[1], connection.db),
            };
            self.connections.get_mut(&at).unwrap().outbox.extend(reply.bytes());
        }
    }

    fn reply(&mut self, which: usize, n: usize) {
        let Some(at) = self.nth(which) else { return };
        let connection = self.connections.get_mut(&at).unwrap();
        let n = n.min(connection.outbox.len());
        if connection.lane.is_none() {
            let Some(who) = (0..CLIENTS).find(|who| self.clients[*who].at.is_some_and(|(a, ..)| a == at)) else {
                return;
            };
            if n > 0 && self.clients[who].session.wants_server_bytes() {
                let bytes: Vec<u8> = connection.outbox.drain(..n).collect();
                let (.., conn) = self.clients[who].at.unwrap();
                self.step(who, Event::ServerBytes { conn, bytes: &bytes });
            }
            return;
        }
        let bytes: Vec<u8> = connection.outbox.drain(..n).collect();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let lane = self.connections.get_mut(&at).unwrap().lane.as_mut().unwrap();
            let len = match lane.take(rest).expect("the server behaves") {
                Taken::For { client, conn, len } => {
                    self.step(client, Event::ServerBytes { conn, bytes: &rest[..len] });
                    len
                }
                Taken::Nobody { len } => len,
                Taken::Ready { len } => {
                    self.tell_all(at, |conn| Event::ServerReady { conn });
                    len
                }
                Taken::Refused | Taken::NotYet => panic!("this server takes everybody"),
            };
            assert!(len > 0, "it gets on");
            rest = &rest[len..];
        }
        while let Some((who, _)) = self.connections.get_mut(&at).unwrap().lane.as_mut().unwrap().next_waiting() {
            self.push(who);
        }
    }

    fn read(&mut self, who: usize, n: usize) {
        let client = &mut self.clients[who];
        let n = n.min(client.session.to_client().len());
        client.heard.extend_from_slice(&client.session.to_client()[..n]);
        client.session.delivered(n);
        // A driver asks for what follows when all is delivered. Before that, room makes requests go out, and orders nothing.
        let order = if client.session.to_client().is_empty() { None } else { client.session.poll() };
        assert_eq!(order, None, "nobody would carry it out");
        self.drain(who);
    }

    /// All connections end.
    fn hangup(&mut self, executes: bool) {
        if executes {
            self.process_all(usize::MAX);
        }
        for at in self.connections.keys().copied().collect::<Vec<_>>() {
            let connection = self.connections.remove(&at).unwrap();
            let members = match &connection.lane {
                Some(lane) => lane.ended(),
                None => (0..CLIENTS)
                    .filter_map(|who| self.clients[who].at.filter(|(a, ..)| *a == at).map(|(.., conn)| (who, conn, 0)))
                    .collect(),
            };
            for (who, conn, bytes) in members {
                self.clients[who].at = None;
                self.step(who, Event::ServerUnsent { conn, bytes });
                self.step(who, Event::ServerClosed { conn });
            }
        }
    }

    fn heal(&mut self) {
        for _ in 0..600 {
            self.act(&Op::Connected);
            for n in 0..CLIENTS {
                self.act(&Op::Push(n));
            }
            for n in 0..self.connections.len() {
                self.act(&Op::Flush(n, usize::MAX));
            }
            self.act(&Op::Process(usize::MAX));
            for n in 0..self.connections.len() {
                self.act(&Op::Reply(n, usize::MAX));
            }
            for n in 0..CLIENTS {
                self.act(&Op::Read(n, usize::MAX));
            }
            self.act(&Op::Pass(5));
            if (0..CLIENTS).all(|n| self.clients[n].gone || self.heard(n).len() == self.clients[n].asked.len()) {
                return;
            }
        }
        for client in &self.clients {
            println!("{}", client.session.explain(self.now));
        }
        panic!("R3: somebody is unanswered");
    }

    fn heard(&self, who: usize) -> Vec<Value> {
        let mut rest = self.clients[who].heard.as_slice();
        let mut replies = Vec::new();
        while let Ok(Some((value, len))) = resp::decode(rest, &resp::Limits::REPLIES) {
            replies.push(value);
            rest = &rest[len..];
        }
        replies
    }

    fn check(&self) {
        let mut once = self.executed.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), self.executed.len(), "R2: {:?}", self.executed);
        for (who, client) in self.clients.iter().enumerate() {
            let mut db = 0;
            let mut queued = None;
            for (asked, reply) in client.asked.iter().zip(self.heard(who)) {
                let words: Vec<&str> = asked.split(' ').collect();
                let own = |id: &str| format!("{id}.{db}");
                let text = text(&reply);
                match words[0] {
                    "SELECT" => db = words[1].parse::<u8>().unwrap(),
                    "MULTI" => queued = Some(None),
                    "EXEC" => assert_eq!(text, own(queued.take().unwrap().unwrap()), "R1: {asked}"),
                    _ if queued.is_some() => {
                        assert_eq!(text, "QUEUED", "R1: {asked}");
                        queued = Some(Some(words[1]));
                    }
                    _ => assert_eq!(text, own(words[1]), "R1: client {who} {asked}"),
                }
                if words[0] == "SET" && queued.is_none() {
                    assert!(self.executed.iter().any(|id| id == words[1]), "what is acknowledged was done: {asked}");
                }
            }
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Simple(s) | Value::Error(s) | Value::Bulk(s) => String::from_utf8_lossy(s).trim_end().to_owned(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(" "),
        other => format!("{other:?}"),
    }
}

fn view() -> Arc<View> {
    Arc::new(View {
        group: "g".into(),
        epoch: Epoch(1),
        phase: Phase::Steady,
        master: ([10, 0, 0, 1], 1).into(),
        replicas: Vec::new(),
    })
}

fn op() -> impl Strategy<Value = Op> {
    let who = 0..CLIENTS;
    let ask = prop_oneof![
        6 => Just(Ask::Write),
        6 => Just(Ask::Read),
        1 => Just(Ask::Large),
        1 => (0..3_u8).prop_map(Ask::Select),
        1 => Just(Ask::Transaction),
    ];
    let bytes = || prop_oneof![1 => 1..60_usize, 3 => Just(usize::MAX)];
    prop_oneof![
        12 => (who.clone(), ask).prop_map(|(who, ask)| Op::Ask(who, ask)),
        10 => who.clone().prop_map(Op::Push),
        8 => (0..6_usize, bytes()).prop_map(|(which, n)| Op::Flush(which, n)),
        8 => (1..8_usize).prop_map(Op::Process),
        10 => (0..6_usize, bytes()).prop_map(|(which, n)| Op::Reply(which, n)),
        8 => (who.clone(), bytes()).prop_map(|(who, n)| Op::Read(who, n)),
        6 => Just(Op::Connected),
        1 => any::<bool>().prop_map(Op::Hangup),
        1 => who.prop_map(Op::Leave),
        2 => (0..30_u64).prop_map(Op::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, max_shrink_iters: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn nobody_gets_anothers_reply(ops in prop::collection::vec(op(), 0..200)) {
        let mut world = World::new();
        for op in &ops {
            world.act(op);
        }
        world.heal();
        world.check();
    }
}
