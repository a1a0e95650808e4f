//! Which events does a client want to hear? Channels are event names, such as `+switch-master`; patterns are Redis's globs.

use std::collections::BTreeSet;

use resp::{Value, glob};

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

    /// How many channels, and how many patterns.
    pub(super) fn len(&self) -> (usize, usize) {
        (self.channels.len(), self.patterns.len())
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
        let fitting = self.patterns.iter().filter(|pattern| glob::fits(pattern, name.as_bytes()));
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

/// Channels, or patterns, of one client. There are some forty events.
const MAX_NAMES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

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
