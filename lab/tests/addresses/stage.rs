//! How do two hosts that may hold an address stand? `a` and `b`, each with the real program in front of a Redis on `c`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::PipeWriter;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::Duration;

use lab::holders::Holders;
use lab::netns::Network;
use lab::program::{require, said, standfast, wall_ms};
use serde_json::Value;

/// The address that moves.
pub(crate) const VIP: &str = "10.0.0.100";
/// What it is called in the file.
pub(crate) const NAME: &str = "vip";

/// The hosts and what runs on them. Dropping it ends everything; of a test that panics, the last words are printed first.
pub(crate) struct Stage {
    nodes: BTreeMap<String, Running>,
    others: Vec<Running>,
    /// Nodes are started as if the kernel did not say who put an address there: those before 5.18.
    pub(crate) has_old_kernels: bool,
    /// Nodes get a processor before all others, if the system allows that: for tests of the time that they need, and not of the machine.
    pub(crate) comes_first: bool,
    pub(crate) network: Network,
}

/// A process of ours, killed when it is dropped.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // One that stands still is killed, too.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.0.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "a process of ours can be sent a signal");
        // Each of its threads stops when it next gets a processor, and does what it likes until then.
        while signal == "STOP" && !self.stands_still() {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether each of its threads is stopped (proc(5), `stat`).
    fn stands_still(&self) -> bool {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.0.id())).expect("it lives").flatten();
        let stats = tasks.filter_map(|task| fs::read_to_string(task.path().join("stat")).ok());
        stats.into_iter().all(|stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')))
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("it is our child")
    }
}

impl Stage {
    /// The hosts, with a Redis on `c`.
    pub(crate) fn set() -> Self {
        require("redis-server");
        let network = Network::lay(&["a", "b", "c"]);
        let mut stage =
            Self { nodes: BTreeMap::new(), others: Vec::new(), has_old_kernels: false, comes_first: false, network };
        for host in ["a", "b"] {
            fs::create_dir(stage.dir(host)).expect("the scratch directory is new");
        }
        let mut redis = stage.network.command("c", "redis-server");
        redis.args(["--bind", "10.0.0.3", "--protected-mode", "no", "--save", ""]);
        let redis = stage.start(redis, "redis.log");
        stage.others.push(redis);
        stage
    }

    pub(crate) fn dir(&self, host: &str) -> PathBuf {
        self.network.scratch().join(format!("{host}-files"))
    }

    /// Starts a program; what it says goes to a file of this name.
    pub(crate) fn start(&self, mut command: Command, log: &str) -> Running {
        let log = File::options().create(true).append(true).open(self.network.scratch().join(log));
        let log = log.expect("the scratch directory can be written");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file can be opened twice")).stderr(log);
        Running(command.spawn().expect("it can be started"))
    }

    /// Everything but the address itself.
    pub(crate) fn file(&self, host: &str, address: &str) -> String {
        let dir = self.dir(host);
        let dir = dir.display();
        format!(
            "[node]\nname = \"{host}\"\nstate-dir = \"{dir}/state\"\ncontrol = \"{dir}/control\"\n\n\
             [[group]]\nname = \"cache\"\nsource = \"probe\"\nservers = [\"10.0.0.3:6379\"]\n\n\
             [[listener]]\nlisten = \"{VIP}:6379\"\ngroup = \"cache\"\n\n{address}"
        )
    }

    /// Writes the host's file.
    pub(crate) fn write(&self, host: &str, address: &str) {
        fs::write(self.dir(host).join("standfast.toml"), self.file(host, address)).expect("it can be written");
    }

    /// Starts the host's node with its file as it is.
    pub(crate) fn run(&mut self, host: &str) {
        let mut command = if self.comes_first && may_come_first() {
            let mut command = self.network.command(host, "chrt");
            command.args(["--fifo", "1"]).arg(standfast());
            command
        } else {
            self.network.command(host, standfast())
        };
        command.args(["run", "-c"]).arg(self.dir(host).join("standfast.toml"));
        if self.has_old_kernels {
            command.env("STANDFAST_TEST_OLD_KERNEL", "1");
        }
        let node = self.start(command, &format!("{host}.log"));
        self.nodes.insert(host.to_owned(), node);
    }

