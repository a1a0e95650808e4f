//! What do commands change that the machine does not know? Secrets, host names and what holds for all groups: kept in the [`Book`] and in
//! the [`Keys`], and written with the machine's next save.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use config::Secret as Hidden;
use config::sentinel_conf::{Master, SentinelConf, Server};
use view::GroupName;

use super::book::Book;
use super::{compose, log, process};
use crate::clients::Clients;
use crate::info_cache::InfoCache;
use crate::keys::Keys;
use crate::names::Names;
use crate::serve::rules::{Global, Keeper, Owner, Rules, Secret};

/// The keeper of a sentinel.conf.
pub(super) struct Pages {
    pub(super) book: Book,
    pub(super) keys: Keys,
    pub(super) names: Names,
}

/// What the port is told.
pub(super) fn rules(conf: &SentinelConf, server: &Server, owner: Owner, info: InfoCache, names: Names) -> Rules {
    let seconds = |n: u32| (n > 0).then(|| Duration::from_secs(n.into()));
    let users = conf.users.iter().map(|user| {
        let rules = user.rules.iter().map(|rule| rule.reveal().to_owned()).collect();
        (user.name.clone(), rules)
    });
    Rules {
        requirepass: server.requirepass.as_ref().map(|pass| pass.reveal().to_owned()),
        users: users.collect(),
        acl_file: server.aclfile.as_ref().map(Into::into),
        acl_log: usize::try_from(server.acllog_max_len).unwrap_or(usize::MAX),
        protected_mode: server.protected_mode,
        max_clients: usize::try_from(server.maxclients).unwrap_or(usize::MAX),
        idle: seconds(server.timeout_s),
        keepalive: seconds(server.tcp_keepalive_s),
        supervised: if server.supervised == "systemd" { "systemd" } else { "no" },
        owner,
        info,
        names,
        clients: Clients::default(),
    }
}

impl Pages {
    /// Changes what the file says, and what links log in with.
    fn change(&self, change: impl FnOnce(&mut SentinelConf)) {
        let keys = self.book.with(|conf| {
            change(conf);
            compose::keys(conf)
        });
        self.keys.replace(keys);
    }
}

impl Keeper for Pages {
    fn option(&self, option: Global) -> String {
        let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        self.book.with(|conf| match option {
            Global::ResolveHostnames => yes(conf.resolve_hostnames),
            Global::AnnounceHostnames => yes(conf.announce_hostnames),
            Global::AnnounceIp => conf.announce_ip.clone().unwrap_or_default(),
            Global::AnnouncePort => conf.announce_port.unwrap_or_default().to_string(),
            Global::SentinelUser => conf.sentinel_user.clone().unwrap_or_default(),
            Global::SentinelPass => {
                conf.sentinel_pass.as_ref().map_or_else(String::new, |pass| pass.reveal().to_owned())
            }
            Global::Loglevel => conf.server().loglevel,
        })
    }

    fn set_options(&self, changes: &[(Global, String)]) {
        self.change(|conf| {
            for (option, value) in changes {
                let some = Some(value.clone()).filter(|value| !value.is_empty());
                match option {
                    Global::ResolveHostnames => conf.resolve_hostnames = value == "yes",
                    Global::AnnounceHostnames => conf.announce_hostnames = value == "yes",
                    Global::AnnounceIp => conf.announce_ip = some,
                    Global::AnnouncePort => conf.announce_port = value.parse().ok().filter(|port| *port != 0),
                    Global::SentinelUser => conf.sentinel_user = some,
                    Global::SentinelPass => conf.sentinel_pass = some.map(Hidden::new),
                    Global::Loglevel => {
                        // One of its values: the port has looked.
                        let _ = conf.settings.set("loglevel", std::slice::from_ref(value));
                        log::set_level(value);
                    }
                }
            }
            self.names.set(conf.resolve_hostnames, conf.announce_hostnames);
        });
    }

    fn announce(&self) -> SocketAddr {
        self.book.with(|conf| compose::announce(conf, &self.names))
    }

    fn resolve(&self, host: &str) -> Option<IpAddr> {
        self.names.find(host)
    }

    fn watch(&self, group: &GroupName, host: Option<&str>) {
        self.change(|conf| {
            let known = conf.masters.iter().position(|master| master.name == group.as_str());
            match (known, host) {
                // The machine's save fills in its rules.
                (None, Some(host)) => conf.masters.push(Master::new(group.as_str(), host, 0, 1)),
                (Some(at), None) => {
                    conf.masters.remove(at);
                }
                _ => {}
            }
        });
    }

    fn set_secret(&self, group: &GroupName, secret: Secret) {
        self.change(|conf| {
            let Some(master) = conf.masters.iter_mut().find(|master| master.name == group.as_str()) else { return };
            let some = |value: String| Some(value).filter(|value| !value.is_empty());
            match secret {
                Secret::User(name) => master.auth_user = some(name),
                Secret::Password(password) => master.auth_pass = some(password).map(Hidden::new),
                Secret::Rename { from, to } => {
                    master.renamed.retain(|(known, _)| !known.eq_ignore_ascii_case(&from));
                    if !from.eq_ignore_ascii_case(&to) {
                        master.renamed.push((from, to));
                    }
                }
            }
        });
    }

    fn scripts_are_locked(&self) -> bool {
        self.book.with(|conf| conf.deny_scripts_reconfig)
    }

    fn is_program(&self, path: &str) -> bool {
        process::is_executable(Path::new(path))
    }
}
