//! What becomes of a MULTI that is cut.
//!
//! Nothing is executed before EXEC, so a transaction that was still being queued is told to the new server again, from MULTI
//! on, and the client notices nothing. Three cannot be: one that was watching keys (nobody can tell whether they changed),
//! one in which a command failed already, and one too long to keep. Those are played to their end by the session: `+QUEUED`
//! to each command, and EXEC fails as Redis lets it fail.
//!
//! ```text
//!            MULTI +OK              connection gone, not to be told again
//!   Outside ───────────> Open ─────────────────────────────────────────> Cut
//!      ^                  │ │ connection gone: stays, is told again        │
//!      └── EXEC, DISCARD ─┘ └───────────── EXEC, DISCARD, answered here ───┘
//! ```

use crate::command::{Command, Kind};
use crate::unknown::UNKNOWN_TRANSACTION;

/// The transaction and the watched keys of one session, as far as replies have told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Transaction {
    state: State,
    watch: Watch,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Outside,
    Open(Queued),
    Cut(Outcome),
}

/// What a server has queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Queued {
    /// MULTI and the commands after it.
    requests: u32,
    /// One of them may change data: then EXEC is a write.
    writes: bool,
    /// One of them sets what a new connection must hear, and EXEC will not say whether it succeeded.
    sets_state: bool,
    /// Their bytes are gone: they were too many.
    too_long: bool,
    /// The client was told that one of them failed, so EXEC must fail. Another server might take that one.
    failed: bool,
}

/// How the EXEC of a cut transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As if a watched key had been touched: null.
    Touched,
    /// EXECABORT.
    Aborted,
    /// It was perhaps executed.
    Unknown,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Watch {
    #[default]
    Nothing,
    /// The server watches keys for us.
    Keys,
    /// It did, and is gone: the next EXEC must fail.
    Gone,
}

/// What the session does after a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// The request is done.
    Release,
    /// The request stays kept: a cut transaction is told again.
    Retain,
    /// The transaction is over, and all that was retained with it. `unknown_state`: what it set is not known.
    End { unknown_state: bool },
}

/// What the session answers in a server's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    Ok,
    Queued,
    Null,
    ExecAbort,
    Unknown,
    NestedMulti,
    WatchInside,
}

