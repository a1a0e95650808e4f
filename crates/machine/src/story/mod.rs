//! How is an event or an action written as one line, and read back? And: does a machine still tell the same story?
//!
//! One text form has three uses: a hand-written story test, a simulator trace and the flight recorder of a running node
//! write the same lines, so an incident becomes a test by copying. No compatibility is promised for it: a record belongs
//! to a commit, as a seed does.
//!
//! # A line
//!
//! Any plain serde type is a line ([`to_line`], [`from_line`]); the type says how it is read.
//!
//! | a value of | is written |
//! |---|---|
//! | an enum, as the line | `vote-asked from=10.0.0.3 epoch=7`; tuple variant `verb v1 v2`; newtype variant `verb`, then the inner line |
//! | an enum, inside | `pong` · `info{a=1 b=2}` · `refused(text)` · `pair(v1 v2)` |
//! | a struct | `{a=1 b=2}`; as the line, or after a line's verb, without the braces |
//! | a sequence, tuple, tuple struct | `[a b c]` |
//! | a map | `{key=value key=value}`, keys scalar, in the order of the map |
//! | a string | bare if only of `A-Z a-z 0-9 _ . : / @ # + * ? -` and no number or bool, else `"…"` with `\" \\ \n \r \t \xNN` |
//! | bytes | always `"…"`; `\xNN` are bytes |
//! | `None` | the field is left out; elsewhere `~`; `Some(None)` is `~~` |
//! | `()` | `()` |
//!
//! Names are kebab-case: `VoteAsked` is `vote-asked`, `last_io` is `last-io`. An unknown field or verb is an error, since
//! it is a typing mistake far more often than anything else. Serde's `untagged`, `flatten` and internally tagged enums
//! are not meant for stories; an `Option` field with `serde(with)` also needs `serde(default)`.
//!
//! # A story
//!
//! ```text
//! # Comments and blank lines are kept, and so is `  # this` (two blanks before it) at the end of a line.
//! config down-after=500ms                              machine, config, seed, state, snapshot: headers, see `header`
//!
//! at 15ms connected link=10.0.0.1:6379#2               an event
//!        > send link=10.0.0.1:6379#2 ask=ping          what the machine then does, in order
//! at 500ms wake                                        the driver woke the machine; `wake` is a reserved verb
//! until 900ms                                          wake at every deadline up to then …
//!   at 512ms wake                                      … of which those that led to actions are listed
//!          > send link=10.0.0.1:6379#2 ask=ping
//! ```
//!
//! A deadline that passes between two `at` lines is *not* delivered: the driver was late, which is a story worth telling
//! too. A record therefore has a `wake` line for every wake, also for those without actions.
//!
//! # A test
//!
//! [`run()`] gives back the text with the actions that really came out. The file part stays with the test, because there
//! are no files below the line:
//!
//! ```
//! use machine::{Machine, story};
//! # use serde::{Serialize, de::DeserializeOwned};
//!
//! fn tells<M>(mut machine: M, file: &str)
//! where
//!     M: Machine<Event: DeserializeOwned, Action: Serialize>,
//! {
//!     let path = format!("{}/tests/stories/{file}", env!("CARGO_MANIFEST_DIR"));
//!     let expected = std::fs::read_to_string(&path).unwrap();
//!     let actual = story::run(&mut machine, &expected).unwrap_or_else(|e| panic!("{file}: {e}"));
//!     if std::env::var_os("UPDATE").is_some() {
//!         std::fs::write(&path, actual).unwrap();
//!     } else if let Some(difference) = story::difference(&expected, &actual) {
//!         panic!("{file} (UPDATE=1 accepts this):\n{difference}");
//!     }
//! }
//! ```

mod difference;
mod read;
mod run;
mod word;
mod write;

use alloc::string::String;
use core::fmt;

pub use difference::difference;
pub use read::from_line;
pub use run::{header, run};
pub use write::{action_line, event_line, to_line, wake_line};

/// The value has no text form: too deep, a map whose keys are no scalars, a name with odd characters. Always a fault of
/// the type, never of the data's source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritable(String);

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Unwritable {}

/// The text is not what its reader asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// Counted from 1; 1 where only one line was given.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What was expected there, and what was found.
    pub why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.why)
    }
}

impl core::error::Error for Unreadable {}

/// How deep values may nest. Real events stay below 12; the bound keeps a hostile line from using up the stack.
const MAX_DEPTH: usize = 48;
