//! Which characters need no quotes, how a Rust name is spelled, and where a comment begins.

use alloc::format;
use alloc::string::String;

use super::Unwritable;

/// May stand in a bare word. No blank, bracket, quote, `=` or `~`: these have a meaning of their own.
pub(super) fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.:/@#+*?-".contains(c)
}

/// `VoteAsked` and `vote_asked` are both `vote-asked`; `IOFailed` is `io-failed`.
pub(super) fn kebab(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut before = None;
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let starts_word = c.is_uppercase()
            && match before {
                None | Some('_' | '-') => false,
                Some(b) if b.is_uppercase() => chars.peek().is_some_and(|next| next.is_lowercase()),
                Some(_) => true,
            };
        if starts_word {
            out.push('-');
        }
        match c {
            '_' => out.push('-'),
            c => out.extend(c.to_lowercase()),
        }
        before = Some(c);
    }
    out
}

/// Writes a field's or a variant's name.
pub(super) fn push_name(out: &mut String, name: &str) -> Result<(), Unwritable> {
    let spelled = kebab(name);
    if spelled.is_empty() || !spelled.chars().all(is_plain) {
        return Err(Unwritable(format!("the name {name:?} needs quotes, which names cannot have")));
    }
    out.push_str(&spelled);
    Ok(())
}

/// What a bare word is when nobody says which type is wanted.
pub(super) enum Bare {
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Word,
}

impl Bare {
    pub(super) fn of(word: &str) -> Self {
        if let Ok(v) = word.parse() {
            return Self::Bool(v);
        }
        if let Ok(v) = word.parse() {
            return Self::Unsigned(v);
        }
        if let Ok(v) = word.parse() {
            return Self::Signed(v);
        }
        word.parse().map_or(Self::Word, Self::Float)
    }
}

/// Writes a string, bare where that cannot be mistaken for anything else.
pub(super) fn push_text(out: &mut String, text: &str) {
    let bare = !text.is_empty() && text.chars().all(is_plain) && matches!(Bare::of(text), Bare::Word);
    if bare {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        // Whatever could end the line or confuse a terminal (controls, separators, bidirectional marks) is escaped.
        if c.is_ascii() || !c.is_alphanumeric() {
            let mut utf8 = [0; 4];
            c.encode_utf8(&mut utf8).bytes().for_each(|b| push_byte(out, b));
        } else {
            out.push(c);
        }
    }
    out.push('"');
}

/// Writes bytes, always quoted.
pub(super) fn push_bytes(out: &mut String, bytes: &[u8]) {
    out.push('"');
    bytes.iter().for_each(|b| push_byte(out, *b));
    out.push('"');
}

fn push_byte(out: &mut String, b: u8) {
    match b {
        b'"' => out.push_str("\\\""),
        b'\\' => out.push_str("\\\\"),
        b'\n' => out.push_str("\\n"),
        b'\r' => out.push_str("\\r"),
        b'\t' => out.push_str("\\t"),
        b' '..=b'~' => out.push(char::from(b)),
        _ => out.push_str(&format!("\\x{b:02x}")),
    }
}

/// The line up to its trailing comment (two blanks and a `#`, outside of quotes), without blanks at the end.
pub(super) fn without_comment(line: &str) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    for (i, c) in line.char_indices() {
        if escaped {
            escaped = false;
        } else if quoted {
            escaped = c == '\\';
            quoted = c != '"';
        } else if c == '"' {
            quoted = true;
        } else if line[i..].starts_with("  #") {
            return line[..i].trim_end();
        }
    }
    line.trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_kebab_case() {
        for (name, spelled) in [
            ("VoteAsked", "vote-asked"),
            ("Ok", "ok"),
            ("last_io_age", "last-io-age"),
            ("SDown", "s-down"),
            ("IOFailed", "io-failed"),
            ("Ipv4Added", "ipv4-added"),
            ("reply-7", "reply-7"),
        ] {
            assert_eq!(kebab(name), spelled);
        }
    }

    #[test]
    fn what_could_be_read_as_something_else_is_quoted() {
        let text = |s| {
            let mut out = String::new();
            push_text(&mut out, s);
            out
        };
        assert_eq!(text("10.0.0.1:6379#2"), "10.0.0.1:6379#2");
        assert_eq!(text("250ms"), "250ms");
        for (s, quoted) in [("", r#""""#), ("7", r#""7""#), ("true", r#""true""#), ("~", r#""~""#), ("a b", r#""a b""#)]
        {
            assert_eq!(text(s), quoted);
        }
        assert_eq!(text("é\n\u{2028}\0"), r#""é\n\xe2\x80\xa8\x00""#);
    }

    #[test]
    fn a_comment_begins_outside_of_quotes() {
        assert_eq!(without_comment("at 1ms x  # why"), "at 1ms x");
        assert_eq!(without_comment(r#"x "a  # b\"  # c" d   # e"#), r#"x "a  # b\"  # c" d"#);
        assert_eq!(without_comment("x #2"), "x #2");
    }
}
