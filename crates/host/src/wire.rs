//! How do packets of a protocol of its own (VRRP) get onto one link, and off it?
//!
//! Out by a raw socket, from the host's own address, with a hop limit that no router has touched. In by a packet socket, which hands
//! over whole IP packets, with all that their headers say, and a filter in the kernel, so that other traffic costs nothing.

use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, BorrowedFd};

use socket2::{Domain, Protocol, Socket, Type};

use crate::netlink::Link;
use crate::packets::{byte, equal, give};
use crate::refused::NO_RAW;
use crate::{HostRefused, packets};

/// Packets of one protocol on one link.
#[derive(Debug)]
pub struct Wire {
    speaker: Speaker,
    inward: Socket,
}

/// The half of a [`Wire`] that speaks and does not listen.
#[derive(Debug)]
pub struct Speaker {
    link: Link,
    outward: Socket,
}

/// What a wire carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Carries {
    /// The number in IP's protocol field.
    pub protocol: u8,
    /// The group that is listened to. Of the family of the host's address.
    pub group: IpAddr,
    /// The time to live or hop limit of what goes out.
    pub hops: u8,
}

/// The class of routing protocols: it goes out before other traffic (RFC 791, "Internetwork Control").
const INTERNETWORK_CONTROL: u32 = 0xc0;
/// Where IP says which protocol it carries (RFC 791 3.1, RFC 8200 3).
const PROTOCOL_V4: u32 = 9;
const PROTOCOL_V6: u32 = 6;

impl Wire {
    /// Opens it. `from`: this host's own address on the link, in the name of which it speaks.
    ///
    /// # Errors
    /// The capability is missing, the link is gone, or the address is not on it.
    pub fn open(link: &Link, from: IpAddr, carries: &Carries) -> Result<Self, HostRefused> {
        let speaker = Speaker::open(link, from, carries)?;
        let inward = inward(link, from, carries).map_err(|error| refused("open a raw socket", link, error))?;
        Ok(Self { speaker, inward })
    }

    /// Sends one packet to a peer or to the group.
    ///
    /// # Errors
    /// The link is down or gone, or there is no way to the peer.
    pub fn send(&self, to: IpAddr, payload: &[u8]) -> Result<(), HostRefused> {
        self.speaker.send(to, payload)
    }

    /// The next packet, from its IP header on, if one has come; how long it is. What is longer than the room is cut off. The descriptor
    /// is readable when there is one.
    ///
    /// # Errors
    /// The link is gone.
    pub fn receive(&self, into: &mut [u8]) -> Result<Option<usize>, HostRefused> {
        loop {
            match (&self.inward).read(into) {
                Ok(len) => return Ok(Some(len)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It is told once that the link is down; it may come up again.
                Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => {}
                Err(error) => return Err(refused("hear packets", &self.speaker.link, error)),
            }
        }
    }
}

impl Speaker {
    /// Opens it, as [`Wire::open`] does.
    ///
    /// # Errors
    /// The capability is missing, the link is gone, or the address is not on it.
    pub fn open(link: &Link, from: IpAddr, carries: &Carries) -> Result<Self, HostRefused> {
        let outward = outward(link, from, carries).map_err(|error| refused("open a raw socket", link, error))?;
        Ok(Self { link: link.clone(), outward })
    }

    /// Sends one packet to a peer or to the group.
    ///
    /// # Errors
    /// The link is down or gone, or there is no way to the peer.
    pub fn send(&self, to: IpAddr, payload: &[u8]) -> Result<(), HostRefused> {
        let to: SocketAddr = match to {
            IpAddr::V4(ip) => (ip, 0).into(),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, 0, 0, self.link.index).into(),
        };
        let sent = self.outward.send_to(payload, &to.into());
        sent.map(drop).map_err(|error| refused("send a packet", &self.link, error))
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inward.as_fd()
    }
}

fn outward(link: &Link, from: IpAddr, carries: &Carries) -> io::Result<Socket> {
    let protocol = Some(Protocol::from(i32::from(carries.protocol)));
    let hops = u32::from(carries.hops);
    let socket;
    match (from, carries.group) {
        (IpAddr::V4(from), IpAddr::V4(group)) => {
            socket = Socket::new(Domain::IPV4, Type::RAW, protocol)?;
            socket.set_multicast_if_v4(&from)?;
            socket.set_multicast_ttl_v4(hops)?;
            socket.set_multicast_loop_v4(false)?;
            socket.set_ttl_v4(hops)?;
            socket.set_tos_v4(INTERNETWORK_CONTROL)?;
            socket.join_multicast_v4_n(&group, &socket2::InterfaceIndexOrAddress::Index(link.index))?;
            socket.bind(&SocketAddr::from((from, 0)).into())?;
        }
        (IpAddr::V6(from), IpAddr::V6(group)) => {
            socket = Socket::new(Domain::IPV6, Type::RAW, protocol)?;
            socket.set_multicast_if_v6(link.index)?;
            socket.set_multicast_hops_v6(hops)?;
            socket.set_multicast_loop_v6(false)?;
            socket.set_unicast_hops_v6(hops)?;
            socket.set_tclass_v6(INTERNETWORK_CONTROL)?;
            socket.join_multicast_v6(&group, link.index)?;
            socket.bind(&SocketAddr::from(SocketAddrV6::new(from, 0, 0, link.index)).into())?;
        }
        _ => return Err(io::Error::from_raw_os_error(libc::EAFNOSUPPORT)),
    }
    // What comes in is read elsewhere: nothing is kept here.
    socket.attach_filter(&[give(0)])?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn inward(link: &Link, from: IpAddr, carries: &Carries) -> io::Result<Socket> {
    let (ethertype, at) = match from {
        IpAddr::V4(_) => (libc::ETH_P_IP, PROTOCOL_V4),
        IpAddr::V6(_) => (libc::ETH_P_IPV6, PROTOCOL_V6),
    };
    let filter = [byte(at), equal(carries.protocol, 0, 1), give(u32::MAX), give(0)];
    packets::hear(Type::DGRAM, link, ethertype, &filter)
}

fn refused(what: &'static str, link: &Link, error: io::Error) -> HostRefused {
    let remedy = match error.raw_os_error() {
        Some(libc::EPERM) => NO_RAW,
        Some(libc::EADDRNOTAVAIL) => "The host's own address is not on it: `ip address` shows those that are",
        Some(libc::ENETDOWN) => "The interface is down: `ip link set NAME up`",
        _ => "`ip link` shows the interfaces that are there",
    };
    HostRefused::socket(what, &link.name, error, remedy)
}
