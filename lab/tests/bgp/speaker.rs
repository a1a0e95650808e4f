//! The machine with a socket under it: the smallest driver there can be, for tests. It enters the network of its host by itself.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bgp::{Action, Conn, Event, Neighbor, Peer, State, Stats, Why};
use host::clock::now;
use host::peering::{Terms, prepare};
use machine::{Machine as _, step, wake};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use socket2::Socket;

use crate::link::Link;

/// A session on a thread of its own. Dropping it ends the thread, and with it the connection, without a word.
pub(crate) struct Speaker<'a> {
    events: Option<Sender<Event>>,
    seen: Arc<Mutex<Seen>>,
    thread: Option<JoinHandle<()>>,
    link: &'a Link,
}

/// What the test may look at.
#[derive(Default)]
struct Seen {
    state: State,
    stats: Stats,
    whys: Vec<Why>,
    said: Vec<String>,
}

impl<'a> Speaker<'a> {
    pub(crate) fn start(link: &'a Link, neighbor: Neighbor) -> Self {
        Self::start_with(link, neighbor, None)
    }

    /// With a password, which a machine does not know.
    pub(crate) fn start_with(link: &'a Link, neighbor: Neighbor, password: Option<&str>) -> Self {
        let password = password.map(str::to_owned);
        let (events, received) = channel();
        let seen = Arc::<Mutex<Seen>>::default();
        let namespace = File::open(link.namespace()).expect("the namespace has a file");
        let told = Arc::clone(&seen);
        let thread = thread::spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("root may enter it");
            let peer = Peer::new(neighbor.clone(), 11);
            Driver { peer, neighbor, password, stream: None, ends: VecDeque::new(), seen: told }.run(&received);
        });
        Self { events: Some(events), seen, thread: Some(thread), link }
    }

    pub(crate) fn tell(&self, event: Event) {
        let events = self.events.as_ref().expect("it is taken away at the end only");
        events.send(event).expect("the thread lives until it is dropped");
    }

    pub(crate) fn state(&self) -> State {
        self.seen.lock().unwrap().state
    }

    pub(crate) fn stats(&self) -> Stats {
        self.seen.lock().unwrap().stats
    }

    /// Whether a session that stood has ended, or an opening.
    pub(crate) fn ended(&self) -> Option<()> {
        self.seen.lock().unwrap().whys.iter().any(|why| why.is_failure() && !is_refusal(why)).then_some(())
    }

    pub(crate) fn ended_for(&self, expected: &Why) -> Option<()> {
        self.seen.lock().unwrap().whys.contains(expected).then_some(())
    }

    /// Whether a line of its log has this in it.
    pub(crate) fn said(&self, text: &str) -> Option<()> {
        self.seen.lock().unwrap().said.iter().any(|line| line.contains(text)).then_some(())
    }

    pub(crate) fn wait<T>(&self, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let mut tries = 0;
        self.link.room.wait(what, || {
            tries += 1;
            let found = look(self);
            if found.is_none() && tries % 1_000 == 0 {
                eprintln!("still no {what}: {:?}", self.seen.lock().unwrap().said);
            }
            found
        })
    }
}

fn is_refusal(why: &Why) -> bool {
    matches!(why, Why::Refused(_) | Why::Unanswered)
}

impl Drop for Speaker<'_> {
    fn drop(&mut self) {
        self.events = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Driver {
    peer: Peer,
    neighbor: Neighbor,
    password: Option<String>,
    stream: Option<(Conn, TcpStream)>,
    /// What effects led to. Handed over when the actions before it are done.
    ends: VecDeque<Event>,
    seen: Arc<Mutex<Seen>>,
}

impl Driver {
    fn run(mut self, events: &Receiver<Event>) {
        loop {
            let mut actions = Vec::new();
            if self.peer.deadline().is_some_and(|(at, _)| at <= now()) {
                wake(&mut self.peer, now(), |action| actions.push(action));
            }
            self.act(actions);
            match events.try_recv() {
                Ok(event) => self.ends.push_back(event),
                Err(TryRecvError::Empty) => self.read(),
                Err(TryRecvError::Disconnected) => return,
            }
            while let Some(event) = self.ends.pop_front() {
                self.event(event);
            }
        }
    }

    fn event(&mut self, event: Event) {
        let mut actions = Vec::new();
        step(&mut self.peer, now(), event, |action| actions.push(action));
        self.act(actions);
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Connect { conn, to } => self.connect(conn, to),
                Action::Send { conn, bytes } => self.send(conn, &bytes),
                // What was sent is with the system: closing sends it first.
                Action::Close { conn } => drop(self.stream.take_if(|(open, _)| *open == conn)),
                Action::StateChanged { from, to, why } => {
                    let mut seen = self.seen.lock().unwrap();
                    seen.said.push(format!("{from:?} -> {to:?}: {why}"));
                    seen.whys.push(why);
                }
                Action::Told { announced, withdrawn } => self.note(format!("told +{announced} -{withdrawn}")),
                Action::Untold { prefix, why } => self.note(format!("untold {prefix}: {why}")),
            }
        }
        let mut seen = self.seen.lock().unwrap();
        (seen.state, seen.stats) = (self.peer.state(), self.peer.stats());
    }

    fn note(&self, line: String) {
        self.seen.lock().unwrap().said.push(line);
    }

    fn connect(&mut self, conn: Conn, to: SocketAddr) {
        match self.connected(to) {
            Ok(stream) => {
                stream.set_read_timeout(Some(Duration::from_millis(5))).expect("a socket has a time limit");
                let local = stream.local_addr().expect("it is connected").ip();
                self.stream = Some((conn, stream));
                self.ends.push_back(Event::Connected { conn, local });
            }
            Err(e) => self.ends.push_back(Event::Refused { conn, why: e.to_string() }),
        }
    }

    fn connected(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let Neighbor { local, ttl, md5, .. } = self.neighbor;
        let password = self.password.as_ref().filter(|_| md5).map(String::as_bytes);
        let terms = Terms { local, ttl: ttl.of_packets(), least_ttl: ttl.least(), password };
        let socket = Socket::from(prepare(to, &terms)?);
        socket.connect_timeout(&to.into(), Duration::from_secs(1))?;
        socket.set_nonblocking(false)?;
        Ok(socket.into())
    }

    fn send(&mut self, conn: Conn, bytes: &[u8]) {
        let Some((open, stream)) = &mut self.stream else { return };
        if *open == conn && stream.write_all(bytes).is_ok() {
            self.ends.push_back(Event::Sent { conn, bytes: bytes.len() });
        }
    }

    fn read(&mut self) {
        let Some((conn, stream)) = &mut self.stream else {
            thread::sleep(Duration::from_millis(5));
            return;
        };
        let conn = *conn;
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) => self.lost(conn),
            Ok(n) => self.ends.push_back(Event::Bytes { conn, bytes: buffer[..n].to_vec() }),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(_) => self.lost(conn),
        }
    }

    fn lost(&mut self, conn: Conn) {
        self.stream = None;
        self.ends.push_back(Event::Closed { conn });
    }
}
