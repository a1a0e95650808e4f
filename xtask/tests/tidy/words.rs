//! Names that say nothing, leftovers of an unfinished thought, and the word that only the wire still says.

use crate::lexer::{lines_before_tests, word_lines};
use crate::tree::{FILES, SOURCES, Source};

/// File names under which anything could stand.
const EMPTY_NAMES: &[&str] =
    &["util", "utils", "common", "misc", "helper", "helpers", "manager", "handy", "types", "shared", "stuff"];

/// What is typed on the way to something else.
const LEFTOVERS: &[&str] = &["dbg!", "todo!", "unimplemented!"];

/// Where the old word may stand in literals and comments, because bytes or files of others say it.
const WIRE_WORD: &[(&str, &str)] = &[
    ("crates/sentinel/src/", "+slave, num-slaves, -NOGOODSLAVE: Sentinel's names of events, fields and errors"),
    ("crates/standfast/src/control/", "NOGOODSLAVE: the code of a refusal, as on the wire"),
    ("sim/src/judge/tilt.rs", "+convert-to-slave: events in which a node decides"),
    ("sim/src/coverage.rs", "+convert-to-slave: events that must be reached"),
    ("crates/standfast/src/serve/", "SENTINEL SLAVES, slave-reconf-timeout: what the wire calls them"),
    ("sim/src/wiring.rs", "+selected-slave: events that a run is known by"),
    ("crates/resp/src/info.rs", "role:slave, slave0: lines of INFO"),
    ("crates/resp/src/command/", "SLAVEOF: a name in the table of commands"),
    ("crates/config/src/sentinel_conf/", "known-slave and the like: lines of sentinel.conf"),
    ("crates/config/src/options/table.rs", "what other programs call an option, to suggest ours"),
];

#[test]
fn file_names_say_what_is_inside() {
    let mut complaints = Vec::new();
    for file in FILES.iter().filter(|file| file.path.ends_with(".rs")) {
        let rooms = file.path.split('/').map(|part| part.trim_end_matches(".rs"));
        if rooms.clone().any(|room| EMPTY_NAMES.contains(&room)) {
            complaints.push(file.path.clone());
        }
    }
    let rule = "One question per file, and its name says which: name it after the noun or the rule inside, or give its parts to \
                the rooms that use them.";
    crate::no_complaints(rule, &complaints);
}

#[test]
fn nothing_unfinished_is_left() {
    let mut complaints = Vec::new();
    for source in SOURCES.iter() {
        for word in LEFTOVERS {
            let lines = word_lines(&source.code, word);
            complaints.extend(lines.into_iter().map(|line| format!("{}:{line}: {word}", source.path)));
        }
    }
    crate::no_complaints(
        "No leftovers: finish it, or leave it out and say so where a reader looks for it.",
        &complaints,
    );
}

#[test]
fn master_and_replica_are_the_words() {
    let complaints: Vec<String> = SOURCES.iter().flat_map(old_words).collect();
    let rule = "A replica is called replica. The old word stands only where the wire says it: in literals and comments of the files \
                in xtask/tests/tidy/words.rs, and in tests.";
    crate::no_complaints(rule, &complaints);
}

fn old_words(source: &Source) -> Vec<String> {
    if source.is_test() {
        return Vec::new();
    }
    // In names of code nowhere, in literals and comments where the wire is.
    let is_wire = WIRE_WORD.iter().any(|(place, _)| source.path.starts_with(place));
    let searched = if is_wire { &source.code } else { &source.text };
    let product = searched.lines().take(lines_before_tests(&source.text)).enumerate();
    let hits = product.filter(|(_, line)| line.to_lowercase().contains(OLD));
    hits.map(|(number, _)| format!("{}:{}", source.path, number + 1)).collect()
}

const OLD: &str = "slave";

#[test]
fn the_old_word_is_seen_where_it_must_not_stand() {
    let source =
        |path: &str, text: &str| Source { path: path.into(), text: text.into(), code: crate::lexer::code(text) };
    let literal = "f(\"+slave\");\n";
    assert!(old_words(&source("crates/sentinel/src/event.rs", literal)).is_empty());
    assert!(old_words(&source("crates/resp/tests/info.rs", literal)).is_empty());
    assert!(old_words(&source("crates/view/src/view.rs", "#[cfg(test)]\nmod tests { f(\"slave\"); }\n")).is_empty());
    assert_eq!(old_words(&source("crates/view/src/view.rs", literal)), ["crates/view/src/view.rs:1"]);
    assert_eq!(old_words(&source("crates/sentinel/src/event.rs", "fn on_slave() {}\n")).len(), 1);
}
