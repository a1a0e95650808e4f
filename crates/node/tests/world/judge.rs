//! What must never be? Looked at after every step of a world.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::Instant;
use vrrp::State;

use super::plan::{HOLD, Kind, PROOF_AGE, Plan};
use super::servers::{AGAIN, BEAT};

/// What must never be, by name. Each has a saboteur.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Invariant {
    /// The address is never where the master is unconfirmed, or where no result of the proof has come in time, as far as a process that is awake
    /// knows; and wherever nobody proves it, also because the process hangs or is gone, it is gone after the lifetime, the age of a proof and
    /// a second.
    A1,
    /// Once links are whole, and for one interval and a delay, one host has it.
    A2,
    /// What nobody may have is on no host after that bound.
    A3,
    /// At rest somebody who may have it has it, and nothing moves.
    A4,
    /// What the guard was told to do is what is held.
    A5,
    /// Whoever gets it tells the clients of others; whoever gives it up cuts its own first.
    A6,
    /// Over whole links, a router that sends a holder away puts the address when that one has let go.
    A7,
    /// A route server leads to no host that does not hold the address for longer than a word takes; nor, where the process or the link is gone,
    /// than the hold time. What is not held is not announced.
    A8,
    /// At rest every route server that works has the route of every host that may hold the address, and of no other.
    A9,
    /// A host has all addresses of a sync group or none, but for an interval and a delay, and, where it asks, what a process that is gone has
    /// left, as far as a process that is awake knows; over whole links no two hosts have one each for longer than those.
    A10,
}

/// Whether a route server works, and whom it leads to.
pub(crate) type Routes = (bool, Vec<usize>);

/// One host as it is now.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    /// The address is on its interface.
    pub(crate) holds: bool,
    /// Its process lives and does not stand still.
    pub(crate) is_awake: bool,
    /// It may have it, by all that is true.
    pub(crate) may: bool,
    /// Its process believes that it may have it, by the last view that has come.
    pub(crate) has_view: bool,
    /// When the last result of the proof came, if one did.
    pub(crate) result: Option<Instant>,
    /// When it was last proven.
    pub(crate) proven: Instant,
    /// Since when it has been awake, with a link.
    pub(crate) sound: Instant,
    pub(crate) state: State,
    /// What its guard would take off, and whether it would say anything.
    pub(crate) will: (bool, bool),
}

#[derive(Debug, Default)]
pub(crate) struct Judge {
    /// What was broken first, with when and what for.
    pub(crate) broken: BTreeMap<Invariant, String>,
    /// Of each link.
    two_since: [Option<Instant>; 2],
    /// Since when a host has one address of a sync group and not the other.
    halved_since: BTreeMap<usize, Instant>,
    /// Since when two have one each.
    apart_since: Option<Instant>,
    /// Since when which server leads to which host that does not hold the address.
    misled_since: BTreeMap<(usize, usize), Instant>,
    none_may_since: Option<Instant>,
    some_may_since: Option<Instant>,
}

/// Where in its course a world is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// Since when links are whole for good.
    pub(crate) whole: Option<Instant>,
    /// When something last happened to a host or the link.
    pub(crate) op: Instant,
    /// Until when a kernel may keep what a process that is gone has left.
    pub(crate) excused: Instant,
}

impl Judge {
    /// `sights`: of each link.
    pub(crate) fn look(
        &mut self,
        plan: &Plan,
        now: Instant,
        course: Course,
        sights: &[Vec<Sight>],
        servers: &[Routes],
    ) {
        for (link, hosts) in sights.iter().enumerate() {
            for (n, host) in hosts.iter().enumerate() {
                self.look_at_proof(plan, now, n, host);
                self.look_at_will(plan, now, n, host);
            }
            self.count_holders(plan, now, course, link, hosts);
            self.look_at_rest(plan, now, course, hosts);
        }
        if let [vip, inner] = sights {
            self.look_at_group(plan, now, course, vip, inner);
        }
        self.look_at_routes(plan, now, servers, &sights[0]);
        if is_settled(plan, now, course) {
            self.look_at_routes_at_rest(now, servers, &sights[0]);
        }
    }

    fn look_at_rest(&mut self, plan: &Plan, now: Instant, course: Course, hosts: &[Sight]) {
        let holders = holders(hosts);
        let may = hosts.iter().any(|host| host.may);
        let since = |since: Option<Instant>, holds: bool| holds.then(|| since.unwrap_or(now));
        self.none_may_since = since(self.none_may_since, !may);
        self.some_may_since = since(self.some_may_since, may);
        let lasted = self.none_may_since.map_or(Duration::ZERO, |since| now.since(since));
        if lasted > plan.unproven() && !holders.is_empty() {
            self.breaks(Invariant::A3, now, format!("{holders:?} hold what nobody may for {lasted:?}"));
        }
        let may_for = self.some_may_since.map_or(Duration::ZERO, |since| now.since(since));
        if is_settled(plan, now, course) && may_for > plan.settles() && !holders.iter().any(|&n| hosts[n].may) {
            self.breaks(Invariant::A4, now, format!("{holders:?} hold, and who may does not: {hosts:?}"));
        }
    }

