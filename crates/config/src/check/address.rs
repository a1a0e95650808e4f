//! What does not fit together about addresses that move: what is missing for what they follow, two ways, two hosts' worth of the same.

mod bgp;
mod group;
mod look;
mod named;
mod vrrp;

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::time::Duration;

use crate::address::{Held, LOOPBACK, interface_of, proving};
use crate::choice::{Followed, Role};
use crate::config::{Tables, control};
use crate::diagnostic::Problem;
use crate::edge::Endpoint;
use crate::options::Definition;
use crate::setting::Settings;
use crate::value::{LONGEST_SOCKET_PATH, quote, show_duration};

use super::{header, missing, unknown_group};

/// Whether an address must have this option, by what else it says.
pub(super) fn must_have(definition: &Definition, address: &Settings) -> bool {
    match definition.key {
        "held" => address.lacks("command"),
        "interface" => address.lacks("bgp") && !(is_commanded(address) && address.lacks("held")),
        "group" | "servers" => address.get("follows") == Some(Followed::Master),
        _ => false,
    }
}

/// Whether a file of this address needs a group: one that a listener leads to, or that it follows.
pub(super) fn needs_group(address: &Settings) -> bool {
    address.get::<Followed>("follows").is_some_and(|follows| follows != Followed::Checks)
}

/// Whether other nodes are to tell us of their clients, and we them, by the Sentinel port.
pub(super) fn has_partners(tables: &Tables) -> bool {
    tables.addresses.iter().any(|address| !address.lacks("partners"))
}

/// Everything about addresses.
pub(super) fn all(found: &mut Vec<Problem>, tables: &Tables, strangers: bool) {
    for address in &tables.addresses {
        follows(found, address, tables, strangers);
        lifetime(found, address);
        partners(found, address, tables);
        way(found, address);
        on_loopback(found, address);
        no_host(found, address);
        vrrp::one(found, address);
        bgp::one(found, address);
        for inner in ["command", "announce", "notify"].into_iter().filter_map(|key| address.get::<Settings>(key)) {
            missing(found, &inner);
        }
        command(found, address);
        look::all(found, address);
    }
    if let Some(further) = tables.addresses.get(MOST) {
        let wrong = format!("this file has {} addresses", tables.addresses.len());
        found.push(Problem::new(at(further, "name"), wrong, format!("expected at most {MOST}")));
    }
    side_door(found, tables);
    names(found, &tables.addresses);
    held_twice(found, &tables.addresses);
    not_ours(found, tables);
    named::all(found, tables);
    group::all(found, tables, strangers);
    vrrp::together(found, &tables.addresses);
    bgp::together(found, &tables.addresses);
}

fn held(address: &Settings) -> Vec<Held> {
    address.get("held").unwrap_or_default()
}

fn is_commanded(address: &Settings) -> bool {
    !address.lacks("command")
}

/// The place of an option, or of the table if it is not written.
fn at(table: &Settings, key: &str) -> Range<usize> {
    table.span(key).unwrap_or_else(|| header(table))
}

/// Options of another thing that is followed, and what this one needs.
fn follows(found: &mut Vec<Problem>, address: &Settings, tables: &Tables, strangers: bool) {
    let Some(follows) = address.get::<Followed>("follows") else { return };
    let owned = [(Followed::Proxy, PROXY), (Followed::Master, MASTER)];
    for (owner, keys) in owned.into_iter().filter(|(owner, _)| *owner != follows) {
        for (key, span) in keys.iter().filter_map(|key| Some((key, address.span(key)?))) {
            let wrong = format!("`{key}` has no meaning with `follows = \"{follows}\"`");
            let problem = Problem::new(span, wrong, format!("only with `follows = \"{owner}\"`"));
            found.push(match address.span("follows") {
                Some(own) => problem.related(own, "what this address follows").help("remove the line"),
                None => {
                    problem.help(format!("`follows` is not set, so it is \"{follows}\"; remove the line, or set it"))
                }
            });
        }
    }
    match follows {
        Followed::Proxy => proxy(found, address, tables, strangers),
        Followed::Master => master(found, address, tables, strangers),
        Followed::Checks => {}
    }
}

