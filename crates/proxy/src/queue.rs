//! Who is to be seen to next?

use crate::slots::Key;

/// Keys that wait for their turn. Two lists: what comes in while one is worked off waits for the next time.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    next: Vec<Key>,
    batch: Vec<Key>,
}

impl Queue {
    pub(crate) fn push(&mut self, key: Key) {
        self.next.push(key);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.next.is_empty()
    }

    /// Takes what is there. It comes back, for its memory, by [`Self::done`].
    pub(crate) fn take(&mut self) -> Vec<Key> {
        std::mem::swap(&mut self.next, &mut self.batch);
        std::mem::take(&mut self.batch)
    }

    /// Those who were taken and not seen to: they come first the next time.
    pub(crate) fn put_back(&mut self, rest: impl Iterator<Item = Key>) {
        self.next.splice(0..0, rest);
    }

    pub(crate) fn done(&mut self, mut batch: Vec<Key>) {
        batch.clear();
        self.batch = batch;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slots::Slots;

    #[test]
    fn who_was_not_seen_to_comes_before_who_came_since() {
        let mut slots = Slots::new();
        let [a, b, c, d] = [(); 4].map(|()| slots.insert(()));
        let mut queue = Queue::default();
        for key in [a, b, c] {
            queue.push(key);
        }
        let mut batch = queue.take();
        assert!(queue.is_empty());
        queue.push(d);
        queue.put_back(batch.drain(1..));
        queue.done(batch);
        assert!(!queue.is_empty());
        assert_eq!(queue.take(), [b, c, d]);
    }
}
