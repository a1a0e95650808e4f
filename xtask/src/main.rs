//! Every developer command: `cargo xtask VERB`. A verb is a list of steps; what a step needs from the machine, it says or installs.
//!
//! | module | answers |
//! |---|---|
//! | [`cargo`] | where is the workspace, and how is cargo called in it? |
//! | [`packages`] | which real servers must be there, and how do they get there? |
//! | [`locked`] | which packages of npm and PyPI must be there, and how do they get there? |
//! | [`steps`] | what ran, how long, how many tests, what was not run? |
//! | [`verbs`] | what does each verb do? |
//! | [`fuzz`] | does some sequence of bytes break a codec? |
//! | [`suite`] | does a Sentinel pass the acceptance suite of the stock one? |
//! | [`bench`](mod@bench) | how much does Standfast cost beside HAProxy, and how long is a failover beside stock Sentinel? |

mod bench;
mod cargo;
mod failure;
mod fuzz;
mod locked;

mod packages;
mod steps;
mod suite;
mod verbs;

use std::env;
use std::process::ExitCode;

use failure::Failure;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(args: &[String]) -> Result<(), Failure> {
    let Some((verb, rest)) = args.split_first() else {
        println!("{HELP}");
        return Ok(());
    };
    match verb.as_str() {
        "test" => verbs::test(rest),
        "demo" => verbs::demo(rest),
        "lint" => verbs::lint(rest),
        "fix" => verbs::fix(rest),
        "sim" => verbs::sim(rest),
        "replay" => verbs::replay(rest),
        "story" => verbs::story(rest),
        "fuzz" => fuzz::run(rest),
        "lab" => verbs::lab(rest),
        "bench" => bench::run(rest),
        "suite" => suite::run(rest),
        "help" | "-h" | "--help" => {
            println!("{HELP}");
            Ok(())
        }
        other => Err(Failure::usage(format!("there is no verb '{other}'; `cargo xtask --help` lists them"))),
    }
}

const HELP: &str = "\
Every developer command of Standfast.

Usage: cargo xtask VERB [ARGUMENTS]

  test                        all that must pass: tests, documentation, formatting, lints; what .ci/run calls
  demo [ARGUMENTS]            a real failover on this machine; `demo --help` lists its arguments
  lint                        formatting, clippy, documentation, licences and bans (cargo-deny)
  fix                         what a program can mend: clippy's suggestions, formatting, generated files
  story                       run the story tests and write down what the machines answer now; read the diff
  sim [--seeds N]             simulate N random worlds
  sim --seed S [--trace]      simulate one world, and print its history
  sim --coverage              what simulated worlds have to reach, and how often they do
  replay FILE                 run a flight record through the machines
  lab [FILTER]                only the tests beside real servers
  fuzz [TARGET] [--seconds N] fuzz one codec or all of them, 60 s each unless told; needs a C++ compiler
  bench proxy [--quick] [--only WAY,WAY] [--load LOAD,LOAD] [--rounds N] [--seconds S] [--rate N] [--against RESULT.json]
                              direct, HAProxy, twemproxy and Standfast in one run; the figures are ratios; half an hour, or two minutes
  bench profile [--way WAY] [--load LOAD] [--seconds S]
                              where a proxy's time goes under one load, and its system calls for a request, by perf
  bench failover [--only FAULT,FAULT] [--rounds N] [--crashes N] [--stock-crashes N]
                              stock Sentinel and Standfast in one run, as root: kill, hang, cut, planned, restart, and crashes in a row
  suite sentinel [--of redis|valkey] [--binary PATH] [--only UNIT]
                              the stock Sentinel's acceptance suite, from Debian's source package, against ours
                              or another program; about two minutes
  suite redis [--pool session|shared] [--unit UNIT]...
                              Redis's own test suite, directly and through a listener; what differs is told. About ten minutes

test, demo, lab, bench and suite install the Debian packages that they miss (as root; no service is started), test
and lab also some of npm and PyPI, under target/. Servers listen on loopback only, in a temporary directory, and end with the command.";
