//! What must never be? Looked at after every step of a world.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use machine::Instant;
use vrrp::config::Preempt;
use vrrp::{Priority, State, Why};

use super::plan::Plan;

/// What must never be, by name. Each has a saboteur.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Invariant {
    /// Two hosts hold the addresses for no longer than until one advertisement of the better one arrives, whatever links do: whoever is Active
    /// says so at every interval, whoever holds and hears of more right has let go with that, and answers less right within an eighth of an
    /// interval. Once the link has been whole for an interval and a delay, they do so for no longer than a packet and its answer take.
    H1,
    /// Whatever links do, nobody holds them for no longer than the longest Active_Down_Interval and a delay after the last advertisement, if
    /// somebody may and is awake all that time. Once the link is whole, whoever that is.
    H2,
    /// With preemption, when nothing more follows, the holder has the highest priority of those who may.
    H3,
    /// Without preemption, while the link is whole and the holder lives and may, it stays.
    H4,
    /// When nothing more follows from anything, no state changes any more.
    H5,
    /// A host holds the addresses if and only if its router is Active, but for the moment in which a predecessor lets go; it is told to take
    /// and to release them by turns.
    H6,
    /// No router says more in one interval than its answers, its turns and its own advertisement.
    H7,
    /// When nothing more follows, every neighbour knows the holder for the one that holds.
    H8,
    /// Over a whole link, whoever sends a holder away takes the addresses when that one has let go; and of two hosts on a whole link never both
    /// hold them. (Where packets take longer than a holder is waited for, H1 is all there is.)
    H9,
}

/// One host as it is now.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    pub state: State,
    pub holds: bool,
    /// It lives, and does not stand still.
    pub is_awake: bool,
    pub priority: Priority,
}

#[derive(Debug, Default)]
pub(crate) struct Judge {
    /// What was broken first, with when and what for.
    pub broken: BTreeMap<Invariant, String>,
    two_since: Option<Instant>,
    none_since: Option<Instant>,
    able_since: Option<Instant>,
    /// Who may hold them and is awake, and since when.
    able: BTreeMap<usize, Instant>,
    /// Who holds alone, and since when.
    alone: Option<(usize, Instant)>,
    /// That one when all must have heard of it.
    sitting: Option<usize>,
    /// Who is Active and does not hold, and since when.
    waiting: BTreeMap<usize, Instant>,
    /// Who sends whom away, and has not yet taken.
    sent_away: BTreeMap<usize, usize>,
    said: BTreeMap<usize, Vec<Instant>>,
}

/// Where in its course a world is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Course {
    /// Since when the link is whole for good.
    pub whole: Option<Instant>,
    /// When something last happened to a host or the link.
    pub op: Instant,
}

impl Judge {
    pub(crate) fn look(&mut self, plan: &Plan, now: Instant, course: Course, hosts: &[Sight]) {
        let holders: Vec<usize> = (0..hosts.len()).filter(|&i| hosts[i].holds).collect();
        for (i, host) in hosts.iter().enumerate() {
            let waits = host.is_awake && host.state == State::Active && !host.holds;
            let since = if waits { *self.waiting.entry(i).or_insert(now) } else { now };
            if !waits {
                self.waiting.remove(&i);
            }
            if host.holds && host.state != State::Active || now.since(since) > plan.patience(i) + TINY {
                self.breaks(Invariant::H6, now, format!("{i} is {:?} and holds: {}", host.state, host.holds));
            }
        }
        self.watch_those_sent_away(plan, now, course, hosts);
        self.listen(plan, now, hosts);
        self.count_holders(plan, now, course, hosts, &holders);
        self.watch_the_sitting_one(plan, now, course, hosts, &holders);
        if course.whole.is_some() && now.since(course.op) > plan.settles() {
            self.look_at_rest(plan, now, hosts, &holders);
        }
    }

