//! A conversation of one session with its client and its server, for tests. Lines: `c>` the client says, `s<` its server hears,
//! `s>` the server says, `c<` the client hears.

#![allow(dead_code, reason = "each test file has its own part of it")]

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use machine::Instant;
use session::{Action, Conn, Event, Rules, Session, Why};
use view::{Epoch, LinkState, Offset, Phase, Replica, View};

pub(crate) struct Talk {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    pub(crate) conn: Conn,
    pub(crate) actions: Vec<Action>,
}

pub(crate) fn addr(n: u16) -> std::net::SocketAddr {
    ([10, 0, 0, 1], n).into()
}

pub(crate) fn view(epoch: u64, phase: Phase, master: u16, replicas: &[u16]) -> Arc<View> {
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

pub(crate) fn master() -> Talk {
    Talk::new(Rules::default(), view(1, Phase::Steady, 1, &[2, 3]))
}

impl Talk {
    pub(crate) fn new(rules: Rules, view: Arc<View>) -> Self {
        let session = Session::new(Arc::new(rules), view, Rc::default());
        Self { session, now: Instant::START, conn: Conn(0), actions: Vec::new() }
    }

    pub(crate) fn step(&mut self, event: Event<'_>) -> &mut Self {
        self.session.handle(self.now, event);
        self.drain()
    }

    pub(crate) fn drain(&mut self) -> &mut Self {
        while let Some(action) = self.session.poll() {
            if let Action::Connect { conn, .. } | Action::Share { conn, .. } = action {
                self.conn = conn;
            }
            self.actions.push(action);
        }
        self
    }

    /// The client says it, inline commands separated by semicolons.
    pub(crate) fn c(&mut self, says: &str) -> &mut Self {
        self.step(Event::ClientBytes(format!("{}\r\n", says.replace("; ", "\r\n")).as_bytes()))
    }

    pub(crate) fn s(&mut self, says: &str) -> &mut Self {
        let conn = self.conn;
        self.step(Event::ServerBytes { conn, bytes: format!("{}\r\n", says.replace("; ", "\r\n")).as_bytes() })
    }

    pub(crate) fn connected(&mut self) -> &mut Self {
        let conn = self.conn;
        self.step(Event::ServerConnected { conn })
    }

    /// The part in a shared connection may be used.
    pub(crate) fn ready(&mut self) -> &mut Self {
        let conn = self.conn;
        self.step(Event::ServerReady { conn })
    }

    pub(crate) fn gone(&mut self) -> &mut Self {
        let conn = self.conn;
        // The view has a moment to say that the master is gone.
        self.step(Event::ServerClosed { conn }).pass(20)
    }

    pub(crate) fn view(&mut self, epoch: u64, phase: Phase, master: u16) -> &mut Self {
        self.step(Event::View(view(epoch, phase, master, &[])))
    }

    pub(crate) fn pass(&mut self, ms: u64) -> &mut Self {
        self.now += Duration::from_millis(ms);
        self.session.wake(self.now);
        self.drain()
    }

    /// What the server hears, as words.
    #[track_caller]
    pub(crate) fn server_hears(&mut self, expected: &str) -> &mut Self {
        let text = String::from_utf8_lossy(self.session.to_server()).into_owned();
        let mut words = Vec::new();
        for line in text.split("\r\n").filter(|l| !l.is_empty()) {
            match line.as_bytes()[0] {
                b'*' => words.push(";"),
                b'$' => {}
                _ => words.push(line),
            }
        }
        let heard = words.join(" ").replace(" ; ", "; ");
        assert_eq!(heard.trim_start_matches("; "), expected, "server hears");
        let n = text.len();
        self.session.sent(n);
        self.drain()
    }

    /// All that the client hears, lines separated by semicolons.
    pub(crate) fn heard(&mut self) -> String {
        let text = String::from_utf8_lossy(self.session.to_client()).into_owned();
        self.session.delivered(text.len());
        self.drain();
        text.trim_end().replace("\r\n", "; ")
    }

    #[track_caller]
    pub(crate) fn client_hears(&mut self, expected: &str) -> &mut Self {
        let text = String::from_utf8_lossy(self.session.to_client()).into_owned();
        assert_eq!(text.trim_end().replace("\r\n", "; "), expected, "client hears");
        let n = text.len();
        self.session.delivered(n);
        self.drain()
    }

    #[track_caller]
    pub(crate) fn orders(&mut self, expected: &[Action]) -> &mut Self {
        assert_eq!(self.actions, expected, "orders");
        self.actions.clear();
        self
    }

    #[track_caller]
    pub(crate) fn closes(&mut self, why: Why) -> &mut Self {
        assert!(self.actions.contains(&Action::CloseClient { why }), "closes: {:?}", self.actions);
        self
    }
}

pub(crate) const READONLY: &str = "-READONLY You can't write against a read only replica.";
