//! Can it be wrong? Whole worlds of hosts that share an address, with kernels, guards, proxies, masters and a link that fail, each made by
//! one number.

mod world;

use world::{Invariant, Saboteur};

#[test]
fn no_world_breaks_an_invariant() {
    let mut seen = world::Seen::default();
    let mut broken = Vec::new();
    for seed in seeds() {
        let outcome = world::run(seed, None);
        broken.extend(outcome.broken.iter().map(|(invariant, what)| format!("seed {seed}: {invariant:?} {what}")));
        seen.add(outcome.seen);
    }
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken[..broken.len().min(20)].join("\n"));
    // Worlds in which nothing happens prove nothing.
    assert!(seen.is_much() || std::env::var_os("NODE_SEEDS").is_some(), "{seen:?}");
}

#[test]
fn every_saboteur_is_caught() {
    for (saboteur, invariant) in Saboteur::ALL {
        let caught =
            (0..SEEDS_OF_A_SABOTEUR).find(|seed| world::run(*seed, Some(saboteur)).broken.contains_key(&invariant));
        assert!(caught.is_some(), "{saboteur:?} goes unseen: {invariant:?} is not checked");
    }
    let mut invariants: Vec<Invariant> = Saboteur::ALL.iter().map(|(_, invariant)| *invariant).collect();
    invariants.sort_unstable();
    invariants.dedup();
    assert_eq!(invariants.len(), 7, "each invariant has one");
}

/// Those of every run, or the ones that the environment names: `NODE_SEEDS=7` or `NODE_SEEDS=0..100000`.
fn seeds() -> Vec<u64> {
    let Ok(wanted) = std::env::var("NODE_SEEDS") else { return (0..SEEDS).collect() };
    let number = |text: &str| text.parse::<u64>().expect("a seed is a number");
    match wanted.split_once("..") {
        Some((from, to)) => (number(from)..number(to)).collect(),
        None => vec![number(&wanted)],
    }
}

/// A few seconds' worth.
const SEEDS: u64 = 600;
const SEEDS_OF_A_SABOTEUR: u64 = 100;
