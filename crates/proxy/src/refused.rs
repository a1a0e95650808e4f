//! Why may a client not come in, and what is it told?

use std::fmt;

/// Why a client was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its address is in the wrong list, or not in the right one.
    Denied,
    /// There are as many as may be.
    TooMany,
    /// There are as many of its address as may be.
    TooManyOfAddress,
    /// More came within a second than may.
    TooFast,
    /// More of its address came within a second than may.
    TooFastOfAddress,
    /// It had to say for whom it comes (PROXY protocol), and did not.
    NoHeader,
    /// It speaks TLS where nobody does.
    Tls,
    /// It speaks no TLS where everybody must.
    NoTls,
    /// The handshake failed: no certificate, a wrong one, no version in common.
    Handshake,
    /// It took too long to say for whom it comes, or to shake hands.
    TooSlow,
    /// It came and said nothing.
    Silent,
}

impl Refused {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Denied,
        Self::TooMany,
        Self::TooManyOfAddress,
        Self::TooFast,
        Self::TooFastOfAddress,
        Self::NoHeader,
        Self::Tls,
        Self::NoTls,
        Self::Handshake,
        Self::TooSlow,
        Self::Silent,
    ];

    /// One word for logs and counters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::TooMany => "too-many",
            Self::TooManyOfAddress => "too-many-of-address",
            Self::TooFast => "too-fast",
            Self::TooFastOfAddress => "too-fast-of-address",
            Self::NoHeader => "no-proxy-header",
            Self::Tls => "tls-at-plain-port",
            Self::NoTls => "no-tls",
            Self::Handshake => "handshake-failed",
            Self::TooSlow => "too-slow",
            Self::Silent => "silent",
        }
    }

    /// What it is told before it is closed, by one who speaks plain RESP with it. Redis's own words where it has some, so that client
    /// libraries know them.
    pub(crate) const fn answer(self) -> &'static [u8] {
        match self {
            Self::Denied => b"-DENIED this address may not connect here\r\n",
            Self::TooMany | Self::TooManyOfAddress | Self::TooFast | Self::TooFastOfAddress => {
                b"-ERR max number of clients reached\r\n"
            }
            Self::NoHeader => b"-ERR a PROXY protocol header was expected before anything else\r\n",
            // A TLS client takes the line for a wrong version, which is what its user then reads.
            Self::Tls => b"-ERR this port does not speak TLS\r\n",
            Self::NoTls => b"-ERR this port speaks TLS\r\n",
            // It got an alert, or would not understand.
            Self::Handshake | Self::TooSlow | Self::Silent => b"",
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
