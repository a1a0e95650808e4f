//! A node's guard on the real kernel, with real packets: what becomes of the addresses when the node dies, hangs, or goes in order.
//!
//! In the place of the node is `cat`, through which a test speaks: it can be killed and stopped like one, and holds the only other end of the
//! guard's line.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use host::clock::now;
use host::process::{Handle, Signal};
use lab::netns::Network;
use lab::program::{lines_of, require, standfast};
use serde_json::json;
use vrrp::{Advert, Codec, Interval, Priority, Vrid};

const SHARED: &str = "10.0.0.100";
/// Of the node's silence.
const PATIENCE: Duration = Duration::from_millis(300);
/// Much more than anything here takes, on a busy machine.
const SOON: Duration = Duration::from_secs(30);
/// Nothing comes for so long: it will not come.
const QUIET: Duration = Duration::from_millis(700);

/// Two hosts: on `a` a guard with its node, `b` hears what is said on the link.
struct Stand {
    guard: Child,
    node: Child,
    ear: Child,
    heard: Receiver<String>,
    /// What the node is to say; beats come by themselves.
    words: Option<Sender<String>>,
    network: Network,
}

impl Stand {
    fn start() -> Self {
        for program in ["tcpdump", "cat"] {
            require(program);
        }
        let network = Network::lay(&["a", "b"]);
        let (ear, heard) = listen(&network);
        let (ours, theirs) = UnixStream::pair().unwrap();
        let guard = network.command("a", standfast()).arg("guard").stdin(OwnedFd::from(theirs)).spawn().unwrap();
        let mut node = Command::new("cat").stdin(Stdio::piped()).stdout(OwnedFd::from(ours)).spawn().unwrap();
        let mut to_node = node.stdin.take().unwrap();
        let (words, said) = channel::<String>();
        thread::spawn(move || {
            loop {
                let word = match said.recv_timeout(Duration::from_millis(20)) {
                    Ok(word) => word,
                    Err(std::sync::mpsc::RecvTimeoutError::Timeout) => "\"Beat\"".to_owned(),
                    Err(_) => return,
                };
                // Broken: the node is gone.
                if writeln!(to_node, "{word}").is_err() {
                    return;
                }
            }
        });
        let stand = Self { guard, node, ear, heard, words: Some(words), network };
        stand.put();
        stand.say(&json!({ "Patience": format!("{}ms", PATIENCE.as_millis()) }).to_string());
        stand.say(&stand.will().to_string());
        stand
    }

    fn say(&self, word: &str) {
        self.words.as_ref().unwrap().send(word.to_owned()).unwrap();
    }

