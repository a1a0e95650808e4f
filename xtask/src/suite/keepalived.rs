//! Do we share an address with the Keepalived of tomorrow? The tests beside Keepalived run once more, with a newer release than this
//! machine's Debian has: built here from Debian's source package, since the program of a newer Debian wants a newer C library.
//!
//! They include those that the older one cannot be asked, which plain runs leave out: `v3_checksum_as_v2` is newer.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::debian::Debian;
use crate::cargo::{self, cargo};
use crate::failure::{Failure, OrFail};
use crate::packages::{self, CC, DPKG_DEV, IPROUTE, KEEPALIVED, MAKE, NFTABLES, OPENSSL_HEADERS, TCPDUMP, TSHARK};
use crate::steps::stopwatch;

/// Builds it if it is not there, and runs the tests; with an argument those whose names contain it.
pub(super) fn run(args: &[String]) -> Result<(), Failure> {
    let filter = match args {
        [] => None,
        [name] if !name.starts_with('-') => Some(name),
        _ => return Err(Failure::usage("suite keepalived takes one word of the tests' names")),
    };
    packages::install(&[CC, MAKE, OPENSSL_HEADERS, DPKG_DEV, IPROUTE, NFTABLES, TCPDUMP, TSHARK, KEEPALIVED])?;
    let dir = cargo::target_dir()?.join("suite/keepalived");
    let source = Debian::new(dir.clone(), Some(RELEASE))?.source("keepalived")?;
    let program = source.join("bin/keepalived");
    if !program.is_file() {
        let took = stopwatch();
        build(&source, &dir)?;
        println!("built in {} s", took().as_secs());
    }
    let mut version = Command::new(&program);
    version.arg("--version").stdin(Stdio::null());
    let version = version.output().or_fail("start the Keepalived that was built")?;
    // It says so on its error output.
    let told = String::from_utf8_lossy(&version.stderr).lines().next().unwrap_or_default().to_owned();
    println!("the tests beside Keepalived, with {told}");
    let mut test = cargo(&["test", "--package", "lab", "--test", "beside_keepalived", "--", "--test-threads", "4"]);
    test.arg("--include-ignored").args(filter).env("STANDFAST_KEEPALIVED", program);
    cargo::run(test)
}

/// Only what speaks VRRP: the rest needs more libraries, and minutes.
fn build(source: &Path, dir: &Path) -> Result<(), Failure> {
    let log = dir.join("build.log");
    let output = fs::File::create(&log).or_fail(format_args!("write {}", log.display()))?;
    let mut build = Command::new("sh");
    build.args(["-c", BUILD]).current_dir(source).stdin(Stdio::null());
    build.stdout(output.try_clone().or_fail("write the log twice")?).stderr(output);
    println!("building Keepalived; what is said is in {}", log.display());
    cargo::run_named(build, "./configure && make")
}

/// The first release of Debian whose Keepalived knows the option.
const RELEASE: &str = "trixie";

/// Optimising it would take longer than the tests do.
const BUILD: &str = "set -eu
./configure --disable-lvs --disable-systemd --disable-nftables --disable-iptables --disable-libnl-dynamic
make -j\"$(nproc)\" CFLAGS=-O0
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_a_usage_error() {
        for line in [vec!["--all"], vec!["version_3", "version_2"]] {
            let line: Vec<String> = line.into_iter().map(str::to_owned).collect();
            assert_eq!(run(&line).unwrap_err().exit_code(), 2, "{line:?}");
        }
    }
}
