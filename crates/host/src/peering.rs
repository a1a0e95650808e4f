//! How does a connection to a BGP neighbour get its terms: where it comes from, how far it may go, and its signature?
//!
//! What is set here must be set before the connection is made: the first segment is signed already.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd as _;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// What a neighbour asks of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The address that it comes from; `None`: what the system chooses.
    pub local: Option<IpAddr>,
    /// How many hops its packets live for.
    pub ttl: u8,
    /// Packets that arrive with less are not heard (RFC 5082); `None`: all are.
    pub least_ttl: Option<u8>,
    /// The password of TCP-MD5 (RFC 2385), up to [`MAX_PASSWORD`] octets; `None`: segments are not signed.
    pub password: Option<&'a [u8]>,
}

/// A socket that is not connected and does not block, on these terms. Connecting it is the caller's.
///
/// # Errors
/// The local address is not on this host, the kernel cannot sign segments (CONFIG_TCP_MD5SIG), or the password is empty or too long.
pub fn prepare(to: SocketAddr, terms: &Terms<'_>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    if to.is_ipv4() {
        socket.set_ttl_v4(terms.ttl.into())?;
    } else {
        socket.set_unicast_hops_v6(terms.ttl.into())?;
    }
    if let Some(least) = terms.least_ttl {
        let (level, name) = if to.is_ipv4() {
            (libc::IPPROTO_IP, libc::IP_MINTTL)
        } else {
            (libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT)
        };
        set(&socket, level, name, &libc::c_int::from(least))?;
    }
    if let Some(password) = terms.password {
        set(&socket, libc::IPPROTO_TCP, libc::TCP_MD5SIG, &Signature::new(to, password)?)?;
    }
    if let Some(local) = terms.local {
        socket.bind(&SockAddr::from(SocketAddr::new(local, 0)))?;
    }
    Ok(socket.into())
}

/// `struct tcp_md5sig` of linux/tcp.h: with whom segments are signed, and by which password.
#[repr(C)]
struct Signature {
    address: libc::sockaddr_storage,
    flags: u8,
    prefix_length: u8,
    key_length: u16,
    interface: libc::c_int,
    key: [u8; MAX_PASSWORD],
}

impl Signature {
    fn new(to: SocketAddr, password: &[u8]) -> io::Result<Self> {
        let mut key = [0; MAX_PASSWORD];
        let room = key.get_mut(..password.len()).filter(|room| !room.is_empty());
        let Some(room) = room else {
            let wrong = format!("a TCP-MD5 password has 1 to {MAX_PASSWORD} octets, not {}", password.len());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, wrong));
        };
        room.copy_from_slice(password);
        let key_length = u16::try_from(password.len()).unwrap_or(0);
        Ok(Self { address: storage(to), flags: 0, prefix_length: 0, key_length, interface: 0, key })
    }
}

/// The address as the kernel reads it here: without a port, which the signature does not look at.
#[expect(unsafe_code, reason = "the kernel's address is a union in disguise")]
fn storage(to: SocketAddr) -> libc::sockaddr_storage {
    let from = SockAddr::from(SocketAddr::new(to.ip(), 0));
    // SAFETY: all of its fields are numbers, for which zero is a value.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let length = usize::try_from(from.len()).unwrap_or(0).min(size_of_val(&storage));
    // SAFETY: both hold at least `length` octets (`len` is the length of what `as_ptr` points to), and they are two objects.
    unsafe { std::ptr::copy_nonoverlapping(from.as_ptr().cast::<u8>(), (&raw mut storage).cast::<u8>(), length) };
    storage
}

#[expect(unsafe_code, reason = "socket2 has no call for these options")]
fn set<T>(socket: &Socket, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0);
    // SAFETY: setsockopt(2) reads `length` octets of the value, which lives until it returns, and keeps nothing of it.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), length) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// `TCP_MD5SIG_MAXKEYLEN`.
pub const MAX_PASSWORD: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Terms<'static> {
        Terms { local: None, ttl: 1, least_ttl: None, password: None }
    }

    #[test]
    fn passwords_have_a_length_and_addresses_are_ours() {
        let to: SocketAddr = "127.0.0.1:179".parse().unwrap();
        for password in [[].as_slice(), &[7; MAX_PASSWORD + 1]] {
            let wrong = prepare(to, &Terms { password: Some(password), ..terms() }).unwrap_err();
            assert_eq!(wrong.kind(), io::ErrorKind::InvalidInput);
        }
        let not_ours = Some("192.0.2.77".parse().unwrap());
        assert!(prepare(to, &Terms { local: not_ours, ..terms() }).is_err());
        let ours = Some("127.0.0.9".parse().unwrap());
        let socket = prepare(to, &Terms { local: ours, ..terms() }).unwrap();
        assert_eq!(Some(socket.local_addr().unwrap().ip()), ours);
    }

    #[test]
    fn packets_live_as_long_as_they_may() {
        let v4 =
            prepare("127.0.0.1:179".parse().unwrap(), &Terms { ttl: 16, least_ttl: Some(254), ..terms() }).unwrap();
        assert_eq!(Socket::from(v4).ttl_v4().unwrap(), 16);
        let v6 = prepare("[::1]:179".parse().unwrap(), &Terms { ttl: 255, least_ttl: Some(255), ..terms() }).unwrap();
        assert_eq!(Socket::from(v6).unicast_hops_v6().unwrap(), 255);
    }
}
