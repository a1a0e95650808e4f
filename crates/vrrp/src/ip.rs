//! Where in what a raw socket gives does the packet begin, and who sent it how far?
//!
//! A raw socket of IPv4 hands over whole IP packets; one of IPv6 hands over the payload alone, and the rest beside it. A driver
//! that has the header calls [`Datagram::parse`]; one that has not fills in a [`Datagram`] itself.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::refused::Refused;

/// The number of VRRP in IP's protocol field.
pub const PROTOCOL: u8 = 112;
/// Where version 4 of IP sends to if no peers are named (RFC 9568 5.1.1.2).
pub const MULTICAST_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
/// The same for IPv6 (RFC 9568 5.1.2.2).
pub const MULTICAST_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);
/// The time to live or hop limit of every packet that is sent: no router has passed on what arrives with it.
pub const HOPS: u8 = 255;

/// One packet as it came, without its IP header but with what that said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Who says to have sent it.
    pub from: IpAddr,
    /// Where it was sent to; of the family of `from`.
    pub to: IpAddr,
    /// The time to live (IPv4) or hop limit (IPv6) with which it arrived.
    pub hops: u8,
    /// What was behind the IP header.
    pub payload: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// The virtual router that this is about, if it is as long as its number: to find whose it is where a host has several on a link.
    #[must_use]
    pub fn vrid(&self) -> Option<u8> {
        self.payload.get(1).copied()
    }

    /// Reads an IP packet that holds VRRP. What is behind the length that IP states (padding of a short frame) is cut off.
    ///
    /// # Errors
    /// [`Refused::Length`] for what is no whole IP packet; [`Refused::Protocol`] for a fragment, an IPv6 packet with extension headers,
    /// or another protocol: none of them is an advertisement.
    pub fn parse(packet: &'a [u8]) -> Result<Self, Refused> {
        match packet.first().map(|first| first >> 4) {
            Some(4) => parse_v4(packet),
            Some(6) => parse_v6(packet),
            _ => Err(Refused::Length { got: packet.len() }),
        }
    }
}

fn parse_v4(packet: &[u8]) -> Result<Datagram<'_>, Refused> {
    let short = Refused::Length { got: packet.len() };
    let Some((header, _)) = packet.split_first_chunk::<20>() else { return Err(short) };
    let header_len = usize::from(header[0] & 0x0F) * 4;
    let total = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header_len < header.len() || total < header_len || total > packet.len() {
        return Err(short);
    }
    // More fragments, or not the first: 13 bits of offset and the last of three flags.
    let is_fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3FFF != 0;
    if header[9] != PROTOCOL || is_fragment {
        return Err(Refused::Protocol);
    }
    let address = |at: usize| Ipv4Addr::new(header[at], header[at + 1], header[at + 2], header[at + 3]);
    Ok(Datagram {
        from: address(12).into(),
        to: address(16).into(),
        hops: header[8],
        payload: &packet[header_len..total],
    })
}

fn parse_v6(packet: &[u8]) -> Result<Datagram<'_>, Refused> {
    let short = Refused::Length { got: packet.len() };
    let Some((header, rest)) = packet.split_first_chunk::<40>() else { return Err(short) };
    let len = usize::from(u16::from_be_bytes([header[4], header[5]]));
    if header[6] != PROTOCOL {
        return Err(Refused::Protocol);
    }
    let payload = rest.get(..len).ok_or(short)?;
    let address = |at: usize| {
        let mut octets = [0; 16];
        octets.copy_from_slice(&header[at..at + 16]);
        Ipv6Addr::from(octets)
    };
    Ok(Datagram { from: address(8).into(), to: address(24).into(), hops: header[7], payload })
}
