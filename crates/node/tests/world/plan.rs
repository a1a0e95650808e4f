//! What is a world of this seed like, and what happens in it?

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bgp::{Attributes, Neighbor, Prefix};
use machine::Rng;
use node::config::{Address, Config, Follows, Placed, Way};
use vrrp::config::{Announce, Preempt};
use vrrp::health::{Check, Rule};
use vrrp::{Interval, Priority, Version, Vrid};

/// What happens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// The host is gone, with everything on it.
    Die(usize),
    /// The process is gone; its guard does what it was told to, if there is one.
    Kill { host: usize, has_guard: bool },
    /// A host or process that is gone begins again.
    Restart(usize),
    /// Another process takes the place of this one.
    Upgrade(usize),
    /// The process stands still.
    Hang { host: usize, lasts: Duration, has_guard: bool },
    /// What the proof asks works, or does not.
    Proxy(usize, bool),
    /// The interface is up, or down.
    Link { host: usize, link: usize, is_up: bool },
    /// What the first says does not reach the second.
    OneWay { link: usize, from: usize, to: usize },
    /// Everybody reaches everybody.
    Whole,
    /// Somebody deletes the address of this link.
    Delete { host: usize, link: usize },
    /// The kernel refuses the address, or not.
    Refuse(usize, bool),
    /// A stranger has the address, or not.
    Intrude(bool),
    /// The master is replaced by that of this host.
    Move(usize),
    /// There is no master any more.
    Lose,
    /// An operator wants it gone, or back.
    Release(usize, bool),
    /// An operator wants it there now.
    Preempt(usize),
    /// The host sees a whole listing.
    List(usize),
    /// A partner was lost.
    Partner(usize),
    /// A route server works, or does not.
    Server { server: usize, works: bool },
}

/// By what the address moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// VRRP, with a proof of the proxy.
    Proxy,
    /// VRRP among those where the master is.
    MasterAndVrrp,
    /// The view alone.
    Master,
    /// VRRP on two links, in a sync group, with a proof of the proxy.
    Together,
    /// Routes, from wherever the proof of the proxy passes.
    Routes,
    /// Routes, from where the master is.
    MasterAndRoutes,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Proxy,
        Self::Proxy,
        Self::MasterAndVrrp,
        Self::Master,
        Self::Together,
        Self::Routes,
        Self::MasterAndRoutes,
    ];

    /// By a check, and not by the view.
    pub(crate) const fn is_proven(self) -> bool {
        matches!(self, Self::Proxy | Self::Together | Self::Routes)
    }

    pub(crate) const fn has_router(self) -> bool {
        matches!(self, Self::Proxy | Self::MasterAndVrrp | Self::Together)
    }

    pub(crate) const fn has_routes(self) -> bool {
        matches!(self, Self::Routes | Self::MasterAndRoutes)
    }

    /// Each has one address.
    pub(crate) const fn links(self) -> usize {
        if matches!(self, Self::Together) { 2 } else { 1 }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) kind: Kind,
    pub(crate) configs: Vec<Config>,
    pub(crate) interval: Duration,
    /// The longest way of a packet, and of a view.
    pub(crate) delay: Duration,
    /// Of a thousand packets, before the heal.
    pub(crate) lost: u64,
    pub(crate) faults: Vec<(Duration, Op)>,
    pub(crate) heal: Duration,
    pub(crate) calm: Vec<Op>,
}

/// Of the addresses, one a link.
pub(crate) const NAMES: [&str; 2] = ["vip", "inner"];
const LINKS: [&str; 2] = ["eth0", "eth1"];
/// Route servers, where there are any.
pub(crate) const SERVERS: usize = 2;
/// After so long without a word a route server takes a host for gone: the least that BGP knows.
pub(crate) const HOLD: Duration = Duration::from_secs(3);
pub(crate) const LIFETIME: Duration = Duration::from_secs(1);
pub(crate) const PROOF_AGE: Duration = Duration::from_millis(450);
pub(crate) const CHECKED: Duration = Duration::from_millis(150);
/// How exactly the kernel keeps a lifetime.
pub(crate) const GRANULARITY: Duration = Duration::from_millis(250);
/// After so long without a beat the guard acts.
pub(crate) const PATIENCE: Duration = Duration::from_millis(200);

pub(crate) fn held(link: usize) -> Placed {
    Placed { ip: [10, 0, byte(link), 100].into(), prefix: 24 }
}

pub(crate) fn own(link: usize, host: usize) -> IpAddr {
    [10, 0, byte(link), byte(host + 1)].into()
}

pub(crate) fn server(host: usize) -> SocketAddr {
    (own(0, host), 6379).into()
}

