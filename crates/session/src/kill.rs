//! Who goes when a client says CLIENT KILL?
//!
//! A server connection that ends is not the end of its clients: they outlive servers, timeouts and faults. But whoever says CLIENT
//! KILL wants a client to go, and to a server our connection is the client. So, of all that ends: what ended between a CLIENT KILL of one
//! of our clients and a moment after its answer, at the server that it was said to, and as many as it says that it killed, was killed.
//! Whoever used such a connection is closed, alone or in company: to the server that said yes, all of them were the one that was meant.
//!
//! ```text
//!   CLIENT KILL ──> server ──┬──> :2, +OK                a moment
//!      begun                 │   answered ├───────────────────────┤
//!        ├───────────────────┼────────────┤
//!                            └──> ends of connections: those before the answer wait for it
//! ```
//!
//! What is killed otherwise (said at the server itself, within a transaction, behind CLIENT REPLY) ends a connection, and nobody.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::net::SocketAddr;
use core::time::Duration;

use machine::Instant;

use crate::command::Kind;
use crate::event::{Action, Conn, Why};
use crate::session::Session;

/// What the clients of one process have had killed of late. All its workers share one: who is killed may be another one's client.
#[derive(Debug, Default)]
pub struct Kills {
    /// Servers at which somebody is being killed, or was a moment ago.
    at: BTreeMap<SocketAddr, Killing>,
}

#[derive(Clone, Copy, Debug)]
struct Killing {
    /// Sessions that await an answer.
    begun: usize,
    /// Connections that were killed, and whose end was not seen yet.
    left: u64,
    until: Instant,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// For whatever reason: its clients stay.
    Ended,
    /// One of our clients had it killed.
    Killed,
    /// That is known when somebody else's CLIENT KILL is answered: ask again soon.
    Unknown,
}

/// How long after the answer the end of what was killed is seen. Redis ends connections before it answers; what can be late is a packet
/// that is sent again, or one of our threads. No longer: a server that breaks within it takes those along for whom it was not meant,
/// though no more of them than were killed.
const MOMENT: Duration = Duration::from_millis(500);

impl Kills {
    /// A session is about to say CLIENT KILL to this server.
    pub fn begin(&mut self, now: Instant, addr: SocketAddr) {
        self.at.retain(|_, killing| killing.begun > 0 || killing.until > now);
        self.at.entry(addr).or_insert(Killing { begun: 0, left: 0, until: now }).begun += 1;
    }

    /// The server says that it killed so many.
    pub fn on_killed(&mut self, now: Instant, addr: SocketAddr, killed: u64) {
        let Some(killing) = self.at.get_mut(&addr) else { return };
        if killing.until <= now {
            // Others' clients, or those who are none of ours.
            killing.left = 0;
        }
        killing.left = killing.left.saturating_add(killed);
        killing.until = now + MOMENT;
    }

    /// The session of a [`Self::begin`] awaits no answer any more.
    pub fn end(&mut self, addr: SocketAddr) {
        if let Some(killing) = self.at.get_mut(&addr) {
            killing.begun = killing.begun.saturating_sub(1);
        }
    }

    /// A connection to this server, which ended at `ended`: was it killed?
    pub fn judge(&mut self, now: Instant, addr: SocketAddr, ended: Instant) -> Verdict {
        match self.at.get_mut(&addr) {
            Some(Killing { left, until, .. }) if *left > 0 && *until > now => {
                *left -= 1;
                Verdict::Killed
            }
            // A server that takes longer holds everything back (CLIENT PAUSE), or answers nothing any more.
            Some(Killing { begun, .. }) if *begun > 0 && ended + MOMENT > now => Verdict::Unknown,
            _ => Verdict::Ended,
        }
    }
}

/// A session's own CLIENT KILL, from when it may go out until it is answered, or never will be.
#[derive(Debug)]
pub(crate) struct Killer {
    addr: SocketAddr,
    /// Others know of it.
    told: bool,
    /// How many it killed, of whom others do not know.
    killed: u64,
    /// No answer is to come.
    over: bool,
}

impl Session {
    /// A CLIENT KILL may go out.
    pub(crate) fn on_kill_admitted(&mut self) {
        if let Some(addr) = self.route.addr() {
            let killer = || Box::new(Killer { addr, told: false, killed: 0, over: false });
            self.killer.get_or_insert_with(killer);
        }
    }

