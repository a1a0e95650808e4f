//! One address: may it be here, does its way give it to this host, and is it on the interface?
//!
//! ```text
//!   checks, view, link, operator ──> Right ──┐
//!                                            ├──> way: router (in `team`), Peers, Command, or none ──> Hold ──> Put, Remove
//!   packets, connections, commands ──────────┘                                                          └──> Will, Tickle, Announce
//! ```

mod events;
mod explain;
mod note;

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use machine::{Instant, Rng, soonest};
use view::GroupName;
use vrrp::announce::Series;
use vrrp::config::Announce;
use vrrp::{Advert, Priority, State};

use crate::command::Command;
use crate::config::{self, Follows, Placed, Way};
use crate::event::{Action, Timer};
use crate::hold::Hold;
use crate::node::OddityReport;
use crate::peers::Peers;
use crate::right::Right;
use crate::stats::Stats;
use crate::tickle::Tickle;

/// One address of this host.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    name: String,
    config: config::Address,
    pub(crate) right: Right,
    pub(crate) hold: Hold,
    mover: Mover,
    tickle: Tickle,
    /// The link is to be told as soon as it is here.
    is_unannounced: bool,
    /// What its router is to be told.
    to_router: VecDeque<vrrp::Event>,
    /// Its router was told that the addresses could not be taken, and has not begun anew.
    not_taken: bool,
    is_started: bool,
    /// It is held by the word of a life of before, or of a router of before: until its router holds it, or does not.
    is_adopted: bool,
    /// It is here since a life, or a router, of before.
    is_inherited: bool,
    leaving: Option<Leaving>,
    /// Its routes are withdrawn, and until then it serves whoever is still led here.
    lingers: Option<Instant>,
    will: Will,
    state: State,
    since: Instant,
    why: String,
    /// Who else said last that it has what is held here.
    conflict: Option<OddityReport>,
    pub(crate) stats: Stats,
}

/// It gives everything up.
#[derive(Clone, Debug)]
pub(crate) struct Leaving {
    /// What it is to be afterwards.
    pub(crate) next: Option<config::Address>,
    why: &'static str,
}

/// What moves it, beside a router: that is in its team.
#[derive(Clone, Debug)]
enum Mover {
    Vrrp,
    Bgp(Peers),
    View(Series),
    Command(Command, Series),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Will {
    remove: Vec<(String, Placed)>,
    say: Vec<vrrp::Action>,
}

impl Address {
    /// An address that takes no part yet. Connections to its neighbours are numbered from behind `conns`.
    pub(crate) fn new(name: &str, config: config::Address, now: Instant, conns: u64, rng: &mut Rng) -> Self {
        let mover = match &config.way {
            Way::Vrrp(_) => Mover::Vrrp,
            Way::Bgp { neighbors, routes, .. } => Mover::Bgp(Peers::new(neighbors, routes, conns, rng)),
            Way::View { .. } => Mover::View(Series::default()),
            Way::Command { check } => Mover::Command(Command::new(*check, config.put_back), Series::default()),
        };
        Self {
            name: name.into(),
            right: Right::new(&config),
            hold: Hold::new(&config),
            mover,
            tickle: Tickle::default(),
            is_unannounced: false,
            to_router: VecDeque::new(),
            not_taken: false,
            is_started: false,
            is_adopted: false,
            is_inherited: false,
            leaving: None,
            lingers: None,
            will: Will::default(),
            state: State::Initialize,
            since: now,
            why: "not yet started".into(),
            conflict: None,
            stats: Stats::default(),
            config,
        }
    }

    /// The greatest number that a connection to one of its neighbours had.
    pub(crate) const fn conns(&self) -> u64 {
        if let Mover::Bgp(peers) = &self.mover { peers.conns() } else { 0 }
    }

    pub(crate) const fn config(&self) -> &config::Address {
        &self.config
    }

    /// Whether it follows the master of this group.
    pub(crate) fn follows(&self, group: &GroupName) -> bool {
        matches!(&self.config.follows, Follows::Master { group: followed, .. } if followed == group)
    }

