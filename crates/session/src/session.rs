//! What happened to one client's session, and who deals with it?
//!
//! ```text
//!   client bytes ─> framed ─> owed ─> admitted ─> sent ─> answered ─> delivered
//!                               │                   │
//!                               └──── waits <───────┘ refused, or its connection is gone and a second time does no harm
//! ```
//!
//! The driver's side of the contract: hand in what happened ([`Session::handle`]) or that time passed ([`Session::wake`]);
//! then do what [`Session::poll`] says until it says nothing; send [`Session::to_server`] and [`Session::to_client`] as far as
//! the sockets take them and report it ([`Session::sent`], [`Session::delivered`]); read where [`Session::wants_client_bytes`]
//! and [`Session::wants_server_bytes`] allow it; be back at [`Session::deadline`].

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use machine::{Instant, soonest};
use resp::{Malformed, ReplyScanner, RequestScanner};
use view::View;

use crate::balance::Loads;
use crate::buffers::{Lent, Outgoing, Spare, Tally};
use crate::command::Kind;
use crate::event::{Action, Conn, Event, Timer, Why};
use crate::hold::{self, Hold};
use crate::kill::Killer;
use crate::owed::{Kept, MAX_OWED, State};
use crate::refusal::Regroup;
use crate::replies::Incoming;
use crate::restore::Remembered;
use crate::route::{Route, Way};
use crate::rules::{Role, Rules};
use crate::share::Share;
use crate::stats::Stats;
use crate::subscribe::Subscriptions;
use crate::tracking::Tracking;
use crate::transaction::Transaction;

/// What one client is owed. See the module for the driver's side of the contract.
#[derive(Debug)]
pub struct Session {
    /// The time of the last event: what the driver reports without one happened then.
    now: Instant,
    pub(crate) rules: Arc<Rules>,
    pub(crate) view: Arc<View>,
    pub(crate) kept: Kept,
    pub(crate) out: Outgoing,
    pub(crate) requests: Lent<RequestScanner>,
    pub(crate) replies: Lent<ReplyScanner>,
    pub(crate) incoming: Incoming,
    /// An error line that came in pieces.
    pub(crate) line: Vec<u8>,
    pub(crate) route: Route,
    pub(crate) hold: Hold,
    pub(crate) regroup: Option<Box<Regroup>>,
    pub(crate) transaction: Transaction,
    pub(crate) remembered: Remembered,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) tracking: Tracking,
    pub(crate) share: Share,
    pub(crate) killer: Option<Box<Killer>>,
    pub(crate) mode: Mode,
    /// What the client sent that is no request.
    pub(crate) malformed: Option<Malformed>,
    /// The client will send no more; until when it may still be answered.
    leaving: Option<Instant>,
    pub(crate) closing: Option<Closing>,
    /// The connection that it is rid of.
    pub(crate) to_close: Option<Discarded>,
    /// The connection under way is ordered, and not yet told.
    pub(crate) to_connect: bool,
    pub(crate) stats: Tally,
}

/// Whether requests are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Each is.
    Framed,
    /// The last owed one must be answered before it is known what the bytes after it are.
    Paused,
    /// No more: bytes pass both ways as they are.
    Pinned,
}

/// A server connection that the session does not want any more.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Discarded {
    /// It is closed.
    Spoilt(Conn),
    /// Nothing is left on it: it may be another's.
    Clean(Conn),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Closing {
    pub(crate) why: Why,
    /// Until when the client may take what it was owed.
    until: Instant,
    told: bool,
}

/// Bytes of replies that a slow client may leave with us. At the bound the server is not read: it feels back-pressure, as it
/// would from the client itself.
const MAX_OUT: usize = 256 * 1024;
/// Bytes read ahead of a pinned client while its server is slow.
const MAX_RAW: usize = 64 * 1024;
/// How long a client may take to read the last replies before its connection is closed.
const FLUSH: Duration = Duration::from_secs(5);

