//! In the place of a stock Sentinel: does what a command changed outlive the process, and do passwords and certificates work as the file says?

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use config::sentinel_conf::{self, Alone, SentinelConf};
use lab::cluster::{GROUP, free_address};
use lab::program::{require, said, standfast};
use lab::room::{Room, Running};
use lab::wire::{ask, field};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::Value;

/// A command, and whether the file says what it changed.
type Change = (&'static [&'static str], fn(&SentinelConf) -> bool);

#[test]
fn what_a_command_changed_is_in_the_file_when_it_is_confirmed() {
    let room = Room::new("confirmed");
    let addr = free_address();
    write_file(&room, addr, "# mine\n");
    let changes: [Change; 10] = [
        (&["SET", GROUP, "auth-pass", "pass word", "auth-user", "joe"], |conf| {
            let master = conf.master(GROUP).expect("it is there");
            master.auth_user.as_deref() == Some("joe") && master.auth_pass == Some(config::Secret::new("pass word"))
        }),
        (&["SET", GROUP, "rename-command", "CONFIG", "hidden"], |conf| {
            conf.masters[0].renamed == [("CONFIG".to_owned(), "hidden".to_owned())]
        }),
        (&["SET", GROUP, "down-after-milliseconds", "4321", "quorum", "3"], |conf| {
            (conf.masters[0].down_after_ms, conf.masters[0].quorum) == (4_321, 3)
        }),
        (&["CONFIG", "SET", "announce-ip", "10.1.2.3"], |conf| conf.announce_ip.as_deref() == Some("10.1.2.3")),
        (&["CONFIG", "SET", "sentinel-pass", "x"], |conf| conf.sentinel_pass == Some(config::Secret::new("x"))),
        (&["CONFIG", "SET", "announce-port", "7", "loglevel", "nothing", "announce-hostnames", "no"], |conf| {
            conf.announce_port == Some(7) && conf.server().loglevel == "nothing"
        }),
        (&["MONITOR", "other", "127.0.0.1", "2", "1"], |conf| conf.master("other").is_some_and(|m| m.port == 2)),
        (&["SET", "other", "auth-pass", "theirs"], |conf| conf.master("other").is_some_and(|m| m.auth_pass.is_some())),
        (&["REMOVE", "other"], |conf| conf.master("other").is_none()),
        (&["MONITOR", "other", "127.0.0.1", "2", "1"], |conf| {
            conf.master("other").is_some_and(|m| m.auth_pass.is_none())
        }),
    ];
    for (change, is_there) in changes {
        let sentinel = start(&room, addr);
        let reply = ask(addr, &[&["SENTINEL"], change].concat());
        // kill -9, right after the reply.
        drop(sentinel);
        assert_eq!(reply, Some(Value::from("OK")), "{change:?}");
        let text = room.read("s.conf");
        let conf = sentinel_conf::parse("s.conf", &text, &Alone).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert!(is_there(&conf) && text.starts_with("# mine\n"), "{change:?}\n{text}");
    }
    let _sentinel = start(&room, addr);
    ask(addr, &["ACL", "SETUSER", "watcher", "on", ">secret", "+ping"]).expect("it answers");
    ask(addr, &["SENTINEL", "FLUSHCONFIG"]).expect("it answers");
    let text = room.read("s.conf");
    assert!(text.contains("\nuser watcher on ") && !text.contains("secret"), "users are kept as hashes\n{text}");
}

#[test]
fn a_change_that_cannot_be_written_is_an_error() {
    let room = Room::new("unwritten");
    let addr = free_address();
    write_file(&room, addr, "");
    let _sentinel = start(&room, addr);
    fs::remove_file(room.path("s.conf")).expect("it is there");
    fs::create_dir(room.path("s.conf")).expect("the room can be written");
    let told = ask(addr, &["SENTINEL", "SET", GROUP, "quorum", "2"]).expect("it answers");
    assert_eq!(told["error"], "ERR Failed to save config file. Check server logs.");
    fs::remove_dir(room.path("s.conf")).expect("it is empty");
    room.wait("it is saved after all", || room.read("s.conf").contains("127.0.0.1 1 2\n").then_some(()));
}

