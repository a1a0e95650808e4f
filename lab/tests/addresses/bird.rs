//! Does the whole program tell a real BIRD of an address, for as long as it may be here?

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use lab::netns::Network;
use lab::program::{require, said, wall_ms};
use lab::routers::wait_until;

use crate::beside::Program;

/// BIRD on `server`, which takes sessions of `us`.
struct Bird {
    child: Child,
    socket: PathBuf,
}

impl Bird {
    fn start(network: &Network) -> Self {
        require("bird");
        let file = |name: &str| network.scratch().join(name);
        let config = "router id 10.0.0.1;\nprotocol device {}\nprotocol bgp ours {\n local 10.0.0.1 as 65000;\n neighbor 10.0.0.2 as 65001;\n \
                      passive on;\n password \"md5secret\";\n ipv4 { import all; export none; };\n}\n";
        fs::write(file("bird.conf"), config).expect("the scratch directory can be written");
        let mut command = network.command("server", "bird");
        command
            .arg("-f")
            .arg("-c")
            .arg(file("bird.conf"))
            .arg("-s")
            .arg(file("bird.ctl"))
            .arg("-P")
            .arg(file("bird.pid"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let bird = Self { child: command.spawn().expect("it can be started"), socket: file("bird.ctl") };
        wait_until("an answer of BIRD", || bird.ask("show status").contains("up and running"));
        bird
    }

    fn ask(&self, words: &str) -> String {
        said(
            &Command::new("birdc")
                .arg("-s")
                .arg(&self.socket)
                .args(words.split(' '))
                .output()
                .expect("birdc can be started"),
        )
    }

    /// Gives it another file.
    fn change(&self, network: &Network, change: impl FnOnce(String) -> String) {
        let file = network.scratch().join("bird.conf");
        let text = fs::read_to_string(&file).expect("it was written");
        fs::write(&file, change(text)).expect("the scratch directory can be written");
        let told = self.ask("configure");
        assert!(told.contains("Reconfigur"), "{told}");
    }

    fn has(&self, prefix: &str) -> bool {
        self.ask("show route protocol ours").lines().any(|line| line.starts_with(prefix))
    }
}

impl Drop for Bird {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `192.0.2.7` on `lo`, announced to BIRD while a file is there.
fn announced(network: &Network, more: &str) -> String {
    let file = network.scratch().join("healthy");
    format!(
        "[[address]]\nname = \"routed\"\nheld = [\"192.0.2.7\"]\nfollows = \"checks\"\n\
         [[address.check]]\nname = \"healthy\"\nfile = \"{}\"\ninterval = \"100ms\"\n\
         [address.bgp]\ncommunities = [\"65000:1\"]\n{more}\n\
         [[address.bgp.neighbor]]\nremote = \"10.0.0.1\"\nremote-as = 65000\nlocal-as = 65001\nidentifier = \"10.0.0.2\"\n\
         password = \"md5secret\"\n",
        file.display()
    )
}

#[test]
fn bird_hears_of_it_while_it_is_healthy_and_until_a_clean_stop() {
    let network = Network::lay(&["server", "us"]);
    let bird = Bird::start(&network);
    let another = "[[address]]\nname = \"another\"\nheld = [\"10.0.0.77\"]\ninterface = \"eth0\"\nfollows = \"checks\"\n[address.vrrp]\nid = 9\n";
    let program = Program::start(&network, "us", another);
    wait_until("it answers", || program.status().contains("another"));
    program.reload(&(another.to_owned() + &announced(&network, "")));
    wait_until("the session stands", || program.status().contains("Established"));
    assert!(!program.log().contains("nobody answered"), "the first attempt was made: {}", program.log());
    assert!(!bird.has("192.0.2.7/32"), "it is not known to be healthy");
    let healthy = network.scratch().join("healthy");
    fs::write(&healthy, "").expect("it can be written");
    wait_until("BIRD has the route", || bird.has("192.0.2.7/32"));
    let route = bird.ask("show route 192.0.2.7/32 all");
    assert!(route.contains("(65000,1)") && route.contains("BGP.next_hop: 10.0.0.2"), "{route}");
    let held = || {
        said(&network.command("us", "ip").args(["-o", "address", "show", "dev", "lo"]).output().expect("it is there"))
    };
    assert!(held().contains(" 192.0.2.7/32"), "{}", held());
    fs::remove_file(&healthy).expect("it is there");
    wait_until("BIRD has lost it", || !bird.has("192.0.2.7/32"));
    wait_until("it is nowhere", || !held().contains(" 192.0.2.7/32"));
    assert!(program.status().contains("Established"), "the session stays: {}", program.status());
    fs::write(&healthy, "").expect("it can be written");
    wait_until("BIRD has it again", || bird.has("192.0.2.7/32"));
    program.reload(&announced(&network, "med = 50"));
    wait_until("BIRD hears of another attribute", || bird.ask("show route 192.0.2.7/32 all").contains("BGP.med: 50"));
    // Another name: the session goes on, and so does the check, under it.
    let renamed = announced(&network, "med = 60").replace("\"routed\"", "\"renamed\"");
    let told = program.reload(&renamed);
    assert!(told.contains("address renamed: it was called routed, and stays"), "{told}");
    wait_until("BIRD hears of it", || bird.ask("show route 192.0.2.7/32 all").contains("BGP.med: 60"));
    fs::remove_file(&healthy).expect("it is there");
    wait_until("BIRD has lost it once more", || !bird.has("192.0.2.7/32"));
    fs::write(&healthy, "").expect("it can be written");
    wait_until("BIRD has it once more", || bird.has("192.0.2.7/32"));
    assert_eq!(program.log().matches("-> Established").count(), 1, "{}", program.log());
    program.reload(&announced(&network, "med = 50"));
    // Another password: the session that was signed with the first one ends at once, and none comes to stand before BIRD knows the second.
    let other = announced(&network, "med = 50").replace("md5secret", "md5other");
    let told = program.reload(&other);
    assert!(told.contains("address routed: the session with 10.0.0.1 begins anew"), "{told}");
    wait_until("the session has ended", || !program.status().contains("Established"));
    bird.change(&network, |text| text.replace("md5secret", "md5other"));
    wait_until("BIRD hears of it under the second password", || bird.has("192.0.2.7/32"));
    // RFC 8326: whoever is about to go says so, and routers may use another route before this one is withdrawn.
    program.reload(&other.replace("\"65000:1\"", "\"65000:1\", \"graceful-shutdown\""));
    let leaving = "BGP.community: (65000,1) (65535,0)";
    wait_until("BIRD hears that we leave", || bird.ask("show route 192.0.2.7/32 all").contains(leaving));
    let log = program.stop();
    assert!(!bird.has("192.0.2.7/32"), "it is withdrawn before the program ends");
    assert!(log.contains("withdrawn"), "{log}");
    // BIRD was told, and did not find out.
    let state = bird.ask("show protocols all ours");
    assert!(state.contains("Administrative shutdown"), "{state}");
}

#[test]
fn bird_has_it_again_at_once_after_an_upgrade_and_loses_it_when_we_die() {
    let network = Network::lay(&["server", "us"]);
    let bird = Bird::start(&network);
    fs::write(network.scratch().join("healthy"), "").expect("it can be written");
    let program = Program::start(&network, "us", &announced(&network, ""));
    wait_until("BIRD has the route", || bird.has("192.0.2.7/32"));
    let began = wall_ms();
    program.done("upgrade");
    let is_new = || program.log().matches("BGP OpenConfirm -> Established").count() == 2;
    wait_until("BIRD has it from the new process", || is_new() && bird.has("192.0.2.7/32"));
    println!("{:.0} ms from the order to the new session", wall_ms() - began);
    // The session is the new process's, and it was not refused one before.
    assert!(!program.log().contains("no connection"), "{}", program.log());
    program.signal("KILL");
    wait_until("BIRD has lost it", || !bird.has("192.0.2.7/32"));
}
