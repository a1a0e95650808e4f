//! The configuration file is also the state: how is it kept? What the operator wrote, what commands changed and what was learned are one
//! file, which a stock Sentinel can take back at any moment.
//!
//! ```text
//!   machine: rules, epochs, who is known ──┐
//!   book: secrets, names, the server's own ┴─> merged ─> written over the text that is there ─> synced, renamed, synced
//! ```

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use config::sentinel_conf::{self, KnownSentinel, Master, SentinelConf};
use host::{HostRefused, store};
use sentinel::state::GroupState;
use sentinel::{Config, GroupConfig, State};

use crate::disk::Keep;
use crate::names::Names;

/// The file, and what it says at present. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(super) struct Book {
    /// Absolute, because the process enters another directory.
    path: Arc<Path>,
    /// A file for the state alone (`state-config-file`): then the other is never written.
    state: Option<Arc<Path>>,
    conf: Arc<Mutex<SentinelConf>>,
    names: Names,
}

impl Book {
    pub(super) fn new(path: &Path, state: Option<PathBuf>, conf: SentinelConf, names: Names) -> Self {
        Self { path: path.into(), state: state.map(Into::into), conf: Arc::new(Mutex::new(conf)), names }
    }

    /// The file that is written.
    pub(super) fn file(&self) -> &Path {
        self.state.as_deref().unwrap_or(&self.path)
    }

    /// Looks at what the file says, or changes it for the next save. Short: saves wait.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut SentinelConf) -> T) -> T {
        look(&mut self.conf.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes what the file says at present. The text that is there is read anew each time: comments that were added since stay.
    pub(super) fn write(&self) -> Result<(), HostRefused> {
        let file = self.file();
        let old = match fs::read(file) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(HostRefused::new("read the configuration file", file, e)),
        };
        let new = self.with(|conf| match self.state {
            Some(_) => sentinel_conf::rewrite_state(&old, conf),
            None => sentinel_conf::rewrite(&old, conf),
        });
        store::replace(file, new.as_bytes())
    }
}

impl Keep for Book {
    fn keep(&self, config: &Config, state: &State) -> Result<(), HostRefused> {
        self.with(|conf| merge(conf, config, state, &self.names));
        let written = self.write();
        match &written {
            Ok(()) => tracing::info!("Sentinel new configuration saved on disk"),
            Err(e) => {
                tracing::warn!("WARNING: Sentinel was not able to save the new configuration on disk!!!: {}", e.source);
            }
        }
        written
    }
}

/// Brings what the machine knows into what the file says.
fn merge(conf: &mut SentinelConf, config: &Config, state: &State, names: &Names) {
    let words = |addr: SocketAddr| (names.told(addr.ip()), addr.port());
    conf.current_epoch = state.epoch.0;
    conf.masters.retain(|master| config.groups.contains_key(&master.name.as_str().into()));
    for (name, rules) in &config.groups {
        let at = conf.masters.iter().position(|master| master.name == name.as_str());
        let at = at.unwrap_or_else(|| {
            let (host, port) = words(rules.master);
            conf.masters.push(Master::new(name.as_str(), host, port, rules.quorum));
            conf.masters.len() - 1
        });
        let master = &mut conf.masters[at];
        merge_rules(master, rules);
        if let Some(state) = state.groups.get(name) {
            merge_state(master, state, &words);
        }
    }
}

fn merge_rules(master: &mut Master, rules: &GroupConfig) {
    master.quorum = rules.quorum;
    master.down_after_ms = millis(rules.down_after);
    master.failover_timeout_ms = millis(rules.failover_timeout);
    master.parallel_syncs = rules.parallel_syncs;
    master.reboot_down_after_ms = millis(rules.reboot_down_after);
    master.notification_script.clone_from(&rules.notification_script);
    master.client_reconfig_script.clone_from(&rules.client_reconfig_script);
}

fn merge_state(master: &mut Master, state: &GroupState, words: &impl Fn(SocketAddr) -> (String, u16)) {
    (master.host, master.port) = words(state.master);
    master.config_epoch = state.config_epoch.0;
    // Whom the vote was for is not kept: after a restart nobody can be given one in that epoch, which is what matters.
    master.leader_epoch = state.vote.as_ref().map_or(0, |vote| vote.epoch.0);
    let replicas = state.servers.iter().filter(|server| **server != state.master);
    master.known_replicas = replicas.copied().map(words).collect();
    let sentinels = state.peers.iter().map(|peer| {
        let (host, port) = words(peer.addr);
        KnownSentinel { host, port, id: peer.id.as_str().to_owned() }
    });
    master.known_sentinels = sentinels.collect();
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}
