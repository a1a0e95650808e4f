//! Is what the file says of addresses possible on this host? All of it is a warning: programs and interfaces may still come, and a node does
//! without an address's hook rather than its clients without the node.

use std::net::IpAddr;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;

use config::Config;
use config::address::{Address, Follows, Notify, SyncGroup, Target, Way};
use host::here::is_here;
use host::netlink::Netlink;

use crate::program::{Who, may_be_run};

/// A program that an address names: by which option, with its arguments, and as whom it is run.
type Named<'a> = (String, &'a [String], Who);

fn of_address(config: &Config, address: &Address) -> String {
    format!("{}:{}: address {}", config.file_name, address.defined_at, address.name)
}

fn of_group(config: &Config, group: &SyncGroup) -> String {
    format!("{}:{}: sync group {}", config.file_name, group.defined_at, group.name)
}

/// What works, or may come to work, and that an operator should look at.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let addresses = config.addresses.iter().map(|address| {
        let looks = absent(address)
            .into_iter()
            .chain(elsewhere(address))
            .chain(alone(address))
            .chain(untold(config, address))
            .chain(no_link_local(address))
            .chain(lone(config, address));
        (of_address(config, address), looks.collect())
    });
    said(addresses).chain(programs(config)).collect()
}

/// Programs that cannot be run, and pipes that cannot be written to: found when an address moves, it would be found too late.
pub(super) fn programs(config: &Config) -> Vec<String> {
    let all = |notify: &Notify, programs: Vec<Named<'_>>| {
        untellable(notify).into_iter().chain(programs.into_iter().filter_map(useless)).collect()
    };
    let addresses = config
        .addresses
        .iter()
        .map(|address| (of_address(config, address), all(&address.notify, programs_of(address))));
    let groups = config.sync_groups.iter();
    let groups = groups.map(|group| (of_group(config, group), all(&group.notify, hooks(&group.notify))));
    said(addresses.chain(groups)).collect()
}

fn said(all: impl Iterator<Item = (String, Vec<String>)>) -> impl Iterator<Item = String> {
    all.flat_map(|(of, all)| all.into_iter().map(move |text| format!("{of}: {text}")))
}

/// A path where nothing can be told.
fn untellable(notify: &Notify) -> Option<String> {
    let path = notify.fifo.as_deref()?;
    let path_is_there = path.symlink_metadata().is_ok();
    let lacks_directory = path.parent().is_some_and(|parent| !parent.is_dir());
    let why = match () {
        () if is_no_fifo(path) => "is not a named pipe",
        () if !path_is_there && lacks_directory => "cannot be made: its directory is not there",
        () => return None,
    };
    Some(format!("`fifo` {} {why}: nothing is told there", path.display()))
}

/// A program that would not be run, or not well, and why.
fn useless((option, argv, who): Named<'_>) -> Option<String> {
    let path = Path::new(argv.first()?);
    if let Some(why) = unusable(path) {
        return Some(format!(
            "`{option}` {} cannot be run: {why}. It counts as failed whenever it is due. What to do: create it, or `chmod +x` it",
            path.display()
        ));
    }
    match who.user() {
        Err(why) => Some(format!("`{option}` cannot be run: {why}. It counts as failed whenever it is due")),
        Ok(user) => may_be_run(path, user.as_ref()).err().map(|why| format!("`{option}`: {why}")),
    }
}

/// Interfaces that are not there.
fn absent(address: &Address) -> Vec<String> {
    let own = (address.interface.as_str(), "the address is not here until it comes");
    let checked = address.checks.iter().filter_map(|check| match &check.target {
        Target::Interface(name) => Some((name.as_str(), "its check fails until it comes")),
        _ => None,
    });
    let gone = std::iter::once(own).chain(checked).filter(|(name, _)| !Path::new("/sys/class/net").join(name).exists());
    gone.map(|(name, then)| {
        format!("there is no interface {name} on this host: {then}. Is it spelt as `ip link` has it?")
    })
    .collect()
}

/// Servers of another host, as in a file that was copied from there: two hosts would hold the address.
fn elsewhere(address: &Address) -> Option<String> {
    let Follows::Master { servers, .. } = &address.follows else { return None };
    let list: Vec<String> = servers.iter().filter(|at| !is_here(at.ip())).map(ToString::to_string).collect();
    (!list.is_empty()).then(|| {
        format!(
            "{} in `servers` is no address of this host. Name this host's own server alone: with a server of another host, too, both hosts \
             would hold the address at once",
            list.join(", ")
        )
    })
}

/// A list of peers that names this host and nobody else.
fn alone(address: &Address) -> Option<String> {
    let Way::Vrrp(vrrp) = &address.way else { return None };
    let is_alone = !vrrp.peers.is_empty() && vrrp.peers.iter().all(|peer| is_here(*peer));
    is_alone.then(|| "all of `peers` are addresses of this host: name the other routers, too".to_owned())
}

