//! What happened to one address, and what follows at once.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

use machine::Instant;
use vrrp::{Priority, State};

use super::{Address, Mover};
use crate::command::Outcome;
use crate::config::{Job, Placed};
use crate::event::{Action, End, Wish};
use crate::hold::{Challenge, Lost};
use crate::node::OddityReport;
use crate::proof::Heard;

impl Address {
    pub(crate) fn on_checked(&mut self, now: Instant, check: &str, failed: Option<String>, out: &mut Vec<Action>) {
        let had = self.right.proof.priority();
        match self.right.proof.heard(now, check, failed) {
            Heard::Unknown => self.stats.stray += 1,
            Heard::Counted => self.stats.results += 1,
            Heard::Proven => {
                self.stats.results += 1;
                if self.right.is_proven() {
                    self.hold.refresh(now, false, &mut self.stats, out);
                }
            }
        }
        self.tell_weight(check, had, out);
    }

    /// A veto is told with what it forbids. Of a weight only the address's move would be seen, and that somebody else has more right.
    fn tell_weight(&self, check: &str, had: Priority, out: &mut Vec<Action>) {
        let has = self.right.proof.priority();
        let mut standings = self.right.proof.standings();
        let Some((_, _, passes, why)) = standings.find(|(found, ..)| found.name == check).filter(|_| had != has) else {
            return;
        };
        let text = match why.filter(|_| passes == Some(false)) {
            Some(why) => format!("the check {check} fails ({why}): priority {} -> {}", had.0, has.0),
            None => format!("the check {check} passes: priority {} -> {}", had.0, has.0),
        };
        self.tell(passes == Some(false), text, out);
    }

    /// An order of its router.
    pub(crate) fn on_router(&mut self, now: Instant, action: vrrp::Action, out: &mut Vec<Action>) {
        match action {
            vrrp::Action::Take { addresses } => {
                self.hold.take(now, Some(&addresses), self.config.ask_first, out);
                self.progress(now, out);
            }
            vrrp::Action::Release { addresses } => self.release(Some(&addresses), out),
            vrrp::Action::Announce { addresses } if self.hold.is_here() => self.announce(addresses, out),
            vrrp::Action::Announce { .. } => self.is_unannounced = true,
            action @ (vrrp::Action::Send { .. } | vrrp::Action::Tell { .. }) => {
                out.push(Action::Router { address: self.name.clone(), action });
            }
            // What an address is follows from more than its router.
            vrrp::Action::Changed { .. } => {}
        }
    }

    pub(crate) fn on_heard(&mut self, event: vrrp::Event) {
        if self.is_vrrp() {
            self.to_router.push_back(event);
        } else {
            self.stats.stray += 1;
        }
    }

    pub(crate) fn on_peer(&mut self, now: Instant, neighbor: &str, event: bgp::Event, out: &mut Vec<Action>) {
        let is_known = match &mut self.mover {
            Mover::Bgp(peers) => peers.handle(now, &self.name, neighbor, event, out),
            _ => false,
        };
        self.stats.stray += u64::from(!is_known);
    }

    pub(crate) fn on_rekeyed(&mut self, now: Instant, neighbor: &str, out: &mut Vec<Action>) {
        let is_known = match &mut self.mover {
            Mover::Bgp(peers) => peers.restart(now, &self.name, neighbor, "another password", out),
            _ => false,
        };
        self.stats.stray += u64::from(!is_known);
    }

    pub(crate) fn on_not_put(&mut self, now: Instant, placed: Placed, why: &str, out: &mut Vec<Action>) {
        self.stats.not_put += 1;
        if self.hold.not_put(placed) {
            let interface = self.hold.interface();
            let what = format!("{placed} could not be put on {interface}: {why}");
            self.tell(
                true,
                format!("{what}. It is given up here and tried again after a pause, each time a longer one, where no other host has it."),
                out,
            );
            self.refuse(now, what);
        }
    }

