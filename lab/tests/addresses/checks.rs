//! Does an address leave a host on which something is really wrong, and come back when it is right again? Each kind of check, with the thing
//! itself failing: as a veto, and as a weight.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::thread;
use std::time::Duration;

use lab::program::{said, wall_ms};

use crate::stage::{Running, Stage, VIP, vrrp};

/// `a` has more right as long as nothing is wrong with it.
fn stage_with(checks: impl FnOnce(&Stage) -> String) -> Stage {
    let mut stage = Stage::set();
    // Some checks look through links that `a` must have before.
    stage.lay_second_link("a");
    let checks = checks(&stage);
    stage.run_both(&format!("{}{checks}", vrrp(150, "", "")), &vrrp(100, "", ""));
    stage.wait_for_holder("a");
    stage
}

/// A check that forbids, of these lines.
fn veto(name: &str, lines: &str) -> String {
    format!("[[address.check]]\nname = \"{name}\"\n{lines}\ninterval = \"100ms\"\n")
}

/// One that takes more right away than `a` has above `b`.
fn weight(name: &str, lines: &str) -> String {
    veto(name, &format!("{lines}\nweight = -60"))
}

/// Something goes wrong on `a`: the address goes to `b`, `a` says why, and it is back when all is right again.
fn moves(stage: &Stage, state: &str, says: &str, breaks: impl FnOnce(), heals: impl FnOnce()) {
    let before = stage.log("a").len();
    breaks();
    stage.wait_for_holder("b");
    stage.wait(&format!("a says: {says}"), || stage.log("a")[before..].contains(says).then_some(()));
    stage.wait(&format!("a is in {state}"), || (stage.stands("a")?["state"] == state).then_some(()));
    heals();
    stage.wait_for_holder("a");
}

fn nft(stage: &Stage, rules: &str) {
    let done = stage.network.command("a", "nft").arg(rules).output().expect("`nft` is on the PATH");
    assert!(done.status.success(), "{}", said(&done));
}

/// What `a` sends and this matches does not leave it in this way, until the table is deleted.
fn stopped(stage: &Stage, matches: &str, how: &str) {
    nft(
        stage,
        &format!(
            "add table inet broken; add chain inet broken output {{ type filter hook output priority 0; }}; \
             add rule inet broken output {matches} {how}"
        ),
    );
}

fn healed(stage: &Stage) {
    nft(stage, "delete table inet broken");
}

/// A program that does nothing, under a name that no other test has: checks see the processes of all of them.
fn idle(stage: &Stage, name: &str) -> Running {
    let program = stage.dir("a").join(name);
    if !program.exists() {
        fs::copy("/bin/sleep", &program).expect("there is room for a copy");
    }
    let mut command = stage.network.command("a", program);
    command.arg("600");
    stage.start(command, "idle.log")
}

/// A script that does what the file `mode` beside it says.
fn script(stage: &Stage) -> String {
    let (file, mode) = (stage.dir("a").join("script"), stage.dir("a").join("mode"));
    let text = format!(
        "#!/bin/sh\ncase $(cat {}) in\n  fails) echo 'not today' >&2; exit 3;;\n  hangs) sleep 7357.{pid} & wait;;\n  \
         forks) sleep 2 & exit 0;;\nesac\n",
        mode.display(),
        pid = std::process::id()
    );
    write(stage, "mode", "");
    fs::write(&file, text).expect("the scratch directory is ours");
    fs::set_permissions(&file, Permissions::from_mode(0o755)).expect("it is ours");
    format!("script = [\"{}\"]\ntimeout = \"1s\"", file.display())
}

/// In the directory of `a`, in one go: who looks sees the old file or the new one.
fn write(stage: &Stage, name: &str, text: &str) {
    let (file, new) = (stage.dir("a").join(name), stage.dir("a").join("new"));
    fs::write(&new, text).and_then(|()| fs::rename(&new, &file)).expect("the scratch directory is ours");
}

/// Whether there is a process of this command line.
fn is_running(line: &str) -> bool {
    let processes = fs::read_dir("/proc").expect("every Linux has it").flatten();
    let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    let mut lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.any(|found| found.trim_end() == line)
}

