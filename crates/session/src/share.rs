//! Does it need a connection of its own?
//!
//! Most requests need nothing of a connection but their answer: many clients' travel together on one, which saves the server
//! most of its work. Whoever has something on a connection (a transaction, watched keys, a wait) needs one of its own, for as long
//! as that lasts. So does who would be a burden to the others: values that are large, pipelines that are deep. And where only a few
//! clients are, company gains nothing: each has its own ([`Rules::share_from`](crate::Rules::share_from)), and moves when more come.
//!
//! ```text
//!            next request needs its own, all answered
//!   Shared ──────────────────────────────────────────> Own ──── something we do not know of ───> tied to it
//!      ^                                                │
//!      └──── next request needs none, all answered ─────┘   nothing asked, nothing left on it: released
//! ```

use crate::command::{Command, Travels};
use crate::owed::{Owed, State};
use crate::replies::Incoming;
use crate::route::Way;
use crate::rules::Pool;
use crate::session::{Discarded, Session};

/// What is known of a session's habits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Share {
    /// It left something on its connection that we do not know: nobody else may ever have that one, and no shared one will do.
    tied: bool,
    /// How much of a burden it was of late: up with each large or deeply pipelined request, down with each other.
    burden: u8,
    /// Bytes of the reply under way.
    reply: usize,
}

/// With so much of a burden it gets a connection of its own, until it has none left.
const HEAVY: u8 = 4;
/// So that a habit of hours is forgotten after a few requests.
const MAX_BURDEN: u8 = 16;
/// A request or a reply over this gains nothing by company: its own bytes fill a packet several times.
const LARGE: usize = 8 * 1024;
/// Unanswered requests of one session from which on it batches by itself.
const DEEP: usize = 128;
/// What one session may have under way on a shared connection, in requests and bytes (or one larger request): the others' turns
/// come between. Enough for what clients pipeline by habit.
const MAX_SHARED: usize = 128;
const MAX_SHARED_BYTES: usize = 64 * 1024;
/// With more than this unread by its client, a session asks for nothing more on a shared connection, which could not stop
/// reading for its sake.
const MAX_UNREAD: usize = 64 * 1024;

impl Share {
    pub(crate) fn on_admitted(&mut self, command: Command) {
        self.tied |= command.travels == Travels::Tied;
    }

    /// Something is on its connection that is not remembered.
    pub(crate) const fn tie(&mut self) {
        self.tied = true;
    }

    pub(crate) const fn on_reply_part(&mut self, bytes: usize) {
        self.reply += bytes;
    }

    /// A request of `asked` bytes was answered; `owed` are left.
    pub(crate) fn on_answered(&mut self, asked: usize, owed: usize) {
        let answered = core::mem::take(&mut self.reply);
        // One at a time, even large ones leave the others their turn.
        let is_burden = owed >= DEEP || (owed > 0 && asked.max(answered) > LARGE);
        self.burden = if is_burden { (self.burden + 1).min(MAX_BURDEN) } else { self.burden.saturating_sub(1) };
    }
}

impl Session {
    /// Whose connection the next request needs.
    pub(crate) fn next_way(&self) -> Way {
        if self.rules.pool == Pool::Session {
            return Way::Own;
        }
        // Part of a request that is too large to be kept goes as it comes.
        self.kept.first_waiting().map_or(Way::Own, |next| self.way_of(next))
    }

    fn way_of(&self, next: &Owed) -> Way {
        let is_alone = self.share.tied
            || self.remembered.unknown
            || !self.transaction.is_clean()
            || self.listens()
            || next.command.travels != Travels::Shared
            || next.command.is_urgent
            || (self.route.way() == Way::Own && self.share.burden > 0)
            || self.share.burden >= HEAVY
            || next.len as usize > MAX_SHARED_BYTES
            || !self.route.has_company(&self.rules);
        if is_alone { Way::Own } else { Way::Shared }
    }

    /// Whether the next request may go out behind those under way.
    pub(crate) fn may_go_along(&self, next: &Owed) -> bool {
        if self.route.is_partial && !next.command.is_urgent {
            return false;
        }
        if self.rules.pool == Pool::Session || self.route.way() == Way::Own {
            return true;
        }
        let (requests, bytes) = (self.kept.admitted(), self.kept.admitted_len());
        self.way_of(next) == Way::Shared
            && requests < MAX_SHARED
            && (requests == 0 || bytes + next.len as usize <= MAX_SHARED_BYTES)
            && self.out.len() < MAX_UNREAD
    }

    /// Whether requests wait only because the client does not read.
    pub(crate) fn is_held_back_by_its_client(&self) -> bool {
        self.route.way() == Way::Shared && self.out.len() < MAX_UNREAD && self.kept.waiting() > 0
    }

    /// Lets go of a connection that does not fit what comes next, or that nothing needs at present.
    pub(crate) fn change_way(&mut self) {
        if self.is_past_use() {
            return self.drop_link();
        }
        if self.rules.pool == Pool::Session
            || self.is_pinned()
            || self.kept.any_admitted()
            || self.route.is_absent()
            || self.incoming != Incoming::Fresh
        {
            return;
        }
        let fits = match self.kept.first_waiting() {
            Some(next) if matches!(next.state, State::Owed | State::Refused) => self.way_of(next) == self.route.way(),
            _ => {
                self.route.way() == Way::Shared
                    || !self.is_free_of_its_connection()
                    || self.kept.len() > 0
                    || !self.route.has_company(&self.rules)
            }
        };
        if fits {
            return;
        }
        if self.route.way() == Way::Own && self.route.is_open() {
            debug_assert!(self.is_free_of_its_connection(), "whoever gets it finds nothing on it");
            self.to_close = self.route.drop_link().map(Discarded::Clean);
        } else {
            self.drop_link();
        }
    }

    /// The client goes. Its own connection, if nothing is left on it, may be the next one's: clients that come for one request and go, a
    /// few at a time, cost no connection each.
    pub(crate) fn leave_connection(&mut self) {
        let is_clean = self.rules.pool == Pool::Shared
            && self.route.way() == Way::Own
            && self.route.is_open()
            && !self.is_pinned()
            && !self.kept.any_admitted()
            && self.incoming == Incoming::Fresh
            && self.is_free_of_its_connection()
            && !self.is_named();
        if is_clean {
            self.to_close = self.route.drop_link().map(Discarded::Clean);
        }
    }

    /// Whether nothing is on its connection but what it remembers.
    fn is_free_of_its_connection(&self) -> bool {
        !self.share.tied && !self.remembered.unknown && !self.listens() && self.transaction.is_clean()
    }

    /// Whether the next request counts on what the client did before, over whichever connection.
    pub(crate) fn asks_what_others_did(&self) -> bool {
        self.rules.pool == Pool::Shared
            && self.kept.first_waiting().is_some_and(|next| next.command.travels == Travels::Tied)
    }

    /// Whether all that is under way may be asked for again: it changes nothing, and no part of an answer was passed on.
    #[must_use]
    pub fn may_ask_again(&self) -> bool {
        !self.any_unknown() && !self.is_partly_answered()
    }

    /// Whether it told a name, or another thing of itself by which one knows it in a list of clients.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.remembered.is_named()
    }
}
