//! Views that do not come from our own nodes, with real servers and real Sentinels: a proxy that follows stock Sentinels, and one that checks
//! each server from outside.

use std::net::SocketAddr;
use std::process::Command;

use lab::cluster::{Cluster, GROUP, Kind, Watch, free_address};
use lab::program::{require, standfast, wall_ms};
use lab::room::{Room, Running};
use lab::wire::{Connection, ask};
use serde_json::Value;

/// Servers of a test, and the proxy in front of them. Everything ends with it.
struct Front {
    room: Room,
    servers: Vec<(SocketAddr, Option<Running>)>,
    listen: SocketAddr,
    replica: SocketAddr,
    proxy: Option<Running>,
    options: &'static [&'static str],
}

impl Front {
    fn new(name: &str, servers: usize, options: &'static [&'static str]) -> Self {
        require("redis-server");
        let servers = (0..servers).map(|_| (free_address(), None)).collect();
        let (listen, replica) = (free_address(), free_address());
        Self { room: Room::new(name), servers, listen, replica, proxy: None, options }
    }

    fn addr(&self, n: usize) -> SocketAddr {
        self.servers[n].0
    }

    /// Starts a server, as the replica of another one or as a master.
    fn serve(&mut self, n: usize, of: Option<usize>) {
        let mut command = Command::new("redis-server");
        let dir = self.room.path("");
        command.args(["--bind", "127.0.0.1", "--port", &self.addr(n).port().to_string(), "--dir"]).arg(dir);
        command.args(["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"]).args(self.options);
        if let Some(master) = of {
            command.args(["--replicaof", "127.0.0.1", &self.addr(master).port().to_string()]);
        }
        self.servers[n].1 = Some(self.room.start_beside(command));
    }

    /// `kill -9`.
    fn kill(&mut self, n: usize) {
        self.servers[n].1 = None;
    }

    /// `standfast proxy` with these words more.
    fn lead(&mut self, more: &[&str]) {
        let mut command = Command::new(standfast());
        command.args(["proxy", "--listen", &self.listen.to_string(), "--replica-listen", &self.replica.to_string()]);
        for (addr, _) in &self.servers {
            command.args(["--server", &addr.to_string()]);
        }
        command.args(more);
        self.proxy = Some(self.room.start(command));
    }

    fn says(&self, words: &str) {
        self.room.wait(words, || self.room.read("out").contains(words).then_some(()));
    }

    /// Waits for a client that connects now, with its request: as soon as something listens, the rest is the proxy's to wait for.
    fn client(&self) -> Connection {
        self.room.wait("the listener is there", || Connection::open(self.listen).ok())
    }

    fn in_step(&self, master: usize, replica: usize) {
        self.room.wait("the replica follows", || {
            let role = ask(self.addr(replica), &["ROLE"])?;
            let port = u64::from(self.addr(master).port());
            (role[0] == "slave" && role[2] == port && role[3] == "connected").then_some(())
        });
    }
}

fn set(client: &mut Connection, value: &str) -> Value {
    client.request(&["SET", "lab:key", value]).expect("the connection stays, and the request is answered")
}

#[test]
fn the_proxy_listens_before_a_server_is_up_and_requests_wait_for_it() {
    let mut front = Front::new("sources-early", 2, &[]);
    let began = wall_ms();
    front.lead(&[]);
    let mut client = front.client();
    let listened = wall_ms() - began;
    assert!(listened < 5_000.0, "{listened} ms until it listened");
    let waiting = std::thread::spawn(move || (set(&mut client, "early"), client));
    front.says("connection refused");
    front.serve(0, None);
    front.serve(1, Some(0));
    let (answer, mut client) = waiting.join().expect("a client does not panic");
    assert_eq!(answer, "OK");
    front.in_step(0, 1);
    front.room.wait("the replica is read", || {
        let role = Connection::open(front.replica).ok()?.request(&["ROLE"]).ok()?;
        (role[0] == "slave").then_some(())
    });
    // A clean end: what clients are owed, and no error.
    front.proxy.as_ref().expect("it lives").signal("TERM");
    let status = front.room.wait("it ends", || front.proxy.as_mut().expect("it was started").ended());
    assert!(status.success(), "{status}");
    assert!(client.request(&["PING"]).is_err(), "the connection ends with the proxy");
}

