//! V5: do two nodes take different masters for steady at the same time, where addresses follow the master, and for how long?
//!
//! Any two majorities share a node, and what that one said counts for four fifths of `down-after`, from the question on (`sentinel::backing`).

use std::collections::BTreeMap;
use std::time::Duration;

use machine::Instant;
use view::{GroupName, Phase};

use crate::invariants::Invariant;
use crate::options::Options;
use crate::place::name_of;
use crate::world::World;

/// Pairs of nodes that believe in different masters.
pub(crate) struct Rivals {
    /// How long that may last; `None`: nothing is promised in this world.
    most: Option<Duration>,
    since: BTreeMap<(GroupName, usize, usize), Instant>,
}

impl Rivals {
    pub(crate) fn new(options: &Options) -> Self {
        // Stock breaks rules of its own, and who joins later counts other voters than those who know nothing of it.
        let is_promised = options.ties_address && options.nodes >= 3 && options.stocks == 0 && options.spares == 0;
        let most = options.down_after * 4 / 5 + LATE + options.down_after * DRIFT_PERCENT / 100;
        Self { most: is_promised.then_some(most), since: BTreeMap::new() }
    }
}

impl World {
    /// Looks after each step: views change in steps only, and time passes between them.
    pub(crate) fn look_for_rivals(&mut self) {
        let Some(most) = self.rivals.most else { return };
        let up = self.nodes.iter().filter(|node| node.is_up());
        let views = up.flat_map(|node| node.views.values().map(move |view| (node.index, view)));
        let steady: Vec<_> = views.filter(|(_, view)| view.phase == Phase::Steady).collect();
        let mut since = BTreeMap::new();
        let mut found = None;
        for (i, (one, first)) in steady.iter().enumerate() {
            let differs =
                |(_, other): &&(usize, &view::View)| other.group == first.group && other.master != first.master;
            for (two, second) in steady[i + 1..].iter().filter(differs) {
                let pair = (first.group.clone(), *one, *two);
                let from = self.rivals.since.get(&pair).copied().unwrap_or(self.ground.now);
                if self.ground.now.since(from) > most {
                    let (a, b) = (name_of(first.master), name_of(second.master));
                    found = Some(format!(
                        "{a} is steady on node{}, and {b} on node{}, for more than {most:?}",
                        one + 1,
                        two + 1
                    ));
                }
                since.insert(pair, from);
            }
        }
        if !since.is_empty() {
            self.ground.coverage.mark("address: two hosts may have it for a moment");
        }
        self.rivals.since = since;
        if let Some(what) = found {
            self.ground.violate(Invariant::V5, what);
        }
    }
}

/// A sluggish node wakes up to a tenth of a second late.
const LATE: Duration = Duration::from_millis(110);

/// More than clocks run apart in any world.
const DRIFT_PERCENT: u32 = 1;
