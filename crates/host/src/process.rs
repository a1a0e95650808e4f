//! Is that process alive, and how is exactly that one ended? By a pidfd, which names a process and not a number.
//!
//! Process numbers are used again. "Kill 4711" a moment after 4711 ended can hit a stranger, as every supervisor with pid files
//! has learned; a [`Handle`] then says that the process is gone.
//!
//! A child can be tied to us ([`Fate::EndsWithUs`]): however we end, also by SIGKILL, the kernel kills it. A fenced Redis must
//! not go on taking writes because its supervisor crashed.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use crate::{HostRefused, clock};

/// What becomes of a child when this program ends or lets go of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is killed: by the kernel when this program ends in whatever way, by `drop` when its [`Process`] goes.
    EndsWithUs,
    /// It goes on.
    Outlives,
}

/// What can be told to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Please end: SIGTERM.
    Terminate,
    /// End, unasked: SIGKILL.
    Kill,
    /// Stand still, unasked: SIGSTOP. What a hung process looks like from outside.
    Stop,
    /// Go on after a stop: SIGCONT.
    Continue,
}

/// A child of ours, in a process group of its own: a Ctrl-C at our terminal reaches us, and we decide what it means for the child.
#[derive(Debug)]
pub struct Process {
    child: Child,
    handle: Handle,
    fate: Fate,
}

impl Process {
    /// Starts `command`.
    ///
    /// # Errors
    /// When the program cannot be started, or the kernel has no pidfd (before Linux 5.3); no child is left then.
    pub fn spawn(mut command: Command, fate: Fate) -> Result<Self, HostRefused> {
        let program = PathBuf::from(command.get_program());
        let refused = |e| HostRefused::program("start the program", program, e);
        command.process_group(0);
        let spawned = match fate {
            Fate::EndsWithUs => {
                tie_to_parent(&mut command);
                spawn_from_lasting_thread(command)
            }
            Fate::Outlives => command.spawn(),
        };
        let mut child = spawned.map_err(refused)?;
        // Not reaped yet, so the number cannot have been used again.
        match Handle::open(child.id()) {
            Ok(handle) => Ok(Self { child, handle, fate }),
            Err(refused) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(refused)
            }
        }
    }

    /// The child, for whoever only signals or watches it.
    #[must_use]
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits until the child has ended.
    ///
    /// # Errors
    /// When it was already waited for behind our back (SIGCHLD set to be ignored).
    pub fn wait(&mut self) -> Result<ExitStatus, HostRefused> {
        self.child.wait().map_err(|e| HostRefused::program("wait for a child", self.handle.path(), e))
    }

    /// Asks the child to end, kills it when `grace` has passed, and returns how it ended. A stopped child cannot hear the
    /// question: it is continued first.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn end(&mut self, grace: Duration) -> Result<ExitStatus, HostRefused> {
        // Refused only when it has already ended: then there is nothing to ask.
        let _ = self.handle.signal(Signal::Terminate);
        let _ = self.handle.signal(Signal::Continue);
        if !self.handle.wait_for_end(grace) {
            let _ = self.handle.signal(Signal::Kill);
        }
        self.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.fate == Fate::EndsWithUs {
            // Both fail only for a child that has ended and was waited for: what we want.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// One process, ours or not: this one, even when its number belongs to another by now.
#[derive(Debug)]
pub struct Handle {
    pid: u32,
    fd: OwnedFd,
}

impl Handle {
    /// The process that has this number at this moment.
    ///
    /// # Errors
    /// When there is none.
    pub fn open(pid: u32) -> Result<Self, HostRefused> {
        let fd = pidfd_open(pid).map_err(|e| refused("find the process", pid, e))?;
        Ok(Self { pid, fd })
    }

    /// Its number, for log lines.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it runs (or stands still). A child that has ended and was not waited for is dead.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        !self.wait_for_end(Duration::ZERO)
    }

    /// Waits up to `patience` for its end; whether it has ended.
    #[must_use]
    pub fn wait_for_end(&self, patience: Duration) -> bool {
        let until = clock::now() + patience;
        loop {
            let left = until - clock::now();
            match poll_readable(&self.fd, left) {
                Ok(ended) => return ended,
                Err(e) => assert_eq!(e.kind(), io::ErrorKind::Interrupted, "poll(2) on a pidfd: {e}"),
            }
        }
    }

    /// Sends the signal to this process and to no other.
    ///
    /// # Errors
    /// When it has ended (`ESRCH`), or belongs to a user that we may not signal.
    pub fn signal(&self, signal: Signal) -> Result<(), HostRefused> {
        pidfd_send_signal(&self.fd, signal).map_err(|e| refused("signal the process", self.pid, e))
    }

    fn path(&self) -> PathBuf {
        proc_path(self.pid)
    }
}

