//! What clients see when their master changes, with real servers.

mod real;

use std::time::Duration;

use real::{Lab, Redis, clock, view, wait_until};
use session::{Rules, Why};
use view::Phase::{Lost, Steady, Switching};

fn pair() -> (Redis, Redis, Lab) {
    let (old, new) = (Redis::start(), Redis::start());
    new.replicate(&old);
    let lab = Lab::start(view(1, Steady, old.addr, &[new.addr]), Rules::default());
    (old, new, lab)
}

fn wait_for_copy(from: &Redis, to: &Redis, key: &str) {
    let value = from.client().ask(&["GET", key]);
    wait_until("the replica has it", || to.client().ask(&["GET", key]) == value);
}

#[test]
fn an_idle_client_keeps_its_connection_and_all_that_it_said_about_itself() {
    let (mut old, new, lab) = pair();
    let mut client = lab.client();
    assert_eq!(client.say("SELECT 3"), "+OK");
    assert_eq!(client.say("CLIENT SETNAME worker"), "+OK");
    assert_eq!(client.say("SET k v"), "+OK");
    wait_until("the replica has it", || {
        let mut there = new.client();
        there.say("SELECT 3");
        there.say("GET k") == "v"
    });
    old.kill();
    lab.publish(view(1, Switching, old.addr, &[]));
    new.promote();
    lab.publish(view(2, Steady, new.addr, &[]));
    assert_eq!(client.say("GET k"), "v");
    assert_eq!(client.say("CLIENT GETNAME"), "worker");
    assert_eq!(client.say("SET k w"), "+OK");
    assert_eq!(lab.stats().clients, 1);
}

#[test]
fn requests_wait_while_the_view_says_switching() {
    let (mut old, new, lab) = pair();
    let mut client = lab.client();
    assert_eq!(client.say("SET k v"), "+OK");
    wait_for_copy(&old, &new, "k");
    lab.publish(view(1, Switching, old.addr, &[]));
    old.kill();
    wait_until("the session noticed", || {
        // A probe of its own: views reach sessions a moment later.
        lab.stats().held > 0 || {
            client.send("GET k");
            client.send("SET k w");
            client.send("GET k");
            wait_until("they wait", || lab.stats().held == 3);
            true
        }
    });
    new.promote();
    lab.publish(view(2, Steady, new.addr, &[]));
    assert_eq!(client.reply(), "v");
    assert_eq!(client.reply(), "+OK");
    assert_eq!(client.reply(), "w");
    assert_eq!(lab.stats().sessions.held, 3);
}

#[test]
fn an_unanswered_read_is_asked_again() {
    let (mut old, new, lab) = pair();
    let mut client = lab.client();
    assert_eq!(client.say("SET k v"), "+OK");
    wait_for_copy(&old, &new, "k");
    old.signal("-STOP");
    client.send("GET k");
    client.send("STRLEN k");
    new.promote();
    lab.publish(view(2, Steady, new.addr, &[]));
    assert_eq!(client.reply(), "v");
    assert_eq!(client.reply(), ":1");
    old.kill();
}

#[test]
fn a_write_of_unknown_fate_closes_the_connection() {
    let (mut old, new, lab) = pair();
    let mut client = lab.client();
    assert_eq!(client.say("SET k v"), "+OK");
    old.signal("-STOP");
    client.send("SET k w");
    wait_until("it was sent", || lab.stats().sessions.requests == 2);
    // The bytes leave in the turn in which they came.
    old.kill();
    new.promote();
    lab.publish(view(2, Steady, new.addr, &[]));
    assert!(client.ends());
    wait_until("it is counted", || lab.stats().closed(Why::UnknownFate) == 1);
}

#[test]
fn a_write_to_a_hung_master_is_given_up_when_another_is_named() {
    let (old, new, lab) = pair();
    let mut client = lab.client();
    assert_eq!(client.say("SET k v"), "+OK");
    old.signal("-STOP");
    client.send("SET k w");
    wait_until("it was sent", || lab.stats().sessions.requests == 2);
    new.promote();
    lab.publish(view(2, Steady, new.addr, &[]));
    assert!(client.ends());
    old.signal("-CONT");
}

