//! Does a name fit a pattern? Redis's globs: channels, `SENTINEL RESET`, `CONFIG GET`.

/// Whether `text` fits `pattern`, as Redis's `stringmatch` says: `*`, `?`, `[a-c]`, `[^x]`, `\x`. Takes time in proportion to the product of
/// their lengths at most.
#[must_use]
pub fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on after the last `*`: it takes one byte more than it did. So no recursion, and no exponential pattern.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let fits = match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
                continue;
            }
            None if t == text.len() => return true,
            None => None,
            Some(_) => text.get(t).and_then(|byte| one(&pattern[p..], *byte)),
        };
        match (fits, &mut retry) {
            (Some(len), _) => {
                p += len;
                t += 1;
            }
            (None, Some((after, from))) if *from < text.len() => {
                *from += 1;
                (p, t) = (*after, *from);
            }
            (None, _) => return false,
        }
    }
}

/// How many bytes of the pattern fit this byte; `None`: it does not fit.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [b'[', class @ ..] => {
            // A class without an end goes to the end of the pattern, as in Redis.
            let end = class.iter().skip(1).position(|b| *b == b']').map_or(class.len(), |at| at + 1);
            let (inverted, members) = match &class[..end] {
                [b'^', members @ ..] => (true, members),
                members => (false, members),
            };
            (in_class(members, byte) != inverted).then_some(pattern.len().min(end + 2))
        }
        [plain, ..] => (*plain == byte).then_some(1),
        [] => None,
    }
}

fn in_class(mut members: &[u8], byte: u8) -> bool {
    loop {
        members = match members {
            [] => return false,
            [low, b'-', high, rest @ ..] => {
                if (*low.min(high)..=*low.max(high)).contains(&byte) {
                    return true;
                }
                rest
            }
            [member, rest @ ..] => {
                if *member == byte {
                    return true;
                }
                rest
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_redis() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "+sdown", true),
            ("+s*", "+switch-master", true),
            ("-s*", "+switch-master", false),
            ("*a*b*c", "xxaxxbxxbxc", true),
            ("*a*b*c", "xxaxxbxxbx", false),
            ("?sdown", "-sdown", true),
            ("[+-]sdown", "-sdown", true),
            ("[^+]sdown", "+sdown", false),
            ("[a-c]x", "bx", true),
            ("[a-c]x", "dx", false),
            (r"\*x", "*x", true),
            (r"\*x", "ax", false),
            ("", "", true),
            ("a", "", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
        assert!(!fits("*a".repeat(200).as_bytes(), "a".repeat(150).as_bytes()), "a hostile pattern ends in time");
    }
}
