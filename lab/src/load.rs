//! What did clients on a host see? Drives the program `load` of this crate and reads its books.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::Receiver;

use serde_json::Value;

use crate::host::PATIENCE;
use crate::netns::Network;
use crate::program::lines_of;

/// Clients that run on a host. Dropping it ends them.
#[derive(Debug)]
pub struct Load {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

/// What one client saw. Times are those of [`wall_ms`](crate::program::wall_ms).
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// `write`, `read`, `idle`, `direct` or `probe`.
    pub kind: String,
    /// The listener that it used, or the first one of its Sentinels.
    pub addr: String,
    /// A writer's list.
    pub list: String,
    /// A writer's: each acknowledged number, and when.
    pub acknowledged: Vec<(u64, f64)>,
    /// Good replies of any kind.
    pub answered: u64,
    /// The longest time without one, and when it ended.
    pub longest_pause: (f64, f64),
    /// Error replies, and when.
    pub refused: Vec<(f64, String)>,
    /// Connections that ended while they were in use, when and how.
    pub closed: Vec<(f64, String)>,
    /// A direct writer's: at which servers its writes were acknowledged, with the first and the last time.
    pub stints: Vec<(String, f64, f64)>,
    /// A direct writer's: each `+switch-master` that a Sentinel told it, and when.
    pub switches: Vec<(f64, String)>,
    /// A probe's: from when to when its server took writes.
    pub writable: Vec<(f64, f64)>,
}

impl Load {
    /// Starts clients (`write=ADDR` and the other kinds of the program, before them perhaps `pace=MS`) on a host, and waits until all are at work.
    ///
    /// # Panics
    /// When they cannot be started or are not answered.
    #[must_use]
    pub fn start(network: &Network, host: &str, program: &Path, name: &str, clients: &[String]) -> Self {
        let mut command = network.command(host, program);
        command.args(["run", name]).args(clients).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("`ip` is on the PATH");
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("it was asked for");
        let lines = lines_of(stdout);
        let load = Self { name: name.to_owned(), child, stdin, lines };
        let at_work =
            |tick: &Value| tick["answered"].as_u64() >= Some(if tick["kind"] == "idle" { 1 } else { AT_WORK });
        load.wait(|ticks| ticks.iter().all(at_work), "their first answers");
        load
    }

    /// Waits until every writer had a write acknowledged after this time.
    ///
    /// # Panics
    /// When that does not come within [`PATIENCE`].
    pub fn wait_for_writes_after(&self, at: f64) {
        let resumed = |tick: &Value| !writes(&tick["kind"]) || tick["last"].as_f64().is_some_and(|last| last > at);
        self.wait(|ticks| ticks.iter().all(resumed), "acknowledged writes of every writer");
    }

    /// Waits until every direct writer writes to another server than this one.
    ///
    /// # Panics
    /// When that does not come within [`PATIENCE`].
    pub fn wait_for_move(&self, from: SocketAddr) {
        let from = from.to_string();
        let moved = |tick: &Value| tick["kind"] != "direct" || tick["server"].as_str().is_some_and(|at| at != from);
        self.wait(|ticks| ticks.iter().all(moved), "a write of every direct writer elsewhere");
    }

    /// Waits until some client was refused.
    ///
    /// # Panics
    /// When that does not come within [`PATIENCE`].
    pub fn wait_for_refusal(&self) {
        self.wait(|ticks| ticks.iter().any(|tick| tick["refused"] != 0), "an error reply");
    }

    /// Ends the clients after their present request, and returns the books.
    ///
    /// # Panics
    /// When they do not end within [`PATIENCE`].
    #[must_use]
    pub fn stop(mut self) -> Vec<Book> {
        drop(self.stdin.take());
        let books = self.line("books", |_| true, "its books");
        let books = books.as_array().into_iter().flatten().map(Book::read).collect::<serde_json::Result<_>>();
        books.expect("`load` and its driver agree about the books")
    }

    fn wait(&self, enough: impl Fn(&[Value]) -> bool, what: &str) {
        let _ = self.line("tick", |ticks| ticks.as_array().is_some_and(|ticks| enough(ticks)), what);
    }

    /// The next line with this word, if it is good enough.
    fn line(&self, word: &str, enough: impl Fn(&Value) -> bool, what: &str) -> Value {
        let until = crate::program::wall_ms() + PATIENCE.as_secs_f64() * 1e3;
        while crate::program::wall_ms() < until {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|e| panic!("the clients `{}` ended or hang, before {what}: {e}", self.name));
            let mut document: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
            let found = document[word].take();
            if !found.is_null() && enough(&found) {
                return found;
            }
        }
        panic!("the clients `{}` did not have {what} within {PATIENCE:?}", self.name);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Book {
    /// Whether it says which writes were acknowledged.
    #[must_use]
    pub fn is_writers(&self) -> bool {
        self.kind == "write" || self.kind == "direct"
    }

    fn read(book: &Value) -> serde_json::Result<Self> {
        let text = |field: &str| book[field].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            kind: text("kind"),
            addr: text("addr"),
            list: text("list"),
            acknowledged: serde_json::from_value(book["acknowledged"].clone())?,
            answered: serde_json::from_value(book["answered"].clone())?,
            longest_pause: serde_json::from_value(book["longest_pause"].clone())?,
            refused: serde_json::from_value(book["refused"].clone())?,
            closed: serde_json::from_value(book["closed"].clone())?,
            stints: serde_json::from_value(book["stints"].clone())?,
            switches: serde_json::from_value(book["switches"].clone())?,
            writable: serde_json::from_value(book["writable"].clone())?,
        })
    }
}

fn writes(kind: &Value) -> bool {
    kind == "write" || kind == "direct"
}

/// Answers after which a client is at work.
const AT_WORK: u64 = 50;
