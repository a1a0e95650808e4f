//! What is run when the state of an address changes, as plain data.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::sure;
use crate::setting::Settings;

/// `[address.notify]`: what is run, and told, when the state of the address changes. Each hook is a program, by its absolute path, with its
/// arguments; after these it gets Keepalived's: `INSTANCE` or `GROUP`, the name, the state, the priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// The address is here.
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
