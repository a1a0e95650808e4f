//! Ten thousand clients are connected while the master is killed: who is idle and who reads keeps its connection and is answered, and
//! the node's memory keeps its bound.
//!
//! The clients are in this process, the node and the servers in theirs. A process may have 20,000 descriptors here: with connections
//! of their own for all clients, the node has room for nine thousand that ask something, and the rest only listens.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use lab::cluster::free_address;
use lab::program::{require, standfast, wall_ms};
use lab::room::{Room, Running};
use lab::wire::ask;

/// Clients that ask once and then wait, and those that never do.
const IDLE: usize = 5_000;
/// Clients that read all the time.
const READERS: usize = 4_000;
const SILENT: usize = 1_000;
/// Threads that the readers share.
const THREADS: usize = 8;
/// What the node may need: a client costs less than 1 KiB while it is idle, ten times that while it waits with a request, and a debug
/// build with its log comes on top.
const MEMORY: u64 = 80 << 20;
/// Much more than a failover takes, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

#[test]
fn ten_thousand_clients_keep_their_connections_when_the_master_dies() {
    stay(&["pool = \"session\"", "pool = \"shared\""]);
}

fn stay(pools: &[&str]) {
    require("redis-server");
    let me = std::process::id().to_string();
    let raised = Command::new("prlimit").args(["--pid", &me, "--nofile=20000:"]).status();
    assert!(raised.expect("util-linux has it").success(), "a process may have 20,000 descriptors");
    for pool in pools {
        one(pool);
    }
}

fn one(pool: &str) {
    let mut bed = Bed::start(pool);
    let mut idle: Vec<TcpStream> = (0..IDLE).map(|_| connect(bed.listener)).collect();
    for client in &mut idle {
        assert_eq!(say(client, b"PING\r\n", 7), b"+PONG\r\n");
    }
    let silent: Vec<TcpStream> = (0..SILENT).map(|_| connect(bed.listener)).collect();
    let readers: Vec<Vec<TcpStream>> =
        (0..THREADS).map(|_| (0..READERS / THREADS).map(|_| connect(bed.listener)).collect()).collect();
    let stop = AtomicBool::new(false);
    let rounds: Vec<AtomicU64> = (0..THREADS).map(|_| AtomicU64::new(0)).collect();
    let all_after = |n: u64, from: &[u64]| {
        let enough = || rounds.iter().zip(from).all(|(now, from)| now.load(Relaxed) >= from + n).then_some(());
        bed_wait("every reader is answered", enough);
    };
    thread::scope(|scope| {
        for (mut clients, round) in readers.into_iter().zip(&rounds) {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Relaxed) {
                    for client in &mut clients {
                        client.write_all(b"GET k\r\n").expect("the connection stays");
                    }
                    for client in &mut clients {
                        assert_eq!(heard(client, 7), b"$1\r\nv\r\n", "a read is answered");
                    }
                    round.fetch_add(1, Relaxed);
                }
            });
        }
        all_after(2, &[0; THREADS]);
        let before: Vec<u64> = rounds.iter().map(|round| round.load(Relaxed)).collect();
        let killed = wall_ms();
        bed.kill_master();
        // The round that was under way, and a whole one after it.
        all_after(2, &before);
        println!("{pool}: all {READERS} readers answered {:.0} ms after the master was killed", wall_ms() - killed);
        // All at once: one after the other, each would stand in the readers' queue anew.
        for client in &mut idle {
            client.write_all(b"PING\r\n").expect("the connection stays");
        }
        for client in &mut idle {
            assert_eq!(heard(client, 7), b"+PONG\r\n", "an idle client keeps its connection");
        }
        println!("{pool}: and {IDLE} idle ones {:.0} ms after it", wall_ms() - killed);
        stop.store(true, Relaxed);
    });
    for mut client in silent {
        assert_eq!(say(&mut client, b"GET k\r\n", 7), b"$1\r\nv\r\n", "who never spoke is heard");
    }
    let most = bed.most_memory();
    println!("{pool}: the node had {} MiB at most", most >> 20);
    assert!(most < MEMORY, "{most} bytes");
}

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("the listener accepts");
    stream.set_nodelay(true).expect("it is open");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is open");
    stream
}

fn say(client: &mut TcpStream, request: &[u8], len: usize) -> Vec<u8> {
    client.write_all(request).expect("the connection stays");
    heard(client, len)
}

fn heard(client: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut reply = vec![0; len];
    client.read_exact(&mut reply).expect("the connection stays, and an answer comes");
    reply
}

fn bed_wait(what: &str, mut so: impl FnMut() -> Option<()>) {
    let until = wall_ms() + PATIENCE.as_secs_f64() * 1e3;
    while so().is_none() {
        assert!(wall_ms() < until, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A master, a replica, and a node before them.
struct Bed {
    room: Room,
    listener: SocketAddr,
    servers: Vec<Running>,
    node: Option<Running>,
}

impl Bed {
    fn start(pool: &str) -> Self {
        let room = Room::new("ten-thousand");
        let (master, replica, listener, sentinel) = (free_address(), free_address(), free_address(), free_address());
        let mut bed = Self { room, listener, servers: Vec::new(), node: None };
        bed.server(master, &[]);
        bed.server(replica, &["--replicaof", "127.0.0.1", &master.port().to_string()]);
        bed.room.wait("a key is on both", || ask(master, &["SET", "k", "v"]));
        bed.room.wait("the replica has it", || ask(replica, &["GET", "k"]).filter(|value| *value == "v"));
        let state = bed.room.path("state");
        let file = format!(
            "[node]\nlisten = \"{sentinel}\"\nstate-dir = \"{}\"\n[proxy]\nmax-clients = 12000\n\n[[group]]\nname = \"cache\"\n\
             master = \"{master}\"\nnodes = 1\n\n[[listener]]\nlisten = \"{listener}\"\ngroup = \"cache\"\nhold = \"30s\"\n{pool}\n",
            state.display(),
        );
        bed.room.write("standfast.toml", &file);
        let mut node = Command::new("prlimit");
        node.arg("--nofile=20000:20000").arg(standfast()).args(["run", "-c"]).arg(bed.room.path("standfast.toml"));
        bed.node = Some(bed.room.start(node));
        bed.room
            .wait("the listener leads to the master", || ask(listener, &["GET", "k"]).filter(|value| *value == "v"));
        let knows = || ask(sentinel, &["SENTINEL", "REPLICAS", "cache"]).filter(|all| all[0].is_array());
        bed.room.wait("the node knows the replica", knows);
        bed
    }

    fn server(&mut self, addr: SocketAddr, more: &[&str]) {
        let mut server = Command::new("prlimit");
        server.args(["--nofile=20000:20000", "redis-server", "--bind", "127.0.0.1", "--save", ""]);
        server.args(["--maxclients", "15000", "--tcp-backlog", "4096", "--repl-diskless-sync-delay", "0"]);
        server.args(["--port", &addr.port().to_string()]).args(more);
        self.servers.push(self.room.start_beside(server));
        self.room.wait("a server answers", || ask(addr, &["PING"]).filter(|answer| *answer == "PONG"));
    }

    fn kill_master(&mut self) {
        // Dropped, it is killed.
        drop(self.servers.remove(0));
    }

    /// The node's memory at its highest.
    fn most_memory(&self) -> u64 {
        let pid = self.node.as_ref().expect("it runs").id();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number of KiB") << 10
    }
}
