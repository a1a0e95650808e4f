//! The house rules, as tests over the tree. Each failure names the rule, the place and the mend.
//!
//! A rule is a plain function from text to complaints. Beside the test that the tree obeys it stands one that it bites: a rule
//! that cannot fail is worth nothing.
//!
//! | module | rule |
//! |---|---|
//! | [`floors`] | arrows between our crates point down |
//! | [`purity`] | nothing below the line knows a clock, a socket or a task; `unsafe` is in `host` |
//! | [`words`] | names that say nothing, leftovers, `slave` |
//! | [`ratchet`] | files and functions do not grow past a length |
//! | [`dependencies`] | each crate of the field has a line on what it is for |
//! | [`invariants`] | each invariant is tested, and has a saboteur |
//! | [`places`] | links lead somewhere; no path of a machine and no host of a registry |
//!
//! [`tree`] finds the files, [`lexer`] tells code from comments and literals.

mod dependencies;
mod floors;
mod invariants;
mod lexer;
mod places;
mod purity;
mod ratchet;
mod tree;
mod words;

/// Fails with the rule and all complaints at once, so that one run shows everything to mend.
#[track_caller]
fn no_complaints(rule: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{rule}\n\n  {}\n", complaints.join("\n  "));
}
