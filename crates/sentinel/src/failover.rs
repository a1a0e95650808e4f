//! What are the steps of a failover, and what ends each? Promotion is always seal → compare → promote → verify → publish.
//!
//! ```text
//!             not enough votes                nobody fit           not confirmed
//!                    ▲                            ▲                      ▲
//!   Electing ────────┼──> Sealing ────────────────┼──> Promoting ────────┼──> Committing ──> Reconfiguring ──> end
//!       │            │       ▲                    │                      │     (disk)          (others follow)
//!       └─ planned ──┴──> Pausing ──> CatchingUp ─┘                      │
//!                            └───────────┴─── too slow ───> abort <──────┘   (unseal, unpause, say why)
//! ```
//!
//! Every step follows the event that allows it; timers only end steps that do not come.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use core::net::SocketAddr;
use core::time::Duration;

use machine::{Instant, soonest};
use serde::{Deserialize, Serialize};
use view::{Epoch, Offset, RunId};

use crate::answer::{Answer, Role};
use crate::command::role_word;
use crate::config::ATTEMPT_LIMIT;
use crate::core::Core;
use crate::event::{Action, Ask, CallId, Channel, Level, Timer, words};
use crate::evidence::Why;
use crate::group::Group;
use crate::manage::Knob;
use crate::record::{Cause, Moment, Outcome, Record};
use crate::repoint::{AT_FIRST, Sync};
use crate::seal::{SEAL_WAIT, Seal};
use crate::select::Chosen;
use crate::server::INFO_HURRY;

/// How long an election may take. A round of votes takes milliseconds; a lost one is repeated in the next epoch.
const ELECTION: Duration = Duration::from_millis(600);

/// How soon it is looked whether a last attempt to reach the master has brought something.
const LAST_LOOK: Duration = Duration::from_millis(5);

/// How often a node that has not answered is asked again within an election.
const ASK_AGAIN: Duration = Duration::from_millis(150);

/// How often a server is asked for INFO while everybody waits for what it says.
const INFO_AT_ONCE: Duration = Duration::from_millis(20);

/// How long a promotion may take to be confirmed.
const VERIFY_WAIT: Duration = Duration::from_secs(1);

/// The exit status of a failure that somebody asked for.
const SIMULATED: u8 = 99;

/// How long the disk may take to write a decision before it is told all the same: a promoted master that nobody is told
/// of is an outage.
const COMMIT_WAIT: Duration = Duration::from_secs(1);

/// One attempt to give the group a new master, led by this node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Failover {
    pub(crate) epoch: Epoch,
    pub(crate) plan: Option<Plan>,
    pub(crate) stage: Stage,
    pub(crate) record: Record,
    /// Until then nobody else can have been elected, by the voters' promise: a promotion may be ordered before, and not later
    /// (M4), and what we know of the group is all there is to know.
    pub(crate) lease_until: Instant,
    votes: BTreeSet<RunId>,
    /// A planned one that has its majority: how long it waits for the votes of the others.
    pub(crate) all_by: Option<Instant>,
    /// Whom we ordered to follow nobody: all of them are to be released if nothing comes of it.
    pub(crate) sealed: BTreeMap<SocketAddr, Seal>,
    /// How far the others are in following the new master.
    pub(crate) syncs: BTreeMap<SocketAddr, Sync>,
    /// Subscribers have heard of the new master.
    pub(crate) told: bool,
}

/// What an operator asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// Whom to promote; `None`: the fittest.
    pub(crate) to: Option<SocketAddr>,
    /// Who waits for the outcome.
    pub(crate) call: Option<CallId>,
    /// Since when writes are held.
    pub(crate) held_since: Option<Instant>,
    /// Until when they may be: then it is undone.
    pub(crate) hold_until: Option<Instant>,
    /// Who was found fit when it began.
    pub(crate) candidate: Option<SocketAddr>,
    /// How far the master had come when it accepted no more.
    pub(crate) target: Offset,
}

