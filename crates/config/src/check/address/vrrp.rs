//! What does not fit together about an address that routers on the link agree about.

use std::net::IpAddr;
use std::time::Duration;

use crate::address::{Held, LOOPBACK, vrrp_interval};
use crate::diagnostic::Problem;
use crate::setting::Settings;
use crate::value::{quote, show_duration};

use super::super::missing;
use super::{at, held, whole_seconds};

/// One virtual router.
pub(super) fn one(found: &mut Vec<Problem>, address: &Settings) {
    let Some(vrrp) = address.get::<Settings>("vrrp") else { return };
    missing(found, &vrrp);
    if let Some(span) =
        address.span("interface").filter(|_| address.get::<String>("interface").as_deref() == Some(LOOPBACK))
    {
        let wrong = "`lo` has no link on which routers could agree";
        let help = "name the interface of the link; what is announced to route servers has `[address.bgp]` in the place of `[address.vrrp]`";
        found.push(Problem::new(span, wrong, "expected an interface with a link").help(help));
    }
    families(found, address, &vrrp);
    version_2(found, &vrrp, address);
    version_3(found, &vrrp);
    if let Some(span) = vrrp.span("preempt-delay").filter(|_| vrrp.get("preempt") == Some(false)) {
        let wrong =
            "`preempt-delay` has no meaning with `preempt = false`: a holder with less right is never sent away";
        let problem = Problem::new(span, wrong, "only with `preempt = true`").help("remove one of the lines");
        found.push(problem.related(at(&vrrp, "preempt"), "it stays as long as it lives"));
    }
    hops(found, &vrrp);
}

fn family(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "IPv4" } else { "IPv6" }
}

/// What is advertised, who advertises it and who is told are of one family.
fn families(found: &mut Vec<Problem>, address: &Settings, vrrp: &Settings) {
    let Some(first) = held(address).first().map(|held| held.ip) else {
        if let Some(span) = address.span("command").filter(|_| address.lacks("held")) {
            found.push(Problem::new(span, "`held` is missing: VRRP advertises what is held", "expected `held`"));
        }
        return;
    };
    let is_other = |ip: &IpAddr| ip.is_ipv4() != first.is_ipv4();
    if let Some(other) = held(address).into_iter().map(|held| held.ip).find(is_other) {
        let wrong = format!("{first} and {other} are of two families, and a virtual router has one");
        let help = format!(
            "move {other} to `excluded` of [address.vrrp], where it goes with the rest unadvertised; or give it an [[address]] of its own \
             with the same `sync-group`"
        );
        found.push(Problem::new(at(address, "held"), wrong, "expected addresses of one family").help(help));
    }
    let peers = vrrp.get::<Vec<IpAddr>>("peers").unwrap_or_default();
    if let Some(peer) = peers.iter().find(|peer| is_other(peer)) {
        let wrong = format!("the peer {peer} is of another family than what is held, {first}");
        found.push(Problem::new(at(vrrp, "peers"), wrong, format!("expected {} addresses", family(first))));
    }
    let from = vrrp.get::<IpAddr>("from");
    if let Some(from) = from.filter(is_other) {
        let wrong = format!("{from} is of another family than what is held, {first}");
        found.push(Problem::new(at(vrrp, "from"), wrong, format!("expected an {} address", family(first))));
    }
    // One list for all hosts names this one, too; a list of this one alone would tell nobody.
    if let Some(from) = from.filter(|from| peers == [*from]) {
        let wrong = format!("the only peer is this host itself, {from}");
        let problem = Problem::new(at(vrrp, "peers"), wrong, "expected the other routers");
        found.push(problem.related(at(vrrp, "from"), "this host"));
    }
    let all = [held(address), vrrp.get::<Vec<Held>>("excluded").unwrap_or_default()].concat();
    let owns = vrrp.get::<u32>("priority") == Some(255);
    if let Some(from) = from.filter(|from| !owns && all.iter().any(|held| held.ip == *from)) {
        let wrong = format!("advertisements cannot come from {from}: it moves");
        found.push(Problem::new(at(vrrp, "from"), wrong, "expected an address that this host always has"));
    }
}

