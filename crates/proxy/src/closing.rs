//! What is said of clients that were closed, or not let in?
//!
//! Each that lost something by it is an operator's fact, with a line of its own. Ten thousand at once are one fact: a failover
//! must not fill the log (or wait for the terminal) just when something else is worth reading. So a listener says so much a
//! second, and then how many more there were.

use std::fmt::{self, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use machine::Instant;
use session::Why;
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::{debug, info};
use view::GroupName;

use crate::edge::Peer;
use crate::refused::Refused;

/// Lines of one listener in a [`WINDOW`]: enough to see which hosts and reasons they are of, and they fit on a screen with what
/// came before.
const MAX_LINES: usize = 10;
/// After this the rest is told, and lines of single clients may be said again.
const WINDOW: Duration = Duration::from_secs(1);

/// What one listener says of its closed clients, on whichever thread they were. Its end tells what is left to tell.
#[derive(Debug)]
pub(crate) struct ClosingLog {
    group: GroupName,
    clock: fn() -> Instant,
    lines: Mutex<Lines>,
    /// Of those who were not let in.
    refused: Mutex<Lines>,
    /// There is something to tell in sum.
    more: Notify,
}

/// The lines of the present window, and who had none.
#[derive(Debug, Default)]
struct Lines {
    began: Option<Instant>,
    said: usize,
    /// By reason, in the order in which they came.
    more: Vec<(&'static str, u64)>,
}

impl ClosingLog {
    pub(crate) fn new(group: GroupName, clock: fn() -> Instant) -> Self {
        Self { group, clock, lines: Mutex::default(), refused: Mutex::default(), more: Notify::new() }
    }

    /// A client was closed.
    pub(crate) fn closed(&self, peer: Peer, why: Why) {
        if why.is_loss() && self.has_line(&self.lines, why.as_str()) {
            info!(group = %self.group, %peer, %why, "client closed");
        } else {
            debug!(group = %self.group, %peer, %why, "client closed");
        }
    }

    /// A client was not let in. `more`: what is known beyond the reason.
    pub(crate) fn refused(&self, peer: Peer, why: Refused, more: &dyn fmt::Display) {
        if self.has_line(&self.refused, why.as_str()) {
            info!(group = %self.group, %peer, %why, "client refused{more}");
        } else {
            debug!(group = %self.group, %peer, %why, "client refused{more}");
        }
    }

    fn has_line(&self, lines: &Mutex<Lines>, why: &'static str) -> bool {
        let (has_line, is_first_without) = with(lines, |lines| lines.closed((self.clock)(), why));
        if is_first_without {
            self.more.notify_one();
        }
        has_line
    }

    /// Tells the rest of each window at its end. Any worker may do it; each waits for it.
    pub(crate) async fn tell(&self) {
        loop {
            self.more.notified().await;
            sleep(WINDOW).await;
            self.tell_rest();
        }
    }

    fn tell_rest(&self) {
        for (lines, what) in [(&self.lines, "closed"), (&self.refused, "refused")] {
            if let Some(rest) = with(lines, |lines| lines.rest(what)) {
                info!(group = %self.group, "{rest}");
            }
        }
    }
}

fn with<T>(lines: &Mutex<Lines>, does: impl FnOnce(&mut Lines) -> T) -> T {
    // Numbers for a log are worth no second panic.
    does(&mut lines.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Drop for ClosingLog {
    fn drop(&mut self) {
        self.tell_rest();
    }
}

impl Lines {
    /// Whether this client has a line, and whether it is the first that has none.
    fn closed(&mut self, now: Instant, why: &'static str) -> (bool, bool) {
        if self.began.is_none_or(|began| now - began >= WINDOW) {
            self.began = Some(now);
            self.said = 0;
        }
        if self.said < MAX_LINES {
            self.said += 1;
            return (true, false);
        }
        let is_first = self.more.is_empty();
        match self.more.iter_mut().find(|(w, _)| *w == why) {
            Some((_, n)) => *n += 1,
            None => self.more.push((why, 1)),
        }
        (false, is_first)
    }

    /// One line on all that had none.
    fn rest(&mut self, what: &str) -> Option<String> {
        let reasons = std::mem::take(&mut self.more);
        let mut text = format!("... and {} more {what}: ", grouped(reasons.iter().map(|(_, n)| n).sum()));
        match reasons.as_slice() {
            [] => return None,
            [(why, _)] => text += why,
            several => {
                for (i, (why, n)) in several.iter().enumerate() {
                    let comma = if i == 0 { "" } else { ", " };
                    // Writing to a string does not fail.
                    let _ = write!(text, "{comma}{} {why}", grouped(*n));
                }
            }
        }
        Some(text)
    }
}

/// 9,973.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::time::at;

    #[test]
    fn ten_thousand_clients_closed_at_once_are_a_few_lines() {
        let mut lines = Lines::default();
        let closed: Vec<_> = (0..9_983).map(|_| lines.closed(at(5_000), Why::UnknownFate.as_str())).collect();
        assert_eq!(closed.iter().filter(|(has_line, _)| *has_line).count(), MAX_LINES);
        assert_eq!(closed.iter().filter(|(_, is_first)| *is_first).count(), 1, "one teller is called");
        assert_eq!(lines.rest("closed").unwrap(), "... and 9,973 more closed: unknown-fate");
        assert_eq!(lines.rest("closed"), None);
        assert_eq!(lines.closed(at(5_999), Why::UnknownFate.as_str()), (false, true));
        assert_eq!(
            lines.closed(at(6_000), Why::UnknownFate.as_str()),
            (true, false),
            "a second later there are lines again"
        );
    }

    #[test]
    fn several_reasons_are_counted_apart() {
        let mut lines = Lines::default();
        for why in [Why::UnknownFate.as_str(), Why::PinnedCut.as_str()] {
            for _ in 0..1_010 {
                lines.closed(at(0), why);
            }
        }
        assert_eq!(lines.rest("closed").unwrap(), "... and 2,010 more closed: 1,000 unknown-fate, 1,010 pinned-cut");
    }
}
