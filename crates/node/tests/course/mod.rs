//! Events of every sort, and configurations with addresses of every way, by chance.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bgp::{Attributes, Conn, Neighbor, Prefix};
use machine::Rng;
use node::config::{Address, Config, Follows, Way};
use node::event::{End, Found};
use node::{Event, Placed, Wish};
use view::{Epoch, Phase, View};
use vrrp::config::Announce;
use vrrp::health::{Check, Rule};
use vrrp::{Advert, Interval, Priority, Version, Vrid};

/// What a course of events draws from.
pub(crate) struct Course {
    group: &'static str,
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
/// What some are called at times.
const OTHERWISE: [(&str, &str); 2] = [("b", "bb"), ("f", "ff")];
const LINKS: [&str; 3] = ["eth0", "eth1", "lo"];

impl Course {
    pub(crate) fn new(_: &mut Rng) -> Self {
        Self { group: "cache" }
    }

    pub(crate) fn startup(&self, rng: &mut Rng) -> Event {
        let mut left = Vec::new();
        for _ in 0..below(rng, 3) {
            left.push((one(rng, &LINKS), placed(rng, 100)));
        }
        let (mut found, mut handed) = (Vec::new(), Vec::new());
        for _ in 0..below(rng, 3) {
            found.push(Found { interface: one(rng, &LINKS), address: placed(rng, 100), lasts: rng.chance(500) });
            handed.push((one(rng, &LINKS), placed(rng, 100)));
        }
        Event::Startup { left, found, handed_over: rng.chance(500), handed }
    }

    /// `a` and `b` move by VRRP, sometimes together; the others in any way.
    pub(crate) fn config(&self, rng: &mut Rng) -> Config {
        loop {
            let mut config = Config::default();
            for (n, name) in NAMES.iter().enumerate() {
                if rng.chance(800) {
                    config.addresses.insert((*name).into(), self.address(rng, u8::try_from(n).expect("a few")));
                }
            }
            // What is called otherwise is the same.
            for (name, otherwise) in OTHERWISE {
                if rng.chance(400)
                    && let Some(address) = config.addresses.remove(name)
                {
                    config.addresses.insert(otherwise.into(), address);
                }
            }
            if rng.chance(400) {
                let group = if rng.chance(200) { "two" } else { "both" };
                let members = config.addresses.keys().filter(|name| ["a", "b", "bb"].contains(&name.as_str()));
                config.groups.insert(group.into(), members.cloned().collect());
            }
            if config.check().is_ok() {
                return config;
            }
        }
    }

    fn address(&self, rng: &mut Rng, n: u8) -> Address {
        let held: Vec<Placed> =
            [100, 110].into_iter().take(1 + below(rng, 2)).map(|base| placed_at(rng, base + n)).collect();
        let proof = rng.chance(500);
        let check = |name: &str, rule| Check { name: name.into(), rule, rise: 2, fall: 2 };
        let mut checks = vec![check("load", Rule::Weight(-20))];
        if proof {
            checks.push(check("proxy", Rule::Veto));
        }
        let master = Follows::Master { group: self.group.into(), servers: vec![server(1)] };
        let sort = if n < 2 { 0 } else { below(rng, 4) };
        Address {
            interface: if n < 2 { LINKS[usize::from(n)].into() } else { one(rng, &LINKS) },
            lifetime: rng.chance(500).then(|| Duration::from_secs(1 + rng.below(3))),
            follows: if rng.chance(500) { master } else { Follows::Checks },
            checks,
            proof: proof.then(|| "proxy".into()),
            proof_age: Duration::from_millis(500 + rng.below(1_000)),
            way: way(rng, sort, n, &held),
            ask_first: rng.chance(300).then(|| Duration::from_millis(50)),
            put_back: rng.chance(800),
            released: rng.chance(50),
            held,
        }
    }

    pub(crate) fn event(
        &self,
        rng: &mut Rng,
        running: &BTreeMap<String, u64>,
        conns: &BTreeMap<(String, String), u64>,
    ) -> Option<Event> {
        let address = if rng.chance(100) { OTHERWISE[below(rng, 2)].1.to_owned() } else { one(rng, &NAMES) };
        let interface = one(rng, &LINKS);
        let bad = |rng: &mut Rng| rng.chance(300).then(|| "it is so".to_owned());
        Some(match below(rng, 26) {
            20.. => {
                let all: Vec<_> = conns.iter().collect();
                let ((address, neighbor), conn) = all.get(below(rng, all.len().max(1)))?;
                let event = well(rng, Conn(**conn));
                Event::Peer { address: address.clone(), neighbor: neighbor.clone(), event }
            }
            0..=5 => {
                let check = one(rng, &["proxy", "proxy", "load", "nothing"]);
                Event::Checked { address, check, failed: bad(rng) }
            }
            6 | 7 => Event::Viewed { view: self.view(rng) },
            8 => Event::Link { interface, fault: bad(rng) },
            9 => {
                let there = (0..below(rng, 4)).map(|_| placed(rng, 100)).collect();
                Event::Listed { interface, there }
            }
            10 if rng.chance(500) => Event::Gone { interface, address: placed(rng, 100) },
            10 => Event::Found { interface, address: placed(rng, 100) },
            11 if rng.chance(300) => Event::NotPut { interface, address: placed(rng, 100), why: "no".into() },
            12 => Event::Elsewhere { interface, ip: placed(rng, 100).ip, by: "somebody".into() },
            13 => Event::Router { address, event: heard(rng) },
            14 if rng.chance(300) => Event::Peer { address, neighbor: "rs".into(), event: peer(rng) },

            15 | 16 => {
                let (address, nr) = running.iter().next().map(|(address, nr)| (address.clone(), *nr))?;
                let nr = if rng.chance(900) { nr } else { nr + 1 };
                let end = if rng.chance(600) { End::Done } else { End::Failed("no".into()) };
                Event::Ran { address, nr, end }
            }
            17 if rng.chance(300) => Event::Rekeyed { address, neighbor: "rs".into() },
            17 => Event::PartnerLost { address, node: "x".into() },
            18 => {
                Event::Wished { address, wish: [Wish::Release, Wish::Take, Wish::Take, Wish::Preempt][below(rng, 4)] }
            }
            19 if rng.chance(500) => Event::Configured { config: Box::new(self.config(rng)) },
            _ => return None,
        })
    }

