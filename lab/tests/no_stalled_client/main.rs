//! Is a client that waits for an answer without any time limit released when its address moves, however that comes about?
//!
//! With the stack that we replace it hangs: it sends nothing, so it hears nothing from a host that is gone, and the new one does not know
//! of it. Measured there, expertly tuned: still hanging after 14 to 41 s, in 9 of 9 runs.

mod eager;
mod everybody;
#[path = "../addresses/stage.rs"]
#[allow(dead_code, unreachable_pub, reason = "another test file has the rest of it")]
mod stage;

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use eager::Eager;
use everybody::{Everybody, World};
use lab::netns::Network;
use lab::program::wall_ms;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use stage::{NAME, Stage, VIP, vrrp};

/// Clients on a host that wait without end.
struct Waiting {
    seen: Arc<Mutex<Vec<Seen>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What one of them has seen so far.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seen {
    Nothing,
    /// A reply, which is what it waits for.
    Answered,
    /// The end of its connection, at this moment.
    Released(f64),
}

impl Waiting {
    /// So many, each with a `BLPOP` of this list, and no time limit in the command, in the program or in its socket.
    fn start(network: &Network, many: usize, list: &str) -> Self {
        Self::start_with(network, many, &format!("BLPOP {list} 0\r\n"), true)
    }

    /// `are_served`: each has an answer before it waits.
    fn start_with(network: &Network, many: usize, request: &str, are_served: bool) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(AtomicBool::new(false));
        let there = File::open(format!("/run/netns/{}", network.name_of("c"))).expect("the network is laid");
        let request = request.to_owned();
        let thread = thread::spawn({
            let (seen, over) = (seen.clone(), over.clone());
            move || {
                move_into_link_name_space(there.as_fd(), Some(LinkNameSpaceType::Network)).expect("tests run as root");
                let at: SocketAddr = format!("{VIP}:6379").parse().unwrap();
                let mut sockets = Vec::new();
                for _ in 0..many {
                    let mut socket = TcpStream::connect(at).expect("the address is there");
                    if are_served {
                        socket.write_all(b"PING\r\n").expect("it is connected");
                        socket.read_exact(&mut [0; 7]).expect("it is answered");
                    }
                    socket.write_all(request.as_bytes()).expect("it is connected");
                    socket.set_nonblocking(true).expect("every socket can be");
                    sockets.push(socket);
                }
                *seen.lock().unwrap() = vec![Seen::Nothing; many];
                while !over.load(Ordering::Relaxed) {
                    look(&mut sockets, &mut seen.lock().unwrap());
                    thread::sleep(Duration::from_millis(2));
                }
            }
        });
        Self { seen, over, thread: Some(thread) }
    }

