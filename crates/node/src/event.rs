//! What can happen to a host and its addresses, and what is ordered? The lines of stories and flight records are these.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use machine::time::span;
use serde::{Deserialize, Serialize};
use view::{GroupName, View};
use vrrp::{Priority, State};

use crate::config::{Config, Job, Placed};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// It is to take part from here on.
    Startup {
        /// What is on interfaces of this host, and was put there by a Standfast: so the kernel says, if it is not too old for that.
        left: Vec<(String, Placed)>,
        /// What else of our addresses is there.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        found: Vec<Found>,
        /// Another process of this host has handed over to us: what is left is held, and stays without a gap.
        handed_over: bool,
        /// What that process held, if it said so.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        handed: Vec<(String, Placed)>,
    },
    /// It is to go: everything is given up in order, also where commands take a while. When nothing is left to do, [`Action::Ended`].
    Shutdown,
    /// It was told something else. What does not change goes on without a gap.
    Configured {
        /// All of it.
        config: Box<Config>,
    },
    /// A check has a result.
    Checked {
        /// Of which address.
        address: String,
        /// Which check.
        check: String,
        /// `None`: it passed; else why not.
        failed: Option<String>,
    },
    /// The truth of a group is another one.
    Viewed {
        /// All of it.
        view: View,
    },
    /// This node helps to make another server the master of a group: what follows its master has to leave, whatever was true before.
    Voted {
        /// Which group.
        group: GroupName,
    },
    /// An interface is there and running, or is not.
    Link {
        /// Its name.
        interface: String,
        /// `None`: it is well; else what is wrong with it: down, no carrier, gone.
        fault: Option<String>,
    },
    /// This is on the interface: all addresses of it, as they were listed after a change of which something was missed.
    Listed {
        /// The interface.
        interface: String,
        /// All that is on it.
        there: Vec<Placed>,
    },
    /// An address is not on its interface any more, and not by an order of ours.
    Gone {
        /// The interface.
        interface: String,
        /// Which one.
        address: Placed,
    },
    /// One of our addresses is on an interface, and not by an order of ours. It may be told again.
    Found {
        /// The interface.
        interface: String,
        /// Which one; of its network others may be told than ours.
        address: Placed,
    },
    /// It could not be put there.
    NotPut {
        /// The interface.
        interface: String,
        /// Which one.
        address: Placed,
        /// What the kernel said.
        why: String,
    },
    /// Another host of the link says that it has an address that we asked for, or hold.
    Elsewhere {
        /// The interface.
        interface: String,
        /// Which one.
        ip: IpAddr,
        /// Its link-layer address.
        by: String,
    },
    /// Something came on a router's wire.
    Router {
        /// Of which address.
        address: String,
        /// What.
        event: vrrp::Event,
    },
    /// Something happened to a session with a neighbour.
    Peer {
        /// Of which address.
        address: String,
        /// With which neighbour.
        neighbor: String,
        /// What.
        event: bgp::Event,
    },
    /// The session with a neighbour has another password by now, which no machine knows: it begins anew.
    Rekeyed {
        /// Of which address.
        address: String,
        /// With which neighbour.
        neighbor: String,
    },
    /// A command has ended.
    Ran {
        /// Of which address.
        address: String,
        /// Its number.
        nr: u64,
        /// How.
        end: End,
    },
    /// Another node, which may hold an address, does not answer any more, or says that it has given it up: who is connected to it there
    /// waits in vain.
    PartnerLost {
        /// Which address.
        address: String,
        /// What it calls itself.
        node: String,
    },
    /// An operator wants something of an address.
    Wished {
        /// Which one.
        address: String,
        /// What.
        wish: Wish,
    },
}

/// What the kernel says of an address at the start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Where it is.
    pub interface: String,
    /// Which one.
    pub address: Placed,
    /// It stays until somebody removes it; else the kernel ends it, as it does what we put.
    pub lasts: bool,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// With status 0.
    Done,
    /// Otherwise, or it could not be started, or it took too long and was ended.
    Failed(String),
}

