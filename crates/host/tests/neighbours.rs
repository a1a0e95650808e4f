//! Announcements and questions between two hosts, on the real kernel: it is asked what it has learnt.

mod net;

use std::net::IpAddr;
use std::time::Duration;

use host::neighbours::{Announcer, Probe};
use host::netlink::{Address, Link, Netlink};
use net::{ip, link, two_hosts, wait};

fn mac(link: &Link) -> String {
    link.mac.unwrap().map(|byte| format!("{byte:02x}")).join(":")
}

#[test]
fn a_neighbour_who_knew_another_place_learns_the_new_one() {
    two_hosts(|far| {
        let near = link("near");
        let announcer = Announcer::open().unwrap();
        for address in ["192.0.2.7", "2001:db8::7"] {
            far.ip(&format!("neigh replace {address} lladdr 02:00:00:00:00:99 dev far nud reachable"));
            assert!(far.ip("neigh show").contains("02:00:00:00:00:99"));
            wait("the neighbour has learnt it", || {
                // The link may have come up a moment ago.
                announcer.announce(&near, address.parse().unwrap()).unwrap();
                far.ip("neigh show")
                    .lines()
                    .any(|line| line.contains(address) && line.contains(&mac(&near)))
                    .then_some(())
            });
        }
    });
}

#[test]
fn who_has_an_address_says_so() {
    two_hosts(|far| {
        let near = link("near");
        for (address, prefix) in [("192.0.2.7", 24), ("2001:db8::7", 64)] {
            let ip: IpAddr = address.parse().unwrap();
            far.ip(&format!("address add {address}/{prefix} dev far{}", if ip.is_ipv6() { " nodad" } else { "" }));
            let probe = Probe::begin(&near, ip).unwrap();
            let holder = wait("somebody answers", || {
                probe.ask().unwrap();
                probe.holder().unwrap()
            });
            assert!(
                far.ip("link show far").contains(&holder.map(|byte| format!("{byte:02x}")).join(":")),
                "{holder:02x?}"
            );
            let free = if ip.is_ipv4() { "192.0.2.8" } else { "2001:db8::8" };
            let probe = Probe::begin(&near, free.parse().unwrap()).unwrap();
            std::thread::sleep(Duration::from_millis(300));
            assert_eq!(probe.holder().unwrap(), None, "nobody has {free}");
        }
    });
}

#[test]
fn our_own_address_is_no_conflict() {
    two_hosts(|_| {
        let near = link("near");
        let held: IpAddr = [192, 0, 2, 7].into();
        Netlink::open().unwrap().put(&Address { link: near.index, ip: held, prefix: 32 }, None).unwrap();
        let probe = Probe::begin(&near, held).unwrap();
        Announcer::open().unwrap().announce(&near, held).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(probe.holder().unwrap(), None);
    });
}

#[test]
fn a_link_that_is_down_or_gone_is_said_to_be() {
    two_hosts(|_| {
        let near = link("near");
        ip("link set near down");
        let said = Announcer::open().unwrap().announce(&near, [192, 0, 2, 7].into()).unwrap_err().to_string();
        assert!(said.contains("near") && said.contains("`ip link set NAME up`"), "{said}");
        ip("link del near");
        let said = Announcer::open().unwrap().announce(&near, [192, 0, 2, 7].into()).unwrap_err().to_string();
        assert!(said.contains("near") && said.contains("`ip link`"), "{said}");
        let nobody = Link { mac: Some([0; 6]), ..link("lo") };
        Announcer::open().unwrap().announce(&nobody, [192, 0, 2, 7].into()).unwrap();
    });
}
