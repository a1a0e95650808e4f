//! What must never reach the machine: one wrong thing at a time, and the words that say so.

use std::time::Duration;

use machine::{Instant, story};
use node::config::{Address, Config, Follows, Way};
use node::{Node, Placed};
use vrrp::health::Rule;

fn good() -> Config {
    let text = "addresses={bgp={interface=lo held=[192.0.2.9/32] proof-age=1000ms way=bgp{neighbors={rs={remote=192.0.2.1:179 remote-as=65001 \
                local-as=65002 identifier=10.0.0.1 families=[ipv4] hold-time=90 connect-retry=5000ms ttl=hops(1)}} routes={}}} \
                cmd={interface=eth0 held=[] proof-age=1000ms way=command{check=5000ms}} \
                other={interface=eth1 held=[10.1.0.100/24] proof-age=1000ms way=vrrp{version=v3 vrid=7 primary=10.1.0.1 addresses=[10.1.0.100]}} \
                vip={interface=eth0 held=[10.0.0.100/24 10.0.0.101/24] lifetime=2000ms checks=[{name=proxy rule=veto rise=2 fall=3} \
                {name=load rule=weight(-10) rise=1 fall=1}] proof=proxy proof-age=500ms way=vrrp{version=v3 vrid=7 primary=10.0.0.1 \
                addresses=[10.0.0.100] also=[10.0.0.101]}}} groups={both=[other vip]}";
    story::from_line(text).expect("a line")
}

/// What is said of it after this change.
fn said(change: impl FnOnce(&mut Config)) -> String {
    let mut config = good();
    change(&mut config);
    config.check().expect_err("it is wrong").to_string()
}

fn said_of_vip(change: impl FnOnce(&mut Address)) -> String {
    said(|config| change(config.addresses.get_mut("vip").expect("it is there")))
}

fn placed(text: &str) -> Placed {
    text.parse().expect("an address")
}

#[test]
fn what_is_right_is_taken() {
    assert_eq!(good().check(), Ok(()));
    assert_eq!(Config::default().check(), Ok(()));
    assert!(!Node::new(good(), 1, Instant::START).has_ended());
}

#[test]
fn an_address_needs_a_place_and_is_in_one_only() {
    assert_eq!(said_of_vip(|vip| vip.interface.clear()), "vip: it needs an interface");
    let nothing = said(|config| config.addresses.get_mut("bgp").expect("it is there").held.clear());
    assert_eq!(nothing, "bgp: it holds no address: only a command can move something unnamed");
    assert_eq!(said_of_vip(|vip| vip.held[1] = placed("10.0.0.100/32")), "vip: an address is named twice");
    let twice = said(|config| config.addresses.get_mut("cmd").expect("it is there").held.push(placed("10.0.0.101/32")));
    assert_eq!(twice, "vip: 10.0.0.101 is held by cmd, too");
    assert_eq!(
        said_of_vip(|vip| vip.held[1] = placed("10.0.0.102/24")),
        "vip: what its router advertises, and what is held with it, is not what is put"
    );
}

#[test]
fn a_lifetime_is_one_that_kernels_keep() {
    for lifetime in [0, 500, 1_500] {
        let said = said_of_vip(|vip| vip.lifetime = Some(Duration::from_millis(lifetime)));
        assert_eq!(said, "vip: a lifetime has whole seconds, and at least one");
    }
}

#[test]
fn a_proof_is_a_check_with_a_veto() {
    let unknown = said_of_vip(|vip| vip.proof = Some("nobody".into()));
    assert_eq!(unknown, "vip: there is no check nobody, which should prove it");
    let weighed = said_of_vip(|vip| vip.checks[0].rule = Rule::Weight(10));
    assert_eq!(weighed, "vip: the check proxy proves that it may be here, so it needs a veto, not a weight");
    assert_eq!(said_of_vip(|vip| vip.proof_age = Duration::ZERO), "vip: a proof needs some time to come");
    assert_eq!(said_of_vip(|vip| vip.checks[1].name = "proxy".into()), "vip: two checks have one name");
    assert_eq!(said_of_vip(|vip| vip.checks[1].fall = 1_001), "vip: rise and fall go up to 1000");
}

#[test]
fn ways_are_possible() {
    let follows = Follows::Master { group: "cache".into(), servers: vec![] };
    assert_eq!(said_of_vip(|vip| vip.follows = follows), "vip: it follows a master, and no server is on this host");
    let router = |change: fn(&mut vrrp::Config)| {
        said_of_vip(|vip| {
            let Way::Vrrp(vrrp) = &mut vip.way else { panic!("it moves by VRRP") };
            change(vrrp);
        })
    };
    assert!(router(|vrrp| vrrp.priority = vrrp::Priority(0)).starts_with("vip: a priority is 1 to 255"));
    let same_link = said(|config| config.addresses.get_mut("other").expect("it is there").interface = "eth0".into());
    assert_eq!(same_link, "vip: the virtual router 7 on eth0 is that of other, too");
    let alone = said(|config| {
        let Way::Bgp { neighbors, .. } = &mut config.addresses.get_mut("bgp").expect("it is there").way else { return };
        neighbors.clear();
    });
    assert_eq!(alone, "bgp: it needs 1 to 64 neighbours");
    let neighbour = said(|config| {
        let Way::Bgp { neighbors, .. } = &mut config.addresses.get_mut("bgp").expect("it is there").way else { return };
        neighbors.get_mut("rs").expect("it is there").hold_time = 1;
    });
    assert!(neighbour.starts_with("bgp: the neighbour rs: "), "{neighbour}");
    let shared = said(|config| {
        let mut other = config.addresses["bgp"].clone();
        other.held = vec![placed("192.0.2.10/32")];
        config.addresses.insert("bgp2".into(), other);
    });
    assert_eq!(shared, "bgp2: 192.0.2.1:179 has a session for bgp, and keeps one with a host");
    let restless = said(|config| {
        let way = Way::Command { check: Some(Duration::ZERO) };
        config.addresses.get_mut("cmd").expect("it is there").way = way;
    });
    assert_eq!(restless, "cmd: there is no pause between two checks");
}

#[test]
fn sync_groups_are_of_routers_each_in_one() {
    let with = |members: &[&str]| {
        let members: std::collections::BTreeSet<String> = members.iter().map(|&name| name.to_owned()).collect();
        said(|config| drop(config.groups.insert("more".into(), members)))
    };
    assert_eq!(with(&[]), "more: a sync group has members");
    assert_eq!(with(&["vip"]), "more: vip is in another sync group, too");
    assert_eq!(with(&["nobody"]), "more: there is no address nobody");
    assert_eq!(with(&["cmd"]), "more: cmd moves in another way than VRRP, which alone has sync groups");
}

#[test]
fn a_host_that_stands_still_is_given_less_time_than_others_take_to_miss_it() {
    let mut config = good();
    let mut with = |interval: &str| {
        let address = config.addresses.get_mut("vip").expect("it is there");
        let Way::Vrrp(router) = &mut address.way else { panic!("a router") };
        router.interval = story::from_line(interval).expect("an interval");
        config.patience()
    };
    assert_eq!(with("1000ms"), Duration::from_millis(300));
    assert_eq!(with("100ms"), Duration::from_millis(200), "they take over after 2.x intervals of silence");
    assert_eq!(with("10ms"), Duration::from_millis(100), "a busy host is not a hung one");
}
