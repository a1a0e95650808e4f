//! Does a request get through a listener of this host? A PING and a read, and a write where one is wanted, as a client would send them.
//!
//! ```text
//!   asked on a kept connection ── answered by a server ───────────────────────────────> passes
//!        │  half of the time is over, or the proxy says that there is no master
//!        └─> second look: a new connection, and QUIT, which the proxy answers itself
//!               ├─ not answered ──────────────────────────────────────────────────────> fails: the proxy is dead
//!               ├─ answered, but no server ever was ──────────────────────────────────> fails: nothing is proved yet
//!               └─ answered, and excused ── the view is steady, for a grace ──────────> passes
//!                        │               └─ it is not, for as long as requests wait ──> passes
//!                        └─ for longer ───────────────────────────────────────────────> fails: cut off from the servers
//! ```
//!
//! **A proxy that lives and has no master passes.** Requests wait in it for the next master, as they would on any other host: an address
//! that left its host at every failover would add the time of its move to that of the failover, and would flap while both hosts wait.
//! It is no excuse for ever. Under a steady view there is a master that answers everybody but us; a host without a master for longer than its
//! clients wait may be one that is cut off from the servers and from the other nodes. Then another host serves better.
//!
//! What waits in the proxy for a master is asked once, and its answer waited for from one look to the next: a client of ours is one client.
//!
//! A server that refuses our login or the key has answered: that a password was changed must not take the address from every host at
//! once. It is said, once.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use config::address;
use config::{Config, Mode};
use host::clock;
use machine::Instant;
use resp::Value;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use view::{GroupName, View};

use super::door::{Door, anybody};
use super::talk::{Login, Talk, auth, error, written};
use crate::feeds::Feeds;

/// What is proved, by which way.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Plan {
    door: Door,
    /// Bytes pass as they are: what the proxy does not understand it does not answer.
    is_opaque: bool,
    group: GroupName,
    login: Option<Login>,
    read: String,
    write: Option<String>,
    /// How long a live proxy may be without an answer while the view is steady.
    grace: Duration,
    /// How long it may be without one at all.
    hold: Duration,
}

impl Plan {
    pub(super) fn of(config: &Config, proof: &address::Proof) -> Self {
        let listener = config.listeners.iter().find(|listener| listener.listen == proof.listener);
        let listener = listener.expect("the configuration was checked: the proof names a listener");
        let group = crate::edges::group_of(config, listener);
        let login = group.password.as_ref().map(|secret| (group.username.clone(), secret.reveal().to_owned()));
        Self {
            door: Door::of(config, listener),
            is_opaque: listener.mode == Mode::Tcp,
            group: group.name.as_str().into(),
            login,
            read: proof.read.clone(),
            write: proof.write.clone(),
            grace: (group.down_after * DOWN_AFTERS).max(LEAST_GRACE),
            hold: listener.hold.max(LEAST_HOLD),
        }
    }
}

#[cfg(test)]
impl Plan {
    pub(super) const fn with_patience(mut self, grace: Duration, hold: Duration) -> Self {
        (self.grace, self.hold) = (grace, hold);
        self
    }
}

/// Whoever proves.
pub(super) struct Prover {
    plan: Plan,
    view: Option<watch::Receiver<Arc<View>>>,
    anybody: TlsConnector,
    kept: Option<Kept>,
    /// When a server last answered.
    answered: Option<Instant>,
    /// Since when the view has been steady, and none did.
    steady: Option<Instant>,
    /// What an operator was told that does not count.
    said: Option<String>,
}

/// A connection that is kept.
struct Kept {
    talk: Talk,
    /// Replies that are to come.
    owed: usize,
    /// Those that came.
    replies: Vec<Value>,
}

/// Why no answer of a server has come.
enum Trouble {
    /// The proxy, or the way to it.
    Silent(String),
    /// A server has answered, with something that a healthy one would not.
    Wrong(String),
}

impl Prover {
    pub(super) fn new(plan: Plan, feeds: &Feeds) -> Self {
        let view = feeds.subscribe(&plan.group);
        Self { plan, view, anybody: anybody(), kept: None, answered: None, steady: None, said: None }
    }

    pub(super) async fn prove(&mut self, limit: Duration) -> Result<(), String> {
        let half = limit / 2;
        let asked = timeout(half, self.ask()).await;
        let silent = match asked {
            Ok(Ok(())) => {
                (self.answered, self.steady) = (Some(clock::now()), None);
                return Ok(());
            }
            Ok(Err(Trouble::Wrong(why))) => return Err(why),
            Ok(Err(Trouble::Silent(why))) => why,
            Err(_) => format!("no answer within {half:?}"),
        };
        let door = self.plan.door.name();
        let alive = timeout(half, self.knock()).await;
        alive
            .unwrap_or_else(|_| Err(format!("no answer within {half:?}")))
            .map_err(|why| format!("the proxy does not answer at {door}: {why}"))?;
        self.judge(&silent)
    }

