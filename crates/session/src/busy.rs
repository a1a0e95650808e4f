//! What is said while a script runs for too long, on a connection that is not ready?
//!
//! The server then takes nobody for what it is: no database is chosen, no name told. What waits for a connection is answered as it would
//! be on one that is there, with `-BUSY`. What can stop the script goes out nonetheless, on a connection that knows only who says so:
//! nothing else of it matters for that, and it is closed after it.

use machine::Instant;

use crate::event::Conn;
use crate::owed::State;
use crate::replies::Incoming;
use crate::session::Session;

/// Whether a server says that it does nothing while a script runs.
pub(crate) fn is_busy(line: &[u8]) -> bool {
    line.starts_with(b"-BUSY ")
}

/// Where the server's own words came in pieces.
const BUSY: &[u8] = b"-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n";

impl Session {
    /// The shared connection is not to be had while a script runs.
    pub(crate) fn on_server_busy(&mut self, now: Instant, conn: Conn, line: &[u8]) {
        if self.route.is(conn) {
            self.route.drop_link();
            self.on_busy(now, line);
        } else {
            self.stats.late += 1;
        }
    }

    /// A new connection is told nothing while a script runs: neither is who waits for it.
    pub(crate) fn on_busy(&mut self, now: Instant, line: &[u8]) {
        let words = if is_busy(line) && line.ends_with(b"\r\n") { line } else { BUSY };
        self.stats.connects_failed += 1;
        self.on_restore_postponed(now);
        self.route.is_busy = true;
        self.kept.refuse_all(words);
    }

    /// Whether what waits is to stop a script that keeps the connection from being told more.
    pub(crate) fn must_be_urgent(&self) -> bool {
        let is_urgent = |next: &crate::owed::Owed| next.state == State::Owed && next.command.is_urgent;
        self.route.is_busy && self.transaction.is_clean() && self.kept.first_waiting().is_some_and(is_urgent)
    }

    /// Whether its connection was good for that only, and that is done.
    pub(crate) fn is_past_use(&self) -> bool {
        self.route.is_partial
            && !self.route.is_absent()
            && !self.kept.any_admitted()
            && self.incoming == Incoming::Fresh
            && !self.must_be_urgent()
    }
}
