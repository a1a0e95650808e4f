//! Which script runs when, and what is done when it fails? Sentinel's notification-script and client-reconfig-script.
//!
//! ```text
//!   schedule ──> waiting ──next_order: Run──> running ──ended, status 0, 2, 3 ...──> forgotten
//!                   ▲                            │
//!                   └── later, at most 10 runs ──┴── ended, status 1 or by a signal (our SIGKILL after its time, too)
//! ```
//!
//! A small machine inside the machine: call it, then take its orders and notices until there are none. The driver tells the end
//! of each run exactly once; numbers of jobs are never used again.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use machine::Instant;
use serde::{Deserialize, Serialize};

use crate::event::{Announcement, End, Level};

/// Scripts that wait, run, or wait to run again, in the order in which they were scheduled.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scripts {
    jobs: VecDeque<Job>,
    /// Drained after each call, hence never longer than what one call can cause.
    orders: VecDeque<Order>,
    /// The same.
    notices: VecDeque<Announcement>,
    last: u64,
    dropped: u64,
    stray: u64,
    max_runtime: Duration,
    retry_delay: Duration,
}

/// One script with its arguments, until it needs to run no more.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    nr: u64,
    path: String,
    args: Vec<String>,
    /// Runs that were begun.
    runs: u32,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Phase {
    /// `None`: as soon as there is room.
    Waiting { until: Option<Instant> },
    /// `pid`: known once the driver has started it.
    Running { since: Instant, pid: Option<u32>, killed: bool },
}

/// What the driver shall do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Start the program without a shell. Ends in [`Scripts::on_ended`], also when it could not be started.
    Run {
        /// Which job.
        nr: u64,
        /// The program.
        path: String,
        /// Its arguments, the program's name not among them.
        args: Vec<String>,
    },
    /// End it, unasked. Its end is told as any other.
    Kill {
        /// Which job.
        nr: u64,
        /// Its process, for log lines: a number alone may belong to another by then.
        pid: u32,
    },
}

/// One line of `SENTINEL PENDING-SCRIPTS`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Whether it runs at present.
    pub running: bool,
    /// Its process; 0 when it does not run, or is being started.
    pub pid: u32,
    /// How long it has been running, or in how long it will; zero: as soon as there is room.
    pub time: Duration,
    /// How many runs were begun.
    pub runs: u32,
}

