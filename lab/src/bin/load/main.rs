//! Clients that keep books, for a test that runs them on a host of its own. They share no code with the program under test.
//!
//! ```text
//! load run PREFIX [pace=MS] CLIENT...
//!                              CLIENT: write=ADDR, read=ADDR, idle=ADDR, probe=ADDR or direct=ADDR,ADDR,ADDR; ends when its standard
//!                              input is closed
//! load ask ADDR WORD...        one command; prints the reply as JSON
//! ```
//!
//! `write`, `read` and `idle` use one address, such as a listener; `direct` asks the Sentinels at its addresses where the master is and
//! writes there (`direct.rs`); `probe` only asks a server again and again whether it would take a write.
//!
//! While it runs it prints a line of JSON for each [`TICK`], at the end one with the books. A writer appends rising numbers to a list of
//! its own (`RPUSH`): so one can tell afterwards what is missing, and also what was executed twice. Times are milliseconds of
//! the wall clock, which the test shares.

mod direct;

use std::env;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use lab::program::wall_ms;
use lab::wire::Connection;
use serde_json::{Value, json};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["run", prefix, clients @ ..] if !clients.is_empty() => run(prefix, clients),
        ["ask", addr, command @ ..] if !command.is_empty() => ask(addr, command),
        _ => Err(io::Error::other("usage: load run PREFIX CLIENT... | load ask ADDR WORD...")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("load: {e}");
            ExitCode::FAILURE
        }
    }
}

fn ask(addr: &str, command: &[&str]) -> io::Result<()> {
    let reply = Connection::open(addr.parse().map_err(io::Error::other)?)?.request(command)?;
    println!("{reply}");
    Ok(())
}

fn run(prefix: &str, words: &[&str]) -> io::Result<()> {
    let asked = words.first().and_then(|word| word.strip_prefix("pace="));
    let (pace, clients) = match asked {
        Some(ms) => (Duration::from_millis(ms.parse().map_err(io::Error::other)?), &words[1..]),
        None => (PACE, words),
    };
    let clients: Vec<Client> = clients
        .iter()
        .enumerate()
        .map(|(n, client)| {
            let (kind, addr) = client.split_once('=').ok_or_else(|| io::Error::other("a client is KIND=ADDR"))?;
            let addrs = addr.split(',').map(str::parse).collect::<Result<_, _>>().map_err(io::Error::other)?;
            Ok(Client { kind: kind.to_owned(), addrs, pace, list: format!("{prefix}:{n}"), book: Arc::default() })
        })
        .collect::<io::Result<_>>()?;
    let stop = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = clients
        .iter()
        .map(|client| {
            let (client, stop) = (client.clone(), stop.clone());
            thread::spawn(move || client.run(&stop))
        })
        .collect();
    let closed = standard_input_closed();
    while closed.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
        let now: Vec<Value> = clients.iter().map(Client::tick).collect();
        println!("{}", json!({ "tick": now }));
    }
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().map_err(|_| io::Error::other("a client panicked"))?;
    }
    let books: Vec<Value> = clients.iter().map(Client::to_json).collect();
    println!("{}", json!({ "books": books }));
    Ok(())
}

/// Says something when standard input has ended.
fn standard_input_closed() -> mpsc::Receiver<()> {
    let (closed, receiver) = mpsc::channel();
    thread::spawn(move || {
        // What is typed does not matter, nor how it ends.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = closed.send(());
    });
    receiver
}

/// One client, on a connection that it makes anew when it was closed.
#[derive(Clone)]
struct Client {
    kind: String,
    /// One, or all Sentinels of a direct writer.
    addrs: Vec<SocketAddr>,
    /// Between two requests.
    pace: Duration,
    /// A writer's list.
    list: String,
    book: Arc<Mutex<Book>>,
}

/// What a client saw.
#[derive(Default)]
struct Book {
    /// A writer's: each acknowledged number, and when.
    acknowledged: Vec<(u64, f64)>,
    /// Good replies of any kind.
    answered: u64,
    /// When the last one came.
    last: f64,
    /// The longest time without one, and when it ended.
    longest_pause: (f64, f64),
    /// Error replies.
    refused: Vec<(f64, String)>,
    /// Connections that ended while they were in use.
    closed: Vec<(f64, String)>,
    /// Connections that could not be made.
    unreachable: u64,
    /// A direct writer's: at which server the writes were acknowledged, from the first to the last one in a row.
    stints: Vec<(SocketAddr, f64, f64)>,
    /// A direct writer's: what Sentinels told it unasked, and when.
    switches: Vec<(f64, String)>,
    /// A probe's: from when to when the server took writes.
    writable: Vec<(f64, f64)>,
}

