//! How do clients come by connections that are not only theirs?
//!
//! Of each user, database and server there is one lane a worker. What its clients have to say in a turn is gathered and written
//! once; what comes in on it goes to whoever it is for. And a connection that a client had for itself and gave back waits here for
//! the next one who is the same.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;

use session::lane::{Lane, Taken};
use session::{Conn, Event, Why};

use crate::client::Client;
use crate::crowd::{Next, Wish};
use crate::server::{Owner, State};
use crate::slots::Key;
use crate::stream::Got;
use crate::timers::Due;
use crate::worker::Worker;

impl Worker {
    /// Gives a client a part in a lane. True if it may be used at once.
    pub(crate) fn share(&mut self, key: Key, conn: Conn, addr: SocketAddr) -> io::Result<bool> {
        let Some(client) = self.clients.get(key) else { return Ok(false) };
        if let Some(lane) = self.pool.lane(addr, &client.lane_like()) {
            return Ok(self.join(key, conn, lane));
        }
        // As many users, as many lanes: all at once when their master changes.
        let wish = Wish { key, conn, is_shared: true };
        match self.crowds.enter(addr, wish) {
            Some(permit) => self.share_next(Next { addr, wish, permit }),
            None => {
                self.queue_up(wish);
                Ok(false)
            }
        }
    }

    /// The same for one that may make the lane if there is none yet.
    pub(crate) fn share_next(&mut self, next: Next) -> io::Result<bool> {
        let Next { addr, wish: Wish { key, conn, .. }, permit } = next;
        let Some(client) = self.clients.get(key) else { return Ok(false) };
        let like = client.lane_like();
        if let Some(lane) = self.pool.lane(addr, &like) {
            return Ok(self.join(key, conn, lane));
        }
        let identity = client.session.identity();
        let (timeout, edge) = (client.desk.feed.rules().connect_timeout, client.desk.front.edge.clone());
        let owner = Owner::Lane(Box::new(Lane::new(self.now, identity.into(), timeout)));
        let lane = self.connect_to(addr, edge, owner)?;
        self.hold(lane, permit);
        self.pool.open_lane(addr, like.into(), lane);
        Ok(self.join(key, conn, lane))
    }

    fn join(&mut self, key: Key, conn: Conn, lane: Key) -> bool {
        let Some(joined) = self.servers.get_mut(lane).and_then(|s| s.lane()) else { return false };
        let seat = joined.join(key, conn);
        let is_open = joined.is_open();
        if let Some(client) = self.clients.get_mut(key) {
            client.server = Some(lane);
            client.seat = Some(seat);
        }
        self.time_lane(lane);
        is_open
    }

    /// Gives a client a connection on which all was said that it would say first, if there is one.
    pub(crate) fn take_spare(&mut self, key: Key, conn: Conn, addr: SocketAddr) -> bool {
        let Some(like) = self.clients.get(key).map(Client::spare_like) else { return false };
        while let Some(spare) = self.pool.take(addr, &like) {
            let Some(server) = self.servers.get_mut(spare) else { continue };
            // Nothing was asked on it: whatever came is its end.
            if server.stream.is_readable() || server.state != State::Open {
                self.servers.remove(spare);
                continue;
            }
            server.owner = Owner::Client { key, conn };
            if let Some(client) = self.clients.get_mut(key) {
                client.server = Some(spare);
            }
            return true;
        }
        false
    }

    /// A client gives its connection back.
    pub(crate) fn release(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let Some(server_key) = client.server.take() else { return };
        let Some(server) = self.servers.get_mut(server_key) else { return };
        server.owner = Owner::Spare;
        let over = self.pool.give(self.now, server.addr, client.spare_like().into(), server_key);
        if let Some(over) = over {
            self.servers.remove(over);
        }
        self.time_spare();
    }

    /// A client has gone, and what it gave back may still be called by its name.
    pub(crate) fn forget_name(&mut self, client: &Client) {
        if client.session.is_named()
            && let Some(spare) = self.pool.on_named_left(&client.spare_like())
        {
            self.servers.remove(spare);
            self.time_spare();
        }
    }

