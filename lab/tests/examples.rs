//! Do the files in `examples/` do what they say, as they are? Only the state directory and that of certificates are others, because these
//! hosts share a disk; and of hosts that have the same file but for a few lines, those lines.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lab::netns::Network;
use lab::process::{Process, Signal};
use lab::program::{require, said, standfast};
use lab::routers::wait_until;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// A host of an example, what its interfaces are, and the file that it runs, if it runs one.
type Host = (&'static str, Option<&'static str>);

struct World {
    network: Network,
    redis: Vec<Process>,
    nodes: Vec<(&'static str, Process)>,
}

impl World {
    fn lay(hosts: &[Host], lans: &[(&str, &[(&str, &str)])]) -> Self {
        require("redis-server");
        let names: Vec<&str> = hosts.iter().map(|(name, _)| *name).collect();
        let network = Network::without_cables(&names);
        for (interface, ends) in lans {
            network.lan(interface, ends);
        }
        Self { network, redis: Vec::new(), nodes: Vec::new() }
    }

    fn start_redis(&mut self, host: &str, more: &str) {
        let file = self.network.scratch().join(format!("redis.{host}.conf"));
        let dir = self.network.scratch().display().to_string();
        fs::write(&file, format!("protected-mode no\nsave \"\"\ndir {dir}\nrepl-diskless-sync-delay 0\n{more}"))
            .unwrap();
        let mut command = self.network.command(host, "redis-server");
        command.arg(&file);
        self.redis.push(Process::start_into(command, &self.log(host, "redis")));
    }

    fn start_nodes(&mut self, hosts: &[Host]) {
        for (host, example) in hosts {
            let Some(example) = example else { continue };
            let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples")).join(example);
            let state = self.network.scratch().join(format!("state.{host}"));
            let text = fs::read_to_string(path).unwrap();
            let text = text.lines().filter(|line| !line.starts_with("state-dir")).collect::<Vec<_>>().join("\n");
            let text = text.replacen("[node]\n", &format!("[node]\nstate-dir = {state:?}\n"), 1);
            let text = text.replace("/etc/standfast", &self.network.scratch().display().to_string());
            let text = match *host {
                SECOND => as_the_second(&text),
                R2 | R3 => as_another_redis(&text, host),
                WITNESS => as_a_witness_of_e(&text),
                _ => text,
            };
            fs::write(self.file(host), text).unwrap();
            self.start_node(host);
        }
    }

    fn start_node(&mut self, host: &'static str) {
        let mut command = self.network.command(host, standfast());
        command.args(["run", "-c"]).arg(self.file(host));
        self.nodes.push((host, Process::start_into(command, &self.log(host, "standfast"))));
    }

    fn stop_node(&mut self, host: &str) {
        let at = self.nodes.iter().position(|(name, _)| *name == host).unwrap();
        self.nodes.remove(at).1.end(Signal::TERM);
    }

    fn file(&self, host: &str) -> PathBuf {
        self.network.scratch().join(format!("standfast.{host}.toml"))
    }

    fn log(&self, host: &str, of: &str) -> PathBuf {
        self.network.scratch().join(format!("{of}.{host}.log"))
    }

    /// What a client hears at an address, within two seconds.
    fn ask(&self, from: &str, at: &str, port: u16, words: &[&str]) -> String {
        self.ask_with(&[], from, at, port, words)
    }

    fn ask_with(&self, options: &[&str], from: &str, at: &str, port: u16, words: &[&str]) -> String {
        let mut command = self.network.command(from, "timeout");
        command
            .args(["2", "redis-cli", "--no-auth-warning", "-h", at, "-p", &port.to_string()])
            .args(options)
            .args(words);
        String::from_utf8_lossy(&command.output().unwrap().stdout).trim().to_owned()
    }

