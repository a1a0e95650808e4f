//! Move a master on purpose, and say how it went.

use crate::cli::SwitchoverArgs;
use crate::control::{self, Switched};
use crate::failure::Failure;
use crate::say::say;

/// `standfast switchover`.
pub(crate) fn switchover(args: &SwitchoverArgs) -> Result<(), Failure> {
    let group = &args.group;
    // The name goes into a line of words.
    if group.is_empty() || group.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(Failure::refused(format!("{group:?} is not the name of a group")));
    }
    let line = match args.to {
        Some(to) => format!("switchover {group} {to}"),
        None => format!("switchover {group}"),
    };
    let Switched { from, to, epoch, held } = control::ask(&args.node, &line)?;
    say(format_args!(
        "{group}: the master is {to}, it was {from} (epoch {epoch}); writes were held for {:.1} ms",
        held.as_secs_f64() * 1e3
    ))
}
