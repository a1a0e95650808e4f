//! How do clients that stayed at an old process learn of a new master? It asks the node's control socket for every view: whoever answers there
//! by then, also after a further upgrade.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use view::View;

use crate::feeds::Feeds;

/// Takes every view that another process publishes, until it is dropped.
pub(super) async fn follow(control: &Path, feeds: &Feeds) {
    loop {
        if let Err(e) = take(control, feeds).await {
            tracing::debug!("no views from {}: {e}; trying again", control.display());
        }
        sleep(RETRY).await;
    }
}

async fn take(control: &Path, feeds: &Feeds) -> io::Result<()> {
    let mut stream = UnixStream::connect(control).await?;
    stream.write_all(b"views\n").await?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next_line().await? {
        feeds.relay(serde_json::from_str::<View>(&line)?);
    }
    Ok(())
}

/// Tells every view as this node's listeners see it, a line of JSON each, until the other side is gone.
pub(crate) async fn tell(stream: &mut UnixStream, feeds: &Feeds, mut changed: watch::Receiver<u64>) -> io::Result<()> {
    let mut told = BTreeMap::new();
    loop {
        for view in feeds.dressed() {
            if told.get(&view.group) != Some(&view) {
                let line = serde_json::to_string(&*view)? + "\n";
                timeout(PATIENCE, stream.write_all(line.as_bytes())).await??;
                told.insert(view.group.clone(), view);
            }
        }
        tokio::select! {
            change = changed.changed() => if change.is_err() { return Ok(()) },
            // What an operator wants of a server is no change of the machine's.
            () = sleep(PERIOD) => {}
            // It never says anything: it is gone.
            _ = stream.read_u8() => return Ok(()),
        }
    }
}

/// How soon it is asked again: another process may just have taken over there.
const RETRY: Duration = Duration::from_millis(20);
/// How long the other side may take to hear a line.
const PATIENCE: Duration = Duration::from_secs(2);
/// How late the other side hears what an operator wants of a server.
const PERIOD: Duration = Duration::from_millis(500);
