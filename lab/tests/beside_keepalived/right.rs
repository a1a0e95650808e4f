//! Who has the address where rights change, are equal, or are several?

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use lab::program::wall_ms;
use lab::routers::{Keepalived, Link, OURS, Ours, THEIRS, wait_until};

use super::{ROUTER, V3, Way};

#[test]
fn without_preemption_a_holder_stays_on_either_side() {
    let link = Link::lay();
    let theirs = V3.theirs(&link, 100, " nopreempt");
    link.wait_for_holder(THEIRS, V3.address);
    let mut ours = V3.ours(&link, 150, "preempt=never");
    ours.wait_for("to=backup");
    // Twice as long as it would have needed.
    sleep(Duration::from_secs(4));
    assert!(link.holds(THEIRS, V3.address) && !link.holds(OURS, V3.address), "it holds, although ours has more right");
    theirs.stop();
    link.wait_for_holder(OURS, V3.address);
    let theirs = V3.theirs(&link, 200, " nopreempt");
    sleep(Duration::from_secs(4));
    assert!(link.holds(OURS, V3.address) && !link.holds(THEIRS, V3.address), "ours holds, although it has less right");
    ours.stop();
    link.wait_for_holder(THEIRS, V3.address);
    theirs.stop();
}

#[test]
fn with_a_delay_ours_lets_a_holder_with_less_right_stay_for_that_long() {
    let link = Link::lay();
    let theirs = V3.theirs(&link, 100, "");
    link.wait_for_holder(THEIRS, V3.address);
    let mut ours = V3.ours(&link, 150, "preempt=after(2000ms)");
    ours.wait_for("to=backup");
    let began = wall_ms();
    ours.wait_for("why=preempted");
    let lasted = wall_ms() - began;
    assert!(lasted > 1_900.0, "it took the addresses after {lasted:.0} ms");
    link.wait_for_holder(OURS, V3.address);
    // Where nobody is to be spared the delay does not count.
    ours.stop();
    link.wait_for_holder(THEIRS, V3.address);
    theirs.stop();
    let mut ours = V3.ours(&link, 150, "preempt=after(2000ms) start=active");
    ours.wait_for("to=active why=silence");
    link.wait_for_holder(OURS, V3.address);
    let theirs = V3.theirs(&link, 100, "");
    wait_until("keepalived hears it", || theirs.log().contains("Entering BACKUP STATE"));
    assert!(!link.holds(THEIRS, V3.address), "it holds what is held");
    ours.stop();
    link.wait_for_holder(THEIRS, V3.address);
    theirs.stop();
}

#[test]
fn with_equal_priorities_the_greater_address_wins_where_two_hold() {
    let link = Link::lay();
    let mut ours = V3.ours(&link, 100, "");
    ours.wait_for("why=silence");
    let theirs = V3.theirs(&link, 100, "");
    sleep(Duration::from_secs(4));
    assert!(link.holds(OURS, V3.address) && !link.holds(THEIRS, V3.address), "as much right takes nothing away");
    link.network.unplug(OURS);
    wait_until("both hold the address", || link.holds(OURS, V3.address) && link.holds(THEIRS, V3.address));
    link.network.plug(OURS);
    ours.wait_for("why=tie{by=10.0.0.2}");
    link.wait_for_holder(THEIRS, V3.address);
    ours.stop();
    // The same with a greater one on our side.
    link.ip(OURS, &["address", "add", "10.0.0.9/24", "dev", "eth0"]);
    let greater = Way { ours: V3_FROM_9, ..V3 };
    let mut ours = greater.ours(&link, 100, "");
    ours.wait_for("to=backup");
    link.network.unplug(OURS);
    wait_until("both hold the address", || link.holds(OURS, V3.address) && link.holds(THEIRS, V3.address));
    link.network.plug(OURS);
    link.wait_for_holder(OURS, V3.address);
    assert!(theirs.log().contains("Entering BACKUP STATE"), "{}", theirs.log());
    ours.stop();
    theirs.stop();
}

#[test]
fn keepalived_lets_ours_stay_for_its_own_delay() {
    let link = Link::lay();
    let mut ours = V3.ours(&link, 100, "");
    ours.wait_for("why=silence");
    let began = wall_ms();
    let theirs = V3.theirs(&link, 200, " preempt_delay 2");
    ours.wait_for("why=outranked{by=10.0.0.2");
    let lasted = wall_ms() - began;
    assert!(lasted > 1_900.0, "it took the addresses after {lasted:.0} ms");
    link.wait_for_holder(THEIRS, V3.address);
    ours.stop();
    theirs.stop();
}