    /// It is not here, nor about to be: not by our order, and not where a command brought it.
    pub(crate) fn is_gone(&self) -> bool {
        let is_away = if let Mover::Command(command, _) = &self.mover { command.has_left() } else { true };
        is_away && !self.hold.is_wanted()
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    pub(crate) const fn is_vrrp(&self) -> bool {
        matches!(self.mover, Mover::Vrrp)
    }

    /// It is called otherwise from now on. The guard never knows of nothing to do for it.
    pub(crate) fn rename(&mut self, name: &str, out: &mut Vec<Action>) {
        let before = core::mem::replace(&mut self.name, name.into());
        if self.will != Will::default() {
            let Will { remove, say } = self.will.clone();
            out.push(Action::Will { address: name.into(), remove, say });
            out.push(Action::Will { address: before, remove: Vec::new(), say: Vec::new() });
        }
    }

    pub(crate) fn start(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.is_started = true;
        if let Mover::Bgp(peers) = &mut self.mover {
            peers.start(now, &self.name, out);
        }
    }

    /// This was left on its interface by a life of before, and stays.
    pub(crate) fn adopt(&mut self, now: Instant, placed: Placed) {
        if self.hold.adopt(now, placed) {
            if !self.is_adopted {
                self.right.presume(now);
            }
            (self.is_adopted, self.is_inherited) = (true, true);
            if let Mover::Command(command, _) = &mut self.mover {
                command.adopt();
            }
        }
    }

    /// It goes on with a new router: what is here stays until that has spoken.
    pub(crate) fn keep(&mut self) {
        self.is_adopted = self.hold.is_wanted();
        self.right.forget_news();
        self.to_router.clear();
    }

    pub(crate) const fn is_adopted(&self) -> bool {
        self.is_adopted
    }

    /// It is told something else, and goes on.
    pub(crate) fn configure(&mut self, now: Instant, config: config::Address, rng: &mut Rng, out: &mut Vec<Action>) {
        self.leaving = None;
        let old = core::mem::replace(&mut self.config, config);
        let lifetime = self.hold.lifetime();
        let gone = self.hold.configure(&self.config);
        self.right.configure(now, &self.config, self.hold.is_wanted());
        if old.released != self.config.released {
            self.right.release(self.config.released);
        }
        match (&mut self.mover, &self.config.way) {
            (Mover::Vrrp, Way::Vrrp(vrrp)) => {
                if old.way != self.config.way {
                    self.to_router.push_back(vrrp::Event::Configured { config: alloc::boxed::Box::new(vrrp.clone()) });
                }
            }
            (Mover::Bgp(peers), Way::Bgp { neighbors, routes, .. }) => {
                peers.configure(now, &self.name, (neighbors, routes), rng, out);
            }
            (Mover::Command(command, _), Way::Command { check }) => command.configure(*check, self.config.put_back),
            (Mover::View(_), Way::View { .. }) => {}
            (mover, way) => unreachable!("another way is another address: {mover:?}, {way:?}"),
        }
        if self.hold.is_wanted() && self.mover.is_own() {
            self.hold.take(now, None, None, out);
        }
        self.progress(now, out);
        self.hold.refresh(now, lifetime != self.hold.lifetime(), &mut self.stats, out);
        self.hold.remove(&gone, &mut self.stats, out);
    }

    /// It is to give everything up, and then to be what comes next.
    pub(crate) fn leave(&mut self, next: Option<config::Address>, why: &'static str) {
        self.leaving = Some(Leaving { next, why });
    }

    /// It has begun, and does not end.
    const fn takes_part(&self) -> bool {
        self.is_started && self.leaving.is_none()
    }

    /// Whether strangers are taken off. A command that fetches an address may well put it there itself, before it ends.
    fn clears_away(&self) -> bool {
        self.takes_part() && !(matches!(self.mover, Mover::Command(..)) && self.right.is_allowed())
    }

    pub(crate) const fn is_leaving(&self) -> bool {
        self.leaving.is_some()
    }

    /// What it is to be, now that it has given everything up.
    pub(crate) fn left(&self) -> Option<&Leaving> {
        let is_done = match &self.mover {
            Mover::Command(command, _) => command.is_done(),
            Mover::Vrrp | Mover::Bgp(_) | Mover::View(_) => true,
        };
        self.leaving.as_ref().filter(|_| is_done && !self.hold.is_wanted())
    }

    /// Why the command that should have given it back did not, in the end.
    pub(crate) fn gave_up(&self) -> Option<&String> {
        if let Mover::Command(command, _) = &self.mover { command.gave_up() } else { None }
    }

    /// Its new router has spoken: what was kept for it stays, or the others are told that it goes.
    pub(crate) fn end_adoption(&mut self, now: Instant, is_active: bool, out: &mut Vec<Action>) {
        if !core::mem::take(&mut self.is_adopted) {
            return;
        }
        if is_active {
            self.progress(now, out);
            // What is left of its lifetime is not known.
            self.hold.refresh(now, true, &mut self.stats, out);
        } else {
            self.resign(out);
        }
    }

    /// Gives up without a router.
    pub(crate) fn resign(&mut self, out: &mut Vec<Action>) {
        let say = self.resignation();
        if self.hold.is_wanted() {
            self.release(None, out);
            out.extend(say.into_iter().map(|action| Action::Router { address: self.name.clone(), action }));
        }
    }

    // What follows.

    /// Tells its router what is new about its right.
    pub(crate) fn brief(&mut self) {
        if self.is_vrrp() {
            self.to_router.extend(self.right.news());
        }
    }

    /// What is to be done, as of now.
    pub(crate) fn settle(&mut self, now: Instant, out: &mut Vec<Action>) {
        let may = self.takes_part() && self.right.is_allowed();
        let mut has_it = may;
        if self.mover.is_own() {
            let is_adopted = core::mem::take(&mut self.is_adopted);
            if let Mover::Command(command, _) = &mut self.mover {
                command.want(now, may);
                has_it = command.is_up();
            }
            if has_it && !self.hold.is_wanted() {
                self.hold.take(now, None, self.config.ask_first, out);
            }
            if is_adopted && has_it {
                self.renew_will(out);
                self.hold.refresh(now, true, &mut self.stats, out);
            }
            if has_it {
                self.lingers = None;
            } else if self.hold.is_wanted() && !self.may_linger(now, out) {
                self.release(None, out);
            }
        }
        self.progress(now, out);
        if self.refresh_deadline().is_some_and(|at| at <= now) {
            self.hold.refresh(now, false, &mut self.stats, out);
        }
        self.clear_away(now, out);
        // Whom routes lead to an interface without the address, nobody answers.
        let is_announced = self.is_here() && self.lingers.is_none() && !self.hold.has_lost();
        match &mut self.mover {
            Mover::Bgp(peers) => {
                peers.set_health(now, &self.name, is_announced, out);
                if let Some(leaving) = self.leaving.as_ref().filter(|_| !self.hold.is_wanted()) {
                    peers.stop(now, &self.name, leaving.why, out);
                }
            }
            Mover::Command(command, _) if self.is_started => command.advance(now, &self.name, &mut self.stats, out),
            Mover::Vrrp | Mover::View(_) | Mover::Command(..) => {}
        }
    }

    /// Whether it stays for a moment, though it is not to be here: its routes are withdrawn, and until routers have heard of that they lead clients
    /// here, where they are served. Who came after their own had been cut would be on a connection that nobody answers a moment later.
    fn may_linger(&mut self, now: Instant, out: &mut Vec<Action>) -> bool {
        let (Mover::Bgp(peers), Way::Bgp { linger, .. }) = (&mut self.mover, &self.config.way) else { return false };
        if peers.set_health(now, &self.name, false, out) {
            self.lingers = Some(now + *linger);
        }
        // Where somebody has removed it, nobody is served, and it is not put back only to leave.
        let serves = self.right.still_serves() && !self.hold.has_lost();
        self.lingers = self.lingers.filter(|until| *until > now && serves);
        self.lingers.is_some()
    }

    /// Puts what is due, and tells who has to know.
    fn progress(&mut self, now: Instant, out: &mut Vec<Action>) {
        if !self.hold.is_wanted() {
            return;
        }
        // The guard before the kernel: should we die between the two, nothing is left behind.
        self.renew_will(out);
        if !self.may_put() {
            return;
        }
        let is_proven = self.right.is_proven();
        if self.hold.advance(now, is_proven, &mut self.stats, out) {
            self.stats.came += 1;
            self.tickle.start(now);
            let rule = self.announce_rule();
            if let (Some(rule), Mover::View(series) | Mover::Command(_, series)) = (rule, &mut self.mover) {
                series.start(now, &rule);
            }
        }
        if self.is_unannounced && self.hold.is_here() {
            self.is_unannounced = false;
            self.announce(self.hold.ips(), out);
        }
    }

    /// Where it must not be any more, its router, or its command, is about to hear of it.
    fn may_put(&self) -> bool {
        !self.is_adopted && self.right.is_allowed()
    }

    /// Rounds that are due: announcements and then tickles, so that answers find the way here.
    pub(crate) fn go_round(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.defend(now, out);
        let rule = self.announce_rule();
        if let (Some(rule), Mover::View(series) | Mover::Command(_, series)) = (rule, &mut self.mover)
            && series.is_due(now, &rule)
        {
            self.announce(self.hold.ips(), out);
        }
        if self.tickle.is_due(now) {
            self.stats.tickles += 1;
            out.push(Action::Tickle { address: self.name.clone() });
        }
    }

    /// How neighbours are told, where no router does it. The loopback has none.
    fn announce_rule(&self) -> Option<Announce> {
        match &self.config.way {
            _ if self.config.interface == "lo" => None,
            Way::View { announce } => Some(*announce),
            Way::Command { .. } => Some(Announce::default()),
            Way::Vrrp(_) | Way::Bgp { .. } => None,
        }
    }

    fn announce(&mut self, ips: Vec<IpAddr>, out: &mut Vec<Action>) {
        if !ips.is_empty() {
            self.stats.announcements += 1;
            out.push(Action::Announce { interface: self.hold.interface().into(), ips });
        }
    }

    /// These, or all, leave.
    fn release(&mut self, ips: Option<&[IpAddr]>, out: &mut Vec<Action>) {
        self.hold.release(ips, &mut self.stats, out);
        if !self.hold.is_wanted() {
            self.tickle.stop();
            self.is_unannounced = false;
            if let Mover::View(series) | Mover::Command(_, series) = &mut self.mover {
                *series = Series::default();
            }
        }
    }

    /// What the guard is to do should we die, if that is something else than it knows.
    pub(crate) fn renew_will(&mut self, out: &mut Vec<Action>) {
        let interface = self.hold.interface();
        let remove = self.hold.may_stand().map(|placed| (interface.into(), placed)).collect();
        let say = if self.hold.is_wanted() { self.resignation() } else { Vec::new() };
        let will = Will { remove, say };
        if will != self.will {
            self.will = will.clone();
            out.push(Action::Will { address: self.name.clone(), remove: will.remove, say: will.say });
        }
    }

    /// What a router says when it goes.
    fn resignation(&self) -> Vec<vrrp::Action> {
        let Way::Vrrp(config) = &self.config.way else { return Vec::new() };
        let advert = Advert {
            vrid: config.vrid,
            priority: Priority::RESIGN,
            interval: config.interval,
            addresses: config.addresses.clone(),
        };
        config.destinations().into_iter().map(|to| vrrp::Action::Send { to, advert: advert.clone() }).collect()
    }

    /// What its router is to be told, once.
    pub(crate) fn take_news(&mut self) -> VecDeque<vrrp::Event> {
        core::mem::take(&mut self.to_router)
    }

    pub(crate) fn wake(&mut self, now: Instant, out: &mut Vec<Action>) {
        if let Mover::Bgp(peers) = &mut self.mover {
            peers.wake(now, &self.name, out);
        }
    }

    /// When a lifetime has to begin anew, where no check says so.
    fn refresh_deadline(&self) -> Option<Instant> {
        let stays = self.right.is_allowed() || self.lingers.is_some();
        let is_alone = !self.right.proof.is_named() && self.right.is_proven() && stays;
        self.hold.refresh_deadline().filter(|_| is_alone)
    }

    /// When it wants to be woken. What follows a view asks for it all the time: only who is woken too late knows that it stood still.
    pub(crate) fn deadline(&self, now: Instant) -> Option<(Instant, Timer)> {
        let pulse = (self.right.follows_master() && self.is_started).then(|| now + PULSE);
        let own = [
            (pulse, Timer::Proof),
            (self.right.proof_deadline(), Timer::Proof),
            (self.right.retry_deadline(), Timer::Retry),
            (self.hold.asked_deadline(), Timer::Asked),
            (self.hold.back_deadline(self.right.is_proven()).filter(|_| self.may_put()), Timer::Retry),
            (self.hold.strangers_deadline().filter(|_| self.clears_away()), Timer::Retry),
            (self.refresh_deadline(), Timer::Refresh),
            (self.tickle.next(), Timer::Tickle),
            (self.lingers, Timer::Linger),
        ];
        let own = own.into_iter().map(|(at, timer)| at.map(|at| (at, timer))).fold(None, soonest);
        let movers = match &self.mover {
            Mover::Vrrp => None,
            Mover::Bgp(peers) => peers.deadline().map(|(at, timer)| (at, Timer::Peer(timer))),
            Mover::View(series) => series.next().map(|at| (at, Timer::Announce)),
            Mover::Command(command, series) => {
                let next = command.deadline().filter(|_| self.is_started).map(|at| (at, Timer::Command));
                soonest(next, series.next().map(|at| (at, Timer::Announce)))
            }
        };
        soonest(own, movers)
    }
}

impl Mover {
    /// It says itself what is held, not a router.
    const fn is_own(&self) -> bool {
        !matches!(self, Self::Vrrp)
    }
}

/// How finely a standstill is seen where an address follows a view.
const PULSE: Duration = Duration::from_millis(100);
