//! How a node is wired: actions become packets and writes, packets and writes become events. No rule lives here.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use sentinel::record::Record;
use sentinel::{Action, Announcement, Answer, Ask, CallId, Event, Fault, LinkId, Reply, Request};
use view::GroupName;

use crate::disk::Written;
use crate::faults::Moment;
use crate::ground::{Ground, Happening};
use crate::invariants::Invariant;
use crate::judge::{Order, Question};
use crate::network::{ConnId, Packet, Purpose, Side};
use crate::node::{Mail, Node};
use crate::place::{Place, name_of};
use crate::redis::Life;
use crate::saboteur::Saboteur;

/// What a node's driver keeps of its connections and calls.
#[derive(Default)]
pub(crate) struct Wiring {
    links: BTreeMap<LinkId, Open>,
    owed: BTreeMap<ConnId, VecDeque<Owed>>,
    calls: BTreeMap<CallId, Caller>,
    called: u64,
}

/// One link of the machine.
struct Open {
    conn: ConnId,
    /// Sent and not answered.
    asked: VecDeque<Ask>,
}

/// What is owed on an accepted connection, in order.
enum Owed {
    Ready(Answer),
    Call(CallId),
}

/// Who waits for a call.
enum Caller {
    Conn(ConnId),
    Operator,
}

impl Node {
    /// Does what the machine ordered.
    pub(crate) fn act(&mut self, g: &mut Ground, action: Action) {
        match action {
            Action::Connect { link, .. } => self.connect(g, link),
            Action::Close { link } => {
                if let Some(open) = self.wiring.links.remove(&link) {
                    self.end(g, open.conn, Side::Opener);
                }
            }
            Action::Send { link, ask } => self.send(g, link, ask),
            Action::Save { seq, state } => {
                assert!(!self.disk.is_busy(), "B1: a second save is ordered while one is under way");
                let wait = self.disk.write(seq, state, &mut g.rng);
                g.after(wait, Happening::DiskDone { node: self.index, life: self.nr, seq });
            }
            // Now and then whoever moves addresses is stuck.
            Action::Clear { .. } if g.rng.chance(50) => g.coverage.mark("address: stuck"),
            Action::Clear { group, nr } => {
                g.coverage.mark("address: leaves before a vote");
                let wait = g.rng.jitter(Duration::from_millis(20));
                g.after(wait, Happening::Cleared { node: self.index, life: self.nr, group, nr });
            }
            Action::Reply { call, reply } => self.reply(g, call, reply),
            Action::Publish { view } => {
                let checked = g.judge.published(self.index, &view);
                g.check(checked);
                self.views.insert(view.group.clone(), view.clone());
                self.published.push(view);
            }
            Action::Announce { event } => self.announced(g, &event),
            // No script is configured in these worlds, and nobody simulates a failure of the process.
            Action::RunScript { .. } | Action::KillScript { .. } | Action::Exit { .. } => {}
        }
    }

    fn connect(&mut self, g: &mut Ground, link: LinkId) {
        let Some(target) = Place::at(link.to).filter(|t| g.net.has(*t)) else {
            // An address outside of the world: its router says so.
            let conn = g.net.open(self.place(), self.place(), Purpose::Link(link));
            self.wiring.links.insert(link, Open { conn, asked: VecDeque::new() });
            g.send(conn, Side::Taker, Packet::Fin(Fault::Unreachable));
            return;
        };
        let conn = g.net.open(self.place(), target, Purpose::Link(link));
        self.wiring.links.insert(link, Open { conn, asked: VecDeque::new() });
        if self.wiring.links.len() > MAX_LINKS {
            g.violate(Invariant::B1, format!("{} keeps {} links", self.place(), self.wiring.links.len()));
        }
        g.send(conn, Side::Opener, Packet::Syn);
        g.connect_may_time_out(conn);
    }

