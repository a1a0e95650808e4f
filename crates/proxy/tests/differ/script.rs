//! A recorded stream: which client says what, in order, as a text file of `tests/streams`.
//!
//! ```text
//! ! --requirepass secret     at the top: the servers are started with this, too
//! SET k "a b\x00c"           client a says it and hears one reply; words are quoted as in redis-cli
//! b: GET k                   client b does
//! SET k {x*1048576}          a word of 1,048,576 letters x
//! b+ BLPOP q 0               b says it, nobody listens yet
//! wait blocked 1             until the server has one blocked client
//! b< 2                       b hears two replies (or push messages)
//! b~ "PING\r\n"              b sends these very bytes
//! b.                         b hears that its connection ends
//! CLIENT UNBLOCK @b ERROR    @b stands for the id that `b: CLIENT ID` was answered
//! ```
//!
//! At the end each client says QUIT and hears whatever comes until its connection ends.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::differ::volatile::normal;
use crate::differ::wire::{Heard, Wire, frame};
use crate::real::{Client, wait_until};

/// What one line of a stream orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Ask { client: char, words: Vec<Vec<u8>>, listen: bool },
    Raw { client: char, bytes: Vec<u8> },
    Hear { client: char, count: usize },
    Ends { client: char },
    WaitBlocked(usize),
}

/// A stream with the lines that its steps stand on.
#[derive(Debug)]
pub struct Script {
    pub options: Vec<String>,
    pub steps: Vec<(usize, Step)>,
}

/// How the bytes of the steps go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// A request, a reply.
    Whole,
    /// Each byte for itself.
    Bytes,
    /// Requests of one client that follow each other go out at once; then their replies are read.
    Pipelined,
    /// As `Whole`, and each client has asked for RESP3 before.
    Resp3,
}

/// What was heard at a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub number: usize,
    pub client: char,
    pub said: Vec<u8>,
    pub heard: Heard,
}

impl Script {
    pub fn read(text: &str) -> Self {
        let mut script = Self { options: Vec::new(), steps: Vec::new() };
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if let Some(options) = line.strip_prefix("! ") {
                script.options.extend(options.split_whitespace().map(str::to_owned));
            } else if !line.is_empty() && !line.starts_with('#') {
                script.steps.push((number, step(line)));
            }
        }
        script
    }

    /// Plays it at a server, with `admin` for looking at it from aside.
    pub fn play(&self, at: SocketAddr, admin: SocketAddr, manner: Manner) -> Vec<Line> {
        let mut stage =
            Stage { at, manner, clients: BTreeMap::new(), lines: Vec::new(), ids: BTreeMap::new(), owed: Vec::new() };
        for (number, step) in &self.steps {
            if let Step::WaitBlocked(count) = step {
                stage.settle();
                let blocked = format!("blocked_clients:{count}\n");
                wait_until("clients are blocked", || {
                    let info = Client::to(admin).say("INFO clients").replace('\r', "");
                    info.contains(&blocked)
                });
            } else {
                stage.play(*number, step);
            }
        }
        stage.end()
    }
}

/// The clients of one playing, and what they heard.
struct Stage {
    at: SocketAddr,
    manner: Manner,
    clients: BTreeMap<char, Wire>,
    lines: Vec<Line>,
    /// What CLIENT ID answered to whom.
    ids: BTreeMap<char, Vec<u8>>,
    /// Said and not heard yet, all by the same client.
    owed: Vec<(usize, char, Vec<u8>)>,
}

