//! How does a program that was started go on to its end, and what if it has none? One that was killed ends at once, unless it hangs in the
//! kernel (state D: a disk, a network file system). Nobody waits for such a one: it counts as failed, and another may be started; but not
//! more than a few.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use host::process::Handle;
use host::{HostRefused, lesser};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt as _, Interest};
use tokio::net::unix::pipe::Receiver;
use tokio::task::JoinHandle;

use super::Program;

/// Runs the programs of one purpose, one after the other: a check, the commands of an address, the hooks of one.
#[derive(Default)]
pub(crate) struct Runner {
    /// It is looked for, or started, for longer than it may take: a file system or the list of users does not answer.
    late: Option<Starting>,
    /// Killed, and not ended.
    stuck: Vec<Running>,
}

type Starting = JoinHandle<Result<(Running, Receiver), String>>;

impl Runner {
    /// Runs it to its end. `more`: arguments behind its own. `environment`: what is in it beside the PATH. Dropped before, it ends it.
    ///
    /// # Errors
    /// Why it counts as failed: it could not be run, or was not to be, it ended otherwise than with status 0, or took too long.
    pub(crate) async fn run(
        &mut self,
        program: &Program,
        more: &[String],
        environment: &[(&'static str, String)],
    ) -> Result<(), String> {
        let limit = program.limit;
        let (mut running, said) = self.start(program, more, environment).await?;
        let mut tail = Tail::default();
        let ended = tokio::time::timeout(limit, running.wait(said, &mut tail)).await;
        let Ok(ended) = ended else {
            if running.kill().await {
                return Err(tail.behind(&format!("it took longer than {limit:?} and was killed")));
            }
            let text = format!(
                "it took longer than {limit:?}, was killed, and has not ended {DYING:?} later: process {} hangs in the kernel (`cat \
                 /proc/{0}/stack`: a disk, a network file system?). It is not waited for",
                running.child.as_ref().map_or(0, Child::id)
            );
            self.stuck.push(running);
            return Err(tail.behind(&text));
        };
        let status =
            ended.map_err(|e| HostRefused::program("wait for the program", &program.argv[0], e).to_string())?;
        if status.success() { Ok(()) } else { Err(tail.behind(&in_words(status))) }
    }

    #[cfg(test)]
    pub(super) const fn stuck(&self) -> usize {
        self.stuck.len()
    }

    #[cfg(test)]
    pub(super) fn fill(&mut self, mut start: impl FnMut() -> Running) {
        self.stuck.resize_with(MAX_STUCK, &mut start);
    }

    async fn start(
        &mut self,
        program: &Program,
        more: &[String],
        environment: &[(&'static str, String)],
    ) -> Result<(Running, Receiver), String> {
        self.stuck.retain_mut(|running| !running.has_ended());
        if self.stuck.len() >= MAX_STUCK {
            return Err(format!(
                "it was not run: {MAX_STUCK} before it were killed and hang in the kernel. It is run again when one of them has ended; if none \
                 does, this host has to be restarted"
            ));
        }
        // What comes of one that was late is ended as it is dropped.
        if self.late.take_if(|late| late.is_finished()).is_none() && self.late.is_some() {
            return Err(format!("it was not run: {}", still_starting(&program.argv)));
        }
        let (starting, more) = (program.clone(), more.to_vec());
        let environment: Vec<_> = environment.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        // Looking up a user can take its time, and so can starting a process.
        let mut starting = tokio::task::spawn_blocking(move || starting.start(&more, &environment));
        match tokio::time::timeout(program.limit, &mut starting).await {
            Ok(started) => started.unwrap_or_else(|_| Err("the node is stopping".to_owned())),
            Err(_) => {
                self.late = Some(starting);
                Err(format!("it could not be started within {:?}: {}", program.limit, still_starting(&program.argv)))
            }
        }
    }
}

fn still_starting(argv: &[String]) -> String {
    let path = argv.first().map(String::as_str).unwrap_or_default();
    format!("the file system of {path}, or the list of users, does not answer")
}

/// A process and its group, killed when it is dropped before its end: also where no runtime is left, as when the node ends while it is
/// being started. Tokio's own kind can then be neither made nor found again, and the program would go on.
pub(super) struct Running {
    /// `None`: it was waited for, and its number may be another's.
    child: Option<Child>,
}

impl Running {
    pub(super) const fn of(child: Child) -> Self {
        Self { child: Some(child) }
    }

    /// Reads what it says until it ends. What of its group goes on after it is nobody's business.
    async fn wait(&mut self, mut said: Receiver, tail: &mut Tail) -> io::Result<ExitStatus> {
        let mut room = [0; 4 << 10];
        let mut may_speak = true;
        let status = {
            let mut ended = std::pin::pin!(self.ended());
            loop {
                tokio::select! {
                    biased;
                    read = said.read(&mut room), if may_speak => match read {
                        Ok(0) | Err(_) => may_speak = false,
                        Ok(len) => tail.add(&room[..len]),
                    },
                    status = &mut ended => break status?,
                }
            }
        };
        // The rest of what it said before it ended.
        for _ in 0..MAX_REST {
            match said.try_read(&mut room) {
                Ok(len @ 1..) => tail.add(&room[..len]),
                _ => break,
            }
        }
        Ok(status)
    }

    /// Waits until it has ended and can be waited for, which comes later where a debugger holds it.
    async fn ended(&mut self) -> io::Result<ExitStatus> {
        let gone = || io::Error::other("it was waited for before");
        let number = self.child.as_ref().ok_or_else(gone)?.id();
        // Nobody has waited for it, so the number is its own.
        let process = end_of(number)?;
        loop {
            let mut end = process.readable().await?;
            if let Some(status) = self.child.as_mut().ok_or_else(gone)?.try_wait()? {
                self.child = None;
                return Ok(status);
            }
            end.clear_ready();
        }
    }

    /// Kills it with its group, and waits for its end for a moment. Whether it has ended.
    async fn kill(&mut self) -> bool {
        let Some(child) = &self.child else { return true };
        lesser::kill_group(child.id());
        // That it cannot be waited for would have been said before.
        tokio::time::timeout(DYING, self.ended()).await.is_ok()
    }

    /// Whether it, which was killed, has ended by now.
    fn has_ended(&mut self) -> bool {
        let has_ended = self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
        if has_ended {
            self.child = None;
        }
        has_ended
    }
}

/// Can be read once the process has ended.
#[expect(
    deprecated,
    reason = "its successor is unsafe code; a descriptor that is owned is one and the same for all of its life"
)]
fn end_of(process: u32) -> io::Result<AsyncFd<OwnedFd>> {
    let process = Handle::open(process).map_err(io::Error::other)?;
    AsyncFd::with_interest(process.as_fd().try_clone_to_owned()?, Interest::READABLE)
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(child) = self.child.take() else { return };
        lesser::kill_group(child.id());
        // Somebody must take note of its end, or it stays in the table of processes for as long as we live. Without a runtime we end, too.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let mut killed = Self::of(child);
                let _ = tokio::time::timeout(DYING, killed.ended()).await;
                // One that hangs longer stays in the table.
                killed.child = None;
            });
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

/// The last line is looked for in so much of what was said: what is before it is forgotten.
const MAX_TAIL: usize = 4 << 10;
/// A reason is one line in a log and on a page.
const MAX_LINE: usize = 300;
/// A pipe holds 64 KiB, which is read in pieces of 4 KiB; what others of its group say meanwhile is nobody's business.
const MAX_REST: u32 = 16;
/// What is killed is gone within milliseconds, with much memory within tens of them; a busy host takes longer for both.
const DYING: Duration = Duration::from_secs(5);
/// Processes that cannot be ended, of one runner: whatever they hang on, another one will as well, and none of them costs a processor.
const MAX_STUCK: usize = 3;
