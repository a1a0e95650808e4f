//! One client, and any bytes from it and from its server, at any time.
//!
//! The fuzzer that is steered by coverage is `fuzz/fuzz_targets/session_bytes.rs`; what it found worth keeping is replayed.

use std::path::Path;

use proptest::prelude::*;

mod check;

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered_or_come_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check::run(&bytes);
    }
}

#[test]
fn the_corpus_of_the_fuzz_target_is_answered_or_comes_to_an_end() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/session_bytes");
    let files: Vec<_> =
        std::fs::read_dir(&corpus).expect("it is committed").map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "an empty corpus proves nothing");
    for file in files {
        println!("{}", file.display());
        check::run(&std::fs::read(file).unwrap());
    }
}