/// The listener that proves it.
fn proxy(found: &mut Vec<Problem>, address: &Settings, tables: &Tables, strangers: bool) {
    let listeners = &tables.listeners;
    let unknown = listeners.iter().any(|listener| listener.get::<Endpoint>("listen").is_none());
    let ends: Vec<Endpoint> = listeners.iter().filter_map(|listener| listener.get("listen")).collect();
    let proving = proving(address, &held(address), &ends);
    let listener = listeners.iter().find(|listener| listener.get("listen") == proving && proving.is_some());
    match (listener, address.span("listener")) {
        (Some(listener), _) => {
            if let Some(span) = address.span("write").filter(|_| listener.get("role") == Some(Role::Replica)) {
                let wrong = "`write` has no meaning with a listener to replicas: they take no writes";
                let problem = Problem::new(span, wrong, "only by a listener with `role = \"master\"`");
                found.push(match listener.span("role") {
                    Some(role) => problem.related(role, "the listener that is tried"),
                    None => problem,
                });
            }
        }
        // One that cannot be read may be the one that is meant; and so may whatever a misspelt table holds.
        _ if unknown || strangers || !(address.lacks("listener") || address.span("listener").is_some()) => {}
        (None, Some(span)) => {
            let listen = proving.map_or_else(String::new, |end| end.to_string());
            let wrong = format!("no [[listener]] has `listen = {}`", quote(&listen));
            let problem = Problem::new(span, wrong, "expected the `listen` of a [[listener]] of this file");
            let ends: Vec<String> = ends.iter().map(|end| format!("\"{end}\"")).collect();
            let list = format!("the listeners of this file are at: {}", ends.join(", "));
            found.push(problem.help(if ends.is_empty() { "this file has no listener".to_owned() } else { list }));
        }
        (None, None) if held(address).is_empty() && !is_commanded(address) => {}
        (None, None) => {
            let wrong =
                "no [[listener]] takes connections at this address, so that nothing can prove that it is served";
            let label = "expected a listener at one of these, or at 0.0.0.0 or [::]";
            let help = "add a listener, or name one that proves it: `listener`. An address that goes with a Redis master follows that: \
                        follows = \"master\"; one that goes by `[[address.check]]` alone: follows = \"checks\"";
            found.push(Problem::new(at(address, "held"), wrong, label).help(help));
        }
    }
}

/// The group whose master it goes with.
fn master(found: &mut Vec<Problem>, address: &Settings, tables: &Tables, strangers: bool) {
    let (Some(name), Some(span)) = (address.get::<String>("group"), address.span("group")) else { return };
    let Some(group) = tables.groups.iter().find(|group| group.get::<String>("name").as_ref() == Some(&name)) else {
        let unnamed = tables.groups.iter().any(|group| group.span("name").is_none());
        if !strangers && !unnamed && !tables.groups.is_empty() {
            found.push(unknown_group(&name, span, &tables.groups));
        }
        return;
    };
    let known = group.get::<Vec<SocketAddr>>("servers").unwrap_or_default();
    let ours = address.get::<Vec<SocketAddr>>("servers").unwrap_or_default();
    let stranger = ours.iter().find(|server| !known.contains(server)).filter(|_| !known.is_empty());
    if let (Some(server), Some(span)) = (stranger, address.span("servers")) {
        let wrong = format!("{server} is none of the servers of the group {}", quote(&name));
        let problem = Problem::new(span, wrong, "expected servers of that group");
        found.push(match group.span("servers") {
            Some(all) => problem.related(all, "the servers of the group"),
            None => problem,
        });
    }
}

