//! What in the file does not go together with the addresses and ports of this host? It can be started, and is not what was meant.

use std::net::SocketAddr;

use config::address::{Address, Way};
use config::{Config, Endpoint, Group, Listener, Origin};
use host::here::is_here;

/// All of it.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let everywhere = config.groups.iter().filter_map(every_hosts_own).map(|(at, text)| (at.to_string(), text));
    let ports = config.listeners.iter().filter_map(|listener| port_of_a_server(config, listener));
    let ports = ports.map(|(at, text)| (at.to_string(), text));
    let addresses = config.addresses.iter().flat_map(|address| {
        let texts = spoken_from(address).into_iter().chain(announced_on_a_link(address));
        texts.map(|text| (address.defined_at.to_string(), format!("address {}: {text}", address.name)))
    });
    everywhere.chain(ports).chain(addresses).map(|(at, text)| format!("{}:{at}: {text}", config.file_name)).collect()
}

/// A master at which each host would find its own Redis.
fn every_hosts_own(group: &Group) -> Option<(config::Place, String)> {
    let is_shared = group.origin == Origin::Monitor && group.nodes > 1;
    (is_shared && group.master.ip().is_loopback()).then(|| {
        let text = format!(
            "group {}: {} is every host's own: each of the {} nodes would watch the Redis beside it, and lead its clients there. Name the \
             master by the address at which the other hosts reach it",
            group.name, group.master, group.nodes
        );
        (group.defined_at, text)
    })
}

fn servers(group: &Group) -> Vec<SocketAddr> {
    match &group.origin {
        Origin::Monitor => vec![group.master],
        Origin::Probe(probe) => probe.servers.clone(),
        Origin::Sentinels(_) => Vec::new(),
    }
}

/// A listener with the port of a Redis of this host: if that is bound to all addresses, the second of both does not come up.
fn port_of_a_server(config: &Config, listener: &Listener) -> Option<(config::Place, String)> {
    let Endpoint::Tcp(listen) = &listener.listen else { return None };
    let servers = config.groups.iter().flat_map(servers);
    let is_beside =
        |server: &SocketAddr| server.port() == listen.port() && server.ip() != listen.ip() && is_here(server.ip());
    let server = servers.into_iter().find(is_beside).filter(|_| !listen.ip().is_unspecified())?;
    let text = format!(
        "listener {listen} has the port of {server}, a Redis of this host. If that Redis is bound to all addresses (`bind *`), whichever of \
         both starts second does not come up, as after a reboot: bind Redis to its own address (`bind {}`), or give the listener another port",
        server.ip()
    );
    Some((listener.defined_at, text))
}

/// Routers that speak from an address that this host does not have.
fn spoken_from(address: &Address) -> Option<String> {
    let Way::Vrrp(vrrp) = &address.way else { return None };
    let from = vrrp.from.filter(|from| !is_here(*from))?;
    Some(format!(
        "`vrrp.from` {from} is on no interface of this host: the address is not here until it is there. `ip address` shows those that there are"
    ))
}

/// By BGP every host that may hold it does: on a link they would all answer for it.
fn announced_on_a_link(address: &Address) -> Option<String> {
    let Way::Bgp(_) = &address.way else { return None };
    let wide = address.held.iter().find(|held| held.prefix < if held.ip.is_ipv4() { 32 } else { 128 });
    let wide = wide.filter(|_| address.interface != "lo")?;
    let (interface, ip) = (&address.interface, wide.ip);
    Some(format!(
        "{wide} is announced by BGP and put on {interface}: every host that may hold it has it, and those of one link all answer for it there. \
         Write \"{ip}\" and leave `interface` away: it is put on `lo`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(text: &str) -> String {
        let config = config::parse("f.toml", text).expect("it is a file");
        warnings(&config).join("\n")
    }

    const GROUP: &str =
        "[node]\nlisten = \"127.0.0.1:26379\"\n[[group]]\nname = \"cache\"\nmaster = \"127.0.0.1:6379\"\n";

    #[test]
    fn a_master_that_every_host_has_is_one_hosts_only() {
        let text = |nodes| format!("{GROUP}nodes = {nodes}\n");
        assert!(warned(&text(3)).contains("group cache: 127.0.0.1:6379 is every host's own"), "{}", warned(&text(3)));
        assert_eq!(warned(&text(1)), "");
    }

    #[test]
    fn a_listener_with_the_port_of_a_redis_of_this_host_is_told_of() {
        let text = |at| format!("{GROUP}nodes = 1\n[[listener]]\nlisten = \"{at}\"\ngroup = \"cache\"\n");
        let told = warned(&text("192.0.2.100:6379"));
        assert!(told.contains("f.toml:8:10: listener 192.0.2.100:6379 has the port of 127.0.0.1:6379"), "{told}");
        assert_eq!(warned(&text("192.0.2.100:6380")), "");
    }

    #[test]
    fn what_other_hosts_of_the_link_have_too_or_this_one_has_not_is_told_of() {
        let told = warned(&format!(
            "{GROUP}nodes = 1\n[[address]]\nname = \"vip\"\nfollows = \"checks\"\nheld = [\"192.0.2.100/24\"]\ninterface = \"eth0\"\n\
             [address.vrrp]\nid = 51\npriority = 100\nfrom = \"192.0.2.1\"\n[[address]]\nname = \"any\"\nfollows = \"checks\"\n\
             held = [\"192.0.2.200/24\"]\ninterface = \"eth0\"\n[[address.bgp.neighbor]]\nremote = \"192.0.2.254\"\nremote-as = 65000\n\
             local-as = 65001\nidentifier = \"192.0.2.1\"\n"
        ));
        assert!(told.contains("address vip: `vrrp.from` 192.0.2.1 is on no interface"), "{told}");
        assert!(told.contains("address any: 192.0.2.200/24 is announced by BGP and put on eth0"), "{told}");
    }
}
