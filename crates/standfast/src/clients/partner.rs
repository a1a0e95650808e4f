//! How is another node told, and when is it lost?
//!
//! ```text
//!   connect ─> log in ─> who is there, which addresses matter to it? ─> all connections there ─> news, or "still here" ─┐
//!                          ^                                             one message, one answer, ^───────────────────────┤
//!                          └──────────────────────── it asks to begin anew ───────────────────────────────────────────────┤
//!   lost <── no answer in time, or broken off and not to be reached again <───────────────────────────────────────────────┘
//! ```

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use host::clock::now;
use machine::Instant;
use resp::{Limits, Value};
use sentinel::Target;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use view::GroupName;

use super::Shared;
use super::own::Reader;
use super::words::{Message, Part, RESEND, STRANGER, Welcome};
use crate::link::{self, Ways};

/// Another node that may hold addresses of ours.
pub(super) struct Partner {
    addr: SocketAddr,
    shared: Arc<Shared>,
    ways: Ways,
    /// What it may be told of.
    offer: watch::Receiver<BTreeSet<IpAddr>>,
    /// While it answers: what it calls itself, and what it cares for.
    known: Option<(String, Vec<IpAddr>)>,
    /// When it last answered.
    heard: Instant,
    /// An operator has named it: somebody is to be there.
    is_named: bool,
    /// It was said that nobody is.
    is_missed: bool,
}

/// Why a connection came to its end.
enum End {
    /// It does not answer.
    Silent,
    /// It could not be made, or was broken off.
    Broken(io::Error),
    /// Who answers is no partner: another program, or one that does not let us in.
    Stranger(String),
    /// It is ourselves.
    Ourselves,
}

impl End {
    fn why(&self) -> String {
        match self {
            Self::Broken(e) => e.to_string(),
            Self::Stranger(why) => why.clone(),
            Self::Silent | Self::Ourselves => "it does not answer".to_owned(),
        }
    }
}

impl Partner {
    pub(super) fn new(
        addr: SocketAddr,
        shared: Arc<Shared>,
        ways: Ways,
        offer: watch::Receiver<BTreeSet<IpAddr>>,
        is_named: bool,
    ) -> Self {
        Self { addr, shared, ways, offer, known: None, heard: now(), is_named, is_missed: false }
    }

    /// Tells it, for ever.
    pub(super) async fn keep(mut self) {
        let mut strange = AGAIN;
        let mut broke = None;
        loop {
            let Err(end) = self.talk().await;
            if self.known.is_some() {
                // Where a network was cut for a moment, another connection is quicker than what the kernel would try on this one.
                let may_be_slow = matches!(end, End::Silent) && now().since(self.heard) < LOST;
                // Who broke off may have given its place to another process, which is there already.
                let may_be_another = matches!(end, End::Broken(_)) && broke.replace(self.heard) != Some(self.heard);
                if may_be_slow || may_be_another {
                    sleep(AT_ONCE).await;
                    continue;
                }
            }
            let pause = match &end {
                End::Ourselves => return,
                End::Stranger(why) => {
                    // One that has just been started answers before it knows of its addresses, and one that does not know us yet is about to.
                    let is_new_to_it = why.starts_with(STRANGER);
                    let (said_at, most) = if is_new_to_it { (HELLO / 2, HELLO) } else { (AGAIN, STRANGE) };
                    let is_said = strange > said_at || why.starts_with(UNKNOWN);
                    strange = (strange * 2).min(most);
                    if !is_said && strange > said_at {
                        tracing::warn!(node = %self.addr, "it is not told which clients are served here: {why}");
                    }
                    self.lose(&end);
                    strange
                }
                End::Silent | End::Broken(_) => {
                    strange = AGAIN;
                    self.lose(&end);
                    AGAIN
                }
            };
            self.miss(&end);
            sleep(pause).await;
        }
    }

