//! Is a `sentinel.conf` read and written as the real Sentinel does it? The same file and the same changes for both, then the lines compared.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use config::Secret;
use config::sentinel_conf::{Alone, Master, SentinelConf, Surroundings, parse, rewrite};
use lab::cluster::free_address;
use lab::program::require;

/// What both are told, and what that means for a file.
type Change = (&'static [&'static str], fn(&mut SentinelConf));

#[test]
fn a_users_file_is_rewritten_as_stock_rewrites_it() {
    compare(
        "user",
        "# my file\nport {PORT}\n\n\n# comment one\n  SENTINEL   resolve-hostnames no   \n\
         sentinel down-after-milliseconds m 30000\nsentinel  monitor m 127.0.0.1 1 1\ndir {DIR}\nloglevel notice\n\
         sentinel known-replica m 127.0.0.1 2\n# trailing comment\nsentinel known-sentinel m 127.0.0.1 3 abcdef\n\
         sentinel known-sentinel m 127.0.0.1 4\nprotected-mode yes\nmaxclients 500\ntcp-keepalive 60\nsentinel\n",
        &[
            (&["SET", "m", "down-after-milliseconds", "5000"], |conf| conf.masters[0].down_after_ms = 5_000),
            (&["SET", "m", "quorum", "2"], |conf| conf.masters[0].quorum = 2),
            (&["SET", "m", "auth-user", "joe", "auth-pass", "secret"], |conf| {
                conf.masters[0].auth_user = Some("joe".to_owned());
                conf.masters[0].auth_pass = Some(Secret::new("secret"));
            }),
            (&["SET", "m", "rename-command", "CONFIG", "foo"], |conf| {
                conf.masters[0].renamed = vec![("CONFIG".to_owned(), "foo".to_owned())];
            }),
            (&["SET", "m", "master-reboot-down-after-period", "7"], |conf| conf.masters[0].reboot_down_after_ms = 7),
            (&["CONFIG", "SET", "announce-ip", "1.2.3.4"], |conf| conf.announce_ip = Some("1.2.3.4".to_owned())),
            (&["CONFIG", "SET", "announce-port", "99"], |conf| conf.announce_port = Some(99)),
            (&["CONFIG", "SET", "sentinel-user", "u"], |conf| conf.sentinel_user = Some("u".to_owned())),
            (&["CONFIG", "SET", "sentinel-pass", "p"], |conf| conf.sentinel_pass = Some(Secret::new("p"))),
            (&["CONFIG", "SET", "resolve-hostnames", "yes"], |conf| conf.resolve_hostnames = true),
            (&["SET", "m", "down-after-milliseconds", "30000"], |conf| conf.masters[0].down_after_ms = 30_000),
            (&["CONFIG", "SET", "announce-port", "0"], |conf| conf.announce_port = None),
            (&["FLUSHCONFIG"], |_| {}),
            (&["REMOVE", "m"], |conf| conf.masters.clear()),
            (&["FLUSHCONFIG"], |_| {}),
            (&["MONITOR", "n", "127.0.0.1", "5", "3"], |conf| conf.masters.push(Master::new("n", "127.0.0.1", 5, 3))),
        ],
    );
}

#[test]
fn a_file_that_says_nothing_gets_what_stock_writes() {
    compare("little", "port {PORT}\ndir {DIR}", &[(&["FLUSHCONFIG"], |_| {}), (&["FLUSHCONFIG"], |_| {})]);
}

#[test]
fn everything_of_a_master_is_written_in_stocks_order() {
    // What is included is written to the end of the main file: the order is the program's own.
    let included = "sentinel rename-command b PING p\nsentinel known-sentinel b 127.0.0.1 7 bbbb\nsentinel known-replica b 127.0.0.1 8\n\
                    sentinel sentinel-pass q\nsentinel sentinel-user u\nsentinel deny-scripts-reconfig no\nsentinel announce-hostnames yes\n\
                    sentinel resolve-hostnames yes\nsentinel announce-port 6\nsentinel announce-ip ::1\nsentinel current-epoch 3\n\
                    sentinel config-epoch b 4\nsentinel leader-epoch b 5\nsentinel master-reboot-down-after-period b 5\n\
                    sentinel client-reconfig-script b /bin/true\nsentinel notification-script b /bin/true\nsentinel auth-user b x\n\
                    sentinel auth-pass b y\nsentinel failover-timeout b 3\nsentinel down-after-milliseconds b 2\n\
                    sentinel parallel-syncs b 5\nsentinel monitor b 127.0.0.1 1 2\n";
    let scratch = Scratch::new("order");
    let addr = free_address();
    let text = format!("port {}\ndir {}\n", addr.port(), scratch.0.display());
    fs::write(scratch.0.join("included.conf"), included).unwrap();
    let file = scratch.0.join("sentinel.conf");
    fs::write(&file, format!("include {}/included.conf\n{text}", scratch.0.display())).unwrap();
    let _stock = Stock::start(&file, addr);
    let theirs = fs::read_to_string(&file).unwrap();
    let myid = parse("theirs", &theirs.lines().skip(1).collect::<Vec<_>>().join("\n"), &Alone).unwrap().myid;
    let mut conf = parse("ours", &format!("{text}{included}"), &Alone).unwrap();
    conf.myid = myid;
    let ours = rewrite(&format!("include {}/included.conf\n{text}", scratch.0.display()), &conf);
    assert_eq!(normal(&ours), normal(&theirs));
}

