//! Many clients on one connection: whose is the next reply?
//!
//! ```text
//!   session ──┐                                ┌─> session
//!   session ──┼─> [ out ]  ══ connection ══>   ├─> session     replies come in the order of requests,
//!   session ──┘   [ turns: whose, how many ]   └─> session     so the turns say whose they are
//! ```
//!
//! A lane is for clients that are the same to the server ([`Session::identity`](crate::Session::identity)) and need nothing of the
//! connection but answers. It writes once for all of them, and while it awaits many answers it lets further requests gather: the
//! server then reads, works and answers in larger pieces, which is most of what sharing gains.
//!
//! The driver's side of the contract: make the connection and say [`Lane::on_connected`]; give a session's requests to
//! [`Lane::push`]; send [`Lane::to_server`] and say [`Lane::sent`]; hand what comes in to [`Lane::take`] until it is used up; when
//! the connection ends, tell each what [`Lane::ended`] says, and then that it ended.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use machine::Instant;
use resp::{Kind, ReplyScanner, Request, RequestScanner};
use slab::Slab;

use crate::buffers::Outgoing;
use crate::event::Conn;
use crate::refusal::{MAX_FULL, Opening, opening};

/// A connection that many sessions use. `C` is what the driver knows a session by.
#[derive(Debug)]
pub struct Lane<C> {
    state: State,
    seats: Slab<Seat<C>>,
    /// Whose answers are to come, in order.
    turns: VecDeque<Turn>,
    out: Outgoing,
    replies: ReplyScanner,
    /// A message that answers nobody is under way.
    in_push: bool,
    /// Requests taken over, given to the kernel, answered: each counts from the beginning.
    taken: u64,
    flushed: u64,
    answered: u64,
    /// Since when the next answer is awaited, as of the driver's last [`Self::note`], and whether anything came since.
    awaited_since: Option<Instant>,
    is_moved: bool,
    /// The server has said something that is no beginning of what one says that has no room.
    is_heard: bool,
    /// What is.
    first: Vec<u8>,
    /// The server has no room for one more client: it does nothing of what went out.
    is_turned_away: bool,
    /// Some of what is not flushed went out.
    is_partly_sent: bool,
    /// Since when nobody has a seat.
    empty_since: Option<Instant>,
    /// One of its clients reads slowly, or the server holds one back: whoever can goes elsewhere.
    is_retired: bool,
    jam: Option<Jam<C>>,
    /// How much longer its clients may wait for those among them who do not read, all of these together.
    patience: Duration,
}

#[derive(Debug)]
enum State {
    /// With what it must be told first.
    Connecting {
        words: Box<[u8]>,
        until: Instant,
    },
    /// So many answers to that are to come.
    Telling {
        answers: usize,
        until: Instant,
    },
    Open,
}

/// One session's part.
#[derive(Debug)]
struct Seat<C> {
    /// What the driver knows the session by. `None`: it left, and answers to it are still to come.
    who: Option<(C, Conn)>,
    /// Answers to come.
    awaited: u32,
    /// It has something to say, and there was no room.
    waits: bool,
}

/// Nothing is read for the sake of one client.
#[derive(Clone, Copy, Debug)]
struct Jam<C> {
    client: C,
    since: Instant,
    until: Instant,
}

#[derive(Debug)]
struct Turn {
    seat: u32,
    /// Answers to come.
    requests: u32,
    /// Bytes that were taken over, also of those that are answered.
    bytes: usize,
}

/// Whose the beginning of some bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken<C> {
    /// A session's.
    For {
        /// What the driver knows the session by.
        client: C,
        /// The name of its part.
        conn: Conn,
        /// How many bytes.
        len: usize,
    },
    /// Of somebody who left, or nobody's.
    Nobody {
        /// How many bytes.
        len: usize,
    },
    /// They were the last answer to what it was told: now requests may go out. All members are to hear of it.
    Ready {
        /// How many bytes.
        len: usize,
    },
    /// The server does not take its clients for what they are. All members are to hear of it; the connection is of no use.
    Refused,
    /// A script runs on the server, and it takes nobody for what it is. All members are to hear of it, and of these words.
    Busy {
        /// How many bytes.
        len: usize,
    },
    /// The server is not ready for anybody, or has no room for one more. For its members it is as if the connection could not be made.
    NotYet,
}

