//! What must a new connection know before the next request?
//!
//! What the client said about itself, as far as servers agreed, in an order of ours: who it is, which protocol it speaks, which
//! database it uses, then names and habits. HELLO may say three of these at once; they are kept apart, so that two clients that
//! are the same to a server are told the same, in whatever words they said it themselves.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::command::Key;

/// What the client said about itself, as far as servers agreed.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    /// In the order of the keys, each once: whole requests.
    said: Vec<(Key, Box<[u8]>)>,
    /// Who it was when it chose its database, if it is another since, who may not be allowed to choose one.
    selected_as: Option<Former>,
    /// Replies of our own must be of the protocol that the client asked for.
    pub(crate) resp3: bool,
    /// A transaction, or a HELLO that failed, set something, and nobody told whether that succeeded.
    pub(crate) unknown: bool,
}

/// Who a client was before.
#[derive(Debug)]
enum Former {
    /// It had not said who it is.
    Nobody,
    /// Whom this request made of it.
    User(Box<[u8]>),
}

impl Remembered {
    /// The server agreed to `request`.
    pub(crate) fn on_ok(&mut self, key: Key, request: &[u8]) {
        match key {
            Key::Hello => self.on_hello(request),
            // As every connection begins.
            Key::Select if argument(request, 1) == Some(b"0") => self.forget(key),
            _ => self.say(key, request.into()),
        }
    }

    fn on_hello(&mut self, request: &[u8]) {
        let Some(command) = scanned(request) else { return };
        let mut words = command.arguments(request).skip(1);
        if let Some(protocol) = words.next() {
            self.resp3 = protocol == b"3";
            if self.resp3 {
                self.say(Key::Hello, array(&[b"HELLO", b"3"]));
            } else {
                self.forget(Key::Hello);
            }
        }
        while let Some(word) = words.next() {
            if word.eq_ignore_ascii_case(b"AUTH") {
                let (user, password) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                self.say(Key::Auth, array(&[b"AUTH", user, password]));
            } else if word.eq_ignore_ascii_case(b"SETNAME") {
                self.say(Key::Name, array(&[b"CLIENT", b"SETNAME", words.next().unwrap_or_default()]));
            }
        }
    }

    fn say(&mut self, key: Key, request: Box<[u8]>) {
        match key {
            Key::Auth if self.has(Key::Select) => self.on_another_user(&request),
            Key::Select => self.selected_as = None,
            _ => {}
        }
        match self.said.binary_search_by_key(&key, |(k, _)| *k) {
            Ok(at) => self.said[at].1 = request,
            Err(at) => self.said.insert(at, (key, request)),
        }
    }

    /// It has a database, and says who it is by now. Whoever only has another password is the same one: the old one may count no more.
    fn on_another_user(&mut self, request: &[u8]) {
        let former = self.selected_as.take();
        let chose =
            former.unwrap_or_else(|| self.of(Key::Auth).map_or(Former::Nobody, |auth| Former::User(auth.into())));
        self.selected_as = Some(chose).filter(|chose| match chose {
            Former::Nobody => true,
            Former::User(auth) => user(auth) != user(request),
        });
    }

    fn of(&self, key: Key) -> Option<&[u8]> {
        self.said.iter().find(|(k, _)| *k == key).map(|(_, request)| &**request)
    }

    fn has(&self, key: Key) -> bool {
        self.of(key).is_some()
    }

    fn forget(&mut self, key: Key) {
        self.said.retain(|(k, _)| *k != key);
        if key == Key::Select {
            self.selected_as = None;
        }
    }

    /// RESET: back to how the connection began.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether something was said that a server does not forget at RESET.
    pub(crate) fn outlasts_reset(&self) -> bool {
        self.said.last().is_some_and(|(key, _)| *key > Key::Name)
    }

