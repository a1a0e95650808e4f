//! Real scripts of a real shell: arguments, environment and descriptors cannot be shown with a model of them.

use std::fs;
use std::future::Future;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::process::Handle;

use super::*;

const SOON: Duration = Duration::from_secs(30);

/// A directory of our own, gone when the test ends.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("standfast-scripts-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).expect("the temporary directory can be written");
        Self(dir)
    }

    /// A file that may be executed. Another process writes it: opened here, it could be inherited for a moment by a script that
    /// another test starts, and what is open for writing cannot be executed (ETXTBSY).
    fn script(&self, text: &str) -> String {
        let path = self.0.join("script").display().to_string();
        let write = "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"";
        let written = std::process::Command::new("sh").args(["-c", write, "sh", text, &path]).status();
        assert!(written.expect("there is a shell").success());
        path
    }

    fn log(&self) -> String {
        fs::read_to_string(self.0.join("log")).expect("the script wrote it")
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(SOON, future).await.expect("it takes moments") })
}

async fn next(inputs: &mut mpsc::Receiver<Input>) -> Event {
    match inputs.recv().await {
        Some(Input::Happened(event)) => event,
        _ => panic!("scripts only tell what happened"),
    }
}

async fn process_of(inputs: &mut mpsc::Receiver<Input>) -> u32 {
    match next(inputs).await {
        Event::ScriptStarted { nr: 1, pid } => pid,
        other => panic!("expected a start: {other:?}"),
    }
}

/// Runs one script, and returns its end; `None` as pid: it was never started.
fn outcome(path: &str, args: &[&str]) -> (Option<u32>, End) {
    block_on(async {
        let (inbox, mut inputs) = mpsc::channel(8);
        let mut scripts = Scripts::new(inbox);
        scripts.run(1, path.to_owned(), args.iter().map(|arg| (*arg).to_owned()).collect());
        let mut started = None;
        loop {
            match next(&mut inputs).await {
                Event::ScriptStarted { nr: 1, pid } => started = Some(pid),
                Event::ScriptEnded { nr: 1, end } => return (started, end),
                other => panic!("{other:?}"),
            }
        }
    })
}

async fn exists(path: &Path) {
    while !path.exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn arguments_arrive_whole_and_no_shell_reads_them() {
    let dir = Dir::new("arguments");
    let log = dir.0.join("log");
    let script = dir.script(&format!("#!/bin/sh\nprintf '<%s>' \"$@\" > {}\n", log.display()));
    let args = ["+sdown", "master m 127.0.0.1 6379", "$HOME `id` ; \"'*", ""];
    let (pid, end) = outcome(&script, &args);
    assert!(pid.is_some());
    assert_eq!(end, End::Exited(0));
    assert_eq!(dir.log(), "<+sdown><master m 127.0.0.1 6379><$HOME `id` ; \"'*><>");
}

#[test]
fn a_script_has_our_environment_and_working_directory_and_nothing_to_read() {
    let dir = Dir::new("surroundings");
    let log = dir.0.join("log");
    let script = dir.script(&format!(
        "#!/bin/sh\necho \"$PATH\" > {0}\npwd -P >> {0}\nreadlink /proc/self/fd/0 >> {0}\n",
        log.display()
    ));
    assert_eq!(outcome(&script, &[]).1, End::Exited(0));
    let here = std::env::current_dir().expect("a test has one");
    let path = std::env::var("PATH").expect("a test has one");
    assert_eq!(dir.log(), format!("{path}\n{}\n/dev/null\n", here.display()));
}

#[test]
fn a_script_inherits_no_descriptor_of_ours() {
    let dir = Dir::new("descriptors");
    let log = dir.0.join("log");
    // What a node holds: a file, a listener, a connection.
    let held = fs::File::create(dir.0.join("held")).expect("the directory can be written");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    let stream = std::net::TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
    // The shell's own come from its script and its pipe: what counts is where they lead.
    let script = dir.script(&format!("#!/bin/sh\nls -l /proc/$$/fd > {}\n", log.display()));
    assert_eq!(outcome(&script, &[]).1, End::Exited(0));
    drop((held, listener, stream));
    let log = dir.log();
    let beyond: Vec<&str> = log.lines().filter(|line| line.contains("held") || line.contains("eventpoll")).collect();
    assert!(beyond.is_empty(), "{log}");
    // Standard output and error may be sockets of whoever runs the test.
    let sockets =
        log.lines().filter(|line| line.contains("socket:") && !line.contains(" 1 ->") && !line.contains(" 2 ->"));
    assert_eq!(sockets.count(), 0, "{log}");
}

#[test]
fn the_status_comes_back() {
    for status in [0, 1, 3, 255] {
        let dir = Dir::new(&format!("status-{status}"));
        let script = dir.script(&format!("#!/bin/sh\nexit {status}\n"));
        assert_eq!(outcome(&script, &[]).1, End::Exited(status));
    }
}

#[test]
fn a_signal_comes_back() {
    let dir = Dir::new("signal");
    let script = dir.script("#!/bin/sh\nkill -TERM $$\nsleep 60\n");
    assert_eq!(outcome(&script, &[]).1, End::Signaled(15));
}

#[test]
fn what_cannot_be_executed_counts_as_status_2() {
    let dir = Dir::new("refused");
    let script = dir.script("echo this file names no interpreter\n");
    assert_eq!(outcome(&script, &[]), (None, End::Exited(2)), "no shell steps in");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o644)).expect("it is ours");
    for path in [script.as_str(), "/nowhere/script", &dir.0.display().to_string(), "sh", ""] {
        assert_eq!(outcome(path, &[]), (None, End::Exited(2)), "{path:?}");
    }
}

