//! What does the file mean for each part? One file speaks to the machine, to the links and to the proxy; here it is divided.

use std::collections::BTreeMap;

use config::Config;
use sentinel::GroupConfig;
use sentinel::command::Credentials;
use view::{GroupName, RunId};

/// What the Sentinel machine is told. No secret is in it: it is written into flight records.
pub(crate) fn sentinel(config: &Config, id: RunId) -> sentinel::Config {
    let groups = config.groups.iter().map(|group| (GroupName::from(group.name.as_str()), watched(group)));
    sentinel::Config { id, announce: config.node.announce, groups: groups.collect() }
}

fn watched(group: &config::Group) -> GroupConfig {
    GroupConfig {
        down_after: group.down_after,
        confirm: group.confirm,
        failover_timeout: group.failover_timeout,
        switchover_timeout: group.switchover_timeout,
        ..GroupConfig::of(group.master, group.quorum, group.nodes)
    }
}

/// What the links log in with, by group.
pub(crate) fn credentials(config: &Config) -> BTreeMap<GroupName, Credentials> {
    let by_group = config.groups.iter().map(|group| {
        let username = group.username.clone().unwrap_or_default();
        let password = group.password.as_ref().map_or_else(String::new, |secret| secret.reveal().to_owned());
        (GroupName::from(group.name.as_str()), Credentials { username, password, ..Credentials::default() })
    });
    by_group.collect()
}

/// What the node is called in logs and on pages.
pub(crate) fn node_name(config: &Config) -> String {
    config.node.name.clone().unwrap_or_else(host::hostname)
}
