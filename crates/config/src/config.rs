//! What the operator said, as plain data. A [`Config`] exists only if the whole file is possible, so no reader checks anything again.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::address::{Address, SyncGroup};
use crate::change::Told;
use crate::choice::{Balance, Fallback, LogFormat, LogLevel, Mode, OnUnknown, Pool, Role, SendProxy};
use crate::edge::{Endpoint, Limits, Network, ServerTls, Tcp, Tls, UnixFile};
use crate::origin::Origin;
use crate::secret::Secret;
use crate::setting::{FromSetting, Settings};
use crate::source::{Place, Source};

/// Everything that one file says about one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file, as it was named to [`parse`](crate::parse()): what goes wrong later can point at it.
    pub file_name: String,
    /// This host's node.
    pub node: Node,
    /// The status page. `None`: it is not served.
    pub admin: Option<Admin>,
    /// Logs.
    pub log: Log,
    /// Limits of the data path.
    pub proxy: Proxy,
    /// At least one, unless the file has addresses that follow nothing but checks; names and masters are unique.
    pub groups: Vec<Group>,
    /// No two of them, nor the node, nor the status page, listen on the same address.
    pub listeners: Vec<Listener>,
    /// Addresses that move between hosts. Names and what is held are unique.
    pub addresses: Vec<Address>,
    /// Who is told of sync groups as a whole. Names are unique, and each is that of addresses.
    pub sync_groups: Vec<SyncGroup>,
    /// All of it again, option by option: what two files are compared by.
    pub told: Told,
}

/// `[node]`: this host's node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// In logs, pages and histories. `None`: the host name.
    pub name: Option<String>,
    /// Where the Sentinel protocol is served. May be a wildcard.
    pub listen: SocketAddr,
    /// The address told to other nodes. Never a wildcard.
    pub announce: SocketAddr,
    /// Epochs, votes, flight recorder. Absolute.
    pub state_dir: PathBuf,
    /// The UNIX socket of `standfast status`. Absolute, and short enough for the kernel.
    pub control: PathBuf,
    /// Where `listen` is written, or the table if it is not.
    pub defined_at: Place,
}

/// `[admin]`: the HTTP status page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Where it is served.
    pub listen: SocketAddr,
    /// Where `listen` is written, or the table if it is not.
    pub defined_at: Place,
}

/// `[log]`: what is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Readable or JSON.
    pub format: LogFormat,
    /// The least important event that is logged.
    pub level: LogLevel,
}

/// `[proxy]`: the limits of the data path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Threads that move clients' bytes.
    pub workers: Workers,
    /// Of all listeners together.
    pub max_clients: u32,
    /// How long an old process serves its clients after an upgrade.
    pub drain_timeout: Duration,
}

/// How many threads move clients' bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// As many as suit the host's processors.
    Auto,
    /// This many; at least one.
    Count(u32),
}

/// `[[group]]`: a master with its replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Sentinel's master name: 1 to 64 letters, digits, `.`, `-`, `_`. Unique.
    pub name: String,
    /// Who says which server is the master.
    pub origin: Origin,
    /// Where the master is looked for first: as the file says, or the first of the servers that are checked, or nowhere
    /// (`0.0.0.0:0`) where Sentinels will tell. The agreed state wins.
    pub master: SocketAddr,
    /// How many nodes watch the group.
    pub nodes: u32,
    /// How many of them must see the master down; 1 to `nodes`.
    pub quorum: u32,
    /// The user that Standfast is at the servers. Only with a password.
    pub username: Option<String>,
    /// The password that goes with it.
    pub password: Option<Secret>,
    /// Silence that means down.
    pub down_after: Duration,
    /// How long a refusal must last to mean down; at most `down_after`.
    pub confirm: Duration,
    /// How long a server that keeps its data on disk may refuse connections.
    pub restart_grace: Duration,
    /// How many replicas may copy from a new master at a time; `None`: all.
    pub parallel_syncs: Option<u32>,
    /// Run for every event that an operator should know.
    pub notification_script: Option<PathBuf>,
    /// Run when the master has changed.
    pub client_reconfig_script: Option<PathBuf>,
    /// How long one failover may take after the election.
    pub failover_timeout: Duration,
    /// How long a planned switchover may hold writes.
    pub switchover_timeout: Duration,
    /// In bytes; replicas that are further behind are not offered.
    pub replica_max_lag: u64,
    /// The servers speak TLS.
    pub server_tls: Option<ServerTls>,
    /// What replicas weigh beside each other, 0 to 256; who is not named has 100.
    pub weights: BTreeMap<SocketAddr, u16>,
    /// Where `name` is written.
    pub defined_at: Place,
}

