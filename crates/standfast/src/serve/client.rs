//! How does one connection live? Requests are answered in order; between them come the messages that it subscribed to.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use resp::{Limits, Protocol, Value};
use sentinel::{Announcement, Level};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::broadcast::error::RecvError;

use super::subscription::Subscription;
use super::{Guest, command};

/// What is known of the client on this connection.
pub(super) struct Client<'a> {
    pub(super) guest: &'a Guest,
    pub(super) protocol: Protocol,
    pub(super) subscription: Subscription,
    /// Replies and messages that wait to be written.
    pub(super) out: Vec<u8>,
    /// It asked to be closed.
    pub(super) quits: bool,
}

impl Client<'_> {
    pub(super) fn reply(&mut self, value: &Value) {
        resp::write::value(&mut self.out, value, self.protocol);
    }

    /// A message, or the confirmation of a subscription: a push where the protocol has one.
    pub(super) fn push(&mut self, items: Vec<Value>) {
        self.reply(&Value::Push(items));
    }
}

/// The whole life of a connection.
pub(super) async fn live(guest: &Guest, mut stream: TcpStream) -> io::Result<()> {
    let mut client = Client {
        guest,
        protocol: Protocol::Resp2,
        subscription: Subscription::default(),
        out: Vec::new(),
        quits: false,
    };
    let mut events = guest.port.node.subscribe();
    let mut input = Vec::new();
    loop {
        let understood = answer_all(&mut client, &mut input, &mut stream).await;
        flush(&mut client, &mut stream).await?;
        understood?;
        if client.quits {
            return stream.shutdown().await;
        }
        tokio::select! {
            read = stream.read_buf(&mut input) => {
                if read? == 0 {
                    return Ok(());
                }
            }
            event = events.recv() => hear(&mut client, event)?,
        }
    }
}

/// Answers every request that is whole.
async fn answer_all(client: &mut Client<'_>, input: &mut Vec<u8>, stream: &mut TcpStream) -> io::Result<()> {
    let mut used = 0;
    let done = loop {
        match resp::value::decode_request(&input[used..], &LIMITS) {
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
                    flush(client, stream).await?;
                }
                if client.quits {
                    break Ok(());
                }
            }
            Err(malformed) => {
                malformed.reply(&mut client.out);
                break Err(io::Error::other(malformed));
            }
        }
    };
    input.drain(..used);
    done
}

/// Writes what waits. A client that does not read is closed; what it is owed stays within [`FLUSH`] and one reply.
async fn flush(client: &mut Client<'_>, stream: &mut TcpStream) -> io::Result<()> {
    if client.out.is_empty() {
        return Ok(());
    }
    let written = tokio::time::timeout(WRITE_PATIENCE, stream.write_all(&client.out)).await;
    written.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "it does not read its replies; closed"))??;
    client.out.clear();
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
        for message in client.subscription.messages(&event.name, &event.payload) {
            client.push(message);
        }
    }
    Ok(())
}

/// No request here has large arguments.
const LIMITS: Limits = Limits { max_depth: 1, max_bulk: 16 << 10, max_multibulk: 1_024, max_inline: 16 << 10 };
/// Bytes of requests that are not whole yet.
const MAX_INPUT: usize = 64 << 10;
/// Replies are written at the latest when this many bytes wait.
const FLUSH: usize = 64 << 10;
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
