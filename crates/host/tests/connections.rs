//! Does the kernel tell who is connected to an address, and only that?

mod net;

use std::io::{ErrorKind, Read as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use host::netlink::connections::{Connection, Connections};
use host::netlink::{Address, Netlink};
use net::{in_a_network, ip, two_hosts};

/// Connects there so many times, from so many.
fn connect(listener: &TcpListener, to: SocketAddr, many: usize) -> (Vec<TcpStream>, Vec<TcpStream>) {
    let pairs = (0..many).map(|_| (TcpStream::connect(to).unwrap(), listener.accept().unwrap().0));
    pairs.unzip()
}

fn at(ip: &str) -> Vec<Connection> {
    let ip = ip.parse().unwrap();
    let listed = Connections::open().unwrap().at(&[ip], usize::MAX).unwrap().remove(&ip).unwrap();
    assert_eq!(listed.more, 0);
    let mut connections = listed.connections;
    connections.sort();
    connections
}

/// Whoever is there, and nobody else: how many.
fn reset(kernel: &mut Connections, ips: &[IpAddr]) -> usize {
    let (_, there) = kernel.at_last(ips, usize::MAX).unwrap();
    kernel.reset(there, Duration::from_secs(30)).unwrap()
}

#[test]
fn those_at_an_address_are_listed_whichever_socket_serves_them() {
    two_hosts(|far| {
        for words in [
            "address add 192.0.2.1/24 dev near",
            "address add 192.0.2.7/32 dev near",
            "address add 2001:db8::1/64 dev near nodad",
        ] {
            ip(words);
        }
        far.ip("address add 192.0.2.9/24 dev far");
        far.ip("address add 2001:db8::9/64 dev far nodad");
        // Of both families.
        let listener = TcpListener::bind("[::]:6379").unwrap();
        let clients = far.run(|| {
            let connect = |to: &str| {
                net::wait("the link is up", || {
                    TcpStream::connect_timeout(&to.parse().unwrap(), Duration::from_secs(1)).ok()
                })
            };
            ["192.0.2.7:6379", "192.0.2.1:6379", "[2001:db8::1]:6379"].map(connect)
        });
        let clients = clients.join().unwrap();
        let _served: Vec<_> = clients.iter().map(|_| listener.accept().unwrap()).collect();
        for (client, ip) in clients.iter().zip(["192.0.2.7", "192.0.2.1", "2001:db8::1"]) {
            let connection = Connection { at: client.peer_addr().unwrap(), client: client.local_addr().unwrap() };
            assert_eq!(at(ip), [connection]);
        }
        let own = TcpListener::bind("192.0.2.7:6380").unwrap();
        let _with_itself = connect(&own, "192.0.2.7:6380".parse().unwrap(), 1);
        assert_eq!(at("192.0.2.7").len(), 1, "what the host says to itself does not move");
        // Who closes waits for nothing.
        let [mut first, ..] = clients;
        first.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(at("192.0.2.7").len(), 1, "it still wants its answer");
        reset(&mut Connections::open().unwrap(), &["192.0.2.7".parse().unwrap()]);
        assert_eq!(first.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(at("192.0.2.7"), []);
        assert_eq!(at("192.0.2.1").len(), 1, "nobody else was");
    });
}

#[test]
fn there_is_a_bound_and_what_is_beyond_is_counted() {
    in_a_network(|| {
        let listener = TcpListener::bind("127.0.0.2:0").unwrap();
        let (mut clients, _served) = connect(&listener, listener.local_addr().unwrap(), 300);
        let at: IpAddr = [127, 0, 0, 2].into();
        let all = Connections::open().unwrap().at(&[at], usize::MAX).unwrap().remove(&at).unwrap();
        assert_eq!((all.connections.len(), all.more), (clients.len(), 0));
        let some = Connections::open().unwrap().at(&[at], 100).unwrap().remove(&at).unwrap();
        assert_eq!((some.connections.len(), some.more), (100, 200));
        let (further, _further) = connect(&listener, listener.local_addr().unwrap(), 300);
        clients.extend(further);
        assert_eq!(reset(&mut Connections::open().unwrap(), &[at]), clients.len(), "however many they are");
    });
}

/// As many as a host may have at most, of both families: none of others, and each at its own.
#[test]
fn those_at_hundreds_of_addresses_are_listed_in_one_go() {
    in_a_network(|| {
        for words in ["address add 2001:db8::7/64 dev lo nodad", "address add 2001:db8::9/64 dev lo nodad"] {
            ip(words);
        }
        let far: Vec<IpAddr> = (0..600).map(|n: u16| [127, 1, (n >> 8) as u8, (n & 255) as u8].into()).collect();
        let six: IpAddr = "2001:db8::7".parse().unwrap();
        let held = [far[0], far[1], far[511], far[512], far[599], six];
        let listeners = held.map(|ip| TcpListener::bind((ip, 0)).unwrap());
        let from = |ip: IpAddr| if ip.is_ipv4() { "127.0.0.1" } else { "2001:db8::9" }.parse::<IpAddr>().unwrap();
        let clients = listeners.iter().map(|listener| {
            let at = listener.local_addr().unwrap();
            let socket = socket2::Socket::new(socket2::Domain::for_address(at), socket2::Type::STREAM, None).unwrap();
            socket.bind(&SocketAddr::new(from(at.ip()), 0).into()).unwrap();
            socket.connect(&at.into()).unwrap();
            (TcpStream::from(socket), listener.accept().unwrap().0)
        });
        let mut clients: Vec<_> = clients.collect();
        let mut kernel = Connections::open().unwrap();
        let mut wanted: Vec<IpAddr> = far.iter().copied().filter(|ip| *ip != far[1]).collect();
        wanted.push(six);
        let listed = kernel.at(&wanted, usize::MAX).unwrap();
        assert_eq!(listed.len(), wanted.len(), "each that was asked for, and no other");
        for ip in &wanted {
            let there = usize::from(held.contains(ip));
            assert_eq!((listed[ip].connections.len(), listed[ip].more), (there, 0), "{ip}");
        }
        assert_eq!(reset(&mut kernel, &wanted), held.len() - 1);
        for (ip, (client, _)) in held.iter().zip(&mut clients) {
            client.set_nonblocking(true).unwrap();
            let said = client.read(&mut [0]).unwrap_err().kind();
            let wanted = if *ip == far[1] { ErrorKind::WouldBlock } else { ErrorKind::ConnectionReset };
            assert_eq!(said, wanted, "{ip}");
        }
    });
}

/// What an address that leaves does: whoever is connected is told, and nobody comes in between.
#[test]
fn behind_a_shut_door_clients_can_be_reset_and_nobody_comes_in() {
    two_hosts(|far| {
        for words in ["address add 192.0.2.1/24 dev near", "address add 2001:db8::1/64 dev near nodad"] {
            ip(words);
        }
        far.ip("address add 192.0.2.9/24 dev far");
        far.ip("address add 2001:db8::9/64 dev far nodad");
        // A host in the way of another network; one on the link; both families.
        far.ip("route add 198.51.100.3/32 via 192.0.2.1");
        for (held, prefix, interface) in
            [("198.51.100.3", 32, "lo"), ("192.0.2.7", 24, "near"), ("2001:db8::7", 64, "near")]
        {
            let mut netlink = Netlink::open().unwrap();
            let address = Address { link: net::link(interface).index, ip: held.parse().unwrap(), prefix };
            netlink.put(&address, Some(Duration::from_secs(60))).unwrap();
            let at = SocketAddr::new(address.ip, 6379);
            let listener = TcpListener::bind(at).unwrap();
            let connect = move |patience: u64| TcpStream::connect_timeout(&at, Duration::from_millis(patience));
            let mut client = net::wait("the link is up", || far.run(move || connect(1_000)).join().unwrap().ok());
            let _served = listener.accept().unwrap();
            let mut waiting = far.run(move || connect(1_000)).join().unwrap().unwrap();

            assert!(netlink.shut(&address).unwrap());
            assert!(!netlink.shut(&address).unwrap(), "it is shut already");
            far.run(move || connect(300)).join().unwrap().unwrap_err();
            reset(&mut Connections::open().unwrap(), &[address.ip]);
            for (what, client) in [("who was served", &mut client), ("who was not yet accepted", &mut waiting)] {
                client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
                assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset, "{what} at {held}");
            }
            assert!(netlink.remove(&address).unwrap().was_there, "it is still there");
            netlink.put(&address, None).unwrap();
            net::wait("it is open again", || far.run(move || connect(1_000)).join().unwrap().ok());
            netlink.remove(&address).unwrap();
        }
    });
}

/// Its last word to the host may have met a shut door; here the listener waits for a request before it believes in a client.
#[test]
fn whoever_has_the_address_next_is_told_of_those_who_are_half_connected() {
    in_a_network(|| {
        let listener = TcpListener::bind("127.0.0.2:0").unwrap();
        let at = listener.local_addr().unwrap();
        believe_who_asks(&listener);
        let client = TcpStream::connect(at).unwrap();
        let mut kernel = Connections::open().unwrap();
        let connection = Connection { at, client: client.local_addr().unwrap() };
        assert_eq!(kernel.at_last(&[at.ip()], usize::MAX).unwrap().0[&at.ip()].connections, [connection]);
        assert_eq!(kernel.at(&[at.ip()], usize::MAX).unwrap()[&at.ip()].connections, []);
    });
}

#[expect(unsafe_code, reason = "setsockopt")]
fn believe_who_asks(listener: &TcpListener) {
    let seconds: libc::c_int = 30;
    let len = libc::socklen_t::try_from(size_of_val(&seconds)).unwrap();
    // SAFETY: man 2 setsockopt, man 7 tcp: it reads an integer of this length, which outlives the call.
    let done = unsafe {
        let value = std::ptr::from_ref(&seconds).cast();
        libc::setsockopt(listener.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, value, len)
    };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}
