//! What is one fault, from its cause to the last count?
//!
//! ```text
//!   load runs ─> fault ─> another master, all nodes agree ─> writes resume          timeline, what clients saw
//!             ─> the broken server is brought back ─> it is a replica of the one master ─> every acknowledged write is read back
//! ```

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use host::clock;
use machine::Instant;
use resp::Value;
use sentinel::record::Moment;
use serde::Serialize;
use serde_json::json;
use view::Phase;

use super::Stop;
use super::cluster::{self, COUNT, Cluster};
use super::load::{Load, Seen};
use super::timeline::{self, Step, Told};
use crate::cli::Script;
use crate::failure::Failure;
use crate::log;
use crate::say::is_heard;
use crate::status::Status;

/// Everything that is on the stage, and which fault is under way.
pub(super) struct Stage {
    pub(super) cluster: Cluster,
    load: Load,
    pub(super) stop: Stop,
    /// Progress goes to standard error: standard output is for a program.
    quiet: bool,
    rounds: u32,
    broken: Option<Broken>,
    told_at: Instant,
    told: (u64, u64, u64),
}

/// A fault whose server is still to be brought back.
struct Broken {
    fault: Script,
    at: Instant,
    was_master: SocketAddr,
    master: SocketAddr,
    told: Option<Told>,
    timeline: Vec<Step>,
}

/// What is told of one fault.
#[derive(Debug, Serialize)]
pub(super) struct Round {
    fault: Script,
    from: SocketAddr,
    to: SocketAddr,
    epoch: u64,
    leader: String,
    timeline: Vec<Step>,
    clients: Seen,
    /// Acknowledged writes that are not on the master.
    missing: usize,
    /// Why that can be; `None` where it must not be.
    missing_because: Option<String>,
    /// Writes that were executed more than once.
    twice: u64,
    one_master: bool,
    all_agree: bool,
    old_master_is_replica: bool,
}

impl Round {
    /// What is not as it should be.
    pub(super) fn faults(&self) -> Vec<String> {
        let Self { fault, clients, missing, missing_because, twice, .. } = self;
        let checks = [
            (!self.one_master, "there is not exactly one master".to_owned()),
            (!self.all_agree, "the nodes do not agree".to_owned()),
            (!self.old_master_is_replica, "the old master does not replicate".to_owned()),
            (
                *missing > 0 && missing_because.is_none(),
                format!("{missing} acknowledged writes are missing without a reason"),
            ),
            (*twice > 0, format!("{twice} writes were executed twice")),
            (
                clients.idle_kept < clients.idle,
                format!("only {} of {} idle clients kept their connection", clients.idle_kept, clients.idle),
            ),
            (clients.closed_reading > 0, format!("{} readers lost their connection", clients.closed_reading)),
            (
                *fault == Script::Switchover && !clients.errors.is_empty(),
                "clients got errors in a planned switchover".to_owned(),
            ),
            (
                *fault == Script::Switchover && clients.closed_writing > 0,
                "clients lost connections in a planned switchover".to_owned(),
            ),
        ];
        let name = format!("{fault:?}").to_lowercase();
        checks.into_iter().filter(|(wrong, _)| *wrong).map(|(_, what)| format!("{name}: {what}")).collect()
    }
}

impl Stage {
    pub(super) fn new(cluster: Cluster, load: Load, stop: Stop, quiet: bool) -> Self {
        Self { cluster, load, stop, quiet, rounds: 0, broken: None, told_at: clock::now(), told: (0, 0, 0) }
    }

    /// One fault from beginning to end.
    pub(super) fn round(&mut self, fault: Script) -> Result<Round, Failure> {
        self.begin_round()?;
        self.cause(fault)?;
        self.bring_back()
    }

    /// New books, and the load runs.
    pub(super) fn begin_round(&mut self) -> Result<(), Failure> {
        self.rounds += 1;
        self.told = (0, 0, 0);
        let masters: Vec<_> = self.cluster.nodes.iter().map(|node| node.master).collect();
        let begun = self.load.begin(self.rounds, &masters);
        begun.map_err(|e| Failure::peer(format!("an idle client could not connect to a node: {e}")))
    }

