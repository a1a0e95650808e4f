//! Does our Sentinel port answer as the real one does? The same words to a stock Sentinel and to a node that watch a Redis each; what
//! comes back is compared type by type and byte by byte, but for numbers that differ by nature.

mod pair;
mod words;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::net::TcpStream;

use pair::{Pair, Talk, say, without_numbers};
use words::{CONNECTIONS, REFUSALS, USERS, WRONG};

#[test]
fn the_commands_are_those_of_a_sentinel() {
    let pair = Pair::start("commands");
    pair.compare(&[
        say("command count"),
        say("command").unordered(),
        say("command info").unordered(),
        say("command info ping nope acl|cat sentinel SENTINEL|SET").unordered(),
        say("command list filterby pattern p*").unordered(),
        say("command list filterby aclcat admin").unordered(),
        say("command list filterby aclcat nope"),
        say("command list filterby module x"),
        say("command list filterby"),
        say("command list filterby foo x"),
        say("command docs nope"),
        say("command getkeys get a"),
        say("command getkeys ping x"),
        say("command getkeys ping x y z"),
        say("command getkeysandflags ping x"),
        say("command getkeys"),
        say("command count x"),
        say("command foo"),
        say("hello 3").but_numbers(),
        say("command info ping nope"),
        say("command").unordered(),
    ]);
    // As many names, one of them for whoever is newer.
    let list = |addr| {
        let told = Talk::to(addr).say(&say("command list")).remove(0);
        told.split('"').filter(|word| word.contains(char::is_alphabetic)).map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let (ours, stock) = (list(pair.ours), list(pair.stock));
    assert_eq!(ours.len(), stock.len());
    assert_eq!(ours.difference(&stock).collect::<Vec<_>>(), ["client|setinfo"]);
    assert_eq!(stock.difference(&ours).collect::<Vec<_>>(), ["client|caching"]);
    let docs = Talk::to(pair.ours).say(&say("command docs client|setinfo")).remove(0);
    assert!(docs.contains("7.2.0"), "{docs}");
    // Whatever is wrong with a request is told in the same words.
    for words in WRONG {
        pair.compare(&[say(words).unordered()]);
    }
    let long = "x".repeat(200);
    pair.compare(&[
        say(&format!("{long} {long} {long}")),
        say(&format!("nope a {long} b")),
        say(&format!("client {long}")),
    ]);
}

#[test]
fn every_subcommand_counts_its_words() {
    let pair = Pair::start("arity");
    let mut stock = Talk::to(pair.stock);
    let list = stock.say(&say("command list")).remove(0);
    let names: Vec<&str> = list
        .split('"')
        .filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || "|-".contains(c)) && !word.is_empty())
        .collect();
    assert!(names.len() >= 70, "{names:?}");
    let mut differences = Vec::new();
    for name in names.iter().filter(|name| **name != "shutdown" && !name.ends_with("subscribe")) {
        let words = name.replace('|', " ");
        for arguments in ["", " a b c d e f g h i j"] {
            let say = say(&format!("{words}{arguments}")).unordered();
            let expected = Talk::to(pair.stock).say(&say);
            // What it answers when the number is right is the matter of other tests.
            if expected[0].contains("wrong number of arguments") {
                differences.extend(
                    Some(Talk::to(pair.ours).say(&say))
                        .filter(|got| *got != expected)
                        .map(|got| (say.words, got, expected)),
                );
            }
        }
    }
    assert!(differences.is_empty(), "(words, ours, stock) {differences:#?}");
}

#[test]
fn bytes_that_are_no_requests_are_refused_alike() {
    let pair = Pair::start("bytes");
    for (bytes, replies) in [
        ("PING\n", 1),
        ("\r\n\r\n\nPING", 1),
        ("ping \"a b\"", 1),
        ("*1\r\n$4\r\nping\r\n*0\r\n*-1\r\n*1\r\n$0\r\n", 2),
        ("\"ping", 2),
        ("*1\r\n$-1", 2),
        ("*x", 2),
        ("*1\r\n:1", 2),
        ("POST / HTTP/1.1", 1),
        ("Host: a", 1),
    ] {
        pair.compare(&[say(bytes).replies(replies)]);
    }
}

#[test]
fn subscriptions_are_confirmed_alike() {
    let pair = Pair::start("subscriptions");
    pair.compare(&[
        say("subscribe x y").replies(2),
        say("psubscribe y*"),
        say("ping"),
        say("ping z"),
        say("ping a b"),
        say("get"),
        say("hello 3"),
        say("info"),
        say("unsubscribe x"),
        say("unsubscribe"),
        say("punsubscribe"),
        say("ping"),
        say("unsubscribe"),
        say("unsubscribe a b").replies(2),
    ]);
    pair.compare(&[
        say("hello 3").but_numbers(),
        say("subscribe x"),
        say("ping"),
        say("role"),
        say("client trackinginfo"),
        say("unsubscribe"),
        say("punsubscribe"),
    ]);
}

