//! An application behind a node's proxy: it pipelines writes with ids and reads through a real session, and checks replies.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use machine::Instant;
use sentinel::Fault;
use session::{Action, Conn, Event, Rules, Session, Why};
use view::{GroupName, Phase, View};

use crate::ground::{Ground, Happening, Who};
use crate::invariants::Invariant;
use crate::network::{ConnId, Packet, Purpose, Side};
use crate::place::{Place, name_of};
use crate::redis::WriteId;
use crate::saboteur::Saboteur;

/// What an application asks. The server answers with the id, so that every reply tells whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Keep this id.
    Write(WriteId),
    /// Say this id.
    Read(WriteId),
}

/// What a server says to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done.
    Done(WriteId),
    /// It follows another and takes no writes.
    ReadOnly,
    /// It reads its data.
    Loading,
    /// It runs a script.
    Busy,
}

impl Command {
    /// As on the wire.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Write(id) => resp::write::command(out, &["SET", &format!("k{id}"), "v"]),
            Self::Read(id) => resp::write::command(out, &["GET", &format!("k{id}")]),
        }
    }

    /// From the words on the wire.
    pub(crate) fn read(name: &[u8], key: Option<&[u8]>) -> Option<Self> {
        let id = std::str::from_utf8(key?).ok()?.strip_prefix('k')?.parse().ok()?;
        match name {
            b"SET" => Some(Self::Write(id)),
            b"GET" => Some(Self::Read(id)),
            _ => None,
        }
    }

    const fn id(self) -> WriteId {
        match self {
            Self::Write(id) | Self::Read(id) => id,
        }
    }
}

impl Outcome {
    /// As on the wire.
    pub(crate) fn write(self) -> Vec<u8> {
        match self {
            Self::Done(id) => format!(":{id}\r\n").into_bytes(),
            Self::ReadOnly => b"-READONLY You can't write against a read only replica.\r\n".to_vec(),
            Self::Busy => b"-BUSY Redis is busy running a script.\r\n".to_vec(),
            Self::Loading => b"-LOADING Redis is loading the dataset in memory\r\n".to_vec(),
        }
    }
}

/// An application with one connection to its node's proxy.
pub(crate) struct Client {
    pub(crate) index: usize,
    pub(crate) node: usize,
    pub(crate) group: usize,
    name: GroupName,
    rules: Arc<Rules>,
    pace: Duration,
    session: Option<Session>,
    link: Option<(Conn, ConnId)>,
    view: Option<Arc<View>>,
    /// What it waits for, in order.
    awaited: VecDeque<Command>,
    /// Replies that are not whole yet.
    heard: Vec<u8>,
    alarm: Option<Instant>,
    alarms: u32,
    pub(crate) last_ack: Option<Instant>,
}

impl Client {
    pub(crate) fn new(index: usize, node: usize, group: usize, name: GroupName, rules: Rules, pace: Duration) -> Self {
        Self {
            index,
            node,
            group,
            name,
            rules: Arc::new(rules),
            pace,
            session: None,
            link: None,
            view: None,
            awaited: VecDeque::new(),
            heard: Vec::new(),
            alarm: None,
            alarms: 0,
            last_ack: None,
        }
    }

    /// Whether it is as one behind a proxy that follows from outside: that one hears who is master, and not that another is about to be.
    const fn hears_decisions_only(&self) -> bool {
        self.index % 2 == 1
    }

    fn knows_a_master_of(&self, view: &View) -> bool {
        self.view.as_ref().is_some_and(|known| known.epoch == view.epoch && known.phase == Phase::Steady)
    }

    /// Its node's process is gone, and its connection to it.
    pub(crate) fn die(&mut self) {
        self.session = None;
        self.link = None;
        self.view = None;
        self.awaited.clear();
        self.heard.clear();
        // What was set to ring in the dead process never rings.
        self.alarm = None;
        self.alarms += 1;
    }

    /// Its node published a view.
    pub(crate) fn on_view(&mut self, g: &mut Ground, now: Instant, view: &View) {
        if self.hears_decisions_only() && view.phase == Phase::Switching && self.knows_a_master_of(view) {
            return;
        }
        if view.group != self.name {
            return;
        }
        let view = Arc::new(view.clone());
        self.view = Some(view.clone());
        self.tell(g, now, Event::View(view));
    }

