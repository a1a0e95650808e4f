//! What must hold for any bytes of a client, any bytes of a server, any events at any time. Shared by the property tests, the replay
//! of the fuzz target's corpus and the target itself.
//!
//! Two worlds. In the *plain* one a server answers each request once, with any reply that is well-formed: the client gets exactly
//! that. In the *wild* one it says anything, and ends and comes when it likes: nothing breaks, bounds are kept, and when all is
//! silent, everything comes to an end in time.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use machine::Instant;
use resp::RequestScanner;
use session::lane::{Lane, Taken};
use session::{Action, Conn, Event, OnUnknown, Pool, Role, Rules, Session, Spare};
use view::{Epoch, LinkState, Offset, Phase, Replica, View};

/// What was written down, taken from the front.
struct Script<'a>(&'a [u8]);

/// A session with what a driver has for it.
struct Bench {
    now: Instant,
    rules: Rules,
    session: Session,
    epoch: u64,
    at: Option<At>,
    heard: Vec<u8>,
    spare: Spare,
    is_plain: bool,
    is_closed: bool,
    /// It awaits the answer to a CLIENT KILL.
    kills: bool,
    has_left: bool,
    /// What the server got and has not answered, and all that it said.
    inbox: Vec<u8>,
    requests: RequestScanner,
    said: Vec<u8>,
}

/// Its connection.
struct At {
    conn: Conn,
    made: bool,
    /// The lane and its seat there, if it is shared; somebody else has one, too.
    lane: Option<(Box<Lane<u8>>, usize, usize)>,
}

const ME: u8 = 1;
const OTHER: u8 = 2;
/// What a driver reads at once.
const MOUTHFUL: usize = 16 * 1024;
const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// What clients say.
const REQUESTS: [&str; 32] = [
    "GET a",
    "SET a 1",
    "MULTI",
    "EXEC",
    "DISCARD",
    "WATCH a",
    "UNWATCH",
    "SUBSCRIBE c d",
    "UNSUBSCRIBE",
    "PSUBSCRIBE c*",
    "HELLO 3",
    "HELLO 2 AUTH u p",
    "AUTH p",
    "SELECT 1",
    "RESET",
    "QUIT",
    "MONITOR",
    "CLIENT REPLY OFF",
    "CLIENT TRACKING ON",
    "CLIENT CACHING YES",
    "CLIENT ID",
    "CLIENT SETNAME n",
    "CLIENT NO-EVICT ON",
    "BLPOP a 0",
    "WAIT 0 0",
    "EVAL x 0",
    "FOO a",
    "GET b",
    "INCR b",
    "PING",
    "UNSUBSCRIBE c",
    "CLIENT TRACKING ON BCAST PREFIX p REDIRECT 3",
];

/// What servers say: whole, of every kind.
const REPLIES: [&str; 24] = [
    "+OK\r\n",
    ":1\r\n",
    "$-1\r\n",
    "*-1\r\n",
    "_\r\n",
    "$5\r\nhello\r\n",
    "*2\r\n:1\r\n$1\r\na\r\n",
    "%1\r\n+a\r\n:1\r\n",
    "-ERR no\r\n",
    "+QUEUED\r\n",
    "*0\r\n",
    "~1\r\n#t\r\n",
    ",1.5\r\n",
    "(12345678901234567890\r\n",
    "=7\r\ntxt:abc\r\n",
    "!5\r\nERR x\r\n",
    "-EXECABORT no\r\n",
    "*1\r\n*1\r\n*1\r\n*0\r\n",
    "$0\r\n\r\n",
    "+\r\n",
    "-WRONGPASS no\r\n",
    "|1\r\n+ttl\r\n:1\r\n+with\r\n",
    "+RESET\r\n",
    "*3\r\n$4\r\npart\r\n$1\r\nc\r\n:1\r\n",
];

