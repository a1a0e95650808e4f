//! A light load through all three nodes, that keeps books: what was acknowledged, when, and what clients had to see.
//!
//! Each writer appends rising numbers to a list of its own (`RPUSH`). So at the end one can tell not only whether an acknowledged write
//! is missing, but also whether one was executed twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use host::clock;
use machine::Instant;
use resp::Value;
use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// The clients, and their books.
pub(super) struct Load {
    books: Arc<Mutex<Books>>,
    /// Which round it is; `None`: stand still.
    round: watch::Sender<Option<u32>>,
    writers: usize,
    idle: Vec<Idle>,
    runtime: Handle,
}

/// What was seen since the round began.
#[derive(Default)]
struct Books {
    /// By writer: each acknowledged number, and when.
    acknowledged: Vec<Vec<(u64, Instant)>>,
    /// Writers that are in the middle of a request.
    busy: usize,
    last_ack: Vec<Instant>,
    longest_pause: Duration,
    reads: u64,
    errors: BTreeMap<String, u64>,
    closed_writing: u64,
    closed_reading: u64,
}

/// What clients had to see in a round.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Seen {
    pub(super) acknowledged: u64,
    pub(super) reads: u64,
    /// Error replies, by text.
    pub(super) errors: BTreeMap<String, u64>,
    /// Connections that were closed while a write was unanswered.
    pub(super) closed_writing: u64,
    /// Connections that were closed while only reading.
    pub(super) closed_reading: u64,
    /// The longest time that a writer went without an acknowledged write.
    pub(super) longest_pause_ms: f64,
    pub(super) idle_kept: usize,
    pub(super) idle: usize,
}

/// What is missing, or too much, on the master.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// When the missing ones were acknowledged.
    pub(super) missing: Vec<Instant>,
    pub(super) twice: u64,
}

impl Load {
    /// Starts the clients; they stand still until a round begins. `masters` and `replicas` are the nodes' listeners.
    pub(super) fn start(masters: &[SocketAddr], replicas: &[SocketAddr], runtime: &Handle) -> Self {
        let books = Arc::new(Mutex::new(Books::default()));
        let (round, rounds) = watch::channel(None);
        let writers = masters.len() * WRITERS_PER_NODE;
        for n in 0..writers {
            let task = Task { addr: masters[n % masters.len()], books: books.clone(), rounds: rounds.clone() };
            runtime.spawn(task.write(n));
        }
        for addr in masters.iter().chain(replicas) {
            let task = Task { addr: *addr, books: books.clone(), rounds: rounds.clone() };
            runtime.spawn(task.read());
        }
        Self { books, round, writers, idle: Vec::new(), runtime: runtime.clone() }
    }

    /// Begins new books and lets the clients go; opens the connections that will be idle.
    pub(super) fn begin(&mut self, round: u32, masters: &[SocketAddr]) -> io::Result<()> {
        let now = clock::now();
        *self.books() = Books {
            acknowledged: vec![Vec::new(); self.writers],
            last_ack: vec![now; self.writers],
            ..Books::default()
        };
        self.idle = masters.iter().map(|addr| self.runtime.block_on(Idle::open(*addr))).collect::<Result<_, _>>()?;
        self.round.send_replace(Some(round));
        Ok(())
    }

    /// Lets every request that is under way end, and then nothing begins. `false`: some did not end in time.
    pub(super) fn pause(&self) -> bool {
        self.round.send_replace(None);
        let until = clock::now() + REQUEST_PATIENCE;
        while self.books().busy > 0 {
            if clock::now() > until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }

    /// Acknowledged writes and reads since the round began.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        let books = self.books();
        let acknowledged: usize = books.acknowledged.iter().map(Vec::len).sum();
        (
            acknowledged as u64,
            books.reads,
            books.errors.values().sum::<u64>() + books.closed_writing + books.closed_reading,
        )
    }

