//! What do `SENTINEL MASTERS` and its kin answer? Everything that only reads; field names and order as stock has them,
//! because clients and exporters read them by name and some by position.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;
use core::net::SocketAddr;
use core::time::Duration;

use machine::Instant;
use resp::Value;
use view::RunId;

use crate::answer::Role;
use crate::command::role_word;
use crate::evidence::Evidence;
use crate::failover::Failover;
use crate::group::Group;
use crate::link::{Line, Link};
use crate::peer::Peer;
use crate::sentinel::Sentinel;
use crate::server::{Down, Server};

impl Sentinel {
    /// Answers a `SENTINEL` subcommand that only reads; `args` begins with the subcommand. `None`: it is not one of those.
    #[must_use]
    pub fn query(&self, now: Instant, args: &[&[u8]]) -> Option<Value> {
        let name = args.first()?.to_ascii_lowercase();
        // Valkey's names for the same.
        let name: &[u8] = match name.as_slice() {
            b"primaries" => b"masters",
            b"primary" => b"master",
            b"get-primary-addr-by-name" => b"get-master-addr-by-name",
            stock => stock,
        };
        let arity = match name {
            b"myid" | b"masters" => 1,
            b"master" | b"replicas" | b"slaves" | b"sentinels" | b"ckquorum" | b"get-master-addr-by-name" => 2,
            _ => return None,
        };
        if args.len() != arity {
            let name = String::from_utf8_lossy(name).to_string();
            return Some(error(&alloc::format!("ERR wrong number of arguments for 'sentinel|{name}' command")));
        }
        let group = args.get(1).map(|n| self.find(n));
        Some(match (name, group) {
            (b"myid", _) => Value::bulk(self.core.id.as_str()),
            (b"masters", _) => Value::Array(self.groups.values().map(|g| g.master_fields(now)).collect()),
            (b"get-master-addr-by-name", Some(None)) => Value::NullArray,
            (_, Some(None) | None) => error("ERR No such master with that name"),
            (b"get-master-addr-by-name", Some(Some(g))) => addr_value(g.master),
            (b"master", Some(Some(g))) => g.master_fields(now),
            (b"sentinels", Some(Some(g))) => {
                let peers = g.peers.values();
                Value::Array(peers.map(|p| g.peer_fields(now, p, self.knowing(&p.id))).collect())
            }
            (b"ckquorum", Some(Some(g))) => g.check_quorum(),
            (_, Some(Some(g))) => {
                let announced = |s: &&Server| s.addr != g.master && s.info.as_ref().is_none_or(|i| i.announced);
                let replicas = g.servers.values().filter(announced);
                Value::Array(replicas.map(|s| g.replica_fields(now, s)).collect())
            }
        })
    }

    /// `master<N>:…` lines of `INFO`'s section Sentinel.
    #[must_use]
    pub fn info_lines(&self) -> Vec<String> {
        let line = |(n, g): (usize, &Group)| {
            let status = match (g.odown, g.master_is_down()) {
                (Some(_), _) => "odown",
                (None, true) => "sdown",
                _ => "ok",
            };
            let replicas = g.servers.len().saturating_sub(1);
            alloc::format!(
                "master{n}:name={},status={status},address={},slaves={replicas},sentinels={}",
                g.name,
                g.master,
                g.peers.len() + 1
            )
        };
        self.groups.values().enumerate().map(line).collect()
    }

    /// The names of the groups: what `ROLE` answers.
    pub fn names(&self) -> impl Iterator<Item = &view::GroupName> {
        self.groups.keys()
    }

    /// Whether the node was frozen a moment ago and decides nothing at present.
    #[must_use]
    pub fn is_tilted(&self) -> bool {
        self.core.is_tilted()
    }

    /// For how long it has been deciding nothing for that reason; `None`: it is not.
    #[must_use]
    pub fn tilted_for(&self, now: Instant) -> Option<Duration> {
        self.core.tilt_since.filter(|_| self.is_tilted()).map(|at| now.since(at))
    }

    /// This node's id.
    #[must_use]
    pub const fn id(&self) -> &RunId {
        &self.core.id
    }

    /// How many groups know a node.
    fn knowing(&self, id: &RunId) -> usize {
        self.groups.values().filter(|g| g.peers.contains_key(id)).count()
    }