    /// It has something to ask: now and then, a few at a time.
    pub(crate) fn issue(&mut self, g: &mut Ground, now: Instant) {
        let pause = g.rng.jitter(self.pace * 2);
        g.after(pause, Happening::Issue { client: self.index });
        let Some(view) = self.view.clone() else { return };
        if self.session.is_none() {
            self.session = Some(Session::new(self.rules.clone(), view, Rc::default()));
        }
        let mut bytes = Vec::new();
        for _ in 0..=g.rng.below(4) {
            if self.awaited.len() >= PATIENCE {
                break;
            }
            let id = g.judge.new_write();
            let command = if g.rng.chance(600) { Command::Write(id) } else { Command::Read(id) };
            command.write(&mut bytes);
            self.awaited.push_back(command);
        }
        if !bytes.is_empty() {
            self.tell(g, now, Event::ClientBytes(&bytes));
        }
    }

    /// The session's timer fired.
    pub(crate) fn wake(&mut self, g: &mut Ground, now: Instant, nr: u32) {
        if nr != self.alarms {
            return;
        }
        self.alarm = None;
        let Some(session) = &mut self.session else { return };
        session.wake(now);
        if let Some((at, timer)) = session.deadline() {
            assert!(at > now, "B2: the session's {timer:?} is due at {at:?} after wake({now:?})");
        }
        self.settle(g, now);
    }

    /// A packet on the connection to a server.
    pub(crate) fn on_packet(&mut self, g: &mut Ground, now: Instant, conn: ConnId, packet: Packet) {
        let link = self.link.filter(|(_, id)| *id == conn);
        if let Packet::Fin(_) = packet {
            g.net.leave(conn, Side::Opener);
        }
        let Some((name, _)) = link else { return };
        match packet {
            Packet::SynAck => self.tell(g, now, Event::ServerConnected { conn: name }),
            Packet::Bytes(bytes) => self.tell(g, now, Event::ServerBytes { conn: name, bytes: &bytes }),
            Packet::Fin(Fault::Refused | Fault::TimedOut | Fault::Unreachable) => {
                self.link = None;
                self.tell(g, now, Event::ServerFailed { conn: name });
            }
            Packet::Fin(_) => {
                self.link = None;
                self.tell(g, now, Event::ServerClosed { conn: name });
            }
            _ => {}
        }
    }

    fn tell(&mut self, g: &mut Ground, now: Instant, event: Event<'_>) {
        let Some(session) = &mut self.session else { return };
        if g.history.wants(true) {
            let text = match &event {
                Event::View(view) => format!("view e{} {:?} {}", view.epoch, view.phase, name_of(view.master)),
                Event::ClientBytes(bytes) => format!("asks {}", printable(bytes)),
                Event::ServerBytes { bytes, .. } => format!("is told {}", printable(bytes)),
                event => format!("{event:?}"),
            };
            g.note(Who::Client(self.index), || text);
        }
        session.handle(now, event);
        self.settle(g, now);
    }

    /// Does what the session ordered, moves bytes both ways, and sets its alarm.
    fn settle(&mut self, g: &mut Ground, now: Instant) {
        loop {
            let Some(session) = &mut self.session else { return };
            if let Some(action) = session.poll() {
                self.act(g, action);
                continue;
            }
            if let Some((_, conn)) = self.link
                && g.net.conn(conn).is_some_and(|c| c.established)
                && !session.to_server().is_empty()
            {
                // A kernel takes what fits: sometimes all, sometimes a part.
                let all = session.to_server().len();
                let part = if g.rng.chance(200) { 1 + g.rng.below(all as u64) as usize } else { all };
                let bytes = session.to_server()[..part.min(all)].to_vec();
                session.sent(bytes.len());
                g.send(conn, Side::Opener, Packet::Bytes(bytes));
                continue;
            }
            if !session.to_client().is_empty() {
                let bytes = session.to_client().to_vec();
                session.delivered(bytes.len());
                self.hear(g, &bytes);
                continue;
            }
            break;
        }
        self.set_alarm(g, now);
    }