    /// Who was named and is not there is said once, until somebody is: without a partner the one promise that needs it is off.
    fn miss(&mut self, end: &End) {
        if self.is_named && !self.is_missed && self.known.is_none() && now().since(self.heard) >= MISSED {
            self.is_missed = true;
            tracing::warn!(
                node = %self.addr,
                "nobody there, where `partners` has another host, is told which clients are served here ({}): should this host be lost, those \
                 who wait for an answer stall. Is it the Sentinel port (`[node] listen`) of a Standfast that may hold the address?",
                end.why()
            );
        }
    }

    fn lose(&mut self, end: &End) {
        let why = end.why();
        let Some((name, ips)) = self.known.take() else {
            return tracing::trace!(node = %self.addr, "not reached: {why}");
        };
        tracing::warn!(node = name, "{} is lost, which may hold addresses of ours: {why}", self.addr);
        self.shared.lost(&ips, &name);
    }

    async fn talk(&mut self) -> Result<Infallible, End> {
        let connected = timeout(CONNECT, link::connect(self.addr, self.ways.source)).await;
        let stream = connected.map_err(|_| End::Silent)?.map_err(End::Broken)?;
        match self.ways.tls.clone() {
            None => self.speak(Line::new(stream)).await,
            Some(tls) => {
                let shaken = timeout(ANSWER, tls.connect(stream, self.addr)).await;
                let stream = shaken.map_err(|_| End::Silent)?.map_err(End::Broken)?;
                self.speak(Line::new(stream)).await
            }
        }
    }

    async fn speak<S: AsyncRead + AsyncWrite + Unpin>(&mut self, mut line: Line<S>) -> Result<Infallible, End> {
        // Of peers the group does not matter.
        let login = self.ways.keys.of(&GroupName::from(""), Target::Peer);
        if !login.password.is_empty() {
            let words: Vec<&str> =
                ["AUTH", &login.username, &login.password].into_iter().filter(|word| !word.is_empty()).collect();
            let mut out = Vec::new();
            resp::write::command(&mut out, &words);
            if let Some(refusal) = line.ask(&out).await?.as_error() {
                return Err(End::Stranger(format!("it does not let us in: {refusal}")));
            }
        }
        loop {
            let wanted = self.introduce(&mut line).await?;
            let _listens = (!wanted.is_empty()).then(|| Listens::new(self.shared.clone()));
            self.tell(&mut line, wanted).await?;
        }
    }

    /// Who is there, and which of what we offer does it care for?
    async fn introduce<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        line: &mut Line<S>,
    ) -> Result<BTreeSet<IpAddr>, End> {
        let offer = self.offer.borrow_and_update().clone();
        let answer = line.ask(&self.message(0, Vec::new())).await?;
        let Some(Welcome { teller, cares_for }) = Welcome::read(&answer) else {
            let what = answer.as_error().unwrap_or("it is no Standfast of our version");
            return Err(End::Stranger(what.to_owned()));
        };
        if teller == self.shared.teller {
            return Err(End::Ourselves);
        }
        let wanted: BTreeSet<IpAddr> = cares_for.into_iter().filter(|ip| offer.contains(ip)).collect();
        match self.known {
            Some(_) => {}
            None if wanted.is_empty() => tracing::info!(node = teller.name, "{} shares no address with us", self.addr),
            None => tracing::info!(node = teller.name, addresses = ?wanted, "{} shares addresses with us", self.addr),
        }
        self.is_missed = false;
        self.known = Some((teller.name, wanted.iter().copied().collect()));
        self.heard = now();
        Ok(wanted)
    }

    /// Tells it what it does not know, until it has to begin anew.
    async fn tell<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        line: &mut Line<S>,
        wanted: BTreeSet<IpAddr>,
    ) -> Result<(), End> {
        let mut reader = Reader::new(wanted);
        let mut news = self.shared.news.subscribe();
        for step in 1.. {
            news.mark_unchanged();
            let parts = reader.read(&self.shared.own());
            let answer = line.ask(&self.message(step, parts)).await?;
            self.heard = now();
            match answer.as_error() {
                None => {}
                Some(error) if error.starts_with(RESEND) => return Ok(()),
                Some(error) => return Err(End::Stranger(error.to_owned())),
            }
            if reader.is_behind(&self.shared.own()) {
                continue;
            }
            tokio::select! {
                _ = news.changed() => {}
                _ = self.offer.changed() => return Ok(()),
                () = sleep(STILL_HERE) => {}
                end = line.end() => return Err(end),
            }
        }
        Ok(())
    }

    fn message(&self, step: u64, parts: Vec<Part>) -> Vec<u8> {
        let mut out = Vec::new();
        Message { teller: self.shared.teller.clone(), step, parts }.write(&mut out);
        out
    }
}

