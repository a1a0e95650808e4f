//! One group as this node watches it: its servers, the other nodes, the agreement about its master. Every event ends in
//! [`Group::advance`], which is all that a group ever does, in order.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::SocketAddr;

use machine::{Instant, soonest};
use serde::{Deserialize, Serialize};
use view::{Epoch, GroupName, RunId, View};

use crate::answer::{Answer, InfoReport, Role};
use crate::command::role_word;
use crate::config::{GroupConfig, PROMISE};
use crate::core::Core;
use crate::event::{Ask, Channel, Fault, Level, LinkId, Timer, words};
use crate::evidence::Why;
use crate::failover::Failover;
use crate::link::{Line, RETRY};
use crate::peer::{Named, Peer};
use crate::prelude::Prelude;
use crate::select::is_relative;
use crate::server::{INFO_PERIOD, Rhythm, Server};
use crate::state::{GroupState, KnownPeer, Vote};
use crate::switchover::Awaited;
use crate::vote::{Attempt, Promise};

/// Servers known per group. At the bound a new replica is ignored and counted.
const MAX_SERVERS: usize = 64;

/// How long a replica that hears its master may hear nothing: Redis pings its replicas every ten seconds.
const MASTER_PING: core::time::Duration = core::time::Duration::from_secs(11);

/// How long a master that came back with less than a replica has is kept from being one, if nobody is promoted instead.
const LOST_DATA_WAIT: core::time::Duration = core::time::Duration::from_secs(3);

/// One group as this node watches it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) name: GroupName,
    pub(crate) rules: GroupConfig,
    /// The agreed master, also while it is down.
    pub(crate) master: SocketAddr,
    /// Of whom events speak as the master: after a promotion of ours still the old one, until `+switch-master` is told.
    pub(crate) told: SocketAddr,
    /// Which decision made it master.
    pub(crate) config_epoch: Epoch,
    /// Whether the master has been seen to be one since this node started or was told of it: before, nothing is sent to it.
    pub(crate) confirmed: bool,
    /// The replication id that the group's data are known by.
    pub(crate) history: Option<RunId>,
    /// All servers, the master included.
    pub(crate) servers: BTreeMap<SocketAddr, Server>,
    pub(crate) peers: BTreeMap<RunId, Peer>,
    pub(crate) vote: Option<Vote>,
    pub(crate) promise: Option<Promise>,
    /// Whoever has our vote may be about to replace the master (as of the last view).
    pub(crate) awaits_decision: bool,
    /// A majority names the master (as of the last view).
    pub(crate) is_backed: bool,
    /// Since when the quorum says that the master is down.
    pub(crate) odown: Option<Instant>,
    /// When to ask the others about the master next.
    pub(crate) ask_at: Instant,
    /// When to ask them whom they take for it, while somebody follows the wrong one.
    pub(crate) check_at: Instant,
    pub(crate) attempt: Attempt,
    pub(crate) failover: Option<Failover>,
    /// Since when the present master is the agreed one.
    pub(crate) switched_at: Instant,
    /// A failover was ordered while our vote was another's: it comes after that.
    pub(crate) postponed: bool,
    /// A switchover that waits for a replica to be fit.
    pub(crate) awaited: Option<Awaited>,
    /// This node made it so.
    pub(crate) led: bool,
    /// What happened to the present master so far; becomes the beginning of a record.
    pub(crate) prelude: Prelude,
    pub(crate) published: Option<View>,
}

impl Group {
    pub(crate) fn new(core: &Core, name: GroupName, rules: GroupConfig, state: Option<GroupState>) -> Self {
        let now = core.now;
        let state = state.unwrap_or_else(|| GroupState {
            master: rules.master,
            config_epoch: Epoch(0),
            history: None,
            vote: None,
            servers: Vec::new(),
            peers: Vec::new(),
        });
        let known = state.servers.into_iter().chain([state.master]);
        let peers = state.peers.into_iter().filter(|p| p.id != core.id);
        // A vote given just before a restart still binds: how long ago it was given is not known, so all of it. Nor is it known whether it led
        // to something: no address comes to the old master's host meanwhile.
        let is_fresh = rules.ties_address;
        let promise = state.vote.as_ref().map(|v| Promise { to: v.leader.clone(), until: now + PROMISE, is_fresh });
        Self {
            master: state.master,
            told: state.master,
            config_epoch: state.config_epoch,
            confirmed: false,
            history: state.history,
            servers: known.map(|addr| (addr, Server::new(addr, now))).collect(),
            peers: peers.map(|KnownPeer { id, addr }| (id.clone(), Peer::new(id, addr, now))).collect(),
            promise: promise.filter(|_| state.vote.as_ref().is_some_and(|v| v.epoch > state.config_epoch)),
            vote: state.vote,
            awaits_decision: false,
            is_backed: false,
            odown: None,
            ask_at: now,
            check_at: now,
            attempt: Attempt::default(),
            failover: None,
            switched_at: now,
            led: false,
            postponed: false,
            awaited: None,
            prelude: Prelude::default(),
            published: None,
            name,
            rules,
        }
    }

