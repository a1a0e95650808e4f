//! The table of options, the structs and the documents say the same.

use std::fs;
use std::path::Path;
use std::time::Duration;

use config::options::{Absent, SECTIONS};
use config::{
    ClientCertificates, Config, Endpoint, Fallback, Limits, LogFormat, LogLevel, MinVersion, Mode, Network, OnUnknown,
    Origin, Pool, Role, Secret, SendProxy, Tcp, UnixFile, Workers,
};

const LEAST: &str = r#"
[node]
announce = "10.0.0.1:26379"
[admin]
[[group]]
name = "cache"
master = "10.0.0.1:6379"
[[listener]]
listen = "0.0.0.0:6380"
group = "cache"
"#;

const EDGES: &str = r#"
[node]
announce = "10.0.0.1:26379"
[[group]]
name = "cache"
master = "10.0.0.1:6379"
server-tls = { ca = "/ca", cert = "/c", key = "/k", name = "redis.example" }
[[listener]]
listen = "0.0.0.0:6380"
group = "cache"
mode = "tcp"
idle-timeout = "1h"
first-byte-timeout = "10s"
allow = ["10.0.0.0/8", "fd00::/8"]
deny = ["10.6.0.0/16"]
proxy-protocol-from = ["10.0.0.5"]
send-proxy = "v2"
client-tcp = { keepalive = "0s" }
server-tcp = { user-timeout = "9s" }
[listener.limits]
max-clients = 1
max-clients-per-address = 2
max-new-per-second = 3
max-new-per-second-per-address = 4
[listener.tls]
cert = "/c"
key = "/k"
ca = "/ca"
client-certificates = "optional"
min-version = "1.3"
handshake-timeout = "2s"
[[listener.tls.sni]]
names = ["a.example", "*.B.example"]
cert = "/d"
key = "/e"
[[listener]]
listen = "unix:/run/c.sock"
group = "cache"
[listener.unix]
mode = "600"
user = "u"
group = "g"
"#;

#[test]
fn docs_defaults_is_fresh() {
    let path = root().join("docs/defaults.md");
    let text = config::defaults_markdown();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), text, "UPDATE=1 writes it");
}

#[test]
fn docs_defaults_has_every_option_with_its_default() {
    let text = config::defaults_markdown();
    for section in SECTIONS {
        for option in section.options {
            let row = text.lines().find(|line| line.starts_with(&format!("| `{}` |", section.path(option)))).unwrap();
            let default = match option.absent {
                Absent::Value(text) | Absent::Words(text) => text,
                Absent::Required => "required",
            };
            assert!(row.contains(default), "{row}");
            assert_eq!(row.matches('|').count(), 6, "{row}");
        }
    }
}

#[test]
fn every_example_file_is_possible() {
    let mut seen = 0;
    for entry in fs::read_dir(root().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let problems = config::parse(path.to_str().unwrap(), &fs::read_to_string(&path).unwrap()).err();
            assert!(problems.is_none(), "{problems:?}");
            seen += 1;
        }
    }
    assert!(seen > 0);
}

#[test]
fn what_is_not_written_has_its_default() {
    let config = parse(LEAST);
    assert_eq!(config.node.name, None);
    assert_eq!(config.node.listen, "0.0.0.0:26379".parse().unwrap());
    assert_eq!(config.node.control, Path::new("/var/lib/standfast/control.sock"));
    assert_eq!(config.admin.unwrap().listen, "127.0.0.1:26380".parse().unwrap());
    assert_eq!((config.log.format, config.log.level), (LogFormat::Text, LogLevel::Info));
    assert_eq!((config.proxy.workers, config.proxy.max_clients), (Workers::Auto, 10_000));
    let group = &config.groups[0];
    assert_eq!((group.nodes, group.quorum), (3, 2));
    assert_eq!((group.down_after, group.confirm), (Duration::from_secs(1), Duration::from_millis(50)));
    assert_eq!(group.failover_timeout, Duration::from_secs(10));
    assert_eq!(group.switchover_timeout, Duration::from_secs(1));
    assert_eq!((group.replica_max_lag, &group.username, &group.password), (64 << 20, &None, &None));
    let listener = &config.listeners[0];
    assert_eq!((listener.role, listener.mode, listener.fallback), (Role::Master, Mode::Redis, Fallback::Master));
    assert_eq!((listener.hold, listener.hold_bytes), (Duration::from_secs(10), 1 << 20));
    assert_eq!((listener.connect_timeout, listener.on_unknown), (Duration::from_secs(1), OnUnknown::Close));
}

