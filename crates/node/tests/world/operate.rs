//! What happens to hosts, links and masters from outside.

use std::collections::VecDeque;
use std::time::Duration;

use node::config::Placed;
use node::{Event, Node, Wish};
use view::{Epoch, Phase};

use super::plan::{self, CHECKED, LIFETIME, NAMES, Op, PATIENCE, held, link_with, server};
use super::{Coming, Saboteur, World};

impl World {
    pub(super) fn operate(&mut self, op: Op) {
        self.trace(|| format!("OP {op:?}"));
        self.course.op = self.now;
        match op {
            Op::Die(host) => self.die(host),
            Op::Kill { host, has_guard } => self.kill(host, has_guard),
            Op::Restart(host) => {
                if self.hosts[host].node.is_none() {
                    self.hosts[host].is_dead = false;
                    self.begin(host, false);
                }
            }
            Op::Upgrade(host) => {
                if self.hosts[host].node.is_some() && self.hosts[host].frozen_until.is_none() {
                    self.begin(host, true);
                }
            }
            Op::Hang { host, lasts, has_guard } => self.hang(host, lasts, has_guard),
            Op::Proxy(host, works) => self.hosts[host].proxy_works = works,
            Op::Link { host, link, is_up } => self.link(host, link, is_up),
            Op::OneWay { link, from, to } => self.reaches[link][from][to] = false,
            Op::Whole => self.reaches.iter_mut().flatten().for_each(|row| row.fill(true)),
            Op::Delete { host, link } => self.vanishes(host, held(link)),
            Op::Refuse(host, refuses) => self.hosts[host].refuses = refuses,
            Op::Intrude(is_there) => self.intruder = is_there,
            Op::Move(host) => {
                self.publish(Phase::Switching);
                let at = self.now + Duration::from_millis(300);
                self.comes(at, Coming::Promoted(host));
            }
            Op::Lose => self.publish(Phase::Lost),
            Op::Release(host, released) => {
                self.hosts[host].released = released;
                let wish = if released { Wish::Release } else { Wish::Take };
                self.tell(host, Event::Wished { address: Self::name(0), wish });
            }
            Op::Preempt(host) => self.tell(host, Event::Wished { address: Self::name(0), wish: Wish::Preempt }),
            Op::List(host) => {
                for link in 0..self.plan.kind.links() {
                    let on_link = |placed: &&Placed| **placed == held(link);
                    let there = self.hosts[host].kernel.keys().filter(on_link).copied().collect();
                    self.tell(host, Event::Listed { interface: self.interface(link), there });
                }
            }
            Op::Partner(host) => self.tell(host, Event::PartnerLost { address: Self::name(0), node: "b".into() }),
            Op::Server { server, works } => self.serve(server, works),
        }
    }

    pub(super) fn heal(&mut self) {
        self.operate(Op::Whole);
        self.plan.lost = 0;
        self.intruder = false;
        // Whoever stands still first tries what it does then in a world that is whole.
        self.hosts.iter_mut().for_each(|host| host.refuses = false);
        self.servers.iter_mut().for_each(|server| server.works = true);
        for host in 0..self.hosts.len() {
            self.thaw(host);
            self.operate(Op::Restart(host));
            self.operate(Op::Proxy(host, true));
            for link in 0..self.plan.kind.links() {
                if !self.hosts[host].has_link[link] {
                    self.operate(Op::Link { host, link, is_up: true });
                }
            }
            if self.hosts[host].released {
                self.operate(Op::Release(host, false));
            }
            // Otherwise the next try may be minutes away, for each that could not be put.
            for link in 0..self.plan.kind.links() {
                self.tell(host, Event::Wished { address: Self::name(link), wish: Wish::Preempt });
            }
            self.renew_sessions(host);
        }
        if self.truth.phase != Phase::Steady {
            self.operate(Op::Move(0));
        }
        // What processes that were gone without a guard have left may still be there.
        self.course.whole = Some(self.now);
        self.course.excused = self.course.excused.max(self.now);
    }

