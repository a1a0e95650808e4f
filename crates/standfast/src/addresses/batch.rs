//! In which order are many orders carried out? Those of one address as the machine gave them; what makes the loop wait is done for all of them
//! at once.
//!
//! ```text
//!   as given:       cut a, remove a, say a, cut b, remove b, say b, put c, announce c, put d, announce d
//!   carried out:    cut a b, remove a, say a, remove b, say b, put c d, announce c, announce d
//! ```
//!
//! When forty addresses leave together, the host that gets them waits for each a moment only (`vrrp::router::succession`), and the guard for
//! this thread hardly longer. To cut clients takes a walk through the kernel's connections and an answer of the proxy, however many
//! addresses it is for; and the kernel lets packets in for an address of IPv6 a moment after it was put.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use node::Placed;
use node::event::{Action, Valid};

/// What is done at once.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    One(Action),
    /// `Action::Cut` of several addresses.
    Cut(Vec<IpAddr>),
    /// `Action::Put` of several addresses.
    Put(Vec<(String, Placed, Option<Duration>)>),
}

/// Which of the operator's addresses has this IP address.
#[derive(Debug, Default)]
pub(super) struct Owners(BTreeMap<IpAddr, Owner>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Owner {
    Of(String),
    /// It has gone from one to another since: what the first still does comes before what the second does.
    Several,
}

impl Owners {
    /// The file says so by now. `may_leave`: whether an IP address of before may not have left yet.
    pub(super) fn settle(&mut self, addresses: &BTreeMap<String, node::Address>, may_leave: impl Fn(IpAddr) -> bool) {
        let of = |(name, address): (&String, &node::Address)| {
            address.held.iter().map(|placed| (placed.ip, name.clone())).collect::<Vec<_>>()
        };
        let now: BTreeMap<IpAddr, String> = addresses.iter().flat_map(of).collect();
        self.0.retain(|ip, _| now.contains_key(ip) || may_leave(*ip));
        for (ip, name) in now {
            let now = Owner::Of(name);
            let owner = self.0.entry(ip).or_insert_with(|| now.clone());
            if *owner != now {
                *owner = Owner::Several;
            }
        }
    }

    fn of_ip(&self, ip: IpAddr) -> Option<&str> {
        if let Owner::Of(name) = self.0.get(&ip)? { Some(name) } else { None }
    }

    /// Whose it is. `None`: several addresses', or nobody's who is known, so it keeps its place among all.
    fn of<'a>(&'a self, action: &'a Action) -> Option<&'a str> {
        match action {
            Action::Put { address, .. } | Action::Remove { address, .. } => self.of_ip(address.ip),
            Action::Ask { ip, .. } => self.of_ip(*ip),
            Action::Announce { ips, .. } | Action::Cut { ips } => {
                let first = self.of_ip(*ips.first()?)?;
                ips.iter().all(|ip| self.of_ip(*ip) == Some(first)).then_some(first)
            }
            Action::Router { address, .. }
            | Action::Peer { address, .. }
            | Action::Will { address, .. }
            | Action::Run { address, .. }
            | Action::Changed { address, .. }
            | Action::Tell { address, .. }
            | Action::Tickle { address } => Some(address),
            Action::GroupChanged { .. } | Action::Ended => None,
        }
    }

    /// What is to be done, step by step.
    pub(super) fn steps(&self, actions: Vec<Action>) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut queues = Queues::default();
        for action in actions {
            let Some(owner) = self.of(&action).map(str::to_owned) else {
                queues.empty(&mut steps);
                queues.push(String::new(), action);
                queues.empty(&mut steps);
                continue;
            };
            queues.push(owner, action);
        }
        queues.empty(&mut steps);
        steps
    }
}

/// What is to be done for each address, in order; the addresses in the order in which they came.
#[derive(Default)]
struct Queues {
    places: BTreeMap<String, usize>,
    queues: Vec<VecDeque<Action>>,
}

