//! How does one node stand in front of real servers, with clients at work, while its operator changes it?

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use crate::cluster::free_address;
use crate::program::{require, run, said, standfast};
use crate::room::{Room, Running};
use crate::wire::{Connection, ask};

/// A master, two replicas, and one node in front of them. Everything ends with it.
#[derive(Debug)]
pub struct Front {
    /// Its files: `standfast.toml`, what it says in `out`.
    pub room: Room,
    /// The master first.
    pub servers: Vec<SocketAddr>,
    /// The Sentinel port.
    pub sentinel: SocketAddr,
    /// Where clients are led to the master.
    pub master: SocketAddr,
    /// Where clients are led to replicas.
    pub replica: SocketAddr,
    redis: Vec<Running>,
    node: Option<Running>,
}

impl Front {
    /// Starts the servers, then a node on [`Front::file`], and waits until all replicas are read.
    ///
    /// # Panics
    /// When that does not come.
    #[must_use]
    pub fn start(name: &str) -> Self {
        require("redis-server");
        let room = Room::new(name);
        let mut front = Self {
            room,
            servers: Vec::new(),
            sentinel: free_address(),
            master: free_address(),
            replica: free_address(),
            redis: Vec::new(),
            node: None,
        };
        for _ in 0..SERVERS {
            front.add_server(front.servers.first().copied());
        }
        front.room.write(FILE, &front.file());
        let mut node = Command::new(standfast());
        node.args(["run", "-c"]).arg(front.room.path(FILE));
        front.start_node(node);
        front
    }

    /// Starts the node by this command, in the place of the one that runs, and waits until all replicas are read.
    ///
    /// # Panics
    /// When that does not come.
    pub fn start_node(&mut self, node: Command) {
        self.node = None;
        self.node = Some(self.room.start(node));
        self.is_whole();
    }

    /// Waits until the group has a master, and all its replicas are read.
    ///
    /// # Panics
    /// When that does not come.
    pub fn is_whole(&self) {
        self.room.wait("the node has a master and both replicas", || {
            let group = self.group("cache")?;
            let up = group["view"]["replicas"].as_array()?.iter().filter(|r| r["link"] == "Up").count();
            (group["view"]["phase"] == "Steady" && up == SERVERS - 1).then_some(())
        });
    }

    /// Starts another server, perhaps a replica.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn add_server(&mut self, of: Option<SocketAddr>) -> SocketAddr {
        let addr = free_address();
        let dir = self.room.path(&format!("redis-{}", addr.port()));
        std::fs::create_dir_all(&dir).expect("the room can be written");
        let mut server = Command::new("redis-server");
        server.args(["--port", &addr.port().to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        server.args(["--repl-diskless-sync-delay", "0", "--dir"]).arg(&dir);
        if let Some(of) = of {
            server.args(["--replicaof", &of.ip().to_string(), &of.port().to_string()]);
        }
        self.redis.push(self.room.start_beside(server));
        self.room.wait("a server answers", || ask(addr, &["PING"]).filter(|answer| *answer == "PONG"));
        self.servers.push(addr);
        addr
    }

    /// The file that it is started with.
    #[must_use]
    pub fn file(&self) -> String {
        let Self { sentinel, master, replica, servers, room, .. } = self;
        format!(
            "[node]\nname = \"front\"\nlisten = \"{sentinel}\"\nstate-dir = \"{}\"\n\n[proxy]\nworkers = 1\n\n\
             [[group]]\nname = \"cache\"\nmaster = \"{}\"\nnodes = 1\n\n\
             [[listener]]\nlisten = \"{master}\"\ngroup = \"cache\"\n\n\
             [[listener]]\nlisten = \"{replica}\"\ngroup = \"cache\"\nrole = \"replica\"\n",
            room.path("state").display(),
            servers[0],
        )
    }

    /// Runs an operator's command at the node.
    #[must_use]
    pub fn operate(&self, words: &[&str]) -> Output {
        let control = self.room.path("state/control.sock").display().to_string();
        run(&[words, &["--control", &control]].concat())
    }

    /// The same, and it must be done; returns what it says.
    ///
    /// # Panics
    /// When it is refused.
    pub fn done(&self, words: &[&str]) -> String {
        let output = self.operate(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}: {}\n{}", said(&output), self.room.read("out"));
        said(&output)
    }

    /// Moves the master, as soon as there is a replica that is fit: shortly after a change there may be none.
    ///
    /// # Panics
    /// When there never is.
    pub fn moves_the_master(&self) {
        let moved = || self.operate(&["switchover", "cache"]).status.success().then_some(());
        self.room.wait("another server is master", moved);
    }

    /// How it stands; `None`: it does not answer.
    #[must_use]
    pub fn status(&self) -> Option<Value> {
        serde_json::from_slice(&self.operate(&["status", "--json"]).stdout).ok()
    }

    /// What it says of a group.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<Value> {
        let mut status = self.status()?;
        status["report"]["groups"].as_array_mut()?.iter_mut().find(|group| group["name"] == name).map(Value::take)
    }

