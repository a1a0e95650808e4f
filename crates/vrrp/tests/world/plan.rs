//! What world does a seed make? Routers, their configuration, the link between them, and what happens to both.

use std::net::IpAddr;
use std::time::Duration;

use machine::Rng;
use vrrp::config::{Announce, OtherAddresses, Preempt, StartAs};
use vrrp::{Codec, Config, Interval, Password, Priority, Version, Vrid, timing};

/// A world before it begins.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub seed: u64,
    pub configs: Vec<Config>,
    pub codec: Codec,
    /// No packet is longer on its way.
    pub delay: Duration,
    /// Of 1,000 packets, while there are faults.
    pub lost: u64,
    pub corrupted: u64,
    /// What happens while anything may happen, in the order of time.
    pub faults: Vec<(Duration, Op)>,
    /// When the link becomes whole, for good.
    pub heal: Duration,
    /// What happens then, one thing after the other, each with time to settle.
    pub calm: Vec<Op>,
}

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Nothing gets from one to the other; the way back is another matter.
    Cut {
        from: usize,
        to: usize,
    },
    /// Hosts with a bit hear only each other, as do those without.
    Part {
        mask: usize,
    },
    Whole,
    /// The host is gone at once, and with it what it held.
    Crash(usize),
    Restart(usize),
    /// It is stopped in order, and started.
    Stop(usize),
    Start(usize),
    /// It stands still, and what it held stays on it for as long.
    Freeze(usize, Duration),
    Forbid(usize),
    Allow(usize),
    Rank(usize, u8),
    /// Its kernel refuses the addresses, or no longer.
    Refuse(usize, bool),
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let rng = &mut rng;
        let n = 2 + below(rng, 4);
        let (version, codec, is_v4) = match below(rng, 5) {
            0 => (Version::V2, Codec::v2(None), true),
            1 => (Version::V2, Codec::v2(Password::new(b"secret")), true),
            2 => (Version::V3, Codec::v3_checksum_as_v2(), true),
            3 => (Version::V3, Codec::v3(), true),
            _ => (Version::V3, Codec::v3(), false),
        };
        let configs = configs(rng, n, version, is_v4);
        let longest = configs.iter().map(|c| c.interval).max().expect("two routers at least").duration();
        let is_clean = rng.chance(250);
        let mut plan = Self {
            seed,
            configs,
            codec,
            delay: longest / [1000, 100, 10, 4][below(rng, 4)],
            lost: if is_clean { 0 } else { [0, 0, 50, 300][below(rng, 4)] },
            corrupted: if is_clean { 0 } else { [0, 30][below(rng, 2)] },
            faults: Vec::new(),
            heal: longest * 60,
            calm: Vec::new(),
        };
        if is_clean {
            // Only whole partitions that are made and healed at once, and nobody refreshes: what two holders say to each other when they
            // meet has to be enough.
            for config in &mut plan.configs {
                config.announce.refresh = Duration::ZERO;
            }
            plan.clean_faults(rng, longest);
        } else {
            plan.any_faults(rng, longest);
        }
        plan.calm = (0..6).map(|_| plan.calm_op(rng)).collect();
        plan
    }

    /// The longest Active_Down_Interval that any of them can have.
    pub(crate) fn down(&self) -> Duration {
        timing::down(self.configs[0].version, Priority(1), self.longest())
    }

    pub(crate) fn longest(&self) -> Interval {
        self.configs.iter().map(|c| c.interval).max().expect("two routers at least")
    }

    /// How long a holder is waited for that this one has told to go.
    pub(crate) fn patience(&self, host: usize) -> Duration {
        Duration::from_millis(50).min(self.configs[host].interval.duration())
    }

    /// How long until nothing more follows from anything.
    pub(crate) fn settles(&self) -> Duration {
        let config = &self.configs[0];
        let wait = if let Preempt::After(delay) = config.preempt { delay } else { Duration::ZERO };
        let announce = config.announce.gap * u32::from(config.announce.repeat) + config.announce.refresh;
        wait + self.down() * 3 + self.delay * 4 + announce
    }

    fn clean_faults(&mut self, rng: &mut Rng, longest: Duration) {
        let mut at = longest * 8;
        while at + longest * 30 < self.heal {
            let mask = 1 + below(rng, (1 << self.configs.len()) - 2);
            self.faults.push((at, Op::Part { mask }));
            at += longest * 8 + rng.jitter(longest);
            self.faults.push((at, Op::Whole));
            at += longest * 8 + rng.jitter(longest);
        }
        // The last one is what the judge looks at.
        self.faults.push((at, Op::Part { mask: 1 + below(rng, (1 << self.configs.len()) - 2) }));
    }

    fn any_faults(&mut self, rng: &mut Rng, longest: Duration) {
        let mut faults: Vec<(Duration, Op)> = Vec::new();
        for _ in 0..below(rng, 40) {
            let at = rng.jitter(self.heal);
            let (host, other) = (below(rng, self.configs.len()), below(rng, self.configs.len()));
            let op = match below(rng, 14) {
                0..=2 => Op::Cut { from: host, to: other },
                3 | 4 => Op::Part { mask: below(rng, 1 << self.configs.len()) },
                5 | 6 => Op::Whole,
                7 => Op::Crash(host),
                8 => Op::Restart(host),
                9 => Op::Stop(host),
                10 => Op::Freeze(host, rng.jitter(longest * 8)),
                11 => Op::Forbid(host),
                12 => Op::Rank(host, priority(rng)),
                _ => Op::Refuse(host, true),
            };
            faults.push((at, op));
            // Most of it passes.
            let undone = match op {
                Op::Crash(host) => Some(Op::Restart(host)),
                Op::Stop(host) => Some(Op::Start(host)),
                Op::Forbid(host) => Some(Op::Allow(host)),
                Op::Refuse(host, _) => Some(Op::Refuse(host, false)),
                _ => None,
            };
            let later = at + rng.jitter(longest * 20);
            faults.extend(undone.filter(|_| rng.chance(800) && later < self.heal).map(|op| (later, op)));
        }
        faults.sort_by_key(|(at, _)| *at);
        self.faults = faults;
    }

    fn calm_op(&self, rng: &mut Rng) -> Op {
        let host = below(rng, self.configs.len());
        match below(rng, 8) {
            0 => Op::Crash(host),
            1 | 2 => Op::Restart(host),
            3 => Op::Stop(host),
            4 => Op::Start(host),
            5 => Op::Forbid(host),
            6 => Op::Allow(host),
            _ => Op::Rank(host, priority(rng)),
        }
    }
}