    fn find(&self, name: &[u8]) -> Option<&Group> {
        let name = core::str::from_utf8(name).ok()?;
        self.groups.get(&name.into())
    }
}

impl Group {
    fn master_fields(&self, now: Instant) -> Value {
        let mut fields = Fields::default();
        if let Some(master) = self.master_server() {
            // Once subscribers have heard of the new master, the failover is over for everybody but slow replicas.
            let state = self.failover.as_ref().filter(|f| !f.told).map(Failover::state_word);
            self.server_fields(&mut fields, now, master, self.name.as_str(), state);
        }
        fields.add("config-epoch", self.config_epoch);
        fields.add("num-slaves", self.servers.len().saturating_sub(1));
        fields.add("num-other-sentinels", self.peers.len());
        fields.add("quorum", self.rules.quorum);
        fields.add("failover-timeout", self.rules.failover_timeout.as_millis());
        // Where nobody set a number, all of them may copy at once.
        let set = Some(self.rules.parallel_syncs).filter(|n| *n < u32::MAX);
        fields.add("parallel-syncs", set.map_or_else(|| self.servers.len().saturating_sub(1).max(1), |n| n as usize));
        if let Some(path) = &self.rules.notification_script {
            fields.add("notification-script", path);
        }
        if let Some(path) = &self.rules.client_reconfig_script {
            fields.add("client-reconfig-script", path);
        }
        fields.into_value()
    }

    fn replica_fields(&self, now: Instant, server: &Server) -> Value {
        let mut fields = Fields::default();
        self.server_fields(&mut fields, now, server, &server.addr.to_string(), None);
        let info = server.info.as_ref();
        let link = if info.is_some_and(|i| i.link_up) { "ok" } else { "err" };
        let down_for = info.and_then(|i| i.link_down_seconds).unwrap_or_default().saturating_mul(1_000);
        let master = info.and_then(|i| i.master);
        fields.add("master-link-down-time", down_for);
        fields.add("master-link-status", link);
        fields.add("master-host", master.map_or_else(|| "?".to_string(), |m| m.ip().to_string()));
        fields.add("master-port", master.map_or(0, |m| m.port()));
        fields.add(crate::command::FIELD_PRIORITY, info.map_or(100, |i| i.priority));
        fields.add(crate::command::FIELD_OFFSET, info.map_or(0, |i| i.offset.0));
        fields.add("replica-announced", i32::from(info.is_none_or(|i| i.announced)));
        fields.into_value()
    }

    /// What masters and replicas have in common. `state`: of a failover that this master is in.
    fn server_fields(&self, fields: &mut Fields, now: Instant, server: &Server, name: &str, state: Option<&str>) {
        let info = server.info.as_ref();
        let is_master = server.addr == self.master;
        let sync = if is_master { None } else { self.sync_flag(server.addr) };
        let flags = flags(&[
            (server.is_down(), "s_down"),
            (is_master && self.odown.is_some(), "o_down"),
            (true, role_word(if is_master { Role::Master } else { Role::Replica })),
            (!server.is_connected(), "disconnected"),
            (state.is_some(), "failover_in_progress"),
            (sync.is_some(), sync.unwrap_or_default()),
            (server.script_kill_sent, "script_kill_sent"),
            (is_master && server.is_rebooting() && !self.rules.reboot_down_after.is_zero(), "master_reboot"),
        ]);
        fields.common(name, server.addr, info.and_then(|i| i.run_id.as_ref()), &flags);
        fields.add("link-pending-commands", server.command.link.as_ref().map_or(0, Link::owed));
        fields.add("link-refcount", 1);
        if let Some(state) = state {
            fields.add("failover-state", state);
        }
        fields.timing(now, &server.command, &server.evidence);
        fields.down(now, server.down, self.odown.filter(|_| is_master));
        fields.add("down-after-milliseconds", self.rules.down_after.as_millis());
        fields.add("info-refresh", if info.is_some() { now.since(server.info_heard).as_millis() } else { 0 });
        let role = server.role().unwrap_or(if is_master { Role::Master } else { Role::Replica });
        fields.add("role-reported", role_word(role));
        fields.add("role-reported-time", now.since(server.role_since).as_millis());
    }