    /// Causes a fault, and waits until writes have resumed on another master.
    pub(super) fn cause(&mut self, fault: Script) -> Result<(), Failure> {
        let start = clock::now();
        self.wait(WARM_UP, "the load does not run", |stage| {
            (stage.load.acknowledged_since(start) >= ENOUGH).then_some(())
        })?;
        let was_master = self.master().ok_or_else(|| Failure::peer("no node answers"))?;
        self.say(&format!("\n{}", Self::headline(fault, was_master)));
        let at = clock::now();
        self.break_it(fault, was_master)?;
        let master = self.wait_for_agreement(Some(was_master))?;
        let resumed = clock::now();
        self.wait(RESUME, "writes did not resume", |stage| {
            (stage.load.acknowledged_since(resumed) >= ENOUGH).then_some(())
        })?;
        let told = timeline::told(&self.cluster, &self.cluster.statuses(), master);
        let promoted = told.as_ref().and_then(|told| told.when(Moment::Promoted)).unwrap_or(at);
        let timeline =
            told.as_ref().map_or_else(Vec::new, |told| told.timeline(at, self.load.first_acknowledged_after(promoted)));
        for step in &timeline {
            self.say(&format!("  {:>9.1} ms  {:<24} {}", step.ms, step.what, step.note));
        }
        self.broken = Some(Broken { fault, at, was_master, master, told, timeline });
        Ok(())
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.as_ref().is_some_and(|broken| matches!(broken.fault, Script::Crash | Script::Hang | Script::Cut))
    }

    /// Brings the old master back, waits until it replicates, and counts.
    pub(super) fn bring_back(&mut self) -> Result<Round, Failure> {
        let broken = self.broken.take().ok_or_else(|| Failure::refused("nothing is broken"))?;
        self.mend(&broken)?;
        let settled = self
            .wait(SETTLE, "the old master did not become a replica", |stage| stage.is_settled(&broken).then_some(()));
        let reason = settled.err().map(|e| e.to_string());
        if let Some(reason) = &reason {
            self.say(&format!("  {reason}"));
        }
        if self.stop.is_set() {
            return Err(Failure::refused("stopped"));
        }
        if !self.load.pause() {
            self.say("  some requests are still unanswered");
        }
        let round = self.count(broken)?;
        self.tell(&round);
        Ok(round)
    }

    fn count(&mut self, broken: Broken) -> Result<Round, Failure> {
        let Broken { fault, at, was_master, master, told, timeline } = broken;
        let unread = |e: std::io::Error| Failure::peer(format!("the master {master} could not be read back: {e}"));
        let audit =
            self.load.audit(self.rounds, |key| cluster::ask(master, &["LRANGE", key, "0", "-1"])).map_err(unread)?;
        let clients = self.load.seen();
        let statuses = self.cluster.statuses();
        let promoted = told.as_ref().and_then(|told| told.when(Moment::Promoted));
        // What the old master acknowledged and had not yet passed on; whatever the new one acknowledged must be there.
        let old = audit.missing.iter().all(|when| promoted.is_some_and(|promoted| *when <= promoted));
        let explained = fault != Script::Switchover && !audit.missing.is_empty() && old;
        let last = audit.missing.iter().max().map_or(0.0, |when| when.since(at).as_secs_f64() * 1e3);
        let reason = format!(
            "asynchronous replication: the old master acknowledged them (the last {last:.1} ms after the fault) and was lost before it had \
             passed them on"
        );
        Ok(Round {
            fault,
            from: was_master,
            to: master,
            epoch: told.as_ref().map_or(0, |told| told.epoch),
            leader: told.map_or_else(String::new, |told| told.leader),
            timeline,
            clients,
            missing: audit.missing.len(),
            missing_because: explained.then_some(reason),
            twice: audit.twice,
            one_master: self.masters() == [master],
            all_agree: agreed(&statuses) == Some(master),
            old_master_is_replica: self.follows(was_master, master),
        })
    }

    fn headline(fault: Script, master: SocketAddr) -> String {
        let what = match fault {
            Script::Crash => "kill -9 of the master",
            Script::Hang => "SIGSTOP of the master",
            Script::Cut => "the master's network is cut:",
            Script::Restart => "kill -9, and a restart at once without its data, of the master",
            Script::Switchover => "planned switchover away from the master",
        };
        format!("{what} {master}")
    }

    fn break_it(&mut self, fault: Script, master: SocketAddr) -> Result<(), Failure> {
        if fault == Script::Switchover {
            return self.cluster.nodes[0].switch_over().map(|_| ());
        }
        let server = self
            .cluster
            .server(master)
            .ok_or_else(|| Failure::peer(format!("{master} is none of the demo's servers")))?;
        match fault {
            Script::Crash => server.crash(),
            Script::Hang => server.hang(),
            Script::Cut => server.cut(),
            Script::Restart => {
                server.crash();
                server.start()?;
            }
            Script::Switchover => {}
        }
        Ok(())
    }

