//! An address that commands move, as plain data.

use std::time::Duration;

use crate::config::sure;
use crate::setting::Settings;

/// `[address.command]`: commands move the address. Each is a program, by its absolute path, with its arguments; no shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Brings it here.
    pub up: Vec<String>,
    /// Takes it from here.
    pub down: Vec<String>,
    /// Succeeds when it is here. `None`: nobody asks.
    pub check: Option<Vec<String>>,
    /// From one check to the next.
    pub interval: Duration,
    /// How long a command may take before it is killed.
    pub timeout: Duration,
    /// Who runs them. `None`: the user that runs Standfast.
    pub user: Option<String>,
}

impl Command {
    pub(crate) fn build(table: &Settings) -> Self {
        Self {
            up: sure(table, "up"),
            down: sure(table, "down"),
            check: table.get("check"),
            interval: sure(table, "interval"),
            timeout: sure(table, "timeout"),
            user: table.get("user"),
        }
    }
}
