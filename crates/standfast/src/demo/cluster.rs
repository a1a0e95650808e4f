//! Three real Redis servers and three real nodes in a temporary directory; nothing is left when it is dropped.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use host::process::{Fate, Process, Signal};
use resp::Value;
use tokio::runtime::Handle;

use super::cable::{Cable, State};
use crate::control::{self, Answer, Clock, Switched};
use crate::failure::Failure;
use crate::log;
use crate::status::Status;

/// The group's name.
pub(super) const GROUP: &str = "cache";

/// All of it.
pub(super) struct Cluster {
    // In the order in which they shall end.
    pub(super) nodes: Vec<NodeProcess>,
    pub(super) servers: Vec<Server>,
    pub(super) dir: Scratch,
}

/// One Redis behind its cable.
pub(super) struct Server {
    /// Where it really listens.
    port: u16,
    cable: Cable,
    dir: PathBuf,
    program: PathBuf,
    process: Option<Process>,
}

/// One `standfast run`.
pub(super) struct NodeProcess {
    pub(super) sentinel: SocketAddr,
    pub(super) master: SocketAddr,
    pub(super) replica: SocketAddr,
    pub(super) page: SocketAddr,
    pub(super) control: PathBuf,
    process: Process,
}

impl Cluster {
    /// Starts everything; `traffic` moves the cables' bytes.
    pub(super) fn start(program: &Path, seed: Option<u64>, traffic: &Handle) -> Result<Self, Failure> {
        let dir = Scratch::new().map_err(|e| Failure::host(format!("cannot make a temporary directory: {e}")))?;
        let mut ports = Ports::new();
        let servers = Self::start_servers(program, &dir, &mut ports, traffic)?;
        let nodes = (0..COUNT).map(|n| NodeProcess::start(&dir, n, servers[0].addr(), seed, &mut ports));
        let nodes = nodes.collect::<Result<_, _>>()?;
        Ok(Self { nodes, servers, dir })
    }

    fn start_servers(
        program: &Path,
        dir: &Scratch,
        ports: &mut Ports,
        traffic: &Handle,
    ) -> Result<Vec<Server>, Failure> {
        let _entered = traffic.enter();
        let mut servers: Vec<Server> = Vec::new();
        for n in 1..=COUNT {
            let (port, cable) = (ports.take()?, ports.take()?);
            let master = servers.first().map(Server::addr);
            let server = Server::prepare(program, &dir.path.join(format!("redis{n}")), port, cable, master);
            servers.push(
                server.map_err(|e| Failure::host(format!("cannot prepare a Redis in {}: {e}", dir.path.display())))?,
            );
        }
        for server in &mut servers {
            server.start()?;
        }
        Ok(servers)
    }

    /// The status of every node that answers.
    pub(super) fn statuses(&self) -> Vec<Status> {
        let asked = self.nodes.iter().map(|node| control::ask_at::<Status>(&node.control, "status"));
        asked.filter_map(|answer| if let Ok(Answer::Ok(status)) = answer { Some(status) } else { None }).collect()
    }

    pub(super) fn server(&mut self, addr: SocketAddr) -> Option<&mut Server> {
        self.servers.iter_mut().find(|server| server.addr() == addr)
    }

    /// The last lines of every log: for a person who must find out why the demo failed.
    pub(super) fn last_words(&self) -> String {
        let mut text = String::new();
        for n in 1..=COUNT {
            for name in [format!("node{n}.log"), format!("redis{n}/log")] {
                let log = fs::read_to_string(self.dir.path.join(&name)).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                let tail = lines[lines.len().saturating_sub(40)..].join("\n");
                text.push_str(&format!("--- {name}\n{tail}\n"));
            }
        }
        text
    }
}

