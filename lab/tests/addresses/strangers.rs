//! Whose is an address that is on the interface? What others put there, what the kernel does not say, another instance on the same host, the
//! host's own.

use std::fs;

use lab::routers::{Keepalived, Link, OURS, THEIRS, wait_until};

use crate::beside::Program;
use crate::stage::{NAME, Stage, VIP, vrrp};

/// What the host's node counts of the address.
fn count(stage: &Stage, host: &str, counter: &str) -> u64 {
    stage.stands(host).and_then(|stands| stands["stats"][counter].as_u64()).unwrap_or(0)
}

fn was_named(log: &str, address: &str) -> bool {
    log.lines().any(|line| line.contains(address) && line.contains("was not put there by this node"))
}

#[test]
fn what_stands_there_already_is_removed_where_it_must_not_be() {
    let mut stage = Stage::set();
    // As a Keepalived leaves it that was killed.
    let (alone, near) = (format!("{VIP}/32"), format!("{VIP}/24"));
    stage.ip("b", &["address", "add", &alone, "dev", "eth0"]);
    stage.run_both(&vrrp(150, "", ""), &vrrp(100, "", ""));
    stage.wait_for_holder("a");
    assert!(was_named(&stage.log("b"), &alone), "{}", stage.log("b"));
    stage.wait("it is counted", || (count(&stage, "b", "found") == 1).then_some(()));
    // The network's configuration puts it there while the node runs, and once more.
    for times in 2..4 {
        stage.ip("b", &["address", "add", &near, "dev", "eth0"]);
        stage.wait("it is counted", || (count(&stage, "b", "found") == times).then_some(()));
        stage.wait_for_holder("a");
    }
    // What fetches it back may be left alone.
    stage.write("b", &vrrp(100, "put-back = false", ""));
    stage.done("b", &["reload"]);
    stage.ip("b", &["address", "add", &near, "dev", "eth0"]);
    stage.wait("it is shown", || {
        let shown = stage.done("b", &["address"]);
        shown.contains(&format!("{near} stands on eth0, and not by an order of ours")).then_some(())
    });
    assert!(stage.holds("b", VIP));
    // It comes here for good: taken over.
    stage.signal("a", "TERM");
    stage.ended("a");
    stage.wait("it is renewed", || (count(&stage, "b", "refreshed") > 0).then_some(()));
    assert!(stage.log("b").contains("it is taken over"), "{}", stage.log("b"));
    assert!(stage.ip("b", &["address", "show", "eth0"]).contains("valid_lft 2sec"));
    stage.done("b", &["address", "release", NAME]);
    stage.wait("it is gone", || (!stage.holds("b", VIP)).then_some(()));
}

#[test]
fn kernels_that_do_not_say_who_put_it_there_change_nothing() {
    let mut stage = Stage::set();
    stage.has_old_kernels = true;
    let lasting = |priority| vrrp(priority, "lifetime = \"0s\"", "");
    stage.run_both(&lasting(150), &lasting(100));
    stage.wait_for_holder("a");
    let came = stage.log("b").matches("ACTIVE").count();
    assert!(stage.done("a", &["upgrade"]).contains("has taken over"));
    stage.wait("the new process has it", || {
        stage.stands("a").filter(|stands| stands["why"].to_string().contains("handed over"))
    });
    assert!(stage.holds("a", VIP));
    assert_eq!(stage.log("b").matches("ACTIVE").count(), came, "nobody else took it: {}", stage.log("b"));
    stage.kill_all("a");
    stage.wait("b has it", || stage.holds("b", VIP).then_some(()));
    assert!(stage.holds("a", VIP), "nobody is left to remove it");
    stage.write("a", &lasting(50));
    stage.run("a");
    stage.wait_for_holder("b");
}

