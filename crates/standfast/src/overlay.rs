//! What does an operator want of single servers, and how does a view look with that laid over it? Plain data: who is master stays the
//! business of the view's source (N2).
//!
//! | wish | a replica | the master |
//! |---|---|---|
//! | ready | takes its weight of readers | takes requests |
//! | drain | nobody comes, who is there goes elsewhere; who cannot has `drain-timeout` | as below |
//! | maintenance | the same, and who cannot go elsewhere is cut | refused; by force: requests wait, until it is ready or another one is master |

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use view::{Epoch, LinkState, Phase, USUAL_WEIGHT, View};

/// What an operator wants of the servers of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Overlay {
    /// What the file says.
    pub(crate) weights: BTreeMap<SocketAddr, u16>,
    /// What was said since, by command.
    pub(crate) wishes: BTreeMap<SocketAddr, Wish>,
}

/// What was wanted of one server by command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wish {
    pub(crate) state: State,
    /// `None`: what the file says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) weight: Option<u16>,
    /// Requests for it as a master wait while this epoch lasts: a wish by force ends with the next change of master, because nobody
    /// who forced it then could have known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) holds: Option<Epoch>,
}

/// Whether it shall serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// It serves.
    #[default]
    Ready,
    /// It gets nobody new, and who is there goes elsewhere as soon as nothing is owed.
    Drain,
    /// The same, and it counts as gone.
    Maintenance,
}

/// One thing that an operator says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Serve or not.
    Be {
        state: State,
        /// Also if it is the master.
        force: bool,
    },
    /// Take this much beside the others.
    Weigh(u16),
}

/// How one server stands with the operator, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    pub(crate) addr: SocketAddr,
    pub(crate) state: State,
    pub(crate) weight: u16,
    /// Whether requests for it as the master wait because an operator forced that.
    pub(crate) holds: bool,
}

impl Overlay {
    /// The view as this node's listeners shall see it.
    pub(crate) fn dress(&self, view: &View) -> View {
        let mut dressed = view.clone();
        for replica in &mut dressed.replicas {
            replica.weight = self.weight(replica.addr);
            match self.wish(replica.addr).state {
                State::Ready => {}
                State::Drain => replica.weight = 0,
                State::Maintenance => (replica.weight, replica.link) = (0, LinkState::Down),
            }
        }
        if dressed.writable().is_some() && self.holds(view) {
            dressed.phase = Phase::Switching;
        }
        dressed
    }

    /// Does as told, if that makes sense with the servers of this view. The refusal is for people.
    pub(crate) fn obey(&mut self, view: &View, addr: SocketAddr, order: Order) -> Result<(), String> {
        let is_there = addr == view.master || view.replicas.iter().any(|r| r.addr == addr);
        if !is_there && !self.wishes.contains_key(&addr) {
            let known = view.replicas.iter().map(|r| r.addr).chain([view.master]);
            let known: Vec<String> = known.map(|addr| addr.to_string()).collect();
            return Err(format!("group {} has no server {addr}; it has {}", view.group, known.join(", ")));
        }
        if !self.wishes.contains_key(&addr) && self.wishes.len() >= MAX_WISHES {
            return Err(format!("of {MAX_WISHES} servers of group {} something is wanted, and of no more", view.group));
        }
        let mut wish = self.wish(addr);
        match order {
            Order::Weigh(weight) => wish.weight = Some(weight),
            Order::Be { state: State::Ready, .. } => (wish.state, wish.holds) = (State::Ready, None),
            Order::Be { state, force } => {
                let is_master = addr == view.master;
                if is_master && !force {
                    return Err(format!(
                        "{addr} is the master of {0}: its clients would wait. Move the master first (`standfast switchover {0}`), or \
                         say --force: then requests to it wait until it is ready, or another server is master",
                        view.group
                    ));
                }
                (wish.state, wish.holds) = (state, is_master.then_some(view.epoch));
            }
        }
        if wish == Wish::default() {
            self.wishes.remove(&addr);
        } else {
            self.wishes.insert(addr, wish);
        }
        Ok(())
    }

