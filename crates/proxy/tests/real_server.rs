//! A client cannot tell the listener from the server behind it.

mod real;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use real::{Client, Lab, Redis, frame, view, wait_until};
use session::{Role, Rules, Why};
use view::Phase;

fn lab(redis: &Redis) -> Lab {
    Lab::start(view(1, Phase::Steady, redis.addr, &[]), Rules::default())
}

#[test]
fn requests_are_answered() {
    let redis = Redis::start();
    let lab = lab(&redis);
    let mut client = lab.client();
    assert_eq!(client.say("SET k v"), "+OK");
    assert_eq!(client.say("GET k"), "v");
    assert_eq!(client.say("GET none"), "$-1");
    assert_eq!(client.say("NOPE"), "-ERR unknown command 'NOPE', with args beginning with: ");
    assert_eq!(redis.client().say("GET k"), "v");
    assert_eq!(lab.stats().sessions.requests, 4);
    assert_eq!(lab.stats().clients, 1);
}

#[test]
fn a_line_typed_by_a_person_is_a_request() {
    let redis = Redis::start();
    let lab = lab(&redis);
    let mut client = lab.client();
    client.send_raw(b"PING\r\n\r\nset 'a b' \"c\\x41\"\nget 'a b'\r\n");
    assert_eq!(client.reply(), "+PONG");
    assert_eq!(client.reply(), "+OK");
    assert_eq!(client.reply(), "cA");
}

#[test]
fn ten_thousand_requests_in_one_pipeline_are_answered_in_order() {
    let redis = Redis::start();
    let lab = lab(&redis);
    let mut client = lab.client();
    let mut bytes = Vec::new();
    for n in 0..10_000 {
        frame(&mut bytes, &["ECHO", &n.to_string()]);
    }
    let mut writer = client.socket().try_clone().unwrap();
    let sender = std::thread::spawn(move || writer.write_all(&bytes).unwrap());
    for n in 0..10_000 {
        assert_eq!(client.reply(), n.to_string());
    }
    sender.join().unwrap();
}

#[test]
fn large_values_pass_both_ways() {
    let redis = Redis::start();
    let lab = lab(&redis);
    let mut client = lab.client();
    let value: Vec<u8> = (0..20 << 20).map(|i: u32| b'a' + (i % 23) as u8).collect();
    let mut writer = client.socket().try_clone().unwrap();
    let sent = value.clone();
    let sender = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        frame(&mut bytes, &[b"SET".as_slice(), b"k", &sent]);
        frame(&mut bytes, &["GET", "k"]);
        frame(&mut bytes, &["STRLEN", "k"]);
        writer.write_all(&bytes).unwrap();
    });
    assert_eq!(client.reply(), "+OK");
    assert!(client.reply().as_bytes() == value, "the value comes back as it went");
    assert_eq!(client.reply(), format!(":{}", value.len()));
    sender.join().unwrap();
}

#[test]
fn transactions_and_watches_work() {
    let redis = Redis::start();
    let lab = lab(&redis);
    let mut client = lab.client();
    assert_eq!(client.say("MULTI"), "+OK");
    assert_eq!(client.say("SET a 1"), "+QUEUED");
    assert_eq!(client.say("INCR a"), "+QUEUED");
    assert_eq!(client.say("EXEC"), "*[+OK :2]");
    assert_eq!(client.say("WATCH a"), "+OK");
    assert_eq!(lab.client().say("SET a 5"), "+OK");
    assert_eq!(client.say("MULTI"), "+OK");
    assert_eq!(client.say("SET a 6"), "+QUEUED");
    assert_eq!(client.say("EXEC"), "*-1");
    assert_eq!(client.say("GET a"), "5");
}

#[test]
fn a_subscriber_hears_what_is_published() {
    let redis = Redis::start();
    let lab = lab(&redis);
    let mut subscriber = lab.client();
    assert_eq!(subscriber.say("SUBSCRIBE a b"), "*[subscribe a :1]");
    assert_eq!(subscriber.reply(), "*[subscribe b :2]");
    assert_eq!(lab.client().say("PUBLISH b hello"), ":1");
    assert_eq!(subscriber.reply(), "*[message b hello]");
    assert_eq!(subscriber.say("PING"), "*[pong ]");
    // Which comes first is Redis's choice.
    let first = subscriber.say("UNSUBSCRIBE");
    assert!(first.starts_with("*[unsubscribe ") && first.ends_with(" :1]"), "{first}");
    assert!(subscriber.reply().ends_with(" :0]"));
    assert_eq!(subscriber.say("GET none"), "$-1");
}

