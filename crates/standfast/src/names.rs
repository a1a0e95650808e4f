//! Which address does a host name mean, and which name does an address have? The machine knows addresses only; at the edges of the
//! program names become addresses, and addresses names.
//!
//! ```text
//!   name ──find──> the last good answer, at once      name server ──> a thread for each question, never the loop
//!     └─ not known yet: asked, and meanwhile nobody's address stands for it (240.0.0.0/4, RFC 1112 4)
//!   an answer that differs ──> Event::Moved for every server known under that name
//! ```
//!
//! A question to a name server can take half a minute. A node that waited for it would be frozen, and whoever is frozen decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use host::clock;
use sentinel::{Event, hello};
use tokio::sync::mpsc;

use crate::node_loop::Input;

/// All names of a node. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct Names(Arc<Shared>);

#[derive(Default)]
struct Shared {
    book: Mutex<Book>,
    /// Rung when an answer came.
    answered: Condvar,
}

#[derive(Default)]
struct Book {
    /// Hosts may be names (`resolve-hostnames`).
    resolves: bool,
    /// Others are told names (`announce-hostnames`).
    announces: bool,
    names: BTreeMap<String, Name>,
    /// Counts the names there ever were.
    last: u32,
    /// Whoever is to be told that a name has moved; `None`: nobody yet.
    inbox: Option<mpsc::Sender<Input>>,
    /// Questions under way.
    asking: usize,
    /// The bound was told of.
    told_full: bool,
}

struct Name {
    /// The last good answer, or an address that is nobody's.
    ip: IpAddr,
    /// What it was before: who still goes there is told.
    former: BTreeSet<IpAddr>,
    /// What servers are known under it.
    ports: BTreeSet<u16>,
    asked: bool,
    /// The configuration says it: it is asked for until it is found. Others are forgotten when nobody knows them.
    wanted: bool,
    /// Answers that knew no address, since it is in the book.
    failed: u32,
}

impl Name {
    /// Whether nothing hangs on it: nobody wants it, and no server is known under it.
    fn is_idle(&self) -> bool {
        !self.wanted && (self.ports.is_empty() || is_nobody(self.ip))
    }
}

impl Book {
    /// Makes room for another name. Whoever is heard may say names, in hellos and in questions: such a name goes, one that was never found
    /// first. `false`: all are needed.
    fn make_room(&mut self) -> bool {
        if self.names.len() < MAX_NAMES {
            return true;
        }
        let mut idle = self.names.iter().filter(|(_, name)| name.is_idle());
        let unknown = idle.clone().find(|(_, name)| is_nobody(name.ip));
        let Some(host) = unknown.or_else(|| idle.next()).map(|(host, _)| host.clone()) else {
            if !self.told_full {
                tracing::warn!(
                    "{MAX_NAMES} host names are in use; further ones are not resolved. Use addresses, or remove groups"
                );
            }
            self.told_full = true;
            return false;
        };
        self.names.remove(&host);
        true
    }

    /// An address that stands for no other name.
    fn nobody(&mut self) -> IpAddr {
        loop {
            self.last = self.last.wrapping_add(1);
            let ip = nobody(self.last);
            // There are many more of them than names.
            if self.names.values().all(|name| name.ip != ip && !name.former.contains(&ip)) {
                return ip;
            }
        }
    }
}

impl Names {
    /// Changes what is done with names.
    pub(crate) fn set(&self, resolves: bool, announces: bool) {
        let mut book = self.book();
        (book.resolves, book.announces) = (resolves, announces);
    }

    /// The address of a host, at once. `None`: it is a name, and names are not resolved here. A name that nobody knows is forgotten.
    pub(crate) fn find(&self, host: &str) -> Option<IpAddr> {
        if let Ok(ip) = host.parse() {
            return Some(ip);
        }
        let mut book = self.book();
        if !book.resolves || !is_name(host) {
            return None;
        }
        if let Some(name) = book.names.get(host) {
            return Some(name.ip);
        }
        if !book.make_room() {
            return None;
        }
        let nobody = book.nobody();
        let (former, ports) = (BTreeSet::new(), BTreeSet::new());
        book.names.insert(host.to_owned(), Name { ip: nobody, former, ports, asked: false, wanted: false, failed: 0 });
        self.ask(&mut book, host);
        Some(nobody)
    }

    /// The same for a host that the configuration names: it is asked for until it is found.
    pub(crate) fn want(&self, host: &str) -> Option<IpAddr> {
        let ip = self.find(host)?;
        if let Some(name) = self.book().names.get_mut(host) {
            name.wanted = true;
        }
        Some(ip)
    }

