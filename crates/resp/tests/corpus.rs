//! The committed corpus of the fuzz targets, on every run and on any toolchain.

mod checks;

use std::path::Path;

#[test]
fn resp_scan_holds_for_its_corpus() {
    replay("resp_scan", checks::scan);
}

#[test]
fn resp_value_holds_for_its_corpus() {
    replay("resp_value", checks::value);
}

fn replay(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&corpus).unwrap_or_else(|error| {
        panic!("{} cannot be read: {error}", corpus.display());
    });
    let mut replayed = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        check(&std::fs::read(path).unwrap());
        replayed += 1;
    }
    assert!(replayed > 0, "an empty corpus proves nothing");
}