    /// What must survive a restart.
    pub(crate) fn state(&self) -> GroupState {
        // A decision is written before it is told.
        let decided = self.failover.as_ref().and_then(Failover::decided);
        let (master, config_epoch) = decided.unwrap_or((self.master, self.config_epoch));
        GroupState {
            master,
            config_epoch,
            history: self.history.clone(),
            vote: self.vote.clone(),
            servers: self.servers.keys().copied().collect(),
            peers: self.peers.values().map(|p| KnownPeer { id: p.id.clone(), addr: p.addr }).collect(),
        }
    }

    /// All that a group does, in order: judge, lead, mend, ask, watch, tell. Asking and watching come late, because a decision
    /// makes hellos and questions due at once.
    pub(crate) fn advance(&mut self, core: &mut Core) {
        self.judge(core);
        self.begin_postponed(core);
        self.begin_awaited(core);
        self.lead(core);
        self.mend(core);
        self.ask_peers(core);
        self.keep(core);
        self.ask_for_backing(core);
        self.publish(core);
    }

    fn keep(&mut self, core: &mut Core) {
        let hello = self.hello(core).to_string();
        let info = self.failover.as_ref().and_then(|f| f.info_period(core.now)).unwrap_or(INFO_PERIOD);
        let (watch, ping) = (self.rules.watch_period(core.watched), self.rules.ping_period());
        let mute = self.failover.as_ref().is_some_and(Failover::mutes_master);
        for server in self.servers.values_mut() {
            if mute && server.addr == self.master {
                server.skip_hello(core.now);
            }
            let rhythm = Rhythm { ping: if server.addr == self.master { watch } else { ping }, info };
            server.keep(core, &self.name, &self.rules, &hello, rhythm);
        }
        for peer in self.peers.values_mut() {
            peer.keep(core, &self.name, &self.rules, &hello);
        }
    }

    /// The soonest thing that is due, and what it is.
    pub(crate) fn deadline(&self, core: &Core) -> Option<(Instant, Timer)> {
        let servers = self.servers.values().map(|s| s.deadline(&self.rules));
        let peers = self.peers.values().flat_map(|p| [p.deadline(&self.rules), p.word_expires(core.now)]);
        let own = [
            self.wrong_role_deadline(core.now),
            self.master_server().and_then(|m| m.reboot_deadline(core.now, &self.rules)),
            self.ask_deadline(),
            self.attempt_deadline(core),
            self.postponed_until(core),
            self.decision_awaited_until(core).map(|until| (until, Timer::Attempt)),
            self.awaited.as_ref().map(Awaited::deadline),
            self.failover.as_ref().and_then(Failover::deadline),
            self.mend_deadline(core),
            self.backing_deadline(core.now),
        ];
        servers.chain(peers).chain(own).fold(None, soonest)
    }

    // === links ===

    /// Whether a link is one of this group's.
    pub(crate) fn owns(&self, id: LinkId) -> bool {
        let server = self.servers.get(&id.to).is_some_and(|s| s.owns(id));
        server || self.peers.values().any(|p| p.line.is(id))
    }

    /// We were frozen: silence was ours, and the words of others are old.
    /// `before`: the last time that could be trusted.
    pub(crate) fn forgive(&mut self, before: Instant, now: Instant) {
        // Who was down before was not made so by our own absence.
        for server in self.servers.values_mut().filter(|s| !s.is_down()) {
            server.evidence.forgive(now);
        }
        for peer in self.peers.values_mut() {
            peer.evidence.forgive(now);
            peer.word = None;
        }
        // Whose clock leapt does not know how long ago it promised: all of it again, as after a restart (M4).
        if let Some(promise) = self.promise.as_mut().filter(|p| p.until > before) {
            promise.until = now + PROMISE;
        }
    }

