//! What does each verb do? Mostly: one or two calls of cargo, in the right order and with the right environment.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::cargo::{self, cargo};
use crate::failure::{Failure, OrFail};
use crate::locked;
use crate::packages::{self, REDIS};
use crate::steps::{self, Step};

/// All that must pass before a change lands.
pub(crate) fn test(args: &[String]) -> Result<(), Failure> {
    no_arguments("test", args)?;
    steps::run(vec![
        Step::new("packages", install_packages),
        Step::command("build", build_all()),
        Step::tests("tests", run_tests(&[], None)?),
        Step::tests("examples", cargo(&["test", "--quiet", "--workspace", "--doc"])),
        Step::command("format", format_check()),
        Step::command("clippy", clippy()),
        Step::command("documentation", documentation()),
    ])
}

/// A real failover on this machine.
pub(crate) fn demo(args: &[String]) -> Result<(), Failure> {
    packages::install(&[REDIS])?;
    let program = cargo::build_program("fast")?;
    // In our place, not as our child: Ctrl-C and the exit code are its own.
    Err(Command::new(program).arg("demo").args(args).exec()).or_fail("start `standfast demo`")
}

/// What a program can say about the text of the code.
pub(crate) fn lint(args: &[String]) -> Result<(), Failure> {
    no_arguments("lint", args)?;
    steps::run(vec![
        Step::command("format", format_check()),
        Step::command("clippy", clippy()),
        Step::command("documentation", documentation()),
        Step::new("dependencies", || {
            if cargo::has("deny") {
                // Without "advisories": that database is fetched, and a lint must not depend on a network.
                return cargo::run(cargo(&["deny", "--workspace", "check", "licenses", "bans", "sources"]));
            }
            println!("not checked: licences and bans of the dependencies need `cargo install --locked cargo-deny`");
            Ok(())
        }),
    ])
}

/// What a program can mend.
pub(crate) fn fix(args: &[String]) -> Result<(), Failure> {
    no_arguments("fix", args)?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--fix", "--allow-dirty", "--allow-staged"];
    let mut generated = run_tests(&["--exclude", "lab", "--exclude", "sim"], None)?;
    generated.env("UPDATE", "1");
    steps::run(vec![
        Step::command("clippy", cargo(&clippy)),
        Step::command("format", cargo(&["fmt", "--all"])),
        Step::tests("generated", generated),
    ])
}

/// Writes down what the machines answer to each story; the diff is for reading.
pub(crate) fn story(args: &[String]) -> Result<(), Failure> {
    no_arguments("story", args)?;
    let mut stories = run_tests(&["--exclude", "lab"], Some(Filter::Name("stor")))?;
    stories.env("UPDATE", "1");
    steps::run(vec![Step::tests("stories", stories)])?;
    cargo::run(cargo::at_root("git", &["--no-pager", "diff", "--stat", "--", "*.story"]))
}

/// Simulated worlds, as many as one likes.
pub(crate) fn sim(args: &[String]) -> Result<(), Failure> {
    if let Some(("addresses", args)) = args.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return sim_addresses(args);
    }
    let mut sim = cargo(&["run", "--quiet", "--package", "sim", "--release", "--"]);
    sim.args(args);
    cargo::run(sim)
}

/// The worlds of routers (`vrrp`) and of hosts (`node`) that share an address, which are tests of these crates.
fn sim_addresses(args: &[String]) -> Result<(), Failure> {
    let mut worlds = vec!["vrrp", "node"];
    let (mut seeds, mut from, mut one, mut traces) = (10_000_u64, None, None, false);
    let mut args = args.iter();
    while let Some(option) = args.next() {
        if option == "--trace" {
            traces = true;
            continue;
        }
        let value = args.next().ok_or_else(|| Failure::usage(format!("{option} takes a value")))?;
        let number = || value.parse::<u64>().map_err(|_| Failure::usage(format!("{option} takes a number")));
        match option.as_str() {
            "--seeds" => seeds = number()?,
            "--from" => from = Some(number()?),
            "--seed" => one = Some(number()?),
            "--only" if worlds.contains(&value.as_str()) => worlds.retain(|world| world == value),
            "--only" => return Err(Failure::usage("--only takes vrrp or node")),
            other => return Err(Failure::usage(format!("sim addresses does not know '{other}'"))),
        }
    }
    let from = from.unwrap_or_default();
    let asked = one.map_or_else(|| format!("{from}..{}", from.saturating_add(seeds)), |one| one.to_string());
    println!("worlds of {}: seeds {asked}", worlds.join(" and "));
    for world in worlds {
        let mut tests = cargo(&["test", "--release", "--package", world, "--test", "simulation"]);
        tests.args(["no_world_breaks_an_invariant", "--", "--nocapture"]).env("STANDFAST_SEEDS", &asked);
        if traces {
            tests.env("STANDFAST_TRACE", "1");
        }
        cargo::run(tests)?;
    }
    Ok(())
}

