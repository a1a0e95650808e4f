//! How is a node changed while it runs? Groups come, go, are given other rules, and are forgotten: `SENTINEL MONITOR`, `REMOVE`,
//! `SET`, `RESET`, `CONFIG SET` and their kin. Whatever must survive a restart is on disk before it is confirmed.
//!
//! Secrets and names of commands are the driver's: the machine hears only that they changed.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use machine::Instant;
use machine::time::span;
use resp::glob;
use serde::{Deserialize, Serialize};
use view::GroupName;

use crate::config::{Config, GroupConfig};
use crate::core::Core;
use crate::event::{Action, CallId, Level, Reply, words};
use crate::failover::Failover;
use crate::group::Group;
use crate::prelude::Prelude;
use crate::record::Outcome;
use crate::sentinel::Sentinel;
use crate::server::Server;
use crate::state::Vote;
use crate::vote::Promise;

/// One change of a group's rules, as `SENTINEL SET` names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Setting {
    /// `down-after-milliseconds`.
    DownAfter {
        /// Longer than zero.
        #[serde(with = "span")]
        time: Duration,
    },
    /// `failover-timeout`.
    FailoverTimeout {
        /// Longer than zero.
        #[serde(with = "span")]
        time: Duration,
    },
    /// `parallel-syncs`.
    ParallelSyncs {
        /// At least 1.
        n: u32,
    },
    /// `quorum`.
    Quorum {
        /// At least 1.
        n: u32,
    },
    /// `master-reboot-down-after-period`.
    RebootDownAfter {
        /// Zero: off.
        #[serde(with = "span")]
        time: Duration,
    },
    /// `notification-script`.
    NotificationScript {
        /// `None`: no more.
        path: Option<String>,
    },
    /// `client-reconfig-script`.
    ClientReconfigScript {
        /// `None`: no more.
        path: Option<String>,
    },
    /// `auth-user`: the driver has it; the connections to the servers are made anew.
    AuthUser {
        /// For the event.
        name: String,
    },
    /// `auth-pass`: the driver has it; the connections to the servers are made anew.
    AuthPass,
    /// `rename-command`: the driver has it.
    RenameCommand {
        /// The command.
        from: String,
        /// What the servers call it.
        to: String,
    },
}

/// What `SENTINEL DEBUG` can set. The names and defaults are stock's; this node is faster than most of them by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Knob {
    /// How often servers are asked for `INFO`, at most.
    InfoPeriod,
    /// How often they are pinged, at most.
    PingPeriod,
    /// How often others are asked about a master that is down, at most.
    AskPeriod,
    /// How often hello is said, at most.
    PublishPeriod,
    /// What `SENTINEL MONITOR` gives a group.
    DefaultDownAfter,
    /// What `SENTINEL MONITOR` gives a group.
    DefaultFailoverTimeout,
    /// How late a look at the clock must be to mean that we were frozen.
    TiltTrigger,
    /// For how long nothing is decided afterwards.
    TiltPeriod,
    /// How long a replica may take to begin to follow a new master.
    ReplicaReconfTimeout,
    /// Accepted for compatibility: links are made anew by other rules here.
    MinLinkReconnectPeriod,
    /// How long an election may take, at most.
    ElectionTimeout,
    /// How long a script may run.
    ScriptMaxRuntime,
    /// When a script that failed is run again at first.
    ScriptRetryDelay,
}