fn configs(rng: &mut Rng, n: usize, version: Version, is_v4: bool) -> Vec<Config> {
    let host = |n: usize| -> IpAddr {
        let n = u16::try_from(n).expect("a handful of hosts");
        if is_v4 { [10, 0, 0, n.to_be_bytes()[1]].into() } else { [0xfe80, 0, 0, 0, 0, 0, 0, n].into() }
    };
    let interval = match version {
        Version::V2 => Interval::from_centis([100, 200][below(rng, 2)]),
        Version::V3 => Interval::from_centis([1, 10, 25, 100, 4_000][below(rng, 5)]),
    };
    let interval = interval.expect("one of these");
    let preempt = match below(rng, 4) {
        0 | 1 => Preempt::AtOnce,
        2 => Preempt::After(interval.duration() * 5),
        _ => Preempt::Never,
    };
    let is_unicast = rng.chance(300);
    let has_equals = rng.chance(300);
    let owner = (preempt != Preempt::Never && rng.chance(150)).then(|| below(rng, n));
    let extra: Vec<IpAddr> = (0..below(rng, 3)).map(|n| host(101 + n)).collect();
    (0..n)
        .map(|i| {
            let mut config = Config::new(version, Vrid::new(51).expect("not zero"), host(i + 1), vec![host(100)]);
            config.addresses.extend(&extra);
            config.interval = interval;
            // In version 3 each may have its own; the others learn it.
            if version == Version::V3 && interval.centis() < 100 && rng.chance(200) {
                config.interval = Interval::from_centis(interval.centis() * 2).expect("twice as long");
            }
            config.priority = if owner == Some(i) { Priority::OWNER } else { Priority(priority(rng)) };
            if has_equals && owner != Some(i) {
                config.priority = Priority::USUAL;
            }
            config.preempt = preempt;
            config.start = if rng.chance(300) { StartAs::Active } else { StartAs::Backup };
            config.other_addresses = if rng.chance(500) { OtherAddresses::Refuse } else { OtherAddresses::Count };
            config.peers = if is_unicast {
                (0..n).filter(|other| *other != i).map(|other| host(other + 1)).collect()
            } else {
                vec![]
            };
            let gap = interval.duration() * 2;
            config.announce = Announce { repeat: 2, gap, refresh: interval.duration() * 20 };
            config
        })
        .collect()
}

fn priority(rng: &mut Rng) -> u8 {
    u8::try_from(1 + rng.below(254)).expect("1 to 254")
}

fn below(rng: &mut Rng, n: usize) -> usize {
    usize::try_from(rng.below(n as u64)).expect("below a small number")
}
