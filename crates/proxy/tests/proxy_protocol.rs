//! The PROXY protocol: examples of both versions, any bytes, and the corpus of the fuzz target.

#[path = "proxy_protocol/check.rs"]
mod check;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use proptest::prelude::*;
use proxy::proxy_protocol;
use proxy_protocol::{Header, Malformed, Version, decode, encode};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn inet(source: &str, destination: &str) -> Header {
    Header::Inet { source: source.parse().unwrap(), destination: destination.parse().unwrap() }
}

fn v2(what: u8, family: u8, variable: &[u8]) -> Vec<u8> {
    let length = u16::try_from(variable.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[what, family], &length, variable].concat()
}

#[test]
fn lines_of_version_1() {
    let read = |line: &str| decode(line.as_bytes());
    let one = inet("192.0.2.1:4711", "192.0.2.2:6379");
    assert_eq!(read("PROXY TCP4 192.0.2.1 192.0.2.2 4711 6379\r\nPING"), Ok(Some((one, 42))));
    let six = inet("[2001:db8::1]:1", "[::1]:65535");
    assert_eq!(read("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n"), Ok(Some((six, 36))));
    assert_eq!(read("PROXY UNKNOWN\r\n"), Ok(Some((Header::Unknown, 15))));
    assert_eq!(read("PROXY UNKNOWN whatever it may be\r\n"), Ok(Some((Header::Unknown, 34))));
    for wrong in [
        "PROXY TCP4 192.0.2.1 192.0.2.2 4711\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 4711 6379 \r\n",
        "PROXY TCP4 192.0.2.1  192.0.2.2 4711 6379\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 04711 6379\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 +711 6379\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 4711 65536\r\n",
        "PROXY TCP4 ::1 ::1 4711 6379\r\n",
        "PROXY TCP6 192.0.2.1 192.0.2.2 4711 6379\r\n",
        "PROXY UDP4 192.0.2.1 192.0.2.2 4711 6379\r\n",
        "PROXY UNKNOWNS\r\n",
        "PROXY \r\n",
    ] {
        assert_eq!(read(wrong), Err(Malformed::Line), "{wrong:?}");
    }
    let endless = format!("PROXY UNKNOWN {}", "x".repeat(200));
    assert_eq!(read(&endless[..106]), Ok(None));
    assert_eq!(read(&endless[..107]), Err(Malformed::Line));
}

#[test]
fn headers_of_version_2() {
    let four = [192, 0, 2, 1, 192, 0, 2, 2, 0x12, 0x67, 0x18, 0xEB];
    let one = inet("192.0.2.1:4711", "192.0.2.2:6379");
    assert_eq!(decode(&v2(0x21, 0x11, &four)), Ok(Some((one, 28))));
    assert_eq!(decode(&v2(0x21, 0x12, &four)), Ok(Some((one, 28))));
    // A field that nobody here knows.
    assert_eq!(decode(&v2(0x21, 0x11, &[&four[..], &[0xEA, 0, 2, 1, 2]].concat())), Ok(Some((one, 33))));
    assert_eq!(decode(&v2(0x20, 0x00, b"")), Ok(Some((Header::Local, 16))));
    assert_eq!(decode(&v2(0x20, 0x11, &four)), Ok(Some((Header::Local, 28))));
    assert_eq!(decode(&v2(0x21, 0x00, b"any")), Ok(Some((Header::Unknown, 19))));
    assert_eq!(decode(&v2(0x21, 0x31, &[0; 216])), Ok(Some((Header::Unix, 232))));
}

#[test]
fn what_is_wrong_with_version_2_is_told() {
    let four = [192, 0, 2, 1, 192, 0, 2, 2, 0x12, 0x67, 0x18, 0xEB];
    assert_eq!(decode(b"PING\r\n"), Err(Malformed::NoHeader));
    assert_eq!(decode(b"\x16\x03\x01"), Err(Malformed::NoHeader));
    assert_eq!(decode(b"\r\n\r\nP"), Err(Malformed::NoHeader));
    assert_eq!(decode(&v2(0x11, 0x11, &four)), Err(Malformed::Version));
    assert_eq!(decode(&v2(0x22, 0x11, &four)), Err(Malformed::Version));
    assert_eq!(decode(&v2(0x21, 0x41, &four)), Err(Malformed::Family));
    assert_eq!(decode(&v2(0x21, 0x13, &four)), Err(Malformed::Family));
    assert_eq!(decode(&v2(0x21, 0x11, &four[..11])), Err(Malformed::Length));
    assert_eq!(decode(&v2(0x21, 0x21, &four)), Err(Malformed::Length));
    assert_eq!(decode(&v2(0x21, 0x31, &[0; 215])), Err(Malformed::Length));
    assert_eq!(decode(&[SIGNATURE, &[0x21, 0x11, 0xFF, 0xFF]].concat()), Err(Malformed::Length));
    assert_eq!(decode(&v2(0x21, 0x11, &[&four[..], &[0xEA, 0, 2, 1]].concat())), Err(Malformed::Fields));
    assert_eq!(decode(&v2(0x21, 0x11, &[&four[..], &[0xEA, 0]].concat())), Err(Malformed::Fields));
    assert_eq!(decode(&v2(0x21, 0x11, &[&four[..], &[0x03, 0, 1, 0]].concat())), Err(Malformed::Fields));
}

