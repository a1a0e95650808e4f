//! What may be told to an address that is here, of every way, without letting it go for a moment?

use std::time::Duration;

use machine::time::at;
use machine::{Instant, Machine as _, story};
use node::config::{Address, Config, Follows, Job, Way};
use node::{Action, End, Event, Node};
use view::{Epoch, Phase, View};
use vrrp::State;
use vrrp::health::{Check, Rule};

const WAYS: [&str; 4] = [
    "vrrp{version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] interval=100ms}",
    "bgp{neighbors={rs={remote=192.0.2.1:179 remote-as=65001 local-as=65002 identifier=10.0.0.1 families=[ipv4] hold-time=90 \
     connect-retry=5000ms ttl=hops(1)}} routes={10.0.0.100/32={}}}",
    "command{check=5000ms}",
    "view{announce={repeat=2 gap=1000ms refresh=0ms}}",
];

type Change = (&'static str, fn(&mut Address));

/// What a change is called, and what it does.
const CHANGES: [Change; 9] = [
    ("a longer lifetime", |it| it.lifetime = Some(Duration::from_secs(5))),
    ("no lifetime", |it| it.lifetime = None),
    ("another check that forbids", |it| it.checks.push(check("more", Rule::Veto))),
    ("another check with a weight", |it| it.checks.push(check("more", Rule::Weight(-10)))),
    ("a proof", |it| {
        it.checks.push(check("more", Rule::Veto));
        it.proof = Some("more".into());
    }),
    ("no checks", |it| {
        it.checks.clear();
        it.proof = None;
    }),
    ("to ask first, and not to put back", |it| {
        it.ask_first = Some(Duration::from_secs(1));
        it.put_back = false;
    }),
    ("another way to be announced, and another priority", |it| match &mut it.way {
        Way::Vrrp(vrrp) => (vrrp.announce.repeat, vrrp.priority) = (1, vrrp::Priority(150)),
        Way::View { announce } => announce.repeat = 1,
        Way::Command { check } => *check = Some(Duration::from_secs(9)),
        Way::Bgp { routes, .. } => routes.values_mut().for_each(|route| route.prepend = 2),
    }),
    ("an address beside it", |it| {
        let more = "10.0.0.101/24".parse().expect("an address");
        it.held.push(more);
        if let Way::Vrrp(vrrp) = &mut it.way {
            vrrp.addresses.push(more.ip);
        }
    }),
];

fn check(name: &str, rule: Rule) -> Check {
    Check { name: name.into(), rule, rise: 2, fall: 3 }
}

fn config(way: &str) -> Config {
    let text = format!(
        "addresses={{vip={{interface=eth0 held=[10.0.0.100/24] lifetime=2000ms checks=[{{name=proxy rule=veto rise=1 fall=3}}] \
         proof=proxy proof-age=1000ms way={way}}}}}"
    );
    story::from_line(&text).unwrap_or_else(|e| panic!("{way}: {e}"))
}

/// A host where the address is here, and what time it is.
fn here(way: &str) -> (Node, Instant) {
    let mut node = Node::new(config(way), 1, Instant::START);
    let events = [
        (0, Event::Startup { left: vec![], found: vec![], handed_over: false, handed: vec![] }),
        (1, Event::Checked { address: "vip".into(), check: "proxy".into(), failed: None }),
        (2, Event::Ran { address: "vip".into(), nr: 1, end: End::Failed("it is not here".into()) }),
        (3, Event::Ran { address: "vip".into(), nr: 2, end: End::Done }),
    ];
    for (ms, event) in events {
        machine::step(&mut node, at(ms), event, |_| ());
    }
    while let Some((due, _)) = node.deadline().filter(|(due, _)| *due <= at(700)) {
        machine::wake(&mut node, due, |_| ());
    }
    assert_eq!(node.report().addresses[0].state, State::Active, "{way}");
    (node, at(700))
}

#[test]
fn what_is_here_stays_whatever_is_told_about_it() {
    for way in WAYS {
        for (what, change) in CHANGES {
            let (mut node, now) = here(way);
            let mut config = config(way);
            change(config.addresses.get_mut("vip").expect("it is there"));
            let (mut lets_go, mut puts) = (Vec::new(), 0);
            let mut look = |action: Action| match action {
                Action::Remove { .. } | Action::Cut { .. } | Action::Changed { .. } => lets_go.push(action),
                Action::Put { .. } => puts += 1,
                _ => {}
            };
            machine::step(&mut node, now, Event::Configured { config: Box::new(config) }, &mut look);
            while let Some((due, _)) = node.deadline().filter(|(due, _)| *due < now + Duration::from_millis(300)) {
                machine::wake(&mut node, due, &mut look);
            }
            assert!(lets_go.is_empty(), "{way}: {what}: {lets_go:?}");
            // A kernel that has the old lifetime would end it.
            assert!(puts > 0 || !what.contains("lifetime"), "{way}: {what}");
        }
    }
}

/// Drives it for a while under another configuration; what lets go of anything, or says that a state is another one, comes back.
fn told(node: &mut Node, now: Instant, config: Config) -> (Vec<Action>, Vec<Action>) {
    let (mut lets_go, mut rest) = (Vec::new(), Vec::new());
    let mut look = |action: Action| match action {
        Action::Remove { .. } | Action::Cut { .. } | Action::Changed { .. } | Action::GroupChanged { .. } => {
            lets_go.push(action);
        }
        Action::Peer { action: bgp::Action::Close { .. } | bgp::Action::Connect { .. }, .. } | Action::Run { .. } => {
            lets_go.push(action);
        }
        other => rest.push(other),
    };
    machine::step(node, now, Event::Configured { config: Box::new(config) }, &mut look);
    while let Some((due, _)) = node.deadline().filter(|(due, _)| *due < now + Duration::from_millis(300)) {
        machine::wake(node, due, &mut look);
    }
    (lets_go, rest)
}

#[test]
fn one_that_is_called_otherwise_stays_and_its_guard_knows_of_it_all_the_time() {
    for way in WAYS {
        let (mut node, now) = here(way);
        let mut config = config(way);
        let address = config.addresses.remove("vip").expect("it is there");
        config.addresses.insert("other".into(), address);
        let (lets_go, rest) = told(&mut node, now, config);
        assert!(lets_go.is_empty(), "{way}: {lets_go:?}");
        let wills: Vec<_> = rest
            .iter()
            .filter_map(|action| match action {
                Action::Will { address, remove, .. } => Some((address.as_str(), remove.is_empty())),
                _ => None,
            })
            .collect();
        assert_eq!(wills, [("other", false), ("vip", true)], "{way}");
        let says = |action: &Action| matches!(action, Action::Tell { address, text, .. } if address == "other" && text.contains("vip"));
        assert!(rest.iter().any(says), "{way}: {rest:?}");
        // It lives by its new name.
        let failed = Event::Checked { address: "other".into(), check: "proxy".into(), failed: Some("no".into()) };
        for _ in 0..3 {
            machine::step(&mut node, now + Duration::from_millis(300), failed.clone(), |_| ());
        }
        assert_ne!(node.report().addresses[0].state, State::Active, "{way}");
    }
}

#[test]
fn a_sync_group_and_its_addresses_may_be_called_otherwise_together() {
    let text = |group: &str, names: [&str; 2]| {
        let address = |n: usize| {
            format!(
                "{}={{interface=eth{n} held=[10.0.{n}.100/24] lifetime=2000ms proof-age=1000ms way=vrrp{{version=v3 vrid={} primary=10.0.{n}.1 \
                 addresses=[10.0.{n}.100] interval=100ms}}}}",
                names[n],
                n + 1
            )
        };
        let text = format!(
            "addresses={{{} {}}} groups={{{group}=[{} {}]}}",
            address(0),
            address(1),
            names.iter().min().expect("two"),
            names.iter().max().expect("two")
        );
        story::from_line::<Config>(&text).unwrap_or_else(|e| panic!("{text}: {e}"))
    };
    for (group, names) in
        [("other", ["inside", "outside"]), ("both", ["z", "outside"]), ("other", ["outside2", "inside2"])]
    {
        let mut node = Node::new(text("both", ["inside", "outside"]), 1, Instant::START);
        let startup = Event::Startup { left: vec![], found: vec![], handed_over: false, handed: vec![] };
        machine::step(&mut node, at(0), startup, |_| ());
        while let Some((due, _)) = node.deadline().filter(|(due, _)| *due <= at(700)) {
            machine::wake(&mut node, due, |_| ());
        }
        let (lets_go, _) = told(&mut node, at(700), text(group, names));
        assert!(lets_go.is_empty(), "{group} {names:?}: {lets_go:?}");
        let report = node.report();
        assert!(report.addresses.iter().all(|address| address.state == State::Active), "{group} {names:?}");
        assert_eq!((report.groups.len(), report.groups[0].name.as_str()), (1, group));
        assert_eq!(report.groups[0].state, State::Active);
        // They are one as before.
        let fault = Event::Link { interface: "eth0".into(), fault: Some("gone".into()) };
        machine::step(&mut node, at(1_000), fault, |_| ());
        assert!(node.report().addresses.iter().all(|address| address.here.is_empty()), "{group} {names:?}");
    }
}

/// The same name at another place is another address, and what merely looks like it is none.
#[test]
fn what_is_elsewhere_or_moves_otherwise_is_another_address() {
    let changes: [Change; 3] = [
        ("another interface", |it| it.interface = "eth1".into()),
        ("another way", |it| it.way = Way::Command { check: None }),
        ("another address", |it| it.held = vec!["10.0.0.7/24".parse().expect("an address")]),
    ];
    for (what, change) in changes {
        let (mut node, now) = here(WAYS[3]);
        let mut config = config(WAYS[3]);
        let mut address = config.addresses.remove("vip").expect("it is there");
        change(&mut address);
        config.addresses.insert("other".into(), address);
        assert_eq!(node.renames(&config), []);
        let (lets_go, _) = told(&mut node, now, config);
        let removes = |action: &Action| matches!(action, Action::Remove { .. });
        assert!(lets_go.iter().any(removes), "{what}: {lets_go:?}");
    }
}

#[test]
fn what_it_follows_from_now_on_has_a_moment_to_be_known() {
    for way in WAYS {
        for (master, stays) in [(Some("10.0.0.1:6379"), true), (Some("10.0.0.2:6379"), false), (None, false)] {
            let (mut node, now) = here(way);
            let mut config = config(way);
            let it = config.addresses.get_mut("vip").expect("it is there");
            let servers = vec!["10.0.0.1:6379".parse().expect("an address")];
            it.follows = Follows::Master { group: "cache".into(), servers };
            // For this long nothing else is to be proven.
            (it.checks, it.proof) = (vec![], None);
            machine::step(&mut node, now, Event::Configured { config: Box::new(config) }, |_| ());
            let state = |node: &Node| node.report().addresses[0].state;
            assert_eq!(state(&node), State::Active, "{way}");
            if let Some(master) = master.map(|master| master.parse().expect("an address")) {
                let view =
                    View { group: "cache".into(), epoch: Epoch(1), phase: Phase::Steady, master, replicas: vec![] };
                machine::step(&mut node, now, Event::Viewed { view }, |_| ());
                assert_eq!(state(&node) == State::Active, stays, "{way}: {master}");
                // A command that gives it back is under way.
                let is_gone = !stays && !way.starts_with("command");
                assert_eq!(node.has_left(&"cache".into()), is_gone, "{way}: {master}");
                assert!(node.has_left(&"another".into()), "nobody follows it here");
            }
            while let Some((due, _)) = node.deadline().filter(|(due, _)| *due < now + Duration::from_secs(4)) {
                machine::wake(&mut node, due, |_| ());
            }
            assert_eq!(state(&node) == State::Active, stays, "{way}: {master:?}");
        }
    }
}

/// A vote is not said before it (`sentinel::clearance`).
#[test]
fn what_a_command_brought_has_left_when_the_command_that_gives_it_back_has_ended() {
    let text = "addresses={eip={interface=eth0 held=[] follows=master{group=cache servers=[10.0.0.1:6379]} proof-age=500ms \
                way=command{check=10000ms}}}";
    let mut node = Node::new(story::from_line(text).expect("it can be read"), 1, Instant::START);
    let now = |ms| Instant::START + Duration::from_millis(ms);
    let mut jobs = Vec::new();
    let mut step = |node: &mut Node, ms, event| {
        machine::step(node, now(ms), event, |action| {
            if let Action::Run { job, .. } = action {
                jobs.push(job);
            }
        });
        (node.has_left(&"cache".into()), jobs.last().copied())
    };
    let view = |epoch, phase| {
        let master = "10.0.0.1:6379".parse().expect("an address");
        Event::Viewed { view: View { group: "cache".into(), epoch: Epoch(epoch), phase, master, replicas: vec![] } }
    };
    let ran = |nr, end: Result<(), &str>| {
        let end = end.map_or_else(|why| End::Failed(why.into()), |()| End::Done);
        Event::Ran { address: "eip".into(), nr, end }
    };
    let startup = Event::Startup { left: vec![], found: vec![], handed_over: false, handed: vec![] };
    assert_eq!(step(&mut node, 0, startup), (false, Some(Job::Check)), "a life of before may have brought it");
    assert_eq!(step(&mut node, 1, ran(1, Err("not here"))), (true, Some(Job::Check)));
    assert_eq!(step(&mut node, 2, view(1, Phase::Steady)), (false, Some(Job::Up)));
    assert_eq!(step(&mut node, 3, view(2, Phase::Switching)), (false, Some(Job::Up)), "it is on its way");
    assert_eq!(step(&mut node, 4, ran(2, Ok(()))), (false, Some(Job::Down)));
    assert_eq!(step(&mut node, 5, ran(3, Err("503"))), (false, Some(Job::Down)));
    machine::wake(&mut node, now(1_005), |_| ());
    assert_eq!(step(&mut node, 1_010, ran(4, Ok(()))), (true, Some(Job::Check)), "its own word counts");
    assert!(!step(&mut node, 1_020, ran(5, Ok(()))).0, "and that of another look more");
}
