//! How do things stand? One document for the table, the page and the JSON; a healthy replica is called a replica.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use host::clock;
use machine::Instant;
use sentinel::Sentinel;
use sentinel::record::{Outcome, Record};
use sentinel::report::{GroupReport, PeerReport, Report, ServerReport, SourceKind};
use serde::{Deserialize, Serialize};
use view::GroupName;

use crate::addresses::{AddressStatus, Addresses, AddressesStatus};
use crate::cli::StatusArgs;
use crate::clients::ClientsStatus;
use crate::control;
use crate::failure::Failure;
use crate::feeds::Feeds;
use crate::history::History;
use crate::log::{self, LogStatus};
use crate::node_loop::Node;
use crate::outside::Outside;
use crate::overlay::{Standing, State};
use crate::say::say;
use crate::server::word;
use crate::traffic::Traffic;

/// How a node stands.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    /// What it is called.
    pub(crate) name: String,
    /// Of this program.
    pub(crate) version: String,
    /// Its process.
    pub(crate) pid: u32,
    /// What the machine says.
    pub(crate) report: Report,
    /// What the proxy does.
    pub(crate) listeners: Vec<ListenerStatus>,
    /// Bytes that unanswered requests of clients take on each data thread. From 128 MiB on, whoever has much under way is not read.
    #[serde(default)]
    pub(crate) kept: Vec<usize>,
    /// How servers stand with the operator, by group, the master first. Without listeners nothing is wanted of any.
    #[serde(default)]
    pub(crate) servers: BTreeMap<GroupName, Vec<Standing>>,
    /// What became of the operator's scripts.
    #[serde(default)]
    pub(crate) scripts: ScriptsStatus,
    /// What became of lines of the log.
    #[serde(default)]
    pub(crate) log: LogStatus,
    /// How the addresses of this host stand, if the file has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) addresses: Option<AddressesStatus>,
    /// What is known of clients of other nodes at these addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clients: Option<ClientsStatus>,
}

/// Scripts of the operator, in numbers.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ScriptsStatus {
    /// At present.
    pub(crate) running: usize,
    /// At present, those that run included.
    pub(crate) queued: usize,
    /// Given up since the start, because too many waited: somebody was not told something.
    pub(crate) dropped: u64,
    /// Ends of runs that nobody knew of.
    pub(crate) stray: u64,
}

/// What one listener of the proxy does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ListenerStatus {
    /// Where clients connect, as in the file.
    pub(crate) listen: String,
    /// Where it leads.
    pub(crate) group: String,
    /// `master` or `replica`.
    pub(crate) role: String,
    /// Clients at present.
    pub(crate) clients: u64,
    /// Requests taken since the start.
    pub(crate) requests: u64,
    /// Requests that wait for a master at present.
    pub(crate) held: u64,
    /// Clients that were not let in since the start, by reason.
    #[serde(default)]
    pub(crate) refused: BTreeMap<String, u64>,
}

/// Where a status comes from.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) node: Node,
    pub(crate) traffic: Traffic,
    pub(crate) feeds: Feeds,
    pub(crate) outside: Outside,
    pub(crate) history: History,
    pub(crate) addresses: Addresses,
}

impl Source {
    /// The status as of now. `None`: the node is stopping.
    pub(crate) async fn status(&self) -> Option<Status> {
        let look = |machine: &Sentinel, _| {
            let scripts = machine.scripts();
            let (running, queued) = (scripts.running(), scripts.queued());
            let scripts = ScriptsStatus { running, queued, dropped: scripts.dropped(), stray: scripts.stray() };
            (machine.report(), scripts)
        };
        let (mut report, scripts) = self.node.look(look).await?;
        report.groups.extend(self.outside.reports().await);
        report.groups.sort_by(|a, b| a.name.cmp(&b.name));
        if is_proxy_only(&report) {
            // The machine of a proxy hears of nothing.
            report.at = clock::now();
        }
        Some(Status {
            name: self.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            report,
            listeners: self.traffic.listeners(),
            kept: self.traffic.kept(),
            servers: self.feeds.standings(),
            scripts,
            log: log::status(),
            addresses: self.addresses.report().await,
            clients: self.addresses.clients(),
        })
    }
}

/// `standfast status`.
pub(crate) fn status(args: &StatusArgs) -> Result<(), Failure> {
    if args.json {
        let status: serde_json::Value = control::ask(&args.node, "status")?;
        return say(format_args!("{status:#}"));
    }
    let status: Status = control::ask(&args.node, "status")?;
    say(table(&status))
}

