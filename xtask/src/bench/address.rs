//! How long does an address that moves not answer? Standfast, and Keepalived with HAProxy, in turn, in one run, with the same timers.
//!
//! The measuring is done by the lab's program `address`, which lays new hosts for each measurement; here it is started, in turn for each
//! system, and what it prints becomes tables. A measurement that fails is told, and counts for nobody.

mod report;

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::failover::lines_of;
use super::proxy::options::number;
use super::servers;
use crate::cargo::{self, cargo};
use crate::failure::{Failure, OrFail};
use crate::packages::{self, HAPROXY, IPROUTE, KEEPALIVED, NFTABLES, PROCPS, REDIS_SERVER, REDIS_TOOLS};

/// What can happen to the host that has the address, in the order of the tables.
pub(super) const FAULTS: [&str; 4] = ["host", "proxy", "hang", "planned"];
/// Which timers, for both alike.
const TERMS: [&str; 2] = ["tuned", "article"];
/// What is compared, ours first.
const SYSTEMS: [&str; 2] = ["standfast", "classic"];

/// What the command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Options {
    rounds: u32,
    faults: Vec<&'static str>,
    terms: Vec<&'static str>,
}

/// One fault, as one system took it.
#[derive(Clone, Debug)]
struct Sample {
    round: u32,
    system: &'static str,
    terms: &'static str,
    fault: &'static str,
    /// What the lab's program printed.
    figures: Value,
}

impl Options {
    fn from(args: &[String]) -> Result<Self, Failure> {
        let mut options = Self { rounds: 3, faults: FAULTS.to_vec(), terms: TERMS.to_vec() };
        let mut args = args.iter();
        while let Some(option) = args.next() {
            let mut value = || args.next().ok_or_else(|| Failure::usage(format!("{option} takes a value")));
            match option.as_str() {
                "--rounds" => options.rounds = number(option, value()?)?,
                "--only" => options.faults = some_of(&FAULTS, option, value()?)?,
                "--terms" => options.terms = some_of(&TERMS, option, value()?)?,
                other => return Err(Failure::usage(format!("bench address does not know '{other}'"))),
            }
        }
        Ok(options)
    }
}

fn some_of(known: &[&'static str], option: &str, list: &str) -> Result<Vec<&'static str>, Failure> {
    let each = list.split(',').map(|asked| {
        let found = known.iter().copied().find(|name| *name == asked);
        found
            .ok_or_else(|| Failure::usage(format!("{option} does not know '{asked}'; there are: {}", known.join(", "))))
    });
    each.collect()
}

/// Runs the benchmark.
pub(super) fn run(args: &[String]) -> Result<(), Failure> {
    let options = Options::from(args)?;
    packages::install(&[REDIS_SERVER, REDIS_TOOLS, HAPROXY, KEEPALIVED, IPROUTE, NFTABLES, PROCPS])?;
    let standfast = cargo::build_program("release")?;
    cargo::run(cargo(&["build", "--package", "lab", "--bins", "--profile", "release"]))?;
    let program = standfast.with_file_name("address");
    let versions = servers::versions(&["redis-server", "haproxy", "keepalived"]);
    let (mut samples, mut failed) = (Vec::new(), 0_usize);
    for round in 0..options.rounds {
        for terms in options.terms.iter().copied() {
            for fault in options.faults.iter().copied() {
                for system in in_turn(round) {
                    let mut command = Command::new(&program);
                    command.args([system, terms, fault]).env("STANDFAST_BIN", &standfast);
                    let told = |figures| {
                        let sample = Sample { round, system, terms, fault, figures };
                        println!("{}", report::line(&sample));
                        samples.push(sample);
                    };
                    let measured = lines_of(command, told);
                    failed +=
                        usize::from(measured.inspect_err(|why| println!("{fault}, {terms}, {system}: {why}")).is_err());
                }
            }
        }
        println!("round {} of {} done", round + 1, options.rounds);
    }
    write(&options, &samples, failed, &versions)
}

/// Who is first in a round is second in the next.
fn in_turn(round: u32) -> [&'static str; 2] {
    let mut systems = SYSTEMS;
    systems.rotate_left(round as usize % SYSTEMS.len());
    systems
}

fn write(options: &Options, samples: &[Sample], failed: usize, versions: &str) -> Result<(), Failure> {
    let report = report::markdown(options.rounds, samples, failed);
    println!("\n{report}");
    let results = cargo::root().join("results");
    fs::create_dir_all(&results).or_fail("create results/")?;
    let save = |name: &str, text: String| fs::write(results.join(name), text).or_fail(format_args!("write {name}"));
    save("bench-address.md", format!("{report}\n{versions}\n"))?;
    save("bench-address.json", report::json(options.rounds, samples, failed, versions))?;
    println!("written to results/bench-address.md, every sample to results/bench-address.json");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(line: &str) -> Result<Options, Failure> {
        Options::from(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_change_what_they_name() {
        let usual = from("").unwrap();
        assert_eq!((usual.rounds, usual.faults.len(), usual.terms.len()), (3, 4, 2));
        let asked = from("--rounds 5 --only host,hang --terms article").unwrap();
        assert_eq!((asked.rounds, asked.faults, asked.terms), (5, vec!["host", "hang"], vec!["article"]));
    }

    #[test]
    fn what_is_not_understood_is_a_usage_error() {
        for line in ["--only fire", "--rounds 0", "--terms", "--terms slow", "--fast"] {
            assert_eq!(from(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
