//! Which connection is there already for somebody like this?
//!
//! Two kinds: lanes, which any number of clients with the same identity use together, and spare connections, which a client had
//! for itself, left clean, and gave back. `C` is what the driver knows a connection by.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use core::net::SocketAddr;
use core::time::Duration;

use machine::Instant;

/// The connections of one worker that are there to be found.
#[derive(Debug)]
pub struct Pool<C> {
    lanes: BTreeMap<(SocketAddr, Box<[u8]>), C>,
    /// The oldest first.
    spare: VecDeque<Spare<C>>,
}

#[derive(Debug)]
struct Spare<C> {
    addr: SocketAddr,
    words: Box<[u8]>,
    conn: C,
    since: Instant,
}

/// Lanes of one worker: users times databases times servers. At the bound a client gets one that is never found by another.
const MAX_LANES: usize = 1_024;
/// Spare connections of one worker. At the bound the oldest is closed: it was needed least.
const MAX_SPARE: usize = 64;
/// How long a spare connection is kept. A client that needs one now and then does it more often.
const SPARE: Duration = Duration::from_secs(30);

impl<C> Default for Pool<C> {
    fn default() -> Self {
        Self { lanes: BTreeMap::new(), spare: VecDeque::new() }
    }
}

impl<C: Copy + PartialEq> Pool<C> {
    /// The lane for clients of this identity.
    #[must_use]
    pub fn lane(&self, addr: SocketAddr, identity: &[u8]) -> Option<C> {
        // Most have none: nothing is allocated to look for that one.
        self.lanes.get(&(addr, Box::from(identity))).copied()
    }

    /// A lane is being made.
    pub fn open_lane(&mut self, addr: SocketAddr, identity: Box<[u8]>, lane: C) {
        if self.lanes.len() < MAX_LANES {
            self.lanes.insert((addr, identity), lane);
        }
    }

    /// A connection that was released. One to close in its place, if there are too many.
    pub fn give(&mut self, now: Instant, addr: SocketAddr, words: Box<[u8]>, conn: C) -> Option<C> {
        let over = if self.spare.len() >= MAX_SPARE { self.spare.pop_front() } else { None };
        self.spare.push_back(Spare { addr, words, conn, since: now });
        over.map(|spare| spare.conn)
    }

    /// A connection on which exactly this was said. The youngest: the oldest may age in peace.
    pub fn take(&mut self, addr: SocketAddr, words: &[u8]) -> Option<C> {
        let at = self.spare.iter().rposition(|s| s.addr == addr && *s.words == *words)?;
        self.spare.remove(at).map(|spare| spare.conn)
    }

    /// A client has gone that told a name: a connection to close, of those on which exactly this was said. Whoever asks the server
    /// who is there would see somebody who is not.
    pub fn on_named_left(&mut self, words: &[u8]) -> Option<C> {
        let at = self.spare.iter().position(|s| *s.words == *words)?;
        self.spare.remove(at).map(|spare| spare.conn)
    }

    /// A connection has ended, whichever it was.
    pub fn forget(&mut self, conn: C) {
        self.lanes.retain(|_, lane| *lane != conn);
        self.spare.retain(|spare| spare.conn != conn);
    }

    /// A spare connection that was of no use for long: it is to be closed.
    pub fn expire(&mut self, now: Instant) -> Option<C> {
        let oldest = self.spare.front()?;
        if oldest.since + SPARE > now {
            return None;
        }
        self.spare.pop_front().map(|spare| spare.conn)
    }

    /// When to ask [`Self::expire`].
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.spare.front().map(|oldest| oldest.since + SPARE)
    }
}
