//! Where do views go? From their source to the proxy, by group, each dressed with what an operator wants of single servers.
//!
//! ```text
//!   node loop, other sources ── publish ──> feed of the group ── dressed ──> watch ──> listeners of the group
//!                                              ▲
//!   `standfast server`, the file's weights ────┘ (kept in servers.json)
//! ```

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use config::{Config, Origin};
use host::Store;
use tokio::sync::watch;
use view::{Epoch, GroupName, Phase, View};

use crate::failure::Failure;
use crate::overlay::{Order, Overlay, Standing, Wish};

/// The feeds of all groups. Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Feeds {
    shelf: Arc<Mutex<Shelf>>,
    /// Held while wishes are written: the last one to be obeyed is the last one to be written.
    saving: Arc<Mutex<()>>,
}

#[derive(Default)]
struct Shelf {
    feeds: BTreeMap<GroupName, Feed>,
    /// Where wishes survive a restart.
    store: Option<Arc<Store>>,
    /// Wishes about groups that were not there yet.
    early: Wishes,
}

/// What is wanted of servers, by group: the content of the file.
type Wishes = BTreeMap<GroupName, BTreeMap<SocketAddr, Wish>>;

struct Feed {
    /// As its source told it.
    told: View,
    overlay: Overlay,
    /// Its source counts epochs anew at each start.
    counts_anew: bool,
    /// What is wanted was said in epochs of before, and no master is known yet.
    is_unsettled: bool,
    out: watch::Sender<Arc<View>>,
    /// The same undressed, as its source told it.
    truth: watch::Sender<Arc<View>>,
}

impl Feeds {
    /// A feed for each group of the file.
    pub(crate) fn of(config: &Config) -> Self {
        let feeds = Self::default();
        config.groups.iter().for_each(|group| feeds.add(group));
        feeds
    }

    /// A feed for a group. Before its source has spoken, the master of the file is only a rumour: requests wait. One that is there
    /// stays, with the file's weights.
    pub(crate) fn add(&self, group: &config::Group) {
        let mut shelf = self.shelf();
        let name = GroupName::from(group.name.as_str());
        if let Some(feed) = shelf.feeds.get_mut(&name) {
            feed.overlay.weights.clone_from(&group.weights);
            return feed.refresh();
        }
        let told = View {
            group: name.clone(),
            epoch: Epoch(0),
            phase: Phase::Switching,
            master: group.master,
            replicas: Vec::new(),
        };
        let wishes = shelf.early.remove(&name).unwrap_or_default();
        let overlay = Overlay { weights: group.weights.clone(), wishes };
        let out = watch::Sender::new(Arc::new(overlay.dress(&told)));
        let counts_anew = group.origin != Origin::Monitor;
        let is_unsettled = counts_anew && !overlay.wishes.is_empty();
        let truth = watch::Sender::new(Arc::new(told.clone()));
        shelf.feeds.insert(name, Feed { told, overlay, counts_anew, is_unsettled, out, truth });
    }

    /// All views as listeners see them.
    pub(crate) fn dressed(&self) -> Vec<Arc<View>> {
        self.shelf().feeds.values().map(|feed| feed.out.borrow().clone()).collect()
    }

    /// Takes a view that another process has dressed already.
    pub(crate) fn relay(&self, view: View) {
        if let Some(feed) = self.shelf().feeds.get(&view.group) {
            feed.out.send_replace(Arc::new(view));
        }
    }

    /// Ends a feed: whoever reads it keeps the last view.
    pub(crate) fn remove(&self, group: &GroupName) {
        self.shelf().feeds.remove(group);
    }

    /// Keeps wishes in the state directory from now on, and takes up those that are there. What cannot be read is as good as not
    /// wanted: it is said, and nothing else is affected.
    pub(crate) fn remember(&self, store: Arc<Store>) {
        let wishes = load(&store);
        let mut shelf = self.shelf();
        shelf.store = Some(store);
        for (name, wishes) in wishes {
            match shelf.feeds.get_mut(&name) {
                Some(feed) => {
                    feed.overlay.wishes = wishes;
                    feed.is_unsettled = feed.counts_anew;
                    feed.refresh();
                }
                None => drop(shelf.early.insert(name, wishes)),
            }
        }
    }

    /// The views of a group as its listeners shall see them.
    pub(crate) fn subscribe(&self, group: &GroupName) -> Option<watch::Receiver<Arc<View>>> {
        self.shelf().feeds.get(group).map(|feed| feed.out.subscribe())
    }

