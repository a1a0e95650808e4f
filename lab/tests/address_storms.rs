//! What does a host with an address do when the link is full of nonsense? Forged packets by the thousand, a second holder with the same
//! right, an address that somebody else has, too, an interface that goes and comes, a route server that resets every session: it keeps
//! or loses the address as it should, few times, and says so in few lines.

use std::fs::{self, File};
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use host::neighbours::Announcer;
use host::netlink::Netlink;
use lab::holders::Holders;
use lab::netns::Network;
use lab::process::Process;
use lab::program::{run, said, standfast, wall_ms};
use lab::routers::wait_until;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;
use socket2::{Domain, Protocol, Socket, Type};
use vrrp::{Advert, Codec, Interval, Priority, Vrid};

/// A host with ours, and one for the mischief.
struct World {
    ours: Process,
    holders: Holders,
    network: Network,
}

impl World {
    /// `more`: the rest of the `[[address]]`, from what it holds on.
    fn start(more: &str) -> Self {
        let network = Network::lay(&[OURS, OTHER]);
        let text = format!(
            "[node]\nname = \"a\"\nstate-dir = \"{}\"\n\n[[group]]\nname = \"cache\"\nsource = \"probe\"\n\
             servers = [\"10.0.0.1:6379\"]\n\n[[listener]]\nlisten = \"127.0.0.1:6379\"\ngroup = \"cache\"\n\n\
             [[address]]\nname = \"vip\"\nfollows = \"checks\"\n{more}",
            network.scratch().join("state").display()
        );
        let file = network.scratch().join("standfast.toml");
        fs::write(&file, text).unwrap();
        let mut command = network.command(OURS, standfast());
        command.args(["run", "-c"]).arg(&file);
        let ours = Process::start_into(command, &network.scratch().join("standfast.log"));
        let holders = Holders::watch(&network, &[OURS, OTHER], ADDRESS.parse().unwrap());
        Self { ours, holders, network }
    }

    fn with_vrrp(more: &str) -> Self {
        let world = Self::start(&format!(
            "held = [\"{ADDRESS}/24\"]\ninterface = \"eth0\"\n{more}[address.vrrp]\nid = 51\nversion = 3\npriority = 150\ninterval = \"200ms\"\n"
        ));
        world.wait_until_held();
        world
    }

    fn holds(&self) -> bool {
        self.holders.stints(0).last().is_some_and(|(_, to)| to.is_none())
    }

    fn wait_until_held(&self) {
        wait_until("ours has the address", || self.holds());
    }

    /// How the address stands, as the program says.
    fn status(&self) -> Value {
        let socket = self.network.scratch().join("state/control.sock");
        let told = run(&["status", "--json", "--control", &socket.to_string_lossy()]);
        let mut document: Value = serde_json::from_slice(&told.stdout).unwrap_or_default();
        document["addresses"]["addresses"]["vip"].take()
    }

    /// What `standfast address` prints.
    fn told(&self) -> String {
        let socket = self.network.scratch().join("state/control.sock");
        said(&run(&["address", "--control", &socket.to_string_lossy()]))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.network.scratch().join("standfast.log")).unwrap_or_default()
    }

    /// It lives, has not stumbled, and said little from this length of its log on.
    fn is_calm(&mut self, since: usize, lines: usize) {
        assert!(!self.ours.has_ended(), "it lives:\n{}", self.log());
        let log = self.log();
        assert!(!log.contains("panicked"), "{log}");
        let said: Vec<&str> = log[since..].lines().collect();
        assert!(said.len() <= lines, "{} lines:\n{}", said.len(), said[..lines].join("\n"));
    }

    /// On a thread of its own that is on the other host.
    fn on_other(&self, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
        let namespace = File::open(Path::new("/run/netns").join(self.network.name_of(OTHER))).unwrap();
        thread::spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may enter it");
            work();
        })
    }

    /// Sends from the other host, each millisecond, whatever `make` makes, until it is dropped.
    fn storm(&self, hops: u32, make: fn(u64) -> Vec<u8>) -> Storm {
        let (ends, sent) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (told, counted) = (Arc::clone(&ends), Arc::clone(&sent));
        let thread = self.on_other(move || {
            let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(112))).unwrap();
            socket.set_multicast_ttl_v4(hops).unwrap();
            socket.set_multicast_if_v4(&Ipv4Addr::new(10, 0, 0, 2)).unwrap();
            let group = SocketAddrV4::new(Ipv4Addr::new(224, 0, 0, 18), 0).into();
            while !told.load(Ordering::Relaxed) {
                let n = counted.fetch_add(1, Ordering::Relaxed);
                socket.send_to(&make(n), &group).unwrap();
                thread::sleep(Duration::from_micros(900));
            }
        });
        Storm { ends, sent, thread: Some(thread) }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("{}\n{:#}", lines[lines.len().saturating_sub(60)..].join("\n"), self.status());
        }
    }
}