/// The server sent what is no reply, or a reply to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misbehaved;

/// Bytes that wait to be sent. At the bound no session may push: the server does not read, and each session keeps its own.
const MAX_OUT: usize = 256 * 1024;
/// With so many answers awaited, requests gather until these are in ...
const BUSY: u64 = 4;
/// ... or until they are so many bytes: more would not make the server's work less.
const GATHERED: usize = 16 * 1024;
/// A client with so much to read is slow: the lane is its, as far as that is possible.
const SLOW: usize = 256 * 1024;
/// With so much to read of one client, nothing more is read from the server ...
const MAX_UNREAD: usize = 1024 * 1024;
/// ... until it has read some. If others wait behind it, they do so for this long, whoever they wait for: then it is closed.
const PATIENCE: Duration = Duration::from_secs(3);
/// A client that reads may have been overtaken by events for so long.
const LEAST: Duration = Duration::from_millis(50);
/// With no answer for so long, a server holds back the oldest request: a usual one takes microseconds. No shorter, so that a server
/// that is slow for all is not asked everything twice.
const OVERDUE: Duration = Duration::from_millis(250);
/// How long the server may take to answer what the lane is told first, beyond the time for the connection. One that is merely busy
/// must not be asked anew by everybody all the time; one that is silent for so long is no master any more by the default of
/// `down-after`.
const ANSWERED: Duration = Duration::from_secs(5);
/// How long a lane stays that nobody uses: a failover or a pause of a busy client is shorter.
const EMPTY: Duration = Duration::from_secs(30);

impl<C: Copy + PartialEq> Lane<C> {
    /// A lane whose connection is being made. `words`: what it must be told first, as requests ([`Session::identity`](crate::Session::identity)).
    #[must_use]
    pub fn new(now: Instant, words: Box<[u8]>, connect_timeout: Duration) -> Self {
        Self {
            state: State::Connecting { words, until: now + connect_timeout },
            seats: Slab::new(),
            turns: VecDeque::new(),
            out: Outgoing::default(),
            replies: ReplyScanner::default(),
            in_push: false,
            taken: 0,
            flushed: 0,
            answered: 0,
            awaited_since: None,
            is_moved: false,
            is_heard: false,
            first: Vec::new(),
            is_turned_away: false,
            is_partly_sent: false,
            empty_since: Some(now),
            is_retired: false,
            jam: None,
            patience: PATIENCE,
        }
    }

    /// The connection is made. True if it is of use at once: all members are to hear of it.
    pub fn on_connected(&mut self) -> bool {
        let State::Connecting { words, until } = &mut self.state else { return false };
        let (words, until) = (core::mem::take(words), *until + ANSWERED);
        let answers = count(&words);
        self.out.extend(&words);
        // Who accepts and then says nothing is as good as one who does not accept: another connection may be luckier.
        self.state = if answers == 0 { State::Open } else { State::Telling { answers, until } };
        answers == 0
    }

    /// Whether requests may go out.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// A seat for a session that the driver knows by `client`, and its part by `conn`.
    pub fn join(&mut self, client: C, conn: Conn) -> usize {
        self.empty_since = None;
        self.seats.insert(Seat { who: Some((client, conn)), awaited: 0, waits: false })
    }

    /// The session is not interested any more. Answers to it that are to come are nobody's.
    pub fn leave(&mut self, now: Instant, seat: usize) {
        let Some(left) = self.seats.get_mut(seat) else { return };
        let who = left.who.take();
        if left.awaited == 0 {
            self.remove(seat);
        }
        self.jam.take_if(|jam| who.is_some_and(|(client, _)| client == jam.client));
        self.note_empty(now);
    }

    fn note_empty(&mut self, now: Instant) {
        if self.members().next().is_none() {
            self.empty_since = Some(now);
        }
    }

    fn remove(&mut self, seat: usize) {
        self.seats.remove(seat);
    }