    /// Takes up wishes of another process whose source counted epochs from another beginning: what was held then is held on if it is
    /// the master still, and no longer otherwise.
    pub(crate) fn settle(&mut self, view: &View) {
        for (addr, wish) in &mut self.wishes {
            wish.holds = wish.holds.filter(|_| *addr == view.master).map(|_| view.epoch);
        }
    }

    /// Drops what was wanted by force in an epoch that is over. Whether there was something.
    pub(crate) fn end_holds(&mut self, view: &View) -> bool {
        let ended = self.wishes.values_mut().filter_map(|wish| wish.holds.take_if(|epoch| *epoch != view.epoch));
        ended.count() > 0
    }

    /// How every server of the view stands, the master first, and others of which something is wanted.
    pub(crate) fn standings(&self, view: &View) -> Vec<Standing> {
        let mut all: Vec<SocketAddr> = [view.master].into_iter().chain(view.replicas.iter().map(|r| r.addr)).collect();
        all.extend(self.wishes.keys().copied().filter(|addr| !all.contains(addr)).collect::<Vec<_>>());
        let standing = |addr| Standing {
            addr,
            state: self.wish(addr).state,
            weight: self.weight(addr),
            holds: addr == view.master && self.holds(view),
        };
        all.into_iter().map(standing).collect()
    }

    fn wish(&self, addr: SocketAddr) -> Wish {
        self.wishes.get(&addr).copied().unwrap_or_default()
    }

    fn weight(&self, addr: SocketAddr) -> u16 {
        let from_file = || self.weights.get(&addr).copied().unwrap_or(USUAL_WEIGHT);
        self.wish(addr).weight.unwrap_or_else(from_file)
    }

    fn holds(&self, view: &View) -> bool {
        self.wish(view.master).holds == Some(view.epoch)
    }
}

/// The same number as in the file, and as other balancers have it.
pub(crate) const MAX_WEIGHT: u16 = 256;