struct Storm {
    ends: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Storm {
    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Waits until so many more were sent.
    fn go_on_for(&self, packets: u64) {
        let until = self.sent() + packets;
        wait_until("a storm", || self.sent() >= until);
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// What another router would say.
fn advert(priority: u8) -> Vec<u8> {
    let advert = Advert {
        vrid: Vrid::new(51).unwrap(),
        priority: Priority(priority),
        interval: Interval::from_centis(20).unwrap(),
        addresses: vec![ADDRESS.parse().unwrap()],
    };
    Codec::v3().encode(&advert, "10.0.0.2".parse().unwrap(), "224.0.0.18".parse().unwrap())
}

/// Broken in one way or another.
fn forged(n: u64) -> Vec<u8> {
    let mut bytes = advert(254);
    match n % 8 {
        0 => bytes[6] ^= 0x55,
        1 => bytes[0] = 0x21,
        2 => bytes[0] = 0x3f,
        3 => bytes.truncate(usize::try_from(n / 8 % 12).unwrap()),
        4 => bytes[3] = 200,
        5 => bytes[1] = 99,
        6 => bytes.extend([0; 700]),
        _ => bytes.iter_mut().zip(n.to_le_bytes().iter().cycle()).for_each(|(byte, by)| *byte ^= by.wrapping_mul(37)),
    }
    bytes
}

#[test]
fn a_thousand_forged_packets_a_second_change_nothing() {
    let mut world = World::with_vrrp("");
    let (before, since) = (world.log().len(), wall_ms());
    let storm = world.storm(255, forged);
    storm.go_on_for(4_000);
    drop(storm);
    // They are whole, and came from elsewhere: a router on the way has counted down.
    let storm = world.storm(254, |_| advert(254));
    storm.go_on_for(1_000);
    drop(storm);
    assert!(world.holds() && world.holders.arrivals(0, since) == 0, "it stayed: {:?}", world.holders.stints(0));
    let status = world.status();
    let refused = counters(&status["router"]["refused"]);
    println!("refused: {}", status["router"]["refused"]);
    assert!(refused > 3_000, "each is counted: {:#}", status["router"]);
    let log = world.log();
    for word in ["checksum", "hop"] {
        assert!(log[before..].contains(word), "it says what came: {}", &log[before..]);
    }
    let told = world.told();
    for word in ["counts for nothing: its checksum is wrong (", "so not from this link (255) ("] {
        assert!(told.contains(word), "`standfast address` says who sends what: {told}");
    }
    world.is_calm(before, 100);
}

fn counters(value: &Value) -> u64 {
    match value {
        Value::Number(number) => number.as_u64().unwrap_or_default(),
        Value::Array(all) => all.iter().map(counters).sum(),
        Value::Object(all) => all.values().map(counters).sum(),
        _ => 0,
    }
}

#[test]
fn a_second_holder_with_as_much_right_is_settled_once() {
    let mut world = World::with_vrrp("");
    // With less, it is told of and stays where it is.
    let storm = world.storm(255, |_| advert(149));
    wait_until("it is counted", || world.status()["router"]["rivals_heard"].as_u64() > Some(0));
    drop(storm);
    let told = "holds the addresses, which are here, with no more right to them: priority 149";
    wait_until("it is told", || world.log().contains(told));
    assert!(world.told().contains(told) && world.holds(), "{}", world.told());
    let (before, since) = (world.log().len(), wall_ms());
    // From the greater address: it holds, and ours gives way, once.
    let storm = world.storm(255, |_| advert(150));
    wait_until("ours gives way", || !world.holds());
    storm.go_on_for(2_000);
    assert!(!world.holds());
    drop(storm);
    world.wait_until_held();
    assert_eq!(world.holders.arrivals(0, since), 1, "it went once and came once: {:?}", world.holders.stints(0));
    assert!(world.status()["router"]["adverts_received"].as_u64() > Some(2_000), "{:#}", world.status());
    world.is_calm(before, 60);
}

#[test]
fn an_address_that_another_host_has_too_is_told_and_does_not_move() {
    let mut world = World::with_vrrp("");
    let (before, since) = (world.log().len(), wall_ms());
    world.network.ip(OTHER, &["address", "add", &format!("{ADDRESS}/24"), "dev", "eth0"]);
    // As a host does that just got it, and does not look first.
    world.on_other(|| {
        let links = Netlink::open().unwrap().links().unwrap();
        let link = links.into_iter().find(|link| link.name == "eth0").unwrap();
        let announcer = Announcer::open().unwrap();
        for _ in 0..20 {
            announcer.announce(&link, ADDRESS.parse().unwrap()).unwrap();
            thread::sleep(Duration::from_millis(10));
        }
    });
    wait_until("it is counted", || world.status()["stats"]["conflicts"].as_u64() > Some(0));
    world.network.ip(OTHER, &["address", "del", &format!("{ADDRESS}/24"), "dev", "eth0"]);
    assert!(world.holders.arrivals(0, since) <= 2, "{:?}", world.holders.stints(0));
    world.wait_until_held();
    wait_until("it says so", || world.log()[before..].contains(&format!("has {ADDRESS}")));
    world.is_calm(before, 60);
}

#[test]
fn an_interface_that_goes_and_comes_back_takes_the_address_along() {
    let mut world = World::with_vrrp("");
    let (before, since) = (world.log().len(), wall_ms());
    for _ in 0..2 {
        world.network.ip(OURS, &["link", "del", "eth0"]);
        wait_until("it is gone", || !world.holds());
        wait_until("the program has noticed", || world.status()["state"] == "fault");
        world.network.cable(OURS, "eth0", "10.0.0.1/24");
        world.wait_until_held();
    }
    for state in ["down", "up", "down", "up"] {
        world.network.ip(OURS, &["link", "set", "eth0", state]);
    }
    wait_until("ours has the address, and says so", || world.holds() && world.status()["state"] == "active");
    assert!(world.holders.arrivals(0, since) <= 5, "{:?}", world.holders.stints(0));
    world.is_calm(before, 120);
}

/// The kernel drops news when there are too many of them, and says only that it did.
#[test]
fn thousands_of_changes_on_the_host_are_survived() {
    let mut world = World::with_vrrp("");
    let (before, since) = (world.log().len(), wall_ms());
    let batch: PathBuf = world.network.scratch().join("batch");
    let many =
        (0..4_000).map(|n| format!("address add 10.9.{}.{}/32 dev lo\n", n / 250, n % 250 + 1)).collect::<String>();
    fs::write(&batch, &many).unwrap();
    world.ours.signal(lab::process::Signal::STOP);
    let batch_path = batch.to_string_lossy().into_owned();
    world.network.ip(OURS, &["-batch", &batch_path]);
    fs::write(&batch, many.replace(" add ", " del ")).unwrap();
    world.network.ip(OURS, &["-batch", &batch_path]);
    world.ours.signal(lab::process::Signal::CONT);
    wait_until("ours has the address, and says so", || world.holds() && world.status()["state"] == "active");
    // It stood still for a while, and has lost it meanwhile.
    assert!(world.holders.arrivals(0, since) <= 2, "{:?}", world.holders.stints(0));
    // Somebody takes it away while nobody looks.
    world.network.ip(OURS, &["address", "del", &format!("{ADDRESS}/24"), "dev", "eth0"]);
    world.wait_until_held();
    wait_until("it is counted", || world.status()["stats"]["put_back"].as_u64() > Some(0));
    world.is_calm(before, 60);
}

#[test]
fn a_route_server_that_resets_every_session_is_asked_at_a_measured_pace() {
    let mut world = World::start(
        "held = [\"10.0.9.9\"]\ninterface = \"lo\"\n[address.bgp]\n[[address.bgp.neighbor]]\nremote = \"10.0.0.2\"\nremote-as = 65000\nlocal-as = 65001\n\
         identifier = \"10.0.0.1\"\nhold-time = \"9s\"\n",
    );
    let sessions = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&sessions);
    let began = wall_ms();
    world.on_other(move || {
        let listener = TcpListener::bind("10.0.0.2:179").unwrap();
        for stream in listener.incoming().map_while(Result::ok) {
            // It has said OPEN: then comes the reset.
            let mut stream = stream;
            let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
            let _ = stream.read(&mut [0; 64]);
            let _ = Socket::from(stream).set_linger(Some(Duration::ZERO));
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    // Longer is waited before each attempt that follows a failure.
    wait_until("three sessions", || sessions.load(Ordering::Relaxed) >= 3);
    thread::sleep(Duration::from_secs(1));
    let (sessions, took) = (sessions.load(Ordering::Relaxed), wall_ms() - began);
    println!("{sessions} sessions in {took:.0} ms");
    // B5: at least 0.75 s apart.
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let pace = sessions as f64 * 700.0;
    assert!(pace <= took + 2_000.0, "{sessions} sessions in {took:.0} ms");
    let status = world.status();
    assert!(counters(&status["neighbors"][0]["stats"]["attempts"]) >= 3, "{status:#}");
    assert!(world.log().contains("10.0.0.2"), "{}", world.log());
    let told = world.told();
    assert!(told.contains("active, told to 0 of 1") && told.contains("announced to 0 of 1 neighbours"), "{told}");
    assert_eq!(told.matches("10.0.0.2").count(), 1, "each neighbour once: {told}");
    world.is_calm(0, 120);
}

const OURS: &str = "ours";
const OTHER: &str = "other";
const ADDRESS: &str = "10.0.0.100";
