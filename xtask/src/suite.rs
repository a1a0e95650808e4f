//! Does a Sentinel pass the acceptance suite of the stock one? The suite comes from Debian's source package at the moment it is
//! needed, stays below the target directory, and meets the program under test under the stock program's name.
//!
//! ```text
//!   target/suite/redis/
//!     source/          the unpacked source package
//!     run/tests/       its tests, a copy for each run; what the Sentinels and servers logged: tests/sentinel/tmp
//!     run/src/         redis-sentinel -> the program under test, redis-server -> the real one
//! ```
//!
//! The others are that of Redis itself, asked through a listener (`redis`), and our own tests beside a newer Keepalived (`keepalived`).
//!
//! The suite of Sentinel starts five Sentinels and five servers on ports of its own choice. As root it runs with a network and processes of its
//! own: no other server of the machine is in its way, and nothing that it started outlives it.

mod debian;
mod keepalived;
mod progress;
mod redis;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{self, Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cargo;
use crate::failure::{Failure, OrFail};
use crate::packages::{self, DPKG_DEV, PROCPS, REDIS, REDIS_TOOLS, TCLSH};
use debian::Debian;
use progress::Progress;

/// Runs the suite that the arguments name.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    match args.split_first() {
        Some((name, rest)) if name == "sentinel" => sentinel(&Asked::from(rest)?),
        Some((name, rest)) if name == "redis" => redis::run(rest),
        Some((name, rest)) if name == "keepalived" => keepalived::run(rest),
        Some((name, _)) => Err(Failure::usage(format!("there is no suite '{name}'; there are: {SUITES}"))),
        None => Err(Failure::usage(format!("which suite? There are: {SUITES}"))),
    }
}

fn sentinel(asked: &Asked) -> Result<(), Failure> {
    packages::install(&[REDIS, REDIS_TOOLS, TCLSH, DPKG_DEV, PROCPS])?;
    let dir = cargo::target_dir()?.join("suite").join(asked.of.name());
    let debian = Debian::new(dir.clone(), asked.of.beside())?;
    let source = debian.source(asked.of.name())?;
    let servers = match asked.of {
        // The machine's own are of the version that this release's source package is of.
        Of::Redis => ["server", "cli", "benchmark"].map(|role| PathBuf::from(format!("/usr/bin/redis-{role}"))),
        Of::Valkey => debian.programs(["valkey-server", "valkey-tools"])?,
    };
    let program = match &asked.binary {
        // Links are not followed: stock programs look at the name that they are called by.
        Some(path) if path.exists() => path::absolute(path).or_fail(format_args!("find {}", path.display()))?,
        Some(path) => return Err(Failure::usage(format!("there is no {}", path.display()))),
        None => cargo::build_program("fast")?,
    };
    let run = dir.join("run");
    prepare(&run, &source, asked.of, &program, &servers)?;
    let was_there = Path::new(LITTER).exists();
    let mut progress = Progress::default();
    let mut suite = command(&run, asked.only.as_deref());
    println!("the suite of {}, with {} as its Sentinel", asked.of.name(), program.display());
    let mut child = suite.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().or_fail("start the suite")?;
    progress.follow(child.stdout.take().expect("it was asked for"));
    let status = child.wait().or_fail("wait for the suite")?;
    if !was_there {
        let _ = fs::remove_file(LITTER);
    }
    println!("\n=== {} of {}\n{}", program.display(), asked.of.name(), progress.summary());
    let logs = run.join("tests/sentinel/tmp");
    if progress.units() == 0 {
        return Err(Failure::new(format!("no unit was run ({status})")));
    }
    if !status.success() || progress.failed() > 0 {
        return Err(Failure::new(format!("the suite failed ({status}); the logs are in {}", logs.display())));
    }
    Ok(())
}

/// A directory as the suite expects it: its own tests, and the programs under the names that it calls.
fn prepare(run: &Path, source: &Path, of: Of, program: &Path, servers: &[PathBuf; 3]) -> Result<(), Failure> {
    let _ = fs::remove_dir_all(run);
    let bin = run.join("src");
    fs::create_dir_all(&bin).or_fail(format_args!("create {}", bin.display()))?;
    let mut copy = Command::new("cp");
    copy.arg("-r").arg(source.join("tests")).arg(run.join("tests"));
    cargo::run(copy)?;
    fs::create_dir_all(run.join("tests/sentinel/tmp")).or_fail("create the suite's own scratch directory")?;
    let [server, cli, benchmark] = servers;
    for (role, target) in [("sentinel", program), ("server", server.as_path()), ("cli", cli), ("benchmark", benchmark)]
    {
        let link = bin.join(format!("{}-{role}", of.name()));
        symlink(target, &link).or_fail(format_args!("link {}", link.display()))?;
    }
    Ok(())
}

