//! One test for each sentence of RFC 9568 (and RFC 3768 where version 2 differs) that a router can break. The section is in the name.

use std::net::IpAddr;
use std::time::Duration;

use machine::time::at;
use machine::{Instant, Machine};
use vrrp::config::{Announce, OtherAddresses, Preempt};
use vrrp::refused::Kind;
use vrrp::{Action, Advert, Config, Event, Interval, Priority, Router, State, Vrid, Why};

use vrrp::Version::{V2, V3};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn config() -> Config {
    let announce = Announce { repeat: 1, gap: Duration::from_secs(1), refresh: Duration::ZERO };
    Config { announce, ..Config::new(V3, Vrid::new(7).unwrap(), ip("10.0.0.5"), vec![ip("10.0.0.100")]) }
}

fn advert(priority: u8) -> Advert {
    let interval = Interval::from_centis(100).unwrap();
    Advert { vrid: Vrid::new(7).unwrap(), priority: Priority(priority), interval, addresses: vec![ip("10.0.0.100")] }
}

fn heard(from: &str, advert: Advert) -> Event {
    Event::Heard { from: ip(from), to: ip("224.0.0.18"), advert }
}

/// A router with a driver that keeps the time.
struct Rig {
    router: Router,
    now: Instant,
}

impl Rig {
    fn new(config: Config) -> Self {
        let mut rig = Self { router: Router::new(config, at(0)), now: at(0) };
        rig.at(0, Event::Startup);
        rig
    }

    /// One that has become Active by then.
    fn active(config: Config) -> Self {
        let mut rig = Self::new(config);
        rig.until(5_000);
        assert_eq!(rig.router.state(), State::Active);
        rig
    }

    fn at(&mut self, ms: u64, event: Event) -> Vec<Action> {
        let mut actions = self.until(ms);
        machine::step(&mut self.router, at(ms), event, |action| actions.push(action));
        actions
    }

    /// Wakes it whenever it wants to be woken.
    fn until(&mut self, ms: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        while let Some((when, _)) = self.router.deadline().filter(|(when, _)| *when <= at(ms)) {
            self.now = when;
            machine::wake(&mut self.router, when, |action| actions.push(action));
        }
        self.now = at(ms);
        actions
    }

    /// When it becomes Active if nothing more happens.
    fn takes_over_at(&mut self) -> Duration {
        let (when, _) = self.router.deadline().expect("it waits");
        machine::wake(&mut self.router, when, |_| ());
        assert_eq!(self.router.state(), State::Active);
        when.since(at(0))
    }
}

fn priorities(actions: &[Action]) -> Vec<u8> {
    let sent =
        actions.iter().filter_map(|a| if let Action::Send { advert, .. } = a { Some(advert.priority.0) } else { None });
    sent.collect()
}

fn orders(actions: &[Action]) -> Vec<&'static str> {
    let name = |action: &Action| match action {
        Action::Take { .. } => "take",
        Action::Release { .. } => "release",
        Action::Send { .. } => "send",
        Action::Announce { .. } => "announce",
        Action::Changed { .. } => "changed",
        Action::Tell { .. } => "tell",
    };
    actions.iter().map(name).collect()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const SKEW_100: Duration = Duration::from_micros(609_375);

#[test]
fn s6_1_the_owner_sends_and_announces_at_startup() {
    let mut router = Router::new(Config { priority: Priority::OWNER, ..config() }, at(0));
    let mut actions = Vec::new();
    machine::step(&mut router, at(0), Event::Startup, |a| actions.push(a));
    assert_eq!(orders(&actions), ["take", "send", "announce", "changed"]);
    assert_eq!(router.since().1, &Why::Owner);
}

#[test]
fn s6_1_the_owner_preempts_whatever_the_preempt_mode() {
    let owner = Config { priority: Priority::OWNER, preempt: Preempt::Never, ..config() };
    let mut rig = Rig::new(owner);
    rig.at(10, Event::Forbidden { cause: vrrp::Cause::Link, why: "eth0 is down".into() });
    rig.at(20, heard("10.0.0.9", advert(254)));
    let actions = rig.at(30, Event::Allowed { cause: vrrp::Cause::Link });
    assert_eq!(orders(&actions), ["send", "changed"], "who holds them goes first");
    assert_eq!(orders(&rig.until(80)), ["take", "announce"]);
    assert_eq!(rig.router.stats().left_silently, 1);
}

