//! Three hosts that lose each other. Each has a real Redis and a real node, clients are on a fourth; the books of every acknowledged
//! write are compared with the master at the end.
//!
//! What is promised, and asserted: another master as soon as a majority can have one, and before the listeners' hold is over; one
//! master in the end, on which all agree; clients that were idle or reading notice nothing; no write that the new master acknowledged is
//! missing, none is executed twice; epochs never fall ([`Hosts::status`]). Not promised, and only told: what an old master
//! acknowledged and could not send to a replica any more (ARCHITECTURE.md, "Not yet kept").

use std::path::Path;
use std::process::Command;

use lab::host::{Audit, CLIENTS, GROUP, HOSTS, Status};
use lab::load::{Book, Load};
use lab::netns::{Network, namespaces};
use lab::program::{said, wall_ms};
use lab::{Hosts, netns};

#[test]
fn a_master_whose_host_is_cut_off_is_replaced_and_comes_back_as_a_replica() {
    let hosts = start();
    cut_off_and_back(&hosts, Network::unplug, Network::plug);
}

#[test]
fn a_master_whose_host_hears_and_is_not_heard_is_replaced_and_comes_back_as_a_replica() {
    let hosts = start();
    cut_off_and_back(&hosts, Network::mute, Network::unmute);
}

/// Two of three nodes lose the third one and the master with it.
fn cut_off_and_back(hosts: &Hosts, cut: fn(&Network, &str), mend: fn(&Network, &str)) {
    let old = hosts.redis_at("a");
    let many = majority_load(hosts, &["b", "c"]);
    let few =
        hosts.load("a", "minority", &[("write", hosts.master_listener("a")), ("read", hosts.master_listener("a"))]);
    let story = Story::begin("the master's host is cut off");
    cut(&hosts.network, "a");
    let new = hosts.wait("the majority agrees on another master", |hosts| hosts.moved(old, &["b", "c"]));
    story.tell(&format!("the majority agrees on {new}"));
    many.wait_for_writes_after(wall_ms());
    story.tell("every writer of the majority writes again");
    let promoted = tell_failover(hosts, &story, &["b", "c"]);
    mend(&hosts.network, "a");
    story.tell("the host is back");
    let master = hosts.wait("all agree on one master, and the others replicate it", Hosts::agreed);
    let healed = story.tell(&format!("all agree on {master}, the others replicate it"));
    assert_eq!(master, new, "who comes back does not take over");
    many.wait_for_writes_after(healed);
    few.wait_for_writes_after(healed);

    let (many, few) = (many.stop(), few.stop());
    let audit = hosts.audit(master, &many);
    story.tell_books("majority", &many, &audit);
    assert_nothing_lost_after(&audit, promoted, "the new master's");
    assert_unnoticed(&many);
    let audit = hosts.audit(master, &few);
    story.tell_books("cut off, with the old master", &few, &audit);
    // Its node and its master cannot know that the others have agreed on another one: nobody reaches them. What the old master
    // acknowledges in this time is in its own history only, and that is given up when it follows the new one.
    assert_nothing_lost_after(&audit, healed, "those after all agreed");
}

#[test]
fn two_nodes_fail_over_when_the_master_and_the_node_that_would_lead_die_together() {
    let mut hosts = start();
    // The lowest id goes first. The master is moved beside it, so that there is a decision on its disk that its file does not know.
    let lowest = |host: &&str| hosts.status(host).expect("the nodes agreed a moment ago").id().to_owned();
    let leader = HOSTS.into_iter().min_by_key(lowest).expect("three hosts");
    let others: Vec<&str> = HOSTS.into_iter().filter(|host| *host != leader).collect();
    for to in [others[1], leader] {
        move_master(&hosts, to);
    }
    let before = hosts.status(leader).expect("it agreed a moment ago");
    let old = before.master();
    let clients = majority_load(&hosts, &others);
    let story = Story::begin(&format!("master and node of {leader} are killed"));
    hosts.kill_redis(leader);
    hosts.kill_node(leader);
    let new = hosts.wait("the two others agree on another master", |hosts| hosts.moved(old, &others));
    story.tell(&format!("the two others agree on {new}"));
    clients.wait_for_writes_after(wall_ms());
    story.tell("every writer writes again");
    let promoted = tell_failover(&hosts, &story, &others);

    // Nobody can tell it anything: what it knows is from its disk.
    hosts.network.unplug(leader);
    hosts.start_node(leader);
    let back = hosts.wait("the killed node answers again", |hosts| hosts.status(leader));
    story.tell("the killed node is back, alone");
    let knows = |status: &Status| (status.id().to_owned(), status.master(), status.config_epoch());
    assert_eq!(knows(&back), knows(&before), "it comes back with the state that it had");
    hosts.start_redis(leader);
    hosts.network.plug(leader);
    let master = hosts.wait("all agree on one master, and the others replicate it", Hosts::agreed);
    clients.wait_for_writes_after(story.tell(&format!("all agree on {master}, the others replicate it")));
    assert_eq!(master, new, "who comes back does not take over");

    let books = clients.stop();
    let audit = hosts.audit(master, &books);
    story.tell_books("clients of the two others", &books, &audit);
    assert_nothing_lost_after(&audit, promoted, "the new master's");
    assert_unnoticed(&books);
}

