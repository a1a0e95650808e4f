//! What does the proxy do? It is started from the file's listeners, fed with views, and its numbers are handed on.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use config::{Balance, Config, Fallback, OnUnknown, Pool, Role, Workers};
use host::{HostRefused, clock};
use proxy::edge::UnixFile;
use proxy::gate::{Limits, Lists};
use proxy::{Arrival, Edge, Endpoint, ListeningSocket, Proxy, ProxyConfig, StartFailed};
use session::{Rules, Why};
use tokio::sync::mpsc::Sender;
use view::GroupName;

use crate::bind;
use crate::checks::door;
use crate::edges;
use crate::failure::Failure;
use crate::feeds::Feeds;
use crate::history::Tally;
use crate::inherited::Inherited;
use crate::status::ListenerStatus;

/// A running proxy with what the file says about its listeners. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Traffic {
    /// `None`: nobody is led anywhere.
    proxy: Option<Arc<Proxy>>,
    /// In the proxy's order. Held while the proxy takes up others, so that nobody reads one's numbers under another's name.
    listeners: Arc<Mutex<Arc<[config::Listener]>>>,
}

impl Traffic {
    /// Binds every listener and starts the workers. Requests wait until the first view is published.
    pub(crate) fn start(config: &Config, feeds: &Feeds, inherited: &mut Inherited) -> Result<Self, Failure> {
        let workers = match config.proxy.workers {
            Workers::Auto => None,
            Workers::Count(n) => Some(n as usize),
        };
        let limits = ProxyConfig { workers, max_clients: config.proxy.max_clients as usize, clock: clock::now };
        let proxy = Proxy::start(limits, all(config, feeds, inherited)?).map_err(|failed| explain(config, &failed))?;
        let listeners = Arc::new(Mutex::new(config.listeners.clone().into()));
        Ok(Self { proxy: Some(Arc::new(proxy)), listeners })
    }

