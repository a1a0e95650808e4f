//! By which sockets do routers speak and hear? One for all routers of a link that speak from the same address: what comes is read once,
//! however many they are, and goes to the one that is meant.
//!
//! With a socket for each, forty routers that hear each other's forty would read each packet forty times, and when their link goes there would
//! be forty to close.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use host::HostRefused;
use host::netlink::Link;
use host::wire::{Carries, Wire};
use node::Event;
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, watch};
use vrrp::{Codec, Datagram};

use super::ear::{self, Ear, Listening};
use super::links::Links;

/// An interface, and this host's own address on it.
pub(super) type Mouth = (String, IpAddr);

/// Who is meant by which number, and how they talk. One as a rule: two of a number differ in what they hold, and each judges for itself.
pub(super) type Routers = BTreeMap<u8, Vec<(String, Codec)>>;

/// The sockets that are open.
pub(super) struct Mouths {
    events: mpsc::Sender<Event>,
    broken: mpsc::Sender<(Mouth, HostRefused)>,
    open: BTreeMap<Mouth, Open>,
}

struct Open {
    /// The link, which can be another one of the same name later.
    index: u32,
    routers: watch::Sender<Routers>,
    listening: Listening<Wire>,
}

impl Mouths {
    /// None yet. Packets come as events; a socket that breaks is told on `broken`, for [`shut`](Self::shut).
    pub(super) const fn new(events: mpsc::Sender<Event>, broken: mpsc::Sender<(Mouth, HostRefused)>) -> Self {
        Self { events, broken, open: BTreeMap::new() }
    }

    /// These are wanted, each for these routers, and no others. Opens them where that can be, and shuts them where they cannot stay; why each
    /// that is not open is not, for people.
    pub(super) fn settle(&mut self, wanted: BTreeMap<Mouth, Routers>, links: &Links) -> BTreeMap<Mouth, String> {
        self.open.retain(|mouth, _| wanted.contains_key(mouth));
        let mut shut = BTreeMap::new();
        for (mouth, routers) in wanted {
            if let Err(why) = self.look(&mouth, routers, links) {
                self.open.remove(&mouth);
                shut.insert(mouth, why);
            }
        }
        shut
    }

    fn look(&mut self, mouth: &Mouth, routers: Routers, links: &Links) -> Result<(), String> {
        let (interface, primary) = mouth;
        let link = links.link(interface);
        let link =
            link.ok_or_else(|| format!("there is no interface {interface}: `ip link` shows those that are there"))?;
        if primary.is_unspecified() {
            return Err(no_own(interface, *primary));
        }
        if !links.has(interface, *primary) {
            return Err(format!(
                "{primary}, from which VRRP is to speak, is not on {interface}: put it there, or name another one in `from`"
            ));
        }
        match self.open.get(mouth) {
            Some(open) if open.index == link.index => {
                open.routers.send_if_modified(|known| {
                    let is_new = *known != routers;
                    *known = routers;
                    is_new
                });
            }
            _ => {
                let opened = self.open(mouth, routers, link)?;
                self.open.insert(mouth.clone(), opened);
            }
        }
        Ok(())
    }

    /// The refusal is for people.
    fn open(&self, mouth: &Mouth, routers: Routers, link: &Link) -> Result<Open, String> {
        let group = match mouth.1 {
            IpAddr::V4(_) => vrrp::ip::MULTICAST_V4.into(),
            IpAddr::V6(_) => vrrp::ip::MULTICAST_V6.into(),
        };
        let carries = Carries { protocol: vrrp::ip::PROTOCOL, group, hops: vrrp::ip::HOPS };
        let wire = Arc::new(Wire::open(link, mouth.1, &carries).map_err(|refused| refused.to_string())?);
        let ear = ear::listen(wire.clone()).map_err(|e| ear::refused("hear packets", &link.name, e).to_string())?;
        let (routers, of) = watch::channel(routers);
        let listener =
            Listener { mouth: mouth.clone(), routers: of, events: self.events.clone(), broken: self.broken.clone() };
        let listening = Listening::new(wire, tokio::spawn(listener.listen(ear)));
        Ok(Open { index: link.index, routers, listening })
    }

    /// It is broken: opened anew when it is looked at next.
    pub(super) fn shut(&mut self, mouth: &Mouth) {
        self.open.remove(mouth);
    }

    /// Sends it. `None`: it is not open.
    pub(super) fn send(&self, mouth: &Mouth, to: IpAddr, bytes: &[u8]) -> Option<Result<(), HostRefused>> {
        Some(self.open.get(mouth)?.listening.socket().send(to, bytes))
    }
}

fn no_own(interface: &str, of: IpAddr) -> String {
    let kind = if of.is_ipv4() { "IPv4 address" } else { "link-local IPv6 address" };
    format!("{interface} has no {kind} of this host's own, from which VRRP could speak: give it one")
}

/// Reads what comes for the routers of a socket.
struct Listener {
    mouth: Mouth,
    routers: watch::Receiver<Routers>,
    events: mpsc::Sender<Event>,
    broken: mpsc::Sender<(Mouth, HostRefused)>,
}

impl Listener {
    async fn listen(self, ear: AsyncFd<Ear<Arc<Wire>>>) {
        let mut buffer = [0; LONGEST];
        loop {
            // A storm must leave the loop its turns.
            tokio::task::coop::consume_budget().await;
            let Ok(mut ready) = ear.readable().await else { return };
            match ear.get_ref().0.receive(&mut buffer) {
                Ok(Some(len)) => {
                    for event in self.events(&buffer[..len]) {
                        // At the bound the kernel's buffer fills, and then drops: a storm.
                        if self.events.send(event).await.is_err() {
                            return;
                        }
                    }
                }
                Ok(None) => ready.clear_ready(),
                Err(refused) => {
                    // The loop may be gone.
                    let _ = self.broken.send((self.mouth, refused)).await;
                    return;
                }
            }
        }
    }

    /// For the routers that are meant; of what is no packet nobody knows who was, and each counts it.
    fn events(&self, packet: &[u8]) -> Vec<Event> {
        let routers = self.routers.borrow();
        let parsed = Datagram::parse(packet);
        let meant = match &parsed {
            Ok(datagram) => datagram.vrid().and_then(|vrid| routers.get_key_value(&vrid)).into_iter().collect(),
            Err(_) => routers.iter().collect::<Vec<_>>(),
        };
        let all = meant.into_iter().flat_map(|(_, routers)| routers);
        let event = |(name, codec): &(String, Codec)| {
            let event = vrrp::Event::received(codec, parsed);
            Event::Router { address: name.clone(), event }
        };
        all.map(event).collect()
    }
}

/// Longer than any packet that a link of 1,500 bytes carries: what is cut off is refused for its length.
const LONGEST: usize = 2_048;
