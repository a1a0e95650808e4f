//! Scenario A's hosts: two balancers with one address on `lo`, four route servers, Redis behind, and a client that is led to the address by
//! the routes alone.
//!
//! ```text
//!   client 10.99.0.9 ── eth1 ── rs 10.99.0.1        rs: three BIRDs and a GoBGP at 2600:3c0f:18:34::1..4; the first one's routes
//!                               rs 192.168.0.254        are those of this host's kernel, which forwards
//!                                │ eth0
//!        b1 .0.1  ::a1     b2 .0.2  ::a2     data .0.11 .12 .13: a Redis and a node each
//! ```

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use lab::netns::Network;
use lab::process::{Process, Signal};
use lab::program::{require, run, said, standfast};
use lab::reach::Reach;
use lab::routers::wait_until;
use serde_json::Value;

/// Everything. Dropping it ends it; if a test panics, the last words of the balancers are printed first.
pub(crate) struct World {
    balancers: [Option<Process>; 2],
    redis: Vec<Option<Process>>,
    _others: Vec<Process>,
    pub(crate) network: Network,
}

impl World {
    /// Lays the network and starts all but the balancers.
    pub(crate) fn lay() -> Self {
        for program in ["bird", "birdc", "gobgp", "gobgpd", "redis-server", "redis-cli", "tcpdump", "tshark"] {
            require(program);
        }
        let network = Network::without_cables(&["rs", "b1", "b2", "data", "client"]);
        network.lan(
            "eth0",
            &[
                ("rs", "192.168.0.254/24"),
                ("b1", "192.168.0.1/24"),
                ("b2", "192.168.0.2/24"),
                ("data", "192.168.0.11/24"),
            ],
        );
        network.lan("eth1", &[("rs", "10.99.0.1/24"), ("client", "10.99.0.9/24")]);
        let add = |host: &str, address: &str| {
            network.ip(host, &["address", "add", address, "dev", "eth0", "nodad"]);
        };
        (1..=4).for_each(|n| add("rs", &format!("{PREFIX}::{n}/64")));
        [1, 2].iter().for_each(|n| add(&format!("b{n}"), &format!("{}/64", balancer(*n))));
        [12, 13]
            .iter()
            .for_each(|n| network.ip("data", &["address", "add", &format!("192.168.0.{n}/24"), "dev", "eth0"]));
        network.sysctl("rs", "net.ipv4.ip_forward", "1");
        network.ip("client", &["route", "add", "default", "via", "10.99.0.1"]);
        for host in ["b1", "b2"] {
            network.ip(host, &["route", "add", "10.99.0.0/24", "via", "192.168.0.254"]);
        }
        let mut world = Self { balancers: [None, None], redis: Vec::new(), _others: Vec::new(), network };
        world.start_data();
        world.start_route_servers();
        world
    }

    fn start_data(&mut self) {
        for n in 0..3 {
            let process = self.start_redis(n);
            self.redis.push(Some(process));
        }
        for n in 0..3 {
            let ip = data(n);
            let text = format!(
                "[node]\nname = \"{n}\"\nlisten = \"{ip}:26379\"\nstate-dir = \"{}\"\n\n[[group]]\nname = \"cache\"\n\
                 master = \"{}:6379\"\nnodes = 3\ndown-after = \"1s\"\n",
                self.path(&format!("state{n}")).display(),
                data(0)
            );
            let file = self.write(&format!("node{n}.toml"), &text);
            let mut command = self.network.command("data", standfast());
            command.args(["run", "-c"]).arg(file);
            self._others.push(Process::start_into(command, &self.path(&format!("node{n}.log"))));
        }
        wait_until("the first write", || self.at_data(0, 6379, &["set", "lab:flows", "yes"]) == "OK");
        // A replica that has loaded everything gets the stream of writes only after its next word to the master, a second later.
        for n in [1, 2] {
            wait_until("the first write is everywhere", || self.at_data(n, 6379, &["get", "lab:flows"]) == "yes");
        }
        wait_until("two replicas follow", || {
            self.at_data(0, 6379, &["info", "replication"]).contains("connected_slaves:2")
        });
    }

