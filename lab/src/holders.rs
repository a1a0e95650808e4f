//! Who had an address, and from when to when? By what the kernels of the hosts tell at the moment, not by asking now and then: a
//! moment with two holders is seen however short it is. Of many addresses that move together, too.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use host::netlink::Netlink;
use host::netlink::watch::{Change, Watch};
use rustix::event::{self, PollFd, PollFlags, Timespec};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::netns::Network;
use crate::program::wall_ms;

/// Watches hosts until it is dropped.
#[derive(Debug)]
pub struct Holders {
    stints: Arc<Mutex<Stints>>,
    addresses: Vec<IpAddr>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// By address, then by host, in the order in which they were given.
type Stints = Vec<Vec<Vec<Stint>>>;

/// From when to when a host had the address; without an end it has it.
pub type Stint = (f64, Option<f64>);

impl Holders {
    /// Watches these hosts from here on.
    ///
    /// # Panics
    /// When the kernel refuses.
    #[must_use]
    pub fn watch(network: &Network, hosts: &[&str], address: IpAddr) -> Self {
        Self::watch_all(network, hosts, vec![address])
    }

    /// The same of many addresses.
    ///
    /// # Panics
    /// When the kernel refuses.
    #[must_use]
    pub fn watch_all(network: &Network, hosts: &[&str], addresses: Vec<IpAddr>) -> Self {
        let open = |host: &&str| {
            let namespace = File::open(Path::new("/run/netns").join(network.name_of(host)));
            namespace.expect("the namespace has a file")
        };
        let namespaces: Vec<File> = hosts.iter().map(open).collect();
        let stints = Arc::new(Mutex::new(vec![vec![Vec::new(); hosts.len()]; addresses.len()]));
        let ends = Arc::<AtomicBool>::default();
        let (told, over) = (Arc::clone(&stints), Arc::clone(&ends));
        let of = addresses.clone();
        let thread = thread::spawn(move || {
            let ears: Vec<Ear> = namespaces.iter().map(|namespace| Ear::open(namespace, &of)).collect();
            follow(ears, &told, &over);
        });
        Self { stints, addresses, ends, thread: Some(thread) }
    }

    /// The stints of a host, by its place in the list; the last one has no end while it lasts.
    ///
    /// # Panics
    /// When the watcher has.
    #[must_use]
    pub fn stints(&self, host: usize) -> Vec<Stint> {
        self.stints.lock().expect("the watcher does not panic")[0][host].clone()
    }

    /// The same of one of many addresses.
    ///
    /// # Panics
    /// When it is not watched, or the watcher has panicked.
    #[must_use]
    pub fn stints_of(&self, address: IpAddr, host: usize) -> Vec<Stint> {
        let place = self.addresses.iter().position(|watched| *watched == address).expect("it is watched");
        self.stints.lock().expect("the watcher does not panic")[place][host].clone()
    }

    /// For how many milliseconds of this time both of two hosts had it: the longest of all addresses.
    #[must_use]
    pub fn both_of_any(&self, from: f64, to: f64) -> f64 {
        let of = |address: &IpAddr| both(&self.stints_of(*address, 0), &self.stints_of(*address, 1), from, to).0;
        self.addresses.iter().map(of).fold(0.0, f64::max)
    }

    /// For how many milliseconds of this time both of two hosts had it, and in how many moments. None of them is an error of the
    /// measurement; what began and ended while the watcher had no processor is missing.
    #[must_use]
    pub fn both(&self, from: f64, to: f64) -> (f64, usize) {
        both(&self.stints(0), &self.stints(1), from, to)
    }

    /// How often the address came to a host after this moment.
    #[must_use]
    pub fn arrivals(&self, host: usize, after: f64) -> usize {
        self.stints(host).iter().filter(|(from, _)| *from > after).count()
    }
}

impl Drop for Holders {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What one host's kernel tells.
struct Ear {
    addresses: Vec<IpAddr>,
    watch: Watch,
    netlink: Netlink,
}

impl Ear {
    /// Of this thread, which is on another host then; what it has opened stays where it was opened.
    fn open(namespace: &File, addresses: &[IpAddr]) -> Self {
        let entered = move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network));
        entered.expect("root may enter it");
        let watch = Watch::open().expect("netlink can be opened");
        let netlink = Netlink::open().expect("netlink can be opened");
        Self { addresses: addresses.to_vec(), watch, netlink }
    }

