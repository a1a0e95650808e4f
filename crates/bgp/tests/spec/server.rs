//! What a route server makes of our octets. They are decoded by `rustbgpd-wire`, which shares no code with ours, and judged by its
//! RFC 7606 checks: what it would treat as withdrawn, or discard, fails the test.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use bgp::message::Notification;
use bgp::{Community, LargeCommunity, Prefix};
use rustbgpd_wire as wire;
use wire::{AsPathSegment, BgpHeader, MessageType, PathAttribute};

/// A message as the server understands it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Open { asn: u32, hold_time: u16, identifier: Ipv4Addr, capabilities: Vec<wire::Capability> },
    Update(Change),
    Notification(Notification),
    Keepalive,
}

/// What an UPDATE changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) withdrawn: BTreeSet<Prefix>,
    pub(crate) announced: BTreeMap<Prefix, Route>,
}

/// A route as the server keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) origin: u8,
    pub(crate) path: Vec<u32>,
    pub(crate) next_hop: IpAddr,
    pub(crate) med: Option<u32>,
    pub(crate) local_pref: Option<u32>,
    pub(crate) communities: BTreeSet<Community>,
    pub(crate) large_communities: BTreeSet<LargeCommunity>,
    /// Attributes that it passes on without knowing them.
    pub(crate) unknown: BTreeMap<u8, Vec<u8>>,
}

/// What it must know of the session to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Session {
    pub(crate) four_octet_as: bool,
    pub(crate) internal: bool,
}

/// All messages of a stream that holds whole ones only.
pub(crate) fn hear(session: Session, mut stream: &[u8]) -> Vec<Heard> {
    let mut heard = Vec::new();
    while !stream.is_empty() {
        let whole = stream;
        let header = BgpHeader::decode(&mut stream, wire::MAX_MESSAGE_LEN).expect("a header");
        let length = usize::from(header.length);
        heard.push(message(session, header.message_type, &whole[19..length]));
        stream = &whole[length..];
    }
    heard
}

fn message(session: Session, kind: MessageType, mut body: &[u8]) -> Heard {
    let length = body.len();
    match kind {
        MessageType::Open => {
            let open = wire::OpenMessage::decode(&mut body, length).expect("an OPEN");
            assert_eq!(open.version, 4);
            Heard::Open {
                asn: open.four_byte_as(),
                hold_time: open.hold_time,
                identifier: open.bgp_identifier,
                capabilities: open.capabilities,
            }
        }
        MessageType::Update => {
            let update = wire::UpdateMessage::decode(&mut body, length).expect("an UPDATE");
            Heard::Update(change(session, &update))
        }
        MessageType::Notification => {
            let said = wire::NotificationMessage::decode(&mut body, length).expect("a NOTIFICATION");
            let (code, subcode, data) = (said.code.as_u8(), said.subcode, said.data.to_vec());
            Heard::Notification(Notification { code, subcode, data })
        }
        MessageType::Keepalive => {
            assert_eq!(length, 0);
            Heard::Keepalive
        }
        other => panic!("we never send {other:?}"),
    }
}

fn change(session: Session, update: &wire::UpdateMessage) -> Change {
    let Session { four_octet_as, internal } = session;
    let read = update.parse_revised(four_octet_as, internal, false, &[]).expect("nothing that resets the session");
    assert!(read.malformed.is_empty(), "{:?}", read.malformed);
    let attributes = &read.update.attributes;
    let types: Vec<u8> = attributes.iter().map(PathAttribute::type_code).collect();
    assert_eq!(types.iter().collect::<BTreeSet<_>>().len(), types.len(), "each attribute stands once: {types:?}");
    let mut change = Change::default();
    change.withdrawn.extend(read.update.withdrawn.iter().map(|entry| v4(entry.prefix)));
    let mut announced: Vec<Prefix> = read.update.announced.iter().map(|entry| v4(entry.prefix)).collect();
    let has_body = !announced.is_empty();
    let mut hop = None;
    for attribute in attributes {
        match attribute {
            PathAttribute::NextHop(address) => hop = hop.or(Some(IpAddr::V4(*address))),
            PathAttribute::MpReachNlri(reach) => {
                assert_eq!((reach.safi, reach.link_local_next_hop), (wire::Safi::Unicast, None));
                hop = Some(reach.next_hop);
                announced.extend(reach.announced.iter().map(|entry| either(entry.prefix)));
            }
            PathAttribute::MpUnreachNlri(unreach) => {
                assert_eq!(unreach.safi, wire::Safi::Unicast);
                change.withdrawn.extend(unreach.withdrawn.iter().map(|entry| either(entry.prefix)));
            }
            _ => {}
        }
    }
    if announced.is_empty() {
        return change;
    }
    // Judged as the server would judge them. An IPv4 route with an IPv6 hop is fine: it was agreed on.
    let judged = wire::validate::validate_update_attributes(attributes, true, has_body, !internal);
    assert!(judged.is_ok(), "{judged:?}");
    let route = route(attributes, hop.expect("a route has a next hop"));
    change.announced = announced.into_iter().map(|prefix| (prefix, route.clone())).collect();
    change
}

fn route(attributes: &[PathAttribute], next_hop: IpAddr) -> Route {
    let mut route = Route {
        origin: 255,
        path: Vec::new(),
        next_hop,
        med: None,
        local_pref: None,
        communities: BTreeSet::new(),
        large_communities: BTreeSet::new(),
        unknown: BTreeMap::new(),
    };
    for attribute in attributes {
        match attribute {
            PathAttribute::Origin(origin) => route.origin = *origin as u8,
            PathAttribute::AsPath(path) => {
                for segment in &path.segments {
                    match segment {
                        AsPathSegment::AsSequence(numbers) => route.path.extend(numbers),
                        AsPathSegment::AsSet(_) => panic!("we never aggregate"),
                    }
                }
            }
            PathAttribute::Med(med) => route.med = Some(*med),
            PathAttribute::LocalPref(preference) => route.local_pref = Some(*preference),
            PathAttribute::Communities(tags) => {
                let halves = tags.iter().map(|tag| Community((tag >> 16) as u16, (tag & 0xFFFF) as u16));
                route.communities = halves.collect();
            }
            PathAttribute::LargeCommunities(tags) => {
                let tags = tags.iter().map(|tag| LargeCommunity(tag.global_admin, tag.local_data1, tag.local_data2));
                route.large_communities = tags.collect();
            }
            PathAttribute::Unknown(raw) => {
                route.unknown.insert(raw.type_code, raw.data.to_vec());
            }
            PathAttribute::NextHop(_) | PathAttribute::MpReachNlri(_) => {}
            other => panic!("nobody asked for {other:?}"),
        }
    }
    route
}

fn v4(prefix: wire::Ipv4Prefix) -> Prefix {
    Prefix::new(IpAddr::V4(prefix.addr), prefix.len).expect("a prefix")
}

fn either(prefix: wire::Prefix) -> Prefix {
    match prefix {
        wire::Prefix::V4(prefix) => v4(prefix),
        wire::Prefix::V6(prefix) => Prefix::new(IpAddr::V6(prefix.addr), prefix.len).expect("a prefix"),
    }
}
