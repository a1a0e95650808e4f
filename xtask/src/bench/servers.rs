//! The servers of a benchmark: started on free ports of loopback, in a directory of their own, and ended whatever happens.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use super::options::Way;
use crate::cargo;
use crate::failure::{Failure, OrFail};
use crate::steps::stopwatch;

/// A directory that goes when the benchmark ends.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Result<Self, Failure> {
        let dir = std::env::temp_dir().join(format!("standfast-bench-{}", std::process::id()));
        fs::create_dir_all(&dir).or_fail(format_args!("create {}", dir.display()))?;
        Ok(Self(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// All servers of a run.
pub(crate) struct Servers {
    pub(crate) redis: Server,
    proxies: Vec<(Way, Server)>,
}

impl Servers {
    /// Starts Redis and one proxy for each way, and waits until each answers.
    pub(crate) fn start(scratch: &Scratch, ways: &[Way], standfast: Option<&Path>) -> Result<Self, Failure> {
        let dir = &scratch.0;
        let redis = start_redis(dir)?;
        let mut proxies = Vec::new();
        for way in ways {
            let server = match (*way, standfast) {
                (Way::Direct, _) => continue,
                (Way::Haproxy { threads }, _) => start_haproxy(dir, threads, redis.port)?,
                (Way::Standfast, Some(program)) => start_standfast(dir, program, redis.port)?,
                (Way::Standfast, None) => return Err(Failure::new("standfast was not built")),
            };
            proxies.push((*way, server));
        }
        Ok(Self { redis, proxies })
    }

    /// The proxy of a way; a direct connection has none.
    pub(crate) fn proxy(&self, way: Way) -> Option<&Server> {
        self.proxies.iter().find(|(proxy, _)| *proxy == way).map(|(_, server)| server)
    }
}

/// One server. It is killed when this goes, also on the way out of a failure.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Where it listens on loopback.
    pub(crate) port: u16,
}

impl Server {
    /// Starts a server whose log goes to `NAME.log`, and waits until it answers a PING as Redis does.
    fn start(dir: &Path, name: &str, mut command: Command, port: u16) -> Result<Self, Failure> {
        let log = dir.join(format!("{name}.log"));
        let file = File::create(&log).or_fail(format_args!("create {}", log.display()))?;
        let errors = file.try_clone().or_fail("share a log")?;
        let child = command.stdout(file).stderr(errors).spawn().or_fail(format_args!("start {name}"))?;
        let mut server = Self { child, port };
        let waited = stopwatch();
        while !answers(port) {
            let ended = server.child.try_wait().or_fail(format_args!("watch {name}"))?;
            if ended.is_some() || waited() > PATIENCE {
                let what = ended.map_or_else(|| "does not answer".to_owned(), |status| format!("ended ({status})"));
                let said = fs::read_to_string(&log).unwrap_or_default();
                let from = said.lines().count().saturating_sub(20);
                let tail: Vec<&str> = said.lines().skip(from).collect();
                return Err(Failure::new(format!("{name} on port {port} {what}; its log ends:\n{}", tail.join("\n"))));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// CPU time that the process has used, user and system, in seconds.
    pub(crate) fn cpu_seconds(&self) -> Result<f64, Failure> {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = fs::read_to_string(&path).or_fail(format_args!("read {path}; has the server ended?"))?;
        cpu_ticks(&stat).map(|ticks| ticks / TICKS_A_SECOND).ok_or_else(|| Failure::new(format!("{path} says {stat}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start_redis(dir: &Path) -> Result<Server, Failure> {
    let port = free_port()?;
    let mut redis = Command::new("redis-server");
    redis
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .current_dir(dir);
    Server::start(dir, "redis-server", redis, port)
}

fn start_haproxy(dir: &Path, threads: u8, redis: u16) -> Result<Server, Failure> {
    let port = free_port()?;
    let name = format!("haproxy-{threads}");
    let config = dir.join(format!("{name}.cfg"));
    let text = format!(
        "global\n  maxconn 2000\n  nbthread {threads}\n\
         defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1m\n  timeout server 1m\n\
         listen redis\n  bind 127.0.0.1:{port}\n  server master 127.0.0.1:{redis}\n"
    );
    fs::write(&config, text).or_fail("write haproxy's configuration")?;
    // -db: in the foreground, so that the child is the server and not its parent.
    let mut haproxy = Command::new("haproxy");
    haproxy.arg("-db").arg("-f").arg(&config);
    Server::start(dir, &name, haproxy, port)
}

/// One node that watches the one Redis, with a listener that leads to it.
fn start_standfast(dir: &Path, program: &Path, redis: u16) -> Result<Server, Failure> {
    let (port, sentinel) = (free_port()?, free_port()?);
    let config = dir.join("standfast.toml");
    let state = dir.join("state");
    let text = format!(
        "[node]\nname = \"bench\"\nlisten = \"127.0.0.1:{sentinel}\"\nstate-dir = \"{}\"\n\
         [[group]]\nname = \"bench\"\nmaster = \"127.0.0.1:{redis}\"\nnodes = 1\nquorum = 1\n\
         [[listener]]\nlisten = \"127.0.0.1:{port}\"\ngroup = \"bench\"\nrole = \"master\"\n",
        state.display()
    );
    fs::write(&config, text).or_fail("write standfast's configuration")?;
    let mut standfast = Command::new(program);
    standfast.args(["run", "-c"]).arg(&config);
    Server::start(dir, "standfast", standfast, port)
}

/// What was measured, for the foot of the report.
pub(crate) fn versions(programs: &[&str]) -> String {
    let first_line = |program: &str, args: &[&str]| {
        let said = cargo::at_root(program, args).output().map(|output| output.stdout).unwrap_or_default();
        String::from_utf8_lossy(&said).lines().next().unwrap_or("unknown").to_owned()
    };
    let cores = thread::available_parallelism().map_or(0, usize::from);
    // The one flag that HAProxy and Redis have in common.
    let programs: String = programs.iter().map(|program| format!("- {}\n", first_line(program, &["-v"]))).collect();
    format!("- {cores} cores\n{programs}- Standfast at commit {}", first_line("git", &["rev-parse", "--short", "HEAD"]))
}

/// Whether something answers a PING there.
fn answers(port: u16) -> bool {
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else {
        return false;
    };
    let mut answer = [0; 5];
    let asked = stream.set_read_timeout(Some(Duration::from_secs(1))).and_then(|()| stream.write_all(b"PING\r\n"));
    asked.and_then(|()| stream.read_exact(&mut answer)).is_ok() && answer == *b"+PONG"
}

/// A port that nobody uses at this moment.
fn free_port() -> Result<u16, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).or_fail("find a free port")?;
    listener.local_addr().map(|address| address.port()).or_fail("find a free port")
}

/// Fields 14 and 15 of proc_pid_stat(5); the name in field 2 can hold anything, also spaces.
fn cpu_ticks(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// The unit of /proc is 1/100 s on every architecture that Linux gives us (USER_HZ).
const TICKS_A_SECOND: f64 = 100.0;
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_a_name_with_spaces_and_brackets() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0 100 200 300";
        assert_eq!(cpu_ticks(stat), Some(200.0));
        assert_eq!(cpu_ticks("42 (a) S 1"), None);
    }

    #[test]
    fn a_server_that_ends_is_reported_with_its_last_words() {
        let scratch = Scratch::new().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such option; exit 3"]);
        let failed = Server::start(&scratch.0, "broken", command, free_port().unwrap()).unwrap_err().to_string();
        assert!(failed.contains("ended (exit status: 3)") && failed.contains("no such option"), "{failed}");
    }
}
