//! Another program takes a node's place under load: nobody is refused, no request is lost, and a program that fails changes nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use lab::cluster::{Kind, Watch};
use lab::front::{Crowd, FILE, Habit};
use lab::program::{run, said, standfast};
use lab::wire::Connection;
use lab::{Cluster, Front};

/// A copy of the program, so that one sees which one runs.
fn another(front: &Front, name: &str) -> PathBuf {
    let path = front.room.path(name);
    fs::copy(standfast(), &path).expect("the room can be written");
    path
}

/// A program of the test's own.
fn script(front: &Front, name: &str, text: &str) -> String {
    let path = front.room.write(name, &format!("#!/bin/bash\n{text}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    path.display().to_string()
}

fn program_of(pid: u64) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/exe")).ok()
}

fn lives(pid: u64) -> bool {
    Path::new(&format!("/proc/{pid}")).exists() && program_of(pid).is_some()
}

#[test]
fn nobody_is_refused_and_nothing_is_lost() {
    let mut front = Front::start("upgrade-load");
    front.room.write(FILE, &(front.file() + &format!("\n[admin]\nlisten = \"{}\"\n", lab::cluster::free_address())));
    front.done(&["reload"]);
    let first = front.pid().expect("it answers");
    let mut crowd = Crowd::new();
    crowd.join(4, Habit::Count, front.master);
    crowd.join(4, Habit::Read, front.replica);
    crowd.join(2, Habit::Knock, front.master);
    crowd.join(1, Habit::Knock, front.replica);
    let mut guests = Crowd::new();
    guests.join(1, Habit::Knock, front.sentinel);
    let mut last = first;
    for n in 0..3 {
        let new = another(&front, &format!("standfast-{n}"));
        let told = front.done(&["upgrade", &new.display().to_string()]);
        assert!(told.contains("has taken over"), "{told}");
        let pid = front.room.wait("the new one answers", || front.pid());
        assert_ne!(pid, last);
        assert_eq!(program_of(pid), Some(new));
        crowd.goes_on(400);
        // The old one is there for those who came before, and knows of a new master.
        assert!(lives(first), "process {first}");
        front.moves_the_master();
        crowd.goes_on(200);
        last = pid;
    }
    let complaints = crowd.leave();
    assert!(complaints.is_empty(), "{complaints:#?}");
    assert_eq!(guests.leave(), Vec::<String>::new());
    front.first_ends();
    let status = front.status().expect("it answers");
    assert_eq!(status["pid"].as_u64(), Some(last));
    assert!(front.done(&["reload"]).contains("nothing new"), "the last one is whole");
}

#[test]
fn a_signal_starts_the_program_that_is_on_the_disk_and_old_clients_have_their_time() {
    let mut front = Front::start("upgrade-signal");
    front.room.write(FILE, &front.file().replace("workers = 1", "workers = 1\ndrain-timeout = \"2s\""));
    front.done(&["reload"]);
    let first = front.pid().expect("it answers");
    let mut idle = Connection::open(front.master).expect("it listens");
    let mut blocked = Connection::open(front.master).expect("it listens");
    assert_eq!(idle.request(&["SET", "k", "v"]).expect("it answers"), "OK");
    let blocked = std::thread::spawn(move || blocked.request(&["BLPOP", "list", "1"]));
    front.first().signal("USR2");
    front.room.wait("another process answers", || front.pid().filter(|pid| *pid != first));
    assert_eq!(idle.request(&["GET", "k"]).expect("the old one serves it on"), "v");
    assert_eq!(blocked.join().expect("no panic").expect("it is answered"), serde_json::Value::Null);
    front.first_ends();
    assert!(idle.request(&["GET", "k"]).is_err(), "it had its time");
    assert!(front.log().contains("`drain-timeout` is over"), "{}", front.log());
    let mut again = Connection::open(front.master).expect("it listens");
    assert_eq!(again.request(&["GET", "k"]).expect("the new one serves it"), "v");
}

#[test]
fn a_program_that_fails_changes_nothing() {
    let front = Front::start("upgrade-fails");
    let first = front.pid().expect("it answers");
    let mut crowd = Crowd::new();
    crowd.join(3, Habit::Count, front.master);
    crowd.join(1, Habit::Knock, front.master);
    let talk = "[[ $STANDFAST_HANDOVER =~ talk=([0-9]+) ]]; fd=${BASH_REMATCH[1]}";
    let fails = [
        (script(&front, "at-once", "exit 7"), "exit status: 7"),
        (script(&front, "killed", "kill -9 $$"), "did not take over"),
        (front.room.path("missing").display().to_string(), "cannot be started"),
        (
            script(&front, "says-why", &format!("{talk}\necho '{{\"failed\":{{\"why\":\"of the moon\"}}}}' >&$fd")),
            "of the moon",
        ),
        // The old one has stopped to decide when this one ends.
        (
            script(
                &front,
                "ends-late",
                &format!("{talk}\necho '{{\"prepared\":{{\"version\":\"9\"}}}}' >&$fd; read -u $fd go; exit 3"),
            ),
            "exit status: 3",
        ),
        (
            script(
                &front,
                "hangs-late",
                &format!("{talk}\necho '{{\"prepared\":{{\"version\":\"9\"}}}}' >&$fd; exec sleep 100"),
            ),
            "was killed",
        ),
    ];
    for (program, words) in &fails {
        let refused = front.operate(&["upgrade", program]);
        assert!(!refused.status.success(), "{program}: {}", said(&refused));
        assert!(said(&refused).contains(words), "{program}: {}", said(&refused));
        assert!(front.log().contains("upgrade: not done, this process goes on"), "{}", front.log());
        crowd.goes_on(50);
        assert_eq!(front.pid(), Some(first), "{program}");
    }
    // A file that is wrong by now stops it, too.
    front.room.write(FILE, &(front.file() + "hodl = \"1s\"\n"));
    let refused = front.operate(&["upgrade"]);
    assert!(said(&refused).contains("did you mean `hold`?"), "{}", said(&refused));
    front.room.write(FILE, &front.file());
    // It decides as before.
    front.moves_the_master();
    crowd.goes_on(50);
    front.done(&["upgrade"]);
    crowd.goes_on(50);
    let complaints = crowd.leave();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn a_control_socket_moves_with_an_upgrade_and_older_processes_find_it() {
    let mut front = Front::start("upgrade-control");
    let first = front.pid().expect("it answers");
    let mut crowd = Crowd::new();
    crowd.join(3, Habit::Count, front.master);
    // Twice: the first process, which still has clients, is not the one that moves it the second time.
    for name in ["one.sock", "two.sock"] {
        let control = front.room.path(name).display().to_string();
        front.room.write(FILE, &front.file().replace("[node]\n", &format!("[node]\ncontrol = \"{control}\"\n")));
        front.done(&["upgrade"]);
        let answers = || run(&["status", "--json", "--control", &control]).status.success().then_some(());
        front.room.wait("it answers at the new place", answers);
        assert_ne!(front.pid(), Some(first), "by the old path");
        front.moves_the_master();
        crowd.goes_on(200);
        assert!(lives(first));
    }
    let complaints = crowd.leave();
    assert!(complaints.is_empty(), "{complaints:#?}");
    front.first_ends();
}

#[test]
fn sockets_of_a_service_manager_are_used() {
    let mut front = Front::start("upgrade-activation");
    front.first().signal("TERM");
    front.first_ends();
    // What systemd does with a .socket unit; nobody else could listen there, if these were not used.
    let program = "import os, socket, sys\n\
        for at, addr in enumerate(sys.argv[2:4]):\n    \
            host, port = addr.split(':')\n    \
            s = socket.socket()\n    \
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n    \
            s.bind((host, int(port)))\n    \
            s.listen()\n    \
            os.dup2(s.detach(), 10 + at)\n\
        for at in range(2):\n    \
            os.dup2(10 + at, 3 + at)\n\
        os.environ.update(LISTEN_FDS='2', LISTEN_PID=str(os.getpid()))\n\
        os.execv(sys.argv[1], [sys.argv[1], 'run', '-c', sys.argv[4]])\n";
    let mut node = Command::new("python3");
    node.args(["-c", program]).arg(standfast());
    node.args([front.master.to_string(), front.sentinel.to_string()]).arg(front.room.path(FILE));
    front.start_node(node);
    let mut client = Connection::open(front.master).expect("it listens");
    assert_eq!(client.request(&["PING"]).expect("it answers"), "PONG");
    front.done(&["upgrade"]);
    assert_eq!(client.request(&["PING"]).expect("it answers"), "PONG");
    let mut sentinel = Connection::open(front.sentinel).expect("it listens");
    assert_eq!(sentinel.request(&["PING"]).expect("it answers"), "PONG");
}

#[test]
fn a_proxy_only_is_upgraded_as_well() {
    let mut front = Front::start("upgrade-proxy-only");
    front.first().signal("TERM");
    front.first_ends();
    let servers: Vec<String> = front.servers.iter().map(|server| format!("\"{server}\"")).collect();
    let file = front
        .file()
        .replace(&format!("listen = \"{}\"\n", front.sentinel), "")
        .replace(
            &format!("master = \"{}\"\nnodes = 1", front.servers[0]),
            "source = \"probe\"\nSERVERS\ninterval = \"100ms\"",
        )
        .replace("SERVERS", &format!("servers = [{}]", servers.join(", ")));
    front.room.write(FILE, &file);
    let mut node = Command::new(standfast());
    node.args(["run", "-c"]).arg(front.room.path(FILE));
    front.start_node(node);
    let mut crowd = Crowd::new();
    crowd.join(3, Habit::Count, front.master);
    crowd.join(3, Habit::Read, front.replica);
    crowd.join(1, Habit::Knock, front.master);
    let (pid, rests) = (front.pid().expect("it answers"), front.servers[1].to_string());
    front.done(&["server", "cache", &rests, "drain"]);
    front.done(&["upgrade"]);
    assert_ne!(front.room.wait("it answers", || front.pid()), pid);
    crowd.goes_on(200);
    assert!(front.done(&["server", "cache"]).contains("drained"), "what was wanted is still wanted");
    assert!(front.done(&["reload"]).contains("nothing new"));
    let complaints = crowd.leave();
    assert!(complaints.is_empty(), "{complaints:#?}");
    front.first_ends();
}

/// Ends a process that is nobody's child here.
struct Guard(u64);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-s", "KILL", &self.0.to_string()]).status();
    }
}

#[test]
fn nodes_that_were_upgraded_one_after_the_other_fail_over_together() {
    let mut cluster = Cluster::start(&[Watch::new(Kind::Ours, 2); 3]);
    let pid = |control: &str| {
        let status = run(&["status", "--json", "--control", control]);
        serde_json::from_slice::<serde_json::Value>(&status.stdout).ok()?["pid"].as_u64()
    };
    let mut guards = Vec::new();
    for n in 0..3 {
        let control = cluster.control(n);
        let before = pid(&control);
        let done = run(&["upgrade", "--control", &control]);
        assert!(done.status.success(), "{}", said(&done));
        let after = cluster.wait("another process answers", |_| pid(&control).filter(|pid| Some(*pid) != before));
        guards.push(Guard(after));
    }
    let old = cluster.servers().next().expect("there are three");
    cluster.kill_server(old);
    let (new, _) = cluster.wait("there is another master", |cluster| cluster.moved(old));
    assert_ne!(new, old);
    drop(guards);
}