/// Nobody is told whose clients are to be released when it moves.
fn untold(config: &Config, address: &Address) -> Option<String> {
    let Some(partners) = &address.partners else {
        return (!config.votes()).then(|| {
            "no other node is known, so none is told who is connected: a client that waits for an answer when this host is lost stalls. Name \
             the Sentinel ports of the hosts that may hold it, such as `partners = [\"10.0.0.2:26379\"]`"
                .to_owned()
        });
    };
    let is_alone = partners.iter().all(|partner| is_here(partner.ip()));
    is_alone.then(|| "all of `partners` are addresses of this host: name the other hosts, too".to_owned())
}

/// What would be the first IPv4 address of its network there: the kernel removes with it whatever came after it.
fn lone(config: &Config, address: &Address) -> Vec<String> {
    let promotes = |of: &str| {
        let path = Path::new("/proc/sys/net/ipv4/conf").join(of).join("promote_secondaries");
        std::fs::read_to_string(path).is_ok_and(|value| value.trim() != "0")
    };
    if promotes("all") || promotes(&address.interface) {
        return Vec::new();
    }
    let there = Netlink::open().and_then(|mut kernel| Ok((kernel.links()?, kernel.addresses()?)));
    // Whoever cannot look says nothing.
    let Ok((links, there)) = there else { return Vec::new() };
    let Some(link) = links.into_iter().find(|link| link.name == address.interface) else { return Vec::new() };
    let moves = |ip: IpAddr| config.addresses.iter().flat_map(Address::all_held).any(|held| held.ip == ip);
    let own = there.into_iter().map(|held| held.address).filter(|own| own.link == link.index && !moves(own.ip));
    let own: Vec<host::netlink::Address> = own.collect();
    let lone = address.all_held().into_iter().filter(|held| held.ip.is_ipv4() && held.prefix < 32).filter(|held| {
        let at = host::netlink::Address { link: link.index, ip: held.ip, prefix: held.prefix };
        !own.iter().any(|own| own.is_in_network_of(&at))
    });
    let said = lone.map(|held| {
        format!(
            "{0}/{1} would be the first address of its network on {2}: when the kernel removes that, as it does when nobody renews it, it removes \
             all others of the network that came after it. Write {0} without /{1}, or give this host an address of its own in the network, or set \
             the sysctl net.ipv4.conf.all.promote_secondaries = 1",
            held.ip, held.prefix, address.interface
        )
    });
    said.collect()
}

/// RFC 9568 5.2.9: of IPv6, the first is the router's link-local address, and some routers insist.
fn no_link_local(address: &Address) -> Option<String> {
    let Way::Vrrp(_) = &address.way else { return None };
    let IpAddr::V6(first) = address.held.first()?.ip else { return None };
    (!first.is_unicast_link_local()).then(|| {
        format!(
            "the first IPv6 address, {first}, is not link-local: other Standfasts and Keepalived do without, hardware may not. It would be put \
             before the others in `held`"
        )
    })
}

fn programs_of(address: &Address) -> Vec<Named<'_>> {
    let mut all: Vec<Named<'_>> = Vec::new();
    if let Way::Command(command) = &address.way {
        let jobs = [("up", Some(&command.up)), ("down", Some(&command.down)), ("check", command.check.as_ref())];
        let jobs = jobs.into_iter().filter_map(|(option, argv)| Some((option, argv?)));
        let who = Who::or_us(command.user.as_ref());
        all.extend(jobs.map(|(option, argv)| (format!("command.{option}"), &argv[..], who.clone())));
    }
    for check in &address.checks {
        if let Target::Script { argv, user } = &check.target {
            all.push((format!("script of the check {}", check.name), argv, Who::or_not_root(user.as_ref())));
        }
    }
    all.extend(hooks(&address.notify));
    all
}

fn hooks(notify: &Notify) -> Vec<Named<'_>> {
    let hooks = [
        ("master", &notify.master),
        ("backup", &notify.backup),
        ("fault", &notify.fault),
        ("stop", &notify.stop),
        ("any", &notify.any),
    ];
    let hooks = hooks.into_iter().filter_map(|(option, argv)| Some((option, argv.as_ref()?)));
    let who = Who::or_us(notify.user.as_ref());
    hooks.map(|(option, argv)| (format!("notify.{option}"), &argv[..], who.clone())).collect()
}

/// Why a program cannot be run by anybody.
pub(super) fn unusable(path: &Path) -> Option<String> {
    match std::fs::metadata(path) {
        Err(e) => Some(e.to_string()),
        Ok(found) if !found.is_file() => Some("it is not a file".to_owned()),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => Some("it is not executable".to_owned()),
        Ok(_) => None,
    }
}

fn is_no_fifo(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| !found.file_type().is_fifo())
}
