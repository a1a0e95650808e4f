//! How do two hosts share an address in front of Redis? As scenario C says; on each host what we replace, or ours.
//!
//! ```text
//!   inside  10.30.1.0/24, eth0     a .131      b .132      w .133 (a vote, no Redis)
//!   outside 10.20.1.0/24, eth1     a .131      b .132      client .9            the address: .130
//!
//!   replaced: redis-server, redis-sentinel, haproxy, keepalived       ours: redis-server, standfast
//! ```
//!
//! | module | answers |
//! |---|---|
//! | [`files`] | what is each program told? |

pub mod files;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread;

use serde_json::Value;

use crate::netns::Network;
use crate::process::{Process, Signal};
use crate::program::{require, run, said, standfast};
use crate::routers::wait_until;

/// What stands on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sentinel, HAProxy and Keepalived.
    Classic,
    /// One program.
    Ours,
}

impl Kind {
    /// As one types it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Ours => "standfast",
        }
    }

    /// Whose death takes the proxy away.
    #[must_use]
    pub const fn proxy(self) -> &'static str {
        match self {
            Self::Classic => "haproxy",
            Self::Ours => "standfast",
        }
    }

    /// Who says on the link who has the address.
    #[must_use]
    pub const fn router(self) -> &'static str {
        match self {
            Self::Classic => "keepalived",
            Self::Ours => "standfast",
        }
    }
}

/// How quick everything is meant to be, the same for both kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terms {
    /// As the article has it: version 2, a second, a check every two seconds whether there is a process.
    Article,
    /// As an expert would have it: version 3, 100 ms; the kernel tells of a process that ends, and a request each second through the
    /// proxy, which is as often as Keepalived 2.2 can be told to.
    Tuned,
}

impl Terms {
    /// As one types it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Article => "article",
            Self::Tuned => "tuned",
        }
    }
}

/// The hosts and what runs on them. Dropping it ends everything; if a test panics, the last words of all logs are printed first.
#[derive(Debug)]
pub struct Pair {
    processes: BTreeMap<(String, String), Process>,
    /// Of `a` and `b`.
    pub kinds: [Kind; 2],
    terms: Terms,
    /// Where the master is at first.
    first: &'static str,
    /// The network, for cutting it.
    pub network: Network,
}

impl Pair {
    /// Lays the network and starts everything, with the master on `first`; the address is on `a`, which has more right to it.
    ///
    /// # Panics
    /// When a program is missing, or does not start.
    #[must_use]
    pub fn start(kinds: [Kind; 2], terms: Terms, first: &'static str) -> Self {
        let mut pair = Self::lay(kinds, terms, first);
        for host in [A, B] {
            pair.start_program(host, "redis");
        }
        let replica = if first == A { B } else { A };
        wait_until("the replica follows", || {
            pair.redis(replica, &["info", "replication"]).contains("master_link_status:up")
        });
        for host in [A, B, W] {
            pair.start_monitor(host);
        }
        wait_until("three monitors know each other", || [A, B, W].iter().all(|host| pair.knows_all(host)));
        for host in [A, B] {
            pair.start_edge(host);
        }
        pair.wait_for_holder(A);
        wait_until("a write through the address", || pair.through(&["set", "lab:first", "yes"]) == "OK");
        // A replica that has loaded everything gets the stream of writes only after its next word to the master, a second later. Until then
        // nobody is fit to be promoted.
        wait_until("the first write is everywhere", || pair.redis(replica, &["get", "lab:first"]) == "yes");
        if kinds == [Kind::Ours; 2] {
            // Nodes look once a second whether there are others that may hold their addresses.
            wait_until("each host knows whom the other serves", || {
                [A, B].iter().all(|host| pair.log(host, "standfast").contains("shares addresses with us"))
            });
        }
        pair
    }

