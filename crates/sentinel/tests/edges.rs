//! The edges of a failover: commands, forged words and moving servers in the middle of one.

mod rig;

use std::time::Duration;

use machine::time::at;

use rig::{Redis, Rig, addr, id, rules};
use sentinel::{Action, Answer, Ask, Event, Fault, GroupConfig, Reply, Request, Role, Setting};
use view::Epoch;

#[test]
fn a_known_node_that_says_it_is_where_we_are_is_not_believed() {
    let mut r = Rig::new(GroupConfig::of(addr("10.0.0.1:6379"), 2, 3));
    r.until(100);
    r.hello("10.0.0.8:26379", 'b');
    r.hello("10.0.0.9:26379", 'b');
    let ours = r.links("10.0.0.9:26379");
    assert!(ours.is_empty(), "we connect to ourselves as a peer: {ours:?}\n{:#?}", r.events());
}

#[test]
fn a_promise_outlasts_remove_and_monitor() {
    let mut r = Rig::new(rules());
    r.until(100);
    let master = addr("10.0.0.1:6379");
    let vote = r.ask(Request::IsMasterDown { master, epoch: Epoch(5), candidate: Some(id('b')) });
    assert_eq!(vote, Some(Reply::Vote { down: false, leader: Some(id('b')), epoch: Epoch(5) }));
    r.until(200);
    assert_eq!(r.ask(Request::Remove { group: "cache".into() }), Some(Reply::Ok));
    assert_eq!(r.ask(Request::Monitor { group: "cache".into(), rules: rules() }), Some(Reply::Ok));
    let vote = r.ask(Request::IsMasterDown { master, epoch: Epoch(6), candidate: Some(id('c')) });
    let Some(Reply::Vote { leader, .. }) = vote else { panic!("{vote:?}") };
    assert_ne!(leader, Some(id('c')), "b may still order its promotion");
}

#[test]
fn subscribers_are_told_within_the_limit() {
    let mut r = Rig::new(GroupConfig { parallel_syncs: 1, ..rules() });
    r.until(3_000);
    r.servers.get_mut(&addr("10.0.0.3:6379")).unwrap().copies = true;
    r.servers.get_mut(&addr("10.0.0.2:6379")).unwrap().copies = true;
    r.kill("10.0.0.1:6379");
    r.until(3_060);
    let Some(resp::Value::Map(pairs)) = r.m.query(r.now, &[b"master", b"cache"]) else { panic!("a map") };
    let fields: Vec<_> = pairs.iter().filter_map(|(k, v)| Some(format!("{}={}", k.as_str()?, v.as_str()?))).collect();
    r.until(9_000);
    let (committed, told) = (r.when("+failover-state-reconf-slaves").unwrap(), r.when("+switch-master").unwrap());
    assert!(told <= committed + Duration::from_millis(100), "{told} {committed}");
    assert!(fields.contains(&"failover-state=reconf_slaves".to_owned()), "{fields:?}");
}

#[test]
fn a_vote_answer_of_an_absurd_epoch_is_not_taken() {
    let mut r = Rig::new(GroupConfig::of(addr("10.0.0.1:6379"), 2, 3));
    r.peers.insert(addr("10.0.0.8:26379"), Answer::Vote { down: false, leader: None, epoch: Epoch(i64::MAX as u64) });
    r.until(100);
    r.hello("10.0.0.8:26379", 'b');
    r.until(1_000);
    r.kill("10.0.0.1:6379");
    r.until(2_000);
    assert!(r.m.state().epoch < Epoch(100), "{:?}", r.m.state().epoch);
}

#[test]
fn words_about_the_old_address_do_not_count_for_the_new_one() {
    let mut r = Rig::new(GroupConfig::of(addr("10.0.0.1:6379"), 2, 3));
    r.peers.insert(addr("10.0.0.8:26379"), Answer::Vote { down: true, leader: None, epoch: Epoch(0) });
    r.until(100);
    r.hello("10.0.0.8:26379", 'b');
    r.until(1_000);
    r.kill("10.0.0.1:6379");
    r.until(1_060);
    assert!(r.when("+odown").is_some());
    // From here on nobody says that anything is down.
    r.peers.insert(addr("10.0.0.8:26379"), Answer::Vote { down: false, leader: None, epoch: Epoch(0) });
    let mut new = r.servers[&addr("10.0.0.1:6379")].clone();
    new.up = false;
    r.servers.insert(addr("10.0.0.7:6379"), new);
    r.log.clear();
    r.peers.remove(&addr("10.0.0.8:26379"));
    r.event(Event::Moved { from: addr("10.0.0.1:6379"), to: addr("10.0.0.7:6379") });
    r.until(1_300);
    let odown: Vec<_> = r.events().into_iter().filter(|e| e.contains("+odown")).collect();
    assert!(odown.is_empty(), "{odown:?}\n{:#?}", r.events());
}