#[test]
fn s6_4_1_who_owns_nothing_waits_for_the_active_down_interval() {
    assert_eq!(Rig::new(config()).takes_over_at(), ms(3_000) + SKEW_100);
    let tenth = Config { interval: Interval::from_centis(10).unwrap(), ..config() };
    assert_eq!(Rig::new(tenth).takes_over_at(), (ms(3_000) + SKEW_100) / 10);
    // RFC 3768 6.1: the skew of version 2 is of a second.
    let slow = Config { version: V2, interval: Interval::from_centis(500).unwrap(), ..config() };
    assert_eq!(Rig::new(slow).takes_over_at(), ms(15_000) + SKEW_100);
}

#[test]
fn s6_4_2_a_shutdown_of_a_backup_says_nothing() {
    let mut rig = Rig::new(config());
    assert_eq!(orders(&rig.at(100, Event::Shutdown)), ["changed"]);
    assert_eq!(rig.router.deadline(), None);
    assert_eq!(orders(&rig.at(200, heard("10.0.0.2", advert(0)))), Vec::<&str>::new());
}

#[test]
fn s6_4_2_priority_zero_sets_the_timer_to_the_skew() {
    let mut rig = Rig::new(config());
    rig.at(1_000, heard("10.0.0.2", advert(200)));
    rig.at(1_500, heard("10.0.0.2", advert(0)));
    assert_eq!(rig.takes_over_at(), ms(1_500) + SKEW_100);
    assert_eq!(rig.router.since().1, &Why::Resigned { by: ip("10.0.0.2") });
}

#[test]
fn s6_4_2_resignations_again_and_again_do_not_put_it_off() {
    let mut rig = Rig::new(config());
    for n in 0..20 {
        rig.at(1_000 + n * 100, heard("10.0.0.2", advert(0)));
    }
    rig.until(3_000);
    assert_eq!(rig.router.state(), State::Active);
    assert_eq!(rig.router.since().0, at(1_000) + SKEW_100);
}

#[test]
fn s6_4_2_as_much_right_or_more_resets_the_timer_and_less_does_not() {
    for (priority, until) in [(101, 5_000), (100, 5_000), (99, 3_000)] {
        let mut rig = Rig::new(config());
        rig.at(2_000, heard("10.0.0.2", advert(priority)));
        assert_eq!(rig.takes_over_at(), ms(until) + SKEW_100, "{priority}");
    }
}

#[test]
fn s6_4_2_without_preemption_less_right_resets_it_too() {
    let mut rig = Rig::new(Config { preempt: Preempt::Never, ..config() });
    rig.at(2_000, heard("10.0.0.2", advert(1)));
    assert_eq!(rig.takes_over_at(), ms(5_000) + SKEW_100);
}

#[test]
fn s6_4_2_the_interval_of_the_holder_is_learnt_also_for_the_skew() {
    let mut rig = Rig::new(config());
    let fast = Advert { interval: Interval::from_centis(10).unwrap(), ..advert(200) };
    rig.at(1_000, heard("10.0.0.2", fast));
    assert_eq!(rig.takes_over_at(), ms(1_000) + (ms(3_000) + SKEW_100) / 10);
    assert_eq!(rig.router.stats().intervals_differed, 1);
    // As a holder it speaks by its own.
    let (next, _) = rig.router.deadline().unwrap();
    assert_eq!(next.since(at(1_000)), (ms(3_000) + SKEW_100) / 10 + ms(1_000));
}

#[test]
fn s6_4_3_a_shutdown_of_the_holder_releases_and_resigns() {
    let mut rig = Rig::active(config());
    let actions = rig.at(5_100, Event::Shutdown);
    assert_eq!(orders(&actions), ["release", "send", "changed"]);
    assert_eq!(priorities(&actions), [0]);
    assert_eq!(rig.router.stats().resignations_sent, 1);
}

