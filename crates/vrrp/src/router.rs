//! Does this host hold the addresses? One virtual router: RFC 9568 6.4 with RFC 3768 6.4, and what both leave open.
//!
//! ```text
//!               Startup                    nobody heard, a resignation,
//!   Initialize ─────────────> Backup  ───── or less right: Take ─────> Active
//!        ^                     ^ │ ^ ^                                 │ │ │
//!        │ Shutdown            │ │ │ └──── more right heard: Release ──┘ │ │
//!        └─────────────────────┼─┘ │                                     │ │
//!                      Allowed │   └─────────── stood still: Release ────┘ │
//!                            Fault <────── Forbidden: Release, resign ─────┘
//! ```
//!
//! What the RFCs leave open:
//! - **A holder that is sent away** needs a moment to let go. Whoever sends it away says so first, and takes when it has gone (`succession`).
//! - **Two holders have met.** Whoever stays must tell the network again where the addresses are, and learns that there were two only if it
//!   hears the other. So whoever goes says one more advertisement as it goes (Keepalived: `higher_prio_send_advert`), and whoever stays
//!   announces again.
//! - **A host that stood still** is no witness. A backup that wakes too late to have heard anything listens once more; a holder that was
//!   silent for so long that others must have taken over releases first and listens then.
//! - **A storm** of forged packets gets one answer per eighth of an interval, and one log line a minute.

mod configure;
mod explain;
mod grouped;
mod rivals;
mod succession;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use machine::{Instant, Machine, soonest};

use crate::advert::{Advert, Interval, Priority};
use crate::announce::Series;
use crate::config::{Config, Preempt, StartAs};
use crate::event::{Action, Cause, Event, State, Timer, Why};
use crate::judge::judge;
use crate::refused::Refused;
use crate::stats::Stats;
use crate::telling::{Oddity, Telling};
use crate::timing;
use succession::Predecessor;

/// The machine.
#[derive(Clone, Debug)]
pub struct Router {
    config: Config,
    /// `config.addresses`, sorted: their order in a packet means nothing.
    addresses: Vec<IpAddr>,
    now: Instant,
    phase: Phase,
    /// How much right this host has as of now.
    priority: Priority,
    /// A sync group decides when to become Active.
    is_grouped: bool,
    faults: BTreeMap<Cause, String>,
    /// When addresses that could not be taken are tried again, and how often that has failed.
    retry: Option<Instant>,
    failures: u32,
    /// They could not be taken the last time: whoever can hold them keeps them, whatever its priority, until an operator says otherwise.
    stands_back: bool,
    /// Who was last heard to hold the addresses. Kept for `explain` and for the reason of a takeover.
    holder: Option<Holder>,
    /// Why the present state is.
    why: Why,
    since: Instant,
    telling: Telling,
    actions: VecDeque<Action>,
    stats: Stats,
}

#[derive(Clone, Debug)]
enum Phase {
    Initialize,
    Fault,
    Backup(Backup),
    Active(Active),
}

#[derive(Clone, Debug)]
struct Backup {
    /// Active_Down_Timer. `None`: it has passed, and the sync group has not yet said yes.
    down: Option<Instant>,
    /// Active_Adver_Interval: how often the holder says that it holds.
    interval: Interval,
    /// Since when nothing was heard that counts.
    silent_since: Instant,
    /// The last holder said that it goes.
    resigned: Option<IpAddr>,
    /// Since when a holder with less right is heard.
    lower_since: Option<Instant>,
    /// What was heard last was passed over: its sender has less right, and is to be sent away.
    passes_over: bool,
    /// It was woken too late once, and listened once more. Twice in a row is no accident, and somebody has to hold the addresses.
    was_late: bool,
    /// It was woken a little late, and has waited for what came meanwhile to be read.
    has_paused: bool,
}

#[derive(Clone, Debug)]
struct Active {
    /// Adver_Timer.
    next: Instant,
    /// When we last said that we hold.
    said: Instant,
    /// When a rival was last answered.
    answered: Option<Instant>,
    series: Series,
    /// Who held before, and is told to go: until then nothing is taken.
    predecessor: Option<Predecessor>,
}

