//! How do hosts on a link tell each other where addresses are?
//!
//! IPv4: ARP (RFC 826; RFC 5227 on how an address is probed and announced). IPv6: neighbour solicitations and advertisements
//! (RFC 4861 4.3, 4.4), within ICMPv6. All in Ethernet frames, as they go out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::checksum::checksum;

/// A link-layer address.
pub type Mac = [u8; 6];

const BROADCAST: Mac = [0xff; 6];
const ARP: [u8; 2] = [0x08, 0x06];
const IPV6: [u8; 2] = [0x86, 0xdd];
const REQUEST: u8 = 1;
const REPLY: u8 = 2;
pub(super) const ICMPV6: u8 = 58;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
/// The kinds of ICMPv6 that say who has an address.
pub(super) const NEIGHBOUR_DISCOVERY: [u8; 2] = [ADVERTISEMENT, SOLICITATION];
/// Where IPv6 says in a frame what it carries (RFC 8200 3), and where ICMPv6 its kind.
pub(super) const NEXT_HEADER: u32 = 14 + 6;
pub(super) const ICMPV6_KIND: u32 = 14 + 40;
/// Of an advertisement: what is said counts more than what was known. Nobody has asked.
const OVERRIDE: u8 = 0x20;
/// Options: whose the link-layer address is.
const TARGET: u8 = 2;
/// Who passes a packet on makes this less; whoever sees another one has it from another link, and believes nothing (RFC 4861 7.1).
const HOPS: u8 = 255;

/// The address is behind this link-layer address: for everybody. Of ARP both forms: some hosts heed only the one, some the other.
#[must_use]
pub fn announcements(mac: Mac, ip: IpAddr) -> Vec<Vec<u8>> {
    match ip {
        IpAddr::V4(ip) => vec![arp(REQUEST, (mac, ip), ([0; 6], ip)), arp(REPLY, (mac, ip), (BROADCAST, ip))],
        IpAddr::V6(ip) => {
            let mut said = vec![ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0];
            said.extend(ip.octets());
            said.extend([TARGET, 1]);
            said.extend(mac);
            vec![icmpv6(mac, ip, Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1), said)]
        }
    }
}

/// Has somebody this address? Asked so that nobody learns anything from the question.
#[must_use]
pub fn question(mac: Mac, ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => arp(REQUEST, (mac, Ipv4Addr::UNSPECIFIED), ([0; 6], ip)),
        IpAddr::V6(ip) => {
            let mut said = vec![SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
            said.extend(ip.octets());
            icmpv6(mac, Ipv6Addr::UNSPECIFIED, solicited(ip), said)
        }
    }
}

/// Who says in this frame that the address is there, or is about to take it.
#[must_use]
pub fn holder(frame: &[u8], ip: IpAddr) -> Option<Mac> {
    said(frame, ip).map(|(mac, _)| mac)
}

/// Who says in this frame that the address is there. Who asks for it, to take it, does not.
#[must_use]
pub fn claimant(frame: &[u8], ip: IpAddr) -> Option<Mac> {
    said(frame, ip).and_then(|(mac, has_it)| has_it.then_some(mac))
}

/// Who says something about having the address, and whether it is there already.
fn said(frame: &[u8], ip: IpAddr) -> Option<(Mac, bool)> {
    let kind: [u8; 2] = *frame.get(12..)?.first_chunk()?;
    match ip {
        IpAddr::V4(ip) if kind == ARP => {
            let body = frame.get(14..42)?;
            if body[..6] != [0, 1, 8, 0, 6, 4] || body[6] != 0 || !matches!(body[7], REQUEST | REPLY) {
                return None;
            }
            let sender = Ipv4Addr::from(*body[14..].first_chunk::<4>()?);
            let target = Ipv4Addr::from(*body[24..].first_chunk::<4>()?);
            // One who probes for it is about to take it.
            let probes = body[7] == REQUEST && sender.is_unspecified() && target == ip;
            let mac = body[8..].first_chunk().copied()?;
            (sender == ip || probes).then_some((mac, !probes))
        }
        IpAddr::V6(ip) if kind == IPV6 => {
            let packet = frame.get(14..)?;
            let said = packet.get(40..)?;
            let source = Ipv6Addr::from(*packet.get(8..)?.first_chunk::<16>()?);
            let target = Ipv6Addr::from(*said.get(8..)?.first_chunk::<16>()?);
            if packet[6] != ICMPV6 || packet[7] != HOPS || said[1] != 0 || target != ip {
                return None;
            }
            let has_it = said[0] == ADVERTISEMENT;
            let mac = frame[6..].first_chunk().copied()?;
            (has_it || (said[0] == SOLICITATION && source.is_unspecified())).then_some((mac, has_it))
        }
        _ => None,
    }
}