    fn count_holders(&mut self, plan: &Plan, now: Instant, course: Course, hosts: &[Sight], holders: &[usize]) {
        let heard = plan.longest().duration() + plan.delay;
        let from = course.whole.map(|whole| whole + heard).filter(|from| *from <= now);
        let two = from.filter(|_| holders.len() > 1);
        self.two_since = two.map(|from| self.two_since.unwrap_or(now).max(from));
        if let Some(lasted) = self.two_since.map(|since| now.since(since)).filter(|d| *d > plan.delay * 2 + TINY) {
            self.breaks(Invariant::H1, now, format!("{holders:?} hold for {lasted:?}"));
        }
        let none_since = holders.is_empty().then(|| self.none_since.unwrap_or(now));
        self.none_since = none_since;
        self.miss(plan, now, hosts);
        let able = hosts.iter().any(|host| matches!(host.state, State::Backup | State::Active));
        self.able_since = able.then(|| self.able_since.unwrap_or(now));
        let (Some(none), Some(able), Some(whole)) = (none_since, self.able_since, course.whole) else { return };
        let lasted = now.since(none.max(able).max(whole));
        if lasted > plan.down() + plan.delay + TINY {
            self.breaks(Invariant::H2, now, format!("nobody holds for {lasted:?}: {hosts:?}"));
        }
    }

    /// H2, whatever links do: who hears nothing takes over, and while nobody holds there is nothing to hear.
    fn miss(&mut self, plan: &Plan, now: Instant, hosts: &[Sight]) {
        for (i, host) in hosts.iter().enumerate() {
            if host.is_awake && matches!(host.state, State::Backup | State::Active) {
                self.able.entry(i).or_insert(now);
            } else {
                self.able.remove(&i);
            }
        }
        let last = self.said.values().filter_map(|said| said.last()).max();
        let Some(none) = self.none_since else { return };
        let since = none.max(last.copied().unwrap_or(none));
        let longest = self.able.values().map(|able| now.since(since.max(*able))).max().unwrap_or_default();
        if longest > plan.down() + plan.delay + TINY {
            self.breaks(Invariant::H2, now, format!("nobody says that it holds for {longest:?}: {hosts:?}"));
        }
    }

    /// Whoever is Active is heard by those who can hear it.
    fn listen(&mut self, plan: &Plan, now: Instant, hosts: &[Sight]) {
        for (i, _) in hosts.iter().enumerate().filter(|(_, host)| host.is_awake && host.state == State::Active) {
            let lasted = self.silent_for(now, i);
            if lasted > plan.configs[i].interval.duration() + TINY {
                self.breaks(Invariant::H1, now, format!("{i} is Active and has said nothing for {lasted:?}"));
            }
        }
    }

    fn silent_for(&self, now: Instant, host: usize) -> Duration {
        let last = self.said.get(&host).and_then(|said| said.last());
        last.map_or(Duration::MAX, |last| now.since(*last))
    }

    /// A holder has heard another one, which has more right than itself, or less.
    pub(crate) fn heard(&mut self, plan: &Plan, now: Instant, host: usize, (is_better, holds): (bool, bool)) {
        if is_better && holds {
            self.breaks(Invariant::H1, now, format!("{host} holds, and has heard of more right"));
        }
        let lasted = self.silent_for(now, host);
        if !is_better && lasted > plan.configs[host].interval.duration() / 8 + TINY {
            self.breaks(Invariant::H1, now, format!("{host} has heard of less right, and says nothing for {lasted:?}"));
        }
    }

    fn watch_those_sent_away(&mut self, plan: &Plan, now: Instant, course: Course, hosts: &[Sight]) {
        let taken: Vec<_> = self.sent_away.extract_if(.., |host, _| hosts[*host].holds).collect();
        let is_whole = course.whole.is_some_and(|whole| now.since(whole) > plan.settles());
        let patience = (0..hosts.len()).map(|host| plan.patience(host)).min().unwrap_or_default();
        if !is_whole || plan.delay * 2 >= patience {
            return;
        }
        for (host, holder) in taken.into_iter().filter(|(_, holder)| hosts[*holder].holds) {
            self.breaks(Invariant::H9, now, format!("{host} takes, and {holder} holds"));
        }
        // An owner that begins takes what is its own without listening.
        let listen = plan.configs.iter().all(|config| !config.priority.is_owner());
        if listen && hosts.len() == 2 && hosts.iter().all(|host| host.holds) {
            self.breaks(Invariant::H9, now, "both of two hold".into());
        }
    }

