//! What others may say that is wrong, old or forged, and that it changes nothing: hellos, questions, votes.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use machine::time::at;
use machine::{step, wake};
use proptest::prelude::*;
use sentinel::{Action, CallId, Config, Event, GroupConfig, Reply, Request, Sentinel, State};
use view::{Epoch, RunId};

const MASTER: &str = "10.0.0.1:6379";

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn id(letter: char) -> RunId {
    letter.to_string().repeat(40).parse().expect("an id")
}

/// A node of three, whose disk is always fast.
struct Node {
    machine: Sentinel,
    calls: u64,
    events: Vec<String>,
    replies: Vec<Reply>,
}

impl Node {
    fn new() -> Self {
        let groups = BTreeMap::from([("cache".into(), GroupConfig::of(addr(MASTER), 2, 3))]);
        let config = Config { id: id('a'), announce: addr("10.0.0.9:26379"), groups };
        let machine = Sentinel::new(config, State::default(), 1, at(0));
        let mut node = Self { machine, calls: 0, events: Vec::new(), replies: Vec::new() };
        let mut actions = Vec::new();
        wake(&mut node.machine, at(0), |action| actions.push(action));
        node.take(actions);
        node.events.clear();
        node
    }

    fn take(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Save { seq, .. } => self.step(Event::Saved { seq }),
                Action::Announce { event } => self.events.push(format!("{} {}", event.name, event.payload)),
                Action::Reply { reply, .. } => self.replies.push(reply),
                _ => {}
            }
        }
    }

    fn step(&mut self, event: Event) {
        let mut actions = Vec::new();
        step(&mut self.machine, at(1), event, |action| actions.push(action));
        self.take(actions);
    }

    fn ask(&mut self, request: Request) {
        self.calls += 1;
        self.step(Event::Requested { call: CallId(self.calls), request });
    }

    fn hello(&mut self, text: &str) {
        self.ask(Request::Hello { text: text.to_owned() });
    }

    fn vote(&mut self, epoch: u64, candidate: char) -> Reply {
        let candidate = Some(id(candidate));
        self.ask(Request::IsMasterDown { master: addr(MASTER), epoch: Epoch(epoch), candidate });
        self.replies.pop().expect("every question is answered")
    }
}

#[test]
fn a_wrong_hello_changes_nothing_and_is_counted() {
    let mut node = Node::new();
    let before = node.machine.state();
    let good = format!("10.0.0.8,26379,{},1,cache,10.0.0.1,6379,0", id('b'));
    let wrong = [
        "hello".to_owned(),
        format!("{good},more"),
        good.replace("26379", "0"),
        good.replace("10.0.0.8", "host.example"),
        good.replace(",1,", ",-1,"),
        good.replace(",1,", ",99999999999999999999999,"),
        good.replace("bbbb", "zzzz"),
        good.replace("10.0.0.8", "10.0.0.9"),
        good.replace(",1,", ",18446744073709551615,"),
    ];
    for text in &wrong {
        node.hello(text);
    }
    assert_eq!(node.machine.state(), before);
    assert_eq!(node.events, [""; 0]);
    assert_eq!(node.machine.report().stats.malformed, wrong.len() as u64);
    node.hello(&good.replace("cache", "unknown"));
    assert_eq!(node.machine.state(), before, "a group that we do not watch is none of our business");
    node.hello(&good);
    assert_eq!(node.machine.state().groups[&"cache".into()].peers.len(), 1, "and a good one is taken");
}

#[test]
fn a_peer_with_our_own_id_is_told_of_once_and_never_counted() {
    let mut node = Node::new();
    let ours = format!("10.0.0.9,26379,{},0,cache,10.0.0.1,6379,0", id('a'));
    node.hello(&ours);
    assert_eq!(node.events, [""; 0], "our own echo");
    let impostor = ours.replace("10.0.0.9", "10.0.0.7").replace(",0,cache", ",9,cache");
    node.hello(&impostor);
    node.hello(&impostor);
    assert_eq!(node.events.len(), 1, "{:?}", node.events);
    assert!(node.events[0].starts_with("-own-id another node at 10.0.0.7:26379 has our id"), "{:?}", node.events);
    let state = node.machine.state();
    assert!(state.groups[&"cache".into()].peers.is_empty());
    assert_eq!(state.epoch, Epoch(0), "nor does its epoch count");
}

#[test]
fn a_vote_request_from_the_past_gets_the_old_vote_again() {
    let mut node = Node::new();
    let given = node.vote(7, 'b');
    assert_eq!(given, Reply::Vote { down: false, leader: Some(id('b')), epoch: Epoch(7) });
    for epoch in [0, 1, 6, 7] {
        assert_eq!(node.vote(epoch, 'c'), given, "epoch {epoch}");
    }
    assert_eq!(node.machine.state().epoch, Epoch(7));
}

#[test]
fn a_question_about_another_address_has_no_answer_and_no_vote() {
    let mut node = Node::new();
    node.ask(Request::IsMasterDown { master: addr("10.0.0.2:6379"), epoch: Epoch(9), candidate: Some(id('b')) });
    assert_eq!(node.replies, [Reply::Vote { down: false, leader: None, epoch: Epoch(0) }]);
    assert_eq!(node.machine.state().epoch, Epoch(0));
}

#[test]
fn nodes_that_are_made_up_are_bounded() {
    let mut node = Node::new();
    for n in 0..500_u32 {
        let text = format!("10.1.{}.{},26379,{n:040x},0,cache,10.0.0.1,6379,0", n / 250, n % 250 + 1);
        node.hello(&text);
    }
    let known = node.machine.state().groups[&"cache".into()].peers.len();
    assert_eq!(known, 64);
    assert_eq!(node.machine.report().stats.at_bound, 500 - 64);
}

proptest! {
    /// Whatever is asked in whatever order: no panic, every question is answered, epochs never fall.
    #[test]
    fn any_questions_are_answered(questions in prop::collection::vec((0_u64..20, 0_u8..4, any::<bool>()), 0..60)) {
        let mut node = Node::new();
        let mut highest = Epoch(0);
        for (epoch, who, hello) in questions {
            let letter = char::from(b'a' + who);
            if hello {
                node.hello(&format!("10.0.0.{},26379,{},{epoch},cache,10.0.0.{},6379,{}", who + 2, id(letter), who + 1, epoch / 2));
            } else {
                node.vote(epoch, letter);
            }
            let state = node.machine.state();
            prop_assert!(state.epoch >= highest);
            highest = state.epoch;
        }
    }
}
