//! Two nodes in one process, each with its own Sentinel port, tell each other whom they serve.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host::clock::now;
use sentinel::{Sentinel, State};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn};
use tokio::time::{sleep, timeout};

use super::*;
use crate::disk::Nowhere;
use crate::feeds::Feeds;
use crate::link::Ways;
use crate::node_loop::{NodeLoop, Parts};
use crate::serve::rules::Rules;
use crate::serve::{Port, Users};

/// A node without groups.
struct Host {
    clients: Clients,
    events: mpsc::Receiver<node::Event>,
    port: SocketAddr,
    doors: Arc<Port>,
    serving: JoinHandle<()>,
}

impl Host {
    async fn start(name: &str) -> Self {
        let config = sentinel::Config {
            id: view::RunId::from_bits(host::random::node_id()),
            announce: SocketAddr::from(([127, 0, 0, 1], 0)),
            groups: BTreeMap::new(),
        };
        let machine = Sentinel::new(config, State::default(), 1, now());
        let feeds = Feeds::default();
        let parts = Parts {
            machine,
            recorder: Arc::new(Mutex::default()),
            ways: Ways::default(),
            keep: Box::new(Nowhere),
            flights: std::env::temp_dir(),
            tell: crate::log::announce,
            feeds,
        };
        let (mut node_loop, node) = NodeLoop::new(parts).unwrap();
        spawn(async move { node_loop.run().await });
        let (clients, (inbox, events)) = (Clients::default(), mpsc::channel(100));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap();
        let rules = Rules { clients: clients.clone(), ..Rules::of_file("f") };
        let users = Users::new(&rules).unwrap();
        let doors = Port::new(node.clone(), port, "f".to_owned(), rules, users);
        let serving = spawn(doors.clone().run(listener));
        let needs = Needs { name: name.to_owned(), node, ways: Ways::default(), traffic: Traffic::none() };
        clients.start(needs, inbox).unwrap();
        Self { clients, events, port, doors, serving }
    }

    fn watch(&self, address: &str, ips: &[IpAddr], partners: &[SocketAddr]) {
        let partners = Some(partners.to_vec());
        self.clients.watch(vec![Watched { address: address.to_owned(), ips: ips.to_vec(), partners }]);
    }

    fn knows(&self, ip: IpAddr) -> Vec<SocketAddr> {
        let waiting = self.clients.0.get().unwrap().shared.store().waiting(now(), &[ip]);
        waiting.into_iter().map(|connection| connection.client).collect()
    }

    async fn lost(&mut self) -> (String, String) {
        match timeout(PATIENCE, self.events.recv()).await.expect("something happens").unwrap() {
            node::Event::PartnerLost { address, node } => (address, node),
            other => panic!("{other:?}"),
        }
    }

    fn die(self) {
        self.serving.abort();
        self.doors.close_all();
    }
}

/// A partner at this host, who is not there.
const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);
const PATIENCE: Duration = Duration::from_secs(30);

