//! What of this host's links and addresses does the machine hear, and how are its orders about them carried out?
//!
//! The kernel tells every change (`host::netlink::watch`). What may be another thing than it seems (a link that leaves a bridge is told as
//! gone, an address of which we have just changed our mind) is looked up before the machine hears of it; when the kernel had to drop
//! something, everything is.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use host::netlink::watch::{Change, Watch};
use host::netlink::{Address, Held, Link, Netlink};
use host::{HostRefused, clock};
use node::event::Found;
use node::{Event, Placed};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::ear::{self, Ear};
use super::seen::{KernelStatus, Seen};

/// Links and addresses as they are, as far as the kernel has told.
pub(super) struct Links {
    netlink: Netlink,
    watch: AsyncFd<Ear<Watch>>,
    links: BTreeMap<u32, Link>,
    held: BTreeMap<Address, Held>,
    /// What is to be there by the machine's order, and on which link it was put last: its name may be another one by now.
    ordered: BTreeMap<(String, Placed), Option<u32>>,
    /// The addresses that move: those that the machine answers for.
    moving: BTreeSet<IpAddr>,
    /// Those of them that the machine was told to be there without an order of its own.
    found: BTreeSet<Address>,
    /// It is another than when it was last asked for.
    has_reordered: bool,
    /// Which interfaces matter, and what was last told of each.
    told: BTreeMap<String, Option<Option<String>>>,
    /// The own address of each interface and family that routers speak from; kept while it is there, and while there is no other.
    primaries: BTreeMap<(String, bool), IpAddr>,
    /// The kernel tells nothing at present: said once.
    is_deaf: bool,
    seen: Seen,
}

/// What was heard.
#[derive(Default)]
pub(super) struct News {
    /// For the machine.
    pub(super) events: Vec<Event>,
    /// Links or own addresses are others than before: what stands on them is to be looked at.
    pub(super) has_moved: bool,
    /// What was told may be another thing than it seems.
    must_look: bool,
    /// Something was not told at all.
    has_missed: bool,
    /// Ordered addresses, and those that were found, that were told as gone.
    gone: Vec<(String, Address)>,
    /// Those that move, told as there without an order.
    come: BTreeSet<Address>,
}

impl Links {
    /// Looks at everything, and hears of every change from now on. Call it inside of the runtime.
    ///
    /// # Errors
    /// The kernel does not answer, or no descriptors are left.
    pub(super) fn open() -> Result<Self, HostRefused> {
        let mut links = Self {
            watch: watch()?,
            netlink: Netlink::open()?,
            links: BTreeMap::new(),
            held: BTreeMap::new(),
            ordered: BTreeMap::new(),
            moving: BTreeSet::new(),
            found: BTreeSet::new(),
            has_reordered: false,
            told: BTreeMap::new(),
            primaries: BTreeMap::new(),
            is_deaf: false,
            seen: Seen::default(),
        };
        links.look()?;
        Ok(links)
    }

    /// What is there before anything is ordered: all that a Standfast put, if the kernel says so, and what else of the addresses that move.
    pub(super) fn left(&mut self) -> (Vec<(String, Placed)>, Vec<Found>) {
        let (mut left, mut found) = (Vec::new(), Vec::new());
        for held in self.held.values() {
            let Some(interface) = self.links.get(&held.address.link).map(|link| link.name.clone()) else { continue };
            let address = placed(held.address);
            if held.is_ours {
                left.push((interface, address));
            } else if self.moving.contains(&address.ip) && self.told.contains_key(&interface) {
                self.found.insert(held.address);
                found.push(Found { interface, address, lasts: held.valid.is_none() });
            }
        }
        (left, found)
    }

    /// Those that move and that are there without an order, as far as is known: other ones may move by now.
    pub(super) fn strangers(&mut self) -> Vec<Event> {
        let strange: Vec<Address> = self.held.keys().copied().filter(|address| self.is_strange(*address)).collect();
        strange.into_iter().filter_map(|address| self.told_of(address)).collect()
    }

    fn is_strange(&self, address: Address) -> bool {
        let Some(link) = self.links.get(&address.link).filter(|_| self.moving.contains(&address.ip)) else {
            return false;
        };
        self.told.contains_key(&link.name) && !self.ordered.contains_key(&(link.name.clone(), placed(address)))
    }

