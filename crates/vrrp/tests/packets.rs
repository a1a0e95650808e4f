//! Is every advertisement read as it was written, is anything else refused for the right reason, and do others sum and parse alike?

mod checks;

use std::net::IpAddr;

use checks::{codec, v4, v6};
use etherparse::checksum::Sum16BitWords;
use etherparse::{IpNumber, Ipv4Header, Ipv6Header};
use proptest::collection::vec;
use proptest::prelude::*;
use vrrp::refused::Kind;
use vrrp::{Advert, Codec, Datagram, Event, Interval, Password, Priority, Refused, Vrid};

fn an_advert(addresses: Vec<IpAddr>) -> Advert {
    let interval = Interval::from_centis(100).unwrap();
    Advert { vrid: Vrid::new(7).unwrap(), priority: Priority(100), interval, addresses }
}

fn any_advert() -> impl Strategy<Value = (u8, Advert)> {
    let addresses = (prop_oneof![1..=4_usize, 1..=90_usize], any::<bool>()).prop_flat_map(|(n, six)| {
        let one = any::<[u8; 16]>().prop_map(move |o: [u8; 16]| -> IpAddr {
            if six { o.into() } else { [o[0], o[1], o[2], o[3]].into() }
        });
        vec(one, n..=n)
    });
    (0..8_u8, 1..=255_u8, any::<u8>(), 1..=4_095_u16, addresses).prop_map(
        |(choice, vrid, priority, n, addresses): (_, _, _, _, Vec<IpAddr>)| {
            // Version 2 has neither fractions of seconds nor IPv6.
            let choice = if addresses[0].is_ipv6() { choice | 2 } else { choice };
            let centis = if choice & 2 == 0 { (n % 255 + 1) * 100 } else { n };
            let interval = Interval::from_centis(centis).unwrap();
            (choice, Advert { vrid: Vrid::new(vrid).unwrap(), priority: Priority(priority), interval, addresses })
        },
    )
}

fn ends(advert: &Advert) -> (IpAddr, IpAddr) {
    if advert.addresses[0].is_ipv4() { (v4(1), v4(2)) } else { (v6(1), v6(2)) }
}

proptest! {
    #[test]
    fn what_is_written_is_read((choice, advert) in any_advert()) {
        let (from, to) = ends(&advert);
        let codec = codec(choice);
        let payload = codec.encode(&advert, from, to);
        let datagram = Datagram { from, to, hops: 255, payload: &payload };
        let few = advert.addresses.len() <= 4;
        prop_assert_eq!(codec.decode(&datagram), Ok(advert));
        if few {
            checks::flips(&codec, &datagram);
        }
    }

    #[test]
    fn a_packet_that_is_cut_or_grown_is_refused((choice, advert) in any_advert(), cut in any::<prop::sample::Index>()) {
        let (from, to) = ends(&advert);
        let codec = codec(choice);
        let mut payload = codec.encode(&advert, from, to);
        let at = cut.index(payload.len());
        let cut = codec.decode(&Datagram { from, to, hops: 255, payload: &payload[..at] });
        prop_assert!(checks::is_length(&cut));
        payload.push(0);
        let grown = codec.decode(&Datagram { from, to, hops: 255, payload: &payload });
        prop_assert!(checks::is_length(&grown));
    }

    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..80)) {
        checks::packet(&bytes);
    }

    #[test]
    fn the_checksum_of_version_3_is_the_one_that_others_compute((choice, mut advert) in any_advert()) {
        advert.interval = Interval::USUAL;
        let (from, to) = ends(&advert);
        let as_v2 = choice & 1 == 1;
        let codec = if as_v2 { Codec::v3_checksum_as_v2() } else { Codec::v3() };
        let mut payload = codec.encode(&advert, from, to);
        let ours = [payload[6], payload[7]];
        payload[6..8].fill(0);
        let len = u16::try_from(payload.len()).unwrap();
        let sum = match (from, to) {
            (IpAddr::V4(_), _) if as_v2 => Sum16BitWords::new(),
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                Sum16BitWords::new().add_4bytes(from.octets()).add_4bytes(to.octets()).add_2bytes([0, 112]).add_2bytes(len.to_be_bytes())
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => Sum16BitWords::new()
                .add_16bytes(from.octets()).add_16bytes(to.octets()).add_4bytes(u32::from(len).to_be_bytes()).add_4bytes([0, 0, 0, 112]),
            _ => unreachable!("both ends are of one family"),
        };
        prop_assert_eq!(ours, sum.add_slice(&payload).ones_complement().to_ne_bytes());
    }

    #[test]
    fn the_ip_header_is_read_as_others_write_it(
        from: [u8; 4], to: [u8; 4], hops: u8, from6: [u8; 16], to6: [u8; 16],
        options in 0..=10_usize, payload in vec(any::<u8>(), 0..60), padding in 0..20_usize,
    ) {
        let mut v4 = Ipv4Header::new(u16::try_from(payload.len()).unwrap(), hops, IpNumber::VRRP, from, to).unwrap();
        v4.options = [1; 40][..options * 4].try_into().unwrap();
        v4.set_payload_len(payload.len()).unwrap();
        let mut packet = Vec::new();
        v4.write(&mut packet).unwrap();
        packet.extend(&payload);
        packet.resize(packet.len() + padding, 0xAA);
        let read = Datagram { from: from.into(), to: to.into(), hops, payload: &payload };
        prop_assert_eq!(Datagram::parse(&packet), Ok(read));

        let v6 = Ipv6Header {
            payload_length: u16::try_from(payload.len()).unwrap(), next_header: IpNumber::VRRP, hop_limit: hops,
            source: from6, destination: to6, ..Ipv6Header::default()
        };
        let mut packet = Vec::new();
        v6.write(&mut packet).unwrap();
        packet.extend(&payload);
        packet.resize(packet.len() + padding, 0xAA);
        let read = Datagram { from: from6.into(), to: to6.into(), hops, payload: &payload };
        prop_assert_eq!(Datagram::parse(&packet), Ok(read));
    }
}