#[test]
fn passwords_are_used_as_soon_as_they_are_told() {
    let room = Room::new("passwords");
    let (addr, redis) = (free_address(), free_address());
    let _redis = server(&room, redis, &["--requirepass", "guess", "--rename-command", "PING", "PONG"]);
    write_file(&room, addr, "");
    let text = room.read("s.conf").replace("127.0.0.1 1 1", &format!("127.0.0.1 {} 1", redis.port()));
    room.write("s.conf", &format!("{text}sentinel down-after-milliseconds {GROUP} 500\n"));
    let _sentinel = start(&room, addr);
    let flags = || Some(field(&ask(addr, &["SENTINEL", "MASTER", GROUP])?, "flags")?.to_owned());
    let has = |flag: &str| flags().filter(|flags| flags.split(',').any(|there| there == flag));
    room.wait("it is down: nobody lets us in", || has("s_down"));
    let set = |words: &[&str]| ask(addr, &[&["SENTINEL", "SET", GROUP], words].concat());
    assert_eq!(set(&["auth-pass", "guess", "rename-command", "PING", "PONG"]), Some(Value::from("OK")));
    room.wait("it is up", || flags().filter(|flags| flags == "master"));
    // A wrong name while the link is up: the server is there, and is not well.
    assert_eq!(set(&["rename-command", "PING", "PENG"]), Some(Value::from("OK")));
    room.wait("it is down again", || has("s_down"));
}

#[test]
fn everything_can_be_encrypted_beside_a_stock_sentinel() {
    require("redis-cli");
    let room = Room::new("encrypted");
    certificates(&room);
    let (addr, stock, redis) = (free_address(), free_address(), free_address());
    let path = |name: &str| room.path(name).display().to_string();
    let port = redis.port().to_string();
    let mut command = Command::new("redis-server");
    command.args(["--port", "0", "--tls-port", &port, "--bind", "127.0.0.1", "--save", "", "--logfile", "redis.log"]);
    command.args(["--tls-cert-file", &path("cert.pem"), "--tls-key-file", &path("key.pem")]);
    command.args(["--tls-ca-cert-file", &path("ca.pem"), "--tls-replication", "yes"]);
    let _redis = room.start_beside(command);
    let file = |own: SocketAddr| {
        format!(
            "port 0\ntls-port {}\nbind 127.0.0.1\ntls-replication yes\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\n\
             sentinel monitor {GROUP} 127.0.0.1 {} 1\nsentinel down-after-milliseconds {GROUP} 2000\n",
            own.port(),
            path("cert.pem"),
            path("key.pem"),
            path("ca.pem"),
            redis.port(),
        )
    };
    room.write("s.conf", &file(addr));
    room.write("stock.conf", &format!("{}logfile stock.log\n", file(stock)));
    let mut ours = Command::new(standfast());
    ours.args(["sentinel", "s.conf"]);
    let _ours = room.start(ours);
    let mut command = Command::new("redis-server");
    command.args(["stock.conf", "--sentinel"]);
    let _stock = room.start_beside(command);
    let seen = |by: SocketAddr| {
        let mut cli = Command::new("redis-cli");
        cli.args(["--tls", "--cert", &path("cert.pem"), "--key", &path("key.pem"), "--cacert", &path("ca.pem")]);
        cli.args(["-p", &by.port().to_string(), "SENTINEL", "MASTER", GROUP]);
        let told = said(&cli.output().expect("it can be started"));
        let lines: Vec<&str> = told.lines().collect();
        let value = |name: &str| Some(lines[lines.iter().position(|line| *line == name)? + 1].to_owned());
        Some((value("flags")?, value("num-other-sentinels")?))
    };
    let well = Some(("master".to_owned(), "1".to_owned()));
    room.wait("both see the master and each other", || (seen(addr) == well && seen(stock) == well).then_some(()));
    // Without TLS nobody is answered.
    assert_eq!(ask(addr, &["PING"]), None);
}

