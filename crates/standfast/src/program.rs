//! How is a program run that the operator has named for an address: a check, a command, a hook? Without a shell, as the user that was named,
//! without our capabilities and our environment, for a bounded time. What it said last goes into the reason why it failed.
//!
//! ```text
//!   look at the file: may others write to it? ──> start ──> read what it says ──> end, or the limit: killed with its group
//! ```
//!
//! The scripts of a `sentinel.conf` are run as a stock Sentinel runs them, by [`scripts`](crate::scripts).

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::PoisonError;
use std::time::Duration;

use host::account::User;
use host::{HostRefused, lesser};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Child;

use crate::upgrade::STARTING;

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
    /// Runs it to its end. `more`: arguments behind its own. `environment`: what is in it beside the PATH.
    ///
    /// # Errors
    /// Why it counts as failed: it could not be run, or was not to be, it ended otherwise than with status 0, or took too long.
    pub(crate) async fn run(&self, more: &[String], environment: &[(&str, String)]) -> Result<(), String> {
        let (program, more) = (self.clone(), more.to_vec());
        let environment: Vec<_> = environment.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        // Looking up a user can take its time, and so can starting a process.
        let started = tokio::task::spawn_blocking(move || program.start(&more, &environment)).await;
        let Ok(started) = started else { return Err("the node is stopping".to_owned()) };
        let (mut running, said) = started?;
        let mut tail = Tail::default();
        let ended = tokio::time::timeout(self.limit, running.wait(said, &mut tail)).await;
        let Ok(ended) = ended else {
            let limit = self.limit;
            running.kill().await;
            return Err(tail.behind(&format!("it took longer than {limit:?} and was killed")));
        };
        let status = ended.map_err(|e| HostRefused::program("wait for the program", &self.argv[0], e).to_string())?;
        if status.success() { Ok(()) } else { Err(tail.behind(&in_words(status))) }
    }

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
            let child = tokio::process::Command::from(command).spawn();
            drop(alone);
            Ok((Running::of(child?), said))
        };
        start().map_err(|e| HostRefused::program("run the program", path, e).to_string())
    }
}

/// A process and its group, killed when it is dropped before its end.
struct Running {
    /// `None`: it was waited for, and the number may be another's.
    group: Option<u32>,
    child: Child,
}

impl Running {
    fn of(child: Child) -> Self {
        Self { group: child.id(), child }
    }

    /// Reads what it says until it ends. What of its group goes on after it is nobody's business.
    async fn wait(&mut self, mut said: Receiver, tail: &mut Tail) -> io::Result<ExitStatus> {
        let mut room = [0; 4 << 10];
        let mut may_speak = true;
        let status = loop {
            tokio::select! {
                biased;
                read = said.read(&mut room), if may_speak => match read {
                    Ok(0) | Err(_) => may_speak = false,
                    Ok(len) => tail.add(&room[..len]),
                },
                status = self.child.wait() => break status?,
            }
        };
        self.group = None;
        // The rest of what it said before it ended.
        for _ in 0..MAX_REST {
            match said.try_read(&mut room) {
                Ok(len @ 1..) => tail.add(&room[..len]),
                _ => break,
            }
        }
        Ok(status)
    }

    async fn kill(mut self) {
        if let Some(group) = self.group {
            lesser::kill_group(group);
            // Killed, it ends; that it cannot be waited for would have been said before.
            let _ = self.child.wait().await;
            self.group = None;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            lesser::kill_group(group);
        }
    }
}

/// The end of what a program said.
#[derive(Default)]
struct Tail(VecDeque<u8>);

impl Tail {
    fn add(&mut self, said: &[u8]) {
        self.0.extend(said);
        let over = self.0.len().saturating_sub(MAX_TAIL);
        self.0.drain(..over);
    }

    /// Its last line behind a reason.
    fn behind(self, reason: &str) -> String {
        let text = Vec::from(self.0);
        let text = String::from_utf8_lossy(&text);
        match text.lines().rev().map(str::trim).find(|line| !line.is_empty()) {
            Some(line) => format!("{reason}; it said: {}", line.chars().take(MAX_LINE).collect::<String>()),
            None => reason.to_owned(),
        }
    }
}

fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with status {code}"),
        (None, signal) => format!("it was killed by signal {}", signal.unwrap_or_default()),
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
/// The last line is looked for in so much of what was said: what is before it is forgotten.
const MAX_TAIL: usize = 4 << 10;
/// A reason is one line in a log and on a page.
const MAX_LINE: usize = 300;
/// A pipe holds 64 KiB, which is read in pieces of 4 KiB; what others of its group say meanwhile is nobody's business.
const MAX_REST: u32 = 16;

#[cfg(test)]
mod tests;
