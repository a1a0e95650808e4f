//! FRR as a route server: its BGP alone, which knows no routes but those that it is told.

use lab::program::{require, said};
use lab::room::Running;
use serde_json::Value;

use crate::link::{Link, US6};

pub(crate) struct Frr<'a> {
    link: &'a Link,
    _running: Running,
}

impl<'a> Frr<'a> {
    /// With a session over IPv6 that takes both families. `more`: lines about the neighbour.
    pub(crate) fn start(link: &'a Link, more: &[&str]) -> Self {
        require("vtysh");
        let lines = ["remote-as 65001", "passive", "timers 3 9", "capability extended-nexthop"];
        let of_neighbor: String = lines.iter().chain(more).map(|line| format!(" neighbor {US6} {line}\n")).collect();
        let families = ["ipv4", "ipv6"].map(|family| {
            format!(" address-family {family} unicast\n  neighbor {US6} activate\n exit-address-family\n")
        });
        let head =
            "router bgp 65000\n bgp router-id 10.0.0.1\n no bgp ebgp-requires-policy\n no bgp default ipv4-unicast\n";
        link.room.write("frr.conf", &format!("{head}{of_neighbor}{}", families.concat()));
        let mut command = link.on_server(BGPD);
        // Nobody but the routing table is missing: it is neither asked nor changed.
        command.args(["--no_zebra", "--no_kernel", "--skip_runas", "--log", "stdout", "--vty_port", "0"]);
        command.arg("--config_file").arg(link.room.path("frr.conf")).arg("--pid_file").arg(link.room.path("frr.pid"));
        command.arg("--vty_socket").arg(link.room.path("."));
        let frr = Self { link, _running: link.room.start(command) };
        frr.wait("an answer of FRR", |frr| frr.ask("show bgp neighbors").contains(US6).then_some(()));
        frr
    }

    /// What it answers; if it cannot, why.
    pub(crate) fn ask(&self, words: &str) -> String {
        let mut command = self.link.on_server("vtysh");
        command.arg("--vty_socket").arg(self.link.room.path(".")).args(["-d", "bgpd", "-c", words]);
        said(&command.output().expect("vtysh can be started"))
    }

    /// The route, if it has it: what it calls a path.
    pub(crate) fn route(&self, prefix: &str) -> Option<Value> {
        let family = if prefix.contains(':') { "ipv6" } else { "ipv4" };
        let answer = self.ask(&format!("show bgp {family} unicast {prefix} json"));
        let found: Value = serde_json::from_str(answer.trim()).ok()?;
        Some(found.get("paths")?.get(0)?.clone())
    }

    pub(crate) fn wait<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let mut tries = 0;
        self.link.room.wait(what, || {
            tries += 1;
            if tries % 200 == 0 {
                eprintln!("still no {what}:\n{}", self.ask("show bgp neighbors"));
            }
            look(self)
        })
    }
}

/// Where Debian puts it: no path leads there.
const BGPD: &str = "/usr/lib/frr/bgpd";
