//! Who may be connected to an address that moves? One client of each kind, on hosts that serve each kind.
//!
//! Whatever happens to the holder happens to all of them at once: a kind more costs a test nothing.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use lab::program::{require, wall_ms};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::stage::{Running, Stage, VIP};
use crate::{INTERVAL, wait_until_b_knows};

/// What a client does until its connection ends.
#[derive(Clone, Copy)]
enum Does {
    /// Says this, and waits for an answer that never comes. Each has been served before.
    Waits(&'static str),
    /// The same of one that has never heard anything of the server.
    WaitsFromTheStart,
    /// The same behind a balancer, which tells for whom it comes.
    ComesByABalancer,
    /// The same by TLS, in a program of its own.
    WaitsByTls,
    /// Is in the middle of a value that has no end.
    Sends,
    /// Asks for big values and reads none of them, until nothing passes any more in either direction.
    TakesNothing,
}

/// What it is called, where it is connected to, and what it does.
const KINDS: &[(&str, &str, Does)] = &[
    ("waits for a list", "10.0.0.100:6379", WAITS),
    ("waits for another command than BLPOP", "10.0.0.100:6379", Does::Waits("XREAD BLOCK 0 STREAMS lab:stream 0")),
    ("subscribes", "10.0.0.100:6379", Does::Waits("SUBSCRIBE lab:nothing")),
    ("monitors", "10.0.0.100:6379", Does::Waits("MONITOR")),
    ("waits for replicas", "10.0.0.100:6379", Does::Waits("WAIT 1 0")),
    ("is in a transaction", "10.0.0.100:6379", Does::Waits("MULTI")),
    ("says nothing", "10.0.0.100:6379", Does::Waits("")),
    ("was never served", "10.0.0.100:6379", Does::WaitsFromTheStart),
    ("sends a big value", "10.0.0.100:6379", Does::Sends),
    ("takes nothing", "10.0.0.100:6379", Does::TakesNothing),
    ("another address of the same", "10.0.0.101:6388", WAITS),
    ("IPv6", "[2001:db8::100]:6379", WAITS),
    ("IPv6, sends a big value", "[2001:db8::100]:6379", Does::Sends),
    ("IPv6, takes nothing", "[2001:db8::100]:6379", Does::TakesNothing),
    ("tcp mode", "10.0.0.100:6381", WAITS),
    ("tcp mode, sends a big value", "10.0.0.100:6381", Does::Sends),
    ("tcp mode, takes nothing", "10.0.0.100:6381", Does::TakesNothing),
    ("tcp mode, IPv6", "[2001:db8::100]:6381", WAITS),
    ("a server connection of its own", "10.0.0.100:6382", WAITS),
    ("TLS", "10.0.0.100:6383", Does::WaitsByTls),
    ("TLS, IPv6", "[2001:db8::100]:6383", Does::WaitsByTls),
    ("TLS, has not shaken hands", "10.0.0.100:6383", Does::Waits("")),
    ("by a balancer", "10.0.0.100:6384", Does::ComesByABalancer),
    ("by a balancer, has not said for whom", "10.0.0.100:6384", Does::Waits("")),
    ("a listener at any address", "10.0.0.100:6385", WAITS),
    ("a listener at any address, IPv6", "[2001:db8::100]:6385", WAITS),
    ("HAProxy with one socket for both families", "10.0.0.100:6387", WAITS),
    ("HAProxy, IPv6", "[2001:db8::100]:6387", WAITS),
    ("Redis itself", "10.0.0.100:6390", WAITS),
    ("Redis itself, IPv6", "[2001:db8::100]:6390", WAITS),
    ("Redis itself, sends a big value", "10.0.0.100:6390", Does::Sends),
];
const WAITS: Does = Does::Waits(LIST);

/// Hosts that serve all of them, in front of the same Redis; some is served by others than us.
pub(crate) struct World {
    pub(crate) stage: Stage,
    _others: Vec<Running>,
}

impl World {
    /// `a` holds the addresses.
    pub(crate) fn held_by_a() -> Self {
        require("haproxy");
        require("openssl");
        let mut stage = Stage::set();
        let hosts = [
            ("a", "fe80::a/64", "2001:db8::a/64"),
            ("b", "fe80::b/64", "2001:db8::b/64"),
            ("c", "fe80::c/64", "2001:db8::c/64"),
        ];
        for (host, link, own) in hosts {
            for address in [link, own] {
                stage.network.ip(host, &["address", "add", address, "dev", "eth0", "nodad"]);
            }
        }
        let mut others = Vec::new();
        for (host, priority) in [("a", 150), ("b", 100)] {
            sign(&stage, host);
            write(&stage, host, priority);
            stage.run(host);
            others.extend([redis(&stage, host), haproxy(&stage, host)]);
        }
        stage.wait_for_holder("a");
        stage.wait("a has all of them", || HELD.iter().all(|ip| stage.holds("a", ip)).then_some(()));
        stage.answers();
        Self { stage, _others: others }
    }

