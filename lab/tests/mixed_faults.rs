//! Stock Sentinels and our nodes around one group, when one of them or the master misbehaves: leaders that die at their work, two
//! that lead at once, masters that hang, nodes that come back as somebody else or elsewhere.

use std::thread;
use std::time::Duration;

use lab::Cluster;
use lab::change::{Change, all_can_have_a_leader};
use lab::cluster::{GROUP, Kind, Watch};
use lab::wire::ask;

#[test]
fn a_stock_leader_that_dies_elected_is_followed_by_one_of_ours() {
    stock_leader_dies("crash-after-election");
}

#[test]
fn a_stock_leader_that_dies_after_the_promotion_is_followed_by_one_of_ours() {
    stock_leader_dies("crash-after-promotion");
}

/// The stock Sentinel sees the master's death first, and is elected with a vote of ours.
fn stock_leader_dies(when: &str) {
    let slow = Watch { down_after: SLOWLY, confirm: SLOWLY, ..OURS };
    let mut cluster = Cluster::start(&[Watch::new(Kind::Stock, 1), slow, slow]);
    assert_eq!(cluster.ask_node(0, &["SIMULATE-FAILURE", when]).expect("it lives"), "OK");
    let change = Change::make(&mut cluster, when, |cluster, old| {
        cluster.kill_server(old);
        assert_eq!(cluster.node_ends(0), Some(99), "as it does when it was told to fail");
    });
    change.is_led_by(&cluster, Kind::Ours);
    cluster.start_node(0);
    change.comes_back(&mut cluster);
    all_can_have_a_leader(&cluster);
}

#[test]
fn two_leaders_at_once_leave_one_master() {
    let cluster = Cluster::start(&[STOCK, STOCK, OURS]);
    for round in 0..2 {
        let (old, epoch) = cluster.wait("all agree", Cluster::agreed);
        let orders = [0, 1, 2].map(|n| {
            let sentinel = cluster.sentinel(n);
            thread::spawn(move || ask(sentinel, &["SENTINEL", "FAILOVER", GROUP]))
        });
        let answers = orders.map(|order| order.join().expect("a question does not panic"));
        // One of them may know already that another one is at it.
        println!("round {round}: {answers:?}");
        let one = cluster.wait("there is one master, and a new decision", |cluster| {
            cluster.agreed().filter(|(_, now)| *now > epoch)
        });
        println!("    {old} epoch {epoch}, then {one:?}");
    }
}

#[test]
fn a_master_that_hangs_is_replaced_and_follows_when_it_wakes() {
    let mut cluster = Cluster::start(&[STOCK, STOCK, OURS]);
    let change = Change::make(&mut cluster, "hang", |cluster, old| cluster.signal_server(old, "STOP"));
    cluster.signal_server(change.old, "CONT");
    change.comes_back(&mut cluster);
}

#[test]
fn a_node_that_comes_back_as_somebody_else_is_counted_once() {
    let mut cluster = Cluster::start(&[STOCK, STOCK, OURS]);
    for n in [0, 2] {
        let before = cluster.ask_node(n, &["MYID"]);
        cluster.kill_node(n);
        cluster.forget_node(n);
        cluster.start_node(n);
        assert_ne!(cluster.ask_node(n, &["MYID"]), before);
        are_three(&cluster);
    }
    Change::crash(&mut cluster).comes_back(&mut cluster);
}

#[test]
fn a_node_that_comes_back_elsewhere_is_counted_once() {
    let mut cluster = Cluster::start(&[STOCK, STOCK, Watch::new(Kind::InPlace, 2)]);
    for n in [0, 2] {
        let before = cluster.ask_node(n, &["MYID"]);
        cluster.kill_node(n);
        cluster.move_node(n);
        cluster.start_node(n);
        assert_eq!(cluster.ask_node(n, &["MYID"]), before);
        are_three(&cluster);
    }
    Change::crash(&mut cluster).comes_back(&mut cluster);
}

#[test]
fn a_stock_sentinel_that_was_told_to_forget_finds_everybody_again() {
    let mut cluster = Cluster::start(&[STOCK, OURS, OURS]);
    Change::crash(&mut cluster).comes_back(&mut cluster);
    assert_eq!(cluster.ask_node(0, &["RESET", "*"]).expect("it lives"), 1);
    are_three(&cluster);
    Change::crash(&mut cluster).comes_back(&mut cluster);
}

/// Each of three nodes lists exactly the two others, and misses nobody.
fn are_three(cluster: &Cluster) {
    cluster.wait("all know each other, and nobody else", |cluster| {
        let listed = |n: usize| Some(cluster.ask_node(n, &["SENTINELS", GROUP])?.as_array()?.len() == 2);
        let only = (0..3).all(|n| listed(n).is_some_and(|two| two));
        cluster.agreed().filter(|_| only)
    });
    all_can_have_a_leader(cluster);
}

const STOCK: Watch = Watch::new(Kind::Stock, 2);
const OURS: Watch = Watch::new(Kind::Ours, 2);
/// Later than a stock Sentinel has seen a death and was elected.
const SLOWLY: Duration = Duration::from_secs(9);
