//! How does one connection to a Redis or to another node speak? Orders go out as commands, replies come in as answers, in order.
//!
//! A link contains no rule and no patience of its own: the machine decides how long to wait and closes what takes too long.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use sentinel::command::{self, HELLO_CHANNEL};
use sentinel::{Answer, Ask, Channel, Event, Fault, LinkId, Target, hello};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, WriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use view::GroupName;

use crate::edges::tls::ByGroup;
use crate::info_cache::InfoCache;
use crate::keys::Keys;
use crate::names::Names;
use crate::node_loop::Input;
use crate::tls;

/// How links are made: what all of them share. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Ways {
    /// What they log in with.
    pub(crate) keys: Keys,
    /// Where they start from; `None`: wherever the kernel likes.
    pub(crate) source: Option<IpAddr>,
    /// Which names hosts have.
    pub(crate) names: Names,
    /// How they are encrypted; `None`: not at all.
    pub(crate) tls: Option<tls::Connector>,
    /// How those to the servers of some groups are.
    pub(crate) server_tls: ByGroup,
    /// What servers say of themselves is kept here.
    pub(crate) infos: InfoCache,
    /// Operators are told by somebody else of what goes wrong.
    pub(crate) is_quiet: bool,
}

/// Who is at the other end of a link, and what the link is for.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) group: GroupName,
    pub(crate) target: Target,
    pub(crate) channel: Channel,
}

/// Our end of a link. Dropping it closes the connection once what was sent has gone out; nothing is reported of it afterwards.
pub(crate) struct Link {
    orders: mpsc::Sender<Ask>,
    stage: Arc<AtomicU8>,
    task: AbortHandle,
}

/// How far a link is: both ends of it look.
const CONNECTING: u8 = 0;
const OPEN: u8 = 1;
const CLOSED: u8 = 2;

impl Link {
    /// Begins to connect. What becomes of it comes to `inbox`.
    pub(crate) fn open(id: LinkId, door: Door, ways: Ways, inbox: mpsc::Sender<Input>) -> Self {
        let (orders, taken) = mpsc::channel(MAX_OWED);
        let stage = Arc::new(AtomicU8::new(CONNECTING));
        let reports = Reports { id, inbox, stage: Arc::clone(&stage) };
        let task = tokio::spawn(async move {
            let fault = live(&reports, door, ways, taken).await;
            reports.send(Event::Failed { link: id, fault }).await;
        });
        Self { orders, stage, task: task.abort_handle() }
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
        let was = self.stage.swap(CLOSED, Ordering::Relaxed);
        let task = self.task.clone();
        match tokio::runtime::Handle::try_current() {
            // The last orders may release somebody, such as a replica that was told to follow nobody.
            Ok(runtime) if was == OPEN => {
                runtime.spawn(async move {
                    tokio::time::sleep(LAST_ORDERS).await;
                    task.abort();
                });
            }
            _ => task.abort(),
        }
    }
}

struct Reports {
    id: LinkId,
    inbox: mpsc::Sender<Input>,
    stage: Arc<AtomicU8>,
}

impl Reports {
    async fn send(&self, event: Event) {
        if self.stage.load(Ordering::Relaxed) != CLOSED {
            // The loop ends before its links do: then nobody wants to know.
            let _ = self.inbox.send(Input::Happened(event)).await;
        }
    }

    /// Says that it is open; what is sent from here on goes out even if it is closed at once.
    async fn connected(&self) {
        let _ = self.stage.compare_exchange(CONNECTING, OPEN, Ordering::Relaxed, Ordering::Relaxed);
        self.send(Event::Connected { link: self.id }).await;
    }
}

