//! Whom do other hosts serve at the addresses that may come here?
//!
//! It is known beforehand, so that it is known when they are gone. What a host told is kept for a while after it was last heard, and who
//! left it lately is remembered, too: it may not have heard that it left.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use host::netlink::connections::Connection;
use machine::Instant;

use super::OtherNode;
use super::own::MAX_SERVED;
use super::words::{Message, Part, Teller};

/// What others told.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// The addresses that matter here.
    ips: BTreeSet<IpAddr>,
    tellers: BTreeMap<Teller, Told>,
}

#[derive(Debug)]
struct Told {
    heard: Instant,
    /// The step that comes next; `None`: it has to begin anew.
    next: Option<u64>,
    at: BTreeMap<IpAddr, Theirs>,
}

/// What another host serves at an address.
#[derive(Debug, Default)]
struct Theirs {
    is_held: bool,
    connections: BTreeSet<Connection>,
    /// In the order in which they went.
    gone: VecDeque<(Instant, Connection)>,
}

/// A step is missing: whoever tells has to begin anew.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missed;

impl Store {
    /// These addresses matter from now on. Who tells begins anew, because it may have left out something.
    pub(super) fn care_for(&mut self, ips: BTreeSet<IpAddr>) {
        if ips == self.ips {
            return;
        }
        for told in self.tellers.values_mut() {
            told.next = None;
            told.at.retain(|ip, _| ips.contains(ip));
        }
        self.ips = ips;
    }

    pub(super) fn cares_for(&self) -> Vec<IpAddr> {
        self.ips.iter().copied().collect()
    }

    /// Takes what is told. The addresses at which somebody waits in vain by what it says: it has let them go.
    pub(super) fn take(&mut self, now: Instant, message: Message) -> Result<Vec<IpAddr>, Missed> {
        self.forget(now);
        let Message { teller, step, parts } = message;
        if step == 0 {
            self.make_room(&teller);
            let told =
                self.tellers.entry(teller).or_insert_with(|| Told { heard: now, next: None, at: BTreeMap::new() });
            (told.heard, told.next) = (now, Some(1));
            return Ok(Vec::new());
        }
        let told = self.tellers.get_mut(&teller).ok_or(Missed)?;
        told.heard = now;
        if told.next != Some(step) {
            told.next = None;
            return Err(Missed);
        }
        told.next = Some(step + 1);
        let parts = parts.into_iter().filter(|part| self.ips.contains(&part.ip));
        Ok(parts.filter_map(|part| told.take(now, part)).collect())
    }

    /// Whoever may wait for an answer of another host at these.
    pub(super) fn waiting(&mut self, now: Instant, ips: &[IpAddr]) -> BTreeSet<Connection> {
        self.forget(now);
        let theirs = self.tellers.values().flat_map(|told| ips.iter().filter_map(|ip| told.at.get(ip)));
        theirs.flat_map(|theirs| theirs.connections.iter().chain(theirs.gone.iter().map(|(_, c)| c))).copied().collect()
    }

    /// How many others serve, as they tell.
    pub(super) fn served(&self) -> usize {
        self.tellers.values().flat_map(|told| told.at.values()).map(|theirs| theirs.connections.len()).sum()
    }

    /// The nodes that told something lately, by name; of each what its last process told.
    pub(super) fn others(&self, now: Instant) -> Vec<OtherNode> {
        let mut others = BTreeMap::<&str, &Told>::new();
        for (teller, told) in &self.tellers {
            let known = others.entry(&teller.name).or_insert(told);
            if known.heard < told.heard {
                *known = told;
            }
        }
        let other = |(name, told): (&str, &Told)| OtherNode {
            name: name.to_owned(),
            heard_ms_ago: u64::try_from(now.since(told.heard).as_millis()).unwrap_or(u64::MAX),
            shares: told.at.keys().copied().collect(),
            holds: told.at.iter().filter(|(_, theirs)| theirs.is_held).map(|(ip, _)| *ip).collect(),
        };
        others.into_iter().map(other).collect()
    }

    /// What is too old.
    fn forget(&mut self, now: Instant) {
        self.tellers.retain(|_, told| now.since(told.heard) < KEPT);
        for theirs in self.tellers.values_mut().flat_map(|told| told.at.values_mut()) {
            while theirs.gone.front().is_some_and(|(when, _)| now.since(*when) >= LATELY) {
                theirs.gone.pop_front();
            }
        }
    }

