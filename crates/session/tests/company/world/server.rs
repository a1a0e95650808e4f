//! What do the servers answer, and do?
//!
//! They have the same data (replication that never lags), so that what must not happen can be told from what was merely lost.

use std::collections::{BTreeMap, BTreeSet};

use resp::{Request, RequestScanner};

use super::World;
use super::driver::Owner;
use super::op::{Is, KEYS};

/// What all servers have.
#[derive(Default)]
pub(crate) struct Data {
    /// Writes that were executed, by their ids.
    pub(crate) executed: BTreeSet<String>,
    /// Of each client, which of its requests was the last such one, counted from one.
    pub(crate) last: BTreeMap<usize, usize>,
    /// How often each key was changed that may be watched.
    pub(crate) versions: [u64; KEYS as usize],
    /// These when a transaction was executed, by the ids of its writes.
    pub(crate) versions_at: BTreeMap<String, [u64; KEYS as usize]>,
    /// Users whose password is not what it was.
    pub(crate) revoked: [bool; 3],
    /// Who has not signed in may do nothing.
    pub(crate) locked: bool,
}

/// One connection, as its server knows it.
#[derive(Default)]
pub(crate) struct Link {
    db: u8,
    user: Option<u8>,
    resp3: bool,
    name: String,
    pub(crate) no_evict: bool,
    pub(crate) multi: Option<Vec<Vec<String>>>,
    dirty: bool,
    pub(crate) watches: BTreeMap<usize, u64>,
    pub(crate) listens: BTreeSet<String>,
    pub(crate) blocked: Option<String>,
    /// What only this connection knows, and whether it has told it.
    id: usize,
    pub(crate) told: bool,
}

pub(crate) const FULL: &[u8] = b"-ERR max number of clients reached\r\n";
const READONLY: &str = "-READONLY You can't write against a read only replica.\r\n";
const BUSY: &str = "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n";
/// More than a session asks for more behind.
const BIG: usize = 70_000;
/// Three of them are more than a lane bears.
const HUGE: usize = 400_000;

impl Link {
    pub(crate) fn new(id: usize) -> Self {
        Self { id, ..Self::default() }
    }

    fn signed(&self, id: &str) -> String {
        format!("{id}.{}.{}.{}", self.db, self.user.unwrap_or_default(), if self.resp3 { 3 } else { 2 })
    }

    fn hello(&mut self, words: &[String], data: &Data) -> String {
        let protocol = words.get(1).map(String::as_str);
        if !matches!(protocol, Some("2" | "3")) {
            return "-NOPROTO unsupported protocol version\r\n".to_owned();
        }
        let after = |word: &str| words.iter().position(|w| w == word).map(|at| at + 1);
        if let Some(at) = after("AUTH") {
            let Some(user) = data.sign_in(&words[at], &words[at + 1]) else { return WRONG.to_owned() };
            self.user = Some(user);
        } else if data.locked && self.user.is_none() {
            return "-NOAUTH HELLO must be called with the client already authenticated\r\n".to_owned();
        }
        if let Some(at) = after("SETNAME") {
            if words[at].contains(' ') {
                return "-ERR Client names cannot contain spaces, newlines or special characters.\r\n".to_owned();
            }
            self.name.clone_from(&words[at]);
        }
        self.resp3 = protocol == Some("3");
        let head = if self.resp3 { "%1" } else { "*2" };
        format!("{head}\r\n$5\r\nproto\r\n:{}\r\n", if self.resp3 { 3 } else { 2 })
    }

    /// One answer for each name.
    fn listen(&mut self, words: &[String]) -> String {
        let verb = words[0].to_lowercase();
        let mut answers = String::new();
        for name in &words[1..] {
            if verb == "subscribe" {
                self.listens.insert(name.clone());
            } else {
                self.listens.remove(name);
            }
            let (n, of, head) = (verb.len(), self.listens.len(), if self.resp3 { '>' } else { '*' });
            answers += &format!("{head}3\r\n${n}\r\n{verb}\r\n$2\r\n{name}\r\n:{of}\r\n");
        }
        answers
    }

