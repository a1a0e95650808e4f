//! Seeds that every run of the tests tries: a fixed set, every one that ever failed, and what they must reach.

use sim::coverage::Coverage;
use sim::{Keep, run_seed, run_seed_keeping};

/// Seeds of each of the tests below. They run beside each other; more are run by `cargo xtask sim --seeds N`.
const EACH: u64 = 40;

/// The part whose seeds must reach everything that is listed below.
const COVERING: u64 = 100;

fn try_seeds(part: u64) -> Coverage {
    let mut coverage = Coverage::default();
    for seed in part * EACH..(part + 1) * EACH {
        let outcome = run_seed(seed, None);
        assert!(outcome.violation.is_none(), "{}", outcome.explain());
        coverage.add(&outcome.coverage);
    }
    coverage
}

#[test]
fn seeds_hold_part_0() {
    try_seeds(0);
}

#[test]
fn seeds_hold_part_1() {
    try_seeds(1);
}

#[test]
fn seeds_hold_part_2() {
    try_seeds(2);
}

#[test]
fn seeds_hold_part_3() {
    try_seeds(3);
}

#[test]
fn seeds_hold_part_4() {
    try_seeds(4);
}

#[test]
fn seeds_hold_part_5() {
    try_seeds(5);
}

#[test]
fn every_seed_that_ever_failed_holds() {
    for line in include_str!("../seeds.txt").lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty()) {
        let seed = line.split_whitespace().next().and_then(|s| s.parse().ok());
        let seed = seed.unwrap_or_else(|| panic!("seeds.txt: a line begins with a seed, not: {line}"));
        let outcome = run_seed(seed, None);
        assert!(outcome.violation.is_none(), "{line}\n{}", outcome.explain());
    }
}

#[test]
fn the_seeds_reach_what_they_are_for() {
    let coverage = try_seeds(COVERING);
    let reached = |what: &str| assert!(coverage.count(what) > 0, "no seed reached: {what}\n{coverage}");
    reached("promotion: after a failure");
    reached("promotion: planned");
    reached("switchover: done");
    reached("switchover: refused or undone");
    reached("-failover-abort-no-good-slave");
    reached("-failover-abort-not-elected");
    reached("+convert-to-slave");
    reached("node: restarted");
    reached("redis: partial resynchronisation");
    reached("redis: full resynchronisation");
    reached("client: closed, unknown-fate");
}

#[test]
fn the_same_seed_does_the_same() {
    for seed in [3, 4] {
        let first = run_seed_keeping(seed, None, Keep::Everything);
        let second = run_seed_keeping(seed, None, Keep::Everything);
        assert!(first.history == second.history, "seed {seed} took two courses");
        assert!(first.history.lines().count() > 1_000, "a history was kept");
        let fast = run_seed_keeping(seed, None, Keep::Nothing);
        assert_eq!(fast.coverage, first.coverage, "seed {seed}: writing the history changed what happened");
    }
}
