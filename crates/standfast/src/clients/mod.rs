//! How does no client stall when an address moves? Nodes tell each other beforehand whom they serve at it.
//!
//! ```text
//!   kernel ── who is connected? ──> own ──> partner ══ Sentinel port ══> serve ──> store      (on each of them, both ways)
//!   proxy ─── somebody has come ─────^         │                                    │
//!                       does not answer: PartnerLost                 Tickle ──> tickles ──> clients of the one that is gone
//! ```
//!
//! Whoever takes the address over says something in the name of each connection that others served (`host::tickle`); the client's kernel
//! answers, and is reset. All of it is on a thread of its own, beside what must not wait.
//!
//! | module | answers |
//! |---|---|
//! | [`look`] | when is the kernel asked who is connected? |
//! | [`own`] | whom does this host serve, and what of that is news? |
//! | [`partner`] | how is another node told, and when is it lost? |
//! | [`words`] | in which words? |
//! | [`store`] | whom do others serve? |
//! | [`tickles`] | how do their clients learn that the host is another one? |

mod look;
mod own;
mod partner;
mod store;
mod tickles;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use host::HostRefused;
use host::netlink::connections::{Connection, Connections};
use proxy::Arrival;
use resp::Value;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{AbortHandle, spawn};
use tokio::time::{MissedTickBehavior, interval};

use crate::link::Ways;
use crate::node_loop::Node;
use crate::traffic::Traffic;
use own::Own;
use partner::Partner;
use store::Store;
pub(crate) use words::COMMAND;
use words::{Message, RESEND, STRANGER, Teller, Welcome};

/// Whom others serve, and who serves whom here. Does nothing until it is started. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct Clients(Arc<OnceLock<Running>>);

/// What it needs to run.
#[derive(Clone)]
pub(crate) struct Needs {
    /// What the node calls itself.
    pub(crate) name: String,
    /// Knows the other nodes.
    pub(crate) node: Node,
    /// How other nodes are connected to.
    pub(crate) ways: Ways,
    /// The proxy whose clients are reset when their address leaves.
    pub(crate) traffic: Traffic,
}

/// How it goes, in numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ClientsStatus {
    /// Nodes that answer, and want to be told of clients here.
    pub(crate) partners: usize,
    /// The nodes that share addresses with us, as they tell; those that fell silent less than a minute ago, too.
    #[serde(default)]
    pub(crate) others: Vec<OtherNode>,
    /// Clients of others, at addresses that may come here; those of a node that is gone for a while, too.
    pub(crate) served_elsewhere: usize,
    /// Clients of ours of whom others are not told: there are more than 20,000 at one address.
    pub(crate) untold: usize,
    /// What was sent in the names of others.
    pub(crate) tickles: u64,
    /// What of it could not be sent.
    pub(crate) not_sent: u64,
    /// Commands of other nodes that made no sense.
    pub(crate) garbage: u64,
    /// What came from hosts that are no partners, to a port without a password.
    #[serde(default)]
    pub(crate) refused: u64,
    /// Orders and events that found no room.
    pub(crate) dropped: u64,
}

/// Another node that may hold addresses of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OtherNode {
    pub(crate) name: String,
    /// A node that lives says something every 0.2 s.
    pub(crate) heard_ms_ago: u64,
    /// Which of them it may hold.
    pub(crate) shares: Vec<IpAddr>,
    /// Which of them were on its host when it was last heard.
    pub(crate) holds: Vec<IpAddr>,
}

/// An address that may move, and between whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watched {
    /// What it is called.
    pub(crate) address: String,
    pub(crate) ips: Vec<IpAddr>,
    /// The Sentinel ports of the other nodes that may hold it; `None`: of all that are known of the groups.
    pub(crate) partners: Option<Vec<SocketAddr>>,
}

struct Running {
    shared: Arc<Shared>,
    orders: mpsc::Sender<Order>,
    /// How the proxy tells whom it has let in.
    arrivals: mpsc::Sender<Arrival>,
    /// `None`: it is over, and the proxy ends when its owner wants it to.
    traffic: Mutex<Option<Traffic>>,
    /// What is asked when an address leaves.
    kernel: Mutex<Kernel>,
}

/// The kernel's list of connections, once it was wanted: it stays open, because addresses leave one after the other.
#[derive(Default)]
struct Kernel(Option<Connections>);

impl Kernel {
    fn or_open(&mut self) -> Result<&mut Connections, HostRefused> {
        match &mut self.0 {
            Some(kernel) => Ok(kernel),
            none => Ok(none.insert(Connections::open()?)),
        }
    }
}

enum Order {
    Watch(Vec<Watched>),
    Tickle(tickles::Errand),
    End,
}