    /// Whether more was said than makes a difference to replies.
    pub(crate) fn is_named(&self) -> bool {
        self.said.last().is_some_and(|(key, _)| *key > Key::Select)
    }

    /// How many requests that is.
    pub(crate) fn len(&self) -> usize {
        self.said.len() + usize::from(matches!(self.selected_as, Some(Former::User(_))))
    }

    /// All of it, as requests one after the other.
    pub(crate) fn words(&self) -> Vec<u8> {
        self.upto(Key::NoTouch)
    }

    /// Who it is, and which protocol it speaks: what a server hears even while a script runs.
    pub(crate) fn who(&self) -> (Vec<u8>, usize) {
        (self.upto(Key::Hello), self.said.iter().filter(|(key, _)| *key <= Key::Hello).count())
    }

    /// What makes a difference to replies: who it is, which protocol, which database.
    pub(crate) fn identity(&self) -> Vec<u8> {
        self.upto(Key::Select)
    }

    fn upto(&self, last: Key) -> Vec<u8> {
        let chose = self.selected_as.as_ref().filter(|_| last >= Key::Select);
        let is_first = |key: &Key| chose.is_some() && *key == Key::Select;
        let former = match chose {
            Some(Former::User(auth)) => &auth[..],
            Some(Former::Nobody) | None => &[],
        };
        let first = self.said.iter().filter(|(key, _)| is_first(key));
        let told = first.chain(self.said.iter().filter(|(key, _)| !is_first(key) && *key <= last));
        former.iter().copied().chain(told.flat_map(|(_, said)| said.iter().copied())).collect()
    }
}

/// The words that go out on a new connection before any request, and the replies that nobody but us may see.
#[derive(Debug)]
pub(crate) struct Restoring {
    bytes: Vec<u8>,
    sent: usize,
    /// Replies to come for what was remembered: each must be a success.
    remembered: u32,
    /// Answers to come for what is listened to: each must be a success.
    confirmations: usize,
    /// Replies to come for the rest: that they come is enough. Of the open transaction, the server itself aborts it at EXEC if one is
    /// an error.
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
    /// `None` if there is nothing to say. `words` are so many requests, `heard` get so many answers, `last` are `queued`.
    pub(crate) fn new(
        (words, requests): (Vec<u8>, usize),
        (heard, confirmations): (Vec<u8>, usize),
        (last, queued): (&[u8], u32),
    ) -> Option<Self> {
        if requests == 0 && confirmations == 0 && queued == 0 {
            return None;
        }
        let bytes = [&words, &heard, last].concat();
        Some(Self { bytes, sent: 0, remembered: u32::try_from(requests).unwrap_or(u32::MAX), confirmations, queued })
    }

    /// Whether answers to subscriptions may come.
    pub(crate) const fn awaits_confirmation(&self) -> bool {
        self.confirmations > 0
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
        } else if self.confirmations > 0 {
            self.confirmations -= 1;
            if !ok {
                return Restored::Refused;
            }
        } else {
            self.queued = self.queued.saturating_sub(1);
        }
        if self.remembered + self.queued == 0 && self.confirmations == 0 { Restored::Done } else { Restored::NotYet }
    }
}

/// Who an AUTH is of; with a password alone, the one whom everybody is at first.
fn user(auth: &[u8]) -> Vec<u8> {
    let named = argument(auth, 2).and_then(|_| argument(auth, 1));
    named.unwrap_or(b"default").to_vec()
}

fn array(words: &[&[u8]]) -> Box<[u8]> {
    let mut request = Vec::new();
    resp::write::command(&mut request, words);
    request.into()
}

pub(crate) fn argument(request: &[u8], index: usize) -> Option<&[u8]> {
    scanned(request)?.argument(request, index)
}

fn scanned(request: &[u8]) -> Option<resp::Command> {
    match resp::RequestScanner::default().next(request) {
        Ok(Some(resp::Request::Command(command))) => Some(command),
        _ => None,
    }
}