impl Queues {
    fn push(&mut self, owner: String, action: Action) {
        let place = *self.places.entry(owner).or_insert_with(|| {
            self.queues.push(VecDeque::new());
            self.queues.len() - 1
        });
        self.queues[place].push_back(action);
    }

    /// Each goes on until it comes to what is done for all at once.
    fn empty(&mut self, steps: &mut Vec<Step>) {
        let mut queues = std::mem::take(self).queues;
        while queues.iter().any(|queue| !queue.is_empty()) {
            let (mut cut, mut put) = (Vec::new(), Vec::new());
            for queue in &mut queues {
                let waits = |action: &mut Action| matches!(action, Action::Cut { .. } | Action::Put { .. });
                while let Some(action) = queue.pop_front_if(|action| !waits(action)) {
                    steps.push(Step::One(action));
                }
                let is_cut = |action: &mut Action| matches!(action, Action::Cut { .. });
                if let Some(Action::Cut { ips }) = queue.pop_front_if(is_cut) {
                    cut.extend(ips);
                    continue;
                }
                while let Some(Action::Put { interface, address, valid }) = queue.pop_front_if(waits_to_be_put) {
                    put.push((interface, address, valid.map(|Valid(valid)| valid)));
                }
            }
            // What goes before what comes.
            steps.extend((!cut.is_empty()).then_some(Step::Cut(cut)));
            steps.extend((!put.is_empty()).then_some(Step::Put(put)));
        }
    }
}

const fn waits_to_be_put(action: &mut Action) -> bool {
    matches!(action, Action::Put { .. })
}

#[cfg(test)]
mod tests {
    use machine::Rng;
    use vrrp::{Advert, Interval, Priority, Vrid};

    use super::*;

    fn ip(n: u8) -> IpAddr {
        [192, 0, 2, n].into()
    }

    fn placed(n: u8) -> Placed {
        Placed { ip: ip(n), prefix: 32 }
    }

    fn cut(n: u8) -> Action {
        Action::Cut { ips: vec![ip(n)] }
    }

    fn put(n: u8) -> Action {
        Action::Put { interface: "eth0".into(), address: placed(n), valid: None }
    }

    fn remove(n: u8) -> Action {
        Action::Remove { interface: "eth0".into(), address: placed(n) }
    }

    fn announce(n: u8) -> Action {
        Action::Announce { interface: "eth0".into(), ips: vec![ip(n)] }
    }

    fn say(n: u8) -> Action {
        let advert = Advert {
            vrid: Vrid::new(n).unwrap(),
            priority: Priority::RESIGN,
            interval: Interval::USUAL,
            addresses: vec![ip(n)],
        };
        Action::Router { address: name(n), action: vrrp::Action::Send { to: ip(0), advert } }
    }

    fn name(n: u8) -> String {
        format!("m{n}")
    }

    /// Each of these has the one IP address of its number.
    fn owners(numbers: impl IntoIterator<Item = u8>) -> Owners {
        let mut owners = Owners::default();
        owners.settle(&addresses(numbers.into_iter().map(|n| (n, n))), |_| false);
        owners
    }

    fn addresses(pairs: impl IntoIterator<Item = (u8, u8)>) -> BTreeMap<String, node::Address> {
        let address = |ip: u8| node::Address {
            interface: "eth0".into(),
            held: vec![placed(ip)],
            lifetime: None,
            follows: node::Follows::Checks,
            checks: Vec::new(),
            proof: None,
            proof_age: Duration::from_secs(1),
            way: node::Way::Command { check: None },
            ask_first: None,
            put_back: true,
            released: false,
        };
        pairs.into_iter().map(|(n, ip)| (name(n), address(ip))).collect()
    }

    fn one(action: Action) -> Step {
        Step::One(action)
    }

    fn puts(numbers: &[u8]) -> Step {
        Step::Put(numbers.iter().map(|n| ("eth0".into(), placed(*n), None)).collect())
    }

