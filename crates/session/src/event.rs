//! What can happen to a session, what does it order, and why does it end?

use alloc::sync::Arc;
use core::fmt;
use core::net::SocketAddr;

use view::View;

/// The name of one connection to a server; never used twice within a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conn(pub u32);

/// What can happen to a session.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The client sent these bytes. They are copied.
    ClientBytes(&'a [u8]),
    /// The client sent bytes, and they were put behind the end of [`Session::room`](crate::Session::room).
    ClientRead {
        /// How many.
        len: usize,
    },
    /// The client will send no more. What it is owed it still gets, unless that may take for ever.
    ClientClosed,
    /// The connection was made.
    ServerConnected {
        /// Which.
        conn: Conn,
    },
    /// The connection is there, and has heard all that a new one must be told ([`Session::words`](crate::Session::words), or what is
    /// said of a shared one).
    ServerReady {
        /// Which.
        conn: Conn,
    },
    /// The shared connection is there, but the server does not take the client for what it is.
    ServerRefused {
        /// Which.
        conn: Conn,
    },
    /// The shared connection is there, but a script runs on the server: it takes nobody for what it is until that ends.
    ServerBusy {
        /// Which.
        conn: Conn,
        /// What it said, or a part of that.
        line: &'a [u8],
    },
    /// On the shared connection the server said what is no reply, or a reply to nothing. It has ended.
    ServerMisbehaved {
        /// Which.
        conn: Conn,
    },
    /// The shared connection is about to end, and so much of what was given to it last never went out.
    ServerUnsent {
        /// Which.
        conn: Conn,
        /// How many bytes.
        bytes: usize,
    },
    /// The connection could not be made.
    ServerFailed {
        /// Which.
        conn: Conn,
    },
    /// A server sent these bytes. They are copied where they have to wait.
    ServerBytes {
        /// On which connection.
        conn: Conn,
        /// What it sent.
        bytes: &'a [u8],
    },
    /// The connection ended, in whatever way.
    ServerClosed {
        /// Which.
        conn: Conn,
    },
    /// The connection ended, and one of our clients had asked the server for that ([`Kills`](crate::Kills)).
    ServerKilled {
        /// Which.
        conn: Conn,
    },
    /// The part in the shared connection was taken away, while nothing was under way on it, for the sake of others there. The server
    /// is as good as before: what comes next goes on over another connection, at once.
    SentElsewhere {
        /// Which.
        conn: Conn,
    },
    /// The truth changed.
    View(Arc<View>),
}

/// What a session orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make a connection and report [`Event::ServerConnected`] or [`Event::ServerFailed`].
    Connect {
        /// Its name.
        conn: Conn,
        /// Where to.
        addr: SocketAddr,
    },
    /// Have a part in a shared connection to this address, for clients with the same [`Session::identity`](crate::Session::identity),
    /// and report [`Event::ServerReady`], [`Event::ServerRefused`] or [`Event::ServerFailed`].
    Share {
        /// The name of the part.
        conn: Conn,
        /// Where to.
        addr: SocketAddr,
    },
    /// The session needs its own connection no more, and left nothing on it but [`Session::words`](crate::Session::words): whoever said
    /// the same may have it.
    Release {
        /// Which.
        conn: Conn,
    },
    /// Close the connection, stop making it, or leave it to the others. Nothing more is expected of it.
    CloseServer {
        /// Which.
        conn: Conn,
    },
    /// A CLIENT KILL is about to go to this server: [`Kills::begin`](crate::Kills::begin). Connections may end there before it is answered.
    KillBegun {
        /// Which server.
        addr: SocketAddr,
    },
    /// It was answered: [`Kills::on_killed`](crate::Kills::on_killed).
    Killed {
        /// Which server.
        addr: SocketAddr,
        /// How many connections it ended.
        killed: u64,
    },
    /// No answer is awaited any more: [`Kills::end`](crate::Kills::end). Also when the session ends without a word.
    KillOver {
        /// Which server.
        addr: SocketAddr,
    },
    /// Close the client's connection. The session is over; everything that could be delivered was.
    CloseClient {
        /// The reason, for log and counters.
        why: Why,
    },
}

/// When a session wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// When to give up making a connection.
    Connect,
    /// When to try a server again that refused or failed.
    Retry,
    /// When to answer requests with an error because no server took them.
    Hold,
    /// When to stop waiting for the last replies of a server that the view no longer names.
    Farewell,
    /// When to close although the client has not taken all it was sent.
    Flush,
    /// When to close although a client that sends no more is still owed replies.
    Leave,
}

/// Why a client's connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The client went.
    ClientLeft,
    /// The client said QUIT.
    Quit,
    /// The client sent what is no request.
    Malformed,
    /// A write was sent and never answered: perhaps executed, never sent twice.
    UnknownFate,
    /// The server's connection ended within a reply of which the client already has a part.
    CutReply,
    /// A connection that cannot be carried over (monitoring, without replies) lost its server.
    PinnedCut,
    /// The new server does not accept what the client is (user, database, protocol).
    RestoreRefused,
    /// What the client is cannot be told to a new server: a transaction changed it unseen.
    Unrestorable,
    /// A request larger than what may wait was waiting for too long.
    HoldExpired,
    /// It did not read what it had asked for on a shared connection, and others waited behind it.
    SlowReader,
    /// Neither it nor its server said anything for as long as the operator wanted.
    Idle,
    /// The server has said its last, and so has the client (opaque bytes).
    ServerLeft,
    /// The server's connection broke (opaque bytes).
    ServerBroke,
    /// The view names another server, to which opaque bytes cannot be carried over.
    Moved,
    /// The address that it was connected to leaves this host: it would have waited in vain.
    AddressLeft,
    /// Another client, or it itself, said CLIENT KILL.
    Killed,
}

impl Why {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::ClientLeft,
        Self::Quit,
        Self::Malformed,
        Self::UnknownFate,
        Self::CutReply,
        Self::PinnedCut,
        Self::RestoreRefused,
        Self::Unrestorable,
        Self::HoldExpired,
        Self::SlowReader,
        Self::Idle,
        Self::ServerLeft,
        Self::ServerBroke,
        Self::Moved,
        Self::AddressLeft,
        Self::Killed,
    ];

    /// One word for logs and counters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientLeft => "client-left",
            Self::Quit => "quit",
            Self::Malformed => "malformed",
            Self::UnknownFate => "unknown-fate",
            Self::CutReply => "cut-reply",
            Self::PinnedCut => "pinned-cut",
            Self::RestoreRefused => "restore-refused",
            Self::Unrestorable => "unrestorable",
            Self::HoldExpired => "hold-expired",
            Self::SlowReader => "slow-reader",
            Self::Idle => "idle",
            Self::ServerLeft => "server-left",
            Self::ServerBroke => "server-broke",
            Self::Moved => "moved",
            Self::AddressLeft => "address-left",
            Self::Killed => "killed",
        }
    }

    /// Whether the session took something from the client that it had a right to expect.
    #[must_use]
    pub const fn is_loss(self) -> bool {
        !matches!(self, Self::ClientLeft | Self::Quit | Self::Malformed | Self::Idle | Self::ServerLeft | Self::Killed)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