impl Stage {
    fn play(&mut self, number: usize, step: &Step) {
        match step {
            Step::Ask { client, words, listen } => {
                if self.manner != Manner::Pipelined || self.owed.iter().any(|(_, c, _)| c != client) {
                    self.settle();
                }
                let named = |word: &Vec<u8>| match word.as_slice() {
                    [b'@', who] => self.ids.get(&char::from(*who)).unwrap_or(word).clone(),
                    _ => word.clone(),
                };
                let spoken: Vec<Vec<u8>> = words.iter().map(named).collect();
                self.send(*client, &frame(&spoken));
                if *listen {
                    self.owed.push((number, *client, words.join(&b' ')));
                }
                if self.manner != Manner::Pipelined {
                    self.settle();
                }
            }
            Step::Raw { client, bytes } => {
                self.settle();
                self.send(*client, bytes);
            }
            Step::Hear { client, count } => {
                self.settle();
                for _ in 0..*count {
                    self.hear(number, *client, b"");
                }
            }
            Step::Ends { client } => {
                self.settle();
                let heard = self.client(*client).rest();
                self.lines.push(Line { number, client: *client, said: Vec::new(), heard });
                self.clients.remove(client);
            }
            Step::WaitBlocked(_) => {}
        }
    }

    fn client(&mut self, name: char) -> &mut Wire {
        let (at, manner) = (self.at, self.manner);
        self.clients.entry(name).or_insert_with(|| {
            let mut wire = Wire::to(at);
            if manner == Manner::Resp3 {
                wire.send(&frame(&["HELLO", "3"]), 1 << 20);
                wire.hear();
            }
            wire
        })
    }

    fn send(&mut self, client: char, bytes: &[u8]) {
        let piece = if self.manner == Manner::Bytes && bytes.len() < MOST_BYTEWISE { 1 } else { 1 << 20 };
        self.client(client).send(bytes, piece);
    }

    fn settle(&mut self) {
        for (number, client, said) in std::mem::take(&mut self.owed) {
            self.hear(number, client, &said);
        }
    }

    fn hear(&mut self, number: usize, client: char, said: &[u8]) {
        let heard = match self.client(client).hear() {
            Heard::Reply(bytes) => {
                if said == b"CLIENT ID" {
                    self.ids.insert(client, bytes[1..bytes.len() - 2].to_vec());
                }
                Heard::Reply(normal(said, &bytes))
            }
            other => other,
        };
        self.lines.push(Line { number, client, said: said.to_vec(), heard });
    }

    fn end(mut self) -> Vec<Line> {
        self.settle();
        for (client, mut wire) in std::mem::take(&mut self.clients) {
            wire.send(b"*1\r\n$4\r\nQUIT\r\n", 1 << 20);
            self.lines.push(Line { number: 0, client, said: b"QUIT (at the end)".to_vec(), heard: wire.rest() });
        }
        self.lines
    }
}

fn step(line: &str) -> Step {
    let mut letters = line.chars();
    let (first, second) = (letters.next().unwrap(), letters.next().unwrap_or(' '));
    let is_prefixed = first.is_ascii_lowercase() && ":+~<.".contains(second);
    let (client, verb, rest) = if is_prefixed { (first, second, line[2..].trim()) } else { ('a', ':', line) };
    if let Some(count) = line.strip_prefix("wait blocked ") {
        return Step::WaitBlocked(count.parse().unwrap());
    }
    let words = || -> Vec<Vec<u8>> {
        let words = resp::inline::split(rest.as_bytes()).unwrap_or_else(|e| panic!("{line}: {e}"));
        words.into_iter().map(|word| expanded(&word)).collect()
    };
    match verb {
        '~' => Step::Raw { client, bytes: words().concat() },
        '<' => Step::Hear { client, count: rest.parse().unwrap() },
        '.' => Step::Ends { client },
        _ => Step::Ask { client, words: words(), listen: verb == ':' },
    }
}

/// `{x*3}` is `xxx`.
fn expanded(word: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(word).ok().and_then(|text| text.strip_prefix('{')?.strip_suffix('}'));
    match text.and_then(|text| text.split_once('*')).and_then(|(unit, n)| Some((unit, n.parse().ok()?))) {
        Some((unit, n)) => unit.repeat(n).into_bytes(),
        None => word.to_vec(),
    }
}

/// Longer ones would take minutes.
const MOST_BYTEWISE: usize = 4 << 10;