impl Book {
    /// A good reply.
    fn answered(&mut self, now: f64) {
        self.answered += 1;
        let pause = if self.last > 0.0 { now - self.last } else { 0.0 };
        if pause > self.longest_pause.0 {
            self.longest_pause = (pause, now);
        }
        self.last = now;
    }
}

impl Client {
    fn run(&self, stop: &AtomicBool) {
        match self.kind.as_str() {
            "direct" => direct::run(self, stop),
            "probe" => self.probe(stop),
            _ => self.use_one_address(stop),
        }
    }

    fn use_one_address(&self, stop: &AtomicBool) {
        let mut connection = None;
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            match self.kind.as_str() {
                "write" => {
                    number += 1;
                    if self.request(&mut connection, &["RPUSH", &self.list, &number.to_string()]) {
                        self.book().acknowledged.push((number, wall_ms()));
                    }
                }
                "read" => _ = self.request(&mut connection, &["GET", "lab:nothing"]),
                // One word at the beginning, one at the end.
                _ if connection.is_none() => _ = self.request(&mut connection, &["PING"]),
                _ => {}
            }
            thread::sleep(self.pace);
        }
        if self.kind == "idle" && connection.is_some() {
            self.request(&mut connection, &["PING"]);
        }
    }

    /// Whether there was a good reply.
    fn request(&self, connection: &mut Option<Connection>, command: &[&str]) -> bool {
        let open = connection.take().map_or_else(|| Connection::open(self.addrs[0]), Ok);
        let Ok(mut open) = open else {
            self.book().unreachable += 1;
            return false;
        };
        let reply = open.request(command);
        let now = wall_ms();
        let mut book = self.book();
        match reply {
            Ok(reply) if reply["error"].is_null() => {
                book.answered(now);
                *connection = Some(open);
                return true;
            }
            Ok(reply) => {
                let text = reply["error"].as_str().unwrap_or_default().to_owned();
                push_bounded(&mut book.refused, (now, text));
                *connection = Some(open);
            }
            Err(e) => push_bounded(&mut book.closed, (now, e.to_string())),
        }
        false
    }

    /// Asks for the deletion of what is not there: a master that takes writes says 0 and changes nothing, one whose writes are held says
    /// nothing, and a replica refuses.
    fn probe(&self, stop: &AtomicBool) {
        let mut connection = None;
        let mut last_was_good = false;
        while !stop.load(Ordering::Relaxed) {
            let open = connection.take().map_or_else(|| Connection::open(self.addrs[0]), Ok);
            let asked = open.and_then(|mut open| Ok((open.request(&["DEL", "lab:nothing"])?, open)));
            let now = wall_ms();
            let mut book = self.book();
            let mut good = false;
            if let Ok((reply, open)) = asked {
                connection = Some(open);
                good = reply["error"].is_null();
                book.answered += 1;
            }
            match book.writable.last_mut() {
                Some((_, to)) if good && last_was_good && now - *to < BLINK => *to = now,
                _ if good => book.writable.push((now, now)),
                _ => {}
            }
            last_was_good = good;
            drop(book);
            thread::sleep(self.pace);
        }
    }

    fn tick(&self) -> Value {
        let book = self.book();
        json!({
            "kind": self.kind, "answered": book.answered, "last": book.last, "refused": book.refused.len(), "closed": book.closed.len(),
            "server": book.stints.last().map(|(server, _, _)| server.to_string()),
        })
    }

    fn to_json(&self) -> Value {
        let book = self.book();
        json!({
            "kind": self.kind, "addr": self.addrs[0].to_string(), "list": self.list,
            "acknowledged": book.acknowledged, "answered": book.answered, "last": book.last, "longest_pause": book.longest_pause,
            "refused": book.refused, "closed": book.closed, "unreachable": book.unreachable,
            "stints": book.stints.iter().map(|(server, from, to)| json!([server.to_string(), from, to])).collect::<Vec<_>>(),
            "switches": book.switches, "writable": book.writable,
        })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first ones tell what it was; more would only fill the memory.
fn push_bounded(list: &mut Vec<(f64, String)>, entry: (f64, String)) {
    if list.len() < MAX_ENTRIES {
        list.push(entry);
    }
}

/// Between two lines of output: what a test waits for is seen this soon.
const TICK: Duration = Duration::from_millis(20);
/// Between two requests of a client, unless told otherwise: a light load, so that what one sees is the failover and not a full processor.
const PACE: Duration = Duration::from_millis(5);
const MAX_ENTRIES: usize = 200;
/// Milliseconds: two good answers to a probe that are further apart say nothing about the time between them.
const BLINK: f64 = 50.0;