    fn start_redis(&self, n: usize) -> Process {
        let follows = if n == 0 { String::new() } else { format!("replicaof {} 6379\n", data(0)) };
        let ip = data(n);
        let text = format!(
            "bind {ip}\nreplica-announce-ip {ip}\nport 6379\nprotected-mode no\nsave \"\"\ndir {}\nrepl-diskless-sync-delay 0\n{follows}",
            self.network.scratch().display()
        );
        let file = self.path(&format!("redis{n}.conf"));
        if !file.exists() {
            self.write(&format!("redis{n}.conf"), &text);
        }
        let mut command = self.network.command("data", "redis-server");
        command.arg(file);
        Process::start_into(command, &self.path(&format!("redis{n}.log")))
    }

    fn start_route_servers(&mut self) {
        for n in 1..=3 {
            self.write(&format!("rs{n}.conf"), &bird(n));
            let mut command = self.network.command("rs", "bird");
            let file = |kind: &str| format!("rs{n}.{kind}");
            command.args(["-f", "-c", &file("conf"), "-s", &file("ctl"), "-P", &file("pid")]);
            command.current_dir(self.network.scratch());
            self._others.push(Process::start_into(command, &self.path(&file("log"))));
            wait_until("BIRD answers", || self.birdc(n, &["show", "status"]).contains("up and running"));
        }
        let file = self.write("gobgp.toml", &gobgp());
        let mut command = self.network.command("rs", "gobgpd");
        command.arg("-f").arg(file).args(["--log-plain", "--api-hosts", "127.0.0.1:50051"]);
        self._others.push(Process::start_into(command, &self.path("gobgp.log")));
        wait_until("GoBGP answers", || self.gobgp(&["neighbor"]).contains(&balancer(2)));
    }

    /// Starts a balancer: 1 is the primary, 2 the secondary.
    pub(crate) fn start(&mut self, n: usize) {
        let role = if n == 1 { "primary" } else { "secondary" };
        let text = format!(
            "[node]\nname = \"b{n}\"\nlisten = \"192.168.0.{n}:26379\"\nstate-dir = \"{}\"\n\n\
             [[group]]\nname = \"cache\"\nsource = \"sentinels\"\nsentinels = [{}]\n\n\
             [[listener]]\nlisten = \"{SHARED}:6379\"\ngroup = \"cache\"\n\n\
             [[address]]\nname = \"shared\"\nheld = [\"{SHARED}\", \"{SHARED6}\"]\ninterface = \"lo\"\nfollows = \"proxy\"\n\
             partners = [\"192.168.0.{}:26379\"]\n[address.bgp]\nlelastic = {{ dcid = 18, role = \"{role}\" }}\n",
            self.path(&format!("b{n}")).display(),
            (0..3).map(|n| format!("\"{}:26379\"", data(n))).collect::<Vec<_>>().join(", "),
            3 - n
        );
        let file = self.write(&format!("b{n}.toml"), &text);
        let mut command = self.network.command(&format!("b{n}"), standfast());
        command.args(["run", "-c"]).arg(file);
        self.balancers[n - 1] = Some(Process::start_into(command, &self.path(&format!("b{n}.log"))));
    }

    pub(crate) fn balancer(&mut self, n: usize) -> &mut Process {
        self.balancers[n - 1].as_mut().expect("it runs")
    }

    /// `kill -9` of the Redis that is master. It comes back with [`revive`](Self::revive).
    pub(crate) fn kill_master(&mut self) -> usize {
        let n = self.master().expect("there is one");
        // A process that is asked in order would save, and take its time.
        self.redis[n].as_mut().expect("it runs").end(Signal::KILL);
        self.redis[n] = None;
        n
    }

    pub(crate) fn revive(&mut self, n: usize) {
        self.redis[n] = Some(self.start_redis(n));
    }

    /// Which Redis all three nodes call the master.
    pub(crate) fn master(&self) -> Option<usize> {
        let named = |node| {
            let told = self.at_data(node, 26379, &["sentinel", "get-master-addr-by-name", "cache"]);
            (0..3).find(|n| told.starts_with(&format!("{}\n", data(*n))))
        };
        let first = named(0)?;
        (named(1) == Some(first) && named(2) == Some(first)).then_some(first)
    }