impl Server {
    fn prepare(program: &Path, dir: &Path, port: u16, cable: u16, master: Option<SocketAddr>) -> io::Result<Self> {
        fs::create_dir(dir)?;
        // A file of its own, so that CONFIG REWRITE works as in production.
        let mut config = format!(
            "port {port}\nbind 127.0.0.1\nprotected-mode no\nsave \"\"\nappendonly no\ndaemonize no\ndir {}\nlogfile log\n\
             replica-announce-ip 127.0.0.1\nreplica-announce-port {cable}\nrepl-diskless-sync-delay 0\nrepl-backlog-size 16mb\n\
             rdb-del-sync-files yes\n",
            dir.display()
        );
        if let Some(master) = master {
            config.push_str(&format!("replicaof {} {}\n", master.ip(), master.port()));
        }
        fs::write(dir.join("redis.conf"), config)?;
        let cable = Cable::lay(loopback(cable), loopback(port));
        Ok(Self { port, cable, dir: dir.to_owned(), program: program.to_owned(), process: None })
    }

    /// The address that everybody uses.
    pub(super) fn addr(&self) -> SocketAddr {
        self.cable.addr
    }

    /// Starts it and waits until it answers.
    pub(super) fn start(&mut self) -> Result<(), Failure> {
        let mut command = Command::new(&self.program);
        command.arg(self.dir.join("redis.conf")).current_dir(&self.dir);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = Process::spawn(command, Fate::EndsWithUs).map_err(|e| Failure::host(e.to_string()))?;
        // Its end would answer too; a patient loop needs no other sign.
        let until = host::clock::now() + START_PATIENCE;
        while !matches!(self.ask(&["PING"]), Ok(Value::Simple(_))) {
            if !process.handle().is_alive() || host::clock::now() > until {
                let _ = process.end(Duration::ZERO);
                let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
                return Err(Failure::peer(format!("{} did not start: {}", self.program.display(), log.trim())));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        self.process = Some(process);
        self.cable.set(State::Whole);
        Ok(())
    }

    /// kill -9: nothing is said, the kernel closes what was open and refuses from then on.
    pub(super) fn crash(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.handle().signal(Signal::Kill);
            self.cable.set(State::Gone);
            let _ = process.wait();
        }
    }

    /// SIGSTOP: its kernel still accepts connections, and nobody answers.
    pub(super) fn hang(&self) {
        self.signal(Signal::Stop);
    }

    pub(super) fn resume(&self) {
        self.signal(Signal::Continue);
    }

    pub(super) fn cut(&self) {
        self.cable.set(State::Cut);
    }

    pub(super) fn mend(&self) {
        self.cable.set(State::Whole);
    }

    fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            // A process that has ended needs no signal.
            let _ = process.handle().signal(signal);
        }
    }

    /// One command, past the cable.
    pub(super) fn ask(&self, command: &[&str]) -> io::Result<Value> {
        ask(loopback(self.port), command)
    }
}

impl NodeProcess {
    fn start(
        dir: &Scratch,
        n: usize,
        master: SocketAddr,
        seed: Option<u64>,
        ports: &mut Ports,
    ) -> Result<Self, Failure> {
        let name = format!("node{}", n + 1);
        let mut take = || ports.take().map(loopback);
        let (sentinel, master_port, replica, page) = (take()?, take()?, take()?, take()?);
        let state = dir.path.join(&name);
        let config = format!(
            "[node]\nname = \"{name}\"\nlisten = \"{sentinel}\"\nstate-dir = \"{}\"\n\n[admin]\nlisten = \"{page}\"\n\n\
             [proxy]\nworkers = 1\n\n[[group]]\nname = \"{GROUP}\"\nmaster = \"{master}\"\nnodes = {COUNT}\n\n\
             [[listener]]\nlisten = \"{master_port}\"\ngroup = \"{GROUP}\"\n\n\
             [[listener]]\nlisten = \"{replica}\"\ngroup = \"{GROUP}\"\nrole = \"replica\"\n",
            state.display()
        );
        let refused = |e: io::Error| Failure::host(format!("cannot prepare {name} in {}: {e}", dir.path.display()));
        let file = dir.path.join(format!("{name}.toml"));
        fs::write(&file, config).map_err(refused)?;
        let log = File::create(dir.path.join(format!("{name}.log"))).map_err(refused)?;
        let errors = log.try_clone().map_err(refused)?;
        let mut command = Command::new(std::env::current_exe().map_err(refused)?);
        command.arg("run").arg("-c").arg(&file).stdin(Stdio::null()).stdout(log).stderr(errors);
        if let Some(seed) = seed {
            command.args(["--seed", &seed.wrapping_add(n as u64).to_string()]);
        }
        let process = Process::spawn(command, Fate::EndsWithUs).map_err(|e| Failure::host(e.to_string()))?;
        Ok(Self { sentinel, master: master_port, replica, page, control: state.join("control.sock"), process })
    }

