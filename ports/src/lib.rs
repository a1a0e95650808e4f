//! Where may a test listen, while others run beside it? On a port that is this process's alone until it ends, also while nobody listens
//! there: before its server has started, after that was killed, or always, where nobody is to answer.
//!
//! To bind port 0, close it and use the number later is a bet. The kernel gives the same number to the next who asks (one of 2,000 tests that
//! asked three times got two equal ones), to the server of another test, and to any connection on its way out.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::RangeInclusive;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as Name, UnixDatagram};
use std::process;
use std::sync::Mutex;

/// An address on loopback on which nobody listens. Nobody else who asks here gets its port before this process has ended.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_address() -> SocketAddr {
    let free = candidates().find(|port| is_ours_now(*port) && nobody_listens(*port));
    let port = free.unwrap_or_else(|| panic!("no free port in {PORTS:?} outside of {:?}", of_the_kernel()));
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// All, each once. Each process begins elsewhere, so that a client that a test left behind does not find the next one's server.
fn candidates() -> impl Iterator<Item = u16> {
    let kernels = of_the_kernel();
    let [first, last] = [PORTS.start(), PORTS.end()].map(|port| u32::from(*port));
    let count = last - first + 1;
    let begin = process::id() % count * APART;
    let all = (0..count).map(move |n| first + (begin + n) % count).filter_map(|port| u16::try_from(port).ok());
    all.filter(move |port| !kernels.contains(port))
}

/// Takes a port for the rest of this process's life; `false` if somebody has it. What is taken is a name among the UNIX sockets without
/// files: unique in a network as ports are, and gone with the process however that ends.
fn is_ours_now(port: u16) -> bool {
    static TAKEN: Mutex<Vec<UnixDatagram>> = Mutex::new(Vec::new());
    let name = Name::from_abstract_name(format!("standfast test port {port}")).expect("it is short");
    let taken = UnixDatagram::bind_addr(&name).ok();
    taken.map(|name| TAKEN.lock().expect("nothing here panics").push(name)).is_some()
}

/// Whether no program has it that does not ask here, or outlived the test that did: at any address, since a server may want all of them.
fn nobody_listens(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
}

/// The ports that the kernel chooses from, for connections on their way out and for port 0 (ip(7), `ip_local_port_range`).
fn of_the_kernel() -> RangeInclusive<u16> {
    let said = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut ends = said.split_whitespace().filter_map(|end| end.parse().ok());
    let (Some(first), Some(last)) = (ends.next(), ends.next()) else { return 32_768..=60_999 };
    first..=last
}

/// Below those that `standfast demo` looks for its own in, and below the kernel's, as they are by default.
const PORTS: RangeInclusive<u16> = 10_000..=19_999;
/// More than most tests need.
const APART: u32 = 20;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::env;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_port_is_given_once_among_processes_and_nobody_elses() {
        // Tells its own to the process that started it, which still holds others, and ends.
        if env::var_os(TELL).is_some() {
            let told: Vec<String> = (0..50).map(|_| free_address().port().to_string()).collect();
            println!("\n{} END", told.join(" "));
            return;
        }
        let mut taken: BTreeSet<u16> = (0..200).map(|_| free_address().port()).collect();
        assert_eq!(taken.len(), 200);
        assert!(taken.iter().all(|port| PORTS.contains(port) && !of_the_kernel().contains(port)), "{taken:?}");
        let ask = || {
            let mut child = Command::new(env::current_exe().unwrap());
            child.args(["--exact", "tests::a_port_is_given_once_among_processes_and_nobody_elses", "--nocapture"]);
            child.env(TELL, "").stdout(process::Stdio::piped()).spawn().unwrap()
        };
        let children: Vec<_> = (0..8).map(|_| ask()).collect();
        for child in children {
            let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
            let told = said.lines().find_map(|line| line.strip_suffix(" END")).expect("it tells its ports");
            let told: Vec<u16> = told.split(' ').map(|port| port.parse().unwrap()).collect();
            assert_eq!(told.len(), 50);
            // One that ended before another began may hand its own on: only ours are surely held all the time.
            assert!(told.iter().all(|port| !taken.contains(port)), "{told:?}");
        }
        let listening = TcpListener::bind(free_address()).expect("nobody else has it");
        assert!(!nobody_listens(listening.local_addr().unwrap().port()));
        assert!(taken.insert(free_address().port()));
    }

    const TELL: &str = "STANDFAST_TEST_TELLS_ITS_PORTS";
}
