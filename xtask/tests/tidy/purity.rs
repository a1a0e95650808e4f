//! Nothing below the line knows a clock, a socket, a task or a thread; `unsafe` is in `host` and nowhere else.

use crate::floors;
use crate::lexer::word_lines;
use crate::tree::{self, SOURCES, Source};

/// Ground crates that need std, each with the reason.
const WITH_STD: &[(&str, &str)] = &[("config", "its parser and its diagnostics are crates of the field that need std")];

/// Where `unsafe` may stand, each with the reason.
const UNSAFE: &[(&str, &str)] = &[
    ("crates/host/", "what std and the crates of the field do not offer of Linux"),
    ("crates/proxy/tests/steady_state.rs", "an allocator that counts has to be an allocator"),
    ("crates/session/tests/steady_state.rs", "an allocator that counts has to be an allocator"),
];

/// What only a driver may name.
const EFFECTS: &[&str] = &[
    "async",
    "await",
    "tokio",
    "Instant::now",
    "std::time::Instant",
    "SystemTime",
    "std::fs",
    "std::thread",
    "std::process",
    "std::env",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "ToSocketAddrs",
    "println!",
    "eprintln!",
];

fn ground_sources() -> impl Iterator<Item = (String, &'static Source)> {
    let ground = floors::below_the_line(&floors::table(tree::architecture()));
    let sources = SOURCES.iter().filter_map(move |source| {
        let name = source.path.strip_prefix("crates/")?.split('/').next()?;
        ground.iter().any(|ground| ground == name).then(|| (name.to_owned(), source))
    });
    sources.filter(|(name, source)| source.path.starts_with(&format!("crates/{name}/src/")))
}

#[test]
fn ground_crates_are_no_std_and_forbid_unsafe() {
    let mut complaints = Vec::new();
    for (name, source) in ground_sources().filter(|(_, source)| source.path.ends_with("/src/lib.rs")) {
        let mut needed = vec!["#![forbid(unsafe_code)]"];
        if !WITH_STD.iter().any(|(with_std, _)| *with_std == name) {
            needed.push("#![no_std]");
        }
        let missing = needed.into_iter().filter(|attribute| !source.text.lines().any(|line| line == *attribute));
        complaints.extend(missing.map(|attribute| format!("{} lacks {attribute}", source.path)));
    }
    crate::no_complaints(
        "N1: what is below the line is #![no_std] and forbids unsafe: put the attribute there.",
        &complaints,
    );
}

#[test]
fn nothing_below_the_line_has_an_effect() {
    let complaints: Vec<String> =
        ground_sources().flat_map(|(_, source)| effects(&source.path, &source.product_code())).collect();
    let rule = "N1, N7: below the line there is no I/O, no clock, no task. Order the effect by an action, learn its end by an event.";
    crate::no_complaints(rule, &complaints);
}

fn effects(path: &str, code: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for word in EFFECTS {
        complaints.extend(word_lines(code, word).into_iter().map(|line| format!("{path}:{line}: {word}")));
    }
    // `use std::time::{Duration, Instant}` names the clock in two pieces.
    for (number, line) in code.lines().enumerate() {
        let pieces = line.split_once("std::time::{").map_or("", |(_, pieces)| pieces);
        if !word_lines(pieces, "Instant").is_empty() {
            complaints.push(format!("{path}:{}: std::time::Instant", number + 1));
        }
    }
    complaints
}

#[test]
fn unsafe_is_in_host_only() {
    let mut complaints = Vec::new();
    for source in SOURCES.iter().filter(|source| !UNSAFE.iter().any(|(place, _)| source.path.starts_with(place))) {
        complaints.extend(word_lines(&source.code, "unsafe").into_iter().map(|line| format!("{}:{line}", source.path)));
    }
    crate::no_complaints("N5: `unsafe` is in `host` only: put the call there, behind a safe function.", &complaints);
}

#[test]
fn effects_are_seen_in_code_and_not_in_words_about_them() {
    let code = "use std::time::{Duration, Instant};\nlet t = Instant::now();\nfoo().await;\nlet asynchronous = 1;\n\
                use std::time::Duration;\nuse machine::{Instant};\n";
    let seen = effects("x.rs", &crate::lexer::code(&format!("{code}// tokio\nlet s = \"std::fs\";\n")));
    assert_eq!(seen.len(), 3, "{seen:?}");
}
