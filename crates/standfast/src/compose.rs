//! What does the file mean for each part? One file speaks to the machine, to the links and to the proxy; here it is divided.

use std::collections::BTreeMap;
use std::path::Path;

use config::Config;
use sentinel::GroupConfig;
use sentinel::command::Credentials;
use view::{GroupName, RunId};

use crate::keys::Bunch;

/// What the Sentinel machine is told. No secret is in it: it is written into flight records.
pub(crate) fn sentinel(config: &Config, id: RunId) -> sentinel::Config {
    let groups = config.groups.iter().map(|group| (GroupName::from(group.name.as_str()), watched(group)));
    sentinel::Config { id, announce: config.node.announce, groups: groups.collect() }
}

/// The rules of one group.
pub(crate) fn watched(group: &config::Group) -> GroupConfig {
    GroupConfig {
        down_after: group.down_after,
        confirm: group.confirm,
        failover_timeout: group.failover_timeout,
        switchover_timeout: group.switchover_timeout,
        restart_grace: group.restart_grace,
        parallel_syncs: group.parallel_syncs.unwrap_or(u32::MAX),
        notification_script: group.notification_script.as_deref().map(script),
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

/// What the node is called in logs and on pages.
pub(crate) fn node_name(config: &Config) -> String {
    config.node.name.clone().unwrap_or_else(host::hostname)
}
