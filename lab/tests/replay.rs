//! A flight record of a real failover: it happens again, exactly.

use std::fs;

use lab::Demo;
use lab::program::{run, said};

#[test]
fn a_real_failover_replays_identically() {
    let mut demo = Demo::start();
    demo.key("c");
    demo.key("r");
    let round = demo.round();
    assert_eq!(round["all_agree"], true, "{round:#}");
    for n in 0..3 {
        let written = run(&["flight", "--control", &demo.node(n, "control")]);
        let path = String::from_utf8_lossy(&written.stdout).trim().to_owned();
        assert!(written.status.success(), "{}", said(&written));
        let replayed = run(&["replay", &path]);
        assert!(replayed.status.success(), "{}", said(&replayed));

        // A record that tells something else than what follows from its events is found out.
        let record = fs::read_to_string(&path).expect("it was just written");
        assert!(record.contains("> publish"), "a failover publishes a view");
        let forged = format!("{path}.forged");
        fs::write(&forged, record.replacen("> publish", "> forgotten", 1))
            .expect("the demo's directory can be written");
        let replayed = run(&["replay", &forged]);
        assert_eq!(replayed.status.code(), Some(1), "{}", said(&replayed));
        assert!(said(&replayed).contains("publish"), "{}", said(&replayed));
    }
}
