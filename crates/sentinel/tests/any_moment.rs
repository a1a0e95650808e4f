//! Every command at every moment of a failover: nothing breaks, and in the end there is one master and nobody sealed.

mod rig;

use std::collections::VecDeque;
use std::time::Duration;

use machine::time::at;
use machine::wake;
use rig::{Rig, addr, rules};
use sentinel::{CallId, Event, GroupConfig, Request, Role, Setting};

/// The commands, by what they are called in a failure.
fn commands() -> Vec<(&'static str, Vec<Request>)> {
    let group = || "cache".into();
    let set = |setting| vec![Request::Set { group: group(), settings: vec![setting] }];
    let moment = Duration::from_millis(1);
    let file = GroupConfig { quorum: 1, confirm: moment, down_after: moment, parallel_syncs: 2, ..rules() };
    vec![
        ("reload", vec![Request::Reload { group: group(), rules: file, reconnect: true }]),
        ("remove", vec![Request::Remove { group: group() }, Request::Monitor { group: group(), rules: rules() }]),
        ("down-after 1", set(Setting::DownAfter { time: moment })),
        ("down-after without end", set(Setting::DownAfter { time: Duration::from_millis(u64::MAX) })),
        ("quorum", set(Setting::Quorum { n: u32::MAX })),
        ("auth", set(Setting::AuthPass)),
        ("timeout", set(Setting::FailoverTimeout { time: moment })),
        ("failover", vec![Request::Failover { group: group() }]),
        ("configure", vec![Request::Configure { announce: Some(addr("10.0.0.99:1")), reconnect: true }]),
    ]
}

/// A failover that has just begun, with everything that is about to happen in the queue.
fn begun(planned: bool) -> Rig {
    let mut r = Rig::new(GroupConfig { parallel_syncs: 1, ..rules() });
    r.until(3_000);
    if planned {
        r.calls += 1;
        let request = Request::Failover { group: "cache".into() };
        r.queue.push_back(Event::Requested { call: CallId(r.calls), request });
        return r;
    }
    r.kill("10.0.0.1:6379");
    r.until(3_049);
    r.now = at(3_050);
    let mut actions = vec![];
    wake(&mut r.m, r.now, |a| actions.push(a));
    r.do_actions(actions);
    r
}

/// Lets so many single events happen, says the commands, and waits until everything must be over; says what is wrong.
fn interrupted(mut r: Rig, events: usize, commands: &[Request]) -> Option<String> {
    for _ in 0..events {
        let Some(event) = r.queue.pop_front() else { break };
        r.one(event);
    }
    let kept: Vec<Event> = r.queue.drain(..).collect();
    for request in commands {
        r.calls += 1;
        r.one(Event::Requested { call: CallId(r.calls), request: request.clone() });
    }
    let fresh: VecDeque<Event> = std::mem::take(&mut r.queue);
    r.queue = kept.into_iter().chain(fresh).collect();
    r.settle();
    r.until(3_500);
    let old = r.servers.get_mut(&addr("10.0.0.1:6379")).expect("it is part of the world");
    if !old.up {
        (old.up, old.life) = (true, 77);
    }
    r.until(30_000);
    let masters = r.servers.values().filter(|s| s.role == Role::Master).count();
    let sealed: Vec<_> =
        r.servers.iter().filter(|(_, s)| s.master == Some(addr("127.0.0.1:1"))).map(|(a, _)| a).collect();
    (masters != 1 || !sealed.is_empty()).then(|| format!("{masters} masters, sealed: {sealed:?}"))
}

#[test]
fn a_command_at_any_moment_of_a_failover_leaves_one_master_and_nobody_sealed() {
    let mut wrong = Vec::new();
    for planned in [false, true] {
        for (name, commands) in commands() {
            for events in 0..140 {
                if let Some(why) = interrupted(begun(planned), events, &commands) {
                    wrong.push(format!("{name}, planned: {planned}, after {events} events: {why}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
}