#[test]
fn what_goes_wrong_on_this_host_moves_it() {
    let (worker, job) = (format!("fit{}", std::process::id()), format!("job{}", std::process::id()));
    let running = RefCell::new(BTreeMap::new());
    let stage = stage_with(|stage| {
        let file = |name: &str| stage.dir("a").join(name).display().to_string();
        running.borrow_mut().insert("worker", idle(stage, &worker));
        running.borrow_mut().insert("job", idle(stage, &job));
        write(stage, "pid", &running.borrow()["job"].id().to_string());
        write(stage, "sign", "on");
        veto("uplink", "interface = \"eth1\"")
            + &veto("worker", &format!("process = \"{worker}\""))
            + &weight("job", &format!("pid-file = \"{}\"", file("pid")))
            + &veto("sign", &format!("file = \"{}\"", file("sign")))
            + &weight("on", &format!("file = \"{}\"\ncontains = \"on\"", file("sign")))
            + &veto("script", &script(stage))
    });
    let link = |state: &str| drop(stage.ip("a", &["link", "set", "eth1", state]));
    moves(&stage, "fault", "eth1 is down", || link("down"), || link("up"));

    let signal = |signal: &str| running.borrow()["worker"].signal(signal);
    moves(&stage, "fault", &format!("{worker} is stopped"), || signal("STOP"), || signal("CONT"));
    let end = |name: &str| drop(running.borrow_mut().remove(name));
    let begin = |name: &'static str, called: &str| drop(running.borrow_mut().insert(name, idle(&stage, called)));
    let none = format!("no process {worker} runs");
    moves(&stage, "fault", &none, || end("worker"), || begin("worker", &worker));
    let again = || {
        begin("job", &job);
        write(&stage, "pid", &running.borrow()["job"].id().to_string());
    };
    moves(&stage, "backup", "does not run", || end("job"), again);

    let gone = || fs::remove_file(stage.dir("a").join("sign")).expect("it is ours");
    moves(&stage, "fault", "No such file", gone, || write(&stage, "sign", "on"));
    moves(&stage, "backup", "does not hold", || write(&stage, "sign", "off"), || write(&stage, "sign", "on"));

    let mode = |mode: &str| write(&stage, "mode", mode);
    moves(&stage, "fault", "not today", || mode("fails"), || mode(""));
    moves(&stage, "fault", "took longer than 1s", || mode("hangs"), || mode("forks"));
    // What a script leaves behind does not keep it from having succeeded, and what hung is gone with its children.
    thread::sleep(Duration::from_millis(500));
    assert!(stage.holds("a", VIP), "{}", stage.log("a"));
    let hung = format!("sleep 7357.{}", std::process::id());
    stage.wait("the children of what hung are gone", || (!is_running(&hung)).then_some(()));
    stage.answers();
}

/// A Redis on `a` itself, which can be made to load for seconds.
fn redis(stage: &Stage, password: &str) -> Running {
    let mut redis = stage.network.command("a", "redis-server");
    redis.args(["--bind", "10.0.0.1", "--port", "6381", "--save", "", "--enable-debug-command", "yes"]);
    redis.args([
        "--protected-mode",
        "no",
        "--requirepass",
        password,
        "--loading-process-events-interval-bytes",
        "1024",
    ]);
    redis.current_dir(stage.dir("a"));
    stage.start(redis, "local.log")
}

/// Asks the Redis on `a`, with one password or the other.
fn redis_cli(stage: &Stage, words: &[&str]) -> String {
    let ask = |password: &str| {
        let mut ask = stage.network.command("a", "redis-cli");
        ask.args(["-h", "10.0.0.1", "-p", "6381", "--no-auth-warning", "-a", password]).args(words);
        String::from_utf8_lossy(&ask.output().expect("redis-cli is on the PATH").stdout).into_owned()
    };
    let answer = ask("old");
    if answer.contains("NOAUTH") { ask("new") } else { answer }
}

