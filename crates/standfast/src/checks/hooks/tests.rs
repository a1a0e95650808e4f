//! Real hooks and a real FIFO.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Command;

use super::super::tests::{Dir, block_on};
use super::*;

const SOON: Duration = Duration::from_secs(30);

fn notify(dir: &Dir, text: &str) -> Notify {
    let program = dir.program("hook", text);
    Notify {
        master: Some(vec![program.clone(), "own".to_owned()]),
        backup: None,
        fault: None,
        stop: None,
        any: Some(vec![program]),
        fifo: None,
        user: None,
        timeout: SOON,
    }
}

fn hooks(all: impl IntoIterator<Item = (&'static str, Notify)>) -> Hooks {
    let addresses = all.into_iter().map(|(name, notify)| (name.to_owned(), notify)).collect();
    Hooks { addresses, ..Hooks::default() }
}

/// Both are in the sync group.
fn group(own: Option<Notify>) -> Group {
    Group { own, members: ["vip", "other"].map(str::to_owned).into() }
}

#[test]
fn hooks_are_told_in_keepaliveds_words_and_in_order() {
    let dir = Dir::new("hooks");
    let log = dir.0.join("log");
    let tell = "$STANDFAST_KIND $STANDFAST_NAME $STANDFAST_STATE $STANDFAST_PRIORITY";
    let notify = notify(&dir, &format!("sleep 0.0$(($$ % 5)); echo \"$*|{tell}\" >> {}", log.display()));
    let silent = Notify { master: None, any: None, ..notify.clone() };
    block_on(async {
        let mut hooks = hooks([("vip", notify.clone()), ("other", notify.clone()), ("silent", silent)]);
        hooks.groups.insert("both".to_owned(), group(Some(notify)));
        hooks.groups.insert("quiet".to_owned(), group(None));
        for (state, priority) in [(State::Backup, 100), (State::Active, 100), (State::Fault, 1), (State::Initialize, 0)]
        {
            hooks.changed("vip", state, Priority(priority));
            hooks.changed("silent", state, Priority(priority));
            hooks.changed("unknown", state, Priority(priority));
        }
        hooks.finished().await;
        // The hooks of its addresses are not told of a group.
        hooks.group_changed("quiet", State::Active);
        hooks.group_changed("both", State::Active);
        hooks.finished().await;
    });
    let wanted = "INSTANCE vip BACKUP 100|INSTANCE vip BACKUP 100\nown|INSTANCE vip MASTER 100\n\
                  INSTANCE vip MASTER 100|INSTANCE vip MASTER 100\nINSTANCE vip FAULT 1|INSTANCE vip FAULT 1\n\
                  INSTANCE vip STOP 0|INSTANCE vip STOP 0\nown|GROUP both MASTER 0\nGROUP both MASTER 0|GROUP both MASTER 0\n";
    assert_eq!(dir.read("log"), wanted);
}

#[test]
fn who_is_slow_misses_the_oldest() {
    let dir = Dir::new("slow");
    let (log, go) = (dir.0.join("log"), dir.0.join("go"));
    let text = format!("echo \"$4\" >> {}; while [ ! -e {} ]; do sleep 0.01; done", log.display(), go.display());
    let notify = Notify { master: None, ..notify(&dir, &text) };
    let more = u8::try_from(queue::MAX_WAITING).unwrap() + 3;
    block_on(async {
        let mut hooks = hooks([("vip", notify)]);
        hooks.changed("vip", State::Backup, Priority(0));
        while dir.read("log").is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The first one runs; of the others there are three too many.
        for number in 1..=more {
            hooks.changed("vip", State::Backup, Priority(number));
        }
        fs::write(&go, "").unwrap();
        hooks.finished().await;
    });
    let told: Vec<u8> = dir.read("log").lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(told, [0].into_iter().chain(4..=more).collect::<Vec<_>>());
}

#[test]
fn a_fifo_gets_a_line_each_and_holds_up_nobody() {
    let dir = Dir::new("fifo");
    let path = dir.0.join("fifo");
    let fifo = Notify { fifo: Some(path.clone()), master: None, any: None, ..notify(&dir, "exit 0") };
    block_on(async {
        let mut hooks = hooks([("vip", fifo.clone()), ("other", fifo.clone())]);
        // Named three times, and told once.
        hooks.groups.insert("both".to_owned(), group(Some(fifo)));
        fs::write(&path, "").unwrap();
        hooks.changed("vip", State::Active, Priority(7));
        assert_eq!(hooks.pipes[&path].dropped, 1, "it is no pipe");
        fs::remove_file(&path).unwrap();
        // It is made.
        hooks.changed("vip", State::Active, Priority(100));
        hooks.changed("vip", State::Backup, Priority(100));
        hooks.group_changed("both", State::Fault);
        let lines = read_lines(&path, 3);
        assert_eq!(lines, ["INSTANCE \"vip\" MASTER 100", "INSTANCE \"vip\" BACKUP 100", "GROUP \"both\" FAULT 0"]);
        // Nobody reads: at last it is full.
        for _ in 0..5_000 {
            hooks.changed("vip", State::Active, Priority(100));
        }
        assert!(hooks.pipes[&path].dropped > 1_000, "{}", hooks.pipes[&path].dropped);
        // Another one in its place is found.
        fs::remove_file(&path).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        hooks.changed("other", State::Initialize, Priority(3));
        assert_eq!(read_lines(&path, 1), ["INSTANCE \"other\" STOP 3"]);
    });
}

/// What is in it; opened for both, which does not wait for a writer.
fn read_lines(path: &Path, count: usize) -> Vec<String> {
    let pipe = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    BufReader::new(pipe).lines().take(count).map(Result::unwrap).collect()
}

#[test]
fn what_is_gone_from_the_file_is_forgotten_once_it_was_told_its_end() {
    let dir = Dir::new("forgotten");
    let (log, go) = (dir.0.join("log"), dir.0.join("go"));
    let text = format!("while [ ! -e {} ]; do sleep 0.01; done; echo \"$1 $2 $3\" >> {}", go.display(), log.display());
    let (program, pipe) = (dir.program("hook", &text), dir.0.join("pipe"));
    let any = format!("notify = {{ any = [\"{program}\"] }}\n");
    let notify = any.replace(" }", &format!(", fifo = \"{}\" }}", pipe.display()));
    let one = |name: &str, id: u8, group: &str, notify: &str| {
        format!(
            "[[address]]\nname = \"{name}\"\nheld = [\"192.0.2.{id}/32\"]\ninterface = \"eth0\"\nfollows = \"checks\"\n\
             vrrp = {{ id = {id} }}\n{group}{notify}"
        )
    };
    let group = "sync-group = \"both\"\n";
    let full = [
        one("a", 1, group, &notify),
        one("b", 2, group, &notify),
        one("c", 3, "", &any),
        format!("[[sync-group]]\nname = \"both\"\n{notify}"),
    ];
    let parse = |text: &str| config::parse("f", text).unwrap_or_else(|problems| panic!("{problems}"));
    let (full, less) = (parse(&full.concat()), parse(&one("c", 3, "", &any)));
    block_on(async {
        let mut hooks = Hooks::default();
        hooks.introduce(&full, |_| false);
        hooks.configure(&full);
        hooks.changed("a", State::Initialize, Priority(1));
        hooks.group_changed("both", State::Initialize);
        hooks.configure(&less);
        // The machine has done with them.
        ["a", "b"].iter().for_each(|name| hooks.forget(name));
        assert_eq!(hooks.addresses.keys().collect::<Vec<_>>(), ["c"]);
        assert!(hooks.groups.is_empty() && hooks.pipes.is_empty());
        assert_eq!(hooks.queues.len(), 2, "they are told their end");
        fs::write(&go, "").unwrap();
        hooks.finished().await;
        hooks.configure(&less);
        assert!(hooks.queues.is_empty());
    });
    let mut told: Vec<String> = dir.read("log").lines().map(str::to_owned).collect();
    told.sort();
    assert_eq!(told, ["GROUP both STOP", "INSTANCE a STOP"]);
}