    fn view(&self, rng: &mut Rng) -> View {
        let phase = [Phase::Steady, Phase::Steady, Phase::Switching, Phase::Lost][below(rng, 4)];
        let master = server(1 + u8::try_from(below(rng, 2)).expect("two"));
        View { group: self.group.into(), epoch: Epoch(1), phase, master, replicas: vec![] }
    }
}

fn way(rng: &mut Rng, sort: usize, n: u8, held: &[Placed]) -> Way {
    let announce = Announce { repeat: 2, gap: Duration::from_millis(100), refresh: Duration::from_secs(1) };
    match sort {
        0 => {
            let ips = held.iter().map(|placed| placed.ip).collect();
            let vrid = Vrid::new(1 + n + if rng.chance(200) { 10 } else { 0 }).expect("not zero");
            let mut router = vrrp::Config::new(Version::V3, vrid, [10, 0, 0, 1].into(), ips);
            router.interval = Interval::from_centis(10).expect("a tenth of a second");
            router.priority = Priority([100, 100, 200, 255][below(rng, 4)]);
            router.announce = announce;
            Way::Vrrp(router)
        }
        1 => {
            let mut neighbor = Neighbor::new(([192, 0, 2, 1 + n], 179).into(), 65_001, 65_002, [10, 0, 0, 1].into());
            neighbor.hold_time = if rng.chance(500) { 90 } else { 30 };
            let routes = held.iter().map(|placed| (Prefix::host(placed.ip), Attributes::default())).collect();
            let linger = Duration::from_millis([0, 200, 3_000][below(rng, 3)]);
            Way::Bgp { neighbors: [("rs".into(), neighbor)].into(), routes, linger }
        }
        2 => Way::Command { check: rng.chance(500).then(|| Duration::from_secs(2)) },
        _ => Way::View { announce },
    }
}

fn heard(rng: &mut Rng) -> vrrp::Event {
    let n = u8::try_from(below(rng, 2)).expect("two");
    let from = IpAddr::from([10, 0, 0, 1 + u8::try_from(below(rng, 3)).expect("three")]);
    let advert = Advert {
        vrid: Vrid::new(1 + n).expect("not zero"),
        priority: Priority([0, 50, 150, 250][below(rng, 4)]),
        interval: Interval::from_centis(10).expect("a tenth of a second"),
        addresses: vec![[10, 0, 0, 100 + n].into()],
    };
    vrrp::Event::Heard { from, to: [224, 0, 0, 18].into(), advert }
}

fn peer(rng: &mut Rng) -> bgp::Event {
    let conn = Conn(rng.below(4));
    match below(rng, 5) {
        0 => bgp::Event::Connected { conn, local: [192, 0, 2, 2].into() },
        1 => bgp::Event::Refused { conn, why: "no".into() },
        2 => bgp::Event::Closed { conn },
        3 => bgp::Event::Sent { conn, bytes: 10 },
        _ => bgp::Event::Bytes { conn, bytes: vec![0xFF; below(rng, 30)] },
    }
}

/// What a neighbour says that wants the session.
fn well(rng: &mut Rng, conn: Conn) -> bgp::Event {
    let message = |rest: &[u8]| [&[0xFF; 16], rest].concat();
    // An OPEN of AS 65001 with both families, then a KEEPALIVE.
    let open = [
        0x00, 0x3B, 0x01, 0x04, 0xFD, 0xE9, 0x00, 0x5A, 0xC0, 0x00, 0x02, 0x01, 0x1E, 0x02, 0x1C, 0x01, 0x04, 0x00,
        0x01, 0x00, 0x01, 0x01, 0x04, 0x00, 0x02, 0x00, 0x01, 0x02, 0x00, 0x05, 0x06, 0x00, 0x01, 0x00, 0x01, 0x00,
        0x02, 0x41, 0x04, 0x00, 0x00, 0xFD, 0xE9,
    ];
    match below(rng, 3) {
        0 => bgp::Event::Connected { conn, local: [192, 0, 2, 2].into() },
        1 => bgp::Event::Bytes { conn, bytes: [message(&open), message(&[0x00, 0x13, 0x04])].concat() },
        _ => bgp::Event::Sent { conn, bytes: 1_000 },
    }
}

fn placed(rng: &mut Rng, base: u8) -> Placed {
    let n = u8::try_from(below(rng, 16)).expect("a few");
    placed_at(rng, base + n)
}

fn placed_at(rng: &mut Rng, last: u8) -> Placed {
    Placed { ip: [10, 0, 0, last].into(), prefix: if rng.chance(900) { 24 } else { 32 } }
}

fn server(host: u8) -> SocketAddr {
    ([10, 0, 0, host], 6379).into()
}

fn one(rng: &mut Rng, of: &[&str]) -> String {
    of[below(rng, of.len())].to_owned()
}

pub(crate) fn below(rng: &mut Rng, n: usize) -> usize {
    usize::try_from(rng.below(n as u64)).expect("below a small number")
}
