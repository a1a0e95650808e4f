//! Who may come in at a listener, and how many?
//!
//! ```text
//!   address ──> lists ──> how many there are: listener, address ──> how many came just now: address, listener ──> seat
//!                 │                    │                                          │
//!              Denied               TooMany                                    TooFast
//! ```
//!
//! Plain data, time passed in. The threads of a listener share its gate by a lock, which is held for a look-up when a client comes and for
//! one when it goes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use machine::Instant;

use crate::refused::Refused;

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// One of them.
    pub ip: IpAddr,
    /// How many bits count.
    pub bits: u8,
}

/// Who may come in. The smallest network that an address is in decides; without one, whoever may come is in no list of those who may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// Who may.
    pub allow: Vec<Network>,
    /// Who may not. Goes first where both lists have the same network.
    pub deny: Vec<Network>,
}

/// How many clients there may be. `None`: as many as want.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// At a time.
    pub clients: Option<u32>,
    /// At a time, of one address.
    pub clients_per_address: Option<u32>,
    /// In a second, and at once after a quiet one.
    pub new_per_second: Option<u32>,
    /// In a second, of one address.
    pub new_per_second_per_address: Option<u32>,
}

/// Of whom limits count as one: an address, or the half of an IPv6 address that names a network of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Who(IpAddr);

/// What a listener asks, and what it remembers.
#[derive(Debug, Default)]
pub struct Gate {
    lists: Lists,
    limits: Limits,
    clients: u32,
    bucket: Bucket,
    known: BTreeMap<Who, Known>,
    swept: Option<Instant>,
}

/// What is remembered of an address.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    clients: u32,
    bucket: Bucket,
}

/// Counts by one number, when the bucket will be full again: each client takes a share of a second, and may as long as it is full
/// within one.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    full_at: Instant,
}

/// The place of a client that was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(Option<Who>);

/// A gate that several threads use.
#[derive(Clone, Debug)]
pub(crate) struct Turnstile(Arc<Shared>);

/// Behind one pointer: each client has one.
#[derive(Debug)]
struct Shared {
    gate: Mutex<Gate>,
    clock: fn() -> Instant,
}

/// The place of a client, which is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    turnstile: Turnstile,
    place: Place,
}

impl Gate {
    /// A gate that nobody has come through.
    #[must_use]
    pub fn new(lists: Lists, limits: Limits) -> Self {
        Self { lists, limits, ..Self::default() }
    }

    /// Lets somebody in who comes now, or not. Who has no address (at a UNIX socket) is in no list: of limits, only those of all count.
    ///
    /// # Errors
    /// Why not. Who is refused leaves no trace.
    pub fn enter(&mut self, now: Instant, address: Option<IpAddr>) -> Result<Place, Refused> {
        if !address.map_or(self.lists.allow.is_empty(), |address| self.lists.let_in(address)) {
            return Err(Refused::Denied);
        }
        let over = |clients: u32, limit: Option<u32>| limit.is_some_and(|limit| clients >= limit);
        if over(self.clients, self.limits.clients) {
            return Err(Refused::TooMany);
        }
        let who = address.map(Who::new).filter(|who| self.remembers(now, *who));
        let mut known = who.and_then(|who| self.known.get(&who)).copied().unwrap_or_default();
        if who.is_some() {
            if over(known.clients, self.limits.clients_per_address) {
                return Err(Refused::TooManyOfAddress);
            }
            // Its own first: who comes too often must not take what others may.
            if !known.bucket.take(now, self.limits.new_per_second_per_address) {
                return Err(Refused::TooFastOfAddress);
            }
        }
        if !self.bucket.take(now, self.limits.new_per_second) {
            return Err(Refused::TooFast);
        }
        self.clients += 1;
        if let Some(who) = who {
            known.clients += 1;
            self.known.insert(who, known);
        }
        Ok(Place(who))
    }

    /// Somebody goes who was let in.
    pub fn leave(&mut self, now: Instant, place: Place) {
        self.clients = self.clients.saturating_sub(1);
        if let Some(who) = place.0
            && let Some(known) = self.known.get_mut(&who)
        {
            known.clients = known.clients.saturating_sub(1);
            if known.is_over(now) {
                self.known.remove(&who);
            }
        }
    }

