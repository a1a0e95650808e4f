//! In which words do nodes tell each other of client connections? A command on the Sentinel port, and its answers.
//!
//! ```text
//!   STANDFAST CLIENTS 1 NAME LIFE 0                      who is there, and which addresses do you care for?
//!      *3  NAME  LIFE  192.0.2.7
//!   STANDFAST CLIENTS 1 NAME LIFE 1 "@192.0.2.7 held all" "+6379 192.0.2.9:4711" "+6379 192.0.2.9:4712"
//!      +OK
//!   STANDFAST CLIENTS 1 NAME LIFE 2 "@192.0.2.7 held more" "-6379 192.0.2.9:4711" "+6379 192.0.2.9:4713"
//!      +OK                                               or -RESEND: something is missing, begin anew with 0
//!   STANDFAST CLIENTS 1 NAME LIFE 3                      still here
//! ```
//!
//! A life is a number by chance of each process, so that one that is started anew is not taken for the one before.

use std::net::{IpAddr, SocketAddr};

use host::netlink::connections::Connection;
use resp::Value;

/// What one node tells another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(super) teller: Teller,
    /// Counted from 0 on each connection.
    pub(super) step: u64,
    pub(super) parts: Vec<Part>,
}

/// Which process of which node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Teller {
    /// What the node calls itself.
    pub(super) name: String,
    pub(super) life: String,
}

/// About one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) ip: IpAddr,
    /// It is on the teller's host.
    pub(super) is_held: bool,
    /// What was told before of this address does not count any more.
    pub(super) is_all: bool,
    pub(super) changes: Vec<Change>,
}

/// A connection is there, or has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) is_there: bool,
    pub(super) connection: Connection,
}

/// The answer to step 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Welcome {
    pub(super) teller: Teller,
    pub(super) cares_for: Vec<IpAddr>,
}

impl Message {
    /// As a command.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut words =
            [COMMAND, SUBCOMMAND, VERSION, &self.teller.name, &self.teller.life].map(str::to_owned).to_vec();
        words.push(self.step.to_string());
        for Part { ip, is_held, is_all, changes } in &self.parts {
            words.push(format!("@{ip} {} {}", if *is_held { HELD } else { FREE }, if *is_all { ALL } else { MORE }));
            for Change { is_there, connection: Connection { at, client } } in changes {
                words.push(format!("{}{} {client}", if *is_there { '+' } else { '-' }, at.port()));
            }
        }
        resp::write::command(out, &words);
    }

    /// What a command says; the refusal is for whoever sent it.
    pub(super) fn read(words: &[Vec<u8>]) -> Result<Self, &'static str> {
        let words: Vec<&str> =
            words.iter().map(|word| str::from_utf8(word)).collect::<Result<_, _>>().map_err(|_| "not UTF-8")?;
        let [command, subcommand, version, name, life, step, parts @ ..] = words.as_slice() else {
            return Err("too few words");
        };
        if !command.eq_ignore_ascii_case(COMMAND) || !subcommand.eq_ignore_ascii_case(SUBCOMMAND) {
            return Err("no such command");
        }
        if *version != VERSION {
            return Err("another version of Standfast");
        }
        let teller = Teller::read(name, life).ok_or("no name")?;
        let step = step.parse().map_err(|_| "no number")?;
        let mut told: Vec<Part> = Vec::new();
        for word in parts {
            if let Some(part) = word.strip_prefix('@') {
                told.push(Part::read(part).ok_or("no address")?);
                continue;
            }
            let part = told.last_mut().ok_or("connections of no address")?;
            part.changes.push(Change::read(part.ip, word).ok_or("no connection")?);
        }
        Ok(Self { teller, step, parts: told })
    }
}

impl Teller {
    fn read(name: &str, life: &str) -> Option<Self> {
        let fits = |word: &str| (1..=MAX_NAME).contains(&word.len()) && !word.contains(char::is_control);
        (fits(name) && fits(life)).then(|| Self { name: name.to_owned(), life: life.to_owned() })
    }
}

impl Part {
    fn read(word: &str) -> Option<Self> {
        let words: Vec<&str> = word.split(' ').collect();
        let (ip, is_held, is_all) = match *words {
            [ip, HELD, ALL] => (ip, true, true),
            [ip, HELD, MORE] => (ip, true, false),
            [ip, FREE, ALL] => (ip, false, true),
            [ip, FREE, MORE] => (ip, false, false),
            _ => return None,
        };
        Some(Self { ip: ip.parse().ok()?, is_held, is_all, changes: Vec::new() })
    }
}

impl Change {
    fn read(ip: IpAddr, word: &str) -> Option<Self> {
        let is_there = word.starts_with('+');
        let (port, client) = word.strip_prefix(['+', '-'])?.split_once(' ')?;
        let client: SocketAddr = client.parse().ok()?;
        let at = SocketAddr::new(ip, port.parse().ok()?);
        (client.is_ipv4() == at.is_ipv4()).then_some(Self { is_there, connection: Connection { at, client } })
    }
}

impl Welcome {
    pub(super) fn to_value(&self) -> Value {
        let words = [self.teller.name.clone(), self.teller.life.clone()];
        let words = words.into_iter().chain(self.cares_for.iter().map(IpAddr::to_string));
        Value::Array(words.map(Value::bulk).collect())
    }