    fn told_of(&mut self, address: Address) -> Option<Event> {
        let interface = self.links.get(&address.link)?.name.clone();
        self.found.insert(address);
        Some(Event::Found { interface, address: placed(address) })
    }

    /// These interfaces matter from now on, and no others; and these addresses move.
    pub(super) fn mind(&mut self, interfaces: BTreeSet<String>, moving: BTreeSet<IpAddr>) {
        self.moving = moving;
        self.told.retain(|name, _| interfaces.contains(name));
        self.seen.mind(|name| interfaces.contains(name));
        for name in interfaces {
            self.told.entry(name).or_default();
        }
    }

    /// How often the kernel did not tell, and how often an interface was away.
    pub(super) fn kernel(&self) -> KernelStatus {
        self.seen.status()
    }

    /// The link of this name, if there is one.
    pub(super) fn link(&self, interface: &str) -> Option<&Link> {
        self.links.values().find(|link| link.name == interface)
    }

    /// Whether the address is on the interface, and can be spoken from.
    pub(super) fn has(&self, interface: &str, ip: IpAddr) -> bool {
        let Some(link) = self.link(interface) else { return false };
        self.held.values().any(|held| held.address.link == link.index && held.address.ip == ip && !held.is_tentative)
    }

    /// An address of the interface that is this host's own, as it was found last.
    pub(super) fn primary(&self, interface: &str, ipv6: bool) -> Option<IpAddr> {
        self.primaries.get(&(interface.to_owned(), ipv6)).copied()
    }

    /// Finds an own address for each family of the interfaces that matter: none of those that move. Of IPv6 the link-local one (RFC 9568
    /// 5.1.2.1). One that was found stays what is spoken from while it is there, and while there is no other.
    pub(super) fn find_primaries(&mut self) {
        let mut found = BTreeMap::new();
        for (interface, ipv6) in self.told.keys().flat_map(|name| [(name, false), (name, true)]) {
            let own = self.own(interface, ipv6);
            let before = self.primary(interface, ipv6).filter(|before| own.is_empty() || own.contains(before));
            if let Some(ip) = before.or_else(|| own.first().copied()) {
                found.insert((interface.clone(), ipv6), ip);
            }
        }
        self.primaries = found;
    }

    fn own(&self, interface: &str, ipv6: bool) -> Vec<IpAddr> {
        let Some(link) = self.link(interface) else { return Vec::new() };
        let fits = |held: &&Held| {
            let of_family = match held.address.ip {
                IpAddr::V4(_) => !ipv6,
                IpAddr::V6(v6) => ipv6 && v6.is_unicast_link_local(),
            };
            let is_usable = !held.is_ours && !held.is_tentative && !held.is_duplicate;
            held.address.link == link.index && of_family && is_usable && !self.moving.contains(&held.address.ip)
        };
        self.held.values().filter(fits).map(|held| held.address.ip).collect()
    }

    /// Puts each there, or gives it another lifetime. The refusals, in the same order, are for people.
    pub(super) fn put(&mut self, all: &[(String, Placed, Option<Duration>)]) -> Vec<Result<(), String>> {
        let on = all.iter().map(|(interface, address, _)| self.order(interface, *address)).collect::<Vec<_>>();
        let there = on.iter().zip(all).filter_map(|(on, (_, _, valid))| Some((on.as_ref().ok().copied()?, *valid)));
        let mut done = self.netlink.put_all(&there.collect::<Vec<_>>()).into_iter();
        let done = on.into_iter().map(|on| {
            on?;
            done.next().unwrap_or(Ok(())).map_err(|refused| refused.to_string())
        });
        done.collect()
    }

    /// It is to be there from now on. Where that is.
    fn order(&mut self, interface: &str, address: Placed) -> Result<Address, String> {
        let at = self.on(interface, address);
        let before = self.ordered.get(&(interface.to_owned(), address)).copied();
        self.has_reordered |= before.is_none();
        let put = before.flatten();
        if let (Some(put), Some(at)) = (put, at)
            && put != at.link
        {
            // Another link has the name by now.
            self.remove(interface, address);
        }
        self.ordered.insert((interface.to_owned(), address), at.map(|at| at.link).or(put));
        at.ok_or_else(|| format!("there is no interface {interface}: `ip link` shows those that are there"))
    }

