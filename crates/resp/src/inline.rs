//! Which arguments a line typed by a person has. The quoting rules are those of Redis
//! (`sdssplitargs`):
//!
//! - words are separated by white space;
//! - `"..."` knows `\n \r \t \b \a \xHH`, any other escaped byte stands for itself;
//! - `'...'` knows only `\'`;
//! - a closing quote must be followed by white space or the end.
//!
//! One difference is on purpose. Redis takes a NUL for the end of the text and never answers such a
//! line; here it is a byte like any other. So an inline command is never passed on as it came:
//! [`rewrite`] it into an array.

use alloc::vec::Vec;

use crate::{Malformed, write};

/// How many arguments the line has. Allocates nothing.
///
/// # Errors
/// [`Malformed::UnbalancedQuotes`].
pub fn count(line: &[u8]) -> Result<usize, Malformed> {
    let mut rest = line;
    let mut words = 0;
    while let Some(after) = word(rest, |_| {})? {
        words += 1;
        rest = after;
    }
    Ok(words)
}

/// The arguments of the line, unquoted.
///
/// # Errors
/// [`Malformed::UnbalancedQuotes`].
pub fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, Malformed> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        let mut current = Vec::new();
        let Some(after) = word(rest, |byte| current.push(byte))? else { return Ok(words) };
        words.push(current);
        rest = after;
    }
}

/// Appends the line to `out` as an array of bulk strings, the only form that is sent to a server.
/// A line without a word appends nothing.
///
/// # Errors
/// [`Malformed::UnbalancedQuotes`]; nothing is appended.
pub fn rewrite(line: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let words = split(line)?;
    if !words.is_empty() {
        write::command(out, &words);
    }
    Ok(())
}

/// Hands the bytes of the first word to `take` and returns what follows it.
fn word(line: &[u8], mut take: impl FnMut(u8)) -> Result<Option<&[u8]>, Malformed> {
    let Some(start) = line.iter().position(|&byte| !is_space(byte)) else { return Ok(None) };
    let mut rest = &line[start..];
    loop {
        rest = match rest {
            [] => return Ok(Some(rest)),
            // Vertical tab and form feed separate words but do not end one: so does Redis.
            [b' ' | b'\n' | b'\r' | b'\t', after @ ..] => return Ok(Some(after)),
            [b'"', after @ ..] => return double_quoted(after, take).map(Some),
            [b'\'', after @ ..] => return single_quoted(after, take).map(Some),
            [byte, after @ ..] => {
                take(*byte);
                after
            }
        };
    }
}

fn double_quoted(mut rest: &[u8], mut take: impl FnMut(u8)) -> Result<&[u8], Malformed> {
    loop {
        rest = match rest {
            [] => return Err(Malformed::UnbalancedQuotes),
            [b'"', after @ ..] => return closed(after),
            [b'\\', b'x', high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                take(hex(*high) << 4 | hex(*low));
                after
            }
            [b'\\', escaped, after @ ..] => {
                take(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                after
            }
            [byte, after @ ..] => {
                take(*byte);
                after
            }
        };
    }
}

fn single_quoted(mut rest: &[u8], mut take: impl FnMut(u8)) -> Result<&[u8], Malformed> {
    loop {
        rest = match rest {
            [] => return Err(Malformed::UnbalancedQuotes),
            [b'\'', after @ ..] => return closed(after),
            [b'\\', b'\'', after @ ..] => {
                take(b'\'');
                after
            }
            [byte, after @ ..] => {
                take(*byte);
                after
            }
        };
    }
}

/// What follows a closing quote: white space or nothing.
fn closed(after: &[u8]) -> Result<&[u8], Malformed> {
    match after.first() {
        Some(&byte) if !is_space(byte) => Err(Malformed::UnbalancedQuotes),
        _ => Ok(after),
    }
}

/// C's `isspace`.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Vec<Vec<u8>>, Malformed> {
        let words = split(line.as_bytes());
        assert_eq!(words.as_ref().map(Vec::len), count(line.as_bytes()).as_ref().copied());
        words
    }

    #[test]
    fn plain_words_are_separated_by_any_white_space() {
        assert_eq!(words("  SET\tk \x0b v  ").unwrap(), [&b"SET"[..], b"k", b"v"]);
        assert!(words("").unwrap().is_empty());
        assert!(words(" \t ").unwrap().is_empty());
    }

    #[test]
    fn double_quotes_know_escapes() {
        assert_eq!(words(r#""\n\r\t\b\a\x41\xfF\q\"" "#).unwrap(), [b"\n\r\t\x08\x07A\xffq\""]);
        assert_eq!(words(r#""\x4""#).unwrap(), [b"x4"]);
    }

    #[test]
    fn single_quotes_know_only_the_escaped_quote() {
        assert_eq!(words(r"'it\'s \n'").unwrap(), [br"it's \n"]);
    }

    #[test]
    fn a_quote_may_open_inside_a_word_and_ends_it() {
        assert_eq!(words(r#"a"b c" d"#).unwrap(), [&b"ab c"[..], b"d"]);
        assert_eq!(words("'' \"\"").unwrap(), [b"", b""]);
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in ["\"a", "'a", "\"a\"b", "'a'b", "a \"", "\"\\", "\"a\\\"", "'a\\'"] {
            assert_eq!(words(line), Err(Malformed::UnbalancedQuotes), "{line}");
        }
    }

    #[test]
    fn a_line_is_rewritten_as_an_array() {
        let mut out = Vec::new();
        rewrite(b"set k \"a b\"", &mut out).unwrap();
        assert_eq!(out, b"*3\r\n$3\r\nset\r\n$1\r\nk\r\n$3\r\na b\r\n");
    }
}
