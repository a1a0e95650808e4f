//! How do two hosts share an address, ours and one with Keepalived? On a network of their own, with every packet of VRRP recorded.

use std::env;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use crate::netns::Network;
use crate::process::{Process, Signal};
use crate::program::{lines_of, require, said, wall_ms};

/// The host of our router.
pub const OURS: &str = "a";
/// The host of Keepalived.
pub const THEIRS: &str = "b";

/// The link, and what was said on it.
#[derive(Debug)]
pub struct Link {
    capture: Process,
    /// The network, for cutting it.
    pub network: Network,
}

impl Link {
    /// Lays it: 10.0.0.1 and fe80::1 for ours, 10.0.0.2 and fe80::2 for Keepalived.
    ///
    /// # Panics
    /// When a program is missing, or the kernel refuses.
    #[must_use]
    pub fn lay() -> Self {
        for program in ["tcpdump", "tshark"] {
            require(program);
        }
        if env::var_os(ANOTHER).is_none() {
            require("keepalived");
        }
        let network = Network::lay(&[OURS, THEIRS]);
        let file = network.scratch().join("vrrp.pcap");
        let mut tcpdump = network.command("switch", "tcpdump");
        tcpdump.args(["-Z", "root", "-U", "--immediate-mode", "-s", "0", "-i", OURS, "-w"]).arg(&file);
        tcpdump.arg("ip proto 112 or ip6 proto 112 or arp or icmp6").stderr(Stdio::null());
        let capture = Process::start(tcpdump);
        let link = Self { capture, network };
        for (host, address) in [(OURS, "fe80::1/64"), (THEIRS, "fe80::2/64")] {
            // The only one of its scope: Keepalived sends from whichever it finds first.
            link.ip(host, &["-6", "address", "flush", "dev", "eth0"]);
            link.ip(host, &["address", "add", address, "dev", "eth0", "nodad"]);
        }
        wait_until("tcpdump listens", || file.metadata().is_ok_and(|file| file.len() > 0));
        link
    }

    /// Lays a second link beside the first: `eth1`, 10.1.0.1 for ours and 10.1.0.2 for Keepalived.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn lay_second(&self) {
        for (host, address) in [(OURS, "10.1.0.1/24"), (THEIRS, "10.1.0.2/24")] {
            self.ip(host, &["link", "add", "link", "eth0", "name", "eth1", "type", "macvlan", "mode", "bridge"]);
            self.ip(host, &["address", "add", address, "dev", "eth1"]);
            self.ip(host, &["link", "set", "eth1", "up"]);
        }
    }

    /// Calls `ip` on a host.
    ///
    /// # Panics
    /// When it does not do what it is told.
    pub fn ip(&self, host: &str, arguments: &[&str]) {
        let output = self.network.command(host, "ip").args(arguments).output().expect("`ip` is on the PATH");
        assert!(output.status.success(), "{host}: ip {arguments:?}: {}", said(&output));
    }

    /// Whether the host has the address.
    ///
    /// # Panics
    /// When `ip` cannot be started.
    #[must_use]
    pub fn holds(&self, host: &str, address: &str) -> bool {
        let output = self.network.command(host, "ip").args(["-o", "address", "show"]).output();
        let output = output.expect("`ip` is on the PATH");
        said(&output).contains(&format!(" {address}/"))
    }

    /// Waits until this host has the address, and the other has not. Tells how long that took, in milliseconds.
    ///
    /// # Panics
    /// When that does not come.
    pub fn wait_for_holder(&self, host: &str, address: &str) -> f64 {
        let other = if host == OURS { THEIRS } else { OURS };
        let began = wall_ms();
        wait_until(&format!("{host} alone holds {address}"), || {
            self.holds(host, address) && !self.holds(other, address)
        });
        wall_ms() - began
    }

    /// What tshark reads of the packets that match: the fields, by packet.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn packets(&self, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
        let mut tshark = Command::new("tshark");
        tshark.arg("-r").arg(self.network.scratch().join("vrrp.pcap")).args(["-Y", filter, "-T", "fields"]);
        // Checksums of IP are not looked at unless one asks; those of VRRP are.
        tshark.args(["-o", "ip.check_checksum:TRUE"]).args(fields.iter().flat_map(|field| ["-e", field]));
        let output = tshark.output().expect("tshark is on the PATH");
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
    }

    /// Ends the recording: all that was said is in it.
    ///
    /// # Panics
    /// When tcpdump does not end.
    pub fn end_recording(&mut self) {
        // What the last process said as it ended is on its way through the kernel.
        thread::sleep(Duration::from_millis(300));
        self.capture.end(Signal::INT);
    }
}

