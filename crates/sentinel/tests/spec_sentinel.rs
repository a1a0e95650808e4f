//! What stock Sentinel says and does, one sentence a test: what clients, exporters and stock Sentinels rely on.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use machine::time::at;
use machine::{Machine, step, wake};
use resp::Value;
use sentinel::command::{self, Credentials};
use sentinel::{Action, Answer, Ask, Config, Event, GroupConfig, InfoReport, LinkId, Role, Sentinel, State};
use view::{Epoch, Offset};

const MASTER: &str = "10.0.0.1:6379";

/// Our end of a connection.
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn sentinel(quorum: u32, nodes: u32) -> Sentinel {
    let rules =
        GroupConfig { failover_timeout: Duration::from_secs(10), ..GroupConfig::of(addr(MASTER), quorum, nodes) };
    let config = Config {
        id: "a".repeat(40).parse().expect("an id"),
        announce: addr("10.0.0.9:26379"),
        groups: BTreeMap::from([("cache".into(), rules)]),
    };
    Sentinel::new(config, State::default(), 1, at(0))
}

/// A node whose master has answered and named one replica.
fn watching() -> Sentinel {
    let mut s = sentinel(1, 1);
    let mut orders = Vec::new();
    wake(&mut s, at(0), |a| orders.push(a));
    let link = LinkId { to: addr(MASTER), nr: 1 };
    step(&mut s, at(1), Event::Connected { link }, |a| orders.push(a));
    for answer in [Answer::Ok, Answer::Ok, Answer::Info(Box::new(master_info())), Answer::Pong] {
        step(&mut s, at(2), Event::Answered { link, answer }, |a| orders.push(a));
    }
    let hello = LinkId { to: addr(MASTER), nr: 2 };
    step(&mut s, at(2), Event::Connected { link: hello }, |a| orders.push(a));
    assert!(orders.iter().any(|a| matches!(a, Action::Publish { .. })));
    s
}

fn master_info() -> InfoReport {
    let text = "redis_version:7.0.15\r\nrun_id:1111111111111111111111111111111111111111\r\nrole:master\r\n\
        slave0:ip=10.0.0.2,port=6379,state=online,offset=90,lag=0\r\n\
        master_replid:2222222222222222222222222222222222222222\r\n\
        master_replid2:0000000000000000000000000000000000000000\r\nmaster_repl_offset:100\r\nsecond_repl_offset:-1\r\n";
    InfoReport::read(text).expect("it says a role")
}

fn ask(s: &Sentinel, args: &[&str]) -> Value {
    let args: Vec<&[u8]> = args.iter().map(|a| a.as_bytes()).collect();
    s.query(at(10), &args).expect("a query")
}

fn fields(value: &Value) -> Vec<(String, String)> {
    let Value::Map(pairs) = value else { panic!("not a map: {value:?}") };
    let text = |v: &Value| v.as_str().expect("all values are strings").to_string();
    pairs.iter().map(|(k, v)| (text(k), text(v))).collect()
}

#[test]
fn section_3_the_34th_element_of_sentinel_master_is_the_number_of_other_sentinels() {
    let s = watching();
    let fields = fields(&ask(&s, &["MASTER", "cache"]));
    assert_eq!(fields[16], ("num-other-sentinels".into(), "0".into()), "{fields:?}");
}

#[test]
fn section_3_a_healthy_masters_flags_are_exactly_master() {
    let s = watching();
    let fields: BTreeMap<_, _> = fields(&ask(&s, &["master", "cache"])).into_iter().collect();
    assert_eq!(fields["flags"], "master");
    assert_eq!(fields["name"], "cache");
    assert_eq!(fields["num-slaves"], "1");
}

#[test]
fn section_3_the_fields_of_a_replica_come_in_stocks_order() {
    let s = watching();
    let Value::Array(rows) = ask(&s, &["replicas", "cache"]) else { panic!("an array") };
    let names: Vec<String> = fields(&rows[0]).into_iter().map(|(name, _)| name).collect();
    let expected = "name ip port runid flags link-pending-commands link-refcount last-ping-sent last-ok-ping-reply \
        last-ping-reply down-after-milliseconds info-refresh role-reported role-reported-time master-link-down-time \
        master-link-status master-host master-port slave-priority slave-repl-offset replica-announced";
    assert_eq!(names.join(" "), expected);
}

