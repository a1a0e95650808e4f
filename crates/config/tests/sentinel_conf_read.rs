//! A stock Sentinel's file: what is understood, and what is refused in stock's words. The reasons were asked of Redis 7.0.15.

use std::collections::BTreeMap;

use config::sentinel_conf::{
    Alone, Master, Problem, SentinelConf, Surroundings, options, parse, parse_state, with_options,
};

fn read(text: &str) -> SentinelConf {
    parse("s.conf", text, &Alone).unwrap_or_else(|problem| panic!("{problem}"))
}

fn refused(text: &str) -> Problem {
    parse("s.conf", text, &World::default()).expect_err(text)
}

/// Files that can be included; no directory, script or rule is right.
#[derive(Default)]
struct World(BTreeMap<&'static str, &'static str>);

impl Surroundings for World {
    fn include(&self, pattern: &str) -> Result<Vec<(String, String)>, String> {
        let text = self.0.get(pattern).ok_or("No such file or directory")?;
        Ok(vec![(pattern.to_owned(), (*text).to_owned())])
    }

    fn may_enter(&self, _: &str) -> Result<(), String> {
        Err("No such file or directory".to_owned())
    }

    fn is_executable(&self, _: &str) -> bool {
        false
    }

    fn are_rules(&self, rules: &[String]) -> Result<(), String> {
        if rules.iter().any(|rule| rule == "bar") { Err("Syntax error".to_owned()) } else { Ok(()) }
    }
}

#[test]
fn an_empty_file_is_stocks_defaults() {
    let conf = read("");
    assert_eq!(conf, SentinelConf::default());
    let server = conf.server();
    assert_eq!((server.port, server.tls.port, server.protected_mode), (26379, 0, false));
    assert_eq!((server.maxclients, server.tcp_keepalive_s, server.tcp_backlog), (10_000, 300, 511));
    assert_eq!(server.bind, ["*", "-::*"]);
    assert_eq!((server.loglevel.as_str(), server.supervised.as_str(), server.logfile), ("notice", "no", None));
    assert_eq!((server.enable_debug_command.as_str(), server.tls.auth_clients.as_str()), ("no", "yes"));
    assert!(conf.deny_scripts_reconfig && !conf.resolve_hostnames && !conf.announce_hostnames);
}

#[test]
fn order_does_not_matter() {
    let conf = read(
        "sentinel down-after-milliseconds setmaster 5000\n\
         sentinel known-replica setmaster db2.example 6380\n\
         sentinel config-epoch setmaster 7\n\
         sentinel monitor setmaster db1.example 6379 2\n\
         SENTINEL resolve-hostnames yes\n",
    );
    let master = Master {
        down_after_ms: 5_000,
        config_epoch: 7,
        known_replicas: vec![("db2.example".to_owned(), 6380)],
        ..Master::new("setmaster", "db1.example", 6379, 2)
    };
    assert_eq!(conf.masters, [master]);
    assert_eq!((conf.masters[0].line, conf.current_epoch), (4, 7));
}

