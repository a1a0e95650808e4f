//! How does one machine become several hosts? Network namespaces, joined by a bridge that is in a namespace of its own.
//!
//! ```text
//!   a  10.0.0.1  eth0 ══ a  ┐
//!   b  10.0.0.2  eth0 ══ b  ├ bridge, in the namespace "switch"
//!   c  10.0.0.3  eth0 ══ c  ┘
//! ```
//!
//! The machine's own network has no part in it: no interface, no address and no rule of it is touched, and no packet leaves the
//! namespaces. Their names carry the number of the process that made them, so that what a killed run left is known for
//! what it is: whoever lays the next network takes it away.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, io, process, thread};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::program::{require, said, wall_ms};

/// Hosts that reach each other. Dropping it removes every namespace, and the scratch directory, also when a test panics.
#[derive(Debug)]
pub struct Network {
    /// What every name of this network begins with.
    run: String,
    hosts: Vec<String>,
    scratch: PathBuf,
}

impl Network {
    /// Lays a network for hosts of these names; they have the addresses 10.0.0.1, 10.0.0.2 and so on.
    ///
    /// # Panics
    /// When a program is missing, or the kernel refuses (it wants root).
    #[must_use]
    pub fn lay(hosts: &[&str]) -> Self {
        let network = Self::without_cables(hosts);
        let addresses: Vec<String> = hosts.iter().map(|host| format!("{}/24", network.address(host))).collect();
        let ends: Vec<(&str, &str)> = hosts.iter().copied().zip(addresses.iter().map(String::as_str)).collect();
        network.lan("eth0", &ends);
        network
    }

    /// Hosts of these names that reach nobody, until a [`lan`](Self::lan) joins them.
    ///
    /// # Panics
    /// When a program is missing, or the kernel refuses (it wants root).
    #[must_use]
    pub fn without_cables(hosts: &[&str]) -> Self {
        for program in ["ip", "nft", "setpriv"] {
            require(program);
        }
        remove_leftovers();
        static LAID: AtomicUsize = AtomicUsize::new(0);
        let run = format!("{PREFIX}{}-{}", process::id(), LAID.fetch_add(1, Ordering::Relaxed));
        let scratch = scratch_parent().join(&run);
        fs::create_dir(&scratch).unwrap_or_else(|e| panic!("cannot make {}: {e}", scratch.display()));
        // Complete before the first namespace is: what is half laid is removed too.
        let network = Self { run, hosts: hosts.iter().map(|&host| host.to_owned()).collect(), scratch };
        ip(&["netns", "add", &network.namespace(SWITCH)]);
        for host in &network.hosts {
            let namespace = network.namespace(host);
            ip(&["netns", "add", &namespace]);
            ip(&["-n", &namespace, "link", "set", "lo", "up"]);
        }
        network
    }