    fn mend(&mut self, broken: &Broken) -> Result<(), Failure> {
        let Some(server) = self.cluster.server(broken.was_master) else { return Ok(()) };
        match broken.fault {
            Script::Crash => server.start()?,
            Script::Hang => server.resume(),
            Script::Cut => server.mend(),
            Script::Restart | Script::Switchover => return Ok(()),
        }
        self.say(&format!("  {} is back", broken.was_master));
        Ok(())
    }

    /// Waits until all nodes answer, agree on a master that is not `but`, and see every reachable server follow it.
    pub(super) fn wait_for_agreement(&mut self, but: Option<SocketAddr>) -> Result<SocketAddr, Failure> {
        self.wait(AGREE, "the nodes did not agree on a master", |stage| {
            let statuses = stage.cluster.statuses();
            let master = agreed(&statuses).filter(|master| Some(*master) != but)?;
            // At the start the nodes must also have found each other and the replicas.
            let known = but.is_some() || statuses.iter().all(knows_everybody);
            known.then_some(master)
        })
    }

    fn is_settled(&self, broken: &Broken) -> bool {
        let statuses = self.cluster.statuses();
        agreed(&statuses) == Some(broken.master)
            && statuses.iter().all(knows_everybody)
            && self.masters() == [broken.master]
            && self.streams(broken.master)
            && self.follows(broken.was_master, broken.master)
    }

    /// Every server that says that it is master.
    fn masters(&self) -> Vec<SocketAddr> {
        let masters = self.cluster.servers.iter().filter(|server| {
            let role = server.ask(&["ROLE"]).ok();
            role.and_then(|role| role.as_array()?.first()?.as_str().map(|role| role == "master")).unwrap_or(false)
        });
        masters.map(cluster::Server::addr).collect()
    }

    /// Whether every other server has acknowledged something of the master's stream. A link that is up is not enough: after a first copy
    /// Redis begins to stream with the replica's next acknowledgement, up to a second later, and until then nothing can catch up.
    fn streams(&self, master: SocketAddr) -> bool {
        let Some(server) = self.cluster.servers.iter().find(|s| s.addr() == master) else { return false };
        let Ok(value) = server.ask(&["INFO", "replication"]) else { return false };
        let Some(info) = value.as_str().map(resp::info::Info::new) else { return false };
        info.replicas().filter(|replica| replica.state == "online" && replica.offset > 0).count() == COUNT - 1
    }

    /// Whether a server has a working replication link to `master`.
    fn follows(&self, server: SocketAddr, master: SocketAddr) -> bool {
        let Some(server) = self.cluster.servers.iter().find(|s| s.addr() == server) else { return false };
        let Ok(value) = server.ask(&["INFO", "replication"]) else { return false };
        let Some(info) = value.as_str().map(resp::info::Info::new) else { return false };
        info.field("master_port") == Some(master.port().to_string().as_str())
            && info.field("master_link_status") == Some("up")
    }

    fn master(&self) -> Option<SocketAddr> {
        agreed(&self.cluster.statuses())
    }

    /// Writes what the readers read, and waits until the replicas follow.
    pub(super) fn prepare(&mut self) -> Result<(), Failure> {
        let master = self.wait_for_agreement(None)?;
        self.wait(AGREE, "the replicas did not begin to follow", |stage| stage.streams(master).then_some(()))?;
        let written = cluster::ask(self.cluster.nodes[0].master, &["SET", "demo:hello", "world"]);
        written.map(|_| ()).map_err(|e| Failure::peer(format!("the first write through a node failed: {e}")))
    }

    pub(super) fn version(&self) -> String {
        let info = self.cluster.servers[0].ask(&["INFO", "server"]).ok();
        let version =
            info.as_ref().and_then(Value::as_str).and_then(|text| resp::info::Info::new(text).field("redis_version"));
        version.unwrap_or("of unknown version").to_owned()
    }

    /// Where everything is, for a program.
    pub(super) fn addresses(&self) -> serde_json::Value {
        let nodes = self.cluster.nodes.iter().map(|node| {
            json!({
                "sentinel": node.sentinel, "master": node.master, "replica": node.replica, "page": format!("http://{}/", node.page),
                "control": node.control,
            })
        });
        let servers: Vec<_> = self.cluster.servers.iter().map(cluster::Server::addr).collect();
        json!({ "dir": self.cluster.dir.path, "group": cluster::GROUP, "servers": servers, "nodes": nodes.collect::<Vec<_>>() })
    }

