//! For whom was this connection made? The PROXY protocol, versions 1 and 2, read and written.
//!
//! A balancer says it before the client's first byte: a line of text (version 1) or a binary header (version 2). Plain functions
//! over bytes: [`decode`] is asked again, from the beginning, whenever there are more bytes, and says early what is no header.
//! Of the fields after the addresses (type, length, value) only the checksum is looked at.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// The balancer connects for itself, to see whether somebody is here: the connection's own addresses hold.
    Local,
    /// For somebody, and it is not said for whom: the connection's own addresses hold.
    Unknown,
    /// For somebody who came by a UNIX socket.
    Unix,
    /// For somebody who came over the net.
    Inet {
        /// Who.
        source: SocketAddr,
        /// Where to.
        destination: SocketAddr,
    },
}

/// How a header is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// Why bytes are no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// They begin with something else.
    NoHeader,
    /// The line is not one of version 1.
    Line,
    /// A version 2 that is not 2, or a command that it does not have.
    Version,
    /// A kind of address that there is not.
    Family,
    /// More than anybody needs, or less than the addresses take.
    Length,
    /// The fields after the addresses do not fit.
    Fields,
    /// The checksum is not that of the header.
    Checksum,
}

/// Reads a header. `None`: what is there may become one. Otherwise what it says and how many bytes it has; what comes after them is the
/// client's.
///
/// # Errors
/// What is there is no header, and more bytes make it none.
pub fn decode(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    if is_begun(bytes, SIGNATURE) {
        return if bytes.len() < SIGNATURE.len() { Ok(None) } else { decode_v2(bytes) };
    }
    if is_begun(bytes, WORD) {
        return if bytes.len() < WORD.len() { Ok(None) } else { decode_v1(bytes) };
    }
    Err(Malformed::NoHeader)
}

/// Writes a header.
pub fn encode(header: &Header, version: Version, into: &mut Vec<u8>) {
    match version {
        Version::V1 => encode_v1(header, into),
        Version::V2 => encode_v2(header, into),
    }
}

/// Whether so much as there is of it is the same.
fn is_begun(bytes: &[u8], whole: &[u8]) -> bool {
    let n = bytes.len().min(whole.len());
    bytes[..n] == whole[..n]
}

fn decode_v1(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let seen = &bytes[..bytes.len().min(LONGEST_LINE)];
    let Some(end) = seen.windows(2).position(|two| two == b"\r\n") else {
        return if bytes.len() < LONGEST_LINE { Ok(None) } else { Err(Malformed::Line) };
    };
    let line = core::str::from_utf8(&seen[WORD.len()..end]).map_err(|_| Malformed::Line)?;
    let header = if line == "UNKNOWN" || line.starts_with("UNKNOWN ") {
        Header::Unknown
    } else {
        addresses(line).ok_or(Malformed::Line)?
    };
    Ok(Some((header, end + 2)))
}

/// `TCP4 192.0.2.1 192.0.2.2 4711 6379`
fn addresses(line: &str) -> Option<Header> {
    let mut words = line.split(' ');
    let family = words.next()?;
    let [source, destination] = [words.next()?, words.next()?].map(|word| match family {
        "TCP4" => word.parse().ok().map(IpAddr::V4),
        "TCP6" => word.parse().ok().map(IpAddr::V6),
        _ => None,
    });
    let [from, to] = [words.next()?, words.next()?].map(port);
    let header =
        Header::Inet { source: SocketAddr::new(source?, from?), destination: SocketAddr::new(destination?, to?) };
    words.next().is_none().then_some(header)
}