/// The packet of `an_advert` by `codec`, after `change`, with the checksum that it then needs.
fn altered(codec: &Codec, change: impl FnOnce(&mut Vec<u8>)) -> Result<Advert, Refused> {
    let mut payload = codec.encode(&an_advert(vec![v4(100)]), v4(1), v4(2));
    change(&mut payload);
    payload[6..8].fill(0);
    let mut sum = Sum16BitWords::new();
    let sum = if payload[0] >> 4 == 3 {
        let len = u16::try_from(payload.len()).unwrap().to_be_bytes();
        sum.add_4bytes([10, 0, 0, 1]).add_4bytes([10, 0, 0, 2]).add_2bytes([0, 112]).add_2bytes(len)
    } else {
        sum
    };
    let checksum = sum.add_slice(&payload).ones_complement().to_ne_bytes();
    payload[6..8].copy_from_slice(&checksum);
    codec.decode(&Datagram { from: v4(1), to: v4(2), hops: 255, payload: &payload })
}

#[test]
fn each_field_is_checked() {
    let (v2, v3) = (Codec::v2(None), Codec::v3());
    let secret = Codec::v2(Password::new(b"abc"));
    assert!(altered(&v2, |_| ()).is_ok() && altered(&v3, |_| ()).is_ok());
    assert_eq!(altered(&v3, |p| p[0] = 0x32), Err(Refused::Type { got: 2 }));
    assert_eq!(altered(&v3, |p| p[0] = 0x41), Err(Refused::Version { got: 4 }));
    assert_eq!(altered(&v2, |p| p[0] = 0x20), Err(Refused::Type { got: 0 }));
    assert_eq!(altered(&v3, |p| p[1] = 0), Err(Refused::Vrid { got: 0 }));
    assert_eq!(altered(&v3, |p| p[3] = 2), Err(Refused::Length { got: 12 }));
    assert_eq!(altered(&v3, |p| (p[3] = 0, p.truncate(8)).0), Err(Refused::Addresses { got: 0 }));
    assert_eq!(altered(&v3, |p| p[4..6].fill(0)), Err(Refused::Interval { got: None }));
    assert_eq!(altered(&v2, |p| p[5] = 0), Err(Refused::Interval { got: None }));
    assert_eq!(altered(&v2, |p| p[4] = 2), Err(Refused::AuthTypeMismatch { got: 2 }));
    assert_eq!(altered(&v2, |p| p[4] = 3), Err(Refused::AuthTypeInvalid { got: 3 }));
    assert_eq!(altered(&secret, |p| p[12] = b'A'), Err(Refused::AuthFailure));
    assert_eq!(altered(&secret, |p| p[15] = b'd'), Err(Refused::AuthFailure), "the rest of the field counts, too");
    // RFC 9568 5.2.6 and RFC 3768 5.3.10: ignored when read.
    assert_eq!(altered(&v3, |p| p[4] |= 0xF0), altered(&v3, |_| ()));
    assert_eq!(altered(&v2, |p| p[12..].fill(9)), altered(&v2, |_| ()));
}