/// What the parts of it share.
struct Shared {
    /// This process.
    teller: Teller,
    own: Mutex<Own>,
    /// Counts what is news.
    news: watch::Sender<u64>,
    store: Mutex<Store>,
    watched: Mutex<Vec<Watched>>,
    /// From where we are told of clients, if the port asks for no password.
    hosts: Mutex<BTreeSet<IpAddr>>,
    /// When it was last said that somebody else was not listened to.
    refused_at: Mutex<Option<machine::Instant>>,
    /// Partners that want to be told something.
    audience: AtomicUsize,
    /// Rung when there is one.
    came: Notify,
    inbox: mpsc::Sender<node::Event>,
    counters: Counters,
}

/// See [`ClientsStatus`].
#[derive(Debug, Default)]
struct Counters {
    tickles: AtomicU64,
    not_sent: AtomicU64,
    garbage: AtomicU64,
    refused: AtomicU64,
    dropped: AtomicU64,
}

impl Clients {
    /// Begins. Once. `inbox`: who is to hear of partners that are lost.
    ///
    /// # Errors
    /// No thread can be made.
    pub(crate) fn start(&self, needs: Needs, inbox: mpsc::Sender<node::Event>) -> std::io::Result<()> {
        let Needs { name, node, ways, traffic } = needs;
        let life = format!("{:016x}", host::random::seed());
        let shared = Arc::new(Shared {
            teller: Teller { name, life },
            own: Mutex::default(),
            news: watch::Sender::new(0),
            store: Mutex::default(),
            watched: Mutex::default(),
            hosts: Mutex::default(),
            refused_at: Mutex::default(),
            audience: AtomicUsize::new(0),
            came: Notify::new(),
            inbox,
            counters: Counters::default(),
        });
        let (orders, taken) = mpsc::channel(MAX_ORDERS);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (arrivals, told) = mpsc::channel(MAX_ARRIVALS);
        let office = Office { shared: shared.clone(), node, ways, partners: BTreeMap::new() };
        let run = move || runtime.block_on(office.run(taken, told));
        std::thread::Builder::new().name("clients".to_owned()).spawn(run)?;
        let _ = self.0.set(Running {
            shared,
            orders,
            arrivals,
            traffic: Mutex::new(Some(traffic)),
            kernel: Mutex::default(),
        });
        Ok(())
    }

    /// These are the addresses from now on.
    pub(crate) fn watch(&self, watched: Vec<Watched>) {
        let Some(running) = self.0.get() else { return };
        let ips: BTreeSet<IpAddr> = watched.iter().flat_map(|watched| watched.ips.clone()).collect();
        let ips: Vec<IpAddr> = ips.into_iter().collect();
        let hears =
            lock(&running.traffic).as_ref().is_none_or(|traffic| traffic.tell_of_arrivals(&ips, &running.arrivals));
        if !hears {
            tracing::debug!(
                "the proxy is too busy to be told of whom to tell: the kernel tells of its clients alone, and later"
            );
        }
        self.order(|| Order::Watch(watched));
    }

    /// Makes those find out that others served at this address: once. Does not wait for it.
    pub(crate) fn tickle(&self, address: &str, ips: &[IpAddr]) {
        self.order(|| Order::Tickle(tickles::Errand { address: address.to_owned(), ips: ips.to_vec() }));
    }

    /// Resets whoever is connected to these, while they are still here. What takes longer than a moment is left to whoever takes over. Many
    /// addresses at once take as long as one.
    pub(crate) fn cut(&self, ips: &[IpAddr]) {
        let Some(running) = self.0.get() else { return };
        let mut kernel = lock(&running.kernel);
        // Should nothing reach them any more, since the address has gone already, others must know of them.
        let looked = kernel.or_open().and_then(|kernel| look::once(kernel, &running.shared, ips));
        let cut = lock(&running.traffic).as_ref().map(|traffic| traffic.cut(ips, CUT));
        // Others may serve clients there, too: Redis itself, or a process before this one.
        let reset = looked.and_then(|there| kernel.or_open()?.reset(there, CUT));
        match reset {
            Ok(others) => tracing::debug!(?ips, ?cut, others, "clients of addresses that leave were reset"),
            Err(e) => {
                kernel.0 = None;
                tracing::debug!(?ips, ?cut, "clients that are not the proxy's are left to whoever takes over: {e}");
            }
        }
    }

    /// Tells nobody anything any more: the node ends, or another process has its place.
    pub(crate) fn end(&self) {
        self.order(|| Order::End);
        if let Some(running) = self.0.get() {
            lock(&running.traffic).take();
        }
    }

    /// Whether it was started.
    pub(crate) fn are_watched(&self) -> bool {
        self.0.get().is_some()
    }

