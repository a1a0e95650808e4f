//! How does a verb say what it found, to somebody who may have stopped reading?
//!
//! `standfast status | head -1` reads one line and goes. That is no failure, and no reason to stop half-way: who asked for a switchover has
//! one, and the exit code says how it went.

use std::fmt::Display;
use std::io::{self, Write};

use crate::failure::Failure;

/// Says a line, or several, on standard output.
///
/// # Errors
/// It cannot be written, because of something else than that nobody reads: a full disk.
pub(crate) fn say(text: impl Display) -> Result<(), Failure> {
    say_to(&mut io::stdout().lock(), &text).map(drop).map_err(|e| {
        Failure::host(format!(
            "standard output cannot be written: {e}. What was asked for was done; only this is lost: {text}"
        ))
    })
}

/// Says it as far as somebody reads. `false`: nobody does any more.
pub(crate) fn is_heard(text: impl Display) -> bool {
    say_to(&mut io::stdout().lock(), &text).unwrap_or(false)
}

fn say_to(place: &mut impl Write, text: &impl Display) -> io::Result<bool> {
    let mut text = text.to_string();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    match place.write_all(text.as_bytes()).and_then(|()| place.flush()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_no_failure_and_a_full_disk_is() {
        assert!(!say_to(&mut Broken(io::ErrorKind::BrokenPipe), &"a").unwrap());
        assert!(say_to(&mut Broken(io::ErrorKind::StorageFull), &"a").is_err());
    }

    #[test]
    fn each_text_ends_its_line_once() {
        let mut said = Vec::new();
        assert!(say_to(&mut said, &"a").unwrap() && say_to(&mut said, &"b\nc\n").unwrap());
        assert_eq!(said, b"a\nb\nc\n");
    }
}
