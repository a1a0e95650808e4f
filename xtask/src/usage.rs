//! What does each verb take? One text tells it for all of them, and each verb shows its own lines of it.

/// What `cargo xtask --help` says. A verb's entry begins two columns from the left; what belongs to it stands further right.
pub(crate) const HELP: &str = "\
Every developer command of Standfast.

Usage: cargo xtask VERB [ARGUMENTS]; `cargo xtask VERB --help` tells what a verb takes

  test                        all that must pass: tests, documentation, formatting, lints; what .ci/run calls
  demo [ARGUMENTS]            a real failover on this machine; `demo --help` lists its arguments
  lint                        formatting, clippy, documentation, licences and bans (cargo-deny)
  fix                         what a program can mend: clippy's suggestions, formatting, generated files
  story                       run the story tests and write down what the machines answer now; read the diff
  sim [--seeds N]             simulate N random worlds
  sim --seed S [--trace]      simulate one world, and print its history
  sim --coverage              what simulated worlds have to reach, and how often they do
  sim addresses [--seeds N] [--from S] [--only vrrp|node]
                              simulate N random worlds of routers, and of hosts, that share an address
  sim addresses --only vrrp|node --seed S [--trace]
                              simulate one of them, and print its history
  replay FILE                 run a flight record through the machines
  lab [FILTER]                only the tests beside real servers
  fuzz [TARGET] [--seconds N] fuzz one target or all of them, 60 s each unless told; needs a C++ compiler
  bench proxy [--quick] [--only WAY,WAY] [--load LOAD,LOAD] [--rounds N] [--seconds S] [--rate N] [--seed N] [--workers N]
              [--against RESULT.json]
                              direct, HAProxy, twemproxy and Standfast in one run; the figures are ratios; half an hour, or two minutes
  bench profile [--way WAY] [--load LOAD] [--seconds S]
                              where a proxy's time goes under one load, and its system calls for a request, by perf
  bench failover [--only FAULT,FAULT] [--rounds N] [--crashes N] [--stock-crashes N]
                              stock Sentinel and Standfast in one run, as root: kill, hang, cut, planned, restart, and crashes in a row
  bench address [--only FAULT,FAULT] [--terms tuned,article] [--rounds N]
                              Keepalived with HAProxy and Standfast in one run, as root: host, proxy, hang, planned
  suite sentinel [--of redis|valkey] [--binary PATH] [--only UNIT]
                              the stock Sentinel's acceptance suite, from Debian's source package, against ours
                              or another program; about two minutes
  suite redis [--pool shared|session] [--share-from N] [--unit UNIT]...
                              Redis's own test suite, directly and through a listener; what differs is told. About ten minutes;
                              --share-from 1: clients share from the first one on
  suite keepalived [FILTER]   the tests beside Keepalived with a newer one, built from Debian's source package; as root

test, demo, lab, bench and suite install the Debian packages that they miss (as root; no service is started), test
and lab also some of npm and PyPI, under target/. Servers listen on loopback only, in a temporary directory, and end with the command.";

/// The entries of what was asked for, `bench` or `bench proxy`; none if there is no such verb.
pub(crate) fn of(args: &[String]) -> Option<String> {
    let verb = args.first().map(String::as_str)?;
    let name = args.get(1).map(String::as_str);
    let narrow = name.and_then(|name| entries(&[verb, name]));
    let entries = narrow.or_else(|| entries(&[verb]))?;
    Some(format!("Usage: cargo xtask VERB [ARGUMENTS]\n\n{}", entries.trim_end()))
}

/// The entries that begin with these words.
fn entries(words: &[&str]) -> Option<String> {
    let mut found = String::new();
    let mut is_meant = false;
    for line in HELP.lines() {
        let indented = line.len() - line.trim_start().len();
        if indented <= ENTRY {
            is_meant = indented == ENTRY && line.split_whitespace().take(words.len()).eq(words.iter().copied());
        }
        if is_meant {
            found.push_str(line);
            found.push('\n');
        }
    }
    (!found.is_empty()).then_some(found)
}

/// Whether somebody asks what a verb takes.
pub(crate) fn is_asked_for(args: &[String]) -> bool {
    args.iter().any(|arg| arg == "--help" || arg == "-h")
}

/// Where an entry begins.
const ENTRY: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> Option<String> {
        of(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn a_verb_tells_its_own_entries_and_no_other() {
        let bench = told("bench --help").unwrap();
        for entry in ["bench proxy [--quick]", "bench profile", "bench failover"] {
            assert!(bench.contains(entry), "{bench}");
        }
        let failover = told("bench failover --rounds 2 --help").unwrap();
        assert!(failover.contains("--stock-crashes") && failover.contains("crashes in a row"), "{failover}");
        assert!(!failover.contains("bench proxy") && !failover.contains("suite"), "{failover}");
        assert_eq!(told("sim -h").unwrap().matches("  sim ").count(), 5);
        assert_eq!(told("nosuch --help"), None);
    }

    #[test]
    fn help_is_asked_for_anywhere() {
        let asks = |line: &str| is_asked_for(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert!(asks("bench proxy --quick --help") && asks("-h") && !asks("bench proxy --quick"));
    }
}
