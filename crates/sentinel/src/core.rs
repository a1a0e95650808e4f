//! What all groups of a node share: the outbox, the current epoch, saves and whatever waits for them.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use machine::{Instant, Rng};
use serde::{Deserialize, Serialize};
use view::{Epoch, GroupName, RunId};

use crate::clearance::Clearances;
use crate::event::{Action, Announcement, CallId, Level, LinkId, Reply};
use crate::group::Group;
use crate::hello::Hello;
use crate::manage::Pace;
use crate::record::{MAX_RECORDS, Record, first_to_forget};
use crate::report::Stats;
use crate::script::{Order, Scripts};

/// Replies that wait for the disk. At the bound a voter answers without giving its vote.
const MAX_HELD: usize = 256;

/// How far another node's epoch may be ahead of ours: an attempt a second for a century.
const MAX_LEAP: u64 = 1 << 32;

/// When to try again after a save that failed.
const SAVE_RETRY: Duration = Duration::from_secs(1);

/// What all groups of a node share.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Core {
    /// The latest time that the driver told.
    pub(crate) now: Instant,
    pub(crate) id: RunId,
    pub(crate) announce: SocketAddr,
    /// The highest epoch ever seen: Sentinel's current epoch.
    pub(crate) epoch: Epoch,
    pub(crate) rng: Rng,
    pub(crate) out: VecDeque<Action>,
    /// Until then the clock is not trusted, hence nothing is decided.
    pub(crate) tilt_until: Option<Instant>,
    /// Since when it has not been.
    pub(crate) tilt_since: Option<Instant>,
    pub(crate) records: VecDeque<Record>,
    pub(crate) stats: Stats,
    pub(crate) saves: Saves,
    pub(crate) pace: Pace,
    /// Until when a group that is watched no more had promised its vote to somebody.
    pub(crate) promised_until: Instant,
    /// How many groups are watched.
    pub(crate) watched: usize,
    pub(crate) scripts: Scripts,
    /// What calls for a script, if its group has one: drained after every step.
    wishes: Vec<(GroupName, Wish)>,
    /// Where somebody said hello with our id last: announced once.
    impostor: Option<SocketAddr>,
    /// Somebody wants us to end right after these points.
    pub(crate) simulate: Simulated,
    held: VecDeque<Held>,
    pub(crate) clearances: Clearances,
    links: u32,
}

/// Which state is on disk, and which is on its way.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Saves {
    /// The last save that was ordered.
    issued: u64,
    /// The last save that succeeded.
    saved: u64,
    under_way: bool,
    /// Something changed since the last order.
    dirty: bool,
    /// After a failure: when to order again.
    pub(crate) retry_at: Option<Instant>,
}

/// What calls for a script.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Wish {
    /// An event's name and payload, for the notification script.
    Notification([String; 2]),
    /// The arguments of the client-reconfig script.
    Reconfiguration([String; 7]),
}

/// Points at which the process shall end: for who wants to see what the others do then.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Simulated {
    pub(crate) after_election: bool,
    pub(crate) after_promotion: bool,
}

/// A vote that may leave once its save is on disk (V2).
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Held {
    need: u64,
    call: CallId,
    reply: Reply,
}

impl Core {
    pub(crate) fn new(id: RunId, announce: SocketAddr, epoch: Epoch, seed: u64, now: Instant) -> Self {
        Self {
            now,
            id,
            announce,
            epoch,
            rng: Rng::new(seed),
            out: VecDeque::new(),
            tilt_until: None,
            tilt_since: None,
            records: VecDeque::new(),
            stats: Stats::default(),
            saves: Saves::default(),
            pace: Pace::default(),
            promised_until: now,
            watched: 0,
            scripts: Scripts::new(),
            wishes: Vec::new(),
            impostor: None,
            simulate: Simulated::default(),
            held: VecDeque::new(),
            clearances: Clearances::default(),
            links: 0,
        }
    }

