//! Who takes the addresses away when this process dies, or hangs? A small process of the same program, which is told beforehand what to do.
//!
//! ```text
//!   node ── wills, a beat every few hundredths of a second ──> guard
//!     dies: the line ends         ──> the addresses are removed at once, and the routers' resignations are said
//!     hangs: no beat for too long ──> the addresses are removed; nothing is said
//!     goes in order: goodbye      ──> nothing
//! ```
//!
//! The kernel takes the addresses of a dead node away by itself, but counts in seconds; the guard needs milliseconds.
//!
//! **Why silence is no resignation.** Who hangs may wake. Until the other routers miss it, it is the rightful holder and goes on as such; a
//! resignation in its name would make a second one beside it. Later they have taken over without being told, so nothing would be
//! gained. A node that wakes hears from the kernel that its addresses are gone, and its own look at the clock
//! ([`vrrp::Why::Froze`]) says whether it may put them back.
//!
//! | module | answers |
//! |---|---|
//! | [`words`] | what is a guard told? |
//! | [`post`] | how does it do its duty? |

pub(crate) mod post;
mod words;

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;

use host::clock;
use machine::Instant;

use crate::log;
use crate::upgrade::STARTING;
use words::Word;
pub(crate) use words::{Packet, Removal, Will};

/// Our end. Dropping it without a [`goodbye`](Self::goodbye) is a death: the wills are carried out.
pub(crate) struct Guard {
    /// What is run as the guard: this program.
    program: PathBuf,
    /// How long we may be silent.
    patience: Duration,
    wills: BTreeMap<String, Will>,
    standing: Standing,
    /// Failures in a row.
    failures: u32,
}

/// Whether somebody stands guard.
enum Standing {
    /// Nothing is to be lost yet.
    Unneeded,
    On(Post),
    /// It is gone, or could not be started; not again before this moment.
    Off(Instant),
}

/// A guard that runs.
struct Post {
    child: Child,
    line: UnixStream,
    /// What did not go out yet.
    out: Vec<u8>,
    since: Instant,
}

impl Guard {
    /// Nobody is started before there is something to lose. `patience`: how long we may be silent before we count as hung.
    pub(crate) fn start(patience: Duration) -> Self {
        // The file that this process was started from, even when there is another one in its place by now: both speak the same words.
        let program = PathBuf::from("/proc/self/exe");
        Self { program, patience, wills: BTreeMap::new(), standing: Standing::Unneeded, failures: 0 }
    }

    /// How long we may be silent from here on.
    pub(crate) fn be_patient(&mut self, patience: Duration) {
        if std::mem::replace(&mut self.patience, patience) == patience {
            return;
        }
        if let Standing::On(post) = &mut self.standing {
            let said = post.say(&Word::Patience(patience));
            self.judge(said);
        }
    }

    /// What is to be done for this address if we die. Replaces what was said before; an empty one: nothing.
    pub(crate) fn will(&mut self, address: &str, will: Will) {
        if will.is_empty() {
            if self.wills.remove(address).is_none() {
                return;
            }
        } else {
            self.wills.insert(address.to_owned(), will.clone());
        }
        match &mut self.standing {
            Standing::On(post) => {
                let said = post.say(&Word::Will { address: address.to_owned(), will });
                self.judge(said);
            }
            Standing::Unneeded => self.post(),
            Standing::Off(_) => self.beat(),
        }
    }

    /// We are awake. To be said several times within the patience. Does not wait for anybody; starts another guard if there is none, not too often.
    pub(crate) fn beat(&mut self) {
        match &mut self.standing {
            Standing::Unneeded => {}
            Standing::On(post) => {
                let said = post.say(&Word::Beat);
                self.judge(said);
            }
            Standing::Off(until) if *until <= clock::now() => self.post(),
            Standing::Off(_) => {}
        }
    }

    /// We go in order, and whatever is still held stays: the guard ends without doing anything.
    pub(crate) fn goodbye(mut self) {
        if let Standing::On(mut post) = std::mem::replace(&mut self.standing, Standing::Unneeded) {
            match post.say(&Word::Goodbye) {
                // The end of the line comes behind the word.
                Ok(()) if post.out.is_empty() => drop(post.line.shutdown(Shutdown::Write)),
                said => {
                    tracing::warn!("the guard of the addresses could not be told goodbye, and was killed: {said:?}");
                    let _ = post.child.kill();
                }
            }
            post.wait();
        }
    }

