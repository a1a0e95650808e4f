//! Who is promoted, and why not the others? The rule, in order:
//!
//! 1. It is sealed by this failover, answers, and wants to be promoted at all (priority is not 0, it is announced or was named).
//! 2. Its data are this group's: it shares the group's replication id. A stranger comes after every relative.
//! 3. It has not been without its master for so long that its data are old (stock's rule: ten times `down-after`), or it has come at least as
//!    far as one in the same history for which that holds: an offset says more than a clock that was not looked at.
//! 4. The lowest priority, then the greatest offset, then the smallest run id (stock's order).
//!
//! Offsets are compared only after sealing, when they stand still, and only within one history.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cmp::Reverse;
use core::net::SocketAddr;
use core::time::Duration;

use view::{Offset, RunId};

use crate::answer::InfoReport;
use crate::record::Verdict;

/// A replica, with what is known for and against it.
#[derive(Clone, Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) addr: SocketAddr,
    /// What it said after it was sealed; `None`: it was not, for the reason given.
    pub(crate) sealed: Result<&'a InfoReport, &'static str>,
    /// For how long it had not heard its master, beyond the time that the master has been down.
    pub(crate) stale: Option<Duration>,
}

/// What is demanded of the one to promote.
#[derive(Clone, Debug)]
pub(crate) struct Demands<'a> {
    /// The group's replication id, if it is known.
    pub(crate) history: Option<&'a RunId>,
    /// How long a replica may have been without its master.
    pub(crate) max_stale: Duration,
    /// This one and no other: an operator named it, or it was chosen before writes were held.
    pub(crate) only: Option<SocketAddr>,
    /// An operator named it.
    pub(crate) is_named: bool,
    /// It must have come this far.
    pub(crate) at_least: Offset,
    /// How far the master had come, as last heard.
    pub(crate) master: Offset,
}

/// The one to promote. Can only come from [`choose`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chosen(SocketAddr);

impl Chosen {
    pub(crate) const fn addr(self) -> SocketAddr {
        self.0
    }
}

/// Compares all candidates; says for each why it was, or was not, chosen.
pub(crate) fn choose(candidates: &[Candidate<'_>], demands: &Demands<'_>) -> (Option<Chosen>, Vec<Verdict>) {
    let kin = Kin::of(candidates, demands);
    let fit = candidates.iter().filter(|c| objection(c, candidates, demands).is_none());
    let winner = fit.min_by_key(|c| rank(c, &kin));
    let best = winner.map(|c| c.addr);
    let verdicts = candidates.iter().map(|c| {
        let chosen = best == Some(c.addr);
        let why = objection(c, candidates, demands).unwrap_or_else(|| praise(c, &kin, winner));
        Verdict { addr: c.addr, offset: c.sealed.map_or(Offset(0), |info| info.offset), chosen, why }
    });
    (best.map(Chosen), verdicts.collect())
}

fn objection(c: &Candidate<'_>, all: &[Candidate<'_>], demands: &Demands<'_>) -> Option<String> {
    let info = match c.sealed {
        Ok(info) => info,
        Err(why) => return Some(why.to_string()),
    };
    if info.priority == 0 {
        return Some("priority 0: never to be promoted".into());
    }
    if !info.announced && demands.only != Some(c.addr) {
        return Some("does not want to be announced".into());
    }
    if demands.only.is_some_and(|only| only != c.addr) {
        let why = if demands.is_named {
            "another one was asked for"
        } else {
            "another one was chosen before writes were held"
        };
        return Some(why.into());
    }
    let is_behind = |other: &Candidate<'_>| is_fresh(other, demands) && has_come_as_far(info, other);
    if let Some(stale) = c.stale.filter(|_| !is_fresh(c, demands) && !all.iter().any(is_behind)) {
        return Some(alloc::format!("had not heard its master for {} ms", stale.as_millis()));
    }
    // Redis says 0 or 1 where a copy was begun and not finished; it is a place only where the master has not come further.
    if info.offset <= Offset(1) && demands.master > Offset(1) {
        return Some("has not finished its first copy".into());
    }
    if info.offset < demands.at_least {
        return Some(alloc::format!("has not come as far as {}", demands.at_least));
    }
    None
}