    /// Lets nobody in any more at these, which are about to be removed. Where an address is there once more, in another network or on another
    /// interface, somebody else goes on with it.
    pub(super) fn shut(&mut self, ips: &[IpAddr]) {
        for ip in ips {
            let ordered: Vec<_> = self.ordered().filter(|(_, placed)| placed.ip == *ip).cloned().collect();
            let [(interface, placed)] = ordered.as_slice() else { continue };
            let Some(at) = self.on(interface, *placed) else { continue };
            if self.held.keys().any(|held| held.ip == *ip && *held != at) {
                continue;
            }
            if let Err(refused) = self.netlink.shut(&at) {
                tracing::warn!("{refused}. Who connects to it before it is removed may wait in vain");
            }
        }
    }

    /// Takes it off, if it is there: from the link on which it was put, whatever that is called by now.
    pub(super) fn remove(&mut self, interface: &str, address: Placed) {
        let put = self.ordered.remove(&(interface.to_owned(), address));
        self.has_reordered |= put.is_some();
        let put = put.flatten().map(|link| Address { link, ip: address.ip, prefix: address.prefix });
        let Some(at) = put.or_else(|| self.on(interface, address)) else { return };
        match self.netlink.remove(&at) {
            Ok(removed) if removed.taken_along.is_empty() => {}
            Ok(removed) => {
                let along: Vec<String> = removed.taken_along.iter().map(ToString::to_string).collect();
                tracing::info!(
                    %address,
                    interface,
                    "it was the first address of its network there, and took {} along, as the kernel does (promote_secondaries = 0): put back at \
                     once. An address without a network of its own (/{}) does not",
                    along.join(" "),
                    if address.ip.is_ipv4() { 32 } else { 128 }
                );
            }
            Err(refused) => tracing::error!(
                %address,
                interface,
                "{refused}. It stays there until its lifetime is over; take it off by hand: `ip address del`"
            ),
        }
    }

    /// What is to be there by the machine's order.
    pub(super) fn ordered(&self) -> impl Iterator<Item = &(String, Placed)> {
        self.ordered.keys()
    }

    /// Whether this is to be there, on whichever interface.
    pub(super) fn orders(&self, ip: IpAddr) -> bool {
        self.ordered.keys().any(|(_, placed)| placed.ip == ip)
    }

    /// Whether that is something else than the last time.
    pub(super) const fn has_reordered(&mut self) -> bool {
        std::mem::replace(&mut self.has_reordered, false)
    }

    fn on(&self, interface: &str, Placed { ip, prefix }: Placed) -> Option<Address> {
        self.link(interface).map(|link| Address { link: link.index, ip, prefix })
    }

    /// Waits until the kernel has something to tell.
    pub(super) async fn readable(&self) {
        if self.is_deaf || self.watch.readable().await.is_err() {
            // The next look at the clock tries again.
            std::future::pending::<()>().await;
        }
    }

    /// What the kernel has told since the last time.
    pub(super) fn hear(&mut self) -> News {
        let mut news = News::default();
        for _ in 0..AT_ONCE {
            let heard = self.watch.try_io_mut(Interest::READABLE, |ear| match ear.0.changes() {
                Ok(changes) if changes.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
                told => Ok(told),
            });
            match heard {
                Ok(Ok(changes)) => changes.into_iter().for_each(|change| self.on_change(change, &mut news)),
                Ok(Err(refused)) => {
                    tracing::error!("{refused}. Trying again: until then, changes of links are not seen");
                    self.is_deaf = true;
                    break;
                }
                Err(_) => break,
            }
        }
        self.look_again(&mut news);
        news.events.extend(self.faults());
        news
    }

    /// If the kernel told nothing any more: tries to hear again, and looks at everything.
    pub(super) fn hear_again(&mut self) -> News {
        let mut news = News::default();
        if self.is_deaf
            && let Ok(watch) = watch()
        {
            (self.watch, self.is_deaf) = (watch, false);
            (news.must_look, news.has_moved, news.has_missed) = (true, true, true);
            self.look_again(&mut news);
            news.events.extend(self.faults());
        }
        news
    }