#[test]
fn s6_4_3_the_holder_speaks_at_every_interval() {
    let mut rig = Rig::active(config());
    assert_eq!(priorities(&rig.until(15_000)).len(), 10);
}

#[test]
fn s6_4_3_the_holder_answers_a_resignation_at_once() {
    let mut rig = Rig::active(config());
    let actions = rig.at(5_100, heard("10.0.0.2", advert(0)));
    assert_eq!(priorities(&actions), [100]);
    assert_eq!(rig.router.deadline().unwrap().0, at(6_100), "and the timer begins anew");
}

#[test]
fn s6_4_3_more_right_or_a_greater_address_makes_it_a_backup() {
    for (from, priority, state) in [
        ("10.0.0.2", 101, State::Backup),
        ("10.0.0.6", 100, State::Backup),
        ("10.0.0.4", 100, State::Active),
        ("10.0.0.6", 99, State::Active),
    ] {
        let mut rig = Rig::active(config());
        let actions = rig.at(5_100, heard(from, advert(priority)));
        assert_eq!(rig.router.state(), state, "{from} {priority}");
        // Who goes says so with the least priority, which is no resignation; who stays answers.
        let said = if state == State::Backup { 1 } else { 100 };
        assert_eq!(priorities(&actions), [said], "{from} {priority}");
        let first = if state == State::Backup { "release" } else { "send" };
        assert_eq!(orders(&actions)[0], first);
        let is_told = orders(&actions).contains(&"tell");
        assert_eq!(is_told, state == State::Active, "a second holder is a line in the log");
        if state == State::Backup {
            assert_eq!(rig.takes_over_at(), ms(5_100 + 3_000) + SKEW_100);
        }
    }
}

#[test]
fn s6_4_3_of_two_ipv6_hosts_the_greater_address_wins() {
    let six = Config { primary: ip("fe80::5"), addresses: vec![ip("fe80::100")], ..config() };
    for (from, state) in [("fe80::4", State::Active), ("fe80::6", State::Backup)] {
        let mut rig = Rig::active(six.clone());
        let advert = Advert { addresses: vec![ip("fe80::100")], ..advert(100) };
        rig.at(5_100, Event::Heard { from: ip(from), to: ip("ff02::12"), advert });
        assert_eq!(rig.router.state(), state, "{from}");
    }
}

#[test]
fn s6_4_3_a_storm_of_lesser_holders_is_answered_eight_times_an_interval() {
    let mut rig = Rig::active(config());
    let mut sent = 0;
    for n in 0..2_000 {
        sent += priorities(&rig.at(5_000 + n, heard("10.0.0.2", advert(1)))).len();
    }
    assert_eq!(sent, 16);
    assert_eq!(rig.router.stats().rivals_heard, 2_000);
    assert!(rig.router.stats().announcements <= 4);
}

#[test]
fn s7_1_what_does_not_agree_is_refused_and_counted() {
    let mut rig = Rig::new(config());
    let cases = [
        (heard("10.0.0.2", Advert { vrid: Vrid::new(8).unwrap(), ..advert(200) }), Kind::Vrid),
        (heard("10.0.0.5", advert(200)), Kind::Own),
        (Event::Heard { from: ip("10.0.0.2"), to: ip("10.0.0.5"), advert: advert(200) }, Kind::Destination),
        (heard("10.0.0.2", Advert { addresses: vec![ip("10.0.0.101")], ..advert(200) }), Kind::Addresses),
    ];
    for (n, (event, kind)) in cases.into_iter().enumerate() {
        let actions = rig.at(1_000, event.clone());
        assert_eq!(orders(&actions), ["tell"], "{kind:?}");
        assert_eq!(orders(&rig.at(1_000, event)), Vec::<&str>::new(), "one line a minute");
        assert_eq!(rig.router.stats().refused(kind), 2);
        assert_eq!(rig.router.stats().all_refused(), 2 * (n as u64 + 1));
    }
    assert_eq!(rig.router.stats().adverts_received, 0);
    assert_eq!(rig.takes_over_at(), ms(3_000) + SKEW_100);
}

