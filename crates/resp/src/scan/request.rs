//! Where a client's request ends, and which its first arguments are.
//!
//! Redis's own rules (`processMultibulkBuffer`, `processInlineBuffer`), with two differences, both
//! towards strictness: every line end is looked at, and a line over the limit is refused however it
//! was cut into packets, where Redis accepts it if it comes in one.

use core::ops::Range;

use memchr::memchr;

use crate::number::Number;
use crate::scan::Limits;
use crate::{Malformed, inline};

/// Finds the requests of one client, one after the other.
///
/// ```
/// use resp::{Request, RequestScanner};
///
/// let mut scanner = RequestScanner::default();
/// let mut buffer = b"*2\r\n$3\r\nGET\r\n$3\r\nk".to_vec();
/// assert_eq!(scanner.next(&buffer), Ok(None));
/// buffer.extend_from_slice(b"ey\r\n");
/// let Ok(Some(Request::Command(get))) = scanner.next(&buffer) else { panic!() };
/// assert_eq!(get.argument(&buffer, 1), Some(&b"key"[..]));
/// assert_eq!(get.len(), buffer.len());
/// ```
#[derive(Debug, Clone)]
pub struct RequestScanner {
    limits: Limits,
    expects: Expects,
    /// Start of the line or payload that is read next; everything before it is done.
    at: usize,
    /// Start of the argument that is read: where its header is.
    begins: usize,
    /// No end of the line lies between `at` and here.
    searched: usize,
    /// With fewer bytes than this, there is nothing to find out.
    wanted: usize,
    command: Command,
    /// Of `command.argc`, how many are still to come.
    left: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expects {
    Anything,
    InlineEnd,
    Count,
    BulkLength,
    Payload { len: usize },
}

/// One frame from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// An array of bulk strings.
    Command(Command),
    /// A line with at least one word: see [`inline::rewrite`].
    Inline {
        /// Bytes of the frame, its line end included.
        len: usize,
    },
    /// An empty line or an array of nothing. Redis skips it without a reply.
    Empty {
        /// Bytes of the frame.
        len: usize,
    },
}

impl Request {
    /// Bytes of the frame: how far the caller moves on.
    #[expect(clippy::len_without_is_empty, reason = "no frame has no bytes")]
    pub fn len(&self) -> usize {
        match self {
            Self::Command(command) => command.len,
            Self::Inline { len } | Self::Empty { len } => *len,
        }
    }
}

/// How far one [`stream`](RequestScanner::stream) came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streamed {
    /// Bytes that belong to the frame and need not be shown again.
    pub len: usize,
    /// The frame ends with them.
    pub ended: bool,
}

/// A request in array form, by positions in its frame. All methods take the bytes that the frame was
/// found in, from its first byte.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    len: usize,
    argc: usize,
    header: usize,
    head: [(usize, usize); HEAD],
}

impl Command {
    /// Bytes of the frame.
    #[expect(clippy::len_without_is_empty, reason = "no frame has no bytes")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Arguments, the name included: at least one.
    pub fn argc(&self) -> usize {
        self.argc
    }

    /// The command's name as the client spelled it.
    pub fn name<'f>(&self, frame: &'f [u8]) -> &'f [u8] {
        &frame[self.head[0].0..self.head[0].1]
    }

    /// Argument `index`; 0 is the name. Costs nothing for the first four, a walk for others.
    pub fn argument<'f>(&self, frame: &'f [u8], index: usize) -> Option<&'f [u8]> {
        if index < self.argc.min(HEAD) {
            let (start, end) = self.head[index];
            return Some(&frame[start..end]);
        }
        self.arguments(frame).nth(index)
    }

    /// All arguments, the name first.
    pub fn arguments<'f>(&self, frame: &'f [u8]) -> Arguments<'f> {
        Arguments { rest: &frame[self.header..self.len] }
    }

    /// Where argument `index` lies in the frame, for the first four.
    pub fn range(&self, index: usize) -> Option<Range<usize>> {
        (index < self.argc.min(HEAD)).then(|| self.head[index].0..self.head[index].1)
    }
}

