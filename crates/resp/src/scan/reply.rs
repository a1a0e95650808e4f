//! Where a server's reply ends, and of which kind it is.
//!
//! ```text
//!   Type ──> Number ──> NumberEnd ──> Payload ──> Type      $ ! =
//!     │                     └────────────────────> Type      * ~ > % |   (elements left: pushed)
//!     └────> Line ──────────────────────────────> Type      + - : , ( # _
//! ```
//! No elements left and nothing open: the reply has ended.

use alloc::vec::Vec;

use memchr::memchr;

use crate::Malformed;
use crate::number::Number;
use crate::scan::Limits;

/// Finds the replies in the stream of one server. Each chunk is shown once and may be forgotten.
///
/// ```
/// use resp::{Kind, ReplyScanner};
///
/// let mut scanner = ReplyScanner::default();
/// let chunk = b"$5\r\nhel";
/// let progress = scanner.feed(chunk).unwrap();
/// assert_eq!((progress.consumed, progress.ended), (chunk.len(), None));
/// assert_eq!(scanner.kind(), Some(Kind::Bulk));
///
/// let chunk = b"lo\r\n-LOADING wait\r\n";
/// let progress = scanner.feed(chunk).unwrap();
/// assert_eq!(progress.consumed, 4);
/// assert!(progress.ended.is_some());
///
/// let error = scanner.feed(&chunk[4..]).unwrap().ended.unwrap();
/// assert_eq!(error.error_code(), Some(&b"LOADING"[..]));
/// ```
#[derive(Debug, Clone)]
pub struct ReplyScanner {
    limits: Limits,
    state: State,
    /// Elements still to begin in the innermost open aggregate; 1 between replies.
    left: u64,
    /// The same for each aggregate around it. Empty for a flat reply, so that only nested ones ever
    /// allocate, and these once per connection.
    around: Vec<u64>,
    reply: Option<Reply>,
    /// Bytes of the reply under way.
    len: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Type,
    Number {
        of: Header,
        number: Number,
    },
    NumberEnd {
        of: Header,
        number: Number,
    },
    /// `after_cr`: the last byte was a carriage return. Only both together end a line.
    Line {
        after_cr: bool,
    },
    Payload {
        left: u64,
    },
    PayloadCr,
    PayloadLf,
}

/// What the number in a header counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Header {
    /// Bytes; -1 is the null of RESP2.
    Bulk,
    /// Bytes, without a null: blob error and verbatim string.
    Blob,
    /// Elements; -1 is the null array of RESP2.
    Array,
    /// Elements: set and push.
    Set,
    /// Pairs.
    Map,
    /// Pairs that belong to the element after them.
    Attribute,
}

/// How far one [`feed`](ReplyScanner::feed) came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the chunk that belong to the reply under way. All of them unless it ended.
    pub consumed: usize,
    /// The reply, if its last byte is among the consumed ones.
    pub ended: Option<Reply>,
}

/// What is known of a whole reply without having kept it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// Its type, seen past any attributes.
    pub kind: Kind,
    /// It is a null of RESP2 or RESP3: no such key, or an `EXEC` that a `WATCH` prevented.
    pub is_null: bool,
    /// Its bytes, attributes included.
    pub len: u64,
    code: [u8; MAX_CODE],
    code_len: u8,
    code_ended: bool,
}

impl Reply {
    /// The first word of an error, such as `READONLY`; its first 24 bytes if it is longer. Errors
    /// inside of an array are elements, not the reply, and are not looked at.
    pub fn error_code(&self) -> Option<&[u8]> {
        self.kind.is_error().then(|| &self.code[..usize::from(self.code_len)])
    }

    fn new(kind: Kind) -> Self {
        let is_null = kind == Kind::Null;
        // Codes of other kinds are never asked for: ended before they began.
        let code_ended = !kind.is_error();
        Self { kind, is_null, len: 0, code: [0; MAX_CODE], code_len: 0, code_ended }
    }

    #[inline]
    fn read_code(&mut self, bytes: &[u8]) {
        if self.code_ended {
            return;
        }
        for &byte in bytes {
            let full = usize::from(self.code_len) == MAX_CODE;
            if full || matches!(byte, b' ' | b'\r' | b'\n') {
                self.code_ended = true;
                return;
            }
            self.code[usize::from(self.code_len)] = byte;
            self.code_len += 1;
        }
    }
}

