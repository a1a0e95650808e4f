//! The drivers of hosts, their kernels, and what is on its way.

use std::net::IpAddr;
use std::time::Duration;

use machine::Instant;
use node::event::Valid;
use node::{Action, Event, Placed};
use view::Phase;
use vrrp::State;

use super::judge::{Course, Invariant};
use super::plan::{CHECKED, GRANULARITY, NAMES, held, link_of, link_with, own, server};
use super::{Coming, Saboteur, World};

impl World {
    pub(super) fn wake(&mut self, host: usize) {
        let Some(node) = self.hosts[host].node.as_mut() else { return };
        let mut actions = Vec::new();
        machine::wake(node, self.now, |action| actions.push(action));
        self.act(host, actions);
    }

    pub(super) fn tell(&mut self, host: usize, event: Event) {
        let it = &mut self.hosts[host];
        if it.node.is_none() {
            return;
        }
        if it.frozen_until.is_some() {
            it.inbox.push_back(event);
            return;
        }
        let event = match self.saboteur {
            Some(saboteur) => saboteur.alter_event(it.state_for(&event), event),
            None => Some(event),
        };
        let Some(event) = event else { return };
        match &event {
            Event::Viewed { view } => it.view = Some(view.clone()),
            Event::Checked { failed, .. } => {
                it.result = Some(self.now);
                if failed.is_none() {
                    it.proven = self.now;
                }
            }
            _ => {}
        }
        self.trace(|| format!("{host} {event:?}"));
        let mut actions = Vec::new();
        if let Some(node) = self.hosts[host].node.as_mut() {
            machine::step(node, self.now, event, |action| actions.push(action));
        }
        self.act(host, actions);
    }

    fn act(&mut self, host: usize, actions: Vec<Action>) {
        let mut cut = Vec::new();
        for action in actions {
            let action = match self.saboteur {
                Some(saboteur) => saboteur.alter_action(action),
                None => Some(action),
            };
            let Some(action) = action else { continue };
            self.trace(|| format!("{host}     > {action:?}"));
            match action {
                Action::Put { interface, address, valid } if self.hosts[host].refuses => {
                    self.seen.refused += 1;
                    let why = format!("refused {valid:?}");
                    self.event(host, Event::NotPut { interface, address, why });
                }
                Action::Put { address, valid, .. } => {
                    let Valid(lifetime) = valid.expect("all have one");
                    self.is_new_here(host, address);
                    let until = self.now + lifetime + self.rng.jitter(GRANULARITY);
                    self.hosts[host].kernel.insert(address, until);
                }
                Action::Cut { ips } => cut.extend(ips),
                Action::Remove { address, .. } if self.saboteur == Some(Saboteur::LateRemoves) => {
                    let process = self.hosts[host].process;
                    self.comes(self.now + LATE, Coming::Removed { host, process, address });
                }
                Action::Remove { address, .. } => {
                    let was_there = self.hosts[host].kernel.remove(&address).is_some();
                    let is_active = self.hosts[host].state[link_with(address)] == State::Active;
                    if was_there && !cut.contains(&address.ip) && is_active {
                        self.judge.breaks(Invariant::A6, self.now, format!("{host} removes without a cut"));
                    }
                }
                Action::Ask { ip, .. } => {
                    let (process, at) = (self.hosts[host].process, self.now + self.delay());
                    self.comes(at, Coming::Asked { by: host, process, ip });
                }
                Action::Announce { ips, .. } => {
                    for ip in ips {
                        let at = self.now + self.delay();
                        self.comes(at, Coming::Announced { by: host, ip });
                    }
                }
                Action::Router { address, action } => self.send(host, link_of(&address), action),
                Action::Tickle { address } => self.hosts[host].tickled[link_of(&address)] = Some(self.now),
                Action::Will { address, remove, say } => self.hosts[host].will[link_of(&address)] = (remove, say),
                Action::Changed { address, to, why, .. } => self.changed(host, link_of(&address), to, &why),
                Action::Peer { neighbor, action, .. } => self.on_peer(host, &neighbor, action),
                Action::GroupChanged { to, .. } => self.seen.together += u64::from(to == State::Active),
                Action::Tell { .. } | Action::Run { .. } | Action::Ended => {}
            }
        }
    }