#[test]
fn lines_of_the_server_are_rewritten_as_stock_rewrites_them() {
    compare(
        "server",
        "port {PORT}\ndir {DIR}\npidfile {DIR}/x.pid\nlogfile \"\"\nlogfile \"{DIR}/lög file\"\nsyslog-ident redis\nsave 900 1\nsave \"\"\ntls-protocols \"TLSv1.2 TLSv1.3\"\n\
         slave-priority 100\nreplica-priority 90\nmaxmemory 1024kb\nrepl-backlog-size 1mb\nmaxmemory-clients 5%\n\
         client-output-buffer-limit normal 0 0 0\nclient-output-buffer-limit slave 1 2 3\nloadmodule /x\nunixsocketperm 0700\n\
         oom-score-adj-values 0 200 800\nnotify-keyspace-events \"\"\nSYSLOG-FACILITY LOCAL3\ntimeout 0\n\
         list-max-ziplist-entries 4\nlua-time-limit 7\nacllog-max-len 64\nmaxclients 500\n\
         shutdown-on-sigterm nosave  force\nbind \"127.0.0.1 -::1\"\nbind 127.0.0.1\nrename-command ACL acl2\ntcp-keepalive 5\n\
         tls-key-file-pass x\nlatency-tracking-info-percentiles 50 99.99\naclfile \"\"\nset-proc-title no\n\
         sentinel announce-ip \"\"\nsentinel announce-port 0\nsentinel announce-hostnames no\nsentinel deny-scripts-reconfig yes\n\
         sentinel sentinel-user \"\"\nsentinel sentinel-pass q\nsentinel current-epoch 9\nsentinel monitor ü 127.1 6379 1",
        &[(&["FLUSHCONFIG"], |_| {}), (&["REMOVE", "ü"], |conf| conf.masters.clear())],
    );
}

#[test]
fn what_we_write_the_real_one_takes() {
    let scratch = Scratch::new("taken");
    let addr = free_address();
    let mut conf = parse("ours", &format!("port {}\ndir {}", addr.port(), scratch.0.display()), &Alone).unwrap();
    conf.myid = Some("e3dac49bcb8363bac33156eac6eb2f7a44a1588c".to_owned());
    conf.current_epoch = 12;
    let odd = Master {
        auth_pass: Some(Secret::new("a b\"c'\\")),
        auth_user: Some("é".to_owned()),
        renamed: vec![("CONFIG".to_owned(), String::new()), ("PING".to_owned(), "p q".to_owned())],
        known_replicas: vec![("127.0.0.1".to_owned(), 2), ("::1".to_owned(), 3)],
        config_epoch: 11,
        leader_epoch: 12,
        ..Master::new("odd name", "127.0.0.1", 1, 2)
    };
    conf.masters = vec![odd, Master::new("n", "::1", 4, 1)];
    let file = scratch.0.join("sentinel.conf");
    fs::write(&file, rewrite("# ours\n", &conf)).unwrap();
    let _stock = Stock::start(&file, addr);
    assert_eq!(sentinel(addr, &["MYID"]).trim(), conf.myid.as_deref().unwrap());
    let told = sentinel(addr, &["MASTER", "odd name"]);
    let lines: Vec<&str> = told.lines().collect();
    for pair in [["name", "odd name"], ["port", "1"], ["config-epoch", "11"], ["num-slaves", "2"], ["quorum", "2"]] {
        assert!(lines.windows(2).any(|lines| lines == pair), "{pair:?} is not in {told}");
    }
    assert!(sentinel(addr, &["MASTER", "n"]).contains("::1"));
}