    fn act(&mut self, g: &mut Ground, action: Action) {
        if g.history.wants(true) {
            let text = format!("  > {action:?}");
            g.note(Who::Client(self.index), || text);
        }
        match action {
            Action::Connect { conn, addr } => {
                let Some(target) = Place::at(addr) else { return };
                let id = g.net.open(Place::Node(self.node), target, Purpose::Client(self.index));
                self.link = Some((conn, id));
                g.send(id, Side::Opener, Packet::Syn);
                g.connect_may_time_out(id);
            }
            Action::CloseServer { conn } => {
                if let Some((_, id)) = self.link.take_if(|(name, _)| *name == conn) {
                    g.send(id, Side::Opener, Packet::Fin(Fault::Closed));
                    g.net.leave(id, Side::Opener);
                }
            }
            // Not ordered where each client has its own connection.
            Action::Share { .. } | Action::Release { .. } => {}
            // Nobody says CLIENT KILL here.
            Action::KillBegun { .. } | Action::Killed { .. } | Action::KillOver { .. } => {}
            Action::CloseClient { why } => self.closed(g, why),
        }
    }

    /// The proxy closed the connection: what was awaited has a fate that the application does not know.
    fn closed(&mut self, g: &mut Ground, why: Why) {
        g.coverage.mark(&format!("client: closed, {why}"));
        let n = self.awaited.len();
        g.note(Who::Client(self.index), || format!("is closed: {why}, {n} unanswered"));
        if why.is_loss() || n > 0 {
            self.saw_error(g, &format!("was closed: {why}"));
        }
        if let Some((_, id)) = self.link.take() {
            g.send(id, Side::Opener, Packet::Fin(Fault::Closed));
            g.net.leave(id, Side::Opener);
        }
        self.session = None;
        self.awaited.clear();
        self.heard.clear();
    }

    /// Bytes of replies for the application.
    fn hear(&mut self, g: &mut Ground, bytes: &[u8]) {
        self.heard.extend_from_slice(bytes);
        while let Some(end) = self.heard.windows(2).position(|w| w == b"\r\n") {
            let line: Vec<u8> = self.heard.drain(..end + 2).take(end).collect();
            let line = String::from_utf8_lossy(&line).into_owned();
            self.on_reply(g, &line);
        }
    }

    fn on_reply(&mut self, g: &mut Ground, line: &str) {
        let who = Who::Client(self.index);
        let mut expected = self.awaited.pop_front();
        if g.is_sabotaged_by(Saboteur::ProxySwapsReplies)
            && let (Some(first), Some(second)) = (expected, self.awaited.front_mut())
        {
            expected = Some(std::mem::replace(second, first));
        }
        let Some(expected) = expected else {
            g.violate(Invariant::R1, format!("client{} got {line} for nothing", self.index + 1));
            return;
        };
        if let Some(id) = line.strip_prefix(':') {
            if id.parse() != Ok(expected.id()) {
                let client = self.index + 1;
                g.violate(Invariant::R1, format!("client{client} got {line} where {expected:?} was due"));
            }
            if let Command::Write(id) = expected {
                g.judge.acked.insert((self.group, id));
                self.last_ack = Some(g.now);
            }
        } else {
            g.coverage.mark("client: an error reply");
            g.note(who, || format!("{expected:?} got {line}"));
            self.saw_error(g, line);
        }
    }

    /// S1: where nothing fails by itself, nobody sees an error.
    fn saw_error(&self, g: &mut Ground, what: &str) {
        g.judge.client_errors += 1;
        if g.judge.is_strict {
            g.violate(Invariant::S1, format!("client{} of node{} {what}", self.index + 1, self.node + 1));
        }
    }

    fn set_alarm(&mut self, g: &mut Ground, now: Instant) {
        let Some((at, _)) = self.session.as_ref().and_then(Session::deadline) else {
            return;
        };
        if self.alarm.is_some_and(|set| set <= at) {
            return;
        }
        self.alarm = Some(at);
        self.alarms += 1;
        let late = g.rng.jitter(Duration::from_millis(1)) + Duration::from_micros(1);
        // Its node's clock may run slow: then it rings early, which is harmless, and is set again.
        g.after(at.since(now) + late, Happening::ClientWake { client: self.index, nr: self.alarms });
    }

    /// Requests that wait in the session for a master.
    pub(crate) fn held(&self) -> usize {
        self.session.as_ref().map_or(0, Session::held)
    }

    /// What the session says that it is doing.
    pub(crate) fn explain(&self, now: Instant) -> String {
        self.session.as_ref().map_or_else(|| "no session".into(), |s| s.explain(now))
    }
}

/// Bytes as the history shows them.
fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", " ")
}

/// Requests that the application has under way at once.
const PATIENCE: usize = 32;
