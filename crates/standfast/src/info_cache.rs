//! What did each server last say of itself? The text of its `INFO`, which the machine reads and does not keep: for `SENTINEL INFO-CACHE`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use machine::Instant;

/// Filled by links, read by the port. Cheap to clone; all clones are one.
#[derive(Clone, Default)]
pub(crate) struct InfoCache(Arc<Mutex<BTreeMap<SocketAddr, (Instant, String)>>>);

impl InfoCache {
    /// Remembers what a server said. At the bound the oldest text goes.
    pub(crate) fn put(&self, server: SocketAddr, now: Instant, text: &str) {
        let mut texts = self.texts();
        if texts.len() >= MAX_TEXTS && !texts.contains_key(&server) {
            let oldest = texts.iter().min_by_key(|(_, (at, _))| *at).map(|(addr, _)| *addr);
            oldest.map(|addr| texts.remove(&addr));
        }
        texts.insert(server, (now, text.to_owned()));
    }

    /// The last text of a server, and when it came.
    pub(crate) fn last(&self, server: SocketAddr) -> Option<(Instant, String)> {
        self.texts().get(&server).cloned()
    }

    fn texts(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, (Instant, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Servers whose text is kept; some ten KiB each.
const MAX_TEXTS: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_text_is_kept_and_the_oldest_goes_at_the_bound() {
        let cache = InfoCache::default();
        let addr = |n: usize| SocketAddr::from(([127, 0, 0, 1], u16::try_from(n).unwrap()));
        let at = |n: usize| Instant::from_nanos(n as u64);
        cache.put(addr(1), at(1), "a");
        cache.put(addr(1), at(2), "b");
        assert_eq!(cache.last(addr(1)), Some((at(2), "b".to_owned())));
        for n in 2..=MAX_TEXTS + 1 {
            cache.put(addr(n), at(n + 1), "c");
        }
        assert_eq!(cache.last(addr(1)), None);
        assert!(cache.last(addr(2)).is_some());
    }
}
