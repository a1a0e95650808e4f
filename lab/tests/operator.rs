//! What an operator types at a running node: status and switchover, with their exit codes.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use lab::Demo;
use lab::netns::Network;
use lab::process::Process;
use lab::program::{require, run, said, standfast};
use lab::routers::wait_until;
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

    // The others are told, too, before it is over.
    let explained = || said(&run(&["explain", "--control", &control]));
    wait_until("the switchover is over", || explained().lines().next().is_some_and(|line| line.contains("It took")));
    let story = explained();
    for words in ["An operator wanted another master", "Writes were held for", &format!("{to} is told to be master")] {
        assert!(story.contains(words), "{words}: {story}");
    }
    assert_eq!(
        get(&demo.node(1, "page"), "explain/cache/1").lines().next(),
        story.lines().next(),
        "the page tells the same"
    );

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

/// What a GET of the page's server answers, the headers left out.
fn get(page: &str, path: &str) -> String {
    let host = page.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).unwrap_or_else(|e| panic!("the page at {page}: {e}"));
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it listens");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers and closes");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    body.to_owned()
}

/// The first thing that many a new user meets: a Redis as its package sets it up, on another host.
#[test]
fn a_redis_that_serves_its_own_host_alone_is_named_before_anything_is_started() {
    require("redis-server");
    let network = Network::lay(&["redis", "node"]);
    let (server, node) = (network.address("redis"), network.address("node"));
    let mut command = network.command("redis", "redis-server");
    command.args(["--bind", &format!("{server} 127.0.0.1"), "--port", "6379", "--save", ""]);
    let _redis = Process::start(command);
    let file = network.scratch().join("standfast.toml");
    let text = format!(
        "[node]\nname = \"n\"\nlisten = \"{node}:26379\"\nstate-dir = \"{}\"\n\n[[group]]\nname = \"cache\"\nmaster = \"{server}:6379\"\n",
        network.scratch().join("state").display()
    );
    fs::write(&file, text).expect("the scratch directory is ours");
    let pinged =
        || network.command("redis", "redis-cli").arg("ping").output().is_ok_and(|it| said(&it).contains("PONG"));
    wait_until("Redis answers its own host", pinged);
    let refused = network.command("node", standfast()).args(["run", "-c"]).arg(&file).output().expect("it can be run");
    let told = said(&refused);
    assert_eq!(refused.status.code(), Some(3), "{told}");
    for word in ["serves its own host alone", "protected mode", "`requirepass`", "standfast.toml:7:"] {
        assert!(told.contains(word), "{word}: {told}");
    }
}
