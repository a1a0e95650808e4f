//! Which events does a client want to hear? Channels are event names, such as `+switch-master`; patterns are Redis's globs.

use std::collections::BTreeSet;

use resp::Value;

/// What one client listens to.
#[derive(Default)]
pub(super) struct Subscription {
    channels: BTreeSet<Vec<u8>>,
    patterns: BTreeSet<Vec<u8>>,
}

/// What a subscription is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    Channels,
    Patterns,
}

impl Subscription {
    pub(super) fn is_empty(&self) -> bool {
        self.channels.is_empty() && self.patterns.is_empty()
    }

    /// Adds one and returns the confirmation. At the bound: the error.
    pub(super) fn add(&mut self, to: To, name: &[u8]) -> Result<Vec<Value>, Value> {
        let set = self.set(to);
        if set.len() >= MAX_NAMES && !set.contains(name) {
            return Err(Value::Error(b"ERR too many subscriptions".to_vec()));
        }
        set.insert(name.to_vec());
        let kind = if to == To::Channels { "subscribe" } else { "psubscribe" };
        Ok(self.confirmation(kind, Value::bulk(name)))
    }

    /// Removes those named, or all if none is; one confirmation each, and one even if there was nothing.
    pub(super) fn remove(&mut self, to: To, names: &[Vec<u8>]) -> Vec<Vec<Value>> {
        let kind = if to == To::Channels { "unsubscribe" } else { "punsubscribe" };
        let names = if names.is_empty() { self.set(to).iter().cloned().collect() } else { names.to_vec() };
        if names.is_empty() {
            return vec![self.confirmation(kind, Value::Null)];
        }
        let removed = names.iter().map(|name| {
            self.set(to).remove(name);
            self.confirmation(kind, Value::bulk(name))
        });
        removed.collect()
    }

    /// What the client is sent for an event: one message for the channel, one for each pattern that fits.
    pub(super) fn messages(&self, name: &str, payload: &str) -> Vec<Vec<Value>> {
        let direct = self.channels.contains(name.as_bytes());
        let direct = direct.then(|| vec![Value::bulk("message"), Value::bulk(name), Value::bulk(payload)]);
        let fitting = self.patterns.iter().filter(|pattern| glob(pattern, name.as_bytes()));
        let by_pattern =
            fitting.map(|p| vec![Value::bulk("pmessage"), Value::bulk(p), Value::bulk(name), Value::bulk(payload)]);
        direct.into_iter().chain(by_pattern).collect()
    }

    fn set(&mut self, to: To) -> &mut BTreeSet<Vec<u8>> {
        match to {
            To::Channels => &mut self.channels,
            To::Patterns => &mut self.patterns,
        }
    }

    fn confirmation(&self, kind: &str, name: Value) -> Vec<Value> {
        let left = self.channels.len() + self.patterns.len();
        vec![Value::bulk(kind), name, Value::Int(i64::try_from(left).unwrap_or(i64::MAX))]
    }
}

/// Redis's `stringmatch`: `*`, `?`, `[a-c]`, `[^x]`, `\x`.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
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

/// Channels, or patterns, of one client. There are some forty events.
const MAX_NAMES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_redis() {
        for (pattern, text, fits) in [
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
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
        }
        assert!(!glob("*a".repeat(200).as_bytes(), "a".repeat(150).as_bytes()), "a hostile pattern ends in time");
    }

    #[test]
    fn a_message_comes_once_for_the_channel_and_once_for_each_pattern() {
        let mut subscription = Subscription::default();
        subscription.add(To::Channels, b"+switch-master").unwrap();
        subscription.add(To::Patterns, b"*").unwrap();
        assert_eq!(subscription.messages("+switch-master", "x").len(), 2);
        assert_eq!(subscription.messages("+sdown", "x").len(), 1);
        assert_eq!(subscription.remove(To::Patterns, &[]).len(), 1);
        assert!(subscription.messages("+sdown", "x").is_empty());
        assert_eq!(subscription.remove(To::Patterns, &[])[0][1], Value::Null);
    }
}