#[test]
fn a_killed_master_is_replaced_by_whom_an_operator_promotes() {
    let mut front = Front::new("sources-promote", 2, &[]);
    front.serve(0, None);
    front.serve(1, Some(0));
    front.in_step(0, 1);
    front.lead(&[]);
    let mut client = front.client();
    assert_eq!(set(&mut client, "one"), "OK");
    front.kill(0);
    front.says(&format!("+server-down {}: connection refused", front.addr(0)));
    let waiting = std::thread::spawn(move || (set(&mut client, "two"), client));
    assert_eq!(ask(front.addr(1), &["REPLICAOF", "NO", "ONE"]), Some(Value::from("OK")));
    let (answer, mut client) = waiting.join().expect("a client does not panic");
    assert_eq!(answer, "OK");
    front.says(&format!("+switch-master redis 127.0.0.1 {} 127.0.0.1 {}", front.addr(0).port(), front.addr(1).port()));
    // The old one comes back empty and takes itself for a master: nobody is led there.
    front.serve(0, None);
    front.says("the present one stays");
    for n in 0..20 {
        assert_eq!(set(&mut client, &format!("after-{n}")), "OK");
    }
    assert_eq!(ask(front.addr(0), &["GET", "lab:key"]), Some(Value::Null));
    assert_eq!(ask(front.addr(1), &["GET", "lab:key"]), Some(Value::from("after-19")));
}

#[test]
fn of_two_masters_at_once_none_is_picked_at_random() {
    let mut front = Front::new("sources-two", 2, &[]);
    front.serve(0, None);
    front.serve(1, Some(0));
    front.in_step(0, 1);
    front.lead(&["--hold", "300"]);
    let mut client = front.client();
    assert_eq!(set(&mut client, "one"), "OK");
    // Promoted out of the living master's data: whichever will stay, writes to the other one would be lost.
    assert_eq!(ask(front.addr(1), &["REPLICAOF", "NO", "ONE"]), Some(Value::from("OK")));
    front.says("+two-masters");
    let refused = set(&mut client, "two");
    assert!(refused["error"].as_str().is_some_and(|e| e.starts_with("MASTERDOWN")), "{refused}");
    let old = front.addr(1).port().to_string();
    assert_eq!(ask(front.addr(0), &["REPLICAOF", "127.0.0.1", &old]), Some(Value::from("OK")));
    front.says("-two-masters");
    front.room.wait("writes go on", || (set(&mut client, "three") == "OK").then_some(()));
    assert_eq!(ask(front.addr(1), &["GET", "lab:key"]), Some(Value::from("three")));
}

#[test]
fn a_wrong_password_is_told_with_the_servers_address_and_the_right_one_is_used() {
    let mut front = Front::new("sources-password", 1, &["--requirepass", "sesame"]);
    front.serve(0, None);
    let file = front.room.write("wrong", "mustard\n");
    front.lead(&["--password-file", file.to_str().expect("a plain name")]);
    front.says(&format!("{}: it does not let us in: WRONGPASS", front.addr(0)));
    assert!(!front.room.read("out").contains("mustard"), "a password is in the log");
    front.proxy = None;
    let file = front.room.write("right", "sesame\n");
    front.lead(&["--password-file", file.to_str().expect("a plain name")]);
    let mut client = front.client();
    assert_eq!(client.request(&["AUTH", "sesame"]).expect("answered"), "OK", "clients log in for themselves");
    assert_eq!(set(&mut client, "in"), "OK");
}

