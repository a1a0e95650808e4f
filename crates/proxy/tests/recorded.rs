//! The streams of `tests/streams`, directly and through a listener: the same bytes, however they are cut.

mod differ;
mod real;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use differ::script::{Line, Manner, Script};
use differ::wire::Heard;
use differ::{Pair, pools, show};
use session::Rules;

/// A test for each stream, with its manners.
macro_rules! streams {
    ($($name:ident: $manners:expr;)*) => {
        $(#[test] fn $name() { compare(stringify!($name), &$manners, &pools()); })*
        const OF_ALL_POOLS: &[&str] = &[$(stringify!($name)),*];
    };
}

const EVERY: [Manner; 4] = [Manner::Whole, Manner::Bytes, Manner::Pipelined, Manner::Resp3];
/// Who watches a server sees HELLO, too, and that of a lane another time than a client says it: that is no reply.
const RESP2: [Manner; 3] = [Manner::Whole, Manner::Bytes, Manner::Pipelined];

streams! {
    bits: EVERY;
    blocking: EVERY;
    client: EVERY;
    databases: EVERY;
    errors: EVERY;
    garbage: EVERY;
    geo: EVERY;
    hashes: EVERY;
    inline: EVERY;
    lists: EVERY;
    monitor: RESP2;
    pubsub: EVERY;
    pubsub3: EVERY;
    resp3: EVERY;
    scripts: EVERY;
    server: EVERY;
    sets: EVERY;
    streams: EVERY;
    strings: EVERY;
    tracking: EVERY;
    transactions: EVERY;
    unblock: EVERY;
    users: EVERY;
    zsets: EVERY;
    large: [Manner::Whole, Manner::Pipelined];
    huge: [Manner::Whole];
}

const OF_ONE_POOL: &str = "monitor_database";

#[test]
fn monitor_database() {
    compare(OF_ONE_POOL, &RESP2, &pools()[..1]);
}

#[test]
fn every_stream_is_played() {
    let files = std::fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path());
    let names = files.filter(|path| path.extension().is_some_and(|e| e == "stream"));
    let names: BTreeSet<String> = names.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    let played = OF_ALL_POOLS.iter().chain([&OF_ONE_POOL]);
    assert_eq!(names, played.map(|name| (*name).to_owned()).collect());
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/streams")
}

fn compare(name: &str, manners: &[Manner], pools: &[(&str, Rules)]) {
    let script = Script::read(&std::fs::read_to_string(directory().join(format!("{name}.stream"))).unwrap());
    let options: Vec<&str> = script.options.iter().map(String::as_str).collect();
    let mut differences = Vec::new();
    for (pool, rules) in pools {
        for &manner in manners {
            let pair = Pair::start(rules.clone(), &options);
            let direct = script.play(pair.plain.addr, pair.plain.addr, manner);
            // A stream that waits in vain proves nothing.
            let vain = direct.iter().find(|line| matches!(line.heard, Heard::Nothing(_)));
            assert!(vain.is_none(), "{name}: Redis itself does not answer line {vain:?}");
            let through = script.play(pair.listener(), pair.behind.addr, manner);
            let found = direct.iter().zip(&through).filter(|(d, t)| d != t);
            differences.extend(found.map(|(d, t)| told(name, pool, manner, d, t)));
        }
    }
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
}

fn told(name: &str, pool: &str, manner: Manner, direct: &Line, through: &Line) -> String {
    let Line { number, client, said, .. } = direct;
    let said = show(said);
    let [direct, through] = [direct, through].map(|line| match &line.heard {
        Heard::Reply(bytes) => show(bytes),
        Heard::End(bytes) => format!("{} and the end", show(bytes)),
        Heard::Nothing(bytes) => format!("{} and then nothing", show(bytes)),
    });
    format!(
        "{name}.stream:{number} (pool {pool}, {manner:?}) {client}: {said}\n  direct:  {direct}\n  through: {through}"
    )
}
