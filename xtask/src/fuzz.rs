//! Does some sequence of bytes break a codec or a session? libFuzzer over the targets of `fuzz/`, with the toolchain that is there.
//!
//! cargo-fuzz is not needed: what it adds is the sanitizers of a nightly toolchain, and they look for misused memory, which
//! the codecs cannot misuse (`forbid(unsafe_code)`). Coverage, which libFuzzer steers by, is stable.
//!
//! What it finds on its way goes to `results/fuzz/TARGET`, which git ignores. A file that broke something belongs into
//! `fuzz/corpus/TARGET`, in the commit that mends it: the tests replay that directory for ever.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cargo::{self, cargo};
use crate::failure::{Failure, OrFail};

/// Fuzzes one target or all of them.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let Asked { only, seconds } = Asked::from(args)?;
    let fuzz = cargo::root().join("fuzz");
    let all = targets(&fuzz.join("fuzz_targets"))?;
    let targets: Vec<&String> = all.iter().filter(|name| only.as_ref().is_none_or(|only| only == *name)).collect();
    if targets.is_empty() {
        return Err(Failure::usage(format!("there is no such fuzz target; there are: {}", all.join(", "))));
    }
    build()?;
    let binaries = cargo::target_dir()?.join("fuzz").join(TRIPLE).join("release");
    for target in targets {
        let found = cargo::root().join("results/fuzz").join(target);
        fs::create_dir_all(&found).or_fail(format_args!("create {}", found.display()))?;
        println!("\n=== {target}, {seconds} s");
        let mut command = Command::new(binaries.join(target));
        // New inputs are written to the first directory; the committed ones are only read.
        command.arg(&found).arg(fuzz.join("corpus").join(target));
        command.arg(format!("-max_total_time={seconds}")).arg("-print_final_stats=1");
        command.arg(format!("-artifact_prefix={}/", found.display()));
        cargo::run_named(command, &format!("fuzzing {target}"))
            .map_err(|failed| Failure::new(format!("{failed}; the input is in {}", found.display())))?;
    }
    Ok(())
}

fn build() -> Result<(), Failure> {
    let target_dir = cargo::target_dir()?.join("fuzz");
    // A target triple, even the host's own, keeps the flags away from build scripts.
    let mut build = cargo(&["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", TRIPLE]);
    build.arg("--target-dir").arg(target_dir).env("RUSTFLAGS", COVERAGE.join(" "));
    cargo::run(build)
}

/// The targets: each is one file.
fn targets(dir: &Path) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).or_fail(format_args!("list {}", dir.display()))? {
        let path = entry.or_fail(format_args!("list {}", dir.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    only: Option<String>,
    seconds: u32,
}

impl Asked {
    fn from(args: &[String]) -> Result<Self, Failure> {
        let mut asked = Self { only: None, seconds: 60 };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--seconds" => {
                    let number = args.next().and_then(|n| n.parse().ok());
                    asked.seconds = number.ok_or_else(|| Failure::usage("--seconds takes a whole number"))?;
                }
                target if !target.starts_with('-') && asked.only.is_none() => asked.only = Some(target.to_owned()),
                other => return Err(Failure::usage(format!("fuzz does not know '{other}'"))),
            }
        }
        Ok(asked)
    }
}

/// The only platform that Standfast is for.
const TRIPLE: &str =
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" };

/// Makes the code tell libFuzzer which edges it took and which numbers it compared.
const COVERAGE: &[&str] = &[
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Asked, Failure> {
        Asked::from(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_target_and_a_time_in_either_order() {
        let one = Asked { only: Some("resp_scan".to_owned()), seconds: 5 };
        assert_eq!(asked("resp_scan --seconds 5").unwrap(), one);
        assert_eq!(asked("--seconds 5 resp_scan").unwrap(), one);
        assert_eq!(asked("").unwrap(), Asked { only: None, seconds: 60 });
    }

    #[test]
    fn what_is_not_understood_is_a_usage_error() {
        for line in ["--seconds", "--seconds soon", "--second 5", "one two"] {
            assert_eq!(asked(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
