//! How do VRRP's packets get from and to the routers' links? One raw socket a router, opened when its interface and its own address are
//! there, and again when they come back.
//!
//! A router that cannot hear must not hold an address: it would take everybody's silence for their death. So each has a check of its own
//! ([`CHECK`]) that passes while its socket is open.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use host::HostRefused;
use host::netlink::Link;
use host::wire::{Carries, Wire};
use machine::Instant;
use node::Event;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use vrrp::{Advert, Codec, Datagram};

use super::ear::{self, Ear};
use super::links::Links;

/// What the machine knows that a router's socket is open by.
pub(super) const CHECK: &str = "VRRP socket";

/// The sockets of all routers, by the address that they are for.
pub(super) struct Ports {
    events: mpsc::Sender<Event>,
    broken: mpsc::Sender<(String, HostRefused)>,
    ports: BTreeMap<String, Port>,
    /// When the machine is told again how they are: a router may have begun anew since, and know nothing.
    again: Instant,
}

/// Where a router lives, and how it talks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) interface: String,
    pub(super) primary: IpAddr,
    pub(super) vrid: u8,
    pub(super) codec: Codec,
}

struct Port {
    place: Place,
    state: State,
    /// What was said of it last.
    said: Option<Option<String>>,
    /// The machine knows that.
    is_told: bool,
    /// Sending failed the last time: said once.
    is_stuck: bool,
}

enum State {
    Open {
        wire: Arc<Wire>,
        /// The link, which can be another one of the same name later.
        index: u32,
        ear: AbortHandle,
    },
    /// For this reason.
    Shut { why: String },
}

impl Drop for State {
    fn drop(&mut self) {
        if let Self::Open { ear, .. } = self {
            ear.abort();
        }
    }
}

impl Ports {
    /// None yet. Packets come as events; a socket that breaks is told on `broken`, for [`shut`](Self::shut).
    pub(super) const fn new(
        now: Instant,
        events: mpsc::Sender<Event>,
        broken: mpsc::Sender<(String, HostRefused)>,
    ) -> Self {
        Self { events, broken, ports: BTreeMap::new(), again: now }
    }

    /// These routers are to live, there. What the machine is to hear of it comes back.
    pub(super) fn settle(&mut self, now: Instant, places: BTreeMap<String, Place>, links: &Links) -> Vec<Event> {
        self.ports.retain(|name, port| places.get(name) == Some(&port.place));
        for (name, place) in places {
            let state = State::Shut { why: String::new() };
            let new = || Port { place, state, said: None, is_told: false, is_stuck: false };
            self.ports.entry(name).or_insert_with(new);
        }
        self.look(now, links)
    }

    /// Looks at all of them: links may be others than before, or it may be time to try again.
    pub(super) fn look(&mut self, now: Instant, links: &Links) -> Vec<Event> {
        let mut told = Vec::new();
        if self.again <= now {
            self.again = now + AGAIN;
            self.tell_again();
        }
        for (name, port) in &mut self.ports {
            port.look(name, links, (&self.events, &self.broken));
            told.extend(port.tell(name));
        }
        told
    }

    /// A socket is broken: it is tried again soon.
    pub(super) fn shut(&mut self, name: &str, refused: &HostRefused) -> Option<Event> {
        let port = self.ports.get_mut(name)?;
        port.state = State::Shut { why: refused.to_string() };
        port.tell(name)
    }

    /// When to look at them again.
    pub(super) const fn deadline(&self) -> Instant {
        self.again
    }

    /// The next look tells how each is, whether that is news or not.
    pub(super) fn tell_again(&mut self) {
        self.ports.values_mut().for_each(|port| port.is_told = false);
    }

    /// Sends it, if there is a socket.
    pub(super) fn send(&mut self, name: &str, to: IpAddr, advert: &Advert) {
        let Some(port) = self.ports.get_mut(name) else { return };
        let State::Open { wire, .. } = &port.state else { return };
        match wire.send(to, &port.place.codec.encode(advert, port.place.primary, to)) {
            Ok(()) => port.is_stuck = false,
            // Nobody may be there, or no cable: the next one follows.
            Err(refused) if !port.is_stuck => {
                port.is_stuck = true;
                tracing::warn!(address = name, "{refused}. Trying again at the next advertisement");
            }
            Err(_) => {}
        }
    }

    /// The bytes of what a router would say, and from where: for who says it in our name.
    pub(super) fn written(&self, name: &str, to: IpAddr, advert: &Advert) -> Option<(&Place, Vec<u8>)> {
        let place = &self.ports.get(name)?.place;
        Some((place, place.codec.encode(advert, place.primary, to)))
    }
}

