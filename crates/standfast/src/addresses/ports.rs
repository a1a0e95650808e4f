//! How do VRRP's packets get from and to the routers' links? By one raw socket for all routers of a link that speak from the same address
//! ([`mouths`](super::mouths)), opened when interface and address are there, and again when they come back.
//!
//! A router that cannot hear must not hold an address: it would take everybody's silence for their death. So each has a check of its own
//! ([`CHECK`]) that passes while its socket is open.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use host::HostRefused;
use machine::Instant;
use node::Event;
use tokio::sync::mpsc;
use vrrp::{Advert, Codec};

use super::links::Links;
use super::mouths::{Mouth, Mouths, Routers};

/// What the machine knows that a router's socket is open by.
pub(super) const CHECK: &str = "VRRP socket";

/// What all routers have of sockets, by the address that they are for.
pub(super) struct Ports {
    mouths: Mouths,
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
    /// Why its socket is shut. `None`: it is open.
    shut: Option<String>,
    /// What was said of it last.
    said: Option<Option<String>>,
    /// The machine knows that.
    is_told: bool,
    /// Sending failed the last time: said once.
    is_stuck: bool,
}

impl Ports {
    /// None yet. Packets come as events; a socket that breaks is told on `broken`, for [`shut`](Self::shut).
    pub(super) const fn new(
        now: Instant,
        events: mpsc::Sender<Event>,
        broken: mpsc::Sender<(Mouth, HostRefused)>,
    ) -> Self {
        Self { mouths: Mouths::new(events, broken), ports: BTreeMap::new(), again: now }
    }

    /// These routers are to live, there. What the machine is to hear of it comes back.
    pub(super) fn settle(&mut self, now: Instant, places: BTreeMap<String, Place>, links: &Links) -> Vec<Event> {
        self.ports.retain(|name, port| places.get(name) == Some(&port.place));
        for (name, place) in places {
            let shut = Some(String::new());
            let new = || Port { place, shut, said: None, is_told: false, is_stuck: false };
            self.ports.entry(name).or_insert_with(new);
        }
        self.look(now, links)
    }

    /// Looks at all of them: links may be others than before, or it may be time to try again.
    pub(super) fn look(&mut self, now: Instant, links: &Links) -> Vec<Event> {
        if self.again <= now {
            self.again = now + AGAIN;
            self.tell_again();
        }
        let mut wanted = BTreeMap::<Mouth, Routers>::new();
        for (name, port) in &self.ports {
            let routers = wanted.entry(port.place.mouth()).or_default();
            routers.entry(port.place.vrid).or_default().push((name.clone(), port.place.codec.clone()));
        }
        let shut = self.mouths.settle(wanted, links);
        let told = self.ports.iter_mut().filter_map(|(name, port)| {
            port.shut = shut.get(&port.place.mouth()).cloned();
            port.tell(name)
        });
        told.collect()
    }

    /// A socket is broken: it is tried again soon.
    pub(super) fn shut(&mut self, mouth: &Mouth, refused: &HostRefused) -> Vec<Event> {
        self.mouths.shut(mouth);
        let those = self.ports.iter_mut().filter(|(_, port)| port.place.mouth() == *mouth);
        let told = those.filter_map(|(name, port)| {
            port.shut = Some(refused.to_string());
            port.tell(name)
        });
        told.collect()
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
        let bytes = port.place.codec.encode(advert, port.place.primary, to);
        match self.mouths.send(&port.place.mouth(), to, &bytes) {
            None => {}
            Some(Ok(())) => port.is_stuck = false,
            // Nobody may be there, or no cable: the next one follows.
            Some(Err(refused)) if !port.is_stuck => {
                port.is_stuck = true;
                tracing::warn!(address = name, "{refused}. Trying again at the next advertisement");
            }
            Some(Err(_)) => {}
        }
    }

    /// The bytes of what a router would say, and from where: for who says it in our name.
    pub(super) fn written(&self, name: &str, to: IpAddr, advert: &Advert) -> Option<(&Place, Vec<u8>)> {
        let place = &self.ports.get(name)?.place;
        Some((place, place.codec.encode(advert, place.primary, to)))
    }
}

impl Place {
    fn mouth(&self) -> Mouth {
        (self.interface.clone(), self.primary)
    }
}

impl Port {
    /// What is new about it.
    fn tell(&mut self, name: &str) -> Option<Event> {
        if self.said.as_ref() != Some(&self.shut) {
            match &self.shut {
                Some(why) => tracing::warn!(address = name, "{why}. Until then this host does not hold the address"),
                None => {
                    tracing::debug!(address = name, "listening as {} on {}", self.place.primary, self.place.interface)
                }
            }
            (self.said, self.is_told) = (Some(self.shut.clone()), false);
        }
        if std::mem::replace(&mut self.is_told, true) {
            return None;
        }
        Some(Event::Checked { address: name.to_owned(), check: CHECK.to_owned(), failed: self.shut.clone() })
    }
}

/// How soon a socket that could not be opened is tried again where nothing about links is new, and how soon a router that has begun anew
/// hears that its socket is open.
const AGAIN: Duration = Duration::from_secs(1);
