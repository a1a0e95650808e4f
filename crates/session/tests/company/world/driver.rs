//! How do bytes and orders move between sessions, lanes, spares and servers?
//!
//! As the proxy's workers do it (`proxy/src/{lanes,turn,worker}.rs`): connections may be made late, written and read in part, and what
//! a session orders is done until it orders nothing, except after a read of its client that left some.

use std::collections::VecDeque;

use machine::Instant;
use session::lane::{Lane, Taken};
use session::{Action, Conn, Event, Verdict, Why};

use super::op::Is;
use super::server::{FULL, Link};
use super::{Outbox, World};

/// One connection to a server.
pub(crate) struct Connection {
    pub(crate) server: usize,
    pub(crate) owner: Owner,
    pub(crate) made: bool,
    /// The server has ended it: nothing more is heard there, and after what it said comes the end.
    pub(crate) ended: bool,
    /// That was told, and what follows is not known.
    pub(crate) end_was_read: Option<Instant>,
    pub(crate) inbox: Vec<u8>,
    pub(crate) outbox: Outbox,
    pub(crate) link: Link,
    /// Of a lane, what was given to it and did not go out, in order: whose it is, and how many bytes.
    unsent: VecDeque<(Option<(usize, Conn)>, usize)>,
}

/// Whose it is.
pub(crate) enum Owner {
    Client(usize, Conn),
    Lane(Box<Lane<usize>>),
    Spare,
}

/// What a worker reads at once.
const SCRATCH: usize = 64 * 1024;

impl Connection {
    pub(crate) fn lane(&mut self) -> Option<&mut Lane<usize>> {
        match &mut self.owner {
            Owner::Lane(lane) => Some(lane),
            _ => None,
        }
    }
}

impl Connection {
    /// Of what was given to a lane, so many bytes.
    fn go_out(&mut self, n: usize) {
        let mut left = n;
        while let Some((_, bytes)) = self.unsent.front_mut().filter(|_| left > 0) {
            let here = left.min(*bytes);
            *bytes -= here;
            left -= here;
            if *bytes == 0 {
                self.unsent.pop_front();
            }
        }
    }
}

impl World {
    /// Tells a session what happened and does what it says.
    pub(crate) fn step(&mut self, who: usize, event: Event<'_>) {
        if self.clients[who].gone.is_none() {
            self.clients[who].session.handle(self.now, event);
            self.act_for(who);
        }
    }

    /// Does what a session says until it says nothing.
    pub(crate) fn act_for(&mut self, who: usize) {
        let mut then = None;
        loop {
            match self.clients[who].session.poll() {
                Some(Action::Connect { conn, addr }) => {
                    then = self.connect(who, conn, super::server_at(addr));
                }
                Some(Action::Share { conn, addr }) => {
                    then = self.share(who, conn, super::server_at(addr)).then_some(Event::ServerReady { conn });
                }
                Some(Action::CloseServer { .. }) => self.let_go(who),
                Some(Action::Release { .. }) => self.release(who),
                Some(Action::KillBegun { addr }) => {
                    assert!(self.clients[who].kills_at.replace(addr).is_none(), "it tells its end first");
                    self.kills.begin(self.now, addr);
                }
                Some(Action::Killed { addr, killed }) => self.kills.on_killed(self.now, addr, killed),
                Some(Action::KillOver { addr }) => {
                    assert_eq!(self.clients[who].kills_at.take(), Some(addr), "it tells its beginning first");
                    self.kills.end(addr);
                }
                Some(Action::CloseClient { why }) => self.over(who, why),
                None => match then.take() {
                    Some(event) => self.clients[who].session.handle(self.now, event),
                    None => break,
                },
            }
        }
        self.check_bounds(who);
    }

    /// A session learns of a new view before it is told anything else, where the driver is that good.
    fn catch_up(&mut self, who: usize) {
        if self.setting.prompt {
            self.learn(who);
        }
    }

    fn open(&mut self, server: usize, owner: Owner) -> usize {
        self.next += 1;
        let connection = Connection {
            server,
            owner,
            made: false,
            ended: false,
            end_was_read: None,
            inbox: Vec::new(),
            outbox: Outbox::default(),
            link: Link::new(self.next),
            unsent: VecDeque::new(),
        };
        self.connections.insert(self.next, connection);
        self.next
    }