/// Where an attempt stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// Votes are being collected, once our own is on disk.
    Electing { need: u64, ask_at: Instant, until: Instant },
    /// The old master was told to accept no more writes, and says how far it has come.
    Pausing { confirmed: bool, until: Instant },
    /// The one to promote is behind the master's last word.
    CatchingUp { look_at: Instant, until: Instant },
    /// The replicas were told to follow nobody, and say how far they have come.
    Sealing { until: Instant },
    /// One was told to be master, and has not yet said that it is.
    Promoting { to: SocketAddr, life: Option<RunId>, until: Instant },
    /// It is. Our decision goes to disk before anybody hears it.
    Committing { to: SocketAddr, need: u64, until: Instant },
    /// Everybody else is told to follow it.
    Reconfiguring { since: Instant, until: Instant },
}

impl Failover {
    /// Whether there is no new master yet.
    pub(crate) const fn is_undecided(&self) -> bool {
        !matches!(self.stage, Stage::Reconfiguring { .. })
    }

    /// Whether requests have to wait for it. `ties_address`: an address must leave in time.
    pub(crate) const fn holds_requests(&self, ties_address: bool) -> bool {
        let planned = self.plan.is_some();
        match self.stage {
            Stage::Electing { .. } => !planned || ties_address,
            Stage::Reconfiguring { .. } => false,
            _ => true,
        }
    }

    /// Somebody can be asked who could not before.
    pub(crate) const fn ask_at_once(&mut self, now: Instant) {
        if let Stage::Electing { ask_at, .. } = &mut self.stage {
            *ask_at = now;
        }
    }

    /// Whether the master is told to hold writes. A hello is one to Redis: it would be held, and with it all that we say
    /// after it on the same connection, the release included.
    pub(crate) fn mutes_master(&self) -> bool {
        self.is_undecided() && self.plan.as_ref().is_some_and(|p| p.held_since.is_some())
    }

    /// How often servers are asked for their INFO because this waits for it; `None`: it does not.
    pub(crate) fn info_period(&self, now: Instant) -> Option<Duration> {
        match self.stage {
            Stage::Promoting { .. } => Some(INFO_AT_ONCE),
            // Most follow within milliseconds, and clients wait for the word; who has to copy everything takes its time.
            Stage::Reconfiguring { since, .. } if now.since(since) < AT_FIRST => Some(INFO_AT_ONCE),
            Stage::Reconfiguring { .. } => Some(INFO_HURRY),
            _ => None,
        }
    }

    /// Stock's word for where it stands.
    pub(crate) const fn state_word(&self) -> &'static str {
        match self.stage {
            Stage::Electing { .. } => "wait_start",
            Stage::Pausing { .. } | Stage::CatchingUp { .. } | Stage::Sealing { .. } => "select_slave",
            Stage::Promoting { .. } | Stage::Committing { .. } => "wait_promotion",
            Stage::Reconfiguring { .. } => "reconf_slaves",
        }
    }

    pub(crate) fn count_vote(&mut self, epoch: Epoch, from: &RunId) {
        if epoch == self.epoch {
            self.votes.insert(from.clone());
        }
    }

    /// The epoch of a promotion that has been ordered and is not yet told: nothing older may come in between.
    pub(crate) const fn ordered(&self) -> Option<Epoch> {
        match self.stage {
            Stage::Promoting { .. } | Stage::Committing { .. } => Some(self.epoch),
            _ => None,
        }
    }

    /// Whether it has done something to this server, or is about to.
    pub(crate) fn concerns(&self, addr: SocketAddr) -> bool {
        let promoted = match self.stage {
            Stage::Promoting { to, .. } | Stage::Committing { to, .. } => Some(to),
            _ => None,
        };
        // Once the order to promote is out, the others wait for its end.
        let sealed = promoted.is_none() && self.sealed.contains_key(&addr);
        let planned = promoted.is_none() && self.plan.as_ref().is_some_and(|p| p.candidate == Some(addr));
        promoted == Some(addr) || sealed || planned
    }

    /// The decision that is made and not yet told.
    pub(crate) const fn decided(&self) -> Option<(SocketAddr, Epoch)> {
        match self.stage {
            Stage::Committing { to, .. } => Some((to, self.epoch)),
            _ => None,
        }
    }

    /// What it is doing.
    pub(crate) const fn explain(&self) -> &'static str {
        match self.stage {
            Stage::Electing { .. } => "asking the other nodes for their votes",
            Stage::Pausing { .. } => "waiting for the master to hold writes",
            Stage::CatchingUp { .. } => "waiting for the replica to have everything",
            Stage::Sealing { .. } => "cutting the replicas off from the old master to compare them",
            Stage::Promoting { .. } => "waiting for the promoted replica to say that it is master",
            Stage::Committing { .. } => "writing the decision to disk",
            Stage::Reconfiguring { .. } => "waiting for the others to follow the new master",
        }
    }

    pub(crate) fn deadline(&self) -> Option<(Instant, Timer)> {
        match self.stage {
            Stage::Electing { ask_at, until, .. } => {
                let all = self.all_by.unwrap_or(until);
                Some((ask_at.min(until).min(all), Timer::Election))
            }
            Stage::CatchingUp { look_at, until } => {
                soonest(Some((look_at, Timer::CatchUp)), Some((until, Timer::Step)))
            }
            Stage::Sealing { until } => Some((until, Timer::Seal)),
            Stage::Pausing { until, .. } | Stage::Promoting { until, .. } | Stage::Committing { until, .. } => {
                Some((until, Timer::Step))
            }
            Stage::Reconfiguring { since, until } => self.repoint_deadline(since, until),
        }
    }
}

