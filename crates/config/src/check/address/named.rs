//! Which hosts does an address name, and does each always have what it is named by? Not what moves, what every host has, or this host itself.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use crate::config::Tables;
use crate::diagnostic::Problem;
use crate::setting::Settings;

use super::{at, put};

pub(super) fn all(found: &mut Vec<Problem>, tables: &Tables) {
    let moving: Vec<(IpAddr, Range<usize>)> = tables.addresses.iter().flat_map(put).collect();
    for address in &tables.addresses {
        for Named { ip, what, span } in named(address) {
            let Some((_, held)) = moving.iter().find(|(other, _)| *other == ip) else { continue };
            let wrong = format!("{ip} moves from host to host, and cannot stand for a {what}");
            let problem = Problem::new(span, wrong, "expected an address that its host always has");
            found.push(problem.related(held.clone(), "it is held"));
        }
        routers(found, address);
        neighbors(found, address);
    }
}

/// Another host, or a service, by the address that the file gives.
struct Named {
    ip: IpAddr,
    what: &'static str,
    span: Range<usize>,
}

fn named(address: &Settings) -> Vec<Named> {
    let partners = address.get::<Vec<SocketAddr>>("partners").unwrap_or_default();
    let partners = partners.into_iter().map(|partner| (partner.ip(), "partner", at(address, "partners")));
    let vrrp = address.get::<Settings>("vrrp");
    let peers = vrrp.iter().flat_map(|vrrp| {
        let peers = vrrp.get::<Vec<IpAddr>>("peers").unwrap_or_default();
        peers.into_iter().map(|peer| (peer, "peer", at(vrrp, "peers")))
    });
    let bgp = bgp_neighbors(address);
    let neighbors = bgp
        .iter()
        .filter_map(|neighbor| Some((neighbor.get::<SocketAddr>("remote")?.ip(), "neighbour", at(neighbor, "remote"))));
    let checks = address.get::<Vec<Settings>>("check").unwrap_or_default();
    let checks = checks.iter().flat_map(|check| {
        let gateway = check.get::<IpAddr>("gateway").map(|ip| (ip, "gateway", at(check, "gateway")));
        let service = |key, what| check.get::<SocketAddr>(key).map(|found| (found.ip(), what, at(check, key)));
        [gateway, service("redis", "Redis that is looked at"), service("tcp", "port that is looked at")]
    });
    let all = partners.chain(peers).chain(neighbors).chain(checks.flatten());
    all.map(|(ip, what, span)| Named { ip, what, span }).collect()
}

fn bgp_neighbors(address: &Settings) -> Vec<Settings> {
    address.get::<Settings>("bgp").and_then(|bgp| bgp.get("neighbor")).unwrap_or_default()
}

/// Advertisements go over a link.
fn routers(found: &mut Vec<Problem>, address: &Settings) {
    let Some(vrrp) = address.get::<Settings>("vrrp") else { return };
    let peers = vrrp.get::<Vec<IpAddr>>("peers").unwrap_or_default();
    if let Some(peer) = peers.into_iter().find(IpAddr::is_loopback) {
        let wrong = format!("the peer {peer} is every host's own");
        found.push(Problem::new(at(&vrrp, "peers"), wrong, "expected the other routers' addresses on the link"));
    }
    if let Some(from) = vrrp.get::<IpAddr>("from").filter(IpAddr::is_loopback) {
        let wrong = format!("advertisements cannot come from {from}: it is every host's own");
        found.push(Problem::new(at(&vrrp, "from"), wrong, "expected this host's address on the link"));
    }
}

/// Sessions go from this host to another one.
fn neighbors(found: &mut Vec<Problem>, address: &Settings) {
    let lelastic = address.get::<Settings>("bgp").and_then(|bgp| bgp.get::<Settings>("lelastic"));
    lelastic.iter().for_each(|lelastic| local(found, lelastic));
    for neighbor in bgp_neighbors(address) {
        let (remote, own) = (neighbor.get::<SocketAddr>("remote"), neighbor.get::<IpAddr>("local"));
        match (remote, own) {
            (Some(remote), Some(own)) if remote.ip() == own && !own.is_loopback() => {
                let wrong = format!("the neighbour {own} is this host itself");
                let problem = Problem::new(at(&neighbor, "remote"), wrong, "expected the address of a route server");
                found.push(problem.related(at(&neighbor, "local"), "this host"));
            }
            _ => local(found, &neighbor),
        }
    }
}

fn local(found: &mut Vec<Problem>, table: &Settings) {
    let (Some(IpAddr::V6(own)), Some(span)) = (table.get("local"), table.span("local")) else { return };
    if own.is_unicast_link_local() {
        let wrong = format!("a session cannot be had from {own}: every link has fe80::/10, and which is not said");
        let problem = Problem::new(span, wrong, "expected an address that is on one link only");
        found.push(problem.help("remove the line: the system takes an address that fits to the neighbour's"));
    }
}
