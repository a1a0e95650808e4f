//! One session with one neighbour: what happened, and who deals with it?
//!
//! ```text
//!            Started, or the pause is over              connected               their OPEN suits us       their KEEPALIVE
//!   Idle ────────────────────────────────> Connect ───────────────> OpenSent ────────────────> OpenConfirm ─────────────> Established
//!    ▲                                      │    ▲ │                   │                           │                          │
//!    └── a pause (`damping`) ── refused ────┘    └─┘ not answered      │     NOTIFICATION sent or received, end of the        │
//!    └──────────────────────────────────────────────────────────────── ┴─────────── connection, hold time ────────────────────┘
//! ```
//!
//! The driver's side of the contract is `machine::contract`, and: what is ordered by [`Action::Send`] is sent in order, and each part
//! that the system takes is told by [`Event::Sent`]. [`Action::Close`] sends what is left as far as it can at once, then closes.
//!
//! Of RFC 4271 it departs in one thing: changes are sent at once, not collected for thirty seconds (9.2.1.1, MinRouteAdvertisementInterval).
//! That is for who passes on the changes of others; ours are this host's own, and how often its health may change is decided where health is.
//!
//! The invariants, as the tests name them:
//!
//! - **B1** Nothing grows without bound: the framer holds less than a message, not more than [`MAX_UNSENT`] is ordered to be sent
//!   before the system has taken some of it (and then at most a message more), [`MAX_ROUTES`] are kept.
//! - **B2** Nothing is due after a wake.
//! - **B3** Any bytes lead to a stated answer: a NOTIFICATION of RFC 4271 6 and the end of the session, or they are ignored.
//! - **B4** What the peer has from us becomes what is wanted, in every session anew, and nothing while this host is not healthy.
//! - **B5** Two attempts to connect are never closer than three quarters of a second, however a peer behaves; after failures in a
//!   row they come once a minute.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use machine::{Instant, Machine, Rng, soonest};

use crate::agree::{Agreed, agree, open};
use crate::book::{Book, Piece};
use crate::damping::{Damping, jittered};
use crate::event::{Action, Conn, Event, State, Timer, Why};
use crate::message::{Framer, Message, Notification, Open, Raw, keepalive};
use crate::neighbor::Neighbor;
use crate::stats::Stats;

/// The machine.
#[derive(Clone, Debug)]
pub struct Peer {
    pub(crate) neighbor: Neighbor,
    rng: Rng,
    pub(crate) state: State,
    /// The session is wanted.
    pub(crate) started: bool,
    /// The last connection that was ordered.
    conn: Conn,
    /// Its address here, as it was told when it was made.
    over: IpAddr,
    framer: Framer,
    /// The peer refused an OPEN with capabilities: the next one has none.
    plain: bool,
    agreed: Option<Agreed>,
    established_at: Option<Instant>,
    timers: Timers,
    damping: Damping,
    pub(crate) book: Book,
    /// Ordered to be sent, and not yet taken by the system.
    unsent: usize,
    actions: VecDeque<Action>,
    stats: Stats,
    pub(crate) last_failure: Option<Why>,
}

/// When each is due; `None` while it does not run.
#[derive(Clone, Copy, Debug, Default)]
struct Timers {
    idle_hold: Option<Instant>,
    connect_retry: Option<Instant>,
    hold: Option<Instant>,
    keepalive: Option<Instant>,
    send_hold: Option<Instant>,
}

impl Timers {
    const fn all(&self) -> [(Option<Instant>, Timer); 5] {
        [
            (self.idle_hold, Timer::IdleHold),
            (self.connect_retry, Timer::ConnectRetry),
            (self.hold, Timer::Hold),
            (self.keepalive, Timer::Keepalive),
            (self.send_hold, Timer::SendHold),
        ]
    }
}

impl Machine for Peer {
    type Event = Event;
    type Action = Action;
    type Timer = Timer;

