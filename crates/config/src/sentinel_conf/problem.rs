//! How a fault in a `sentinel.conf` is told: as stock tells it, with the line, and without the passwords in it.

use std::fmt;

/// The first thing that is wrong with a file. `Display` is what stock prints on its standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as the caller named it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// The line without blanks at its ends; passwords are `***`.
    pub text: String,
    /// What is wrong, in stock's words where stock has any.
    pub reason: String,
}

impl Problem {
    pub(super) fn new(file: &str, line: usize, text: &str, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, text: masked(text), reason: reason.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n*** FATAL CONFIG FILE ERROR (Redis {RULES_OF}) ***")?;
        writeln!(f, "Reading the configuration file, at line {}", self.line)?;
        writeln!(f, ">>> '{}'", self.text)?;
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Problem {}

/// The line with everything behind the name of a secret hidden. The line may be unreadable: blanks decide, not quotes.
fn masked(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is = |at: usize, names: &[&str]| {
        words.get(at).is_some_and(|word| {
            let word = word.trim_matches(['"', '\'']);
            names.iter().any(|name| name.eq_ignore_ascii_case(word))
        })
    };
    let is_password = |word: &&str| word.trim_start_matches(['"', '\'']).starts_with(['>', '<', '#', '!']);
    let shown = match () {
        () if is(0, &["requirepass", "masterauth", "tls-key-file-pass", "tls-client-key-file-pass"]) => 1,
        () if is(0, &["user"]) => words.iter().position(is_password).unwrap_or(words.len()),
        () if is(0, &["sentinel"]) && is(1, &["sentinel-pass"]) => 2,
        () if is(0, &["sentinel"]) && is(1, &["auth-pass"]) => 3,
        () => words.len(),
    };
    if words.len() <= shown { text.to_owned() } else { format!("{} ***", words[..shown].join(" ")) }
}

/// The version whose rules are followed here.
const RULES_OF: &str = "7.0.15";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_as_stock_tells_it_without_passwords() {
        let problem =
            Problem::new("s.conf", 3, "sentinel auth-pass m 'hunter2", "Unbalanced quotes in configuration line");
        assert_eq!(
            problem.to_string(),
            "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 3\n\
             >>> 'sentinel auth-pass m ***'\nUnbalanced quotes in configuration line"
        );
        for (line, shown) in [
            ("requirepass a b", "requirepass ***"),
            ("USER joe on \">x y\" +@all", "USER joe on ***"),
            ("user joe  bar", "user joe  bar"),
            ("sentinel SENTINEL-PASS x y", "sentinel SENTINEL-PASS ***"),
            ("sentinel  'auth-pass' m", "sentinel  'auth-pass' m"),
            ("port abc", "port abc"),
        ] {
            assert_eq!(masked(line), shown);
        }
    }
}
