//! Runs every story of `tests/stories`: the events written there through the machine, and compares what it orders.
//! `UPDATE=1` rewrites the files; read the difference in review.

use std::fs;
use std::path::Path;

use machine::{Instant, story};
use node::{Config, Node};

fn node(text: &str) -> Result<Node, String> {
    let line = story::header(text, "config").ok_or("no config line")?;
    let config: Config = story::from_line(line).map_err(|e| format!("the config line cannot be read: {e}"))?;
    config.check().map_err(|e| e.to_string())?;
    Ok(Node::new(config, 1, Instant::START))
}

fn tell(path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|e| e.to_string())?;
    let told = story::run(&mut node(&text)?, &text).map_err(|e| e.to_string())?;
    if std::env::var_os("UPDATE").is_some() {
        return fs::write(path, told).map_err(|e| e.to_string());
    }
    story::difference(&text, &told).map_or(Ok(()), Err)
}

#[test]
fn every_story_is_told_as_it_is_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories");
    let entries = fs::read_dir(&folder).expect("the folder is in the repository");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "story"));
    paths.sort();
    assert!(!paths.is_empty(), "there are no stories in {folder:?}");
    let failures: Vec<String> =
        paths.iter().filter_map(|path| Some(format!("{}: {}", path.display(), tell(path).err()?))).collect();
    assert!(failures.is_empty(), "{}\nUPDATE=1 rewrites them", failures.join("\n\n"));
}
