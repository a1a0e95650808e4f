//! Are Keepalived's packets read as what they say, and do we write the very same bytes? Recorded: `tests/keepalived/README.md`.

mod checks;

use std::net::IpAddr;
use std::path::Path;

use vrrp::{Advert, Codec, Datagram, Interval, Password, Priority, Refused, Vrid};

/// The packets of a recording.
fn recorded(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keepalived").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let packets: Vec<_> = lines.map(bytes).collect();
    assert!(packets.len() >= 2, "an advertisement and a resignation at least");
    packets
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

/// All packets of a recording say `advert`, but for the last, which is the resignation; and we would have sent the same bytes.
fn are_ours(name: &str, codec: &Codec, (from, to): (&str, &str), advert: &Advert) {
    let packets = recorded(name);
    for (n, packet) in packets.iter().enumerate() {
        let datagram = Datagram::parse(packet).unwrap();
        assert_eq!((datagram.from, datagram.to), (ip(from), ip(to)), "{name}");
        let mut advert = advert.clone();
        if n + 1 == packets.len() {
            advert.priority = Priority::RESIGN;
        }
        assert_eq!(codec.decode(&datagram).as_ref(), Ok(&advert), "{name}");
        assert_eq!(codec.encode(&advert, datagram.from, datagram.to), datagram.payload, "{name}");
        checks::flips(codec, &datagram);
    }
}

fn advert(vrid: u8, priority: u8, centis: u16, addresses: &[&str]) -> Advert {
    Advert {
        vrid: Vrid::new(vrid).unwrap(),
        priority: Priority(priority),
        interval: Interval::from_centis(centis).unwrap(),
        addresses: addresses.iter().map(|a| ip(a)).collect(),
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

const MULTICAST: (&str, &str) = ("10.0.0.1", "224.0.0.18");
const UNICAST: (&str, &str) = ("10.0.0.1", "10.0.0.2");

#[test]
fn version_2() {
    are_ours("v2.txt", &Codec::v2(None), MULTICAST, &advert(51, 100, 100, &["10.0.0.100"]));
}

#[test]
fn version_2_with_a_password() {
    let three = advert(130, 80, 100, &["10.0.0.100", "10.0.0.101", "10.0.0.102"]);
    are_ours("v2_auth.txt", &Codec::v2(Password::new(b"secret12")), MULTICAST, &three);
    let one = advert(12, 120, 200, &["10.0.0.100"]);
    are_ours("v2_unicast_auth.txt", &Codec::v2(Password::new(b"abc")), UNICAST, &one);
}

#[test]
fn version_3() {
    are_ours("v3.txt", &Codec::v3(), MULTICAST, &advert(7, 255, 50, &["10.0.0.100", "10.0.0.101"]));
    are_ours("v3_unicast.txt", &Codec::v3(), UNICAST, &advert(8, 200, 10, &["10.0.0.100"]));
}

#[test]
fn version_3_with_the_checksum_of_version_2() {
    let one = advert(7, 255, 50, &["10.0.0.100", "10.0.0.101"]);
    are_ours("v3_as_v2.txt", &Codec::v3_checksum_as_v2(), MULTICAST, &one);
    let one = advert(8, 200, 10, &["10.0.0.100"]);
    are_ours("v3_unicast_as_v2.txt", &Codec::v3_checksum_as_v2(), UNICAST, &one);
}

#[test]
fn version_3_over_ipv6() {
    let two = advert(9, 150, 123, &["fe80::100", "fd00::100"]);
    are_ours("v3_ipv6.txt", &Codec::v3(), ("fe80::ff:fe00:1", "ff02::12"), &two);
}

#[test]
fn unicast_over_ipv6_comes_with_the_systems_hop_limit() {
    let packets = recorded("v3_ipv6_unicast.txt");
    let datagram = Datagram::parse(&packets[0]).unwrap();
    assert_eq!(Codec::v3().decode(&datagram), Err(Refused::Hops { got: 64 }));
    let one = advert(10, 150, 100, &["fe80::100"]);
    are_ours("v3_ipv6_unicast.txt", &Codec::v3().with_least_hops(64), ("fd00::1", "fd00::2"), &one);
}

#[test]
fn what_another_configuration_sends_is_refused_with_its_reason() {
    let decode = |name: &str, codec: &Codec| codec.decode(&Datagram::parse(&recorded(name)[0]).unwrap());
    let secret = || Password::new(b"secret12");
    assert_eq!(decode("v2.txt", &Codec::v3()), Err(Refused::Version { got: 2 }));
    assert_eq!(decode("v3.txt", &Codec::v2(None)), Err(Refused::Version { got: 3 }));
    assert_eq!(decode("v2.txt", &Codec::v2(secret())), Err(Refused::AuthTypeMismatch { got: 0 }));
    assert_eq!(decode("v2_auth.txt", &Codec::v2(None)), Err(Refused::AuthTypeMismatch { got: 1 }));
    assert_eq!(decode("v2_auth.txt", &Codec::v2(Password::new(b"secret13"))), Err(Refused::AuthFailure));
    assert_eq!(decode("v2_auth.txt", &Codec::v2(Password::new(b"secret1"))), Err(Refused::AuthFailure));
    assert_eq!(decode("v3.txt", &Codec::v3_checksum_as_v2()), Err(Refused::OtherChecksum { pseudo_header: true }));
    assert_eq!(decode("v3_as_v2.txt", &Codec::v3()), Err(Refused::OtherChecksum { pseudo_header: false }));
    // IPv6 has the pseudo-header in any case.
    assert!(decode("v3_ipv6.txt", &Codec::v3_checksum_as_v2()).is_ok());
}
