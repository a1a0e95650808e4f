//! What is a world of this seed like, and what happens in it?

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

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
    Link(usize, bool),
    /// What the first says does not reach the second.
    OneWay { from: usize, to: usize },
    /// Everybody reaches everybody.
    Whole,
    /// Somebody deletes the address.
    Delete(usize),
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

pub(crate) const NAME: &str = "vip";
pub(crate) const INTERFACE: &str = "eth0";
pub(crate) const LIFETIME: Duration = Duration::from_secs(1);
pub(crate) const PROOF_AGE: Duration = Duration::from_millis(450);
pub(crate) const CHECKED: Duration = Duration::from_millis(150);
/// How exactly the kernel keeps a lifetime.
pub(crate) const GRANULARITY: Duration = Duration::from_millis(250);
/// After so long without a beat the guard acts.
pub(crate) const PATIENCE: Duration = Duration::from_millis(200);

pub(crate) fn held() -> Placed {
    Placed { ip: [10, 0, 0, 100].into(), prefix: 24 }
}

pub(crate) fn own(host: usize) -> IpAddr {
    [10, 0, 0, u8::try_from(host + 1).expect("a handful of hosts")].into()
}

pub(crate) fn server(host: usize) -> SocketAddr {
    (own(host), 6379).into()
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let n = 2 + below(&mut rng, 2);
        let kind = [Kind::Proxy, Kind::Proxy, Kind::MasterAndVrrp, Kind::Master][below(&mut rng, 4)];
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

    /// How long it takes until nothing follows any more from whatever has happened, short of pauses after failures.
    pub(crate) fn settles(&self) -> Duration {
        let ask = self.configs.iter().filter_map(|config| config.addresses[NAME].ask_first).max().unwrap_or_default();
        // Who asks first and meets what a dead process has left asks until that has gone.
        let again = if ask.is_zero() { Duration::ZERO } else { Duration::from_secs(1) };
        // A check that has to rise, a holder that is missed, a master that is replaced, a doubt that passes, somebody asked.
        again
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
            let host = below(rng, n);
            let op = match below(rng, 18) {
                0 => Op::Die(host),
                1 | 2 => Op::Kill { host, has_guard: rng.chance(500) },
                3 => Op::Upgrade(host),
                4 | 5 => Op::Hang { host, lasts: rng.jitter(Duration::from_secs(4)), has_guard: rng.chance(500) },
                6 | 7 => Op::Proxy(host, false),
                8 => Op::Link(host, false),
                9 => Op::OneWay { from: host, to: (host + 1) % n },
                10 => Op::Delete(host),
                11 => Op::Refuse(host, true),
                12 => Op::Intrude(true),
                13 | 14 => Op::Move(host),
                15 => Op::Lose,
                16 => Op::Release(host, true),
                _ => [Op::Preempt(host), Op::List(host), Op::Partner(host), Op::Whole][below(rng, 4)],
            };
            faults.push((at, op));
            // Most of it passes.
            let undone = match op {
                Op::Die(host) | Op::Kill { host, .. } => Some(Op::Restart(host)),
                Op::Proxy(host, _) => Some(Op::Proxy(host, true)),
                Op::Link(host, _) => Some(Op::Link(host, true)),
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
        let host = below(rng, self.configs.len());
        match below(rng, 14) {
            0 => Op::Die(host),
            1 | 2 => Op::Kill { host, has_guard: rng.chance(500) },
            3 | 4 => Op::Restart(host),
            5 => Op::Upgrade(host),
            6 => Op::Hang { host, lasts: rng.jitter(Duration::from_secs(4)), has_guard: rng.chance(500) },
            7 => Op::Proxy(host, false),
            8 => Op::Proxy(host, true),
            9 => Op::Delete(host),
            10 | 11 => Op::Move(host),
            12 => Op::Release(host, rng.chance(500)),
            _ => Op::Preempt(host),
        }
    }
}

fn configs(rng: &mut Rng, n: usize, kind: Kind, interval: Duration) -> Vec<Config> {
    let ask_first = rng.chance(300).then(|| Duration::from_millis(100));
    let preempt = if rng.chance(700) { Preempt::AtOnce } else { Preempt::Never };
    let announce = Announce { repeat: 2, gap: interval, refresh: Duration::ZERO };
    let lifetime = Some(LIFETIME);
    (0..n)
        .map(|host| {
            let mut router =
                vrrp::Config::new(Version::V3, Vrid::new(51).expect("not zero"), own(host), vec![held().ip]);
            router.interval = Interval::from_duration(interval).expect("a tenth of a second");
            router.priority = Priority(u8::try_from(1 + rng.below(254)).expect("1 to 254"));
            (router.preempt, router.announce) = (preempt, announce);
            let is_proven = kind == Kind::Proxy;
            let proxy = Check { name: "proxy".into(), rule: Rule::Veto, rise: 2, fall: 2 };
            let master = Follows::Master { group: "cache".into(), servers: vec![server(host)] };
            let address = Address {
                interface: INTERFACE.into(),
                held: vec![held()],
                lifetime,
                follows: if is_proven { Follows::Checks } else { master },
                checks: is_proven.then_some(proxy).into_iter().collect(),
                proof: is_proven.then(|| "proxy".into()),
                proof_age: PROOF_AGE,
                way: if kind == Kind::Master { Way::View { announce } } else { Way::Vrrp(router) },
                ask_first,
                put_back: true,
                released: false,
            };
            Config { addresses: [(NAME.into(), address)].into(), ..Config::default() }
        })
        .collect()
}

pub(crate) fn below(rng: &mut Rng, n: usize) -> usize {
    usize::try_from(rng.below(n as u64)).expect("below a small number")
}