/// `[[listener]]`: where clients come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Where clients connect.
    pub listen: Endpoint,
    /// The name of one of the groups.
    pub group: String,
    /// To the master or to the replicas.
    pub role: Role,
    /// What it understands of the bytes.
    pub mode: Mode,
    /// How long a request may wait for a master. Zero: not at all.
    pub hold: Duration,
    /// How many bytes of one client may wait.
    pub hold_bytes: u64,
    /// Whose server connections are.
    pub pool: Pool,
    /// With `Pool::Shared`: how many clients a data thread has when they begin to share.
    pub share_from: u32,
    /// For `Role::Replica`: how its clients are spread.
    pub balance: Balance,
    /// For `Role::Replica`: what happens without a usable replica.
    pub fallback: Fallback,
    /// How long a connection to a server may take to be made.
    pub connect_timeout: Duration,
    /// What a client is told of a request that was perhaps executed.
    pub on_unknown: OnUnknown,
    /// How long a client and its server may both be silent. Zero: for ever.
    pub idle_timeout: Duration,
    /// How long a client may take to send anything. Zero: for ever.
    pub first_byte_timeout: Duration,
    /// Who may come in. Empty: everybody.
    pub allow: Vec<Network>,
    /// Who may not; the smallest network decides, and none is in both lists.
    pub deny: Vec<Network>,
    /// Who has to tell for whom it connects.
    pub proxy_protocol_from: Vec<Network>,
    /// Whether servers are told for whom we connect.
    pub send_proxy: SendProxy,
    /// Clients speak TLS.
    pub tls: Option<Tls>,
    /// How many clients there may be.
    pub limits: Limits,
    /// How long the kernel believes in a silent client.
    pub client_tcp: Tcp,
    /// How long it believes in a silent server.
    pub server_tcp: Tcp,
    /// Whose the file of a UNIX socket is.
    pub unix: UnixFile,
    /// Where `listen` is written.
    pub defined_at: Place,
}

/// The tables of a file, checked or to be checked.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) node: Settings,
    pub(crate) admin: Settings,
    pub(crate) log: Settings,
    pub(crate) proxy: Settings,
    pub(crate) groups: Vec<Settings>,
    pub(crate) listeners: Vec<Settings>,
    pub(crate) addresses: Vec<Settings>,
    pub(crate) sync_groups: Vec<Settings>,
}

impl Config {
    /// Whether nodes vote on any of the groups. Otherwise this program is a proxy only: no Sentinel port, no votes to keep.
    #[must_use]
    pub fn votes(&self) -> bool {
        self.groups.iter().any(|group| group.origin == Origin::Monitor)
    }

    /// Only for tables without a problem: an option that must be there is there.
    pub(crate) fn build(source: &Source, tables: &Tables) -> Self {
        let listeners: Vec<Listener> = tables.listeners.iter().map(|table| Listener::build(source, table)).collect();
        let ends: Vec<Endpoint> = listeners.iter().map(|listener| listener.listen.clone()).collect();
        let node = Node::build(source, &tables.node);
        Self {
            file_name: source.name.clone(),
            admin: tables.admin.header.is_some().then(|| Admin::build(source, &tables.admin)),
            log: Log { format: sure(&tables.log, "format"), level: sure(&tables.log, "level") },
            proxy: Proxy {
                workers: sure(&tables.proxy, "workers"),
                max_clients: sure(&tables.proxy, "max-clients"),
                drain_timeout: sure(&tables.proxy, "drain-timeout"),
            },
            groups: tables.groups.iter().map(|table| Group::build(source, table)).collect(),
            listeners,
            addresses: tables.addresses.iter().map(|table| Address::build(source, table, &ends, &node)).collect(),
            sync_groups: tables.sync_groups.iter().map(|table| SyncGroup::build(source, table)).collect(),
            node,
            told: Told::of(tables),
        }
    }
}