/// What the kernel counts in seconds, and what must be over before it takes the address away.
fn lifetime(found: &mut Vec<Problem>, address: &Settings) {
    let Some(lifetime) = address.get::<Duration>("lifetime").filter(|lifetime| !lifetime.is_zero()) else { return };
    let is_whole = whole_seconds(found, address, "lifetime", "the kernel counts in seconds");
    if address.get("follows") != Some(Followed::Proxy) || !is_whole {
        return;
    }
    let [interval, timeout] = ["interval", "timeout"].map(|key| address.get::<Duration>(key));
    let (Some(interval), Some(timeout), Some(fall)) = (interval, timeout, address.get::<u32>("fall")) else { return };
    let failing = (interval + timeout) * fall;
    if failing > lifetime {
        // The kernel counts in seconds.
        let least = show_duration(Duration::from_secs(failing.as_secs() + u64::from(failing.subsec_nanos() > 0)));
        let (lifetime, failing) = (show_duration(lifetime), show_duration(failing));
        let wrong =
            format!("`lifetime` ({lifetime}) is over before `fall` proofs have failed, which takes up to {failing}");
        let written = ["lifetime", "timeout", "fall", "interval"].into_iter().find_map(|key| address.span(key));
        let label = format!("expected `lifetime` to be at least {least}");
        let help = "the kernel would take the address away after the first late answer: lengthen `lifetime`, or shorten `timeout` or `fall`";
        found.push(Problem::new(written.unwrap_or_else(|| header(address)), wrong, label).help(help));
    }
}

/// Whether a duration is of whole seconds; if not, it is said.
fn whole_seconds(found: &mut Vec<Problem>, table: &Settings, key: &str, why: &str) -> bool {
    let (Some(duration), Some(span)) = (table.get::<Duration>(key), table.span(key)) else { return true };
    if duration.subsec_nanos() == 0 {
        return true;
    }
    let wrong = format!("`{key}` ({}) is not of whole seconds: {why}", show_duration(duration));
    let next = show_duration(Duration::from_secs(duration.as_secs() + 1));
    found.push(Problem::new(span, wrong, "expected whole seconds").help(format!("for example: {key} = \"{next}\"")));
    false
}

/// One way at most, and none only where that can be.
fn way(found: &mut Vec<Problem>, address: &Settings) {
    let ways: Vec<&str> = WAYS.into_iter().filter(|key| !address.lacks(key)).collect();
    if let [first, second, ..] = ways.as_slice() {
        let wrong = format!("an address moves by one way, and this one has `{first}` and `{second}`");
        let problem = Problem::new(at(address, second), wrong, "expected one of them");
        found.push(
            problem
                .related(at(address, first), "the other one")
                .help("for two ways take two [[address]] tables, each with addresses of its own"),
        );
    }
    let follows = address.get::<Followed>("follows");
    let is_alone = ways.is_empty() && follows.is_some_and(|follows| follows != Followed::Master);
    // What is on `lo` disturbs nobody: something else tells of it, and takes it from there.
    if is_alone && !is_on_loopback(address) && address.span("interface").is_some() {
        let wrong = "this address has no way to move: every host that may hold it would, and two of one link cannot";
        let help = "add `[address.vrrp]`, `[address.bgp]` or `[address.command]`; or let it go with the master of a group: \
                    follows = \"master\"; or put it on `lo`, where a routing program of yours tells of it";
        found.push(Problem::new(header(address), wrong, "expected `vrrp`, `bgp` or `command`").help(help));
    }
    for key in ["bgp", "command"] {
        if let Some(span) = address.span("announce").filter(|_| ways == [key]) {
            let wrong = format!("`announce` has no meaning with `{key}`: no link is told of it by us");
            found.push(Problem::new(span, wrong, "only with `vrrp`, or without a way").help("remove the table"));
        }
    }
    if let Some(span) = address.span("ask-first").filter(|_| is_on_loopback(address) && asks(address)) {
        let wrong = "`ask-first` has no meaning on `lo`: there are no neighbours";
        found.push(Problem::new(span, wrong, "only on an interface with a link").help("remove the line"));
    }
}

