//! What does a client listen to, and how does it go on listening at another server?
//!
//! A subscription is answered once for each of its names, and from then on messages come that answer nobody: in RESP3 as pushes, in
//! RESP2 as arrays that only their first word tells from an answer. So the first word is looked at where it can matter. The names
//! are remembered; a new server is told them before anything else, and its confirmations are for nobody. The client notices
//! nothing, but what was published in between it has missed, as every subscriber has that was away for a moment.
//!
//! Three are passed on as raw bytes instead, and closed by a cut: who subscribes within a transaction (whose EXEC is then answered
//! in pieces that do not add up), who has more names than are remembered, and who says it in a request larger than may be kept.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use resp::{Request, RequestScanner};

use crate::command::{Form, Kind};
use crate::owed::Owed;
use crate::session::Session;

/// What servers have agreed to.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions(Option<Box<Known>>);

#[derive(Debug, Default)]
struct Known {
    names: BTreeSet<(Form, Box<[u8]>)>,
    /// As requests would have them, about.
    bytes: usize,
    /// Of the request that is being answered: answers that were passed on, of so many.
    confirmed: (usize, usize),
}

/// Names that are remembered, in bytes of the request that tells them: tens of thousands of usual ones.
const MAX_BYTES: usize = 256 * 1024;
/// What a name costs in a request besides itself.
const AROUND: usize = 8;
/// Names in one request to a new server.
const AT_ONCE: usize = 1_000;
/// A first word is shorter than this, with all that is before it.
const MAX_HEAD: usize = 64;
/// Who listens here was named to the server by its client id, which a new connection does not have.
const INVALIDATE: &[u8] = b"__redis__:invalidate";

/// What the first word says that a reply or a push is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// An answer to a subscription.
    Confirms(Kind),
    /// It answers nobody.
    Message,
    /// Something else.
    Other,
}

impl Form {
    const ALL: [Self; 3] = [Self::Channel, Self::Pattern, Self::Shard];

    const fn verb(self) -> &'static str {
        match self {
            Self::Channel => "SUBSCRIBE",
            Self::Pattern => "PSUBSCRIBE",
            Self::Shard => "SSUBSCRIBE",
        }
    }
}

impl Subscriptions {
    pub(crate) fn any(&self) -> bool {
        self.names().next().is_some()
    }

    fn names(&self) -> impl Iterator<Item = &(Form, Box<[u8]>)> {
        self.0.iter().flat_map(|known| &known.names)
    }

    /// What a request with all of it would come to, about.
    fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, |known| known.bytes)
    }

    /// Whether a new server cannot be told.
    pub(crate) fn is_tied(&self) -> bool {
        self.0.as_ref().is_some_and(|known| known.names.contains(&(Form::Channel, INVALIDATE.into())))
    }

    /// Whether a request is answered in part.
    pub(crate) fn is_partly_confirmed(&self) -> bool {
        self.0.as_ref().is_some_and(|known| known.confirmed.0 > 0)
    }

    /// One answer to `request` came. True if it was the last one: the server has agreed to it.
    fn on_confirmed(&mut self, kind: Kind, request: &[u8]) -> bool {
        let known = self.0.get_or_insert_default();
        if known.confirmed.0 == 0 {
            known.confirmed.1 = known.answers(kind, request);
        }
        known.confirmed.0 += 1;
        let is_last = known.confirmed.0 >= known.confirmed.1;
        if is_last {
            known.confirmed = (0, 0);
            known.on_ok(kind, request);
            if known.names.is_empty() {
                self.0 = None;
            }
        }
        is_last
    }

    /// The connection is gone.
    pub(crate) fn on_cut(&mut self) {
        if let Some(known) = &mut self.0 {
            known.confirmed = (0, 0);
        }
    }

    /// RESET: back to how the connection began.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// All of it, as requests, and how many answers they get.
    pub(crate) fn words(&self) -> (Vec<u8>, usize) {
        let mut words = Vec::new();
        for form in Form::ALL {
            let names: Vec<&[u8]> = self.names().filter(|(f, _)| *f == form).map(|(_, name)| &**name).collect();
            for names in names.chunks(AT_ONCE) {
                let request: Vec<&[u8]> = [form.verb().as_bytes()].into_iter().chain(names.iter().copied()).collect();
                resp::write::command(&mut words, &request);
            }
        }
        (words, self.names().count())
    }
}