#[test]
fn an_unrelated_move_does_not_undo_a_promotion_that_was_ordered() {
    let mut r = Rig::new(rules());
    r.until(3_000);
    r.kill("10.0.0.1:6379");
    r.hold_saves = false;
    // Up to the decision, which then waits for the disk.
    let mut n = 0;
    loop {
        n += 1;
        r.until(3_000 + n);
        if r.when("+try-failover").is_some() || n > 500 {
            break;
        }
    }
    // The save of our vote was answered; replay with saves held from the promotion on.
    let mut r = Rig::new(rules());
    r.until(3_000);
    r.kill("10.0.0.1:6379");
    r.until(3_000 + n - 1);
    r.hold_saves = true;
    r.until(3_000 + n);
    // Let the vote's save pass, and no other.
    let seq = r
        .log
        .iter()
        .rev()
        .find_map(|(_, a)| match a {
            Action::Save { seq, .. } => Some(*seq),
            _ => None,
        })
        .unwrap();
    r.event(Event::Saved { seq });
    assert!(r.when("+promoted-slave").is_some(), "{:#?}", r.events());
    assert!(r.when("+switch-master").is_none());
    let other = if r.servers[&addr("10.0.0.2:6379")].role == Role::Master { "10.0.0.3:6379" } else { "10.0.0.2:6379" };
    r.event(Event::Moved { from: addr(other), to: addr("10.0.0.77:6379") });
    let aborted: Vec<_> = r.events().into_iter().filter(|e| e.contains("abort")).collect();
    assert!(aborted.is_empty(), "{aborted:?}");
}

#[test]
fn a_reset_leaves_nobody_sealed() {
    let mut r = Rig::new(GroupConfig { parallel_syncs: 1, ..rules() });
    r.servers.insert(addr("10.0.0.4:6379"), Redis { life: 9, ..r.servers[&addr("10.0.0.3:6379")].clone() });
    r.servers.get_mut(&addr("10.0.0.1:6379")).unwrap().replicas.push(addr("10.0.0.4:6379"));
    r.until(3_000);
    for s in r.servers.values_mut() {
        s.copies = true;
    }
    r.kill("10.0.0.1:6379");
    r.until(3_300);
    assert!(r.when("+switch-master").is_some());
    r.ask(Request::Reset { pattern: "*".into() });
    r.until(30_000);
    let sealed: Vec<_> =
        r.servers.iter().filter(|(_, s)| s.master == Some(addr("127.0.0.1:1"))).map(|(a, _)| *a).collect();
    assert!(sealed.is_empty(), "{sealed:?}");
}

#[test]
fn one_copies_at_a_time_however_long_it_takes() {
    let mut r = Rig::new(GroupConfig { parallel_syncs: 1, ..rules() });
    r.servers.insert(addr("10.0.0.4:6379"), Redis { life: 9, ..r.servers[&addr("10.0.0.3:6379")].clone() });
    r.servers.get_mut(&addr("10.0.0.1:6379")).unwrap().replicas.push(addr("10.0.0.4:6379"));
    r.until(3_000);
    for s in r.servers.values_mut() {
        s.copies = true;
    }
    r.kill("10.0.0.1:6379");
    let mut at_once = vec![];
    for ms in (3_100..30_000).step_by(100) {
        r.until(ms);
        let copying = r.servers.values().filter(|s| s.master == Some(addr("10.0.0.2:6379")) && !s.link_up).count();
        if copying > 1 {
            at_once.push(ms);
            break;
        }
    }
    assert!(at_once.is_empty(), "two copy at {at_once:?}\n{:#?}", r.events());
}

