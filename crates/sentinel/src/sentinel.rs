//! Where does each event go? The machine's table of contents.

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::time::Duration;

use machine::{Instant, Machine, soonest};
use serde::{Deserialize, Serialize};
use view::{GroupName, View};

use crate::config::Config;
use crate::core::Core;
use crate::event::{Action, CallId, Event, Level, LinkId, Reply, Request, Timer};
use crate::group::Group;
use crate::hello::Hello;
use crate::manage::Knob;
use crate::state::State;

/// A wake, or any call, that comes this much after a deadline means that we were frozen, or the clock jumped.
const TILT_TRIGGER: Duration = Duration::from_secs(1);

/// For how long nothing is decided afterwards. Stock: 30 s. Long enough for fresh answers from everybody.
const TILT_PERIOD: Duration = Duration::from_secs(2);

/// The Sentinel of one node: all its groups.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sentinel {
    pub(crate) core: Core,
    pub(crate) groups: BTreeMap<GroupName, Group>,
}

impl Sentinel {
    /// The scripts that run or wait.
    #[must_use]
    pub const fn scripts(&self) -> &crate::script::Scripts {
        &self.core.scripts
    }

    /// A node that starts at `now` with what it was told and what it had saved. `seed` is where its jitter comes from.
    #[must_use]
    pub fn new(config: Config, mut state: State, seed: u64, now: Instant) -> Self {
        let Config { id, announce, groups } = config;
        let known = state.groups.values().flat_map(|g| [Some(g.config_epoch), g.vote.as_ref().map(|v| v.epoch)]);
        let epoch = known.flatten().fold(state.epoch, view::Epoch::max);
        let mut core = Core::new(id, announce, epoch, seed, now);
        let groups: BTreeMap<_, _> = groups
            .into_iter()
            .map(|(name, rules)| {
                let known = state.groups.remove(&name);
                let group = Group::new(&core, name.clone(), rules, known);
                group.tell_monitored(&mut core);
                (name, group)
            })
            .collect();
        // The first wake connects to everybody; nothing happens in a constructor.
        Self { core, groups }
    }

    /// The present view of a group.
    #[must_use]
    pub fn view(&self, group: &GroupName) -> Option<&View> {
        self.groups.get(group)?.published.as_ref()
    }

    /// What must survive a restart.
    #[must_use]
    pub fn state(&self) -> State {
        State {
            epoch: self.core.epoch,
            groups: self.groups.iter().map(|(name, g)| (name.clone(), g.state())).collect(),
        }
    }

    /// One sentence a group: what this node does, and why.
    #[must_use]
    pub fn explain(&self) -> BTreeMap<GroupName, String> {
        let explain = |(name, g): (&GroupName, &Group)| (name.clone(), g.explain(&self.core));
        self.groups.iter().map(explain).collect()
    }

    fn on_request(&mut self, call: CallId, request: Request) {
        let Self { core, groups } = self;
        match request {
            Request::IsMasterDown { master, epoch, candidate } => {
                // The question is about an address. Who has another master has no opinion, and no vote to give.
                match groups.values_mut().find(|g| g.master == master && !core.is_absurd(epoch)) {
                    Some(group) => group.on_vote_asked(core, call, epoch, candidate),
                    None => core.reply(call, Reply::Vote { down: false, leader: None, epoch: view::Epoch(0) }),
                }
            }
            Request::Hello { text } => {
                self.on_hello(&text);
                self.core.reply(call, Reply::Ok);
            }
            Request::Failover { group } => match groups.get_mut(&group) {
                Some(g) => g.on_switchover_asked(core, call, None, false),
                None => Group::refuse_unknown(core, call, &group),
            },
            Request::Switchover { group, to } => match groups.get_mut(&group) {
                Some(g) => g.on_switchover_asked(core, call, to, true),
                None => Group::refuse_unknown(core, call, &group),
            },
            Request::Set { group, settings } => match groups.get_mut(&group) {
                Some(g) => g.on_set(core, call, settings),
                None => Group::refuse_unknown(core, call, &group),
            },
            Request::Reload { group, rules, reconnect } => match groups.get_mut(&group) {
                Some(g) => g.on_reload(core, call, rules, reconnect),
                None => Group::refuse_unknown(core, call, &group),
            },
            Request::Monitor { group, rules } => self.on_monitor(call, group, rules),
            Request::Remove { group } => self.on_remove(call, &group),
            Request::Reset { pattern } => self.on_reset(call, &pattern),
            Request::Configure { announce, reconnect } => self.on_configure(call, announce, reconnect),
            Request::Tune { knobs } => {
                for (knob, time) in knobs {
                    core.pace.set(knob, time);
                    match knob {
                        Knob::ScriptMaxRuntime => core.scripts.set_max_runtime(time),
                        Knob::ScriptRetryDelay => core.scripts.set_retry_delay(time),
                        _ => {}
                    }
                }
                core.reply(call, Reply::Ok);
            }
            Request::SimulateFailure { after_election, after_promotion } => {
                core.simulate = crate::core::Simulated { after_election, after_promotion };
                core.reply(call, Reply::Ok);
            }
        }
    }

