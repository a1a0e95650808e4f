//! A session on a bench: a test says what happens, and what the machine orders is written down in short words.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bgp::message::{AS_TRANS, Capability, Notification, Open, keepalive};
use bgp::{Action, Attributes, Conn, Event, Family, Neighbor, Peer, Prefix, Routes, State, Timer};
use machine::{Instant, Machine as _, step, wake};

use crate::server::{Heard, Session, hear};

/// The machine, the time, and what it has ordered since it was asked last.
pub(crate) struct Rig {
    pub(crate) peer: Peer,
    pub(crate) now: Instant,
    pub(crate) session: Session,
    said: Vec<String>,
    /// The connection that was ordered last.
    pub(crate) conn: Conn,
    /// Everything that is sent is taken at once.
    pub(crate) reads: bool,
}

impl Rig {
    pub(crate) fn new(neighbor: Neighbor) -> Self {
        let session = Session { four_octet_as: true, internal: neighbor.is_internal() };
        let peer = Peer::new(neighbor, 7);
        Self { peer, now: Instant::START, session, said: Vec::new(), conn: Conn(0), reads: true }
    }

    /// Hands an event over; gives back what was ordered.
    pub(crate) fn event(&mut self, event: Event) -> Vec<String> {
        let mut actions = Vec::new();
        step(&mut self.peer, self.now, event, |action| actions.push(action));
        self.note(actions)
    }

    /// Sleeps until the next deadline; tells which it was, and what was ordered.
    pub(crate) fn sleep(&mut self) -> (Timer, Vec<String>) {
        let (at, timer) = self.peer.deadline().expect("something is due");
        assert!(at > self.now, "B2");
        self.now = at;
        let mut actions = Vec::new();
        wake(&mut self.peer, at, |action| actions.push(action));
        (timer, self.note(actions))
    }

    fn note(&mut self, actions: Vec<Action>) -> Vec<String> {
        let mut sent = 0;
        for action in actions {
            match action {
                Action::Connect { conn, to } => {
                    assert_eq!(conn.0, self.conn.0 + 1, "connections are counted");
                    self.conn = conn;
                    self.said.push(format!("connect {to}"));
                }
                Action::Send { conn, bytes } => {
                    assert_eq!(conn, self.conn);
                    sent += bytes.len();
                    let heard = hear(self.session, &bytes);
                    self.said.extend(heard.iter().map(short));
                }
                Action::Close { conn } => {
                    assert_eq!(conn, self.conn);
                    self.said.push("close".to_owned());
                }
                Action::StateChanged { from, to, why } => self.said.push(format!("{from:?} -> {to:?}: {why}")),
                Action::Told { announced, withdrawn } => self.said.push(format!("told +{announced} -{withdrawn}")),
                Action::Untold { prefix, why } => self.said.push(format!("untold {prefix}: {why}")),
            }
        }
        if self.reads && sent > 0 {
            let event = Event::Sent { conn: self.conn, bytes: sent };
            let mut actions = Vec::new();
            step(&mut self.peer, self.now, event, |action| actions.push(action));
            return self.note(actions);
        }
        std::mem::take(&mut self.said)
    }

    pub(crate) fn start(&mut self) -> Vec<String> {
        self.event(Event::Started)
    }

    pub(crate) fn connected(&mut self) -> Vec<String> {
        let local = if self.peer_is_v6() { local6() } else { local4() };
        self.event(Event::Connected { conn: self.conn, local })
    }

    fn peer_is_v6(&self) -> bool {
        self.peer.explain().starts_with('[')
    }

    pub(crate) fn bytes(&mut self, bytes: Vec<u8>) -> Vec<String> {
        self.event(Event::Bytes { conn: self.conn, bytes })
    }

    pub(crate) fn refused(&mut self) -> Vec<String> {
        self.event(Event::Refused { conn: self.conn, why: "connection refused".to_owned() })
    }

    pub(crate) fn closed(&mut self) -> Vec<String> {
        self.event(Event::Closed { conn: self.conn })
    }

    /// To where routes are told, with an OPEN like this.
    pub(crate) fn establish_with(&mut self, open: &Open) -> Vec<String> {
        if self.peer.state() == State::Idle {
            if self.peer.deadline().is_some() { drop(self.sleep()) } else { drop(self.start()) }
        }
        self.connected();
        self.bytes(open.to_bytes());
        assert_eq!(self.peer.state(), State::OpenConfirm);
        self.bytes(keepalive())
    }

    pub(crate) fn establish(&mut self) -> Vec<String> {
        self.establish_with(&open())
    }

    /// A healthy host that wants these.
    pub(crate) fn want(&mut self, routes: &[(&str, Attributes)]) -> Vec<String> {
        let mut said = self.event(Event::Wanted { routes: self::routes(routes) });
        said.extend(self.event(Event::Health { healthy: true }));
        said
    }
}

pub(crate) fn routes(routes: &[(&str, Attributes)]) -> Routes {
    routes.iter().map(|(prefix, attributes)| (prefix.parse().unwrap(), attributes.clone())).collect()
}

pub(crate) fn local4() -> IpAddr {
    "192.0.2.2".parse().unwrap()
}

pub(crate) fn local6() -> IpAddr {
    "2001:db8::2".parse().unwrap()
}

pub(crate) fn neighbor4() -> Neighbor {
    neighbor("192.0.2.1:179")
}

pub(crate) fn neighbor6() -> Neighbor {
    neighbor("[2001:db8::1]:179")
}

fn neighbor(remote: &str) -> Neighbor {
    let remote: SocketAddr = remote.parse().unwrap();
    Neighbor::new(remote, 65_000, 65_001, Ipv4Addr::new(192, 0, 2, 2))
}

/// The OPEN of a route server that can do all that we can.
pub(crate) fn open() -> Open {
    Open {
        my_as: 65_000,
        hold_time: 90,
        identifier: Ipv4Addr::new(192, 0, 2, 1),
        capabilities: vec![
            Capability::Multiprotocol(Family::Ipv4),
            Capability::Multiprotocol(Family::Ipv6),
            Capability::RouteRefresh,
            Capability::ExtendedNextHop,
            Capability::FourOctetAs(65_000),
        ],
    }
}

/// The same of another AS.
pub(crate) fn open_of(asn: u32) -> Open {
    let mut open = open();
    open.my_as = u16::try_from(asn).unwrap_or(AS_TRANS);
    open.capabilities.pop();
    open.capabilities.push(Capability::FourOctetAs(asn));
    open
}

/// A message with this body.
pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![0xFF; 16];
    message.extend_from_slice(&u16::try_from(19 + body.len()).unwrap().to_be_bytes());
    message.push(kind);
    message.extend_from_slice(body);
    message
}

pub(crate) fn notify(code: u8, subcode: u8) -> String {
    format!("notification {}", Notification { code, subcode, data: Vec::new() })
}

fn short(heard: &Heard) -> String {
    match heard {
        Heard::Open { asn, hold_time, .. } => format!("open AS{asn} hold {hold_time}"),
        Heard::Keepalive => "keepalive".to_owned(),
        Heard::Notification(notification) => format!("notification {notification}"),
        Heard::Update(change) => {
            let list = |prefixes: &mut dyn Iterator<Item = &Prefix>| {
                prefixes.map(ToString::to_string).collect::<Vec<_>>().join(" ")
            };
            match change.announced.values().next() {
                None => format!("withdraw {}", list(&mut change.withdrawn.iter())),
                Some(route) => format!("announce {} by {}", list(&mut change.announced.keys()), route.next_hop),
            }
        }
    }
}
