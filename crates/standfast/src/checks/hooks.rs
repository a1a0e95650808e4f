//! Who is told when the state of an address changes? Programs of the operator, and a FIFO, in Keepalived's words:
//! `INSTANCE "name" MASTER 100`, `GROUP "name" BACKUP 0`.
//!
//! The hooks of one address, or group, run one after the other in the order of what happened. Who is slow misses some: of those that
//! wait, the oldest is dropped, because the newest says how things are.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use config::Config;
use config::address::{Address, Notify};
use host::fifo::Fifo;
use tokio::sync::Notify as Bell;
use tokio::task::AbortHandle;
use vrrp::{Priority, State};

use crate::program::{Program, Who};

/// All hooks.
#[derive(Default)]
pub(super) struct Hooks {
    addresses: BTreeMap<String, Notify>,
    /// The addresses of each sync group.
    groups: BTreeMap<String, Vec<String>>,
    /// By the first two words that hooks are told.
    queues: BTreeMap<(&'static str, String), Queue>,
    fifos: BTreeMap<PathBuf, Told>,
}

impl Hooks {
    /// This address is new.
    pub(super) fn introduce(&mut self, address: &Address) {
        self.addresses.insert(address.name.clone(), address.notify.clone());
        if let Some(group) = &address.sync_group {
            let members = self.groups.entry(group.clone()).or_default();
            if !members.contains(&address.name) {
                members.push(address.name.clone());
            }
        }
    }

    pub(super) fn configure(&mut self, config: &Config) {
        let told = |address: &Address| (address.name.clone(), address.notify.clone());
        // An address that leaves the file is stopped, and who was told of it is told that.
        self.addresses.extend(config.addresses.iter().map(told));
        let mut groups = BTreeMap::<String, Vec<String>>::new();
        for address in &config.addresses {
            if let Some(group) = &address.sync_group {
                groups.entry(group.clone()).or_default().push(address.name.clone());
            }
        }
        self.groups.extend(groups);
    }

    pub(super) fn changed(&mut self, address: &str, to: State, priority: Priority) {
        let told = self.addresses.get(address).cloned();
        self.tell(told.as_slice(), "INSTANCE", address, to, priority);
    }

    /// Tells whom any of its addresses tells, once.
    pub(super) fn group_changed(&mut self, group: &str, to: State) {
        let members = self.groups.get(group).into_iter().flatten();
        let told: Vec<Notify> = members.filter_map(|member| self.addresses.get(member).cloned()).collect();
        self.tell(&told, "GROUP", group, to, Priority(0));
    }

    fn tell(&mut self, told: &[Notify], kind: &'static str, name: &str, to: State, priority: Priority) {
        let word = keepalived(to);
        let mut fifos: Vec<&PathBuf> = told.iter().filter_map(|notify| notify.fifo.as_ref()).collect();
        fifos.sort();
        fifos.dedup();
        for path in fifos {
            let fifo = self.fifos.entry(path.clone()).or_default();
            fifo.tell(path, &format!("{kind} \"{name}\" {word} {}\n", priority.0));
        }
        let args = [kind.to_owned(), name.to_owned(), word.to_owned(), priority.0.to_string()];
        let mut programs = Vec::new();
        for notify in told {
            for argv in [of_state(notify, to), notify.any.as_ref()].into_iter().flatten() {
                let who = Who::or_us(notify.user.as_ref());
                let program = Program { argv: argv.clone(), who, limit: notify.timeout };
                if !programs.contains(&program) {
                    programs.push(program);
                }
            }
        }
        if !programs.is_empty() {
            let queue = self.queues.entry((kind, name.to_owned())).or_insert_with(Queue::start);
            programs.into_iter().for_each(|program| queue.push(Hook { program, args: args.clone() }));
        }
    }

