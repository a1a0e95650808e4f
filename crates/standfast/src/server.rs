//! Let a server rest or work, and show how all of them stand with the operator.

use std::collections::BTreeMap;

use view::GroupName;

use crate::cli::{ServerArgs, Wanted};
use crate::control::{self, Stands};
use crate::failure::{Failure, Fault};
use crate::overlay::{Standing, State};
use crate::say::say;
use crate::status::{Status, row, write_rows};

/// `standfast server`.
pub(crate) fn server(args: &ServerArgs) -> Result<(), Failure> {
    let (Some(group), Some(addr), Some(what)) = (&args.group, args.addr, args.what) else {
        return list(args);
    };
    // The name goes into a line of words.
    if group.is_empty() || group.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(Failure::refused(format!("{group:?} is not the name of a group")));
    }
    let force = if args.force { " force" } else { "" };
    let order = match (what, args.weight) {
        (Wanted::Weight, Some(n)) => format!("weight {n}"),
        (Wanted::Weight, None) => return Err(wrong("a weight needs a number, 0 to 256")),
        (_, Some(n)) => return Err(wrong(&format!("{n} has no meaning here: only `weight` takes a number"))),
        (Wanted::Ready, None) => "ready".to_owned(),
        (Wanted::Drain, None) => format!("drain{force}"),
        (Wanted::Maintenance, None) => format!("maintenance{force}"),
    };
    let Stands { standing, forgets } = control::ask(&args.node, &format!("server {group} {addr} {order}"))?;
    match standing {
        Some(standing) => say(format_args!("{group}: {addr} {}", says(&standing)))?,
        None => say(format_args!("{group}: {addr} is no server of it any more, and nothing is wanted of it"))?,
    }
    if let Some(why) = forgets {
        say(format_args!("This holds until the node ends and not longer: it could not be written down. {why}"))?;
    }
    Ok(())
}

fn list(args: &ServerArgs) -> Result<(), Failure> {
    let status: Status = control::ask(&args.node, "status")?;
    let all: BTreeMap<GroupName, Vec<Standing>> = status.servers;
    let wanted = all.iter().filter(|(name, _)| args.group.as_deref().is_none_or(|group| group == name.as_str()));
    let mut rows = vec![row(["GROUP", "SERVER", "IS", "WEIGHT"])];
    for (name, standings) in wanted {
        let cells = |s: &Standing| vec![name.to_string(), s.addr.to_string(), word(s).to_owned(), s.weight.to_string()];
        rows.extend(standings.iter().map(cells));
    }
    if let (Some(group), 1) = (&args.group, rows.len()) {
        return Err(Failure::refused(Failure::no_group(group, all.keys())));
    }
    let mut out = String::new();
    write_rows(&mut out, &rows);
    say(out)
}

fn says(standing: &Standing) -> String {
    match (standing.state, standing.holds) {
        (_, true) => format!("is {}; it is the master, and requests wait", word(standing)),
        (State::Ready, false) => format!("is ready, with weight {}", standing.weight),
        (_, false) => format!("is {}: readers go elsewhere", word(standing)),
    }
}

/// How it stands, in one word or two.
pub(crate) const fn word(standing: &Standing) -> &'static str {
    match (standing.state, standing.holds) {
        (State::Ready, _) => "ready",
        (State::Drain, false) => "drained",
        (State::Drain, true) => "drained by force",
        (State::Maintenance, false) => "in maintenance",
        (State::Maintenance, true) => "in maintenance by force",
    }
}

fn wrong(text: &str) -> Failure {
    Failure::new(Fault::Misconfigured, text)
}
