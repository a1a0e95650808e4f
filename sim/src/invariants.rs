//! What must never be, whatever fails: each with a name that tests, histories and `ARCHITECTURE.md` use.
//!
//! | id | what | why |
//! |---|---|---|
//! | V1 | at most one leader per group and epoch | two leaders of one epoch could both give the group a master |
//! | V2 | no vote leaves before it is durable; none twice in an epoch, not even across a restart | a forgotten vote elects a second leader |
//! | V3 | the config epoch of published views never falls in a node's life; that of durable states never at all | who follows an older decision undoes a newer one |
//! | V4 | two views of one group and config epoch name the same master | otherwise proxies write to two masters and nobody can say who is right |
//! | V5 | where an address follows the master, two nodes' views are not Steady with different masters for longer than four fifths of `down-after` | two hosts would have the address, and one of them is a replica, or a master whose writes are lost |
//! | M2 | only a server that this leader sealed in this attempt is promoted; priority 0 never | what is not sealed may still take in what the old master accepts |
//! | M3 | a promotion only when a majority's votes for this leader and epoch are durable | a minority's master is a second master |
//! | M4 | no promotion when somebody was already elected for a higher epoch | a leader that slept must not act on what it knew before |
//! | M5 | of those sealed, with equal priority and history, the one with the greatest offset is promoted, and none that had not heard a master for too long; in a switchover one that has all that the held master had | less would lose acknowledged writes that were there to be kept |
//! | M6 | nothing stays sealed, and no second master stays, once faults stop | a sealed replica grows old and tells nobody |
//! | R1 | replies come in the order of requests, one each, or the connection closes | a client that reads another's answer corrupts data |
//! | R2 | no history of writes holds one twice | a counter that counts twice is worse than an error |
//! | S1 | a planned switchover without other faults loses no acknowledged write and shows no client an error | it is planned: there is no excuse |
//! | T1 | a node that was stopped, or whose clock leapt, enters TILT first, and decides nothing in it | what it takes for silence was its own |
//! | B1 | links, unanswered commands and saves under way keep their bounds | what is not bounded ends a process at the worst time |
//! | B2 | nothing is due after a wake | such a machine is woken for ever |
//! | L1 | when faults stop for a majority and for servers with data, it converges within the stated time, and writes succeed | being right and useless is not enough |
//! | P1 | no machine breaks an assumption of its own (a panic) | its asserts are invariants too |
//!
//! **Beside stock Sentinels** (`stock`) these hold for both kinds together: V1 and V4, M6, L1 (with stock's patience added to the
//! stated time), R1, R2, S1. V2, V3, M2, M3, M5, T1, B1, B2 and P1 are judged for our nodes alone; votes of stock count for M3.
//! Two things cannot hold there:
//!
//! * M4 rests on a promise that stock does not know: it votes for a newer leader whenever it is asked.
//! * V1 and V4 fail for an epoch in which stock breaks its own rule. It asks for votes in its *current* epoch and counts them for
//!   an attempt that it began in an older one: so two lead the older one (`stock::failover` says when; `Judge::waive`).

use std::fmt;

/// What must never be. The table at the head of this file says what each means and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// At most one leader per group and epoch.
    V1,
    /// Votes are durable before they leave, and given once.
    V2,
    /// Config epochs never fall.
    V3,
    /// One epoch, one master.
    V4,
    /// One steady master, where an address follows it.
    V5,
    /// Only what was sealed is promoted.
    M2,
    /// Only with a majority.
    M3,
    /// Never behind a newer leader's back.
    M4,
    /// The one that knows most.
    M5,
    /// Nothing stays sealed, no second master stays.
    M6,
    /// Replies in order.
    R1,
    /// No write twice.
    R2,
    /// A planned switchover costs nothing.
    S1,
    /// Who slept decides nothing.
    T1,
    /// Bounds hold.
    B1,
    /// Nothing due after a wake.
    B2,
    /// It converges.
    L1,
    /// No panic.
    P1,
}

impl Invariant {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 18] = [
        Self::V1,
        Self::V2,
        Self::V3,
        Self::V4,
        Self::V5,
        Self::M2,
        Self::M3,
        Self::M4,
        Self::M5,
        Self::M6,
        Self::R1,
        Self::R2,
        Self::S1,
        Self::T1,
        Self::B1,
        Self::B2,
        Self::L1,
        Self::P1,
    ];

    /// Which invariant a panic broke: machines begin their assertions with its name.
    #[must_use]
    pub fn of_panic(text: &str) -> Self {
        let named = |i: &&Self| text.strip_prefix(&format!("{i:?}")).is_some_and(|rest| rest.starts_with(':'));
        Self::ALL.iter().find(named).copied().unwrap_or(Self::P1)
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_names_what_it_broke() {
        assert_eq!(Invariant::of_panic("B2: Ping is due"), Invariant::B2);
        assert_eq!(Invariant::of_panic("B22 bombers"), Invariant::P1);
        assert_eq!(Invariant::of_panic("index out of bounds"), Invariant::P1);
    }

    #[test]
    fn the_table_lists_every_invariant() {
        let table = include_str!("invariants.rs");
        for i in Invariant::ALL {
            assert!(table.contains(&format!("//! | {i} | ")), "{i}");
        }
    }
}
