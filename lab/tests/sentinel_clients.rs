//! Clients that know Sentinels, not Standfast: each finds its master through our Sentinel port, and goes on through the master's
//! death without being started anew.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use lab::cluster::{GROUP, Kind, Watch};
use lab::cluster::{PATIENCE, free_address};
use lab::program::{lines_of, npm_modules, require};
use lab::{Cluster, Demo, wire};
use redis::sentinel::{Sentinel, SentinelClient, SentinelServerType};

#[test]
fn redis_py_goes_on_after_the_masters_death() {
    // Debian's own python3 has python3-redis.
    let mut python = Command::new("/usr/bin/python3");
    python.arg(program("redis_py.py"));
    goes_on_after_the_masters_death(Kind::Ours, |arguments| Client::spawn(python, arguments));
}

#[test]
fn ioredis_goes_on_after_the_masters_death() {
    goes_on_after_the_masters_death(Kind::InPlace, |arguments| Client::spawn(node("ioredis.js"), arguments));
}

#[test]
fn node_redis_goes_on_after_the_masters_death() {
    goes_on_after_the_masters_death(Kind::Ours, |arguments| Client::spawn(node("node_redis.js"), arguments));
}

#[test]
fn redis_rs_goes_on_after_the_masters_death() {
    goes_on_after_the_masters_death(Kind::InPlace, Client::redis_rs);
}

/// The client is told two Sentinels, and the first of them is dead. It writes rising numbers to a list, one at a time.
fn goes_on_after_the_masters_death(asked: Kind, start: impl FnOnce(&[String]) -> Client) {
    let mut cluster = Cluster::start(&[asked, Kind::Ours, Kind::InPlace].map(|kind| Watch::new(kind, 2)));
    let (old, epoch) = cluster.agreed().expect("they agreed a moment ago");
    let dead = free_address();
    let mut client = start(&["numbers".to_owned(), dead.to_string(), cluster.sentinel(0).to_string()]);
    assert_eq!(client.next("master"), old.to_string());
    let of = |addresses: &mut dyn Iterator<Item = SocketAddr>| {
        let mut addresses: Vec<String> = addresses.map(|addr| addr.to_string()).collect();
        addresses.sort();
        addresses.join(" ")
    };
    assert_eq!(client.next("replicas"), of(&mut cluster.servers().filter(|server| *server != old)));
    assert_eq!(client.next("sentinels"), of(&mut [1, 2].into_iter().map(|n| cluster.sentinel(n))));
    assert_eq!(client.next("read"), "yes", "what a replica knows");
    client.writes(AT_WORK);

    cluster.kill_server(old);
    let (new, new_epoch) = cluster.wait("all agree on another master", |cluster| cluster.moved(old));
    assert!(new_epoch > epoch, "{new_epoch} after {epoch}");
    let agreed = client.catch_up();
    client.writes(AT_WORK);
    cluster.start_server(old);
    cluster.wait("all is well again", |cluster| cluster.agreed().filter(|(master, _)| *master == new));
    client.writes(AT_WORK);
    let (written, failed) = client.stop();

    let list = wire::ask(new, &["LRANGE", "numbers", "0", "-1"]).expect("the master answers");
    let there: Vec<u64> = list.as_array().into_iter().flatten().filter_map(|n| n.as_str()?.parse().ok()).collect();
    println!("{} written, {failed:?} failed, {} there", written.len(), there.len());
    assert!(there.is_sorted_by(|a, b| a < b), "nothing is there twice: {there:?}");
    let missing: Vec<usize> = (0..written.len()).filter(|&n| there.binary_search(&written[n]).is_err()).collect();
    // What the old master acknowledged last and had not sent to a replica died with it: one run, before the new master's first
    // write. One acknowledgement may have been under way to us when the nodes agreed.
    assert!(missing.windows(2).all(|pair| pair[1] == pair[0] + 1), "of {written:?}, missing: {missing:?}");
    assert!(
        missing.iter().all(|&n| n <= agreed),
        "missing of the new master's: {missing:?} of {written:?}, {agreed} old"
    );
}