/// A flight record through the machines.
pub(crate) fn replay(args: &[String]) -> Result<(), Failure> {
    let [file] = args else {
        return Err(Failure::usage("replay takes one file: cargo xtask replay FILE"));
    };
    // The developer's directory, not ours, is what the path is relative to.
    let file = env::current_dir().or_fail("find the current directory")?.join(file);
    let mut replay = cargo(&["run", "--quiet", "--package", "standfast", "--profile", "fast", "--", "replay"]);
    replay.arg(file);
    cargo::run(replay)
}

/// The tests beside real servers.
pub(crate) fn lab(args: &[String]) -> Result<(), Failure> {
    let filter = match args {
        [] => Filter::Lab(""),
        [name] => Filter::Lab(name),
        _ => return Err(Failure::usage("lab takes one word of the tests' names: cargo xtask lab [FILTER]")),
    };
    steps::run(vec![
        Step::new("packages", install_packages),
        Step::command("build", build_all()),
        Step::tests("lab", run_tests(&[], Some(filter))?),
    ])
}

/// From Debian, and with what came from there, from npm and PyPI.
fn install_packages() -> Result<(), Failure> {
    packages::install(packages::ALL)?;
    locked::install()
}

/// What the tests call and the tests themselves, in one go: what they share is compiled once, with the same features.
fn build_all() -> Command {
    let mut build = cargo(&["build", "--workspace", "--all-targets"]);
    if env::var_os("CI").is_some() {
        // A lock file that is not up to date would make every clone build something else.
        build.arg("--locked");
    }
    build
}

/// Which tests.
#[derive(Clone, Copy, Debug)]
enum Filter<'a> {
    /// Those with this in the name of the test or of its file.
    Name(&'a str),
    /// Those of the lab, with this in their name.
    Lab(&'a str),
}

/// The tests, by nextest if it is there: it runs each in a process of its own and ends those that hang.
fn run_tests(more: &[&str], filter: Option<Filter<'_>>) -> Result<Command, Failure> {
    let mut tests = if cargo::has("nextest") {
        let mut tests = cargo(&["nextest", "run", "--workspace", "--status-level", "slow"]);
        match filter {
            None => {}
            Some(Filter::Name(name)) => {
                tests.arg("-E").arg(format!("test(/{name}/) + binary(/{name}/)"));
            }
            Some(Filter::Lab(name)) => {
                tests.arg("-E").arg(format!("package(lab) & test(/{name}/)"));
            }
        }
        tests
    } else {
        let mut tests = cargo(&["test", "--tests", "--quiet"]);
        match filter {
            None => tests.arg("--workspace"),
            Some(Filter::Name(name)) => tests.args(["--workspace", name]),
            Some(Filter::Lab(name)) => tests.args(["--package", "lab", name]),
        };
        tests
    };
    tests.args(more).env("STANDFAST_BIN", cargo::dev_program()?).env(SIM_COMMIT, commit());
    Ok(tests)
}

/// The commit, from which the simulator derives the seeds that it tries; said, so that a red run can be repeated.
fn commit() -> String {
    if let Ok(given) = env::var(SIM_COMMIT) {
        return given;
    }
    let said = cargo::at_root("git", &["rev-parse", "HEAD"]).output();
    let commit = said.ok().filter(|o| o.status.success()).map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    // Without git (an unpacked archive) the seeds are always the same.
    let commit = commit.unwrap_or_default();
    println!("simulated seeds: {SIM_COMMIT}={commit}");
    commit
}

/// Read by `seeds::first_of_commit`.
const SIM_COMMIT: &str = "STANDFAST_SIM_COMMIT";

fn format_check() -> Command {
    cargo(&["fmt", "--all", "--check"])
}

fn clippy() -> Command {
    cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"])
}

fn documentation() -> Command {
    let mut doc = cargo(&["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    doc
}

fn no_arguments(verb: &str, args: &[String]) -> Result<(), Failure> {
    match args.first() {
        None => Ok(()),
        Some(arg) => Err(Failure::usage(format!("{verb} takes no arguments, not '{arg}'"))),
    }
}
