//! Which links and addresses does this host have, and which should it have?
//!
//! The kernel is asked and told by netlink (`man 7 rtnetlink`). Addresses may be given a lifetime: the kernel takes them away by
//! itself when that is over, whatever has become of us. That is the dead man's switch of an address that moves.
//!
//! | module | answers |
//! |---|---|
//! | [`message`] | how are questions and answers written? |
//! | [`watch`] | what changed without us? |
//! | [`connections`] | which TCP connections are there at an address? |

pub mod connections;
pub mod message;
mod socket;
pub mod watch;

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use crate::HostRefused;
use crate::clock::now;
use crate::refused::{NO_ADMIN, NO_ANSWER};
use message::{Message, Refusal, Request};
use socket::Socket;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number, which it keeps while it exists.
    pub index: u32,
    /// What the operator calls it.
    pub name: String,
    /// Its link-layer address, where it has one of six bytes.
    pub mac: Option<[u8; 6]>,
    /// Somebody has set it up.
    pub is_up: bool,
    /// It is up, and there is a carrier.
    pub is_running: bool,
}

/// An address on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The number of the link.
    pub link: u32,
    /// The address.
    pub ip: IpAddr,
    /// Bits of the network's part: 32 or 128 for the host alone.
    pub prefix: u8,
}

/// An address that the host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which.
    pub address: Address,
    /// How long it stays, if that is not for ever. Whole seconds.
    pub valid: Option<Duration>,
    /// The kernel does not know yet whether another host has it (RFC 4862 5.4).
    pub is_tentative: bool,
    /// Another host has it.
    pub is_duplicate: bool,
    /// A Standfast has put it there: now, or before a crash. Kernels before 5.18 do not say so.
    pub is_ours: bool,
    /// Another address of its network was there before it (IPv4): with that the kernel removes it.
    pub is_secondary: bool,
}

/// What came of a removal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// It was there.
    pub was_there: bool,
    /// Others of its network that the kernel removed with it, and that were put back.
    pub taken_along: Vec<Address>,
}

/// The kernel's lists of links and addresses.
#[derive(Debug)]
pub struct Netlink(Socket);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

impl Address {
    /// Whether two addresses are in one IPv4 network of one link, as the kernel sees it: one of other bits is another network.
    #[must_use]
    pub fn is_in_network_of(&self, other: &Self) -> bool {
        let (IpAddr::V4(a), IpAddr::V4(b)) = (self.ip, other.ip) else { return false };
        let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0);
        (self.link, self.prefix) == (other.link, other.prefix) && a.to_bits() & mask == b.to_bits() & mask
    }
}

impl Netlink {
    /// A way to the kernel.
    ///
    /// # Errors
    /// No descriptors are left.
    pub fn open() -> Result<Self, HostRefused> {
        Socket::open(libc::NETLINK_ROUTE).map(Self).map_err(|error| asked("ask the kernel about its network", error))
    }