#[test]
fn section_3_get_master_addr_by_name_of_an_unknown_name_is_a_null_array() {
    let s = watching();
    assert_eq!(ask(&s, &["get-master-addr-by-name", "other"]), Value::NullArray);
    let two = Value::Array(vec![Value::bulk("10.0.0.1"), Value::bulk("6379")]);
    assert_eq!(ask(&s, &["GET-MASTER-ADDR-BY-NAME", "cache"]), two);
}

#[test]
fn section_3_errors_are_worded_as_stocks() {
    let s = watching();
    let error = |args: &[&str]| ask(&s, args).as_error().expect("an error").to_string();
    assert_eq!(error(&["MASTER", "other"]), "ERR No such master with that name");
    assert_eq!(error(&["MASTER"]), "ERR wrong number of arguments for 'sentinel|master' command");
    assert_eq!(s.query(at(0), &[b"nonsense"]), None);
}

#[test]
fn section_3_ckquorum_says_what_is_missing() {
    let text = |s: &Sentinel| format!("{:?}", ask(s, &["ckquorum", "cache"]).as_str());
    assert!(text(&sentinel(1, 1)).contains("OK 1 usable Sentinels. Quorum and failover authorization can be reached"));
    let alone = ask(&sentinel(2, 3), &["ckquorum", "cache"]);
    let error = alone.as_error().expect("an error");
    assert!(
        error.starts_with("NOQUORUM 1 usable Sentinels. Not enough available Sentinels to reach the specified quorum")
    );
    assert!(error.contains("majority"));
}

#[test]
fn section_4_slaveof_and_not_replicaof_because_of_operators_acl_rules() {
    let wire = |ask: Ask| {
        let mut out = Vec::new();
        assert!(command::write(&mut out, &ask, &Credentials::default(), LOCAL));
        String::from_utf8(out).expect("ASCII")
    };
    let master = addr("10.0.0.2:6380");
    assert!(wire(Ask::Replicate { master }).contains("SLAVEOF\r\n$8\r\n10.0.0.2\r\n$4\r\n6380\r\n"));
    assert!(wire(Ask::Promote).contains("SLAVEOF\r\n$2\r\nNO\r\n$3\r\nONE\r\n"));
    assert!(wire(Ask::Seal { epoch: Epoch(1) }).contains("SLAVEOF\r\n$9\r\n127.0.0.1\r\n$1\r\n1\r\n"));
}

#[test]
fn section_4_a_password_is_sent_and_none_is_not() {
    let mut out = Vec::new();
    assert!(!command::write(&mut out, &Ask::Auth, &Credentials::default(), LOCAL));
    assert!(out.is_empty());
    let credentials = Credentials { username: "u".into(), password: "p".into(), ..Credentials::default() };
    assert!(command::write(&mut out, &Ask::Auth, &credentials, LOCAL));
    assert_eq!(out, b"*3\r\n$4\r\nAUTH\r\n$1\r\nu\r\n$1\r\np\r\n");
}

#[test]
fn section_4_pong_loading_and_masterdown_are_answers_anything_else_is_not() {
    let read = |text: &str| Answer::read(&Ask::Ping, &Value::Error(text.into()));
    assert_eq!(Answer::read(&Ask::Ping, &Value::Simple(b"PONG".to_vec())), Answer::Pong);
    assert_eq!(read("LOADING Redis is loading the dataset in memory"), Answer::Loading);
    assert_eq!(read("MASTERDOWN Link with MASTER is down"), Answer::MasterDown);
    assert!(matches!(read("MISCONF Redis is configured to save"), Answer::Error { .. }));
    assert!(matches!(read("NOAUTH Authentication required."), Answer::Denied { .. }));
    assert!(matches!(Answer::read(&Ask::Ping, &Value::Int(1)), Answer::Strange { .. }));
}

#[test]
fn section_4_an_info_is_no_sign_of_health_while_pings_are_answered_with_errors() {
    let mut s = watching();
    let link = LinkId { to: addr(MASTER), nr: 1 };
    let misconf = || Answer::Error { text: "MISCONF Errors writing to the AOF file".into() };
    let mut asked = Vec::new();
    // Its first hello is still unanswered.
    step(&mut s, at(3), Event::Answered { link, answer: Answer::Ok }, |_| ());
    // Nobody answers for the replica; only what the master is asked counts.
    let mut now = at(10);
    while now < at(40_000) && !ask_flags(&s).contains("s_down") {
        now = s.deadline().map_or(at(40_000), |(due, _)| due);
        wake(&mut s, now, |action| asked.extend(sent(action, link)));
        for ask in std::mem::take(&mut asked) {
            let answer = match ask {
                Ask::Ping => misconf(),
                Ask::Info => Answer::Info(Box::new(master_info())),
                _ => Answer::Ok,
            };
            step(&mut s, now, Event::Answered { link, answer }, |action| asked.extend(sent(action, link)));
        }
    }
    assert!(ask_flags(&s).starts_with("s_down,"), "{}", ask_flags(&s));
}