#[test]
fn what_goes_wrong_around_this_host_moves_it() {
    let mut local = None;
    let stage = stage_with(|stage| {
        local = Some(redis(stage, "old"));
        veto("redis", "redis = \"10.0.0.1:6381\"\nrole = \"master\"\npassword = \"old\"")
            + &veto("gateway", "gateway = \"10.0.0.3\"\ntimeout = \"500ms\"")
            + &weight("port", "tcp = \"10.0.0.3:6379\"\ntimeout = \"500ms\"")
    });
    let stage = &stage;
    let echo = "ip daddr 10.0.0.3 icmp type echo-request";
    moves(stage, "fault", "gateway", || stopped(stage, echo, "drop"), || healed(stage));
    let port = "ip daddr 10.0.0.3 tcp dport 6379";
    moves(stage, "backup", "no answer within 500ms", || stopped(stage, port, "drop"), || healed(stage));
    moves(stage, "backup", "refused", || stopped(stage, port, "reject with tcp reset"), || healed(stage));

    let local = local.expect("it was started");
    moves(stage, "fault", "no answer within 1s", || local.signal("STOP"), || local.signal("CONT"));
    let redis = |words: &[&str]| drop(redis_cli(stage, words));
    let replica = || redis(&["REPLICAOF", "10.0.0.3", "6379"]);
    moves(stage, "fault", "no master", replica, || redis(&["REPLICAOF", "NO", "ONE"]));
    // Who is in stays in: a new password counts for new connections.
    let locks = || {
        redis(&["CONFIG", "SET", "requirepass", "new"]);
        redis(&["CLIENT", "KILL", "TYPE", "NORMAL"]);
    };
    moves(stage, "fault", "does not let us in", locks, || redis(&["CONFIG", "SET", "requirepass", "old"]));
    // It reads its data anew, a key in two milliseconds, and answers everybody that it is loading.
    redis(&["DEBUG", "POPULATE", "2000"]);
    redis(&["CONFIG", "SET", "key-load-delay", "2000"]);
    let mut reload = stage.network.command("a", "redis-cli");
    reload.args(["-h", "10.0.0.1", "-p", "6381", "--no-auth-warning", "-a", "old", "DEBUG", "RELOAD"]);
    let mut reloads = None;
    let loads = || reloads = Some(stage.start(reload, "reload.log"));
    moves(stage, "fault", "LOADING", loads, || ());
    stage.answers();
}

/// How many looks it takes in each direction is the operator's to say.
#[test]
fn a_check_moves_it_after_as_many_looks_as_it_says() {
    let stage = stage_with(|stage| {
        write(stage, "sign", "");
        let sign = stage.dir("a").join("sign");
        let slow = veto("sign", &format!("file = \"{}\"\nrise = 6\nfall = 4", sign.display()));
        slow.replace("100ms", "200ms")
    });
    let sign = stage.dir("a").join("sign");
    let began = wall_ms();
    fs::remove_file(&sign).expect("it is ours");
    stage.wait_for_holder("b");
    let fell = wall_ms() - began;
    // A glimpse of it being there again is not enough.
    let began = wall_ms();
    write(&stage, "sign", "");
    stage.wait_for_holder("a");
    let rose = wall_ms() - began;
    // The first look may come at once.
    assert!(fell > 550.0 && rose > 950.0, "it left after {fell:.0} ms, and was back after {rose:.0} ms");
}

/// Reads pass all the time: only a proof that writes sees it.
#[test]
fn a_master_that_takes_no_writes_moves_an_address_whose_proof_writes() {
    let mut stage = Stage::set();
    let _local = redis(&stage, "");
    let writes = "follows = \"proxy\"\nwrite = \"proof\"\ninterval = \"50ms\"\ntimeout = \"400ms\"";
    for (host, priority, server) in [("a", 150, "10.0.0.1:6381"), ("b", 100, "10.0.0.3:6379")] {
        let address = vrrp(priority, "", "").replace("follows = \"checks\"", writes);
        let text = stage.file(host, &address).replace("10.0.0.3:6379", server);
        fs::write(stage.dir(host).join("standfast.toml"), text).expect("it can be written");
        stage.run(host);
    }
    stage.wait_for_holder("a");
    let lives = redis_cli(&stage, &["PTTL", "proof"]);
    assert!(lives.trim().parse::<u32>().is_ok_and(|ms| (1..=60_000).contains(&ms)), "{lives}");
    let needs = |replicas: &str| drop(redis_cli(&stage, &["CONFIG", "SET", "min-replicas-to-write", replicas]));
    moves(&stage, "fault", "NOREPLICAS", || needs("1"), || needs("0"));
    stage.answers();
}
