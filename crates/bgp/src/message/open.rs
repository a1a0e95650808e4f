//! What is a speaker and what can it do? The OPEN message and its capabilities.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{Notification, OPEN, frame};
use crate::route::{Family, UNICAST};

/// The first message of each side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The AS number as two octets can hold it: [`AS_TRANS`] for a larger one.
    pub my_as: u16,
    /// In seconds; 0 (never) or at least 3.
    pub hold_time: u16,
    /// Who is it? Any number but 0 that is the speaker's own in its autonomous system (RFC 6286).
    pub identifier: Ipv4Addr,
    /// What it can do beyond RFC 4271, in the order of the message.
    pub capabilities: Vec<Capability>,
}

/// Something a speaker can do (RFC 5492).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Capability {
    /// RFC 4760: carries routes of this family.
    Multiprotocol(Family),
    /// RFC 2918: tells all its routes again when asked.
    RouteRefresh,
    /// RFC 8950: IPv4 routes may have an IPv6 next hop.
    ExtendedNextHop,
    /// RFC 6793: its AS number, all of it.
    FourOctetAs(u32),
    /// One of which we know nothing.
    Other(u8),
}

impl Open {
    /// The octets of the message. Ours are few: they always fit.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        frame::whole(OPEN, |body| {
            body.push(VERSION);
            body.extend_from_slice(&self.my_as.to_be_bytes());
            body.extend_from_slice(&self.hold_time.to_be_bytes());
            body.extend_from_slice(&self.identifier.octets());
            let mut capabilities = Vec::new();
            self.capabilities.iter().for_each(|capability| capability.write(&mut capabilities));
            let length = u8::try_from(capabilities.len()).ok().filter(|&length| length <= u8::MAX - 2);
            match length {
                // Without capabilities there is no parameter: for a peer that knows none.
                None | Some(0) => body.push(0),
                Some(length) => {
                    body.extend_from_slice(&[length + 2, CAPABILITIES, length]);
                    body.extend_from_slice(&capabilities);
                }
            }
        })
    }

    /// Reads what stands behind the header.
    pub(super) fn read(body: &[u8]) -> Result<Self, Notification> {
        let mut body = Reader(body);
        if body.octet()? != VERSION {
            return Err(Notification::unsupported_version());
        }
        let (my_as, hold_time) = (body.two()?, body.two()?);
        let identifier = Ipv4Addr::from_octets(body.take(4)?.try_into().map_err(|_| Notification::MALFORMED_OPEN)?);
        let length = body.octet()?;
        // RFC 9072: 255 and, where the first type would stand, 255 again: all lengths are of two octets.
        let is_extended = length == 255 && body.0.first() == Some(&255);
        let length = if is_extended {
            body.octet()?;
            body.two()?
        } else {
            u16::from(length)
        };
        if body.0.len() != usize::from(length) {
            return Err(Notification::MALFORMED_OPEN);
        }
        let mut capabilities = Vec::new();
        while !body.0.is_empty() {
            let kind = body.octet()?;
            let length = if is_extended { body.two()? } else { u16::from(body.octet()?) };
            let mut value = Reader(body.take(usize::from(length))?);
            if kind != CAPABILITIES {
                return Err(Notification::UNSUPPORTED_PARAMETER);
            }
            while !value.0.is_empty() {
                let (code, length) = (value.octet()?, value.octet()?);
                Capability::read(code, value.take(usize::from(length))?, &mut capabilities)?;
            }
        }
        Ok(Self { my_as, hold_time, identifier, capabilities })
    }

    /// The AS number, in four octets where the peer says it in four.
    #[must_use]
    pub fn asn(&self) -> u32 {
        let four = self.capabilities.iter().find_map(|capability| match capability {
            Capability::FourOctetAs(asn) => Some(*asn),
            _ => None,
        });
        four.unwrap_or_else(|| u32::from(self.my_as))
    }

    /// Whether it names any family at all, known or not (RFC 4760). Who names none carries IPv4.
    pub(crate) fn names_families(&self) -> bool {
        self.capabilities
            .iter()
            .any(|capability| matches!(capability, Capability::Multiprotocol(_) | Capability::Other(MULTIPROTOCOL)))
    }

    /// Whether the peer can do it.
    #[must_use]
    pub fn has(&self, capability: &Capability) -> bool {
        self.capabilities.contains(capability)
    }
}

impl Capability {
    pub(crate) fn write(&self, to: &mut Vec<u8>) {
        let [_, afi] = match self {
            Self::Multiprotocol(family) => family.afi(),
            _ => Family::Ipv4.afi(),
        }
        .to_be_bytes();
        match self {
            Self::Multiprotocol(_) => to.extend_from_slice(&[MULTIPROTOCOL, 4, 0, afi, 0, UNICAST]),
            Self::RouteRefresh => to.extend_from_slice(&[ROUTE_REFRESH, 0]),
            Self::ExtendedNextHop => to.extend_from_slice(&[EXTENDED_NEXT_HOP, 6, 0, afi, 0, UNICAST, 0, 2]),
            Self::FourOctetAs(asn) => {
                to.extend_from_slice(&[FOUR_OCTET_AS, 4]);
                to.extend_from_slice(&asn.to_be_bytes());
            }
            Self::Other(code) => to.extend_from_slice(&[*code, 0]),
        }
    }

    /// Adds what the peer says. One that we know and whose length is wrong makes the message malformed; of one that we do not know
    /// nothing is expected.
    fn read(code: u8, value: &[u8], to: &mut Vec<Self>) -> Result<(), Notification> {
        let capability = match (code, value) {
            (MULTIPROTOCOL, &[high, low, _, safi]) => {
                let family = Family::from_wire(u16::from_be_bytes([high, low]), safi);
                family.map_or(Self::Other(code), Self::Multiprotocol)
            }
            // RFC 2918 gives it no value.
            (ROUTE_REFRESH, _) => Self::RouteRefresh,
            (EXTENDED_NEXT_HOP, value) if value.len() % 6 == 0 => {
                let ours = value.chunks(6).any(|tuple| *tuple == [0, 1, 0, UNICAST, 0, 2]);
                if ours { Self::ExtendedNextHop } else { Self::Other(code) }
            }
            (FOUR_OCTET_AS, &[a, b, c, d]) => Self::FourOctetAs(u32::from_be_bytes([a, b, c, d])),
            (MULTIPROTOCOL | EXTENDED_NEXT_HOP | FOUR_OCTET_AS, _) => return Err(Notification::MALFORMED_OPEN),
            _ => Self::Other(code),
        };
        // A message of 4,096 octets could name two thousand; saying one twice means nothing (RFC 5492 4).
        if !to.contains(&capability) {
            to.push(capability);
        }
        Ok(())
    }
}

/// The octets that are left. Too few of them make an OPEN malformed.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Notification> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Notification::MALFORMED_OPEN)?;
        self.0 = rest;
        Ok(taken)
    }

    fn octet(&mut self) -> Result<u8, Notification> {
        self.take(1).map(|taken| taken[0])
    }

    fn two(&mut self) -> Result<u16, Notification> {
        self.take(2).map(|taken| u16::from_be_bytes([taken[0], taken[1]]))
    }
}

const VERSION: u8 = 4;
/// The only optional parameter that is in use.
const CAPABILITIES: u8 = 2;
const MULTIPROTOCOL: u8 = 1;
const ROUTE_REFRESH: u8 = 2;
const EXTENDED_NEXT_HOP: u8 = 5;
const FOUR_OCTET_AS: u8 = 65;
/// RFC 6793: stands where an AS number does not fit into two octets.
pub const AS_TRANS: u16 = 23456;
