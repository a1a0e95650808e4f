//! Is it possible? What can only be seen across options and tables: what is missing, what exists twice, what contradicts another line.

mod address;
mod edge;
mod source;

use std::net::SocketAddr;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use crate::choice::{Role, Source};
use crate::config::{self, Tables};
use crate::diagnostic::Problem;
use crate::edge::Endpoint;
use crate::options::{Absent, Definition, section};
use crate::setting::Settings;
use crate::suggest::{self, Candidate};
use crate::value::{LONGEST_SOCKET_PATH, quote, show_duration};

/// Everything that does not fit together. `strangers`: the file has tables that nobody knows, so a table that seems to be missing
/// may only be misspelt.
pub(crate) fn tables(tables: &Tables, strangers: bool) -> Vec<Problem> {
    let mut found = Vec::new();
    for table in tables.groups.iter().chain(&tables.listeners).chain(&tables.addresses) {
        missing(&mut found, table);
    }
    node(&mut found, &tables.node, strangers, source::votes(tables), address::has_partners(tables));
    if tables.groups.is_empty() && !strangers && needs_group(tables) {
        let name = section("group").expect("is in the table of options");
        found.push(Problem::of_file("there is no [[group]]: nothing to watch", "expected at least one").help(format!(
            "add a group:\n[[group]]\n{}",
            examples(name.options.iter().filter(|d| is_first_needed(d)))
        )));
    }
    for table in &tables.groups {
        group(&mut found, table);
    }
    twice(&mut found, &tables.groups, "name", "every group needs a name of its own");
    twice(&mut found, &tables.groups, "master", "a server belongs to one group");
    for table in &tables.listeners {
        listener(&mut found, table, tables, strangers);
    }
    edge::inner(&mut found, tables);
    sockets(&mut found, tables);
    address::all(&mut found, tables, strangers);
    found
}

/// Whether there is nothing to do without a group.
fn needs_group(tables: &Tables) -> bool {
    let addresses = &tables.addresses;
    addresses.is_empty() || !tables.listeners.is_empty() || addresses.iter().any(address::needs_group)
}

/// Options that a table must have and lacks.
fn missing(found: &mut Vec<Problem>, table: &Settings) {
    let lacking: Vec<&Definition> = table
        .section
        .options
        .iter()
        .filter(|definition| is_required_in(definition, table) && table.lacks(definition.key))
        .collect();
    if lacking.is_empty() {
        return;
    }
    let names: Vec<String> = lacking.iter().map(|definition| format!("`{}`", definition.key)).collect();
    let wrong = format!("{} {} missing", names.join(" and "), if names.len() == 1 { "is" } else { "are" });
    let label = format!("expected {} in this table", names.join(" and "));
    let help = format!("add, with your own values:\n{}", examples(lacking.into_iter()));
    found.push(Problem::new(header(table), wrong, label).help(help));
}

/// Whether a table must have it; a group needs what its source needs, an address what it follows.
fn is_required_in(definition: &Definition, table: &Settings) -> bool {
    if table.section.name == "address" && address::must_have(definition, table) {
        return true;
    }
    let is_group = table.section.name == "group";
    let by_source = || source::of(table).is_some_and(|source| source::needs(source) == definition.key);
    matches!(definition.absent, Absent::Required) || (is_group && !source::is_unsaid(table) && by_source())
}

/// What the simplest group has.
fn is_first_needed(definition: &Definition) -> bool {
    matches!(definition.absent, Absent::Required) || definition.key == source::needs(Source::Monitor)
}

/// Lines that one could add to the file.
fn examples<'a>(definitions: impl Iterator<Item = &'a Definition>) -> String {
    let lines: Vec<String> =
        definitions.map(|definition| format!("{} = {}", definition.key, definition.example)).collect();
    lines.join("\n")
}

fn node(found: &mut Vec<Problem>, node: &Settings, strangers: bool, votes: bool, partners: bool) {
    let misspelt = strangers && node.header.is_none();
    if !votes && !partners {
        source::node(found, node);
    }
    if let Some(listen) = node.get::<SocketAddr>("listen").filter(|_| !misspelt && votes)
        && listen.ip().is_unspecified()
        && node.lacks("announce")
    {
        let wrong = format!(
            "`announce` is missing in [node]: {listen} is every address of this host, and other nodes must be told one"
        );
        let announce = format!("announce = \"10.0.0.1:{}\"", listen.port());
        let (problem, lines) = match node.span("listen").or_else(|| node.header.clone()) {
            Some(span) => (Problem::new(span, wrong, "expected `announce` next to it"), announce),
            None => (Problem::of_file(wrong, "expected a [node] table with it"), format!("[node]\n{announce}")),
        };
        found.push(problem.help(format!("add the address that other nodes reach this one by:\n{lines}")));
    }
    if let Some(control) = config::control(node) {
        let length = control.as_os_str().as_bytes().len();
        let span = node.span("control").or_else(|| node.span("state-dir"));
        if let Some(span) = span.filter(|_| length > LONGEST_SOCKET_PATH) {
            let wrong = format!("the path of the control socket has {length} bytes, more than the kernel allows");
            let label = format!("expected at most {LONGEST_SOCKET_PATH} bytes for `control`");
            let help = "set `control` to a shorter path, for example \"/run/standfast/standfast.sock\"";
            found.push(Problem::new(span, wrong, label).help(help));
        }
    }
}

