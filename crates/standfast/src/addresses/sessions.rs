//! How do BGP sessions get their connections? One task a connection: it connects on the neighbour's terms, reads, and sends what it is
//! given, in order.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bgp::{Conn, Event as Bgp, Neighbor};
use config::Secret;
use host::peering::{Terms, prepare};
use node::Event;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The connections of all sessions.
pub(super) struct Sessions {
    events: mpsc::Sender<Event>,
    /// Another process of this host may still have sessions with the same neighbours, which take one from each host only: until this is so,
    /// nothing is connected.
    alone: watch::Sender<bool>,
    /// The last connection of each session. Dropping it closes it.
    open: BTreeMap<Session, Open>,
    /// Those that are left may still have something to say.
    tasks: JoinSet<()>,
}

/// Of which address, with which neighbour.
type Session = (String, String);
/// An address may be called otherwise later.
type Called = Arc<Mutex<Session>>;

struct Open {
    conn: Conn,
    /// As its task knows it.
    called: Called,
    to_send: mpsc::Sender<Vec<u8>>,
    /// As long as it is there, the connection is wanted.
    _wanted: oneshot::Sender<()>,
}

impl Sessions {
    /// `alone`: no other process of this host has sessions.
    pub(super) fn new(events: mpsc::Sender<Event>, alone: bool) -> Self {
        Self { events, alone: watch::Sender::new(alone), open: BTreeMap::new(), tasks: JoinSet::new() }
    }

    /// No other process of this host has sessions any more.
    pub(super) fn be_alone(&self) {
        self.alone.send_replace(true);
    }

    /// Connects. The end, good or bad, is an event.
    pub(super) fn connect(
        &mut self,
        session: Session,
        (conn, to): (Conn, SocketAddr),
        neighbor: &Neighbor,
        password: Option<&Secret>,
    ) {
        while self.tasks.try_join_next().is_some() {}
        let (to_send, queue) = mpsc::channel(MAX_QUEUE);
        let (wanted, mut unwanted) = oneshot::channel();
        let password = password.filter(|_| neighbor.md5).map(|password| password.reveal().as_bytes());
        let terms =
            Terms { local: neighbor.local, ttl: neighbor.ttl.of_packets(), least_ttl: neighbor.ttl.least(), password };
        // Who waits for the one before waits no longer.
        let called = Called::new(Mutex::new(session.clone()));
        self.open.insert(session, Open { conn, called: called.clone(), to_send, _wanted: wanted });
        let reporter = Reporter { called, conn, events: self.events.clone() };
        let socket = prepare(to, &terms);
        let mut alone = self.alone.subscribe();
        self.tasks.spawn(async move {
            let connected = async {
                // Who is to end the other process may have died, too.
                let _ = timeout(SHARING, alone.wait_for(|alone| *alone)).await;
                TcpSocket::from_std_stream(socket?).connect(to).await
            };
            let made = tokio::select! {
                made = connected => made,
                // The machine has another attempt made when this one takes too long.
                _ = &mut unwanted => return,
            };
            match made {
                Ok(stream) => reporter.talk(stream, queue, unwanted).await,
                Err(e) => reporter.tell(Bgp::Refused { conn, why: e.to_string() }).await,
            }
        });
    }

    /// An address is called otherwise: its sessions go on.
    pub(super) fn rename(&mut self, before: &str, after: &str) {
        let all = std::mem::take(&mut self.open).into_iter().map(|((address, neighbor), open)| {
            let address = if address == before { after.to_owned() } else { address };
            let session = (address, neighbor);
            open.called.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&session);
            (session, open)
        });
        self.open = all.collect();
    }

    /// Sends these bytes behind those before. What cannot be taken is a connection that is lost: the event comes back.
    pub(super) fn send(&mut self, session: &Session, conn: Conn, bytes: Vec<u8>) -> Option<Bgp> {
        let open = self.open.get(session).filter(|open| open.conn == conn)?;
        if open.to_send.try_send(bytes).is_ok() {
            return None;
        }
        self.open.remove(session);
        Some(Bgp::Closed { conn })
    }

    /// Sends what is still to be sent, as far as that is possible at once, and closes.
    pub(super) fn close(&mut self, session: &Session, conn: Conn) {
        if self.open.get(session).is_some_and(|open| open.conn == conn) {
            self.open.remove(session);
        }
    }

    /// Closes all, and waits until each has said what it had to say; not for long.
    pub(super) async fn end(&mut self) {
        self.open.clear();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        // Who does not read is not waited for any longer.
        let _ = timeout(PARTING * 2, all).await;
    }
}

/// Tells of one connection.
struct Reporter {
    called: Called,
    conn: Conn,
    events: mpsc::Sender<Event>,
}

impl Reporter {
    async fn tell(&self, event: Bgp) {
        let (address, neighbor) = self.called.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // The loop may be gone.
        let _ = self.events.send(Event::Peer { address, neighbor, event }).await;
    }

    async fn talk(&self, mut stream: TcpStream, mut queue: mpsc::Receiver<Vec<u8>>, unwanted: oneshot::Receiver<()>) {
        let conn = self.conn;
        match stream.local_addr() {
            Ok(local) => self.tell(Bgp::Connected { conn, local: local.ip() }).await,
            Err(e) => return self.tell(Bgp::Refused { conn, why: e.to_string() }).await,
        }
        let (mut from, mut to) = stream.split();
        let mut buffer = vec![0; ROOM];
        let read = async {
            loop {
                match from.read(&mut buffer).await {
                    Ok(0) | Err(_) => return,
                    Ok(n) => self.tell(Bgp::Bytes { conn, bytes: buffer[..n].to_vec() }).await,
                }
            }
        };
        let write = async {
            while let Some(bytes) = queue.recv().await {
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    match to.write(rest).await {
                        Ok(0) | Err(_) => return false,
                        Ok(n) => {
                            rest = &rest[n..];
                            self.tell(Bgp::Sent { conn, bytes: n }).await;
                        }
                    }
                }
            }
            true
        };
        let unwanted = async {
            let _ = unwanted.await;
            // What is still to be said has this long.
            tokio::time::sleep(PARTING).await;
        };
        let was_closed_here = tokio::select! {
            () = read => false,
            all_said = write => all_said,
            () = unwanted => true,
        };
        if was_closed_here {
            part(stream).await;
        } else {
            self.tell(Bgp::Closed { conn }).await;
        }
    }
}

/// Lets the last words arrive: a socket that is closed while something unread is in it takes them back.
async fn part(mut stream: TcpStream) {
    let _ = timeout(PARTING, async {
        stream.shutdown().await?;
        let mut unread = [0; 512];
        while stream.read(&mut unread).await? > 0 {}
        io::Result::Ok(())
    })
    .await;
}

/// Messages that wait to be sent. The machine orders no more than 64 kB before some of it was taken; a message has 19 bytes at least.
const MAX_QUEUE: usize = 4_096;
/// The longest message of BGP.
const ROOM: usize = 4_096;
/// How long another process of this host may take to go.
const SHARING: Duration = Duration::from_secs(3);
/// How long a peer may take to read our last words.
const PARTING: Duration = Duration::from_millis(500);