pub(crate) fn interface(link: usize) -> String {
    LINKS[link].into()
}

/// Of which link an address is.
pub(crate) fn link_of(name: &str) -> usize {
    NAMES.iter().position(|own| *own == name).expect("one of ours")
}

/// On which link something is put.
pub(crate) fn link_with(placed: Placed) -> usize {
    (0..NAMES.len()).find(|link| held(*link) == placed).expect("one of ours")
}

fn byte(n: usize) -> u8 {
    u8::try_from(n).expect("a handful")
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let n = 2 + below(&mut rng, 2);
        let kind = Kind::ALL[below(&mut rng, Kind::ALL.len())];
        let interval = Duration::from_millis([100, 200][below(&mut rng, 2)]);
        let mut plan = Self {
            seed,
            kind,
            configs: configs(&mut rng, n, kind, interval),
            interval,
            delay: Duration::from_millis(1 + rng.below(4)),
            lost: if rng.chance(500) { rng.below(300) } else { 0 },
            faults: Vec::new(),
            heal: Duration::from_secs(4 + rng.below(5)),
            calm: Vec::new(),
        };
        plan.faults = plan.faults(&mut rng);
        plan.calm = (0..3).map(|_| plan.calm_op(&mut rng)).collect();
        plan
    }

    /// How long the link is asked before an address is put.
    pub(crate) fn ask_first(&self) -> Duration {
        self.configs.iter().filter_map(|config| config.addresses[NAMES[0]].ask_first).max().unwrap_or_default()
    }

    /// How long it takes until nothing follows any more from whatever has happened, short of pauses after failures.
    pub(crate) fn settles(&self) -> Duration {
        let ask = self.ask_first();
        // Who asks first and meets what a dead process has left asks until that has gone.
        let again = if ask.is_zero() { Duration::ZERO } else { Duration::from_secs(1) };
        // A session that fails for the third time in a row, and one word after the other until it stands.
        let session =
            if self.kind.has_routes() { HOLD + Duration::from_secs(5) + self.delay * 8 } else { Duration::ZERO };
        // A check that has to rise, a holder that is missed, a master that is replaced, a doubt that passes, somebody asked.
        again
            + session
            + LIFETIME
            + PROOF_AGE
            + CHECKED * 4
            + self.interval * 5
            + ask * 2
            + self.delay * 4
            + Duration::from_secs(2)
    }

    /// For how long an address may be where nobody proves it.
    pub(crate) fn unproven(&self) -> Duration {
        LIFETIME + PROOF_AGE + Duration::from_secs(1)
    }

    fn faults(&self, rng: &mut Rng) -> Vec<(Duration, Op)> {
        let n = self.configs.len();
        let mut faults = Vec::new();
        for _ in 0..2 + rng.below(8) {
            let at = rng.jitter(self.heal);
            let (host, link) = (below(rng, n), below(rng, self.kind.links()));
            let op = match below(rng, if self.kind.has_routes() { 20 } else { 18 }) {
                0 => Op::Die(host),
                1 | 2 => Op::Kill { host, has_guard: rng.chance(500) },
                3 => Op::Upgrade(host),
                4 | 5 => Op::Hang { host, lasts: rng.jitter(Duration::from_secs(4)), has_guard: rng.chance(500) },
                6 | 7 => Op::Proxy(host, false),
                8 => Op::Link { host, link, is_up: false },
                9 => Op::OneWay { link, from: host, to: (host + 1) % n },
                10 => Op::Delete { host, link },
                11 => Op::Refuse(host, true),
                12 => Op::Intrude(true),
                13 | 14 => Op::Move(host),
                15 => Op::Lose,
                16 => Op::Release(host, true),
                18 | 19 => Op::Server { server: below(rng, SERVERS), works: false },
                _ => [Op::Preempt(host), Op::List(host), Op::Partner(host), Op::Whole][below(rng, 4)],
            };
            faults.push((at, op));
            // Most of it passes.
            let undone = match op {
                Op::Die(host) | Op::Kill { host, .. } => Some(Op::Restart(host)),
                Op::Proxy(host, _) => Some(Op::Proxy(host, true)),
                Op::Link { host, link, .. } => Some(Op::Link { host, link, is_up: true }),
                Op::Server { server, .. } => Some(Op::Server { server, works: true }),
                Op::Refuse(host, _) => Some(Op::Refuse(host, false)),
                Op::Intrude(_) => Some(Op::Intrude(false)),
                Op::Release(host, _) => Some(Op::Release(host, false)),
                Op::OneWay { .. } => Some(Op::Whole),
                _ => None,
            };
            let later = at + rng.jitter(Duration::from_secs(3));
            faults.extend(undone.filter(|_| rng.chance(700) && later < self.heal).map(|op| (later, op)));
        }
        faults.sort_by_key(|(at, _)| *at);
        faults
    }

    fn calm_op(&self, rng: &mut Rng) -> Op {
        let (host, link) = (below(rng, self.configs.len()), below(rng, self.kind.links()));
        match below(rng, if self.kind.has_routes() { 16 } else { 14 }) {
            0 => Op::Die(host),
            1 | 2 => Op::Kill { host, has_guard: rng.chance(500) },
            3 | 4 => Op::Restart(host),
            5 => Op::Upgrade(host),
            6 => Op::Hang { host, lasts: rng.jitter(Duration::from_secs(4)), has_guard: rng.chance(500) },
            7 => Op::Proxy(host, false),
            8 => Op::Proxy(host, true),
            9 => Op::Delete { host, link },
            10 | 11 => Op::Move(host),
            12 => Op::Release(host, rng.chance(500)),
            14 | 15 => Op::Server { server: below(rng, SERVERS), works: rng.chance(500) },
            _ => Op::Preempt(host),
        }
    }
}