impl Scripts {
    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            jobs: VecDeque::new(),
            orders: VecDeque::new(),
            notices: VecDeque::new(),
            last: 0,
            dropped: 0,
            stray: 0,
            max_runtime: MAX_RUNTIME,
            retry_delay: RETRY_DELAY,
        }
    }

    /// Runs a script as soon as there is room. In a full queue it takes the place of the oldest that is not running.
    pub fn schedule(&mut self, now: Instant, path: String, args: Vec<String>) {
        self.last += 1;
        self.jobs.push_back(Job { nr: self.last, path, args, runs: 0, phase: Phase::Waiting { until: None } });
        if self.jobs.len() > MAX_QUEUE {
            // The newest tells most of what is true; a queue of this length has not been looked at for a while.
            let oldest = self.jobs.iter().position(|job| !job.is_running());
            self.jobs.remove(oldest.expect("fewer may run than may be queued"));
            self.dropped += 1;
        }
        self.start_due(now);
    }

    /// The driver has started it.
    pub fn on_started(&mut self, nr: u64, pid: u32) {
        let Some(Job { phase: Phase::Running { pid: known @ None, .. }, .. }) = self.job(nr) else {
            self.stray += 1;
            return;
        };
        *known = Some(pid);
        self.notice(Level::Debug, "+script-child", format!("{pid}"));
    }

    /// A run ended.
    pub fn on_ended(&mut self, now: Instant, nr: u64, end: End) {
        let at = self.jobs.iter().position(|job| job.nr == nr && job.is_running());
        let Some(at) = at else {
            self.stray += 1;
            return;
        };
        let (signal, status) = match end {
            End::Exited(status) => (0, status),
            End::Signaled(signal) => (signal, 0),
            End::NotStarted => NOT_STARTED,
        };
        let job = &mut self.jobs[at];
        let path = job.path.clone();
        let pid = job.pid();
        let again = match end {
            End::Exited(1) | End::Signaled(_) => Some(self.retry_delay),
            End::NotStarted => Some(START_AGAIN),
            End::Exited(_) => None,
        };
        let again = again.filter(|_| job.runs < MAX_RUNS).map(|first| now + doubled(first, job.runs));
        match again {
            Some(until) => job.phase = Phase::Waiting { until: Some(until) },
            None => drop(self.jobs.remove(at)),
        }
        if let Some(pid) = pid {
            self.notice(Level::Debug, "-script-child", format!("{pid} {status} {signal}"));
        }
        // That this host has no process to give is told each time: the next run may not come to pass either.
        if end == End::NotStarted || (again.is_none() && (signal, status) != (0, 0)) {
            self.notice(Level::Warning, "-script-error", format!("{path} {signal} {status}"));
        }
        self.start_due(now);
    }

    /// Time passed; harmless if nothing is due.
    pub fn wake(&mut self, now: Instant) {
        for job in &mut self.jobs {
            let Phase::Running { since, pid: Some(pid), killed: killed @ false } = &mut job.phase else { continue };
            if *since + self.max_runtime <= now {
                *killed = true;
                let pid = *pid;
                self.orders.push_back(Order::Kill { nr: job.nr, pid });
                let payload = format!("{} {pid}", job.path);
                self.notices.push_back(announcement(Level::Warning, "-script-timeout", payload));
            }
        }
        self.start_due(now);
    }

    /// What to do, in order, until `None`.
    pub fn next_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// What to tell people and subscribers, in order, until `None`. No script is run because of it: one that fails would
    /// call itself for ever.
    pub fn next_notice(&mut self) -> Option<Announcement> {
        self.notices.pop_front()
    }

    /// When to wake me.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let full = self.running() >= MAX_RUNNING;
        let due = |job: &Job| match job.phase {
            // With all places taken only an end can begin another.
            Phase::Waiting { until } => until.filter(|_| !full),
            Phase::Running { since, pid: Some(_), killed: false } => Some(since + self.max_runtime),
            Phase::Running { .. } => None,
        };
        self.jobs.iter().filter_map(due).min()
    }

    /// `SENTINEL PENDING-SCRIPTS`.
    #[must_use]
    pub fn pending(&self, now: Instant) -> Vec<Pending> {
        self.jobs.iter().map(|job| job.pending(now)).collect()
    }

    /// `sentinel_running_scripts` of INFO.
    #[must_use]
    pub fn running(&self) -> usize {
        self.jobs.iter().filter(|job| job.is_running()).count()
    }

    /// `sentinel_scripts_queue_length` of INFO: those that run are counted too.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.jobs.len()
    }

    /// Scripts that were given up because the queue was full.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Ends of runs that nobody knows of.
    #[must_use]
    pub const fn stray(&self) -> u64 {
        self.stray
    }

    /// `SCRIPT-MAX-RUNTIME` and `SCRIPT-RETRY-DELAY`, as `SENTINEL DEBUG` tells them.
    #[must_use]
    pub const fn patience(&self) -> (Duration, Duration) {
        (self.max_runtime, self.retry_delay)
    }

    /// `SENTINEL DEBUG SCRIPT-MAX-RUNTIME`: counts for running ones too, from the next wake on.
    pub const fn set_max_runtime(&mut self, limit: Duration) {
        self.max_runtime = limit;
    }

    /// `SENTINEL DEBUG SCRIPT-RETRY-DELAY`: counts for runs that end from here on.
    pub const fn set_retry_delay(&mut self, delay: Duration) {
        self.retry_delay = delay;
    }

    /// Starts what is due, the oldest first, while there is room.
    fn start_due(&mut self, now: Instant) {
        let mut room = MAX_RUNNING.saturating_sub(self.running());
        for job in &mut self.jobs {
            let due = matches!(job.phase, Phase::Waiting { until } if until.is_none_or(|at| at <= now));
            if room == 0 || !due {
                continue;
            }
            room -= 1;
            job.runs += 1;
            job.phase = Phase::Running { since: now, pid: None, killed: false };
            self.orders.push_back(Order::Run { nr: job.nr, path: job.path.clone(), args: job.args.clone() });
        }
    }

    fn job(&mut self, nr: u64) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.nr == nr)
    }

    fn notice(&mut self, level: Level, name: &str, payload: String) {
        self.notices.push_back(announcement(level, name, payload));
    }
}

impl Default for Scripts {
    fn default() -> Self {
        Self::new()
    }
}

impl Job {
    const fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running { .. })
    }

    const fn pid(&self) -> Option<u32> {
        match self.phase {
            Phase::Running { pid, .. } => pid,
            Phase::Waiting { .. } => None,
        }
    }

    fn pending(&self, now: Instant) -> Pending {
        let time = match self.phase {
            Phase::Waiting { until } => until.map_or(Duration::ZERO, |at| at.since(now)),
            Phase::Running { since, .. } => now.since(since),
        };
        let argv = core::iter::once(&self.path).chain(&self.args).cloned().collect();
        Pending { argv, running: self.is_running(), pid: self.pid().unwrap_or(0), time, runs: self.runs }
    }
}

fn announcement(level: Level, name: &str, payload: String) -> Announcement {
    Announcement { level, group: None, name: name.into(), payload }
}

/// How long to wait after run number `runs`: twice as long each time.
fn doubled(first: Duration, runs: u32) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(runs.saturating_sub(1)))
}

/// Scripts that are known at a time, as in stock Sentinel. At the bound the oldest that is not running is given up.
const MAX_QUEUE: usize = 256;
/// Scripts that run at a time, as in stock Sentinel: a burst of events must not become a burst of processes.
const MAX_RUNNING: usize = 16;
/// Runs of one script, as in stock Sentinel: the last comes more than four hours after the first.
const MAX_RUNS: u32 = 10;
/// How long a script may run, as in stock Sentinel.
const MAX_RUNTIME: Duration = Duration::from_secs(60);
/// How long to wait before the second run, as in stock Sentinel.
const RETRY_DELAY: Duration = Duration::from_secs(30);
/// The same when nothing ran, because this host had no process to give. Stock tries ten times a second without end, which a host
/// that is short of processes needs least.
const START_AGAIN: Duration = Duration::from_secs(1);
/// The signal and status by which stock Sentinel says that nothing ran.
const NOT_STARTED: (i32, i32) = (99, 0);

#[cfg(test)]
mod tests;
