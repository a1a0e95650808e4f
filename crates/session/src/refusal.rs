//! Which replies say that nothing was executed, and what follows from that?
//!
//! A server that is no master (any more, or yet) says so, and has not touched its data. Such a request may be sent again,
//! but not before the later ones that are in flight are answered: if one of these was executed, sending the refused one
//! afterwards would turn the client's order around. So on a refusal the session *regroups*: nothing more goes out, replies
//! are parked. If the rest holds no executed write, everything from the refused one on is sent again, and the parked replies
//! of reads are forgotten. If it does, the parked replies go to the client as they are, refusal included.

use alloc::vec::Vec;

use machine::Instant;

use crate::command::{Command, Kind};
use crate::owed::Owed;
use crate::rules::Role;
use crate::session::Session;

/// Whether an error line is a server's word that it executed nothing because of what it is at the moment.
///
/// A script of the client could return such a line after a write of its own. It would deceive itself: Redis documents these
/// codes as its own.
pub(crate) fn is_refusal(line: &[u8], command: Command, role: Role) -> bool {
    let line = line.strip_prefix(b"-").unwrap_or(line);
    // EXEC words the reason behind a prefix of its own (Redis 7).
    let line = match command.kind {
        Kind::Exec => line.strip_prefix(DISCARDED).unwrap_or(line),
        _ => line,
    };
    let code = line.split(|b| *b == b' ' || *b == b'\r').next().unwrap_or_default();
    match code {
        // On a replica listener a write is the client's mistake, not the server's state: it is told at once.
        b"READONLY" => role == Role::Master,
        b"LOADING" | b"MASTERDOWN" => true,
        // The same code tells of CLIENT UNBLOCK and of a stream that was deleted: these are answers.
        b"UNBLOCKED" => line.starts_with(b"UNBLOCKED force unblock "),
        _ => false,
    }
}

/// How a transaction is told that it was refused, in front of the reason.
const DISCARDED: &[u8] = b"EXECABORT Transaction discarded because: ";

/// What the first is that a server says on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// It has as many clients as it takes. It closes the connection, and executes nothing of what was sent on it.
    TurnedAway,
    /// It may become that: the line has not ended.
    Unclear,
    /// Something else.
    Other,
}

/// What the server meant by all that it has said so far. That a script which is the first thing on a connection returns such a line is its
/// own deceit.
pub(crate) fn opening(said: &[u8]) -> Opening {
    let known = said.len().min(FULL.len());
    if said[..known] != FULL[..known] {
        Opening::Other
    } else if said.ends_with(b"reached\r\n") {
        Opening::TurnedAway
    } else if said.len() < MAX_FULL && !said.contains(&b'\n') {
        Opening::Unclear
    } else {
        Opening::Other
    }
}

/// How it begins; what follows depends on what is counted with the clients.
const FULL: &[u8] = b"-ERR max number of clients";
/// It is never longer than this.
pub(crate) const MAX_FULL: usize = 128;

/// Replies from the refused one on, kept until their requests' fate is known.
#[derive(Debug, Default)]
pub(crate) struct Regroup {
    parked: Vec<Parked>,
    bytes: Vec<u8>,
    /// How many of the bytes are of replies that have ended.
    ended: usize,
    /// Bytes of the requests whose replies have ended.
    asked: usize,
    /// A MULTI in here succeeded: `+QUEUED` may be taken for what it says.
    multi: bool,
    /// Something other than plain requests is in here: the connection is not what it was before.
    changed_state: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Parked {
    pub(crate) len: usize,
    pub(crate) refused: bool,
    pub(crate) ok: bool,
}

/// Bytes of replies that are parked. Past that the refusal is passed on, and with it all that was parked: always right,
/// merely less kind.
pub(crate) const MAX_PARKED: usize = 256 * 1024;

impl Regroup {
    /// How many requests have a parked reply: the next reply belongs to the one after them.
    pub(crate) const fn answered(&self) -> usize {
        self.parked.len()
    }

    /// Bytes of the requests that have a parked reply.
    pub(crate) const fn asked(&self) -> usize {
        self.asked
    }

    /// Bytes of a reply that has not ended.
    pub(crate) fn park(&mut self, part: &[u8]) {
        self.bytes.extend_from_slice(part);
    }

    pub(crate) const fn is_full(&self) -> bool {
        self.bytes.len() > MAX_PARKED
    }

    /// The reply whose bytes were parked has ended.
    pub(crate) fn on_ended(&mut self, owed: Owed, refused: bool, ok: bool) {
        self.parked.push(Parked { len: self.bytes.len() - self.ended, refused, ok });
        self.ended = self.bytes.len();
        self.asked += owed.len as usize;
        self.multi |= owed.command.kind == Kind::Multi && ok;
        self.changed_state |= owed.command.kind != Kind::Plain;
    }

    pub(crate) const fn saw_multi(&self) -> bool {
        self.multi
    }

    pub(crate) const fn changed_state(&self) -> bool {
        self.changed_state
    }

    pub(crate) fn parked(&self) -> &[Parked] {
        &self.parked
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Which requests were refused, the last one first, and what each of them was told.
    fn refused(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut at = self.ended;
        self.parked.iter().enumerate().rev().filter_map(move |(i, parked)| {
            at -= parked.len;
            parked.refused.then(|| (i, &self.bytes[at..at + parked.len]))
        })
    }

    /// Of the reply under way, what is parked.
    pub(crate) fn unended(&self) -> &[u8] {
        &self.bytes[self.ended..]
    }
}

impl Session {
    /// Marks what a server refused: should nobody take it in time, the refusal is passed on.
    pub(crate) fn mark_refused(&mut self) {
        let Some(regroup) = &self.regroup else { return };
        self.kept.refuse(regroup.refused());
    }

    /// All that was in flight is answered, and none of it was executed: it waits to be sent again.
    pub(crate) fn on_regrouped(&mut self, now: Instant) {
        let Some(regroup) = &self.regroup else { return };
        let changed = regroup.changed_state() || self.transaction.is_open() || self.tracking.awaits_next();
        self.stats.replayed += regroup.answered() as u64;
        self.mark_refused();
        self.regroup = None;
        // A connection on which a SELECT was answered that must be said again later is not where it was; another replica
        // may not refuse at all.
        let target = self.route.target(&self.rules, &self.view);
        let elsewhere = target.is_some() && target != self.route.addr();
        if changed || elsewhere || self.rules.role == Role::Replica {
            self.drop_link();
            self.forget_connection(now);
        } else {
            self.kept.rewind();
        }
        if !elsewhere {
            self.route.back_off(now, false);
        }
    }
}