impl Transaction {
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.state, State::Open(_))
    }

    /// Whether no transaction is open and no key watched.
    pub(crate) fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    /// Requests that are told again after a cut.
    pub(crate) const fn requests(&self) -> u32 {
        match self.state {
            State::Open(q) => q.requests,
            _ => 0,
        }
    }

    /// Whether an EXEC that comes next would change data.
    pub(crate) const fn writes(&self) -> bool {
        matches!(self.state, State::Open(Queued { writes: true, .. }))
    }

    /// A server answered `command`; `ok` unless with an error.
    pub(crate) fn on_answered(&mut self, command: Command, ok: bool) -> Then {
        match (&mut self.state, command.kind) {
            (State::Outside, Kind::Multi) if ok => {
                self.state = State::Open(Queued { requests: 1, ..Queued::default() });
                Then::Retain
            }
            (State::Outside, Kind::Watch) if ok => {
                self.watch = Watch::Keys;
                Then::Release
            }
            (State::Outside, Kind::Unwatch | Kind::Reset) if ok => {
                self.watch = Watch::Nothing;
                Then::Release
            }
            // EXEC ends it however it is answered; only a refusal does not get here.
            (State::Open(q), Kind::Exec) => {
                let unknown_state = q.sets_state && ok;
                *self = Self::default();
                Then::End { unknown_state }
            }
            (State::Open(_), Kind::Discard | Kind::Reset) if ok => {
                *self = Self::default();
                Then::End { unknown_state: false }
            }
            // It goes to the server even from a cut transaction, which ends only if it comes to that.
            (State::Cut(_), Kind::Reset) if ok => {
                *self = Self::default();
                Then::Release
            }
            (State::Open(q), kind) => {
                q.requests += 1;
                q.writes |= !command.repeatable;
                q.sets_state |= matches!(kind, Kind::Remember(_) | Kind::Tracking | Kind::Caching);
                q.failed |= !ok;
                if q.too_long { Then::Release } else { Then::Retain }
            }
            _ => Then::Release,
        }
    }

    /// What was retained is too much to keep: a cut will abort it.
    pub(crate) const fn on_too_long(&mut self) {
        if let State::Open(q) = &mut self.state {
            q.too_long = true;
        }
    }

    /// The connection is gone. True if what was retained is of no more use.
    pub(crate) const fn on_cut(&mut self) -> bool {
        match (self.state, self.watch) {
            (State::Open(_), Watch::Keys) => self.state = State::Cut(Outcome::Touched),
            (State::Open(Queued { too_long: true, .. } | Queued { failed: true, .. }), _) => {
                self.state = State::Cut(Outcome::Aborted);
            }
            (State::Outside, Watch::Keys) => self.watch = Watch::Gone,
            _ => return false,
        }
        true
    }

    /// It was perhaps executed: it is played to its end, and then the client is told.
    pub(crate) const fn on_unknown(&mut self) {
        self.state = State::Cut(Outcome::Unknown);
    }

    /// Whether a server watches keys for us.
    pub(crate) const fn is_watching(&self) -> bool {
        matches!(self.watch, Watch::Keys)
    }

    /// The session answered one of the open transaction's commands with an error of its own: as with Redis, EXEC will fail.
    pub(crate) fn on_own_error(&mut self, kind: Kind) {
        if matches!(kind, Kind::Exec | Kind::Discard) {
            *self = Self::default();
        } else {
            self.state = State::Cut(Outcome::Aborted);
        }
    }

    /// Whether the session must answer this request itself. Asked before it is sent.
    pub(crate) const fn owns(&self, kind: Kind) -> bool {
        match self.state {
            State::Cut(_) => !matches!(kind, Kind::Reset | Kind::Quit),
            State::Outside => matches!(self.watch, Watch::Gone) && matches!(kind, Kind::Multi | Kind::Unwatch),
            State::Open(_) => false,
        }
    }

    /// Answers a request that [`Self::owns`] said yes to.
    pub(crate) fn answer(&mut self, kind: Kind) -> Own {
        let State::Cut(outcome) = self.state else {
            return match kind {
                Kind::Multi => {
                    self.state = State::Cut(Outcome::Touched);
                    Own::Ok
                }
                _ => {
                    self.watch = Watch::Nothing;
                    Own::Ok
                }
            };
        };
        match kind {
            Kind::Multi => Own::NestedMulti,
            Kind::Watch => Own::WatchInside,
            Kind::Exec => {
                *self = Self::default();
                match outcome {
                    Outcome::Touched => Own::Null,
                    Outcome::Aborted => Own::ExecAbort,
                    Outcome::Unknown => Own::Unknown,
                }
            }
            // A user may not be allowed to say MULTI: then what followed was executed one by one, and nothing is discarded.
            Kind::Discard if outcome == Outcome::Unknown => {
                *self = Self::default();
                Own::Unknown
            }
            Kind::Discard => {
                *self = Self::default();
                Own::Ok
            }
            _ => Own::Queued,
        }
    }
}

impl Own {
    pub(crate) const fn text(self, resp3: bool) -> &'static [u8] {
        match self {
            Self::Ok => b"+OK\r\n",
            Self::Queued => b"+QUEUED\r\n",
            Self::Null if resp3 => b"_\r\n",
            Self::Null => b"*-1\r\n",
            Self::ExecAbort => b"-EXECABORT Transaction discarded because the master changed.\r\n",
            Self::Unknown => UNKNOWN_TRANSACTION,
            Self::NestedMulti => b"-ERR MULTI calls can not be nested\r\n",
            Self::WatchInside => b"-ERR WATCH inside MULTI is not allowed\r\n",
        }
    }
}
