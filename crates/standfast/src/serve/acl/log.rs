//! What was refused lately? `ACL LOG`: like refusals are counted together, and the oldest are forgotten.

use std::collections::VecDeque;
use std::time::Duration;

use machine::Instant;
use resp::{Protocol, Value};

/// The newest first.
#[derive(Default)]
pub(in super::super) struct AclLog(VecDeque<Entry>);

pub(in super::super) struct Entry {
    /// `command`, `channel` or `auth`.
    pub(in super::super) reason: &'static str,
    pub(in super::super) object: Vec<u8>,
    pub(in super::super) user: String,
    /// The line of `CLIENT LIST`.
    pub(in super::super) client: String,
    pub(in super::super) at: Instant,
    pub(in super::super) count: u64,
}

impl AclLog {
    pub(in super::super) fn add(&mut self, mut entry: Entry, limit: usize) {
        let like = |known: &Entry| {
            known.reason == entry.reason
                && known.object == entry.object
                && known.user == entry.user
                && entry.at.since(known.at) <= ONE
        };
        if let Some(at) = self.0.iter().position(like) {
            entry.count += self.0.remove(at).map_or(0, |known| known.count);
        }
        entry.object.truncate(MAX_OBJECT);
        self.0.push_front(entry);
        self.0.truncate(limit);
    }

    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    pub(super) fn tell(&self, n: usize, now: Instant, protocol: Protocol) -> Value {
        let entry = |entry: &Entry| {
            let age = now.since(entry.at).as_millis() as f64 / 1_000.0;
            let age = match protocol {
                Protocol::Resp3 => Value::Double(age),
                Protocol::Resp2 => Value::bulk(age.to_string()),
            };
            Value::Map(vec![
                (Value::bulk("count"), Value::Int(i64::try_from(entry.count).unwrap_or(i64::MAX))),
                (Value::bulk("reason"), Value::bulk(entry.reason)),
                (Value::bulk("context"), Value::bulk("toplevel")),
                (Value::bulk("object"), Value::bulk(&entry.object)),
                (Value::bulk("username"), Value::bulk(&entry.user)),
                (Value::bulk("age-seconds"), age),
                (Value::bulk("client-info"), Value::bulk(&entry.client)),
            ])
        };
        Value::Array(self.0.iter().take(n).map(entry).collect())
    }
}

/// Refusals of the same kind within this time are one entry.
const ONE: Duration = Duration::from_secs(60);
/// Bytes of what was asked for that are kept.
const MAX_OBJECT: usize = 512;
