//! Whatever happens in whatever order: the bounds hold (B1), nothing is due after a wake (B2), attempts are not a storm (B5), nothing is
//! sent on a connection that was closed; and when the server behaves at last, it has what is wanted and nothing else (B4).

use std::collections::BTreeMap;
use std::time::Duration;

use bgp::message::{Capability, MAX_MESSAGE, keepalive};
use bgp::peer::MAX_UNSENT;
use bgp::{Action, Attributes, Community, Conn, Event, Neighbor, Peer, Prefix, Routes, State};
use machine::{Instant, Machine as _, step, wake};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use crate::rig::{local6, message, neighbor6, open};
use crate::server::{Heard, Route, Session, hear};

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    /// The operator, or health.
    Want(Routes),
    Health(bool),
    Start,
    Stop,
    /// Time, in milliseconds; deadlines that pass are delivered, or only the last of them when the driver is late.
    Pass(u64, bool),
    /// The network.
    Answer(Answer),
    Cut,
    /// The server reads so many bytes.
    Read(usize),
    /// The server speaks.
    Say(Word),
    /// What leads on comes: a connection, or the word that is waited for.
    Onward(u16),
    /// Something is said of a connection long gone.
    Stray(u64),
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Connected,
    Refused,
}

#[derive(Clone, Debug)]
enum Word {
    Open(u16),
    PoorOpen,
    WrongAs,
    Keepalive,
    Refresh(u8),
    Update,
    Notification(u8, u8),
    Noise(Vec<u8>),
}

impl Word {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Open(hold_time) => bgp::message::Open { hold_time: *hold_time, ..open() }.to_bytes(),
            // No families but IPv4, no IPv6 next hop for it, two octets.
            Self::PoorOpen => bgp::message::Open { capabilities: vec![Capability::RouteRefresh], ..open() }.to_bytes(),
            Self::WrongAs => crate::rig::open_of(64_777).to_bytes(),
            Self::Keepalive => keepalive(),
            Self::Refresh(afi) => message(5, &[0, *afi, 0, 1]),
            Self::Update => message(2, &[0, 0, 0, 0, 8, 10]),
            Self::Notification(code, subcode) => message(3, &[*code, *subcode]),
            Self::Noise(noise) => noise.clone(),
        }
    }
}

struct World {
    peer: Peer,
    now: Instant,
    /// Ordered, and not answered.
    connecting: bool,
    /// The connection that stands, and what is on its way to the server.
    open: Option<(Conn, Vec<u8>)>,
    last: Conn,
    last_attempt: Option<Instant>,
    /// The server's side of it.
    session: Session,
    /// Octets of a message that is not whole at the server.
    partly: Vec<u8>,
    rib: BTreeMap<Prefix, Route>,
    wanted: Routes,
    healthy: bool,
}

impl World {
    fn new(neighbor: Neighbor, seed: u64) -> Self {
        Self {
            peer: Peer::new(neighbor, seed),
            now: Instant::START,
            connecting: false,
            open: None,
            last: Conn(0),
            last_attempt: None,
            session: Session { four_octet_as: true, internal: false },
            partly: Vec::new(),
            rib: BTreeMap::new(),
            wanted: Routes::new(),
            healthy: false,
        }
    }

    fn event(&mut self, event: Event) {
        let is_operators = matches!(event, Event::Started);
        let mut actions = Vec::new();
        step(&mut self.peer, self.now, event, |action| actions.push(action));
        self.act(actions, is_operators);
    }

    fn wake(&mut self) {
        let mut actions = Vec::new();
        wake(&mut self.peer, self.now, |action| actions.push(action));
        self.act(actions, false);
    }

    fn act(&mut self, actions: Vec<Action>, is_operators: bool) {
        for action in actions {
            match action {
                Action::Connect { conn, .. } => {
                    assert!(conn > self.last && self.open.is_none() && !self.connecting, "one at a time, counted");
                    let pause = self.last_attempt.map_or(Duration::MAX, |last| self.now.since(last));
                    assert!(is_operators || pause >= Duration::from_millis(750), "B5: {pause:?}");
                    (self.last, self.last_attempt, self.connecting) = (conn, Some(self.now), true);
                }
                Action::Send { conn, bytes } => {
                    let (open, on_its_way) = self.open.as_mut().expect("a connection that stands");
                    assert_eq!(conn, *open);
                    on_its_way.extend_from_slice(&bytes);
                }
                Action::Close { conn } => {
                    assert_eq!(conn, self.last);
                    self.connecting = false;
                    // What was sent before arrives before the end.
                    self.read(usize::MAX, false);
                    self.lose();
                }
                Action::StateChanged { .. } | Action::Told { .. } | Action::Untold { .. } => {}
            }
        }
        assert!(self.peer.unsent() <= MAX_UNSENT + 2 * MAX_MESSAGE, "B1: {} octets", self.peer.unsent());
        assert!(!self.peer.explain().is_empty());
    }

