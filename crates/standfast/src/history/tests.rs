use std::fs;
use std::path::PathBuf;

use machine::time::at;
use sentinel::record::{Cause, Moment, Step};

use super::*;

/// A state directory of our own, gone when the test ends.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("standfast-history-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        Self(dir)
    }

    fn memory(&self) -> Memory {
        Memory::Store(Arc::new(Store::open(&self.0).expect("the temporary directory can be written")))
    }

    /// The same, as it is in the place of a stock Sentinel.
    fn file(&self) -> Memory {
        fs::create_dir_all(&self.0).expect("the temporary directory can be written");
        Memory::File(self.0.join("s.conf.failovers").into())
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn story(epoch: u64, note: &str) -> Story {
    let from = std::net::SocketAddr::from(([10, 0, 0, 1], 6379));
    let record = Record {
        group: GroupName::from("cache"),
        epoch: Epoch(epoch),
        cause: Cause::Down,
        leader: None,
        from,
        to: None,
        steps: vec![Step { at: at(epoch * 1_000), what: Moment::Tried, note: note.to_owned() }],
        sightings: vec![],
        ballots: vec![],
        votes_needed: 0,
        candidates: vec![],
        held: Duration::ZERO,
        outcome: Some(Outcome::Aborted { why: "the master is back".to_owned() }),
    };
    Story { zero: 1_000_000, node: RunId::from_bits([1; 20]), record, clients: Some(Tally::default()) }
}

#[test]
fn what_was_saved_is_remembered_with_its_time_of_day() {
    let dir = Dir::new("saved");
    let stories = vec![story(1, ""), story(2, "")];
    for memory in [dir.memory(), dir.file()] {
        assert_eq!(load(&memory), []);
        save(&memory, stories.clone()).expect("the directory can be written");
        assert_eq!(load(&memory), stories);
    }
    assert_eq!(load(&dir.file()), stories, "in another life");
    assert_eq!(stories[1].wall(at(2_005)), 1_002_005);
}

#[test]
fn a_file_that_makes_no_sense_costs_only_the_memory() {
    let dir = Dir::new("garbage");
    let memory = dir.memory();
    for text in ["", "{", "[1]", "[{\"zero\":1}]"] {
        memory.write(text.as_bytes()).expect("the directory can be written");
        assert_eq!(load(&memory), [], "{text}");
    }
}

#[test]
fn the_oldest_are_forgotten() {
    let dir = Dir::new("bound");
    let memory = dir.memory();
    let each_for_itself = |epoch| {
        let mut story = story(epoch, "");
        story.record.outcome = Some(Outcome::Aborted { why: format!("reason {epoch}") });
        story
    };
    save(&memory, (0..40).map(each_for_itself).collect()).expect("the directory can be written");
    let kept: Vec<u64> = load(&memory).iter().map(|story| story.record.epoch.0).collect();
    assert_eq!(kept, (8..40).collect::<Vec<_>>());
    // Of many attempts that ended alike, the first says how it began.
    save(&memory, (0..40).map(|epoch| story(epoch, "")).collect()).expect("the directory can be written");
    let kept: Vec<u64> = load(&memory).iter().map(|story| story.record.epoch.0).collect();
    assert_eq!(kept, [0].into_iter().chain(9..40).collect::<Vec<_>>());
    // A file is never longer than the state directory takes.
    let long = "x".repeat(1 << 20);
    save(&memory, (0..6).map(|epoch| story(epoch, &long)).collect()).expect("what does not fit is left out");
    let kept: Vec<u64> = load(&memory).iter().map(|story| story.record.epoch.0).collect();
    assert_eq!(kept, [3, 4, 5]);
}

#[test]
fn what_clients_saw_is_counted_from_before_the_first_sign() {
    let group = GroupName::from("cache");
    let tally = |waited| BTreeMap::from([(group.clone(), Tally { waited, ..Tally::default() })]);
    let mut samples = Samples::default();
    assert_eq!(samples.before(&group, at(5)), Tally::default());
    for second in 0..10 {
        samples.take(at(second * 1_000), tally(second));
        samples.take(at(second * 1_000 + 10), tally(99));
    }
    assert_eq!(samples.before(&group, at(7_500)).waited, 7, "a look within a moment of the last adds nothing");
    assert_eq!(samples.before(&GroupName::from("other"), at(7_500)), Tally::default());
    for second in 10..1_000 {
        samples.take(at(second * 1_000), tally(second));
    }
    assert_eq!(samples.0.len(), MAX_SAMPLES);
    assert_eq!(samples.before(&group, at(7_500)).waited, 900, "older than all that is kept: the oldest");
}

#[test]
fn a_story_is_the_same_until_it_began_at_another_time() {
    let grown = Story { clients: None, ..story(1, "more") };
    assert!(story(1, "").is_same(&grown));
    assert!(!story(1, "").is_same(&story(2, "")));
    assert!(!story(1, "").is_same(&Story { zero: 2, ..story(1, "") }), "another life");
}

#[test]
fn the_log_tells_a_command_that_works_as_it_stands() {
    let group = GroupName::from("cache");
    assert_eq!(ask(&group, None), "standfast explain cache");
    let beside = Path::new("/etc/redis/sentinel.conf.control");
    assert_eq!(ask(&group, Some(beside)), "standfast explain --control /etc/redis/sentinel.conf.control cache");
}