    /// The process that answers.
    #[must_use]
    pub fn pid(&self) -> Option<u64> {
        self.status()?["pid"].as_u64()
    }

    /// The process that was started by the test.
    ///
    /// # Panics
    /// When none was.
    pub fn first(&mut self) -> &mut Running {
        self.node.as_mut().expect("it was started")
    }

    /// Waits until the process that was started by the test has ended well.
    ///
    /// # Panics
    /// When it does not.
    pub fn first_ends(&mut self) {
        let node = self.node.as_mut().expect("it was started");
        let status = self.room.wait("the first process ends", || node.ended());
        assert!(status.success(), "{status}");
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.room.read("out")
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- the node\n{}", self.log());
        }
        // After an upgrade it is no child of ours.
        if let Some(pid) = self.pid() {
            let _ = Command::new("kill").args(["-s", "KILL", &pid.to_string()]).status();
        }
    }
}

/// Clients at work, a thread each, until they are told to stop.
#[derive(Debug)]
pub struct Crowd {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

/// What a client does, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Counts up, on one connection, and sees that no number is missing or there twice.
    Count,
    /// Asks how many keys there are, on one connection.
    Read,
    /// Connects, asks once, and leaves.
    Knock,
}

impl Crowd {
    /// Nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self { stop: Arc::default(), answered: Arc::default(), clients: Vec::new() }
    }

    /// Adds clients, and waits until they have been answered.
    ///
    /// # Panics
    /// When they are not.
    pub fn join(&mut self, count: usize, habit: Habit, addr: SocketAddr) {
        let before = self.answered();
        for n in 0..count {
            let (stop, answered) = (self.stop.clone(), self.answered.clone());
            let key = format!("counter-{addr}-{n}-{}", self.clients.len());
            self.clients.push(thread::spawn(move || live(habit, addr, &key, &stop, &answered)));
        }
        self.wait(before + 20 * count as u64);
    }

    /// Answers so far.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Waits for so many more answers.
    ///
    /// # Panics
    /// When they do not come.
    pub fn goes_on(&self, more: u64) {
        self.wait(self.answered() + more);
    }

    fn wait(&self, until: u64) {
        for _ in 0..PATIENCE.as_millis() / 10 {
            if self.answered() >= until || self.clients.iter().any(JoinHandle::is_finished) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("{} answers, and not {until} within {PATIENCE:?}", self.answered());
    }

    /// Ends them, and returns what each of them has to complain of: an error, a connection that ended or was refused.
    ///
    /// # Panics
    /// When a client did.
    #[must_use]
    pub fn leave(mut self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.drain(..).flat_map(|client| client.join().expect("a client does not panic")).collect()
    }
}

impl Default for Crowd {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Its first complaint ends it.
fn live(habit: Habit, addr: SocketAddr, key: &str, stop: &AtomicBool, answered: &AtomicU64) -> Vec<String> {
    let complaint = |what: String| vec![format!("{habit:?} at {addr}: {what}")];
    let mut connection = None;
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let words: &[&str] = match habit {
            Habit::Count => &["INCR", key],
            Habit::Read => &["DBSIZE"],
            Habit::Knock => &["PING"],
        };
        let answer = match once(&mut connection, addr, words) {
            Ok(answer) => answer,
            Err(e) => return complaint(e.to_string()),
        };
        count += 1;
        if habit == Habit::Count && answer != count || !answer["error"].is_null() {
            return complaint(format!("{answer} as answer {count}"));
        }
        answered.fetch_add(1, Ordering::Relaxed);
        if habit == Habit::Knock {
            connection = None;
        } else {
            thread::sleep(PACE);
        }
    }
    Vec::new()
}

fn once(connection: &mut Option<Connection>, addr: SocketAddr, words: &[&str]) -> io::Result<Value> {
    if connection.is_none() {
        *connection = Some(Connection::open(addr)?);
    }
    match connection {
        Some(connection) => connection.request(words),
        None => Err(io::ErrorKind::NotConnected.into()),
    }
}

/// Whether nobody listens there.
#[must_use]
pub fn is_free(addr: SocketAddr) -> bool {
    TcpListener::bind(addr).is_ok()
}

/// Its file.
pub const FILE: &str = "standfast.toml";
/// A master, and one replica more than is needed.
const SERVERS: usize = 3;
/// Generous: a loaded machine is no failure.
const PATIENCE: Duration = Duration::from_secs(45);
/// Between two requests: clients are at work all the time, and leave a processor to the program.
const PACE: Duration = Duration::from_millis(2);