#[test]
fn extremes_do_not_break_anything() {
    for ms in [1, u64::MAX] {
        let time = Duration::from_millis(ms);
        let mut r = Rig::new(rules());
        r.until(2_000);
        let all = vec![
            Setting::DownAfter { time },
            Setting::FailoverTimeout { time },
            Setting::Quorum { n: u32::MAX },
            Setting::ParallelSyncs { n: u32::MAX },
            Setting::RebootDownAfter { time },
        ];
        r.ask(Request::Set { group: "cache".into(), settings: all });
        let knobs = sentinel::Knob::ALL.iter().map(|(k, ..)| (*k, time)).collect();
        r.ask(Request::Tune { knobs });
        r.until(2_500);
        r.kill("10.0.0.1:6379");
        r.until(3_500);
        r.ask(Request::Set { group: "cache".into(), settings: vec![Setting::Quorum { n: 1 }] });
        r.until(8_000);
        let s = r.servers.get_mut(&addr("10.0.0.1:6379")).unwrap();
        (s.up, s.loading, s.life) = (true, true, 42);
        r.until(12_000);
        r.ask(Request::Reset { pattern: "*".into() });
        r.until(13_000);
        eprintln!("{ms}: {} actions", r.log.len());
    }
}

#[test]
fn a_replica_that_reads_its_data_for_long_is_not_down() {
    let mut r = Rig::new(GroupConfig { reboot_down_after: Duration::from_millis(1_500), ..rules() });
    r.until(3_000);
    r.kill("10.0.0.2:6379");
    {
        let s = r.servers.get_mut(&addr("10.0.0.2:6379")).unwrap();
        (s.up, s.loading, s.life) = (true, true, 42);
    }
    r.until(8_000);
    let sdown: Vec<_> = r.events().into_iter().filter(|e| e.contains("+sdown")).collect();
    assert!(sdown.is_empty(), "{sdown:?}");
}

#[test]
fn stock_gives_up_a_copy_that_began_only_at_failover_timeout() {
    let mut r = Rig::new(rules());
    r.until(3_000);
    for s in r.servers.values_mut() {
        s.copies = true;
    }
    r.kill("10.0.0.1:6379");
    r.until(20_000);
    let gave_up: Vec<_> = r.events().into_iter().filter(|e| e.contains("timeout")).collect();
    assert!(gave_up.is_empty(), "{gave_up:?}");
}

#[test]
fn a_removed_group_can_be_switched_by_hand_right_after_monitor() {
    let mut r = Rig::new(rules());
    r.until(3_000);
    r.ask(Request::Remove { group: "cache".into() });
    r.ask(Request::Monitor { group: "cache".into(), rules: rules() });
    r.until(3_100);
    assert_eq!(r.ask(Request::Failover { group: "cache".into() }), Some(Reply::Ok));
    r.until(4_000);
    assert!(r.when("+switch-master").is_some());
}

#[test]
fn a_master_that_cannot_save_does_not_become_well_by_a_broken_link() {
    let mut r = Rig::new(GroupConfig::of(addr("10.0.0.1:6379"), 2, 3));
    r.until(3_000);
    r.servers.get_mut(&addr("10.0.0.1:6379")).unwrap().misconf = true;
    r.until(6_000);
    assert!(r.when("+sdown").is_some());
    let link = r.links("10.0.0.1:6379")[0];
    r.event(Event::Failed { link, fault: Fault::Closed });
    r.until(6_500);
    assert!(r.when("-sdown").is_none(), "{:#?}", r.events());
}

#[test]
fn a_move_of_the_master_in_a_failover_sends_nobody_to_the_old_address() {
    let mut r = Rig::new(rules());
    r.until(3_000);
    r.servers.get_mut(&addr("10.0.0.3:6379")).unwrap().mute = true;
    r.kill("10.0.0.1:6379");
    r.until(3_060);
    let new = Redis { up: true, ..r.servers[&addr("10.0.0.1:6379")].clone() };
    r.servers.insert(addr("10.0.0.7:6379"), new);
    r.event(Event::Moved { from: addr("10.0.0.1:6379"), to: addr("10.0.0.7:6379") });
    let old: Vec<_> = r.log.iter().filter(|(_, a)| matches!(a, Action::Send { ask: Ask::Replicate { master }, .. } if *master == addr("10.0.0.1:6379"))).collect();
    assert!(old.is_empty(), "{old:?}");
}

