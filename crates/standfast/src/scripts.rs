//! How is a script of the operator run? Without a shell, with our environment, nothing on its standard input, and no descriptor of
//! ours but standard output and standard error. Which script runs when is the machine's business (`sentinel::script`).
//!
//! ```text
//!   RunScript ──> start, one after the other, off the loop ──> ScriptStarted ──> wait ──> ScriptEnded
//!                      └── refused ────────────────────────────────────────────────────────┘
//!   KillScript ──> SIGKILL before it was waited for, so that its number cannot be another's
//! ```
//!
//! A path that is not absolute counts from the working directory. A script that still runs when the node ends goes on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::PoisonError;

use host::HostRefused;
use sentinel::{End, Event};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

use crate::inherited::VARIABLE;
use crate::node_loop::Input;
use crate::upgrade::STARTING;

/// The scripts that run at present. The machine orders a bounded number, and is told the end of each exactly once.
pub(crate) struct Scripts {
    inbox: mpsc::Sender<Input>,
    /// Who starts them, one after the other: scripts that are told of a story want to hear it in order.
    starter: Option<mpsc::Sender<Start>>,
    /// Who waits for the order to kill.
    running: BTreeMap<u64, oneshot::Sender<()>>,
}

/// A script that is to be started.
struct Start {
    nr: u64,
    path: String,
    command: Command,
    killed: oneshot::Receiver<()>,
}

impl Scripts {
    /// None runs yet; what becomes of them goes to `inbox`.
    pub(crate) const fn new(inbox: mpsc::Sender<Input>) -> Self {
        Self { inbox, starter: None, running: BTreeMap::new() }
    }

    /// Starts a script. Ends in `ScriptEnded`, whatever happens.
    pub(crate) fn run(&mut self, nr: u64, path: String, args: Vec<String>) {
        self.running.retain(|_, kill| !kill.is_closed());
        let (kill, killed) = oneshot::channel();
        self.running.insert(nr, kill);
        let command = command(&path, args);
        let inbox = &self.inbox;
        let starter = self.starter.get_or_insert_with(|| {
            let (starter, starts) = mpsc::channel(MAX_STARTS);
            tokio::spawn(start_all(starts, inbox.clone()));
            starter
        });
        if starter.try_send(Start { nr, path, command, killed }).is_err() {
            // More than the machine ever orders: as if the host had no process to give.
            let inbox = inbox.clone();
            tokio::spawn(async move { tell_end(nr, End::NotStarted, &inbox).await });
        }
    }

    /// Kills a script, if it still runs.
    pub(crate) fn kill(&mut self, nr: u64) {
        if let Some(kill) = self.running.remove(&nr) {
            // It has ended a moment ago: that is on its way to the machine.
            let _ = kill.send(());
        }
    }
}

fn command(path: &str, args: Vec<String>) -> Command {
    // A bare name is a file here, as for execve(2), and not looked for on the PATH.
    let program = if path.contains('/') { OsString::from(path) } else { OsString::from(format!("./{path}")) };
    let mut command = Command::new(program);
    // In a group of its own: a Ctrl-C at our terminal is for us.
    command.args(args).env_remove(VARIABLE).stdin(Stdio::null()).process_group(0);
    command
}

/// Starts one script after the other, and leaves each to a task of its own.
async fn start_all(mut starts: mpsc::Receiver<Start>, inbox: mpsc::Sender<Input>) {
    while let Some(Start { nr, path, mut command, killed }) = starts.recv().await {
        // Starting a process can take milliseconds, and the loop must not stand still in the middle of a failover.
        let child = match tokio::task::spawn_blocking(move || spawn(&mut command)).await {
            Ok(Ok(child)) => child,
            Ok(Err(e)) => {
                let refused = HostRefused::program("run the script", path, e);
                tracing::warn!("{refused}");
                tell_end(nr, end_of_refused(&refused), &inbox).await;
                continue;
            }
            // The runtime is going down.
            Err(_) => return,
        };
        // It has a number until it was waited for.
        let pid = child.id().unwrap_or_default();
        // Nobody to tell: the node is stopping.
        let _ = inbox.send(Input::Happened(Event::ScriptStarted { nr, pid })).await;
        let inbox = inbox.clone();
        tokio::spawn(async move { tell_end(nr, attend(child, killed, &path).await, &inbox).await });
    }
}

fn spawn(command: &mut Command) -> io::Result<Child> {
    // No descriptor of ours that is meant for another program.
    let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    command.spawn()
}

async fn tell_end(nr: u64, end: End, inbox: &mpsc::Sender<Input>) {
    let _ = inbox.send(Input::Happened(Event::ScriptEnded { nr, end })).await;
}

/// Stays with a script to its end.
async fn attend(mut child: Child, killed: oneshot::Receiver<()>, path: &str) -> End {
    match wait(&mut child, killed).await {
        Ok(status) => end(status),
        Err(e) => {
            tracing::error!("{}", HostRefused::program("wait for the script", path, e));
            End::NotStarted
        }
    }
}

/// Waits for the end, and hastens it when told to.
async fn wait(child: &mut Child, killed: oneshot::Receiver<()>) -> io::Result<ExitStatus> {
    tokio::select! {
        ended = child.wait() => return ended,
        // The sender goes without a word only when the node does.
        Ok(()) = killed => {}
    }
    // Not waited for yet, hence this process and no other. Refused only when it has ended by itself.
    let _ = child.start_kill();
    child.wait().await
}

fn end(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code),
        (None, signal) => End::Signaled(signal.unwrap_or_default()),
    }
}

/// What a start that was refused means: the file's fault is status 2, as if a child had tried; a host that is short of
/// something had no process to give.
fn end_of_refused(refused: &HostRefused) -> End {
    if refused.is_shortage() { End::NotStarted } else { End::Exited(NOT_EXECUTABLE) }
}

/// Scripts that wait to be started: the machine has sixteen at a time.
const MAX_STARTS: usize = 32;
/// With this status stock Sentinel's child ends when it cannot become the script.
const NOT_EXECUTABLE: i32 = 2;

#[cfg(test)]
mod tests;
