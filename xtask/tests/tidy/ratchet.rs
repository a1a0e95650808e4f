//! Files and functions do not grow past a length. No limit for what is longer already: that may only shrink.
//!
//! What is over the line is listed in `xtask/tidy-ratchet.txt` with its length. `UPDATE=1` writes the list with the lengths of
//! today where they are smaller, and leaves out what is under the line; it never adds and never raises.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use crate::lexer;
use crate::tree::{self, SOURCES};

/// Lines of a file, its tests included.
const FILE: usize = 600;
/// Lines of a function, from its name to its last brace.
const FUNCTION: usize = 70;

const LIST: &str = "xtask/tidy-ratchet.txt";
const HEADER: &str = "\
# What is longer than the house rule, with its length: it may shrink, not grow. `UPDATE=1 cargo test -p xtask --test tidy`
# writes smaller lengths. A new line here is written by hand, with the reason in the commit that adds it.
";

/// Lengths by name: a path, or a path and a function.
type Lengths = BTreeMap<String, usize>;

fn long_ones() -> Lengths {
    let mut long = Lengths::new();
    for source in SOURCES.iter().filter(|source| !is_generated(&source.text)) {
        let lines = source.text.lines().count();
        if lines > FILE {
            long.insert(source.path.clone(), lines);
        }
        for (name, lines) in functions(&source.code).into_iter().filter(|(_, lines)| *lines > FUNCTION) {
            let longest = long.entry(format!("{} fn {name}", source.path)).or_default();
            *longest = lines.max(*longest);
        }
    }
    long
}

/// Written by a program, which says so in the first lines.
fn is_generated(text: &str) -> bool {
    text.lines().take(5).any(|line| line.starts_with("//") && line.to_lowercase().contains("generated"))
}

/// The functions of the code with their lengths in lines.
fn functions(code: &str) -> Vec<(String, usize)> {
    let mut functions = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let name: String = code[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if let (false, Some(body)) = (name.is_empty(), body_end(&code[at..])) {
            functions.push((name, code[at..at + body].lines().count()));
        }
    }
    functions
}

/// Where the body ends that belongs to the signature at the beginning; `None` if there is no body.
fn body_end(code: &str) -> Option<usize> {
    let (mut brackets, mut braces) = (0_i32, 0_i32);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' if brackets == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces -= 1;
                if braces == 0 && brackets == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

fn read(list: &str) -> Lengths {
    let lines = list.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let read = lines.map(|line| {
        let (name, length) = line.rsplit_once(' ').expect("a line of the list ends in a length");
        (name.to_owned(), length.parse().expect("a length is a number"))
    });
    read.collect()
}

fn complaints(long: &Lengths, listed: &Lengths) -> Vec<String> {
    let grown = long.iter().filter_map(|(name, length)| match listed.get(name) {
        None => Some(format!("{name} has {length} lines")),
        Some(allowed) if length > allowed => Some(format!("{name} grew from {allowed} to {length} lines")),
        Some(_) => None,
    });
    let mended = listed.keys().filter(|name| !long.contains_key(*name));
    let mended = mended.map(|name| format!("{name} is short by now: take it off {LIST} (UPDATE=1 does)"));
    grown.chain(mended).collect()
}

/// The list as it may be: what is still long, and never longer than it was.
fn tightened(long: &Lengths, listed: &Lengths) -> Lengths {
    let kept = listed.iter().filter_map(|(name, allowed)| Some((name.clone(), *long.get(name)?.min(allowed))));
    kept.collect()
}

#[test]
fn files_and_functions_do_not_grow_past_the_line() {
    let path = tree::root().join(LIST);
    let long = long_ones();
    let mut listed = read(&fs::read_to_string(&path).unwrap_or_default());
    if std::env::var_os("UPDATE").is_some() {
        listed = tightened(&long, &listed);
        let mut list = HEADER.to_owned();
        for (name, length) in &listed {
            writeln!(list, "{name} {length}").expect("a string takes every line");
        }
        fs::write(&path, list).expect("the list can be written");
    }
    let rule = format!(
        "A file has up to {FILE} lines and a function up to {FUNCTION}; what is longer may only shrink. Give the second question \
         of the file a room of its own; let branching stay and move what it computes."
    );
    crate::no_complaints(&rule, &complaints(&long, &listed));
}

#[test]
fn functions_are_measured_from_name_to_last_brace() {
    let text = "trait T { fn none(&self); fn one(&self) {} }\nfn two(a: [u8; 2]) -> impl Fn(u8) {\n}\nlet f: fn (u8) = g;\n\
                fn four<T>()\nwhere T: X {\n  // }\n}\n";
    let seen = functions(&lexer::code(text));
    let seen: Vec<(&str, usize)> = seen.iter().map(|(name, lines)| (name.as_str(), *lines)).collect();
    assert_eq!(seen, [("one", 1), ("two", 2), ("four", 4)]);
}

#[test]
fn the_ratchet_turns_one_way() {
    let lengths = |list: &str| read(list);
    let listed = lengths("# head\na.rs 700\na.rs fn f 90\ngone.rs 650\n");
    let long = lengths("a.rs 680\na.rs fn f 91\nnew.rs 601\n");
    assert_eq!(tightened(&long, &listed), lengths("a.rs 680\na.rs fn f 90\n"));
    let complaints = complaints(&long, &listed);
    assert_eq!(complaints.len(), 3, "{complaints:?}");
    assert!(complaints[0].contains("grew from 90 to 91") && complaints[1].contains("new.rs has 601"), "{complaints:?}");
}
