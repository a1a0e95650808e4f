//! What did clients of an address that moves see? Drives the program `reach` of this crate and reads its books.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{ChildStdin, Stdio};
use std::sync::mpsc::Receiver;

use serde_json::Value;

use crate::netns::Network;
use crate::process::Process;
use crate::program::{lines_of, wall_ms};

/// Clients that run on a host. Dropping it ends them.
#[derive(Debug)]
pub struct Reach {
    process: Process,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

/// What they saw. Times are those of [`wall_ms`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// When probes were answered well.
    pub answered: Vec<f64>,
    /// Other ends of a probe, and what it was told.
    pub failed: Vec<(f64, String)>,
    /// When the steady client had an answer.
    pub steady: Vec<f64>,
    /// When its connection ended, and how.
    pub cut: Vec<(f64, String)>,
    /// When the blocked client's wait ended without an answer, and how.
    pub released: Vec<(f64, String)>,
    /// Since when it waits.
    pub blocked_since: Option<f64>,
}

impl Reach {
    /// Starts `program`, this crate's `reach`, on a host, and waits until all its clients are at work.
    ///
    /// # Panics
    /// When it cannot be started, or nobody answers at the address.
    #[must_use]
    pub fn start(network: &Network, host: &str, program: &Path, addr: SocketAddr, key: &str) -> Self {
        let mut command = network.command(host, program);
        command.args([&addr.to_string(), key]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start(command);
        let stdin = process.child().stdin.take();
        let lines = lines_of(process.child().stdout.take().expect("it was asked for"));
        let reach = Self { process, stdin, lines };
        reach.wait_for("clients at work", |tick| {
            tick["answered"].as_u64() > Some(10) && tick["blocked"] == true && tick["steady"].is_number()
        });
        reach
    }

    /// Waits until a probe is answered that was answered after this moment.
    ///
    /// # Panics
    /// When that does not come.
    pub fn wait_for_answer_after(&self, at: f64) {
        self.wait_for("an answer", |tick| tick["last"].as_f64() > Some(at));
    }

    /// Waits until a probe is answered that was answered after this moment; `false` if that does not come within so many milliseconds.
    #[must_use]
    pub fn is_answered_after(&self, at: f64, within: f64) -> bool {
        self.hears(within, |tick| tick["last"].as_f64() > Some(at)).is_some()
    }

    /// Waits until all three kinds are at work again, with answers after this moment.
    ///
    /// # Panics
    /// When that does not come.
    pub fn wait_for_all_after(&self, at: f64) {
        self.wait_for("an answer to everybody", |tick| {
            tick["last"].as_f64() > Some(at) && tick["steady"].as_f64() > Some(at) && tick["blocked"] == true
        });
    }

    /// Where the connections of the steady client and of the blocked one begin, if both have one.
    ///
    /// # Panics
    /// When the clients have ended.
    #[must_use]
    pub fn ports(&self) -> Option<[u16; 2]> {
        // What was said long ago may not be so any more.
        while self.lines.try_recv().is_ok() {}
        let line = self.lines.recv_timeout(crate::host::PATIENCE).expect("the clients live");
        let document: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        serde_json::from_value(document["tick"]["ports"].clone()).ok()
    }

    /// Waits until the blocked client has been released this many times; `false` if that does not come within so many milliseconds.
    #[must_use]
    pub fn is_released(&self, times: u64, within: f64) -> bool {
        self.hears(within, |tick| tick["released"].as_u64() >= Some(times)).is_some()
    }

    /// Ends the clients, and tells what they saw.
    ///
    /// # Panics
    /// When they do not end.
    #[must_use]
    pub fn stop(mut self) -> Seen {
        drop(self.stdin.take());
        let until = wall_ms() + PATIENCE_MS;
        while wall_ms() < until {
            let line = self.lines.recv_timeout(crate::host::PATIENCE).expect("the clients tell their books");
            let mut document: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
            let books = document["books"].take();
            if !books.is_null() {
                let _ = self.process.child().wait();
                return Seen::read(&books).expect("`reach` and its driver agree about the books");
            }
        }
        panic!("the clients did not end");
    }

    fn wait_for(&self, what: &str, enough: impl Fn(&Value) -> bool) {
        assert!(self.hears(PATIENCE_MS, enough).is_some(), "the clients did not have {what}");
    }

    fn hears(&self, within: f64, enough: impl Fn(&Value) -> bool) -> Option<()> {
        let until = wall_ms() + within;
        while wall_ms() < until {
            let line = self.lines.recv_timeout(crate::host::PATIENCE).expect("the clients live");
            let mut document: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
            let tick = document["tick"].take();
            if !tick.is_null() && enough(&tick) {
                return Some(());
            }
        }
        None
    }
}

impl Seen {
    /// From a fault to the first answer after the outage that it made: milliseconds. None: nobody was answered any more.
    #[must_use]
    pub fn back_after(&self, fault: f64) -> Option<f64> {
        longest(&self.answered, fault, fault + FELT_WITHIN_MS).map(|gap| gap.1 - fault)
    }

