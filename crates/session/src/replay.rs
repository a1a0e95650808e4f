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
            Kind::Exec if open => {
                if writes {
                    return true;
                }
                open = false;
            }
            Kind::Discard | Kind::Reset if open => open = false,
            // Of a transaction that began in flight: had it a write in it, that one was found before this one.
            Kind::Exec => {}
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
    use crate::command::Command;
    use crate::owed::State;
    use Kind::{Discard, Exec, Multi, Plain, Reset};
    use alloc::vec::Vec;

    const WRITE: Command = Command { kind: Plain, repeatable: false, blocks: false };
    const READ: Command = Command { kind: Plain, repeatable: true, blocks: false };

    fn of(kind: Kind) -> Command {
        Command { kind, repeatable: kind != Exec, blocks: false }
    }

    fn transaction(answered: &[Command]) -> Transaction {
        let mut transaction = Transaction::default();
        for command in answered {
            transaction.on_answered(*command, true);
        }
        transaction
    }

    fn unknown(unanswered: &[Command], transaction: &Transaction) -> bool {
        let owed: Vec<Owed> = unanswered.iter().map(|c| Owed { len: 1, command: *c, state: State::Owed }).collect();
        any_unknown(owed.iter(), 0, transaction)
    }

    /// Every way in which a server could have read the same bytes: MULTI may have been refused to this user.
    fn may_have_written(unanswered: &[Command], open: bool, wrote: bool, multi_works: bool) -> bool {
        let (mut queue, mut changed) = (open.then_some(wrote), false);
        for command in unanswered {
            queue = match (command.kind, queue) {
                (Multi, None) => multi_works.then_some(false),
                (Exec, Some(writes)) => {
                    changed |= writes;
                    None
                }
                (Discard | Reset, _) => None,
                (Plain, None) => {
                    changed |= !command.repeatable;
                    None
                }
                (_, queue) => queue.map(|writes| writes || !command.repeatable && command.kind == Plain),
            };
        }
        changed
    }

    #[test]
    fn every_short_sequence_is_judged_unknown_exactly_if_a_server_may_have_written() {
        let all = [WRITE, READ, of(Multi), of(Exec), of(Discard), of(Reset)];
        let states = [
            (transaction(&[]), false, false),
            (transaction(&[of(Multi)]), true, false),
            (transaction(&[of(Multi), READ]), true, false),
            (transaction(&[of(Multi), WRITE]), true, true),
            (transaction(&[of(Multi), WRITE, of(Discard)]), false, false),
        ];
        let mut cases = 0;
        for (state, open, wrote) in &states {
            for len in 0..=5_u32 {
                for n in 0..all.len().pow(len) {
                    let sequence: Vec<Command> = (0..len).map(|i| all[n / all.len().pow(i) % all.len()]).collect();
                    let judged = unknown(&sequence, state);
                    let may = [true, false].iter().any(|works| may_have_written(&sequence, *open, *wrote, *works));
                    assert_eq!(judged, may, "{state:?} {sequence:?}");
                    cases += 1;
                }
            }
        }
        assert_eq!(cases, 5 * (1 + 6 + 36 + 216 + 1_296 + 7_776));
    }
}
