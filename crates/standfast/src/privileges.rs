//! Does this process have the rights that its file asks for? Said before anything is started, by name, with the line that grants them.
//!
//! | asked for | needs |
//! |---|---|
//! | an address that is put on an interface | `CAP_NET_ADMIN`; it also breaks the clients' connections when the address leaves |
//! | the same | `CAP_NET_RAW`: VRRP's packets, ARP, and segments in the name of the host that held it before |
//! | a port below 1024 (`net.ipv4.ip_unprivileged_port_start`) | `CAP_NET_BIND_SERVICE` |
//! | a program that another user is to run | `CAP_SETUID`, `CAP_SETGID` |
//! | a gateway's echo, where `net.ipv4.ping_group_range` does not have our group | `CAP_NET_RAW` |
//!
//! TCP-MD5, a TTL, GTSM, an address that is not here yet, and a connection over one interface need no right.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use config::Config;
use config::address::{Address, Notify, SyncGroup, Target, Way};
use host::capability::{Capability, Rights, first_free_port};
use host::echo::Echo;

use crate::failure::Failure;
use crate::inherited::Inherited;
use crate::program::Who;

/// That the file can be lived by.
///
/// # Errors
/// Which rights are missing, what for, and what grants them.
pub(crate) fn suffice(config: &Config, inherited: &Inherited) -> Result<(), Failure> {
    let ports = ports(config).into_iter().filter(|at| !inherited.has_tcp(*at)).collect::<Vec<_>>();
    judge(config, &ports)
}

/// The same for a file that a running node takes up: of ports it is said when they are opened.
///
/// # Errors
/// As [`suffice`].
pub(crate) fn still_suffice(config: &Config) -> Result<(), Failure> {
    judge(config, &[])
}

fn judge(config: &Config, ports: &[SocketAddr]) -> Result<(), Failure> {
    let rights = Rights::of_this_process().map_err(|e| Failure::host(format!("{e}. Nothing was started")))?;
    let missing = missing(&needs(config, ports), |capability| rights.has(capability));
    missing.map_or(Ok(()), |text| Err(Failure::host(text)))
}

/// What is needed, and what for.
type Needs = BTreeMap<Capability, BTreeSet<String>>;

fn needs(config: &Config, ports: &[SocketAddr]) -> Needs {
    let mut needs = Needs::new();
    let mut need = |capability, what: String| {
        needs.entry(capability).or_default().insert(what);
    };
    for address in &config.addresses {
        let Address { name, interface, .. } = address;
        if !address.all_held().is_empty() {
            need(Capability::NetAdmin, format!("to put address {name} on {interface}"));
            need(Capability::NetRaw, format!("to tell the link, and waiting clients, where address {name} is"));
        }
        for user in users(address) {
            need(Capability::SetUid, format!("to run programs of address {name} as {user}"));
            need(Capability::SetGid, format!("to run programs of address {name} as {user}"));
        }
        for gateway in gateways(address).filter(|gateway| !may_ping(*gateway)) {
            need(Capability::NetRaw, format!("to ask whether {gateway} answers"));
        }
    }
    for SyncGroup { name, notify, .. } in &config.sync_groups {
        for user in strangers(hook_users(notify)) {
            need(Capability::SetUid, format!("to run hooks of the sync group {name} as {user}"));
            need(Capability::SetGid, format!("to run hooks of the sync group {name} as {user}"));
        }
    }
    let first_free = first_free_port();
    for at in ports.iter().filter(|at| at.port() < first_free) {
        need(Capability::NetBindService, format!("to listen on {at}"));
    }
    needs
}

/// Where the file wants somebody to listen.
fn ports(config: &Config) -> Vec<SocketAddr> {
    let own = config.votes().then_some(config.node.listen);
    let page = config.admin.as_ref().map(|admin| admin.listen);
    let listeners = config.listeners.iter().filter_map(|listener| listener.listen.tcp());
    own.into_iter().chain(page).chain(listeners).collect()
}

/// The users that programs of an address have to become. One that is not there is told when it is to run something.
fn users(address: &Address) -> BTreeSet<String> {
    let scripts = address.checks.iter().filter_map(|check| match &check.target {
        Target::Script { user, .. } => Some(Who::or_not_root(user.as_ref())),
        _ => None,
    });
    let command = if let Way::Command(command) = &address.way { Some(Who::or_us(command.user.as_ref())) } else { None };
    strangers(scripts.chain(hook_users(&address.notify)).chain(command))
}

fn hook_users(notify: &Notify) -> impl Iterator<Item = Who> {
    let hooks = [&notify.master, &notify.backup, &notify.fault, &notify.stop, &notify.any];
    hooks.into_iter().flatten().map(|_| Who::or_us(notify.user.as_ref()))
}

