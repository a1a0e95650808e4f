//! Our nodes beside stock Sentinels, by hand: either kind leads, the other follows.

use std::time::Duration;

use sim::{Options, World};

const SEED: u64 = 1;

fn world(ours: usize, stock: usize) -> World {
    World::warm(Options { nodes: ours, stocks: stock, ..Options::calm() }, SEED)
}

fn names_the_same(world: &World, stock: usize) -> bool {
    world.master().is_some() && world.stock_names(stock) == world.master()
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn one_of_ours_leads_with_the_votes_of_two_stock_ones() {
    // With a quorum of one nobody waits for the stock ones to see it too: ours is the first to try.
    let mut world = World::warm(Options { nodes: 1, stocks: 2, quorum: 1, ..Options::calm() }, SEED);
    world.crash_server(0);
    let took = world.run_till(secs(10), "a new master", |w| w.master().is_some_and(|m| m != 0));
    assert!(took < secs(1), "refused connections are evidence: {took:?}");
    world.run_till(secs(5), "they follow", |w| names_the_same(w, 0) && names_the_same(w, 1));
    assert!(world.count("stock: votes for ours") >= 1);
    assert_eq!(world.count("stock: promoted"), 0);
    world.start_server(0, true);
    world.finish();
    assert_eq!(world.follows(0), world.master());
}

#[test]
fn stock_ones_lead_while_ours_is_stopped_and_ours_follows() {
    let mut world = world(1, 2);
    world.stop_node(0);
    world.crash_server(0);
    world.run_till(secs(20), "stock promotes", |w| w.count("stock: promoted") == 1);
    world.run_for(secs(5));
    world.continue_node(0);
    world.run_till(secs(10), "ours follows", |w| w.master().is_some_and(|m| m != 0) && w.master() == w.stock_names(0));
    assert_eq!(world.count("promotion: after a failure"), 0);
    world.finish();
}

#[test]
fn a_switchover_of_ours_is_followed_by_stock() {
    let mut world = world(2, 1);
    world.switchover(0, Some(2));
    world.run_till(secs(3), "it is done", |w| w.master() == Some(2));
    world.run_till(secs(3), "stock follows", |w| w.stock_names(0) == Some(2));
    world.run_for(secs(20));
    assert_eq!(world.master(), Some(2), "nobody undoes it");
    world.finish();
}

#[test]
fn a_master_that_returns_to_a_mixed_group_becomes_a_replica() {
    for (ours, stock) in [(2, 1), (3, 2), (2, 3)] {
        let mut world = world(ours, stock);
        world.stop_server(0);
        world.run_till(secs(10), "a new master", |w| w.master().is_some_and(|m| m != 0));
        world.run_for(secs(3));
        world.continue_server(0);
        world.run_till(secs(15), "it follows", |w| w.follows(0) == w.master());
        world.finish();
    }
}
