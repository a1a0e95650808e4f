//! How does a source package get here, and the programs of a release that is not installed? By apt, from the mirror that this machine
//! is set up with, with lists and cache of our own: nothing of the machine's is changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo;
use crate::failure::{Failure, OrFail};

/// Debian, as seen from a directory of ours.
pub(super) struct Debian {
    dir: PathBuf,
    /// A release whose sources, and only these, count beside those of this machine's own.
    beside: Option<&'static str>,
}

impl Debian {
    /// Prepares a directory for apt; the network is asked for what is missing there only.
    pub(super) fn new(dir: PathBuf, beside: Option<&'static str>) -> Result<Self, Failure> {
        for below in ["apt/lists/partial", "apt/cache/archives/partial"] {
            fs::create_dir_all(dir.join(below)).or_fail(format_args!("create {}", dir.join(below).display()))?;
        }
        Ok(Self { dir, beside })
    }

    /// The unpacked source package.
    pub(super) fn source(&self, package: &str) -> Result<PathBuf, Failure> {
        let source = self.dir.join("source");
        if source.is_dir() {
            return Ok(source);
        }
        self.update()?;
        // apt looks for the source of the package that this release would install, unless it is told that only sources count.
        let newest = self.beside.map(|_| "--only-source");
        let verb: Vec<&str> = ["source", "--download-only"].into_iter().chain(newest).collect();
        self.fetch(&verb, package)?;
        let file = self.fetched(package, "dsc")?;
        // Unpacked beside, then renamed: what is there is whole.
        let unpacked = self.dir.join("unpacking");
        let _ = fs::remove_dir_all(&unpacked);
        let mut unpack = Command::new("dpkg-source");
        // apt has compared the files with the signed lists.
        unpack.args(["--no-check", "-x"]).arg(file).arg(&unpacked).current_dir(&self.dir);
        cargo::run(unpack)?;
        fs::rename(&unpacked, &source).or_fail(format_args!("keep {}", source.display()))?;
        Ok(source)
    }

    /// The server, the command line and the load generator of these packages, as this release or its backports have them.
    pub(super) fn programs(&self, packages: [&str; 2]) -> Result<[PathBuf; 3], Failure> {
        let root = self.dir.join("programs");
        if !root.is_dir() {
            let unpacked = self.dir.join("unpacking");
            let _ = fs::remove_dir_all(&unpacked);
            for package in packages {
                self.fetch(&["download"], package)?;
                let mut unpack = Command::new("dpkg-deb");
                unpack.arg("-x").arg(self.fetched(package, "deb")?).arg(&unpacked);
                cargo::run(unpack)?;
            }
            fs::rename(&unpacked, &root).or_fail(format_args!("keep {}", root.display()))?;
        }
        let name = packages[0].strip_suffix("-server").unwrap_or(packages[0]);
        Ok(["server", "cli", "benchmark"].map(|role| root.join(format!("usr/bin/{name}-{role}"))))
    }

    fn update(&self) -> Result<(), Failure> {
        let mut sources = sources(&index_targets()?, &codename()?, self.beside);
        if sources.is_empty() {
            return Err(Failure::new("apt has no list of Debian's packages here: `apt-get update` makes one"));
        }
        sources.push('\n');
        fs::write(self.dir.join("apt/sources.list"), sources).or_fail("write a list of sources")?;
        cargo::run_named(self.apt(&["-q", "update"]), "apt-get update (with lists of our own)")
    }

    fn fetch(&self, verb: &[&str], package: &str) -> Result<(), Failure> {
        let mut fetch = self.apt(&["-q"]);
        fetch.args(verb).arg(package);
        cargo::run_named(fetch, &format!("apt-get {} {package}", verb.join(" ")))
    }