    /// The same; what it says goes into this pipe.
    pub(crate) fn run_into(&mut self, host: &str, pipe: PipeWriter) {
        let mut command = self.network.command(host, standfast());
        command.args(["run", "-c"]).arg(self.dir(host).join("standfast.toml"));
        command.stdin(Stdio::null()).stdout(pipe.try_clone().expect("a pipe can be opened twice")).stderr(pipe);
        self.nodes.insert(host.to_owned(), Running(command.spawn().expect("it can be started")));
    }

    /// The number of the host's node.
    pub(crate) fn process(&self, host: &str) -> u32 {
        self.nodes[host].0.id()
    }

    /// Starts it as a user without any right to the network.
    pub(crate) fn run_without_rights(&mut self, host: &str) {
        let mut command = self.network.command(host, "setpriv");
        command.args(["--bounding-set=-all", "--inh-caps=-all", "--"]).arg(standfast());
        command.args(["run", "-c"]).arg(self.dir(host).join("standfast.toml"));
        let node = self.start(command, &format!("{host}.log"));
        self.nodes.insert(host.to_owned(), node);
    }

    /// Both, with this right each.
    pub(crate) fn run_both(&mut self, a: &str, b: &str) {
        for (host, address) in [("a", a), ("b", b)] {
            self.write(host, address);
            self.run(host);
        }
    }

    /// `kill -9`, and nobody starts it again.
    pub(crate) fn kill(&mut self, host: &str) {
        self.nodes.remove(host);
    }

    /// The same to its guard, as when the host loses its power.
    pub(crate) fn kill_with_guard(&mut self, host: &str) {
        let pid = self.nodes[host].0.id().to_string();
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it lives").flatten();
        let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        let children: Vec<String> =
            children.flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect();
        assert!(!children.is_empty(), "it has a guard");
        let killed = Command::new("kill").arg("-9").arg(&pid).args(&children).status();
        assert!(killed.is_ok_and(|status| status.success()), "processes of ours can be killed");
        self.nodes.remove(host);
    }

    /// `kill -9` to all that runs on the host, also to processes that took the place of ours in an upgrade: those are nobody's children.
    pub(crate) fn kill_all(&mut self, host: &str) {
        self.nodes.remove(host);
        let all = "kill -9 $(ip netns pids $(ip netns identify $$))";
        // It kills itself with the others.
        let _ = self.network.command(host, "sh").args(["-c", all]).output();
    }

    /// Sends the host's node a signal.
    pub(crate) fn signal(&self, host: &str, signal: &str) {
        self.nodes[host].signal(signal);
    }

    /// Waits until the host's node has ended by itself.
    pub(crate) fn ended(&mut self, host: &str) {
        let mut node = self.nodes.remove(host).expect("it runs");
        self.wait("the node ends", || node.ended());
    }

    /// Asks the host's node.
    pub(crate) fn ask(&self, host: &str, words: &[&str]) -> Output {
        let mut command = self.network.command(host, standfast());
        command.args(words).arg("-c").arg(self.dir(host).join("standfast.toml"));
        command.output().expect("it can be started")
    }

    /// The same, and it is done.
    pub(crate) fn done(&self, host: &str, words: &[&str]) -> String {
        let output = self.ask(host, words);
        assert!(output.status.success(), "{host}: {words:?}: {}", said(&output));
        said(&output)
    }

    /// How the address stands on this host, by its node.
    pub(crate) fn stands(&self, host: &str) -> Option<Value> {
        Some(self.addresses(host)["addresses"][NAME].clone()).filter(Value::is_object)
    }

