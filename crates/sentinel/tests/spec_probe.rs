//! What is promised of groups whose servers are checked from outside, sentence by sentence.

mod outside;

use std::time::Duration;

use machine::time::at;
use outside::{Redis, World, redis};
use sentinel::Channel;
use sentinel::check::{Exchange, Rules};
use sentinel::probe::{Config, Probe};
use sentinel::source::{Action, Event, Source as _};
use view::{LinkState, Phase};

type Probed = World<Probe>;

fn world(rules: Rules) -> Probed {
    let config = Config { group: "cache".into(), servers: vec![redis(1), redis(2), redis(3)], check: rules };
    let mut world = World::new(Probe::new(config, at(0)));
    world.servers.insert(redis(1), Redis::master());
    world.servers.insert(redis(2), Redis::replica());
    world.servers.insert(redis(3), Redis::replica());
    world
}

fn steady(rules: Rules) -> Probed {
    let mut world = world(rules);
    world.run(10);
    assert_eq!(world.stands(), (Phase::Steady, redis(1), 1));
    world
}

#[test]
fn the_first_checks_decide_at_once_and_replicas_are_offered_with_their_lag() {
    let mut world = world(Rules { rise: 3, ..Rules::default() });
    world.run(0);
    assert_eq!(world.stands(), (Phase::Steady, redis(1), 1));
    let replicas = &world.view().replicas;
    assert_eq!(replicas.len(), 2);
    assert!(replicas.iter().all(|r| r.link == LinkState::Up && r.lag == Some(10)), "{replicas:?}");
}

#[test]
fn a_server_is_checked_once_in_an_interval_and_leaves_one_connection_open() {
    let mut world = steady(Rules::default());
    world.run(6_000);
    let (before, links) = (world.connects(redis(2), Channel::Check), world.open_links());
    world.run(10_000);
    assert_eq!(world.connects(redis(2), Channel::Check) - before, 10);
    assert_eq!((links, world.open_links()), (3, 3));
}

#[test]
fn while_nobody_is_there_all_are_asked_often_and_the_first_master_is_taken_at_once() {
    let mut world = world(Rules::default());
    world.servers.values_mut().for_each(|server| server.up = false);
    world.run(5_000);
    assert_eq!(world.stands().0, Phase::Switching);
    world.run(6_000);
    assert_eq!(world.stands().0, Phase::Lost, "who waits is told that it may be in vain");
    let said = world.said().iter().filter(|line| line.contains("10.0.0.1:6379: connection refused")).count();
    assert_eq!(said, 1, "{:?}", world.said());
    world.servers.values_mut().for_each(|server| server.up = true);
    world.run(100);
    assert_eq!(world.stands(), (Phase::Steady, redis(1), 1));
}

#[test]
fn a_killed_master_is_noticed_at_once_and_falls_within_a_fraction_of_the_interval() {
    let mut world = steady(Rules { interval: Duration::from_secs(10), ..Rules::default() });
    world.run(7_000);
    world.kill(redis(1));
    assert_eq!(world.stands().0, Phase::Switching, "nothing is sent to it from the moment that its connection broke");
    world.run(100);
    assert!(world.has_said("+server-down 10.0.0.1:6379: connection refused"), "{:?}", world.said());
    world.servers.get_mut(&redis(2)).unwrap().promote('b');
    world.run(100);
    assert_eq!(world.stands(), (Phase::Steady, redis(2), 2));
    assert!(world.has_said("+switch-master cache 10.0.0.1 6379 10.0.0.2 6379"));
}

#[test]
fn a_connection_that_only_ended_is_a_reason_to_look_and_no_verdict() {
    let mut world = steady(Rules::default());
    world.run(6_000);
    world.kill(redis(1));
    world.servers.get_mut(&redis(1)).unwrap().up = true;
    world.run(25);
    assert_eq!(world.stands(), (Phase::Steady, redis(1), 1));
    assert!(!world.has_said("+server-down"), "{:?}", world.said());
}

#[test]
fn a_silent_master_falls_after_as_many_checks_as_it_may_miss() {
    let rules = Rules { fall: 3, ..Rules::default() };
    let mut world = steady(rules);
    world.run(6_000);
    world.servers.get_mut(&redis(1)).unwrap().mute = true;
    world.run(2_900);
    assert_eq!(world.stands().0, Phase::Steady, "two checks may fail");
    world.run(1_500);
    assert_eq!(world.stands().0, Phase::Switching);
    assert!(world.has_said("no answer within 1000 ms"), "{:?}", world.said());
    // It answers again: as many good ones as `rise`.
    world.servers.get_mut(&redis(1)).unwrap().mute = false;
    world.run(1_200);
    assert_eq!(world.stands(), (Phase::Steady, redis(1), 1), "the same master is no new epoch");
}

#[test]
fn a_master_that_says_it_is_a_replica_is_written_to_no_more() {
    let mut world = steady(Rules { rise: 2, ..Rules::default() });
    world.run(6_000);
    world.servers.get_mut(&redis(1)).unwrap().master = false;
    world.run(1_000);
    assert_eq!(world.stands().0, Phase::Switching);
}