fn group(found: &mut Vec<Problem>, group: &Settings) {
    if let (Some(quorum), Some(nodes), Some(span)) =
        (group.get::<u32>("quorum"), group.get::<u32>("nodes"), group.span("quorum"))
        && quorum > nodes
    {
        let wrong = format!("`quorum` {quorum} can never be reached: {nodes} nodes watch this group");
        let problem = Problem::new(span, wrong, format!("expected 1 to {nodes}"));
        found.push(match group.span("nodes") {
            Some(nodes) => problem.related(nodes, "as many nodes as there are"),
            None => problem.help(format!("`nodes` is not set, so it is {nodes}")),
        });
    }
    confirm(found, group);
    source::group(found, group);
    if let Some(span) = group.span("username").filter(|_| group.lacks("password")) {
        let wrong = "`username` without `password`: Redis takes a user only with a password";
        found.push(Problem::new(span, wrong, "expected a `password` next to it"));
    }
}

/// A refused connection says more than silence, so it never has to last longer.
fn confirm(found: &mut Vec<Problem>, group: &Settings) {
    let (Some(confirm), Some(down_after)) = (group.get::<Duration>("confirm"), group.get::<Duration>("down-after"))
    else {
        return;
    };
    if confirm <= down_after {
        return;
    }
    let (confirm, down_after) = (show_duration(confirm), show_duration(down_after));
    let wrong = format!("`confirm` ({confirm}) is longer than `down-after` ({down_after})");
    let label = format!("expected 0s to {down_after}: a refused connection says more than silence");
    found.push(match (group.span("confirm"), group.span("down-after")) {
        (Some(own), Some(other)) => Problem::new(own, wrong, label).related(other, "silence of this length"),
        (Some(own), None) => {
            Problem::new(own, wrong, label).help(format!("`down-after` is not set, so it is {down_after}"))
        }
        (None, own) => {
            let own = own.unwrap_or_else(|| header(group));
            Problem::new(own, wrong, format!("expected at least `confirm`, {confirm}"))
                .help(format!("`confirm` is not set, so it is {confirm}; set it as well, for example to \"0s\""))
        }
    });
}

fn listener(found: &mut Vec<Problem>, listener: &Settings, tables: &Tables, strangers: bool) {
    let role = listener.get::<Role>("role");
    for key in ["fallback", "balance"] {
        if let Some(span) = listener.span(key).filter(|_| role == Some(Role::Master)) {
            let wrong = format!("`{key}` has no meaning for a listener that leads to the master");
            let problem = Problem::new(span, wrong, "only for `role = \"replica\"`");
            found.push(problem.help("remove the line, or set role = \"replica\""));
        }
    }
    if let (Some(Endpoint::Tcp(listen)), Some(span)) = (listener.get("listen"), listener.span("listen")) {
        let is_same = |group: &Settings| {
            let among = group.get::<Vec<SocketAddr>>("servers").is_some_and(|servers| servers.contains(&listen));
            let master = group.get::<SocketAddr>("master") == Some(listen);
            if among { group.span("servers") } else { group.span("master").filter(|_| master) }
        };
        if let Some(master) = tables.groups.iter().find_map(is_same) {
            let wrong = format!("the listener has the address of a Redis server, {listen}");
            let problem = Problem::new(span, wrong, "expected an address that Redis does not use");
            found.push(problem.related(master, "Redis is here").help("use another port or another IP address"));
        }
    }
    let (Some(name), Some(span)) = (listener.get::<String>("group"), listener.span("group")) else {
        return;
    };
    match tables.groups.iter().find(|group| group.get::<String>("name").as_ref() == Some(&name)) {
        Some(group) if role == Some(Role::Master) && source::of(group) == Some(Source::Monitor) => {
            hold(found, listener, group);
        }
        Some(_) => {}
        // A group without a usable name may be the one that is meant.
        None if strangers || tables.groups.iter().any(|group| group.span("name").is_none()) => {}
        None if tables.groups.is_empty() => {}
        None => found.push(unknown_group(&name, span, &tables.groups)),
    }
}