#[test]
fn the_smaller_side_of_a_partition_elects_nobody_even_when_its_master_dies() {
    let mut hosts = Hosts::start(Path::new(LOAD), ["3s", "10s", "10s"]);
    let old = hosts.redis_at("a");
    let many = majority_load(&hosts, &["b", "c"]);
    let few = hosts.load("a", "minority", &[("write", hosts.master_listener("a"))]);
    let before = hosts.status("a").expect("it agreed a moment ago");
    let story = Story::begin("a is alone with the master, b and c are together");
    hosts.network.unplug("a");
    let new = hosts.wait("the majority agrees on another master", |hosts| hosts.moved(old, &["b", "c"]));
    many.wait_for_writes_after(story.tell(&format!("the majority agrees on {new}")));
    let promoted = tell_failover(&hosts, &story, &["b", "c"]);
    few.wait_for_writes_after(wall_ms());
    hosts.kill_redis("a");
    story.tell("the master of the smaller side is killed");
    hosts.wait("the lonely node sees it", |hosts| {
        hosts.status("a").filter(|status| status.group()["sdown"] == true && status.phase() != "Steady")
    });
    story.tell("the lonely node sees it");
    few.wait_for_refusal();
    story.tell("clients of the smaller side are told that there is no master");
    let lonely = hosts.status("a").expect("it is alive");
    assert_eq!((lonely.master(), lonely.config_epoch()), (old, before.config_epoch()), "{:#}", lonely.document);
    let elected = |(what, _): &(String, f64)| ["Elected", "Sealed", "Promoted", "Published"].contains(&what.as_str());
    let ever = lonely.led().any(|record| lonely.steps(record, 0.0).iter().any(elected));
    assert!(!ever, "one of three is no majority: {:#}", lonely.document);

    hosts.start_redis("a");
    hosts.network.plug("a");
    story.tell("its master is started again, and the host is back");
    let master = hosts.wait("all agree on one master, and the others replicate it", Hosts::agreed);
    let healed = story.tell(&format!("all agree on {master}, the others replicate it"));
    assert_eq!(master, new, "who comes back does not take over");
    many.wait_for_writes_after(healed);
    few.wait_for_writes_after(healed);

    let (many, few) = (many.stop(), few.stop());
    let audit = hosts.audit(master, &many);
    story.tell_books("majority", &many, &audit);
    assert_nothing_lost_after(&audit, promoted, "the new master's");
    assert_unnoticed(&many);
    let audit = hosts.audit(master, &few);
    story.tell_books("smaller side, with the old master", &few, &audit);
    assert_nothing_lost_after(&audit, healed, "those after all agreed");
    let masterdown = |book: &Book| book.refused.iter().all(|(_, text)| text.starts_with("MASTERDOWN "));
    assert!(few.iter().all(masterdown), "{few:?}");
    let config_epochs = HOSTS.map(|host| hosts.status(host).expect("all agreed").config_epoch());
    assert!(config_epochs.iter().all(|epoch| *epoch > before.config_epoch()), "{config_epochs:?}");
}

#[test]
fn what_a_killed_run_left_behind_is_removed() {
    let mut dead = Command::new("true").spawn().expect("every system has it");
    dead.wait().expect("it was started");
    let left = format!("standfast-lab-{}-0-a", dead.id());
    let made =
        Command::new("ip").args(["netns", "add", &left]).output().expect("this test needs `ip`: `cargo xtask test`");
    assert!(made.status.success(), "{}", said(&made));
    let scratch = netns::scratch_parent().join(format!("standfast-lab-{}-0", dead.id()));
    std::fs::create_dir(&scratch).expect("the temporary directory can be written");
    netns::remove_leftovers();
    assert!(!namespaces().contains(&left) && !scratch.exists());

    let network = Network::lay(&["a"]);
    let ours = format!("-{}-", std::process::id());
    let count = || namespaces().iter().filter(|name| name.contains(&ours)).count();
    assert_eq!(count(), 2, "a host and the switch");
    netns::remove_leftovers();
    assert_eq!(count(), 2, "what is in use stays");
    drop(network);
    assert_eq!(count(), 0);
}