impl Group {
    /// Takes a running attempt as far as it can go, and starts one that is due: the end of the one may allow the next.
    pub(crate) fn lead(&mut self, core: &mut Core) {
        self.go_on_all(core);
        if !self.is_attempt_due(core) {
            return;
        }
        if !self.has_had_last_look(core) {
            return;
        }
        if self.may_be_elected() {
            self.begin(core, None);
            self.go_on_all(core);
        } else {
            // Without a majority to vote a new epoch would only be noise.
            self.wait_for_voters(core);
        }
    }

    /// A master that refused a while ago may have been back for a moment, unseen: it is tried once more. `false`: wait for that.
    fn has_had_last_look(&mut self, core: &Core) -> bool {
        let now = core.now;
        let Some(master) = self.servers.get_mut(&self.master) else { return true };
        let was_refused = master.down.is_some_and(|d| matches!(d.why, Why::Gone(_)));
        if !was_refused || master.command.is_fresh(now) {
            return true;
        }
        master.command.hurry(now);
        self.attempt.at = Some(now + LAST_LOOK);
        false
    }

    /// Each stage may allow the next one at once; the list of stages is finite and only goes forward.
    fn go_on_all(&mut self, core: &mut Core) {
        while self.failover.is_some() && self.go_on(core) {}
    }

    /// Takes a new epoch, votes for ourselves, and asks the others as soon as that is on disk.
    pub(crate) fn begin(&mut self, core: &mut Core, plan: Option<Plan>) {
        assert!(self.bound_to_another(core).is_none(), "M4: our promise to another is kept");
        core.stats.attempts += 1;
        self.attempt.at = None;
        let epoch = core.epoch.next();
        assert!(self.vote.as_ref().is_none_or(|v| v.epoch < epoch), "V2: one vote an epoch");
        core.adopt_epoch(&self.name, epoch);
        core.announce(Level::Warning, Some(&self.name), "+try-failover", self.id_of_master());
        let me = core.id.clone();
        self.give_vote(core, epoch, me.clone());
        let cause = if plan.is_some() { Cause::Planned } else { Cause::Down };
        let mut record = self.new_record(epoch, cause);
        record.leader = Some(me.clone());
        record.votes_needed = u32::try_from(self.votes_needed()).unwrap_or(u32::MAX);
        record.step(core.now, Moment::Tried, "");
        self.failover = Some(Failover {
            epoch,
            plan,
            stage: Stage::Electing {
                need: core.save_of_last_change(),
                ask_at: core.now,
                until: core.now + ATTEMPT_LIMIT,
            },
            record,
            lease_until: core.now + ATTEMPT_LIMIT,
            votes: BTreeSet::from([me]),
            all_by: None,
            sealed: BTreeMap::new(),
            syncs: BTreeMap::new(),
            told: false,
        });
    }