    /// A client lets go of its connection: its own ends, a lane has one client less.
    pub(crate) fn let_go(&mut self, key: Key) {
        let Some(client) = self.clients.get_mut(key) else { return };
        client.waits = None;
        let Some(server_key) = client.server.take() else { return };
        match client.seat.take() {
            Some(seat) => self.leave(server_key, seat),
            None => {
                self.servers.remove(server_key);
            }
        }
    }

    pub(crate) fn leave(&mut self, server: Key, seat: usize) {
        if let Some(lane) = self.servers.get_mut(server).and_then(|s| s.lane()) {
            let was_jammed = lane.jammed_by().is_some();
            lane.leave(self.now, seat);
            if was_jammed {
                self.read_later(server);
            }
        }
        self.time_lane(server);
    }

    /// The lane's connection is made: its clients may begin, or it has to say something first.
    pub(crate) fn on_lane_made(&mut self, server: Key) {
        let Some(lane) = self.servers.get_mut(server).and_then(|s| s.lane()) else { return };
        if lane.on_connected() {
            self.tell_lane(server, |conn| Event::ServerReady { conn });
        }
        self.time_lane(server);
        self.write_later(server);
    }

    /// Tells all clients of a lane the same.
    fn tell_lane(&mut self, server: Key, event: impl Fn(Conn) -> Event<'static>) {
        let Some(lane) = self.servers.get_mut(server).and_then(|s| s.lane()) else { return };
        let members: Vec<_> = lane.members().collect();
        for (key, conn) in members {
            self.touch(key);
            self.step(key, event(conn));
        }
    }

