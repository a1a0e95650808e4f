//! How did a failover go, told so that somebody who was asleep can follow? For the terminal, the page and programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use machine::Instant;
use sentinel::record::{Ballot, Cause, Moment, Outcome, Record, Sighting, Step};
use sentinel::report::Report;
use serde::{Deserialize, Serialize};
use view::RunId;

use crate::cli::ExplainArgs;
use crate::control;
use crate::failure::Failure;
use crate::history::{Story, Tally, end, start};
use crate::say::say;
use crate::status::Source;

/// One failover, with what it takes to read it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Explained {
    /// What the node that tells it is called.
    pub(crate) name: String,
    /// Which one it is: 1 is the last.
    pub(crate) nr: usize,
    /// How many are remembered.
    pub(crate) of: usize,
    /// When it began, by this host's wall clock: `2026-11-21T04:37:32.123Z`.
    pub(crate) begun: String,
    /// When its last step was done.
    pub(crate) ended: String,
    /// Where nodes can be reached, as far as is known today.
    pub(crate) nodes: BTreeMap<RunId, SocketAddr>,
    /// What happened.
    pub(crate) story: Story,
}

/// `standfast explain`.
pub(crate) fn explain(args: &ExplainArgs) -> Result<(), Failure> {
    let line = question(args.group.as_deref(), args.nr)?;
    if args.json {
        let explained: serde_json::Value = control::ask(&args.node, &line)?;
        return say(format_args!("{explained:#}"));
    }
    let explained: Explained = control::ask(&args.node, &line)?;
    say(text(&explained))
}

/// The line for the control socket. A number in the place of a group, and no other, is the number.
fn question(group: Option<&str>, nr: Option<u64>) -> Result<String, Failure> {
    let Some(group) = group else { return Ok("explain 1".to_owned()) };
    if let (Ok(only), None) = (group.parse::<u64>(), nr) {
        return Ok(format!("explain {only}"));
    }
    // The name goes into a line of words.
    if group.is_empty() || group.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(Failure::refused(format!("{group:?} is not the name of a group")));
    }
    Ok(format!("explain {} {group}", nr.unwrap_or(1)))
}

/// The last failover but `nr - 1`. `Ok(None)`: the node is stopping; `Err`: there is none, for people.
pub(crate) async fn of(source: &Source, group: Option<&str>, nr: usize) -> Result<Option<Explained>, String> {
    let Some(report) = source.node.look(|machine, _| machine.report()).await else { return Ok(None) };
    let Some(mut stories) = source.history.stories().await else { return Ok(None) };
    if let Some(group) = group {
        stories.retain(|story| story.record.group.as_str() == group);
        if stories.is_empty() && !report.groups.iter().any(|known| known.name.as_str() == group) {
            return Err(Failure::no_group(group, report.groups.iter().map(|known| &known.name)));
        }
    }
    let of = stories.len();
    let Some(story) = of.checked_sub(nr).filter(|_| nr > 0).map(|at| stories.swap_remove(at)) else {
        let whose = group.map_or_else(String::new, |group| format!(" of group {group}"));
        return Err(match of {
            0 => format!("no failover{whose} is remembered: none happened, or this node was not there"),
            1 => format!("only one failover{whose} is remembered"),
            _ => format!("only {of} failovers{whose} are remembered"),
        });
    };
    let (begun, ended) = (story.wall(start(&story.record)), story.wall(end(&story.record)));
    Ok(Some(Explained {
        name: source.name.clone(),
        nr,
        of,
        begun: date_and_time(begun),
        ended: date_and_time(ended),
        nodes: nodes(&report),
        story,
    }))
}

fn nodes(report: &Report) -> BTreeMap<RunId, SocketAddr> {
    let peers = report.groups.iter().flat_map(|group| &group.peers).map(|peer| (peer.id.clone(), peer.addr));
    peers.chain([(report.id.clone(), report.announce)]).collect()
}

