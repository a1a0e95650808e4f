//! Programs of the operator beside an address, with the real program: who is told of its states, and what moves it.

#[allow(dead_code, reason = "these tests have a part of it")]
#[path = "addresses/stage.rs"]
mod stage;

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use lab::program::require;
use stage::{NAME, Stage, VIP, vrrp};

/// A program on a host, which may use `$OUT` for what it has to tell.
fn program(stage: &Stage, host: &str, name: &str, text: &str) -> PathBuf {
    let path = stage.dir(host).join(name);
    let out = stage.dir(host).join("out");
    fs::write(&path, format!("#!/bin/sh\nOUT={}\n{text}\n", out.display())).expect("it can be written");
    fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("it is ours");
    path
}

fn out(stage: &Stage, host: &str) -> Vec<String> {
    let text = fs::read_to_string(stage.dir(host).join("out")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The next lines of a named pipe. Opened for both: it does not wait for a writer, and what it gives stays when that goes.
fn lines(pipe: &Path, count: usize) -> Vec<String> {
    let pipe = fs::File::options().read(true).write(true).open(pipe).expect("it is ours to read");
    let lines = BufReader::new(pipe).lines().take(count);
    lines.map(|line| line.expect("they are there")).collect()
}

#[test]
fn hooks_and_the_fifo_hear_each_state_in_order_and_the_last_one_before_the_end() {
    let mut stage = Stage::set();
    // A slow one: the order must not depend on who is quick.
    let hook = program(&stage, "a", "hook", "sleep 0.2; echo \"$*\" >> $OUT");
    let fifo = stage.dir("a").join("fifo");
    let notify = format!(
        "[address.notify]\nmaster = [\"{0}\", \"here\"]\nbackup = [\"/not/there\"]\nany = [\"{0}\"]\nfifo = \"{1}\"\n",
        hook.display(),
        fifo.display()
    );
    stage.write("a", &format!("{}{notify}", vrrp(150, "", "")));
    stage.run("a");
    stage.wait("it holds the address", || stage.holds("a", VIP).then_some(()));
    stage.wait("the pipe is made", || fifo.exists().then_some(()));
    // One that is not there is said at the start and when it is due, and nothing waits for it.
    for said in
        ["`notify.backup` /not/there cannot be run", "the hook /not/there for `INSTANCE \"vip\" BACKUP 150` failed"]
    {
        stage.wait(said, || stage.log("a").contains(said).then_some(()));
    }
    let held = fs::File::options().read(true).write(true).open(&fifo).expect("it is ours to read");
    stage.signal("a", "TERM");
    stage.ended("a");
    // That of a state has its own arguments only.
    let told = ["INSTANCE vip BACKUP 150", "here", "INSTANCE vip MASTER 150", "INSTANCE vip STOP 150"];
    assert_eq!(out(&stage, "a"), told, "{}", stage.log("a"));
    let told = ["BACKUP", "MASTER", "STOP"].map(|state| format!("INSTANCE \"{NAME}\" {state} 150"));
    assert_eq!(lines(&fifo, 3), told);
    drop(held);
}

/// Two addresses of each kind that move together, each kind alone with its number: both start, lose a link, have it again and are stopped.
#[test]
fn hooks_of_a_sync_group_hear_what_those_of_keepalived_hear() {
    let mut stage = Stage::set();
    require("keepalived");
    for host in ["a", "b"] {
        stage.lay_second_link(host);
    }
    let [ours, theirs] = ["a", "b"].map(|host| program(&stage, host, "hook", "echo \"$#: $*\" >> $OUT"));
    let [our_pipe, their_pipe] = ["a", "b"].map(|host| stage.dir(host).join("pipe"));
    let made = Command::new("mkfifo").args([&our_pipe, &their_pipe]).status();
    assert!(made.is_ok_and(|status| status.success()), "pipes can be made");
    // Until the end: what was told stays in them.
    let open = |pipe| fs::File::options().read(true).write(true).open(pipe).expect("it is ours to read");
    let _pipes = [open(&our_pipe), open(&their_pipe)];
    stage.write("a", &our_sync_group(&ours, &our_pipe));
    let config = stage.dir("b").join("keepalived.conf");
    fs::write(&config, their_sync_group(&theirs, &their_pipe)).expect("it can be written");
    stage.run("a");
    let mut keepalived = stage.network.command("b", "keepalived");
    keepalived.args(["-n", "-l", "-D", "-P", "-f"]).arg(&config);
    keepalived.arg("-p").arg(stage.dir("b").join("pid")).arg("-r").arg(stage.dir("b").join("vrrp.pid"));
    let keepalived = stage.start(keepalived, "keepalived.log");
    let both_have_told = |count: usize, state: &str| {
        stage.wait(&format!("both have told {count} times of {state}"), || {
            let of = |host: &str| out(&stage, host).iter().filter(|line| line.contains(state)).count();
            (of("a") >= count && of("b") >= count).then_some(())
        });
    };
    // Of two addresses and a group.
    both_have_told(3, "MASTER");
    for host in ["a", "b"] {
        stage.ip(host, &["link", "set", "eth1", "down"]);
    }
    both_have_told(3, "FAULT");
    for host in ["a", "b"] {
        stage.ip(host, &["link", "set", "eth1", "up"]);
    }
    both_have_told(6, "MASTER");
    stage.signal("a", "TERM");
    keepalived.signal("TERM");
    both_have_told(3, "STOP");
    // Of six changes of three, each in two ways. Keepalived's run beside each other.
    both_have_told(36, ": ");
    let [our_calls, their_calls] = ["a", "b"].map(|host| {
        let mut calls = out(&stage, host);
        calls.sort_unstable();
        calls
    });
    assert_eq!(our_calls, their_calls, "{}", stage.log("a"));
    assert!(our_calls.contains(&"1: group-master".to_owned()), "{our_calls:?}");
    let [ours, theirs] = [our_pipe, their_pipe].map(|pipe| moves(&lines(&pipe, 18)));
    assert_eq!(ours, theirs);
}

/// The lines of each change of state, without the order among addresses, which is chance.
fn moves(lines: &[String]) -> Vec<Vec<String>> {
    let all = lines.chunks(3).map(|chunk| {
        let mut chunk = chunk.to_vec();
        chunk.sort_unstable();
        chunk
    });
    all.collect()
}

fn our_sync_group(hook: &Path, pipe: &Path) -> String {
    let hook = hook.display();
    let table = |kind: &str, pipe: &str| {
        let states = ["master", "backup", "fault", "stop"];
        let states = states.map(|state| format!("{state} = [\"{hook}\", \"{kind}-{state}\"]\n"));
        format!("{}any = [\"{hook}\", \"{kind}\"]\n{pipe}\n", states.concat())
    };
    let pipe = format!("fifo = \"{}\"", pipe.display());
    let first = format!("{}[address.notify]\n{}", vrrp(150, "sync-group = \"both\"", ""), table("one", &pipe));
    let second = first.replace("eth0", "eth1").replace(VIP, "10.1.0.100").replace("id = 51", "id = 52");
    let second = second.replace("\"vip\"", "\"other\"");
    let group = format!("[[sync-group]]\nname = \"both\"\n[sync-group.notify]\n{}", table("group", ""));
    format!("{first}\n{second}\n{group}")
}

fn their_sync_group(hook: &Path, pipe: &Path) -> String {
    let (hook, pipe) = (hook.display(), pipe.display());
    let hooks = |kind: &str| {
        let states = ["master", "backup", "fault", "stop"];
        let states = states.map(|state| format!(" notify_{state} \"{hook} {kind}-{state}\"\n"));
        format!("{} notify \"{hook} {kind}\"\n", states.concat())
    };
    let instance = |name: &str, n: u8| {
        format!(
            "vrrp_instance {name} {{\n interface eth{n}\n virtual_router_id {}\n priority 150\n advert_int 0.1\n{} virtual_ipaddress {{\n  \
             10.{n}.0.200/24\n }}\n}}\n",
            61 + n,
            hooks("one")
        )
    };
    format!(
        "global_defs {{\n script_user root\n vrrp_version 3\n vrrp_notify_fifo {pipe}\n}}\nvrrp_sync_group both {{\n group {{\n  vip\n  \
         other\n }}\n{}}}\n{}{}",
        hooks("group"),
        instance("vip", 0),
        instance("other", 1)
    )
}

#[test]
fn commands_bring_an_address_and_take_it_away_before_the_end() {
    let mut stage = Stage::set();
    // As an API of a cloud would, and the first time it fails.
    let up = program(
        &stage,
        "a",
        "up",
        &format!(
            "echo up $STANDFAST_ADDRESS $STANDFAST_INTERFACE >> $OUT\n[ -e $OUT.once ] || {{ touch $OUT.once; echo try again; exit 1; }}\n\
             ip address replace {VIP}/24 dev eth0"
        ),
    );
    let down = program(&stage, "a", "down", &format!("echo down >> $OUT\nip address del {VIP}/24 dev eth0"));
    let check = program(&stage, "a", "check", &format!("ip -o address show dev eth0 | grep -q ' {VIP}/'"));
    let address = format!(
        "[[address]]\nname = \"{NAME}\"\ninterface = \"eth0\"\nfollows = \"checks\"\n[address.command]\nup = [\"{}\"]\n\
         down = [\"{}\"]\ncheck = [\"{}\"]\ninterval = \"1s\"\n",
        up.display(),
        down.display(),
        check.display()
    );
    stage.write("a", &address);
    stage.run("a");
    stage.wait("it holds the address", || stage.holds("a", VIP).then_some(()));
    stage.answers();
    assert!(stage.log("a").contains("it said: try again"), "{}", stage.log("a"));
    // Somebody takes it away: the check finds out.
    stage.ip("a", &["address", "del", &format!("{VIP}/24"), "dev", "eth0"]);
    stage.wait("it is brought again", || stage.holds("a", VIP).then_some(()));
    stage.signal("a", "TERM");
    stage.ended("a");
    assert!(!stage.holds("a", VIP), "{}", stage.log("a"));
    let told = out(&stage, "a");
    assert_eq!(told.first().map(String::as_str), Some("up vip eth0"), "{told:?}");
    assert_eq!(told.last().map(String::as_str), Some("down"), "{told:?}");
}