#[test]
fn stock_sentinels_are_followed_through_a_failover_and_a_client_keeps_its_connection() {
    let mut cluster = Cluster::start(&[Watch::new(Kind::Stock, 2); 3]);
    let (master, _) = cluster.wait("all agree", Cluster::agreed);
    let room = Room::new("sources-follow");
    let (listen, replica) = (free_address(), free_address());
    let file = format!(
        "[node]\nstate-dir = {:?}\n[[group]]\nname = \"{GROUP}\"\nsource = \"sentinels\"\nsentinels = [\"{}\"]\n\
         [[listener]]\nlisten = \"{listen}\"\ngroup = \"{GROUP}\"\nhold = \"30s\"\n\
         [[listener]]\nlisten = \"{replica}\"\ngroup = \"{GROUP}\"\nrole = \"replica\"\nfallback = \"refuse\"\n",
        room.path("state"),
        cluster.sentinel(0)
    );
    let file = room.write("standfast.toml", &file);
    let mut command = Command::new(standfast());
    command.args(["run", "-c"]).arg(&file);
    let proxy = room.start(command);
    let mut client = room.wait("the listener is there", || Connection::open(listen).ok());
    assert_eq!(set(&mut client, "before"), "OK");
    assert_eq!(ask(master, &["GET", "lab:key"]), Some(Value::from("before")));
    cluster.wait("the write is everywhere", |c| {
        let there = |addr| ask(addr, &["GET", "lab:key"]).is_some_and(|value| value == "before");
        c.servers().all(there).then_some(())
    });
    // The one Sentinel that the file names is gone: the others were learned.
    room.wait("all Sentinels are known", || status(&file)?["peers"].as_array().filter(|p| p.len() == 3).map(drop));
    cluster.kill_node(0);
    cluster.kill_server(master);
    assert_eq!(set(&mut client, "after"), "OK", "the same connection, and no error");
    let (new, _) = cluster.wait("the Sentinels have another master", |c| c.moved(master));
    assert_eq!(ask(new, &["GET", "lab:key"]), Some(Value::from("after")));
    let told = room.wait("the status tells it", || {
        let group = status(&file)?;
        (group["view"]["phase"] == "Steady" && group["view"]["master"] == new.to_string()).then_some(group)
    });
    assert_eq!(told["source"], "sentinels");
    assert!(told["servers"].as_array().is_some_and(|s| s.iter().all(|s| s["check"].is_string())), "{told}");
    room.wait("a replica of the new master is read", || {
        let role = Connection::open(replica).ok()?.request(&["ROLE"]).ok()?;
        (role[0] == "slave" && role[2] == u64::from(new.port())).then_some(())
    });
    drop(proxy);
}

/// The first group, as `standfast status --json` tells it.
fn status(file: &std::path::Path) -> Option<Value> {
    let output = Command::new(standfast()).args(["status", "--json", "-c"]).arg(file).output().ok()?;
    let status: Value = serde_json::from_slice(&output.stdout).ok()?;
    status["report"]["groups"].get(0).cloned()
}

#[test]
fn a_file_is_taken_up_anew_and_clients_stay() {
    let mut front = Front::new("sources-reload", 2, &[]);
    front.serve(0, None);
    front.serve(1, Some(0));
    front.in_step(0, 1);
    let file = |servers: &[SocketAddr]| {
        let servers: Vec<String> = servers.iter().map(|server| format!("\"{server}\"")).collect();
        format!(
            "[node]\nstate-dir = {:?}\n[[group]]\nname = \"cache\"\nsource = \"probe\"\nservers = [{}]\n\
             [[listener]]\nlisten = \"{}\"\ngroup = \"cache\"\nhold = \"30s\"\n",
            front.room.path("state"),
            servers.join(", "),
            front.listen
        )
    };
    let (one, both) = (file(&[front.addr(0)]), file(&[front.addr(0), front.addr(1)]));
    let path = front.room.write("standfast.toml", &one);
    let mut command = Command::new(standfast());
    command.args(["run", "-c"]).arg(&path);
    front.proxy = Some(front.room.start(command));
    let mut client = front.client();
    assert_eq!(set(&mut client, "one"), "OK");
    front.room.write("standfast.toml", &both);
    let said = Command::new(standfast()).args(["reload", "-c"]).arg(&path).output().expect("it can be started");
    assert!(said.status.success(), "{said:?}");
    assert_eq!(set(&mut client, "two"), "OK", "the connection stays");
    front.room.wait("both servers are known", || {
        (status(&path)?["servers"].as_array()?.iter().filter(|s| s["down"].is_null()).count() == 2).then_some(())
    });
    front.kill(0);
    front.says("+server-down");
    assert_eq!(ask(front.addr(1), &["REPLICAOF", "NO", "ONE"]), Some(Value::from("OK")));
    assert_eq!(set(&mut client, "three"), "OK");
    let epoch = status(&path).map(|group| group["view"]["epoch"].clone());
    assert_eq!(epoch, Some(Value::from(3)), "it never falls");
}

