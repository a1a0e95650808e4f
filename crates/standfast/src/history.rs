//! Which failovers does this node remember? Those of its machine, with the time of day, and those of its earlier lives from a file.
//!
//! ```text
//!   machine's records ──look──> stories ──────────────────────> explain, page
//!                                  │  ▲
//!              whenever one ended  ▼  │ at the start
//!                        failovers.json (state directory), sentinel.conf.failovers (in the place of a stock Sentinel)
//! ```
//!
//! The file is written by a thread of its own, some time after the failover: a vote must never wait for a report. It is a
//! convenience, so one that cannot be read or written costs a warning and nothing else.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use host::{HostRefused, Store, clock, store};
use machine::Instant;
use sentinel::record::{Outcome, Record, first_to_forget};
use serde::{Deserialize, Serialize};
use view::{Epoch, GroupName, RunId};

use crate::node_loop::Node;
use crate::traffic::Traffic;

/// A failover as this node saw it, readable also after its clock has started anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Story {
    /// Milliseconds since the UNIX epoch at which the clock of the record began: add a step's `at`, and you have its time of day.
    pub(crate) zero: u64,
    /// Who tells it.
    pub(crate) node: RunId,
    /// What the machine wrote down.
    pub(crate) record: Record,
    /// What the clients of this node's listeners saw; `None` until it has ended, and where no listener leads to the group.
    #[serde(default)]
    pub(crate) clients: Option<Tally>,
}

impl Story {
    /// Milliseconds since the UNIX epoch of a moment of the record.
    pub(crate) const fn wall(&self, at: Instant) -> u64 {
        self.zero.saturating_add(at.as_millis())
    }
}

/// What clients of a group's listeners saw: counters that only grow, or the difference of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Requests that waited for a server.
    pub(crate) waited: u64,
    /// Requests that were sent again.
    pub(crate) repeated: u64,
    /// Requests that waited too long and were answered with an error.
    pub(crate) expired: u64,
    /// Clients that were disconnected because nobody could know whether their write was executed.
    pub(crate) unknown_fate: u64,
    /// Clients that were disconnected because what they were could not be carried over to another server.
    pub(crate) cut: u64,
}

impl Tally {
    const fn since(self, before: Self) -> Self {
        Self {
            waited: self.waited.saturating_sub(before.waited),
            repeated: self.repeated.saturating_sub(before.repeated),
            expired: self.expired.saturating_sub(before.expired),
            unknown_fate: self.unknown_fate.saturating_sub(before.unknown_fate),
            cut: self.cut.saturating_sub(before.cut),
        }
    }
}

/// Where failovers are remembered over a restart. Cheap to clone.
#[derive(Clone)]
pub(crate) enum Memory {
    /// In the state directory.
    Store(Arc<Store>),
    /// In a file beside a stock Sentinel's.
    File(Arc<Path>),
}

impl Memory {
    fn path(&self) -> PathBuf {
        match self {
            Self::Store(store) => store.dir().join(FILE),
            Self::File(path) => path.to_path_buf(),
        }
    }

    fn read(&self) -> Result<Option<Vec<u8>>, HostRefused> {
        match self {
            Self::Store(store) => store.load(FILE),
            // More than is ever written makes no sense.
            Self::File(path) => match fs::File::open(path).and_then(|file| {
                let mut bytes = Vec::new();
                file.take(store::MAX_FILE).read_to_end(&mut bytes).map(|_| bytes)
            }) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(e) => Err(HostRefused::new("read the file of failovers", path.as_ref(), e)),
            },
        }
    }

    fn write(&self, text: &[u8]) -> Result<(), HostRefused> {
        match self {
            Self::Store(store) => store.save(FILE, text),
            Self::File(path) => store::replace(path, text),
        }
    }
}

/// The memory of a node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct History {
    node: Node,
    /// Told by earlier lives, oldest first.
    past: Arc<[Story]>,
    seen: Arc<Mutex<BTreeMap<Key, Seen>>>,
    /// The control socket, where no configuration file of ours says which it is.
    control: Option<Arc<Path>>,
}

