//! What a run reached: a simulation that never loses an election says nothing about lost elections.

use std::collections::BTreeMap;
use std::fmt;

/// How often each thing was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<String, u64>);

impl Coverage {
    pub(crate) fn mark(&mut self, what: &str) {
        if let Some(n) = self.0.get_mut(what) {
            *n += 1;
        } else {
            self.0.insert(what.to_string(), 1);
        }
    }

    /// How often `what` was reached.
    #[must_use]
    pub fn count(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// Adds what another run reached.
    pub fn add(&mut self, other: &Self) {
        for (what, n) in &other.0 {
            *self.0.entry(what.clone()).or_default() += n;
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, n) in &self.0 {
            writeln!(f, "{n:>9}  {what}")?;
        }
        Ok(())
    }
}