    /// The address of a server that the configuration names. Should the name move, the machine is told.
    pub(crate) fn find_server(&self, host: &str, port: u16) -> Option<SocketAddr> {
        let ip = self.want(host)?;
        self.serves(host, port);
        Some(SocketAddr::new(ip, port))
    }

    fn serves(&self, host: &str, port: u16) {
        if let Some(name) = self.book().names.get_mut(host)
            && name.ports.len() < MAX_PORTS
        {
            name.ports.insert(port);
        }
    }

    /// A server is there: should its host move, the machine is told.
    pub(crate) fn note(&self, server: SocketAddr) {
        let mut book = self.book();
        for name in book.names.values_mut().filter(|name| name.ip == server.ip() && name.ports.len() < MAX_PORTS) {
            name.ports.insert(server.port());
        }
    }

    /// Where a server is now whose host was at this address and has moved; `None`: it has not.
    pub(crate) fn moved(&self, server: SocketAddr) -> Option<SocketAddr> {
        let book = self.book();
        if book.names.values().any(|name| name.ip == server.ip()) {
            return None;
        }
        let name = book.names.values().find(|name| name.former.contains(&server.ip()))?;
        Some(SocketAddr::new(name.ip, server.port()))
    }

    /// The address of a host, once it is known. `None`: nobody knew it in time. Only who asked waits.
    pub(crate) async fn settle(&self, host: &str) -> Option<IpAddr> {
        let until = clock::now() + START_PATIENCE;
        loop {
            let ip = self.find(host)?;
            if !is_nobody(ip) {
                return Some(ip);
            }
            if self.give_up(host, clock::now() >= until) {
                return None;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Whether nobody is asked for the name any more, or it is too late: nothing is to be known of it then.
    fn give_up(&self, host: &str, is_late: bool) -> bool {
        let mut book = self.book();
        let Some(name) = book.names.get(host) else { return true };
        if !is_nobody(name.ip) || (name.asked && !is_late) {
            return false;
        }
        if name.ports.is_empty() {
            book.names.remove(host);
        }
        true
    }

    /// The same for what a server says of another; `None` also for a name whose address is not known.
    pub(crate) fn find_known(&self, host: &str, port: u16) -> Option<SocketAddr> {
        let ip = self.find(host).filter(|ip| !is_nobody(*ip))?;
        self.serves(host, port);
        Some(SocketAddr::new(ip, port))
    }

    /// Whether an address only stands for a name that nobody knows yet: there is nothing to connect to.
    pub(crate) fn is_unknown(&self, ip: IpAddr) -> bool {
        is_nobody(ip) && self.book().names.values().any(|name| name.ip == ip)
    }

    /// What others are told in place of an address: its name, if names are told, or if nothing but the name is known. `None`: the
    /// address itself.
    pub(crate) fn name_of(&self, ip: IpAddr) -> Option<String> {
        let book = self.book();
        if !book.announces && !is_nobody(ip) {
            return None;
        }
        let is_its = |name: &Name| name.ip == ip || (is_nobody(ip) && name.former.contains(&ip));
        book.names.iter().find(|(_, name)| is_its(name)).map(|(host, _)| host.clone())
    }

    /// The same as a text, whether there is a name or not.
    pub(crate) fn told(&self, ip: IpAddr) -> String {
        self.name_of(ip).unwrap_or_else(|| ip.to_string())
    }

    /// A text of blanks and words, such as the payload of an event, with names in place of addresses.
    pub(crate) fn told_in(&self, text: &str) -> Option<String> {
        if self.book().names.is_empty() {
            return None;
        }
        let word = |word: &str| {
            let (word, sign) = match word.strip_suffix([':', ',']) {
                Some(bare) => (bare, &word[bare.len()..]),
                None => (word, ""),
            };
            if let Ok(ip) = word.parse() {
                return self.name_of(ip).map(|name| format!("{name}{sign}"));
            }
            let addr: SocketAddr = word.parse().ok()?;
            Some(format!("{}:{}{sign}", self.name_of(addr.ip())?, addr.port()))
        };
        Some(text.split(' ').map(|part| word(part).unwrap_or_else(|| part.to_owned())).collect::<Vec<_>>().join(" "))
    }

    /// A hello with addresses in place of names; names that are not known stay, and make it no hello.
    pub(crate) fn in_addresses(&self, hello: &str) -> String {
        let ip = |host: &str| match host.parse::<IpAddr>() {
            Ok(_) => None,
            Err(_) => self.find(host).filter(|ip| !is_nobody(*ip)).map(|ip| ip.to_string()),
        };
        hello::with_hosts(hello, ip)
    }

    /// Waits for the first answers, at the start, when nothing waits for us yet.
    pub(crate) fn wait(&self) {
        let until = clock::now() + START_PATIENCE;
        let mut book = self.book();
        while book.asking > 0 && clock::now() < until {
            let waited = self.0.answered.wait_timeout(book, START_PATIENCE / 20);
            book = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// From now on the machine is told of names that move, and names are asked for again and again.
    pub(crate) async fn keep(self, inbox: mpsc::Sender<Input>) {
        self.book().inbox = Some(inbox);
        loop {
            let unknown = {
                let mut book = self.book();
                let hosts: Vec<String> = book.names.keys().cloned().collect();
                hosts.iter().for_each(|host| self.ask(&mut book, host));
                book.names.values().any(|name| is_nobody(name.ip))
            };
            tokio::time::sleep(if unknown { ASK_UNKNOWN } else { ASK_AGAIN }).await;
        }
    }

    /// Asks for a name on a thread of its own, unless it is asked for already. Too many at a time wait for the next round.
    fn ask(&self, book: &mut Book, host: &str) {
        let Some(name) = book.names.get_mut(host).filter(|name| !name.asked) else { return };
        if book.asking >= MAX_ASKING {
            return;
        }
        let (names, owned) = (self.clone(), host.to_owned());
        let thread = thread::Builder::new().name("name".to_owned()).spawn(move || {
            let found = (owned.as_str(), 0).to_socket_addrs().ok().and_then(|mut found| found.next());
            names.on_answer(&owned, found.map(|addr| addr.ip()));
        });
        // Out of threads: the next round asks.
        if thread.is_ok() {
            name.asked = true;
            book.asking += 1;
        }
    }

    fn on_answer(&self, host: &str, found: Option<IpAddr>) {
        let mut moved = Vec::new();
        let mut book = self.book();
        book.asking = book.asking.saturating_sub(1);
        if let Some(name) = book.names.get_mut(host) {
            name.asked = false;
            // Without an answer the last good one stays: the servers behind it have not gone because a name server has.
            if let Some(ip) = found.filter(|ip| *ip != name.ip) {
                let to = |port: &u16| (SocketAddr::new(name.ip, *port), SocketAddr::new(ip, *port));
                moved.extend(name.ports.iter().map(to));
                if name.former.len() < MAX_FORMER {
                    name.former.insert(name.ip);
                }
                name.former.remove(&ip);
                name.ip = ip;
            } else if found.is_none() {
                name.failed += 1;
                if name.failed >= FORGOTTEN_AFTER && is_nobody(name.ip) && name.is_idle() {
                    book.names.remove(host);
                }
            }
        }
        let inbox = book.inbox.clone();
        drop(book);
        self.0.answered.notify_all();
        let Some(inbox) = inbox else { return };
        for (from, to) in moved {
            match is_nobody(from.ip()) {
                true => tracing::info!("{host} is {}", to.ip()),
                false => tracing::info!("{host} is now {}, it was {}", to.ip(), from.ip()),
            }
            // The loop ends before the names do: then nobody wants to know.
            let _ = inbox.blocking_send(Input::Happened(Event::Moved { from, to }));
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a name server may be asked for it: letters, digits, dots, dashes and underscores.
fn is_name(host: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !host.is_empty() && host.len() <= MAX_NAME && host.chars().all(fits)
}

/// An address that nobody has, for the `n`th name while nobody knows where it is.
fn nobody(n: u32) -> IpAddr {
    Ipv4Addr::from_bits(Ipv4Addr::new(240, 0, 0, 0).to_bits() | (n & 0x00ff_ffff)).into()
}

/// Whether it stands for a name whose address is not known.
fn is_nobody(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 240)
}

/// Hosts of one node. At the bound one goes on which nothing hangs; if there is none, a further name is not found.
const MAX_NAMES: usize = 1_024;
/// Answers after which a name that nobody wants, and nobody knows, is forgotten.
const FORGOTTEN_AFTER: u32 = 3;
/// Servers on one host that are followed when it moves.
const MAX_PORTS: usize = 256;
/// Addresses of one host that it had before.
const MAX_FORMER: usize = 64;
/// RFC 1035 2.3.4.
const MAX_NAME: usize = 253;
/// Questions under way: each has a thread, for as long as the name server wants.
const MAX_ASKING: usize = 16;
/// How long a start may wait for name servers.
const START_PATIENCE: Duration = Duration::from_secs(2);
/// How soon an answer is seen by who waits for it.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// How soon a moved host is noticed.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// The same for one that was never found.
const ASK_UNKNOWN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_told_and_never_waited_for() {
        let names = Names::default();
        assert_eq!(names.find("localhost"), None, "not where they are not resolved");
        assert_eq!(names.find("10.0.0.1"), Some(IpAddr::from([10, 0, 0, 1])));
        names.set(true, false);
        assert!(names.find_server("localhost", 6379).is_some_and(|addr| is_nobody(addr.ip())), "not waited for");
        names.wait();
        let here = names.find("localhost").unwrap();
        assert!(here.is_loopback(), "{here}");
        assert_eq!((names.name_of(here), names.told(here)), (None, here.to_string()));
        names.set(true, true);
        assert_eq!(names.told(here), "localhost");
        assert_eq!(
            names.told_in(&format!("m {here} 1 {}", SocketAddr::new(here, 2))).unwrap(),
            "m localhost 1 localhost:2"
        );
        for bad in ["", "a b", "a\n", "é"] {
            assert_eq!(names.find(bad), None, "{bad:?}");
        }
    }

    #[tokio::test]
    async fn who_asks_waits_and_is_told_of_a_host_that_is_not_there() {
        let names = Names::default();
        assert_eq!(names.settle("localhost").await, None, "names are not resolved");
        names.set(true, false);
        assert!(names.settle("localhost").await.is_some_and(|ip| ip.is_loopback()));
        assert_eq!(names.settle("no-such-host.invalid").await, None);
        assert!(!names.book().names.contains_key("no-such-host.invalid"), "nothing is left of it");
    }

    #[test]
    fn names_that_nobody_knows_make_room() {
        let names = Names::default();
        names.set(true, false);
        let wanted = names.find_server("wanted.invalid", 7).unwrap();
        for n in 0..2 * MAX_NAMES {
            assert!(names.find(&format!("said-by-somebody-{n}.invalid")).is_some(), "{n}");
            assert_eq!(names.find_known(&format!("server-{n}.invalid"), 7), None);
        }
        assert!(names.book().names.len() <= MAX_NAMES);
        assert_eq!(names.find_server("wanted.invalid", 7), Some(wanted), "what the configuration says stays");
        names.find("gone.invalid").unwrap();
        for _ in 0..FORGOTTEN_AFTER {
            assert!(names.book().names.contains_key("gone.invalid"));
            names.on_answer("gone.invalid", None);
            names.on_answer("wanted.invalid", None);
        }
        let book = names.book();
        assert!(!book.names.contains_key("gone.invalid") && book.names.contains_key("wanted.invalid"));
    }

    #[test]
    fn where_all_names_are_needed_a_further_one_is_not_found() {
        let names = Names::default();
        names.set(true, false);
        for n in 0..MAX_NAMES {
            assert!(names.find_server(&format!("h{n}.invalid"), 7).is_some());
        }
        assert_eq!((names.find("one-more.invalid"), names.find_server("one-more.invalid", 7)), (None, None));
        assert!(names.find_server("h7.invalid", 8).is_some());
    }

    #[test]
    fn a_host_that_moves_is_told_and_the_last_good_answer_stays() {
        let names = Names::default();
        names.set(true, false);
        let before = names.find_server("no-such-host.invalid", 7).unwrap();
        names.wait();
        assert_eq!(names.find_server("no-such-host.invalid", 7), Some(before));
        assert_eq!(names.told(before.ip()), "no-such-host.invalid", "nothing else is known of it");
        let (inbox, mut told) = mpsc::channel(4);
        names.book().inbox = Some(inbox);
        let to = SocketAddr::from(([10, 0, 0, 1], 7));
        names.on_answer("no-such-host.invalid", Some(to.ip()));
        names.on_answer("no-such-host.invalid", None);
        assert_eq!(names.find_server("no-such-host.invalid", 7), Some(to));
        assert_eq!((names.moved(before), names.moved(to)), (Some(to), None), "whoever still goes there is told");
        assert_eq!(names.told(before.ip()), "no-such-host.invalid", "not where nobody is");
        match told.try_recv() {
            Ok(Input::Happened(event)) => assert_eq!(event, Event::Moved { from: before, to }),
            _ => panic!("it is told"),
        }
        assert!(told.try_recv().is_err(), "once");
    }
}
