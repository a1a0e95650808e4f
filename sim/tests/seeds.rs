//! Seeds that every run of the tests tries: some that the commit chooses, some that are always the same and must reach what is
//! listed, and every one that ever failed.

use seeds::{COMMIT, first_of_commit};
use sim::coverage::{COVERED_BY, Coverage};
use sim::{Keep, run_seed, run_seed_keeping};

/// Seeds of each of the tests below. They run beside each other; more are run by `cargo xtask sim --seeds N`.
const EACH: u64 = 50;

fn try_seeds(seeds: impl Iterator<Item = u64>) -> Coverage {
    let mut coverage = Coverage::default();
    for seed in seeds {
        let outcome = run_seed(seed, None);
        assert!(outcome.violation.is_none(), "{}", outcome.explain());
        coverage.add(&outcome.coverage);
    }
    coverage
}

/// Seeds that the commit chooses: each commit tries others.
fn try_part(part: u64) {
    let first = first_of_commit() + part * EACH;
    println!("seeds {first} to {} ({COMMIT}={})", first + EACH - 1, std::env::var(COMMIT).unwrap_or_default());
    try_seeds(first..first + EACH);
}

#[test]
fn seeds_of_the_commit_hold_part_0() {
    try_part(0);
}

#[test]
fn seeds_of_the_commit_hold_part_1() {
    try_part(1);
}

#[test]
fn seeds_of_the_commit_hold_part_2() {
    try_part(2);
}

#[test]
fn seeds_of_the_commit_hold_part_3() {
    try_part(3);
}

#[test]
fn seeds_of_the_commit_hold_part_4() {
    try_part(4);
}

#[test]
fn seeds_of_the_commit_hold_part_5() {
    try_part(5);
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
    // Two halves beside each other: this is the longest of the tests, and machines have two cores at least.
    let coverage = std::thread::scope(|scope| {
        let even = scope.spawn(|| try_seeds((0..COVERED_BY).step_by(2)));
        let mut coverage = try_seeds((1..COVERED_BY).step_by(2));
        coverage.add(&even.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        coverage
    });
    let missing = coverage.missing();
    assert!(missing.is_empty(), "no seed below {COVERED_BY} reached {missing:#?}\n{coverage}");
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
