//! What does the file mean for each part? One file speaks to the machine, to the links and to the proxy; here it is divided.

use std::collections::BTreeMap;
use std::path::Path;

use config::address::Follows;
use config::{Config, Origin, Pace};
use sentinel::GroupConfig;
use sentinel::check::{Exchange, Rules};
use sentinel::command::Credentials;
use view::{GroupName, RunId};

use crate::edges;
use crate::failure::Failure;
use crate::keys::{Bunch, Keys};
use crate::link::Ways;

/// What the Sentinel machine is told. No secret is in it: it is written into flight records.
pub(crate) fn sentinel(config: &Config, id: RunId) -> sentinel::Config {
    let voted = config.groups.iter().filter(|group| group.origin == Origin::Monitor);
    let groups = voted.map(|group| (GroupName::from(group.name.as_str()), watched(config, group)));
    sentinel::Config { id, announce: config.node.announce, groups: groups.collect() }
}

/// The rules of one group.
pub(crate) fn watched(config: &Config, group: &config::Group) -> GroupConfig {
    let is_tied = |follows: &Follows| matches!(follows, Follows::Master { group: name, .. } if *name == group.name);
    GroupConfig {
        down_after: group.down_after,
        confirm: group.confirm,
        failover_timeout: group.failover_timeout,
        switchover_timeout: group.switchover_timeout,
        restart_grace: group.restart_grace,
        parallel_syncs: group.parallel_syncs.unwrap_or(u32::MAX),
        notification_script: group.notification_script.as_deref().map(script),
        ties_address: config.addresses.iter().any(|address| is_tied(&address.follows)),
        client_reconfig_script: group.client_reconfig_script.as_deref().map(script),
        ..GroupConfig::of(group.master, group.quorum, group.nodes)
    }
}

fn script(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// What the links log in with.
pub(crate) fn keys(config: &Config) -> Bunch {
    // Nodes do not log in to each other.
    Bunch { servers: credentials(config), peers: Credentials::default() }
}

/// What the links log in to servers with, by group.
pub(crate) fn credentials(config: &Config) -> BTreeMap<GroupName, Credentials> {
    let by_group = config.groups.iter().map(|group| {
        let username = group.username.clone().unwrap_or_default();
        let password = group.password.as_ref().map_or_else(String::new, |secret| secret.reveal().to_owned());
        (GroupName::from(group.name.as_str()), Credentials { username, password, ..Credentials::default() })
    });
    by_group.collect()
}

/// What the machine is told that checks a group's servers.
pub(crate) fn probe(group: &config::Group, probe: &config::Probe) -> sentinel::probe::Config {
    let exchange = |(send, expect): &(String, String)| Exchange { send: send.clone(), expect: expect.clone() };
    let check = Rules {
        rise: probe.rise,
        expect: probe.expect.clone(),
        exchanges: probe.checks.iter().map(exchange).collect(),
        ..pace(&probe.pace)
    };
    sentinel::probe::Config { group: group.name.as_str().into(), servers: probe.servers.clone(), check }
}

/// What the machine is told that follows a group's Sentinels.
pub(crate) fn follow(group: &config::Group, sentinels: &config::Sentinels) -> sentinel::follow::Config {
    let check = pace(&sentinels.pace);
    sentinel::follow::Config { group: group.name.as_str().into(), sentinels: sentinels.addresses.clone(), check }
}

fn pace(pace: &Pace) -> Rules {
    let Pace { interval, fast_interval, timeout, fall } = *pace;
    Rules { interval, fast_interval, timeout, fall, ..Rules::default() }
}

/// How a group's servers and its Sentinels are connected to, where nodes do not vote on it.
///
/// # Errors
/// Which file of certificates cannot be used, and why.
pub(crate) fn ways(config: &Config, group: &config::Group) -> Result<(Ways, Ways), Failure> {
    let peers = match &group.origin {
        Origin::Sentinels(sentinels) => Credentials {
            username: sentinels.username.clone().unwrap_or_default(),
            password: sentinels.password.as_ref().map_or_else(String::new, |secret| secret.reveal().to_owned()),
            ..Credentials::default()
        },
        Origin::Monitor | Origin::Probe(_) => Credentials::default(),
    };
    let keys = Keys::new(Bunch { servers: credentials(config), peers });
    // What goes wrong is told by the machine: there is a connection for every check.
    let ways = |tls| Ways { keys: keys.clone(), tls, is_quiet: true, ..Ways::default() };
    let to_sentinels = ways(edges::tls::to_sentinels(config, group)?);
    let to_servers = Ways { names: to_sentinels.names.clone(), ..ways(edges::tls::connector(config, group)?) };
    // Sentinels may tell names.
    to_servers.names.set(true, false);
    Ok((to_servers, to_sentinels))
}

/// What the node is called in logs and on pages.
pub(crate) fn node_name(config: &Config) -> String {
    config.node.name.clone().unwrap_or_else(host::hostname)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_file_says_of_a_check_is_what_is_checked() {
        let text = "[node]\nstate-dir = \"/nowhere\"\n[[group]]\nname = \"cache\"\nsource = \"probe\"\nservers = [\"10.0.0.1:6379\"]\n\
                    interval = \"3s\"\ncheck-timeout = \"400ms\"\nrise = 7\nfall = 5\n\
                    [[listener]]\nlisten = \"127.0.0.1:6380\"\ngroup = \"cache\"\n";
        let config = config::parse("standfast.toml", text).unwrap_or_else(|problems| panic!("{problems}"));
        let Origin::Probe(said) = &config.groups[0].origin else { panic!("it is probed") };
        let check = probe(&config.groups[0], said).check;
        assert_eq!((check.rise, check.fall), (7, 5));
        assert_eq!([check.interval, check.timeout].map(|time| time.as_millis()), [3_000, 400]);
    }
}
