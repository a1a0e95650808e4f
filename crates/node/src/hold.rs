//! What should be on the interface, and what is done until it is: ask first, put, renew while proven, put back, remove.
//!
//! ```text
//!   take ──> asks (half the time for old holders to go, half to listen) ──> put ──> here ──> release: cut, remove
//!                    └─ somebody has it: conflict                            ^        └─ somebody deleted it: lost
//!                                                                            └─────────────── put back ──┘
//! ```
//!
//! Nothing is put, put back or renewed unless the last word of the proof is that it passes. So the kernel alone ends what nobody proves.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use machine::Instant;

use crate::config::{Address, Placed, Way};
use crate::event::{Action, Valid};
use crate::stats::Stats;
use crate::strangers::Strangers;
use crate::telling::Telling;

/// What of one address should be where.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    interface: String,
    /// `None` for an owner's (RFC 9568 8.2.2): what is its host's own does not end with us.
    lifetime: Option<Duration>,
    put_back: bool,
    /// These are this host's own addresses (priority 255): what somebody else has put there stays as it is.
    is_owner: bool,
    /// Its router has an address of this host's own to speak from: these are not all that it has.
    has_home: bool,
    items: BTreeMap<Placed, Item>,
    pub(crate) strangers: Strangers,
    /// Strangers that were taken over since this was last asked for.
    taken_over: Vec<Placed>,
    /// It should be here.
    is_wanted: bool,
    asking: Option<Asking>,
    /// Addresses that were put back lately: since when they are counted, and how many.
    fights: (Instant, u32),
    losing: Telling,
    fighting: Telling,
    defending: Telling,
    defended: Option<Instant>,
    /// Another host says that it has this: when to object, should it be here then still.
    rival: Option<(Instant, IpAddr, String)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Item {
    is_wanted: bool,
    there: There,
    /// It is this host's own, in this network or another, and was not put by us: it is neither put, renewed nor removed.
    is_own: bool,
    /// When it was put back the last time.
    back: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default)]
enum There {
    /// Not by an order of ours.
    #[default]
    No,
    /// It was ordered, the last time at this moment.
    Yes(Instant),
    /// Somebody, or the kernel, has removed it. It is put back from this moment on; `None`: not by us.
    Lost(Option<Instant>),
}

#[derive(Clone, Copy, Debug)]
struct Asking {
    /// When to ask once more, if that was not done: whoever answers after that stays.
    again: Option<Instant>,
    /// When nobody has answered.
    until: Instant,
    /// How long to listen after asking again.
    listen: Duration,
    /// Until then who answers may be a host whose process is dead: its kernel lets go by itself, and it is asked once more.
    patience: Instant,
}

/// What came of a look at the interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Nothing of ours was lost.
    Nothing,
    /// It is put back, as it was so often since the last line about it.
    PutBack(u64),
    /// It is put back when the proof passes: the kernel ended what was not renewed, or there is nothing to tell.
    Waits,
    /// It is put back, and this is the so-and-so-many-th time within a minute: somebody fights for it.
    Fought(u32),
    /// It is gone, and we were told not to put it back.
    Left,
}

/// What it means that another host says that it has an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// It is of no interest, or too early to say: who leaves may not have heard of us.
    Nothing,
    /// We hold it. Most often the other has taken it by right, and the news of that is on its way.
    Noted,
    /// It cannot be put here.
    Taken,
}

impl Hold {
    pub(crate) fn new(config: &Address) -> Self {
        let items = config.held.iter().map(|placed| (*placed, Item::default())).collect();
        Self {
            interface: config.interface.clone(),
            lifetime: lifetime(config),
            put_back: config.put_back,
            is_owner: is_owner(config),
            has_home: has_home(config),
            items,
            strangers: Strangers::default(),
            taken_over: Vec::new(),
            is_wanted: false,
            asking: None,
            fights: (Instant::START, 0),
            losing: Telling::default(),
            fighting: Telling::default(),
            defending: Telling::default(),
            defended: None,
            rival: None,
        }
    }