#[test]
fn faults_are_told_as_stock_tells_them() {
    require("redis-server");
    let scratch = Scratch::new("faults");
    let file = scratch.0.join("sentinel.conf");
    for case in include_str!("../../crates/config/tests/sentinel_conf/reasons.txt").split("\n\n").map(str::trim) {
        let (text, _) = case.rsplit_once('\n').expect("lines, then the reason");
        let text = text.replace("{M}", "sentinel monitor m 127.0.0.1 6379 1");
        fs::write(&file, &text).unwrap();
        let stock = Command::new("redis-server").arg(&file).arg("--sentinel").stdin(Stdio::null()).output().unwrap();
        let ours = parse("sentinel.conf", &text, &Nothing).expect_err(&text);
        assert_eq!(format!("{ours}\n"), String::from_utf8_lossy(&stock.stderr), "{text}");
        assert_eq!(stock.status.code(), Some(1));
    }
}

/// Where there is no directory, no script and no rule.
struct Nothing;

impl Surroundings for Nothing {
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

/// Starts the real one with the text and makes it change; the same with ours; after each step the files must say the same.
fn compare(name: &str, text: &str, changes: &[Change]) {
    let scratch = Scratch::new(name);
    let addr = free_address();
    let text = text.replace("{PORT}", &addr.port().to_string()).replace("{DIR}", &scratch.0.display().to_string());
    let file = scratch.0.join("sentinel.conf");
    fs::write(&file, &text).unwrap();
    let _stock = Stock::start(&file, addr);
    let mut theirs = fs::read_to_string(&file).unwrap();
    let mut conf = parse("ours", &text, &Alone).unwrap_or_else(|problem| panic!("{problem}"));
    conf.myid = parse("theirs", &theirs, &Alone).unwrap_or_else(|problem| panic!("{theirs}{problem}")).myid;
    let mut ours = rewrite(&text, &conf);
    assert_eq!(normal(&ours), normal(&theirs), "after the start");
    for (words, change) in changes {
        let said = sentinel(addr, words);
        assert_eq!(said.trim(), "OK", "{words:?}");
        theirs = fs::read_to_string(&file).unwrap();
        change(&mut conf);
        ours = rewrite(&ours, &conf);
        assert_eq!(normal(&ours), normal(&theirs), "after {words:?}");
    }
    // And both are read as the same.
    let theirs = parse("theirs", &theirs, &Alone).unwrap_or_else(|problem| panic!("{problem}"));
    let ours = parse("ours", &ours, &Alone).unwrap_or_else(|problem| panic!("{problem}"));
    assert_eq!(ours, theirs);
}

/// The lines, those of the server that were added in a fixed order: stock adds them in the order of a hash table.
fn normal(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    let added = lines.iter().position(|line| *line == "# Generated by CONFIG REWRITE").map_or(lines.len(), |at| at + 1);
    let end = lines[added..].iter().position(|line| line.starts_with("user ") || line.starts_with("sentinel "));
    let end = end.map_or(lines.len(), |end| added + end);
    lines[added..end].sort_unstable();
    lines
}

fn sentinel(addr: SocketAddr, words: &[&str]) -> String {
    let output = Command::new("redis-cli")
        .args(["-h", &addr.ip().to_string(), "-p", &addr.port().to_string(), "SENTINEL"])
        .args(words)
        .output()
        .expect("it is on the PATH");
    String::from_utf8(output.stdout).expect("redis-cli writes text")
}

/// The real Sentinel: the server's program, told to be one. Killed with the test.
struct Stock(Child);

impl Stock {
    /// Returns when it answers; it has rewritten its file then.
    fn start(file: &Path, addr: SocketAddr) -> Self {
        require("redis-server");
        require("redis-cli");
        let child = Command::new("redis-server")
            .arg(file)
            .arg("--sentinel")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it is on the PATH");
        let mut stock = Self(child);
        for _ in 0..600 {
            if sentinel(addr, &["MYID"]).trim().len() == 40 {
                return stock;
            }
            let ended = stock.0.try_wait().expect("it is our child");
            assert!(ended.is_none(), "the real Sentinel refuses {}", fs::read_to_string(file).unwrap_or_default());
            sleep(Duration::from_millis(50));
        }
        panic!("the real Sentinel does not answer");
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A directory of its own, gone with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("standfast-sentinel-conf-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).expect("the temporary directory can be written");
        Self(dir)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
