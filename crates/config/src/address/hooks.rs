//! What is run when the state of an address, or of a sync group, changes, as plain data.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::{place, sure};
use crate::setting::Settings;
use crate::source::{Place, Source};

/// `[[sync-group]]`: who is told of addresses that move together, as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncGroup {
    /// That of at least two addresses.
    pub name: String,
    /// What is run when its state changes.
    pub notify: Notify,
    /// Where `name` is written.
    pub defined_at: Place,
}

impl SyncGroup {
    pub(crate) fn build(source: &Source, table: &Settings) -> Self {
        let notify = Notify::build(&table.inner("notify"));
        Self { name: sure(table, "name"), notify, defined_at: place(source, table, "name") }
    }
}

/// `[address.notify]`, `[sync-group.notify]`: what is run, and told, when the state changes. Each hook is a program, by its absolute path, with
/// its arguments; `any` gets Keepalived's after these: `INSTANCE` or `GROUP`, the name, the state, the priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// It is here.
    pub master: Option<Vec<String>>,
    /// It may come.
    pub backup: Option<Vec<String>>,
    /// It must not be here.
    pub fault: Option<Vec<String>>,
    /// This host takes no part any more.
    pub stop: Option<Vec<String>>,
    /// Any of these.
    pub any: Option<Vec<String>>,
    /// A named pipe that gets a line for each. Absolute.
    pub fifo: Option<PathBuf>,
    /// Who runs the hooks. `None`: the user that runs Standfast.
    pub user: Option<String>,
    /// How long a hook may take before it is killed.
    pub timeout: Duration,
}

impl Notify {
    pub(crate) fn build(table: &Settings) -> Self {
        Self {
            master: table.get("master"),
            backup: table.get("backup"),
            fault: table.get("fault"),
            stop: table.get("stop"),
            any: table.get("any"),
            fifo: table.get("fifo"),
            user: table.get("user"),
            timeout: sure(table, "timeout"),
        }
    }
}