    /// How many writes were acknowledged after `since`.
    pub(super) fn acknowledged_since(&self, since: Instant) -> usize {
        let books = self.books();
        books.acknowledged.iter().map(|acks| acks.iter().rev().take_while(|(_, at)| *at > since).count()).sum()
    }

    /// The first acknowledgement after `since`.
    pub(super) fn first_acknowledged_after(&self, since: Instant) -> Option<Instant> {
        let books = self.books();
        books.acknowledged.iter().filter_map(|acks| acks.iter().map(|(_, at)| *at).find(|at| *at > since)).min()
    }

    /// What the clients saw; asks the idle ones whether they are still connected.
    pub(super) fn seen(&mut self) -> Seen {
        let idle = self.idle.len();
        let kept = self.idle.drain(..).map(|idle| self.runtime.block_on(idle.answers())).filter(|kept| *kept).count();
        let (acknowledged, reads, _) = self.counts();
        let books = self.books();
        Seen {
            acknowledged,
            reads,
            errors: books.errors.clone(),
            closed_writing: books.closed_writing,
            closed_reading: books.closed_reading,
            longest_pause_ms: books.longest_pause.as_secs_f64() * 1e3,
            idle_kept: kept,
            idle,
        }
    }

    /// Reads the lists of the round back and compares them with the books.
    pub(super) fn audit(&self, round: u32, mut list: impl FnMut(&str) -> io::Result<Value>) -> io::Result<Audit> {
        let mut audit = Audit::default();
        let acknowledged = self.books().acknowledged.clone();
        for (writer, acks) in acknowledged.into_iter().enumerate() {
            let value = list(&key(round, writer))?;
            let items = value.as_array().ok_or_else(|| io::Error::other(format!("not a list: {value:?}")))?;
            let mut there = BTreeSet::new();
            for number in items.iter().filter_map(Value::as_int) {
                if !there.insert(number as u64) {
                    audit.twice += 1;
                }
            }
            audit.missing.extend(acks.iter().filter(|(number, _)| !there.contains(number)).map(|(_, at)| *at));
        }
        Ok(audit)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The list of a writer in a round.
fn key(round: u32, writer: usize) -> String {
    format!("demo:{round}:{writer}")
}

/// One client.
struct Task {
    addr: SocketAddr,
    books: Arc<Mutex<Books>>,
    rounds: watch::Receiver<Option<u32>>,
}

impl Task {
    async fn write(mut self, writer: usize) {
        let mut number = 0;
        let mut connection = None;
        let mut begun = None;
        while let Ok(Some(round)) = self.rounds.wait_for(Option::is_some).await.map(|r| *r) {
            if begun.replace(round) != Some(round) {
                // All at once would be a load of one heavy beat, and a fault would hit everybody or nobody.
                tokio::time::sleep(PACE * u32::try_from(writer).unwrap_or(0) / 7).await;
            }
            self.books().busy += 1;
            // A round that ended in between would wait for us, and the next one's books are not ours.
            if *self.rounds.borrow() == Some(round) {
                number += 1;
                let request = ["RPUSH".to_owned(), key(round, writer), number.to_string()];
                let reply = self.request(&mut connection, &request).await;
                self.book_write(writer, number, reply);
            }
            self.end_request();
            tokio::time::sleep(PACE).await;
        }
    }

    /// A round that was given up may have begun new books meanwhile.
    fn end_request(&self) {
        let mut books = self.books();
        books.busy = books.busy.saturating_sub(1);
    }

    fn book_write(&self, writer: usize, number: u64, reply: io::Result<Value>) {
        let now = clock::now();
        let mut books = self.books();
        match reply {
            Ok(Value::Int(_)) => {
                let pause = now.since(books.last_ack[writer]);
                books.longest_pause = books.longest_pause.max(pause);
                books.last_ack[writer] = now;
                books.acknowledged[writer].push((number, now));
            }
            Ok(other) => books.error(&other),
            Err(_) => books.closed_writing += 1,
        }
    }

    fn book_read(&self, reply: io::Result<Value>) {
        let mut books = self.books();
        match reply {
            Ok(value @ Value::Error(_)) => books.error(&value),
            Ok(_) => books.reads += 1,
            Err(_) => books.closed_reading += 1,
        }
    }

    async fn read(mut self) {
        let mut connection = None;
        while self.rounds.wait_for(Option::is_some).await.is_ok() {
            let reply = self.request(&mut connection, &["GET".to_owned(), "demo:hello".to_owned()]).await;
            self.book_read(reply);
            tokio::time::sleep(PACE).await;
        }
    }

    /// One request on the connection, which is made anew if there is none. An error: it was closed in the middle.
    async fn request(&self, connection: &mut Option<Connection>, command: &[String]) -> io::Result<Value> {
        let mut open = match connection.take() {
            Some(open) => open,
            None => Connection::open(self.addr).await?,
        };
        let reply = open.request(command).await?;
        *connection = Some(open);
        Ok(reply)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn error(&mut self, reply: &Value) {
        let text = reply.as_error().map_or_else(|| format!("{reply:?}"), str::to_owned);
        if self.errors.len() < MAX_ERRORS || self.errors.contains_key(&text) {
            *self.errors.entry(text).or_default() += 1;
        }
    }
}

/// A connection that says one word at the beginning and one at the end of a round.
struct Idle(Connection);

impl Idle {
    async fn open(addr: SocketAddr) -> io::Result<Self> {
        let mut connection = Connection::open(addr).await?;
        connection.request(&["PING".to_owned()]).await?;
        Ok(Self(connection))
    }

    async fn answers(mut self) -> bool {
        matches!(self.0.request(&["PING".to_owned()]).await, Ok(Value::Simple(_)))
    }
}

struct Connection {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Connection {
    async fn open(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, input: Vec::new() })
    }

    async fn request(&mut self, command: &[String]) -> io::Result<Value> {
        tokio::time::timeout(REQUEST_PATIENCE, self.exchange(command)).await?
    }

    async fn exchange(&mut self, command: &[String]) -> io::Result<Value> {
        let mut out = Vec::new();
        resp::write::command(&mut out, command);
        self.stream.write_all(&out).await?;
        loop {
            let decoded = resp::decode(&self.input, &resp::Limits::REPLIES).map_err(io::Error::other)?;
            if let Some((value, used)) = decoded {
                self.input.drain(..used);
                return Ok(value);
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

const WRITERS_PER_NODE: usize = 2;
/// Between two requests of a client: a light load, so that what one sees is the failover and not a full processor.
const PACE: Duration = Duration::from_millis(5);
/// Longer than the listeners' hold: the answer, good or bad, is theirs to give.
const REQUEST_PATIENCE: Duration = Duration::from_secs(20);
/// Different error texts that are kept.
const MAX_ERRORS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_books_find_what_is_missing_and_what_was_done_twice() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a small runtime");
        let load = Load::start(&[], &[], runtime.handle());
        let at = machine::time::at;
        load.books().acknowledged = vec![vec![(1, at(10)), (2, at(20)), (3, at(30))], vec![(1, at(15))]];
        let items = |numbers: &[i64]| Value::Array(numbers.iter().map(|n| Value::bulk(n.to_string())).collect());
        // The second writer's 2 was never acknowledged: it may be there or not.
        let lists = |key: &str| Ok(if key == "demo:7:0" { items(&[1, 3, 3]) } else { items(&[1, 2]) });
        let audit = load.audit(7, lists).expect("both lists are there");
        assert_eq!((audit.missing, audit.twice), (vec![at(20)], 1));
        assert_eq!(load.acknowledged_since(at(15)), 2);
        assert_eq!(load.first_acknowledged_after(at(10)), Some(at(15)));
    }
}
