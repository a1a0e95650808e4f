//! Does somebody who listens to our Sentinel port hear what Redis's own Sentinel says? Ours, started with a `sentinel.conf`, and a
//! stock one watch one group; what each publishes is compared: the same events, the same payloads, in the same order, and the same
//! lines with the same level in the log.
//!
//! Addresses and ids are replaced by what they stand for: the master is `M`, the replicas `R1` and `R2`; after a failover `OLD`,
//! `NEW` and `OTHER`, and of the two Sentinels one is `LEADER`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use lab::Cluster;
use lab::cluster::{GROUP, Kind, Watch};
use serde_json::{Value, json};

/// Both start from a file, a replica goes away and comes back, and commands change what is watched.
#[test]
fn watching_sounds_the_same() {
    let mut cluster = Cluster::start(&[Watch::new(Kind::InPlace, 2), Watch::new(Kind::Stock, 2)]);
    let names = Names::new(&cluster);
    // They have agreed on the master; the other Sentinel may be new to one of them still.
    cluster.wait("both have told of all that they watch", |cluster| {
        let said = |n: usize, sign: &str| logged(&cluster.log(n)).filter(|(_, text)| text.starts_with(sign)).count();
        [OURS, STOCK].iter().all(|n| said(*n, "+slave ") == 2 && said(*n, "+sentinel ") > 0).then_some(())
    });
    let logged =
        [OURS, STOCK].map(|n| sorted(logged(&cluster.log(n)).map(|(sign, text)| names.put(&format!("{sign} {text}")))));
    same("what the log says of the start", &logged[OURS], &logged[STOCK]);
    assert!(logged[OURS].contains(&format!("# +monitor master {GROUP} M quorum 2")), "{logged:?}");

    let replica = names.replica;
    hear_all(&cluster);
    let from = Marks::new(&cluster);
    cluster.kill_server(replica);
    for n in [OURS, STOCK] {
        from.wait_for(&cluster, n, "+sdown");
    }
    cluster.start_server(replica);
    for n in [OURS, STOCK] {
        from.wait_for(&cluster, n, "-sdown");
        from.wait_for(&cluster, n, "+reboot");
    }
    let away = [OURS, STOCK].map(|n| from.heard(&cluster, n, &names));
    assert!(away.iter().all(|heard| heard[0].starts_with("+sdown slave R")), "{away:#?}");
    // Stock notices the other process by the next INFO, which may come before or after the first PONG.
    same("a replica goes away and comes back", &sorted(away[OURS].clone()), &sorted(away[STOCK].clone()));
    cluster.wait("all is well again", Cluster::agreed);

    settings_sound_the_same(&cluster, &names);
    // What a group consists of is found out anew, in an order that depends on who says its hello when.
    let master = cluster.servers().next().expect("there are three");
    let (ip, port) = (master.ip().to_string(), master.port().to_string());
    for (what, commands, answers) in [
        ("RESET", &[&["RESET", "*"][..]][..], &[json!(1)][..]),
        (
            "REMOVE and MONITOR",
            &[&["REMOVE", GROUP], &["MONITOR", GROUP, &ip, &port, "2"]],
            &[json!("OK"), json!("OK")],
        ),
    ] {
        let heard = [OURS, STOCK].map(|n| {
            let from = Marks::new(&cluster);
            let said: Vec<Value> = commands.iter().filter_map(|words| cluster.ask_node(n, words)).collect();
            assert_eq!(said, answers, "{what} at node {n}");
            cluster.wait("its replicas and the other Sentinel are found", |cluster| {
                let heard = from.heard(cluster, n, &names);
                (heard.len() >= commands.len() + 3).then_some(())
            });
            let mut heard = from.heard(&cluster, n, &names);
            let found = heard.split_off(commands.len());
            heard.extend(sorted(found));
            heard
        });
        same(what, &heard[OURS], &heard[STOCK]);
    }
}

/// `SENTINEL SET` in all its forms that change something, and the answers to some that do not.
fn settings_sound_the_same(cluster: &Cluster, names: &Names) {
    let heard = [OURS, STOCK].map(|n| {
        let from = Marks::new(cluster);
        let answers: Vec<Value> = SETTINGS
            .iter()
            .map(|words| cluster.ask_node(n, &[&["SET", GROUP], *words].concat()).expect("it answers"))
            .collect();
        let changes = answers.iter().zip(SETTINGS).filter(|(answer, _)| *answer == "OK");
        let events: usize =
            changes.map(|(_, words)| if words[0] == "rename-command" { 1 } else { words.len() / 2 }).sum();
        cluster.wait("it told its changes", |cluster| (from.heard(cluster, n, names).len() >= events).then_some(()));
        (answers, from.heard(cluster, n, names))
    });
    for (words, (ours, stock)) in SETTINGS.iter().zip(heard[OURS].0.iter().zip(&heard[STOCK].0)) {
        assert_eq!(ours, stock, "the answer to SET {words:?}");
    }
    same("SET", &heard[OURS].1, &heard[STOCK].1);
}

