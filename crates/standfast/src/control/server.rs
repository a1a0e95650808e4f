//! The node's side of the control socket.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use node::event::Wish;
use sentinel::{Reply, Request};
use serde::Serialize;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use view::GroupName;

use super::{Answer, Clock, Flight, MAX_REQUEST, Stands, Switched};
use crate::explain;
use crate::failure::Failure;
use crate::feeds::Obeyed;
use crate::life::Operator;
use crate::overlay::{MAX_WEIGHT, Order, State};
use crate::status::Source;
use crate::upgrade;

/// Binds the socket; takes the place of one that a killed node left behind, but not of one that somebody answers on.
pub(crate) fn bind(path: &Path) -> Result<StdListener, Failure> {
    let refused = |e: &io::Error, what: &str| {
        Failure::host(format!(
            "cannot open the control socket {}: {e}. Nothing was started. What to do: {what}, or set `control` in [node] to another path",
            path.display()
        ))
    };
    if is_answered(path) {
        let e = io::Error::from(io::ErrorKind::AddrInUse);
        return Err(refused(&e, "another node answers there: stop that one"));
    }
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(refused(&e, "remove what is there")),
        _ => {}
    }
    let listener =
        StdListener::bind(path).map_err(|e| refused(&e, "see that the directory exists and can be written"))?;
    // Whoever may connect may move masters.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
        .map_err(|e| refused(&e, "see that the file system knows permissions"))?;
    listener.set_nonblocking(true).map_err(|e| refused(&e, "try again"))?;
    Ok(listener)
}

/// Whether somebody listens there: also one who has hung, with as many in the queue as there may be.
fn is_answered(path: &Path) -> bool {
    let knock = || {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)
    };
    knock().map_or_else(|e| e.kind() == io::ErrorKind::WouldBlock, |()| true)
}

/// Answers on the control socket.
pub(crate) struct Server {
    pub(crate) source: Source,
    pub(crate) operator: Operator,
}

