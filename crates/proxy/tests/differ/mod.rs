//! One stream of requests, two servers that know nothing of each other: one is asked directly, the other through a listener.
//! What came back must be the same bytes, but for what no two servers have in common ([`volatile`]).

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod generate;
pub mod script;
pub mod surface;
pub mod volatile;
pub mod wire;

use std::net::SocketAddr;

use session::{Pool, Rules};
use view::Phase;

use crate::real::{Lab, Redis, view};

/// How the sessions of a listener come by their connections to the server.
pub fn pools() -> Vec<(&'static str, Rules)> {
    // Where few have a connection each, some of the clients of a test are as many as share, and some are not.
    [("session", Pool::Session, 1), ("shared", Pool::Shared, 1), ("shared by many", Pool::Shared, 3)]
        .map(|(name, pool, share_from)| (name, Rules { pool, share_from, ..Rules::default() }))
        .to_vec()
}

/// Two servers started alike, and a listener before the second.
pub struct Pair {
    /// Asked directly.
    pub plain: Redis,
    /// Asked through the listener.
    pub behind: Redis,
    pub lab: Lab,
}

impl Pair {
    pub fn start(rules: Rules, options: &[&str]) -> Self {
        let (plain, behind) = (Redis::start_with(options), Redis::start_with(options));
        let lab = Lab::start(view(1, Phase::Steady, behind.addr, &[]), rules);
        Self { plain, behind, lab }
    }

    pub fn listener(&self) -> SocketAddr {
        self.lab.proxy.addrs()[0]
    }
}

/// Bytes as one reads them in a message, long ones cut.
pub fn show(bytes: &[u8]) -> String {
    const MOST: usize = 600;
    if bytes.len() <= MOST {
        return bytes.escape_ascii().to_string();
    }
    let (head, tail) = (&bytes[..MOST / 2], &bytes[bytes.len() - MOST / 2..]);
    format!("{} ... ({} bytes) ... {}", head.escape_ascii(), bytes.len(), tail.escape_ascii())
}

/// The first stream to play: another part of all streams with each commit, the same one as long as it is the same commit.
pub fn first_seed() -> u64 {
    from_env("DIFFER_SEED").unwrap_or_else(seeds::first_of_commit)
}

pub fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
