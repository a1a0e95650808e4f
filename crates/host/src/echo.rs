//! Does another host answer? Asked by ICMP echo (RFC 792, RFC 4443 4.1).
//!
//! By a ping socket, for which no capability is needed where `net.ipv4.ping_group_range` lets our group have one; else by a raw one. What
//! differs: the kernel numbers and sums questions of a ping socket itself, and gives it the answers to its own ones only.

use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::checksum::checksum;
use crate::{HostRefused, random};

/// Questions to one host.
#[derive(Debug)]
pub struct Echo {
    socket: Socket,
    to: IpAddr,
    is_raw: bool,
    /// Tells our questions from those of others (raw).
    identifier: u16,
    /// Of the last question.
    sequence: u16,
    /// Comes back with each answer: who has not heard the question does not know it.
    token: [u8; 8],
}

impl Echo {
    /// A way to ask this host; over this interface only, if one is named. A link-local address needs one.
    ///
    /// # Errors
    /// Neither a ping socket nor a raw one may be had, there is no such interface, or there is no way to the host.
    pub fn open(to: IpAddr, interface: Option<&str>) -> Result<Self, HostRefused> {
        let opened = Self::of(to, interface, Type::DGRAM).or_else(|error| match error.raw_os_error() {
            // Not in the range, or a kernel without ping sockets.
            Some(libc::EACCES | libc::EPERM | libc::EPROTONOSUPPORT) => Self::of(to, interface, Type::RAW),
            _ => Err(error),
        });
        opened.map_err(|error| refused("open a socket to ask whether a host answers", to, error))
    }

    fn of(to: IpAddr, interface: Option<&str>, kind: Type) -> io::Result<Self> {
        let (domain, protocol) =
            if to.is_ipv4() { (Domain::IPV4, Protocol::ICMPV4) } else { (Domain::IPV6, Protocol::ICMPV6) };
        let socket = Socket::new(domain, kind, Some(protocol))?;
        socket.set_nonblocking(true)?;
        if let Some(interface) = interface {
            socket.bind_device(Some(interface.as_bytes()))?;
        }
        // From here on only this host is heard.
        socket.connect(&SockAddr::from(SocketAddr::new(to, 0)))?;
        let number = random::seed();
        let identifier = u16::try_from(number >> 48).unwrap_or_default();
        let token = random::seed().to_be_bytes();
        Ok(Self { socket, to, is_raw: kind == Type::RAW, identifier, sequence: 0, token })
    }

    /// Asks once more; the number of the question.
    ///
    /// # Errors
    /// There is no way to the host: it may also have been the question before that found none.
    pub fn ask(&mut self) -> Result<u16, HostRefused> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut packet = vec![if self.to.is_ipv4() { REQUEST_V4 } else { REQUEST_V6 }, 0, 0, 0];
        packet.extend(self.identifier.to_be_bytes());
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.token);
        // The kernel sums ICMPv6 always, for it knows the addresses.
        if self.is_raw && self.to.is_ipv4() {
            let sum = checksum(&[&packet]);
            packet[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        let sent = self.socket.send(&packet);
        sent.map_err(|error| refused("ask whether a host answers", self.to, error))?;
        Ok(self.sequence)
    }

    /// The number of a question that was answered, if an answer has come. The descriptor is readable when there may be one.
    ///
    /// # Errors
    /// A router says that there is no way to the host, or the interface is gone.
    pub fn hear(&mut self) -> Result<Option<u16>, HostRefused> {
        let mut packet = [0; PACKET];
        for _ in 0..AT_ONCE {
            match (&self.socket).read(&mut packet) {
                Ok(len) => {
                    if let Some(number) = self.answered(&packet[..len]) {
                        return Ok(Some(number));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(refused("hear whether a host answers", self.to, error)),
            }
        }
        Ok(None)
    }

    /// Whether the kernel gave us a ping socket, or a raw one.
    #[must_use]
    pub const fn is_raw(&self) -> bool {
        self.is_raw
    }

    fn answered(&self, packet: &[u8]) -> Option<u16> {
        // A raw socket of IPv4 hands over the IP header, too; its length is in words.
        let header = if self.is_raw && self.to.is_ipv4() { usize::from(packet.first()? & 0x0F) * 4 } else { 0 };
        let (fixed, token) = packet.get(header..)?.split_first_chunk::<8>()?;
        let reply = if self.to.is_ipv4() { REPLY_V4 } else { REPLY_V6 };
        let identifier = u16::from_be_bytes([fixed[4], fixed[5]]);
        // A ping socket's is of the kernel's choice.
        let is_ours = !self.is_raw || identifier == self.identifier;
        let is_answer = fixed[0] == reply && fixed[1] == 0 && is_ours && token == self.token;
        is_answer.then(|| u16::from_be_bytes([fixed[6], fixed[7]]))
    }
}

impl AsFd for Echo {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// For who waits for it in a loop over many descriptors.
impl AsRawFd for Echo {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

fn refused(what: &'static str, to: IpAddr, error: io::Error) -> HostRefused {
    let remedy = match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            "Let our group ping (`sysctl net.ipv4.ping_group_range`), or give CAP_NET_RAW: AmbientCapabilities=CAP_NET_RAW (systemd)"
        }
        Some(libc::ENODEV) => "`ip link` shows the interfaces that are there",
        Some(libc::EINVAL) if to.is_ipv6() => "A link-local address needs `interface`",
        _ => "`ip route get` shows whether there is a way",
    };
    HostRefused::socket(what, to.to_string(), error, remedy)
}

const REQUEST_V4: u8 = 8;
const REPLY_V4: u8 = 0;
const REQUEST_V6: u8 = 128;
const REPLY_V6: u8 = 129;
/// The longest IPv4 header, ours, and room to see that something else is longer.
const PACKET: usize = 128;
/// Packets that are looked at in one go: a raw socket hears all ICMP of the host.
const AT_ONCE: usize = 256;