    /// How much this node's clock is behind ours, in nanoseconds: from the quickest of some questions.
    pub(super) fn clock_offset(&self) -> Option<i128> {
        let tries = (0..8).filter_map(|_| {
            let before = host::clock::now().as_nanos();
            let Ok(Answer::Ok(Clock { now })) = control::ask_at(&self.control, "clock") else { return None };
            let after = host::clock::now().as_nanos();
            Some((after - before, i128::from(before + (after - before) / 2) - i128::from(now)))
        });
        tries.min_by_key(|(took, _)| *took).map(|(_, offset)| offset)
    }

    pub(super) fn switch_over(&self) -> Result<Switched, Failure> {
        match control::ask_at(&self.control, &format!("switchover {GROUP}"))? {
            Answer::Ok(switched) => Ok(switched),
            Answer::Refused { code, why } => Err(Failure::refused(format!("{why} ({code})"))),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // All at once: each takes a moment to let its clients have what they are owed.
        for node in &self.nodes {
            let _ = node.process.handle().signal(Signal::Terminate);
        }
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        // Cleanly first: that is part of what is shown.
        let _ = self.process.end(STOP_PATIENCE);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.crash();
    }
}

/// One command on a connection of its own.
pub(super) fn ask(addr: SocketAddr, command: &[&str]) -> io::Result<Value> {
    let mut stream = TcpStream::connect_timeout(&addr, ASK_PATIENCE)?;
    stream.set_read_timeout(Some(ASK_PATIENCE))?;
    let mut out = Vec::new();
    resp::write::command(&mut out, command);
    stream.write_all(&out)?;
    let mut input = Vec::new();
    let mut scanner = resp::ReplyScanner::new(resp::Limits::REPLIES);
    loop {
        let mut chunk = [0; 64 << 10];
        let n = stream.read(&mut chunk)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        input.extend_from_slice(&chunk[..n]);
        let progress = scanner.feed(&chunk[..n]).map_err(io::Error::other)?;
        if progress.ended.is_some() {
            let value = resp::decode(&input, &resp::Limits::REPLIES).map_err(io::Error::other)?;
            return value.map(|(value, _)| value).ok_or_else(|| io::Error::other("a reply without an end"));
        }
    }
}

/// A temporary directory, removed when it is dropped.
pub(super) struct Scratch {
    pub(super) path: PathBuf,
}

impl Scratch {
    fn new() -> io::Result<Self> {
        let name = format!("standfast-demo-{}-{:08x}", std::process::id(), host::random::seed() as u32);
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path)?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(e) = fs::remove_dir_all(&self.path) {
            log::last_words(&format!("standfast: {} is left behind: {e}", self.path.display()));
        }
    }
}

/// Free ports on loopback. Below the kernel's own range (32768 and up): there an outgoing connection could take one that is free for a
/// moment because its Redis was killed.
struct Ports {
    next: u16,
}

impl Ports {
    fn new() -> Self {
        Self { next: 20_000 + (host::random::seed() % 10_000) as u16 }
    }

    fn take(&mut self) -> Result<u16, Failure> {
        for _ in 0..2_000 {
            self.next = if self.next >= 31_999 { 20_000 } else { self.next + 1 };
            if TcpListener::bind(loopback(self.next)).is_ok() {
                return Ok(self.next);
            }
        }
        Err(Failure::host("no free port between 20000 and 32000 on 127.0.0.1"))
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Servers, and nodes.
pub(super) const COUNT: usize = 3;
const START_PATIENCE: Duration = Duration::from_secs(10);
const STOP_PATIENCE: Duration = Duration::from_secs(5);
const ASK_PATIENCE: Duration = Duration::from_secs(5);