    fn handle(&mut self, now: Instant, event: Event) {
        match event {
            Event::Started => self.on_started(now),
            Event::Stopped { text } => self.on_stopped(now, text),
            Event::Wanted { routes } => self.book.want(routes),
            Event::Health { healthy } => self.book.set_health(healthy),
            Event::Connected { conn, .. }
            | Event::Refused { conn, .. }
            | Event::Bytes { conn, .. }
            | Event::Sent { conn, .. }
            | Event::Closed { conn }
                if !self.is_of(conn) =>
            {
                self.stats.stray += 1;
            }
            Event::Connected { local, .. } => self.on_connected(now, local),
            Event::Refused { why, .. } => self.on_refused(now, Why::Refused(why)),
            Event::Bytes { conn, bytes } => self.on_bytes(now, conn, &bytes),
            Event::Sent { bytes, .. } => self.on_sent(now, bytes),
            Event::Closed { .. } if self.state == State::Connect => self.on_refused(now, Why::Closed),
            Event::Closed { .. } => self.end(now, Why::Closed, None),
        }
        self.tell(now);
    }

    fn wake(&mut self, now: Instant) {
        while let Some((at, timer)) = self.deadline()
            && at <= now
        {
            self.on_timer(now, timer);
        }
        self.tell(now);
    }

    fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, Timer)> {
        let running = self.timers.all().into_iter().map(|(at, timer)| at.map(|at| (at, timer)));
        running.fold(None, soonest)
    }
}

