//! Which packages of npm must be there, and how do they get there? Those that `lab/npm/package-lock.json` names, each by version and
//! checksum, under `target/npm`.

use std::fs;
use std::path::Path;

use crate::cargo;
use crate::failure::{Failure, OrFail};

/// Installs what the lock file names. Does nothing, and asks no network, if that is there.
pub(crate) fn install() -> Result<(), Failure> {
    let (from, to) = (cargo::root().join("lab/npm"), cargo::target_dir()?.join("npm"));
    if is_installed(&from, &to) {
        return Ok(());
    }
    fs::create_dir_all(&to).or_fail(format_args!("make {}", to.display()))?;
    for name in ["package.json", LOCK] {
        fs::copy(from.join(name), to.join(name)).or_fail(format_args!("copy {name} to {}", to.display()))?;
    }
    // No script of a package is run: these are libraries, and whatever needs one is not wanted.
    let quietly = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"];
    let mut npm = cargo::at_root("npm", &quietly);
    npm.current_dir(&to);
    cargo::run_named(npm, "npm ci")?;
    // Last: an installation that was interrupted is begun again.
    fs::copy(from.join(LOCK), to.join(INSTALLED)).or_fail("note what is installed").map(|_| ())
}

fn is_installed(from: &Path, to: &Path) -> bool {
    let there = fs::read(to.join(INSTALLED));
    to.join("node_modules").is_dir()
        && there.is_ok_and(|there| fs::read(from.join(LOCK)).is_ok_and(|lock| lock == there))
}

const LOCK: &str = "package-lock.json";
/// The lock file of the last installation that was completed.
const INSTALLED: &str = "installed.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_lock_file_or_an_interrupted_installation_is_seen() {
        let dir = std::env::temp_dir().join(format!("xtask-npm-{}", std::process::id()));
        let (from, to) = (dir.join("from"), dir.join("to"));
        fs::create_dir_all(&from).unwrap();
        fs::create_dir_all(to.join("node_modules")).unwrap();
        fs::write(from.join(LOCK), "one").unwrap();
        assert!(!is_installed(&from, &to));
        fs::write(to.join(INSTALLED), "one").unwrap();
        assert!(is_installed(&from, &to));
        fs::write(from.join(LOCK), "two").unwrap();
        assert!(!is_installed(&from, &to));
        fs::remove_dir_all(dir).unwrap();
    }
}
