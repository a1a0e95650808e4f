//! Real children of the shell: what is promised about processes cannot be shown with a model of them.

use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use super::*;

const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_child_lives_until_it_is_told_to_end() {
    let mut child = Process::spawn(sleep(), Fate::EndsWithUs).unwrap();
    assert!(child.handle().is_alive());
    let ended = child.end(SOON).unwrap();
    assert_eq!(ended.signal(), Some(libc::SIGTERM));
    assert!(!child.handle().is_alive());
}

#[test]
fn a_child_that_does_not_listen_is_killed_after_the_grace() {
    let mut child =
        Process::spawn(shell("trap '' TERM; echo deaf; while :; do sleep 0.05; done"), Fate::EndsWithUs).unwrap();
    await_line(&mut child);
    let ended = child.end(Duration::from_millis(50)).unwrap();
    assert_eq!(ended.signal(), Some(libc::SIGKILL));
}

#[test]
fn a_child_stands_still_and_goes_on() {
    let mut child = Process::spawn(sleep(), Fate::EndsWithUs).unwrap();
    child.handle().signal(Signal::Stop).unwrap();
    await_state(child.handle().pid(), 'T');
    assert!(child.handle().is_alive(), "a stopped process is not dead");
    child.handle().signal(Signal::Continue).unwrap();
    await_state(child.handle().pid(), 'S');
    child.handle().signal(Signal::Stop).unwrap();
    assert_eq!(child.end(SOON).unwrap().signal(), Some(libc::SIGTERM), "a stopped child is ended too");
}

#[test]
fn a_process_that_has_ended_is_not_signalled_and_nobody_in_its_place() {
    let mut child = Process::spawn(shell("exit 3"), Fate::EndsWithUs).unwrap();
    let watched = Handle::open(child.handle().pid()).unwrap();
    assert!(watched.wait_for_end(SOON));
    assert!(!watched.is_alive(), "a zombie is dead");
    assert_eq!(child.wait().unwrap().code(), Some(3));

    let refused = watched.signal(Signal::Kill).unwrap_err();
    assert_eq!(refused.source.raw_os_error(), Some(libc::ESRCH));
    assert!(refused.to_string().contains("It has ended"), "{refused}");
    let refused = Handle::open(watched.pid()).unwrap_err();
    assert_eq!(refused.source.raw_os_error(), Some(libc::ESRCH));
}

#[test]
fn a_program_that_is_not_there_is_an_error_that_names_it() {
    for fate in [Fate::EndsWithUs, Fate::Outlives] {
        let refused = Process::spawn(Command::new("/nowhere/redis-server"), fate).unwrap_err();
        assert_eq!(refused.source.kind(), io::ErrorKind::NotFound);
        assert!(refused.to_string().contains("could not start the program: /nowhere/redis-server"), "{refused}");
    }
}

#[test]
fn what_is_dropped_ends_or_outlives_as_it_was_told() {
    let bound = Process::spawn(sleep(), Fate::EndsWithUs).unwrap();
    let watched = Handle::open(bound.handle().pid()).unwrap();
    drop(bound);
    assert!(!watched.is_alive());

    let free = Process::spawn(sleep(), Fate::Outlives).unwrap();
    let watched = Handle::open(free.handle().pid()).unwrap();
    drop(free);
    assert!(watched.is_alive());
    watched.signal(Signal::Kill).unwrap();
    assert!(watched.wait_for_end(SOON));
}

#[test]
fn the_thread_that_asked_may_end_before_the_child() {
    let asked = thread::spawn(|| Process::spawn(sleep(), Fate::EndsWithUs).unwrap());
    let child = asked.join().unwrap();
    assert!(
        !child.handle().wait_for_end(Duration::from_millis(100)),
        "the child went with the thread that asked for it"
    );
}

#[test]
fn a_child_is_in_a_group_of_its_own() {
    let child = Process::spawn(sleep(), Fate::EndsWithUs).unwrap();
    let pid = child.handle().pid();
    // /proc/PID/stat: pid (name) state parent group ...
    assert_eq!(stat(pid).split_whitespace().nth(2), Some(pid.to_string().as_str()));
}

/// One test, two roles: with PROCESS_PARENT set it is the parent that is killed.
#[test]
fn a_child_that_ends_with_us_ends_when_we_are_killed() {
    const NAME: &str = "process::tests::a_child_that_ends_with_us_ends_when_we_are_killed";
    if std::env::var_os("PROCESS_PARENT").is_some() {
        let child = Process::spawn(sleep(), Fate::EndsWithUs).unwrap();
        println!("\nchild={}", child.handle().pid());
        thread::sleep(SOON * 6);
        return;
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", NAME, "--nocapture"]).env("PROCESS_PARENT", "1").stdout(Stdio::piped());
    let mut parent = Process::spawn(command, Fate::EndsWithUs).unwrap();
    let grandchild = loop {
        if let Some(pid) = await_line(&mut parent).strip_prefix("child=") {
            break Handle::open(pid.parse().unwrap()).unwrap();
        }
    };
    assert!(grandchild.is_alive());
    parent.handle().signal(Signal::Kill).unwrap();
    assert!(grandchild.wait_for_end(SOON), "an orphan was left behind");
}

fn sleep() -> Command {
    let mut command = Command::new("sleep");
    command.arg("60").stdout(Stdio::null());
    command
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdout(Stdio::piped());
    command
}

/// The child's next line; byte by byte, so that nothing behind it is lost.
fn await_line(process: &mut Process) -> String {
    let out = process.child.stdout.as_mut().expect("the command pipes its output");
    let mut line = Vec::new();
    let mut byte = [0];
    while out.read(&mut byte).unwrap() == 1 {
        match byte[0] {
            b'\n' => return String::from_utf8(line).unwrap(),
            byte => line.push(byte),
        }
    }
    panic!("the child ended without a line: {:?}", String::from_utf8_lossy(&line));
}

fn await_state(pid: u32, state: char) {
    let until = clock::now() + SOON;
    while !stat(pid).trim_start().starts_with(state) {
        assert!(clock::now() < until, "process {pid} did not reach state {state}: {}", stat(pid));
        thread::sleep(Duration::from_millis(2));
    }
}

/// What /proc says of the process, after its name.
fn stat(pid: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(')').expect("the name stands in parentheses").1.to_owned()
}
