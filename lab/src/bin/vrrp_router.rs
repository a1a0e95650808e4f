//! VRRP routers, one on each interface, as simple as can be: the machine of the crate `vrrp` over raw sockets and the program `ip`, to
//! be tried beside Keepalived. No driver for use: it announces nothing by ARP, and its addresses stay when it is killed.
//!
//! ```text
//! vrrp_router INTERFACE CODEC CONFIG ...     several are a sync group, whose members are called as their interfaces
//!     CODEC   v2, v2:PASSWORD, v3, v3-as-v2, each with +HOPS for the least TTL
//!     CONFIG  the configuration of a router as in a story
//! ```
//!
//! Prints every action but the advertisements as a story's line. On its standard input come a story's events, one a line; it ends with the
//! input, and after `shutdown`.

use std::collections::BTreeMap;
use std::env;
use std::io::{self, BufRead as _, Read as _};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::process::{Command, ExitCode};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use host::clock;
use machine::{Machine, story};
use serde::Serialize;
use serde::de::DeserializeOwned;
use socket2::{Domain, Protocol, Socket, Type};
use vrrp::{Action, Codec, Config, Datagram, Event, Password, Refused, Router, SyncGroup, sync};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let (routers, rest) = words.as_chunks::<3>();
    if routers.is_empty() || !rest.is_empty() {
        eprintln!("usage: vrrp_router INTERFACE CODEC CONFIG ...");
        return ExitCode::from(2);
    }
    let (to, received) = channel();
    let mut members = Vec::new();
    let mut ports = BTreeMap::new();
    for [interface, codec, config] in routers {
        let config: Config = story::from_line(config).expect("a configuration as in a story");
        config.check().expect("a configuration that can be");
        let codec = codec_of(codec).expect("a codec such as v2:PASSWORD+64");
        let port = Port::open(interface, codec, &config, &to).expect("raw sockets, so root");
        ports.insert(interface.clone(), port);
        members.push((interface.clone(), config));
    }
    if let [(only, config)] = members.as_slice() {
        let router = Router::new(config.clone(), clock::now());
        run(router, Event::Startup, &received, |_, event| event, |action| ports[only].act(&action));
    } else {
        let group = SyncGroup::new(members, clock::now());
        let of_member = |name, event| sync::Event::Member { name, event };
        run(group, sync::Event::Startup, &received, of_member, |action| match action {
            sync::Action::Member { name, action } => ports[&name].act(&action),
            changed @ sync::Action::Changed { .. } => tell(&changed),
        });
    }
    ExitCode::SUCCESS
}

/// The loop of a driver, for one router or a group of them. Ends when it was told to `shutdown`.
fn run<M>(
    mut machine: M,
    startup: M::Event,
    received: &Receiver<(String, Event)>,
    of: impl Fn(String, Event) -> M::Event,
    mut act: impl FnMut(M::Action),
) where
    M: Machine<Event: DeserializeOwned + Send + 'static>,
{
    let (to, told) = channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            let event: M::Event = story::from_line(&line).expect("an event as in a story");
            if to.send((line == "shutdown", event)).is_err() {
                return;
            }
        }
    });
    machine::step(&mut machine, clock::now(), startup, &mut act);
    loop {
        let now = clock::now();
        if machine.deadline().is_some_and(|(at, _)| at <= now) {
            machine::wake(&mut machine, now, &mut act);
        }
        match told.try_recv() {
            Ok((is_last, event)) => {
                machine::step(&mut machine, clock::now(), event, &mut act);
                if is_last {
                    println!("ended");
                    return;
                }
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return,
        }
        // What is typed may wait for a moment; what is due and what is received may not.
        let rest = machine.deadline().map_or(A_MOMENT, |(at, _)| at.since(clock::now()).min(A_MOMENT));
        if let Ok((interface, event)) = received.recv_timeout(rest) {
            machine::step(&mut machine, clock::now(), of(interface, event), &mut act);
        }
    }
}

fn tell(action: &impl Serialize) {
    println!("{}", story::to_line(action).expect("an action is a line"));
}

fn codec_of(text: &str) -> Option<Codec> {
    let (form, hops) = text.split_once('+').unwrap_or((text, "255"));
    let codec = match form.split_once(':').unwrap_or((form, "")) {
        ("v2", "") => Codec::v2(None),
        ("v2", password) => Codec::v2(Some(Password::new(password.as_bytes())?)),
        ("v3", "") => Codec::v3(),
        ("v3-as-v2", "") => Codec::v3_checksum_as_v2(),
        _ => return None,
    };
    Some(codec.with_least_hops(hops.parse().ok()?))
}

/// Where one router lives.
struct Port {
    interface: String,
    index: u32,
    primary: IpAddr,
    codec: Codec,
    sender: Socket,
}

