//! What of a node's run is worth counting: what it took for down and why, how each attempt ended and where, what it answered
//! to who asked for a vote.

use std::net::SocketAddr;

use sentinel::config::ATTEMPT_LIMIT;
use sentinel::record::{Moment, Outcome, Record};
use sentinel::{Announcement, Reply};
use view::{Epoch, RunId};

use crate::ground::Ground;
use crate::node::Node;

impl Node {
    /// Counts what an announcement stands for.
    pub(crate) fn mark(&self, g: &mut Ground, event: &Announcement) {
        g.coverage.mark(&event.name);
        let name = event.name.as_str();
        if name == "+sdown" {
            self.mark_down(g, &event.payload);
        } else if name.starts_with("-failover-abort") || name.starts_with("+failover-end") {
            let records = self.report().map(|r| r.records).unwrap_or_default();
            if let Some(record) = records.iter().rev().find(|r| event.group.as_ref() == Some(&r.group)) {
                mark_end(g, record);
            }
        } else if name == "+config-update-from" {
            let records = self.report().map(|r| r.records).unwrap_or_default();
            if let Some(record) = records.iter().rev().nth(1).filter(|r| is_yielded(r)) {
                mark_end(g, record);
            }
        }
    }

    /// `<kind> <name> <ip> <port> ...`: who is down.
    fn mark_down(&self, g: &mut Ground, payload: &str) {
        let mut words = payload.split(' ');
        let kind = match words.next() {
            Some("master") => "master",
            Some("sentinel") => return g.coverage.mark("down: a node"),
            _ => "replica",
        };
        let (Some(ip), Some(port)) = (words.nth(1), words.next()) else { return };
        let Ok(addr) = format!("{ip}:{port}").parse::<SocketAddr>() else { return };
        let report = self.report();
        let mut servers = report.iter().flat_map(|r| &r.groups).flat_map(|g| &g.servers);
        if let Some(why) = servers.find(|s| s.addr == addr).and_then(|s| s.down.as_ref()) {
            g.coverage.mark(&format!("down: {kind}, {why}"));
        }
    }
}

fn is_yielded(record: &Record) -> bool {
    matches!(&record.outcome, Some(Outcome::Aborted { why }) if why.starts_with("another node decided"))
}

fn mark_end(g: &mut Ground, record: &Record) {
    let cause = record.cause;
    match &record.outcome {
        Some(Outcome::Aborted { why }) => {
            let before = record.steps.iter().rev().map(|s| s.what).find(|w| *w != Moment::Aborted);
            let before = before.map_or_else(|| "nothing".into(), |w| format!("{w:?}"));
            let why: String = why.chars().filter(|c| !c.is_ascii_digit()).collect();
            g.coverage.mark(&format!("exit: {cause:?} after {before}: {}", why.trim()));
        }
        Some(Outcome::Switched) => {
            let late = record.when(Moment::Tried).zip(record.when(Moment::Published));
            if late.is_some_and(|(tried, told)| told.since(tried) >= ATTEMPT_LIMIT) {
                g.coverage.mark("exit: decided after the leader's time");
            }
            g.coverage.mark(&format!("exit: {cause:?} done"));
        }
        None => {}
    }
}

/// What who asked for a vote in an epoch was answered.
pub(crate) fn of_vote(reply: &Reply, candidate: &RunId, asked: Epoch) -> Option<&'static str> {
    let Reply::Vote { leader, epoch, .. } = reply else { return None };
    Some(match leader {
        Some(leader) if leader == candidate && *epoch >= asked => "vote: given",
        Some(_) if *epoch >= asked => "vote: refused, given to another in this epoch",
        Some(_) => "vote: refused, promised to another",
        None => "vote: refused, none could be given",
    })
}