    /// What `standfast address --json` prints there.
    pub(crate) fn addresses(&self, host: &str) -> Value {
        let output = self.ask(host, &["address", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// What the host's node has logged.
    pub(crate) fn log(&self, host: &str) -> String {
        fs::read_to_string(self.network.scratch().join(format!("{host}.log"))).unwrap_or_default()
    }

    /// Watches from here on who has the address: `a`, then `b`.
    pub(crate) fn watch_holders(&self) -> Holders {
        Holders::watch(&self.network, &["a", "b"], VIP.parse().expect("an address"))
    }

    /// Calls `ip` on a host.
    pub(crate) fn ip(&self, host: &str, words: &[&str]) -> String {
        let output = self.network.command(host, "ip").args(words).output().expect("`ip` is on the PATH");
        assert!(output.status.success(), "{host}: ip {words:?}: {}", said(&output));
        said(&output)
    }

    /// Whether the host has the address.
    pub(crate) fn holds(&self, host: &str, address: &str) -> bool {
        self.ip(host, &["-o", "address", "show"]).contains(&format!(" {address}/"))
    }

    /// Waits until this host has the address and the other one has not. Tells how long that took, in milliseconds.
    pub(crate) fn wait_for_holder(&self, host: &str) -> f64 {
        let other = if host == "a" { "b" } else { "a" };
        let began = wall_ms();
        self.wait(&format!("{host} alone holds {VIP}"), || {
            (self.holds(host, VIP) && !self.holds(other, VIP)).then_some(())
        });
        wall_ms() - began
    }

    /// Waits until a client on `c` has its answer through the address.
    pub(crate) fn answers(&self) {
        self.wait("an answer through the address", || {
            let mut client = self.network.command("c", "timeout");
            client.args(["1", "redis-cli", "-h", VIP, "PING"]);
            said(&client.output().ok()?).contains("PONG").then_some(())
        });
    }

    /// Waits for something, generously.
    pub(crate) fn wait<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let until = wall_ms() + PATIENCE.as_secs_f64() * 1e3;
        while wall_ms() < until {
            if let Some(found) = look() {
                return found;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("not within {PATIENCE:?}: {what}");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if thread::panicking() {
            for host in ["a", "b"] {
                let log = self.log(host);
                let last = log.lines().count().saturating_sub(80);
                eprintln!("--- {host}");
                log.lines().skip(last).for_each(|line| eprintln!("{line}"));
            }
        }
        for host in ["a", "b"] {
            self.kill_all(host);
        }
    }
}

/// The address by VRRP, with more lines for its own table and for that of VRRP.
pub(crate) fn vrrp(priority: u8, own: &str, vrrp: &str) -> String {
    format!(
        "[[address]]\nname = \"{NAME}\"\nheld = [\"{VIP}/24\"]\ninterface = \"eth0\"\nfollows = \"checks\"\n{own}\n\
         [address.vrrp]\nid = 51\nversion = 3\npriority = {priority}\ninterval = \"100ms\"\n{vrrp}\n"
    )
}

fn may_come_first() -> bool {
    let tried = Command::new("chrt").args(["--fifo", "1", "true"]).output();
    tried.is_ok_and(|output| output.status.success())
}

/// Not a measure of anything: a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lines of `ip monitor` that tell of the address's end, as they come.
pub(crate) struct Removals {
    _monitor: Running,
    file: PathBuf,
}

impl Removals {
    pub(crate) fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.file).unwrap_or_default();
        text.lines().filter(|line| line.contains("Deleted") && line.contains(VIP)).map(str::to_owned).collect()
    }
}

impl Stage {
    /// Watches for the address to go from a host.
    pub(crate) fn watch_for_removals(&self, host: &str) -> Removals {
        let name = format!("{host}-{}.monitor", wall_ms());
        let mut monitor = self.network.command(host, "ip");
        monitor.args(["-o", "-4", "monitor", "address"]);
        let monitor = self.start(monitor, &name);
        let removals = Removals { _monitor: monitor, file: self.network.scratch().join(name) };
        // The holder refreshes it all the time: then the monitor hears.
        self.wait("a word of the monitor", || {
            fs::read_to_string(&removals.file).is_ok_and(|text| text.contains(VIP)).then_some(())
        });
        removals
    }

    /// Lays `eth1` beside `eth0`: 10.1.0.1, 10.1.0.2.
    pub(crate) fn lay_second_link(&self, host: &str) {
        let own = if host == "a" { "10.1.0.1/24" } else { "10.1.0.2/24" };
        self.ip(host, &["link", "add", "link", "eth0", "name", "eth1", "type", "macvlan", "mode", "bridge"]);
        self.ip(host, &["address", "add", own, "dev", "eth1"]);
        self.ip(host, &["link", "set", "eth1", "up"]);
    }
}
