//! A start that cannot be: each with its exit code, a message that says what to do, and nothing half-written.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use ports::free_address;

/// A directory of its own for each test, removed when the test ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("standfast-start-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("the temporary directory can be written");
        Self(dir)
    }

    fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    fn config(&self, text: &str) -> PathBuf {
        let file = self.0.join("standfast.toml");
        fs::write(&file, text).expect("the scratch directory can be written");
        file
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn standfast(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_standfast")).args(arguments).output().expect("cargo built it")
}

fn run(config: &Path) -> (Option<i32>, String) {
    outcome(&standfast(&["run", "-c", &config.display().to_string()]))
}

fn outcome(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), [output.stdout.as_slice(), &output.stderr].map(String::from_utf8_lossy).concat())
}

/// A file that is fine, unless one of its parts is not.
fn text(state: &Path, listen: SocketAddr, master: SocketAddr, more: &str) -> String {
    format!(
        "[node]\nname = \"t\"\nlisten = \"{listen}\"\nstate-dir = \"{}\"\n\n[[group]]\nname = \"cache\"\nmaster = \"{master}\"\n\n\
         [[listener]]\nlisten = \"{}\"\ngroup = \"cache\"\n{more}",
        state.display(),
        free_address()
    )
}

/// A real Redis that wants the password `sesame`. It ends with the test.
struct Guarded {
    server: Child,
    addr: SocketAddr,
}

impl Guarded {
    fn start(dir: &Path) -> Self {
        let addr = free_address();
        let port = addr.port().to_string();
        let dir = dir.to_str().expect("a scratch directory has a plain name");
        let options = ["--bind", "127.0.0.1", "--port", &port, "--dir", dir, "--save", "", "--appendonly", "no"];
        let server = Command::new("redis-server")
            .args(options)
            .args(["--requirepass", "sesame"])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is on the PATH: `cargo xtask test` installs it");
        let mut guarded = Self { server, addr };
        // It listens, or it has ended and says so here.
        while TcpStream::connect(addr).is_err() {
            assert!(guarded.server.try_wait().expect("it is our child").is_none(), "redis-server did not start");
            thread::sleep(Duration::from_millis(5));
        }
        guarded
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A Redis that answers every request with the same bytes: for a version that no package offers any more.
fn redis_that_says(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let addr = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.read(&mut request);
        }
    });
    addr
}

#[test]
fn a_good_file_is_called_fine() {
    let scratch = Scratch::new("fine");
    let config = scratch.config(&text(&scratch.state(), free_address(), free_address(), ""));
    let (code, said) = outcome(&standfast(&["check", "-c", &config.display().to_string()]));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 group, 1 listener: fine"), "{said}");
    assert!(!scratch.state().exists(), "a check changes nothing");
}

#[test]
fn every_example_is_fine() {
    let examples = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"));
    let files = fs::read_dir(examples).unwrap().map(|entry| entry.unwrap().path());
    let files: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect();
    assert!(files.len() > 8, "{files:?}");
    for file in files {
        // An interface of the example may be missing here; that is a warning.
        let (code, said) = outcome(&standfast(&["check", "-c", &file.display().to_string()]));
        assert!(code == Some(0) && said.contains(": fine"), "{}: {said}", file.display());
    }
}

#[test]
fn a_broken_file_is_told_with_line_and_column() {
    let scratch = Scratch::new("broken");
    let config = scratch.config("[node\nlisten = 1");
    for verb in ["check", "run"] {
        let (code, said) = outcome(&standfast(&[verb, "-c", &config.display().to_string()]));
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("standfast.toml:1:"), "{said}");
    }
}

#[test]
fn all_unknown_keys_are_told_at_once_with_the_nearest_name() {
    let scratch = Scratch::new("unknown");
    let config =
        scratch.config(&(text(&scratch.state(), free_address(), free_address(), "hodl = \"1s\"\n") + "\n[lgo]\n"));
    let (code, said) = run(&config);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("hodl") && said.contains("hold"), "{said}");
    assert!(said.contains("lgo") && said.contains("log"), "{said}");
    assert!(!scratch.state().exists(), "nothing was written");
}

#[test]
fn a_missing_file_is_told_with_its_name() {
    let (code, said) = outcome(&standfast(&["run", "-c", "/nonexistent/standfast.toml"]));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("/nonexistent/standfast.toml") && said.contains("-c FILE"), "{said}");
}

#[test]
fn an_address_in_use_is_told_with_its_line_and_its_holder() {
    let scratch = Scratch::new("inuse");
    let held = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let taken = held.local_addr().expect("it is bound");
    let me = format!("process {}", std::process::id());
    let config = scratch.config(&text(&scratch.state(), taken, free_address(), ""));
    let (code, said) = run(&config);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("standfast.toml:3:") && said.contains(&me), "{said}");
    assert!(!scratch.state().exists(), "nothing was written: {said}");

    let more = format!("\n[[listener]]\nlisten = \"{taken}\"\ngroup = \"cache\"\nrole = \"replica\"\n");
    let config = scratch.config(&text(&scratch.state(), free_address(), free_address(), &more));
    let (code, said) = run(&config);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("standfast.toml:15:") && said.contains("replica listener") && said.contains(&me), "{said}");
    assert!(!scratch.state().exists(), "nothing was written: {said}");
}

#[test]
fn a_state_directory_that_cannot_be_is_told() {
    let scratch = Scratch::new("state");
    for dir in [Path::new("/proc/standfast"), Path::new("/dev/null/standfast")] {
        let (code, said) = run(&scratch.config(&text(dir, free_address(), free_address(), "")));
        assert_eq!(code, Some(4), "{said}");
        assert!(said.contains(&dir.display().to_string()), "{said}");
    }
}

