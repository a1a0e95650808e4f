//! Valkey's `SENTINEL FAILOVER name COORDINATED`, given to one of ours while somebody writes: nothing that was acknowledged is lost, and who
//! knows Valkey hears the same words.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use lab::Cluster;
use lab::change::Change;
use lab::cluster::{GROUP, Kind, Watch};
use lab::program::valkey_server;
use lab::wire::{Connection, ask};
use serde_json::Value;

#[test]
fn no_acknowledged_write_is_lost_and_the_replies_are_valkeys() {
    let mut cluster = Cluster::start_with(valkey_server(), &[VALKEY, IN_PLACE, IN_PLACE]);
    for words in [
        &["FAILOVER"][..],
        &["FAILOVER", "nobody"],
        &["FAILOVER", "nobody", "COORDINATED"],
        &["FAILOVER", "nobody", "what"],
        &["FAILOVER", GROUP, "what"],
        &["FAILOVER", GROUP, "COORDINATED", "what"],
    ] {
        let (theirs, ours) = (cluster.ask_node(0, words), cluster.ask_node(1, words));
        assert!(theirs.is_some() && theirs == ours, "{words:?}: {theirs:?}, ours {ours:?}");
    }
    let (master, _) = cluster.wait("all agree", Cluster::agreed);
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let sentinel = cluster.sentinel(2);
    thread::scope(|threads| {
        let writer = threads.spawn(|| write(master, sentinel, &stop, &count));
        let more = |cluster: &Cluster, what| {
            let before = count.load(Ordering::Relaxed);
            cluster.wait(what, |_| (count.load(Ordering::Relaxed) > before + 100).then_some(()));
        };
        more(&cluster, "somebody writes");
        // Replied to with OK as soon as it has begun; `order_with` sees to that.
        let change = Change::order_with(&mut cluster, 1, &["coordinated"]);
        change.is_led_by(&cluster, Kind::InPlace);
        more(&cluster, "somebody writes to the new master");
        change.comes_back(&mut cluster);
        stop.store(true, Ordering::Relaxed);
        let acknowledged = writer.join().expect("a writer does not panic");
        let there = ask(change.new, &["SMEMBERS", KEY]).expect("the new master answers");
        let there: BTreeSet<&str> = there.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let lost: Vec<&String> = acknowledged.iter().filter(|n| !there.contains(n.as_str())).collect();
        assert!(lost.is_empty(), "{} of {} acknowledged writes are lost: {lost:?}", lost.len(), acknowledged.len());
    });
}

/// Adds number after number to a set at whoever is master; returns those that were acknowledged.
fn write(mut master: SocketAddr, sentinel: SocketAddr, stop: &AtomicBool, count: &AtomicU64) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let mut connection = None;
    for n in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        if connection.is_none() {
            connection = Connection::open(master).ok();
        }
        let n = n.to_string();
        let added = connection.as_mut().and_then(|server| server.request(&["SADD", KEY, &n]).ok());
        if added == Some(Value::from(1)) {
            acknowledged.push(n);
            count.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        connection = None;
        let told = ask(sentinel, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", GROUP]);
        let addr = told.and_then(|told| format!("{}:{}", told[0].as_str()?, told[1].as_str()?).parse().ok());
        master = addr.unwrap_or(master);
        thread::sleep(Duration::from_millis(2));
    }
    acknowledged
}

const KEY: &str = "written";
const VALKEY: Watch = Watch::new(Kind::Valkey, 2);
const IN_PLACE: Watch = Watch::new(Kind::InPlace, 2);
