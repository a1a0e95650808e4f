//! Can our program take the place of a stock Sentinel, on its file, and give it back? And does it behave as one beside other processes?

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use config::sentinel_conf::{self, Alone};
use lab::Cluster;
use lab::cluster::{GROUP, Kind, PATIENCE, Watch, free_address};
use lab::program::{said, standfast};
use lab::room::Room;
use lab::wire::{Connection, ask, field};
use serde_json::json;

#[test]
fn a_stock_sentinels_place_is_taken_and_given_back() {
    let mut cluster = Cluster::start(&[Watch::new(Kind::Stock, 2); 3]);
    let (old, _) = cluster.agreed().expect("they agreed a moment ago");
    let before = identity(&cluster);

    cluster.kill_node(0);
    cluster.replace_node(0, Kind::InPlace);
    cluster.start_node(0);
    // It is the one that the others know: same id, same address; and it knows the servers and the others from the file.
    cluster.wait("all is well with ours among two stock", Cluster::agreed);
    assert_eq!(identity(&cluster), before);

    cluster.kill_server(old);
    let (new, epoch) = cluster.wait("all agree on another master", |cluster| cluster.moved(old));
    cluster.start_server(old);
    cluster.wait("all is well again", |cluster| cluster.agreed().filter(|(master, _)| *master == new));
    let text = fs::read_to_string(cluster.file_of(0)).expect("the file is there");
    for line in [
        format!("sentinel monitor {GROUP} {} {} 2", new.ip(), new.port()),
        format!("sentinel config-epoch {GROUP} {epoch}"),
        format!("sentinel known-replica {GROUP} {} {}", old.ip(), old.port()),
    ] {
        assert!(text.lines().any(|there| there == line), "{line} in\n{text}");
    }

    cluster.kill_node(0);
    cluster.replace_node(0, Kind::Stock);
    cluster.start_node(0);
    cluster.wait("all is well with three stock", Cluster::agreed);
    assert_eq!((identity(&cluster), cluster.master_of(0)), (before, Some((new, epoch))));
}

#[test]
fn three_in_place_of_stock_fail_over_and_remember() {
    let mut cluster = Cluster::start(&[Watch::new(Kind::InPlace, 2); 3]);
    let (old, _) = cluster.agreed().expect("they agreed a moment ago");
    let before = identity(&cluster);
    cluster.kill_server(old);
    let (new, epoch) = cluster.wait("all agree on another master", |cluster| cluster.moved(old));
    cluster.start_server(old);
    // kill -9 of all, at once: what they agreed on is in their files.
    (0..3).for_each(|n| cluster.kill_node(n));
    (0..3).for_each(|n| cluster.start_node(n));
    let remembered = cluster.wait("all is well again", Cluster::agreed);
    assert_eq!((remembered, identity(&cluster)), ((new, epoch), before));
}

#[test]
fn names_are_resolved_and_told() {
    let mut cluster = Cluster::start(&[Watch::new(Kind::InPlace, 2); 3]);
    let (old, _) = cluster.agreed().expect("they agreed a moment ago");
    for n in 0..3 {
        cluster.kill_node(n);
        cluster.edit(n, |text| {
            let told = "sentinel resolve-hostnames yes\nsentinel announce-hostnames yes\n";
            let named = text.replace(&format!("monitor {GROUP} {} ", old.ip()), &format!("monitor {GROUP} localhost "));
            format!("{named}{told}")
        });
        cluster.start_node(n);
    }
    let told = |cluster: &Cluster, n| cluster.ask_node(n, &["GET-MASTER-ADDR-BY-NAME", GROUP]);
    let is_told = |cluster: &Cluster, port: u16| {
        let name = json!(["localhost", port.to_string()]);
        (0..3).all(|n| told(cluster, n).is_some_and(|told| told == name)).then_some(())
    };
    let others = |cluster: &Cluster, n| Some(cluster.ask_node(n, &["SENTINELS", GROUP])?.as_array()?.len());
    cluster.wait("all say the name", |cluster| is_told(cluster, old.port()));
    cluster.wait("all know each other", |cluster| (0..3).all(|n| others(cluster, n) == Some(2)).then_some(()));
    cluster.kill_server(old);
    let new = cluster.wait("all say another", |cluster| {
        cluster.servers().find(|server| *server != old && is_told(cluster, server.port()).is_some())
    });
    let third = cluster.servers().find(|server| *server != old && *server != new).expect("there are three");
    cluster.wait("the third follows by name", |_| {
        let role = ask(third, &["ROLE"])?;
        (role[1] == "localhost" && role[2] == new.port() && role[3] == "connected").then_some(())
    });
    cluster.wait("the file names it", |cluster| {
        let text = fs::read_to_string(cluster.file_of(0)).unwrap_or_default();
        text.contains(&format!("sentinel monitor {GROUP} localhost {} 2", new.port())).then_some(())
    });
}

