//! How does the machine hear of each group's truth? As its source told it: what an operator wants of single servers of the listeners says
//! nothing about who is master.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use node::Event;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use view::{GroupName, View};

use crate::feeds::Feeds;

/// The groups that are followed.
pub(super) struct Views {
    feeds: Feeds,
    events: mpsc::Sender<Event>,
    followed: BTreeMap<GroupName, AbortHandle>,
}

impl Views {
    pub(super) const fn new(feeds: Feeds, events: mpsc::Sender<Event>) -> Self {
        Self { feeds, events, followed: BTreeMap::new() }
    }

    /// Follows these groups and no others. What is known of those that were not followed before comes back.
    pub(super) fn follow(&mut self, groups: &BTreeSet<GroupName>) -> Vec<Event> {
        self.followed.retain(|name, task| {
            // One whose group was taken away, and perhaps has come back, has ended.
            let stays = groups.contains(name) && !task.is_finished();
            if !stays {
                task.abort();
            }
            stays
        });
        let mut known = Vec::new();
        for name in groups {
            if self.followed.contains_key(name) {
                continue;
            }
            let Some(mut views) = self.feeds.truth(name) else { continue };
            known.push(Event::Viewed { view: View::clone(&views.borrow_and_update()) });
            let task = tokio::spawn(tell(views, self.events.clone()));
            self.followed.insert(name.clone(), task.abort_handle());
        }
        known
    }
}

impl Views {
    /// A view that has waited in a queue may be older than what the machine was told in between: the newest one counts.
    pub(super) fn newest(&self, event: Event) -> Event {
        match event {
            Event::Viewed { view } => self.of(&view.group).unwrap_or(Event::Viewed { view }),
            other => other,
        }
    }

    /// The truth of a group as of now, which may be on its way still.
    pub(super) fn of(&self, group: &GroupName) -> Option<Event> {
        let view = self.feeds.truth(group)?.borrow().clone();
        Some(Event::Viewed { view: View::clone(&view) })
    }
}

impl Drop for Views {
    fn drop(&mut self) {
        self.followed.values().for_each(AbortHandle::abort);
    }
}

async fn tell(mut views: watch::Receiver<Arc<View>>, events: mpsc::Sender<Event>) {
    while views.changed().await.is_ok() {
        let view = View::clone(&views.borrow_and_update());
        if events.send(Event::Viewed { view }).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use view::{Epoch, Phase};

    use super::*;

    #[test]
    fn a_view_that_waited_in_a_queue_takes_nothing_back() {
        let text = "[[group]]\nname = \"cache\"\nsource = \"probe\"\nservers = [\"10.0.0.1:1\", \"10.0.0.1:2\"]\n";
        let feeds = Feeds::of(&config::parse("f", text).unwrap());
        let view = |group: &str, phase| {
            let master = ([10, 0, 0, 1], 1).into();
            View { group: group.into(), epoch: Epoch(1), phase, master, replicas: Vec::new() }
        };
        let (events, _inbox) = mpsc::channel(1);
        let views = Views::new(feeds.clone(), events);
        let old = view("cache", Phase::Steady);
        assert!(feeds.publish(old.clone()));
        assert!(feeds.publish(view("cache", Phase::Switching)));
        let newest = views.newest(Event::Viewed { view: old });
        assert_eq!(newest, Event::Viewed { view: view("cache", Phase::Switching) });
        let unknown = Event::Viewed { view: view("other", Phase::Steady) };
        assert_eq!(views.newest(unknown.clone()), unknown);
    }
}