/// The first and the last address of an IPv4 network are its own name and all of its hosts.
fn no_host(found: &mut Vec<Problem>, address: &Settings) {
    for Held { ip, prefix } in held(address) {
        let (IpAddr::V4(v4), true) = (ip, prefix < 31) else { continue };
        let hosts = u32::MAX >> prefix;
        let what = match v4.to_bits() & hosts {
            0 => "the network itself",
            own if own == hosts => "all hosts of its network (broadcast)",
            _ => continue,
        };
        let wrong = format!("{ip}/{prefix} is {what}, and no host can have it");
        found.push(Problem::new(at(address, "held"), wrong, "expected the address of a host"));
    }
}

/// The kernel takes the whole network of an address on `lo` for its own: a host would cut itself off from it.
fn on_loopback(found: &mut Vec<Problem>, address: &Settings) {
    let wide = |held: &Held| held.prefix < if held.ip.is_ipv4() { 32 } else { 128 };
    let (Some(span), Some(held)) = (address.span("held"), held(address).into_iter().find(wide)) else { return };
    if is_on_loopback(address) {
        let wrong = format!("{held} on `lo` would make all of its network this host's own, and unreachable from here");
        let problem = Problem::new(span, wrong, "expected addresses without bits on `lo`");
        found.push(problem.help(format!("write \"{}\"", held.ip)));
    }
}

fn asks(address: &Settings) -> bool {
    address.get::<Duration>("ask-first").is_some_and(|first| !first.is_zero())
}

fn is_on_loopback(address: &Settings) -> bool {
    interface_of(address).is_some_and(|interface| interface == LOOPBACK)
}

/// A check's interval without a check.
fn command(found: &mut Vec<Problem>, address: &Settings) {
    let Some(command) = address.get::<Settings>("command") else { return };
    if let Some(span) = command.span("interval").filter(|_| command.lacks("check")) {
        let wrong = "`interval` has no meaning without `check`";
        found.push(Problem::new(span, wrong, "only with `check`").help("remove the line, or add a `check`"));
    }
}

/// Where a listener does not let in whoever comes, its proof comes in by a socket beside the control socket.
fn side_door(found: &mut Vec<Problem>, tables: &Tables) {
    let proven = tables.addresses.iter().find(|address| address.get("follows") == Some(Followed::Proxy));
    let (Some(address), Some(control)) = (proven, control(&tables.node)) else { return };
    let length = control.as_os_str().as_bytes().len();
    // A path that is too long in any case has its own problem.
    if (LONGEST_SOCKET_PATH - SIDE_DOOR + 1..=LONGEST_SOCKET_PATH).contains(&length) {
        let most = LONGEST_SOCKET_PATH - SIDE_DOOR;
        let wrong = format!(
            "the path of the control socket has {length} bytes: there is no room for the name of a socket beside it"
        );
        let span = tables.node.span("control").or_else(|| tables.node.span("state-dir"));
        let problem =
            Problem::new(span.unwrap_or_else(|| header(address)), wrong, format!("expected at most {most} bytes"));
        found.push(
            problem.help(
                "an address with `follows = \"proxy\"` is proven by that socket; set `control` to a shorter path",
            ),
        );
    }
}

fn names(found: &mut Vec<Problem>, addresses: &[Settings]) {
    let name = |address: &Settings| address.get::<String>("name");
    for (nr, address) in addresses.iter().enumerate() {
        let (Some(own), Some(span)) = (name(address), address.span("name")) else { continue };
        if let Some(first) = addresses[..nr].iter().find(|other| name(other).as_ref() == Some(&own)) {
            let wrong = format!("two addresses have the name {}", quote(&own));
            let problem = Problem::new(span, wrong, "again").related(at(first, "name"), "first here");
            found.push(problem.help("every address needs a name of its own"));
        }
    }
}

