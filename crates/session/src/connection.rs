//! How is a server connection made, lost and given up?
//!
//! Where it leads is the `route`'s to say; what comes in on it, `replies`. Here is what follows for the requests that were on
//! it, and for what the next connection has to be told.

use alloc::vec::Vec;

use machine::Instant;

use crate::event::{Conn, Why};
use crate::replay;
use crate::replies::Incoming;
use crate::restore::Restoring;
use crate::rules::OnUnknown;
use crate::rules::Role;
use crate::session::{Discarded, Session};

impl Session {
    /// Orders a connection to whoever takes requests, if there is none and it is not too early for another try.
    pub(crate) fn connect(&mut self, now: Instant) {
        if self.route.is_absent()
            && self.route.retry_at.is_none()
            && let Some(addr) = self.route.choose(&self.rules, &self.view)
        {
            let way = self.next_way();
            self.route.connect(now, addr, &self.rules, way);
            self.to_connect = true;
            self.stats.connects += 1;
        }
    }

    pub(crate) fn on_server_connected(&mut self, conn: Conn) {
        if !self.route.is(conn) || self.route.connecting().is_none() {
            self.stats.late += 1;
            return;
        }
        if self.must_be_urgent() {
            self.route.is_partial = true;
            return self.route.on_connected(Restoring::new(self.remembered.who(), (Vec::new(), 0), (&[], 0)));
        }
        let words = self.remembered.words();
        self.begin_restoring(words, self.remembered.len());
    }

    pub(crate) fn on_server_ready(&mut self, conn: Conn) {
        if !self.route.is(conn) || self.route.connecting().is_none() {
            self.stats.late += 1;
            return;
        }
        self.route.on_used();
        self.begin_restoring(Vec::new(), 0);
    }

    /// The connection has to hear `words`, of which each must be agreed to, and the open transaction again.
    fn begin_restoring(&mut self, words: Vec<u8>, requests: usize) {
        let (tracking, more) = self.tracking.words();
        let mut last = Vec::new();
        let needs_ping = self.asks_what_others_did();
        if needs_ping {
            // WAIT counts up to what its own connection last did, and what the client wrote went over others: with this, the
            // connection has done something that is later than all of it. In front of MULTI, whose EXEC would answer it otherwise.
            resp::write::command(&mut last, &["PING"]);
        }
        let (next, one) = self.tracking.next_words();
        last.extend_from_slice(next);
        last.extend_from_slice(self.kept.retained_bytes());
        let answers = u32::from(needs_ping) + one + self.transaction.requests();
        let words = ([words, tracking].concat(), requests + more);
        self.route.on_connected(Restoring::new(words, self.subscriptions.words(), (&last, answers)));
    }

    pub(crate) fn on_server_refused(&mut self, now: Instant, conn: Conn) {
        if self.route.is(conn) {
            self.route.drop_link();
            self.close(now, Why::RestoreRefused);
        } else {
            self.stats.late += 1;
        }
    }

    pub(crate) fn on_server_unsent(&mut self, conn: Conn, bytes: usize) {
        if self.route.is(conn) {
            self.kept.unsend(bytes);
        } else {
            self.stats.late += 1;
        }
    }

    pub(crate) fn on_server_failed(&mut self, now: Instant, conn: Conn) {
        if !self.route.is(conn) {
            self.stats.late += 1;
            return;
        }
        if self.route.connecting().is_none() {
            // It was made, and may be in use.
            return self.lose_link(now, false);
        }
        self.stats.connects_failed += 1;
        self.route.drop_link();
        self.route.back_off(now, false);
    }

    pub(crate) fn on_connect_timeout(&mut self, now: Instant) {
        self.stats.connects_failed += 1;
        self.drop_link();
        self.route.back_off(now, false);
    }

    pub(crate) fn on_server_closed(&mut self, now: Instant, conn: Conn) {
        if !self.route.is(conn) {
            self.stats.late += 1;
            return;
        }
        self.lose_link(now, false);
    }

    pub(crate) fn on_sent_elsewhere(&mut self, now: Instant, conn: Conn) {
        if !self.route.is(conn) {
            self.stats.late += 1;
        } else if self.kept.in_flight() > 0 {
            self.lose_link(now, false);
        } else {
            self.route.drop_link();
            self.forget_connection(now);
        }
    }