    /// The same without a program running.
    ///
    /// # Panics
    /// When a program is missing, or the kernel refuses.
    #[must_use]
    pub fn lay(kinds: [Kind; 2], terms: Terms, first: &'static str) -> Self {
        for program in ["redis-server", "redis-cli", "haproxy", "keepalived", "pgrep"] {
            require(program);
        }
        let network = Network::without_cables(&[A, B, W, CLIENT]);
        network.lan("eth0", &[(A, "10.30.1.131/24"), (B, "10.30.1.132/24"), (W, "10.30.1.133/24")]);
        network.lan("eth1", &[(A, "10.20.1.131/24"), (B, "10.20.1.132/24"), (CLIENT, "10.20.1.9/24")]);
        let pair = Self { processes: BTreeMap::new(), kinds, terms, first, network };
        for host in [A, B, W] {
            fs::create_dir(pair.dir(host)).expect("the scratch directory is new");
            pair.write(host, "redis.conf", &files::redis(host, first, &pair.dir(host)));
            pair.write(host, "sentinel.conf", &files::sentinel(host, first, &pair.dir(host)));
            pair.write(host, "standfast.toml", &files::standfast(host, first, &pair.dir(host), terms));
        }
        for (host, kind) in [A, B].into_iter().zip(kinds) {
            let dir = pair.dir(host);
            pair.write(host, "haproxy.cfg", &files::haproxy(terms));
            pair.write(host, "keepalived.conf", &files::keepalived(host, &pair.network.name_of(host), &dir, terms));
            if kind == Kind::Classic {
                pair.network.sysctl(host, "net.ipv4.ip_nonlocal_bind", "1");
            }
        }
        pair
    }

    /// What stands on a host; the witness is of the kind of `a`.
    #[must_use]
    pub fn kind(&self, host: &str) -> Kind {
        self.kinds[usize::from(host == B)]
    }

    fn start_monitor(&mut self, host: &str) {
        match self.kind(host) {
            Kind::Classic => self.start_program(host, "sentinel"),
            Kind::Ours => self.start_program(host, "standfast"),
        }
    }

    fn start_edge(&mut self, host: &str) {
        if self.kind(host) == Kind::Classic {
            self.start_program(host, "haproxy");
            self.start_program(host, "keepalived");
        }
    }

