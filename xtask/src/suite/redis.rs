//! Do clients of a listener get what clients of Redis get? Redis's own test suite, from Debian's source package, asks a server
//! twice: directly, and through a listener. What differs is the result.
//!
//! Each unit meets a server of its own, in a network and with processes of its own: it cannot disturb the next one, and nothing
//! outlives it. Of the units, those are played that can be played at a server that somebody else started (the suite knows it by
//! tags of its own, `external:skip` and `needs:`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::debian::Debian;
use super::prepare_tests;
use crate::cargo::{self, cargo};
use crate::failure::{Failure, OrFail};
use crate::packages::{self, DPKG_DEV, PROCPS, REDIS_SERVER, REDIS_TOOLS, TCLSH};
use crate::steps::{stopwatch, without_colours};

/// Runs it.
pub(super) fn run(args: &[String]) -> Result<(), Failure> {
    let asked = Asked::from(args)?;
    packages::install(&[REDIS_SERVER, REDIS_TOOLS, TCLSH, DPKG_DEV, PROCPS])?;
    let dir = cargo::target_dir()?.join("suite").join("redis");
    let source = Debian::new(dir.clone(), None)?.source("redis")?;
    cargo::run(cargo(&["build", "--package", "proxy", "--example", "forward", "--profile", "fast"]))?;
    let forward = cargo::target_dir()?.join("fast/examples/forward");
    let bed = Bed { dir: dir.join("data"), forward, pool: asked.pool.clone(), share_from: asked.share_from };
    let tests = [REDIS_CONF, "tests"].map(|name| source.join(name));
    prepare_tests(&bed.dir, &tests, Path::new("/usr/bin"))?;
    let units = if asked.units.is_empty() { units(&source)? } else { asked.units };
    println!(
        "the suite of Redis, directly and through a listener with pool = \"{}\", share-from = {}\n",
        bed.pool, bed.share_from
    );
    println!("{:<28} {:>26}   {:>26}", "unit", "directly", "through the listener");
    let (mut sums, mut differences) = ([Tally::default(); 2], Vec::new());
    for unit in &units {
        let ways = [Way::Directly, Way::Through].map(|way| bed.play(unit, way));
        let [directly, through] = ways;
        let (directly, through) = (directly?, through?);
        if directly.is_empty() && through.is_empty() {
            continue;
        }
        let found = through.differs_from(&directly);
        let verdict = if found.is_empty() { "same" } else { "DIFFERS" };
        println!("{unit:<28} {}   {}   {verdict}", directly.told(), through.told());
        for (sum, outcome) in sums.iter_mut().zip([&directly, &through]) {
            sum.add(outcome);
        }
        differences.extend(found.into_iter().map(|difference| format!("{unit}: {difference}")));
    }
    let [directly, through] = sums;
    println!("\ndirectly: {directly:?}\nthrough:  {through:?}");
    if directly.passed == 0 {
        return Err(Failure::new(format!("no test passed; what was said is in {}", bed.dir.display())));
    }
    if differences.is_empty() {
        println!("no test tells them apart");
        return Ok(());
    }
    println!("\n{}", differences.join("\n"));
    Err(Failure::new(format!("{} differences; what was said is in {}", differences.len(), bed.dir.display())))
}

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    /// None: all.
    units: Vec<String>,
    pool: String,
    /// How many clients share. 1: all, always, so that what they share is tested by these few.
    share_from: u32,
}

impl Asked {
    fn from(args: &[String]) -> Result<Self, Failure> {
        let mut asked = Self { units: Vec::new(), pool: "shared".to_owned(), share_from: SHARE_FROM };
        let mut args = args.iter();
        while let Some(option) = args.next() {
            let mut value = || args.next().ok_or_else(|| Failure::usage(format!("{option} takes a value")));
            match option.as_str() {
                "--unit" => asked.units.push(value()?.clone()),
                "--pool" => {
                    asked.pool = match value()?.as_str() {
                        pool @ ("session" | "shared") => pool.to_owned(),
                        other => return Err(Failure::usage(format!("--pool takes session or shared, not '{other}'"))),
                    }
                }
                "--share-from" => {
                    let from = value()?;
                    let number = from.parse().ok().filter(|from| *from > 0);
                    let wrong = || Failure::usage(format!("--share-from takes a number above 0, not '{from}'"));
                    asked.share_from = number.ok_or_else(wrong)?;
                }
                other => return Err(Failure::usage(format!("suite redis does not know '{other}'"))),
            }
        }
        Ok(asked)
    }
}

/// The units that the suite's own runner lists, but for those that only test what a server is on its own host.
fn units(source: &Path) -> Result<Vec<String>, Failure> {
    let runner = source.join("tests/test_helper.tcl");
    let text = fs::read_to_string(&runner).or_fail(format_args!("read {}", runner.display()))?;
    let list = text.split_once("set ::all_tests {").and_then(|(_, rest)| rest.split_once('}')).map(|(list, _)| list);
    let list = list.ok_or_else(|| Failure::new(format!("{} lists no units", runner.display())))?;
    Ok(list.split_whitespace().filter(|unit| *unit != "unit/printver").map(str::to_owned).collect())
}

/// Where units are played.
struct Bed {
    dir: PathBuf,
    forward: PathBuf,
    pool: String,
    share_from: u32,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Directly,
    Through,
}

