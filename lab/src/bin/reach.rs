//! Clients of an address that moves, which keep books. They share no code with the program under test.
//!
//! ```text
//! reach ADDR KEY [WORD...]     WORD: the request of the probes, `SET KEY 1` if there is none
//! ```
//!
//! - *probes*: ask again and again, each on a connection of its own, and wait for nothing longer than [`PATIENCE`]: they tell when
//!   somebody answers at the address.
//! - *steady*: one connection, a request each 20 ms, and no time limit of its own at all. When the connection ends it makes another one, with the
//!   patience of a probe.
//! - *blocked*: one connection that waits for an answer (`BLPOP`) without any limit. When it is told that the connection is gone it
//!   comes back like *steady*.
//!
//! While it runs it prints a line of JSON for each [`TICK`], and one with the books when its standard input is closed. Times are milliseconds
//! of the wall clock, which the test shares.

use std::env;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use lab::program::wall_ms;
use lab::wire::Connection;
use serde_json::{Value, json};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    match words.split_first().and_then(|(addr, rest)| Some((addr.parse().ok()?, rest.split_first()?))) {
        Some((addr, (key, request))) => {
            run(addr, key, request);
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("usage: reach ADDR KEY [WORD...]");
            ExitCode::from(2)
        }
    }
}

/// What all clients saw together.
#[derive(Default)]
struct Books {
    /// When a probe was answered well.
    answered: Vec<f64>,
    /// Other ends of a probe: when, and what.
    failed: Vec<(f64, String)>,
    /// When the steady client had an answer.
    steady: Vec<f64>,
    /// When its connection ended, and how.
    cut: Vec<(f64, String)>,
    /// When the blocked client's wait ended without its answer, and how.
    released: Vec<(f64, String)>,
    /// Since when it waits; null while it has no connection.
    blocked_since: Option<f64>,
    /// Where the connections of the steady client and of the blocked one begin, while they have one.
    ports: [Option<u16>; 2],
}

type Shared = Arc<Mutex<Books>>;

fn run(addr: SocketAddr, key: &str, request: &[String]) {
    let books = Shared::default();
    let usual = ["SET", key, "1"].map(str::to_owned);
    let request = if request.is_empty() { &usual } else { request };
    for n in 0..PROBES {
        let (books, request) = (books.clone(), request.to_vec());
        thread::spawn(move || probe(addr, &request, &books, f64::from(n) / f64::from(PROBES) * PERIOD_MS));
    }
    let (waiting, list) = (books.clone(), format!("{key}:never"));
    thread::spawn(move || block(addr, &list, &waiting));
    let (asking, counter) = (books.clone(), format!("{key}:steady"));
    thread::spawn(move || ask_steadily(addr, &counter, &asking));
    let closed = standard_input_closed();
    while closed.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
        let books = open(&books);
        let tick = json!({
            "answered": books.answered.len(), "last": books.answered.last(), "failed": books.failed.len(),
            "steady": books.steady.last(), "cut": books.cut.len(), "released": books.released.len(), "blocked": books.blocked_since.is_some(),
            "ports": books.ports,
        });
        println!("{}", json!({ "tick": tick }));
    }
    // Whoever still waits is not waited for.
    let books = open(&books);
    let all: Value = json!({
        "answered": books.answered, "failed": books.failed, "steady": books.steady, "cut": books.cut, "released": books.released,
        "blocked_since": books.blocked_since,
    });
    println!("{}", json!({ "books": all }));
}

/// Asks at moments that are fixed beforehand, `after` in each period. If each asked when it has its answer, a fault that many are told of at
/// once would make them ask at the same moments from then on.
fn probe(addr: SocketAddr, request: &[String], books: &Shared, after: f64) {
    let words: Vec<&str> = request.iter().map(String::as_str).collect();
    loop {
        thread::sleep(Duration::from_secs_f64((after - wall_ms()).rem_euclid(PERIOD_MS).max(1.0) / 1e3));
        let reply = Connection::open_within(addr, PATIENCE).and_then(|mut connection| connection.request(&words));
        let now = wall_ms();
        match reply {
            Ok(reply) if reply["error"].is_null() => open(books).answered.push(now),
            Ok(reply) => open(books).failed.push((now, reply["error"].as_str().unwrap_or_default().to_owned())),
            Err(e) => open(books).failed.push((now, e.to_string())),
        }
    }
}

fn block(addr: SocketAddr, list: &str, books: &Shared) {
    loop {
        let Some(mut connection) = connected(addr) else { continue };
        (open(books).blocked_since, open(books).ports[1]) = (Some(wall_ms()), connection.port().ok());
        let end = match connection.request(&["BLPOP", list, "0"]) {
            Ok(reply) => reply["error"].as_str().unwrap_or("an answer").to_owned(),
            Err(e) => e.to_string(),
        };
        let mut books = open(books);
        books.released.push((wall_ms(), end));
        (books.blocked_since, books.ports[1]) = (None, None);
    }
}

fn ask_steadily(addr: SocketAddr, counter: &str, books: &Shared) {
    loop {
        let Some(mut connection) = connected(addr) else { continue };
        open(books).ports[0] = connection.port().ok();
        let end = loop {
            match connection.request(&["INCR", counter]) {
                Ok(reply) if reply["error"].is_null() => open(books).steady.push(wall_ms()),
                Ok(reply) => break reply["error"].as_str().unwrap_or_default().to_owned(),
                Err(e) => break e.to_string(),
            }
            thread::sleep(STEADY_PAUSE);
        };
        let mut books = open(books);
        books.cut.push((wall_ms(), end));
        books.ports[0] = None;
    }
}

/// A connection on which somebody answers, and that has no time limit from then on.
fn connected(addr: SocketAddr) -> Option<Connection> {
    let mut connection = Connection::open_within(addr, PATIENCE).ok()?;
    let reply = connection.request(&["PING"]).ok().filter(|reply| reply == "PONG");
    if reply.is_none() || connection.wait_for_ever().is_err() {
        thread::sleep(PROBE_PAUSE);
        return None;
    }
    Some(connection)
}

fn standard_input_closed() -> mpsc::Receiver<()> {
    let (closed, receiver) = mpsc::channel();
    thread::spawn(move || {
        // What is typed does not matter, nor how it ends.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = closed.send(());
    });
    receiver
}

fn open(books: &Shared) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One of them asks each six milliseconds.
const PROBES: u32 = 12;
/// From one question of a probe to its next.
const PERIOD_MS: f64 = 72.0;
/// Of a probe, for the connection and for the answer: less, and a busy machine would look like a dead host.
const PATIENCE: Duration = Duration::from_millis(60);
/// Of the others, when they come back.
const PROBE_PAUSE: Duration = Duration::from_millis(5);
const STEADY_PAUSE: Duration = Duration::from_millis(20);
const TICK: Duration = Duration::from_millis(50);