#[test]
fn resp3_is_spoken_when_asked_for() {
    let redis = Redis::start();
    let lab = lab(&redis);
    let mut client = lab.client();
    let hello = client.say("HELLO 3");
    assert!(hello.starts_with("%[server redis version "), "{hello}");
    assert_eq!(client.say("HSET h f v"), ":1");
    assert_eq!(client.say("HGETALL h"), "%[f v]");
    assert_eq!(client.say("GET none"), "_");
    assert_eq!(client.say("CLIENT TRACKING ON"), "+OK");
    assert_eq!(client.say("GET k"), "_");
    assert_eq!(lab.client().say("SET k 1"), "+OK");
    assert_eq!(client.reply(), ">[invalidate *[k]]");
}

#[test]
fn quit_and_garbage_end_the_connection_as_redis_does() {
    let redis = Redis::start();
    let lab = lab(&redis);
    let mut client = lab.client();
    client.send_raw(b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n");
    assert_eq!(client.reply(), "+PONG");
    assert_eq!(client.reply(), "+OK");
    assert!(client.ends());

    for garbage in ["*1\r\n:1\r\n", "*a\r\n", "SET \"a\r\n", "*1\r\n$-5\r\n", "*1\r\n$99999999999\r\n"] {
        let mut through = lab.client();
        through.send("PING");
        through.send_raw(garbage.as_bytes());
        let mut direct = redis.client();
        direct.send_raw(garbage.as_bytes());
        assert_eq!(through.reply(), "+PONG");
        assert_eq!(through.reply(), direct.reply(), "{garbage:?}");
        assert!(through.ends());
    }
    wait_until("all are counted", || lab.stats().closed(Why::Malformed) == 5);
    assert_eq!(lab.stats().closed(Why::Quit), 1);
}

#[test]
fn a_client_that_sends_no_more_still_gets_its_replies() {
    let redis = Redis::start();
    let lab = lab(&redis);
    let mut client = lab.client();
    client.send("SET k v");
    client.send("GET k");
    client.socket().shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.reply(), "+OK");
    assert_eq!(client.reply(), "v");
    assert!(client.ends());
}

#[test]
fn a_blocked_client_that_leaves_takes_nothing_with_it() {
    let redis = Redis::start();
    let lab = lab(&redis);
    let mut client = lab.client();
    client.send("BLPOP list 0");
    wait_until("it is blocked", || redis.client().say("INFO clients").contains("blocked_clients:1"));
    drop(client);
    wait_until("nobody is blocked", || redis.client().say("INFO clients").contains("blocked_clients:0"));
    assert_eq!(lab.client().say("RPUSH list x"), ":1");
    assert_eq!(lab.client().say("LLEN list"), ":1");
}

#[test]
fn a_slow_reader_costs_the_proxy_a_bounded_amount() {
    let redis = Redis::start();
    let lab = lab(&redis);
    let value = vec![b'x'; 1 << 20];
    assert_eq!(lab.client().ask(&[b"SET".as_slice(), b"k", &value]), "+OK");
    let mut slow = lab.client();
    for _ in 0..200 {
        slow.send("GET k");
    }
    // Redis keeps what the proxy does not take: 200 MB of it, less what sockets hold.
    wait_until("the replies pile up at the server", || {
        let clients = redis.client().say("CLIENT LIST");
        let pending =
            |line: &str| line.split(' ').find_map(|w| w.strip_prefix("omem=").and_then(|n| n.parse::<u64>().ok()));
        clients.lines().filter_map(pending).any(|n| n > 100 << 20)
    });
    assert_eq!(lab.client().say("PING"), "+PONG");
    for _ in 0..200 {
        assert_eq!(slow.reply().len(), value.len());
    }
}