    /// A process begins, in the place of nobody or of one that hands over.
    pub(super) fn begin(&mut self, host: usize, handed_over: bool) {
        let mut config = self.plan.configs[host].clone();
        if let Some(address) = config.addresses.get_mut(NAMES[0]) {
            address.released = self.hosts[host].released;
        }
        if self.saboteur == Some(Saboteur::Apart) {
            config.groups.clear();
        }
        self.end_sessions(host);
        let (seed, now) = (self.rng.next_u64(), self.now);
        self.count(host);
        let it = &mut self.hosts[host];
        it.process += 1;
        it.node = Some(Node::new(config, seed, now));
        it.inbox = VecDeque::new();
        it.frozen_until = None;
        it.state = Default::default();
        // Each process has a guard of its own.
        it.will = Default::default();
        if handed_over {
            // What the one before knew counts for a moment.
            it.result = Some(now);
        } else {
            (it.view, it.result) = (None, None);
        }
        let (has_link, process) = (it.has_link, it.process);
        let there: Vec<Placed> = it.kernel.keys().copied().collect();
        let left = there.into_iter().map(|placed| (self.interface(link_with(placed)), placed)).collect();
        for link in (0..self.plan.kind.links()).filter(|link| !has_link[*link]) {
            self.tell(host, Event::Link { interface: plan::interface(link), fault: Some("down".into()) });
        }
        self.tell(host, Event::Startup { left, found: vec![], handed_over, handed: vec![] });
        let at = now + self.rng.jitter(CHECKED);
        self.comes(at, Coming::Check { host, process });
        let at = now + self.delay();
        self.comes(at, Coming::View { host, process });
    }

    fn die(&mut self, host: usize) {
        self.count(host);
        let it = &mut self.hosts[host];
        it.node = None;
        it.process += 1;
        it.is_dead = true;
        it.frozen_until = None;
        it.kernel.clear();
        it.will = Default::default();
        it.state = Default::default();
    }

    fn kill(&mut self, host: usize, has_guard: bool) {
        if self.hosts[host].node.is_none() {
            return;
        }
        self.count(host);
        self.excuse();
        let wills = core::mem::take(&mut self.hosts[host].will);
        self.end_sessions(host);
        let it = &mut self.hosts[host];
        it.node = None;
        it.process += 1;
        it.frozen_until = None;
        it.state = Default::default();
        for (link, (remove, say)) in wills.into_iter().enumerate().filter(|_| has_guard) {
            self.seen.guarded += remove.len() as u64;
            for (_, placed) in remove {
                self.hosts[host].kernel.remove(&placed);
            }
            for action in say {
                self.send(host, link, action);
            }
        }
    }

    /// Until its lifetime is over, an address may stay where nobody is alive to remove it.
    fn excuse(&mut self) {
        self.course.excused = self.course.excused.max(self.now + LIFETIME + Duration::from_secs(1));
    }

    fn hang(&mut self, host: usize, lasts: Duration, has_guard: bool) {
        if self.hosts[host].node.is_none() || self.hosts[host].frozen_until.is_some() {
            return;
        }
        self.excuse();
        let process = self.hosts[host].process;
        self.hosts[host].frozen_until = Some(self.now + lasts);
        self.comes(self.now + lasts, Coming::Thaw { host, process });
        if has_guard {
            self.comes(self.now + PATIENCE, Coming::Guard { host, process });
        }
    }

    /// The process has not beaten for too long.
    pub(super) fn guard_removes(&mut self, host: usize) {
        if self.hosts[host].frozen_until.is_none() {
            return;
        }
        for (_, placed) in self.hosts[host].will.clone().into_iter().flat_map(|(remove, _)| remove) {
            self.seen.guarded += 1;
            self.vanishes(host, placed);
        }
    }

    /// What is due comes before what has come, as in every driver; but one that sleeps may be woken by what has come.
    pub(super) fn thaw(&mut self, host: usize) {
        if self.hosts[host].frozen_until.take().is_none() {
            return;
        }
        self.course.op = self.now;
        self.hosts[host].thawed = [self.now, self.hosts[host].thawed[0]];
        self.seen.late += 1;
        if self.rng.chance(500)
            && let Some(event) = self.hosts[host].inbox.pop_front()
        {
            self.tell(host, event);
        }
        self.wake(host);
        while let Some(event) = self.hosts[host].inbox.pop_front() {
            self.tell(host, event);
        }
    }

    fn link(&mut self, host: usize, link: usize, is_up: bool) {
        self.hosts[host].has_link[link] = is_up;
        if !is_up && !self.plan.kind.has_routes() {
            self.vanishes(host, held(link));
        }
        let fault = (!is_up).then(|| "no carrier".to_owned());
        self.tell(host, Event::Link { interface: plan::interface(link), fault });
    }

    pub(super) fn promoted(&mut self, host: usize) {
        self.course.op = self.now;
        self.truth.master = server(host);
        self.truth.epoch = Epoch(self.truth.epoch.0 + 1);
        self.publish(Phase::Steady);
    }

    fn publish(&mut self, phase: Phase) {
        self.truth.phase = phase;
        self.published = self.now;
        for host in 0..self.hosts.len() {
            let (process, at) = (self.hosts[host].process, self.now + self.delay());
            self.comes(at, Coming::View { host, process });
        }
    }
}