/// Nobody waits until a holder is missed; the priority settles it.
#[test]
fn both_start_as_holders_and_the_one_with_more_right_is_it() {
    let link = Link::lay();
    let as_master = V3.theirs.replace("state BACKUP", "state MASTER");
    for (ours_priority, holder) in [(150, OURS), (50, THEIRS)] {
        let mut ours = V3.ours(&link, ours_priority, "start=active");
        let theirs = Keepalived::start(&link, &format!(" priority 100\n{as_master}"));
        ours.wait_for(if holder == OURS { "to=active" } else { "to=backup" });
        link.wait_for_holder(holder, V3.address);
        // It stays so for longer than a holder is missed.
        sleep(Duration::from_secs(2));
        link.wait_for_holder(holder, V3.address);
        ours.stop();
        theirs.stop();
    }
}

#[test]
fn a_script_of_keepalived_moves_the_address_by_weight_and_by_veto() {
    for weight in [-100, 0] {
        let link = Link::lay();
        let healthy = link.network.scratch().join("healthy");
        fs::write(&healthy, "").unwrap();
        let config = format!(
            "global_defs {{\n script_user root\n enable_script_security\n}}\n\
             vrrp_script healthy {{\n script \"/usr/bin/test -e {}\"\n interval 1\n weight {weight}\n fall 1\n rise 1\n}}\n\
             vrrp_instance shared {{\n interface eth0\n virtual_router_id 51\n priority 200\n{}\n track_script {{\n  healthy\n }}\n}}\n",
            healthy.display(),
            V3.theirs
        );
        let theirs = Keepalived::start_with(&link, &config);
        link.wait_for_holder(THEIRS, V3.address);
        let mut ours = V3.ours(&link, 150, "");
        ours.wait_for("to=backup");
        fs::remove_file(&healthy).unwrap();
        ours.wait_for(if weight == 0 { "why=resigned{by=10.0.0.2" } else { "why=preempted" });
        link.wait_for_holder(OURS, V3.address);
        if weight != 0 {
            // Ours has a weight, too.
            ours.tell("ranked priority=50");
            ours.wait_for("why=outranked{by=10.0.0.2");
            link.wait_for_holder(THEIRS, V3.address);
            ours.tell("ranked priority=150");
            ours.wait_for("why=preempted");
            link.wait_for_holder(OURS, V3.address);
        }
        fs::write(&healthy, "").unwrap();
        ours.wait_for("why=outranked{by=10.0.0.2");
        link.wait_for_holder(THEIRS, V3.address);
        ours.stop();
        theirs.stop();
    }
}

#[test]
fn each_of_two_routers_of_a_link_has_its_own_holder() {
    let link = Link::lay();
    let instance = |vrid: u8, priority: u8, address: &str| {
        format!(
            "vrrp_instance of{vrid} {{\n interface eth0\n virtual_router_id {vrid}\n state BACKUP\n priority {priority}\n version 3\n \
             advert_int 0.5\n virtual_ipaddress {{\n  {address}/32\n }}\n}}\n"
        )
    };
    let both = instance(51, 200, "10.0.0.100") + &instance(52, 100, "10.0.0.101");
    let ours = |vrid: u8, address: &str| {
        let config =
            format!("version=v3 vrid={vrid} primary=10.0.0.1 addresses=[{address}] interval=500ms priority=150");
        Ours::start(&link, Path::new(ROUTER), &[["eth0", "v3", &config]])
    };
    let mut first = ours(51, "10.0.0.100");
    let mut second = ours(52, "10.0.0.101");
    let theirs = Keepalived::start_with(&link, &both);
    for _ in 0..2 {
        link.wait_for_holder(THEIRS, "10.0.0.100");
        link.wait_for_holder(OURS, "10.0.0.101");
        link.network.unplug(THEIRS);
        wait_until("ours holds both", || link.holds(OURS, "10.0.0.100") && link.holds(OURS, "10.0.0.101"));
        link.network.plug(THEIRS);
    }
    link.wait_for_holder(THEIRS, "10.0.0.100");
    link.wait_for_holder(OURS, "10.0.0.101");
    theirs.stop();
    link.wait_for_holder(OURS, "10.0.0.100");
    first.tell("shutdown");
    first.wait_for("ended");
    second.tell("shutdown");
    second.wait_for("ended");
}

/// As [`V3`], from an address above Keepalived's.
const V3_FROM_9: &str = "version=v3 vrid=51 primary=10.0.0.9 addresses=[10.0.0.100] interval=500ms";
