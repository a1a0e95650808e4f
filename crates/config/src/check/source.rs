//! What does not fit together where a group's view comes from: options of another source, passwords where none belong.

use std::time::Duration;

use crate::choice::Source;
use crate::config::Tables;
use crate::diagnostic::Problem;
use crate::setting::Settings;
use crate::value::{quote, show_duration};

use super::{header, missing};

/// The source of a group; `None` if what is written there is none.
pub(super) fn of(group: &Settings) -> Option<Source> {
    group.get("source")
}

/// Whether nodes vote on any group of the file. Without groups, or where it cannot be said, they do, unless the file is about addresses.
pub(super) fn votes(tables: &Tables) -> bool {
    let groups = &tables.groups;
    (groups.is_empty() && tables.addresses.is_empty())
        || groups.iter().any(|group| of(group).is_none_or(|source| source == Source::Monitor))
}

/// The option without which a source cannot be.
pub(super) const fn needs(source: Source) -> &'static str {
    match source {
        Source::Monitor => "master",
        Source::Sentinels => "sentinels",
        Source::Probe => "servers",
    }
}

/// Whether a group has no source and no master, but options of another source: then only the source is missing.
pub(super) fn is_unsaid(group: &Settings) -> bool {
    group.lacks("source") && group.lacks("master") && !strangers(group, Source::Monitor).is_empty()
}

/// Options of other sources.
fn strangers(group: &Settings, source: Source) -> Vec<&'static Owned> {
    OWNERS.iter().filter(|(key, owners, _)| !owners.contains(&source) && group.span(key).is_some()).collect()
}

/// What is wrong with one group.
pub(super) fn group(found: &mut Vec<Problem>, group: &Settings) {
    let Some(source) = of(group) else { return };
    let strangers = strangers(group, source);
    if is_unsaid(group) {
        let meant = strangers[0].1[0];
        let wrong = format!("`source` is missing: `{}` is an option of `source = \"{meant}\"`", strangers[0].0);
        let problem = Problem::new(header(group), wrong, "expected `source` in this table");
        found.push(problem.help(format!("add the line: source = \"{meant}\"")));
        return;
    }
    for (key, owners, why) in strangers {
        let wrong = format!("`{key}` has no meaning with `source = \"{source}\"`");
        let span = group.span(key).unwrap_or_default();
        let problem = Problem::new(span, wrong, format!("only with {}: {why}", words(owners)));
        found.push(match group.span("source") {
            Some(own) => problem.related(own, "the source of this group").help("remove the line"),
            None => {
                problem.help(format!("`source` is not set, so it is \"{source}\"; remove the line, or set the source"))
            }
        });
    }
    if let Some(span) = group.span("sentinel-username").filter(|_| group.lacks("sentinel-password")) {
        let wrong = "`sentinel-username` without `sentinel-password`: a Sentinel takes a user only with a password";
        found.push(Problem::new(span, wrong, "expected a `sentinel-password` next to it"));
    }
    fast(found, group);
    expect(found, group);
    for check in group.get::<Vec<Settings>>("check").unwrap_or_default() {
        missing(found, &check);
        send(found, &check);
    }
}

/// Whoever looks more seldom in doubt than in peace has mixed them up.
fn fast(found: &mut Vec<Problem>, group: &Settings) {
    let [fast, usual] = ["fast-interval", "interval"].map(|key| group.get::<Duration>(key));
    let (Some(fast), Some(usual), Some(span)) = (fast, usual, group.span("fast-interval")) else { return };
    if fast > usual {
        let (fast, usual) = (show_duration(fast), show_duration(usual));
        let wrong = format!("`fast-interval` ({fast}) is longer than `interval` ({usual})");
        found.push(Problem::new(span, wrong, format!("expected at most {usual}")));
    }
}

/// What only a replica says keeps every master out.
fn expect(found: &mut Vec<Problem>, group: &Settings) {
    let expected = group.get::<Vec<String>>("expect").unwrap_or_default();
    let wrong = expected.iter().find(|line| line.starts_with("role:") && line.as_str() != "role:master");
    if let (Some(line), Some(span)) = (wrong, group.span("expect")) {
        let wrong = format!("{} is nothing that a master says", quote(line));
        let problem = Problem::new(span, wrong, "expected what a master's `INFO replication` contains");
        found.push(
            problem.help("replicas need no check of their own: a listener with role = \"replica\" leads to them"),
        );
    }
}

