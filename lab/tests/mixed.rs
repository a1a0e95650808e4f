//! Stock Sentinels, Redis's and Valkey's, and our nodes around one group: they find each other, vote for each other, lead each other, and are of one mind
//! after each change of master, whoever led it.

use lab::Cluster;
use lab::change::{Change, all_can_have_a_leader};
use lab::cluster::{GROUP, Kind, Watch};
use lab::program::valkey_server;

#[test]
fn one_stock_of_three_and_ours_change_masters_together() {
    change_masters_together(&[STOCK, OURS, IN_PLACE]);
}

#[test]
fn two_stock_of_three_and_ours_change_masters_together() {
    change_masters_together(&[STOCK, STOCK, OURS]);
}

#[test]
fn three_stock_of_five_and_ours_change_masters_together() {
    change_masters_together(&[WIDE_STOCK, WIDE_STOCK, WIDE_STOCK, WIDE_OURS, Watch::new(Kind::InPlace, 3)]);
}

#[test]
fn one_valkey_of_three_and_ours_change_masters_together_around_valkey_servers() {
    change_masters_together_in(Cluster::start_with(valkey_server(), &[VALKEY, OURS, IN_PLACE]));
}

#[test]
fn ours_vote_for_a_coordinated_failover_of_valkey_while_the_master_is_well() {
    let mut cluster = Cluster::start_with(valkey_server(), &[VALKEY, OURS, IN_PLACE]);
    let change = Change::order_with(&mut cluster, 0, &["COORDINATED"]);
    change.is_led_by(&cluster, Kind::Valkey);
    change.comes_back(&mut cluster);
}

#[test]
fn redis_valkey_and_ours_change_masters_together() {
    change_masters_together(&[STOCK, IN_PLACE, VALKEY]);
}

#[test]
fn ours_vote_for_one_stock_of_three_that_alone_saw_the_master_die() {
    // With a quorum of one, what it sees is enough to want to lead; to lead it needs a vote of ours.
    // And at its own pace.
    stock_leads_after_a_crash(&[Watch { curious: false, ..Watch::new(Kind::Stock, 1) }, PATIENT, PATIENT]);
}

#[test]
fn ours_votes_with_two_stock_of_three_that_saw_the_master_die() {
    stock_leads_after_a_crash(&[STOCK, STOCK, PATIENT]);
}

#[test]
fn ours_vote_with_three_stock_of_five_that_saw_the_master_die() {
    let patient = Watch::patient(Kind::Ours, 3);
    stock_leads_after_a_crash(&[WIDE_STOCK, WIDE_STOCK, WIDE_STOCK, patient, patient]);
}

#[test]
fn stock_vote_for_ours_that_alone_saw_the_master_die() {
    let patient = Watch::patient(Kind::Stock, 2);
    let mut cluster = Cluster::start(&[patient, patient, Watch::new(Kind::Ours, 1)]);
    let change = Change::crash(&mut cluster);
    change.is_led_by(&cluster, Kind::Ours);
    change.comes_back(&mut cluster);
}

#[test]
fn a_stock_sentinel_and_one_of_ours_come_back_to_what_was_decided_without_them() {
    let mut cluster = Cluster::start(&[WIDE_STOCK, WIDE_STOCK, WIDE_STOCK, WIDE_OURS, WIDE_OURS]);
    let ids = |cluster: &Cluster| (0..5).map(|n| cluster.ask_node(n, &["MYID"])).collect::<Vec<_>>();
    let before = ids(&cluster);
    // Three of five are left: the majority, and the quorum.
    cluster.kill_node(0);
    cluster.kill_node(3);
    let change = Change::crash(&mut cluster);
    cluster.start_node(0);
    cluster.start_node(3);
    change.comes_back(&mut cluster);
    assert_eq!(ids(&cluster), before, "each is who it was");
    all_can_have_a_leader(&cluster);
    // They count as before.
    Change::crash(&mut cluster).comes_back(&mut cluster);
}

#[test]
fn a_stock_sentinel_that_is_started_again_is_known_again() {
    let mut cluster = Cluster::start(&[STOCK, OURS, OURS]);
    let before = cluster.ask_node(0, &["MYID"]);
    cluster.kill_node(0);
    let down = |cluster: &Cluster| {
        let listed = cluster.ask_node(1, &["SENTINELS", GROUP])?.to_string();
        listed.contains("s_down").then_some(())
    };
    cluster.wait("its death is seen", down);
    cluster.start_node(0);
    cluster.wait("all is well again", Cluster::agreed);
    assert_eq!(cluster.ask_node(0, &["MYID"]), before);
    let change = Change::crash(&mut cluster);
    change.comes_back(&mut cluster);
}

/// Five changes of master in a row: two that a stock Sentinel leads because it is told to, one of ours likewise, and two deaths.
fn change_masters_together(watches: &[Watch]) {
    change_masters_together_in(Cluster::start(watches));
}

fn change_masters_together_in(mut cluster: Cluster) {
    all_can_have_a_leader(&cluster);
    let (ours, stock): (Vec<usize>, Vec<usize>) = cluster.living().partition(|&n| cluster.kind(n).is_ours());
    let count = ours.len() + stock.len();
    let (ours, stock) = (*ours.last().expect("there is one"), *stock.last().expect("there is one"));

    Change::crash(&mut cluster).comes_back(&mut cluster);
    Change::order(&mut cluster, stock).comes_back(&mut cluster);
    Change::order(&mut cluster, ours).comes_back(&mut cluster);
    Change::order(&mut cluster, stock).comes_back(&mut cluster);
    let last = Change::crash(&mut cluster);
    last.comes_back(&mut cluster);
    all_can_have_a_leader(&cluster);

    let spread = |cluster: &Cluster| {
        let epochs = cluster.epochs(last.new)?;
        let mut values = epochs.values();
        let first = values.next()?;
        (epochs.len() == count && values.all(|epochs| epochs == first)).then_some(*first)
    };
    let (current, config) = cluster.wait("all say the same epochs", spread);
    assert!(current >= config && config == last.epoch, "current {current}, config {config}, decided {}", last.epoch);
}

/// The master dies, and only stock Sentinels want to lead.
fn stock_leads_after_a_crash(watches: &[Watch]) {
    let mut cluster = Cluster::start(watches);
    let change = Change::crash(&mut cluster);
    change.is_led_by(&cluster, Kind::Stock);
    change.comes_back(&mut cluster);
}

const STOCK: Watch = Watch::new(Kind::Stock, 2);
const VALKEY: Watch = Watch::new(Kind::Valkey, 2);
const OURS: Watch = Watch::new(Kind::Ours, 2);
/// One of ours on a stock Sentinel's file.
const IN_PLACE: Watch = Watch::new(Kind::InPlace, 2);
/// One of ours that votes and never wants to lead.
const PATIENT: Watch = Watch::patient(Kind::Ours, 2);
const WIDE_STOCK: Watch = Watch::new(Kind::Stock, 3);
const WIDE_OURS: Watch = Watch::new(Kind::Ours, 3);
