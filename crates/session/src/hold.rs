//! How long may a request wait for a server, and what is said when it may not?
//!
//! Only waiting counts, not time in flight; and waits add up until a server has answered something, so that a server that
//! accepts, refuses and hangs up in turns cannot keep a client waiting for ever (R3).

use alloc::string::String;
use core::fmt::Write;
use core::time::Duration;

use machine::Instant;
use view::{Phase, View};

use crate::rules::{Role, Rules};

/// The wait of one session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hold {
    /// Waits since the last answer, without the present one.
    spent: Duration,
    /// When the present wait began.
    began: Option<Instant>,
    /// There was no server to go to, or it did not take the requests: more than the making of a connection.
    held: bool,
}

impl Hold {
    pub(crate) const fn is_waiting(&self) -> bool {
        self.began.is_some()
    }

    /// Whether operators and numbers should call it a wait: the first connection of a session takes a moment, too.
    pub(crate) const fn is_holding(&self) -> bool {
        self.held
    }

    /// Something waits for a server.
    pub(crate) fn wait(&mut self, now: Instant, held: bool) {
        self.began.get_or_insert(now);
        self.held |= held;
    }

    /// Nothing waits: it was sent, or there is nothing.
    pub(crate) fn go(&mut self, now: Instant) {
        if let Some(began) = self.began.take() {
            self.spent += now - began;
        }
        self.held = false;
    }

    /// A server answered: what was spent is forgiven.
    pub(crate) const fn on_answer(&mut self) {
        self.spent = Duration::ZERO;
    }

    /// The wait was over the bound, and is begun anew for whatever comes next.
    pub(crate) fn on_expired(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn deadline(&self, rules: &Rules) -> Option<Instant> {
        // That a connection is made to a server that is there is no wait for one: also whoever may not wait has time for that.
        let is_made = rules.hold.is_zero() && !self.held;
        let bound = if is_made { MAKING } else { rules.hold };
        self.began.map(|began| began + bound.saturating_sub(self.spent))
    }

    /// How long it has waited in all.
    pub(crate) fn waited(&self, now: Instant) -> Duration {
        self.spent + self.began.map_or(Duration::ZERO, |began| now - began)
    }
}

/// The error that a request gets when it has waited too long.
pub(crate) fn expired(rules: &Rules, view: &View) -> String {
    let mut text = String::from("-MASTERDOWN Standfast: ");
    lacks(&mut text, rules, view);
    // Writing to a string does not fail.
    let _ = write!(
        text,
        " for {:?} (phase {}, epoch {}); the request was not executed\r\n",
        rules.hold,
        phase(view.phase),
        view.epoch
    );
    text
}

/// What is missing: the middle of errors and explanations.
pub(crate) fn lacks(text: &mut String, rules: &Rules, view: &View) {
    let group = &view.group;
    let _ = match (rules.role, view.phase) {
        (Role::Master, Phase::Steady | Phase::Unbacked) => {
            write!(text, "the master {} of group '{group}' takes no requests", view.master)
        }
        (Role::Master, _) => write!(text, "no master of group '{group}'"),
        (Role::Replica, _) => write!(text, "no readable replica of group '{group}'"),
    };
}

pub(crate) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Steady => "steady",
        Phase::Unbacked => "unbacked",
        Phase::Switching => "switching",
        Phase::Lost => "lost",
    }
}

/// How long a connection may take to be made where nobody may wait for a server; the driver gives up sooner, and says so.
const MAKING: Duration = Duration::from_secs(5);
