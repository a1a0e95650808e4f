//! What does a client say, in words?

use session::Event;

use super::op::Ask;
use super::{Client, HOLD_BYTES, MOUTHFUL, World, judge};

impl World {
    /// A client says something, and so much of it is read. Not `whole`: its last bytes come later.
    pub(crate) fn ask(&mut self, who: usize, ask: Ask, whole: bool) {
        let is_small = self.setting.hold_bytes == HOLD_BYTES;
        let writes = judge::writes(self.setting.role);
        let client = &mut self.clients[who];
        // As much as a socket has room for.
        if client.gone.is_some() || client.ended || client.says.len() > MOUTHFUL {
            return;
        }
        client.asks(who, ask, writes, is_small);
        let later = if whole { 0 } else { 5 };
        self.say_but(who, later);
    }

    /// What a client said is read, as far as it may be.
    pub(crate) fn say(&mut self, who: usize) {
        self.say_but(who, 0);
    }

    fn say_but(&mut self, who: usize, later: usize) {
        while self.clients[who].gone.is_none() && self.clients[who].session.wants_client_bytes() {
            let client = &mut self.clients[who];
            let n = client.says.len().saturating_sub(later).min(MOUTHFUL);
            if n == 0 {
                if client.says.is_empty() && client.ended && !std::mem::replace(&mut client.end_was_read, true) {
                    self.step(who, Event::ClientClosed);
                }
                return;
            }
            let bytes: Vec<u8> = client.says.drain(..n).collect();
            match client.session.room() {
                // As the driver reads the rest of a large request.
                Some(room) => {
                    room.extend_from_slice(&bytes);
                    self.step(who, Event::ClientRead { len: bytes.len() });
                }
                None => {
                    self.lend(who);
                    self.step(who, Event::ClientBytes(&bytes));
                }
            }
        }
    }

    /// What it asks when all is well again: whether it is who it was.
    pub(crate) fn ask_at_last(&mut self, who: usize) {
        let ends = self.clients[who].in_multi.then_some(Ask::Discard);
        for ask in ends.into_iter().chain([Ask::GetName, Ask::Read, Ask::Write, Ask::Read]) {
            self.ask(who, ask, true);
        }
    }
}

impl Client {
    fn asks(&mut self, who: usize, ask: Ask, writes: bool, is_small: bool) {
        let key = |k: u8| format!("k{k}");
        let id = format!("{who}-{}", self.asked.len());
        let user = |n: u8| ["default", "u1", "u2", "u1"][usize::from(n)];
        let ask = if self.in_multi && has_another_answer_within(ask) { Ask::Read } else { ask };
        match ask {
            Ask::Write if writes => self.words(&["SET", &id, "v"]),
            Ask::LargeWrite if writes => {
                let value = "v".repeat(if is_small { 6_000 } else { 60_000 });
                self.words(&["SET", &id, &value]);
            }
            Ask::Pop if writes && !self.in_multi => self.words(&["BLPOP", &id, "0"]),
            Ask::Write | Ask::LargeWrite | Ask::Pop | Ask::Read => self.words(&["GET", &id]),
            Ask::Reads(n) => (0..n).for_each(|_| self.asks(who, Ask::Read, writes, is_small)),
            Ask::Big => self.words(&["LRANGE", &id, "0", "-1"]),
            Ask::Huge(0) => self.words(&["SORT_RO", &id]),
            Ask::Huge(n) => (0..n).for_each(|_| self.asks(who, Ask::Huge(0), writes, is_small)),
            Ask::Look(k) => self.words(&["HGET", &key(k), &id]),
            Ask::Watch(k) => self.words(&["WATCH", &key(k)]),
            Ask::Unwatch => self.words(&["UNWATCH"]),
            Ask::Multi => {
                self.in_multi = true;
                self.words(&["MULTI"]);
            }
            Ask::Exec | Ask::Discard => {
                self.in_multi = false;
                self.words(&[if ask == Ask::Exec { "EXEC" } else { "DISCARD" }]);
            }
            Ask::Transaction => {
                for ask in [Ask::Multi, Ask::Write, Ask::Read, Ask::Exec] {
                    self.asks(who, ask, writes, is_small);
                }
            }
            Ask::Cas(k) => {
                for ask in [Ask::Watch(k), Ask::Look(k), Ask::Multi, Ask::Write, Ask::Exec] {
                    self.asks(who, ask, writes, is_small);
                }
            }
            Ask::SelectWithin(n) => {
                for ask in [Ask::Multi, Ask::Select(n), Ask::Exec] {
                    self.asks(who, ask, writes, is_small);
                }
            }
            Ask::Select(n) => self.words(&["SELECT", &n.to_string()]),
            Ask::Auth(n) => self.words(&["AUTH", user(n), if n == 3 { "wrong" } else { "p" }]),
            Ask::Hello(protocol, None) => self.words(&["HELLO", &protocol.to_string()]),
            Ask::Hello(protocol, Some(n)) => {
                let password = if n == 3 { "wrong" } else { "p" };
                self.words(&["HELLO", &protocol.to_string(), "AUTH", user(n), password, "SETNAME", "greeted"]);
            }
            Ask::HelloHalf => self.words(&["HELLO", "3", "AUTH", "u2", "p", "SETNAME", "a b"]),
            Ask::Reset => {
                self.in_multi = false;
                self.words(&["RESET"]);
            }
            Ask::SetName(n) => self.words(&["CLIENT", "SETNAME", &format!("name{n}")]),
            Ask::GetName => self.words(&["CLIENT", "GETNAME"]),
            Ask::NoEvict(on) => self.words(&["CLIENT", "NO-EVICT", if on { "ON" } else { "OFF" }]),
            Ask::Id => self.words(&["CLIENT", "ID"]),
            Ask::ScriptKill => self.words(&["SCRIPT", "KILL"]),
            Ask::Kill { me } => self.words(&["CLIENT", "KILL", "SKIPME", if me { "no" } else { "yes" }]),
            Ask::Subscribe(n) => self.words(&["SUBSCRIBE", &format!("c{n}")]),
            Ask::Unsubscribe(n) => self.words(&["UNSUBSCRIBE", &format!("c{n}")]),
            Ask::Quit => self.words(&["QUIT"]),
            Ask::Garbage => {
                self.says.extend_from_slice(b"*x\r\n");
                self.asked.push(vec!["GARBAGE".to_owned()]);
            }
        }
    }

    fn words(&mut self, words: &[&str]) {
        resp::write::command(&mut self.says, words);
        self.asked.push(words.iter().map(|w| (*w).to_owned()).collect());
    }
}

/// What is not done within a transaction, or is another thing there.
const fn has_another_answer_within(ask: Ask) -> bool {
    matches!(
        ask,
        Ask::Auth(_)
            | Ask::Hello(..)
            | Ask::HelloHalf
            | Ask::Subscribe(_)
            | Ask::Unsubscribe(_)
            | Ask::Quit
            | Ask::ScriptKill
    )
}