/// What only a server says that is not, or not yet, what it should be, or nobody asked; and what is half of something.
const STRANGE: [&str; 16] = [
    "-READONLY no\r\n",
    "-LOADING no\r\n",
    "-MASTERDOWN no\r\n",
    "-UNBLOCKED force unblock from x\r\n",
    "-EXECABORT Transaction discarded because: READONLY no\r\n",
    "-ERR max number of clients reached\r\n",
    "-ERR Protocol error: x\r\n",
    "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",
    ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",
    "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n",
    ">2\r\n$10\r\ninvalidate\r\n_\r\n",
    "*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n",
    ">3\r\n$10\r\npsubscribe\r\n$2\r\nc*\r\n:1\r\n",
    "*2\r\n",
    "$100000\r\nabc",
    "-LONG ",
];

const TIMES: [u64; 8] = [0, 1, 10, 20, 200, 600, 1_100, 5_100];

/// All of it.
pub(crate) fn run(data: &[u8]) {
    let mut script = Script(data);
    let (Some(first), Some(second)) = (script.byte(), script.byte()) else { return };
    let mut bench = Bench::new(first, second);
    while !bench.is_closed
        && let Some(kind) = script.byte()
    {
        if bench.is_plain {
            bench.act_plainly(kind, &mut script);
        } else {
            bench.act(kind, &mut script);
        }
        bench.check_bounds();
    }
    if bench.is_plain { bench.end_plainly() } else { bench.end() }
}

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// So many bytes as the next one says, as far as there are so many.
    fn bytes(&mut self) -> &'a [u8] {
        let n = usize::from(self.byte().unwrap_or_default()).min(self.0.len());
        let (bytes, rest) = self.0.split_at(n);
        self.0 = rest;
        bytes
    }

    /// Some or all of what there is.
    fn part(&mut self, of: usize) -> usize {
        match self.byte() {
            Some(n @ 1..) if n < 128 => usize::from(n).min(of),
            _ => of,
        }
    }

    fn one(&mut self, of: &[&'static str]) -> &'static str {
        of[usize::from(self.byte().unwrap_or_default()) % of.len()]
    }
}

fn view(epoch: u64, kind: u8) -> Arc<View> {
    let addr = |n: u16| ([10, 0, 0, 1], n).into();
    let (phase, master, link) = match kind % 6 {
        0 => (Phase::Steady, 1, LinkState::Up),
        1 => (Phase::Steady, 2, LinkState::Up),
        2 => (Phase::Steady, 1, LinkState::Down),
        3 => (Phase::Switching, 1, LinkState::Up),
        4 => (Phase::Lost, 1, LinkState::Stale),
        _ => (Phase::Lost, 2, LinkState::Down),
    };
    let other = Replica { addr: addr(3 - master), link, offset: Offset(0), lag: None, weight: view::USUAL_WEIGHT };
    Arc::new(View { group: "g".into(), epoch: Epoch(epoch), phase, master: addr(master), replicas: vec![other] })
}

impl Bench {
    fn new(first: u8, second: u8) -> Self {
        let is_plain = first.is_multiple_of(4);
        let bit = |n: u8| first >> n & 1 == 1;
        let rules = Rules {
            role: if !is_plain && !bit(2) && !bit(3) { Role::Replica } else { Role::Master },
            pool: if is_plain || !bit(4) { Pool::Session } else { Pool::Shared },
            on_unknown: if bit(5) { OnUnknown::Error } else { OnUnknown::Close },
            hold: Duration::from_secs(1),
            hold_bytes: [100, 1_000, 4_000, 1 << 20][usize::from(second % 4)],
            ..Rules::default()
        };
        Self {
            now: Instant::START,
            session: Session::new(Arc::new(rules.clone()), view(1, 0), Rc::default()),
            rules,
            epoch: 1,
            at: None,
            heard: Vec::new(),
            spare: Spare::new(),
            is_plain,
            is_closed: false,
            kills: false,
            has_left: false,
            inbox: Vec::new(),
            requests: RequestScanner::default(),
            said: Vec::new(),
        }
    }

    fn step(&mut self, event: Event<'_>) {
        self.session.lend(&mut self.spare);
        self.session.handle(self.now, event);
        self.drain();
    }

    fn drain(&mut self) {
        for _ in 0..16 {
            let Some(action) = self.session.poll() else { return };
            match action {
                Action::Connect { conn, .. } => {
                    assert!(self.at.is_none(), "one at a time");
                    self.at = Some(At { conn, made: false, lane: None });
                    if self.is_plain {
                        self.connected();
                    }
                }
                Action::Share { conn, .. } => {
                    assert!(self.at.is_none(), "one at a time");
                    let mut lane = Lane::new(self.now, self.session.identity().into(), self.rules.connect_timeout);
                    let other = lane.join(OTHER, Conn(1));
                    let seat = lane.join(ME, conn);
                    self.at = Some(At { conn, made: false, lane: Some((Box::new(lane), seat, other)) });
                }
                Action::CloseServer { conn } | Action::Release { conn } => {
                    // One that is ending is gone already.
                    assert!(self.at.take().is_none_or(|at| at.conn == conn), "the one that there is");
                }
                Action::KillBegun { .. } => {
                    assert!(!std::mem::replace(&mut self.kills, true), "it tells its end first")
                }
                Action::Killed { .. } => assert!(self.kills, "it tells its beginning first"),
                Action::KillOver { .. } => assert!(std::mem::take(&mut self.kills), "it tells its beginning first"),
                Action::CloseClient { .. } => {
                    assert!(!self.kills, "who goes kills nobody");
                    self.is_closed = true;
                }
            }
        }
        panic!("it orders without end");
    }

    fn connected(&mut self) {
        let Some(at) = self.at.as_mut().filter(|at| !at.made) else { return };
        at.made = true;
        let conn = at.conn;
        match &mut at.lane {
            Some((lane, ..)) => {
                if lane.on_connected() {
                    self.step(Event::ServerReady { conn });
                }
            }
            None => self.step(Event::ServerConnected { conn }),
        }
    }

    /// The client says something, as far as it is read.
    fn client_says(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() && !self.has_left && !self.is_closed && self.session.wants_client_bytes() {
            let (now, later) = rest.split_at(rest.len().min(MOUTHFUL));
            rest = later;
            if let Some(room) = self.session.room() {
                room.extend_from_slice(now);
                self.step(Event::ClientRead { len: now.len() });
            } else {
                self.step(Event::ClientBytes(now));
            }
        }
    }

    fn request(&mut self, words: &str) {
        let mut bytes = Vec::new();
        resp::write::command(&mut bytes, &words.split(' ').collect::<Vec<_>>());
        self.client_says(&bytes);
    }

    /// A request or a part of it that is as large as you like.
    fn large(&mut self, script: &mut Script<'_>) {
        let n = usize::from(script.byte().unwrap_or_default()) * 97;
        let mut bytes = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${n}\r\n").into_bytes();
        bytes.resize(bytes.len() + n, b'v');
        bytes.extend_from_slice(b"\r\n");
        let part = script.part(bytes.len());
        self.client_says(&bytes[..part]);
    }

    fn send(&mut self, n: usize) {
        let Some(at) = &mut self.at else { return };
        let bytes = self.session.to_server();
        match &mut at.lane {
            Some((lane, seat, _)) => {
                if !bytes.is_empty() && lane.push(*seat, bytes, self.session.unsent_requests()) {
                    self.session.sent(bytes.len());
                }
                let n = n.min(lane.to_server().len());
                if at.made {
                    lane.sent(n);
                }
            }
            None if at.made => {
                let n = n.min(bytes.len());
                self.inbox.extend_from_slice(&bytes[..n]);
                self.session.sent(n);
            }
            None => {}
        }
    }

    fn deliver(&mut self, n: usize) {
        let n = n.min(self.session.to_client().len());
        self.heard.extend_from_slice(&self.session.to_client()[..n]);
        self.session.delivered(n);
        if self.session.to_client().is_empty() {
            self.drain();
        }
        self.session.take_stats();
        self.session.reclaim(&mut self.spare);
    }

    fn pass(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        self.session.wake(self.now);
        self.drain();
        let due = self.session.deadline().filter(|(at, _)| *at <= self.now);
        assert!(due.is_none(), "B2: {due:?}");
    }

    fn check_bounds(&self) {
        let kept = self.session.kept_bytes();
        let may_keep = self.rules.hold_bytes + 64 * 1024 + MOUTHFUL;
        assert!(kept <= may_keep, "B1: {kept} bytes are kept: {}", self.session.explain(self.now));
        let unread = self.session.to_client().len();
        assert!(
            unread <= 256 * 1024 + 4 * MOUTHFUL || self.at.as_ref().is_some_and(|at| at.lane.is_some()),
            "B1: {unread}"
        );
    }

    // The wild world.

    fn act(&mut self, kind: u8, script: &mut Script<'_>) {
        match kind % 20 {
            0 => self.client_says(script.bytes()),
            1..4 => self.request(script.one(&REQUESTS)),
            4 => self.large(script),
            5 => self.server_says(script.bytes()),
            6 | 7 => self.server_says(script.one(&REPLIES).as_bytes()),
            8 => self.server_says(script.one(&STRANGE).as_bytes()),
            9..12 => {
                let n = script.part(usize::MAX);
                self.send(n);
            }
            12 | 13 => {
                let n = script.part(usize::MAX);
                self.deliver(n);
            }
            14 | 15 => self.connected(),
            16 => self.ends(script.byte().unwrap_or_default()),
            17 => {
                self.epoch += 1;
                self.step(Event::View(view(self.epoch, script.byte().unwrap_or_default())));
            }
            18 => {
                let b = usize::from(script.byte().unwrap_or_default());
                if b < 250 {
                    self.pass(TIMES[b % TIMES.len()]);
                } else {
                    self.has_left = true;
                    self.step(Event::ClientClosed);
                }
            }
            // Somebody else on the lane asks, too.
            _ => {
                if let Some(At { lane: Some((lane, _, other)), .. }) = &mut self.at {
                    lane.push(*other, PING, 1);
                }
            }
        }
    }

    /// The connection ends, in one way or another.
    fn ends(&mut self, how: u8) {
        let Some(at) = self.at.take() else { return };
        let conn = at.conn;
        if let Some((lane, ..)) = &at.lane {
            for (_, conn, bytes) in lane.ended().into_iter().filter(|(who, ..)| *who == ME) {
                self.step(Event::ServerUnsent { conn, bytes });
            }
        }
        self.step(match (how % 4, at.made) {
            (_, false) => Event::ServerFailed { conn },
            (0, _) if at.lane.is_some() => Event::ServerMisbehaved { conn },
            _ => Event::ServerClosed { conn },
        });
    }

    fn server_says(&mut self, bytes: &[u8]) {
        let Some(at) = self.at.as_mut().filter(|at| at.made) else { return };
        let conn = at.conn;
        if at.lane.is_none() {
            if !bytes.is_empty() && self.session.wants_server_bytes() {
                self.step(Event::ServerBytes { conn, bytes });
            }
            return;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(At { conn: now, lane: Some((lane, ..)), .. }) = &mut self.at else { return };
            if *now != conn {
                return;
            }
            let len = match lane.take(rest) {
                Ok(Taken::For { client: ME, conn, len }) => {
                    self.step(Event::ServerBytes { conn, bytes: &rest[..len] });
                    self.look_at_reader();
                    len
                }
                Ok(Taken::For { len, .. } | Taken::Nobody { len }) => len,
                Ok(Taken::Ready { len }) => {
                    self.step(Event::ServerReady { conn });
                    len
                }
                Ok(Taken::Busy { len }) => {
                    self.at = None;
                    return self.step(Event::ServerBusy { conn, line: &rest[..len] });
                }
                Ok(Taken::Refused) => {
                    self.at = None;
                    return self.step(Event::ServerRefused { conn });
                }
                Ok(Taken::NotYet) => return self.ends(1),
                Err(_) => return self.ends(0),
            };
            assert!(len > 0, "it gets on");
            rest = &rest[len..];
        }
    }

    fn look_at_reader(&mut self) {
        let (now, unread) = (self.now, self.session.to_client().len());
        let Some(At { conn, lane: Some((lane, ..)), .. }) = &mut self.at else { return };
        let conn = *conn;
        if lane.on_unread(now, ME, unread) && lane.idle(now).contains(&(ME, conn)) {
            self.at = None;
            self.step(Event::SentElsewhere { conn });
        }
    }

    /// Nobody says anything more, no connection is to be had, and the client reads: everything comes to an end.
    fn end(&mut self) {
        self.ends(1);
        for _ in 0..4_000 {
            if self.at.is_some() {
                self.ends(1);
            }
            self.deliver(usize::MAX);
            if self.is_closed {
                return;
            }
            let Some((at, _)) = self.session.deadline().filter(|_| self.at.is_none()) else {
                if self.at.is_none() {
                    break;
                }
                continue;
            };
            let left = if at > self.now { (at - self.now).as_millis() + 1 } else { 0 };
            self.pass(u64::try_from(left).expect("not so long"));
        }
        let explained = self.session.explain(self.now);
        assert_eq!(self.session.deadline(), None, "R3: it waits for ever: {explained}");
        assert!(self.at.is_none() && !self.has_left, "R3: {explained}");
        assert_eq!(self.session.held() + self.session.unsent_requests(), 0, "R3: {explained}");
        // At most the beginning of a request is there.
        assert!(self.session.wants_client_bytes(), "it reads on: {explained}");
    }

    // The plain world.

    fn act_plainly(&mut self, kind: u8, script: &mut Script<'_>) {
        match kind % 12 {
            0 | 1 => self.client_says(script.bytes()),
            2..5 => self.request(script.one(&REQUESTS)),
            5 => self.large(script),
            6 | 7 => {
                let n = script.part(usize::MAX);
                self.send(n);
            }
            8 | 9 => self.answer(script),
            10 => {
                let n = script.part(usize::MAX);
                self.deliver(n);
            }
            _ => {
                let b = usize::from(script.byte().unwrap_or_default());
                // A client that is told to go and does not read is let go without its last words.
                self.deliver(usize::MAX);
                self.pass(TIMES[b % TIMES.len()]);
            }
        }
    }

    /// The server answers the next request that it has whole, in two pieces.
    fn answer(&mut self, script: &mut Script<'_>) {
        let len = match self.requests.next(&self.inbox) {
            Ok(Some(request)) => request.len(),
            Ok(None) | Err(_) => return,
        };
        let was_empty = len <= 2 && self.inbox[..len].trim_ascii().is_empty();
        self.inbox.drain(..len);
        if was_empty {
            return;
        }
        let reply = script.one(&REPLIES).as_bytes();
        self.said.extend_from_slice(reply);
        let cut = script.part(reply.len());
        for bytes in [&reply[..cut], &reply[cut..]] {
            while !self.is_closed && !self.session.wants_server_bytes() && !self.session.to_client().is_empty() {
                self.deliver(usize::MAX);
            }
            if !bytes.is_empty()
                && let Some(at) = &self.at
            {
                let conn = at.conn;
                self.step(Event::ServerBytes { conn, bytes });
            }
        }
    }

    /// All is sent, answered and read: the client has heard exactly what the server said, and its last word if it was told to go.
    fn end_plainly(&mut self) {
        loop {
            let before = (self.inbox.len(), self.said.len(), self.heard.len());
            self.send(usize::MAX);
            self.answer(&mut Script(&[]));
            self.deliver(usize::MAX);
            if before == (self.inbox.len(), self.said.len(), self.heard.len()) {
                break;
            }
        }
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let explained = self.session.explain(self.now);
        let Some(last) = self.heard.strip_prefix(self.said.as_slice()) else {
            panic!("R1: the server said {:?} and the client heard {:?}", shown(&self.said), shown(&self.heard));
        };
        if self.is_closed {
            assert!(last == b"+OK\r\n" || last.starts_with(b"-ERR "), "R1: {:?}", shown(last));
        } else {
            assert!(last.is_empty(), "R1: nobody said {:?}", shown(last));
            assert!(self.session.to_server().is_empty() && self.session.deadline().is_none(), "R3: {explained}");
        }
    }
}
