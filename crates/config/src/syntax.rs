//! What is wrong with text that is not TOML? The parser's errors in an operator's words, one a line.

use crate::diagnostic::Problem;
use crate::source::Source;
use crate::value::quote;

/// The parser's errors as problems. Of several on one line only the first: the others follow from it.
pub(crate) fn problems(source: &Source, errors: &[toml::de::Error]) -> Vec<Problem> {
    let mut sorted: Vec<&toml::de::Error> = errors.iter().collect();
    sorted.sort_by_key(|error| start(error));
    let mut found: Vec<Problem> = Vec::new();
    let mut last_line = None;
    for error in sorted {
        let line = source.line_of(source.clamp(start(error)..start(error)).start);
        if last_line != Some(line) {
            found.push(problem(source, error, line));
        }
        last_line = Some(line);
    }
    found
}

/// Of what was found in the readable rest, what cannot be a consequence of the broken lines.
pub(crate) fn keep_independent(source: &Source, broken: &[Problem], rest: Vec<Problem>) -> Vec<Problem> {
    let lines: Vec<usize> = broken.iter().map(|problem| source.line_of(problem.span().start)).collect();
    // A broken header moves everything below it into another table.
    let header = |line: &usize| source.slice(source.line_span(*line)).trim_start().starts_with('[');
    if lines.iter().any(header) {
        return Vec::new();
    }
    rest.into_iter()
        .filter(|problem| {
            let span = source.clamp(problem.span());
            let touched = source.line_of(span.start)..=source.line_of(span.end);
            !lines.iter().any(|line| touched.contains(line))
        })
        .collect()
}

fn problem(source: &Source, error: &toml::de::Error, line: usize) -> Problem {
    let span = source.clamp(error.span().unwrap_or(0..0));
    let written = source.slice(source.line_span(line));
    let message = error.message();
    let value = value_of(written);
    if message == "duplicate key" {
        let name = source.slice(span.clone());
        let wrong = format!("`{}` is there twice", name.trim());
        return Problem::new(span, wrong, "the second one").help("remove one of the two");
    }
    if let Some((at, value)) = value.filter(|(_, value)| needs_quotes(value)) {
        let from = source.line_span(line).start + at;
        let wrong = format!("{} must be in quotes", quote(value));
        // A backslash would need another one, and a star may be a masked password: no example then.
        let label = if value.contains(['\\', '*']) {
            "expected a value in quotes".to_owned()
        } else {
            format!("write \"{value}\"")
        };
        return Problem::new(from..from + value.len(), wrong, label);
    }
    if value.is_some_and(|(_, value)| value.is_empty()) {
        return Problem::new(span, "there is no value after `=`", "expected a value");
    }
    if let Some((_, wrong)) = NOT_CLOSED.iter().find(|(theirs, _)| *theirs == message) {
        return Problem::new(span, *wrong, "expected the end of it here");
    }
    let (wrong, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let label = if expected.is_empty() || expected == "nothing" {
        "this is not TOML".to_owned()
    } else {
        format!("expected {expected}")
    };
    Problem::new(span, wrong.to_owned(), label)
}

/// What stands after the `=` of a line, without a comment, and where.
fn value_of(line: &str) -> Option<(usize, &str)> {
    let equals = line.find('=')?;
    let rest = &line[equals + 1..];
    let end = rest.find('#').unwrap_or(rest.len());
    let value = rest[..end].trim();
    let blank = rest[..end].len() - rest[..end].trim_start().len();
    Some((equals + 1 + blank, value))
}

/// Whether a value is a bare word, address, duration, size or path.
fn needs_quotes(value: &str) -> bool {
    let first = value.chars().next();
    let bare = first.is_some_and(|c| c.is_alphanumeric() || matches!(c, '/' | '*' | ':'));
    bare && !value.contains(['"', '\'', '[', ']', '{', '}', '=', ' '])
}

fn start(error: &toml::de::Error) -> usize {
    error.span().map_or(0, |span| span.start)
}

/// What the parser says about something that is not closed, and what an operator calls it.
static NOT_CLOSED: [(&str, &str); 8] = [
    ("unclosed table, expected `]`", "the table's header lacks a `]`"),
    ("unclosed array table, expected `]]`", "the table's header lacks `]]`"),
    ("unclosed array, expected `]`", "the list lacks a `]`"),
    ("unclosed inline table, expected `}`", "the table lacks a `}`"),
    ("invalid basic string, expected `\"`", "the text lacks its closing quote"),
    ("invalid literal string, expected `'`", "the text lacks its closing quote"),
    ("invalid multi-line basic string, expected `\"`", "the text lacks its closing quotes"),
    ("invalid multi-line literal string, expected `'`", "the text lacks its closing quotes"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_line_ends_before_its_comment() {
        assert_eq!(value_of("hold = 10s  # long"), Some((7, "10s")));
        assert_eq!(value_of("hold ="), Some((6, "")));
        assert_eq!(value_of("[group]"), None);
    }
}
