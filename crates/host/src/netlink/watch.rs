//! What changed on this host's links without us?
//!
//! The kernel tells it once. If too much happens at once it drops some and says that it did: then everything is to be looked at
//! again.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::message::Message;
use super::socket::Socket;
use super::{Address, Held, Link};
use crate::HostRefused;
use crate::refused::NO_ANSWER;

/// News of links and addresses.
#[derive(Debug)]
pub struct Watch(Socket);

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// There is this link, new or otherwise than before.
    Link(Link),
    /// There is no such link any more.
    LinkGone(u32),
    /// There is this address, new or with another lifetime.
    Address(Held),
    /// There is no such address any more: somebody took it, or its lifetime is over.
    AddressGone(Address),
    /// So much happened that the kernel could not tell it all: look again.
    Missed,
}

/// Links, IPv4 and IPv6 addresses.
const GROUPS: [libc::c_uint; 3] = [libc::RTNLGRP_LINK, libc::RTNLGRP_IPV4_IFADDR, libc::RTNLGRP_IPV6_IFADDR];

impl Watch {
    /// Hears of everything from now on.
    ///
    /// # Errors
    /// No descriptors are left.
    pub fn open() -> Result<Self, HostRefused> {
        let opened = Socket::open(libc::NETLINK_ROUTE).and_then(|socket| {
            socket.set_nonblocking()?;
            for group in GROUPS {
                socket.join(group)?;
            }
            Ok(Self(socket))
        });
        opened.map_err(|error| HostRefused::socket("watch the network interfaces", "netlink", error, NO_ANSWER))
    }

    /// What came since the last time. Nothing, if nothing did: the descriptor is readable when there is something.
    ///
    /// # Errors
    /// The kernel tells nothing more.
    pub fn changes(&mut self) -> Result<Vec<Change>, HostRefused> {
        match self.0.hear() {
            Ok(told) => Ok(told.filter_map(|(_, message)| Change::of(message)).collect()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Vec::new()),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(vec![Change::Missed]),
            Err(error) => Err(HostRefused::socket("watch the network interfaces", "netlink", error, NO_ANSWER)),
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Change {
    fn of(message: Message) -> Option<Self> {
        match message {
            Message::Link(link) => Some(Self::Link(link)),
            Message::LinkGone(index) => Some(Self::LinkGone(index)),
            Message::Address(held) => Some(Self::Address(held)),
            Message::AddressGone(address) => Some(Self::AddressGone(address)),
            Message::Done(_) | Message::Other => None,
        }
    }
}