#[test]
fn sentinels_and_servers_that_want_tls_and_passwords_are_followed() {
    require("redis-server");
    let room = Room::new("sources-tls");
    certificates(&room);
    let (redis, sentinel, listen) = (free_address(), free_address(), free_address());
    let path = |name: &str| room.path(name).display().to_string();
    let tls = format!(
        "port 0\nbind 127.0.0.1\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\ntls-auth-clients no\ntls-replication yes\n",
        path("cert.pem"),
        path("key.pem"),
        path("ca.pem")
    );
    room.write("redis.conf", &format!("{tls}tls-port {}\nsave \"\"\nrequirepass sesame\n", redis.port()));
    let watched = format!("sentinel monitor {GROUP} 127.0.0.1 {} 1\nsentinel auth-pass {GROUP} sesame\n", redis.port());
    room.write("sentinel.conf", &format!("{tls}tls-port {}\nrequirepass mustard\n{watched}", sentinel.port()));
    let start = |words: &[&str]| {
        let mut command = Command::new("redis-server");
        command.args(words);
        room.start_beside(command)
    };
    let _redis = start(&["redis.conf"]);
    let _sentinel = start(&["sentinel.conf", "--sentinel"]);
    let file = |password: &str| {
        format!(
            "[node]\nstate-dir = {:?}\n[[group]]\nname = \"{GROUP}\"\nsource = \"sentinels\"\nsentinels = [\"{sentinel}\"]\n\
             sentinel-password = \"{password}\"\nsentinel-tls = {{ ca = {:?} }}\npassword = \"sesame\"\nserver-tls = {{ ca = {:?} }}\n\
             [[listener]]\nlisten = \"{listen}\"\ngroup = \"{GROUP}\"\nhold = \"30s\"\n",
            path("state"),
            path("ca.pem"),
            path("ca.pem"),
        )
    };
    let config = room.write("standfast.toml", &file("wrong"));
    let mut command = Command::new(standfast());
    command.args(["run", "-c"]).arg(&config);
    let _proxy = room.start(command);
    let refused = format!("+sentinel-refuses {sentinel}: it does not let us in: WRONGPASS");
    room.wait(&refused, || room.read("out").contains(&refused).then_some(()));
    room.write("standfast.toml", &file("mustard"));
    let said = Command::new(standfast()).args(["reload", "-c"]).arg(&config).output().expect("it can be started");
    assert!(said.status.success(), "{said:?}");
    let mut client = room.wait("the listener is there", || Connection::open(listen).ok());
    assert_eq!(client.request(&["AUTH", "sesame"]).expect("answered"), "OK");
    assert_eq!(set(&mut client, "sealed"), "OK");
    let said = Command::new(standfast()).args(["status", "-c"]).arg(&config).output().expect("it can be started");
    let said = String::from_utf8_lossy(&said.stdout);
    for words in ["proxy ", "group cache: Steady", "as Sentinels say", "LAST CHECK", "passed"] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

/// An authority, and a certificate of it for 127.0.0.1.
fn certificates(room: &Room) {
    let key = || rcgen::KeyPair::generate().expect("a key can be made");
    let (authority_key, own_key) = (key(), key());
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = params.self_signed(&authority_key).expect("it can be signed");
    let issuer = rcgen::Issuer::new(params, authority_key);
    let own = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    let own = own.signed_by(&own_key, &issuer).expect("it can be signed");
    room.write("ca.pem", &authority.pem());
    room.write("cert.pem", &own.pem());
    room.write("key.pem", &own_key.serialize_pem());
}
