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
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use config::Secret;
use config::sentinel_conf::{self, KnownSentinel, Master, SentinelConf, User};
use host::{HostRefused, store};
use sentinel::state::GroupState;
use sentinel::{Config, GroupConfig, State};

use crate::disk::Keep;
use crate::names::Names;
use crate::serve;

/// The file, and what it says at present. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(super) struct Book {
    /// Absolute, because the process enters another directory.
    path: Arc<Path>,
    /// A file for the state alone (`state-config-file`): then the other is never written.
    state: Option<Arc<Path>>,
    conf: Arc<Mutex<SentinelConf>>,
    names: Names,
    /// Who knows the users of the moment, once there is a port.
    port: Arc<OnceLock<Arc<serve::Port>>>,
}

impl Book {
    pub(super) fn new(path: &Path, state: Option<PathBuf>, conf: SentinelConf, names: Names) -> Self {
        Self {
            path: path.into(),
            state: state.map(Into::into),
            conf: Arc::new(Mutex::new(conf)),
            names,
            port: Arc::default(),
        }
    }

    /// The file that is written.
    pub(super) fn file(&self) -> &Path {
        self.state.as_deref().unwrap_or(&self.path)
    }

    /// From now on users are written as the port knows them.
    pub(super) fn ask_for_users(&self, port: Arc<serve::Port>) {
        // Set once, at the start; there is one port.
        let _ = self.port.set(port);
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
        let users = self.port.get().map(|port| port.user_lines());
        self.with(|conf| {
            merge(conf, config, state, &self.names);
            if let Some(lines) = users {
                conf.users = lines.iter().filter_map(|line| user(line)).collect();
            }
        });
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

/// A line `user NAME RULE...`, in words. Not quoted: no word of it has a blank, and some have quotes of their own.
fn user(line: &str) -> Option<User> {
    let mut words = line.split(' ').skip(1);
    Some(User { name: words.next()?.to_owned(), rules: words.map(Secret::new).collect() })
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

#[cfg(test)]
mod tests {
    use sentinel::Sentinel;
    use sentinel_conf::Alone;

    use super::super::compose;
    use super::*;

    const ID: &str = "1111111111111111111111111111111111111111";
    const OTHER: &str = "2222222222222222222222222222222222222222";

    fn file() -> String {
        format!(
            "# mine\nport 5000\nsentinel myid {ID}\nsentinel monitor m 10.0.0.1 6379 2\nsentinel auth-pass m secret\n\
             sentinel rename-command m CONFIG c\nsentinel down-after-milliseconds m 1000\nsentinel config-epoch m 5\n\
             sentinel leader-epoch m 7\nsentinel known-replica m 10.0.0.2 6379\n\
             sentinel known-sentinel m 10.0.0.3 26379 {OTHER}\nsentinel current-epoch 6\n"
        )
    }

    fn machine(conf: &SentinelConf) -> Sentinel {
        let names = compose::names(conf);
        let id = conf.myid.as_ref().unwrap().parse().unwrap();
        let (config, state) = (compose::sentinel(conf, id, &names), compose::state(conf, &names));
        Sentinel::new(config, state, 1, machine::Instant::START)
    }

    #[test]
    fn what_the_machine_took_from_a_file_it_gives_back() {
        let before = sentinel_conf::parse("s.conf", &file(), &Alone).unwrap();
        let machine = machine(&before);
        assert_eq!(machine.state().epoch.0, 7, "a vote was given in it: the larger one counts");
        let mut after = before.clone();
        merge(&mut after, &machine.config(), &machine.state(), &Names::default());
        let expected = SentinelConf { current_epoch: 7, ..before };
        assert_eq!(after, expected);
    }

    #[test]
    fn users_with_quotes_come_back() {
        let mut conf = sentinel_conf::parse("s.conf", &file(), &Alone).unwrap();
        let users = ["user d' on &x\"y (&it's -@all +ping)", "user a\"b off &\\ -@all"];
        conf.users = users.iter().filter_map(|line| user(line)).collect();
        let again = sentinel_conf::parse("s.conf", &sentinel_conf::rewrite(&file(), &conf), &Alone).unwrap();
        let line = |user: &User| {
            let rules: Vec<&str> = user.rules.iter().map(|rule| rule.reveal()).collect();
            format!("user {} {}", user.name, rules.join(" "))
        };
        let mut told: Vec<String> = again.users.iter().map(line).filter(|line| !line.contains("default")).collect();
        told.sort();
        assert_eq!(told, [users[1], users[0]]);
    }

    #[test]
    fn groups_that_came_or_went_by_command_do_so_in_the_file() {
        let conf = sentinel_conf::parse("s.conf", &file(), &Alone).unwrap();
        let machine = machine(&conf);
        let (mut config, mut state, mut after) = (machine.config(), machine.state(), conf);
        let rules = config.groups.remove(&"m".into()).unwrap();
        state.groups.clear();
        config.groups.insert("n".into(), GroupConfig { quorum: 3, ..rules });
        merge(&mut after, &config, &state, &Names::default());
        let names: Vec<_> = after.masters.iter().map(|m| (m.name.as_str(), m.quorum, m.auth_pass.is_some())).collect();
        assert_eq!(names, [("n", 3, false)]);
    }
}