/// Every address that is put on an interface, with the place where that is written.
fn put(address: &Settings) -> Vec<(IpAddr, Range<usize>)> {
    let own = held(address).into_iter().map(|held| (held.ip, at(address, "held")));
    let vrrp = address.get::<Settings>("vrrp");
    let excluded = vrrp.iter().flat_map(|vrrp| {
        let span = at(vrrp, "excluded");
        vrrp.get::<Vec<Held>>("excluded").unwrap_or_default().into_iter().map(move |held| (held.ip, span.clone()))
    });
    own.chain(excluded).collect()
}

fn held_twice(found: &mut Vec<Problem>, addresses: &[Settings]) {
    let mut taken: Vec<(IpAddr, Range<usize>)> = Vec::new();
    for (ip, span) in addresses.iter().flat_map(put) {
        match taken.iter().find(|(other, _)| *other == ip) {
            Some((_, first)) => {
                let wrong = format!("{ip} is held twice");
                let problem = Problem::new(span, wrong, "again");
                let problem =
                    if *first == problem.span() { problem } else { problem.related(first.clone(), "first here") };
                found.push(problem.help("an address belongs to one [[address]] table"));
            }
            None => taken.push((ip, span)),
        }
    }
}

/// Where other nodes reach this one.
fn own(tables: &Tables) -> Option<SocketAddr> {
    tables.node.get("announce").or_else(|| tables.node.get("listen"))
}

/// A list of partners that names this host and nobody else.
fn partners(found: &mut Vec<Problem>, address: &Settings, tables: &Tables) {
    let (Some(partners), Some(span)) = (address.get::<Vec<SocketAddr>>("partners"), address.span("partners")) else {
        return;
    };
    if let Some(own) = own(tables).filter(|own| partners == [*own]) {
        let wrong = format!("the only partner is this node itself, {own}");
        found.push(Problem::new(span, wrong, "expected the Sentinel ports of the other hosts"));
    }
}

/// What must stay where it is, and moves.
fn not_ours(found: &mut Vec<Problem>, tables: &Tables) {
    let node = own(tables);
    let node =
        node.filter(|_| tables.node.header.is_some()).map(|node| (node.ip(), "other nodes reach this one there"));
    let servers = tables.groups.iter().flat_map(|group| {
        let master = group.get::<SocketAddr>("master");
        master.into_iter().chain(group.get::<Vec<SocketAddr>>("servers").unwrap_or_default())
    });
    let fixed: Vec<_> = servers.map(|server| (server.ip(), "a Redis server is there")).chain(node).collect();
    for (ip, span) in tables.addresses.iter().flat_map(put) {
        if let Some((_, why)) = fixed.iter().find(|(other, _)| *other == ip) {
            let wrong = format!("{ip} cannot move: {why}");
            let help = "nodes and Redis servers are told apart by their addresses: name them by those that their hosts always have";
            found.push(Problem::new(span, wrong, "expected an address that is nobody's own").help(help));
        }
    }
}

/// What is about the proof by a listener.
const PROXY: &[&str] = &["listener", "interval", "timeout", "rise", "fall", "read", "write"];
/// What is about the master of a group.
const MASTER: &[&str] = &["group", "servers"];
/// A dot and eight digits.
const SIDE_DOOR: usize = 9;
/// Addresses of one host, at each of which every event is looked at: hosts that were seen have up to forty.
const MOST: usize = 512;
const WAYS: [&str; 3] = ["vrrp", "bgp", "command"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::section;

    #[test]
    fn every_option_that_only_some_addresses_have_exists() {
        let address = section("address").unwrap();
        for key in PROXY.iter().chain(MASTER).chain(&WAYS) {
            assert!(address.option(key).is_some(), "{key}");
        }
    }
}