#[test]
fn s7_1_other_addresses_count_where_the_operator_wants_it_or_their_sender_owns_them() {
    let other = |priority| Advert { addresses: vec![ip("10.0.0.101")], ..advert(priority) };
    let count = Config { other_addresses: OtherAddresses::Count, ..config() };
    for (config, priority) in [(count, 200), (config(), 255)] {
        let mut rig = Rig::new(config);
        rig.at(1_000, heard("10.0.0.2", other(priority)));
        assert_eq!(rig.router.stats().addresses_differed, 1);
        assert_eq!(rig.takes_over_at(), ms(4_000) + SKEW_100);
    }
}

#[test]
fn s7_1_an_owner_refuses_another_owner_and_answers_everybody_else() {
    let mut rig = Rig::new(Config { priority: Priority::OWNER, ..config() });
    rig.at(100, heard("10.0.0.9", advert(255)));
    assert_eq!(rig.router.stats().refused(Kind::Owner), 1);
    assert_eq!(priorities(&rig.at(200, heard("10.0.0.9", advert(254)))), [255]);
    assert_eq!(rig.router.state(), State::Active);
}

#[test]
fn rfc3768_7_1_another_interval_is_refused_in_version_2() {
    let mut rig = Rig::new(Config { version: V2, ..config() });
    let two = Advert { interval: Interval::from_centis(200).unwrap(), ..advert(200) };
    rig.at(1_000, heard("10.0.0.2", two));
    assert_eq!(rig.router.stats().refused(Kind::Interval), 1);
    assert_eq!(rig.takes_over_at(), ms(3_000) + SKEW_100);
}

#[test]
fn less_right_at_run_time_is_said_at_once() {
    let mut rig = Rig::active(config());
    assert_eq!(priorities(&rig.at(5_100, Event::Ranked { priority: Priority(50) })), [50]);
    assert_eq!(priorities(&rig.at(5_200, Event::Ranked { priority: Priority(50) })), Vec::<u8>::new());
    rig.at(5_300, heard("10.0.0.2", advert(60)));
    assert_eq!(rig.router.state(), State::Backup);
    assert!(rig.router.explain().contains("10.0.0.2 was last heard"), "{}", rig.router.explain());
}

#[test]
fn more_right_at_run_time_sends_the_holder_away() {
    let mut rig = Rig::new(config());
    rig.at(1_000, heard("10.0.0.2", advert(150)));
    rig.at(1_500, Event::Ranked { priority: Priority(160) });
    rig.at(2_000, heard("10.0.0.2", advert(150)));
    rig.until(10_000);
    assert_eq!(rig.router.since().1, &Why::Preempted { holder: ip("10.0.0.2"), priority: Priority(150) });
}

#[test]
fn what_cannot_be_is_refused_with_a_sentence() {
    use vrrp::Misconfigured as M;
    let six = || Config { primary: ip("fe80::5"), addresses: vec![ip("fe80::100")], ..config() };
    let fast = Interval::from_centis(50).unwrap();
    let cases = [
        (Config { version: V2, ..six() }, M::Version2IsIpv4),
        (Config { version: V2, interval: fast, ..config() }, M::WholeSeconds),
        (Config { interval: Interval::from_centis(4_096).unwrap(), ..config() }, M::IntervalTooLong),
        (Config { priority: Priority(0), ..config() }, M::NoPriority),
        (Config { addresses: vec![], ..config() }, M::HowMany { most: 255 }),
        (Config { addresses: vec![ip("fe80::1"); 91], ..six() }, M::HowMany { most: 90 }),
        (Config { addresses: vec![ip("fe80::1")], ..config() }, M::Family(ip("fe80::1"))),
        (Config { peers: vec![ip("fe80::1")], ..config() }, M::Family(ip("fe80::1"))),
        (Config { also: vec![ip("10.0.0.100")], ..config() }, M::Twice(ip("10.0.0.100"))),
        (Config { peers: vec![ip("10.0.0.5")], ..config() }, M::PeerIsSelf),
        (Config { peers: (0..65).map(|n| [10, 0, 1, n].into()).collect(), ..config() }, M::TooManyPeers),
        (
            Config { announce: Announce { repeat: 1, gap: Duration::ZERO, refresh: Duration::ZERO }, ..config() },
            M::NoGap,
        ),
    ];
    for (config, wrong) in cases {
        assert_eq!(config.check(), Err(wrong));
        assert!(wrong.to_string().len() > 20);
    }
    // Another family may be held with them, unadvertised.
    assert_eq!(Config { also: vec![ip("fd00::100")], ..config() }.check(), Ok(()));
}