/// A directory for the suite of Redis itself: what it reads, and the programs that it calls.
fn prepare_tests(run: &Path, read: &[PathBuf], programs: &Path) -> Result<(), Failure> {
    let _ = fs::remove_dir_all(run);
    let bin = run.join("src");
    fs::create_dir_all(&bin).or_fail(format_args!("create {}", bin.display()))?;
    let mut copy = Command::new("cp");
    copy.arg("-r").args(read).arg(run);
    cargo::run(copy)?;
    for name in ["redis-server", "redis-cli", "redis-benchmark"] {
        symlink(programs.join(name), bin.join(name)).or_fail(format_args!("link {name}"))?;
    }
    Ok(())
}

/// The call of the suite's runner.
fn command(run: &Path, only: Option<&str>) -> Command {
    let mut command = if packages::is_root() {
        let mut command = Command::new("setpriv");
        // Ended by a signal, this program takes the first process of the namespace with it, and that one all others.
        command.args(["--pdeathsig", "KILL", "unshare", "--net", "--pid", "--mount-proc", "--kill-child"]);
        command.args(["sh", "-c", "ip link set lo up && exec \"$@\"", "sh", "tclsh"]);
        command
    } else {
        Command::new("tclsh")
    };
    command.args(["tests/sentinel/run.tcl", "--dont-clean"]).current_dir(run);
    if let Some(unit) = only {
        command.args(["--single", unit]);
    }
    command
}

/// Whose suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Redis,
    /// With servers of its own: Debian's packages, unpacked and not installed.
    Valkey,
}

impl Of {
    /// The source package, and what the names of its programs begin with.
    const fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Valkey => "valkey",
        }
    }

    /// The first release that has the source package, if it is not in all.
    const fn beside(self) -> Option<&'static str> {
        match self {
            Self::Redis => None,
            Self::Valkey => Some("trixie"),
        }
    }
}

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    of: Of,
    /// The program under test; ours unless told.
    binary: Option<PathBuf>,
    /// A part of a unit's name.
    only: Option<String>,
}

impl Asked {
    fn from(args: &[String]) -> Result<Self, Failure> {
        let mut asked = Self { of: Of::Redis, binary: None, only: None };
        let mut args = args.iter();
        while let Some(option) = args.next() {
            let mut value = || args.next().ok_or_else(|| Failure::usage(format!("{option} takes a value")));
            match option.as_str() {
                "--binary" => asked.binary = Some(value()?.into()),
                "--only" => asked.only = Some(value()?.clone()),
                "--of" => {
                    asked.of = match value()?.as_str() {
                        "redis" => Of::Redis,
                        "valkey" => Of::Valkey,
                        other => return Err(Failure::usage(format!("--of takes redis or valkey, not '{other}'"))),
                    }
                }
                other => return Err(Failure::usage(format!("suite sentinel does not know '{other}'"))),
            }
        }
        Ok(asked)
    }
}

const SUITES: &str = "sentinel, redis, keepalived";

/// A check of the suite moves a server to this directory while its log is named by a relative path.
const LITTER: &str = "/log.txt";

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Asked, Failure> {
        Asked::from(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn ours_is_judged_by_the_whole_suite_of_redis_unless_told() {
        assert_eq!(asked("").unwrap(), Asked { of: Of::Redis, binary: None, only: None });
        let told = asked("--of valkey --binary /usr/bin/valkey-sentinel --only 09-acl").unwrap();
        let expected =
            Asked { of: Of::Valkey, binary: Some("/usr/bin/valkey-sentinel".into()), only: Some("09-acl".to_owned()) };
        assert_eq!(told, expected);
    }

    #[test]
    fn what_is_not_understood_is_a_usage_error() {
        for line in ["--of memcached", "--binary", "--single 03", "03"] {
            assert_eq!(asked(line).unwrap_err().exit_code(), 2, "{line}");
        }
        assert_eq!(run(&["cluster".to_owned()]).unwrap_err().exit_code(), 2);
        assert_eq!(run(&[]).unwrap_err().exit_code(), 2);
    }
}
