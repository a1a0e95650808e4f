//! What becomes of a node when nobody reads its log any more (a stuck `| tee`, a journald that stands still), or when who reads it has gone?

use std::fs;
use std::io::{self, BufRead as _, BufReader, PipeReader, Write as _};
use std::thread;
use std::time::Duration;

use lab::program::{run, said, wall_ms};

use super::stage::{Stage, VIP, vrrp};

/// A pipe that is full: who writes to it stands still until somebody reads.
fn stuck() -> (PipeReader, io::PipeWriter) {
    let (reader, mut writer) = io::pipe().expect("a pipe can be made");
    // What a pipe holds (pipe(7)), as one line.
    writer.write_all(&[b'.'; (64 << 10) - 1]).and_then(|()| writer.write_all(b"\n")).expect("it has the room");
    (reader, writer)
}

/// Makes the node say much: this reload is refused with thousands of problems, each with a line of its own.
fn say_much(stage: &Stage, host: &str) {
    let file = stage.dir(host).join("standfast.toml");
    let text = fs::read_to_string(&file).expect("it is there");
    let wrong: String = (0..3_000).map(|n| format!("no-option-has-ever-had-such-a-name-{n} = 1\n")).collect();
    fs::write(&file, format!("{text}[proxy]\n{wrong}")).expect("it can be written");
    let control = stage.dir(host).join("control");
    let refused = run(&["reload", "--control", &control.to_string_lossy()]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    fs::write(&file, text).expect("it can be written");
}

/// Lines of the log that were lost so far, and for how many milliseconds nobody has read it.
fn lost(stage: &Stage, host: &str) -> (u64, u64) {
    let status = stage.done(host, &["status", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status).expect("it is JSON");
    let number = |name: &str| status["log"][name].as_u64().expect("a number");
    (number("lost"), number("stuck_ms"))
}

/// Slow enough for a machine that has something else to do: nothing but the log may move it.
fn calm(priority: u8) -> String {
    vrrp(priority, "lifetime = \"4s\"", "").replace("interval = \"100ms\"", "interval = \"1s\"")
}

/// A node on `a` that holds the address though nobody has ever read a line of its log.
fn held_in_silence() -> (Stage, PipeReader) {
    let mut stage = Stage::set();
    let (reader, writer) = stuck();
    stage.write("a", &calm(150));
    stage.run_into("a", writer);
    stage.write("b", &calm(100));
    stage.run("b");
    stage.wait_for_holder("a");
    stage.answers();
    (stage, reader)
}

#[test]
fn a_log_that_nobody_reads_keeps_nobody_and_tells_later_what_it_lost() {
    let (stage, reader) = held_in_silence();
    let removals = stage.watch_for_removals("a");
    stage.wait("the log is full", || {
        say_much(&stage, "a");
        (lost(&stage, "a").0 > 0).then_some(())
    });
    // More than what its guard (two intervals) and the other host (three and a bit) wait for a word of it.
    for _ in 0..25 {
        stage.answers();
        thread::sleep(Duration::from_millis(200));
    }
    assert!(stage.holds("a", VIP) && !stage.holds("b", VIP));
    assert_eq!(removals.lines(), Vec::<String>::new());
    let told = stage.done("a", &["status"]);
    assert!(told.contains("nobody has read the log for ") && told.contains(" log lines were lost "), "{told}");

    let (lost_before, stuck) = lost(&stage, "a");
    assert!(stuck > 1_000, "{stuck}");
    let (to, lines) = std::sync::mpsc::channel();
    // Ends with the node.
    thread::spawn(move || {
        BufReader::new(reader).lines().map_while(Result::ok).for_each(|line| drop(to.send(line)));
    });
    let next = || lines.recv_timeout(Duration::from_secs(30)).expect("a line of the log");
    let first = std::iter::from_fn(|| Some(next())).find(|line| line.contains(" standfast ")).expect("it goes on");
    assert!(first.ends_with("starts as a proxy only"), "what waited comes first, from its beginning: {first}");
    let told = std::iter::from_fn(|| Some(next())).find(|line| line.contains(" WARN lost=")).expect("it goes on");
    let count = told.split("lost=").nth(1).and_then(|rest| rest.split(' ').next()).and_then(|n| n.parse().ok());
    assert_eq!(count, Some(lost_before), "{told}");
    assert!(
        told.contains(" log lines were lost in ") && told.contains("because nobody read standard output"),
        "{told}"
    );
    assert_eq!(lost(&stage, "a"), (lost_before, 0), "they were told of, and somebody reads");
    stage.done("a", &["reload"]);
    std::iter::from_fn(|| Some(next())).find(|line| line.contains("reload: ")).expect("it goes on");
    stage.answers();
    assert_eq!(removals.lines(), Vec::<String>::new());
}

#[test]
fn a_log_that_nobody_reads_does_not_keep_a_node_from_its_end() {
    let (mut stage, _reader) = held_in_silence();
    let began = wall_ms();
    stage.signal("a", "TERM");
    stage.ended("a");
    assert!(!stage.holds("a", VIP), "it is given up before the process ends");
    let took = wall_ms() - began;
    // Half a second for its last lines and as much for standard error, and whatever a busy machine takes.
    assert!(took < 15_000.0, "{took} ms");
    stage.wait_for_holder("b");
    // Its guard stands before the same pipe when the next one is killed, and does its duty.
    let (_reader, writer) = stuck();
    stage.run_into("a", writer);
    stage.wait_for_holder("a");
    stage.kill("a");
    stage.wait_for_holder("b");
    stage.answers();
    let resigned = || stage.log("b").matches("10.0.0.1, which held the addresses, said that it goes").count();
    assert_eq!(resigned(), 2, "once the node, once its guard: {}", stage.log("b"));
}

#[test]
fn a_log_whose_reader_has_gone_costs_lines_and_nothing_else() {
    let (stage, reader) = held_in_silence();
    drop(reader);
    let removals = stage.watch_for_removals("a");
    say_much(&stage, "a");
    stage.wait("lines are lost", || (lost(&stage, "a").0 > 100).then_some(()));
    let worked = || worked(&stage, "a");
    let before = worked();
    thread::sleep(Duration::from_secs(2));
    assert!(worked() - before < 100, "it works for {} ticks within two seconds", worked() - before);
    stage.answers();
    assert!(stage.holds("a", VIP));
    assert_eq!(removals.lines(), Vec::<String>::new());
}

/// Hundredths of a second that a processor gave the host's node: the fourteenth and fifteenth field of proc_pid_stat(5).
fn worked(stage: &Stage, host: &str) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", stage.process(host))).expect("it lives");
    let behind = stat.rsplit(") ").next().expect("its name has an end");
    behind.split(' ').skip(11).take(2).map(|n| n.parse::<u64>().expect("a number")).sum()
}
