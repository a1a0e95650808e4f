//! What happened? A ring of story lines: every event that the machine was told and everything that it did.
//!
//! A ring forgets its beginning, and a machine can only be replayed from a beginning. So there are two segments, each of which starts
//! with a snapshot of the whole machine; when the younger is full, the elder is forgotten.
//!
//! ```text
//!   elder    machine sentinel          younger   (snapshot, kept for when it is the elder)
//!            snapshot {...}                      at 9100ms answered link=…
//!            at 12ms connected link=…            …
//!            …
//!   └──────────────── a flight record: one story that replays from its snapshot ────────────┘
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use machine::{Instant, story};
use sentinel::Sentinel;
use serde::Serialize;

use crate::log;

/// The two segments.
#[derive(Default)]
pub(crate) struct Recorder {
    elder: Option<Segment>,
    younger: Segment,
}

#[derive(Default)]
struct Segment {
    header: String,
    text: String,
    lines: usize,
}

/// The recorder as the loop and the panic hook share it.
pub(crate) type Shared = Arc<Mutex<Recorder>>;

impl Recorder {
    /// Whether nothing was ever recorded.
    pub(crate) fn is_empty(&self) -> bool {
        self.younger.header.is_empty()
    }

    /// Whether a new segment should begin; ask between two events, when the machine has nothing under way inside.
    pub(crate) fn wants_segment(&self) -> bool {
        self.younger.text.len() >= MAX_BYTES || self.younger.lines >= MAX_LINES
    }

    /// Begins a segment with the machine as it is.
    pub(crate) fn begin(&mut self, machine: &Sentinel) {
        let snapshot = story::to_line(machine).unwrap_or_else(|e| format!("unwritable {e}"));
        self.begin_with(format!("machine sentinel\nsnapshot {snapshot}\n"));
    }

    /// Begins a segment with what a machine can be made of by these lines; or cannot, and then the record can be read only.
    pub(crate) fn begin_with(&mut self, header: String) {
        let full = std::mem::replace(&mut self.younger, Segment { header, ..Segment::default() });
        if !full.header.is_empty() {
            self.elder = Some(full);
        }
    }

    /// Before the machine is told: if it panics, this is the line that one wants to see.
    pub(crate) fn event(&mut self, now: Instant, event: &impl Serialize) {
        self.younger.push(&story::event_line(now, event));
    }

    pub(crate) fn wake(&mut self, now: Instant) {
        self.younger.push(&story::wake_line(now));
    }

    pub(crate) fn action(&mut self, action: &impl Serialize) {
        self.younger.push(&story::action_line(action));
    }

    /// The record as a story.
    pub(crate) fn text(&self) -> String {
        match &self.elder {
            Some(elder) => [elder.header.as_str(), &elder.text, &self.younger.text].concat(),
            None => [self.younger.header.as_str(), &self.younger.text].concat(),
        }
    }
}

impl Segment {
    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
        self.lines += 1;
    }
}

/// Writes the record as the next `flight-<n>.story` (or what `stem` is) of the directory and removes the oldest if there are too many.
pub(crate) fn write(recorder: &Shared, dir: &Path, stem: &str) -> io::Result<PathBuf> {
    let text = recorder.lock().unwrap_or_else(PoisonError::into_inner).text();
    let mut numbers = numbers(dir, stem)?;
    let number = numbers.last().map_or(1, |last| last + 1);
    let path = dir.join(file_name(stem, number));
    let torn = dir.join(format!(".{}.tmp", file_name(stem, number)));
    fs::write(&torn, text)?;
    fs::rename(&torn, &path)?;
    numbers.push(number);
    for old in numbers.iter().rev().skip(MAX_FILES) {
        // One that cannot be removed takes room and does no other harm; the next record tries again.
        let _ = fs::remove_file(dir.join(file_name(stem, *old)));
    }
    Ok(path)
}

/// Writes the record when the program panics, whatever thread does it.
pub(crate) fn write_on_panic(recorder: Shared, dir: PathBuf, stem: &'static str) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        before(info);
        // The panicking thread may hold the lock; a record less is better than a process that never ends.
        if recorder.try_lock().is_ok_and(|guard| !guard.is_empty())
            && let Ok(path) = write(&recorder, &dir, stem)
        {
            tracing::error!("a bug: {info}. What led to it is in {}: please report it", path.display());
            // Whatever comes of it: the process may be at its end.
            log::flush();
        }
    }));
}