/// The story for people.
pub(crate) fn text(explained: &Explained) -> String {
    let Explained { name, nr, of, begun, story, .. } = explained;
    let record = &story.record;
    let mut out = headline(record);
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{} {}", cause(record), leader(explained));
    let _ = writeln!(out, "As node {name} saw it ({nr} of {of}, the last is 1); it began at {begun}.\n");
    for step in &record.steps {
        let time = &date_and_time(story.wall(step.at))[11..23];
        let _ = writeln!(out, "  {:>10.1} ms  {time}  {}", millis(step.at, start(record)), sentence(step, record));
    }
    write_sightings(&mut out, explained);
    write_ballots(&mut out, explained);
    if !record.candidates.is_empty() {
        out.push_str("\nWho could have become master\n");
    }
    for verdict in &record.candidates {
        let mark = if verdict.chosen { "chosen" } else { "not chosen" };
        let _ = writeln!(out, "  {}  offset {}  {mark}: {}", verdict.addr, verdict.offset, verdict.why);
    }
    let _ = writeln!(out, "\n{}", writes(record));
    let _ = writeln!(out, "{}", clients(story.clients.as_ref()));
    out
}

/// Who saw what. Of other nodes this one knows only when it heard of it.
fn write_sightings(out: &mut String, explained: &Explained) {
    let record = &explained.story.record;
    if !record.sightings.is_empty() {
        out.push_str("\nWho saw what of the old master\n");
    }
    for Sighting { at, by, addr, what } in &record.sightings {
        let after = millis(*at, start(record));
        let _ = writeln!(out, "  {after:>10.1} ms  {}: {what}", node(explained, by, Some(*addr)));
    }
}

fn write_ballots(out: &mut String, explained: &Explained) {
    let record = &explained.story.record;
    match (record.ballots.len(), record.votes_needed) {
        (0, _) => return,
        (_, 0) => out.push_str("\nVotes that this node gave or heard of\n"),
        (_, needed) => {
            let _ = writeln!(out, "\nVotes ({needed} needed)");
        }
    }
    for Ballot { at, voter, addr, leader, epoch } in &record.ballots {
        let after = millis(*at, start(record));
        let (voter, leader) = (node(explained, voter, Some(*addr)), node(explained, leader, None));
        let _ = writeln!(out, "  {after:>10.1} ms  {voter} votes for {leader}, epoch {epoch}");
    }
}

/// A node as people know it.
fn node(explained: &Explained, id: &RunId, addr: Option<SocketAddr>) -> String {
    if *id == explained.story.node {
        return format!("{} (this node)", explained.name);
    }
    match addr.or_else(|| explained.nodes.get(id).copied()) {
        Some(addr) => format!("{} at {addr}", id.short()),
        None => id.short().to_owned(),
    }
}

fn headline(record: &Record) -> String {
    let Record { group, epoch, from, to, outcome, .. } = record;
    let took = millis(end(record), start(record));
    match (outcome, to) {
        (Some(Outcome::Switched), Some(to)) => {
            format!("Group {group}, epoch {epoch}: the master is {to}, it was {from}. It took {took:.1} ms.\n")
        }
        (Some(Outcome::Aborted { why }), _) => {
            format!("Group {group}, epoch {epoch}: the master stayed {from}. Given up after {took:.1} ms: {why}.\n")
        }
        (Some(Outcome::Switched), None) => format!("Group {group}, epoch {epoch}: {from} is master no more.\n"),
        (None, _) => format!("Group {group}, epoch {epoch}: under way for {took:.1} ms; the master was {from}.\n"),
    }
}

fn cause(record: &Record) -> String {
    let detected = record.steps.iter().find(|step| step.what == Moment::Detected && !step.note.is_empty());
    let why = detected.map_or_else(String::new, |step| format!(": {}", step.note));
    match record.cause {
        Cause::Planned => "An operator wanted another master.".to_owned(),
        Cause::Down => format!("The master was agreed down{why}."),
        Cause::Told if detected.is_some() => format!("The master was down{why}."),
        Cause::Told => "This node saw nothing wrong with the master.".to_owned(),
    }
}

fn leader(explained: &Explained) -> String {
    let record = &explained.story.record;
    let Some(id) = &record.leader else { return "Another node led it, and this one was not told which.".to_owned() };
    if *id == explained.story.node {
        return "This node led it.".to_owned();
    }
    format!("Node {} led it, and knows more: votes, candidates, each step.", node(explained, id, None))
}

