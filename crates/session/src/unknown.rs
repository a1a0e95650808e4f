//! What is said of a request that was perhaps executed, where the client is not closed for it?
//!
//! With `on-unknown = "error"` a lost connection costs a client only what nobody can know. Each request of unknown fate is
//! answered in its turn with an error of a code of its own; those around it that do no harm a second time are sent again, those
//! not sent yet go on. A transaction is one request: it is played to its end, and EXEC says it.
//!
//! A read in front of such a write may see it when it is sent again. Who cannot have that has the connection closed.

use alloc::vec::Vec;

use machine::Instant;

use crate::command::Kind;
use crate::owed::{Owed, State};
use crate::session::Session;
use crate::transaction::Transaction;

/// No server says this code, and no client library takes it for something that it may try again by itself.
const UNKNOWN: &[u8] =
    b"-UNKNOWNFATE Standfast: the connection to the server ended before it answered. The request was perhaps \
executed, and was not sent again: look at the data before you repeat it\r\n";
/// The same, of all that was said since MULTI.
pub(crate) const UNKNOWN_TRANSACTION: &[u8] =
    b"-UNKNOWNFATE Standfast: the connection to the server ended before it answered. \
The transaction was perhaps executed, and was not sent again: look at the data before you repeat it\r\n";

/// What cannot be known of requests that went out whole.
#[derive(Debug, Default, PartialEq, Eq)]
struct Unknown {
    /// The transaction that servers have told to be open: its EXEC is among them.
    open: bool,
    /// These requests; a MULTI stands for all that came behind it.
    each: Vec<usize>,
}

/// Where a request stands.
#[derive(Clone, Copy)]
enum Within {
    Nothing,
    /// A transaction that is known to be open: `writes`, if EXEC changes data.
    Open {
        writes: bool,
    },
    /// What may be a transaction: nobody has answered its MULTI, which is the request of this number.
    Begun(usize),
}

/// Which of the `sent` are of unknown fate: those that went out whole, in order, after `transaction` was the state of things.
fn judge<'a>(sent: impl Iterator<Item = &'a Owed>, transaction: &Transaction) -> Unknown {
    let mut unknown = Unknown::default();
    let mut within =
        if transaction.is_open() { Within::Open { writes: transaction.writes() } } else { Within::Nothing };
    for (i, owed) in sent.enumerate() {
        let changes = !owed.command.repeatable;
        match (within, owed.command.kind) {
            (Within::Open { writes }, Kind::Exec) => {
                unknown.open |= writes;
                within = Within::Nothing;
            }
            (Within::Nothing, Kind::Exec) => {}
            (_, Kind::Exec | Kind::Discard | Kind::Reset) => within = Within::Nothing,
            (Within::Nothing, Kind::Multi) => within = Within::Begun(i),
            (Within::Open { writes }, _) => within = Within::Open { writes: writes || changes },
            (Within::Begun(multi), _) if changes && unknown.each.last() != Some(&multi) => unknown.each.push(multi),
            (Within::Nothing, _) if changes => unknown.each.push(i),
            _ => {}
        }
    }
    unknown
}

impl Session {
    /// The connection is gone, and with it answers that nobody else can give. How many will be told so.
    pub(crate) fn mark_unknown(&mut self) -> usize {
        // Something behind what was refused was perhaps executed: sending the refused again would turn the order around.
        self.pass_parked_whole();
        let unknown = judge(self.kept.iter().take(self.kept.in_flight()), &self.transaction);
        for i in &unknown.each {
            self.kept.mark(*i, State::Unknown);
        }
        if unknown.open {
            self.transaction.on_unknown();
            self.kept.release_retained();
        }
        let told = unknown.each.len() + usize::from(unknown.open);
        self.stats.unknown += told as u64;
        told
    }

    /// The oldest request was perhaps executed.
    pub(crate) fn answer_unknown(&mut self, now: Instant, kind: Kind) {
        if kind != Kind::Multi {
            return self.answer_with_error(now, UNKNOWN);
        }
        if self.transaction.is_watching() {
            // The EXEC that we answer in its place does not end the server's watch.
            self.drop_link();
            self.forget_connection(now);
        }
        self.transaction.on_unknown();
        self.out.extend(b"+OK\r\n");
        self.pop_own();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, Travels};
    use crate::replay;

    const KINDS: [Kind; 6] = [Kind::Plain, Kind::Multi, Kind::Exec, Kind::Discard, Kind::Reset, Kind::Watch];

    fn sequences(max: u32) -> impl Iterator<Item = Vec<Owed>> {
        let owed = |n: usize| {
            let kind = KINDS[n % KINDS.len()];
            let repeatable = n >= KINDS.len() || !matches!(kind, Kind::Plain | Kind::Exec);
            let command = Command {
                kind,
                repeatable: repeatable && kind != Kind::Exec,
                blocks: false,
                travels: Travels::Own,
                is_urgent: false,
            };
            Owed { len: 1, command, state: State::Owed }
        };
        let all = KINDS.len() + 1;
        (0..=max)
            .flat_map(move |len| (0..all.pow(len)).map(move |n| (0..len).map(|i| owed(n / all.pow(i) % all)).collect()))
    }

    fn transactions() -> Vec<Transaction> {
        let command =
            |kind, repeatable| Command { kind, repeatable, blocks: false, travels: Travels::Own, is_urgent: false };
        let said = [command(Kind::Multi, true), command(Kind::Plain, true), command(Kind::Plain, false)];
        let mut transaction = Transaction::default();
        let mut all = alloc::vec![transaction];
        for command in said {
            transaction.on_answered(command, true);
            all.push(transaction);
        }
        all
    }

    #[test]
    fn something_is_told_exactly_where_a_client_would_be_closed() {
        for transaction in transactions() {
            for sent in sequences(5) {
                let told = judge(sent.iter(), &transaction) != Unknown::default();
                assert_eq!(told, replay::any_unknown(sent.iter(), 0, &transaction), "{transaction:?} {sent:?}");
            }
        }
    }
}
