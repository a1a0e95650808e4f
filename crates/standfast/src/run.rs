//! In which order is a node of our own file built up and taken down?
//!
//! ```text
//!   file ─> log ─> addresses ─> proxy (requests wait) ─> state directory, id ─> a short look at each master ─> control socket
//!        ─> machine ─> life ─> proxy drains
//! ```
//!
//! Who takes another process's place ([`upgrade`](crate::upgrade)) inherits the addresses, and lets clients in last.
//!
//! Whatever can fail at the start fails before the machine has said a word to anybody.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use config::Config;
use host::{HostRefused, Store, clock};
use sentinel::{Sentinel, State};
use view::GroupName;

use crate::bind::Sockets;
use crate::cli::RunArgs;
use crate::clients::Clients;
use crate::control;
use crate::edges::tls::ByGroup;
use crate::failure::Failure;
use crate::feeds::Feeds;
use crate::history::Memory;
use crate::inherited::Inherited;
use crate::keys::Keys;
use crate::life::{Doors, End, Life};
use crate::link::Ways;
use crate::outside::Plan;
use crate::reload::Origin;
use crate::traffic::Traffic;
use crate::upgrade::Predecessor;
use crate::{check, compose, descriptors, edges, identity, log, privileges, probe, proxy_only, serve};

/// `standfast run`.
pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    // The clock counts from its first use.
    let _ = clock::now();
    let mut inherited = Inherited::take()?;
    let mut place = inherited.handover.take().map(Predecessor::of);
    let prepared = prepare(args, inherited, &mut place);
    if let (Err(failure), Some((predecessor, _))) = (&prepared, &mut place) {
        predecessor.tell_failure(failure);
    }
    let (life, control) = prepared?;
    let traffic = life.traffic.clone();
    let ended = life.live(place.map(|(predecessor, _)| predecessor));
    traffic.stop();
    if let (false, Some(control)) = (matches!(ended, Ok(End::Replaced)), control) {
        // So that the next start finds no trace of this one; if it cannot be removed, the next start takes its place.
        let _ = std::fs::remove_file(control);
    }
    ended.map(|_| ())
}

/// The process whose place we take, and the lock of the directory that it lends us.
pub(crate) type Place = Option<(Predecessor, Option<File>)>;

/// A node that is about to live, and where its control socket is.
pub(crate) type Prepared = (Life, Option<PathBuf>);

/// What a node stands on.
struct Ground {
    feeds: Feeds,
    store: Arc<Store>,
    machine: Sentinel,
    traffic: Traffic,
}

/// All that can fail.
fn prepare(args: &RunArgs, mut inherited: Inherited, place: &mut Place) -> Result<Prepared, Failure> {
    let config = check::read(&args.file.config)?;
    log::start(&config.log)?;
    check::log_warnings(&config);
    privileges::suffice(&config, &inherited)?;
    let outside = Plan::of(&config)?;
    if !config.votes() {
        return proxy_only::of_file(&args.file.config, &config, outside, inherited, place);
    }
    descriptors::provide(&config);
    let server_tls = ByGroup::of(&config)?;
    let sockets = Sockets::bind(&config, &mut inherited)?;
    let ground = match place {
        None => Ground::new(&config, args.seed, &mut inherited)?,
        Some(place) => Ground::take_over(&config, args.seed, &mut inherited, place)?,
    };
    let Ground { feeds, store, machine, traffic } = ground;
    let control = inherited.unix(&config.node.control).map_or_else(|| control::bind(&config.node.control), Ok)?;
    let flights = store.dir().to_owned();
    let (listen, file, at) = (config.node.listen, config.file_name.clone(), config.node.control.clone());
    let keys = Keys::new(compose::keys(&config));
    let ways = Ways { keys: keys.clone(), server_tls: server_tls.clone(), ..Ways::default() };
    let origin =
        Origin { file: args.file.config.clone(), config: config.clone(), keys, server_tls, store: Some(store.clone()) };
    let clients = Clients::default();
    let rules = serve::rules::Rules {
        info: ways.infos.clone(),
        clients: clients.clone(),
        ..serve::rules::Rules::of_file(&file)
    };
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
        traffic,
        clients,
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
    Ok((life, Some(at)))
}

impl Ground {
    /// Clients are let in first: their requests wait.
    fn new(config: &Config, seed: Option<u64>, inherited: &mut Inherited) -> Result<Self, Failure> {
        let feeds = Feeds::of(config);
        let traffic = Traffic::start(config, &feeds, inherited)?;
        let store = Store::open(&config.node.state_dir).map_err(refused)?;
        let store = Arc::new(store);
        feeds.remember(store.clone());
        probe_masters(config, &identity::state(&store)?)?;
        let machine = machine(config, &store, seed)?;
        Ok(Self { feeds, store, machine, traffic })
    }

    /// Nothing is read before nobody else decides, and clients are let in last: until then the old process can go on.
    fn take_over(
        config: &Config,
        seed: Option<u64>,
        inherited: &mut Inherited,
        (predecessor, lock): &mut (Predecessor, Option<File>),
    ) -> Result<Self, Failure> {
        edges::all_served(config)?;
        predecessor.wait(&config.node.control)?;
        let store = Arc::new(take_over(config, lock.take()).map_err(refused)?);
        let feeds = Feeds::of(config);
        feeds.remember(store.clone());
        let machine = machine(config, &store, seed)?;
        let traffic = Traffic::start(config, &feeds, inherited)?;
        Ok(Self { feeds, store, machine, traffic })
    }
}

/// The state directory, with the lock that another process lends us.
pub(crate) fn take_over(config: &Config, lock: Option<File>) -> Result<Store, HostRefused> {
    match lock {
        Some(lock) => Store::take_over(&config.node.state_dir, lock),
        None => Store::open(&config.node.state_dir),
    }
}

fn refused(e: HostRefused) -> Failure {
    Failure::host(format!("{e}. Nothing was started"))
}

/// The machine with what this node promised before.
fn machine(config: &Config, store: &Store, seed: Option<u64>) -> Result<Sentinel, Failure> {
    let id = identity::id(store)?;
    let state = identity::state(store)?;
    let seed = seed.unwrap_or_else(host::random::seed);
    tracing::info!(node = %compose::node_name(config), %id, seed, "standfast {} starts", env!("CARGO_PKG_VERSION"));
    Ok(Sentinel::new(compose::sentinel(config, id), state, seed, clock::now()))
}

/// That the masters can be worked with.
fn probe_masters(config: &Config, state: &State) -> Result<(), Failure> {
    let agreed: BTreeMap<&str, _> = state.groups.iter().map(|(name, group)| (name.as_str(), group.master)).collect();
    let credentials = compose::credentials(config);
    let watched = config.groups.iter().filter(|group| group.origin == config::Origin::Monitor);
    // The question is asked in plain words, and the password is one of them.
    let watched = watched.filter(|group| group.server_tls.is_none());
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
    let addresses = match config.addresses.len() {
        0 => String::new(),
        n => format!(", {n} addresses"),
    };
    format!("watching {} groups, {} listeners{addresses}", config.groups.len(), config.listeners.len())
}
