//! An operator lets single servers rest: their readers go elsewhere without an error, and the master is not stopped by accident.

use lab::Front;
use lab::front::{Crowd, Habit};
use lab::program::said;
use lab::wire::ask;

/// Connections of clients at a server, those of replication and of the node left out.
fn readers(server: std::net::SocketAddr) -> usize {
    let list = ask(server, &["CLIENT", "LIST", "TYPE", "normal"]).unwrap_or_default();
    let list = list.as_str().unwrap_or_default();
    // The node names its own.
    list.lines().filter(|line| line.contains(" name= ") && !line.contains("cmd=client|list")).count()
}

#[test]
fn readers_leave_a_server_that_shall_rest_without_an_error() {
    let front = Front::start("server-drain");
    let (one, two) = (front.servers[1], front.servers[2]);
    let mut crowd = Crowd::new();
    crowd.join(6, Habit::Read, front.replica);
    front.room.wait("both replicas are read", || (readers(one) > 0 && readers(two) > 0).then_some(()));
    for (what, word) in [("drain", "drained"), ("maintenance", "in maintenance")] {
        for server in [one, two] {
            let name = server.to_string();
            assert!(front.done(&["server", "cache", &name, what]).contains(word));
            front.room.wait("its readers are elsewhere", || (readers(server) == 0).then_some(()));
            crowd.goes_on(100);
            assert!(front.done(&["status"]).contains(word));
            assert!(front.done(&["server", "cache"]).contains(word));
            front.done(&["server", "cache", &name, "ready"]);
        }
    }
    front.done(&["server", "cache", &one.to_string(), "weight", "0"]);
    front.room.wait("its readers are elsewhere", || (readers(one) == 0).then_some(()));
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
