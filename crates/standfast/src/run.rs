//! In which order is a node built up and taken down?
//!
//! ```text
//!   file ─> log ─> addresses ─> proxy (requests wait) ─> state directory, id ─> a short look at each master ─> control socket
//!        ─> machine ─> READY=1 … SIGTERM … STOPPING=1 ─> flight record ─> proxy drains
//! ```
//!
//! Whatever can fail at the start fails before the machine has said a word to anybody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use config::Config;
use host::{Store, clock};
use sd_notify::NotifyState;
use sentinel::{Sentinel, State};
use tokio::signal::unix::{SignalKind, signal};
use view::GroupName;

use crate::bind::Sockets;
use crate::cli::RunArgs;
use crate::control;
use crate::failure::Failure;
use crate::node_loop::{Node, NodeLoop, Parts};
use crate::status::Source;
use crate::traffic::{Feeds, Traffic};
use crate::{admin, check, compose, identity, log, probe, recorder, serve};

/// `standfast run`.
pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    // The clock counts from its first use.
    let _ = clock::now();
    let config = check::read(&args.file.config)?;
    log::start(&config.log);
    raise_limits(&config);
    let sockets = Sockets::bind(&config)?;
    let (traffic, feeds) = Traffic::start(&config)?;
    let store = Store::open(&config.node.state_dir).map_err(|e| Failure::host(format!("{e} Nothing was started")))?;
    let machine = machine(&config, &store, args.seed)?;
    let control = control::bind(&config.node.control)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::host(format!("cannot start the event loop: {e}")))?;
    let ended = runtime.block_on(live(&config, machine, store, feeds, &traffic, sockets, control));
    drop(runtime);
    traffic.stop();
    // So that the next start finds no trace of this one; if it cannot be removed, the next start takes its place.
    let _ = std::fs::remove_file(&config.node.control);
    ended
}

/// Two descriptors a client, and some for everything else. With fewer, clients are turned away earlier than the file says.
fn raise_limits(config: &Config) {
    const OWN: u64 = 256;
    let wanted = 2 * u64::from(config.proxy.max_clients) + OWN;
    match host::limits::raise_descriptors(wanted) {
        Ok(limit) if limit >= wanted => {}
        Ok(limit) => tracing::warn!(
            limit,
            wanted,
            "this process may have {limit} descriptors: about {} clients instead of the {} of `proxy.max-clients`; raise \
             LimitNOFILE= (systemd) or `ulimit -n`",
            limit.saturating_sub(OWN) / 2,
            config.proxy.max_clients
        ),
        Err(e) => {
            tracing::warn!("cannot read or raise the limit of descriptors: {e}; clients may be turned away early")
        }
    }
}

/// The machine with what this node promised before, once it is known that its masters can be worked with.
fn machine(config: &Config, store: &Store, seed: Option<u64>) -> Result<Sentinel, Failure> {
    let id = identity::id(store)?;
    let state = identity::state(store)?;
    probe_masters(config, &state)?;
    let seed = seed.unwrap_or_else(host::random::seed);
    tracing::info!(node = %compose::node_name(config), %id, seed, "standfast {} starts", env!("CARGO_PKG_VERSION"));
    Ok(Sentinel::new(compose::sentinel(config, id), state, seed, clock::now()))
}

fn probe_masters(config: &Config, state: &State) -> Result<(), Failure> {
    let agreed: BTreeMap<&str, _> = state.groups.iter().map(|(name, group)| (name.as_str(), group.master)).collect();
    let credentials = compose::credentials(config);
    let questions = config.groups.iter().map(|group| probe::Question {
        group: &group.name,
        master: agreed.get(group.name.as_str()).copied().unwrap_or(group.master),
        credentials: credentials.get(&GroupName::from(group.name.as_str())).cloned().unwrap_or_default(),
        place: format!("{}:{}", config.file_name, group.defined_at),
    });
    probe::probe(&questions.collect::<Vec<_>>())
}

async fn live(
    config: &Config,
    machine: Sentinel,
    store: Store,
    views: Feeds,
    traffic: &Traffic,
    sockets: Sockets,
    control: std::os::unix::net::UnixListener,
) -> Result<(), Failure> {
    let recorder = recorder::Shared::new(Mutex::default());
    recorder::write_on_panic(recorder.clone(), store.dir().to_owned());
    let parts = Parts { machine, recorder, credentials: compose::credentials(config), store, views };
    let (mut node_loop, node) =
        NodeLoop::new(parts).map_err(|e| Failure::host(format!("cannot start the disk's thread: {e}")))?;
    let source = Source { name: compose::node_name(config), node: node.clone(), traffic: traffic.clone() };
    serve_all(config, &node, source, sockets, control)
        .map_err(|e| Failure::host(format!("cannot watch a listening socket: {e}")))?;
    let stop = stop_signal().map_err(|e| Failure::host(format!("cannot watch for signals: {e}")))?;
    notify(&[NotifyState::Ready, NotifyState::Status(&summary(config))]);
    tokio::select! {
        () = node_loop.run() => {}
        signal = stop => tracing::info!("{signal}: stopping"),
    }
    notify(&[NotifyState::Stopping]);
    match node.write_flight_record() {
        Ok(path) => tracing::info!("flight record: {}", path.display()),
        Err(e) => tracing::warn!("the flight record could not be written: {e}"),
    }
    Ok(())
}

/// Begins to answer on every port, beside the loop.
fn serve_all(
    config: &Config,
    node: &Node,
    source: Source,
    sockets: Sockets,
    control: std::os::unix::net::UnixListener,
) -> std::io::Result<()> {
    let port = serve::Port::new(node.clone(), config.node.listen, config.file_name.clone());
    tokio::spawn(Arc::clone(&port).run(tokio::net::TcpListener::from_std(sockets.sentinel)?));
    if let Some(listener) = sockets.admin {
        let source = source.clone();
        tokio::spawn(async move {
            if let Err(e) = admin::run(listener, source).await {
                tracing::error!("the status page is gone: {e}; everything else goes on");
            }
        });
    }
    tokio::spawn(async move {
        if let Err(e) = (control::Server { source }).run(control).await {
            tracing::error!("the control socket is gone: {e}; everything else goes on");
        }
    });
    Ok(())
}

/// Ends when the node shall stop, with the signal's name.
fn stop_signal() -> std::io::Result<impl Future<Output = &'static str>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Not handled, it would end the node without a word.
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => return "SIGTERM",
                _ = interrupt.recv() => return "SIGINT",
                _ = hangup.recv() => tracing::info!("SIGHUP: the file is read at the start only; restart the node to use a new one"),
            }
        }
    })
}

fn summary(config: &Config) -> String {
    format!("watching {} groups, {} listeners", config.groups.len(), config.listeners.len())
}

fn notify(states: &[NotifyState<'_>]) {
    // Without a service manager there is nobody to tell.
    if let Err(e) = sd_notify::notify(states) {
        tracing::debug!("the service manager was not told: {e}");
    }
}
