//! Programs of the operator beside an address, with the real program: who is told of its states, and what moves it.

#[allow(dead_code, reason = "these tests have a part of it")]
#[path = "addresses/stage.rs"]
mod stage;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use stage::{NAME, Stage, VIP, vrrp};

/// A program on `a`, which may use `$OUT` for what it has to tell.
fn program(stage: &Stage, name: &str, text: &str) -> PathBuf {
    let path = stage.dir("a").join(name);
    let out = stage.dir("a").join("out");
    fs::write(&path, format!("#!/bin/sh\nOUT={}\n{text}\n", out.display())).expect("it can be written");
    fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("it is ours");
    path
}

fn out(stage: &Stage) -> Vec<String> {
    let text = fs::read_to_string(stage.dir("a").join("out")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn hooks_and_the_fifo_hear_each_state_in_order_and_the_last_one_before_the_end() {
    let mut stage = Stage::set();
    // A slow one: the order must not depend on who is quick.
    let hook = program(&stage, "hook", "sleep 0.2; echo \"$*\" >> $OUT");
    let fifo = stage.dir("a").join("fifo");
    let notify = format!(
        "[address.notify]\nmaster = [\"{0}\", \"here\"]\nany = [\"{0}\"]\nfifo = \"{1}\"\n",
        hook.display(),
        fifo.display()
    );
    stage.write("a", &format!("{}{notify}", vrrp(150, "", "")));
    stage.run("a");
    stage.wait("it holds the address", || stage.holds("a", VIP).then_some(()));
    stage.wait("the pipe is made", || fifo.exists().then_some(()));
    // Opened for both: it does not wait for a writer, and what it gives stays when the node goes.
    let pipe = fs::File::options().read(true).write(true).open(&fifo).expect("it is ours to read");
    stage.signal("a", "TERM");
    stage.ended("a");
    let told = [("BACKUP", ""), ("MASTER", "here "), ("MASTER", ""), ("STOP", "")];
    let told: Vec<String> = told.iter().map(|(state, own)| format!("{own}INSTANCE {NAME} {state} 150")).collect();
    assert_eq!(out(&stage), told, "{}", stage.log("a"));
    let lines = std::io::BufRead::lines(std::io::BufReader::new(pipe)).take(3);
    let lines: Vec<String> = lines.map(|line| line.expect("they are there")).collect();
    let told = ["BACKUP", "MASTER", "STOP"].map(|state| format!("INSTANCE \"{NAME}\" {state} 150"));
    assert_eq!(lines, told);
}

#[test]
fn commands_bring_an_address_and_take_it_away_before_the_end() {
    let mut stage = Stage::set();
    // As an API of a cloud would, and the first time it fails.
    let up = program(
        &stage,
        "up",
        &format!(
            "echo up $STANDFAST_ADDRESS $STANDFAST_INTERFACE >> $OUT\n[ -e $OUT.once ] || {{ touch $OUT.once; echo try again; exit 1; }}\n\
             ip address replace {VIP}/24 dev eth0"
        ),
    );
    let down = program(&stage, "down", &format!("echo down >> $OUT\nip address del {VIP}/24 dev eth0"));
    let check = program(&stage, "check", &format!("ip -o address show dev eth0 | grep -q ' {VIP}/'"));
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
    let told = out(&stage);
    assert_eq!(told.first().map(String::as_str), Some("up vip eth0"), "{told:?}");
    assert_eq!(told.last().map(String::as_str), Some("down"), "{told:?}");
}
