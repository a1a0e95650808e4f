//! Addresses and links, on the real kernel: each test in a network of its own, which goes with its thread.

mod net;

use std::net::{IpAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use host::clock::now;
use host::here::is_here;
use host::netlink::watch::{Change, Watch};
use host::netlink::{Address, Link, Netlink};
use net::{in_a_network, ip, wait};

fn link(netlink: &mut Netlink, name: &str) -> Link {
    netlink.links().unwrap().into_iter().find(|link| link.name == name).expect("it was made")
}

#[test]
fn links_are_listed_with_what_they_are() {
    in_a_network(|| {
        let netlink = &mut Netlink::open().unwrap();
        let near = wait("the link has a carrier", || Some(link(netlink, "near")).filter(|link| link.is_running));
        assert!(near.is_up);
        let mac = near.mac.expect("it is like an Ethernet").map(|byte| format!("{byte:02x}")).join(":");
        assert!(ip("link show near").contains(&mac), "{mac}");
        ip("link set far down");
        wait("no carrier, but up", || Some(link(netlink, "near")).filter(|link| link.is_up && !link.is_running));
        assert_eq!(link(netlink, "lo").mac, Some([0; 6]));
    });
}

#[test]
fn an_address_comes_and_goes() {
    in_a_network(|| {
        let netlink = &mut Netlink::open().unwrap();
        let near = link(netlink, "near").index;
        for (text, prefix) in [("192.0.2.7", 32), ("192.0.2.8", 24), ("2001:db8::7", 128), ("2001:db8:1::7", 64)] {
            let address = Address { link: near, ip: text.parse().unwrap(), prefix };
            assert!(!netlink.remove(&address).unwrap().was_there, "it is not there");
            netlink.put(&address, None).unwrap();
            netlink.put(&address, None).unwrap();
            let held: Vec<_> =
                netlink.addresses().unwrap().into_iter().filter(|held| held.address == address).collect();
            assert_eq!(held.len(), 1, "{text}");
            assert!(held[0].is_ours && held[0].valid.is_none() && !held[0].is_tentative, "{:?}", held[0]);
            assert!(ip("address show near").contains(&address.to_string()), "{address}");
            assert!(netlink.remove(&address).unwrap().was_there);
            assert!(netlink.addresses().unwrap().iter().all(|held| held.address != address));
        }
    });
}

/// The kernel believes in an IPv6 address at once, and lets packets in that are for it a moment later, from another thread of its own.
#[test]
fn an_address_that_was_put_is_heard_at_once() {
    in_a_network(|| {
        let netlink = &mut Netlink::open().unwrap();
        let near = link(netlink, "near").index;
        for (text, prefix) in [("192.0.2.8", 24), ("192.0.2.7", 32), ("2001:db8::8", 64), ("2001:db8::7", 128)] {
            let address = Address { link: near, ip: text.parse().unwrap(), prefix };
            let ears = UdpSocket::bind("[::]:0").unwrap();
            ears.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            let to = (address.ip, ears.local_addr().unwrap().port());
            // `put` waits no longer than for its bound, which a busy machine may reach now and then: it has promised nothing then.
            let mut waited_in_vain = 0;
            for round in 0..50 {
                let began = now();
                netlink.put(&address, Some(Duration::from_secs(60))).unwrap();
                let is_in_vain = now().since(began) >= Duration::from_millis(50);
                waited_in_vain += u32::from(is_in_vain);
                let mouth = UdpSocket::bind(if address.ip.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }).unwrap();
                mouth.send_to(b"x", to).unwrap();
                assert!(ears.recv(&mut [0]).is_ok() || is_in_vain, "{address} in round {round}");
                netlink.remove(&address).unwrap();
            }
            assert!(waited_in_vain < 50, "it is heard as a rule");
        }
    });
}

#[test]
fn an_address_is_here_while_it_is_and_no_longer() {
    in_a_network(|| {
        let netlink = &mut Netlink::open().unwrap();
        let near = link(netlink, "near").index;
        // By whatever way packets for others would leave.
        ip("route add default via 192.0.2.254 dev near onlink");
        for (text, prefix) in [("192.0.2.8", 24), ("198.51.100.7", 32), ("2001:db8::8", 64), ("fe80::8", 64)] {
            let address = Address { link: near, ip: text.parse().unwrap(), prefix };
            assert!(!is_here(address.ip), "{address}");
            netlink.put(&address, Some(Duration::from_secs(60))).unwrap();
            let until = now() + Duration::from_secs(30);
            while !is_here(address.ip) {
                assert!(now() < until, "{address}");
            }
            netlink.remove(&address).unwrap();
            assert!(!is_here(address.ip), "{address}");
        }
    });
}

#[test]
fn the_kernel_takes_what_is_not_refreshed() {
    in_a_network(|| {
        let netlink = &mut Netlink::open().unwrap();
        let lo = link(netlink, "lo").index;
        let addresses = ["192.0.2.7", "2001:db8::7"].map(|text| {
            let ip: IpAddr = text.parse().unwrap();
            Address { link: lo, ip, prefix: if ip.is_ipv4() { 32 } else { 128 } }
        });
        let there = |netlink: &mut Netlink, address: &Address| {
            netlink.addresses().unwrap().into_iter().find(|held| held.address == *address)
        };
        for address in &addresses {
            netlink.put(address, Some(Duration::from_millis(1_500))).unwrap();
            let valid = there(netlink, address).expect("it was put there").valid;
            assert!(valid.is_some_and(|valid| valid <= Duration::from_secs(2)), "whole seconds, never less: {valid:?}");
        }
        // Refreshed, they outlive their first time.
        let until = now() + Duration::from_secs(4);
        while now() < until {
            for address in &addresses {
                netlink.put(address, Some(Duration::from_secs(3))).unwrap();
            }
            thread::sleep(Duration::from_millis(50));
        }
        assert!(addresses.iter().all(|address| there(netlink, address).is_some()), "they were refreshed");
        for address in &addresses {
            wait("the kernel takes it", || there(netlink, address).is_none().then_some(()));
        }
    });
}