    fn all(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// When the last of them was released, if all are.
    fn released(&self) -> Option<f64> {
        let moments = self.all().into_iter().map(|seen| if let Seen::Released(at) = seen { Some(at) } else { None });
        let moments: Option<Vec<f64>> = moments.collect();
        moments?.into_iter().reduce(f64::max)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn look(sockets: &mut [TcpStream], seen: &mut [Seen]) {
    for (socket, seen) in sockets.iter_mut().zip(seen) {
        if matches!(seen, Seen::Released(_)) {
            continue;
        }
        match socket.read(&mut [0; 512]) {
            Ok(1..) => *seen = Seen::Answered,
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => *seen = Seen::Released(wall_ms()),
        }
    }
}

/// Both know each other, and `a` holds the address.
fn held_by_a() -> Stage {
    let mut stage = Stage::set();
    stage.run_both(&calm(150), &calm(100));
    stage.wait_for_holder("a");
    stage.answers();
    stage
}

/// Nothing here is about how soon the address moves; but a machine that is busy for 0.4 s must not make it move.
fn calm(priority: u8) -> String {
    vrrp(priority, PARTNERS, "").replace("\"100ms\"", INTERVAL)
}

/// `b` has been told of so many.
fn wait_until_b_knows(stage: &Stage, many: usize) {
    stage.wait("b knows whom a serves", || {
        let told: serde_json::Value = serde_json::from_slice(&stage.ask("b", &["status", "--json"]).stdout).ok()?;
        (told["clients"]["served_elsewhere"].as_u64()? == many as u64).then_some(())
    });
}

/// What is promised is a second. A machine that is busy may be late now and then, not each time; without a word nobody is released at all.
fn within_a_second(what: &str, released_after: impl Fn() -> f64) {
    let mut took = Vec::new();
    while took.last().is_none_or(|ms| *ms >= PROMISED_MS) {
        assert!(took.len() < TRIES, "{what}: released {took:.0?} ms after the takeover, and a second is promised");
        took.push(released_after());
    }
}

/// So many clients wait, something happens to `a`, `b` takes the address over, and all are released.
fn are_released(what: &str, many: usize, harm: impl Fn(&mut Stage)) {
    within_a_second(what, || last_of(what, many, &harm));
}

/// How long after the takeover the last of them is.
fn last_of(what: &str, many: usize, harm: impl Fn(&mut Stage)) -> f64 {
    let mut stage = held_by_a();
    let waiting = Waiting::start(&stage.network, many, "lab:nothing");
    stage.wait("all wait", || (waiting.all().len() == many).then_some(()));
    wait_until_b_knows(&stage, many);
    assert!(waiting.all().iter().all(|seen| *seen == Seen::Nothing), "they wait");
    let began = wall_ms();
    harm(&mut stage);
    stage.wait("b has the address", || stage.holds("b", VIP).then_some(()));
    let taken = wall_ms();
    let released = stage.wait("all are released", || waiting.released());
    println!(
        "{what}: b has it {:.0} ms after the fault, the last of {many} is released {:.0} ms after the fault",
        taken - began,
        released - began
    );
    // Who comes now is served.
    stage.answers();
    released - taken
}

/// The same for one client of each kind, and for several addresses that move together.
fn everybody_is_released(what: &str, harm: impl Fn(&mut World)) {
    within_a_second(what, || last_of_everybody(what, &harm));
}

fn last_of_everybody(what: &str, harm: impl Fn(&mut World)) -> f64 {
    let mut world = World::held_by_a();
    let everybody = Everybody::start(&world);
    let began = wall_ms();
    harm(&mut world);
    let stage = &world.stage;
    stage.wait("b has the addresses", || everybody::HELD.iter().all(|ip| stage.holds("b", ip)).then_some(()));
    let taken = wall_ms();
    let (released, who) = everybody.last_released(what);
    println!(
        "{what}: b has all {:.0} ms after the fault, the last is released {:.0} ms after the fault: {who}",
        taken - began,
        released - began
    );
    // Who comes now is served.
    stage.answers();
    released - taken
}

#[test]
fn when_the_cable_of_the_holder_is_cut() {
    everybody_is_released("cable cut", |world| world.stage.network.unplug("a"));
}

#[test]
fn when_the_holder_is_killed() {
    everybody_is_released("kill -9", |world| world.stage.kill("a"));
}

#[test]
fn when_the_holder_loses_its_power() {
    everybody_is_released("power lost", |world| {
        world.stage.network.unplug("a");
        world.stage.kill_with_guard("a");
    });
}

#[test]
fn when_the_holder_stands_still() {
    everybody_is_released("SIGSTOP", |world| world.stage.signal("a", "STOP"));
}

#[test]
fn when_an_operator_moves_the_address() {
    everybody_is_released("release", |world| drop(world.stage.done("a", &["address", "release", NAME])));
}

#[test]
fn when_the_holder_is_stopped() {
    everybody_is_released("SIGTERM", |world| {
        world.stage.signal("a", "TERM");
        world.stage.ended("a");
    });
}

#[test]
fn when_another_host_has_more_right() {
    everybody_is_released("preempted", |world| world.prefer_b());
}

#[test]
fn when_another_process_has_taken_the_holders_place_before() {
    are_released("upgrade, then cable cut", 5, |stage| {
        stage.done("a", &["upgrade"]);
        // The old process serves them to their end; the new one tells of them.
        stage.wait("b hears of them from the new process", || {
            let told = stage.ask("b", &["status", "--json"]);
            let told: serde_json::Value = serde_json::from_slice(&told.stdout).ok()?;
            (told["clients"]["served_elsewhere"].as_u64()? == 10).then_some(())
        });
        stage.network.unplug("a");
    });
}

/// The kernel of a host lets clients in while its program stands still. Nobody can know of them, until it goes on.
#[test]
fn who_came_to_a_holder_that_stood_still_is_released_when_it_goes_on() {
    let stage = held_by_a();
    stage.signal("a", "STOP");
    let waiting = Waiting::start_with(&stage.network, 5, "BLPOP lab:nothing 0\r\n", false);
    stage.wait("all wait", || (waiting.all().len() == 5).then_some(()));
    stage.wait_for_holder("b");
    stage.wait("they came to a", || {
        let kernel = stage.network.command("a", "ss").args(["-Htn", "src", VIP]).output().expect("iproute2 is there");
        (String::from_utf8_lossy(&kernel.stdout).lines().count() == 5).then_some(())
    });
    assert!(waiting.all().iter().all(|seen| *seen == Seen::Nothing), "they wait");
    // It does not get it back.
    stage.write("b", &calm(200));
    stage.done("b", &["reload"]);
    stage.signal("a", "CONT");
    let went_on = wall_ms();
    let released = stage.wait("all are released", || waiting.released());
    println!("released {:.0} ms after it went on", released - went_on);
    assert!(stage.holds("b", VIP));
}

/// Nobody else takes the address: whoever is let in after the cut waits until somebody does.
#[test]
fn who_comes_back_at_once_is_not_let_in_by_a_host_that_leaves() {
    let mut stage = Stage::set();
    stage.write("a", &vrrp(150, "", ""));
    stage.run("a");
    let eager = Eager::start(&stage.network, 20);
    for round in 1..=6 {
        stage.wait("a holds it", || stage.holds("a", VIP).then_some(()));
        eager.wait_until_connected(&stage);
        stage.done("a", &["address", "release", NAME]);
        let released = wall_ms();
        stage.wait("nobody takes himself for connected", || (Eager::connected(&stage) == 0).then_some(()));
        println!("round {round}: {:.0} ms after the order nobody was connected", wall_ms() - released);
        assert!(!stage.holds("a", VIP), "the order is done when its verb is");
        stage.done("a", &["address", "take", NAME]);
    }
}

/// What the kernel repeats after a cut, it repeats later and later: partners must not wait for that.
#[test]
fn when_the_hosts_have_just_found_each_other_again() {
    let mut stage = held_by_a();
    stage.network.unplug("a");
    stage.wait("b has the address", || stage.holds("b", VIP).then_some(()));
    thread::sleep(Duration::from_millis(800));
    stage.network.plug("a");
    stage.wait_for_holder("a");
    stage.answers();
    let waiting = Waiting::start(&stage.network, 5, "lab:nothing");
    wait_until_b_knows(&stage, 5);
    stage.kill_with_guard("a");
    stage.network.unplug("a");
    stage.wait("b has the address", || stage.holds("b", VIP).then_some(()));
    stage.wait("all are released", || waiting.released());
}

#[test]
fn when_there_are_thousands() {
    are_released("cable cut", 2_000, |stage| stage.network.unplug("a"));
}

#[test]
fn who_is_served_where_the_address_is_takes_no_harm() {
    let mut stage = held_by_a();
    stage.done("a", &["address", "release", NAME]);
    stage.wait_for_holder("b");
    let waiting = Waiting::start(&stage.network, 50, "lab:something");
    stage.wait("all wait", || (waiting.all().len() == 50).then_some(()));
    // `b` loses its partner, and is in doubt about whom that one served.
    stage.kill("a");
    stage.wait("b has noticed", || stage.log("b").contains("is lost, which may hold addresses of ours").then_some(()));
    thread::sleep(Duration::from_secs(3));
    assert!(waiting.all().iter().all(|seen| *seen == Seen::Nothing), "{:?}", waiting.all());
    stage.wait("each has what it waited for", || {
        let mut push = stage.network.command("c", "redis-cli");
        push.args(["-h", VIP, "RPUSH", "lab:something"]).args(vec!["x"; 50]);
        push.output().ok().filter(|output| output.status.success())
    });
    stage.wait("all are answered", || waiting.all().iter().all(|seen| *seen == Seen::Answered).then_some(()));
}

/// From one advertisement to the next.
const INTERVAL: &str = "\"300ms\"";
/// One file would do for both.
const PARTNERS: &str = "partners = [\"10.0.0.1:26379\", \"10.0.0.2:26379\"]";
const PROMISED_MS: f64 = 1_000.0;
const TRIES: usize = 4;