fn sentence(step: &Step, record: &Record) -> String {
    let Record { from, to, epoch, .. } = record;
    let to = to.map_or_else(|| "the chosen one".to_owned(), |to| to.to_string());
    let what = match step.what {
        Moment::Suspected => format!("the first sign of trouble with {from}"),
        Moment::Detected => "down for this node".to_owned(),
        Moment::Agreed => "down for the quorum: what goes through listeners waits from here".to_owned(),
        Moment::Tried => format!("this node asks for votes, in epoch {epoch}"),
        Moment::Voted => "this node gives its vote to another".to_owned(),
        Moment::Elected => "this node is elected to lead".to_owned(),
        Moment::Paused => format!("{from} holds writes"),
        Moment::CaughtUp => "the replica has everything".to_owned(),
        Moment::Sealed => "the replicas stand still and can be compared".to_owned(),
        Moment::Selected => "one is chosen".to_owned(),
        Moment::Promoted => format!("{to} is told to be master"),
        Moment::Verified => format!("{to} says that it is"),
        Moment::Published if record.cause == Cause::Told => format!("this node follows: {to} is the master from here"),
        Moment::Published => format!("the decision is on disk and told: {to} is the master from here"),
        Moment::Ended => "the other replicas follow".to_owned(),
        Moment::Aborted => "given up; what was changed is undone".to_owned(),
    };
    if step.note.is_empty() { what } else { format!("{what}: {}", step.note) }
}

/// For how long nobody could write.
fn writes(record: &Record) -> String {
    let published = record.when(Moment::Published);
    let first = record.when(Moment::Suspected).or_else(|| record.when(Moment::Detected));
    match (record.cause, first, published) {
        (Cause::Planned, _, Some(_)) => {
            format!("Writes were held for {:.1} ms.", record.held.as_secs_f64() * 1e3)
        }
        (Cause::Planned, _, None) => "The old master takes writes again.".to_owned(),
        (_, Some(first), Some(published)) => {
            let gap = millis(published, first);
            format!("From the first sign to the new master {gap:.1} ms passed, in which a write could only wait.")
        }
        (_, _, None) => "No other master was made.".to_owned(),
        (_, None, Some(_)) => "For how long nobody could write is not known here.".to_owned(),
    }
}

fn clients(tally: Option<&Tally>) -> String {
    let Some(Tally { waited, repeated, expired, unknown_fate, cut }) = tally else {
        return "What clients saw is not known here.".to_owned();
    };
    let parts = [
        (waited, "requests that waited"),
        (repeated, "requests that were sent again"),
        (expired, "requests that waited too long and got an error"),
        (unknown_fate, "clients disconnected because nobody can know whether their write was executed"),
        (cut, "clients disconnected within a reply, or because what they were could not be carried over"),
    ];
    let seen: Vec<String> =
        parts.into_iter().filter(|(n, _)| **n > 0).map(|(n, what)| format!("{what}: {n}")).collect();
    match seen.as_slice() {
        [] => "Clients of this node's listeners saw nothing of it.".to_owned(),
        seen => format!("What this node's listeners counted: {}.", seen.join("; ")),
    }
}

fn millis(at: Instant, since: Instant) -> f64 {
    at.since(since).as_secs_f64() * 1e3
}

/// `2026-11-21T04:37:32.123Z`, from milliseconds since the UNIX epoch.
fn date_and_time(wall: u64) -> String {
    // A file may say anything; a year has four digits.
    let wall = wall.min(END_OF_9999);
    let (seconds, ms) = (wall / 1_000, wall % 1_000);
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1_970;
    while days >= days_of(year) {
        days -= days_of(year);
        year += 1;
    }
    let mut month = 0;
    let february = if days_of(year) == 366 { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z", month + 1, days + 1)
}

const fn days_of(year: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if leap { 366 } else { 365 }
}

/// The last millisecond of the year 9999.
const END_OF_9999: u64 = 253_402_300_799_999;

#[cfg(test)]
mod tests;
