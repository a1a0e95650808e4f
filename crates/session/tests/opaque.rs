//! Opaque bytes: one small conversation for each rule, and any order of events against what must always hold.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use machine::time::at;
use machine::{Instant, Rng};
use session::opaque::{Action, Event, Timer};
use session::{Conn, Opaque, Role, Rules, Why};
use view::{Epoch, LinkState, Offset, Phase, Replica, View};

fn addr(n: u16) -> SocketAddr {
    ([10, 0, 0, 1], n).into()
}

fn view(epoch: u64, phase: Phase, master: u16, replicas: &[u16]) -> Arc<View> {
    let replica = |n: &u16| Replica {
        addr: addr(*n),
        link: LinkState::Up,
        offset: Offset(0),
        lag: Some(0),
        weight: view::USUAL_WEIGHT,
    };
    let replicas = replicas.iter().map(replica).collect();
    Arc::new(View { group: "cache".into(), epoch: Epoch(epoch), phase, master: addr(master), replicas })
}

struct Talk {
    opaque: Opaque,
    now: Instant,
}

impl Talk {
    fn new(view: Arc<View>) -> Self {
        Self { opaque: Opaque::new(Arc::new(Rules::default()), view, Rc::default()), now: at(1_000) }
    }

    fn step(&mut self, event: Event<'_>) -> Vec<Action> {
        self.opaque.handle(self.now, event);
        self.drain()
    }

    fn drain(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.opaque.poll()).collect()
    }

    fn wake_at(&mut self, ms: u64) -> Vec<Action> {
        self.now = at(ms);
        self.opaque.wake(self.now);
        self.drain()
    }

    /// A client that came and is connected to server 1.
    fn open() -> Self {
        let mut talk = Self::new(view(1, Phase::Steady, 1, &[]));
        assert_eq!(talk.step(Event::Came), [Action::Connect { conn: Conn(1), addr: addr(1) }]);
        assert_eq!(talk.step(Event::ServerConnected(Conn(1))), []);
        talk
    }

    fn take_to_server(&mut self) -> Vec<u8> {
        let bytes = self.opaque.to_server().to_vec();
        self.opaque.sent(bytes.len());
        bytes
    }

    fn take_to_client(&mut self) -> Vec<u8> {
        let bytes = self.opaque.to_client().to_vec();
        self.opaque.delivered(bytes.len());
        bytes
    }
}

/// Replica 2 shall get no readers; perhaps it is gone.
fn resting(link: LinkState) -> Arc<View> {
    let mut view = view(1, Phase::Steady, 1, &[2, 3]);
    let replica = &mut Arc::make_mut(&mut view).replicas[0];
    (replica.weight, replica.link) = (0, link);
    view
}

#[test]
fn who_reads_from_a_replica_that_shall_rest_has_a_while_to_go() {
    let rules = Rules { role: Role::Replica, drain_timeout: Duration::from_secs(60), ..Rules::default() };
    let ready = view(1, Phase::Steady, 1, &[2, 3]);
    let there = || {
        let opaque = Opaque::new(Arc::new(rules.clone()), ready.clone(), Rc::default());
        let mut talk = Talk { opaque, now: at(1_000) };
        assert_eq!(talk.step(Event::Came), [Action::Connect { conn: Conn(1), addr: addr(2) }]);
        talk.step(Event::ServerConnected(Conn(1)));
        assert_eq!(talk.step(Event::View(resting(LinkState::Up))), [], "it goes by itself");
        assert_eq!(talk.opaque.deadline(), Some((at(61_000), Timer::Rest)));
        talk
    };
    assert!(rules.concerns(&ready, &resting(LinkState::Up)));
    assert!(rules.concerns(&resting(LinkState::Up), &resting(LinkState::Down)));
    assert_eq!(there().wake_at(61_000), [Action::Reset(Why::Moved)]);
    assert_eq!(there().step(Event::View(resting(LinkState::Down))), [Action::Reset(Why::Moved)], "maintenance");
    let mut talk = there();
    talk.step(Event::View(ready.clone()));
    assert_eq!(talk.opaque.deadline(), None, "it serves again");
}

