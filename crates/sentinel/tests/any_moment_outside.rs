//! Whatever happens to servers and Sentinels, and whenever: the machines that look from outside keep their promises, and once the faults stop
//! they find the master.

mod outside;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use machine::Rng;
use machine::time::at;
use outside::{Guard, Redis, World, redis, sentinel};
use sentinel::check::Rules;
use sentinel::follow::{self, Follow};
use sentinel::probe::{self, Probe};
use sentinel::source::{Action, Source};
use view::Phase;

const SEEDS: u64 = 40;
const STEPS: usize = 120;
const HISTORIES: [char; 6] = ['a', 'b', 'c', 'd', 'e', 'f'];

/// Something happens to somebody.
fn disturb<M: Source>(world: &mut World<M>, rng: &mut Rng) {
    let who = redis(u8::try_from(rng.below(3)).expect("small") + 1);
    let server = world.servers.get_mut(&who).expect("there are three");
    match rng.below(12) {
        0 | 1 => world.kill(who),
        2 | 3 => server.up = true,
        4 => server.mute = !server.mute,
        5 => server.promote(HISTORIES[usize::try_from(rng.below(6)).expect("small")]),
        6 => server.master = false,
        7 => server.link_up = !server.link_up,
        8 => server.backlog = !server.backlog,
        9 => server.denies = !server.denies,
        10 => server.offset += rng.below(1_000),
        // Its connections end, and it is there.
        _ => {
            world.kill(who);
            world.servers.get_mut(&who).expect("there are three").up = true;
        }
    }
    let guards: Vec<SocketAddr> = world.guards.keys().copied().collect();
    if guards.is_empty() {
        return;
    }
    let which = guards[usize::try_from(rng.below(guards.len() as u64)).expect("small")];
    let guard = world.guards.get_mut(&which).expect("it is one of them");
    match rng.below(10) {
        0 => world.kill(which),
        1 | 2 => guard.up = true,
        3 => guard.mute = !guard.mute,
        4 => (guard.master, guard.epoch) = (who, guard.epoch + rng.below(3)),
        5 => guard.epoch = rng.below(9),
        6 => guard.flags = if guard.flags == "master" { "master,o_down" } else { "master" },
        7 => guard.replicas.truncate(1),
        8 => guard.replicas = vec![redis(1), redis(2), redis(3)],
        _ => {}
    }
}

/// What holds of every view that was published: epochs never fall, and one epoch has one master.
fn judge<M: Source>(world: &World<M>, seed: u64) {
    let (mut masters, mut last) = (BTreeMap::new(), 0);
    for (when, action) in &world.log {
        let Action::Publish { view } = action else { continue };
        assert!(view.epoch.0 >= last, "seed {seed}, {when:?}: epoch {} after {last}", view.epoch);
        last = view.epoch.0;
        if view.phase == Phase::Steady {
            let master = *masters.entry(last).or_insert(view.master);
            assert_eq!(master, view.master, "seed {seed}, {when:?}: two masters of epoch {last}");
        }
        assert!(view.replicas.iter().all(|r| r.addr != view.master), "seed {seed}, {when:?}: {view:?}");
    }
}

/// Forty lives of a machine, each with faults at any moment.
fn live<M: Source>(new: impl Fn() -> World<M>) {
    let (mut steady, mut waited) = (0, 0);
    for seed in 0..SEEDS {
        let mut rng = Rng::new(seed);
        let mut world = new();
        for _ in 0..STEPS {
            disturb(&mut world, &mut rng);
            world.run(rng.below(1_500));
            if world.view().phase == Phase::Steady {
                steady += 1;
            } else {
                waited += 1;
            }
            assert!(world.open_links() <= 3 * 2 + 4 * 2, "seed {seed}: {} links", world.open_links());
        }
        judge(&world, seed);
        // The faults stop: server 2 is the only master, and who watches it agrees.
        for (addr, server) in &mut world.servers {
            *server = if *addr == redis(2) { Redis::master() } else { Redis::replica() };
        }
        for guard in world.guards.values_mut() {
            (guard.up, guard.mute, guard.flags) = (true, false, "master");
            (guard.master, guard.epoch, guard.replicas) = (redis(2), 1_000, vec![redis(1), redis(3)]);
        }
        world.run(6_000);
        let (phase, master, _) = world.stands();
        assert_eq!((phase, master), (Phase::Steady, redis(2)), "seed {seed}: {}", world.m.report().explain);
        assert_eq!(world.view().readable(u64::MAX).count(), 2, "seed {seed}: {:?}", world.view());
        judge(&world, seed);
    }
    assert!(steady > 200 && waited > 200, "both were seen: {steady} and {waited}");
}

fn three<M: Source>(m: M) -> World<M> {
    let mut world = World::new(m);
    for n in 1..=3 {
        world.servers.insert(redis(n), if n == 1 { Redis::master() } else { Redis::replica() });
    }
    world
}

fn rules() -> Rules {
    Rules { rise: 2, fall: 2, expect: vec!["repl_backlog_active:1".into()], ..Rules::default() }
}

#[test]
fn a_probe_keeps_its_promises_whatever_happens() {
    live(|| {
        let config = probe::Config { group: "cache".into(), servers: (1..=3).map(redis).collect(), check: rules() };
        three(Probe::new(config, at(0)))
    });
}

#[test]
fn a_follower_keeps_its_promises_whatever_happens() {
    live(|| {
        let check = Rules { rise: 1, ..rules() };
        let config = follow::Config { group: "cache".into(), sentinels: vec![sentinel(1)], check };
        let mut world = three(Follow::new(config, at(0)));
        for n in 1..=3 {
            let others = (1..=3).filter(|other| *other != n).map(sentinel).collect();
            let replicas = vec![redis(2), redis(3)];
            let guard = Guard { up: true, mute: false, master: redis(1), epoch: 1, flags: "master", replicas, others };
            world.guards.insert(sentinel(n), guard);
        }
        world
    });
}
