//! What is the fate of a request whose connection is gone?
//!
//! | request | fate |
//! |---|---|
//! | not sent, or not sent whole | not executed: sent |
//! | refused | not executed: sent again |
//! | queued in a transaction known to be open | not executed: sent again |
//! | a read, or something about the connection | perhaps executed, harmless: sent again |
//! | a write, or what we do not know; EXEC with a write in it | unknown: never a second time |

use crate::command::Kind;
use crate::owed::Owed;
use crate::transaction::Transaction;

/// Whether the fate of one of the `unanswered` is unknown: those that went out whole and have no reply, in order, after
/// `transaction` was the state of things.
pub(crate) fn any_unknown<'a>(unanswered: impl Iterator<Item = &'a Owed>, transaction: &Transaction) -> bool {
    let mut open = transaction.is_open();
    let mut writes = transaction.writes();
    for owed in unanswered {
        match owed.command.kind {
            Kind::Exec if open => {
                if writes {
                    return true;
                }
                open = false;
            }
            Kind::Discard | Kind::Reset if open => open = false,
            _ if open => writes |= !owed.command.repeatable,
            // A MULTI without an answer is no proof that the commands behind it were queued: a user may not be allowed to
            // say MULTI, and then each of them was executed on its own.
            _ if !owed.command.repeatable => return true,
            _ => {}
        }
    }
    false
}