#[test]
fn one_client_too_many_is_told_so() {
    let redis = Redis::start();
    let lab = Lab::start_with(view(1, Phase::Steady, redis.addr, &[]), Rules::default(), 2);
    let mut first = lab.client();
    let mut second = lab.client();
    assert_eq!(first.say("PING"), "+PONG");
    assert_eq!(second.say("PING"), "+PONG");
    let mut third = lab.client();
    assert_eq!(third.reply(), "-ERR max number of clients reached");
    assert!(third.ends());
    drop(first);
    wait_until("there is room", || lab.stats().clients == 1);
    assert_eq!(lab.client().say("PING"), "+PONG");
    assert_eq!(lab.stats().refused(proxy::Refused::TooMany), 1);
}

#[test]
fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap();
    let (_source, view) = tokio::sync::watch::channel(view(1, Phase::Steady, addr, &[]));
    let listener = proxy::Listener {
        name: "main".to_owned(),
        addr: addr.into(),
        socket: None,
        rules: Rules::default(),
        edge: proxy::Edge::default(),
        view,
    };
    let config = proxy::ProxyConfig { workers: Some(1), max_clients: 1, clock: real::clock };
    let error = proxy::Proxy::start(config, vec![listener]).unwrap_err().to_string();
    assert!(error.contains("main") && error.contains(&addr.to_string()) && error.contains("in use"), "{error}");
}

#[test]
fn an_address_that_the_host_does_not_hold_can_be_bound() {
    let (_source, view) = tokio::sync::watch::channel(view(1, Phase::Steady, ([10, 9, 8, 7], 1).into(), &[]));
    let listener = proxy::Listener {
        name: "main".to_owned(),
        addr: SocketAddr::from(([10, 9, 8, 7], 0)).into(),
        socket: None,
        rules: Rules::default(),
        edge: proxy::Edge::default(),
        view,
    };
    let config = proxy::ProxyConfig { workers: Some(1), max_clients: 1, clock: real::clock };
    assert!(proxy::Proxy::start(config, vec![listener]).is_ok());
}

#[test]
fn a_stop_lets_sessions_have_what_they_are_owed() {
    let redis = Redis::start();
    let lab = lab(&redis);
    let mut idle = lab.client();
    assert_eq!(idle.say("PING"), "+PONG");
    let mut busy = lab.client();
    busy.send("BLPOP list 0");
    wait_until("it is blocked", || redis.client().say("INFO clients").contains("blocked_clients:1"));
    let stopping = std::thread::spawn(move || lab.proxy.stop(real::PATIENCE));
    assert!(idle.ends());
    assert_eq!(redis.client().say("RPUSH list x"), ":1");
    assert_eq!(busy.reply(), "*[list x]");
    assert!(busy.ends());
    stopping.join().unwrap();
}

#[test]
fn replicas_share_the_readers_and_refuse_writes_themselves() {
    let (master, one, two) = (Redis::start(), Redis::start(), Redis::start());
    one.replicate(&master);
    two.replicate(&master);
    let rules = Rules { role: Role::Replica, ..Rules::default() };
    let all = [one.addr, two.addr];
    let lab = Lab::start(view(1, Phase::Steady, master.addr, &all), rules);
    let port = |client: &mut Client| client.ask(&["CONFIG", "GET", "port"]);
    let mut clients: Vec<Client> = (0..4).map(|_| lab.client()).collect();
    let mut ports: Vec<String> = clients.iter_mut().map(port).collect();
    let first = clients[0].say("SET k v");
    assert_eq!(first, "-READONLY You can't write against a read only replica.");
    ports.sort();
    ports.dedup();
    assert_eq!(ports.len(), 2, "both replicas have readers");

    // One goes: its readers move, nobody notices.
    lab.publish(view(1, Phase::Steady, master.addr, &[two.addr]));
    for client in &mut clients {
        assert_eq!(port(client), format!("*[port {}]", two.addr.port()));
    }
    // Both go: the master serves.
    lab.publish(view(1, Phase::Steady, master.addr, &[]));
    for client in &mut clients {
        assert_eq!(port(client), format!("*[port {}]", master.addr.port()));
    }
    assert_eq!(lab.stats().clients, 4);
    let _keep: Arc<_> = view(1, Phase::Steady, master.addr, &all);
}