    /// Starts a program of a host: `redis`, `sentinel`, `haproxy`, `keepalived`, `standfast`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_program(&mut self, host: &str, name: &str) {
        let dir = self.dir(host);
        let file = |name: &str| dir.join(name);
        let on = |program: &str| self.network.command(host, program);
        let command = match name {
            "redis" => with(on("redis-server"), &[&file("redis.conf")]),
            "sentinel" => {
                let mut command = with(on("redis-server"), &[&file("sentinel.conf")]);
                command.arg("--sentinel");
                command
            }
            "haproxy" => {
                let mut command = on("haproxy");
                command.arg("-f").arg(file("haproxy.cfg")).arg("-db");
                command
            }
            "keepalived" => {
                // It enters the network by itself: the kernel tells of processes only to who was outside once.
                let mut command = Command::new("setpriv");
                command.args([
                    "--pdeathsig",
                    "KILL",
                    "--",
                    "keepalived",
                    "--dont-fork",
                    "--log-console",
                    "--log-detail",
                    "--vrrp",
                ]);
                command.arg("--use-file").arg(file("keepalived.conf"));
                command.arg("--pid").arg(file("keepalived.pid")).arg("--vrrp_pid").arg(file("vrrp.pid"));
                command
            }
            "standfast" => {
                let mut command = self.network.command(host, standfast());
                command.args(["run", "-c"]).arg(file("standfast.toml"));
                command
            }
            other => panic!("there is no program {other}"),
        };
        let process = Process::start_into(command, &file(&format!("{name}.log")));
        self.processes.insert((host.to_owned(), name.to_owned()), process);
    }

    fn process(&mut self, host: &str, name: &str) -> &mut Process {
        let process = self.processes.get_mut(&(host.to_owned(), name.to_owned()));
        process.unwrap_or_else(|| panic!("{name} does not run on {host}"))
    }

    /// `kill -9`.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self, host: &str, name: &str) {
        self.process(host, name).end(Signal::KILL);
        self.processes.remove(&(host.to_owned(), name.to_owned()));
    }

    /// Ends it in order, and waits for that.
    ///
    /// # Panics
    /// When it does not run, or does not end.
    pub fn stop(&mut self, host: &str, name: &str) {
        self.process(host, name).end(Signal::TERM);
        self.processes.remove(&(host.to_owned(), name.to_owned()));
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&mut self, host: &str, name: &str, signal: Signal) {
        self.process(host, name).signal(signal);
    }

    /// The number of its process.
    ///
    /// # Panics
    /// When it does not run.
    pub fn id(&mut self, host: &str, name: &str) -> u32 {
        self.process(host, name).id()
    }

    /// Whether it has ended by itself.
    ///
    /// # Panics
    /// When it was never started.
    pub fn has_ended(&mut self, host: &str, name: &str) -> bool {
        self.process(host, name).has_ended()
    }

    /// What the Redis of a host answers to one who is inside; empty if it does not.
    #[must_use]
    pub fn redis(&self, host: &str, words: &[&str]) -> String {
        self.ask(W, files::inside(host), 6379, words)
    }

    /// What comes back through the address, asked by the client.
    #[must_use]
    pub fn through(&self, words: &[&str]) -> String {
        self.ask(CLIENT, ADDRESS, 6379, words)
    }

    /// What one answers at an address to a client on a host, within two seconds.
    ///
    /// # Panics
    /// When `redis-cli` cannot be started.
    #[must_use]
    pub fn ask(&self, from: &str, at: &str, port: u16, words: &[&str]) -> String {
        let mut command = self.network.command(from, "timeout");
        command.args(["2", "redis-cli", "-h", at, "-p", &port.to_string()]).args(words);
        let output = command.output().expect("`ip` is on the PATH");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn knows_all(&self, host: &str) -> bool {
        // Sentinel's own words, which ours speaks too: how many replicas and other Sentinels there are.
        let told = self.ask(W, files::inside(host), 26379, &["sentinel", "master", files::GROUP]);
        let words: Vec<&str> = told.lines().collect();
        let field = |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1).copied());
        field("num-slaves") == Some("1")
            && field("num-other-sentinels") == Some("2")
            && field("flags") == Some("master")
    }

    /// Whether the host has the address.
    ///
    /// # Panics
    /// When `ip` cannot be started.
    #[must_use]
    pub fn holds(&self, host: &str) -> bool {
        let output = self.network.command(host, "ip").args(["-o", "address", "show"]).output();
        said(&output.expect("`ip` is on the PATH")).contains(&format!(" {ADDRESS}/"))
    }

    /// Waits until this host has the address, and the other has not.
    ///
    /// # Panics
    /// When that does not come.
    pub fn wait_for_holder(&self, host: &str) {
        let other = if host == A { B } else { A };
        wait_until(&format!("{host} alone holds the address"), || self.holds(host) && !self.holds(other));
    }

    /// The server that all monitors of these hosts call the master.
    #[must_use]
    pub fn master(&self, monitors: &[&str]) -> Option<&'static str> {
        let named = |host: &str, server: &str| {
            let words = ["sentinel", "get-master-addr-by-name", files::GROUP];
            self.ask(W, files::inside(host), 26379, &words).starts_with(&format!("{}\n", files::inside(server)))
        };
        [A, B].into_iter().find(|server| monitors.iter().all(|host| named(host, server)))
    }

    /// A verb of the program against a host's node.
    #[must_use]
    pub fn control(&self, host: &str, words: &[&str]) -> Output {
        let socket = self.dir(host).join("state/control.sock");
        run(&[words, &["--control", &socket.to_string_lossy()]].concat())
    }

    /// What a host's node says about itself.
    #[must_use]
    pub fn status(&self, host: &str) -> Option<Value> {
        serde_json::from_slice(&self.control(host, &["status", "--json"]).stdout).ok()
    }

    /// All that a program has said.
    #[must_use]
    pub fn log(&self, host: &str, name: &str) -> String {
        fs::read_to_string(self.dir(host).join(format!("{name}.log"))).unwrap_or_default()
    }

    /// Pulls all cables of a host, or plugs them in again: `down`, `up`. Tells when.
    pub fn cables(&self, host: &str, state: &str) -> f64 {
        self.network.set_all_cables(host, &["eth0", "eth1"], state)
    }

    /// Where the files of a host are.
    #[must_use]
    pub fn dir(&self, host: &str) -> PathBuf {
        self.network.scratch().join(host)
    }

    /// Writes a file of a host.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, host: &str, name: &str, text: &str) {
        fs::write(self.dir(host).join(name), text).expect("the scratch directory can be written");
    }

    /// How quick it is meant to be.
    #[must_use]
    pub const fn terms(&self) -> Terms {
        self.terms
    }

    /// Where the master was at first.
    #[must_use]
    pub const fn first(&self) -> &'static str {
        self.first
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        for (host, name) in self.processes.keys() {
            let text = self.log(host, name);
            let lines: Vec<&str> = text.lines().collect();
            eprintln!("--- {host}: {name}\n{}", lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n"));
        }
    }
}

fn with(mut command: Command, files: &[&PathBuf]) -> Command {
    command.args(files);
    command
}

/// The host with the greater right to the address, and the master at first.
pub const A: &str = "a";
/// The other one.
pub const B: &str = "b";
/// The third vote.
pub const W: &str = "w";
/// Who reaches the address only.
pub const CLIENT: &str = "client";
/// What moves.
pub const ADDRESS: &str = "10.20.1.130";
/// Of each log, if a test fails.
const LAST_WORDS: usize = 60;
