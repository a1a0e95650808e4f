//! What of a Rust file is code? Comments and literals become blanks, so that a word in them is not taken for a use.

/// The text with every comment and the inside of every literal blanked. Lines stay where they are.
pub(crate) fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let Some(end) = literal_end(&chars, at) else {
            out.push(chars[at]);
            at += 1;
            continue;
        };
        out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    out
}

/// If a comment or a literal begins here: where it ends.
fn literal_end(chars: &[char], at: usize) -> Option<usize> {
    let next = |n: usize| chars.get(at + n).copied();
    match chars[at] {
        '/' if next(1) == Some('/') => Some(find(chars, at, |c| c == '\n')),
        '/' if next(1) == Some('*') => Some(block_comment_end(chars, at)),
        '"' => Some(string_end(chars, at + 1)),
        'r' if !is_word(before(chars, at)) || is_raw_prefix(chars, at) => raw_string_end(chars, at + 1),
        '\'' => char_end(chars, at),
        _ => None,
    }
}

fn block_comment_end(chars: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at.min(chars.len())
}

fn string_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// `br"…"` and `cr"…"`: the `r` follows a letter that is itself a prefix.
fn is_raw_prefix(chars: &[char], at: usize) -> bool {
    matches!(before(chars, at), Some('b' | 'c')) && !is_word(at.checked_sub(2).map(|i| chars[i]))
}

fn raw_string_end(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at..].iter().take_while(|&&c| c == '#').count();
    if chars.get(at + hashes) != Some(&'"') {
        return None;
    }
    let mut at = at + hashes + 1;
    while at < chars.len() {
        if chars[at] == '"' && chars[at + 1..].iter().take_while(|&&c| c == '#').count() >= hashes {
            return Some(at + 1 + hashes);
        }
        at += 1;
    }
    Some(chars.len())
}

/// A character, not a lifetime: `'x'`, `'\n'`, but not `'a`.
fn char_end(chars: &[char], at: usize) -> Option<usize> {
    match chars.get(at + 1)? {
        '\\' => Some(find(chars, at + 3, |c| c == '\'') + 1),
        _ if chars.get(at + 2) == Some(&'\'') => Some(at + 3),
        _ => None,
    }
}

fn find(chars: &[char], from: usize, wanted: impl Fn(char) -> bool) -> usize {
    (from..chars.len()).find(|&i| wanted(chars[i])).unwrap_or(chars.len())
}

fn before(chars: &[char], at: usize) -> Option<char> {
    at.checked_sub(1).map(|i| chars[i])
}

fn is_word(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// Where `word` stands in the text and is not part of a longer word. A word that ends in a sign, such as `dbg!`, may be
/// followed by anything.
pub(crate) fn word_lines(text: &str, word: &str) -> Vec<usize> {
    let edge = |c: Option<char>| !is_word(c);
    let open_end = !is_word(word.chars().next_back());
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let hit = line.match_indices(word).any(|(at, _)| {
            edge(line[..at].chars().next_back()) && (open_end || edge(line[at + word.len()..].chars().next()))
        });
        if hit {
            lines.push(number + 1);
        }
    }
    lines
}

/// How many lines of the file stand before its tests, which begin with `#[cfg(test)]` at the margin.
pub(crate) fn lines_before_tests(text: &str) -> usize {
    text.lines().position(|line| line == "#[cfg(test)]").unwrap_or(usize::MAX)
}

#[test]
fn comments_and_literals_are_blank_and_code_stays_in_its_place() {
    let text = "let a = \"unsafe \\\" {\"; // unsafe\nlet b = r#\"un\"safe\"#; /* a /* b */ unsafe\n */ let c: &'a u8 = b'{';\n\
                let d = ('\\'', '\\u{7b}', 'x'); let for_ = br\"unsafe\"; unsafe { r#fn() }";
    let code = code(text);
    assert_eq!(code.lines().count(), text.lines().count());
    assert_eq!(word_lines(&code, "unsafe"), [4]);
    assert!(code.contains("&'a u8") && code.contains("let c") && code.contains("unsafe { r#fn() }"), "{code}");
    assert_eq!(code.matches('{').count(), 1, "{code}");
}

#[test]
fn a_word_is_not_a_part_of_a_word() {
    assert_eq!(word_lines("unsafe_code\nan unsafe thing\n!dbg!(x)\nundbg!(x)", "unsafe"), [2]);
    assert_eq!(word_lines("dbg!(x)\nmydbg!(x)", "dbg!"), [1]);
}
