//! Does scenario C's own table of tests hold: two hosts, an address by VRRP, Redis and a proxy on each? With ours on both hosts, and with
//! Keepalived, HAProxy and Sentinel on one of them, in either place.
//!
//! The article's steps: stop Redis (the address stays, the traffic follows the master); stop the proxy (the address moves, and comes
//! back); stop what holds the address (it moves, and comes back). And what hurt there: a proxy that hangs, a partition that
//! heals, a client that waits.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::thread;
use std::time::Duration;

use lab::holders::Holders;
use lab::pair::{A, ADDRESS, B, CLIENT, Kind, Pair, Terms, W};
use lab::process::Signal;
use lab::program::wall_ms;
use lab::reach::Reach;
use lab::routers::wait_until;

/// A pair with its clients, and who watches it.
struct Scene {
    clients: Reach,
    holders: Holders,
    pair: Pair,
}

impl Scene {
    fn start(kinds: [Kind; 2], terms: Terms, first: &'static str) -> Self {
        let pair = Pair::start(kinds, terms, first);
        let holders = Holders::watch(&pair.network, &[A, B], ADDRESS.parse().unwrap());
        let clients = Reach::start(&pair.network, CLIENT, Path::new(REACH), address(), "c");
        Self { clients, holders, pair }
    }

    /// Waits until this host alone holds the address, and who asks is served.
    fn is_at(&self, host: &str) {
        self.pair.wait_for_holder(host);
        self.serves_after(wall_ms());
    }

    /// Waits until clients are served after this moment. Beside Keepalived those that are connected may still hang, and nobody can know
    /// of them: only who connects anew is waited for.
    fn serves_after(&self, at: f64) {
        if self.pair.kinds == [Kind::Ours; 2] {
            self.clients.wait_for_all_after(at);
        } else {
            self.clients.wait_for_answer_after(at);
        }
    }

    /// The blocked client's wait ends within the promised second once the other host has the address. The machine may be busy:
    /// what is asserted is five times that, and beside a stack that never does it.
    fn releases_whoever_waits(&self, host: usize, times: u64, began: f64) {
        assert!(self.clients.is_released(times, 30_000.0), "a client that waits is still waiting");
        let took = wall_ms() - began;
        println!("released {took:.0} ms after the fault; {} arrivals", self.holders.arrivals(host, began));
    }
}

/// The article's table, in its order.
fn article(kinds: [Kind; 2], terms: Terms) {
    let mut scene = Scene::start(kinds, terms, A);
    redis_is_stopped(&mut scene);
    // What the proxy does and what the router does are one program with ours.
    let [on_a, _] = kinds;
    for (what, program) in [("proxy", on_a.proxy()), ("router", on_a.router())] {
        scene.pair.stop(A, program);
        scene.is_at(B);
        scene.pair.start_program(A, program);
        scene.is_at(A);
        println!("the {what} was stopped, and is back");
    }
    scene.pair.kill(A, on_a.proxy());
    scene.is_at(B);
    scene.pair.start_program(A, on_a.proxy());
    scene.is_at(A);
    let both = scene.holders.both(0.0, wall_ms());
    println!("both had it for {both:?}");
}

fn redis_is_stopped(scene: &mut Scene) {
    let began = wall_ms();
    scene.pair.stop(A, "redis");
    wait_until("the other one is master", || scene.pair.master(&[A, B, W]) == Some(B));
    scene.serves_after(wall_ms());
    assert_eq!(scene.holders.arrivals(1, began), 0, "the address stays where it is");
    assert!(scene.pair.holds(A) && !scene.pair.holds(B));
    wait_until("what is written comes to the new master", || {
        scene.pair.through(&["set", "lab:moved", "yes"]) == "OK" && scene.pair.redis(B, &["get", "lab:moved"]) == "yes"
    });
    scene.pair.start_program(A, "redis");
    wait_until("the old master follows", || {
        scene.pair.redis(A, &["info", "replication"]).contains("master_link_status:up")
    });
    assert_eq!(scene.holders.arrivals(1, began), 0, "the address stays where it is");
}

#[test]
fn the_articles_table_with_ours_on_both_hosts() {
    article([Kind::Ours; 2], Terms::Article);
}

#[test]
fn the_articles_table_with_ours_above_keepalived() {
    article([Kind::Ours, Kind::Classic], Terms::Tuned);
}

#[test]
fn the_articles_table_with_keepalived_above_ours() {
    article([Kind::Classic, Kind::Ours], Terms::Article);
}

