//! The smallest machine that needs the whole contract: a light in a stairwell. It reports that it is lit only after that
//! is on disk, and it goes out by itself.

use std::collections::VecDeque;
use std::time::Duration;

use machine::time::at;
use machine::{Instant, Machine, soonest, step, story, wake};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
struct Config {
    #[serde(with = "machine::time::span")]
    off_after: Duration,
}

#[derive(Debug, Serialize, Deserialize)]
enum Event {
    Pressed { by: String },
    Saved { seq: u64 },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Action {
    Save { seq: u64, lit: bool },
    Report { lit: bool, by: Option<String> },
}

#[derive(Clone, Copy, Debug)]
enum Timer {
    /// When to put out a light that nobody pressed again.
    Off,
}

struct Light {
    config: Config,
    /// When it goes out; `None` while it is dark.
    lit_until: Option<Instant>,
    seq: u64,
    /// What is told once the save of this number is on disk. One entry: a newer save covers an older one.
    waiting: Option<(u64, Action)>,
    actions: VecDeque<Action>,
}

impl Machine for Light {
    type Event = Event;
    type Action = Action;
    type Timer = Timer;

    fn handle(&mut self, now: Instant, event: Event) {
        match event {
            Event::Pressed { by } => self.on_pressed(now, by),
            Event::Saved { seq } => self.on_saved(seq),
        }
    }

    fn wake(&mut self, now: Instant) {
        if self.lit_until.is_some_and(|until| until <= now) {
            self.lit_until = None;
            self.save(None);
        }
    }

    fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    fn deadline(&self) -> Option<(Instant, Timer)> {
        self.lit_until.map(|until| (until, Timer::Off))
    }
}

impl Light {
    fn new(config: Config) -> Self {
        Self { config, lit_until: None, seq: 0, waiting: None, actions: VecDeque::new() }
    }

    fn on_pressed(&mut self, now: Instant, by: String) {
        let was_lit = self.lit_until.replace(now + self.config.off_after).is_some();
        if !was_lit {
            self.save(Some(by));
        }
    }

    fn on_saved(&mut self, seq: u64) {
        if let Some((_, report)) = self.waiting.take_if(|(waiting, _)| *waiting == seq) {
            self.actions.push_back(report);
        }
    }

