//! How are groups driven whose view comes from elsewhere: from stock Sentinels that are followed, or from checks of each server? One loop a
//! group, on the node's own thread. No rule is in it (N3).
//!
//! ```text
//!   links, names ──> inbox ──> machine ──┬─ Connect, Close, Send ─> links
//!                                        ├─ Publish ─> feeds ─> proxy
//!   status, page ──> "how does it stand?" └─ Announce ─> log
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use config::{Config, Origin, Secret, ServerTls};
use host::clock;
use machine::Instant;
use sentinel::report::GroupReport;
use sentinel::source::{Action, Event, Source};
use sentinel::{Fault, LinkId, Target, follow, probe};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use view::GroupName;

use crate::failure::Failure;
use crate::feeds::Feeds;
use crate::link::{Door, Link, Ways};
use crate::node_loop::Input;
use crate::{compose, log};

/// What is to be driven: made of the file, before anything is started.
#[derive(Default)]
pub(crate) struct Plan(Vec<Group>);

/// One group.
struct Group {
    name: GroupName,
    machine: Machine,
    told: Told,
    to_servers: Ways,
    to_sentinels: Ways,
}

/// What the file says about a group, as far as a change of it begins the work anew.
#[derive(Clone, PartialEq, Eq)]
struct Told {
    origin: Origin,
    username: Option<String>,
    password: Option<Secret>,
    server_tls: Option<ServerTls>,
}

enum Machine {
    Probe(probe::Config),
    Follow(follow::Config),
}

impl Plan {
    /// The groups of a file that nodes do not vote on.
    ///
    /// # Errors
    /// Which file of certificates cannot be used, and why.
    pub(crate) fn of(config: &Config) -> Result<Self, Failure> {
        let mut plan = Self::default();
        for group in &config.groups {
            let machine = match &group.origin {
                Origin::Monitor => continue,
                Origin::Probe(probe) => Machine::Probe(compose::probe(group, probe)),
                Origin::Sentinels(sentinels) => Machine::Follow(compose::follow(group, sentinels)),
            };
            let (to_servers, to_sentinels) = compose::ways(config, group)?;
            let told = Told {
                origin: group.origin.clone(),
                username: group.username.clone(),
                password: group.password.clone(),
                server_tls: group.server_tls.clone(),
            };
            plan.0.push(Group { name: group.name.as_str().into(), machine, told, to_servers, to_sentinels });
        }
        Ok(plan)
    }

    /// Has hosts of a group looked for by name: `addresses` stand for them until they are known.
    pub(crate) fn with_names(mut self, names: &crate::names::Names) -> Self {
        for group in &mut self.0 {
            group.to_servers.names = names.clone();
        }
        self
    }
}

/// All groups that are driven. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct Outside(Arc<Mutex<BTreeMap<GroupName, Running>>>);

/// Somebody wants to know how a group stands.
type Question = oneshot::Sender<GroupReport>;

struct Running {
    questions: mpsc::Sender<Question>,
    told: Told,
    /// Ends the loop when it is dropped.
    _task: JoinSet<()>,
}

impl Outside {
    /// Begins to drive. Only on the node's runtime.
    pub(crate) fn start(plan: Plan, feeds: &Feeds) -> Self {
        let outside = Self::default();
        outside.apply(plan, feeds);
        outside
    }

    /// Drives these groups and no others. What is told the same as before goes on as it is. Only on the node's runtime.
    pub(crate) fn apply(&self, plan: Plan, feeds: &Feeds) {
        let mut running = self.running();
        running.retain(|name, running| plan.0.iter().any(|g| g.name == *name && g.told == running.told));
        for Group { name, machine, told, to_servers, to_sentinels } in plan.0 {
            if running.contains_key(&name) {
                continue;
            }
            let (questions, asked) = mpsc::channel(MAX_QUESTIONS);
            let (now, epoch) = (clock::now(), feeds.epoch(&name));
            let links = Links::new(name.clone(), to_servers, to_sentinels);
            let desk = Desk { feeds: feeds.clone(), asked };
            let mut task = JoinSet::new();
            match machine {
                Machine::Probe(config) => task.spawn(drive(probe::Probe::new(config, now).after(epoch), links, desk)),
                Machine::Follow(config) => {
                    task.spawn(drive(follow::Follow::new(config, now).after(epoch), links, desk))
                }
            };
            running.insert(name, Running { questions, told, _task: task });
        }
    }

    /// How all of them stand, by name.
    pub(crate) async fn reports(&self) -> Vec<GroupReport> {
        let all: Vec<_> = self.running().values().map(|running| running.questions.clone()).collect();
        let mut reports = Vec::new();
        for questions in all {
            let (reply, answer) = oneshot::channel();
            // A group that has ended is in no report.
            if questions.send(reply).await.is_ok()
                && let Ok(report) = answer.await
            {
                reports.push(report);
            }
        }
        reports
    }

