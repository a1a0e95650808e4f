//! What do the two processes of an upgrade say to each other?

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use node::Placed;
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
        /// It understands [`Keep`](Self::Keep).
        #[serde(default)]
        hears: bool,
    },
    /// Nobody decides any more: begin.
    Go,
    /// The same, with what no disk knows. Who does not know this word does not take over.
    Keep(Legacy),
    /// Somebody else listens, decides and serves.
    Ready,
    /// It cannot be.
    Failed { why: String },
}

/// What the process before knows, and no disk does. Another version may say more, or less.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Legacy {
    /// Addresses that an operator released, if no disk knows of them.
    pub(crate) released: Option<BTreeSet<String>>,
    /// What of its addresses is on interfaces. Kernels before 5.18 do not say who put them there.
    pub(crate) held: Vec<(String, Placed)>,
    /// Files of listening sockets that it made: they go with whoever is last.
    pub(crate) files: Vec<PathBuf>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_may_say_less_and_more() {
        let read = |line: &str| serde_json::from_str::<Word>(line).unwrap();
        assert!(matches!(read(r#"{"prepared":{"version":"0.1.0"}}"#), Word::Prepared { hears: false, .. }));
        assert!(matches!(read(r#""go""#), Word::Go));
        let legacy = Legacy { held: vec![("eth0".to_owned(), "10.0.0.9/24".parse().unwrap())], ..Legacy::default() };
        let line = Word::Keep(legacy.clone()).line().unwrap();
        assert!(matches!(read(&line), Word::Keep(heard) if heard == legacy), "{line}");
        assert!(matches!(read(r#"{"keep":{"more":7}}"#), Word::Keep(legacy) if legacy == Legacy::default()));
    }
}
