//! How does a new view reach every session of a thread?
//!
//! A view's channel is shared with its source. One task per worker and listener waits on it, puts the snapshot where the
//! thread's sessions find it without a lock, and wakes them if it concerns them.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::task::Waker;

use session::Rules;
use slab::Slab;
use tokio::sync::watch;
use view::View;

/// What all sessions of one listener on one thread are told.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) rules: Arc<Rules>,
    view: RefCell<Arc<View>>,
    /// Counts what concerns the sessions: one look tells them whether they know it.
    version: Cell<u64>,
    draining: Cell<bool>,
    sessions: RefCell<Slab<Option<Waker>>>,
}

impl Feed {
    pub(crate) fn new(rules: Arc<Rules>, view: Arc<View>) -> Self {
        Self {
            rules,
            view: RefCell::new(view),
            version: Cell::new(0),
            draining: Cell::new(false),
            sessions: RefCell::new(Slab::new()),
        }
    }

    /// Follows the source until it is gone; then the last view stays.
    pub(crate) async fn follow(&self, mut source: watch::Receiver<Arc<View>>) {
        loop {
            let view = source.borrow_and_update().clone();
            self.publish(view);
            if source.changed().await.is_err() {
                return;
            }
        }
    }

    fn publish(&self, view: Arc<View>) {
        let old = self.view.replace(view);
        if self.rules.concerns(&old, &self.view.borrow()) {
            self.version.set(self.version.get() + 1);
            self.wake_all();
        }
    }

    /// Sessions that owe nothing end.
    pub(crate) fn drain(&self) {
        self.draining.set(true);
        self.wake_all();
    }

    fn wake_all(&self) {
        for (_, waker) in self.sessions.borrow().iter() {
            if let Some(waker) = waker {
                waker.wake_by_ref();
            }
        }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version.get()
    }

    pub(crate) fn view(&self) -> Arc<View> {
        self.view.borrow().clone()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// A place for a session's waker.
    pub(crate) fn join(&self) -> usize {
        self.sessions.borrow_mut().insert(None)
    }

    pub(crate) fn leave(&self, place: usize) {
        self.sessions.borrow_mut().remove(place);
    }

    /// Remembers how to wake a session; almost always it is remembered already.
    pub(crate) fn wake_me(&self, place: usize, waker: &Waker) {
        if let Some(slot) = self.sessions.borrow_mut().get_mut(place)
            && !slot.as_ref().is_some_and(|w| w.will_wake(waker))
        {
            *slot = Some(waker.clone());
        }
    }
}