#[test]
fn two_masters_at_once_are_never_picked_from() {
    let mut world = steady(Rules::default());
    world.run(6_000);
    // A stranger, say one that was restarted without its configuration: the present master stays.
    *world.servers.get_mut(&redis(3)).unwrap() = Redis { history: 'c', ..Redis::master() };
    world.run(3_000);
    assert_eq!(world.stands(), (Phase::Steady, redis(1), 1));
    assert!(world.has_said("+two-masters 10.0.0.1:6379, 10.0.0.3:6379 all pass as masters: the present one stays"));
    *world.servers.get_mut(&redis(3)).unwrap() = Redis::replica();
    world.run(3_000);
    assert!(world.has_said("-two-masters"));
    // One that was promoted out of its data: which of them will stay is not ours to guess.
    world.servers.get_mut(&redis(2)).unwrap().promote('b');
    world.run(3_000);
    assert_eq!(world.stands().0, Phase::Switching);
    assert!(world.has_said("+two-masters 10.0.0.1:6379, 10.0.0.2:6379 all pass as masters: nothing is written"));
    *world.servers.get_mut(&redis(1)).unwrap() = Redis { history: 'b', ..Redis::replica() };
    world.run(200);
    assert_eq!(world.stands(), (Phase::Steady, redis(2), 2));
}

#[test]
fn a_master_that_hangs_does_not_hold_up_the_one_that_was_promoted_out_of_its_data() {
    let mut world = steady(Rules { fall: 10, ..Rules::default() });
    world.run(6_000);
    world.servers.get_mut(&redis(1)).unwrap().mute = true;
    world.servers.get_mut(&redis(2)).unwrap().promote('b');
    world.run(2_500);
    assert_eq!(world.stands(), (Phase::Steady, redis(2), 2));
    // It wakes up and still thinks that it is the master.
    world.servers.get_mut(&redis(1)).unwrap().mute = false;
    world.run(5_000);
    assert_eq!(world.stands(), (Phase::Steady, redis(2), 2));
}

#[test]
fn a_master_must_say_all_that_is_expected() {
    let mut world = world(Rules { expect: vec!["repl_backlog_active:1".into()], ..Rules::default() });
    world.servers.get_mut(&redis(1)).unwrap().backlog = false;
    world.run(500);
    assert_eq!(world.stands().0, Phase::Switching);
    assert!(world.has_said("it says that it is a master, but not repl_backlog_active:1"), "{:?}", world.said());
    world.servers.get_mut(&redis(1)).unwrap().backlog = true;
    world.run(500);
    assert_eq!(world.stands(), (Phase::Steady, redis(1), 1));
}

#[test]
fn questions_of_the_operators_own_are_asked_of_everyone() {
    let exchange = Exchange { send: "EXISTS ready".into(), expect: ":1".into() };
    let mut world = steady(Rules { exchanges: vec![exchange], ..Rules::default() });
    world.run(6_000);
    world.servers.get_mut(&redis(3)).unwrap().ready = false;
    world.run(3_000);
    let down: Vec<_> = world.view().replicas.iter().filter(|r| r.link == LinkState::Down).map(|r| r.addr).collect();
    assert_eq!(down, [redis(3)]);
    assert!(world.has_said("the answer to \"EXISTS ready\" has no \":1\" in it"), "{:?}", world.said());
}

#[test]
fn a_wrong_password_is_told_once_with_the_servers_address() {
    let mut world = world(Rules::default());
    world.servers.values_mut().for_each(|server| server.denies = true);
    world.run(3_000);
    let said: Vec<_> = world.said().into_iter().filter(|line| line.contains("WRONGPASS")).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].starts_with("+server-down 10.0.0.1:6379: it does not let us in: WRONGPASS"), "{said:?}");
}

#[test]
fn a_replica_that_does_not_hear_its_master_or_has_another_history_is_not_offered() {
    let mut world = steady(Rules::default());
    world.servers.get_mut(&redis(2)).unwrap().link_up = false;
    world.servers.get_mut(&redis(3)).unwrap().history = 'f';
    world.run(6_000);
    assert!(world.view().replicas.iter().all(|r| r.link == LinkState::Stale), "{:?}", world.view().replicas);
}

#[test]
fn a_freeze_of_our_own_is_nobodys_fault() {
    let mut world = steady(Rules { fall: 1, ..Rules::default() });
    world.run(6_000);
    // A check is under way when we freeze.
    world.servers.values_mut().for_each(|server| server.mute = true);
    world.run(500);
    world.servers.values_mut().for_each(|server| server.mute = false);
    world.now += Duration::from_secs(60);
    world.run(100);
    assert_eq!(world.stands(), (Phase::Steady, redis(1), 1));
    assert!(!world.has_said("+server-down"), "{:?}", world.said());
}

#[test]
fn a_server_whose_name_moves_is_looked_for_at_its_new_address() {
    let mut world = steady(Rules::default());
    world.kill(redis(1));
    world.servers.insert(redis(9), Redis::master());
    world.happens(Event::Moved { from: redis(1), to: redis(9) });
    world.run(200);
    assert_eq!(world.stands(), (Phase::Steady, redis(9), 2));
    assert!(world.view().replicas.iter().all(|r| r.addr != redis(1)));
}

#[test]
fn no_order_is_ever_given() {
    let mut world = steady(Rules::default());
    world.kill(redis(1));
    world.run(20_000);
    let orders = world.log.iter().filter(|(_, action)| matches!(action, Action::Send { ask, .. } if !is_look(ask)));
    assert_eq!(orders.count(), 0);
    assert!(world.m.report().explain.contains("No server passes"), "{}", world.m.report().explain);
}

fn is_look(ask: &sentinel::Ask) -> bool {
    use sentinel::Ask::{Auth, Line, Ping, Quit, Replication};
    matches!(ask, Auth | Ping | Replication | Line { .. } | Quit)
}
