//! How do three hosts stand? Each has a real Redis and a real node, or a stock Sentinel instead; a fourth one has clients.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::load::{Book, Load};
use crate::monitor::{self, Monitor};
use crate::netns::{Network, keep};
use crate::program::{require, run, said, standfast, wall_ms};

/// Three hosts and a fourth one for clients. Dropping it ends everything; if a test panics, the last words of all logs are
/// printed first.
#[derive(Debug)]
pub struct Hosts {
    // In the order in which they shall end.
    redis: BTreeMap<String, Running>,
    nodes: BTreeMap<String, Running>,
    monitor: Monitor,
    /// The network, for cutting it.
    pub network: Network,
    load: PathBuf,
    /// The highest epochs that each node has told.
    epochs: RefCell<BTreeMap<String, (u64, u64)>>,
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

impl Hosts {
    /// Starts all of it, with the master on `a`, and waits until the nodes agree. `load` is this crate's program of that name; `holds`
    /// are how long the listeners of each host let requests wait.
    ///
    /// # Panics
    /// When a program is missing, or does not start.
    #[must_use]
    pub fn start(load: &Path, holds: [&str; 3]) -> Self {
        Self::start_with(Monitor::Standfast, load, holds)
    }

    /// The same with another program in the place of the nodes.
    ///
    /// # Panics
    /// When a program is missing, or does not start.
    #[must_use]
    pub fn start_with(monitor: Monitor, load: &Path, holds: [&str; 3]) -> Self {
        require("redis-server");
        let network = Network::lay(&[HOSTS[0], HOSTS[1], HOSTS[2], CLIENTS]);
        let mut hosts = Self {
            redis: BTreeMap::new(),
            nodes: BTreeMap::new(),
            monitor,
            network,
            load: load.to_owned(),
            epochs: RefCell::default(),
        };
        for (host, hold) in HOSTS.into_iter().zip(holds) {
            hosts.prepare(host, hold);
            hosts.start_redis(host);
        }
        for host in HOSTS {
            hosts.start_node(host);
        }
        let master = hosts.wait("three nodes agree about three servers", Self::agreed);
        // A replica that has loaded everything gets the stream of writes only after its next word to the master, which it says once a
        // second. What is acknowledged before that is lost with the master, and no test of ours is about that.
        hosts.wait("the first write is accepted", |hosts| hosts.ask(master, &["SET", "lab:flows", "yes"]));
        let there = |hosts: &Self, host: &str| {
            hosts.ask(hosts.redis_at(host), &["GET", "lab:flows"]).is_some_and(|value| value == "yes")
        };
        hosts.wait("the first write is everywhere", |hosts| HOSTS.iter().all(|host| there(hosts, host)).then_some(()));
        hosts
    }

    fn prepare(&self, host: &str, hold: &str) {
        let (dir, redis) = (self.dir(host), self.redis_at(host));
        fs::create_dir(&dir).expect("the scratch directory is new");
        let mut config = format!(
            "bind {}\nport {}\nprotected-mode no\nsave \"\"\nappendonly no\ndaemonize no\ndir {}\nlogfile redis.log\n\
             repl-diskless-sync-delay 0\nrepl-backlog-size 16mb\nrdb-del-sync-files yes\n",
            redis.ip(),
            redis.port(),
            dir.display()
        );
        let master = self.redis_at(HOSTS[0]);
        if redis != master {
            config.push_str(&format!("replicaof {} {}\n", master.ip(), master.port()));
        }
        fs::write(dir.join("redis.conf"), config).expect("the scratch directory can be written");
        let (file, config) = match self.monitor {
            Monitor::Standfast => ("standfast.toml", self.standfast_toml(host, hold)),
            Monitor::Stock => ("sentinel.conf", monitor::sentinel_conf(redis.ip(), master, &dir)),
        };
        fs::write(dir.join(file), config).expect("the scratch directory can be written");
    }

    fn standfast_toml(&self, host: &str, hold: &str) -> String {
        format!(
            "[node]\nname = \"{host}\"\nlisten = \"{ip}:26379\"\nstate-dir = \"{dir}/state\"\n\n[proxy]\nworkers = 1\n\n\
             [[group]]\nname = \"{GROUP}\"\nmaster = \"{master}\"\nnodes = 3\nquorum = 2\ndown-after = \"{DOWN_AFTER_MS}ms\"\n\n\
             [[listener]]\nlisten = \"{write}\"\ngroup = \"{GROUP}\"\nhold = \"{hold}\"\n\n\
             [[listener]]\nlisten = \"{read}\"\ngroup = \"{GROUP}\"\nrole = \"replica\"\nhold = \"{hold}\"\n",
            ip = self.network.address(host),
            dir = self.dir(host).display(),
            master = self.redis_at(HOSTS[0]),
            write = self.master_listener(host),
            read = self.replica_listener(host),
        )
    }