#[test]
fn what_is_written_is_what_one_gets() {
    let config = parse(
        r#"
        [node]
        name = "a"
        listen = "[fd00::1]:26379"
        announce = "10.0.0.1:26379"
        state-dir = "/srv/state"
        control = "/run/c.sock"
        [log]
        format = "json"
        level = "trace"
        [proxy]
        workers = 0x4
        max-clients = 1_000
        [[group]]
        name = "cache"
        master = "10.0.0.1:6379"
        nodes = 5
        quorum = 2
        username = "u"
        password = "hunter2"
        down-after = "300ms"
        confirm = "0s"
        failover-timeout = "1m"
        switchover-timeout = "500ms"
        replica-max-lag = "10MB"
        weights = { "10.0.0.2:6379" = 50, "[fd00::3]:6379" = 0 }
        [[listener]]
        listen = "0.0.0.0:6380"
        group = "cache"
        role = "replica"
        mode = "redis"
        hold = "0s"
        hold-bytes = "64KiB"
        fallback = "refuse"
        connect-timeout = "200ms"
        on-unknown = "error"
        "#,
    );
    assert_eq!((config.node.name.as_deref(), config.node.listen.port()), (Some("a"), 26379));
    assert_eq!(config.node.announce, "10.0.0.1:26379".parse().unwrap());
    assert_eq!(
        (config.node.state_dir.to_str(), config.node.control.to_str()),
        (Some("/srv/state"), Some("/run/c.sock"))
    );
    assert_eq!(config.admin, None);
    assert_eq!((config.log.format, config.log.level), (LogFormat::Json, LogLevel::Trace));
    assert_eq!((config.proxy.workers, config.proxy.max_clients), (Workers::Count(4), 1_000));
    let group = &config.groups[0];
    assert_eq!((group.nodes, group.quorum), (5, 2));
    assert_eq!((group.username.as_deref(), group.password.as_ref().map(Secret::reveal)), (Some("u"), Some("hunter2")));
    assert_eq!((group.down_after, group.confirm), (Duration::from_millis(300), Duration::ZERO));
    assert_eq!(group.failover_timeout, Duration::from_secs(60));
    assert_eq!(group.switchover_timeout, Duration::from_millis(500));
    assert_eq!(group.replica_max_lag, 10_000_000);
    let weights: Vec<_> = group.weights.iter().map(|(server, weight)| (server.to_string(), *weight)).collect();
    assert_eq!(weights, [("10.0.0.2:6379".to_owned(), 50), ("[fd00::3]:6379".to_owned(), 0)]);
    let listener = &config.listeners[0];
    assert_eq!((listener.role, listener.fallback), (Role::Replica, Fallback::Refuse));
    assert_eq!((listener.hold, listener.hold_bytes), (Duration::ZERO, 64 << 10));
    assert_eq!((listener.connect_timeout, listener.on_unknown), (Duration::from_millis(200), OnUnknown::Error));
    assert_eq!((listener.defined_at.line, listener.defined_at.column), (28, 18));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn the_edges_of_a_listener_are_open_and_patient_unless_it_is_said_otherwise() {
    let listener = &parse(LEAST).listeners[0];
    assert_eq!((listener.idle_timeout, listener.first_byte_timeout), (Duration::ZERO, Duration::ZERO));
    assert!(listener.allow.is_empty() && listener.deny.is_empty() && listener.proxy_protocol_from.is_empty());
    assert_eq!((listener.send_proxy, &listener.tls, listener.limits), (SendProxy::None, &None, Limits::default()));
    let patience = |tcp: Tcp| {
        let [idle, interval, user] = [tcp.keepalive, tcp.keepalive_interval, tcp.user_timeout].map(|d| d.as_secs());
        (idle, interval, tcp.keepalive_count, user)
    };
    assert_eq!((patience(listener.client_tcp), patience(listener.server_tcp)), ((60, 10, 3, 0), (5, 1, 3, 5)));
    assert_eq!(listener.unix, UnixFile { mode: 0o660, user: None, group: None });
}

#[test]
fn what_is_written_about_the_edges_is_what_one_gets() {
    let config = parse(EDGES);
    let tls = config.groups[0].server_tls.as_ref().unwrap();
    assert_eq!(
        (tls.ca.to_str(), tls.name.as_deref(), tls.min_version),
        (Some("/ca"), Some("redis.example"), MinVersion::Tls12)
    );
    assert_eq!(tls.certificate.as_ref().unwrap().key.to_str(), Some("/k"));
    let listener = &config.listeners[0];
    assert_eq!((listener.mode, listener.send_proxy), (Mode::Tcp, SendProxy::V2));
    assert_eq!((listener.pool, config.listeners[1].pool), (Pool::Session, Pool::Shared));
    assert_eq!((listener.idle_timeout.as_secs(), listener.first_byte_timeout.as_secs()), (3600, 10));
    let shown = |networks: &[Network]| networks.iter().map(Network::to_string).collect::<Vec<_>>().join(" ");
    assert_eq!((shown(&listener.allow), shown(&listener.deny)), ("10.0.0.0/8 fd00::/8".into(), "10.6.0.0/16".into()));
    assert_eq!(shown(&listener.proxy_protocol_from), "10.0.0.5");
    let tls = listener.tls.as_ref().unwrap();
    assert_eq!((tls.certificate.cert.to_str(), tls.named[0].certificate.cert.to_str()), (Some("/c"), Some("/d")));
    assert_eq!(tls.named[0].names, ["a.example", "*.b.example"]);
    assert_eq!((tls.client_certificates, tls.min_version), (ClientCertificates::Optional, MinVersion::Tls13));
    assert_eq!((tls.handshake_timeout.as_secs(), tls.ca.as_ref().unwrap().to_str()), (2, Some("/ca")));
    let limits = Limits {
        max_clients: Some(1),
        max_clients_per_address: Some(2),
        max_new_per_second: Some(3),
        max_new_per_second_per_address: Some(4),
    };
    assert_eq!(listener.limits, limits);
    assert_eq!((listener.client_tcp.keepalive.as_secs(), listener.server_tcp.user_timeout.as_secs()), (0, 9));
    assert_eq!(config.listeners[1].listen, Endpoint::Unix("/run/c.sock".into()));
    let unix = UnixFile { mode: 0o600, user: Some("u".into()), group: Some("g".into()) };
    assert_eq!(config.listeners[1].unix, unix);
}

#[test]
fn every_option_is_read() {
    for section in SECTIONS {
        for option in section.options {
            // A date is the right type for no option.
            let text = format!("{}\n{} = 1979-05-27\n", section.header(), option.key);
            let problems = config::parse("f", &text).unwrap_err();
            let told =
                problems.iter().any(|problem| problem.message() == format!("`{}` is a date or time", option.key));
            assert!(told, "{}: {problems}", section.path(option));
        }
    }
}

fn parse(text: &str) -> Config {
    config::parse("f", text).unwrap()
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn a_proxy_only_needs_no_node_and_each_source_has_its_options() {
    let config = parse(
        r#"
[[group]]
name = "probed"
source = "probe"
servers = ["10.0.0.1:6379", "10.0.0.2:6379"]
interval = "50ms"
rise = 2
expect = ["role:master", "repl_backlog_active:1"]
check = [{ send = "EXISTS ready", expect = ":1" }]

[[group]]
name = "followed"
source = "sentinels"
sentinels = ["10.0.0.1:26379"]
sentinel-password = "p"
sentinel-tls = { ca = "/ca.pem" }
fall = 2

[[listener]]
listen = "0.0.0.0:26379"
group = "probed"
"#,
    );
    assert!(!config.votes());
    let Origin::Probe(probe) = &config.groups[0].origin else { panic!("{:?}", config.groups[0].origin) };
    assert_eq!((probe.servers.len(), probe.rise, probe.expect.len()), (2, 2, 2));
    assert_eq!(probe.checks, [("EXISTS ready".to_owned(), ":1".to_owned())]);
    let ms = Duration::from_millis;
    assert_eq!((probe.pace.interval, probe.pace.fast_interval, probe.pace.fall), (ms(50), ms(50), 3));
    assert_eq!(config.groups[0].master, probe.servers[0]);
    let Origin::Sentinels(sentinels) = &config.groups[1].origin else { panic!("{:?}", config.groups[1].origin) };
    assert_eq!((sentinels.addresses.len(), sentinels.pace.fall, &sentinels.username), (1, 2, &None));
    assert!(sentinels.tls.is_some() && sentinels.password == Some(Secret::new("p")));
    assert!(parse(LEAST).votes() && parse(LEAST).groups[0].origin == Origin::Monitor);
}

#[test]
fn the_control_socket_is_found_in_a_file_that_is_wrong_otherwise() {
    let socket = |text: &str| config::control_socket(text);
    assert_eq!(socket("[node]\ncontrol = \"/run/c.sock\"\n[[group]]\nnonsense = 1\n[["), Some("/run/c.sock".into()));
    assert_eq!(socket("[node]\nstate-dir = \"/srv\"\nlisten = 7\n"), Some("/srv/control.sock".into()));
    assert_eq!(socket("[node]\ncontrol = 7\n"), None);
}