    pub(super) fn read(value: &Value) -> Option<Self> {
        let words: Vec<&str> = value.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?;
        let [name, life, ips @ ..] = words.as_slice() else { return None };
        let cares_for = ips.iter().map(|ip| ip.parse().ok()).collect::<Option<_>>()?;
        Some(Self { teller: Teller::read(name, life)?, cares_for })
    }
}

/// The command's name.
pub(crate) const COMMAND: &str = "STANDFAST";
const SUBCOMMAND: &str = "CLIENTS";
/// Of these words. Who speaks another one is not told anything.
const VERSION: &str = "1";
const HELD: &str = "held";
const FREE: &str = "free";
const ALL: &str = "all";
const MORE: &str = "more";
/// The error that asks to begin anew.
pub(super) const RESEND: &str = "RESEND";
/// The error of one that does not know our host for a partner's.
pub(super) const STRANGER: &str = "STRANGER";
/// Bytes of a name; host names have 253 at most.
const MAX_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use resp::Limits;

    use super::*;

    fn words(text: &str) -> Vec<Vec<u8>> {
        text.split('|').map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn what_is_said_is_understood() {
        let connection =
            |at: &str, client: &str| Connection { at: at.parse().unwrap(), client: client.parse().unwrap() };
        let four = connection("192.0.2.7:6379", "192.0.2.9:4711");
        let six = connection("[2001:db8::7]:6379", "[2001:db8::9]:4711");
        let part = |connection: Connection, is_held, is_all, there: &[bool]| Part {
            ip: connection.at.ip(),
            is_held,
            is_all,
            changes: there.iter().map(|is_there| Change { is_there: *is_there, connection }).collect(),
        };
        for parts in [
            vec![],
            vec![part(four, true, true, &[true, false])],
            vec![part(six, false, false, &[]), part(four, false, true, &[true])],
        ] {
            let teller = Teller { name: "a".to_owned(), life: "7f".to_owned() };
            let message = Message { teller, step: 3, parts };
            let mut bytes = Vec::new();
            message.write(&mut bytes);
            let (words, len) = resp::value::decode_request(&bytes, &Limits::REQUESTS).unwrap().unwrap();
            assert_eq!(len, bytes.len());
            assert_eq!(Message::read(&words), Ok(message));
        }
        let teller = Teller { name: "a".to_owned(), life: "7f".to_owned() };
        let welcome = Welcome { teller, cares_for: vec![four.at.ip(), six.at.ip()] };
        assert_eq!(Welcome::read(&welcome.to_value()), Some(welcome));
    }

    #[test]
    fn no_words_are_too_odd() {
        let mut rng = machine::Rng::new(7);
        let valid = words(
            "standfast|clients|1|a|7f|3|@192.0.2.7 held all|+6379 192.0.2.9:4711|@2001:db8::7 free more|-1 [::1]:2",
        );
        for _ in 0..20_000 {
            let mut odd = valid.clone();
            for _ in 0..=rng.below(3) {
                let at = usize::try_from(rng.below(odd.len() as u64)).unwrap();
                match rng.below(4) {
                    0 => drop(odd.remove(at)),
                    1 => odd[at].truncate(usize::try_from(rng.below(8)).unwrap()),
                    2 => odd.swap(0, at),
                    _ => odd[at].push(u8::try_from(rng.below(256)).unwrap()),
                }
                if odd.is_empty() {
                    break;
                }
            }
            // What is understood is said in the same words.
            if let Ok(message) = Message::read(&odd) {
                let mut bytes = Vec::new();
                message.write(&mut bytes);
                let (again, _) = resp::value::decode_request(&bytes, &Limits::REQUESTS).unwrap().unwrap();
                assert_eq!(Message::read(&again), Ok(message));
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let head = "standfast|clients|1|a|7f";
        assert!(Message::read(&words(&format!("{head}|0"))).is_ok());
        for wrong in [
            "standfast|clients|1|a|7f".to_owned(),
            "standfast|clients|2|a|7f|0".to_owned(),
            "standfast|servers|1|a|7f|0".to_owned(),
            "standfast|clients|1||7f|0".to_owned(),
            format!("standfast|clients|1|{}|7f|0", "a".repeat(256)),
            format!("{head}|-1"),
            format!("{head}|1|+6379 192.0.2.9:4711"),
            format!("{head}|1|@192.0.2.7"),
            format!("{head}|1|@192.0.2.7 held"),
            format!("{head}|1|@192.0.2.7 held all of it"),
            format!("{head}|1|@x held all"),
            format!("{head}|1|@192.0.2.7 held all|6379 192.0.2.9:4711"),
            format!("{head}|1|@192.0.2.7 held all|+66000 192.0.2.9:4711"),
            format!("{head}|1|@192.0.2.7 held all|+6379 [2001:db8::9]:4711"),
            format!("{head}|1|@192.0.2.7 held all|+6379"),
        ] {
            assert!(Message::read(&words(&wrong)).is_err(), "{wrong}");
        }
        assert!(Message::read(&[b"standfast".to_vec(), vec![0xff]]).is_err());
        assert_eq!(Welcome::read(&Value::Array(vec![Value::bulk("a"), Value::bulk("b"), Value::bulk("c")])), None);
    }
}
