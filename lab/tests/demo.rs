//! The demo with real servers: every fault ends with one master, all nodes agreed, and no acknowledged write missing without a reason.

use std::process::Command;

use lab::program::{require, run, said, standfast};
use serde_json::Value;

#[test]
fn every_fault_ends_with_one_master_and_explained_books() {
    require("redis-server");
    let output = run(&["demo", "--script", "crash,hang,cut,restart,switchover", "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    let document: Value = serde_json::from_slice(&output.stdout).expect("one document on standard output");
    let rounds = document["rounds"].as_array().expect("a list of rounds");
    assert_eq!(rounds.len(), 5);
    for round in rounds {
        let clients = &round["clients"];
        assert!(clients["acknowledged"].as_u64() > Some(100), "{round:#}");
        assert_eq!(clients["idle_kept"], clients["idle"], "an idle client lost its connection: {round:#}");
        assert_eq!(clients["closed_reading"], 0, "a reader lost its connection: {round:#}");
        assert_eq!(round["twice"], 0, "a write was executed twice: {round:#}");
        assert_eq!((&round["one_master"], &round["all_agree"]), (&true.into(), &true.into()), "{round:#}");
        let told: Vec<&str> =
            round["timeline"].as_array().into_iter().flatten().filter_map(|step| step["what"].as_str()).collect();
        for step in ["fault", "elected", "promoted", "verified", "published", "first write acknowledged"] {
            assert!(told.contains(&step), "no `{step}` in {round:#}");
        }
    }
    let planned = &rounds[4];
    assert_eq!(planned["clients"]["errors"].as_object().map(serde_json::Map::len), Some(0), "{planned:#}");
    assert_eq!((&planned["clients"]["closed_writing"], &planned["missing"]), (&0.into(), &0.into()), "{planned:#}");
}

#[test]
fn a_demo_that_is_told_to_end_leaves_nothing_behind() {
    let demo = lab::Demo::start();
    let dir = demo.ready["dir"].as_str().expect("it tells its directory").to_owned();
    let ps =
        || String::from_utf8_lossy(&Command::new("ps").args(["-eo", "args"]).output().expect("ps").stdout).into_owned();
    assert!(ps().contains(&dir));
    drop(demo);
    assert!(!std::path::Path::new(&dir).exists(), "{dir} is still there");
    assert!(!ps().contains(&dir), "a process is still there");
}

#[test]
fn without_a_redis_the_demo_says_what_to_install() {
    let output = Command::new(standfast()).arg("demo").env("PATH", "/nonexistent").output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(4));
    assert!(said(&output).contains("apt install redis-server"), "{}", said(&output));
}
