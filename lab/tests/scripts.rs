//! The operator's scripts: told the same by a node of ours as by a stock Sentinel beside it, in one change of master.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use lab::Cluster;
use lab::cluster::{GROUP, Kind, Watch};

#[test]
fn a_change_of_master_runs_the_scripts_of_ours_and_of_stock_alike() {
    let watch = |kind| Watch::new(kind, 2);
    let kinds = [Kind::Ours, Kind::InPlace, Kind::Stock];
    let mut cluster = Cluster::start(&kinds.map(watch));
    for (n, kind) in kinds.into_iter().enumerate() {
        cluster.kill_node(n);
        let (notify, reconfigure) = (script(&cluster, n, "notify"), script(&cluster, n, "reconfigure"));
        cluster.edit(n, |file| match kind {
            Kind::Ours => format!(
                "{file}notification-script = \"{}\"\nclient-reconfig-script = \"{}\"\n",
                notify.display(),
                reconfigure.display()
            ),
            Kind::InPlace | Kind::Stock | Kind::Valkey => format!(
                "{file}sentinel notification-script {GROUP} {}\nsentinel client-reconfig-script {GROUP} {}\n",
                notify.display(),
                reconfigure.display()
            ),
        });
        cluster.start_node(n);
    }
    cluster.wait("all know each other again", Cluster::agreed);

    let old = cluster.servers().next().expect("there are three");
    cluster.kill_server(old);
    let (new, _) = cluster.wait("there is another master", |cluster| cluster.moved(old));
    let mut roles = Vec::new();
    for n in 0..kinds.len() {
        let told = cluster.wait("the node tells clients", |cluster| calls(cluster, n, "reconfigure").pop());
        let place = format!("start|{}|{}|{}|{}|", old.ip(), old.port(), new.ip(), new.port());
        let role = told.strip_prefix(&format!("7|{GROUP}|")).and_then(|rest| rest.strip_suffix(&format!("|{place}")));
        roles.push(role.unwrap_or_else(|| panic!("node {n}: {told}")).to_owned());
        assert_eq!(calls(&cluster, n, "reconfigure").len(), 1, "node {n}: once for one change");
        // They run side by side: what was ordered first need not be written first.
        wait_for(&cluster, n, &["+monitor", "+new-epoch", "+switch-master"]);
        let calls = calls(&cluster, n, "notify");
        assert!(calls.iter().all(|call| call.starts_with("2|")), "an event and its text: {calls:#?}");
        let switched = format!("2|+switch-master|{GROUP} {} {} {} {}|", old.ip(), old.port(), new.ip(), new.port());
        assert!(calls.contains(&switched), "{switched}: {calls:#?}");
    }
    let leader = roles.iter().position(|role| role == "leader").unwrap_or_else(|| panic!("nobody led: {roles:?}"));
    let led = ["+sdown", "+odown", "+try-failover", "+elected-leader", "+selected-slave", "+promoted-slave"];
    wait_for(&cluster, leader, &led);
    roles.sort();
    assert_eq!(roles, ["leader", "observer", "observer"]);
}

/// A script that notes how it was called: the number of its arguments, and each with a bar behind it. Scripts run side
/// by side, so a call is written whole: one builtin, one write.
fn script(cluster: &Cluster, n: usize, name: &str) -> PathBuf {
    let path = place(cluster, n, name);
    let write = r#"call=$(printf '%s|' "$#" "$@"); printf '%s\n' "$call" >>"#;
    let text = format!("#!/bin/sh\n{write} {}\n", calls_of(&path).display());
    fs::write(&path, text).expect("the scratch directory can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    path
}

fn place(cluster: &Cluster, n: usize, name: &str) -> PathBuf {
    let control = PathBuf::from(cluster.control(n));
    let dir = control.parent().and_then(Path::parent).expect("it is in the node's state directory");
    dir.join(name)
}

fn calls_of(script: &Path) -> PathBuf {
    script.with_extension("calls")
}

fn calls(cluster: &Cluster, n: usize, name: &str) -> Vec<String> {
    let text = fs::read_to_string(calls_of(&place(cluster, n, name))).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn wait_for(cluster: &Cluster, n: usize, events: &[&str]) {
    cluster.wait(&format!("node {n} has notified of {events:?}"), |cluster| {
        let names = names(cluster, n);
        events.iter().all(|event| names.contains(*event)).then_some(())
    });
}

/// The events that a node has notified of.
fn names(cluster: &Cluster, n: usize) -> BTreeSet<String> {
    let calls = calls(cluster, n, "notify");
    calls.iter().filter_map(|call| call.split('|').nth(1)).map(str::to_owned).collect()
}