#[derive(Clone, Copy, Debug)]
struct Holder {
    at: IpAddr,
    priority: Priority,
    interval: Interval,
    heard: Instant,
}

impl Router {
    /// A router that is not yet started.
    ///
    /// # Panics
    /// When [`Config::check`] refuses the configuration.
    #[must_use]
    pub fn new(config: Config, now: Instant) -> Self {
        assert!(config.check().is_ok(), "the configuration was checked: {:?}", config.check());
        let mut addresses = config.addresses.clone();
        addresses.sort_unstable();
        Self {
            addresses,
            now,
            phase: Phase::Initialize,
            priority: config.priority,
            is_grouped: false,
            faults: BTreeMap::new(),
            retry: None,
            failures: 0,
            stands_back: false,
            holder: None,
            why: Why::Stopped,
            since: now,
            telling: Telling::default(),
            actions: VecDeque::new(),
            stats: Stats::default(),
            config,
        }
    }

    /// The same as a part of a sync group: it becomes Active when it is told to.
    pub(crate) const fn grouped(mut self) -> Self {
        self.is_grouped = true;
        self
    }

    /// What it was told.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Its state.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.phase {
            Phase::Initialize => State::Initialize,
            Phase::Fault => State::Fault,
            Phase::Backup(_) => State::Backup,
            Phase::Active(_) => State::Active,
        }
    }

    /// How much right it has as of now.
    #[must_use]
    pub const fn priority(&self) -> Priority {
        self.priority
    }

    /// Since when it is in its state, and why.
    #[must_use]
    pub const fn since(&self) -> (Instant, &Why) {
        (self.since, &self.why)
    }

    /// Who was last heard to hold the addresses, and with how much right.
    #[must_use]
    pub fn holder(&self) -> Option<(IpAddr, Priority)> {
        self.holder.map(|holder| (holder.at, holder.priority))
    }

    /// Counts of what happened.
    #[must_use]
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// Packets with which something was wrong: the last one of each kind.
    pub fn oddities(&self) -> impl Iterator<Item = Oddity> {
        self.telling.oddities()
    }

    // The events.

    fn on_startup(&mut self) {
        if matches!(self.phase, Phase::Initialize) {
            self.begin(Why::Started);
        }
    }

    fn on_shutdown(&mut self) {
        self.retry = None;
        self.leave_active(Priority::RESIGN);
        self.change(Phase::Initialize, Why::Stopped);
    }

    fn on_forbidden(&mut self, cause: Cause, why: String) {
        self.faults.insert(cause, why.clone());
        if matches!(self.phase, Phase::Backup(_) | Phase::Active(_)) {
            self.leave_active(Priority::RESIGN);
            self.change(Phase::Fault, Why::Forbidden { cause, why });
        }
    }

    fn on_allowed(&mut self, cause: Cause) {
        self.faults.remove(&cause);
        if cause == Cause::Address {
            self.retry = None;
        }
        if self.faults.is_empty() && matches!(self.phase, Phase::Fault) {
            self.begin(Why::Allowed);
        }
    }

    fn on_not_taken(&mut self, why: String) {
        self.stats.not_taken += 1;
        if !matches!(self.phase, Phase::Active(_)) {
            return; // It was given up in the meantime.
        }
        let held_long = self.now.since(self.since) > RETRY_LAST;
        self.failures = if held_long { 0 } else { self.failures.saturating_add(1) };
        self.stands_back = true;
        let pause = RETRY_FIRST * 2_u32.pow(self.failures.saturating_sub(1).min(10));
        self.on_forbidden(Cause::Address, why);
        self.retry = Some(self.now + pause.min(RETRY_LAST));
    }

    fn on_ranked(&mut self, priority: Priority) {
        assert!(!priority.is_resignation(), "health leaves at least priority 1");
        if priority != self.priority {
            self.priority = priority;
            // Backups with more right need to know as soon as can be.
            if matches!(self.phase, Phase::Active(_)) {
                self.advertise();
            }
        }
    }

    fn on_claimed(&mut self) {
        // Who was not heard for so long that a backup would miss him holds nothing any more.
        let lasts = self.down(self.config.interval);
        let has_most =
            self.holder.is_none_or(|holder| holder.priority < self.priority || self.now.since(holder.heard) > lasts);
        match &mut self.phase {
            Phase::Backup(backup) if has_most && self.is_grouped => backup.down = None,
            Phase::Backup(_) if has_most => self.become_active(Why::Claimed),
            _ => {}
        }
    }

    fn on_refused(&mut self, from: Option<IpAddr>, refused: Refused) {
        self.stats.count(&refused);
        self.actions.extend(self.telling.line(self.now, from, refused, false));
    }

    fn on_heard(&mut self, from: IpAddr, to: IpAddr, advert: Advert) {
        let odd = match judge(&self.config, &self.addresses, self.priority, (from, to), &advert) {
            Ok(odd) => odd,
            Err(refused) => return self.on_refused(Some(from), refused),
        };
        self.stats.adverts_received += 1;
        self.stats.resignations_received += u64::from(advert.priority.is_resignation());
        self.stats.intervals_differed += u64::from(odd.interval.is_some());
        self.stats.addresses_differed += u64::from(odd.addresses.is_some());
        for refused in [odd.interval, odd.addresses].into_iter().flatten() {
            self.actions.extend(self.telling.line(self.now, Some(from), refused, true));
        }
        match self.phase {
            Phase::Initialize | Phase::Fault => self.holder = Some(self.heard(from, &advert)),
            Phase::Backup(_) => self.on_heard_in_backup(from, &advert),
            Phase::Active(_) => self.on_heard_in_active(from, &advert),
        }
    }

    /// RFC 9568 6.4.2.
    fn on_heard_in_backup(&mut self, from: IpAddr, advert: &Advert) {
        let is_lower = advert.priority < self.priority && !advert.priority.is_resignation();
        let stays = !is_lower || !self.may_preempt();
        let Phase::Backup(backup) = &mut self.phase else { return };
        if advert.priority.is_resignation() {
            // The sooner of the two: who resigns again and again must not keep the addresses from everybody.
            let at = self.now + timing::skew(self.config.version, self.priority, backup.interval);
            backup.down = backup.down.map(|down| down.min(at));
            backup.resigned = Some(from);
            return;
        }
        self.holder = Some(self.heard(from, advert));
        let Phase::Backup(backup) = &mut self.phase else { return };
        backup.resigned = None;
        backup.lower_since = if is_lower { backup.lower_since.or(Some(self.now)) } else { None };
        backup.passes_over = !stays;
        if stays {
            backup.interval = advert.interval;
            backup.down = Some(self.now + timing::down(self.config.version, self.priority, advert.interval));
            backup.silent_since = self.now;
            (backup.was_late, backup.has_paused) = (false, false);
        }
    }

    const fn heard(&self, at: IpAddr, advert: &Advert) -> Holder {
        Holder { at, priority: advert.priority, interval: advert.interval, heard: self.now }
    }

    /// Whether a holder with less right is to be sent away, as of now.
    fn may_preempt(&self) -> bool {
        let Phase::Backup(backup) = &self.phase else { return false };
        match self.config.preempt {
            _ if self.stands_back => false,
            _ if self.priority.is_owner() => true,
            Preempt::AtOnce => true,
            Preempt::After(delay) => backup.lower_since.is_some_and(|since| self.now.since(since) >= delay),
            Preempt::Never => false,
        }
    }

    /// RFC 9568 6.4.3.
    fn on_heard_in_active(&mut self, from: IpAddr, advert: &Advert) {
        if advert.priority > self.priority {
            self.give_way(from, advert, Why::Outranked { by: from, priority: advert.priority });
        } else if advert.priority == self.priority && from > self.config.primary {
            self.give_way(from, advert, Why::Tie { by: from });
        } else {
            self.meet(from, advert);
        }
    }

    fn give_way(&mut self, from: IpAddr, advert: &Advert, why: Why) {
        self.holder = Some(self.heard(from, advert));
        self.leave_active(self.last_word());
        self.enter_backup(why, self.down(advert.interval), advert.interval);
    }

    // The doors between states.

    /// From Initialize or Fault.
    fn begin(&mut self, why: Why) {
        if let Some((&cause, text)) = self.faults.iter().next() {
            let why = Why::Forbidden { cause, why: text.clone() };
            return self.change(Phase::Fault, why);
        }
        if self.priority.is_owner() && !self.is_grouped {
            return self.become_active(Why::Owner);
        }
        let wait = match self.config.start {
            _ if self.priority.is_owner() => Duration::ZERO,
            // Only at the first start: who must not, and then may again, is not to disturb.
            StartAs::Active if why == Why::Started => self.listen(self.config.interval),
            _ => self.down(self.config.interval),
        };
        self.enter_backup(why, wait, self.config.interval);
        if wait.is_zero() {
            self.on_down();
        }
    }

    fn enter_backup(&mut self, why: Why, wait: Duration, interval: Interval) {
        let down = Some(self.now + wait);
        let backup = Backup {
            down,
            interval,
            silent_since: self.now,
            resigned: None,
            lower_since: None,
            passes_over: false,
            was_late: false,
            has_paused: false,
        };
        self.change(Phase::Backup(backup), why);
    }

    /// The holder is missed.
    fn on_down(&mut self) {
        let Phase::Backup(backup) = &mut self.phase else { return };
        backup.down = None;
        if !self.is_grouped {
            let why = if let Phase::Backup(backup) = &self.phase { self.why_take(backup) } else { return };
            self.become_active(why);
        }
    }

    fn why_take(&self, backup: &Backup) -> Why {
        if let Some(by) = backup.resigned {
            return Why::Resigned { by };
        }
        if self.priority.is_owner() {
            return Why::Owner;
        }
        match self.holder.filter(|_| backup.passes_over) {
            Some(holder) => Why::Preempted { holder: holder.at, priority: holder.priority },
            None => Why::Silence { lasted: self.now.since(backup.silent_since) },
        }
    }

    /// If Active: releases, and says so with this priority. The state is then to be changed.
    fn leave_active(&mut self, last_word: Priority) {
        if matches!(self.phase, Phase::Active(_)) {
            self.stands_back &= self.now.since(self.since) < RETRY_FIRST;
            self.release();
            self.send(last_word);
        }
    }

    fn release(&mut self) {
        if !self.awaits_predecessor() {
            self.actions.push_back(Action::Release { addresses: self.config.held() });
        }
    }

    fn change(&mut self, phase: Phase, why: Why) {
        let from = self.state();
        self.phase = phase;
        self.note(from, why);
    }

    fn note(&mut self, from: State, why: Why) {
        let to = self.state();
        if from != to {
            self.since = self.now;
            self.why = why.clone();
            self.actions.push_back(Action::Changed { from, to, why });
        }
    }

    // What is said.

    /// Says that we hold, and when to say it next.
    fn advertise(&mut self) {
        self.send(self.priority);
        let next = self.now + self.config.interval.duration();
        if let Phase::Active(active) = &mut self.phase {
            (active.said, active.next) = (self.now, next);
        }
    }

    fn send(&mut self, priority: Priority) {
        self.stats.adverts_sent += 1;
        self.stats.resignations_sent += u64::from(priority.is_resignation());
        let Config { vrid, interval, addresses, .. } = &self.config;
        let advert = Advert { vrid: *vrid, priority, interval: *interval, addresses: addresses.clone() };
        let copies = self.config.destinations().into_iter().map(|to| Action::Send { to, advert: advert.clone() });
        self.actions.extend(copies);
    }

    fn announce_if_due(&mut self) {
        let Phase::Active(active) = &mut self.phase else { return };
        if active.series.is_due(self.now, &self.config.announce) {
            self.stats.announcements += 1;
            self.actions.push_back(Action::Announce { addresses: self.config.held() });
        }
    }

    // Time.

    /// A wake that comes late is our own silence, not that of others.
    fn look_at_clock(&mut self, now: Instant) {
        self.now = self.now.max(now);
        let listen = |interval| timing::listen(self.config.version, self.priority, interval);
        match &mut self.phase {
            Phase::Backup(backup) => {
                let late = backup.down.map_or(Duration::ZERO, |down| self.now.since(down));
                if late > backup.interval.duration() && !backup.was_late {
                    self.stats.froze += 1;
                    backup.was_late = true;
                    backup.down = Some(self.now + listen(backup.interval));
                } else if late > LATE && !backup.was_late && !backup.has_paused {
                    // The holder was heard by the kernel, maybe, and not yet by us.
                    backup.has_paused = true;
                    backup.down = Some(self.now + READING);
                }
            }
            Phase::Active(active) => {
                let lasted = self.now.since(active.said);
                if lasted > self.config.interval.duration() * 3 {
                    self.stats.froze += 1;
                    let wait = listen(self.config.interval);
                    // Not a word: a resignation would set off whoever listens to the new holder.
                    self.release();
                    self.enter_backup(Why::Froze { lasted }, wait, self.config.interval);
                }
            }
            Phase::Initialize | Phase::Fault => {}
        }
    }

    fn down(&self, interval: Interval) -> Duration {
        timing::down(self.config.version, self.priority, interval)
    }

    fn listen(&self, interval: Interval) -> Duration {
        timing::listen(self.config.version, self.priority, interval)
    }
}