    /// What is not there is not put by what was true long ago, also not by a process that has just stood still.
    fn is_new_here(&mut self, host: usize, address: Placed) {
        let is_told = self.now.since(self.published) > self.plan.delay * 2;
        let is_elsewhere = !self.plan.kind.is_proven() && self.truth.writable() != Some(server(host));
        // A short one right after another is believed: see `Right::doubt`.
        let [last, before] = self.hosts[host].thawed;
        let is_late_again = last == self.now && last.since(before) < Duration::from_millis(900);
        if is_told && is_elsewhere && !is_late_again && !self.hosts[host].kernel.contains_key(&address) {
            self.judge.breaks(Invariant::A1, self.now, format!("{host} puts what has long gone to another"));
        }
    }

    fn changed(&mut self, host: usize, link: usize, to: State, why: &str) {
        self.hosts[host].state[link] = to;
        self.judge.changed(&self.plan, self.now, self.course, host, to);
        let is_new = to == State::Active && !why.contains("handed over");
        self.look_at_whom_it_sent_away(host, link, to, why);
        self.seen.came += u64::from(is_new);
        // A round that was just gone is followed by the next within as long.
        let is_told = self.hosts[host].tickled[link].is_some_and(|at| self.now.since(at) <= Duration::from_millis(100));
        if is_new && !is_told {
            self.judge.breaks(
                Invariant::A6,
                self.now,
                format!("{host} has it, and the clients of others are not told"),
            );
        }
    }

    fn look_at_whom_it_sent_away(&mut self, host: usize, link: usize, to: State, why: &str) {
        let Course { whole, excused, .. } = self.course;
        let heard = self.plan.interval + self.plan.delay * 2;
        let is_whole = whole.is_some_and(|whole| whole.max(excused) + heard <= self.now);
        let Some(by_right) = why.find(" has less right").filter(|_| to == State::Active && is_whole) else { return };
        self.seen.sent_away += 1;
        let was = |other: &usize| why[..by_right].starts_with(&format!("{},", own(link, *other)));
        let stays = |other: &usize| self.hosts[*other].kernel.contains_key(&held(link));
        if let Some(other) = (0..self.hosts.len()).filter(was).find(stays) {
            self.judge.breaks(Invariant::A7, self.now, format!("{host} has sent {other} away, which has it"));
        }
    }

    /// What a process has seen is forgotten with it.
    pub(super) fn count(&mut self, host: usize) {
        let Some(node) = &self.hosts[host].node else { return };
        for address in node.report().addresses {
            self.seen.conflicts += address.stats.conflicts;
            self.seen.put_back += address.stats.put_back;
        }
    }

    /// Its own driver will tell it this next.
    pub(super) fn event(&mut self, host: usize, event: Event) {
        let process = self.hosts[host].process;
        self.comes(self.now, Coming::Event { host, process, event });
    }

    pub(super) fn send(&mut self, from: usize, link: usize, action: vrrp::Action) {
        let vrrp::Action::Send { to, advert } = action else { return };
        if !self.hosts[from].has_link[link] {
            return;
        }
        for other in (0..self.hosts.len()).filter(|other| *other != from) {
            if !self.reaches[link][from][other] || self.rng.below(1_000) < self.plan.lost {
                continue;
            }
            let at = self.now + self.delay();
            self.comes(at, Coming::Packet { to: other, link, from: own(link, from), at: to, advert: advert.clone() });
        }
    }