impl Port {
    fn open(interface: &str, codec: Codec, config: &Config, to: &Sender<(String, Event)>) -> io::Result<Self> {
        let index = std::fs::read_to_string(format!("/sys/class/net/{interface}/ifindex"))?;
        let index: u32 = index.trim().parse().expect("the kernel writes a number");
        // Whole IP packets of every sort, with their TTL and where they went to, of both families alike.
        let every = Protocol::from(i32::from(ETH_P_ALL.to_be()));
        let receiver = Socket::new(Domain::PACKET, Type::DGRAM, Some(every))?;
        let sender = sender(config, index)?;
        let (name, vrid, listens, to) = (interface.to_owned(), config.vrid.number(), codec.clone(), to.clone());
        thread::spawn(move || receive(&name, &receiver, &listens, vrid, &to));
        Ok(Self { interface: interface.to_owned(), index, primary: config.primary, codec, sender })
    }

    fn act(&self, action: &Action) {
        match action {
            Action::Send { to, advert } => {
                let bytes = self.codec.encode(advert, self.primary, *to);
                let to = match to {
                    IpAddr::V4(v4) => SocketAddr::from((*v4, 0)),
                    IpAddr::V6(v6) => SocketAddrV6::new(*v6, 0, 0, self.index).into(),
                };
                // Nobody may be there, or no cable: the next one follows.
                if let Err(error) = self.sender.send_to(&bytes, &to.into()) {
                    eprintln!("not sent to {to}: {error}");
                }
                return;
            }
            Action::Take { addresses } => addresses.iter().for_each(|address| self.address("replace", *address)),
            Action::Release { addresses } => addresses.iter().for_each(|address| self.address("delete", *address)),
            Action::Announce { .. } | Action::Changed { .. } | Action::Tell { .. } => {}
        }
        tell(action);
    }

    fn address(&self, verb: &str, address: IpAddr) {
        let with_length = if address.is_ipv4() { format!("{address}/32") } else { format!("{address}/128") };
        let mut ip = Command::new("ip");
        ip.args(["address", verb, &with_length, "dev", &self.interface]);
        if address.is_ipv6() && verb == "replace" {
            ip.arg("nodad");
        }
        let output = ip.output().expect("`ip` is on the PATH");
        if !output.status.success() {
            eprintln!("{verb} {address}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
    }
}

fn sender(config: &Config, index: u32) -> io::Result<Socket> {
    let vrrp = Some(Protocol::from(i32::from(vrrp::ip::PROTOCOL)));
    let hops = u32::from(vrrp::ip::HOPS);
    let (socket, from): (Socket, SocketAddr) = match config.primary {
        IpAddr::V4(v4) => {
            let socket = Socket::new(Domain::IPV4, Type::RAW, vrrp)?;
            socket.set_multicast_if_v4(&v4)?;
            socket.join_multicast_v4(&vrrp::ip::MULTICAST_V4, &v4)?;
            socket.set_multicast_ttl_v4(hops)?;
            socket.set_ttl_v4(hops)?;
            socket.set_tos_v4(INTERNETWORK_CONTROL)?;
            (socket, (v4, 0).into())
        }
        IpAddr::V6(v6) => {
            let socket = Socket::new(Domain::IPV6, Type::RAW, vrrp)?;
            socket.set_multicast_if_v6(index)?;
            socket.join_multicast_v6(&vrrp::ip::MULTICAST_V6, index)?;
            socket.set_multicast_hops_v6(hops)?;
            socket.set_unicast_hops_v6(hops)?;
            (socket, SocketAddrV6::new(v6, 0, 0, index).into())
        }
    };
    socket.bind(&from.into())?;
    Ok(socket)
}

fn receive(name: &str, socket: &Socket, codec: &Codec, vrid: u8, to: &Sender<(String, Event)>) {
    let mut buffer = [0; 2_048];
    loop {
        let Ok(len) = (&*socket).read(&mut buffer) else { continue };
        let datagram = match Datagram::parse(&buffer[..len]) {
            // All that passes any interface comes here. Members of a group have different numbers.
            Err(Refused::Protocol | Refused::Length { .. }) => continue,
            Ok(datagram) if datagram.vrid() != Some(vrid) => continue,
            parsed => parsed,
        };
        if to.send((name.to_owned(), Event::received(codec, datagram))).is_err() {
            return;
        }
    }
}

/// How late a typed event may be.
const A_MOMENT: Duration = Duration::from_millis(20);
/// In the order of the network, all protocols of a link.
const ETH_P_ALL: u16 = 3;
/// The class of routing protocols, as Keepalived sets it.
const INTERNETWORK_CONTROL: u32 = 0xC0;
