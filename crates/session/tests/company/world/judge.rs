//! What does each client make of the replies that it hears, and is it true?

use std::collections::{BTreeMap, BTreeSet};

use resp::Value;
use session::{OnUnknown, Role, Why};

use super::{Client, World};

/// What a client believes after each reply.
struct Belief<'a> {
    world: &'a World,
    client: &'a Client,
    who: usize,
    db: u8,
    user: User,
    resp3: bool,
    name: String,
    /// How many of its requests were done when it last heard of a write.
    acknowledged: usize,
    multi: Option<Vec<&'a [String]>>,
    /// Something was not queued: EXEC has to fail.
    failed: bool,
    /// Keys that it watches, and what it saw of them since.
    watches: BTreeMap<String, Option<u64>>,
    listens: BTreeSet<String>,
    /// Of its connection.
    id: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum User {
    Nobody,
    Known(u8),
    /// It was told of a fault in something of several parts.
    Unsure,
}

impl World {
    /// Reads all conversations as the clients do, and compares them with what happened.
    pub(crate) fn check(&self) {
        for (who, client) in self.clients.iter().enumerate() {
            assert!(client.replies.len() <= client.asked.len(), "R1: one reply each");
            let mut belief = Belief::new(self, client, who);
            for (asked, reply) in client.asked.iter().zip(&client.replies) {
                belief.hears(asked, reply);
            }
            if client.gone.is_none() {
                let there = client.at.map(|(at, _)| self.connections[&at].link.listens.clone());
                assert_eq!(there.unwrap_or_default(), belief.listens, "client {who} listens where it believes");
            }
        }
    }

    /// Whether a client is closed for a reason that there was.
    pub(crate) fn check_reason(&self, who: usize, why: Why) {
        let client = &self.clients[who];
        let has = |word: &str| client.asked.iter().any(|asked| asked[0] == word);
        let was = match why {
            Why::UnknownFate => {
                let mut unanswered = client.asked.iter().skip(client.replies.len());
                let writes =
                    unanswered.any(|asked| matches!(asked[0].as_str(), "SET" | "BLPOP" | "EXEC") || kills(asked));
                writes && self.was_cut && self.setting.on_unknown == OnUnknown::Close
            }
            Why::CutReply => self.was_cut,
            // More than may wait, or nobody to listen to.
            Why::HoldExpired => has("SUBSCRIBE") || client.asked.iter().any(|w| w.len() > 2 && w[2].len() > 1_000),
            Why::RestoreRefused => self.was_revoked || self.was_full,
            // It sets something within a transaction, and nobody tells what came of it.
            Why::Unrestorable => self.was_cut && (has("EXEC") || has("HELLO")),
            Why::ClientLeft => client.ended || client.left,
            Why::Quit => has("QUIT"),
            Why::Malformed => has("GARBAGE"),
            Why::SlowReader => true,
            Why::Killed => self.was_killed,
            Why::PinnedCut | Why::Idle | Why::ServerLeft | Why::ServerBroke | Why::Moved | Why::AddressLeft => false,
        };
        assert!(was, "client {who} is closed without a cause: {why}");
    }

    /// What may be kept for one client.
    pub(crate) fn check_bounds(&self, who: usize) {
        let session = &self.clients[who].session;
        let kept = session.kept_bytes();
        assert!(
            kept <= self.setting.hold_bytes + super::MOUTHFUL,
            "B1: {kept} bytes kept: {}",
            session.explain(self.now)
        );
        let unread = session.to_client().len();
        assert!(unread <= (1 << 20) + 256 * 1024, "B1: {unread} bytes unread: {}", session.explain(self.now));
    }
}

impl<'a> Belief<'a> {
    fn new(world: &'a World, client: &'a Client, who: usize) -> Self {
        Self {
            world,
            client,
            who,
            db: 0,
            user: User::Nobody,
            resp3: false,
            name: String::new(),
            acknowledged: 0,
            multi: None,
            failed: false,
            watches: BTreeMap::new(),
            listens: BTreeSet::new(),
            id: None,
        }
    }

    fn hears(&mut self, asked: &'a [String], reply: &Value) {
        let text = text(reply);
        let context = format!("client {} of {} {asked:?} hears {:.200}", self.who, self.world.clients.len(), text);
        let verb = asked[0].as_str();
        if let Value::Error(_) = reply {
            return self.hears_error(asked, &text, &context);
        }
        assert!(verb != "GARBAGE", "{context}");
        let ends = matches!(verb, "EXEC" | "DISCARD" | "RESET" | "MULTI" | "WATCH" | "QUIT");
        if let Some(queued) = self.multi.as_mut().filter(|_| !ends) {
            assert_eq!(text, "+QUEUED", "R1: {context}");
            return queued.push(asked);
        }
        match verb {
            "MULTI" => {
                assert_eq!(text, "+OK", "R1: {context}");
                self.multi = Some(Vec::new());
                self.failed = false;
            }
            "EXEC" => self.hears_exec(reply, &context),
            "DISCARD" => {
                assert_eq!(text, "+OK", "R1: {context}");
                self.transaction_was_not_executed(&context);
                self.watches.clear();
            }
            "RESET" => {
                assert_eq!(text, "+RESET", "R1: {context}");
                self.transaction_was_not_executed(&context);
                *self = Self {
                    acknowledged: self.acknowledged,
                    id: self.id,
                    ..Self::new(self.world, self.client, self.who)
                };
            }
            "WATCH" => {
                assert_eq!(text, "+OK", "R1: {context}");
                self.watches.entry(asked[1].clone()).or_default();
            }
            _ => self.hears_answer(asked, reply, &text, &context),
        }
    }

