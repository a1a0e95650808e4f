//! What is promised of groups whose Sentinels are followed, sentence by sentence.

mod outside;

use std::time::Duration;

use machine::time::at;
use outside::{Guard, Redis, World, addr, redis, sentinel};
use sentinel::Channel;
use sentinel::check::Rules;
use sentinel::follow::{Config, Follow};
use sentinel::source::Source as _;
use view::{LinkState, Phase};

type Followed = World<Follow>;

/// Three servers and three Sentinels; the machine is told of the first of these.
fn world() -> Followed {
    let config = Config { group: "cache".into(), sentinels: vec![sentinel(1), sentinel(2)], check: Rules::default() };
    let mut world = World::new(Follow::new(config, at(0)));
    world.servers.insert(redis(1), Redis::master());
    world.servers.insert(redis(2), Redis::replica());
    world.servers.insert(redis(3), Redis::replica());
    for n in 1..=3 {
        let others = (1..=3).filter(|other| *other != n).map(sentinel).collect();
        let replicas = vec![redis(2), redis(3)];
        let guard = Guard { up: true, mute: false, master: redis(1), epoch: 4, flags: "master", replicas, others };
        world.guards.insert(sentinel(n), guard);
    }
    world
}

fn steady() -> Followed {
    let mut world = world();
    world.run(20);
    assert_eq!(world.stands(), (Phase::Steady, redis(1), 4));
    world.run(6_000);
    world
}

impl Followed {
    /// Sentinel `n` knows of the failover to `master`.
    fn learns(&mut self, n: u8, master: u8, epoch: u64) {
        let guard = self.guards.get_mut(&sentinel(n)).expect("there are three");
        guard.master = redis(master);
        guard.epoch = epoch;
        guard.flags = "master";
        guard.replicas = (1..=3).filter(|other| *other != master).map(redis).collect();
    }

    /// Server 1 dies, server 2 is promoted.
    fn fails_over(&mut self) {
        self.kill(redis(1));
        self.servers.get_mut(&redis(2)).expect("it is there").promote('b');
        self.servers.get_mut(&redis(3)).expect("it is there").history = 'b';
    }
}

#[test]
fn the_others_are_found_and_replicas_are_offered_with_their_lag() {
    let world = steady();
    assert_eq!(world.connects(sentinel(3), Channel::Command), 1, "nobody named it");
    let replicas = world.view().replicas;
    assert!(replicas.len() == 2 && replicas.iter().all(|r| r.link == LinkState::Up && r.lag == Some(10)));
}

#[test]
fn a_failover_is_followed_as_soon_as_one_sentinel_tells_it() {
    let mut world = steady();
    world.fails_over();
    assert_eq!(world.stands().0, Phase::Switching, "its connections broke");
    world.learns(3, 2, 5);
    world.publish(sentinel(3), "+switch-master cache 10.0.0.1 6379 10.0.0.2 6379");
    world.run(0);
    assert_eq!(world.stands(), (Phase::Steady, redis(2), 5));
    // The other two are behind: an older epoch changes nothing.
    world.run(5_000);
    assert_eq!(world.stands(), (Phase::Steady, redis(2), 5));
    let links: Vec<_> = world.view().replicas.iter().map(|r| (r.addr, r.link)).collect();
    assert_eq!(links, [(redis(1), LinkState::Down), (redis(3), LinkState::Up)]);
}

#[test]
fn without_an_event_it_is_found_by_asking() {
    let mut world = steady();
    world.fails_over();
    world.run(3_000);
    assert_eq!(world.stands().0, Phase::Switching);
    world.learns(1, 2, 5);
    world.run(100);
    assert_eq!(world.stands(), (Phase::Steady, redis(2), 5));
}

#[test]
fn who_is_named_is_not_believed_before_it_says_so_itself() {
    let mut world = steady();
    for n in 1..=3 {
        world.learns(n, 2, 5);
    }
    world.run(1_500);
    assert_eq!((world.stands().0, world.stands().1), (Phase::Switching, redis(2)));
    assert!(world.m.report().explain.contains("it says that it is a replica"), "{}", world.m.report().explain);
    world.run(11_000);
    assert_eq!(world.stands().0, Phase::Lost, "the wait is bounded");
    world.servers.get_mut(&redis(2)).unwrap().promote('b');
    world.run(150);
    assert_eq!(world.stands(), (Phase::Steady, redis(2), 5));
}

#[test]
fn a_master_that_is_said_to_go_gets_no_more_writes_for_a_while() {
    let mut world = steady();
    world.guards.get_mut(&sentinel(2)).unwrap().flags = "master,failover_in_progress";
    world.publish(sentinel(2), "+try-failover master cache 10.0.0.1 6379");
    world.run(0);
    assert_eq!(world.stands().0, Phase::Switching);
    world.run(4_000);
    assert_eq!(world.stands().0, Phase::Switching);
    world.run(2_000);
    assert_eq!(world.stands(), (Phase::Steady, redis(1), 4), "it is still the master, and nobody makes another");
}

