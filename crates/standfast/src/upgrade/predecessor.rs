//! What does a program say to the process whose place it takes?

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::time::Duration;

use super::talk::{Legacy, Word};
use crate::failure::Failure;
use crate::inherited::Handover;
use crate::traffic::Traffic;

/// The process whose place is taken.
pub(crate) struct Predecessor {
    line: StdStream,
    legacy: Legacy,
}

impl Predecessor {
    /// Takes what was lent: the line, and the lock.
    pub(crate) fn of(handover: Handover) -> (Self, Option<File>) {
        (Self { line: handover.talk, legacy: Legacy::default() }, handover.lock)
    }

    /// Says that all is prepared and where the node will answer, and waits until nobody else decides.
    pub(crate) fn wait(&mut self, control: &Path) -> Result<(), Failure> {
        let gone = |e: io::Error| Failure::refused(format!("the node that was to be replaced goes on without us: {e}"));
        let control = std::path::absolute(control).ok();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        self.say(&Word::Prepared { version, control, hears: true }).map_err(gone)?;
        self.line.set_read_timeout(Some(PATIENCE)).map_err(gone)?;
        let mut line = String::new();
        BufReader::new(&self.line).read_line(&mut line).map_err(gone)?;
        match serde_json::from_str(&line) {
            Ok(Word::Go) => Ok(()),
            Ok(Word::Keep(legacy)) => {
                self.legacy = legacy;
                Ok(())
            }
            _ => Err(gone(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    /// What it knows and no disk does, once it has let us begin.
    pub(crate) fn legacy(&self) -> Legacy {
        self.legacy.clone()
    }

    /// Says why it cannot be.
    pub(crate) fn tell_failure(&mut self, failure: &Failure) {
        // If nobody hears it, it is in the log.
        let _ = self.say(&Word::Failed { why: failure.to_string() });
    }

    fn say(&mut self, word: &Word) -> io::Result<()> {
        self.line.write_all(word.line()?.as_bytes())
    }

    /// Says that it is done, and takes over what goes with whoever is last.
    pub(crate) fn done(mut self, traffic: &Traffic) {
        if let Err(e) = self.say(&Word::Ready) {
            tracing::warn!("the old process could not be told that this one has taken over: {e}");
        }
        // Not before: until it knows, it may go on, with its files.
        traffic.adopt_files(&self.legacy.files);
    }
}

/// How long the old process may take to stop: its disk may be slow.
const PATIENCE: Duration = Duration::from_secs(20);
