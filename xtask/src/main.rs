//! Every developer command: `cargo xtask VERB`. A verb is a list of steps; what a step needs from the machine, it says or installs.
//!
//! | module | answers |
//! |---|---|
//! | [`cargo`] | where is the workspace, and how is cargo called in it? |
//! | [`packages`] | which real servers must be there, and how do they get there? |
//! | [`locked`] | which packages of npm and PyPI must be there, and how do they get there? |
//! | [`steps`] | what ran, how long, how many tests, what was not run? |
//! | [`verbs`] | what does each verb do? |
//! | [`usage`] | what does each verb take? |
//! | [`fuzz`] | does some sequence of bytes break a codec or a session? |
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
mod usage;
mod verbs;

use std::env;
use std::process::ExitCode;

use failure::Failure;
use usage::HELP;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            if let Some(usage) = usage::of(&args).filter(|_| failure.exit_code() == 2) {
                eprintln!("\n{usage}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}

fn run(args: &[String]) -> Result<(), Failure> {
    let Some((verb, rest)) = args.split_first() else {
        println!("{HELP}");
        return Ok(());
    };
    // The demo's arguments are the program's.
    let is_asked_for = usage::is_asked_for(rest) && verb != "demo";
    if let Some(usage) = usage::of(args).filter(|_| is_asked_for) {
        println!("{usage}");
        if verb == "bench" {
            println!("\n{}", bench::words());
        }
        return Ok(());
    }
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