    fn null(&self) -> String {
        if self.resp3 { "_\r\n" } else { "$-1\r\n" }.to_owned()
    }

    fn client(&mut self, words: &[String]) -> String {
        match words[1].as_str() {
            "SETNAME" => self.name.clone_from(&words[2]),
            "NO-EVICT" => self.no_evict = words[2] == "ON",
            "GETNAME" if self.name.is_empty() => return self.null(),
            "GETNAME" => return bulk(&self.name),
            // It is the world that does it.
            "KILL" => return NOBODY.to_owned(),
            "ID" => {
                self.told = true;
                return format!(":{}\r\n", self.id);
            }
            other => panic!("nobody says CLIENT {other}"),
        }
        "+OK\r\n".to_owned()
    }

    fn reset(&mut self) -> String {
        *self = Self { no_evict: self.no_evict, told: self.told, id: self.id, ..Self::default() };
        "+RESET\r\n".to_owned()
    }
}

const NOBODY: &str = ":0\r\n";
const WRONG: &str = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

impl Data {
    fn sign_in(&self, user: &str, password: &str) -> Option<u8> {
        let user = u8::try_from(["default", "u1", "u2"].iter().position(|u| *u == user)?).ok()?;
        (password == "p" && !self.revoked[usize::from(user)]).then_some(user)
    }

    /// What a command does on its own or within a transaction.
    fn execute(&mut self, link: &mut Link, words: &[String]) -> String {
        let id = words.get(1).map_or("", String::as_str);
        match words[0].as_str() {
            "SET" | "BLPOP" => {
                let (who, n) = id.split_once('-').expect("a client and a number");
                let (who, n): (usize, usize) = (who.parse().unwrap(), n.parse().unwrap());
                assert!(self.executed.insert(id.to_owned()), "R2: {id}");
                let before = self.last.insert(who, n + 1).unwrap_or_default();
                assert!(before <= n, "writes are executed in the client's order: {id} after {before}");
                format!("+{}\r\n", link.signed(id))
            }
            "SELECT" => {
                link.db = id.parse().expect("a number");
                "+OK\r\n".to_owned()
            }
            "UNWATCH" => {
                link.watches.clear();
                "+OK\r\n".to_owned()
            }
            "HGET" => {
                let key: usize = id[1..].parse().expect("a number");
                bulk(&format!("{}.{}", link.signed(&words[2]), self.versions[key]))
            }
            "GET" | "LRANGE" | "SORT_RO" => {
                let who: usize = id.split_once('-').and_then(|(who, _)| who.parse().ok()).expect("a client");
                let mut text = format!("{}.{}.", link.signed(id), self.last.get(&who).copied().unwrap_or_default());
                let size = match words[0].as_str() {
                    "LRANGE" => BIG,
                    "SORT_RO" => HUGE,
                    _ => 0,
                };
                text.extend(std::iter::repeat_n(' ', size));
                bulk(&text)
            }
            "CLIENT" => link.client(words),
            "PING" => "+PONG\r\n".to_owned(),
            "SCRIPT" => "-NOTBUSY No scripts in execution right now.\r\n".to_owned(),
            other => panic!("nobody says {other}"),
        }
    }
}