#[test]
fn the_pseudo_header_guards_both_ends() {
    let codec = Codec::v3();
    let payload = codec.encode(&an_advert(vec![v4(100)]), v4(1), v4(2));
    let decode = |from, to, hops| codec.decode(&Datagram { from, to, hops, payload: &payload });
    assert!(decode(v4(1), v4(2), 255).is_ok());
    assert_eq!(decode(v4(3), v4(2), 255), Err(Refused::Checksum));
    assert_eq!(decode(v4(1), v4(3), 255), Err(Refused::Checksum));
    assert_eq!(decode(v4(1), v4(2), 254), Err(Refused::Hops { got: 254 }));
}

#[test]
fn as_many_addresses_as_the_limit_and_no_more() {
    let many = |n: u16| (0..n).map(v6).collect::<Vec<_>>();
    let decode = |n| {
        let payload = Codec::v3().encode(&an_advert(many(n)), v6(1), v6(2));
        Codec::v3().decode(&Datagram { from: v6(1), to: v6(2), hops: 255, payload: &payload })
    };
    assert!(decode(90).is_ok());
    assert_eq!(decode(91), Err(Refused::Addresses { got: 91 }));
    let all = (0..=254).map(v4).collect::<Vec<_>>();
    let payload = Codec::v2(None).encode(&an_advert(all.clone()), v4(1), v4(2));
    let read = Codec::v2(None).decode(&Datagram { from: v4(1), to: v4(2), hops: 255, payload: &payload });
    assert_eq!(read.unwrap().addresses, all);
}

#[test]
fn what_is_no_packet_of_vrrp_is_told_from_a_broken_one() {
    let header = Ipv4Header::new(0, 255, IpNumber::UDP, [10, 0, 0, 1], [10, 0, 0, 2]).unwrap();
    assert_eq!(Datagram::parse(&header.to_bytes()), Err(Refused::Protocol));
    let mut fragment = Ipv4Header::new(0, 255, IpNumber::VRRP, [10, 0, 0, 1], [10, 0, 0, 2]).unwrap();
    fragment.more_fragments = true;
    assert_eq!(Datagram::parse(&fragment.to_bytes()), Err(Refused::Protocol));
    let extended = Ipv6Header { next_header: IpNumber::IPV6_HEADER_HOP_BY_HOP, ..Ipv6Header::default() };
    assert_eq!(Datagram::parse(&extended.to_bytes()), Err(Refused::Protocol));
    for broken in [&b""[..], b"\x45", &[0x44; 20], &[0x60; 39], &[0x50; 60]] {
        assert_eq!(Datagram::parse(broken), Err(Refused::Length { got: broken.len() }), "{broken:x?}");
    }
}

#[test]
fn what_was_received_is_an_event_that_names_its_sender() {
    let payload = Codec::v3().encode(&an_advert(vec![v4(100)]), v4(1), v4(2));
    let datagram = Datagram { from: v4(1), to: v4(2), hops: 255, payload: &payload };
    let heard = Event::Heard { from: v4(1), to: v4(2), advert: an_advert(vec![v4(100)]) };
    assert_eq!(Event::received(&Codec::v3(), Ok(datagram)), heard);
    assert_eq!(datagram.vrid(), Some(7));
    let refused = |from, refused| Event::Refused { from, refused };
    let far = Datagram { hops: 1, ..datagram };
    assert_eq!(Event::received(&Codec::v3(), Ok(far)), refused(Some(v4(1)), Refused::Hops { got: 1 }));
    assert_eq!(Event::received(&Codec::v3(), Err(Refused::Protocol)), refused(None, Refused::Protocol));
}

#[test]
fn a_password_is_one_to_eight_bytes_and_is_never_shown() {
    assert_eq!(Password::new(b""), None);
    assert_eq!(Password::new(b"123456789"), None);
    let shown = format!("{:?}", Codec::v2(Password::new(b"12345678")));
    assert!(!shown.contains("1234") && !shown.contains("49"), "{shown}");
}

#[test]
fn an_interval_is_what_one_of_the_versions_can_say() {
    for (centis, is) in [(0, false), (1, true), (4_095, true), (25_500, true), (25_501, false)] {
        assert_eq!(Interval::from_centis(centis).is_some(), is, "{centis}");
    }
    let from = |micros| Interval::from_duration(core::time::Duration::from_micros(micros)).map(Interval::centis);
    assert_eq!(from(1_230_000), Some(123));
    assert_eq!(from(1_235_000), None);
    assert_eq!(from(0), None);
    assert_eq!(from(70_000_000_000), None);
}

#[test]
fn each_kind_of_refusal_has_a_number_of_its_own() {
    for (n, kind) in Kind::ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, n);
    }
    assert_eq!(Refused::Checksum.kind().counter(), Some("vrrpv3RouterChecksumErrors"));
    assert_eq!(Refused::Owner.kind().proto_err_reason(), Some("vrIdError"));
    assert_eq!(Refused::Own.kind().counter(), None);
}