#[test]
fn a_certificate_of_the_first_version_is_shown_and_one_that_is_shown_to_us_is_explained() {
    require("redis-cli");
    require("openssl");
    let room = Room::new("first-version");
    certificates(&room);
    // As Redis's own script for test certificates makes its general one: without any extension.
    let openssl = |words: &str| {
        let done = Command::new("openssl").args(words.split(' ')).current_dir(room.path("")).output();
        let done = done.expect("it can be started");
        assert!(done.status.success(), "{words}: {}", said(&done));
    };
    openssl("req -new -newkey rsa:2048 -nodes -subj /CN=old -keyout old.key -out old.csr");
    openssl("x509 -req -in old.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out old.pem");
    openssl("req -new -newkey rsa:2048 -nodes -subj /CN=other -keyout other.key -out other.csr");
    let (addr, good, old) = (free_address(), free_address(), free_address());
    let path = |name: &str| room.path(name).display().to_string();
    let redis = |at: SocketAddr, cert: &str, key: &str| {
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--tls-port", &at.port().to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--tls-cert-file", &path(cert), "--tls-key-file", &path(key), "--logfile", "redis.log"]);
        command.args(["--tls-ca-cert-file", &path("ca.pem"), "--tls-replication", "yes"]);
        room.start_beside(command)
    };
    let _servers = [redis(good, "cert.pem", "key.pem"), redis(old, "old.pem", "old.key")];
    let file = |key: &str| {
        format!(
            "port 0\ntls-port {}\nbind 127.0.0.1\ntls-replication yes\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\n\
             logfile {}\nsentinel monitor good 127.0.0.1 {} 1\nsentinel monitor old 127.0.0.1 {} 1\n",
            addr.port(),
            path("old.pem"),
            path(key),
            path("ca.pem"),
            path("s.log"),
            good.port(),
            old.port(),
        )
    };
    // A key of somebody else is found out all the same.
    room.write("wrong.conf", &file("other.key"));
    let refused =
        Command::new(standfast()).arg("sentinel").arg(room.path("wrong.conf")).output().expect("it can be started");
    assert!(!refused.status.success() && room.read("s.log").contains("old.pem and "), "{}", room.read("s.log"));
    room.write("s.conf", &file("old.key"));
    let mut ours = Command::new(standfast());
    ours.args(["sentinel", "s.conf"]);
    let _ours = room.start(ours);
    let flags = |group: &str| {
        let mut cli = Command::new("redis-cli");
        cli.args(["--tls", "--cert", &path("cert.pem"), "--key", &path("key.pem"), "--cacert", &path("ca.pem")]);
        cli.args(["-p", &addr.port().to_string(), "SENTINEL", "MASTER", group]);
        let told = said(&cli.output().expect("it can be started"));
        let lines: Vec<&str> = told.lines().collect();
        Some(lines[lines.iter().position(|line| *line == "flags")? + 1].to_owned())
    };
    room.wait("the server takes it", || (flags("good")? == "master").then_some(()));
    assert!(flags("old").is_some_and(|flags| flags.contains("disconnected")), "it is not believed itself");
    let log = room.read("s.log");
    let told = log.matches("its certificate is not X.509 version 3").count();
    assert!(told == 1 && log.contains("old.pem: a certificate that is not X.509 version 3"), "{told} times:\n{log}");
}