    /// Whether it can be remembered what this address did: always below the bound.
    fn remembers(&mut self, now: Instant, who: Who) -> bool {
        if self.limits.clients_per_address.is_none() && self.limits.new_per_second_per_address.is_none() {
            return false;
        }
        if self.known.len() < MAX_KNOWN || self.known.contains_key(&who) {
            return true;
        }
        // Those of whom nothing is left to remember make room, at most once in so long: at the bound each client would cost a look
        // at all others.
        if self.swept.is_none_or(|swept| now - swept >= SWEEP) {
            self.swept = Some(now);
            self.known.retain(|_, known| !known.is_over(now));
        }
        self.known.len() < MAX_KNOWN
    }

    /// Of how many addresses something is remembered.
    #[must_use]
    pub fn known(&self) -> usize {
        self.known.len()
    }
}

impl Known {
    fn is_over(&self, now: Instant) -> bool {
        self.clients == 0 && self.bucket.full_at <= now
    }
}

impl Bucket {
    /// Takes one of those that may come in a second, if there is one.
    fn take(&mut self, now: Instant, per_second: Option<u32>) -> bool {
        let Some(per_second) = per_second else { return true };
        let full_at = self.full_at.max(now) + SECOND / per_second.max(1);
        let may = full_at - now <= SECOND;
        if may {
            self.full_at = full_at;
        }
        may
    }
}

impl Lists {
    /// Whether this address may come in.
    #[must_use]
    pub fn let_in(&self, address: IpAddr) -> bool {
        let smallest = |list: &[Network]| list.iter().filter(|n| n.contains(address)).map(|n| n.bits).max();
        match (smallest(&self.allow), smallest(&self.deny)) {
            (Some(allow), Some(deny)) => allow > deny,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => self.allow.is_empty(),
        }
    }

    /// Whether they say nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }
}

impl Network {
    /// Whether an address is in it. An IPv4 address is the same as it is inside IPv6.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.ip, address.to_canonical()) {
            (IpAddr::V4(ip), IpAddr::V4(other)) => {
                let differs = ip.to_bits() ^ other.to_bits();
                differs.checked_shr(32 - u32::from(self.bits.min(32))).unwrap_or(0) == 0
            }
            (IpAddr::V6(ip), IpAddr::V6(other)) => {
                let differs = ip.to_bits() ^ other.to_bits();
                differs.checked_shr(128 - u32::from(self.bits.min(128))).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl Who {
    fn new(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
            ip => ip,
        })
    }
}

impl Turnstile {
    pub(crate) fn new(lists: Lists, limits: Limits, clock: fn() -> Instant) -> Self {
        Self(Arc::new(Shared { gate: Mutex::new(Gate::new(lists, limits)), clock }))
    }

    /// Goes on with other rules. Those who are inside stay, and count.
    pub(crate) fn change(&self, lists: Lists, limits: Limits) {
        self.with(|gate, _| (gate.lists, gate.limits) = (lists, limits));
    }

    pub(crate) fn enter(&self, address: Option<IpAddr>) -> Result<Seat, Refused> {
        let place = self.with(|gate, now| gate.enter(now, address))?;
        Ok(Seat { turnstile: self.clone(), place })
    }

    fn with<T>(&self, does: impl FnOnce(&mut Gate, Instant) -> T) -> T {
        // Numbers that are off by one are worth no second panic.
        let Shared { gate, clock } = &*self.0;
        does(&mut gate.lock().unwrap_or_else(PoisonError::into_inner), clock())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.turnstile.with(|gate, now| gate.leave(now, self.place));
    }
}