/// The type of a reply, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `+`
    Simple,
    /// `-`
    Error,
    /// `:`
    Int,
    /// `$`
    Bulk,
    /// `*`
    Array,
    /// `_`
    Null,
    /// `#`
    Bool,
    /// `,`
    Double,
    /// `(`
    BigNumber,
    /// `!`
    BlobError,
    /// `=`
    Verbatim,
    /// `%`
    Map,
    /// `~`
    Set,
    /// `>`: nobody asked for it, it answers no request.
    Push,
}

impl Kind {
    /// The type that begins with this byte. An attribute (`|`) is none: it only comes before one.
    pub fn of(first: u8) -> Option<Self> {
        Some(match first {
            b'+' => Self::Simple,
            b'-' => Self::Error,
            b':' => Self::Int,
            b'$' => Self::Bulk,
            b'*' => Self::Array,
            b'_' => Self::Null,
            b'#' => Self::Bool,
            b',' => Self::Double,
            b'(' => Self::BigNumber,
            b'!' => Self::BlobError,
            b'=' => Self::Verbatim,
            b'%' => Self::Map,
            b'~' => Self::Set,
            b'>' => Self::Push,
            _ => return None,
        })
    }

    /// Whether the server refused: `-` or `!`.
    pub fn is_error(self) -> bool {
        matches!(self, Self::Error | Self::BlobError)
    }

    fn header(self) -> Option<Header> {
        Some(match self {
            Self::Bulk => Header::Bulk,
            Self::BlobError | Self::Verbatim => Header::Blob,
            Self::Array => Header::Array,
            Self::Set | Self::Push => Header::Set,
            Self::Map => Header::Map,
            _ => return None,
        })
    }
}

impl ReplyScanner {
    /// A scanner for the start of a stream.
    pub fn new(limits: Limits) -> Self {
        Self { limits, state: State::Type, left: 1, around: Vec::new(), reply: None, len: 0 }
    }

    /// Forgets the reply under way. What comes next is the beginning of one.
    pub fn reset(&mut self) {
        self.around.clear();
        self.state = State::Type;
        self.left = 1;
        self.reply = None;
        self.len = 0;
    }

    /// Reads on in `chunk`, up to the end of the reply under way and not beyond.
    ///
    /// # Errors
    /// [`Malformed`]. The stream is unusable from here on.
    #[inline]
    pub fn feed(&mut self, chunk: &[u8]) -> Result<Progress, Malformed> {
        let mut at = 0;
        while at < chunk.len() {
            at += self.advance(&chunk[at..])?;
            if self.state == State::Type && self.left == 0 && self.close() {
                let ended = self.finish(at);
                return Ok(Progress { consumed: at, ended: Some(ended) });
            }
        }
        self.len += at as u64;
        Ok(Progress { consumed: at, ended: None })
    }

    /// The type of the reply under way, once it is known: whoever must not let an error pass
    /// withholds its bytes from here on.
    pub fn kind(&self) -> Option<Kind> {
        self.reply.map(|reply| reply.kind)
    }

    /// Whether a reply has begun and not ended: an end of the stream here cuts it.
    pub fn is_inside(&self) -> bool {
        self.len > 0
    }

    /// Does one step with at least one byte and tells how many it took.
    #[inline]
    fn advance(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        match self.state {
            State::Type => {
                self.on_type(bytes[0])?;
                Ok(1)
            }
            State::Number { of, number } => self.on_number(of, number, bytes),
            State::NumberEnd { of, number } => {
                if bytes[0] != b'\n' {
                    return Err(Malformed::InvalidCrlf);
                }
                self.on_header(of, number)?;
                Ok(1)
            }
            State::Line { after_cr } => Ok(self.on_line(after_cr, bytes)),
            State::Payload { left } => Ok(self.on_payload(left, bytes)),
            State::PayloadCr if bytes[0] == b'\r' => {
                self.state = State::PayloadLf;
                Ok(1)
            }
            State::PayloadLf if bytes[0] == b'\n' => {
                self.state = State::Type;
                Ok(1)
            }
            State::PayloadCr | State::PayloadLf => Err(Malformed::InvalidCrlf),
        }
    }