fn table(status: &Status) -> String {
    let Status { name, version, report, .. } = status;
    let up = report.at.as_millis() / 1_000;
    let mut out = if is_proxy_only(report) {
        format!("proxy {name}, up {}, standfast {version}\n", span(up))
    } else {
        let (id, announce, epoch) = (report.id.short(), report.announce, report.epoch);
        format!("node {name} ({id}) at {announce}, epoch {epoch}, up {}, standfast {version}\n", span(up))
    };
    if status.scripts.dropped > 0 {
        let _ = writeln!(out, "{} scripts were given up: too many waited", status.scripts.dropped);
    }
    if status.log.stuck_ms > 0 {
        let _ = writeln!(
            out,
            "nobody has read the log for {}: see what standard output leads to",
            span(status.log.stuck_ms / 1_000)
        );
    }
    if status.log.lost > 0 {
        let _ = writeln!(
            out,
            "{} log lines were lost since the start: nobody read them, or they could not be written",
            status.log.lost
        );
    }
    if let Some(addresses) = &status.addresses {
        out.push('\n');
        write_addresses(&mut out, addresses);
        status.clients.iter().for_each(|clients| write_clients(&mut out, clients));
    }
    for group in &report.groups {
        out.push('\n');
        let standings = status.servers.get(&group.name).map_or(&[][..], Vec::as_slice);
        write_group(&mut out, group, standings);
        let listeners: Vec<_> = status.listeners.iter().filter(|l| l.group == group.name.as_str()).collect();
        if !listeners.is_empty() {
            let mut rows = vec![row(["LISTENER", "LEADS TO", "CLIENTS", "REQUESTS", "WAITING"])];
            rows.extend(listeners.iter().map(|l| {
                let numbers = [l.clients, l.requests, l.held].map(|n| n.to_string());
                [vec![l.listen.clone(), l.role.clone()], numbers.to_vec()].concat()
            }));
            write_rows(&mut out, &rows);
        }
        if let Some(record) = report.records.iter().rev().find(|r| r.group == group.name) {
            write_record(&mut out, record);
        }
    }
    out
}

fn write_group(out: &mut String, group: &GroupReport, standings: &[Standing]) {
    let GroupReport { name, view, explain, quorum, .. } = group;
    let source = match group.source {
        SourceKind::Monitor => format!("quorum {quorum}"),
        SourceKind::Sentinels => "as Sentinels say".to_owned(),
        SourceKind::Probe => "as checks say".to_owned(),
    };
    let master = if view.master.port() == 0 { "not known".to_owned() } else { view.master.to_string() };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "group {name}: {:?}, master {master}, epoch {}, {source}", view.phase, view.epoch);
    let _ = writeln!(out, "  {explain}");
    for held in standings.iter().filter(|standing| standing.holds) {
        let (addr, word) = (held.addr, word(held));
        let _ = writeln!(
            out,
            "  {addr} is {word}: requests that come to this node's listeners wait. `standfast server {name} {addr} ready` lets them go."
        );
    }
    let mut rows = vec![row(["SERVER", "IS A", "LINK", "LAG", "OFFSET", "VERSION", "ANSWERED", "SERVES"])];
    let standing = |server: &ServerReport| standings.iter().find(|standing| standing.addr == server.addr);
    rows.extend(group.servers.iter().map(|one| server(one, standing(one))));
    if standings.is_empty() {
        // A node that leads nobody anywhere has nothing to say about that.
        rows.iter_mut().for_each(|row| drop(row.pop()));
    }
    write_rows(out, &rows);
    if group.servers.iter().any(|server| server.check.is_some()) {
        let mut rows = vec![row(["SERVER", "LAST CHECK"])];
        let checks = group.servers.iter().map(|s| vec![s.addr.to_string(), s.check.clone().unwrap_or_default()]);
        rows.extend(checks);
        write_rows(out, &rows);
    }
    let mut rows = vec![row(["NODE", "ID", "STATE", "ITS MASTER", "HELLO"])];
    rows.extend(group.peers.iter().map(peer));
    if rows.len() > 1 {
        write_rows(out, &rows);
    }
}

/// The addresses of this host, with what is wrong about each.
pub(crate) fn write_addresses(out: &mut String, status: &AddressesStatus) {
    let mut rows = vec![row(["ADDRESS", "IS", "SINCE", "HOLDER", "PRIORITY", "BY", "ADDRESSES"])];
    rows.extend(status.addresses.iter().map(|(name, one)| address(name, one)));
    write_rows(out, &rows);
    for (name, one) in &status.addresses {
        let _ = writeln!(out, "  {name} {}", one.explain);
        for trouble in one.troubles() {
            let _ = writeln!(out, "    {trouble}");
        }
        for neighbor in &one.neighbors {
            let _ = writeln!(out, "    BGP {}: {}, {}", neighbor.name, neighbor.state, neighbor.explain);
        }
        for odd in &one.oddities {
            let _ = writeln!(out, "    {} ({} so far, the last one {})", odd.what, odd.times, ago(odd.last_ms));
        }
    }
    for (name, group) in &status.sync_groups {
        let members: Vec<&str> = group.members.iter().map(String::as_str).collect();
        let _ = writeln!(out, "  sync group {name} ({}) is {}", members.join(", "), group.state);
    }
    status.kernel.write(out);
}

