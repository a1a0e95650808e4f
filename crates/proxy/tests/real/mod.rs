//! Real servers and plain clients for the tests: started on free ports, ended with the test.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use machine::Instant;
use ports::free_address;
use proxy::{Edge, Listener, Proxy, ProxyConfig};
use session::Rules;
use tokio::sync::watch;
use view::{Epoch, LinkState, Offset, Phase, Replica, View};

/// Longest wait for anything that ought to happen: generous, since a loaded machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The clock of the tests; the program has `host::clock`, which the proxy must not need.
#[expect(clippy::disallowed_methods, reason = "a test outside of `host` needs a clock, too")]
pub fn clock() -> Instant {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    let passed = START.get_or_init(std::time::Instant::now).elapsed();
    Instant::from_nanos(u64::try_from(passed.as_nanos()).unwrap())
}

/// Asks until it is so.
pub fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    let start = clock();
    while !so() {
        assert!(clock() - start < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A redis-server of one test.
pub struct Redis {
    child: Child,
    pub addr: SocketAddr,
    dir: PathBuf,
}

impl Redis {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    pub fn start_with(more: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("standfast-proxy-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let addr = free_address();
        let port = addr.port().to_string();
        let child = Command::new("redis-server")
            .args(["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes"])
            .arg("--dir")
            .arg(&dir)
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child
            .unwrap_or_else(|e| panic!("this test needs a real redis-server: {e}. `cargo xtask test` installs one."));
        let mut redis = Self { child, addr, dir };
        let start = clock();
        while clock() - start < PATIENCE {
            assert!(redis.child.try_wait().unwrap().is_none(), "redis-server did not start at {addr}");
            if let Ok(socket) = TcpStream::connect(addr) {
                let mut client = Client::over(socket);
                client.send("PING");
                if client.try_reply().is_ok_and(|r| r.starts_with('+') || r.starts_with("-NOAUTH")) {
                    return redis;
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("redis-server did not answer within {PATIENCE:?}")
    }

    pub fn client(&self) -> Client {
        Client::to(self.addr)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGSTOP, SIGCONT.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    pub fn replicate(&self, master: &Self) {
        let port = master.addr.port().to_string();
        assert_eq!(self.client().ask(&["REPLICAOF", "127.0.0.1", &port]), "+OK");
        wait_until("the replica follows", || {
            self.client().ask(&["INFO", "replication"]).contains("master_link_status:up")
        });
    }

    pub fn promote(&self) {
        assert_eq!(self.client().ask(&["REPLICAOF", "NO", "ONE"]), "+OK");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// A blocking client that speaks RESP and prints replies as one text.
pub struct Client {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Client {
    pub fn to(addr: SocketAddr) -> Self {
        Self::over(TcpStream::connect(addr).unwrap())
    }

    pub fn over(socket: TcpStream) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        let writer = socket.try_clone().unwrap();
        Self { reader: BufReader::new(socket), writer }
    }

    /// Words separated by spaces.
    pub fn send(&mut self, words: &str) {
        let words: Vec<&str> = words.split(' ').collect();
        self.send_words(&words);
    }

    pub fn send_words<W: AsRef<[u8]>>(&mut self, words: &[W]) {
        let mut bytes = Vec::new();
        frame(&mut bytes, words);
        self.send_raw(&bytes);
    }

    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.writer.write_all(bytes).unwrap();
    }

    pub fn socket(&self) -> &TcpStream {
        &self.writer
    }

    pub fn ask<W: AsRef<[u8]>>(&mut self, words: &[W]) -> String {
        self.send_words(words);
        self.reply()
    }

    /// Asks with words separated by spaces.
    pub fn say(&mut self, words: &str) -> String {
        self.send(words);
        self.reply()
    }

    pub fn reply(&mut self) -> String {
        self.try_reply().unwrap()
    }

    pub fn try_reply(&mut self) -> std::io::Result<String> {
        let mut line = Vec::new();
        loop {
            let mut byte = [0];
            if self.reader.read(&mut byte)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if byte[0] == b'\n' {
                break;
            }
            if byte[0] != b'\r' {
                line.push(byte[0]);
            }
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        let number = || text[1..].parse::<i64>().unwrap_or_default();
        Ok(match line[0] {
            b'$' | b'=' if number() >= 0 => {
                let mut bulk = vec![0; usize::try_from(number()).unwrap() + 2];
                self.reader.read_exact(&mut bulk)?;
                bulk.truncate(bulk.len() - 2);
                String::from_utf8_lossy(&bulk).into_owned()
            }
            b'*' | b'>' | b'~' if number() >= 0 => self.elements(line[0], number())?,
            b'%' => self.elements(b'%', number() * 2)?,
            _ => text,
        })
    }

    fn elements(&mut self, kind: u8, n: i64) -> std::io::Result<String> {
        let parts: Result<Vec<_>, _> = (0..n).map(|_| self.try_reply()).collect();
        Ok(format!("{}[{}]", char::from(kind), parts?.join(" ")))
    }

    /// The connection ends, and nothing comes before that.
    pub fn ends(&mut self) -> bool {
        match self.try_reply() {
            Ok(reply) => panic!("expected the end, got {reply}"),
            Err(e) if e.kind() == ErrorKind::WouldBlock => panic!("neither end nor reply"),
            Err(_) => true,
        }
    }
}

pub fn frame<W: AsRef<[u8]>>(out: &mut Vec<u8>, words: &[W]) {
    write!(out, "*{}\r\n", words.len()).unwrap();
    for word in words {
        write!(out, "${}\r\n", word.as_ref().len()).unwrap();
        out.extend_from_slice(word.as_ref());
        out.extend_from_slice(b"\r\n");
    }
}

/// A proxy with one listener, and the source of its view.
pub struct Lab {
    pub proxy: Proxy,
    pub view: watch::Sender<Arc<View>>,
}

pub fn view(epoch: u64, phase: Phase, master: SocketAddr, replicas: &[SocketAddr]) -> Arc<View> {
    let replica = |addr: &SocketAddr| Replica {
        addr: *addr,
        link: LinkState::Up,
        offset: Offset(0),
        lag: Some(0),
        weight: view::USUAL_WEIGHT,
    };
    Arc::new(View {
        group: "cache".into(),
        epoch: Epoch(epoch),
        phase,
        master,
        replicas: replicas.iter().map(replica).collect(),
    })
}

impl Lab {
    pub fn start(view: Arc<View>, rules: Rules) -> Self {
        Self::start_with(view, rules, 10_000)
    }

    pub fn start_with(view: Arc<View>, rules: Rules, max_clients: usize) -> Self {
        Self::start_at(view, rules, Edge::default(), max_clients)
    }

    pub fn start_at(view: Arc<View>, rules: Rules, edge: Edge, max_clients: usize) -> Self {
        let (sender, receiver) = watch::channel(view);
        let listener = Listener {
            name: "main".to_owned(),
            addr: SocketAddr::from(([127, 0, 0, 1], 0)).into(),
            socket: None,
            rules,
            edge,
            view: receiver,
        };
        let config = ProxyConfig { workers: Some(2), max_clients, clock };
        Self { proxy: Proxy::start(config, vec![listener]).unwrap(), view: sender }
    }

    pub fn publish(&self, view: Arc<View>) {
        self.view.send_replace(view);
    }

    pub fn client(&self) -> Client {
        Client::to(self.proxy.addrs()[0])
    }

    /// Bytes that the requests of all clients take.
    pub fn kept(&self) -> usize {
        self.proxy.stats().kept.iter().sum()
    }

    pub fn stats(&self) -> proxy::ListenerStats {
        self.proxy.stats().listeners.remove(0)
    }
}