/// The master is killed: once ours leads, once the stock one; leader is compared with leader, follower with follower.
#[test]
fn a_failover_sounds_the_same() {
    let ours = Failover::led_by(OURS);
    let stock = Failover::led_by(STOCK);
    same("the leader", &ours.leader, &stock.leader);
    assert_eq!(names_of(&stock.leader), ORDER, "the order that everybody knows");
    same("the follower", &stock.follower, &ours.follower);
    same("the old master's return, at the leader", &ours.leader_after, &stock.leader_after);
    same("the old master's return, at the follower", &stock.follower_after, &ours.follower_after);
    for n in [ours, stock] {
        let both = n.levels[OURS].iter().filter_map(|(event, level)| Some((event, level, n.levels[STOCK].get(event)?)));
        let other: Vec<_> = both.filter(|(_, ours, stock)| ours != stock).collect();
        assert!(other.is_empty(), "other levels in the log than the stock one's: {other:?}");
    }
}

/// What was published in one crash.
struct Failover {
    /// Up to the replicas of the new master.
    leader: Vec<String>,
    /// The same, without what the follower finds out by itself, which may be after it heard of the new master.
    follower: Vec<String>,
    /// From there on until the old master is a replica: which events, in whatever order.
    leader_after: Vec<String>,
    follower_after: Vec<String>,
    /// The level of each event in the log.
    levels: [BTreeMap<String, char>; 2],
}

impl Failover {
    fn led_by(leader: usize) -> Self {
        let follower = 1 - leader;
        // Two cannot be three: who waits for a quorum of three never tries, and votes for who asks.
        let quorum = |n| if n == leader { 1 } else { 3 };
        let mut cluster =
            Cluster::start(&[Watch::new(Kind::InPlace, quorum(OURS)), Watch::new(Kind::Stock, quorum(STOCK))]);
        let (old, _) = cluster.agreed().expect("it did a moment ago");
        let from = Marks::new(&cluster);
        cluster.kill_server(old);
        let (new, _) = cluster.wait("both agree on another master", |cluster| cluster.moved(old));
        let mut names = Names::new(&cluster);
        names.after(&cluster, old, new, leader);
        let [mut before, mut after] = [[const { Vec::new() }; 2], [const { Vec::new() }; 2]];
        for n in [OURS, STOCK] {
            from.wait_for(&cluster, n, "+switch-master");
            cluster.wait("the replicas are told again, and the old master's fall", |cluster| {
                let heard = from.heard(cluster, n, &names);
                let end = heard.iter().position(|line| line.starts_with("+switch-master"))? + 3;
                let (told, rest) = heard.split_at_checked(end)?;
                before[n] = told.to_vec();
                rest.iter().any(|line| line.starts_with("+sdown slave OLD")).then_some(())
            });
        }
        cluster.start_server(old);
        cluster.wait("all is well again", Cluster::agreed);
        for n in [OURS, STOCK] {
            cluster.wait("the old master is back for everybody", |cluster| {
                let heard = from.heard(cluster, n, &names);
                after[n] = heard[before[n].len()..].to_vec();
                after[n].iter().any(|line| line.starts_with("-sdown slave OLD")).then_some(())
            });
        }
        let [leader_after, follower_after] = [leader, follower].map(|n| {
            let after = after[n].iter().filter(|line| !MAY_BE_MISSING.iter().any(|name| line.starts_with(name)));
            sorted(after.cloned().collect::<BTreeSet<_>>())
        });
        let opinion = |line: &String| line.starts_with("+sdown master") || line.starts_with("-role-change");
        Self {
            leader: before[leader].clone(),
            follower: before[follower].iter().filter(|line| !opinion(line)).cloned().collect(),
            leader_after,
            follower_after,
            levels: [OURS, STOCK].map(|n| {
                let log = cluster.log(n);
                logged(&log).map(|(level, text)| (text.split(' ').next().unwrap_or(text).to_owned(), level)).collect()
            }),
        }
    }
}

/// Waits until everything that was published so far was heard: events come in order, and this is one.
fn hear_all(cluster: &Cluster) {
    for n in [OURS, STOCK] {
        let from = Marks::new(cluster);
        assert_eq!(cluster.ask_node(n, &["SET", GROUP, "quorum", "2"]), Some(json!("OK")));
        from.wait_for(cluster, n, "+set");
    }
}

/// How far the events had come.
struct Marks([usize; 2]);

impl Marks {
    fn new(cluster: &Cluster) -> Self {
        Self([OURS, STOCK].map(|n| cluster.events(n).len()))
    }

    /// What a node has published since, without what only ours says.
    fn heard(&self, cluster: &Cluster, n: usize, names: &Names) -> Vec<String> {
        let events = cluster.events(n);
        let events =
            events[self.0[n]..].iter().filter(|event| n == STOCK || !OURS_ALONE.contains(&event.name.as_str()));
        events.map(|event| names.put(&format!("{} {}", event.name, event.payload))).collect()
    }

    fn wait_for(&self, cluster: &Cluster, n: usize, name: &str) {
        let heard = |cluster: &Cluster| cluster.events(n)[self.0[n]..].iter().any(|event| event.name == name);
        cluster.wait(&format!("node {n} says {name}"), |cluster| heard(cluster).then_some(()));
    }
}

