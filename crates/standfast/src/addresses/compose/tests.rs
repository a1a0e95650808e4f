//! What the file allows is what the machine takes.

use machine::rng::Rng;

use super::*;

fn parse(text: &str) -> Config {
    config::parse("f", text).unwrap_or_else(|problems| panic!("{}\n{text}", problems.render(false)))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Composed where every interface has these addresses.
fn composed(text: &str) -> Told {
    compose(&parse(text), &|_, is_v6| Some(ip(if is_v6 { "fe80::1" } else { "10.20.1.1" })))
}

const FILE: &str = r#"
[[group]]
name = "cache"
source = "probe"
servers = ["10.30.1.1:6379", "10.30.1.2:6379"]

[[listener]]
listen = "10.20.1.130:6379"
group = "cache"
"#;

fn with(address: &str) -> Told {
    composed(&format!("{FILE}{address}"))
}

#[test]
fn a_virtual_router_is_what_the_file_says_of_it() {
    let told = with(
        r#"
[[address]]
name = "vip"
held = ["10.20.1.130/24"]
interface = "eth0"
fall = 2
[address.vrrp]
id = 130
version = 2
priority = 80
preempt-delay = "30s"
peers = ["10.20.1.1", "10.20.1.2"]
password = "hunter2"
least-hops = 254
excluded = ["fd00::130/64"]
[[address.check]]
name = "uplink"
gateway = "10.20.1.254"
weight = -20
"#,
    );
    let vip = &told.node.addresses["vip"];
    assert_eq!(told.node.check(), Ok(()));
    assert_eq!(vip.held, ["10.20.1.130/24".parse().unwrap(), "fd00::130/64".parse().unwrap()]);
    let rules: Vec<_> =
        vip.checks.iter().map(|check| (check.name.as_str(), check.rule, check.rise, check.fall)).collect();
    assert_eq!(rules, [("proxy", Rule::Veto, 2, 2), ("uplink", Rule::Weight(-20), 1, 2)]);
    assert_eq!((vip.proof.as_deref(), vip.proof_age), (Some("proxy"), Duration::from_millis(1_200)));
    let node::Way::Vrrp(router) = &vip.way else { panic!("{:?}", vip.way) };
    assert_eq!(
        (router.primary, &router.peers[..]),
        (ip("10.20.1.1"), &[ip("10.20.1.2")][..]),
        "one list for all hosts"
    );
    assert_eq!((router.version, router.priority, router.interval), (Version::V2, Priority(80), Interval::USUAL));
    assert_eq!((&router.addresses[..], &router.also[..]), (&[ip("10.20.1.130")][..], &[ip("fd00::130")][..]));
    assert_eq!(router.preempt, vrrp::config::Preempt::After(Duration::from_secs(30)));
    let codec = Codec::v2(Password::new(b"hunter2")).with_least_hops(254);
    assert_eq!(told.outfits["vip"], Outfit { codec: Some(codec), passwords: BTreeMap::new() });
    let text = format!("{:?}{:?}", told.node, told.outfits);
    assert!(!text.contains("hunter2") && !text.contains("104, 117, 110"), "{text}");
}

#[test]
fn an_own_address_that_moves_is_none() {
    let file = |from: &str| {
        format!(
            "[[address]]\nname = \"a\"\nheld = [\"10.20.1.1/24\"]\ninterface = \"eth0\"\nfollows = \"checks\"\nvrrp = {{ id = 1{from} }}\n"
        )
    };
    let primary = |told: &Told| match &told.node.addresses["a"].way {
        node::Way::Vrrp(router) => router.primary,
        other => panic!("{other:?}"),
    };
    assert_eq!(primary(&composed(&file(""))), ip("0.0.0.0"), "the interface has the moving one alone");
    assert_eq!(primary(&composed(&file(", from = \"10.20.1.9\""))), ip("10.20.1.9"));
}

#[test]
fn lelastic_is_its_four_route_servers_and_what_the_file_adds() {
    let told = with(
        r#"
[[address]]
name = "vip"
held = ["192.168.0.3", "10.20.1.130", "2001:db8:0:1::3"]
[address.bgp]
lelastic = { dcid = 18, role = "secondary", send56 = true, next-hop4 = "10.20.1.1" }
communities = ["no-export"]
[[address.bgp.neighbor]]
name = "third"
remote = "2600:3c0f:18:34::3"
remote-as = 65000
local-as = 65001
identifier = "10.0.0.9"
password = "hunter2"
"#,
    );
    let node::Way::Bgp { neighbors, routes, .. } = &told.node.addresses["vip"].way else { panic!() };
    let names: Vec<&str> = neighbors.keys().map(String::as_str).collect();
    assert_eq!(names, ["2600:3c0f:18:34::1", "2600:3c0f:18:34::2", "2600:3c0f:18:34::4", "third"]);
    assert_eq!(neighbors["2600:3c0f:18:34::1"].next_hop4, Some(Ipv4Addr::new(10, 20, 1, 1)));
    assert!(neighbors["third"].md5 && told.outfits["vip"].passwords.contains_key("third"));
    let told_of: Vec<String> = routes.keys().map(ToString::to_string).collect();
    assert_eq!(told_of, ["10.20.1.130/32", "192.168.0.3/32", "2001:db8::/56"]);
    let tags: Vec<String> = routes.values().next().unwrap().communities.iter().map(ToString::to_string).collect();
    assert_eq!(tags, ["65000:2", "65535:65281"]);
    assert_eq!((told.node.check(), told.node.addresses["vip"].interface.as_str()), (Ok(()), "lo"));
}

#[test]
fn an_address_may_go_with_a_master_alone_or_by_commands() {
    let told = with(
        r#"
[[address]]
name = "with-master"
held = ["192.168.111.44/24"]
interface = "bond0"
follows = "master"
group = "cache"
servers = ["10.30.1.1:6379"]
announce = { repeat = 3, gap = "200ms", refresh = "0s" }
[[address]]
name = "cloud"
follows = "checks"
lifetime = "0s"
command = { up = ["/u"], down = ["/d"], check = ["/c"], interval = "7s" }
"#,
    );
    assert_eq!(told.node.check(), Ok(()));
    let master = &told.node.addresses["with-master"];
    let servers = vec!["10.30.1.1:6379".parse().unwrap()];
    assert_eq!(master.follows, node::Follows::Master { group: "cache".into(), servers });
    let announce = vrrp::config::Announce { repeat: 3, gap: Duration::from_millis(200), refresh: Duration::ZERO };
    assert_eq!(master.way, node::Way::View { announce });
    let cloud = &told.node.addresses["cloud"];
    assert_eq!(cloud.way, node::Way::Command { check: Some(Duration::from_secs(7)) });
    assert_eq!((cloud.lifetime, cloud.held.len(), &cloud.proof), (None, 0, &None));
}

/// One line of several, or none.
fn pick(rng: &mut Rng, lines: &[&str]) -> String {
    let line = lines[usize::try_from(rng.below(lines.len() as u64)).unwrap()];
    if rng.chance(300) { format!("{line}\n") } else { String::new() }
}

/// An address as somebody might write it who knows the options, and not what goes together.
fn scribbled(rng: &mut Rng, nr: u64) -> String {
    let mut text = format!("[[address]]\nname = \"a{nr}\"\n");
    let held = ["10.20.1.13", "10.20.1.130", "fd00::1", "10.20.2.1"][usize::try_from(rng.below(4)).unwrap()];
    let bits = if held.contains(':') { 64 } else { 24 };
    text += &format!("held = [\"{held}{nr}/{bits}\"{}]\n", if rng.chance(100) { ", \"fd00::99\"" } else { "" });
    text += if rng.chance(50) {
        "interface = \"lo\"
"
    } else {
        "interface = \"eth0\"
"
    };
    text += &pick(
        rng,
        &[
            "follows = \"checks\"",
            "follows = \"checks\"",
            "follows = \"master\"\ngroup = \"cache\"\nservers = [\"10.30.1.1:6379\"]",
        ],
    );
    text += &pick(rng, &["lifetime = \"1s\"", "lifetime = \"0s\"", "lifetime = \"1500ms\"", "fall = 9"]);
    text += &pick(rng, &["sync-group = \"g\"", "ask-first = \"1s\"", "put-back = false", "ask-first = \"0s\""]);
    if rng.chance(600) {
        text += &format!("[address.vrrp]\nid = {}\n", rng.below(255) + 1);
        text += &pick(rng, &["version = 2", "version = 3"]);
        text += &pick(rng, &["interval = \"1s\"", "interval = \"10ms\"", "interval = \"15ms\"", "interval = \"41s\""]);
        text += &pick(rng, &["priority = 255", "priority = 1", "priority = 0"]);
        text +=
            &pick(rng, &["peers = [\"10.20.1.1\"]", "peers = [\"fe80::2\"]", "peers = [\"10.20.1.1\", \"10.20.1.1\"]"]);
        text += &pick(rng, &["from = \"10.20.1.1\"", "from = \"fe80::1\"", "from = \"10.20.1.131\""]);
        text += &pick(rng, &["password = \"12345678\"", "password = \"123456789\"", "checksum-as-v2 = true"]);
        text += &pick(
            rng,
            &[
                "excluded = [\"fd00::98\"]",
                "excluded = [\"10.20.1.130\"]",
                "excluded = [\"10.9.9.9\", \"10.9.9.9/24\"]",
            ],
        );
    } else if rng.chance(700) {
        text += "[address.bgp]\n";
        text += &pick(
            rng,
            &["lelastic = { dcid = 18, role = \"primary\" }", "lelastic = { dcid = 9999, role = \"primary\" }"],
        );
        text +=
            &pick(rng, &["prepend = 24", "communities = [\"1:1\"]", "prefixes = [\"10.20.0.0/16\", \"fd00::/16\"]"]);
        if rng.chance(700) {
            text += "[[address.bgp.neighbor]]\nidentifier = \"10.0.0.1\"\nlocal-as = 65001\n";
            text += ["remote-as = 65000\n", "remote-as = 65001\n", "remote-as = 23456\n"]
                [usize::try_from(rng.below(3)).unwrap()];
            text += &format!("remote = \"10.9.{nr}.1\"\n");
            text += &pick(
                rng,
                &["hold-time = \"2s\"", "hold-time = \"3s\"", "ttl = 255", "ttl-security = 254", "local = \"fd00::1\""],
            );
        }
    } else {
        text += "[address.command]\nup = [\"/u\"]\ndown = [\"/d\"]\n";
    }
    if rng.chance(300) {
        text += "[[address.check]]\nname = \"c\"\ngateway = \"10.0.0.1\"\n";
        text += &pick(rng, &["weight = -253", "weight = 5", "fall = 100"]);
    }
    text
}

#[test]
fn what_the_file_allows_the_machine_takes() {
    let file =
        FILE.replace("10.20.1.130:6379", "0.0.0.0:6379") + "[[listener]]\nlisten = \"[::]:6379\"\ngroup = \"cache\"\n";
    let mut taken = 0;
    for seed in 0..4_000 {
        let mut rng = Rng::new(seed);
        let text = (0..=rng.below(2)).fold(file.clone(), |text, nr| text + &scribbled(&mut rng, nr));
        let Ok(config) = config::parse("f", &text) else { continue };
        for own in [None, Some(["10.20.1.1", "fe80::1"]), Some(["10.20.1.130", "fd00::98"])] {
            let told = compose(&config, &|_, is_v6| own.map(|own| ip(own[usize::from(is_v6)])));
            assert_eq!(told.node.check(), Ok(()), "seed {seed}\n{text}");
            for outfit in told.outfits.values() {
                assert!(outfit.codec.as_ref().is_none_or(|codec| told.node.addresses.values().any(|a| says(a, codec))));
            }
        }
        taken += 1;
    }
    assert!(taken > 400, "only {taken} of these files are possible: the test says little");
}

#[test]
fn whatever_is_left_out_of_a_file_with_every_option_the_machine_takes_the_rest() {
    let full = include_str!("../../../../config/tests/addresses/full.toml");
    let mut taken = 0;
    for seed in 0..1_000 {
        let mut rng = Rng::new(seed);
        let left: Vec<&str> = full.lines().filter(|_| !rng.chance(20)).collect();
        let Ok(config) = config::parse("f", &left.join("\n")) else { continue };
        let told = compose(&config, &|_, is_v6| Some(ip(if is_v6 { "fe80::1" } else { "10.20.1.2" })));
        assert_eq!(told.node.check(), Ok(()), "seed {seed}\n{}", left.join("\n"));
        taken += 1;
    }
    assert!(taken > 100, "only {taken} of these files are possible: the test says little");
}

/// Whether the codec can write what a router of this version says. It panics where it cannot.
fn says(address: &node::Address, codec: &Codec) -> bool {
    let node::Way::Vrrp(router) = &address.way else { return false };
    if (router.version == Version::V2) != (format!("{codec:?}").contains("V2")) {
        return false;
    }
    let (vrid, priority, interval) = (router.vrid, router.priority, router.interval);
    let advert = vrrp::Advert { vrid, priority, interval, addresses: router.addresses.clone() };
    !codec.encode(&advert, router.primary, router.group()).is_empty()
}