/// The arguments of a [`Command`], in order.
#[derive(Debug, Clone)]
pub struct Arguments<'f> {
    rest: &'f [u8],
}

impl<'f> Iterator for Arguments<'f> {
    type Item = &'f [u8];

    fn next(&mut self) -> Option<&'f [u8]> {
        // The scanner has seen the whole frame: what is missing here was never in it.
        let line = memchr(b'\r', self.rest)?;
        let len = usize::try_from(Number::parse(self.rest.get(1..line)?)?).ok()?;
        let start = line + 2;
        let argument = self.rest.get(start..start + len)?;
        self.rest = &self.rest[start + len + 2..];
        Some(argument)
    }
}

impl RequestScanner {
    /// A scanner for the start of a stream.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            expects: Expects::Anything,
            at: 0,
            begins: 0,
            searched: 0,
            wanted: 1,
            command: Command::default(),
            left: 0,
        }
    }

    /// Looks for the end of the frame that `buf` begins with. `None`: it has not ended; call again
    /// when there are more bytes, with the same ones before them. After a frame, the next call
    /// expects `buf` to begin with the byte after it.
    ///
    /// # Errors
    /// [`Malformed`] as Redis words it. The stream is unusable from here on.
    #[inline]
    pub fn next(&mut self, buf: &[u8]) -> Result<Option<Request>, Malformed> {
        loop {
            match self.expects {
                Expects::Anything => {
                    let Some(&first) = buf.first() else { return Ok(None) };
                    self.expects = if first == b'*' { Expects::Count } else { Expects::InlineEnd };
                }
                Expects::InlineEnd => return self.inline(buf),
                Expects::Count => {
                    let Some(end) = self.line_end(buf, Malformed::TooBigMultibulkCount)? else {
                        return Ok(None);
                    };
                    self.on_count(&buf[1..end])?;
                    self.move_to(end + 2);
                    if self.left == 0 {
                        return Ok(Some(Request::Empty { len: self.finish() }));
                    }
                    self.command.header = self.at;
                    self.begins = self.at;
                }
                Expects::BulkLength => {
                    let Some(end) = self.line_end(buf, Malformed::TooBigBulkCount)? else {
                        return Ok(None);
                    };
                    let len = self.bulk_length(&buf[self.at..=end])?;
                    self.move_to(end + 2);
                    self.expects = Expects::Payload { len };
                }
                Expects::Payload { len } => {
                    let end = self.at.saturating_add(len);
                    let Some(line_end) = buf.get(end..end.saturating_add(2)) else {
                        self.wanted = end.saturating_add(2);
                        return Ok(None);
                    };
                    if line_end != b"\r\n" {
                        return Err(Malformed::InvalidCrlf);
                    }
                    if let Some(span) = self.command.head.get_mut(self.command.argc - self.left) {
                        *span = (self.at, end);
                    }
                    self.move_to(end + 2);
                    self.begins = self.at;
                    self.expects = Expects::BulkLength;
                    self.left -= 1;
                    if self.left == 0 {
                        self.command.len = self.finish();
                        return Ok(Some(Request::Command(self.command.clone())));
                    }
                }
            }
        }
    }

    /// What is known of a command whose frame has not ended. Arguments that are not there yet are empty. All its methods take
    /// the bytes that [`next`](Self::next) was last shown.
    pub fn begun(&self) -> Option<Command> {
        if !matches!(self.expects, Expects::BulkLength | Expects::Payload { .. }) {
            return None;
        }
        let mut command = self.command.clone();
        for span in command.head.iter_mut().skip(command.argc - self.left) {
            *span = (0, 0);
        }
        // Of a payload, not even the header.
        command.len = self.begins;
        Some(command)
    }

    /// Goes on with a frame whose beginning its reader does not keep: a value that is larger than what one wants to hold. `buf`
    /// begins with the first byte that no earlier call has passed. After the frame's end, [`next`](Self::next) goes on.
    ///
    /// ```
    /// use resp::RequestScanner;
    ///
    /// let mut scanner = RequestScanner::default();
    /// assert_eq!(scanner.next(b"*1\r\n$10\r\n012"), Ok(None));
    /// let passed = scanner.stream(b"*1\r\n$10\r\n012").unwrap();
    /// assert_eq!((passed.len, passed.ended), (12, false));
    /// let passed = scanner.stream(b"3456789\r\n*1").unwrap();
    /// assert_eq!((passed.len, passed.ended), (9, true));
    /// ```
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn stream(&mut self, buf: &[u8]) -> Result<Streamed, Malformed> {
        if let Some(request) = self.next(buf)? {
            return Ok(Streamed { len: request.len(), ended: true });
        }
        let mut len = self.at;
        if let Expects::Payload { len: left } = self.expects {
            let here = left.min(buf.len() - self.at);
            len += here;
            self.expects = Expects::Payload { len: left - here };
        }
        self.begins = 0;
        self.searched = self.searched.saturating_sub(len);
        self.wanted = self.wanted.saturating_sub(len).max(1);
        self.at = 0;
        Ok(Streamed { len, ended: false })
    }

    /// How many bytes `buf` must have before [`next`](Self::next) can find the frame's end: what a
    /// caller reserves once instead of growing through a large value.
    pub fn wanted(&self) -> usize {
        self.wanted
    }

    /// Whether a frame has begun and not ended.
    pub fn is_inside(&self) -> bool {
        self.expects != Expects::Anything
    }

    fn inline(&mut self, buf: &[u8]) -> Result<Option<Request>, Malformed> {
        let Some(end) = self.search(buf, b'\n', Malformed::TooBigInline)? else { return Ok(None) };
        // A carriage return before the line feed is white space and needs no removal.
        let words = inline::count(&buf[..end])?;
        self.at = end + 1;
        let len = self.finish();
        Ok(Some(if words == 0 { Request::Empty { len } } else { Request::Inline { len } }))
    }

    fn on_count(&mut self, field: &[u8]) -> Result<(), Malformed> {
        let count = Number::parse(field).ok_or(Malformed::InvalidMultibulkLength)?;
        let count = usize::try_from(count).unwrap_or(0); // negative: an array of nothing
        if count > self.limits.max_multibulk {
            return Err(Malformed::InvalidMultibulkLength);
        }
        self.command.argc = count;
        self.left = count;
        self.expects = Expects::BulkLength;
        Ok(())
    }

    /// Reads `$<length>`; `line` includes the carriage return, so it has a first byte.
    #[inline]
    fn bulk_length(&self, line: &[u8]) -> Result<usize, Malformed> {
        if line[0] != b'$' {
            return Err(Malformed::ExpectedBulk(line[0]));
        }
        Number::parse(&line[1..line.len() - 1])
            .and_then(|len| usize::try_from(len).ok())
            .filter(|&len| len <= self.limits.max_bulk)
            .ok_or(Malformed::InvalidBulkLength)
    }

    /// The position of the carriage return that ends the line at `at`, once its line feed is there.
    #[inline]
    fn line_end(&mut self, buf: &[u8], too_big: Malformed) -> Result<Option<usize>, Malformed> {
        // A header has two to five bytes before its end: looked at one by one, unless it has not.
        let near = buf[self.searched..].iter().take(NEAR).position(|&byte| byte == b'\r');
        let near = near.map(|offset| self.searched + offset).filter(|end| end - self.at <= self.limits.max_inline);
        let end = match near {
            Some(end) => end,
            None => match self.search(buf, b'\r', too_big)? {
                Some(end) => end,
                None => return Ok(None),
            },
        };
        match buf.get(end + 1) {
            Some(b'\n') => Ok(Some(end)),
            Some(_) => Err(Malformed::InvalidCrlf),
            None => {
                self.searched = end;
                self.wanted = end + 2;
                Ok(None)
            }
        }
    }

    /// Looks for `needle` in what was not searched yet of the line at `at`. A line is too big when
    /// `max_inline` + 1 bytes of it hold no end: then it is so for every way to cut the stream.
    fn search(&mut self, buf: &[u8], needle: u8, too_big: Malformed) -> Result<Option<usize>, Malformed> {
        let bound = self.at.saturating_add(self.limits.max_inline).saturating_add(1);
        let window = &buf[..buf.len().min(bound)];
        if let Some(offset) = memchr(needle, &window[self.searched..]) {
            return Ok(Some(self.searched + offset));
        }
        self.searched = window.len();
        self.wanted = window.len() + 1;
        if window.len() == bound { Err(too_big) } else { Ok(None) }
    }

    #[inline]
    fn move_to(&mut self, at: usize) {
        self.at = at;
        self.searched = at;
    }

    /// Makes ready for the next frame and tells the length of this one.
    #[inline]
    fn finish(&mut self) -> usize {
        let len = self.at;
        self.move_to(0);
        self.wanted = 1;
        self.expects = Expects::Anything;
        len
    }
}

