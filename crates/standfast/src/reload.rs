//! How does a running node take up its file anew? Whatever can fail comes first and changes nothing; then everything that can change while
//! clients stay connected does, and what cannot is named.
//!
//! ```text
//!   file ─> checked ─> new groups' masters asked ─> page bound ─> listeners bound ══> from here on it is done:
//!           keys ─> groups in the machine ─> announced address ─> addresses ─> page ─> log
//! ```

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use config::change::{self, Applies, Change};
use config::{Config, Group};
use host::Store;
use sd_notify::NotifyState;
use sentinel::{Reply, Request};
use tokio::sync::{Mutex, OwnedMutexGuard};
use view::GroupName;

use crate::addresses::sessions_begun_anew;
use crate::admin::Page;
use crate::bind;
use crate::cli::NodeArgs;
use crate::control;
use crate::edges::tls::ByGroup;
use crate::failure::{Failure, Fault};
use crate::inherited::Inherited;
use crate::keys::Keys;
use crate::life::notify;
use crate::outside::Plan;
use crate::say::say;
use crate::status::Source;
use crate::{check, compose, descriptors, edges, log, privileges, probe, run};

/// What a node of our own file needs to take it up anew.
pub(crate) struct Origin {
    /// The file.
    pub(crate) file: PathBuf,
    /// What it said at the start.
    pub(crate) config: Config,
    /// What links log in with.
    pub(crate) keys: Keys,
    pub(crate) server_tls: ByGroup,
    /// Where its state is, if it keeps any.
    pub(crate) store: Option<Arc<Store>>,
}

/// Takes up the file, one time after the other. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Reloader(Arc<Inner>);

struct Inner {
    file: PathBuf,
    keys: Keys,
    server_tls: ByGroup,
    source: Source,
    page: Page,
    /// What the node lives by.
    running: Arc<Mutex<Config>>,
}

impl Reloader {
    pub(crate) fn new(origin: Origin, source: Source, page: Page) -> Self {
        let Origin { file, config, keys, server_tls, .. } = origin;
        Self(Arc::new(Inner { file, keys, server_tls, source, page, running: Arc::new(Mutex::new(config)) }))
    }

    /// What the node lives by. As long as it is held, nothing of it is changed.
    pub(crate) async fn hold(&self) -> OwnedMutexGuard<Config> {
        self.0.running.clone().lock_owned().await
    }

    /// Takes up the file; what changed, a line each. `by`: who wants it, for the log.
    ///
    /// # Errors
    /// Why nothing was changed.
    pub(crate) async fn reload(&self, by: &str) -> Result<Vec<String>, Failure> {
        let mut running = self.0.running.lock().await;
        tracing::info!("{by}: reading {} anew", self.0.file.display());
        notify(&reloading());
        let done = self.0.take_up(&mut running).await.map_err(Failure::while_running);
        notify(&[NotifyState::Ready, NotifyState::Status(&run::summary(&running))]);
        match &done {
            Ok(lines) => lines.iter().for_each(|line| tracing::info!("reload: {line}")),
            Err(failure) => {
                tracing::error!("reload: nothing was changed");
                failure
                    .to_string()
                    .lines()
                    .filter(|line| !line.is_empty())
                    .for_each(|line| tracing::error!("reload: {line}"));
            }
        }
        done
    }
}

