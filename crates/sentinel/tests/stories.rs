//! Runs every story of `tests/stories`: the events written there through the machine, and compares what it orders.
//! `UPDATE=1` rewrites the files; read the difference in review.

use std::fs;
use std::path::Path;

use machine::{Instant, Machine, story};
use sentinel::follow::{self, Follow};
use sentinel::probe::{self, Probe};
use sentinel::{Config, Sentinel, State};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn config<C: DeserializeOwned>(text: &str) -> Result<C, String> {
    let line = story::header(text, "config").ok_or("no config line")?;
    story::from_line(line).map_err(|e| format!("the config line cannot be read: {e}"))
}

fn sentinel(text: &str) -> Result<Sentinel, String> {
    let config: Config = config(text)?;
    let state: State = match story::header(text, "state") {
        Some(line) => story::from_line(line).map_err(|e| e.to_string())?,
        None => State::default(),
    };
    let seed = story::header(text, "seed").and_then(|s| s.parse().ok()).unwrap_or(1);
    Ok(Sentinel::new(config, state, seed, Instant::START))
}

fn probe(text: &str) -> Result<Probe, String> {
    config::<probe::Config>(text).map(|config| Probe::new(config, Instant::START))
}

fn follow(text: &str) -> Result<Follow, String> {
    config::<follow::Config>(text).map(|config| Follow::new(config, Instant::START))
}

fn tell<M>(path: &Path, new: fn(&str) -> Result<M, String>) -> Result<(), String>
where
    M: Machine<Event: DeserializeOwned, Action: Serialize>,
{
    let text = fs::read_to_string(path).map_err(|e| e.to_string())?;
    let told = story::run(&mut new(&text)?, &text).map_err(|e| e.to_string())?;
    if std::env::var_os("UPDATE").is_some() {
        return fs::write(path, told).map_err(|e| e.to_string());
    }
    story::difference(&text, &told).map_or(Ok(()), Err)
}

fn tell_all<M>(folder: &str, new: fn(&str) -> Result<M, String>)
where
    M: Machine<Event: DeserializeOwned, Action: Serialize>,
{
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .expect("the folder is in the repository")
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|e| e == "story"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "there are no stories in {folder:?}");
    let failures: Vec<String> =
        paths.iter().filter_map(|path| Some(format!("{}: {}", path.display(), tell(path, new).err()?))).collect();
    assert!(failures.is_empty(), "{}\nUPDATE=1 rewrites them", failures.join("\n\n"));
}

#[test]
fn every_story_is_told_as_it_is_written() {
    tell_all("tests/stories", sentinel);
}

#[test]
fn every_story_of_a_probe_is_told_as_it_is_written() {
    tell_all("tests/stories/probe", probe);
}

#[test]
fn every_story_of_a_follower_is_told_as_it_is_written() {
    tell_all("tests/stories/follow", follow);
}
