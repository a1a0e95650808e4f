//! Which requests are unanswered, and how far they are sent.
//!
//! A request's bytes are kept once, in the buffer that they were read into, until its reply has been passed on: sending it
//! again needs no copy.
//!
//! ```text
//!   bytes  │ taken │ retained │ sent ········ │ may be sent │ waiting ······ │ not yet a request │
//!          0     head                        sent        admitted         framed             end
//!   owed             (answered,  └── in flight ┴─────────────┴── waiting ────┘
//!                    of an open MULTI)
//! ```

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::buffers::Spare;
use crate::command::{Command, Kind};
use crate::heard::Heard;

/// One request that has no answer yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owed {
    /// Its bytes. A request is shorter than 4 GiB (`Session` sees to that).
    pub(crate) len: u32,
    pub(crate) command: Command,
    pub(crate) state: State,
}

/// What is known of a request besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It goes to a server, and has an answer when the server gives one.
    Owed,
    /// A server refused it: surely not executed.
    Refused,
    /// It waited too long: the session answers it with an error.
    Expired,
    /// A server refused it, and none took it within the time: the session passes the refusal on.
    RefusalExpired,
    /// It was perhaps executed, and its answer is lost: the session says so.
    Unknown,
    /// Part of it is gone, and so is the connection that heard it. It changed nothing: the session says so.
    Spent,
    /// It is no request: the session words what is wrong with it and closes.
    Malformed,
}

impl State {
    const fn is_refused(self) -> bool {
        matches!(self, Self::Refused | Self::RefusalExpired)
    }
}

/// Requests of one client that are unanswered. Deeper pipelines than this exist, but gain nothing: at the bound the client is
/// not read until replies have been passed on.
pub(crate) const MAX_OWED: usize = 16_384;

/// The kept bytes and the requests in them.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    bytes: Vec<u8>,
    /// Where the living bytes begin.
    head: usize,
    /// Bytes of the open transaction that are answered already, in front of what is owed.
    retained: usize,
    owed: VecDeque<Owed>,
    /// Bytes of all that is owed.
    framed: usize,
    /// How many of the owed may be sent: the first ones.
    admitted: usize,
    /// Their bytes.
    admitted_len: usize,
    /// How many of these bytes have been sent. Never more than `admitted_len`.
    sent: usize,
    /// How many requests went out whole.
    whole: usize,
    /// Their bytes. Never more than `sent`.
    whole_len: usize,
    /// The only one that is owed has not ended: more of it is to come.
    open_end: bool,
    /// The bytes of the first one are let go as they are sent.
    streams: bool,
    /// Some of them are gone.
    spent: bool,
    /// Of those that were refused and wait.
    heard: Option<Box<Heard>>,
}

impl Kept {
    pub(crate) fn lend(&mut self, spare: &mut Spare) {
        spare.lend_bytes(&mut self.bytes);
        spare.lend_owed(&mut self.owed);
    }

    pub(crate) fn reclaim(&mut self, spare: &mut Spare) {
        spare.reclaim_bytes(&mut self.bytes);
        spare.reclaim_owed(&mut self.owed);
    }

    /// Living bytes.
    pub(crate) const fn len(&self) -> usize {
        self.bytes.len() - self.head
    }

    /// The memory that it takes, in bytes.
    pub(crate) fn footprint(&self) -> usize {
        self.bytes.capacity() + self.owed.capacity() * size_of::<Owed>()
    }

    /// Unanswered requests.
    pub(crate) fn owed(&self) -> usize {
        self.owed.len()
    }

    /// Whether there is one.
    pub(crate) fn is_owed(&self) -> bool {
        !self.owed.is_empty()
    }

    pub(crate) fn append(&mut self, more: &[u8]) {
        self.make_room(more.len());
        self.bytes.extend_from_slice(more);
    }