    /// The lane is of no use any more. Its clients are told so in these words, after what of theirs never went out.
    pub(crate) fn end_lane<'a>(&mut self, server: Key, event: impl Fn(Conn) -> Event<'a>) {
        self.pool.forget(server);
        let Some(mut ended) = self.servers.remove(server) else { return };
        self.timers.shift(Due::Server(server), ended.due, None);
        let Some(lane) = ended.lane() else { return };
        for (key, conn, bytes) in lane.ended() {
            if let Some(client) = self.clients.get_mut(key) {
                client.server = None;
                client.seat = None;
            }
            self.touch(key);
            self.step(key, Event::ServerUnsent { conn, bytes });
            self.step(key, event(conn));
        }
    }

    /// Reads what came in on a lane, and hands each client its part.
    pub(crate) fn read_lane(&mut self, server: Key) {
        self.write_later(server);
        if self.is_jammed(server) {
            return;
        }
        let scratch = std::mem::take(&mut self.scratch);
        let (scratch, read) = match self.servers.get_mut(server) {
            Some(lane) if lane.stream.is_readable() && lane.state != State::Ended => {
                let mut scratch = scratch;
                let read = lane.stream.read(&mut scratch);
                lane.permit = lane.permit.take().filter(|_| !matches!(read, Ok(Got::Bytes(_))));
                (scratch, read)
            }
            _ => (scratch, Ok(Got::Nothing)),
        };
        match read {
            Ok(Got::Bytes(n)) => {
                self.to_read = self.to_read.saturating_sub(n);
                self.deal(server, &scratch[..n]);
                self.note_time(server);
            }
            Ok(Got::Nothing) => {}
            Ok(Got::End) | Err(_) => self.on_server_ended(server),
        }
        self.scratch = scratch;
        if self.servers.get(server).is_some_and(|entry| entry.stream.is_readable() && entry.state != State::Ended) {
            self.read_later(server);
        }
    }

    fn deal(&mut self, server: Key, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(lane) = self.servers.get_mut(server).and_then(|s| s.lane()) else { return };
            let len = match lane.take(rest) {
                Ok(Taken::For { client: key, conn, len }) => {
                    self.touch(key);
                    self.catch_up(key);
                    if let Some(client) = self.clients.get_mut(key) {
                        client.session.lend(&mut self.spare);
                        client.session.handle(self.now, Event::ServerBytes { conn, bytes: &rest[..len] });
                        self.act(key);
                        self.hurry_to_client(key);
                    }
                    self.look_at_reader(server, key);
                    len
                }
                Ok(Taken::Nobody { len }) => len,
                Ok(Taken::Ready { len }) => {
                    self.tell_lane(server, |conn| Event::ServerReady { conn });
                    self.time_lane(server);
                    len
                }
                Ok(Taken::Busy { len }) => {
                    return self.end_lane(server, |conn| Event::ServerBusy { conn, line: &rest[..len] });
                }
                Ok(Taken::Refused) => return self.end_lane(server, |conn| Event::ServerRefused { conn }),
                Ok(Taken::NotYet) => return self.end_lane(server, |conn| Event::ServerFailed { conn }),
                Err(_) => return self.end_misbehaved(server),
            };
            rest = &rest[len..];
        }
    }

    /// Its clients are told so; one of them counts it.
    fn end_misbehaved(&mut self, server: Key) {
        let is_counted = Cell::new(false);
        self.end_lane(server, |conn| match is_counted.replace(true) {
            false => Event::ServerMisbehaved { conn },
            true => Event::ServerClosed { conn },
        });
    }

    /// One that reads slowly must not hold up the others.
    fn look_at_reader(&mut self, server: Key, key: Key) {
        let Some(client) = self.clients.get(key) else { return };
        let unread = client.session.to_client().len();
        let Some(lane) = self.servers.get_mut(server).and_then(|s| s.lane()) else { return };
        if lane.on_unread(self.now, key, unread) {
            let idle = lane.idle(self.now);
            self.pool.forget(server);
            for (key, conn) in idle {
                self.send_elsewhere(key, conn);
            }
            self.time_lane(server);
        }
        if self.servers.get_mut(server).and_then(|s| s.lane()).and_then(|lane| lane.jammed_by()) == Some(key) {
            self.time_lane(server);
        }
    }

    /// The client's part in its lane has ended, and nothing of it was under way.
    fn send_elsewhere(&mut self, key: Key, conn: Conn) {
        if let Some(client) = self.clients.get_mut(key) {
            client.server = None;
            client.seat = None;
        }
        self.touch(key);
        self.step(key, Event::SentElsewhere { conn });
    }

    /// Whether nothing may be read because a client does not read.
    fn is_jammed(&mut self, server: Key) -> bool {
        let Some(lane) = self.servers.get_mut(server).and_then(|s| s.lane()) else { return false };
        let Some(key) = lane.jammed_by() else { return false };
        let unread = self.clients.get(key).map_or(0, |client| client.session.to_client().len());
        let may_go_on = lane.on_progress(self.now, unread);
        self.time_lane(server);
        !may_go_on
    }

    /// A client has read something for whose sake its lane may be waiting.
    pub(crate) fn on_reader(&mut self, key: Key, server: Key) {
        let lane = self.servers.get_mut(server).and_then(|s| s.lane());
        if lane.is_some_and(|lane| lane.jammed_by() == Some(key)) {
            self.read_later(server);
            self.time_lane(server);
        }
    }

    fn read_later(&mut self, server: Key) {
        if let Some(entry) = self.servers.get_mut(server)
            && !std::mem::replace(&mut entry.queued, true)
        {
            self.readable_servers.push(server);
        }
    }

    /// What a client has to say goes to its lane, as far as there is room.
    pub(crate) fn push(&mut self, key: Key, server: Key, seat: usize) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let Some(entry) = self.servers.get_mut(server) else { return };
        let Some(lane) = entry.lane() else { return };
        let bytes = client.session.to_server();
        let n = bytes.len();
        if n > 0 && lane.is_retired() && lane.is_idle(seat) {
            let Some(conn) = lane.name_of(seat) else { return };
            self.leave(server, seat);
            return self.send_elsewhere(key, conn);
        }
        if n > 0 && lane.push(seat, bytes, client.session.unsent_requests()) {
            client.session.sent(n);
            self.write_later(server);
        }
    }

    /// The lane has something to write, or may have: at the end of the turn.
    fn write_later(&mut self, server: Key) {
        if let Some(entry) = self.servers.get_mut(server)
            && !std::mem::replace(&mut entry.to_write, true)
        {
            self.written_lanes.push(server);
        }
    }

    /// Writes what was gathered.
    pub(crate) fn write_lanes(&mut self) {
        let batch = self.written_lanes.take();
        for key in &batch {
            self.write_lane(*key);
        }
        self.written_lanes.done(batch);
    }

    fn write_lane(&mut self, server: Key) {
        let Some(entry) = self.servers.get_mut(server) else { return };
        entry.to_write = false;
        let takes = entry.takes_bytes();
        let Owner::Lane(lane) = &mut entry.owner else { return };
        if !takes || lane.to_server().is_empty() {
            return;
        }
        match entry.stream.write(lane.to_server()) {
            Ok(n) => {
                lane.sent(n);
                self.note_time(server);
            }
            Err(_) => {
                entry.state = State::Deaf;
                entry.stream.look();
                return self.read_later(server);
            }
        }
        // At once: a client that was touched in this turn is not looked at again for it.
        while let Some((key, seat)) = self.servers.get_mut(server).and_then(|s| s.lane()).and_then(Lane::next_waiting) {
            self.push(key, server, seat);
        }
    }

    /// Keeps the timers right for a lane.
    fn time_lane(&mut self, server: Key) {
        let Some(entry) = self.servers.get_mut(server) else { return };
        let due = entry.lane().and_then(|lane| lane.deadline().or_else(|| lane.overdue()));
        self.timers.shift(Due::Server(server), entry.due, due);
        entry.due = due;
    }

    /// Something went over a lane. A timer that is set stays: when it is due, it is seen whether it should have been a later one.
    fn note_time(&mut self, server: Key) {
        let Some(entry) = self.servers.get_mut(server) else { return };
        let Some(lane) = entry.lane() else { return };
        lane.note(self.now);
        if entry.due.is_none() {
            self.time_lane(server);
        }
    }

    /// Those who wait behind a request that the server holds back ask elsewhere.
    fn give_way(&mut self, server: Key) {
        let Some(lane) = self.servers.get_mut(server).and_then(|s| s.lane()) else { return };
        let may_ask_again = |key| self.clients.get(key).is_none_or(|client| client.session.may_ask_again());
        let leaving = lane.give_way(self.now, may_ask_again);
        if lane.is_retired() {
            self.pool.forget(server);
        }
        for (key, conn) in leaving {
            self.send_elsewhere(key, conn);
        }
    }

    /// A lane was not made in time, nobody uses it, or it may be that an answer is overdue.
    pub(crate) fn on_lane_due(&mut self, server: Key) {
        let Some(entry) = self.servers.get_mut(server) else { return };
        entry.due = None;
        if entry.lane().is_some_and(|lane| lane.jammed_by().is_some()) {
            let slow = entry.lane().and_then(|lane| lane.give_up(self.now));
            if let Some(key) = slow
                && let Some(client) = self.clients.get_mut(key)
            {
                client.closed = Some(Why::SlowReader);
                self.touch(key);
            }
            self.time_lane(server);
            return self.read_later(server);
        }
        let is_due = |lane: &mut Lane<Key>| lane.deadline().is_some_and(|at| at <= self.now);
        if entry.lane().is_some_and(is_due) {
            self.end_lane(server, |conn| Event::ServerFailed { conn });
        } else {
            self.give_way(server);
            self.time_lane(server);
        }
    }

    fn time_spare(&mut self) {
        let due = self.pool.deadline();
        self.timers.shift(Due::Spare, self.spare_due, due);
        self.spare_due = due;
    }

    /// Connections that nobody wanted are closed.
    pub(crate) fn on_spare_due(&mut self) {
        self.spare_due = None;
        while let Some(old) = self.pool.expire(self.now) {
            self.servers.remove(old);
        }
        self.time_spare();
    }
}
