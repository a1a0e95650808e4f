//! How does one connection live? Requests are answered in order; between them come the messages that it subscribed to.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use machine::Instant;
use resp::{Limits, Malformed, Protocol, Value};
use sentinel::{Announcement, Level};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::sync::broadcast::error::RecvError;

use super::command;
use super::guest::Guest;
use super::subscription::Subscription;

/// What is known of the client on this connection.
pub(super) struct Client<'a> {
    pub(super) guest: &'a Guest,
    pub(super) protocol: Protocol,
    pub(super) subscription: Subscription,
    /// Which requests are answered (`CLIENT REPLY`).
    pub(super) answers: Answers,
    /// Replies and messages that wait to be written.
    pub(super) out: Vec<u8>,
    /// It is closed after its replies are written.
    pub(super) quits: bool,
    /// When it last let others go first.
    pub(super) turn: Instant,
}

/// Which requests are answered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    All,
    None,
    /// All but this one and the next.
    SkipNext,
    /// All but this one.
    SkipThis,
}

impl Client<'_> {
    /// Answers a request, unless the client wants no answer.
    pub(super) fn reply(&mut self, value: &Value) {
        if matches!(value, Value::Error(_)) {
            self.guest.port.counters.errors.fetch_add(1, Ordering::Relaxed);
        }
        if self.answers == Answers::All {
            resp::write::value(&mut self.out, value, self.protocol);
        }
    }

    /// A message, or the confirmation of a subscription: a push where the protocol has one. It comes whatever `CLIENT REPLY` said.
    pub(super) fn push(&mut self, items: Vec<Value>) {
        resp::write::value(&mut self.out, &Value::Push(items), self.protocol);
    }

    /// Ends its turn if that has lasted long enough.
    async fn let_others_go(&mut self) {
        if host::clock::now().since(self.turn) >= TURN {
            tokio::task::yield_now().await;
            self.turn = host::clock::now();
        }
    }

    /// The name of its user.
    pub(super) fn user(&self) -> String {
        self.guest.known(|known| known.user.clone())
    }
}

/// The whole life of a connection.
pub(super) async fn live<S>(guest: &Guest, mut stream: S) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut client = Client {
        guest,
        protocol: Protocol::Resp2,
        subscription: Subscription::default(),
        answers: Answers::All,
        out: Vec::new(),
        quits: false,
        turn: host::clock::now(),
    };
    let bell = guest.known(|known| Arc::clone(&known.bell));
    let mut events = guest.port.node.subscribe();
    let mut input = Vec::new();
    loop {
        let understood = answer_all(&mut client, &mut input, &mut stream, &bell).await;
        flush(&mut client, &mut stream, &bell).await?;
        understood?;
        if client.quits {
            return stream.shutdown().await;
        }
        guest.known(|known| known.input = input.len());
        let idle = guest.port.rules.idle.filter(|_| client.subscription.is_empty());
        tokio::select! {
            biased;
            () = bell.notified() => return Err(closed()),
            read = stream.read_buf(&mut input) => {
                match read? {
                    0 => return Ok(()),
                    n => guest.port.counters.bytes_in.fetch_add(n as u64, Ordering::Relaxed),
                };
            }
            event = events.recv() => hear(&mut client, event)?,
            () = rest(idle) => return Err(io::Error::other("it said nothing for as long as the port waits (`timeout`)")),
        }
    }
}

/// Ends after that time, if there is one.
async fn rest(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

fn closed() -> io::Error {
    io::Error::other("somebody asked to close it")
}

/// Answers every request that is whole.
async fn answer_all<S>(client: &mut Client<'_>, input: &mut Vec<u8>, stream: &mut S, bell: &Notify) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut used = 0;
    let done = loop {
        // Before a login, a stranger may make us keep less.
        let stranger = client.guest.known(|known| !known.authenticated);
        let limits = if stranger { &LIMITS_OF_STRANGERS } else { &LIMITS };
        match resp::value::decode_request(&input[used..], limits) {
            Ok(None) if input.len() - used >= MAX_INPUT => {
                break Err(io::Error::other("a request longer than any that is known here"));
            }
            Ok(None) => break Ok(()),
            Ok(Some((arguments, len))) => {
                used += len;
                if !arguments.is_empty() {
                    command::answer(client, &arguments).await;
                }
                if client.out.len() >= FLUSH {
                    flush(client, stream, bell).await?;
                }
                client.let_others_go().await;
                if client.quits {
                    break Ok(());
                }
            }
            Err(Malformed::InvalidMultibulkLength)
                if stranger && resp::value::decode_request(&input[used..], &LIMITS).is_ok() =>
            {
                client.out.extend_from_slice(b"-ERR Protocol error: unauthenticated multibulk length\r\n");
                break Err(io::Error::other("a long request before a login"));
            }
            Err(malformed) => {
                malformed.reply(&mut client.out);
                break Err(io::Error::other(malformed));
            }
        }
    };
    input.drain(..used);
    if input.is_empty() {
        // A thousand connections that say little shall not keep what they once needed.
        input.shrink_to(KEPT);
    }
    done
}

/// Writes what waits. A client that does not read is closed; what it is owed stays within [`FLUSH`] and one reply.
async fn flush<S: AsyncWrite + Unpin>(client: &mut Client<'_>, stream: &mut S, bell: &Notify) -> io::Result<()> {
    if client.out.is_empty() {
        return Ok(());
    }
    let write = async {
        stream.write_all(&client.out).await?;
        stream.flush().await
    };
    tokio::select! {
        biased;
        written = write => written?,
        () = bell.notified() => return Err(closed()),
        () = tokio::time::sleep(WRITE_PATIENCE) => {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it does not read its replies; closed"));
        }
    }
    client.guest.port.counters.bytes_out.fetch_add(client.out.len() as u64, Ordering::Relaxed);
    client.out.clear();
    client.out.shrink_to(KEPT);
    Ok(())
}

fn hear(client: &mut Client<'_>, event: Result<Arc<Announcement>, RecvError>) -> io::Result<()> {
    let event = match event {
        Ok(event) => event,
        Err(RecvError::Lagged(_)) if client.subscription.is_empty() => return Ok(()),
        // It would never learn what it missed, and might wait for a +switch-master that has already been.
        Err(RecvError::Lagged(n)) => {
            return Err(io::Error::other(format!("{n} messages behind; closed, so that it asks anew")));
        }
        Err(RecvError::Closed) => return Err(io::Error::other("the node stops")),
    };
    if event.level > Level::Debug {
        let named = client.guest.port.rules.names.told_in(&event.payload);
        let payload = named.as_deref().unwrap_or(&event.payload);
        for message in client.subscription.messages(&event.name, payload) {
            client.push(message);
        }
    }
    Ok(())
}

/// No request here has large arguments.
const LIMITS: Limits = Limits { max_depth: 1, max_bulk: 16 << 10, max_multibulk: 1_024, max_inline: 16 << 10 };
/// The same for those who have not logged in: as in Redis.
const LIMITS_OF_STRANGERS: Limits = Limits { max_multibulk: 10, ..LIMITS };
/// Bytes of requests that are not whole yet.
const MAX_INPUT: usize = 64 << 10;
/// Replies are written at the latest when this many bytes wait.
const FLUSH: usize = 64 << 10;
/// Who asks for much at a time lets the node and the others go first after this time: a loop that stands still is a TILT.
const TURN: Duration = Duration::from_millis(1);
/// Bytes of a buffer that a resting connection keeps.
const KEPT: usize = 1 << 10;
/// Who takes nothing for so long takes nothing any more.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
