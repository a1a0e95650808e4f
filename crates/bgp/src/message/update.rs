//! How is a route announced, and how is it taken back? The UPDATE message, written only.
//!
//! ```text
//!   IPv4, next hop IPv4:  attributes, NEXT_HOP  ... then the prefixes          withdrawn: at the head of the message
//!   all others:           MP_REACH_NLRI (next hop and prefixes), attributes    withdrawn: MP_UNREACH_NLRI
//! ```

use alloc::vec::Vec;
use core::net::IpAddr;

use super::{UPDATE, frame};
use crate::message::AS_TRANS;
use crate::route::{Attributes, Family, Origin, Prefix, UNICAST};

/// What all paths of a session have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Our AS number.
    pub local_as: u32,
    /// The peer is in our own autonomous system: the path is empty, and LOCAL_PREF is said.
    pub internal: bool,
    /// Both sides write AS numbers in four octets (RFC 6793).
    pub four_octet_as: bool,
}

impl Paths {
    /// A message that announces these prefixes, all of the hop's session and of one family. An IPv6 prefix has an IPv6 hop.
    ///
    /// # Panics
    /// Above [`PREFIXES`], or when the attributes do not fit.
    #[must_use]
    pub fn announce(&self, hop: IpAddr, attributes: &Attributes, prefixes: &[Prefix]) -> Vec<u8> {
        assert!(prefixes.len() <= PREFIXES && attributes.fit(), "what a message has room for is counted before");
        let family = prefixes.first().map_or(Family::Ipv4, Prefix::family);
        frame::whole(UPDATE, |body| {
            body.extend_from_slice(&[0, 0]);
            let start = body.len();
            body.extend_from_slice(&[0, 0]);
            if let IpAddr::V6(hop) = hop {
                // RFC 7606 5.1: the first, so that a receiver finds the prefixes even if something after it is broken.
                let mut reach = Vec::new();
                reach.extend_from_slice(&family.afi().to_be_bytes());
                reach.extend_from_slice(&[UNICAST, 16]);
                reach.extend_from_slice(&hop.octets());
                reach.push(0);
                write_prefixes(prefixes, &mut reach);
                write(OPTIONAL, MP_REACH_NLRI, &reach, body);
            }
            self.write_attributes(hop, attributes, body);
            set_length(body, start);
            if hop.is_ipv4() {
                write_prefixes(prefixes, body);
            }
        })
    }

    /// A message that takes these prefixes back, all of one family; `hop` is the one that they were announced with.
    ///
    /// # Panics
    /// Above [`PREFIXES`].
    #[must_use]
    pub fn withdraw(&self, hop: IpAddr, prefixes: &[Prefix]) -> Vec<u8> {
        assert!(prefixes.len() <= PREFIXES, "what a message has room for is counted before");
        let family = prefixes.first().map_or(Family::Ipv4, Prefix::family);
        frame::whole(UPDATE, |body| {
            let start = body.len();
            body.extend_from_slice(&[0, 0]);
            if hop.is_ipv4() {
                write_prefixes(prefixes, body);
                set_length(body, start);
                body.extend_from_slice(&[0, 0]);
                return;
            }
            let start = body.len();
            body.extend_from_slice(&[0, 0]);
            let mut unreach = Vec::new();
            unreach.extend_from_slice(&family.afi().to_be_bytes());
            unreach.push(UNICAST);
            write_prefixes(prefixes, &mut unreach);
            write(OPTIONAL, MP_UNREACH_NLRI, &unreach, body);
            set_length(body, start);
        })
    }

