//! Each file in `problems/` is a configuration that somebody might write, and beside it what they would read. `UPDATE=1` rewrites the
//! answers; review them as an operator would.

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_wrong_file_gets_its_answer() {
    let mut stale = Vec::new();
    for path in cases() {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let Err(problems) = config::parse(name, &text) else { panic!("{name} has no problem") };
        let answer = format!("{}\n{problems}", problems.render(false));
        let golden = path.with_extension("txt");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&golden, &answer).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != answer {
            stale.push(format!("{name} is answered with\n{answer}"));
        }
    }
    assert!(stale.is_empty(), "UPDATE=1 accepts this:\n\n{}", stale.join("\n"));
}

#[test]
fn no_answer_repeats_a_password() {
    for path in cases() {
        let answer = fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        assert!(!answer.contains("hunter"), "{}", path.display());
    }
}

#[test]
fn colour_is_only_there_when_asked_for() {
    let problems = config::parse("f", "[nod]").unwrap_err();
    assert!(problems.render(true).contains('\u{1b}'));
    assert!(!problems.render(false).contains('\u{1b}'));
}

#[test]
fn a_thousand_problems_are_counted_and_a_hundred_shown() {
    let text: String = (0..1_000).map(|n| format!("x{n} = 1\n")).collect();
    let problems = config::parse("f", &text).unwrap_err();
    let shown = problems.render(false);
    assert_eq!(shown.matches("error: ").count(), 100);
    assert!(shown.ends_with("f: 1000 problems, of which the first 100 are shown\n"), "{}", problems.len());
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/problems");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    cases.sort();
    assert!(!cases.is_empty());
    cases
}