#[test]
fn bytes_pass_as_they_are() {
    let mut talk = Talk::new(view(1, Phase::Steady, 1, &[]));
    talk.step(Event::Came);
    talk.step(Event::ClientBytes(b"\x16\x03"));
    assert_eq!(talk.opaque.to_server(), b"", "there is no server yet");
    talk.step(Event::ServerConnected(Conn(1)));
    assert_eq!(talk.take_to_server(), b"\x16\x03");
    talk.step(Event::ServerBytes(Conn(1), b"\0\xFF"));
    assert_eq!(talk.take_to_client(), b"\0\xFF");
    assert_eq!(talk.opaque.deadline(), None, "nothing to do in steady state");
}

#[test]
fn the_end_of_each_side_is_passed_on_after_its_bytes() {
    let mut talk = Talk::open();
    talk.step(Event::ClientBytes(b"last"));
    assert_eq!(talk.step(Event::ClientEnded), []);
    assert_eq!(talk.take_to_server(), b"last");
    assert_eq!(talk.drain(), [Action::EndServer(Conn(1))]);
    assert!(!talk.opaque.wants_client_bytes() && talk.opaque.wants_server_bytes());
    talk.step(Event::ServerBytes(Conn(1), b"reply"));
    talk.step(Event::ServerEnded(Conn(1)));
    assert_eq!(talk.take_to_client(), b"reply");
    assert_eq!(talk.drain(), [Action::EndClient, Action::Close(Why::ClientLeft)]);
}

#[test]
fn who_never_leaves_after_the_other_did_is_not_waited_for() {
    let mut talk = Talk::open();
    assert_eq!(talk.step(Event::ServerEnded(Conn(1))), [Action::EndClient]);
    assert_eq!(talk.opaque.deadline(), Some((at(61_000), Timer::Linger)));
    talk.now = at(30_000);
    talk.step(Event::ClientBytes(b"still here"));
    assert_eq!(talk.wake_at(61_000), []);
    assert_eq!(talk.wake_at(90_000), [Action::Close(Why::ServerLeft)]);
}

#[test]
fn a_new_master_cuts_the_sessions_of_the_old_one() {
    let mut talk = Talk::open();
    talk.step(Event::ServerBytes(Conn(1), b"old"));
    assert_eq!(talk.step(Event::View(view(1, Phase::Switching, 1, &[2]))), [], "the old one may still be the one");
    assert_eq!(talk.step(Event::View(view(2, Phase::Steady, 2, &[1]))), [Action::Reset(Why::Moved)]);
    assert_eq!((talk.opaque.to_client(), talk.opaque.to_server()), (&b""[..], &b""[..]));
    assert!(!talk.opaque.wants_client_bytes() && !talk.opaque.wants_server_bytes());
    assert_eq!(talk.step(Event::ClientBytes(b"more")), []);
}

#[test]
fn a_client_waits_for_a_master_as_long_as_hold() {
    let mut talk = Talk::new(view(1, Phase::Switching, 1, &[]));
    assert_eq!(talk.step(Event::Came), []);
    assert_eq!((talk.opaque.held(), talk.opaque.deadline()), (1, Some((at(11_000), Timer::Hold))));
    assert!(talk.opaque.explain(at(1_500)).contains("no master of group 'cache'"));
    talk.now = at(5_000);
    let connect = Action::Connect { conn: Conn(1), addr: addr(2) };
    assert_eq!(talk.step(Event::View(view(2, Phase::Steady, 2, &[]))), [connect]);
    assert_eq!(talk.opaque.held(), 0);

    let mut talk = Talk::new(view(1, Phase::Lost, 1, &[]));
    talk.step(Event::Came);
    assert_eq!(talk.wake_at(10_999), []);
    assert_eq!(talk.wake_at(11_000), [Action::Reset(Why::HoldExpired)]);
}