impl Server {
    /// Serves for ever.
    pub(crate) async fn run(self, listener: StdListener) -> io::Result<()> {
        let listener = UnixListener::from_std(listener)?;
        let server = Arc::new(self);
        let room = Arc::new(Semaphore::new(MAX_CLIENTS));
        loop {
            // At the bound the next one waits in the kernel's queue.
            let Ok(permit) = room.clone().acquire_owned().await else { return Ok(()) };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let server = server.clone();
                    tokio::spawn(async move {
                        // An operator who went away needs no answer.
                        let _ = server.answer(stream).await;
                        drop(permit);
                    });
                }
                Err(e) => {
                    tracing::warn!("the control socket could not accept a connection: {e}; trying again");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    async fn answer(&self, mut stream: UnixStream) -> io::Result<()> {
        let line = tokio::time::timeout(PATIENCE, read_line(&mut stream)).await??;
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        if let ["views"] = words.as_slice() {
            return upgrade::tell_views(&mut stream, &self.source.feeds, self.source.node.changed()).await;
        }
        let mut answer = match words.as_slice() {
            ["status"] => match self.source.status().await {
                Some(status) => json(&Answer::Ok(status)),
                None => stopping(),
            },
            ["clock"] => json(&Answer::Ok(Clock { now: host::clock::now().as_nanos() })),
            ["flight"] => self.flight(),
            ["explain", nr] => self.explain(None, nr).await,
            ["explain", nr, group] => self.explain(Some(group), nr).await,
            ["switchover", group] => self.switchover(group, None).await,
            ["switchover", group, to] => match to.parse() {
                Ok(to) => self.switchover(group, Some(to)).await,
                Err(_) => refused("ERR", &format!("{to} is not an address such as 10.0.0.2:6379")),
            },
            ["upgrade", ..] => self.upgrade(line.trim().strip_prefix("upgrade").unwrap_or_default().trim()).await,
            ["reload"] => self.reload().await,
            ["server", group, addr, words @ ..] => self.server(group, addr, words).await,
            ["address", wish, name] => self.address(wish, name).await,
            _ => refused(
                "ERR",
                "expected `status`, `switchover`, `server`, `address`, `reload`, `upgrade`, `explain`, `flight` or `clock`",
            ),
        };
        answer.push('\n');
        tokio::time::timeout(PATIENCE, stream.write_all(answer.as_bytes())).await?
    }

    fn flight(&self) -> String {
        let written = self.source.node.write_flight_record();
        let written = written.and_then(|path| Ok((path, self.source.addresses.write_flight_record().transpose()?)));
        match written {
            Ok((path, addresses)) => json(&Answer::Ok(Flight { path, addresses })),
            Err(e) => refused("ERR", &format!("the flight record could not be written: {e}")),
        }
    }

    async fn explain(&self, group: Option<&str>, nr: &str) -> String {
        let Ok(nr) = nr.parse() else { return refused("ERR", &format!("{nr} is not a number")) };
        match explain::of(&self.source, group, nr).await {
            Ok(Some(explained)) => json(&Answer::Ok(explained)),
            Ok(None) => stopping(),
            Err(why) => refused("NONE", &why),
        }
    }

    async fn reload(&self) -> String {
        let Some(reloader) = &self.operator.reloader else {
            return refused(
                "ERR",
                "this node lives on a sentinel.conf, which commands change: there is nothing to read anew",
            );
        };
        match reloader.reload("an operator").await {
            Ok(lines) => json(&Answer::Ok(lines)),
            Err(failure) => refused(failure.word(), &failure.to_string()),
        }
    }

    /// The path may have spaces.
    async fn upgrade(&self, binary: &str) -> String {
        let Some(upgrader) = &self.operator.upgrader else {
            return refused(
                "ERR",
                "only a node that lives on a file of ours hands over to another process: restart this one",
            );
        };
        let binary = Some(binary).filter(|path| !path.is_empty()).map(PathBuf::from);
        match upgrader.upgrade(binary, "an operator").await {
            Ok(taken) => json(&Answer::Ok(taken)),
            Err(failure) => refused(failure.word(), &failure.to_string()),
        }
    }

    async fn server(&self, group: &str, addr: &str, words: &[&str]) -> String {
        let (Ok(addr), Some(order)) = (addr.parse(), order(words)) else {
            return refused(
                "ERR",
                "expected `server GROUP HOST:PORT drain|maintenance [force]`, `ready` or `weight N`",
            );
        };
        let (feeds, group) = (self.source.feeds.clone(), GroupName::from(group));
        let name = group.clone();
        // It waits for the disk.
        match tokio::task::spawn_blocking(move || feeds.obey(&name, addr, order)).await {
            Ok(Ok(Obeyed { standing, kept })) => {
                tracing::info!(%group, "server {addr}: {}, as an operator wants", words.join(" "));
                json(&Answer::Ok(Stands { standing, forgets: kept.err() }))
            }
            Ok(Err(why)) => refused("ERR", &why),
            Err(_) => stopping(),
        }
    }

    async fn address(&self, wish: &str, name: &str) -> String {
        let wish = match wish {
            "release" => Wish::Release,
            "take" => Wish::Take,
            "preempt" => Wish::Preempt,
            _ => return refused("ERR", "expected `address release|take|preempt NAME`"),
        };
        match self.source.addresses.wish(name, wish).await {
            Ok(wished) => json(&Answer::Ok(wished)),
            Err(why) => refused("ERR", &why),
        }
    }

    async fn switchover(&self, group: &str, to: Option<std::net::SocketAddr>) -> String {
        if self.source.outside.has(&GroupName::from(group)) {
            return refused(
                "ERR",
                "nodes do not vote on this group: whoever made its master (its Sentinels, or an operator) has to move it",
            );
        }
        let request = Request::Switchover { group: GroupName::from(group), to };
        match self.source.node.ask(request).await {
            Some(Reply::Switched { from, to, epoch, held }) => json(&Answer::Ok(Switched { from, to, epoch, held })),
            Some(Reply::Refused { code, why }) => refused(&code, &why),
            Some(other) => refused("ERR", &format!("unexpected reply {other:?}: please report this")),
            None => stopping(),
        }
    }
}

/// What the words behind `server GROUP HOST:PORT` want.
fn order(words: &[&str]) -> Option<Order> {
    let be = |state, force| Order::Be { state, force };
    match words {
        ["ready"] => Some(be(State::Ready, false)),
        ["drain"] => Some(be(State::Drain, false)),
        ["drain", "force"] => Some(be(State::Drain, true)),
        ["maintenance"] => Some(be(State::Maintenance, false)),
        ["maintenance", "force"] => Some(be(State::Maintenance, true)),
        ["weight", n] => n.parse().ok().filter(|n| *n <= MAX_WEIGHT).map(Order::Weigh),
        _ => None,
    }
}

async fn read_line(stream: &mut UnixStream) -> io::Result<String> {
    let mut line = Vec::new();
    while !line.contains(&b'\n') {
        if line.len() >= MAX_REQUEST || stream.read_buf(&mut line).await? == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

fn json<T: Serialize>(answer: &Answer<T>) -> String {
    serde_json::to_string(answer).unwrap_or_else(|e| refused("ERR", &format!("the answer has no JSON form: {e}")))
}

fn refused(code: &str, why: &str) -> String {
    let answer = Answer::<()>::Refused { code: code.to_owned(), why: why.to_owned() };
    serde_json::to_string(&answer).expect("two texts have a JSON form")
}

fn stopping() -> String {
    refused("ERR", "the node is stopping")
}

/// Operators at a time.
const MAX_CLIENTS: usize = 32;
/// After accept(2) failed: so often it is said, too.
const ACCEPT_RETRY: Duration = Duration::from_secs(1);
/// How long a request line may take to come, and an answer to be read.
const PATIENCE: Duration = Duration::from_secs(5);
