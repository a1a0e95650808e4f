//! What is the Internet checksum of a packet? RFC 1071, with the pseudo-header of IPv4 or IPv6 where a version wants it.

use core::net::IpAddr;

use crate::ip::PROTOCOL;

/// A sum under way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum(u32);

impl Sum {
    /// A sum over the pseudo-header of RFC 8200 (IPv6) or RFC 9293 (IPv4) for a payload of `len` bytes.
    pub(crate) fn pseudo_header(from: IpAddr, to: IpAddr, len: usize) -> Self {
        let mut sum = Self::default();
        for address in [from, to] {
            match address {
                IpAddr::V4(v4) => sum.add(&v4.octets()),
                IpAddr::V6(v6) => sum.add(&v6.octets()),
            }
        }
        // As 32-bit numbers in IPv6, as 8 and 16 bits in IPv4: the sum is the same, since a packet is shorter than 65,536.
        sum.0 += u32::from(PROTOCOL) + u32::try_from(len).unwrap_or(u32::MAX);
        sum
    }

    /// Adds bytes; an odd last one counts as the upper half of a word.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let words = bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        // At most 2^15 words of 16 bits: no carry is lost.
        self.0 += words.map(u32::from).sum::<u32>();
    }

    /// What to write into the packet. Over a packet that holds its own checksum: zero if it is right.
    pub(crate) fn finish(self) -> u16 {
        let mut sum = self.0;
        while sum > 0xFFFF {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }
        !u16::try_from(sum).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071_sums_as_there() {
        let mut sum = Sum::default();
        sum.add(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
        assert_eq!(sum.finish(), !0xddf2);
    }
}
