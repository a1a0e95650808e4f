//! What must a new connection know before the next request?
//!
//! The client's own words are kept and said again: whoever it authenticated as, whichever protocol, database and name it
//! chose. The session does not need to understand them.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::command::Key;

/// What the client said about itself, as far as servers agreed.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    /// In the order of their last success: a later HELLO may depend on an earlier AUTH.
    said: Vec<(Key, Box<[u8]>)>,
    /// Replies of our own must be of the protocol that the client asked for.
    pub(crate) resp3: bool,
    /// A transaction set something, and nobody told whether it succeeded.
    pub(crate) unknown: bool,
}

/// Different things that a client can say about itself. More is a client that plays: the oldest is forgotten only together
/// with the right to a new connection.
const MAX_SAID: usize = 16;

impl Remembered {
    /// The server agreed to `request`.
    pub(crate) fn on_ok(&mut self, key: Key, request: &[u8]) {
        if key == Key::Hello {
            self.resp3 = argument(request, 1) == Some(b"3");
        }
        // HELLO without AUTH keeps the user that an earlier HELLO with AUTH set: it must not replace that one.
        let replaces = |old: &[u8]| key != Key::Hello || argc(request) >= argc(old);
        self.said.retain(|(k, old)| *k != key || !replaces(old));
        self.said.push((key, request.into()));
        self.unknown |= self.said.len() > MAX_SAID;
    }

    /// RESET: back to how the connection began.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.said.is_empty()
    }
}

/// The words that go out on a new connection before any request, and the replies that nobody but us may see.
#[derive(Debug)]
pub(crate) struct Restoring {
    bytes: Vec<u8>,
    sent: usize,
    /// Replies to come for what was remembered: each must be a success.
    remembered: u32,
    /// Replies to come for the open transaction: the server itself aborts it at EXEC if one of them is an error.
    queued: u32,
}

/// What a swallowed reply means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restored {
    /// More to come.
    NotYet,
    /// The connection is as the old one was.
    Done,
    /// The server does not let the client be what it was.
    Refused,
}

impl Restoring {
    /// `None` if there is nothing to say.
    pub(crate) fn new(remembered: &Remembered, transaction: &[u8], queued: u32) -> Option<Self> {
        if remembered.is_empty() && queued == 0 {
            return None;
        }
        let mut bytes = Vec::new();
        for (_, said) in &remembered.said {
            bytes.extend_from_slice(said);
        }
        bytes.extend_from_slice(transaction);
        Some(Self { bytes, sent: 0, remembered: u32::try_from(remembered.said.len()).unwrap_or(u32::MAX), queued })
    }

    pub(crate) fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    pub(crate) fn sent(&mut self, n: usize) {
        self.sent += n;
        assert!(self.sent <= self.bytes.len(), "no more is sent than was offered");
    }

    /// Whether everything went out: only then may requests follow.
    pub(crate) fn on_reply(&mut self, ok: bool) -> Restored {
        if self.remembered > 0 {
            self.remembered -= 1;
            if !ok {
                return Restored::Refused;
            }
        } else {
            self.queued = self.queued.saturating_sub(1);
        }
        if self.remembered + self.queued == 0 { Restored::Done } else { Restored::NotYet }
    }
}

fn argc(request: &[u8]) -> usize {
    scanned(request).map_or(0, |c| c.argc())
}

fn argument(request: &[u8], index: usize) -> Option<&[u8]> {
    scanned(request)?.argument(request, index)
}

fn scanned(request: &[u8]) -> Option<resp::Command> {
    match resp::RequestScanner::default().next(request) {
        Ok(Some(resp::Request::Command(command))) => Some(command),
        _ => None,
    }
}
