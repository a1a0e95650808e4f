//! What an address follows, with the real program on two hosts: requests that get through this host's own listener. And the rights that it takes
//! to hold one: no more than the documents say.

#[allow(dead_code, reason = "these tests have a part of it")]
#[path = "addresses/stage.rs"]
mod stage;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::Command;
use std::thread;
use std::time::Duration;

use lab::program::{said, standfast, wall_ms};
use stage::{Running, Stage, VIP, vrrp};

/// The address, following the proxy, with this priority.
fn proven(priority: u8) -> String {
    let address = vrrp(priority, "interval = \"50ms\"\ntimeout = \"400ms\"", "");
    address.replace("follows = \"checks\"", "follows = \"proxy\"")
}

/// `a` holds it, because requests get through there.
fn proven_on_a() -> Stage {
    let mut stage = Stage::set();
    for host in ["a", "b"] {
        // As it is set where HAProxy binds an address that is not there yet: what can be bound is not necessarily here.
        stage.network.sysctl(host, "net.ipv4.ip_nonlocal_bind", "1");
    }
    stage.run_both(&proven(150), &proven(100));
    stage.wait_for_holder("a");
    stage.answers();
    stage
}

fn signal_redis(stage: &Stage, signal: &str) {
    let info = stage.network.command("c", "redis-cli").args(["-h", "10.0.0.3", "INFO", "server"]).output();
    let info = said(&info.expect("redis-cli is on the PATH"));
    let pid = info.lines().find_map(|line| line.strip_prefix("process_id:")).expect("Redis tells its number");
    let sent = Command::new("kill").args(["-s", signal, pid.trim()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "a process of ours can be sent a signal");
}

#[test]
fn a_dead_master_is_no_reason_to_move() {
    let mut stage = Stage::set();
    // Slow enough for a machine that has something else to do: nothing but the proof may move it.
    let calm = |priority| {
        let text = proven(priority).replace("interval = \"100ms\"", "interval = \"1s\"");
        text.replace("timeout = \"400ms\"", "timeout = \"1s\"\nlifetime = \"4s\"")
    };
    stage.run_both(&calm(150), &calm(100));
    stage.wait_for_holder("a");
    stage.answers();
    signal_redis(&stage, "KILL");
    // Longer than a check may fail, and than the kernel keeps the address without a proof; not so long that the proxy itself is doubted.
    let killed = wall_ms();
    while wall_ms() < killed + 6_000.0 {
        assert!(stage.holds("a", VIP) && !stage.holds("b", VIP), "the proxy lives, and waits for a master");
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(stage.stands("a").expect("it answers")["state"], "active");
}

#[test]
fn a_proxy_that_does_not_answer_loses_it() {
    let mut stage = Stage::set();
    for (host, priority) in [("a", 150), ("b", 100)] {
        // Everywhere, so that it is proved by TCP wherever the address is.
        let text = stage.file(host, &proven(priority)).replace(&format!("\"{VIP}:6379\""), "\"0.0.0.0:6379\"");
        fs::write(stage.dir(host).join("standfast.toml"), text).expect("it can be written");
        stage.run(host);
    }
    stage.wait_for_holder("a");
    // As if nobody of its workers accepted any more: connections of this host to itself get no answer.
    let rules = "add table inet deaf; add chain inet deaf input { type filter hook input priority 0; }; \
                 add rule inet deaf input iif lo tcp dport 6379 drop";
    let nft = |rules: &str| {
        let done = stage.network.command("a", "nft").arg(rules).output().expect("`nft` is on the PATH");
        assert!(done.status.success(), "{}", said(&done));
    };
    nft(rules);
    stage.wait_for_holder("b");
    stage.answers();
    let log = stage.log("a");
    assert!(log.contains("the proxy does not answer at 0.0.0.0:6379"), "{log}");
    nft("delete table inet deaf");
    stage.wait_for_holder("a");
    stage.answers();
}

/// Starts the node of `a` as a user that has these capabilities and no more.
fn run_with(stage: &Stage, capabilities: &[&str]) -> Running {
    let rights: String = capabilities.iter().map(|capability| format!(",+{capability}")).collect();
    let mut command = stage.network.command("a", "setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    for set in ["inh-caps", "ambient-caps", "bounding-set"] {
        command.arg(format!("--{set}=-all{rights}"));
    }
    command.arg(program_for_all(stage)).args(["run", "-c"]).arg(stage.dir("a").join("standfast.toml"));
    stage.start(command, "a.log")
}

/// The directory that it is built in may be for its owner's eyes.
fn program_for_all(stage: &Stage) -> std::path::PathBuf {
    let path = stage.network.scratch().join("standfast");
    if !path.exists() {
        fs::copy(standfast(), &path).expect("there is room for a copy");
    }
    path
}

/// Everything that asks for a right: an address, a port, a script that fails if it has any.
fn write_all_rights(stage: &Stage) {
    let script = stage.dir("a").join("has-none");
    let text = "#!/bin/sh\necho \"$(id -u) $(grep CapEff /proc/self/status)\" > /dev/stderr\n\
                ! grep CapEff /proc/self/status | grep -q '[1-9a-f]$\\|[1-9a-f][0-9a-f]*$'\n";
    fs::write(&script, text).expect("it can be written");
    fs::set_permissions(&script, Permissions::from_mode(0o755)).expect("it is ours");
    let check = format!("[[address.check]]\nname = \"rights\"\nscript = [\"{}\"]\n", script.display());
    let gateway = "[[address.check]]\nname = \"gateway\"\ngateway = \"10.0.0.3\"\n";
    let port = "[[listener]]\nlisten = \"10.0.0.1:79\"\ngroup = \"cache\"\n";
    let text = format!("{}{check}{gateway}{port}", stage.file("a", &proven(150)));
    fs::write(stage.dir("a").join("standfast.toml"), text).expect("it can be written");
    chown(stage.dir("a"), Some(65_534), Some(65_534)).expect("these tests run as root");
}

#[test]
fn three_rights_are_enough_for_the_node_and_its_guard() {
    let mut stage = Stage::set();
    write_all_rights(&stage);
    let node = run_with(&stage, &["net_admin", "net_raw", "net_bind_service"]);
    stage.wait("it holds the address", || stage.holds("a", VIP).then_some(()));
    stage.answers();
    let second = stage.network.command("c", "redis-cli").args(["-h", "10.0.0.1", "-p", "79", "PING"]).output();
    assert!(said(&second.expect("redis-cli is on the PATH")).contains("PONG"));
    stage.write("b", &proven(100));
    stage.run("b");
    stage.wait("b listens", || (stage.stands("b")?["state"] == "backup").then_some(()));
    drop(node);
    stage.wait_for_holder("b");
    stage.answers();
    // The resignation was sent by the guard, which has the node's rights and no others.
    stage.wait("the guard tells what it did", || {
        stage.log("a").contains("its guard has taken its addresses away and said so").then_some(())
    });
    assert!(stage.log("b").contains("10.0.0.1, which held the addresses, said that it goes"), "{}", stage.log("b"));
}

#[test]
fn what_is_missing_is_said_before_anything_is_started() {
    let stage = Stage::set();
    write_all_rights(&stage);
    let all = ["net_admin", "net_raw", "net_bind_service"];
    for missing in [&all[..], &all[..1], &all[1..2], &all[2..]] {
        let given: Vec<&str> = all.into_iter().filter(|capability| !missing.contains(capability)).collect();
        let before = stage.log("a").len();
        let mut node = run_with(&stage, &given);
        let status = stage.wait("it ends", || node.ended());
        let log = stage.log("a").split_off(before);
        assert_eq!(status.code(), Some(4), "{log}");
        for capability in all {
            let told = format!("  CAP_{}: to ", capability.to_uppercase());
            assert_eq!(log.contains(&told), missing.contains(&capability), "{given:?}: {log}");
        }
        assert!(log.contains("`AmbientCapabilities=CAP_NET_BIND_SERVICE CAP_NET_ADMIN CAP_NET_RAW`"), "{log}");
        assert!(!stage.dir("a").join("state").exists(), "nothing was written");
    }
}

#[test]
fn an_upgrade_and_a_reload_keep_what_is_proved() {
    let stage = proven_on_a();
    let removals = stage.watch_for_removals("a");
    let mut successors = Vec::new();
    for host in ["a", "b"] {
        let told = stage.done(host, &["upgrade"]);
        let pid = told.split_whitespace().find_map(|word| word.parse().ok()).expect("the new process is named");
        successors.push(Successor(pid));
        // Another proof, of the same listener.
        let text = stage.file(host, &proven(if host == "a" { 150 } else { 100 }));
        let text = text.replace("timeout = \"400ms\"", "timeout = \"450ms\"");
        fs::write(stage.dir(host).join("standfast.toml"), text).expect("it can be written");
        let told = stage.done(host, &["reload"]);
        assert!(told.contains("timeout"), "{told}");
    }
    stage.answers();
    thread::sleep(Duration::from_secs(3));
    assert!(stage.holds("a", VIP));
    assert_eq!(removals.lines(), Vec::<String>::new(), "{}", stage.log("a"));
    // `b` was proved by its side door, which the new process has from the old one.
    drop(successors.remove(0));
    stage.wait_for_holder("b");
    stage.answers();
}

/// The process of an upgrade, which is nobody's child when the test ends.
struct Successor(u32);

impl Drop for Successor {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-9", &self.0.to_string()]).status();
    }
}
