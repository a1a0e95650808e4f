//! Does the whole program share an address with a real Keepalived?

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use lab::netns::Network;
use lab::program::{said, standfast};
use lab::routers::{Keepalived, Link, OURS, THEIRS, wait_until};

/// The program on a host, with a file of its own.
pub(crate) struct Program<'a> {
    network: &'a Network,
    host: &'static str,
    child: Child,
}

impl<'a> Program<'a> {
    pub(crate) fn start(network: &'a Network, host: &'static str, addresses: &str) -> Self {
        let program = Self::write(network, addresses);
        let log = File::options().create(true).append(true).open(network.scratch().join("ours.log"));
        let log = log.expect("the scratch directory can be written");
        let mut command = network.command(host, standfast());
        command.args(["run", "-c"]).arg(program).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a file can be opened twice")).stderr(log);
        Self { network, host, child: command.spawn().expect("it can be started") }
    }

    fn write(network: &Network, addresses: &str) -> PathBuf {
        let dir = network.scratch();
        let text = format!(
            "[node]\nname = \"ours\"\nstate-dir = \"{0}/state\"\ncontrol = \"{0}/control\"\n\n\
             [[group]]\nname = \"cache\"\nsource = \"probe\"\nservers = [\"127.0.0.1:6379\"]\n\n\
             [[listener]]\nlisten = \"127.0.0.1:6380\"\ngroup = \"cache\"\n\n{addresses}",
            dir.display()
        );
        let file = dir.join("standfast.toml");
        fs::write(&file, text).expect("the scratch directory can be written");
        file
    }

    pub(crate) fn reload(&self, addresses: &str) -> String {
        Self::write(self.network, addresses);
        self.done("reload")
    }

    /// Asks it for something, and it is done.
    pub(crate) fn done(&self, verb: &str) -> String {
        let file = self.network.scratch().join("standfast.toml");
        let output = self.network.command(self.host, standfast()).args([verb, "-c"]).arg(file).output();
        let output = output.expect("it can be started");
        assert!(output.status.success(), "{}", said(&output));
        said(&output)
    }

    pub(crate) fn status(&self) -> String {
        self.ask(&["address"])
    }

    fn ask(&self, words: &[&str]) -> String {
        let file = self.network.scratch().join("standfast.toml");
        let output = self.network.command(self.host, standfast()).args(words).arg("-c").arg(file).output();
        said(&output.expect("it can be started"))
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.network.scratch().join("ours.log")).unwrap_or_default()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = self.ask(&["status", "--json"]);
        let status: serde_json::Value = serde_json::from_str(&status).expect("it answers");
        let sent = Command::new("kill").args(["-s", signal, &status["pid"].to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "a process of ours can be sent a signal");
    }

    /// SIGTERM, to its end.
    pub(crate) fn stop(mut self) -> String {
        self.signal("TERM");
        wait_until("it ends", || self.child.try_wait().is_ok_and(|ended| ended.is_some()));
        self.log()
    }
}

impl Drop for Program<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let last = log.lines().count().saturating_sub(60);
            log.lines().skip(last).for_each(|line| eprintln!("{line}"));
        }
    }
}

fn ours(held: &str, priority: u8, vrrp: &str) -> String {
    format!(
        "[[address]]\nname = \"shared\"\nheld = [{held}]\ninterface = \"eth0\"\nfollows = \"checks\"\n\
         [address.vrrp]\nid = 51\npriority = {priority}\n{vrrp}\n"
    )
}

/// A way of talking: what we hold, our lines, theirs.
struct Way {
    held: &'static str,
    ours: &'static str,
    theirs: &'static str,
    address: &'static str,
}

const V2_PASSWORD: Way = Way {
    held: "\"10.0.0.100\"",
    ours: "version = 2\ninterval = \"1s\"\npassword = \"secret12\"",
    theirs: " state BACKUP\n advert_int 1\n authentication {\n  auth_type PASS\n  auth_pass secret12\n }\n \
             virtual_ipaddress {\n  10.0.0.100/32\n }",
    address: "10.0.0.100",
};
const V3_UNICAST: Way = Way {
    held: "\"10.0.0.100/24\"",
    ours: "version = 3\ninterval = \"300ms\"\npeers = [\"10.0.0.1\", \"10.0.0.2\"]",
    theirs: " state BACKUP\n version 3\n advert_int 0.3\n unicast_src_ip 10.0.0.2\n unicast_peer {\n  10.0.0.1\n }\n \
             virtual_ipaddress {\n  10.0.0.100/24\n }",
    address: "10.0.0.100",
};
const V3_IPV6: Way = Way {
    held: "\"fe80::100\", \"fd00::100\"",
    ours: "version = 3\ninterval = \"300ms\"",
    theirs: " state BACKUP\n version 3\n advert_int 0.3\n virtual_ipaddress {\n  fe80::100/128\n  fd00::100/128\n }",
    address: "fd00::100",
};

/// Both of us above and below Keepalived, each with a clean end, and one that dies.
fn shares(way: &Way) {
    let mut link = Link::lay();
    let theirs = Keepalived::start(&link, &format!(" priority 100\n{}", way.theirs));
    link.wait_for_holder(THEIRS, way.address);
    let program = Program::start(&link.network, OURS, &ours(way.held, 150, way.ours));
    link.wait_for_holder(OURS, way.address);
    // Less right by reload: it goes back.
    program.reload(&ours(way.held, 50, way.ours));
    link.wait_for_holder(THEIRS, way.address);
    // Keepalived resigns.
    let log = theirs.stop();
    assert!(log.contains("Entering MASTER STATE") && log.contains("Entering BACKUP STATE"), "{log}");
    link.wait_for_holder(OURS, way.address);
    let theirs = Keepalived::start(&link, &format!(" priority 100\n{}", way.theirs));
    link.wait_for_holder(THEIRS, way.address);
    program.reload(&ours(way.held, 150, way.ours));
    link.wait_for_holder(OURS, way.address);
    // We resign.
    let told = program.stop();
    link.wait_for_holder(THEIRS, way.address);
    assert!(!told.contains("it counts for nothing"), "{told}");
    let program = Program::start(&link.network, OURS, &ours(way.held, 150, way.ours));
    link.wait_for_holder(OURS, way.address);
    program.signal("KILL");
    link.wait_for_holder(THEIRS, way.address);
    drop(program);
    let log = theirs.stop();
    for word in ["nvalid", "mismatch", "bogus", "too short", "not present"] {
        assert!(!log.contains(word), "{log}");
    }
    link.end_recording();
    let fields = ["vrrp.checksum.status", "_ws.malformed", "_ws.expert.message"];
    let packets =
        link.packets("vrrp and not icmp and not icmpv6 and (ip.src == 10.0.0.1 or ipv6.src == fe80::1)", &fields);
    assert!(packets.len() >= 3, "{packets:?}");
    assert!(packets.iter().all(|packet| packet == &["1", "", ""]), "{packets:?}");
}

#[test]
fn keepalived_and_we_share_by_version_2_with_a_password() {
    shares(&V2_PASSWORD);
}

#[test]
fn keepalived_and_we_share_by_version_3_unicast() {
    shares(&V3_UNICAST);
}

#[test]
fn keepalived_and_we_share_ipv6() {
    shares(&V3_IPV6);
}
