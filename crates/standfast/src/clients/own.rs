//! Whom does this host serve at the addresses that others may take over, and what of that is news?
//!
//! The kernel is asked again and again; what differs from the last time goes into a journal, which each partner reads at its own pace. Who is
//! too far behind begins anew with all that there is. Of those whom the proxy lets in it tells at once: they need not wait for the next look.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use host::netlink::connections::{Connection, Listed};

use super::words::{Change, Part};

/// What this host serves.
#[derive(Debug, Default)]
pub(super) struct Own {
    at: BTreeMap<IpAddr, Place>,
    journal: VecDeque<(IpAddr, News)>,
    /// The number of the first entry that is still in the journal.
    begins: u64,
}

#[derive(Debug, Default)]
struct Place {
    is_held: bool,
    connections: BTreeSet<Connection>,
    /// Those of them that came since the kernel was last asked: its answer may be older than they are.
    newest: Vec<Connection>,
    /// So many beyond those of which others are told.
    untold: usize,
}

#[derive(Clone, Copy, Debug)]
enum News {
    /// The address came, or went.
    Moved,
    Connection(Change),
}

/// How far one partner has read.
#[derive(Debug)]
pub(super) struct Reader {
    /// What it cares for.
    ips: BTreeSet<IpAddr>,
    /// The next entry to read; `None`: it knows nothing.
    next: Option<u64>,
    /// Of all that there is, what it was not told yet.
    rest: VecDeque<Part>,
}

impl Own {
    /// What the kernel says of an address by now. True: for the first time there are more connections than are told of.
    pub(super) fn look(&mut self, ip: IpAddr, is_held: bool, listed: Listed) -> bool {
        // Also of an address that is nowhere, and has no clients, others hear that it may come here.
        let is_new = !self.at.contains_key(&ip);
        let place = self.at.entry(ip).or_default();
        let Listed { connections, more } = listed;
        let mut there = BTreeSet::from_iter(connections);
        there.extend(place.newest.drain(..));
        let went = place.connections.difference(&there).map(|gone| Change { is_there: false, connection: *gone });
        let came = there.difference(&place.connections).map(|new| Change { is_there: true, connection: *new });
        self.journal.extend(went.chain(came).map(|change| (ip, News::Connection(change))));
        self.journal.extend((is_new || place.is_held != is_held).then_some((ip, News::Moved)));
        place.is_held = is_held;
        place.connections = there;
        let untold = std::mem::replace(&mut place.untold, more);
        self.shorten();
        more > 0 && untold == 0
    }

    /// The kernel is about to be asked: it knows of all who are known here.
    pub(super) fn ask(&mut self) {
        self.at.values_mut().for_each(|place| place.newest.clear());
    }

    /// The proxy has let this one in.
    pub(super) fn came(&mut self, connection: Connection) {
        let ip = connection.at.ip();
        let Some(place) = self.at.get_mut(&ip) else { return };
        let has_room = place.connections.len() < MAX_SERVED && place.newest.len() < MAX_NEWEST;
        // Those of the host with itself never move.
        if connection.client.ip() != ip && has_room && place.connections.insert(connection) {
            place.newest.push(connection);
            self.journal.push_back((ip, News::Connection(Change { is_there: true, connection })));
            self.shorten();
        }
    }

    fn shorten(&mut self) {
        let over = self.journal.len().saturating_sub(MAX_JOURNAL);
        self.journal.drain(..over);
        self.begins += over as u64;
    }

    /// The same where nothing is said of the address itself.
    pub(super) fn look_again(&mut self, ip: IpAddr, listed: Listed) {
        if let Some(is_held) = self.at.get(&ip).map(|place| place.is_held) {
            self.look(ip, is_held, listed);
        }
    }

    /// Only these addresses matter from now on.
    pub(super) fn keep(&mut self, ips: &[IpAddr]) {
        self.at.retain(|ip, _| ips.contains(ip));
    }

    /// Clients of which others are not told, because there are too many.
    pub(super) fn untold(&self) -> usize {
        self.at.values().map(|place| place.untold).sum()
    }