const SECOND: Duration = Duration::from_secs(1);
/// Addresses of which something is remembered, about 5 MiB. At the bound, clients of further ones are let in as far as the listener's own
/// limits allow: whoever has so many addresses is not kept out by counting them, and others must not be kept out instead.
pub const MAX_KNOWN: usize = 65_536;
/// How often those are looked for of whom nothing is left to remember, at the bound.
const SWEEP: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use machine::time::at;
    use proptest::prelude::*;

    fn network(text: &str) -> Network {
        let (ip, bits) = text.split_once('/').unwrap();
        Network { ip: ip.parse().unwrap(), bits: bits.parse().unwrap() }
    }

    fn lists(allow: &[&str], deny: &[&str]) -> Lists {
        let list = |texts: &[&str]| texts.iter().map(|text| network(text)).collect();
        Lists { allow: list(allow), deny: list(deny) }
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_smallest_network_decides() {
        let lists = lists(&["10.0.0.0/8", "10.1.2.3/32", "fd00::/8"], &["10.1.0.0/16", "0.0.0.0/0"]);
        let let_in = |text| lists.let_in(ip(text));
        assert!(let_in("10.2.0.1") && let_in("10.1.2.3") && let_in("fd00::1"));
        assert!(!let_in("10.1.2.4") && !let_in("192.0.2.1") && !let_in("2001:db8::1"));
        // As a socket of both families reports it.
        assert!(let_in("::ffff:10.2.0.1") && !let_in("::ffff:10.1.2.4"));
    }

    #[test]
    fn without_lists_everybody_may_and_with_one_the_others_may_or_not() {
        assert!(Lists::default().let_in(ip("10.0.0.1")));
        assert!(lists(&[], &["10.0.0.1/32"]).let_in(ip("10.0.0.2")));
        assert!(!lists(&["10.0.0.1/32"], &[]).let_in(ip("10.0.0.2")));
        assert!(!lists(&["10.0.0.1/32"], &["10.0.0.1/32"]).let_in(ip("10.0.0.1")));
    }

    #[test]
    fn who_has_no_address_is_in_no_list() {
        let may = |lists| Gate::new(lists, Limits::default()).enter(at(0), None);
        assert!(may(Lists::default()).is_ok() && may(lists(&[], &["0.0.0.0/0"])).is_ok());
        assert_eq!(may(lists(&["0.0.0.0/0"], &[])), Err(Refused::Denied));
    }

    #[test]
    fn there_are_no_more_than_may_be() {
        let limits = Limits { clients: Some(3), clients_per_address: Some(2), ..Limits::default() };
        let mut gate = Gate::new(Lists::default(), limits);
        let mut enter = |text: Option<&str>| gate.enter(at(0), text.map(ip));
        let first = enter(Some("10.0.0.1")).unwrap();
        enter(Some("10.0.0.1")).unwrap();
        assert_eq!(enter(Some("10.0.0.1")), Err(Refused::TooManyOfAddress));
        enter(None).unwrap();
        assert_eq!(enter(Some("10.0.0.2")), Err(Refused::TooMany));
        gate.leave(at(0), first);
        assert!(gate.enter(at(0), Some(ip("10.0.0.1"))).is_ok());
    }

    #[test]
    fn a_host_of_ipv6_is_its_network() {
        let limits = Limits { clients_per_address: Some(1), ..Limits::default() };
        let mut gate = Gate::new(Lists::default(), limits);
        assert!(gate.enter(at(0), Some(ip("2001:db8::1"))).is_ok());
        assert_eq!(gate.enter(at(0), Some(ip("2001:db8::2"))), Err(Refused::TooManyOfAddress));
        assert!(gate.enter(at(0), Some(ip("2001:db8:0:1::1"))).is_ok());
    }

    #[test]
    fn a_second_s_worth_comes_at_once_and_then_as_many_as_time_brings() {
        let limits = Limits { new_per_second: Some(10), ..Limits::default() };
        let mut gate = Gate::new(Lists::default(), limits);
        let mut come = |ms| gate.enter(at(ms), None).is_ok();
        assert_eq!((0..20).filter(|_| come(5_000)).count(), 10);
        assert!(!come(5_099) && come(5_100) && !come(5_100));
        assert_eq!((0..20).filter(|_| come(9_000)).count(), 10);
    }

    #[test]
    fn who_comes_too_often_takes_nothing_from_others() {
        let limits = Limits { new_per_second: Some(10), new_per_second_per_address: Some(4), ..Limits::default() };
        let mut gate = Gate::new(Lists::default(), limits);
        let greedy = (0..100).filter(|_| gate.enter(at(0), Some(ip("10.0.0.1"))).is_ok()).count();
        assert_eq!(greedy, 4);
        let modest = (0..6).filter(|n| gate.enter(at(0), Some(ip(&format!("10.0.1.{n}")))).is_ok()).count();
        assert_eq!(modest, 6);
        assert_eq!(gate.enter(at(0), Some(ip("10.0.2.1"))), Err(Refused::TooFast));
    }

    #[test]
    fn addresses_are_forgotten_and_at_the_bound_further_ones_are_not_counted() {
        let limits = Limits { clients_per_address: Some(1), new_per_second_per_address: Some(1), ..Limits::default() };
        let mut gate = Gate::new(Lists::default(), limits);
        let address = |n: u32| Some(IpAddr::from(n.to_be_bytes()));
        let places: Vec<_> = (0..MAX_KNOWN as u32).map(|n| gate.enter(at(0), address(n)).unwrap()).collect();
        let further = address(MAX_KNOWN as u32);
        let uncounted = [gate.enter(at(0), further), gate.enter(at(0), further)].map(Result::unwrap);
        assert_eq!(gate.known(), MAX_KNOWN, "B1");
        // Gone, but it came just now: that is still to be remembered.
        gate.leave(at(500), places[0]);
        assert_eq!(gate.enter(at(500), address(0)), Err(Refused::TooFastOfAddress));
        for place in uncounted.into_iter().chain(places[1..].iter().copied()) {
            gate.leave(at(500), place);
        }
        assert_eq!(gate.known(), MAX_KNOWN);
        assert!(gate.enter(at(2_000), further).is_ok());
        assert_eq!(gate.known(), 1, "those of whom nothing was left made room");
    }

    #[test]
    fn a_seat_is_given_back() {
        let limits = Limits { clients: Some(1), ..Limits::default() };
        let turnstile = Turnstile::new(Lists::default(), limits, || at(0));
        let seat = turnstile.enter(None).unwrap();
        assert_eq!(turnstile.enter(None).err(), Some(Refused::TooMany));
        drop(seat);
        assert!(turnstile.enter(None).is_ok());
        turnstile.change(Lists::default(), Limits { clients: Some(2), ..Limits::default() });
        let seats = [turnstile.enter(None), turnstile.enter(None)].map(|seat| seat.ok());
        assert!(seats.iter().all(Option::is_some) && turnstile.enter(None).is_err());
    }

    proptest! {
        #[test]
        fn a_network_has_those_that_begin_alike(a in any::<u32>(), b in any::<u32>(), bits in 0_u8..=32) {
            let network = Network { ip: a.to_be_bytes().into(), bits };
            let alike = (a ^ b).leading_zeros() >= u32::from(bits);
            prop_assert_eq!(network.contains(b.to_be_bytes().into()), alike);
        }

        #[test]
        fn no_second_has_more_than_twice_its_worth_and_nobody_is_forgotten_inside(
            rate in 1_u32..20,
            steps in prop::collection::vec((0_u64..200, any::<bool>(), 0_u8..3), 1..200),
        ) {
            let limits = Limits { new_per_second_per_address: Some(rate), clients: Some(50), ..Limits::default() };
            let mut gate = Gate::new(Lists::default(), limits);
            let (mut now, mut inside, mut came) = (0, Vec::new(), Vec::new());
            for (wait, leaves, address) in steps {
                now += wait;
                if leaves && let Some(place) = inside.pop() {
                    gate.leave(at(now), place);
                } else if let Ok(place) = gate.enter(at(now), Some(IpAddr::from([10, 0, 0, address]))) {
                    inside.push(place);
                    came.push((now, address));
                }
                prop_assert!(inside.len() <= 50);
                let recent = came.iter().filter(|(at, who)| *who == address && now - at < 1_000).count();
                prop_assert!(recent <= 2 * rate as usize);
            }
            for place in inside.drain(..) {
                gate.leave(at(now + 10_000), place);
            }
            prop_assert!(gate.enter(at(now + 20_000), None).is_ok());
        }
    }
}
