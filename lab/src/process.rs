//! How does a test hold a process? It ends with the test, in order where it can.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use crate::routers::wait_until;

/// A process of ours, ended when it is dropped.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts it.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        Self(command.spawn().unwrap_or_else(|e| panic!("{command:?} could not be started: {e}")))
    }

    /// Starts it with nothing to read; what it says is added to a file.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start_into(mut command: Command, log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).expect("the scratch directory can be written");
        let errors = log.try_clone().expect("a descriptor more");
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        Self::start(command)
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// What the standard library knows it as.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, signal: Signal) {
        let sent = kill_process(Pid::from_child(&self.0), signal);
        assert!(sent.is_ok(), "a process of ours can be sent a signal");
    }

    /// Ends it by a signal, and waits until it has ended.
    ///
    /// # Panics
    /// When it does not.
    pub fn end(&mut self, signal: Signal) {
        self.signal(signal);
        wait_until("the process ends", || self.has_ended());
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|ended| ended.is_some())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.has_ended() {
            return;
        }
        // In order first: Keepalived has a child of its own, which it takes along. Who stands still cannot even end.
        for signal in [Signal::TERM, Signal::CONT] {
            let _ = kill_process(Pid::from_child(&self.0), signal);
        }
        for _ in 0..TRIES {
            if self.has_ended() {
                return;
            }
            thread::sleep(LOOK_AGAIN);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Three seconds in all: who needs longer is not asked any more.
const TRIES: u32 = 150;
const LOOK_AGAIN: Duration = Duration::from_millis(20);
