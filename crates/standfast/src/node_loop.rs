//! How are events brought to the machine, and its orders carried out? The loop that drives one node. No rule is in it (N3).
//!
//! ```text
//!   links, disk, serve, control ──> inbox (one bounded channel) ──┐
//!                                                                 ▼
//!        due deadline (clocks compared) ─> drain ─> inbox, under a budget ─> drain ─> sleep until the deadline
//!                                            │
//!             Connect, Close, Send ─> links  ├─ Save ─> disk    Publish ─> views ─> proxy
//!             Reply ─> who asked             └─ Announce ─> log, subscribers    RunScript, KillScript ─> scripts
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use host::clock;
use machine::{Instant, Machine as _};
use sentinel::{Action, Announcement, CallId, Event, Fault, LinkId, Reply, Request, Sentinel, State};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use view::{Epoch, GroupName, View};

use crate::addresses::Addresses;
use crate::disk::{Disk, Keep, Order};
use crate::feeds::Feeds;
use crate::link::{Door, Link, Ways};
use crate::scripts::Scripts;
use crate::{log, recorder};

/// What comes to the loop.
pub(crate) enum Input {
    /// Something that the machine has to know.
    Happened(Event),
    /// Somebody wants something of the node.
    Asked { request: Request, reply: oneshot::Sender<Reply> },
    /// Somebody wants to look at the machine between two events.
    Look(Look),
}

type Look = Box<dyn FnOnce(&Sentinel, Instant) + Send>;

/// What the rest of the program knows of a running node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Node {
    inbox: mpsc::Sender<Input>,
    announcements: broadcast::Sender<Arc<Announcement>>,
    changed: watch::Receiver<u64>,
    recorder: recorder::Shared,
    flights: Arc<PathBuf>,
}

impl Node {
    /// Wants something, and waits for the reply. `None`: the node is stopping.
    pub(crate) async fn ask(&self, request: Request) -> Option<Reply> {
        let (reply, answer) = oneshot::channel();
        self.inbox.send(Input::Asked { request, reply }).await.ok()?;
        answer.await.ok()
    }

    /// Looks at the machine. `None`: the node is stopping.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Sentinel, Instant) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        let look: Look = Box::new(move |machine, now| {
            // Who asked may have gone away.
            let _ = reply.send(look(machine, now));
        });
        self.inbox.send(Input::Look(look)).await.ok()?;
        answer.await.ok()
    }

    /// Events in Sentinel's own words, from now on. Who reads too slowly is told that some are lost.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Announcement>> {
        self.announcements.subscribe()
    }

    /// Changes whenever a view is published or an event announced.
    pub(crate) fn changed(&self) -> watch::Receiver<u64> {
        self.changed.clone()
    }

    /// Where flight records are.
    pub(crate) fn flights(&self) -> &Path {
        &self.flights
    }

    /// Writes the flight record.
    pub(crate) fn write_flight_record(&self) -> io::Result<PathBuf> {
        recorder::write(&self.recorder, &self.flights, recorder::FLIGHT)
    }
}

/// The loop's side.
pub(crate) struct NodeLoop {
    machine: Sentinel,
    recorder: recorder::Shared,
    ways: Ways,
    disk: Disk,
    scripts: Scripts,
    /// Who holds addresses that go with a master, if this host may have any.
    addresses: Option<Addresses>,
    links: BTreeMap<LinkId, Link>,
    /// Who waits for a reply. The machine answers every call, so it bounds this.
    calls: BTreeMap<CallId, oneshot::Sender<Reply>>,
    last_call: u64,
    feeds: Feeds,
    announcements: broadcast::Sender<Arc<Announcement>>,
    tell: fn(&Announcement, Epoch),
    changed: watch::Sender<u64>,
    /// What comes before the inbox: what an order led to at once, and what waited while the loop stood still.
    own: VecDeque<Input>,
    /// Saves that were ordered and have not ended.
    saving: usize,
    inbox: mpsc::Sender<Input>,
    inputs: mpsc::Receiver<Input>,
}

/// What a loop is made of.
pub(crate) struct Parts {
    pub(crate) machine: Sentinel,
    pub(crate) recorder: recorder::Shared,
    pub(crate) ways: Ways,
    /// Where the state goes.
    pub(crate) keep: Box<dyn Keep>,
    /// The directory for flight records.
    pub(crate) flights: PathBuf,
    /// How an announcement is logged; the group's epoch is given where its view is published.
    pub(crate) tell: fn(&Announcement, Epoch),
    pub(crate) feeds: Feeds,
}