    fn tell(&self, round: &Round) {
        let Seen { acknowledged, reads, errors, closed_writing, closed_reading, longest_pause_ms, idle_kept, idle } =
            &round.clients;
        self.say(&format!(
            "  clients saw: {acknowledged} writes acknowledged, {reads} reads, {} errors, {closed_writing} connections closed in a write, \
             {closed_reading} in a read; longest pause {longest_pause_ms:.0} ms; {idle_kept} of {idle} idle connections kept",
            errors.values().sum::<u64>()
        ));
        for (text, n) in errors {
            self.say(&format!("    {n} x {text}"));
        }
        let because = round.missing_because.as_deref().map_or_else(String::new, |why| format!(" ({why})"));
        self.say(&format!(
            "  acknowledged writes missing: {}{because}; executed twice: {}",
            round.missing, round.twice
        ));
        self.say(&format!(
            "  in the end: {}, {}, {}\n",
            if round.one_master { "one master" } else { "NOT ONE MASTER" },
            if round.all_agree { "all nodes agree" } else { "THE NODES DO NOT AGREE" },
            if round.old_master_is_replica { "the old master replicates" } else { "THE OLD MASTER DOES NOT REPLICATE" }
        ));
    }

    /// Waits for something, and tells how things are meanwhile.
    fn wait<T>(&mut self, limit: Duration, what: &str, mut look: impl FnMut(&Self) -> Option<T>) -> Result<T, Failure> {
        let until = clock::now() + limit;
        loop {
            if let Some(found) = look(self) {
                return Ok(found);
            }
            if self.stop.is_set() {
                return Err(Failure::refused("stopped"));
            }
            if clock::now() > until {
                return Err(Failure::refused(format!("{what} within {} s", limit.as_secs())));
            }
            self.tick();
            std::thread::sleep(LOOK);
        }
    }

    /// One line a second.
    pub(super) fn tick(&mut self) {
        let now = clock::now();
        let passed = now.since(self.told_at);
        if passed < Duration::from_secs(1) || self.rounds == 0 {
            return;
        }
        let counts = self.load.counts();
        let rate = |new: u64, old: u64| (new.saturating_sub(old) as f64 / passed.as_secs_f64()).round();
        let (writes, reads) = (rate(counts.0, self.told.0), rate(counts.1, self.told.1));
        let errors = counts.2.saturating_sub(self.told.2);
        (self.told_at, self.told) = (now, counts);
        let statuses = self.cluster.statuses();
        let view =
            statuses.iter().filter_map(|s| s.report.groups.first()).map(|g| &g.view).max_by_key(|view| view.epoch);
        let view = view.map_or_else(String::new, |v| format!("master {}  epoch {}  {:?}", v.master, v.epoch, v.phase));
        self.say(&format!("{writes:>7} writes/s {reads:>7} reads/s {errors:>4} errors   {view}"));
    }

    pub(super) fn say(&self, text: &str) {
        if self.quiet {
            log::last_words(text);
        } else {
            self.show(text);
        }
    }

    /// Whoever watches has gone: nobody is left to play for, and what was started is taken down as if he had said so.
    pub(super) fn show(&self, text: impl Display) {
        if !is_heard(text) {
            self.stop.set();
        }
    }
}

/// The master on which all nodes agree, if they do.
fn agreed(statuses: &[Status]) -> Option<SocketAddr> {
    let views: Vec<_> =
        statuses.iter().filter_map(|status| status.report.groups.first()).map(|group| &group.view).collect();
    let first = views.first().filter(|_| views.len() == COUNT)?;
    let same = views
        .iter()
        .all(|view| view.master == first.master && view.epoch == first.epoch && view.phase == Phase::Steady);
    same.then_some(first.master)
}

/// Whether a node sees every server and every other node, and all replicas follow the master.
fn knows_everybody(status: &Status) -> bool {
    let Some(group) = status.report.groups.first() else { return false };
    let servers_are_well = group.servers.iter().all(|s| s.down.is_none() && (s.is_master || s.link_up));
    let nodes_are_well = group.peers.iter().all(|peer| !peer.down);
    group.servers.len() == COUNT && group.peers.len() == COUNT - 1 && servers_are_well && nodes_are_well
}

/// Acknowledged writes that prove that writes run.
const ENOUGH: usize = 100;
/// Generous: a loaded machine is no failure.
const WARM_UP: Duration = Duration::from_secs(30);
const AGREE: Duration = Duration::from_secs(60);
const RESUME: Duration = Duration::from_secs(30);
const SETTLE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(25);
