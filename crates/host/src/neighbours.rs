//! Who on a link learns where an address is, and who says that it is somewhere else?
//!
//! Neighbours remember which interface an address is behind. When it moves they must be told, or what they send goes to the old host
//! until they ask again. Before it moves they can be asked, so that no address is taken from somebody who has it.
//!
//! | module | answers |
//! |---|---|
//! | [`frame`] | how is that put into bytes, for IPv4 (ARP) and IPv6 (neighbour discovery)? |

pub mod frame;

use std::io::{self, Read as _};
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};

use socket2::{Domain, Socket, Type};

use crate::netlink::Link;
use crate::packets::{byte, equal, give};
use crate::refused::NO_RAW;
use crate::{HostRefused, link_address, packets};
use frame::Mac;

/// Says on links where addresses are.
#[derive(Debug)]
pub struct Announcer(Socket);

/// A question to all on a link: has somebody this address?
#[derive(Debug)]
pub struct Probe {
    socket: Socket,
    link: Link,
    ip: IpAddr,
}

/// What others say on a link about where addresses are.
#[derive(Debug)]
pub struct Claims {
    socket: Socket,
    link: Link,
}

/// Frames that are looked at in one go: what comes faster is for the next one.
const AT_ONCE: usize = 256;
/// Questions and answers are shorter than this; what is longer is neither.
const FRAME: usize = 256;

impl Announcer {
    /// A way to all links.
    ///
    /// # Errors
    /// The capability is missing.
    pub fn open() -> Result<Self, HostRefused> {
        // Protocol 0: nothing comes in.
        let opened = Socket::new(Domain::PACKET, Type::RAW, None);
        opened.map(Self).map_err(|error| refused("send frames of our own", "all interfaces", error))
    }

    /// Tells everybody on the link that the address is behind it: by gratuitous ARP (RFC 5227 3, in both of the forms that hosts
    /// understand) or an unsolicited neighbour advertisement (RFC 4861 7.2.6). A link without hardware addresses has nobody to tell.
    ///
    /// # Errors
    /// The link is down or gone.
    pub fn announce(&self, link: &Link, ip: IpAddr) -> Result<(), HostRefused> {
        let Some(mac) = link.mac.filter(|mac| *mac != [0; 6]) else { return Ok(()) };
        frame::announcements(mac, ip).iter().try_for_each(|frame| {
            send(&self.0, link, frame)
                .map_err(|error| refused("tell neighbours where an address is", &link.name, error))
        })
    }
}

impl Probe {
    /// Asks (RFC 5227 2.1.1, RFC 4862 5.4.2), and hears what is said from now on.
    ///
    /// # Errors
    /// The link is down or gone, or the capability is missing.
    pub fn begin(link: &Link, ip: IpAddr) -> Result<Self, HostRefused> {
        let heard = hear(link, ip.is_ipv6());
        let socket = heard.map_err(|error| refused("ask neighbours for an address", &link.name, error))?;
        let probe = Self { socket, link: link.clone(), ip };
        probe.ask()?;
        Ok(probe)
    }

    /// Asks again.
    ///
    /// # Errors
    /// The link is down or gone.
    pub fn ask(&self) -> Result<(), HostRefused> {
        let Some(mac) = self.link.mac.filter(|mac| *mac != [0; 6]) else { return Ok(()) };
        let asked = send(&self.socket, &self.link, &frame::question(mac, self.ip));
        asked.map_err(|error| refused("ask neighbours for an address", &self.link.name, error))
    }

    /// Who has said since the last time that the address is there, if somebody has. The descriptor is readable when somebody says
    /// anything.
    ///
    /// # Errors
    /// The link is gone.
    pub fn holder(&self) -> Result<Option<Mac>, HostRefused> {
        Ok(says(&self.socket, &self.link, &[self.ip], frame::holder)?.map(|(_, mac)| mac))
    }
}

impl Claims {
    /// Hears what is said on the link from now on about addresses of one family, without asking.
    ///
    /// # Errors
    /// The link is down or gone, or the capability is missing.
    pub fn hear(link: &Link, ipv6: bool) -> Result<Self, HostRefused> {
        let heard = hear(link, ipv6).map_err(|error| refused("hear what neighbours say", &link.name, error));
        Ok(Self { socket: heard?, link: link.clone() })
    }

    /// The next one that says to have one of these addresses, and which. The descriptor is readable when somebody says anything.
    ///
    /// # Errors
    /// The link is gone.
    pub fn next(&self, of: &[IpAddr]) -> Result<Option<(IpAddr, Mac)>, HostRefused> {
        says(&self.socket, &self.link, of, frame::claimant)
    }
}

impl AsFd for Claims {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Questions and answers about who has which address, on one link.
fn hear(link: &Link, ipv6: bool) -> io::Result<Socket> {
    if !ipv6 {
        return packets::hear(Type::RAW, link, libc::ETH_P_ARP, &[give(u32::MAX)]);
    }
    let [advertisement, solicitation] = frame::NEIGHBOUR_DISCOVERY;
    let filter = [
        byte(frame::NEXT_HEADER),
        equal(frame::ICMPV6, 0, 4),
        byte(frame::ICMPV6_KIND),
        equal(advertisement, 1, 0),
        equal(solicitation, 0, 1),
        give(u32::MAX),
        give(0),
    ];
    packets::hear(Type::RAW, link, libc::ETH_P_IPV6, &filter)
}

fn says(
    mut socket: &Socket,
    link: &Link,
    of: &[IpAddr],
    read: fn(&[u8], IpAddr) -> Option<Mac>,
) -> Result<Option<(IpAddr, Mac)>, HostRefused> {
    let mut frame = [0; FRAME];
    for _ in 0..AT_ONCE {
        match socket.read(&mut frame) {
            Ok(len) => {
                let mut claims = of.iter().filter_map(|ip| Some((*ip, read(&frame[..len], *ip)?)));
                let theirs = claims.find(|(_, mac)| Some(*mac) != link.mac);
                if theirs.is_some() {
                    return Ok(theirs);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            // It is told once that the link is down; it may come up again.
            Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => {}
            Err(error) => return Err(refused("hear what neighbours say", &link.name, error)),
        }
    }
    Ok(None)
}

impl AsFd for Probe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Sends a frame as it is.
#[expect(unsafe_code, reason = "sendto")]
fn send(socket: &Socket, link: &Link, frame: &[u8]) -> io::Result<()> {
    let (to, len) = link_address::of(link, 0)?;
    // SAFETY: man 2 sendto: it reads `frame.len()` bytes at the first pointer and `len` at the second, both of which point to as much
    // that lives as long as the call; the descriptor is open as long as `socket`.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            frame.as_ptr().cast(),
            frame.len(),
            libc::MSG_DONTWAIT,
            (&raw const to).cast(),
            len,
        )
    };
    if usize::try_from(sent) == Ok(frame.len()) { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn refused(what: &'static str, link: &str, error: io::Error) -> HostRefused {
    let remedy = match error.raw_os_error() {
        Some(libc::EPERM) => NO_RAW,
        Some(libc::ENETDOWN) => "The interface is down: `ip link set NAME up`",
        _ => "`ip link` shows the interfaces that are there",
    };
    HostRefused::socket(what, link, error, remedy)
}
