//! In which order does a worker do things?
//!
//! ```text
//!   sleep ─> what the kernel tells ─> orders ─> servers read ─> views ─> due ─> clients let in, read ─┐
//!     ^                                                                                              │
//!     └────────── clients written, and let go <── servers written <──────────────────────────────────┘
//! ```
//!
//! Replies are read before requests, and everything is written at the end, each socket once: what came together leaves together.
//! Each socket is read once a turn; who has more waits until the others had theirs. With much to read a turn ends early: answers wait
//! for its end.

use std::io;
use std::time::Duration;

use session::Event;
use tracing::error;

use crate::server::{Owner, State};
use crate::slots::{Key, Whose};
use crate::stream::Got;
use crate::timers::Due;
use crate::worker::Worker;

/// Clients that learn of a new view, or of the end, in one turn: each of them may make a connection.
const TOUR: usize = 256;
/// Bytes that are read of clients, and of servers, in one turn, and a read more. What all together have to say in small pieces is less.
const FILL: usize = 128 * 1024;
/// Bytes that gain nothing by company: as much as a packet holds.
const MUCH: usize = 16 * 1024;

impl Worker {
    /// Works until it is told to stop and its clients are gone.
    pub(crate) fn run(mut self) {
        while !self.is_over() {
            let patience = self.patience();
            match self.poll.poll(&mut self.events, patience) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    error!(%error, "a worker cannot wait for its sockets and ends");
                    return;
                }
            }
            self.turn();
        }
    }

    fn turn(&mut self) {
        self.now = (self.clock)();
        self.note_events();
        self.obey();
        // An answer that lies in a socket came before the view of which nobody has read yet: it is true, and after the view it would be doubted.
        self.read_servers();
        self.look();
        self.wake_due();
        self.visit();
        self.accept();
        self.welcome_all();
        self.read_clients();
        self.pass();
        self.settle_doubts();
        self.connect_waiting();
        self.write();
        self.economize();
    }

    /// Has every session keep less if all together keep too much, or as much as it may again: then whoever was not read is looked at.
    fn economize(&mut self) {
        if !self.budget.look(self.now) {
            return;
        }
        let ration = self.budget.ration();
        for desk in &self.desks {
            desk.loads.ration(ration);
        }
        if ration.is_none() {
            self.tour = Some(0);
        }
    }

    fn is_over(&self) -> bool {
        self.stop.is_some_and(|until| (self.clients.is_empty() && self.pairs.is_empty()) || until <= self.now)
    }

    /// How long to sleep if the kernel tells nothing.
    fn patience(&self) -> Option<Duration> {
        let is_busy = !self.readable_clients.is_empty()
            || !self.readable_servers.is_empty()
            || !self.touched.is_empty()
            || !self.written_lanes.is_empty()
            || !self.stirred.is_empty()
            || self.tour.is_some()
            || self.crowds.is_busy()
            || self.entrance.is_busy();
        if is_busy {
            return Some(Duration::ZERO);
        }
        self.timers.first().map(|at| at - (self.clock)())
    }

    fn note_events(&mut self) {
        for event in &self.events {
            match Whose::of(event.token()) {
                Whose::Call => self.called = true,
                Whose::Listener(listener) => self.entrance.note(listener),
                Whose::Guest(key) => {
                    if let Some(guest) = self.guests.get_mut(key) {
                        guest.stream.note(event);
                        self.noted_guests.push(key);
                    }
                }
                Whose::PairClient(key) => {
                    if let Some(pair) = self.pairs.get_mut(key) {
                        pair.client.note(event);
                        if !std::mem::replace(&mut pair.queued, true) {
                            self.stirred.push(key);
                        }
                    }
                }
                Whose::PairServer(key) => {
                    if let Some(pair) = self.pairs.get_mut(key) {
                        pair.note_server(event);
                        if !std::mem::replace(&mut pair.queued, true) {
                            self.stirred.push(key);
                        }
                    }
                }
                Whose::Client(key) => {
                    if let Some(client) = self.clients.get_mut(key)
                        && client.stream.note(event)
                        && !std::mem::replace(&mut client.queued, true)
                    {
                        self.readable_clients.push(key);
                    }
                }
                Whose::Server(key) => {
                    if let Some(server) = self.servers.get_mut(key) {
                        server.stream.note(event);
                        if !std::mem::replace(&mut server.queued, true) {
                            self.readable_servers.push(key);
                        }
                    }
                }
            }
        }
    }

    fn wake_due(&mut self) {
        while let Some(due) = self.timers.take_due(self.now) {
            match due {
                Due::Client(key) => {
                    if let Some(client) = self.clients.get_mut(key) {
                        client.due = None;
                        client.session.wake(self.now);
                        self.act(key);
                        self.touch(key);
                    }
                }
                Due::Idle(key) => self.look_at_idle(key),
                Due::Pair(key) => self.on_pair_due(key),
                Due::Guest(key) => self.lose_patience(key),
                Due::Listener(listener) => self.entrance.wake(listener),
                Due::Leave(_) => self.tour = Some(0),
                Due::Server(server) => self.on_lane_due(server),
                Due::Crowd => self.crowds.due = None,
                Due::Spare => self.on_spare_due(),
                Due::Doubts => self.doubts.on_due(),
                // Seen by `is_over`.
                Due::Stop => {}
            }
        }
    }

    /// A client is closed that was silent for too long; another one is looked at when it would be.
    fn look_at_idle(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let due = client.heard + client.desk.front.edge.idle_timeout;
        client.idle_due = (due > self.now).then_some(due);
        if due > self.now {
            return self.timers.shift(Due::Idle(key), None, Some(due));
        }
        client.closed.get_or_insert(session::Why::Idle);
        self.touch(key);
    }

    /// Clients learn, some in each turn, that there is a new view or that they may go.
    fn visit(&mut self) {
        let Some(first) = self.tour else { return };
        if first == 0 {
            self.stir_all();
        }
        let end = self.clients.places();
        for place in first..end.min(first + TOUR) {
            if let Some(key) = self.clients.key_at(place) {
                self.touch(key);
                self.catch_up(key);
            }
        }
        self.tour = Some(first + TOUR).filter(|next| *next < end);
    }

    /// Something happened to this client: what it has to send is sent, and what follows is seen to, before the turn ends.
    pub(crate) fn touch(&mut self, key: Key) {
        if let Some(client) = self.clients.get_mut(key)
            && !std::mem::replace(&mut client.touched, true)
        {
            self.touched.push(key);
        }
    }

    /// A session learns of a new view before it is told anything else.
    pub(crate) fn catch_up(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let version = client.desk.feed.version();
        if client.seen != version {
            client.seen = version;
            let view = client.desk.feed.view();
            self.step(key, Event::View(view));
        }
    }

    fn read_servers(&mut self) {
        self.to_read = FILL;
        let mut batch = self.readable_servers.take();
        let mut read = 0;
        while read < batch.len() && self.to_read > 0 {
            self.read_server(batch[read]);
            read += 1;
        }
        self.readable_servers.put_back(batch.drain(read..));
        self.readable_servers.done(batch);
    }

    fn read_server(&mut self, server_key: Key) {
        let Some(server) = self.servers.get_mut(server_key) else { return };
        server.queued = false;
        let Owner::Client { key, conn } = server.owner else {
            return self.read_unowned(server_key);
        };
        self.touch(key);
        self.catch_up(key);
        // The view may have ended it.
        let Some(server) = self.servers.get_mut(server_key) else { return };
        match server.state {
            State::Connecting => {
                if let Some(made) = server.stream.made() {
                    self.on_made(server_key, made);
                }
                return;
            }
            State::Shaking => return self.shake(server_key),
            State::Open | State::Deaf => {}
            State::Ended => return,
        }
        let Some(client) = self.clients.get_mut(key) else { return };
        if !server.stream.is_readable() || !client.session.wants_server_bytes() {
            return;
        }
        match server.stream.read(&mut self.scratch) {
            Ok(Got::Bytes(n)) => {
                self.to_read = self.to_read.saturating_sub(n);
                server.permit = None;
                client.session.lend(&mut self.spare);
                client.session.handle(self.now, Event::ServerBytes { conn, bytes: &self.scratch[..n] });
                self.act(key);
                self.hurry_to_client(key);
            }
            Ok(Got::Nothing) => {}
            Ok(Got::End) | Err(_) => self.on_server_ended(server_key),
        }
    }

    /// Of a lane, or of nobody.
    fn read_unowned(&mut self, server_key: Key) {
        let Some(server) = self.servers.get_mut(server_key) else { return };
        if server.state == State::Connecting {
            if let Some(made) = server.stream.made() {
                self.on_made(server_key, made);
            }
        } else if server.state == State::Shaking {
            self.shake(server_key);
        } else if server.is_lane() {
            self.read_lane(server_key);
        } else if server.stream.is_readable() {
            // Nobody asked anything: it is the end, or as good as that.
            self.on_server_ended(server_key);
        }
    }

    fn read_clients(&mut self) {
        self.to_read = FILL;
        let mut batch = self.readable_clients.take();
        let mut read = 0;
        while read < batch.len() && self.to_read > 0 {
            self.read_client(batch[read]);
            read += 1;
        }
        self.readable_clients.put_back(batch.drain(read..));
        self.readable_clients.done(batch);
    }

    fn read_client(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else { return };
        client.queued = false;
        self.touch(key);
        self.catch_up(key);
        let Some(client) = self.clients.get_mut(key) else { return };
        if !client.is_readable() {
            return;
        }
        // The rest of a large request is read to where it stays.
        let room = client.session.room().filter(|_| !client.stream.is_encrypted());
        let to_stay = room.is_some();
        let read = match room {
            Some(room) => client.stream.read_behind(room),
            None => client.stream.read(&mut self.scratch),
        };
        match read {
            Ok(Got::Bytes(len)) if to_stay => {
                self.to_read = self.to_read.saturating_sub(len);
                client.heard = self.now;
                self.step(key, Event::ClientRead { len });
                self.hurry_to_server(key);
            }
            Ok(Got::Bytes(n)) => {
                self.to_read = self.to_read.saturating_sub(n);
                self.hear(key, n);
                self.hurry_to_server(key);
            }
            Ok(Got::Nothing) => {}
            Ok(Got::End) => {
                client.ended = true;
                self.step(key, Event::ClientClosed);
            }
            Err(_) => {
                client.ended = true;
                client.closed = Some(session::Why::ClientLeft);
            }
        }
    }

    /// Everything that came together leaves together: to servers first, since they have work to do with it.
    fn write(&mut self) {
        let batch = self.touched.take();
        for key in &batch {
            // From here on it can be put on the next turn's list: by a lane, too, that had no room for it and then has.
            if let Some(client) = self.clients.get_mut(*key) {
                client.touched = false;
            }
            self.write_server_of(*key);
        }
        self.write_lanes();
        for key in &batch {
            self.finish(*key);
        }
        self.touched.done(batch);
    }

    /// Much does not wait for the end of the turn: its receiver can work while others are read, and it is still at hand.
    fn hurry_to_server(&mut self, key: Key) {
        let Some(client) = self.clients.get(key) else { return };
        if client.seat.is_none() && client.session.to_server().len() >= MUCH {
            self.write_server_of(key);
        }
    }

    /// As to a server.
    pub(crate) fn hurry_to_client(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else { return };
        if client.session.to_client().len() >= MUCH && client.write(self.now) {
            self.act(key);
        }
    }

    fn write_server_of(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else { return };
        if let (Some(server), Some(seat)) = (client.server, client.seat) {
            return self.push(key, server, seat);
        }
        let Some(server) = client.server.and_then(|s| self.servers.get_mut(s)) else { return };
        while server.takes_bytes() && !client.session.to_server().is_empty() {
            match server.stream.write(client.session.to_server()) {
                Ok(n) => client.session.sent(n),
                Err(_) => {
                    server.state = State::Deaf;
                    server.stream.look();
                }
            }
        }
    }

    /// The end of a client's turn: it gets its replies, its buffers go back, and what is left to do is put where it is found.
    fn finish(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let had_nothing_to_say = client.session.to_server().is_empty();
        if client.write(self.now) {
            self.act(key);
        }
        // What waited only for its client to read goes out in the next turn.
        if had_nothing_to_say && self.clients.get(key).is_some_and(|client| !client.session.to_server().is_empty()) {
            self.touch(key);
        }
        let Some(client) = self.clients.get_mut(key) else { return };
        client.count();
        client.session.reclaim(&mut self.spare);
        self.budget.note(&mut client.kept, client.session.footprint());
        if client.is_over(self.now) && !client.has_last_words(self.now) {
            return self.dismiss(key);
        }
        let due = client.session.deadline().map(|(at, _)| at).or(client.lingers);
        self.timers.shift(Due::Client(key), client.due, due);
        client.due = due;
        if client.is_readable() && !std::mem::replace(&mut client.queued, true) {
            self.readable_clients.push(key);
        }
        // A lane is seen to by itself.
        let Some(server_key) = client.server else { return };
        if client.seat.is_some() {
            return self.on_reader(key, server_key);
        }
        let Some(server) = self.servers.get_mut(server_key) else { return };
        if server.takes_bytes()
            && !client.session.to_server().is_empty()
            && !std::mem::replace(&mut client.touched, true)
        {
            self.touched.push(key);
        }
        if server.stream.is_readable()
            && matches!(server.state, State::Open | State::Deaf)
            && client.session.wants_server_bytes()
            && !std::mem::replace(&mut server.queued, true)
        {
            self.readable_servers.push(server_key);
        }
    }
}