#[test]
fn refused_writes_reach_the_new_master_in_order() {
    let (old, new, lab) = pair();
    let mut client = lab.client();
    assert_eq!(client.say("RPUSH list 0"), ":1");
    wait_until("the replica has it", || new.client().say("LLEN list") == ":1");
    // The planned way: the old master is a replica before anyone here knows.
    new.promote();
    let port = new.addr.port().to_string();
    assert_eq!(old.client().ask(&["REPLICAOF", "127.0.0.1", &port]), "+OK");
    client.send("RPUSH list 1");
    client.send("LRANGE list 0 -1");
    client.send("RPUSH list 2");
    wait_until("it is refused", || lab.stats().sessions.refused >= 2);
    lab.publish(view(2, Steady, new.addr, &[old.addr]));
    assert_eq!(client.reply(), ":2");
    assert_eq!(client.reply(), "*[0 1]");
    assert_eq!(client.reply(), ":3");
    assert_eq!(new.client().say("LRANGE list 0 -1"), "*[0 1 2]");
}

#[test]
fn a_refusal_that_stays_is_passed_on_after_the_hold() {
    let (old, new) = (Redis::start(), Redis::start());
    new.replicate(&old);
    let rules = Rules { hold: Duration::from_millis(300), ..Rules::default() };
    // The view is wrong about who is master, and stays so.
    let lab = Lab::start(view(1, Steady, new.addr, &[]), rules);
    let mut client = lab.client();
    let before = clock();
    assert_eq!(client.say("SET k v"), "-READONLY You can't write against a read only replica.");
    assert!(clock() - before >= Duration::from_millis(250));
    assert_eq!(client.say("GET k"), "$-1");
    assert!(lab.stats().sessions.refused >= 2, "the same server was asked again");
}

#[test]
fn a_transaction_in_the_making_is_told_to_the_new_master() {
    let (mut old, new, lab) = pair();
    let mut client = lab.client();
    assert_eq!(client.say("MULTI"), "+OK");
    assert_eq!(client.say("SET a 1"), "+QUEUED");
    old.kill();
    new.promote();
    lab.publish(view(2, Steady, new.addr, &[]));
    assert_eq!(client.say("INCR a"), "+QUEUED");
    assert_eq!(client.say("EXEC"), "*[+OK :2]");
}

#[test]
fn a_watch_that_was_cut_makes_exec_fail_as_if_touched() {
    let (mut old, new, lab) = pair();
    let mut client = lab.client();
    assert_eq!(client.say("WATCH a"), "+OK");
    assert_eq!(client.say("GET a"), "$-1");
    old.kill();
    new.promote();
    lab.publish(view(2, Steady, new.addr, &[]));
    assert_eq!(client.say("MULTI"), "+OK");
    assert_eq!(client.say("SET a 1"), "+QUEUED");
    assert_eq!(client.say("EXEC"), "*-1");
    assert_eq!(client.say("GET a"), "$-1");
}

#[test]
fn a_subscriber_goes_on_at_the_new_master() {
    for hello in ["HELLO 2", "HELLO 3"] {
        let (mut old, new, lab) = pair();
        let mut client = lab.client();
        client.say(hello);
        client.send("SUBSCRIBE a b");
        client.send("PSUBSCRIBE p*");
        let first = client.reply();
        assert_eq!(&first[1..], "[subscribe a :1]");
        assert_eq!(&client.reply()[1..], "[subscribe b :2]");
        assert_eq!(&client.reply()[1..], "[psubscribe p* :3]");
        assert_eq!(old.client().say("PUBLISH a one"), ":1");
        assert_eq!(&client.reply()[1..], "[message a one]");
        old.kill();
        new.promote();
        lab.publish(view(2, Steady, new.addr, &[]));
        wait_until("it listens there", || new.client().say("PUBSUB NUMPAT") == ":1");
        assert_eq!(new.client().say("PUBLISH b two"), ":1");
        assert_eq!(&client.reply()[1..], "[message b two]");
        assert_eq!(new.client().say("PUBLISH px three"), ":1");
        assert_eq!(&client.reply()[1..], "[pmessage p* px three]");
        client.send("UNSUBSCRIBE");
        let names = [client.reply(), client.reply()];
        assert!(names.iter().any(|n| n.contains("unsubscribe a")) && names.iter().any(|n| n.contains("unsubscribe b")));
    }
}

