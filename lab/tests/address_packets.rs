//! Is what the program says about its addresses well-formed for tshark? VRRP in both versions and families, gratuitous ARP and neighbour
//! advertisements, as they pass on the link. BGP is judged in scenario A's test, beside real route servers.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use lab::netns::Network;
use lab::process::{Process, Signal};
use lab::program::{require, said, standfast};
use lab::routers::wait_until;

#[test]
fn vrrp_arp_and_neighbour_advertisements_are_as_tshark_expects() {
    require("tcpdump");
    require("tshark");
    let network = Network::lay(&[OURS, OTHER]);
    network.ip(OURS, &["address", "add", "fe80::1/64", "dev", "eth0", "nodad"]);
    let file = network.scratch().join("link.pcap");
    let mut tcpdump = network.command("switch", "tcpdump");
    tcpdump
        .args(["-Z", "root", "-U", "--immediate-mode", "-s", "0", "-i", OURS, "-w"])
        .arg(&file)
        .stderr(Stdio::null());
    let mut capture = Process::start(tcpdump);
    wait_until("tcpdump listens", || file.metadata().is_ok_and(|file| file.len() > 0));

    let text = format!(
        "[node]\nname = \"a\"\nstate-dir = \"{}\"\n\n[[group]]\nname = \"cache\"\nsource = \"probe\"\nservers = [\"10.0.0.1:6379\"]\n\n\
         [[listener]]\nlisten = \"127.0.0.1:6379\"\ngroup = \"cache\"\n\n{}",
        network.scratch().join("state").display(),
        ADDRESSES.map(address).concat()
    );
    let config = network.scratch().join("standfast.toml");
    fs::write(&config, text).unwrap();
    let mut command = network.command(OURS, standfast());
    command.args(["run", "-c"]).arg(&config);
    let log = network.scratch().join("standfast.log");
    let mut ours = Process::start_into(command, &log);
    let holds_all = || {
        let there = network.command(OURS, "ip").args(["-o", "address", "show"]).output().unwrap();
        let there = said(&there);
        ADDRESSES.iter().all(|(_, _, _, ip)| there.contains(&format!(" {ip}/")))
    };
    wait_until(&format!("all three addresses; the log is\n{}", fs::read_to_string(&log).unwrap()), holds_all);
    // A few adverts of each, and a resignation.
    thread::sleep(Duration::from_millis(2_500));
    ours.end(Signal::TERM);
    thread::sleep(Duration::from_millis(300));
    capture.end(Signal::INT);

    judge(&file);
}

/// What tshark makes of it.
fn judge(file: &Path) {
    let read = |filter: &str, more: &[&str]| {
        let mut tshark = Command::new("tshark");
        tshark.arg("-n").arg("-r").arg(file).args(["-o", "ip.check_checksum:TRUE", "-Y", filter]).args(more);
        let output = tshark.output().expect("tshark is on the PATH");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let vrrp = "vrrp and not icmp and not icmpv6";
    for (vrid, version, family, _) in ADDRESSES {
        let of = format!("{vrrp} and {family} and vrrp.virt_rtr_id == {vrid} and vrrp.version == {version}");
        let fields = ["-T", "fields", "-e", "vrrp.prio", "-e", "vrrp.checksum.status"];
        let packets = read(&of, &fields);
        let packets: Vec<&str> = packets.lines().collect();
        assert!(packets.len() >= 3 && packets.iter().all(|packet| packet.ends_with("\t1")), "{vrid}: {packets:?}");
        assert_eq!(
            packets.iter().filter(|packet| packet.starts_with("0\t")).count(),
            1,
            "it resigns once: {packets:?}"
        );
        let far = read(&format!("{of} and not (ip.ttl == 255 or ipv6.hlim == 255)"), &[]);
        assert!(far.is_empty(), "{far}");
    }
    let arp = read("arp.isgratuitous == 1", &["-T", "fields", "-e", "arp.src.proto_ipv4", "-e", "eth.dst"]);
    for ip in ["10.0.0.100", "10.0.0.101"] {
        assert!(arp.contains(&format!("{ip}\tff:ff:ff:ff:ff:ff")), "{ip}:\n{arp}");
    }
    let fields = [
        "-T",
        "fields",
        "-e",
        "icmpv6.nd.na.target_address",
        "-e",
        "icmpv6.nd.na.flag.o",
        "-e",
        "ipv6.hlim",
        "-e",
        "ipv6.dst",
    ];
    let told = read("icmpv6.type == 136 and icmpv6.nd.na.target_address == fe80::100", &fields);
    assert!(told.lines().any(|line| line.ends_with("\t255\tff02::1")), "{told}");
    let ours = "vrrp or arp or icmpv6.type == 136";
    let odd = read(&format!("({ours}) and not icmp and (_ws.malformed or _ws.expert.severity >= 0x600000)"), &["-V"]);
    assert!(odd.is_empty(), "tshark objects:\n{odd}");
    let unknown = read(&format!("({ours}) and not icmp"), &["-V"]);
    let unknown: Vec<&str> =
        unknown.lines().filter(|line| line.contains("nknown") || line.contains("alformed")).collect();
    assert!(unknown.is_empty(), "tshark does not understand {unknown:#?}");
}

/// An address as the file has it.
fn address((vrid, version, _, ip): (u8, u8, &str, &str)) -> String {
    let bits = if ip.contains(':') { 64 } else { 24 };
    // Version 2 knows whole seconds only.
    let interval = if version == 2 { "1s" } else { "200ms" };
    format!(
        "[[address]]\nname = \"vip{vrid}\"\nheld = [\"{ip}/{bits}\"]\ninterface = \"eth0\"\nfollows = \"checks\"\n[address.vrrp]\n\
         id = {vrid}\nversion = {version}\npriority = 150\ninterval = \"{interval}\"\n\n"
    )
}

/// Number, version, the family as tshark calls it, and what moves.
const ADDRESSES: [(u8, u8, &str, &str); 3] =
    [(51, 2, "ip", "10.0.0.100"), (52, 3, "ip", "10.0.0.101"), (53, 3, "ipv6", "fe80::100")];
const OURS: &str = "ours";
const OTHER: &str = "other";
