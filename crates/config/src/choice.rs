//! The options that take one word of a short list: the words, and the types that they become.

use std::fmt;

/// An enum whose variants are the words that a file may contain. The list of words exists once, here.
macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_meta])* $variant),+ }

        impl $name {
            /// Every word that a file may contain, in the order in which the documentation lists them.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            pub(crate) fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The word, as in the file.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

choice! {
    /// Whose server connections are.
    Pool {
        /// Clients that need nothing of a connection but answers have one together.
        Shared = "shared",
        /// Each client has its own.
        Session = "session",
    }
}

choice! {
    /// How clients are spread over replicas.
    Balance {
        /// In turn.
        RoundRobin = "round-robin",
        /// Where the fewest are.
        LeastConnections = "least-connections",
        /// Where answers come fastest.
        Latency = "latency",
    }
}

choice! {
    /// How log lines look.
    LogFormat {
        /// One readable line an event, fields before prose.
        Text = "text",
        /// One JSON object an event.
        Json = "json",
    }
}

choice! {
    /// The least important event that is still logged.
    LogLevel {
        /// What failed and needs a person.
        Error = "error",
        /// What is wrong and is being dealt with.
        Warn = "warn",
        /// An operator's facts.
        Info = "info",
        /// Every changed mind.
        Debug = "debug",
        /// Bytes.
        Trace = "trace",
    }
}

choice! {
    /// Who says which server of a group is the master.
    Source {
        /// The nodes agree on it.
        Monitor = "monitor",
        /// Stock Sentinels do, and are followed.
        Sentinels = "sentinels",
        /// Checks of each server from outside tell.
        Probe = "probe",
    }
}

choice! {
    /// What decides whether a host may have an address.
    Followed {
        /// Requests of our own must get through a listener.
        Proxy = "proxy",
        /// The agreed master must be a server of this host.
        Master = "master",
        /// Nothing but the address's checks.
        Checks = "checks",
    }
}

choice! {
    /// What a virtual router starts as.
    Start {
        /// It waits until a holder would have been missed.
        Backup = "backup",
        /// It waits for two advertisements only.
        Active = "active",
    }
}

choice! {
    /// What an advertisement of other addresses counts for.
    OtherAddresses {
        /// Nothing.
        Refuse = "refuse",
        /// As much as any other.
        Count = "count",
    }
}

choice! {
    /// How a route came into BGP (RFC 4271 5.1.1).
    RouteOrigin {
        /// It is of the network itself.
        Igp = "igp",
        /// From the protocol before BGP.
        Egp = "egp",
        /// By other means.
        Incomplete = "incomplete",
    }
}

choice! {
    /// What lelastic is told with `-primary` or `-secondary`.
    LelasticRole {
        /// The host that is taken while it announces.
        Primary = "primary",
        /// The host that is taken when the primary does not.
        Secondary = "secondary",
    }
}

choice! {
    /// What a Redis must say of itself.
    RedisRole {
        /// That it takes writes.
        Master = "master",
        /// That it follows one that does.
        Replica = "replica",
    }
}

choice! {
    /// Which servers of a group a listener leads to.
    Role {
        /// The agreed master, and nothing else.
        Master = "master",
        /// The usable replicas in turn.
        Replica = "replica",
    }
}

choice! {
    /// What a listener understands of the bytes.
    Mode {
        /// RESP: requests are held, replayed and restored across a failover.
        Redis = "redis",
        /// Nothing: bytes pass as they are, as far as one master lasts.
        Tcp = "tcp",
    }
}

choice! {
    /// What a client is told of a request that was perhaps executed.
    OnUnknown {
        /// Its connection is closed.
        Close = "close",
        /// An error in the request's turn.
        Error = "error",
    }
}

choice! {
    /// What a replica listener does while no replica is usable.
    Fallback {
        /// Reads go to the master.
        Master = "master",
        /// Clients are refused.
        Refuse = "refuse",
    }
}

choice! {
    /// Whether a client has to show a certificate.
    ClientCertificates {
        /// Nobody is asked.
        None = "none",
        /// None, or a good one.
        Optional = "optional",
        /// One that the authority signed.
        Required = "required",
    }
}

choice! {
    /// The oldest version of TLS that is spoken. What came before is broken.
    MinVersion {
        /// RFC 5246.
        Tls12 = "1.2",
        /// RFC 8446.
        Tls13 = "1.3",
    }
}

choice! {
    /// Whether a server is told who its client is, before the client's first byte.
    SendProxy {
        /// It is not: Redis itself does not understand it.
        None = "none",
        /// A line of text.
        V1 = "v1",
        /// A binary header.
        V2 = "v2",
    }
}
