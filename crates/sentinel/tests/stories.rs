//! Runs every story of `tests/stories`: the events written there through the machine, and compares what it orders.
//! `UPDATE=1` rewrites the files; read the difference in review.

use std::fs;
use std::path::Path;

use machine::{Instant, story};
use sentinel::{Config, Sentinel, State};

fn tell(path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|e| e.to_string())?;
    let config: Config = story::header(&text, "config")
        .ok_or("no config line")
        .and_then(|line| story::from_line(line).map_err(|_| "the config line cannot be read"))?;
    let state: State = match story::header(&text, "state") {
        Some(line) => story::from_line(line).map_err(|e| e.to_string())?,
        None => State::default(),
    };
    let seed = story::header(&text, "seed").and_then(|s| s.parse().ok()).unwrap_or(1);
    let mut sentinel = Sentinel::new(config, state, seed, Instant::START);
    let told = story::run(&mut sentinel, &text).map_err(|e| e.to_string())?;
    if std::env::var_os("UPDATE").is_some() {
        return fs::write(path, told).map_err(|e| e.to_string());
    }
    story::difference(&text, &told).map_or(Ok(()), Err)
}

#[test]
fn every_story_is_told_as_it_is_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories");
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .expect("the folder is in the repository")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|e| e == "story"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "there are no stories in {folder:?}");
    let failures: Vec<String> =
        paths.iter().filter_map(|path| Some(format!("{}: {}", path.display(), tell(path).err()?))).collect();
    assert!(failures.is_empty(), "{}\nUPDATE=1 rewrites them", failures.join("\n\n"));
}