impl World {
    /// A server handles up to `n` requests of a connection.
    pub(crate) fn process(&mut self, at: usize, n: usize) {
        for _ in 0..n {
            let connection = self.connections.get_mut(&at).expect("it is there");
            if connection.link.blocked.is_some() {
                return;
            }
            let Ok(Some(Request::Command(request))) = RequestScanner::default().next(&connection.inbox) else { return };
            let text = |w: &[u8]| String::from_utf8_lossy(w).into_owned();
            let words: Vec<String> = request.arguments(&connection.inbox).map(text).collect();
            connection.inbox.drain(..request.len());
            if matches!(connection.owner, Owner::Lane(_)) {
                let harmless = ["SET", "GET", "LRANGE", "SORT_RO", "HGET", "AUTH", "HELLO", "SELECT"];
                assert!(harmless.contains(&words[0].as_str()), "not where others are: {words:?}");
            }
            let is = self.servers[connection.server];
            let Some(reply) = answer(&mut self.data, &mut connection.link, is, &words) else { continue };
            if words[..2.min(words.len())] == ["CLIENT", "KILL"] && reply == NOBODY {
                return self.kill(at, words[3] == "no");
            }
            connection.outbox.say(reply.as_bytes());
        }
    }

    /// A server ends all its connections for the sake of one, which may be among them.
    fn kill(&mut self, me: usize, too: bool) {
        let server = self.connections[&me].server;
        let is_other = |(at, c): (&usize, &super::driver::Connection)| {
            (*at != me && c.server == server && c.made && !c.ended).then_some(*at)
        };
        let others: Vec<usize> = self.connections.iter().filter_map(is_other).collect();
        self.was_killed = true;
        for at in &others {
            // What it had not sent yet, or had.
            self.cut(*at, false, if at % 3 == 0 { 0 } else { usize::MAX });
        }
        let killed = others.len() + usize::from(too);
        self.connections.get_mut(&me).expect("it is there").outbox.say(format!(":{killed}\r\n").as_bytes());
        if too {
            self.cut(me, false, usize::MAX);
        }
    }

    /// Somebody gives a blocked client what it waits for.
    pub(crate) fn feed(&mut self, which: usize) {
        let blocked = |c: &&mut super::driver::Connection| c.link.blocked.is_some() && !c.ended;
        let n = self.connections.values_mut().filter(blocked).count().max(1);
        let Some(connection) = self.connections.values_mut().filter(blocked).nth(which % n) else { return };
        if self.servers[connection.server] != Is::Master {
            return;
        }
        let id = connection.link.blocked.take().expect("it is blocked");
        let reply = self.data.execute(&mut connection.link, &["BLPOP".to_owned(), id]);
        connection.outbox.say(reply.as_bytes());
    }

    pub(crate) fn becomes(&mut self, server: usize, is: Is) {
        self.servers[server] = is;
        if matches!(is, Is::Master | Is::Hangs | Is::Busy) {
            return;
        }
        for connection in self.connections.values_mut().filter(|c| c.server == server && !c.ended) {
            if connection.link.blocked.take().is_some() {
                connection.outbox.say(b"-UNBLOCKED force unblock from blocking operation, instance state changed\r\n");
            }
        }
    }

    pub(crate) fn publish(&mut self, n: u8) {
        let name = format!("c{n}");
        for connection in self.connections.values_mut().filter(|c| !c.ended && c.link.listens.contains(&name)) {
            let head = if connection.link.resp3 { '>' } else { '*' };
            connection.outbox.say(format!("{head}3\r\n$7\r\nmessage\r\n$2\r\n{name}\r\n$1\r\nm\r\n").as_bytes());
        }
    }
}