    /// Other addresses on the same interface. What stays is not touched; what goes is removed after what comes in its place was put.
    pub(crate) fn configure(&mut self, config: &Address) -> Vec<Placed> {
        (self.lifetime, self.put_back) = (lifetime(config), config.put_back);
        (self.is_owner, self.has_home) = (is_owner(config), has_home(config));
        let old = core::mem::take(&mut self.items);
        let was_wanted = |ip: IpAddr| old.iter().any(|(placed, item)| placed.ip == ip && item.is_wanted);
        for placed in &config.held {
            let new = Item { is_wanted: was_wanted(placed.ip), ..Item::default() };
            self.items.insert(*placed, old.get(placed).copied().unwrap_or(new));
        }
        let known: Vec<IpAddr> = self.items.keys().map(|placed| placed.ip).collect();
        self.strangers.retain(|ip| known.contains(&ip));
        for (placed, item) in &mut self.items {
            // Who owns it no longer moves it: it is put, and goes with the others.
            item.is_own = self.is_owner && self.strangers.has(placed.ip) && (item.is_own || !item.is_ordered());
        }
        let gone = old.into_iter().filter(|(placed, item)| !self.items.contains_key(placed) && item.is_put());
        gone.map(|(placed, _)| placed).collect()
    }

    /// These should be here; without a list, all.
    pub(crate) fn take(&mut self, now: Instant, ips: Option<&[IpAddr]>, ask: Option<Duration>, out: &mut Vec<Action>) {
        self.is_wanted = true;
        let wanted = self.items.iter_mut().filter(|(placed, _)| ips.is_none_or(|ips| ips.contains(&placed.ip)));
        let mut new = Vec::new();
        for (placed, item) in wanted {
            item.is_wanted = true;
            if !item.is_ordered() {
                new.push(placed.ip);
            }
        }
        let Some(ask) = ask.filter(|_| !new.is_empty()) else { return };
        let patience = self.lifetime.map_or(now, |lifetime| now + ask + lifetime + LETTING_GO);
        self.asking = Some(Asking { again: Some(now + ask / 2), until: now + ask, listen: ask / 2, patience });
        self.ask(&new, out);
    }

    fn ask(&self, ips: &[IpAddr], out: &mut Vec<Action>) {
        out.extend(ips.iter().map(|ip| Action::Ask { interface: self.interface.clone(), ip: *ip }));
    }

    /// A life of before has put this there, and it stays. Whether it was one of ours.
    pub(crate) fn adopt(&mut self, now: Instant, placed: Placed) -> bool {
        let Some(item) = self.items.get_mut(&placed) else { return false };
        item.there = There::Yes(now);
        // What moves with it comes, too.
        self.items.values_mut().for_each(|item| item.is_wanted = true);
        self.is_wanted = true;
        true
    }

    /// Asks once more, and puts what is due. Whether it came here by that.
    pub(crate) fn advance(&mut self, now: Instant, is_proven: bool, stats: &mut Stats, out: &mut Vec<Action>) -> bool {
        let was_here = self.is_here();
        let asks = self.still_asks(now, out);
        if !is_proven {
            return false;
        }
        for (placed, item) in &mut self.items {
            let is_back = match item.there {
                There::No if item.is_wanted && !asks => false,
                There::Lost(Some(at)) if item.is_wanted && at <= now => true,
                _ => continue,
            };
            if is_back {
                item.back = Some(now);
                stats.put_back += 1;
            }
            item.there = There::Yes(now);
            if item.is_own {
                continue;
            }
            self.taken_over.extend(self.strangers.iter().filter(|stranger| stranger.ip == placed.ip));
            self.strangers.forget(*placed);
            stats.put += 1;
            out.push(put(&self.interface, *placed, self.lifetime));
        }
        self.is_here() && !was_here
    }

    fn still_asks(&mut self, now: Instant, out: &mut Vec<Action>) -> bool {
        let Some(asking) = &mut self.asking else { return false };
        if asking.again.is_some_and(|again| again <= now) {
            // However late this is: the listening begins here.
            (asking.again, asking.until) = (None, now + asking.listen);
            let absent = self.items.iter().filter(|(_, item)| item.is_wanted && !item.is_ordered());
            let ips: Vec<IpAddr> = absent.map(|(placed, _)| placed.ip).collect();
            self.ask(&ips, out);
        }
        if self.asking.is_some_and(|asking| asking.until <= now) {
            self.asking = None;
        }
        self.asking.is_some()
    }

    /// Whatever is, or would be, put by [`Self::advance`]: the guard is to know of it before.
    pub(crate) fn may_stand(&self) -> impl Iterator<Item = Placed> {
        let items = self.items.iter().filter(|(_, item)| (item.is_wanted || item.is_ordered()) && !item.is_own);
        // In another network than ours, too: the host would go on answering.
        let beside = self
            .strangers
            .iter()
            .filter(|placed| self.is_wanted && self.takes_off() && !self.items.contains_key(placed));
        items.map(|(placed, _)| *placed).chain(beside)
    }