    /// A link that never was.
    pub(crate) const fn new_link(&mut self, to: SocketAddr) -> LinkId {
        self.links += 1;
        LinkId { to, nr: self.links }
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.out.push_back(action);
    }

    pub(crate) fn reply(&mut self, call: CallId, reply: Reply) {
        self.act(Action::Reply { call, reply });
    }

    pub(crate) fn refuse(&mut self, call: CallId, code: &str, why: impl Into<String>) {
        let (code, why) = (code.into(), why.into());
        self.reply(call, Reply::Refused { code, why });
    }

    pub(crate) fn announce(&mut self, level: Level, group: Option<&GroupName>, name: &str, payload: impl Into<String>) {
        let event = Announcement { level, group: group.cloned(), name: name.into(), payload: payload.into() };
        if let Some(group) = group.filter(|_| level == Level::Warning) {
            let arguments = [event.name.clone(), event.payload.clone()];
            self.wishes.push((group.clone(), Wish::Notification(arguments)));
        }
        self.act(Action::Announce { event });
    }

    /// Notes that the state changed; returns the number of the save that will contain the change.
    pub(crate) const fn touch(&mut self) -> u64 {
        self.saves.dirty = true;
        self.saves.issued + 1
    }

    /// The number of the save that contains everything up to now.
    pub(crate) const fn save_of_last_change(&self) -> u64 {
        if self.saves.dirty { self.saves.issued + 1 } else { self.saves.issued }
    }

    pub(crate) const fn is_saved(&self, need: u64) -> bool {
        self.saves.saved >= need
    }

    /// Whether the save was at least tried: enough where waiting longer would do more harm than forgetting.
    pub(crate) const fn is_tried(&self, need: u64) -> bool {
        self.saves.saved >= need || (self.saves.issued >= need && !self.saves.under_way)
    }

    /// The number of the save to order now, if one is due. One is under way at a time.
    pub(crate) fn next_save(&mut self) -> Option<u64> {
        let saves = &mut self.saves;
        let blocked = self.clearances.is_awaited() || saves.under_way || saves.retry_at.is_some_and(|at| at > self.now);
        if blocked || !saves.dirty {
            return None;
        }
        saves.retry_at = None;
        saves.dirty = false;
        saves.under_way = true;
        saves.issued += 1;
        Some(saves.issued)
    }

    pub(crate) fn on_saved(&mut self, seq: u64) {
        if !self.saves.under_way || seq != self.saves.issued {
            self.stats.stray += 1;
            return;
        }
        self.saves.under_way = false;
        self.saves.saved = seq;
        while self.held.front().is_some_and(|h| h.need <= seq) {
            if let Some(Held { call, reply, .. }) = self.held.pop_front() {
                self.reply(call, reply);
            }
        }
    }

    /// What could not be saved is not said: the waiting votes are answered without a vote, and changes are not confirmed.
    pub(crate) fn on_save_failed(&mut self, seq: u64) {
        if !self.saves.under_way || seq != self.saves.issued {
            self.stats.stray += 1;
            return;
        }
        self.saves.under_way = false;
        self.saves.dirty = true;
        self.saves.retry_at = Some(self.now + SAVE_RETRY);
        for Held { call, reply, .. } in core::mem::take(&mut self.held) {
            self.reply(call, unsaved(reply));
        }
        self.announce(
            Level::Warning,
            None,
            "-state-not-saved",
            "no vote is given until the state can be written; trying again in 1 s",
        );
    }

    /// Replies as soon as save `need` is on disk.
    pub(crate) fn reply_when_saved(&mut self, need: u64, call: CallId, reply: Reply) {
        if self.is_saved(need) {
            self.reply(call, reply);
        } else if self.held.len() >= MAX_HELD {
            self.stats.at_bound += 1;
            self.reply(call, unsaved(reply));
        } else {
            self.held.push_back(Held { need, call, reply });
        }
    }

