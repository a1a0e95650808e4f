//! What was wrong with the bytes. Requests are refused in Redis's own words, because clients, their
//! tests and their operators know these lines.

use alloc::vec::Vec;
use core::fmt;

/// Bytes that are not RESP. The stream has no next frame after this: answer with [`Malformed::reply`]
/// (to a client) and close.
///
/// The texts of the first block are those of Redis 7.0, compared with a real server by
/// `tests/real_server.rs`. The others name faults that Redis does not look at, or that only a
/// server can commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// The count after `*` is not a number, or is over the limit.
    InvalidMultibulkLength,
    /// The length after `$` is not a number, is negative in a request, or is over the limit.
    InvalidBulkLength,
    /// An argument of a request began with this byte and not with `$`.
    ExpectedBulk(u8),
    /// The line with the number of arguments did not end within the limit.
    TooBigMultibulkCount,
    /// The line with the length of an argument did not end within the limit.
    TooBigBulkCount,
    /// An inline command did not end within the limit.
    TooBigInline,
    /// A quote of an inline command was not closed, or its closing quote touches the next word.
    UnbalancedQuotes,

    /// A carriage return or a payload is not followed by what RESP puts there. Redis skips two
    /// bytes without looking; two parsers that disagree on that are how requests are smuggled.
    InvalidCrlf,
    /// No type of reply begins with this byte.
    UnknownType(u8),
    /// A streamed string or aggregate (`$?`, `*?`): in the RESP3 draft, sent by no server.
    Streamed,
    /// Aggregates are nested deeper than the limit.
    TooDeep,
    /// A number, double, boolean, null or verbatim string does not read as one.
    InvalidScalar,
}

impl Malformed {
    /// Appends the error line that a Redis server would send before it closes the connection.
    pub fn reply(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"-ERR Protocol error: ");
        match self {
            Self::ExpectedBulk(got) => {
                out.extend_from_slice(b"expected '$', got '");
                // As raw as Redis sends it, but a line end would end the reply.
                out.push(if matches!(got, b'\r' | b'\n' | 0) { b' ' } else { *got });
                out.push(b'\'');
            }
            other => out.extend_from_slice(other.text().as_bytes()),
        }
        out.extend_from_slice(b"\r\n");
    }

    fn text(&self) -> &'static str {
        match self {
            Self::InvalidMultibulkLength => "invalid multibulk length",
            Self::InvalidBulkLength => "invalid bulk length",
            Self::ExpectedBulk(_) => "expected '$'",
            Self::TooBigMultibulkCount => "too big mbulk count string",
            Self::TooBigBulkCount => "too big bulk count string",
            Self::TooBigInline => "too big inline request",
            Self::UnbalancedQuotes => "unbalanced quotes in request",
            Self::InvalidCrlf => "invalid CRLF",
            Self::UnknownType(_) => "unknown reply type",
            Self::Streamed => "streamed types are not supported",
            Self::TooDeep => "nested too deep",
            Self::InvalidScalar => "invalid scalar",
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Protocol error: {}", self.text())?;
        match self {
            Self::ExpectedBulk(got) => write!(f, ", got '{}'", got.escape_ascii()),
            Self::UnknownType(got) => write!(f, " '{}'", got.escape_ascii()),
            _ => Ok(()),
        }
    }
}

impl core::error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn the_reply_stays_one_line() {
        let mut out = Vec::new();
        Malformed::ExpectedBulk(b'\n').reply(&mut out);
        assert_eq!(out, b"-ERR Protocol error: expected '$', got ' '\r\n");
    }

    #[test]
    fn logs_show_unprintable_bytes_escaped() {
        assert_eq!(Malformed::ExpectedBulk(0xff).to_string(), "Protocol error: expected '$', got '\\xff'");
    }
}
