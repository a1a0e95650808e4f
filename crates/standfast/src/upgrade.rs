//! How does another program take our place without a moment in which nobody listens or two decide?
//!
//! ```text
//!   the node that runs                                  the program that takes its place
//!   start it with our sockets, lock and a line ───────> reads the file, checks it, takes the sockets
//!                                                <───── prepared
//!   all saves are done, the machine stops
//!   go                                           ─────> state from the disk, clients are let in, the machine begins
//!                                                <───── ready
//!   lets nobody in any more, ends the machine
//!   its clients are served to their end,
//!   at the longest for `drain-timeout`           ─────> what is the view? (by the control socket: `views`)
//! ```
//!
//! Until `ready` the node that runs has everything that it needs to go on: if the other one ends, says why not, or takes too long, it is
//! killed, and the machine begins anew from the disk as after a restart. What the other one may have promised meanwhile is there.

mod follow;
mod predecessor;
mod talk;

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use host::inherit;
use sd_notify::NotifyState;
use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};

use crate::cli::UpgradeArgs;
use crate::control;
use crate::failure::Failure;
use crate::inherited::{VARIABLE, Words};
use crate::life::notify;
use crate::reload::Reloader;
use crate::say::say;
use crate::status::Source;
pub(crate) use follow::tell as tell_views;
pub(crate) use predecessor::Predecessor;
pub(crate) use talk::Legacy;
use talk::{Talk, Word};

/// Held while a program is started: descriptors that are meant for one must not be seen by another.
pub(crate) static STARTING: Mutex<()> = Mutex::new(());

/// Prepares programs, one at a time, and orders the loop to hand over. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Upgrader(Arc<Inner>);

struct Inner {
    orders: mpsc::Sender<Order>,
    reloader: Reloader,
}

/// What the loop is asked for.
pub(crate) enum Order {
    /// What another program needs.
    Lend(oneshot::Sender<io::Result<Goods>>),
    /// The place: the program is prepared.
    Begin(Box<Begun>),
}

/// What is lent to another program.
pub(crate) struct Goods {
    /// Of the state directory, if there is one.
    pub(crate) lock: Option<OwnedFd>,
    /// All that listen.
    pub(crate) sockets: Vec<OwnedFd>,
}

/// A program that is prepared to take our place; who wanted it waits for the answer.
pub(crate) struct Begun {
    successor: Successor,
    drain: Duration,
    /// Where the node answers, whichever process it is.
    control: PathBuf,
    answer: oneshot::Sender<Result<Taken, Failure>>,
}

/// What is left to do for a process whose place was taken.
pub(crate) struct Left {
    drain: Duration,
    control: PathBuf,
}

/// The program that takes our place.
struct Successor {
    child: Child,
    talk: Talk,
    version: String,
    /// Where it will answer, if it said so.
    control: Option<PathBuf>,
    /// It takes what no disk knows.
    hears: bool,
}

/// Who took our place.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Taken {
    /// Its process.
    pub(crate) pid: u32,
    /// Of the program.
    pub(crate) version: String,
    /// Clients that the old process serves to their end.
    pub(crate) clients: u64,
    /// And for how long at most.
    #[serde(with = "machine::time::span")]
    pub(crate) drain: Duration,
}

impl Upgrader {
    pub(crate) fn new(orders: mpsc::Sender<Order>, reloader: Reloader) -> Self {
        Self(Arc::new(Inner { orders, reloader }))
    }

    /// Lets a program take our place; the one that this process was started as if none is named.
    ///
    /// # Errors
    /// Why it did not. Then everything is as before.
    pub(crate) async fn upgrade(&self, binary: Option<PathBuf>, by: &str) -> Result<Taken, Failure> {
        let done = self.try_upgrade(binary, by).await;
        if let Err(failure) = &done {
            tracing::error!("upgrade: not done, this process goes on: {failure}");
        }
        done
    }

