//! The edges of a failover: commands, forged words and moving servers in the middle of one. One node in a small world that answers
//! at once.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use machine::time::at;
use machine::{Instant, Machine, step, wake};
use sentinel::{
    Action, Answer, Ask, CallId, Config, Event, Fault, GroupConfig, InfoReport, LinkId, Reply, Request, Role, Sentinel,
    Setting, State,
};
use view::{Epoch, Offset};

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

#[derive(Clone, Debug)]
struct Redis {
    up: bool,
    mute: bool,
    life: u8,
    role: Role,
    master: Option<SocketAddr>,
    link_up: bool,
    loading: bool,
    replicas: Vec<SocketAddr>,
    /// Follows a new master only so long after the order; `None`: at once.
    copies: bool,
}

struct Rig {
    m: Sentinel,
    now: Instant,
    servers: BTreeMap<SocketAddr, Redis>,
    /// What peers answer to a question about the master.
    peers: BTreeMap<SocketAddr, Answer>,
    log: Vec<(Instant, Action)>,
    queue: VecDeque<Event>,
    hold_saves: bool,
    calls: u64,
}

fn id(c: char) -> view::RunId {
    c.to_string().repeat(40).parse().expect("an id")
}

impl Rig {
    fn new(rules: GroupConfig) -> Self {
        let config =
            Config { id: id('a'), announce: addr("10.0.0.9:26379"), groups: BTreeMap::from([("cache".into(), rules)]) };
        let m = Sentinel::new(config, State::default(), 1, at(0));
        let mut servers = BTreeMap::new();
        let replicas = vec![addr("10.0.0.2:6379"), addr("10.0.0.3:6379")];
        let one = Redis {
            up: true,
            mute: false,
            life: 1,
            role: Role::Master,
            master: None,
            link_up: false,
            loading: false,
            replicas: replicas.clone(),
            copies: false,
        };
        servers.insert(addr("10.0.0.1:6379"), one.clone());
        for (i, r) in replicas.iter().enumerate() {
            servers.insert(
                *r,
                Redis {
                    life: 2 + i as u8,
                    role: Role::Replica,
                    master: Some(addr("10.0.0.1:6379")),
                    link_up: true,
                    replicas: vec![],
                    ..one.clone()
                },
            );
        }
        Self {
            m,
            now: at(0),
            servers,
            peers: BTreeMap::new(),
            log: vec![],
            queue: VecDeque::new(),
            hold_saves: false,
            calls: 0,
        }
    }

    fn info(r: &Redis) -> Answer {
        Answer::Info(Box::new(InfoReport {
            run_id: Some(view::RunId::from_bits([r.life; 20])),
            version: "7.0.15".into(),
            loading: r.loading,
            role: r.role,
            history: Some(view::RunId::from_bits([0xee; 20])),
            before: None,
            offset: Offset(100),
            master: r.master,
            link_up: r.link_up,
            link_down_seconds: None,
            priority: 100,
            announced: true,
            persists: false,
            silent_seconds: 0,
            copying: r.copies && r.master.is_some() && !r.link_up,
            replicas: r.replicas.clone(),
        }))
    }

    fn do_actions(&mut self, actions: Vec<Action>) {
        for a in actions {
            self.log.push((self.now, a.clone()));
            match a {
                Action::Connect { link, .. } => {
                    if self.peers.contains_key(&link.to) {
                        self.queue.push_back(Event::Connected { link });
                    } else {
                        match self.servers.get(&link.to) {
                            Some(r) if r.up => self.queue.push_back(Event::Connected { link }),
                            Some(_) => self.queue.push_back(Event::Failed { link, fault: Fault::Refused }),
                            None => {}
                        }
                    }
                }
                Action::Send { link, ask } => {
                    if let Some(word) = self.peers.get(&link.to) {
                        let answer = match ask {
                            Ask::Ping => Answer::Pong,
                            Ask::IsMasterDown { .. } => word.clone(),
                            Ask::WhoIsMaster { .. } => Answer::Named { master: Some(addr("10.0.0.2:6379")) },
                            _ => Answer::Ok,
                        };
                        self.queue.push_back(Event::Answered { link, answer });
                        continue;
                    }
                    let Some(r) = self.servers.get_mut(&link.to).filter(|r| r.up && !r.mute) else { continue };
                    let answer = match ask {
                        Ask::Ping => {
                            if r.loading {
                                Answer::Loading
                            } else {
                                Answer::Pong
                            }
                        }
                        Ask::Info => Self::info(r),
                        Ask::Role => Answer::Role { role: r.role },
                        Ask::Promote => {
                            r.role = Role::Master;
                            r.master = None;
                            Answer::Ok
                        }
                        Ask::Seal { .. } => {
                            r.role = Role::Replica;
                            r.master = Some(addr("127.0.0.1:1"));
                            r.link_up = false;
                            Answer::Ok
                        }
                        Ask::Replicate { master } => {
                            r.role = Role::Replica;
                            r.master = Some(master);
                            r.link_up = !r.copies;
                            Answer::Ok
                        }
                        _ => Answer::Ok,
                    };
                    self.queue.push_back(Event::Answered { link, answer });
                }
                Action::Save { seq, .. } if !self.hold_saves => self.queue.push_back(Event::Saved { seq }),
                _ => {}
            }
        }
    }

