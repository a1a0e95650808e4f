//! How does a new view reach every session of a thread?
//!
//! A view's channel is shared with its source. One thread of the proxy waits on the channels of all listeners and calls the
//! workers, each of which takes the snapshot once and keeps it where its sessions find it without a lock. The same thread tells
//! the rest of what is said about closed clients, since it can wait for a moment without keeping anyone waiting.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use machine::Instant;
use session::Rules;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn;
use view::View;

use crate::closing::ClosingLog;
use crate::post::{Door, Line};

/// What all sessions of one listener on one thread are told.
#[derive(Debug)]
pub(crate) struct Feed {
    rules: Arc<Rules>,
    source: RefCell<watch::Receiver<Arc<View>>>,
    present: RefCell<Present>,
    view: RefCell<Arc<View>>,
    /// Counts what concerns the sessions: one look tells them whether they know it.
    version: Cell<u64>,
    /// The source is gone, and its last word was heard.
    forsaken: Cell<bool>,
    /// The rules are of yesterday: nobody new comes in.
    superseded: Cell<bool>,
    leaving: Cell<Option<Instant>>,
}

impl Feed {
    pub(crate) fn new(rules: Arc<Rules>, mut source: watch::Receiver<Arc<View>>, present: Present) -> Self {
        let view = source.borrow_and_update().clone();
        Self {
            rules,
            source: RefCell::new(source),
            present: RefCell::new(present),
            view: RefCell::new(view),
            version: Cell::new(0),
            forsaken: Cell::new(false),
            superseded: Cell::new(false),
            leaving: Cell::new(None),
        }
    }

    /// Looks whether the source has something new; a load if not. True if it concerns the sessions. When the source is gone, the last view
    /// stays.
    pub(crate) fn look(&self) -> bool {
        let mut source = self.source.borrow_mut();
        // An error says that nobody will say more; what was said last may be unheard.
        if !source.has_changed().unwrap_or_else(|_| !self.forsaken.get()) {
            return false;
        }
        self.forsaken.set(source.has_changed().is_err());
        let new = source.borrow_and_update().clone();
        let concerns = !Arc::ptr_eq(&new, &self.view.borrow()) && self.rules.concerns(&self.view.borrow(), &new);
        self.view.replace(new);
        if concerns {
            self.version.set(self.version.get() + 1);
        }
        concerns
    }

    /// Follows another source from now on, for those who are here. Others have another feed.
    pub(crate) fn supersede(&self, by: &Line) {
        self.superseded.set(true);
        self.forsaken.set(false);
        self.present.replace(by.present.clone());
        let mut source = by.view.clone();
        source.mark_changed();
        self.source.replace(source);
    }

    /// Sessions that are owed nothing end, the rest at this moment.
    pub(crate) fn drain(&self, until: Instant) {
        self.leaving.set(Some(until));
    }

    pub(crate) fn version(&self) -> u64 {
        self.version.get()
    }

    pub(crate) fn view(&self) -> Arc<View> {
        self.view.borrow().clone()
    }

    pub(crate) fn rules(&self) -> Arc<Rules> {
        self.rules.clone()
    }

    /// Until when sessions may get what they are owed, if they have to go.
    pub(crate) fn leaving(&self) -> Option<Instant> {
        self.leaving.get()
    }

    /// Whether somebody may still come in.
    pub(crate) fn is_current(&self) -> bool {
        self.leaving.get().is_none() && !self.superseded.get()
    }
}

/// The thread that waits for views. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Follower {
    orders: Option<mpsc::UnboundedSender<Follow>>,
    thread: Option<JoinHandle<()>>,
}

/// What that thread waits for: what is said of one listener, until nobody there listens any more.
pub(crate) struct Follow {
    pub(crate) source: watch::Receiver<Arc<View>>,
    pub(crate) closings: Arc<ClosingLog>,
    pub(crate) present: mpsc::Receiver<Infallible>,
}

/// Held by each desk of a listener: while one lives, its views are followed.
pub(crate) type Present = mpsc::Sender<Infallible>;

impl Follower {
    /// Starts the thread. It calls at all doors.
    pub(crate) fn start(doors: Vec<Door>) -> io::Result<Self> {
        // Made before the thread, so that a refusal of the kernel is told to whoever starts the proxy.
        let runtime = Builder::new_current_thread().enable_time().build()?;
        // As many orders as there are listeners in a configuration.
        let (orders, told) = mpsc::unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("views".to_owned())
            .spawn(move || runtime.block_on(follow_all(told, doors.into())))?;
        Ok(Self { orders: Some(orders), thread: Some(thread) })
    }

    pub(crate) fn follow(&self, follow: Follow) {
        if let Some(orders) = &self.orders {
            // Without its thread nothing is followed any more; that it panicked is said at the end.
            let _ = orders.send(follow);
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.orders = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that waits for views panicked");
        }
    }
}

/// Follows what it is told to, until nobody can tell it anything any more.
async fn follow_all(mut told: mpsc::UnboundedReceiver<Follow>, doors: Arc<[Door]>) {
    while let Some(Follow { source, closings, mut present }) = told.recv().await {
        let doors = doors.clone();
        spawn(async move {
            tokio::select! {
                () = tell_views(source, &doors) => {}
                () = closings.tell() => {}
                _ = present.recv() => {}
            }
        });
    }
}

/// Calls the workers at each new view. When the source is gone there will be none.
async fn tell_views(mut source: watch::Receiver<Arc<View>>, doors: &[Door]) {
    // What changed before this began may not have been seen by the workers.
    source.mark_changed();
    while source.changed().await.is_ok() {
        for door in doors {
            door.call();
        }
    }
    // What is said of closed clients is still to be told.
    pending().await
}