    fn end(&mut self, g: &mut Ground, conn: ConnId, side: Side) {
        g.send(conn, side, Packet::Fin(Fault::Closed));
        g.net.leave(conn, side);
        self.wiring.owed.remove(&conn);
    }

    fn send(&mut self, g: &mut Ground, link: LinkId, ask: Ask) {
        let Some(open) = self.wiring.links.get_mut(&link) else {
            // A driver counts it and goes on; here it would hide a machine that does not know its own links.
            panic!("B1: {ask:?} is sent on {link}, which is not open");
        };
        open.asked.push_back(ask.clone());
        let (conn, waiting) = (open.conn, open.asked.len());
        if waiting > MAX_ASKED {
            g.violate(Invariant::B1, format!("{} has {waiting} unanswered commands on {link}", self.place()));
        }
        match &ask {
            Ask::Seal { .. } => {
                g.tripwire.pass(self.index, Moment::Seals);
                let attempt = self.open_record(g, link.to).map(|r| self.attempt(&r));
                g.judge.sealing(self.index, link.to, attempt);
            }
            Ask::Pause { .. } => g.tripwire.pass(self.index, Moment::Pauses),
            Ask::Promote => {
                g.tripwire.pass(self.index, Moment::Promotes);
                self.promoting(g, link.to);
            }
            Ask::IsMasterDown { epoch, candidate: Some(me), .. } if g.is_sabotaged_by(Saboteur::NetworkVotes) => {
                let yes = Answer::Vote { down: true, leader: Some(me.clone()), epoch: *epoch };
                g.send(conn, Side::Taker, Packet::Answer(yes));
                return;
            }
            _ => {}
        }
        g.send(conn, Side::Opener, Packet::Ask(ask));
    }

    /// A packet on a link of the machine.
    pub(crate) fn on_link(&mut self, g: &mut Ground, conn: ConnId, link: LinkId, packet: Packet) {
        let event = match packet {
            Packet::SynAck => Event::Connected { link },
            Packet::Fin(fault) => {
                g.net.leave(conn, Side::Opener);
                Event::Failed { link, fault }
            }
            Packet::Heard(hello) => Event::Heard { link, hello },
            Packet::Answer(answer) => {
                let Some(open) = self.wiring.links.get_mut(&link) else { return };
                let asked = open.asked.pop_front();
                g.judge.answered(self.index, link.to, asked.as_ref(), &answer);
                Event::Answered { link, answer }
            }
            _ => return,
        };
        // After `Close` nothing is reported of a link.
        if !self.wiring.links.contains_key(&link) {
            return;
        }
        if matches!(event, Event::Failed { .. }) {
            self.wiring.links.remove(&link);
            g.judge.lost(self.index, link.to);
        }
        self.drive(g, Some(event));
    }

    /// A packet on a connection that this node's port accepted.
    pub(crate) fn on_port(&mut self, g: &mut Ground, conn: ConnId, packet: Packet) {
        let request = match packet {
            Packet::Fin(_) => {
                g.net.leave(conn, Side::Taker);
                self.wiring.owed.remove(&conn);
                return;
            }
            Packet::Ask(Ask::IsMasterDown { master, epoch, candidate }) => {
                Request::IsMasterDown { master, epoch, candidate }
            }
            Packet::Ask(Ask::Hello { text }) => Request::Hello { text },
            Packet::Ask(ask) => {
                let answer = match ask {
                    Ask::Ping => Answer::Pong,
                    Ask::WhoIsMaster { group } => Answer::Named { master: self.views.get(&group).map(|v| v.master) },
                    _ => Answer::Ok,
                };
                self.wiring.owed.entry(conn).or_default().push_back(Owed::Ready(answer));
                self.pay(g, conn);
                return;
            }
            _ => return,
        };
        let call = self.call(Caller::Conn(conn));
        self.wiring.owed.entry(conn).or_default().push_back(Owed::Call(call));
        if let Request::IsMasterDown { master, candidate, epoch } = &request {
            g.judge.asked_about_master(self.index, call);
            if let (Some(group), Some(candidate)) = (self.group_of(g, *master), candidate) {
                g.judge.asked_for_vote(
                    call,
                    self.index,
                    Question { group, candidate: candidate.clone(), epoch: *epoch },
                );
            }
        }
        self.drive(g, Some(Event::Requested { call, request }));
    }

