//! Rare cases by hand, on the engine of the seeds: one story each, with the time it may take.

use std::time::Duration;

use sentinel::Reply;
use sim::{Invariant, Keep, Options, Place, Saboteur, World};

const SEED: u64 = 1;

fn world() -> World {
    World::warm(Options::calm(), SEED)
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn a_crashed_master_is_replaced_and_follows_when_it_returns() {
    let mut world = world();
    assert_eq!(world.master(), Some(0));
    world.crash_server(0);
    let took = world.run_till(secs(3), "a new master", |w| w.master().is_some_and(|m| m != 0));
    assert!(took < ms(1_000), "refused connections are evidence: {took:?}");
    let master = world.master();
    world.run_for(secs(2));
    world.start_server(0, true);
    world.run_till(secs(5), "the old master follows", |w| w.follows(0) == w.master());
    assert_eq!(world.master(), master, "a return changes nothing");
    world.finish();
}

#[test]
fn a_hung_master_is_replaced_after_down_after() {
    let mut world = world();
    world.stop_server(0);
    let took = world.run_till(secs(5), "a new master", |w| w.master().is_some_and(|m| m != 0));
    assert!(took >= ms(900) && took < ms(2_500), "silence counts after down-after (1 s): {took:?}");
    world.run_for(secs(3));
    world.continue_server(0);
    world.run_till(secs(5), "it follows", |w| w.follows(0) == w.master());
    world.finish();
}

#[test]
fn a_master_that_was_cut_off_follows_when_the_cut_ends() {
    let mut world = world();
    world.isolate(Place::Server(0));
    world.run_till(secs(5), "a new master", |w| w.master().is_some_and(|m| m != 0));
    world.run_for(secs(5));
    world.heal_everything();
    world.run_till(secs(10), "one master", |w| w.follows(0) == w.master());
    world.finish();
}

#[test]
fn a_master_that_somebody_made_a_replica_is_replaced_at_the_first_attempt() {
    let mut world = world();
    world.make_replica(0, 1);
    // Its INFO is up to a second old; then `down-after` and two INFOs more: no reconfiguration of ours takes as long to show.
    world.run_till(secs(5), "somebody is promoted", |w| w.count("promotion: after a failure") == 1);
    let leader = world.leader();
    world.run_till(ms(500), "it is told", |w| w.master().is_some());
    assert!(leader.is_some(), "who sealed the old master does not take that for its return");
    world.run_till(secs(5), "the old master follows, or is one again", |w| {
        w.follows(0) == w.master() || w.master() == Some(0)
    });
    assert_eq!(world.count("promotion: after a failure"), 1, "one attempt was enough");
    world.finish();
}

#[test]
fn a_node_in_a_minority_promotes_nobody() {
    let mut world = world();
    world.isolate(Place::Node(2));
    world.run_for(secs(10));
    assert_eq!(world.count("promotion: after a failure"), 0);
    world.finish();
}

#[test]
fn a_planned_switchover_loses_nothing_and_shows_no_error() {
    let mut options = Options::calm();
    options.faults = vec![sim::faults::Kind::Switchover];
    let mut world = World::warm(options, SEED);
    world.switchover(1, Some(2));
    world.run_till(secs(3), "it is told", |w| !w.told(1).is_empty());
    assert!(matches!(world.told(1), [Reply::Switched { .. }]), "{:?}", world.told(1));
    world.run_till(secs(3), "everybody knows", |w| w.master() == Some(2));
    world.run_for(secs(3));
    world.finish();
    world.check_nothing_was_lost();
    assert_eq!(world.ground.judge.violation, None);
    assert_eq!(world.ground.judge.client_errors, 0);
    assert!(!world.ground.judge.acked.is_empty());
}

#[test]
fn replicas_that_a_dead_leader_sealed_are_released() {
    let mut world = world();
    world.crash_server(0);
    world.run_till(secs(3), "a seal", |w| w.sealed(1) || w.sealed(2));
    let leader = world.leader().expect("who seals, leads");
    world.crash_node(leader);
    world.run_till(secs(30), "a master", |w| w.master().is_some_and(|m| m != 0));
    world.run_till(secs(10), "nobody is sealed", |w| !w.sealed(1) && !w.sealed(2));
    world.finish();
}

#[test]
fn a_leader_that_dies_after_its_promotion_leaves_one_master() {
    let mut world = world();
    world.crash_server(0);
    world.run_till(secs(3), "a promotion", |w| w.count("promotion: after a failure") == 1);
    let leader = world.leader().expect("who promotes, leads");
    world.crash_node(leader);
    world.run_till(secs(30), "a master", |w| w.master().is_some_and(|m| m != 0));
    world.start_node(leader);
    world.finish();
}

#[test]
fn a_node_whose_clock_leaps_distrusts_itself_and_nobody_else() {
    let mut world = world();
    let before = world.count("+sdown");
    world.leap(1, secs(60));
    world.run_for(ms(200));
    assert_eq!(world.count("+tilt"), 1, "a minute passed in a moment");
    world.run_for(secs(5));
    assert_eq!(world.count("-tilt"), 1);
    assert_eq!(world.count("+sdown"), before, "silence was its own");
    assert_eq!(world.master(), Some(0));
    world.finish();
}

#[test]
fn a_leader_that_sleeps_through_its_failover_promotes_nobody_when_it_wakes() {
    let world = sleep_through_a_failover(None);
    assert_eq!(world.ground.judge.violation, None);
}

#[test]
fn a_leader_whose_clock_slept_too_would_be_caught() {
    let world = sleep_through_a_failover(Some(Saboteur::ClockStandsStill));
    let violation = world.ground.judge.violation.expect("two leaders act");
    assert_eq!(violation.invariant, Invariant::M4, "{violation:?}");
}

/// The leader is stopped as soon as it is elected, while its orders to seal are answered; the others go on without it.
fn sleep_through_a_failover(sabotage: Option<Saboteur>) -> World {
    let mut world = World::new(Options::calm(), SEED, Keep::Last(500), sabotage);
    world.run_for(secs(5));
    world.crash_server(0);
    world.run_till(secs(3), "an election", |w| w.leader().is_some());
    let leader = world.leader().expect("just seen");
    world.stop_node(leader);
    world.run_for(secs(15));
    assert!(world.count("promotion: after a failure") >= 1, "the others went on");
    world.continue_node(leader);
    world.run_for(secs(5));
    world
}
