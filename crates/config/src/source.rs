//! Where in the text is that? Lines and columns of byte offsets, and a copy of the text in which no password can be read.

use std::fmt;
use std::ops::Range;

use crate::suggest;

/// A place in the file, counted from 1 as editors do; the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// The text of one file with an index of its lines.
#[derive(Clone)]
pub(crate) struct Source {
    /// As in messages; need not exist.
    pub(crate) name: String,
    /// Has the length and the line ends of the file, so that every span holds; the passwords are stars.
    masked: String,
    /// The offset at which each line begins. Never empty.
    starts: Vec<usize>,
}

impl Source {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1))
            .collect();
        let mut source = Self { name: name.to_owned(), masked: text.to_owned(), starts };
        source.mask_lines();
        source
    }

    /// The text to show. No password is in it.
    pub(crate) fn text(&self) -> &str {
        &self.masked
    }

    /// The text of a span to show, empty if it is outside.
    pub(crate) fn slice(&self, span: Range<usize>) -> &str {
        self.masked.get(span).unwrap_or("")
    }

    /// The index of the line that holds this offset, from 0.
    pub(crate) fn line_of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset) - 1
    }

    /// The offsets of a line, without its end.
    pub(crate) fn line_span(&self, line: usize) -> Range<usize> {
        let start = self.starts[line];
        let end = self.starts.get(line + 1).map_or(self.masked.len(), |next| next - 1);
        start..end.max(start)
    }

    pub(crate) fn place(&self, offset: usize) -> Place {
        let offset = self.floor(offset);
        let line = self.line_of(offset);
        // A byte order mark takes no column in an editor.
        let before = self.slice(self.starts[line]..offset).trim_start_matches('\u{feff}');
        Place { line: line + 1, column: before.chars().count() + 1 }
    }

    /// The span as close as possible inside the text and between characters.
    pub(crate) fn clamp(&self, span: Range<usize>) -> Range<usize> {
        let start = self.floor(span.start);
        start..self.floor(span.end).max(start)
    }

    /// Replaces what stands in a span by stars, quotes excepted.
    pub(crate) fn mask(&mut self, span: Range<usize>) {
        let span = self.clamp(span);
        let stars: String = self.masked[span.clone()]
            .chars()
            .flat_map(|c| match c {
                '"' | '\'' | '\n' | '\r' => vec![c],
                // As many as the character has bytes: later offsets must not move.
                _ => vec!['*'; c.len_utf8()],
            })
            .collect();
        self.masked.replace_range(span, &stars);
    }

    /// Masks what follows the `=` of what looks like a password, in every line. Works on text that is not TOML at all, because the
    /// problem may be the missing quote, and the line is shown with the problem.
    fn mask_lines(&mut self) {
        for line in 0..self.starts.len() {
            let span = self.line_span(line);
            let text = self.slice(span.clone());
            let Some(equals) = secret_equals(text) else { continue };
            let equals = equals + 1;
            let blank = text[equals..].len() - text[equals..].trim_start().len();
            self.mask(span.start + equals + blank..span.end);
        }
    }

    fn floor(&self, offset: usize) -> usize {
        self.masked.floor_char_boundary(offset.min(self.masked.len()))
    }
}

/// The first `=` of a line that stands after what looks like the key of a password.
fn secret_equals(line: &str) -> Option<usize> {
    let is_secret = |equals: &usize| {
        let before = line[..*equals].trim_end();
        // In a table on one line, other keys and values stand before it.
        let key = before.rsplit([' ', '\t', ',', '{', '.', '=']).next().unwrap_or(before);
        looks_secret(key)
    };
    line.match_indices('=').map(|(at, _)| at).find(is_secret)
}

/// Whether what follows this key may be a password, even if the key is misspelt.
pub(crate) fn looks_secret(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| lower.contains(word)) || suggest::alike(key, "password")
}

/// Whether a text is a command with a password in it: it does not belong into the file, and is not repeated either.
pub(crate) fn logs_in(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let word = words.next().unwrap_or_default();
    (word.eq_ignore_ascii_case("auth") || word.eq_ignore_ascii_case("hello")) && words.next().is_some()
}

/// What the names of passwords contain, here and in the programs that files are copied from.
const SECRET_WORDS: [&str; 3] = ["pass", "secret", "auth"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_not_bytes() {
        let source = Source::new("f", "a = \"ä\" x\nb");
        assert_eq!(source.place(9), Place { line: 1, column: 9 });
        assert_eq!(source.place(11), Place { line: 2, column: 1 });
        assert_eq!(source.place(99), Place { line: 2, column: 2 });
        assert_eq!(Source::new("f", "").place(0), Place { line: 1, column: 1 });
    }

    #[test]
    fn a_password_is_masked_even_when_the_key_or_the_quotes_are_wrong() {
        for text in
            ["password = \"hünter2\"", "pasword = 'hunter2", "  requirepass=hunter2\n", "\"passwrod\" = \"hunter2\""]
        {
            let source = Source::new("f", text);
            assert!(!source.text().contains("nter2"), "{}", source.text());
            assert_eq!(source.text().len(), text.len());
        }
    }
}
