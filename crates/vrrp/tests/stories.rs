//! Runs every story of `tests/stories`: the events written there through the machine, and compares what it orders.
//! `UPDATE=1` rewrites the files; read the difference in review.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use machine::{Instant, Machine, story};
use serde::Serialize;
use serde::de::DeserializeOwned;
use vrrp::{Config, Router, SyncGroup};

fn header<C: DeserializeOwned>(text: &str) -> Result<C, String> {
    let line = story::header(text, "config").ok_or("no config line")?;
    story::from_line(line).map_err(|e| format!("the config line cannot be read: {e}"))
}

fn router(text: &str) -> Result<Router, String> {
    let config: Config = header(text)?;
    config.check().map_err(|e| e.to_string())?;
    Ok(Router::new(config, Instant::START))
}

fn group(text: &str) -> Result<SyncGroup, String> {
    let members: BTreeMap<String, Config> = header(text)?;
    Ok(SyncGroup::new(members.into_iter().collect(), Instant::START))
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
    let entries = fs::read_dir(&folder).expect("the folder is in the repository");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "story"));
    paths.sort();
    assert!(!paths.is_empty(), "there are no stories in {folder:?}");
    let failures: Vec<String> =
        paths.iter().filter_map(|path| Some(format!("{}: {}", path.display(), tell(path, new).err()?))).collect();
    assert!(failures.is_empty(), "{}\nUPDATE=1 rewrites them", failures.join("\n\n"));
}

#[test]
fn every_story_is_told_as_it_is_written() {
    tell_all("tests/stories", router);
}

#[test]
fn every_story_of_a_sync_group_is_told_as_it_is_written() {
    tell_all("tests/stories/sync", group);
}