    /// Which of them are there, and which are not.
    fn look(&mut self) -> Vec<(usize, bool)> {
        // While very much changes no list comes to its end.
        let mut tries = 0..LOOKS;
        let all = loop {
            match self.netlink.addresses() {
                Ok(all) => break all,
                Err(refused) => assert!(tries.next().is_some(), "the kernel lists addresses: {refused}"),
            }
        };
        let there: BTreeSet<IpAddr> = all.into_iter().map(|held| held.address.ip).collect();
        self.addresses.iter().map(|address| there.contains(address)).enumerate().collect()
    }

    /// Whether each is there, after each change that is of interest.
    fn hear(&mut self) -> Vec<(usize, bool)> {
        let place = |addresses: &[IpAddr], ip: IpAddr| addresses.iter().position(|address| *address == ip);
        let mut news = Vec::new();
        for change in self.watch.changes().expect("the kernel tells") {
            match change {
                Change::Address(held) => {
                    news.extend(place(&self.addresses, held.address.ip).map(|place| (place, true)))
                }
                Change::AddressGone(gone) => news.extend(place(&self.addresses, gone.ip).map(|place| (place, false))),
                // An interface takes its addresses along without a word about each.
                Change::Missed | Change::LinkGone(_) => news.extend(self.look()),
                Change::Link(_) => {}
            }
        }
        news
    }
}

fn follow(mut ears: Vec<Ear>, told: &Mutex<Stints>, ends: &AtomicBool) {
    let note = |host: usize, (address, is_here): (usize, bool), now: f64| {
        let stints = &mut told.lock().expect("nobody panics with it")[address][host];
        let open = stints.last_mut().filter(|stint| stint.1.is_none());
        match (open, is_here) {
            (None, true) => stints.push((now, None)),
            (Some(stint), false) => stint.1 = Some(now),
            _ => {}
        }
    };
    for (host, ear) in ears.iter_mut().enumerate() {
        for news in ear.look() {
            note(host, news, wall_ms());
        }
    }
    while !ends.load(Ordering::Relaxed) {
        let mut fds: Vec<PollFd<'_>> = ears.iter().map(|ear| PollFd::new(&ear.watch, PollFlags::IN)).collect();
        let _ = event::poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: LOOK_UP }));
        let now = wall_ms();
        // All that is heard in one go has happened at one moment, and it goes on until nothing is left: so what left one host before it came
        // to another is never taken for two holders, however late this thread is.
        for _ in 0..LOOKS {
            let mut is_quiet = true;
            for (host, ear) in ears.iter_mut().enumerate() {
                for news in ear.hear() {
                    is_quiet = false;
                    note(host, news, now);
                }
            }
            if is_quiet {
                break;
            }
        }
    }
}

fn both(a: &[Stint], b: &[Stint], from: f64, to: f64) -> (f64, usize) {
    let clip = |stint: &Stint| (stint.0.max(from), stint.1.unwrap_or(to).min(to));
    let overlaps = a
        .iter()
        .map(clip)
        .flat_map(|a| b.iter().map(clip).map(move |b| a.1.min(b.1) - a.0.max(b.0)).filter(|overlap| *overlap > 0.0));
    overlaps.fold((0.0, 0), |(sum, count), overlap| (sum + overlap, count + 1))
}

/// How often the addresses are listed anew while they change under our eyes: each time takes milliseconds.
const LOOKS: u32 = 1_000;
/// How soon a watcher sees that it shall end, in nanoseconds.
const LOOK_UP: i64 = 50_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_had_at_once_is_summed_up_within_the_time() {
        let (a, b) = ([(0.0, Some(10.0)), (30.0, None)], [(8.0, Some(32.0))]);
        assert_eq!(both(&a, &b, 0.0, 100.0), (4.0, 2));
        assert_eq!(both(&a, &b, 9.0, 31.0), (2.0, 2));
        assert_eq!(both(&a, &b, 12.0, 25.0), (0.0, 0));
    }
}