    /// Everyone with a seat.
    pub fn members(&self) -> impl Iterator<Item = (C, Conn)> {
        self.seats.iter().filter_map(|(_, seat)| seat.who)
    }

    /// How many bytes there is room for. A session with more to say is told when there is ([`Self::next_waiting`]).
    #[must_use]
    pub const fn room(&self) -> usize {
        MAX_OUT.saturating_sub(self.out.len())
    }

    /// Whole requests of a session. False, and nothing is taken, if there is no room; one that is larger than all the room
    /// passes if nothing else waits.
    pub fn push(&mut self, seat: usize, bytes: &[u8], requests: usize) -> bool {
        let fits = self.is_open() && (bytes.len() <= self.room() || self.out.is_empty());
        let Some(taken) = self.seats.get_mut(seat) else { return false };
        taken.waits = !fits;
        let (Ok(number), Ok(index)) = (u32::try_from(requests), u32::try_from(seat)) else { return false };
        if !fits || number == 0 {
            return false;
        }
        taken.awaited += number;
        self.taken += u64::from(number);
        self.out.extend(bytes);
        match self.turns.back_mut() {
            Some(last) if last.seat == index => {
                last.requests += number;
                last.bytes += bytes.len();
            }
            _ => self.turns.push_back(Turn { seat: index, requests: number, bytes: bytes.len() }),
        }
        true
    }

    /// One of those that had something to say when there was no room, now that there is some.
    pub fn next_waiting(&mut self) -> Option<(C, usize)> {
        if !self.is_open() || self.room() < MAX_OUT / 2 {
            return None;
        }
        let (index, seat) = self.seats.iter_mut().find(|(_, seat)| seat.waits)?;
        seat.waits = false;
        seat.who.map(|(client, _)| (client, index))
    }

    /// Bytes for the server, as far as they should go out now.
    #[must_use]
    pub fn to_server(&self) -> &[u8] {
        if self.gathers() { &[] } else { self.out.as_slice() }
    }

    /// Whether requests wait for company.
    fn gathers(&self) -> bool {
        let awaited = self.flushed.saturating_sub(self.answered);
        awaited >= BUSY && !self.is_partly_sent && self.out.len() < GATHERED
    }

    /// The first `n` bytes of [`Self::to_server`] were given to the kernel.
    pub fn sent(&mut self, n: usize) {
        self.out.take(n);
        self.is_partly_sent = !self.out.is_empty();
        if !self.is_partly_sent {
            self.flushed = self.taken;
        }
    }

    /// Looks at what the server sent: whose is the beginning of it? At least one byte is taken.
    ///
    /// # Errors
    /// What came is no reply, or answers nothing: the connection is of no use any more.
    pub fn take(&mut self, bytes: &[u8]) -> Result<Taken<C>, Misbehaved> {
        let opening = if self.is_heard { Opening::Other } else { self.on_first(bytes) };
        match opening {
            Opening::TurnedAway => {
                self.is_turned_away = true;
                return Ok(Taken::NotYet);
            }
            // Said before anything was asked: nobody's.
            Opening::Unclear if self.turns.is_empty() => return Ok(Taken::Nobody { len: bytes.len() }),
            Opening::Unclear | Opening::Other => {}
        }
        if let State::Telling { answers, until } = self.state {
            return self.take_answer(answers, until, bytes);
        }
        self.is_moved = true;
        let (mut len, mut turn) = (0, 0);
        while len < bytes.len() {
            if !self.in_push && self.replies.kind().is_none() && bytes[len] == b'>' {
                if len > 0 {
                    break;
                }
                self.in_push = true;
            }
            let progress = self.replies.feed(&bytes[len..]).map_err(|_| Misbehaved)?;
            if self.in_push {
                self.in_push = progress.ended.is_none();
                return Ok(Taken::Nobody { len: progress.consumed });
            }
            if self.answered >= self.flushed && !self.is_partly_sent {
                return Err(Misbehaved);
            }
            let front = self.turns.front_mut().ok_or(Misbehaved)?;
            turn = front.seat;
            len += progress.consumed;
            if progress.ended.is_some() {
                self.answered += 1;
                front.requests -= 1;
                self.seats[turn as usize].awaited -= 1;
                if front.requests == 0 {
                    self.turns.pop_front();
                    break;
                }
            }
        }
        Ok(self.belongs(turn as usize, len))
    }

