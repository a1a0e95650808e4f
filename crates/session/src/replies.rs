//! What did the server say, and is it for the client?
//!
//! A reply's first byte decides. Most pass through as they come, however large. Errors are read to the end of their line
//! first, because some of them mean that nothing was executed (`refusal`). While regrouping, replies are parked; while
//! restoring, they are swallowed. Push messages of RESP3 answer nobody and always pass.

use alloc::borrow::Cow;
use alloc::boxed::Box;

use machine::Instant;
use resp::{Kind as ReplyKind, Reply};

use crate::busy::is_busy;
use crate::command::{Command, Key, Kind};
use crate::event::{Conn, Why};
use crate::owed::Owed;
use crate::refusal::{Opening, Regroup, is_refusal, opening};
use crate::restore::{self, Restored};
use crate::rules::{OnUnknown, Role};
use crate::session::Session;
use crate::stream::SPENT;
use crate::subscribe::{self, Word};
use crate::transaction::Then;

/// What is being done with the reply under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// None is under way.
    Fresh,
    /// Its line is needed whole before anything is decided.
    Line,
    /// It goes to the client as it comes: what the client has cannot be taken back.
    Passing,
    /// It is a push message.
    Push,
    /// It waits in `regroup`.
    Parking,
    /// Its first word is needed before anything is decided.
    Head,
    /// It is one of the answers to a subscription.
    Confirming,
    /// Nobody but us hears it.
    Swallowing,
    /// It is about a request that has not gone out whole.
    Complaint,
}

impl Incoming {
    /// Whether the client has, or will have, a part of it: the rest cannot come from anywhere else.
    pub(crate) const fn is_delivered(self) -> bool {
        matches!(self, Self::Passing | Self::Push | Self::Confirming)
    }
}

/// Bytes of an error line that are kept to be understood. A longer one is no refusal.
const MAX_LINE: usize = 4 * 1024;

impl Session {
    /// Bytes of a server.
    pub(crate) fn on_server_bytes(&mut self, now: Instant, conn: Conn, bytes: &[u8]) {
        if self.is_pinned() && self.route.is(conn) {
            self.out.extend(bytes);
            return;
        }
        if self.route.is(conn) && self.route.on_said(now) {
            return self.on_first_bytes(now, conn, bytes);
        }
        self.on_replies(now, conn, bytes);
    }

    /// The first that comes from a server, or more of that: it may have no room for us.
    fn on_first_bytes(&mut self, now: Instant, conn: Conn, bytes: &[u8]) {
        let before = core::mem::take(&mut self.line);
        let said = if before.is_empty() { Cow::Borrowed(bytes) } else { Cow::Owned([&before, bytes].concat()) };
        match opening(&said) {
            Opening::TurnedAway => self.on_turned_away(now),
            Opening::Unclear => {
                self.line = said.into_owned();
                self.route.on_unclear();
            }
            Opening::Other => self.on_replies(now, conn, &said),
        }
    }

