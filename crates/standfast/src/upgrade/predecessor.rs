//! What does a program say to the process whose place it takes?

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::time::Duration;

use super::talk::Word;
use crate::failure::Failure;
use crate::inherited::Handover;

/// The process whose place is taken.
pub(crate) struct Predecessor {
    line: StdStream,
    /// Addresses that an operator released, if no disk knows of them.
    released: Option<BTreeSet<String>>,
}

impl Predecessor {
    /// Takes what was lent: the line, and the lock.
    pub(crate) fn of(handover: Handover) -> (Self, Option<File>) {
        (Self { line: handover.talk, released: None }, handover.lock)
    }

    /// Says that all is prepared and where the node will answer, and waits until nobody else decides.
    pub(crate) fn wait(&mut self, control: &Path) -> Result<(), Failure> {
        let gone = |e: io::Error| Failure::refused(format!("the node that was to be replaced goes on without us: {e}"));
        let control = std::path::absolute(control).ok();
        self.say(&Word::Prepared { version: env!("CARGO_PKG_VERSION").to_owned(), control }).map_err(gone)?;
        self.line.set_read_timeout(Some(PATIENCE)).map_err(gone)?;
        let mut line = String::new();
        BufReader::new(&self.line).read_line(&mut line).map_err(gone)?;
        match serde_json::from_str(&line) {
            Ok(Word::Go) => Ok(()),
            Ok(Word::Keep { released }) => {
                self.released = Some(released);
                Ok(())
            }
            _ => Err(gone(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    /// The addresses that an operator released, if no disk knows of them. Once.
    pub(crate) const fn released(&mut self) -> Option<BTreeSet<String>> {
        self.released.take()
    }

    /// Says why it cannot be.
    pub(crate) fn tell_failure(&mut self, failure: &Failure) {
        // If nobody hears it, it is in the log.
        let _ = self.say(&Word::Failed { why: failure.to_string() });
    }

    fn say(&mut self, word: &Word) -> io::Result<()> {
        self.line.write_all(word.line()?.as_bytes())
    }

    /// Says that it is done.
    pub(crate) fn done(mut self) {
        if let Err(e) = self.say(&Word::Ready) {
            tracing::warn!("the old process could not be told that this one has taken over: {e}");
        }
    }
}

/// How long the old process may take to stop: its disk may be slow.
const PATIENCE: Duration = Duration::from_secs(20);