    fn settle(&mut self) {
        while let Some(e) = self.queue.pop_front() {
            self.one(e);
        }
    }

    fn one(&mut self, e: Event) {
        let mut actions = vec![];
        step(&mut self.m, self.now, e, |a| actions.push(a));
        self.do_actions(actions);
    }

    fn event(&mut self, e: Event) {
        self.one(e);
        self.settle();
    }

    fn until(&mut self, ms: u64) {
        loop {
            let due = self.m.deadline().map(|d| d.0).filter(|d| *d <= at(ms));
            let Some(due) = due else { break };
            self.now = self.now.max(due);
            let mut actions = vec![];
            wake(&mut self.m, self.now, |a| actions.push(a));
            self.do_actions(actions);
            self.settle();
        }
        self.now = at(ms);
    }

    fn ask(&mut self, request: Request) -> Option<Reply> {
        self.calls += 1;
        let call = CallId(self.calls);
        self.event(Event::Requested { call, request });
        self.log.iter().rev().find_map(|(_, a)| match a {
            Action::Reply { call: c, reply } if *c == call => Some(reply.clone()),
            _ => None,
        })
    }

    /// The server dies: its links break.
    fn kill(&mut self, a: &str) {
        self.servers.get_mut(&addr(a)).unwrap().up = false;
        for link in self.links(a) {
            self.event(Event::Failed { link, fault: Fault::Closed });
        }
    }

    fn links(&self, a: &str) -> Vec<LinkId> {
        let mut open: Vec<LinkId> = vec![];
        for (_, action) in &self.log {
            match action {
                Action::Connect { link, .. } if link.to == addr(a) => open.push(*link),
                Action::Close { link } => open.retain(|l| l != link),
                _ => {}
            }
        }
        open
    }

    fn hello(&mut self, from: &str, who: char) {
        let from = addr(from);
        let text = format!("{},{},{},0,cache,10.0.0.1,6379,0", from.ip(), from.port(), id(who));
        self.ask(Request::Hello { text });
    }

    fn events(&self) -> Vec<String> {
        self.log
            .iter()
            .filter_map(|(t, a)| match a {
                Action::Announce { event } => Some(format!("{t} {} {}", event.name, event.payload)),
                _ => None,
            })
            .collect()
    }

    fn when(&self, name: &str) -> Option<Instant> {
        self.log.iter().find_map(|(t, a)| match a {
            Action::Announce { event } if event.name == name => Some(*t),
            _ => None,
        })
    }
}

fn rules() -> GroupConfig {
    GroupConfig { failover_timeout: Duration::from_secs(60), ..GroupConfig::of(addr("10.0.0.1:6379"), 1, 1) }
}

#[test]
fn a_known_node_that_says_it_is_where_we_are_is_not_believed() {
    let mut r = Rig::new(GroupConfig::of(addr("10.0.0.1:6379"), 2, 3));
    r.until(100);
    r.hello("10.0.0.8:26379", 'b');
    r.hello("10.0.0.9:26379", 'b');
    let ours = r.links("10.0.0.9:26379");
    assert!(ours.is_empty(), "we connect to ourselves as a peer: {ours:?}\n{:#?}", r.events());
}

#[test]
fn a_promise_outlasts_remove_and_monitor() {
    let mut r = Rig::new(rules());
    r.until(100);
    let master = addr("10.0.0.1:6379");
    let vote = r.ask(Request::IsMasterDown { master, epoch: Epoch(5), candidate: Some(id('b')) });
    assert_eq!(vote, Some(Reply::Vote { down: false, leader: Some(id('b')), epoch: Epoch(5) }));
    r.until(200);
    assert_eq!(r.ask(Request::Remove { group: "cache".into() }), Some(Reply::Ok));
    assert_eq!(r.ask(Request::Monitor { group: "cache".into(), rules: rules() }), Some(Reply::Ok));
    let vote = r.ask(Request::IsMasterDown { master, epoch: Epoch(6), candidate: Some(id('c')) });
    let Some(Reply::Vote { leader, .. }) = vote else { panic!("{vote:?}") };
    assert_ne!(leader, Some(id('c')), "b may still order its promotion");
}