#[test]
fn events_of_other_groups_are_of_no_account() {
    let mut world = steady();
    let asks = |world: &Followed| format!("{:?}", world.log).matches("WhoIsMaster").count();
    let before = asks(&world);
    for _ in 0..100 {
        world.publish(sentinel(1), "+switch-master other 10.0.0.1 6379 10.0.0.2 6379");
        world.publish(sentinel(1), "+role-change slave 10.0.0.2:6379 10.0.0.2 6379 @ cache 10.0.0.1 6379");
    }
    assert_eq!(asks(&world), before);
}

#[test]
fn one_sentinel_gone_is_nothing_and_all_gone_leave_the_last_decision() {
    let mut world = steady();
    world.kill(sentinel(1));
    world.run(5_000);
    assert_eq!(world.stands(), (Phase::Steady, redis(1), 4));
    world.kill(sentinel(2));
    world.kill(sentinel(3));
    world.run(5_000);
    assert_eq!(world.stands(), (Phase::Steady, redis(1), 4));
    assert!(world.has_said("+no-sentinels none of 3 Sentinels answers"), "{:?}", world.said());
    world.fails_over();
    world.run(12_000);
    assert_eq!(world.stands().0, Phase::Lost);
    world.guards.values_mut().for_each(|guard| guard.up = true);
    world.learns(2, 2, 5);
    world.run(1_000);
    assert_eq!(world.stands(), (Phase::Steady, redis(2), 5));
    assert!(world.has_said("-no-sentinels"));
}

#[test]
fn an_older_epoch_counts_only_when_all_have_been_told_anew() {
    let mut world = steady();
    *world.servers.get_mut(&redis(2)).unwrap() = Redis { history: 'e', ..Redis::master() };
    world.learns(1, 2, 0);
    world.run(15_000);
    assert_eq!(world.stands(), (Phase::Steady, redis(1), 4), "one of three is behind");
    world.learns(2, 2, 0);
    world.learns(3, 2, 0);
    world.run(9_000);
    assert_eq!(world.stands(), (Phase::Steady, redis(1), 4));
    world.run(3_000);
    assert_eq!(world.stands(), (Phase::Steady, redis(2), 5), "the epoch of a view never falls");
}

#[test]
fn of_one_epoch_the_majority_counts_after_a_while() {
    let mut world = steady();
    *world.servers.get_mut(&redis(2)).unwrap() = Redis { history: 'e', ..Redis::master() };
    world.learns(1, 2, 4);
    world.run(15_000);
    assert_eq!(world.stands(), (Phase::Steady, redis(1), 4));
    world.learns(3, 2, 4);
    world.run(15_000);
    assert_eq!(world.stands(), (Phase::Steady, redis(2), 5), "told different masters on their first day");
}

#[test]
fn a_sentinel_that_hangs_is_given_up_and_asked_anew() {
    let mut world = steady();
    world.guards.get_mut(&sentinel(1)).unwrap().mute = true;
    world.run(10_000);
    assert!(world.connects(sentinel(1), Channel::Command) > 3);
    assert!(world.connects(sentinel(1), Channel::Events) > 3);
    let down: Vec<_> = world.m.report().peers.iter().filter(|p| p.down).map(|p| p.addr).collect();
    assert_eq!(down, [sentinel(1)]);
}

#[test]
fn sentinels_that_were_learned_and_are_gone_are_forgotten_those_of_the_operator_are_not() {
    let mut world = steady();
    world.kill(sentinel(2));
    world.kill(sentinel(3));
    world.guards.get_mut(&sentinel(1)).unwrap().others = Vec::new();
    world.run(5_000);
    let known: Vec<_> = world.m.report().peers.iter().map(|p| p.addr).collect();
    assert_eq!(known, [sentinel(1), sentinel(2)]);
}

#[test]
fn a_replica_that_is_listed_no_more_is_let_go() {
    let mut world = steady();
    let before = world.open_links();
    for n in 1..=3 {
        world.guards.get_mut(&sentinel(n)).unwrap().replicas = vec![redis(3)];
    }
    world.run(2_000);
    assert_eq!(world.view().replicas.iter().map(|r| r.addr).collect::<Vec<_>>(), [redis(3)]);
    assert_eq!(world.open_links(), before - 1);
}

#[test]
fn lists_without_an_end_are_cut() {
    let mut world = world();
    for n in 1..=3_u8 {
        let guard = world.guards.get_mut(&sentinel(n)).unwrap();
        let many = |port: u16| (0..60).map(move |i| addr(&format!("10.0.{n}.{i}:{port}")));
        guard.replicas = many(6379).collect();
        guard.others = many(26379).collect();
    }
    world.run(3_000);
    let report = world.m.report();
    assert!(report.servers.len() <= 64 && report.peers.len() <= 32, "{} {}", report.servers.len(), report.peers.len());
    assert_eq!(world.stands(), (Phase::Steady, redis(1), 4));
}

#[test]
fn a_freeze_of_our_own_is_nobodys_fault() {
    let mut world = steady();
    world.now += Duration::from_secs(60);
    world.run(50);
    assert_eq!(world.stands(), (Phase::Steady, redis(1), 4));
    assert!(!world.has_said("+no-sentinels"), "{:?}", world.said());
}

#[test]
fn a_group_that_no_sentinel_knows_is_said_so() {
    let mut world = world();
    world.guards.clear();
    world.run(3_000);
    assert!(world.m.report().explain.contains("Waiting for a Sentinel"), "{}", world.m.report().explain);
    assert_eq!(world.stands().0, Phase::Switching);
}