/// Our router.
#[derive(Debug)]
pub struct Ours {
    process: Process,
    input: ChildStdin,
    lines: Receiver<String>,
    told: Vec<String>,
}

impl Ours {
    /// Starts `program`, this crate's `vrrp_router`, with these: interface, codec, configuration.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(link: &Link, program: &Path, routers: &[[&str; 3]]) -> Self {
        let mut command = link.network.command(OURS, program);
        command.args(routers.as_flattened()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start(command);
        let input = process.child().stdin.take().expect("it was asked for");
        let lines = lines_of(process.child().stdout.take().expect("it was asked for"));
        Self { process, input, lines, told: Vec::new() }
    }

    /// Tells it an event, as in a story.
    ///
    /// # Panics
    /// When it has ended.
    pub fn tell(&mut self, event: &str) {
        writeln!(self.input, "{event}").expect("it lives");
    }

    /// Waits for a line with these words in it, from here on, and gives it back.
    ///
    /// # Panics
    /// When it does not come, with what came.
    pub fn wait_for(&mut self, words: &str) -> String {
        let until = wall_ms() + PATIENCE.as_secs_f64() * 1e3;
        while wall_ms() < until {
            let Ok(line) = self.lines.recv_timeout(Duration::from_millis(200)) else { continue };
            self.told.push(line.clone());
            if line.contains(words) {
                return line;
            }
        }
        panic!("our router did not say `{words}`; it said:\n{}", self.told.join("\n"));
    }

    /// Stops it in order. Gives back everything that it said.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(mut self) -> Vec<String> {
        self.tell("shutdown");
        self.wait_for("ended");
        let _ = self.process.child().wait();
        self.told
    }
}

/// Keepalived with one instance.
#[derive(Debug)]
pub struct Keepalived {
    process: Process,
    log: PathBuf,
}

impl Keepalived {
    /// Starts it with the lines of `instance` in its `vrrp_instance`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(link: &Link, instance: &str) -> Self {
        Self::start_with(
            link,
            &format!("vrrp_instance shared {{\n interface eth0\n virtual_router_id 51\n{instance}\n}}\n"),
        )
    }

    /// Starts it with this configuration.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start_with(link: &Link, config: &str) -> Self {
        let file = |name: &str| link.network.scratch().join(name);
        fs::write(file("keepalived.conf"), config).expect("the scratch directory can be written");
        let log = file("keepalived.log");
        let output = File::create(&log).expect("the scratch directory can be written");
        let another = env::var_os(ANOTHER);
        let program = another.clone().unwrap_or_else(|| "keepalived".into());
        let mut command = link.network.command(THEIRS, program);
        command.args(["--dont-fork", "--log-console", "--log-detail"]);
        if another.is_none() {
            // One that is built for nothing else takes this for the beginning of another option.
            command.arg("--vrrp");
        }
        command.arg("--use-file").arg(file("keepalived.conf"));
        command.arg("--pid").arg(file("keepalived.pid")).arg("--vrrp_pid").arg(file("vrrp.pid"));
        command.stdout(output.try_clone().expect("a file can be opened twice")).stderr(output);
        let keepalived = Self { process: Process::start(command), log };
        wait_until("keepalived runs", || keepalived.log().contains("Startup complete"));
        keepalived
    }

    /// Everything that it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Lets it, and the child that speaks for it, stand still or go on: `STOP`, `CONT`.
    ///
    /// # Panics
    /// When it has ended.
    pub fn signal(&self, signal: &str) {
        let child = fs::read_to_string(self.log.with_file_name("vrrp.pid")).expect("it has written its number");
        for process in [child.trim(), &self.process.id().to_string()] {
            let sent = Command::new("kill").args(["-s", signal, process]).status();
            assert!(sent.is_ok_and(|status| status.success()), "a process of ours can be sent a signal");
        }
    }

    /// Stops it in order: it resigns.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(mut self) -> String {
        self.process.end(Signal::TERM);
        self.log()
    }
}

/// Waits for something, generously.
///
/// # Panics
/// When it does not come.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = wall_ms() + PATIENCE.as_secs_f64() * 1e3;
    while !is_so() {
        assert!(wall_ms() < until, "waited for {PATIENCE:?}, and it did not come: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// Where another Keepalived is than that of this machine: `cargo xtask suite keepalived` builds one.
const ANOTHER: &str = "STANDFAST_KEEPALIVED";

/// Not a measure of anything: a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(30);
