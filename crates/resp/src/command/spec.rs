//! One command as the server describes it.

use core::iter::StepBy;
use core::ops::Range;

use super::effect::{self, Effect};

/// What the table says of one command or subcommand.
#[derive(Debug)]
pub struct Spec {
    name: &'static str,
    arity: i8,
    flags: Flags,
    first_key: i8,
    last_key: i8,
    key_step: i8,
    effect: Effect,
    subcommands: &'static [Self],
}

impl Spec {
    /// Lower case; a subcommand has its container before it: `config|get`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The number of arguments, the name included; negative: at least so many.
    pub fn arity(&self) -> i8 {
        self.arity
    }

    /// Whether the server would accept this number of arguments, the name included.
    pub fn takes(&self, argc: usize) -> bool {
        let least = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 { argc >= least } else { argc == least }
    }

    /// The server's flags and the two of its categories that are asked for.
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// What it may change, and so: whether it may be sent again.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// May change data, by the server's own word. Not the opposite of [`is_read`](Self::is_read).
    pub fn is_write(&self) -> bool {
        self.effect == Effect::Write
    }

    /// Reads data and changes none.
    pub fn is_read(&self) -> bool {
        self.effect == Effect::Read
    }

    /// May hold its connection until something happens elsewhere. `WAIT` has no flag but does.
    pub fn is_blocking(&self) -> bool {
        self.flags.has(Flags::BLOCKING) || self.name == "wait"
    }

    /// Belongs to publish and subscribe, the asking about it included.
    pub fn is_pubsub(&self) -> bool {
        self.flags.has(Flags::PUBSUB)
    }

    /// Opens, ends or guards a transaction.
    pub fn is_transaction(&self) -> bool {
        self.flags.has(Flags::TRANSACTION)
    }

    /// Is for operators.
    pub fn is_admin(&self) -> bool {
        self.flags.has(Flags::ADMIN)
    }

    /// Names no key in any of its arguments. Of a container nothing is known: ask the subcommand.
    pub fn has_no_key(&self) -> bool {
        self.first_key == 0 && !self.keys_are_movable() && !self.is_container()
    }

    /// Has keys whose place depends on other arguments: [`keys`](Self::keys) misses some or all.
    pub fn keys_are_movable(&self) -> bool {
        self.flags.has(Flags::MOVABLE_KEYS)
    }

    /// The indexes of the keys among `argc` arguments, the name included.
    pub fn keys(&self, argc: usize) -> Keys {
        let first = usize::try_from(self.first_key).unwrap_or(0);
        let end = argc.saturating_sub(1);
        let last = match self.last_key {
            from_end if from_end < 0 => argc.saturating_sub(usize::from(from_end.unsigned_abs())),
            last => usize::from(last.unsigned_abs()).min(end),
        };
        // Key 0 would be the name: the server's word for none.
        let range = if first == 0 { 0..0 } else { first..last + 1 };
        Keys(range.step_by(usize::from(self.key_step.unsigned_abs()).max(1)))
    }

    /// Whether its first argument names a subcommand.
    pub fn is_container(&self) -> bool {
        !self.subcommands.is_empty()
    }

    /// The subcommand of this name, in any case.
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static Self> {
        let prefix = self.name.len() + 1;
        self.subcommands.iter().find(|sub| sub.name.as_bytes()[prefix..].eq_ignore_ascii_case(name))
    }

    /// All subcommands, sorted by name.
    pub fn subcommands(&self) -> &'static [Self] {
        self.subcommands
    }

    /// A line of the table.
    pub(super) const fn new(
        name: &'static str,
        arity: i8,
        flags: u32,
        (first_key, last_key, key_step): (i8, i8, i8),
        subcommands: &'static [Self],
    ) -> Self {
        let flags = Flags(flags);
        let effect = effect::derive(name, flags);
        Self { name, arity, flags, first_key, last_key, key_step, effect, subcommands }
    }
}

/// The indexes of a command's keys.
#[derive(Debug, Clone)]
pub struct Keys(StepBy<Range<usize>>);

impl Iterator for Keys {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.0.next()
    }
}

/// Flags of a command, by the server's names for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    /// Whether this one of the constants is set.
    pub const fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }
}

macro_rules! flags {
    ($($bit:literal $name:ident $text:literal $doc:literal,)*) => {
        impl Flags {
            $(#[doc = $doc] pub const $name: u32 = 1 << $bit;)*

            /// Each flag with the server's word for it; a category has its `@`.
            pub const WORDS: &[(u32, &str)] = &[$((Self::$name, $text)),*];

            /// Each flag with the name of its constant: what the table is written with.
            pub const NAMES: &[(u32, &str)] = &[$((Self::$name, stringify!($name))),*];
        }
    };
}

flags! {
    0 WRITE "write" "May change data.",
    1 READONLY "readonly" "Reads data or asks about it.",
    2 DENYOOM "denyoom" "Refused when the server is out of memory.",
    3 MODULE "module" "Comes from a module.",
    4 ADMIN "admin" "For operators.",
    5 PUBSUB "pubsub" "Publish and subscribe.",
    6 NOSCRIPT "noscript" "Not callable from scripts.",
    7 BLOCKING "blocking" "May hold its connection.",
    8 LOADING "loading" "Allowed while the server loads its data.",
    9 STALE "stale" "Allowed on a replica that lost its master.",
    10 SKIP_MONITOR "skip_monitor" "Not shown by MONITOR.",
    11 SKIP_SLOWLOG "skip_slowlog" "Not logged as slow.",
    12 ASKING "asking" "Allowed on a slot that is being imported.",
    13 FAST "fast" "Constant or logarithmic time.",
    14 NO_AUTH "no_auth" "Allowed before authentication.",
    15 MAY_REPLICATE "may_replicate" "May reach replicas without being a write.",
    16 NO_MANDATORY_KEYS "no_mandatory_keys" "May be called without a key.",
    17 NO_ASYNC_LOADING "no_async_loading" "Refused while a replica loads beside its old data.",
    18 NO_MULTI "no_multi" "Refused inside of a transaction.",
    19 MOVABLE_KEYS "movablekeys" "The place of keys depends on other arguments.",
    20 ALLOW_BUSY "allow_busy" "Allowed while a script runs for too long.",
    21 MODULE_NO_CLUSTER "module_no_cluster" "Comes from a module that does not know clusters.",
    22 TRANSACTION "@transaction" "Category: transactions.",
    23 CONNECTION "@connection" "Category: about the connection, not the data.",
}