    fn connect(&mut self, who: usize, conn: Conn, server: usize) -> Option<Event<'static>> {
        assert!(self.clients[who].at.is_none(), "one at a time");
        if self.take_spare(who, conn, server) {
            return Some(Event::ServerReady { conn });
        }
        if self.servers[server] == Is::Gone && self.setting.refuses_at_once {
            return Some(Event::ServerFailed { conn });
        }
        let at = self.open(server, Owner::Client(who, conn));
        self.clients[who].at = Some((at, None));
        None
    }

    fn take_spare(&mut self, who: usize, conn: Conn, server: usize) -> bool {
        let words = self.clients[who].session.words();
        while let Some(at) = self.pool.take(super::addr(server), &words) {
            let spare = self.connections.get_mut(&at).expect("the pool has only what is there");
            assert_eq!(spare.server, server, "it leads to where the client is to go");
            // Nothing was asked on it: whatever came is its end.
            if spare.ended || !spare.outbox.is_empty() {
                self.remove(at);
                continue;
            }
            spare.owner = Owner::Client(who, conn);
            self.clients[who].at = Some((at, None));
            return true;
        }
        false
    }

    fn release(&mut self, who: usize) {
        let words = self.clients[who].session.words();
        let (at, seat) = self.clients[who].at.take().expect("what is released was there");
        let connection = self.connections.get_mut(&at).expect("it is there");
        assert!(seat.is_none() && connection.made, "its own");
        let link = &connection.link;
        assert!(
            connection.inbox.is_empty() && (connection.outbox.is_empty() || connection.ended),
            "nothing is under way"
        );
        if !connection.ended {
            assert!(link.multi.is_none() && link.watches.is_empty() && link.blocked.is_none(), "it is clean");
            assert!(link.listens.is_empty() && !link.told, "whoever gets it finds nothing on it");
            let said = words.windows(8).any(|w| w == b"NO-EVICT");
            assert!(said || !link.no_evict, "nor what RESET leaves");
        }
        connection.owner = Owner::Spare;
        let over = self.pool.give(self.now, super::addr(connection.server), words.into(), at);
        if let Some(over) = over {
            self.remove(over);
        }
    }

    /// True if the lane may be used at once.
    fn share(&mut self, who: usize, conn: Conn, server: usize) -> bool {
        assert!(self.clients[who].at.is_none(), "one at a time");
        let identity = self.clients[who].session.identity();
        let at = self.pool.lane(super::addr(server), &identity).unwrap_or_else(|| {
            let lane = Lane::new(self.now, identity.clone().into(), self.rules.connect_timeout);
            let at = self.open(server, Owner::Lane(Box::new(lane)));
            self.pool.open_lane(super::addr(server), identity.into(), at);
            at
        });
        assert_eq!(self.connections[&at].server, server, "it leads to where the client is to go");
        let lane = self.connections.get_mut(&at).and_then(Connection::lane).expect("a lane is found");
        assert!(!lane.is_retired(), "nobody finds it");
        let seat = lane.join(who, conn);
        let is_open = lane.is_open();
        self.clients[who].at = Some((at, Some(seat)));
        is_open
    }

    /// A client lets go of its connection: its own ends, a lane has one client less.
    pub(crate) fn let_go(&mut self, who: usize) {
        match self.clients[who].at.take() {
            Some((at, Some(seat))) => {
                let now = self.now;
                self.connections.get_mut(&at).and_then(Connection::lane).expect("it has a seat").leave(now, seat);
            }
            Some((at, None)) => self.remove(at),
            None => {}
        }
    }

    /// We end a connection. What is on its way to a server is executed there.
    fn remove(&mut self, at: usize) {
        let Some(connection) = self.connections.get(&at) else { return };
        if connection.made && !connection.ended {
            self.process(at, usize::MAX);
        }
        self.connections.remove(&at);
    }

    /// The driver takes a client off.
    pub(crate) fn over(&mut self, who: usize, why: Why) {
        self.check_reason(who, why);
        self.clients[who].gone = Some(why);
        if let Some(addr) = self.clients[who].kills_at.take() {
            self.kills.end(addr);
        }
        self.let_go(who);
        let session = &self.clients[who].session;
        if session.is_named()
            && let Some(spare) = self.pool.on_named_left(&session.words())
        {
            self.remove(spare);
        }
    }

    /// What a client has to say goes to its connection.
    pub(crate) fn push(&mut self, who: usize, n: usize) {
        let client = &mut self.clients[who];
        let Some((at, seat)) = client.at else { return };
        let connection = self.connections.get_mut(&at).expect("it is there");
        let bytes = client.session.to_server();
        if bytes.is_empty() {
            return;
        }
        if let (Some(seat), Some(lane)) = (seat, connection.lane()) {
            if lane.is_retired() && lane.is_idle(seat) {
                let conn = lane.name_of(seat).expect("it has a seat");
                lane.leave(self.now, seat);
                return self.send_elsewhere(who, conn);
            }
            if lane.push(seat, bytes, client.session.unsent_requests()) {
                let (n, whose) = (bytes.len(), lane.name_of(seat).map(|conn| (who, conn)));
                connection.unsent.push_back((whose, n));
                client.session.sent(n);
            }
        } else if connection.made {
            let n = n.min(bytes.len());
            if !connection.ended {
                connection.inbox.extend_from_slice(&bytes[..n]);
            }
            client.session.sent(n);
        }
    }

    /// The client's part in its lane has ended, and nothing of it was under way.
    fn send_elsewhere(&mut self, who: usize, conn: Conn) {
        self.clients[who].at = None;
        self.step(who, Event::SentElsewhere { conn });
    }

    /// Writes what a lane has gathered.
    pub(crate) fn flush(&mut self, at: usize, n: usize) {
        let connection = self.connections.get_mut(&at).expect("it is there");
        let Owner::Lane(lane) = &mut connection.owner else { return };
        let n = n.min(lane.to_server().len());
        if !connection.made || n == 0 {
            return;
        }
        if !connection.ended {
            connection.inbox.extend_from_slice(&lane.to_server()[..n]);
        }
        lane.sent(n);
        lane.note(self.now);
        connection.go_out(n);
        while let Some((who, _)) = self.connections.get_mut(&at).and_then(Connection::lane).and_then(Lane::next_waiting)
        {
            self.push(who, usize::MAX);
        }
    }

    /// A connection that is being made has been made, or not.
    pub(crate) fn connected(&mut self, at: usize, well: bool) {
        let connection = self.connections.get_mut(&at).expect("it is there");
        if connection.made {
            return;
        }
        let is = self.servers[connection.server];
        let well = well && is != Is::Gone;
        connection.made = well;
        if well && is == Is::Full {
            connection.outbox.say(FULL);
            connection.ended = true;
        }
        match &mut connection.owner {
            Owner::Lane(_) if !well => self.end_lane(at, |conn| Event::ServerFailed { conn }),
            Owner::Lane(lane) => {
                let is_open = lane.on_connected();
                connection.unsent.push_back((None, lane.to_server().len()));
                if is_open {
                    self.tell_lane(at, |conn| Event::ServerReady { conn });
                }
            }
            Owner::Client(who, conn) => {
                let (who, conn) = (*who, *conn);
                if well {
                    self.step(who, Event::ServerConnected { conn });
                } else {
                    self.let_go(who);
                    self.step(who, Event::ServerFailed { conn });
                }
            }
            Owner::Spare => unreachable!("it was in use"),
        }
    }

    fn tell_lane(&mut self, at: usize, event: impl Fn(Conn) -> Event<'static>) {
        let members: Vec<_> =
            self.connections.get_mut(&at).and_then(Connection::lane).expect("a lane").members().collect();
        for (who, conn) in members {
            self.step(who, event(conn));
        }
    }

    /// The lane is of no use any more. Its clients are told so, after what of theirs never went out.
    pub(crate) fn end_lane<'a>(&mut self, at: usize, event: impl Fn(Conn) -> Event<'a>) {
        self.pool.forget(at);
        let connection = self.connections.get_mut(&at).expect("it is there");
        let ended = connection.lane().expect("a lane").ended();
        let unsent =
            |whose| -> usize { connection.unsent.iter().filter(|(w, _)| *w == Some(whose)).map(|(_, n)| n).sum() };
        let unsent: Vec<usize> = ended.iter().map(|(who, conn, _)| unsent((*who, *conn))).collect();
        let was_full = connection.ended && self.was_full;
        let is_killed = matches!(event(Conn(0)), Event::ServerKilled { .. });
        self.remove(at);
        for ((who, conn, bytes), unsent) in ended.into_iter().zip(unsent) {
            assert_eq!(self.clients[who].at.map(|(at, _)| at), Some(at), "only its members are told");
            assert!(
                bytes == unsent || was_full,
                "client {who} is told of {bytes} bytes that did not go out, not of {unsent}"
            );
            self.clients[who].at = None;
            self.step(who, Event::ServerUnsent { conn, bytes });
            self.step(who, event(conn));
            assert!(!is_killed || self.clients[who].is_going(), "all who used it go");
        }
    }

    /// Up to `n` bytes of what a server said come in, and then its end.
    pub(crate) fn reply(&mut self, at: usize, n: usize) {
        let mut left = n;
        while let Some(connection) = self.connections.get_mut(&at).filter(|c| c.made) {
            let chunk = left.min(SCRATCH).min(connection.outbox.len());
            let is_over = connection.ended && connection.outbox.len() == chunk;
            if (chunk == 0 && !is_over) || left == 0 {
                return;
            }
            left -= chunk;
            match &connection.owner {
                Owner::Lane(_) => {
                    if self.is_jammed(at) {
                        return;
                    }
                    self.deal(at, chunk);
                    let now = self.now;
                    if let Some(lane) = self.connections.get_mut(&at).and_then(Connection::lane) {
                        lane.note(now);
                    }
                }
                Owner::Client(who, conn) => {
                    let (who, conn) = (*who, *conn);
                    self.catch_up(who);
                    let is_its = self.clients[who].at == Some((at, None));
                    if !is_its || !self.clients[who].session.wants_server_bytes() {
                        return;
                    }
                    let bytes = self.connections.get_mut(&at).expect("it is there").outbox.take(chunk);
                    if !bytes.is_empty() {
                        self.lend(who);
                        self.step(who, Event::ServerBytes { conn, bytes: &bytes });
                    }
                }
                Owner::Spare => {
                    self.pool.forget(at);
                    return self.remove(at);
                }
            }
            if is_over {
                return self.on_end(at);
            }
        }
    }

    /// The server has said its last: what follows may depend on what others hear.
    fn on_end(&mut self, at: usize) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(&at) else { return };
        let ended = *connection.end_was_read.get_or_insert(now);
        let verdict = self.kills.judge(now, super::addr(connection.server), ended);
        assert!(verdict != Verdict::Killed || self.was_killed, "somebody said so");
        match &connection.owner {
            Owner::Lane(_) => match verdict {
                Verdict::Unknown => self.pool.forget(at),
                Verdict::Killed => self.end_lane(at, |conn| Event::ServerKilled { conn }),
                Verdict::Ended => self.end_lane(at, |conn| Event::ServerClosed { conn }),
            },
            Owner::Client(who, conn) => {
                let (who, conn) = (*who, *conn);
                let is_killed = verdict == Verdict::Killed;
                if verdict == Verdict::Unknown && !self.clients[who].session.awaits_kill() {
                    return;
                }
                self.let_go(who);
                self.step(who, if is_killed { Event::ServerKilled { conn } } else { Event::ServerClosed { conn } });
                assert!(!is_killed || self.clients[who].is_going(), "who is killed goes");
            }
            Owner::Spare => {
                self.pool.forget(at);
                self.remove(at);
            }
        }
    }

    /// Hands each client of a lane its part of what came in.
    fn deal(&mut self, at: usize, n: usize) {
        let bytes = self.connections.get_mut(&at).expect("it is there").outbox.take(n);
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let Some(lane) = self.connections.get_mut(&at).and_then(Connection::lane) else { return };
            let len = match lane.take(rest) {
                Ok(Taken::For { client: who, conn, len }) => {
                    self.catch_up(who);
                    self.lend(who);
                    self.step(who, Event::ServerBytes { conn, bytes: &rest[..len] });
                    self.look_at_reader(at, who);
                    len
                }
                Ok(Taken::Nobody { len }) => len,
                Ok(Taken::Ready { len }) => {
                    self.tell_lane(at, |conn| Event::ServerReady { conn });
                    len
                }
                Ok(Taken::Busy { len }) => {
                    return self.end_lane(at, |conn| Event::ServerBusy { conn, line: &rest[..len] });
                }
                Ok(Taken::Refused) => return self.end_lane(at, |conn| Event::ServerRefused { conn }),
                Ok(Taken::NotYet) => return self.end_lane(at, |conn| Event::ServerFailed { conn }),
                Err(_) => {
                    assert!(self.was_nonsense || self.was_full, "servers answer what they were asked");
                    return self.end_lane(at, |conn| Event::ServerMisbehaved { conn });
                }
            };
            assert!(len > 0, "it gets on");
            rest = &rest[len..];
        }
    }

    /// One that reads slowly must not hold up the others.
    fn look_at_reader(&mut self, at: usize, who: usize) {
        let unread =
            if self.clients[who].gone.is_none() { self.clients[who].session.to_client().len() } else { return };
        let now = self.now;
        let Some(lane) = self.connections.get_mut(&at).and_then(Connection::lane) else { return };
        if lane.on_unread(now, who, unread) {
            let idle = lane.idle(now);
            self.pool.forget(at);
            for (who, conn) in idle {
                self.send_elsewhere(who, conn);
            }
        }
    }

    /// Whether nothing may be read because a client does not read.
    pub(crate) fn is_jammed(&mut self, at: usize) -> bool {
        let now = self.now;
        let Some(lane) = self.connections.get_mut(&at).and_then(Connection::lane) else { return false };
        let Some(who) = lane.jammed_by() else { return false };
        assert!(self.clients[who].gone.is_none(), "who has left jams nothing");
        let unread = self.clients[who].session.to_client().len();
        let lane = self.connections.get_mut(&at).and_then(Connection::lane).expect("it is there");
        !lane.on_progress(now, unread)
    }

    /// Those ends of which it was not known what follows.
    fn settle_doubts(&mut self) {
        self.with_each(|world, at| {
            if world.connections[&at].end_was_read.is_some() {
                world.on_end(at);
            }
        });
    }

    /// What is due by now.
    pub(crate) fn wake_all(&mut self) {
        self.settle_doubts();
        for who in 0..self.clients.len() {
            if self.clients[who].gone.is_none() {
                self.clients[who].session.wake(self.now);
                self.act_for(who);
                let due = self.clients[who].session.deadline().filter(|(at, _)| *at <= self.now);
                assert!(due.is_none() || self.clients[who].gone.is_some(), "B2: {due:?}");
            }
        }
        let (now, due) = (self.now, |deadline: Option<Instant>| deadline.is_some_and(|at| at <= self.now));
        let is_due = |c: &mut Connection| c.lane().is_some_and(|lane| due(lane.deadline().or_else(|| lane.overdue())));
        let lanes: Vec<usize> = self.connections.iter_mut().filter_map(|(at, c)| is_due(c).then_some(*at)).collect();
        for at in lanes {
            self.on_lane_due(at);
        }
        while let Some(old) = self.pool.expire(now) {
            self.remove(old);
        }
        assert!(self.pool.deadline().is_none_or(|at| at > now), "B2");
    }

    /// A lane was not made in time, nobody uses it, somebody is waited for in vain, or the server holds back an answer.
    fn on_lane_due(&mut self, at: usize) {
        let now = self.now;
        let Some(lane) = self.connections.get_mut(&at).and_then(Connection::lane) else { return };
        if lane.jammed_by().is_some() {
            if let Some(who) = lane.give_up(now) {
                assert!(self.clients[who].session.to_client().len() > 512 * 1024, "it has more to read than is fair");
                self.over(who, Why::SlowReader);
            }
        } else if lane.deadline().is_some_and(|at| at <= now) {
            self.end_lane(at, |conn| Event::ServerFailed { conn });
        } else {
            self.give_way(at);
        }
    }

    /// Those who wait behind a request that the server holds back ask elsewhere.
    fn give_way(&mut self, at: usize) {
        let (now, clients) = (self.now, &self.clients);
        let Some(lane) = self.connections.get_mut(&at).and_then(Connection::lane) else { return };
        let leaving = lane.give_way(now, |who| clients[who].session.may_ask_again());
        assert!(lane.overdue().is_none_or(|at| at > now), "B2");
        if lane.is_retired() {
            self.pool.forget(at);
        }
        for (who, conn) in leaving {
            self.send_elsewhere(who, conn);
        }
    }
}