#[test]
fn changes_are_heard_of() {
    in_a_network(|| {
        let netlink = &mut Netlink::open().unwrap();
        let mut watch = Watch::open().unwrap();
        assert_eq!(watch.changes().unwrap(), []);
        let mut heard = Vec::new();
        let mut hear = |what: &str, so: &dyn Fn(&Change) -> bool| {
            wait(what, || {
                heard.extend(watch.changes().unwrap());
                heard.iter().any(so).then_some(())
            });
            heard.clear();
        };
        let near = link(netlink, "near").index;
        let address = Address { link: near, ip: [192, 0, 2, 7].into(), prefix: 32 };
        netlink.put(&address, Some(Duration::from_secs(60))).unwrap();
        hear(
            "it is there",
            &|change| matches!(change, Change::Address(held) if held.address == address && held.is_ours),
        );
        ip("address del 192.0.2.7/32 dev near");
        hear("somebody took it", &|change| *change == Change::AddressGone(address));
        ip("link set near down");
        hear("the link is down", &|change| matches!(change, Change::Link(link) if link.index == near && !link.is_up));
        ip("link del near");
        hear("the link is gone", &|change| *change == Change::LinkGone(near));
    });
}

#[test]
fn what_cannot_all_be_told_is_said_to_be_missed() {
    in_a_network(|| {
        let netlink = &mut Netlink::open().unwrap();
        let mut watch = Watch::open().unwrap();
        let lo = link(netlink, "lo").index;
        let address = Address { link: lo, ip: [192, 0, 2, 7].into(), prefix: 32 };
        // Nobody listens meanwhile: more than a socket holds by default.
        for _ in 0..3_000 {
            netlink.put(&address, Some(Duration::from_secs(60))).unwrap();
            netlink.remove(&address).unwrap();
        }
        let mut missed = false;
        wait("it says so", || {
            missed |= watch.changes().unwrap().contains(&Change::Missed);
            missed.then_some(())
        });
        assert!(netlink.addresses().unwrap().iter().all(|held| held.address != address), "and a look tells how it is");
    });
}

#[test]
fn a_refusal_tells_what_to_do() {
    in_a_network(|| {
        let netlink = &mut Netlink::open().unwrap();
        let nowhere = Address { link: 4_711, ip: [192, 0, 2, 7].into(), prefix: 32 };
        let refused = netlink.put(&nowhere, None).unwrap_err().to_string();
        assert!(refused.contains("192.0.2.7/32 on interface 4711") && refused.contains("`ip link`"), "{refused}");
        let lo = link(netlink, "lo").index;
        let odd = Address { link: lo, ip: [192, 0, 2, 7].into(), prefix: 33 };
        let refused = netlink.put(&odd, None).unwrap_err().to_string();
        assert!(refused.contains("The kernel says: ipv4: Invalid prefix length"), "{refused}");
        assert!(!netlink.remove(&nowhere).unwrap().was_there, "where there is no link, no address is");
    });
}

/// With the first address of a network the kernel removes those that came after it.
#[test]
fn an_address_that_goes_takes_no_other_along() {
    in_a_network(|| {
        let netlink = &mut Netlink::open().unwrap();
        let near = link(netlink, "near").index;
        let at = |last| Address { link: near, ip: [192, 0, 2, last].into(), prefix: 24 };
        let shown = |last: u8| {
            let all = ip("-o -4 address show near");
            all.lines().find(|line| line.contains(&format!(" 192.0.2.{last}/"))).unwrap_or_default().to_owned()
        };
        for last in [7, 8, 9] {
            netlink.put(&at(last), None).unwrap();
        }
        ip("address add 192.0.2.2/24 brd + dev near label near:own valid_lft 1000 preferred_lft 900");
        ip("address add 192.0.2.3/25 dev near");
        assert!(shown(2).contains("secondary") && !shown(3).contains("secondary"), "{}", shown(2));
        let removed = netlink.remove(&at(7)).unwrap();
        assert_eq!((removed.was_there, removed.taken_along), (true, vec![at(2), at(9), at(8)]));
        // It is as it was, and the first of its network.
        let own = shown(2);
        for word in ["brd 192.0.2.255", "near:own", "dynamic"] {
            assert!(own.contains(word) && !own.contains("secondary"), "{own}");
        }
        let ours = |netlink: &mut Netlink, last| {
            netlink.addresses().unwrap().iter().any(|held| held.address == at(last) && held.is_ours)
        };
        assert!(ours(netlink, 8) && ours(netlink, 9) && !shown(3).is_empty());
        // None of these is the first.
        for last in [8, 9] {
            assert_eq!(netlink.remove(&at(last)).unwrap().taken_along, []);
        }
        // A kernel that promotes them does it itself.
        netlink.put(&at(8), None).unwrap();
        std::fs::write("/proc/sys/net/ipv4/conf/near/promote_secondaries", "1").unwrap();
        assert_eq!(netlink.remove(&at(2)).unwrap().taken_along, []);
        assert!(shown(2).is_empty() && ours(netlink, 8));
    });
}