#[test]
fn everything_that_stock_writes_is_read() {
    let conf = read(include_str!("sentinel_conf/stock_wrote.conf"));
    let server = conf.server();
    assert_eq!(
        (server.port, server.dir.as_deref(), server.bind),
        (26380, Some("/var/lib/redis"), vec!["127.0.0.1".into(), "-::1".into()])
    );
    assert_eq!(server.requirepass.expect("it stands there").reveal(), "se cret");
    assert_eq!((server.supervised.as_str(), server.unixsocketperm, server.timeout_s), ("systemd", 0o700, 5));
    assert_eq!(
        conf.users.iter().map(|user| (user.name.as_str(), user.rules.len())).collect::<Vec<_>>(),
        [("default", 5), ("joe", 4)]
    );
    assert_eq!(conf.myid.as_deref(), Some("e3dac49bcb8363bac33156eac6eb2f7a44a1588c"));
    assert_eq!((conf.announce_ip.as_deref(), conf.announce_port), (Some("10.0.0.1"), Some(6)));
    assert_eq!((conf.current_epoch, conf.deny_scripts_reconfig, conf.announce_hostnames), (4, false, true));
    assert_eq!(conf.sentinel_user.as_deref(), Some("u"));
    assert_eq!(conf.sentinel_pass.as_ref().map(config::Secret::reveal), Some("q"));
    let [b, c] = conf.masters.as_slice() else { panic!("{:?}", conf.masters) };
    assert_eq!((b.port, b.quorum, b.down_after_ms, b.failover_timeout_ms, b.parallel_syncs), (6378, 1, 3, 4, 2));
    assert_eq!((b.reboot_down_after_ms, b.config_epoch, b.leader_epoch), (5, 4, 5));
    assert_eq!((b.notification_script.as_deref(), b.client_reconfig_script.as_deref()), (Some("/n.sh"), Some("/c.sh")));
    assert_eq!((b.auth_user.as_deref(), b.auth_pass.as_ref().map(config::Secret::reveal)), (Some("me"), Some("x y")));
    assert_eq!(b.renamed, [("PING".to_owned(), "p".to_owned()), ("AUTH".to_owned(), "p2".to_owned())]);
    assert_eq!(b.known_replicas, [("127.0.0.1".to_owned(), 7000), ("::1".to_owned(), 7001)]);
    assert_eq!(b.known_sentinels.len(), 1, "one has no id");
    assert_eq!((c.port, c.known_replicas.len()), (6379, 1));
    // Nothing of what is secret is shown.
    assert!(!format!("{conf:?}").contains("x y") && !format!("{conf:?}").contains("se cret"));
    assert!(!format!("{conf:?}").contains("30c952"));
}