#[test]
fn a_client_with_a_cache_is_told_to_forget_it_and_goes_on() {
    let (mut old, new, lab) = pair();
    let mut client = lab.client();
    client.say("HELLO 3");
    assert_eq!(client.say("CLIENT TRACKING ON"), "+OK");
    assert_eq!(client.say("SET k v"), "+OK");
    assert_eq!(client.say("GET k"), "v");
    assert_eq!(old.client().say("SET k w"), "+OK");
    assert_eq!(client.reply(), ">[invalidate *[k]]");
    wait_for_copy(&old, &new, "k");
    old.kill();
    new.promote();
    lab.publish(view(2, Steady, new.addr, &[]));
    assert_eq!(client.reply(), ">[invalidate _]", "the old one tells no more");
    assert_eq!(client.reply(), ">[invalidate _]", "the new one tells");
    assert_eq!(client.say("GET k"), "w");
    assert_eq!(new.client().say("SET k x"), "+OK");
    assert_eq!(client.reply(), ">[invalidate *[k]]");
}

#[test]
fn a_monitor_is_cut_with_its_master() {
    let (old, new, lab) = pair();
    let mut client = lab.client();
    assert_eq!(client.say("MONITOR"), "+OK");
    new.promote();
    lab.publish(view(2, Steady, new.addr, &[old.addr]));
    assert!(client.ends());
    wait_until("it is counted", || lab.stats().closed(Why::PinnedCut) == 1);
}

#[test]
fn a_blocked_pop_that_was_unblocked_waits_at_the_new_master() {
    let (old, new, lab) = pair();
    let mut client = lab.client();
    client.send("BLPOP list 0");
    wait_until("it is blocked", || old.client().say("INFO clients").contains("blocked_clients:1"));
    new.promote();
    let port = new.addr.port().to_string();
    lab.publish(view(1, Switching, old.addr, &[]));
    assert_eq!(old.client().ask(&["REPLICAOF", "127.0.0.1", &port]), "+OK");
    lab.publish(view(2, Steady, new.addr, &[old.addr]));
    wait_until("it is blocked again", || new.client().say("INFO clients").contains("blocked_clients:1"));
    assert_eq!(new.client().say("RPUSH list x"), ":1");
    assert_eq!(client.reply(), "*[list x]");
}

#[test]
fn without_a_master_requests_get_a_clear_error_in_time() {
    let redis = Redis::start();
    let rules = Rules { hold: Duration::from_millis(200), ..Rules::default() };
    let lab = Lab::start(view(7, Lost, redis.addr, &[]), rules);
    let mut client = lab.client();
    client.send("GET k");
    client.send("SET k v");
    let expected = "-MASTERDOWN Standfast: no master of group 'cache' for 200ms (phase lost, epoch 7); \
                    the request was not executed";
    assert_eq!(client.reply(), expected);
    assert_eq!(client.reply(), expected);
    lab.publish(view(8, Steady, redis.addr, &[]));
    assert_eq!(client.say("SET k v"), "+OK");
}

#[test]
fn authentication_survives_the_change() {
    let secret = ["--requirepass", "secret", "--masterauth", "secret"];
    let (mut old, new) = (Redis::start_with(&secret), Redis::start_with(&secret));
    let lab = Lab::start(view(1, Steady, old.addr, &[]), Rules::default());
    let mut client = lab.client();
    assert_eq!(client.say("GET k"), "-NOAUTH Authentication required.");
    assert_eq!(client.say("AUTH wrong").split(' ').next(), Some("-WRONGPASS"));
    let hello = client.say("HELLO 3 AUTH default secret SETNAME me");
    assert!(hello.starts_with("%[server"), "{hello}");
    assert_eq!(client.say("GET k"), "_");
    old.kill();
    lab.publish(view(2, Steady, new.addr, &[]));
    assert_eq!(client.say("GET k"), "_");
    assert_eq!(client.say("CLIENT GETNAME"), "me");
}

#[test]
fn a_master_that_restarts_is_found_again_without_a_new_view() {
    let redis = Redis::start();
    let lab = Lab::start(view(1, Steady, redis.addr, &[]), Rules::default());
    let mut client = lab.client();
    assert_eq!(client.say("SET k v"), "+OK");
    assert_eq!(redis.client().say("CLIENT KILL TYPE normal SKIPME yes"), ":1");
    assert_eq!(client.say("GET k"), "v");
    assert_eq!(client.say("SET k w"), "+OK");
    assert_eq!(lab.stats().clients, 1);
}