/// Servers of one group of which something may be wanted: far more than a group has, and a bound for those that went away.
const MAX_WISHES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use view::{Offset, Replica};

    fn addr(n: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], n))
    }

    fn view(epoch: u64, master: u16) -> View {
        let replica = |n: u16| Replica {
            addr: addr(n),
            link: LinkState::Up,
            offset: Offset(0),
            lag: Some(0),
            weight: USUAL_WEIGHT,
        };
        View {
            group: "cache".into(),
            epoch: Epoch(epoch),
            phase: Phase::Steady,
            master: addr(master),
            replicas: (1..=3).filter(|n| *n != master).map(replica).collect(),
        }
    }

    fn be(state: State, force: bool) -> Order {
        Order::Be { state, force }
    }

    fn readable(overlay: &Overlay, view: &View) -> Vec<u16> {
        overlay.dress(view).readable(0).map(|r| r.addr.port()).collect()
    }

    #[test]
    fn nothing_wanted_changes_nothing() {
        assert_eq!(Overlay::default().dress(&view(1, 1)), view(1, 1));
    }

    #[test]
    fn a_replica_that_shall_not_serve_is_not_read_until_it_is_ready() {
        for state in [State::Drain, State::Maintenance] {
            let mut overlay = Overlay::default();
            overlay.obey(&view(1, 1), addr(2), be(state, false)).unwrap();
            assert_eq!(readable(&overlay, &view(1, 1)), [3]);
            overlay.obey(&view(1, 1), addr(2), be(State::Ready, false)).unwrap();
            assert_eq!(overlay, Overlay::default(), "nothing is left of it");
        }
    }

    #[test]
    fn who_is_drained_is_there_and_who_is_in_maintenance_counts_as_gone() {
        for (state, link) in [(State::Drain, LinkState::Up), (State::Maintenance, LinkState::Down)] {
            let mut overlay = Overlay::default();
            overlay.obey(&view(1, 1), addr(2), be(state, false)).unwrap();
            let dressed = overlay.dress(&view(1, 1));
            let links = dressed.replicas.iter().map(|replica| (replica.addr, replica.link));
            assert_eq!(links.collect::<Vec<_>>(), [(addr(2), link), (addr(3), LinkState::Up)], "{state:?}");
        }
    }

    #[test]
    fn a_wish_about_a_replica_does_not_stop_it_as_a_master() {
        let mut overlay = Overlay::default();
        overlay.obey(&view(1, 1), addr(2), be(State::Maintenance, false)).unwrap();
        assert_eq!(overlay.dress(&view(2, 2)).writable(), Some(addr(2)), "the machine decides who is master");
        assert!(!overlay.standings(&view(2, 2))[0].holds);
    }

    #[test]
    fn the_master_is_only_stopped_by_force_and_until_another_one_is_master() {
        for state in [State::Drain, State::Maintenance] {
            let mut overlay = Overlay::default();
            let why = overlay.obey(&view(7, 1), addr(1), be(state, false)).unwrap_err();
            assert!(why.contains("standfast switchover cache") && why.contains("--force"), "{why}");
            overlay.obey(&view(7, 1), addr(1), be(state, true)).unwrap();
            assert_eq!(overlay.dress(&view(7, 1)).phase, Phase::Switching);
            assert!(overlay.standings(&view(7, 1))[0].holds);
            assert_eq!(overlay.dress(&view(8, 2)).writable(), Some(addr(2)));
            assert_eq!(readable(&overlay, &view(8, 2)), [3], "as a replica it still shall not serve");
            assert_eq!(overlay.dress(&view(9, 1)).writable(), Some(addr(1)), "the force is spent");
            overlay.obey(&view(9, 1), addr(1), be(State::Ready, false)).unwrap();
            assert_eq!(overlay, Overlay::default());
        }
    }

    #[test]
    fn a_lost_master_stays_lost_whatever_is_wanted() {
        let mut overlay = Overlay::default();
        overlay.obey(&view(1, 1), addr(1), be(State::Maintenance, true)).unwrap();
        let lost = View { phase: Phase::Lost, ..view(1, 1) };
        assert_eq!(overlay.dress(&lost).phase, Phase::Lost);
    }

    #[test]
    fn a_command_wins_over_the_file_and_neither_touches_the_master() {
        let mut overlay = Overlay { weights: BTreeMap::from([(addr(2), 50), (addr(1), 7)]), ..Overlay::default() };
        overlay.obey(&view(1, 1), addr(3), Order::Weigh(200)).unwrap();
        let weights =
            |overlay: &Overlay| overlay.dress(&view(1, 1)).replicas.iter().map(|r| r.weight).collect::<Vec<_>>();
        assert_eq!(weights(&overlay), [50, 200]);
        overlay.obey(&view(1, 1), addr(2), Order::Weigh(0)).unwrap();
        assert_eq!(weights(&overlay), [0, 200]);
        assert_eq!(readable(&overlay, &view(1, 1)), [3]);
        overlay.obey(&view(1, 1), addr(3), be(State::Drain, false)).unwrap();
        overlay.obey(&view(1, 1), addr(3), be(State::Ready, false)).unwrap();
        assert_eq!(weights(&overlay), [0, 200], "its weight outlives the drain");
    }

    #[test]
    fn a_stranger_is_refused_and_one_that_went_away_can_be_made_ready() {
        let mut overlay = Overlay::default();
        let why = overlay.obey(&view(1, 1), addr(9), be(State::Drain, false)).unwrap_err();
        assert!(why.contains("10.0.0.1:9") && why.contains("10.0.0.1:3"), "{why}");
        overlay.obey(&view(1, 1), addr(3), be(State::Drain, false)).unwrap();
        let mut smaller = view(1, 1);
        smaller.replicas.pop();
        assert_eq!(overlay.standings(&smaller).len(), 3);
        overlay.obey(&smaller, addr(3), be(State::Ready, false)).unwrap();
        assert_eq!(overlay.standings(&smaller).len(), 2);
    }
}
