//! What did the operator mean? The nearest valid name, by spelling or because another program calls it so.

/// A name that one might have meant, with the names that other programs have for it.
pub(crate) struct Candidate<'a> {
    pub(crate) name: &'a str,
    pub(crate) also: &'static [&'static str],
}

/// The candidate that `written` most likely stands for, if any is likely.
pub(crate) fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = Candidate<'a>>) -> Option<&'a str> {
    let written = normal(written)?;
    let mut best: Option<(usize, &str)> = None;
    for Candidate { name, also } in candidates {
        let distance = if also.contains(&written.as_str()) {
            // As good as one wrong letter: a name of ours that is even closer wins.
            1
        } else if name.starts_with(&written) || written.starts_with(name) {
            // `state` for `state-dir`, `warning` for `warn`: likely, but less than a slip of the finger.
            if written.len() < 3 { continue } else { allowed(&written) }
        } else {
            strsim::damerau_levenshtein(&written, name)
        };
        if distance <= allowed(&written) && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
}

/// The word of a list that `written` most likely stands for.
pub(crate) fn nearest_word(written: &str, words: &[&'static str]) -> Option<&'static str> {
    nearest(written, words.iter().map(|name| Candidate { name, also: &[] }))
}

/// Whether one may be a misspelling of the other.
pub(crate) fn alike(written: &str, name: &str) -> bool {
    normal(written).is_some_and(|written| strsim::damerau_levenshtein(&written, name) <= allowed(&written))
}

/// How many letters may be wrong: one of a short word, more of a long one.
fn allowed(written: &str) -> usize {
    1 + written.len() / 5
}

/// `Down_After` and `down-after` are the same mistake-free word in another style. `None` for what is too long to be a name: the
/// comparison takes the product of the lengths.
fn normal(written: &str) -> Option<String> {
    let written = written.trim().trim_matches(['"', '\'']);
    (written.len() <= LONGEST).then(|| written.to_lowercase().replace('_', "-"))
}

/// In bytes; twice the longest name that any candidate has.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_found_and_strangers_are_not() {
        let words = &["down-after", "confirm", "quorum", "listen"];
        assert_eq!(nearest_word("down_after", words), Some("down-after"));
        assert_eq!(nearest_word("lisen", words), Some("listen"));
        assert_eq!(nearest_word("Quorum", words), Some("quorum"));
        assert_eq!(nearest_word("down", words), Some("down-after"));
        assert_eq!(nearest_word("listening", words), Some("listen"));
        assert_eq!(nearest_word("colour", words), None);
        assert_eq!(nearest_word(&"x".repeat(1 << 20), words), None);
    }
}