impl Inner {
    async fn take_up(&self, running: &mut Config) -> Result<Vec<String>, Failure> {
        let file = self.file.clone();
        let new = blocking(move || check::read(&file)).await?;
        check::log_warnings(&new);
        edges::all_served(&new)?;
        privileges::still_suffice(&new)?;
        let old = &*running;
        let changes = change::between(old, &new);
        if changes.is_empty() {
            return Ok(vec!["the file says nothing new".to_owned()]);
        }
        if old.votes() != new.votes() {
            return Err(needs_restart());
        }
        let after = after(old, new);
        let groups = Groups::between(old, &after);
        let outside = Plan::of(&after)?;
        let new_names: Vec<GroupName> = after.groups.iter().map(name).collect();
        let unheard = |name: &GroupName| old.groups.iter().all(|group| GroupName::from(group.name.as_str()) != *name);
        let new_names: Vec<GroupName> = new_names.into_iter().filter(unheard).collect();
        let questions = (after.clone(), groups.added.clone());
        blocking(move || ask_masters(&questions.0, &questions.1)).await?;
        let page = match &after.admin {
            Some(admin) if old.admin.as_ref().map(|old| old.listen) != Some(admin.listen) => {
                let leaving = self.page.socket().unwrap_or_default();
                Some(bind::page(&after, admin, &mut Inherited::default(), leaving)?)
            }
            _ => None,
        };
        let is_new = |group: &&Group| new_names.contains(&name(group));
        after.groups.iter().filter(is_new).for_each(|group| self.source.feeds.add(group));
        if let Err(failure) = self.source.traffic.apply(&after, &self.source.feeds) {
            new_names.iter().for_each(|name| self.source.feeds.remove(name));
            return Err(failure);
        }
        let mut lines: Vec<String> = changes.iter().map(Change::to_string).collect();
        lines.extend(self.change_groups(&after, &groups).await);
        self.source.outside.apply(outside, &self.source.feeds);
        let gone = running.groups.iter().map(name).filter(|gone| after.groups.iter().all(|g| name(g) != *gone));
        gone.for_each(|gone| self.source.feeds.remove(&gone));
        if after.node.announce != old.node.announce {
            let request = Request::Configure { announce: Some(after.node.announce), reconnect: false };
            lines.extend(self.ask("node", request).await);
        }
        if bind::has_port(&after) && !bind::has_port(old) {
            lines.push(
                "addresses: `partners` are told which clients are served here, but cannot tell us before a restart: until then there is no \
                 Sentinel port"
                    .to_owned(),
            );
        }
        lines.extend(self.change_addresses(old, &after).await);
        if page.is_some() || after.admin.is_none() {
            self.page.set(page);
            self.page.open(&self.source);
        }
        log::change(&after.log);
        if after.proxy.max_clients != running.proxy.max_clients {
            descriptors::provide(&after);
        }
        lines.extend(check::useless_programs(&after).into_iter().map(|text| format!("warning: {text}")));
        *running = after;
        if changes.iter().any(|change| change.applies() == Applies::AtRestart) {
            lines.push("what needs a restart waits for one; everything else is in effect".to_owned());
        }
        Ok(lines)
    }

    /// The machine's part. Who listens to a group has left it already, or comes only then.
    async fn change_groups(&self, after: &Config, groups: &Groups) -> Vec<String> {
        self.keys.replace(compose::keys(after));
        // What could fail has been done once, before anything was changed.
        if let Err(failure) = self.server_tls.replace(after) {
            tracing::warn!("links are encrypted as before: {failure}");
        }
        after.groups.iter().for_each(|group| self.source.feeds.add(group));
        let mut troubles = Vec::new();
        for name in &groups.removed {
            troubles.extend(self.ask(name.as_str(), Request::Remove { group: name.clone() }).await);
        }
        for group in &groups.added {
            let request = Request::Monitor { group: name(group), rules: compose::watched(after, group) };
            troubles.extend(self.ask(&group.name, request).await);
        }
        for (group, reconnect) in &groups.altered {
            let rules = compose::watched(after, group);
            let request = Request::Reload { group: name(group), rules, reconnect: *reconnect };
            troubles.extend(self.ask(&group.name, request).await);
        }
        troubles
    }

    /// What is to be said of it, for people.
    async fn change_addresses(&self, old: &Config, after: &Config) -> Vec<String> {
        match self.source.addresses.configure(after).await {
            Ok(renames) => {
                let stay = renames.iter().map(|(old, new)| format!("address {new}: it was called {old}, and stays"));
                stay.chain(sessions_begun_anew(old, after)).collect()
            }
            Err(failure) => vec![format!("addresses: NOT done: {failure}")],
        }
    }

