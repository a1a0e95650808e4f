//! What a request means for the session: may it be sent twice, does it change what the connection is?

use resp::command::{Effect, Spec};

/// What the session keeps of a request besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    pub(crate) kind: Kind,
    /// Executing it twice does no harm: it changes no data. What is unknown is taken for a write.
    pub(crate) repeatable: bool,
    /// It may be answered much later, when another client does something.
    pub(crate) blocks: bool,
    pub(crate) travels: Travels,
    /// It is for when a script runs for too long, and needs nothing of its connection but who says it.
    pub(crate) is_urgent: bool,
}

/// On which kind of connection a request may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Travels {
    /// On one that other clients use, too: its answer is all that there is to it.
    Shared,
    /// On one of the session's own, for as long as it takes.
    Own,
    /// On one of the session's own, which is nobody else's ever after: it may have left something there that we do not know.
    Tied,
}

/// What a request does to the connection that it travels on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    Plain,
    /// If it succeeds, a new connection must hear it too.
    Remember(Key),
    Multi,
    Exec,
    Discard,
    Watch,
    Unwatch,
    /// Back to how the connection began.
    Reset,
    Quit,
    /// Answered once for each name, and then messages come that answer nobody.
    Subscribe(Form),
    /// Without a name: answered once for each that there is.
    Unsubscribe(Form),
    /// Which keys the server tells of when they change.
    Tracking,
    /// Whether it tells of those of the next request.
    Caching,
    /// Ends connections, of others or its own.
    Kill,
    /// Replies do not match requests one by one after it, or belong to nobody: the session stops looking.
    Pin,
}

/// What is subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    Channel,
    Pattern,
    Shard,
}

/// Which part of a connection's state a request sets, in the order in which a new connection is told. A later success of the
/// same key replaces an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Auth,
    Hello,
    Select,
    Name,
    LibName,
    LibVersion,
    NoEvict,
    NoTouch,
}

impl Kind {
    pub(crate) const fn is_subscription(self) -> bool {
        matches!(self, Self::Subscribe(_) | Self::Unsubscribe(_))
    }
}

impl Command {
    pub(crate) const QUIT: Self =
        Self { kind: Kind::Quit, repeatable: true, blocks: false, travels: Travels::Own, is_urgent: false };

    /// Reads the meaning of a request from its first arguments.
    pub(crate) fn of(request: &resp::Command, frame: &[u8]) -> Self {
        let name = request.name(frame);
        let spec = resp::command::resolve(name, request.argument(frame, 1));
        let repeatable = matches!(spec.map(|s| s.effect()), Some(Effect::Read | Effect::None));
        let blocks = spec.is_some_and(|s| s.is_blocking());
        let alone = request.argc() == 1;
        let kind = match name.len() {
            4 if is(name, b"AUTH") => Kind::Remember(Key::Auth),
            4 if is(name, b"EXEC") && alone => Kind::Exec,
            4 if is(name, b"QUIT") => Kind::Quit,
            4 if is(name, b"SYNC") => Kind::Pin,
            5 if is(name, b"HELLO") && !alone => Kind::Remember(Key::Hello),
            5 if is(name, b"MULTI") && alone => Kind::Multi,
            5 if is(name, b"RESET") && alone => Kind::Reset,
            5 if is(name, b"WATCH") => Kind::Watch,
            5 if is(name, b"PSYNC") => Kind::Pin,
            6 if is(name, b"SELECT") => Kind::Remember(Key::Select),
            6 if is(name, b"CLIENT") => client(request, frame),
            7 if is(name, b"DISCARD") && alone => Kind::Discard,
            7 if is(name, b"UNWATCH") && alone => Kind::Unwatch,
            7 if is(name, b"MONITOR") => Kind::Pin,
            8 if is(name, b"REPLCONF") => Kind::Pin,
            9 if is(name, b"SUBSCRIBE") && !alone => Kind::Subscribe(Form::Channel),
            10 if is(name, b"PSUBSCRIBE") && !alone => Kind::Subscribe(Form::Pattern),
            10 if is(name, b"SSUBSCRIBE") && !alone => Kind::Subscribe(Form::Shard),
            11 if is(name, b"UNSUBSCRIBE") => Kind::Unsubscribe(Form::Channel),
            12 if is(name, b"PUNSUBSCRIBE") => Kind::Unsubscribe(Form::Pattern),
            12 if is(name, b"SUNSUBSCRIBE") => Kind::Unsubscribe(Form::Shard),
            _ => Kind::Plain,
        };
        Self {
            // What only concerns the connection may be said again to another one.
            repeatable: match kind {
                Kind::Plain => repeatable,
                // At another server it would end somebody else's.
                Kind::Exec | Kind::Kill => false,
                _ => true,
            },
            kind,
            blocks,
            travels: match kind {
                Kind::Plain => travels(spec),
                // Perhaps it ends its own, in a moment: until then nobody else may have that.
                Kind::Kill => Travels::Tied,
                _ => Travels::Own,
            },
            is_urgent: matches!(
                spec.map(Spec::name),
                Some("script|kill" | "function|kill" | "function|stats" | "shutdown")
            ),
        }
    }
}

/// How a request travels that does nothing to its connection that we remember.
fn travels(spec: Option<&Spec>) -> Travels {
    // A module's command may do anything.
    let Some(spec) = spec else { return Travels::Tied };
    match spec.name() {
        "ping" | "echo" | "time" | "publish" | "spublish" => Travels::Shared,
        // It may run for ever: who kills it must be heard, and the others must hear that Redis is busy.
        "eval" | "evalsha" | "eval_ro" | "evalsha_ro" | "fcall" | "fcall_ro" => Travels::Own,
        // They ask what only this connection knows, or change what comes after them.
        "client|id" | "client|info" | "wait" | "waitaof" | "asking" | "readonly" | "readwrite" | "script|debug" => {
            Travels::Tied
        }
        _ if spec.is_blocking() || spec.is_admin() || spec.is_pubsub() => Travels::Own,
        _ if matches!(spec.effect(), Effect::Read | Effect::Write) => Travels::Shared,
        _ => Travels::Own,
    }
}

fn client(request: &resp::Command, frame: &[u8]) -> Kind {
    let Some(sub) = request.argument(frame, 1) else { return Kind::Plain };
    let third = || request.argument(frame, 2).unwrap_or_default();
    if is(sub, b"SETNAME") {
        Kind::Remember(Key::Name)
    } else if is(sub, b"SETINFO") && is(third(), b"LIB-NAME") {
        Kind::Remember(Key::LibName)
    } else if is(sub, b"SETINFO") && is(third(), b"LIB-VER") {
        Kind::Remember(Key::LibVersion)
    } else if is(sub, b"NO-EVICT") {
        Kind::Remember(Key::NoEvict)
    } else if is(sub, b"NO-TOUCH") {
        Kind::Remember(Key::NoTouch)
    } else if is(sub, b"TRACKING") {
        Kind::Tracking
    } else if is(sub, b"CACHING") {
        Kind::Caching
    } else if is(sub, b"REPLY") {
        Kind::Pin
    } else if is(sub, b"KILL") {
        Kind::Kill
    } else {
        Kind::Plain
    }
}

fn is(word: &[u8], upper: &[u8]) -> bool {
    word.eq_ignore_ascii_case(upper)
}