    /// The operator of this node wants something.
    pub(crate) fn command(&mut self, g: &mut Ground, request: Request) {
        if matches!(request, Request::Reset { .. }) {
            g.judge.forget_members(self.index);
        }
        if let Request::Switchover { to, .. } = &request {
            g.judge.switchover_asked(self.index, *to);
        }
        let call = self.call(Caller::Operator);
        self.drive(g, Some(Event::Requested { call, request }));
    }

    fn call(&mut self, caller: Caller) -> CallId {
        self.wiring.called += 1;
        let call = CallId(self.wiring.called);
        self.wiring.calls.insert(call, caller);
        call
    }

    fn reply(&mut self, g: &mut Ground, call: CallId, reply: Reply) {
        if let Some(asked) = g.judge.question(self.index, call)
            && let Some(what) = crate::marks::of_vote(&reply, &asked.candidate, asked.epoch)
        {
            let by_stock = !g.judge.is_ours(&asked.candidate);
            g.coverage.mark(what);
            if by_stock && what == "vote: given" {
                g.coverage.mark("mixed: ours votes for stock");
            }
        }
        let checked = g.judge.replied(self.index, call, &reply);
        g.check(checked);
        match self.wiring.calls.remove(&call) {
            None => {}
            Some(Caller::Operator) => {
                g.coverage.mark(match &reply {
                    Reply::Switched { .. } => "switchover: done",
                    Reply::Refused { .. } => "switchover: refused or undone",
                    Reply::Count { .. } => "operator: reset",
                    _ => "switchover: other reply",
                });
                self.told.push(reply);
            }
            Some(Caller::Conn(conn)) => {
                let answer = answer_of(reply);
                let owed = self.wiring.owed.entry(conn).or_default();
                if let Some(place) = owed.iter_mut().find(|o| matches!(o, Owed::Call(c) if *c == call)) {
                    *place = Owed::Ready(answer);
                }
                self.pay(g, conn);
            }
        }
    }

    /// Sends the answers that are due on a connection, in order.
    fn pay(&mut self, g: &mut Ground, conn: ConnId) {
        let Some(owed) = self.wiring.owed.get_mut(&conn) else { return };
        while let Some(Owed::Ready(_)) = owed.front() {
            if let Some(Owed::Ready(answer)) = owed.pop_front() {
                g.send(conn, Side::Taker, Packet::Answer(answer));
            }
        }
    }

    /// A disk write ended.
    /// Its address has left. Who is frozen does not hear of it.
    pub(crate) fn on_cleared(&mut self, g: &mut Ground, life: u32, group: GroupName, nr: u64) {
        if self.nr == life && self.life == Life::Up {
            self.drive(g, Some(Event::Cleared { group, nr }));
        }
    }

    pub(crate) fn on_disk(&mut self, g: &mut Ground, life: u32, seq: u64) {
        if self.nr != life {
            return;
        }
        if self.life == Life::Frozen {
            self.inbox.push_back(Mail::Disk(seq));
            return;
        }
        let sabotage = g.sabotage;
        let event = match self.disk.finish(seq, &mut g.rng, sabotage) {
            Written::Unknown => return,
            Written::Failed => {
                g.coverage.mark("disk: a save failed");
                Event::SaveFailed { seq }
            }
            Written::Lied => Event::Saved { seq },
            Written::Durable(state) => {
                let checked = g.judge.became_durable(self.index, &state);
                g.check(checked);
                Event::Saved { seq }
            }
        };
        self.drive(g, Some(event));
    }