    /// A server's answer to it: a number of connections, or that one was killed.
    pub(crate) fn on_kill_answered(&mut self, line: &[u8]) {
        let number = |digits: &[u8]| core::str::from_utf8(digits).ok().and_then(|text| text.trim_end().parse().ok());
        let killed: u64 = match line {
            b"+OK\r\n" => 1,
            [b':', digits @ ..] => number(digits).unwrap_or_default(),
            // Queued in a transaction.
            _ => 0,
        };
        if let Some(killer) = &mut self.killer {
            killer.killed = killer.killed.saturating_add(killed);
        }
    }

    /// Looks whether an answer is still to come.
    pub(crate) fn note_kills(&mut self) {
        let Some(killer) = &mut self.killer else { return };
        let mut under_way = self.kept.iter().take(self.kept.admitted());
        killer.over = self.closing.is_some() || !under_way.any(|owed| owed.command.kind == Kind::Kill);
    }

    /// What others are to know of it.
    pub(crate) fn poll_kills(&mut self) -> Option<Action> {
        let killer = self.killer.as_mut()?;
        let addr = killer.addr;
        if !core::mem::replace(&mut killer.told, true) {
            return Some(Action::KillBegun { addr });
        }
        match core::mem::take(&mut killer.killed) {
            0 if killer.over => {
                self.killer = None;
                Some(Action::KillOver { addr })
            }
            0 => None,
            killed => Some(Action::Killed { addr, killed }),
        }
    }

    /// Whether it has said CLIENT KILL, and awaits the answer: the end of its connection says that none will come.
    #[must_use]
    pub const fn awaits_kill(&self) -> bool {
        self.killer.is_some()
    }

    /// Its connection was killed: to the server it is gone, with all that it asked.
    pub(crate) fn on_server_killed(&mut self, now: Instant, conn: Conn) {
        if self.route.is(conn) {
            self.route.drop_link();
            self.close(now, Why::Killed);
        } else {
            self.stats.late += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::time::at;

    fn addr(port: u16) -> SocketAddr {
        ([10, 0, 0, 1], port).into()
    }

    #[test]
    fn as_many_as_were_killed_there_within_a_moment() {
        let mut kills = Kills::default();
        assert_eq!(kills.judge(at(0), addr(1), at(0)), Verdict::Ended);
        kills.begin(at(0), addr(1));
        assert_eq!(kills.judge(at(1), addr(1), at(1)), Verdict::Unknown);
        assert_eq!(kills.judge(at(1), addr(2), at(1)), Verdict::Ended, "another server");
        kills.on_killed(at(2), addr(1), 2);
        kills.end(addr(1));
        assert_eq!(kills.judge(at(2), addr(2), at(1)), Verdict::Ended, "another server");
        assert_eq!(kills.judge(at(2), addr(1), at(1)), Verdict::Killed);
        assert_eq!(kills.judge(at(501), addr(1), at(501)), Verdict::Killed);
        assert_eq!(kills.judge(at(501), addr(1), at(501)), Verdict::Ended, "two were killed");
    }

    #[test]
    fn later_ones_are_nobodys_fault() {
        let mut kills = Kills::default();
        kills.begin(at(0), addr(1));
        kills.on_killed(at(2), addr(1), 5);
        kills.end(addr(1));
        assert_eq!(kills.judge(at(502), addr(1), at(502)), Verdict::Ended);
        kills.begin(at(600), addr(1));
        kills.on_killed(at(600), addr(1), 1);
        assert_eq!(kills.judge(at(601), addr(1), at(601)), Verdict::Killed);
        assert_eq!(kills.judge(at(602), addr(1), at(602)), Verdict::Unknown, "what was left of before is forgotten");
        assert_eq!(kills.judge(at(1_102), addr(1), at(602)), Verdict::Ended, "it is not waited for without end");
        kills.end(addr(1));
        kills.begin(at(2_000), addr(2));
        assert_eq!(kills.at.len(), 1, "what is over is forgotten");
    }

    #[test]
    fn who_awaits_an_answer_in_vain_kills_nobody() {
        let mut kills = Kills::default();
        kills.begin(at(0), addr(1));
        kills.begin(at(0), addr(1));
        kills.end(addr(1));
        assert_eq!(kills.judge(at(1), addr(1), at(1)), Verdict::Unknown);
        kills.end(addr(1));
        assert_eq!(kills.judge(at(1), addr(1), at(1)), Verdict::Ended);
    }
}