#[test]
fn subscribers_are_told_within_the_limit() {
    let mut r = Rig::new(GroupConfig { parallel_syncs: 1, ..rules() });
    r.until(3_000);
    r.servers.get_mut(&addr("10.0.0.3:6379")).unwrap().copies = true;
    r.servers.get_mut(&addr("10.0.0.2:6379")).unwrap().copies = true;
    r.kill("10.0.0.1:6379");
    r.until(3_060);
    let Some(resp::Value::Map(fields)) = r.m.query(r.now, &[b"master", b"cache"]) else { panic!("no fields") };
    let fields: Vec<&str> = fields.iter().filter_map(|(_, value)| value.as_str()).collect();
    r.until(9_000);
    let (committed, told) = (r.when("+failover-state-reconf-slaves").unwrap(), r.when("+switch-master").unwrap());
    assert!(told <= committed + Duration::from_millis(100), "{told} {committed}");
    assert!(fields.contains(&"reconf_slaves"), "{fields:?}");
}

#[test]
fn a_vote_answer_of_an_absurd_epoch_is_not_taken() {
    let mut r = Rig::new(GroupConfig::of(addr("10.0.0.1:6379"), 2, 3));
    r.peers.insert(addr("10.0.0.8:26379"), Answer::Vote { down: false, leader: None, epoch: Epoch(i64::MAX as u64) });
    r.until(100);
    r.hello("10.0.0.8:26379", 'b');
    r.until(1_000);
    r.kill("10.0.0.1:6379");
    r.until(2_000);
    assert!(r.m.state().epoch < Epoch(100), "{:?}", r.m.state().epoch);
}

#[test]
fn words_about_the_old_address_do_not_count_for_the_new_one() {
    let mut r = Rig::new(GroupConfig::of(addr("10.0.0.1:6379"), 2, 3));
    r.peers.insert(addr("10.0.0.8:26379"), Answer::Vote { down: true, leader: None, epoch: Epoch(0) });
    r.until(100);
    r.hello("10.0.0.8:26379", 'b');
    r.until(1_000);
    r.kill("10.0.0.1:6379");
    r.until(1_060);
    assert!(r.when("+odown").is_some());
    // From here on nobody says that anything is down.
    r.peers.insert(addr("10.0.0.8:26379"), Answer::Vote { down: false, leader: None, epoch: Epoch(0) });
    let mut new = r.servers[&addr("10.0.0.1:6379")].clone();
    new.up = false;
    r.servers.insert(addr("10.0.0.7:6379"), new);
    r.log.clear();
    r.peers.remove(&addr("10.0.0.8:26379"));
    r.event(Event::Moved { from: addr("10.0.0.1:6379"), to: addr("10.0.0.7:6379") });
    r.until(1_300);
    let odown: Vec<_> = r.events().into_iter().filter(|e| e.contains("+odown")).collect();
    assert!(odown.is_empty(), "{odown:?}\n{:#?}", r.events());
}

#[test]
fn an_unrelated_move_does_not_undo_a_promotion_that_was_ordered() {
    let mut r = Rig::new(rules());
    r.until(3_000);
    r.kill("10.0.0.1:6379");
    r.hold_saves = false;
    // Up to the decision, which then waits for the disk.
    let mut n = 0;
    loop {
        n += 1;
        r.until(3_000 + n);
        if r.when("+try-failover").is_some() || n > 500 {
            break;
        }
    }
    // The save of our vote was answered; replay with saves held from the promotion on.
    let mut r = Rig::new(rules());
    r.until(3_000);
    r.kill("10.0.0.1:6379");
    r.until(3_000 + n - 1);
    r.hold_saves = true;
    r.until(3_000 + n);
    // Let the vote's save pass, and no other.
    let seq = r
        .log
        .iter()
        .rev()
        .find_map(|(_, a)| match a {
            Action::Save { seq, .. } => Some(*seq),
            _ => None,
        })
        .unwrap();
    r.event(Event::Saved { seq });
    assert!(r.when("+promoted-slave").is_some(), "{:#?}", r.events());
    assert!(r.when("+switch-master").is_none());
    let other = if r.servers[&addr("10.0.0.2:6379")].role == Role::Master { "10.0.0.3:6379" } else { "10.0.0.2:6379" };
    r.event(Event::Moved { from: addr(other), to: addr("10.0.0.77:6379") });
    let aborted: Vec<_> = r.events().into_iter().filter(|e| e.contains("abort")).collect();
    assert!(aborted.is_empty(), "{aborted:?}");
}