/// The pidfd: readable once the process has ended, for drivers that wait for many things at once.
impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)
    }
}

fn proc_path(pid: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}"))
}

fn refused(what: &'static str, pid: u32, e: io::Error) -> HostRefused {
    let remedy = match e.raw_os_error() {
        Some(libc::ESRCH) => "It has ended; nothing is left to do",
        Some(libc::EPERM) => "It is another user's process, and only root may do that",
        _ => "`ps` shows what it is and what it does",
    };
    HostRefused::socket(what, proc_path(pid), e, remedy)
}

/// Starts the command on a thread that lives as long as this program. "Parent" in `PR_SET_PDEATHSIG` means the *thread*
/// that forked: started from a pool's idle worker, a healthy child would be killed when the pool shrinks.
fn spawn_from_lasting_thread(command: Command) -> io::Result<Child> {
    type Order = (Command, mpsc::SyncSender<io::Result<Child>>);
    static ORDERS: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (orders, taken) = mpsc::channel::<Order>();
        let thread = thread::Builder::new().name("spawner".to_owned());
        let started = thread.spawn(move || {
            for (mut command, answer) in taken {
                let _ = answer.send(command.spawn());
            }
        });
        started.expect("a program that cannot start one small thread cannot start a server");
        orders
    });
    let (answer, answered) = mpsc::sync_channel(1);
    orders.send((command, answer)).expect("the spawner ends with the program");
    answered.recv().expect("the spawner answers each order")
}

/// Makes the kernel kill the command's process when the thread that starts it ends.
#[expect(unsafe_code, reason = "prctl between fork and exec")]
fn tie_to_parent(command: &mut Command) {
    let parent = std::process::id().cast_signed();
    // SAFETY: between fork(2) and execve(2) only async-signal-safe functions are allowed (signal-safety(7)): the closure makes
    // two system calls, prctl(2) with constant arguments and getppid(2), reads errno, and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have died before the prctl took hold; then nobody would ever send the signal.
            if libc::getppid() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
}

#[expect(unsafe_code, reason = "no safe call of std gives a pidfd")]
fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open(2) takes two numbers and touches no memory of ours.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::c_long::from(pid), 0) };
    match i32::try_from(fd) {
        // SAFETY: a descriptor that the kernel has just made, close-on-exec, and that nobody else knows.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

#[expect(unsafe_code, reason = "no safe call of std signals by pidfd")]
fn pidfd_send_signal(fd: &OwnedFd, signal: Signal) -> io::Result<()> {
    let signal = match signal {
        Signal::Terminate => libc::SIGTERM,
        Signal::Kill => libc::SIGKILL,
        Signal::Stop => libc::SIGSTOP,
        Signal::Continue => libc::SIGCONT,
    };
    let no_info = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: pidfd_send_signal(2): the descriptor is open while `fd` is borrowed, and info may be null (as kill(2) then).
    let failed = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd.as_raw_fd(), signal, no_info, 0) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Waits up to `patience` until `fd` can be read.
#[expect(unsafe_code, reason = "waiting for one descriptor, without a runtime")]
fn poll_readable(fd: &OwnedFd, patience: Duration) -> io::Result<bool> {
    let mut asked = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // Rounded up: a wait that ends too early would spin through the last millisecond.
    let millis = i32::try_from(patience.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
    // SAFETY: poll(2) reads and writes as many pollfd as it is told, one, and `asked` is one.
    let ready = unsafe { libc::poll(&raw mut asked, 1, millis) };
    if ready < 0 { Err(io::Error::last_os_error()) } else { Ok(ready > 0) }
}

#[cfg(test)]
mod tests;