    /// The buffer, with room for so many bytes behind what is kept.
    pub(crate) fn room(&mut self, n: usize) -> &mut Vec<u8> {
        self.make_room(n);
        self.bytes.reserve(n);
        &mut self.bytes
    }

    fn make_room(&mut self, n: usize) {
        // Dead bytes go before the buffer grows; moving less than was freed keeps that linear.
        if self.head > 0 && self.bytes.len() + n > self.bytes.capacity() && self.head >= self.len() {
            self.bytes.drain(..self.head);
            self.head = 0;
        }
    }

    const fn owed_start(&self) -> usize {
        self.head + self.retained
    }

    const fn framed_end(&self) -> usize {
        self.owed_start() + self.framed
    }

    /// The bytes that are no request yet.
    pub(crate) fn unframed(&self) -> &[u8] {
        &self.bytes[self.framed_end()..]
    }

    /// Replaces the first `len` unframed bytes: an inline command becomes an array before it is owed.
    pub(crate) fn rewrite(&mut self, len: usize, by: &[u8]) {
        let at = self.framed_end();
        self.bytes.splice(at..at + len, by.iter().copied());
        self.settle_empty();
    }

    /// The first `len` unframed bytes are a request.
    pub(crate) fn push(&mut self, len: usize, command: Command, state: State) {
        debug_assert!(len <= self.unframed().len());
        let short = u32::try_from(len).expect("the session refuses requests of 4 GiB");
        self.owed.push_back(Owed { len: short, command, state });
        self.framed += len;
    }

    /// The oldest unanswered request.
    pub(crate) fn front(&self) -> Option<&Owed> {
        self.owed.front()
    }

    /// Its bytes.
    pub(crate) fn front_bytes(&self) -> &[u8] {
        let len = self.owed.front().map_or(0, |o| o.len as usize);
        &self.bytes[self.owed_start()..self.owed_start() + len]
    }

    /// The bytes of the open transaction that are answered already.
    pub(crate) fn retained_bytes(&self) -> &[u8] {
        &self.bytes[self.head..self.owed_start()]
    }

