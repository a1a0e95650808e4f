//! What must somebody do before the session begins?
//!
//! ```text
//!   accepted ──> says for whom it comes ──> is let in ──> shakes hands ──> says something ──> a client
//!                (PROXY protocol)           (the gate)    (TLS)            (if it has to)
//! ```
//!
//! Each step is only there where the listener asks for it; who has nothing to do is a client at once. Whoever takes too long goes.

use std::fmt::Display;
use std::io;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use machine::Instant;
use session::Event;
use tracing::debug;

use crate::client::{Client, Desk};
use crate::edge::{Edge, Mode, Peer};
use crate::gate::Seat;
use crate::post::Handed;
use crate::proxy_protocol::{self, Header};
use crate::refused::Refused;
use crate::slots::{Key, Whose};
use crate::stream::{Got, Stream};
use crate::timers::Due;
use crate::tls::Tls;
use crate::worker::Worker;

/// Somebody who is not in yet.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) stream: Stream,
    peer: Peer,
    desk: Rc<Desk>,
    seat: Option<Seat>,
    step: Step,
    due: Instant,
}

/// What it has to do next.
#[derive(Debug)]
enum Step {
    /// Say for whom it comes; so much of it is here.
    Header(Vec<u8>),
    /// Shake hands.
    Handshake,
    /// Say something.
    FirstByte,
}

/// What became of a guest in one turn.
enum Outcome {
    /// It has more to do.
    Waits,
    /// It has done all; so much of what it said is in the scratch.
    In(usize),
    /// It may not come in.
    Refused(Refused, String),
    /// It went.
    Gone,
}

impl Worker {
    /// Serves a client that was accepted, and counted as load.
    pub(crate) fn serve(&mut self, handed: Handed) {
        let Handed { socket, peer, seat, listener } = handed;
        // The listener may have gone while the client was on its way.
        let desk = self.desks.iter().find(|d| d.listener == listener && d.feed.is_current());
        let Some(desk) = desk.cloned() else {
            self.load.fetch_sub(1, Relaxed);
            return;
        };
        let mut stream = Stream::new(socket);
        let step = first_step(&desk.front.edge, seat.is_some());
        let whose = match step {
            Some(_) => Whose::Guest(self.guests.next_key()),
            None => self.next_whose(&desk),
        };
        let tls = desk.front.edge.tls.as_ref().filter(|_| matches!(step, Some(Step::Handshake)));
        let begun = tls.map_or(Ok(()), |tls| stream.begin_tls(Tls::with_client(tls)?));
        if let Err(error) = begun.and_then(|()| stream.register(self.poll.registry(), whose)) {
            debug!(%peer, %error, "client lost");
            self.load.fetch_sub(1, Relaxed);
            return;
        }
        match (step, seat) {
            (None, Some(seat)) => self.begin(stream, peer, desk, seat, 0),
            (Some(step), seat) => {
                let due = self.now + patience(&desk.front.edge, &step);
                let key = self.guests.insert(Guest { stream, peer, desk, seat, step, due });
                self.timers.shift(Due::Guest(key), None, Some(due));
            }
            // Who has no seat has a header to send.
            (None, None) => {}
        }
    }

    /// Sees to the guests to whom something happened.
    pub(crate) fn welcome_all(&mut self) {
        let batch = self.noted_guests.take();
        for key in &batch {
            self.welcome(*key);
        }
        self.noted_guests.done(batch);
    }

    /// Something is new with a guest's socket.
    fn welcome(&mut self, key: Key) {
        let Some(guest) = self.guests.get_mut(key) else { return };
        let before = guest.due;
        let outcome = guest.advance(self.now, &mut self.scratch).unwrap_or(Outcome::Gone);
        let after = guest.due;
        if matches!(outcome, Outcome::Waits) {
            self.timers.shift(Due::Guest(key), Some(before), Some(after));
            return;
        }
        let Some(guest) = self.guests.remove(key) else { return };
        self.timers.shift(Due::Guest(key), Some(before), None);
        match outcome {
            Outcome::In(said) => return self.let_in(guest, said),
            Outcome::Refused(why, more) => guest.refuse(why, &more),
            Outcome::Waits | Outcome::Gone => {}
        }
        self.load.fetch_sub(1, Relaxed);
    }