impl Knob {
    /// All of them, in the order in which they are told, with stock's default in milliseconds.
    pub const ALL: [(Self, &'static str, u64); 13] = [
        (Self::InfoPeriod, "info-period", 10_000),
        (Self::PingPeriod, "ping-period", 1_000),
        (Self::AskPeriod, "ask-period", 1_000),
        (Self::PublishPeriod, "publish-period", 2_000),
        (Self::DefaultDownAfter, "default-down-after", 30_000),
        (Self::DefaultFailoverTimeout, "default-failover-timeout", 180_000),
        (Self::TiltTrigger, "tilt-trigger", 2_000),
        (Self::TiltPeriod, "tilt-period", 30_000),
        (Self::ReplicaReconfTimeout, "slave-reconf-timeout", 10_000),
        (Self::MinLinkReconnectPeriod, "min-link-reconnect-period", 15_000),
        (Self::ElectionTimeout, "election-timeout", 10_000),
        (Self::ScriptMaxRuntime, "script-max-runtime", 60_000),
        (Self::ScriptRetryDelay, "script-retry-delay", 30_000),
    ];
}

/// The pace that an operator set by `SENTINEL DEBUG`. Empty after a start.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Pace(BTreeMap<Knob, Instant>);

impl Pace {
    pub(crate) fn set(&mut self, knob: Knob, time: Duration) {
        self.0.insert(knob, Instant::START + time);
    }

    /// What was set; `None`: nothing was.
    pub(crate) fn chosen(&self, knob: Knob) -> Option<Duration> {
        self.0.get(&knob).map(|at| at.since(Instant::START))
    }

    /// `ours`, or what was set if that is sooner.
    pub(crate) fn at_most(&self, knob: Knob, ours: Duration) -> Duration {
        self.chosen(knob).map_or(ours, |set| set.min(ours))
    }

    /// What was set, or stock's default.
    pub(crate) fn told(&self, knob: Knob) -> Duration {
        let default = Knob::ALL.iter().find(|(k, ..)| *k == knob).map_or(0, |(_, _, ms)| *ms);
        self.chosen(knob).unwrap_or_else(|| Duration::from_millis(default))
    }
}

impl Sentinel {
    /// What this node was told, with all changes since.
    #[must_use]
    pub fn config(&self) -> Config {
        Config {
            id: self.core.id.clone(),
            announce: self.core.announce,
            groups: self.groups.iter().map(|(name, g)| (name.clone(), g.rules.clone())).collect(),
        }
    }

    /// What `SENTINEL DEBUG` says of a knob.
    #[must_use]
    pub fn pace(&self, knob: Knob) -> Duration {
        self.core.pace.told(knob)
    }

    pub(crate) fn on_monitor(&mut self, call: CallId, name: GroupName, rules: GroupConfig) {
        let Self { core, groups } = self;
        if groups.contains_key(&name) {
            return core.refuse(call, "ERR", "Duplicate master name.");
        }
        if groups.len() >= MAX_GROUPS {
            core.stats.at_bound += 1;
            return core.refuse(call, "ERR", alloc::format!("this node watches {MAX_GROUPS} groups, and no more"));
        }
        let mut group = Group::new(core, name.clone(), rules, None);
        // It may have been watched before, and votes given that nobody remembers: all epochs up to now are spent (V2).
        group.vote = Some(Vote { epoch: core.epoch, leader: None });
        group.promise =
            Some(Promise { to: None, until: core.promised_until, is_fresh: false }).filter(|p| core.now < p.until);
        group.tell_monitored(core);
        groups.insert(name, group);
        core.confirm_when_saved(call);
    }

    pub(crate) fn on_remove(&mut self, call: CallId, name: &GroupName) {
        let Self { core, groups } = self;
        let Some(mut group) = groups.remove(name) else {
            return Group::refuse_unknown(core, call, name);
        };
        group.give_up(core, "the group is watched no more");
        let promised = group.promise.as_ref().map_or(core.now, |p| p.until);
        core.promised_until = core.promised_until.max(promised);
        core.announce(Level::Warning, Some(name), "-monitor", group.id_of_master());
        // Its notification script hears of it, while the group is still there.
        groups.insert(name.clone(), group);
        core.run_scripts(groups);
        let Some(mut group) = groups.remove(name) else { return };
        group.forget_all(core);
        for server in core::mem::take(&mut group.servers).into_values() {
            server.close(core);
        }
        core.confirm_when_saved(call);
    }

