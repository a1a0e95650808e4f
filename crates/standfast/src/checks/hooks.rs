//! Who is told when the state of an address, or of a sync group, changes? Programs of the operator, and named pipes, in Keepalived's words:
//! `INSTANCE "name" MASTER 100`, `GROUP "name" BACKUP 0`.
//!
//! | who | hears of its address | of its sync group |
//! |---|---|---|
//! | programs of an address | yes | |
//! | programs of a `[[sync-group]]` | | yes |
//! | the pipe of an address | yes | yes: Keepalived has one for all |
//! | the pipe of a `[[sync-group]]` | | yes |
//!
//! The program of a state gets no arguments but its own, as with Keepalived: it may be one that was not made for this (`systemctl start x`).
//! The hooks of one address, or group, run one after the other in the order of what happened. Who is slow misses some: of those that
//! wait, the oldest is dropped, because the newest says how things are.

mod pipe;
mod queue;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use config::Config;
use config::address::{Address, Notify, SyncGroup};
use vrrp::{Priority, State};

use crate::program::{Program, Who};
use pipe::Pipe;
use queue::{Hook, Queue};

/// All hooks.
#[derive(Default)]
pub(super) struct Hooks {
    addresses: BTreeMap<String, Notify>,
    groups: BTreeMap<String, Group>,
    /// By the first two words that hooks are told.
    queues: BTreeMap<(&'static str, String), Queue>,
    pipes: BTreeMap<PathBuf, Pipe>,
}

/// Who is told of a sync group.
#[derive(Default)]
struct Group {
    own: Option<Notify>,
    members: BTreeSet<String>,
}

impl Hooks {
    /// Addresses that are new in the file, and the groups that are. Of the others those of before are told.
    pub(super) fn introduce(&mut self, config: &Config, is_known: impl Fn(&str) -> bool) {
        for address in config.addresses.iter().filter(|address| !is_known(&address.name)) {
            self.add(address);
        }
        // Who has joined a group hears of it from its first state on.
        for address in &config.addresses {
            if let Some(group) = &address.sync_group {
                self.groups.entry(group.clone()).or_default().members.insert(address.name.clone());
            }
        }
        for group in &config.sync_groups {
            let known = self.groups.entry(group.name.clone()).or_default();
            known.own.get_or_insert_with(|| group.notify.clone());
        }
    }

    /// An address is called otherwise: what waits to be told is told in its order.
    pub(super) fn rename(&mut self, before: &str, after: &str) {
        if let Some(notify) = self.addresses.remove(before) {
            self.addresses.insert(after.to_owned(), notify);
        }
        if let Some(queue) = self.queues.remove(&(INSTANCE, before.to_owned())) {
            self.queues.insert((INSTANCE, after.to_owned()), queue);
        }
        for group in self.groups.values_mut() {
            if group.members.remove(before) {
                group.members.insert(after.to_owned());
            }
        }
    }

    /// By what the file says by now. A group that is not in it any more was told its end before this; an address may leave later.
    pub(super) fn configure(&mut self, config: &Config) {
        self.groups.clear();
        config.addresses.iter().for_each(|address| self.add(address));
        for SyncGroup { name, notify, .. } in &config.sync_groups {
            self.groups.entry(name.clone()).or_default().own = Some(notify.clone());
        }
        self.tidy_up();
    }

    /// An address is gone from the file, and was told its end.
    pub(super) fn forget(&mut self, address: &str) {
        self.addresses.remove(address);
        self.tidy_up();
    }

    /// The addresses that are known.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.addresses.keys()
    }

    fn add(&mut self, address: &Address) {
        self.addresses.insert(address.name.clone(), address.notify.clone());
        if let Some(group) = &address.sync_group {
            self.groups.entry(group.clone()).or_default().members.insert(address.name.clone());
        }
    }