    fn on_replies(&mut self, now: Instant, conn: Conn, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if !self.route.is(conn) {
                self.stats.late += 1;
                return;
            }
            let Ok(progress) = self.replies.get().feed(rest) else {
                return self.on_misbehaved(now);
            };
            let (part, after) = rest.split_at(progress.consumed);
            rest = after;
            if self.incoming == Incoming::Fresh && !self.begin_reply(now, part[0]) {
                return;
            }
            self.on_part(now, part, progress.ended);
            if self.is_closing() {
                return;
            }
        }
    }

    /// The request that the next reply belongs to.
    pub(crate) fn asked(&self) -> Option<Owed> {
        let (next, before) = self.regroup.as_ref().map_or((0, 0), |r| (r.answered(), r.asked()));
        self.kept.in_flight_at(next, before).copied()
    }

    /// Decides by the first byte, as far as that can be. False if the reply is of no use.
    fn begin_reply(&mut self, now: Instant, first: u8) -> bool {
        if self.needs_word(first) {
            self.incoming = Incoming::Head;
            return true;
        }
        if first == b'>' {
            self.incoming = Incoming::Push;
            return true;
        }
        if self.route.restoring().is_some() {
            self.incoming = Incoming::Swallowing;
            return true;
        }
        let Some(asked) = self.asked() else {
            if first == b'-' && self.kept.is_partly_sent() {
                // It may have seen enough of the request to refuse it.
                self.incoming = Incoming::Complaint;
                return true;
            }
            self.on_misbehaved(now);
            return false;
        };
        let suspicious = self.regroup.is_some() || self.route.farewell.is_some();
        let is_kill = asked.command.kind == Kind::Kill && matches!(first, b'+' | b':');
        if first == b'-' || (first == b'+' && suspicious) || is_kill {
            self.incoming = Incoming::Line;
        } else {
            self.begin_final(now, asked.command, &[first]);
        }
        true
    }

    /// The reply is no refusal. `start` is as much of it as was needed to know.
    fn begin_final(&mut self, now: Instant, command: Command, start: &[u8]) {
        let executed = self.is_executed(command, start);
        if executed && self.route.farewell.is_some() && self.role() == Role::Master {
            // The view names another master. Whether this one had executed the write before the other took over, nobody can
            // tell from here, and an acknowledgement would be a lie if not.
            return match self.rules.on_unknown {
                OnUnknown::Close => self.close(now, Why::UnknownFate),
                OnUnknown::Error => self.lose_link(now, true),
            };
        }
        match &self.regroup {
            None => self.incoming = Incoming::Passing,
            Some(_) if executed => {
                self.pass_parked();
                self.incoming = Incoming::Passing;
            }
            Some(_) => self.incoming = Incoming::Parking,
        }
    }

    /// Whether a reply that begins like this proves that data may have been changed.
    fn is_executed(&self, command: Command, start: &[u8]) -> bool {
        let in_transaction = self.transaction.is_open() || self.regroup.as_ref().is_some_and(|r| r.saw_multi());
        match command.kind {
            Kind::Exec => start[0] != b'-',
            _ if in_transaction && start.starts_with(b"+QUEUED\r") => false,
            _ => !command.repeatable,
        }
    }

    fn on_part(&mut self, now: Instant, part: &[u8], ended: Option<Reply>) {
        match self.incoming {
            Incoming::Push | Incoming::Confirming => self.out.extend(part),
            Incoming::Head => self.on_head(now, part, ended.is_some()),
            Incoming::Passing => {
                self.share.on_reply_part(part.len());
                self.out.extend(part);
            }
            Incoming::Parking => self.park(part),
            Incoming::Swallowing | Incoming::Complaint => self.keep_line(part),
            Incoming::Line => {
                if ended.is_some() && self.line.is_empty() {
                    self.on_line(now, part);
                } else {
                    self.line.extend_from_slice(part);
                    let line = core::mem::take(&mut self.line);
                    if ended.is_some() {
                        self.on_line(now, &line);
                    } else if line.len() > MAX_LINE {
                        self.on_long_line(now, &line);
                    } else {
                        self.line = line;
                    }
                }
            }
            Incoming::Fresh => {}
        }
        if let Some(reply) = ended
            && !self.is_closing()
        {
            self.end_reply(now, reply);
        }
    }

    /// The beginning of a reply or push: what its first word says decides.
    fn on_head(&mut self, now: Instant, part: &[u8], ended: bool) {
        self.line.extend_from_slice(part);
        let word = match subscribe::word(&self.line) {
            Some(word) => word,
            None if ended => Word::Other,
            None => return,
        };
        let head = core::mem::take(&mut self.line);
        let is_told = self.route.restoring().is_some();
        match word {
            Word::Confirms(_) if is_told => self.incoming = Incoming::Swallowing,
            Word::Confirms(kind) if self.asked().is_some_and(|o| o.command.kind == kind) => {
                self.incoming = Incoming::Confirming;
            }
            // Nobody asked for it, or it is a push of another kind.
            _ if word != Word::Other || head[0] == b'>' => self.incoming = Incoming::Push,
            _ if is_told => self.incoming = Incoming::Swallowing,
            _ => match self.asked() {
                Some(asked) => self.begin_final(now, asked.command, &head),
                None => return self.on_misbehaved(now),
            },
        }
        match self.incoming {
            Incoming::Push | Incoming::Confirming => self.out.extend(&head),
            Incoming::Passing => {
                self.share.on_reply_part(head.len());
                self.out.extend(&head);
            }
            Incoming::Parking => self.park(&head),
            _ => {}
        }
    }

    /// A whole line: what it says decides.
    fn on_line(&mut self, now: Instant, line: &[u8]) {
        let Some(asked) = self.asked() else { return };
        if is_refusal(line, asked.command, self.role()) && !asked.command.kind.is_subscription() {
            self.stats.refused += 1;
            if self.kept.is_spent() {
                self.incoming = Incoming::Passing;
                return self.out.extend(SPENT);
            }
            if self.regroup.is_none() {
                self.kept.admit_no_more();
            }
            let regroup = self.regroup.get_or_insert_with(|| Box::new(Regroup::default()));
            regroup.park(line);
            regroup.on_ended(asked, true, false);
            self.incoming = Incoming::Line;
            return;
        }
        if asked.command.kind == Kind::Kill {
            self.on_kill_answered(line);
        }
        self.begin_final(now, asked.command, line);
        self.on_undecided(line);
    }

    /// Longer than any refusal.
    fn on_long_line(&mut self, now: Instant, line: &[u8]) {
        let Some(asked) = self.asked() else { return };
        self.begin_final(now, asked.command, line);
        self.on_undecided(line);
    }

    /// Bytes that were kept until the decision.
    fn on_undecided(&mut self, bytes: &[u8]) {
        match self.incoming {
            Incoming::Passing => self.out.extend(bytes),
            Incoming::Parking => self.park(bytes),
            _ => {}
        }
    }

    fn park(&mut self, part: &[u8]) {
        let Some(regroup) = &mut self.regroup else { return };
        regroup.park(part);
        if regroup.is_full() {
            self.pass_parked();
            self.incoming = Incoming::Passing;
        }
    }

    /// The beginning of a swallowed reply, in case it is an error.
    fn keep_line(&mut self, part: &[u8]) {
        let room = MAX_LINE.saturating_sub(self.line.len());
        self.line.extend_from_slice(&part[..part.len().min(room)]);
    }

    fn end_reply(&mut self, now: Instant, reply: Reply) {
        let incoming = core::mem::replace(&mut self.incoming, Incoming::Fresh);
        let ok = !reply.kind.is_error();
        debug_assert!(reply.kind != ReplyKind::Push || !matches!(incoming, Incoming::Passing | Incoming::Parking));
        match incoming {
            Incoming::Passing => self.on_answered(ok),
            Incoming::Swallowing => self.on_swallowed(now, ok),
            Incoming::Parking => {
                if let (Some(asked), Some(regroup)) = (self.asked(), &mut self.regroup) {
                    regroup.on_ended(asked, false, ok);
                }
            }
            Incoming::Complaint => self.on_complaint(now),
            Incoming::Confirming => self.on_confirmed(),
            Incoming::Head | Incoming::Push | Incoming::Line | Incoming::Fresh => {}
        }
        let all_in = self.regroup.as_ref().is_some_and(|r| r.answered() == self.kept.admitted());
        if all_in {
            self.on_regrouped(now);
        }
    }

    /// The oldest request's reply has been passed on.
    pub(crate) fn on_answered(&mut self, ok: bool) {
        let Some(front) = self.kept.front().copied() else { return };
        let outside = !self.transaction.is_open();
        if outside || matches!(front.command.kind, Kind::Exec | Kind::Discard) {
            self.on_tracking_answered(front.command.kind, ok);
        }
        if !ok && front.command.kind == Kind::Remember(Key::Hello) {
            self.on_hello_failed();
        }
        if ok && outside {
            match front.command.kind {
                Kind::Remember(_) | Kind::Tracking if self.kept.is_spent() => self.remembered.unknown = true,
                Kind::Remember(key) => self.remembered.on_ok(key, self.kept.front_bytes()),
                Kind::Reset => self.forget_client(),
                _ => {}
            }
        }
        match self.transaction.on_answered(front.command, ok) {
            Then::Release => {
                // A transaction that is too long to keep is still open, with nothing retained.
                self.kept.pop(false);
            }
            Then::Retain => {
                self.kept.pop(true);
                if self.kept.retained_bytes().len() > self.may_keep() / 2 {
                    self.transaction.on_too_long();
                    self.kept.release_retained();
                }
            }
            Then::End { unknown_state } => {
                self.kept.pop(true);
                self.kept.release_retained();
                self.remembered.unknown |= unknown_state;
                if ok && front.command.kind == Kind::Reset {
                    self.forget_client();
                }
            }
        }
        self.share.on_answered(front.len as usize, self.kept.owed());
        self.stats.replies += 1;
        self.hold.on_answer();
        self.route.on_answer();
    }

    /// The oldest request is a HELLO that failed. A server does one part of it after the other: when it finds fault with the name, it
    /// may have taken the client for another user already. Then nobody else may have the connection, and nobody can tell a new one
    /// who the client is.
    fn on_hello_failed(&mut self) {
        let has = |index| restore::argument(self.kept.front_bytes(), index).is_some();
        let (has_parts, has_several) = (has(2), has(5));
        if self.kept.is_spent() || has_parts {
            self.share.tie();
        }
        self.remembered.unknown |= self.kept.is_spent() || has_several;
    }

    /// RESET: back to how the connection began, but for what a server does not undo.
    fn forget_client(&mut self) {
        if self.remembered.outlasts_reset() || self.remembered.unknown {
            self.share.tie();
        }
        self.remembered.clear();
        self.subscriptions.clear();
        self.tracking.clear();
    }

    /// Refusals and what came after them go to the client as they are: a later write was executed, or there was too much.
    fn pass_parked(&mut self) {
        let Some(regroup) = self.pass_parked_whole() else { return };
        // The reply under way, as far as it was parked.
        self.out.extend(regroup.unended());
    }

    /// The parked replies that have ended go to the client. What is left is of one that has not.
    pub(crate) fn pass_parked_whole(&mut self) -> Option<Box<Regroup>> {
        let regroup = self.regroup.take()?;
        let mut at = 0;
        for parked in regroup.parked() {
            self.out.extend(&regroup.bytes()[at..at + parked.len]);
            at += parked.len;
            self.stats.refusals_passed += u64::from(parked.refused);
            self.on_answered(parked.ok);
        }
        Some(regroup)
    }

    /// A reply to what a new connection is told.
    fn on_swallowed(&mut self, now: Instant, ok: bool) {
        let line = core::mem::take(&mut self.line);
        if !ok && is_refusal(&line, Command::QUIT, Role::Master) {
            // It is no master yet: as good as a connection that could not be made.
            self.stats.refused += 1;
            return self.on_restore_postponed(now);
        }
        let restored = self.route.restoring_mut().map(|words| words.on_reply(ok));
        match restored {
            Some(Restored::Done) => {
                self.route.on_restored();
                self.on_tracking_restored();
            }
            Some(Restored::Refused) if is_busy(&line) => self.on_busy(now, &line),
            Some(Restored::Refused) => self.close(now, Why::RestoreRefused),
            Some(Restored::NotYet) | None => {}
        }
    }
}