/// The whole life of a link; returns what ended it.
async fn live(reports: &Reports, door: Door, ways: Ways, orders: mpsc::Receiver<Ask>) -> Fault {
    let stream = match connect(reports.id.to, ways.source).await {
        Ok(stream) => stream,
        Err(e) => return fault(&e),
    };
    let local = stream.local_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |addr| addr.ip());
    let of_group = (door.target == Target::Server).then(|| ways.server_tls.connector(&door.group)).flatten();
    let tls = of_group.or_else(|| ways.tls.clone());
    let talk = Talk::new(local, door, ways);
    let Some(tls) = tls else { return talk.run(stream, reports, orders).await };
    match tls.connect(stream, reports.id.to).await {
        Ok(stream) => talk.run(stream, reports, orders).await,
        Err(e) => {
            tracing::debug!(server = %reports.id.to, "no TLS: {e}");
            fault(&e)
        }
    }
}

/// A connection to there, from there.
pub(crate) async fn connect(to: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // An address of the other family is no start for this way: the kernel chooses.
    if let Some(source) = source.filter(|source| source.is_ipv4() == to.is_ipv4()) {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(to).await?;
    // On one host a connection to a free port of the ephemeral range can, by chance, be made to itself (simultaneous open).
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// An open connection.
struct Talk {
    /// Our end, which a hello may have to name.
    local: IpAddr,
    door: Door,
    ways: Ways,
    /// What was asked and not yet answered, in order.
    owed: VecDeque<Owed>,
    out: Vec<u8>,
    input: Vec<u8>,
    /// An operator was told about this server.
    warned: bool,
}

enum Owed {
    /// Sent; its reply will come.
    Reply(Ask),
    /// Nothing had to be sent; it is answered when its turn comes.
    Nothing,
}

impl Talk {
    fn new(local: IpAddr, door: Door, ways: Ways) -> Self {
        let (owed, out, input) = (VecDeque::new(), Vec::new(), Vec::new());
        Self { local, door, ways, owed, out, input, warned: false }
    }

    /// The link was closed: what was sent before goes out, and the other side is let take it. Whoever closed it ends this in time.
    async fn last_orders<S>(&self, mut from: tokio::io::ReadHalf<S>, mut to: WriteHalf<S>) -> Fault
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if to.write_all(&self.out).await.is_ok() && to.shutdown().await.is_ok() {
            let mut rest = [0; 512];
            while let Ok(1..) = from.read(&mut rest).await {}
        }
        Fault::Local
    }

    async fn run<S>(mut self, stream: S, reports: &Reports, mut orders: mpsc::Receiver<Ask>) -> Fault
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        reports.connected().await;
        let (mut from, mut to) = tokio::io::split(stream);
        // What a TLS stream has taken may still wait in it.
        let mut unflushed = false;
        loop {
            let may_take = self.owed.len() < MAX_OWED && self.out.len() < MAX_OUT;
            let done = tokio::select! {
                order = orders.recv(), if may_take => match order {
                    Some(ask) => {
                        self.take(&ask);
                        continue;
                    }
                    None => return self.last_orders(from, to).await,
                },
                read = from.read_buf(&mut self.input) => match read {
                    Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
                    read => read.map(|_| ()),
                },
                pushed = push(&mut to, &self.out), if unflushed || !self.out.is_empty() => pushed.map(|n| {
                    unflushed = n > 0;
                    self.out.drain(..n);
                }),
            };
            if let Err(e) = done {
                // What came before the end was said before the end, even if it was our own words that could not be sent.
                let _ = tokio::time::timeout(LAST_WORDS, from.read_buf(&mut self.input)).await;
                let _ = self.tell(reports).await;
                return fault(&e);
            }
            if let Err(fault) = self.tell(reports).await {
                return fault;
            }
        }
    }

    fn take(&mut self, ask: &Ask) {
        // Looked up each time: a command can get another name while the link is up.
        let credentials = self.ways.keys.of(&self.door.group, self.door.target);
        let names = &self.ways.names;
        let sent = match ask {
            Ask::Replicate { master } if names.name_of(master.ip()).is_some() => {
                command::write_replicate(&mut self.out, &names.told(master.ip()), master.port(), &credentials);
                true
            }
            Ask::Hello { text } => {
                let text = hello::with_hosts(text, |host| names.name_of(host.parse().ok()?));
                command::write(&mut self.out, &Ask::Hello { text }, &credentials, self.local)
            }
            ask => command::write(&mut self.out, ask, &credentials, self.local),
        };
        self.owed.push_back(if sent { Owed::Reply(ask.clone()) } else { Owed::Nothing });
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
        if self.door.channel == Channel::Hello
            && let Some(hello) = message(value)
        {
            let hello = self.ways.names.in_addresses(&hello);
            return Ok(Event::Heard { link, hello });
        }
        if self.door.channel == Channel::Events
            && let Some(hello) = event(value)
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
            _ => Answer::read_with(&ask, value, &|host, port| self.ways.names.find_known(host, port)),
        };
        if let (Ask::Info, Some(text)) = (&ask, value.as_str()) {
            self.ways.infos.put(link.to, host::clock::now(), text);
        }
        self.warn(link, &answer);
        Ok(Event::Answered { link, answer })
    }

    /// Tells an operator what the start would have refused: once a connection, not once an answer.
    fn warn(&mut self, link: LinkId, answer: &Answer) {
        let server = link.to;
        match answer {
            _ if self.warned || self.ways.is_quiet => return,
            Answer::Denied { text } => {
                let text = text.trim_end_matches('.');
                let key = match self.door.target {
                    Target::Server => "see the user and password of its group (sentinel.conf: auth-user, auth-pass)",
                    Target::Peer => {
                        "it is another Sentinel: see sentinel-user and sentinel-pass, or without them requirepass, which have to fit its own"
                    }
                };
                tracing::warn!(%server, "it does not let us in: {text}. It counts as down until it does; {key}");
            }
            Answer::Info(info) if !info.is_supported() => {
                tracing::warn!(%server, "it is Redis {}; Standfast needs 6.2 or newer, so expect orders to fail", info.version);
            }
            Answer::Strange { text } => {
                tracing::warn!(%server, "an answer that does not fit the question: {text}. Is this port really a Redis?")
            }
            _ => return,
        }
        self.warned = true;
    }
}

