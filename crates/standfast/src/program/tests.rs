//! Real programs of a real shell.

use std::fs;
use std::future::Future;
use std::os::unix::fs::PermissionsExt as _;

use host::clock;
use host::process::Handle;

use super::*;

const SOON: Duration = Duration::from_secs(30);

/// A directory of our own, gone when the test ends. Everybody may look into it.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("standfast-program-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).expect("the temporary directory can be written");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).expect("it is ours");
        Self(dir)
    }

    /// A file that may be executed. Another process writes it: opened here, it could be inherited for a moment by a program that another
    /// test starts, and what is open for writing cannot be executed (ETXTBSY).
    fn program(&self, text: &str, limit: Duration) -> Program {
        let path = self.0.join("program").display().to_string();
        let write = "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$2\" && chmod 755 \"$2\"";
        let written = std::process::Command::new("sh").args(["-c", write, "sh", text, &path]).status();
        assert!(written.expect("there is a shell").success());
        Program { argv: vec![path, "own".to_owned()], who: Who::Us, limit }
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

fn run(program: &Program) -> Result<(), String> {
    let mut runner = Runner::default();
    block_on(runner.run(program, &["more".to_owned()], &[("STANDFAST_ADDRESS", "vip".to_owned())]))
}

#[test]
fn status_zero_passes_and_another_fails_with_the_last_line() {
    let dir = Dir::new("status");
    assert_eq!(run(&dir.program("exit 0", SOON)), Ok(()));
    let failed = run(&dir.program("echo first; echo; echo the disk is full >&2; echo; exit 3", SOON)).unwrap_err();
    assert_eq!(failed, "it ended with status 3; it said: the disk is full");
    assert_eq!(run(&dir.program("exit 1", SOON)).unwrap_err(), "it ended with status 1");
    assert_eq!(run(&dir.program("kill -9 $$", SOON)).unwrap_err(), "it was killed by signal 9");
    let absent = Program { argv: vec!["/no/such/program".to_owned()], who: Who::Us, limit: SOON };
    assert!(run(&absent).unwrap_err().contains("/no/such/program"));
}

#[test]
fn a_flood_of_words_is_no_trouble_and_its_end_is_heard() {
    let dir = Dir::new("flood");
    let failed = run(&dir.program("yes nonsense | head -c 3000000; echo; echo the end; exit 1", SOON)).unwrap_err();
    assert_eq!(failed, "it ended with status 1; it said: the end");
}

#[test]
fn it_gets_its_arguments_ours_and_no_environment_but_what_is_meant_for_it() {
    let dir = Dir::new("environment");
    let tell = "echo \"$*\" $STANDFAST_ADDRESS home=$HOME dir=$PWD $(env | grep -c .); exit 1";
    let failed = run(&dir.program(tell, SOON)).unwrap_err();
    // The PATH, the variable, and PWD, which the shell adds.
    assert_eq!(failed, "it ended with status 1; it said: own more vip home= dir=/ 3");
}

#[test]
fn at_the_limit_it_is_killed_with_all_that_it_started() {
    let dir = Dir::new("limit");
    let pids = dir.0.join("pids");
    let text = format!("sleep 1000 & echo $$ $! > {}; echo waits; wait", pids.display());
    // A busy machine may not have let it speak within a second.
    let told = [1, 5, 20].into_iter().find_map(|limit| {
        let failed = run(&dir.program(&text, Duration::from_secs(limit))).unwrap_err();
        let killed = failed.strip_prefix(&format!("it took longer than {limit}s and was killed")).expect(&failed);
        (!killed.is_empty()).then(|| killed.to_owned())
    });
    assert_eq!(told.as_deref(), Some("; it said: waits"));
    for pid in fs::read_to_string(pids).unwrap().split_whitespace() {
        if let Ok(process) = Handle::open(pid.parse().unwrap()) {
            assert!(process.wait_for_end(SOON), "{pid} goes on");
        }
    }
}

#[test]
fn a_check_that_is_given_up_leaves_nothing_running() {
    let dir = Dir::new("dropped");
    let pid = dir.0.join("pid");
    let program = dir.program(&format!("echo $$ > {0}.new; mv {0}.new {0}; sleep 1000", pid.display()), SOON);
    let process = block_on(async {
        let running = tokio::spawn(async move { Runner::default().run(&program, &[], &[]).await });
        let process = loop {
            if let Ok(pid) = fs::read_to_string(&pid) {
                break Handle::open(pid.trim().parse().unwrap()).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        running.abort();
        let _ = running.await;
        process
    });
    assert!(process.wait_for_end(SOON));
}

/// As where the thread that drives addresses ends: by then nothing can be registered that tells of its end.
#[test]
fn one_that_is_being_started_when_the_runtime_goes_is_not_left_behind() {
    let dir = Dir::new("last");
    let program = dir.program("sleep 1000", SOON);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let not_yet = STARTING.lock().unwrap();
    runtime.block_on(async {
        let running = tokio::spawn(async move { Runner::default().run(&program, &[], &[]).await });
        // Until it is about to start.
        tokio::time::sleep(Duration::from_millis(200)).await;
        running.abort();
    });
    // Its reactor goes first; then it waits for what has begun.
    let ended = std::thread::spawn(move || drop(runtime));
    std::thread::sleep(Duration::from_millis(50));
    drop(not_yet);
    ended.join().unwrap();
    let until = clock::now() + SOON;
    while has_living_child("program") {
        assert!(clock::now() < until, "it goes on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether one of our children has this name and runs (proc_pid_stat(5): the name in brackets, the state, the parent).
fn has_living_child(name: &str) -> bool {
    let ours = |stat: &str| {
        let (called, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
        let mut words = rest.split(' ');
        let (state, parent) = (words.next()?, words.next()?);
        Some(called == name && state != "Z" && parent == std::process::id().to_string())
    };
    let stats = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path().join("stat"));
    stats.filter_map(|stat| fs::read_to_string(stat).ok()).any(|stat| ours(&stat) == Some(true))
}

#[test]
fn what_goes_on_behind_it_does_not_hold_it_up() {
    let dir = Dir::new("behind");
    let pid = dir.0.join("pid");
    let program = dir.program(&format!("sleep 1000 & echo $! > {}", pid.display()), SOON);
    assert_eq!(run(&program), Ok(()));
    let behind = Handle::open(fs::read_to_string(pid).unwrap().trim().parse().unwrap()).unwrap();
    assert!(behind.is_alive(), "it is not ours to end");
    behind.signal(host::process::Signal::Kill).unwrap();
}

#[test]
fn another_user_is_that_user_with_no_capability() {
    let dir = Dir::new("user");
    let tell = "echo $(id -u) $(grep CapEff /proc/self/status); exit 1";
    for who in [Who::NotRoot, Who::User("nobody".to_owned())] {
        let program = Program { who, ..dir.program(tell, SOON) };
        assert_eq!(run(&program).unwrap_err(), "it ended with status 1; it said: 65534 CapEff: 0000000000000000");
    }
    let stranger = Program { who: Who::User("nobody of that name".to_owned()), ..dir.program(tell, SOON) };
    assert!(run(&stranger).unwrap_err().contains("there is no user"));
}

#[test]
fn what_others_can_write_to_is_not_run() {
    let dir = Dir::new("safety");
    let program = dir.program("exit 0", SOON);
    let path = Path::new(&program.argv[0]).to_owned();
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for (path, bad, good) in [(&path, 0o757, 0o755), (&dir.0, 0o777, 0o755)] {
        mode(path, bad);
        let refused = run(&program).unwrap_err();
        assert!(
            refused.contains("was not run") && refused.contains(&format!("{} can be", path.display())),
            "{refused}"
        );
        mode(path, good);
        assert_eq!(run(&program), Ok(()));
    }
    // Of the group of others.
    std::os::unix::fs::chown(&path, None, Some(65_534)).unwrap();
    mode(&path, 0o775);
    assert!(run(&program).unwrap_err().contains("was not run"));
    mode(&path, 0o755);
    assert_eq!(run(&program), Ok(()));
    // Another's, unless it is run as that one.
    std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
    assert!(run(&program).unwrap_err().contains("belongs to another user"));
    assert_eq!(run(&Program { who: Who::NotRoot, ..program }), Ok(()));
}

#[test]
fn what_is_run_is_what_was_looked_at_behind_all_links() {
    let dir = Dir::new("link");
    let mut program = dir.program("echo $0; exit 1", SOON);
    let link = dir.0.join("link");
    std::os::unix::fs::symlink(dir.0.join("program"), &link).unwrap();
    program.argv[0] = link.display().to_string();
    let failed = run(&program).unwrap_err();
    assert!(failed.ends_with("/program"), "{failed}");
}

#[test]
fn what_may_not_be_executed_is_said_with_its_path() {
    let dir = Dir::new("mode");
    let program = dir.program("exit 0", SOON);
    fs::set_permissions(&program.argv[0], fs::Permissions::from_mode(0o644)).unwrap();
    let failed = run(&program).unwrap_err();
    assert!(failed.contains(&program.argv[0]) && failed.contains("ermission"), "{failed}");
    let strange = dir.program("exit 0", SOON);
    fs::write(&strange.argv[0], "#!/no/such/interpreter\n").unwrap();
    fs::set_permissions(&strange.argv[0], fs::Permissions::from_mode(0o755)).unwrap();
    assert!(run(&strange).unwrap_err().contains(&strange.argv[0]));
}

/// A debugger that does not collect what it has attached to keeps a killed process from its parent, as a disk that hangs does.
#[test]
fn what_cannot_be_killed_is_not_waited_for_and_there_are_few_of_it() {
    const HOLD: &str = "import ctypes, sys, time\nseize = 0x4206\nlibc = ctypes.CDLL(None, use_errno=True)\n\
                        assert libc.ptrace(seize, int(sys.argv[1]), 0, 0) == 0\ntime.sleep(100)";
    let dir = Dir::new("stuck");
    let pid = dir.0.join("pid");
    let text = format!("echo $$ > {0}.new; mv {0}.new {0}; sleep 1000", pid.display());
    let mut runner = Runner::default();
    // A busy host may be slower to attach than the program's limit.
    let held = [1, 5, 20].into_iter().find_map(|limit| {
        let _ = fs::remove_file(&pid);
        let program = dir.program(&text, Duration::from_secs(limit));
        let mut debugger = None;
        let failed = block_on(async {
            let hold = async {
                while !pid.exists() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                let mut python = std::process::Command::new("python3");
                python.args(["-c", HOLD]).arg(fs::read_to_string(&pid).unwrap().trim()).stderr(Stdio::null());
                debugger = Some(python.spawn().expect("python3 is on the PATH"));
                std::future::pending().await
            };
            tokio::select! {
                failed = runner.run(&program, &[], &[]) => failed.unwrap_err(),
                () = hold => unreachable!("it waits"),
            }
        });
        Some((debugger?, failed)).filter(|(_, failed)| failed.contains("has not ended"))
    });
    let (mut debugger, failed) = held.expect("it can be held");
    assert!(failed.contains("was killed, and has not ended") && failed.contains("hangs in the kernel"), "{failed}");
    let quick = dir.program("exit 0", SOON);
    let run = |runner: &mut Runner| block_on(runner.run(&quick, &[], &[]));
    assert_eq!(run(&mut runner), Ok(()), "another one is started nevertheless");
    assert_eq!(runner.stuck(), 1);
    debugger.kill().and_then(|()| debugger.wait()).unwrap();
    let until = clock::now() + SOON;
    while runner.stuck() > 0 {
        assert!(clock::now() < until, "it has ended");
        assert_eq!(run(&mut runner), Ok(()));
    }
    // Written once: a shell that starts would read what is half there.
    let lasting = dir.program("sleep 1000", SOON);
    runner.fill(|| block_on(async { lasting.start(&[], &[]).unwrap().0 }));
    assert!(run(&mut runner).unwrap_err().contains("it was not run: 3 before it"));
    let others = Dir::new("others");
    let quick = others.program("exit 0", SOON);
    assert_eq!(block_on(Runner::default().run(&quick, &[], &[])), Ok(()), "others go on");
}
