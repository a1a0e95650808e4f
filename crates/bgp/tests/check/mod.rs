//! What holds for any bytes that a peer may send (B1, B3). Shared by the replay of the corpus, random tests and the fuzz target.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bgp::message::MAX_MESSAGE;
use bgp::peer::MAX_UNSENT;
use bgp::{Action, Conn, Event, Framer, Message, Neighbor, Notification, Peer, State};
use machine::time::at;
use machine::{step, wake};

/// The first octet says how the others are cut.
pub(crate) fn bytes(data: &[u8]) {
    let (&cut, stream) = data.split_first().unwrap_or((&0, &[]));
    let size = usize::from(cut) + 1;
    let whole = frames(&[stream]);
    let pieces: Vec<&[u8]> = stream.chunks(size).collect();
    assert_eq!(frames(&pieces), whole, "cut into pieces of {size}");
    for state in [State::OpenSent, State::OpenConfirm, State::Established] {
        assert_eq!(outcome(state, &pieces), outcome(state, &[stream]), "{state:?}, cut into pieces of {size}");
    }
}

/// The messages of a stream, and what ended it.
fn frames(pieces: &[&[u8]]) -> (Vec<Result<Message, Notification>>, Option<Notification>) {
    let mut framer = Framer::default();
    let mut messages = Vec::new();
    for piece in pieces {
        let fed = framer.feed(piece, |raw| {
            messages.push(Message::read(&raw));
            true
        });
        assert!(framer.held() < MAX_MESSAGE, "B1: {} octets are held", framer.held());
        if let Err(answer) = fed {
            assert_eq!(framer.feed(&[], |_| true), Err(answer.clone()), "what is broken stays so");
            return (messages, Some(answer));
        }
    }
    (messages, None)
}

/// What a session in this state makes of the stream: the state it is in, and the notification that it sent.
fn outcome(state: State, pieces: &[&[u8]]) -> (State, Option<Notification>) {
    let mut peer = peer_in(state);
    let mut out = Vec::new();
    for piece in pieces {
        let event = Event::Bytes { conn: Conn(1), bytes: piece.to_vec() };
        step(&mut peer, at(40), event, |action| out.push(action));
        assert!(peer.unsent() <= MAX_UNSENT + MAX_MESSAGE, "B1: {} octets are unsent", peer.unsent());
    }
    // Bytes that come together can make it ask for one refresh, where single ones ask for two: only the end is compared.
    let answer = out.iter().rev().find_map(|action| match action {
        Action::Send { bytes, .. } if bytes[18] == 3 => Some(read_notification(bytes)),
        _ => None,
    });
    let closed = out.iter().any(|action| matches!(action, Action::Close { .. }));
    assert_eq!(closed, peer.state() == State::Idle, "B3: the connection is closed when the session is over: {out:?}");
    if let Some(answer) = &answer {
        assert_eq!(peer.state(), State::Idle, "B3: after {answer} comes nothing");
        assert!(
            matches!((answer.code, answer.subcode), (1, 1..=3) | (2, 0..=4 | 6 | 7) | (5, 1..=3)),
            "B3: {answer:?}"
        );
    }
    wake(&mut peer, at(3_600_000), drop);
    (peer.state(), answer)
}

fn read_notification(message: &[u8]) -> Notification {
    let mut read = None;
    let fed = Framer::default().feed(message, |raw| {
        read = Some(Message::read(&raw));
        true
    });
    match (fed, read) {
        (Ok(()), Some(Ok(Message::Notification(notification)))) => notification,
        other => panic!("what we send is a message: {other:?}"),
    }
}

/// A session that has come so far.
pub(crate) fn peer_in(state: State) -> Peer {
    let server = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 179);
    let mut peer = Peer::new(Neighbor::new(server, 65_000, 65_001, Ipv4Addr::new(192, 0, 2, 2)), 1);
    let local = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    let keepalive = bgp::message::keepalive();
    let steps = [
        Event::Started,
        Event::Connected { conn: Conn(1), local },
        Event::Bytes { conn: Conn(1), bytes: open(65_000).to_bytes() },
        Event::Bytes { conn: Conn(1), bytes: keepalive },
    ];
    let routes = [("192.0.2.7/32".parse().unwrap(), bgp::Attributes::default())].into();
    step(&mut peer, at(0), Event::Wanted { routes }, drop);
    step(&mut peer, at(0), Event::Health { healthy: true }, drop);
    for event in steps {
        if peer.state() == state {
            break;
        }
        step(&mut peer, at(0), event, drop);
    }
    assert_eq!(peer.state(), state);
    peer
}

/// The OPEN of a route server that can do all that we can.
pub(crate) fn open(asn: u32) -> bgp::message::Open {
    use bgp::message::{AS_TRANS, Capability, Open};
    Open {
        my_as: u16::try_from(asn).unwrap_or(AS_TRANS),
        hold_time: 90,
        identifier: Ipv4Addr::new(192, 0, 2, 1),
        capabilities: vec![
            Capability::Multiprotocol(bgp::Family::Ipv4),
            Capability::Multiprotocol(bgp::Family::Ipv6),
            Capability::RouteRefresh,
            Capability::ExtendedNextHop,
            Capability::FourOctetAs(asn),
        ],
    }
}