    fn look_at_group(&mut self, plan: &Plan, now: Instant, course: Course, vips: &[Sight], inners: &[Sight]) {
        let heard = plan.interval + plan.delay * 2;
        for (n, (vip, inner)) in vips.iter().zip(inners).enumerate() {
            let is_halved = vip.is_awake && (vip.state == State::Active) != (inner.state == State::Active);
            // Who asks first waits for as long as another one answers: a hung host does until its kernel takes the address away.
            let missing = if vip.state == State::Active { inners } else { vips };
            let is_taken = missing.iter().enumerate().any(|(other, sight)| other != n && sight.holds);
            if !is_halved || is_taken {
                self.halved_since.remove(&n);
                continue;
            }
            // On each link a predecessor has to go first.
            let lasted = now.since(*self.halved_since.entry(n).or_insert(now));
            if lasted > heard + plan.ask_first() {
                self.breaks(Invariant::A10, now, format!("{n} is {:?} and {:?}", vip.state, inner.state));
            }
        }
        let (one, other) = (holders(vips), holders(inners));
        let is_apart = !one.is_empty() && !other.is_empty() && one != other;
        let from = course.whole.map(|whole| whole.max(course.excused) + heard).filter(|from| *from <= now);
        let apart = from.filter(|_| is_apart);
        self.apart_since = apart.map(|_| self.apart_since.unwrap_or(now));
        if let Some(lasted) = self.apart_since.map(|since| now.since(since)).filter(|lasted| *lasted > heard) {
            self.breaks(Invariant::A10, now, format!("{one:?} and {other:?} share the group for {lasted:?}"));
        }
    }

    fn look_at_routes(&mut self, plan: &Plan, now: Instant, servers: &[Routes], hosts: &[Sight]) {
        let misled = |(server, routes): (usize, &Routes)| {
            let led: Vec<_> = routes.1.iter().filter(|host| !hosts[**host].holds).map(|host| (server, *host)).collect();
            led
        };
        let misled: Vec<(usize, usize)> = servers.iter().enumerate().flat_map(misled).collect();
        self.misled_since.retain(|pair, _| misled.contains(pair));
        for (server, n) in misled {
            let since = *self.misled_since.entry((server, n)).or_insert(now);
            let (lasted, host) = (now.since(since), &hosts[n]);
            let is_told = now.since(since.max(host.sound)) > AGAIN + plan.delay * 4;
            if is_told || lasted > HOLD + BEAT * 2 {
                let what = format!("{server} leads to {n}, which does not hold it, for {lasted:?}");
                self.breaks(Invariant::A8, now, what);
            }
        }
    }

    fn look_at_routes_at_rest(&mut self, now: Instant, servers: &[Routes], hosts: &[Sight]) {
        for (server, (_, routes)) in servers.iter().enumerate().filter(|(_, (works, _))| *works) {
            for (n, host) in hosts.iter().enumerate() {
                let has = routes.contains(&n);
                if has != host.may {
                    let what = format!("{server} leads to {n}: {has}, which it may: {}", host.may);
                    self.breaks(Invariant::A9, now, what);
                }
            }
        }
    }

    fn look_at_proof(&mut self, plan: &Plan, now: Instant, n: usize, host: &Sight) {
        if !host.holds {
            return;
        }
        let lasted = now.since(host.proven);
        if lasted > plan.unproven() {
            self.breaks(Invariant::A1, now, format!("{n} holds, and nobody has proven it for {lasted:?}"));
        }
        if !plan.kind.is_proven() && host.is_awake && !host.has_view {
            self.breaks(Invariant::A1, now, format!("{n} holds, and its master is not confirmed"));
        }
        let age = host.result.map_or(Duration::MAX, |at| now.since(at));
        if plan.kind.is_proven() && host.is_awake && age > PROOF_AGE {
            self.breaks(Invariant::A1, now, format!("{n} holds by a proof of {age:?} ago"));
        }
    }

    fn look_at_will(&mut self, plan: &Plan, now: Instant, n: usize, host: &Sight) {
        let (removes, says) = host.will;
        let is_wrong = match host.state {
            _ if !host.is_awake => false,
            _ if host.holds && !removes => true,
            State::Active => !removes || says != plan.kind.has_router(),
            State::Fault | State::Initialize => removes || says,
            State::Backup => false,
        };
        if is_wrong {
            self.breaks(Invariant::A5, now, format!("{n} is told to its guard otherwise: {host:?}"));
        }
    }

    fn count_holders(&mut self, plan: &Plan, now: Instant, course: Course, link: usize, hosts: &[Sight]) {
        if plan.kind == Kind::Routes {
            // Whoever may has it.
            return;
        }
        let holders = holders(hosts);
        let heard = plan.interval + plan.delay * 2;
        let from = course.whole.map(|whole| whole.max(course.excused) + heard).filter(|from| *from <= now);
        let two = from.filter(|_| holders.len() > 1);
        let two_since = &mut self.two_since[link];
        *two_since = two.map(|_| two_since.unwrap_or(now));
        if let Some(lasted) = two_since.map(|since| now.since(since)).filter(|lasted| *lasted > heard) {
            self.breaks(Invariant::A2, now, format!("{holders:?} hold for {lasted:?}"));
        }
    }

    /// A state has changed.
    pub(crate) fn changed(&mut self, plan: &Plan, now: Instant, course: Course, host: usize, to: State) {
        if is_settled(plan, now, course) {
            self.breaks(Invariant::A4, now, format!("{host} became {to:?} long after anything happened"));
        }
    }

    pub(crate) fn breaks(&mut self, invariant: Invariant, now: Instant, what: String) {
        self.broken.entry(invariant).or_insert_with(|| format!("{now:?} {what}"));
    }
}

fn holders(hosts: &[Sight]) -> Vec<usize> {
    (0..hosts.len()).filter(|&n| hosts[n].holds).collect()
}

fn is_settled(plan: &Plan, now: Instant, course: Course) -> bool {
    course.whole.is_some() && now.since(course.op) > plan.settles()
}
