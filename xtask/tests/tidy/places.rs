//! Links of the documents lead somewhere, and no file names a path of the machine it was written on or the host of a registry.

use std::path::Path;

use crate::tree::{self, FILES};

/// Written in pieces, so that this file does not break its own rule.
const OF_A_MACHINE: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tmp/", "target"), concat!("/ho", "me/")];
/// The same: where packages come from is the machine's business.
const REGISTRIES: &[&str] = &[
    concat!("crates", ".io"),
    concat!("deb.debian", ".org"),
    concat!("security.debian", ".org"),
    concat!("registry.npmjs", ".org"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
];
/// Files that a program writes and in which it names registries.
const WRITTEN_BY_CARGO: &[&str] = &["Cargo.lock", "fuzz/Cargo.lock"];

#[test]
fn no_file_names_this_machine_or_a_registry() {
    let mut complaints = Vec::new();
    for file in FILES.iter().filter(|file| !WRITTEN_BY_CARGO.contains(&file.path.as_str())) {
        for (number, line) in file.text.lines().enumerate() {
            let hits = OF_A_MACHINE.iter().chain(REGISTRIES).filter(|word| line.contains(**word));
            complaints.extend(hits.map(|word| format!("{}:{}: {word}", file.path, number + 1)));
        }
    }
    let rule = "No file names a path of the machine it was written on, or the host of a registry: elsewhere neither exists. \
                Use a relative path or a temporary directory; leave the host out.";
    crate::no_complaints(rule, &complaints);
}

#[test]
fn links_lead_somewhere() {
    let mut complaints = Vec::new();
    for file in FILES.iter().filter(|file| file.path.ends_with(".md")) {
        let here = tree::root().join(&file.path);
        let here = here.parent().expect("a file is in a directory");
        for link in links(&file.text) {
            if !leads_somewhere(here, &link) {
                complaints.push(format!("{}: {link}", file.path));
            }
        }
    }
    crate::no_complaints(
        "Links in documents are relative and lead to a file, and to a heading in it: mend the link.",
        &complaints,
    );
}

fn leads_somewhere(here: &Path, link: &str) -> bool {
    let (path, heading) = link.split_once('#').unwrap_or((link, ""));
    // A document that links to a heading in itself is not worth the search.
    if path.is_empty() {
        return true;
    }
    let target = here.join(path);
    if heading.is_empty() || target.extension().is_none_or(|extension| extension != "md") {
        return target.exists();
    }
    let text = std::fs::read_to_string(target).unwrap_or_default();
    text.lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == heading)
}

/// A heading as forges write it into a link.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The targets of `[text](target)` outside of code blocks, but for the ones in the net.
fn links(markdown: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut in_code = false;
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let target = line[at + 2..].split([')', ' ']).next().unwrap_or_default();
            if !target.contains("://") && !target.starts_with("mailto:") {
                links.push(target.to_owned());
            }
        }
    }
    links
}

#[test]
fn only_links_of_the_tree_are_followed() {
    let text = "[a](docs/a.md) [b](https://b) ![c](c.png \"title\")\n```\n[d](d)\n```\n[e](x.md#two-words)\n";
    assert_eq!(links(text), ["docs/a.md", "c.png", "x.md#two-words"]);
    assert_eq!(anchor("## `Two` words, three"), "two-words-three");
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(leads_somewhere(here, "../Cargo.toml") && leads_somewhere(here, "#below"));
    assert!(!leads_somewhere(here, "../no-such-file.md") && !leads_somewhere(here, "../no-such-file.md#x"));
}
