//! What can happen to a session, what does it order, and why does its state change?

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::message::Notification;
use crate::route::{Family, Prefix, Routes};

/// A connection, counted from 1. What is said of another one than the last is of no interest any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Conn(pub u64);

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The session is wanted. From the beginning it is not.
    Started,
    /// It is not wanted any more; `text` tells the peer's operator why (RFC 9003). Routes are withdrawn first.
    Stopped {
        /// One line.
        text: String,
    },
    /// The connection is made.
    Connected {
        /// Which one.
        conn: Conn,
        /// Its address on this host: the next hop of our routes.
        local: IpAddr,
    },
    /// It could not be made.
    Refused {
        /// Which one.
        conn: Conn,
        /// What the system said.
        why: String,
    },
    /// Bytes came.
    Bytes {
        /// On which one.
        conn: Conn,
        /// As they came, however cut.
        #[serde(with = "octets")]
        bytes: Vec<u8>,
    },
    /// So many bytes of what was to be sent were taken by the system.
    Sent {
        /// On which one.
        conn: Conn,
        /// How many since the last time.
        bytes: usize,
    },
    /// The peer's side, or the network, has ended it.
    Closed {
        /// Which one.
        conn: Conn,
    },
    /// These routes are wanted, and no others; none: all are withdrawn.
    Wanted {
        /// All of them.
        routes: Routes,
    },
    /// Whether this host can serve what it announces. While it cannot, and before it was said for the first time, nothing is announced.
    Health {
        /// It can.
        healthy: bool,
    },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Make a connection; its end, good or bad, is an event.
    Connect {
        /// Its number.
        conn: Conn,
        /// To there, on the neighbour's terms ([`crate::Neighbor`]: local address, TTL, password).
        to: SocketAddr,
    },
    /// Send these bytes after those before, and tell by [`Event::Sent`] what the system took.
    Send {
        /// On which one.
        conn: Conn,
        /// Whole messages.
        #[serde(with = "octets")]
        bytes: Vec<u8>,
    },
    /// Send what is still to be sent, as far as that is possible at once, and close. Nothing more is wanted of it.
    Close {
        /// Which one.
        conn: Conn,
    },
    /// The state is another one. For the log and the pager.
    StateChanged {
        /// Before.
        from: State,
        /// Since this moment.
        to: State,
        /// The reason, for people.
        why: Why,
    },
    /// So many routes were sent to the peer, or taken back.
    Told {
        /// Announced for the first time, with other attributes, or once more.
        announced: usize,
        /// Taken back.
        withdrawn: usize,
    },
    /// A wanted route is not told to this peer.
    Untold {
        /// Which one.
        prefix: Prefix,
        /// Why not.
        why: Unfit,
    },
}

/// The states of RFC 4271 8.2.2. *Active* is missing: it waits for the peer to connect, and we never listen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum State {
    /// No connection and none under way: not wanted, or in a pause after a failure.
    #[default]
    Idle,
    /// A connection is under way.
    Connect,
    /// Our OPEN is sent, the peer's is waited for.
    OpenSent,
    /// Both are agreed; the peer's first KEEPALIVE is waited for.
    OpenConfirm,
    /// Routes are told.
    Established,
}

/// Why the machine wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Timer {
    /// When to connect again after a pause.
    IdleHold,
    /// When to give up an attempt to connect and make another.
    ConnectRetry,
    /// When to take a silent peer for gone.
    Hold,
    /// When to say that we are there.
    Keepalive,
    /// When to take a peer for gone that does not read (RFC 9687).
    SendHold,
}

/// Why the state changed. [`fmt::Display`] is for the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// It is wanted.
    Started,
    /// The pause after a failure is over.
    Retry,
    /// The connection is made.
    Connected,
    /// The peer's OPEN suits us.
    Agreed,
    /// So does ours the peer.
    Confirmed,
    /// The connection could not be made.
    Refused(String),
    /// Nobody answered in time.
    Unanswered,
    /// The peer or the network ended the connection without a word.
    Closed,
    /// The peer said nothing for its hold time.
    Silent,
    /// The peer read nothing for [`crate::peer::SEND_HOLD`].
    Deaf,
    /// The peer ended the session, and said this.
    Told(Notification),
    /// The peer sent what it must not; it was told this.
    Misbehaved(Notification),
    /// The peer is not who it should be.
    WrongAs {
        /// As configured.
        expected: u32,
        /// As it said.
        found: u32,
    },
    /// The peer's identifier is none, or ours.
    BadIdentifier {
        /// As it said.
        found: Ipv4Addr,
    },
    /// The peer's hold time is too short.
    BadHoldTime {
        /// As it said, in seconds.
        found: u16,
    },
    /// The peer carries none of the families that we have routes of.
    NoFamily,
    /// The peer refused our capabilities, and says some of its own.
    NotPlain,
    /// It is not wanted any more.
    Stopped(String),
}

