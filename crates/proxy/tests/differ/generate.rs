//! What may a client say? Anything of the command table, with arguments of the right and of a wrong number and kind, in arrays and
//! lines. A seed says all of it.
//!
//! Several clients talk at once, and each must hear the same every time it is played: so each has keys and channels of its own, and
//! what the clock, chance or other clients decide ([`ONLY_WRONG`]) is said with a number of arguments that is refused.

use machine::rng::Rng;
use resp::command::{Spec, all};

use crate::differ::wire::frame;

/// What one client says until its end: each request for itself.
pub fn requests(rng: &mut Rng, owner: &str, count: usize) -> Vec<Vec<u8>> {
    let mut said: Vec<Vec<u8>> = (0..count).map(|_| request(rng, owner)).collect();
    // A Redis that was told not to reply closes no connection that it owes no byte (and only if the bytes came in two pieces): that
    // is luck.
    said.push(frame(&["RESET"]));
    said.push(last(rng));
    said
}

/// Whether it says this command as it ought to be said, too.
pub fn says(name: &str) -> bool {
    let container = name.split('|').next().unwrap();
    !NEVER.iter().chain(ONLY_WRONG).any(|unsaid| [name, container].contains(unsaid))
}

fn request(rng: &mut Rng, owner: &str) -> Vec<u8> {
    let words = match rng.below(100) {
        0..15 => phrase(rng, owner),
        15..30 => strings(one_of(rng, TRANSACTION)),
        _ => loop {
            if let Some(words) = from_table(rng, owner) {
                break words;
            }
        },
    };
    let is_plain = words.iter().all(|word| !word.is_empty() && word.iter().all(u8::is_ascii_graphic));
    let has_quotes = words.iter().any(|word| word.contains(&b'"') || word.contains(&b'\''));
    match rng.below(20) {
        0 if is_plain && !has_quotes && words.iter().map(Vec::len).sum::<usize>() < 1_000 => {
            [words.join(&b' ').as_slice(), one_of(rng, &["\r\n", "\n", "  \r\n"]).as_bytes()].concat()
        }
        1 => [one_of(rng, &["\r\n", "*0\r\n", "*-1\r\n", " \n"]).as_bytes(), &frame(&words)].concat(),
        _ => frame(&words),
    }
}

/// Nearly all leave in peace.
fn last(rng: &mut Rng) -> Vec<u8> {
    let ends =
        ["*1\r\n$4\r\nQUIT\r\n", "QUIT\r\n", "*1\r\n:1\r\n", "*x\r\n", "GET \"x\r\n", "*2\r\n$3\r\nGET\r\n$-7\r\n"];
    let which = if rng.chance(800) { rng.below(2) } else { rng.below(ends.len() as u64) };
    ends[usize::try_from(which).unwrap()].as_bytes().to_vec()
}

fn from_table(rng: &mut Rng, owner: &str) -> Option<Vec<Vec<u8>>> {
    let container = one_of_all(rng, all());
    let spec = match container.subcommands() {
        [] => container,
        subcommands => one_of_all(rng, subcommands),
    };
    let name = spec.name();
    if NEVER.iter().any(|never| name == *never || container.name() == *never) {
        return None;
    }
    let mut words = strings(&name.replace('|', " "));
    let least = usize::from(spec.arity().unsigned_abs());
    let only_wrong = ONLY_WRONG.iter().any(|wrong| name == *wrong || container.name() == *wrong);
    let count = if only_wrong {
        wrong_count(rng, spec, words.len())?
    } else if rng.chance(100) {
        wrong_count(rng, spec, words.len()).unwrap_or(least)
    } else if spec.arity() < 0 {
        least + usize::try_from(rng.below(4)).unwrap()
    } else {
        least
    };
    let keys: Vec<usize> = spec.keys(count).collect();
    while words.len() < count {
        let is_key = keys.contains(&words.len()) || (spec.keys_are_movable() && rng.chance(400));
        let word = if is_key || name.contains("subscribe") || name.contains("publish") {
            key(rng, owner)
        } else {
            argument(rng)
        };
        words.push(word);
    }
    if spec.is_blocking() && !only_wrong && words.len() > 2 {
        // The time that it may wait stands at one of its ends.
        let at = if name.ends_with("mpop") { 1 } else { words.len() - 1 };
        words[at] = b"0.01".to_vec();
    }
    Some(words)
}

