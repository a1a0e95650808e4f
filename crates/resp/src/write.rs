//! How is it put into bytes? Everything appends to a buffer that the caller keeps.

use alloc::format;
use alloc::vec::Vec;

use crate::Value;

/// Which types the reader understands: what its `HELLO` chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// Strings, errors, integers, arrays and two nulls.
    #[default]
    Resp2,
    /// All types.
    Resp3,
}

/// A request: an array of bulk strings.
pub fn command(out: &mut Vec<u8>, arguments: &[impl AsRef<[u8]>]) {
    array(out, arguments.len());
    for argument in arguments {
        bulk(out, argument.as_ref());
    }
}

/// A reply. For a reader of RESP2 it is put as Redis puts it: maps, sets and pushes as arrays,
/// booleans as 1 and 0, doubles and big numbers as strings.
pub fn value(out: &mut Vec<u8>, value: &Value, protocol: Protocol) {
    let resp3 = protocol == Protocol::Resp3;
    match value {
        Value::Simple(text) => line(out, b'+', text),
        Value::Error(text) if resp3 && has_line_end(text) => blob(out, b'!', &[text]),
        Value::Error(text) => line(out, b'-', text),
        Value::Int(number) => int(out, *number),
        Value::Bulk(text) => bulk(out, text),
        Value::Array(values) => items(out, b'*', values, protocol),
        Value::Null | Value::NullArray if resp3 => out.extend_from_slice(b"_\r\n"),
        Value::Null => out.extend_from_slice(b"$-1\r\n"),
        Value::NullArray => out.extend_from_slice(b"*-1\r\n"),
        Value::Bool(yes) if resp3 => line(out, b'#', if *yes { b"t" } else { b"f" }),
        Value::Bool(yes) => int(out, i64::from(*yes)),
        Value::Double(number) if resp3 => line(out, b',', double(*number).as_bytes()),
        Value::Double(number) => bulk(out, double(*number).as_bytes()),
        Value::BigNumber(digits) if resp3 => line(out, b'(', digits),
        Value::BigNumber(digits) => bulk(out, digits),
        Value::Verbatim { format, text } if resp3 => blob(out, b'=', &[format, b":", text]),
        Value::Verbatim { text, .. } => bulk(out, text),
        Value::Map(pairs) => {
            let (first, len) = if resp3 { (b'%', pairs.len()) } else { (b'*', 2 * pairs.len()) };
            header(out, first, len as i64);
            for (key, item) in pairs {
                self::value(out, key, protocol);
                self::value(out, item, protocol);
            }
        }
        Value::Set(values) => items(out, if resp3 { b'~' } else { b'*' }, values, protocol),
        Value::Push(values) => items(out, if resp3 { b'>' } else { b'*' }, values, protocol),
    }
}

/// The header of an array; the caller appends `len` elements.
pub fn array(out: &mut Vec<u8>, len: usize) {
    header(out, b'*', len as i64);
}

/// A string.
pub fn bulk(out: &mut Vec<u8>, text: &[u8]) {
    blob(out, b'$', &[text]);
}

/// A status.
pub fn simple(out: &mut Vec<u8>, text: &str) {
    line(out, b'+', text.as_bytes());
}

/// An error; the text begins with its code, such as `ERR`.
pub fn error(out: &mut Vec<u8>, text: &str) {
    line(out, b'-', text.as_bytes());
}

/// An integer.
pub fn int(out: &mut Vec<u8>, number: i64) {
    header(out, b':', number);
}

fn items(out: &mut Vec<u8>, first: u8, values: &[Value], protocol: Protocol) {
    header(out, first, values.len() as i64);
    for item in values {
        value(out, item, protocol);
    }
}

fn header(out: &mut Vec<u8>, first: u8, number: i64) {
    out.push(first);
    decimal(out, number);
    out.extend_from_slice(b"\r\n");
}

fn blob(out: &mut Vec<u8>, first: u8, parts: &[&[u8]]) {
    header(out, first, parts.iter().map(|part| part.len()).sum::<usize>() as i64);
    for part in parts {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(b"\r\n");
}

/// Line ends inside the text become spaces, as in Redis: otherwise a text from outside could end
/// this reply and begin another.
fn line(out: &mut Vec<u8>, first: u8, text: &[u8]) {
    out.push(first);
    out.extend(text.iter().map(|&byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { byte }));
    out.extend_from_slice(b"\r\n");
}

fn has_line_end(text: &[u8]) -> bool {
    memchr::memchr2(b'\r', b'\n', text).is_some()
}

/// The shortest text that reads as the same number.
fn double(number: f64) -> alloc::string::String {
    let magnitude = number.abs();
    match number {
        _ if number.is_nan() => "nan".into(),
        // Without an exponent while that is readable: beyond, Rust would write hundreds of zeros.
        _ if magnitude == 0.0 || !magnitude.is_finite() || (1e-5..1e17).contains(&magnitude) => {
            format!("{number}")
        }
        _ => format!("{number:e}"),
    }
}

/// Digits without `core::fmt`: every argument of every request that we make has a length.
fn decimal(out: &mut Vec<u8>, number: i64) {
    let mut digits = [0; 19];
    let mut from = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        from -= 1;
        digits[from] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec;

    fn written(reply: &Value, protocol: Protocol) -> String {
        let mut out = Vec::new();
        value(&mut out, reply, protocol);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_command_is_an_array_of_bulks() {
        let mut out = Vec::new();
        command(&mut out, &["SET", "k", ""]);
        assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n");
    }

    #[test]
    fn integers_have_all_their_digits() {
        for number in [0, 9, 10, -1, 1234567890, i64::MAX, i64::MIN] {
            assert_eq!(written(&Value::Int(number), Protocol::Resp2), format!(":{number}\r\n"));
        }
    }

    #[test]
    fn a_reader_of_resp2_gets_what_redis_would_send() {
        let one = || vec![Value::Int(1)];
        let replies = [
            (Value::Map(vec![(Value::Int(1), Value::Null)]), "%1\r\n:1\r\n_\r\n", "*2\r\n:1\r\n$-1\r\n"),
            (Value::Set(one()), "~1\r\n:1\r\n", "*1\r\n:1\r\n"),
            (Value::Push(one()), ">1\r\n:1\r\n", "*1\r\n:1\r\n"),
            (Value::NullArray, "_\r\n", "*-1\r\n"),
            (Value::Bool(true), "#t\r\n", ":1\r\n"),
            (Value::Double(1.5), ",1.5\r\n", "$3\r\n1.5\r\n"),
            (Value::BigNumber(b"12".to_vec()), "(12\r\n", "$2\r\n12\r\n"),
            (Value::Verbatim { format: *b"txt", text: b"a".to_vec() }, "=5\r\ntxt:a\r\n", "$1\r\na\r\n"),
            (Value::Error(b"E a\r\nb".to_vec()), "!6\r\nE a\r\nb\r\n", "-E a  b\r\n"),
        ];
        for (reply, resp3, resp2) in replies {
            assert_eq!(written(&reply, Protocol::Resp3), resp3);
            assert_eq!(written(&reply, Protocol::Resp2), resp2);
        }
    }

    #[test]
    fn doubles_are_short() {
        for (number, text) in [
            (0.0, "0"),
            (3.0, "3"),
            (0.1, "0.1"),
            (1e300, "1e300"),
            (1.5e-9, "1.5e-9"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(double(number), text);
        }
    }

    #[test]
    fn a_text_cannot_end_its_own_reply() {
        let mut out = Vec::new();
        error(&mut out, "ERR a\r\n+OK");
        assert_eq!(out, b"-ERR a  +OK\r\n");
    }
}