    /// The proof has passed, or is not needed: lifetimes begin anew, not more often than is worth it. Forced: also where there is none, because
    /// there was one before.
    pub(crate) fn refresh(&mut self, now: Instant, is_forced: bool, stats: &mut Stats, out: &mut Vec<Action>) {
        for (placed, item) in &mut self.items {
            let There::Yes(ordered) = item.there else { continue };
            let is_due = self.lifetime.is_some_and(|lifetime| now.since(ordered) >= lifetime / REFRESHES);
            if item.is_wanted && !item.is_own && (is_forced || is_due) {
                item.there = There::Yes(now);
                self.strangers.forget(*placed);
                stats.refreshed += 1;
                out.push(put(&self.interface, *placed, self.lifetime));
            }
        }
    }

    /// When lifetimes have to begin anew, where no check says so.
    pub(crate) fn refresh_deadline(&self) -> Option<Instant> {
        let every = self.lifetime? / REFRESHES_ALONE;
        let of = |item: &Item| if let There::Yes(at) = item.there { Some(at + every) } else { None };
        self.items.values().filter(|item| item.is_wanted).filter_map(of).min()
    }

    /// These, or all, are to go.
    pub(crate) fn release(&mut self, ips: Option<&[IpAddr]>, stats: &mut Stats, out: &mut Vec<Action>) {
        let mut gone = Vec::new();
        for (placed, item) in self.items.iter_mut().filter(|(p, _)| ips.is_none_or(|ips| ips.contains(&p.ip))) {
            if item.is_put() {
                gone.push(*placed);
            }
            *item = Item { is_own: item.is_own, ..Item::default() };
        }
        self.remove(&gone, stats, out);
        if ips.is_none() || self.items.values().all(|item| !item.is_wanted) {
            self.is_wanted = false;
            self.asking = None;
            self.rival = None;
        }
    }

    /// Takes these off the interface, and their clients first; an address that stays in another network keeps them.
    pub(crate) fn remove(&self, gone: &[Placed], stats: &mut Stats, out: &mut Vec<Action>) {
        stats.removed += gone.len() as u64;
        let stays = |ip: IpAddr| self.items.iter().any(|(placed, item)| placed.ip == ip && item.is_ordered());
        let ips: Vec<IpAddr> = gone.iter().map(|placed| placed.ip).filter(|ip| !stays(*ip)).collect();
        if !ips.is_empty() {
            stats.cuts += 1;
            out.push(Action::Cut { ips });
        }
        let remove = |placed: &Placed| Action::Remove { interface: self.interface.clone(), address: *placed };
        out.extend(gone.iter().map(remove));
    }

    /// Not on the interface any more, and not by us.
    pub(crate) fn lost(&mut self, now: Instant, placed: Placed, is_proven: bool) -> Lost {
        let Some(item) = self.items.get_mut(&placed) else { return Lost::Nothing };
        let There::Yes(ordered) = item.there else { return Lost::Nothing };
        let has_run_out = self.lifetime.is_some_and(|lifetime| now.since(ordered) >= lifetime);
        if has_run_out || !is_proven {
            // Our own doing: the kernel was not told in time. The next pass puts it back.
            item.there = There::Lost(Some(now));
            return Lost::Waits;
        }
        if !self.put_back {
            item.there = There::Lost(None);
            return Lost::Left;
        }
        item.there = There::Lost(Some(item.back.map_or(now, |back| now.max(back + BACK_GAP))));
        if now.since(self.fights.0) > FIGHT {
            self.fights = (now, 0);
        }
        self.fights.1 += 1;
        let times = self.fights.1;
        if times >= FIGHT_TIMES && self.fighting.again(now).is_some() {
            return Lost::Fought(times);
        }
        self.losing.again(now).map_or(Lost::Waits, Lost::PutBack)
    }

    /// All that is on the interface: what of ours is missing, and what of ours should not be there.
    pub(crate) fn compare(&self, there: &[Placed]) -> (Vec<Placed>, Vec<Placed>) {
        let missing = |(placed, item): (&Placed, &Item)| {
            (matches!(item.there, There::Yes(_)) && !item.is_own && !there.contains(placed)).then_some(*placed)
        };
        let strangers = self.strangers.iter().filter(|placed| !there.contains(placed));
        let gone = self.items.iter().filter_map(missing).chain(strangers).collect();
        (gone, there.iter().filter(|placed| self.is_strange(**placed)).copied().collect())
    }

