//! VRRP routers, one on each interface, as simple as can be: the machine of the crate `vrrp` over what the crate `host` has for it, to be
//! tried beside Keepalived. No driver for use: its addresses stay when it is killed.
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
use std::io::{self, BufRead as _};
use std::net::IpAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use host::neighbours::Announcer;
use host::netlink::{Address, Link, Netlink};
use host::wire::{Carries, Wire};
use host::{HostRefused, clock};
use machine::{Machine, story};
use rustix::event::{self, PollFd, PollFlags};
use serde::Serialize;
use serde::de::DeserializeOwned;
use vrrp::{Action, Codec, Config, Datagram, Event, Password, Router, SyncGroup, sync};

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
    link: Link,
    primary: IpAddr,
    codec: Codec,
    wire: Arc<Wire>,
    announcer: Announcer,
}

impl Port {
    fn open(interface: &str, codec: Codec, config: &Config, to: &Sender<(String, Event)>) -> Result<Self, HostRefused> {
        let links = Netlink::open()?.links()?;
        let link = links.into_iter().find(|link| link.name == interface).expect("there is such an interface");
        let group = match config.primary {
            IpAddr::V4(_) => vrrp::ip::MULTICAST_V4.into(),
            IpAddr::V6(_) => vrrp::ip::MULTICAST_V6.into(),
        };
        let carries = Carries { protocol: vrrp::ip::PROTOCOL, group, hops: vrrp::ip::HOPS };
        let wire = Arc::new(Wire::open(&link, config.primary, &carries)?);
        let (name, vrid, listens, to) = (interface.to_owned(), config.vrid.number(), codec.clone(), to.clone());
        let heard = wire.clone();
        thread::spawn(move || receive(&name, &heard, &listens, vrid, &to));
        Ok(Self { link, primary: config.primary, codec, wire, announcer: Announcer::open()? })
    }

    fn act(&self, action: &Action) {
        match action {
            Action::Send { to, advert } => {
                let bytes = self.codec.encode(advert, self.primary, *to);
                // Nobody may be there, or no cable: the next one follows.
                self.complain(self.wire.send(*to, &bytes));
                return;
            }
            Action::Take { addresses } => {
                self.each(addresses, |netlink, address| netlink.put(address, None));
            }
            Action::Release { addresses } => {
                self.each(addresses, |netlink, address| netlink.remove(address).map(drop));
            }
            Action::Announce { addresses } => {
                for ip in addresses {
                    self.complain(self.announcer.announce(&self.link, *ip));
                }
            }
            Action::Changed { .. } | Action::Tell { .. } => {}
        }
        tell(action);
    }

    fn each(&self, addresses: &[IpAddr], order: impl Fn(&mut Netlink, &Address) -> Result<(), HostRefused>) {
        for ip in addresses {
            let address = Address { link: self.link.index, ip: *ip, prefix: if ip.is_ipv4() { 32 } else { 128 } };
            self.complain(Netlink::open().and_then(|mut netlink| order(&mut netlink, &address)));
        }
    }

    fn complain(&self, done: Result<(), HostRefused>) {
        if let Err(refused) = done {
            eprintln!("{}: {refused}", self.link.name);
        }
    }
}

fn receive(name: &str, wire: &Wire, codec: &Codec, vrid: u8, to: &Sender<(String, Event)>) {
    let mut buffer = [0; 2_048];
    loop {
        if let Err(error) = event::poll(&mut [PollFd::new(wire, PollFlags::IN)], None) {
            assert_eq!(error, rustix::io::Errno::INTR, "it can be waited for");
        }
        while let Ok(Some(len)) = wire.receive(&mut buffer) {
            let datagram = match Datagram::parse(&buffer[..len]) {
                // Another router of the link. Members of a group have different numbers.
                Ok(datagram) if datagram.vrid() != Some(vrid) => continue,
                parsed => parsed,
            };
            if to.send((name.to_owned(), Event::received(codec, datagram))).is_err() {
                return;
            }
        }
    }
}

/// How late a typed event may be.
const A_MOMENT: Duration = Duration::from_millis(20);