    /// Request `index`, if it went out whole. `before` is the length of those before it.
    pub(crate) fn in_flight_at(&self, index: usize, before: usize) -> Option<&Owed> {
        self.owed.get(index).filter(|o| index < self.whole && before + o.len as usize <= self.sent)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Owed> {
        self.owed.iter()
    }

    /// Requests that went out whole and have no answer.
    pub(crate) const fn in_flight(&self) -> usize {
        self.whole
    }

    /// Whether anything was given to a server, or is about to be.
    pub(crate) const fn any_admitted(&self) -> bool {
        self.admitted > 0
    }

    pub(crate) const fn admitted(&self) -> usize {
        self.admitted
    }

    /// Bytes of the requests that a server was given, or is about to be.
    pub(crate) const fn admitted_len(&self) -> usize {
        self.admitted_len
    }

    /// Unanswered requests that no server was given.
    pub(crate) fn waiting(&self) -> usize {
        self.owed.len() - self.admitted
    }

    /// The first request that no server was given.
    pub(crate) fn first_waiting(&self) -> Option<&Owed> {
        self.owed.get(self.admitted)
    }

    /// The last request that a server was given, or is about to be.
    pub(crate) fn last_admitted(&self) -> Option<&Owed> {
        self.admitted.checked_sub(1).and_then(|last| self.owed.get(last))
    }

    /// Lets the first waiting request go out.
    pub(crate) fn admit(&mut self) {
        self.forget_heard(self.owed[self.admitted].state);
        let next = &mut self.owed[self.admitted];
        next.state = State::Owed;
        self.admitted_len += next.len as usize;
        self.admitted += 1;
    }

    /// Takes back what may be sent but has not begun to be.
    pub(crate) fn admit_no_more(&mut self) {
        while self.admitted > self.whole {
            let last = self.owed[self.admitted - 1].len as usize;
            // Nothing may be left of one that was sent as it came.
            if self.admitted_len - last < self.sent || (self.spent && self.admitted == 1) {
                break;
            }
            self.admitted_len -= last;
            self.admitted -= 1;
        }
    }

    pub(crate) fn unsent(&self) -> &[u8] {
        let start = self.owed_start();
        &self.bytes[start + self.sent..start + self.admitted_len]
    }

    /// Whether nothing has gone out that is unanswered.
    pub(crate) const fn is_unsent(&self) -> bool {
        self.sent == 0
    }

    pub(crate) fn sent(&mut self, n: usize) {
        self.sent += n;
        assert!(self.sent <= self.admitted_len, "no more is sent than was offered");
        self.count_whole();
        if self.streams {
            self.let_go(self.sent.min(self.owed[0].len as usize));
        }
    }

    fn count_whole(&mut self) {
        while !self.open_end && self.whole < self.admitted {
            let end = self.whole_len + self.owed[self.whole].len as usize;
            if end > self.sent {
                break;
            }
            self.whole += 1;
            self.whole_len = end;
        }
    }

    /// The last bytes of those that were given away did not go out after all.
    pub(crate) fn unsend(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_sub(bytes);
        while self.whole_len > self.sent {
            self.whole -= 1;
            self.whole_len -= self.owed[self.whole].len as usize;
        }
    }

    /// The oldest request is answered. Its bytes go, or stay in front if a cut transaction needs them again.
    pub(crate) fn pop(&mut self, retain: bool) -> Owed {
        let owed = self.owed.pop_front().expect("an answer is given to a request that is owed");
        self.forget_heard(owed.state);
        let len = owed.len as usize;
        self.framed -= len;
        (self.open_end, self.streams, self.spent) = (false, false, false);
        if self.admitted > 0 {
            assert!(len <= self.sent, "R1: no answer before the question");
            self.admitted -= 1;
            self.admitted_len -= len;
            self.sent -= len;
            self.whole -= 1;
            self.whole_len -= len;
        }
        if retain {
            self.retained += len;
        } else {
            assert!(self.retained == 0, "what is retained is in front of what is owed");
            self.head += len;
            self.settle_empty();
        }
        owed
    }

    /// Forgets the bytes of the transaction that are answered already.
    pub(crate) fn release_retained(&mut self) {
        self.head += self.retained;
        self.retained = 0;
        self.settle_empty();
    }

    /// Nothing is sent any more: all that is owed waits again.
    pub(crate) fn rewind(&mut self) {
        self.admitted = 0;
        self.admitted_len = 0;
        self.sent = 0;
        self.whole = 0;
        self.whole_len = 0;
    }

    pub(crate) fn mark(&mut self, index: usize, state: State) {
        debug_assert!(!self.owed[index].state.is_refused(), "its words would be another's");
        self.owed[index].state = state;
    }

    /// A server refused these of the requests that went out, the last one first, in these words.
    pub(crate) fn refuse<'a>(&mut self, refused: impl Iterator<Item = (usize, &'a [u8])>) {
        for (index, words) in refused {
            self.mark(index, State::Refused);
            self.heard.get_or_insert_default().push_front(words);
        }
    }

    /// What the first of those that were refused heard.
    pub(crate) fn heard(&self) -> Option<&[u8]> {
        self.heard.as_ref().and_then(|heard| heard.first())
    }

    /// A request leaves this state.
    fn forget_heard(&mut self, state: State) {
        if state.is_refused()
            && let Some(heard) = &mut self.heard
        {
            heard.pop_front();
            if heard.first().is_none() {
                self.heard = None;
            }
        }
    }

    /// All that waits has waited too long.
    pub(crate) fn expire(&mut self) -> usize {
        let mut expired = 0;
        for owed in self.owed.range_mut(self.admitted..) {
            owed.state = match owed.state {
                // Who goes waits for nobody, and is answered as ever.
                _ if owed.command.kind == Kind::Quit => continue,
                State::Owed => State::Expired,
                State::Refused => State::RefusalExpired,
                _ => continue,
            };
            expired += 1;
        }
        expired
    }

    /// All that waits was refused in these words, and hears so in its turn; but not what is said for just that case, nor who goes.
    pub(crate) fn refuse_all(&mut self, words: &[u8]) {
        let mut before = self.heard.take().unwrap_or_default();
        let mut heard = Heard::default();
        for owed in self.owed.range_mut(self.admitted..).rev() {
            let known = if owed.state.is_refused() { before.pop_back() } else { None };
            let stays = owed.command.is_urgent || owed.command.kind == Kind::Quit;
            if matches!(owed.state, State::Owed | State::Refused) && !stays {
                owed.state = State::RefusalExpired;
                heard.push_front(words);
            } else if let Some(known) = known {
                heard.push_front(&known);
            }
        }
        self.heard = heard.first().is_some().then(|| Box::new(heard));
    }

    /// The first `len` unframed bytes begin a request that is sent as it comes. It is the only one that is owed.
    pub(crate) fn begin_stream(&mut self, len: usize, command: Command) {
        assert!(self.owed.is_empty(), "what is before it is answered");
        self.push(len, command, State::Owed);
        self.open_end = true;
        self.streams = true;
    }

    /// The first `len` unframed bytes are more of it. `ended`: and the last.
    pub(crate) fn stream(&mut self, len: usize, ended: bool) {
        let request = self.owed.back_mut().expect("it is owed until it has ended");
        // Between two reads it is never more than what a session may keep.
        request.len += u32::try_from(len).expect("what is kept is bounded");
        self.framed += len;
        if self.admitted > 0 {
            self.admitted_len += len;
        }
        self.open_end = !ended;
        self.count_whole();
    }

    /// Whether the only request that is owed has not ended.
    pub(crate) const fn is_open_ended(&self) -> bool {
        self.open_end
    }

    /// Whether part of the first request is gone: it cannot be sent again.
    pub(crate) const fn is_spent(&self) -> bool {
        self.spent
    }

    /// Nobody needs what is there of the request that streams.
    pub(crate) fn let_all_go(&mut self) {
        if self.admitted == 0
            && let Some(front) = self.owed.front()
        {
            self.let_go(front.len as usize);
        }
    }

    /// The first bytes of the first request go.
    fn let_go(&mut self, bytes: usize) {
        let Some(front) = self.owed.front_mut().filter(|_| bytes > 0) else { return };
        assert!(self.retained == 0, "what is retained is in front of what is owed");
        front.len -= u32::try_from(bytes).expect("no more than there is");
        self.spent = true;
        self.head += bytes;
        self.framed -= bytes;
        if self.admitted > 0 {
            self.admitted_len -= bytes;
            self.sent -= bytes;
        }
        if self.whole > 0 {
            self.whole_len -= bytes;
        }
        self.settle_empty();
    }

    /// Whether a request has begun to go out that has not gone out whole.
    pub(crate) const fn is_partly_sent(&self) -> bool {
        self.sent > self.whole_len || (self.spent && self.whole == 0 && self.admitted > 0)
    }

    /// From here on all bytes go out as they are: the session stops looking at requests. What was owed must be answered,
    /// but for the request that began it.
    pub(crate) fn turn_raw(&mut self) {
        assert!(!self.owed.is_empty() && self.admitted == 0 && self.retained == 0);
        self.owed.clear();
        self.framed = 0;
    }

    /// The bytes to send after [`Self::turn_raw`].
    pub(crate) fn raw(&self) -> &[u8] {
        &self.bytes[self.head..]
    }

    pub(crate) fn raw_sent(&mut self, n: usize) {
        assert!(n <= self.len(), "no more is sent than was offered");
        self.head += n;
        self.settle_empty();
    }

    fn settle_empty(&mut self) {
        if self.head == self.bytes.len() {
            self.bytes.clear();
            self.head = 0;
        }
    }
}