    /// A link came up: introduce ourselves, then ask what we came for.
    pub(crate) fn on_connected(&mut self, core: &mut Core, id: LinkId) {
        let name = |what: &str| alloc::format!("sentinel-{}-{what}", core.id.short());
        let now = core.now;
        if let Some((line, channel)) = self.servers.get_mut(&id.to).and_then(|s| s.line(id)) {
            match channel {
                Channel::Command => {
                    let name = Ask::Name { name: name("cmd") };
                    // INFO first: after a restart it says what was lost before PING says that all is well.
                    open(line, core, now, [Ask::Auth, name, Ask::Info, Ask::Ping]);
                }
                Channel::Hello => {
                    let name = Ask::Name { name: name("pubsub") };
                    open(line, core, now, [Ask::Auth, name, Ask::Subscribe]);
                }
                // Of those that find the view elsewhere.
                Channel::Check | Channel::Events => {}
            }
        } else if let Some(peer) = self.peers.values_mut().find(|p| p.line.is(id)) {
            open(&mut peer.line, core, now, [Ask::Auth, Ask::Ping]);
            if let Some(failover) = &mut self.failover {
                failover.ask_at_once(now);
            }
        }
    }

    /// A link broke, or could not be made.
    pub(crate) fn on_failed(&mut self, core: &mut Core, id: LinkId, fault: Fault) {
        let now = core.now;
        if let Some(server) = self.servers.get_mut(&id.to).filter(|s| s.owns(id)) {
            let channel = server.on_failed(now, id, fault);
            self.on_line_lost(core, id.to, channel);
        } else if let Some(peer) = self.peers.values_mut().find(|p| p.line.is(id)) {
            peer.line.lost(now, RETRY);
            peer.evidence.on_fault(now, fault, false);
        }
    }

    /// An answer came on a link.
    pub(crate) fn on_answered(&mut self, core: &mut Core, id: LinkId, answer: Answer) {
        let now = core.now;
        if let Some((line, channel)) = self.servers.get_mut(&id.to).and_then(|s| s.line(id)) {
            let Some(link) = line.link.as_mut() else { return };
            let Some((ask, at)) = link.answered(now) else { return };
            link.protested = is_protest(&ask, &answer) || (link.protested && !answer.is_good());
            if channel == Channel::Command {
                self.on_server_answered(core, id.to, &ask, at, answer);
            }
        } else if let Some(peer) = self.peers.values_mut().find(|p| p.line.is(id)) {
            let ask = peer.line.link.as_mut().and_then(|link| link.answered(now));
            let peer = peer.id.clone();
            if let Some((ask, at)) = ask {
                self.on_peer_answered(core, &peer, &ask, at, answer);
            }
        }
    }

    /// Something came on a hello link; what it says is read elsewhere.
    pub(crate) fn on_heard(&mut self, now: Instant, id: LinkId) {
        if let Some((line, Channel::Hello)) = self.servers.get_mut(&id.to).and_then(|s| s.line(id))
            && let Some(link) = line.link.as_mut()
        {
            link.heard = now;
        }
    }

    fn on_server_answered(&mut self, core: &mut Core, addr: SocketAddr, ask: &Ask, at: Instant, answer: Answer) {
        let Some(server) = self.servers.get_mut(&addr) else { return };
        server.on_answer(core, ask, at, &answer);
        if let Answer::Denied { text } = &answer
            && !matches!(ask, Ask::Role | Ask::Rewrite | Ask::KickClients | Ask::KillScript)
            && !server.denied
        {
            server.denied = true;
            let payload = words(&[&self.id_of_server(addr), &text]);
            core.announce(Level::Warning, Some(&self.name), "-denied", payload);
        }
        self.on_step_answered(core, addr, ask, &answer);
        if let Answer::Info(info) = answer {
            self.on_info(core, addr, at, *info);
        }
    }

    fn on_peer_answered(&mut self, core: &mut Core, id: &RunId, ask: &Ask, at: Instant, answer: Answer) {
        let Some(peer) = self.peers.get_mut(id) else { return };
        peer.on_answer(core.now, ask, at, &answer);
        match (ask, answer) {
            (Ask::IsMasterDown { master, .. }, Answer::Vote { down, leader, epoch }) => {
                self.on_word(core, id, *master, down, leader, epoch);
            }
            (Ask::WhoIsMaster { .. }, Answer::Named { master: Some(master) }) => {
                peer.named = Some(Named { asked: at, master });
                self.on_named(core.now, id);
            }
            _ => {}
        }
    }