    fn save(&mut self, by: Option<String>) {
        let (seq, lit) = (self.seq + 1, self.lit_until.is_some());
        self.seq = seq;
        self.actions.push_back(Action::Save { seq, lit });
        self.waiting = Some((seq, Action::Report { lit, by }));
    }
}

#[test]
fn the_light_tells_its_story() {
    tells("toy.story");
}

#[test]
fn a_report_waits_for_the_disk() {
    let mut light = light(250);
    let mut out = Vec::new();
    step(&mut light, at(0), pressed("anna"), |a| out.push(a));
    assert_eq!(out, [Action::Save { seq: 1, lit: true }]);
    step(&mut light, at(1), Event::Saved { seq: 9 }, |a| panic!("{a:?} for an unknown save"));
    out.clear();
    step(&mut light, at(2), Event::Saved { seq: 1 }, |a| out.push(a));
    let by = Some("anna".to_string());
    assert_eq!(out, [Action::Report { lit: true, by }]);
}

#[test]
fn early_and_repeated_wakes_are_harmless() {
    let mut light = light(250);
    step(&mut light, at(0), pressed("anna"), drop);
    wake(&mut light, at(249), |a| panic!("{a:?} before the deadline"));
    wake(&mut light, at(250), drop);
    wake(&mut light, at(250), |a| panic!("{a:?} twice"));
    assert!(light.deadline().is_none());
}

#[test]
fn other_actions_are_written_in_place_of_the_expected_ones() {
    let old = "\
at 0ms pressed by=anna
   > save   seq=1 lit=true
# Dark again.
until 250ms
   > nonsense
  at 3ms wake
at 251ms saved seq=2
   > report lit=false  # by nobody
";
    let new = "\
at 0ms pressed by=anna
       > save seq=1 lit=true
# Dark again.
until 250ms
  at 250ms wake
         > save seq=2 lit=false
at 251ms saved seq=2
   > report lit=false  # by nobody
";
    assert_eq!(story::run(&mut light(250), old).unwrap(), new);
    assert_eq!(story::run(&mut light(250), new).unwrap(), new);
}

#[test]
fn a_deadline_is_not_delivered_unless_the_story_says_so() {
    let late = "at 0ms pressed by=anna\n       > save seq=1 lit=true\nat 900ms saved seq=7\n";
    assert_eq!(story::run(&mut light(250), late).unwrap(), late);
    let told = story::run(&mut light(250), &format!("{late}until 901ms\n")).unwrap();
    assert!(told.ends_with("until 901ms\n  at 900ms wake\n         > save seq=2 lit=false\n"), "{told}");
}

#[test]
fn what_is_wrong_with_a_story_is_said_with_its_line() {
    for (story, line, column, why) in [
        ("\nat 5ms saved seq=1\nat 4ms wake\n", 3, 1, "time goes back: it was 5ms already"),
        ("at 5 wake", 1, 4, "expected milliseconds, such as 250ms, found `5`"),
        ("at 5ms saved seq=x", 1, 18, "expected a number (u64), found `x`"),
        ("at 5ms saved", 1, 13, "the field seq is missing"),
        ("at 5ms", 1, 7, "expected one of the verbs (pressed, saved), found the end of the line"),
        ("# no event\n   > save", 2, 1, "an action, but no event before it"),
        ("at 1ms wake\nseed 7", 2, 1, "a header stands before the first `at`"),
        ("until 5ms wake", 1, 11, "expected the end of the line"),
        (
            "after 5ms",
            1,
            1,
            "expected at, until, # or a header (machine, config, seed, state, snapshot) without indent",
        ),
    ] {
        let e = story::run(&mut light(250), story).unwrap_err();
        assert_eq!((e.line, e.column, e.why.as_str()), (line, column, why), "{story}");
    }
}

#[test]
fn an_until_that_never_ends_is_refused() {
    let e = story::run(&mut Restless(at(0)), "until 1000000000ms").unwrap_err();
    assert_eq!(e.why, "after 10000 wakes the machine is only at 9999ms");
}

#[test]
fn a_header_is_found_before_the_first_event_only() {
    let text = "# x\nmachine light\nconfig off-after=250ms  # short\n\nat 1ms wake\nseed 7\n";
    assert_eq!(story::header(text, "config"), Some("off-after=250ms"));
    assert_eq!(story::header(text, "machine"), Some("light"));
    assert_eq!(story::header(text, "seed"), None);
    assert_eq!(story::header(text, "at"), None);
}

#[test]
fn a_record_is_a_story() {
    let mut light = light(250);
    let mut record = vec![story::event_line(at(0), &pressed("anna b."))];
    step(&mut light, at(0), pressed("anna b."), |a| record.push(story::action_line(&a)));
    record.push(story::wake_line(at(250)));
    wake(&mut light, at(250), |a| record.push(story::action_line(&a)));
    let record = record.join("\n");
    assert!(record.starts_with("at 0ms pressed by=\"anna b.\"\n       > save seq=1 lit=true\nat 250ms wake\n"));
    assert_eq!(story::difference(&record, &story::run(&mut self::light(250), &record).unwrap()), None);
}

#[test]
#[should_panic(expected = "B2: Off is due at 0.005s after wake(0.005s)")]
fn a_machine_that_leaves_a_due_deadline_is_a_bug() {
    wake(&mut Stuck, at(5), drop);
}

#[test]
fn the_soonest_deadline_keeps_its_reason() {
    assert_eq!(soonest::<char>(None, None), None);
    assert_eq!(soonest(Some((at(2), 'a')), None), Some((at(2), 'a')));
    assert_eq!(soonest(None, Some((at(2), 'b'))), Some((at(2), 'b')));
    assert_eq!(soonest(Some((at(2), 'a')), Some((at(1), 'b'))), Some((at(1), 'b')));
    assert_eq!(soonest(Some((at(1), 'a')), Some((at(1), 'b'))), Some((at(1), 'a')), "the first of equals");
}

proptest! {
    #[test]
    fn no_story_makes_the_runner_panic(text in "\\PC{0,80}", lines in prop::collection::vec(line(), 0..12)) {
        let _ = story::run(&mut light(250), &text);
        let story = lines.join("\n");
        if let Ok(told) = story::run(&mut light(250), &story) {
            let again = story::run(&mut light(250), &told).unwrap();
            prop_assert_eq!(story::difference(&told, &again), None, "what was told is told again");
        }
    }
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..4_u64).prop_map(|ms| format!("at {}ms wake", ms * 100)),
        4 => (0..4_u64).prop_map(|ms| format!("at {}ms pressed by=x", ms * 100)),
        2 => (0..9_u64).prop_map(|ms| format!("until {}ms", ms * 100)),
        2 => Just("    > save seq=1 lit=true  # so".to_string()),
        2 => Just("  at 250ms wake".to_string()),
        1 => Just("  # remark".to_string()),
        1 => Just(String::new()),
        1 => "(at|until|config|>|#)? ?[ a-z0-9\"\\\\#=]{0,12}",
    ]
}

/// A machine whose timer fires for ever, for the bound of `until`.
struct Restless(Instant);

impl Machine for Restless {
    type Event = Event;
    type Action = Action;
    type Timer = Timer;

    fn handle(&mut self, _: Instant, _: Event) {}

    fn wake(&mut self, now: Instant) {
        self.0 = now + Duration::from_millis(1);
    }

    fn poll(&mut self) -> Option<Action> {
        None
    }

    fn deadline(&self) -> Option<(Instant, Timer)> {
        Some((self.0, Timer::Off))
    }
}

/// A machine that forgets to move its timer.
struct Stuck;

impl Machine for Stuck {
    type Event = Event;
    type Action = Action;
    type Timer = Timer;

    fn handle(&mut self, _: Instant, _: Event) {}

    fn wake(&mut self, _: Instant) {}

    fn poll(&mut self) -> Option<Action> {
        None
    }

    fn deadline(&self) -> Option<(Instant, Timer)> {
        Some((at(5), Timer::Off))
    }
}

fn light(ms: u64) -> Light {
    Light::new(Config { off_after: Duration::from_millis(ms) })
}

fn pressed(by: &str) -> Event {
    Event::Pressed { by: by.to_string() }
}

fn tells(file: &str) {
    let path = format!("{}/tests/stories/{file}", env!("CARGO_MANIFEST_DIR"));
    let expected = std::fs::read_to_string(&path).unwrap();
    let config = story::from_line(story::header(&expected, "config").expect("the story has a config line"));
    let mut light = Light::new(config.unwrap());
    let actual = story::run(&mut light, &expected).unwrap_or_else(|e| panic!("{file}: {e}"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, actual).unwrap();
    } else if let Some(difference) = story::difference(&expected, &actual) {
        panic!("{file} (UPDATE=1 accepts this):\n{difference}");
    }
}
