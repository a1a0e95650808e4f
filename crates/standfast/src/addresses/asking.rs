//! Has somebody on the link an address that is to come here? Each question is listened to for a while.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use host::HostRefused;
use host::neighbours::Probe;
use host::netlink::Link;
use node::Event;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::ear::{self, Ear};

/// Questions that are listened to.
pub(super) struct Asking {
    events: mpsc::Sender<Event>,
    open: BTreeMap<(String, IpAddr), AbortHandle>,
}

impl Asking {
    pub(super) const fn new(events: mpsc::Sender<Event>) -> Self {
        Self { events, open: BTreeMap::new() }
    }

    /// Asks, and tells who answers.
    ///
    /// # Errors
    /// The link is down or gone, or the capability is missing.
    pub(super) fn ask(&mut self, link: &Link, ip: IpAddr) -> Result<(), HostRefused> {
        self.open.retain(|_, listening| !listening.is_finished());
        if self.open.len() >= MAX_OPEN {
            return Ok(());
        }
        let probe = Probe::begin(link, ip)?;
        let refused = |e| ear::refused("ask neighbours for an address", &link.name, e);
        let ear = ear::listen(probe).map_err(refused)?;
        let (interface, events) = (link.name.clone(), self.events.clone());
        let listening = tokio::spawn(async move {
            // Who asks no more listens no more.
            let _ = tokio::time::timeout(PATIENCE, listen(ear, interface, ip, events)).await;
        });
        if let Some(before) = self.open.insert((link.name.clone(), ip), listening.abort_handle()) {
            before.abort();
        }
        Ok(())
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.open.values().for_each(AbortHandle::abort);
    }
}

async fn listen(mut ear: AsyncFd<Ear<Probe>>, interface: String, ip: IpAddr, events: mpsc::Sender<Event>) {
    loop {
        let Ok(mut ready) = ear.readable_mut().await else { return };
        match ready.get_inner_mut().0.holder() {
            Ok(Some(mac)) => {
                let by = mac.map(|byte| format!("{byte:02x}")).join(":");
                // The loop may be gone.
                let _ = events.send(Event::Elsewhere { interface, ip, by }).await;
                return;
            }
            // What is left, if it read as much as it may, wakes it again.
            Ok(None) => ready.clear_ready(),
            // The machine hears of the link.
            Err(_) => return,
        }
    }
}

/// Longer than anybody wants to wait before an address is there, and longer than a slow host takes to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Questions at a time: all addresses of a host that was given many. Beyond, the machine's wait is silent.
const MAX_OPEN: usize = 512;
