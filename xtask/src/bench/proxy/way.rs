//! Which ways from the load to Redis are there?

/// A way from the load to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// No proxy.
    Direct,
    /// HAProxy in TCP mode with this many threads: which number is best depends on the load, so both are measured.
    Haproxy { threads: u8 },
    /// Also called nutcracker: many clients over one server connection, as ours with `pool = "shared"`.
    Twemproxy,
    /// A node with a listener for the master, as an operator would set it up; each client has a server connection of its own.
    Session,
    /// The same, and clients share server connections.
    Shared,
}

impl Way {
    pub(crate) const ALL: [Self; 6] = [
        Self::Direct,
        Self::Haproxy { threads: 1 },
        Self::Haproxy { threads: 2 },
        Self::Twemproxy,
        Self::Session,
        Self::Shared,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Haproxy { threads: 1 } => "haproxy-1",
            Self::Haproxy { .. } => "haproxy-2",
            Self::Twemproxy => "twemproxy",
            Self::Session => "session",
            Self::Shared => "shared",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.name() == name)
    }

    /// Whether a word of `--only` asks for it: its name, or the name of the program.
    pub(crate) fn is_meant_by(self, word: &str) -> bool {
        self.name() == word || (self.is_haproxy() && word == "haproxy") || (self.is_ours() && word == "standfast")
    }

    pub(crate) const fn is_haproxy(self) -> bool {
        matches!(self, Self::Haproxy { .. })
    }

    pub(crate) const fn is_ours(self) -> bool {
        matches!(self, Self::Session | Self::Shared)
    }
}