    /// How it goes. `None`: it was not started.
    pub(crate) fn status(&self) -> Option<ClientsStatus> {
        let shared = &self.0.get()?.shared;
        let Counters { tickles, not_sent, garbage, refused, dropped } = &shared.counters;
        let [tickles, not_sent, garbage, refused, dropped] =
            [tickles, not_sent, garbage, refused, dropped].map(|counter| counter.load(Ordering::Relaxed));
        let (others, served_elsewhere) = {
            let store = shared.store();
            (store.others(host::clock::now()), store.served())
        };
        let partners = shared.audience.load(Ordering::Relaxed);
        let untold = shared.own().untold();
        Some(ClientsStatus { partners, others, served_elsewhere, untold, tickles, not_sent, garbage, refused, dropped })
    }

    /// Answers another node. `anybody`: where who asks is connected from, if he needed no password. `None`: there is no such command here.
    pub(crate) fn answer(&self, words: &[Vec<u8>], anybody: Option<&str>) -> Option<Value> {
        let shared = &self.0.get()?.shared;
        if let Some(from) = anybody
            && let Some(refusal) = shared.refuse(from)
        {
            return Some(refusal);
        }
        let message = match Message::read(words) {
            Ok(message) => message,
            Err(why) => {
                shared.counters.garbage.fetch_add(1, Ordering::Relaxed);
                return Some(Value::Error(format!("ERR {COMMAND}: {why}").into_bytes()));
            }
        };
        let (name, step) = (message.teller.name.clone(), message.step);
        let mut store = shared.store();
        Some(match store.take(host::clock::now(), message) {
            Ok(_) if step == 0 => Welcome { teller: shared.teller.clone(), cares_for: store.cares_for() }.to_value(),
            Ok(let_go) => {
                drop(store);
                shared.lost(&let_go, &name);
                Value::Simple(b"OK".to_vec())
            }
            Err(store::Missed) => Value::Error(format!("{RESEND} begin with 0").into_bytes()),
        })
    }