impl Session {
    /// A session whose client has just connected. `loads`: what all sessions of the listener on this worker know of its servers.
    #[must_use]
    pub fn new(rules: Arc<Rules>, view: Arc<View>, loads: Rc<Loads>) -> Self {
        Self {
            now: Instant::START,
            rules,
            view,
            kept: Kept::default(),
            out: Outgoing::default(),
            requests: Lent::default(),
            replies: Lent::default(),
            incoming: Incoming::Fresh,
            line: Vec::new(),
            route: Route::new(loads),
            hold: Hold::default(),
            regroup: None,
            transaction: Transaction::default(),
            remembered: Remembered::default(),
            subscriptions: Subscriptions::default(),
            tracking: Tracking::default(),
            share: Share::default(),
            killer: None,
            mode: Mode::Framed,
            malformed: None,
            leaving: None,
            closing: None,
            to_close: None,
            to_connect: false,
            stats: Tally::default(),
        }
    }

    /// What happened.
    pub fn handle(&mut self, now: Instant, event: Event<'_>) {
        self.now = now;
        if self.closing.is_some() {
            return;
        }
        match event {
            Event::ClientBytes(bytes) => self.on_client_bytes(bytes),
            Event::ClientRead { len } => self.on_client_read(len),
            Event::ClientClosed => self.on_client_closed(now),
            Event::ServerConnected { conn } => self.on_server_connected(conn),
            Event::ServerReady { conn } => self.on_server_ready(conn),
            Event::ServerBusy { conn, line } => self.on_server_busy(now, conn, line),
            Event::ServerRefused { conn } => self.on_server_refused(now, conn),
            Event::ServerMisbehaved { conn } => {
                self.stats.misbehaved += 1;
                self.on_server_closed(now, conn);
            }
            Event::ServerUnsent { conn, bytes } => self.on_server_unsent(conn, bytes),
            Event::ServerFailed { conn } => self.on_server_failed(now, conn),
            Event::ServerBytes { conn, bytes } => self.on_server_bytes(now, conn, bytes),
            Event::ServerClosed { conn } => self.on_server_closed(now, conn),
            Event::ServerKilled { conn } => self.on_server_killed(now, conn),
            Event::SentElsewhere { conn } => self.on_sent_elsewhere(now, conn),
            Event::View(view) => self.on_view(now, view),
        }
        self.settle(now);
        self.note_kills();
    }

    /// Time passed; harmless if nothing is due.
    pub fn wake(&mut self, now: Instant) {
        self.now = now;
        while let Some((at, timer)) = self.deadline()
            && at <= now
        {
            match timer {
                Timer::Connect => self.on_connect_timeout(now),
                Timer::Retry => self.route.retry_at = None,
                Timer::Hold => self.on_hold_expired(now),
                // The last words were not said: the fate of what was asked decides.
                Timer::Farewell => self.lose_link(now, true),
                Timer::Flush => self.out.take(self.out.len()),
                Timer::Leave => self.close(now, Why::ClientLeft),
            }
            self.settle(now);
            self.note_kills();
        }
    }

    /// What to do, in order, until `None`.
    pub fn poll(&mut self) -> Option<Action> {
        if let Some(action) = self.poll_kills() {
            return Some(action);
        }
        match self.to_close.take() {
            Some(Discarded::Spoilt(conn)) => return Some(Action::CloseServer { conn }),
            Some(Discarded::Clean(conn)) => return Some(Action::Release { conn }),
            None => {}
        }
        if core::mem::take(&mut self.to_connect)
            && let Some((conn, addr)) = self.route.connecting()
        {
            return Some(match self.route.way() {
                Way::Own => Action::Connect { conn, addr },
                Way::Shared => Action::Share { conn, addr },
            });
        }
        let flushed = self.out.is_empty();
        match &mut self.closing {
            Some(Closing { why, told, .. }) if flushed && !*told => {
                *told = true;
                Some(Action::CloseClient { why: *why })
            }
            _ => None,
        }
    }

