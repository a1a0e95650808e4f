//! How does a test drive `standfast demo`? It types the keys and reads one JSON document a line.

use std::io::Write as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::program::{lines_of, require, standfast};

/// A running demo. Dropping it ends it cleanly.
#[derive(Debug)]
pub struct Demo {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// Where everything is: `dir`, `group`, `servers`, `nodes` (`sentinel`, `master`, `replica`, `page`, `control`).
    pub ready: Value,
}

impl Demo {
    /// Starts three servers and three nodes, and waits until they agree.
    ///
    /// # Panics
    /// When they do not within [`PATIENCE`], or a program is missing.
    #[must_use]
    pub fn start() -> Self {
        require("redis-server");
        let mut child = Command::new(standfast())
            .args(["demo", "--json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary was found a moment ago");
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("it was asked for");
        let lines = lines_of(stdout);
        let mut demo = Self { child, stdin, lines, ready: Value::Null };
        demo.ready = demo.next("ready");
        demo
    }

    /// Types a line.
    ///
    /// # Panics
    /// When the demo has ended.
    pub fn key(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("it is only taken at the end");
        writeln!(stdin, "{line}").expect("the demo has not ended");
    }

    /// Waits until what was broken is whole again, and returns what is told of it.
    ///
    /// # Panics
    /// When nothing is told within [`PATIENCE`].
    pub fn round(&mut self) -> Value {
        self.next("round")
    }

    /// A field of a node, as text.
    ///
    /// # Panics
    /// When there is no such node or field.
    #[must_use]
    pub fn node(&self, n: usize, field: &str) -> String {
        self.ready["nodes"][n][field].as_str().expect("the demo tells it").to_owned()
    }

    fn next(&self, name: &str) -> Value {
        let line = self.lines.recv_timeout(PATIENCE);
        let line = line.unwrap_or_else(|e| {
            panic!("the demo did not say `{name}` within {PATIENCE:?}: {e}; see its standard error")
        });
        let mut document: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        document[name].take()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.stdin.take() {
            // It may have ended by itself.
            let _ = writeln!(stdin, "q");
        }
        for _ in 0..PATIENCE.as_millis() / 50 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Generous: a loaded machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(120);
