//! How do three servers stand on loopback, with Sentinels of both kinds around them? All are real programs: `redis-server`, the
//! node under test, and Redis's own Sentinel.

mod files;
mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{process, thread};

pub use ports::free_address;
use serde_json::Value;

use crate::netns::{keep, scratch_parent};
use crate::program::{require, run, said, wall_ms};
use crate::wire::{Connection, ask, field};

/// Three servers and some nodes. Dropping it ends everything; if a test panics, the last words of all logs are printed first.
#[derive(Debug)]
pub struct Cluster {
    dir: PathBuf,
    /// What the servers run.
    server: PathBuf,
    servers: Vec<Server>,
    nodes: Vec<Node>,
}

/// Which program watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The program under test.
    Ours,
    /// `redis-server FILE --sentinel`.
    Stock,
    /// `valkey-server FILE --sentinel`: a later relative of the stock one.
    Valkey,
    /// The program under test in the place of a stock Sentinel, on its file.
    InPlace,
}

impl Kind {
    /// Whether it is the program under test.
    #[must_use]
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::Ours | Self::InPlace)
    }
}

/// How a node watches.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// Which program it is.
    pub kind: Kind,
    /// How long a silence means: down.
    pub down_after: Duration,
    /// How long a refused connection must last to mean the same. Ours only; for a stock Sentinel it is silence.
    pub confirm: Duration,
    /// How many must see the master down before this node wants to lead.
    pub quorum: usize,
    /// A stock Sentinel is told to ask servers for their role every second, not every ten. Without this it works no worse, and
    /// knows ten seconds later that a replica follows.
    pub curious: bool,
}

impl Watch {
    /// A node that sees a silent server as down after a few seconds, and believes a refused connection.
    #[must_use]
    pub const fn new(kind: Kind, quorum: usize) -> Self {
        Self { kind, down_after: DOWN_AFTER, confirm: CONFIRM, quorum, curious: true }
    }

    /// A node that sees nobody down as long as a test lasts: it votes, and never wants to lead.
    #[must_use]
    pub const fn patient(kind: Kind, quorum: usize) -> Self {
        Self { kind, down_after: NEVER, confirm: NEVER, quorum, curious: true }
    }
}

/// What a node published.
#[derive(Clone, Debug)]
pub struct Event {
    /// When it came, on the clock of [`wall_ms`].
    pub at: f64,
    /// `+switch-master` and the like.
    pub name: String,
    /// What follows the name.
    pub payload: String,
}

#[derive(Debug)]
struct Server {
    addr: SocketAddr,
    dir: PathBuf,
    process: Option<Running>,
}

#[derive(Debug)]
struct Node {
    watch: Watch,
    addr: SocketAddr,
    dir: PathBuf,
    process: Option<Running>,
    events: Arc<Mutex<Vec<Event>>>,
}