    /// The number of the next entry.
    pub(super) fn end(&self) -> u64 {
        self.begins + self.journal.len() as u64
    }
}

impl Reader {
    /// Of a partner that cares for these, and knows nothing.
    pub(super) fn new(ips: BTreeSet<IpAddr>) -> Self {
        Self { ips, next: None, rest: VecDeque::new() }
    }

    /// What it is told next: some of what it does not know yet. Empty: nothing.
    pub(super) fn read(&mut self, own: &Own) -> Vec<Part> {
        match self.next {
            Some(next) if next >= own.begins => {}
            _ => {
                self.rest = self.ips.iter().filter_map(|ip| Some((*ip, own.at.get(ip)?))).flat_map(all).collect();
                self.next = Some(own.end());
            }
        }
        if let Some(part) = self.rest.pop_front() {
            return vec![part];
        }
        let next = self.next.unwrap_or(own.begins);
        let read = usize::try_from(next - own.begins).unwrap_or(usize::MAX).min(own.journal.len());
        let mut parts: Vec<Part> = Vec::new();
        let mut taken = 0;
        for (ip, news) in own.journal.range(read..).take(MAX_TOLD) {
            taken += 1;
            let Some(place) = own.at.get(ip).filter(|_| self.ips.contains(ip)) else { continue };
            if parts.last().is_none_or(|part| part.ip != *ip) {
                parts.push(Part { ip: *ip, is_held: place.is_held, is_all: false, changes: Vec::new() });
            }
            if let (News::Connection(change), Some(part)) = (news, parts.last_mut()) {
                part.changes.push(*change);
            }
        }
        self.next = Some(next + taken);
        parts
    }

    /// Whether there may be something to tell.
    pub(super) fn is_behind(&self, own: &Own) -> bool {
        !self.rest.is_empty() || self.next.is_none_or(|next| next < own.end())
    }
}

/// All that there is at an address, in pieces.
fn all((ip, place): (IpAddr, &Place)) -> Vec<Part> {
    let changes: Vec<Change> = place.connections.iter().map(|c| Change { is_there: true, connection: *c }).collect();
    let part =
        |is_all: bool, changes: &[Change]| Part { ip, is_held: place.is_held, is_all, changes: changes.to_vec() };
    if changes.is_empty() {
        return vec![part(true, &[])];
    }
    changes.chunks(MAX_TOLD).enumerate().map(|(n, chunk)| part(n == 0, chunk)).collect()
}

