//! What does a reply say? An owned tree for the control plane, where a reply is small and read once.
//! The data path never builds one: see [`scan`](crate::scan).

use alloc::vec::Vec;
use core::str;

use memchr::memchr;

use crate::number::Number;
use crate::scan::{Kind, Limits, ReplyScanner};
use crate::{Malformed, Request, RequestScanner};

/// A reply of RESP2 or RESP3. Texts are bytes: nothing promises that they are UTF-8.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A status, such as `OK`.
    Simple(Vec<u8>),
    /// A refusal, code first; a blob error as well.
    Error(Vec<u8>),
    /// An integer.
    Int(i64),
    /// A string.
    Bulk(Vec<u8>),
    /// A list.
    Array(Vec<Self>),
    /// No such thing: `_`, or `$-1` in RESP2.
    Null,
    /// `*-1`, the null of RESP2 where a list was asked for.
    NullArray,
    /// A boolean.
    Bool(bool),
    /// A floating point number.
    Double(f64),
    /// An integer of any size, in its digits.
    BigNumber(Vec<u8>),
    /// A string with its format.
    Verbatim {
        /// `txt` or `mkd`.
        format: [u8; 3],
        /// The string.
        text: Vec<u8>,
    },
    /// Pairs in the order in which they came.
    Map(Vec<(Self, Self)>),
    /// A list without order.
    Set(Vec<Self>),
    /// A message that answers no request.
    Push(Vec<Self>),
}

impl Value {
    /// The text of a string of any kind (not of an error), if it is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        str::from_utf8(self.as_bytes()?).ok()
    }

    /// The bytes of a string of any kind, not of an error.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Simple(text) | Self::Bulk(text) | Self::Verbatim { text, .. } => Some(text),
            _ => None,
        }
    }

    /// An integer, or a string that reads as one: RESP2 sends numbers of maps as strings.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            other => other.as_str()?.parse().ok(),
        }
    }

    /// The whole error line, code first, if this is an error in UTF-8.
    pub fn as_error(&self) -> Option<&str> {
        match self {
            Self::Error(text) => str::from_utf8(text).ok(),
            _ => None,
        }
    }

    /// The first word of an error.
    pub fn error_code(&self) -> Option<&[u8]> {
        match self {
            Self::Error(text) => text.split(|&byte| byte == b' ').next(),
            _ => None,
        }
    }

    /// The elements of an array, set or push.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) | Self::Set(items) | Self::Push(items) => Some(items),
            _ => None,
        }
    }

    /// The value of `key`, in a map or in the flat array that RESP2 has for one.
    pub fn field(&self, key: &str) -> Option<&Self> {
        let is_key = |name: &Self| name.as_bytes() == Some(key.as_bytes());
        match self {
            Self::Map(pairs) => pairs.iter().find(|(name, _)| is_key(name)).map(|pair| &pair.1),
            Self::Array(items) => items.as_chunks().0.iter().find(|[name, _]| is_key(name)).map(|[_, value]| value),
            _ => None,
        }
    }

    /// Whether it is a null of either protocol.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null | Self::NullArray)
    }

    /// A bulk string.
    pub fn bulk(text: impl AsRef<[u8]>) -> Self {
        Self::Bulk(text.as_ref().to_vec())
    }
}

/// Reads the reply that `bytes` begins with and tells its length. `None`: it has not ended.
/// Attributes are left out.
///
/// Memory is asked for only once the whole reply is there, so that a header which lies costs nothing.
/// Each call begins anew: for a reply that comes in very many pieces, let a [`ReplyScanner`] tell
/// when it is time to call.
///
/// # Errors
/// [`Malformed`]. The stream is unusable from here on.
pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Option<(Value, usize)>, Malformed> {
    let progress = ReplyScanner::new(*limits).feed(bytes)?;
    if progress.ended.is_none() {
        return Ok(None);
    }
    let mut reader = Reader { rest: &bytes[..progress.consumed] };
    let value = reader.value()?;
    debug_assert!(reader.rest.is_empty(), "scanner and reader agree on the end");
    Ok(Some((value, progress.consumed)))
}

/// The arguments of a request, its name first; none for an empty line.
pub type Arguments = Vec<Vec<u8>>;

/// Reads the request that `bytes` begins with into its arguments and tells its length: for the ports
/// on which we are the server. An empty line or array is an empty list: move on, answer nothing.
///
/// # Errors
/// [`Malformed`] as Redis words it.
pub fn decode_request(bytes: &[u8], limits: &Limits) -> Result<Option<(Arguments, usize)>, Malformed> {
    let found = RequestScanner::new(*limits).next(bytes)?;
    Ok(found.map(|request| {
        let len = request.len();
        let arguments = match request {
            Request::Command(command) => command.arguments(bytes).map(<[u8]>::to_vec).collect(),
            Request::Inline { .. } => {
                crate::inline::split(&bytes[..len]).expect("the scanner refuses unbalanced quotes")
            }
            Request::Empty { .. } => Vec::new(),
        };
        (arguments, len)
    }))
}

