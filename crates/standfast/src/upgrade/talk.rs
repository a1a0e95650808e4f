//! What do the two processes of an upgrade say to each other?

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

/// A line of JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Word {
    /// Everything that could be looked at beforehand is fine. `control`: where the node will answer.
    Prepared {
        version: String,
        #[serde(default)]
        control: Option<PathBuf>,
    },
    /// Nobody decides any more: begin.
    Go,
    /// The same, and these addresses were released by an operator, which no disk knows. Who does not know this word does not take over.
    Keep { released: BTreeSet<String> },
    /// Somebody else listens, decides and serves.
    Ready,
    /// It cannot be.
    Failed { why: String },
}

impl Word {
    pub(super) fn line(&self) -> io::Result<String> {
        Ok(serde_json::to_string(self)? + "\n")
    }
}

/// A line to the other process.
pub(super) struct Talk {
    lines: Lines<BufReader<OwnedReadHalf>>,
    out: OwnedWriteHalf,
}

impl Talk {
    pub(super) fn new(stream: UnixStream) -> Self {
        let (lines, out) = stream.into_split();
        Self { lines: BufReader::new(lines).lines(), out }
    }

    /// `None`: the other side is gone, or talks nonsense.
    pub(super) async fn hear(&mut self) -> Option<Word> {
        let line = self.lines.next_line().await.ok()??;
        serde_json::from_str(&line).ok()
    }

    pub(super) async fn say(&mut self, word: &Word) -> io::Result<()> {
        timeout(PATIENCE, self.out.write_all(word.line()?.as_bytes())).await?
    }
}

/// How long the other side may take to hear a line.
const PATIENCE: Duration = Duration::from_secs(2);