/// A client at work, and what it said.
struct Client {
    lines: Receiver<String>,
    /// Dropped to make it end.
    until: Option<Until>,
    written: Vec<u64>,
    failed: Vec<String>,
}

/// What keeps a client alive.
enum Until {
    Process(Child),
    Thread(#[expect(dead_code, reason = "the thread sees that it is dropped")] Receiver<()>),
}

impl Client {
    fn spawn(mut command: Command, arguments: &[String]) -> Self {
        let child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child =
            child.unwrap_or_else(|e| panic!("{command:?}: {e}; `cargo xtask test` installs what tests need"));
        let lines = lines_of(child.stdout.take().expect("it was asked for"));
        Self::new(lines, Until::Process(child))
    }

    /// The Rust client, in a thread of this process.
    fn redis_rs(arguments: &[String]) -> Self {
        let [key, sentinels @ ..] = arguments else { panic!("a key and addresses") };
        let (key, sentinels) = (key.clone(), sentinels.iter().map(|addr| format!("redis://{addr}")).collect());
        let (say, lines) = channel();
        let (alive, until) = channel();
        thread::spawn(move || redis_rs(&key, sentinels, &say, &alive).expect("its questions are answered"));
        Self::new(lines, Until::Thread(until))
    }

    fn new(lines: Receiver<String>, until: Until) -> Self {
        Self { lines, until: Some(until), written: Vec::new(), failed: Vec::new() }
    }