    /// apt-get with everything that it writes in our directory.
    fn apt(&self, arguments: &[&str]) -> Command {
        let mut apt = Command::new("apt-get");
        let own = [
            ("Dir::Etc::SourceList", "apt/sources.list"),
            ("Dir::Etc::SourceParts", "apt/none"),
            ("Dir::State::Lists", "apt/lists"),
            ("Dir::Cache", "apt/cache"),
        ];
        for (option, path) in own {
            apt.arg("-o").arg(format!("{option}={}", self.dir.join(path).display()));
        }
        // Else root's apt fetches as a user who may not write here.
        apt.args(["-o", "APT::Sandbox::User=root"]).args(arguments).current_dir(&self.dir);
        apt
    }

    /// The one file of this kind.
    fn fetched(&self, prefix: &str, extension: &str) -> Result<PathBuf, Failure> {
        let entries = fs::read_dir(&self.dir).or_fail(format_args!("list {}", self.dir.display()))?;
        let mut files = entries.flatten().map(|entry| entry.path()).filter(|path| is_named(path, prefix, extension));
        files.next().ok_or_else(|| Failure::new(format!("apt left no {prefix}*.{extension} in {}", self.dir.display())))
    }
}

fn is_named(path: &Path, prefix: &str, extension: &str) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.starts_with(prefix) && path.extension().is_some_and(|found| found == extension)
}

/// The lists that this machine's apt knows: address, release, who made it.
fn index_targets() -> Result<String, Failure> {
    let mut ask = Command::new("apt-get");
    ask.args(["indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)", "Created-By: Packages"]);
    let output = ask.output().or_fail("ask apt for its sources")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `bookworm`, `trixie`.
fn codename() -> Result<String, Failure> {
    let os = fs::read_to_string("/etc/os-release").or_fail("read /etc/os-release")?;
    let name = os.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.map(str::to_owned).ok_or_else(|| Failure::new("/etc/os-release names no release of Debian"))
}

/// Debian's own lists again, with the sources; the programs of the backports, where what came after the release is; and the
/// sources of another release.
fn sources(targets: &str, codename: &str, beside: Option<&str>) -> String {
    let mut lines = Vec::new();
    for target in targets.lines() {
        let [uri, release, "main", "Debian"] = target.split_whitespace().collect::<Vec<_>>()[..] else {
            continue;
        };
        let backports = format!("{codename}-backports");
        let mut wanted = vec![("deb", release), ("deb-src", release)];
        if release == codename {
            // Without their sources: the mirrors keep no old ones, and lists may still name them.
            wanted.push(("deb", &backports));
            wanted.extend(beside.map(|beside| ("deb-src", beside)));
        }
        for (kind, release) in wanted {
            let line = format!("{kind} [signed-by={KEYRING}] {uri} {release} main");
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines.join("\n")
}

/// The keys of Debian's archive, where its own package puts them.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_backports_come_from_where_packages_come_from() {
        let targets = "http://mirror/debian/ bookworm main Debian\n\
                       http://mirror/debian/ bookworm non-free Debian\n\
                       http://mirror/debian-security/ bookworm-security main Debian\n\
                       http://elsewhere/ stable main Elsewhere\n\
                       http://unknown/ stable main\n";
        let lines = sources(targets, "bookworm", Some("trixie"));
        let deb = |kind: &str, rest: &str| format!("{kind} [signed-by={KEYRING}] http://mirror/{rest} main");
        let expected = [
            deb("deb", "debian/ bookworm"),
            deb("deb-src", "debian/ bookworm"),
            deb("deb", "debian/ bookworm-backports"),
            deb("deb-src", "debian/ trixie"),
            deb("deb", "debian-security/ bookworm-security"),
            deb("deb-src", "debian-security/ bookworm-security"),
        ];
        assert_eq!(lines.lines().collect::<Vec<_>>(), expected);
        assert_eq!(sources("", "bookworm", None), "");
    }

    #[test]
    fn a_package_is_found_by_its_name_and_kind() {
        let path = Path::new("/x/valkey-server_8.0.1_amd64.deb");
        assert!(is_named(path, "valkey-server", "deb") && is_named(path, "", "deb"));
        assert!(!is_named(path, "valkey-tools", "deb") && !is_named(path, "", "dsc"));
    }
}