/// A partner that wants to be told something: as long as there is one, the kernel is asked.
struct Listens(Arc<Shared>);

impl Listens {
    fn new(shared: Arc<Shared>) -> Self {
        shared.audience.fetch_add(1, Ordering::Relaxed);
        shared.came.notify_waiters();
        Self(shared)
    }
}

impl Drop for Listens {
    fn drop(&mut self) {
        self.0.audience.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection on which one thing is asked at a time.
struct Line<S> {
    stream: S,
    input: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Line<S> {
    const fn new(stream: S) -> Self {
        Self { stream, input: Vec::new() }
    }

    async fn ask(&mut self, question: &[u8]) -> Result<Value, End> {
        let asked = timeout(ANSWER, async {
            self.stream.write_all(question).await?;
            self.stream.flush().await?;
            self.answer().await
        });
        asked.await.map_err(|_| End::Silent)?.map_err(End::Broken)
    }

    async fn answer(&mut self) -> io::Result<Value> {
        loop {
            let decoded = resp::decode(&self.input, &Limits::REPLIES);
            if let Some((value, len)) = decoded.map_err(io::Error::other)? {
                self.input.drain(..len);
                return Ok(value);
            }
            if self.input.len() > MAX_ANSWER {
                return Err(io::Error::other("an answer without end"));
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Waits for its end: nothing comes that was not asked for.
    async fn end(&mut self) -> End {
        match self.stream.read_buf(&mut self.input).await {
            Ok(0) => End::Broken(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => End::Broken(io::Error::other("it speaks before it is asked")),
            Err(e) => End::Broken(e),
        }
    }
}

/// A Sentinel that is none of ours, or one of ours that holds no addresses: nobody has to know.
const UNKNOWN: &str = "ERR unknown command";
/// A node hears of another one every two seconds: one to which we are new for longer is not about to know us.
const HELLO: Duration = Duration::from_secs(4);
/// How often one that has nothing to hear is asked whether it is there.
const STILL_HERE: Duration = Duration::from_millis(200);
/// Who does not answer for so long is lost: its clients are told so by whoever holds the address then, who may be in doubt without harm.
const LOST: Duration = Duration::from_secs(1);
/// After so long another connection is tried: the kernel repeats what was lost after 0.2, 0.6 and 1.4 s, so that it may find a network that is
/// whole again a second too late.
const ANSWER: Duration = Duration::from_millis(400);
/// And so for the first packet, which the kernel repeats after a second.
const CONNECT: Duration = Duration::from_millis(250);
/// Before one is tried again that is believed to be there, however quickly it breaks off.
const AT_ONCE: Duration = Duration::from_millis(10);
/// Between two attempts to reach one that is not there.
const AGAIN: Duration = Duration::from_millis(100);
/// A host that was named and is not there for so long is none that has just been started.
const MISSED: Duration = Duration::from_secs(5);
/// Before one is asked again that does not understand us.
const STRANGE: Duration = Duration::from_secs(10);
/// Bytes of an answer: names and addresses.
const MAX_ANSWER: usize = 64 * 1024;
