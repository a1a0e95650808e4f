//! How do clients learn that the address leaves to which they came?
//!
//! It goes to another host, which knows nothing of their connections: whoever waits for an answer would wait in vain. So they are reset while
//! the address is still here: afterwards nothing reaches them in its name.

use std::net::IpAddr;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use session::Why;

use crate::edge::Peer;
use crate::post::{Door, Order};
use crate::proxy::Proxy;
use crate::slots::{Key, Slots};
use crate::stream::Stream;
use crate::worker::Worker;

impl Proxy {
    /// Resets the clients that came to these addresses, whatever they are owed. How many they were; `None`: not all workers have said that
    /// they are through, which they may be later.
    #[must_use]
    pub fn cut(&self, ips: &[IpAddr], patience: Duration) -> Option<usize> {
        let until = (self.clock)() + patience;
        let (cut, told) = sync_channel(self.doors.len());
        let order = |door: &&Door| door.try_order(Order::Cut { ips: ips.into(), cut: cut.clone() });
        let ordered = self.doors.iter().filter(order).count();
        let mut clients = 0;
        for _ in 0..ordered {
            clients += told.recv_timeout(until.since((self.clock)())).ok()?;
        }
        (ordered == self.doors.len()).then_some(clients)
    }
}

impl Worker {
    /// How many there were.
    pub(crate) fn cut(&mut self, ips: &[IpAddr]) -> usize {
        let guests = those_at(&self.guests, ips, |guest| &guest.stream);
        let clients = those_at(&self.clients, ips, |client| &client.stream);
        let pairs = those_at(&self.pairs, ips, |pair| &pair.client);
        guests.iter().for_each(|key| self.cut_guest(*key));
        for key in &clients {
            if let Some(client) = self.clients.get_mut(*key) {
                client.count();
                client.closed = reason(client.peer, ips);
                client.stream.reset_when_closed();
            }
            self.dismiss(*key);
        }
        for key in &pairs {
            let why = self.pairs.get(*key).and_then(|pair| reason(pair.peer, ips));
            self.cut_pair(*key, why);
        }
        guests.len() + clients.len() + pairs.len()
    }
}

/// What is counted and said of one. Nothing of what comes from the address itself: that is of this host, as the proof that the proxy serves.
fn reason(peer: Peer, ips: &[IpAddr]) -> Option<Why> {
    let is_of_this_host = peer.ip().is_some_and(|ip| ips.contains(&ip.to_canonical()));
    (!is_of_this_host).then_some(Why::AddressLeft)
}

fn those_at<T>(slots: &Slots<T>, ips: &[IpAddr], stream: impl Fn(&T) -> &Stream) -> Vec<Key> {
    let keys = (0..slots.places()).filter_map(|place| slots.key_at(place));
    keys.filter(|key| slots.get(*key).is_some_and(|slot| stream(slot).is_at(ips))).collect()
}
