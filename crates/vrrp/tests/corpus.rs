//! The committed corpus of the fuzz target, on every run and on any toolchain.

mod checks;

use std::path::Path;

#[test]
fn vrrp_packet_holds_for_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/vrrp_packet");
    let entries = std::fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{}: {error}", corpus.display()));
    let mut replayed = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        checks::packet(&std::fs::read(path).unwrap());
        replayed += 1;
    }
    assert!(replayed > 0, "an empty corpus proves nothing");
}
