//! What if something were broken? Each saboteur breaks one thing from outside; the judge must see it.

use std::time::Duration;

use machine::Instant;
use vrrp::config::Preempt;
use vrrp::{Action, Event, Priority, Router, State};

use super::judge::Invariant;
use super::plan::Plan;

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saboteur {
    /// Holders do not hear the others.
    DeafHolders,
    /// Holders hold their tongue.
    MuteHolders,
    /// Nobody is woken to take over.
    LostWakes,
    /// Every advertisement is heard with all the right there is short of an owner's.
    Flattery,
    /// One was told to preempt, in a world that thinks it was not.
    Usurper,
    /// One is stopped and started again and again, and the judge is not told.
    Restless,
    /// The addresses stay where they were.
    LostReleases,
    /// Everything is said twenty times.
    Stutter,
    /// Who gives way goes without a word.
    SilentWay,
    /// Addresses are taken before whoever held them has let go.
    Haste,
}

impl Saboteur {
    /// All, with what each breaks.
    pub(crate) const ALL: [(Self, Invariant); 10] = [
        (Self::DeafHolders, Invariant::H1),
        (Self::MuteHolders, Invariant::H1),
        (Self::LostWakes, Invariant::H2),
        (Self::Flattery, Invariant::H3),
        (Self::Usurper, Invariant::H4),
        (Self::Restless, Invariant::H5),
        (Self::LostReleases, Invariant::H6),
        (Self::Stutter, Invariant::H7),
        (Self::SilentWay, Invariant::H8),
        (Self::Haste, Invariant::H9),
    ];

    /// What the routers are told, as against what the judge believes that they were told.
    pub(crate) fn alter_plan(self, plan: &mut Plan) {
        if self == Self::Usurper {
            for config in &mut plan.configs {
                config.preempt = Preempt::AtOnce;
            }
        }
    }

    /// `None`: it does not arrive.
    pub(crate) fn alter_event(self, router: &Router, event: Event) -> Option<Event> {
        match (self, event) {
            (Self::DeafHolders, Event::Heard { .. }) if router.state() == State::Active => None,
            (Self::Flattery, Event::Heard { from, to, mut advert }) => {
                if !advert.priority.is_resignation() && router.state() == State::Backup {
                    advert.priority = Priority(254);
                }
                Some(Event::Heard { from, to, advert })
            }
            (_, event) => Some(event),
        }
    }

    /// Whether the wake arrives.
    pub(crate) fn wakes(self, router: &Router) -> bool {
        self != Self::LostWakes || router.state() != State::Backup
    }

    /// What becomes of the actions of one step.
    pub(crate) fn alter_actions(self, actions: Vec<Action>) -> Vec<Action> {
        let gives_way =
            actions.iter().any(|a| matches!(a, Action::Changed { from: State::Active, to: State::Backup, .. }));
        match self {
            Self::LostReleases => actions.into_iter().filter(|a| !matches!(a, Action::Release { .. })).collect(),
            Self::Stutter => {
                let times = |a: &Action| if matches!(a, Action::Send { .. }) { 20 } else { 1 };
                actions.into_iter().flat_map(|a| std::iter::repeat_n(a.clone(), times(&a))).collect()
            }
            Self::MuteHolders if !actions.iter().any(|a| matches!(a, Action::Changed { .. })) => {
                actions.into_iter().filter(|a| !matches!(a, Action::Send { .. })).collect()
            }
            Self::Haste => {
                let is_active = actions.iter().any(|a| matches!(a, Action::Changed { to: State::Active, .. }));
                let takes = actions.iter().any(|a| matches!(a, Action::Take { .. }));
                let early = (is_active && !takes).then(|| Action::Take { addresses: Vec::new() });
                early.into_iter().chain(actions).collect()
            }
            Self::SilentWay if gives_way => actions.into_iter().filter(|a| !matches!(a, Action::Send { .. })).collect(),
            _ => actions,
        }
    }

    /// What else happens to the first host at this time.
    pub(crate) fn adds(self, now: Instant, rest: Duration) -> Option<Event> {
        let turn = now.as_nanos() / u64::try_from(rest.as_nanos()).unwrap_or(u64::MAX).max(1);
        (self == Self::Restless).then(|| if turn.is_multiple_of(2) { Event::Shutdown } else { Event::Startup })
    }
}
