//! What if anything happens at any moment? Events in any order, with any pauses: a router keeps its word, and a sync group moves as one.

use std::net::IpAddr;
use std::time::Duration;

use machine::{Instant, Machine};
use proptest::collection::vec;
use proptest::prelude::*;
use vrrp::config::{Preempt, StartAs};
use vrrp::refused::Refused;
use vrrp::{Action, Advert, Cause, Config, Event, Interval, Priority, Router, State, SyncGroup, Version, Vrid, sync};

fn config(link: u8, priority: u8, preempt: Preempt, start: StartAs) -> Config {
    let config =
        Config::new(Version::V3, Vrid::new(7).unwrap(), [10, link, 0, 5].into(), vec![[10, link, 0, 100].into()]);
    Config { priority: Priority(priority), interval: Interval::from_centis(10).unwrap(), preempt, start, ..config }
}

fn any_config(link: u8) -> impl Strategy<Value = Config> {
    let preempt = prop_oneof![
        Just(Preempt::AtOnce),
        Just(Preempt::Never),
        (0..500_u64).prop_map(|ms| Preempt::After(Duration::from_millis(ms)))
    ];
    let priority = prop_oneof![1..=254_u8, Just(255)];
    let start = prop_oneof![Just(StartAs::Backup), Just(StartAs::Active)];
    (priority, preempt, start).prop_map(move |(priority, preempt, start)| config(link, priority, preempt, start))
}

fn any_event(link: u8) -> impl Strategy<Value = Event> {
    let heard = (1..=9_u8, any::<u8>(), 1..=50_u16, 99..=100_u8).prop_map(move |(host, priority, centis, address)| {
        let interval = Interval::from_centis(centis).unwrap();
        let addresses = vec![IpAddr::from([10, link, 0, address])];
        let advert = Advert { vrid: Vrid::new(7).unwrap(), priority: Priority(priority), interval, addresses };
        Event::Heard { from: [10, link, 0, host].into(), to: [224, 0, 0, 18].into(), advert }
    });
    let cause = prop_oneof![Just(Cause::Link), Just(Cause::Health), Just(Cause::Address), Just(Cause::Operator)];
    prop_oneof![
        2 => Just(Event::Startup),
        1 => Just(Event::Shutdown),
        8 => heard,
        1 => Just(Event::Refused { from: None, refused: Refused::Checksum }),
        2 => cause.clone().prop_map(|cause| Event::Forbidden { cause, why: "it is so".into() }),
        3 => cause.prop_map(|cause| Event::Allowed { cause }),
        1 => (1..=255_u8).prop_map(|priority| Event::Ranked { priority: Priority(priority) }),
        1 => Just(Event::Claimed),
        1 => Just(Event::NotTaken { why: "the kernel says no".into() }),
    ]
}

/// What is told to take and to release, by turns; and that what is held is what the state says.
#[derive(Default)]
struct Books {
    holds: bool,
    state: State,
}

impl Books {
    fn enter(&mut self, action: &Action) {
        match action {
            Action::Take { .. } => assert!(!std::mem::replace(&mut self.holds, true), "taken twice"),
            Action::Release { .. } => assert!(std::mem::replace(&mut self.holds, false), "released twice"),
            Action::Changed { from, to, why } => {
                assert_eq!(*from, self.state);
                assert!(from != to && !why.to_string().is_empty());
                self.state = *to;
            }
            Action::Send { .. } | Action::Announce { .. } | Action::Tell { .. } => {}
        }
    }

    fn agree(&self, router: &Router) {
        assert_eq!(self.state, router.state());
        assert_eq!(self.holds, router.state() == State::Active && !router.awaits_predecessor());
        assert!(!router.explain().is_empty());
    }
}

/// How long until the next event, and whether the router is woken in between as it wants: a host may stand still.
fn any_course<E: std::fmt::Debug>(event: impl Strategy<Value = E>) -> impl Strategy<Value = Vec<(u64, bool, E)>> {
    let pause = prop_oneof![4 => 0..50_u64, 2 => 0..600_u64, 1 => 0..400_000_u64];
    vec((pause, prop::bool::weighted(0.8), event), 0..60)
}

proptest! {
    #[test]
    fn a_router_keeps_its_word(config in any_config(0), course in any_course(any_event(0))) {
        let mut router = Router::new(config, Instant::START);
        let (mut books, mut now) = (Books::default(), Instant::START);
        for (pause, is_awake, event) in course {
            let until = now + Duration::from_millis(pause);
            for _ in 0..if is_awake { 200 } else { 0 } {
                let Some((at, _)) = router.deadline().filter(|(at, _)| *at <= until) else { break };
                machine::wake(&mut router, at, |action| books.enter(&action));
                books.agree(&router);
            }
            now = until;
            machine::step(&mut router, now, event, |action| books.enter(&action));
            books.agree(&router);
        }
    }

    #[test]
    fn a_sync_group_moves_as_one(
        inside in any_config(0), outside in any_config(1),
        course in any_course((0..2_u8).prop_flat_map(|link| any_event(link).prop_map(move |event| (link, event)))),
    ) {
        let names = ["inside", "outside"];
        let members = [(names[0].into(), inside), (names[1].into(), outside)];
        let mut group = SyncGroup::new(members.into(), Instant::START);
        let mut books = [Books::default(), Books::default()];
        let mut now = Instant::START;
        for (pause, is_awake, (link, event)) in course {
            let mut enter = |action: sync::Action| {
                if let sync::Action::Member { name, action } = action {
                    books[usize::from(name == names[1])].enter(&action);
                }
            };
            let until = now + Duration::from_millis(pause);
            for _ in 0..if is_awake { 200 } else { 0 } {
                let Some((at, _)) = group.deadline().filter(|(at, _)| *at <= until) else { break };
                machine::wake(&mut group, at, &mut enter);
                moves_as_one(&group);
            }
            now = until;
            let event = match event {
                Event::Startup => sync::Event::Startup,
                Event::Shutdown => sync::Event::Shutdown,
                event => sync::Event::Member { name: names[usize::from(link)].into(), event },
            };
            machine::step(&mut group, now, event, &mut enter);
            moves_as_one(&group);
            for (books, (_, router)) in books.iter().zip(group.members()) {
                books.agree(router);
            }
        }
    }
}

fn moves_as_one(group: &SyncGroup) {
    let states: Vec<State> = group.members().map(|(_, router)| router.state()).collect();
    for state in [State::Active, State::Fault, State::Initialize] {
        let those = states.iter().filter(|s| **s == state).count();
        assert!(those == 0 || those == states.len(), "{states:?}");
        assert_eq!(those > 0, group.state() == state, "{states:?} {:?}", group.state());
    }
    assert!(!group.explain().is_empty());
}
