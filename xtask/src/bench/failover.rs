//! How long is there no writable master, and what is lost? Standfast and stock Sentinel in turn, in one run, with the same `down-after`.
//!
//! The measuring is done by the lab's program `failover`, which lays three hosts for each measurement; here it is started, in turn for
//! each system, and what it prints becomes tables. A measurement that fails is told, and counts for nobody.

mod chart;
mod options;
mod report;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::servers;
use crate::cargo::{self, cargo};
use crate::failure::{Failure, OrFail};
use crate::packages::{self, IPROUTE, NFTABLES, REDIS_SERVER};
pub(super) use options::FAULTS;
use options::{Options, SYSTEMS};

/// One fault, as one system took it.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    round: u32,
    system: String,
    /// A fault, or [`CRASHES`].
    fault: String,
    /// What the lab's program printed.
    figures: Value,
}

impl Sample {
    /// A figure of the writers of one kind (`direct`, `proxy`).
    fn figure(&self, kind: &str, name: &str) -> Option<f64> {
        self.figures[kind][name].as_f64()
    }
}

/// Runs the benchmark.
pub(super) fn run(args: &[String]) -> Result<(), Failure> {
    let options = Options::from(args)?;
    packages::install(&[REDIS_SERVER, IPROUTE, NFTABLES])?;
    let standfast = cargo::build_program("release")?;
    cargo::run(cargo(&["build", "--package", "lab", "--bins", "--profile", "release"]))?;
    let program = standfast.with_file_name("failover");
    // Before the first one: by the last one, somebody may have committed something else.
    let versions = servers::versions(&["redis-server"]);
    let measure = |round, system: &str, fault: &str, times, samples: &mut Vec<Sample>| {
        let mut command = Command::new(&program);
        command.args([system, fault, &u32::to_string(&times)]).env("STANDFAST_BIN", &standfast);
        let name = if times > 1 { CRASHES } else { fault };
        let told = |figures| {
            let sample = Sample { round, system: system.into(), fault: name.into(), figures };
            say(&sample);
            samples.push(sample);
        };
        lines_of(command, told).inspect_err(|failed| println!("{name}, {system}: {failed}"))
    };
    let (mut samples, mut failed) = (Vec::new(), 0_usize);
    for round in 0..options.rounds {
        for fault in &options.faults {
            for system in in_turn(round) {
                failed += usize::from(measure(round, system, fault, 1, &mut samples).is_err());
            }
        }
        println!("round {} of {} done", round + 1, options.rounds);
    }
    let crashes = [("standfast", options.crashes), ("stock", options.stock_crashes)];
    for (system, crashes) in crashes.into_iter().filter(|(_, crashes)| *crashes > 1) {
        println!("{crashes} crashes in a row, {system}");
        failed += usize::from(measure(0, system, "kill", crashes, &mut samples).is_err());
    }
    write(&options, &samples, failed, &versions)
}

/// Who is first in a round is second in the next.
fn in_turn(round: u32) -> Vec<&'static str> {
    let mut systems = SYSTEMS.to_vec();
    systems.rotate_left(round as usize % SYSTEMS.len());
    systems
}

fn say(sample: &Sample) {
    let first = |kind| sample.figure(kind, "first_ms").map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0} ms"));
    let lost = sample.figure("direct", "lost").unwrap_or_default();
    println!(
        "{}, {}: writes again after {} (listener {}), lost {lost}",
        sample.fault,
        sample.system,
        first("direct"),
        first("proxy")
    );
}

/// Runs the command to its end and hands over each line that it prints.
pub(super) fn lines_of(mut command: Command, mut told: impl FnMut(Value)) -> Result<(), Failure> {
    let shown = cargo::show(&command);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.or_fail(format_args!("start `{shown}`"))?;
    for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        let line = line.or_fail(format_args!("read from `{shown}`"))?;
        told(serde_json::from_str(&line).or_fail(format_args!("understand {line}"))?);
    }
    let status = child.wait().or_fail(format_args!("wait for `{shown}`"))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{shown}` failed ({status})"))) }
}

fn write(options: &Options, samples: &[Sample], failed: usize, versions: &str) -> Result<(), Failure> {
    let report = report::markdown(options, samples, failed);
    println!("\n{report}");
    let results = cargo::root().join("results");
    fs::create_dir_all(&results).or_fail("create results/")?;
    let save = |name: &str, text: String| {
        fs::write(Path::new(&results).join(name), text).or_fail(format_args!("write {name}"))
    };
    save("bench-failover.md", format!("{report}\n{versions}\n"))?;
    save("bench-failover.svg", chart::svg(samples))?;
    save("bench-failover.json", report::json(options, samples, failed, versions))?;
    println!("written to results/bench-failover.md and .svg, every sample to results/bench-failover.json");
    Ok(())
}

/// The name of a series of crashes among the faults.
const CRASHES: &str = "crashes";
