//! A small world for the machines that look from outside: servers and Sentinels that answer at once, or not at all.

#![allow(dead_code, reason = "each test uses what it needs of it")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use machine::time::at;
use machine::{Instant, step, wake};
use sentinel::answer::Instance;
use sentinel::source::{Action, Event, Source};
use sentinel::{Answer, Ask, Channel, Fault, LinkId, Target};
use view::{Epoch, Phase, View};

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// `10.0.0.N:6379`.
pub(crate) fn redis(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], 6379))
}

/// `10.0.0.N:26379`.
pub(crate) fn sentinel(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], 26379))
}

/// A server.
#[derive(Clone, Debug)]
pub(crate) struct Redis {
    pub(crate) up: bool,
    /// It takes connections and never answers.
    pub(crate) mute: bool,
    pub(crate) master: bool,
    pub(crate) history: char,
    pub(crate) before: Option<char>,
    pub(crate) offset: u64,
    pub(crate) link_up: bool,
    pub(crate) backlog: bool,
    pub(crate) denies: bool,
    pub(crate) ready: bool,
}

impl Redis {
    pub(crate) fn master() -> Self {
        Self {
            up: true,
            mute: false,
            master: true,
            history: 'a',
            before: None,
            offset: 100,
            link_up: false,
            backlog: true,
            denies: false,
            ready: true,
        }
    }

    pub(crate) fn replica() -> Self {
        Self { master: false, link_up: true, offset: 90, ..Self::master() }
    }

    /// `REPLICAOF NO ONE`.
    pub(crate) fn promote(&mut self, history: char) {
        self.before = Some(self.history);
        self.history = history;
        self.master = true;
    }

    fn info(&self) -> String {
        let id = |c: char| c.to_string().repeat(40);
        let before = self.before.map_or_else(|| "0".repeat(40), id);
        let common = format!("master_replid:{}\r\nmaster_replid2:{before}\r\n", id(self.history));
        let more = format!("second_repl_offset:50\r\nrepl_backlog_active:{}\r\n", u8::from(self.backlog));
        if self.master {
            return format!("role:master\r\n{common}{more}master_repl_offset:{}\r\n", self.offset);
        }
        let link = if self.link_up { "up" } else { "down" };
        format!("role:slave\r\n{common}{more}master_link_status:{link}\r\nslave_repl_offset:{}\r\n", self.offset)
    }
}

/// A Sentinel.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(crate) up: bool,
    pub(crate) mute: bool,
    pub(crate) master: SocketAddr,
    pub(crate) epoch: u64,
    pub(crate) flags: &'static str,
    pub(crate) replicas: Vec<SocketAddr>,
    pub(crate) others: Vec<SocketAddr>,
}

/// The world and the machine in it.
pub(crate) struct World<M> {
    pub(crate) m: M,
    pub(crate) now: Instant,
    pub(crate) servers: BTreeMap<SocketAddr, Redis>,
    pub(crate) guards: BTreeMap<SocketAddr, Guard>,
    open: BTreeMap<LinkId, Channel>,
    closed: BTreeSet<LinkId>,
    queue: VecDeque<Event>,
    pub(crate) log: Vec<(Instant, Action)>,
}

impl<M: Source> World<M> {
    pub(crate) fn new(m: M) -> Self {
        Self {
            m,
            now: at(0),
            servers: BTreeMap::new(),
            guards: BTreeMap::new(),
            open: BTreeMap::new(),
            closed: BTreeSet::new(),
            queue: VecDeque::new(),
            log: Vec::new(),
        }
    }

    /// Lets so much time pass.
    pub(crate) fn run(&mut self, ms: u64) {
        let until = self.now + Duration::from_millis(ms);
        self.wake();
        while let Some((due, _)) = self.m.deadline().filter(|(due, _)| *due <= until) {
            self.now = self.now.max(due);
            self.wake();
        }
        self.now = until;
        self.wake();
    }

    fn wake(&mut self) {
        let mut actions = Vec::new();
        wake(&mut self.m, self.now, |action| actions.push(action));
        self.carry_out(actions);
    }

    pub(crate) fn happens(&mut self, event: Event) {
        self.queue.push_back(event);
        self.carry_out(Vec::new());
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        self.act(actions);
        while let Some(event) = self.queue.pop_front() {
            let (Event::Connected { link } | Event::Failed { link, .. } | Event::Answered { link, .. }) = &event else {
                self.give(event);
                continue;
            };
            if !self.closed.contains(link) {
                self.give(event);
            }
        }
    }