#[test]
fn a_host_that_is_short_of_something_says_nothing_about_the_file() {
    let refused = |error| HostRefused::program("start the program", "/bin/a", io::Error::from_raw_os_error(error));
    let ends = [11, 12, 23, 24, 2, 13, 8].map(|error| end_of_refused(&refused(error)));
    let (short, files) = (End::NotStarted, End::Exited(2));
    assert_eq!(ends, [short, short, short, short, files, files, files]);
}

#[test]
fn a_script_that_is_to_be_killed_is() {
    let dir = Dir::new("killed");
    let up = dir.0.join("up");
    let script = dir.script(&format!("#!/bin/sh\ntrap '' TERM INT HUP\n: > {}\nexec sleep 600\n", up.display()));
    block_on(async {
        let (inbox, mut inputs) = mpsc::channel(8);
        let mut scripts = Scripts::new(inbox);
        scripts.run(1, script, vec![]);
        let pid = process_of(&mut inputs).await;
        exists(&up).await;
        let process = Handle::open(pid).expect("it runs");
        assert!(process.is_alive());
        scripts.kill(1);
        assert_eq!(next(&mut inputs).await, Event::ScriptEnded { nr: 1, end: End::Signaled(9) });
        assert!(!process.is_alive());
        // It is gone, and so is the order.
        scripts.kill(1);
        scripts.kill(2);
    });
}

#[test]
fn scripts_run_beside_each_other_and_the_books_are_closed() {
    let dir = Dir::new("many");
    let script = dir.script("#!/bin/sh\nexit $1\n");
    block_on(async {
        let (inbox, mut inputs) = mpsc::channel(8);
        let mut scripts = Scripts::new(inbox);
        for nr in 0..16 {
            scripts.run(nr, script.clone(), vec![nr.to_string()]);
        }
        let mut open = 16;
        while open > 0 {
            if let Event::ScriptEnded { nr, end } = next(&mut inputs).await {
                assert_eq!(end, End::Exited(i32::try_from(nr).expect("a small number")));
                open -= 1;
            }
        }
        scripts.run(16, script.clone(), vec!["0".to_owned()]);
        assert_eq!(scripts.running.len(), 1, "what has ended is forgotten");
        while !matches!(next(&mut inputs).await, Event::ScriptEnded { nr: 16, .. }) {}
    });
}

#[test]
fn scripts_are_started_in_the_order_in_which_they_were_ordered() {
    let dir = Dir::new("order");
    let script = dir.script("#!/bin/sh\nexit 0\n");
    block_on(async {
        let (inbox, mut inputs) = mpsc::channel(64);
        let mut scripts = Scripts::new(inbox);
        for nr in 0..16 {
            scripts.run(nr, script.clone(), vec![]);
        }
        let (mut started, mut ended) = (Vec::new(), 0);
        while ended < 16 {
            match next(&mut inputs).await {
                Event::ScriptStarted { nr, .. } => started.push(nr),
                Event::ScriptEnded { .. } => ended += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(started, (0..16).collect::<Vec<_>>());
    });
}

#[test]
fn more_than_may_wait_end_without_having_run() {
    let dir = Dir::new("flood");
    let script = dir.script("#!/bin/sh\nexit 0\n");
    block_on(async {
        let (inbox, mut inputs) = mpsc::channel(8);
        let mut scripts = Scripts::new(inbox);
        let orders = MAX_STARTS + 3;
        for nr in 0..orders as u64 {
            scripts.run(nr, script.clone(), vec![]);
        }
        let mut ends = BTreeMap::new();
        while ends.len() < orders {
            if let Event::ScriptEnded { nr, end } = next(&mut inputs).await {
                assert!(ends.insert(nr, end).is_none(), "each ends once");
            }
        }
        assert_eq!(ends.values().filter(|end| **end == End::NotStarted).count(), 3, "{ends:?}");
    });
}
