//! Does another host of the link say that it has an address that is here? Heard without asking: routers that answer for others (proxy ARP)
//! would answer any question.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use host::neighbours::Claims as Ears;
use node::Event;
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, watch};

use super::ear::{self, Ear, Listening};
use super::links::Links;

/// What is listened to, by interface and family (`true`: IPv6).
pub(super) struct Claims {
    events: mpsc::Sender<Event>,
    open: BTreeMap<(String, bool), Open>,
    /// It could not be listened the last time: said once.
    is_deaf: bool,
}

struct Open {
    /// The link, which can be another one of the same name later.
    index: u32,
    held: watch::Sender<Vec<IpAddr>>,
    listening: Listening<Ears>,
}

impl Claims {
    pub(super) const fn new(events: mpsc::Sender<Event>) -> Self {
        Self { events, open: BTreeMap::new(), is_deaf: false }
    }

    /// Listens where something is held, and nowhere else.
    pub(super) fn settle(&mut self, links: &Links) {
        let mut held: BTreeMap<(String, bool), BTreeSet<IpAddr>> = BTreeMap::new();
        for (interface, placed) in links.ordered() {
            held.entry((interface.clone(), placed.ip.is_ipv6())).or_default().insert(placed.ip);
        }
        self.open.retain(|place, open| {
            let is_same = links.link(&place.0).is_some_and(|link| link.index == open.index);
            is_same && held.contains_key(place) && !open.listening.is_over()
        });
        for (place, ips) in held {
            let ips: Vec<IpAddr> = ips.into_iter().collect();
            if let Some(open) = self.open.get(&place) {
                open.held.send_replace(ips);
                continue;
            }
            // On a link without hardware addresses nobody says anything.
            let Some(link) = links.link(&place.0).filter(|link| link.mac.is_some_and(|mac| mac != [0; 6])) else {
                continue;
            };
            let opened = Ears::hear(link, place.1).and_then(|ears| {
                let refused = |e| ear::refused("hear what neighbours say", &link.name, e);
                let ears = Arc::new(ears);
                Ok((ear::listen(ears.clone()).map_err(refused)?, ears))
            });
            match opened {
                Ok((ear, ears)) => {
                    self.is_deaf = false;
                    let (held, of) = watch::channel(ips);
                    let task = tokio::spawn(listen(ear, place.0.clone(), of, self.events.clone()));
                    let listening = Listening::new(ears, task);
                    self.open.insert(place, Open { index: link.index, held, listening });
                }
                Err(refused) if !self.is_deaf => {
                    self.is_deaf = true;
                    tracing::warn!("{refused}. Until then a host that has the same address is not noticed");
                }
                Err(_) => {}
            }
        }
    }
}

async fn listen(
    ear: AsyncFd<Ear<Arc<Ears>>>,
    interface: String,
    held: watch::Receiver<Vec<IpAddr>>,
    events: mpsc::Sender<Event>,
) {
    loop {
        let Ok(mut ready) = ear.readable().await else { return };
        let of = held.borrow().clone();
        match ear.get_ref().0.next(&of) {
            Ok(Some((ip, mac))) => {
                let by = mac.map(|byte| format!("{byte:02x}")).join(":");
                if events.send(Event::Elsewhere { interface: interface.clone(), ip, by }).await.is_err() {
                    return;
                }
                // Of a storm a part is enough.
                tokio::time::sleep(PAUSE).await;
            }
            Ok(None) => ready.clear_ready(),
            // The machine hears of the link.
            Err(_) => return,
        }
    }
}

/// After each that was heard. The kernel's buffer takes more, and then drops it.
const PAUSE: Duration = Duration::from_millis(20);