/// A number of words that the server refuses, if there is one that is not less than the name itself.
fn wrong_count(rng: &mut Rng, spec: &Spec, name: usize) -> Option<usize> {
    let least = usize::from(spec.arity().unsigned_abs());
    let few = (least > name).then(|| name + usize::try_from(rng.below((least - name) as u64)).unwrap());
    let many = (spec.arity() > 0).then(|| least + 1 + usize::try_from(rng.below(2)).unwrap());
    if rng.chance(500) { few.or(many) } else { many.or(few) }
}

/// What is said as a whole, because nothing would come of it by chance.
fn phrase(rng: &mut Rng, owner: &str) -> Vec<Vec<u8>> {
    let text = one_of(rng, PHRASES);
    let mut words = strings(text);
    for word in &mut words {
        match word.as_slice() {
            b"@" => *word = key(rng, owner),
            b"@@" => *word = vec![b'x'; 1 + usize::try_from(rng.below(200_000)).unwrap()],
            b"@lua" => *word = one_of(rng, SCRIPTS).as_bytes().to_vec(),
            _ => {}
        }
    }
    words
}

fn key(rng: &mut Rng, owner: &str) -> Vec<u8> {
    format!("{owner}{}", one_of(rng, &["a", "b", "c", "d", "e", "f"])).into_bytes()
}

fn argument(rng: &mut Rng) -> Vec<u8> {
    match rng.below(10) {
        0..4 => one_of(rng, NUMBERS).as_bytes().to_vec(),
        4..6 => one_of(rng, OPTIONS).as_bytes().to_vec(),
        6 => {
            let len = rng.below(40);
            (0..len).map(|_| u8::try_from(rng.below(256)).unwrap()).collect()
        }
        _ => one_of(rng, &["x", "y", "field", "member", "value", "", "two words", "\r\n", "[a", "(b"])
            .as_bytes()
            .to_vec(),
    }
}

fn strings(text: &str) -> Vec<Vec<u8>> {
    text.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

fn one_of<'a>(rng: &mut Rng, list: &[&'a str]) -> &'a str {
    list[usize::try_from(rng.below(list.len() as u64)).unwrap()]
}

fn one_of_all<'a>(rng: &mut Rng, list: &'a [Spec]) -> &'a Spec {
    &list[usize::try_from(rng.below(list.len() as u64)).unwrap()]
}

/// No number of arguments is refused, and the others would see what it does; or it ends the connection.
const NEVER: &[&str] =
    &["shutdown", "flushall", "flushdb", "info", "lolwut", "bgsave", "quit", "command", "debug", "replconf", "role"];
/// Decided by the clock, by chance, by a hash table's order, or by what others do.
const ONLY_WRONG: &[&str] = &[
    "acl",
    "bgrewriteaof",
    "client",
    "cluster",
    "config",
    "dbsize",
    "dump",
    "expire",
    "expireat",
    "expiretime",
    "failover",
    "function",
    "getex",
    "hrandfield",
    "keys",
    "lastsave",
    "latency",
    "memory",
    "migrate",
    "module",
    "monitor",
    "object|freq",
    "object|idletime",
    "pexpire",
    "pexpireat",
    "pexpiretime",
    "pfdebug",
    "pfselftest",
    "psetex",
    "psync",
    "pttl",
    "pubsub",
    "randomkey",
    "replicaof",
    "restore",
    "restore-asking",
    "save",
    "scan",
    "script",
    "sdiff",
    "setex",
    "sinter",
    "slaveof",
    "slowlog",
    "smembers",
    "sort",
    "sort_ro",
    "spop",
    "srandmember",
    "sscan",
    "sunion",
    "swapdb",
    "sync",
    "time",
    "ttl",
    "unsubscribe",
    "punsubscribe",
    "sunsubscribe",
    "wait",
    "xautoclaim",
    "xclaim",
    "xinfo",
    "xpending",
    "zrandmember",
    "eval",
    "eval_ro",
    "hello",
];
const TRANSACTION: &[&str] =
    &["MULTI", "MULTI", "EXEC", "EXEC", "DISCARD", "UNWATCH", "RESET", "multi", "exec", "MULTI x"];
