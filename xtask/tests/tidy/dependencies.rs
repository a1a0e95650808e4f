//! Each crate of the field that we use has a line in ARCHITECTURE.md on what it is for, and no line outlives its crate.

use std::collections::BTreeSet;

use crate::tree;

/// The workspaces: ours, and the one that needs libFuzzer.
const MANIFESTS: &[&str] = &["Cargo.toml", "fuzz/Cargo.toml"];

/// Reads the lines `- **tokio**: sockets and timers.` of the section "Dependencies"; one line may name several.
fn explained(architecture: &str) -> BTreeSet<String> {
    let section =
        architecture.split("\n## ").find(|section| section.lines().next().is_some_and(|t| t.contains("Dependencies")));
    let section = section.expect("ARCHITECTURE.md has a section \"## Dependencies\"");
    let mut names = BTreeSet::new();
    for line in section.lines().filter_map(|line| line.strip_prefix("- **")) {
        let head = line.split(": ").next().unwrap_or(line);
        names.extend(head.split("**").filter(|piece| is_name(piece)).map(str::to_owned));
    }
    names
}

fn is_name(piece: &str) -> bool {
    !piece.is_empty() && piece.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

#[test]
fn each_dependency_has_a_line_on_what_it_is_for() {
    let mut used = BTreeSet::new();
    for manifest in MANIFESTS.iter().filter(|manifest| tree::root().join(manifest).exists()) {
        for package in tree::packages(manifest) {
            let dependencies = package["dependencies"].as_array().expect("dependencies is a list").clone();
            let others = dependencies.iter().filter(|dependency| !dependency["path"].is_string());
            used.extend(others.map(|other| other["name"].as_str().expect("a dependency has a name").to_owned()));
        }
    }
    let explained = explained(tree::architecture());
    let missing = used.difference(&explained).map(|name| format!("{name} has no line"));
    let stale = explained.difference(&used).map(|name| format!("{name} has a line and is used by nobody"));
    let rule =
        "Each dependency has one line in ARCHITECTURE.md, section Dependencies, on what it is for: - **name**: reason.";
    crate::no_complaints(rule, &missing.chain(stale).collect::<Vec<_>>());
}

#[test]
fn lines_name_one_crate_or_several() {
    let text = "# Map\n- **bold**: elsewhere\n\n## Dependencies\n\n- **tokio**: I/O of the *drivers*.\n- **serde**, **serde_json**: **the** \
                text form.\n\n## Next\n- **x**: y\n";
    assert_eq!(explained(text).into_iter().collect::<Vec<_>>(), ["serde", "serde_json", "tokio"]);
}
