//! The whole of what a client may say, in RESP2 and RESP3: a few clients speak in turn, a seed says which and what, and each reply is
//! the same as from Redis itself. `DIFFER_SEED=n` begins with stream n, `DIFFER_STREAMS=n` plays so many.

mod differ;
mod real;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use differ::script::{Script, Step};
use differ::surface::{self, Reply, Request};
use differ::volatile::normal;
use differ::wire::{Heard, Wire, frame};
use differ::{Pair, first_seed, from_env, generate, pools, show};
use machine::rng::Rng;
use resp::command::{Spec, all};

/// Streams of one run: they take some seconds for each pool.
const STREAMS: u64 = 8;
/// Longer than a server takes for one request.
const A_TURN: Duration = Duration::from_millis(5);
/// Phrases of one stream.
const PHRASES: usize = 150;
/// They speak in turn, and hear of each other (CLIENT TRACKING, PUBLISH).
const CLIENTS: [char; 3] = ['a', 'b', 'c'];

#[test]
fn whatever_is_said_in_turn_is_answered_the_same() {
    for (pool, rules) in pools() {
        let pair = Pair::start(rules, &[]);
        for server in [&pair.plain, &pair.behind] {
            assert_eq!(
                server.client().say("ACL SETUSER guest on >word ~* +get +acl|whoami +client +hello +reset"),
                "+OK"
            );
        }
        let first = first_seed();
        for seed in first..first + from_env("DIFFER_STREAMS").unwrap_or(STREAMS) {
            play(&pair, seed, &format!("pool {pool}, DIFFER_SEED={seed}"));
            for server in [&pair.plain, &pair.behind] {
                assert_eq!(server.client().say("FLUSHALL"), "+OK");
                assert_eq!(server.client().say("FUNCTION FLUSH"), "+OK");
            }
        }
    }
}

fn play(pair: &Pair, seed: u64, who: &str) {
    let mut rng = Rng::new(seed);
    let mut speakers = CLIENTS.map(|name| Speaker::new(name, [pair.plain.addr, pair.listener()]));
    for _ in 0..PHRASES {
        let at = usize::try_from(rng.below(CLIENTS.len() as u64)).unwrap();
        let (phrase, version) = surface::phrase(&mut rng, speakers[at].version);
        speakers[at].version = version;
        for request in phrase {
            let ids = speakers.each_ref().map(|speaker| (speaker.name, speaker.ids.clone()));
            let speaker = &mut speakers[at];
            let bytes = [0, 1].map(|side| spoken(&request.words, &ids, side));
            speaker.say(&mut rng, &bytes);
            if request.reply == Reply::None {
                // Nobody says when it is done. What comes together with the next one is told of behind that one's reply (CLIENT TRACKING, BCAST).
                std::thread::sleep(A_TURN);
                continue;
            }
            let [direct, through] = [0, 1].map(|side| speaker.hear(side, &request));
            assert!(!is_silent(&direct), "Redis itself says nothing to {request:?}");
            let (name, said) = (speaker.name, show(&bytes[0]));
            let told = || format!("direct:  {}\nthrough: {}", told(&direct), told(&through));
            assert!(direct == through, "{who}: {name} said {said}, in RESP{version}\n{}", told());
            if request.words[0] == b"QUIT" {
                assert_eq!(speaker.wires[0].rest(), speaker.wires[1].rest(), "{who}: {name} left");
                *speaker = Speaker::new(name, speaker.addrs);
            }
        }
    }
}

/// A client of each side.
struct Speaker {
    name: char,
    addrs: [SocketAddr; 2],
    wires: [Wire; 2],
    /// What CLIENT ID answered.
    ids: [Option<Vec<u8>>; 2],
    version: u8,
}

impl Speaker {
    fn new(name: char, addrs: [SocketAddr; 2]) -> Self {
        Self { name, addrs, wires: addrs.map(Wire::to), ids: [None, None], version: 2 }
    }