/// A quorum that is lowered while the master, back for a moment, has not been tried again: it is tried before anything is done.
#[test]
fn a_master_that_came_back_unseen_is_tried_once_more_before_a_failover() {
    for ms in (4_000..4_400).step_by(7) {
        let mut r = Rig::new(GroupConfig { quorum: 2, ..rules() });
        r.until(3_000);
        r.kill("10.0.0.1:6379");
        r.until(ms);
        assert!(r.when("+sdown").is_some() && r.when("+odown").is_none());
        r.servers.get_mut(&addr("10.0.0.1:6379")).expect("it is part of the world").up = true;
        r.until(ms + 12);
        r.ask(Request::Set { group: "cache".into(), settings: vec![Setting::Quorum { n: 1 }] });
        r.until(6_000);
        assert!(r.when("-sdown").is_some() && r.when("+try-failover").is_none(), "{ms}: {:#?}", r.events());
    }
}

#[test]
fn after_a_freeze_it_says_for_how_long_it_has_decided_nothing() {
    let mut r = Rig::new(rules());
    r.until(3_000);
    assert_eq!(r.m.tilted_for(r.now), None);
    r.now = at(9_000);
    r.event(Event::Failed { link: r.links("10.0.0.2:6379")[0], fault: Fault::Reset });
    assert_eq!(r.m.tilted_for(at(9_500)), Some(Duration::from_millis(500)));
    r.until(12_000);
    assert_eq!(r.m.tilted_for(r.now), None);
}

#[test]
fn a_failover_that_is_ordered_while_another_has_our_vote_comes_after_that() {
    let mut r = Rig::new(rules());
    r.until(3_000);
    r.ask(Request::IsMasterDown { master: addr("10.0.0.1:6379"), epoch: Epoch(5), candidate: Some(id('b')) });
    assert_eq!(r.ask(Request::Failover { group: "cache".into() }), Some(Reply::Ok));
    r.until(5_400);
    assert!(r.when("+try-failover").is_none(), "b may still promote");
    r.until(6_500);
    assert!(r.when("+try-failover") >= Some(at(5_500)) && r.when("+switch-master").is_some(), "{:#?}", r.events());
}

/// What was replied to the last question, by now.
fn replied(r: &Rig) -> Option<Reply> {
    r.log.iter().rev().find_map(|(_, action)| match action {
        Action::Reply { call, reply } if call.0 == r.calls => Some(reply.clone()),
        _ => None,
    })
}

fn switchover() -> Request {
    Request::Switchover { group: "cache".into(), to: None }
}

#[test]
fn a_switchover_right_after_the_start_waits_until_the_replicas_are_heard() {
    let mut r = Rig::new(rules());
    // The replicas come back to their master a moment later, and say so only if they are asked.
    for server in r.servers.values_mut() {
        server.link_up = false;
    }
    r.until(100);
    assert_eq!(r.ask(switchover()), None, "it waits");
    r.until(400);
    for server in r.servers.values_mut() {
        server.link_up = true;
    }
    r.until(700);
    let reply = replied(&r);
    assert!(matches!(reply, Some(Reply::Switched { .. })), "{reply:?}");
}

#[test]
fn a_switchover_without_a_fit_replica_is_refused_in_the_end_with_what_is_wrong_with_each() {
    let mut r = Rig::new(rules());
    r.until(100);
    r.servers.get_mut(&addr("10.0.0.2:6379")).unwrap().link_up = false;
    r.kill("10.0.0.3:6379");
    r.until(2_000);
    let reply = r.ask(switchover());
    assert_eq!(reply, None, "it may be better soon");
    assert!(matches!(r.ask(switchover()), Some(Reply::Refused { .. })), "one waits, not many");
    r.calls -= 1;
    r.until(4_100);
    let Some(Reply::Refused { code, why }) = replied(&r) else { panic!("{:?}", r.events()) };
    assert_eq!(code, "NOGOODSLAVE");
    assert!(why.contains("10.0.0.2:6379: it does not hear the master"), "{why}");
    assert!(why.contains("10.0.0.3:6379: it is down"), "{why}");
    // In the words of stock for who speaks its language, and no word is owed when the group is gone.
    r.ask(Request::Failover { group: "cache".into() });
    r.until(6_200);
    let words = Reply::Refused { code: "NOGOODSLAVE".into(), why: "No suitable replica to promote".into() };
    assert_eq!(replied(&r), Some(words));
    r.ask(switchover());
    let waiting = r.calls;
    r.ask(Request::Remove { group: "cache".into() });
    r.calls = waiting;
    assert!(matches!(replied(&r), Some(Reply::Refused { .. })), "{:?}", replied(&r));
}
