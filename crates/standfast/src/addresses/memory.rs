//! What did an operator want of addresses before the last restart? Those that shall not be here, in the state directory. Without one, and
//! where the disk refused, a process that takes our place is told.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use host::Store;
use node::event::Wish;

/// The names of addresses that were released. Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub(super) struct Memory {
    wishes: Arc<Mutex<Wishes>>,
    /// Held while they are written: the last wish is the last one on the disk.
    saving: Arc<Mutex<()>>,
    /// `None`: this node keeps no state.
    store: Option<Arc<Store>>,
}

struct Wishes {
    released: BTreeSet<String>,
    /// Whether the next start will know of them.
    is_kept: bool,
}

impl Default for Wishes {
    fn default() -> Self {
        Self { released: BTreeSet::new(), is_kept: true }
    }
}

impl Memory {
    /// What is in the directory. What cannot be read is as good as not wanted, and said.
    pub(super) fn of(store: Option<Arc<Store>>) -> Self {
        let released = store.as_deref().map(load).unwrap_or_default();
        let wishes = Wishes { released, is_kept: true };
        Self { wishes: Arc::new(Mutex::new(wishes)), saving: Arc::default(), store }
    }

    /// Those that shall not be here.
    pub(super) fn released(&self) -> BTreeSet<String> {
        self.lock().released.clone()
    }

    /// The same, if the next start would not know of them.
    pub(super) fn forgotten_at_the_end(&self) -> Option<BTreeSet<String>> {
        let wishes = self.lock();
        (!wishes.is_kept).then(|| wishes.released.clone())
    }

    /// What the process whose place we take could not write down. Waits for the disk.
    pub(super) fn inherit(&self, released: BTreeSet<String>) {
        *self.lock() = Wishes { released, is_kept: false };
        if let Err(why) = self.save() {
            tracing::warn!(
                "which addresses were released (`standfast address release`) is forgotten when this node ends: {why}"
            );
        }
    }

    /// Keeps what is wanted. Waits for the disk.
    ///
    /// # Errors
    /// Why the next start will not know of it.
    pub(super) fn keep(&self, address: &str, wish: Wish) -> Result<(), String> {
        let mut wishes = self.lock();
        let is_new = match wish {
            Wish::Release => wishes.released.insert(address.to_owned()),
            Wish::Take => wishes.released.remove(address),
            Wish::Preempt => return Ok(()),
        };
        wishes.is_kept &= !is_new;
        let is_kept = wishes.is_kept;
        drop(wishes);
        if is_kept { Ok(()) } else { self.save() }
    }

    /// Addresses are called otherwise: who was released stays so. In a runtime of Tokio; does not wait for the disk.
    pub(super) fn rename(&self, renames: &[(String, String)]) {
        let mut wishes = self.lock();
        let mut is_new = false;
        for (before, after) in renames {
            if wishes.released.remove(before) {
                is_new = true;
                wishes.released.insert(after.clone());
            }
        }
        wishes.is_kept &= !is_new;
        drop(wishes);
        if is_new {
            let memory = self.clone();
            tokio::task::spawn_blocking(move || {
                if let Err(why) = memory.save() {
                    tracing::warn!("that a released address has another name is forgotten when this node ends: {why}");
                }
            });
        }
    }

    fn save(&self) -> Result<(), String> {
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let released = self.released();
        let Some(store) = self.store.as_deref() else {
            // Nothing is what a start begins with.
            self.lock().is_kept = released.is_empty();
            let why = "there is no state directory that could be used: see `state-dir` in [node]";
            return if released.is_empty() { Ok(()) } else { Err(why.to_owned()) };
        };
        let text = serde_json::to_vec_pretty(&released).map_err(|e| e.to_string())?;
        store.save(FILE, &text).map_err(|e| e.to_string())?;
        let mut wishes = self.lock();
        // Another wish may have come meanwhile, and is saved next.
        wishes.is_kept = wishes.released == released;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn load(store: &Store) -> BTreeSet<String> {
    let read = store.load(FILE).map_err(|e| e.to_string());
    let released = read.and_then(|bytes| match bytes {
        Some(bytes) => serde_json::from_slice(&bytes).map_err(|e| format!("{}: {e}", store.dir().join(FILE).display())),
        None => Ok(BTreeSet::new()),
    });
    released.unwrap_or_else(|e| {
        tracing::warn!("which addresses were released (`standfast address release`) cannot be read: {e}. None is");
        BTreeSet::new()
    })
}

const FILE: &str = "released-addresses.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_released_address_is_released_after_a_restart_until_it_is_taken() {
        let dir = std::env::temp_dir().join(format!("standfast-released-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let open = || Memory::of(Some(Arc::new(Store::open(&dir).unwrap())));
        let memory = open();
        memory.keep("vip", Wish::Release).unwrap();
        memory.keep("other", Wish::Preempt).unwrap();
        drop(memory);
        let memory = open();
        assert_eq!(memory.released(), BTreeSet::from(["vip".to_owned()]));
        memory.keep("vip", Wish::Take).unwrap();
        drop(memory);
        assert!(open().released().is_empty());
        std::fs::write(dir.join(FILE), "nonsense").unwrap();
        assert!(open().released().is_empty());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[tokio::test]
    async fn a_released_address_that_is_called_otherwise_stays_released_on_the_disk_too() {
        let dir = std::env::temp_dir().join(format!("standfast-renamed-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let store = Arc::new(Store::open(&dir).unwrap());
        let memory = Memory::of(Some(store.clone()));
        memory.keep("vip", Wish::Release).unwrap();
        memory.rename(&[("other".to_owned(), "x".to_owned()), ("vip".to_owned(), "address".to_owned())]);
        assert_eq!(memory.released(), BTreeSet::from(["address".to_owned()]));
        let until = host::clock::now() + std::time::Duration::from_secs(30);
        while !Memory::of(Some(store.clone())).released().contains("address") {
            assert!(host::clock::now() < until, "it is written within 30 s");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn without_a_directory_it_is_obeyed_and_said_to_be_forgotten() {
        let memory = Memory::default();
        assert_eq!(memory.forgotten_at_the_end(), None);
        for _ in 0..2 {
            assert!(memory.keep("vip", Wish::Release).is_err(), "said each time");
        }
        assert!(memory.released().contains("vip"));
        let successor = Memory::default();
        successor.inherit(memory.forgotten_at_the_end().unwrap());
        assert!(successor.released().contains("vip"));
        assert!(successor.forgotten_at_the_end().is_some(), "for the next one");
        successor.keep("vip", Wish::Take).unwrap();
        assert_eq!(successor.forgotten_at_the_end(), None);
    }

    #[test]
    fn what_the_disk_refused_is_kept_by_who_takes_the_place_if_it_can() {
        let dir = std::env::temp_dir().join(format!("standfast-refused-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        let store = Arc::new(Store::open(&dir).unwrap());
        std::fs::create_dir(dir.join(FILE)).unwrap();
        let memory = Memory { store: Some(store.clone()), ..Memory::default() };
        assert!(memory.keep("vip", Wish::Release).is_err());
        let inherited = memory.forgotten_at_the_end().unwrap();
        std::fs::remove_dir(dir.join(FILE)).unwrap();
        let successor = Memory::of(Some(store.clone()));
        successor.inherit(inherited);
        assert_eq!(successor.forgotten_at_the_end(), None);
        assert!(Memory::of(Some(store)).released().contains("vip"));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