    fn order(&self, order: impl FnOnce() -> Order) {
        let Some(running) = self.0.get() else { return };
        if running.orders.try_send(order()).is_err() {
            running.shared.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Shared {
    /// Somebody waits in vain for this node at these.
    fn lost(&self, ips: &[IpAddr], node: &str) {
        if ips.is_empty() {
            return;
        }
        let concerned: Vec<String> = {
            let watched = lock(&self.watched);
            let concerned = watched.iter().filter(|watched| watched.ips.iter().any(|ip| ips.contains(ip)));
            concerned.map(|watched| watched.address.clone()).collect()
        };
        for address in concerned {
            // Who has no room for it is about to look after its addresses anyway.
            if self.inbox.try_send(node::Event::PartnerLost { address, node: node.to_owned() }).is_err() {
                self.counters.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Whoever could make up clients would have packets sent in their names. So a port that lets anybody in listens to hosts alone that are known
    /// for partners.
    fn refuse(&self, from: &str) -> Option<Value> {
        let ip = from.parse::<SocketAddr>().ok().map(|from| from.ip().to_canonical());
        if ip.is_some_and(|ip| lock(&self.hosts).contains(&ip)) {
            return None;
        }
        let times = self.counters.refused.fetch_add(1, Ordering::Relaxed) + 1;
        let now = host::clock::now();
        let mut said = lock(&self.refused_at);
        if said.is_none_or(|at| now.since(at) >= SAY_AGAIN) {
            *said = Some(now);
            tracing::warn!(
                from,
                times,
                "clients were told of by a host that is no partner, and nobody listened. If it is one, name in `partners` the address that it speaks \
                 from, too"
            );
        }
        Some(Value::Error(format!("{STRANGER} this node knows no partner at {from}").into_bytes()))
    }

    fn own(&self) -> MutexGuard<'_, Own> {
        lock(&self.own)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread's own.
struct Office {
    shared: Arc<Shared>,
    node: Node,
    ways: Ways,
    /// Those that are told, and what they may be told of.
    partners: BTreeMap<SocketAddr, (watch::Sender<BTreeSet<IpAddr>>, AbortHandle)>,
}

impl Office {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>, mut arrivals: mpsc::Receiver<Arrival>) {
        let ips = watch::Sender::new(Vec::new());
        spawn(look::go_on(self.shared.clone(), ips.subscribe()));
        let (errands, taken) = mpsc::channel(MAX_ORDERS);
        spawn(tickles::run(self.shared.clone(), taken));
        let mut refresh = interval(REFRESH);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Among all that happens to a node is that it hears of another one.
        let mut changed = self.node.changed();
        let mut is_soon = false;
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Watch(watched)) => {
                        ips.send_replace(self.watch(watched));
                        self.meet().await;
                    }
                    Some(Order::Tickle(errand)) => if errands.try_send(errand).is_err() {
                        self.shared.counters.dropped.fetch_add(1, Ordering::Relaxed);
                    }
                    Some(Order::End) | None => return,
                },
                Some(arrival) = arrivals.recv() => self.came(arrival, &mut arrivals),
                Ok(()) = changed.changed(), if !is_soon => {
                    is_soon = true;
                    refresh.reset_after(SOON);
                }
                _ = refresh.tick() => {
                    is_soon = false;
                    self.meet().await;
                }
            }
        }
    }

    /// The proxy has let somebody in, and perhaps others since.
    fn came(&self, first: Arrival, more: &mut mpsc::Receiver<Arrival>) {
        if self.shared.audience.load(Ordering::Relaxed) == 0 {
            return;
        }
        let more = std::iter::from_fn(|| more.try_recv().ok()).take(MAX_ARRIVALS);
        for Arrival { at, client } in std::iter::once(first).chain(more) {
            self.shared.own().came(Connection { at, client });
        }
        look::tell(&self.shared);
    }

    /// All addresses that matter.
    fn watch(&self, watched: Vec<Watched>) -> Vec<IpAddr> {
        let ips: BTreeSet<IpAddr> = watched.iter().flat_map(|watched| watched.ips.clone()).collect();
        let all: Vec<IpAddr> = ips.iter().copied().collect();
        self.shared.own().keep(&all);
        self.shared.store().care_for(ips);
        *lock(&self.shared.watched) = watched;
        all
    }

    /// Has a connection to each partner, and to nobody else.
    async fn meet(&mut self) {
        let watched = lock(&self.shared.watched).clone();
        let known = known(&self.node).await;
        let mut wanted = BTreeMap::<SocketAddr, BTreeSet<IpAddr>>::new();
        let named: BTreeSet<SocketAddr> =
            watched.iter().flat_map(|watched| watched.partners.clone()).flatten().collect();
        // An address that moves may be what its holder speaks from.
        let moving = watched.iter().flat_map(|watched| watched.ips.clone());
        let hosts = known.iter().chain(&named).map(SocketAddr::ip).chain(moving);
        *lock(&self.shared.hosts) = hosts.map(|ip| ip.to_canonical()).collect();
        for Watched { ips, partners, .. } in watched {
            let partners = partners.map_or_else(|| known.clone(), BTreeSet::from_iter);
            for partner in partners {
                wanted.entry(partner).or_default().extend(&ips);
            }
        }
        self.partners.retain(|addr, (_, task)| {
            let stays = wanted.contains_key(addr);
            if !stays {
                task.abort();
            }
            stays
        });
        for (addr, ips) in wanted.into_iter().take(MAX_PARTNERS) {
            match self.partners.get(&addr) {
                Some((offer, _)) => {
                    offer.send_if_modified(|offer| {
                        let is_new = *offer != ips;
                        if is_new {
                            *offer = ips;
                        }
                        is_new
                    });
                }
                None => {
                    let (offer, offered) = watch::channel(ips);
                    let is_named = named.contains(&addr);
                    let partner = Partner::new(addr, self.shared.clone(), self.ways.clone(), offered, is_named);
                    self.partners.insert(addr, (offer, spawn(partner.keep()).abort_handle()));
                }
            }
        }
    }
}

/// The other nodes of all groups.
async fn known(node: &Node) -> BTreeSet<SocketAddr> {
    let peers = |machine: &sentinel::Sentinel, _| {
        let groups = machine.state().groups.into_values();
        groups.flat_map(|group| group.peers.into_iter().map(|peer| peer.addr)).collect()
    };
    node.look(peers).await.unwrap_or_default()
}

/// How long each of the two ways to reset clients may take: an address that has to leave waits for it.
const CUT: Duration = Duration::from_millis(25);
/// How often it is looked whether there are other nodes ...
const REFRESH: Duration = Duration::from_secs(1);
/// ... and how soon after something happened, which may be one of many things at once.
const SOON: Duration = Duration::from_millis(20);
/// Orders on their way. A round of tickles that finds no room is repeated by whoever ordered it.
const MAX_ORDERS: usize = 256;
/// Clients that came at once, or while this thread was busy. Those beyond are in the kernel's list.
const MAX_ARRIVALS: usize = 1_024;
/// Between two lines about strangers.
const SAY_AGAIN: Duration = Duration::from_mins(1);
/// Nodes that are told. More than those share no address.
const MAX_PARTNERS: usize = 16;

#[cfg(test)]
mod tests;