    /// When to wake me if nothing happens, and what for. Nothing in steady state.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        if let Some(Closing { until, .. }) = self.closing {
            return (!self.out.is_empty()).then_some((until, Timer::Flush));
        }
        let with = |timer| move |at| (at, timer);
        let mut first = self.route.connect_deadline().map(with(Timer::Connect));
        first = soonest(first, self.route.retry_at.map(with(Timer::Retry)));
        first = soonest(first, self.hold.deadline(&self.rules).map(with(Timer::Hold)));
        first = soonest(first, self.route.farewell.map(with(Timer::Farewell)));
        soonest(first, self.leaving.map(with(Timer::Leave)))
    }

    /// Bytes for the server, as far as they may go out.
    #[must_use]
    pub fn to_server(&self) -> &[u8] {
        if let Some(words) = self.route.restoring() {
            words.unsent()
        } else if !self.route.is_open() {
            &[]
        } else if self.mode == Mode::Pinned {
            self.kept.raw()
        } else {
            self.kept.unsent()
        }
    }

    /// The first `n` bytes of [`Self::to_server`] were given to the kernel.
    pub fn sent(&mut self, n: usize) {
        if let Some(words) = self.route.restoring_mut() {
            words.sent(n);
        } else if self.mode == Mode::Pinned {
            self.kept.raw_sent(n);
        } else {
            if self.kept.is_unsent() {
                self.route.on_asked(self.now);
            }
            self.kept.sent(n);
        }
    }

    /// Bytes for the client.
    #[must_use]
    pub fn to_client(&self) -> &[u8] {
        self.out.as_slice()
    }

    /// The first `n` bytes of [`Self::to_client`] were given to the kernel. There may be something to [`Self::poll`].
    pub fn delivered(&mut self, n: usize) {
        self.out.take(n);
        self.stats.bytes_out += n as u64;
        if self.is_held_back_by_its_client() {
            self.settle(self.now);
            self.note_kills();
        }
    }

    /// Whether the client may be read: not while as much of it is kept as may be.
    #[must_use]
    pub fn wants_client_bytes(&self) -> bool {
        if self.closing.is_some() || self.leaving.is_some() || self.out.len() >= MAX_OUT {
            return false;
        }
        match self.mode {
            Mode::Pinned => self.kept.len() < MAX_RAW,
            // What comes after a request that changes everything is looked at later, but must be seen to end.
            Mode::Paused => self.kept.len() < self.may_keep().min(MAX_RAW),
            // One request may be larger than the bound, as long as it is on its way to somewhere.
            Mode::Framed => {
                // Of one that streams, a line that tells how long something is may be under way: the scanner bounds it.
                let line = if self.kept.is_open_ended() { self.kept.unframed().len() } else { 0 };
                self.kept.owed() < MAX_OWED
                    && (self.kept.len() - line < self.may_keep()
                        || (self.kept.owed() == 0 && self.route.target(&self.rules, &self.view).is_some()))
            }
        }
    }

    /// Whether the server may be read: not while the client is too slow to take its replies.
    #[must_use]
    pub fn wants_server_bytes(&self) -> bool {
        self.closing.is_none() && self.out.len() < MAX_OUT
    }

    /// Lends empty buffers to a session that has none, before it is handed bytes.
    pub fn lend(&mut self, spare: &mut Spare) {
        self.kept.lend(spare);
        spare.lend_bytes(self.out.buffer());
        spare.lend_scanners(&mut self.requests, &mut self.replies);
        spare.lend_tally(&mut self.stats);
    }

    /// Takes back the buffers that are empty, at the end of a turn.
    pub fn reclaim(&mut self, spare: &mut Spare) {
        self.kept.reclaim(spare);
        if self.out.is_empty() {
            spare.reclaim_bytes(self.out.buffer());
        }
        // The beginning of a large request is gone already, its end has not come.
        if self.kept.len() == 0 && !self.requests.present().is_some_and(RequestScanner::is_inside) {
            spare.reclaim_requests(&mut self.requests);
        }
        if self.incoming == Incoming::Fresh && !self.replies.present().is_some_and(ReplyScanner::is_inside) {
            spare.reclaim_replies(&mut self.replies);
        }
        spare.reclaim_tally(&mut self.stats);
    }

    /// What it has done since the counters were last taken.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Takes the counters and begins at zero. Before [`Self::reclaim`], their memory is of use to others then.
    pub fn take_stats(&mut self) -> Stats {
        core::mem::take(&mut *self.stats)
    }

    /// All that a new connection of its own must be told, as requests: who has said the same may have one that it releases.
    #[must_use]
    pub fn words(&self) -> Vec<u8> {
        self.remembered.words()
    }

    /// What a shared connection must be told, as requests: clients of which this is the same may have one together.
    #[must_use]
    pub fn identity(&self) -> Vec<u8> {
        self.remembered.identity()
    }

    /// How many requests [`Self::to_server`] holds. Of use for a shared connection, which takes whole ones.
    #[must_use]
    pub const fn unsent_requests(&self) -> usize {
        self.kept.admitted() - self.kept.in_flight()
    }

    pub(crate) const fn is_pinned(&self) -> bool {
        matches!(self.mode, Mode::Pinned)
    }

    pub(crate) const fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    pub(crate) fn role(&self) -> Role {
        self.rules.role
    }

    // What the client does.

    fn on_client_closed(&mut self, now: Instant) {
        let endless = self.listens()
            || self.mode == Mode::Pinned
            || self.kept.is_open_ended()
            || self.kept.iter().any(|o| o.command.blocks);
        if endless {
            // A BLPOP for a client that is gone would swallow an element that nobody gets.
            self.close(now, Why::ClientLeft);
        } else {
            self.leaving = Some(now + self.rules.hold);
        }
    }

    // What the view and time do.

    fn on_view(&mut self, now: Instant, view: Arc<View>) {
        let concerns = self.rules.concerns(&self.view, &view);
        self.view = view;
        if !concerns {
            return;
        }
        self.route.on_view();
        let target = self.route.target(&self.rules, &self.view);
        // No target: stay, an answer may still come.
        if target.is_some() && !self.route.is_absent() && target != self.route.addr() {
            self.leave(now);
        } else {
            self.route.farewell = None;
        }
    }

    fn on_hold_expired(&mut self, now: Instant) {
        self.hold.on_expired();
        let expired = self.kept.expire();
        if self.route.restoring().is_some() {
            // It accepted, and does not answer what it is told first: another connection may be luckier.
            self.on_restore_postponed(now);
        }
        self.stats.held += expired as u64;
        self.stats.expired += expired as u64;
        if self.kept.owed() == 0 {
            // Part of a request that is too large to wait.
            self.close(now, Why::HoldExpired);
        }
    }

    /// The connection to the client ends, after it has taken what it was owed.
    pub(crate) fn close(&mut self, now: Instant, why: Why) {
        if self.closing.is_none() {
            if matches!(why, Why::ClientLeft | Why::Quit) {
                self.leave_connection();
            }
            self.drop_link();
            self.closing = Some(Closing { why, until: now + FLUSH, told: false });
        }
    }

    // What follows, whatever happened.

    /// Brings everything forward that can go forward: own answers, admissions, connections, waits.
    fn settle(&mut self, now: Instant) {
        let mut usable;
        loop {
            if self.closing.is_some() {
                return;
            }
            self.end_farewell(now);
            self.change_way();
            let target = self.route.target(&self.rules, &self.view);
            usable = self.route.is_usable(target) && self.regroup.is_none();
            // Not in the middle of a message: its end is under way, or that of the connection.
            let may_speak = !self.kept.any_admitted() && self.incoming != Incoming::Push;
            if may_speak && self.answer_front(now, usable) {
                // Room for more: what came after it may be told apart.
                self.frame();
                continue;
            }
            let was_owed = self.kept.is_owed();
            if self.mode == Mode::Framed {
                self.frame();
            }
            // What is told apart only now may need another connection than the one that there is.
            if was_owed || !self.kept.is_owed() {
                break;
            }
        }
        if usable {
            self.admit();
        }
        let needs = self.needs_server();
        if needs {
            self.connect(now);
        }
        if needs && !usable {
            let target = self.route.target(&self.rules, &self.view);
            self.hold.wait(now, target.is_none() || self.route.retry_at.is_some());
        } else {
            self.hold.go(now);
        }
        if self.kept.owed() == 0 && self.leaving.is_some() {
            self.close(now, Why::ClientLeft);
        }
    }

    /// Whether something waits that only a server can answer.
    fn needs_server(&self) -> bool {
        match self.mode {
            Mode::Pinned => false,
            _ => match self.kept.first_waiting() {
                Some(owed) => matches!(owed.state, State::Owed | State::Refused) && owed.command.kind != Kind::Quit,
                None if self.kept.owed() == 0 && self.kept.len() >= self.may_keep() => true,
                // Who listens misses something as long as there is no connection.
                None => self.listens() && !self.route.is_open(),
            },
        }
    }

    fn admit(&mut self) {
        let mut admitted = 0;
        while let Some(next) = self.kept.first_waiting().copied()
            && matches!(next.state, State::Owed | State::Refused)
            && !matches!(next.command.kind, Kind::Pin | Kind::Quit)
            && !self.transaction.owns(next.command.kind)
            && self.is_of_the_same_sort(&next)
            && self.may_go_along(&next)
        {
            self.share.on_admitted(next.command);
            if next.command.kind == Kind::Kill {
                self.on_kill_admitted();
            }
            self.kept.admit();
            admitted += 1;
        }
        if self.hold.is_holding() {
            self.stats.held += admitted;
        }
    }

    /// Answers the oldest request if it is the session that must, or gives up telling requests apart. True if something
    /// was done.
    fn answer_front(&mut self, now: Instant, usable: bool) -> bool {
        let Some(front) = self.kept.front().copied() else { return false };
        let kind = front.command.kind;
        match front.state {
            // Its end has to come first.
            _ if self.kept.is_open_ended() => return false,
            State::Malformed => {
                if let Some(malformed) = &self.malformed {
                    malformed.reply(self.out.tail());
                }
                self.pop_own();
                self.close(now, Why::Malformed);
            }
            // Before all that a transaction says: it may be the MULTI of one that was perhaps executed.
            State::Unknown => self.answer_unknown(now, kind),
            // First of all: a cut transaction is played to its end even if there is no server to be had.
            _ if self.transaction.owns(kind) => {
                let own = self.transaction.answer(kind);
                self.out.extend(own.text(self.remembered.resp3));
                self.pop_own();
            }
            State::Spent => self.answer_spent(now),
            State::Expired => {
                let text = hold::expired(&self.rules, &self.view);
                self.answer_with_error(now, text.as_bytes());
            }
            State::RefusalExpired => {
                let text: Box<[u8]> = self.kept.heard().expect("who was refused has heard why").into();
                self.stats.refusals_passed += 1;
                self.answer_with_error(now, &text);
            }
            _ if kind == Kind::Quit => {
                self.out.extend(b"+OK\r\n");
                self.pop_own();
                self.close(now, Why::Quit);
            }
            _ if usable && (kind == Kind::Pin || (kind.is_subscription() && self.must_pass_raw(&front))) => {
                self.kept.release_retained();
                self.kept.turn_raw();
                self.mode = Mode::Pinned;
                return false;
            }
            _ => return false,
        }
        true
    }

    pub(crate) fn answer_with_error(&mut self, now: Instant, text: &[u8]) {
        let Some(front) = self.kept.front() else { return };
        let kind = front.command.kind;
        if self.transaction.is_open() {
            // The server still has it open, and would take what follows for part of it.
            self.drop_link();
            self.transaction.on_own_error(kind);
            self.kept.release_retained();
            self.forget_connection(now);
            if self.closing.is_some() {
                return;
            }
        }
        self.out.extend(text);
        self.pop_own();
    }

    pub(crate) fn pop_own(&mut self) {
        // Who goes or says nonsense within a transaction leaves it behind.
        self.kept.release_retained();
        let owed = self.kept.pop(false);
        self.stats.own_replies += 1;
        if matches!(owed.command.kind, Kind::Pin) && self.mode == Mode::Paused {
            self.mode = Mode::Framed;
        }
    }
}