    /// To what is said outside of transactions, or was queued in one.
    fn hears_answer(&mut self, asked: &[String], reply: &Value, text: &str, context: &str) {
        match asked[0].as_str() {
            "SET" | "BLPOP" => {
                assert_eq!(text.strip_prefix('+'), Some(self.signed(&asked[1], text).as_str()), "R1: {context}");
                assert!(self.was_executed(asked), "what is acknowledged was done: {context}");
                self.acknowledged = number(&asked[1]) + 1;
            }
            "GET" | "LRANGE" | "SORT_RO" => self.hears_data(&asked[1], text, context),
            "HGET" => {
                let signed = self.signed(&asked[2], text);
                let version = text.strip_prefix(&signed).and_then(|rest| rest[1..].parse().ok());
                let version: u64 = version.unwrap_or_else(|| panic!("R1: {context}"));
                if let Some(seen) = self.watches.get_mut(&asked[1]) {
                    seen.get_or_insert(version);
                }
            }
            "SUBSCRIBE" | "UNSUBSCRIBE" => {
                let items = reply.as_array().unwrap_or_else(|| panic!("R1: {context}"));
                assert_eq!(
                    items[..2],
                    [Value::bulk(asked[0].to_lowercase()), Value::bulk(&*asked[1])],
                    "R1: {context}"
                );
                match asked[0].as_str() {
                    "SUBSCRIBE" => self.listens.insert(asked[1].clone()),
                    _ => self.listens.remove(&asked[1]),
                };
            }
            "HELLO" => {
                let is_it = matches!((asked[1].as_str(), reply), ("3", Value::Map(_)) | ("2", Value::Array(_)));
                assert!(is_it, "R1: {context}");
                self.resp3 = asked[1] == "3";
                if let Some(at) = asked.iter().position(|w| w == "AUTH") {
                    self.user = User::Known(user(&asked[at + 1]));
                }
                if let Some(at) = asked.iter().position(|w| w == "SETNAME") {
                    self.name.clone_from(&asked[at + 1]);
                }
            }
            "CLIENT" if asked[1] == "KILL" => assert!(matches!(reply, Value::Int(_)), "R1: {context}"),
            "CLIENT" if asked[1] == "GETNAME" => {
                let name = if reply.is_null() { "" } else { text };
                assert_eq!(name, self.name, "R1, and it is restored: {context}");
            }
            "CLIENT" if asked[1] == "ID" => {
                let Value::Int(id) = reply else { panic!("R1: {context}") };
                // What only a connection knows, as long as nothing cuts it.
                let before = self.id.replace(*id);
                assert!(self.world.was_cut || before.is_none_or(|before| before == *id), "it keeps its own: {context}");
            }
            verb => {
                assert_eq!(text, "+OK", "R1: {context}");
                match verb {
                    "SELECT" => self.db = asked[1].parse().expect("a number"),
                    "AUTH" => self.user = User::Known(user(&asked[1])),
                    "CLIENT" if asked[1] == "SETNAME" => self.name.clone_from(&asked[2]),
                    _ => {}
                }
            }
        }
    }

    /// How a reply begins that a server gave to somebody who is what this client believes to be.
    fn signed(&self, id: &str, text: &str) -> String {
        let user = match self.user {
            User::Known(user) => user,
            User::Nobody => {
                assert!(!self.world.data.locked, "nobody is somebody: {text:.100}");
                0
            }
            // Whoever the server says.
            User::Unsure => text.rsplit(id).next().and_then(|rest| rest.split('.').nth(2)?.parse().ok()).unwrap_or(0),
        };
        format!("{id}.{}.{user}.{}", self.db, if self.resp3 { 3 } else { 2 })
    }

    fn hears_data(&self, id: &str, text: &str, context: &str) {
        let signed = self.signed(id, text);
        let last = text.strip_prefix(&signed).and_then(|rest| rest[1..].trim_end().trim_end_matches('.').parse().ok());
        let last: usize = last.unwrap_or_else(|| panic!("R1: {signed}: {context}"));
        assert!(last >= self.acknowledged, "a read sees the writes before it: {context}");
        // With an error for what is unknown, reads go again behind a write that was in flight.
        let is_told = self.world.setting.on_unknown == OnUnknown::Error;
        assert!(is_told || last <= number(id), "a read sees no later write: {context}");
    }

    fn has_asked(&self, verb: &str) -> bool {
        self.client.asked.iter().any(|asked| asked[0] == verb)
    }

