//! What did the file say about the server itself? Each directive with a value other than its default, in its written form.

use std::collections::BTreeMap;
use std::fmt;

use super::directive::{self, BUFFER_CLASSES, Directive, Kind};
use crate::Secret;

/// The directives of a server, by name. What is not in it has its default.
#[derive(Clone)]
pub struct Settings(BTreeMap<&'static str, Vec<String>>);

impl Default for Settings {
    /// A Sentinel differs from a server in two: its port, and that everybody may connect.
    fn default() -> Self {
        let own = [("port", SENTINEL_PORT), ("protected-mode", "no")];
        Self(own.into_iter().map(|(name, value)| (name, vec![value.to_owned()])).collect())
    }
}

impl Settings {
    /// Gives a directive what stands behind its name on a line.
    ///
    /// # Errors
    /// Stock's words for a name that no server knows, a wrong number of words, or a wrong value.
    pub fn set(&mut self, name: &str, words: &[String]) -> Result<(), String> {
        let directive = directive::find(name).ok_or_else(|| UNKNOWN.to_owned())?;
        let split;
        let words = match words {
            [word] if directive.takes_several() => {
                split = super::words::split(word).map_err(|_| super::read::UNBALANCED.to_owned())?;
                &split
            }
            _ => words,
        };
        let mut value = directive.normal(words)?;
        if matches!(directive.kind, Kind::Buffers) {
            value = merged(self.words(directive.name), &value);
        }
        if !matches!(directive.kind, Kind::Dropped) {
            self.0.insert(directive.name, value);
        }
        Ok(())
    }

    /// The words of a directive, or of its default; none if there is no such directive.
    #[must_use]
    pub fn words(&self, name: &str) -> Vec<String> {
        let default = || directive::find(name).map_or_else(Vec::new, Directive::default_words);
        self.0.get(name).cloned().unwrap_or_else(default)
    }

    /// The same, for who has found it already.
    pub(super) fn of(&self, directive: &Directive) -> Vec<String> {
        self.0.get(directive.name).cloned().unwrap_or_else(|| directive.default_words())
    }

    /// The value of a directive that has one word. Empty: none.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        self.words(name).into_iter().next().unwrap_or_default()
    }

    pub(super) fn some(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    pub(super) fn secret(&self, name: &str) -> Option<Secret> {
        self.some(name).map(Secret::new)
    }

    pub(super) fn is_on(&self, name: &str) -> bool {
        self.text(name) == "yes"
    }

    /// A number; 0 if it is too large for the type, which its bounds in the table rule out.
    pub(super) fn number<T: TryFrom<i64> + Default>(&self, name: &str) -> T {
        let number = self.text(name).parse::<i64>().ok();
        number.and_then(|number| T::try_from(number).ok()).unwrap_or_default()
    }
}

/// Whether all directives have the same value, said or not.
impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        directive::TABLE.iter().all(|directive| self.of(directive) == other.of(directive))
    }
}

impl Eq for Settings {}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|(name, words)| {
            let hidden = directive::find(name).is_some_and(|directive| matches!(directive.kind, Kind::Secret));
            (name, if hidden { "***".to_owned() } else { words.join(" ") })
        });
        f.debug_map().entries(shown).finish()
    }
}

impl Directive {
    pub(super) fn default_words(&self) -> Vec<String> {
        match self.kind {
            Kind::Words(..) | Kind::Percentiles | Kind::Buffers => {
                self.default.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
            }
            _ => vec![self.default.to_owned()],
        }
    }
}

/// The limits of all classes, of which some are given anew.
fn merged(mut old: Vec<String>, new: &[String]) -> Vec<String> {
    for group in new.chunks_exact(4) {
        if let Some(at) = BUFFER_CLASSES.iter().position(|(class, _)| *class == group[0])
            && let Some(place) = old.get_mut(at * 4..at * 4 + 4)
        {
            place.clone_from_slice(group);
        }
    }
    old
}

/// What stock says of a name that it does not know.
pub(super) const UNKNOWN: &str = "Bad directive or wrong number of arguments";

const SENTINEL_PORT: &str = "26379";