    /// The pipes and queues of what is gone from the file; a queue once it is empty.
    fn tidy_up(&mut self) {
        let Self { addresses, groups, queues, pipes } = self;
        let told = addresses.values().chain(groups.values().filter_map(|group| group.own.as_ref()));
        let paths: BTreeSet<&PathBuf> = told.filter_map(|notify| notify.fifo.as_ref()).collect();
        pipes.retain(|path, _| paths.contains(path));
        let is_known = |(kind, name): &(&'static str, String)| match *kind {
            INSTANCE => addresses.contains_key(name),
            _ => groups.contains_key(name),
        };
        queues.retain(|key, queue| is_known(key) || !queue.is_idle());
    }

    pub(super) fn changed(&mut self, address: &str, to: State, priority: Priority) {
        let Some(notify) = self.addresses.get(address).cloned() else { return };
        let pipes = notify.fifo.iter().cloned().collect();
        self.tell(pipes, Some(&notify), &Told { kind: INSTANCE, name: address, to, priority });
    }

    pub(super) fn group_changed(&mut self, group: &str, to: State) {
        let Some(Group { own, members }) = self.groups.get(group) else { return };
        let members = members.iter().filter_map(|member| self.addresses.get(member));
        let pipes = members.chain(own).filter_map(|notify| notify.fifo.clone()).collect();
        let own = own.clone();
        self.tell(pipes, own.as_ref(), &Told { kind: GROUP, name: group, to, priority: Priority(0) });
    }

    fn tell(&mut self, pipes: BTreeSet<PathBuf>, notify: Option<&Notify>, told: &Told<'_>) {
        for path in pipes {
            let pipe = self.pipes.entry(path.clone()).or_default();
            pipe.tell(&path, &told.line());
        }
        let Some(notify) = notify else { return };
        let hooks = [(of_state(notify, told.to), Vec::new()), (notify.any.as_ref(), told.arguments())];
        for (argv, arguments) in hooks {
            let Some(argv) = argv.cloned() else { continue };
            let program = Program { argv, who: Who::or_us(notify.user.as_ref()), limit: notify.timeout };
            let queue = self.queues.entry((told.kind, told.name.to_owned())).or_insert_with(Queue::start);
            queue.push(Hook { program, arguments, environment: told.environment(), told: told.line() });
        }
    }

    /// Waits until all are told, but not for ever.
    pub(super) async fn finished(&self) {
        let all = async {
            for queue in self.queues.values() {
                queue.finished().await;
            }
        };
        if tokio::time::timeout(LAST_WORDS, all).await.is_err() {
            let late = self.queues.iter().filter(|(_, queue)| !queue.is_idle());
            let late: Vec<String> = late.map(|((kind, name), _)| format!("{kind} {name}")).collect();
            tracing::warn!(
                "the hooks of {} were not done within {LAST_WORDS:?}, and are not told the last state: what they do has to be quicker when this \
                 node stops",
                late.join(", ")
            );
        }
    }
}

/// What has happened, in Keepalived's words.
struct Told<'a> {
    kind: &'static str,
    name: &'a str,
    to: State,
    priority: Priority,
}

impl Told<'_> {
    fn line(&self) -> String {
        format!("{} \"{}\" {} {}\n", self.kind, self.name, keepalived(self.to), self.priority.0)
    }

    fn arguments(&self) -> Vec<String> {
        let Self { kind, name, to, priority } = self;
        vec![(*kind).to_owned(), (*name).to_owned(), keepalived(*to).to_owned(), priority.0.to_string()]
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let names = ["STANDFAST_KIND", "STANDFAST_NAME", "STANDFAST_STATE", "STANDFAST_PRIORITY"];
        names.into_iter().zip(self.arguments()).collect()
    }
}

/// Keepalived's word.
const fn keepalived(state: State) -> &'static str {
    match state {
        State::Initialize => "STOP",
        State::Fault => "FAULT",
        State::Backup => "BACKUP",
        State::Active => "MASTER",
    }
}

const fn of_state(notify: &Notify, state: State) -> Option<&Vec<String>> {
    match state {
        State::Initialize => notify.stop.as_ref(),
        State::Fault => notify.fault.as_ref(),
        State::Backup => notify.backup.as_ref(),
        State::Active => notify.master.as_ref(),
    }
}

const INSTANCE: &str = "INSTANCE";
const GROUP: &str = "GROUP";
/// When the node stops. A service manager gives it 90 s.
const LAST_WORDS: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
