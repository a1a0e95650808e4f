//! Clients that keep books, for a test that runs them on a host of its own. They share no code with the program under test.
//!
//! ```text
//! load run PREFIX CLIENT...    CLIENT: write=ADDR, read=ADDR or idle=ADDR; ends when its standard input is closed
//! load ask ADDR WORD...        one command; prints the reply as JSON
//! ```
//!
//! While it runs it prints a line of JSON for each [`TICK`], at the end one with the books. A writer appends rising numbers to a list of
//! its own (`RPUSH`): so one can tell afterwards what is missing, and also what was executed twice. Times are milliseconds of
//! the wall clock, which the test shares.

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

fn run(prefix: &str, clients: &[&str]) -> io::Result<()> {
    let clients: Vec<Client> = clients
        .iter()
        .enumerate()
        .map(|(n, client)| {
            let (kind, addr) = client.split_once('=').ok_or_else(|| io::Error::other("a client is KIND=ADDR"))?;
            let addr = addr.parse().map_err(io::Error::other)?;
            Ok(Client { kind: kind.to_owned(), addr, list: format!("{prefix}:{n}"), book: Arc::default() })
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
    addr: SocketAddr,
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
}

impl Client {
    fn run(&self, stop: &AtomicBool) {
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
            thread::sleep(PACE);
        }
        if self.kind == "idle" && connection.is_some() {
            self.request(&mut connection, &["PING"]);
        }
    }

    /// Whether there was a good reply.
    fn request(&self, connection: &mut Option<Connection>, command: &[&str]) -> bool {
        let open = connection.take().map_or_else(|| Connection::open(self.addr), Ok);
        let Ok(mut open) = open else {
            self.book().unreachable += 1;
            return false;
        };
        let reply = open.request(command);
        let now = wall_ms();
        let mut book = self.book();
        match reply {
            Ok(reply) if reply["error"].is_null() => {
                book.answered += 1;
                let pause = if book.last > 0.0 { now - book.last } else { 0.0 };
                if pause > book.longest_pause.0 {
                    book.longest_pause = (pause, now);
                }
                book.last = now;
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

    fn tick(&self) -> Value {
        let book = self.book();
        json!({ "kind": self.kind, "answered": book.answered, "last": book.last, "refused": book.refused.len(), "closed": book.closed.len() })
    }

    fn to_json(&self) -> Value {
        let book = self.book();
        json!({
            "kind": self.kind, "addr": self.addr.to_string(), "list": self.list,
            "acknowledged": book.acknowledged, "answered": book.answered, "last": book.last, "longest_pause": book.longest_pause,
            "refused": book.refused, "closed": book.closed, "unreachable": book.unreachable,
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
/// Between two requests of a client: a light load, so that what one sees is the failover and not a full processor.
const PACE: Duration = Duration::from_millis(5);
const MAX_ENTRIES: usize = 200;
