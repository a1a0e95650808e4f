//! Can it be wrong? Whole worlds of hosts that share an address, with kernels, guards, proxies, masters and a link that fail, each made by
//! one number.

mod world;

use world::Hosts;

#[test]
fn no_world_breaks_an_invariant() {
    if let Some(seen) = seeds::nothing_breaks::<Hosts>(SEEDS) {
        assert!(seen.is_much(), "{seen:?}");
    }
}

#[test]
fn every_saboteur_is_caught() {
    seeds::every_saboteur_is_caught::<Hosts>(SEEDS_OF_A_SABOTEUR, 10);
}

/// A few seconds' worth.
const SEEDS: u64 = 600;
const SEEDS_OF_A_SABOTEUR: u64 = 100;