impl Peer {
    /// A session that nobody wants yet, with no routes, of a host that is not known to be healthy.
    ///
    /// # Panics
    /// When the neighbour is [impossible](Neighbor::check).
    #[must_use]
    pub fn new(neighbor: Neighbor, seed: u64) -> Self {
        let impossible = neighbor.check();
        assert!(impossible.is_empty(), "what is impossible about a neighbour is asked for before: {impossible:?}");
        Self {
            neighbor,
            rng: Rng::new(seed),
            state: State::Idle,
            started: false,
            conn: Conn(0),
            over: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            framer: Framer::default(),
            plain: false,
            agreed: None,
            established_at: None,
            timers: Timers::default(),
            damping: Damping::new(),
            book: Book::default(),
            unsent: 0,
            actions: VecDeque::new(),
            stats: Stats::default(),
            last_failure: None,
        }
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Counters.
    #[must_use]
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// Bytes that are ordered to be sent and not yet taken.
    #[must_use]
    pub const fn unsent(&self) -> usize {
        self.unsent
    }

    /// Whether something that is said of this connection still matters.
    fn is_of(&self, conn: Conn) -> bool {
        conn == self.conn && self.state != State::Idle
    }

    fn on_started(&mut self, now: Instant) {
        if !mem::replace(&mut self.started, true) {
            self.connect(now, Why::Started);
        }
    }

    fn on_stopped(&mut self, now: Instant, text: String) {
        if !mem::replace(&mut self.started, false) {
            return;
        }
        match self.state {
            State::Idle => self.timers = Timers::default(),
            State::Connect => self.end(now, Why::Stopped(text), None),
            State::OpenSent | State::OpenConfirm | State::Established => {
                // First the routes, then the session: who does not take the message for a reason to forget them has no other one.
                let was_healthy = self.book.is_healthy();
                self.book.set_health(false);
                self.tell(now);
                self.book.set_health(was_healthy);
                let answer = Notification::administrative_shutdown(&text);
                self.end(now, Why::Stopped(text), Some(answer));
            }
        }
        self.damping.forget();
    }

    fn connect(&mut self, now: Instant, why: Why) {
        self.conn = Conn(self.conn.0 + 1);
        self.stats.attempts += 1;
        self.timers = Timers::default();
        self.timers.connect_retry = Some(now + jittered(self.neighbor.connect_retry, &mut self.rng));
        self.actions.push_back(Action::Connect { conn: self.conn, to: self.neighbor.remote });
        self.enter(State::Connect, why);
    }

    fn on_connected(&mut self, now: Instant, local: IpAddr) {
        if self.state != State::Connect {
            // Said twice.
            self.stats.stray += 1;
            return;
        }
        self.timers = Timers::default();
        self.timers.hold = Some(now + OPEN_HOLD);
        self.over = local;
        self.framer = Framer::default();
        let open = open(&self.neighbor, local, self.plain);
        self.send(now, open.to_bytes());
        self.enter(State::OpenSent, Why::Connected);
    }

    /// The connection did not come to be.
    fn on_refused(&mut self, now: Instant, why: Why) {
        if self.state != State::Connect {
            self.stats.stray += 1;
            return;
        }
        self.stats.refused += 1;
        let pause = self.damping.after_refusal(self.neighbor.connect_retry, &mut self.rng);
        self.timers = Timers::default();
        self.timers.idle_hold = Some(now + pause);
        self.enter(State::Idle, why);
    }

    fn on_bytes(&mut self, now: Instant, conn: Conn, bytes: &[u8]) {
        if self.state == State::Connect {
            // Before it is connected nothing can have come.
            self.stats.stray += 1;
            return;
        }
        let mut framer = mem::take(&mut self.framer);
        let fed = framer.feed(bytes, |raw| {
            self.on_message(now, &raw);
            self.is_of(conn)
        });
        self.framer = framer;
        if let Err(answer) = fed {
            self.misbehaved(now, answer);
        }
    }

    fn on_message(&mut self, now: Instant, raw: &Raw<'_>) {
        self.stats.messages_in += 1;
        let message = match Message::read(raw) {
            Ok(message) => message,
            Err(answer) => return self.misbehaved(now, answer),
        };
        match (self.state, message) {
            (_, Message::Notification(notification)) => self.on_notification(now, notification),
            (State::OpenSent, Message::Open(theirs)) => self.on_open(now, &theirs),
            (State::OpenConfirm, Message::Keepalive) => self.on_confirmed(now),
            (State::Established, Message::Keepalive) => self.restart_hold(now),
            (State::Established, Message::Update) => {
                self.stats.updates_ignored += 1;
                self.restart_hold(now);
            }
            (State::Established, Message::RouteRefresh(family)) => {
                self.stats.refreshes += 1;
                family.into_iter().for_each(|family| self.book.repeat(family));
            }
            (state, _) => self.misbehaved(now, Notification::fsm_error(fsm_subcode(state))),
        }
    }

    fn on_open(&mut self, now: Instant, theirs: &Open) {
        if self.plain && !theirs.capabilities.is_empty() {
            // Who knows them cannot have refused ours for not knowing them. Without ours half of the routes may be missing.
            self.plain = false;
            return self.end(now, Why::NotPlain, Some(Notification::CONFIGURATION_CHANGE));
        }
        let agreed = match agree(&self.neighbor, self.over, theirs) {
            Ok(agreed) => agreed,
            Err((answer, why)) => {
                self.stats.misbehaved += 1;
                return self.end(now, why, Some(answer));
            }
        };
        self.send(now, keepalive());
        self.agreed = Some(agreed);
        self.restart_hold(now);
        self.restart_keepalive(now);
        self.enter(State::OpenConfirm, Why::Agreed);
    }

    fn on_confirmed(&mut self, now: Instant) {
        self.restart_hold(now);
        self.established_at = Some(now);
        self.last_failure = None;
        self.stats.established += 1;
        self.enter(State::Established, Why::Confirmed);
    }

    fn on_notification(&mut self, now: Instant, notification: Notification) {
        if notification.refuses_capabilities() {
            self.plain = !self.plain;
        }
        self.end(now, Why::Told(notification), None);
    }

    fn misbehaved(&mut self, now: Instant, answer: Notification) {
        self.stats.misbehaved += 1;
        self.end(now, Why::Misbehaved(answer.clone()), Some(answer));
    }

    fn on_sent(&mut self, now: Instant, bytes: usize) {
        self.unsent = self.unsent.saturating_sub(bytes);
        // What is left waits anew: the peer reads.
        self.timers.send_hold = (self.unsent > 0).then(|| now + self.send_hold());
    }

    fn on_timer(&mut self, now: Instant, timer: Timer) {
        match timer {
            Timer::IdleHold => self.connect(now, Why::Retry),
            Timer::ConnectRetry => {
                self.stats.refused += 1;
                self.actions.push_back(Action::Close { conn: self.conn });
                self.connect(now, Why::Unanswered);
            }
            Timer::Hold => self.end(now, Why::Silent, Some(Notification::HOLD_TIMER_EXPIRED)),
            Timer::Keepalive => {
                self.restart_keepalive(now);
                if self.unsent < MAX_UNSENT {
                    self.send(now, keepalive());
                } else {
                    self.stats.held_back += 1;
                }
            }
            // RFC 9687 4.1: a message could not leave either.
            Timer::SendHold => self.end(now, Why::Deaf, None),
        }
    }

    /// The end of a connection, and of the session if it stood.
    fn end(&mut self, now: Instant, why: Why, answer: Option<Notification>) {
        if let Some(answer) = answer {
            self.send(now, answer.to_bytes());
        }
        if !matches!(why, Why::Closed) {
            self.actions.push_back(Action::Close { conn: self.conn });
        }
        self.timers = Timers::default();
        let is_refusal = self.state == State::OpenSent && why == Why::Closed;
        let stood_since = self.established_at.take();
        if stood_since.is_some() {
            // It may know capabilities by the next time.
            self.plain = false;
        }
        if why.is_failure() {
            let pause = if is_refusal {
                self.stats.refused += 1;
                self.damping.after_refusal(self.neighbor.connect_retry, &mut self.rng)
            } else {
                self.stats.failures += 1;
                self.damping.after_failure(now, stood_since, &mut self.rng)
            };
            self.timers.idle_hold = Some(now + pause);
        }
        self.agreed = None;
        self.unsent = 0;
        self.book.forget();
        self.enter(State::Idle, why);
    }

    fn enter(&mut self, to: State, why: Why) {
        if why.is_failure() {
            self.last_failure = Some(why.clone());
        }
        let from = mem::replace(&mut self.state, to);
        self.actions.push_back(Action::StateChanged { from, to, why });
    }

    /// Sends the difference between what is wanted and what was told, as far as the peer reads.
    fn tell(&mut self, now: Instant) {
        if self.state != State::Established {
            return;
        }
        let Some(agreed) = self.agreed.clone() else { return };
        let (mut announced, mut withdrawn) = (0, 0);
        while self.unsent < MAX_UNSENT
            && let Some(piece) = self.book.next(&agreed)
        {
            let bytes = match piece {
                Piece::Announce { hop, attributes, prefixes } => {
                    announced += prefixes.len();
                    agreed.paths.announce(hop, &attributes, &prefixes)
                }
                Piece::Withdraw { hop, prefixes } => {
                    withdrawn += prefixes.len();
                    agreed.paths.withdraw(hop, &prefixes)
                }
            };
            self.send(now, bytes);
        }
        if announced + withdrawn > 0 {
            self.stats.announced += announced as u64;
            self.stats.withdrawn += withdrawn as u64;
            self.actions.push_back(Action::Told { announced, withdrawn });
        }
        for (prefix, why) in self.book.complaints(&agreed) {
            self.actions.push_back(Action::Untold { prefix, why });
        }
    }

    fn send(&mut self, now: Instant, bytes: Vec<u8>) {
        self.stats.messages_out += 1;
        self.unsent += bytes.len();
        let send_hold = self.send_hold();
        self.timers.send_hold.get_or_insert(now + send_hold);
        self.actions.push_back(Action::Send { conn: self.conn, bytes });
    }

    fn restart_hold(&mut self, now: Instant) {
        self.timers.hold = self.agreed.as_ref().and_then(|agreed| agreed.hold_time).map(|hold| now + hold);
    }

    fn restart_keepalive(&mut self, now: Instant) {
        let every = self.agreed.as_ref().and_then(Agreed::keepalive);
        self.timers.keepalive = every.map(|every| now + jittered(every, &mut self.rng));
    }

    /// RFC 9687 4.1: longer than the hold time.
    fn send_hold(&self) -> Duration {
        let hold = self.agreed.as_ref().and_then(|agreed| agreed.hold_time).unwrap_or_default();
        SEND_HOLD.max(hold * 2)
    }
}

/// RFC 6608.
const fn fsm_subcode(state: State) -> u8 {
    match state {
        State::Idle | State::Connect => 0,
        State::OpenSent => 1,
        State::OpenConfirm => 2,
        State::Established => 3,
    }
}

/// How long the peer's OPEN may take, before there is a hold time (RFC 4271 8.2.2: four minutes).
pub const OPEN_HOLD: Duration = Duration::from_secs(240);
/// How long the peer may leave everything unread (RFC 9687 4.1: eight minutes, or twice the hold time if that is more).
pub const SEND_HOLD: Duration = Duration::from_secs(480);
/// What may be on its way to a peer that does not read: many times what all routes of a host take. At the bound UPDATEs wait, as
/// a difference that takes no memory, and KEEPALIVEs are left out.
pub const MAX_UNSENT: usize = 64 * 1024;
/// Virtual addresses of one host: a handful. Behind the bound none is told, and [`Action::Untold`] says so.
pub const MAX_ROUTES: usize = 1024;