#[test]
fn a_server_that_refuses_is_tried_again_until_hold_is_over() {
    let mut talk = Talk::new(view(1, Phase::Steady, 1, &[]));
    talk.step(Event::Came);
    let (mut tries, mut ms) = (1, 1_000);
    let end = loop {
        assert_eq!(talk.step(Event::ServerFailed(Conn(tries))), []);
        let (due, _) = talk.opaque.deadline().unwrap();
        assert!(due > at(ms));
        ms = due.as_millis();
        match talk.wake_at(ms)[..] {
            [Action::Connect { conn, .. }] => tries = conn.0,
            ref other => break other.to_vec(),
        }
    };
    assert_eq!((end, ms), (vec![Action::Reset(Why::HoldExpired)], 11_000));
    assert!((40..80).contains(&tries), "{tries}");
}

#[test]
fn a_view_that_names_another_while_connecting_is_not_noticed() {
    let mut talk = Talk::new(view(1, Phase::Steady, 1, &[]));
    talk.step(Event::Came);
    talk.step(Event::ClientBytes(b"early"));
    let connect = Action::Connect { conn: Conn(2), addr: addr(2) };
    assert_eq!(talk.step(Event::View(view(2, Phase::Steady, 2, &[]))), [Action::CloseServer(Conn(1)), connect]);
    assert_eq!(talk.step(Event::ServerConnected(Conn(1))), [], "late");
    talk.step(Event::ServerConnected(Conn(2)));
    assert_eq!(talk.take_to_server(), b"early");
}

#[test]
fn a_reset_is_passed_on_as_one() {
    let mut talk = Talk::open();
    assert_eq!(talk.step(Event::ServerBroke(Conn(1))), [Action::Reset(Why::ServerBroke)]);
}

#[test]
fn who_comes_and_goes_before_there_is_a_server_needs_none() {
    let mut talk = Talk::new(view(1, Phase::Switching, 1, &[]));
    talk.step(Event::Came);
    assert_eq!(talk.step(Event::ClientEnded), [Action::Close(Why::ClientLeft)]);
}

#[test]
fn a_slow_side_holds_the_other_back() {
    let mut talk = Talk::open();
    let much = vec![b'x'; 64 * 1024];
    talk.step(Event::ServerBytes(Conn(1), &much));
    assert!(!talk.opaque.wants_server_bytes() && talk.opaque.wants_client_bytes());
    talk.opaque.delivered(1);
    assert!(talk.opaque.wants_server_bytes());
    talk.step(Event::ClientBytes(&much));
    assert!(!talk.opaque.wants_client_bytes());
}

#[test]
fn a_replica_that_may_no_longer_be_read_is_left() {
    let rules = Arc::new(Rules { role: Role::Replica, ..Rules::default() });
    let mut talk = Talk::new(view(1, Phase::Steady, 1, &[2, 3]));
    talk.opaque = Opaque::new(rules, view(1, Phase::Steady, 1, &[2, 3]), Rc::default());
    talk.step(Event::Came);
    talk.step(Event::ServerConnected(Conn(1)));
    assert_eq!(talk.step(Event::View(view(1, Phase::Steady, 1, &[2]))), []);
    assert_eq!(talk.step(Event::View(view(1, Phase::Steady, 1, &[3]))), [Action::Reset(Why::Moved)]);
}

/// Any order of events: every byte comes once and in order, from the one server that the session had, no bound is passed, and who closes
/// has a reason.
#[test]
fn whatever_happens_bytes_come_in_order_or_the_connection_ends() {
    for seed in 0..2_000 {
        World::new(seed).run();
    }
}