#[test]
fn programs_of_the_host_are_served_through_a_file() {
    require("redis-cli");
    let room = Room::new("unixsocket");
    room.write("s.conf", "port 0\nunixsocket s.sock\nunixsocketperm 700\n");
    // What an earlier life left.
    drop(std::os::unix::net::UnixListener::bind(room.path("s.sock")));
    let socket = room.path("s.sock").display().to_string();
    let say = |words: &[&str]| {
        let mut cli = Command::new("redis-cli");
        said(&cli.args(["-s", &socket]).args(words).output().expect("it can be started"))
    };
    let mut ours = Command::new(standfast());
    ours.args(["sentinel", "s.conf"]);
    let sentinel = room.start(ours);
    room.wait("it answers", || (say(&["PING"]).trim() == "PONG").then_some(()));
    let list = say(&["CLIENT", "LIST"]);
    assert!(list.contains(" addr=s.sock:0 laddr=s.sock:0 ") && list.contains(" flags=U "), "{list}");
    let mode = fs::metadata(&socket).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    say(&["SHUTDOWN"]);
    room.wait("nothing is left of it", || (!room.path("s.sock").exists()).then_some(()));
    drop(sentinel);
    // A file that is somebody's is not taken for a socket.
    room.write("s.sock", "mine");
    let refused =
        Command::new(standfast()).arg("sentinel").arg(room.path("s.conf")).current_dir(room.path("")).output();
    assert!(!refused.expect("it can be started").status.success());
    assert_eq!(room.read("s.sock"), "mine");
}

/// A file for a Sentinel here, with its first lines.
#[test]
fn clients_that_ask_for_much_and_take_nothing_do_not_hold_up_the_node() {
    let room = Room::new("greedy");
    let addr = free_address();
    write_file(&room, addr, "logfile s.log\n");
    let _sentinel = start(&room, addr);
    let much = "COMMAND DOCS\r\n".repeat(10_000);
    let greedy = (0..50).map(|_| {
        let mut client = TcpStream::connect(addr).expect("it accepts");
        client.set_nonblocking(true).expect("a socket can be told");
        // As much as the kernel takes: the rest does not matter.
        let _ = client.write(much.as_bytes());
        client
    });
    let greedy: Vec<TcpStream> = greedy.collect();
    for _ in 0..10 {
        assert!(ask(addr, &["PING"]).is_some(), "others are answered");
    }
    // Debug builds need 0.1 s for a round; while one client was served to its end before the next, it was 3 s, hence a TILT.
    assert!(!room.read("s.log").contains("+tilt"), "{}", room.read("s.log"));
    drop(greedy);
}

fn write_file(room: &Room, addr: SocketAddr, first: &str) {
    room.write(
        "s.conf",
        &format!("{first}port {}\nbind 127.0.0.1\nsentinel monitor {GROUP} 127.0.0.1 1 1\n", addr.port()),
    );
}

fn start(room: &Room, addr: SocketAddr) -> Running {
    let mut command = Command::new(standfast());
    command.args(["sentinel", "s.conf"]);
    let sentinel = room.start(command);
    room.wait("it answers", || ask(addr, &["PING"]));
    sentinel
}

fn server(room: &Room, addr: SocketAddr, words: &[&str]) -> Running {
    let mut command = Command::new("redis-server");
    command
        .args(["--port", &addr.port().to_string(), "--bind", "127.0.0.1", "--save", "", "--logfile", "redis.log"])
        .args(words);
    room.start_beside(command)
}

/// An authority, and one certificate of it for everybody.
fn certificates(room: &Room) {
    let ca_key = KeyPair::generate().expect("there is randomness");
    let mut ca = CertificateParams::new(Vec::new()).expect("no names");
    // With the name of the other, a certificate would look as if it had signed itself.
    ca.distinguished_name.push(DnType::CommonName, "authority");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_cert = ca.self_signed(&ca_key).expect("it is complete");
    room.write("ca.key", &ca_key.serialize_pem());
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().expect("there is randomness");
    let cert = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("an address");
    let cert = cert.signed_by(&key, &issuer).expect("it is complete");
    room.write("ca.pem", &ca_cert.pem());
    room.write("cert.pem", &cert.pem());
    room.write("key.pem", &key.serialize_pem());
}