    fn give(&mut self, event: Event) {
        let mut actions = Vec::new();
        step(&mut self.m, self.now, event, |action| actions.push(action));
        self.act(actions);
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            self.log.push((self.now, action.clone()));
            match action {
                Action::Connect { link, target, channel } => self.connect(link, target, channel),
                Action::Close { link } => {
                    self.open.remove(&link);
                    self.closed.insert(link);
                }
                Action::Send { link, ask } => self.answer(link, &ask),
                Action::Publish { .. } | Action::Announce { .. } => {}
            }
        }
    }

    fn connect(&mut self, link: LinkId, target: Target, channel: Channel) {
        let up = match target {
            Target::Server => self.servers.get(&link.to).is_some_and(|s| s.up),
            Target::Peer => self.guards.get(&link.to).is_some_and(|g| g.up),
        };
        if up {
            self.open.insert(link, channel);
            self.queue.push_back(Event::Connected { link });
        } else {
            self.queue.push_back(Event::Failed { link, fault: Fault::Refused });
        }
    }

    fn answer(&mut self, link: LinkId, ask: &Ask) {
        assert!(self.open.contains_key(&link), "{ask:?} on {link}, which is not open");
        let answer = match (self.servers.get(&link.to), self.guards.get(&link.to)) {
            (Some(server), _) if server.mute => return,
            (_, Some(guard)) if guard.mute => return,
            (Some(server), _) => of_server(server, ask),
            (_, Some(guard)) => of_guard(guard, ask),
            _ => return,
        };
        self.queue.push_back(Event::Answered { link, answer });
    }

    /// Kills a server or a Sentinel: what is connected to it ends.
    pub(crate) fn kill(&mut self, who: SocketAddr) {
        if let Some(server) = self.servers.get_mut(&who) {
            server.up = false;
        }
        if let Some(guard) = self.guards.get_mut(&who) {
            guard.up = false;
        }
        let ended: Vec<LinkId> = self.open.keys().filter(|link| link.to == who).copied().collect();
        for link in ended {
            self.open.remove(&link);
            self.queue.push_back(Event::Failed { link, fault: Fault::Closed });
        }
        self.carry_out(Vec::new());
    }

    /// A Sentinel publishes.
    pub(crate) fn publish(&mut self, who: SocketAddr, text: &str) {
        let link = self.open.iter().find(|(link, channel)| link.to == who && **channel == Channel::Events);
        let link = *link.expect("somebody listens to it").0;
        self.happens(Event::Heard { link, text: text.to_owned() });
    }

    pub(crate) fn view(&self) -> View {
        self.m.report().view
    }

    /// The last view that was published.
    pub(crate) fn published(&self) -> &View {
        let views = self.log.iter().rev().find_map(|(_, action)| match action {
            Action::Publish { view } => Some(view),
            _ => None,
        });
        views.expect("a view was published")
    }

    /// Phase, master and epoch of the last view.
    pub(crate) fn stands(&self) -> (Phase, SocketAddr, u64) {
        let view = self.published();
        (view.phase, view.master, view.epoch.0)
    }

    /// Names and texts of what was announced.
    pub(crate) fn said(&self) -> Vec<String> {
        let said = self.log.iter().filter_map(|(_, action)| match action {
            Action::Announce { event } => Some(format!("{} {}", event.name, event.payload)),
            _ => None,
        });
        said.collect()
    }

    pub(crate) fn has_said(&self, words: &str) -> bool {
        self.said().iter().any(|line| line.contains(words))
    }

    /// How often somebody was connected to, for this.
    pub(crate) fn connects(&self, who: SocketAddr, what: Channel) -> usize {
        let connects = self.log.iter().filter(
            |(_, action)| matches!(action, Action::Connect { link, channel, .. } if link.to == who && *channel == what),
        );
        connects.count()
    }

    /// Connections that are open.
    pub(crate) fn open_links(&self) -> usize {
        self.open.len()
    }
}

fn of_server(server: &Redis, ask: &Ask) -> Answer {
    match ask {
        Ask::Auth if server.denies => Answer::Denied { text: "WRONGPASS invalid username-password pair".into() },
        Ask::Ping => Answer::Pong,
        Ask::Replication => Answer::Text { text: server.info() },
        Ask::Line { .. } => Answer::Text { text: if server.ready { ":1" } else { ":0" }.into() },
        _ => Answer::Ok,
    }
}

fn of_guard(guard: &Guard, ask: &Ask) -> Answer {
    let instance = |addr: &SocketAddr, flags: &str| Instance {
        addr: *addr,
        flags: flags.into(),
        epoch: Epoch(guard.epoch),
        id: None,
    };
    match ask {
        Ask::Ping => Answer::Pong,
        Ask::WhoIsMaster { .. } => Answer::Named { master: Some(guard.master) },
        Ask::Master { .. } => Answer::Instances { list: vec![instance(&guard.master, guard.flags)] },
        Ask::Replicas { .. } => {
            Answer::Instances { list: guard.replicas.iter().map(|r| instance(r, "slave")).collect() }
        }
        Ask::Sentinels { .. } => {
            Answer::Instances { list: guard.others.iter().map(|s| instance(s, "sentinel")).collect() }
        }
        _ => Answer::Ok,
    }
}