#[test]
fn a_checksum_is_that_of_the_header() {
    let four = [192, 0, 2, 1, 192, 0, 2, 2, 0x12, 0x67, 0x18, 0xEB];
    let mut header = v2(0x21, 0x11, &[&four[..], &[0x03, 0, 4, 0, 0, 0, 0, 0x04, 0, 1, 7]].concat());
    assert_eq!(decode(&header), Err(Malformed::Checksum));
    let sum = crc32c(&header);
    header[31..35].copy_from_slice(&sum.to_be_bytes());
    assert!(matches!(decode(&header), Ok(Some((Header::Inet { .. }, 39)))));
    header[20] ^= 1;
    assert_eq!(decode(&header), Err(Malformed::Checksum));
}

/// By the polynomial, long hand: another way than the one that is tested. RFC 3720 B.4 has the example.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut table = [0_u32; 256];
    for (n, entry) in (0_u32..).zip(&mut table) {
        *entry = (0..8).fold(n, |rest, _| if rest & 1 == 1 { 0x82F6_3B78 ^ (rest >> 1) } else { rest >> 1 });
    }
    !bytes.iter().fold(!0, |sum, byte| table[((sum ^ u32::from(*byte)) & 0xFF) as usize] ^ (sum >> 8))
}

#[test]
fn the_other_way_to_count_is_right() {
    assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
    assert_eq!(crc32c(b"123456789"), 0xE306_9283);
}

#[test]
fn a_client_of_the_other_family_is_written_with_both_as_ipv6() {
    let mut line = Vec::new();
    encode(&inet("[2001:db8::1]:1", "10.0.0.1:6379"), Version::V1, &mut line);
    assert_eq!(line, b"PROXY TCP6 2001:db8::1 ::ffff:10.0.0.1 1 6379\r\n");
}

#[test]
fn the_corpus_of_the_fuzz_target_is_answered() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/proxy_protocol");
    let entries: Vec<_> =
        std::fs::read_dir(&corpus).expect("it is committed").map(|entry| entry.unwrap().path()).collect();
    assert!(!entries.is_empty(), "an empty corpus proves nothing");
    for path in entries {
        check::bytes(&std::fs::read(path).unwrap());
    }
}

fn any_addr(v6: bool) -> BoxedStrategy<SocketAddr> {
    if v6 {
        (any::<[u8; 16]>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(IpAddr::from(ip), port)).boxed()
    } else {
        (any::<[u8; 4]>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(IpAddr::from(ip), port)).boxed()
    }
}

fn any_header() -> impl Strategy<Value = Header> {
    let inet = any::<bool>().prop_flat_map(|v6| (any_addr(v6), any_addr(v6)));
    let inet = inet.prop_map(|(source, destination)| Header::Inet { source, destination });
    prop_oneof![Just(Header::Local), Just(Header::Unknown), Just(Header::Unix), inet]
}

proptest! {
    #[test]
    fn any_header_comes_back(header in any_header()) {
        check::comes_back(&header);
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check::bytes(&bytes);
    }

    #[test]
    fn any_bytes_after_a_signature_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check::bytes(&[SIGNATURE, &[0x21], &bytes].concat());
        check::bytes(&[b"PROXY ", &bytes[..]].concat());
    }

    #[test]
    fn any_fault_in_a_header_is_answered(header in any_header(), at in 0_usize..60, with in any::<u8>()) {
        for version in [Version::V1, Version::V2] {
            let mut bytes = Vec::new();
            encode(&header, version, &mut bytes);
            let at = at % bytes.len();
            bytes[at] = with;
            check::bytes(&bytes);
        }
    }
}
