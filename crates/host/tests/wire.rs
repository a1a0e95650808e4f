//! Packets of a protocol of its own, between two hosts on the real kernel.

mod net;

use std::net::{IpAddr, UdpSocket};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use host::netlink::Link;
use host::wire::{Carries, Wire};
use net::{ip, link, two_hosts, wait};

const VRRP: u8 = 112;

fn carries(group: &str) -> Carries {
    Carries { protocol: VRRP, group: group.parse().unwrap(), hops: 255 }
}

#[test]
fn what_one_says_the_other_hears_and_nothing_else() {
    two_hosts(|far| {
        for (near_ip, far_ip, group, prefix) in
            [("192.0.2.1", "192.0.2.2", "224.0.0.18", 24), ("2001:db8::1", "2001:db8::2", "ff02::12", 64)]
        {
            let nodad = if prefix == 64 { " nodad" } else { "" };
            ip(&format!("address add {near_ip}/{prefix} dev near{nodad}"));
            far.ip(&format!("address add {far_ip}/{prefix} dev far{nodad}"));
            let [near_ip, far_ip, group] = [near_ip, far_ip, group].map(|text| text.parse::<IpAddr>().unwrap());
            let (to, heard) = channel::<Vec<u8>>();
            let (ready, is_ready) = channel();
            let listens = far.run(move || {
                let wire = Wire::open(&link("far"), far_ip, &carries(&group.to_string())).unwrap();
                ready.send(()).unwrap();
                let mut packet = [0; 1_500];
                for _ in 0..3_000 {
                    while let Some(len) = wire.receive(&mut packet).unwrap() {
                        if to.send(packet[..len].to_vec()).is_err() {
                            return;
                        }
                    }
                    thread::sleep(Duration::from_millis(10));
                }
            });
            is_ready.recv().unwrap();
            let wire = Wire::open(&link("near"), near_ip, &carries(&group.to_string())).unwrap();
            // Traffic that is not its: it must not come through.
            let other = UdpSocket::bind((near_ip, 0)).unwrap();
            for to in [group, far_ip] {
                let payload = format!("to {to}");
                let packet = wait("it is heard", || {
                    let _ = other.send_to(b"other", (far_ip, 9));
                    let _ = wire.send(to, payload.as_bytes());
                    heard
                        .recv_timeout(Duration::from_millis(50))
                        .ok()
                        .filter(|packet| packet.ends_with(payload.as_bytes()))
                });
                let (hops, protocol) = if near_ip.is_ipv4() { (packet[8], packet[9]) } else { (packet[7], packet[6]) };
                assert_eq!((hops, protocol), (255, VRRP), "{packet:?}");
            }
            assert!(heard.try_iter().all(|packet| !packet.ends_with(b"other")));
            let mut packet = [0; 1_500];
            assert_eq!(wire.receive(&mut packet).unwrap(), None, "it does not hear itself");
            drop(heard);
            wire.send(far_ip, b"the end").unwrap();
            listens.join().unwrap();
        }
    });
}

#[test]
fn what_cannot_be_opened_says_why() {
    two_hosts(|_| {
        let near = link("near");
        let said = |from: &str, group: &str| {
            Wire::open(&near, from.parse().unwrap(), &carries(group)).unwrap_err().to_string()
        };
        let foreign = said("192.0.2.99", "224.0.0.18");
        assert!(foreign.contains("near") && foreign.contains("`ip address`"), "{foreign}");
        assert!(said("192.0.2.1", "ff02::12").contains("near"), "two families");
        let gone = Link { index: 4_711, ..near.clone() };
        assert!(Wire::open(&gone, [127, 0, 0, 1].into(), &carries("224.0.0.18")).is_err());
    });
}