    pub(crate) fn on_reset(&mut self, call: CallId, pattern: &str) {
        let Self { core, groups } = self;
        let mut n = 0;
        for group in groups.values_mut().filter(|g| glob::fits(pattern.as_bytes(), g.name.as_str().as_bytes())) {
            group.reset(core);
            n += 1;
        }
        core.touch();
        let need = core.save_of_last_change();
        core.reply_when_saved(need, call, Reply::Count { n });
    }

    pub(crate) fn on_configure(&mut self, call: CallId, announce: Option<SocketAddr>, reconnect: bool) {
        let Self { core, groups } = self;
        if let Some(announce) = announce.filter(|a| *a != core.announce) {
            core.announce = announce;
            groups.values_mut().for_each(|g| g.hello_now(core.now));
        }
        for peer in groups.values_mut().flat_map(|g| g.peers.values_mut()).filter(|_| reconnect) {
            peer.line.renew(core);
        }
        core.confirm_when_saved(call);
    }

    /// A name means another address: whoever was there is here.
    pub(crate) fn on_moved(&mut self, from: SocketAddr, to: SocketAddr) {
        for group in self.groups.values_mut() {
            group.on_moved(&mut self.core, from, to);
        }
    }
}

impl Group {
    /// Says that the group is watched.
    pub(crate) fn tell_monitored(&self, core: &mut Core) {
        let text = words(&[&self.id_of_master(), &"quorum", &self.rules.quorum]);
        core.announce(Level::Warning, Some(&self.name), "+monitor", text);
    }

    pub(crate) fn on_set(&mut self, core: &mut Core, call: CallId, settings: Vec<Setting>) {
        for setting in settings {
            let (option, value) = self.set(core, setting);
            let text = words(&[&self.id_of_master(), &option, &value]);
            core.announce(Level::Warning, Some(&self.name), "+set", text);
        }
        core.confirm_when_saved(call);
    }

    /// Takes the rules of a file. What the words of `SENTINEL SET` can say is told in them.
    pub(crate) fn on_reload(&mut self, core: &mut Core, call: CallId, new: GroupConfig, reconnect: bool) {
        let old = &self.rules;
        let mut settings = Vec::new();
        let mut differs = |differs: bool, setting: Setting| settings.extend(differs.then_some(setting));
        differs(old.down_after != new.down_after, Setting::DownAfter { time: new.down_after });
        differs(old.failover_timeout != new.failover_timeout, Setting::FailoverTimeout { time: new.failover_timeout });
        differs(old.parallel_syncs != new.parallel_syncs, Setting::ParallelSyncs { n: new.parallel_syncs });
        differs(old.quorum != new.quorum, Setting::Quorum { n: new.quorum });
        let path = new.notification_script.clone();
        differs(old.notification_script != path, Setting::NotificationScript { path });
        let path = new.client_reconfig_script.clone();
        differs(old.client_reconfig_script != path, Setting::ClientReconfigScript { path });
        differs(reconnect, Setting::AuthPass);
        self.rules = GroupConfig { master: old.master, ..new };
        self.on_set(core, call, settings);
    }

    /// Changes one rule; returns its name and what may be told of its value.
    fn set(&mut self, core: &mut Core, setting: Setting) -> (&'static str, String) {
        let ms = |time: Duration| alloc::format!("{}", time.as_millis());
        let rules = &mut self.rules;
        match setting {
            Setting::DownAfter { time } => {
                rules.down_after = time;
                ("down-after-milliseconds", ms(time))
            }
            Setting::FailoverTimeout { time } => {
                rules.failover_timeout = time;
                ("failover-timeout", ms(time))
            }
            Setting::ParallelSyncs { n } => {
                rules.parallel_syncs = n;
                ("parallel-syncs", alloc::format!("{n}"))
            }
            Setting::Quorum { n } => {
                rules.quorum = n;
                ("quorum", alloc::format!("{n}"))
            }
            Setting::RebootDownAfter { time } => {
                rules.reboot_down_after = time;
                ("master-reboot-down-after-period", ms(time))
            }
            Setting::NotificationScript { path } => {
                rules.notification_script.clone_from(&path);
                ("notification-script", path.unwrap_or_default())
            }
            Setting::ClientReconfigScript { path } => {
                rules.client_reconfig_script.clone_from(&path);
                ("client-reconfig-script", path.unwrap_or_default())
            }
            Setting::AuthUser { name } => {
                self.reconnect_servers(core);
                ("auth-user", name)
            }
            Setting::AuthPass => {
                self.reconnect_servers(core);
                ("auth-pass", "******".into())
            }
            Setting::RenameCommand { from, to } => ("rename-command", alloc::format!("{from} {to}")),
        }
    }

