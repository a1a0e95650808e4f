//! What did an operator want of addresses before the last restart? Those that shall not be here, in the state directory.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use host::Store;
use node::event::Wish;

/// The names of addresses that were released. Cheap to clone; all clones are the same.
#[derive(Clone, Default)]
pub(super) struct Memory {
    released: Arc<Mutex<BTreeSet<String>>>,
    /// Held while they are written: the last wish is the last one on the disk.
    saving: Arc<Mutex<()>>,
    /// `None`: this node keeps no state.
    store: Option<Arc<Store>>,
}

impl Memory {
    /// What is in the directory. What cannot be read is as good as not wanted, and said.
    pub(super) fn of(store: Option<Arc<Store>>) -> Self {
        let released = store.as_deref().map(load).unwrap_or_default();
        Self { released: Arc::new(Mutex::new(released)), saving: Arc::default(), store }
    }

    /// Those that shall not be here.
    pub(super) fn released(&self) -> BTreeSet<String> {
        self.lock().clone()
    }

    /// Keeps what is wanted. Waits for the disk.
    ///
    /// # Errors
    /// Why the next start will not know of it.
    pub(super) fn keep(&self, address: &str, wish: Wish) -> Result<(), String> {
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = match wish {
            Wish::Release => self.lock().insert(address.to_owned()),
            Wish::Take => self.lock().remove(address),
            Wish::Preempt => false,
        };
        if !is_new {
            return Ok(());
        }
        let store = self.store.as_deref().ok_or("this node has no state directory")?;
        let text = serde_json::to_vec_pretty(&self.released()).map_err(|e| e.to_string())?;
        store.save(FILE, &text).map_err(|e| e.to_string())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.released.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn without_a_directory_it_is_obeyed_and_said_to_be_forgotten() {
        let memory = Memory::default();
        assert!(memory.keep("vip", Wish::Release).is_err());
        assert!(memory.released().contains("vip"));
    }
}
