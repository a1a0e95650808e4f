//! What happens to an address whose interface is not what it was, or that cannot be put whole? It is on one host, and comes back.

use std::thread;
use std::time::Duration;

use crate::stage::{Stage, VIP, vrrp};

/// Both hosts hold it on `eth1`; `a` has it.
fn held_on_a_second_link() -> Stage {
    let mut stage = Stage::set();
    for host in ["a", "b"] {
        stage.lay_second_link(host);
    }
    let second = |priority| vrrp(priority, "", "").replace("eth0", "eth1");
    stage.run_both(&second(150), &second(100));
    stage.wait_for_holder("a");
    stage
}

#[test]
fn an_interface_that_is_called_otherwise_does_not_keep_it() {
    let stage = held_on_a_second_link();
    // While it is up, where the kernel allows that: the address is on it still.
    let live = stage.network.command("a", "ip").args(["link", "set", "eth1", "name", "eth9"]).output();
    if !live.expect("`ip` is on the PATH").status.success() {
        stage.ip("a", &["link", "set", "eth1", "down"]);
        stage.ip("a", &["link", "set", "eth1", "name", "eth9"]);
        stage.ip("a", &["link", "set", "eth9", "up"]);
    }
    stage.wait_for_holder("b");
    stage.wait("a says why", || stage.log("a").contains("there is no interface eth1").then_some(()));
    stage.ip("a", &["link", "set", "eth9", "down"]);
    stage.ip("a", &["link", "set", "eth9", "name", "eth1"]);
    stage.ip("a", &["link", "set", "eth1", "up"]);
    stage.wait_for_holder("a");
}

#[test]
fn an_interface_that_goes_to_another_network_and_comes_back_has_another_number_or_not_and_is_used() {
    let stage = held_on_a_second_link();
    let [here, there] = ["a", "c"].map(|host| stage.network.name_of(host));
    stage.ip("a", &["link", "set", "eth1", "netns", &there]);
    stage.wait_for_holder("b");
    assert!(!stage.holds("c", VIP), "the kernel takes addresses off what moves");
    stage.ip("c", &["link", "set", "eth1", "netns", &here]);
    stage.ip("a", &["address", "add", "10.1.0.1/24", "dev", "eth1"]);
    stage.ip("a", &["link", "set", "eth1", "up"]);
    stage.wait_for_holder("a");
}

#[test]
fn who_has_lost_all_addresses_of_the_link_leaves_it_to_others() {
    let stage = held_on_a_second_link();
    // With it goes the one that advertisements come from.
    stage.ip("a", &["address", "flush", "dev", "eth1"]);
    stage.wait_for_holder("b");
    stage.wait("a says why", || {
        let why = stage.stands("a")?["why"].as_str()?.to_owned();
        why.contains("from which VRRP is to speak, is not on eth1").then_some(())
    });
    stage.ip("a", &["address", "add", "10.1.0.1/24", "dev", "eth1"]);
    stage.wait_for_holder("a");
}

/// Of two addresses of a router that move as one the kernel refuses one.
#[test]
fn who_cannot_hold_all_of_it_holds_nothing_of_it() {
    const SECOND: &str = "fd00::100";
    let mut stage = Stage::set();
    stage.network.sysctl("a", "net.ipv6.conf.eth0.disable_ipv6", "1");
    let both = |priority| vrrp(priority, "", &format!("excluded = [\"{SECOND}/64\"]"));
    stage.run_both(&both(150), &both(100));
    stage.wait("a says what it cannot", || stage.log("a").contains("could not be put on eth0").then_some(()));
    stage.wait_for_holder("b");
    stage.wait("b has both", || stage.holds("b", SECOND).then_some(()));
    // It stays so: a try would take both from who can hold them.
    thread::sleep(Duration::from_secs(1));
    assert!(!stage.holds("a", VIP) && stage.holds("b", VIP) && stage.holds("b", SECOND), "{}", stage.log("a"));
    stage.network.sysctl("a", "net.ipv6.conf.eth0.disable_ipv6", "0");
    stage.done("a", &["address", "take", "vip"]);
    stage.wait_for_holder("a");
    stage.wait("a has both", || (stage.holds("a", SECOND) && !stage.holds("b", SECOND)).then_some(()));
}
