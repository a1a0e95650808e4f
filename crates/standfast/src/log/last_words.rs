//! How does a process say why it ends, or what it found wrong with itself, when nobody may be reading? On standard error, with a time limit.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Writes a text to standard error, for as long as somebody may still read it.
pub(super) fn say(text: String) {
    say_to(io::stderr(), text, &STANDS_STILL);
}

/// Writes to standard output instead: a stock Sentinel says there what happens before the file names its log.
pub(super) fn say_out(text: String) {
    say_to(io::stdout(), text, &STANDS_STILL);
}

/// Tells of every panic as the standard library does, and never waits for the reader for long: a thread that panics may hold what others need.
pub(super) fn tell_of_panics() {
    std::panic::set_hook(Box::new(|info| {
        say(panic_text(info, &Backtrace::capture()));
        super::flush();
    }));
}

fn panic_text(info: &PanicHookInfo<'_>, trace: &Backtrace) -> String {
    let thread = thread::current();
    let name = thread.name().unwrap_or("without a name");
    let mut text = format!("\nthread '{name}' {info}\n");
    if trace.status() == BacktraceStatus::Captured {
        // Writing to a String cannot fail.
        let _ = fmt::Write::write_fmt(&mut text, format_args!("{trace}\n"));
    }
    text
}

fn say_to(mut place: impl Write + Send + 'static, text: String, stands_still: &'static AtomicBool) {
    let mut turns = TURNS;
    while stands_still.swap(true, Ordering::AcqRel) {
        if turns == 0 {
            // Somebody waits already, and one is enough: what comes behind it would not be read either.
            return;
        }
        turns -= 1;
        thread::sleep(TURN);
    }
    let (done, is_done) = mpsc::channel();
    let writes = move || {
        // Nobody to tell.
        let _ = place.write_all(text.as_bytes()).and_then(|()| place.flush());
        stands_still.store(false, Ordering::Release);
        let _ = done.send(());
    };
    match thread::Builder::new().name("last words".to_owned()).spawn(writes) {
        // Too late: the process goes on, or ends, without.
        Ok(_) => drop(is_done.recv_timeout(PATIENCE)),
        Err(_) => stands_still.store(false, Ordering::Release),
    }
}

/// Whether somebody still waits for what was said last to be read.
static STANDS_STILL: AtomicBool = AtomicBool::new(false);

/// How long what is said last may take: a reader that lives takes milliseconds.
const PATIENCE: Duration = Duration::from_millis(500);
/// Another thread may be at it, which takes less than this if somebody reads.
const TURN: Duration = Duration::from_millis(1);
/// How often it is given one.
const TURNS: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes nothing until it is told to.
    struct Stuck(mpsc::Receiver<()>, mpsc::Sender<Vec<u8>>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            let _ = self.1.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_has_something_to_say_waits_for_a_stuck_reader_once_and_not_for_long() {
        static STANDS_STILL: AtomicBool = AtomicBool::new(false);
        let (release, released) = mpsc::channel();
        let (took, taken) = mpsc::channel();
        say_to(Stuck(released, took.clone()), "first".to_owned(), &STANDS_STILL);
        assert!(taken.try_recv().is_err(), "it returned though nobody read");
        say_to(io::sink(), "second".to_owned(), &STANDS_STILL);
        assert!(STANDS_STILL.load(Ordering::Acquire), "one thread waits, and no more");
        release.send(()).unwrap();
        assert_eq!(taken.recv().unwrap(), b"first");
        while STANDS_STILL.load(Ordering::Acquire) {
            thread::yield_now();
        }
        let (release, released) = mpsc::channel();
        release.send(()).unwrap();
        say_to(Stuck(released, took), "third".to_owned(), &STANDS_STILL);
        assert_eq!(taken.recv().unwrap(), b"third");
    }
}