#[test]
fn what_an_operator_claims_is_taken_from_less_right_and_from_nobody_else() {
    for (theirs, state) in [(50, State::Active), (100, State::Backup), (150, State::Backup)] {
        let mut rig = Rig::new(Config { preempt: Preempt::Never, ..config() });
        rig.at(1_000, heard("10.0.0.2", advert(theirs)));
        let actions = rig.at(1_100, Event::Claimed);
        assert_eq!(rig.router.state(), state, "{theirs}");
        assert_eq!(orders(&actions).is_empty(), state == State::Backup);
    }
    // Who must not hold them does not get them by that, nor who has them already.
    let mut rig = Rig::new(config());
    rig.at(10, Event::Forbidden { cause: vrrp::Cause::Health, why: "a check fails".into() });
    assert_eq!(orders(&rig.at(20, Event::Claimed)), Vec::<&str>::new());
    assert_eq!(orders(&Rig::active(config()).at(5_100, Event::Claimed)), Vec::<&str>::new());
}

#[test]
fn s6_4_2_the_skew_after_a_resignation_is_of_the_learnt_interval() {
    let mut rig = Rig::new(config());
    let fast = |priority| Advert { interval: Interval::from_centis(10).unwrap(), ..advert(priority) };
    rig.at(1_000, heard("10.0.0.2", fast(200)));
    rig.at(1_050, heard("10.0.0.2", fast(0)));
    assert_eq!(rig.takes_over_at(), ms(1_050) + SKEW_100 / 10);
}

#[test]
fn who_resigned_and_came_back_is_missed_like_anybody_else() {
    let mut rig = Rig::new(config());
    rig.at(1_000, heard("10.0.0.2", advert(0)));
    rig.at(1_100, heard("10.0.0.2", advert(200)));
    rig.until(10_000);
    assert_eq!(rig.router.since().1, &Why::Silence { lasted: ms(3_000) + SKEW_100 });
}

#[test]
fn an_owner_that_stood_still_preempts_whatever_the_preempt_mode() {
    let mut rig = Rig::new(Config { priority: Priority::OWNER, preempt: Preempt::Never, ..config() });
    machine::wake(&mut rig.router, at(60_000), |_| ());
    assert_eq!(rig.router.state(), State::Backup);
    for n in 0..3 {
        rig.at(60_500 + n * 1_000, heard("10.0.0.2", advert(254)));
    }
    assert_eq!(rig.router.since().1, &Why::Owner);
}

#[test]
fn addresses_that_cannot_be_taken_are_tried_ever_less_often_but_every_five_minutes() {
    let mut rig = Rig::new(config());
    let mut pauses = Vec::new();
    for _ in 0..9 {
        while rig.router.state() != State::Active {
            let (when, _) = rig.router.deadline().unwrap();
            rig.until(when.as_millis() + 1);
        }
        let now = rig.now.as_millis();
        rig.at(now, Event::NotTaken { why: "no".into() });
        pauses.push(rig.router.deadline().unwrap().0.since(rig.now).as_secs());
    }
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    // Held for longer than that, they had been taken well.
    rig.until(rig.now.as_millis() + 700_000);
    rig.at(rig.now.as_millis(), Event::NotTaken { why: "somebody took them away".into() });
    assert_eq!(rig.router.deadline().unwrap().0.since(rig.now).as_secs(), 5);
}
