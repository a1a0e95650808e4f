//! Several clients over shared connections: nobody gets another's reply, nothing is executed twice, nothing stays unanswered.
//!
//! Worlds are made at random here; the fuzzer that is steered by coverage grows them in `fuzz/fuzz_targets/session_company.rs`, and
//! what it found worth keeping is replayed.

use std::fmt;
use std::path::Path;

use proptest::prelude::*;
use world::op::{Op, Written};

mod world;

/// Told as what it means, beside what it is.
#[derive(Clone)]
struct Shown(Written);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([a, b, c]) = self;
        write!(f, "[{a}, {b}, {c}] /* {:?} */", Op::of(self.0))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn nobody_gets_anothers_reply(ops in prop::collection::vec(any::<Written>().prop_map(Shown), 1..200)) {
        world::run(&ops.iter().flat_map(|op| op.0).collect::<Vec<_>>());
    }
}

#[test]
fn nobody_gets_anothers_reply_in_worlds_that_a_fuzzer_grew() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/session_company");
    let files: Vec<_> =
        std::fs::read_dir(&corpus).expect("it is committed").map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "an empty corpus proves nothing");
    for file in files {
        println!("{}", file.display());
        world::run(&std::fs::read(file).unwrap());
    }
}