    /// One step, if the present stage allows one. `true`: perhaps the next one too.
    fn go_on(&mut self, core: &mut Core) -> bool {
        let Some(stage) = self.failover.as_ref().map(|f| f.stage.clone()) else {
            return false;
        };
        match stage {
            Stage::Electing { need, ask_at, until } => self.elect(core, need, ask_at, until),
            Stage::Pausing { until, .. } => {
                self.too_slow(core, until, "the master did not confirm that it holds writes")
            }
            Stage::CatchingUp { look_at, until } => self.catch_up(core, look_at, until),
            Stage::Sealing { until } => self.compare(core, until),
            Stage::Promoting { until, .. } => {
                self.too_slow(core, until, "the chosen replica did not confirm that it is master")
            }
            Stage::Committing { to, need, until } => self.commit(core, to, need, until),
            Stage::Reconfiguring { since, until } => self.reconfigure(core, since, until),
        }
    }

    /// Ends a step that did not come in time.
    fn too_slow(&mut self, core: &mut Core, until: Instant, why: &str) -> bool {
        if until > core.now {
            return false;
        }
        self.abort(core, "-failover-abort-slave-timeout", why);
        true
    }

    // === elect ===

    fn elect(&mut self, core: &mut Core, need: u64, ask_at: Instant, until: Instant) -> bool {
        if self.is_needless() {
            self.abort(core, "-failover-abort-not-elected", "the master is back");
            return true;
        }
        let votes_needed = self.votes_needed();
        let Some(failover) = &mut self.failover else { return false };
        let epoch = failover.epoch;
        let is_saved = core.is_saved(need);
        let votes = failover.votes.len();
        // Everybody who can be asked has answered: waiting longer brings no more votes.
        let is_lost = is_saved && votes < votes_needed && self.undecided(epoch).next().is_none();
        if until <= core.now || is_lost {
            let why = if is_saved {
                alloc::format!("{votes} votes, {votes_needed} needed")
            } else {
                "this node's own vote was not on the disk in time".into()
            };
            self.abort(core, "-failover-abort-not-elected", &why);
            return true;
        }
        let is_elected = is_saved && votes >= votes_needed && !self.waits_for_all(core, epoch, until);
        let Some(failover) = &mut self.failover else { return false };
        if is_elected {
            let note = alloc::format!("{votes} votes, {votes_needed} needed");
            failover.record.step(core.now, Moment::Elected, note);
            core.announce(Level::Warning, Some(&self.name), "+elected-leader", self.id_of_master());
            if core.simulate.after_election {
                core.act(Action::Exit { status: SIMULATED });
            }
            self.start(core);
            return true;
        }
        if ask_at <= core.now {
            if let Stage::Electing { ask_at, .. } = &mut failover.stage {
                *ask_at = core.now + ASK_AGAIN;
            }
            if is_saved {
                self.ask_for_votes(core, epoch);
            }
        }
        false
    }

    fn ask_for_votes(&mut self, core: &mut Core, epoch: Epoch) {
        let ask = Ask::IsMasterDown { master: self.master, epoch, candidate: Some(core.id.clone()) };
        for peer in self.undecided(epoch) {
            if let Some(link) = peer.line.up()
                && !link.awaits(|a| *a == ask)
            {
                link.send(core, ask.clone());
            }
        }
    }

    /// The state that our own vote waited for is on disk: ask now, not at the next tick. The election's time begins here,
    /// so that a slow disk costs its delay and not the election.
    pub(crate) fn on_saved(&mut self, core: &Core) {
        let Some(failover) = &mut self.failover else { return };
        if let Stage::Electing { need, ask_at, until } = &mut failover.stage
            && core.is_saved(*need)
            && *until == failover.lease_until
        {
            *ask_at = core.now;
            let limit = core.pace.at_most(Knob::ElectionTimeout, ELECTION);
            *until = (core.now + limit).min(failover.lease_until - SEAL_WAIT);
        }
    }

    /// Whether the reason for a failover is gone: the master is back before anything was done to it.
    fn is_needless(&self) -> bool {
        self.odown.is_none() && self.failover.as_ref().is_some_and(|f| f.plan.is_none())
    }