    /// A server sent what is no reply, or a reply to nothing.
    pub(crate) fn on_misbehaved(&mut self, now: Instant) {
        self.stats.misbehaved += 1;
        self.lose_link(now, true);
    }

    /// The connection is gone, or is given up: what was asked on it meets its fate.
    pub(crate) fn lose_link(&mut self, now: Instant, ours_to_close: bool) {
        if self.is_pinned() {
            return self.close(now, Why::PinnedCut);
        }
        if self.kept.any_admitted() {
            self.stats.cut += 1;
        }
        if self.is_partly_answered() {
            return self.close(now, Why::CutReply);
        }
        self.mark_spent(false);
        let unknown = match self.rules.on_unknown {
            _ if !self.any_unknown() => 0,
            OnUnknown::Close => return self.close(now, Why::UnknownFate),
            OnUnknown::Error => self.mark_unknown(),
        };
        self.stats.replayed += self.kept.in_flight().saturating_sub(unknown) as u64;
        self.mark_refused();
        self.regroup = None;
        if ours_to_close {
            self.drop_link();
        } else {
            self.route.drop_link();
        }
        self.forget_connection(now);
        // The end of a master's connection may be the end of the master, or its restart without data: whoever watches it saw the same, and
        // has a moment to say so before anything is sent there again.
        self.route.back_off(now, ours_to_close || self.role() == Role::Replica);
    }

    /// Whether the client has a part of something, the rest of which cannot come from anywhere else.
    pub(crate) fn is_partly_answered(&self) -> bool {
        self.incoming.is_delivered() || self.subscriptions.is_partly_confirmed()
    }

    /// Whether a request is in flight that may have been executed, and must not be twice.
    pub(crate) fn any_unknown(&self) -> bool {
        let parked = self.regroup.as_ref().map_or(0, |r| r.answered());
        replay::any_unknown(self.kept.iter().take(self.kept.in_flight()), parked, &self.transaction)
    }

    /// The new server is not yet what it has to be.
    pub(crate) fn on_restore_postponed(&mut self, now: Instant) {
        self.drop_link();
        self.forget_connection(now);
        self.route.back_off(now, false);
    }

    /// The server has as many clients as it takes, and does nothing of what this connection brought.
    pub(crate) fn on_turned_away(&mut self, now: Instant) {
        self.stats.connects_failed += 1;
        self.mark_spent(true);
        self.on_restore_postponed(now);
    }

    /// What was true of the old connection is not true of the next.
    pub(crate) fn forget_connection(&mut self, now: Instant) {
        self.kept.rewind();
        self.replies.reset();
        self.incoming = Incoming::Fresh;
        self.line.clear();
        if self.transaction.on_cut() {
            self.kept.release_retained();
        }
        self.subscriptions.on_cut();
        if self.remembered.unknown || self.subscriptions.is_tied() || self.tracking.is_tied() {
            self.close(now, Why::Unrestorable);
        } else {
            self.on_tracking_cut();
        }
    }

    pub(crate) fn drop_link(&mut self) {
        if let Some(conn) = self.route.drop_link() {
            // Ordered and not yet told: then there is nothing to close.
            if !core::mem::take(&mut self.to_connect) {
                assert!(self.to_close.is_none(), "B: the driver drains after every event");
                self.to_close = Some(Discarded::Spoilt(conn));
            }
        }
    }

    /// The view names another server than the one that the connection leads to.
    pub(crate) fn leave(&mut self, now: Instant) {
        if self.is_pinned() {
            return if self.view.resting().any(|addr| Some(addr) == self.route.addr()) {
                // An operator is in no hurry; `maintenance` says that one is.
                self.route.farewell.get_or_insert(now + self.rules.drain_timeout);
            } else {
                self.close(now, Why::PinnedCut);
            };
        }
        if self.is_partly_answered() || self.any_unknown() {
            self.kept.admit_no_more();
            let may_wait = self.asked().is_some_and(|o| o.command.blocks);
            self.route.begin_farewell(now, may_wait);
        } else {
            self.lose_link(now, true);
            self.route.on_view();
        }
    }

    /// Ends the connection to a server that the view no longer names, once it has said all it had to say.
    pub(crate) fn end_farewell(&mut self, now: Instant) {
        if self.route.farewell.is_some()
            && !self.is_pinned()
            && !self.kept.any_admitted()
            && self.incoming == Incoming::Fresh
        {
            self.drop_link();
            self.forget_connection(now);
        }
    }
}
