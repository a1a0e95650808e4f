//! What does it look like when a master dies? Three real Redis servers, three real nodes, a load, and faults that one can cause.
//!
//! ```text
//!   load ──> node 1 ┐                 ┌ cable ── Redis 1 (master)
//!   load ──> node 2 ├── each to each ─┤ cable ── Redis 2
//!   load ──> node 3 ┘                 └ cable ── Redis 3
//! ```
//!
//! | module | answers |
//! |---|---|
//! | [`cluster`] | which processes are there, and how are they ended? |
//! | [`cable`] | how is a Redis cut off without being root? |
//! | [`load`] | what do clients do, and what did they see? |
//! | [`script`] | what is one fault, from its cause to the last count? |
//! | [`timeline`] | what happened when? |
//! | [`keys`] | what does the person at the terminal want? |

mod cable;
mod cluster;
mod keys;
mod load;
mod script;
mod timeline;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::cli::DemoArgs;
use crate::failure::Failure;
use crate::log;
use crate::say::say;
use cluster::Cluster;
use keys::Key;
use load::Load;
use script::Stage;

/// `standfast demo`.
pub(crate) fn demo(args: &DemoArgs) -> Result<(), Failure> {
    let program = find_server()?;
    let stop = Stop::default();
    let traffic = Traffic::start(stop.clone())?;
    let cluster = Cluster::start(&program, args.seed, &traffic.handle)?;
    let masters: Vec<_> = cluster.nodes.iter().map(|node| node.master).collect();
    let replicas: Vec<_> = cluster.nodes.iter().map(|node| node.replica).collect();
    let load = Load::start(&masters, &replicas, &traffic.handle);
    let mut stage = Stage::new(cluster, load, stop, args.json);
    let played = play(&mut stage, args, &program);
    if played.is_err() && !stage.stop.is_set() {
        log::last_words(&stage.cluster.last_words());
    }
    // Asked to end: that is no failure, whatever was under way.
    if stage.stop.is_set() { Ok(()) } else { played }
}

fn play(stage: &mut Stage, args: &DemoArgs, program: &std::path::Path) -> Result<(), Failure> {
    stage.prepare()?;
    introduce(stage, program);
    if args.script.is_empty() { listen(stage, args.json) } else { follow(stage, args) }
}

/// Causes the faults of the script, one after the other.
fn follow(stage: &mut Stage, args: &DemoArgs) -> Result<(), Failure> {
    let mut rounds = Vec::new();
    let mut failed = Vec::new();
    for fault in &args.script {
        match stage.round(*fault) {
            Ok(round) => {
                failed.extend(round.faults());
                rounds.push(round);
            }
            // What comes next would only tell of the same failure.
            Err(failure) => {
                failed.push(format!("{fault:?}: {failure}").to_lowercase());
                break;
            }
        }
    }
    if args.json {
        let redis = stage.version();
        let document =
            json!({ "ok": failed.is_empty(), "redis": redis, "seed": args.seed, "rounds": rounds, "failed": failed });
        say(format_args!("{document:#}"))?;
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::refused(failed.join("; "))) }
}

/// Does what is typed, until `q`, Ctrl-C or SIGTERM.
fn listen(stage: &mut Stage, json: bool) -> Result<(), Failure> {
    let (keys, typed) = sync_channel(16);
    keys::listen(keys);
    if json {
        stage.show(json!({ "ready": stage.addresses() }));
    }
    stage.say(keys::HELP);
    stage.begin_round()?;
    while let Some(key) = next_key(stage, &typed) {
        match key {
            Key::Quit => break,
            Key::Cause(_) if stage.is_broken() => stage.say("first bring back what is broken: r and Enter"),
            Key::Cause(fault) => {
                stage.cause(fault)?;
                if !stage.is_broken() {
                    finish(stage, json)?;
                }
            }
            Key::BringBack if stage.is_broken() => finish(stage, json)?,
            Key::BringBack => stage.say("nothing is broken"),
        }
    }
    Ok(())
}

/// Brings back what was broken, counts, tells, and goes on.
fn finish(stage: &mut Stage, json: bool) -> Result<(), Failure> {
    let round = stage.bring_back()?;
    if json {
        stage.show(json!({ "round": round }));
    }
    for fault in round.faults() {
        stage.say(&format!("NOT AS IT SHOULD BE: {fault}"));
    }
    stage.begin_round()
}

fn next_key(stage: &mut Stage, typed: &Receiver<Key>) -> Option<Key> {
    let mut gone = false;
    while !stage.stop.is_set() {
        stage.tick();
        if gone {
            std::thread::sleep(TICK);
            continue;
        }
        match typed.recv_timeout(TICK) {
            Ok(key) => return Some(key),
            Err(RecvTimeoutError::Timeout) => {}
            // No terminal: the load goes on until a signal ends it.
            Err(RecvTimeoutError::Disconnected) => gone = true,
        }
    }
    None
}

fn introduce(stage: &Stage, program: &std::path::Path) {
    let node = &stage.cluster.nodes[0];
    let port = node.master.port();
    stage.say(&format!(
        "{} {}: three servers, one master; three nodes agree on it\n",
        program.display(),
        stage.version()
    ));
    stage.say(&format!("  always the master   redis-cli -p {port} set k v"));
    stage.say(&format!("  a replica           redis-cli -p {} get k", node.replica.port()));
    stage.say(&format!("  the Sentinel way    redis-cli -p {} sentinel masters", node.sentinel.port()));
    stage.say(&format!("  the page            http://{}/", node.page));
    stage.say(&format!("  the state           standfast status --control {}", node.control.display()));
    stage.say("\nEach Redis is reached through a relay of this program, its network, so that it can be cut off without being root.");
    stage.say("They keep nothing on disk, so a restarted one comes back empty.\n");
}

/// The first of redis-server and valkey-server on the PATH.
fn find_server() -> Result<PathBuf, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = ["redis-server", "valkey-server"]
        .iter()
        .flat_map(|name| std::env::split_paths(&path).map(move |dir| dir.join(name)));
    candidates.into_iter().find(|file| file.is_file()).ok_or_else(|| {
        Failure::host(
            "neither redis-server nor valkey-server is on the PATH: the demo runs real ones. Install one: `apt install redis-server` \
             (Debian, Ubuntu), `dnf install valkey` (Fedora), `brew install redis`; or, in a clone, `cargo xtask demo`, which does it",
        )
    })
}

/// Whether somebody asked the demo to end.
#[derive(Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The thread that moves the cables' and the load's bytes, and hears signals. Dropping it ends it.
struct Traffic {
    handle: Handle,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Traffic {
    fn start(stop: Stop) -> Result<Self, Failure> {
        let failed = |e: std::io::Error| Failure::host(format!("cannot start the demo's traffic: {e}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        let entered = runtime.enter();
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
        drop(entered);
        let thread = std::thread::Builder::new().name("traffic".to_owned()).spawn(move || {
            runtime.spawn(async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    _ = hangup.recv() => {}
                }
                stop.set();
            });
            // Also when the sender is dropped.
            let _ = runtime.block_on(ended);
        });
        Ok(Self { handle, end: Some(end), thread: Some(thread.map_err(failed)?) })
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It can only have panicked, which was told when it did.
            let _ = thread.join();
        }
    }
}

/// How often keys and signals are looked for.
const TICK: Duration = Duration::from_millis(100);
