//! Who breaks what, from outside of production code: for each invariant, a way to see that it is watched.
//!
//! Some spoil a part of the world (a disk, a clock, a Redis, a proxy's replies). The others are `Broken`: an adapter
//! around an unchanged machine that alters its events or its actions.

use std::collections::VecDeque;
use std::time::Duration;

use machine::{Instant, Machine};
use sentinel::report::Report;
use sentinel::{Action, Answer, Ask, Config, Event, Reply, Sentinel, State, Timer};
use view::{Epoch, Offset, Phase, RunId};

use crate::invariants::Invariant;
use crate::node::{Birth, Monitor};

/// Who breaks what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Saboteur {
    /// Every vote that this node hears is for itself, in the epoch that it asked for.
    ForgesVotes,
    /// A disk that says `Saved` and keeps nothing.
    DiskLies,
    /// A node that answers the second of two candidates with its own name too.
    VotesTwice,
    /// Views with an epoch below the last one.
    EpochFalls,
    /// A view that names another master than the machine chose.
    NamesAnother,
    /// A view that is Steady although too few nodes name its master.
    HidesDoubt,
    /// Promotes where it should seal.
    PromotesAtOnce,
    /// A network that answers questions for votes by itself, with yes.
    NetworkVotes,
    /// A clock that does not count the time in which the node was stopped, as CLOCK_MONOTONIC in a suspended host.
    ClockStandsStill,
    /// Offsets are heard upside down.
    PromotesWorst,
    /// Replicas seem to hear their master for ever.
    HidesAge,
    /// Masters that hold writes seem to have come nowhere: nothing is waited for.
    ForgetsTarget,
    /// Orders to follow never leave, and are answered as if they had.
    NeverUnseals,
    /// A proxy that gives one request's reply to the next.
    ProxySwapsReplies,
    /// A Redis that executes some writes twice.
    RedisRunsTwice,
    /// A Redis on which `CLIENT PAUSE` does nothing.
    RedisIgnoresPause,
    /// A Redis that stays master when it is told to follow.
    RedisIgnoresDemotion,
    /// Each command leaves a hundred times.
    Floods,
    /// A deadline that is never moved.
    DeadlineSticks,
    /// A node that never asks the others.
    NeverAsks,
    /// A driver that hides from its machine that time leapt: wakes for all that was due, one by one.
    HidesLeaps,
    /// A machine that trips over its own assertion.
    Panics,
}

/// The machine as it is.
pub(crate) const HONEST: Birth = |config, state, seed, now| Box::new(Sentinel::new(config, state, seed, now));