    /// The views of a group as its source tells them.
    pub(crate) fn truth(&self, group: &GroupName) -> Option<watch::Receiver<Arc<View>>> {
        self.shelf().feeds.get(group).map(|feed| feed.truth.subscribe())
    }

    /// Takes a view from its source. `false`: nobody reads of this group.
    pub(crate) fn publish(&self, view: View) -> bool {
        let mut shelf = self.shelf();
        let Some(feed) = shelf.feeds.get_mut(&view.group) else { return false };
        feed.told = view;
        feed.truth.send_replace(Arc::new(feed.told.clone()));
        let has_master = feed.told.writable().is_some();
        if has_master && std::mem::take(&mut feed.is_unsettled) {
            feed.overlay.settle(&feed.told);
        }
        let has_ended = has_master && feed.overlay.end_holds(&feed.told);
        feed.refresh();
        drop(shelf);
        if has_ended {
            self.write_later();
        }
        true
    }

    /// Writes what is wanted without waiting for the disk. Otherwise the next process would hold a server that is master once more.
    fn write_later(&self) {
        let feeds = self.clone();
        let write = move || {
            let _saving = feeds.saving.lock().unwrap_or_else(PoisonError::into_inner);
            let (wishes, store) = {
                let shelf = feeds.shelf();
                (shelf.wishes(), shelf.store.clone())
            };
            if let Err(why) = save(store.as_deref(), &wishes) {
                tracing::warn!("that a server is held no longer cannot be written down: {why}");
            }
        };
        if let Err(error) = std::thread::Builder::new().name("wishes".to_owned()).spawn(write) {
            tracing::warn!(%error, "that a server is held no longer cannot be written down");
        }
    }

    /// The epoch of a group's master; zero where nothing is known.
    pub(crate) fn epoch(&self, group: &GroupName) -> Epoch {
        self.shelf().feeds.get(group).map_or(Epoch(0), |feed| feed.told.epoch)
    }

    /// Does what an operator wants of a server, and tells how it stands then. Waits for the disk. The refusal is for people.
    pub(crate) fn obey(&self, group: &GroupName, addr: SocketAddr, order: Order) -> Result<Obeyed, String> {
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shelf = self.shelf();
        let unknown = Failure::no_group(group.as_str(), shelf.feeds.keys());
        let feed = shelf.feeds.get_mut(group).ok_or(unknown)?;
        feed.overlay.obey(&feed.told, addr, order)?;
        feed.refresh();
        let standing = feed.overlay.standings(&feed.told).into_iter().find(|standing| standing.addr == addr);
        let (wishes, store) = (shelf.wishes(), shelf.store.clone());
        drop(shelf);
        Ok(Obeyed { standing, kept: save(store.as_deref(), &wishes) })
    }