    fn watch_the_sitting_one(&mut self, plan: &Plan, now: Instant, course: Course, hosts: &[Sight], holders: &[usize]) {
        let is_asked = plan.configs.iter().all(|c| c.preempt == Preempt::Never && !c.priority.is_owner());
        let settled = course.whole.is_some_and(|whole| now.since(whole) > plan.settles());
        if !is_asked || !settled {
            return;
        }
        let lives = |host: &usize| !matches!(hosts[*host].state, State::Initialize | State::Fault);
        if let Some(sitting) = self.sitting.filter(|sitting| holders != [*sitting]).filter(lives) {
            self.breaks(Invariant::H4, now, format!("{sitting} held and lives; now {holders:?} do"));
        }
        // Until all have heard of it, another may be elected at the same moment.
        let alone = if let [only] = holders { Some(*only) } else { None };
        if self.alone.map(|(host, _)| host) != alone {
            self.alone = alone.map(|host| (host, now));
        }
        let heard = plan.longest().duration() + plan.delay * 2;
        self.sitting = self.alone.filter(|(_, since)| now.since(*since) > heard).map(|(host, _)| host);
    }

    fn look_at_rest(&mut self, plan: &Plan, now: Instant, hosts: &[Sight], holders: &[usize]) {
        let may = || hosts.iter().filter(|host| matches!(host.state, State::Backup | State::Active));
        let Some(most) = may().map(|host| host.priority).max() else { return };
        let preempts = plan.configs.iter().all(|config| config.preempt != Preempt::Never);
        let lesser = holders.iter().find(|holder| preempts && hosts[**holder].priority < most);
        if let Some(holder) = lesser {
            self.breaks(Invariant::H3, now, format!("{holder} holds with less than {most}: {hosts:?}"));
        }
    }

    /// A state has changed.
    pub(crate) fn changed(&mut self, plan: &Plan, now: Instant, course: Course, host: usize, to: State, why: &Why) {
        self.sent_away.remove(&host);
        if let Why::Preempted { holder, .. } = why {
            let holder = plan.configs.iter().position(|config| config.primary == *holder);
            self.sent_away.extend(holder.map(|holder| (host, holder)));
        }
        if course.whole.is_some() && now.since(course.op) > plan.settles() {
            self.breaks(Invariant::H5, now, format!("{host} became {to:?} long after anything happened"));
        }
    }

    /// An advertisement was said.
    pub(crate) fn said(&mut self, plan: &Plan, now: Instant, host: usize) {
        let said = self.said.entry(host).or_default();
        said.retain(|at| now.since(*at) < plan.configs[host].interval.duration());
        said.push(now);
        if said.len() > MOST_SAID {
            let times = said.len();
            self.breaks(Invariant::H7, now, format!("{host} said {times} within an interval"));
        }
    }

    /// An order was given that does not follow the one before.
    pub(crate) fn wrong_order(&mut self, now: Instant, host: usize, order: &str) {
        self.breaks(Invariant::H6, now, format!("{host} is told to {order} what it was told to before"));
    }

    /// At the end of everything: whom the neighbours know.
    pub(crate) fn neighbours(&mut self, now: Instant, known: &[Option<usize>], hosts: &[Sight]) {
        let holders: BTreeSet<usize> = (0..hosts.len()).filter(|&i| hosts[i].holds).collect();
        for (at, known) in known.iter().enumerate() {
            if !holders.is_empty() && known.is_none_or(|known| !holders.contains(&known)) {
                self.breaks(Invariant::H8, now, format!("the neighbour at {at} knows {known:?}, {holders:?} hold"));
            }
        }
    }

    fn breaks(&mut self, invariant: Invariant, now: Instant, what: String) {
        self.broken.entry(invariant).or_insert_with(|| format!("{now:?} {what}"));
    }
}

/// Eight answers, one advertisement, and a few words of turns that fall into the same interval.
const MOST_SAID: usize = 16;
/// Fractions of nanoseconds that divisions leave.
const TINY: Duration = Duration::from_micros(1);
