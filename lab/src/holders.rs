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
    hosts: Vec<Watched>,
    ends: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Watched {
    stints: Arc<Mutex<Vec<Stint>>>,
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
        let ends = Arc::<AtomicBool>::default();
        let watch = |host: &&str| {
            let namespace = File::open(Path::new("/run/netns").join(network.name_of(host)));
            let namespace = namespace.expect("the namespace has a file");
            let stints = Arc::<Mutex<Vec<Stint>>>::default();
            let (told, ends) = (Arc::clone(&stints), Arc::clone(&ends));
            let thread = thread::spawn(move || {
                // Of this thread alone.
                let entered = move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network));
                entered.expect("root may enter it");
                follow(address, &told, &ends);
            });
            Watched { stints, thread: Some(thread) }
        };
        Self { hosts: hosts.iter().map(watch).collect(), ends }
    }

    /// The stints of a host, by its place in the list; the last one has no end while it lasts.
    ///
    /// # Panics
    /// When a watcher has.
    #[must_use]
    pub fn stints(&self, host: usize) -> Vec<Stint> {
        self.hosts[host].stints.lock().expect("watchers do not panic").clone()
    }

    /// For how many milliseconds of this time both of two hosts had it, and in how many moments.
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
        for thread in self.hosts.iter_mut().filter_map(|host| host.thread.take()) {
            let _ = thread.join();
        }
    }
}

fn follow(address: IpAddr, told: &Mutex<Vec<Stint>>, ends: &AtomicBool) {
    let mut watch = Watch::open().expect("netlink can be opened");
    let mut netlink = Netlink::open().expect("netlink can be opened");
    let note = |is_here: bool| {
        let mut stints = told.lock().expect("watchers do not panic");
        let open = stints.last_mut().filter(|stint| stint.1.is_none());
        match (open, is_here) {
            (None, true) => stints.push((wall_ms(), None)),
            (Some(stint), false) => stint.1 = Some(wall_ms()),
            _ => {}
        }
    };
    let mut look = || {
        // While very much changes no list comes to its end.
        let mut tries = 0..LOOKS;
        let all = loop {
            match netlink.addresses() {
                Ok(all) => break all,
                Err(refused) => assert!(tries.next().is_some(), "the kernel lists addresses: {refused}"),
            }
        };
        all.iter().any(|held| held.address.ip == address)
    };
    note(look());
    while !ends.load(Ordering::Relaxed) {
        let mut fds = [PollFd::new(&watch, PollFlags::IN)];
        let _ = event::poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: LOOK_UP }));
        for change in watch.changes().expect("the kernel tells") {
            match change {
                Change::Address(held) if held.address.ip == address => note(true),
                Change::AddressGone(gone) if gone.ip == address => note(false),
                // An interface takes its addresses along without a word about each.
                Change::Missed | Change::LinkGone(_) => note(look()),
                _ => {}
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