    /// All links.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn links(&mut self) -> Result<Vec<Link>, HostRefused> {
        let told = self.0.list(&Request::links());
        let told = told.map_err(|refusal| asked("list the network interfaces", refusal.error))?;
        Ok(told.into_iter().filter_map(|told| if let Message::Link(link) = told { Some(link) } else { None }).collect())
    }

    /// All addresses.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn addresses(&mut self) -> Result<Vec<Held>, HostRefused> {
        let told = self.0.list(&Request::addresses());
        let told = told.map_err(|refusal| asked("list the addresses", refusal.error))?;
        Ok(told
            .into_iter()
            .filter_map(|told| if let Message::Address(held) = told { Some(held) } else { None })
            .collect())
    }

    /// Puts an address on its link, or gives one that is there another lifetime; `None`: it stays until it is removed. The kernel
    /// counts in seconds, at least one. Then what is sent to it is heard, if its link is up.
    ///
    /// # Errors
    /// The kernel refuses: the link is gone, or the capability is missing.
    pub fn put(&mut self, address: &Address, valid: Option<Duration>) -> Result<(), HostRefused> {
        self.put_all(&[(*address, valid)]).remove(0)
    }

    /// Puts all of them, as [`put`](Self::put) does one, in the same order, and waits once. How each came out.
    pub fn put_all(&mut self, all: &[(Address, Option<Duration>)]) -> Vec<Result<(), HostRefused>> {
        let put = |(address, valid): &(Address, Option<Duration>)| {
            let put = self.0.order(&Request::put(address, *valid));
            put.map_err(|refusal| refused("put an address on a network interface", address, refusal))
        };
        let done: Vec<_> = all.iter().map(put).collect();
        let there = all.iter().zip(&done).filter(|(_, done)| done.is_ok()).map(|((address, _), _)| address.ip);
        self.wait_until_heard(there.filter(IpAddr::is_ipv6).collect());
        done
    }

    /// The kernel says at once that it has an IPv6 address; packets for it are let in a moment later, when another thread of its own has come
    /// to it. Who heard of the address before would be told nothing: a neighbour that was asked where a client is answers once, and is asked
    /// again after a second.
    fn wait_until_heard(&mut self, mut ips: Vec<IpAddr>) {
        let until = now() + LATEST;
        loop {
            // What was put last is heard last.
            while ips.last().is_some_and(|ip| self.is_heard(*ip)) {
                ips.pop();
            }
            if ips.is_empty() || now() >= until {
                return;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Whether packets for this address are let in.
    pub fn is_heard(&mut self, ip: IpAddr) -> bool {
        let mut is_local = false;
        let told = self.0.each(&Request::way_to(ip), |kind, body| is_local |= message::is_way_to_itself(kind, body));
        told.is_ok() && is_local
    }

    /// Shuts the door of an address that is about to be removed: nothing that comes to it is for this host any more, so nobody connects
    /// to it; but it is still there to speak from, so that those who are connected can be told. Only removing it and putting it anew opens it
    /// again. False: it was not open.
    ///
    /// # Errors
    /// The kernel refuses: the capability is missing.
    pub fn shut(&mut self, address: &Address) -> Result<bool, HostRefused> {
        match self.0.order(&Request::shut(address)) {
            Ok(()) => Ok(true),
            // No such route; no such link.
            Err(refusal) if matches!(refusal.error.raw_os_error(), Some(libc::ESRCH | libc::ENODEV)) => Ok(false),
            Err(refusal) => Err(refused("let nobody in at an address", address, refusal)),
        }
    }

    /// Takes an address from its link. With the first one of an IPv4 network the kernel removes all others of it that came later, unless the
    /// sysctl `promote_secondaries` is set: they are put back as they were, at once.
    ///
    /// # Errors
    /// The kernel refuses: the capability is missing.
    pub fn remove(&mut self, address: &Address) -> Result<Removed, HostRefused> {
        let beside = self.others_of_its_network(address);
        match self.0.order(&Request::remove(address)) {
            Ok(()) => Ok(Removed { was_there: true, taken_along: self.put_back(beside) }),
            // No such address; no such link.
            Err(refusal) if matches!(refusal.error.raw_os_error(), Some(libc::EADDRNOTAVAIL | libc::ENODEV)) => {
                Ok(Removed::default())
            }
            Err(refusal) => Err(refused("take an address from a network interface", address, refusal)),
        }
    }

    /// Those that the kernel would remove with this one, each with all that it said of it. The host's own come first: one of them is the first
    /// of the network from then on. Of ours the last is, so that those that leave one after the other take nothing along.
    fn others_of_its_network(&mut self, address: &Address) -> Vec<(Held, Vec<u8>)> {
        if address.ip.is_ipv6() || address.prefix == 32 {
            return Vec::new();
        }
        let (mut is_first, mut beside) = (false, Vec::new());
        let told = self.0.each(&Request::addresses(), |kind, body| {
            let Message::Address(held) = Message::of(kind, body) else { return };
            is_first |= held.address == *address && !held.is_secondary;
            if held.is_secondary && held.address.is_in_network_of(address) {
                beside.push((held, body.to_vec()));
            }
        });
        if told.is_err() || !is_first {
            return Vec::new();
        }
        let (ours, mut own): (Vec<_>, Vec<_>) = beside.into_iter().partition(|(held, _)| held.is_ours);
        own.extend(ours.into_iter().rev());
        own
    }

    /// Those of them that are not there any more. What the kernel refuses is left: it says why it does to whoever looks.
    fn put_back(&mut self, beside: Vec<(Held, Vec<u8>)>) -> Vec<Address> {
        let back = beside.into_iter().filter_map(|(held, body)| {
            // Where the kernel has promoted one it is there: nothing is to be done.
            self.0.order(&Request::put_back(body)).ok().map(|()| held.address)
        });
        back.collect()
    }
}

fn refused(what: &'static str, address: &Address, Refusal { error, words }: Refusal) -> HostRefused {
    let remedy = match error.raw_os_error() {
        Some(libc::EPERM) => NO_ADMIN,
        Some(libc::ENODEV) => "The interface is gone: `ip link` shows those that are there",
        Some(libc::EACCES) => "IPv6 is switched off there: see the sysctl net.ipv6.conf.all.disable_ipv6",
        _ => "`ip address` shows what is there",
    };
    let refused = HostRefused::socket(what, format!("{address} on interface {}", address.link), error, remedy);
    let Some(words) = words else { return refused };
    let remedy = format!("{}. The kernel says: {words}", refused.remedy);
    refused.with_remedy(remedy)
}

/// A question was not answered.
fn asked(what: &'static str, error: io::Error) -> HostRefused {
    let remedy = match error.raw_os_error() {
        None if error.kind() == io::ErrorKind::Other => CHANGES,
        // No answer for a second.
        Some(libc::EAGAIN) => {
            "The kernel is asked again: if that does not end, the host is in trouble (`journalctl -k`)"
        }
        _ => NO_ANSWER,
    };
    HostRefused::socket(what, "netlink", error, remedy)
}

/// What is listed did not stand still. Whoever makes it change is not the kernel.
const CHANGES: &str = "It is asked again: if that does not end, `ip monitor` shows what changes all the time, and somebody makes it do so";

/// A fraction of a millisecond as a rule. Longer than this only on a host that is as busy; what is announced then is announced again.
const LATEST: Duration = Duration::from_millis(50);
const LOOK_AGAIN: Duration = Duration::from_micros(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_without_an_answer_leads_to_who_is_to_blame() {
        let told = |error| asked("list the addresses", error).to_string();
        assert!(told(io::Error::other("what is listed changes")).ends_with(CHANGES));
        assert!(told(io::Error::from_raw_os_error(libc::EAGAIN)).contains("asked again"));
        assert!(told(io::ErrorKind::InvalidData.into()).ends_with(NO_ANSWER));
        assert!(told(io::Error::from_raw_os_error(libc::EAFNOSUPPORT)).contains("AF_NETLINK"));
    }
}