    fn belongs(&mut self, seat: usize, len: usize) -> Taken<C> {
        match self.seats[seat].who {
            Some((client, conn)) => Taken::For { client, conn, len },
            None => {
                if self.seats[seat].awaited == 0 {
                    self.remove(seat);
                }
                Taken::Nobody { len }
            }
        }
    }

    /// The first that comes, or more of that. Whose answer it would be keeps the line until it has ended.
    fn on_first(&mut self, bytes: &[u8]) -> Opening {
        self.first.extend_from_slice(&bytes[..bytes.len().min(MAX_FULL)]);
        let opening = opening(&self.first);
        if opening == Opening::Other {
            self.is_heard = true;
            self.first = Vec::new();
        }
        opening
    }

    /// An answer to what the lane was told first.
    fn take_answer(&mut self, answers: usize, until: Instant, bytes: &[u8]) -> Result<Taken<C>, Misbehaved> {
        let progress = self.replies.feed(bytes).map_err(|_| Misbehaved)?;
        let len = progress.consumed;
        Ok(match progress.ended {
            None => Taken::Nobody { len },
            Some(reply) if reply.kind == Kind::Push => Taken::Nobody { len },
            Some(reply) if reply.kind.is_error() => match reply.error_code() {
                Some(b"LOADING" | b"MASTERDOWN" | b"READONLY") => Taken::NotYet,
                Some(b"BUSY") => Taken::Busy { len },
                _ => Taken::Refused,
            },
            Some(_) if answers == 1 => {
                self.state = State::Open;
                Taken::Ready { len }
            }
            Some(_) => {
                self.state = State::Telling { answers: answers - 1, until };
                Taken::Nobody { len }
            }
        })
    }

    /// Everyone with a seat, and how many of the bytes that they gave last did not go out: of use when the connection has ended.
    #[must_use]
    pub fn ended(&self) -> Vec<(C, Conn, usize)> {
        let mut unsent = BTreeMap::<u32, usize>::new();
        let mut left = if self.is_turned_away { usize::MAX } else { self.out.len() };
        for turn in self.turns.iter().rev() {
            let here = turn.bytes.min(left);
            left -= here;
            *unsent.entry(turn.seat).or_default() += here;
        }
        let told = |(seat, (client, conn))| {
            let bytes = u32::try_from(seat).ok().and_then(|seat| unsent.get(&seat)).copied();
            (client, conn, bytes.unwrap_or_default())
        };
        self.seats.iter().filter_map(|(index, seat)| seat.who.map(|who| (index, who))).map(told).collect()
    }

    /// A client of the lane has so many bytes to read. One that reads slowly must not hold up the others: it keeps the lane to itself
    /// as far as that is possible, and the others go elsewhere. True if they should begin to: they are to be told that it ended
    /// ([`Self::idle`]), and it is not to be found any more.
    pub fn on_unread(&mut self, now: Instant, client: C, bytes: usize) -> bool {
        if bytes > MAX_UNREAD && self.jam.is_none() {
            self.jam = Some(Jam { client, since: now, until: now + self.patience.max(LEAST) });
        }
        bytes > SLOW && !core::mem::replace(&mut self.is_retired, true)
    }

    /// Whether clients should go elsewhere.
    #[must_use]
    pub const fn is_retired(&self) -> bool {
        self.is_retired
    }

    /// Takes everyone out who is owed nothing.
    pub fn idle(&mut self, now: Instant) -> Vec<(C, Conn)> {
        let idle: Vec<usize> =
            self.seats.iter().filter(|(_, seat)| seat.awaited == 0).map(|(index, _)| index).collect();
        let idle: Vec<_> = idle.into_iter().filter_map(|index| self.seats.remove(index).who).collect();
        self.jam.take_if(|jam| idle.iter().any(|(client, _)| *client == jam.client));
        self.note_empty(now);
        idle
    }