fn configs(rng: &mut Rng, n: usize, kind: Kind, interval: Duration) -> Vec<Config> {
    // Many may have what is told by routes.
    let ask_first = (rng.chance(300) && !kind.has_routes()).then(|| Duration::from_millis(100));
    let preempt = if rng.chance(700) { Preempt::AtOnce } else { Preempt::Never };
    let announce = Announce { repeat: 2, gap: interval, refresh: Duration::ZERO };
    let linger = if kind == Kind::Routes { Duration::from_millis(100 * rng.below(3)) } else { Duration::ZERO };
    (0..n)
        .map(|host| {
            let priority = Priority(u8::try_from(1 + rng.below(254)).expect("1 to 254"));
            let router = |link: usize| {
                let vrid = Vrid::new(51 + byte(link)).expect("not zero");
                let mut router = vrrp::Config::new(Version::V3, vrid, own(link, host), vec![held(link).ip]);
                router.interval = Interval::from_duration(interval).expect("a tenth of a second");
                (router.priority, router.preempt, router.announce) = (priority, preempt, announce);
                Way::Vrrp(router)
            };
            let way = |link: usize| match kind {
                Kind::Master => Way::View { announce },
                Kind::Routes | Kind::MasterAndRoutes => routes(host, linger),
                Kind::Proxy | Kind::MasterAndVrrp | Kind::Together => router(link),
            };
            let proxy = Check { name: "proxy".into(), rule: Rule::Veto, rise: 2, fall: 2 };
            let master = Follows::Master { group: "cache".into(), servers: vec![server(host)] };
            let address = |link: usize| Address {
                // What routes lead to is on no link.
                interface: if kind.has_routes() { "lo".into() } else { interface(link) },
                held: vec![held(link)],
                lifetime: Some(LIFETIME),
                follows: if kind.is_proven() { Follows::Checks } else { master.clone() },
                checks: kind.is_proven().then(|| proxy.clone()).into_iter().collect(),
                proof: kind.is_proven().then(|| "proxy".into()),
                proof_age: PROOF_AGE,
                way: way(link),
                ask_first,
                put_back: true,
                released: false,
            };
            let all = || NAMES.iter().take(kind.links());
            Config {
                addresses: all().enumerate().map(|(link, name)| ((*name).into(), address(link))).collect(),
                groups: match kind {
                    Kind::Together => [("both".into(), all().map(|name| (*name).into()).collect())].into(),
                    _ => BTreeMap::new(),
                },
            }
        })
        .collect()
}

fn routes(host: usize, linger: Duration) -> Way {
    let neighbor = |server: usize| {
        let remote = ([192, 0, 2, byte(server + 1)], 179).into();
        let identifier = [10, 0, 0, byte(host + 1)].into();
        let mut neighbor = Neighbor::new(remote, SERVERS_AS, HOSTS_AS, identifier);
        neighbor.hold_time = u16::try_from(HOLD.as_secs()).expect("three");
        neighbor.connect_retry = Duration::from_secs(1);
        (server.to_string(), neighbor)
    };
    Way::Bgp {
        neighbors: (0..SERVERS).map(neighbor).collect(),
        routes: [(Prefix::host(held(0).ip), Attributes::default())].into(),
        linger,
    }
}

/// Of the hosts.
const HOSTS_AS: u32 = 65_001;
/// Of the route servers.
pub(crate) const SERVERS_AS: u32 = 65_000;

pub(crate) fn below(rng: &mut Rng, n: usize) -> usize {
    usize::try_from(rng.below(n as u64)).expect("below a small number")
}
