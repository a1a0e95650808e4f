//! A listener that fails at the one address only, while that is here: how often does the address move?

use std::time::Duration;

use machine::time::at;
use machine::{Instant, Machine as _, story};
use node::event::Wish;
use node::{Action, Event, Node};
use vrrp::State;

const WAYS: [&str; 3] = [
    "vrrp{version=v3 vrid=7 primary=10.0.0.1 addresses=[10.0.0.100] interval=100ms}",
    "bgp{neighbors={rs={remote=192.0.2.1:179 remote-as=65001 local-as=65002 identifier=10.0.0.1 families=[ipv4] hold-time=90 \
     connect-retry=5000ms ttl=hops(1)}} routes={10.0.0.100/32={}}}",
    "view{announce={repeat=2 gap=1000ms refresh=0ms}}",
];

/// A host whose proof is looked at every 100 ms.
struct Host {
    node: Node,
    now: Instant,
    state: State,
    came: Vec<Instant>,
    why: String,
}

impl Host {
    fn new(way: &str) -> Self {
        let text = format!(
            "addresses={{vip={{interface=eth0 held=[10.0.0.100/32] lifetime=2000ms checks=[{{name=proxy rule=veto rise=2 fall=3}}] proof=proxy \
             proof-age=900ms way={way}}}}}"
        );
        let node = Node::new(story::from_line(&text).expect("it can be read"), 1, Instant::START);
        let mut host = Self { node, now: at(0), state: State::Initialize, came: Vec::new(), why: String::new() };
        host.step(Event::Startup { left: vec![], found: vec![], handed_over: false, handed: vec![] });
        host
    }

    fn step(&mut self, event: Event) {
        let mut told = Vec::new();
        machine::step(&mut self.node, self.now, event, |action| told.push(action));
        told.into_iter().for_each(|action| self.note(action));
    }

    fn note(&mut self, action: Action) {
        if let Action::Changed { to, why, .. } = action {
            if to == State::Active {
                self.came.push(self.now);
            }
            (self.state, self.why) = (to, why);
        }
    }

    /// For so long; the proof fails while the address is here, if `is_broken`.
    fn live(&mut self, lasts: Duration, is_broken: bool) {
        let end = self.now + lasts;
        while self.now < end {
            let next = self.now + Duration::from_millis(100);
            while let Some((due, _)) = self.node.deadline().filter(|(due, _)| *due < next) {
                self.now = self.now.max(due);
                let mut told = Vec::new();
                machine::wake(&mut self.node, self.now, |action| told.push(action));
                told.into_iter().for_each(|action| self.note(action));
            }
            self.now = next;
            let failed = (is_broken && self.state == State::Active).then(|| "refused".to_owned());
            self.step(Event::Checked { address: "vip".into(), check: "proxy".into(), failed });
        }
    }

    fn came_within(&self, from: Instant, to: Instant) -> usize {
        self.came.iter().filter(|at| **at >= from && **at < to).count()
    }
}

#[test]
fn a_proof_that_fails_wherever_the_address_comes_moves_it_seldom_and_says_so() {
    for way in WAYS {
        let mut host = Host::new(way);
        let minute = Duration::from_secs(60);
        host.live(minute * 10, true);
        // Three times at once, then after 5, 10, 20 and 40 s.
        assert!(host.came_within(at(0), at(60_000)) <= 7, "{way}: {:?}", host.came);
        for n in 2..10 {
            let from = at(0) + minute * n;
            assert!((0..=1).contains(&host.came_within(from, from + minute)), "{way}: minute {n}: {:?}", host.came);
        }
        assert!(host.came.len() > 8, "{way}: it is tried again and again: {:?}", host.came);
        let report = host.node.report().addresses.remove(0);
        assert!(report.rests_until.is_some_and(|until| until > host.now), "{way}: {report:?}");
        assert!(report.explain.contains("in a row soon after it had come here"), "{way}: {}", report.explain);
        assert!(host.why.contains("check proxy fails"), "{way}: {}", host.why);
        // It is mended, and an operator does not wait.
        let before = host.came.len();
        host.step(Event::Wished { address: "vip".into(), wish: Wish::Take });
        host.live(Duration::from_secs(2), false);
        assert_eq!((host.came.len(), host.state), (before + 1, State::Active), "{way}");
    }
}

#[test]
fn a_proof_that_fails_once_or_after_a_while_costs_no_rest() {
    for way in WAYS {
        let mut host = Host::new(way);
        for _ in 0..5 {
            host.live(Duration::from_secs(25), false);
            assert_eq!(host.state, State::Active, "{way}");
            // Until it has left, which takes three results.
            host.live(Duration::from_millis(400), true);
            host.live(Duration::from_secs(2), false);
            assert_eq!(host.state, State::Active, "{way}: {}", host.node.explain());
        }
        // Falls in a row are forgotten after a minute here.
        host.live(Duration::from_secs(1), true);
        host.live(Duration::from_secs(61), false);
        assert_eq!(host.state, State::Active, "{way}");
        host.live(Duration::from_millis(400), true);
        host.live(Duration::from_secs(2), false);
        assert_eq!(host.state, State::Active, "{way}");
    }
}