    fn lose(&mut self) {
        self.open = None;
        self.rib.clear();
        self.partly.clear();
    }

    fn read(&mut self, most: usize, tell: bool) {
        let Some((conn, on_its_way)) = &mut self.open else { return };
        let conn = *conn;
        let read: Vec<u8> = on_its_way.drain(..on_its_way.len().min(most)).collect();
        self.partly.extend_from_slice(&read);
        let mut whole = 0;
        while let Some(header) = self.partly.get(whole..whole + 19) {
            let length = usize::from(u16::from_be_bytes([header[16], header[17]]));
            if self.partly.len() < whole + length {
                break;
            }
            whole += length;
        }
        let stream: Vec<u8> = self.partly.drain(..whole).collect();
        for heard in hear(self.session, &stream) {
            if let Heard::Update(change) = heard {
                change.withdrawn.iter().for_each(|prefix| {
                    assert!(self.rib.remove(prefix).is_some(), "{prefix} is withdrawn, and was not there");
                });
                self.rib.extend(change.announced);
            }
        }
        if tell && !read.is_empty() {
            self.event(Event::Sent { conn, bytes: read.len() });
        }
    }

    fn say(&mut self, word: &Word) {
        let Some((conn, _)) = self.open else { return };
        if matches!(word, Word::Open(_) | Word::PoorOpen) && self.peer.state() == State::OpenSent {
            self.session.four_octet_as = matches!(word, Word::Open(_));
        }
        self.event(Event::Bytes { conn, bytes: word.bytes() });
    }

    fn answer(&mut self, answer: Answer) {
        if !std::mem::take(&mut self.connecting) {
            return;
        }
        match answer {
            Answer::Connected => {
                self.open = Some((self.last, Vec::new()));
                self.event(Event::Connected { conn: self.last, local: local6() });
            }
            Answer::Refused => self.event(Event::Refused { conn: self.last, why: "no".to_owned() }),
        }
    }

    fn pass(&mut self, until: Instant, is_late: bool) {
        while !is_late && let Some((at, _)) = self.peer.deadline().filter(|(at, _)| *at <= until) {
            self.now = at.max(self.now);
            self.wake();
        }
        self.now = until;
        self.wake();
        assert!(self.peer.deadline().is_none_or(|(at, _)| at > self.now), "B2");
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Want(routes) => {
                self.wanted.clone_from(&routes);
                self.event(Event::Wanted { routes });
            }
            Step::Health(healthy) => {
                self.healthy = healthy;
                self.event(Event::Health { healthy });
            }
            Step::Start => self.event(Event::Started),
            Step::Stop => self.event(Event::Stopped { text: "stop".to_owned() }),
            Step::Pass(ms, is_late) => self.pass(self.now + Duration::from_millis(ms), is_late),
            Step::Answer(answer) => self.answer(answer),
            Step::Cut => {
                if let Some((conn, _)) = self.open {
                    self.lose();
                    self.event(Event::Closed { conn });
                }
            }
            Step::Read(most) => self.read(most, true),
            Step::Say(word) => self.say(&word),
            Step::Onward(hold_time) => {
                self.answer(Answer::Connected);
                match self.peer.state() {
                    State::OpenSent => self.say(&Word::Open(hold_time)),
                    State::OpenConfirm => self.say(&Word::Keepalive),
                    State::Idle | State::Connect | State::Established => {}
                }
            }
            Step::Stray(back) => {
                let conn = Conn(self.last.0.wrapping_sub(back));
                self.event(Event::Closed { conn });
                self.event(Event::Bytes { conn, bytes: vec![0; 40] });
                self.event(Event::Sent { conn, bytes: 7 });
                self.event(Event::Connected { conn, local: local6() });
            }
        }
    }

    /// The server behaves from now on: it takes connections, reads, and says what it must.
    fn settle(&mut self) {
        self.step(Step::Cut);
        self.step(Step::Start);
        let until = self.now + Duration::from_secs(140);
        while self.now < until {
            self.step(Step::Onward(90));
            if self.peer.state() == State::Established {
                self.read(usize::MAX, true);
                self.say(&Word::Keepalive);
            }
            self.pass(self.now + Duration::from_secs(1), false);
        }
        self.read(usize::MAX, true);
        assert_eq!(self.peer.state(), State::Established, "{}", self.peer.explain());
        let wanted = if self.healthy { self.wanted.clone() } else { Routes::new() };
        let found = self.rib.iter().map(|(prefix, route)| (*prefix, route.communities.clone(), route.med));
        let wanted = wanted.into_iter().map(|(prefix, said)| (prefix, said.communities, said.med));
        assert_eq!(found.collect::<Vec<_>>(), wanted.collect::<Vec<_>>(), "B4");
    }
}