    /// Confirms a change that was just made as soon as it is on disk.
    pub(crate) fn confirm_when_saved(&mut self, call: CallId) {
        self.touch();
        let need = self.save_of_last_change();
        self.reply_when_saved(need, call, Reply::Ok);
    }

    /// Whether an epoch is so far ahead that nobody can have got there honestly. Taken over, a few of them would use up
    /// all epochs there are, and nobody could be elected again.
    pub(crate) const fn is_absurd(&self, epoch: Epoch) -> bool {
        epoch.0 > self.epoch.0.saturating_add(MAX_LEAP)
    }

    /// A hello with our own id: ours, come back, or that of a node that has been given our id.
    pub(crate) fn on_own_hello(&mut self, hello: &Hello) {
        let ours = self.announce;
        let is_ours = hello.from == ours || (ours.ip().is_unspecified() && hello.from.port() == ours.port());
        if is_ours || self.impostor == Some(hello.from) {
            return;
        }
        self.impostor = Some(hello.from);
        self.stats.malformed += 1;
        let text = alloc::format!("another node at {} has our id {}: give it one of its own", hello.from, self.id);
        self.announce(Level::Warning, None, "-own-id", text);
    }

    /// Takes over a higher epoch that another node has seen, or a new one of ours.
    pub(crate) fn adopt_epoch(&mut self, group: &GroupName, epoch: Epoch) {
        if epoch > self.epoch {
            self.epoch = epoch;
            self.touch();
            self.announce(Level::Warning, Some(group), "+new-epoch", alloc::format!("{epoch}"));
        }
    }

    /// The master of a group has changed: its client-reconfig script is to be run.
    pub(crate) fn tell_clients(&mut self, group: &GroupName, role: &str, from: SocketAddr, to: SocketAddr) {
        let place = |addr: SocketAddr| [alloc::format!("{}", addr.ip()), alloc::format!("{}", addr.port())];
        let ([from_ip, from_port], [to_ip, to_port]) = (place(from), place(to));
        let arguments = [group.as_str().into(), role.into(), "start".into(), from_ip, from_port, to_ip, to_port];
        self.wishes.push((group.clone(), Wish::Reconfiguration(arguments)));
    }

    /// Schedules what was wished for, where the groups have scripts; hands on what the scripts order and tell.
    pub(crate) fn run_scripts(&mut self, groups: &BTreeMap<GroupName, Group>) {
        for (name, wish) in core::mem::take(&mut self.wishes) {
            let Some(rules) = groups.get(&name).map(|g| &g.rules) else { continue };
            let (path, args) = match wish {
                Wish::Notification(args) => (&rules.notification_script, Vec::from(args)),
                Wish::Reconfiguration(args) => (&rules.client_reconfig_script, Vec::from(args)),
            };
            if let Some(path) = path {
                self.scripts.schedule(self.now, path.clone(), args);
            }
        }
        while let Some(event) = self.scripts.next_notice() {
            self.act(Action::Announce { event });
        }
        while let Some(order) = self.scripts.next_order() {
            self.act(match order {
                Order::Run { nr, path, args } => Action::RunScript { nr, path, args },
                Order::Kill { nr, .. } => Action::KillScript { nr },
            });
        }
    }

    pub(crate) fn keep_record(&mut self, record: Record) {
        if self.records.len() >= MAX_RECORDS {
            let all: Vec<&Record> = self.records.iter().collect();
            self.records.remove(first_to_forget(&all));
        }
        self.records.push_back(record);
    }

    pub(crate) fn is_tilted(&self) -> bool {
        self.tilt_until.is_some_and(|until| self.now < until)
    }
}

/// What is said in place of a reply whose change did not get to the disk.
fn unsaved(reply: Reply) -> Reply {
    match reply {
        Reply::Vote { down, .. } => Reply::Vote { down, leader: None, epoch: Epoch(0) },
        Reply::Ok | Reply::Count { .. } => {
            Reply::Refused { code: "ERR".into(), why: "Failed to save config file. Check server logs.".into() }
        }
        other => other,
    }
}
