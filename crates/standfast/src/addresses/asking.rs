//! Has somebody on the link an address that is to come here? Each question is listened to for a while.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use host::HostRefused;
use host::neighbours::Probe;
use host::netlink::Link;
use node::Event;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use super::ear::{self, Ear, Listening};

/// Questions that are listened to.
pub(super) struct Asking {
    events: mpsc::Sender<Event>,
    open: BTreeMap<(String, IpAddr), Listening<Probe>>,
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
        self.open.retain(|_, listening| !listening.is_over());
        if self.open.len() >= MAX_OPEN {
            return Ok(());
        }
        let probe = Arc::new(Probe::begin(link, ip)?);
        let refused = |e| ear::refused("ask neighbours for an address", &link.name, e);
        let ear = ear::listen(probe.clone()).map_err(refused)?;
        let (interface, events) = (link.name.clone(), self.events.clone());
        let listening = tokio::spawn(async move {
            // Who asks no more listens no more.
            let _ = tokio::time::timeout(PATIENCE, listen(ear, interface, ip, events)).await;
        });
        self.open.insert((link.name.clone(), ip), Listening::new(probe, listening));
        Ok(())
    }
}

async fn listen(ear: AsyncFd<Ear<Arc<Probe>>>, interface: String, ip: IpAddr, events: mpsc::Sender<Event>) {
    loop {
        let Ok(mut ready) = ear.readable().await else { return };
        match ear.get_ref().0.holder() {
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
