//! T1: does a node that was stopped, or whose clock leapt, distrust itself, and decide nothing until it has looked around?

use std::collections::BTreeSet;

use sentinel::{CallId, Reply};

use crate::invariants::Invariant;
use crate::judge::{Checked, Judge};

/// Who distrusts itself, and who should.
#[derive(Default)]
pub(super) struct Tilt {
    expected: BTreeSet<usize>,
    tilted: BTreeSet<usize>,
    /// Questions that were asked meanwhile. An answer that waited for the disk since before is an old one.
    asked: BTreeSet<(usize, CallId)>,
}

impl Judge {
    /// This node missed a deadline by so much that its next step has to begin with TILT, unless it is in it.
    pub(crate) fn expect_tilt(&mut self, node: usize) {
        if !self.tilt.tilted.contains(&node) {
            self.tilt.expected.insert(node);
        }
    }

    /// A node did a step: what was expected of it must have come.
    pub(crate) fn stepped(&mut self, node: usize) -> Checked {
        if self.tilt.expected.remove(&node) {
            let why = format!("node{} missed a deadline by more than a second and goes on as if nothing was", node + 1);
            return Err((Invariant::T1, why));
        }
        Ok(())
    }

    pub(super) fn forget_tilt(&mut self, node: usize) {
        self.tilt.expected.remove(&node);
        self.tilt.tilted.remove(&node);
        self.tilt.asked.retain(|(n, _)| *n != node);
    }

    /// What a node tells: the beginning and the end of TILT, and what it decides in it.
    pub(crate) fn announced(&mut self, node: usize, event: &str) -> Checked {
        match event {
            "+tilt" => {
                self.tilt.expected.remove(&node);
                self.tilt.tilted.insert(node);
            }
            "-tilt" => {
                self.tilt.tilted.remove(&node);
            }
            "+try-failover" | CONVERT | FIX => return self.calm(node, event),
            _ => {}
        }
        Ok(())
    }

    /// A node is asked about a master.
    pub(crate) fn asked_about_master(&mut self, node: usize, call: CallId) {
        if self.tilt.expected.contains(&node) || self.tilt.tilted.contains(&node) {
            self.tilt.asked.insert((node, call));
        }
    }

    /// A node answered.
    pub(super) fn answered_about_master(&mut self, node: usize, call: CallId, reply: &Reply) -> Checked {
        if self.tilt.asked.remove(&(node, call)) && matches!(reply, Reply::Vote { down: true, .. }) {
            return self.calm(node, "a master is down");
        }
        Ok(())
    }

    fn calm(&self, node: usize, what: &str) -> Checked {
        if self.tilt.tilted.contains(&node) {
            return Err((Invariant::T1, format!("node{} does not trust its clock, and yet: {what}", node + 1)));
        }
        Ok(())
    }
}

/// Sentinel's names of corrections.
const CONVERT: &str = "+convert-to-slave";
const FIX: &str = "+fix-slave-config";