    /// The number of its process, if one runs.
    #[cfg(test)]
    fn process(&self) -> Option<u32> {
        if let Standing::On(post) = &self.standing { Some(post.child.id()) } else { None }
    }

    fn post(&mut self) {
        let started = Post::start(&self.program).and_then(|mut post| {
            post.say(&Word::Patience(self.patience))?;
            for (address, will) in &self.wills {
                post.say(&Word::Will { address: address.clone(), will: will.clone() })?;
            }
            Ok(post)
        });
        match started {
            Ok(post) => {
                tracing::debug!(process = post.child.id(), "a guard of the addresses stands by");
                self.standing = Standing::On(post);
            }
            Err(e) => self.lost(&format!("could not be started: {e}")),
        }
    }

    /// A guard that does not take what it is told is none.
    fn judge(&mut self, said: io::Result<()>) {
        let Err(error) = said else { return };
        let Standing::On(post) = &mut self.standing else { return };
        if clock::now().since(post.since) >= STEADY {
            self.failures = 0;
        }
        let why = match (error.kind(), post.child.try_wait()) {
            (io::ErrorKind::WouldBlock, Ok(None)) => "hangs, and was killed".to_owned(),
            (_, Ok(Some(status))) => format!("has ended: {status}"),
            (_, _) => format!("does not listen, and was killed: {error}"),
        };
        self.lost(&why);
    }

    fn lost(&mut self, why: &str) {
        let pause = (FIRST_PAUSE * 2_u32.saturating_pow(self.failures.min(16))).min(LAST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        let was = std::mem::replace(&mut self.standing, Standing::Off(clock::now() + pause));
        tracing::warn!(
            "the guard of the addresses {why}; another one is started in {pause:?}. Until then only the kernel takes the addresses away if this \
             process dies, when their lifetime is over"
        );
        if let Standing::On(mut post) = was {
            // It may have ended already. Killed before its line ends: it must not take that for our death.
            let _ = post.child.kill();
            post.wait();
        }
    }
}

impl Post {
    fn start(program: &PathBuf) -> io::Result<Self> {
        let (line, theirs) = UnixStream::pair()?;
        line.set_nonblocking(true)?;
        let mut command = Command::new(program);
        command.arg0("standfast").arg("guard").args(log::is_json().then_some("--json"));
        // In a group of its own: what a terminal sends to ours is not for it.
        command.stdin(Stdio::from(OwnedFd::from(theirs))).process_group(0);
        // Nothing of ours is meant for it, secrets least of all.
        command.env_clear();
        let alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command.spawn();
        drop(alone);
        Ok(Self { child: child?, line, out: Vec::new(), since: clock::now() })
    }

    fn say(&mut self, word: &Word) -> io::Result<()> {
        word.write(&mut self.out);
        loop {
            match self.line.write(&self.out) {
                Ok(len) => drop(self.out.drain(..len)),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // It has yet to read what it has; that is said again with the next word, up to a bound.
                Err(e) if e.kind() == io::ErrorKind::WouldBlock && self.out.len() <= MAX_OUT => return Ok(()),
                Err(e) => return Err(e),
            }
            if self.out.is_empty() {
                return Ok(());
            }
        }
    }

    /// Sees to it that nothing of the child is left when it ends.
    fn wait(self) {
        let Self { mut child, line, .. } = self;
        let waits = move || {
            // An error: somebody else has waited for it.
            let _ = child.wait();
            // Its line ends after it.
            drop(line);
        };
        // Without a thread more it is waited for when this process ends.
        let _ = thread::Builder::new().name("guard's end".to_owned()).spawn(waits);
    }
}

/// A guard that has stood for so long was a good one: the next failure is a first one.
const STEADY: Duration = Duration::from_secs(60);
/// Before another guard is started; doubled with each failure in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// And no longer than this: a host that has no process to give now may have one again.
const LAST_PAUSE: Duration = Duration::from_secs(10);
/// What waits for a guard that does not read, beside what the kernel holds (some hundred beats): the wills of a host with many addresses fit.
/// At the bound it is taken for hung.
const MAX_OUT: usize = 1 << 20;

#[cfg(test)]
mod tests;