    /// A guest has taken too long.
    pub(crate) fn lose_patience(&mut self, key: Key) {
        let Some(guest) = self.guests.remove(key) else { return };
        let why = if matches!(guest.step, Step::FirstByte) { Refused::Silent } else { Refused::TooSlow };
        guest.refuse(why, &"");
        self.load.fetch_sub(1, Relaxed);
    }

    /// Breaks the connection of somebody who is not in yet.
    pub(crate) fn cut_guest(&mut self, key: Key) {
        let Some(guest) = self.guests.remove(key) else { return };
        self.timers.shift(Due::Guest(key), Some(guest.due), None);
        guest.stream.reset_when_closed();
        self.load.fetch_sub(1, Relaxed);
    }

    fn let_in(&mut self, guest: Guest, said: usize) {
        let Guest { mut stream, peer, desk, seat: Some(seat), .. } = guest else {
            self.load.fetch_sub(1, Relaxed);
            return;
        };
        let whose = self.next_whose(&desk);
        match stream.reregister(self.poll.registry(), whose) {
            Ok(()) => self.begin(stream, peer, desk, seat, said),
            Err(error) => {
                debug!(%peer, %error, "client lost");
                self.load.fetch_sub(1, Relaxed);
            }
        }
    }

    /// What the next client of this desk will be to the kernel.
    fn next_whose(&self, desk: &Desk) -> Whose {
        match desk.front.edge.mode {
            Mode::Redis => Whose::Client(self.clients.next_key()),
            Mode::Tcp => Whose::PairClient(self.pairs.next_key()),
        }
    }

    /// Its session begins; so much of what it said is in the scratch already.
    fn begin(&mut self, stream: Stream, peer: Peer, desk: Rc<Desk>, seat: Seat, said: usize) {
        if desk.front.edge.mode == Mode::Tcp {
            return self.begin_pair(stream, peer, desk, seat, said);
        }
        let idle = desk.front.edge.idle_timeout;
        let mut client = Client::new(stream, peer, desk, seat, self.now);
        client.idle_due = (!idle.is_zero()).then_some(self.now + idle);
        let (idle_due, is_readable) = (client.idle_due, client.is_readable());
        let key = self.clients.insert(client);
        self.timers.shift(Due::Idle(key), None, idle_due);
        if said > 0 {
            self.hear(key, said);
        }
        if is_readable && let Some(client) = self.clients.get_mut(key) {
            client.queued = true;
            self.readable_clients.push(key);
        }
    }

    /// The client said what is in the scratch.
    pub(crate) fn hear(&mut self, key: Key, said: usize) {
        self.touch(key);
        let Some(client) = self.clients.get_mut(key) else { return };
        if std::mem::take(&mut client.fresh) && client.is_lost(self.scratch[0]) {
            return;
        }
        client.heard = self.now;
        client.session.lend(&mut self.spare);
        client.session.handle(self.now, Event::ClientBytes(&self.scratch[..said]));
        self.act(key);
    }
}

/// What somebody who comes in has to do first. `None`: nothing.
fn first_step(edge: &Edge, is_admitted: bool) -> Option<Step> {
    if !is_admitted {
        return Some(Step::Header(Vec::new()));
    }
    next_step(edge)
}

/// What comes after the header.
fn next_step(edge: &Edge) -> Option<Step> {
    match edge {
        Edge { tls: Some(_), .. } => Some(Step::Handshake),
        Edge { first_byte_timeout, .. } => (!first_byte_timeout.is_zero()).then_some(Step::FirstByte),
    }
}

/// How long it may take for that.
fn patience(edge: &Edge, step: &Step) -> Duration {
    match (step, &edge.tls) {
        (Step::FirstByte, _) => edge.first_byte_timeout,
        (_, Some(tls)) => tls.handshake_timeout,
        (_, None) => HEADER,
    }
}

