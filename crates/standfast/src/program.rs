//! How is a program run that the operator has named for an address: a check, a command, a hook? Without a shell, as the user that was named,
//! without our capabilities and our environment, for a bounded time. What it said last goes into the reason why it failed.
//!
//! How it goes on from its start: [`runner`].
//!
//! ```text
//!   look at the file: may others write to it? ──> start ──> read what it says ──> end, or the limit: killed with its group
//! ```
//!
//! The scripts of a `sentinel.conf` are run as a stock Sentinel runs them, by [`scripts`](crate::scripts).

mod runner;

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::PoisonError;
use std::time::Duration;

use host::account::User;
use host::{HostRefused, lesser};
use tokio::net::unix::pipe::Receiver;

use crate::upgrade::STARTING;
use runner::Running;

pub(crate) use runner::Runner;

/// A program of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    /// Its absolute path, and its arguments.
    pub(crate) argv: Vec<String>,
    pub(crate) who: Who,
    /// How long it may take.
    pub(crate) limit: Duration,
}

/// As whom it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// As whoever runs us.
    Us,
    /// As whoever runs us, but not as root: then as `nobody`.
    NotRoot,
    /// As this user.
    User(String),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Us => "the user that runs Standfast",
            Self::NotRoot => NOBODY,
            Self::User(name) => name,
        })
    }
}

impl Who {
    /// As this user, or as us.
    pub(crate) fn or_us(user: Option<&String>) -> Self {
        user.map_or(Self::Us, |user| Self::User(user.clone()))
    }

    /// As this user, or as anybody but root.
    pub(crate) fn or_not_root(user: Option<&String>) -> Self {
        user.map_or(Self::NotRoot, |user| Self::User(user.clone()))
    }

    /// The user that its process has to become. `None`: it stays ours.
    ///
    /// # Errors
    /// There is no such user, in words.
    pub(crate) fn user(&self) -> Result<Option<User>, String> {
        let name = match self {
            Self::NotRoot if User::ours() == ROOT => NOBODY,
            Self::Us | Self::NotRoot => return Ok(None),
            Self::User(name) => name,
        };
        let found = User::named(name).map_err(|e| format!("the user {name:?} cannot be looked up: {e}"))?;
        let user = found.ok_or_else(|| format!("there is no user {name:?} on this host: make it, or name another"))?;
        Ok((user.user != User::ours()).then_some(user))
    }
}

impl Program {
    fn start(&self, more: &[String], environment: &[(String, String)]) -> Result<(Running, Receiver), String> {
        let Some((path, own)) = self.argv.split_first() else { return Err("no program is named".to_owned()) };
        let user = self.who.user()?;
        // Run is what was looked at: the link that led to it may be another one by then.
        let real = may_be_run(Path::new(path), user.as_ref())?;
        let start = || -> io::Result<(Running, Receiver)> {
            let (said, says) = io::pipe()?;
            let mut command = std::process::Command::new(&real);
            command.arg0(path).args(own).args(more).env_clear().env("PATH", path_variable()).current_dir("/");
            command.envs(environment.iter().map(|(name, value)| (name, value)));
            // In a group of its own: it ends as one, and a Ctrl-C at our terminal is for us.
            command.stdin(Stdio::null()).stdout(says.try_clone()?).stderr(says).process_group(0);
            match &user {
                Some(user) => lesser::run_as(&mut command, user),
                None => lesser::run_plain(&mut command),
            }
            let said = Receiver::from_owned_fd(OwnedFd::from(said))?;
            // No descriptor of ours that is meant for another program.
            let alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
            let child = command.spawn();
            drop(alone);
            Ok((Running::of(child?), said))
        };
        start().map_err(|e| HostRefused::program("run the program", path, e).to_string())
    }
}

/// That nobody but root, us, and the user that it is run as can change what is run: neither the file nor the way to it (Keepalived:
/// `enable_script_security`). Returns the file itself, behind all links.
///
/// # Errors
/// Who can, where.
pub(crate) fn may_be_run(path: &Path, user: Option<&User>) -> Result<PathBuf, String> {
    let refused = |e| HostRefused::program("look at the program", path, e).to_string();
    let real = path.canonicalize().map_err(refused)?;
    let mut at: PathBuf = PathBuf::new();
    for part in real.components() {
        at.push(part);
        let found = at.symlink_metadata().map_err(refused)?;
        let (owner, mode) = (found.uid(), found.mode());
        let is_theirs = owner != ROOT && owner != User::ours() && user.is_none_or(|user| owner != user.user);
        // In a directory such as /tmp nobody can replace what is another's.
        let is_shared = found.is_dir() && mode & STICKY != 0;
        let by_group = mode & GROUP_WRITES != 0 && found.gid() != ROOT && !is_shared;
        let by_all = mode & ALL_WRITE != 0 && !is_shared;
        if is_theirs || by_group || by_all {
            let who = if is_theirs { "belongs to another user" } else { "can be written to by others" };
            return Err(format!(
                "{} was not run: {} {who}, who could have anything run by it. `chown root` and `chmod go-w` it",
                path.display(),
                at.display()
            ));
        }
    }
    Ok(real)
}

/// Where programs are looked for by the program: ours, or the usual places.
fn path_variable() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_else(|| OsStr::new("/usr/sbin:/usr/bin:/sbin:/bin").to_owned())
}

const ROOT: u32 = 0;
/// Every Linux has it, and it owns nothing.
const NOBODY: &str = "nobody";
const STICKY: u32 = 0o1000;
const GROUP_WRITES: u32 = 0o020;
const ALL_WRITE: u32 = 0o002;

#[cfg(test)]
mod tests;
