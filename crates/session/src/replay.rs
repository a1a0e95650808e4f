//! What is the fate of a request whose connection is gone?
//!
//! | request | fate |
//! |---|---|
//! | not sent, or not sent whole | not executed: sent |
//! | refused | not executed: sent again |
//! | queued in a transaction known to be open | not executed: sent again |
//! | a read, or something about the connection | perhaps executed, harmless: sent again |
//! | a write, or what we do not know; EXEC with a write before it | unknown: never a second time |

use crate::command::Kind;
use crate::owed::Owed;
use crate::transaction::Transaction;

/// Whether the fate of one of the `sent` is unknown: those that went out whole, in order, after `transaction` was the state
/// of things. The first `parked` of them have a reply, none of which was of an executed write.
pub(crate) fn any_unknown<'a>(sent: impl Iterator<Item = &'a Owed>, parked: usize, transaction: &Transaction) -> bool {
    let mut open = transaction.is_open();
    let mut writes = transaction.writes();
    for (i, owed) in sent.enumerate() {
        match owed.command.kind {
            // However it was answered: it may have ended the transaction, and what came behind it was executed.
            Kind::Exec | Kind::Discard | Kind::Reset if i < parked => open = false,
            _ if i < parked => writes |= !owed.command.repeatable,
            // Also of a transaction that began in flight or is parked.
            Kind::Exec if writes => return true,
            Kind::Exec => open = false,
            Kind::Discard | Kind::Reset if open => (open, writes) = (false, false),
            _ if open => writes |= !owed.command.repeatable,
            // A MULTI without an answer is no proof that the commands behind it were queued: a user may not be allowed to
            // say MULTI, and then each of them was executed on its own.
            _ if !owed.command.repeatable => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, Travels};
    use crate::owed::State;
    use Kind::{Discard, Exec, Multi, Plain, Reset};
    use alloc::vec::Vec;

    const WRITE: Command =
        Command { kind: Plain, repeatable: false, blocks: false, travels: Travels::Own, is_urgent: false };
    const READ: Command =
        Command { kind: Plain, repeatable: true, blocks: false, travels: Travels::Own, is_urgent: false };

    fn of(kind: Kind) -> Command {
        Command { kind, repeatable: kind != Exec, blocks: false, travels: Travels::Own, is_urgent: false }
    }

    fn transaction(answered: &[Command]) -> Transaction {
        let mut transaction = Transaction::default();
        for command in answered {
            transaction.on_answered(*command, true);
        }
        transaction
    }

    fn unknown(sent: &[Command], parked: usize, transaction: &Transaction) -> bool {
        let owed: Vec<Owed> = sent.iter().map(|c| Owed { len: 1, command: *c, state: State::Owed }).collect();
        any_unknown(owed.iter(), parked, transaction)
    }

    /// What a server does that refuses those that `refuses` says: the number of the first request that changed data.
    fn first_change(sent: &[Command], open: bool, wrote: bool, refuses: impl Fn(usize) -> bool) -> Option<usize> {
        let mut queue = open.then_some(wrote);
        for (i, command) in sent.iter().enumerate() {
            if refuses(i) {
                // A refused EXEC ends the transaction.
                queue = queue.filter(|_| command.kind != Exec);
                continue;
            }
            match (command.kind, queue) {
                (Multi, None) => queue = Some(false),
                (Exec, Some(true)) => return Some(i),
                (Exec | Discard | Reset, _) => queue = None,
                (Plain, None) if !command.repeatable => return Some(i),
                (Plain, Some(writes)) => queue = Some(writes || !command.repeatable),
                _ => {}
            }
        }
        None
    }

    fn sequences(max: u32) -> impl Iterator<Item = Vec<Command>> {
        let all = [WRITE, READ, of(Multi), of(Exec), of(Discard), of(Reset)];
        (0..=max).flat_map(move |len| {
            (0..all.len().pow(len)).map(move |n| (0..len).map(|i| all[n / all.len().pow(i) % all.len()]).collect())
        })
    }

    fn states() -> [(Transaction, bool, bool); 5] {
        [
            (transaction(&[]), false, false),
            (transaction(&[of(Multi)]), true, false),
            (transaction(&[of(Multi), READ]), true, false),
            (transaction(&[of(Multi), WRITE]), true, true),
            (transaction(&[of(Multi), WRITE, of(Discard)]), false, false),
        ]
    }

    #[test]
    fn every_short_sequence_is_judged_unknown_exactly_if_a_server_may_have_written() {
        for (state, open, wrote) in states() {
            for sent in sequences(5) {
                // A user may be allowed everything but MULTI.
                let no_multi = |i: usize| sent[i].kind == Multi;
                let may = first_change(&sent, open, wrote, |_| false).is_some()
                    || first_change(&sent, open, wrote, no_multi).is_some();
                assert_eq!(unknown(&sent, 0, &state), may, "{state:?} {sent:?}");
            }
        }
    }

    #[test]
    fn whatever_of_a_parked_beginning_was_refused_no_write_is_missed() {
        let mut changed = 0;
        for (state, open, wrote) in states() {
            for sent in sequences(5) {
                for parked in 1..=sent.len() {
                    for refused in 0..1_u32 << parked {
                        let change = first_change(&sent, open, wrote, |i| refused & 1 << i != 0);
                        // What is parked did not change data: else it would not be parked.
                        if change.is_some_and(|i| i >= parked) {
                            changed += 1;
                            assert!(unknown(&sent, parked, &state), "{state:?} {sent:?} {parked} {refused:b}");
                        }
                    }
                }
            }
        }
        assert!(changed > 10_000, "{changed} cases say something");
    }
}