    /// How every server of every group stands.
    pub(crate) fn standings(&self) -> BTreeMap<GroupName, Vec<Standing>> {
        let shelf = self.shelf();
        shelf.feeds.iter().map(|(name, feed)| (name.clone(), feed.overlay.standings(&feed.told))).collect()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of an order.
pub(crate) struct Obeyed {
    /// `None`: the server is gone, and nothing is wanted of it any more.
    pub(crate) standing: Option<Standing>,
    /// Whether the next start knows of it, or why not.
    pub(crate) kept: Result<(), String>,
}

impl Feed {
    fn refresh(&self) {
        let dressed = self.overlay.dress(&self.told);
        self.out.send_if_modified(|view| {
            let is_new = **view != dressed;
            if is_new {
                *view = Arc::new(dressed);
            }
            is_new
        });
    }
}

impl Shelf {
    fn wishes(&self) -> Wishes {
        let mut all = self.early.clone();
        let wanted = self.feeds.iter().filter(|(_, feed)| !feed.overlay.wishes.is_empty());
        all.extend(wanted.map(|(name, feed)| (name.clone(), feed.overlay.wishes.clone())));
        all
    }
}

fn save(store: Option<&Store>, wishes: &Wishes) -> Result<(), String> {
    let store = store.ok_or("this node has no state directory")?;
    let text = serde_json::to_vec_pretty(wishes).map_err(|e| e.to_string())?;
    store.save(FILE, &text).map_err(|e| e.to_string())
}

fn load(store: &Store) -> Wishes {
    let read = store.load(FILE).map_err(|e| e.to_string());
    let wishes = read.and_then(|bytes| match bytes {
        Some(bytes) => serde_json::from_slice(&bytes).map_err(|e| format!("{}: {e}", store.dir().join(FILE).display())),
        None => Ok(Wishes::default()),
    });
    wishes.unwrap_or_else(|e| {
        tracing::warn!("what was wanted of servers before (`standfast server`) cannot be read: {e}. All are ready, with the file's weights");
        Wishes::default()
    })
}

const FILE: &str = "servers.json";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::State;

    fn wait_until(mut so: impl FnMut() -> bool) {
        let until = host::clock::now() + std::time::Duration::from_secs(30);
        while !so() {
            assert!(host::clock::now() < until, "waited for 30 s");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }

    #[test]
    fn a_master_that_was_held_by_force_is_held_by_the_next_process_whatever_its_epochs() {
        let text = "[[group]]\nname = \"cache\"\nsource = \"probe\"\nservers = [\"10.0.0.1:1\", \"10.0.0.1:2\"]\n";
        let config = config::parse("f", text).unwrap();
        let group = GroupName::from("cache");
        let addr = |port| SocketAddr::from(([10, 0, 0, 1], port));
        let steady = |epoch, port| {
            let (epoch, master) = (Epoch(epoch), addr(port));
            View { group: "cache".into(), epoch, phase: Phase::Steady, master, replicas: Vec::new() }
        };
        let dir = std::env::temp_dir().join(format!("standfast-feeds-held-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let start = || {
            let feeds = Feeds::of(&config);
            // Whoever writes down the end of a wish may still have the lock.
            let mut store = None;
            wait_until(|| {
                store = Store::open(&dir).ok();
                store.is_some()
            });
            feeds.remember(Arc::new(store.unwrap()));
            let reader = feeds.subscribe(&group).unwrap();
            (feeds, reader)
        };
        let (first, _) = start();
        assert!(first.publish(steady(4, 1)));
        first.obey(&group, addr(1), Order::Be { state: State::Drain, force: true }).unwrap();
        drop(first);
        let (second, reader) = start();
        assert!(second.publish(steady(1, 1)));
        assert_eq!(reader.borrow().writable(), None, "it is the same master");
        assert!(second.publish(steady(2, 2)));
        assert_eq!(reader.borrow().writable(), Some(addr(2)));
        wait_until(|| !std::fs::read_to_string(dir.join(FILE)).unwrap().contains("holds"));
        drop((second, reader));
        let (third, reader) = start();
        assert!(third.publish(steady(4, 1)));
        assert_eq!(reader.borrow().writable(), Some(addr(1)), "the wish ended with the change of master");
        std::fs::remove_dir_all(&dir).unwrap();
    }

    fn config() -> Config {
        let text = "[node]\nlisten = \"127.0.0.1:26379\"\n[[group]]\nname = \"cache\"\nmaster = \"10.0.0.1:1\"\n";
        config::parse("f", text).unwrap()
    }

    #[test]
    fn what_is_wanted_survives_a_restart_and_reaches_readers_at_once() {
        let dir = std::env::temp_dir().join(format!("standfast-feeds-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let group = GroupName::from("cache");
        let master = SocketAddr::from(([10, 0, 0, 1], 1));
        let force = Order::Be { state: State::Maintenance, force: true };
        {
            let feeds = Feeds::of(&config());
            feeds.remember(Arc::new(Store::open(&dir).unwrap()));
            let reader = feeds.subscribe(&group).unwrap();
            let steady = View { phase: Phase::Steady, ..(**reader.borrow()).clone() };
            assert!(feeds.publish(steady));
            assert!(reader.borrow().writable().is_some());
            let obeyed = feeds.obey(&group, master, force).unwrap();
            assert_eq!((obeyed.kept, obeyed.standing.unwrap().holds), (Ok(()), true));
            assert!(reader.borrow().writable().is_none());
            assert!(feeds.obey(&"other".into(), master, force).is_err());
        }
        let feeds = Feeds::of(&config());
        feeds.remember(Arc::new(Store::open(&dir).unwrap()));
        assert_eq!(feeds.standings()[&group][0].state, State::Maintenance);
        feeds.remove(&group);
        assert!(!feeds.publish(View { group, epoch: Epoch(0), phase: Phase::Lost, master, replicas: Vec::new() }));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
