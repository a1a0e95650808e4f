//! Item by item: what is seen of a master, and from when on it means that it is down.

mod rig;

use std::time::Duration;

use machine::Instant;
use machine::time::at;
use rig::{Redis, Rig, addr, rules};
use sentinel::{Action, Ask, GroupConfig};

const MASTER: &str = "10.0.0.1:6379";

fn master(r: &mut Rig) -> &mut Redis {
    r.servers.get_mut(&addr(MASTER)).expect("it is part of the world")
}

/// A node that has watched a healthy group for three seconds.
fn watching(rules: GroupConfig, prepare: impl FnOnce(&mut Redis)) -> Rig {
    let mut r = Rig::new(rules);
    prepare(master(&mut r));
    r.until(3_000);
    r
}

fn down_at(r: &Rig) -> Option<Instant> {
    r.when("+sdown")
}

#[test]
fn a_refusal_that_is_confirmed_takes_50_ms() {
    let mut r = watching(rules(), |_| {});
    r.kill(MASTER);
    r.until(5_000);
    assert_eq!(down_at(&r), Some(at(3_050)));
}

#[test]
fn who_waits_for_a_quorum_says_how_many_others_answer() {
    let alone = GroupConfig { quorum: 2, ..rules() };
    let mut r = watching(alone, |_| {});
    r.kill(MASTER);
    r.until(5_000);
    let explain = r.m.report().groups[0].explain.clone();
    assert!(explain.ends_with("for a quorum of 2: no other node was heard of."), "{explain}");
}

#[test]
fn a_server_that_keeps_its_data_gets_the_grace_that_was_given() {
    let grace = GroupConfig { restart_grace: Duration::from_millis(700), ..rules() };
    let mut r = watching(grace.clone(), |redis| redis.persists = true);
    r.kill(MASTER);
    r.until(5_000);
    assert_eq!(down_at(&r), Some(at(3_700)));

    let mut r = watching(grace.clone(), |redis| redis.persists = true);
    r.kill(MASTER);
    r.until(3_500);
    master(&mut r).up = true;
    r.until(9_000);
    assert_eq!(down_at(&r), None, "back with its data within the grace");

    let mut r = watching(grace, |_| {});
    r.kill(MASTER);
    r.until(5_000);
    assert_eq!(down_at(&r), Some(at(3_050)), "one that keeps nothing has nothing to come back with");
}

#[test]
fn silence_takes_down_after_from_the_first_question_that_is_not_answered() {
    let mut r = watching(rules(), |_| {});
    master(&mut r).mute = true;
    r.until(5_000);
    let down = down_at(&r).expect("it says nothing");
    assert!((at(4_000)..=at(4_025)).contains(&down), "{down}");
}

#[test]
fn a_busy_script_is_a_reason_of_its_own_and_is_killed_once() {
    let mut r = watching(rules(), |_| {});
    master(&mut r).busy = true;
    r.until(6_000);
    let kills = r.log.iter().filter(|(_, a)| matches!(a, Action::Send { ask: Ask::KillScript, .. })).count();
    assert_eq!(kills, 1);
    assert!(down_at(&r).is_some_and(|down| down >= at(4_000)));
    assert!(r.when("-sdown").is_some(), "the script is gone: {:#?}", r.events());
}

#[test]
fn loading_is_being_there_unless_it_lasts_longer_than_allowed() {
    let restarted = |r: &mut Rig| {
        r.kill(MASTER);
        let redis = master(r);
        (redis.up, redis.loading, redis.life) = (true, true, 42);
        r.until(8_000);
    };
    let mut r = watching(rules(), |_| {});
    restarted(&mut r);
    assert_eq!(down_at(&r), None);

    let mut r = watching(GroupConfig { reboot_down_after: Duration::from_millis(1_500), ..rules() }, |_| {});
    restarted(&mut r);
    let down = down_at(&r).expect("it has been loading for too long");
    assert!((at(4_500)..=at(4_600)).contains(&down), "{down}");
}
