//! How are events brought to the machine, and its orders carried out? The loop that drives the addresses of this host. No rule is in it (N3).
//!
//! ```text
//!   inbox, under a budget ─> due deadline (clocks compared) ─> drain ─> the kernel's news, orders ─> drain ─> sleep until the deadline
//! ```
//!
//! It beats for the guard on every turn: should this process die or stand still, the guard does what is left to be done.

mod rename;

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use config::Config;
use host::neighbours::Announcer;
use host::{HostRefused, clock};
use machine::{Instant, Machine as _, story};
use node::event::Action;
use node::{Event, Node, Placed, Way};
use tokio::sync::{mpsc, oneshot};
use view::GroupName;
use vrrp::health::{Check, Rule};

use super::Order;
use super::asking::Asking;
use super::batch::{Owners, Step};
use super::claims::Claims;
use super::compose::{Told, compose};
use super::concerns::{followed, places, watched};
use super::links::{Links, News};
use super::memory::Memory;
use super::mouths::Mouth;
use super::ports::{self, Ports};
use super::sessions::Sessions;
use super::status::AddressesStatus;
use super::telling;
use super::views::Views;
use super::wills::Wills;
use crate::checks::Checks;
use crate::clients::Clients;
use crate::feeds::Feeds;
use crate::guard::Guard;
use crate::recorder::{self, Recorder};
use rename::Aliases;

/// What a driver is made of.
pub(super) struct Needs {
    pub(super) config: Config,
    pub(super) feeds: Feeds,
    pub(super) clients: Clients,
    pub(super) memory: Memory,
    pub(super) recorder: recorder::Shared,
    /// What the process before us held, if one has handed over to us.
    pub(super) handed: Option<Vec<(String, Placed)>>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) inbox: mpsc::Receiver<Event>,
    pub(super) ordered: mpsc::Receiver<Order>,
}

/// The loop's side.
pub(super) struct Driver {
    machine: Node,
    config: Config,
    /// What the file means, with what only this host knows.
    told: Told,
    owners: Owners,
    memory: Memory,
    recorder: recorder::Shared,
    links: Links,
    ports: Ports,
    sessions: Sessions,
    asking: Asking,
    claims: Claims,
    announcer: Option<Announcer>,
    /// Announcing or asking failed the last time: said once.
    is_mute: bool,
    views: Views,
    clients: Clients,
    checks: Checks,
    guard: Guard,
    wills: Wills,
    beaten: Instant,
    /// When the last turn of the loop began.
    turned: Instant,
    aliases: Aliases,
    /// What an order led to at once: it comes before the inbox.
    own: VecDeque<Event>,
    /// What woke the loop: the first of the inbox.
    first: Option<Event>,
    inbox: mpsc::Receiver<Event>,
    broken: mpsc::Receiver<(Mouth, HostRefused)>,
    ordered: mpsc::Receiver<Order>,
    /// Who waits for nothing to be here any more that follows a group: one for each group at a time, and those who lost patience are
    /// forgotten.
    waiting: Vec<(GroupName, oneshot::Sender<()>)>,
    /// Who waits for an address to be away that an operator has released. Who lost patience is forgotten.
    releasing: Vec<(String, oneshot::Sender<()>)>,
    /// Who waits for all to be given up.
    stopping: Option<oneshot::Sender<()>>,
    course: Course,
}

/// Whether it goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Course {
    On,
    /// All is given up.
    Ended,
    /// Another process goes on with it.
    Left,
}

/// What comes to the loop while it sleeps.
enum Input {
    Happened(Event),
    Broken(Mouth, HostRefused),
    Ordered(Order),
    Kernel,
    /// Nothing: it is time.
    Nothing,
}