impl Known {
    /// The server agreed to `request`.
    fn on_ok(&mut self, kind: Kind, request: &[u8]) {
        let Ok(Some(Request::Command(command))) = RequestScanner::default().next(request) else { return };
        let names = command.arguments(request).skip(1);
        match kind {
            Kind::Subscribe(form) => {
                for name in names {
                    if self.names.insert((form, name.into())) {
                        self.bytes += name.len() + AROUND;
                    }
                }
            }
            Kind::Unsubscribe(form) if command.argc() == 1 => {
                self.names.retain(|(f, _)| *f != form);
                self.bytes = self.names.iter().map(|(_, name)| name.len() + AROUND).sum();
            }
            Kind::Unsubscribe(form) => {
                for name in names {
                    if self.names.remove(&(form, name.into())) {
                        self.bytes -= name.len() + AROUND;
                    }
                }
            }
            _ => {}
        }
    }

    /// How many answers `request` gets.
    fn answers(&self, kind: Kind, request: &[u8]) -> usize {
        let Ok(Some(Request::Command(command))) = RequestScanner::default().next(request) else { return 1 };
        match kind {
            Kind::Unsubscribe(form) if command.argc() == 1 => {
                self.names.iter().filter(|(f, _)| *f == form).count().max(1)
            }
            _ => command.argc() - 1,
        }
    }
}

impl Session {
    /// Whether the next request goes with those under way: what is answered once each and what is not are kept apart.
    pub(crate) fn is_of_the_same_sort(&self, next: &Owed) -> bool {
        let is_subscription = next.command.kind.is_subscription();
        let goes_along =
            self.kept.last_admitted().is_none_or(|last| last.command.kind.is_subscription() == is_subscription);
        goes_along && !(is_subscription && self.must_pass_raw(next))
    }

    /// Whether this subscription is more than can be understood or remembered.
    pub(crate) fn must_pass_raw(&self, next: &Owed) -> bool {
        let known = self.subscriptions.bytes() + self.kept.admitted_len();
        self.transaction.is_open()
            || (matches!(next.command.kind, Kind::Subscribe(_)) && known + next.len as usize > MAX_BYTES)
    }

    /// Whether only its first word tells what a reply or push that begins like this is.
    pub(crate) fn needs_word(&self, first: u8) -> bool {
        match first {
            b'>' => {
                let is_told = self.route.restoring().is_some_and(|words| words.awaits_confirmation());
                is_told || self.asked().is_some_and(|o| o.command.kind.is_subscription())
            }
            b'*' if !self.remembered.resp3 => {
                self.subscriptions.any() || self.asked().is_some_and(|o| o.command.kind.is_subscription())
            }
            _ => false,
        }
    }

    /// One answer to a subscription has been passed on.
    pub(crate) fn on_confirmed(&mut self) {
        let Some(asked) = self.asked() else { return };
        let kind = asked.command.kind;
        if self.subscriptions.on_confirmed(kind, self.kept.front_bytes()) {
            self.on_answered(true);
        }
    }
}

/// What a reply or push is, as soon as its beginning tells.
pub(crate) fn word(head: &[u8]) -> Option<Word> {
    let line = |from: usize| head.get(from..)?.windows(2).position(|w| w == b"\r\n").map(|at| from + at + 2);
    let too_long = if head.len() > MAX_HEAD { Some(Word::Other) } else { None };
    let Some(first) = line(0) else { return too_long };
    let word = match head.get(first) {
        None => return too_long,
        Some(b'$') => {
            let Some(start) = line(first) else { return too_long };
            match line(start) {
                Some(end) => &head[start..end - 2],
                None => return too_long,
            }
        }
        Some(_) => return Some(Word::Other),
    };
    Some(match word {
        b"message" | b"pmessage" | b"smessage" => Word::Message,
        b"subscribe" => Word::Confirms(Kind::Subscribe(Form::Channel)),
        b"psubscribe" => Word::Confirms(Kind::Subscribe(Form::Pattern)),
        b"ssubscribe" => Word::Confirms(Kind::Subscribe(Form::Shard)),
        b"unsubscribe" => Word::Confirms(Kind::Unsubscribe(Form::Channel)),
        b"punsubscribe" => Word::Confirms(Kind::Unsubscribe(Form::Pattern)),
        b"sunsubscribe" => Word::Confirms(Kind::Unsubscribe(Form::Shard)),
        _ => Word::Other,
    })
}
