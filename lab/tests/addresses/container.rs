//! What if the whole of it is killed at once, as the end of PID 1 of a container does? Nobody is there to remove an address but the kernel.

use std::fs;
use std::process::Command;

use lab::program::{standfast, wall_ms};

use crate::stage::{Stage, vrrp};

/// The first process that this one has started.
fn child(process: &str) -> Option<String> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).ok()?.flatten();
    let mut lines = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lines.find_map(|line| line.split_whitespace().next().map(str::to_owned))
}

fn kill(signal: &str, process: &str) {
    let sent = Command::new("kill").args(["-s", signal, process]).status();
    assert!(sent.is_ok_and(|status| status.success()), "a process of ours can be sent a signal");
}

/// Kills the container of `a`, which holds the address. For how long two hosts have it then, in milliseconds.
fn killed(own: &str, of_vrrp: &str) -> f64 {
    let mut stage = Stage::set();
    let both = |priority| {
        let text = vrrp(priority, own, of_vrrp);
        if of_vrrp.is_empty() { text } else { text.replace("interval = \"100ms\"\n", "") }
    };
    stage.write("a", &both(150));
    let mut command = stage.network.command("a", "unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc", "--"]).arg(standfast());
    command.args(["run", "-c"]).arg(stage.dir("a").join("standfast.toml"));
    let container = stage.start(command, "a.log");
    stage.write("b", &both(100));
    stage.run("b");
    stage.wait_for_holder("a");
    assert!(stage.log("a").contains("this is PID 1 of a container"), "{}", stage.log("a"));
    let holders = stage.watch_holders();
    let first = stage.wait("it has a first process", || child(&container.id().to_string()));
    let guard = stage.wait("which has a guard", || child(&first));
    // The kernel closes the files of the first before it ends the others: a guard that is quick gets to its work.
    kill("STOP", &guard);
    let began = wall_ms();
    kill("KILL", &first);
    stage.wait_for_holder("b");
    assert!(!stage.log("a").contains("its guard has taken"), "the guard went with it: {}", stage.log("a"));
    let (both, _) = holders.both(began, wall_ms());
    println!("{own} {of_vrrp}: two hosts had it for {both:.0} ms");
    both
}

#[test]
fn the_kernel_ends_what_a_killed_container_held() {
    let both = killed("", "");
    assert!(both < 5_000.0, "a lifetime of two seconds, and a busy machine: {both}");
}

#[test]
fn with_a_lifetime_of_a_second_it_is_gone_about_when_it_is_missed() {
    let both = killed("lifetime = \"1s\"", "interval = \"500ms\"");
    assert!(both < 1_000.0, "it is to be gone before it is missed, but for a busy machine: {both}");
}
