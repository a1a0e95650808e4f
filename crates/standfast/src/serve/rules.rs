//! What was the port told? Whoever starts it fills this in: `standfast run` by its defaults, `standfast sentinel` from sentinel.conf.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use view::GroupName;

use crate::clients::Clients;
use crate::info_cache::InfoCache;
use crate::names::Names;

/// The settings of the port.
pub(crate) struct Rules {
    /// The password of those who do not name a user (`requirepass`).
    pub(crate) requirepass: Option<String>,
    /// `user` lines: a name, and its rules.
    pub(crate) users: Vec<(String, Vec<String>)>,
    /// A file with such lines (`aclfile`).
    pub(crate) acl_file: Option<PathBuf>,
    /// Refusals that `ACL LOG` remembers (`acllog-max-len`).
    pub(crate) acl_log: usize,
    /// Without any password, only this host may connect.
    pub(crate) protected_mode: bool,
    /// Connections at a time.
    pub(crate) max_clients: usize,
    /// Who says nothing for so long is closed, unless it listens to channels (`timeout`); `None`: nobody is.
    pub(crate) idle: Option<Duration>,
    /// After so much silence the kernel looks whether the other end is there (`tcp-keepalive`); `None`: never.
    pub(crate) keepalive: Option<Duration>,
    /// Whether others are told by name that this is a service of systemd or upstart (`process_supervised` of INFO).
    pub(crate) supervised: &'static str,
    /// Who changes the configuration.
    pub(crate) owner: Owner,
    /// What `SENTINEL INFO-CACHE` tells.
    pub(crate) info: InfoCache,
    /// Which names hosts have, where clients are told names.
    pub(crate) names: Names,
    /// Whom other nodes tell which clients they serve.
    pub(crate) clients: Clients,
}

/// Who owns the configuration of this node.
#[derive(Clone)]
pub(crate) enum Owner {
    /// A file that people write: commands that would change it are refused with its name.
    File(String),
    /// Commands change it, and this one keeps what the machine does not.
    Commands(Arc<dyn Keeper>),
}

/// Keeps those parts of a sentinel.conf that the machine does not know: secrets, names, and what holds for all groups. Whatever a
/// command changes is given to the keeper first and to the machine then, whose next save writes both.
pub(crate) trait Keeper: Send + Sync {
    /// The value of an option of `SENTINEL CONFIG`, as `CONFIG GET` tells it.
    fn option(&self, option: Global) -> String;
    /// Takes valid values, all together.
    fn set_options(&self, changes: &[(Global, String)]);
    /// The address to tell others, from `announce-ip`, `announce-port` and the port.
    fn announce(&self) -> SocketAddr;
    /// An address, or a name if names may be resolved; `None`: neither.
    fn resolve(&self, host: &str) -> Option<IpAddr>;
    /// A group is watched (under this host), or no more.
    fn watch(&self, group: &GroupName, host: Option<&str>);
    /// Takes what only the links use.
    fn set_secret(&self, group: &GroupName, secret: Secret);
    /// `deny-scripts-reconfig`.
    fn scripts_are_locked(&self) -> bool;
    /// Whether this path, seen from `dir`, can be executed.
    fn is_program(&self, path: &str) -> bool;
}

/// The options of `SENTINEL CONFIG`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Global {
    /// `resolve-hostnames`: `yes` or `no`.
    ResolveHostnames,
    /// `announce-hostnames`: `yes` or `no`.
    AnnounceHostnames,
    /// `announce-ip`; empty: none.
    AnnounceIp,
    /// `announce-port`; 0: none.
    AnnouncePort,
    /// `sentinel-user`; empty: none.
    SentinelUser,
    /// `sentinel-pass`; empty: none.
    SentinelPass,
    /// `loglevel`: `debug`, `verbose`, `notice`, `warning` or `nothing`.
    Loglevel,
}

impl Global {
    /// All, in the order in which stock tells them.
    pub(crate) const ALL: [(Self, &'static str); 7] = [
        (Self::ResolveHostnames, "resolve-hostnames"),
        (Self::AnnounceHostnames, "announce-hostnames"),
        (Self::AnnounceIp, "announce-ip"),
        (Self::AnnouncePort, "announce-port"),
        (Self::SentinelUser, "sentinel-user"),
        (Self::SentinelPass, "sentinel-pass"),
        (Self::Loglevel, "loglevel"),
    ];

    /// As commands name it.
    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(option, _)| *option == self).map_or("", |(_, name)| name)
    }
}

/// What only the links to a group's servers use. Empty texts unset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    /// `auth-user`.
    User(String),
    /// `auth-pass`.
    Password(String),
    /// `rename-command`; the same name twice takes the renaming back.
    Rename {
        /// What Redis calls it.
        from: String,
        /// What these servers call it.
        to: String,
    },
}

impl Rules {
    /// What a Sentinel does that was told nothing, with the file that owns the configuration.
    pub(crate) fn of_file(file: &str) -> Self {
        Self {
            requirepass: None,
            users: Vec::new(),
            acl_file: None,
            acl_log: 128,
            protected_mode: false,
            max_clients: MAX_CLIENTS,
            idle: None,
            keepalive: Some(Duration::from_secs(300)),
            supervised: "no",
            owner: Owner::File(file.to_owned()),
            info: InfoCache::default(),
            names: Names::default(),
            clients: Clients::default(),
        }
    }
}

/// Clients of the Sentinel port at a time, if nobody says another number: Redis's own default.
/// At the bound: Redis's own words, and the connection is closed.
const MAX_CLIENTS: usize = 10_000;