fn numbers(dir: &Path, stem: &str) -> io::Result<Vec<u64>> {
    let names = fs::read_dir(dir)?.flatten().map(|entry| entry.file_name());
    let number = |name: std::ffi::OsString| {
        name.to_str()?.strip_prefix(stem)?.strip_prefix('-')?.strip_suffix(".story")?.parse().ok()
    };
    let mut numbers: Vec<u64> = names.filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn file_name(stem: &str, number: u64) -> String {
    format!("{stem}-{number}.story")
}

/// What files with the record of the machine that votes are called.
pub(crate) const FLIGHT: &str = "flight";
/// Those of the machine of addresses.
pub(crate) const ADDRESSES: &str = "addresses";

/// Of one segment. A quiet group of three servers writes some 200 lines a second: the two hold about ten minutes.
const MAX_LINES: usize = 60_000;
const MAX_BYTES: usize = 4 << 20;
/// Files that are kept in the state directory.
const MAX_FILES: usize = 8;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use machine::Machine as _;
    use machine::time::at;
    use sentinel::{Action, Config, Event, Fault, GroupConfig, State};
    use view::RunId;

    use super::*;

    /// A machine whose master refuses every connection, and its recorder.
    fn watched() -> (Sentinel, Recorder) {
        let addr = |port| std::net::SocketAddr::from(([10, 0, 0, 1], port));
        let group = GroupConfig::of(addr(6379), 1, 1);
        let id = RunId::from_bits([7; 20]);
        let config = Config { id, announce: addr(26379), groups: BTreeMap::from([("cache".into(), group)]) };
        (Sentinel::new(config, State::default(), 1, Instant::START), Recorder::default())
    }

    /// Drives as the loop does: wake when due, refuse every connection.
    fn live(machine: &mut Sentinel, recorder: &mut Recorder, wakes: u32) {
        for _ in 0..wakes {
            let now = machine.deadline().map_or(at(0), |(at, _)| at);
            recorder.wake(now);
            let mut links = Vec::new();
            machine::wake(machine, now, |action| {
                recorder.action(&action);
                if let Action::Connect { link, .. } = action {
                    links.push(link);
                }
            });
            for link in links {
                let event = Event::Failed { link, fault: Fault::Refused };
                recorder.event(now, &event);
                machine::step(machine, now, event, |action| recorder.action(&action));
            }
        }
    }

    fn replays(text: &str) -> bool {
        let snapshot = story::header(text, "snapshot").expect("a record begins with a snapshot");
        let mut machine: Sentinel = story::from_line(snapshot).expect("it reads");
        let told = story::run(&mut machine, text).expect("every line reads");
        story::difference(text, &told).is_none()
    }

    #[test]
    fn a_record_replays_whether_the_ring_is_young_or_has_forgotten_its_beginning() {
        let (mut machine, mut recorder) = watched();
        let mut last = String::new();
        for segment in 0..4 {
            recorder.begin(&machine);
            live(&mut machine, &mut recorder, 50);
            let text = recorder.text();
            assert!(text.contains("> connect") && replays(&text), "segment {segment}:\n{text}");
            assert_ne!(text, last);
            last = text;
        }
        assert_eq!(last.matches("snapshot ").count(), 1, "two segments, one beginning");
        assert!(last.len() < recorder.younger.text.len() * 4, "what is older than two segments is forgotten");
    }

    #[test]
    fn only_the_newest_files_are_kept() {
        let dir = std::env::temp_dir().join(format!("standfast-flight-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).expect("the temporary directory can be written");
        let (machine, mut recorder) = watched();
        recorder.begin(&machine);
        let recorder: Shared = Arc::new(Mutex::new(recorder));
        for _ in 0..MAX_FILES + 3 {
            write(&recorder, &dir, FLIGHT).expect("the directory can be written");
        }
        let kept = numbers(&dir, FLIGHT).expect("it can be read");
        fs::remove_dir_all(&dir).expect("it is ours");
        assert_eq!(kept, (4..=MAX_FILES as u64 + 3).collect::<Vec<_>>());
    }
}