impl Saboteur {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::ForgesVotes,
        Self::DiskLies,
        Self::VotesTwice,
        Self::EpochFalls,
        Self::NamesAnother,
        Self::HidesDoubt,
        Self::PromotesAtOnce,
        Self::NetworkVotes,
        Self::ClockStandsStill,
        Self::PromotesWorst,
        Self::HidesAge,
        Self::ForgetsTarget,
        Self::NeverUnseals,
        Self::ProxySwapsReplies,
        Self::RedisRunsTwice,
        Self::RedisIgnoresPause,
        Self::RedisIgnoresDemotion,
        Self::Floods,
        Self::DeadlineSticks,
        Self::NeverAsks,
        Self::HidesLeaps,
        Self::Panics,
    ];

    /// Which invariants may catch it; the first is the one that it is made for.
    #[must_use]
    pub const fn caught_by(self) -> &'static [Invariant] {
        use Invariant::{B1, B2, L1, M2, M3, M4, M5, M6, P1, R1, R2, S1, T1, V1, V2, V3, V4, V5};
        match self {
            Self::ForgesVotes => &[V1, M3],
            Self::DiskLies => &[V2, M3],
            Self::VotesTwice => &[V2],
            // An older epoch with the newer master is two masters of one epoch as well.
            Self::EpochFalls => &[V3, V4],
            Self::NamesAnother => &[V4],
            Self::HidesDoubt => &[V5],
            Self::PromotesAtOnce => &[M2],
            Self::NetworkVotes => &[M3, V1],
            Self::ClockStandsStill => &[M4],
            Self::PromotesWorst | Self::HidesAge => &[M5],
            // Where nothing else fails, what was not waited for is lost.
            Self::ForgetsTarget => &[M5, S1],
            Self::NeverUnseals | Self::RedisIgnoresDemotion => &[M6, L1, S1],
            Self::ProxySwapsReplies => &[R1],
            Self::RedisRunsTwice => &[R2],
            Self::RedisIgnoresPause => &[S1],
            Self::Floods => &[B1],
            Self::DeadlineSticks => &[B2],
            Self::NeverAsks => &[L1],
            Self::HidesLeaps => &[T1],
            Self::Panics => &[P1],
        }
    }

    /// Makes the machine of a node.
    pub(crate) fn birth(self) -> Birth {
        macro_rules! broken {
            ($which:ident) => {
                |config, state, seed, now| Box::new(Broken::new(Self::$which, config, state, seed, now))
            };
        }
        match self {
            Self::ForgesVotes => broken!(ForgesVotes),
            Self::VotesTwice => broken!(VotesTwice),
            Self::EpochFalls => broken!(EpochFalls),
            Self::NamesAnother => broken!(NamesAnother),
            Self::HidesDoubt => broken!(HidesDoubt),
            Self::PromotesAtOnce => broken!(PromotesAtOnce),
            Self::PromotesWorst => broken!(PromotesWorst),
            Self::HidesAge => broken!(HidesAge),
            Self::ForgetsTarget => broken!(ForgetsTarget),
            Self::NeverUnseals => broken!(NeverUnseals),
            Self::Floods => broken!(Floods),
            Self::DeadlineSticks => broken!(DeadlineSticks),
            Self::NeverAsks => broken!(NeverAsks),
            Self::HidesLeaps => broken!(HidesLeaps),
            Self::Panics => broken!(Panics),
            Self::DiskLies
            | Self::NetworkVotes
            | Self::ClockStandsStill
            | Self::ProxySwapsReplies
            | Self::RedisRunsTwice
            | Self::RedisIgnoresPause
            | Self::RedisIgnoresDemotion => HONEST,
        }
    }
}

/// An unchanged machine whose events or actions are altered.
struct Broken {
    inner: Sentinel,
    how: Saboteur,
    id: RunId,
    born: Instant,
    /// The epoch in which it asked for votes last.
    asked: Epoch,
    /// Whom a vote was asked for last, by call.
    candidates: VecDeque<(sentinel::CallId, RunId, Epoch)>,
    /// Orders that never left; the answers to what was sent in their place are taken for theirs.
    queue: VecDeque<Action>,
    published: u64,
}

/// After this the adapters begin: nodes should know each other first.
const QUIET: Duration = Duration::from_secs(3);

impl Broken {
    fn new(how: Saboteur, config: Config, state: State, seed: u64, now: Instant) -> Self {
        let id = config.id.clone();
        Self {
            inner: Sentinel::new(config, state, seed, now),
            how,
            id,
            born: now,
            asked: Epoch::default(),
            candidates: VecDeque::new(),
            queue: VecDeque::new(),
            published: 0,
        }
    }

    /// As if it had never slept.
    fn catch_up(&mut self, now: Instant) {
        if self.how != Saboteur::HidesLeaps {
            return;
        }
        for _ in 0..MAX_CAUGHT_UP {
            let Some((at, _)) = self.inner.deadline().filter(|(at, _)| *at < now) else { return };
            self.inner.wake(at);
        }
    }

    fn alter_event(&mut self, event: &mut Event) {
        match (self.how, event) {
            (Saboteur::ForgesVotes, Event::Answered { answer: Answer::Vote { leader, epoch, .. }, .. })
                if self.asked > Epoch::default() =>
            {
                *leader = Some(self.id.clone());
                *epoch = self.asked;
            }
            (Saboteur::PromotesWorst, Event::Answered { answer: Answer::Info(info), .. }) => {
                info.offset = Offset(UPSIDE_DOWN.saturating_sub(info.offset.0));
            }
            (Saboteur::HidesAge, Event::Answered { answer: Answer::Info(info), .. }) => {
                info.link_down_seconds = info.link_down_seconds.map(|_| 0);
            }
            (Saboteur::ForgetsTarget, Event::Answered { answer: Answer::Info(info), .. })
                if info.role == sentinel::Role::Master =>
            {
                info.offset = Offset(2);
            }
            (
                Saboteur::VotesTwice,
                Event::Requested { call, request: sentinel::Request::IsMasterDown { candidate: Some(who), epoch, .. } },
            ) => {
                self.candidates.push_back((*call, who.clone(), *epoch));
            }
            _ => {}
        }
    }

