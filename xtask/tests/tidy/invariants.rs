//! Each invariant of the simulator occurs in a test, and has a saboteur that breaks it: one that nobody can break is not checked.
//!
//! An invariant is a variant of `enum Invariant` in `sim/src/invariants.rs`, named by its id: a capital and a number, `V1`.

use std::collections::BTreeSet;

use crate::lexer::{lines_before_tests, word_lines};
use crate::tree::{SOURCES, Source};

const INVARIANTS: &str = "sim/src/invariants.rs";
/// A file, or a directory with the same name.
const SABOTEURS: &str = "sim/src/saboteur";

/// The ids among the variants of the enum.
fn ids(code: &str) -> BTreeSet<String> {
    let body =
        code.split_once("enum Invariant").and_then(|(_, rest)| rest.split_once('}')).map_or("", |(body, _)| body);
    let words = body.split(|c: char| !c.is_alphanumeric()).filter(|word| is_id(word));
    words.map(str::to_owned).collect()
}

fn is_id(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(|c| c.is_ascii_uppercase()) && word.len() > 1 && letters.all(|c| c.is_ascii_digit())
}

/// The part of a file that is tests.
fn test_text(source: &Source) -> String {
    if source.is_test() || source.path.contains("/stories/") {
        return source.text.clone();
    }
    source.text.lines().skip(lines_before_tests(&source.text)).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_invariant_is_tested_and_has_a_saboteur() {
    let list = SOURCES.iter().find(|source| source.path == INVARIANTS);
    let list = list.unwrap_or_else(|| panic!("{INVARIANTS} is where the invariants are listed, and it does not exist"));
    let ids = ids(&list.code);
    assert!(!ids.is_empty(), "{INVARIANTS} has no `enum Invariant` with variants named by id, such as V1");
    let saboteurs: Vec<&Source> = SOURCES.iter().filter(|source| source.path.starts_with(SABOTEURS)).collect();
    // A test over all saboteurs asserts each one's invariant without naming it.
    let in_general = SOURCES.iter().any(|source| test_text(source).contains("Saboteur::ALL"));
    let mut complaints = Vec::new();
    for id in ids {
        if !in_general && !SOURCES.iter().any(|source| !word_lines(&test_text(source), &id).is_empty()) {
            complaints.push(format!("{id} occurs in no test"));
        }
        if !saboteurs.iter().any(|source| !word_lines(&source.code, &id).is_empty()) {
            complaints.push(format!("{id} has no saboteur in {SABOTEURS}.rs"));
        }
    }
    let rule = "Each invariant occurs in a test and has a saboteur that a test shows to be caught: write the two.";
    crate::no_complaints(rule, &complaints);
}

#[test]
fn ids_are_the_variants_of_the_enum() {
    let code = "use X1;\npub enum Invariant {\n    V1,\n    M12 = 3,\n    Other,\n}\nfn f() { R9 }\n";
    assert_eq!(ids(code).into_iter().collect::<Vec<_>>(), ["M12", "V1"]);
}