    /// At the bound the one goes that was silent for longest.
    fn make_room(&mut self, teller: &Teller) {
        if self.tellers.len() < MAX_TELLERS || self.tellers.contains_key(teller) {
            return;
        }
        let oldest = self.tellers.iter().min_by_key(|(_, told)| told.heard).map(|(teller, _)| teller.clone());
        oldest.map(|oldest| self.tellers.remove(&oldest));
    }
}

impl Told {
    /// The address, if somebody waits there in vain.
    fn take(&mut self, now: Instant, part: Part) -> Option<IpAddr> {
        let theirs = self.at.entry(part.ip).or_default();
        if part.is_all {
            let before = std::mem::take(&mut theirs.connections);
            theirs.gone.extend(before.into_iter().map(|connection| (now, connection)));
        }
        let mut has_come = false;
        for change in &part.changes {
            if !change.is_there {
                if theirs.connections.remove(&change.connection) {
                    theirs.gone.push_back((now, change.connection));
                }
            } else if theirs.connections.len() < MAX_SERVED {
                has_come |= theirs.connections.insert(change.connection);
            }
        }
        let over = theirs.gone.len().saturating_sub(MAX_SERVED);
        theirs.gone.drain(..over);
        let was_held = std::mem::replace(&mut theirs.is_held, part.is_held);
        // Who came to a host that did not run any more is heard of when it runs again.
        (!part.is_held && (was_held || has_come)).then_some(part.ip)
    }
}

/// What a silent host told is kept for so long. Its address is taken over within seconds, if somebody can; and its clients give up some day.
const KEPT: Duration = Duration::from_secs(60);
/// Whoever left may not have heard of it: the last word to it was lost, or its host was gone before it could be said. A word that is
/// not acknowledged is said again within this time by a host that lives.
const LATELY: Duration = Duration::from_secs(10);
/// Hosts, and processes of theirs, of which something is kept.
const MAX_TELLERS: usize = 16;

#[cfg(test)]
mod tests {
    use machine::time::at;

    use super::super::words::Change;
    use super::*;

    const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    fn connection(n: u16) -> Connection {
        Connection { at: (IP, 6379).into(), client: ([192, 0, 2, 9], n).into() }
    }

    fn store() -> Store {
        let mut store = Store::default();
        store.care_for([IP].into());
        store
    }

    fn told(life: &str, step: u64, parts: Vec<Part>) -> Message {
        Message { teller: Teller { name: "a".to_owned(), life: life.to_owned() }, step, parts }
    }

    fn part(is_held: bool, is_all: bool, changes: &[(bool, u16)]) -> Vec<Part> {
        let changes = changes.iter().map(|(is_there, n)| Change { is_there: *is_there, connection: connection(*n) });
        vec![Part { ip: IP, is_held, is_all, changes: changes.collect() }]
    }

    fn waiting(store: &mut Store, at: u64) -> Vec<u16> {
        store.waiting(machine::time::at(at), &[IP]).into_iter().map(|c| c.client.port()).collect()
    }

    #[test]
    fn what_a_host_told_is_known_when_it_is_gone_and_for_a_while() {
        let mut store = store();
        store.take(at(0), told("x", 0, vec![])).unwrap();
        store.take(at(1), told("x", 1, part(true, true, &[(true, 1), (true, 2)]))).unwrap();
        store.take(at(2), told("x", 2, part(true, false, &[(false, 1), (true, 3)]))).unwrap();
        assert_eq!(waiting(&mut store, 3), [1, 2, 3], "the first may not know that it left");
        assert_eq!(waiting(&mut store, 11_000), [2, 3]);
        assert_eq!(waiting(&mut store, 60_001), [2, 3]);
        assert!(waiting(&mut store, 60_002).is_empty());
    }