    /// Waits until all are told, but not for ever.
    pub(super) async fn finished(&self) {
        let all = async {
            for queue in self.queues.values() {
                queue.finished().await;
            }
        };
        if tokio::time::timeout(LAST_WORDS, all).await.is_err() {
            tracing::warn!(
                "some hooks were not told the last state of their addresses within {LAST_WORDS:?}, and are not told"
            );
        }
    }
}

/// Keepalived's word.
const fn keepalived(state: State) -> &'static str {
    match state {
        State::Initialize => "STOP",
        State::Fault => "FAULT",
        State::Backup => "BACKUP",
        State::Active => "MASTER",
    }
}

const fn of_state(notify: &Notify, state: State) -> Option<&Vec<String>> {
    match state {
        State::Initialize => notify.stop.as_ref(),
        State::Fault => notify.fault.as_ref(),
        State::Backup => notify.backup.as_ref(),
        State::Active => notify.master.as_ref(),
    }
}

/// A program, and what it is told.
struct Hook {
    program: Program,
    args: [String; 4],
}

/// The hooks of one address, or group. Dropping it ends the one that runs.
struct Queue {
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
}

impl Queue {
    fn start() -> Self {
        let line = Arc::new(Line::default());
        let task = tokio::spawn(run_all(line.clone())).abort_handle();
        Self { line, task }
    }

    fn push(&self, hook: Hook) {
        let mut waiting = self.line.lock();
        waiting.hooks.push_back(hook);
        if waiting.hooks.len() > MAX_WAITING
            && let Some(Hook { program, args }) = waiting.hooks.pop_front()
        {
            waiting.dropped += 1;
            let (hook, args, times) = (program.argv.join(" "), args.join(" "), waiting.dropped);
            tracing::warn!(
                "the hook {hook} was not told \"{args}\": it and others before it are slow, and {MAX_WAITING} wait (dropped so far: {times})"
            );
        }
        drop(waiting);
        self.line.more.notify_one();
    }

    async fn finished(&self) {
        loop {
            let idle = self.line.idle.notified();
            let is_idle = {
                let waiting = self.line.lock();
                waiting.hooks.is_empty() && !waiting.is_running
            };
            if is_idle {
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
    loop {
        let next = {
            let mut waiting = line.lock();
            let next = waiting.hooks.pop_front();
            waiting.is_running = next.is_some();
            next
        };
        let Some(Hook { program, args }) = next else {
            line.idle.notify_waiters();
            line.more.notified().await;
            continue;
        };
        if let Err(why) = program.run(&args, &[]).await {
            tracing::warn!("the hook {} was told \"{}\" and failed: {why}", program.argv.join(" "), args.join(" "));
        }
    }
}

/// A named pipe that somebody may read.
#[derive(Default)]
struct Told {
    pipe: Option<Fifo>,
    /// Lines that nobody took.
    dropped: u64,
}

impl Told {
    fn tell(&mut self, path: &Path, line: &str) {
        let Err(why) = self.write(path, line) else { return };
        self.dropped += 1;
        let (line, times) = (line.trim_end(), self.dropped);
        tracing::warn!(fifo = %path.display(), "not told \"{line}\": {why} (dropped so far: {times})");
    }

    fn write(&mut self, path: &Path, line: &str) -> Result<(), String> {
        let pipe = match self.pipe.take().filter(|pipe| pipe.is_at(path)) {
            Some(pipe) => pipe,
            None => Fifo::open(path).map_err(|e| format!("{e}. The path of a named pipe is wanted"))?,
        };
        let said = self.pipe.insert(pipe).say(line);
        said.map_err(|e| match e.kind() {
            io::ErrorKind::WouldBlock => "it is full, and nobody reads it".to_owned(),
            _ => e.to_string(),
        })
    }
}

/// Of one address or group. A hook takes as long as it may; more changes than this meanwhile are of no use to anybody.
const MAX_WAITING: usize = 32;
/// When the node stops. A service manager gives it 90 s.
const LAST_WORDS: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