impl NodeLoop {
    pub(crate) fn new(parts: Parts) -> io::Result<(Self, Node)> {
        let Parts { machine, recorder, ways, keep, flights, tell, feeds } = parts;
        let (inbox, inputs) = mpsc::channel(MAX_INBOX);
        let (announcements, _) = broadcast::channel(MAX_UNREAD);
        let (changed, changes) = watch::channel(0);
        let disk = Disk::start(keep, inbox.clone())?;
        tokio::spawn(ways.names.clone().keep(inbox.clone()));
        let node = Node {
            inbox: inbox.clone(),
            announcements: announcements.clone(),
            changed: changes,
            recorder: recorder.clone(),
            flights: Arc::new(flights),
        };
        let node_loop = Self {
            machine,
            recorder,
            ways,
            disk,
            scripts: Scripts::new(inbox.clone()),
            addresses: None,
            links: BTreeMap::new(),
            calls: BTreeMap::new(),
            last_call: 0,
            feeds,
            announcements,
            tell,
            changed,
            own: VecDeque::new(),
            saving: 0,
            inbox,
            inputs,
        };
        Ok((node_loop, node))
    }

    /// Tells who holds addresses that go with a master: they leave before a vote does.
    pub(crate) fn tie(&mut self, addresses: Addresses) {
        self.addresses = Some(addresses);
    }

    /// Goes on until all that was to be saved is on the disk, and decides nothing any more from then on: the links end, what is asked waits.
    /// `false`: the disk is too slow, and nothing has changed.
    pub(crate) async fn pause(&mut self) -> bool {
        if tokio::time::timeout(DISK_PATIENCE, self.drive(|node| node.saving == 0)).await.is_err() {
            return false;
        }
        self.links.clear();
        self.own.retain(|input| !matches!(input, Input::Happened(_)));
        true
    }

    /// Begins anew with what is on the disk, as after a restart; what was asked meanwhile is answered.
    pub(crate) fn restart(&mut self, state: State) {
        let config = self.machine.config();
        self.machine = Sentinel::new(config, state, host::random::seed(), clock::now());
        self.calls.clear();
        // What the links and scripts of before still said is of another life.
        while let Ok(input) = self.inputs.try_recv() {
            match input {
                Input::Happened(_) => {}
                asked => self.own.push_back(asked),
            }
        }
        self.begin_segment();
    }

    /// Drives the node until it is dropped.
    pub(crate) async fn run(&mut self) {
        self.wake(clock::now());
        self.drive(|_| false).await;
    }

    async fn drive(&mut self, is_enough: impl Fn(&Self) -> bool) {
        while !is_enough(self) {
            self.wake_if_due();
            for _ in 0..BUDGET {
                let input = match self.own.pop_front() {
                    Some(input) => input,
                    None => match self.inputs.try_recv() {
                        Ok(input) => input,
                        Err(_) => break,
                    },
                };
                self.take(input);
            }
            self.wake_if_due();
            if self.own.is_empty() {
                self.sleep().await;
            }
            // So that the links' tasks get their turn on this thread even when the inbox is never empty.
            tokio::task::yield_now().await;
        }
    }

    /// Until the deadline, or until something comes.
    async fn sleep(&mut self) {
        let patience =
            self.machine.deadline().map_or(LONGEST_SLEEP, |(at, _)| at.since(clock::now()).min(LONGEST_SLEEP));
        // A timer alone is not trusted with a deadline: the loop compares clocks whatever woke it.
        if let Ok(Some(input)) = tokio::time::timeout(patience, self.inputs.recv()).await {
            self.take(input);
        }
    }

    fn wake_if_due(&mut self) {
        let now = clock::now();
        if self.machine.deadline().is_some_and(|(at, _)| at <= now) {
            self.wake(now);
        }
    }

