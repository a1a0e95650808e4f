//! Where is the workspace, and how is cargo called in it?

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Failure, OrFail};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    // Set by `cargo run`; the other one is for a binary that was started by hand.
    let xtask = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    xtask.parent().map(Path::to_path_buf).expect("xtask is a directory of the workspace")
}

/// A command that runs at the root of the workspace.
pub(crate) fn at_root(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root());
    command
}

/// A call of cargo at the root of the workspace.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = at_root("cargo", args);
    // `cargo run` tells a program about its own package. Build scripts that look at these names would run anew each time that a verb follows
    // a plain `cargo build`, and with them minutes of compiling.
    let ours = env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
    });
    ours.for_each(|name| {
        command.env_remove(name);
    });
    command
}

/// Runs the command in front of the developer.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    let shown = show(&command);
    run_named(command, &shown)
}

/// The same for a command that one would not type, under a name that tells what it does.
pub(crate) fn run_named(mut command: Command, shown: &str) -> Result<(), Failure> {
    let status = command.status().or_fail(format_args!("start `{shown}`"))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{shown}` failed ({status})"))) }
}

/// The command as one would type it.
pub(crate) fn show(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Whether cargo has this subcommand: `nextest`, `deny`.
pub(crate) fn has(subcommand: &str) -> bool {
    let asked = cargo(&[subcommand, "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// Builds the program with a profile and says where it is.
pub(crate) fn build_program(profile: &str) -> Result<PathBuf, Failure> {
    run(cargo(&["build", "--package", PROGRAM, "--profile", profile]))?;
    Ok(target_dir()?.join(profile).join(PROGRAM))
}

/// Where the dev profile puts the program; the other profiles have directories of their own name.
pub(crate) fn dev_program() -> Result<PathBuf, Failure> {
    Ok(target_dir()?.join("debug").join(PROGRAM))
}

/// Where cargo puts what it builds. Asked, not assumed: the environment and `.cargo/config.toml` can both say.
pub(crate) fn target_dir() -> Result<PathBuf, Failure> {
    let asked = cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]).output();
    let metadata = asked.or_fail("ask cargo for the target directory")?;
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).or_fail("read cargo's metadata")?;
    let dir = metadata["target_directory"].as_str();
    dir.map(PathBuf::from).ok_or_else(|| Failure::new("cargo's metadata names no target directory"))
}

/// The package whose binary is the product.
const PROGRAM: &str = "standfast";