/// Whether clients of an address that moves would be released.
fn write_clients(out: &mut String, clients: &ClientsStatus) {
    let ClientsStatus { partners, served_elsewhere, untold, tickles, refused, .. } = clients;
    let _ = writeln!(
        out,
        "  told of clients here: {partners} other nodes; clients there: {served_elsewhere}; tickles sent: {tickles}"
    );
    if *refused > 0 {
        let _ = writeln!(out, "    {refused} times a host that is no partner told of clients, and was not listened to");
    }
    if *untold > 0 {
        let _ = writeln!(out, "    {untold} clients are too many: others are not told of them");
    }
}

fn address(name: &str, one: &AddressStatus) -> Vec<String> {
    let is = match one.announced() {
        _ if one.released => format!("{}, released", one.state),
        Some((told, all)) if told < all => format!("{}, told to {told} of {all}", one.state),
        _ => one.state.clone(),
    };
    let priority = if one.way == "vrrp" { one.priority.to_string() } else { "-".to_owned() };
    let held = one.held.join(" ");
    let since = ago(one.since_ms);
    vec![name.to_owned(), is, since, one.holder(), priority, one.way.clone(), held]
}

/// Whether no group is watched by nodes.
fn is_proxy_only(report: &Report) -> bool {
    !report.groups.is_empty() && report.groups.iter().all(|group| group.source != SourceKind::Monitor)
}

fn server(server: &ServerReport, standing: Option<&Standing>) -> Vec<String> {
    let is_a = if server.is_master { "master" } else { "replica" };
    let link = match (&server.down, server.is_master) {
        (Some(why), _) => format!("down: {why}"),
        (None, true) => "answers".to_owned(),
        (None, false) if server.link_up => "in sync".to_owned(),
        (None, false) => "no master".to_owned(),
    };
    let lag = server.lag.map_or_else(|| "-".to_owned(), |lag| format!("{lag} B"));
    let lag = if server.is_master { "-".to_owned() } else { lag };
    vec![
        server.addr.to_string(),
        is_a.to_owned(),
        link,
        lag,
        server.offset.to_string(),
        if server.version.is_empty() { "-".to_owned() } else { server.version.clone() },
        ago(server.answered_ms_ago),
        standing.map_or_else(|| "-".to_owned(), serves),
    ]
}

/// Whether readers are led to it, and how many beside the others.
fn serves(standing: &Standing) -> String {
    match standing.state {
        State::Ready => format!("weight {}", standing.weight),
        _ => word(standing).to_owned(),
    }
}

fn peer(peer: &PeerReport) -> Vec<String> {
    vec![
        peer.addr.to_string(),
        peer.id.short().to_owned(),
        if peer.down { "silent" } else { "answers" }.to_owned(),
        peer.master.map_or_else(|| "-".to_owned(), |master| master.to_string()),
        peer.hello_ms_ago.map_or_else(|| "never".to_owned(), ago),
    ]
}

fn write_record(out: &mut String, record: &Record) {
    let Record { from, to, cause, epoch, outcome, .. } = record;
    let to = to.map_or_else(|| "nobody yet".to_owned(), |to| to.to_string());
    let end = match outcome {
        Some(Outcome::Switched) => "done".to_owned(),
        Some(Outcome::Aborted { why }) => format!("given up: {why}"),
        None => "under way".to_owned(),
    };
    let cause = format!("{cause:?}").to_lowercase();
    let _ = writeln!(out, "  last change of master ({cause}, epoch {epoch}): {from} -> {to}, {end}");
    let Some(start) = record.steps.first().map(|step| step.at) else { return };
    for step in &record.steps {
        let what = format!("{:?}", step.what).to_lowercase();
        let _ = writeln!(out, "  {:>9.1} ms  {what:<10} {}", millis(step.at, start), step.note);
    }
}

fn millis(at: Instant, start: Instant) -> f64 {
    at.since(start).as_secs_f64() * 1e3
}

pub(crate) fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// Columns as wide as their widest cell.
pub(crate) fn write_rows(out: &mut String, rows: &[Vec<String>]) {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(out, "  {}", line.trim_end());
    }
}

/// So long ago that milliseconds say nothing is told in larger units.
fn ago(ms: u64) -> String {
    if ms < 10_000 { format!("{ms} ms ago") } else { format!("{} ago", span(ms / 1_000)) }
}

/// A length of time for people: its two largest units.
fn span(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, s) => format!("{s} s"),
        (0, 0, m, s) => format!("{m} min {s} s"),
        (0, h, m, _) => format!("{h} h {m} min"),
        (d, h, _, _) => format!("{d} d {h} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut out = String::new();
        write_rows(&mut out, &[row(["A", "B"]), row(["longer", "x"])]);
        assert_eq!(out, "  A       B\n  longer  x\n");
    }

    #[test]
    fn a_span_has_two_units() {
        assert_eq!([ago(9_999), ago(82_485)], ["9999 ms ago", "1 min 22 s ago"]);
        assert_eq!([span(5), span(65), span(3_660), span(90_000)], ["5 s", "1 min 5 s", "1 h 1 min", "1 d 1 h"]);
    }
}