    #[inline]
    fn on_type(&mut self, first: u8) -> Result<(), Malformed> {
        let number = Number::default();
        if first == b'|' {
            // Not an element: the one that it describes is still to come.
            self.state = State::Number { of: Header::Attribute, number };
            return Ok(());
        }
        let kind = Kind::of(first).ok_or(Malformed::UnknownType(first))?;
        if self.around.is_empty() && self.reply.is_none() {
            self.reply = Some(Reply::new(kind));
        }
        // A push within an aggregate is no element of it: Redis 7.0 tells a client of what it published itself in the middle of the
        // reply to EXEC.
        if kind != Kind::Push || self.around.is_empty() {
            self.left -= 1;
        }
        self.state = match kind.header() {
            Some(of) => State::Number { of, number },
            None => State::Line { after_cr: false },
        };
        Ok(())
    }

    #[inline]
    fn on_number(&mut self, of: Header, mut number: Number, bytes: &[u8]) -> Result<usize, Malformed> {
        for (at, &byte) in bytes.iter().enumerate() {
            if byte == b'\r' {
                self.state = State::NumberEnd { of, number };
                return Ok(at + 1);
            }
            if byte == b'?' && number == Number::default() {
                return Err(Malformed::Streamed);
            }
            number = number.push(byte).ok_or_else(|| of.fault())?;
        }
        self.state = State::Number { of, number };
        Ok(bytes.len())
    }

    #[inline]
    fn on_header(&mut self, of: Header, number: Number) -> Result<(), Malformed> {
        let fault = of.fault();
        let value = number.value().ok_or(fault)?;
        self.state = State::Type;
        if value == -1 && matches!(of, Header::Bulk | Header::Array) {
            if self.around.is_empty()
                && let Some(reply) = &mut self.reply
            {
                reply.is_null = true;
            }
            return Ok(());
        }
        let value = u64::try_from(value).map_err(|_| fault)?;
        if matches!(of, Header::Bulk | Header::Blob) {
            if value > self.limits.max_bulk as u64 {
                return Err(fault);
            }
            self.state = if value == 0 { State::PayloadCr } else { State::Payload { left: value } };
            return Ok(());
        }
        if value > self.limits.max_multibulk as u64 {
            return Err(fault);
        }
        if self.around.len() >= self.limits.max_depth {
            return Err(Malformed::TooDeep);
        }
        if value > 0 {
            self.around.push(self.left);
            // No overflow: a header has at most 18 digits.
            self.left = if matches!(of, Header::Map | Header::Attribute) { value * 2 } else { value };
        }
        Ok(())
    }

    #[inline]
    fn on_line(&mut self, after_cr: bool, bytes: &[u8]) -> usize {
        // A line feed alone is text, as it is for hiredis; so is a carriage return alone.
        let mut from = 0;
        let len = loop {
            let Some(offset) = memchr(b'\n', &bytes[from..]) else {
                self.state = State::Line { after_cr: bytes[bytes.len() - 1] == b'\r' };
                break bytes.len();
            };
            let at = from + offset;
            from = at + 1;
            if if at == 0 { after_cr } else { bytes[at - 1] == b'\r' } {
                self.state = State::Type;
                break from;
            }
        };
        self.read_code(&bytes[..len]);
        len
    }

    #[inline]
    fn on_payload(&mut self, left: u64, bytes: &[u8]) -> usize {
        let here = left.min(bytes.len() as u64);
        self.state = match left - here {
            0 => State::PayloadCr,
            left => State::Payload { left },
        };
        self.read_code(&bytes[..here as usize]);
        here as usize
    }

    /// Only the reply itself may be an error; its elements come after `around` is filled.
    #[inline]
    fn read_code(&mut self, bytes: &[u8]) {
        if self.around.is_empty()
            && let Some(reply) = &mut self.reply
        {
            reply.read_code(bytes);
        }
    }