const PHRASES: &[&str] = &[
    "SET @ @@",
    "GET @",
    "APPEND @ @@",
    "WATCH @ @",
    "WATCH @",
    "SELECT 1",
    "SELECT 0",
    "SELECT 99",
    "HELLO 3",
    "HELLO 2",
    "HELLO 9",
    "CLIENT SETNAME me",
    "CLIENT GETNAME",
    "CLIENT REPLY SKIP",
    "CLIENT REPLY OFF",
    "CLIENT REPLY ON",
    "CLIENT TRACKING ON",
    "CLIENT TRACKING OFF",
    "CLIENT NO-EVICT ON",
    "SUBSCRIBE @",
    "PSUBSCRIBE @",
    "SSUBSCRIBE @",
    "UNSUBSCRIBE @",
    "PUNSUBSCRIBE @",
    "SUNSUBSCRIBE @",
    "PUBLISH @ hello",
    "SPUBLISH @ hello",
    "EVAL @lua 1 @",
    "EVAL @lua 0",
    "XADD @ 1-1 f v",
    "XADD @ 5-* f v",
    "XGROUP CREATE @ g 0 MKSTREAM",
    "XREADGROUP GROUP g c COUNT 1 STREAMS @ >",
    "XREAD STREAMS @ 0",
    "XACK @ g 1-1",
    "WAIT 0 10",
    "SORT @ ALPHA",
    "GETEX @ PERSIST",
    "NOSUCH @",
    "AUTH no such",
    "HSET @ f 1 g 2",
    "ZADD @ 1 a 2 b",
    "RPUSH @ 1 2 3",
    "SADD @ 1 2 3",
    "INCR @",
    "OBJECT ENCODING @",
];
const SCRIPTS: &[&str] = &[
    "return redis.call('get', KEYS[1])",
    "return redis.call('incr', KEYS[1])",
    "return redis.pcall('hgetall', KEYS[1])",
    "return {1, {2, 'x'}, false}",
    "return redis.error_reply('MINE it is')",
    "redis.setresp(3); return redis.call('hgetall', KEYS[1])",
    "return string.rep('y', 70000)",
    "no lua",
];
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "-1",
    "-2",
    "7",
    "100",
    "3.5",
    "-inf",
    "+inf",
    "nan",
    "9223372036854775807",
    "1-1",
    "5-0",
    "0-1",
];
const OPTIONS: &[&str] = &[
    "NX",
    "XX",
    "GT",
    "LT",
    "CH",
    "INCR",
    "GET",
    "SET",
    "COUNT",
    "MATCH",
    "LIMIT",
    "WITHSCORES",
    "LEFT",
    "RIGHT",
    "BEFORE",
    "AFTER",
    "REV",
    "STORE",
    "MAXLEN",
    "MINID",
    "STREAMS",
    "GROUP",
    "WEIGHTS",
    "AGGREGATE",
    "SUM",
    "MIN",
    "MAX",
    "AND",
    "NOT",
    "u8",
    "i5",
    "KEEPTTL",
    "PERSIST",
    "BYSCORE",
    "BYLEX",
    "-",
    "+",
    "$",
    ">",
    "km",
    "m",
];
