//! How are servers started, watched and ended? On free ports of loopback, in a directory of their own, and ended whatever happens.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use crate::cargo;
use crate::failure::{Failure, OrFail};
use crate::steps::stopwatch;

/// A directory that goes when the benchmark ends.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Result<Self, Failure> {
        let dir = std::env::temp_dir().join(format!("standfast-bench-{}", std::process::id()));
        fs::create_dir_all(&dir).or_fail(format_args!("create {}", dir.display()))?;
        Ok(Self(dir))
    }

    pub(super) fn dir(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One server. It is killed when this goes, also on the way out of a failure.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    /// Where it listens on loopback.
    pub(super) port: u16,
    /// Where it speaks TLS, if it does.
    pub(super) tls_port: Option<u16>,
}

impl Server {
    /// Starts a server whose log goes to `NAME.log`, and waits until it answers a PING as Redis does.
    pub(super) fn start(dir: &Path, name: &str, command: Command, port: u16) -> Result<Self, Failure> {
        let log = dir.join(format!("{name}.log"));
        let file = File::create(&log).or_fail(format_args!("create {}", log.display()))?;
        let errors = file.try_clone().or_fail("share a log")?;
        let mut command = with_descriptors(&command);
        let child = command.stdout(file).stderr(errors).spawn().or_fail(format_args!("start {name}"))?;
        let mut server = Self { child, port, tls_port: None };
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

    /// The same, and it speaks TLS there.
    pub(super) const fn with_tls(mut self, port: u16) -> Self {
        self.tls_port = Some(port);
        self
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// CPU time that the threads of the process have had, in seconds, to the nanosecond. Threads that ended are not in it; none of the servers here
    /// ends any while it is measured.
    pub(super) fn cpu_seconds(&self) -> Result<f64, Failure> {
        let tasks = format!("/proc/{}/task", self.child.id());
        let ended = || format!("read {tasks}; has the server ended?");
        let mut nanoseconds = 0.0;
        for task in fs::read_dir(&tasks).or_fail(ended())? {
            let said = fs::read_to_string(task.or_fail(ended())?.path().join("schedstat")).or_fail(ended())?;
            let on_cpu = said.split_whitespace().next().and_then(|first| first.parse::<f64>().ok());
            nanoseconds += on_cpu.ok_or_else(|| Failure::new(format!("schedstat of a task says {said:?}")))?;
        }
        Ok(nanoseconds / 1e9)
    }

    /// Memory of the process that is in use, in bytes (Rss).
    pub(super) fn memory(&self) -> Result<f64, Failure> {
        let path = format!("/proc/{}/smaps_rollup", self.child.id());
        let said = fs::read_to_string(&path).or_fail(format_args!("read {path}"))?;
        rss(&said).ok_or_else(|| Failure::new(format!("{path} names no Rss")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same command, with as many descriptors as the system allows: a shell raises the limit and then becomes the program.
pub(super) fn with_descriptors(command: &Command) -> Command {
    let mut raised = Command::new("sh");
    raised
        .args(["-c", "ulimit -n $(ulimit -Hn); exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args());
    if let Some(dir) = command.get_current_dir() {
        raised.current_dir(dir);
    }
    raised
}

/// The machine and the versions, for the foot of a report.
pub(super) fn versions(programs: &[&str]) -> String {
    let first_line = |program: &str, args: &[&str]| {
        let said = cargo::at_root(program, args).output();
        // Some say it on standard output, some on standard error.
        let said = said.map(|said| [said.stdout, said.stderr].concat()).unwrap_or_default();
        String::from_utf8_lossy(&said).lines().next().unwrap_or("unknown").to_owned()
    };
    let cores = thread::available_parallelism().map_or(0, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches([' ', '\t', ':']);
    // The flag that HAProxy and Redis have in common makes twemproxy talkative.
    let flag = |program: &str| if program == "nutcracker" { "-V" } else { "-v" };
    let programs = programs.iter().map(|program| format!("- {}\n", first_line(program, &[flag(program)])));
    let programs: String = programs.collect();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let commit = first_line("git", &["rev-parse", "--short", "HEAD"]);
    let changed = cargo::at_root("git", &["status", "--porcelain", "--untracked-files=no"]).output();
    let changed = changed.is_ok_and(|said| !said.stdout.is_empty());
    let changed = if changed { ", with changes that are not committed" } else { "" };
    format!("- {cores} cores, {model}, Linux {}\n{programs}- Standfast at commit {commit}{changed}", kernel.trim())
}

/// How many processes wanted a core, on average over the last minute.
pub(super) fn load_average() -> String {
    let said = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    said.split_whitespace().next().unwrap_or("unknown").to_owned()
}

/// Whether something answers a PING there.
fn answers(port: u16) -> bool {
    let address = (Ipv4Addr::LOCALHOST, port).into();
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else {
        return false;
    };
    let mut answer = [0; 5];
    let asked = stream.set_read_timeout(Some(Duration::from_secs(1)));
    // As an array: not every proxy understands the inline form.
    let asked = asked.and_then(|()| stream.write_all(b"*1\r\n$4\r\nPING\r\n"));
    asked.and_then(|()| stream.read_exact(&mut answer)).is_ok() && answer == *b"+PONG"
}

/// `Rss:    1234 kB`, in bytes.
fn rss(rollup: &str) -> Option<f64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"))?;
    line.split_whitespace().next()?.parse::<f64>().ok().map(|kib| kib * 1024.0)
}

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use ports::free_address;

    use super::*;

    #[test]
    fn time_and_memory_of_a_process_are_read() {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        let server = Server { child, port: 0, tls_port: None };
        assert!(server.cpu_seconds().unwrap() < 60.0);
        let waited = stopwatch();
        // Until it has become `sleep` and touched some of it.
        while server.memory().unwrap() < 4_096.0 {
            assert!(waited() < PATIENCE, "no program runs in less than a page");
        }
        assert_eq!(rss("Pss: 3 kB\nRss:      12 kB\n"), Some(12_288.0));
    }

    #[test]
    fn a_server_that_ends_is_reported_with_its_last_words() {
        let scratch = Scratch::new().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such option; exit 3"]);
        let failed = Server::start(&scratch.0, "broken", command, free_address().port()).unwrap_err().to_string();
        assert!(failed.contains("ended (exit status: 3)") && failed.contains("no such option"), "{failed}");
    }
}
