//! In which order do the hooks of one address, or group, run, and how many may wait?

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify as Bell;
use tokio::task::AbortHandle;

use crate::program::{Program, Runner};

/// A program, and what it is told.
pub(super) struct Hook {
    pub(super) program: Program,
    /// Behind its own.
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<(&'static str, String)>,
    /// The same as a line, for the log.
    pub(super) told: String,
}

/// The hooks of one address, or group. Dropping it ends the one that runs.
pub(super) struct Queue {
    line: Arc<Line>,
    task: AbortHandle,
}

#[derive(Default)]
struct Line {
    waiting: Mutex<Waiting>,
    /// Something is to be run.
    more: Bell,
    /// Nothing runs, and nothing waits.
    idle: Bell,
}

#[derive(Default)]
struct Waiting {
    hooks: VecDeque<Hook>,
    is_running: bool,
    /// Since the start.
    dropped: u64,
    /// Run and not done, or not run.
    failed: u64,
}

impl Queue {
    pub(super) fn start() -> Self {
        let line = Arc::new(Line::default());
        let task = tokio::spawn(run_all(line.clone())).abort_handle();
        Self { line, task }
    }

    pub(super) fn push(&self, hook: Hook) {
        let mut waiting = self.line.lock();
        waiting.hooks.push_back(hook);
        if waiting.hooks.len() > MAX_WAITING
            && let Some(Hook { program, told, .. }) = waiting.hooks.pop_front()
        {
            waiting.dropped += 1;
            let (hook, told, times) = (program.argv.join(" "), told.trim_end(), waiting.dropped);
            tracing::warn!(
                "the hook {hook} was not told `{told}`: it and others before it are slow, and {MAX_WAITING} wait (dropped so far: {times}). \
                 Shorten its `timeout`, or have it do its work in the background"
            );
        }
        drop(waiting);
        self.line.more.notify_one();
    }

    /// Whether nothing runs, and nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        let waiting = self.line.lock();
        waiting.hooks.is_empty() && !waiting.is_running
    }

    pub(super) async fn finished(&self) {
        loop {
            let idle = self.line.idle.notified();
            if self.is_idle() {
                return;
            }
            idle.await;
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run_all(line: Arc<Line>) {
    let mut runner = Runner::default();
    loop {
        let next = {
            let mut waiting = line.lock();
            let next = waiting.hooks.pop_front();
            waiting.is_running = next.is_some();
            next
        };
        let Some(Hook { program, arguments, environment, told }) = next else {
            line.idle.notify_waiters();
            line.more.notified().await;
            continue;
        };
        if let Err(why) = runner.run(&program, &arguments, &environment).await {
            let times = {
                let mut waiting = line.lock();
                waiting.failed += 1;
                waiting.failed
            };
            tracing::warn!(
                "the hook {} for `{}` failed: {why} (failed so far: {times})",
                program.argv.join(" "),
                told.trim_end()
            );
        }
    }
}

/// Of one address or group. A hook takes as long as it may; more changes than this meanwhile are of no use to anybody. A host has 512
/// addresses at most, and half as many groups.
pub(super) const MAX_WAITING: usize = 32;
