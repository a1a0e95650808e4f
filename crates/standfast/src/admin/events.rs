//! How does the page stay live? One status, made once for all readers: at every change, and at least once a second.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use tokio::sync::{Notify, watch};
use tokio_stream::wrappers::WatchStream;
use tokio_stream::{Stream, StreamExt as _};

use crate::status::Source;

/// Where readers come in.
#[derive(Clone)]
pub(super) struct Feed {
    /// The latest status as JSON. Who reads slowly misses some and gets the latest.
    documents: watch::Receiver<Arc<str>>,
    wanted: Arc<Notify>,
}

/// `/api/events`.
pub(super) async fn stream(State(feed): State<Feed>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    // Not the one that is there: nobody may have looked for hours.
    let documents = WatchStream::from_changes(feed.documents);
    feed.wanted.notify_one();
    Sse::new(documents.map(|json| Ok(Event::default().event("status").data(&*json))))
}

/// Makes the documents.
pub(super) fn start(source: Source) -> Feed {
    let (documents, latest) = watch::channel(Arc::from(""));
    let wanted = Arc::new(Notify::new());
    let feed = Feed { documents: latest, wanted: wanted.clone() };
    tokio::spawn(async move {
        let mut changed = source.node.changed();
        loop {
            // One receiver is the router's own: without another nobody looks, and nothing is made.
            if documents.receiver_count() > 1 {
                let Some(status) = source.status().await else { return };
                if let Ok(json) = serde_json::to_string(&status) {
                    documents.send_replace(Arc::from(json));
                }
            }
            // A failover changes twenty things within milliseconds: that is one or two pictures, not twenty.
            tokio::time::sleep(CALM).await;
            tokio::select! {
                _ = changed.changed() => {}
                () = wanted.notified() => {}
                () = tokio::time::sleep(PERIOD) => {}
            }
        }
    });
    feed
}

const PERIOD: Duration = Duration::from_millis(900);
const CALM: Duration = Duration::from_millis(50);
