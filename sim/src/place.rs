//! Who is where: every process of the world has a number and an address that is made from it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// One process of the world, which is one host too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A Standfast node, with its proxy and therefore its clients.
    Node(usize),
    /// A Redis server.
    Server(usize),
    /// A stock Sentinel.
    Stock(usize),
}

impl Place {
    /// Where it listens.
    #[must_use]
    pub fn addr(self) -> SocketAddr {
        let (net, i, port) = match self {
            Self::Node(i) => (1, i, 26_379),
            Self::Server(i) => (2, i, 6_379),
            Self::Stock(i) => (3, i, 26_379),
        };
        let last = u8::try_from(i + 1).expect("worlds are small");
        SocketAddr::from(([10, 0, net, last], port))
    }

    /// Who listens there, if anyone can.
    #[must_use]
    pub fn at(addr: SocketAddr) -> Option<Self> {
        let IpAddr::V4(ip) = addr.ip() else { return None };
        match (ip.octets(), addr.port()) {
            ([10, 0, 1, i], 26_379) if i > 0 => Some(Self::Node(usize::from(i) - 1)),
            ([10, 0, 2, i], 6_379) if i > 0 => Some(Self::Server(usize::from(i) - 1)),
            ([10, 0, 3, i], 26_379) if i > 0 => Some(Self::Stock(usize::from(i) - 1)),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(i) => write!(f, "node{}", i + 1),
            Self::Server(i) => write!(f, "redis{}", i + 1),
            Self::Stock(i) => write!(f, "stock{}", i + 1),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An address as the history shows it: by its place, or in full where nobody of the world is there.
#[must_use]
pub fn name_of(addr: SocketAddr) -> String {
    Place::at(addr).map_or_else(|| addr.to_string(), |p| p.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_back_to_its_place() {
        for place in [Place::Node(0), Place::Node(4), Place::Server(0), Place::Server(4), Place::Stock(2)] {
            assert_eq!(Place::at(place.addr()), Some(place));
        }
        assert_eq!(Place::at(SocketAddr::from(([127, 0, 0, 1], 1))), None);
    }
}
