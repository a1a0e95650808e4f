//! How do a stock Sentinel and a node of ours stand side by side, and how is the same said to both?

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use lab::cluster::free_address;
use lab::program::{require, standfast};

/// A stock Sentinel and a node of ours.
pub(crate) struct Pair {
    pub(crate) stock: SocketAddr,
    pub(crate) ours: SocketAddr,
    // In the order in which they end; the directory last.
    _processes: Vec<Running>,
    _dir: Dir,
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Dir(PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- node.log\n{}", fs::read_to_string(self.0.join("node.log")).unwrap_or_default());
        }
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Pair {
    pub(crate) fn start(name: &str) -> Self {
        require("redis-server");
        let dir = Dir(std::env::temp_dir().join(format!("standfast-port-{name}-{}", std::process::id())));
        fs::create_dir_all(&dir.0).expect("a temporary directory can be made");
        let [redis, other, stock, ours] = [(); 4].map(|()| free_address());
        // One each: beside one Redis the two would find each other, sooner or later, and be told of.
        let server = |addr: SocketAddr| {
            let port = addr.port().to_string();
            spawn(&dir.0, &format!("redis-{port}"), "redis-server", &["--port", &port, "--save", ""])
        };
        let servers = [server(redis), server(other)];
        let conf = dir.0.join("sentinel.conf");
        let text = format!(
            "port {}\ndir {}\nsentinel monitor cache 127.0.0.1 {} 1\n",
            stock.port(),
            dir.0.display(),
            other.port()
        );
        fs::write(&conf, text).expect("the directory is ours");
        let sentinel = spawn(&dir.0, "stock", "redis-server", &[&conf.display().to_string(), "--sentinel"]);
        let toml = dir.0.join("node.toml");
        let text = format!(
            "[node]\nname = \"n\"\nlisten = \"{ours}\"\nstate-dir = \"{0}/state\"\ncontrol = \"{0}/control\"\n\n\
             [[group]]\nname = \"cache\"\nmaster = \"{redis}\"\nnodes = 1\n",
            dir.0.display()
        );
        fs::write(&toml, text).expect("the directory is ours");
        ready(redis);
        ready(other);
        let program = standfast();
        let node =
            spawn(&dir.0, "node", &program.display().to_string(), &["run", "--config", &toml.display().to_string()]);
        ready(stock);
        ready(ours);
        Self { stock, ours, _processes: [node, sentinel].into_iter().chain(servers).collect(), _dir: dir }
    }

    /// Says the same to both, on new connections, and compares the replies.
    #[track_caller]
    pub(crate) fn compare(&self, script: &[Say]) {
        let (mut stock, mut ours) = (Talk::to(self.stock), Talk::to(self.ours));
        let mut differences = Vec::new();
        for say in script {
            let (expected, got) = (stock.say(say), ours.say(say));
            if got != expected {
                differences.push(format!("{}\n   ours: {got:?}\n  stock: {expected:?}", say.words));
            }
        }
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}

fn spawn(dir: &Path, name: &str, program: &str, arguments: &[&str]) -> Running {
    let log = fs::File::create(dir.join(format!("{name}.log"))).expect("the directory is ours");
    let errors = log.try_clone().expect("a descriptor is left");
    let child =
        Command::new(program).args(arguments).current_dir(dir).stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
    Running(child.unwrap_or_else(|e| panic!("{program}: {e}")))
}

fn ready(addr: SocketAddr) {
    for _ in 0..PATIENCE.as_millis() / 20 {
        if let Ok(mut stream) = TcpStream::connect(addr) {
            let mut answer = [0; 5];
            let _ = stream.set_read_timeout(Some(PATIENCE));
            if stream.write_all(b"PING\r\n").and_then(|()| stream.read_exact(&mut answer)).is_ok()
                && &answer == b"+PONG"
            {
                return;
            }
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("nobody answered PING at {addr} within {PATIENCE:?}");
}

/// One line to say, and how its replies are compared.
pub(crate) struct Say {
    pub(crate) words: String,
    replies: usize,
    unordered: bool,
    numbers: bool,
}

/// One line with one reply, compared whole.
pub(crate) fn say(words: &str) -> Say {
    Say { words: words.to_owned(), replies: 1, unordered: false, numbers: true }
}

impl Say {
    pub(crate) fn replies(self, replies: usize) -> Self {
        Self { replies, ..self }
    }

    /// The real one tells the elements in the order of a hash table.
    pub(crate) fn unordered(self) -> Self {
        Self { unordered: true, ..self }
    }

    /// Numbers are ids, ports and times.
    pub(crate) fn but_numbers(self) -> Self {
        Self { numbers: false, ..self }
    }
}

pub(crate) struct Talk(pub(crate) BufReader<TcpStream>);

impl Talk {
    pub(crate) fn to(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time is set");
        Self(BufReader::new(stream))
    }

    pub(crate) fn say(&mut self, say: &Say) -> Vec<String> {
        self.0.get_mut().write_all(format!("{}\r\n", say.words).as_bytes()).expect("it takes words");
        (0..say.replies)
            .map(|_| {
                let mut told = self.frame(say.unordered).unwrap_or_else(|| "(end)".to_owned());
                if !say.numbers {
                    told = without_numbers(&told);
                }
                told
            })
            .collect()
    }

    /// A reply as text, with its types; `None`: the connection ended.
    pub(crate) fn frame(&mut self, unordered: bool) -> Option<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(0) => return None,
            // What was said and not read turns an end into a reset.
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => return None,
            read => read.expect("it answers in time"),
        };
        let line = line.trim_end_matches("\r\n").to_owned();
        let len = line[1..].parse::<usize>().ok();
        match (&line[..1], len) {
            ("$" | "=", Some(len)) => {
                let mut text = vec![0; len + 2];
                self.0.read_exact(&mut text).expect("a text has its length");
                Some(format!("{}{:?}", &line[..1], String::from_utf8_lossy(&text[..len])))
            }
            (kind @ ("*" | "~" | ">" | "%"), Some(len)) => {
                let count = if kind == "%" { 2 * len } else { len };
                let mut items: Vec<String> = (0..count).map(|_| self.frame(unordered).expect("it goes on")).collect();
                if kind == "%" {
                    items = items.chunks(2).map(|pair| pair.join("=")).collect();
                }
                if unordered || kind == "~" {
                    items.sort();
                }
                Some(format!("{kind}[{}]", items.join(" ")))
            }
            _ => Some(line),
        }
    }
}

pub(crate) fn without_numbers(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' if out.ends_with('#') => {}
            '0'..='9' => out.push('#'),
            c => out.push(c),
        }
    }
    out
}

/// Generous: a loaded machine is no failure.
const PATIENCE: Duration = Duration::from_secs(30);
