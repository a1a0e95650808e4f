//! A machine lives through a story, and the text comes back with what it really did.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::word::without_comment;
use super::{Unreadable, action_line, from_line, wake_line};
use crate::{Instant, Machine, contract};

/// Hands the events of a story to a machine, by the contract, and returns the story with the actions that came out.
/// Where these are the expected ones the text is unchanged, with the alignment and the comments that it had; the first
/// other action of an event replaces the rest of that event's actions.
///
/// # Errors
/// With the line that cannot be read, whose time lies before an earlier line's, or whose `until` never ends.
///
/// # Panics
/// When the machine breaks the contract (B2), as under any driver.
pub fn run<M>(machine: &mut M, text: &str) -> Result<String, Unreadable>
where
    M: Machine<Event: DeserializeOwned, Action: Serialize>,
{
    let lines: Vec<&str> = text.lines().collect();
    let mut stage = Stage { machine, now: Instant::START };
    let mut out = Script { text: String::new() };
    let (mut i, mut begun) = (0, false);
    while let Some(line) = lines.get(i) {
        i += 1;
        let on_line = |e| Unreadable { line: i, ..e };
        let cue = cue::<M::Event>(line).map_err(on_line)?;
        out.push(line);
        let (told, nested) = match cue {
            Cue::Remark => continue,
            Cue::Header if begun => return Err(on_line(fault(line, 0, "a header stands before the first `at`"))),
            Cue::Header => continue,
            Cue::At(at, what) => (stage.at(at, what, line).map_err(on_line)?, false),
            Cue::Until(end) => (stage.until(end, line).map_err(on_line)?, true),
        };
        begun = true;
        let expected = answers(&lines[i..], nested);
        i += expected.len();
        out.merge(expected, told);
    }
    Ok(out.text)
}

/// What a story's header says under `name`: `header(text, "config")` of `config down-after=500ms` is
/// `down-after=500ms`. Looks no further than the first `at` or `until`; of several with one name the first counts.
#[must_use]
pub fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .map(|line| split_word(without_comment(line)))
        .take_while(|(word, _)| !matches!(*word, "at" | "until"))
        .find(|(word, _)| *word == name && HEADERS.contains(word))
        .map(|(_, rest)| rest)
}

/// The machine and its time.
struct Stage<'a, M> {
    machine: &'a mut M,
    now: Instant,
}

impl<M: Machine<Action: Serialize>> Stage<'_, M> {
    fn at(&mut self, at: Instant, what: What<M::Event>, line: &str) -> Result<Vec<String>, Unreadable> {
        self.pass(at, line)?;
        Ok(match what {
            What::Wake => self.wake(),
            What::Event(event) => {
                let mut told = Vec::new();
                contract::step(self.machine, self.now, event, |action| told.push(action_line(&action)));
                told
            }
        })
    }

    /// Wakes at every deadline up to `end`; tells the wakes that led to actions.
    fn until(&mut self, end: Instant, line: &str) -> Result<Vec<String>, Unreadable> {
        let start = self.now;
        self.pass(end, line)?;
        self.now = start;
        let mut told = Vec::new();
        for _ in 0..MAX_WAKES {
            let Some((at, _)) = self.machine.deadline().filter(|(at, _)| *at <= end) else {
                self.now = end;
                return Ok(told);
            };
            // A deadline that passed between two `at` lines is met late, as by a driver that was held up.
            self.now = self.now.max(at);
            let actions = self.wake();
            if !actions.is_empty() {
                told.push(format!("  {}", wake_line(self.now)));
                told.extend(actions.iter().map(|action| format!("  {action}")));
            }
        }
        let why = format!("after {MAX_WAKES} wakes the machine is only at {}", self.now);
        Err(fault(line, 0, &why))
    }

    fn wake(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        contract::wake(self.machine, self.now, |action| told.push(action_line(&action)));
        told
    }

    fn pass(&mut self, to: Instant, line: &str) -> Result<(), Unreadable> {
        if to < self.now {
            let why = format!("time goes back: it was {} already", self.now);
            return Err(fault(line, 0, &why));
        }
        self.now = to;
        Ok(())
    }
}