    #[test]
    fn those_that_move_together_are_cut_and_put_together() {
        let given = [1, 2].into_iter().flat_map(|n| [cut(n), remove(n), say(n)]);
        let given = given.chain([3, 4].into_iter().flat_map(|n| [put(n), announce(n)])).collect();
        assert_eq!(
            owners(1..5).steps(given),
            [
                Step::Cut(vec![ip(1), ip(2)]),
                puts(&[3, 4]),
                one(remove(1)),
                one(say(1)),
                one(remove(2)),
                one(say(2)),
                one(announce(3)),
                one(announce(4))
            ]
        );
    }

    #[test]
    fn what_nobody_has_keeps_its_place_among_all() {
        let changed = Action::GroupChanged { group: "both".into(), from: vrrp::State::Active, to: vrrp::State::Backup };
        let given = vec![cut(1), remove(1), changed.clone(), cut(2), remove(2), cut(9), remove(9), cut(1)];
        let steps = owners(1..3).steps(given);
        let cut = |n: u8| Step::Cut(vec![ip(n)]);
        let wanted =
            [cut(1), one(remove(1)), one(changed), cut(2), one(remove(2)), cut_alone(9), one(remove(9)), cut(1)];
        assert_eq!(steps, wanted);
    }

    /// An address that changes hands by a reload: the first gives it up before the second has it.
    #[test]
    fn what_had_two_owners_keeps_its_place_until_it_has_left() {
        let mut owners = owners([1, 2]);
        owners.settle(&addresses([(1, 3), (2, 1)]), |_| true);
        let given = vec![cut(1), remove(1), say(1), put(1), announce(1)];
        let wanted = [cut_alone(1), one(remove(1)), one(say(1)), puts(&[1]), one(announce(1))];
        assert_eq!(owners.steps(given), wanted);
        assert_eq!((owners.of_ip(ip(1)), owners.of_ip(ip(2)), owners.of_ip(ip(3))), (None, Some("m2"), Some("m1")));
        owners.settle(&addresses([(1, 3)]), |_| false);
        owners.settle(&addresses([(1, 3), (2, 1)]), |_| false);
        assert_eq!((owners.of_ip(ip(1)), owners.of_ip(ip(2))), (Some("m2"), None));
    }

    fn cut_alone(n: u8) -> Step {
        Step::Cut(vec![ip(n)])
    }

    /// Of any orders: nothing is lost, and of each address everything is in order.
    #[test]
    fn of_one_address_all_is_done_in_order() {
        let mut rng = Rng::new(7);
        for _ in 0..500 {
            let given: Vec<Action> = (0..rng.below(40))
                .map(|_| {
                    let n = u8::try_from(rng.below(6)).unwrap() + 1;
                    [cut, put, remove, announce, say][usize::try_from(rng.below(5)).unwrap()](n)
                })
                .collect();
            // 5 and 6 are nobody's.
            let owners = owners(1..5);
            let done: Vec<Action> = owners.steps(given.clone()).into_iter().flat_map(single).collect();
            let of = |all: &[Action], n: u8| {
                let is_its = |action: &&Action| match action {
                    Action::Put { address, .. } | Action::Remove { address, .. } => address.ip == ip(n),
                    Action::Cut { ips } | Action::Announce { ips, .. } => ips == &[ip(n)],
                    Action::Router { address, .. } => *address == name(n),
                    _ => false,
                };
                all.iter().filter(is_its).cloned().collect::<Vec<_>>()
            };
            assert_eq!(done.len(), given.len());
            for n in 1..7 {
                assert_eq!(of(&done, n), of(&given, n), "{n} of {given:?}");
            }
        }
    }

    fn single(step: Step) -> Vec<Action> {
        match step {
            Step::One(action) => vec![action],
            Step::Cut(ips) => ips.into_iter().map(|ip| Action::Cut { ips: vec![ip] }).collect(),
            Step::Put(all) => {
                let put = |(interface, address, valid): (String, Placed, Option<Duration>)| Action::Put {
                    interface,
                    address,
                    valid: valid.map(Valid),
                };
                all.into_iter().map(put).collect()
            }
        }
    }
}
