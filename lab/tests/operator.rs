//! What an operator types at a running node: status and switchover, with their exit codes.

use lab::Demo;
use lab::program::{run, said};
use serde_json::Value;

#[test]
fn an_operator_sees_and_moves_the_master() {
    let demo = Demo::start();
    let control = demo.node(1, "control");
    let servers: Vec<&str> = demo.ready["servers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let (master, to) = (servers[0], servers[2]);

    let table = said(&run(&["status", "--control", &control]));
    for word in ["group cache: Steady", &format!("master {master}"), "replica", "in sync", "LISTENER"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    assert!(!table.to_lowercase().contains("down"), "nothing is down: {table}");

    let moved = run(&["switchover", "cache", "--to", to, "--control", &control]);
    assert_eq!(moved.status.code(), Some(0), "{}", said(&moved));
    assert!(said(&moved).contains(&format!("the master is {to}, it was {master}")), "{}", said(&moved));

    let status = run(&["status", "--json", "--control", &control]);
    let status: Value = serde_json::from_slice(&status.stdout).expect("one JSON document");
    assert_eq!(status["report"]["groups"][0]["view"]["master"], to, "{status:#}");

    // Asked again it is refused: that one is the master already. So is a group or a server that does not exist.
    for refused in [["cache", "--to", to], ["other", "--to", master], ["cache", "--to", "127.0.0.1:1"]] {
        let mut arguments = vec!["switchover"];
        arguments.extend(refused);
        arguments.extend(["--control", &control]);
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(1), "{refused:?}: {}", said(&output));
        assert!(said(&output).len() > 30, "a refusal has a reason: {}", said(&output));
    }
}