    /// Cut alike on both sides.
    fn say(&mut self, rng: &mut Rng, bytes: &[Vec<u8>; 2]) {
        let piece = [1, 7, 1 << 20, 1 << 20][usize::try_from(rng.below(4)).unwrap()];
        for (wire, bytes) in self.wires.iter_mut().zip(bytes) {
            wire.send(bytes, piece);
        }
    }

    /// What came up to the reply, messages of others before it.
    fn hear(&mut self, side: usize, request: &Request) -> Vec<Heard> {
        let said = request.words.join(&b' ');
        let mut all = Vec::new();
        loop {
            match self.wires[side].hear() {
                Heard::Reply(bytes) if is_pushed(&bytes) && (request.reply == Reply::Usual || is_of_others(&bytes)) => {
                    all.push(Heard::Reply(bytes));
                }
                Heard::Reply(bytes) => {
                    if said == b"CLIENT ID" && bytes.starts_with(b":") {
                        self.ids[side] = Some(bytes[1..bytes.len() - 2].to_vec());
                    }
                    all.push(Heard::Reply(normal(&said, &bytes)));
                    return all;
                }
                end => {
                    all.push(end);
                    return all;
                }
            }
        }
    }
}

fn is_pushed(frame: &[u8]) -> bool {
    frame.starts_with(b">")
}

/// What somebody else did. Taken for the answer to a request, the next speaker would not wait until that is done.
fn is_of_others(pushed: &[u8]) -> bool {
    let kind = pushed.split(|b| *b == b'\n').nth(2);
    kind.is_some_and(|kind| matches!(kind, b"invalidate\r" | b"message\r" | b"pmessage\r" | b"smessage\r"))
}

fn told(heard: &[Heard]) -> String {
    let one = |heard: &Heard| match heard {
        Heard::Reply(bytes) => show(bytes),
        Heard::End(bytes) => format!("{} and the end", show(bytes)),
        Heard::Nothing(bytes) => format!("{} and then nothing", show(bytes)),
    };
    heard.iter().map(one).collect::<Vec<_>>().join(", then ")
}

fn is_silent(heard: &[Heard]) -> bool {
    matches!(heard.last(), None | Some(Heard::Nothing(_)))
}

/// The bytes of a request, with everybody's ids on this side. Who did not ask for its id has none.
fn spoken(words: &[Vec<u8>], ids: &[(char, [Option<Vec<u8>>; 2])], side: usize) -> Vec<u8> {
    let id = |word: &Vec<u8>| match word.as_slice() {
        [b'@', who] => {
            let of = ids.iter().find(|(name, _)| *name == char::from(*who));
            of.and_then(|(_, ids)| ids[side].clone()).unwrap_or_else(|| b"999999".to_vec())
        }
        _ => word.clone(),
    };
    frame(&words.iter().map(id).collect::<Vec<_>>())
}

/// A command that no test says is a command of which nobody knows whether it passes.
#[test]
fn every_command_is_said_by_some_stream() {
    let mut said: BTreeSet<&str> = BTreeSet::new();
    let mut note = |words: &[Vec<u8>]| {
        let second = words.get(1).map(Vec::as_slice);
        said.extend(words.first().and_then(|name| resp::command::resolve(name, second)).map(Spec::name));
    };
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/streams");
    for file in std::fs::read_dir(directory).unwrap() {
        let script = Script::read(&std::fs::read_to_string(file.unwrap().path()).unwrap());
        for (_, step) in script.steps {
            if let Step::Ask { words, .. } = step {
                note(&words);
            }
        }
    }
    for phrase in surface::phrases() {
        surface::requests(phrase, &mut Rng::new(1)).iter().for_each(|request| note(&request.words));
    }
    let each = all().iter().flat_map(|spec| match spec.subcommands() {
        [] => std::slice::from_ref(spec),
        subcommands => subcommands,
    });
    let unsaid = each.map(Spec::name).filter(|name| !said.contains(name) && !generate::says(name));
    assert_eq!(unsaid.collect::<Vec<_>>(), UNSAID);
}

/// A save goes on after its answer, so that what it does to the next one is luck; what the allocator did is no two processes' alike; and
/// a test of itself takes Redis a second.
const UNSAID: &[&str] = &["bgsave", "memory|malloc-stats", "pfselftest"];
