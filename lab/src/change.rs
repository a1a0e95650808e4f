//! How does a group get another master, and have all noticed it well?

use std::net::SocketAddr;

use crate::cluster::Cluster;
use crate::cluster::{Event, GROUP, Kind};
use crate::program::wall_ms;

/// A change of master that all have made.
#[derive(Clone, Debug)]
pub struct Change {
    /// Who was master.
    pub old: SocketAddr,
    /// Who is.
    pub new: SocketAddr,
    /// The config epoch that names the decision.
    pub epoch: u64,
    /// How many events each node had published before.
    before: Vec<(usize, usize)>,
}

impl Change {
    /// The master dies.
    ///
    /// # Panics
    /// When it does not come to that.
    #[must_use]
    pub fn crash(cluster: &mut Cluster) -> Self {
        Self::make(cluster, "crash", |cluster, old| cluster.kill_server(old))
    }

    /// A node is told to give the group another master.
    ///
    /// # Panics
    /// When it does not come to that.
    #[must_use]
    pub fn order(cluster: &mut Cluster, node: usize) -> Self {
        Self::order_with(cluster, node, &[])
    }

    /// The same with further words of `SENTINEL FAILOVER`.
    ///
    /// # Panics
    /// When it does not come to that.
    #[must_use]
    pub fn order_with(cluster: &mut Cluster, node: usize, words: &[&str]) -> Self {
        let change = Self::make(cluster, &format!("order to {node} {words:?}"), |cluster, _| {
            let answer = cluster.ask_node(node, &[&["FAILOVER", GROUP], words].concat()).expect("it lives");
            assert_eq!(answer, "OK", "node {node}");
        });
        let (_, events) = change.published(cluster).find(|(n, _)| *n == node).expect("it lives");
        assert!(events.iter().any(|event| event.name == "+try-failover"), "node {node} led it: {events:?}");
        change
    }

    /// Something is done to the master, or to nodes, that gives the group another master.
    ///
    /// # Panics
    /// When it does not come to that.
    #[must_use]
    pub fn make(cluster: &mut Cluster, what: &str, change: impl FnOnce(&mut Cluster, SocketAddr)) -> Self {
        let (old, old_epoch) = cluster.wait("all agree", Cluster::agreed);
        let mut before: Vec<(usize, usize)> = cluster.living().map(|n| (n, cluster.events(n).len())).collect();
        let began = wall_ms();
        change(cluster, old);
        let (new, epoch) = cluster.wait("all agree on another master", |cluster| cluster.moved(old));
        let agreed = wall_ms() - began;
        // Whoever died of it is told when it comes back.
        before.retain(|(n, _)| cluster.living().any(|living| living == *n));
        assert!(epoch > old_epoch, "epoch {epoch} after {old_epoch}");
        let change = Self { old, new, epoch, before };
        let leaders = change.leaders(cluster);
        println!("{what}: {old} to {new}, epoch {epoch}, led by {leaders:?}, all agreed after {agreed:.0} ms");
        change
    }

    /// The old master becomes a replica of the new one, if it must be started for that, it is; and each node told the change
    /// once.
    ///
    /// # Panics
    /// When it does not come to that.
    pub fn comes_back(&self, cluster: &mut Cluster) {
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

    /// Who was elected for it: one of ours, or one of the others.
    ///
    /// # Panics
    /// When it does not come to that.
    pub fn is_led_by(&self, cluster: &Cluster, kind: Kind) {
        let leaders = self.leaders(cluster);
        assert!(leaders.len() == 1 && cluster.kind(leaders[0]).is_ours() == kind.is_ours(), "{leaders:?} led");
    }

    /// The nodes that were elected since.
    #[must_use]
    pub fn leaders(&self, cluster: &Cluster) -> Vec<usize> {
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

/// `SENTINEL CKQUORUM` on each.
///
/// # Panics
/// When one of them has doubts.
pub fn all_can_have_a_leader(cluster: &Cluster) {
    let count = cluster.living().count();
    let expected = format!("OK {count} usable Sentinels. Quorum and failover authorization can be reached");
    for n in cluster.living() {
        assert_eq!(cluster.ask_node(n, &["CKQUORUM", GROUP]).expect("it lives"), expected.as_str(), "node {n}");
    }
}