    pub(super) fn arrives(&mut self, key: (Instant, u64)) {
        let Some(coming) = self.coming.remove(&key) else { return };
        match coming {
            Coming::Op(op) => self.operate(op),
            Coming::Promoted(host) => self.promoted(host),
            Coming::Packet { to, link, from, at, advert } => {
                if self.hosts[to].has_link[link] {
                    let event = vrrp::Event::Heard { from, to: at, advert };
                    self.tell(to, Event::Router { address: Self::name(link), event });
                }
            }
            Coming::Attempt(line) => self.attempt(line),
            Coming::Flow(line, toward) => self.flow(line, toward),
            Coming::Beat(line) => self.beat(line),
            Coming::Event { host, process, event } if self.is_process(host, process) => self.tell(host, event),
            // What is published is seen as it is, never as it was.
            Coming::View { host, process } if self.is_process(host, process) => {
                let view = self.truth.clone();
                let group = (view.phase == Phase::Switching).then(|| view.group.clone());
                self.tell(host, Event::Viewed { view });
                if let Some(group) = group {
                    self.tell(host, Event::Voted { group });
                }
            }
            Coming::Removed { host, process, address } if self.is_process(host, process) => {
                self.hosts[host].kernel.remove(&address);
            }
            Coming::Thaw { host, process } if self.is_process(host, process) => self.thaw(host),
            Coming::Guard { host, process } if self.is_process(host, process) => self.guard_removes(host),
            Coming::Check { host, process } if self.is_process(host, process) => self.check(host),
            Coming::Asked { by, process, ip } if self.is_process(by, process) => self.asked(by, ip),
            Coming::Announced { by, ip } => {
                let link = on_link(ip);
                for other in (0..self.hosts.len()).filter(|n| *n != by) {
                    if self.reaches[link][by][other] && self.hosts[other].has_link[link] {
                        let event = Event::Elsewhere { interface: self.interface(link), ip, by: by.to_string() };
                        self.tell(other, event);
                    }
                }
            }
            Coming::Event { .. }
            | Coming::View { .. }
            | Coming::Removed { .. }
            | Coming::Thaw { .. }
            | Coming::Guard { .. }
            | Coming::Check { .. }
            | Coming::Asked { .. } => {}
        }
    }

    /// Does anybody have this?
    fn asked(&mut self, by: usize, ip: IpAddr) {
        let link = on_link(ip);
        let reaches = &self.reaches[link];
        let mut others = (0..self.hosts.len()).filter(|n| *n != by && reaches[by][*n] && reaches[*n][by]);
        let has = |n: &usize| self.hosts[*n].kernel.contains_key(&held(link)) && self.hosts[*n].has_link[link];
        let by_whom = others.find(has).map(|n| n.to_string()).or_else(|| self.intruder.then(|| "stranger".into()));
        if let Some(by_whom) = by_whom {
            let event = Event::Elsewhere { interface: self.interface(link), ip, by: by_whom };
            let (at, process) = (self.now + self.delay(), self.hosts[by].process);
            self.comes(at, Coming::Event { host: by, process, event });
        }
    }

    pub(super) fn is_process(&self, host: usize, process: u64) -> bool {
        self.hosts[host].process == process && self.hosts[host].node.is_some()
    }

    fn check(&mut self, host: usize) {
        let process = self.hosts[host].process;
        let at = self.now + CHECKED;
        self.comes(at, Coming::Check { host, process });
        let it = &self.hosts[host];
        if !self.plan.kind.is_proven() || it.frozen_until.is_some() {
            return;
        }
        let failed = (!it.proxy_works).then(|| "connection refused".to_owned());
        for link in 0..self.plan.kind.links() {
            let (address, check, failed) = (Self::name(link), "proxy".into(), failed.clone());
            self.tell(host, Event::Checked { address, check, failed });
        }
    }

    /// A lifetime is over.
    pub(super) fn expire(&mut self, host: usize) {
        let now = self.now;
        let over: Vec<_> =
            self.hosts[host].kernel.iter().filter(|(_, until)| **until <= now).map(|(p, _)| *p).collect();
        for placed in over {
            self.seen.expired += 1;
            self.vanishes(host, placed);
        }
    }

    /// It is gone from the interface, and not by an order of the process.
    pub(super) fn vanishes(&mut self, host: usize, placed: Placed) {
        self.trace(|| format!("{host} {placed} is gone"));
        if self.hosts[host].kernel.remove(&placed).is_some() {
            let interface = self.interface(link_with(placed));
            self.event(host, Event::Gone { interface, address: placed });
        }
    }
}

/// On which link this is asked for, or told.
fn on_link(ip: IpAddr) -> usize {
    (0..NAMES.len()).find(|link| held(*link).ip == ip).expect("one of ours")
}

/// How late a kernel lets go that is slow: less than a holder that is sent away is waited for.
const LATE: Duration = Duration::from_millis(15);
