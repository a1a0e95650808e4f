//! How a line falls into words, and how a word is written so that it comes back the same? Redis's quoting, both ways.
//!
//! Blanks separate words. `"..."` knows `\n \r \t \b \a \\ \"` and `\xHH`; in `'...'` only `\'` is special. What follows a closing
//! quote must be a blank.

/// Why a line has no words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// A quote that is not closed, or something right behind a closing quote.
    Unbalanced,
    /// The bytes that `\xHH` name are no text.
    NotText,
}

/// The words of a line. An empty line has none.
///
/// # Errors
/// Quotes that do not close, or escapes that are no UTF-8.
pub fn split(line: &str) -> Result<Vec<String>, Unreadable> {
    let mut rest = line.as_bytes();
    let mut words = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        // The C string ends here.
        if rest.first().is_none_or(|byte| *byte == 0) {
            return Ok(words);
        }
        let word;
        (word, rest) = first_word(rest)?;
        words.push(String::from_utf8(word).map_err(|_| Unreadable::NotText)?);
    }
}

/// A word in double quotes, as Redis writes it: bytes outside of printable ASCII as `\xHH`.
#[must_use]
pub fn quoted(word: &str) -> String {
    let mut out = String::with_capacity(word.len() + 2);
    out.push('"');
    for byte in word.bytes() {
        match byte {
            b'\\' | b'"' => out.extend(['\\', char::from(byte)]),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x07 => out.push_str("\\a"),
            0x08 => out.push_str("\\b"),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('"');
    out
}

/// The word as it is if that reads back the same, else in quotes. 7.0 never quotes most of its own values, and then cannot read them.
#[must_use]
pub fn quoted_if_needed(word: &str) -> String {
    let special = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '"' | '\'' | '\\');
    if word.is_empty() || word.contains(special) { quoted(word) } else { word.to_owned() }
}

/// Reads one word and what stands behind it.
fn first_word(line: &[u8]) -> Result<(Vec<u8>, &[u8]), Unreadable> {
    let mut word = Vec::new();
    let mut rest = line;
    while let Some((&byte, behind)) = rest.split_first() {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' | 0 => break,
            b'"' | b'\'' => {
                let after = if byte == b'"' { double(behind, &mut word) } else { single(behind, &mut word) };
                let after = after.ok_or(Unreadable::Unbalanced)?;
                let ends = after.first().is_none_or(|next| next.is_ascii_whitespace() || matches!(next, 0 | 0x0b));
                return if ends { Ok((word, after)) } else { Err(Unreadable::Unbalanced) };
            }
            _ => word.push(byte),
        }
        rest = behind;
    }
    Ok((word, rest))
}

/// Reads up to the closing double quote; what stands behind it, or `None` if there is none.
fn double<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [b'"', behind @ ..] => return Some(behind),
            [b'\\', b'x', high, low, behind @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                word.push(hex(*high) << 4 | hex(*low));
                behind
            }
            [b'\\', escaped, behind @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                behind
            }
            [byte, behind @ ..] if *byte != 0 => {
                word.push(*byte);
                behind
            }
            _ => return None,
        };
    }
}

/// The same for single quotes.
fn single<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [b'\'', behind @ ..] => return Some(behind),
            [b'\\', b'\'', behind @ ..] => {
                word.push(b'\'');
                behind
            }
            [byte, behind @ ..] if *byte != 0 => {
                word.push(*byte);
                behind
            }
            _ => return None,
        };
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fall_into_words() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("  a\tb  c ", &["a", "b", "c"]),
            (r#"a "b c" """#, &["a", "b c", ""]),
            (r#""\x41\n\r\t\b\a\\\"\q\xg1""#, &["A\n\r\t\u{8}\u{7}\\\"qxg1"]),
            (r#"'it\'s \n' 'x"y'"#, &["it's \\n", "x\"y"]),
            (r#"pre"fix ed""#, &["prefix ed"]),
            (r#""\xc3\xa9" é"#, &["é", "é"]),
            ("a\\b", &["a\\b"]),
            ("a\0b", &["a"]),
        ];
        for (line, words) in cases {
            assert_eq!(
                split(line).as_deref(),
                Ok(words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>().as_slice()),
                "{line}"
            );
        }
        for line in ["\"a", "'a", "'a'b", "\"a\"b", "a\"b", "\"a\\\"", "\"a\0\""] {
            assert_eq!(split(line), Err(Unreadable::Unbalanced), "{line}");
        }
        assert_eq!(split(r#""\xff""#), Err(Unreadable::NotText));
    }

    #[test]
    fn quotes_stand_where_they_are_needed() {
        for (word, written) in [
            ("plain", "plain"),
            ("a#b", "a#b"),
            ("é", "é"),
            ("", r#""""#),
            ("a b", r#""a b""#),
            ("it's", r#""it's""#),
            ("a\"\\", r#""a\"\\""#),
            ("a\u{85}b", r#""a\xc2\x85b""#),
        ] {
            assert_eq!(quoted_if_needed(word), written);
        }
        assert_eq!(quoted("é\u{1}\n"), r#""\xc3\xa9\x01\n""#);
    }
}