/// The id of node 0, and the ids that it knows.
fn identity(cluster: &Cluster) -> (String, Vec<String>) {
    let id = cluster.ask_node(0, &["MYID"]).and_then(|id| id.as_str().map(str::to_owned)).unwrap_or_default();
    let others = cluster.ask_node(0, &["SENTINELS", GROUP]).unwrap_or_default();
    let ids = others.as_array().into_iter().flatten().filter_map(|peer| Some(field(peer, "runid")?.to_owned()));
    let mut ids: Vec<String> = ids.collect();
    ids.sort();
    (id, ids)
}

#[test]
fn it_starts_speaks_and_ends_as_redis_sentinel_does() {
    let room = Room::new("called");
    let addr = free_address();
    let program = room.path("redis-sentinel");
    symlink(standfast(), &program).expect("the room can be written");
    room.write("s.conf", &format!("# mine\nport 1\nsentinel monitor {GROUP} 127.0.0.1 1 1\n"));
    let mut command = Command::new(&program);
    command.args(["s.conf", "--loglevel", "debug", "--bind", "127.0.0.1", "--port", &addr.port().to_string()]);
    let mut sentinel = room.start(command);
    room.wait("it answers", || ask(addr, &["PING"]));

    // A second one on the same port: in the log, and status 1.
    let second = room.run(&["s.conf", "--bind", "127.0.0.1", "--port", &addr.port().to_string()]);
    assert_eq!(second.status.code(), Some(1), "{}", said(&second));
    let lines = [
        format!(
            "# Warning: Could not create server TCP listening socket 127.0.0.1:{}: bind: Address already in use",
            addr.port()
        ),
        format!("# Failed listening on port {} (TCP), aborting.", addr.port()),
    ];
    assert!(lines.iter().all(|line| said(&second).contains(line)) && second.stderr.is_empty(), "{}", said(&second));

    sentinel.signal("TERM");
    let status = room.wait("it ends", || sentinel.ended());
    assert_eq!((status.code(), status.signal()), (Some(0), None));
    assert_eq!(room.read("err"), "", "in normal work nothing is written there");
    let log = room.read("out");
    for line in log.lines() {
        assert!(is_stock_line(line), "{line:?} in\n{log}");
    }
    let id = room.read("s.conf").lines().find_map(|line| line.strip_prefix("sentinel myid ").map(str::to_owned));
    let id = id.unwrap_or_else(|| panic!("no id in\n{}", room.read("s.conf")));
    for text in [format!("# Sentinel ID is {id}"), format!("# +monitor master {GROUP} 127.0.0.1 1 quorum 1")] {
        assert!(log.contains(&text), "{text} in\n{log}");
    }
    assert!(room.read("s.conf").starts_with("# mine\nport "), "{}", room.read("s.conf"));
}

#[test]
fn what_is_wrong_at_the_start_is_told_with_status_1() {
    let room = Room::new("wrong");
    let bad = room.write("bad.conf", "port 1\n\nsentinel monitor m nobody 1 0\n");
    let told = room.run(&["bad.conf"]);
    assert_eq!(told.status.code(), Some(1));
    let text = String::from_utf8_lossy(&told.stderr);
    assert!(text.contains("at line 3\n>>> 'sentinel monitor m nobody 1 0'\nQuorum must be 1 or greater."), "{text}");
    assert_eq!(
        fs::read_to_string(&bad).expect("it is there"),
        "port 1\n\nsentinel monitor m nobody 1 0\n",
        "untouched"
    );

    fs::create_dir(room.path("dir.conf")).expect("the room can be written");
    for (arguments, text) in [
        (&["missing.conf"][..], "can't open config file"),
        (&["dir.conf"], "can't open config file"),
        (&[], "Sentinel needs config file on disk"),
        (&["--port", "1"], "Sentinel needs config file on disk"),
    ] {
        let told = room.run(arguments);
        assert_eq!((told.status.code(), told.stderr.as_slice()), (Some(1), &b""[..]), "{arguments:?}");
        let log = String::from_utf8_lossy(&told.stdout);
        assert!(log.contains(text) && log.lines().all(is_stock_line), "{arguments:?}: {log}");
    }
}

