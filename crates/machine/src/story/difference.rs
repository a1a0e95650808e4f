//! Where do two texts part? Written for the reader of a failed test.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What changed between two texts: the lines that differ, `-` expected and `+` actual, with the lines before them.
/// `None` if they have the same lines; a newline at the end counts for nothing.
#[must_use]
pub fn difference(expected: &str, actual: &str) -> Option<String> {
    let (expected, actual): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let start = expected.iter().zip(&actual).take_while(|(e, a)| e == a).count();
    let (gone, come) = apart(&expected[start..], &actual[start..]);
    if gone.is_empty() && come.is_empty() {
        return None;
    }
    let mut out = format!("from line {}:\n", start + 1);
    for line in &expected[start.saturating_sub(CONTEXT)..start] {
        out.push_str(&format!("    {line}\n"));
    }
    push_side(&mut out, '-', gone);
    push_side(&mut out, '+', come);
    Some(out)
}

/// The first stretch that differs: up to the nearest pair of lines that agree again.
fn apart<'a>(expected: &'a [&'a str], actual: &'a [&'a str]) -> (&'a [&'a str], &'a [&'a str]) {
    for distance in 1..=2 * SHOWN {
        for gone in distance.saturating_sub(SHOWN)..=distance.min(SHOWN) {
            let come = distance - gone;
            let (Some(e), Some(a)) = (expected.get(gone), actual.get(come)) else {
                continue;
            };
            // A blank line agrees with any other; it proves nothing.
            if e == a && !e.trim().is_empty() {
                return (&expected[..gone], &actual[..come]);
            }
        }
    }
    (expected, actual)
}

fn push_side(out: &mut String, sign: char, lines: &[&str]) {
    for line in lines.iter().take(SHOWN) {
        out.push_str(&format!("  {sign} {line}\n"));
    }
    if lines.len() > SHOWN {
        out.push_str(&format!("  {sign} … and {} more\n", lines.len() - SHOWN));
    }
}

/// Lines before the difference: enough to see the event that was answered.
const CONTEXT: usize = 3;

/// Lines shown of each side. After twelve lines the machine is in another story anyway.
const SHOWN: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lines_differ_in_nothing() {
        assert_eq!(difference("a\nb", "a\nb\n"), None);
        assert_eq!(difference("", ""), None);
    }

    #[test]
    fn the_first_stretch_is_shown_with_what_came_before() {
        let found = difference("1\n2\n3\n4\nold\n5\n6\nx\n", "1\n2\n3\n4\nnew\nmore\n5\n6\ny\n").unwrap();
        assert_eq!(found, "from line 5:\n    2\n    3\n    4\n  - old\n  + new\n  + more\n");
    }

    #[test]
    fn a_missing_end_is_a_difference() {
        assert_eq!(difference("a\nb\n", "a\n").unwrap(), "from line 2:\n    a\n  - b\n");
        assert_eq!(difference("", "a").unwrap(), "from line 1:\n  + a\n");
    }

    #[test]
    fn a_long_difference_is_cut() {
        let long: String = (0..40).map(|i| format!("{i}\n")).collect();
        let found = difference("x\n", &long).unwrap();
        assert!(found.ends_with("  + 11\n  + … and 28 more\n"), "{found}");
    }
}
