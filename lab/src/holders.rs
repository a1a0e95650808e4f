//! Who had an address, and from when to when? By what the kernels of the hosts tell at the moment, not by asking now and then: a
//! moment with two holders is seen however short it is.

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
    stints: Arc<Mutex<Vec<Vec<Stint>>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// From when to when a host had the address; without an end it has it.
pub type Stint = (f64, Option<f64>);

impl Holders {
    /// Watches these hosts from here on.
    ///
    /// # Panics
    /// When the kernel refuses.
    #[must_use]
    pub fn watch(network: &Network, hosts: &[&str], address: IpAddr) -> Self {
        let open = |host: &&str| {
            let namespace = File::open(Path::new("/run/netns").join(network.name_of(host)));
            namespace.expect("the namespace has a file")
        };
        let namespaces: Vec<File> = hosts.iter().map(open).collect();
        let stints = Arc::new(Mutex::new(vec![Vec::new(); hosts.len()]));
        let ends = Arc::<AtomicBool>::default();
        let (told, over) = (Arc::clone(&stints), Arc::clone(&ends));
        let thread = thread::spawn(move || {
            let ears: Vec<Ear> = namespaces.iter().map(|namespace| Ear::open(namespace, address)).collect();
            follow(ears, &told, &over);
        });
        Self { stints, ends, thread: Some(thread) }
    }

    /// The stints of a host, by its place in the list; the last one has no end while it lasts.
    ///
    /// # Panics
    /// When the watcher has.
    #[must_use]
    pub fn stints(&self, host: usize) -> Vec<Stint> {
        self.stints.lock().expect("the watcher does not panic")[host].clone()
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
    address: IpAddr,
    watch: Watch,
    netlink: Netlink,
}

impl Ear {
    /// Of this thread, which is on another host then; what it has opened stays where it was opened.
    fn open(namespace: &File, address: IpAddr) -> Self {
        let entered = move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network));
        entered.expect("root may enter it");
        let watch = Watch::open().expect("netlink can be opened");
        let netlink = Netlink::open().expect("netlink can be opened");
        Self { address, watch, netlink }
    }

    fn look(&mut self) -> bool {
        // While very much changes no list comes to its end.
        let mut tries = 0..LOOKS;
        let all = loop {
            match self.netlink.addresses() {
                Ok(all) => break all,
                Err(refused) => assert!(tries.next().is_some(), "the kernel lists addresses: {refused}"),
            }
        };
        all.iter().any(|held| held.address.ip == self.address)
    }

    /// Whether the address is there, after each change that is of interest.
    fn hear(&mut self) -> Vec<bool> {
        let mut news = Vec::new();
        for change in self.watch.changes().expect("the kernel tells") {
            match change {
                Change::Address(held) if held.address.ip == self.address => news.push(true),
                Change::AddressGone(gone) if gone.ip == self.address => news.push(false),
                // An interface takes its addresses along without a word about each.
                Change::Missed | Change::LinkGone(_) => news.push(self.look()),
                _ => {}
            }
        }
        news
    }
}

fn follow(mut ears: Vec<Ear>, told: &Mutex<Vec<Vec<Stint>>>, ends: &AtomicBool) {
    let note = |host: usize, is_here: bool, now: f64| {
        let stints = &mut told.lock().expect("nobody panics with it")[host];
        let open = stints.last_mut().filter(|stint| stint.1.is_none());
        match (open, is_here) {
            (None, true) => stints.push((now, None)),
            (Some(stint), false) => stint.1 = Some(now),
            _ => {}
        }
    };
    for (host, ear) in ears.iter_mut().enumerate() {
        note(host, ear.look(), wall_ms());
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
                for is_here in ear.hear() {
                    is_quiet = false;
                    note(host, is_here, now);
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