    /// It cannot be here for now.
    fn refuse(&mut self, now: Instant, why: String) {
        if self.is_vrrp() {
            self.not_taken = true;
            self.to_router.push_back(vrrp::Event::NotTaken { why });
        } else {
            let lasted = if self.state == State::Active { now.since(self.since) } else { Duration::ZERO };
            self.right.block(now, why, lasted);
        }
    }

    pub(crate) fn on_gone(&mut self, now: Instant, placed: Placed, out: &mut Vec<Action>) {
        let placed = self.hold.stranger_gone(placed).unwrap_or(placed);
        let interface = self.hold.interface();
        let what = format!("{placed} is gone from {interface}, and not by an order of ours");
        match self.hold.lost(now, placed, self.right.is_proven()) {
            Lost::Nothing | Lost::Waits => {}
            Lost::PutBack(times) => {
                self.tell(false, format!("{what}; it is put back ({times} times since the last line)"), out);
            }
            Lost::Fought(times) => {
                let who = "Who else manages addresses here (another Keepalived, a network manager, a script)?";
                self.tell(true, format!("{what}, for the {times}th time within a minute; it is put back, not more than once a second. {who}"), out);
            }
            Lost::Left => self.tell(true, format!("{what}; put-back is off, so it is left like that"), out),
        }
    }

    /// All that is on its interface.
    pub(crate) fn on_listed(&mut self, now: Instant, there: &[Placed], out: &mut Vec<Action>) {
        let (missing, surplus) = self.hold.compare(there);
        for placed in missing {
            self.on_gone(now, placed, out);
        }
        for placed in surplus {
            self.on_found(now, placed, out);
        }
    }

    /// At the start: one that lasts, or that the kernel does not know for one of ours. `handed`: what the process before us held, if one has
    /// handed over.
    pub(crate) fn on_found_at_start(
        &mut self,
        now: Instant,
        placed: Placed,
        lasts: bool,
        handed: Option<&[(String, Placed)]>,
        out: &mut Vec<Action>,
    ) {
        let own = self.hold.item(placed.ip);
        let is_handed = |own: Placed| {
            let interface = self.hold.interface();
            handed.is_some_and(|handed| handed.iter().any(|(on, held)| on == interface && *held == own))
        };
        let was_handed = own.is_some_and(is_handed);
        if self.hold.is_owner() {
            self.on_found(now, placed, out);
            if let Some(own) = own.filter(|_| was_handed) {
                self.adopt(now, own);
            }
        } else if own == Some(placed) && (was_handed || handed.is_some() && !lasts) {
            self.adopt(now, placed);
        } else if lasts {
            self.on_found(now, placed, out);
        } else {
            // Hardly anybody else gives a lifetime: a life of before has left it.
            self.stats.removed += 1;
            out.push(Action::Remove { interface: self.hold.interface().into(), address: placed });
        }
    }

    /// It is on the interface, and not by an order of ours.
    pub(crate) fn on_found(&mut self, now: Instant, placed: Placed, out: &mut Vec<Action>) {
        if !self.hold.found(now, placed) {
            return;
        }
        self.stats.found += 1;
        if self.hold.takes_off() {
            return;
        }
        let Some(times) = self.hold.strangers.tell(now) else { return };
        let on = self.hold.interface();
        let stands = format!("{placed} stands on {on}, and was not put there by this node");
        match self.hold.why_left() {
            None => self.tell(false, format!("{stands}: it is this host's own (priority 255), and stays"), out),
            Some(why) => self.tell(
                true,
                format!(
                    "{stands} ({times} times since the last line); {why}. While another host holds it, two answer for it: `ip address del {placed} dev {on}`"
                ),
                out,
            ),
        }
    }

