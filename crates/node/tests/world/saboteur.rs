//! What if something were broken? Each saboteur breaks one thing from outside; the judge must see it.

use node::event::Valid;
use node::{Action, Event, Timer};
use vrrp::State;

use super::judge::Invariant;

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saboteur {
    /// Kernels keep for ever what they were told to keep for a while.
    Immortal,
    /// Holders do not hear the others, and views arrive at the first host as if the master were there.
    Deaf,
    /// Addresses stay where they were.
    LostRemoves,
    /// Nobody is woken to take over, and no view arrives.
    LostNews,
    /// The guard is not told.
    LostWills,
    /// Clients are not told.
    LostTickles,
    /// Addresses leave a moment after others were told that they have.
    LateRemoves,
    /// Route servers keep what they were told to forget.
    RoutesStay,
    /// Route servers take no routes.
    RoutesLost,
    /// Hosts are told of no sync group.
    Apart,
}

impl Saboteur {
    /// All, with what each breaks.
    pub(crate) const ALL: [(Self, Invariant); 10] = [
        (Self::Immortal, Invariant::A1),
        (Self::Deaf, Invariant::A2),
        (Self::LostRemoves, Invariant::A3),
        (Self::LostNews, Invariant::A4),
        (Self::LostWills, Invariant::A5),
        (Self::LostTickles, Invariant::A6),
        (Self::LateRemoves, Invariant::A7),
        (Self::RoutesStay, Invariant::A8),
        (Self::RoutesLost, Invariant::A9),
        (Self::Apart, Invariant::A10),
    ];

    /// `None`: it does not arrive.
    pub(crate) fn alter_event(self, state: State, event: Event) -> Option<Event> {
        let is_packet = matches!(event, Event::Router { .. });
        match self {
            Self::Deaf if is_packet && state == State::Active => None,
            Self::LostNews if matches!(event, Event::Viewed { .. }) => None,
            _ => Some(event),
        }
    }

    /// Whether the wake arrives.
    pub(crate) fn wakes(self, timer: Timer) -> bool {
        self != Self::LostNews || timer != Timer::Router(vrrp::Timer::ActiveDown)
    }

    /// What becomes of an action.
    pub(crate) fn alter_action(self, action: Action) -> Option<Action> {
        match (self, action) {
            (Self::Immortal | Self::LostRemoves, Action::Put { interface, address, valid }) => {
                let valid = valid.map(|Valid(span)| Valid(span * 1_000));
                Some(Action::Put { interface, address, valid })
            }
            (Self::LostRemoves, Action::Remove { .. })
            | (Self::LostWills, Action::Will { .. })
            | (Self::LostTickles, Action::Tickle { .. }) => None,
            (_, action) => Some(action),
        }
    }
}