/// In decimal digits without zeros before them.
fn port(word: &str) -> Option<u16> {
    let plain = word.bytes().all(|b| b.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    word.parse().ok().filter(|_| plain)
}

fn decode_v2(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let Some(&[what, family, high, low]) = bytes.get(SIGNATURE.len()..FIXED) else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > MAX_VARIABLE {
        return Err(Malformed::Length);
    }
    // The low half of the byte is told apart below: what it is worth is known only for this version.
    if what >> 4 != 2 || what & 0xF > 1 {
        return Err(Malformed::Version);
    }
    let Some(variable) = bytes.get(FIXED..FIXED + length) else { return Ok(None) };
    let whole = FIXED + length;
    // What a balancer says of itself is of no use, nor is what comes without addresses.
    if what & 0xF == 0 {
        return Ok(Some((Header::Local, whole)));
    }
    let (header, addresses) = match (family >> 4, family & 0xF) {
        (0, 0..=2) => return Ok(Some((Header::Unknown, whole))),
        (1, 0..=2) => (inet(variable, 4, |ip: [u8; 4]| Ipv4Addr::from(ip).into()), 12),
        (2, 0..=2) => (inet(variable, 16, |ip: [u8; 16]| Ipv6Addr::from(ip).into()), 36),
        (3, 0..=2) => ((variable.len() >= 216).then_some(Header::Unix), 216),
        _ => return Err(Malformed::Family),
    };
    let header = header.ok_or(Malformed::Length)?;
    check_fields(&bytes[..whole], FIXED + addresses)?;
    Ok(Some((header, whole)))
}

/// Two addresses of `N` bytes, then two ports.
fn inet<const N: usize>(bytes: &[u8], size: usize, ip: impl Fn([u8; N]) -> IpAddr) -> Option<Header> {
    let address = |at: usize| bytes.get(at..at + size)?.try_into().ok().map(&ip);
    let port = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    Some(Header::Inet {
        source: SocketAddr::new(address(0)?, port(2 * size)?),
        destination: SocketAddr::new(address(size)?, port(2 * size + 2)?),
    })
}

/// That the fields from `at` on fit, and that the checksum is right if there is one.
fn check_fields(header: &[u8], mut at: usize) -> Result<(), Malformed> {
    while at < header.len() {
        let Some(&[kind, high, low]) = header.get(at..at + 3) else { return Err(Malformed::Fields) };
        let value = at + 3..at + 3 + usize::from(u16::from_be_bytes([high, low]));
        let Some(found) = header.get(value.clone()) else { return Err(Malformed::Fields) };
        if kind == CHECKSUM {
            let found: [u8; 4] = found.try_into().map_err(|_| Malformed::Fields)?;
            // It was counted over the header with zeros in its own place.
            let parts = [&header[..value.start], &[0; 4], &header[value.end..]];
            if crc32c(parts) != u32::from_be_bytes(found) {
                return Err(Malformed::Checksum);
            }
        }
        at = value.end;
    }
    Ok(())
}

fn encode_v1(header: &Header, into: &mut Vec<u8>) {
    let line = match alike(header) {
        Header::Inet { source, destination } => {
            let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
            let (from, to) = (source.port(), destination.port());
            format!("PROXY {family} {} {} {from} {to}\r\n", source.ip(), destination.ip())
        }
        Header::Local | Header::Unknown | Header::Unix => "PROXY UNKNOWN\r\n".to_owned(),
    };
    into.extend_from_slice(line.as_bytes());
}

fn encode_v2(header: &Header, into: &mut Vec<u8>) {
    let mut addresses = Vec::new();
    let (command, family) = match alike(header) {
        Header::Local => (0, 0x00),
        Header::Unknown => (1, 0x00),
        Header::Unix => {
            // Two paths without names: clients of a UNIX socket have none.
            addresses.resize(216, 0);
            (1, 0x31)
        }
        Header::Inet { source, destination } => {
            for ip in [source.ip(), destination.ip()] {
                match ip {
                    IpAddr::V4(ip) => addresses.extend_from_slice(&ip.octets()),
                    IpAddr::V6(ip) => addresses.extend_from_slice(&ip.octets()),
                }
            }
            for port in [source.port(), destination.port()] {
                addresses.extend_from_slice(&port.to_be_bytes());
            }
            (1, if source.is_ipv4() { 0x11 } else { 0x21 })
        }
    };
    into.extend_from_slice(SIGNATURE);
    into.extend_from_slice(&[0x20 | command, family, 0, addresses.len() as u8]);
    into.extend_from_slice(&addresses);
}

/// With both addresses of one family: a client of IPv6 whose connection is passed on over IPv4, or the other way round, is written with
/// both as IPv6.
fn alike(header: &Header) -> Header {
    match *header {
        Header::Inet { source, destination } if source.is_ipv4() != destination.is_ipv4() => {
            let wide = |addr: SocketAddr| match addr.ip() {
                IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), addr.port()),
                IpAddr::V6(_) => addr,
            };
            Header::Inet { source: wide(source), destination: wide(destination) }
        }
        header => header,
    }
}

/// CRC-32C (RFC 4960, appendix B), bit by bit: headers are short and come once a connection.
fn crc32c<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let bytes = parts.into_iter().flatten();
    !bytes.fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0x82F6_3B78 } else { sum >> 1 })
    })
}

impl core::fmt::Display for Malformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NoHeader => "the connection does not begin with a PROXY protocol header",
            Self::Line => "the line after PROXY is not one of version 1",
            Self::Version => "the PROXY protocol header is of no known version or command",
            Self::Family => "the PROXY protocol header has addresses of no known kind",
            Self::Length => "the PROXY protocol header has a length that cannot be",
            Self::Fields => "the PROXY protocol header has fields that do not fit into it",
            Self::Checksum => "the PROXY protocol header has a wrong checksum",
        })
    }
}

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const WORD: &[u8] = b"PROXY ";
/// Signature, version and command, family, length.
const FIXED: usize = 16;
/// With its end: what the standard reserves for two IPv6 addresses in full.
const LONGEST_LINE: usize = 107;
/// Bytes after the fixed part. Addresses take at most 216; clouds and TLS add some hundred.
const MAX_VARIABLE: usize = 4_096 - FIXED;
/// What a receiver must have room for.
pub const LONGEST: usize = FIXED + MAX_VARIABLE;
/// The type of the field with the checksum.
const CHECKSUM: u8 = 0x03;