    /// The open record of this node at the group of a server: the one that a seal or a promotion belongs to.
    fn open_record(&self, g: &Ground, server: SocketAddr) -> Option<Record> {
        let group = self.group_of(g, server)?;
        let report = self.report()?;
        let mine = |r: &Record| r.group == group && r.outcome.is_none();
        report.records.into_iter().rev().find(mine)
    }

    fn attempt(&self, record: &Record) -> Attempt {
        let leader = self.config.id.clone();
        Attempt { group: record.group.clone(), epoch: record.epoch, cause: record.cause, leader }
    }

    /// What a promotion is judged by.
    fn order(&self, record: &Record, server: SocketAddr) -> Order {
        let detected = record.steps.iter().rfind(|s| s.what == sentinel::record::Moment::Detected);
        let down_at = detected.map(|s| self.clock.moment(s.at));
        Order { attempt: self.attempt(record), server, from: record.from, down_at }
    }

    fn group_of(&self, g: &Ground, addr: SocketAddr) -> Option<GroupName> {
        g.judge.group_of(addr)
    }

    fn promoting(&self, g: &mut Ground, server: SocketAddr) {
        let Some(order) = self.open_record(g, server).map(|r| self.order(&r, server)) else {
            g.violate(Invariant::M3, format!("{} promotes {} outside of any attempt", self.place(), name_of(server)));
            return;
        };
        g.coverage.mark(match order.attempt.cause {
            sentinel::record::Cause::Planned => "promotion: planned",
            _ => "promotion: after a failure",
        });
        if g.judge.is_mixed() {
            g.coverage.mark("mixed: ours promotes");
        }
        let checked = g.judge.promoting(g.now, self.index, &order);
        g.check(checked);
    }

    fn announced(&self, g: &mut Ground, event: &Announcement) {
        self.mark(g, event);
        let checked = g.judge.announced(self.index, &event.name);
        g.check(checked);
        if matches!(event.name.as_str(), "+selected-slave" | "-failover-abort-no-good-slave") && g.history.is_on() {
            for verdict in self.report().iter().filter_map(|r| r.records.last()).flat_map(|r| &r.candidates) {
                let text = format!("  ? {} at {}: {}", name_of(verdict.addr), verdict.offset, verdict.why);
                g.note(self.place(), || text);
            }
        }
        match event.name.as_str() {
            "+try-failover" => g.tripwire.pass(self.index, Moment::Tries),
            "+elected-leader" => g.tripwire.pass(self.index, Moment::Elected),
            "+promoted-slave" => g.tripwire.pass(self.index, Moment::Promoted),
            "+switch-master" => g.tripwire.pass(self.index, Moment::Publishes),
            _ => {}
        }
        if event.name == "+elected-leader"
            && let Some(group) = &event.group
            && let Some(report) = self.report()
            && let Some(record) = report.records.iter().rev().find(|r| r.group == *group && r.outcome.is_none())
        {
            g.judge.count_voters(self.index, group, record.epoch);
            let checked = g.judge.elected(self.place(), group, record.epoch);
            g.check(checked);
        }
    }
}

/// Which attempt something belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) group: GroupName,
    pub(crate) epoch: view::Epoch,
    pub(crate) cause: sentinel::record::Cause,
    pub(crate) leader: view::RunId,
}

fn answer_of(reply: Reply) -> Answer {
    match reply {
        Reply::Vote { down, leader, epoch } => Answer::Vote { down, leader, epoch },
        Reply::Ok | Reply::Switched { .. } | Reply::Count { .. } => Answer::Ok,
        Reply::Refused { code, why } => Answer::Error { text: format!("{code} {why}") },
    }
}

/// Links that one node may keep: two to each of the world's places, and as many that are being replaced.
const MAX_LINKS: usize = 64;

/// Unanswered commands on one link, as in Sentinel.
const MAX_ASKED: usize = 100;