/// A question that cannot be one.
fn send(found: &mut Vec<Problem>, check: &Settings) {
    let (Some(text), Some(span)) = (check.get::<String>("send"), check.span("send")) else { return };
    let word = text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
    match word.as_str() {
        "" => found.push(Problem::new(span, "`send` is empty", "expected a command")),
        "AUTH" | "HELLO" => {
            let wrong = format!("{word} does not belong into a check: what is sent is shown in logs and on pages");
            let problem = Problem::new(span, wrong, "expected a command without a password");
            found.push(
                problem.help(
                    "set `password`, and `username` for an ACL user, in the group: every check logs in with them",
                ),
            );
        }
        word if UNANSWERED.contains(&word) => {
            let wrong = format!("{word} has more than one reply, or none");
            found.push(Problem::new(span, wrong, "expected a command with one reply"));
        }
        _ => {}
    }
}

/// Nobody votes, so nobody has to be reached. In `[node]`.
pub(super) fn node(found: &mut Vec<Problem>, node: &Settings) {
    for key in ["listen", "announce"] {
        if let Some(span) = node.span(key) {
            let wrong = format!(
                "`{key}` has no meaning here: no group of this file has `source = \"monitor\"`, and no address has `partners`, so there is no Sentinel port"
            );
            found.push(
                Problem::new(span, wrong, "only where nodes watch a group, or tell each other of clients")
                    .help("remove the line"),
            );
        }
    }
}

fn words(sources: &[Source]) -> String {
    let words: Vec<String> = sources.iter().map(|source| format!("`source = \"{source}\"`")).collect();
    words.join(" or ")
}

/// An option, whose it is, and why.
type Owned = (&'static str, &'static [Source], &'static str);

/// Options that only some sources have. Those that are not here are for all.
const OWNERS: &[Owned] = &[
    ("master", MONITOR, "otherwise somebody else tells where it is"),
    ("nodes", MONITOR, "only nodes vote"),
    ("quorum", MONITOR, "only nodes vote"),
    ("down-after", MONITOR, "a check has `check-timeout`, `interval` and `fall`"),
    ("confirm", MONITOR, "a check has `check-timeout`, `interval` and `fall`"),
    ("restart-grace", MONITOR, "nobody is promoted by this program otherwise"),
    ("failover-timeout", MONITOR, "nobody is promoted by this program otherwise"),
    ("switchover-timeout", MONITOR, "nobody is promoted by this program otherwise"),
    ("parallel-syncs", MONITOR, "nobody is promoted by this program otherwise"),
    ("notification-script", MONITOR, "the Sentinels run theirs"),
    ("client-reconfig-script", MONITOR, "the Sentinels run theirs"),
    ("sentinels", SENTINELS, "nobody else asks them"),
    ("sentinel-username", SENTINELS, "nobody else asks them"),
    ("sentinel-password", SENTINELS, "nobody else asks them"),
    ("sentinel-tls", SENTINELS, "nobody else asks them"),
    ("servers", PROBE, "otherwise they are found"),
    ("rise", PROBE, "otherwise somebody else decides"),
    ("expect", PROBE, "otherwise somebody else decides"),
    ("check", PROBE, "otherwise somebody else decides"),
    ("interval", CHECKS, "a node has `down-after`"),
    ("fast-interval", CHECKS, "a node has `down-after`"),
    ("check-timeout", CHECKS, "a node has `down-after`"),
    ("fall", CHECKS, "a node has `down-after`"),
];
const MONITOR: &[Source] = &[Source::Monitor];
const SENTINELS: &[Source] = &[Source::Sentinels];
const PROBE: &[Source] = &[Source::Probe];
const CHECKS: &[Source] = &[Source::Probe, Source::Sentinels];
/// Commands after which replies are not one to one.
const UNANSWERED: &[&str] = &[
    "SUBSCRIBE",
    "PSUBSCRIBE",
    "SSUBSCRIBE",
    "UNSUBSCRIBE",
    "PUNSUBSCRIBE",
    "MONITOR",
    "SYNC",
    "PSYNC",
    "QUIT",
    "SHUTDOWN",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::section;

    #[test]
    fn every_option_of_a_source_exists_and_each_source_has_what_it_needs() {
        let group = section("group").unwrap();
        for (key, ..) in OWNERS {
            assert!(group.option(key).is_some(), "{key}");
        }
        for source in [Source::Monitor, Source::Sentinels, Source::Probe] {
            let owners = OWNERS.iter().find(|(key, ..)| *key == needs(source)).unwrap().1;
            assert_eq!(owners, [source]);
        }
    }
}
