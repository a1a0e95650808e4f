//! What a guard does is shown in `lab/tests/guard.rs`, with the real program and the real kernel; here, how a node keeps one.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use host::process::{Handle, Signal};

use super::*;

const SOON: Duration = Duration::from_secs(30);

/// In the place of the program: writes down what it is told, and ends like it.
struct Stand(PathBuf);

impl Stand {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("standfast-guard-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).unwrap();
        let program = dir.join("guard");
        let text = format!("#!/bin/sh\necho \"$$ $*\" >> {0}/starts\nexec cat >> {0}/told\n", dir.display());
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self(dir)
    }

    fn guard(&self) -> Guard {
        Guard { program: self.0.join("guard"), ..Guard::start(Duration::from_millis(300)) }
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }

    fn starts(&self) -> usize {
        self.read("starts").lines().count()
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn will(ip: &str) -> Will {
    let remove = vec![Removal { link: 7, interface: "eth0".into(), address: ip.parse().unwrap() }];
    let packet = Packet {
        link: 7,
        interface: "eth0".into(),
        from: [192, 0, 2, 1].into(),
        to: [224, 0, 0, 18].into(),
        bytes: vec![0x31, 7, 0],
    };
    Will { remove, say: vec![packet] }
}

fn wait(what: &str, mut so: impl FnMut() -> bool) {
    let until = clock::now() + SOON;
    while !so() {
        assert!(clock::now() < until, "not in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_guard_is_started_with_the_first_will_and_told_everything() {
    let stand = Stand::new("first");
    let mut guard = stand.guard();
    guard.beat();
    guard.will("vip", Will::default());
    assert!(guard.process().is_none(), "there is nothing to lose");
    guard.will("vip", will("192.0.2.7/24"));
    guard.beat();
    guard.will("vip", Will::default());
    let handle = Handle::open(guard.process().expect("it stands")).unwrap();
    guard.goodbye();
    assert!(handle.wait_for_end(SOON), "its line has ended");
    let told = stand.read("told");
    let told: Vec<_> = told.lines().map(|line| Word::read(line.as_bytes()).unwrap()).collect();
    let of = |will| Word::Will { address: "vip".into(), will };
    let patience = Word::Patience(Duration::from_millis(300));
    assert_eq!(told, [patience, of(will("192.0.2.7/24")), Word::Beat, of(Will::default()), Word::Goodbye]);
    assert!(stand.read("starts").trim_end().ends_with(" guard"), "{}", stand.read("starts"));
}

#[test]
fn another_one_is_started_for_one_that_ends_or_hangs_and_is_told_the_wills() {
    let stand = Stand::new("again");
    let mut guard = stand.guard();
    guard.will("a", will("192.0.2.7/24"));
    guard.will("b", will("192.0.2.8/24"));
    for (turn, signal) in [Signal::Kill, Signal::Stop].into_iter().enumerate() {
        wait("it is told all", || stand.read("told").matches("192.0.2.8").count() == turn + 1);
        let process = Handle::open(guard.process().expect("it stands")).unwrap();
        process.signal(signal).unwrap();
        // Until the kernel takes no more, if it does not read.
        wait("it is missed", || {
            (0..1_000).for_each(|_| guard.will("a", will("192.0.2.9/24")));
            guard.process() != Some(process.pid())
        });
        assert!(process.wait_for_end(SOON), "it was killed");
        wait("another is started", || {
            guard.beat();
            stand.starts() == turn + 2
        });
    }
    guard.goodbye();
}

#[test]
fn starts_that_fail_are_not_tried_in_a_storm() {
    let stand = Stand::new("storm");
    fs::write(stand.0.join("guard"), format!("#!/bin/sh\necho x >> {}/starts\n", stand.0.display())).unwrap();
    let mut guard = stand.guard();
    let began = clock::now();
    let lasted = || clock::now() - began;
    // A busy machine may take longer to come to the second one.
    while lasted() < Duration::from_secs(1) || stand.starts() < 2 {
        assert!(lasted() < SOON, "{}", stand.starts());
        guard.will("a", will("192.0.2.7/24"));
        guard.beat();
        thread::sleep(Duration::from_millis(1));
    }
    // At 0, 100, 300 and 700 ms, and so on, and however late it was seen.
    let (starts, lasted) = (stand.starts(), lasted());
    let most = (0..9).filter(|n| Duration::from_millis(100 * ((1 << n) - 1)) <= lasted).count();
    assert!(starts <= most, "{starts} in {lasted:?}");
}

#[test]
fn words_are_read_as_they_were_written() {
    for word in [
        Word::Patience(Duration::from_millis(250)),
        Word::Will { address: "vip".into(), will: will("2001:db8::7/64") },
        Word::Beat,
        Word::Goodbye,
    ] {
        let mut line = Vec::new();
        word.write(&mut line);
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        assert_eq!(Word::read(line.strip_suffix(b"\n").unwrap()).unwrap(), word);
    }
}