async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = now() + PATIENCE;
    while !so() {
        assert!(now() < end, "not within {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// An address of this test alone.
fn own_ip(last: u8) -> IpAddr {
    let [_, _, a, b] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 100 + last, a, b.max(1)).into()
}

#[tokio::test]
async fn a_partner_knows_whom_we_serve_before_we_are_lost() {
    let ip = own_ip(1);
    let (a, mut b) = (Host::start("a").await, Host::start("b").await);
    let listener = std::net::TcpListener::bind((ip, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    // Each lists both, as one file for all hosts would; and they call it by different names.
    a.watch("here", &[ip], &[a.port, b.port]);
    b.watch("there", &[ip], &[a.port, b.port]);
    let client = std::net::TcpStream::connect(at).unwrap();
    let second = std::net::TcpStream::connect(at).unwrap();
    let known = [client.local_addr().unwrap(), second.local_addr().unwrap()];
    until("b knows both", || b.knows(ip) == known).await;
    until("and a, for here the kernel is the same", || a.knows(ip) == known).await;
    // This host of the test does not hold the address, so each is told that the other serves clients in vain.
    while let Ok(Some(event)) = timeout(Duration::from_millis(500), b.events.recv()).await {
        assert_eq!(event, node::Event::PartnerLost { address: "there".to_owned(), node: "a".to_owned() });
    }
    a.die();
    assert_eq!(b.lost().await, ("there".to_owned(), "a".to_owned()));
    assert_eq!(b.knows(ip), known, "that is what it is kept for");
}

#[tokio::test]
async fn many_connections_come_in_pieces_and_news_follow() {
    let ip = own_ip(2);
    let (a, b) = (Host::start("a").await, Host::start("b").await);
    let listener = std::net::TcpListener::bind((ip, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    let connect = |_| (std::net::TcpStream::connect(at).unwrap(), listener.accept().unwrap());
    let mut held: Vec<_> = (0..1_500).map(connect).collect();
    a.watch("x", &[ip], &[b.port]);
    b.watch("x", &[ip], &[NOBODY]);
    until("b knows all", || b.knows(ip).len() == 1_500).await;
    held.extend((0..500).map(connect));
    until("b knows those who came later", || b.knows(ip).len() == 2_000).await;
    // It cares for another address, too, and is told anew.
    b.watch("x", &[ip, own_ip(3)], &[NOBODY]);
    until("b knows them once more", || b.knows(ip).len() == 2_000).await;
    b.watch("x", &[own_ip(3)], &[NOBODY]);
    until("what does not matter is not kept", || b.knows(ip).is_empty()).await;
}

/// The kernel would never tell of this one: it is not there.
#[tokio::test]
async fn whom_the_proxy_has_let_in_a_partner_knows_without_the_kernel() {
    let ip = own_ip(5);
    let (a, b) = (Host::start("a").await, Host::start("b").await);
    let listener = std::net::TcpListener::bind((ip, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    a.watch("x", &[ip], &[b.port]);
    b.watch("x", &[ip], &[NOBODY]);
    let there = std::net::TcpStream::connect(at).unwrap();
    until("b knows who is there", || b.knows(ip) == [there.local_addr().unwrap()]).await;
    let client = SocketAddr::from(([192, 0, 2, 9], 4_711));
    a.clients.0.get().unwrap().arrivals.send(Arrival { at, client }).await.unwrap();
    until("b knows who has just come", || b.knows(ip).contains(&client)).await;
}

#[tokio::test]
async fn one_that_does_not_answer_is_lost() {
    let ip = own_ip(4);
    let a = Host::start("a").await;
    let mut a = a;
    // A partner whose process is stopped: its kernel takes what is said, and nobody answers any more.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    a.watch("x", &[ip], &[silent.local_addr().unwrap()]);
    let (mut stream, _) = silent.accept().await.unwrap();
    let mut asked = vec![0; 1_000];
    assert!(stream.read(&mut asked).await.unwrap() > 0);
    let teller = Teller { name: "b".to_owned(), life: "1".to_owned() };
    let mut welcome = Vec::new();
    let value = Welcome { teller, cares_for: vec![ip] }.to_value();
    resp::write::value(&mut welcome, &value, resp::Protocol::Resp2);
    stream.write_all(&welcome).await.unwrap();
    assert_eq!(a.lost().await, ("x".to_owned(), "b".to_owned()));
}

#[tokio::test]
async fn others_at_the_port_notice_nothing_and_garbage_is_refused() {
    let a = Host::start("a").await;
    let mut stream = TcpStream::connect(a.port).await.unwrap();
    let mut ask = async |words: &str| {
        let mut out = Vec::new();
        resp::write::command(&mut out, &words.split(' ').collect::<Vec<_>>());
        stream.write_all(&out).await.unwrap();
        let mut said = vec![0; 4_096];
        let len = timeout(PATIENCE, stream.read(&mut said)).await.expect("an answer").unwrap();
        String::from_utf8_lossy(&said[..len]).into_owned()
    };
    let refused = ask("standfast clients 1 x y 0").await;
    assert!(refused.starts_with("-STRANGER this node knows no partner at 127.0.0.1:"), "{refused}");
    a.watch("x", &[own_ip(6)], &[NOBODY]);
    let hosts = || lock(&a.clients.0.get().unwrap().shared.hosts).clone();
    until("it has partners", || hosts().len() == 2).await;
    assert_eq!(ask("STANDFAST").await, "-ERR STANDFAST: too few words\r\n");
    assert_eq!(ask("STANDFAST CLIENTS 9 a b 0").await, "-ERR STANDFAST: another version of Standfast\r\n");
    assert_eq!(ask("standfast clients 1 x y 1").await, "-RESEND begin with 0\r\n");
    assert!(ask("standfast clients 1 x y 0").await.starts_with("*3\r\n$1\r\na\r\n"));
    assert_eq!(ask("standfast clients 1 x y 1").await, "+OK\r\n");
    assert_eq!(ask("COMMAND COUNT").await, ":15\r\n", "as of Redis");
    assert_eq!(ask("COMMAND INFO standfast").await, "*1\r\n$-1\r\n");
    assert_eq!(ask("PING").await, "+PONG\r\n");
    let status = a.clients.status().unwrap();
    assert_eq!((status.garbage, status.refused), (2, 1));
}

#[tokio::test]
async fn a_port_where_no_address_moves_knows_no_such_command() {
    let clients = Clients::default();
    assert_eq!(clients.answer(&[b"STANDFAST".to_vec()], None), None);
    clients.watch(Vec::new());
    clients.tickle("x", &[]);
    clients.cut(&[]);
    clients.end();
}