    fn wake(&mut self, now: Instant) {
        self.record(|recorder| recorder.wake(now));
        let mut actions = Vec::new();
        machine::wake(&mut self.machine, now, |action| actions.push(action));
        self.carry_out(actions);
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Happened(event) => self.happened(event),
            Input::Asked { request, reply } => {
                let request = match request {
                    Request::Hello { text } => Request::Hello { text: self.ways.names.in_addresses(&text) },
                    other => other,
                };
                self.last_call += 1;
                let call = CallId(self.last_call);
                self.calls.insert(call, reply);
                self.happened(Event::Requested { call, request });
            }
            Input::Look(look) => look(&self.machine, clock::now()),
        }
    }

    fn happened(&mut self, event: Event) {
        if let Event::Failed { link, .. } = &event {
            self.links.remove(link);
        }
        if let Event::Saved { .. } | Event::SaveFailed { .. } = &event {
            self.saving = self.saving.saturating_sub(1);
        }
        let now = clock::now();
        self.record(|recorder| recorder.event(now, &event));
        let mut actions = Vec::new();
        machine::step(&mut self.machine, now, event, |action| actions.push(action));
        self.carry_out(actions);
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            self.record(|recorder| recorder.action(&action));
            self.act(action);
        }
        let full = self.recorder.lock().unwrap_or_else(PoisonError::into_inner).wants_segment();
        if full {
            self.begin_segment();
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Connect { link, group, target, channel } => self.connect(link, Door { group, target, channel }),
            Action::Close { link } => {
                self.links.remove(&link);
            }
            Action::Send { link, ask } => {
                let sent = self.links.get(&link).map(|open| open.send(ask));
                if let Some(Err(fault)) = sent {
                    self.links.remove(&link);
                    self.own.push_back(Input::Happened(Event::Failed { link, fault }));
                }
            }
            Action::Save { seq, state } => {
                let config = self.machine.config();
                self.saving += 1;
                if !self.disk.save(Order { seq, config, state }) {
                    self.own.push_back(Input::Happened(Event::SaveFailed { seq }));
                }
            }
            Action::Reply { call, reply } => {
                if let Some(asker) = self.calls.remove(&call) {
                    // Who asked may have gone away.
                    let _ = asker.send(reply);
                }
            }
            Action::Publish { view } => self.publish(view),
            Action::Clear { group, nr } => self.clear(group, nr),
            Action::Announce { event } => self.announce(event),
            Action::RunScript { nr, path, args } => {
                let names = &self.ways.names;
                let args = args.into_iter().map(|arg| names.told_in(&arg).unwrap_or(arg)).collect();
                self.scripts.run(nr, path, args);
            }
            Action::KillScript { nr } => self.scripts.kill(nr),
            Action::Exit { status } => {
                log::flush();
                std::process::exit(i32::from(status))
            }
        }
    }

    /// The view that was published last makes addresses leave; whoever moves them says when they have.
    fn clear(&mut self, group: GroupName, nr: u64) {
        let Some(addresses) = self.addresses.clone() else {
            return self.own.push_back(Input::Happened(Event::Cleared { group, nr }));
        };
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            // A vote that was settled before the address was looked at leaves it here: nobody waits for that any more.
            if tokio::time::timeout(CLEARING, addresses.has_left(&group)).await.is_ok() {
                // Nobody to tell: the node is stopping.
                let _ = inbox.send(Input::Happened(Event::Cleared { group, nr })).await;
            }
        });
    }

    fn connect(&mut self, link: LinkId, door: Door) {
        if self.links.len() >= MAX_LINKS {
            self.own.push_back(Input::Happened(Event::Failed { link, fault: Fault::Local }));
            return;
        }
        self.ways.names.note(link.to);
        if let Some(to) = self.ways.names.moved(link.to) {
            self.own.push_back(Input::Happened(Event::Moved { from: link.to, to }));
        }
        self.links.insert(link, Link::open(link, door, self.ways.clone(), self.inbox.clone()));
    }

    fn publish(&self, view: View) {
        let (group, epoch, master, phase) = (view.group.clone(), view.epoch.0, view.master, view.phase);
        if self.feeds.publish(view) {
            tracing::debug!(%group, epoch, %master, "view {phase:?}");
        }
        self.changed.send_modify(|n| *n += 1);
    }

    fn announce(&self, mut event: Announcement) {
        if let Some(payload) = self.ways.names.told_in(&event.payload) {
            event.payload = payload;
        }
        let epoch = event.group.as_ref().map_or(Epoch(0), |group| self.feeds.epoch(group));
        (self.tell)(&event, epoch);
        // Nobody may be listening.
        let _ = self.announcements.send(Arc::new(event));
        self.changed.send_modify(|n| *n += 1);
    }

    /// Begins the flight record: before the first event, and whenever a segment is full.
    fn begin_segment(&self) {
        let mut recorder = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        recorder.begin(&self.machine);
    }

    fn record(&self, write: impl FnOnce(&mut recorder::Recorder)) {
        let mut recorder = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        if recorder.is_empty() {
            recorder.begin(&self.machine);
        }
        write(&mut recorder);
    }
}

/// Events that wait for the loop. At the bound the links stop reading: the kernel's buffers, and then the others, wait.
const MAX_INBOX: usize = 1_024;
/// Announcements that a subscriber may be behind. At the bound it is closed, as Redis does with a client that does not read.
const MAX_UNREAD: usize = 1_024;
/// Inputs that are taken between two looks at the clock.
const BUDGET: usize = 64;
/// Connections of ours: three for each server and node of some hundred groups.
const MAX_LINKS: usize = 4_096;
/// How long a loop that shall stand still waits for the disk.
const DISK_PATIENCE: Duration = Duration::from_secs(3);
/// A look at the clock at least this often, whatever the deadline says: a host that slept tells nobody.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// How long it is asked whether an address has left: longer than the machine waits for the answer.
const CLEARING: Duration = Duration::from_secs(1);
