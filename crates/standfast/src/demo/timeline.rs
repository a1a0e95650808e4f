//! What happened when? The leader's record, on the demo's own clock, from the fault to the first write that the new master acknowledged.

use machine::Instant;
use sentinel::record::{Moment, Record};
use serde::Serialize;

use super::cluster::Cluster;
use crate::status::Status;

/// One step.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Step {
    pub(super) what: String,
    /// Milliseconds after the fault.
    pub(super) ms: f64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) note: String,
}

/// What the leading node wrote down, with times on our clock.
pub(super) struct Told {
    pub(super) leader: String,
    pub(super) epoch: u64,
    pub(super) steps: Vec<(Instant, Moment, String)>,
}

/// The record of the latest change of master, from the node that led it.
pub(super) fn told(cluster: &Cluster, statuses: &[Status], to: std::net::SocketAddr) -> Option<Told> {
    let (status, record) = statuses.iter().find_map(|status| Some((status, led(status, to)?)))?;
    let node = cluster.nodes.iter().find(|node| node.sentinel == status.report.announce)?;
    let offset = node.clock_offset()?;
    let here = |at: Instant| Instant::from_nanos(u64::try_from(i128::from(at.as_nanos()) + offset).unwrap_or_default());
    let steps = record.steps.iter().map(|step| (here(step.at), step.what, step.note.clone()));
    Some(Told { leader: status.name.clone(), epoch: record.epoch.0, steps: steps.collect() })
}

fn led(status: &Status, to: std::net::SocketAddr) -> Option<&Record> {
    let me = &status.report.id;
    let last = status.report.records.iter().rev().find(|record| record.to == Some(to))?;
    // After a split vote another node may have voted for itself and still only have followed.
    (last.leader.as_ref() == Some(me) && last.when(Moment::Elected).is_some()).then_some(last)
}

impl Told {
    pub(super) fn when(&self, what: Moment) -> Option<Instant> {
        self.steps.iter().find(|(_, moment, _)| *moment == what).map(|(at, _, _)| *at)
    }

    /// The whole line, in order, from the fault on.
    pub(super) fn timeline(&self, fault: Instant, first_write: Option<Instant>) -> Vec<Step> {
        let ms = |at: Instant| ((at.as_nanos() as f64 - fault.as_nanos() as f64) / 1e4).round() / 1e2;
        let mut steps = vec![Step { what: "fault".to_owned(), ms: 0.0, note: String::new() }];
        steps.extend(self.steps.iter().map(|(at, what, note)| Step {
            what: format!("{what:?}").to_lowercase(),
            ms: ms(*at),
            note: note.clone(),
        }));
        if let Some(at) = first_write {
            steps.push(Step { what: "first write acknowledged".to_owned(), ms: ms(at), note: String::new() });
        }
        steps.sort_by(|a, b| a.ms.total_cmp(&b.ms));
        steps
    }
}