    /// Starts the host's Redis, with no data.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_redis(&mut self, host: &str) {
        let mut command = self.network.command(host, "redis-server");
        command.arg(self.dir(host).join("redis.conf"));
        self.redis.insert(host.to_owned(), spawn(command, &self.dir(host).join("redis.out")));
    }

    /// Starts the host's node, with the state that it left.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_node(&mut self, host: &str) {
        let dir = self.dir(host);
        let command = match self.monitor {
            Monitor::Standfast => {
                let mut command = self.network.command(host, standfast());
                command.args(["run", "-c"]).arg(dir.join("standfast.toml"));
                command
            }
            Monitor::Stock => {
                let mut command = self.network.command(host, "redis-server");
                command.arg(dir.join("sentinel.conf")).arg("--sentinel");
                command
            }
        };
        self.nodes.insert(host.to_owned(), spawn(command, &self.dir(host).join("node.log")));
    }

    /// `kill -9` of the host's Redis.
    pub fn kill_redis(&mut self, host: &str) {
        self.redis.remove(host);
    }

    /// Sends a signal to the host's Redis: `STOP`, `CONT`.
    ///
    /// # Panics
    /// When it is not there.
    pub fn signal_redis(&self, host: &str, signal: &str) {
        let pid = self.redis[host].0.id().to_string();
        let sent = Command::new("kill").args([&format!("-{signal}"), &pid]).output().expect("every system has it");
        assert!(sent.status.success(), "{}", said(&sent));
    }

    /// `kill -9` of the host's node.
    pub fn kill_node(&mut self, host: &str) {
        self.nodes.remove(host);
    }

    /// Starts clients on a host: `write`, `read` or `idle`, each at an address.
    ///
    /// # Panics
    /// As [`Load::start`].
    #[must_use]
    pub fn load(&self, on: &str, name: &str, clients: &[(&str, SocketAddr)]) -> Load {
        let clients: Vec<String> = clients.iter().map(|(kind, addr)| format!("{kind}={addr}")).collect();
        Load::start(&self.network, on, &self.load, name, &clients)
    }

    /// The clients' program.
    #[must_use]
    pub fn load_program(&self) -> &Path {
        &self.load
    }

    /// One command to a server or a Sentinel, from its own host; `None` without an answer.
    #[must_use]
    pub fn ask(&self, server: SocketAddr, words: &[&str]) -> Option<Value> {
        let host = HOSTS.into_iter().find(|host| self.redis_at(host).ip() == server.ip())?;
        let mut command = self.network.command(host, &self.load);
        let output = command.args(["ask", &server.to_string()]).args(words).output().expect("`ip` is on the PATH");
        serde_json::from_slice(&output.stdout).ok()
    }

    /// What a host's node says about itself; `None` without an answer. No epoch of it may ever be lower than one that it told
    /// before, not even over a restart.
    ///
    /// # Panics
    /// When an epoch fell.
    #[must_use]
    pub fn status(&self, host: &str) -> Option<Status> {
        let output = self.control(&["status", "--json"], host);
        let document: Value = serde_json::from_slice(&output.stdout).ok()?;
        let status = Status { document };
        let epochs = (status.document["report"]["epoch"].as_u64()?, status.config_epoch());
        let known = self.epochs.borrow_mut().insert(host.to_owned(), epochs).unwrap_or_default();
        assert!(epochs.0 >= known.0 && epochs.1 >= known.1, "epochs of {host} fell from {known:?} to {epochs:?}");
        Some(status)
    }

    /// When a node's clock began, as wall clock time: never too late, and too early by the fraction of a millisecond that its quickest answer
    /// took.
    ///
    /// # Panics
    /// When the node does not answer.
    #[must_use]
    pub fn zero_of(&self, host: &str) -> f64 {
        let ask = || {
            let mut stream = UnixStream::connect(self.socket(host))?;
            let before = wall_ms();
            stream.write_all(b"clock\n")?;
            let mut answer = String::new();
            BufReader::new(stream).read_line(&mut answer)?;
            let answer: Value = serde_json::from_str(&answer)?;
            let nanos = answer["ok"]["now"].as_f64().ok_or_else(|| io::Error::other(format!("no clock: {answer}")))?;
            io::Result::Ok(before - nanos / 1e6)
        };
        let zeros: Vec<f64> = (0..8).filter_map(|_| ask().ok()).collect();
        zeros.into_iter().reduce(f64::max).expect("a node that answered its status tells its clock")
    }

    /// Runs a verb of the program against a host's node. UNIX sockets know no network namespaces.
    ///
    /// # Panics
    /// When the program cannot be started.
    #[must_use]
    pub fn control(&self, words: &[&str], host: &str) -> Output {
        run(&[words, &["--control", &self.socket(host).to_string_lossy()]].concat())
    }

    fn socket(&self, host: &str) -> PathBuf {
        self.dir(host).join("state/control.sock")
    }

    /// The master on which all nodes agree, when all is well for each of them: every server up, every replica following,
    /// every other node heard of and of the same mind.
    #[must_use]
    pub fn agreed(&self) -> Option<SocketAddr> {
        if !self.monitor.has_control() {
            return monitor::agreed(self).filter(|master| self.only_master_is(*master));
        }
        let statuses: Vec<Status> = HOSTS.iter().map_while(|host| self.status(host)).collect();
        let views: BTreeSet<_> = statuses.iter().map(|status| (status.master(), status.config_epoch())).collect();
        let well = statuses.len() == HOSTS.len() && statuses.iter().all(Status::is_well) && views.len() == 1;
        let (master, _) = views.into_iter().next()?;
        (well && self.only_master_is(master)).then_some(master)
    }

    /// Whether the servers themselves say that this one is master and the others replicate it.
    fn only_master_is(&self, master: SocketAddr) -> bool {
        HOSTS.iter().all(|host| {
            let server = self.redis_at(host);
            let role = self.ask(server, &["ROLE"]).unwrap_or_default();
            if server == master {
                return role[0] == "master";
            }
            role[1] == master.ip().to_string() && role[2] == master.port() && role[3] == "connected"
        })
    }

    /// The other master that these nodes have agreed on.
    #[must_use]
    pub fn moved(&self, from: SocketAddr, nodes: &[&str]) -> Option<SocketAddr> {
        let views: Vec<Status> = nodes.iter().map_while(|host| self.status(host)).collect();
        let master = views.first()?.master();
        let all = views.len() == nodes.len() && views.iter().all(|s| s.phase() == "Steady" && s.master() == master);
        (all && master != from).then_some(master)
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
        let seen: String = HOSTS.iter().map(|host| self.seen_by(host)).collect();
        panic!("not within {PATIENCE:?}: {what}\n{seen}");
    }

    fn seen_by(&self, host: &str) -> String {
        if self.monitor.has_control() {
            return said(&self.control(&["status"], host));
        }
        format!("{host}: {:?}\n", self.ask(self.sentinel_at(host), &["SENTINEL", "MASTERS"]))
    }

    /// What is missing on the master of what these clients were told is done, and what is there twice.
    ///
    /// # Panics
    /// When the master does not answer.
    #[must_use]
    pub fn audit(&self, master: SocketAddr, books: &[Book]) -> Audit {
        let mut audit = Audit::default();
        for book in books.iter().filter(|book| book.is_writers()) {
            let list = self.ask(master, &["LRANGE", &book.list, "0", "-1"]).expect("the master answers");
            let list = list.as_array().expect("a list, or none");
            let numbers = list.iter().filter_map(|n| n.as_str()?.parse::<u64>().ok());
            let there: BTreeSet<u64> = numbers.collect();
            audit.acknowledged += book.acknowledged.len();
            audit.twice += list.len() - there.len();
            audit.missing.extend(book.acknowledged.iter().filter(|(n, _)| !there.contains(n)).map(|(_, at)| *at));
        }
        audit
    }

    /// Where the host's Redis is.
    #[must_use]
    pub fn redis_at(&self, host: &str) -> SocketAddr {
        (self.network.address(host), 6379).into()
    }

    /// Where the host's node, or its Sentinel, speaks Sentinel's protocol.
    #[must_use]
    pub fn sentinel_at(&self, host: &str) -> SocketAddr {
        (self.network.address(host), 26379).into()
    }

    /// Where the host's node leads to the master.
    #[must_use]
    pub fn master_listener(&self, host: &str) -> SocketAddr {
        (self.network.address(host), 6380).into()
    }

    /// Where the host's node leads to the replicas.
    #[must_use]
    pub fn replica_listener(&self, host: &str) -> SocketAddr {
        (self.network.address(host), 6381).into()
    }

    fn dir(&self, host: &str) -> PathBuf {
        self.network.scratch().join(host)
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        if keep().is_some() && self.monitor.has_control() {
            for host in HOSTS {
                // A node that does not live has no record to write.
                let _ = self.control(&["flight"], host);
            }
        }
        if !thread::panicking() {
            return;
        }
        for host in HOSTS {
            for log in ["redis.log", "node.log"] {
                let text = fs::read_to_string(self.dir(host).join(log)).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                eprintln!("--- {host}: {log}\n{}", lines[lines.len().saturating_sub(60)..].join("\n"));
            }
        }
    }
}

