use std::time::Duration;

use machine::time::at;
use sentinel::record::Verdict;
use view::{Epoch, GroupName, Offset};

use super::*;

fn addr(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], port))
}

fn id(byte: u8) -> RunId {
    RunId::from_bits([byte; 20])
}

fn step(ms: u64, what: Moment, note: &str) -> Step {
    Step { at: at(ms), what, note: note.to_owned() }
}

/// A crash that this node (1) led, with the votes and sightings of another (2).
fn crash() -> Record {
    Record {
        group: GroupName::from("cache"),
        epoch: Epoch(3),
        cause: Cause::Down,
        leader: Some(id(1)),
        from: addr(6379),
        to: Some(addr(6380)),
        steps: vec![
            step(1_000, Moment::Suspected, "connection refused"),
            step(1_050, Moment::Detected, "connection refused"),
            step(1_051, Moment::Agreed, "2 of 2 nodes"),
            step(1_064, Moment::Published, ""),
            step(1_164, Moment::Ended, ""),
        ],
        sightings: vec![Sighting { at: at(1_051), by: id(2), addr: addr(26380), what: "says that it is down".into() }],
        ballots: vec![Ballot { at: at(1_055), voter: id(2), addr: addr(26380), leader: id(1), epoch: Epoch(3) }],
        votes_needed: 2,
        candidates: vec![
            Verdict { addr: addr(6380), offset: Offset(50), chosen: true, why: "best".into() },
            Verdict { addr: addr(6381), offset: Offset(40), chosen: false, why: "fit, but not the best".into() },
        ],
        held: Duration::ZERO,
        outcome: Some(Outcome::Switched),
    }
}

/// Told by node 1, whose clock began at 04:37:32.123.
fn explained(record: Record, clients: Option<Tally>) -> Explained {
    let story = Story { zero: 1_795_235_852_123, node: id(1), record, clients };
    Explained {
        name: "a".into(),
        nr: 1,
        of: 4,
        begun: date_and_time(story.wall(start(&story.record))),
        ended: date_and_time(story.wall(end(&story.record))),
        nodes: BTreeMap::from([(id(1), addr(26379)), (id(3), addr(26381))]),
        story,
    }
}

#[test]
fn a_crash_is_told_from_the_first_sign_to_the_last_follower() {
    let clients = Tally { waited: 3, unknown_fate: 1, ..Tally::default() };
    let told = text(&explained(crash(), Some(clients)));
    let expected = "\
Group cache, epoch 3: the master is 10.0.0.1:6380, it was 10.0.0.1:6379. It took 164.0 ms.
The master was agreed down: connection refused. This node led it.
As node a saw it (1 of 4, the last is 1); it began at 2026-11-21T04:37:33.123Z.

         0.0 ms  04:37:33.123  the first sign of trouble with 10.0.0.1:6379: connection refused
        50.0 ms  04:37:33.173  down for this node: connection refused
        51.0 ms  04:37:33.174  down for the quorum: what goes through listeners waits from here: 2 of 2 nodes
        64.0 ms  04:37:33.187  the decision is on disk and told: 10.0.0.1:6380 is the master from here
       164.0 ms  04:37:33.287  the other replicas follow

Who saw what of the old master
        51.0 ms  02020202 at 10.0.0.1:26380: says that it is down

Votes (2 needed)
        55.0 ms  02020202 at 10.0.0.1:26380 votes for a (this node), epoch 3

Who could have become master
  10.0.0.1:6380  offset 50  chosen: best
  10.0.0.1:6381  offset 40  not chosen: fit, but not the best

From the first sign to the new master 64.0 ms passed, in which a write could only wait.
What this node's listeners counted: requests that waited: 3; clients disconnected because nobody can know whether their write was executed: 1.
";
    assert_eq!(told, expected);
}

#[test]
fn a_planned_change_tells_how_long_writes_were_held() {
    let planned = Record { cause: Cause::Planned, held: Duration::from_micros(3_900), ..crash() };
    let told = text(&explained(planned, Some(Tally::default())));
    assert!(told.contains("An operator wanted another master. This node led it."), "{told}");
    assert!(
        told.ends_with("Writes were held for 3.9 ms.\nClients of this node's listeners saw nothing of it.\n"),
        "{told}"
    );
}

#[test]
fn who_followed_says_who_knows_more() {
    let led_by = |leader| Record { cause: Cause::Told, leader, candidates: vec![], votes_needed: 0, ..crash() };
    let told = text(&explained(led_by(Some(id(3))), None));
    assert!(told.contains("Node 03030303 at 10.0.0.1:26381 led it, and knows more"), "{told}");
    assert!(told.contains("this node follows: 10.0.0.1:6380 is the master from here"), "{told}");
    assert!(told.contains("Votes that this node gave or heard of"), "{told}");
    assert!(told.ends_with("What clients saw is not known here.\n"), "{told}");
    let told = text(&explained(led_by(None), None));
    assert!(told.contains("Another node led it, and this one was not told which."), "{told}");
}

#[test]
fn what_was_given_up_says_why_and_what_is_under_way_that_it_is() {
    let why = "no replica is fit to be promoted".to_owned();
    let steps = vec![step(1_000, Moment::Tried, ""), step(1_300, Moment::Aborted, &why)];
    let outcome = Some(Outcome::Aborted { why });
    let given_up = Record { to: None, steps, outcome, ..crash() };
    let told = text(&explained(given_up.clone(), None));
    assert!(told.contains("the master stayed 10.0.0.1:6379. Given up after 300.0 ms: no replica is fit"), "{told}");
    assert!(told.contains("No other master was made."), "{told}");
    let told = text(&explained(Record { outcome: None, ..given_up }, None));
    assert!(told.contains("under way for 300.0 ms"), "{told}");
}

#[test]
fn a_record_without_any_step_can_be_told() {
    let told = text(&explained(Record { steps: vec![], ..crash() }, None));
    assert!(told.contains("It took 0.0 ms"), "{told}");
}

#[test]
fn the_time_of_day_is_that_of_the_calendar() {
    let known = [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
        (1_735_689_599_001, "2024-12-31T23:59:59.001Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (u64::MAX, "9999-12-31T23:59:59.999Z"),
    ];
    for (wall, text) in known {
        assert_eq!(date_and_time(wall), text);
    }
}

#[test]
fn a_number_alone_is_a_number_and_with_another_a_group() {
    let asked = |group, nr| question(group, nr).map_err(|e| e.to_string());
    assert_eq!(asked(None, None).as_deref(), Ok("explain 1"));
    assert_eq!(asked(Some("cache"), None).as_deref(), Ok("explain 1 cache"));
    assert_eq!(asked(Some("cache"), Some(2)).as_deref(), Ok("explain 2 cache"));
    assert_eq!(asked(Some("2"), None).as_deref(), Ok("explain 2"));
    assert_eq!(asked(Some("2"), Some(1)).as_deref(), Ok("explain 1 2"));
    assert!(asked(Some("a b"), None).is_err());
}