    fn on_change(&mut self, change: Change, news: &mut News) {
        match change {
            Change::Link(link) => {
                let before = self.links.insert(link.index, link.clone());
                news.has_moved |= before.is_none_or(|before| before != link);
            }
            // A link that leaves a bridge is told as gone, too.
            Change::LinkGone(_) => (news.must_look, news.has_moved) = (true, true),
            Change::Missed => {
                self.seen.overrun(clock::now());
                (news.must_look, news.has_moved, news.has_missed) = (true, true, true);
            }
            Change::Address(held) => {
                let before = self.held.insert(held.address, held);
                let same = |before: Held| (before.is_tentative, before.is_ours) == (held.is_tentative, held.is_ours);
                news.has_moved |= !held.is_ours && !before.is_some_and(same);
                if self.is_strange(held.address) {
                    // It may be our own, of which we have just changed our mind.
                    news.must_look = true;
                    news.come.insert(held.address);
                }
            }
            Change::AddressGone(address) => self.on_address_gone(address, news),
        }
    }

    fn on_address_gone(&mut self, address: Address, news: &mut News) {
        let was_ours = self.held.remove(&address).is_some_and(|held| held.is_ours);
        news.has_moved |= !was_ours;
        let Some(interface) = self.links.get(&address.link).map(|link| link.name.clone()) else { return };
        if self.ordered.contains_key(&(interface.clone(), placed(address))) || self.found.remove(&address) {
            // It may have been put there again since.
            news.must_look = true;
            news.gone.push((interface, address));
        }
    }

    /// Looks at everything, if something that was told asks for it: once, however much was told.
    fn look_again(&mut self, news: &mut News) {
        if !news.must_look {
            return;
        }
        if let Err(refused) = self.look() {
            tracing::error!("{refused}. What is known of interfaces may be old; they are listed again in a moment");
            // While very much changes no list comes to its end: `hear_again` begins anew with all of it.
            self.is_deaf = true;
            return;
        }
        for (interface, address) in std::mem::take(&mut news.gone) {
            if !self.held.contains_key(&address) {
                news.events.push(Event::Gone { interface, address: placed(address) });
            }
        }
        let come = std::mem::take(&mut news.come).into_iter();
        for address in come.filter(|address| self.held.contains_key(address)).collect::<Vec<_>>() {
            let told = self.told_of(address).filter(|_| self.is_strange(address));
            news.events.extend(told);
        }
        if news.has_missed {
            let interfaces = self.told.keys().cloned();
            let listed = |interface: String| Event::Listed { there: self.there(&interface), interface };
            news.events.extend(interfaces.map(listed));
        }
    }

    fn there(&self, interface: &str) -> Vec<Placed> {
        let Some(link) = self.link(interface) else { return Vec::new() };
        self.held.keys().filter(|address| address.link == link.index).map(|address| placed(*address)).collect()
    }

    /// What is new about the links that matter.
    pub(super) fn faults(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let names: Vec<String> = self.told.keys().cloned().collect();
        for interface in names {
            let fault = match self.link(&interface) {
                None => Some(format!("there is no interface {interface}")),
                Some(link) if !link.is_up => Some(format!("{interface} is down")),
                Some(link) if !link.is_running => Some(format!("{interface} has no carrier")),
                Some(_) => None,
            };
            if let Some(told) = self.told.get_mut(&interface)
                && told.as_ref() != Some(&fault)
            {
                self.seen.interface(clock::now(), &interface, fault.as_ref(), told.is_none());
                *told = Some(fault.clone());
                events.push(Event::Link { interface, fault });
            }
        }
        events
    }

    fn look(&mut self) -> Result<(), HostRefused> {
        self.links = self.netlink.links()?.into_iter().map(|link| (link.index, link)).collect();
        self.held = self.netlink.addresses()?.into_iter().map(|held| (held.address, held)).collect();
        Ok(())
    }
}

fn watch() -> Result<AsyncFd<Ear<Watch>>, HostRefused> {
    ear::listen(Watch::open()?).map_err(|e| ear::refused("watch the network interfaces", "netlink", e))
}

const fn placed(Address { ip, prefix, .. }: Address) -> Placed {
    Placed { ip, prefix }
}

/// Messages that are read between two looks at the clock.
const AT_ONCE: usize = 64;