    /// Leaves every aggregate that has no element left; true if none is open then.
    #[inline]
    fn close(&mut self) -> bool {
        while self.left == 0 {
            let Some(left) = self.around.pop() else { return true };
            self.left = left;
        }
        false
    }

    #[inline]
    fn finish(&mut self, consumed: usize) -> Reply {
        let mut reply = self.reply.take().expect("an ended reply has begun with a type");
        reply.len = self.len + consumed as u64;
        self.left = 1;
        self.len = 0;
        reply
    }
}

impl Default for ReplyScanner {
    fn default() -> Self {
        Self::new(Limits::PASSED)
    }
}

impl Header {
    fn fault(self) -> Malformed {
        match self {
            Self::Bulk | Self::Blob => Malformed::InvalidBulkLength,
            Self::Array | Self::Set | Self::Map | Self::Attribute => Malformed::InvalidMultibulkLength,
        }
    }
}

/// Longest code of stock Redis: `NOREPLICAS`, `EXECABORT`, `MASTERDOWN`; modules have longer ones.
const MAX_CODE: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    /// The only reply in `bytes`, fed in two chunks cut at every place.
    fn whole(bytes: &[u8]) -> Reply {
        let mut found = None;
        for cut in 0..bytes.len() {
            let mut scanner = ReplyScanner::default();
            let first = scanner.feed(&bytes[..cut]).unwrap();
            assert_eq!((first.consumed, first.ended), (cut, None));
            assert_eq!(scanner.is_inside(), cut > 0);
            let second = scanner.feed(&bytes[cut..]).unwrap();
            assert_eq!(second.consumed, bytes.len() - cut, "{}", bytes.escape_ascii());
            let reply = second.ended.expect("all bytes are there");
            assert_eq!(*found.get_or_insert(reply), reply, "cut at {cut}");
        }
        found.expect("a reply has bytes")
    }

    fn fault(bytes: &[u8]) -> Malformed {
        ReplyScanner::default().feed(bytes).unwrap_err()
    }

    #[test]
    fn a_push_within_a_reply_is_no_element_of_it() {
        assert_eq!(whole(b"*2\r\n>2\r\n+m\r\n+x\r\n:1\r\n>0\r\n$1\r\nv\r\n").kind, Kind::Array);
    }

    #[test]
    fn every_type_ends_at_its_end() {
        let replies: [(&[u8], Kind); 27] = [
            (b"+OK\r\n", Kind::Simple),
            (b"+\r\n", Kind::Simple),
            (b"+a\nb\rc\r\n", Kind::Simple),
            (b"-ERR no\r\n", Kind::Error),
            (b":-12\r\n", Kind::Int),
            (b"$0\r\n\r\n", Kind::Bulk),
            (b"$5\r\na\r\nbc\r\n", Kind::Bulk),
            (b"$-1\r\n", Kind::Bulk),
            (b"*-1\r\n", Kind::Array),
            (b"*0\r\n", Kind::Array),
            (b"*2\r\n$1\r\na\r\n:1\r\n", Kind::Array),
            (b"*3\r\n*0\r\n*1\r\n*-1\r\n+x\r\n", Kind::Array),
            (b"*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", Kind::Array),
            (b"_\r\n", Kind::Null),
            (b"#t\r\n", Kind::Bool),
            (b",1.5e3\r\n", Kind::Double),
            (b"(12345678901234567890\r\n", Kind::BigNumber),
            (b"!3\r\nE x\r\n", Kind::BlobError),
            (b"=6\r\ntxt:ab\r\n", Kind::Verbatim),
            (b"%0\r\n", Kind::Map),
            (b"%1\r\n+a\r\n*1\r\n+b\r\n", Kind::Map),
            (b"~1\r\n_\r\n", Kind::Set),
            (b">2\r\n+message\r\n+x\r\n", Kind::Push),
            (b"|1\r\n+ttl\r\n:3\r\n$1\r\na\r\n", Kind::Bulk),
            (b"|0\r\n:3\r\n", Kind::Int),
            (b"|1\r\n-a\r\n*1\r\n-b\r\n|1\r\n+c\r\n:1\r\n-MOVED x\r\n", Kind::Error),
            (b"*2\r\n|1\r\n+ttl\r\n:3\r\n$1\r\na\r\n:2\r\n", Kind::Array),
        ];
        for (bytes, kind) in replies {
            let reply = whole(bytes);
            assert_eq!(reply.kind, kind, "{}", bytes.escape_ascii());
            assert_eq!(reply.len, bytes.len() as u64);
        }
    }

    #[test]
    fn nulls_of_both_protocols_are_seen() {
        for null in [&b"$-1\r\n"[..], b"*-1\r\n", b"_\r\n", b"|1\r\n+a\r\n+b\r\n_\r\n"] {
            assert!(whole(null).is_null);
        }
        for other in [&b"$0\r\n\r\n"[..], b"*0\r\n", b"*1\r\n$-1\r\n", b"|1\r\n+a\r\n_\r\n+x\r\n"] {
            assert!(!whole(other).is_null);
        }
    }

    #[test]
    fn the_code_of_an_error_is_its_first_word() {
        let codes: [(&[u8], Option<&[u8]>); 8] = [
            (b"-READONLY You can't write\r\n", Some(b"READONLY")),
            (b"-LOADING\r\n", Some(b"LOADING")),
            (b"-\r\n", Some(b"")),
            (b"!11\r\nSYNTAX oops\r\n", Some(b"SYNTAX")),
            (b"-AVERYVERYVERYLONGCODEINDEED x\r\n", Some(b"AVERYVERYVERYLONGCODEIND")),
            (b"|1\r\n-A\r\n-B\r\n-MASTERDOWN x\r\n", Some(b"MASTERDOWN")),
            (b"*1\r\n-READONLY x\r\n", None),
            (b"+READONLY\r\n", None),
        ];
        for (bytes, code) in codes {
            assert_eq!(whole(bytes).error_code(), code, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn the_kind_is_known_before_the_end() {
        let mut scanner = ReplyScanner::default();
        scanner.feed(b"|1\r\n+a\r\n").unwrap();
        assert_eq!(scanner.kind(), None);
        scanner.feed(b":1\r\n-").unwrap();
        assert_eq!(scanner.kind(), Some(Kind::Error));
    }

    #[test]
    fn a_bulk_larger_than_memory_passes_through() {
        let mut scanner = ReplyScanner::default();
        scanner.feed(b"$500000000000\r\n").unwrap();
        let chunk = [b'x'; 4096];
        for _ in 0..1000 {
            let progress = scanner.feed(&chunk).unwrap();
            assert_eq!(progress, Progress { consumed: 4096, ended: None });
        }
        assert!(scanner.around.capacity() == 0);
    }

    #[test]
    fn faults_have_their_names() {
        use Malformed::*;
        let faults: [(&[u8], Malformed); 15] = [
            (b"x", UnknownType(b'x')),
            (b"\r\n", UnknownType(b'\r')),
            (b"*1\r\nx", UnknownType(b'x')),
            (b"$?\r\n", Streamed),
            (b"*?\r\n", Streamed),
            (b"$-2\r\n", InvalidBulkLength),
            (b"!-1\r\n", InvalidBulkLength),
            (b"$1x", InvalidBulkLength),
            (b"$99999999999999999999", InvalidBulkLength),
            (b"%-1\r\n", InvalidMultibulkLength),
            (b">-1\r\n", InvalidMultibulkLength),
            (b"*\r\n", InvalidMultibulkLength),
            (b"*9223372036854775808\r\n", InvalidMultibulkLength),
            (b"*1\rx", InvalidCrlf),
            (b"$1\r\nabc", InvalidCrlf),
        ];
        for (bytes, expected) in faults {
            assert_eq!(fault(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn depth_is_bounded() {
        let depth = Limits::PASSED.max_depth;
        let deep = format!("{}:1\r\n", "*1\r\n".repeat(depth));
        assert_eq!(whole(deep.as_bytes()).kind, Kind::Array);
        let bomb = "*1\r\n".repeat(depth + 1);
        assert_eq!(fault(bomb.as_bytes()), Malformed::TooDeep);
        // Attributes of attributes nest as well.
        let bomb = "|1\r\n".repeat(depth + 1);
        assert_eq!(fault(bomb.as_bytes()), Malformed::TooDeep);
    }
}