    /// The longest time without an answer to a probe in this time: from when to when.
    #[must_use]
    pub fn gap(&self, from: f64, to: f64) -> Option<(f64, f64)> {
        longest(&self.answered, from, to)
    }

    /// The longest one that is over by the end of this time.
    #[must_use]
    pub fn gap_within(&self, from: f64, to: f64) -> Option<(f64, f64)> {
        let inside: Vec<f64> = self.answered.iter().copied().filter(|at| (from..to).contains(at)).collect();
        longest(&inside, from, to)
    }

    /// As [`gap`](Self::gap), for the steady client, whose requests have no time limit.
    #[must_use]
    pub fn steady_gap(&self, from: f64, to: f64) -> Option<(f64, f64)> {
        longest(&self.steady, from, to)
    }

    /// When the blocked client was released after this moment.
    #[must_use]
    pub fn released_after(&self, fault: f64) -> Option<f64> {
        self.released.iter().map(|(at, _)| *at).find(|at| *at > fault)
    }

    /// Error replies to probes with this word.
    #[must_use]
    pub fn refusals(&self, word: &str) -> usize {
        self.failed.iter().filter(|(_, what)| what.contains(word)).count()
    }

    fn read(books: &Value) -> serde_json::Result<Self> {
        let list = |name: &str| serde_json::from_value(books[name].clone());
        let told = |name: &str| serde_json::from_value(books[name].clone());
        Ok(Self {
            answered: list("answered")?,
            failed: told("failed")?,
            steady: list("steady")?,
            cut: told("cut")?,
            released: told("released")?,
            blocked_since: books["blocked_since"].as_f64(),
        })
    }
}

/// The longest time between two of these moments that begins before `to` and ends after `from`.
fn longest(moments: &[f64], from: f64, to: f64) -> Option<(f64, f64)> {
    let mut moments = moments.to_vec();
    moments.sort_by(f64::total_cmp);
    let gaps = moments.windows(2).map(|two| (two[0], two[1])).filter(|gap| gap.1 > from && gap.0 < to);
    gaps.max_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)))
}

/// An outage that begins later than this has another reason.
const FELT_WITHIN_MS: f64 = 100.0;
/// Not a measure of anything: a busy machine is slow.
const PATIENCE_MS: f64 = 60_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_the_longest_time_without_an_answer() {
        let answered = vec![0.0, 10.0, 21.0, 25.0, 300.0, 310.0];
        let seen = Seen { answered, released: vec![(5.0, String::new()), (210.0, String::new())], ..Seen::default() };
        assert_eq!(seen.gap(22.0, 400.0), Some((25.0, 300.0)));
        assert_eq!(seen.gap(0.0, 25.0), Some((10.0, 21.0)));
        assert_eq!(seen.back_after(22.0), Some(278.0));
        assert_eq!(seen.back_after(311.0), None);
        assert_eq!(seen.released_after(22.0), Some(210.0));
    }
}
