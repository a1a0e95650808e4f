//! Which simulated worlds does a test try, and what is said of those that break? For crates that have a world of their own among their tests; where the
//! seeds of a commit begin is asked by the other tests that draw, too.
//!
//! Half of the seeds of a run are always the same, the other half follow from the commit, so that each commit tries other worlds and a red run
//! can be repeated. `cargo xtask sim addresses` tries more, or one again with all that happens in it.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Debug;

/// Worlds of one kind.
pub trait Worlds {
    /// What must never be.
    type Invariant: Ord + Copy + Debug + 'static;
    /// What can be broken on purpose.
    type Saboteur: Copy + Debug + 'static;
    /// What there was to see: worlds in which nothing happens prove nothing.
    type Seen: Default;

    /// What `cargo xtask sim addresses --only` calls them: their crate.
    const NAME: &'static str;
    /// All saboteurs, with what each breaks.
    const SABOTEURS: &'static [(Self::Saboteur, Self::Invariant)];

    /// Seeds that have broken something once: they are tried for ever.
    const BROKE_ONCE: &'static [u64] = &[];

    /// Runs the world of a seed to its end.
    fn run(seed: u64, saboteur: Option<Self::Saboteur>) -> Outcome<Self::Invariant, Self::Seen>;

    /// Adds what one world has shown to what others have.
    fn add(all: &mut Self::Seen, one: Self::Seen);
}

/// What came of a world.
#[derive(Debug)]
pub struct Outcome<I, S> {
    /// What was broken first, and how.
    pub broken: BTreeMap<I, String>,
    /// What there was to see.
    pub seen: S,
}

/// Tries as many worlds as are usual, or those that were asked for. `None`: others than the usual were asked for, and what there was to see
/// says nothing.
///
/// # Panics
/// When one of them breaks something: with the seeds.
#[must_use]
pub fn nothing_breaks<W: Worlds>(usual: u64) -> Option<W::Seen> {
    let asked = asked();
    let mut seen = W::Seen::default();
    let mut broken = Vec::new();
    let usual = || [W::BROKE_ONCE.to_vec(), usual_seeds(usual, first_of_commit())].concat();
    for seed in asked.clone().unwrap_or_else(usual) {
        let outcome = W::run(seed, None);
        let again = format!("cargo xtask sim addresses --only {} --seed {seed} --trace", W::NAME);
        broken.extend(outcome.broken.iter().map(|(invariant, what)| format!("{invariant:?}: {what}\n    {again}")));
        W::add(&mut seen, outcome.seen);
    }
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken[..broken.len().min(SHOWN)].join("\n"));
    asked.is_none().then_some(seen)
}

/// Each saboteur is caught within this many worlds, and so many invariants have one.
///
/// # Panics
/// When one is not.
pub fn every_saboteur_is_caught<W: Worlds>(within: u64, invariants: usize) {
    for (saboteur, invariant) in W::SABOTEURS {
        let is_caught = |seed: u64| W::run(seed, Some(*saboteur)).broken.contains_key(invariant);
        assert!((0..within).any(is_caught), "{saboteur:?} goes unseen: {invariant:?} is not checked");
    }
    let have_one: BTreeSet<W::Invariant> = W::SABOTEURS.iter().map(|(_, invariant)| *invariant).collect();
    assert_eq!(have_one.len(), invariants, "each invariant has one");
}

/// Whether everything that happens in a world is to be printed.
#[must_use]
pub fn are_traced() -> bool {
    env::var_os(TRACE).is_some()
}

/// Where the seeds begin that follow from the commit; without one, always the same.
#[must_use]
pub fn first_of_commit() -> u64 {
    first_of(&env::var(COMMIT).unwrap_or_default())
}

fn first_of(commit: &str) -> u64 {
    let digits: String = commit.chars().take(COMMIT_DIGITS).collect();
    u64::from_str_radix(&digits, 16).map_or(0, |n| n * SEEDS_APART)
}

fn usual_seeds(usual: u64, first: u64) -> Vec<u64> {
    let half = usual / 2;
    // Those of a commit are not among those that are always the same.
    let first = first.max(half);
    (0..half).chain(first..first + usual - half).collect()
}

/// `7`, or `0..100000`.
fn asked() -> Option<Vec<u64>> {
    let asked = env::var(SEEDS).ok()?;
    let number = |text: &str| text.parse::<u64>().expect("a seed is a number");
    Some(match asked.split_once("..") {
        Some((from, to)) => (number(from)..number(to)).collect(),
        None => vec![number(&asked)],
    })
}

/// The variable that names the seeds to be tried.
pub const SEEDS: &str = "STANDFAST_SEEDS";
/// The variable that has everything printed.
pub const TRACE: &str = "STANDFAST_TRACE";
/// The variable that names the commit; `cargo xtask test` sets it.
pub const COMMIT: &str = "STANDFAST_SIM_COMMIT";

/// Digits of a commit's name that are enough to tell it from others.
const COMMIT_DIGITS: usize = 8;
/// More seeds than one run of the tests tries.
const SEEDS_APART: u64 = 10_000;
/// Seeds that are named when more have failed than anybody reads.
const SHOWN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_seeds_are_always_the_same_and_none_is_tried_twice() {
        for commit in ["", "00000000", "6844a64", "ffffffffff", "not one"] {
            let seeds = usual_seeds(100, first_of(commit));
            assert_eq!(seeds[..50], (0..50).collect::<Vec<_>>());
            assert_eq!(seeds.iter().collect::<BTreeSet<_>>().len(), 100, "{commit}");
        }
        assert_ne!(first_of("6844a64"), first_of("6844a65"));
    }
}
