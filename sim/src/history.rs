//! What happened, as a person reads it: one line per event, a column of state beside it.

use std::collections::VecDeque;
use std::fmt::Write as _;

use machine::Instant;

use crate::ground::Who;

/// How much of what happens is written down. Nothing is the fast way: a seed that failed is run again with more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Nothing.
    Nothing,
    /// The last so many lines.
    Last(usize),
    /// Everything.
    Everything,
}

/// The lines that were kept.
pub struct History {
    keep: Keep,
    lines: VecDeque<String>,
    dropped: u64,
}

impl History {
    pub(crate) const fn new(keep: Keep) -> Self {
        Self { keep, lines: VecDeque::new(), dropped: 0 }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.keep != Keep::Nothing
    }

    /// Whether a line is wanted: what happens all the time is only written down with everything.
    pub(crate) fn wants(&self, routine: bool) -> bool {
        match self.keep {
            Keep::Nothing => false,
            Keep::Last(_) => !routine,
            Keep::Everything => true,
        }
    }

    pub(crate) fn push(&mut self, now: Instant, who: Who, what: String) {
        let who = match who {
            Who::World => "*".to_string(),
            Who::At(place) => place.to_string(),
            Who::Client(i) => format!("client{}", i + 1),
        };
        if let Keep::Last(bound) = self.keep
            && self.lines.len() >= bound
        {
            self.lines.pop_front();
            self.dropped += 1;
        }
        let nanos = now.as_nanos();
        let (s, us) = (nanos / 1_000_000_000, nanos / 1_000 % 1_000_000);
        self.lines.push_back(format!("{s:>4}.{us:06} {who:<8} {what}"));
    }

    /// The lines as one text; says how many are not there any more.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        if self.dropped > 0 {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "     ... {} earlier lines are not shown", self.dropped);
        }
        for line in &self.lines {
            out.push_str(line);
            out.push('\n');
        }
        out
    }
}
