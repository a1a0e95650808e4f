//! What does not fit together about an address that is announced to route servers.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::address::neighbor_name;
use crate::diagnostic::Problem;
use crate::edge::Network;
use crate::secret::Secret;
use crate::setting::Settings;
use crate::value::{quote, show_duration};

use super::super::{header, missing};
use super::{at, held, whole_seconds};

/// One address.
pub(super) fn one(found: &mut Vec<Problem>, address: &Settings) {
    let Some(bgp) = address.get::<Settings>("bgp") else { return };
    if let Some(lelastic) = bgp.get::<Settings>("lelastic") {
        missing(found, &lelastic);
        local(found, &lelastic, address);
    } else if bgp.lacks("lelastic") && bgp.lacks("neighbor") {
        let problem = Problem::new(header(&bgp), "somebody to tell is missing", "expected `neighbor` or `lelastic`");
        found.push(problem.help("add, for example:\n[[address.bgp.neighbor]]\nremote = \"10.0.0.254\""));
    }
    let neighbors = neighbors(&bgp);
    for neighbor in &neighbors {
        missing(found, neighbor);
        self::neighbor(found, neighbor);
        local(found, neighbor, address);
    }
    if neighbors.len() > MOST_NEIGHBORS {
        let wrong = format!("this address has {} neighbours", neighbors.len());
        found.push(Problem::new(at(&bgp, "neighbor"), wrong, format!("expected at most {MOST_NEIGHBORS}")));
    }
    names(found, &neighbors);
    prefixes(found, address, &bgp);
    families(found, address, &bgp, &neighbors);
}

fn neighbors(bgp: &Settings) -> Vec<Settings> {
    bgp.get("neighbor").unwrap_or_default()
}

fn neighbor(found: &mut Vec<Problem>, neighbor: &Settings) {
    for key in ["remote-as", "local-as"] {
        if let (Some(number), Some(span)) =
            (neighbor.get::<u32>(key).filter(|n| RESERVED.contains(n)), neighbor.span(key))
        {
            let wrong = format!("`{key}` {number} is reserved: it is no autonomous system's number");
            found.push(Problem::new(span, wrong, "expected the number of an autonomous system"));
        }
    }
    if let (Some(IpAddr::V4(ip)), Some(span)) = (neighbor.get("identifier"), neighbor.span("identifier"))
        && (ip.octets()[0] >= 224 || ip.is_unspecified())
    {
        let wrong = format!("{ip} is above every address of a host: who knows only RFC 4271 refuses it");
        found.push(Problem::new(span, wrong, "expected an IPv4 address of this host"));
    }
    let whole = whole_seconds(found, neighbor, "hold-time", "BGP counts in seconds");
    if let (Some(hold), Some(span)) = (neighbor.get::<Duration>("hold-time"), neighbor.span("hold-time"))
        && whole
        && !hold.is_zero()
        && hold < SHORTEST_HOLD
    {
        let wrong = format!("a `hold-time` of {} is too short", show_duration(hold));
        found.push(Problem::new(span, wrong, "expected at least 3s, or \"0s\" for none"));
    }
    if let (Some(own), Some(other)) = (neighbor.span("ttl"), neighbor.span("ttl-security")) {
        let wrong = "`ttl` and `ttl-security` say two things about the same";
        found.push(Problem::new(own, wrong, "expected one of them").related(other, "the other one"));
    }
    if let (Some(local), Some(remote)) = (neighbor.get::<IpAddr>("local"), neighbor.get::<SocketAddr>("remote"))
        && local.is_ipv4() != remote.is_ipv4()
    {
        let wrong = format!("{local} cannot reach {}: they are of different families", remote.ip());
        let problem = Problem::new(at(neighbor, "local"), wrong, "expected an address of the neighbour's family");
        found.push(problem.related(at(neighbor, "remote"), "the neighbour"));
    }
    let length = neighbor.get::<Secret>("password").map_or(0, |password| password.reveal().len());
    if let Some(span) = neighbor.span("password").filter(|_| length > LONGEST_PASSWORD) {
        let wrong = format!("`password` has more than {LONGEST_PASSWORD} bytes, and the kernel takes no longer one");
        found.push(Problem::new(span, wrong, format!("expected 1 to {LONGEST_PASSWORD} bytes")));
    }
}

/// A session stands while the address is elsewhere, or it could not bring it here.
fn local(found: &mut Vec<Problem>, table: &Settings, address: &Settings) {
    let local = table.get::<IpAddr>("local").filter(|local| held(address).iter().any(|held| held.ip == *local));
    if let (Some(local), Some(span)) = (local, table.span("local")) {
        let wrong = format!("a session cannot be had from {local}: it moves");
        found.push(Problem::new(span, wrong, "expected an address that this host always has"));
    }
}