/// Connections at one address of which others are told. More clients than that of one address are rare; those beyond wait, when it moves,
/// until they say something.
pub(super) const MAX_SERVED: usize = 20_000;
/// Those who come between two looks, if they are not too many to wait for the second.
const MAX_NEWEST: usize = 4_096;
/// Entries that are kept for partners who are behind: some seconds of a busy host. Who is further behind is told all.
const MAX_JOURNAL: usize = 8_192;
/// Connections of one message: it must pass the Sentinel port, which takes 64 KiB and 1,024 words, also if each is IPv6 and an address
/// changes at each.
const MAX_TOLD: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;

    const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    fn connection(n: usize) -> Connection {
        let port = u16::try_from(1_000 + n).unwrap();
        Connection { at: (IP, 6379).into(), client: ([192, 0, 2, 9], port).into() }
    }

    fn listed(numbers: impl IntoIterator<Item = usize>) -> Listed {
        Listed { connections: numbers.into_iter().map(connection).collect(), more: 0 }
    }

    /// Reads to the end, as a partner that keeps the list.
    fn follow(reader: &mut Reader, own: &Own, list: &mut BTreeSet<Connection>) -> usize {
        let mut messages = 0;
        while reader.is_behind(own) {
            messages += 1;
            let parts = reader.read(own);
            assert!(parts.iter().map(|part| part.changes.len() + 1).sum::<usize>() < 1_000);
            for part in parts {
                if part.is_all {
                    list.clear();
                }
                for Change { is_there, connection } in part.changes {
                    let known = if is_there { list.insert(connection) } else { list.remove(&connection) };
                    assert!(known, "only news is told");
                }
            }
        }
        messages
    }

    #[test]
    fn a_partner_learns_all_and_then_the_news() {
        let mut own = Own::default();
        own.look(IP, true, listed(0..1_000));
        let (mut reader, mut list) = (Reader::new([IP].into()), BTreeSet::new());
        assert_eq!(follow(&mut reader, &own, &mut list), 3);
        assert_eq!(list.len(), 1_000);
        own.look(IP, true, listed(0..1_000));
        assert!(!reader.is_behind(&own), "nothing happened");
        own.look(IP, true, listed(1..1_002));
        assert_eq!(follow(&mut reader, &own, &mut list), 1);
        assert!(list.iter().copied().eq((1..1_002).map(connection)));
        own.look(IP, false, listed(1..1_002));
        let parts = reader.read(&own);
        assert_eq!(parts, [Part { ip: IP, is_held: false, is_all: false, changes: vec![] }]);
    }

    #[test]
    fn that_an_address_may_come_here_is_told_before_anybody_is_connected() {
        let mut own = Own::default();
        let mut reader = Reader::new([IP].into());
        assert_eq!(reader.read(&own), []);
        own.look(IP, false, listed([]));
        assert_eq!(reader.read(&own), [Part { ip: IP, is_held: false, is_all: false, changes: vec![] }]);
    }

    #[test]
    fn who_is_let_in_is_told_of_before_the_kernel_is_asked() {
        let mut own = Own::default();
        own.look(IP, true, listed(0..2));
        let (mut reader, mut list) = (Reader::new([IP].into()), BTreeSet::new());
        follow(&mut reader, &own, &mut list);
        let mut knows = |own: &Own, numbers: &[usize]| {
            follow(&mut reader, own, &mut list);
            assert!(list.iter().copied().eq(numbers.iter().copied().map(connection)), "{list:?}");
        };
        own.came(connection(2));
        own.came(connection(1));
        knows(&own, &[0, 1, 2]);
        // The kernel's answer was on its way already when the next one came.
        own.ask();
        own.came(connection(3));
        own.look(IP, true, listed(0..3));
        knows(&own, &[0, 1, 2, 3]);
        own.ask();
        own.look(IP, true, listed([0, 3]));
        knows(&own, &[0, 3]);
        own.came(Connection { at: (IP, 6379).into(), client: (IP, 4_711).into() });
        own.came(Connection { at: ([192, 0, 2, 8], 6379).into(), ..connection(4) });
        knows(&own, &[0, 3]);
        for n in 0..MAX_NEWEST + 10 {
            own.came(connection(n));
        }
        assert_eq!(own.at[&IP].newest.len(), MAX_NEWEST);
    }

    #[test]
    fn who_is_too_far_behind_begins_anew() {
        let mut own = Own::default();
        own.look(IP, true, listed(0..10));
        let (mut reader, mut list) = (Reader::new([IP].into()), BTreeSet::new());
        follow(&mut reader, &own, &mut list);
        for round in 0..100 {
            own.look(IP, true, listed(round * 100..round * 100 + 100));
        }
        assert!(own.journal.len() <= MAX_JOURNAL);
        follow(&mut reader, &own, &mut list);
        assert!(list.iter().copied().eq((9_900..10_000).map(connection)));
    }

    #[test]
    fn of_other_addresses_nothing_is_told() {
        let other: IpAddr = [192, 0, 2, 8].into();
        let mut own = Own::default();
        own.look(IP, true, listed(0..10));
        let mut reader = Reader::new([other].into());
        assert_eq!(reader.read(&own), []);
        own.look(IP, true, listed(0..11));
        assert_eq!(reader.read(&own), []);
        assert!(!reader.is_behind(&own));
        own.keep(&[other]);
        assert!(own.at.is_empty());
    }

    #[test]
    fn that_there_are_too_many_is_said_once() {
        let mut own = Own::default();
        let many = |more| Listed { more, ..listed(0..10) };
        assert_eq!([0, 5, 6, 0, 1].map(|more| own.look(IP, true, many(more))), [false, true, false, false, true]);
        assert_eq!(own.untold(), 1);
    }
}
