//! What can happen to a virtual router, and what it orders. The lines of stories and flight records are these.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

use machine::time::span;
use serde::{Deserialize, Serialize};

use crate::advert::{Advert, Priority};
use crate::config::Config;
use crate::ip::Datagram;
use crate::packet::Codec;
use crate::refused::Refused;

/// The states of RFC 9568 6.4, and Keepalived's fourth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum State {
    /// Not started, or stopped.
    #[default]
    Initialize,
    /// Started, and has no right to hold the addresses, whoever else there is.
    Fault,
    /// Listens whether somebody holds them.
    Backup,
    /// Holds them, or has told their holder to go and takes them in a moment. Keepalived and RFC 3768 call it *Master*, which here is a Redis.
    Active,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initialize => "INITIALIZE (keepalived: STOP)",
            Self::Fault => "FAULT",
            Self::Backup => "BACKUP",
            Self::Active => "ACTIVE (keepalived: MASTER)",
        })
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// It is to take part from here on.
    Startup,
    /// It is to go, and say so.
    Shutdown,
    /// An advertisement was read.
    Heard {
        /// Who sent it.
        from: IpAddr,
        /// Where to.
        to: IpAddr,
        /// What it says.
        advert: Advert,
    },
    /// A packet came that is none.
    Refused {
        /// Who sent it; `None` if even that cannot be read.
        from: Option<IpAddr>,
        /// Why it is none.
        refused: Refused,
    },
    /// There is a reason why this host must not hold the addresses.
    Forbidden {
        /// The sort of reason; a second one of a sort replaces the first.
        cause: Cause,
        /// The reason, for people.
        why: String,
    },
    /// A sort of reason is gone.
    Allowed {
        /// Which sort.
        cause: Cause,
    },
    /// Health has changed how much right this host has.
    Ranked {
        /// How much.
        priority: Priority,
    },
    /// It was told something else, of the same version, number and own address (else it is another router). Its priority is `Ranked`.
    Configured {
        /// What; [`Config::check`] accepts it.
        config: Box<Config>,
    },
    /// An operator wants the addresses here now, also without preemption or before its delay is over. A holder with as much right or
    /// more keeps them.
    Claimed,
    /// The addresses could not be taken; whatever of them was taken is to be released.
    NotTaken {
        /// What the kernel, or the command, said.
        why: String,
    },
}

impl Event {
    /// What a packet is to the machine: the whole duty of a driver that has read one.
    #[must_use]
    pub fn received(codec: &Codec, packet: Result<Datagram<'_>, Refused>) -> Self {
        let datagram = match packet {
            Ok(datagram) => datagram,
            Err(refused) => return Self::Refused { from: None, refused },
        };
        match codec.decode(&datagram) {
            Ok(advert) => Self::Heard { from: datagram.from, to: datagram.to, advert },
            Err(refused) => Self::Refused { from: Some(datagram.from), refused },
        }
    }
}

/// Sorts of reasons why a host must not hold the addresses; each is given and taken back on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Cause {
    /// The interface is down, or gone.
    Link,
    /// A check with a veto fails.
    Health,
    /// The addresses could not be taken the last time. The machine itself takes it back, after a while.
    Address,
    /// Another router of the same sync group must not.
    Group,
    /// Somebody wants it so.
    Operator,
}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Put these on the interface. If that cannot be, say so (`NotTaken`).
    Take {
        /// All that is held; after another configuration, what is new of it.
        addresses: Vec<IpAddr>,
    },
    /// Take these off the interface, whichever of them are there.
    Release {
        /// All that was held; after another configuration, what is no longer.
        addresses: Vec<IpAddr>,
    },
    /// Send this, written by the router's [`Codec`], from the host's own address.
    Send {
        /// Where to: a peer, or the multicast group.
        to: IpAddr,
        /// What to say.
        advert: Advert,
    },
    /// Tell the network where these are: one gratuitous ARP or unsolicited neighbour advertisement each.
    Announce {
        /// All that is held.
        addresses: Vec<IpAddr>,
    },
    /// The state has changed: for hooks, the pager and the log.
    Changed {
        /// What it was.
        from: State,
        /// What it is.
        to: State,
        /// Why.
        why: Why,
    },
    /// Something was wrong with packets: for the log. The first of a kind at once, then at most one line a minute.
    Tell {
        /// Who sent the last one.
        from: Option<IpAddr>,
        /// What was wrong with it.
        refused: Refused,
        /// It counted nevertheless.
        counted: bool,
        /// How many of the kind since the last line.
        times: u64,
    },
}