    /// Elected: what comes first depends on whether there is a living master to be careful with.
    fn start(&mut self, core: &mut Core) {
        let planned = self.failover.as_ref().is_some_and(|f| f.plan.is_some());
        if self.odown.is_some() {
            self.seal(core);
        } else if planned && self.master_is_down() {
            // Down for us alone: others may be writing to it, and we could not make it stop.
            self.abort(core, "-failover-abort-master-timeout", "this node lost the master, and the others did not");
        } else {
            self.pause(core);
        }
    }

    // === promote and verify ===

    pub(crate) fn promote(&mut self, core: &mut Core, chosen: Chosen) {
        let to = chosen.addr();
        let id = self.id_of_server(to);
        let name = self.name.clone();
        let Some(failover) = &mut self.failover else { return };
        failover.record.step(core.now, Moment::Selected, alloc::format!("{to}"));
        failover.record.to = Some(to);
        let hold_until = failover.plan.as_ref().and_then(|p| p.hold_until);
        // From then on the voters may elect another leader, and this promotion could be a second one (M4).
        if core.now >= failover.lease_until || hold_until.is_some_and(|at| at <= core.now) {
            self.abort(core, "-failover-abort-slave-timeout", "the leader's time is over");
            return;
        }
        if self.is_needless() {
            self.abort(core, "-failover-abort-slave-timeout", "the master is back");
            return;
        }
        let Some(failover) = &mut self.failover else { return };
        core.announce(Level::Warning, Some(&name), "+selected-slave", id.clone());
        core.announce(Level::Notice, Some(&name), "+failover-state-send-slaveof-noone", id.clone());
        failover.record.step(core.now, Moment::Promoted, "");
        let life = self.servers.get(&to).and_then(|s| s.info.as_ref()).and_then(|i| i.run_id.clone());
        failover.stage = Stage::Promoting { to, life, until: core.now + VERIFY_WAIT };
        self.hold_on(core, VERIFY_WAIT);
        if let Some(server) = self.servers.get_mut(&to) {
            server.command.send(core, Ask::Promote);
            server.command.send(core, Ask::Role);
        }
        core.announce(Level::Notice, Some(&name), "+failover-state-wait-promotion", id);
    }

    /// An answer that a step may have waited for.
    pub(crate) fn on_step_answered(&mut self, core: &mut Core, from: SocketAddr, ask: &Ask, answer: &Answer) {
        let Some(failover) = &mut self.failover else { return };
        match (&mut failover.stage, ask) {
            (Stage::Sealing { .. }, Ask::Seal { epoch }) if *epoch == failover.epoch => {
                let seal = if *answer == Answer::Ok { Seal::Obeyed } else { Seal::Failed };
                failover.sealed.insert(from, seal);
            }
            (Stage::Sealing { .. }, Ask::Info) => {
                if failover.sealed.get(&from) == Some(&Seal::Obeyed)
                    && let Answer::Info(info) = answer
                {
                    let seal = if info.is_sealed() { Seal::Done } else { Seal::Failed };
                    failover.sealed.insert(from, seal);
                }
            }
            (Stage::Promoting { to, life, .. }, Ask::Role | Ask::Info | Ask::Promote) if *to == from => {
                let is_master = match answer {
                    Answer::Role { role } => *role == Role::Master,
                    // It may have died with our order unread, and come back as an empty master: not the one that we chose.
                    Answer::Info(info) => info.role == Role::Master && info.run_id == *life,
                    _ => false,
                };
                if is_master {
                    self.on_promotion_verified(core, from);
                } else if matches!((ask, answer), (Ask::Promote, Answer::Denied { .. } | Answer::Error { .. })) {
                    self.abort(core, "-failover-abort-slave-timeout", "the chosen replica refused to become master");
                } else if matches!((ask, answer), (Ask::Role, Answer::Denied { .. } | Answer::Error { .. }))
                    && let Some(server) = self.servers.get_mut(&from)
                {
                    // Operators' ACL rules for Sentinels often allow INFO and not ROLE.
                    server.ask_info(core);
                }
            }
            (Stage::Pausing { .. } | Stage::CatchingUp { .. }, _) => self.on_hold_answered(core, from, ask, answer),
            _ => {}
        }
    }