    /// `b` has more right to them than `a`.
    pub(crate) fn prefer_b(&self) {
        write(&self.stage, "b", 200);
        self.stage.done("b", &["reload"]);
    }
}

/// What each host serves, and where. Both addresses move together.
fn write(stage: &Stage, host: &str, priority: u8) {
    let dir = stage.dir(host);
    let dir = dir.display();
    let listener =
        |listen: &str, more: &str| format!("[[listener]]\nlisten = \"{listen}\"\ngroup = \"cache\"\n{more}\n");
    let tls = format!("tls = {{ cert = \"{dir}/cert.pem\", key = \"{dir}/key.pem\", handshake-timeout = \"1m\" }}");
    let listeners = [
        listener("10.0.0.101:6388", ""),
        listener("[2001:db8::100]:6379", ""),
        listener("10.0.0.100:6381", "mode = \"tcp\""),
        listener("[2001:db8::100]:6381", "mode = \"tcp\""),
        listener("10.0.0.100:6382", "pool = \"session\""),
        listener("10.0.0.100:6383", &tls),
        listener("[2001:db8::100]:6383", &tls),
        listener("10.0.0.100:6384", "proxy-protocol-from = [\"10.0.0.3\"]"),
        listener("0.0.0.0:6385", ""),
        listener("[::]:6385", ""),
        listener(&format!("unix:{dir}/redis.sock"), ""),
    ];
    let router = |name: &str, held: &str, id: u8, more: &str| {
        format!(
            "[[address]]\nname = \"{name}\"\nheld = [{held}]\ninterface = \"eth0\"\nfollows = \"checks\"\nsync-group = \"both\"\n\
             partners = [\"10.0.0.1:26379\", \"10.0.0.2:26379\"]\n\
             [address.vrrp]\nid = {id}\nversion = 3\npriority = {priority}\ninterval = {INTERVAL}\n{more}\n"
        )
    };
    let addresses = [
        router(crate::stage::NAME, "\"10.0.0.100/24\", \"10.0.0.101/24\"", 51, ""),
        router("six", "\"2001:db8::100/64\"", 52, &format!("from = \"fe80::{host}\"")),
    ];
    stage.write(host, &[listeners.concat(), addresses.concat()].concat());
}

fn sign(stage: &Stage, host: &str) {
    let signed = rcgen::generate_simple_self_signed(vec!["vip.example".to_owned()]).expect("a name is enough");
    for (file, text) in [("cert.pem", signed.cert.pem()), ("key.pem", signed.signing_key.serialize_pem())] {
        fs::write(stage.dir(host).join(file), text).expect("it can be written");
    }
}

fn redis(stage: &Stage, host: &str) -> Running {
    let mut redis = stage.network.command(host, "redis-server");
    redis.args(["--port", "6390", "--protected-mode", "no", "--save", ""]);
    stage.start(redis, &format!("redis-{host}.log"))
}

/// One socket for IPv4 and IPv6; behind it a listener of ours at a path.
fn haproxy(stage: &Stage, host: &str) -> Running {
    let dir = stage.dir(host);
    let text = format!(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 1h\n timeout server 1h\n\
         listen both\n bind :::6387 v4v6\n server ours unix@{}/redis.sock\n",
        dir.display()
    );
    fs::write(dir.join("haproxy.cfg"), text).expect("it can be written");
    let mut haproxy = stage.network.command(host, "haproxy");
    haproxy.args(["-db", "-f"]).arg(dir.join("haproxy.cfg"));
    stage.start(haproxy, &format!("haproxy-{host}.log"))
}

/// One of them.
struct Client {
    end: End,
    does: Does,
}

enum End {
    Socket(TcpStream),
    Program(Child),
}

impl Client {
    fn start(at: SocketAddr, does: Does) -> Self {
        let end = match does {
            Does::WaitsByTls => End::Program(by_tls(at)),
            _ => End::Socket(by_socket(at, does)),
        };
        Self { end, does }
    }

