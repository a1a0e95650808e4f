//! How does a line get out without anybody waiting for who reads it? Through a queue with a bound, and a thread of its own that writes.
//!
//! ```text
//!   every thread ── put ──> what waits ── the log's thread ──> standard output, or a file
//!                           full: new lines are counted        what waited, then "17 log lines were lost in 3.2s because ..."
//! ```
//!
//! A pipe that nobody reads any more stops whoever writes to it. That is the log's thread and nobody else: a node goes on, and keeps its addresses.
//! From the first line that is lost, all are until the thread has taken what waits: the gap is in one place, and the line that tells of it stands
//! there. What cannot be written at all (a pipe whose reader is gone, a full disk) is lost and counted in the same way.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use host::clock;
use machine::Instant;

/// Lines on their way out. There is one in a process, and more in tests.
pub(crate) struct Out {
    state: Mutex<State>,
    /// Something waits.
    work: Condvar,
    /// Nothing does any more, or a piece has been written.
    progress: Condvar,
    /// Bytes that wait at most.
    bound: usize,
}

/// What happened to the queue since the thread looked last.
struct State {
    /// Whole lines.
    waiting: Vec<u8>,
    /// Lines that found no room.
    lost: Lost,
    /// Since the start, for whatever reason.
    lost_ever: u64,
    has_thread: bool,
    /// The thread waits to be woken; nobody else needs to be.
    is_asleep: bool,
    /// Since when the thread has been writing the piece that it is at.
    writing_since: Option<Instant>,
}

/// A gap in the log that has yet to be told.
struct Lost {
    lines: u64,
    /// The moment of the first one.
    since: Option<Instant>,
    /// `None`: nobody read.
    refused: Option<String>,
}

/// How the log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Lines that were lost since the start.
    pub(crate) lost: u64,
    /// For how long nobody has read what was written, if that is long.
    pub(crate) stuck: Option<Duration>,
}

/// What the thread writes with.
pub(crate) struct Pen {
    sink: Sink,
    /// Why lines were lost if the sink took nothing for too long.
    blame: String,
    notice: Notice,
    /// Lost before the next line, and not told yet.
    owed: Lost,
    /// The last line that was begun has no end.
    is_torn: bool,
}

/// Where lines go: takes some bytes, and says how many it took.
type Sink = Box<dyn FnMut(&[u8]) -> io::Result<usize> + Send>;

/// Makes a line out of the number of lines that were lost, and the prose that tells of it.
pub(crate) type Notice = fn(lost: u64, prose: &str) -> String;

impl Out {
    pub(crate) const fn new(bound: usize) -> Self {
        let state = State {
            waiting: Vec::new(),
            lost: Lost::NONE,
            lost_ever: 0,
            has_thread: false,
            is_asleep: false,
            writing_since: None,
        };
        Self { state: Mutex::new(state), work: Condvar::new(), progress: Condvar::new(), bound }
    }

    /// Starts the thread that writes; a second call changes nothing. Nothing may be forked behind it.
    ///
    /// # Errors
    /// When this host has no thread to give. Then nothing is ever written.
    pub(crate) fn start(&'static self, pen: Pen) -> io::Result<()> {
        if std::mem::replace(&mut self.state().has_thread, true) {
            return Ok(());
        }
        let started = thread::Builder::new().name("log".to_owned()).spawn(move || self.write_all(pen));
        started.map(drop).inspect_err(|_| self.state().has_thread = false)
    }

    /// Takes whole lines to be written. Never waits for who reads them: at the bound they are lost, and counted.
    pub(crate) fn put(&self, line: &[u8]) {
        let mut state = self.state();
        if state.lost.lines > 0 || state.waiting.len() + line.len() > self.bound {
            state.lost.since.get_or_insert_with(clock::now);
            state.lost.lines += 1;
            state.lost_ever += 1;
        } else {
            state.waiting.extend_from_slice(line);
        }
        // A line more while the thread writes costs no system call.
        if std::mem::take(&mut state.is_asleep) {
            drop(state);
            self.work.notify_one();
        }
    }