/// What one line of a story asks for.
enum Cue<E> {
    /// A comment or a blank line.
    Remark,
    Header,
    At(Instant, What<E>),
    Until(Instant),
}

enum What<E> {
    Wake,
    Event(E),
}

fn cue<E: DeserializeOwned>(line: &str) -> Result<Cue<E>, Unreadable> {
    if is_remark(line) {
        return Ok(Cue::Remark);
    }
    let content = without_comment(line);
    let (verb, rest) = split_word(content);
    let (time, what) = split_word(rest);
    let time_at = content.len() - rest.len();
    let instant = || time.parse().map_err(|e| fault(line, time_at, &format!("{e}, found `{time}`")));
    match verb {
        "at" if what == "wake" => Ok(Cue::At(instant()?, What::Wake)),
        "at" => {
            let at = instant()?;
            let event = from_line(what).map_err(|e: Unreadable| {
                let before = line[..content.len() - what.len()].chars().count();
                Unreadable { column: e.column + before, ..e }
            })?;
            Ok(Cue::At(at, What::Event(event)))
        }
        "until" if what.is_empty() => Ok(Cue::Until(instant()?)),
        "until" => Err(fault(line, content.len() - what.len(), "expected the end of the line")),
        _ if HEADERS.contains(&verb) => Ok(Cue::Header),
        _ if content.trim_start().starts_with('>') => Err(fault(line, 0, "an action, but no event before it")),
        _ => {
            let why = format!("expected at, until, # or a header ({}) without indent", HEADERS.join(", "));
            Err(fault(line, 0, &why))
        }
    }
}

/// The first word, empty if the line is indented, and what follows it.
fn split_word(line: &str) -> (&str, &str) {
    let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    (word, rest.trim_start_matches([' ', '\t']))
}

fn is_remark(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// The lines that answer the cue before them: actions, after `until` also wakes, and the remarks in between. Remarks
/// after the last answer belong to the next cue.
fn answers<'a>(lines: &'a [&'a str], nested: bool) -> &'a [&'a str] {
    let is_answer = |line: &str| {
        let content = line.trim_start();
        content.starts_with('>') || (nested && content.len() < line.len() && split_word(content).0 == "at")
    };
    let len = lines
        .iter()
        .take_while(|line| is_answer(line) || is_remark(line))
        .enumerate()
        .filter(|(_, line)| is_answer(line))
        .last()
        .map_or(0, |(i, _)| i + 1);
    &lines[..len]
}

fn fault(line: &str, at: usize, why: &str) -> Unreadable {
    Unreadable { line: 1, column: line[..at].chars().count() + 1, why: why.to_string() }
}

/// The story as it is written anew.
struct Script {
    text: String,
}

impl Script {
    fn push(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn merge(&mut self, expected: &[&str], told: Vec<String>) {
        let mut told = told.into_iter().peekable();
        for line in expected {
            if is_remark(line) {
                self.push(line);
                continue;
            }
            let same = told.peek().is_some_and(|told| told.trim_start() == without_comment(line).trim_start());
            if same {
                told.next();
                self.push(line);
            } else {
                // From here on the machine tells another story; what was expected is in the version control.
                told.by_ref().for_each(|told| self.push(&told));
            }
        }
        told.for_each(|told| self.push(&told));
    }
}

/// First words of lines that describe the world before the first event; [`run`] keeps them, the caller reads them.
const HEADERS: [&str; 5] = ["machine", "config", "seed", "state", "snapshot"];

/// Wakes of one `until`. A machine that needs more is looping, or the story should be shorter.
const MAX_WAKES: usize = 10_000;