    /// Whether this group is one of them.
    pub(crate) fn has(&self, group: &GroupName) -> bool {
        self.running().contains_key(group)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<GroupName, Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the orders go that are not for links.
struct Desk {
    feeds: Feeds,
    asked: mpsc::Receiver<Question>,
}

/// The connections of a group.
struct Links {
    group: GroupName,
    to_servers: Ways,
    to_sentinels: Ways,
    open: BTreeMap<LinkId, Link>,
    inbox: mpsc::Sender<Input>,
    inputs: mpsc::Receiver<Input>,
    /// What an order led to at once: told to the machine before anything else.
    own: VecDeque<Event>,
}

impl Links {
    fn new(group: GroupName, to_servers: Ways, to_sentinels: Ways) -> Self {
        let (inbox, inputs) = mpsc::channel(MAX_INBOX);
        Self { group, to_servers, to_sentinels, open: BTreeMap::new(), inbox, inputs, own: VecDeque::new() }
    }

    fn connect(&mut self, link: LinkId, door: Door) {
        if self.open.len() >= MAX_LINKS {
            self.own.push_back(Event::Failed { link, fault: Fault::Local });
            return;
        }
        let ways = if door.target == Target::Server { &self.to_servers } else { &self.to_sentinels };
        ways.names.note(link.to);
        if let Some(to) = ways.names.moved(link.to) {
            self.own.push_back(Event::Moved { from: link.to, to });
        }
        if ways.names.is_unknown(link.to.ip()) {
            self.own.push_back(Event::Failed { link, fault: Fault::Unreachable });
            return;
        }
        self.open.insert(link, Link::open(link, door, ways.clone(), self.inbox.clone()));
    }
}

/// Drives one machine until it is dropped.
async fn drive<M: Source>(mut machine: M, mut links: Links, mut desk: Desk) {
    // Those of its Sentinels are the same.
    let mut names = JoinSet::new();
    names.spawn(links.to_servers.names.clone().keep(links.inbox.clone()));
    loop {
        let now = clock::now();
        let due = machine.deadline().is_none_or(|(at, _)| at <= now);
        if let Some(event) = links.own.pop_front() {
            happened(&mut machine, &mut links, &desk, event);
            continue;
        }
        if due {
            let mut actions = Vec::new();
            machine::wake(&mut machine, now, |action| actions.push(action));
            carry_out(&mut links, &desk, actions);
        }
        let patience = machine.deadline().map_or(LONGEST_SLEEP, |(at, _)| at.since(clock::now()).min(LONGEST_SLEEP));
        tokio::select! {
            input = links.inputs.recv() => {
                if let Some(event) = input.and_then(meaning) {
                    happened(&mut machine, &mut links, &desk, event);
                }
            }
            question = desk.asked.recv() => {
                if let Some(reply) = question {
                    // Ages are counted from the last time that the machine knows.
                    let mut actions = Vec::new();
                    machine::wake(&mut machine, clock::now(), |action| actions.push(action));
                    carry_out(&mut links, &desk, actions);
                    // Who asked may have gone away.
                    drop(reply.send(machine.report()));
                }
            }
            // A timer alone is not trusted with a deadline: the loop compares clocks whatever woke it.
            () = tokio::time::sleep(patience) => {}
        }
    }
}

fn happened<M: Source>(machine: &mut M, links: &mut Links, desk: &Desk, event: Event) {
    if let Event::Failed { link, .. } = &event {
        links.open.remove(link);
    }
    let now: Instant = clock::now();
    let mut actions = Vec::new();
    machine::step(machine, now, event, |action| actions.push(action));
    carry_out(links, desk, actions);
}

fn carry_out(links: &mut Links, desk: &Desk, actions: Vec<Action>) {
    for action in actions {
        match action {
            Action::Connect { link, target, channel } => {
                let door = Door { group: links.group.clone(), target, channel };
                links.connect(link, door);
            }
            Action::Close { link } => drop(links.open.remove(&link)),
            Action::Send { link, ask } => {
                let sent = links.open.get(&link).map(|open| open.send(ask));
                if let Some(Err(fault)) = sent {
                    links.open.remove(&link);
                    links.own.push_back(Event::Failed { link, fault });
                }
            }
            Action::Publish { view } => {
                tracing::debug!(group = %view.group, epoch = view.epoch.0, master = %view.master, "view {:?}", view.phase);
                desk.feeds.publish(view);
            }
            Action::Announce { mut event } => {
                if let Some(payload) = links.to_servers.names.told_in(&event.payload) {
                    event.payload = payload;
                }
                log::observe(&event, desk.feeds.epoch(&links.group));
            }
        }
    }
}

/// What a link or a name tells, in the machine's words.
fn meaning(input: Input) -> Option<Event> {
    use sentinel::Event as Told;
    let Input::Happened(told) = input else { return None };
    Some(match told {
        Told::Connected { link } => Event::Connected { link },
        Told::Failed { link, fault } => Event::Failed { link, fault },
        Told::Answered { link, answer } => Event::Answered { link, answer },
        Told::Heard { link, hello } => Event::Heard { link, text: hello },
        Told::Moved { from, to } => Event::Moved { from, to },
        _ => return None,
    })
}

/// Events that wait for the loop. At the bound the links stop reading.
const MAX_INBOX: usize = 1_024;
/// Operators who want to know how a group stands, at a time. At the bound they wait.
const MAX_QUESTIONS: usize = 16;
/// Connections of a group: two for each server and Sentinel that a machine keeps.
const MAX_LINKS: usize = 512;
/// A look at the clock at least this often, whatever the deadline says: a host that slept tells nobody.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