impl Default for RequestScanner {
    fn default() -> Self {
        Self::new(Limits::REQUESTS)
    }
}

/// Arguments of which the place is remembered: enough for the name, a subcommand, and what
/// `CLIENT SETNAME`, `HELLO` and a first key need.
const HEAD: usize = 4;

/// Bytes in which nearly every header ends: `$` and six digits.
const NEAR: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;

    #[test]
    fn a_command_is_found_with_its_arguments() {
        let frame = b"*5\r\n$4\r\nMSET\r\n$1\r\na\r\n$0\r\n\r\n$1\r\nb\r\n$2\r\n\r\n\r\nrest";
        let mut scanner = RequestScanner::default();
        let Ok(Some(Request::Command(mset))) = scanner.next(frame) else { panic!() };
        assert_eq!(mset.len(), frame.len() - 4);
        assert_eq!(mset.argc(), 5);
        assert_eq!(mset.name(frame), b"MSET");
        let expected = [&b"MSET"[..], b"a", b"", b"b", b"\r\n"];
        assert_eq!(mset.arguments(frame).collect::<Vec<_>>(), expected);
        for (index, argument) in expected.iter().enumerate() {
            assert_eq!(mset.argument(frame, index), Some(*argument));
        }
        assert_eq!(mset.argument(frame, 5), None);
        assert_eq!(mset.range(4), None);
    }

    #[test]
    fn empty_lines_and_empty_arrays_are_told_apart_from_requests() {
        for empty in ["\r\n", "\n", "  \t\r\n", "*0\r\n", "*-1\r\n", "*-7\r\n"] {
            let found = RequestScanner::default().next(empty.as_bytes());
            assert_eq!(found, Ok(Some(Request::Empty { len: empty.len() })), "{empty:?}");
        }
    }

    #[test]
    fn an_inline_command_ends_at_the_line_feed() {
        let found = RequestScanner::default().next(b"PING \"a b\"\r\n*1\r\n");
        assert_eq!(found, Ok(Some(Request::Inline { len: 12 })));
    }

    #[test]
    fn a_lone_byte_more_at_a_time_gives_the_same_frame() {
        let frame = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";
        let mut scanner = RequestScanner::default();
        for end in 0..frame.len() {
            assert_eq!(scanner.next(&frame[..end]), Ok(None));
            assert!(scanner.wanted() > end && scanner.wanted() <= frame.len());
        }
        assert_eq!(scanner.next(frame), RequestScanner::default().next(frame));
        assert!(!scanner.is_inside());
    }

    #[test]
    fn faults_have_their_names() {
        use Malformed::*;
        let faults: [(&[u8], Malformed); 16] = [
            (b"*abc\r\n", InvalidMultibulkLength),
            (b"*\r\n", InvalidMultibulkLength),
            (b"*2147483648\r\n", InvalidMultibulkLength),
            (b"*9223372036854775808\r\n", InvalidMultibulkLength),
            (b"*-9223372036854775809\r\n", InvalidMultibulkLength),
            (b"*1\r\n$-1\r\n", InvalidBulkLength),
            (b"*1\r\n$\r\n", InvalidBulkLength),
            (b"*1\r\n$536870913\r\n", InvalidBulkLength),
            (b"*1\r\n$9223372036854775807\r\n", InvalidBulkLength),
            (b"*1\r\n$18446744073709551616\r\n", InvalidBulkLength),
            (b"*1\r\n:1\r\n", ExpectedBulk(b':')),
            (b"*1\r\n\r\n", ExpectedBulk(b'\r')),
            (b"*1\rx", InvalidCrlf),
            (b"*1\r\n$4\r\nPINGxx", InvalidCrlf),
            (b"*1\r\n$4\rxPING\r\n", InvalidCrlf),
            (b"say \"hello\r\n", UnbalancedQuotes),
        ];
        for (bytes, fault) in faults {
            let found = RequestScanner::default().next(bytes);
            assert_eq!(found, Err(fault), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_line_is_too_big_however_it_is_cut() {
        let limits = Limits { max_inline: 20, ..Limits::REQUESTS };
        // One byte over: the end lies just where a quick look would still find it.
        let ones = "1".repeat(21);
        for (bytes, fault) in [
            (format!("*{ones}\r\n"), Malformed::TooBigMultibulkCount),
            (format!("*1\r\n${ones}\r\n"), Malformed::TooBigBulkCount),
            (format!("{ones}\r\n"), Malformed::TooBigInline),
        ] {
            assert_eq!(RequestScanner::new(limits).next(bytes.as_bytes()), Err(fault));
            let mut scanner = RequestScanner::new(limits);
            let mut found = (0..=bytes.len()).map(|end| scanner.next(&bytes.as_bytes()[..end]));
            assert_eq!(found.find(|found| *found != Ok(None)), Some(Err(fault)));
        }
    }

    #[test]
    fn the_longest_allowed_line_passes() {
        let limits = Limits { max_inline: 20, ..Limits::REQUESTS };
        let line = format!("{}\n", "a".repeat(20));
        let found = RequestScanner::new(limits).next(line.as_bytes());
        assert_eq!(found, Ok(Some(Request::Inline { len: 21 })));
    }

    #[test]
    fn of_a_command_that_has_not_ended_the_arguments_that_are_there_are_known() {
        let mut scanner = RequestScanner::default();
        assert_eq!(scanner.begun(), None);
        assert!(scanner.next(b"*1\r\n$7\r\noutworn\r\n").is_ok());
        assert_eq!(scanner.begun(), None);
        let frame = b"*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\nabc";
        assert_eq!(scanner.next(&frame[..10]), Ok(None));
        let begun = scanner.begun().unwrap();
        assert_eq!((begun.name(frame), begun.argument(frame, 1)), (&b""[..], Some(&b""[..])));
        assert_eq!(scanner.next(frame), Ok(None));
        let begun = scanner.begun().unwrap();
        assert_eq!((begun.argc(), begun.name(frame), begun.argument(frame, 1)), (4, &b"SET"[..], Some(&b"k"[..])));
        assert_eq!((begun.argument(frame, 2), begun.argument(frame, 3)), (Some(&b""[..]), Some(&b""[..])));
        assert_eq!(begun.arguments(frame).collect::<Vec<_>>(), [&b"SET"[..], b"k"]);
    }

    #[test]
    fn a_fault_in_what_is_not_kept_is_found() {
        let mut scanner = RequestScanner::default();
        assert_eq!(scanner.next(b"*2\r\n$3\r\nGET\r\n$4\r\nk"), Ok(None));
        assert_eq!(scanner.stream(b"*2\r\n$3\r\nGET\r\n$4\r\nk"), Ok(Streamed { len: 18, ended: false }));
        assert_eq!(scanner.stream(b"ey1x"), Ok(Streamed { len: 3, ended: false }));
        assert_eq!(scanner.stream(b"x\n"), Err(Malformed::InvalidCrlf));
    }

    #[test]
    fn what_is_wanted_grows_to_the_announced_bulk() {
        let mut scanner = RequestScanner::default();
        assert_eq!(scanner.next(b"*1\r\n$1000000\r\nabc"), Ok(None));
        assert_eq!(scanner.wanted(), 14 + 1_000_000 + 2);
    }
}