/// One record of this life: its first moment does not change while it grows.
type Key = (GroupName, Epoch, Instant);

/// What is known of a record beside it.
#[derive(Clone, Copy)]
struct Seen {
    zero: u64,
    clients: Option<Tally>,
}

impl History {
    /// Reads what earlier lives told. `control`: the control socket, where an operator has to name it.
    pub(crate) fn open(node: Node, memory: Option<&Memory>, control: Option<PathBuf>) -> Self {
        let past = memory.map(load).unwrap_or_default();
        Self { node, past: past.into(), seen: Arc::default(), control: control.map(Into::into) }
    }

    /// All that is remembered, oldest first; the last may still be under way. `None`: the node is stopping.
    pub(crate) async fn stories(&self) -> Option<Vec<Story>> {
        let (node, records, zero) = self
            .node
            .look(|machine, now| {
                let report = machine.report();
                (report.id, report.records, clock::wall().saturating_sub(now.as_millis()))
            })
            .await?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stories = self.past.to_vec();
        let mut kept = BTreeMap::new();
        for record in records {
            let key = key(&record);
            // The first look is the nearest: a wall clock that is set later does not move what has happened.
            let Seen { zero, clients } = *seen.get(&key).unwrap_or(&Seen { zero, clients: None });
            kept.insert(key, Seen { zero, clients });
            stories.push(Story { zero, node: node.clone(), record, clients });
        }
        // What the machine has forgotten is forgotten here too.
        *seen = kept;
        forget(&mut stories);
        Some(stories)
    }

    /// Counts what clients saw, logs the end of each failover, and writes the file, until the node stops.
    pub(crate) async fn keep(self, traffic: Traffic, memory: Option<Memory>) {
        let mut changed = self.node.changed();
        let mut samples = Samples::default();
        let mut written = self.past.to_vec();
        loop {
            samples.take(clock::now(), traffic.tallies());
            tokio::select! {
                change = changed.changed() => if change.is_err() { return },
                () = tokio::time::sleep(PERIOD) => continue,
            }
            // A failover changes twenty things within milliseconds, and its clients go on a moment later.
            tokio::time::sleep(CALM).await;
            let Some(mut stories) = self.stories().await else { return };
            stories.retain(|story| story.record.outcome.is_some());
            self.count(&mut stories, &samples, &traffic.tallies());
            if stories == written {
                continue;
            }
            let new = stories.iter().filter(|story| !written.iter().any(|old| old.is_same(story)));
            new.for_each(|story| log_end(story, self.control.as_deref()));
            written.clone_from(&stories);
            if let Some(memory) = memory.clone() {
                // Beside the disk's thread, which saves votes: they do not wait for this.
                let saved = tokio::task::spawn_blocking(move || save(&memory, stories)).await;
                if let Ok(Err(e)) = saved {
                    tracing::warn!("{e}. What happened is remembered until this node ends, and not longer");
                }
            }
        }
    }

    /// What clients saw of failovers that have ended since the last look.
    fn count(&self, stories: &mut [Story], samples: &Samples, tallies: &BTreeMap<GroupName, Tally>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for story in stories.iter_mut().filter(|story| story.clients.is_none()) {
            let key = key(&story.record);
            let Some(known) = seen.get_mut(&key) else { continue };
            let (group, _, start) = key;
            // Where no listener leads to the group, nothing is known of its clients.
            let Some(after) = tallies.get(&group).copied() else { continue };
            known.clients = Some(after.since(samples.before(&group, start)));
            story.clients = known.clients;
        }
    }
}

/// The counters of the last minute: what clients saw of a failover is the difference to a moment before it.
#[derive(Default)]
struct Samples(VecDeque<(Instant, BTreeMap<GroupName, Tally>)>);

impl Samples {
    fn take(&mut self, now: Instant, tallies: BTreeMap<GroupName, Tally>) {
        if self.0.back().is_some_and(|(at, _)| now.since(*at) < PERIOD / 2) {
            return;
        }
        if self.0.len() >= MAX_SAMPLES {
            self.0.pop_front();
        }
        self.0.push_back((now, tallies));
    }