impl Machine for Router {
    type Event = Event;
    type Action = Action;
    type Timer = Timer;

    fn handle(&mut self, now: Instant, event: Event) {
        self.look_at_clock(now);
        match event {
            Event::Startup => self.on_startup(),
            Event::Shutdown => self.on_shutdown(),
            Event::Heard { from, to, advert } => self.on_heard(from, to, advert),
            Event::Refused { from, refused } => self.on_refused(from, refused),
            Event::Forbidden { cause, why } => self.on_forbidden(cause, why),
            Event::Allowed { cause } => {
                self.stands_back &= cause != Cause::Address;
                self.on_allowed(cause);
            }
            Event::Ranked { priority } => self.on_ranked(priority),
            Event::Configured { config } => self.on_configured(config),
            Event::Claimed => self.on_claimed(),
            Event::NotTaken { why } => self.on_not_taken(why),
        }
    }

    fn wake(&mut self, now: Instant) {
        self.look_at_clock(now);
        let now = self.now;
        if self.retry.is_some_and(|at| at <= now) {
            self.on_allowed(Cause::Address);
        }
        self.take_if_due();
        match &self.phase {
            Phase::Backup(backup) if backup.down.is_some_and(|at| at <= now) => self.on_down(),
            Phase::Active(active) if active.next <= now => self.advertise(),
            _ => {}
        }
        self.announce_if_due();
    }

    fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, Timer)> {
        let retry = self.retry.map(|at| (at, Timer::Retry));
        let own = match &self.phase {
            Phase::Initialize | Phase::Fault => None,
            Phase::Backup(backup) => backup.down.map(|at| (at, Timer::ActiveDown)),
            Phase::Active(active) => {
                let announce = active.series.next().map(|at| (at, Timer::Announce));
                let gone = active.predecessor.map(|it| (it.until(), Timer::Gone));
                soonest(soonest(Some((active.next, Timer::Adver)), announce), gone)
            }
        };
        soonest(own, retry)
    }
}

/// A wake that is later than this was none in time: what has reached the host since is not yet read.
const LATE: Duration = Duration::from_millis(5);
/// How long it takes to read that, on a host that runs again.
const READING: Duration = Duration::from_millis(20);
/// The first pause before addresses that could not be taken are tried again; each try that fails doubles it. Each try takes the
/// addresses from whoever holds them with less right, so they must be rare.
const RETRY_FIRST: Duration = Duration::from_secs(5);
/// The longest pause. Addresses that were held for longer than this were taken well.
const RETRY_LAST: Duration = Duration::from_secs(300);