    async fn try_upgrade(&self, binary: Option<PathBuf>, by: &str) -> Result<Taken, Failure> {
        // Nobody changes what is lent, and nobody else upgrades.
        let Ok(running) = timeout(PATIENCE, self.0.reloader.hold()).await else {
            return Err(Failure::refused("a reload or another upgrade is under way"));
        };
        if std::process::id() == 1 {
            return Err(Failure::refused(
                "this is the first process of its container, which ends with it: nothing can take its place. Start a new container",
            ));
        }
        let binary = binary.map_or_else(own_program, Ok);
        let binary = binary.map_err(|e| Failure::host(format!("cannot tell which program this is: {e}")))?;
        tracing::info!("{by}: {} shall take the place of this process", binary.display());
        let (answer, goods) = oneshot::channel();
        self.order(Order::Lend(answer)).await?;
        let goods = goods.await.map_err(|_| stopping())?;
        let started = goods.and_then(|goods| start(&binary, &goods));
        let mut successor = started.map_err(|e| {
            Failure::host(format!("{} cannot be started: {e}. What to do: name a program that can", binary.display()))
        })?;
        successor.prepared().await?;
        let (answer, answered) = oneshot::channel();
        let (drain, control) = (running.proxy.drain_timeout, running.node.control.clone());
        let begun = Begun { successor, drain, control, answer };
        self.order(Order::Begin(Box::new(begun))).await?;
        answered.await.unwrap_or_else(|_| Err(stopping()))
    }

    async fn order(&self, order: Order) -> Result<(), Failure> {
        self.0.orders.send(order).await.map_err(|_| stopping())
    }
}

fn stopping() -> Failure {
    Failure::refused("the node is stopping")
}

/// The program as it is on the disk by now: a package may have put another one in its place.
fn own_program() -> io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    let text = path.to_string_lossy();
    Ok(text.strip_suffix(" (deleted)").map_or_else(|| path.clone(), PathBuf::from))
}

/// Starts the program with our own words, and what it inherits.
fn start(binary: &Path, goods: &Goods) -> io::Result<Successor> {
    let (ours, theirs) = StdStream::pair()?;
    ours.set_nonblocking(true)?;
    let talk = Talk::new(UnixStream::from_std(ours)?);
    let alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    let theirs = inherit::to_child(theirs.as_fd())?;
    let lock = goods.lock.as_ref().map(|fd| inherit::to_child(fd.as_fd())).transpose()?;
    let lent = goods.sockets.iter().map(|fd| inherit::to_child(fd.as_fd())).collect::<io::Result<Vec<_>>>()?;
    let words = Words {
        pid: std::process::id(),
        talk: theirs.as_raw_fd(),
        lock: lock.as_ref().map(|fd| fd.as_raw_fd()),
        sockets: lent.iter().map(|fd| fd.as_raw_fd()).collect(),
    };
    let child = Command::new(binary).args(std::env::args_os().skip(1)).env(VARIABLE, words.write()).spawn();
    drop((theirs, lock, lent, alone));
    Ok(Successor { child: child?, talk, version: String::new(), control: None, hears: false })
}

impl Begun {
    /// Lets the program begin; nobody decides here any more. `None`: it did not, and is dead.
    pub(crate) async fn begin(self, source: &Source) -> Option<Left> {
        let Self { mut successor, drain, control, answer } = self;
        let released = source.addresses.forgotten_at_the_end();
        let legacy = Legacy { released, held: source.addresses.held().await, files: source.traffic.own_files() };
        if let Err(failure) = successor.begin(legacy).await {
            // Who wanted it may have gone away.
            let _ = answer.send(Err(failure));
            return None;
        }
        source.traffic.retire();
        let (pid, version) = (successor.child.id(), successor.version.clone());
        let clients = source.traffic.clients();
        tracing::info!(
            "process {pid} (standfast {version}) has taken over; {clients} clients are served here to their end"
        );
        notify(&[NotifyState::MainPid(pid)]);
        let control = match successor.control.take() {
            Some(new) if new != control => moved(&control, new),
            _ => control,
        };
        let _ = answer.send(Ok(Taken { pid, version, clients, drain }));
        Some(Left { drain, control })
    }

    /// It shall not be.
    pub(crate) fn give_up(mut self, why: &str) {
        let failure = self.successor.ended(why);
        let _ = self.answer.send(Err(failure));
    }
}

/// The node answers elsewhere by now. Older processes that still serve clients, and operators, look for it at the old place.
fn moved(old: &Path, new: PathBuf) -> PathBuf {
    // There is this process's own socket, at which it does not answer any more.
    let led = std::fs::remove_file(old).and_then(|()| std::os::unix::fs::symlink(&new, old));
    match led {
        Ok(()) => tracing::info!("the control socket is {} from now on; {} leads there", new.display(), old.display()),
        Err(e) => tracing::warn!(
            "the control socket is {} from now on, and {} cannot lead there: {e}",
            new.display(),
            old.display()
        ),
    }
    new
}