#[test]
fn two_nodes_of_one_host_leave_each_others_addresses_alone() {
    let mut stage = Stage::set();
    // What is removed stays away.
    let text = vrrp(150, "lifetime = \"0s\"\nput-back = false", "");
    stage.run_both(&text, &vrrp(100, "", ""));
    stage.wait_for_holder("a");
    let dir = stage.dir("a");
    let second = stage.file("a", &text.replace("id = 51", "id = 52").replace(VIP, "10.0.0.101"));
    let second =
        second.replace(VIP, "127.0.0.1").replace("/state\"", "/state-2\"").replace("/control\"", "/control-2\"");
    fs::write(dir.join("second.toml"), second).expect("it can be written");
    let mut command = stage.network.command("a", lab::program::standfast());
    command.args(["run", "-c"]).arg(dir.join("second.toml"));
    let _second = stage.start(command, "second.log");
    stage.wait("the second one holds its own", || stage.holds("a", "10.0.0.101").then_some(()));
    assert!(stage.holds("a", VIP));
    assert_eq!(count(&stage, "a", "found"), 0);
}

#[test]
fn neither_the_first_address_of_a_network_nor_another_name_of_a_link_leaves_anything_wrong() {
    const LONE: &str = "10.9.0.200";
    let mut stage = Stage::set();
    // Nothing but an order removes it.
    let text = vrrp(150, "lifetime = \"0s\"", "").replace(VIP, LONE);
    stage.write("a", &text);
    let checked = stage.ask("a", &["check"]);
    let checked = lab::program::said(&checked);
    assert!(checked.contains(&format!("{LONE}/24 would be the first address of its network")), "{checked}");
    stage.run("a");
    stage.wait("a has it", || stage.holds("a", LONE).then_some(()));
    // The host gets an address of its own there, as from DHCP.
    stage.ip("a", &["address", "add", "10.9.0.2/24", "dev", "eth0"]);
    assert!(stage.ip("a", &["address", "show", "eth0"]).contains("secondary"));
    stage.done("a", &["address", "release", NAME]);
    stage.wait("it is gone", || (!stage.holds("a", LONE)).then_some(()));
    assert!(stage.holds("a", "10.9.0.2"), "{}", stage.log("a"));
    assert!(stage.log("a").contains("took 10.9.0.2/24 along"), "{}", stage.log("a"));
    // A link gets another name while it is up: nothing of ours stays on it.
    stage.done("a", &["address", "take", NAME]);
    stage.wait("a has it", || stage.holds("a", LONE).then_some(()));
    stage.ip("a", &["link", "set", "eth0", "name", "eth9"]);
    stage.wait("it is gone", || (!stage.holds("a", LONE)).then_some(()));
}

/// RFC 9568's owner: the address is the host's own, and stays with it whatever becomes of us.
#[test]
fn an_owner_keeps_its_own_address_and_outranks_keepalived() {
    const OWN: &str = "10.0.0.100";
    let link = Link::lay();
    link.ip(OURS, &["address", "add", &format!("{OWN}/24"), "dev", "eth0"]);
    let text = |priority| {
        format!(
            "[[address]]\nname = \"shared\"\nheld = [\"{OWN}\"]\ninterface = \"eth0\"\nfollows = \"checks\"\n\
             [address.vrrp]\nid = 51\npriority = {priority}\nversion = 3\ninterval = \"300ms\"\nfrom = \"10.0.0.1\"\n"
        )
    };
    let program = Program::start(&link.network, OURS, &text(255));
    wait_until("it has it", || program.status().contains("active"));
    let theirs = Keepalived::start(
        &link,
        &format!(" priority 100\n state BACKUP\n version 3\n advert_int 0.3\n virtual_ipaddress {{\n  {OWN}/32\n }}"),
    );
    wait_until("theirs has begun", || theirs.log().contains("Entering BACKUP STATE"));
    let stays = |what: &str| {
        let shown = link.network.command(OURS, "ip").args(["-o", "address", "show"]).output().expect("`ip` is there");
        let shown = lab::program::said(&shown);
        let own: Vec<&str> = shown.lines().filter(|line| line.contains(OWN)).collect();
        assert!(own.len() == 1 && own[0].contains("/24") && own[0].contains("valid_lft forever"), "{what}: {own:?}");
    };
    stays("while it is held");
    let log = program.stop();
    assert!(log.contains("it is this host's own (priority 255), and stays"), "{log}");
    wait_until("theirs has it", || link.holds(THEIRS, OWN));
    stays("after the end");
    let program = Program::start(&link.network, OURS, &text(255));
    wait_until("theirs gives way", || !link.holds(THEIRS, OWN));
    stays("again");
    program.signal("KILL");
    wait_until("theirs has it", || link.holds(THEIRS, OWN));
    stays("after a crash");
}