fn routes() -> impl Strategy<Value = Routes> {
    let prefix = prop::sample::select(vec![
        "192.0.2.1/32",
        "192.0.2.2/32",
        "198.51.100.0/24",
        "2001:db8:1::/64",
        "2001:db8:2::1/128",
    ]);
    let prefix = prefix.prop_map(|text| text.parse::<Prefix>().unwrap());
    let said = (0..3_u16, prop::option::of(0..3_u32)).prop_map(|(tag, med)| Attributes {
        med,
        communities: (0..tag).map(|n| Community(65_000, n)).collect(),
        ..Attributes::default()
    });
    prop::collection::btree_map(prefix, said, 0..5)
}

fn word() -> impl Strategy<Value = Word> {
    prop_oneof![
        8 => prop::sample::select(vec![90, 9, 0, 3, 2]).prop_map(Word::Open),
        2 => Just(Word::PoorOpen),
        1 => Just(Word::WrongAs),
        10 => Just(Word::Keepalive),
        3 => (1..3_u8).prop_map(Word::Refresh),
        2 => Just(Word::Update),
        2 => (1..8_u8, 0..9_u8).prop_map(|(code, subcode)| Word::Notification(code, subcode)),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Word::Noise),
    ]
}

fn a_step() -> impl Strategy<Value = Step> {
    let read = prop_oneof![Just(usize::MAX), 1..200_usize];
    prop_oneof![
        5 => routes().prop_map(Step::Want),
        4 => prop::bool::weighted(0.7).prop_map(Step::Health),
        3 => Just(Step::Start),
        1 => Just(Step::Stop),
        6 => (0..12_000_u64, prop::bool::weighted(0.2)).prop_map(|(ms, late)| Step::Pass(ms, late)),
        8 => prop::bool::weighted(0.9).prop_map(|made| Step::Answer(if made { Answer::Connected } else { Answer::Refused })),
        1 => Just(Step::Cut),
        6 => read.prop_map(Step::Read),
        8 => word().prop_map(Step::Say),
        14 => prop::sample::select(vec![90, 9, 0]).prop_map(Step::Onward),
        1 => (1..4_u64).prop_map(Step::Stray),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_session_survives_everything_and_tells_in_the_end_what_is_wanted(
        seed: u64,
        hold_time in prop::sample::select(vec![90_u16, 9, 3, 0]),
        steps in prop::collection::vec(a_step(), 0..120),
    ) {
        let mut world = World::new(Neighbor { hold_time, ..neighbor6() }, seed);
        steps.into_iter().for_each(|step| world.step(step));
        world.settle();
    }
}

#[test]
fn random_steps_reach_every_state_and_every_kind_of_end() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut stats = bgp::Stats::default();
    for _ in 0..200 {
        let steps = prop::collection::vec(a_step(), 0..120).new_tree(&mut runner).unwrap().current();
        let mut world = World::new(neighbor6(), 1);
        steps.into_iter().for_each(|step| world.step(step));
        let seen = world.peer.stats();
        stats.established += seen.established;
        stats.refused += seen.refused;
        stats.failures += seen.failures;
        stats.misbehaved += seen.misbehaved;
        stats.refreshes += seen.refreshes;
        stats.withdrawn += seen.withdrawn;
        stats.stray += seen.stray;
    }
    for (what, times) in [
        ("established", stats.established),
        ("refused", stats.refused),
        ("failures", stats.failures),
        ("misbehaved", stats.misbehaved),
        ("refreshes", stats.refreshes),
        ("withdrawn", stats.withdrawn),
        ("stray", stats.stray),
    ] {
        assert!(times >= 20, "{what}: {times}");
    }
}
