//! Where bytes stay, and who lends the memory.
//!
//! A busy session needs room for requests and replies, an idle one needs none: ten thousand idle clients with a few KiB each
//! would be most of a proxy's memory. So buffers are lent for a turn and come back empty ([`Session::lend`],
//! [`Session::reclaim`]); a worker with few busy sessions lends the same few buffers over and over and allocates nothing.
//!
//! [`Session::lend`]: crate::Session::lend
//! [`Session::reclaim`]: crate::Session::reclaim

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

use resp::{ReplyScanner, RequestScanner};

use crate::owed::Owed;
use crate::stats::Stats;

/// Empty buffers of one worker. Over the bound, what comes back is freed.
#[derive(Debug, Default)]
pub struct Spare {
    bytes: Vec<Vec<u8>>,
    /// The room in them, in bytes.
    room: usize,
    owed: Vec<VecDeque<Owed>>,
    requests: Vec<Lent<RequestScanner>>,
    replies: Vec<Lent<ReplyScanner>>,
    stats: Vec<Lent<Stats>>,
}

/// Something that only a busy session has. It is lent like a buffer; where nothing was lent, it is made.
#[derive(Debug)]
pub(crate) struct Lent<T>(Option<Box<T>>);

/// Counters that take no room while they are zero.
#[derive(Debug, Default)]
pub(crate) struct Tally(Lent<Stats>);

/// Buffers of each kind that a worker keeps for the next busy session: some more than sessions are busy in one turn.
const MAX_SPARE: usize = 64;
/// A buffer that grew over this is freed: it served a value so large that most sessions never see one.
const MAX_KEPT_CAPACITY: usize = 1024 * 1024;
/// What all of them may come to. Over it, too, what comes back is freed.
const MAX_ROOM: usize = 8 * 1024 * 1024;

impl Spare {
    /// An empty stock.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn lend_scanners(&mut self, requests: &mut Lent<RequestScanner>, replies: &mut Lent<ReplyScanner>) {
        requests.borrow_from(&mut self.requests);
        replies.borrow_from(&mut self.replies);
    }

    pub(crate) fn lend_tally(&mut self, to: &mut Tally) {
        to.0.borrow_from(&mut self.stats);
    }

    /// Not within a request.
    pub(crate) fn reclaim_requests(&mut self, from: &mut Lent<RequestScanner>) {
        from.reset();
        from.give_back(&mut self.requests);
    }

    /// Not within a reply.
    pub(crate) fn reclaim_replies(&mut self, from: &mut Lent<ReplyScanner>) {
        if let Some(scanner) = &mut from.0 {
            // It keeps its memory, unlike a new one.
            scanner.reset();
        }
        from.give_back(&mut self.replies);
    }

    /// Only if everything was taken.
    pub(crate) fn reclaim_tally(&mut self, from: &mut Tally) {
        if from.0.0.as_deref() == Some(&NOTHING) {
            from.0.give_back(&mut self.stats);
        }
    }

    pub(crate) fn lend_bytes(&mut self, to: &mut Vec<u8>) {
        if to.capacity() == 0
            && let Some(bytes) = self.bytes.pop()
        {
            self.room -= bytes.capacity();
            *to = bytes;
        }
    }

    pub(crate) fn lend_owed(&mut self, to: &mut VecDeque<Owed>) {
        if to.capacity() == 0
            && let Some(owed) = self.owed.pop()
        {
            *to = owed;
        }
    }

    pub(crate) fn reclaim_bytes(&mut self, from: &mut Vec<u8>) {
        if from.is_empty() && from.capacity() > 0 {
            let bytes = core::mem::take(from);
            let is_modest = bytes.capacity() <= MAX_KEPT_CAPACITY && self.room + bytes.capacity() <= MAX_ROOM;
            if self.bytes.len() < MAX_SPARE && is_modest {
                self.room += bytes.capacity();
                self.bytes.push(bytes);
            }
        }
    }

    pub(crate) fn reclaim_owed(&mut self, from: &mut VecDeque<Owed>) {
        if from.is_empty() && from.capacity() > 0 {
            let owed = core::mem::take(from);
            if self.owed.len() < MAX_SPARE && owed.capacity() * size_of::<Owed>() <= MAX_KEPT_CAPACITY {
                self.owed.push(owed);
            }
        }
    }
}

impl<T: Default> Lent<T> {
    /// It, as it was left, or a new one.
    pub(crate) fn get(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }

    /// It, if it is not as new.
    pub(crate) fn present(&self) -> Option<&T> {
        self.0.as_deref()
    }

    /// Forgets what it holds.
    pub(crate) fn reset(&mut self) {
        if let Some(lent) = &mut self.0 {
            **lent = T::default();
        }
    }

    fn borrow_from(&mut self, stock: &mut Vec<Self>) {
        if self.0.is_none()
            && let Some(spare) = stock.pop()
        {
            *self = spare;
        }
    }

    /// As new: whoever gets it next must find nothing in it.
    fn give_back(&mut self, stock: &mut Vec<Self>) {
        let back = core::mem::take(self);
        if back.0.is_some() && stock.len() < MAX_SPARE {
            stock.push(back);
        }
    }
}

impl<T> Default for Lent<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl Deref for Tally {
    type Target = Stats;

    fn deref(&self) -> &Stats {
        self.0.present().unwrap_or(&NOTHING)
    }
}

impl DerefMut for Tally {
    fn deref_mut(&mut self) -> &mut Stats {
        self.0.get()
    }
}

/// What a session has done that has not done anything.
static NOTHING: Stats = Stats::from_values([0; Stats::COUNT]);

/// Bytes on their way out, taken from the front. The memory of what is taken is used again before the buffer grows.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    taken: usize,
}

impl Outgoing {
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    pub(crate) const fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn take(&mut self, n: usize) {
        assert!(n <= self.len(), "no more is taken than was there");
        self.taken += n;
        if self.is_empty() {
            self.bytes.clear();
            self.taken = 0;
        }
    }

    pub(crate) fn extend(&mut self, more: &[u8]) {
        self.tail().extend_from_slice(more);
    }

    /// Where a writer appends. What was taken is dropped first if the buffer would grow otherwise.
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        if self.taken > self.bytes.len() / 2 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        &mut self.bytes
    }

    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}
