//! Looks at real things: a proxy of ours with a real Redis behind it, processes, files, programs.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use host::clock;
use host::process::{Handle, Signal};
use ports::free_address;
use view::{Epoch, Phase, View};

use super::*;
use crate::inherited::Inherited;
use crate::traffic::Traffic;

const SOON: Duration = Duration::from_secs(30);

/// A directory of our own, gone when the test ends. Everybody may look into it.
pub(super) struct Dir(pub(super) PathBuf);

impl Dir {
    pub(super) fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("standfast-checks-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).expect("the temporary directory can be written");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).expect("it is ours");
        Self(dir)
    }

    /// A file that may be executed, written by another process: see `program`'s tests.
    pub(super) fn program(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name).display().to_string();
        let write = "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$2\" && chmod 755 \"$2\"";
        assert!(Command::new("sh").args(["-c", write, "sh", text, &path]).status().unwrap().success());
        path
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(SOON, future).await.expect("it takes moments") })
}

/// A real Redis. It ends with the test.
struct Server {
    child: Child,
    addr: SocketAddr,
}

impl Server {
    fn start(dir: &Dir, more: &[&str]) -> Self {
        let addr = free_address();
        let dir = dir.0.to_str().expect("it has a plain name");
        let options = [
            "--bind",
            "127.0.0.1",
            "--port",
            &addr.port().to_string(),
            "--dir",
            dir,
            "--save",
            "",
            "--appendonly",
            "no",
        ];
        let child = Command::new("redis-server").args(options).args(more).stdout(Stdio::null()).spawn();
        let server = Self { child: child.expect("redis-server is on the PATH"), addr };
        let until = clock::now() + SOON;
        while TcpStream::connect(addr).is_err() {
            assert!(clock::now() < until, "redis-server did not start");
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    }

    fn process(&self) -> Handle {
        Handle::open(self.child.id()).unwrap()
    }

    fn says(&self, words: &[&str]) -> String {
        let port = self.addr.port().to_string();
        let said = Command::new("redis-cli").args(["-p", &port]).args(words).output().unwrap();
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A proxy in front of a server, and an address that it proves.
struct Stand {
    config: Config,
    feeds: Feeds,
    traffic: Traffic,
    server: SocketAddr,
    _dir: Dir,
}

impl Stand {
    /// `listen`: where the listener is. `listener`, `address`, `group`: more lines of these tables.
    fn start(name: &str, server: SocketAddr, listen: SocketAddr, [listener, address, group]: [&str; 3]) -> Self {
        let dir = Dir::new(name);
        let text = format!(
            "[node]\nlisten = \"{}\"\nstate-dir = \"{}\"\n[[group]]\nname = \"cache\"\nmaster = \"{server}\"\n{group}\n\
             [[listener]]\nlisten = \"{listen}\"\ngroup = \"cache\"\n{listener}\n\
             [[address]]\nname = \"vip\"\nheld = [\"192.0.2.130/32\"]\ninterface = \"lo\"\nfollows = \"proxy\"\n\
             listener = \"{listen}\"\ninterval = \"20ms\"\ntimeout = \"400ms\"\n{address}\n",
            free_address(),
            dir.0.display()
        );
        let config = config::parse("standfast.toml", &text).unwrap_or_else(|problems| panic!("{problems}"));
        let feeds = Feeds::of(&config);
        let traffic = Traffic::start(&config, &feeds, &mut Inherited::default()).unwrap();
        let stand = Self { config, feeds, traffic, server, _dir: dir };
        stand.view(Phase::Steady);
        stand
    }

    fn view(&self, phase: Phase) {
        let epoch = Epoch(1 + u64::from(phase == Phase::Steady));
        self.feeds.publish(View { group: "cache".into(), epoch, phase, master: self.server, replicas: Vec::new() });
    }

    /// Whoever proves, with a short grace.
    fn prover(&self) -> proof::Prover {
        self.prover_with(SOON)
    }

    fn prover_with(&self, hold: Duration) -> proof::Prover {
        let config::address::Follows::Proxy(proof) = &self.config.addresses[0].follows else { panic!("it does") };
        proof::Prover::new(proof::Plan::of(&self.config, proof).with_patience(GRACE, hold), &self.feeds)
    }
}

const GRACE: Duration = Duration::from_millis(700);
const LIMIT: Duration = Duration::from_millis(400);

/// The result that comes and stays; what was before it.
async fn until(prover: &mut proof::Prover, passes: bool) -> Option<String> {
    for _ in 0..1_000 {
        let result = prover.prove(LIMIT).await;
        if result.is_ok() == passes {
            return result.err();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never {}", if passes { "passes" } else { "fails" });
}

#[test]
fn a_request_that_gets_through_proves_and_a_write_is_one() {
    let dir = Dir::new("through-redis");
    let server = Server::start(&dir, &[]);
    let stand =
        Stand::start("through", server.addr, free_address(), ["", "read = \"some-key\"\nwrite = \"proof\"", ""]);
    block_on(async {
        let mut prover = stand.prover();
        for _ in 0..20 {
            assert_eq!(prover.prove(SOON).await, Ok(()));
        }
        assert_eq!(server.says(&["EXISTS", "proof"]), "1");
        let life: i64 = server.says(&["PTTL", "proof"]).parse().unwrap();
        assert!((1..=60_000).contains(&life), "it goes by itself: {life}");
        // A connection that was kept is not a reason to fail.
        server.says(&["CLIENT", "KILL", "TYPE", "normal"]);
        assert_eq!(prover.prove(SOON).await, Ok(()));
        // A key of another type than is written does not matter: SET replaces it. A server that refuses writes does.
        server.says(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
        let failed = prover.prove(SOON).await.unwrap_err();
        assert!(failed.contains("NOREPLICAS"), "{failed}");
    });
    stand.traffic.stop();
}

#[test]
fn without_a_master_a_proxy_that_lives_passes_and_one_that_is_gone_fails() {
    let dir = Dir::new("failover-redis");
    let mut server = Server::start(&dir, &[]);
    for hold in ["", "hold = \"0s\"", "hold = \"0s\"\npool = \"session\""] {
        let stand = Stand::start("failover", server.addr, free_address(), [hold, "", ""]);
        block_on(async {
            let mut prover = stand.prover();
            until(&mut prover, true).await;
            let end = clock::now() + GRACE * 3;
            stand.view(Phase::Switching);
            while clock::now() < end {
                assert_eq!(prover.prove(LIMIT).await, Ok(()), "{hold}");
                assert!(stand.traffic.clients() <= 2, "what waits is asked once: {}", stand.traffic.clients());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            stand.view(Phase::Steady);
            until(&mut prover, true).await;
            stand.traffic.stop();
            let failed = prover.prove(SOON).await.unwrap_err();
            assert!(failed.contains("the proxy does not answer"), "{failed}");
        });
    }
    server.child.kill().unwrap();
}

#[test]
fn nothing_is_proved_before_the_first_answer_and_nothing_for_ever_after_the_last() {
    let dir = Dir::new("bounds-redis");
    let server = Server::start(&dir, &[]);
    let stand = Stand::start("bounds", server.addr, free_address(), ["", "", ""]);
    block_on(async {
        let mut prover = stand.prover_with(GRACE * 2);
        stand.view(Phase::Switching);
        let failed = prover.prove(LIMIT).await.unwrap_err();
        assert!(failed.contains("has ever answered"), "{failed}");
        stand.view(Phase::Steady);
        until(&mut prover, true).await;
        let began = clock::now();
        stand.view(Phase::Lost);
        let failed = until(&mut prover, false).await.unwrap();
        assert!(clock::now() - began >= GRACE, "it was excused");
        assert!(failed.contains("lives") && failed.contains("cut off from the servers"), "{failed}");
        stand.view(Phase::Steady);
        until(&mut prover, true).await;
    });
    stand.traffic.stop();
}

#[test]
fn a_master_that_hangs_under_a_steady_view_is_excused_for_a_while() {
    let dir = Dir::new("grace-redis");
    let server = Server::start(&dir, &[]);
    let stand = Stand::start("grace", server.addr, free_address(), ["", "", ""]);
    block_on(async {
        let mut prover = stand.prover();
        assert_eq!(prover.prove(SOON).await, Ok(()));
        server.process().signal(Signal::Stop).unwrap();
        let began = clock::now();
        let failed = until(&mut prover, false).await.unwrap();
        assert!(clock::now() - began >= GRACE, "it was excused");
        assert!(failed.contains("lives") && failed.contains("cut off"), "{failed}");
        // Now a failover is seen, and nobody else could serve either.
        stand.view(Phase::Switching);
        assert_eq!(prover.prove(LIMIT).await, Ok(()));
        stand.view(Phase::Steady);
        server.process().signal(Signal::Continue).unwrap();
        until(&mut prover, true).await;
    });
    stand.traffic.stop();
}

#[test]
fn a_listener_that_is_elsewhere_is_proved_by_its_side_door() {
    let dir = Dir::new("elsewhere-redis");
    let server = Server::start(&dir, &[]);
    // Of a network for documentation: nobody has it, and the proxy listens there all the same.
    let elsewhere = SocketAddr::from(([192, 0, 2, 130], free_address().port()));
    let stand = Stand::start("elsewhere", server.addr, elsewhere, ["", "", ""]);
    let strict = Stand::start("strict", server.addr, free_address(), ["allow = [\"10.0.0.0/8\"]", "", ""]);
    block_on(async {
        for stand in [&stand, &strict] {
            let mut prover = stand.prover();
            assert_eq!(prover.prove(SOON).await, Ok(()));
            let [(_, side)] = &door::side_doors(&stand.config)[..] else { panic!("one side door") };
            assert_eq!(fs::metadata(side).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let mut prover = stand.prover();
        stand.traffic.stop();
        assert!(prover.prove(SOON).await.unwrap_err().contains("the proxy does not answer"));
    });
    strict.traffic.stop();
}

#[test]
fn a_login_that_the_server_refuses_is_an_answer() {
    let dir = Dir::new("login-redis");
    let server = Server::start(&dir, &["--requirepass", "sesame"]);
    for (name, password) in [("right", "sesame"), ("wrong", "open")] {
        let stand = Stand::start(name, server.addr, free_address(), ["", "", &format!("password = \"{password}\"")]);
        block_on(async { assert_eq!(stand.prover().prove(SOON).await, Ok(()), "{name}") });
        stand.traffic.stop();
    }
}

#[test]
fn a_listener_with_tls_is_proved_by_tls() {
    let dir = Dir::new("tls-redis");
    let server = Server::start(&dir, &[]);
    let made = rcgen::generate_simple_self_signed(vec!["redis.example".to_owned()]).unwrap();
    let (cert, key) = (dir.0.join("cert.pem"), dir.0.join("key.pem"));
    fs::write(&cert, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = format!("[listener.tls]\ncert = \"{}\"\nkey = \"{}\"", cert.display(), key.display());
    let stand = Stand::start("tls", server.addr, free_address(), [&tls, "", ""]);
    block_on(async { assert_eq!(stand.prover().prove(SOON).await, Ok(())) });
    stand.traffic.stop();
}

/// A file as far as checks do not matter.
const HEAD: &str = "[node]\nlisten = \"127.0.0.1:2\"\n[[group]]\nname = \"cache\"\nmaster = \"127.0.0.1:1\"\n[[listener]]\n\
    listen = \"127.0.0.1:3\"\ngroup = \"cache\"\n[[address]]\nname = \"vip\"\nheld = [\"192.0.2.130/32\"]\ninterface = \"lo\"\n\
    follows = \"checks\"\n";

/// One look at what a check of this text looks at.
fn look_at(text: &str) -> Result<(), String> {
    look_within("20s", text)
}

fn look_within(timeout: &str, text: &str) -> Result<(), String> {
    let file =
        format!("{HEAD}[[address.check]]\nname = \"it\"\ninterval = \"20ms\"\ntimeout = \"{timeout}\"\n{text}\n");
    let config = config::parse("standfast.toml", &file).unwrap_or_else(|problems| panic!("{problems}"));
    block_on(async {
        let (inbox, mut events) = mpsc::channel(8);
        let mut checks = Checks::new(inbox, Feeds::default());
        checks.configure(&config);
        match events.recv().await {
            Some(Event::Checked { address, check, failed }) => {
                assert_eq!((&*address, &*check), ("vip", "it"));
                failed.map_or(Ok(()), Err)
            }
            other => panic!("{other:?}"),
        }
    })
}

fn fails(text: &str, with: &str) {
    let failed = look_at(text).unwrap_err();
    assert!(failed.contains(with), "{text}: {failed}");
}

#[test]
fn a_redis_has_to_answer_and_to_have_the_role() {
    let dir = Dir::new("role-redis");
    let server = Server::start(&dir, &["--requirepass", "sesame"]);
    let redis = |more: &str| format!("redis = \"{}\"\n{more}", server.addr);
    let login = "password = \"sesame\"\n";
    assert_eq!(look_at(&redis(login)), Ok(()));
    assert_eq!(look_at(&redis(&format!("{login}role = \"master\""))), Ok(()));
    fails(&redis(&format!("{login}role = \"replica\"")), "its ROLE says master");
    fails(&redis(""), "NOAUTH");
    fails(&redis("password = \"wrong\""), "does not let us in");
    server.process().signal(Signal::Stop).unwrap();
    assert!(look_within("1s", &redis(login)).unwrap_err().contains("no answer within 1s"));
    server.process().signal(Signal::Continue).unwrap();
    fails(&format!("redis = \"{}\"", free_address()), "refused");
}

#[test]
fn a_port_has_to_take_connections() {
    let addr = free_address();
    let listener = TcpListener::bind(addr).unwrap();
    assert_eq!(look_at(&format!("tcp = \"{addr}\"")), Ok(()));
    drop(listener);
    fails(&format!("tcp = \"{addr}\""), "refused");
}

#[test]
fn a_gateway_has_to_answer() {
    assert_eq!(look_at("gateway = \"127.0.0.1\""), Ok(()));
    assert_eq!(look_at("gateway = \"::1\""), Ok(()));
    // A network for documentation: no way there, or no answer from there.
    assert!(look_within("1s", "gateway = \"192.0.2.77\"").is_err());
}

#[test]
fn an_interface_has_to_be_there_and_up() {
    assert_eq!(look_at("interface = \"lo\""), Ok(()));
    fails("interface = \"no-such-one\"", "there is no interface");
}

#[test]
fn a_process_has_to_run() {
    let dir = Dir::new("process");
    // A name that nothing else here has.
    let name = format!("sleeper-{}", std::process::id());
    fs::copy("/bin/sleep", dir.0.join(&name)).unwrap();
    let process = format!("process = \"{name}\"");
    fails(&process, "no process");
    let mut child = Command::new(dir.0.join(&name)).arg("1000").spawn().unwrap();
    assert_eq!(look_at(&process), Ok(()));
    let file = dir.0.join("pid");
    fs::write(&file, format!("{}\n", child.id())).unwrap();
    let pid_file = format!("pid-file = \"{}\"", file.display());
    assert_eq!(look_at(&pid_file), Ok(()));
    child.kill().unwrap();
    assert!(Handle::open(child.id()).unwrap().wait_for_end(SOON));
    // Ended, and not waited for.
    fails(&process, "no process");
    fails(&pid_file, "does not run");
    child.wait().unwrap();
    fails(&pid_file, "does not run");
    fs::write(&file, "nonsense").unwrap();
    fails(&pid_file, "holds no process number");
    fs::remove_file(&file).unwrap();
    fails(&pid_file, "No such file");
}

#[test]
fn a_file_has_to_be_there_new_and_right() {
    let dir = Dir::new("file");
    let path = dir.0.join("it");
    let file = |more: &str| format!("file = \"{}\"\n{more}", path.display());
    fails(&file(""), "No such file");
    fs::write(&path, "state: ready\n").unwrap();
    assert_eq!(look_at(&file("max-age = \"60s\"\ncontains = \"ready\"")), Ok(()));
    fails(&file("contains = \"steady\""), "does not hold");
    let touched = Command::new("touch").args(["-d", "10 hours ago"]).arg(&path).status().unwrap();
    assert!(touched.success());
    // 36,000 s, and what has passed since.
    fails(&file("max-age = \"60s\""), "was changed 36");
    assert_eq!(look_at(&file("max-age = \"20h\"")), Ok(()));
}

#[test]
fn a_disk_that_hangs_fails_in_time_and_is_waited_for_by_one_look() {
    let dir = Dir::new("hangs");
    let path = dir.0.join("pipe");
    // Who opens it waits until somebody writes.
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let text = format!(
        "{HEAD}[[address.check]]\nname = \"it\"\ninterval = \"20ms\"\ntimeout = \"100ms\"\nfile = \"{}\"\ncontains = \"ready\"\n",
        path.display()
    );
    let config = config::parse("standfast.toml", &text).unwrap_or_else(|problems| panic!("{problems}"));
    block_on(async {
        let (inbox, mut events) = mpsc::channel(8);
        let mut checks = Checks::new(inbox, Feeds::default());
        checks.configure(&config);
        let mut failed = async || match events.recv().await {
            Some(Event::Checked { failed, .. }) => failed,
            other => panic!("{other:?}"),
        };
        for _ in 0..5 {
            assert_eq!(failed().await.as_deref(), Some("no answer within 100ms"));
        }
        // One thread waits, and no more: it gets what is written, and the next look waits for the next.
        fs::write(&path, "ready").unwrap();
        while failed().await.is_some() {}
        assert!(failed().await.is_some());
        drop(checks);
        fs::write(&path, "that the thread ends").unwrap();
    });
}

#[test]
fn a_script_has_to_succeed_in_time_as_nobody() {
    let dir = Dir::new("script");
    let script = |text: &str| format!("script = [\"{}\", \"argument\"]", dir.program("it", text));
    let tell = "[ \"$1 $STANDFAST_ADDRESS $STANDFAST_INTERFACE $(id -un)\" = 'argument vip lo nobody' ]";
    assert_eq!(look_at(&script(tell)), Ok(()));
    fails(&script("echo the disk is full; exit 7"), "status 7; it said: the disk is full");
    // A busy machine may not have started it within a second.
    let waits = script("echo waits; sleep 1000");
    assert!(["1s", "4s", "16s"].into_iter().any(|limit| {
        let told = look_within(limit, &waits).unwrap_err();
        told.contains(&format!("took longer than {limit} and was killed; it said: waits"))
    }));
}

#[test]
fn looks_do_not_overlap_and_end_with_their_owner() {
    let dir = Dir::new("overlap");
    let program = dir
        .program("it", "cd \"$(dirname \"$0\")\"; mkdir lock || echo x >> both; echo . >> runs; sleep 0.1; rmdir lock");
    fs::set_permissions(&dir.0, fs::Permissions::from_mode(0o1777)).unwrap();
    let config = script_config(&program);
    block_on(async {
        let (inbox, mut events) = mpsc::channel(8);
        let mut checks = Checks::new(inbox, Feeds::default());
        checks.configure(&config);
        for turn in 0..6 {
            // What has not changed goes on: no second one beside it.
            checks.configure(&config);
            let event = events.recv().await;
            assert!(matches!(event, Some(Event::Checked { failed: None, .. })), "{turn}: {event:?}");
        }
        drop(checks);
        while events.recv().await.is_some() {}
    });
    assert_eq!(dir.read("both"), "");
    // One that was just being started is killed a moment later.
    std::thread::sleep(Duration::from_millis(300));
    let runs = dir.read("runs");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(dir.read("runs"), runs, "nobody looks any more");
}

fn script_config(program: &str) -> Config {
    let text = format!(
        "{HEAD}[[address.check]]\nname = \"it\"\ninterval = \"20ms\"\ntimeout = \"20s\"\nscript = [\"{program}\"]\n"
    );
    config::parse("standfast.toml", &text).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn commands_are_told_what_for_and_their_end_is_an_event() {
    let dir = Dir::new("commands");
    let told = dir.0.join("told");
    let note = format!(
        "echo \"$STANDFAST_JOB $STANDFAST_ADDRESS $STANDFAST_INTERFACE $STANDFAST_HELD $*\" >> {}",
        told.display()
    );
    let (up, down) = (dir.program("up", &note), dir.program("down", &format!("{note}; echo no route; exit 4")));
    let text = format!("{HEAD}[address.command]\nup = [\"{up}\", \"a b\"]\ndown = [\"{down}\"]\n");
    let config = config::parse("standfast.toml", &text).unwrap_or_else(|problems| panic!("{problems}"));
    block_on(async {
        let (inbox, mut events) = mpsc::channel(8);
        let mut checks = Checks::new(inbox, Feeds::default());
        checks.configure(&config);
        let mut end = async |address: &str, nr, job| {
            checks.run(address, nr, job);
            match events.recv().await {
                Some(Event::Ran { nr: told, end, .. }) if told == nr => end,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(end("vip", 1, Job::Up).await, node::End::Done);
        let node::End::Failed(why) = end("vip", 2, Job::Down).await else { panic!("it fails") };
        assert!(why.ends_with("it ended with status 4; it said: no route") && why.starts_with(&down), "{why}");
        for (address, job) in [("vip", Job::Check), ("unknown", Job::Up)] {
            assert!(matches!(end(address, 3, job).await, node::End::Failed(_)), "{address}");
        }
    });
    let told = fs::read_to_string(Path::new(&told)).unwrap();
    assert_eq!(told, "up vip lo 192.0.2.130/32 a b\ndown vip lo 192.0.2.130/32 \n");
}

#[test]
fn a_new_address_has_its_commands_before_all_else_and_others_keep_theirs() {
    let dir = Dir::new("introduced");
    let (up, other) = (dir.program("up", "exit 0"), dir.program("other", "exit 3"));
    let parse = |up: &str| {
        let text = format!("{HEAD}[address.command]\nup = [\"{up}\"]\ndown = [\"{up}\"]\n");
        config::parse("standfast.toml", &text).unwrap_or_else(|problems| panic!("{problems}"))
    };
    block_on(async {
        let (inbox, mut events) = mpsc::channel(8);
        let mut checks = Checks::new(inbox, Feeds::default());
        let mut end = async |checks: &mut Checks, nr| {
            checks.run("vip", nr, Job::Down);
            match events.recv().await {
                Some(Event::Ran { nr: told, end, .. }) if told == nr => end,
                other => panic!("{other:?}"),
            }
        };
        assert!(matches!(end(&mut checks, 1).await, node::End::Failed(_)), "nobody knows it");
        checks.introduce(&parse(&up), |_| false);
        assert_eq!(end(&mut checks, 2).await, node::End::Done);
        checks.introduce(&parse(&other), |name| name == "vip");
        assert_eq!(end(&mut checks, 3).await, node::End::Done, "what is there is given back by what fetched it");
    });
}