    fn was_executed(&self, asked: &[String]) -> bool {
        matches!(asked[0].as_str(), "SET" | "BLPOP") && self.world.data.executed.contains(&asked[1])
    }

    fn transaction_was_not_executed(&mut self, context: &str) {
        for asked in self.multi.take().unwrap_or_default() {
            assert!(!self.was_executed(asked), "it executes nothing, and {asked:?} was: {context}");
        }
    }

    fn hears_error(&mut self, asked: &'a [String], text: &str, context: &str) {
        let verb = asked[0].as_str();
        let code = text[1..].split(' ').next().unwrap_or_default();
        let ends = matches!(verb, "EXEC" | "DISCARD");
        if code == "UNKNOWNFATE" {
            assert!(self.world.was_cut && self.world.setting.on_unknown == OnUnknown::Error, "{context}");
            assert!(ends || matches!(verb, "SET" | "BLPOP") || kills(asked), "harmless: {context}");
            if ends {
                self.multi = None;
                self.watches.clear();
            }
            return;
        }
        assert!(!self.was_executed(asked), "an error executes nothing: {context}");
        let is_expected = match code {
            "NOAUTH" => self.world.data.locked && !matches!(self.user, User::Known(_)),
            "WRONGPASS" => matches!(verb, "AUTH" | "HELLO"),
            "NOPROTO" => verb == "HELLO",
            // Several that were refused hear what the first of them was told.
            "READONLY" => self.has_asked("SET") || self.has_asked("BLPOP"),
            "UNBLOCKED" => self.has_asked("BLPOP"),
            "LOADING" | "MASTERDOWN" => true,
            "BUSY" => self.world.was_busy && verb != "SCRIPT",
            "NOTBUSY" => verb == "SCRIPT",
            "EXECABORT" => verb == "EXEC",
            _ if text.contains("max number of clients") => self.world.was_full,
            _ if text.contains("Protocol error") => verb == "GARBAGE",
            _ if text.contains("cannot contain spaces") => verb == "HELLO",
            _ if text.contains("MULTI") => matches!(verb, "MULTI" | "EXEC" | "DISCARD" | "WATCH"),
            _ => false,
        };
        assert!(is_expected, "R1: {context}");
        if text.contains("cannot contain spaces") {
            self.user = User::Unsure;
        }
        if ends && self.multi.is_some() {
            self.transaction_was_not_executed(context);
            self.watches.clear();
        }
        self.failed |= self.multi.is_some() && !matches!(verb, "MULTI" | "WATCH");
    }

    fn hears_exec(&mut self, reply: &Value, context: &str) {
        let watches = std::mem::take(&mut self.watches);
        if reply.is_null() {
            assert!(!watches.is_empty(), "only a watch makes EXEC fail like this: {context}");
            return self.transaction_was_not_executed(context);
        }
        assert!(!self.failed, "not all was queued: {context}");
        let queued = self.multi.take().unwrap_or_else(|| panic!("R1: {context}"));
        let replies = reply.as_array().unwrap_or_else(|| panic!("R1: {context}"));
        assert_eq!(replies.len(), queued.len(), "R1: {context}");
        for (asked, reply) in queued.iter().zip(replies) {
            if let Some(versions) = self.world.data.versions_at.get(&asked[1.min(asked.len() - 1)]) {
                for (key, seen) in &watches {
                    let key: usize = key[1..].parse().expect("a number");
                    assert!(seen.is_none_or(|seen| seen == versions[key]), "what it watched was changed: {context}");
                }
            }
            self.hears_answer(asked, reply, &text(reply), context);
        }
    }
}

/// Whether it answers nobody.
pub(crate) fn is_message(value: &Value, client: &Client) -> bool {
    let Some(items) = value.as_array().filter(|items| items.first() == Some(&Value::bulk("message"))) else {
        return false;
    };
    let Value::Bulk(channel) = &items[1] else { panic!("a channel has a name") };
    let asked = |asked: &Vec<String>| asked[0] == "SUBSCRIBE" && asked[1].as_bytes() == channel.as_ref() as &[u8];
    assert!(client.asked.iter().any(asked), "a message for somebody else");
    true
}

fn kills(asked: &[String]) -> bool {
    asked.get(1).is_some_and(|word| word == "KILL")
}

fn number(id: &str) -> usize {
    id.split('-').nth(1).and_then(|n| n.parse().ok()).expect("an id has a number")
}

fn user(name: &str) -> u8 {
    ["default", "u1", "u2"].iter().position(|u| *u == name).and_then(|n| u8::try_from(n).ok()).expect("a user")
}

pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Simple(s) => format!("+{}", String::from_utf8_lossy(s)),
        Value::Error(s) => format!("-{}", String::from_utf8_lossy(s)),
        Value::Bulk(s) => String::from_utf8_lossy(s).into_owned(),
        other => format!("{other:?}"),
    }
}

/// On a listener of replicas nothing is written.
pub(crate) const fn writes(role: Role) -> bool {
    matches!(role, Role::Master)
}