impl Why {
    /// Whether it is something to mend.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        !matches!(
            self,
            Self::Started | Self::Retry | Self::Connected | Self::Agreed | Self::Confirmed | Self::Stopped(_)
        )
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("the session is wanted"),
            Self::Retry => f.write_str("the pause is over"),
            Self::Connected => f.write_str("connected"),
            Self::Agreed => f.write_str("the peer's OPEN is accepted"),
            Self::Confirmed => f.write_str("the peer accepted ours"),
            Self::Refused(why) => write!(f, "no connection: {why}"),
            Self::Unanswered => f.write_str("nobody answered the attempt to connect"),
            Self::Closed => f.write_str("the connection ended without a word"),
            Self::Silent => f.write_str("the peer said nothing for the hold time"),
            Self::Deaf => f.write_str("the peer took none of what was sent"),
            Self::Told(notification) => write!(f, "the peer ended the session: {notification}"),
            Self::Misbehaved(answer) => write!(f, "the peer sent what it must not, and was told: {answer}"),
            Self::WrongAs { expected, found } => {
                write!(f, "the peer says that it is AS {found}, but AS {expected} is configured (remote AS)")
            }
            Self::BadIdentifier { found } => write!(f, "the peer identifies itself as {found}, which it must not"),
            Self::BadHoldTime { found } => write!(f, "the peer wants a hold time of {found} s; 3 s is the least"),
            Self::NoFamily => f.write_str("the peer carries none of the families of our routes"),
            Self::NotPlain => f.write_str("the peer knows capabilities after all: the next OPEN has ours again"),
            Self::Stopped(text) => write!(f, "stopped: {text}"),
        }
    }
}

/// Why a wanted route is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unfit {
    /// The peer does not carry this family.
    Family(Family),
    /// There is no address of this host that could be its next hop: give one (`next_hop4`, `next_hop6`), or let the peer accept
    /// IPv4 routes with an IPv6 next hop (RFC 8950).
    NextHop(Family),
    /// It is of groups of hosts, not of single ones.
    Multicast,
    /// More communities than [`crate::route::MAX_COMMUNITIES`], or a longer path than [`crate::route::MAX_PREPEND`].
    Attributes,
    /// It and those behind it: there are more than [`crate::peer::MAX_ROUTES`].
    TooMany,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Family(family) => write!(f, "the peer does not carry {family} routes"),
            Self::NextHop(family) => write!(f, "no address of this host can be the next hop of {family} routes here"),
            Self::Multicast => f.write_str("multicast addresses are not announced"),
            Self::Attributes => f.write_str("it has more communities, or a longer path, than a message has room for"),
            Self::TooMany => f.write_str("there are more routes than a session may carry"),
        }
    }
}

/// Bytes of a stream in stories: two digits an octet, `M` for the marker of a message, so that messages are told apart by eye.
mod octets {
    use super::{String, Vec, fmt};
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    const MARKER: [u8; 16] = [0xFF; 16];

    struct Text<'a>(&'a [u8]);

    impl fmt::Display for Text<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let mut rest = self.0;
            while let Some((octet, tail)) = rest.split_first() {
                rest = if let Some(behind) = rest.strip_prefix(&MARKER) {
                    f.write_str("M")?;
                    behind
                } else {
                    write!(f, "{octet:02x}")?;
                    tail
                };
            }
            Ok(())
        }
    }

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&Text(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        let mut bytes = Vec::new();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            if let Some(behind) = rest.strip_prefix('M') {
                bytes.extend_from_slice(&MARKER);
                rest = behind;
                continue;
            }
            let octet = rest.get(..2).and_then(|two| u8::from_str_radix(two, 16).ok());
            bytes.push(octet.ok_or_else(|| D::Error::custom("expected two digits an octet, or M for a marker"))?);
            rest = &rest[2..];
        }
        Ok(bytes)
    }
}