impl Driver {
    /// Looks at the host's links and begins.
    pub(super) fn begin(needs: Needs) -> Result<Self, HostRefused> {
        let Needs { config, feeds, clients, memory, recorder, handed, events, inbox, ordered } = needs;
        let (breaks, broken) = mpsc::channel(MAX_BROKEN);
        let now = clock::now();
        let mut links = Links::open()?;
        let told = told(&config, &mut links, &memory);
        let seed = host::random::seed();
        let beginning = story::to_line(&told.node).unwrap_or_else(|e| format!("unwritable {e}"));
        lock(&recorder).begin_with(format!("machine node\nconfig {beginning}\nseed {seed}\n"));
        let patience = told.node.patience();
        let mut driver = Self {
            machine: Node::new(told.node.clone(), seed, now),
            told,
            owners: Owners::default(),
            memory,
            recorder,
            links,
            ports: Ports::new(now, events.clone(), breaks),
            sessions: Sessions::new(events.clone(), handed.is_none()),
            asking: Asking::new(events.clone()),
            claims: Claims::new(events.clone()),
            announcer: None,
            is_mute: false,
            views: Views::new(feeds.clone(), events.clone()),
            checks: Checks::new(events, feeds),
            clients,
            guard: Guard::start(patience),
            wills: Wills::default(),
            beaten: now,
            turned: now,
            aliases: Aliases::default(),
            own: VecDeque::new(),
            first: None,
            inbox,
            broken,
            ordered,
            waiting: Vec::new(),
            releasing: Vec::new(),
            stopping: None,
            course: Course::On,
            config,
        };
        driver.settle(true);
        let (left, found) = driver.links.left();
        driver.happened(Event::Startup {
            left,
            found,
            handed_over: handed.is_some(),
            handed: handed.unwrap_or_default(),
        });
        Ok(driver)
    }

    /// Drives until all is given up, or another process goes on with it.
    pub(super) async fn run(mut self) {
        while self.course == Course::On {
            self.forget_what_is_stale();
            // After a standstill a packet that came in time is not yet read, and the deadline that it puts off has passed.
            let next = || self.own.pop_front().or_else(|| self.first.take()).or_else(|| self.inbox.try_recv().ok());
            let events: Vec<Event> = std::iter::from_fn(next).take(BUDGET).collect();
            self.all_happened(events);
            self.wake_if_due();
            let news = self.links.hear();
            self.on_news(news);
            if self.links.has_reordered() {
                self.claims.settle(&self.links);
            }
            if let Ok(order) = self.ordered.try_recv() {
                self.obey(order);
            }
            self.wake_if_due();
            self.answer_those_who_wait();
            self.beat();
            if self.own.is_empty() && self.course == Course::On {
                match self.sleep().await {
                    // What came with it is read by other tasks of this thread, and is done together.
                    Input::Happened(event) => self.first = Some(event),
                    Input::Broken(mouth, refused) => self.own.extend(self.ports.shut(&mouth, &refused)),
                    Input::Ordered(order) => self.obey(order),
                    Input::Kernel => {}
                    Input::Nothing => {
                        let news = self.links.hear_again();
                        self.on_news(news);
                    }
                }
            }
            // So that the tasks of this thread get their turn even when the inbox is never empty.
            tokio::task::yield_now().await;
        }
        self.end().await;
    }

    /// After a standstill: what checks found before it proves nothing of now.
    fn forget_what_is_stale(&mut self) {
        let now = clock::now();
        if now.since(std::mem::replace(&mut self.turned, now)) < STANDSTILL {
            return;
        }
        let next = || self.first.take().or_else(|| self.inbox.try_recv().ok());
        let waiting: Vec<Event> = std::iter::from_fn(next).take(MAX_STALE).collect();
        let is_proof = |event: &Event| matches!(event, Event::Checked { failed: None, .. });
        self.own.extend(waiting.into_iter().filter(|event| !is_proof(event)));
    }

    async fn end(mut self) {
        if self.course == Course::Ended {
            self.sessions.end().await;
        }
        self.guard.goodbye();
        self.clients.end();
        if self.course == Course::Ended {
            self.checks.stopped().await;
        }
        if let Some(waiting) = self.stopping.take() {
            // Who waited may have lost patience.
            let _ = waiting.send(());
        }
    }

    /// Until something is due, or comes.
    async fn sleep(&mut self) -> Input {
        let now = clock::now();
        let dues = [self.machine.deadline().map(|(at, _)| at), Some(self.ports.deadline()), Some(self.beaten + BEAT)];
        let patience = dues.into_iter().flatten().min().map_or(LONGEST_SLEEP, |at| at.since(now).min(LONGEST_SLEEP));
        tokio::select! {
            Some(event) = self.inbox.recv() => Input::Happened(event),
            Some((mouth, refused)) = self.broken.recv() => Input::Broken(mouth, refused),
            Some(order) = self.ordered.recv() => Input::Ordered(order),
            () = self.links.readable() => Input::Kernel,
            // A timer alone is not trusted with a deadline: the loop compares clocks whatever woke it.
            () = tokio::time::sleep(patience) => Input::Nothing,
        }
    }