    /// Looks at the time, after each turn in which anything was read or sent.
    pub fn note(&mut self, now: Instant) {
        let is_awaited = self.flushed > self.answered;
        if core::mem::take(&mut self.is_moved) || !is_awaited || self.awaited_since.is_none() {
            self.awaited_since = is_awaited.then_some(now);
        }
    }

    /// When to ask [`Self::give_way`], if no answer comes. Of one that is not read for the sake of a client, never: it is left anyway.
    #[must_use]
    pub fn overdue(&self) -> Option<Instant> {
        let since = self.awaited_since.filter(|_| self.is_open() && !self.is_retired)?;
        Some(since + OVERDUE)
    }

    /// A server may hold back a request for as long as it likes, and with it its connection (CLIENT PAUSE WRITE). Those who can ask
    /// again leave for another one: they are to be told that it ended. Not if the oldest request is of one of these: then the
    /// server answers nobody, and would only have more to do.
    pub fn give_way(&mut self, now: Instant, may_ask_again: impl Fn(C) -> bool) -> Vec<(C, Conn)> {
        if self.overdue().is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.awaited_since = Some(now);
        let may_leave = |seat: &Seat<C>| seat.who.is_some_and(|(client, _)| may_ask_again(client));
        if self.turns.front().and_then(|turn| self.seats.get(turn.seat as usize)).is_some_and(may_leave) {
            return Vec::new();
        }
        self.is_retired = true;
        let leaving: Vec<usize> =
            self.seats.iter().filter(|(_, seat)| may_leave(seat)).map(|(index, _)| index).collect();
        let told = leaving.iter().filter_map(|seat| self.seats[*seat].who).collect();
        leaving.into_iter().for_each(|seat| self.leave(now, seat));
        told
    }

    /// Whether this seat is owed nothing.
    #[must_use]
    pub fn is_idle(&self, seat: usize) -> bool {
        self.seats.get(seat).is_none_or(|seat| seat.awaited == 0)
    }

    /// What the session of this seat knows it by.
    #[must_use]
    pub fn name_of(&self, seat: usize) -> Option<Conn> {
        self.seats.get(seat)?.who.map(|(_, conn)| conn)
    }

    /// For whose sake nothing is read.
    #[must_use]
    pub fn jammed_by(&self) -> Option<C> {
        self.jam.map(|jam| jam.client)
    }

    /// If that client was waited for in vain, and anybody waits behind it: who it is, to be closed.
    pub fn give_up(&mut self, now: Instant) -> Option<C> {
        let jam = self.jam.as_mut().filter(|jam| jam.until <= now)?;
        let is_other = |seat: &Seat<C>| seat.awaited > 0 && seat.who.is_some_and(|(client, _)| client != jam.client);
        if !self.seats.iter().any(|(_, seat)| is_other(seat)) {
            jam.since = now;
            jam.until = now + PATIENCE;
            return None;
        }
        self.end_jam(now)
    }

    /// Looks after that client, which has so many bytes left to read or is gone. True if the lane may be read again.
    pub fn on_progress(&mut self, now: Instant, bytes: usize) -> bool {
        if bytes <= MAX_UNREAD / 2 {
            self.end_jam(now);
        }
        self.jam.is_none()
    }

    fn end_jam(&mut self, now: Instant) -> Option<C> {
        let jam = self.jam.take()?;
        self.patience = self.patience.saturating_sub(now - jam.since);
        Some(jam.client)
    }

    /// When to end it if nothing happens: the connection was not made, the server does not answer what it was told first, or nobody
    /// uses it.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Connecting { until, .. } | State::Telling { until, .. } => Some(*until),
            _ if self.jam.is_some() => self.jam.map(|jam| jam.until),
            // Nobody will come.
            _ if self.is_retired => self.empty_since,
            _ => self.empty_since.map(|since| since + EMPTY),
        }
    }
}

fn count(requests: &[u8]) -> usize {
    let mut at = 0;
    let mut n = 0;
    let mut scanner = RequestScanner::default();
    while let Ok(Some(Request::Command(command))) = scanner.next(&requests[at..]) {
        at += command.len();
        n += 1;
    }
    n
}