    /// `shared`: how many groups know this node.
    fn peer_fields(&self, now: Instant, peer: &Peer, shared: usize) -> Value {
        let mut fields = Fields::default();
        let flags = flags(&[
            (peer.is_down(), "s_down"),
            (true, "sentinel"),
            (!peer.line.is_up(), "disconnected"),
            (peer.sees_master_down(now), "master_down"),
        ]);
        fields.common(peer.id.as_str(), peer.addr, Some(&peer.id), &flags);
        fields.add("link-pending-commands", peer.line.link.as_ref().map_or(0, Link::owed));
        fields.add("link-refcount", shared);
        fields.timing(now, &peer.line, &peer.evidence);
        fields.down(now, peer.down, None);
        fields.add("down-after-milliseconds", self.rules.down_after.as_millis());
        fields.add("last-hello-message", peer.said.map_or(0, |s| now.since(s.at).as_millis()));
        let vote = peer.vote.as_ref();
        fields.add("voted-leader", vote.and_then(|v| v.leader.as_ref()).map_or("?", RunId::as_str));
        fields.add("voted-leader-epoch", vote.map_or(0, |v| v.epoch.0));
        fields.into_value()
    }

    fn check_quorum(&self) -> Value {
        let usable = 1 + self.peers.values().filter(|p| !p.is_down()).count();
        let quorum = usable >= self.rules.quorum as usize;
        let majority = usable >= self.majority();
        if quorum && majority {
            let text = alloc::format!("OK {usable} usable Sentinels. Quorum and failover authorization can be reached");
            return Value::Simple(text.into_bytes());
        }
        let mut reasons = Vec::new();
        if !quorum {
            reasons.push("Not enough available Sentinels to reach the specified quorum for this master");
        }
        if !majority {
            reasons.push("Not enough available Sentinels to reach the majority and authorize a failover");
        }
        error(&alloc::format!("NOQUORUM {usable} usable Sentinels. {}", reasons.join(". ")))
    }
}

/// Name and value in turn: a map in RESP3, a flat list in RESP2. All values are strings, numbers too.
#[derive(Default)]
struct Fields(Vec<(Value, Value)>);

impl Fields {
    fn add(&mut self, name: &str, value: impl Display) {
        self.0.push((Value::bulk(name), Value::bulk(value.to_string())));
    }

    fn common(&mut self, name: &str, addr: SocketAddr, run_id: Option<&RunId>, flags: &str) {
        self.add("name", name);
        self.add("ip", addr.ip());
        self.add("port", addr.port());
        self.add("runid", run_id.map_or("", RunId::as_str));
        self.add("flags", flags);
    }

    /// Pings: since when one waits, and how long ago the last good and the last of any kind were answered.
    fn timing(&mut self, now: Instant, line: &Line, evidence: &Evidence) {
        let (link, good) = (line.link.as_ref(), evidence.good);
        // To one that cannot be asked, stock counts from when it should have been.
        let waits = link.and_then(Link::pinged).or_else(|| evidence.silent_since());
        let waits = waits.map_or(0, |at| now.since(at).as_millis());
        self.add("last-ping-sent", waits);
        self.add("last-ok-ping-reply", now.since(good).as_millis());
        let heard = link.map_or(good, |l| l.heard.max(good));
        self.add("last-ping-reply", now.since(heard).as_millis());
    }

    fn down(&mut self, now: Instant, down: Option<Down>, odown: Option<Instant>) {
        if let Some(down) = down {
            self.add("s-down-time", now.since(down.since).as_millis());
        }
        if let Some(since) = odown {
            self.add("o-down-time", now.since(since).as_millis());
        }
    }

    fn into_value(self) -> Value {
        Value::Map(self.0)
    }
}

/// The names of what is true, in stock's order.
fn flags(all: &[(bool, &str)]) -> String {
    let names: Vec<&str> = all.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
    names.join(",")
}

fn error(text: &str) -> Value {
    Value::Error(text.as_bytes().to_vec())
}

fn addr_value(addr: SocketAddr) -> Value {
    Value::Array(Vec::from([Value::bulk(addr.ip().to_string()), Value::bulk(addr.port().to_string())]))
}