    fn wake_if_due(&mut self) {
        let now = clock::now();
        if self.machine.deadline().is_some_and(|(at, _)| at <= now) {
            lock(&self.recorder).wake(now);
            let mut actions = Vec::new();
            machine::wake(&mut self.machine, now, |action| actions.push(action));
            self.record(&actions);
            self.carry_out(actions);
        }
        if self.ports.deadline() <= now {
            self.own.extend(self.ports.look(now, &self.links));
        }
    }

    fn beat(&mut self) {
        let now = clock::now();
        if self.beaten + BEAT <= now {
            self.guard.beat();
            self.beaten = now;
        }
    }

    /// Tells those who wait for it that nothing is here any more.
    fn answer_those_who_wait(&mut self) {
        if self.waiting.is_empty() && self.releasing.is_empty() {
            return;
        }
        let report = self.machine.report();
        let stays = |name: &String| {
            let mut addresses = report.addresses.iter();
            addresses.any(|address| address.name == *name && address.released && !address.here.is_empty())
        };
        for (address, away) in std::mem::take(&mut self.releasing) {
            if stays(&address) && !away.is_closed() {
                self.releasing.push((address, away));
            } else {
                let _ = away.send(());
            }
        }
        for (group, left) in std::mem::take(&mut self.waiting) {
            if self.machine.has_left(&group) || left.is_closed() {
                let _ = left.send(());
            } else {
                self.waiting.push((group, left));
            }
        }
    }

    fn on_news(&mut self, News { events, has_moved, .. }: News) {
        self.all_happened(events);
        if has_moved {
            self.settle(false);
            self.claims.settle(&self.links);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Configure { config, done } => {
                self.config = *config;
                let renames = self.settle(true);
                // Who waits for it may have gone away; so for every answer.
                let _ = done.send(renames);
            }
            Order::Report(to) => {
                drop(to.send(AddressesStatus::of(self.machine.report(), self.links.kernel(), clock::now())))
            }
            Order::Wish { address, wish, known } => {
                let is_known = self.told.node.addresses.contains_key(&address);
                if is_known {
                    tracing::info!(address, "an operator wants: {wish:?}");
                    self.happened(Event::Wished { address, wish });
                }
                let _ = known.send(is_known);
            }
            Order::HasLeft { group, left } => {
                // The view that is asked about may be on its way.
                let view = self.views.of(&group);
                view.into_iter().for_each(|event| self.happened(event));
                self.happened(Event::Voted { group: group.clone() });
                self.waiting.push((group, left));
            }
            Order::IsAway { address, away } => self.releasing.push((address, away)),
            Order::BeAlone => self.sessions.be_alone(),
            Order::Stop(done) => {
                self.stopping = Some(done);
                self.happened(Event::Shutdown);
            }
            Order::Leave(done) => {
                self.stopping = Some(done);
                self.course = Course::Left;
            }
        }
    }

    /// Makes everything stand on links and own addresses as they are. `is_new`: the file may say something else than before. What it calls
    /// otherwise comes back.
    fn settle(&mut self, is_new: bool) -> Vec<(String, String)> {
        let mut told = told(&self.config, &mut self.links, &self.memory);
        let renames = self.rename(&told.node);
        release(&mut told, &self.memory.released());
        // What the machine orders at once is carried out by what the file says now.
        let before = std::mem::replace(&mut self.told, told);
        self.owners.settle(&self.told.node.addresses, |ip| self.links.orders(ip));
        let is_other = self.told.node != before.node;
        let before = rename::called(before, &renames);
        if is_other {
            if is_new {
                self.checks.introduce(&self.config, |name| before.node.addresses.contains_key(name));
            }
            self.guard.be_patient(self.told.node.patience());
            self.happened(Event::Configured { config: Box::new(self.told.node.clone()) });
            self.ports.tell_again();
        }
        for (address, neighbor) in rekeyed(&before, &self.told) {
            self.happened(Event::Rekeyed { address, neighbor });
        }
        self.links.faults().into_iter().for_each(|event| self.happened(event));
        self.links.strangers().into_iter().for_each(|event| self.happened(event));
        let told = self.ports.settle(clock::now(), places(&self.told), &self.links);
        for (address, will) in self.wills.again(&self.links, &self.ports) {
            self.guard.will(&address, will);
        }
        told.into_iter().for_each(|event| self.happened(event));
        if is_new {
            self.clients.watch(watched(&self.config));
            self.checks.configure(&self.config);
            self.checks.forget(|name| self.machine.knows(name));
            let views = self.views.follow(&followed(&self.told.node));
            views.into_iter().for_each(|event| self.happened(event));
        }
        renames
    }