    /// Takes off what stands there without an order of ours, while it should not be here; tells what was taken over.
    pub(super) fn clear_away(&mut self, now: Instant, out: &mut Vec<Action>) {
        for placed in self.hold.take_taken_over() {
            let on = self.hold.interface();
            let text = format!(
                "{placed} stood on {on} already, and was not put there by this node: it is taken over, ends with its lifetime, and is removed when it leaves"
            );
            self.tell(false, text, out);
        }
        if !self.clears_away() {
            return;
        }
        let due = self.hold.strangers_due(now);
        if due.is_empty() {
            return;
        }
        if let Some(times) = self.hold.strangers.tell(now) {
            let on = self.hold.interface();
            let what: Vec<String> = due.iter().map(ToString::to_string).collect();
            let text = format!(
                "{} stood on {on}, where it must not be now, and was not put there by this node ({times} times since the last line): two hosts \
                 would answer for it, so it is removed. Has a program that died left it (a Keepalived?), or does the network's configuration \
                 put it there? Then take it out of that",
                what.join(" ")
            );
            self.tell(true, text, out);
        }
        self.hold.remove(&due, &mut self.stats, out);
    }

    pub(crate) fn on_elsewhere(&mut self, now: Instant, ip: IpAddr, by: &str, out: &mut Vec<Action>) {
        match self.hold.challenged(now, ip, by) {
            Challenge::Nothing => {}
            Challenge::Noted => self.stats.conflicts += 1,
            Challenge::Taken => {
                self.stats.conflicts += 1;
                let what = format!("{by} answers for {ip} on {}: another host has it", self.hold.interface());
                let text = format!(
                    "{what}. It was not put here, and is tried again after a pause. Was it given to two hosts?"
                );
                self.tell(true, text, out);
                self.note_conflict(now, by, ip);
                self.refuse(now, what);
            }
        }
    }

    fn note_conflict(&mut self, now: Instant, by: &str, ip: IpAddr) {
        let times = self.conflict.as_ref().map_or(0, |before| before.times) + 1;
        self.conflict = Some(OddityReport { what: format!("{by} says that it has {ip}, too"), times, last: now });
    }

    /// Objects to who uses what is held here.
    pub(super) fn defend(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Some((ip, by, times, announces)) = self.hold.defend(now) else { return };
        self.note_conflict(now, &by, ip);
        if let Some(times) = times {
            let on = self.hold.interface();
            let text = format!(
                "{by} says on {on} that it has {ip}, which is held here ({times} times since the last line); it stays, and is announced again"
            );
            self.tell(true, text, out);
        }
        if announces {
            self.announce([ip].into(), out);
        }
    }

    pub(crate) fn on_ran(&mut self, now: Instant, nr: u64, end: End, out: &mut Vec<Action>) {
        let Mover::Command(command, _) = &mut self.mover else {
            self.stats.stray += 1;
            return;
        };
        match command.ran(now, nr, end, &mut self.stats) {
            Outcome::Stray => self.stats.stray += 1,
            Outcome::Quiet => {}
            Outcome::Failed { job, why, times } => {
                let job = if job == Job::Up { "fetch it" } else { "give it back" };
                let text =
                    format!("the command to {job} failed ({times} in a row): {why}. It is run again after a pause.");
                self.tell(true, text, out);
            }
            Outcome::Lost => {
                let back = if self.config.put_back { "it is fetched back" } else { "put-back is off, so it is left" };
                self.tell(
                    true,
                    format!("its command says that it is not here any more, and not by an order of ours; {back}"),
                    out,
                );
            }
        }
    }

    pub(crate) fn on_partner_lost(&mut self, now: Instant) {
        if self.hold.is_here() {
            self.stats.partners_lost += 1;
            self.tickle.start(now);
        }
    }

    pub(crate) fn on_wished(&mut self, wish: Wish) {
        match wish {
            Wish::Release => self.right.release(true),
            Wish::Take | Wish::Preempt => {
                if wish == Wish::Take {
                    self.right.release(false);
                }
                self.right.unblock();
                if let Mover::Command(command, _) = &mut self.mover {
                    command.hurry();
                }
                if self.is_vrrp() {
                    // What it was told last comes first: that it may.
                    let news = self.right.news();
                    self.to_router.extend(news);
                    self.to_router.push_back(vrrp::Event::Allowed { cause: vrrp::Cause::Address });
                    self.to_router.push_back(vrrp::Event::Claimed);
                }
            }
        }
    }

    pub(crate) fn tell(&self, is_bad: bool, text: String, out: &mut Vec<Action>) {
        out.push(Action::Tell { address: self.name.clone(), is_bad, text });
    }
}