/// Hands on what waits; how many bytes were taken. Of none, those that were taken earlier are on their way.
async fn push<S: AsyncWrite>(to: &mut WriteHalf<S>, out: &[u8]) -> io::Result<usize> {
    if out.is_empty() { to.flush().await.map(|()| 0) } else { to.write(out).await }
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

/// What a Sentinel publishes: the event's name, a blank, and what follows it.
fn event(value: &resp::Value) -> Option<String> {
    match value.as_array()? {
        [kind, _, name, text] if kind.as_str() == Some("pmessage") => {
            let [name, text] = [name, text].map(|part| part.as_bytes().map(String::from_utf8_lossy));
            Some(format!("{} {}", name?, text?))
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
        // Not the TLS, or not the certificate, that was expected.
        io::ErrorKind::InvalidData => Fault::Malformed,
        // No descriptors, no memory, no free port, no right.
        _ => Fault::Local,
    }
}

/// Commands of one link that wait for their answers. The machine stops at 100.
const MAX_OWED: usize = 128;
/// What is already here is read at once.
const LAST_WORDS: Duration = Duration::from_millis(1);
/// How long a link that was closed has for what was sent before.
const LAST_ORDERS: Duration = Duration::from_secs(1);
/// Bytes that wait to be sent. Our commands have some 100 bytes each.
const MAX_OUT: usize = 64 << 10;
/// The longest reply that is waited for; INFO of a large server has some 10 KiB.
const MAX_REPLY: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpListener;

    use super::*;

    /// What the loop is told next.
    async fn next(inbox: &mut mpsc::Receiver<Input>) -> Event {
        let input = tokio::time::timeout(Duration::from_secs(30), inbox.recv()).await;
        match input.expect("a link always says how it went") {
            Some(Input::Happened(event)) => event,
            _ => panic!("a link only tells events"),
        }
    }

    fn door(channel: Channel) -> Door {
        Door { group: "cache".into(), target: Target::Server, channel }
    }

    async fn connected(channel: Channel) -> (Link, LinkId, mpsc::Receiver<Input>, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let id = LinkId { to: listener.local_addr().unwrap(), nr: 1 };
        let (inbox, mut told) = mpsc::channel(64);
        let link = Link::open(id, door(channel), Ways::default(), inbox);
        let (server, _) = listener.accept().await.unwrap();
        assert_eq!(next(&mut told).await, Event::Connected { link: id });
        (link, id, told, server)
    }

    #[tokio::test]
    async fn answers_come_in_the_order_of_the_questions_also_where_nothing_was_sent() {
        let (link, id, mut told, mut server) = connected(Channel::Command).await;
        for ask in [Ask::Ping, Ask::Auth, Ask::Role] {
            link.send(ask).unwrap();
        }
        let mut asked = [0; 14 + 14];
        server.read_exact(&mut asked).await.unwrap();
        assert_eq!(&asked, b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nROLE\r\n", "without a password no AUTH is sent");
        server.write_all(b"+PONG\r\n*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n").await.unwrap();
        let answered = |answer| Event::Answered { link: id, answer };
        assert_eq!(next(&mut told).await, answered(Answer::Pong));
        assert_eq!(next(&mut told).await, answered(Answer::Ok));
        assert_eq!(next(&mut told).await, answered(Answer::Role { role: sentinel::answer::Role::Master }));
        drop(server);
        assert_eq!(next(&mut told).await, Event::Failed { link: id, fault: Fault::Closed });
    }

    #[tokio::test]
    async fn what_was_sent_before_the_close_is_sent() {
        let (link, _, mut told, mut server) = connected(Channel::Command).await;
        for _ in 0..3 {
            link.send(Ask::Unpause).unwrap();
        }
        drop(link);
        let mut got = Vec::new();
        server.read_to_end(&mut got).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&got).matches("UNPAUSE").count(), 3, "{got:?}");
        server.write_all(b"+OK\r\n").await.unwrap();
        drop(server);
        assert!(told.recv().await.is_none(), "nothing is told of a link that was closed");
    }

    #[tokio::test]
    async fn messages_and_answers_are_told_apart_on_the_hello_channel() {
        let (link, id, mut told, mut server) = connected(Channel::Hello).await;
        link.send(Ask::Subscribe).unwrap();
        link.send(Ask::Ping).unwrap();
        let wire = "*3\r\n$9\r\nsubscribe\r\n$18\r\n__sentinel__:hello\r\n:1\r\n\
                    *3\r\n$7\r\nmessage\r\n$18\r\n__sentinel__:hello\r\n$3\r\na,b\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n";
        for byte in wire.as_bytes() {
            server.write_all(&[*byte]).await.unwrap();
        }
        assert_eq!(next(&mut told).await, Event::Answered { link: id, answer: Answer::Ok });
        assert_eq!(next(&mut told).await, Event::Heard { link: id, hello: "a,b".to_owned() });
        assert_eq!(next(&mut told).await, Event::Answered { link: id, answer: Answer::Pong });
    }

    #[tokio::test]
    async fn what_is_not_the_protocol_ends_the_link() {
        for garbage in ["HTTP/1.1 400 Bad Request\r\n", "+PONG\r\n"] {
            let (_link, id, mut told, mut server) = connected(Channel::Command).await;
            server.write_all(garbage.as_bytes()).await.unwrap();
            assert_eq!(next(&mut told).await, Event::Failed { link: id, fault: Fault::Malformed }, "{garbage}");
        }
    }

    #[tokio::test]
    async fn a_refused_connection_is_told_as_the_kernels_word() {
        let id = LinkId { to: ports::free_address(), nr: 1 };
        let (inbox, mut told) = mpsc::channel(64);
        let _link = Link::open(id, door(Channel::Command), Ways::default(), inbox);
        assert_eq!(next(&mut told).await, Event::Failed { link: id, fault: Fault::Refused });
    }
}