fn arp(operation: u8, sender: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr)) -> Vec<u8> {
    let mut frame = ethernet(BROADCAST, sender.0, ARP);
    frame.extend([0, 1, 8, 0, 6, 4, 0, operation]);
    for (mac, ip) in [sender, target] {
        frame.extend(mac);
        frame.extend(ip.octets());
    }
    frame
}

fn icmpv6(mac: Mac, source: Ipv6Addr, destination: Ipv6Addr, mut said: Vec<u8>) -> Vec<u8> {
    let len = u16::try_from(said.len()).expect("a question or an answer is short");
    let sum =
        checksum(&[&source.octets(), &destination.octets(), &u32::from(len).to_be_bytes(), &[0, 0, 0, ICMPV6], &said]);
    said[2..4].copy_from_slice(&sum.to_be_bytes());
    let group = destination.octets();
    let mut frame = ethernet([0x33, 0x33, group[12], group[13], group[14], group[15]], mac, IPV6);
    frame.extend([0x60, 0, 0, 0]);
    frame.extend(len.to_be_bytes());
    frame.extend([ICMPV6, HOPS]);
    frame.extend(source.octets());
    frame.extend(destination.octets());
    frame.extend(said);
    frame
}

fn ethernet(to: Mac, from: Mac, kind: [u8; 2]) -> Vec<u8> {
    [&to[..], &from, &kind].concat()
}

/// The group that whoever has this address listens to (RFC 4291 2.7.1).
fn solicited(ip: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = ip.octets();
    Ipv6Addr::from([0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAC: Mac = [2, 0, 0, 0, 0, 7];

    #[test]
    fn what_is_announced_is_held_and_what_is_asked_is_wanted() {
        for text in ["192.0.2.7", "2001:db8::7"] {
            let ip: IpAddr = text.parse().unwrap();
            let other: IpAddr = text.replace('7', "8").parse().unwrap();
            for frame in announcements(MAC, ip) {
                assert_eq!(holder(&frame, ip), Some(MAC));
                assert_eq!(holder(&frame, other), None);
            }
            assert_eq!(holder(&question(MAC, ip), ip), Some(MAC));
            assert_eq!(holder(&question(MAC, ip), other), None);
        }
    }

    #[test]
    fn who_only_wants_to_reach_it_does_not_have_it() {
        let ip = Ipv4Addr::new(192, 0, 2, 7);
        let asked = arp(REQUEST, (MAC, Ipv4Addr::new(192, 0, 2, 1)), ([0; 6], ip));
        assert_eq!(holder(&asked, ip.into()), None);
        let ip: Ipv6Addr = "2001:db8::7".parse().unwrap();
        let mut said = vec![SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
        said.extend(ip.octets());
        let asked = icmpv6(MAC, "2001:db8::1".parse().unwrap(), solicited(ip), said);
        assert_eq!(holder(&asked, ip.into()), None);
        let mut from_afar = announcements(MAC, ip.into()).remove(0);
        from_afar[21] = 254;
        assert_eq!(holder(&from_afar, ip.into()), None, "it has crossed a router");
    }

    proptest! {
        #[test]
        fn no_frame_is_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..120), cut in 0..90_usize) {
            for ip in ["192.0.2.7", "2001:db8::7"] {
                let ip: IpAddr = ip.parse().unwrap();
                let _ = holder(&bytes, ip);
                let whole = announcements(MAC, ip).remove(0);
                let _ = holder(&whole[..cut.min(whole.len())], ip);
            }
        }
    }
}