impl Left {
    /// Serves the clients that are there until they go, somebody ends it, or the time is over.
    pub(crate) async fn drain(self, source: &Source, stop: impl Future<Output = &'static str>) {
        let Self { drain, control } = self;
        let all_gone = async {
            // The operator who waits for the answer gets it.
            sleep(LAST_ANSWERS).await;
            while source.traffic.clients() > 0 {
                sleep(LOOK_AGAIN).await;
            }
        };
        let why = tokio::select! {
            () = all_gone => "all clients have gone",
            () = sleep(drain.max(LAST_ANSWERS)) => "`drain-timeout` is over",
            signal = stop => signal,
            () = follow::follow(&control, &source.feeds) => "nobody tells of views any more",
        };
        tracing::info!("{why}: the old process ends, with {} clients", source.traffic.clients());
    }
}

impl Successor {
    async fn prepared(&mut self) -> Result<(), Failure> {
        match timeout(PREPARE, self.talk.hear()).await {
            Ok(Some(Word::Prepared { version, control, hears })) => {
                (self.version, self.control, self.hears) = (version, control, hears);
                Ok(())
            }
            other => Err(self.failed(other, PREPARE).await),
        }
    }

    /// Lets it begin, with what no disk knows.
    ///
    /// # Errors
    /// Why it did not. It is dead then.
    async fn begin(&mut self, legacy: Legacy) -> Result<(), Failure> {
        // What an operator wanted is not forgotten for an older program; what is held, the kernel mostly says, too.
        let go = if self.hears || legacy.released.is_some() { Word::Keep(legacy) } else { Word::Go };
        let heard = timeout(BEGIN, async {
            self.talk.say(&go).await.ok()?;
            self.talk.hear().await
        });
        match heard.await {
            Ok(Some(Word::Ready)) => Ok(()),
            other => Err(self.failed(other, BEGIN).await),
        }
    }

    /// Makes sure that it is dead, and says why it failed: by what it said last, or did not say within `patience`.
    async fn failed(&mut self, word: Result<Option<Word>, Elapsed>, patience: Duration) -> Failure {
        match word {
            Ok(Some(Word::Failed { why })) => self.ended(&why),
            Ok(Some(other)) => self.ended(&format!("it said {other:?}, which makes no sense here")),
            // It has closed its end: most likely it is ending, and how is worth knowing.
            Ok(None) => match self.ending().await {
                Some(status) => self.ended(&format!(
                    "it ended ({status}) without a word of why; what it printed is where this node's output is"
                )),
                None => self.ended("it closed its end without a word, and was killed: is it a standfast at all?"),
            },
            Err(_) => self.ended(&format!("it was not done within {} s, and was killed", patience.as_secs())),
        }
    }

    /// Makes sure that it is dead.
    fn ended(&mut self, why: &str) -> Failure {
        // Of one that has ended, these change nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
        Failure::refused(format!(
            "the new program did not take over: {why}. This process goes on as if nothing had happened"
        ))
    }

    /// How it ends, if it does within a moment.
    async fn ending(&mut self) -> Option<ExitStatus> {
        for _ in 0..ENDING_LOOKS {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            sleep(ENDING_LOOK).await;
        }
        None
    }
}

/// `standfast upgrade`.
pub(crate) fn upgrade(args: &UpgradeArgs) -> Result<(), Failure> {
    let line = match &args.binary {
        None => "upgrade".to_owned(),
        Some(path) => {
            let path = std::path::absolute(path).map_err(|e| Failure::host(format!("{}: {e}", path.display())))?;
            format!("upgrade {}", path.display())
        }
    };
    let Taken { pid, version, clients, drain } = control::ask(&args.node, &line)?;
    say(format_args!("process {pid} has taken over (standfast {version})"))?;
    if clients > 0 {
        let drain = drain.as_secs();
        say(format_args!("the old process serves its {clients} clients to their end, for {drain} s at the longest"))?;
    }
    Ok(())
}

/// How long the new program may take until it is prepared: it reads a file and asks nobody.
const PREPARE: Duration = Duration::from_secs(20);
/// How long it may take to begin. Nobody decides meanwhile, and requests of clients that are there go on.
const BEGIN: Duration = Duration::from_secs(5);
/// How often, and for how long each time, one is waited for that has closed its end.
const ENDING_LOOKS: u32 = 20;
const ENDING_LOOK: Duration = Duration::from_millis(25);
/// How long an upgrade waits for a reload that is under way.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the old process stays at least.
const LAST_ANSWERS: Duration = Duration::from_millis(500);
/// How often the old process looks whether its last client has gone.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