    /// Whether it is one of these, and there without an order of ours.
    fn is_strange(&self, placed: Placed) -> bool {
        let is_put = self.items.get(&placed).is_some_and(Item::is_put);
        !is_put && self.items.keys().any(|own| own.ip == placed.ip)
    }

    /// This is on the interface. Whether that is news: it is one of these, and not there by an order of ours.
    pub(crate) fn found(&mut self, now: Instant, placed: Placed) -> bool {
        if !self.is_strange(placed) || !self.strangers.found(now, placed) {
            return false;
        }
        for (_, item) in self.items.iter_mut().filter(|(own, _)| own.ip == placed.ip) {
            item.is_own |= self.is_owner && !item.is_ordered();
        }
        true
    }

    /// A stranger is gone: the owner's own address that has gone with it, as it was to be put.
    pub(crate) fn stranger_gone(&mut self, placed: Placed) -> Option<Placed> {
        if !self.strangers.forget(placed) || self.strangers.has(placed.ip) {
            return None;
        }
        let (own, item) = self.items.iter_mut().find(|(own, item)| own.ip == placed.ip && item.is_own)?;
        item.is_own = false;
        Some(*own)
    }

    /// Strangers that are to be taken off by now.
    pub(crate) fn strangers_due(&mut self, now: Instant) -> Vec<Placed> {
        if !self.takes_off() {
            return Vec::new();
        }
        let items = &self.items;
        self.strangers.take_due(now, |ip| !is_wanted(items, ip))
    }

    /// When the next one is.
    pub(crate) fn strangers_deadline(&self) -> Option<Instant> {
        self.strangers.next(|ip| !is_wanted(&self.items, ip)).filter(|_| self.takes_off())
    }

    /// Whether what is there without an order of ours is taken off while it should not be here.
    pub(crate) const fn takes_off(&self) -> bool {
        self.put_back && self.has_home && !self.is_owner
    }

    /// Why it is left there, for people; `None`: it is this host's own.
    pub(crate) const fn why_left(&self) -> Option<&'static str> {
        match self {
            Self { is_owner: true, .. } => None,
            Self { has_home: false, .. } => {
                Some("this host has no other address there that its router could speak from, so it is left")
            }
            _ => Some("put-back is off, so it is left"),
        }
    }

    pub(crate) const fn is_owner(&self) -> bool {
        self.is_owner
    }

    /// Strangers that were taken over, once.
    pub(crate) fn take_taken_over(&mut self) -> Vec<Placed> {
        core::mem::take(&mut self.taken_over)
    }

    /// It could not be put. Whether that matters.
    pub(crate) fn not_put(&mut self, placed: Placed) -> bool {
        let Some(item) = self.items.get_mut(&placed).filter(|item| item.is_wanted && item.is_ordered()) else {
            return false;
        };
        // Not wanted for the moment, so that it is not put once more before it is given up. That is done in order nevertheless: what was refused
        // may have been a longer lifetime only.
        item.is_wanted = false;
        true
    }

    /// Another host says that it has this.
    pub(crate) fn challenged(&mut self, now: Instant, ip: IpAddr, by: &str) -> Challenge {
        let Some((_, item)) = self.items.iter().find(|(placed, item)| placed.ip == ip && item.is_wanted) else {
            return Challenge::Nothing;
        };
        match (&mut self.asking, item.is_ordered()) {
            (_, true) => {
                self.rival.get_or_insert_with(|| (now + DEFEND_WAIT, ip, by.into()));
                Challenge::Noted
            }
            (Some(asking), false) if asking.again.is_none() && asking.patience > now => {
                (asking.again, asking.until) = (Some(now + asking.listen), now + asking.listen * 2);
                Challenge::Nothing
            }
            (Some(asking), false) if asking.again.is_none() => Challenge::Taken,
            _ => Challenge::Nothing,
        }
    }

    /// Somebody else uses what is still held: who and what, how often since the last line about it if it is time for one, and whether to
    /// announce it again.
    pub(crate) fn defend(&mut self, now: Instant) -> Option<(IpAddr, String, Option<u64>, bool)> {
        let (_, ip, by) = self.rival.take_if(|(at, ..)| *at <= now)?;
        let announces = self.defended.is_none_or(|last| now.since(last) >= DEFEND_GAP);
        if announces {
            self.defended = Some(now);
        }
        Some((ip, by, self.defending.again(now), announces))
    }

    /// It should be here.
    pub(crate) const fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// All that should be here was put.
    pub(crate) fn is_here(&self) -> bool {
        let are_put = self.items.values().filter(|item| item.is_wanted).all(Item::is_ordered);
        self.is_wanted && self.asking.is_none() && are_put
    }

    /// Some of it was put.
    pub(crate) fn is_partly_here(&self) -> bool {
        self.is_wanted && self.items.values().any(|item| item.is_wanted && item.is_ordered())
    }

    /// Some of what should be here was removed, by somebody or by the kernel, and is not back.
    pub(crate) fn has_lost(&self) -> bool {
        self.items.values().any(|item| item.is_wanted && matches!(item.there, There::Lost(_)))
    }

    pub(crate) const fn is_asking(&self) -> bool {
        self.asking.is_some()
    }

    pub(crate) fn interface(&self) -> &str {
        &self.interface
    }

    /// What is on the interface by our order, or the owner's.
    pub(crate) fn ips(&self) -> Vec<IpAddr> {
        self.items.iter().filter(|(_, item)| item.is_ordered()).map(|(placed, _)| placed.ip).collect()
    }

    pub(crate) fn owns(&self, interface: &str, placed: Placed) -> bool {
        self.interface == interface && self.items.contains_key(&placed)
    }

    /// This address, in whatever network.
    pub(crate) fn item(&self, ip: IpAddr) -> Option<Placed> {
        self.items.keys().find(|placed| placed.ip == ip).copied()
    }

    /// How long the kernel keeps what is put.
    pub(crate) const fn lifetime(&self) -> Option<Duration> {
        self.lifetime
    }

    pub(crate) fn asked_deadline(&self) -> Option<Instant> {
        let asked = self.asking.map(|asking| asking.again.unwrap_or(asking.until));
        asked.into_iter().chain(self.rival.as_ref().map(|(at, ..)| *at)).min()
    }

    /// When something that was lost is put back; what waits for a proof waits for that alone.
    pub(crate) fn back_deadline(&self, is_proven: bool) -> Option<Instant> {
        let of = |item: &Item| if let There::Lost(at) = item.there { at } else { None };
        self.items.values().filter(|item| is_proven && item.is_wanted).filter_map(of).min()
    }
}