struct World {
    rng: Rng,
    talk: Talk,
    conn: Option<(Conn, bool)>,
    said: u64,
    heard: u64,
    replied: u64,
    got: u64,
    ended: (bool, bool),
    passed: (bool, bool),
    over: bool,
    epoch: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            rng: Rng::new(seed),
            talk: Talk::new(view(1, Phase::Steady, 1, &[])),
            conn: None,
            said: 0,
            heard: 0,
            replied: 0,
            got: 0,
            ended: (false, false),
            passed: (false, false),
            over: false,
            epoch: 1,
        }
    }

    fn run(&mut self) {
        self.step(Event::Came);
        for _ in 0..300 {
            if self.over {
                return;
            }
            self.turn();
            assert!(
                self.talk.opaque.to_server().len() <= 65 * 1024 && self.talk.opaque.to_client().len() <= 65 * 1024,
                "B1"
            );
        }
    }

    fn turn(&mut self) {
        let bytes = |from: u64, n: u64| (from..from + n).map(|i| i as u8).collect::<Vec<u8>>();
        let n = self.rng.below(1_000);
        match (self.rng.below(12), self.conn) {
            (0..=2, _) if !self.ended.0 && self.talk.opaque.wants_client_bytes() => {
                let sent = bytes(self.said, n);
                self.said += n;
                self.step(Event::ClientBytes(&sent));
            }
            (3..=4, Some((conn, true))) if !self.ended.1 && self.talk.opaque.wants_server_bytes() => {
                let sent = bytes(self.replied, n);
                self.replied += n;
                self.step(Event::ServerBytes(conn, &sent));
            }
            (5, _) => {
                let taken = &self.talk.opaque.to_server()[..self.talk.opaque.to_server().len().min(n as usize)];
                assert_eq!(taken, bytes(self.heard, taken.len() as u64));
                let taken = taken.len();
                self.heard += taken as u64;
                self.talk.opaque.sent(taken);
                self.obey();
            }
            (6, _) => {
                let taken = &self.talk.opaque.to_client()[..self.talk.opaque.to_client().len().min(n as usize)];
                assert_eq!(taken, bytes(self.got, taken.len() as u64));
                let taken = taken.len();
                self.got += taken as u64;
                self.talk.opaque.delivered(taken);
                self.obey();
            }
            (7, Some((conn, false))) => {
                let failed = self.rng.below(3) == 0;
                self.conn = (!failed).then_some((conn, true));
                self.step(if failed { Event::ServerFailed(conn) } else { Event::ServerConnected(conn) });
            }
            (8, _) if n < 50 && !self.ended.0 => {
                self.ended.0 = true;
                self.step(Event::ClientEnded);
            }
            (8, Some((conn, true))) if n > 950 && !self.ended.1 => {
                self.ended.1 = true;
                self.step(Event::ServerEnded(conn));
            }
            (9, _) if n < 30 => {
                self.epoch += 1;
                let phase = if n.is_multiple_of(2) { Phase::Steady } else { Phase::Switching };
                self.step(Event::View(view(self.epoch, phase, 1 + (n % 3) as u16, &[])));
            }
            _ => {
                self.talk.now += Duration::from_millis(n / 4);
                self.talk.opaque.wake(self.talk.now);
                assert!(self.talk.opaque.deadline().is_none_or(|(at, _)| at > self.talk.now), "B2");
                self.obey();
            }
        }
    }

    fn step(&mut self, event: Event<'_>) {
        self.talk.opaque.handle(self.talk.now, event);
        self.obey();
    }

    fn obey(&mut self) {
        let mut actions: VecDeque<Action> = self.talk.drain().into();
        while let Some(action) = actions.pop_front() {
            assert!(!self.over, "nothing after the end");
            match action {
                Action::Connect { conn, .. } => {
                    assert_eq!((self.conn, self.heard), (None, 0), "one at a time, and only before anything was sent");
                    self.conn = Some((conn, false));
                }
                Action::CloseServer(conn) => assert_eq!(self.conn.take(), Some((conn, false))),
                Action::EndServer(_) => {
                    assert!(self.ended.0 && self.heard == self.said);
                    self.passed.0 = true;
                }
                Action::EndClient => {
                    assert!(self.ended.1 && self.got == self.replied);
                    self.passed.1 = true;
                }
                Action::Close(why) => {
                    self.over = true;
                    let idle = self.ended.0 && self.said == 0;
                    assert!(self.passed == (true, true) || why == Why::ServerLeft || idle || self.ended.0, "{why}");
                }
                Action::Reset(why) => {
                    self.over = true;
                    assert!(matches!(why, Why::Moved | Why::HoldExpired | Why::ServerBroke));
                }
            }
        }
    }
}
