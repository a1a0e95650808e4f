//! Where does a frame end? The proxy asks this for every byte that it moves, so nothing is copied
//! and nothing is looked at twice.
//!
//! The two directions are framed differently, because the proxy treats them differently:
//!
//! - [`RequestScanner`]: a request is kept by its session until it is answered, so it lies in one
//!   piece in the session's buffer. The scanner is shown that buffer again as it grows and continues
//!   where it stopped.
//! - [`ReplyScanner`]: a reply is passed on as it comes, however large. The scanner is fed each chunk
//!   once and keeps only numbers: bytes left of a bulk, elements left of each open aggregate.

mod reply;
mod request;

pub use reply::{Kind, Progress, Reply, ReplyScanner};
pub use request::{Arguments, Command, Request, RequestScanner, Streamed};

/// What a frame may ask of us before it is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Aggregates inside of each other. At the bound: [`TooDeep`](crate::Malformed::TooDeep).
    pub max_depth: usize,
    /// Bytes of one bulk string. At the bound:
    /// [`InvalidBulkLength`](crate::Malformed::InvalidBulkLength).
    pub max_bulk: usize,
    /// Elements of one aggregate. At the bound:
    /// [`InvalidMultibulkLength`](crate::Malformed::InvalidMultibulkLength).
    pub max_multibulk: usize,
    /// Bytes of a line in a request: an inline command, or a header that does not end. At the bound
    /// one of the `TooBig` faults. Lines of replies are not kept and have no bound.
    pub max_inline: usize,
}

impl Limits {
    /// What Redis 7 accepts from a client. No count makes the scanner reserve anything: a client
    /// that announces two billion arguments still has to send them, and its session counts bytes.
    pub const REQUESTS: Self =
        Self { max_depth: 1, max_bulk: 512 * 1024 * 1024, max_multibulk: i32::MAX as usize, max_inline: 64 * 1024 };

    /// What is believed of a server that answers us. Redis limits only what comes in, a reply may be longer (`KEYS *`, a dump of
    /// a large value); its depth is bounded because [`decode`](crate::decode) calls itself for each level. The deepest reply of a
    /// stock command has 7 levels.
    pub const REPLIES: Self =
        Self { max_depth: 128, max_bulk: i64::MAX as usize, max_multibulk: i64::MAX as usize, max_inline: 64 * 1024 };

    /// What is passed on to a client that asked for it. A script's reply may be as deep as Lua's stack, 8,000 slots; each level
    /// is remembered as a number.
    pub const PASSED: Self = Self { max_depth: 8_192, ..Self::REPLIES };
}