/// What a server answers, and does. `None`: it answers later.
fn answer(data: &mut Data, link: &mut Link, is: Is, words: &[String]) -> Option<String> {
    let name = words[0].as_str();
    let about_itself = matches!(name, "AUTH" | "HELLO" | "RESET" | "QUIT");
    if data.locked && link.user.is_none() && !about_itself {
        return Some("-NOAUTH Authentication required.\r\n".to_owned());
    }
    let of_a_transaction = matches!(name, "MULTI" | "EXEC" | "DISCARD" | "WATCH" | "UNWATCH" | "SELECT");
    let writes = matches!(name, "SET" | "BLPOP");
    let any_time = about_itself || of_a_transaction || name == "CLIENT" || name.ends_with("SUBSCRIBE");
    let is_heard = about_itself || matches!(name, "MULTI" | "DISCARD" | "WATCH" | "UNWATCH" | "SCRIPT");
    let refusal = match is {
        Is::Busy if !is_heard && name == "EXEC" => {
            link.multi = None;
            link.watches.clear();
            return Some(format!("-EXECABORT Transaction discarded because: {}", &BUSY[1..]));
        }
        Is::Busy if !is_heard => Some(BUSY),
        Is::Loading if !any_time => Some("-LOADING Redis is loading the dataset in memory\r\n"),
        Is::Orphan if !any_time => Some("-MASTERDOWN Link with MASTER is down\r\n"),
        Is::Replica | Is::Orphan if writes => Some(READONLY),
        _ => None,
    };
    if let Some(refusal) = refusal {
        link.dirty |= link.multi.is_some();
        return Some(refusal.to_owned());
    }
    Some(match name {
        "RESET" => link.reset(),
        "MULTI" if link.multi.is_some() => "-ERR MULTI calls can not be nested\r\n".to_owned(),
        "MULTI" => {
            link.multi = Some(Vec::new());
            link.dirty = false;
            "+OK\r\n".to_owned()
        }
        "EXEC" => exec(data, link, is),
        "DISCARD" if link.multi.is_none() => "-ERR DISCARD without MULTI\r\n".to_owned(),
        "DISCARD" => {
            link.multi = None;
            link.watches.clear();
            "+OK\r\n".to_owned()
        }
        "WATCH" if link.multi.is_some() => "-ERR WATCH inside MULTI is not allowed\r\n".to_owned(),
        "WATCH" => {
            let key: usize = words[1][1..].parse().expect("a number");
            link.watches.entry(key).or_insert(data.versions[key]);
            "+OK\r\n".to_owned()
        }
        _ if link.multi.is_some() => {
            assert!(!name.ends_with("SUBSCRIBE") && !about_itself, "clients of this world do not");
            link.multi.as_mut().expect("it is open").push(words.to_vec());
            "+QUEUED\r\n".to_owned()
        }
        "AUTH" => match data.sign_in(&words[1], &words[2]) {
            Some(user) => {
                link.user = Some(user);
                "+OK\r\n".to_owned()
            }
            None => WRONG.to_owned(),
        },
        "HELLO" => link.hello(words, data),
        "SUBSCRIBE" | "UNSUBSCRIBE" => link.listen(words),
        "BLPOP" => {
            link.blocked = Some(words[1].clone());
            return None;
        }
        _ => data.execute(link, words),
    })
}

fn exec(data: &mut Data, link: &mut Link, is: Is) -> String {
    let Some(queued) = link.multi.take() else { return "-ERR EXEC without MULTI\r\n".to_owned() };
    let touched = link.watches.iter().any(|(key, version)| data.versions[*key] != *version);
    link.watches.clear();
    if link.dirty {
        return "-EXECABORT Transaction discarded because of previous errors.\r\n".to_owned();
    }
    let writes = queued.iter().any(|words| matches!(words[0].as_str(), "SET" | "BLPOP"));
    let because = match is {
        Is::Replica if writes => Some("READONLY You can't write against a read only replica."),
        Is::Loading => Some("LOADING Redis is loading the dataset in memory"),
        Is::Orphan => Some("MASTERDOWN Link with MASTER is down"),
        _ => None,
    };
    if let Some(because) = because {
        return format!("-EXECABORT Transaction discarded because: {because}\r\n");
    }
    if touched {
        return if link.resp3 { "_\r\n" } else { "*-1\r\n" }.to_owned();
    }
    let mut replies = String::new();
    for words in &queued {
        if words[0] == "SET" {
            data.versions_at.insert(words[1].clone(), data.versions);
        }
        replies += &data.execute(link, words);
    }
    format!("*{}\r\n{replies}", queued.len())
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}