/// Those that are not our own.
fn strangers(users: impl Iterator<Item = Who>) -> BTreeSet<String> {
    let others = users.filter_map(|who| match who.user() {
        Ok(Some(_)) => Some(who.to_string()),
        Ok(None) | Err(_) => None,
    });
    others.collect()
}

fn gateways(address: &Address) -> impl Iterator<Item = IpAddr> {
    address.checks.iter().filter_map(|check| if let Target::Gateway(ip) = check.target { Some(ip) } else { None })
}

/// Whether we get a socket to ask by, whatever is asked: of ourselves.
fn may_ping(gateway: IpAddr) -> bool {
    let ourselves: IpAddr = if gateway.is_ipv4() { [127, 0, 0, 1].into() } else { [0, 0, 0, 0, 0, 0, 0, 1_u16].into() };
    Echo::open(ourselves, None).is_ok()
}

fn missing(needs: &Needs, has: impl Fn(Capability) -> bool) -> Option<String> {
    let missing: Vec<_> = needs.iter().filter(|(capability, _)| !has(**capability)).collect();
    if missing.is_empty() {
        return None;
    }
    let list = missing.iter().map(|(capability, why)| {
        let shown: Vec<_> = why.iter().take(MAX_SHOWN).map(String::as_str).collect();
        let more = why.len().saturating_sub(MAX_SHOWN);
        let more = if more > 0 { format!(", and for {more} more") } else { String::new() };
        format!("  {capability}: {}{more}\n", shown.join("; "))
    });
    let list: String = list.collect();
    let names: Vec<String> = missing.iter().map(|(capability, _)| capability.to_string()).collect();
    let all: Vec<String> = needs.keys().map(ToString::to_string).collect();
    let small = all.join(",").to_lowercase();
    let program = std::env::current_exe().map_or_else(|_| "standfast".to_owned(), |path| path.display().to_string());
    Some(format!(
        "this process lacks rights that the file asks for:\n{list}Nothing was started. What to do: give it {}. In the systemd unit: \
         `AmbientCapabilities={}`; or once, as root: `setcap {small}+ep {program}`; or run it as root.",
        names.join(" and "),
        all.join(" ")
    ))
}

/// Reasons for one right: enough to find the lines of the file.
const MAX_SHOWN: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn config(more: &str) -> Config {
        let text = format!(
            "[node]\nlisten = \"127.0.0.1:26379\"\n[[group]]\nname = \"cache\"\nmaster = \"127.0.0.1:1\"\n\
             [[listener]]\nlisten = \"127.0.0.1:7000\"\ngroup = \"cache\"\n{more}"
        );
        config::parse("standfast.toml", &text).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn needed(more: &str) -> Vec<Capability> {
        let config = config(more);
        needs(&config, &ports(&config)).into_keys().collect()
    }

    const HELD: &str =
        "[[address]]\nname = \"vip\"\nheld = [\"10.20.1.130/32\"]\ninterface = \"lo\"\nfollows = \"checks\"\n";

    #[test]
    fn each_thing_needs_its_right_and_no_other() {
        use Capability::{NetAdmin, NetBindService, NetRaw, SetGid, SetUid};
        assert_eq!(needed(""), []);
        assert_eq!(needed(HELD), [NetAdmin, NetRaw]);
        // A port of root's, in the usual settings of a host.
        let low = "[[listener]]\nlisten = \"127.0.0.1:79\"\ngroup = \"cache\"\n";
        let bind = if first_free_port() > 79 { vec![NetBindService] } else { vec![] };
        assert_eq!(needed(low), bind);
        // The tests run as root, whose scripts are nobody's.
        let script = "[[address.check]]\nname = \"it\"\nscript = [\"/bin/true\"]\n";
        assert_eq!(needed(&format!("{HELD}{script}")), [SetGid, SetUid, NetAdmin, NetRaw]);
        let root = "[address.notify]\nmaster = [\"/bin/true\"]\nuser = \"root\"\n";
        assert_eq!(needed(&format!("{HELD}{root}")), [NetAdmin, NetRaw]);
        let moved = "[[address]]\nname = \"vip\"\nfollows = \"checks\"\n[address.command]\nup = [\"/bin/true\"]\ndown = [\"/bin/true\"]\n";
        assert_eq!(needed(moved), []);
    }

    #[test]
    fn what_is_missing_is_named_with_the_line_that_grants_it() {
        let needs = needs(&config(HELD), &[]);
        assert_eq!(missing(&needs, |_| true), None);
        let text = missing(&needs, |capability| capability != Capability::NetRaw).unwrap();
        assert!(text.contains("CAP_NET_RAW: to tell the link") && !text.contains("CAP_NET_ADMIN:"), "{text}");
        assert!(text.contains("`AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW`"), "{text}");
        assert!(text.contains("setcap cap_net_admin,cap_net_raw+ep "), "{text}");
    }
}