    // === what servers say ===

    fn on_info(&mut self, core: &mut Core, addr: SocketAddr, asked: Instant, info: InfoReport) {
        let (now, master) = (core.now, self.master);
        let Some(server) = self.servers.get_mut(&addr) else { return };
        server.on_life(now, info.run_id.as_ref());
        if info.loading {
            // What it will be is not known before it has read its data.
            return;
        }
        let before = server.on_info(now, info.clone());
        if info.link_up && info.master == Some(master) {
            // A replica that is cut off without a word says for a minute that all is well; how long it has heard nothing, it
            // says too. Up to a ping of its master that is no news.
            let silent = core::time::Duration::from_secs(info.silent_seconds);
            server.linked = server.linked.max(Some(now - silent.saturating_sub(MASTER_PING)));
        } else if let Some(seconds) = info.link_down_seconds {
            let then = now - core::time::Duration::from_secs(seconds);
            server.linked = server.linked.max(Some(then));
        }
        let is_right = if addr == master { info.role == Role::Master } else { server.follows(master) };
        if is_right {
            server.wrong = None;
        } else if asked >= self.switched_at {
            // What was asked before the master changed says nothing about who follows the new one.
            server.on_wrong(now, before.as_ref(), &info);
        }
        self.tell_changes(core, addr, before.as_ref(), &info);
        if addr == master && info.role == Role::Master {
            self.on_master_info(core, before.as_ref(), &info);
        }
    }

    fn on_master_info(&mut self, core: &mut Core, before: Option<&InfoReport>, info: &InfoReport) {
        let has_restarted = before.is_some_and(|b| b.run_id != info.run_id);
        let knows_less = self.has_lost_data(info);
        let (now, master) = (core.now, self.master);
        if let Some(server) = self.servers.get_mut(&master) {
            // The replicas are about to copy the void: not its word but theirs counts, for as long as one of them has more
            // and the others may yet agree that it should be promoted.
            let since = server.lost_data.or_else(|| has_restarted.then_some(now));
            server.lost_data = since.filter(|&at| knows_less && now < at + LOST_DATA_WAIT);
            if server.lost_data.is_some() {
                return;
            }
        }
        self.confirmed = true;
        if info.history.is_some() && self.history != info.history {
            self.history.clone_from(&info.history);
            core.touch();
        }
        for &addr in &info.replicas {
            self.meet_server(core, addr);
        }
        if info.replicas.contains(&master) && !before.is_some_and(|b| b.replicas.contains(&master)) {
            let hint = "lists a replica under its own address, which is nobody else's: set replica-announce-ip and replica-announce-port there";
            let payload = alloc::format!("{} {hint}", self.id_of_server(master));
            core.announce(Level::Warning, Some(&self.name), "-replica-unknown", payload);
        }
    }

    /// Whether a master that has restarted knows less than a replica that answers: it came back empty, or with an older copy.
    fn has_lost_data(&self, info: &InfoReport) -> bool {
        let replicas = self.servers.values().filter(|s| s.addr != self.master && !s.is_down());
        let knows_more = |r: &InfoReport| {
            r.priority > 0
                && is_relative(r, self.history.as_ref())
                && (!is_relative(info, self.history.as_ref()) || r.offset > info.offset)
        };
        self.history.is_some() && replicas.filter_map(|s| s.info.as_ref()).any(knows_more)
    }

    fn meet_server(&mut self, core: &mut Core, addr: SocketAddr) {
        if self.servers.contains_key(&addr) {
            return;
        }
        if self.servers.len() >= MAX_SERVERS && !self.forget_longest_down(core) {
            core.stats.at_bound += 1;
            return;
        }
        self.servers.insert(addr, Server::new(addr, core.now));
        core.touch();
        core.announce(Level::Notice, Some(&self.name), "+slave", self.id_of_server(addr));
    }

    /// Makes room for a server that the master knows: whoever has been down longest is forgotten. Where addresses are used
    /// once and never again, the dead would otherwise shut out the living.
    fn forget_longest_down(&mut self, core: &mut Core) -> bool {
        let down = self.servers.values().filter(|s| s.addr != self.master);
        let oldest = down.filter_map(|s| Some((s.down?.since, s.addr))).min();
        let Some(server) = oldest.and_then(|(_, addr)| self.servers.remove(&addr)) else { return false };
        server.close(core);
        true
    }