/// In one address each is there once, by name and by place.
fn names(found: &mut Vec<Problem>, neighbors: &[Settings]) {
    for (nr, neighbor) in neighbors.iter().enumerate() {
        let Some(name) = neighbor_name(neighbor) else { continue };
        let Some(first) = neighbors[..nr].iter().find(|other| neighbor_name(other).as_ref() == Some(&name)) else {
            continue;
        };
        let place = |table: &Settings| at(table, if table.lacks("name") { "remote" } else { "name" });
        let wrong = format!("two neighbours of this address are called {}", quote(&name));
        found.push(Problem::new(place(neighbor), wrong, "again").related(place(first), "first here"));
    }
}

/// What is held is announced, and nothing else by accident.
fn prefixes(found: &mut Vec<Problem>, address: &Settings, bgp: &Settings) {
    let (Some(prefixes), Some(span)) = (bgp.get::<Vec<Network>>("prefixes"), bgp.span("prefixes")) else { return };
    let is_in = |ip: IpAddr| {
        prefixes
            .iter()
            .any(|network| network.ip.is_ipv4() == ip.is_ipv4() && Network::new(ip, network.bits) == *network)
    };
    if let Some(ip) = held(address).into_iter().map(|held| held.ip).find(|ip| !is_in(*ip)) {
        let wrong = format!("{ip} is in none of the `prefixes`: nobody would be told of it");
        found.push(Problem::new(span.clone(), wrong, "expected a network around each address that is held"));
    }
    if let Some(network) = prefixes.iter().find(|network| network.ip.is_multicast()) {
        found.push(Problem::new(span.clone(), format!("{network} is of groups of hosts"), "expected unicast networks"));
    }
    if let Some((nr, network)) = prefixes.iter().enumerate().find(|(nr, network)| prefixes[..*nr].contains(network)) {
        let _ = nr;
        found.push(Problem::new(span, format!("{network} is there twice"), "expected each network once"));
    }
}

/// Somebody must take routes of each family that is held.
fn families(found: &mut Vec<Problem>, address: &Settings, bgp: &Settings, neighbors: &[Settings]) {
    let families: Vec<Vec<String>> = neighbors.iter().filter_map(|neighbor| neighbor.get("families")).collect();
    if !bgp.lacks("lelastic") || families.len() < neighbors.len() || neighbors.is_empty() {
        return;
    }
    for (is_v4, word) in [(true, "ipv4"), (false, "ipv6")] {
        let Some(ip) = held(address).into_iter().map(|held| held.ip).find(|ip| ip.is_ipv4() == is_v4) else { continue };
        if families.iter().all(|words| !words.iter().any(|other| other == word)) {
            let wrong = format!("no neighbour takes {word} routes, so nobody would be told of {ip}");
            let span = neighbors.iter().find_map(|neighbor| neighbor.span("families"));
            let label = format!("expected \"{word}\" among the `families` of a neighbour");
            found.push(Problem::new(span.unwrap_or_else(|| header(bgp)), wrong, label));
        }
    }
}

/// A neighbour keeps one session with this host.
pub(super) fn together(found: &mut Vec<Problem>, addresses: &[Settings]) {
    let help = "a neighbour keeps one session with a host: put all that it is told into `held` of one [[address]]";
    let mut seen: Vec<(SocketAddr, Option<IpAddr>, &Settings, std::ops::Range<usize>)> = Vec::new();
    let mut lelastics: Vec<(u32, std::ops::Range<usize>)> = Vec::new();
    for address in addresses {
        let Some(bgp) = address.get::<Settings>("bgp") else { continue };
        let dcid = bgp
            .get::<Settings>("lelastic")
            .and_then(|lelastic| Some((lelastic.get::<u32>("dcid")?, at(&lelastic, "dcid"))));
        if let Some((dcid, span)) = dcid {
            match lelastics.iter().find(|(other, _)| *other == dcid) {
                Some((_, first)) => {
                    let wrong = format!("two addresses are told to the route servers of data centre {dcid}");
                    found.push(Problem::new(span, wrong, "again").related(first.clone(), "first here").help(help));
                }
                None => lelastics.push((dcid, span)),
            }
        }
        for neighbor in neighbors(&bgp) {
            let (Some(remote), local) = (neighbor.get::<SocketAddr>("remote"), neighbor.get("local")) else { continue };
            let span = at(&neighbor, "remote");
            let same = seen.iter().find(|(other, from, ..)| *other == remote && *from == local);
            match same {
                Some((_, _, of, first)) => {
                    let wrong = if std::ptr::eq(*of, address) {
                        format!("the neighbour {} is there twice", remote.ip())
                    } else {
                        format!("two addresses are told to the neighbour {}, in two sessions", remote.ip())
                    };
                    found.push(Problem::new(span, wrong, "again").related(first.clone(), "first here").help(help));
                }
                None => seen.push((remote, local, address, span)),
            }
        }
    }
}

/// RFC 7607, 6793, 7300: 0, the stand-in for large numbers, and the last of either size are nobody's.
const RESERVED: [u32; 4] = [0, 23_456, 65_535, u32::MAX];
/// RFC 4271 4.2.
const SHORTEST_HOLD: Duration = Duration::from_secs(3);
/// `TCP_MD5SIG_MAXKEYLEN`: tcp(7).
const LONGEST_PASSWORD: usize = 80;
/// Each is a connection.
const MOST_NEIGHBORS: usize = 16;