    /// Asks the machine; what it refuses, for people.
    async fn ask(&self, about: &str, request: Request) -> Option<String> {
        match self.source.node.ask(request).await {
            Some(Reply::Refused { code, why }) => Some(format!("group {about}: NOT done: {why} ({code})")),
            Some(_) => None,
            None => Some(format!("group {about}: NOT done: the node is stopping")),
        }
    }
}

/// What the node lives by after it took up `new`: what needs a restart stays.
fn after(old: &Config, new: Config) -> Config {
    let told = old.told.after_reload(&new.told);
    let node = config::Node { announce: new.node.announce, ..old.node.clone() };
    let proxy = config::Proxy { workers: old.proxy.workers, ..new.proxy };
    Config { told, node, proxy, ..new }
}

/// Whether nodes vote decides about the Sentinel port and the state directory.
fn needs_restart() -> Failure {
    let why = "with this file the program becomes a proxy only, or ceases to be one: only a restart can do that. Nothing was changed";
    Failure::new(Fault::Misconfigured, why)
}

/// What happens to groups that nodes vote on.
struct Groups {
    added: Vec<Group>,
    removed: Vec<GroupName>,
    /// And whether the links to its servers are made anew, because they log in with something else.
    altered: Vec<(Group, bool)>,
}

impl Groups {
    fn between(old: &Config, new: &Config) -> Self {
        let by_name = |config: &Config| -> BTreeMap<String, Group> {
            let voted = config.groups.iter().filter(|group| group.origin == config::Origin::Monitor);
            voted.map(|group| (group.name.clone(), group.clone())).collect()
        };
        let rules = |config: &Config, group: &Group| compose::watched(config, group);
        let (before, after) = (old, new);
        let (old, new) = (by_name(old), by_name(new));
        let removed = old.keys().filter(|name| !new.contains_key(*name)).map(|name| GroupName::from(name.as_str()));
        let removed = removed.collect();
        let (mut added, mut altered) = (Vec::new(), Vec::new());
        for (name, group) in new {
            let Some(old) = old.get(&name) else {
                added.push(group);
                continue;
            };
            let login = |group: &Group| (group.username.clone(), group.password.clone(), group.server_tls.clone());
            let reconnect = login(old) != login(&group);
            if reconnect || rules(before, old) != rules(after, &group) {
                altered.push((group, reconnect));
            }
        }
        Self { added, removed, altered }
    }
}

fn name(group: &Group) -> GroupName {
    GroupName::from(group.name.as_str())
}

/// That the masters of new groups can be worked with, as at the start.
fn ask_masters(config: &Config, groups: &[Group]) -> Result<(), Failure> {
    let credentials = compose::credentials(config);
    // The question is asked in plain words, and the password is one of them.
    let plain = groups.iter().filter(|group| group.server_tls.is_none());
    let questions = plain.map(|group| probe::Question {
        group: &group.name,
        master: group.master,
        credentials: credentials.get(&name(group)).cloned().unwrap_or_default(),
        place: format!("{}:{}", config.file_name, group.defined_at),
    });
    probe::probe(&questions.collect::<Vec<_>>())
}

/// Beside the loop, which must not wait for a disk or a server.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|e| Err(Failure::host(format!("the work ended without an outcome: {e}"))))
}

/// What systemd is told: since version 253 it wants to know when.
fn reloading() -> Vec<NotifyState<'static>> {
    let when = NotifyState::monotonic_usec_now();
    [NotifyState::Reloading].into_iter().chain(when.ok()).collect()
}

/// `standfast reload`.
pub(crate) fn reload(args: &NodeArgs) -> Result<(), Failure> {
    let lines: Vec<String> = control::ask(args, "reload")?;
    lines.iter().try_for_each(say)
}