    fn tell_changes(&self, core: &mut Core, addr: SocketAddr, before: Option<&InfoReport>, info: &InfoReport) {
        let id = self.id_of_server(addr);
        if !info.is_supported() && before.is_none_or(InfoReport::is_supported) {
            let text = words(&[&id, &"version", &info.version, &"is older than 6.2: not supported"]);
            core.announce(Level::Warning, Some(&self.name), "-unsupported", text);
        }
        let Some(before) = before else { return };
        if before.run_id.is_some() && info.run_id != before.run_id {
            core.announce(Level::Notice, Some(&self.name), "+reboot", id.clone());
        }
        if info.role != before.role {
            let expected = (addr == self.master) == (info.role == Role::Master);
            let name = if expected { "+role-change" } else { "-role-change" };
            let text = words(&[&id, &"new reported role is", &role_word(info.role)]);
            core.announce(Level::Verbose, Some(&self.name), name, text);
        }
    }

    // === the agreed master ===

    /// There is a new agreed master: from here on everything is about that one.
    pub(crate) fn switch_to(&mut self, core: &mut Core, master: SocketAddr) {
        // Whatever was not told yet of the last change comes first.
        self.tell_switch(core);
        let from = core::mem::replace(&mut self.master, master);
        for addr in [from, master] {
            self.servers.entry(addr).or_insert_with(|| Server::new(addr, core.now));
        }
        for server in self.servers.values_mut() {
            // What they last said was about the old master; ask again at once.
            server.wrong = None;
            server.info_at = core.now;
            if server.addr == master {
                // Its clients are in the right place again.
                server.kick_at = None;
            }
        }
        for peer in self.peers.values_mut() {
            // A word about the old master says nothing about the new one.
            peer.word = None;
        }
        if let Some(server) = self.servers.get_mut(&master) {
            server.lost_data = None;
        }
        if let Some(server) = self.servers.get_mut(&from) {
            // It had everything for as long as it was the master: should the new one die at once, it is as fit as any.
            let until = server.down.map_or(core.now, |d| d.since);
            server.linked = server.linked.max(Some(until));
        }
        self.switched_at = core.now;
        self.led = false;
        self.postponed = false;
        self.ask_at = core.now;
        self.odown = None;
        self.attempt = Attempt::default();
        self.confirmed = true;
        self.prelude = Prelude::default();
        self.keep_promise_until_decided();
        core.touch();
        self.hello_now(core.now);
        self.seek_backing(core.now);
    }

    pub(crate) fn master_is_down(&self) -> bool {
        self.servers.get(&self.master).is_none_or(Server::is_down)
    }

    pub(crate) fn master_why(&self) -> Option<Why> {
        self.servers.get(&self.master).and_then(|s| s.down).map(|d| d.why)
    }

    // === names, as Sentinel writes them ===

    pub(crate) fn id_of_master(&self) -> String {
        words(&[&"master", &self.name, &self.told.ip(), &self.told.port()])
    }

    pub(crate) fn id_of_server(&self, addr: SocketAddr) -> String {
        if addr == self.told {
            return self.id_of_master();
        }
        let kind = role_word(Role::Replica);
        words(&[&kind, &addr, &addr.ip(), &addr.port(), &"@", &self.name, &self.told.ip(), &self.told.port()])
    }

    pub(crate) fn id_of_peer(&self, id: &RunId, addr: SocketAddr) -> String {
        let kind = "sentinel";
        words(&[&kind, id, &addr.ip(), &addr.port(), &"@", &self.name, &self.told.ip(), &self.told.port()])
    }
}

fn open<const N: usize>(line: &mut Line, core: &mut Core, now: Instant, asks: [Ask; N]) {
    if let Some(link) = line.link.as_mut() {
        link.up = true;
        link.heard = now;
        for ask in asks {
            link.send(core, ask);
        }
    }
}

/// Whether a server lets us in, but not to be served: what follows on that link is its choice, and no sign of a crash.
const fn is_protest(ask: &Ask, answer: &Answer) -> bool {
    matches!(ask, Ask::Auth | Ask::Ping | Ask::Info | Ask::Hello { .. })
        && matches!(answer, Answer::Error { .. } | Answer::Denied { .. })
}
