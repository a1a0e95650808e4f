//! What becomes of a request that is larger than what may be kept?
//!
//! It is sent as it comes, and what was sent is let go: a value of half a gigabyte costs a session no more than `hold-bytes`. Its
//! turn must have come (all before it is answered), it goes over a connection of the session's own, and it has no second chance:
//!
//! | its connection ends | what follows |
//! |---|---|
//! | before any of it was let go | it is sent on the next one, from its beginning |
//! | before its last byte was sent | it was not executed (a server waits for the end): the rest is swallowed, then an error says so |
//! | after, and it changes nothing | the same error: sending it again is for who still has it |
//! | after, and it may change something | its fate is unknown, as that of any other |

use machine::Instant;
use resp::Streamed;

use crate::command::{Command, Kind, Travels};
use crate::event::Why;
use crate::owed::{Owed, State};
use crate::session::{Mode, Session};

/// It was not executed, or did nothing: the code is one on which client libraries try again.
pub(crate) const SPENT: &[u8] =
    b"-MASTERDOWN Standfast: the connection to the server ended during a request that is larger than \
hold-bytes and so was not kept; it changed nothing, and may be sent again\r\n";

impl Session {
    /// Goes on with a request that is sent as it comes, or begins one if what came is too much to keep. False if there is none.
    pub(crate) fn stream(&mut self) -> bool {
        if !self.kept.is_open_ended() && !self.begin_stream() {
            return false;
        }
        match self.requests.get().stream(self.kept.unframed()) {
            Ok(Streamed { len, ended }) => {
                self.kept.stream(len, ended);
                // Nobody waits for it any more: only its end counts.
                let is_answered_here = |o: &Owed| {
                    o.state != State::Owed || o.command.kind == Kind::Quit || self.transaction.owns(o.command.kind)
                };
                if self.kept.front().is_some_and(is_answered_here) {
                    self.kept.let_all_go();
                }
                ended
            }
            Err(malformed) => {
                // The server has heard a part, and would take what comes next for the rest.
                self.drop_link();
                self.kept.rewind();
                self.kept.pop(false);
                self.on_malformed(malformed);
                false
            }
        }
    }

    /// The memory that the requests take which it keeps, in bytes.
    #[must_use]
    pub fn footprint(&self) -> usize {
        self.kept.footprint()
    }

    /// How many bytes of requests may be kept.
    pub(crate) fn may_keep(&self) -> usize {
        self.route.may_keep(&self.rules)
    }

    fn begin_stream(&mut self) -> bool {
        let bound = self.may_keep();
        if self.kept.owed() > 0 || (self.kept.len() < bound && self.requests.get().wanted() <= bound) {
            return false;
        }
        let Some(begun) = self.requests.get().begun() else { return false };
        let command = Command::of(&begun, self.kept.unframed());
        self.stats.requests += 1;
        if command.kind == Kind::Pin || command.kind.is_subscription() {
            // Its bytes pass as they are, and nobody looks for its end.
            self.kept.push(0, Command { kind: Kind::Pin, ..command }, State::Owed);
            self.mode = Mode::Paused;
            return false;
        }
        let travels = if command.travels == Travels::Tied { Travels::Tied } else { Travels::Own };
        self.kept.begin_stream(0, Command { travels, ..command });
        if self.transaction.is_open() {
            // A transaction that holds it is too long to be told again.
            self.transaction.on_too_long();
            self.kept.release_retained();
        }
        true
    }

    /// The connection is gone, and a part of the first request with it. `is_turned_away`: its server has done nothing on it.
    pub(crate) fn mark_spent(&mut self, is_turned_away: bool) {
        let is_repeatable = self.kept.front().is_some_and(|o| o.command.repeatable);
        let is_known = is_turned_away || is_repeatable || self.kept.in_flight() == 0;
        if self.kept.is_spent() && is_known {
            self.kept.mark(0, State::Spent);
        }
    }

    /// The server has said something about a request of which it has not heard the end.
    pub(crate) fn on_complaint(&mut self, now: Instant) {
        let line = core::mem::take(&mut self.line);
        if !line.starts_with(b"-ERR Protocol error") {
            return self.on_misbehaved(now);
        }
        // A bulk that is too long for it, or for who has not said who it is. It closes, and so do we.
        self.out.extend(&line);
        self.close(now, Why::Malformed);
    }

    /// The oldest request has no second chance, and changed nothing.
    pub(crate) fn answer_spent(&mut self, now: Instant) {
        self.answer_with_error(now, SPENT);
    }
}