/// A process of ours, killed when it is dropped.
#[derive(Debug)]
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Cluster {
    /// Starts three servers, the first of them as master, and a node for each of these, and waits until all know each other
    /// and nobody sees a fault.
    ///
    /// # Panics
    /// When a program is missing, does not start, or they do not agree within [`PATIENCE`].
    #[must_use]
    pub fn start(watches: &[Watch]) -> Self {
        require("redis-server");
        Self::start_with("redis-server".into(), watches)
    }

    /// The same with three servers of this program.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with(server: PathBuf, watches: &[Watch]) -> Self {
        let dir = scratch_parent().join(format!("standfast-loopback-{}-{}", process::id(), free_address().port()));
        fs::create_dir(&dir).unwrap_or_else(|e| panic!("cannot make {}: {e}", dir.display()));
        let mut cluster = Self { dir, server, servers: Vec::new(), nodes: Vec::new() };
        for n in 0..SERVERS {
            cluster.prepare_server(n, free_address());
            cluster.start_server(cluster.servers[n].addr);
        }
        for (n, &watch) in watches.iter().enumerate() {
            cluster.prepare_node(n, watch, watches.len(), free_address());
        }
        for n in 0..watches.len() {
            cluster.start_node(n);
        }
        cluster.wait("all know each other and see no fault", Self::agreed);
        // A replica that has loaded everything gets the stream of writes only after its next word to the master, which it says
        // once a second. What is acknowledged before that is lost with the master, and no test of ours is about that.
        let master = cluster.servers[0].addr;
        cluster.wait("the first write is accepted", |_| ask(master, &["SET", "lab:flows", "yes"]));
        let there = |server: &Server| ask(server.addr, &["GET", "lab:flows"]).is_some_and(|value| value == "yes");
        cluster.wait("the first write is everywhere", |c| c.servers.iter().all(there).then_some(()));
        cluster
    }

    fn prepare_server(&mut self, n: usize, addr: SocketAddr) {
        let dir = self.dir.join(format!("redis-{n}"));
        fs::create_dir(&dir).expect("the scratch directory is new");
        let mut config = format!(
            "bind {}\nport {}\nprotected-mode no\nsave \"\"\nappendonly no\ndaemonize no\ndir {}\nlogfile log\n\
             repl-diskless-sync-delay 0\nrepl-backlog-size 16mb\n",
            addr.ip(),
            addr.port(),
            dir.display()
        );
        if let Some(master) = self.servers.first() {
            config.push_str(&format!("replicaof {} {}\n", master.addr.ip(), master.addr.port()));
        }
        fs::write(dir.join("redis.conf"), config).expect("the scratch directory can be written");
        self.servers.push(Server { addr, dir, process: None });
    }

    fn prepare_node(&mut self, n: usize, watch: Watch, of: usize, addr: SocketAddr) {
        let dir = self.dir.join(format!("node-{n}"));
        fs::create_dir(&dir).expect("the scratch directory is new");
        let node = Node { watch, addr, dir, process: None, events: Arc::default() };
        let master = self.servers[0].addr;
        let config = match watch.kind {
            Kind::Ours => node.our_file(master, of),
            Kind::Stock | Kind::Valkey | Kind::InPlace => node.stock_file(master),
        };
        fs::write(node.file(), config).expect("the scratch directory can be written");
        self.nodes.push(node);
    }

    /// Starts a server that does not live, with the file that it left and no data.
    ///
    /// # Panics
    /// When there is none at this address, or it cannot be started.
    pub fn start_server(&mut self, addr: SocketAddr) {
        let mut command = Command::new(&self.server);
        let server = self.server(addr);
        if server.process.is_some() {
            return;
        }
        command.arg(server.dir.join("redis.conf"));
        server.process = Some(spawn(command, &server.dir.join("out")));
    }

    /// `kill -9` of a server.
    ///
    /// # Panics
    /// When there is none at this address.
    pub fn kill_server(&mut self, addr: SocketAddr) {
        self.server(addr).process = None;
    }

    /// Sends a server a signal.
    ///
    /// # Panics
    /// When there is none at this address, or it does not live.
    pub fn signal_server(&mut self, addr: SocketAddr, signal: &str) {
        let pid = self.server(addr).process.as_ref().expect("it lives").0.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(sent.expect("every system has it").success(), "SIG{signal} to {addr}");
    }

    fn server(&mut self, addr: SocketAddr) -> &mut Server {
        self.servers.iter_mut().find(|server| server.addr == addr).expect("a server of this cluster")
    }

    /// Starts a node, with what it left on its disk, waits until it answers, and listens to all that it publishes.
    ///
    /// # Panics
    /// When it cannot be started, or does not answer within [`PATIENCE`].
    pub fn start_node(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        node.process = Some(spawn(node.command(), &node.dir.join("out")));
        let addr = node.addr;
        let mut listening =
            self.wait(&format!("node {n} answers"), |_| Connection::open(addr).and_then(subscribed).ok());
        if let Watch { kind: Kind::Stock | Kind::Valkey, curious: true, .. } = self.nodes[n].watch {
            let answer = self.ask_node(n, &["DEBUG", "INFO-PERIOD", "1000"]).expect("it answered a moment ago");
            assert_eq!(answer, "OK", "node {n}");
        }
        let events = Arc::clone(&self.nodes[n].events);
        // Ends with the node.
        thread::spawn(move || {
            while let Ok(message) = listening.reply() {
                let text = |n: usize| message[n].as_str().unwrap_or_default().to_owned();
                let event = Event { at: wall_ms(), name: text(2), payload: text(3) };
                events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
            }
        });
    }

    /// `kill -9` of a node.
    pub fn kill_node(&mut self, n: usize) {
        self.nodes[n].process = None;
    }

    /// Has the other program take the place of a node, which does not live: on the same file.
    pub fn replace_node(&mut self, n: usize, kind: Kind) {
        self.nodes[n].watch.kind = kind;
    }

    /// The file that a node was given, as it is now.
    #[must_use]
    pub fn file_of(&self, n: usize) -> PathBuf {
        self.nodes[n].file()
    }

    /// Waits until a node has ended by itself; with which status.
    ///
    /// # Panics
    /// When it does not within [`PATIENCE`], or does not live.
    pub fn node_ends(&mut self, n: usize) -> Option<i32> {
        let mut process = self.nodes[n].process.take().expect("it lives");
        let status = self.wait(&format!("node {n} ends"), |_| process.0.try_wait().expect("it is our child"));
        status.code()
    }

    /// Changes the file that a node, which does not live, will be started with.
    ///
    /// # Panics
    /// When the file is not there.
    pub fn edit(&mut self, n: usize, change: impl FnOnce(&str) -> String) {
        let file = self.nodes[n].file();
        let text = fs::read_to_string(&file).expect("it was written before the node was started");
        fs::write(&file, change(&text)).expect("the scratch directory can be written");
    }

    /// Has a node, which does not live, come back at another address.
    ///
    /// # Panics
    /// As [`edit`](Self::edit).
    pub fn move_node(&mut self, n: usize) {
        let (old, new) = (self.nodes[n].addr, free_address());
        self.edit(n, |text| {
            let ours = text.replace(&old.to_string(), &new.to_string());
            ours.replace(&format!("port {}\n", old.port()), &format!("port {}\n", new.port()))
        });
        self.nodes[n].addr = new;
    }

    /// Has a node, which does not live, come back as somebody else, knowing no more than on its first day.
    ///
    /// # Panics
    /// When there is nothing to forget.
    pub fn forget_node(&mut self, n: usize) {
        match self.nodes[n].watch.kind {
            Kind::Ours => {
                fs::remove_dir_all(self.nodes[n].dir.join("state")).expect("it was started before");
            }
            Kind::Stock | Kind::Valkey | Kind::InPlace => self.edit(n, |text| {
                let kept = text.lines().filter(|line| !line.starts_with("sentinel myid "));
                kept.map(|line| format!("{line}\n")).collect()
            }),
        }
    }

    /// What a node published since it was first started.
    #[must_use]
    pub fn events(&self, n: usize) -> Vec<Event> {
        self.nodes[n].events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The current epoch and the config epoch that each living node says in its hello on the master.
    #[must_use]
    pub fn epochs(&self, master: SocketAddr) -> Option<BTreeMap<String, (u64, u64)>> {
        let ids = self.living().map(|n| Some(self.ask_node(n, &["MYID"])?.as_str()?.to_owned()));
        let ids = ids.collect::<Option<BTreeSet<_>>>()?;
        let mut connection = Connection::open(master).ok()?;
        connection.request(&["SUBSCRIBE", "__sentinel__:hello"]).ok()?;
        let mut epochs = BTreeMap::new();
        while !ids.iter().all(|id| epochs.contains_key(id)) {
            let message = connection.reply().ok()?;
            // ip,port,id,current epoch,group,ip of the master,port of the master,config epoch
            let hello: Vec<&str> = message[2].as_str()?.split(',').collect();
            epochs.insert(hello.get(2)?.to_string(), (hello.get(3)?.parse().ok()?, hello.get(7)?.parse().ok()?));
        }
        Some(epochs)
    }

    /// Which nodes live.
    pub fn living(&self) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(|&n| self.nodes[n].process.is_some())
    }

    /// Which program a node is.
    #[must_use]
    pub fn kind(&self, n: usize) -> Kind {
        self.nodes[n].watch.kind
    }

    /// The servers' addresses.
    pub fn servers(&self) -> impl Iterator<Item = SocketAddr> {
        self.servers.iter().map(|server| server.addr)
    }

    /// Where a node's Sentinel port is.
    #[must_use]
    pub fn sentinel(&self, n: usize) -> SocketAddr {
        self.nodes[n].addr
    }

    /// `SENTINEL WORDS...` to a node; `None` without an answer.
    #[must_use]
    pub fn ask_node(&self, n: usize, words: &[&str]) -> Option<Value> {
        ask(self.nodes[n].addr, &[&["SENTINEL"], words].concat())
    }

    /// The master and its config epoch, as a node tells.
    #[must_use]
    pub fn master_of(&self, n: usize) -> Option<(SocketAddr, u64)> {
        let master = self.ask_node(n, &["MASTER", GROUP])?;
        Some((address(&master)?.parse().ok()?, field(&master, "config-epoch")?.parse().ok()?))
    }

    /// The other master on which all living nodes agree, with its config epoch.
    #[must_use]
    pub fn moved(&self, from: SocketAddr) -> Option<(SocketAddr, u64)> {
        self.one_mind().filter(|(master, _)| *master != from)
    }

    fn one_mind(&self) -> Option<(SocketAddr, u64)> {
        let mut minds = self.living().map(|n| self.master_of(n)).collect::<Option<BTreeSet<_>>>()?;
        let mind = minds.pop_first()?;
        minds.is_empty().then_some(mind)
    }

    /// The master on which all living nodes agree, with its config epoch, when all is well for each of them: every living node
    /// known to every other, every server up, and the servers say of themselves what the nodes say.
    #[must_use]
    pub fn agreed(&self) -> Option<(SocketAddr, u64)> {
        let (master, epoch) = self.one_mind()?;
        let well = self.living().all(|n| self.sees_no_fault(n).is_some_and(|well| well));
        (well && self.only_master_is(master)).then_some((master, epoch))
    }

    /// Whether a node sees the master, the replicas and the living nodes well.
    fn sees_no_fault(&self, n: usize) -> Option<bool> {
        let master = self.ask_node(n, &["MASTER", GROUP])?;
        let replicas = self.ask_node(n, &["REPLICAS", GROUP])?;
        let well = |replica: &Value| {
            field(replica, "flags") == Some("slave") && field(replica, "master-link-status") == Some("ok")
        };
        let servers_well = field(&master, "flags") == Some("master")
            && replicas.as_array()?.len() == SERVERS - 1
            && replicas.as_array()?.iter().all(well);
        Some(servers_well && self.knows_the_living(n)?)
    }

    /// Whether a node lists every other living node with its id and address, as well.
    fn knows_the_living(&self, n: usize) -> Option<bool> {
        let listed = self.ask_node(n, &["SENTINELS", GROUP])?;
        // A stock Sentinel remembers what it was told of the old master until it asks about the new one.
        let is_well = |flags: &str| ["sentinel", "sentinel,master_down"].contains(&flags);
        let listed: BTreeSet<(String, String)> = listed
            .as_array()?
            .iter()
            .filter(|peer| field(peer, "flags").is_some_and(is_well))
            .filter_map(|peer| Some((field(peer, "runid")?.to_owned(), address(peer)?)))
            .collect();
        let others = self.living().filter(|&other| other != n);
        let expected = others.map(|other| {
            Some((self.ask_node(other, &["MYID"])?.as_str()?.to_owned(), self.nodes[other].addr.to_string()))
        });
        let expected = expected.collect::<Option<BTreeSet<_>>>()?;
        Some(listed == expected)
    }

    /// Whether the servers themselves say that this one is master and the others replicate it.
    fn only_master_is(&self, master: SocketAddr) -> bool {
        self.servers.iter().all(|server| {
            let role = ask(server.addr, &["ROLE"]).unwrap_or_default();
            if server.addr == master {
                return role[0] == "master";
            }
            role[1] == master.ip().to_string() && role[2] == master.port() && role[3] == "connected"
        })
    }

    /// Waits until `look` finds something.
    ///
    /// # Panics
    /// With `what`, and how every node sees it, when it does not within [`PATIENCE`].
    pub fn wait<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let until = wall_ms() + PATIENCE.as_secs_f64() * 1e3;
        while wall_ms() < until {
            if let Some(found) = look(self) {
                return found;
            }
            thread::sleep(LOOK_AGAIN);
        }
        let seen: Vec<String> = self.living().map(|n| self.seen_by(n)).collect();
        let roles: Vec<String> =
            self.servers.iter().map(|s| format!("{}: {:?}", s.addr, ask(s.addr, &["ROLE"]))).collect();
        panic!("not within {PATIENCE:?}: {what}\n{}\n{}", seen.join("\n"), roles.join("\n"));
    }

    fn seen_by(&self, n: usize) -> String {
        let tell = |words: &[&str]| {
            let lists = self.ask_node(n, words).unwrap_or_default();
            let lists = if lists[0].is_array() { lists } else { Value::from(vec![lists]) };
            let tell = |of: &Value| {
                [
                    "ip",
                    "port",
                    "flags",
                    "config-epoch",
                    "role-reported",
                    "master-host",
                    "master-port",
                    "master-link-status",
                ]
                .map(|name| field(of, name).unwrap_or_default().to_owned())
                .join(" ")
            };
            lists.as_array().into_iter().flatten().map(tell).collect::<Vec<_>>().join("; ")
        };
        let Node { watch, addr, .. } = &self.nodes[n];
        format!(
            "node {n} ({:?}) {addr}: master {} | replicas {} | sentinels {}",
            watch.kind,
            tell(&["MASTER", GROUP]),
            tell(&["REPLICAS", GROUP]),
            tell(&["SENTINELS", GROUP])
        )
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let keep = keep();
        if keep.is_some() {
            for node in self.nodes.iter().filter(|node| node.watch.kind == Kind::Ours) {
                // A node that does not live has no record to write.
                let _ = run(&["flight", "--control", &node.dir.join("state/control.sock").to_string_lossy()]);
            }
        }
        self.nodes.iter_mut().for_each(|node| node.process = None);
        self.servers.iter_mut().for_each(|server| server.process = None);
        if thread::panicking() {
            for (n, node) in self.nodes.iter().enumerate() {
                let events = self.events(n);
                let events = events.iter().map(|e| format!("{:.0} {} {}", e.at % 1e6, e.name, e.payload));
                eprintln!("--- node {n} ({:?}): events\n{}", node.watch.kind, events.collect::<Vec<_>>().join("\n"));
            }
            for dir in self.servers.iter().map(|s| &s.dir).chain(self.nodes.iter().map(|n| &n.dir)) {
                for log in ["log", "out"] {
                    let text = fs::read_to_string(dir.join(log)).unwrap_or_default();
                    let lines: Vec<&str> = text.lines().collect();
                    eprintln!("--- {}/{log}\n{}", dir.display(), lines[lines.len().saturating_sub(60)..].join("\n"));
                }
            }
        }
        if let Some(to) = keep {
            let copied = Command::new("cp").arg("-a").arg(&self.dir).arg(&to).output();
            eprintln!("kept in {}: {}", to.display(), copied.map_or_else(|e| e.to_string(), |out| said(&out)));
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// A connection that gets everything that is published from now on.
fn subscribed(mut connection: Connection) -> std::io::Result<Connection> {
    connection.request(&["PSUBSCRIBE", "*"])?;
    connection.wait_for_ever()?;
    Ok(connection)
}

fn spawn(mut command: Command, log: &Path) -> Running {
    let log = File::options().create(true).append(true).open(log).expect("the scratch directory can be written");
    let errors = log.try_clone().expect("a descriptor more");
    let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
    Running(child.unwrap_or_else(|e| panic!("{command:?}: {e}")))
}

/// Where an instance is, as Sentinel tells it. Where names are told, it is the one that every host has for itself.
fn address(instance: &Value) -> Option<String> {
    let ip = field(instance, "ip")?.replace("localhost", "127.0.0.1");
    Some(format!("{ip}:{}", field(instance, "port")?))
}

/// The group's name.
pub const GROUP: &str = "cache";
/// Generous: a loaded machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(45);
/// Long enough for a loaded machine. With a second, a stock Sentinel pings no more often than that, and now and then sees a new
/// master as down because the first ping was late; what others said of the old master is then its quorum, and there is another
/// failover.
const DOWN_AFTER: Duration = Duration::from_secs(3);
/// The default of ours.
const CONFIRM: Duration = Duration::from_millis(50);
/// Longer than a test.
const NEVER: Duration = Duration::from_secs(300);
/// The servers of every cluster: a master, and one replica more than a failover needs.
const SERVERS: usize = 3;
/// A stock Sentinel waits twice as long between two attempts; the default is three minutes.
const FAILOVER_TIMEOUT: Duration = Duration::from_secs(4);
/// Each look asks every node several things: more often, and the looking would be most of the load.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
