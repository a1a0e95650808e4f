//! How does one connection to a Redis or to another node speak? Orders go out as commands, replies come in as answers, in order.
//!
//! A link contains no rule and no patience of its own: the machine decides how long to wait and closes what takes too long.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;

use sentinel::command::{self, Credentials, HELLO_CHANNEL};
use sentinel::{Answer, Ask, Channel, Event, Fault, LinkId};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::node_loop::Input;

/// Our end of a link. Dropping it closes the connection; nothing is reported of it afterwards.
pub(crate) struct Link {
    orders: mpsc::Sender<Ask>,
    task: AbortHandle,
}

impl Link {
    /// Begins to connect. What becomes of it comes to `inbox`.
    pub(crate) fn open(id: LinkId, channel: Channel, credentials: Credentials, inbox: mpsc::Sender<Input>) -> Self {
        let (orders, taken) = mpsc::channel(MAX_OWED);
        let task = tokio::spawn(async move {
            let reports = Reports { id, inbox };
            let fault = live(&reports, channel, credentials, taken).await;
            reports.send(Event::Failed { link: id, fault }).await;
        });
        Self { orders, task: task.abort_handle() }
    }

    /// Sends a command.
    ///
    /// # Errors
    /// When too many wait already: the other side has stopped to take them.
    pub(crate) fn send(&self, ask: Ask) -> Result<(), Fault> {
        self.orders.try_send(ask).map_err(|_| Fault::TimedOut)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Reports {
    id: LinkId,
    inbox: mpsc::Sender<Input>,
}

impl Reports {
    async fn send(&self, event: Event) {
        // The loop ends before its links do: then nobody wants to know.
        let _ = self.inbox.send(Input::Happened(event)).await;
    }
}

/// The whole life of a link; returns what ended it.
async fn live(reports: &Reports, channel: Channel, credentials: Credentials, orders: mpsc::Receiver<Ask>) -> Fault {
    let stream = match connect(reports.id.to).await {
        Ok(stream) => stream,
        Err(e) => return fault(&e),
    };
    reports.send(Event::Connected { link: reports.id }).await;
    let talk = Talk { stream, channel, credentials, owed: VecDeque::new(), out: Vec::new(), input: Vec::new() };
    talk.run(reports, orders).await
}

async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(to).await?;
    // On one host a connection to a free port of the ephemeral range can, by chance, be made to itself (simultaneous open).
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// An open connection.
struct Talk {
    stream: TcpStream,
    channel: Channel,
    credentials: Credentials,
    /// What was asked and not yet answered, in order.
    owed: VecDeque<Owed>,
    out: Vec<u8>,
    input: Vec<u8>,
}

enum Owed {
    /// Sent; its reply will come.
    Reply(Ask),
    /// Nothing had to be sent; it is answered when its turn comes.
    Nothing,
}

impl Talk {
    async fn run(mut self, reports: &Reports, mut orders: mpsc::Receiver<Ask>) -> Fault {
        loop {
            let may_take = self.owed.len() < MAX_OWED && self.out.len() < MAX_OUT;
            let done = tokio::select! {
                order = orders.recv(), if may_take => match order {
                    Some(ask) => self.take(&ask),
                    None => return Fault::Local,
                },
                ready = self.stream.readable() => ready.and_then(|()| self.read()),
                ready = self.stream.writable(), if !self.out.is_empty() => ready.and_then(|()| self.write()),
            };
            if let Err(e) = done {
                // What came before the end was said before the end.
                let _ = self.tell(reports).await;
                return fault(&e);
            }
            if let Err(fault) = self.tell(reports).await {
                return fault;
            }
        }
    }

    fn take(&mut self, ask: &Ask) -> io::Result<()> {
        if command::write(&mut self.out, ask, &self.credentials) {
            self.owed.push_back(Owed::Reply(ask.clone()));
            self.write()
        } else {
            self.owed.push_back(Owed::Nothing);
            Ok(())
        }
    }

    fn write(&mut self) -> io::Result<()> {
        match self.stream.try_write(&self.out) {
            Ok(n) => {
                self.out.drain(..n);
                Ok(())
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(e) => Err(e),
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let mut chunk = [0; CHUNK];
        match self.stream.try_read(&mut chunk) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                self.input.extend_from_slice(&chunk[..n]);
                Ok(())
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(e) => Err(e),
        }
    }

    /// Reports every answer and message that is whole.
    async fn tell(&mut self, reports: &Reports) -> Result<(), Fault> {
        let mut used = 0;
        loop {
            while let Some(Owed::Nothing) = self.owed.front() {
                self.owed.pop_front();
                reports.send(Event::Answered { link: reports.id, answer: Answer::Ok }).await;
            }
            let rest = &self.input[used..];
            let Some((value, len)) = resp::decode(rest, &resp::Limits::REPLIES).map_err(|_| Fault::Malformed)? else {
                break;
            };
            used += len;
            let event = self.meaning(reports.id, &value)?;
            reports.send(event).await;
        }
        self.input.drain(..used);
        if self.input.len() > MAX_REPLY { Err(Fault::Malformed) } else { Ok(()) }
    }

    fn meaning(&mut self, link: LinkId, value: &resp::Value) -> Result<Event, Fault> {
        if self.channel == Channel::Hello
            && let Some(hello) = message(value)
        {
            return Ok(Event::Heard { link, hello });
        }
        // A reply that nobody asked for: this is not the protocol that we speak.
        let Some(Owed::Reply(ask)) = self.owed.pop_front() else {
            return Err(Fault::Malformed);
        };
        let answer = match (&ask, value.as_array()) {
            // While subscribed, Redis answers PING with a list.
            (Ask::Ping, Some([pong, ..])) if pong.as_str() == Some("pong") => Answer::Pong,
            _ => Answer::read(&ask, value),
        };
        Ok(Event::Answered { link, answer })
    }
}

/// The text of a message on the hello channel.
fn message(value: &resp::Value) -> Option<String> {
    match value.as_array()? {
        [kind, channel, text] if kind.as_str() == Some("message") && channel.as_str() == Some(HELLO_CHANNEL) => {
            // Not UTF-8 is not a hello; the machine counts what makes no sense.
            Some(String::from_utf8_lossy(text.as_bytes()?).into_owned())
        }
        _ => None,
    }
}

/// What an error of the kernel says about the other side.
fn fault(e: &io::Error) -> Fault {
    match e.kind() {
        io::ErrorKind::ConnectionRefused => Fault::Refused,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => Fault::Reset,
        io::ErrorKind::UnexpectedEof => Fault::Closed,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
            Fault::Unreachable
        }
        io::ErrorKind::TimedOut => Fault::TimedOut,
        // No descriptors, no memory, no free port, no right.
        _ => Fault::Local,
    }
}

/// Commands of one link that wait for their answers. The machine stops at 100.
const MAX_OWED: usize = 128;
/// Bytes that wait to be sent. Our commands have some 100 bytes each.
const MAX_OUT: usize = 64 << 10;
/// The longest reply that is waited for; INFO of a large server has some 10 KiB.
const MAX_REPLY: usize = 1 << 20;
const CHUNK: usize = 16 << 10;
