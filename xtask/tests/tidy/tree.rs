//! Which files are there? What git tracks or would track: neither what was built nor what somebody keeps beside it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use crate::lexer;

/// A text file of the tree.
pub(crate) struct File {
    /// From the root, with `/`.
    pub path: String,
    pub text: String,
}

/// A Rust file.
pub(crate) struct Source {
    pub path: String,
    pub text: String,
    /// The text without comments and literals, line by line.
    pub code: String,
}

impl Source {
    /// Code that only runs in tests, by where the file is.
    pub(crate) fn is_test(&self) -> bool {
        let path = &self.path;
        path.contains("/tests/") || path.ends_with("/tests.rs") || path.starts_with("lab/") || path.starts_with("fuzz/")
    }

    /// The code of the file that is part of the product: all of it before its tests.
    pub(crate) fn product_code(&self) -> String {
        if self.is_test() {
            return String::new();
        }
        let lines = lexer::lines_before_tests(&self.text);
        self.code.lines().take(lines).collect::<Vec<_>>().join("\n")
    }
}

pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().expect("xtask is a directory of the workspace").to_path_buf()
}

/// Every text file.
pub(crate) static FILES: LazyLock<Vec<File>> = LazyLock::new(|| {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files of the tree");
    let listed = String::from_utf8(listed.stdout).expect("our file names are text");
    let mut files: Vec<File> = Vec::new();
    for path in listed.split_terminator('\0') {
        // Gone from the disk but not yet from the index, or not text: no rule speaks of it.
        if let Ok(text) = std::fs::read_to_string(root().join(path)) {
            files.push(File { path: path.to_owned(), text });
        }
    }
    assert!(files.len() > 20, "git found {} files: is this a checkout?", files.len());
    files
});

/// Every Rust file.
pub(crate) static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
    let rust = FILES.iter().filter(|file| file.path.ends_with(".rs"));
    rust.map(|file| Source { path: file.path.clone(), code: lexer::code(&file.text), text: file.text.clone() })
        .collect()
});

/// The map, ARCHITECTURE.md.
pub(crate) fn architecture() -> &'static str {
    let map = FILES.iter().find(|file| file.path == "ARCHITECTURE.md");
    &map.expect("ARCHITECTURE.md is the map that these rules are read from").text
}

/// The packages of a workspace, as cargo sees them: `packages` of `cargo metadata`.
pub(crate) fn packages(manifest: &str) -> Vec<Value> {
    let asked = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--offline", "--no-deps", "--manifest-path", manifest])
        .current_dir(root())
        .output()
        .expect("cargo describes the workspace");
    let complaint = String::from_utf8_lossy(&asked.stderr);
    let metadata: Value = serde_json::from_slice(&asked.stdout).unwrap_or_else(|e| panic!("{e}: {complaint}"));
    metadata["packages"].as_array().expect("packages is a list").clone()
}
