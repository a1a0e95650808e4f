//! What ran, how long, how many tests, what was not run? A verb of several steps stops at the first that fails, and says so.

use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::cargo;
use crate::failure::{Failure, OrFail};

/// One step: a name for the summary, and what to do.
pub(crate) struct Step<'a> {
    name: &'static str,
    act: Box<dyn FnOnce() -> Result<Tally, Failure> + 'a>,
}

impl<'a> Step<'a> {
    /// A step that only succeeds or fails.
    pub(crate) fn new(name: &'static str, act: impl FnOnce() -> Result<(), Failure> + 'a) -> Self {
        Self { name, act: Box::new(|| act().map(|()| Tally::default())) }
    }

    /// A step that runs one command.
    pub(crate) fn command(name: &'static str, command: Command) -> Self {
        Self::new(name, || cargo::run(command))
    }

    /// A step that runs tests, one command, and counts them.
    pub(crate) fn tests(name: &'static str, command: Command) -> Self {
        Self { name, act: Box::new(|| run_tests(command)) }
    }
}

/// Runs the steps in order and prints what became of each. The last line tells the tests of all steps, if there were any.
pub(crate) fn run(steps: Vec<Step<'_>>) -> Result<(), Failure> {
    let mut tally = Tally::default();
    let mut failed = None;
    let mut summary = Vec::new();
    for Step { name, act } in steps {
        if failed.is_some() {
            summary.push(format!("{name:<14}          not run"));
            continue;
        }
        println!("\n=== {name}");
        let watch = stopwatch();
        let outcome = act();
        let took = watch().as_secs_f64();
        match outcome {
            Ok(tests) => {
                tally.add(&tests);
                summary.push(format!("{name:<14} {took:>7.1} s  ok"));
            }
            Err(failure) => {
                summary.push(format!("{name:<14} {took:>7.1} s  FAILED"));
                failed = Some(failure);
            }
        }
    }
    println!("\n=== summary\n{}", summary.join("\n"));
    if let Some(failure) = failed {
        return Err(failure);
    }
    if tally.counted {
        // A runner that finds nothing to run exits 0: green, and proves nothing.
        if tally.passed == 0 {
            return Err(Failure::new("no test was run"));
        }
        println!("\n{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped);
    }
    Ok(())
}

/// How many tests ran, as their runner said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    counted: bool,
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.counted |= other.counted;
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Takes the numbers out of a runner's closing line, if this is one.
    fn read(&mut self, line: &str) {
        let line = without_colours(line);
        // nextest: `Summary [   0.591s] 24 tests run: 23 passed (1 slow), 1 failed, 0 skipped`
        let nextest = || Some((line.trim_start().strip_prefix("Summary [")?.split_once(" run: ")?.1, ','));
        // libtest: `test result: ok. 24 passed; 0 failed; 1 ignored; 0 measured; ...`
        let libtest = || Some((line.trim_start().strip_prefix("test result: ")?.split_once(". ")?.1, ';'));
        let Some((counts, separator)) = nextest().or_else(libtest) else {
            return;
        };
        self.counted = true;
        for count in counts.split(separator) {
            let mut words = count.split_whitespace();
            let Some(number) = words.next().and_then(|n| n.parse::<u64>().ok()) else {
                continue;
            };
            match words.next() {
                Some("passed") => self.passed += number,
                Some("failed" | "timed") => self.failed += number,
                Some("skipped" | "ignored") => self.skipped += number,
                _ => {}
            }
        }
    }
}

/// Runs a test runner in front of the developer and reads along.
fn run_tests(mut command: Command) -> Result<Tally, Failure> {
    let shown = cargo::show(&command);
    if io::stderr().is_terminal() {
        // It writes to a pipe, but what it writes ends up on a terminal.
        command.env("CARGO_TERM_COLOR", "always");
    }
    let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.or_fail(format_args!("start `{shown}`"))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let mut tally = thread::scope(|scope| {
        let out = scope.spawn(|| out.map(|pipe| read_along(pipe, io::stdout())).unwrap_or_default());
        let mut tally = err.map(|pipe| read_along(pipe, io::stderr())).unwrap_or_default();
        tally.add(&out.join().expect("reading lines does not panic"));
        tally
    });
    let status = child.wait().or_fail(format_args!("wait for `{shown}`"))?;
    tally.counted = true;
    if status.success() { Ok(tally) } else { Err(Failure::new(format!("`{shown}` failed ({status})"))) }
}

fn read_along(pipe: impl Read, mut show: impl Write) -> Tally {
    let mut tally = Tally::default();
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while pipe.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
        // A terminal that went away is no reason to stop reading: the runner would then wait for us for ever.
        let _ = show.write_all(&line).and_then(|()| show.flush());
        tally.read(&String::from_utf8_lossy(&line));
        line.clear();
    }
    tally
}

/// The line as a terminal would show it.
pub(crate) fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, escape)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = escape.split_once('m').map_or("", |(_, after)| after);
    }
    plain + rest
}

/// Starts measuring; the answer tells how long it has been.
#[expect(clippy::disallowed_methods, reason = "a developer's tool need not know about sleeping hosts")]
pub(crate) fn stopwatch() -> impl Fn() -> Duration {
    let start = Instant::now();
    move || start.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn read(text: &str) -> Tally {
        read_along(text.as_bytes(), io::sink())
    }

    #[test]
    fn the_closing_lines_of_both_runners_are_understood() {
        let told = read("\n     Summary [   0.591s] 24 tests run: 24 passed, 0 skipped\n");
        assert_eq!(told, Tally { counted: true, passed: 24, failed: 0, skipped: 0 });
        let told = read(
            "\x1b[31;1m     Summary\x1b[0m [   9.120s] \x1b[1m30/31\x1b[0m tests run: \
             \x1b[1m27\x1b[0m \x1b[32;1mpassed\x1b[0m (2 slow), \x1b[1m2\x1b[0m failed, 1 timed out, 3 skipped",
        );
        assert_eq!(told, Tally { counted: true, passed: 27, failed: 3, skipped: 3 });
        let told = read(
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out\n\
             test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.53s\n",
        );
        assert_eq!(told, Tally { counted: true, passed: 4, failed: 2, skipped: 1 });
        assert_eq!(read("12 passed, as the log says\nSummary of nothing\n"), Tally::default());
    }

    #[test]
    fn the_first_failure_is_the_last_step() {
        let ran = Cell::new(0);
        let count = |outcome| {
            ran.set(ran.get() + 1);
            outcome
        };
        let failed = run(vec![
            Step::new("first", || count(Ok(()))),
            Step::new("second", || count(Err(Failure::new("the second one failed")))),
            Step::new("third", || count(Ok(()))),
        ]);
        assert_eq!(failed.unwrap_err().to_string(), "the second one failed");
        assert_eq!(ran.get(), 2);
    }

    #[test]
    fn a_runner_that_ran_nothing_has_failed() {
        let mut nothing = Command::new("true");
        nothing.env("X", "1");
        let failed = run(vec![Step::tests("tests", nothing)]);
        assert!(failed.unwrap_err().to_string().contains("no test was run"));
    }
}