impl Item {
    const fn is_ordered(&self) -> bool {
        !matches!(self.there, There::No)
    }

    /// It is there because we put it there.
    const fn is_put(&self) -> bool {
        self.is_ordered() && !self.is_own
    }
}

fn is_wanted(items: &BTreeMap<Placed, Item>, ip: IpAddr) -> bool {
    items.iter().any(|(placed, item)| placed.ip == ip && item.is_wanted)
}

fn is_owner(config: &Address) -> bool {
    matches!(&config.way, Way::Vrrp(vrrp) if vrrp.priority.is_owner())
}

fn has_home(config: &Address) -> bool {
    !matches!(&config.way, Way::Vrrp(vrrp) if vrrp.primary.is_unspecified())
}

fn lifetime(config: &Address) -> Option<Duration> {
    config.lifetime.filter(|_| !is_owner(config))
}

fn put(interface: &str, address: Placed, lifetime: Option<Duration>) -> Action {
    Action::Put { interface: interface.into(), address, valid: lifetime.map(Valid) }
}

/// How exactly kernels keep lifetimes.
const LETTING_GO: Duration = Duration::from_secs(1);
/// A pass renews a lifetime of which at least an eighth is over: checks come ten times a second, and the kernel tells everybody each time.
const REFRESHES: u32 = 8;
/// Where being awake is the proof, four times a lifetime.
const REFRESHES_ALONE: u32 = 4;
/// Somebody who deletes it again and again is not answered more often than this.
const BACK_GAP: Duration = Duration::from_secs(1);
/// So many times within so long are no accident.
const FIGHT_TIMES: u32 = 5;
const FIGHT: Duration = Duration::from_secs(60);
/// How long the news may take that the other has taken it by right. Who objected at once told the link about the wrong host in the very moment
/// of a takeover.
const DEFEND_WAIT: Duration = Duration::from_millis(50);
/// How often a host that says that it has what we hold is answered by an announcement (RFC 5227 2.4 has ten seconds; but then our clients
/// go there for ten seconds).
const DEFEND_GAP: Duration = Duration::from_secs(1);