    fn happened(&mut self, event: Event) {
        self.all_happened(vec![event]);
    }

    /// One after the other for the machine; what it orders is carried out together.
    fn all_happened(&mut self, events: Vec<Event>) {
        let mut actions = Vec::new();
        for event in events {
            let event = self.views.newest(self.aliases.resolve(event));
            let now = clock::now();
            // Should the machine panic, the record must be free.
            lock(&self.recorder).event(now, &event);
            let before = actions.len();
            machine::step(&mut self.machine, now, event, |action| actions.push(action));
            self.record(&actions[before..]);
        }
        self.carry_out(actions);
    }

    /// As the machine gave them: so it does when what happened is played again.
    fn record(&self, actions: &[Action]) {
        let mut recorder = lock(&self.recorder);
        actions.iter().for_each(|action| recorder.action(action));
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for step in self.owners.steps(actions) {
            match step {
                Step::One(action) => {
                    telling::log(&action);
                    self.act(action);
                }
                Step::Cut(ips) => {
                    // Who is cut comes back at once, and would be let in by a host that leaves.
                    self.links.shut(&ips);
                    self.clients.cut(&ips);
                }
                Step::Put(all) => {
                    for some in all.chunks(BETWEEN_BEATS) {
                        self.put(some);
                        self.beat();
                    }
                }
            }
            // Many addresses that leave at once take their time, and nobody hangs.
            self.beat();
        }
        self.checks.forget(|name| self.machine.knows(name));
        let mut recorder = lock(&self.recorder);
        if recorder.wants_segment() {
            // No machine can be made of what it is at this moment: what begins here can be read only.
            recorder.begin_with("machine node\n".to_owned());
        }
    }

    fn put(&mut self, all: &[(String, Placed, Option<Duration>)]) {
        for ((interface, address, _), done) in all.iter().zip(self.links.put(all)) {
            if let Err(why) = done {
                self.own.push_back(Event::NotPut { interface: interface.clone(), address: *address, why });
            }
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Remove { interface, address } => self.links.remove(&interface, address),
            Action::Ask { interface, ip } => {
                let asked = self.links.link(&interface).map_or(Ok(()), |link| self.asking.ask(link, ip));
                self.complain(asked);
            }
            Action::Announce { interface, ips } => {
                let announced = self.announce(&interface, &ips);
                self.complain(announced);
            }
            Action::Router { address, action: vrrp::Action::Send { to, advert } } => {
                self.ports.send(&address, to, &advert);
            }
            Action::Peer { address, neighbor, action } => self.peer((address, neighbor), action),
            Action::Will { address, remove, say } => {
                let will = self.wills.want(&address, (remove, say), &self.links, &self.ports);
                self.guard.will(&address, will);
            }
            Action::Run { address, nr, job } => self.checks.run(&address, nr, job),
            Action::Changed { address, from, to, priority, .. } => self.checks.changed(&address, from, to, priority),
            Action::GroupChanged { group, from, to } => self.checks.group_changed(&group, from, to),
            Action::Ended => self.course = Course::Ended,
            // Said already; a step of its own.
            Action::Tell { .. } | Action::Router { .. } | Action::Put { .. } | Action::Cut { .. } => {}
            Action::Tickle { address } => {
                let held = self.told.node.addresses.get(&address).map(|address| &address.held);
                let ips: Vec<IpAddr> = held.into_iter().flatten().map(|held| held.ip).collect();
                self.clients.tickle(&address, &ips);
            }
        }
    }

    fn announce(&mut self, interface: &str, ips: &[IpAddr]) -> Result<(), HostRefused> {
        let Some(link) = self.links.link(interface) else { return Ok(()) };
        if self.announcer.is_none() {
            self.announcer = Some(Announcer::open()?);
        }
        let Some(announcer) = &self.announcer else { return Ok(()) };
        ips.iter().try_for_each(|ip| announcer.announce(link, *ip))
    }