impl Bed {
    fn play(&self, unit: &str, way: Way) -> Result<Outcome, Failure> {
        let port = match way {
            Way::Directly => SERVER,
            Way::Through => LISTENER,
        };
        let mut command = Command::new("setpriv");
        // Ended by a signal, this program takes the first process of the namespace with it, and that one all others.
        command.args(["--pdeathsig", "KILL", "unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]);
        if !packages::is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["sh", "-c", SCRIPT, "sh"]).arg(&self.forward).args([SERVER, LISTENER, &self.pool, port, unit]);
        command.arg(self.share_from.to_string());
        command.current_dir(&self.dir).stdin(Stdio::null());
        let watch = stopwatch();
        let output = command.output().or_fail(format_args!("play {unit}"))?;
        let said = without_colours(&String::from_utf8_lossy(&output.stdout));
        let name = format!("{}-{way:?}.txt", unit.replace('/', "-"));
        fs::write(self.dir.join(&name), &output.stdout).or_fail(format_args!("write {name}"))?;
        Ok(Outcome::read(&said, watch().as_secs()))
    }
}

/// What became of the tests of a unit, by their names; some names stand for several tests.
#[derive(Debug, Default)]
struct Outcome {
    tests: BTreeMap<String, Tally>,
    /// The suite's words for what ended the unit before its end.
    broken: Vec<String>,
    seconds: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
}

impl Outcome {
    fn read(said: &str, seconds: u64) -> Self {
        let mut outcome = Self { seconds, ..Self::default() };
        for line in said.lines() {
            if let Some(test) = line.strip_prefix("[ok]: ") {
                let name = test.rsplit_once(" (").map_or(test, |(name, _)| name);
                outcome.tests.entry(name.to_owned()).or_default().passed += 1;
            } else if let Some(test) = line.strip_prefix("[err]: ") {
                let name = test.rsplit_once(" in tests/").map_or(test, |(name, _)| name);
                outcome.tests.entry(name.to_owned()).or_default().failed += 1;
            } else if line.starts_with("[exception]") || line.starts_with("[TIMEOUT]") || line == ENDED {
                outcome.broken.push(line.to_owned());
            }
        }
        outcome
    }

    fn is_empty(&self) -> bool {
        self.tests.is_empty() && self.broken.is_empty()
    }

    fn sum(&self) -> Tally {
        let mut sum = Tally::default();
        sum.add(self);
        sum
    }

    fn told(&self) -> String {
        let Tally { passed, failed } = self.sum();
        let broken = if self.broken.is_empty() { ' ' } else { '!' };
        format!("{passed:>4} ok {failed:>3} failed{broken} {:>4} s", self.seconds)
    }

    /// What became of tests here and there, where it is not the same.
    fn differs_from(&self, other: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.tests.keys().chain(other.tests.keys()).collect();
        let of = |outcome: &Self, name: &str| outcome.tests.get(name).copied().unwrap_or_default();
        let mut found = Vec::new();
        for name in names {
            let (here, there) = (of(self, name), of(other, name));
            if here != there {
                found.push(format!("{name}: directly {there:?}, through {here:?}"));
            }
        }
        if self.broken != other.broken {
            found.push(format!("ended: directly {:?}, through {:?}", other.broken, self.broken));
        }
        found
    }
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        self.passed += outcome.tests.values().map(|tally| tally.passed).sum::<usize>();
        self.failed += outcome.tests.values().map(|tally| tally.failed).sum::<usize>();
    }
}

/// `$1` the listener's program, `$2` the server's port, `$3` the listener's, `$4` its pool, `$5` the port to test, `$6` the unit, `$7` from how many
/// clients on they share.
/// Four gigabytes of address space are many times what a unit needs; the longest unit takes a minute.
const SCRIPT: &str = r#"
ulimit -v 8388608
ip link set lo up
redis-server --port "$2" --save "" --enable-debug-command yes --enable-protected-configs yes --logfile redis.log >/dev/null 2>&1 &
"$1" "127.0.0.1:$3" "127.0.0.1:$2" 1 "$4" "$7" >forward.log 2>&1 &
tries=0
until redis-cli -p "$3" ping 2>/dev/null | grep -q PONG; do
    tries=$((tries + 1)); [ $tries -lt 200 ] || exit 1
    sleep 0.05
done
timeout -k 5 300 tclsh tests/test_helper.tcl --host 127.0.0.1 --port "$5" --durable --timeout 120 --single "$6" 2>&1
[ $? -lt 124 ] || echo "ended: it took longer than 300 s"
"#;
const ENDED: &str = "ended: it took longer than 300 s";
/// As the program has it unless it is told otherwise (`share-from`).
const SHARE_FROM: u32 = 5;
const REDIS_CONF: &str = "redis.conf";
const SERVER: &str = "21379";
const LISTENER: &str = "21380";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_became_different_is_told() {
        let said = "[ok]: SET and GET (3 ms)\n[ok]: twice (1) (0 ms)\n[ok]: twice (1) (1 ms)\n[err]: fails in tests/unit/x.tcl\n";
        let directly = Outcome::read(said, 1);
        assert_eq!(directly.sum(), Tally { passed: 3, failed: 1 });
        assert!(Outcome::read(said, 9).differs_from(&directly).is_empty());
        let said = "[ok]: SET and GET (3 ms)\n[ok]: twice (1) (0 ms)\n[err]: twice (1) in tests/unit/x.tcl\n[TIMEOUT]: clients\n";
        let found = Outcome::read(said, 1).differs_from(&directly);
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found[0].starts_with("fails: directly Tally { passed: 0, failed: 1 }, through Tally { passed: 0,"));
    }

    #[test]
    fn the_pool_and_units_are_the_callers_to_say() {
        let asked = |line: &str| Asked::from(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(asked("").unwrap(), Asked { units: Vec::new(), pool: "shared".to_owned(), share_from: 5 });
        let told = asked("--pool session --share-from 1 --unit unit/multi --unit unit/auth").unwrap();
        assert_eq!((told.pool.as_str(), told.share_from, told.units.len()), ("session", 1, 2));
        for line in ["--pool other", "--share-from 0", "--unit", "unit/multi"] {
            assert_eq!(asked(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }
}