/// When a router wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// When to miss the holder (Active_Down_Timer).
    ActiveDown,
    /// When to say that we hold (Adver_Timer).
    Adver,
    /// When to take a holder that was told to go for gone.
    Gone,
    /// When to tell the network again where the addresses are.
    Announce,
    /// When to try again to take addresses that could not be taken.
    Retry,
}

/// Why a state has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// It was started.
    Started,
    /// It was stopped.
    Stopped,
    /// The addresses are this host's own.
    Owner,
    /// Nobody was heard to hold them.
    Silence {
        /// For how long.
        #[serde(with = "span")]
        lasted: Duration,
    },
    /// The holder said that it goes.
    Resigned {
        /// Who.
        by: IpAddr,
    },
    /// The holder has less right.
    Preempted {
        /// Who.
        holder: IpAddr,
        /// How much it has.
        priority: Priority,
    },
    /// An operator wanted it so.
    Claimed,
    /// Somebody with more right holds them.
    Outranked {
        /// Who.
        by: IpAddr,
        /// How much it has.
        priority: Priority,
    },
    /// Somebody with as much right and a greater address holds them.
    Tie {
        /// Who.
        by: IpAddr,
    },
    /// This host must not.
    Forbidden {
        /// What sort of reason it is.
        cause: Cause,
        /// The reason.
        why: String,
    },
    /// The last reason why it must not is gone.
    Allowed,
    /// This host stood still for so long that others must have taken over.
    Froze {
        /// How long it said nothing.
        #[serde(with = "span")]
        lasted: Duration,
    },
    /// Another router of the sync group lost its addresses.
    Group {
        /// Its name.
        member: String,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started => f.write_str("started"),
            Self::Stopped => f.write_str("stopped"),
            Self::Owner => f.write_str("the addresses are this host's own"),
            Self::Silence { lasted } => write!(f, "nobody was heard to hold the addresses for {lasted:?}"),
            Self::Resigned { by } => write!(f, "{by}, which held the addresses, said that it goes"),
            Self::Preempted { holder, priority } => {
                write!(f, "{holder}, which held the addresses, has less right to them: priority {priority}")
            }
            Self::Claimed => f.write_str("an operator wants the addresses here"),
            Self::Outranked { by, priority } => {
                write!(f, "{by} holds the addresses with more right: priority {priority}")
            }
            Self::Tie { by } => write!(f, "{by} holds the addresses with the same priority and a greater address"),
            Self::Forbidden { cause, why } => {
                let cause = format!("{cause:?}").to_lowercase();
                write!(f, "this host must not hold the addresses ({cause}): {why}")
            }
            Self::Allowed => f.write_str("nothing forbids this host to hold the addresses any more"),
            Self::Froze { lasted } => write!(f, "this host stood still for {lasted:?}: others have taken over by then"),
            Self::Group { member } => write!(f, "{member}, of the same sync group, lost its addresses"),
        }
    }
}

impl Why {
    /// What RFC 6527 calls the reason for a new holder (`vrrpv3StatisticsNewMasterReason`).
    #[must_use]
    pub const fn new_master_reason(&self) -> &'static str {
        match self {
            Self::Owner | Self::Resigned { .. } => "priority",
            Self::Preempted { .. } => "preempted",
            Self::Silence { .. } => "masterNoResponse",
            _ => "notMaster",
        }
    }
}