#[test]
fn a_reset_leaves_nobody_sealed() {
    let mut r = Rig::new(GroupConfig { parallel_syncs: 1, ..rules() });
    r.servers.insert(addr("10.0.0.4:6379"), Redis { life: 9, ..r.servers[&addr("10.0.0.3:6379")].clone() });
    r.servers.get_mut(&addr("10.0.0.1:6379")).unwrap().replicas.push(addr("10.0.0.4:6379"));
    r.until(3_000);
    for s in r.servers.values_mut() {
        s.copies = true;
    }
    r.kill("10.0.0.1:6379");
    r.until(3_300);
    assert!(r.when("+switch-master").is_some());
    r.ask(Request::Reset { pattern: "*".into() });
    r.until(30_000);
    let sealed: Vec<_> =
        r.servers.iter().filter(|(_, s)| s.master == Some(addr("127.0.0.1:1"))).map(|(a, _)| *a).collect();
    assert!(sealed.is_empty(), "{sealed:?}");
}

#[test]
fn a_master_that_has_read_its_data_and_answered_is_not_loading() {
    let mut r = Rig::new(GroupConfig {
        down_after: Duration::from_secs(5),
        reboot_down_after: Duration::from_millis(500),
        ..rules()
    });
    r.until(3_000);
    r.kill("10.0.0.1:6379");
    {
        let s = r.servers.get_mut(&addr("10.0.0.1:6379")).unwrap();
        (s.up, s.loading, s.life) = (true, true, 42);
    }
    r.until(3_200);
    r.servers.get_mut(&addr("10.0.0.1:6379")).unwrap().loading = false;
    // Its pings are answered well from here on.
    r.until(10_000);
    let sdown: Vec<_> = r.events().into_iter().filter(|e| e.contains("+sdown")).collect();
    assert!(sdown.is_empty(), "{:#?}", r.events());
}

#[test]
fn one_copies_at_a_time_however_long_it_takes() {
    let mut r = Rig::new(GroupConfig { parallel_syncs: 1, ..rules() });
    r.servers.insert(addr("10.0.0.4:6379"), Redis { life: 9, ..r.servers[&addr("10.0.0.3:6379")].clone() });
    r.servers.get_mut(&addr("10.0.0.1:6379")).unwrap().replicas.push(addr("10.0.0.4:6379"));
    r.until(3_000);
    for s in r.servers.values_mut() {
        s.copies = true;
    }
    r.kill("10.0.0.1:6379");
    let mut at_once = vec![];
    for ms in (3_100..30_000).step_by(100) {
        r.until(ms);
        let copying = r.servers.values().filter(|s| s.master == Some(addr("10.0.0.2:6379")) && !s.link_up).count();
        if copying > 1 {
            at_once.push(ms);
            break;
        }
    }
    assert!(at_once.is_empty(), "two copy at {at_once:?}\n{:#?}", r.events());
}

#[test]
fn extremes_do_not_break_anything() {
    for ms in [1, u64::MAX] {
        let time = Duration::from_millis(ms);
        let mut r = Rig::new(rules());
        r.until(2_000);
        let all = vec![
            Setting::DownAfter { time },
            Setting::FailoverTimeout { time },
            Setting::Quorum { n: u32::MAX },
            Setting::ParallelSyncs { n: u32::MAX },
            Setting::RebootDownAfter { time },
        ];
        r.ask(Request::Set { group: "cache".into(), settings: all });
        let knobs = sentinel::Knob::ALL.iter().map(|(k, ..)| (*k, time)).collect();
        r.ask(Request::Tune { knobs });
        r.until(2_500);
        r.kill("10.0.0.1:6379");
        r.until(3_500);
        r.ask(Request::Set { group: "cache".into(), settings: vec![Setting::Quorum { n: 1 }] });
        r.until(8_000);
        let s = r.servers.get_mut(&addr("10.0.0.1:6379")).unwrap();
        (s.up, s.loading, s.life) = (true, true, 42);
        r.until(12_000);
        r.ask(Request::Reset { pattern: "*".into() });
        r.until(13_000);
        eprintln!("{ms}: {} actions", r.log.len());
    }
}
