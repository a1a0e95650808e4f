//! One node in a small world: servers and other nodes that answer at once, and a disk that can be held.

#![allow(dead_code, reason = "each test uses what it needs of it")]

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use machine::time::at;
use machine::{Instant, Machine as _, step, wake};
use sentinel::{
    Action, Answer, Ask, CallId, Config, Event, Fault, GroupConfig, InfoReport, LinkId, Reply, Request, Role, Sentinel,
    State,
};
use view::Offset;

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

#[derive(Clone, Debug)]
pub(crate) struct Redis {
    pub(crate) up: bool,
    pub(crate) mute: bool,
    /// It cannot save, and says so to a PING.
    pub(crate) misconf: bool,
    /// It runs a script, and says so to whatever it is asked.
    pub(crate) busy: bool,
    /// It writes every change to its disk.
    pub(crate) persists: bool,
    pub(crate) life: u8,
    pub(crate) role: Role,
    pub(crate) master: Option<SocketAddr>,
    pub(crate) link_up: bool,
    pub(crate) loading: bool,
    pub(crate) replicas: Vec<SocketAddr>,
    /// Follows a new master only so long after the order; `None`: at once.
    pub(crate) copies: bool,
}

pub(crate) struct Rig {
    pub(crate) m: Sentinel,
    pub(crate) now: Instant,
    pub(crate) servers: BTreeMap<SocketAddr, Redis>,
    /// What peers answer to a question about the master.
    pub(crate) peers: BTreeMap<SocketAddr, Answer>,
    pub(crate) log: Vec<(Instant, Action)>,
    pub(crate) queue: VecDeque<Event>,
    pub(crate) hold_saves: bool,
    pub(crate) calls: u64,
}

pub(crate) fn id(c: char) -> view::RunId {
    c.to_string().repeat(40).parse().expect("an id")
}

impl Rig {
    pub(crate) fn new(rules: GroupConfig) -> Self {
        let config =
            Config { id: id('a'), announce: addr("10.0.0.9:26379"), groups: BTreeMap::from([("cache".into(), rules)]) };
        let m = Sentinel::new(config, State::default(), 1, at(0));
        let mut servers = BTreeMap::new();
        let replicas = vec![addr("10.0.0.2:6379"), addr("10.0.0.3:6379")];
        let one = Redis {
            up: true,
            mute: false,
            misconf: false,
            busy: false,
            persists: false,
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

    pub(crate) fn info(r: &Redis) -> Answer {
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
            persists: r.persists,
            silent_seconds: 0,
            copying: r.copies && r.master.is_some() && !r.link_up,
            replicas: r.replicas.clone(),
        }))
    }

    pub(crate) fn do_actions(&mut self, actions: Vec<Action>) {
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
                        Ask::KillScript => {
                            r.busy = false;
                            Answer::Ok
                        }
                        _ if r.busy => Answer::Busy,
                        Ask::Ping => {
                            if r.misconf {
                                Answer::Error { text: "MISCONF no".into() }
                            } else if r.loading {
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

    pub(crate) fn settle(&mut self) {
        while let Some(e) = self.queue.pop_front() {
            self.one(e);
        }
    }

    pub(crate) fn one(&mut self, e: Event) {
        let mut actions = vec![];
        step(&mut self.m, self.now, e, |a| actions.push(a));
        self.do_actions(actions);
    }

    pub(crate) fn event(&mut self, e: Event) {
        self.one(e);
        self.settle();
    }

    pub(crate) fn until(&mut self, ms: u64) {
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

    pub(crate) fn ask(&mut self, request: Request) -> Option<Reply> {
        self.calls += 1;
        let call = CallId(self.calls);
        self.event(Event::Requested { call, request });
        self.log.iter().rev().find_map(|(_, a)| match a {
            Action::Reply { call: c, reply } if *c == call => Some(reply.clone()),
            _ => None,
        })
    }

    /// The server dies: its links break.
    pub(crate) fn kill(&mut self, a: &str) {
        self.servers.get_mut(&addr(a)).unwrap().up = false;
        for link in self.links(a) {
            self.event(Event::Failed { link, fault: Fault::Closed });
        }
    }

    pub(crate) fn links(&self, a: &str) -> Vec<LinkId> {
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

    pub(crate) fn hello(&mut self, from: &str, who: char) {
        let from = addr(from);
        let text = format!("{},{},{},0,cache,10.0.0.1,6379,0", from.ip(), from.port(), id(who));
        self.ask(Request::Hello { text });
    }

    pub(crate) fn events(&self) -> Vec<String> {
        self.log
            .iter()
            .filter_map(|(t, a)| match a {
                Action::Announce { event } => Some(format!("{t} {} {}", event.name, event.payload)),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn when(&self, name: &str) -> Option<Instant> {
        self.log.iter().find_map(|(t, a)| match a {
            Action::Announce { event } if event.name == name => Some(*t),
            _ => None,
        })
    }
}

pub(crate) fn rules() -> GroupConfig {
    GroupConfig { failover_timeout: Duration::from_secs(60), ..GroupConfig::of(addr("10.0.0.1:6379"), 1, 1) }
}
