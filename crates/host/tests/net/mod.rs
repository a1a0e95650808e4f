//! A network of a test's own, which goes with its thread.

#![allow(dead_code, reason = "each test file has its own part of it")]

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use host::clock::now;

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

/// Another host, at the other end of `near`, where it is `far`.
pub(crate) struct Far(String);

/// Runs it in a network of which `near` leads to another host.
pub(crate) fn two_hosts(test: impl FnOnce(&Far) + Send + 'static) {
    in_a_network(|| {
        let number = NUMBER.fetch_add(1, Relaxed);
        let far = Far(format!("standfast-far-{}-{number}", std::process::id()));
        ip(&format!("netns add {}", far.0));
        ip(&format!("link set far netns {}", far.0));
        far.ip("link set far up");
        test(&far);
    });
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Far {
    pub(crate) fn ip(&self, words: &str) -> String {
        ip(&format!("-n {} {words}", self.0))
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
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
