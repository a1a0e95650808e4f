//! In which order is a node of our own file built up and taken down?
//!
//! ```text
//!   file ─> log ─> addresses ─> proxy (requests wait) ─> state directory, id ─> a short look at each master ─> control socket
//!        ─> machine ─> life ─> proxy drains
//! ```
//!
//! Whatever can fail at the start fails before the machine has said a word to anybody.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::Config;
use host::{Store, clock};
use sentinel::{Sentinel, State};
use view::GroupName;

use crate::bind::Sockets;
use crate::cli::RunArgs;
use crate::control;
use crate::edges::tls::ByGroup;
use crate::failure::Failure;
use crate::feeds::Feeds;
use crate::history::Memory;
use crate::keys::Keys;
use crate::life::{Doors, Life};
use crate::link::Ways;
use crate::outside::Plan;
use crate::reload::Origin;
use crate::traffic::Traffic;
use crate::{check, compose, identity, log, probe, proxy_only, serve};

/// `standfast run`.
pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    // The clock counts from its first use.
    let _ = clock::now();
    let config = check::read(&args.file.config)?;
    log::start(&config.log);
    if !config.votes() {
        return proxy_only::of_file(&args.file.config, &config);
    }
    raise_limits(&config);
    let sockets = Sockets::bind(&config)?;
    let feeds = Feeds::of(&config);
    let outside = Plan::of(&config)?;
    let traffic = Traffic::start(&config, &feeds)?;
    let store = Store::open(&config.node.state_dir).map_err(|e| Failure::host(format!("{e} Nothing was started")))?;
    let store = Arc::new(store);
    feeds.remember(store.clone());
    let machine = machine(&config, &store, args.seed)?;
    let control = control::bind(&config.node.control)?;
    let flights = store.dir().to_owned();
    let (listen, file) = (config.node.listen, config.file_name.clone());
    let keys = Keys::new(compose::keys(&config));
    let server_tls = ByGroup::of(&config)?;
    let ways = Ways { keys: keys.clone(), server_tls: server_tls.clone(), ..Ways::default() };
    let origin = Origin { file: args.file.config.clone(), config: config.clone(), keys, server_tls };
    let rules = serve::rules::Rules { info: ways.infos.clone(), ..serve::rules::Rules::of_file(&file) };
    let users = serve::Users::new(&rules).map_err(Failure::host)?;
    let life = Life {
        name: compose::node_name(&config),
        machine,
        ways,
        keep: Box::new(store.clone()),
        memory: Some(Memory::Store(store)),
        ask_at: None,
        flights,
        records_its_end: true,
        origin: Some(origin),
        tell: log::announce,
        feeds,
        outside,
        traffic: traffic.clone(),
        doors: Doors {
            sentinel: sockets.sentinel.into_iter().collect(),
            encrypted: Vec::new(),
            local: None,
            admin: sockets.admin,
            control: Some(control),
        },
        port: Box::new(move |node| serve::Port::new(node.clone(), listen, file, rules, users)),
        summary: summary(&config),
    };
    let ended = life.live();
    traffic.stop();
    // So that the next start finds no trace of this one; if it cannot be removed, the next start takes its place.
    let _ = std::fs::remove_file(&config.node.control);
    ended
}

/// Two descriptors a client, and some for everything else. With fewer, clients are turned away earlier than the file says.
pub(crate) fn raise_limits(config: &Config) {
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
    let watched = config.groups.iter().filter(|group| group.origin == config::Origin::Monitor);
    let questions = watched.map(|group| probe::Question {
        group: &group.name,
        master: agreed.get(group.name.as_str()).copied().unwrap_or(group.master),
        credentials: credentials.get(&GroupName::from(group.name.as_str())).cloned().unwrap_or_default(),
        place: format!("{}:{}", config.file_name, group.defined_at),
    });
    probe::probe(&questions.collect::<Vec<_>>())
}

/// What the service manager is told.
pub(crate) fn summary(config: &Config) -> String {
    format!("watching {} groups, {} listeners", config.groups.len(), config.listeners.len())
}
