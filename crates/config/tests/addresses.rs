//! What is written of addresses is what one gets, and what is not written has its default.

use std::net::IpAddr;
use std::time::Duration;

use config::address::{
    Announce, Family, Follows, LelasticRole, OtherAddresses, Preempt, RedisRole, RouteOrigin, Start, Target, Ttl, Way,
};
use config::{Address, Config, Endpoint, change};

const LEAST: &str = r#"
[[group]]
name = "cache"
source = "probe"
servers = ["10.30.1.1:6379"]

[[listener]]
listen = "10.20.1.129:6379"
group = "cache"

[[listener]]
listen = "0.0.0.0:6380"
group = "cache"

[[address]]
name = "vip"
held = ["10.20.1.130/24"]
interface = "eth0"
vrrp = { id = 130 }
"#;

/// Every option, somewhere.
const FULL: &str = include_str!("addresses/full.toml");

fn parse(text: &str) -> Config {
    config::parse("f", text).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

fn ips(text: &[&str]) -> Vec<IpAddr> {
    text.iter().map(|ip| ip.parse().unwrap()).collect()
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn an_address_has_defaults_for_all_but_its_name_its_place_and_its_number() {
    let config = parse(LEAST);
    let [vip] = &config.addresses[..] else { panic!() };
    let Follows::Proxy(proof) = &vip.follows else { panic!("{:?}", vip.follows) };
    assert_eq!(
        proof.listener,
        Endpoint::Tcp("0.0.0.0:6380".parse().unwrap()),
        "the first that takes connections there"
    );
    assert_eq!((proof.interval, proof.timeout, proof.rise, proof.fall), (ms(100), ms(500), 2, 3));
    assert_eq!((proof.read.as_str(), &proof.write), ("standfast", &None));
    assert_eq!((vip.lifetime, vip.ask_first, vip.put_back), (Some(ms(2_000)), None, true));
    assert_eq!((&vip.sync_group, &vip.partners, vip.checks.len()), (&None, &None, 0));
    assert_eq!(vip.announce, Announce { repeat: 5, gap: ms(1_000), refresh: ms(60_000) });
    let Way::Vrrp(vrrp) = &vip.way else { panic!("{:?}", vip.way) };
    assert_eq!((vrrp.id, vrrp.version, vrrp.priority, vrrp.interval), (130, 3, 100, ms(200)));
    assert_eq!(
        (vrrp.preempt, vrrp.start, vrrp.other_addresses),
        (Preempt::AtOnce, Start::Backup, OtherAddresses::Refuse)
    );
    assert_eq!((vrrp.from, &vrrp.password, vrrp.checksum_as_v2, vrrp.least_hops), (None, &None, false, 255));
    assert!(vrrp.peers.is_empty() && vrrp.excluded.is_empty());
    let notify = &vip.notify;
    let hooks = [&notify.master, &notify.backup, &notify.fault, &notify.stop, &notify.any];
    assert!(hooks.iter().all(|hook| hook.is_none()) && notify.fifo.is_none() && notify.user.is_none());
    assert_eq!((vip.defined_at.line, vip.defined_at.column), (16, 8));
    let second = parse(&LEAST.replace("id = 130", "id = 130, version = 2"));
    let Way::Vrrp(vrrp) = &second.addresses[0].way else { panic!() };
    assert_eq!(vrrp.interval, ms(1_000), "what everybody says in version 2");
}

fn full(name: &str) -> Address {
    parse(FULL).addresses.into_iter().find(|address| address.name == name).unwrap()
}

#[test]
fn what_is_written_of_a_virtual_router_is_what_one_gets() {
    let config = parse(FULL);
    assert!(!config.votes() && config.groups.is_empty(), "addresses that follow checks need no group");
    assert!(!format!("{config:?}").contains("hunter"));
    let routed = full("routed");
    let shown: Vec<String> = routed.all_held().iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["10.20.1.130/24", "10.20.1.131/32", "fd00::1/64"]);
    assert_eq!((routed.interface.as_str(), &routed.follows), ("bond0.100", &Follows::Checks));
    assert_eq!((routed.lifetime, routed.ask_first, routed.put_back), (None, Some(ms(200)), false));
    assert_eq!(routed.partners, Some(vec!["10.30.1.2:26379".parse().unwrap()]));
    assert_eq!(routed.announce, Announce { repeat: 3, gap: ms(200), refresh: ms(0) });
    let Way::Vrrp(vrrp) = &routed.way else { panic!() };
    assert_eq!((vrrp.id, vrrp.version, vrrp.priority, vrrp.interval), (255, 2, 1, ms(1_000)));
    assert_eq!(
        (vrrp.preempt, vrrp.start, vrrp.other_addresses),
        (Preempt::Never, Start::Active, OtherAddresses::Count)
    );
    assert_eq!((&vrrp.peers, vrrp.least_hops), (&ips(&["10.20.1.2", "10.20.1.3"]), 250));
    assert_eq!((vrrp.from, vrrp.password.as_ref().unwrap().reveal()), (Some(ips(&["10.20.1.1"])[0]), "hunter2"));
    assert_eq!(routed.notify.master, Some(vec!["/m".to_owned(), "1".to_owned()]));
    assert_eq!(
        (routed.notify.any.is_some(), routed.notify.timeout, routed.notify.user.as_deref()),
        (true, ms(1_000), Some("root"))
    );
    let other = full("other");
    let Way::Vrrp(vrrp) = &other.way else { panic!() };
    assert_eq!((vrrp.preempt, vrrp.interval, vrrp.checksum_as_v2), (Preempt::After(ms(60_000)), ms(10), true));
    assert_eq!((routed.sync_group, other.sync_group), (Some("both".into()), Some("both".into())));
    let [group] = &config.sync_groups[..] else { panic!() };
    assert_eq!((group.name.as_str(), &group.notify.master, group.notify.timeout), ("both", &None, ms(2_000)));
    assert_eq!(group.notify.backup, Some(vec!["/b".to_owned(), "2".to_owned()]));
    assert_eq!(group.notify.fifo.as_deref(), Some(std::path::Path::new("/run/group")));
}

#[test]
fn what_is_written_of_checks_is_what_one_gets() {
    let checks = full("routed").checks;
    let words: Vec<String> = checks.iter().map(|check| format!("{:?}", check.target)).collect();
    assert_eq!(words[0], "Interface(\"eth1\")");
    assert_eq!((words[1].as_str(), words[2].as_str()), ("Process(\"redis-server\")", "PidFile(\"/run/redis.pid\")"));
    assert_eq!(words[3], "File { path: \"/run/serve\", max_age: Some(30s), contains: Some(\"ready\") }");
    assert_eq!(words[4], "Script { argv: [\"/usr/local/bin/fit\", \"--fast\", \"\"], user: Some(\"redis\") }");
    assert_eq!((words[5].as_str(), words[7].as_str()), ("Gateway(10.20.1.254)", "Tcp([::1]:80)"));
    let Target::Redis { role, username, password, tls, .. } = &checks[6].target else { panic!("{}", words[6]) };
    assert_eq!((*role, username.as_deref(), tls.is_some()), (Some(RedisRole::Replica), Some("u"), true));
    assert_eq!(password.as_ref().unwrap().reveal(), "hunter3");
    let paces: Vec<_> =
        checks[..2].iter().map(|check| (check.interval, check.timeout, check.rise, check.fall)).collect();
    assert_eq!(paces, [(ms(1_000), ms(1_000), 1, 2), (ms(50), ms(10), 3, 4)]);
    assert_eq!((checks[0].weight, checks[1].weight), (Some(-253), None));
}

#[test]
fn what_is_written_of_route_servers_and_commands_is_what_one_gets() {
    let announced = full("announced");
    let Way::Bgp(bgp) = &announced.way else { panic!() };
    let lelastic = bgp.lelastic.unwrap();
    assert_eq!((announced.interface.as_str(), lelastic.dcid, lelastic.role), ("lo", 18, LelasticRole::Secondary));
    assert!(lelastic.send56 && lelastic.local.is_some() && lelastic.next_hop4.is_some());
    assert_eq!(
        (bgp.prefixes.len(), bgp.origin, bgp.med, bgp.local_pref),
        (2, RouteOrigin::Igp, Some(u32::MAX), Some(200))
    );
    assert_eq!((&bgp.communities[..], bgp.prepend), (&[(65_000, 1), (65_535, 0)][..], 2));
    assert_eq!(bgp.large_communities, [(u32::MAX, 1, 2)]);
    let [rs, least] = &bgp.neighbors[..] else { panic!() };
    assert_eq!((rs.name.as_str(), rs.remote.to_string().as_str()), ("rs", "[fd00::254]:1179"));
    assert_eq!((rs.remote_as, &rs.families[..], rs.hold_time), (4_200_000_000, &[Family::Ipv6][..], ms(0)));
    assert_eq!((rs.connect_retry, rs.ttl, rs.password.is_some()), (ms(60_000), Ttl::Security(2), true));
    assert!(rs.local.is_some() && rs.next_hop4.is_some() && rs.next_hop6.is_some());
    assert_eq!((least.name.as_str(), least.remote.port(), least.ttl), ("10.0.0.254", 179, Ttl::Hops(1)));
    assert_eq!((&least.families[..], least.hold_time), (&[Family::Ipv4, Family::Ipv6][..], ms(9_000)));
    let cloud = full("cloud");
    let Way::Command(command) = &cloud.way else { panic!() };
    assert_eq!((&command.up[..], command.check.is_some()), (&["/u".to_owned(), "x".to_owned()][..], true));
    assert_eq!((command.interval, command.timeout, command.user.as_deref()), (ms(60_000), ms(1_000), Some("aws")));
    assert_eq!((cloud.interface.as_str(), cloud.held.len()), ("lo", 0));
}

#[test]
fn every_change_of_an_address_counts_at_once_and_no_password_is_told() {
    let new = FULL
        .replace("priority = 1\n", "priority = 90\n")
        .replace("hunter2", "hunter5")
        .replace("gateway = \"10.20.1.254\"", "gateway = \"10.20.1.253\"")
        .replace("name = \"cloud\"", "name = \"azure\"");
    let lines: Vec<String> = change::between(&parse(FULL), &parse(&new)).iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "address azure: added",
            "address cloud: removed",
            "address routed: check[6].gateway 10.20.1.254 -> 10.20.1.253",
            "address routed: vrrp.password changed",
            "address routed: vrrp.priority 1 -> 90",
        ]
    );
}

#[test]
fn a_host_has_as_many_addresses_as_its_machine_takes() {
    let with = |count: usize| {
        let address = |nr: usize| {
            let (third, last) = (nr / 250, nr % 250 + 1);
            format!(
                "[[address]]\nname = \"v{nr}\"\nheld = [\"10.9.{third}.{last}\"]\ninterface = \"eth0\"\nfollows = \"master\"\n\
                 group = \"cache\"\nservers = [\"10.30.1.1:6379\"]\n"
            )
        };
        // One is there already.
        config::parse("f", &(LEAST.to_owned() + &(1..count).map(address).collect::<String>()))
    };
    assert_eq!(with(512).expect("so many may be").addresses.len(), 512);
    let problems = with(513).expect_err("that is one too many");
    assert!(problems.render(false).contains("513 addresses"), "{}", problems.render(false));
}