    /// Joins these hosts by a network of its own: each gets an interface of this name with this address. Other networks cannot be
    /// reached from it, unless a host forwards.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn lan(&self, interface: &str, ends: &[(&str, &str)]) {
        let (switch, bridge) = (self.namespace(SWITCH), bridge(interface));
        ip(&["-n", &switch, "link", "add", "name", &bridge, "type", "bridge"]);
        ip(&["-n", &switch, "link", "set", &bridge, "up"]);
        for (host, address) in ends {
            self.cable(host, interface, address);
        }
    }

    /// Gives a host an interface of this name with this address, and plugs it into the network of that name.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn cable(&self, host: &str, interface: &str, address: &str) {
        let (switch, namespace, port) = (self.namespace(SWITCH), self.namespace(host), port(host, interface));
        ip(&[
            "-n", &switch, "link", "add", "name", &port, "type", "veth", "peer", "name", interface, "netns", &namespace,
        ]);
        ip(&["-n", &switch, "link", "set", "dev", &port, "master", &bridge(interface), "up"]);
        // Nobody else has it: no need to wait a second until the kernel believes that, which it asks for IPv6 only.
        let sure: &[&str] = if address.contains(':') { &["nodad"] } else { &[] };
        ip(&[&["-n", &namespace, "address", "add", address, "dev", interface], sure].concat());
        ip(&["-n", &namespace, "link", "set", interface, "up"]);
    }

    /// Where a host is.
    ///
    /// # Panics
    /// When there is no host of this name.
    #[must_use]
    pub fn address(&self, host: &str) -> Ipv4Addr {
        let n = self.hosts.iter().position(|known| known == host).expect("a host of this network");
        Ipv4Addr::new(10, 0, 0, u8::try_from(n + 1).expect("a handful of hosts"))
    }

    /// A directory for the files of this network's hosts.
    #[must_use]
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// A program on this host. The kernel kills it when the thread that started it ends, in whatever way: nothing survives a
    /// killed test.
    #[must_use]
    pub fn command(&self, host: &str, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        // Both become the program by exec: its process number is that of the child.
        command.args(["netns", "exec", &self.namespace(host), "setpriv", "--pdeathsig", "KILL", "--"]).arg(program);
        command
    }

    /// Pulls the host's cable: silence in both directions, and nobody says that a connection has ended.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn unplug(&self, host: &str) {
        ip(&["-n", &self.namespace(SWITCH), "link", "set", "dev", host, "down"]);
    }

    /// Plugs the cable in again.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn plug(&self, host: &str) {
        ip(&["-n", &self.namespace(SWITCH), "link", "set", "dev", host, "up"]);
    }

    /// Pulls, or plugs in again, all cables of the host at one moment, as if its power went: `down`, `up`. Tells when.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn set_all_cables(&self, host: &str, interfaces: &[&str], state: &str) -> f64 {
        // On a busy machine a program takes long to start: it is there before the moment is taken.
        let mut command = Command::new("ip");
        command.args(["-n", &self.namespace(SWITCH), "-batch", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("`ip` is on the PATH");
        let mut input = child.stdin.take().expect("it was asked for");
        // It answers a first question when it is ready for others.
        let mut ready = [0];
        let asked = input.write_all(format!("link show dev {}\n", port(host, interfaces[0])).as_bytes());
        asked.expect("it reads");
        child.stdout.take().expect("it was asked for").read_exact(&mut ready).expect("it answers");
        let lines = interfaces.iter().map(|interface| format!("link set dev {} {state}\n", port(host, interface)));
        let lines: String = lines.collect();
        let at = wall_ms();
        input.write_all(lines.as_bytes()).expect("it reads");
        drop(input);
        assert!(child.wait().is_ok_and(|status| status.success()), "the cables of {host} go {state}");
        at
    }

    /// Lets nothing of a host through the switch, in either direction; its cables still look well to everybody. The network is parted.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn part(&self, host: &str, interfaces: &[&str]) {
        let ports = interfaces.iter().map(|interface| port(host, interface));
        let drops = ports.map(|p| {
            format!(
                "add rule bridge parted-{host} f iifname {p} drop; add rule bridge parted-{host} f oifname {p} drop; "
            )
        });
        let rules = format!(
            "add table bridge parted-{host}; \
             add chain bridge parted-{host} f {{ type filter hook forward priority 0; }}; {}",
            drops.collect::<String>()
        );
        self.nft(SWITCH, &rules);
    }

    /// Lets it through again.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn heal(&self, host: &str) {
        self.nft(SWITCH, &format!("delete table bridge parted-{host}"));
    }

    /// Calls `ip` on a host.
    ///
    /// # Panics
    /// When it does not do what it is told.
    pub fn ip(&self, host: &str, arguments: &[&str]) {
        ip(&[&["-n", &self.namespace(host)], arguments].concat());
    }

    /// Sets a variable of the kernel on a host.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn sysctl(&self, host: &str, name: &str, value: &str) {
        ip(&["netns", "exec", &self.namespace(host), "sysctl", "-q", "-w", &format!("{name}={value}")]);
    }

    /// A door to a port of this network for a program outside of it, as a browser: whoever connects there is connected from this host. It is
    /// there as long as the test.
    ///
    /// # Panics
    /// When no port is left.
    #[must_use]
    pub fn door(&self, host: &str, to: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let at = listener.local_addr().expect("it is bound");
        let there = File::open(format!("/run/netns/{}", self.namespace(host))).expect("the network is laid");
        thread::spawn(move || {
            move_into_link_name_space(there.as_fd(), Some(LinkNameSpaceType::Network)).expect("tests run as root");
            for near in listener.incoming().flatten() {
                let Ok(far) = TcpStream::connect(to) else { continue };
                let ends = [near.try_clone(), far.try_clone()].map(|end| end.expect("a descriptor more"));
                for (mut from, mut to) in [near, far].into_iter().zip(ends.into_iter().rev()) {
                    thread::spawn(move || {
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        at
    }

    /// What a host's network is called by `ip netns`.
    #[must_use]
    pub fn name_of(&self, host: &str) -> String {
        self.namespace(host)
    }

    /// Drops everything that the host sends to others; it still hears them.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn mute(&self, host: &str) {
        let rules = "add table inet mute; add chain inet mute output { type filter hook output priority 0; }; \
                     add rule inet mute output oifname eth0 drop";
        self.nft(host, rules);
    }

    /// Lets the host speak again.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn unmute(&self, host: &str) {
        self.nft(host, "delete table inet mute");
    }

    fn nft(&self, host: &str, rules: &str) {
        ip(&["netns", "exec", &self.namespace(host), "nft", rules]);
    }

    /// Not only the host's name: `ip netns` knows one list of names for the whole machine.
    fn namespace(&self, host: &str) -> String {
        format!("{}-{host}", self.run)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // With a namespace go its interfaces, and with one end of a cable the other.
        for host in self.hosts.iter().map(String::as_str).chain([SWITCH]) {
            end_programs(&self.namespace(host));
            delete_namespace(&self.namespace(host));
        }
        if let Some(dir) = keep() {
            let copied = Command::new("cp").arg("-r").arg(&self.scratch).arg(&dir).output();
            if !copied.is_ok_and(|output| output.status.success()) {
                eprintln!("the hosts' files cannot be kept in {}", dir.display());
            }
        }
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

/// Where the hosts' files (logs, states, flight records) are to be kept: in the directory that `STANDFAST_LAB_KEEP` names.
#[must_use]
pub fn keep() -> Option<PathBuf> {
    env::var_os("STANDFAST_LAB_KEEP").map(PathBuf::from)
}

/// Removes the namespaces and directories of runs whose process is gone.
///
/// # Panics
/// When `ip` cannot be started.
pub fn remove_leftovers() {
    for namespace in namespaces().iter().filter(|name| is_left_over(name)) {
        delete_namespace(namespace);
    }
    for entry in fs::read_dir(scratch_parent()).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(is_left_over) {
            // Another run may be at it too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The names of all namespaces on this machine.
///
/// # Panics
/// When `ip` cannot be started.
#[must_use]
pub fn namespaces() -> BTreeSet<String> {
    let output = Command::new("ip").args(["netns", "list"]).output().expect("`ip` is on the PATH");
    // A name, and behind it sometimes a number.
    let names = String::from_utf8_lossy(&output.stdout);
    names.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

fn is_left_over(name: &str) -> bool {
    maker(name).is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
}

/// The process that gave this name to a namespace or a directory; `None` for the names of others.
fn maker(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

/// The end of a host's cable at the switch.
fn port(host: &str, interface: &str) -> String {
    if interface == "eth0" { host.to_owned() } else { format!("{host}.{interface}") }
}

/// Ends what still runs in a namespace of ours: a program that took another's place is nobody's child.
fn end_programs(namespace: &str) {
    let Ok(listed) = Command::new("ip").args(["netns", "pids", namespace]).output() else { return };
    for process in String::from_utf8_lossy(&listed.stdout).split_whitespace() {
        // It may have ended by itself.
        let _ = Command::new("kill").args(["-s", "KILL", process]).output();
    }
}

/// The network that interfaces of this name are plugged into.
fn bridge(interface: &str) -> String {
    if interface == "eth0" { "bridge".to_owned() } else { format!("bridge.{interface}") }
}

fn delete_namespace(name: &str) {
    // It may not be there: what was half laid, or what another run has removed in the meantime.
    let _ = Command::new("ip").args(["netns", "delete", name]).output();
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().expect("`ip` is on the PATH");
    assert!(
        output.status.success(),
        "`ip {}`: {}\nTests with hosts need root and a kernel with network namespaces, veth and nftables: `cargo xtask test`, as root.",
        arguments.join(" "),
        said(&output).trim()
    );
}

/// Where scratch directories are: in memory if there is a place. The disk of a shared machine can stall for many seconds; a Redis that
/// rewrites its configuration then hangs, is rightly replaced, and the test has become one of the disk.
#[must_use]
pub fn scratch_parent() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory.to_owned() } else { env::temp_dir() }
}

/// What is ours begins with this.
const PREFIX: &str = "standfast-lab-";
/// The namespace of the bridge.
const SWITCH: &str = "switch";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_dead_run_of_ours_made_is_left_over() {
        assert_eq!(maker("standfast-lab-4711-0-a"), Some(4711));
        for other in ["standfast-lab-x-a", "standfast-lab-", "lab-4711-0-a", "eth0"] {
            assert_eq!(maker(other), None, "{other}");
        }
        assert!(!is_left_over(&format!("{PREFIX}{}-0-a", process::id())), "we live");
        // Process numbers end below this.
        assert!(is_left_over(&format!("{PREFIX}4194305-0-a")));
    }
}