fn is_fresh(c: &Candidate<'_>, demands: &Demands<'_>) -> bool {
    c.stale.is_none_or(|stale| stale <= demands.max_stale)
}

/// Whether it has all that the other one has.
fn has_come_as_far(info: &InfoReport, other: &Candidate<'_>) -> bool {
    // Of one whose first copy is not finished the offset says nothing.
    let finished = other.sealed.ok().filter(|other| other.offset > Offset(1) && other.history.is_some());
    finished.is_some_and(|other| other.history == info.history && other.offset <= info.offset)
}

/// Which histories are the group's. A master that was promoted a moment ago writes a new one, which who copied everything from
/// it has alone, and who continued knows together with the old one: through these, those are relatives too.
struct Kin<'a> {
    ours: Option<&'a RunId>,
    present: Vec<&'a RunId>,
}

impl<'a> Kin<'a> {
    fn of(candidates: &[Candidate<'a>], demands: &Demands<'a>) -> Self {
        let relatives = candidates.iter().filter_map(|c| c.sealed.ok()).filter(|i| is_relative(i, demands.history));
        Self { ours: demands.history, present: relatives.filter_map(|i| i.history.as_ref()).collect() }
    }

    fn has(&self, info: &InfoReport) -> bool {
        is_relative(info, self.ours) || info.history.as_ref().is_some_and(|history| self.present.contains(&history))
    }
}

type Rank = (bool, u32, Reverse<Offset>, bool, Option<RunId>, SocketAddr);

/// The lower, the better.
fn rank(c: &Candidate<'_>, kin: &Kin<'_>) -> Option<Rank> {
    let info = c.sealed.ok()?;
    let stranger = !kin.has(info);
    let id = info.run_id.clone();
    Some((stranger, info.priority, Reverse(info.offset), id.is_none(), id, c.addr))
}

/// Whether its data come from this group: it is in the group's history, or was promoted out of it.
pub(crate) fn is_relative(info: &InfoReport, history: Option<&RunId>) -> bool {
    let Some(history) = history else { return true };
    info.history.as_ref() == Some(history) || info.before.as_ref().is_some_and(|(id, _)| id == history)
}

fn praise(c: &Candidate<'_>, kin: &Kin<'_>, winner: Option<&Candidate<'_>>) -> String {
    let Ok(info) = c.sealed else { return String::new() };
    let strange = if kin.has(info) { "" } else { ", another history" };
    let facts = alloc::format!("priority {}, offset {}{strange}", info.priority, info.offset);
    let Some(best) = winner.and_then(|w| w.sealed.ok()).filter(|b| b.run_id != info.run_id) else {
        return alloc::format!("best: {facts}");
    };
    let is_equal = (best.priority, best.offset) == (info.priority, info.offset) && kin.has(best) == kin.has(info);
    let decided = if is_equal { "; the best has the same, and the smaller run id" } else { "" };
    alloc::format!("fit, but not the best: {facts}{decided}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Role;

    fn id(byte: u8) -> RunId {
        RunId::from_bits([byte; 20])
    }

    fn info(run: u8, priority: u32, offset: u64, history: u8) -> InfoReport {
        InfoReport {
            run_id: Some(id(run)),
            version: "7.0.15".into(),
            loading: false,
            role: Role::Replica,
            history: Some(id(history)),
            before: None,
            offset: Offset(offset),
            master: None,
            link_up: false,
            link_down_seconds: None,
            silent_seconds: 0,
            copying: false,
            priority,
            announced: true,
            persists: false,
            replicas: Vec::new(),
        }
    }

    fn addr(n: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], n))
    }

    fn candidate(n: u16, info: &InfoReport) -> Candidate<'_> {
        Candidate { addr: addr(n), sealed: Ok(info), stale: None }
    }

    fn demands(history: &RunId) -> Demands<'_> {
        Demands {
            history: Some(history),
            max_stale: Duration::from_secs(10),
            only: None,
            is_named: false,
            at_least: Offset(0),
            master: Offset(0),
        }
    }

    fn chosen(candidates: &[Candidate<'_>], demands: &Demands<'_>) -> Option<u16> {
        choose(candidates, demands).0.map(|c| c.addr().port())
    }

    /// All pairs of replicas over small sets of every property, against the rule said as a list.
    #[test]
    fn every_pair_is_ordered_by_the_rule() {
        let h = id(1);
        let all: Vec<InfoReport> = [1, 2]
            .into_iter()
            .flat_map(|history| [0, 1, 100].map(|p| (history, p)))
            .flat_map(|(history, p)| [5, 6].map(|o| (history, p, o)))
            .flat_map(|(history, p, o)| [7, 8].map(|run| info(run, p, o, history)))
            .collect();
        for a in &all {
            for b in &all {
                let got = chosen(&[candidate(1, a), candidate(2, b)], &demands(&h));
                let key =
                    |i: &InfoReport| (i.history != Some(h.clone()), i.priority, Reverse(i.offset), i.run_id.clone());
                let want = match (a.priority, b.priority) {
                    (0, 0) => None,
                    (0, _) => Some(2),
                    (_, 0) => Some(1),
                    _ => Some(if key(b) < key(a) { 2 } else { 1 }),
                };
                assert_eq!(got, want, "{a:?}\n{b:?}");
            }
        }
    }

    #[test]
    fn a_greater_offset_in_another_history_is_not_further() {
        let h = id(1);
        let (ours, strange) = (info(1, 100, 10, 1), info(2, 1, 9_999, 2));
        assert_eq!(chosen(&[candidate(1, &ours), candidate(2, &strange)], &demands(&h)), Some(1));
        assert_eq!(chosen(&[candidate(2, &strange)], &demands(&h)), Some(2), "better a stranger than nobody");
    }

    #[test]
    fn one_that_was_promoted_out_of_the_group_is_a_relative() {
        let h = id(1);
        let mut promoted = info(1, 100, 11, 3);
        promoted.before = Some((id(1), Offset(10)));
        let other = info(2, 100, 10, 1);
        assert_eq!(chosen(&[candidate(1, &promoted), candidate(2, &other)], &demands(&h)), Some(1));
    }

    #[test]
    fn one_that_copied_everything_from_a_relative_is_a_relative() {
        let h = id(1);
        let mut continued = info(1, 100, 11, 3);
        continued.before = Some((id(1), Offset(10)));
        let copied = info(2, 100, 20, 3);
        assert_eq!(chosen(&[candidate(1, &continued), candidate(2, &copied)], &demands(&h)), Some(2));
    }

    #[test]
    fn one_that_has_come_further_than_a_fresh_one_is_not_old() {
        let h = id(1);
        let (further, good, strange) = (info(1, 100, 11, 1), info(2, 100, 10, 1), info(3, 100, 12, 2));
        let old = |n, info| Candidate { stale: Some(Duration::from_secs(11)), ..candidate(n, info) };
        let all = [old(1, &further), candidate(2, &good), old(3, &strange)];
        assert_eq!(chosen(&all, &demands(&h)), Some(1));
        assert_eq!(chosen(&all[..1], &demands(&h)), None, "alone it proves nothing");
        assert_eq!(chosen(&[old(3, &strange), candidate(2, &good)], &demands(&h)), Some(2), "nor in another history");
    }

    #[test]
    fn who_is_not_fit_is_told_why() {
        let h = id(1);
        let good = info(1, 100, 10, 1);
        let behind = info(1, 100, 9, 1);
        let mut old = candidate(3, &behind);
        old.stale = Some(Duration::from_secs(11));
        let mut unsealed = candidate(4, &good);
        unsealed.sealed = Err("did not answer");
        let all = [candidate(2, &good), old, unsealed];
        let mut demands = demands(&h);
        let (best, verdicts) = choose(&all, &demands);
        assert_eq!(best.map(Chosen::addr), Some(addr(2)));
        assert_eq!(verdicts[1].why, "had not heard its master for 11000 ms");
        assert_eq!(verdicts[2].why, "did not answer");
        let mut copying = info(5, 1, 1, 1);
        copying.run_id = None;
        demands.master = Offset(10);
        let (best, verdicts) = choose(&[candidate(2, &good), candidate(5, &copying)], &demands);
        assert_eq!(best.map(Chosen::addr), Some(addr(2)));
        assert_eq!(verdicts[1].why, "has not finished its first copy");
        demands.at_least = Offset(11);
        assert_eq!(choose(&all, &demands).0, None);
        demands.at_least = Offset(0);
        demands.only = Some(addr(9));
        assert_eq!(choose(&all, &demands).0, None);
    }
}