    /// The proxy lives, and no server has answered.
    fn judge(&mut self, silent: &str) -> Result<(), String> {
        let Plan { door, group, grace, hold, .. } = &self.plan;
        let (now, door) = (clock::now(), door.name());
        let Some(answered) = self.answered else {
            return Err(format!(
                "the proxy at {door} lives, but no server of group {group} has ever answered through it: {silent}"
            ));
        };
        let is_steady = self.view.as_ref().is_none_or(|view| view.borrow().writable().is_some());
        self.steady = is_steady.then(|| self.steady.unwrap_or(now));
        let lasted = now.since(answered);
        if lasted >= *hold {
            return Err(format!(
                "the proxy at {door} lives, but for {} s no server of group {group} has answered through it: {silent}. Is this host cut off from \
                 the servers?",
                lasted.as_secs()
            ));
        }
        match self.steady {
            Some(since) if now.since(since) >= *grace => Err(format!(
                "the proxy at {door} lives, but for {grace:?} no server of group {group} has answered through it, although the view is steady: \
                 {silent}. Is this host cut off from them?"
            )),
            _ => Ok(()),
        }
    }

    /// Asks as a client does.
    async fn ask(&mut self) -> Result<(), Trouble> {
        let silent = |e: io::Error| Trouble::Silent(e.to_string());
        // A kept connection may end for many good reasons; a new one must not.
        if self.kept.is_some() && self.kept_answers().await.is_err() {
            self.kept = None;
        }
        if self.kept.is_none() {
            let mut talk = self.plan.door.enter(&self.anybody).await.map_err(silent)?;
            let owed = self.plan.request(&mut talk, true).await.map_err(silent)?;
            let kept = self.kept.insert(Kept { talk, owed, replies: Vec::new() });
            if let Err(e) = kept.answered().await {
                self.kept = None;
                return Err(silent(e));
            }
        }
        let replies = self.kept.as_mut().map(|kept| std::mem::take(&mut kept.replies)).unwrap_or_default();
        let Some(refused) = replies.iter().find_map(error) else {
            self.said = None;
            return Ok(());
        };
        let weighed = self.weigh(&refused);
        // Who waits for a master does so where it is: a listener that holds nothing may just be connecting to it. Else it may have to log in anew.
        if !matches!(weighed, Err(Trouble::Silent(_))) {
            self.kept = None;
        }
        weighed
    }

    /// Asks on the kept connection. What is still owed there is old news: it is waited for, and then asked again.
    async fn kept_answers(&mut self) -> io::Result<()> {
        let Some(kept) = &mut self.kept else { return Ok(()) };
        kept.answered().await?;
        // Out of its place while it is written to: given up in the middle of a request, it is of no use any more.
        let Some(mut kept) = self.kept.take() else { return Ok(()) };
        kept.replies.clear();
        kept.owed = self.plan.request(&mut kept.talk, false).await?;
        self.kept.insert(kept).answered().await
    }

    /// What an error says of the proxy and its way to the servers.
    fn weigh(&mut self, refused: &str) -> Result<(), Trouble> {
        let code = refused.split(' ').next().unwrap_or_default();
        let door = self.plan.door.name();
        match code {
            // The proxy's own, or a server's that is none at present.
            "MASTERDOWN" | "LOADING" => Err(Trouble::Silent(refused.to_owned())),
            // A script runs there, and everybody is told so.
            "BUSY" => Ok(()),
            "NOAUTH" | "WRONGPASS" | "NOPERM" => {
                if self.said.as_deref() != Some(refused) {
                    tracing::warn!(
                        "the proof that a request gets through {door} is refused by the server: {refused}. It counts as passed, because a server \
                         has answered. Set `password` (and `username`) of group {} so that it may read",
                        self.plan.group
                    );
                    self.said = Some(refused.to_owned());
                }
                Ok(())
            }
            // Whom the proxy turns away it has answered.
            _ if refused.starts_with("ERR max number of clients") => Err(Trouble::Silent(refused.to_owned())),
            _ => Err(Trouble::Wrong(format!("{door} answers: {refused}"))),
        }
    }

    /// Whether the proxy itself answers.
    async fn knock(&self) -> Result<(), String> {
        let mut talk = self.plan.door.enter(&self.anybody).await.map_err(|e| e.to_string())?;
        // Nobody else would answer that; that the connection is taken is all that can be known.
        if self.plan.is_opaque {
            return Ok(());
        }
        // Whatever it says: a proxy that turns somebody away lives.
        talk.ask(&[&["QUIT"]]).await.map(drop).map_err(|e| e.to_string())
    }
}

impl Kept {
    /// Waits for all that is owed. Given up, it can be gone on with.
    async fn answered(&mut self) -> io::Result<()> {
        while self.owed > 0 {
            let reply = self.talk.reply().await?;
            self.owed -= 1;
            self.replies.push(reply);
        }
        Ok(())
    }
}

impl Plan {
    /// Sends what is asked; how many replies it has.
    async fn request(&self, talk: &mut Talk, is_new: bool) -> io::Result<usize> {
        let login = self.login.as_ref().filter(|_| is_new).map(auth);
        let (read, write) = (["EXISTS", &self.read], self.write.as_ref().map(|key| ["SET", key, "1", "PX", LIFE]));
        let mut commands: Vec<&[&str]> = Vec::new();
        commands.extend(login.as_deref());
        commands.push(&["PING"]);
        commands.push(&read);
        commands.extend(write.as_ref().map(<[&str; 5]>::as_slice));
        talk.say(&written(&commands)).await?;
        Ok(commands.len())
    }
}

/// A master that hangs is seen within one of these, and replaced soon after.
const DOWN_AFTERS: u32 = 2;
/// Whoever votes may take a moment longer, and files may name very short times.
const LEAST_GRACE: Duration = Duration::from_secs(5);
/// A failover takes less, and clients of a listener that holds nothing come back after a moment.
const LEAST_HOLD: Duration = Duration::from_secs(10);
/// What is written is gone after so many milliseconds.
const LIFE: &str = "60000";
