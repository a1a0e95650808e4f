//! A failover explains itself: on the node that led it and on those that followed, at once and after a restart.

use lab::Cluster;
use lab::cluster::{Kind, Watch};
use lab::program::{run, said};
use serde_json::Value;

#[test]
fn a_failover_explains_itself_also_after_a_restart_of_its_node() {
    let mut cluster = Cluster::start(&[Watch::new(Kind::Ours, 2); 3]);
    let servers: Vec<String> = cluster.servers().map(|addr| addr.to_string()).collect();
    let none = run(&["explain", "--control", &cluster.control(0)]);
    assert_eq!(none.status.code(), Some(1), "{}", said(&none));
    assert!(said(&none).contains("none happened"), "{}", said(&none));

    let old = cluster.servers().next().expect("there are three");
    cluster.kill_server(old);
    let (new, _) = cluster.wait("there is another master", |cluster| cluster.moved(old));
    let ended = |text: &String| text.contains("Switched");
    for n in 0..3 {
        cluster.wait("the story is on disk", |cluster| cluster.remembered(n).filter(ended));
    }
    let stories: Vec<String> = (0..3).map(|n| cluster.wait("a node tells it", |cluster| told(cluster, n))).collect();

    for (n, story) in stories.iter().enumerate() {
        for words in [&format!("the master is {new}, it was {old}"), &format!("{new} is the master from here")] {
            assert!(story.contains(words), "{words}: {story}");
        }
        // On a busy machine a follower may be told before it has seen anything, and says that.
        let seen = story.contains("down for this node: connection");
        assert!(seen || story.contains("This node saw nothing wrong with the master."), "{story}");
        let log = cluster.log(n);
        assert!(log.contains("step by step: standfast explain"), "the log says how to learn more: {log}");
    }
    let leader = stories.iter().position(|story| story.contains("This node led it."));
    let leader = leader.unwrap_or_else(|| panic!("nobody says that it led: {stories:?}"));
    let story = &stories[leader];
    assert!(story.contains("down for this node: connection"), "{story}");
    for words in [
        "Who saw what of the old master",
        "says that it is down",
        "Votes (2 needed)",
        "Who could have become master",
        "  chosen: best",
        &format!("{new} is told to be master"),
    ] {
        assert!(story.contains(words), "{words}: {story}");
    }
    assert!(story.matches(" votes for ").count() >= 2, "its own vote and one more: {story}");
    for replica in &servers[1..] {
        assert!(story.contains(&format!("  {replica}  offset ")), "each replica was judged: {story}");
    }

    let document = json(&cluster, leader);
    let record = &document["story"]["record"];
    assert_eq!((record["from"].as_str(), record["to"].as_str()), (Some(&*old.to_string()), Some(&*new.to_string())));
    assert!(record["sightings"].as_array().is_some_and(|seen| seen.len() >= 3), "{document:#}");
    assert!(document["begun"].as_str().is_some_and(|time| time.ends_with('Z')), "{document:#}");

    cluster.kill_node(leader);
    cluster.start_node(leader);
    assert_eq!(&cluster.wait("it remembers", |cluster| told(cluster, leader)), story);

    for (words, answer) in [(["cache", "2"], "only one"), (["other", "1"], "no group other")] {
        let refused = run(&["explain", words[0], words[1], "--control", &cluster.control(leader)]);
        assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
        assert!(said(&refused).contains(answer), "{answer}: {}", said(&refused));
    }
}

/// What a node tells of the last failover.
fn told(cluster: &Cluster, n: usize) -> Option<String> {
    let told = run(&["explain", lab::cluster::GROUP, "--control", &cluster.control(n)]);
    told.status.success().then(|| String::from_utf8_lossy(&told.stdout).into_owned())
}

fn json(cluster: &Cluster, n: usize) -> Value {
    let told = run(&["explain", "--json", "--control", &cluster.control(n)]);
    serde_json::from_slice(&told.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(&told)))
}