#[test]
fn connections_are_told_named_and_closed_alike() {
    let pair = Pair::start("connections");
    pair.compare(&CONNECTIONS.map(say));
    pair.compare(&[
        say("client reply off").replies(0),
        say("ping").replies(0),
        say("client reply on"),
        say("client reply skip").replies(0),
        say("ping").replies(0),
        say("ping b"),
        say("client kill skipme no user default id 999999"),
    ]);
    // The fields of a connection, whatever their values.
    let fields = |addr| {
        let told = Talk::to(addr).say(&say("client info")).remove(0);
        let told = told.trim_matches(['$', '"']).replace("\\n", "");
        told.split(' ').map(|pair| pair.split('=').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(fields(pair.ours), fields(pair.stock));
    // Killed by type, by user and by its own word: the replies, and the end.
    for kill in ["client kill type pubsub", "client kill user default skipme yes"] {
        let mut counts = Vec::new();
        for addr in [pair.stock, pair.ours] {
            let mut listener = Talk::to(addr);
            listener.say(&say("subscribe +sdown"));
            let killed = Talk::to(addr).say(&say(kill)).remove(0);
            assert_ne!(killed, ":0", "{kill} at {addr}");
            assert_eq!(listener.frame(false), None, "{kill} at {addr}");
            counts.push(killed.starts_with(':'));
        }
        assert_eq!(counts, [true, true]);
    }
    pair.compare(&[say("client kill user default skipme no type normal").but_numbers().replies(2)]);
}

#[test]
fn users_may_do_the_same_here_and_there() {
    let pair = Pair::start("users");
    pair.compare(&USERS.map(|words| say(words).unordered()));
    pair.compare(&[
        say("auth x"),
        say("auth a y"),
        say("auth nobody y"),
        say("auth b x"),
        say("auth a x"),
        say("acl whoami"),
        say("client list"),
        say("client id").but_numbers(),
        say("client foo"),
        say("get a"),
        say("sentinel masters"),
        say("subscribe bar"),
        say("psubscribe *"),
        say("psubscribe foo?"),
        say("publish bar x"),
        say("subscribe foo1 foo2").replies(2),
        say("psubscribe foo*"),
        say("client list"),
    ]);
    // What was refused is told alike, but for times and the connection.
    let log = |addr| {
        let told = Talk::to(addr).say(&say("acl log 20")).remove(0);
        let entries =
            told.split("client-info").map(|entry| entry.split("age-seconds").next().unwrap_or_default().to_owned());
        entries.map(|entry| entry.split("\"count\"").nth(1).unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(log(pair.ours), log(pair.stock));
    // A deleted user's connections end; a user that is switched off keeps those that it has.
    for addr in [pair.stock, pair.ours] {
        let (mut a, mut admin) = (Talk::to(addr), Talk::to(addr));
        assert_eq!(a.say(&say("auth a x")), ["+OK"]);
        assert_eq!(admin.say(&say("acl setuser a off")), ["+OK"]);
        assert_eq!(a.say(&say("ping")), ["+PONG"], "{addr}");
        assert_eq!(admin.say(&say("acl deluser a d")), [":2"]);
        assert_eq!(a.frame(false), None, "{addr}");
    }
}

#[test]
fn strangers_are_kept_out_alike() {
    let pair = Pair::start("strangers");
    pair.compare(&[say("acl setuser default >pw"), say("acl getuser default"), say("acl list")]);
    pair.compare(&[
        say("ping"),
        say("get"),
        say("client"),
        say("client foo"),
        say("hello"),
        say("hello 3"),
        say("hello 3 auth default no"),
        say("auth no"),
        say("auth default no"),
        say("subscribe +sdown"),
        say("sentinel masters"),
        say("auth pw"),
        say("ping"),
        say("hello 3 setname \"a b\""),
        say("hello 2 auth default pw setname q").but_numbers(),
        say("client getname"),
    ]);
    // Before a login, long requests are not read.
    let long = format!("*11\r\n{}", "$1\r\na\r\n".repeat(11));
    pair.compare(&[say(&long).replies(2)]);
    for addr in [pair.stock, pair.ours] {
        let mut admin = Talk::to(addr);
        assert_eq!(admin.say(&say("auth pw")), ["+OK"]);
        assert_eq!(admin.say(&say("acl setuser default nopass off")), ["+OK"]);
        assert_eq!(admin.say(&say("ping")), ["+PONG"]);
    }
    pair.compare(&[say("ping"), say("auth x"), say("auth default x")]);
}

#[test]
fn sentinel_subcommands_refuse_in_the_same_words() {
    let pair = Pair::start("refusals");
    pair.compare(&REFUSALS.map(say));
    pair.compare(&[
        say("hello 3").but_numbers(),
        say("sentinel get-master-addr-by-name cache").but_numbers(),
        say("sentinel debug"),
        say("sentinel config get *-*"),
        say("sentinel get-master-addr-by-name z"),
        say("sentinel ckquorum z"),
    ]);
    // What the operator's file says is not changed from here, and the refusal names the file.
    let mut ours = Talk::to(pair.ours);
    for words in [
        "sentinel monitor a 127.0.0.1 1 1",
        "sentinel remove cache",
        "sentinel set cache quorum 2",
        "sentinel config set announce-ip 1.2.3.4",
        "sentinel simulate-failure crash-after-election",
    ] {
        let told = ours.say(&say(words)).remove(0);
        assert!(told.starts_with("-ERR ") && told.contains("node.toml"), "{words}: {told}");
    }
    let told = ours.say(&say("shutdown nosave")).remove(0);
    assert!(told.starts_with("-ERR this node is not stopped from here"), "{told}");
    let cache = ours.say(&say("sentinel info-cache cache nope")).remove(0);
    assert!(cache.starts_with("*[$\"cache\" *[*[:") && cache.contains("run_id:"), "{cache}");
    let help = ours.say(&say("sentinel help")).remove(0);
    assert!(help.contains("SENTINEL <subcommand> ") && help.contains("CKQUORUM <master"), "{help}");
    // Libraries send these to every server.
    for words in ["client setinfo lib-name x", "select 0", "quit"] {
        assert_eq!(ours.say(&say(words)), ["+OK"], "{words}");
    }
}

#[test]
fn info_has_the_fields_of_a_sentinel_in_their_sections() {
    let pair = Pair::start("info");
    let info = |addr, words: &str| {
        let mut talk = Talk::to(addr);
        let text = talk.say(&say(words)).remove(0);
        text.trim_matches(['$', '"']).replace("\\r\\n", "\n").trim_end().to_owned()
    };
    let headers = |text: &str| text.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
    for words in [
        "info",
        "info all",
        "info default",
        "info everything",
        "info SERVER",
        "info cpu server",
        "info sentinel nope clients",
        "info nope",
        "info stats stats",
    ] {
        assert_eq!(headers(&info(pair.ours, words)), headers(&info(pair.stock, words)), "{words}");
    }
    let names = |text: &str| {
        text.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    };
    for section in ["clients", "cpu", "sentinel"] {
        let words = format!("info {section}");
        assert_eq!(names(&info(pair.ours, &words)), names(&info(pair.stock, &words)), "{section}");
    }
    for section in ["server", "stats"] {
        let words = format!("info {section}");
        let stock = names(&info(pair.stock, &words));
        let own = ["standfast_version", "resp3_clients"];
        for name in names(&info(pair.ours, &words)) {
            assert!(stock.contains(&name) || own.contains(&name.as_str()), "{section}: stock has no {name}");
        }
    }
    let whole = info(pair.ours, "info everything");
    for absent in ["used_memory", "rdb_last_bgsave", "master_repl_offset", "cluster_enabled"] {
        assert!(!whole.contains(absent), "{absent}");
    }
    let own = |addr| without_numbers(&info(addr, "info sentinel"));
    assert_eq!(own(pair.ours), own(pair.stock));
}

#[test]
fn a_thousand_silent_connections_are_borne_and_one_that_speaks_is_answered() {
    let pair = Pair::start("silent");
    let silent: Vec<TcpStream> = (0..1_000).map(|_| TcpStream::connect(pair.ours).expect("it listens")).collect();
    for stream in silent.iter().step_by(100) {
        // Half a request, and never the rest.
        let mut stream = stream;
        stream.write_all(b"*2\r\n$4\r\nPI").expect("it is open");
    }
    let mut garbage = Talk::to(pair.ours);
    let noise: String =
        (0..4_096_u32).map(|n| char::from(b'!' + (n.wrapping_mul(2_654_435_761) >> 26) as u8)).collect();
    let _ = garbage.0.get_mut().write_all(noise.as_bytes());
    let mut talk = Talk::to(pair.ours);
    assert_eq!(talk.say(&say("ping")), ["+PONG"]);
    let told = talk.say(&say("info clients")).remove(0);
    let connected =
        told.split("connected_clients:").nth(1).and_then(|rest| rest.split('\\').next()).unwrap_or_default();
    assert!(connected.parse::<u32>().is_ok_and(|n| n >= 1_001), "{told}");
}
