//! Clients take all descriptors that the process may have: the node keeps what it needs to lead a failover and to answer its operator.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use lab::cluster::free_address;
use lab::program::{require, standfast};
use lab::room::{Room, Running};
use lab::wire::ask;

/// Descriptors of the node: a small number does what 20,000 do.
const LIMIT: &str = "--nofile=200:200";
/// More clients than descriptors.
const CLIENTS: usize = 300;
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_node_without_descriptors_for_more_clients_still_decides_and_answers() {
    require("redis-server");
    let room = Room::new("descriptors");
    let [master, replica, listener, sentinel] = [(); 4].map(|()| free_address());
    let dies = server(&room, master, &[]);
    let _stays = server(&room, replica, &["--replicaof", "127.0.0.1", &master.port().to_string()]);
    let _node = node(&room, master, listener, sentinel);

    let mut inside = Vec::new();
    let mut refused = 0;
    for _ in 0..CLIENTS {
        let mut client = TcpStream::connect(listener).expect("the kernel's queue has room");
        client.set_read_timeout(Some(PATIENCE)).expect("it is open");
        // Refused ones may be closed before they ask.
        let _ = client.write_all(b"PING\r\n");
        let mut answer = [0; 36];
        match client.read(&mut answer) {
            Ok(n) if answer[..n].starts_with(b"+PONG") => inside.push(client),
            Ok(n) => {
                assert!(answer[..n].starts_with(b"-ERR max number of clients"), "{:?}", str::from_utf8(&answer[..n]));
                refused += 1;
            }
            Err(e) => panic!("a client is answered or refused, not left: {e}"),
        }
    }
    assert!(inside.len() > 20 && refused > 100, "{} inside, {refused} refused", inside.len());

    drop(dies);
    let mut client = &inside[0];
    client.write_all(b"SET after 1\r\n").expect("its connection stays");
    let mut answer = [0; 5];
    client.read_exact(&mut answer).expect("the replica is promoted, though there is no room for clients");
    assert_eq!(&answer, b"+OK\r\n");
    assert_eq!(ask(sentinel, &["PING"]).expect("the Sentinel port answers"), "PONG");
    let config = room.path("standfast.toml");
    let status = Command::new(standfast()).args(["status", "-c"]).arg(config).output().expect("it was built");
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    room.wait("the log says why clients are turned away", || room.read("out").contains("LimitNOFILE=").then_some(()));
}

fn server(room: &Room, addr: SocketAddr, more: &[&str]) -> Running {
    let mut server = Command::new("redis-server");
    server.args(["--bind", "127.0.0.1", "--save", "", "--repl-diskless-sync-delay", "0"]);
    server.args(["--port", &addr.port().to_string()]).args(more);
    let server = room.start_beside(server);
    room.wait("a server answers", || ask(addr, &["PING"]).filter(|answer| *answer == "PONG"));
    server
}

fn node(room: &Room, master: SocketAddr, listener: SocketAddr, sentinel: SocketAddr) -> Running {
    let file = format!(
        "[node]\nlisten = \"{sentinel}\"\nstate-dir = \"{}\"\n\n[[group]]\nname = \"cache\"\nmaster = \"{master}\"\nnodes = 1\n\n\
         [[listener]]\nlisten = \"{listener}\"\ngroup = \"cache\"\nhold = \"30s\"\n",
        room.path("state").display(),
    );
    room.write("standfast.toml", &file);
    let mut node = Command::new("prlimit");
    node.arg(LIMIT).arg(standfast()).args(["run", "-c"]).arg(room.path("standfast.toml"));
    let node = room.start(node);
    room.wait("the listener leads to the master", || ask(listener, &["PING"]).filter(|answer| *answer == "PONG"));
    let knows = || ask(sentinel, &["SENTINEL", "REPLICAS", "cache"]).filter(|all| all[0].is_array());
    room.wait("the node knows the replica", knows);
    node
}