fn start() -> Hosts {
    Hosts::start(Path::new(LOAD), ["10s"; 3])
}

/// Two writers, a reader of the master, a reader of the replicas and an idle client at each of these nodes.
fn majority_load(hosts: &Hosts, nodes: &[&str]) -> Load {
    let mut clients = Vec::new();
    for host in nodes {
        let (master, replica) = (hosts.master_listener(host), hosts.replica_listener(host));
        clients.extend([("write", master), ("write", master), ("read", master), ("read", replica), ("idle", master)]);
    }
    hosts.load(CLIENTS, "majority", &clients)
}

fn move_master(hosts: &Hosts, to: &str) {
    let to = hosts.redis_at(to);
    if hosts.wait("all agree", Hosts::agreed) != to {
        // Just after the start a node may not have heard that the replica streams: it asks each second.
        hosts.wait("the replica is fit", |hosts| {
            let moved = hosts.control(&["switchover", GROUP, "--to", &to.to_string()], "a");
            let soon = said(&moved).contains("NOGOODSLAVE");
            assert!(moved.status.success() || soon, "{}", said(&moved));
            moved.status.success().then_some(())
        });
        hosts.wait("all agree on the switchover", |hosts| hosts.agreed().filter(|master| *master == to));
    }
}

fn assert_nothing_lost_after(audit: &Audit, since: f64, whose: &str) {
    let lost = audit.missing.iter().filter(|at| **at > since).count();
    assert_eq!(
        (lost, audit.twice),
        (0, 0),
        "of acknowledged writes, {whose}, none may be missing; and none there twice"
    );
}

/// Nobody saw an error, and only writers lost their connection: one write was under way, nobody can know whether it was executed.
fn assert_unnoticed(books: &[Book]) {
    for book in books {
        assert_eq!(book.refused, [], "{} {}", book.kind, book.addr);
        assert!(book.kind == "write" || book.closed.is_empty(), "{} {}: {:?}", book.kind, book.addr, book.closed);
        let answered = book.kind != "idle" || book.answered == 2;
        assert!(answered, "an idle client is answered before and after, on one connection");
    }
}

/// Tells how the one that led it saw the failover; when it promoted the new master, which cannot have acknowledged anything before.
fn tell_failover(hosts: &Hosts, story: &Story, nodes: &[&str]) -> f64 {
    let mut promotions = Vec::new();
    for host in nodes {
        let (status, zero) = (hosts.status(host).expect("it agreed a moment ago"), hosts.zero_of(host));
        for record in status.led().filter(|record| record["cause"] == "Down") {
            let steps = status.steps(record, zero);
            promotions.extend(steps.iter().filter(|(what, _)| what == "Promoted").map(|(_, at)| *at));
            let steps = steps.iter().map(|(what, at)| format!("{what} {:.0}", at - story.began));
            println!("           led by {host}: {}", steps.collect::<Vec<_>>().join(", "));
            for candidate in record["candidates"].as_array().into_iter().flatten() {
                println!("           {} at offset {}: {}", candidate["addr"], candidate["offset"], candidate["why"]);
            }
        }
    }
    promotions.into_iter().reduce(f64::min).expect("the node that led a failover has its record")
}

/// What happened when, for who reads the output.
struct Story {
    began: f64,
}

impl Story {
    /// The clock begins.
    fn begin(what: &str) -> Self {
        println!("      0 ms {what}");
        Self { began: wall_ms() }
    }

    /// Says when it was.
    fn tell(&self, what: &str) -> f64 {
        let now = wall_ms();
        println!("{:7.0} ms {what}", now - self.began);
        now
    }

    fn tell_books(&self, who: &str, books: &[Book], audit: &Audit) {
        let closed = |kind: &str| books.iter().filter(|b| b.kind == kind).map(|b| b.closed.len()).sum::<usize>();
        let pause = books.iter().filter(|b| b.kind == "write").map(|b| b.longest_pause.0).fold(0.0, f64::max);
        println!(
            "           {who}: {} writes acknowledged, {} missing, {} twice; longest pause of a writer {pause:.0} ms; {} error \
             replies; closed: {} writing, {} reading, {} idle",
            audit.acknowledged,
            audit.missing.len(),
            audit.twice,
            books.iter().map(|b| b.refused.len()).sum::<usize>(),
            closed("write"),
            closed("read"),
            closed("idle"),
        );
        if let (Some(first), Some(last)) = (audit.missing.first(), audit.missing.last()) {
            println!("           missing: acknowledged at {:.0} to {:.0} ms", first - self.began, last - self.began);
        }
    }
}

/// The clients' program.
const LOAD: &str = env!("CARGO_BIN_EXE_load");