impl Node {
    fn build(source: &Source, table: &Settings) -> Self {
        let listen = sure(table, "listen");
        Self {
            name: table.get("name"),
            listen,
            announce: table.get("announce").unwrap_or(listen),
            state_dir: sure(table, "state-dir"),
            control: control(table).expect("has a default"),
            defined_at: place(source, table, "listen"),
        }
    }
}

impl Admin {
    fn build(source: &Source, table: &Settings) -> Self {
        Self { listen: sure(table, "listen"), defined_at: place(source, table, "listen") }
    }
}

impl Group {
    fn build(source: &Source, table: &Settings) -> Self {
        let origin = Origin::build(table);
        Self {
            name: sure(table, "name"),
            master: first_master(table, &origin),
            origin,
            nodes: sure(table, "nodes"),
            quorum: table.get("quorum").unwrap_or_else(|| majority(sure(table, "nodes"))),
            username: table.get("username"),
            password: table.get("password"),
            down_after: sure(table, "down-after"),
            confirm: sure(table, "confirm"),
            restart_grace: sure(table, "restart-grace"),
            parallel_syncs: table.get("parallel-syncs"),
            notification_script: table.get("notification-script"),
            client_reconfig_script: table.get("client-reconfig-script"),
            failover_timeout: sure(table, "failover-timeout"),
            switchover_timeout: sure(table, "switchover-timeout"),
            replica_max_lag: sure(table, "replica-max-lag"),
            server_tls: table.get::<Settings>("server-tls").as_ref().map(ServerTls::build),
            weights: sure(table, "weights"),
            defined_at: place(source, table, "name"),
        }
    }
}

impl Listener {
    fn build(source: &Source, table: &Settings) -> Self {
        Self {
            listen: sure(table, "listen"),
            group: sure(table, "group"),
            role: sure(table, "role"),
            mode: sure(table, "mode"),
            hold: sure(table, "hold"),
            hold_bytes: sure(table, "hold-bytes"),
            pool: pool(table),
            share_from: sure(table, "share-from"),
            balance: sure(table, "balance"),
            fallback: sure(table, "fallback"),
            connect_timeout: sure(table, "connect-timeout"),
            on_unknown: sure(table, "on-unknown"),
            idle_timeout: sure(table, "idle-timeout"),
            first_byte_timeout: sure(table, "first-byte-timeout"),
            allow: table.get("allow").unwrap_or_default(),
            deny: table.get("deny").unwrap_or_default(),
            proxy_protocol_from: table.get("proxy-protocol-from").unwrap_or_default(),
            send_proxy: sure(table, "send-proxy"),
            tls: table.get::<Settings>("tls").as_ref().map(Tls::build),
            limits: Limits::build(&table.inner("limits")),
            client_tcp: Tcp::build(&table.inner("client-tcp")),
            server_tcp: Tcp::build(&table.inner("server-tcp")),
            unix: UnixFile::build(&table.inner("unix")),
            defined_at: place(source, table, "listen"),
        }
    }
}

/// Whose the server connections of a listener are. One that is made for somebody is nobody else's.
fn pool(listener: &Settings) -> Pool {
    if listener.lacks("pool") && sure::<SendProxy>(listener, "send-proxy") != SendProxy::None {
        return Pool::Session;
    }
    sure(listener, "pool")
}

/// The control socket's path: as written, or in the state directory.
pub(crate) fn control(node: &Settings) -> Option<PathBuf> {
    if node.lacks("control") {
        return node.get::<PathBuf>("state-dir").map(|dir| dir.join("control.sock"));
    }
    node.get("control")
}

fn first_master(table: &Settings, origin: &Origin) -> SocketAddr {
    match origin {
        Origin::Monitor => sure(table, "master"),
        Origin::Sentinels(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        Origin::Probe(probe) => probe.servers[0],
    }
}

fn majority(nodes: u32) -> u32 {
    nodes / 2 + 1
}

/// The value of an option that is required or has a default.
pub(crate) fn sure<T: FromSetting>(table: &Settings, key: &str) -> T {
    let value = table.get(key);
    value.unwrap_or_else(|| panic!("{}.{key} passed the checks without a value", table.section.name))
}

pub(crate) fn place(source: &Source, table: &Settings, key: &str) -> Place {
    let span = table.span(key).or_else(|| table.header.clone());
    source.place(span.map_or(0, |span| span.start))
}
