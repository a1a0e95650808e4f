//! What of a link's traffic does a packet socket see? One kind of packets, and of them what a filter in the kernel lets pass.

use std::io;
use std::os::fd::AsRawFd as _;

use socket2::{Domain, SockFilter, Socket, Type};

use crate::link_address;
use crate::netlink::Link;

/// A socket that hears packets of this Ethernet type (`ETH_P_*`) that come in on this link and pass the filter. It does not block.
/// `kind`: whole frames (`RAW`), or what is in them (`DGRAM`).
pub(crate) fn hear(kind: Type, link: &Link, ethertype: libc::c_int, filter: &[SockFilter]) -> io::Result<Socket> {
    let ethertype = u16::try_from(ethertype).expect("it has sixteen bits");
    // Until it has its filter and its link, nothing comes: it has no protocol.
    let socket = Socket::new(Domain::PACKET, kind, None)?;
    socket.attach_filter(filter)?;
    socket.set_nonblocking(true)?;
    bind(&socket, link, ethertype)?;
    Ok(socket)
}

#[expect(unsafe_code, reason = "bind")]
fn bind(socket: &Socket, link: &Link, ethertype: u16) -> io::Result<()> {
    let (at, len) = link_address::of(link, ethertype)?;
    // SAFETY: man 2 bind: it reads `len` bytes at the pointer, which is to a structure of that size that lives as long as the call; the
    // descriptor is open as long as `socket`.
    let bound = unsafe { libc::bind(socket.as_raw_fd(), (&raw const at).cast(), len) };
    if bound == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Of the kernel's classic packet filter: a byte is looked at ...
pub(crate) fn byte(at: u32) -> SockFilter {
    SockFilter::new(code(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS), 0, 0, at)
}

/// ... compared, with so many instructions left out if it is equal, or is not ...
pub(crate) fn equal(to: u8, if_so: u8, if_not: u8) -> SockFilter {
    SockFilter::new(code(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K), if_so, if_not, to.into())
}

/// ... and so many bytes of the packet are given.
pub(crate) fn give(bytes: u32) -> SockFilter {
    SockFilter::new(code(libc::BPF_RET | libc::BPF_K), 0, 0, bytes)
}

fn code(code: u32) -> u16 {
    u16::try_from(code).expect("instructions have sixteen bits")
}