    /// Returns when everything is written, or it is clear that nobody reads: a stuck pipe must not keep a process from its end.
    pub(crate) fn flush(&self) {
        let end = clock::now() + FLUSH;
        let mut state = self.state();
        while state.has_thread && !state.is_written() {
            let stuck = state.writing_since.map_or(end, |since| since + STUCK);
            let left = stuck.min(end).since(clock::now());
            if left.is_zero() {
                return;
            }
            // It may begin to write meanwhile.
            let wait = left.min(STUCK);
            state = self.progress.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(crate) fn standing(&self) -> Standing {
        let state = self.state();
        let writing = state.writing_since.map(|since| clock::now().since(since));
        Standing { lost: state.lost_ever, stuck: writing.filter(|writing| *writing >= STUCK) }
    }

    /// Whether nothing waits, and nothing is being written.
    #[cfg(test)]
    fn is_written(&self) -> bool {
        self.state().is_written()
    }

    /// Whether there is a thread that writes.
    pub(crate) fn is_started(&self) -> bool {
        self.state().has_thread
    }

    /// The thread's life.
    fn write_all(&self, mut pen: Pen) {
        let mut lines = Vec::new();
        loop {
            let lost = self.take(&mut lines);
            pen.write(self, &lines, lost);
            lines.clear();
            lines.shrink_to(KEPT);
        }
    }

    /// Waits for lines, puts all of them into `lines`, which is empty, and says what was lost behind them.
    fn take(&self, lines: &mut Vec<u8>) -> Lost {
        let mut state = self.state();
        state.writing_since = None;
        while state.waiting.is_empty() && state.lost.lines == 0 {
            state.is_asleep = true;
            self.progress.notify_all();
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_asleep = false;
        state.writing_since = Some(clock::now());
        std::mem::swap(&mut state.waiting, lines);
        std::mem::replace(&mut state.lost, Lost::NONE)
    }

    /// The thread has come on.
    fn advance(&self) {
        self.state().writing_since = Some(clock::now());
        self.progress.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked with it had changed one field or none.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pen {
    /// To standard output. `notice` says how a line of this log looks.
    ///
    /// # Errors
    /// When the process has no standard output, or no descriptor more.
    pub(crate) fn to_stdout(notice: Notice) -> io::Result<Self> {
        // Not by the standard library's handle: a thread that stands still in a write would keep its lock.
        let mut stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let sink = Box::new(move |lines: &[u8]| stdout.write(lines));
        Ok(Self::new(sink, "nobody read standard output".to_owned(), notice))
    }

    /// To a file, which is opened anew for each piece, so that it can be moved away at any time.
    pub(crate) fn to_file(path: PathBuf, notice: Notice) -> Self {
        let blame = format!("{} took nothing for so long", path.display());
        let sink = Box::new(move |lines: &[u8]| OpenOptions::new().append(true).create(true).open(&path)?.write(lines));
        Self::new(sink, blame, notice)
    }

    const fn new(sink: Sink, blame: String, notice: Notice) -> Self {
        Self { sink, blame, notice, owed: Lost::NONE, is_torn: false }
    }

    /// Writes lines, and tells of those that were lost before and behind them.
    fn write(&mut self, out: &Out, lines: &[u8], lost: Lost) {
        self.tell(out);
        let refused = if self.owed.lines > 0 { Err(0) } else { self.push(out, lines) };
        if let Err(written) = refused {
            let rest = count(&lines[written..]);
            self.owed.lines += rest;
            out.state().lost_ever += rest;
        }
        let refused = self.owed.lines > 0;
        self.owed.lines += lost.lines;
        self.owed.since = self.owed.since.or(lost.since);
        if !refused {
            self.tell(out);
        }
    }

    /// Pays the line about what was lost, if one is owed.
    fn tell(&mut self, out: &Out) {
        if self.owed.lines == 0 {
            return;
        }
        let Lost { lines, since, refused } = &self.owed;
        let span = since.map_or(Duration::ZERO, |since| clock::now().since(since));
        let prose = prose(*lines, span, &self.blame, refused.as_deref());
        let begin = if self.is_torn { "\n" } else { "" };
        let line = format!("{begin}{}", (self.notice)(*lines, &prose));
        if self.push(out, line.as_bytes()).is_ok() {
            self.owed = Lost::NONE;
        }
    }

    /// Writes lines in pieces.
    ///
    /// # Errors
    /// When they are refused: how many bytes were written.
    fn push(&mut self, out: &Out, lines: &[u8]) -> Result<(), usize> {
        let mut written = 0;
        while written < lines.len() {
            match (self.sink)(piece(&lines[written..])) {
                Ok(0) => return Err(self.on_refused(written, &io::ErrorKind::WriteZero.into())),
                Ok(taken) => {
                    written += taken;
                    self.is_torn = lines[written - 1] != b'\n';
                    out.advance();
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // Somebody who shares the pipe has told it not to wait.
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => thread::sleep(AGAIN),
                Err(e) => return Err(self.on_refused(written, &e)),
            }
        }
        Ok(())
    }

    fn on_refused(&mut self, written: usize, why: &io::Error) -> usize {
        self.owed.since.get_or_insert_with(clock::now);
        self.owed.refused = Some(why.to_string());
        written
    }
}

impl State {
    const fn is_written(&self) -> bool {
        self.is_asleep && self.waiting.is_empty() && self.lost.lines == 0
    }
}

impl Lost {
    const NONE: Self = Self { lines: 0, since: None, refused: None };
}

/// The first lines that a pipe takes as one, so that those of several processes (an upgrade, a guard) do not mix; or a part of a longer one.
fn piece(lines: &[u8]) -> &[u8] {
    let room = &lines[..lines.len().min(PIECE)];
    match room.iter().rposition(|byte| *byte == b'\n') {
        Some(end) => &room[..=end],
        None => room,
    }
}

fn count(lines: &[u8]) -> u64 {
    lines.iter().filter(|byte| **byte == b'\n').count() as u64
}

fn prose(lines: u64, span: Duration, blame: &str, refused: Option<&str>) -> String {
    let span = Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
    match refused {
        None => format!(
            "{lines} log lines were lost in {span:?} because {blame}. Everything else went on. What to do: see why what takes the log \
             (journald, a pipe, a disk) stood still"
        ),
        Some(why) => format!(
            "{lines} log lines were lost in {span:?} because the log could not be written: {why}. Everything else went on. What to do: see \
             what became of what reads it, or of its file system"
        ),
    }
}

/// Bytes that wait at most, and as many may be on their way: some 6,000 lines each, which is what a failover of a hundred groups says, or some
/// seconds of everything at `level = "trace"`. Lines need no bound of their own: the shortest has thirty bytes. At the bound new ones are lost, and counted.
pub(crate) const MAX_WAITING: usize = 1 << 20;
/// Room that is kept for the next lines: what a quiet node says in a minute.
const KEPT: usize = 64 << 10;
/// What pipe(7) promises to take as one.
const PIECE: usize = 4_096;
/// A piece that takes so long is one that nobody reads. A busy reader takes milliseconds.
const STUCK: Duration = Duration::from_millis(500);
/// How long an end waits for its last lines at most, though they are being read. Service managers wait for ninety seconds.
const FLUSH: Duration = Duration::from_secs(3);
/// How soon a pipe that does not let itself be waited for is tried again.
const AGAIN: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests;
