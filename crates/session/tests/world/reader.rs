//! What does the client make of the replies it hears?

use std::collections::BTreeSet;

use resp::Value;
use session::OnUnknown;

use crate::{Ask, World};

/// What the client believes after each reply.
pub(crate) struct Reader<'a> {
    world: &'a World,
    db: u8,
    /// The last write that was acknowledged.
    acknowledged: usize,
    watch: bool,
    multi: Option<Vec<usize>>,
    /// Requests of which the client was told that they were perhaps executed.
    unknown: BTreeSet<usize>,
    heard: usize,
    /// The channels that it believes to listen to.
    pub(crate) listens: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(world: &'a World, replies: &[Value]) -> Self {
        let unknown = (0..replies.len()).filter(|id| text(&replies[*id]).starts_with("-UNKNOWNFATE ")).collect();
        Self {
            world,
            db: 0,
            acknowledged: 0,
            watch: false,
            multi: None,
            unknown,
            heard: replies.len(),
            listens: BTreeSet::new(),
        }
    }

    pub(crate) fn hears(&mut self, id: usize, reply: &Value) {
        let ask = self.world.asked[id];
        let text = text(reply);
        let context = format!("request {id} {ask:?}: {text}");
        let failed = text.starts_with('-');
        if self.multi.is_some() && !matches!(ask, Ask::Exec | Ask::Discard | Ask::Multi | Ask::Watch) {
            assert!(failed || text == "+QUEUED", "R1: {context}");
            if !failed && let Some(queued) = &mut self.multi {
                queued.push(id);
            }
            return;
        }
        match ask {
            // Nobody can know: it was executed at most once, which is checked for all.
            _ if self.unknown.contains(&id) => {
                assert!(self.world.on_unknown == OnUnknown::Error, "{context}");
                assert!(!matches!(ask, Ask::Read | Ask::LongRead | Ask::Select(_)), "harmless: {context}");
                if matches!(ask, Ask::Exec | Ask::Discard) {
                    self.unknown.extend(self.multi.take().unwrap_or_default());
                    self.watch = false;
                }
            }
            _ if failed => {
                self.not_executed(&[id], "an error", &context);
                // Whatever fails after MULTI may have been answered by the session: the client must assume the end of its
                // transaction only at EXEC or DISCARD, and outside of one these change nothing.
                if matches!(ask, Ask::Exec | Ask::Discard)
                    && let Some(queued) = self.multi.take()
                {
                    self.not_executed(&queued, "a failed end of the transaction", &context);
                    self.watch = false;
                }
            }
            Ask::Write | Ask::Large | Ask::Pop => {
                assert_eq!(text, format!("+w{id}.{}", self.db), "R1: {context}");
                self.acknowledged = id;
            }
            Ask::Read | Ask::LongRead => self.hears_data(id, &text, &context),
            Ask::Select(n) => self.db = n,
            Ask::Multi => self.multi = Some(Vec::new()),
            Ask::Discard => {
                let queued = self.multi.take().unwrap_or_default();
                self.not_executed(&queued, "DISCARD", &context);
                self.watch = false;
            }
            Ask::Subscribe(n) => {
                assert_eq!(
                    reply.as_array().unwrap()[..2],
                    [Value::bulk("subscribe"), Value::bulk(format!("c{n}"))],
                    "R1"
                );
                self.listens.insert(format!("c{n}"));
            }
            Ask::Unsubscribe(n) => {
                assert_eq!(
                    reply.as_array().unwrap()[..2],
                    [Value::bulk("unsubscribe"), Value::bulk(format!("c{n}"))],
                    "R1"
                );
                self.listens.remove(&format!("c{n}"));
            }
            Ask::Watch => self.watch = true,
            Ask::Unwatch => self.watch = false,
            Ask::Exec => self.hears_exec(reply, &context),
        }
    }

    fn not_executed(&self, ids: &[usize], why: &str, context: &str) {
        assert!(!ids.iter().any(|id| self.world.executed.contains(id)), "{why} executes nothing: {context}");
    }

    fn hears_data(&self, id: usize, text: &str, context: &str) {
        let mut parts = text.split('.');
        assert_eq!(parts.next(), Some(format!("r{id}").as_str()), "R1: {context}");
        assert_eq!(parts.next(), Some(format!("{}", self.db).as_str()), "the database is restored: {context}");
        let last: usize = parts.next().unwrap().parse().unwrap();
        assert!(last <= id || self.may_be_unknown(last), "a read sees no later write: {context}");
        assert!(last >= self.acknowledged, "a read sees the writes before it: {context}");
    }

    /// Whether the client was told that this one was perhaps executed, by its own answer, by that of a later EXEC, or by being
    /// closed before either.
    fn may_be_unknown(&self, write: usize) -> bool {
        if self.world.on_unknown == OnUnknown::Close {
            return false;
        }
        let end = |ask: &Ask| matches!(ask, Ask::Exec | Ask::Discard);
        let ends = || (write..self.world.asked.len()).find(|id| end(&self.world.asked[*id]));
        let untold = |id: usize| self.world.closed && id >= self.heard;
        let told = |id: usize| self.unknown.contains(&id) || untold(id);
        told(write) || ends().is_some_and(told)
    }

    fn hears_exec(&mut self, reply: &Value, context: &str) {
        let queued = self.multi.take().unwrap();
        let watch = std::mem::take(&mut self.watch);
        if reply.is_null() {
            assert!(watch, "only a watch makes EXEC fail like this: {context}");
            return self.not_executed(&queued, "a null EXEC", context);
        }
        for id in &queued {
            match self.world.asked[*id] {
                Ask::Write | Ask::Large | Ask::Pop => {
                    assert!(self.world.executed.contains(id), "EXEC executes all: {context}");
                    self.acknowledged = *id;
                }
                Ask::Select(n) => self.db = n,
                Ask::Read if watch => {
                    assert!(self.world.watching[id], "a watch that was cut cannot succeed: {context}");
                }
                _ => {}
            }
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Simple(s) => format!("+{}", String::from_utf8_lossy(s)),
        Value::Error(s) => format!("-{}", String::from_utf8_lossy(s)),
        Value::Bulk(s) => String::from_utf8_lossy(s).into_owned(),
        other => format!("{other:?}"),
    }
}