/// What addresses and ids stand for.
struct Names {
    words: Vec<(String, String)>,
    /// The first replica.
    replica: SocketAddr,
}

impl Names {
    fn new(cluster: &Cluster) -> Self {
        let mut words = Vec::new();
        for (addr, name) in cluster.servers().zip(["M", "R1", "R2"]) {
            add(&mut words, addr, name);
        }
        for n in [OURS, STOCK] {
            let id = cluster.ask_node(n, &["MYID"]).expect("it answers");
            words.push((id.as_str().expect("an id").to_owned(), "PEER".to_owned()));
            add(&mut words, cluster.sentinel(n), "PEER");
        }
        Self { words, replica: cluster.servers().nth(1).expect("a master and two replicas") }
    }

    /// Other names, after a failover.
    fn after(&mut self, cluster: &Cluster, old: SocketAddr, new: SocketAddr, leader: usize) {
        let mut words = Vec::new();
        for addr in cluster.servers() {
            add(
                &mut words,
                addr,
                if addr == old {
                    "OLD"
                } else if addr == new {
                    "NEW"
                } else {
                    "OTHER"
                },
            );
        }
        for n in [OURS, STOCK] {
            let name = if n == leader { "LEADER" } else { "FOLLOWER" };
            let id = cluster.ask_node(n, &["MYID"]).expect("it answers");
            words.push((id.as_str().expect("an id").to_owned(), name.to_owned()));
            add(&mut words, cluster.sentinel(n), name);
        }
        self.words = words;
    }

    fn put(&self, line: &str) -> String {
        self.words.iter().fold(line.to_owned(), |line, (word, name)| line.replace(word, name))
    }
}

/// An address as payloads have it: in two words, and as the name of a replica.
fn add(words: &mut Vec<(String, String)>, addr: SocketAddr, name: &str) {
    words.push((format!("{} {}", addr.ip(), addr.port()), name.to_owned()));
    words.push((addr.to_string(), name.to_owned()));
}

/// The events of a log, with their levels: `31:X 21 Nov 2026 05:02:14.048 # +monitor master ...`
fn logged(log: &str) -> impl Iterator<Item = (char, &str)> {
    log.lines().filter_map(|line| {
        let (_, rest) = line.split_once(":X ")?;
        let (level, text) = rest.splitn(5, ' ').nth(4)?.split_once(' ')?;
        let event = text.starts_with(['+', '-']) && !OURS_ALONE.iter().any(|name| text.starts_with(name));
        event.then_some((level.chars().next()?, text))
    })
}

fn names_of(lines: &[String]) -> Vec<&str> {
    lines.iter().map(|line| line.split(' ').next().unwrap_or(line)).collect()
}

fn sorted(lines: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.into_iter().collect();
    lines.sort();
    lines
}

fn same(what: &str, ours: &[String], stock: &[String]) {
    assert!(ours == stock, "{what}:\n--- ours\n{}\n--- stock\n{}", ours.join("\n"), stock.join("\n"));
}

/// The first node of every pair.
const OURS: usize = 0;
/// The second one.
const STOCK: usize = 1;

/// What only we publish, each with its reason.
const OURS_ALONE: &[&str] = &[];

/// Said by whoever is first to mend the old master, or who asks it at the right moment: when it comes back it is a master, and stock
/// Sentinel leaves it so for eight seconds, while ours mends it at once.
const MAY_BE_MISSING: &[&str] = &["+convert-to-slave", "+reboot", "-role-change", "+role-change"];

/// A failover after a crash, as its leader tells it.
const ORDER: [&str; 20] = [
    "+sdown",
    "+odown",
    "+new-epoch",
    "+try-failover",
    "+vote-for-leader",
    "+elected-leader",
    "+failover-state-select-slave",
    "+selected-slave",
    "+failover-state-send-slaveof-noone",
    "+failover-state-wait-promotion",
    "-role-change",
    "+promoted-slave",
    "+failover-state-reconf-slaves",
    "+slave-reconf-sent",
    "+slave-reconf-inprog",
    "+slave-reconf-done",
    "+failover-end",
    "+switch-master",
    "+slave",
    "+slave",
];

/// What stands behind `SENTINEL SET` and the group's name.
const SETTINGS: &[&[&str]] = &[
    &["down-after-milliseconds", "1500"],
    &["quorum", "2", "parallel-syncs", "2"],
    &["failover-timeout", "5000"],
    &["auth-pass", "secret"],
    &["auth-pass", ""],
    &["auth-user", ""],
    &["master-reboot-down-after-period", "0"],
    &["rename-command", "SCRIPT", "SKRIPT"],
    &["rename-command", "SCRIPT", "SCRIPT"],
    &["quorum", "0"],
    &["down-after-milliseconds", "soon"],
    // What stands before the wrong one is done.
    &["parallel-syncs", "1", "colour", "blue"],
    &["colour"],
    &["notification-script", "/bin/true"],
];
