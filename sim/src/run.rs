//! One seed from end to end: anything may fail and nothing may be wrong; then faults stop and it must converge.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::coverage::Coverage;
use crate::history::Keep;
use crate::invariants::Invariant;
use crate::judge::Violation;
use crate::options::Options;
use crate::saboteur::Saboteur;
use crate::world::World;

/// How a seed went.
pub struct Outcome {
    /// Which seed.
    pub seed: u64,
    /// What was violated first, if anything.
    pub violation: Option<Violation>,
    /// What was reached.
    pub coverage: Coverage,
    /// How long convergence took.
    pub converged: Option<Duration>,
    /// The history, as much as was kept.
    pub history: String,
}

impl Outcome {
    /// What a person needs who finds this in a log: what, the last of the history, and how to see it again.
    #[must_use]
    pub fn explain(&self) -> String {
        let mut out = String::new();
        if let Some(v) = &self.violation {
            // Writing to a String cannot fail.
            let _ = write!(
                out,
                "{}\nseed {} violates {} at {:?}: {}\nagain: cargo xtask sim --seed {}\n",
                self.history, self.seed, v.invariant, v.at, v.what, self.seed
            );
        }
        out
    }
}

/// Lines that are shown of a seed that failed.
pub const SHOWN: usize = 200;

/// Runs a seed. If it fails, runs it again with a history: the same seed does the same.
#[must_use]
pub fn run_seed(seed: u64, sabotage: Option<Saboteur>) -> Outcome {
    let outcome = run_seed_keeping(seed, sabotage, Keep::Nothing);
    if outcome.violation.is_none() {
        return outcome;
    }
    run_seed_keeping(seed, sabotage, Keep::Last(SHOWN))
}

/// Runs a seed and keeps as much of its history as is wanted.
#[must_use]
pub fn run_seed_keeping(seed: u64, sabotage: Option<Saboteur>, keep: Keep) -> Outcome {
    let (options, seed_of_world) = Options::of_seed(seed);
    // Held outside of what may panic: the history up to the panic is what one needs to see.
    let mut world: Option<World> = None;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let world = world.insert(World::new(options, seed_of_world, keep, sabotage));
        live(world);
    }));
    let Some(mut world) = world else {
        return Outcome {
            seed,
            violation: Some(Violation {
                at: machine::Instant::START,
                invariant: Invariant::P1,
                what: "the world could not be made".into(),
            }),
            coverage: Coverage::default(),
            converged: None,
            history: String::new(),
        };
    };
    if let Err(panic) = panicked {
        let text = text_of(&*panic);
        world.ground.violate(Invariant::of_panic(&text), text);
    }
    Outcome {
        seed,
        violation: world.ground.judge.violation.clone(),
        converged: world.converged_after(),
        history: world.ground.history.text(),
        coverage: world.ground.coverage,
    }
}

/// The two phases.
fn live(world: &mut World) {
    // Nodes find each other and the replicas first: what was never known cannot be asked for.
    world.run_for(world.options.warm_up());
    world.let_things_fail();
    world.run_for(world.options.safety);
    if world.ground.judge.violation.is_some() {
        return;
    }
    world.let_it_converge();
    while world.ground.judge.violation.is_none() && world.converged_after().is_none() {
        world.run_for(Duration::from_millis(250));
    }
    if world.options.is_strict() && world.ground.judge.violation.is_none() {
        world.check_nothing_was_lost();
    }
}

impl World {
    /// S1: every acknowledged write is in its group's master.
    pub fn check_nothing_was_lost(&mut self) {
        for group in 0..self.options.groups.len() {
            let Some((_, master)) = self.agreed(group) else { continue };
            let Some(master) = self.servers.iter().find(|s| s.place == master) else { continue };
            let acked = self.ground.judge.acked.iter().filter(|(g, _)| *g == group);
            let lost: Vec<_> = acked.filter(|(_, id)| !master.has.contains(id)).collect();
            if !lost.is_empty() {
                let what = format!("{} acknowledged writes are not in {}: {lost:?}", lost.len(), master.place);
                self.ground.violate(Invariant::S1, what);
            }
        }
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_else(|| "a panic without words".into())
}
