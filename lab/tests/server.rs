//! An operator lets single servers rest: their readers go elsewhere without an error, and the master is not stopped by accident.

use std::net::SocketAddr;

use lab::Front;
use lab::front::{Crowd, Habit};
use lab::program::said;
use lab::wire::ask;

/// How often readers have asked a server.
fn asked(server: SocketAddr) -> u64 {
    let stats = ask(server, &["INFO", "commandstats"]).unwrap_or_default();
    let line = stats.as_str().unwrap_or_default().lines().find_map(|line| line.strip_prefix("cmdstat_dbsize:calls="));
    line.and_then(|rest| rest.split(',').next()?.parse().ok()).unwrap_or_default()
}

/// Waits until readers ask these servers, and no others of the two.
fn are_read(front: &Front, crowd: &Crowd, read: &[SocketAddr]) {
    let both = [front.servers[1], front.servers[2]];
    front.room.wait("exactly these servers are read", || {
        let before = both.map(asked);
        crowd.goes_on(100);
        let rises =
            both.iter().zip(before).filter(|(server, before)| asked(**server) > *before).map(|(server, _)| *server);
        (rises.collect::<Vec<_>>() == read).then_some(())
    });
}

#[test]
fn readers_leave_a_server_that_shall_rest_without_an_error() {
    let front = Front::start("server-drain");
    let (one, two) = (front.servers[1], front.servers[2]);
    let mut crowd = Crowd::new();
    crowd.join(6, Habit::Read, front.replica);
    are_read(&front, &crowd, &[one, two]);
    for (what, word) in [("drain", "drained"), ("maintenance", "in maintenance")] {
        for (server, other) in [(one, two), (two, one)] {
            let name = server.to_string();
            assert!(front.done(&["server", "cache", &name, what]).contains(word));
            are_read(&front, &crowd, &[other]);
            assert!(front.done(&["status"]).contains(word));
            assert!(front.done(&["server", "cache"]).contains(word));
            front.done(&["server", "cache", &name, "ready"]);
        }
    }
    front.done(&["server", "cache", &one.to_string(), "weight", "0"]);
    are_read(&front, &crowd, &[two]);
    front.done(&["server", "cache", &one.to_string(), "weight", "50"]);
    assert!(front.done(&["server"]).contains("50"));
    let complaints = crowd.leave();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn the_master_is_held_by_force_only_and_until_another_one_is_master() {
    let front = Front::start("server-master");
    let master = front.servers[0];
    let name = master.to_string();
    let refused = front.operate(&["server", "cache", &name, "maintenance"]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("--force") && said(&refused).contains("switchover"), "{}", said(&refused));
    let mut crowd = Crowd::new();
    crowd.join(3, Habit::Count, front.master);

    let held = front.done(&["server", "cache", &name, "maintenance", "--force"]);
    assert!(held.contains("requests wait"), "{held}");
    let table = front.done(&["status"]);
    assert!(table.contains("by force: requests") && table.contains("lets them go"), "{table}");
    let waiting = || front.status().and_then(|status| status["listeners"][0]["held"].as_u64());
    front.room.wait("every client waits", || waiting().filter(|n| *n == 3));
    front.done(&["server", "cache", &name, "ready"]);
    crowd.goes_on(30);

    front.done(&["server", "cache", &name, "maintenance", "--force"]);
    front.room.wait("every client waits", || waiting().filter(|n| *n == 3));
    let moved = front.done(&["switchover", "cache"]);
    assert!(moved.contains(&format!("it was {master}")), "{moved}");
    crowd.goes_on(30);
    assert!(front.done(&["server", "cache"]).contains("in maintenance"), "as a replica it rests");
    let complaints = crowd.leave();
    assert!(complaints.is_empty(), "{complaints:#?}");

    let wrong = [vec!["server", "cache", "10.0.0.9:1", "drain"], vec!["server", "other", &name, "drain"]];
    for words in wrong {
        let refused = front.operate(&words);
        assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    }
    assert_eq!(front.operate(&["server", "cache", &name, "weight"]).status.code(), Some(2));
}
