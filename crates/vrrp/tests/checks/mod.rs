//! What must hold for any bytes at all. Shared by the fuzz target in `fuzz/`, the replay of its corpus and the property tests.

#![allow(dead_code, reason = "each user calls its own part")]

use core::net::IpAddr;

use vrrp::{Advert, Codec, Datagram, Password, Refused};

/// Bytes are refused, or are an advertisement that is written and read as the same. The first byte chooses the codec and whether the
/// rest is a packet with its IP header or the payload alone.
pub(crate) fn packet(data: &[u8]) {
    let Some((&choice, data)) = data.split_first() else { return };
    let codec = codec(choice);
    let datagram = match choice >> 4 & 3 {
        0 => Datagram { from: v4(1), to: v4(2), hops: 255, payload: data },
        1 => Datagram { from: v6(1), to: v6(2), hops: 255, payload: data },
        _ => match Datagram::parse(data) {
            Ok(datagram) => datagram,
            Err(refused) => return assert!(!refused.to_string().is_empty()),
        },
    };
    assert!(datagram.payload.len() <= data.len());
    match codec.decode(&datagram) {
        Ok(advert) => again(&codec, &datagram, &advert),
        Err(refused) => assert!(!refused.to_string().is_empty() && refused.kind().proto_err_reason() != Some("")),
    }
}

/// What was read is said in the same number of bytes, and these mean the same.
fn again(codec: &Codec, read: &Datagram<'_>, advert: &Advert) {
    // Version 2 has no pseudo-header to tell families apart by, and any family is read; only IPv4 is ever sent.
    let written = codec.encode(advert, read.from, read.to);
    assert_eq!(written.len(), read.payload.len());
    let datagram = Datagram { payload: &written, ..*read };
    assert_eq!(codec.decode(&datagram).as_ref(), Ok(advert));
    if written.len() <= 64 {
        flips(codec, &datagram);
    }
}

/// No single wrong bit gets past the checksum.
pub(crate) fn flips(codec: &Codec, datagram: &Datagram<'_>) {
    let mut bytes = datagram.payload.to_vec();
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        let flipped = codec.decode(&Datagram { payload: &bytes, ..*datagram });
        assert!(flipped.is_err(), "bit {bit}: {flipped:?}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

/// One of the codecs.
pub(crate) fn codec(choice: u8) -> Codec {
    let codec = match choice & 3 {
        0 => Codec::v2(None),
        1 => Codec::v2(Password::new(b"secret12")),
        2 => Codec::v3(),
        _ => Codec::v3_checksum_as_v2(),
    };
    if choice & 4 == 0 { codec } else { codec.with_least_hops(1) }
}

/// A host of an IPv4 link.
pub(crate) fn v4(n: u8) -> IpAddr {
    [10, 0, 0, n].into()
}

/// A host of an IPv6 link.
pub(crate) fn v6(n: u16) -> IpAddr {
    [0xfe80, 0, 0, 0, 0, 0, 0, n].into()
}

/// Whether a packet is refused for being cut short or for having too much.
pub(crate) fn is_length(result: &Result<Advert, Refused>) -> bool {
    matches!(result, Err(Refused::Length { .. }))
}
