//! Does a request get through a listener of this host? A PING and a read, and a write where one is wanted, as a client would send them.
//!
//! ```text
//!   asked on a kept connection ── answered by a server ───────────────────────────────> passes
//!        │  half of the time is over, or the proxy says that there is no master
//!        └─> second look: a new connection, and QUIT, which the proxy answers itself
//!               ├─ not answered ──────────────────────────────────────────────────────> fails: the proxy is dead
//!               └─ answered ── the view is not steady ────────────────────────────────> passes
//!                           └─ steady ─┬─ for a while ────────────────────────────────> passes
//!                                      └─ for longer than a failover takes to be seen > fails: cut off from the servers
//! ```
//!
//! **A proxy that lives and has no master passes.** Requests wait in it for the next master, as they would on any other host: an address
//! that left its host at every failover would add the time of its move to that of the failover, and would flap while both hosts wait.
//! What a live proxy cannot excuse for ever is a view that names a master which answers everybody but us; then another host serves better.
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
use view::{GroupName, Phase, View};

use super::door::{Door, anybody};
use super::talk::{Login, Talk, error};
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
        }
    }
}

#[cfg(test)]
impl Plan {
    pub(super) const fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }
}

/// Whoever proves.
pub(super) struct Prover {
    plan: Plan,
    view: Option<watch::Receiver<Arc<View>>>,
    anybody: TlsConnector,
    talk: Option<Talk>,
    /// Since when a live proxy has passed on no answer, under a steady view.
    unanswered: Option<Instant>,
    /// What an operator was told that does not count.
    said: Option<String>,
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
        Self { plan, view, anybody: anybody(), talk: None, unanswered: None, said: None }
    }

    pub(super) async fn prove(&mut self, limit: Duration) -> Result<(), String> {
        let half = limit / 2;
        let asked = timeout(half, self.ask()).await;
        let silent = match asked {
            Ok(Ok(())) => {
                self.unanswered = None;
                return Ok(());
            }
            Ok(Err(Trouble::Wrong(why))) => return Err(why),
            Ok(Err(Trouble::Silent(why))) => why,
            Err(_) => format!("no answer within {half:?}"),
        };
        // What comes on it may be an answer to something older.
        self.talk = None;
        let door = self.plan.door.name();
        let alive = timeout(half, self.knock()).await;
        alive
            .unwrap_or_else(|_| Err(format!("no answer within {half:?}")))
            .map_err(|why| format!("the proxy does not answer at {door}: {why}"))?;
        self.judge(&silent)
    }

    /// The proxy lives, and no server has answered.
    fn judge(&mut self, silent: &str) -> Result<(), String> {
        let Plan { door, group, grace, .. } = &self.plan;
        let phase = self.view.as_ref().map_or(Phase::Steady, |view| view.borrow().phase);
        if phase != Phase::Steady {
            self.unanswered = None;
            return Ok(());
        }
        let now = clock::now();
        let since = *self.unanswered.get_or_insert(now);
        if now.since(since) < *grace {
            return Ok(());
        }
        Err(format!(
            "the proxy at {} lives, but for {grace:?} no server of group {group} has answered through it, although the view is steady: {silent}. \
             Is this host cut off from them?",
            door.name()
        ))
    }

    /// Asks as a client does.
    async fn ask(&mut self) -> Result<(), Trouble> {
        if let Some(mut talk) = self.talk.take()
            && let Ok(replies) = self.plan.request(&mut talk).await
        {
            return self.keep(talk, &replies);
        }
        // A kept connection may end for many good reasons. A new one must not.
        let silent = |e: io::Error| Trouble::Silent(e.to_string());
        let mut talk = self.plan.door.enter(&self.anybody).await.map_err(silent)?;
        if let Some(refused) = talk.log_in(self.plan.login.as_ref()).await.map_err(silent)? {
            return self.weigh(&refused);
        }
        let replies = self.plan.request(&mut talk).await.map_err(silent)?;
        self.keep(talk, &replies)
    }

    fn keep(&mut self, talk: Talk, replies: &[Value]) -> Result<(), Trouble> {
        if let Some(refused) = replies.iter().find_map(error) {
            return self.weigh(&refused);
        }
        self.talk = Some(talk);
        self.said = None;
        Ok(())
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

impl Plan {
    async fn request(&self, talk: &mut Talk) -> io::Result<Vec<Value>> {
        let read: &[&str] = &["EXISTS", &self.read];
        match &self.write {
            Some(key) => talk.ask(&[&["PING"], read, &["SET", key, "1", "PX", LIFE]]).await,
            None => talk.ask(&[&["PING"], read]).await,
        }
    }
}

/// A master that hangs is seen within one of these, and replaced soon after.
const DOWN_AFTERS: u32 = 2;
/// Whoever votes may take a moment longer, and files may name very short times.
const LEAST_GRACE: Duration = Duration::from_secs(5);
/// What is written is gone after so many milliseconds.
const LIFE: &str = "60000";
