//! Who watches the servers of three hosts: our nodes, or a stock Sentinel on each, with the same `down-after`?

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use serde_json::Value;

use crate::host::{DOWN_AFTER_MS, GROUP, HOSTS, Hosts};
use crate::wire::field;

/// The program beside each Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Monitor {
    /// `standfast run`, with a file of its own format.
    Standfast,
    /// `redis-server sentinel.conf --sentinel`.
    Stock,
}

impl Monitor {
    /// All there are, in the order of reports.
    pub const ALL: [Self; 2] = [Self::Standfast, Self::Stock];

    /// As one types it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standfast => "standfast",
            Self::Stock => "stock",
        }
    }

    /// Whether clients find the master behind listeners of ours.
    #[must_use]
    pub const fn has_listeners(self) -> bool {
        match self {
            Self::Standfast => true,
            Self::Stock => false,
        }
    }

    /// Whether it has a control socket, for `standfast status` and `standfast switchover`. Without one it is asked, and ordered, as a
    /// Sentinel is.
    #[must_use]
    pub const fn has_control(self) -> bool {
        match self {
            Self::Standfast => true,
            Self::Stock => false,
        }
    }
}

/// The file of a stock Sentinel. `failover-timeout` is that of our own default: stock's three minutes would only make it retry later.
pub(crate) fn sentinel_conf(ip: IpAddr, master: SocketAddr, dir: &Path) -> String {
    let mut text = format!(
        "bind {ip}\nport 26379\nprotected-mode no\ndaemonize no\ndir {}\nlogfile node.log\n\
         sentinel monitor {GROUP} {} {} 2\n",
        dir.display(),
        master.ip(),
        master.port()
    );
    for (option, value) in
        [("down-after-milliseconds", DOWN_AFTER_MS), ("failover-timeout", FAILOVER_TIMEOUT_MS), ("parallel-syncs", 1)]
    {
        writeln!(text, "sentinel {option} {GROUP} {value}").expect("a string takes every line");
    }
    text
}

/// The master that all Sentinels name, when all is well for each of them: every server and every other Sentinel up.
pub(crate) fn agreed(hosts: &Hosts) -> Option<SocketAddr> {
    let ask = |host: &str, what: &str| hosts.ask(hosts.sentinel_at(host), &["SENTINEL", what, GROUP]);
    let two_well = |list: Value| {
        let list = list.as_array()?.iter().map(|one| field(one, "flags")).collect::<Option<Vec<_>>>()?;
        (list.len() == 2 && list.iter().all(|flags| !flags.contains("down") && !flags.contains("dis"))).then_some(())
    };
    let mut masters = HOSTS.map(|host| {
        two_well(ask(host, "REPLICAS")?)?;
        two_well(ask(host, "SENTINELS")?)?;
        let master = ask(host, "MASTER")?;
        (field(&master, "flags")? == "master").then_some(())?;
        format!("{}:{}", field(&master, "ip")?, field(&master, "port")?).parse().ok()
    });
    masters.sort();
    masters[0].filter(|_| masters[0] == masters[2])
}

const FAILOVER_TIMEOUT_MS: u32 = 10_000;
