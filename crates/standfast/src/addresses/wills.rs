//! What is the guard to do on the links as they are? The machine speaks of interfaces by name, and of what routers say; the guard needs the
//! number of the link, and the bytes.
//!
//! Both may change under a will that stays the same: a router has its place only after it was configured, its password can be another one,
//! and a link can be made anew. So what the machine wants is kept, and written anew whenever links or places have moved.

use std::collections::BTreeMap;

use node::Placed;

use super::links::Links;
use super::ports::Ports;
use crate::guard::{Packet, Removal, Will};

/// What the machine wants for each address, should we die.
#[derive(Default)]
pub(super) struct Wills(BTreeMap<String, Wanted>);

struct Wanted {
    remove: Vec<(String, Placed)>,
    say: Vec<vrrp::Action>,
    /// As the guard knows it.
    told: Will,
}

impl Wills {
    /// The machine wants this for the address. What the guard is to be told.
    pub(super) fn want(
        &mut self,
        address: &str,
        (remove, say): (Vec<(String, Placed)>, Vec<vrrp::Action>),
        links: &Links,
        ports: &Ports,
    ) -> Will {
        let will = written(address, (&remove, &say), links, ports);
        if remove.is_empty() && say.is_empty() {
            self.0.remove(address);
        } else {
            self.0.insert(address.to_owned(), Wanted { remove, say, told: will.clone() });
        }
        will
    }

    /// Links or places have moved: what the guard knows otherwise, of which address.
    pub(super) fn again(&mut self, links: &Links, ports: &Ports) -> Vec<(String, Will)> {
        let mut others = Vec::new();
        for (address, wanted) in &mut self.0 {
            let will = written(address, (&wanted.remove, &wanted.say), links, ports);
            if will != wanted.told {
                wanted.told = will.clone();
                others.push((address.clone(), will));
            }
        }
        others
    }
}

fn written(name: &str, (remove, say): (&[(String, Placed)], &[vrrp::Action]), links: &Links, ports: &Ports) -> Will {
    let index = |interface: &str| links.link(interface).map(|link| link.index);
    let removal = |(interface, address): &(String, Placed)| {
        Some(Removal { link: index(interface)?, interface: interface.clone(), address: *address })
    };
    let packet = |action: &vrrp::Action| {
        let vrrp::Action::Send { to, advert } = action else { return None };
        let (place, bytes) = ports.written(name, *to, advert)?;
        let interface = place.interface.clone();
        Some(Packet { link: index(&interface)?, interface, from: place.primary, to: *to, bytes })
    };
    Will { remove: remove.iter().filter_map(removal).collect(), say: say.iter().filter_map(packet).collect() }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use tokio::sync::mpsc;
    use vrrp::{Advert, Codec, Interval, Password, Priority, Vrid};

    use super::super::ports::Place;
    use super::*;

    const OWN: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const ALL: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18));

    fn resignation(vrid: Vrid) -> vrrp::Action {
        let interval = Interval::USUAL;
        let advert = Advert { vrid, priority: Priority::RESIGN, interval, addresses: vec![[192, 0, 2, 7].into()] };
        vrrp::Action::Send { to: ALL, advert }
    }

    #[tokio::test]
    async fn a_will_follows_the_place_and_the_words_of_its_router() {
        let (events, _inbox) = mpsc::channel(64);
        let (breaks, _broken) = mpsc::channel(64);
        let now = host::clock::now();
        let (mut links, mut ports, mut wills) =
            (Links::open().unwrap(), Ports::new(now, events, breaks), Wills::default());
        links.mind(["lo".to_owned()].into(), [].into());
        let vrid = Vrid::new(7).unwrap();
        let remove = vec![("lo".to_owned(), "192.0.2.7/32".parse().unwrap())];
        // Its router claims in the step in which it was configured.
        let will = wills.want("vip", (remove, vec![resignation(vrid)]), &links, &ports);
        assert_eq!((will.remove.len(), will.say.len()), (1, 0), "nobody knows yet from where it speaks");
        let place = |codec| Place { interface: "lo".to_owned(), primary: OWN, vrid: 7, codec };
        ports.settle(now, [("vip".to_owned(), place(Codec::v3()))].into(), &links);
        let again = wills.again(&links, &ports);
        let [(address, will)] = again.as_slice() else { panic!("{again:?}") };
        assert_eq!((address.as_str(), will.remove.len(), will.say.len()), ("vip", 1, 1));
        assert!(wills.again(&links, &ports).is_empty(), "nothing has moved");
        // Another password.
        let codec = Codec::v2(Password::new(b"another"));
        ports.settle(now, [("vip".to_owned(), place(codec))].into(), &links);
        let again = wills.again(&links, &ports);
        let [(_, other)] = again.as_slice() else { panic!("{again:?}") };
        assert_ne!(other.say, will.say);
        assert!(wills.want("vip", (vec![], vec![]), &links, &ports).is_empty());
        assert!(wills.again(&links, &ports).is_empty());
    }
}