#[test]
fn a_waiting_client_is_released_whatever_happens_to_the_host_that_served_it() {
    let mut scene = Scene::start([Kind::Ours; 2], Terms::Tuned, B);
    thread::sleep(Duration::from_secs(1));
    // A host whose power goes says nothing any more.
    let began = scene.pair.cables(A, "down");
    scene.releases_whoever_waits(1, 1, began);
    scene.clients.wait_for_all_after(wall_ms());
    scene.pair.cables(A, "up");
    scene.is_at(A);
    let steps: [(&str, Deed, Deed); 3] = [
        ("hangs", |pair| pair.signal(A, "standfast", Signal::STOP), |pair| pair.signal(A, "standfast", Signal::CONT)),
        ("is killed", |pair| pair.kill(A, "standfast"), |pair| pair.start_program(A, "standfast")),
        ("is stopped", |pair| pair.stop(A, "standfast"), |pair| pair.start_program(A, "standfast")),
    ];
    let mut waits = Vec::new();
    for (what, harm, mend) in steps {
        // Hosts that were cut off have to find each other again before one knows whom the other serves.
        thread::sleep(Duration::from_secs(2));
        let began = wall_ms();
        harm(&mut scene.pair);
        wait_until("the other host has the address", || scene.holders.arrivals(1, began) > 0);
        scene.clients.wait_for_all_after(wall_ms());
        mend(&mut scene.pair);
        scene.is_at(A);
        waits.push((what, began, wall_ms()));
    }
    let taken = scene.holders.stints(1);
    let seen = scene.clients.stop();
    for (what, began, ended) in waits {
        let (came, _) = *taken.iter().find(|(from, _)| *from > began).unwrap();
        let released = seen.released_after(began).filter(|at| *at < ended);
        let released = released.unwrap_or_else(|| panic!("who waited was never released when the holder {what}"));
        println!(
            "the holder {what}: the other has it after {:.0} ms, who waits is told after {:.0} ms",
            came - began,
            released - began
        );
        assert!(released < came + GENEROUS_MS, "{what}: released {:.0} ms after the takeover", released - came);
    }
}

/// Keepalived without a refresh left the address unreachable for 41 to 59 s after this: its neighbours still thought that the other host
/// had it.
fn heals(kinds: [Kind; 2]) {
    let scene = Scene::start(kinds, Terms::Tuned, B);
    let began = wall_ms();
    scene.pair.network.part(A, &["eth1"]);
    wait_until("both hold the address", || scene.pair.holds(A) && scene.pair.holds(B));
    scene.clients.wait_for_answer_after(began);
    thread::sleep(Duration::from_millis(500));
    scene.pair.network.heal(A);
    let healed = wall_ms();
    scene.pair.wait_for_holder(A);
    scene.clients.wait_for_answer_after(wall_ms());
    thread::sleep(Duration::from_secs(1));
    let (both, moments) = scene.holders.both(healed, wall_ms());
    assert_eq!(scene.holders.stints(1).len(), 1, "it was there once");
    let seen = scene.clients.stop();
    let gap = seen.gap(healed, wall_ms()).map(|(from, to)| to - from).unwrap();
    println!("{kinds:?}: after the heal two held it for {both:.0} ms ({moments}), and nobody answered for {gap:.0} ms");
    assert!(gap < GENEROUS_MS, "nobody answered for {gap:.0} ms");
    assert!(both < GENEROUS_MS, "two held it for {both:.0} ms");
}

#[test]
fn after_a_partition_the_address_is_reached_at_once() {
    heals([Kind::Ours; 2]);
}

#[test]
fn after_a_partition_the_address_is_reached_at_once_beside_keepalived() {
    heals([Kind::Ours, Kind::Classic]);
    heals([Kind::Classic, Kind::Ours]);
}

/// The article's check saw a process, and the address stayed.
#[test]
fn a_proxy_that_hangs_loses_the_address_and_has_it_again_when_it_goes_on() {
    let mut scene = Scene::start([Kind::Ours, Kind::Classic], Terms::Tuned, B);
    scene.pair.signal(A, "standfast", Signal::STOP);
    scene.is_at(B);
    scene.pair.signal(A, "standfast", Signal::CONT);
    scene.is_at(A);
}

fn address() -> SocketAddr {
    (ADDRESS.parse::<Ipv4Addr>().unwrap(), 6379).into()
}

/// What is done to a pair.
type Deed = fn(&mut Pair);

const REACH: &str = env!("CARGO_BIN_EXE_reach");
/// The machine is shared and busy: what the promises are worth in time, the benchmark says.
const GENEROUS_MS: f64 = 5_000.0;
