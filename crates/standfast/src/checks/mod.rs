//! What runs beside the machine of the addresses: the looks of its checks, the commands that move addresses, the hooks that are told of it.
//!
//! ```text
//!   file ──> looks, each a task ── Checked ──────────────> inbox of the loop
//!   Run ───> command ───────────── Ran ──────────────────> inbox of the loop
//!   Changed, GroupChanged ──> hooks, one after the other of an address; a line in a FIFO
//! ```
//!
//! A check never overlaps with itself, and every one has a result in time: what takes too long has failed. Nothing here decides what a
//! result means.
//!
//! | module | answers |
//! |---|---|
//! | [`look`] | what is looked at, how often, and for how long? |
//! | [`proof`] | does a request get through a listener of this host? |
//! | [`door`] | how does the proof come in there? |
//! | [`talk`] | how does one connection ask a Redis? |
//! | [`far`] | is something of the network well: a Redis, a port, a gateway? |
//! | [`near`] | is something of this host well: an interface, a process, a file? |
//! | [`commands`] | how are the commands of an address run? |
//! | [`hooks`] | who is told when the state of an address changes? |

mod commands;
pub(crate) mod door;
mod far;
mod hooks;
mod look;
mod near;
mod proof;
mod talk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use config::Config;
use node::{Event, Job};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use vrrp::{Priority, State};

use crate::feeds::Feeds;
use commands::Commands;
use hooks::Hooks;
use look::{Called, Plan};

/// All of them. Dropping it stops the looks, and kills what runs.
pub(crate) struct Checks {
    inbox: mpsc::Sender<Event>,
    feeds: Feeds,
    /// By address and check.
    looks: BTreeMap<(String, String), (Plan, Running)>,
    commands: Commands,
    hooks: Hooks,
    /// Addresses that are gone from the file, and may not have given everything up.
    leaving: BTreeSet<String>,
}

/// A task that ends when this is dropped.
struct Running {
    called: Called,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Checks {
    /// None yet. Results go to `inbox`; `feeds` say how the groups are.
    pub(crate) fn new(inbox: mpsc::Sender<Event>, feeds: Feeds) -> Self {
        let commands = Commands::new(inbox.clone());
        Self { inbox, feeds, looks: BTreeMap::new(), commands, hooks: Hooks::default(), leaving: BTreeSet::new() }
    }

    /// Addresses that are new in the file: what is to be run for them at once, and who is told. The others go on by what they had, until
    /// [`configure`](Self::configure).
    pub(crate) fn introduce(&mut self, config: &Config, is_known: impl Fn(&str) -> bool) {
        for address in config.addresses.iter().filter(|address| !is_known(&address.name)) {
            self.commands.introduce(address);
        }
        self.hooks.introduce(config, is_known);
    }

    /// Looks at what the file says by now. A check of which nothing has changed goes on. In a runtime of Tokio.
    pub(crate) fn configure(&mut self, config: &Config) {
        let mut before = std::mem::take(&mut self.looks);
        for address in &config.addresses {
            for (name, plan) in look::plans(config, address) {
                let key = (address.name.clone(), name);
                let running = match before.remove(&key) {
                    Some((known, running)) if known == plan => running,
                    _ => {
                        let called = Called::new(Mutex::new(key.0.clone()));
                        let by = (called.clone(), key.1.clone());
                        Running { called, task: look::start(by, &plan, &self.feeds, self.inbox.clone()) }
                    }
                };
                self.looks.insert(key, (plan, running));
            }
        }
        self.commands.configure(config);
        self.hooks.configure(config);
        let is_configured = |name: &str| config.addresses.iter().any(|address| address.name == name);
        let known = self.commands.names().chain(self.hooks.names());
        self.leaving = known.filter(|name| !is_configured(name)).cloned().collect();
    }

    /// An address is called otherwise: what runs for it goes on. Before [`introduce`](Self::introduce).
    pub(crate) fn rename(&mut self, before: &str, after: &str) {
        let all = std::mem::take(&mut self.looks).into_iter().map(|((address, check), (mut plan, running))| {
            let address = if address == before {
                plan.rename(after);
                after.clone_into(&mut running.called.lock().unwrap_or_else(PoisonError::into_inner));
                after.to_owned()
            } else {
                address
            };
            ((address, check), (plan, running))
        });
        self.looks = all.collect();
        self.commands.rename(before, after);
        self.hooks.rename(before, after);
    }

    /// Runs a command of an address. Its end is an event, whatever happens.
    pub(crate) fn run(&mut self, address: &str, nr: u64, job: Job) {
        self.commands.run(address, nr, job);
    }

    /// Forgets the commands and hooks of addresses that are gone from the file, once the machine has done with them.
    pub(crate) fn forget(&mut self, is_known: impl Fn(&str) -> bool) {
        self.leaving.retain(|address| {
            let stays = is_known(address);
            if !stays {
                self.commands.forget(address);
                self.hooks.forget(address);
            }
            stays
        });
    }

    /// Tells of the state of an address.
    pub(crate) fn changed(&mut self, address: &str, _from: State, to: State, priority: Priority) {
        self.hooks.changed(address, to, priority);
    }

    /// Tells of the state of a sync group.
    pub(crate) fn group_changed(&mut self, group: &str, _from: State, to: State) {
        self.hooks.group_changed(group, to);
    }

    /// Waits until hooks have been told all, for a bounded time.
    pub(crate) async fn stopped(&mut self) {
        self.looks.clear();
        self.hooks.finished().await;
    }
}

#[cfg(test)]
mod tests;
