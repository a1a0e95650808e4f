//! Section 3 of the Sentinel surface: what commands change while a node runs, and that it is on disk before it is confirmed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use machine::time::at;
use machine::{step, wake};
use sentinel::{Action, CallId, Config, Event, GroupConfig, Knob, Reply, Request, Sentinel, Setting, State};

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// A node without groups, and what it ordered so far.
struct Node {
    machine: Sentinel,
    calls: u64,
    actions: Vec<Action>,
}

impl Node {
    fn new() -> Self {
        let id = "a".repeat(40).parse().expect("an id");
        let config = Config { id, announce: addr("10.0.0.9:26379"), groups: BTreeMap::new() };
        Self { machine: Sentinel::new(config, State::default(), 1, at(0)), calls: 0, actions: Vec::new() }
    }

    fn ask(&mut self, request: Request) {
        self.calls += 1;
        let event = Event::Requested { call: CallId(self.calls), request };
        step(&mut self.machine, at(1), event, |action| self.actions.push(action));
        wake(&mut self.machine, at(1), |action| self.actions.push(action));
    }

    /// Ends the save that is under way; returns what was replied since the last call, in order.
    fn saved(&mut self, well: bool) -> Vec<Reply> {
        let seq = self.actions.iter().rev().find_map(|a| match a {
            Action::Save { seq, .. } => Some(*seq),
            _ => None,
        });
        let seq = seq.expect("something was to be saved");
        let event = if well { Event::Saved { seq } } else { Event::SaveFailed { seq } };
        step(&mut self.machine, at(2), event, |action| self.actions.push(action));
        self.replies()
    }

    fn replies(&mut self) -> Vec<Reply> {
        let replies = self.actions.drain(..).filter_map(|a| match a {
            Action::Reply { reply, .. } => Some(reply),
            _ => None,
        });
        replies.collect()
    }

    fn monitor(&mut self, group: &str) -> Vec<Reply> {
        let rules = GroupConfig::of(addr("10.0.0.1:6379"), 1, 1);
        self.ask(Request::Monitor { group: group.into(), rules });
        self.saved(true)
    }

    fn events(&self) -> Vec<String> {
        let events = self.actions.iter().filter_map(|a| match a {
            Action::Announce { event } => Some(format!("{} {}", event.name, event.payload)),
            _ => None,
        });
        events.collect()
    }
}

#[test]
fn a_file_that_says_something_else_of_a_group_is_taken_whole_and_told_in_the_words_of_set() {
    let mut node = Node::new();
    node.monitor("cache");
    let old = GroupConfig::of(addr("10.0.0.1:6379"), 1, 1);
    let new = GroupConfig {
        nodes: 3,
        quorum: 2,
        down_after: Duration::from_millis(300),
        confirm: Duration::from_millis(20),
        restart_grace: Duration::from_secs(1),
        switchover_timeout: Duration::from_millis(400),
        notification_script: Some("/bin/notify".into()),
        ..GroupConfig::of(addr("10.0.0.7:6379"), 1, 1)
    };
    node.ask(Request::Reload { group: "cache".into(), rules: new.clone(), reconnect: false });
    assert_eq!(
        node.events(),
        [
            "+set master cache 10.0.0.1 6379 down-after-milliseconds 300",
            "+set master cache 10.0.0.1 6379 quorum 2",
            "+set master cache 10.0.0.1 6379 notification-script /bin/notify",
        ]
    );
    assert!(node.replies().is_empty(), "not before it is on disk");
    node.ask(Request::Reload { group: "other".into(), rules: new.clone(), reconnect: false });
    assert!(matches!(node.replies().as_slice(), [Reply::Refused { .. }]));
    let kept = node.machine.config().groups.remove(&"cache".into());
    assert_eq!(kept, Some(GroupConfig { master: old.master, ..new }), "where the master is was agreed, not written");
}

#[test]
fn a_new_group_is_confirmed_when_it_is_on_disk() {
    let mut node = Node::new();
    let rules = GroupConfig::of(addr("10.0.0.1:6379"), 2, 1);
    node.ask(Request::Monitor { group: "cache".into(), rules: rules.clone() });
    assert_eq!(node.events(), ["+monitor master cache 10.0.0.1 6379 quorum 2"]);
    assert!(!node.actions.iter().any(|a| matches!(a, Action::Reply { .. })), "not before it is on disk");
    assert_eq!(node.saved(true), [Reply::Ok]);
    assert_eq!(node.machine.config().groups.get(&"cache".into()), Some(&rules));
    assert!(node.machine.state().groups.contains_key(&"cache".into()));
}

#[test]
fn a_name_that_is_taken_is_refused() {
    let mut node = Node::new();
    node.monitor("cache");
    node.ask(Request::Monitor { group: "cache".into(), rules: GroupConfig::of(addr("10.0.0.2:6379"), 1, 1) });
    assert_eq!(node.replies(), [Reply::Refused { code: "ERR".into(), why: "Duplicate master name.".into() }]);
}