    fn on_hello(&mut self, text: &str) {
        let Self { core, groups } = self;
        let Ok(hello) = text.parse::<Hello>() else {
            core.stats.malformed += 1;
            return;
        };
        if hello.id == core.id {
            core.on_own_hello(&hello);
            return;
        }
        let Some(group) = groups.get_mut(&hello.group) else { return };
        if core.is_absurd(hello.epoch.max(hello.config_epoch)) {
            core.stats.malformed += 1;
            return;
        }
        let before = group.peers.get(&hello.id).map(|p| p.addr);
        group.on_hello(core, &hello);
        let after = group.peers.get(&hello.id).map(|p| p.addr);
        if before.is_some() && before != after && after == Some(hello.from) {
            Self::on_peer_moved(core, groups, &hello);
        }
    }

    /// A node that moved has moved for all its groups.
    fn on_peer_moved(core: &mut Core, groups: &mut BTreeMap<GroupName, Group>, hello: &Hello) {
        let mut moved = 0;
        for group in groups.values_mut() {
            moved += u32::from(group.follow_peer(core, hello));
        }
        if let Some(group) = groups.get(&hello.group).filter(|_| moved > 0) {
            let id = group.id_of_peer(&hello.id, hello.from);
            let text = alloc::format!("{id} {moved} additional matching instances");
            core.announce(Level::Notice, Some(&hello.group), "+sentinel-address-update", text);
        }
    }

    fn on_link(&mut self, id: LinkId, then: impl FnOnce(&mut Group, &mut Core)) {
        let Self { core, groups } = self;
        match groups.values_mut().find(|g| g.owns(id)) {
            Some(group) => then(group, core),
            // It was closed while this was on its way.
            None => core.stats.stray += 1,
        }
    }

    /// Time may have jumped, or we were frozen: then silence was ours, and what we know is old.
    fn look_at_clock(&mut self, now: Instant) {
        let due = self.deadline_of_groups();
        let trigger = self.core.pace.chosen(Knob::TiltTrigger).unwrap_or(TILT_TRIGGER);
        let late = due.is_some_and(|(at, _)| now.since(at) > trigger);
        let before = self.core.now;
        self.core.now = before.max(now);
        if !late {
            if self.core.tilt_until.is_some_and(|until| until <= now) {
                self.core.tilt_until = None;
                self.core.announce(Level::Warning, None, "-tilt", "#tilt mode exited");
            }
            return;
        }
        if self.core.tilt_until.is_none() {
            self.core.tilt_since = Some(now);
            self.core.announce(Level::Warning, None, "+tilt", "#tilt mode entered");
        }
        self.core.tilt_until = Some(now + self.core.pace.chosen(Knob::TiltPeriod).unwrap_or(TILT_PERIOD));
        for group in self.groups.values_mut() {
            group.forgive(before, now);
        }
    }

    fn advance(&mut self) {
        let Self { core, groups } = self;
        core.watched = groups.len();
        core.give_up_clearances();
        for group in groups.values_mut() {
            group.advance(core);
        }
        core.run_scripts(groups);
        if let Some(seq) = core.next_save() {
            let state = self.state();
            self.core.act(Action::Save { seq, state });
        }
    }

    fn deadline_of_groups(&self) -> Option<(Instant, Timer)> {
        let groups = self.groups.values().map(|g| g.deadline(&self.core));
        groups.fold(None, soonest)
    }
}

impl Machine for Sentinel {
    type Event = Event;
    type Action = Action;
    type Timer = Timer;

    fn handle(&mut self, now: Instant, event: Event) {
        self.look_at_clock(now);
        self.core.stats.events += 1;
        match event {
            Event::Connected { link } => self.on_link(link, |g, core| g.on_connected(core, link)),
            Event::Failed { link, fault } => self.on_link(link, |g, core| g.on_failed(core, link, fault)),
            Event::Answered { link, answer } => self.on_link(link, |g, core| g.on_answered(core, link, answer)),
            Event::Heard { link, hello } => {
                self.on_link(link, |g, core| g.on_heard(core.now, link));
                self.on_hello(&hello);
            }
            Event::Saved { seq } => {
                self.core.on_saved(seq);
                for group in self.groups.values_mut() {
                    group.on_saved(&self.core);
                }
            }
            Event::Cleared { group, nr } => {
                if !self.core.clearances.on_cleared(&group, nr) {
                    self.core.stats.stray += 1;
                }
            }
            Event::SaveFailed { seq } => self.core.on_save_failed(seq),
            Event::Requested { call, request } => self.on_request(call, request),
            Event::Moved { from, to } => self.on_moved(from, to),
            Event::ScriptStarted { nr, pid } => self.core.scripts.on_started(nr, pid),
            Event::ScriptEnded { nr, end } => self.core.scripts.on_ended(now, nr, end),
        }
        self.advance();
    }

    fn wake(&mut self, now: Instant) {
        self.look_at_clock(now);
        self.core.scripts.wake(now);
        self.advance();
    }

    fn poll(&mut self) -> Option<Action> {
        self.core.out.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, Timer)> {
        // What waits for an address is saved when that has left, or takes too long.
        let retry_at = self.core.saves.retry_at.filter(|_| !self.core.clearances.is_awaited());
        let save = retry_at.map(|at| (at, Timer::Save));
        let tilt = self.core.tilt_until.map(|at| (at, Timer::Tilt));
        let clear = self.core.clearances.deadline();
        let script = self.core.scripts.deadline().map(|at| (at, Timer::Script));
        [save, tilt, clear, script].into_iter().fold(self.deadline_of_groups(), soonest)
    }
}