    /// Says it once.
    fn complain(&mut self, done: Result<(), HostRefused>) {
        match done {
            Ok(()) => self.is_mute = false,
            Err(refused) if !self.is_mute => {
                self.is_mute = true;
                tracing::warn!("{refused}. Until then neighbours go on with what they know");
            }
            Err(_) => {}
        }
    }

    fn peer(&mut self, session: (String, String), action: bgp::Action) {
        match action {
            bgp::Action::Connect { conn, to } => {
                let (address, neighbor) = &session;
                let Some(Way::Bgp { neighbors, .. }) =
                    self.told.node.addresses.get(address).map(|address| &address.way)
                else {
                    return;
                };
                let Some(terms) = neighbors.get(neighbor) else { return };
                let password = self.told.outfits.get(address).and_then(|outfit| outfit.passwords.get(neighbor));
                self.sessions.connect(session.clone(), (conn, to), terms, password);
            }
            bgp::Action::Send { conn, bytes } => {
                if let Some(event) = self.sessions.send(&session, conn, bytes) {
                    let (address, neighbor) = session;
                    self.own.push_back(Event::Peer { address, neighbor, event });
                }
            }
            bgp::Action::Close { conn } => self.sessions.close(&session, conn),
            bgp::Action::StateChanged { .. } | bgp::Action::Told { .. } | bgp::Action::Untold { .. } => {}
        }
    }
}

fn lock(recorder: &recorder::Shared) -> MutexGuard<'_, Recorder> {
    recorder.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sessions that have another password, and the same terms otherwise: those with others begin anew as it is.
fn rekeyed(before: &Told, now: &Told) -> Vec<(String, String)> {
    let terms = |told: &Told, address: &str, neighbor: &str| match &told.node.addresses.get(address)?.way {
        Way::Bgp { neighbors, .. } => neighbors.get(neighbor).cloned(),
        _ => None,
    };
    let mut rekeyed = Vec::new();
    for (address, outfit) in &now.outfits {
        let Some(old) = before.outfits.get(address) else { continue };
        for (neighbor, password) in &outfit.passwords {
            let is_other = old.passwords.get(neighbor).is_some_and(|old| old != password);
            if is_other && terms(before, address, neighbor) == terms(now, address, neighbor) {
                rekeyed.push((address.clone(), neighbor.clone()));
            }
        }
    }
    rekeyed
}

/// What the file means on this host as it is: with own addresses, with what an operator released, and with the check that a router can
/// hear.
fn told(config: &Config, links: &mut Links, memory: &Memory) -> Told {
    let held = config.addresses.iter().flat_map(config::Address::all_held);
    let interfaces = config.addresses.iter().map(|address| address.interface.clone());
    links.mind(interfaces.collect(), held.map(|held| held.ip).collect());
    links.find_primaries();
    let mut told = compose(config, &|interface, ipv6| links.primary(interface, ipv6));
    release(&mut told, &memory.released());
    for address in told.node.addresses.values_mut() {
        if let Way::Vrrp(_) = address.way {
            address.checks.push(Check { name: ports::CHECK.to_owned(), rule: Rule::Veto, rise: 1, fall: 1 });
        }
    }
    told
}

/// What an operator released is, and nothing else.
fn release(told: &mut Told, released: &BTreeSet<String>) {
    for (name, address) in &mut told.node.addresses {
        address.released = released.contains(name);
    }
}

/// Inputs that are taken between two looks at the clock.
const BUDGET: usize = 64;
/// Events that may be waiting after a standstill: as many as the inbox has room for.
const MAX_STALE: usize = 1_024;
/// Addresses that are put between two beats for the guard: a busy host takes some milliseconds for them.
const BETWEEN_BEATS: usize = 32;
/// A look at the clock at least this often, whatever the deadline says: a host that slept tells nobody.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// Sockets that broke and were not yet looked at: at the bound their tasks wait, and read nothing meanwhile.
const MAX_BROKEN: usize = 64;
/// How often the guard hears from us while it has a will.
const BEAT: Duration = Duration::from_millis(20);
/// How long we may stand still before what waits to be heard is taken for old: about as long as the guard has patience.
const STANDSTILL: Duration = Duration::from_millis(300);
