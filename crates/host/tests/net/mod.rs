//! A network of a test's own, which goes with its thread.

#![allow(dead_code, reason = "each test file has its own part of it")]

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use host::clock::now;
use host::netlink::{Link, Netlink};

/// Much more than the kernel needs, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs it in an empty network with a pair of links, `near` and `far`, both up.
pub(crate) fn in_a_network(test: impl FnOnce() + Send + 'static) {
    let ran = thread::spawn(move || {
        own_network();
        for words in ["link set lo up", "link add near type veth peer name far", "link set near up", "link set far up"]
        {
            ip(words);
        }
        test();
    });
    if let Err(failed) = ran.join() {
        std::panic::resume_unwind(failed);
    }
}

#[expect(unsafe_code, reason = "unshare")]
fn own_network() {
    // SAFETY: man 2 unshare: it moves this thread into a new network namespace and touches no memory.
    let done = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    assert_eq!(done, 0, "this test needs root: {}", std::io::Error::last_os_error());
}

pub(crate) fn ip(words: &str) -> String {
    let said = Command::new("ip").args(words.split(' ')).output().expect("iproute2 is there");
    assert!(said.status.success(), "ip {words}: {}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8_lossy(&said.stdout).into()
}

/// Another host.
pub(crate) struct Far(String);

/// Runs it in a network of which `near` leads to another host, where it is `far`.
pub(crate) fn two_hosts(test: impl FnOnce(&Far) + Send + 'static) {
    in_a_network(|| {
        let far = Far::new();
        far.plug("far", "far");
        test(&far);
    });
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Far {
    /// A host without links.
    pub(crate) fn new() -> Self {
        let number = NUMBER.fetch_add(1, Relaxed);
        let far = Self(format!("standfast-far-{}-{number}", std::process::id()));
        ip(&format!("netns add {}", far.0));
        far
    }

    /// Moves a link of ours there.
    pub(crate) fn plug(&self, link: &str, name: &str) {
        ip(&format!("link set {link} netns {}", self.0));
        self.ip(&format!("link set {link} name {name}"));
        self.ip(&format!("link set {name} up"));
    }

    pub(crate) fn ip(&self, words: &str) -> String {
        ip(&format!("-n {} {words}", self.0))
    }

    /// Does something there.
    pub(crate) fn run<T: Send + 'static>(&self, what: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
        let there = File::open(format!("/run/netns/{}", self.0)).expect("it was made");
        thread::spawn(move || {
            enter(&there);
            what()
        })
    }
}

#[expect(unsafe_code, reason = "setns")]
fn enter(network: &File) {
    // SAFETY: man 2 setns: it moves this thread into the network namespace of an open descriptor, and touches no memory.
    let done = unsafe { libc::setns(network.as_raw_fd(), libc::CLONE_NEWNET) };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

impl Drop for Far {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

/// A link of the network that this thread is in.
pub(crate) fn link(name: &str) -> Link {
    let links = Netlink::open().unwrap().links().unwrap();
    links.into_iter().find(|link| link.name == name).expect("it was made")
}

pub(crate) fn wait<T>(what: &str, mut so: impl FnMut() -> Option<T>) -> T {
    let until = now() + PATIENCE;
    loop {
        if let Some(it) = so() {
            return it;
        }
        assert!(now() < until, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