    /// To remove the shared address, and to say that a router of the number 7 goes.
    fn will(&self) -> serde_json::Value {
        let link = self.ip(&["-o", "link", "show", "eth0"]);
        let link: u32 = link.split(':').next().unwrap().trim().parse().unwrap();
        let from = IpAddr::V4(self.network.address("a"));
        let to = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18));
        let advert = Advert {
            vrid: Vrid::new(7).unwrap(),
            priority: Priority(0),
            interval: Interval::from_centis(100).unwrap(),
            addresses: vec![SHARED.parse().unwrap()],
        };
        let bytes = Codec::v3().encode(&advert, from, to);
        json!({ "Will": { "address": "vip", "will": {
            "remove": [{ "link": link, "interface": "eth0", "address": format!("{SHARED}/24") }],
            "say": [{ "link": link, "interface": "eth0", "from": from, "to": to, "bytes": bytes }],
        } } })
    }

    fn ip(&self, words: &[&str]) -> String {
        let said = self.network.command("a", "ip").args(words).output().unwrap();
        assert!(said.status.success(), "ip {words:?}: {}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8_lossy(&said.stdout).into_owned()
    }

    fn put(&self) {
        self.ip(&["address", "add", &format!("{SHARED}/24"), "dev", "eth0"]);
    }

    fn is_held(&self) -> bool {
        self.ip(&["-o", "address", "show", "dev", "eth0"]).contains(&format!("{SHARED}/"))
    }

    fn wait_until_gone(&self, what: &str) {
        let began = now();
        while self.is_held() {
            assert!(now() < began + SOON, "{what}, and its address stays");
            thread::sleep(Duration::from_millis(2));
        }
        println!("{what}: the address was gone within {:?}", now() - began);
    }

    fn stays_held(&self, what: &str) {
        let until = now() + PATIENCE * 3;
        while now() < until {
            assert!(self.is_held(), "{what}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Lines about packets of VRRP that come until none comes for a while.
    fn heard(&self) -> Vec<String> {
        std::iter::from_fn(|| self.heard.recv_timeout(QUIET).ok()).collect()
    }

    fn node(&self) -> Handle {
        Handle::open(self.node.id()).unwrap()
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        drop(self.words.take());
        for child in [&mut self.node, &mut self.guard, &mut self.ear] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Lines of `tcpdump` on `b`, once it listens.
fn listen(network: &Network) -> (Child, Receiver<String>) {
    let mut ear = network.command("b", "tcpdump");
    ear.args(["-i", "eth0", "-n", "-l", "--immediate-mode", "vrrp"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut ear = ear.spawn().unwrap();
    let mut ready = String::new();
    let mut told = BufReader::new(ear.stderr.take().unwrap());
    while !ready.contains("listening on") {
        assert_ne!(told.read_line(&mut ready).unwrap(), 0, "tcpdump: {ready}");
    }
    // Whatever else it says there must not stop it.
    thread::spawn(move || told.lines().map_while(Result::ok).for_each(drop));
    let heard = lines_of(ear.stdout.take().unwrap());
    (ear, heard)
}

#[test]
fn a_node_that_is_killed_loses_its_address_at_once_and_resigns() {
    let stand = Stand::start();
    stand.stays_held("it lives");
    // What a service manager sends to everybody, and a terminal.
    for signal in ["-TERM", "-INT", "-HUP"] {
        assert!(Command::new("kill").args([signal, &stand.guard.id().to_string()]).status().unwrap().success());
    }
    stand.stays_held("it lives, and so does its guard");
    let began = now();
    stand.node().signal(Signal::Kill).unwrap();
    let first = stand.heard.recv_timeout(SOON).expect("a resignation");
    println!("killed: resigned within {:?}", now() - began);
    stand.wait_until_gone("killed");
    let resigned = [vec![first], stand.heard()].concat();
    assert_eq!(resigned.len(), 2, "{resigned:#?}");
    let is_ours = |line: &String| line.contains("10.0.0.1 > 224.0.0.18") && line.contains("prio 0");
    assert!(resigned.iter().all(is_ours), "{resigned:#?}");
}

#[test]
fn a_node_that_hangs_loses_its_address_and_may_still_wake() {
    let mut stand = Stand::start();
    stand.stays_held("it lives");
    for turn in ["hung", "hung again"] {
        stand.node().signal(Signal::Stop).unwrap();
        stand.wait_until_gone(turn);
        stand.node().signal(Signal::Continue).unwrap();
        // It wakes, finds that it may, and puts it back: the guard lets it, and stands on.
        thread::sleep(PATIENCE);
        stand.put();
        stand.stays_held("it is awake");
    }
    assert_eq!(stand.heard(), Vec::<String>::new(), "nobody resigned");
    assert!(stand.guard.try_wait().unwrap().is_none());
    stand.node().signal(Signal::Kill).unwrap();
    stand.wait_until_gone("killed");
    assert_eq!(stand.heard().len(), 2);
}

#[test]
fn a_node_that_goes_in_order_keeps_what_it_holds() {
    let mut stand = Stand::start();
    stand.say("\"Goodbye\"");
    assert!(stand.guard.wait().unwrap().success());
    stand.node().signal(Signal::Kill).unwrap();
    stand.stays_held("it went in order");
    assert_eq!(stand.heard(), Vec::<String>::new());
}

#[test]
fn an_address_that_was_given_up_is_no_business_of_the_guards() {
    let mut stand = Stand::start();
    stand.say(&json!({ "Will": { "address": "vip", "will": { "remove": [], "say": [] } } }).to_string());
    thread::sleep(PATIENCE);
    stand.node().signal(Signal::Kill).unwrap();
    assert!(stand.guard.wait().unwrap().success());
    stand.stays_held("nothing was to be done");
    assert_eq!(stand.heard(), Vec::<String>::new());
}

#[test]
fn a_guard_that_nobody_started_says_so_and_ends() {
    let refused = Command::new(standfast()).arg("guard").stdin(Stdio::null()).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("nodes start their guards"), "{refused:?}");
}
