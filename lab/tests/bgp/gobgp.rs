//! GoBGP as a route server. lelastic is made of it.

use std::collections::BTreeSet;

use lab::program::{require, said};
use lab::room::Running;
use serde_json::Value;

use crate::link::{Link, US6};

pub(crate) struct Gobgp<'a> {
    link: &'a Link,
    _running: Running,
}

/// A route as it shows it.
pub(crate) struct Route {
    pub(crate) origin: u64,
    pub(crate) path: Vec<u64>,
    pub(crate) next_hop: String,
    pub(crate) med: Option<u64>,
    pub(crate) communities: BTreeSet<u64>,
    pub(crate) large_communities: Vec<String>,
}

impl<'a> Gobgp<'a> {
    pub(crate) fn start(link: &'a Link) -> Self {
        Self::start_with(link, "", "[neighbors.ebgp-multihop.config]\nenabled = true\nmultihop-ttl = 16\n")
    }

    /// With these lines about the neighbour, and these tables of it.
    pub(crate) fn start_with(link: &'a Link, lines: &str, tables: &str) -> Self {
        require("gobgp");
        let config = format!(
            "[global.config]\nas = 65000\nrouter-id = \"10.0.0.1\"\n\n[[neighbors]]\n[neighbors.config]\nneighbor-address = \"{US6}\"\n\
             peer-as = 65001\n{lines}[neighbors.transport.config]\npassive-mode = true\n{tables}[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"ipv4-unicast\"\n\
             [[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"ipv6-unicast\"\n"
        );
        link.room.write("gobgp.toml", &config);
        let mut command = link.on_server("gobgpd");
        command.args(["-f", "gobgp.toml", "--log-plain", "-l", "debug", "--api-hosts", "127.0.0.1:50051"]);
        let gobgp = Self { link, _running: link.room.start(command) };
        gobgp.wait("an answer of GoBGP", |gobgp| gobgp.ask(&["neighbor"]).contains(US6).then_some(()));
        gobgp
    }

    pub(crate) fn ask(&self, words: &[&str]) -> String {
        let output = self.link.on_server("gobgp").args(words).output();
        said(&output.expect("gobgp can be started"))
    }

    /// The route, if it has it.
    pub(crate) fn route(&self, family: &str, prefix: &str) -> Option<Route> {
        let answer = self.ask(&["global", "rib", "-a", family, "-j"]);
        let table: Value = serde_json::from_str(&answer).ok()?;
        let attributes = table.get(prefix)?.get(0)?.get("attrs")?.as_array()?.clone();
        let of = |kind: u64| attributes.iter().find(|attribute| attribute["type"] == kind);
        let numbers =
            |value: &Value| value.as_array().into_iter().flatten().filter_map(Value::as_u64).collect::<Vec<_>>();
        Some(Route {
            origin: of(1)?["value"].as_u64()?,
            path: numbers(&of(2)?["as_paths"][0]["asns"]),
            next_hop: of(14)?["nexthop"].as_str()?.to_owned(),
            med: of(4).and_then(|attribute| attribute["metric"].as_u64()),
            communities: of(8)
                .map(|attribute| numbers(&attribute["communities"]))
                .unwrap_or_default()
                .into_iter()
                .collect(),
            large_communities: of(32).map(|attribute| large(&attribute["value"])).unwrap_or_default(),
        })
    }

    pub(crate) fn log(&self) -> String {
        self.link.room.read("out") + &self.link.room.read("err")
    }

    pub(crate) fn wait<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        self.link.room.wait(what, || look(self))
    }
}

fn large(value: &Value) -> Vec<String> {
    let one = |tag: &Value| format!("{}:{}:{}", tag["ASN"], tag["LocalData1"], tag["LocalData2"]);
    value.as_array().into_iter().flatten().map(one).collect()
}
