//! What we write, two other codecs read as it was meant; what they write, we read. `rustbgpd-wire` says what it understood,
//! `netgauze-bgp-pkt` writes what it understood, and that must be the same octets.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::server::{Heard, Session, hear};
use bgp::message::{AS_TRANS, Capability, Message, Notification, Open, PREFIXES, Paths, keepalive};
use bgp::route::{MAX_COMMUNITIES, MAX_PREPEND};
use bgp::{Attributes, Community, Family, Framer, LargeCommunity, Origin, Prefix};
use netgauze_bgp_pkt::BgpMessage;
use netgauze_bgp_pkt::wire::deserializer::BgpParsingContext;
use netgauze_parse_utils::WritablePdu as _;
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput as _;
use proptest::prelude::*;

/// Reads strictly, and writes again.
fn through_netgauze(octets: &[u8], four_octet_as: bool) -> Vec<u8> {
    let mut context = BgpParsingContext::default();
    context.set_asn4(four_octet_as);
    let message = BgpMessage::parse(&mut SliceReader::new(octets), &mut context);
    let message = message.unwrap_or_else(|e| panic!("{e}: {octets:02x?}"));
    let mut written = Vec::new();
    message.write(&mut written).expect("what was read can be written");
    written
}

/// Our own reading of one message.
fn read(octets: &[u8]) -> Result<Message, Notification> {
    let mut message = None;
    Framer::default().feed(octets, |raw| {
        message = Some(Message::read(&raw));
        true
    })?;
    message.expect("a whole message")
}

fn asn() -> impl Strategy<Value = u32> {
    prop_oneof![64_512..65_000_u32, Just(4_200_000_000), 100_000..200_000_u32]
}

fn v4() -> impl Strategy<Value = Prefix> {
    let unicast = 0x0100_0000..0xE000_0000_u32;
    (unicast, 8..=32_u8).prop_map(|(bits, length)| Prefix::new(Ipv4Addr::from(bits).into(), length).unwrap())
}

fn v6() -> impl Strategy<Value = Prefix> {
    let global = 0x2000_u128 << 112..0x4000_u128 << 112;
    (global, 3..=128_u8).prop_map(|(bits, length)| Prefix::new(Ipv6Addr::from(bits).into(), length).unwrap())
}

fn prefixes(one: impl Strategy<Value = Prefix>) -> impl Strategy<Value = Vec<Prefix>> {
    prop::collection::btree_set(one, 1..=PREFIXES).prop_map(|set| set.into_iter().collect())
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let origin = prop_oneof![Just(Origin::Igp), Just(Origin::Egp), Just(Origin::Incomplete)];
    let communities = prop::collection::btree_set(any::<(u16, u16)>(), 0..=MAX_COMMUNITIES);
    let large = prop::collection::btree_set(any::<(u32, u32, u32)>(), 0..=MAX_COMMUNITIES);
    let numbers = (any::<Option<u32>>(), any::<Option<u32>>(), 0..=MAX_PREPEND);
    (origin, numbers, communities, large).prop_map(|(origin, (med, local_pref, prepend), communities, large)| {
        Attributes {
            origin,
            med,
            local_pref,
            prepend,
            communities: communities.into_iter().map(|(a, b)| Community(a, b)).collect(),
            large_communities: large.into_iter().map(|(a, b, c)| LargeCommunity(a, b, c)).collect(),
        }
    })
}

fn hop4() -> IpAddr {
    "198.51.100.7".parse().unwrap()
}

