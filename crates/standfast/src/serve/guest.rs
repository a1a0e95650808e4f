//! Who is connected? What `CLIENT LIST` tells of each connection, and the bell that closes one.

use std::sync::Arc;

use machine::Instant;
use resp::Protocol;
use tokio::sync::Notify;

use super::Port;

/// What is known of a connection, for all to see.
pub(super) struct Known {
    /// As `CLIENT LIST` tells it.
    pub(super) addr: String,
    pub(super) laddr: String,
    /// It came through `unixsocket`.
    pub(super) unix: bool,
    pub(super) fd: i32,
    pub(super) since: Instant,
    /// When it last asked for something.
    pub(super) last: Instant,
    pub(super) name: String,
    pub(super) user: String,
    /// It may ask without a (further) login.
    pub(super) authenticated: bool,
    /// The last command, with its subcommand.
    pub(super) command: &'static str,
    pub(super) channels: usize,
    pub(super) patterns: usize,
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) protocol: Protocol,
    pub(super) no_evict: bool,
    pub(super) tracking: Option<Tracking>,
    /// Rung when the connection shall end.
    pub(super) bell: Arc<Notify>,
}

/// What `CLIENT TRACKING` was told. Without keys nothing follows from it; it is only told again.
#[derive(Clone, Default)]
pub(super) struct Tracking {
    pub(super) redirect: u64,
    pub(super) bcast: bool,
    pub(super) optin: bool,
    pub(super) optout: bool,
    pub(super) noloop: bool,
    pub(super) prefixes: Vec<Vec<u8>>,
}

/// Kinds of connections, as `TYPE` names them; others' replicas and masters never connect here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Pubsub,
    Never,
}

impl Kind {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "normal" => Some(Self::Normal),
            "pubsub" => Some(Self::Pubsub),
            "master" | "replica" | "slave" => Some(Self::Never),
            _ => None,
        }
    }
}

impl Known {
    /// Of a client that came through a file: both ends are called after it.
    pub(super) fn local(name: String, fd: i32, user: &str, authenticated: bool) -> Self {
        Self { unix: true, ..Self::new(name.clone(), name, fd, user, authenticated) }
    }

    pub(super) fn new(addr: String, laddr: String, fd: i32, user: &str, authenticated: bool) -> Self {
        let now = host::clock::now();
        Self {
            addr,
            laddr,
            unix: false,
            fd,
            since: now,
            last: now,
            name: String::new(),
            user: user.to_owned(),
            authenticated,
            command: "NULL",
            channels: 0,
            patterns: 0,
            input: 0,
            output: 0,
            protocol: Protocol::Resp2,
            no_evict: false,
            tracking: None,
            bell: Arc::default(),
        }
    }

    pub(super) const fn kind(&self) -> Kind {
        if self.channels + self.patterns > 0 { Kind::Pubsub } else { Kind::Normal }
    }

    /// A line of `CLIENT LIST`.
    pub(super) fn line(&self, id: u64, now: Instant) -> String {
        let mut flags = String::new();
        for (is, flag) in [
            (self.kind() == Kind::Pubsub, 'P'),
            (self.tracking.is_some(), 't'),
            (self.tracking.as_ref().is_some_and(|t| t.bcast), 'B'),
            (self.unix, 'U'),
            (self.no_evict, 'e'),
        ] {
            flags.extend(is.then_some(flag));
        }
        if flags.is_empty() {
            flags.push('N');
        }
        let redirect = self.tracking.as_ref().map_or(-1, |t| i64::try_from(t.redirect).unwrap_or(i64::MAX));
        format!(
            "id={id} addr={} laddr={} fd={} name={} age={} idle={} flags={flags} db=0 sub={} psub={} ssub=0 multi=-1 qbuf={} qbuf-free=0 \
             argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl={} oll=0 omem=0 tot-mem={} events=r cmd={} user={} redir={redirect} resp={}",
            self.addr,
            self.laddr,
            self.fd,
            self.name,
            now.since(self.since).as_secs(),
            now.since(self.last).as_secs(),
            self.channels,
            self.patterns,
            self.input,
            self.output,
            size_of::<Self>() + self.input + self.output,
            self.command,
            if self.authenticated { &self.user } else { "default" },
            if self.protocol == Protocol::Resp3 { 3 } else { 2 },
        )
    }
}

/// One client's place in the list; it leaves the list when it goes.
pub(super) struct Guest {
    pub(super) port: Arc<Port>,
    pub(super) id: u64,
}

impl Guest {
    /// Looks at, or changes, what is known of this client.
    pub(super) fn known<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        let mut clients = self.port.clients();
        look(clients.get_mut(&self.id).expect("a guest is in the list as long as it lives"))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.port.clients().remove(&self.id);
    }
}