#[test]
fn section_3_a_sentinel_that_does_not_let_us_in_is_not_usable() {
    let mut s = watching();
    let hello = format!("10.0.0.8,26379,{},0,cache,10.0.0.1,6379,0", "b".repeat(40));
    let on = LinkId { to: addr(MASTER), nr: 2 };
    let mut orders = Vec::new();
    step(&mut s, at(10), Event::Heard { link: on, hello }, |action| orders.push(action));
    let peer = orders.iter().find_map(|order| match order {
        Action::Connect { link, .. } if link.to == addr("10.0.0.8:26379") => Some(*link),
        _ => None,
    });
    let link = peer.expect("it is met");
    let said = |s: &Sentinel| match ask(s, &["CKQUORUM", "cache"]) {
        Value::Simple(text) | Value::Error(text) => String::from_utf8_lossy(&text).into_owned(),
        other => panic!("{other:?}"),
    };
    assert!(said(&s).starts_with("OK 2 usable Sentinels."), "{}", said(&s));
    let mut asked = Vec::new();
    step(&mut s, at(11), Event::Connected { link }, |action| asked.extend(sent(action, link)));
    let mut now = at(11);
    while now < at(5_000) {
        for _ in std::mem::take(&mut asked) {
            let answer = Answer::Denied { text: "NOAUTH Authentication required.".into() };
            step(&mut s, now, Event::Answered { link, answer }, |action| asked.extend(sent(action, link)));
        }
        now = s.deadline().map_or(at(5_000), |(due, _)| due);
        wake(&mut s, now, |action| asked.extend(sent(action, link)));
    }
    assert!(said(&s).starts_with("NOQUORUM 1 usable Sentinels."), "{}", said(&s));
}

fn ask_flags(s: &Sentinel) -> String {
    let master = fields(&ask(s, &["MASTER", "cache"]));
    master.into_iter().find(|(name, _)| name == "flags").expect("it has flags").1
}

/// What an action asks on this link.
fn sent(action: Action, on: LinkId) -> Option<Ask> {
    match action {
        Action::Send { link, ask } if link == on => Some(ask),
        _ => None,
    }
}

#[test]
fn section_4_the_facts_of_info_are_read() {
    let info = master_info();
    assert_eq!((info.role, info.offset, info.before), (Role::Master, Offset(100), None));
    assert_eq!(info.replicas, [addr("10.0.0.2:6379")]);
    let replica = "redis_version:6.0.1\r\nrole:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\n\
        master_link_status:down\r\nmaster_link_down_since_seconds:-1\r\nslave_repl_offset:7\r\nslave_priority:0\r\n\
        replica_announced:0\r\n";
    let info = InfoReport::read(replica).expect("it says a role");
    assert_eq!((info.role, info.offset, info.priority), (Role::Replica, Offset(7), 0));
    assert_eq!((info.master, info.link_up, info.link_down_seconds), (Some(addr(MASTER)), false, None));
    assert!(!info.announced && !info.is_supported());
    assert_eq!(InfoReport::read("nonsense"), None);
}

#[test]
fn section_6_a_vote_is_an_integer_a_leader_and_an_epoch() {
    let ask = Ask::IsMasterDown { master: addr(MASTER), epoch: Epoch(3), candidate: None };
    let vote = |leader: &str| Value::Array(vec![Value::Int(1), Value::bulk(leader), Value::Int(3)]);
    let id = "b".repeat(40);
    let expected = |leader| Answer::Vote { down: true, leader, epoch: Epoch(3) };
    assert_eq!(Answer::read(&ask, &vote("*")), expected(None));
    assert_eq!(Answer::read(&ask, &vote(&id)), expected(id.parse().ok()));
    assert!(matches!(Answer::read(&ask, &Value::Int(1)), Answer::Strange { .. }));
}