fn hop6() -> IpAddr {
    "2001:db8::7".parse().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn an_announcement_is_understood_as_it_was_meant(
        (hop, prefixes) in prop_oneof![
            prefixes(v4()).prop_map(|prefixes| (hop4(), prefixes)),
            prefixes(v4()).prop_map(|prefixes| (hop6(), prefixes)),
            prefixes(v6()).prop_map(|prefixes| (hop6(), prefixes)),
        ],
        attributes in attributes(),
        local_as in asn(),
        four_octet_as: bool,
        internal: bool,
    ) {
        let octets = Paths { local_as, internal, four_octet_as }.announce(hop, &attributes, &prefixes);
        prop_assert!(octets.len() <= 4096);
        prop_assert_eq!(&through_netgauze(&octets, four_octet_as), &octets);

        let heard = hear(Session { four_octet_as, internal }, &octets);
        let [Heard::Update(change)] = heard.as_slice() else { panic!("{heard:?}") };
        prop_assert!(change.withdrawn.is_empty());
        prop_assert_eq!(change.announced.keys().copied().collect::<Vec<_>>(), prefixes);
        let route = change.announced.values().next().unwrap();
        prop_assert_eq!(route.next_hop, hop);
        prop_assert_eq!(route.origin, attributes.origin as u8);
        prop_assert_eq!(route.med, attributes.med);
        prop_assert_eq!(&route.communities, &attributes.communities);
        prop_assert_eq!(&route.large_communities, &attributes.large_communities);
        let local_pref = internal.then(|| attributes.local_pref.unwrap_or(100));
        prop_assert_eq!(route.local_pref, local_pref);

        // RFC 6793: to two octets go stand-ins, and the receiver puts the true numbers of AS4_PATH in their place.
        let path = if internal { Vec::new() } else { vec![local_as; usize::from(attributes.prepend) + 1] };
        prop_assert_eq!(&route.path, &path);
        prop_assert!(route.unknown.is_empty());
    }

    #[test]
    fn a_withdrawal_is_understood_as_it_was_meant(
        (hop, prefixes) in prop_oneof![
            prefixes(v4()).prop_map(|prefixes| (hop4(), prefixes)),
            prefixes(v4()).prop_map(|prefixes| (hop6(), prefixes)),
            prefixes(v6()).prop_map(|prefixes| (hop6(), prefixes)),
        ],
    ) {
        let paths = Paths { local_as: 65_001, internal: false, four_octet_as: true };
        let octets = paths.withdraw(hop, &prefixes);
        prop_assert_eq!(&through_netgauze(&octets, true), &octets);
        let heard = hear(Session { four_octet_as: true, internal: false }, &octets);
        let [Heard::Update(change)] = heard.as_slice() else { panic!("{heard:?}") };
        prop_assert!(change.announced.is_empty());
        prop_assert_eq!(change.withdrawn.iter().copied().collect::<Vec<_>>(), prefixes);
    }

    #[test]
    fn an_open_is_understood_by_all_three(
        asn in asn(),
        hold_time in prop_oneof![Just(0), 3..=u16::MAX],
        identifier in 1..0xE000_0000_u32,
        which in prop::collection::btree_set(0..5_usize, 0..=5),
    ) {
        let all = [
            Capability::Multiprotocol(Family::Ipv4),
            Capability::Multiprotocol(Family::Ipv6),
            Capability::RouteRefresh,
            Capability::ExtendedNextHop,
            Capability::FourOctetAs(asn),
        ];
        let open = Open {
            my_as: u16::try_from(asn).unwrap_or(AS_TRANS),
            hold_time,
            identifier: Ipv4Addr::from(identifier),
            capabilities: which.iter().map(|&n| all[n].clone()).collect(),
        };
        let octets = open.to_bytes();
        prop_assert_eq!(&through_netgauze(&octets, true), &octets);
        prop_assert_eq!(read(&octets), Ok(Message::Open(open.clone())));
        let heard = hear(Session { four_octet_as: true, internal: false }, &octets);
        let [Heard::Open { asn: found, hold_time: held, identifier: who, capabilities }] = heard.as_slice() else {
            panic!("{heard:?}")
        };
        prop_assert_eq!((*found, *held, *who), (open.asn(), hold_time, open.identifier));
        prop_assert_eq!(capabilities.len(), open.capabilities.len());
        prop_assert_eq!(open.asn() == asn, asn <= 0xFFFF || which.contains(&4));
    }

    #[test]
    fn a_notification_is_understood_by_all_three(code in 1..=6_u8, data in prop::collection::vec(any::<u8>(), 0..200)) {
        // netgauze knows only what has a name.
        let notification = Notification { code, subcode: u8::from(code != 4), data };
        let octets = notification.to_bytes();
        prop_assert_eq!(&through_netgauze(&octets, true), &octets);
        prop_assert_eq!(read(&octets), Ok(Message::Notification(notification.clone())));
        let heard = hear(Session { four_octet_as: true, internal: false }, &octets);
        prop_assert_eq!(heard, [Heard::Notification(notification)]);
    }

    #[test]
    fn an_operators_word_is_read_by_others_and_theirs_by_us(text in "\\PC{0,200}") {
        let notification = Notification::administrative_shutdown(&text);
        let theirs = rustbgpd_wire::notification::decode_shutdown_communication(&notification.data);
        let cut: String = theirs.unwrap_or_default();
        prop_assert!(text.starts_with(&cut) && cut.len() <= 128);
        prop_assert!(text.len() - cut.len() < 4 || text.len() > 125, "cut at the last whole character: {text:?}, {cut:?}");
        let encoded = rustbgpd_wire::notification::encode_shutdown_communication(&text);
        let told = Notification { code: 6, subcode: 2, data: encoded.to_vec() };
        let read = told.text().unwrap_or_default();
        prop_assert!(text.trim().starts_with(&read), "{text:?}, {read:?}");
    }
}

#[test]
fn a_keepalive_is_nineteen_octets() {
    assert_eq!(keepalive().len(), 19);
    assert_eq!(through_netgauze(&keepalive(), true), keepalive());
    assert_eq!(hear(Session { four_octet_as: true, internal: false }, &keepalive()), [Heard::Keepalive]);
}

#[test]
fn the_largest_message_fits() {
    let attributes = Attributes {
        origin: Origin::Igp,
        med: Some(u32::MAX),
        local_pref: None,
        prepend: MAX_PREPEND,
        communities: (0..64).map(|n| Community(n, n)).collect(),
        large_communities: (0..64).map(|n| LargeCommunity(n, n, n)).collect(),
    };
    let prefixes: BTreeSet<Prefix> = (0..100_u128).map(|n| Prefix::host(Ipv6Addr::from(n).into())).collect();
    let prefixes: Vec<Prefix> = prefixes.into_iter().collect();
    for four_octet_as in [true, false] {
        let paths = Paths { local_as: 4_200_000_000, internal: false, four_octet_as };
        let octets = paths.announce(hop6(), &attributes, &prefixes);
        assert!(octets.len() < 4096, "{} octets", octets.len());
    }
}