#[test]
fn in_the_background_it_leaves_its_number_and_its_log() {
    let room = Room::new("background");
    let addr = free_address();
    room.write(
        "s.conf",
        &format!("port {}\nbind 127.0.0.1\ndaemonize yes\npidfile s.pid\nlogfile s.log\nsentinel monitor {GROUP} 127.0.0.1 1 1\n", addr.port()),
    );
    let started = room.run(&["s.conf"]);
    assert_eq!((started.status.code(), said(&started).as_str()), (Some(0), ""));
    room.wait("it answers", || ask(addr, &["PING"]));
    let pid: u32 = room.read("s.pid").trim().parse().expect("a number");
    let daemon = Daemon(pid);
    assert!(room.read("s.log").starts_with(&format!("{pid}:X ")), "{}", room.read("s.log"));
    drop(daemon);
    room.wait("the pid file is gone", || (!room.path("s.pid").exists()).then_some(()));
}

#[test]
fn the_service_manager_is_told_and_a_script_inherits_nothing() {
    let room = Room::new("service");
    let addr = free_address();
    let script = room.write("n.sh", "#!/bin/sh\nls /proc/self/fd > fds.part && mv fds.part fds\n");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it is ours");
    room.write(
        "s.conf",
        &format!(
            "port {}\nbind 127.0.0.1\nsentinel monitor {GROUP} 127.0.0.1 1 1\n\
             sentinel down-after-milliseconds {GROUP} 300\nsentinel notification-script {GROUP} ./n.sh\n",
            addr.port()
        ),
    );
    let manager = UnixDatagram::bind(room.path("notify")).expect("the room can be written");
    manager.set_read_timeout(Some(PATIENCE)).expect("a time");
    let mut command = Command::new(standfast());
    command.args(["sentinel", "s.conf", "--supervised", "systemd", "--daemonize", "no"]);
    let mut sentinel = room.start({
        command.env("NOTIFY_SOCKET", room.path("notify"));
        command
    });
    let heard = || {
        let mut text = [0; 1_024];
        let len = manager.recv(&mut text).expect("it says something");
        String::from_utf8_lossy(&text[..len]).into_owned()
    };
    assert!(heard().starts_with("READY=1\n"));
    assert!(ask(addr, &["PING"]).is_some(), "ready means that it answers");
    room.wait("the script has run", || room.path("fds").exists().then_some(()));
    // What this test was itself given by whoever runs it, everybody has.
    let ours = Command::new("ls").arg("/proc/self/fd").stdin(Stdio::null()).output().expect("every system has it");
    assert_eq!(room.read("fds"), String::from_utf8_lossy(&ours.stdout));
    sentinel.signal("TERM");
    assert!(heard().starts_with("STOPPING=1"));
    room.wait("it ends", || sentinel.ended());
}

#[test]
fn what_cannot_be_saved_is_not_said() {
    let room = Room::new("unsaved");
    let addr = free_address();
    room.write("s.conf", &format!("port {}\nbind 127.0.0.1\nsentinel monitor {GROUP} 127.0.0.1 1 1\n", addr.port()));
    let mut command = Command::new(standfast());
    command.args(["sentinel", "s.conf"]);
    let _sentinel = room.start(command);
    room.wait("it answers", || ask(addr, &["PING"]));
    let vote = |epoch: &str| ask(addr, &["SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", "1", epoch, ELSE]);
    let saved = room.read("s.conf");
    fs::remove_file(room.path("s.conf")).expect("it is there");
    fs::create_dir(room.path("s.conf")).expect("the room can be written");
    let told = vote("7").expect("it answers");
    assert_eq!(told[1], "*", "no vote without a file: {told}");
    room.wait("the log says so", || room.read("out").contains("not able to save the new configuration").then_some(()));

    fs::remove_dir(room.path("s.conf")).expect("it is empty");
    room.write("s.conf", &saved);
    room.wait("it is saved", || room.read("s.conf").contains("sentinel current-epoch 7").then_some(()));
}

