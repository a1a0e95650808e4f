//! What does a node leave on its disk? Its log, its control socket, and what it keeps over a restart.

use std::fs;

use super::{Cluster, Kind};

impl Cluster {
    /// The control socket of a node of ours.
    #[must_use]
    pub fn control(&self, n: usize) -> String {
        self.nodes[n]
            .dir
            .join(match self.nodes[n].watch.kind {
                Kind::InPlace => "sentinel.conf.control",
                _ => "state/control.sock",
            })
            .display()
            .to_string()
    }

    /// What a node has logged since it was first started.
    ///
    /// # Panics
    /// When it was never started.
    #[must_use]
    pub fn log(&self, n: usize) -> String {
        let path = self.nodes[n].dir.join(match self.nodes[n].watch.kind {
            Kind::Ours => "out",
            Kind::Stock | Kind::InPlace | Kind::Valkey => "log",
        });
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("cannot read {}: {e}", path.display()))
    }

    /// What a node of ours keeps of failovers over a restart; `None`: nothing yet.
    #[must_use]
    pub fn remembered(&self, n: usize) -> Option<String> {
        fs::read_to_string(self.nodes[n].dir.join("state/failovers.json")).ok()
    }
}