fn unknown_group(name: &str, span: Range<usize>, groups: &[Settings]) -> Problem {
    let wrong = format!("there is no group {}", quote(name));
    let names: Vec<String> = groups.iter().filter_map(|group| group.get("name")).collect();
    let meant = suggest::nearest(name, names.iter().map(|name| Candidate { name, also: &[] }));
    if let Some(meant) = meant {
        return Problem::new(span, wrong, format!("did you mean \"{meant}\"?"));
    }
    let list: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    Problem::new(span, wrong, "expected the name of a [[group]]").help(format!("the groups are: {}", list.join(", ")))
}

/// A planned switchover promises not to fail a request; that takes requests that may wait as long as it may last.
fn hold(found: &mut Vec<Problem>, listener: &Settings, group: &Settings) {
    let (Some(hold), Some(timeout)) = (listener.get::<Duration>("hold"), group.get::<Duration>("switchover-timeout"))
    else {
        return;
    };
    // Zero is an operator who wants errors at once and knows it.
    if hold.is_zero() || hold >= timeout {
        return;
    }
    let (hold, timeout) = (show_duration(hold), show_duration(timeout));
    let wrong = format!("`hold` ({hold}) is shorter than its group's `switchover-timeout` ({timeout})");
    let label = format!("expected at least {timeout}, or \"0s\" for never");
    let span = listener.span("hold").or_else(|| listener.header.clone()).unwrap_or_default();
    let problem = Problem::new(span, wrong, label)
        .help("otherwise a planned switchover can answer requests with errors; lengthen one or shorten the other");
    found.push(match group.span("switchover-timeout") {
        Some(other) => problem.related(other, "writes may be held this long"),
        None => problem,
    });
}

/// Two tables with the same value of an option that must be unique. The later one is at fault.
fn twice(found: &mut Vec<Problem>, tables: &[Settings], key: &'static str, why: &str) {
    for (at, table) in tables.iter().enumerate() {
        let Some(span) = table.span(key) else {
            continue;
        };
        let value = shown(table, key);
        let first = tables[..at].iter().find(|other| other.span(key).is_some() && shown(other, key) == value);
        if let Some(first) = first.and_then(|first| first.span(key)) {
            let wrong = format!("two groups have the {key} {value}");
            found.push(Problem::new(span, wrong, "again").related(first, "first here").help(why));
        }
    }
}

/// The text or address of an option, for comparison and for messages.
fn shown(table: &Settings, key: &str) -> String {
    match key {
        "master" => table.get::<SocketAddr>(key).map(|address| address.to_string()),
        _ => table.get::<String>(key).map(|text| quote(&text)),
    }
    .unwrap_or_default()
}

/// Everything on this host that listens, two by two.
fn sockets(found: &mut Vec<Problem>, tables: &Tables) {
    let admin = Some(&tables.admin).filter(|admin| admin.header.is_some());
    let node = Some(&tables.node).filter(|_| source::votes(tables) || address::has_partners(tables));
    let all = [("the Sentinel port", node), ("the status page", admin)]
        .into_iter()
        .filter_map(|(what, table)| table.map(|table| (what, table, table.get::<SocketAddr>("listen"))));
    let port = |table: &Settings| table.get::<Endpoint>("listen").and_then(|endpoint| endpoint.tcp());
    let all = all.chain(tables.listeners.iter().map(|table| ("another listener", table, port(table))));
    let mut taken: Vec<(&str, SocketAddr, Option<Range<usize>>)> = Vec::new();
    for (what, table, listen) in all {
        let Some(listen) = listen else { continue };
        let span = table.span("listen").or_else(|| table.header.clone());
        if let Some((other, address, first)) = taken.iter().find(|(_, address, _)| collide(*address, listen)) {
            found.push(collision(listen, span.clone(), other, *address, first.clone()));
        }
        taken.push((what, listen, span));
    }
}

fn collision(
    listen: SocketAddr,
    span: Option<Range<usize>>,
    other: &str,
    address: SocketAddr,
    first: Option<Range<usize>>,
) -> Problem {
    let wrong = if listen == address {
        format!("{listen} is already taken by {other}")
    } else {
        format!("{listen} overlaps with {address} of {other}")
    };
    let label = "expected an address and port of its own";
    let problem = span.map_or_else(|| Problem::of_file(&wrong, label), |span| Problem::new(span, &wrong, label));
    match first {
        Some(first) => problem.related(first, "first here"),
        None => problem.help(format!("{other} listens there by default; set its `listen` to move it")),
    }
}

/// Whether the kernel refuses the second: the same port, and the same IP address or a wildcard of the same family.
fn collide(a: SocketAddr, b: SocketAddr) -> bool {
    let wildcard = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && (a.ip() == b.ip() || wildcard && a.is_ipv4() == b.is_ipv4())
}

fn header(table: &Settings) -> Range<usize> {
    table.header.clone().unwrap_or_default()
}