    fn at_data(&self, n: usize, port: u16, words: &[&str]) -> String {
        redis_cli(&self.network, "data", &data(n), port, words)
    }

    /// What the client is answered through the address, within two seconds.
    pub(crate) fn through(&self, words: &[&str]) -> String {
        redis_cli(&self.network, "client", SHARED, 6379, words)
    }

    /// A verb of the program against a balancer.
    pub(crate) fn control(&self, n: usize, words: &[&str]) -> Output {
        let socket = self.path(&format!("b{n}")).join("control.sock");
        run(&[words, &["--control", &socket.to_string_lossy()]].concat())
    }

    /// Waits until both of the clients that keep their connection have one with this balancer, by what its kernel says: however often they
    /// were told meanwhile that another one is gone.
    pub(crate) fn wait_until_served_by(&self, n: usize, clients: &Reach) {
        wait_until(&format!("the steady and the blocked client are connected to balancer {n}"), || {
            let Some(ports) = clients.ports() else { return false };
            let mut ss = self.network.command(&format!("b{n}"), "ss");
            let told =
                said(&ss.args(["-Htn", "state", "established", "src", SHARED]).output().expect("iproute2 is there"));
            ports.iter().all(|port| told.lines().any(|line| line.trim_end().ends_with(&format!(":{port}"))))
        });
    }

    /// An order to a balancer about its address.
    pub(crate) fn order(&self, n: usize, what: &str) {
        let done = self.control(n, &["address", what, "shared"]);
        assert!(done.status.success(), "{}", said(&done));
    }

    pub(crate) fn birdc(&self, n: usize, words: &[&str]) -> String {
        let socket = self.path(&format!("rs{n}.ctl"));
        said(&Command::new("birdc").arg("-s").arg(socket).args(words).output().expect("birdc can be started"))
    }

    pub(crate) fn gobgp(&self, words: &[&str]) -> String {
        said(&self.network.command("rs", "gobgp").args(words).output().expect("gobgp can be started"))
    }

    /// From which balancers a BIRD has the address.
    pub(crate) fn announcers(&self, n: usize) -> Vec<usize> {
        let has = |balancer: &usize| {
            let told = self.birdc(n, &["show", "route", &format!("{SHARED}/32"), "protocol", &format!("b{balancer}")]);
            told.contains(&format!("{SHARED}/32"))
        };
        [1, 2].into_iter().filter(has).collect()
    }

    /// Waits until the three BIRDs and GoBGP have the address from exactly these.
    pub(crate) fn wait_for_announcers(&self, balancers: &[usize]) {
        for n in 1..=3 {
            wait_until(&format!("route server {n} has it from {balancers:?}"), || self.announcers(n) == balancers);
        }
        wait_until(&format!("GoBGP has it from {balancers:?}"), || {
            self.gobgp_paths("ipv4", &format!("{SHARED}/32")).len() == balancers.len()
        });
    }

    /// What GoBGP knows of a route, by path.
    pub(crate) fn gobgp_paths(&self, family: &str, prefix: &str) -> Vec<Value> {
        let table: Value =
            serde_json::from_str(&self.gobgp(&["global", "rib", "-a", family, "-j"])).unwrap_or_default();
        table[prefix].as_array().cloned().unwrap_or_default()
    }

    /// Writes down what is said to the route servers until it is [judged](Self::judge).
    pub(crate) fn capture(&self) -> Process {
        let mut tcpdump = self.network.command("rs", "tcpdump");
        tcpdump
            .args(["-Z", "root", "-U", "-B", "8192", "--immediate-mode", "-s", "0", "-i", "eth0", "-w"])
            .arg(self.path("bgp.pcap"));
        tcpdump.arg("tcp port 179").stderr(Stdio::null());
        let capture = Process::start(tcpdump);
        wait_until("tcpdump listens", || self.path("bgp.pcap").metadata().is_ok_and(|file| file.len() > 0));
        capture
    }

