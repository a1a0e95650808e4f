//! A client waits for an answer of a host that is gone, without any time limit. Whoever takes the address over lets it know.

mod net;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use host::clock::now;
use host::neighbours::Announcer;
use host::netlink::{Address, Netlink};
use host::tickle::Tickler;
use net::{Far, in_a_network, ip, wait};

/// Three hosts on one link: this one, where the clients are, and two behind a bridge.
fn three_hosts(test: impl FnOnce(&Far, &Far) + Send + 'static) {
    in_a_network(|| {
        ip("link add bridge type bridge forward_delay 0");
        let hosts = [Far::new(), Far::new()];
        for (host, name) in hosts.iter().zip(["old", "new"]) {
            ip(&format!("link add {name} type veth peer name far-{name}"));
            ip(&format!("link set {name} master bridge up"));
            host.plug(&format!("far-{name}"), "eth0");
        }
        ip("link set bridge up");
        ip("address add 192.0.2.1/24 dev bridge");
        ip("address add 2001:db8::1/64 dev bridge nodad");
        test(&hosts[0], &hosts[1]);
    });
}

fn take(at: IpAddr) {
    let mut netlink = Netlink::open().unwrap();
    let link = netlink.links().unwrap().into_iter().find(|link| link.name == "eth0").expect("it was plugged in");
    let prefix = if at.is_ipv4() { 24 } else { 64 };
    netlink.put(&Address { link: link.index, ip: at, prefix }, None).unwrap();
    Announcer::open().unwrap().announce(&link, at).unwrap();
}

#[test]
fn who_waits_for_a_host_that_is_gone_is_reset_by_the_new_one() {
    three_hosts(|old, new| {
        for text in ["192.0.2.7:6379", "[2001:db8::7]:6379"] {
            let at: SocketAddr = text.parse().unwrap();
            let listener = old.run(move || {
                take(at.ip());
                TcpListener::bind(at).unwrap()
            });
            let listener = listener.join().unwrap();
            let accepted = thread::spawn(move || listener.accept().unwrap().0);
            let mut client = wait("the client connects", || TcpStream::connect(at).ok());
            let mut served = accepted.join().unwrap();
            client.write_all(b"GET k\r\n").unwrap();
            served.read_exact(&mut [0; 7]).unwrap();

            // The host is gone without a word: nothing of its kernel comes through any more.
            ip("link set old nomaster");
            let us = client.local_addr().unwrap();
            let waits = thread::spawn(move || {
                let answer = client.read(&mut [0; 1]);
                (answer.unwrap_err().kind(), now())
            });
            thread::sleep(Duration::from_millis(300));
            assert!(!waits.is_finished(), "by itself it learns nothing");
            let taken = new.run(move || {
                take(at.ip());
                let taken = now();
                let tickler = Tickler::open().unwrap();
                // As whoever takes over does: a few times, for the first may be lost.
                for _ in 0..20 {
                    let _ = tickler.tickle(at, us);
                    thread::sleep(Duration::from_millis(50));
                }
                taken
            });
            let (kind, when) = waits.join().unwrap();
            let taken = taken.join().unwrap();
            assert_eq!(kind, ErrorKind::ConnectionReset);
            println!("{at}: reset {:?} after it was taken over", when - taken);
            drop(served);
            ip("link set old master bridge");
            for host in [old, new] {
                host.ip("address flush dev eth0");
            }
        }
    });
}

#[test]
fn a_client_that_nobody_reaches_is_an_error_and_nothing_worse() {
    in_a_network(|| {
        let tickler = Tickler::open().unwrap();
        let at = |text: &str| -> SocketAddr { text.parse().unwrap() };
        let said = tickler.tickle(at("192.0.2.7:6379"), at("198.51.100.1:1")).unwrap_err().to_string();
        assert!(said.contains("198.51.100.1:1") && said.contains("`ip route get`"), "{said}");
        tickler.tickle(at("192.0.2.7:6379"), at("[2001:db8::1]:1")).unwrap();
    });
}

#[test]
fn who_is_still_served_takes_no_harm() {
    three_hosts(|old, new| {
        let at: SocketAddr = "192.0.2.7:6379".parse().unwrap();
        let listener = old.run(move || {
            take(at.ip());
            TcpListener::bind(at).unwrap()
        });
        let listener = listener.join().unwrap();
        let accepted = thread::spawn(move || listener.accept().unwrap().0);
        let mut client = wait("the client connects", || TcpStream::connect(at).ok());
        let mut served = accepted.join().unwrap();
        let us = client.local_addr().unwrap();
        let told = new.run(move || {
            ip("address add 192.0.2.8/24 dev eth0");
            let tickler = Tickler::open().unwrap();
            for _ in 0..20 {
                tickler.tickle(at, us).unwrap();
                thread::sleep(Duration::from_millis(30));
            }
        });
        told.join().unwrap();
        client.write_all(b"PING\r\n").unwrap();
        served.read_exact(&mut [0; 6]).unwrap();
        served.write_all(b"+PONG\r\n").unwrap();
        client.read_exact(&mut [0; 7]).unwrap();
    });
}