    /// A link that a step waited on broke.
    pub(crate) fn on_line_lost(&mut self, core: &mut Core, from: SocketAddr, channel: Channel) {
        if channel != Channel::Command {
            return;
        }
        let Some(failover) = &mut self.failover else { return };
        match failover.stage {
            Stage::Sealing { .. } => {
                if let Some(seal) = failover.sealed.get_mut(&from) {
                    *seal = Seal::Failed;
                }
            }
            Stage::Pausing { .. } | Stage::CatchingUp { .. } if from == self.master => {
                self.abort(
                    core,
                    "-failover-abort-master-timeout",
                    "the connection to the master broke while writes were held",
                );
            }
            Stage::CatchingUp { .. } if failover.plan.as_ref().is_some_and(|p| p.candidate == Some(from)) => {
                let why = "the connection to the replica broke while writes were held";
                self.abort(core, "-failover-abort-slave-timeout", why);
            }
            _ => {}
        }
    }

    fn on_promotion_verified(&mut self, core: &mut Core, to: SocketAddr) {
        let id = self.id_of_server(to);
        let Some(failover) = &mut self.failover else { return };
        failover.record.step(core.now, Moment::Verified, "");
        let said = self.servers.get_mut(&to).and_then(|server| server.info.as_mut());
        if said.is_some_and(|info| core::mem::replace(&mut info.role, Role::Master) != Role::Master) {
            // Its ROLE came before its INFO.
            let text = words(&[&id as &dyn core::fmt::Display, &"new reported role is", &role_word(Role::Master)]);
            core.announce(Level::Verbose, Some(&self.name), "-role-change", text);
        }
        core.announce(Level::Warning, Some(&self.name), "+promoted-slave", id);
        if core.simulate.after_promotion {
            core.act(Action::Exit { status: SIMULATED });
        }
        let need = core.touch();
        failover.stage = Stage::Committing { to, need, until: core.now + COMMIT_WAIT };
        self.hold_on(core, COMMIT_WAIT);
    }

    // === give up ===

    /// Gives up: releases whoever was sealed or paused, and says why.
    pub(crate) fn abort(&mut self, core: &mut Core, event: &str, why: &str) {
        let Some(failover) = self.failover.take() else { return };
        core.announce(Level::Warning, Some(&self.name), event, self.id_of_master());
        let master = self.master;
        self.release(core, &failover, master);
        // An order to promote may still be on its way: then our vote must not make another leader yet.
        if failover.ordered().is_none() {
            self.free_own_promise(core);
        }
        self.close_record(core, failover, why.into());
        self.on_attempt_failed(core);
    }

    /// Orders those that we sealed to follow `master`, as long as nobody else can have sealed or promoted them in the
    /// meantime: a node that was frozen would undo that. Who is still sealed then is released by a majority's word.
    fn release(&mut self, core: &mut Core, failover: &Failover, master: SocketAddr) {
        let in_time = core.now < failover.lease_until;
        for addr in failover.sealed.keys().filter(|addr| in_time && **addr != master) {
            if let Some(server) = self.servers.get_mut(addr) {
                server.command.send(core, Ask::Replicate { master });
            }
        }
    }

    /// A later decision of somebody else (a stock Sentinel, which knows no promise) ends ours.
    pub(crate) fn yield_failover(&mut self, core: &mut Core, to: Epoch, master: SocketAddr) {
        if let Some(failover) = self.failover.take() {
            if failover.is_undecided() {
                self.release(core, &failover, master);
                self.close_record(core, failover, alloc::format!("another node decided in epoch {to}"));
            } else {
                core.keep_record(failover.record);
            }
            self.tell_switch(core);
        }
    }

    fn close_record(&mut self, core: &mut Core, failover: Failover, why: String) {
        let Failover { plan, mut record, .. } = failover;
        if let Some(plan) = plan {
            if plan.held_since.is_some()
                && let Some(server) = self.servers.get_mut(&self.master)
            {
                server.command.send(core, Ask::Unpause);
            }
            if let Some(call) = plan.call {
                core.refuse(call, "ERR", why.clone());
            }
        }
        record.step(core.now, Moment::Aborted, why.clone());
        record.outcome = Some(Outcome::Aborted { why });
        core.keep_record(record);
    }
}