/// What an operator may want of an address. All but `Preempt` outlasts a restart ([`crate::Address::released`], the driver's memory).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    /// It shall not be here until it is taken again.
    Release,
    /// It may be here (again), and shall come now if nobody has more right.
    Take,
    /// It shall come now, also where preemption is off or still waits; nothing else changes.
    Preempt,
}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Put this on the interface, or give it another lifetime. If that cannot be, say so (`NotPut`).
    Put {
        /// Where.
        interface: String,
        /// What.
        address: Placed,
        /// How long the kernel keeps it. `None`: until it is removed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        valid: Option<Valid>,
    },
    /// Take this off the interface, if it is there.
    Remove {
        /// Where.
        interface: String,
        /// What.
        address: Placed,
    },
    /// Ask the link whether somebody has this; who answers is told by `Elsewhere`.
    Ask {
        /// Where.
        interface: String,
        /// What.
        ip: IpAddr,
    },
    /// Tell the link where these are: one gratuitous ARP or unsolicited neighbour advertisement each.
    Announce {
        /// Where.
        interface: String,
        /// Which.
        ips: Vec<IpAddr>,
    },
    /// Make the clients that others served at this address find out that they are gone; those whose holder lives take no harm.
    Tickle {
        /// Which address.
        address: String,
    },
    /// Reset the clients that this host's proxy serves at these: the address leaves, and they would wait in vain. Before `Remove`.
    Cut {
        /// Which.
        ips: Vec<IpAddr>,
    },
    /// Send this, from the router of this address: only [`vrrp::Action::Send`] and [`vrrp::Action::Tell`] come out.
    Router {
        /// Of which address.
        address: String,
        /// What.
        action: vrrp::Action,
    },
    /// Connect, send, close, on the session with this neighbour, or say that its state has changed. Of attempts that fail in a row the first
    /// is said; the others are a `Tell` a minute.
    Peer {
        /// Of which address.
        address: String,
        /// With which neighbour.
        neighbor: String,
        /// What.
        action: bgp::Action,
    },
    /// Run a command; its end is an event. Of one address one runs at a time.
    Run {
        /// Of which address.
        address: String,
        /// Counted from 1.
        nr: u64,
        /// Which.
        job: Job,
    },
    /// The state of an address has changed: for hooks, the pager and the log. *Active*: it is here; *Backup*: it may come; *Fault*: it must
    /// not; *Initialize*: stopped.
    Changed {
        /// Which address.
        address: String,
        /// What it was.
        from: State,
        /// What it is.
        to: State,
        /// With how much right (VRRP; else the usual one).
        priority: Priority,
        /// Why, for people.
        why: String,
    },
    /// The state of a sync group has changed.
    GroupChanged {
        /// Its name.
        group: String,
        /// What it was.
        from: State,
        /// What it is.
        to: State,
    },
    /// Something that an operator should know: for the log, with its weight.
    Tell {
        /// About which address.
        address: String,
        /// Whether something has to be done about it.
        is_bad: bool,
        /// A sentence or two: what failed, what we did, what can be done.
        text: String,
    },
    /// What is to be done for this address should this process die: the guard does it. Replaces what was said before; empty: nothing.
    Will {
        /// Which address.
        address: String,
        /// To be taken off the interface.
        remove: Vec<(String, Placed)>,
        /// To be said by the router then: that it goes.
        say: Vec<vrrp::Action>,
    },
    /// After `Shutdown`: nothing is held, nothing is left to be done.
    Ended,
}

/// A lifetime, as stories write it: `2s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Valid(#[serde(with = "span")] pub Duration);

/// Why the machine wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// When to refresh the lifetime of an address.
    Refresh,
    /// When to take a proof that did not come for failed.
    Proof,
    /// When nobody has answered for long enough that an address may be put.
    Asked,
    /// When to tell neighbours again where an address is.
    Announce,
    /// When to tickle once more.
    Tickle,
    /// When nobody is led here any more whose route was withdrawn.
    Linger,
    /// When to run a command again, or ask by one whether the address is still here.
    Command,
    /// When to put an address again that could not be put.
    Retry,
    /// A router's own.
    Router(vrrp::Timer),
    /// A session's own.
    Peer(bgp::Timer),
}