    #[test]
    fn it_is_known_who_else_may_hold_an_address_and_who_does() {
        let mut store = store();
        store.take(at(0), told("x", 0, vec![])).unwrap();
        store.take(at(1), told("x", 1, part(true, true, &[(true, 1)]))).unwrap();
        let other = |heard_ms_ago, holds: &[IpAddr]| OtherNode {
            name: "a".to_owned(),
            heard_ms_ago,
            shares: vec![IP],
            holds: holds.to_vec(),
        };
        assert_eq!(store.others(at(101)), [other(100, &[IP])]);
        // Another process has its place.
        store.take(at(200), told("y", 0, vec![])).unwrap();
        store.take(at(200), told("y", 1, part(false, true, &[]))).unwrap();
        assert_eq!(store.others(at(5_200)), [other(5_000, &[])]);
    }

    #[test]
    fn who_misses_a_step_asks_for_all() {
        let mut store = store();
        assert_eq!(store.take(at(0), told("x", 1, vec![])), Err(Missed), "it never said who it is");
        store.take(at(0), told("x", 0, vec![])).unwrap();
        store.take(at(0), told("x", 1, part(true, true, &[(true, 1)]))).unwrap();
        assert_eq!(store.take(at(0), told("x", 3, vec![])), Err(Missed));
        assert_eq!(store.take(at(0), told("x", 2, vec![])), Err(Missed), "it has to begin anew");
        store.take(at(1), told("x", 0, vec![])).unwrap();
        store.take(at(1), told("x", 1, part(true, true, &[(true, 2)]))).unwrap();
        assert_eq!(waiting(&mut store, 20_000), [2], "what it told before does not count");
        let other = [192, 0, 2, 8].into();
        store.care_for([IP, other].into());
        assert_eq!(store.take(at(1), told("x", 2, vec![])), Err(Missed), "it may have left out something");
        store.take(at(1), told("x", 0, vec![])).unwrap();
        store.care_for([IP, other].into());
        assert!(store.take(at(1), told("x", 1, vec![])).is_ok(), "nothing has changed");
    }

    #[test]
    fn another_process_of_a_host_takes_nothing_back() {
        let mut store = store();
        for life in ["x", "y"] {
            store.take(at(0), told(life, 0, vec![])).unwrap();
        }
        store.take(at(0), told("x", 1, part(true, true, &[(true, 1)]))).unwrap();
        store.take(at(0), told("y", 1, part(true, true, &[]))).unwrap();
        assert_eq!(waiting(&mut store, 1), [1]);
    }

    #[test]
    fn an_address_that_is_let_go_is_told_of_once_and_who_came_too_late() {
        let mut store = store();
        let mut take = |step, parts| store.take(at(0), told("x", step, parts)).unwrap();
        assert!(take(0, vec![]).is_empty());
        assert!(take(1, part(false, true, &[])).is_empty(), "it never had it");
        assert!(take(2, part(true, false, &[(true, 1)])).is_empty());
        assert_eq!(take(3, part(false, false, &[])), [IP]);
        assert!(take(4, part(false, false, &[(false, 1)])).is_empty());
        // Its process stood still while the kernel went on.
        assert_eq!(take(5, part(false, false, &[(true, 2)])), [IP]);
    }

    #[test]
    fn nothing_is_kept_without_a_bound() {
        let mut store = store();
        let other = Part { ip: [192, 0, 2, 8].into(), is_held: true, is_all: true, changes: vec![] };
        for n in 0..100 {
            let life = n.to_string();
            store.take(at(n), told(&life, 0, vec![])).unwrap();
            store.take(at(n), told(&life, 1, vec![other.clone()])).unwrap();
        }
        assert_eq!(store.tellers.len(), MAX_TELLERS);
        assert!(store.tellers.values().all(|told| told.at.is_empty()), "nobody here cares for it");
        let client = |n: u32| Connection {
            at: (IP, 6379).into(),
            client: ([10, 0, n as u8, (n >> 8) as u8], 1 + (n >> 16) as u16).into(),
        };
        let many = |is_there| {
            (0..1_000).map(move |n| Part {
                ip: IP,
                is_held: true,
                is_all: false,
                changes: (0..50).map(move |m| Change { is_there, connection: client(n * 50 + m) }).collect(),
            })
        };
        let mut step = 1;
        for is_there in [true, false] {
            for part in many(is_there) {
                step += 1;
                store.take(at(99), told("99", step, vec![part])).unwrap();
            }
            assert_eq!(store.waiting(at(99), &[IP]).len(), MAX_SERVED);
        }
    }
}
