//! Can it be wrong? Whole worlds of routers on a link that loses, delays, corrupts and cuts, each made by one number.

mod world;

use world::Routers;

#[test]
fn no_world_breaks_an_invariant() {
    if let Some(seen) = seeds::nothing_breaks::<Routers>(SEEDS) {
        assert!(seen.is_much(), "{seen:?}");
    }
}

#[test]
fn every_saboteur_is_caught() {
    seeds::every_saboteur_is_caught::<Routers>(SEEDS_OF_A_SABOTEUR, 9);
}

/// A few seconds' worth.
const SEEDS: u64 = 2_000;
const SEEDS_OF_A_SABOTEUR: u64 = 200;
