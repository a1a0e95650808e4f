//! Who goes when somebody says CLIENT KILL, through a listener and directly?

mod real;

use real::{Client, Lab, Redis, wait_until};
use session::{Pool, Rules, Why};
use view::Phase;

fn lab(redis: &Redis, rules: Rules) -> Lab {
    Lab::start(real::view(1, Phase::Steady, redis.addr, &[]), rules)
}

fn company() -> Rules {
    Rules { pool: Pool::Shared, ..Rules::default() }
}

/// The connections of clients that the server knows.
fn ids(redis: &Redis) -> Vec<String> {
    let list = redis.client().say("CLIENT LIST TYPE normal");
    let ids = list.lines().filter_map(|line| line.strip_prefix("id=")?.split(' ').next());
    ids.map(str::to_owned).collect()
}

fn killed(lab: &Lab) -> u64 {
    lab.stats().closed(Why::Killed)
}

/// Both pools, on two workers: every second client is another one's.
#[test]
fn a_client_that_another_one_has_killed_goes_and_nobody_else() {
    for rules in [Rules::default(), company()] {
        let redis = Redis::start();
        let lab = lab(&redis, rules);
        let mut clients: Vec<Client> = (0..6).map(|_| lab.client()).collect();
        let ids: Vec<String> = clients.iter_mut().map(|client| client.say("CLIENT ID")[1..].to_owned()).collect();
        let mut killer = clients.pop().unwrap();
        assert_eq!(killer.say(&format!("CLIENT KILL ID {}", ids[2])), ":1");
        assert!(clients.remove(2).ends());
        assert_eq!(killer.say(&format!("CLIENT KILL ID {}", ids[2])), ":0", "it does not come again");
        let addr = redis.client().say(&format!("CLIENT LIST ID {}", ids[0]));
        let addr = addr.split(' ').find_map(|word| word.strip_prefix("addr=")).unwrap().to_owned();
        assert_eq!(killer.say(&format!("CLIENT KILL {addr}")), "+OK");
        assert!(clients.remove(0).ends());
        assert_eq!(killer.say("CLIENT KILL TYPE pubsub"), ":0");
        for client in clients.iter_mut().chain([&mut killer]) {
            assert_eq!(client.say("PING"), "+PONG");
        }
        assert_eq!(killed(&lab), 2);
    }
}

#[test]
fn who_has_all_killed_goes_with_them_if_it_says_so() {
    for rules in [Rules::default(), company()] {
        let redis = Redis::start();
        let lab = lab(&redis, rules);
        let mut clients: Vec<Client> = (0..3).map(|_| lab.client()).collect();
        let mut killer = lab.client();
        clients.iter_mut().for_each(|client| assert_eq!(client.say("CLIENT ID").as_bytes()[0], b':'));
        clients[0].send("BLPOP nothing 0");
        clients[1].send("SUBSCRIBE news");
        assert!(clients[1].reply().contains("subscribe"));
        wait_until("it blocks", || redis.client().say("INFO clients").contains("blocked_clients:1"));
        // Those three, and perhaps one of ours that asked directly and is not gone yet.
        assert!([":3", ":4"].contains(&&*killer.say("CLIENT KILL SKIPME yes")));
        clients.iter_mut().for_each(|client| assert!(client.ends()));
        assert_eq!(killer.say("PING"), "+PONG");
        assert_eq!(killer.say("CLIENT KILL SKIPME no"), ":1", "its answer first");
        assert!(killer.ends());
        assert_eq!(killed(&lab), 4);
        assert_eq!(lab.client().say("PING"), "+PONG");
    }
}

#[test]
fn all_who_share_a_connection_that_was_killed_go() {
    let redis = Redis::start();
    let lab = lab(&redis, company());
    let mut clients: Vec<Client> = (0..40).map(|_| lab.client()).collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.say("GET k"), "$-1"));
    let mut other = lab.client();
    assert_eq!(other.say("SELECT 1"), "+OK");
    assert_eq!(other.say("GET k"), "$-1");
    let mut killer = lab.client();
    assert_eq!(killer.say("CLIENT KILL TYPE pubsub"), ":0", "it has a connection of its own");
    let [lane] = &ids_of(&redis, "db=0", "cmd=get")[..1] else { unreachable!() };
    assert_eq!(killer.say(&format!("CLIENT KILL ID {lane}")), ":1");
    wait_until("all of one worker went", || killed(&lab) > 0);
    let gone = killed(&lab);
    assert!((10..=30).contains(&gone), "those of the other worker stay: {gone}");
    let alive = clients.iter_mut().filter_map(|client| {
        client.send("GET k");
        client.try_reply().ok()
    });
    assert_eq!(alive.count() as u64, 40 - gone);
    assert_eq!(other.say("GET k"), "$-1");
    assert_eq!(killed(&lab), gone);
}

fn ids_of(redis: &Redis, db: &str, command: &str) -> Vec<String> {
    let list = redis.client().say("CLIENT LIST");
    let is_it = |line: &&str| line.split(' ').any(|w| w == db) && line.contains(command);
    let id = |line: &str| line.strip_prefix("id=").and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    list.lines().filter(is_it).filter_map(id).collect()
}

#[test]
fn what_was_killed_otherwise_is_the_end_of_a_connection() {
    for rules in [Rules::default(), company()] {
        let redis = Redis::start();
        let lab = lab(&redis, rules);
        let mut clients: Vec<Client> = (0..4).map(|_| lab.client()).collect();
        clients.iter_mut().for_each(|client| assert_eq!(client.say("SET k v"), "+OK"));
        let before = ids(&redis);
        let mut direct = redis.client();
        assert_ne!(direct.say("CLIENT KILL TYPE normal"), ":0");
        clients.iter_mut().for_each(|client| assert_eq!(client.say("GET k"), "v", "it has another one"));
        assert!(ids(&redis).iter().all(|id| !before.contains(id)));
        assert_eq!(killed(&lab), 0);
    }
}