    fn alter_action(&mut self, action: Action) -> Option<Action> {
        match (self.how, action) {
            (how, Action::Send { link, ask }) => self.alter_ask(how, link, ask),
            (Saboteur::VotesTwice, Action::Reply { call, reply: Reply::Vote { down, leader, epoch } }) => {
                let asked = self.candidates.iter().find(|(c, ..)| *c == call);
                let (leader, epoch) = asked.map_or((leader, epoch), |(_, who, at)| (Some(who.clone()), *at));
                Some(Action::Reply { call, reply: Reply::Vote { down, leader, epoch } })
            }
            (Saboteur::EpochFalls, Action::Publish { mut view }) => {
                self.published += 1;
                if self.published.is_multiple_of(3) && view.epoch > Epoch::default() {
                    view.epoch = Epoch(view.epoch.0 - 1);
                }
                Some(Action::Publish { view })
            }
            (Saboteur::NamesAnother, Action::Publish { mut view }) => {
                if let Some(other) = view.replicas.first().map(|r| r.addr)
                    && self.published > 2
                {
                    view.master = other;
                }
                self.published += 1;
                Some(Action::Publish { view })
            }
            (Saboteur::HidesDoubt, Action::Publish { mut view }) => {
                let explain = self.inner.explain().remove(&view.group);
                if explain.is_some_and(|text| text.starts_with("Fewer than")) {
                    view.phase = Phase::Steady;
                }
                Some(Action::Publish { view })
            }
            (_, action) => Some(action),
        }
    }

    fn alter_ask(&mut self, how: Saboteur, link: sentinel::LinkId, ask: Ask) -> Option<Action> {
        // `CLIENT SETNAME` changes nothing and is answered by OK: what a swallowed order looks like to the machine.
        let nothing = || Ask::Name { name: "sabotage".into() };
        let ask = match (how, ask) {
            (Saboteur::PromotesAtOnce, Ask::Seal { .. }) => Ask::Promote,
            (Saboteur::NeverUnseals, Ask::Replicate { .. }) => nothing(),
            (Saboteur::NeverAsks, Ask::IsMasterDown { .. }) => nothing(),
            (Saboteur::ForgesVotes, Ask::IsMasterDown { master, epoch, candidate }) => {
                if candidate.is_some() {
                    self.asked = epoch;
                }
                Ask::IsMasterDown { master, epoch, candidate }
            }
            (Saboteur::Floods, ask @ Ask::Ping) => {
                for _ in 0..150 {
                    self.queue.push_back(Action::Send { link, ask: ask.clone() });
                }
                ask
            }
            (_, ask) => ask,
        };
        Some(Action::Send { link, ask })
    }
}

impl Machine for Broken {
    type Event = Event;
    type Action = Action;
    type Timer = Timer;

    fn handle(&mut self, now: Instant, mut event: Event) {
        self.alter_event(&mut event);
        self.inner.handle(now, event);
    }

    fn wake(&mut self, now: Instant) {
        assert!(self.how != Saboteur::Panics || now.since(self.born) < QUIET, "this cannot happen");
        self.catch_up(now);
        self.inner.wake(now);
    }

    fn poll(&mut self) -> Option<Action> {
        if let Some(action) = self.queue.pop_front() {
            return Some(action);
        }
        loop {
            let action = self.inner.poll()?;
            if let Some(action) = self.alter_action(action) {
                return Some(action);
            }
        }
    }

    fn deadline(&self) -> Option<(Instant, Timer)> {
        let (at, timer) = self.inner.deadline()?;
        if self.how == Saboteur::DeadlineSticks {
            return Some((at.min(self.born + QUIET), timer));
        }
        Some((at, timer))
    }
}

impl Monitor for Broken {
    fn report(&self) -> Report {
        self.inner.report()
    }
}

/// Wakes that are made up for at once: a minute of them.
const MAX_CAUGHT_UP: usize = 20_000;

/// Greater than any offset that a simulated stream reaches.
const UPSIDE_DOWN: u64 = 1_000_000_000;