/// A walk through a reply that the scanner has found to be whole and within the limits: recursion is
/// bounded by `max_depth`, counts by what is really there.
struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    fn value(&mut self) -> Result<Value, Malformed> {
        let mut line = self.line()?;
        while line[0] == b'|' {
            for _ in 0..2 * length(line)?.unwrap_or(0) {
                self.element()?;
            }
            line = self.line()?;
        }
        let kind = Kind::of(line[0]).ok_or(Malformed::UnknownType(line[0]))?;
        let text = &line[1..];
        Ok(match kind {
            Kind::Simple => Value::Simple(text.to_vec()),
            Kind::Error => Value::Error(text.to_vec()),
            Kind::Int => Value::Int(scalar(text)?),
            Kind::Double => Value::Double(double(text)?),
            Kind::BigNumber => Value::BigNumber(big_number(text)?.to_vec()),
            Kind::Bool => match text {
                b"t" => Value::Bool(true),
                b"f" => Value::Bool(false),
                _ => return Err(Malformed::InvalidScalar),
            },
            Kind::Null if text.is_empty() => Value::Null,
            Kind::Null => return Err(Malformed::InvalidScalar),
            Kind::Bulk => match length(line)? {
                Some(len) => Value::Bulk(self.payload(len)?.to_vec()),
                None => Value::Null,
            },
            Kind::BlobError => Value::Error(self.payload(length(line)?.unwrap_or(0))?.to_vec()),
            Kind::Verbatim => match self.payload(length(line)?.unwrap_or(0))? {
                [a, b, c, b':', text @ ..] => Value::Verbatim { format: [*a, *b, *c], text: text.to_vec() },
                _ => return Err(Malformed::InvalidScalar),
            },
            Kind::Array => match length(line)? {
                Some(len) => Value::Array(self.items(len)?),
                None => Value::NullArray,
            },
            Kind::Set => Value::Set(self.items(length(line)?.unwrap_or(0))?),
            Kind::Push => Value::Push(self.items(length(line)?.unwrap_or(0))?),
            Kind::Map => {
                let len = length(line)?.unwrap_or(0);
                let pairs = (0..len).map(|_| Ok((self.element()?, self.element()?)));
                Value::Map(pairs.collect::<Result<_, _>>()?)
            }
        })
    }

    fn items(&mut self, len: usize) -> Result<Vec<Value>, Malformed> {
        (0..len).map(|_| self.element()).collect()
    }

    /// A value within another one. Pushes in between are not part of it, and are dropped.
    fn element(&mut self) -> Result<Value, Malformed> {
        loop {
            let value = self.value()?;
            if !matches!(value, Value::Push(_)) {
                return Ok(value);
            }
        }
    }

    /// The line without its end; it has a first byte, its type.
    fn line(&mut self) -> Result<&'b [u8], Malformed> {
        let mut from = 0;
        while let Some(offset) = memchr(b'\n', &self.rest[from..]) {
            let at = from + offset;
            if at >= 2 && self.rest[at - 1] == b'\r' {
                let line = &self.rest[..at - 1];
                self.rest = &self.rest[at + 1..];
                return Ok(line);
            }
            from = at + 1;
        }
        Err(Malformed::InvalidCrlf)
    }

    fn payload(&mut self, len: usize) -> Result<&'b [u8], Malformed> {
        let (payload, rest) = self.rest.split_at_checked(len).ok_or(Malformed::InvalidCrlf)?;
        self.rest = rest.get(2..).ok_or(Malformed::InvalidCrlf)?;
        Ok(payload)
    }
}

/// The number of a header line; `None` for a null.
fn length(line: &[u8]) -> Result<Option<usize>, Malformed> {
    let value = Number::parse(&line[1..]).ok_or(Malformed::InvalidBulkLength)?;
    Ok(usize::try_from(value).ok())
}

fn scalar<T: str::FromStr>(text: &[u8]) -> Result<T, Malformed> {
    str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Malformed::InvalidScalar)
}

/// Rust reads all spellings that Redis has had for a double: `inf`, `-inf`, `nan`, `-nan`, exponents.
fn double(text: &[u8]) -> Result<f64, Malformed> {
    scalar(text)
}