#[test]
fn a_redis_that_wants_a_password_is_told() {
    let scratch = Scratch::new("noauth");
    let guarded = Guarded::start(&scratch.0);
    let redis = guarded.addr;
    let (code, said) = run(&scratch.config(&text(&scratch.state(), free_address(), redis, "")));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("NOAUTH") && said.contains("`password`") && said.contains(&redis.to_string()), "{said}");
}

#[test]
fn a_wrong_password_is_told_and_not_shown() {
    let scratch = Scratch::new("wrongpass");
    let guarded = Guarded::start(&scratch.0);
    let redis = guarded.addr;
    let config = text(&scratch.state(), free_address(), redis, "")
        .replace("\n[[listener]]", "password = \"hunter2\"\n\n[[listener]]");
    let (code, said) = run(&scratch.config(&config));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("WRONGPASS") && !said.contains("hunter2"), "{said}");
}

#[test]
fn a_redis_that_is_too_old_is_told() {
    let scratch = Scratch::new("old");
    let redis = redis_that_says("$43\r\nredis_version:6.0.16\r\nrole:master\r\nx:1234\r\n\r\n");
    let (code, said) = run(&scratch.config(&text(&scratch.state(), free_address(), redis, "")));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("6.0.16") && said.contains("6.2"), "{said}");
}

#[test]
fn a_node_that_does_not_run_is_told() {
    let scratch = Scratch::new("nonode");
    let socket = scratch.0.join("control.sock").display().to_string();
    for verb in [["status", "--control", &socket], ["flight", "--control", &socket]] {
        let (code, said) = outcome(&standfast(&verb));
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains(&socket) && said.contains("standfast run"), "{said}");
    }
    let (code, said) = outcome(&standfast(&["switchover", "cache", "--control", &socket]));
    assert_eq!(code, Some(3), "{said}");
}

#[test]
fn help_tells_the_exit_codes() {
    let (code, said) = outcome(&standfast(&["--help"]));
    assert_eq!(code, Some(0));
    for word in ["run", "check", "status", "switchover", "demo", "replay", "Exit codes:", "older than 6.2"] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

/// Whoever reads its output has gone.
fn unread(arguments: &[&str]) -> Output {
    let (reader, writer) = std::io::pipe().expect("this host has descriptors left");
    drop(reader);
    Command::new(env!("CARGO_BIN_EXE_standfast")).args(arguments).stdout(writer).output().expect("cargo built it")
}

/// A process that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn that_nobody_reads_on_is_no_failure_of_any_verb() {
    let scratch = Scratch::new("unread");
    let (control, server) = (scratch.0.join("control.sock").display().to_string(), free_address());
    let config = scratch.config(&format!(
        "[node]\nstate-dir = \"{}\"\ncontrol = \"{control}\"\n\n[[group]]\nname = \"cache\"\nsource = \"probe\"\nservers = [\"{server}\"]\n\n\
         [[listener]]\nlisten = \"{}\"\ngroup = \"cache\"\n",
        scratch.state().display(),
        free_address()
    ));
    let config = config.display().to_string();
    let mut node = Command::new(env!("CARGO_BIN_EXE_standfast"));
    let node = node.args(["run", "-c", &config]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let _node = Running(node.expect("cargo built it"));
    let asked = ["status", "--control", &control];
    let mut tries = 0;
    while !standfast(&asked).status.success() {
        tries += 1;
        assert!(tries < 600, "the node does not answer within 30 s");
        thread::sleep(Duration::from_millis(50));
    }
    let asks = [
        &asked[..],
        &["status", "--json", "--control", &control],
        &["server", "--control", &control],
        &["address", "--control", &control],
        &["reload", "--control", &control],
        &["flight", "--control", &control],
        &["check", "-c", &config],
        &["sentinel", "--version"],
        &["sentinel", "--help"],
        &["--help"],
    ];
    for ask in asks {
        let said = unread(ask);
        assert_eq!((said.status.code(), String::from_utf8_lossy(&said.stderr).as_ref()), (Some(0), ""), "{ask:?}");
    }
}

#[test]
fn an_acl_user_that_lacks_what_a_failover_needs_is_told_at_the_start() {
    let scratch = Scratch::new("narrow");
    let guarded = Guarded::start(&scratch.0);
    let mut redis = TcpStream::connect(guarded.addr).expect("it listens");
    redis.write_all(b"AUTH sesame\r\nACL SETUSER narrow on >pw &* +ping +info +role +publish +subscribe\r\n").unwrap();
    let mut said = [0; 10];
    redis.read_exact(&mut said).expect("it answers");
    assert_eq!(&said, b"+OK\r\n+OK\r\n");
    let login = "username = \"narrow\"\npassword = \"pw\"\n\n[[listener]]";
    let config = text(&scratch.state(), free_address(), guarded.addr, "").replace("\n[[listener]]", login);
    let config = scratch.config(&config).display().to_string();
    // Without the warning the log ends with the node, and the node by `timeout`.
    let mut node = Command::new("timeout")
        .args(["30", env!("CARGO_BIN_EXE_standfast"), "run", "-c", &config])
        .stdout(Stdio::piped())
        .spawn()
        .expect("coreutils has it");
    let mut log = BufReader::new(node.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    let told = log.find(|line| line.contains("ACL SETUSER narrow +slaveof +client|pause +client|kill"));
    let _ = Command::new("kill").arg(node.id().to_string()).status();
    let _ = node.wait();
    assert!(told.is_some(), "the start says what is lacking");
}