    fn before(&self, group: &GroupName, at: Instant) -> Tally {
        let sample = self.0.iter().rev().find(|(taken, _)| *taken <= at).or_else(|| self.0.front());
        sample.and_then(|(_, tallies)| tallies.get(group)).copied().unwrap_or_default()
    }
}

fn key(record: &Record) -> Key {
    (record.group.clone(), record.epoch, start(record))
}

/// The first moment of a record.
pub(crate) fn start(record: &Record) -> Instant {
    record.steps.first().map(|step| step.at).unwrap_or_default()
}

/// The last moment of a record.
pub(crate) fn end(record: &Record) -> Instant {
    record.steps.iter().map(|step| step.at).max().unwrap_or_default()
}

/// `control`: where this node can be asked, if not where its file says.
fn log_end(story: &Story, control: Option<&Path>) {
    let Record { group, epoch, from, to, outcome, .. } = &story.record;
    let took = end(&story.record).since(start(&story.record)).as_secs_f64() * 1e3;
    let (group, epoch) = (tracing::field::display(group), epoch.0);
    let how = format!("what happened, step by step: {}", ask(&story.record.group, control));
    match (outcome, to) {
        (Some(Outcome::Switched), Some(to)) => {
            tracing::info!(group, epoch, "the master is {to}, it was {from}; {took:.1} ms from the first sign; {how}");
        }
        (Some(Outcome::Aborted { why }), _) => {
            tracing::info!(group, epoch, "the master is still {from}, the failover was given up: {why}; {how}");
        }
        _ => tracing::info!(group, epoch, "a failover from {from} ended; {how}"),
    }
}

/// The words that an operator can copy into a shell.
fn ask(group: &GroupName, control: Option<&Path>) -> String {
    match control {
        Some(control) => format!("standfast explain --control {} {group}", control.display()),
        None => format!("standfast explain {group}"),
    }
}

fn load(memory: &Memory) -> Vec<Story> {
    let path = memory.path();
    let bytes = match memory.read() {
        Ok(bytes) => bytes,
        Err(e) => {
            tracing::warn!("{e}. Earlier failovers cannot be explained");
            None
        }
    };
    let read = |bytes: Vec<u8>| {
        serde_json::from_slice(&bytes).unwrap_or_else(|e| {
            tracing::warn!("{} cannot be read: {e}; earlier failovers cannot be explained", path.display());
            Vec::new()
        })
    };
    let mut stories: Vec<Story> = bytes.map(read).unwrap_or_default();
    forget(&mut stories);
    stories
}

/// As many are left as are remembered.
fn forget(stories: &mut Vec<Story>) {
    while stories.len() > MAX_STORIES {
        let records: Vec<&Record> = stories.iter().map(|story| &story.record).collect();
        stories.remove(first_to_forget(&records));
    }
}

/// Writes as many of the youngest as the store takes.
fn save(memory: &Memory, mut stories: Vec<Story>) -> Result<(), HostRefused> {
    loop {
        let mut text = serde_json::to_vec_pretty(&stories).expect("texts, numbers and addresses have a JSON form");
        text.push(b'\n');
        if text.len() as u64 <= store::MAX_FILE || stories.is_empty() {
            return memory.write(&text);
        }
        stories.remove(0);
    }
}

impl Story {
    /// Whether it tells of the same failover, perhaps with more or less of it.
    fn is_same(&self, other: &Self) -> bool {
        self.zero == other.zero && key(&self.record) == key(&other.record)
    }
}

const FILE: &str = "failovers.json";
/// Failovers that are remembered, earlier lives included: as many as a machine keeps.
const MAX_STORIES: usize = 32;
/// How often the counters are looked at.
const PERIOD: Duration = Duration::from_secs(1);
/// Looks that are kept: longer ago than a minute and a half nothing begins that is still a failover.
const MAX_SAMPLES: usize = 100;
/// How long after a change the picture is taken.
const CALM: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests;