    fn holds(&self, host: &str, address: &str) -> bool {
        let output = self.network.command(host, "ip").args(["-o", "address", "show"]).output().unwrap();
        said(&output).contains(&format!(" {address}/"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (host, _) in &self.nodes {
                println!("--- {host}\n{}", fs::read_to_string(self.log(host, "standfast")).unwrap_or_default());
            }
        }
    }
}

/// The lines of scenario D's file that end in "this host", as the other balancer has them.
fn as_the_second(text: &str) -> String {
    text.replace("balancer-1", "balancer-2")
        .replace("10.0.0.198:26379", "10.0.0.199:26379")
        .replacen("partners = [\"10.0.0.199:26379\"]", "partners = [\"10.0.0.198:26379\"]", 1)
        .replace("priority = 100", "priority = 80")
}

#[test]
fn two_hosts_and_a_witness_share_an_address_by_the_files_of_scenario_c() {
    let hosts = [
        ("h1", Some("scenario-c-host1.toml")),
        ("h2", Some("scenario-c-host2.toml")),
        ("w", Some("scenario-c-witness.toml")),
        ("c", None),
    ];
    let outside: &[_] = &[("h1", "10.20.1.1/24"), ("h2", "10.20.1.2/24"), ("c", "10.20.1.9/24")];
    let inside: &[_] = &[("h1", "10.30.1.1/24"), ("h2", "10.30.1.2/24"), ("w", "10.30.1.3/24")];
    let mut world = World::lay(&hosts, &[("eth0", outside), ("eth1", inside)]);
    world.start_redis("h1", "bind 10.30.1.1\n");
    world.start_redis("h2", "bind 10.30.1.2\nreplicaof 10.30.1.1 6379\n");
    wait_until("the replica follows", || {
        world.ask("w", "10.30.1.2", 6379, &["info", "replication"]).contains("master_link_status:up")
    });
    world.start_nodes(&hosts);
    let through = |world: &World, words: &[&str]| world.ask("c", "10.20.1.130", 6379, words);
    wait_until("a write through the address", || through(&world, &["set", "k", "1"]) == "OK");
    wait_until("the first host has it, by its priority", || {
        world.holds("h1", "10.20.1.130") && !world.holds("h2", "10.20.1.130")
    });
    world.stop_node("h1");
    wait_until("the second one has it", || world.holds("h2", "10.20.1.130") && !world.holds("h1", "10.20.1.130"));
    wait_until("a read through the second one", || through(&world, &["get", "k"]) == "1");
    world.start_node("h1");
    wait_until("it comes back", || world.holds("h1", "10.20.1.130") && !world.holds("h2", "10.20.1.130"));
    wait_until("a write through the first one again", || through(&world, &["set", "k", "2"]) == "OK");
}

#[test]
fn two_balancers_share_a_write_port_and_a_read_port_by_the_file_of_scenario_d() {
    let hosts =
        [("b1", Some("scenario-d.toml")), (SECOND, Some("scenario-d.toml")), ("m", None), ("r", None), ("c", None)];
    let ends: &[_] = &[
        ("b1", "10.0.0.198/24"),
        (SECOND, "10.0.0.199/24"),
        ("m", "10.0.0.201/24"),
        ("r", "10.0.0.211/24"),
        ("c", "10.0.0.9/24"),
    ];
    let mut world = World::lay(&hosts, &[("eth0", ends)]);
    world.start_redis("m", "requirepass mypassword\nmasterauth mypassword\n");
    world.start_redis("r", "requirepass mypassword\nmasterauth mypassword\nreplicaof 10.0.0.201 6379\n");
    world.start_nodes(&hosts);
    let at = |world: &World, port, words: &[&str]| {
        world.ask("c", "10.0.0.200", port, &[&["-a", "mypassword"], words].concat())
    };
    wait_until("a write at the write port", || at(&world, 5000, &["set", "k", "1"]) == "OK");
    wait_until("a replica answers at the read port", || at(&world, 5001, &["role"]).starts_with("slave"));
    wait_until("the first balancer has it", || world.holds("b1", "10.0.0.200") && !world.holds(SECOND, "10.0.0.200"));
    world.stop_node("b1");
    wait_until("the second one has it", || world.holds(SECOND, "10.0.0.200") && !world.holds("b1", "10.0.0.200"));
    wait_until("a write through the second one", || at(&world, 5000, &["set", "k", "2"]) == "OK");
}

#[test]
fn a_balancer_follows_the_monitors_of_scenario_a_and_holds_what_it_announces() {
    let hosts = [
        ("r1", Some("scenario-a-redis.toml")),
        (R2, Some("scenario-a-redis.toml")),
        (R3, Some("scenario-a-redis.toml")),
        ("b1", Some("scenario-a-balancer.toml")),
        ("c", None),
    ];
    let ends: &[_] = &[
        ("r1", "192.168.0.11/24"),
        (R2, "192.168.0.12/24"),
        (R3, "192.168.0.13/24"),
        ("b1", "192.168.0.1/24"),
        ("c", "192.168.0.9/24"),
    ];
    let mut world = World::lay(&hosts, &[("eth0", ends)]);
    let dir = world.network.scratch().to_owned();
    certificates(&dir);
    let dir = dir.display();
    let redis = format!(
        "port 0\ntls-port 6379\ntls-replication yes\ntls-auth-clients no\ntls-cert-file {dir}/cert.pem\ntls-key-file {dir}/key.pem\n\
         tls-ca-cert-file {dir}/ca.pem\nrequirepass redis-password\nmasterauth redis-password\n"
    );
    world.start_redis("r1", &redis);
    for replica in [R2, R3] {
        world.start_redis(replica, &format!("{redis}replicaof 192.168.0.11 6379\n"));
    }
    world.start_nodes(&hosts);
    let authority = format!("{dir}/ca.pem");
    let tls = ["--tls", "--cacert", &authority, "-a", "redis-password"];
    wait_until("a write through the address", || {
        world.ask_with(&tls, "c", "192.168.0.3", 6379, &["set", "k", "1"]) == "OK"
    });
    assert!(world.holds("b1", "192.168.0.3") && world.holds("b1", "2001:db8:18::3"));
    // Nobody serves through a proxy that is gone, and the address goes with it.
    world.stop_node("b1");
    wait_until("the address is gone", || !world.holds("b1", "192.168.0.3"));
}

#[test]
fn an_address_goes_with_the_master_by_the_files_of_scenario_e() {
    let hosts = [
        ("e1", Some("scenario-e-host1.toml")),
        ("e2", Some("scenario-e-host2.toml")),
        (WITNESS, Some("scenario-c-witness.toml")),
        ("c", None),
    ];
    let ends: &[_] = &[
        ("e1", "192.168.111.41/24"),
        ("e2", "192.168.111.42/24"),
        (WITNESS, "192.168.111.43/24"),
        ("c", "192.168.111.9/24"),
    ];
    let mut world = World::lay(&hosts, &[("bond0", ends)]);
    world.start_redis("e1", "");
    world.start_redis("e2", "replicaof 192.168.111.41 6379\n");
    wait_until("the replica follows", || {
        world.ask("c", "192.168.111.42", 6379, &["info", "replication"]).contains("master_link_status:up")
    });
    world.start_nodes(&hosts);
    let write = |world: &World, value: &str| world.ask("c", "192.168.111.44", 6379, &["set", "k", value]) == "OK";
    wait_until("a write at the master", || write(&world, "1"));
    assert!(world.holds("e1", "192.168.111.44") && !world.holds("e2", "192.168.111.44"));
    // A replica gets the stream of writes a second after it follows; until then it is not fit.
    wait_until("the write is everywhere", || world.ask("c", "192.168.111.42", 6379, &["get", "k"]) == "1");
    world.redis.remove(0).end(Signal::KILL);
    wait_until("the address is where the new master is", || {
        world.holds("e2", "192.168.111.44") && !world.holds("e1", "192.168.111.44")
    });
    wait_until("a write at the new master", || write(&world, "2"));
}

/// The file of scenario C's witness for the group of scenario E.
/// As systemd reads it, which ignores what it does not know and says so. Where there is none, nobody uses the file.
#[test]
fn the_unit_is_what_systemd_understands() {
    let Ok(version) = Command::new("systemd-analyze").arg("--version").output() else {
        return println!("there is no systemd here");
    };
    let dir = std::env::temp_dir().join(format!("standfast-unit-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("it can be made");
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/standfast.service");
    let text = fs::read_to_string(unit).expect("it is there");
    let text = text.replace("/usr/local/bin/standfast", &standfast().display().to_string());
    fs::write(dir.join("standfast.service"), text).expect("it can be written");
    let read = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(dir.join("standfast.service")).output();
    fs::remove_dir_all(&dir).expect("it is ours");
    let read = read.expect("it was there a moment ago");
    // Of other units of this host it may say what it likes.
    let about = said(&read);
    let about: Vec<&str> = about.lines().filter(|line| line.contains("standfast")).collect();
    assert!(read.status.success() && about.is_empty(), "{about:?}: {}", said(&version));
}

fn as_a_witness_of_e(text: &str) -> String {
    let text = text.replace("mymaster", "redis").replace("10.30.1.3:26379", "192.168.111.43:26379");
    text.replace("10.30.1.1:6379", "192.168.111.41:6379")
}

/// The lines of scenario A's file that end in "this host", as the other Redis hosts have them.
fn as_another_redis(text: &str, host: &str) -> String {
    let (name, at) = if host == R2 { ("redis-2", "192.168.0.12:26379") } else { ("redis-3", "192.168.0.13:26379") };
    text.replace("redis-1", name).replace("192.168.0.11:26379", at)
}

/// An authority, and what it has signed for all hosts.
fn certificates(dir: &Path) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // With the usual name of both, OpenSSL takes the other one for self-signed.
    params.distinguished_name.push(DnType::CommonName, "an authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = ["192.168.0.3", "192.168.0.11", "192.168.0.12", "192.168.0.13"].map(str::to_owned);
    let own = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    fs::write(dir.join("ca.pem"), authority.pem()).unwrap();
    fs::write(dir.join("cert.pem"), own.pem()).unwrap();
    fs::write(dir.join("key.pem"), key.serialize_pem()).unwrap();
}

/// Of scenario E.
const WITNESS: &str = "e3";
/// The other Redis hosts of scenario A.
const R2: &str = "r2";
const R3: &str = "r3";
/// The other balancer of scenario D: it has the same file but for its own lines.
const SECOND: &str = "b2";
