//! Clients that know Sentinels, not Standfast: redis-py's `Sentinel` class and redis-cli.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use lab::Demo;
use lab::program::require;

/// Finds the master, writes through `master_for`, and follows `+switch-master`. Says each step on a line.
const FOLLOWER: &str = r#"
import sys, redis
from redis.sentinel import Sentinel

sentinels = [(a.rsplit(":", 1)[0], int(a.rsplit(":", 1)[1])) for a in sys.argv[1:]]
sentinel = Sentinel(sentinels, socket_timeout=10)
old = sentinel.discover_master("cache")
master = sentinel.master_for("cache", socket_timeout=10)
master.set("follower", "1")
print("replicas", len(sentinel.discover_slaves("cache")), flush=True)
events = redis.Redis(host=sentinels[1][0], port=sentinels[1][1]).pubsub()
events.subscribe("+switch-master")
for message in events.listen():
    if message["type"] == "subscribe":
        print("ready", *old, flush=True)
    if message["type"] == "message":
        print("switch", message["data"].decode(), flush=True)
        break
new = message["data"].decode().split(" ")
while sentinel.discover_master("cache") != (new[3], int(new[4])):
    pass
while True:
    try:
        assert master.get("follower") == b"1"
        break
    except redis.exceptions.ConnectionError:
        pass
print("found", *sentinel.discover_master("cache"), flush=True)
"#;

#[test]
fn redis_py_finds_the_master_and_follows_it() {
    let mut demo = Demo::start();
    let sentinels: Vec<String> = (0..3).map(|n| demo.node(n, "sentinel")).collect();
    // Debian's own python3 has python3-redis.
    let mut python = Command::new("/usr/bin/python3")
        .args(["-c", FOLLOWER])
        .args(&sentinels)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test needs /usr/bin/python3 with python3-redis: `cargo xtask test` installs it");
    let stdout = python.stdout.take().expect("it was asked for");
    let mut lines = BufReader::new(stdout).lines().map(|line| line.expect("python writes text"));
    let mut next = |word: &str| {
        let line = lines.next().unwrap_or_else(|| {
            panic!("python ended before `{word}`; see its standard error (python3-redis is needed)")
        });
        line.strip_prefix(word).unwrap_or_else(|| panic!("expected `{word}`, got `{line}`")).trim().to_owned()
    };
    assert_eq!(next("replicas"), "2");
    let old = next("ready");
    demo.key("s");
    let switch = next("switch");
    let found = next("found");
    assert_eq!(switch, format!("cache {old} {found}"));
    assert_ne!(old, found);
    assert!(python.wait().expect("it was started").success());
}

#[test]
fn redis_cli_is_answered_as_by_a_sentinel() {
    require("redis-cli");
    let demo = Demo::start();
    let addr = demo.node(0, "sentinel");
    let (host, port) = addr.rsplit_once(':').expect("an address");
    let cli = |arguments: &[&str]| {
        let output = Command::new("redis-cli")
            .args(["-h", host, "-p", port])
            .args(arguments)
            .output()
            .expect("it is on the PATH");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let master = demo.ready["servers"][0].as_str().expect("an address").replace(':', "\n");
    assert_eq!(cli(&["sentinel", "get-master-addr-by-name", "cache"]), master);
    assert_eq!(cli(&["-3", "sentinel", "get-master-addr-by-name", "cache"]), master);
    assert_eq!(cli(&["sentinel", "get-master-addr-by-name", "other"]), "");
    assert!(cli(&["sentinel", "ckquorum", "cache"]).starts_with("OK 3 usable Sentinels."));
    assert!(cli(&["sentinel", "masters"]).contains("num-other-sentinels\n2"));
    assert_eq!(cli(&["sentinel", "myid"]).len(), 40);
    assert_eq!(cli(&["sentinel", "master", "other"]), "ERR No such master with that name");
    assert_eq!(cli(&["sentinel", "frobnicate"]), "ERR unknown subcommand 'frobnicate'. Try SENTINEL HELP.");
    assert_eq!(cli(&["sentinel", "failover"]), "ERR wrong number of arguments for 'sentinel|failover' command");
    assert_eq!(cli(&["get", "k"]), "ERR unknown command 'get', with args beginning with: 'k'");
    assert_eq!(cli(&["publish", "news", "x"]), "ERR Only HELLO messages are accepted by Sentinel instances.");
    assert_eq!(cli(&["role"]), "sentinel\ncache");
    let info = cli(&["info"]);
    for field in [
        "redis_mode:sentinel",
        "maxclients:",
        "used_cpu_user:",
        "sentinel_tilt:0",
        "master0:name=cache,status=ok,address=",
    ] {
        assert!(info.contains(field), "{field}: {info}");
    }
    assert!(!cli(&["info", "sentinel"]).contains("redis_version"));
}