    /// Lets tshark read what passed: nothing in it is malformed, unknown or of note.
    pub(crate) fn judge(&self, mut capture: Process) {
        thread::sleep(Duration::from_millis(300));
        capture.end(Signal::INT);
        let read = |filter: &str| {
            let mut tshark = Command::new("tshark");
            // What it has to say of TCP is about the recording.
            tshark
                .args(["-n", "-V", "-o", "tcp.analyze_sequence_numbers:FALSE", "-r"])
                .arg(self.path("bgp.pcap"))
                .args(["-Y", filter]);
            String::from_utf8_lossy(&tshark.output().expect("tshark can be started").stdout).into_owned()
        };
        let all = read("bgp");
        for kind in ["OPEN Message", "UPDATE Message", "KEEPALIVE Message"] {
            assert!(all.contains(kind), "tshark saw no {kind}:\n{all}");
        }
        let unknown: Vec<&str> =
            all.lines().filter(|line| line.contains("nknown") || line.contains("alformed")).collect();
        assert!(unknown.is_empty(), "tshark does not understand {unknown:#?}");
        let odd = read("bgp && (_ws.malformed || _ws.expert.severity >= 0x600000)");
        assert!(odd.is_empty(), "tshark objects:\n{odd}");
    }

    pub(crate) fn address(&self) -> SocketAddr {
        format!("{SHARED}:6379").parse().unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.network.scratch().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).expect("the scratch directory can be written");
        self.path(name)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        for name in ["b1.log", "b2.log", "rs1.log"] {
            let text = fs::read_to_string(self.path(name)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            eprintln!("--- {name}\n{}", lines[lines.len().saturating_sub(60)..].join("\n"));
        }
        eprintln!("{}", self.birdc(1, &["show", "route", "all"]));
    }
}

fn redis_cli(network: &Network, from: &str, at: &str, port: u16, words: &[&str]) -> String {
    let mut command = network.command(from, "timeout");
    command.args(["2", "redis-cli", "-h", at, "-p", &port.to_string()]).args(words);
    let output = command.output().expect("`ip` is on the PATH");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn data(n: usize) -> String {
    format!("192.168.0.{}", 11 + n)
}

/// A balancer's own address, from which it connects.
pub(crate) fn balancer(n: usize) -> String {
    format!("{PREFIX}::a{n}")
}

/// A route server; the first one's routes are the kernel's. What is said by community is what counts, as with the provider.
fn bird(n: usize) -> String {
    let kernel = if n == 1 { "protocol kernel { ipv4 { import none; export all; }; }\n" } else { "" };
    let session = |balancer: usize| {
        format!(
            "protocol bgp b{balancer} {{\n  local {PREFIX}::{n} as 65000;\n  neighbor {PREFIX}::a{balancer} as 65001;\n  strict bind on;\n  \
             multihop;\n  passive on;\n  hold time 9;\n  error wait time 1, 2;\n  \
             ipv4 {{ import filter by_community; export none; extended next hop on; igp table master6; }};\n  \
             ipv6 {{ import filter by_community; export none; }};\n}}\n"
        )
    };
    format!(
        "log stderr all;\nrouter id 10.0.0.{n};\nprotocol device {{}}\nprotocol direct {{ ipv6; interface \"eth0\"; }}\n{kernel}\
         filter by_community {{ if (65000, 1) ~ bgp_community then bgp_local_pref = 200; accept; }}\n{}{}",
        session(1),
        session(2)
    )
}

fn gobgp() -> String {
    let neighbor = |n: usize| {
        format!(
            "[[neighbors]]\n[neighbors.config]\nneighbor-address = \"{}\"\npeer-as = 65001\n[neighbors.transport.config]\n\
             passive-mode = true\nlocal-address = \"{PREFIX}::4\"\n[neighbors.ebgp-multihop.config]\nenabled = true\nmultihop-ttl = 16\n\
             [[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"ipv4-unicast\"\n\
             [[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"ipv6-unicast\"\n",
            balancer(n)
        )
    };
    format!(
        "[global.config]\nas = 65000\nrouter-id = \"10.0.0.4\"\nlocal-address-list = [\"{PREFIX}::4\"]\n\n{}{}",
        neighbor(1),
        neighbor(2)
    )
}

/// Of all route servers of data centre 18.
const PREFIX: &str = "2600:3c0f:18:34";
/// What is shared.
pub(crate) const SHARED: &str = "192.168.0.3";
/// The same of the other family; announced as the network that it is in.
pub(crate) const SHARED6: &str = "2001:db8:3::3";