    /// Goes on with what it does. True: its connection has ended.
    fn is_released(&mut self) -> bool {
        let socket = match &mut self.end {
            End::Program(program) => return program.try_wait().expect("it is our child").is_some(),
            End::Socket(socket) => socket,
        };
        // Whoever does not read hears of it all the same.
        if socket.take_error().expect("every socket tells").is_some() {
            return true;
        }
        let wrote = match self.does {
            Does::Sends => socket.write(&[b'x'; 512]),
            Does::TakesNothing => socket.write(&b"GET lab:big\r\n".repeat(100)),
            _ => Ok(0),
        };
        let is_over = |e: std::io::Error| e.kind() != ErrorKind::WouldBlock;
        let is_read = !matches!(self.does, Does::TakesNothing);
        wrote.is_err_and(is_over) || is_read && socket.read(&mut [0; 64 * 1024]).map_or_else(is_over, |len| len == 0)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let End::Program(program) = &mut self.end {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

/// No time limit in the command, in the program or in its socket.
fn by_socket(at: SocketAddr, does: Does) -> TcpStream {
    let mut socket = TcpStream::connect(at).expect("the address is there");
    let (hello, is_served, request) = match does {
        Does::Waits(request) => ("", !request.is_empty(), request),
        Does::WaitsFromTheStart => ("", false, LIST),
        Does::ComesByABalancer => ("PROXY TCP4 192.0.2.1 10.0.0.100 1000 6384\r\n", true, LIST),
        Does::Sends => ("", true, "*3\r\n$3\r\nSET\r\n$7\r\nlab:set\r\n$40000000"),
        Does::TakesNothing | Does::WaitsByTls => ("", true, "PING"),
    };
    let mut say = |words: &str| socket.write_all(words.as_bytes()).expect("it is connected");
    say(hello);
    if is_served {
        say("PING\r\n");
        socket.read_exact(&mut [0; 7]).expect("it is answered");
    }
    if !request.is_empty() {
        socket.write_all(format!("{request}\r\n").as_bytes()).expect("it is connected");
    }
    socket.set_nonblocking(true).expect("every socket can be");
    socket
}

/// It ends with the thread that starts it.
fn by_tls(at: SocketAddr) -> Child {
    let mut openssl = Command::new("setpriv");
    openssl.args(["--pdeathsig", "KILL", "--", "openssl", "s_client", "-quiet", "-connect", &at.to_string()]);
    openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut program = openssl.spawn().expect("it is installed");
    let mut say = |words: &str| program.stdin.as_mut().expect("it was asked for").write_all(words.as_bytes());
    say("PING\r\n").expect("it reads");
    program.stdout.as_mut().expect("it was asked for").read_exact(&mut [0; 7]).expect("it is answered");
    let mut say = |words: &str| program.stdin.as_mut().expect("it was asked for").write_all(words.as_bytes());
    say(&format!("{LIST}\r\n")).expect("it reads");
    program
}

/// All of them, on `c`.
pub(crate) struct Everybody {
    /// When each was released, in the order of [`KINDS`].
    released: Arc<Mutex<Vec<Option<f64>>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Everybody {
    /// All are connected, and `b` knows it.
    pub(crate) fn start(world: &World) -> Self {
        let stage = &world.stage;
        let mut big = stage.network.command("c", "redis-cli");
        big.args(["-h", "10.0.0.3", "SETRANGE", "lab:big", "99999", "x"]);
        assert!(big.output().is_ok_and(|output| output.status.success()));
        let released = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(AtomicBool::new(false));
        let there = File::open(format!("/run/netns/{}", stage.network.name_of("c"))).expect("the network is laid");
        let thread = thread::spawn({
            let (released, over) = (released.clone(), over.clone());
            move || {
                move_into_link_name_space(there.as_fd(), Some(LinkNameSpaceType::Network)).expect("tests run as root");
                run(&released, &over);
            }
        });
        let everybody = Self { released, over, thread: Some(thread) };
        stage.wait("all wait", || (everybody.released.lock().unwrap().len() == KINDS.len()).then_some(()));
        wait_until_b_knows(stage, KINDS.len());
        everybody.is_nobody_released();
        everybody
    }

    fn is_nobody_released(&self) {
        let released = self.released.lock().unwrap();
        let whom = KINDS.iter().zip(released.iter()).filter(|(_, at)| at.is_some()).map(|((name, ..), _)| name);
        assert_eq!(whom.collect::<Vec<_>>(), Vec::<&&str>::new(), "nobody has a reason to be released");
    }

    /// When the last of them was released, and which that was.
    pub(crate) fn last_released(&self, what: &str) -> (f64, &'static str) {
        let until = wall_ms() + PATIENCE_MS;
        loop {
            let released = self.released.lock().unwrap().clone();
            let still: Vec<&str> =
                KINDS.iter().zip(&released).filter(|(_, at)| at.is_none()).map(|((name, ..), _)| *name).collect();
            if still.is_empty() {
                let all = released.iter().zip(KINDS).filter_map(|(at, (name, ..))| Some(((*at)?, *name)));
                return all.max_by(|a, b| a.0.total_cmp(&b.0)).expect("there are some");
            }
            assert!(wall_ms() < until, "{what}: these still hang: {still:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Everybody {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(released: &Mutex<Vec<Option<f64>>>, over: &AtomicBool) {
    let mut clients: Vec<Client> =
        KINDS.iter().map(|(_, at, does)| Client::start(at.parse().expect("it is an address"), *does)).collect();
    *released.lock().unwrap() = vec![None; KINDS.len()];
    while !over.load(Ordering::Relaxed) {
        for (client, released) in clients.iter_mut().zip(released.lock().unwrap().iter_mut()) {
            if released.is_none() && client.is_released() {
                *released = Some(wall_ms());
            }
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// The request of most of them.
const LIST: &str = "BLPOP lab:nothing 0";
/// What moves.
pub(crate) const HELD: [&str; 3] = [VIP, "10.0.0.101", "2001:db8::100"];
/// Not a measure of anything: a busy machine is slow.
const PATIENCE_MS: f64 = 30_000.0;
