//! Which unit passed, which failed, how long did each take? Read off the lines that the suite's runner prints.

use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::time::Duration;

use crate::steps::{stopwatch, without_colours};

/// What the runner said so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    units: Vec<Unit>,
    /// Said outside of any check: a crash report, a leaked descriptor, a Sentinel that did not start.
    alarms: Vec<String>,
}

#[derive(Debug)]
struct Unit {
    name: String,
    took: Duration,
    passed: usize,
    failed: Vec<String>,
}

impl Progress {
    /// Shows what the runner says as it comes, and reads along.
    pub(super) fn follow(&mut self, mut pipe: impl Read) {
        let since = stopwatch();
        let mut started = Duration::ZERO;
        let mut line = Vec::new();
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = pipe.read(&mut chunk) {
            // By pieces, not by lines: the name of a check stands there while the check runs.
            let _ = io::stdout().write_all(&chunk[..count]).and_then(|()| io::stdout().flush());
            for &byte in &chunk[..count] {
                if byte != b'\n' {
                    line.push(byte);
                    continue;
                }
                let now = since();
                let known = self.units.len();
                self.read(&String::from_utf8_lossy(&line));
                if self.units.len() > known {
                    started = now;
                }
                if let Some(unit) = self.units.last_mut() {
                    unit.took = now.saturating_sub(started);
                }
                line.clear();
            }
        }
        self.read(&String::from_utf8_lossy(&line));
    }

    fn read(&mut self, line: &str) {
        let line = without_colours(line);
        let line = line.trim();
        if let Some(name) = line.strip_prefix("Testing unit: ") {
            let name = name.trim_end_matches(".tcl").to_owned();
            self.units.push(Unit { name, took: Duration::ZERO, passed: 0, failed: Vec::new() });
            return;
        }
        let alarm = ALARMS.iter().any(|words| line.contains(words));
        let Some(unit) = self.units.last_mut() else {
            if alarm {
                self.alarms.push(line.to_owned());
            }
            return;
        };
        // `04:49:11> what is checked: OK`; behind the name, some checks print what they do, in lines too.
        if line == "OK" || line.ends_with(" OK") {
            unit.passed += 1;
        } else if let Some((check, why)) = line.split_once("FAILED: ") {
            let check = check.split_once("> ").map_or(check, |(_, check)| check).trim_end_matches([':', ' ']);
            unit.failed.push(format!("{check}: {why}"));
        } else if alarm {
            self.alarms.push(line.to_owned());
        }
    }

    /// How many units were begun.
    pub(super) const fn units(&self) -> usize {
        self.units.len()
    }

    /// How many units failed, and alarms.
    pub(super) fn failed(&self) -> usize {
        self.units.iter().filter(|unit| !unit.failed.is_empty()).count() + self.alarms.len()
    }

    /// A line a unit, with what failed below it, and the numbers.
    pub(super) fn summary(&self) -> String {
        let mut text = String::new();
        for Unit { name, took, passed, failed } in &self.units {
            let verdict = if failed.is_empty() { "ok" } else { "FAILED" };
            // Writing to a string does not fail.
            let _ = writeln!(text, "{name:<28} {:>6.1} s  {passed:>3} checks  {verdict}", took.as_secs_f64());
            for check in failed {
                let _ = writeln!(text, "    {check}");
            }
        }
        for alarm in &self.alarms {
            let _ = writeln!(text, "! {alarm}");
        }
        let failed = self.units.iter().filter(|unit| !unit.failed.is_empty()).count();
        let _ = write!(text, "{} passed, {failed} failed", self.units.len() - failed);
        text
    }
}

/// The runner's words for what is nobody's check.
const ALARMS: &[&str] = &[
    "*** Crash report found",
    "ERROR: Sentinel has leaked fds",
    "WARNING: Aborting the test",
    ">>>>>>>>",
    "Forcing process",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_checks_and_alarms_are_told_apart() {
        let mut progress = Progress::default();
        let said = "Starting sentinel #0 at port 20000\n\
             \x1b[0;33;49mTesting unit: 00-base.tcl\x1b[0m\n\
             04:49:11> (init) Restart killed instances: redis/1 sentinel/2 \x1b[0;32;49mOK\x1b[0m\n\
             04:49:13> Basic failover works if the master is down: Waiting for process 19 to exit...\n\
             \x1b[0;32;49mOK\x1b[0m\n\
             \x1b[0;33;49mTesting unit: 06-ckquorum.tcl\x1b[0m\n\
             04:50:01> CKQUORUM detects quorum cannot be reached: \x1b[0;31;49mFAILED: Expected A to match B\x1b[0m\n\
             \x1b[0;31;49m(Jumping to next unit after error)\x1b[0m\n\
             Cleaning up...\n\
             *** Crash report found in sentinel_0/log.txt ***\n";
        progress.follow(said.as_bytes());
        let units: Vec<_> = progress.units.iter().map(|u| (u.name.as_str(), u.passed, u.failed.len())).collect();
        assert_eq!(units, [("00-base", 2, 0), ("06-ckquorum", 0, 1)]);
        assert_eq!(progress.failed(), 2, "a unit and an alarm");
        let summary = progress.summary();
        assert!(
            summary.contains("    CKQUORUM detects quorum cannot be reached: Expected A to match B\n"),
            "{summary}"
        );
        assert!(
            summary.ends_with("! *** Crash report found in sentinel_0/log.txt ***\n1 passed, 1 failed"),
            "{summary}"
        );
    }

    #[test]
    fn an_error_of_the_suites_own_code_fails_its_unit() {
        let mut progress = Progress::default();
        progress
            .follow(&b"Testing unit: 03-x.tcl\n04:49:11> A check: FAILED: caught an error in the test ERR no\n"[..]);
        assert_eq!((progress.units(), progress.failed()), (1, 1));
    }
}
