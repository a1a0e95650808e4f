//! What the operator said about a listener, and which changes of the view concern it.

use core::time::Duration;

use view::View;

use crate::balance::Balance;

/// Which servers a listener's clients talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The master of the group.
    Master,
    /// One of the replicas that may be read.
    Replica,
}

/// Whose a server connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// One for each client, always.
    Session,
    /// Clients that need nothing of a connection but answers have one together; the others have one of their own as long as
    /// they need it.
    Shared,
}

/// What a client is told of a request that may have been executed, and whose answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnknown {
    /// Its connection is closed, as by a server that goes.
    Close,
    /// An error in the request's turn; everything else goes on.
    Error,
}

/// The rules of a listener, shared by all its sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Which servers its clients talk to.
    pub role: Role,
    /// Whose its server connections are.
    pub pool: Pool,
    /// With [`Pool::Shared`]: how many clients of the listener a worker has when they begin to share. Fewer have a connection each.
    pub share_from: usize,
    /// How long a request may wait for a server before it is answered with an error. Time in flight does not count.
    pub hold: Duration,
    /// How many bytes of unanswered requests one session keeps. At the bound the client is not read: it feels back-pressure.
    /// One request may be larger than this.
    pub hold_bytes: usize,
    /// How the clients of a replica listener are spread.
    pub balance: Balance,
    /// Whether clients of a replica listener are sent to the master when no replica may be read.
    pub fallback_to_master: bool,
    /// How many bytes a replica may be behind and still be read.
    pub max_lag: u64,
    /// How long a connection to a server may take to be made.
    pub connect_timeout: Duration,
    /// What a client is told of a request that may have been executed, and whose answer is lost.
    pub on_unknown: OnUnknown,
    /// How long a client that cannot go elsewhere may stay with a replica that shall get no readers any more.
    pub drain_timeout: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            role: Role::Master,
            pool: Pool::Session,
            share_from: 1,
            // Longer than a failover with default timers (5 s), shorter than most client libraries' patience (30 s and more).
            hold: Duration::from_secs(10),
            hold_bytes: 1 << 20,
            balance: Balance::RoundRobin,
            fallback_to_master: true,
            max_lag: 10 << 20,
            // On one network a connection takes a millisecond or fails; one lost SYN is sent again after a second.
            connect_timeout: Duration::from_secs(2),
            // What every client library knows how to take.
            on_unknown: OnUnknown::Close,
            // As long as the clients of an old process have after an upgrade.
            drain_timeout: Duration::from_secs(300),
        }
    }
}

impl Rules {
    /// Whether sessions under these rules must hear of `new` when they know `old`. Replicas' offsets change every second;
    /// waking ten thousand sessions for that would be silly.
    #[must_use]
    pub fn concerns(&self, old: &View, new: &View) -> bool {
        let agreed = |v: &View| (v.epoch, v.phase, v.master);
        agreed(old) != agreed(new)
            || (self.role == Role::Replica
                && !(old.readable(self.max_lag).map(|r| r.addr).eq(new.readable(self.max_lag).map(|r| r.addr))
                    && old.resting().eq(new.resting())))
    }
}