    fn reconnect_servers(&mut self, core: &mut Core) {
        for server in self.servers.values_mut() {
            server.reconnect(core);
        }
    }

    /// Forgets what was learned: replicas, other nodes, what was held against the master. The vote that was given stays given,
    /// and a promotion that has been ordered is seen to its end.
    fn reset(&mut self, core: &mut Core) {
        core.announce(Level::Warning, Some(&self.name), "+reset-master", self.id_of_master());
        if self.failover.as_ref().is_some_and(|f| f.ordered().is_some()) {
            return;
        }
        self.give_up(core, "the group was reset");
        self.forget_all(core);
        let master = self.master;
        for (addr, server) in core::mem::take(&mut self.servers) {
            server.close(core);
            if addr == master {
                self.servers.insert(addr, Server::new(addr, core.now));
            }
        }
        self.odown = None;
        self.attempt = crate::vote::Attempt::default();
        self.confirmed = false;
        self.history = None;
        self.prelude = Prelude::default();
    }

    /// Ends a failover of ours whatever its stage.
    fn give_up(&mut self, core: &mut Core, why: &str) {
        self.refuse_awaited(core, why);
        if self.failover.as_ref().is_some_and(Failover::is_undecided) {
            self.abort(core, "-failover-abort-no-good-slave", why);
        } else if self.failover.is_some() {
            // Whoever waits for its turn would stay sealed, and is forgotten.
            self.order_syncs(core, true);
        }
        if let Some(mut failover) = self.failover.take() {
            failover.record.outcome = Some(Outcome::Switched);
            core.keep_record(failover.record);
            self.tell_switch(core);
        }
    }

    /// Forgets the other nodes.
    fn forget_all(&mut self, core: &mut Core) {
        for (_, peer) in core::mem::take(&mut self.peers) {
            if let Some(link) = peer.line.link {
                core.act(Action::Close { link: link.id });
            }
        }
    }

    fn on_moved(&mut self, core: &mut Core, from: SocketAddr, to: SocketAddr) {
        if self.servers.contains_key(&to) || from == to {
            return;
        }
        let Some(server) = self.servers.remove(&from) else { return };
        self.servers.insert(to, Server::new(to, core.now));
        core.touch();
        if self.master == from {
            self.on_master_moved(core, to);
        }
        // One that is no part of it leaves a failover as it is.
        if self.failover.as_ref().is_some_and(|f| f.concerns(from)) || self.master == to {
            self.give_up(core, "a server moved to another address");
        }
        server.close(core);
    }

    /// The same master at another address: what was said about the old one does not count for it.
    fn on_master_moved(&mut self, core: &mut Core, to: SocketAddr) {
        self.master = to;
        self.switched_at = core.now;
        self.confirmed = false;
        self.odown = None;
        self.attempt = crate::vote::Attempt::default();
        for peer in self.peers.values_mut() {
            peer.word = None;
        }
        self.hello_now(core.now);
        self.tell_switch(core);
    }
}

/// Groups of one node: each has some ten connections. At the bound `SENTINEL MONITOR` is refused.
const MAX_GROUPS: usize = 1_024;