#[test]
fn addresses_are_read_as_the_c_library_reads_them() {
    for (host, written) in [
        ("127.1", "127.0.0.1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("10.0.0.010", "10.0.0.8"),
        ("0x7f000001", "127.0.0.1"),
        ("fe80::1%lo", "fe80::1%lo"),
    ] {
        assert_eq!(read(&format!("sentinel monitor m {host} 1 1")).masters[0].host, written);
    }
    for host in ["1.2.3.4.5", "256.1.1.1", "[::1]", "localhost", "\"\"", "1.2.3.", "-1", "0x", "%lo", "1.+2"] {
        assert_eq!(
            refused(&format!("sentinel monitor m {host} 1 1")).reason,
            "Can't resolve instance hostname.",
            "{host}"
        );
    }
}

#[test]
fn numbers_are_read_as_stock_reads_them() {
    let conf = read(
        "sentinel monitor m 1.1.1.1 6379x 2nd\nsentinel down-after-milliseconds m 5000ms\nsentinel parallel-syncs m x\n\
                     sentinel failover-timeout m 99999999999\nsentinel current-epoch 99999999999999999999999\nsentinel config-epoch m -4",
    );
    let master = &conf.masters[0];
    assert_eq!((master.port, master.quorum, master.down_after_ms, master.parallel_syncs), (6379, 2, 5_000, 0));
    assert_eq!(
        (master.failover_timeout_ms, conf.current_epoch, master.config_epoch),
        (i32::MAX.unsigned_abs(), u64::MAX, 0)
    );
}

#[test]
fn what_is_wrong_is_told_in_stocks_words() {
    for case in include_str!("sentinel_conf/reasons.txt").split("\n\n").map(str::trim) {
        let (text, reason) = case.rsplit_once('\n').expect("lines, then the reason");
        let text = text.replace("{M}", "sentinel monitor m 127.0.0.1 6379 1");
        let (line, reason) = reason.strip_prefix("=> ").and_then(|r| r.split_once(' ')).expect("=> LINE REASON");
        let problem = refused(&text);
        assert_eq!((problem.reason.as_str(), problem.line.to_string().as_str()), (reason, line), "{text}");
        assert_eq!(problem.file, "s.conf");
    }
}

#[test]
fn control_characters_are_refused() {
    for (line, what) in [
        (r#"sentinel monitor "m\nport 1" 127.0.0.1 1 1"#, "monitor"),
        (r#"sentinel monitor m "127.0.0.1\n" 1 1"#, "host"),
        (r#"sentinel announce-ip "1.1.1.1\x00""#, "announce-ip"),
        (r#"sentinel sentinel-pass "a\rb""#, "sentinel-pass"),
        ("sentinel monitor m 1.1.1.1 1 1\nsentinel auth-pass m \"\\n\"", "auth-pass"),
        ("sentinel monitor m 1.1.1.1 1 1\nsentinel notification-script m \"/a\\nb\"", "notification-script"),
        ("sentinel monitor m 1.1.1.1 1 1\nsentinel rename-command m PING \"a\\nb\"", "rename-command"),
        ("logfile \"/a\\nb\"", "logfile"),
        ("requirepass \"\\x01\"", "requirepass"),
        ("user joe \">\\n\"", "user"),
    ] {
        assert_eq!(refused(line).reason, format!("{what} must not contain control characters"));
    }
}

#[test]
fn included_files_are_read_where_they_are_named() {
    let world = World(BTreeMap::from([
        ("a.conf", "sentinel monitor m 127.0.0.1 6379 1\ntimeout 5"),
        ("b.conf", "\nbad"),
        ("c.conf", "include c.conf"),
        ("d.conf", "sentinel monitor m x 1 1"),
    ]));
    let conf = parse("s.conf", "timeout 4\ninclude a.conf\nsentinel auth-user m me", &world).expect("a right file");
    assert_eq!((conf.server().timeout_s, conf.masters[0].auth_user.as_deref()), (5, Some("me")));
    let failed = |text: &str| {
        let problem = parse("s.conf", text, &world).expect_err(text);
        (problem.file, problem.line, problem.reason)
    };
    let bad = "Bad directive or wrong number of arguments".to_owned();
    assert_eq!(failed("port 1\ninclude b.conf"), ("b.conf".to_owned(), 2, bad));
    assert_eq!(failed("include d.conf"), ("d.conf".to_owned(), 1, "Can't resolve instance hostname.".to_owned()));
    let missing = "Fatal error, can't open config file 'x': No such file or directory".to_owned();
    assert_eq!(failed("\ninclude x"), ("s.conf".to_owned(), 2, missing));
    assert_eq!(failed("include c.conf").2, "more than 64 files are included");
}

#[test]
fn options_of_the_command_line_win() {
    let arguments = ["--port", "5000", "--loglevel", "debug", "--sentinel", "announce-ip", "1.2.3.4"];
    let conf = read(&with_options("port 1\nsentinel monitor m 127.0.0.1 6379 1\n", &options(&arguments)));
    let server = conf.server();
    assert_eq!((server.port, server.loglevel.as_str(), conf.announce_ip.as_deref()), (5_000, "debug", Some("1.2.3.4")));
    let problem = refused(&with_options("port 1\n", &options(&["--port", "abc"])));
    assert_eq!((problem.line, problem.text.as_str()), (3, "port \"abc\""));
}

#[test]
fn the_state_wins_over_the_main_file() {
    let main = read(
        "sentinel state-config-file /s\nsentinel monitor m 1.1.1.1 1 2\nsentinel auth-user m me\nsentinel down-after-milliseconds m 9\n\
         sentinel known-replica m 2.2.2.2 2\nsentinel rename-command m PING a\nsentinel current-epoch 9",
    );
    assert_eq!(main.state_config_file.as_deref(), Some("/s"));
    let state = "sentinel monitor m 2.2.2.2 2 2\nsentinel monitor n 3.3.3.3 3 1\nsentinel down-after-milliseconds m 8\n\
                 sentinel known-replica m 1.1.1.1 1\nsentinel rename-command m PING b\nsentinel current-epoch 4";
    let conf = parse_state(main, "/s", state, &Alone).expect("a right file");
    let m = &conf.masters[0];
    assert_eq!((m.host.as_str(), m.down_after_ms, m.auth_user.as_deref()), ("2.2.2.2", 8, Some("me")));
    assert_eq!((m.known_replicas.as_slice(), m.line), ([("1.1.1.1".to_owned(), 1)].as_slice(), 2));
    assert_eq!(m.renamed, [("PING".to_owned(), "b".to_owned())]);
    assert_eq!((conf.masters.len(), conf.current_epoch), (2, 9));
}
