//! Stock Sentinels and our nodes around one group: they find each other, vote for each other, lead each other, and are of one mind
//! after each change of master, whoever led it.

use std::net::SocketAddr;

use lab::Cluster;
use lab::cluster::{Event, GROUP, Kind, Watch};
use lab::program::wall_ms;

#[test]
fn one_stock_of_three_and_ours_change_masters_together() {
    change_masters_together(&[STOCK, OURS, OURS]);
}

#[test]
fn two_stock_of_three_and_ours_change_masters_together() {
    change_masters_together(&[STOCK, STOCK, OURS]);
}

#[test]
fn three_stock_of_five_and_ours_change_masters_together() {
    change_masters_together(&[WIDE_STOCK, WIDE_STOCK, WIDE_STOCK, WIDE_OURS, WIDE_OURS]);
}

#[test]
fn ours_vote_for_one_stock_of_three_that_alone_saw_the_master_die() {
    // With a quorum of one, what it sees is enough to want to lead; to lead it needs a vote of ours.
    stock_leads_after_a_crash(&[Watch::new(Kind::Stock, 1), PATIENT, PATIENT]);
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
    let mut cluster = Cluster::start(watches);
    all_can_have_a_leader(&cluster);
    let stock = cluster.of_kind(Kind::Stock).last().expect("there is one");
    let ours = cluster.of_kind(Kind::Ours).last().expect("there is one");

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
        (epochs.len() == watches.len() && values.all(|epochs| epochs == first)).then_some(*first)
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

/// `SENTINEL CKQUORUM` on each.
fn all_can_have_a_leader(cluster: &Cluster) {
    let count = cluster.living().count();
    let expected = format!("OK {count} usable Sentinels. Quorum and failover authorization can be reached");
    for n in cluster.living() {
        assert_eq!(cluster.ask_node(n, &["CKQUORUM", GROUP]).expect("it lives"), expected.as_str(), "node {n}");
    }
}

/// A change of master that all have made.
struct Change {
    old: SocketAddr,
    new: SocketAddr,
    epoch: u64,
    /// How many events each node had published before.
    before: Vec<(usize, usize)>,
}

impl Change {
    /// The master dies.
    fn crash(cluster: &mut Cluster) -> Self {
        Self::make(cluster, "crash", |cluster, old| cluster.kill_server(old))
    }

    /// A node is told to give the group another master.
    fn order(cluster: &mut Cluster, node: usize) -> Self {
        let change = Self::make(cluster, &format!("order to {node}"), |cluster, _| {
            let answer = cluster.ask_node(node, &["FAILOVER", GROUP]).expect("it lives");
            assert_eq!(answer, "OK", "node {node}");
        });
        let (_, events) = change.published(cluster).find(|(n, _)| *n == node).expect("it lives");
        assert!(events.iter().any(|event| event.name == "+try-failover"), "node {node} led it: {events:?}");
        change
    }

    fn make(cluster: &mut Cluster, what: &str, change: impl FnOnce(&mut Cluster, SocketAddr)) -> Self {
        let (old, old_epoch) = cluster.wait("all agree", Cluster::agreed);
        let before = cluster.living().map(|n| (n, cluster.events(n).len())).collect();
        let began = wall_ms();
        change(cluster, old);
        let (new, epoch) = cluster.wait("all agree on another master", |cluster| cluster.moved(old));
        let agreed = wall_ms() - began;
        assert!(epoch > old_epoch, "epoch {epoch} after {old_epoch}");
        let change = Self { old, new, epoch, before };
        let leaders = change.leaders(cluster);
        println!("{what}: {old} to {new}, epoch {epoch}, led by {leaders:?}, all agreed after {agreed:.0} ms");
        change
    }

    /// The old master becomes a replica of the new one, if it must be started for that, it is; and each node told the change
    /// once.
    fn comes_back(&self, cluster: &mut Cluster) {
        let began = wall_ms();
        cluster.start_server(self.old);
        let (master, epoch) = cluster.wait("all is well again", Cluster::agreed);
        println!("    all is well after {:.0} ms more", wall_ms() - began);
        assert_eq!((master, epoch), (self.new, self.epoch), "who comes back does not take over");
        let told = format!("{GROUP} {} {} {} {}", self.old.ip(), self.old.port(), self.new.ip(), self.new.port());
        let once = |cluster: &Cluster| self.published(cluster).all(|(_, events)| switches(&events) >= 1).then_some(());
        // A leader of the stock kind tells it last.
        cluster.wait("all have told the change", once);
        for (n, events) in self.published(cluster) {
            let switches: Vec<&str> =
                events.iter().filter(|e| e.name == "+switch-master").map(|e| e.payload.as_str()).collect();
            assert_eq!(switches, [told.as_str()], "node {n}");
        }
    }

    /// Who was elected for it.
    fn is_led_by(&self, cluster: &Cluster, kind: Kind) {
        let leaders = self.leaders(cluster);
        assert!(leaders.len() == 1 && cluster.of_kind(kind).any(|n| n == leaders[0]), "{leaders:?} led");
    }

    fn leaders(&self, cluster: &Cluster) -> Vec<usize> {
        let elected = |events: &[Event]| events.iter().any(|event| event.name == "+elected-leader");
        self.published(cluster).filter(|(_, events)| elected(events)).map(|(n, _)| n).collect()
    }

    /// What each node that lived then has published since.
    fn published<'a>(&'a self, cluster: &'a Cluster) -> impl Iterator<Item = (usize, Vec<Event>)> + 'a {
        self.before.iter().map(|&(n, before)| (n, cluster.events(n).split_off(before)))
    }
}

fn switches(events: &[Event]) -> usize {
    events.iter().filter(|event| event.name == "+switch-master").count()
}

const STOCK: Watch = Watch::new(Kind::Stock, 2);
const OURS: Watch = Watch::new(Kind::Ours, 2);
/// One of ours that votes and never wants to lead.
const PATIENT: Watch = Watch::patient(Kind::Ours, 2);
const WIDE_STOCK: Watch = Watch::new(Kind::Stock, 3);
const WIDE_OURS: Watch = Watch::new(Kind::Ours, 3);
