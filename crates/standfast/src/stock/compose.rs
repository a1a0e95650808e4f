//! What does a sentinel.conf mean for each part? For the machine, for the links, for the port.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use config::Secret;
use config::sentinel_conf::{Master, SentinelConf, Server};
use sentinel::command::Credentials;
use sentinel::state::{GroupState, KnownPeer, Vote};
use sentinel::{Config, GroupConfig, State};
use view::{Epoch, GroupName, RunId};

use crate::keys::Bunch;
use crate::names::Names;
use crate::tls;

/// What the machine is told.
pub(super) fn sentinel(conf: &SentinelConf, id: RunId, names: &Names) -> Config {
    let groups = conf.masters.iter().filter_map(|master| {
        let addr = names.find_server(&master.host, master.port)?;
        Some((GroupName::from(master.name.as_str()), rules(master, addr)))
    });
    Config { id, announce: announce(conf, names), groups: groups.collect() }
}

/// Where other nodes reach us. Without `announce-ip` each is told our end of the connection to it.
pub(super) fn announce(conf: &SentinelConf, names: &Names) -> SocketAddr {
    let ip = conf.announce_ip.as_ref().and_then(|host| names.want(host)).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    SocketAddr::new(ip, conf.announce_port.unwrap_or_else(|| own_port(&conf.server())))
}

/// The port under which the others know us.
pub(super) fn own_port(server: &Server) -> u16 {
    if server.tls.replication && server.tls.port != 0 { server.tls.port } else { server.port }
}

/// How links are encrypted, if they are.
pub(super) fn connector(server: &Server) -> Result<Option<tls::Connector>, String> {
    let connector = server.tls.replication.then(|| tls::Connector::new(tls(server)));
    connector.transpose().map_err(|why| format!("Failed to configure TLS: {why}"))
}

/// The files and rules of TLS.
pub(super) fn tls(server: &Server) -> tls::Settings {
    let path = |path: &Option<String>| path.as_ref().map(PathBuf::from);
    let words = server.tls.protocols.as_deref().unwrap_or_default().split_whitespace();
    let protocols = words.filter_map(|word| match word.to_ascii_lowercase().as_str() {
        "tlsv1.2" => Some(tls::Protocol::Tls12),
        "tlsv1.3" => Some(tls::Protocol::Tls13),
        // Broken ones are not spoken, whoever asks for them.
        _ => None,
    });
    tls::Settings {
        cert: path(&server.tls.cert_file),
        key: path(&server.tls.key_file),
        client_cert: path(&server.tls.client_cert_file),
        client_key: path(&server.tls.client_key_file),
        ca: path(&server.tls.ca_cert_file),
        ca_dir: path(&server.tls.ca_cert_dir),
        clients: match server.tls.auth_clients.as_str() {
            "no" => tls::Clients::Anybody,
            "optional" => tls::Clients::Optional,
            _ => tls::Clients::Verified,
        },
        protocols: protocols.collect(),
        ..tls::Settings::default()
    }
}

/// The names that the file says, asked for; what they mean may not be known yet.
pub(super) fn names(conf: &SentinelConf) -> Names {
    let names = Names::default();
    names.set(conf.resolve_hostnames, conf.announce_hostnames);
    for master in &conf.masters {
        names.find_server(&master.host, master.port);
        for (host, port) in &master.known_replicas {
            names.find_server(host, *port);
        }
        for known in &master.known_sentinels {
            names.find_server(&known.host, known.port);
        }
    }
    if let Some(ip) = &conf.announce_ip {
        names.want(ip);
    }
    names
}

fn rules(master: &Master, addr: SocketAddr) -> GroupConfig {
    GroupConfig {
        down_after: ms(master.down_after_ms),
        failover_timeout: ms(master.failover_timeout_ms),
        parallel_syncs: master.parallel_syncs.max(1),
        reboot_down_after: ms(master.reboot_down_after_ms),
        notification_script: master.notification_script.clone(),
        client_reconfig_script: master.client_reconfig_script.clone(),
        // How many there are is only known by meeting them: the majority is of all ever seen.
        ..GroupConfig::of(addr, master.quorum, 1)
    }
}

/// What this node promised and knew when the file was written.
pub(super) fn state(conf: &SentinelConf, names: &Names) -> State {
    let find = |host: &str, port| names.find_server(host, port);
    let groups = conf.masters.iter().filter_map(|master| {
        let addr = find(&master.host, master.port)?;
        let mut servers = vec![addr];
        servers.extend(master.known_replicas.iter().filter_map(|(host, port)| find(host, *port)));
        let peers = master
            .known_sentinels
            .iter()
            .filter_map(|known| Some(KnownPeer { id: known.id.parse().ok()?, addr: find(&known.host, known.port)? }));
        let state = GroupState {
            master: addr,
            config_epoch: Epoch(master.config_epoch),
            history: None,
            vote: (master.leader_epoch > 0).then_some(Vote { epoch: Epoch(master.leader_epoch), leader: None }),
            peers: peers.collect(),
            servers,
        };
        Some((GroupName::from(master.name.as_str()), state))
    });
    State { epoch: Epoch(conf.current_epoch), groups: groups.collect() }
}

/// What links log in with. Other Sentinels get what was set for them, or else our own password: usually all have the same.
pub(super) fn keys(conf: &SentinelConf) -> Bunch {
    let servers = conf.masters.iter().map(|master| {
        let credentials = Credentials {
            username: master.auth_user.clone().unwrap_or_default(),
            password: master.auth_pass.as_ref().map_or_else(String::new, reveal),
            renamed: renamed(master),
        };
        (GroupName::from(master.name.as_str()), credentials)
    });
    let requirepass = conf.server().requirepass;
    let (username, pass) = match (&conf.sentinel_pass, requirepass) {
        (Some(pass), _) => (conf.sentinel_user.clone().unwrap_or_default(), Some(pass.clone())),
        (None, own) => (String::new(), own),
    };
    let password = pass.as_ref().map_or_else(String::new, reveal);
    Bunch { servers: servers.collect(), peers: Credentials { username, password, renamed: BTreeMap::new() } }
}

fn renamed(master: &Master) -> BTreeMap<String, String> {
    master.renamed.iter().map(|(from, to)| (from.to_ascii_uppercase(), to.clone())).collect()
}

fn reveal(secret: &Secret) -> String {
    secret.reveal().to_owned()
}

fn ms(n: u32) -> Duration {
    Duration::from_millis(n.into())
}