/// How a node stands.
#[derive(Clone, Debug)]
pub struct Status {
    /// All that it tells.
    pub document: Value,
}

impl Status {
    /// The node's id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.document["report"]["id"].as_str().unwrap_or_default()
    }

    /// The group, as this node sees it.
    #[must_use]
    pub fn group(&self) -> &Value {
        &self.document["report"]["groups"][0]
    }

    /// The agreed master.
    ///
    /// # Panics
    /// When the status names none.
    #[must_use]
    pub fn master(&self) -> SocketAddr {
        let master = self.group()["view"]["master"].as_str().and_then(|addr| addr.parse().ok());
        master.expect("a view has a master")
    }

    /// `Steady`, `Unbacked`, `Switching` or `Lost`.
    #[must_use]
    pub fn phase(&self) -> &str {
        self.group()["view"]["phase"].as_str().unwrap_or_default()
    }

    /// Which decision the master is the result of.
    #[must_use]
    pub fn config_epoch(&self) -> u64 {
        self.group()["view"]["epoch"].as_u64().unwrap_or_default()
    }

    /// The changes of master that this node led or tried to lead.
    pub fn led(&self) -> impl Iterator<Item = &Value> {
        let records = self.document["report"]["records"].as_array().into_iter().flatten();
        records.filter(|record| record["leader"] == self.id())
    }

    /// The steps of a record of this node: what, and when, if its clock began at `zero`.
    #[must_use]
    pub fn steps(&self, record: &Value, zero: f64) -> Vec<(String, f64)> {
        let steps = record["steps"].as_array().into_iter().flatten();
        steps.map(|step| (step["what"].as_str().unwrap_or_default().to_owned(), zero + ms(&step["at"]))).collect()
    }

    fn is_well(&self) -> bool {
        let list = |field: &str| self.group()[field].as_array().cloned().unwrap_or_default();
        let (servers, peers, master) = (list("servers"), list("peers"), self.master().to_string());
        let up = |s: &Value| s["down"].is_null() && (s["is_master"] == true || s["link_up"] == true);
        let of_one_mind = |p: &Value| p["down"] == false && p["master"] == master.as_str();
        self.phase() == "Steady"
            && (servers.len(), peers.len()) == (3, 2)
            && servers.iter().all(up)
            && peers.iter().all(of_one_mind)
    }
}

/// What the books and the master say together.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// Writes that clients were told are done.
    pub acknowledged: usize,
    /// When those were acknowledged that the master does not have.
    pub missing: Vec<f64>,
    /// Writes that were executed more than once.
    pub twice: usize,
}

/// The program's instants are texts: `12.5ms`.
fn ms(instant: &Value) -> f64 {
    let text = instant.as_str().and_then(|text| text.strip_suffix("ms"));
    text.and_then(|text| text.parse().ok()).unwrap_or(f64::NAN)
}

fn spawn(mut command: Command, log: &Path) -> Running {
    let log = File::options().create(true).append(true).open(log).expect("the scratch directory can be written");
    let errors = log.try_clone().expect("a descriptor more");
    let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
    Running(child.expect("`ip` is on the PATH"))
}

/// The hosts with a Redis and a node.
pub const HOSTS: [&str; 3] = ["a", "b", "c"];
/// The host with clients only.
pub const CLIENTS: &str = "clients";
/// How long a silent server is not yet down, for every kind of monitor.
pub const DOWN_AFTER_MS: u32 = 1_000;
/// The group's name.
pub const GROUP: &str = "cache";
/// Generous: a loaded machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Each look asks three nodes: more often, and the looking would be most of the load.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