    /// In the order of their numbers, as RFC 4271 5 wishes.
    fn write_attributes(&self, hop: IpAddr, attributes: &Attributes, body: &mut Vec<u8>) {
        let origin = match attributes.origin {
            Origin::Igp => 0,
            Origin::Egp => 1,
            Origin::Incomplete => 2,
        };
        write(WELL_KNOWN, ORIGIN, &[origin], body);
        write(WELL_KNOWN, AS_PATH, &self.path(attributes, self.four_octet_as), body);
        if let IpAddr::V4(hop) = hop {
            write(WELL_KNOWN, NEXT_HOP, &hop.octets(), body);
        }
        if let Some(med) = attributes.med {
            write(OPTIONAL, MULTI_EXIT_DISC, &med.to_be_bytes(), body);
        }
        if self.internal {
            let preference = attributes.local_pref.unwrap_or(LOCAL_PREFERENCE);
            write(WELL_KNOWN, LOCAL_PREF, &preference.to_be_bytes(), body);
        }
        if !attributes.communities.is_empty() {
            let tags = attributes.communities.iter();
            let value: Vec<u8> = tags.flat_map(|tag| [tag.0.to_be_bytes(), tag.1.to_be_bytes()]).flatten().collect();
            write(OPTIONAL | TRANSITIVE, COMMUNITIES, &value, body);
        }
        let is_cut = !self.four_octet_as && self.local_as > u32::from(u16::MAX);
        if is_cut && !self.internal {
            // RFC 6793 4.2.2: whoever understands it can put the true numbers back.
            write(OPTIONAL | TRANSITIVE, AS4_PATH, &self.path(attributes, true), body);
        }
        if !attributes.large_communities.is_empty() {
            let tags = attributes.large_communities.iter();
            let value: Vec<u8> = tags.flat_map(|tag| [tag.0, tag.1, tag.2]).flat_map(u32::to_be_bytes).collect();
            write(OPTIONAL | TRANSITIVE, LARGE_COMMUNITIES, &value, body);
        }
    }

    /// One sequence of our own number; nothing inside of our autonomous system.
    fn path(&self, attributes: &Attributes, four_octets: bool) -> Vec<u8> {
        if self.internal {
            return Vec::new();
        }
        let times = attributes.prepend.saturating_add(1);
        let mut path = Vec::from([AS_SEQUENCE, times]);
        for _ in 0..times {
            if four_octets {
                path.extend_from_slice(&self.local_as.to_be_bytes());
            } else {
                path.extend_from_slice(&u16::try_from(self.local_as).unwrap_or(AS_TRANS).to_be_bytes());
            }
        }
        path
    }
}

fn write(flags: u8, kind: u8, value: &[u8], to: &mut Vec<u8>) {
    match u8::try_from(value.len()) {
        Ok(length) => to.extend_from_slice(&[flags, kind, length]),
        Err(_) => {
            let [high, low] = u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes();
            to.extend_from_slice(&[flags | EXTENDED_LENGTH, kind, high, low]);
        }
    }
    to.extend_from_slice(value);
}

/// The length in bits, then as many octets as hold them.
fn write_prefixes(prefixes: &[Prefix], to: &mut Vec<u8>) {
    for prefix in prefixes {
        to.push(prefix.length());
        let octets = usize::from(prefix.length()).div_ceil(8);
        match prefix.address() {
            IpAddr::V4(address) => to.extend_from_slice(&address.octets()[..octets]),
            IpAddr::V6(address) => to.extend_from_slice(&address.octets()[..octets]),
        }
    }
}

/// Writes into the two octets at `at` how many follow them.
fn set_length(body: &mut [u8], at: usize) {
    let length = u16::try_from(body.len() - at - 2).unwrap_or(u16::MAX);
    body[at..at + 2].copy_from_slice(&length.to_be_bytes());
}

const OPTIONAL: u8 = 0x80;
const TRANSITIVE: u8 = 0x40;
const WELL_KNOWN: u8 = TRANSITIVE;
const EXTENDED_LENGTH: u8 = 0x10;

const ORIGIN: u8 = 1;
const AS_PATH: u8 = 2;
const NEXT_HOP: u8 = 3;
const MULTI_EXIT_DISC: u8 = 4;
const LOCAL_PREF: u8 = 5;
const COMMUNITIES: u8 = 8;
const MP_REACH_NLRI: u8 = 14;
const MP_UNREACH_NLRI: u8 = 15;
const AS4_PATH: u8 = 17;
const LARGE_COMMUNITIES: u8 = 32;

const AS_SEQUENCE: u8 = 2;
/// What routers take where nothing is said.
const LOCAL_PREFERENCE: u32 = 100;
/// Prefixes of one message. 100 of IPv6 take 1,700 octets; with attributes at all their bounds, some 1,300, it is well below 4,096.
pub const PREFIXES: usize = 100;