fn big_number(text: &[u8]) -> Result<&[u8], Malformed> {
    let digits = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let valid = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    valid.then_some(text).ok_or(Malformed::InvalidScalar)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn read(bytes: &[u8]) -> Value {
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end], &Limits::REPLIES), Ok(None), "cut at {end}");
        }
        let (value, len) = decode(bytes, &Limits::REPLIES).unwrap().unwrap();
        assert_eq!(len, bytes.len());
        value
    }

    #[test]
    fn every_type_is_read() {
        let values: [(&[u8], Value); 19] = [
            (b"+OK\r\n", Value::Simple(b"OK".to_vec())),
            (b"-ERR x\r\n", Value::Error(b"ERR x".to_vec())),
            (b"!5\r\nE\r\nxy\r\n", Value::Error(b"E\r\nxy".to_vec())),
            (b":-3\r\n", Value::Int(-3)),
            (b":+3\r\n", Value::Int(3)),
            (b"$2\r\n\r\n\r\n", Value::bulk("\r\n")),
            (b"$-1\r\n", Value::Null),
            (b"_\r\n", Value::Null),
            (b"*-1\r\n", Value::NullArray),
            (b"#t\r\n", Value::Bool(true)),
            (b",1.5\r\n", Value::Double(1.5)),
            (b",-inf\r\n", Value::Double(f64::NEG_INFINITY)),
            (b",1e-7\r\n", Value::Double(1e-7)),
            (b"(-12\r\n", Value::BigNumber(b"-12".to_vec())),
            (b"=5\r\ntxt:a\r\n", Value::Verbatim { format: *b"txt", text: b"a".to_vec() }),
            (b"*1\r\n*0\r\n", Value::Array(vec![Value::Array(vec![])])),
            (b"%1\r\n:1\r\n:2\r\n", Value::Map(vec![(Value::Int(1), Value::Int(2))])),
            (b"~1\r\n:1\r\n", Value::Set(vec![Value::Int(1)])),
            (b"|1\r\n+a\r\n|1\r\n+b\r\n+c\r\n+d\r\n>1\r\n:1\r\n", Value::Push(vec![Value::Int(1)])),
        ];
        for (bytes, value) in values {
            assert_eq!(read(bytes), value, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn nan_is_read() {
        let Value::Double(nan) = read(b",nan\r\n") else { panic!() };
        assert!(nan.is_nan());
    }

    #[test]
    fn a_scalar_that_is_none_is_refused() {
        let lies = [":\r\n", ":1.5\r\n", ":9223372036854775808\r\n", "#x\r\n", ",x\r\n", "(1x\r\n"];
        for lie in lies.into_iter().chain(["(-\r\n", "_x\r\n", "=2\r\nab\r\n"]) {
            let read = decode(lie.as_bytes(), &Limits::REPLIES);
            assert_eq!(read, Err(Malformed::InvalidScalar), "{lie:?}");
        }
    }

    #[test]
    fn a_header_that_lies_reserves_nothing() {
        for lie in ["*999999999999999999\r\n", "$999999999999999999\r\n", "%99999999999\r\n"] {
            assert_eq!(decode(lie.as_bytes(), &Limits::REPLIES), Ok(None));
        }
    }

    #[test]
    fn fields_are_found_in_both_protocols() {
        for reply in [&b"%2\r\n+a\r\n:1\r\n$1\r\nb\r\n$1\r\n2\r\n"[..], b"*4\r\n+a\r\n:1\r\n+b\r\n+2\r\n"] {
            let value = read(reply);
            assert_eq!(value.field("a").and_then(Value::as_int), Some(1));
            assert_eq!(value.field("b").and_then(Value::as_int), Some(2));
            assert_eq!(value.field("c"), None);
        }
    }

    #[test]
    fn an_error_is_no_string() {
        let error = read(b"-NOAUTH Authentication required.\r\n");
        assert_eq!(error.as_str(), None);
        assert_eq!(error.as_error(), Some("NOAUTH Authentication required."));
        assert_eq!(error.error_code(), Some(&b"NOAUTH"[..]));
    }

    #[test]
    fn requests_are_read_in_both_forms() {
        let ping = Ok(Some((vec![b"PING".to_vec()], 14)));
        assert_eq!(decode_request(b"*1\r\n$4\r\nPING\r\n", &Limits::REQUESTS), ping);
        let ping = Ok(Some((vec![b"PING".to_vec()], 8)));
        assert_eq!(decode_request(b"'PING'\r\n", &Limits::REQUESTS), ping);
        assert_eq!(decode_request(b"\r\nPING", &Limits::REQUESTS), Ok(Some((vec![], 2))));
        assert_eq!(decode_request(b"PING", &Limits::REQUESTS), Ok(None));
    }
}