impl Port {
    /// Opens it where that can be, and shuts it where it cannot stay.
    fn look(&mut self, name: &str, links: &Links, to: Ways<'_>) {
        let Place { interface, primary, .. } = &self.place;
        let link = links.link(interface);
        let is_there = links.has(interface, *primary);
        match &self.state {
            State::Open { index, .. } if is_there && link.is_some_and(|link| link.index == *index) => {}
            State::Open { .. } | State::Shut { .. } => {
                let opened = match link {
                    None => Err(format!("there is no interface {interface}: `ip link` shows those that are there")),
                    Some(_) if primary.is_unspecified() => Err(no_own(interface, *primary)),
                    Some(_) if !is_there => Err(format!(
                        "{primary}, from which VRRP is to speak, is not on {interface}: put it there, or name another one in `from`"
                    )),
                    Some(link) => open(name, &self.place, link, to),
                };
                self.state = opened.unwrap_or_else(|why| State::Shut { why });
            }
        }
    }

    /// What is new about it.
    fn tell(&mut self, name: &str) -> Option<Event> {
        let failed = if let State::Shut { why } = &self.state { Some(why.clone()) } else { None };
        if self.said.as_ref() != Some(&failed) {
            match &failed {
                Some(why) => tracing::warn!(address = name, "{why}. Until then this host does not hold the address"),
                None => {
                    tracing::debug!(address = name, "listening as {} on {}", self.place.primary, self.place.interface)
                }
            }
            (self.said, self.is_told) = (Some(failed.clone()), false);
        }
        if std::mem::replace(&mut self.is_told, true) {
            return None;
        }
        Some(Event::Checked { address: name.to_owned(), check: CHECK.to_owned(), failed })
    }
}

type Ways<'a> = (&'a mpsc::Sender<Event>, &'a mpsc::Sender<(String, HostRefused)>);

fn no_own(interface: &str, of: IpAddr) -> String {
    let kind = if of.is_ipv4() { "IPv4 address" } else { "link-local IPv6 address" };
    format!("{interface} has no {kind} of this host's own, from which VRRP could speak: give it one")
}

/// The refusal is for people.
fn open(name: &str, place: &Place, link: &Link, (events, broken): Ways<'_>) -> Result<State, String> {
    let Place { primary, vrid, codec, .. } = place;
    let group = match primary {
        IpAddr::V4(_) => vrrp::ip::MULTICAST_V4.into(),
        IpAddr::V6(_) => vrrp::ip::MULTICAST_V6.into(),
    };
    let carries = Carries { protocol: vrrp::ip::PROTOCOL, group, hops: vrrp::ip::HOPS };
    let opened = Wire::open(link, *primary, &carries).map_err(|refused| refused.to_string())?;
    let wire = Arc::new(opened);
    let ear = ear::listen(wire.clone()).map_err(|e| ear::refused("hear packets", &link.name, e).to_string())?;
    let listener = Listener {
        name: name.to_owned(),
        codec: codec.clone(),
        vrid: *vrid,
        events: events.clone(),
        broken: broken.clone(),
    };
    let ear = tokio::spawn(listener.listen(ear)).abort_handle();
    Ok(State::Open { wire, index: link.index, ear })
}

/// Reads a router's packets.
struct Listener {
    name: String,
    codec: Codec,
    vrid: u8,
    events: mpsc::Sender<Event>,
    broken: mpsc::Sender<(String, HostRefused)>,
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
                    let Some(event) = self.event(&buffer[..len]) else { continue };
                    // At the bound the kernel's buffer fills, and then drops: a storm.
                    if self.events.send(event).await.is_err() {
                        return;
                    }
                }
                Ok(None) => ready.clear_ready(),
                Err(refused) => {
                    // The loop may be gone.
                    let _ = self.broken.send((self.name, refused)).await;
                    return;
                }
            }
        }
    }

    fn event(&self, packet: &[u8]) -> Option<Event> {
        let event = match Datagram::parse(packet) {
            // Of another router of the link.
            Ok(datagram) if datagram.vrid() != Some(self.vrid) => return None,
            parsed => vrrp::Event::received(&self.codec, parsed),
        };
        Some(Event::Router { address: self.name.clone(), event })
    }
}

/// Longer than any packet that a link of 1,500 bytes carries: what is cut off is refused for its length.
const LONGEST: usize = 2_048;
/// How soon a socket that could not be opened is tried again where nothing about links is new, and how soon a router that has begun anew
/// hears that its socket is open.
const AGAIN: Duration = Duration::from_secs(1);
