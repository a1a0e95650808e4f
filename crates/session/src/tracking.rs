//! Of which keys does the server tell the client when they change, and how does another server do it?
//!
//! With CLIENT TRACKING a server remembers what a client may have in its cache, and says `invalidate` when that changes. Another
//! server remembers nothing: it is told to track as the old one was, and the client is told to forget all (`invalidate` of null) as
//! soon as the old connection is gone, since nobody would say what changes from then on, and again when the new one tracks, since
//! somebody else of the same program may have filled the cache in between.
//!
//! Messages that are redirected go to a client that is known by its id, which another server does not have: a cut ends both.

use alloc::boxed::Box;
use alloc::vec::Vec;

use resp::{Request, RequestScanner};

use crate::command::Kind;
use crate::session::Session;

/// What servers have agreed to.
#[derive(Debug, Default)]
pub(crate) struct Tracking(Option<Box<Told>>);

#[derive(Debug, Default)]
struct Told {
    /// What turned it on: one request, or one for each set of prefixes.
    said: Vec<Box<[u8]>>,
    bytes: usize,
    redirects: bool,
    /// What was said about the next request.
    caching: Option<Box<[u8]>>,
    /// The connection is gone, and the new one does not track yet.
    cut: bool,
}

/// Prefixes that are remembered, in bytes of the requests that said them. With more, a cut closes the client.
const MAX_BYTES: usize = 64 * 1024;
/// The client may believe nothing that it has in its cache.
const FORGET_ALL: &[u8] = b">2\r\n$10\r\ninvalidate\r\n_\r\n";

impl Tracking {
    pub(crate) fn is_on(&self) -> bool {
        self.0.as_ref().is_some_and(|told| !told.said.is_empty())
    }

    /// Whether another server cannot be told.
    pub(crate) fn is_tied(&self) -> bool {
        self.0.as_ref().is_some_and(|told| told.is_tied())
    }

    /// Whether something was said about the request that comes next.
    pub(crate) fn awaits_next(&self) -> bool {
        self.0.as_ref().is_some_and(|told| told.caching.is_some())
    }

    /// RESET: back to how the connection began.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// All of it, as requests, and how many they are.
    pub(crate) fn words(&self) -> (Vec<u8>, usize) {
        self.0.as_ref().map_or((Vec::new(), 0), |told| (told.said.concat(), told.said.len()))
    }

    /// What was said about the next request, for right before it.
    pub(crate) fn next_words(&self) -> (&[u8], u32) {
        let caching = self.0.as_ref().and_then(|told| told.caching.as_deref());
        caching.map_or((&[], 0), |words| (words, 1))
    }

    fn told(&mut self) -> &mut Told {
        self.0.get_or_insert_default()
    }

    /// The next request has come and gone.
    fn on_next(&mut self) {
        if let Some(told) = &mut self.0 {
            told.caching = None;
        }
    }

    /// The connection is gone. True if the client has not been told to forget what it has.
    fn on_cut(&mut self) -> bool {
        self.is_on() && !core::mem::replace(&mut self.told().cut, true)
    }

    /// There is a new one, and it tracks. True if the connection was gone.
    fn on_restored(&mut self) -> bool {
        self.0.as_mut().is_some_and(|told| core::mem::take(&mut told.cut))
    }
}

impl Told {
    /// Whether another server cannot be told.
    const fn is_tied(&self) -> bool {
        self.redirects || self.bytes > MAX_BYTES
    }

    /// The server agreed to `CLIENT TRACKING`.
    fn on_ok(&mut self, request: &[u8]) {
        let has = |word: &[u8]| words(request).any(|w| w.eq_ignore_ascii_case(word));
        let is_on = words(request).nth(2).is_some_and(|w| w.eq_ignore_ascii_case(b"ON"));
        // Prefixes are added to those that there are; all else is said anew.
        if !is_on || !has(b"BCAST") {
            *self = Self { cut: self.cut, ..Self::default() };
        }
        if is_on {
            let id = words(request).skip_while(|w| !w.eq_ignore_ascii_case(b"REDIRECT")).nth(1);
            self.redirects = id.is_some_and(|id| id != b"0");
            self.bytes += request.len();
            if !self.is_tied() {
                self.said.push(request.into());
            } else if self.said.is_empty() {
                self.said.push([].into());
            }
        }
    }
}

impl Session {
    /// Whether something is for the client that it does not ask for: without a connection it misses that.
    pub(crate) fn listens(&self) -> bool {
        self.subscriptions.any() || self.tracking.is_on()
    }

    /// The server has answered the oldest request, which is not part of an open transaction.
    pub(crate) fn on_tracking_answered(&mut self, kind: Kind, ok: bool) {
        match kind {
            Kind::Tracking if ok => self.tracking.told().on_ok(self.kept.front_bytes()),
            Kind::Caching if ok => self.tracking.told().caching = Some(self.kept.front_bytes().into()),
            Kind::Tracking | Kind::Caching => {}
            // Up to EXEC it counts.
            Kind::Multi if ok => {}
            _ if self.tracking.awaits_next() && !is_about_itself(self.kept.front_bytes()) => {
                self.tracking.on_next();
            }
            _ => {}
        }
    }

    /// The connection is gone: changes will not be told.
    pub(crate) fn on_tracking_cut(&mut self) {
        if self.tracking.on_cut() {
            self.tell_to_forget();
        }
    }

    /// There is a new one, and it tracks.
    pub(crate) fn on_tracking_restored(&mut self) {
        if self.tracking.on_restored() {
            self.tell_to_forget();
        }
    }

    fn tell_to_forget(&mut self) {
        if self.remembered.resp3 {
            self.out.extend(FORGET_ALL);
        }
    }
}

/// CLIENT in all its forms leaves to the next request what was said about it.
fn is_about_itself(request: &[u8]) -> bool {
    words(request).next().is_some_and(|name| name.eq_ignore_ascii_case(b"CLIENT"))
}

fn words(request: &[u8]) -> impl Iterator<Item = &[u8]> {
    let command = match RequestScanner::default().next(request) {
        Ok(Some(Request::Command(command))) => Some(command),
        _ => None,
    };
    command.into_iter().flat_map(move |command| command.arguments(request))
}
