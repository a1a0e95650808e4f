//! The load of `cargo xtask bench proxy` that redis-benchmark cannot make: at a rate that is fixed beforehand, over thousands of
//! connections, or with connections that do nothing.
//!
//! ```text
//! pace ADDR idle CONNECTIONS
//! pace ADDR full get|set BYTES CONNECTIONS PIPELINE SECONDS       as fast as the connections go, PIPELINE requests at a time on each
//! pace ADDR rate get|set BYTES CONNECTIONS RATE SECONDS           RATE requests a second, whatever the answers do
//! ```
//!
//! It connects, has one PING answered on each connection, prints `ready` and waits for a line; then it loads, prints a line of
//! JSON, and keeps its connections until its standard input ends. So whoever started it can look at the servers before, between and after.
//!
//! One thread, and it shares no code with the program under test.

mod client;
mod histogram;
mod load;
mod replies;
mod schedule;

use std::env;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use load::Load;
use schedule::Schedule;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some((addr, task)) = understood(&words) else {
        eprintln!(
            "usage: pace ADDR idle CONNECTIONS | ADDR full get|set BYTES CONNECTIONS PIPELINE SECONDS | \
             ADDR rate get|set BYTES CONNECTIONS RATE SECONDS"
        );
        return ExitCode::from(2);
    };
    match run(addr, &task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("pace: {e}");
            ExitCode::FAILURE
        }
    }
}

/// What is asked for.
#[derive(Debug, PartialEq)]
struct Task {
    connections: usize,
    work: Option<(Requests, Work)>,
}

/// Which requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Requests {
    is_set: bool,
    bytes: usize,
}

#[derive(Debug, PartialEq)]
enum Work {
    Full { pipeline: usize, time: Duration },
    Rate { rate: f64, time: Duration },
}

fn understood(words: &[&str]) -> Option<(SocketAddr, Task)> {
    let (addr, words) = words.split_first()?;
    let task = match words {
        ["idle", connections] => Task { connections: connections.parse().ok()?, work: None },
        [kind, command, bytes, connections, amount, seconds] => {
            let is_set = *command == "set";
            let requests = Requests { is_set, bytes: bytes.parse().ok()? };
            let time = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
            let work = match *kind {
                "full" => Work::Full { pipeline: amount.parse().ok().filter(|deep| *deep > 0)?, time },
                "rate" => Work::Rate { rate: amount.parse().ok().filter(|rate: &f64| *rate >= 1.0)?, time },
                _ => return None,
            };
            (is_set || *command == "get").then_some(())?;
            Task { connections: connections.parse().ok()?, work: Some((requests, work)) }
        }
        _ => return None,
    };
    (task.connections > 0).then_some(())?;
    Some((addr.parse().ok()?, task))
}

fn run(addr: SocketAddr, task: &Task) -> io::Result<()> {
    // A sleep ends up to 50 us late otherwise, which every request of a schedule would show. Refused by old kernels: then it does.
    let _ = fs::write("/proc/self/timerslack_ns", "1");
    let clients = client::connect(addr, task.connections)?;
    say("ready")?;
    io::stdin().read_line(&mut String::new())?;
    if let Some((requests, work)) = &task.work {
        let load = Load::new(clients, *requests)?;
        let (figures, _clients) = match work {
            Work::Full { pipeline, time } => load.full(*pipeline, *time)?,
            Work::Rate { rate, time } => load.rate(&Schedule::new(*rate, *time, task.connections))?,
        };
        say(&figures.to_string())?;
        return until_released();
    }
    let _clients = clients;
    until_released()
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Returns when standard input ends.
fn until_released() -> io::Result<()> {
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

/// How long it has been since this was called.
#[expect(clippy::disallowed_methods, reason = "a load of seconds on one host; nothing here outlives a sleep of it")]
fn stopwatch() -> impl Fn() -> Duration {
    let start = Instant::now();
    move || start.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_tasks_are_understood() {
        let (addr, task) = understood(&["127.0.0.1:6379", "idle", "9"]).unwrap();
        assert_eq!((addr.port(), task), (6379, Task { connections: 9, work: None }));
        let requests = Requests { is_set: true, bytes: 64 };
        let (_, task) = understood(&["127.0.0.1:1", "full", "set", "64", "5", "16", "0.5"]).unwrap();
        let full = Work::Full { pipeline: 16, time: Duration::from_millis(500) };
        assert_eq!(task, Task { connections: 5, work: Some((requests, full)) });
        let (_, task) = understood(&["127.0.0.1:1", "rate", "get", "64", "5", "20000", "2"]).unwrap();
        assert!(matches!(task.work, Some((Requests { is_set: false, .. }, Work::Rate { rate: 20_000.0, .. }))));
    }

    #[test]
    fn anything_else_is_not() {
        for line in [
            "",
            "nowhere idle 5",
            "127.0.0.1:1 idle 0",
            "127.0.0.1:1 full del 64 5 1 1",
            "127.0.0.1:1 rate get 64 5 0 1",
        ] {
            assert!(understood(&line.split_whitespace().collect::<Vec<_>>()).is_none(), "{line}");
        }
    }
}