    /// What stands after this word in the next line that begins with it.
    fn next(&mut self, word: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line =
                line.unwrap_or_else(|e| panic!("the client did not say `{word}`: {e}; it failed: {:?}", self.failed));
            self.note(&line);
            if let Some(rest) = line.strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Waits for as many writes.
    fn writes(&mut self, count: usize) {
        for _ in 0..count {
            self.next("written");
        }
    }

    /// Reads what was already said; how many writes it told.
    fn catch_up(&mut self) -> usize {
        while let Ok(line) = self.lines.try_recv() {
            self.note(&line);
        }
        self.written.len()
    }

    fn note(&mut self, line: &str) {
        match line.split_once(' ') {
            Some(("written", number)) => self.written.push(number.parse().expect("a number")),
            Some(("failed" | "error", why)) => self.failed.push(why.to_owned()),
            _ => {}
        }
    }

    /// Ends it; what it wrote, and why other writes failed.
    fn stop(mut self) -> (Vec<u64>, Vec<String>) {
        if let Some(Until::Process(mut child)) = self.until.take() {
            drop(child.stdin.take());
            let status = child.wait().expect("it was started");
            assert!(status.success(), "the client ended with {status}");
        }
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.note(&line);
        }
        (std::mem::take(&mut self.written), std::mem::take(&mut self.failed))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(Until::Process(mut child)) = self.until.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What the programs in `clients/` do, with the `redis` crate.
fn redis_rs(key: &str, sentinels: Vec<String>, say: &Sender<String>, alive: &Sender<()>) -> redis::RedisResult<()> {
    // Nobody listens any more when the test is over.
    let tell = |line: String| _ = say.send(line);
    let mut sentinel = Sentinel::build(sentinels.clone())?;
    let master = sentinel.master_for(GROUP, None)?;
    tell(format!("master {}", master.get_connection_info().addr()));
    let mut replicas: Vec<String> =
        sentinel.get_replica_clients(GROUP, None)?.iter().map(|c| c.get_connection_info().addr().to_string()).collect();
    replicas.sort();
    tell(format!("replicas {}", replicas.join(" ")));
    let last = sentinels.last().expect("it was told two");
    let peers: Vec<HashMap<String, String>> = redis::cmd("SENTINEL")
        .arg("SENTINELS")
        .arg(GROUP)
        .query(&mut redis::Client::open(last.as_str())?.get_connection()?)?;
    let mut peers: Vec<String> = peers.iter().map(|peer| format!("{}:{}", peer["ip"], peer["port"])).collect();
    peers.sort();
    tell(format!("sentinels {}", peers.join(" ")));
    let mut replica = SentinelClient::build(sentinels.clone(), GROUP.into(), None, SentinelServerType::Replica)?;
    tell(format!("read {}", redis::cmd("GET").arg("lab:flows").query::<String>(&mut replica.get_connection()?)?));

    let mut master = SentinelClient::build(sentinels, GROUP.into(), None, SentinelServerType::Master)?;
    let mut connection = None;
    for number in 1_u64.. {
        if alive.send(()).is_err() {
            break;
        }
        let open = connection.take().map_or_else(|| master.get_connection(), Ok);
        let pushed = open.and_then(|mut open| {
            let pushed = redis::cmd("RPUSH").arg(key).arg(number).query::<u64>(&mut open)?;
            connection = Some(open);
            Ok(pushed)
        });
        tell(pushed.map_or_else(|e| format!("failed {number} {e}"), |_| format!("written {number}")));
        thread::sleep(PACE);
    }
    Ok(())
}

fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

/// A program for node, with the packages that `cargo xtask test` installs.
fn node(name: &str) -> Command {
    require("node");
    let mut node = Command::new("node");
    node.arg(program(name)).env("NODE_PATH", npm_modules());
    node
}

#[test]
fn redis_cli_is_answered_as_by_a_sentinel() {
    require("redis-cli");
    let demo = Demo::start();
    let addr = demo.node(0, "sentinel");
    let (host, port) = addr.rsplit_once(':').expect("an address");
    let cli = |arguments: &[&str]| {
        let output = Command::new("redis-cli")
            .args(["-h", host, "-p", port])
            .args(arguments)
            .output()
            .expect("it is on the PATH");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let master = demo.ready["servers"][0].as_str().expect("an address").replace(':', "\n");
    assert_eq!(cli(&["sentinel", "get-master-addr-by-name", "cache"]), master);
    assert_eq!(cli(&["-3", "sentinel", "get-master-addr-by-name", "cache"]), master);
    assert_eq!(cli(&["sentinel", "get-master-addr-by-name", "other"]), "");
    assert!(cli(&["sentinel", "ckquorum", "cache"]).starts_with("OK 3 usable Sentinels."));
    assert!(cli(&["sentinel", "masters"]).contains("num-other-sentinels\n2"));
    assert_eq!(cli(&["sentinel", "myid"]).len(), 40);
    assert_eq!(cli(&["sentinel", "master", "other"]), "ERR No such master with that name");
    assert_eq!(cli(&["sentinel", "frobnicate"]), "ERR unknown subcommand 'frobnicate'. Try SENTINEL HELP.");
    assert_eq!(cli(&["sentinel", "failover"]), "ERR wrong number of arguments for 'sentinel|failover' command");
    assert_eq!(cli(&["get", "k"]), "ERR unknown command 'get', with args beginning with: 'k'");
    assert_eq!(cli(&["publish", "news", "x"]), "ERR Only HELLO messages are accepted by Sentinel instances.");
    assert_eq!(cli(&["role"]), "sentinel\ncache");
    let info = cli(&["info"]);
    for field in [
        "redis_mode:sentinel",
        "maxclients:",
        "used_cpu_user:",
        "sentinel_tilt:0",
        "master0:name=cache,status=ok,address=",
    ] {
        assert!(info.contains(field), "{field}: {info}");
    }
    assert!(!cli(&["info", "sentinel"]).contains("redis_version"));
}

/// Writes after which a client is at work.
const AT_WORK: usize = 30;
/// Between two writes, as in the programs in `clients/`.
const PACE: Duration = Duration::from_millis(5);