impl Guest {
    /// Goes as far as what is there allows.
    fn advance(&mut self, now: Instant, scratch: &mut [u8]) -> io::Result<Outcome> {
        while self.stream.is_readable() {
            let outcome = match &mut self.step {
                Step::Header(_) => self.read_header(scratch)?,
                Step::Handshake => self.shake(None, scratch)?,
                Step::FirstByte => match self.stream.read(scratch)? {
                    Got::Bytes(said) => Outcome::In(said),
                    Got::Nothing => Outcome::Waits,
                    Got::End => Outcome::Gone,
                },
            };
            match outcome {
                // It may have more to say before it is a client.
                Outcome::In(0) if !self.desk.front.edge.first_byte_timeout.is_zero() => {
                    self.step = Step::FirstByte;
                    self.due = now + self.desk.front.edge.first_byte_timeout;
                }
                Outcome::Waits => {}
                other => return Ok(other),
            }
        }
        Ok(Outcome::Waits)
    }

    fn read_header(&mut self, scratch: &mut [u8]) -> io::Result<Outcome> {
        let Step::Header(header) = &mut self.step else { return Ok(Outcome::Waits) };
        let room = proxy_protocol::LONGEST - header.len();
        match self.stream.read_wire(&mut scratch[..room])? {
            Got::Bytes(n) => header.extend_from_slice(&scratch[..n]),
            Got::Nothing => return Ok(Outcome::Waits),
            Got::End => return Ok(Outcome::Gone),
        }
        let (said, length) = match proxy_protocol::decode(header) {
            Ok(None) => return Ok(Outcome::Waits),
            Ok(Some(read)) => read,
            Err(why) => return Ok(Outcome::Refused(Refused::NoHeader, format!(": {why}"))),
        };
        let rest = header.split_off(length);
        let teller = self.peer;
        self.peer = match said {
            Header::Inet { source, .. } => Peer::Inet(source),
            Header::Unix => Peer::Unix,
            // It connects for itself, or will not say for whom.
            Header::Local | Header::Unknown => self.peer,
        };
        // Who comes without an address is let in, or not, as whoever told so.
        let counted = if self.peer.ip().is_some() { self.peer } else { teller };
        match self.desk.front.admit(counted) {
            Ok(seat) => self.seat = Some(seat),
            Err(why) => return Ok(Outcome::Refused(why, String::new())),
        }
        self.after_header(&rest, scratch)
    }

    /// What came after the header is the client's own.
    fn after_header(&mut self, rest: &[u8], scratch: &mut [u8]) -> io::Result<Outcome> {
        if let Some(tls) = &self.desk.front.edge.tls {
            self.step = Step::Handshake;
            self.stream.begin_tls(Tls::with_client(tls)?)?;
            return self.shake(Some(rest), scratch);
        }
        scratch[..rest.len()].copy_from_slice(rest);
        Ok(Outcome::In(rest.len()))
    }

    /// `wire`: what came already.
    fn shake(&mut self, wire: Option<&[u8]>, scratch: &mut [u8]) -> io::Result<Outcome> {
        let got = match wire {
            Some([]) => Ok(Got::Nothing),
            Some(wire) => self.stream.decrypt(wire, scratch),
            None => self.stream.read(scratch),
        };
        let is_shaking = self.stream.tls().is_some_and(Tls::is_shaking);
        match got {
            Ok(_) if is_shaking && !matches!(got, Ok(Got::End)) => Ok(Outcome::Waits),
            Ok(Got::Bytes(said)) => Ok(Outcome::In(said)),
            Ok(Got::Nothing) => Ok(Outcome::In(0)),
            Ok(Got::End) => Ok(Outcome::Gone),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let speaks = self.stream.tls().is_none_or(Tls::is_spoken);
                let why = if speaks { Refused::Handshake } else { Refused::NoTls };
                Ok(Outcome::Refused(why, format!(": {error}")))
            }
            Err(error) => Err(error),
        }
    }

    fn refuse(mut self, why: Refused, more: &dyn Display) {
        self.desk.front.refuse(&mut self.stream, self.peer, why, more);
    }
}

/// How long a balancer may take to say for whom it connects: it has nothing to wait for, and sends it with its first packet.
const HEADER: Duration = Duration::from_secs(5);