#[test]
fn a_vote_that_was_said_is_in_the_file_whenever_the_process_is_killed() {
    let room = Room::new("killed");
    let addr = free_address();
    for round in 0..8 {
        // A new file each time: with an old one a promise to somebody unknown has to end first.
        let text = format!("port {}\nbind 127.0.0.1\nsentinel monitor {GROUP} 127.0.0.1 1 1\n", addr.port());
        room.write("s.conf", &text);
        let mut command = Command::new(standfast());
        command.args(["sentinel", "s.conf"]);
        let sentinel = room.start(command);
        let mut connection = room.wait("it answers", || Connection::open(addr).ok());
        // Killed while the next vote is on its way to the disk, a little later each time; before the first one there is nothing to keep.
        let (first, begun) = mpsc::channel();
        let killer = thread::spawn(move || {
            let begun = begun.recv_timeout(Duration::from_secs(30));
            thread::sleep(Duration::from_millis(7 * round));
            drop(sentinel);
            begun
        });
        let mut said = 0;
        for asked in 1_u64.. {
            let words = ["SENTINEL", "IS-MASTER-DOWN-BY-ADDR", "127.0.0.1", "1", &asked.to_string(), ELSE];
            let Ok(vote) = connection.request(&words) else { break };
            // Promised to this one since the first vote: all the others are for it, too.
            if vote[1] == ELSE {
                said = asked;
                // It hears the first one only.
                let _ = first.send(());
            }
        }
        assert_eq!(killer.join().expect("it only waits and kills"), Ok(()), "it votes");
        let text = room.read("s.conf");
        let conf = sentinel_conf::parse("s.conf", &text, &Alone).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let kept = conf.masters[0].leader_epoch;
        assert!(said > 0 && kept >= said, "said {said}, kept {kept}\n{text}");
    }
}

#[test]
fn the_state_can_have_a_file_of_its_own() {
    let room = Room::new("state");
    let addr = free_address();
    let main = format!(
        "port {}\nbind 127.0.0.1\nsentinel state-config-file state.conf\nsentinel monitor {GROUP} 127.0.0.1 1 1\n",
        addr.port()
    );
    room.write("s.conf", &main);
    let id = |room: &Room| {
        let mut command = Command::new(standfast());
        command.args(["sentinel", "s.conf"]);
        let _sentinel = room.start(command);
        room.wait("it answers", || ask(addr, &["SENTINEL", "MYID"]))
    };
    let first = id(&room);
    assert_eq!(id(&room), first, "remembered");
    assert_eq!(room.read("s.conf"), main, "the operator's file is never written");
    assert!(room.read("state.conf").contains(&format!("sentinel myid {}", first.as_str().expect("a text"))));

    room.write("same.conf", &main.replace("state.conf", "same.conf"));
    let told = room.run(&["same.conf"]);
    assert_eq!(told.status.code(), Some(1));
    assert!(said(&told).contains("must differ from the main config file"), "{}", said(&told));
}

/// Somebody's id.
const ELSE: &str = "5555555555555555555555555555555555555555";

/// `4711:X 21 Nov 2026 05:01:06.097 # text`
fn is_stock_line(line: &str) -> bool {
    let words: Vec<&str> = line.splitn(7, ' ').collect();
    let [who, day, month, year, time, sign, _] = words.as_slice() else { return false };
    let digits = |text: &str, len: usize| text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
    who.strip_suffix(":X").is_some_and(|pid| pid.parse::<u32>().is_ok())
        && digits(day, 2)
        && month.len() == 3
        && digits(year, 4)
        && digits(&time.replace([':', '.'], ""), 9)
        && [".", "-", "*", "#"].contains(sign)
}

/// A process that is not our child, asked to end when the test does.
struct Daemon(u32);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.to_string()).status();
    }
}