    /// Leads clients as the file says by now; all of it or nothing. Clients of listeners that stay are not touched.
    pub(crate) fn apply(&self, config: &Config, feeds: &Feeds) -> Result<(), Failure> {
        let Some(proxy) = &self.proxy else { return Ok(()) };
        let wanted = all(config, feeds, &mut Inherited::default())?;
        let mut listeners = self.lock();
        proxy.apply(wanted).map_err(|failed| explain(config, &failed))?;
        proxy.limit(config.proxy.max_clients as usize);
        *listeners = config.listeners.clone().into();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Arc<[config::Listener]>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of a node that only watches.
    pub(crate) fn none() -> Self {
        Self { proxy: None, listeners: Arc::new(Mutex::new([].into())) }
    }

    /// What each listener does at this moment.
    pub(crate) fn listeners(&self) -> Vec<ListenerStatus> {
        let known = self.lock();
        let stats = self.proxy.as_ref().map(|proxy| proxy.stats().listeners).unwrap_or_default();
        let listeners = known.iter().zip(stats);
        let status = listeners.map(|(listener, stats)| ListenerStatus {
            listen: listener.listen.to_string(),
            group: listener.group.clone(),
            role: listener.role.to_string(),
            clients: stats.clients,
            requests: stats.sessions.requests,
            held: stats.held,
            refused: stats.refused.iter().filter(|(_, n)| *n > 0).map(|(why, n)| (why.to_string(), *n)).collect(),
        });
        status.collect()
    }

    /// What the clients of each group have seen since the start.
    pub(crate) fn tallies(&self) -> BTreeMap<GroupName, Tally> {
        let mut tallies = BTreeMap::<GroupName, Tally>::new();
        let known = self.lock();
        let stats = self.proxy.as_ref().map_or_else(Vec::new, |proxy| proxy.stats().listeners);
        for (listener, stats) in known.iter().zip(stats) {
            let tally = tallies.entry(GroupName::from(listener.group.as_str())).or_default();
            tally.waited += stats.sessions.held;
            tally.repeated += stats.sessions.replayed;
            tally.expired += stats.sessions.expired + stats.closed(Why::HoldExpired);
            tally.unknown_fate += stats.sessions.unknown + stats.closed(Why::UnknownFate);
            let cut = [
                Why::CutReply,
                Why::PinnedCut,
                Why::RestoreRefused,
                Why::Unrestorable,
                Why::Moved,
                Why::ServerBroke,
                Why::AddressLeft,
            ];
            tally.cut += cut.map(|why| stats.closed(why)).iter().sum::<u64>();
        }
        tallies
    }

    /// Copies of all listening sockets, for another process.
    pub(crate) fn sockets(&self) -> io::Result<Vec<OwnedFd>> {
        let sockets = self.proxy.as_ref().map_or_else(|| Ok(Vec::new()), |proxy| proxy.listening_sockets())?;
        let sockets = sockets.into_iter().map(|(_, socket)| match socket {
            ListeningSocket::Tcp(socket) => socket.into(),
            ListeningSocket::Unix(socket) => socket.into(),
        });
        Ok(sockets.collect())
    }

    /// The files of sockets that go when this process does.
    pub(crate) fn own_files(&self) -> Vec<PathBuf> {
        self.proxy.as_ref().map(|proxy| proxy.own_files()).unwrap_or_default()
    }

    /// These go with this process from now on.
    pub(crate) fn adopt_files(&self, files: &[PathBuf]) {
        if let Some(proxy) = &self.proxy {
            proxy.adopt_files(files);
        }
    }

    /// Lets nobody in any more, because another process does; who is there stays.
    pub(crate) fn retire(&self) {
        if let Some(proxy) = &self.proxy {
            proxy.retire();
        }
    }

    /// Resets the clients that came to these addresses; how many they were, if all workers have said it in time.
    pub(crate) fn cut(&self, ips: &[IpAddr], patience: Duration) -> Option<usize> {
        self.proxy.as_ref().map_or(Some(0), |proxy| proxy.cut(ips, patience))
    }

    /// Has somebody told of each client that comes to these addresses, as far as there is room. False: it has to be said again.
    pub(crate) fn tell_of_arrivals(&self, ips: &[IpAddr], told: &Sender<Arrival>) -> bool {
        self.proxy.as_ref().is_none_or(|proxy| proxy.tell_of_arrivals(ips, told))
    }

    /// Bytes that unanswered requests take, by data thread.
    pub(crate) fn kept(&self) -> Vec<usize> {
        self.proxy.as_ref().map(|proxy| proxy.stats().kept).unwrap_or_default()
    }

    /// How many clients there are.
    pub(crate) fn clients(&self) -> u64 {
        self.proxy.as_ref().map_or(0, |proxy| proxy.stats().workers.iter().sum::<usize>() as u64)
    }

    /// Lets sessions have what they are owed, and ends.
    pub(crate) fn stop(self) {
        // Nobody else holds it once the runtime is gone; if somebody does, the last one to let go ends it.
        if let Some(proxy) = self.proxy.and_then(Arc::into_inner) {
            proxy.stop(DRAIN);
        }
    }
}

/// Every listener of the file, as the proxy wants it.
fn all(config: &Config, feeds: &Feeds, inherited: &mut Inherited) -> Result<Vec<proxy::Listener>, Failure> {
    let listeners = config.listeners.iter().map(|listener| {
        let group = edges::group_of(config, listener);
        Ok(proxy::Listener {
            name: name(config, listener),
            addr: edges::endpoint(config, listener)?,
            socket: match &listener.listen {
                config::Endpoint::Tcp(addr) => inherited.tcp(*addr).map(ListeningSocket::Tcp),
                config::Endpoint::Unix(path) => inherited.unix(path).map(ListeningSocket::Unix),
            },
            rules: rules(listener, group, config.proxy.drain_timeout),
            edge: edges::edge(config, listener, group)?,
            view: feeds.subscribe(&group.name.as_str().into()).expect("every group of the file has a feed"),
        })
    });
    let mut listeners = listeners.collect::<Result<Vec<_>, Failure>>()?;
    // Behind those of the file: whoever reads numbers takes as many as the file has.
    for (listener, path) in door::side_doors(config) {
        listeners.push(side_door(config, listener, path, feeds, inherited)?);
    }
    Ok(listeners)
}

/// Where the proof of an address comes in when it cannot be a client of the listener. It differs in who may come in, and in nothing else.
fn side_door(
    config: &Config,
    listener: &config::Listener,
    path: PathBuf,
    feeds: &Feeds,
    inherited: &mut Inherited,
) -> Result<proxy::Listener, Failure> {
    let group = edges::group_of(config, listener);
    let refused =
        |e| Failure::host(format!("{}. Nothing was started", HostRefused::new("make the directory", &path, e)));
    // As the state directory is made, which it is as a rule, a moment later.
    path.parent().map_or(Ok(()), |dir| DirBuilder::new().recursive(true).mode(0o700).create(dir)).map_err(refused)?;
    let socket = inherited.unix(&path).map(ListeningSocket::Unix);
    let edge = edges::edge(config, listener, group)?;
    Ok(proxy::Listener {
        name: format!("{} (side door of the proof)", name(config, listener)),
        addr: Endpoint::Unix(UnixFile { path, mode: 0o600, owner: None, group: None }),
        socket,
        rules: rules(listener, group, config.proxy.drain_timeout),
        edge: Edge {
            lists: Lists::default(),
            limits: Limits::default(),
            proxy_protocol_from: Vec::new(),
            tls: None,
            ..edge
        },
        view: feeds.subscribe(&group.name.as_str().into()).expect("every group of the file has a feed"),
    })
}

fn rules(listener: &config::Listener, group: &config::Group, drain_timeout: Duration) -> Rules {
    Rules {
        role: match listener.role {
            Role::Master => session::Role::Master,
            Role::Replica => session::Role::Replica,
        },
        pool: match listener.pool {
            Pool::Shared => session::Pool::Shared,
            Pool::Session => session::Pool::Session,
        },
        share_from: usize::try_from(listener.share_from).unwrap_or(usize::MAX),
        balance: match listener.balance {
            Balance::RoundRobin => session::Balance::RoundRobin,
            Balance::LeastConnections => session::Balance::LeastConnections,
            Balance::Latency => session::Balance::Latency,
        },
        hold: listener.hold,
        hold_bytes: usize::try_from(listener.hold_bytes).unwrap_or(usize::MAX),
        fallback_to_master: listener.fallback == Fallback::Master,
        max_lag: group.replica_max_lag,
        connect_timeout: listener.connect_timeout,
        on_unknown: match listener.on_unknown {
            OnUnknown::Close => session::OnUnknown::Close,
            OnUnknown::Error => session::OnUnknown::Error,
        },
        drain_timeout,
    }
}

/// `file:line:column`: unique, and where one has to look.
fn name(config: &Config, listener: &config::Listener) -> String {
    format!("{}:{}", config.file_name, listener.defined_at)
}

fn explain(config: &Config, failed: &StartFailed) -> Failure {
    let StartFailed { what, listener, source } = failed;
    let at_fault = listener
        .as_ref()
        .and_then(|(failed, at)| config.listeners.iter().find(|l| name(config, l) == *failed).map(|l| (l, at)));
    match at_fault {
        Some((listener, at)) => {
            let what = format!("the {} listener of group {}, [[listener]] listen,", listener.role, listener.group);
            let (file, place) = (&config.file_name, listener.defined_at);
            match at {
                Endpoint::Tcp(addr) => bind::refused(&what, *addr, file, place, source),
                Endpoint::Unix(socket) => bind::refused_path(&what, &socket.path, file, place, source),
            }
        }
        None => Failure::host(format!(
            "the proxy could not {what}: {source}. Nothing was started. What to do: see that there are enough file descriptors and \
             threads (ulimit -n, ulimit -u)"
        )),
    }
}

/// How long sessions may take to get what they are owed when the node stops.
const DRAIN: Duration = Duration::from_secs(1);