#[test]
fn what_cannot_be_saved_is_not_confirmed() {
    let mut node = Node::new();
    node.monitor("cache");
    node.ask(Request::Set { group: "cache".into(), settings: vec![Setting::Quorum { n: 3 }] });
    let why = "Failed to save config file. Check server logs.".to_owned();
    assert_eq!(node.saved(false), [Reply::Refused { code: "ERR".into(), why }]);
}

#[test]
fn every_setting_takes_effect_and_is_announced() {
    let mut node = Node::new();
    node.monitor("cache");
    let time = Duration::from_millis(2_500);
    let settings = vec![
        Setting::DownAfter { time },
        Setting::FailoverTimeout { time },
        Setting::ParallelSyncs { n: 2 },
        Setting::Quorum { n: 3 },
        Setting::RebootDownAfter { time },
        Setting::NotificationScript { path: Some("/bin/n".into()) },
        Setting::ClientReconfigScript { path: None },
        Setting::AuthUser { name: "u".into() },
        Setting::AuthPass,
        Setting::RenameCommand { from: "PING".into(), to: "PONG".into() },
    ];
    node.ask(Request::Set { group: "cache".into(), settings });
    let told = [
        "down-after-milliseconds 2500",
        "failover-timeout 2500",
        "parallel-syncs 2",
        "quorum 3",
        "master-reboot-down-after-period 2500",
        "notification-script /bin/n",
        "client-reconfig-script ",
        "auth-user u",
        "auth-pass ******",
        "rename-command PING PONG",
    ];
    assert_eq!(node.events(), told.map(|text| format!("+set master cache 10.0.0.1 6379 {text}")));
    assert_eq!(node.saved(true), [Reply::Ok]);
    let config = node.machine.config();
    let rules = &config.groups[&"cache".into()];
    assert_eq!((rules.down_after, rules.failover_timeout, rules.reboot_down_after), (time, time, time));
    assert_eq!((rules.parallel_syncs, rules.quorum), (2, 3));
    assert_eq!(rules.notification_script.as_deref(), Some("/bin/n"));
}

#[test]
fn a_group_that_is_removed_leaves_nothing_behind() {
    let mut node = Node::new();
    node.monitor("cache");
    node.ask(Request::Remove { group: "cache".into() });
    assert_eq!(node.events(), ["-monitor master cache 10.0.0.1 6379"]);
    let closed = node.actions.iter().filter(|a| matches!(a, Action::Close { .. })).count();
    assert_eq!(closed, 2, "both links to the master");
    assert_eq!(node.saved(true), [Reply::Ok]);
    assert!(node.machine.state().groups.is_empty());
    node.ask(Request::Remove { group: "cache".into() });
    assert!(matches!(&node.replies()[..], [Reply::Refused { .. }]));
}

#[test]
fn a_reset_forgets_the_others_and_counts_the_groups() {
    let mut node = Node::new();
    node.monitor("cache");
    node.monitor("queue");
    let id = "b".repeat(40);
    let text = format!("10.0.0.8,26379,{id},0,cache,10.0.0.1,6379,0");
    node.ask(Request::Hello { text });
    assert_eq!(node.machine.state().groups[&"cache".into()].peers.len(), 1);
    node.saved_if_due();
    node.ask(Request::Reset { pattern: "*c*e".into() });
    assert_eq!(node.saved(true), [Reply::Count { n: 1 }]);
    assert!(node.machine.state().groups[&"cache".into()].peers.is_empty());
}

/// V2: who removes a group and watches it again has forgotten its votes, and must not give them twice.
#[test]
fn a_group_that_comes_back_votes_in_no_epoch_that_has_been() {
    let mut node = Node::new();
    node.monitor("cache");
    let (master, candidate) = (addr("10.0.0.1:6379"), |c: &str| Some(c.repeat(40).parse().expect("an id")));
    let vote = |c| Request::IsMasterDown { master, epoch: view::Epoch(7), candidate: candidate(c) };
    node.ask(vote("b"));
    let given = node.saved(true);
    assert!(matches!(&given[..], [Reply::Vote { leader: Some(_), .. }]));
    node.ask(Request::Remove { group: "cache".into() });
    node.saved(true);
    node.monitor("cache");
    node.ask(vote("c"));
    assert!(matches!(&node.replies()[..], [Reply::Vote { leader: None, .. }]));
}

#[test]
fn the_pace_that_is_set_is_told() {
    let mut node = Node::new();
    assert_eq!(node.machine.pace(Knob::InfoPeriod), Duration::from_secs(10));
    node.ask(Request::Tune { knobs: vec![(Knob::InfoPeriod, Duration::from_millis(100))] });
    assert_eq!(node.replies(), [Reply::Ok]);
    assert_eq!(node.machine.pace(Knob::InfoPeriod), Duration::from_millis(100));
}

impl Node {
    fn saved_if_due(&mut self) {
        if self.actions.iter().any(|a| matches!(a, Action::Save { .. })) {
            self.saved(true);
        }
    }
}