/// RFC 3768: IPv4, whole seconds, a password.
fn version_2(found: &mut Vec<Problem>, vrrp: &Settings, address: &Settings) {
    if vrrp.get::<u32>("version") != Some(2) {
        return;
    }
    let three = "version 3 has it: set version = 3 on all routers that share the address";
    if let Some(first) = held(address).first().filter(|held| held.ip.is_ipv6()) {
        let wrong = format!("VRRP version 2 knows IPv4 only, and {} is IPv6", first.ip);
        found.push(Problem::new(at(vrrp, "version"), wrong, "expected 3").help(three));
    }
    whole_seconds(found, vrrp, "interval", "VRRP version 2 counts in seconds; version 3 has fractions");
    if let Some(span) = vrrp.span("checksum-as-v2") {
        let wrong = "`checksum-as-v2` has no meaning with version 2: it has that checksum";
        found.push(Problem::new(span, wrong, "only with version 3").help("remove the line"));
    }
    // A password is not repeated, and neither is its length's place in it.
    if let Some(span) = vrrp.span("password").filter(|_| password_bytes(vrrp) > LONGEST_PASSWORD) {
        let wrong = format!("`password` has more than {LONGEST_PASSWORD} bytes, and VRRP has no room for them");
        let help = "Keepalived cuts a longer one: beside it, write the first 8 bytes";
        found.push(Problem::new(span, wrong, format!("expected 1 to {LONGEST_PASSWORD} bytes")).help(help));
    }
}

fn password_bytes(vrrp: &Settings) -> usize {
    vrrp.get::<crate::secret::Secret>("password").map_or(0, |password| password.reveal().len())
}

/// RFC 9568: both families, hundredths of seconds up to twelve bits of them, no password.
fn version_3(found: &mut Vec<Problem>, vrrp: &Settings) {
    if vrrp.get::<u32>("version") != Some(3) {
        return;
    }
    if let (Some(interval), Some(span)) = (vrrp_interval(vrrp), vrrp.span("interval")) {
        let shown = show_duration(interval);
        if interval > LONGEST_V3 {
            let wrong = format!("`interval` ({shown}) is longer than VRRP version 3 can say");
            found.push(Problem::new(span, wrong, format!("expected at most {}", show_duration(LONGEST_V3))));
        } else if !interval.as_millis().is_multiple_of(10) {
            let wrong = format!("`interval` ({shown}) is not of hundredths of seconds, which VRRP version 3 counts in");
            found.push(Problem::new(span, wrong, "expected a multiple of 10ms"));
        }
    }
    if let Some(span) = vrrp.span("password") {
        let wrong = "`password` has no meaning with VRRP version 3, which has none";
        let problem = Problem::new(span, wrong, "only with version 2");
        let help = "remove the line: what arrives with a TTL of 255 was sent on this link. Where the other routers want a password, they \
                    speak version 2: set version = 2";
        found.push(match vrrp.span("version") {
            Some(version) => problem.related(version, "the version").help(help),
            None => problem.help(format!("`version` is not set, so it is 3; {help}")),
        });
    }
}

/// Whoever lets packets from further away in needs to know from whom.
fn hops(found: &mut Vec<Problem>, vrrp: &Settings) {
    let lower = vrrp.get::<u32>("least-hops").is_some_and(|hops| hops < 255);
    if let Some(span) = vrrp.span("least-hops").filter(|_| lower && vrrp.lacks("peers")) {
        let wrong = "`least-hops` below 255 without `peers`: anybody on the way could send advertisements";
        let help = "remove the line, or name the `peers`; multicast does not leave the link";
        found.push(Problem::new(span, wrong, "only with `peers`").help(help));
    }
}

/// One number on one link.
pub(super) fn together(found: &mut Vec<Problem>, addresses: &[Settings]) {
    let key = |address: &Settings| {
        let id: u32 = address.get::<Settings>("vrrp")?.get("id")?;
        Some((id, address.get::<String>("interface")?, held(address).first()?.ip.is_ipv4()))
    };
    for (nr, address) in addresses.iter().enumerate() {
        let Some((id, interface, is_v4)) = key(address) else { continue };
        let own = (id, interface.clone(), is_v4);
        let Some(first) = addresses[..nr].iter().find(|other| key(other).as_ref() == Some(&own)) else { continue };
        let vrrps = [address, first].map(|address| address.get::<Settings>("vrrp"));
        let [Some(vrrp), Some(other)] = vrrps else { continue };
        let family = if is_v4 { "IPv4" } else { "IPv6" };
        let wrong = format!("two virtual routers of {family} on {} have the number {id}", quote(&interface));
        let problem = Problem::new(at(&vrrp, "id"), wrong, "again").related(at(&other, "id"), "first here");
        found.push(problem.help("take another number, or put both addresses into one [[address]]"));
    }
}

/// Of version 2: eight bytes of the packet.
const LONGEST_PASSWORD: usize = 8;
/// Twelve bits of hundredths of seconds.
const LONGEST_V3: Duration = Duration::from_millis(40_950);
